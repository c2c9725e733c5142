// latepy/run/detail/process.hpp: one Python a process: loading it, meeting other users of it, and ending it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/find/detail/version_range.hpp>
#include <latepy/find/locate.hpp>
#include <latepy/run/detail/source_file.hpp>
#include <latepy/run/startup.hpp>

#include <chrono>
#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The first of those that live; the others attached to its Python, each in another shared library.
inline std::atomic<Interpreter*> the_interpreter{nullptr};
inline std::atomic_flag interpreters_lock = ATOMIC_FLAG_INIT;
inline bool started_before = false;
inline std::string loaded_library;

LATEPY_COLD inline std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += concat({text.empty() ? "" : ", ", part});
  return text;
}

/// Which Python to take, a part of the discovery. At a second start in the process it is the loaded library's, with the
/// environment that is asked for now; where that leads to another library the loaded one remains the only candidate.
LATEPY_COLD inline const Candidate& pick(const Config& config, std::shared_ptr<const Discovery>& discovery) {
  Search search = config.search();
  if (!loaded_library.empty() && !api().IsInitialized()) {
    search.in_process = false;
    if (search.library.empty()) search.library = loaded_library;
    discovery = std::make_shared<const Discovery>(locate(search));
    for (const Candidate& candidate : discovery->candidates())
      if (candidate.verdict != Verdict::refused && candidate.library == loaded_library) return candidate;
    search = config.search();
  }
  search.all = false;
  discovery = std::make_shared<const Discovery>(locate(search));
  return choose(discovery);
}

/// Opens the candidate's library for good and fills the table. \throws LoadError with the loader's words and all that
/// could be taken instead, SymbolError.
LATEPY_COLD inline void load(const Candidate& found, const Config& config) {
  State& state = the_state;
  if (!loaded_library.empty() && state.api.IsInitialized) return;  // never a second one
  const auto fail = [&](std::string_view why) {
    Search search = config.search();
    search.in_process = found.in_process;
    const auto all = std::make_shared<const Discovery>(locate(search));
    throw LoadError(concat({why, "\n", all->to_string()}), all);
  };
  std::optional<DynLib> library;
  try {
    if (found.library.empty())
      library.emplace(DynLib::program());
    else
      library.emplace(found.library);
  } catch (const LoadError& error) {
    if (!found.in_process) fail(error.what());
    library.emplace(DynLib::program());  // Python is part of the program, which cannot be opened by its name
  }
  Api api;
  fill(api, *library, found.library.empty() ? "this program" : found.library);
  state.version = Version::parse(api.GetVersion());
  const std::string is = concat({found.library, " is Python ", state.version.to_string()});
  if (state.version.major != 3 || state.version.minor < 9) fail(concat({is, "; latepy needs CPython 3.9 or newer"}));
  if (!VersionRange(config.version).allows(state.version))  // files may not tell the micro version
    fail(concat({is, "; Config::version asks for ", config.version}));
  state.free_threaded = std::string_view(api.GetVersion()).find("free-threading") != std::string_view::npos;
  state.current_is_per_thread = state.version.minor >= 12;
  state.leaks_thread_states = state.version.minor >= 12 && api.NegativeRefcount;
  state.api = api;
  library->keep();
  loaded_library = found.library.empty() ? "the program itself" : found.library;
}

/// Fields that only a start can honour, in an Interpreter that attaches. \throws StateError naming the field.
LATEPY_COLD inline void refuse_start_fields(const Config& config) {
  const Config usual;
  const std::pair<const char*, bool> fields[] = {
      {"argv", config.argv != usual.argv},
      {"site", config.site != usual.site},
      {"use_environment", config.use_environment != usual.use_environment},
      {"user_site", config.user_site != usual.user_site},
      {"signal_handlers", config.signal_handlers != usual.signal_handlers},
      {"release_gil", config.release_gil != usual.release_gil},
      {"utf8", config.utf8 != usual.utf8},
      {"write_bytecode", config.write_bytecode != usual.write_bytecode},
      {"options", config.options != usual.options},
      {"home", !config.home.empty()},
      {"python", !config.python.empty()},
  };
  for (const auto& [name, changed] : fields)
    if (changed)
      throw_error<StateError>({"Config::", name,
                               " cannot be honoured: Python runs in this process already, and only a "
                               "start can set it"});
}

