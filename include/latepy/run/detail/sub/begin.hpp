// latepy/run/detail/sub/begin.hpp: makes a sub-interpreter, and refuses forks beside one.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/audit_hook.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What CPython is told about a new interpreter.
struct SubSettings {
  bool own_gil, check_extensions, allow_threads, allow_fork;
};

/// Py_NewInterpreter() or Py_NewInterpreterFromConfig(). Needs the GIL of the main interpreter. Afterwards the thread
/// is in the new one. \param veto gets what Config::audit threw meanwhile. \throws StartError.
LATEPY_COLD inline PyThreadState* new_sub_state(const SubSettings& with, std::exception_ptr& veto) {
  const Api& a = api();
  PyThreadState* made = nullptr;
  first_veto = &veto;
  std::string reason = "Py_NewInterpreter() failed, and has printed why";
  if (a.NewInterpreterFromConfig) {
    constexpr int shared = 1, own = 2;
    const InterpreterConfig config{!with.own_gil,
                                   with.allow_fork,
                                   with.allow_fork,
                                   with.allow_threads,
                                   0,
                                   with.check_extensions,
                                   with.own_gil ? own : shared};
    const InitStatus status = a.NewInterpreterFromConfig(&made, &config);
    if (status.type != InitStatus::ok && status.message) reason = status.message;
  } else {
    made = a.NewInterpreter();
  }
  first_veto = nullptr;
  if (made) return made;
  a.Err_Clear();  // without memory CPython leaves the error set in the main interpreter
  throw_error<StartError>({"cannot make a SubInterpreter: ", reason});
}

/// Makes the MemoryErrors that CPython 3.11 keeps for when there is no memory: it makes them in the main interpreter
/// alone (preallocate_memerrors, Objects/exceptions.c), and another one would end the process. Needs the GIL of the new
/// interpreter.
LATEPY_COLD inline void keep_memory_errors() {
  if (library_state.version.minor != 11) return;
  Object made[16];  // as many as CPython keeps when they are freed
  for (Object& each : made) each = steal_or_throw(api().Object_CallNoArgs(*api().MemoryError));
}

/// Until 3.11 the module _asyncio keeps the running loop of one thread for all interpreters (cached_running_holder,
/// Modules/_asynciomodule.c), and takes threads of two for one. So asyncio does without it here, as it does where it is
/// not installed. Needs the GIL of the new interpreter.
LATEPY_COLD inline void hide_shared_asyncio() {
  if (library_state.version.minor < 12)
    check_result(api().Dict_SetItemString(api().Import_GetModuleDict(), "_asyncio", none().ptr()));
}

/// See fork_check. Refuses os.fork() and os.forkpty() while a SubInterpreter lives. Their child would hang or crash in
/// each CPython.
LATEPY_COLD inline int refuse_fork(const char* event, PyObject*) {
  if ((std::strcmp(event, "os.fork") != 0 && std::strcmp(event, "os.forkpty") != 0) || !has_subs()) return 0;
  api().Err_SetString(
      *api().RuntimeError,
      "os.fork() was called while a latepy::SubInterpreter lives: the child would hang, because CPython "
      "cannot fork beside a sub-interpreter. Use subprocess, or the start method \"spawn\" of "
      "multiprocessing");
  return -1;
}
/// From now on refuse_fork() is asked. Needs the GIL.
LATEPY_COLD inline void watch_forks_of_subs() {
  fork_check = &refuse_fork;
  if (!add_audit_hook()) api().Err_Clear();
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
