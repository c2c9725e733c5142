// latepy/stl/optional.hpp: converts std::optional to its value or None, and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/name.hpp>

#include <optional>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char optional_name[] = "std::optional";
template <class T>
inline constexpr bool borrows<std::optional<T>> = borrows<T>;
}  // namespace detail

/// Empty is None; otherwise the value is converted.
template <class T>
struct Converter<std::optional<T>> {
  static constexpr const char* name = detail::template_name<detail::optional_name, T>;
  static std::string python_type(detail::Direction direction) {
    return detail::python_generic<T>("typing.Optional", direction);
  }

  template <class U>
  static Object to_py(U&& value) {
    return value ? latepy::to_py(*std::forward<U>(value)) : detail::none();
  }
  static std::optional<T> from_py(Ref object) {
    object.checked();
    if (object.is_none()) return std::nullopt;
    return std::optional<T>(latepy::from_py<T>(object));
  }
  static bool try_from_py(Ref object, std::optional<std::optional<T>>& result) {
    result.emplace();
    if (object.is_none() || detail::try_convert<T>(object, *result)) return true;
    result.reset();
    return false;
  }
};
/// To Python only: None.
template <>
struct Converter<std::nullopt_t> {
  static std::string python_type() { return "None"; }
  static Object to_py(std::nullopt_t) { return detail::none(); }
};

}  // namespace v1
}  // namespace latepy
