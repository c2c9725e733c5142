// latepy/run/future.hpp: Future, the result of what an EventLoop runs.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/future_state.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char on_done_failed[] = "Exception in a function that was given to latepy::Future::on_done()";

/// Calls what Python has for on_done(). If the loop has ended, this may be any thread. If the interpreter has, nothing
/// is called. \throws StateError if it ends now.
LATEPY_COLD inline void call_when_done(const Object& function) {
  if (!function.is_alive()) return;
  const GilGuard gil(function);
  try {
    call_plain(function);
  } catch (...) {
    LoopCore::report(on_done_failed);
  }
}

/// Work that calls f(), or f(Future<T>), when a Future is ready. An exception is reported.
template <class T, class F>
class DoneWork final : public LoopWork {
 public:
  template <class G>
  DoneWork(FutureStateOf<T>* state, G&& f) : LoopWork(&DoneWork::finish_it), state_(state), f_(std::forward<G>(f)) {}

 private:
  static void finish_it(LoopWork* self, LoopCore*) noexcept {
    const std::unique_ptr<DoneWork> owned(static_cast<DoneWork*>(self));
    Future<T> future(owned->state_);
    try {
      if constexpr (is_handle<F>)
        call_when_done(owned->f_);
      else if constexpr (std::is_invocable_v<F&, Future<T>>)
        owned->f_(std::move(future));
      else
        owned->f_();
    } catch (...) {
      LoopCore::report(on_done_failed);
    }
  }
  FutureStateOf<T>* state_;  // with a reference
  F f_;
};

struct FutureAccess {
  /// Has the loop do the work when the Future is ready. \throws StateError if it is empty.
  template <class T>
  static void then(const Future<T>& future, LoopWork& work) {
    future.checked().then(work);
  }
};

}  // namespace detail

/// The result of a task of an EventLoop, which is there when the task is done. It can be moved. Its members may be
/// called on any thread, with or without the GIL; one thread at a time. The destructor neither waits nor cancels.
/// If the loop ends before, the result is a CancelledError.
template <class T>
class Future {
  static_assert(!detail::borrows<T> && !std::is_reference_v<T>,
                "a Future has a value of its own: this type points into the Python object");

 public:
  /// Empty: any use but assignment throws StateError.
  Future() noexcept = default;
  /// Takes over the task; leaves `other` empty.
  Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  /// As above.
  Future& operator=(Future&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  Future(const Future&) = delete;
  Future& operator=(const Future&) = delete;
  ~Future() {
    if (state_) state_->leave();
  }

  /// Waits, without the GIL, and gives the result. A value is given once; an exception each time.
  /// \throws what the task has raised; CancelledError; ConversionError if the result cannot be converted to T;
  /// StateError on the thread of the loop while it is not ready, if the result was taken already, or if this is empty.
  T get() {
    detail::FutureStateOf<T>& state = checked();
    state.wait(-1);
    state.begin_taking(!std::is_void_v<T>);
    if constexpr (!std::is_void_v<T>) return *std::exchange(state.value, std::nullopt);
  }
  /// Waits for the result, without the GIL. \returns whether it is ready. \throws StateError as get().
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> limit) const {
    const double milliseconds = std::chrono::duration<double, std::milli>(limit).count();
    return checked().wait(static_cast<long long>((std::min)((std::max)(0.0, milliseconds + 0.5), 1e11)));
  }
  /// Whether get() gives the result, or throws, at once. False if this is empty.
  bool is_ready() const noexcept { return state_ && state_->is_ready(); }
  /// Asks the loop to cancel the task, as Task.cancel() does: the code gets a CancelledError, which it may catch.
  /// \returns false if it is ready, or this is empty.
  bool cancel() noexcept { return state_ && state_->cancel(); }
  /// Calls `f` when it is ready, on the thread of the loop, with the GIL: f(), or f(Future<T>) with a Future that is
  /// ready. If the loop has ended, it is called on the thread that finds that, perhaps at once on this one. What it
  /// throws goes to the exception handler of the loop. A Python callable gets no argument, and is always called with
  /// the GIL. \throws std::bad_alloc; StateError if this is empty.
  template <class F>
  void on_done(F&& f) {
    detail::FutureStateOf<T>& state = checked();
    auto* const work = new detail::DoneWork<T, detail::kept_type<F>>(&state, std::forward<F>(f));
    state.join();
    state.then(*work);
  }

 private:
  friend class EventLoop;
  friend struct detail::FutureAccess;
  template <class U, class F>
  friend class detail::DoneWork;
  /// Takes over a reference.
  explicit Future(detail::FutureStateOf<T>* state) noexcept : state_(state) {}
  detail::FutureStateOf<T>& checked() const {
    if (!state_) detail::throw_error<StateError>({"an empty Future was used: it was never set, or was moved from"});
    return *state_;
  }
  detail::FutureStateOf<T>* state_ = nullptr;
};

}  // namespace v1
}  // namespace latepy
