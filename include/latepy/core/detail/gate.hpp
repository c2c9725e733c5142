// latepy/core/detail/gate.hpp: who may enter Python while it starts and stops.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/drops.hpp>

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

/// Takes a GuardCount of the interpreter for this thread until it ends. \returns count_of_all if there is none to take.
GuardCount& take_guard_count(InterpreterState& s) noexcept;
/// The GuardCount of this thread.
LATEPY_FORCE_INLINE GuardCount& guard_count(InterpreterState& s) noexcept {
  GuardCount* const own = thread_record.count;
  return LATEPY_LIKELY(own->interpreter == &s) ? *own : take_guard_count(s);
}
/// Counts this thread, unless the interpreter is stopping.
/// - `stopping` is looked at first, so that threads that poll are never counted while Python stops.
/// - It is looked at again afterwards: the stop sets `stopping` first and then waits until the sum is 0.
LATEPY_FORCE_INLINE bool try_count_in(InterpreterState& s) noexcept {
  if (s.stopping.load() != 0) return false;
  GuardCount& count = guard_count(s);
  count.number.fetch_add(1);
  if (LATEPY_LIKELY(s.stopping.load() == 0)) return true;
  count.number.fetch_sub(1);
  return false;
}
/// Ends what try_count_in() began.
inline void count_out(InterpreterState& s) noexcept { guard_count(s).number.fetch_sub(1); }
#if !LATEPY_WINDOWS
inline std::uintptr_t this_thread() noexcept {
  const pthread_t thread = pthread_self();  // a number or a pointer
  static_assert(sizeof thread == sizeof(std::uintptr_t));
  std::uintptr_t number;
  std::memcpy(&number, &thread, sizeof number);
  return number;
}
#endif
/// Whether this thread is in a guard of another library. On Windows always false.
bool is_inside_elsewhere(const InterpreterState& s) noexcept;
/// The number of threads that are counted now. After `stopping` was set it can only become less.
int threads_inside(const InterpreterState& s) noexcept;
/// A thread makes its thread state while it lives: no fork() of a thread with the GIL comes then, as it waits by
/// let_states_be_made(). PyThreadState_New needs no GIL, but a lock of CPython. Until 3.11 a child in which nobody
/// gives that lock back hangs as soon as CPython is told of the fork.
class MakingState {
 public:
  explicit MakingState(InterpreterState& s) noexcept : s_(s) {
    while (++s_.making, s_.forking.load() != 0) {
      --s_.making;
      process_nap();
    }
  }
  MakingState(const MakingState&) = delete;
  MakingState& operator=(const MakingState&) = delete;
  ~MakingState() { --s_.making; }

 private:
  InterpreterState& s_;
};
/// Waits until no thread makes a thread state. From now on none begins to, until `--s.forking`. Needs the GIL. Other
/// threads may hold it only if the wait is long: tracemalloc takes it for the memory of a thread state.
inline void let_states_be_made(InterpreterState& s) noexcept {
  ++s.forking;
  for (int naps = 0; s.making.load() != 0; ++naps) {
    PyThreadState* const state = naps < 20 ? nullptr : api().Eval_SaveThread();
    process_nap();
    if (state) api().Eval_RestoreThread(state);
  }
}
/// In the child of a fork(): of all threads only this one is left, `depth` guards deep.
void reset_counts(InterpreterState& s, int depth) noexcept;
/// try_count_in() for a thread that must return to Python. It waits while the interpreter is stopping, because the stop
/// may be given up. If the interpreter ends, it blocks forever. In the child of a fork() without the GIL it aborts.
void count_in_or_park(InterpreterState& s, std::uint32_t generation) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD GuardCount& take_guard_count(InterpreterState& s) noexcept {
  ThreadRecord& record = thread_record;
  const bool is_home = &s == process_state().entered.load();  // visits are counted together
  if (record.ended || !is_home || s.generation.load() == no_generation) return s.count_of_all;
  try {
    arm_thread_end();
  } catch (const std::bad_alloc&) {
    return s.count_of_all;
  }
  GuardCount* found = s.counts.load();
  while (found && (found->is_taken.load() || found->is_taken.exchange(true))) found = found->next;
  if (!found) {
    void* const memory = process_alloc(sizeof(GuardCount));
    if (!memory) return s.count_of_all;
    found = new (memory) GuardCount();
    found->interpreter = &s;
    found->is_taken = true;
    found->next = s.counts.load();
    while (!s.counts.compare_exchange_weak(found->next, found)) {
    }
  }
#if !LATEPY_WINDOWS
  found->thread = this_thread();
#else
  found->thread = library_state.api.Thread_get_thread_ident();
#endif
  std::exchange(record.count, found)->is_taken = false;
  return *found;
}

LATEPY_FUNC LATEPY_COLD int threads_inside(const InterpreterState& s) noexcept {
  int sum = s.count_of_all.number.load();
  for (const GuardCount* each = s.counts.load(); each; each = each->next) sum += each->number.load();
  return sum;
}

/// Whether another library counts this thread by it.
LATEPY_COLD inline bool is_of_other_library([[maybe_unused]] const GuardCount& count) noexcept {
#if LATEPY_WINDOWS
  return false;
#else
  return &count != thread_record.count && count.is_taken.load() && count.thread.load() == this_thread();
#endif
}

LATEPY_FUNC LATEPY_COLD bool is_inside_elsewhere(const InterpreterState& s) noexcept {
  const GuardCount* each = s.counts.load();
  while (each && !(each->number.load() > 0 && is_of_other_library(*each))) each = each->next;
  return each != nullptr;
}

LATEPY_FUNC LATEPY_COLD void reset_counts(InterpreterState& s, int depth) noexcept {
  s.making = s.forking = 0;
  const GuardCount* const own = thread_record.count;
  s.count_of_all.number.store(own->interpreter == &s ? 0 : depth);
  for (GuardCount* each = s.counts.load(); each; each = each->next) {
    if (is_of_other_library(*each)) continue;  // that sets it to its depth
    each->number.store(each == own ? depth : 0);
    each->is_taken.store(each == own);
  }
}

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
