// latepy/run/detail/imports.hpp: imports modules and finds their functions; reads objects of sys.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// All functions need the GIL.

/// The attribute `name` of the module sys. \throws AttributeError if a script has deleted it.
Object sys(const char* name);

/// Imports a module. Returns a new reference to the module that a dotted name names; null with Python's error set if it
/// fails.
PyObject* try_import(std::string_view name);
/// The same. \throws PythonError.
inline Object import(std::string_view name) { return steal_or_throw(try_import(name)); }
/// Whether sys.modules has a module of that name; false also if there is no memory.
LATEPY_COLD inline bool is_imported(const char* name) noexcept try {
  return api().Dict_GetItemWithError(api().Import_GetModuleDict(), make_str(name).ptr()) != nullptr;
} catch (const std::exception&) {
  return false;
}
/// Whether the object has a `__spec__`, as modules have.
inline bool is_module(const Object& object) { return object.has_attr("__spec__"); }

/// Whether the module is imported completely and has the type of usual modules, whose attributes are those of its dict.
/// If so, stores the module in InternedName::module.
bool is_ready(PyObject* module, InternedName& name);
/// A fast look-up of a function of an imported module, if both names are interned literals. Returns a new reference;
/// null without an error if it does not find it: then the caller looks it up in the usual way.
PyObject* find_function(const StringArg& module, const StringArg& function);

/// Imports a module. Returns a new reference; null without an error if there is no module of that name. \throws the
/// PythonError that the module raises.
PyObject* import_or_null(std::string_view name);

/// Imports a module and reads the attribute with a dotted name: import_path("pathlib", "Path.home"). Returns a new
/// reference; null with Python's error set if it fails.
PyObject* import_path(std::string_view module, std::string_view path);
/// The object with a dotted name. Imports modules as far as needed, then reads attributes.
Object resolve(std::string_view dotted);

/// os.path.abspath(path), a str: an absolute path without `..`.
LATEPY_COLD inline ColdObject absolute(const Path& path) {
  return call_attribute(known_module("os.path"), "abspath", {make_path(path.string())});
}

/// Whether there is a folder or file with this path, or a file above it, which may be a zip file.
bool is_importable_path(const Object& path);
/// Puts an absolute path first on sys.path, unless sys.path has it already.
void insert_path(const Object& path);
/// Those of Config::paths that are not there, separated by commas. \param inserts also puts all of them on sys.path.
std::string missing_paths(const std::vector<Path>& paths, bool inserts);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object sys(const char* name) {
  PyObject* object = api().Sys_GetObject(name);
  if (!object) throw_error<AttributeError>({"sys has no attribute ", name, ": a script has deleted it"});
  return Object::borrow(object);
}

LATEPY_FUNC PyObject* try_import(std::string_view name) {
  // CPython 3.12 would find a frozen module by the part before the NUL (_imp.find_frozen).
  if (name.find('\0') != name.npos)
    throw ModuleNotFoundError("cannot import a module whose name contains a NUL byte: " + repr(name));
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

LATEPY_FUNC LATEPY_COLD PyObject* import_path(std::string_view module, std::string_view path) {
  Object found = Object::steal(try_import(module));
  for (std::size_t at = 0; at <= path.size() && !found.is_empty();) {
    const std::size_t dot = (std::min)(path.find('.', at), path.size());
    found = Object::steal(api().Object_GetAttr(found.ptr(), AttrName(path.substr(at, dot - at)).ptr()));
    at = dot + 1;
  }
  return found.release();
}

/// Imports the module that a dotted name begins with. If there is none, the error tells of a built-in object or a
/// global with that name.
LATEPY_COLD inline Object import_first(std::string_view name) {
  try {
    return import(name);
  } catch (const PythonError& error) {
    if (!error.is("ModuleNotFoundError") || error.value().get_attr("name", nullptr) != name) throw;
    const ColdObject text = make_str(name);
    PyObject* const globals = current_interpreter().main_globals.load();
    if (globals && api().Dict_GetItemWithError(globals, text.ptr()))
      throw_error<ModuleNotFoundError>(
          {error.message(), "; __main__ has a global of that name, which [\"", name, "\"] reads"});
    if (api().Sequence_Contains(api().Eval_GetBuiltins(), text.ptr()) > 0)
      throw_error<ModuleNotFoundError>({error.message(), "; the built-in one is get(\"builtins.", name, "\")"});
    api().Err_Clear();
    throw;
  }
}

LATEPY_FUNC LATEPY_COLD Object resolve(std::string_view dotted) {
  std::size_t dot = (std::min)(dotted.find('.'), dotted.size());
  Object found = import_first(dotted.substr(0, dot));
  bool in_modules = true;  // all names so far were modules
  while (dot < dotted.size()) {
    const std::size_t next = (std::min)(dotted.find('.', dot + 1), dotted.size());
    const AttrName name(dotted.substr(dot + 1, next - dot - 1));
    PyObject* value = nullptr;
    check_result(api().Object_GetOptionalAttr(found.ptr(), name.ptr(), &value));
    if (!value && in_modules) value = import_or_null(dotted.substr(0, next));
    if (!value) value = throw_if_null(api().Object_GetAttr(found.ptr(), name.ptr()));  // raises AttributeError
    found = Object::steal(value);
    in_modules = in_modules && is_module(found);
    dot = next;
  }
  return found;
}

LATEPY_FUNC LATEPY_COLD bool is_importable_path(const Object& path) {
  const ColdObject os_path = known_module("os.path");
  if (call_attribute(os_path, "exists", {path})) return true;
  ColdObject above = call_attribute(os_path, "dirname", {path});
  while (!call_attribute(os_path, "exists", {above})) {
    const ColdObject next = call_attribute(os_path, "dirname", {above});
    if (api().Object_Size(next.ptr()) >= api().Object_Size(above.ptr())) return false;
    above = Object(next);
  }
  return static_cast<bool>(call_attribute(os_path, "isfile", {above}));
}

LATEPY_FUNC LATEPY_COLD void insert_path(const Object& path) {
  const ColdObject entries = sys("path");
  const int is_there = api().Sequence_Contains(entries.ptr(), path.ptr());
  expect_success(is_there);
  if (is_there == 0) call_attribute(entries, "insert", {make_int(0), path});
}

LATEPY_FUNC LATEPY_COLD std::string missing_paths(const std::vector<Path>& paths, bool inserts) {
  std::string missing;
  for (std::size_t at = paths.size(); at > 0; --at) {
    const ColdObject path = absolute(paths[at - 1]);
    if (inserts) insert_path(path);
    if (!is_importable_path(path)) missing = concat({text_of(path.ptr()), missing.empty() ? "" : ", ", missing});
  }
  return missing;
}

#endif  // LATEPY_DEFINITIONS

/// The bytes of a path that is a str. Bytes that are no UTF-8 are surrogates in Python (PEP 383).
LATEPY_COLD inline std::string path_bytes(const Object& path) {
  const Object bytes = steal_or_throw(api().Unicode_EncodeFSDefault(path.ptr()));
  char* text = nullptr;
  ssize size = 0;
  check_result(api().Bytes_AsStringAndSize(bytes.ptr(), &text, &size));
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
