// latepy/run/audit.hpp: what Config::audit does: it shows the program each audit event, and lets it refuse.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/translate.hpp>
#include <latepy/run/detail/audit_hook.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Installs Config::audit; see Hook.
struct AuditHook {
  using Callback = std::function<void(std::string_view, const Object&)>;
  /// Needs the GIL. \throws StartError if another audit hook of the process refuses it.
  static void install(const Callback& callback, InstalledAudit* place, const std::string&, bool);
};

#if LATEPY_DEFINITIONS

/// Config::audit of one Interpreter. In a list from which none is removed, so that it needs no lock: another
/// Interpreter takes over one that is free.
struct AuditCallback {
  AuditCallback* next = nullptr;
  /// Twice the number of calls that run, and 1 more until its Interpreter ends.
  std::atomic<unsigned> uses{0};
  std::atomic<bool> is_free{false};
  AuditHook::Callback function{};

  /// \returns false if its Interpreter has ended.
  bool begin_call() noexcept {
    unsigned now = uses.load();
    while (now % 2 == 1)
      if (uses.compare_exchange_weak(now, now + 2)) return true;
    return false;
  }
  void give_back(unsigned count) noexcept {
    if (uses.fetch_sub(count) != count) return;
    function = nullptr;
    is_free = true;
  }
};
inline std::atomic<AuditCallback*> audit_callbacks{nullptr};

/// A call of Config::audit on this thread. What the callback does raises events too, which pass unseen.
inline thread_local bool is_in_audit = false;

/// Whether the interpreter that the thread is in has modules. At its end CPython takes them away; Python code would end
/// the process then.
LATEPY_COLD inline bool has_modules() noexcept {
  const ColdRef found(api().Import_GetModule(api().NoneStruct));  // no module has that name
  const bool are_gone = !found.get() && api().Err_Occurred() && api().Err_ExceptionMatches(*api().RuntimeError);
  api().Err_Clear();
  return !are_gone;
}
/// Whether the attribute is true; false if it is missing.
LATEPY_COLD inline bool is_attribute_true(PyObject* object, const char* name) noexcept {
  const ColdRef found(object ? api().Object_GetAttrString(object, name) : nullptr);
  const bool is_true = found.get() && api().Object_IsTrue(found.get()) == 1;
  api().Err_Clear();
  return is_true;
}
/// Whether CPython still makes the interpreter that the thread is in: it imports the module site last.
LATEPY_COLD inline bool is_being_made() noexcept {
  PyObject* const modules = api().Sys_GetObject("modules");
  const auto find = [modules](const char* name) {
    const ColdRef key(api().Unicode_InternFromString(name));
    PyObject* const found = modules && key.get() ? api().Dict_GetItemWithError(modules, key.get()) : nullptr;
    api().Err_Clear();
    return found;
  };
  PyObject* const site = find("site");
  if (!site) return !find("__main__") || !is_attribute_true(api().Sys_GetObject("flags"), "no_site");
  const ColdRef spec(api().Object_GetAttrString(site, "__spec__"));
  api().Err_Clear();
  return is_attribute_true(spec.get(), "_initializing");
}

/// The interpreter that this thread is in, which gets a slot if it has none; null at its end. Needs its GIL.
/// \throws std::bad_alloc; StateError if all slots are taken.
LATEPY_COLD inline InterpreterState* audited_interpreter() {
  PyInterpreterState* const here = api().InterpreterState_Get();
  bool is_new = false;
  InterpreterState* state = find_by_pointer(here);
  if ((!state || state->stopping.load() == gate_closed) && !has_modules()) return nullptr;
  if (!state) state = &begin_foreign_interpreter(process_state(), here, gate_closed, is_new);
  if (is_new && here != api().InterpreterState_Main()) {
    state->is_unfinished = true;
    if (!publish_process_state(here, &end_sub_interpreter)) {
      api().Err_Clear();
      end_interpreter(process_state(), *state);
      throw std::bad_alloc();
    }
  }
  if (state->is_unfinished.load() && !first_veto && !is_being_made()) state->is_unfinished = false;
  return state;
}

/// The thread is in the interpreter, which it entered by no guard. Until 3.11 the checks of handles would not know.
class AuditPlace {
 public:
  explicit AuditPlace(const InterpreterState& here) noexcept : before_(thread_record.here()) {
    const std::uint32_t generation = here.generation.load();
    is_moved_ = before_.generation != generation && (here.is_foreign.load() || !holds_gil_of(generation));
    if (is_moved_) thread_record.go_to({api().ThreadState_Get(), generation});
  }
  AuditPlace(const AuditPlace&) = delete;
  AuditPlace& operator=(const AuditPlace&) = delete;
  ~AuditPlace() {
    if (is_moved_) thread_record.go_to(before_);
  }

 private:
  const OwnState before_;
  bool is_moved_ = false;
};

/// Whether CPython makes an interpreter for a script, which must not fail: until 3.12 CPython would end the process or
/// crash, and debug builds later too.
LATEPY_COLD inline bool must_succeed(const InterpreterState& here, const char* event) noexcept {
  return here.is_unfinished.load() ||
         (library_state.version.minor == 12 && std::strcmp(event, "cpython.PyInterpreterState_New") == 0);
}

/// Calls each Config::audit. What one throws is Python's error, and ends that.
LATEPY_COLD inline int call_audit(InterpreterState& here, const char* event, PyObject* args) {
  const AuditPlace place(here);
  drain_if_any(here);
  for (AuditCallback* each = audit_callbacks.load(); each; each = each->next) {
    if (!each->begin_call()) continue;
    try {
      each->function(event, Object::borrow(args));
      each->give_back(2);
    } catch (...) {
      each->give_back(2);
      if (first_veto) {
        if (!*first_veto) *first_veto = std::current_exception();
        return 0;
      }
      if (must_succeed(here, event)) return 0;
      translate_exception();
      return -1;
    }
  }
  return 0;
}

/// See audit_check.
LATEPY_COLD inline int show_event(const char* event, PyObject* args) {
  if (is_in_audit) return 0;
  struct Call {
    Call() { is_in_audit = true; }
    ~Call() { is_in_audit = false; }
  } const call;
  InterpreterState* here = nullptr;
  try {
    here = audited_interpreter();
  } catch (const std::exception& error) {
    set_error(*api().MemoryError, error.what());
    return -1;
  }
  return here ? call_audit(*here, event, args) : 0;
}

LATEPY_FUNC LATEPY_COLD void AuditHook::install(const Callback& callback, InstalledAudit* place, const std::string&,
                                                bool) {
  if (!callback) return;
  Callback copy = callback;
  if (!add_audit_hook()) {
    const std::string reason = api().Err_Occurred() ? take_python_error().what() : "it raises RuntimeError";
    throw_error<StartError>({"Config::audit cannot be used: another audit hook of this process refuses it: ", reason,
                             ". Remove that hook, or let it allow the events sys.addaudithook and compile"});
  }
  AuditCallback* found = audit_callbacks.load();
  while (found && !found->is_free.exchange(false)) found = found->next;
  if (!found) push(audit_callbacks, found = new AuditCallback());
  found->function.swap(copy);
  found->uses = 1;
  place->begin(*found, [](AuditCallback& callback_of) noexcept { callback_of.give_back(1); });
  audit_check = &show_event;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
