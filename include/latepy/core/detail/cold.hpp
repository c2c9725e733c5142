// latepy/core/detail/cold.hpp: operations on objects, out of line and without templates, for code that runs rarely.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// The public members do the same, but inline: a call of one of them compiles to ten times as much code. All functions
// need the GIL and throw what Python raises.

/// As Object, with its destructor out of line.
class ColdObject : public Object {
 public:
  ColdObject() = default;
  ColdObject(Object&& other) noexcept : Object(std::move(other)) {}
  ColdObject(ColdObject&&) = default;
  ColdObject& operator=(ColdObject&&) = default;
  LATEPY_COLD ~ColdObject() {}
};

/// A new reference from CPython as an Object; null means that an error is set, which is thrown.
LATEPY_COLD inline ColdObject take_result(PyObject* object) { return steal_or_throw(object); }
/// Throws the error that is set where the result is -1.
LATEPY_COLD inline void expect_success(int result) { check_result(result); }

/// A new str, int or tuple.
LATEPY_COLD inline ColdObject make_str(std::string_view text) { return to_py(text); }
/// A new str for the name of a file, as os.fsdecode() makes it: bytes that cannot be decoded become lone surrogates.
LATEPY_COLD inline ColdObject make_path(std::string_view name) {
  check_running();
  return take_result(api().Unicode_DecodeFSDefaultAndSize(name.data(), static_cast<ssize>(name.size())));
}
LATEPY_COLD inline ColdObject make_int(long long number) { return take_result(api().Long_FromLongLong(number)); }
LATEPY_COLD inline ColdObject make_tuple(std::initializer_list<Ref> items) {
  ColdObject made = take_result(api().Tuple_New(static_cast<ssize>(items.size())));
  ssize at = 0;
  for (const Ref& item : items) {
    api().IncRef(item.checked());
    expect_success(api().Tuple_SetItem(made.ptr(), at++, item.ptr()));
  }
  return made;
}

/// Imports a module that is always there.
LATEPY_COLD inline ColdObject known_module(const char* name) { return take_result(api().Import_ImportModule(name)); }
LATEPY_COLD inline ColdObject get_attribute(const Ref& object, const char* name) {
  return take_result(api().Object_GetAttrString(object.checked(), name));
}
/// The attribute; empty if there is none. What its code raises, but for an AttributeError, is thrown.
LATEPY_COLD inline ColdObject optional_attribute(const Ref& object, const StringArg& name) {
  PyObject* value = nullptr;
  expect_success(api().Object_GetOptionalAttr(object.checked(), AttrName(name).ptr(), &value));
  return ColdObject(Object::steal(value));
}
/// The same for an attribute that tells what the object is. Only what the class itself has is read like that: a
/// `__getattr__` that raises for each name tells nothing.
LATEPY_COLD inline ColdObject telling_attribute(const Ref& object, const StringArg& name) {
  const ColdRef of_class(find_attribute(as_object(type_of(object.checked())), name));
  return of_class.get() ? optional_attribute(object, name) : ColdObject(attribute_or_empty(object.ptr(), name));
}
/// Whether it is a slice, by its type: other objects may have the same attributes.
LATEPY_COLD inline bool is_slice(PyObject* object) { return type_of(object) == type_of(slice(nullptr, nullptr).ptr()); }
LATEPY_COLD inline void set_attribute(const Ref& object, std::string_view name, const Ref& value) {
  expect_success(api().Object_SetAttr(object.checked(), AttrName(name).ptr(), value.checked()));
}
LATEPY_COLD inline ColdObject get_item(const Ref& object, std::string_view key) {
  return take_result(api().Object_GetItem(object.checked(), AttrName(key).ptr()));
}
LATEPY_COLD inline void set_item(const Ref& object, std::string_view key, const Ref& value) {
  expect_success(api().Object_SetItem(object.checked(), AttrName(key).ptr(), value.checked()));
}
/// Calls with at most six positional arguments. Returns a new reference; null with Python's error set if it fails.
LATEPY_COLD inline PyObject* try_call_plain(const Ref& callable, std::initializer_list<Ref> arguments = {}) {
  PyObject* array[6] = {};
  PyObject** end = array;
  for (const Ref& argument : arguments) *end++ = argument.checked();
  return api().Object_VectorcallDict(callable.checked(), array, arguments.size(), nullptr);
}
/// The same, but throws the error.
LATEPY_COLD inline ColdObject call_plain(const Ref& callable, std::initializer_list<Ref> arguments = {}) {
  return take_result(try_call_plain(callable, arguments));
}
/// Calls a method with at most six positional arguments.
LATEPY_COLD inline ColdObject call_attribute(const Ref& object, const char* name,
                                             std::initializer_list<Ref> arguments = {}) {
  return call_plain(get_attribute(object, name), arguments);
}

/// Calls `call` and ignores what it throws, for destructors and the stop: scripts may have changed all that it uses.
/// \returns whether it threw nothing.
template <class F>
bool attempt(F&& call) noexcept {
  try {
    call();
    return true;
  } catch (...) {  // any type: a C++ exception of a host function comes back as it was thrown
    return false;
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
