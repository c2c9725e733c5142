// latepy/run/detail/limits/watcher.hpp: Watcher, the thread that stops the Python code of other threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/limits/alarm.hpp>
#if LATEPY_WINDOWS
#include <latepy/run/detail/limits/wake_windows.hpp>
#else
#include <latepy/run/detail/limits/wake_posix.hpp>
#endif

#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Tells whether a thread is in a call of a member of Scope. Never freed, because a signal handler may read it; taken
/// by another thread when its thread has ended.
struct EntryRecord {
  EntryRecord* next = nullptr;
  std::atomic<unsigned long> thread{0};
  std::atomic<bool> is_taken{true}, is_inside{false};
  std::atomic<unsigned> serial{0};  ///< of the outermost call
  std::atomic<unsigned> asked{0};   ///< the serial of the call that interrupt() is to end
};
inline std::atomic<EntryRecord*> entry_records{nullptr};

// What interrupt() stops is what runs when it is called, not when the watcher has got the GIL. A call of a member of
// Scope is known by its serial. For other code, as the call of an Object, the time tells: a thread that runs Python
// code lets go of the GIL every 5 ms; one that idles with the GIL may call Python much later.
inline constexpr std::chrono::milliseconds soon{200};

/// Makes an Alarm for each C++ thread that runs Python code that interrupt() is to end. Needs the GIL.
void interrupt_threads(bool is_soon);
/// Ends interruptions of threads that have returned to C++.
void forget_idle_interruptions();

/// The thread that raises what is due. There is one in a library, from the first Deadline, or from the start if
/// Config::interruptible, to the stop. The object is never freed: a signal handler may use it.
class Watcher {
 public:
  /// Makes the thread, unless it runs. Needs the GIL. \throws std::system_error, std::bad_alloc.
  void start();
  /// Ends the thread. No thread may enter Python any more.
  void end() noexcept;
  /// In the child of a fork(): the thread, the Alarms of other threads and the descriptors are the parent's.
  void forget() noexcept;
  /// Wakes the thread, because an Alarm is new.
  void wake() noexcept { wake_.post(); }
  /// Stops the Python code that runs. Any thread, also in a signal handler.
  void interrupt() noexcept;

 private:
  void run() noexcept;
  /// Does what is due. \returns how long to wait, in ms; negative without a limit.
  int work();

  Wake wake_{};
  std::thread thread_{};
  std::atomic<Clock::rep> interrupted_{0};  // when interrupt() was called last, if that is not done yet
  std::atomic<bool> is_ending_{false};
};
inline std::atomic<Watcher*> the_watcher{nullptr};
/// The Watcher, whose thread runs. Needs the GIL. \throws std::system_error, std::bad_alloc.
Watcher& running_watcher();
/// Config::interruptible.
struct WatcherStart {
  static void apply(bool is_wanted, Moment moment);
};

#if LATEPY_DEFINITIONS

/// Whether the thread is in a guard, or may use Python without one. Threads that Python made are not.
inline bool is_hosts(unsigned long thread) noexcept {
  if (thread == starter_thread.load()) return true;
  for (const GuardCount* each = current_interpreter().counts.load(); each; each = each->next)
    if (each->number.load() > 0 && each->thread == thread) return true;
  return false;
}
/// Calls `visit` with each C++ thread that runs Python code. Needs the GIL.
template <class F>
void each_running_thread(F&& visit) {
  const Object running =
      call_plain(limits_function("running"), {make_int(static_cast<long long>(api().Thread_get_thread_ident()))});
  const ssize count = check_result(api().List_Size(running.ptr()));
  for (ssize at = 0; at < count; ++at) {
    const auto thread = static_cast<unsigned long>(Ref(api().List_GetItem(running.ptr(), at)).as<unsigned long long>());
    if (is_hosts(thread)) visit(thread);
  }
}

/// The number of interruptions outside of a member of Scope.
inline std::atomic<int> loose_interruptions{0};

LATEPY_FUNC LATEPY_COLD void end_interruption(unsigned long thread) noexcept {
  Alarm* found = nullptr;
  {
    const SpinLock lock(alarms_lock);
    for (Alarm* each = alarms; each && !found; each = each->next)
      if (each->thread == thread && each->limit < 0) found = each;
  }
  if (!found) return;
  if (found->is_loose()) --loose_interruptions;
  remove_alarm(*found);
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
  }
  if (loose_interruptions.load() != 0) end_interruption(own->thread);  // what it is to end has returned
  ++own->serial;
  own->is_inside = true;
}
LATEPY_COLD inline void leave_watched() noexcept {
  EntryRecord* const own = own_entry_record.record;
  if (own && own->is_inside.exchange(false) && own->asked.load() == own->serial.load()) end_interruption(own->thread);
}

