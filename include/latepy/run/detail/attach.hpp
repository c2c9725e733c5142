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
LATEPY_COLD inline void publish(ProcessState& process) {
  const Object capsule = steal_or_throw(api().Capsule_New(&process, meeting_place, nullptr));
  PyObject* place = api().InterpreterState_GetDict(process.interpreter);
  if (!place) throw_error<StateError>({"this Python has no interpreter dict to share state in"});
  check_result(api().Dict_SetItemString(place, meeting_place, capsule.ptr()));
}

/// Joins the latepy that knows this Python, or becomes the first that does. Needs the GIL.
LATEPY_COLD inline void join_or_found(PyInterpreterState* interpreter) {
  LibraryState& state = library_state;
  if (current_generation() != no_generation && process_state().interpreter == interpreter) {
    if (state.checks.load()) begin_checks();
    return;
  }
  PyObject* place = api().InterpreterState_GetDict(interpreter);
  const Object name = steal_or_throw(api().Unicode_InternFromString(meeting_place));
  PyObject* capsule = place ? api().Dict_GetItemWithError(place, name.ptr()) : nullptr;
  if (capsule && api().Capsule_IsValid(capsule, meeting_place)) {
    auto* process = static_cast<ProcessState*>(api().Capsule_GetPointer(capsule, meeting_place));
    if (process->layout == ProcessState().layout && process->generation.load() != no_generation) {
      state.process = process;
      if (state.checks.load()) begin_checks();
      return;
    }
  }
  begin_generation(own_process_state(), interpreter);
  publish(own_process_state());
  static MethodDef gate{"latepy_close_gate", &close_gate, meth_noargs, nullptr};
  call_at_exit(gate);
  api().AtExit(&end_generation);  // one of 32 places, freed when Python ends
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
