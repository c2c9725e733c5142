// latepy/core/detail/cold.hpp: operations on objects, out of line and without templates, for code that runs rarely.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// The public members do the same, but inline: a call of one of them compiles to ten times as much code. All functions
// need the GIL and throw what Python raises.

/// A new reference from CPython as an Object; null means that an error is set, which is thrown.
LATEPY_COLD inline Object take_result(PyObject* object) { return steal_or_throw(object); }
/// Throws the error that is set where the result is -1.
LATEPY_COLD inline void expect_success(int result) { check_result(result); }

/// Imports a module that is always there.
LATEPY_COLD inline Object known_module(const char* name) { return take_result(api().Import_ImportModule(name)); }
LATEPY_COLD inline Object get_attribute(const Ref& object, const char* name) {
  return take_result(api().Object_GetAttrString(object.checked(), name));
}
LATEPY_COLD inline void set_attribute(const Ref& object, std::string_view name, const Ref& value) {
  expect_success(api().Object_SetAttr(object.checked(), AttrName(name).ptr(), value.checked()));
}
LATEPY_COLD inline Object get_item(const Ref& object, std::string_view key) {
  return take_result(api().Object_GetItem(object.checked(), AttrName(key).ptr()));
}
LATEPY_COLD inline void set_item(const Ref& object, std::string_view key, const Ref& value) {
  expect_success(api().Object_SetItem(object.checked(), AttrName(key).ptr(), value.checked()));
}
/// Calls with at most six positional arguments.
LATEPY_COLD inline Object call_plain(const Ref& callable, std::initializer_list<Ref> arguments = {}) {
  PyObject* array[6] = {};
  PyObject** end = array;
  for (const Ref& argument : arguments) *end++ = argument.checked();
  return take_result(api().Object_VectorcallDict(callable.checked(), array, arguments.size(), nullptr));
}
/// Calls a method with at most six positional arguments.
LATEPY_COLD inline Object call_attribute(const Ref& object, const char* name,
                                         std::initializer_list<Ref> arguments = {}) {
  return call_plain(get_attribute(object, name), arguments);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
