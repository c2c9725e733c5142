// latepy/core/detail/fit.hpp: Fit, how near a C++ type is to an object's own type; for variants and overload sets.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How near a C++ type is to the object's own type. It says nothing of the value: whether that fits, load() tells.
enum class Fit : unsigned char {
  other,  ///< a conversion to another type, or none: double for an int
  kin,    ///< a type of the same kind: int for a bool, float for a double, a base class
  own     ///< the type itself: int for an int, a bound class for its instance
};
/// Whether the Converter of T has `static Fit fit(PyObject*) noexcept`, which leaves no error set. It runs no code of
/// the object but `__buffer__`, which a class may have from Python 3.12 on. A container is as near as the farthest of
/// its elements.
template <class T, class = void>
inline constexpr bool has_fit = false;
template <class T>
inline constexpr bool has_fit<T, std::void_t<decltype(Converter<T>::fit(std::declval<PyObject*>()))>> = true;
/// How near T is to the object's own type. `unknown`: what a T without fit() is.
template <class T>
Fit fit_of([[maybe_unused]] PyObject* object, [[maybe_unused]] Fit unknown = Fit::other) noexcept {
  if constexpr (has_fit<T>)
    return Converter<T>::fit(object);
  else
    return unknown;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
