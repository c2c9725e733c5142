// latepy/run/detail/attach.hpp: attaches to a Python that runs already, and to the state of other libraries.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/stop.hpp>
#include <latepy/run/detail/turn.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Checks the Config of an Interpreter that attaches. \throws StateError if a field is set that only a start can use.
LATEPY_COLD inline void refuse_start_fields(const Config& config) {
  const char* name =
      "argv\0site\0use_environment\0user_site\0signal_handlers\0release_gil\0utf8\0write_bytecode\0options\0home\0"
      "python\0memory_limit";
  const bool changed[] = {!config.argv.empty(), !config.site,           config.use_environment,
                          config.user_site,     config.signal_handlers, config.release_gil,
                          !config.utf8,         !config.write_bytecode, !config.options.empty(),
                          !config.home.empty(), !config.python.empty(), config.memory_limit != 0};
  for (const bool each : changed) {
    if (each)
      throw_error<StateError>({"Config::", name,
                               " cannot be set: Python runs in this process already, and only a start uses it. Leave "
                               "it at its default"});
    name += std::strlen(name) + 1;
  }
}

/// Holds up the end of the main interpreter while it lives, from CPython 3.15 on (PEP 788). Before, a thread that takes
/// the GIL of a Python that is just ended by other code never returns.
class EndHold {
 public:
  /// Any thread. \throws StateError if Python is ending.
  EndHold() {
    const Api& a = api();
    if (!a.InterpreterGuard_FromView) return;
    InterpreterView* const view = a.InterpreterView_FromMain();
    if (view) hold_ = a.InterpreterGuard_FromView(view);
    if (view) a.InterpreterView_Close(view);
    if (!hold_) throw_error<StateError>({"cannot attach to Python: other code of this process is ending it"});
  }
  EndHold(const EndHold&) = delete;
  EndHold& operator=(const EndHold&) = delete;
  ~EndHold() {
    if (hold_) api().InterpreterGuard_Close(hold_);
  }

 private:
  InterpreterHold* hold_ = nullptr;
};

/// Holds the GIL of a Python that latepy may not know yet, while it lives. The interpreter is the one that the thread
/// is in, or the main one.
class AttachGuard {
 public:
  /// \throws StateError if the thread is in no interpreter, and Python is ending.
  AttachGuard() {
    const Api& a = api();
    if (!attached_state()) {
      hold_.emplace();
      PyThreadState* own = a.GILState_GetThisThreadState();
      made_ = own ? nullptr : a.ThreadState_New(a.InterpreterState_Main());
      a.Eval_RestoreThread(own ? own : made_);
      entered_ = true;
    }
    interpreter_ = a.InterpreterState_Get();
  }
  AttachGuard(const AttachGuard&) = delete;
  AttachGuard& operator=(const AttachGuard&) = delete;
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
  std::optional<EndHold> hold_{};
  PyInterpreterState* interpreter_ = nullptr;
  PyThreadState* made_ = nullptr;
  bool entered_ = false;
};

/// The name of the capsule with the ProcessState, and its key in the dict of an interpreter. The number at its end is
/// that of the layout of ProcessState and of what it leads to.
inline constexpr char meeting_place[] = "latepy.v1.shared.5";

/// Puts the ProcessState into an interpreter's dict, where other libraries that use latepy find it. Needs the GIL of
/// that interpreter. No Object takes part: the interpreter may have no generation yet.
/// \param on_end is called when CPython clears the dict, after the modules; may be null.
/// \returns false with Python's error set.
LATEPY_COLD inline bool publish_process_state(PyInterpreterState* interpreter, void (*on_end)(PyObject*)) noexcept {
  const Api& a = api();
  PyObject* const dict = a.InterpreterState_GetDict(interpreter);
  PyObject* const capsule = dict ? a.Capsule_New(&process_state(), meeting_place, on_end) : nullptr;
  const bool is_done = capsule && a.Dict_SetItemString(dict, meeting_place, capsule) == 0;
  if (capsule) a.DecRef(capsule);
  return is_done;
}

