// latepy/run/detail/limits/interruption.hpp: the Alarms of Interpreter::interrupt().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/frames.hpp>
#include <latepy/run/detail/limits/raise.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Tells whether a thread is in a call of a member of Scope. Never freed, because a signal handler may read it; taken
/// by another thread when its thread has ended.
struct EntryRecord {
  EntryRecord* next = nullptr;
  std::atomic<unsigned long> thread{0};
  std::atomic<bool> is_taken{true}, is_inside{false};
  std::atomic<unsigned> serial{0};                                ///< of the outermost call
  std::atomic<unsigned> asked{0};                                 ///< the serial of the call that interrupt() is to end
  std::atomic<const std::atomic<std::uint32_t>*> place{nullptr};  ///< thread_place of the thread
};
inline std::atomic<EntryRecord*> entry_records{nullptr};

// What interrupt() stops is what runs when it is called, not when the watcher has got the GIL. A call of a member of
// Scope is known by its serial. For other code, as the call of an Object, the time tells: a thread that runs Python
// code lets go of the GIL every 5 ms; one that idles with the GIL may call Python much later.
inline constexpr std::chrono::milliseconds soon{200};

/// Makes an Alarm for each thread in a call of a member of Scope that interrupt() is to end. No GIL.
void interrupt_entries();
/// The same for the other C++ threads that run Python code in the main interpreter. Needs its GIL.
void interrupt_loose_threads();
/// Ends interruptions of threads that have returned to C++.
void forget_idle_interruptions();

#if LATEPY_DEFINITIONS

/// Whether the thread is in a guard, or may use Python without one. Threads that Python made are not.
inline bool is_hosts(unsigned long thread) noexcept {
  if (thread == starter_thread.load()) return true;
  for (const GuardCount* each = current_interpreter().counts.load(); each; each = each->next)
    if (each->number.load() > 0 && each->thread == thread) return true;
  return false;
}
/// Calls `visit` with each C++ thread that runs Python code. Needs the GIL. With several interpreters it finds none;
/// see frames_if_alone().
template <class F>
void each_running_thread(F&& visit) {
  const Object frames = frames_if_alone(limits_function("_current_frames"));
  if (frames.is_none()) return;
  const Object running = call_plain(limits_function("running"), {frames});
  const ssize count = check_result(api().List_Size(running.ptr()));
  for (ssize at = 0; at < count; ++at) {
    const auto thread = static_cast<unsigned long>(Ref(api().List_GetItem(running.ptr(), at)).as<unsigned long long>());
    if (is_hosts(thread)) visit(thread);
  }
}

/// The number of interruptions outside of a member of Scope.
inline std::atomic<int> loose_interruptions{0};

LATEPY_FUNC LATEPY_COLD void end_interruption(unsigned long thread) noexcept {
  const Alarm* const found = unlink_if([thread](const Alarm& each) { return each.thread == thread && each.limit < 0; });
  if (!found) return;
  if (found->is_loose()) --loose_interruptions;
  if (found->is_raised) undo_alarm(*found);
  delete found;
}

/// This thread's own record, from its first outermost Entry on.
struct OwnEntryRecord {
  EntryRecord* record = nullptr;
  ~OwnEntryRecord() {
    if (record) record->is_taken = false;
  }
};
inline thread_local OwnEntryRecord own_entry_record;

LATEPY_COLD inline void enter_watched() noexcept {
  if (const WatcherCalls* const others = idle_calls.load()) others->enter();
  EntryRecord*& own = own_entry_record.record;
  if (!own) {
    for (EntryRecord* each = entry_records.load(); each && !own; each = each->next)
      if (!each->is_taken.exchange(true)) own = each;
    if (!own) {
      EntryRecord* const made = new (std::nothrow) EntryRecord;
      if (!made) return;  // interrupt() finds the thread as one without a record
      push(entry_records, own = made);
    }
    own->thread = api().Thread_get_thread_ident();
    own->place = &thread_place;
  }
  if (loose_interruptions.load() != 0) end_interruption(own->thread);  // what it is to end has returned
  ++own->serial;
  own->is_inside = true;
}
LATEPY_COLD inline void leave_watched() noexcept {
  EntryRecord* const own = own_entry_record.record;
  if (own && own->is_inside.exchange(false) && own->asked.load() == own->serial.load()) end_interruption(own->thread);
}

/// \param place thread_place of the thread; null outside of a member of Scope.
LATEPY_COLD inline void interrupt_thread(unsigned long thread, const std::atomic<std::uint32_t>* place) {
  end_interruption(thread);
  auto made = std::make_unique<Alarm>();
  made->thread = thread;
  made->due = Clock::now();
  made->is_in_entry = place != nullptr;
  made->place = place;
  made->base = process_state().entered.load()->generation;
  if (!place) ++loose_interruptions;
  add_alarm(*made.release());
}
LATEPY_FUNC LATEPY_COLD void interrupt_entries() {
  for (EntryRecord* each = entry_records.load(); each; each = each->next)
    if (each->is_inside && each->asked == each->serial) {
      interrupt_thread(each->thread, each->place);
      if (!each->is_inside || each->asked != each->serial) end_interruption(each->thread);  // it has left meanwhile
    }
}

LATEPY_FUNC LATEPY_COLD void interrupt_loose_threads() {
  each_running_thread([](unsigned long thread) {
    for (EntryRecord* each = entry_records.load(); each; each = each->next)
      if (each->is_inside && each->thread == thread) return;
    interrupt_thread(thread, nullptr);
  });
}

LATEPY_FUNC LATEPY_COLD void forget_idle_interruptions() {
  if (loose_interruptions.load() == 0) return;
  std::vector<unsigned long> threads;
  {
    const SpinLock lock(alarms_lock);
    for (const Alarm* each = alarms; each; each = each->next)
      if (each->is_loose()) threads.push_back(each->thread);
  }
  if (threads.empty()) return;
  each_running_thread(
      [&](unsigned long thread) { threads.erase(std::remove(threads.begin(), threads.end(), thread), threads.end()); });
  for (const unsigned long thread : threads) end_interruption(thread);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
