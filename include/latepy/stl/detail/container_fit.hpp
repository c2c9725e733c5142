// latepy/stl/detail/container_fit.hpp: how near a container is to an object's own type; see core/detail/fit.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/object.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// A container is as near as the farthest of its elements. An element of a type that has no fit() does not count.

/// Tells the Fit of an element.
using ElementFit = Fit (*)(PyObject* element) noexcept;
template <class T>
Fit element_fit(PyObject* element) noexcept {
  return fit_of<T>(element, Fit::own);
}
/// The types of the elements: the element at `i` is of the type `fits[i % count]`.
struct ElementFits {
  const ElementFit* fits;
  std::size_t count;
};
template <class... T>
inline constexpr ElementFit element_fits[] = {&element_fit<T>..., nullptr};

/// Fit of a sequence whose own Python type is `own`, list or tuple; of the other one it is kin. \param length the only
/// length that fits, or -1.
Fit sequence_fit(PyObject* object, const PyTypeObject* own, ssize length, ElementFits elements) noexcept;
template <class... T>
Fit sequence_fit(PyObject* object, const PyTypeObject* own, ssize length = -1) noexcept {
  return sequence_fit(object, own, length, ElementFits{element_fits<T...>, sizeof...(T)});
}
/// Fit of a set, whose own types are set and frozenset.
Fit set_fit(PyObject* object, ElementFit element) noexcept;
/// Fit of a map, whose own type is dict.
Fit dict_fit(PyObject* object, ElementFit key, ElementFit value) noexcept;

#if LATEPY_DEFINITIONS

inline Fit farther(Fit a, Fit b) noexcept { return a < b ? a : b; }

/// Fit of the elements of a copy, which they cannot change.
LATEPY_FUNC LATEPY_COLD Fit elements_fit(const Object& copy, Fit fit, ElementFits elements) noexcept {
  const ssize size = copy.is_empty() ? 0 : api().Tuple_Size(copy.ptr());
  for (ssize i = 0; i < size && fit != Fit::other; ++i)
    fit = farther(fit, elements.fits[static_cast<std::size_t>(i) % elements.count](api().Tuple_GetItem(copy.ptr(), i)));
  api().Err_Clear();  // no memory for the copy
  return fit;
}

LATEPY_FUNC LATEPY_COLD Fit sequence_fit(PyObject* object, const PyTypeObject* own, ssize length,
                                         ElementFits elements) noexcept {
  const Api& a = api();
  if (!is_exactly(object, a.List_Type) && !is_exactly(object, a.Tuple_Type)) return Fit::other;
  const Object copy = Object::steal(a.Sequence_Tuple(object));
  if (length >= 0 && (copy.is_empty() || a.Tuple_Size(copy.ptr()) != length)) return a.Err_Clear(), Fit::other;
  return elements_fit(copy, is_exactly(object, own) ? Fit::own : Fit::kin, elements);
}

LATEPY_FUNC LATEPY_COLD Fit set_fit(PyObject* object, ElementFit element) noexcept {
  const Api& a = api();
  if (!is_exactly(object, a.Set_Type) && !is_exactly(object, a.FrozenSet_Type)) return Fit::other;
  return elements_fit(Object::steal(a.Sequence_Tuple(object)), Fit::own, {&element, 1});
}

LATEPY_FUNC LATEPY_COLD Fit dict_fit(PyObject* object, ElementFit key, ElementFit value) noexcept {
  const Api& a = api();
  if (!is_exactly(object, a.Dict_Type)) return has_flag(object, type_is_dict) ? Fit::kin : Fit::other;
  const Object copy = Object::steal(a.Dict_Copy(object));
  Fit fit = Fit::own;
  PyObject *each_key = nullptr, *each_value = nullptr;
  for (ssize at = 0; !copy.is_empty() && fit != Fit::other && a.Dict_Next(copy.ptr(), &at, &each_key, &each_value);)
    fit = farther(fit, farther(key(each_key), value(each_value)));
  a.Err_Clear();
  return fit;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
