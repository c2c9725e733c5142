// latepy/run/detail/start/start.hpp: start(), which initialises CPython with a Config.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/checks.hpp>
#include <latepy/run/detail/restart.hpp>
#include <latepy/run/detail/start/by_version.hpp>
#include <latepy/run/detail/start/host_state.hpp>
#include <latepy/run/detail/start/settle_source.hpp>
#include <latepy/run/detail/streams/missing_streams_source.hpp>

#include <clocale>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Checks that the candidate's home has a standard library. Without one CPython would fail with "No module named
/// 'encodings'", and then no later start could succeed. \throws StartError with the paths that were tried.
LATEPY_COLD inline void check_home(const Candidate& candidate, const Version& version) {
  PythonName name;
  name.version = version;
  name.free_threaded = candidate.free_threaded;
  Arena arena;
  Text tried;
  if (has_path_file(candidate) || has_stdlib(arena, candidate.home, name, &tried)) return;
  throw_error<StartError>({"cannot start Python ", version.to_string(), ": no standard library in its home \"",
                           candidate.home, "\":", tried,
                           "\nInstall it there, or set Config::python or Config::home to another Python."});
}

/// The repr() of Python's error that is set, which is cleared. take_python_error() cannot be used here, because the
/// interpreter has no generation yet.
LATEPY_COLD inline std::string take_error_text(const Api& api) {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  api.Err_Fetch(&type, &value, &traceback);
  api.Err_NormalizeException(&type, &value, &traceback);
  PyObject* text = value ? api.Object_Repr(value) : nullptr;
  const char* utf8 = text ? api.Unicode_AsUTF8AndSize(text, nullptr) : nullptr;
  std::string result = utf8 ? utf8 : "a Python error whose repr() failed";
  api.Err_Clear();
  for (PyObject* object : {type, value, traceback, text})
    if (object) api.DecRef(object);
  return result;
}

/// Owns a reference, or null, while the interpreter has no generation yet.
class StartRef {
 public:
  explicit StartRef(const Api& api, PyObject* object) noexcept : api_(api), object_(object) {}
  StartRef(const StartRef&) = delete;
  StartRef& operator=(const StartRef&) = delete;
  LATEPY_COLD ~StartRef() {
    if (object_) api_.DecRef(object_);
  }
  PyObject* get() const noexcept { return object_; }

 private:
  const Api& api_;
  PyObject* object_;
};

/// A new str, or null with Python's error set. Invalid bytes become lone surrogates.
LATEPY_COLD inline PyObject* decode_text(const Api& api, const char* utf8) noexcept {
  return api.Unicode_DecodeUTF8(utf8, static_cast<ssize>(std::strlen(utf8)), "surrogateescape");
}
/// Sets a global to `value`, and takes over its reference. \returns false, with Python's error set, if that fails or
/// `value` is null.
LATEPY_COLD inline bool set_global(const Api& api, PyObject* globals, const char* name, PyObject* value) noexcept {
  const StartRef owned(api, value);
  return value && api.Dict_SetItemString(globals, name, value) == 0;
}
/// Runs Python code of latepy. \returns false, with Python's error set, if it fails.
LATEPY_COLD inline bool run_source(const Api& api, PyObject* globals, const char* source) noexcept {
  CompilerFlags flags{source_is_utf8, 9};
  const StartRef code(api, api.CompileStringExFlags(source, "<latepy>", file_input, &flags, -1));
  const StartRef result(api, code.get() ? api.Eval_EvalCode(code.get(), globals, globals) : nullptr);
  return result.get() != nullptr;
}

