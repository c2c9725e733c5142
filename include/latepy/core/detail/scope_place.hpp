// latepy/core/detail/scope_place.hpp: ScopePlace, which finds a GilRelease or the like that lived across `co_await`.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/thread_record.hpp>

#include <cstdio>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The last number that a thread or a CoroutineStep has. None gets that of another one, also not of one that has ended.
inline std::atomic<std::size_t> last_place{0};
/// See thread_number().
inline thread_local std::size_t number_of_thread = 0;
/// The number of the CoroutineStep that this thread is in; 0 outside of one.
inline thread_local std::size_t coroutine_step = 0;

/// The number of this thread, never 0. Unlike an address of the thread's, no later thread gets it. A library with its
/// own copy of latepy counts from another number, because it may use an EventLoop of this one.
inline std::size_t thread_number() noexcept {
  if (LATEPY_UNLIKELY(number_of_thread == 0))
    number_of_thread =
        reinterpret_cast<std::uintptr_t>(&last_place) * static_cast<std::size_t>(0x9E3779B97F4A7C15u) + ++last_place;
  return number_of_thread;
}

/// Ends the process: nothing can be thrown where a scope ends, and the thread would go on without the GIL, or in the
/// wrong interpreter. \param what the scope's class.
[[noreturn]] LATEPY_COLD inline void end_for_scope(const char* what) noexcept {
  std::fprintf(stderr,
               "latepy: a latepy::%s lived across co_await, or ended on another thread than it began: end its scope "
               "before the co_await, and begin another one after it\n",
               what);
  std::abort();
}

/// Ends the process, if handles are checked (LATEPY_CHECKS).
LATEPY_COLD inline void check_ended_scope(const char* what) noexcept {
  if (library_state.checks.load()) end_for_scope(what);
}

/// Where a scope began, if handles are checked (LATEPY_CHECKS). A member of what belongs to one thread.
class ScopePlace {
 public:
  ScopePlace() noexcept : place_(library_state.checks.load(std::memory_order_relaxed) ? here() : 0) {}
  /// To be called where the scope ends.
  void check_end(const char* what) const noexcept {
    if (LATEPY_UNLIKELY(place_ != 0 && place_ != here())) end_for_scope(what);
  }
  /// The same for what may end on any thread: it ends the process only if it began in a coroutine, and ends in another
  /// step of one.
  void check_step(const char* what) const noexcept {
    if (LATEPY_UNLIKELY(place_ != 0 && is_step_ && coroutine_step && place_ != coroutine_step)) end_for_scope(what);
  }

 private:
  static std::size_t here() noexcept { return coroutine_step ? coroutine_step : thread_number(); }
  std::size_t place_;
  bool is_step_ = coroutine_step != 0;
};

/// While it lives, this thread runs a coroutine, which co_await has suspended or that begins.
class CoroutineStep {
 public:
  CoroutineStep() noexcept {
    if (LATEPY_LIKELY(!library_state.checks.load(std::memory_order_relaxed))) return;
    outer_ = std::exchange(coroutine_step, ++last_place);
    is_counted_ = true;
    if (const InterpreterState* const held = held_interpreter()) held_ = held->generation.load();
  }
  CoroutineStep(const CoroutineStep&) = delete;
  CoroutineStep& operator=(const CoroutineStep&) = delete;
  /// The thread must be where it was: whoever resumed the coroutine uses Python next.
  ~CoroutineStep() {
    if (LATEPY_LIKELY(!is_counted_)) return;
    coroutine_step = outer_;
    if (held_ != no_generation && is_alive(held_) && !holds_gil_of(held_))
      end_for_scope("GilRelease, or a latepy::GilGuard of another interpreter,");
  }

 private:
  std::size_t outer_ = 0;
  std::uint32_t held_ = no_generation;  // of the interpreter whose GIL the thread holds
  bool is_counted_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
