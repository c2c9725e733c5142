// latepy/core/gil.hpp: GilGuard and GilRelease.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/thread_record.hpp>

#include <optional>

namespace latepy {
inline namespace v1 {
/// Holds the GIL for a scope. Any thread, also one that Python has never seen; nests freely; nearly free where the
/// thread holds the GIL already. A thread's state is kept until the thread ends.
/// \throws StateError when no interpreter runs, or it is stopping.
class GilGuard {
 public:
  class Maybe;
  GilGuard() {
    if (!enter()) refuse();
  }
  /// Nothing where the constructor would throw StateError: for threads that may meet the stop.
  static std::optional<GilGuard> try_acquire();
  GilGuard(GilGuard&& other) noexcept : how_(other.how_), outer_(other.outer_), interpreter_(other.interpreter_) {
    other.how_ = How::not_at_all;
  }
  GilGuard& operator=(GilGuard&&) = delete;
  ~GilGuard() {
    if (how_ == How::fresh) leave();
  }

 private:
  struct Unentered {};
  enum class How : unsigned char { not_at_all, nested, fresh };
  explicit GilGuard(Unentered) noexcept {}

  bool enter();

  void leave() noexcept;

  [[noreturn]] static void refuse();

  How how_ = How::not_at_all;
  PyThreadState* outer_ = nullptr;
  detail::InterpreterState* interpreter_ = nullptr;  // where `how_` is fresh
};

/// A GilGuard where it is asked for, else nothing.
class GilGuard::Maybe {
 public:
  LATEPY_FORCE_INLINE explicit Maybe(bool is_wanted) : guard_(Unentered()) {
    if (LATEPY_UNLIKELY(is_wanted)) enter();
  }

 private:
  LATEPY_OUTLINE void enter() {
    if (!guard_.enter()) refuse();
  }
  GilGuard guard_;
};

/// Lets go of the GIL for a scope, so that other threads run Python while this one computes or waits.
/// The thread must hold the GIL; Objects must not be used inside. Where the thread holds no GIL nothing happens.
class GilRelease {
 public:
  GilRelease() noexcept;
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;
  ~GilRelease();

 private:
  detail::InterpreterState* interpreter_;  // null where this thread held no GIL
  PyThreadState* state_;
  std::uint32_t generation_;
  bool is_counted_;  // as inside
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
  const detail::Api& api = detail::api();
  detail::ThreadRecord& record = detail::thread_record;
  detail::InterpreterState& interpreter = *detail::process_state().first.load(std::memory_order_acquire);
  // The order matters: the stop sets `stopping` and then waits for `inside` to fall to zero.
  interpreter.inside.fetch_add(1);
  const std::uint32_t generation = interpreter.generation.load();
  if (interpreter.stopping.load() != 0 || generation == detail::no_generation || record.ended) {
    interpreter.inside.fetch_sub(1);
    return false;
  }
  PyThreadState* state = record.generation == generation ? record.state : nullptr;
  // A thread that has had a state of ours is not looked up: 3.14 would answer with that state, which may be freed.
  if (!state && !record.at_end) {
    state = api.GILState_GetThisThreadState();
    if (state && api.ThreadState_GetInterpreter(state) != interpreter.interpreter.load()) state = nullptr;
  }
  if (!state) {
    try {
      state = detail::make_thread_state(interpreter);
    } catch (...) {
      interpreter.inside.fetch_sub(1);
      throw;
    }
  }
  // A thread that is inside another interpreter leaves that one first. Before 3.12 CPython cannot tell it.
  if (detail::library_state.current_is_per_thread && api.ThreadState_GetUnchecked()) outer_ = api.Eval_SaveThread();
  api.Eval_RestoreThread(state);
  how_ = How::fresh;
  interpreter_ = &interpreter;
  ++record.depth;
  detail::drain_if_any(interpreter);
  return true;
}

LATEPY_FUNC void GilGuard::leave() noexcept {
  const detail::Api& api = detail::api();
  detail::drain_if_any(*interpreter_);
  --detail::thread_record.depth;
  api.Eval_SaveThread();
  interpreter_->inside.fetch_sub(1);
  if (outer_) api.Eval_RestoreThread(outer_);
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void GilGuard::refuse() {
  if (!detail::is_python_running())
    throw StateError(
        "the GIL was asked for, but no Python runs in this process: make a latepy::Interpreter first, and keep it");
  throw StateError(detail::thread_record.ended ? "the GIL was asked for at the very end of a thread"
                                               : "the GIL was asked for while Python is stopping");
}

LATEPY_FUNC GilRelease::GilRelease() noexcept : interpreter_(detail::held_interpreter()) {
  if (!interpreter_) return;
  generation_ = interpreter_->generation.load(std::memory_order_relaxed);
  // A thread that Python made is inside through no guard: it is counted here, so that the stop waits for it.
  is_counted_ = detail::thread_record.depth == 0 && !detail::thread_record.state;
  if (is_counted_) interpreter_->inside.fetch_add(1);
  state_ = detail::api().Eval_SaveThread();
}

LATEPY_FUNC GilRelease::~GilRelease() {
  if (!interpreter_) return;
  if (interpreter_->generation.load(std::memory_order_acquire) != generation_) {  // Python was stopped inside the scope
    // The frames below belong to a Python that is gone. The thread parks, as CPython 3.14 lets it.
    if (is_counted_) detail::process_park();
    return;
  }
  detail::api().Eval_RestoreThread(state_);
  if (is_counted_) interpreter_->inside.fetch_sub(1);
  detail::drain_if_any(*interpreter_);
}

#endif

}  // namespace v1
}  // namespace latepy
