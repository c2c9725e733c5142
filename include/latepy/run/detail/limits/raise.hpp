// latepy/run/detail/limits/raise.hpp: stops the Python code of threads with Alarms, also code that fights back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/translate.hpp>
#include <latepy/run/detail/limits/alarm.hpp>
#include <latepy/run/detail/limits/limits_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// How Python code is stopped
//
// The watcher (run/detail/limits/watcher.hpp) asks CPython to raise a class in the thread: PyThreadState_SetAsyncExc.
// - The exception object is made in that thread, by new_own_error(). So the Alarm learns that it arrived. It is raised
//   again until then: CPython loses it in destructors and callbacks of the garbage collector.
// - Code gets `grace` to clean up and return. Then new_own_error() sets a trace function in the thread, which raises
//   the exception again at each line and each call, until the Alarm has ended.
// Code blocked in C runs on until that returns.

/// Takes back what an Alarm raised and traced, after it was taken out of the list. On its own thread, with or without
/// the GIL.
void undo_alarm(const Alarm& alarm) noexcept;
/// Takes the Alarm out of the list: afterwards it raises nothing. As above.
void remove_alarm(const Alarm& alarm) noexcept;
/// Raises what call_alarms() found, in the current interpreter. Needs the GIL, on another thread. \throws PythonError,
/// std::bad_alloc.
void raise_alarms();
/// Takes the Alarm of an interrupt() for this thread out of the list, if there is one, and frees it.
void end_interruption(unsigned long thread) noexcept;

#if LATEPY_DEFINITIONS

/// A trace function of CPython (Py_tracefunc, Include/cpython/pystate.h): raises the exception at lines and calls.
int trace_until_end(PyObject*, PyObject* frame, int what, PyObject*) noexcept;

/// What an Alarm does with the trace function of its thread, in one interpreter.
struct Tracing {
  std::uint32_t generation = no_generation;  ///< of the interpreter
  bool is_on = false;                        ///< trace_until_end() is set
  Object former{};                           ///< sys.gettrace() when the exception arrived first
};
/// Empty while no Alarm is raised.
inline thread_local std::vector<Tracing> tracings;
/// That of the current interpreter, added if there is none. \throws std::bad_alloc.
LATEPY_COLD inline Tracing& tracing_here() {
  for (Tracing& each : tracings)
    if (each.generation == current_generation()) return each;
  tracings.push_back({current_generation(), false, Object()});
  return tracings.back();
}

/// A function of limits_source. Scripts may have replaced the one in `sys`.
LATEPY_COLD inline ColdObject limits_function(const char* name) {
  return get_item(kept_namespace("limits", limits_source), name);
}

/// Remembers the trace function, which CPython drops when the exception arrives in it. \throws PythonError.
/// \param is_wanted our own one is set.
LATEPY_COLD inline void begin_tracing(bool is_wanted) {
  Tracing& tracing = tracing_here();
  if (!tracing.former.is_alive()) tracing.former = call_plain(limits_function("gettrace"));
  if (!is_wanted) return;
  tracing.is_on = true;
  api().Eval_SetTrace(&trace_until_end, nullptr);  // again, where CPython has dropped it
}
/// Puts the trace function back. Keeps the error that is set. Needs the GIL.
LATEPY_COLD inline void end_tracing() noexcept {
  Object former;
  bool was_on = false;
  for (std::size_t at = 0; at < tracings.size(); ++at) {
    if (tracings[at].generation != current_generation()) continue;
    former = std::move(tracings[at].former);
    was_on = tracings[at].is_on;
    tracings.erase(tracings.begin() + static_cast<std::ptrdiff_t>(at));
    break;
  }
  if (!former.is_alive()) return;
  const ErrorAside aside;
  if (was_on) api().Eval_SetTrace(nullptr, nullptr);
  attempt([&] {
    if (!former.is_none() && call_plain(limits_function("gettrace")).is_none())
      call_plain(limits_function("settrace"), {former});
  });
}

/// The text of an Alarm, as the argument of its exception.
LATEPY_COLD inline std::string alarm_text(const Alarm& alarm) {
  if (alarm.limit < 0) return "the program called interrupt()";
  return concat({"the deadline of ", decimal(alarm.limit), " ms is over"});
}
LATEPY_COLD inline Object alarm_class(bool is_deadline) {
  return own_error(is_deadline ? "DeadlineError" : "Interrupted");
}

LATEPY_COLD inline int trace_until_end(PyObject*, PyObject* frame, int what, PyObject*) noexcept {
  constexpr int call = 0, line = 2;
  if (what != call && what != line) return 0;
  const unsigned long thread = api().Thread_get_thread_ident();
  const OwnedRef outer(what == call ? api().Frame_GetBack(frame) : nullptr);
  const bool is_outermost = what == call && !outer.get();
  std::string text;
  bool is_raised = false, is_deadline = false, is_ended = false;
  try {
    const SpinLock lock(alarms_lock);
    if (const Alarm* const alarm = raised_alarm(thread)) {
      is_raised = true;
      is_deadline = alarm->limit >= 0;
      // A call without a frame around it is the next thing that the program does, which interrupt() does not stop.
      is_ended = is_outermost && alarm->is_loose();
      const bool is_over = alarm->is_seen && Clock::now() - alarm->seen >= grace;
      if (is_over && (is_deadline || !is_outermost)) text = alarm_text(*alarm);
    }
  } catch (...) {
    text = "the time is over";
  }
  if (is_ended) end_interruption(thread);
  if (!is_raised) end_tracing();
  if (text.empty()) return 0;
  attempt([&] { api().Err_SetString(alarm_class(is_deadline).ptr(), text.c_str()); });
  return api().Err_Occurred() ? -1 : 0;
}

