// latepy/run/detail/stop.hpp: one Python a process: loading it, meeting other users of it, and ending it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/load/detail/paths.hpp>

#include <chrono>
#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

LATEPY_COLD inline std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += concat({text.empty() ? "" : ", ", part});
  return text;
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
  InterpreterState& interpreter = current_interpreter();
  format_live_errors();
  interpreter.stopping.store(1);
  const Waiting waiting;
  while (interpreter.inside.load() > thread_record.depth && !waiting.is_over(patience)) {
  }
  // The main one ends later, by end_interpreters(): until then Python code of the program's may use its objects.
  if (interpreter.interpreter.load() != api().InterpreterState_Main()) end_interpreter(process_state(), interpreter);
  return none().release();
}

LATEPY_COLD inline void call_at_exit(MethodDef& function) {
  const Object callable = steal_or_throw(api().CFunction_NewEx(&function, nullptr, nullptr));
  call_attribute(known_module("atexit"), "register", {callable});
}
/// Called by CPython at the very end of the process's last interpreter. Every handle that still lives is harmless from
/// now on.
inline void end_interpreters() {
  ProcessState& process = process_state();
  while (InterpreterState* const each = find_interpreter(process, [](InterpreterState&) { return true; })) {
    end_interpreter(process, *each);
    drain(*each);
  }
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
    const Object thread = Object::borrow(throw_if_null(api().List_GetItem(all.ptr(), static_cast<ssize>(i))));
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
  InterpreterState& interpreter = current_interpreter();
  interpreter.stopping.store(1);
  while (const int inside = interpreter.inside.load()) {
    if (!waiting.is_over(timeout < 0 ? patience : timeout)) continue;
    interpreter.stopping.store(0);
    alive.push_back(concat(
        {decimal(inside), " C++ thread(s) inside a GilGuard or GilRelease, perhaps this one in another library"}));
    return false;
  }
  return true;
}

/// Why this process could not bear a second start; empty where CPython bears it. Needs the GIL.
LATEPY_COLD inline std::string why_no_restart() {
  const Object modules = Object::borrow(api().Import_GetModuleDict());
  if (library_state.version.minor == 12)  // static types are not cleared (python/cpython#117914)
    for (const char* name : {"_datetime", "_decimal", "_ctypes"})
      if (modules.contains(name)) return concat({"3.12 aborts after the module ", name, " was imported"});
  const std::string library = parent(text_of(attribute_or_empty(known_module("os").ptr(), "__file__").ptr()));
  for (const auto& [name, module] : items(modules)) {
    const std::string file = text_of(attribute_or_empty(module.ptr(), "__file__").ptr());
    const std::string_view suffix = std::string_view(file).substr((std::min)(file.find_last_of('.'), file.size()));
    if (suffix != ".so" && suffix != ".pyd" && suffix != ".dylib") continue;
    const bool foreign = file.compare(0, library.size(), library) != 0 || file.find("-packages") != std::string::npos;
    if (foreign && file.find("lib-dynload") == std::string::npos && file.find("DLLs") == std::string::npos)
      return concat({"the extension module ", str(name), " does not bear it"});
  }
  return {};
}

/// Py_FinalizeEx, and with it the life of every handle. Needs the GIL, on the starter's thread.
LATEPY_COLD inline bool finalize() {
  InterpreterState& interpreter = current_interpreter();
  drain(interpreter);
  const bool clean = api().FinalizeEx() == 0;
  end_interpreter(process_state(), interpreter);
  drain(interpreter);
  thread_record.state = nullptr;
  thread_record.generation = no_generation;
  return clean;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
