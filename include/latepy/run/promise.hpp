// latepy/run/promise.hpp: Promise, which a host function returns, a script awaits, and any thread sets.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/promise_state.hpp>
#include <latepy/run/detail/loop/wait_for_futures.hpp>

#include <system_error>

namespace latepy {
inline namespace v1 {
template <class T>
class Promise;

namespace detail {

/// Work that calls f() when a script cancels what it awaits. An exception is reported.
template <class F>
class CancelWork final : public LoopWork {
 public:
  template <class G>
  explicit CancelWork(G&& f) : LoopWork(&CancelWork::finish_it), f_(std::forward<G>(f)) {}

 private:
  static void finish_it(LoopWork* self, LoopCore* core) noexcept {
    const std::unique_ptr<CancelWork> owned(static_cast<CancelWork*>(self));
    if (!core) return;
    try {
      owned->f_();
    } catch (...) {
      LoopCore::report("Exception in a function that was given to latepy::Promise::on_cancel()");
    }
  }
  F f_;
};

/// The result of Promise::handler().
template <class T>
struct PromiseHandler {
  Promise<T> promise;
  /// \param error a std::error_code, or what converts to one, or a std::exception_ptr.
  template <class E, class... V>
  void operator()(const E& error, V&&... value) noexcept {
    try {
      if constexpr (std::is_convertible_v<const E&, std::exception_ptr>) {
        if (error) std::rethrow_exception(error);
      } else if (const std::error_code code = error) {
        throw std::system_error(code);
      }
      promise.set_value(std::forward<V>(value)...);
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }
};

}  // namespace detail

/// A value that comes later, for a script that awaits it. A host function returns it, and keeps a copy, which any
/// thread sets:
///
///     python.def("fetch", [&](std::string name) {
///       py::Promise<int> promise;
///       pool.submit([promise, name]() mutable { promise.set_value(read(name)); });
///       return promise;                                                   // rows = await fetch("a")
///     });
///
/// - Copies share the value. All members may be called on any thread, and need no GIL.
/// - The script may run in an EventLoop, or in a loop of its own, as by asyncio.run().
/// - If the last copy goes and nothing was set, the script gets a RuntimeError.
template <class T>
class Promise {
  static_assert(!detail::borrows<T> && !std::is_reference_v<T>, "a Promise has a value of its own");

 public:
  /// Makes one that nobody awaits yet. \throws std::bad_alloc.
  Promise() : state_(new detail::PromiseStateOf<T>) {}
  ///@{
  /// Copies share the value. What was moved from can only be assigned to.
  Promise(const Promise& other) noexcept : state_(other.state_) {
    if (state_) state_->join_as_setter();
  }
  Promise(Promise&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Promise& operator=(Promise other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ///@}
  ~Promise() {
    if (state_) state_->leave_as_setter();
  }

  /// Gives the value to the script; without an argument if T is void. The loop converts it. If a copy of the value
  /// throws, the script gets that exception. \returns false if it was set before, if the script has cancelled what it
  /// awaits, or if the loop has ended.
  template <class... V>
  bool set_value(V&&... value) noexcept {
    static_assert(std::is_void_v<T> ? sizeof...(V) == 0 : sizeof...(V) == 1,
                  "set_value() takes the value, and nothing if T is void");
    if (!state_ || !state_->claim()) return false;
    if constexpr (!std::is_void_v<T>) {
      try {
        state_->value.emplace(std::forward<V>(value)...);
      } catch (...) {
        state_->set_failure(std::current_exception());
      }
    }
    return state_->deliver();
  }
  ///@{
  /// Has the `await` of the script raise an exception, as if a host function had thrown it. \returns as set_value().
  bool set_exception(std::exception_ptr error) noexcept {
    if (!state_ || !state_->claim()) return false;
    state_->set_failure(std::move(error));
    return state_->deliver();
  }
  template <class E, class = std::enable_if_t<std::is_base_of_v<std::exception, E>>>
  bool set_exception(E error) noexcept {
    return set_exception(std::make_exception_ptr(std::move(error)));
  }
  ///@}
  /// Whether the script has cancelled what it awaits: the value is not wanted any more.
  bool is_cancelled() const noexcept { return state_ && state_->is_cancelled(); }
  /// Calls f() if the script cancels what it awaits, on the thread of the loop, with the GIL; soon if it has already.
  /// What it throws goes to the exception handler of the loop. f is destroyed when it is not needed any more.
  /// \throws std::bad_alloc.
  template <class F>
  void on_cancel(F&& f) {
    if (state_) state_->on_cancel(*new detail::CancelWork<detail::kept_type<F>>(std::forward<F>(f)));
  }
  /// A function for asio and the like, which sets the value: (error_code, T), (exception_ptr, T), and (error_code) if T
  /// is void. An error is raised as that of a std::system_error.
  detail::PromiseHandler<T> handler() const { return {*this}; }

 private:
  friend struct Converter<Promise>;
  detail::PromiseStateOf<T>* state_;
};

/// A Promise as the result of a host function: an awaitable. Given to Python twice in one loop, it is one Future.
template <class T>
struct Converter<Promise<T>> {
  static std::string python_type(detail::Direction direction) {
    return detail::concat({"collections.abc.Awaitable[", detail::python_type<T>(direction), "]"});
  }
  static Object to_py(const Promise<T>& promise) {
    if (!promise.state_)
      detail::throw_error<StateError>({"a Promise was given to Python that was moved from: make a new one"});
    return promise.state_->awaitable();
  }
};

/// An awaitable for scripts that ends when `future` is ready, with its value or exception. One thread waits for all
/// such futures; a deferred one runs on it. No GIL. \throws StateError if it has no state; std::system_error if no
/// thread can be made.
template <class T>
Promise<T> await_on_thread(std::future<T> future) {
  Promise<T> promise;
  detail::wait_for(std::make_unique<detail::AwaitedOf<T, Promise<T>>>(std::move(future), promise));
  return promise;
}

}  // namespace v1
}  // namespace latepy
