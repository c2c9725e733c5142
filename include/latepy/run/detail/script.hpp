// latepy/run/detail/script.hpp: loads a script, and runs it with its `__main__`, sys.argv and sys.path[0].
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>
#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/imports.hpp>
#include <latepy/run/detail/script_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A new module `__main__` as `python` makes it. It is not in sys.modules.
Object new_main();
/// Sets sys.modules["__main__"].
inline void set_main(const Object& module) {
  check_result(api().Dict_SetItemString(api().Import_GetModuleDict(), "__main__", module.ptr()));
}

/// What run_file() or run_module() is about to run.
struct Script {
  ColdObject code{};   ///< a code object; empty if it could not be loaded: then Python's error is set
  ColdObject names{};  ///< what the `__main__` gets, a dict; empty if it is not known yet
  ColdObject argv0{};  ///< sys.argv[0], a str
  ColdObject path0{};  ///< sys.path[0], a str; empty if it stays as it is
};
/// Reads and compiles a file, a folder with a `__main__.py`, a zip file with one, or a .pyc file. A source file is
/// compiled in the encoding that it declares. Needs the GIL.
Script load_file(const Path& path);
/// Finds a module, and imports the packages above it. Needs the GIL.
Script load_module(std::string_view name);

/// The script that a Scope runs. Scripts nest: a script may call the host, and the host run another script.
class RunningScript {
 public:
  /// Run a script: set sys.modules["__main__"], sys.argv and sys.path[0], and restore them afterwards. They take the
  /// GIL. \param main the `__main__` of the Scope, to restore. \param globals the namespace of the script; empty for a
  /// new one. \returns the namespace, or the exception of the script. \throws StateError if another thread runs a
  /// script.
  ///@{
  Result<Object> run_file(std::uint32_t scope, const Path& path, const std::vector<std::string>& argv,
                          const Object& main, const Ref& globals);
  Result<Object> run_module(std::uint32_t scope, std::string_view name, const std::vector<std::string>& argv,
                            const Object& main, const Ref& globals);
  ///@}

 private:
  struct Setting;
  Result<Object> run_loaded(const Script& script, const std::vector<std::string>& argv, const Object& main,
                            const Ref& globals);
  std::atomic<const void*> thread_{nullptr};  // of the script that runs: the address of its ThreadRecord
  Object main_{};                             // its `__main__`; empty if none runs
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object new_main() {
  const Object module = steal_or_throw(api().Module_NewObject(AttrName("__main__").ptr()));
  module.attr("__builtins__") = steal_or_throw(api().Import_ImportModule("builtins"));
  return module;  // __spec__, __loader__, __package__ and __doc__ are None
}

/// The first of these modules whose namespace is `globals`; null if none is.
LATEPY_COLD inline const Object* find_main_of(const Ref& globals, const Object& outer, const Object& main) {
  for (const Object* const module : {&outer, &main})
    if (!module->is_empty() && get_attribute(*module, "__dict__").same(globals)) return module;
  return nullptr;
}

/// The namespace of script_source.
LATEPY_COLD inline Object script_namespace() { return kept_namespace("script", script_source); }

/// The Script of what load_file() or load_module() of script_source returned. They may have raised an exception, or
/// returned one.
LATEPY_COLD inline Script make_script(const ColdObject& found, const ColdObject& path, ColdObject argv0) {
  if (found.is_empty()) return {};
  if (!has_flag(found.ptr(), type_is_tuple)) {
    api().Err_SetObject(as_object(type_of(found.ptr())), found.ptr());
    return {};
  }
  const auto at = [&found](ssize index) { return ColdObject(Object::borrow(api().Tuple_GetItem(found.ptr(), index))); };
  Script script{at(0), at(1), std::move(argv0), {}};
  if (at(2)) script.path0 = Object(path);
  return script;
}

LATEPY_FUNC LATEPY_COLD Script load_file(const Path& path) {
  const ColdObject file = absolute(path), is_folder = call_attribute(known_module("os.path"), "isdir", {file});
  ColdObject data = none();
  if (!is_folder) {
    // open_code() raises the audit event, and calls the hook, for opening code.
    const ColdObject opened = call_attribute(known_module("_io"), "open_code", {file});
    data = call_attribute(opened, "read");
    call_attribute(opened, "close");
    char* text = nullptr;
    ssize size = 0;
    expect_success(api().Bytes_AsStringAndSize(data.ptr(), &text, &size));
    if (std::memchr(text, '\0', static_cast<std::size_t>(size)) == nullptr) {
      CompilerFlags flags{0, library_state.version.minor};
      Script script;
      script.code = Object::steal(api().CompileStringObject(text, file.ptr(), file_input, &flags, -1));
      if (script.code.is_empty()) return script;
      script.names = call_plain(get_item(script_namespace(), "source_names"), {file});
      script.argv0 = make_path(path.string());
      script.path0 = call_attribute(known_module("os.path"), "dirname", {file});
      return script;
    }
  }
  Script script = make_script(Object::steal(try_call_plain(get_item(script_namespace(), "load_file"), {file, data})),
                              file, make_path(path.string()));
  if (!script.code.is_empty() && script.path0.is_empty())
    script.path0 = call_attribute(known_module("os.path"), "dirname", {file});
  return script;
}

LATEPY_FUNC LATEPY_COLD Script load_module(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot != name.npos && Object::steal(try_import(name.substr(0, dot))).is_empty()) return {};
  Script script =
      make_script(Object::steal(try_call_plain(get_item(script_namespace(), "load_module"), {make_str(name)})), {}, {});
  if (!script.code.is_empty()) script.argv0 = get_item(script.names, "__file__");
  return script;
}

