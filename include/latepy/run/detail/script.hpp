// latepy/run/detail/script.hpp: compiles a script file, and gives it its `__main__`, sys.argv and sys.path[0].
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/load/detail/paths.hpp>
#include <latepy/run/detail/imports.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// os.path.abspath(path): an absolute path without `..`.
LATEPY_COLD inline std::string absolute(const std::string& path) {
  return call_attribute(known_module("os.path"), "abspath", {make_str(path)}).as<std::string>();
}

/// A new module `__main__` as `python` makes it. It is not in sys.modules.
Object new_main();
/// Sets sys.modules["__main__"].
inline void set_main(const Object& module) {
  check_result(api().Dict_SetItemString(api().Import_GetModuleDict(), "__main__", module.ptr()));
}

/// Reads and compiles a script, in the encoding that it declares. Returns the code object. \throws as
/// Scope::run_file().
Object compile_file(const std::string& path);

/// The constructor sets sys.modules["__main__"], sys.argv and sys.path[0] for a script. The destructor restores them.
class ScriptSetting {
 public:
  /// \param module the `__main__` of the script. \param main the `__main__` to restore. \param file the script's path.
  ScriptSetting(const Object& module, const Object& main, const Object& argv, const std::string& file);
  ScriptSetting(const ScriptSetting&) = delete;
  ~ScriptSetting();

 private:
  Object main_, argv_, folder_;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object new_main() {
  const Object module = steal_or_throw(api().Module_NewObject(AttrName("__main__").ptr()));
  module.attr("__builtins__") = steal_or_throw(api().Import_ImportModule("builtins"));
  return module;  // __spec__, __loader__, __package__ and __doc__ are None
}

LATEPY_FUNC LATEPY_COLD Object compile_file(const std::string& path) {
  const Object io = steal_or_throw(api().Import_ImportModule("_io"));
  const Object file = io.attr("open_code")(path);  // raises the audit event, and calls the hook, for opening code
  const Object bytes = file.call_method("read");
  file.call_method("close");
  char* data = nullptr;
  ssize size = 0;
  check_result(api().Bytes_AsStringAndSize(bytes.ptr(), &data, &size));
  const std::string_view text(data, static_cast<std::size_t>(size));
  if (text.find('\0') != text.npos) throw SyntaxError(path + " is not Python source: it contains a NUL byte");
  CompilerFlags flags{0, library_state.version.minor};
  return steal_or_throw(api().CompileStringObject(data, to_py(path).ptr(), file_input, &flags, -1));
}

LATEPY_FUNC ScriptSetting::ScriptSetting(const Object& module, const Object& main, const Object& argv,
                                         const std::string& file)
    : main_(main), argv_(sys("argv")), folder_(to_py(parent(file))) {
  sys("path").call_method("insert", 0, folder_);
  check_result(api().Sys_SetObject("argv", argv.ptr()));
  set_main(module);
}

LATEPY_FUNC ScriptSetting::~ScriptSetting() {
  try {
    set_main(main_);
    api().Sys_SetObject("argv", argv_.ptr());
    const Object path = sys("path");
    for (std::size_t i = 0; i < len(path); ++i) {  // by identity: the script may have added the same text
      if (!Object(path[i]).same(folder_)) continue;
      path[i].del();
      break;
    }
  } catch (const Error&) {
    api().Err_Clear();  // the script deleted sys.path: there is nothing to restore
  }
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
