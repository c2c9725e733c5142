// latepy/run/detail/start/start.hpp: how a Config reaches each CPython, and what is settled once it runs.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/start/by_version.hpp>
#include <latepy/run/detail/start/host_state.hpp>
#include <latepy/run/detail/start/settle_source.hpp>
#include <latepy/run/detail/streams/missing_streams_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The standard library must be there before the start: without it CPython fails with "No module named 'encodings'",
/// and a failed start cannot be repeated.
/// \throws StartError with every path tried.
LATEPY_COLD inline void check_home(const Candidate& candidate, const Version& version) {
  PythonName name;
  name.version = version;
  name.free_threaded = candidate.free_threaded;
  Arena arena;
  Text tried;
  if (has_path_file(candidate) || has_stdlib(arena, candidate.home, name, &tried)) return;
  throw_error<StartError>({"cannot start Python ", version.to_string(), ": no standard library in its home \"",
                           candidate.home, "\":", tried,
                           "\nInstall it there, or name another Python by Config::python or Config::home."});
}

/// The error indicator as text; clears it. Not take_python_error(): no Object can hold it before the life begins.
LATEPY_COLD inline std::string take_error_text(const Api& api) {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  api.Err_Fetch(&type, &value, &traceback);
  api.Err_NormalizeException(&type, &value, &traceback);
  PyObject* text = value ? api.Object_Repr(value) : nullptr;
  const char* utf8 = text ? api.Unicode_AsUTF8AndSize(text, nullptr) : nullptr;
  std::string result = utf8 ? utf8 : "an error without text";
  api.Err_Clear();
  for (PyObject* object : {type, value, traceback, text})
    if (object) api.DecRef(object);
  return result;
}

/// An owned reference, or null, before the life begins.
class StartRef {
 public:
  explicit StartRef(const Api& api, PyObject* object) noexcept : api_(api), object_(object) {}
  StartRef(const StartRef&) = delete;
  LATEPY_COLD ~StartRef() {
    if (object_) api_.DecRef(object_);
  }
  PyObject* get() const noexcept { return object_; }

 private:
  const Api& api_;
  PyObject* object_;
};

LATEPY_COLD inline PyObject* decode_text(const Api& api, const char* utf8) noexcept {
  return api.Unicode_DecodeUTF8(utf8, static_cast<ssize>(std::strlen(utf8)), "surrogateescape");
}
/// Sets a global to the value, whose reference it takes over, unless the value is null. \returns whether it did.
LATEPY_COLD inline bool set_global(const Api& api, PyObject* globals, const char* name, PyObject* value) noexcept {
  const StartRef owned(api, value);
  return value && api.Dict_SetItemString(globals, name, value) == 0;
}
/// Runs a source of ours. \returns whether it did; else the error is set.
LATEPY_COLD inline bool run_source(const Api& api, PyObject* globals, const char* source) noexcept {
  CompilerFlags flags{source_is_utf8, 9};
  const StartRef code(api, api.CompileStringExFlags(source, "<latepy>", file_input, &flags, -1));
  const StartRef result(api, code.get() ? api.Eval_EvalCode(code.get(), globals, globals) : nullptr);
  return result.get() != nullptr;
}

/// Runs settle_source, and missing_streams_source where it is needed. \returns whether it did; else the error is set.
LATEPY_COLD inline bool settle(const Api& api, const Config& config, Settings& settings) {
  const StartRef globals(api, api.Dict_New()), paths(api, api.List_New(0));
  if (!globals.get() || !paths.get()) return false;
  for (const Path& path : config.paths) {
    const StartRef text(api, decode_text(api, path.c_str()));
    if (!text.get() || api.List_Append(paths.get(), text.get()) != 0) return false;
  }
  if (api.Dict_SetItemString(globals.get(), "__builtins__", api.Eval_GetBuiltins()) != 0 ||
      api.Dict_SetItemString(globals.get(), "paths", paths.get()) != 0 ||
      !set_global(api, globals.get(), "signal_handlers", api.Long_FromLongLong(config.signal_handlers)))
    return false;
  for (const char* name : {"executable", "base_executable"})
    if (!set_global(api, globals.get(), name, decode_text(api, settings.value_of(name)))) return false;
  if (!run_source(api, globals.get(), settle_source)) return false;
  for (const char* name : {"stdin", "stdout", "stderr"})
    if (api.Sys_GetObject(name) == api.NoneStruct && !run_source(api, globals.get(), missing_streams_source))
      return false;
  return true;
}

/// For tests: the ways that come later can be forced.
enum class StartWay { best, config, flags };

/// Starts CPython on the calling thread, which holds the GIL afterwards. The caller has loaded the candidate's library
/// and filled the table, and makes sure that no Python runs in the process. `again`: one ran before.
/// Costs about 10 ms with the imports of `site`. What the program owns is as before (HostState); a second HostState,
/// made before this, restores it after the stop.
/// \throws StartError with CPython's own reason and what was set. Errors found before anything was touched may be
/// repaired and tried again; after CPython itself refused, every later start throws with the first reason.
LATEPY_COLD inline void start(const Api& api, const Config& config, const Candidate& candidate, const Version& version,
                              bool again, StartWay way = StartWay::best) {
  if (failed_start)
    throw_error<StartError>(
        {"Python cannot be started in this process any more, because an earlier start failed and CPython "
         "cannot repeat one. The first reason: ",
         *failed_start});
  check_home(candidate, version);
  Settings settings(config, candidate, version);
  for (const Path& path : config.paths)
    if (path.string().find('\0') != std::string::npos)
      throw_error<StartError>({"cannot start Python: Config::paths holds a NUL byte: ", path.c_str(), "\\0..."});
  Start start{api, settings, concat({"CPython ", version.to_string(), " (", candidate.library, ")"})};
  const HostState host;
  struct Restore {
    const HostState& host;
    bool with_signals;
    ~Restore() { host.restore(with_signals); }
  } restore{host, !config.signal_handlers};

  // Left over from the life before, this makes 3.14 lose the extension modules of a virtual environment.
  if (again && api.SetPath) api.SetPath(nullptr);
  if (way == StartWay::best && api.InitConfig_Create) {
    start_by_init_config(start);
  } else {
    const ConfigRow row = way == StartWay::flags ? ConfigRow{} : find_row(api, version);
    if (row.column >= 0)
      start_by_config(start, row);
    else
      start_by_flags(start);
  }
  if (!settle(api, config, settings)) {
    const std::string error = take_error_text(api);
    api.FinalizeEx();
    start.fail({error});
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
