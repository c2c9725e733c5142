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

/// Runs settle_source, and missing_streams_source where it is needed. \returns what went wrong, or nothing.
LATEPY_COLD inline std::string settle(const Api& api, const Config& config, Settings& settings) {
  struct Owned {
    const Api& api;
    PyObject* object;
    ~Owned() {
      if (object) api.DecRef(object);
    }
    operator PyObject*() const { return object; }
  };
  const auto text = [&](const std::string& utf8) {
    return api.Unicode_DecodeUTF8(utf8.data(), static_cast<ssize>(utf8.size()), "surrogateescape");
  };
  Owned globals{api, api.Dict_New()}, paths{api, api.List_New(0)};
  if (!globals || !paths) return take_error_text(api);
  const auto set_global = [&](const char* name, PyObject* value) {
    Owned owned{api, value};
    return value && api.Dict_SetItemString(globals, name, value) == 0;
  };
  for (const Path& path : config.paths) {
    Owned item{api, text(path.string())};
    if (!item || api.List_Append(paths, item) != 0) return take_error_text(api);
  }
  PyObject* builtins = api.Eval_GetBuiltins();
  if (api.Dict_SetItemString(globals, "__builtins__", builtins) != 0 ||
      api.Dict_SetItemString(globals, "paths", paths) != 0 ||
      !set_global("executable", text(value_of(settings, "executable"))) ||
      !set_global("base_executable", text(value_of(settings, "base_executable"))) ||
      !set_global("signal_handlers", api.Long_FromLongLong(config.signal_handlers)))
    return take_error_text(api);
  const auto run = [&](const char* source) {
    CompilerFlags flags{source_is_utf8, 9};
    Owned code{api, api.CompileStringExFlags(source, "<latepy>", file_input, &flags, -1)};
    Owned result{api, code ? api.Eval_EvalCode(code, globals, globals) : nullptr};
    return result ? std::string() : take_error_text(api);
  };
  std::string error = run(settle_source);
  for (const char* name : {"stdin", "stdout", "stderr"})
    if (error.empty() && api.Sys_GetObject(name) == api.NoneStruct) error = run(missing_streams_source);
  return error;
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
  Settings settings = settings_of(config, candidate, version);
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
  if (const std::string error = settle(api, config, settings); !error.empty()) {
    api.FinalizeEx();
    start.fail({error});
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
