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
/// can still overflow the stack, by thousands of operators or parentheses in one another. With less than 192 KiB
/// CPython 3.13 keeps the containers that a thread frees; latepy frees them after the thread has ended. On the stack of
/// a fiber only CPython's own counter ends a recursion: give it some MiB.
class GilGuard {
 public:
  class Maybe;
  /// Waits for the GIL. \throws StateError if no interpreter runs, it is stopping, the thread is ending, or
  /// its stack has less than 96 KiB; std::bad_alloc.
  GilGuard() { enter(true); }
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
  /// fresh_from_outer: it took the GIL on a thread that was in another interpreter. fresh_for_python: likewise, or in
  /// none, on a thread that Python made, which the stop does not wait for.
  enum class How : unsigned char { not_at_all, nested, fresh, fresh_from_outer, fresh_for_python };
  explicit GilGuard(Unentered) noexcept {}

  /// Takes the GIL. Where the constructor throws StateError, it does so if `throws`; else `how_` stays not_at_all.
  void enter(bool throws);
  /// enter() for a thread that does not hold the GIL.
  void enter_anew(bool throws);
  /// enter_anew() for a thread with no state in its ThreadRecord.
  void enter_first(detail::InterpreterState& interpreter, bool throws);
  /// The state of such a thread: CPython's, or a new one. \returns null where the constructor throws StateError.
  /// \throws std::bad_alloc, after count_out().
  static PyThreadState* find_state(detail::InterpreterState& interpreter);
  /// Waits for the GIL. The thread is counted in.
  void take(detail::InterpreterState& interpreter, PyThreadState* state);

  /// Gives back the GIL that enter() took.
  void leave() noexcept;
  /// leave() for what is not How::fresh.
  void leave_otherwise() noexcept;

  /// If `throws`, throws the StateError that says why enter() did not enter.
  static void refuse(bool throws);

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
  LATEPY_OUTLINE void enter() { guard_.enter(true); }
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
  guard.enter(false);
  if (guard.how_ == How::not_at_all) return std::nullopt;
  return std::optional<GilGuard>(std::move(guard));
}

LATEPY_FUNC void GilGuard::enter(bool throws) {
  detail::InterpreterState* const held = detail::held_interpreter();
  if (LATEPY_UNLIKELY(!held)) return enter_anew(throws);
  how_ = How::nested;
  detail::drain_if_any(*held);
}

LATEPY_FORCE_INLINE void GilGuard::take(detail::InterpreterState& interpreter, PyThreadState* state) {
  const detail::Api& api = detail::api();
  interpreter_ = &interpreter;
  how_ = How::fresh;
  // A thread that is in another interpreter leaves that one first. Before 3.12 CPython cannot tell whether it is in
  // one.
  if (detail::library_state.current_is_per_thread && LATEPY_UNLIKELY(api.ThreadState_GetUnchecked() != nullptr)) {
    outer_ = api.Eval_SaveThread();
    how_ = How::fresh_from_outer;
  }
  api.Eval_RestoreThread(state);
  ++detail::thread_record.depth;
}

LATEPY_FUNC LATEPY_OUTLINE void GilGuard::enter_anew(bool throws) {
  detail::ThreadRecord& record = detail::thread_record;
  detail::InterpreterState& interpreter = *detail::process_state().entered.load(std::memory_order_acquire);
  if (!detail::try_count_in(interpreter)) return refuse(throws);
  if (LATEPY_UNLIKELY(record.generation != interpreter.generation.load())) return enter_first(interpreter, throws);
  take(interpreter, record.state);
  detail::drain_if_any(interpreter);
}

LATEPY_FUNC LATEPY_COLD void GilGuard::enter_first(detail::InterpreterState& interpreter, bool throws) {
  PyThreadState* const state = find_state(interpreter);
  if (!state) {
    detail::count_out(interpreter);
    return refuse(throws);
  }
  take(interpreter, state);
  // latepy did not make the state. Without a Python frame, C++ made the thread, and another library its state: the stop
  // waits for it.
  if (!detail::thread_record.at_end && detail::api().Eval_GetFrame()) {
    how_ = How::fresh_for_python;
    --detail::thread_record.depth;
    detail::count_out(interpreter);
  }
  if (detail::stack_limit.has_new_state) detail::fit_recursion();
  detail::drain_if_any(interpreter);
}

LATEPY_FUNC LATEPY_COLD PyThreadState* GilGuard::find_state(detail::InterpreterState& interpreter) {
  const detail::Api& api = detail::api();
  const detail::ThreadRecord& record = detail::thread_record;
  const std::uint32_t generation = interpreter.generation.load();
  if (generation == detail::no_generation || record.ended) return nullptr;
  // If latepy has made a state for this thread before, CPython is not asked: 3.14 would give that state, which may be
  // freed.
  PyThreadState* const known = record.at_end ? nullptr : api.GILState_GetThisThreadState();
  if (known && api.ThreadState_GetInterpreter(known) == interpreter.interpreter.load()) return known;
  if (detail::is_stack_too_small()) return nullptr;
  try {
    const detail::MakingState making(interpreter);
    PyThreadState* const made = detail::make_thread_state(interpreter, generation);
    detail::stack_limit.has_new_state = true;
    return made;
  } catch (...) {
    detail::count_out(interpreter);
    throw;
  }
}

LATEPY_FUNC void GilGuard::leave() noexcept {
  const detail::Api& api = detail::api();
  if (LATEPY_UNLIKELY(detail::process_state().lost)) return;  // forked inside a GilRelease of this scope
  if (LATEPY_UNLIKELY(how_ != How::fresh)) return leave_otherwise();
  detail::drain_if_any(*interpreter_);
  --detail::thread_record.depth;
  api.Eval_SaveThread();
  detail::count_out(*interpreter_);
}

LATEPY_FUNC LATEPY_COLD void GilGuard::leave_otherwise() noexcept {
  const detail::Api& api = detail::api();
  const bool is_counted = how_ == How::fresh_from_outer;
  if (!is_counted && !detail::holds_gil()) detail::process_park();  // Python was stopped inside the scope
  detail::drain_if_any(*interpreter_);
  if (is_counted) --detail::thread_record.depth;
  api.Eval_SaveThread();
  if (is_counted) detail::count_out(*interpreter_);
  if (outer_) api.Eval_RestoreThread(outer_);
}

LATEPY_FUNC LATEPY_COLD void GilGuard::refuse(bool throws) {
  if (!throws) return;
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
  is_pythons_ =
      detail::thread_record.depth == 0 && !detail::thread_record.state && !detail::is_inside_elsewhere(*interpreter_);
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
