// latepy/stl/optional.hpp: converts std::optional to its value or None, and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/missing.hpp>
#include <latepy/stl/detail/name.hpp>

#include <optional>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char optional_name[] = "std::optional";
template <class T>
inline constexpr bool borrows<std::optional<T>> = borrows<T>;
}  // namespace detail

/// To Python: empty is None. From Python: None is empty, and so is what stands for a missing value in numpy and pandas:
/// pandas.NA, NaT and numpy.ma.masked. Otherwise the value is converted.
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
    if (is_empty(object.checked())) return std::nullopt;
    return std::optional<T>(latepy::from_py<T>(object));
  }
  static bool try_from_py(Ref object, std::optional<std::optional<T>>& result) {
    result.emplace();
    if (is_empty(object.ptr()) || detail::try_convert<T>(object, *result)) return true;
    result.reset();
    return false;
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return is_empty(object) ? detail::Fit::own : detail::fit_of<T>(object);
  }

 private:
  static bool is_empty(PyObject* object) noexcept {
    return object == detail::api().NoneStruct || (!std::is_same_v<T, Object> && detail::is_missing(object));
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
