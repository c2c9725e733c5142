// latepy/run/detail/source_file.hpp: scripts from files, and the `__main__` they run in; part of run/scope.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/builtins.hpp>
#include <latepy/load/detail/paths.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An object of the sys module.
Object sys(const char* name);

/// The module itself, also for a dotted name; null with the error set.
PyObject* try_import(std::string_view name);
inline Object import(std::string_view name) { return own(try_import(name)); }
inline bool is_module(const Object& object) { return object.has_attr("__spec__"); }

/// Whether the import of a module is done, and its dict is all that look-ups in it ask. Such a one is kept.
bool is_ready(PyObject* module, KnownName& name);
/// A function of an imported module, both by literals, as a new reference; null where that is not enough to find it.
PyObject* find_known(const Text& module, const Text& function);

/// Imports a module; null where there is none of that name, without an error. Errors inside the module are thrown.
PyObject* import_or_null(std::string_view name);

/// os.path.abspath by Python itself: an absolute path without `..`.
LATEPY_COLD inline std::string absolute(const std::string& path) {
  const Object os_path = own(api().Import_ImportModule("os.path"));
  return os_path.attr("abspath")(path).as<std::string>();
}

/// A module `__main__` as `python` makes it, not yet in sys.modules.
Object new_main();
inline void set_main(const Object& module) {
  check_result(api().Dict_SetItemString(api().Import_GetModuleDict(), "__main__", module.ptr()));
}

/// Reads and compiles a script, by the encoding that it declares. \throws as Scope::run_file says.
Object compile_file(const std::string& path);

/// sys.modules["__main__"], sys.argv and sys.path[0] for a script, and as they were when it ends.
class ScriptSetting {
 public:
  ScriptSetting(const Object& module, const Object& main, const Object& argv, const std::string& file);
  ScriptSetting(const ScriptSetting&) = delete;
  ~ScriptSetting();

 private:
  Object main_, argv_, folder_;
};

#if LATEPY_BODIES

LATEPY_ONCE Object sys(const char* name) {
  PyObject* object = api().Sys_GetObject(name);
  if (!object) throw AttributeError(std::string("sys has lost its attribute ") + name);
  return Object::borrow(object);
}

LATEPY_ONCE PyObject* try_import(std::string_view name) {
  // Frozen modules of 3.12 are found by the part before a NUL (_imp.find_frozen).
  if (name.find('\0') != name.npos) throw ModuleNotFoundError("a module's name holds a NUL byte: " + repr(name));
  return api().Import_Import(Name(name).ptr());
}

LATEPY_ONCE LATEPY_COLD bool is_ready(PyObject* module, KnownName& name) {
  const Object usual = Object::steal(api().Import_ImportModule("sys"));
  if (usual.is_empty() || type_of(module) != type_of(usual.ptr())) return false;
  const Object initializing = attribute_or_empty(attribute_or_empty(module, "__spec__").ptr(), "_initializing");
  if (!initializing.is_empty() && initializing) return false;
  if (the_state.free_threaded) return true;
  PyObject* const before = std::exchange(name.module, Object::borrow(module).release());
  if (before) decref(before);
  return true;
}

LATEPY_ONCE PyObject* find_known(const Text& module, const Text& function) {
  KnownName* const module_name = module.known();
  const KnownName* const name = module_name ? function.known() : nullptr;
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

LATEPY_ONCE LATEPY_COLD PyObject* import_or_null(std::string_view name) {
  if (PyObject* module = try_import(name)) return module;
  const PythonError error = take_python_error();
  if (error.is("ModuleNotFoundError") && error.value().get_attr("name", nullptr) == name) return nullptr;
  error.rethrow();
}

LATEPY_ONCE LATEPY_COLD Object new_main() {
  const Object module = own(api().Module_NewObject(Name("__main__").ptr()));
  module.attr("__builtins__") = own(api().Import_ImportModule("builtins"));
  return module;  // __spec__, __loader__, __package__ and __doc__ are None
}

LATEPY_ONCE LATEPY_COLD Object compile_file(const std::string& path) {
  const Object io = own(api().Import_ImportModule("_io"));
  const Object file = io.attr("open_code")(path);  // the audit event and hook of opening code
  const Object bytes = file.call_method("read");
  file.call_method("close");
  char* data = nullptr;
  ssize size = 0;
  check_result(api().Bytes_AsStringAndSize(bytes.ptr(), &data, &size));
  const std::string_view text(data, static_cast<std::size_t>(size));
  if (text.find('\0') != text.npos) throw SyntaxError(path + " holds a NUL byte: it is no Python source");
  CompilerFlags flags{0, the_state.version.minor};
  return own(api().CompileStringObject(data, to_py(path).ptr(), file_input, &flags, -1));
}

LATEPY_ONCE ScriptSetting::ScriptSetting(const Object& module, const Object& main, const Object& argv,
                                         const std::string& file)
    : main_(main), argv_(sys("argv")), folder_(to_py(parent(file))) {
  sys("path").call_method("insert", 0, folder_);
  check_result(api().Sys_SetObject("argv", argv.ptr()));
  set_main(module);
}

LATEPY_ONCE ScriptSetting::~ScriptSetting() {
  try {
    set_main(main_);
    api().Sys_SetObject("argv", argv_.ptr());
    const Object path = sys("path");
    for (std::size_t i = 0; i < len(path); ++i) {  // this very entry: the script may have added the same text
      if (!Object(path[i]).same(folder_)) continue;
      path[i].del();
      break;
    }
  } catch (const Error&) {
    api().Err_Clear();  // the script destroyed sys.path: nothing to put back
  }
}
#endif  // LATEPY_BODIES

}  // namespace detail
}  // namespace v1
}  // namespace latepy
