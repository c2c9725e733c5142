// latepy/stl/detail/field_value.hpp: the fields of a LATEPY_STRUCT() that are C arrays: lists, and text of chars.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/array.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The value of a field `char name[N]`: the text up to the first NUL.
template <std::size_t N>
struct FieldText {
  char chars[N];
};

/// A field of type M on its way to Python and back. For all types but C arrays: M itself.
template <class M>
struct FieldValue {
  using Type = M;
  template <class U>
  static U&& read(U&& field) noexcept {
    return static_cast<U&&>(field);
  }
  static void write(M& field, M&& value) { field = std::move(value); }
};
template <class E, std::size_t N>
struct FieldValue<E[N]> {
  using Type = std::array<typename FieldValue<E>::Type, N>;
  static Type read(const E (&field)[N]) {
    Type value{};
    for (std::size_t i = 0; i < N; ++i) value[i] = FieldValue<E>::read(field[i]);
    return value;
  }
  static_assert(converts_from<std::array<int, 1>>, "a C array converts as a std::array does");
  static void write(E (&field)[N], Type&& value) {
    for (std::size_t i = 0; i < N; ++i) FieldValue<E>::write(field[i], std::move(value[i]));
  }
};
template <std::size_t N>
struct FieldValue<char[N]> {
  using Type = FieldText<N>;
  static Type read(const char (&field)[N]) noexcept {
    Type value;
    std::memcpy(value.chars, field, N);
    return value;
  }
  static void write(char (&field)[N], Type&& value) noexcept { std::memcpy(field, value.chars, N); }
};

}  // namespace detail

/// A str, up to the first NUL. From Python: a str or bytes of at most N bytes; the rest is filled with NUL.
template <std::size_t N>
struct Converter<detail::FieldText<N>> : detail::ConverterBase<detail::FieldText<N>, Converter<detail::FieldText<N>>> {
  using Text = detail::FieldText<N>;
  static constexpr const char* name = "char[]";
  static std::string python_type() { return "str"; }
  static Object to_py(const Text& text) {
    const void* const end = std::memchr(text.chars, 0, N);
    const std::size_t size = end ? static_cast<std::size_t>(static_cast<const char*>(end) - text.chars) : N;
    return detail::decode(text.chars, size, nullptr);
  }
  static bool load(PyObject* object, Text& text) noexcept {
    std::string_view view;
    if (!detail::load_utf8(object, view) && !detail::load_bytes(object, view)) return false;
    if (view.size() > N) return false;
    std::memset(text.chars, 0, N);
    std::memcpy(text.chars, view.data(), view.size());
    return true;
  }
  static const char* why(PyObject*) noexcept { return "it is no str or bytes that fits into the char array"; }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::has_flag(object, detail::type_is_str) ? detail::Fit::own : detail::Fit::other;
  }
};

}  // namespace v1
}  // namespace latepy
