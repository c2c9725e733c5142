// latepy/run/detail/imports.hpp: modules found and imported, and objects of sys.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An object of the sys module.
Object sys(const char* name);

/// The module itself, also for a dotted name; null with the error set.
PyObject* try_import(std::string_view name);
inline Object import(std::string_view name) { return steal_or_throw(try_import(name)); }
inline bool is_module(const Object& object) { return object.has_attr("__spec__"); }

/// Whether the import of a module is done, and its dict is all that look-ups in it ask. Such a one is kept.
bool is_ready(PyObject* module, InternedName& name);
/// A function of an imported module, both by literals, as a new reference; null where that is not enough to find it.
PyObject* find_function(const StringArg& module, const StringArg& function);

/// Imports a module; null where there is none of that name, without an error. Errors inside the module are thrown.
PyObject* import_or_null(std::string_view name);

#if LATEPY_DEFINITIONS

LATEPY_FUNC Object sys(const char* name) {
  PyObject* object = api().Sys_GetObject(name);
  if (!object) throw AttributeError(std::string("sys has lost its attribute ") + name);
  return Object::borrow(object);
}

LATEPY_FUNC PyObject* try_import(std::string_view name) {
  // Frozen modules of 3.12 are found by the part before a NUL (_imp.find_frozen).
  if (name.find('\0') != name.npos) throw ModuleNotFoundError("a module's name holds a NUL byte: " + repr(name));
  return api().Import_Import(AttrName(name).ptr());
}

LATEPY_FUNC LATEPY_COLD bool is_ready(PyObject* module, InternedName& name) {
  const Object usual = Object::steal(api().Import_ImportModule("sys"));
  if (usual.is_empty() || type_of(module) != type_of(usual.ptr())) return false;
  const Object initializing = attribute_or_empty(attribute_or_empty(module, "__spec__").ptr(), "_initializing");
  if (!initializing.is_empty() && initializing) return false;
  if (library_state.free_threaded) return true;
  PyObject* const before = std::exchange(name.module, Object::borrow(module).release());
  if (before) decref(before);
  return true;
}

LATEPY_FUNC PyObject* find_function(const StringArg& module, const StringArg& function) {
  InternedName* const module_name = module.known();
  const InternedName* const name = module_name ? function.known() : nullptr;
  if (!name) return nullptr;
  const Api& a = api();
  PyObject* const found = a.Dict_GetItemWithError(a.Import_GetModuleDict(), module_name->str);
  if (LATEPY_UNLIKELY(!found || (found != module_name->module && !is_ready(found, *module_name)))) {
    a.Err_Clear();
    return nullptr;
  }
  PyObject* const of_module = a.Dict_GetItemWithError(a.Module_GetDict(found), name->str);
  if (of_module) incref(of_module);
  return of_module;
}

LATEPY_FUNC LATEPY_COLD PyObject* import_or_null(std::string_view name) {
  if (PyObject* module = try_import(name)) return module;
  const PythonError error = take_python_error();
  if (error.is("ModuleNotFoundError") && error.value().get_attr("name", nullptr) == name) return nullptr;
  error.rethrow();
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
