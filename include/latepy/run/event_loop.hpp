// latepy/run/event_loop.hpp: EventLoop, which runs coroutines of Python for C++ threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/end_loop.hpp>
#include <latepy/run/detail/stop.hpp>
#include <latepy/run/future.hpp>
#include <latepy/run/promise.hpp>
#include <latepy/run/scope.hpp>
#include <latepy/run/task.hpp>

#include <chrono>
#include <cmath>
#include <functional>

namespace latepy {
inline namespace v1 {

/// Says that the program runs an EventLoop, by poll().
struct Pumped {
  explicit Pumped() = default;  ///< `pumped` is one
};
inline constexpr Pumped pumped{};  ///< as above

/// An event loop of asyncio, in the interpreter of a Scope. C++ threads give it coroutines, and get a Future for each.
///
///     py::EventLoop loop(python);
///     py::Future<int> answer = loop.call<int>("service", "ask", 6);    // async def ask(…) in service.py
///     use(answer.get());
///
/// - Members may be called on any thread, with or without the GIL.
/// - The end cancels all tasks, and waits for them up to 10 s. The stop of the interpreter ends its loops first.
/// - What is left of a Future then is a CancelledError. No more work is taken.
/// - In the child of a fork() the loop is not there.
class EventLoop {
 public:
  /// Makes a loop with a thread of its own. \throws StateError if no Python runs; std::system_error; std::bad_alloc.
  explicit EventLoop(const Scope& scope) : EventLoop(scope, false, {}) {}
  /// Makes a loop without a thread, which poll() runs, beside a loop of the program.
  /// \param on_ready is called when there is work from C++, on the thread that gave it, perhaps with the GIL: it is to
  /// wake the thread that calls poll(), and do nothing else. What it throws goes to the exception handler of the loop.
  /// The end of the loop waits until it has returned. It is not called for sockets and timers: for these see
  /// native_handle() and next_timer().
  EventLoop(const Scope& scope, Pumped, std::function<void()> on_ready = {})
      : EventLoop(scope, true, std::move(on_ready)) {}
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Ends the loop, without the GIL while it waits. In a function that the loop runs, the loop ends after that.
  ~EventLoop();

  /// Runs a coroutine, or awaits another awaitable, as a task of the loop. Takes the GIL.
  /// \throws TypeError if it is not awaitable; ValueError if it is a Future or Task of another loop; StateError if the
  /// loop has ended: a coroutine is closed then.
  template <class T = Object>
  Future<T> submit(const Ref& awaitable) {
    const auto make = [](const std::shared_ptr<detail::OwnLoop>& loop) -> detail::FutureState* {
      return new detail::FutureStateOf<T>(loop);
    };
    return Future<T>(static_cast<detail::FutureStateOf<T>*>(submit(awaitable, make)));
  }
  /// Calls a function of a module on the thread of the loop, and awaits what it returns, if that is awaitable. Imports
  /// the module and converts the arguments here; takes the GIL. \throws as Scope::call(); StateError if the loop has
  /// ended.
  template <class T = Object, class... A>
  Future<T> call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry(loop_->generation);
    const Object found = find(module, function);
    const Object bound = detail::loop_function("partial")(found, std::forward<A>(arguments)...);
    return submit<T>(detail::call_plain(detail::loop_function("wait_for_call"), {bound}));
  }
  /// Calls f() on the thread of the loop, with the GIL. What it throws goes to the exception handler of the loop. Needs
  /// no GIL. If the loop ends before, f is only destroyed. \throws StateError if the loop has ended; std::bad_alloc.
  template <class F>
  void post(F&& f) {
    auto work = std::make_unique<detail::PostedWork<detail::kept_type<F>>>(std::forward<F>(f));
    post_work(*work);
    work.release();
  }

  /// Runs what is due, and what that makes due, but not longer than 100 rounds. Takes the GIL. One thread at a time;
  /// Futures of the loop cannot be waited for on it. \returns the number of callbacks that ran.
  /// \throws SystemExit and KeyboardInterrupt of a task, DeadlineError; RuntimeError if asyncio runs another loop on
  /// this thread; StateError inside of poll(), if the loop has ended, or if it has a thread of its own.
  long long poll();
  /// The time after which poll() has something to do without another event; 0 if it has now; std::nullopt if never.
  /// Takes the GIL.
  std::optional<std::chrono::milliseconds> next_timer();
  /// The descriptor of the loop, for epoll, kqueue, poll() or QSocketNotifier: it can be read when EventLoop::poll()
  /// has something to do, but for timers. It belongs to the loop. -1 if the loop has a thread of its own.
  std::intptr_t native_handle() const noexcept { return loop_->handle(); }

 private:
  EventLoop(const Scope& scope, bool is_pumped, std::function<void()> on_ready);
  /// \returns a new state, with a reference.
  detail::FutureState* submit(const Ref& awaitable,
                              detail::FutureState* (*make)(const std::shared_ptr<detail::OwnLoop>& loop));
  void post_work(detail::LoopWork& work);
  static Object find(const detail::StringArg& module, const detail::StringArg& function);

  std::shared_ptr<detail::OwnLoop> loop_{};
  std::thread thread_{};
};

/// Runs an awaitable to its end on this thread, in a loop of asyncio that the thread keeps for the next call, and gives
/// its result: `python.run_until_complete<int>(coroutine, 500ms)`. Tasks that it leaves go on in the next call. Takes
/// the GIL. After the timeout the task is cancelled, and gets as much time again to end. \throws what the task raises;
/// TimeoutError, which says if the task ignored its cancellation; ConversionError; TypeError if it is not awaitable;
/// RuntimeError in a running loop, as in a coroutine.
template <class T, class Limit>
T Scope::run_until_complete(const Ref& awaitable, [[maybe_unused]] Limit timeout) {
  const detail::Entry entry(generation_, true);
  detail::ColdObject limit = detail::none();
  if constexpr (!std::is_same_v<Limit, detail::NoLimit>)
    limit = to_py((std::max)(0.0, std::chrono::duration<double>(timeout).count()));
  return detail::into_cpp<T>(
      detail::call_plain(detail::loop_function("run_until_complete"), {awaitable, limit}).release());
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD EventLoop::EventLoop(const Scope& scope, bool is_pumped, std::function<void()> on_ready) {
  const GilGuard gil(scope);
  loop_ = std::make_shared<detail::OwnLoop>(detail::current_generation(), is_pumped, std::move(on_ready));
  loop_->make(loop_);
  if (is_pumped) return;
  try {
    thread_ = loop_->start();
  } catch (...) {
    loop_->abandon();
    throw;
  }
}

LATEPY_FUNC LATEPY_COLD EventLoop::~EventLoop() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(detail::patience);
  const bool is_over = loop_->end(until);
  loop_->wait_for_on_ready(until);
  if (!thread_.joinable()) return;
  if (loop_->is_forked()) {
    static_cast<void>(new std::thread(std::move(thread_)));  // leaked: it is the parent's
  } else if (!is_over || loop_->is_here()) {
    thread_.detach();
  } else {
    const detail::AnyGilRelease released;
    thread_.join();
  }
}

LATEPY_FUNC detail::FutureState* EventLoop::submit(
    const Ref& awaitable, detail::FutureState* (*make)(const std::shared_ptr<detail::OwnLoop>& loop)) {
  const detail::Entry entry(loop_->generation);
  detail::FutureState* state = nullptr;
  try {
    if (loop_->is_forked()) detail::throw_forked_loop("submit() was called");
    if (loop_->is_ending()) detail::throw_loop_ended("submit() was called");
    detail::call_plain(detail::loop_function("refusal"), {loop_->loop(), awaitable});
    state = make(loop_);
    if (!state->submit(Object(awaitable))) detail::throw_loop_ended("submit() was called");
    return state;
  } catch (...) {
    detail::attempt([&] { detail::call_plain(detail::loop_function("drop"), {awaitable}); });
    if (state) state->leave();
    throw;
  }
}

LATEPY_FUNC void EventLoop::post_work(detail::LoopWork& work) {
  const std::shared_ptr<detail::OwnLoop> loop = loop_;  // the work may destroy this before add() returns
  if (loop->is_forked()) detail::throw_forked_loop("post() was called");
  if (loop->is_ending() || !loop->add(work)) detail::throw_loop_ended("post() was called");
}

LATEPY_FUNC Object EventLoop::find(const detail::StringArg& module, const detail::StringArg& function) {
  PyObject* const known = detail::find_function(module, function);
  return detail::steal_or_throw(known ? known : detail::import_path(module.view(), function.view()));
}

LATEPY_FUNC long long EventLoop::poll() {
  const std::shared_ptr<detail::OwnLoop> loop = loop_;  // what runs may destroy this
  const detail::Entry entry(loop->generation);
  return loop->poll();
}

LATEPY_FUNC std::optional<std::chrono::milliseconds> EventLoop::next_timer() {
  const detail::Entry entry(loop_->generation);
  const double seconds = loop_->next_timer();
  if (seconds < 0) return std::nullopt;
  return std::chrono::milliseconds(static_cast<long long>(std::ceil((std::min)(seconds, 1e12) * 1000)));
}

#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