/// Runs settle_source, and missing_streams_source if a stream is None. \returns false, with Python's error set, if it
/// fails.
LATEPY_COLD inline bool settle(const Api& api, const Config& config, Settings& settings) {
  const StartRef globals(api, api.Dict_New()), paths(api, api.List_New(0));
  if (!globals.get() || !paths.get()) return false;
  for (const Path& path : config.paths) {
    const StartRef text(api, decode_text(api, path.c_str()));
    if (!text.get() || api.List_Append(paths.get(), text.get()) != 0) return false;
  }
  if (api.Dict_SetItemString(globals.get(), "__builtins__", api.Eval_GetBuiltins()) != 0 ||
      api.Dict_SetItemString(globals.get(), "paths", paths.get()) != 0 ||
      !set_global(api, globals.get(), "signal_handlers",
                  api.Long_FromLongLong(settings.is_on("install_signal_handlers"))))
    return false;
  for (const char* name : {"executable", "base_executable"}) {
    const Setting* const setting = settings.find(name);
    const bool is_there = setting->asked_for || is_file(setting->value);
    if (!set_global(api, globals.get(), name, decode_text(api, is_there ? setting->value : ""))) return false;
  }
  if (!run_source(api, globals.get(), settle_source)) return false;
  for (const char* name : {"stdin", "stdout", "stderr"})
    if (api.Sys_GetObject(name) == api.NoneStruct && !run_source(api, globals.get(), missing_streams_source))
      return false;
  return true;
}

/// A folder of packages below the prefix, as the module site knows it.
LATEPY_COLD inline Text site_packages(Arena& arena, Text prefix, const Candidate& candidate, const Version& version) {
  if (LATEPY_WINDOWS) return arena.join(prefix, "Lib/site-packages");
  return arena.concat({arena.join(prefix, "lib/python3."), arena.decimal(static_cast<unsigned>(version.minor)),
                       candidate.free_threaded ? "t" : "", "/site-packages"});
}

/// Prepares for the .pth files of site-packages. Where the module site cannot read one, the start fails, and then no
/// later start can succeed. 3.9 and 3.10 read them in UTF-8, 3.11 and 3.12 in the encoding of the locale, in UTF-8 mode
/// too; 3.13 tries both. The caller restores the locale. \throws StartError that names a file that is not UTF-8.
LATEPY_COLD inline void prepare_path_files(Settings& settings, const Candidate& candidate, const Version& version) {
  if (!settings.is_on("site_import") || !settings.is_on("utf8_mode")) return;
  Arena arena;
  const Text folder = site_packages(arena, candidate.prefix, candidate, version);
  bool is_ascii = true;
  for (const Text name : list_folder(arena, folder)) {
    if (!ends_with(name, ".pth")) continue;
    const Text path = arena.join(folder, name);
    const FileText file = read_file(arena, path);
    for (const char c : file.text) is_ascii &= static_cast<unsigned char>(c) < 0x80;
    if (file.error != 0 && file.size != 0)
      throw_error<StartError>({"cannot start Python: ", path, " ", read_fault(arena, file.error).c_str()});
    if (!is_utf8(file.text))
      throw_error<StartError>({"cannot start Python: ", path, " is not in UTF-8, so that Python ", version.to_string(),
                               " cannot read it. Mend it or remove it"});
  }
  for (const Text locale : Literals("C.UTF-8\0en_US.UTF-8\0UTF-8"))
    if (is_ascii || LATEPY_WINDOWS || std::setlocale(LC_CTYPE, locale.c_str())) break;
}

/// Checks Config::paths, and that others may not write there nor to the `others`, where Config::strict. An empty path
/// is the working directory. \param action "start", "attach to". \throws StartError.
LATEPY_COLD inline void check_paths(const Config& config, Arena& arena, const Texts& others, const char* action) {
  Texts paths(arena);
  const auto add = [&](Text path) { paths.add(absolute_path(arena, path.empty() ? "." : path)); };
  for (const Path& path : config.paths) {
    if (path.string().find('\0') != std::string::npos)
      throw_error<StartError>({"cannot ", action, " Python: Config::paths holds a NUL byte: ", path.c_str(), "\\0..."});
    add(path.c_str());
  }
  for (const Text path : others) add(path);
  const Text open = config.strict ? writable_by_others(arena, paths) : Text();
  if (!open.empty())
    throw_error<StartError>({"cannot ", action, " Python: not safe (Config::strict): others may write to ", open,
                             ", which is on sys.path"});
}

