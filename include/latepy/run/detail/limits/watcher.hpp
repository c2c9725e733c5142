// latepy/run/detail/limits/watcher.hpp: Watcher, the thread that stops the Python code of other threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/limits/interruption.hpp>
#if LATEPY_WINDOWS
#include <latepy/run/detail/limits/wake_windows.hpp>
#else
#include <latepy/run/detail/wake_posix.hpp>
#endif

#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

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
  /// An interpreter with InterpreterState::needs_turns has begun. Any thread.
  void begin_turns() noexcept {
    takes_turns_ = true;
    wake();
  }

 private:
  /// Raises what is due in an interpreter for whose GIL it may wait long.
  struct Delivery {
    std::uint32_t generation = no_generation;
    std::atomic<bool> is_over{false};
    std::thread thread{};
  };
  void run() noexcept;
  /// Does what is due. \returns how long to wait, in ms; negative without a limit.
  int work();
  /// Raises what is due in the main interpreter. Takes its GIL.
  void serve_main();
  /// Raises what is due in an interpreter, on a thread of its own.
  void deliver(std::uint32_t generation);
  /// Lets the interpreters that share a GIL take turns. Until 3.12 a thread that waits for the GIL asks the code of its
  /// own interpreter to let it go, and no other one (take_gil, Python/ceval_gil.h): a loop in one interpreter keeps out
  /// all others until it ends. So a thread enters each interpreter in which code may run.
  void ask_for_turns();
  /// Forgets the deliveries that are over. \param waits waits for all.
  void end_deliveries(bool waits) noexcept;

  Wake wake_{};
  std::thread thread_{};
  std::atomic<Clock::rep> interrupted_{0};  // when interrupt() was called last, if that is not done yet
  std::atomic<Clock::rep> loose_{0};        // when; threads outside of a member of Scope are still to be found
  std::atomic<bool> is_ending_{false}, takes_turns_{false};
  std::vector<std::unique_ptr<Delivery>> deliveries_{};
};
inline std::atomic<Watcher*> the_watcher{nullptr};
/// The Watcher, whose thread runs. Needs the GIL. \throws std::system_error, std::bad_alloc.
Watcher& running_watcher();
/// Config::interruptible.
struct WatcherStart {
  static void apply(bool is_wanted, Moment moment);
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void Watcher::interrupt() noexcept {
  for (EntryRecord* each = entry_records.load(); each; each = each->next)
    if (each->is_inside) each->asked = each->serial.load();
  interrupted_ = Clock::now().time_since_epoch().count();
  wake_.post();
}

LATEPY_FUNC LATEPY_COLD void Watcher::end_deliveries(bool waits) noexcept {
  for (std::size_t at = deliveries_.size(); at > 0; --at) {
    Delivery& each = *deliveries_[at - 1];
    if (!waits && !each.is_over.load()) continue;
    each.thread.join();
    deliveries_.erase(deliveries_.begin() + static_cast<std::ptrdiff_t>(at - 1));
  }
}

LATEPY_FUNC LATEPY_COLD void Watcher::deliver(std::uint32_t generation) {
  for (const auto& each : deliveries_)
    if (each->generation == generation) return;  // it waits for the GIL
  deliveries_.push_back(std::make_unique<Delivery>());
  Delivery& made = *deliveries_.back();
  made.generation = generation;
  try {
    made.thread = std::thread([this, &made, generation] {
      attempt([&] {
        if (generation == process_state().entered.load()->generation) return serve_main();
        if (const std::optional<GilGuard> gil = GuardAccess::try_enter(generation)) raise_alarms();
      });
      made.is_over = true;
    });
  } catch (...) {
    deliveries_.pop_back();  // the next round tries again
  }
}

LATEPY_FUNC LATEPY_COLD void Watcher::serve_main() {
  const std::optional<GilGuard> gil = GilGuard::try_acquire();
  if (!gil) return;
  if (const auto when = loose_.exchange(0)) {
    if (Clock::now() - Clock::time_point(Clock::duration(when)) < soon) interrupt_loose_threads();
    call_alarms([](std::uint32_t) {});
  }
  forget_idle_interruptions();
  raise_alarms();
}

LATEPY_FUNC LATEPY_COLD void Watcher::ask_for_turns() {
  if (!takes_turns_.exchange(false)) return;
  std::vector<std::uint32_t> asked;
  find_interpreter(process_state(), [&](const InterpreterState& each) {
    if (!each.needs_turns.load()) return false;
    takes_turns_ = true;
    if (threads_inside(each) > 0 || each.has_other_threads.load())
      attempt([&] { asked.push_back(each.generation.load()); });
    return false;
  });
  if (!asked.empty()) asked.push_back(process_state().entered.load()->generation);
  for (const std::uint32_t each : asked) deliver(each);
}

LATEPY_FUNC LATEPY_COLD int Watcher::work() {
  end_deliveries(false);
  ask_for_turns();
  if (const auto when = interrupted_.exchange(0)) {
    interrupt_entries();
    loose_ = when;
  }
  const std::uint32_t main = process_state().entered.load()->generation;
  bool is_due = loose_.load() != 0;
  call_alarms([&](std::uint32_t generation) {
    if (generation == main || generation == no_generation)
      is_due = true;
    else
      deliver(generation);
  });
  if (is_due) process_state().only.load() ? serve_main() : deliver(main);
  const auto first = next_alarm();
  const int longest = loose_.load() != 0 ? 5 : takes_turns_.load() ? turn : -1;
  if (first == (Clock::time_point::max)()) return longest;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(first - Clock::now()).count() + 1;
  return static_cast<int>((std::max)(0LL, (std::min)(static_cast<long long>(left), longest < 0 ? 1000000LL : longest)));
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
  end_deliveries(true);
  interrupted_ = loose_ = 0;
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
