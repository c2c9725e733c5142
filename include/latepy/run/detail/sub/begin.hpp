// latepy/run/detail/sub/begin.hpp: makes a sub-interpreter, and refuses forks beside one.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/attach.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What CPython is told about a new interpreter.
struct SubSettings {
  bool own_gil, check_extensions, allow_threads, allow_fork;
};

/// Py_NewInterpreter() or Py_NewInterpreterFromConfig(). Needs the GIL of the main interpreter. Afterwards the thread
/// is in the new one. \param before where the thread was. \throws StartError.
LATEPY_COLD inline PyThreadState* new_sub_state(const SubSettings& with) {
  const Api& a = api();
  PyThreadState* made = nullptr;
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
  if (!made) throw_error<StartError>({"cannot make a SubInterpreter: ", reason});
  return made;
}

/// Makes the MemoryErrors that CPython 3.11 keeps for when there is no memory: it makes them in the main interpreter
/// alone (preallocate_memerrors, Objects/exceptions.c), and another one would end the process. Needs the GIL of the new
/// interpreter.
LATEPY_COLD inline void keep_memory_errors() {
  if (library_state.version.minor != 11) return;
  Object made[16];  // as many as CPython keeps when they are freed
  for (Object& each : made) each = steal_or_throw(api().Object_CallNoArgs(*api().MemoryError));
}

/// An audit hook (Py_AuditHookFunction, Include/cpython/sysmodule.h): refuses os.fork() and os.forkpty() while a
/// SubInterpreter lives. Their child would hang or crash in each CPython.
LATEPY_COLD inline int refuse_fork(const char* event, PyObject*, void*) noexcept {
  if ((std::strcmp(event, "os.fork") != 0 && std::strcmp(event, "os.forkpty") != 0) || !has_subs()) return 0;
  api().Err_SetString(
      *api().RuntimeError,
      "os.fork() was called while a latepy::SubInterpreter lives: the child would hang, because CPython "
      "cannot fork beside a sub-interpreter. Use subprocess, or the start method \"spawn\" of "
      "multiprocessing");
  return -1;
}
/// From now on refuse_fork() is asked. Needs the GIL of the main interpreter.
LATEPY_COLD inline void watch_forks_of_subs(std::uint32_t main_generation) noexcept {
  static std::atomic<std::uint32_t> watched{no_generation};
  if (watched.exchange(main_generation) == main_generation) return;
  if (api().Sys_AddAuditHook(&refuse_fork, nullptr) != 0) api().Err_Clear();
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