/// Checks what the Config allows. \throws StartError.
LATEPY_COLD inline void check_config(const Config& config, Settings& settings, const Candidate& candidate,
                                     const Version& version) {
  const bool use_environment = settings.is_on("use_environment"), user_site = settings.is_on("user_site_directory");
  if ((use_environment || user_site) && is_secure_process())
    throw_error<StartError>({"cannot start Python: Config::", use_environment ? "use_environment" : "user_site",
                             " is set, but this program runs with more rights than its user (set-uid), and so must "
                             "not do what the user's environment says. Leave it at false"});
  Arena arena;
  Texts paths(arena);
  const auto variable = [&](Text name) { return use_environment ? process_variable(arena, name) : Text(); };
  // As CPython splits it: spaces belong to a path, and an empty part is the working directory.
  std::string_view list = variable("PYTHONPATH");
  for (bool is_more = !list.empty(); is_more;) {
    const std::size_t end = list.find(LATEPY_WINDOWS ? ';' : ':');
    is_more = end != std::string_view::npos;
    paths.add(arena.copy(list.substr(0, end)));
    list.remove_prefix(is_more ? end + 1 : 0);
  }
  for (const Setting& setting : settings)
    if (std::strcmp(setting.name, "module_search_paths") == 0) paths.add(setting.value);
  if (user_site) {
    Text base = variable("PYTHONUSERBASE");
    if (base.empty()) base = arena.join(process_variable(arena, LATEPY_WINDOWS ? "APPDATA" : "HOME"), ".local");
    paths.add(site_packages(arena, base, candidate, version));
  }
  check_paths(config, arena, paths, "start");
}

/// Whether a Python has been started in this process.
inline bool started_before = false;
/// The way to start. `best` is the usual one; tests force the others.
enum class StartWay { best, config, flags };

/// Starts CPython on the calling thread, which holds the GIL afterwards. Takes about 10 ms with the imports of `site`.
/// Restores the program's signal handlers, locale and so on, which CPython changes; see HostState.
/// - Before: load() has filled `api`, and Py_IsInitialized() is false.
/// - `again`: a Python ran in this process before.
/// \throws StateError while other code starts or ends a Python; StartError with CPython's reason and the paths of
/// Python. If latepy found the error, the start may be tried again with another Config. If CPython's initialisation
/// failed, every later start throws with that first reason.
LATEPY_COLD inline void start(const Api& api, const Config& config, const Candidate& candidate, const Version& version,
                              bool again, StartWay way = StartWay::best) try {
  if (failed_start)
    throw_error<StartError>(
        {"cannot start Python: an earlier start failed, and CPython cannot be started in this process after that; "
         "start the program again. The earlier failure: ",
         *failed_start});
  if (api.InterpreterState_Main())
    throw_error<StateError>(
        {"cannot start Python: other code of this process is starting or ending it. Make the Interpreter when that is "
         "done"});
  check_home(candidate, version);
  Settings settings(config, candidate, version);
  check_config(config, settings, candidate, version);
  const std::string allocator = allocator_of(settings);
  check_restart(config, allocator, version);
  for (const Setting& setting : settings)
    trace({"start: ", setting.name, " = ", std::strcmp(setting.name, "argv") == 0 ? "..." : setting.value});
  Start start{api, config, settings, concat({"CPython ", version.to_string(), " (", candidate.library, ")"})};
  const HostState host;
  struct Restore {
    const HostState& host;
    bool with_signals;
    ~Restore() { host.restore(with_signals); }
  } restore{host, !settings.is_on("install_signal_handlers")};

  prepare_path_files(settings, candidate, version);
  // If the path of the earlier interpreter stays, 3.14 does not find the extension modules of a virtual environment.
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
  trace({"start: Python is initialised"});
  memory_of_starts.add(allocator, settings.is_on("tracemalloc"));
  if (!settle(api, config, settings)) {
    const std::string error = take_error_text(api);
    api.FinalizeEx();
    start.fail({error});
  }
  trace({"start: ends"});
} catch (const Error& error) {
  trace({"start: failed: ", error.what()});
  throw;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
