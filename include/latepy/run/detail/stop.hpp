// latepy/run/detail/stop.hpp: stops Python: waits for threads, closes the interpreters, ends every handle.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

#include <chrono>
#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Waits for something with a time limit. The thread must hold the GIL, and gives it up while it waits.
class Waiting {
 public:
  /// Returns true if `limit` ms have passed since the construction. Else waits for a moment and returns false.
  LATEPY_COLD bool is_over(long long limit) const {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since_).count();
    if (passed >= limit) return true;
    // Not a GilRelease: on a thread of Python its end waits until the stop, for which this thread waits, is over.
    PyThreadState* const state = api().Eval_SaveThread();
    std::this_thread::sleep_for(std::chrono::milliseconds(passed < 20 ? 1 : 10));
    api().Eval_RestoreThread(state);
    drain_if_any(current_interpreter());
    return false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point since_ = Clock::now();
};
/// The time, in ms, that a stop without a timeout waits for C++ threads in a GilGuard.
inline constexpr long long patience = 10000;

/// Ends the event loops of the current interpreter. Needs the GIL. \param timeout as that of a stop. \returns false if
/// one lives on.
LATEPY_COLD inline bool end_loops(long long timeout) noexcept {
  bool is_over = true;
  for (LoopOwner* each = process_state().loop_owners.load(); each; each = each->next)
    is_over = each->end_all(current_generation(), timeout < 0 ? patience : timeout) && is_over;
  return is_over;
}

/// An `atexit` function, for a Python that other code stops. No thread enters any more, and those in a guard get time
/// to leave: later CPython would end or block threads that ask for the GIL.
inline PyObject* close_gate(PyObject*, PyObject*) {
  InterpreterState& interpreter = current_interpreter();
  attempt(&format_live_errors);
  end_loops(-1);
  interpreter.stopping.store(gate_closed);
  const Waiting waiting;
  while (threads_inside(interpreter) > thread_record.depth && !waiting.is_over(patience)) {
  }
  drain_if_any(interpreter);
  return none().release();
}

/// Registers a C function with `atexit` of the current interpreter. `function` must live as long as Python. Needs the
/// GIL. \throws PythonError.
LATEPY_COLD inline void call_at_exit(MethodDef& function) {
  const ColdObject callable = take_result(api().CFunction_NewEx(&function, nullptr, nullptr));
  call_attribute(known_module("atexit"), "register", {callable});
}
/// Ends an interpreter that CPython is about to free, or has freed. Each use of its handles throws from now on.
inline void end_and_forget(InterpreterState& interpreter) noexcept {
  end_interpreter(process_state(), interpreter);
  drain(interpreter);
}

/// Called by CPython (Py_AtExit) at the end of Py_FinalizeEx.
LATEPY_COLD inline void end_interpreters() {
  ProcessState& process = process_state();
  while (InterpreterState* const each = find_interpreter(process, [](InterpreterState&) { return true; }))
    end_and_forget(*each);
}

/// Adds the names of the threads that Python waits for at its end: all that live, but the main thread, this one and
/// daemons. Needs the GIL. \throws PythonError, also if threading is not imported.
LATEPY_COLD inline void list_threads(std::vector<std::string>& names) {
  const ColdObject threading = get_item(Ref(api().Import_GetModuleDict()), "threading");
  const ColdObject self = call_attribute(threading, "current_thread"), main = call_attribute(threading, "main_thread");
  const ColdObject all = call_attribute(threading, "enumerate");
  const ssize count = check_result(api().List_Size(all.ptr()));
  for (ssize at = 0; at < count; ++at) {
    const Ref thread(api().List_GetItem(all.ptr(), at));
    if (!thread.same(self) && !thread.same(main) && !get_attribute(thread, "daemon") &&
        call_attribute(thread, "is_alive"))
      append(names, text_of(get_attribute(thread, "name").ptr()));
  }
}
/// The names from list_threads(); none if threading is not imported. Needs the GIL.
LATEPY_COLD inline std::vector<std::string> living_threads() {
  std::vector<std::string> names;
  attempt([&] { list_threads(names); });
  return names;
}

/// Ends the event loops, then waits until Python's threads have ended. Needs the GIL, which other threads may hold
/// meanwhile. \param timeout in ms, for this and for close_gate_to_guards(). Negative: waits for Python's threads
/// without a limit, as Python does (threading._shutdown, which also ends the idle workers of executors), and `patience`
/// for C++ threads. \param alive receives the names of the threads that are left. \returns false if the time was too
/// short.
LATEPY_COLD inline bool wait_for_pythons_threads(long long timeout, std::vector<std::string>& alive, Waiting& waiting) {
  if (!end_loops(timeout)) {
    append(alive, "the thread of an EventLoop: the code that it runs does not return");
    return false;
  }
  if (timeout < 0) {
    attempt([] { call_attribute(get_item(Ref(api().Import_GetModuleDict()), "threading"), "_shutdown"); });
    waiting = Waiting();
  } else {
    while (!(alive = living_threads()).empty())
      if (waiting.is_over(timeout)) return false;
  }
  return true;
}
/// Lets no thread enter any more, and waits until all C++ threads have left their guards. As above; if it returns
/// false, threads may enter again. \param own the guards that this thread is in.
LATEPY_COLD inline bool close_gate_to_guards(long long timeout, std::vector<std::string>& alive, const Waiting& waiting,
                                             int own = 0) {
  InterpreterState& interpreter = current_interpreter();
  drain_if_any(interpreter);  // frees the states of ended threads, and what they have left, while that works
  interpreter.stopping.store(1);
  for (int inside; (inside = threads_inside(interpreter) - own) > 0;) {
    if (!waiting.is_over(timeout < 0 ? patience : timeout)) continue;
    interpreter.stopping.store(0);
    append(alive,
           concat({decimal(inside),
                   " C++ thread(s) inside a GilGuard or GilRelease (one may be this thread, in another library)"}));
    return false;
  }
  return true;
}

/// Calls Py_FinalizeEx and ends the interpreter: from now on each use of a handle throws StateError. Needs the GIL, on
/// the thread that started Python. \returns false if CPython could not flush its output.
LATEPY_COLD inline bool finalize() {
  InterpreterState& interpreter = current_interpreter();
  drain(interpreter);
  const bool clean = api().FinalizeEx() == 0;
  end_and_forget(interpreter);
  thread_record.set_home(nullptr, empty_generation);
  return clean;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