/// Its destructor restores what the script found changed.
struct RunningScript::Setting {
  RunningScript& running;
  const Object& main;
  const void* const outer_thread;
  Object outer, argv{}, path0{};

  explicit Setting(RunningScript& script, const void* thread, const Object& first) noexcept
      : running(script), main(first), outer_thread(thread), outer(std::move(script.main_)) {}
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;
  LATEPY_COLD ~Setting() {
    running.main_ = std::move(outer);
    attempt([&] { set_main(running.main_.is_empty() ? main : running.main_); });
    attempt([&] { expect_success(api().Sys_SetObject("argv", argv.ptr())); });
    attempt([&] {
      const Object path = sys("path");
      for (std::size_t i = 0; !path0.is_empty() && i < len(path); ++i) {  // by identity: the script may have added the
        if (!Object(path[i]).same(path0)) continue;                       // same text
        path[i].del();
        break;
      }
    });
    running.thread_.store(outer_thread);
  }
};

LATEPY_FUNC LATEPY_COLD Result<Object> RunningScript::run_loaded(const Script& script,
                                                                 const std::vector<std::string>& argv,
                                                                 const Object& main, const Ref& globals) {
  if (script.code.is_empty()) return Result<Object>(take_exception());
  const void* thread = nullptr;
  if (!thread_.compare_exchange_strong(thread, &thread_record) && thread != &thread_record)
    throw_error<StateError>(
        {"cannot run a script while another thread runs one by run_file() or run_module(), because the interpreter has "
         "one __main__ and one sys.argv: wait until that call has returned"});
  Setting setting(*this, thread, main);
  setting.argv = Object::borrow(api().Sys_GetObject("argv"));
  const ColdObject arguments = take_result(api().List_New(0));
  expect_success(api().List_Append(arguments.ptr(), script.argv0.ptr()));
  for (const std::string& argument : argv)
    expect_success(api().List_Append(arguments.ptr(), make_path(argument).ptr()));

  if (globals.is_empty())
    main_ = new_main();
  else if (const Object* const known = find_main_of(globals, setting.outer, main))
    main_ = *known;
  else
    main_ = call_plain(get_item(script_namespace(), "new_main"), {globals});
  const ColdObject names = get_attribute(main_, "__dict__");
  add_builtins(names);
  call_attribute(names, "update", {script.names});
  if (!script.path0.is_empty()) {
    call_attribute(sys("path"), "insert", {make_int(0), script.path0});
    setting.path0 = script.path0;
  }
  expect_success(api().Sys_SetObject("argv", arguments.ptr()));
  set_main(main_);
  if (Object::steal(api().Eval_EvalCode(script.code.ptr(), names.ptr(), names.ptr())).is_empty())
    return Result<Object>(take_exception());
  return Object(names);
}

LATEPY_FUNC LATEPY_COLD Result<Object> RunningScript::run_file(std::uint32_t scope, const Path& path,
                                                               const std::vector<std::string>& argv, const Object& main,
                                                               const Ref& globals) {
  const Entry entry(scope, true);
  try {
    return run_loaded(load_file(path), argv, main, globals);
  } catch (const PythonError& error) {
    return error;
  }
}

LATEPY_FUNC LATEPY_COLD Result<Object> RunningScript::run_module(std::uint32_t scope, std::string_view name,
                                                                 const std::vector<std::string>& argv,
                                                                 const Object& main, const Ref& globals) {
  const Entry entry(scope, true);
  try {
    return run_loaded(load_module(name), argv, main, globals);
  } catch (const PythonError& error) {
    return error;
  }
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
