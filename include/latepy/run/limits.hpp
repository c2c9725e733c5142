// latepy/run/limits.hpp: Deadline, which stops Python code that runs too long.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/limits/watcher.hpp>

namespace latepy {
inline namespace v1 {
/// Stops the Python code of this thread that runs past a limit, while this object lives: the code gets a DeadlineError,
/// which is below BaseException. `finally` and `with` blocks run. Code that catches it and runs on is stopped 100 ms
/// later: it gets the error again at each line, until it has returned to C++.
/// - A loop of Python code stops within about 50 ms. Code that is blocked in C, such as time.sleep(), stops when that
///   returns; see blocked(). So does C++ code that a script has called.
/// - In 3.11 and 3.12 CPython does not run the `finally` and `except` of a `try` that begins with the stopped loop.
/// - The limit is for all code together that the thread runs in the scope. Further code gets the error too, at the
///   latest 100 ms after the first one.
/// - Deadlines may be nested; the earliest stops the code. The others wait until its scope is left.
/// - The child of a fork() begins without limits.
/// - In whichever interpreter the thread is, the code there gets the error, and again that of the outer one.
/// - It does not end the waiting of a C++ function, such as Future::get(): there is wait_for().
/// - A coroutine must not be suspended in the scope: the object belongs to its thread.
class [[nodiscard]] Deadline {
 public:
  /// Begins to count. Takes the GIL. The first Deadline makes a thread, which lives until Python stops.
  /// \throws StateError if no Python runs; std::system_error if no thread can be made; std::bad_alloc.
  template <class Rep, class Period>
  explicit Deadline(std::chrono::duration<Rep, Period> limit)
      : Deadline(Milliseconds{static_cast<long long>(
            (std::min)((std::max)(0.0, std::chrono::duration<double, std::milli>(limit).count()), 1e11) + 0.5)}) {}
  /// Does not compile: a number has no unit.
  template <class N, class = std::enable_if_t<std::is_arithmetic_v<N>>>
  explicit Deadline(N) : Deadline(Milliseconds{}) {
    static_assert(!std::is_arithmetic_v<N>,
                  "Deadline(500): say the unit: Deadline(std::chrono::milliseconds(500)), or Deadline(500ms) after "
                  "`using namespace std::chrono_literals;`");
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  /// Ends the limit: what it has raised and is not yet delivered is taken back. On the thread of the constructor.
  ~Deadline() {
    place_.check_end("Deadline");
    detail::remove_alarm(alarm_);
  }

  /// Whether the time passed while the thread ran no Python code that could be stopped: it was, or is, blocked in C or
  /// C++. Any thread, no GIL.
  bool blocked() const noexcept {
    const detail::SpinLock lock(detail::alarms_lock);
    return alarm_.is_blocked || alarm_.is_late(detail::Clock::now());
  }

 private:
  struct Milliseconds {
    long long count = 0;
  };
  explicit Deadline(Milliseconds limit);
  detail::Alarm alarm_{};
  detail::ScopePlace place_{};
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Deadline::Deadline(Milliseconds limit) {
  const auto now = detail::Clock::now();
  const GilGuard gil;
  detail::Watcher& watcher = detail::running_watcher();
  alarm_.thread = detail::api().Thread_get_thread_ident();
  alarm_.limit = limit.count;
  const detail::ThreadRecord& record = detail::thread_record;
  alarm_.place = &detail::thread_place;
  alarm_.base = record.is_on_visit() ? record.home.generation : detail::current_generation();
  alarm_.due = now + std::chrono::milliseconds(limit.count);
  if (detail::add_alarm(alarm_)) watcher.wake();
}

#endif

}  // namespace v1
}  // namespace latepy