/// `__new__` of DeadlineError and Interrupted. Without arguments it is called for an exception that raise_alarms()
/// raised. \param former the `__new__` before: that of BaseException, or of another library that uses latepy.
LATEPY_COLD inline PyObject* new_own_error(PyObject* former, PyObject* arguments) noexcept {
  try {
    const Api& a = api();
    const ssize count = a.Tuple_Size(arguments);
    std::string text;
    bool traces = false;
    if (count == 1) {
      const SpinLock lock(alarms_lock);
      if (Alarm* const alarm = raised_alarm(a.Thread_get_thread_ident())) {
        const auto now = Clock::now();
        if (alarm->is_late(now)) alarm->is_blocked = true;
        if (!std::exchange(alarm->is_seen, true)) alarm->seen = now;
        traces = alarm->is_loose() || now - alarm->seen >= grace;
        text = alarm_text(*alarm);
      }
    }
    if (text.empty()) return a.Object_Call(former, arguments, nullptr);
    attempt([&] { begin_tracing(traces); });
    return try_call_plain(Ref(former), {Ref(a.Tuple_GetItem(arguments, 0)), make_str(text)});
  } catch (...) {
    api().Err_SetObject(*api().MemoryError, nullptr);
    return nullptr;
  }
}

/// The classes of this interpreter, whose `__new__` is new_own_error(). Needs the GIL.
LATEPY_COLD inline void prepare_own_errors() {
  static MethodDef function{"__new__", &new_own_error, meth_varargs, nullptr};
  kept_namespace("limits", limits_source);  // take_back() must run no other code
  const ColdObject known = kept_namespace("errors", own_errors_source);
  // Each library that uses latepy has its own Alarms.
  const std::string mark = concat({"prepared_", decimal(reinterpret_cast<std::intptr_t>(&alarms))});
  for (const char* name : {"Interrupted", "DeadlineError"}) {
    const ColdObject type = get_item(known, name);
    if (type.has_attr(mark.c_str())) continue;
    const ColdObject former = get_attribute(type, "__new__");
    set_attribute(type, "__new__", take_result(api().CFunction_NewEx(&function, former.ptr(), nullptr)));
    set_attribute(type, mark.c_str(), none());
  }
}

/// Takes back what was raised in the thread and has not arrived. Until 3.12, taking it back leaves CPython's flag for
/// it set (PyThreadState_SetAsyncExc, Python/pystate.c): all threads would run more slowly from then on, and 3.11 hangs
/// in a thread that has a trace function. So this thread gets one and takes it. Needs the GIL. \throws PythonError.
LATEPY_COLD inline void take_back(unsigned long thread) {
  const Api& a = api();
  a.ThreadState_SetAsyncExc(thread, nullptr);
  if (library_state.version.minor >= 13) return;
  const ColdObject nothing = limits_function("nothing");
  a.ThreadState_SetAsyncExc(a.Thread_get_thread_ident(), alarm_class(false).ptr());
  if (const OwnedRef done(try_call_plain(nothing)); done.get()) return;
  // What a signal handler or an outer Deadline has raised instead comes once more.
  const bool is_ours = a.Err_ExceptionMatches(alarm_class(false).ptr()) != 0;
  if (!is_ours) a.ThreadState_SetAsyncExc(a.Thread_get_thread_ident(), a.Err_Occurred());
  a.Err_Clear();
}

LATEPY_FUNC LATEPY_COLD void undo_alarm(const Alarm& alarm) noexcept {
  for (const std::uint32_t generation : alarm.raised_in) {
    if (generation == no_generation) break;
    attempt([&] {
      const std::optional<GilGuard> gil = GuardAccess::try_enter(generation);
      if (!gil) return;
      const ErrorAside aside;
      take_back(alarm.thread);
      end_tracing();
      if (alarm.thread == api().Thread_get_thread_ident()) call_plain(limits_function("release_imports"));
    });
  }
}

LATEPY_FUNC LATEPY_COLD void remove_alarm(const Alarm& alarm) noexcept {
  if (unlink_alarm(alarm)) undo_alarm(alarm);
}

/// Whether raise_alarms() has something to do here.
LATEPY_COLD inline bool is_any_called(std::uint32_t here) noexcept {
  const SpinLock lock(alarms_lock);
  const Alarm* each = alarms;
  while (each && !(each->is_called && each->where() == here)) each = each->next;
  return each != nullptr;
}

LATEPY_FUNC LATEPY_COLD void raise_alarms() {
  if (!is_any_called(current_generation())) return;
  prepare_own_errors();
  const ColdObject deadline = alarm_class(true), interrupt = alarm_class(false);
  const std::uint32_t here = current_generation();
  const SpinLock lock(alarms_lock);
  for (Alarm* each = alarms; each; each = each->next) {
    if (!each->is_called || each->where() != here) continue;
    each->is_called = false;
    if (each->is_seen && Clock::now() - each->seen < grace) continue;  // it has arrived meanwhile
    each->is_raised = true;
    each->note_raised(here);
    api().ThreadState_SetAsyncExc(each->thread, (each->limit >= 0 ? deadline : interrupt).ptr());
  }
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
