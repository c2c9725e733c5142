// latepy/core/detail/forked.hpp: what a child of fork() does before it uses Python; see run/detail/fork.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

#include <cstdlib>

#if !LATEPY_WINDOWS
#include <unistd.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// This thread called fork(), and ProcessState::forked was set for it.
inline thread_local bool is_forker = false;

/// In a child of fork() that CPython was not told of, tells it, or waits until the thread that forked has told it.
void finish_fork() noexcept;
/// Throws the StateError `text`; in the child of a fork() without the GIL, the StateError that says so.
[[noreturn]] LATEPY_COLD inline void throw_not_running(const char* text) {
  const int lost = process_state().lost;
  if (lost == 0) throw_error<StateError>({text});
  throw_error<StateError>({"Python was used in a process that fork() made ",
                           lost == 1 ? "on a thread without the GIL: put a latepy::GilGuard around fork(), or"
                                     : "beside a latepy::SubInterpreter: end each one before the fork(), or",
                           " let the child call exec()"});
}

/// Ends the process if it is the child of a fork() without the GIL. For a thread that cannot go on without Python, nor
/// throw. The text goes to the descriptor, because another thread may have held the lock of stderr at the fork().
LATEPY_COLD inline void abort_if_lost() noexcept {
#if !LATEPY_WINDOWS
  if (!process_state().lost) return;
  constexpr char text[] =
      "latepy: the child of a fork() inside a latepy::GilRelease returned to Python, which cannot run there: call "
      "exec() or _exit() in the child, or fork() with the GIL\n";
  [[maybe_unused]] const auto written = write(2, text, sizeof text - 1);
  std::abort();
#endif
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void finish_fork() noexcept {
#if !LATEPY_WINDOWS
  ProcessState& process = process_state();
  while (const int forked = process.forked.load()) {
    // A function of os.register_at_fork() came here, or a thread that it started and may wait for.
    if (forked == 2 && (is_forker || holds_any_gil())) return;
    if (!is_forker) {
      process_nap();
      continue;
    }
    process.forked = 2;
    api().AfterFork_Child();
    const SpinLock lock(process.lock);
    publish_interpreters(process);
    is_forker = false;
    process.forked = 0;
  }
#endif
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
