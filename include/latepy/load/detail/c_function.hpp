// latepy/load/detail/c_function.hpp: CFunction, a pointer to a function of CPython, which no unwinding leaves.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <type_traits>

namespace latepy {
inline namespace v1 {
namespace detail {

// Before 3.14, CPython ends a thread that asks for the GIL while Python stops, or later: daemon threads, and C++
// threads that another embedder did not wait for. It calls pthread_exit(), which unwinds the stack of the thread in
// glibc and FreeBSD. No destructor may run then, because the thread does not hold the GIL, and no catch (...) of a
// caller may see it: the process would be aborted. So the frame that called CPython blocks the thread forever, as
// CPython 3.14 does. It does so in a cleanup and not in a handler: a thread that handles another exception is ended by
// std::terminate() before a handler of a forced unwinding begins.
//
// What stays as it is before 3.14: a thread that calls CPython without latepy unwinds through the C++ frames of that
// caller, where a catch (...) that does not throw again and a noexcept function end the process. A program with libc++
// on Linux crashes in the unwinding itself.

/// Called while an unwinding leaves a function of CPython. Blocks the thread if CPython ended it. Returns for any other
/// unwinding: a C++ exception of a function that CPython called and latepy did not make, and pthread_cancel().
void stay_if_ended() noexcept;

/// Calls stay_if_ended() if it is destroyed before `is_back` was set.
struct UnwindBarrier {
  bool is_back = false;
  UnwindBarrier() = default;
  UnwindBarrier(const UnwindBarrier&) = delete;
  UnwindBarrier& operator=(const UnwindBarrier&) = delete;
  LATEPY_FORCE_INLINE ~UnwindBarrier() {
    if (LATEPY_UNLIKELY(!is_back)) stay_if_ended();
  }
};

template <class F>
class CFunction;
/// A pointer to a function of CPython that may run Python code or ask for the GIL. Null if the library does not have
/// it.
template <class R, class... A>
class CFunction<R(A...)> {
 public:
  using Pointer = R (*)(A...);
  constexpr CFunction() noexcept = default;
  template <class F, class = std::enable_if_t<std::is_convertible_v<F, Pointer>>>
  constexpr CFunction(const F& function) noexcept : function_(function) {}
  constexpr operator Pointer() const noexcept { return function_; }
  constexpr Pointer pointer() const noexcept { return function_; }

  LATEPY_FORCE_INLINE R operator()(A... arguments) const {
    UnwindBarrier barrier;
    if constexpr (std::is_void_v<R>) {
      function_(arguments...);
      barrier.is_back = true;
    } else {
      const R result = function_(arguments...);
      barrier.is_back = true;
      return result;
    }
  }

 private:
  Pointer function_ = nullptr;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
