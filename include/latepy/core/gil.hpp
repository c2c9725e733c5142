// latepy/core/gil.hpp: GilGuard, which takes Python's GIL for a scope, and GilRelease, which gives it up for a scope.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/gate.hpp>
#include <latepy/core/detail/stack_limit.hpp>

#include <optional>

namespace latepy {
inline namespace v1 {
/// Holds the GIL while it lives, so that the thread may use Python. Works on any thread, also on one that Python did
/// not make. Guards may be nested: one on a thread that holds the GIL already is cheap and changes nothing. A thread
/// that is in no interpreter enters the first one of the process. Its Python thread state is kept until the thread
/// ends.
///
/// Recursion without an end is a RecursionError. On a thread with less than 7 MiB of stack Python may call itself less
/// deeply than elsewhere, about 3 KiB for each call: 140 calls with 512 KiB. With less than 512 KiB CPython's compiler
/// can still overflow the stack, by thousands of operators or parentheses in one another. On the stack of a fiber only
/// CPython's own counter ends a recursion: give it some MiB.
class GilGuard {
 public:
  class Maybe;
  /// Waits for the GIL. \throws StateError if no interpreter runs, it is stopping, the thread is ending, or
  /// its stack has less than 96 KiB; std::bad_alloc.
  GilGuard() {
    if (!enter()) refuse();
  }
  /// As the constructor, but gives std::nullopt instead of throwing StateError: for threads that may outlive Python.
  static std::optional<GilGuard> try_acquire();
  /// Takes over the GIL from `other`. Both must be on one thread.
  GilGuard(GilGuard&& other) noexcept : how_(other.how_), outer_(other.outer_), interpreter_(other.interpreter_) {
    other.how_ = How::not_at_all;
  }
  GilGuard(const GilGuard&) = delete;
  GilGuard& operator=(const GilGuard&) = delete;
  ~GilGuard() {
    if (how_ >= How::fresh) leave();
  }

 private:
  struct Unentered {};
  /// not_at_all: did not enter, or was moved from. nested: the thread held the GIL. fresh: this guard took the GIL.
  /// fresh_for_python: it took the GIL on a thread that Python made, which the stop does not wait for.
  enum class How : unsigned char { not_at_all, nested, fresh, fresh_for_python };
  explicit GilGuard(Unentered) noexcept {}

  /// Takes the GIL. \returns false where the constructor throws StateError.
  bool enter();
  /// enter() for a thread that does not hold the GIL.
  bool enter_anew();
  /// A new thread state for this thread; null if its stack is too small. If it fails, calls count_out().
  static PyThreadState* new_state(detail::InterpreterState& interpreter);

  /// Gives back the GIL that enter() took.
  void leave() noexcept;

  /// Throws the StateError that says why enter() returned false.
  [[noreturn]] static void refuse();

  How how_ = How::not_at_all;
  PyThreadState* outer_ = nullptr;                   // of another interpreter, which leave() enters again
  detail::InterpreterState* interpreter_ = nullptr;  // set if this guard took the GIL
};

/// A GilGuard that takes the GIL only if it is told to. latepy uses it inside.
class GilGuard::Maybe {
 public:
  /// Takes the GIL if `is_wanted`. \throws as GilGuard does.
  LATEPY_FORCE_INLINE explicit Maybe(bool is_wanted) : guard_(Unentered()) {
    if (LATEPY_UNLIKELY(is_wanted)) enter();
  }

 private:
  LATEPY_OUTLINE void enter() {
    if (!guard_.enter()) refuse();
  }
  GilGuard guard_;
};

/// Gives up the GIL while it lives, so that other threads can run Python while this one computes or waits. No Object
/// may be used meanwhile, except inside a GilGuard. On a thread that does not hold the GIL it does nothing.
class GilRelease {
 public:
  /// Gives up the GIL if the thread holds it.
  GilRelease() noexcept;
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;
  /// Waits for the GIL if the constructor gave it up. If Python was stopped meanwhile, a thread that Python made blocks
  /// forever, because its callers are functions of the Python that ended; other threads go on without the GIL. In the
  /// child of a fork() inside the scope, a thread that Python made ends the process by std::abort().
  ~GilRelease();

 private:
  detail::InterpreterState* interpreter_;  // null if this thread did not hold the GIL
  PyThreadState* state_ = nullptr;
  std::uint32_t generation_ = detail::no_generation;
  bool is_pythons_ = false;  // whether Python made this thread
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC std::optional<GilGuard> GilGuard::try_acquire() {
  GilGuard guard{Unentered()};
  if (!guard.enter()) return std::nullopt;
  return std::optional<GilGuard>(std::move(guard));
}

LATEPY_FUNC bool GilGuard::enter() {
  if (detail::InterpreterState* const held = detail::held_interpreter(); LATEPY_LIKELY(held != nullptr)) {
    how_ = How::nested;
    detail::drain_if_any(*held);
    return true;
  }
  return enter_anew();
}

LATEPY_FUNC LATEPY_OUTLINE bool GilGuard::enter_anew() {
  const detail::Api& api = detail::api();
  detail::ThreadRecord& record = detail::thread_record;
  detail::InterpreterState& interpreter = *detail::process_state().entered.load(std::memory_order_acquire);
  if (!detail::try_count_in(interpreter)) return false;
  const std::uint32_t generation = interpreter.generation.load();
  PyThreadState* state = record.generation == generation ? record.state : nullptr;
  bool is_pythons = false;
  if (LATEPY_UNLIKELY(!state)) {
    if (generation == detail::no_generation || record.ended) {
      detail::count_out(interpreter);
      return false;
    }
    // If latepy has made a state for this thread before, CPython is not asked: 3.14 would give that state, which may be
    // freed.
    if (!record.at_end) {
      state = api.GILState_GetThisThreadState();
      if (state && api.ThreadState_GetInterpreter(state) != interpreter.interpreter.load()) state = nullptr;
      is_pythons = state != nullptr;
    }
    if (!state && !(state = new_state(interpreter))) return false;
  }
  // A thread that is in another interpreter leaves that one first. Before 3.12 CPython cannot tell whether it is in
  // one.
  if (detail::library_state.current_is_per_thread && api.ThreadState_GetUnchecked()) outer_ = api.Eval_SaveThread();
  api.Eval_RestoreThread(state);
  interpreter_ = &interpreter;
  // Without a Python frame, C++ made the thread, and another library its thread state: the stop waits for it.
  if (LATEPY_UNLIKELY(is_pythons)) is_pythons = api.Eval_GetFrame() != nullptr;
  if (LATEPY_UNLIKELY(is_pythons)) {
    how_ = How::fresh_for_python;
    detail::count_out(interpreter);
  } else {
    how_ = How::fresh;
    ++record.depth;
  }
  if (LATEPY_UNLIKELY(detail::stack_limit.has_new_state)) detail::fit_recursion();
  detail::drain_if_any(interpreter);
  return true;
}

LATEPY_FUNC LATEPY_COLD PyThreadState* GilGuard::new_state(detail::InterpreterState& interpreter) {
  try {
    if (!detail::is_stack_too_small()) {
      PyThreadState* const made = detail::make_thread_state(interpreter);
      detail::stack_limit.has_new_state = true;
      return made;
    }
  } catch (...) {
    detail::count_out(interpreter);
    throw;
  }
  detail::count_out(interpreter);
  return nullptr;
}

LATEPY_FUNC void GilGuard::leave() noexcept {
  const detail::Api& api = detail::api();
  if (LATEPY_UNLIKELY(detail::process_state().lost)) return;  // forked inside a GilRelease of this scope
  const bool is_pythons = how_ == How::fresh_for_python;
  if (LATEPY_UNLIKELY(is_pythons) && !detail::holds_gil())
    detail::process_park();  // Python was stopped inside the scope
  detail::drain_if_any(*interpreter_);
  if (LATEPY_LIKELY(!is_pythons)) --detail::thread_record.depth;
  api.Eval_SaveThread();
  if (LATEPY_LIKELY(!is_pythons)) detail::count_out(*interpreter_);
  if (outer_) api.Eval_RestoreThread(outer_);
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void GilGuard::refuse() {
  if (!detail::is_python_running())
    detail::throw_not_running(
        "the GIL was asked for, but no Python runs in this process: make a latepy::Interpreter first, and keep it");
  if (!detail::thread_record.state && detail::is_stack_too_small())
    detail::throw_small_stack("the GIL cannot be taken");
  detail::throw_error<StateError>(
      {detail::thread_record.ended
           ? "the GIL was asked for at the end of a thread, after its Python thread state was given up: use Python "
             "earlier"
       : !detail::is_python_open()
           ? "the GIL was asked for while Python is starting: wait until the constructor of latepy::Interpreter has "
             "returned"
           : "the GIL was asked for while Python is stopping: end this work before the stop, or use try_acquire()"});
}

LATEPY_FUNC GilRelease::GilRelease() noexcept : interpreter_(detail::held_interpreter()) {
  if (!interpreter_) return;
  generation_ = interpreter_->generation.load(std::memory_order_relaxed);
  is_pythons_ = detail::thread_record.depth == 0 && !detail::thread_record.state;
  state_ = detail::api().Eval_SaveThread();
}

LATEPY_FUNC GilRelease::~GilRelease() {
  if (!interpreter_) return;
  // The callers of a thread that Python made belong to that Python. If it has ended, the thread blocks, as in CPython
  // 3.14.
  if (is_pythons_)
    detail::count_in_or_park(*interpreter_, generation_);
  else if (interpreter_->generation.load(std::memory_order_acquire) != generation_)
    return;  // Python was stopped inside the scope
  detail::api().Eval_RestoreThread(state_);
  if (is_pythons_) detail::count_out(*interpreter_);
  detail::drain_if_any(*interpreter_);
}

#endif

}  // namespace v1
}  // namespace latepy
