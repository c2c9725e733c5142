// latepy/run/detail/audit_hook.hpp: the audit hook of latepy, which CPython calls for what scripts do.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/attach.hpp>

#include <exception>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What is asked about each audit event. Needs the GIL of the interpreter that raises it. \returns 0, or -1 with
/// Python's error set: the event fails.
using AuditCheck = int(const char* event, PyObject* args);
/// Config::audit of all Interpreters of this library, and the check of forks beside a SubInterpreter; null until each
/// is needed.
inline std::atomic<AuditCheck*> audit_check{nullptr}, fork_check{nullptr};
/// Makes on_audit_event() an audit hook of CPython, once in each start: CPython keeps it until it ends, for all
/// interpreters and threads. Needs a GIL. \returns false, with or without Python's error set, if another hook refuses
/// it. \throws std::bad_alloc.
bool add_audit_hook();
/// While this thread makes a SubInterpreter: where the first exception of Config::audit goes. Until 3.11 CPython ends
/// the process if an event fails then.
inline thread_local std::exception_ptr* first_veto = nullptr;

struct AuditCallback;
/// Config::audit of one Interpreter. The destructor removes it.
class InstalledAudit {
 public:
  InstalledAudit() = default;
  InstalledAudit(const InstalledAudit&) = delete;
  InstalledAudit& operator=(const InstalledAudit&) = delete;
  ~InstalledAudit() { end(); }
  /// Removes it. Any thread, at any time. A thread that is in the callback meanwhile keeps it until it returns.
  void end() noexcept {
    if (AuditCallback* const callback = std::exchange(callback_, nullptr)) end_(*callback);
  }
  /// \param remove a pointer, so that programs without Config::audit do not compile it.
  void begin(AuditCallback& callback, void (*remove)(AuditCallback&) noexcept) noexcept {
    callback_ = &callback;
    end_ = remove;
  }

 private:
  AuditCallback* callback_ = nullptr;
  void (*end_)(AuditCallback&) noexcept = nullptr;
};

#if LATEPY_DEFINITIONS

/// Set by each event.
inline std::atomic<bool> was_audit_hook_called{false};

/// A Py_AuditHookFunction (Include/cpython/sysmodule.h). CPython has put Python's error aside.
LATEPY_COLD inline int on_audit_event(const char* event, PyObject* args, void*) {
  if (!was_audit_hook_called.load(std::memory_order_relaxed)) was_audit_hook_called = true;
  for (const std::atomic<AuditCheck*>* each : {&audit_check, &fork_check}) {
    AuditCheck* const asked = each->load();
    if (asked && asked(event, args) != 0) return -1;
  }
  return 0;
}

LATEPY_FUNC LATEPY_COLD bool add_audit_hook() {
  const Api& a = api();
  PyInterpreterState* const main = a.InterpreterState_Main();
  std::optional<MainScope> in_main;
  if (a.InterpreterState_Get() != main) in_main.emplace(main);
  // The dict of the main interpreter ends with CPython's list of hooks. Each library has a hook of its own.
  PyObject* const dict = a.InterpreterState_GetDict(main);
  const ColdRef key(a.Long_FromLongLong(static_cast<long long>(reinterpret_cast<std::uintptr_t>(&on_audit_event))));
  if (!dict || !key.get()) return false;
  if (a.Dict_GetItemWithError(dict, key.get())) return true;
  if (a.Sys_AddAuditHook(&on_audit_event, nullptr) != 0) return false;
  // If another hook raises RuntimeError, CPython does not add this one, and does not say so. To compile is an event.
  was_audit_hook_called = false;
  CompilerFlags flags{source_is_utf8, 9};
  const ColdRef code(a.CompileStringExFlags("0", "<latepy>", file_input, &flags, -1));
  if (!was_audit_hook_called.load()) return false;
  a.Err_Clear();  // the hook is asked, whether there was memory to compile or not
  return a.Dict_SetItem(dict, key.get(), key.get()) == 0;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
