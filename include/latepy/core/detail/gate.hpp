// latepy/core/detail/gate.hpp: who may enter Python while it starts and stops.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/thread_record.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The value of InterpreterState::stopping from begin_interpreter() to open_gate().
inline constexpr int gate_starting = 2;
/// Its value once the stop is not given up any more. Threads that wait for the end of a stop never come back.
inline constexpr int gate_closed = 3;

/// is_python_running(), but false until the start is done.
inline bool is_python_open() noexcept {
  const InterpreterState& interpreter = *process_state().entered.load(std::memory_order_acquire);
  return interpreter.generation.load(std::memory_order_acquire) != no_generation &&
         interpreter.stopping.load() != gate_starting;
}
/// Lets threads enter an interpreter that begin_interpreter() began. Needs its GIL.
inline void open_gate() noexcept {
  int starting = gate_starting;
  current_interpreter().stopping.compare_exchange_strong(starting, 0);
}

/// Counts this thread in InterpreterState::inside, unless the interpreter is stopping.
/// - `stopping` is looked at first, so that threads that poll are never counted while Python stops.
/// - It is looked at again afterwards: the stop sets `stopping` first and then waits until `inside` is 0.
LATEPY_FORCE_INLINE bool try_count_in(InterpreterState& s) noexcept {
  if (s.stopping.load() != 0) return false;
  s.inside.fetch_add(1);
  if (LATEPY_LIKELY(s.stopping.load() == 0)) return true;
  s.inside.fetch_sub(1);
  return false;
}
/// Ends what try_count_in() began.
inline void count_out(InterpreterState& s) noexcept { s.inside.fetch_sub(1); }
/// try_count_in() for a thread that must return to Python. It waits while the interpreter is stopping, because the stop
/// may be given up. If the interpreter ends, it blocks forever. In the child of a fork() without the GIL it aborts.
void count_in_or_park(InterpreterState& s, std::uint32_t generation) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void count_in_or_park(InterpreterState& s, std::uint32_t generation) noexcept {
  for (;;) {
    const bool is_inside = try_count_in(s);
    if (s.generation.load() != generation) {
      if (is_inside) count_out(s);
      abort_if_lost();
      process_park();
    }
    if (is_inside) return;
    process_nap();
  }
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