/// Holds the GIL of a Python that latepy does not know yet.
class AttachGuard {
 public:
  AttachGuard() {
    const Api& a = api();
    PyThreadState* current = a.ThreadState_GetUnchecked();
    if (current && !the_state.current_is_per_thread && current != a.GILState_GetThisThreadState()) {
      // Before 3.12 this is the process's: another thread's, unless this one holds a sub-interpreter's, which only
      // the code that entered it could know.
      current = nullptr;
    }
    if (!current) {
      PyThreadState* own = a.GILState_GetThisThreadState();
      made_ = own ? nullptr : a.ThreadState_New(a.InterpreterState_Main());
      a.Eval_RestoreThread(own ? own : made_);
      entered_ = true;
    }
    interpreter_ = a.InterpreterState_Get();
  }
  AttachGuard(const AttachGuard&) = delete;
  ~AttachGuard() {
    if (!entered_) return;
    if (made_) {
      api().ThreadState_Clear(made_);
      api().ThreadState_DeleteCurrent();
    } else {
      api().Eval_SaveThread();
    }
  }
  PyInterpreterState* interpreter() const noexcept { return interpreter_; }

 private:
  PyInterpreterState* interpreter_ = nullptr;
  PyThreadState* made_ = nullptr;
  bool entered_ = false;
};

inline constexpr char meeting_place[] = "latepy.v1.shared";

/// Where other shared libraries that use latepy find what they share with us. Needs the GIL.
LATEPY_COLD inline void publish(Shared& shared) {
  const Object capsule = own(api().Capsule_New(&shared, meeting_place, nullptr));
  PyObject* place = api().InterpreterState_GetDict(shared.interpreter);
  if (!place) throw_error<StateError>({"this Python has no interpreter dict to share state in"});
  check_result(api().Dict_SetItemString(place, meeting_place, capsule.ptr()));
}

/// Time that passes while others may have the GIL. Needs the GIL.
class Waiting {
 public:
  /// Whether `limit` ms have passed; else lets the others run for a moment.
  bool is_over(long long limit) const {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since_).count();
    if (passed >= limit) return true;
    const GilRelease others;
    std::this_thread::sleep_for(std::chrono::milliseconds(passed < 20 ? 1 : 10));
    return false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point since_ = Clock::now();
};
/// How long C++ threads that are inside a guard are waited for when nobody said, in ms.
inline constexpr long long patience = 10000;

/// Called by a Python that another embedder ends. First, while Python code still runs: no new thread enters, and those
/// inside leave, because CPython kills or hangs threads that want the GIL later.
inline PyObject* close_gate(PyObject*, PyObject*) {
  format_live_errors();
  shared().stopping.store(1);
  const Waiting waiting;
  while (shared().inside.load() > thread_record.depth && !waiting.is_over(patience)) {
  }
  return none().release();
}
LATEPY_COLD inline void call_at_exit(MethodDef& function) {
  const Object callable = own(api().CFunction_NewEx(&function, nullptr, nullptr));
  call_attribute(known_module("atexit"), "register", {callable});
}
/// Last: every handle that still lives is harmless from now on.
inline void end_life() {
  show_life(shared(), no_life);
  drain(shared());
}

/// Joins the latepy that knows this Python, or becomes the first that does. Needs the GIL.
LATEPY_COLD inline void join_or_found(PyInterpreterState* interpreter) {
  State& state = the_state;
  if (current_life() != no_life && shared().interpreter == interpreter) {
    if (state.checks.load()) begin_checks();
    return;
  }
  PyObject* place = api().InterpreterState_GetDict(interpreter);
  const Object name = own(api().Unicode_InternFromString(meeting_place));
  PyObject* capsule = place ? api().Dict_GetItemWithError(place, name.ptr()) : nullptr;
  if (capsule && api().Capsule_IsValid(capsule, meeting_place)) {
    auto* shared = static_cast<Shared*>(api().Capsule_GetPointer(capsule, meeting_place));
    if (shared->layout == Shared().layout && shared->life.load() != no_life) {
      state.shared = shared;
      if (state.checks.load()) begin_checks();
      return;
    }
  }
  begin_life(own_shared(), interpreter);
  publish(own_shared());
  static MethodDef gate{"latepy_close_gate", &close_gate, meth_noargs, nullptr};
  call_at_exit(gate);
  api().AtExit(&end_life);  // one of 32 places, freed when Python ends
}

