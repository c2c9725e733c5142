// latepy/run/detail/attach.hpp: meeting a Python that runs already, and other libraries that use latepy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/stop.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

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
    if (current && !library_state.current_is_per_thread && current != a.GILState_GetThisThreadState()) {
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
LATEPY_COLD inline void publish_process_state(PyInterpreterState* interpreter) {
  const Object capsule = steal_or_throw(api().Capsule_New(&process_state(), meeting_place, nullptr));
  PyObject* const dict = api().InterpreterState_GetDict(interpreter);
  if (!dict) throw_error<StateError>({"this Python has no interpreter dict to share state in"});
  check_result(api().Dict_SetItemString(dict, meeting_place, capsule.ptr()));
}

/// The ProcessState in an interpreter's dict; null where there is none that this version of latepy knows. Needs the GIL
/// of that interpreter.
LATEPY_COLD inline ProcessState* read_process_state(PyInterpreterState* interpreter) {
  PyObject* const dict = api().InterpreterState_GetDict(interpreter);
  PyObject* const name = throw_if_null(api().Unicode_InternFromString(meeting_place));
  PyObject* const capsule = dict ? api().Dict_GetItemWithError(dict, name) : nullptr;
  decref(name);
  if (!capsule || !api().Capsule_IsValid(capsule, meeting_place)) return nullptr;
  auto* const process = static_cast<ProcessState*>(api().Capsule_GetPointer(capsule, meeting_place));
  return process->layout == no_process_state.layout ? process : nullptr;
}

/// The ProcessState that another library of the process made; null where none did. It is looked for in the interpreter
/// that this thread is inside of, then in the main one, which the thread enters for that. Needs the GIL.
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

/// Whether latepy knows this interpreter already.
inline bool is_known(const ProcessState& process, PyInterpreterState* interpreter) noexcept {
  return find_interpreter(
             process, [&](const InterpreterState& each) { return each.interpreter.load() == interpreter; }) != nullptr;
}

/// Joins the libraries that know this Python, or is the first that does. Needs the GIL. A second interpreter of the
/// process gets a slot of its own, and the first one goes on.
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
  api().AtExit(&end_interpreters);  // one of 32 places, freed when Python ends
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
