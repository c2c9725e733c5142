// latepy/stl/detail/name.hpp: template_name, the C++ name of a template instance in errors: "std::vector<int>".
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/object.hpp>

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

/// Builds the text of template_name at compile time.
template <const char* Head, class... T>
struct TemplateName {
  struct Text {
    char text[std::string_view(Head).size() + (Spelled<T>::text.size() + ... + (2 * sizeof...(T))) + 3] = {};
  };
  static constexpr Text make() {
    Text name;
    std::size_t at = 0;
    const std::string_view between[] = {"", "<", ", "};
    std::size_t gap = 0;
    for (const std::string_view part : {std::string_view(Head), Spelled<T>::text...}) {
      for (const char c : between[gap]) name.text[at++] = c;
      for (const char c : part) name.text[at++] = c;
      gap = gap == 0 ? 1 : 2;
    }
    if (gap == 1) name.text[at++] = '<';
    name.text[at] = '>';
    return name;
  }
  static constexpr Text made = make();
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
