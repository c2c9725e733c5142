// latepy/run/task.hpp: Task, a C++20 coroutine that scripts await, and co_await of a Future. Empty before C++20.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/future.hpp>
#include <latepy/run/promise.hpp>

#if defined(__cpp_impl_coroutine)
#include <coroutine>

namespace latepy {
inline namespace v1 {
template <class T = void>
class Task;

namespace detail {

/// `co_await` of a Future.
template <class T>
class FutureAwaiter : private LoopWork {
 public:
  explicit FutureAwaiter(Future<T>&& future) noexcept : LoopWork(&FutureAwaiter::resume), future_(std::move(future)) {}
  bool await_ready() const noexcept { return future_.is_ready(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    FutureAccess::then(future_, *this);
  }
  T await_resume() { return future_.get(); }

 private:
  static void resume(LoopWork* self, LoopCore*) noexcept {
    const CoroutineStep step;
    static_cast<FutureAwaiter*>(self)->waiting_.resume();
  }
  Future<T> future_;
  std::coroutine_handle<> waiting_{};
};

/// What the promises of all coroutines with a Task share. The coroutine is freed by its Task, or at its end, if it was
/// given to Python.
class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  struct AtEnd {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) noexcept {
      if (ended.promise().waiting_) return ended.promise().waiting_;
      ended.promise().give_to_python();
      ended.destroy();
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  AtEnd final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure_ = std::current_exception(); }

 protected:
  std::coroutine_handle<> waiting_{};  // the coroutine that awaits this one; null if a script does
  std::exception_ptr failure_{};
};

template <class T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }

 private:
  friend TaskPromiseBase;
  template <class U>
  friend class v1::Task;
  friend struct Converter<Task<T>>;
  T take() {
    if (failure_) std::rethrow_exception(failure_);
    return std::move(*value_);
  }
  void give_to_python() noexcept {
    failure_ ? result_.set_exception(std::move(failure_)) : result_.set_value(std::move(*value_));
  }
  std::optional<T> value_{};
  Promise<T> result_{};
};
template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}

 private:
  friend TaskPromiseBase;
  template <class U>
  friend class v1::Task;
  friend struct Converter<Task<void>>;
  void take() const {
    if (failure_) std::rethrow_exception(failure_);
  }
  void give_to_python() noexcept { failure_ ? result_.set_exception(std::move(failure_)) : result_.set_value(); }
  Promise<void> result_{};
};

}  // namespace detail

/// `co_await future`: the coroutine goes on on the thread of the loop, with the GIL, when the result is there. A
/// GilGuard, GilRelease, Deadline or CaptureOutput belongs to a thread: none may live across it. With LATEPY_CHECKS one
/// that does ends the process, and says so, unless it is a GilGuard on a thread that held the GIL already.
template <class T>
detail::FutureAwaiter<T> operator co_await(Future<T>&& future) noexcept {
  return detail::FutureAwaiter<T>(std::move(future));
}
/// As above. Afterwards the Future is empty.
template <class T>
detail::FutureAwaiter<T> operator co_await(Future<T>& future) noexcept {
  return detail::FutureAwaiter<T>(std::move(future));
}

/// A coroutine of C++20 that gives a T. It begins when it is awaited: by another such coroutine, with `co_await`, or by
/// a script, when a host function returns it.
///
///     py::Task<int> total(py::EventLoop& loop) {
///       int a = co_await loop.call<int>("service", "ask", 1);
///       co_return a + co_await loop.call<int>("service", "ask", 2);
///     }
///     python.def("total", [&] { return total(loop); });                    // n = await total()
///
/// It can be moved. One that is not awaited is freed without having begun.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;  ///< for the compiler
  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  ///@{
  /// For `co_await task`: begins the coroutine, and gives its result or throws its exception. On the thread where it
  /// ended. \throws StateError the second time, or if the Task was moved from.
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
    if (!coroutine_ || coroutine_.promise().waiting_)
      detail::throw_error<StateError>(
          {"a Task was awaited that was moved from, or for the second time: call the coroutine again"});
    coroutine_.promise().waiting_ = waiting;
    return coroutine_;
  }
  T await_resume() { return coroutine_.promise().take(); }
  ///@}

 private:
  friend promise_type;
  friend struct Converter<Task>;
  explicit Task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
  std::coroutine_handle<promise_type> coroutine_;
};

template <class T>
Task<T> detail::TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> detail::TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

/// A Task as the result of a host function: an awaitable. It begins at once, on this thread.
template <class T>
struct Converter<Task<T>> {
  static std::string python_type(detail::Direction direction) { return Converter<Promise<T>>::python_type(direction); }
  static Object to_py(Task<T>&& task) {
    if (!task.coroutine_ || task.coroutine_.promise().waiting_)
      detail::throw_error<StateError>(
          {"a Task was given to Python that was moved from, or awaited before: call the coroutine again"});
    Object awaitable = latepy::to_py(task.coroutine_.promise().result_);
    const detail::CoroutineStep step;
    std::exchange(task.coroutine_, nullptr).resume();
    return awaitable;
  }
};

}  // namespace v1
}  // namespace latepy
#endif
