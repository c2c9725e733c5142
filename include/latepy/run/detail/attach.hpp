// latepy/run/detail/attach.hpp: attaches to a Python that runs already, and to the state of other libraries.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/stop.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Checks the Config of an Interpreter that attaches. \throws StateError if a field is set that only a start can use.
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
                               " cannot be set: Python runs in this process already, and only a start uses it. Leave "
                               "it at its default"});
}

/// Holds the GIL of a Python that latepy may not know yet, while it lives. The interpreter is the one that the thread
/// is in, or the main one.
class AttachGuard {
 public:
  AttachGuard() {
    const Api& a = api();
    PyThreadState* current = a.ThreadState_GetUnchecked();
    if (current && !library_state.current_is_per_thread && current != a.GILState_GetThisThreadState()) {
      // Before 3.12 CPython gives the state of the thread that holds the GIL. It is taken for another thread's. It
      // could be a sub-interpreter's state on this thread, but only the code that entered that one can know.
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

/// The name of the capsule with the ProcessState, and its key in the interpreter's dict.
inline constexpr char meeting_place[] = "latepy.v1.shared";

/// Puts the ProcessState into the interpreter's dict, where other libraries that use latepy find it. Needs the GIL.
/// \throws StateError, PythonError.
LATEPY_COLD inline void publish_process_state(PyInterpreterState* interpreter) {
  const Object capsule = steal_or_throw(api().Capsule_New(&process_state(), meeting_place, nullptr));
  PyObject* const dict = api().InterpreterState_GetDict(interpreter);
  if (!dict)
    throw_error<StateError>(
        {"latepy cannot share its state with other libraries: PyInterpreterState_GetDict() returned null"});
  check_result(api().Dict_SetItemString(dict, meeting_place, capsule.ptr()));
}

/// The ProcessState in an interpreter's dict; null if there is none, or its layout is another one. Needs the GIL of
/// that interpreter.
LATEPY_COLD inline ProcessState* read_process_state(PyInterpreterState* interpreter) {
  PyObject* const dict = api().InterpreterState_GetDict(interpreter);
  PyObject* const name = throw_if_null(api().Unicode_InternFromString(meeting_place));
  PyObject* const capsule = dict ? api().Dict_GetItemWithError(dict, name) : nullptr;
  decref(name);
  if (!capsule || !api().Capsule_IsValid(capsule, meeting_place)) return nullptr;
  auto* const process = static_cast<ProcessState*>(api().Capsule_GetPointer(capsule, meeting_place));
  return process->layout == no_process_state.layout ? process : nullptr;
}

/// The ProcessState that another library of the process made; null if none did. Looks in the interpreter that this
/// thread is in, then enters the main interpreter and looks there. Needs the GIL.
LATEPY_COLD inline ProcessState* find_process_state(PyInterpreterState* interpreter) {
  const Api& a = api();
  PyInterpreterState* const main = a.InterpreterState_Main();
  ProcessState* process = read_process_state(interpreter);
  if (process || interpreter == main) return process;
  PyThreadState* const in_main = a.ThreadState_New(main);
  if (!in_main) throw std::bad_alloc();
  PyThreadState* const outer = a.Eval_SaveThread();
  a.Eval_RestoreThread(in_main);
  try {
    process = read_process_state(main);
  } catch (const Error&) {  // no memory for the name
    a.Err_Clear();
  }
  a.ThreadState_Clear(in_main);
  a.ThreadState_DeleteCurrent();
  a.Eval_RestoreThread(outer);
  return process;
}

/// Whether this interpreter has a slot already. Any thread, no GIL.
inline bool is_known(const ProcessState& process, PyInterpreterState* interpreter) noexcept {
  return find_interpreter(
             process, [&](const InterpreterState& each) { return each.interpreter.load() == interpreter; }) != nullptr;
}

/// Begins to share the ProcessState of the libraries that use this Python, or makes one. Gives the interpreter a slot
/// if it has none. Needs the GIL.
LATEPY_COLD inline void join_or_begin(PyInterpreterState* interpreter) {
  ProcessState* const known = find_process_state(interpreter);
  if (known) library_state.process = known;
  ProcessState& process = own_process_state();
  if (library_state.checks.load()) begin_checks(process);
  if (is_known(process, interpreter)) return;
  begin_interpreter(process, interpreter);
  publish_process_state(interpreter);
  static MethodDef gate{"latepy_close_gate", &close_gate, meth_noargs, nullptr};
  call_at_exit(gate);
  api().AtExit(&end_interpreters);  // Py_AtExit has 32 places, which are free again when Python has ended
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