/// The ProcessState in an interpreter's dict; null if there is none. Needs the GIL of that interpreter.
LATEPY_COLD inline ProcessState* read_process_state(PyInterpreterState* interpreter) noexcept {
  const Api& a = api();
  PyObject* const dict = a.InterpreterState_GetDict(interpreter);
  PyObject* const name = a.Unicode_InternFromString(meeting_place);
  PyObject* const capsule = dict && name ? a.Dict_GetItemWithError(dict, name) : nullptr;
  if (name) a.DecRef(name);
  if (capsule && a.Capsule_IsValid(capsule, meeting_place))
    return static_cast<ProcessState*>(a.Capsule_GetPointer(capsule, meeting_place));
  a.Err_Clear();
  return nullptr;
}

/// Enters the main interpreter for a scope, on a thread that holds the GIL of another one. It waits for the GIL of the
/// main one where the two do not share it.
class MainScope {
 public:
  explicit MainScope(PyInterpreterState* main) : state_(api().ThreadState_New(main)) {
    if (!state_) throw std::bad_alloc();
    outer_ = api().Eval_SaveThread();
    api().Eval_RestoreThread(state_);
  }
  MainScope(const MainScope&) = delete;
  MainScope& operator=(const MainScope&) = delete;
  ~MainScope() {
    api().ThreadState_Clear(state_);
    api().ThreadState_DeleteCurrent();
    api().Eval_RestoreThread(outer_);
  }

 private:
  PyThreadState *state_, *outer_ = nullptr;
};

/// Takes over the ProcessState that another library of the process made, or makes one for all. The main interpreter's
/// dict is where they meet. Needs the GIL of `interpreter`.
LATEPY_COLD inline ProcessState& join_process_state(PyInterpreterState* interpreter) {
  PyInterpreterState* const main = api().InterpreterState_Main();
  ProcessState* known = read_process_state(interpreter);
  if (!known) {
    std::optional<MainScope> in_main;
    if (interpreter != main) in_main.emplace(main);
    known = read_process_state(main);
    if (!known && !publish_process_state(main, (own_process_state(), nullptr))) api().Err_Clear();
  }
  if (known) library_state.process = known;
  if (library_state.checks.load()) begin_checks(process_state());
  return process_state();
}

/// Called when CPython clears the dict of an interpreter other than the main one, after its modules.
LATEPY_COLD inline void end_sub_interpreter(PyObject*) {
  PyInterpreterState* const ended = api().InterpreterState_Get();
  InterpreterState* const known =
      find_interpreter(process_state(), [&](const InterpreterState& each) { return each.interpreter.load() == ended; });
  if (known) end_and_forget(*known);
}

/// Gives the interpreter a slot. Needs its GIL. \throws std::bad_alloc, StateError, PythonError.
LATEPY_COLD inline InterpreterState& begin_known_interpreter(ProcessState& process, PyInterpreterState* interpreter) {
  const bool is_main = interpreter == api().InterpreterState_Main();
  const bool is_published = is_main || find_by_pointer(interpreter) != nullptr;
  InterpreterState& state = begin_interpreter(process, interpreter, is_main, gate_starting);
  if (is_published || publish_process_state(interpreter, &end_sub_interpreter)) return state;
  const Object error = fetch_exception();
  end_interpreter(process, state);
  throw_error<StateError>({"latepy cannot keep its state in the dict of this Python interpreter: there is no memory"});
}

/// Begins to share the ProcessState of the libraries that use this Python, and gives the interpreter a slot if it has
/// none. Needs the GIL.
LATEPY_COLD inline void join_or_begin(PyInterpreterState* interpreter) {
  ProcessState& process = join_process_state(interpreter);
  const bool is_known = find_interpreter(process, [&](const InterpreterState& each) {
                          return each.interpreter.load() == interpreter && !each.is_foreign.load();
                        }) != nullptr;
  if (is_known) return;
  // Py_AtExit has 32 places, which are free again when Python has ended. One serves all interpreters.
  if (!is_python_running()) api().AtExit(&end_interpreters);
  InterpreterState& state = begin_known_interpreter(process, interpreter);
  static MethodDef gate{"latepy_close_gate", &close_gate, meth_noargs, nullptr};
  try {
    call_at_exit(gate);
  } catch (...) {
    end_interpreter(process, state);
    throw;
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
