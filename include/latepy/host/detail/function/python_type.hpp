// latepy/host/detail/function/python_type.hpp: python_type(), the annotation of a C++ type in signatures and stubs.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/borrowed.hpp>

namespace latepy {
inline namespace v1 {

class Args;
class Kwargs;

namespace detail {

/// Whether the Converter has python_type(), without or with a direction.
template <class T, class = void>
inline constexpr bool has_python_type = false;
template <class T>
inline constexpr bool has_python_type<T, std::void_t<decltype(Converter<T>::python_type())>> = true;
template <class T, class = void>
inline constexpr bool has_python_type_by_direction = false;
template <class T>
inline constexpr bool has_python_type_by_direction<T, std::void_t<decltype(Converter<T>::python_type(Direction()))>> =
    true;
/// Whether T is a string type.
template <class T>
inline constexpr bool is_text = false;
template <class C, class Traits, class A>
inline constexpr bool is_text<std::basic_string<C, Traits, A>> = true;
template <class C, class Traits>
inline constexpr bool is_text<std::basic_string_view<C, Traits>> = true;
template <class T>
inline constexpr bool is_text<T*> = is_character<std::remove_const_t<T>>;

/// The class that a smart pointer, pointer or Borrowed points to, and whether it can be null.
template <class T>
struct Pointee {
  using type = T;
  static constexpr bool is_optional = false;
};
template <class T>
struct Pointee<T*> {
  using type = std::remove_const_t<T>;
  static constexpr bool is_optional = true;
};
template <class T>
struct Pointee<std::shared_ptr<T>> : Pointee<T*> {};
template <class T>
struct Pointee<std::unique_ptr<T>> : Pointee<T*> {};
template <class T>
struct Pointee<Borrowed<T>> : Pointee<T> {};

/// The full name of a Python class, in typing.Optional if `is_optional`; `unknown` if there is no class.
std::string class_name(const ClassRecord* record, const char* unknown, bool is_optional);
/// The annotation of a type: "int", "list[str]", "host.Entity". CPython 3.9 can evaluate it, if the modules in it are
/// imported. The Converter of a program can define it: `static std::string python_type()`. Needs the GIL.
template <class T>
LATEPY_COLD std::string python_type(Direction direction) {
  static_cast<void>(direction);
  using P = plain<T>;
  using Bound = typename Pointee<P>::type;
  if constexpr (is_container_reference<T>)
    if (const ClassRecord* const record = class_of<P>()) return class_name(record, "", false);
  if constexpr (std::is_void_v<P> || std::is_same_v<P, std::nullptr_t>) {
    return "None";
  } else if constexpr (std::is_same_v<P, bool>) {
    return "bool";
  } else if constexpr (is_integer<P>) {
    return "int";
  } else if constexpr (std::is_floating_point_v<P>) {
    return "float";
  } else if constexpr (is_text<P> || is_character<P>) {
    return "str";
  } else if constexpr (std::is_same_v<P, Bytes>) {
    return "bytes";
  } else if constexpr (has_python_type_by_direction<P>) {
    return Converter<P>::python_type(direction);
  } else if constexpr (has_python_type<P>) {
    return Converter<P>::python_type();
  } else if constexpr (std::is_enum_v<P> || is_bound<Bound>) {
    return class_name(class_of<Bound>(), std::is_enum_v<P> ? "int" : "typing.Any", Pointee<P>::is_optional);
  } else {
    return "typing.Any";
  }
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD std::string class_name(const ClassRecord* record, const char* unknown, bool is_optional) {
  if (!record) return unknown;
  const std::string module = text_of(attribute_or_empty(record->type, "__module__").ptr());
  const bool is_plain = module.empty() || module == "builtins";
  return concat({is_optional ? "typing.Optional[" : "", is_plain ? "" : module.c_str(), is_plain ? "" : ".",
                 text_of(attribute_or_empty(record->type, "__qualname__").ptr()), is_optional ? "]" : ""});
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