LATEPY_FUNC LATEPY_COLD void Watcher::interrupt() noexcept {
  for (EntryRecord* each = entry_records.load(); each; each = each->next)
    if (each->is_inside) each->asked = each->serial.load();
  interrupted_ = Clock::now().time_since_epoch().count();
  wake_.post();
}

LATEPY_COLD inline void interrupt_thread(unsigned long thread, bool is_in_entry) {
  end_interruption(thread);
  auto made = std::make_unique<Alarm>();
  made->thread = thread;
  made->due = Clock::now();
  made->is_in_entry = is_in_entry;
  if (!is_in_entry) ++loose_interruptions;
  add_alarm(*made.release());
}
LATEPY_FUNC LATEPY_COLD void interrupt_threads(bool is_soon) {
  for (EntryRecord* each = entry_records.load(); each; each = each->next)
    if (each->is_inside && each->asked == each->serial) interrupt_thread(each->thread, true);
  if (!is_soon) return;
  each_running_thread([](unsigned long thread) {
    for (EntryRecord* each = entry_records.load(); each; each = each->next)
      if (each->is_inside && each->thread == thread) return;
    interrupt_thread(thread, false);
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

LATEPY_FUNC LATEPY_COLD int Watcher::work() {
  auto first = next_alarm();
  if (first <= Clock::now() || interrupted_.load() != 0) {
    if (const std::optional<GilGuard> gil = GilGuard::try_acquire()) {
      if (const auto when = interrupted_.exchange(0))
        interrupt_threads(Clock::now() - Clock::time_point(Clock::duration(when)) < soon);
      forget_idle_interruptions();
      raise_alarms();
      first = next_alarm();
    } else {
      return 5;
    }
  }
  if (first == (Clock::time_point::max)()) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(first - Clock::now()).count() + 1;
  return static_cast<int>((std::max)(0LL, (std::min)(static_cast<long long>(left), 1000000LL)));
}

LATEPY_FUNC LATEPY_COLD void Watcher::run() noexcept {
  while (!is_ending_.load()) {
    int wait = 5;
    attempt([&] { wait = work(); });
    wake_.wait(wait);
  }
}

LATEPY_FUNC LATEPY_COLD void Watcher::start() {
  prepare_own_errors();
  if (thread_.joinable()) return;
  is_ending_ = false;
  thread_ = std::thread([this] { run(); });
}

LATEPY_FUNC LATEPY_COLD void Watcher::end() noexcept {
  watcher_calls = idle_calls.load();
  if (!thread_.joinable()) return;
  is_ending_ = true;
  wake_.post();
  thread_.join();
  interrupted_ = 0;
  loose_interruptions = 0;
  const SpinLock lock(alarms_lock);
  for (Alarm** each = &alarms; *each;)
    if (Alarm* const found = *each; found->limit < 0) {
      *each = found->next;
      delete found;
    } else {
      each = &found->next;
    }
}

LATEPY_FUNC LATEPY_COLD void Watcher::forget() noexcept {
  alarms_lock.clear();
  alarms = nullptr;
  loose_interruptions = 0;
  for (EntryRecord* each = entry_records.load(); each; each = each->next)
    if (each != own_entry_record.record) each->is_inside = each->is_taken = false;
  watcher_calls = idle_calls.load();
  the_watcher = nullptr;  // leaked, with its thread, which does not exist here
  wake_.~Wake();
}

inline constexpr WatcherCalls own_watcher_calls{
    &enter_watched, &leave_watched, []() noexcept { the_watcher.load()->interrupt(); },
    []() noexcept { the_watcher.load()->end(); }, []() noexcept { the_watcher.load()->forget(); }};

LATEPY_FUNC LATEPY_COLD Watcher& running_watcher() {
  if (!the_watcher.load()) the_watcher = new Watcher;
  Watcher& watcher = *the_watcher.load();
  watcher.start();
  watcher_calls = &own_watcher_calls;
  return watcher;
}
LATEPY_FUNC LATEPY_COLD void WatcherStart::apply(bool is_wanted, Moment moment) {
  if (is_wanted && moment == Moment::started) running_watcher();
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
