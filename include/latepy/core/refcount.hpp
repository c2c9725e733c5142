// latepy/core/refcount.hpp: what is read and written in an object itself: its reference count and its type.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Both need the GIL and a non-null object.
inline void incref(PyObject* object) noexcept { api().IncRef(object); }
inline void decref(PyObject* object) noexcept { api().DecRef(object); }

/// The type, borrowed: the object keeps it alive. Needs the GIL.
inline PyTypeObject* type_of(PyObject* object) noexcept {
  PyObject* type = api().Object_Type(object);
  decref(type);
  return reinterpret_cast<PyTypeObject*>(type);
}
inline PyObject* as_object(PyTypeObject* type) noexcept { return reinterpret_cast<PyObject*>(type); }
/// Whether the object is of a class with the type_is_* flag, or derived from it.
inline bool has_flag(PyObject* object, unsigned long flag) noexcept {
  return (api().Type_GetFlags(type_of(object)) & flag) != 0;
}
inline bool is_exactly(PyObject* object, const PyTypeObject* type) noexcept { return type_of(object) == type; }

}  // namespace detail
}  // namespace v1
}  // namespace latepy
