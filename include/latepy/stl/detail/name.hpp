// latepy/stl/detail/name.hpp: template_name, the C++ name of a template instance in errors: "std::vector<int>".
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/object.hpp>

#include <initializer_list>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A number among template arguments.
template <std::size_t N>
struct Number {};

/// The text of a template argument.
template <class T>
struct Spelled {
  static constexpr std::string_view text = type_name<T>();
};
template <std::size_t N>
struct Spelled<Number<N>> {
  struct Digits {
    char text[20] = {};
    std::size_t first = sizeof text;
  };
  static constexpr Digits make() {
    Digits spelled;
    std::size_t rest = N;
    do spelled.text[--spelled.first] = static_cast<char>('0' + rest % 10);
    while (rest /= 10);
    return spelled;
  }
  static constexpr Digits digits = make();
  static constexpr std::string_view text{digits.text + digits.first, sizeof digits.text - digits.first};
};

/// A text that is built at compile time.
template <std::size_t N>
struct FixedText {
  char text[N] = {};
};
/// "head<first, second>", with these brackets. N is the size of the result.
template <std::size_t N>
constexpr FixedText<N> enclose(std::string_view head, const char (&brackets)[3],
                               std::initializer_list<std::string_view> parts) {
  FixedText<N> made;
  std::size_t at = 0;
  for (const char c : head) made.text[at++] = c;
  made.text[at++] = brackets[0];
  const char* before = "";
  for (const std::string_view part : parts) {
    for (const char* c = before; *c; ++c) made.text[at++] = *c;
    for (const char c : part) made.text[at++] = c;
    before = ", ";
  }
  made.text[at] = brackets[1];
  return made;
}
/// Enough for what enclose() makes.
template <class... T>
constexpr std::size_t enclosed_size(std::string_view head) {
  return head.size() + (Spelled<T>::text.size() + ... + (2 * sizeof...(T))) + 3;
}

/// A function type. Compilers put a space before the parenthesis, or none.
template <class R, class... A>
struct Spelled<R(A...)> {
  static constexpr auto made =
      enclose<enclosed_size<A...>(Spelled<R>::text)>(Spelled<R>::text, "()", {Spelled<A>::text...});
  static constexpr std::string_view text = made.text;
};

/// Builds the text of template_name at compile time.
template <const char* Head, class... T>
struct TemplateName {
  static constexpr auto made = enclose<enclosed_size<T...>(Head)>(Head, "<>", {Spelled<T>::text...});
};

/// An annotation with the types T as its arguments: "dict[str, int]" for the head "dict".
template <class... T>
LATEPY_COLD std::string python_generic(const char* head, [[maybe_unused]] Direction direction) {
  std::string text = head;
  [[maybe_unused]] const char* before = "[";
  ((text += before + python_type<T>(direction), before = ", "), ...);
  return text + "]";
}

/// The name of a template instance: "std::map<std::string, int>" for a Head with the text "std::map".
template <const char* Head, class... T>
inline constexpr const char* template_name = TemplateName<Head, T...>::made.text;

}  // namespace detail
}  // namespace v1
}  // namespace latepy
