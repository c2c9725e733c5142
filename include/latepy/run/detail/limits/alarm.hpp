// latepy/run/detail/limits/alarm.hpp: Alarm, a limit for the Python code of one thread, and the list of all.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/gil.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {

using Clock = std::chrono::steady_clock;

/// How long the code may take to return, before the trace function is set.
inline constexpr std::chrono::milliseconds grace{100};
/// After that time code that was not stopped is blocked in C.
inline constexpr std::chrono::milliseconds blocked_after{100};
/// How often an exception is raised that has not arrived.
inline constexpr std::chrono::milliseconds repeat{20};
/// How often interpreters that share a GIL take turns, in ms; CPython's threads do every 5 ms.
inline constexpr int turn = 20;

/// Ends the Python code of one thread at a time. All Alarms form a list; `alarms_lock` guards it and their members. Of
/// a thread one Alarm at a time is raised. The others wait until it has ended, so that the code can clean up.
struct Alarm {
  unsigned long thread = 0;   ///< PyThread_get_thread_ident()
  long long limit = -1;       ///< of a Deadline, in ms; negative: for Interpreter::interrupt()
  Clock::time_point due{};    ///< when it is to be raised, or raised again
  Clock::time_point since{};  ///< from when on it could arrive
  Clock::time_point seen{};   ///< when new_own_error() was called first
  bool is_raised = false, is_seen = false, is_blocked = false;
  bool is_called = false;                             ///< call_alarms() found it due
  const std::atomic<std::uint32_t>* place = nullptr;  ///< thread_place of the thread; or null
  std::uint32_t base = no_generation;                 ///< where the thread is if it is on no visit
  std::uint32_t raised_in[4] = {};                    ///< the interpreters in which it was raised
  bool is_in_entry = false;  ///< of interrupt(): it ends with the outermost call of a member of Scope
  Alarm* next = nullptr;

  /// The interpreter that the thread is in.
  std::uint32_t where() const noexcept {
    const std::uint32_t visit = place ? place->load(std::memory_order_acquire) : no_generation;
    return visit != no_generation ? visit : base;
  }
  /// Notes that it was raised there.
  void note_raised(std::uint32_t generation) noexcept {
    for (std::uint32_t& each : raised_in) {
      if (each == no_generation) each = generation;
      if (each == generation) return;
    }
  }
  bool is_late(Clock::time_point now) const noexcept { return !is_seen && now - since >= blocked_after; }
  /// Of interrupt(), outside of a member of Scope: it ends before the next thing that the program does.
  bool is_loose() const noexcept { return limit < 0 && !is_in_entry; }
};
inline Alarm* alarms = nullptr;
inline std::atomic_flag alarms_lock = {};

/// Puts the Alarm into the list. Any thread. \returns whether it is due before the watcher looks again.
bool add_alarm(Alarm& alarm) noexcept;
/// When raise_alarms() has something to do; max() if there is nothing. The watcher looks again then.
Clock::time_point next_alarm() noexcept;

#if LATEPY_DEFINITIONS

/// The Alarm of the thread that is raised, else the one that is due first. The caller holds alarms_lock.
LATEPY_COLD inline Alarm* first_alarm(unsigned long thread) noexcept {
  Alarm* first = nullptr;
  for (Alarm* each = alarms; each; each = each->next)
    if (each->thread == thread && (!first || each->is_raised || (!first->is_raised && each->since < first->since)))
      first = each;
  return first;
}
LATEPY_COLD inline Alarm* raised_alarm(unsigned long thread) noexcept {
  Alarm* const first = first_alarm(thread);
  return first && first->is_raised ? first : nullptr;
}

/// When the watcher looks again. Guarded by alarms_lock.
inline Clock::time_point watcher_sleeps_until{};

LATEPY_FUNC LATEPY_COLD bool add_alarm(Alarm& alarm) noexcept {
  const SpinLock lock(alarms_lock);
  alarm.since = alarm.due;
  alarm.next = alarms;
  alarms = &alarm;
  return alarm.due < watcher_sleeps_until;
}

/// Takes the first Alarm out of the list for which `is_meant` is true. \returns it, or null.
template <class F>
Alarm* unlink_if(F&& is_meant) noexcept {
  const SpinLock lock(alarms_lock);
  for (Alarm** each = &alarms; *each; each = &(*each)->next)
    if (Alarm* const found = *each; is_meant(*found)) {
      *each = found->next;
      return found;
    }
  return nullptr;
}
/// Takes the Alarm out of the list. \returns whether it was raised.
LATEPY_COLD inline bool unlink_alarm(const Alarm& alarm) noexcept {
  const Alarm* const found = unlink_if([&](const Alarm& each) { return &each == &alarm; });
  return found && found->is_raised;
}

LATEPY_FUNC LATEPY_COLD Clock::time_point next_alarm() noexcept {
  const SpinLock lock(alarms_lock);
  Clock::time_point first = (Clock::time_point::max)();
  for (const Alarm* each = alarms; each; each = each->next) first = (std::min)(first, each->due);
  return watcher_sleeps_until = first;
}

/// Finds what is due, and calls `visit` with the generation of each interpreter where raise_alarms() is to raise it.
template <class F>
LATEPY_COLD void call_alarms(F&& visit) {
  std::vector<std::uint32_t> where;
  {
    const SpinLock lock(alarms_lock);
    const auto now = Clock::now();
    for (Alarm* each = alarms; each; each = each->next) {
      if (now < each->due) continue;
      each->due = now + repeat;
      if (Alarm* const first = first_alarm(each->thread); first != each) {
        if (first->is_seen) each->since = now;  // this one waits, but not for code that is blocked
        continue;
      }
      if (each->is_seen && now - each->seen < grace) continue;
      each->is_called = true;
      if (std::find(where.begin(), where.end(), each->where()) == where.end()) where.push_back(each->where());
    }
  }
  for (const std::uint32_t each : where) visit(each);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