/// Python code that may fail without consequences: what scripts did to the standard library is theirs.
template <class F>
void attempt(F&& call) {
  try {
    call();
  } catch (...) {  // of any type: a host function's exception is the C++ one again
  }
}

/// The names of the threads that Python would wait for. Needs the GIL.
LATEPY_COLD inline void list_threads(std::vector<std::string>& names) {
  const Object threading = get_item(Ref(api().Import_GetModuleDict()), "threading");
  const Object self = call_attribute(threading, "current_thread"), main = call_attribute(threading, "main_thread");
  const Object all = call_attribute(threading, "enumerate");
  for (std::size_t i = 0; i < len(all); ++i) {
    const Object thread = Object::borrow(check(api().List_GetItem(all.ptr(), static_cast<ssize>(i))));
    if (!thread.same(self) && !thread.same(main) && !get_attribute(thread, "daemon") &&
        call_attribute(thread, "is_alive"))
      names.push_back(text_of(get_attribute(thread, "name").ptr()));
  }
}
/// The same; there are none before threading is imported.
LATEPY_COLD inline std::vector<std::string> living_threads() {
  std::vector<std::string> names;
  attempt([&] { list_threads(names); });
  return names;
}

/// Waits for Python's own threads, then closes the gate and waits for C++ threads to leave. Needs the GIL and lets
/// others have it meanwhile. \param timeout in ms; negative waits for Python's threads as long as it takes, as Python
/// does (threading._shutdown, which also ends the idle workers of executors), and 10 s for C++ threads.
/// \returns false, with the gate open and the names, when the time is over before.
LATEPY_COLD inline bool wait_for_threads(long long timeout, std::vector<std::string>& alive) {
  Waiting waiting;
  if (timeout < 0) {
    attempt([] { call_attribute(get_item(Ref(api().Import_GetModuleDict()), "threading"), "_shutdown"); });
    waiting = Waiting();
  } else {
    while (!(alive = living_threads()).empty())
      if (waiting.is_over(timeout)) return false;
  }
  shared().stopping.store(1);
  while (const int inside = shared().inside.load()) {
    if (!waiting.is_over(timeout < 0 ? patience : timeout)) continue;
    shared().stopping.store(0);
    alive.push_back(concat(
        {decimal(inside), " C++ thread(s) inside a GilGuard or GilRelease, perhaps this one in another library"}));
    return false;
  }
  return true;
}

/// Why this process could not bear a second start; empty where CPython bears it. Needs the GIL.
LATEPY_COLD inline std::string why_no_restart() {
  const Object modules = Object::borrow(api().Import_GetModuleDict());
  if (the_state.version.minor == 12)  // static types are not cleared (python/cpython#117914)
    for (const char* name : {"_datetime", "_decimal", "_ctypes"})
      if (modules.contains(name)) return concat({"3.12 aborts after the module ", name, " was imported"});
  const std::string library = parent(text_of(attribute_or_empty(known_module("os").ptr(), "__file__").ptr()));
  for (const auto& [name, module] : items(modules)) {
    const std::string file = text_of(attribute_or_empty(module.ptr(), "__file__").ptr());
    const std::string_view suffix = std::string_view(file).substr(std::min(file.find_last_of('.'), file.size()));
    if (suffix != ".so" && suffix != ".pyd" && suffix != ".dylib") continue;
    const bool foreign = file.compare(0, library.size(), library) != 0 || file.find("-packages") != std::string::npos;
    if (foreign && file.find("lib-dynload") == std::string::npos && file.find("DLLs") == std::string::npos)
      return concat({"the extension module ", str(name), " does not bear it"});
  }
  return {};
}

/// Py_FinalizeEx, and with it the life of every handle. Needs the GIL, on the starter's thread.
LATEPY_COLD inline bool finalize() {
  Shared& s = shared();
  drain(s);
  const bool clean = api().FinalizeEx() == 0;
  show_life(s, no_life);
  drain(s);
  thread_record.state = nullptr;
  thread_record.life = no_life;
  return clean;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
