// latepy/core/detail/vectorcall.hpp: calls by CPython's vectorcall protocol (PEP 590).
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/interned_names.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The name of a named argument; empty for a positional one. The text is borrowed.
struct ArgName {
  const char* text = nullptr;
  InternKey key{nullptr, 0};
};

/// The vectorcall function of an object.
using VectorcallFunction = CFunction<std::remove_pointer_t<Vectorcall>>;
/// vectorcall() for any callable, as PyObject_Vectorcall does it (Include/cpython/abstract.h).
PyObject* vectorcall_any(PyObject* callable, PyObject** arguments, std::size_t count, PyObject* names);
/// Calls a callable. Needs the GIL.
/// \param arguments `count` positional arguments, then a value for each of `names`. The callee may use arguments[-1]
/// and restores it.
/// \param names a tuple of str, or null.
/// \returns a new reference, or null with the error set.
LATEPY_FORCE_INLINE PyObject* vectorcall(PyObject* callable, PyObject** arguments, std::size_t count, PyObject* names) {
  // _Py_CheckFunctionResult (Objects/call.c) finds C functions that give both a result and an error, or neither. A
  // Python function cannot do that, so it is not called here.
  const std::uint16_t place = library_state.layout.function_vectorcall;
  if (LATEPY_LIKELY(place != 0 && type_of(callable) == api().Function_Type))
    return member_at<VectorcallFunction>(callable, place)(callable, arguments, count | vectorcall_offset, names);
  return vectorcall_any(callable, arguments, count, names);
}

/// As vectorcall(), for the method `name` of arguments[0]. `count` includes arguments[0].
PyObject* vectorcall_method(PyObject* name, PyObject** arguments, std::size_t count, PyObject* names);

#if LATEPY_DEFINITIONS

LATEPY_FUNC PyObject* vectorcall_any(PyObject* callable, PyObject** arguments, std::size_t count, PyObject* names) {
  const Api& a = api();
  if (LATEPY_LIKELY(a.Object_Vectorcall != nullptr))
    return a.Object_Vectorcall(callable, arguments, count | vectorcall_offset, names);
  if (LATEPY_LIKELY(library_state.layout.vectorcall_offset != 0)) {
    PyTypeObject* const type = type_of(callable);
    if (LATEPY_LIKELY(flags_of(type) & type_has_vectorcall)) {
      const auto offset = member_at<std::size_t>(type, library_state.layout.vectorcall_offset);
      if (const VectorcallFunction function = member_at<VectorcallFunction>(callable, offset))
        return a.CheckFunctionResult(a.ThreadState_GetUnchecked(), callable,
                                     function(callable, arguments, count | vectorcall_offset, names), nullptr);
    }
  }
  if (!names) return a.Object_VectorcallDict(callable, arguments, count | vectorcall_offset, nullptr);
  const Object dict = steal_or_throw(a.Dict_New());  // 3.9 and 3.10 export only the function that takes a dict
  const ssize named = a.Tuple_Size(names);
  for (ssize i = 0; i < named; ++i)
    check_result(a.Dict_SetItem(dict.ptr(), a.Tuple_GetItem(names, i), arguments[count + static_cast<std::size_t>(i)]));
  return a.Object_VectorcallDict(callable, arguments, count | vectorcall_offset, dict.ptr());
}

LATEPY_FUNC PyObject* vectorcall_method(PyObject* name, PyObject** arguments, std::size_t count, PyObject* names) {
  const Api& a = api();
  if (LATEPY_UNLIKELY(!a.Object_GetMethod))
    return a.Object_VectorcallMethod(name, arguments, count | vectorcall_offset, names);
  PyObject* method = nullptr;
  // true: an unbound function, which takes arguments[0]. false: a bound method, or another callable attribute
  const bool takes_self = a.Object_GetMethod(arguments[0], name, &method) != 0;
  if (!method) return nullptr;
  const OwnedRef held(method);
  return takes_self ? vectorcall(method, arguments, count, names) : vectorcall(method, arguments + 1, count - 1, names);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
