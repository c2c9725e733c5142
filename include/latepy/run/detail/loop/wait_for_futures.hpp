// latepy/run/detail/loop/wait_for_futures.hpp: the thread that waits for each std::future of await_on_thread().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/loop/core.hpp>

#include <future>
#include <mutex>
#include <thread>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A std::future, and where its value goes.
class Awaited {
 public:
  Awaited() = default;
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;
  virtual ~Awaited() = default;
  /// Waits at most that long. \returns whether it is done.
  virtual bool wait(std::chrono::milliseconds limit) noexcept = 0;
};
template <class T, class P>
class AwaitedOf final : public Awaited {
 public:
  AwaitedOf(std::future<T> future, P promise) : future_(std::move(future)), promise_(std::move(promise)) {
    if (!future_.valid())
      throw_error<StateError>({"await_on_thread() got a std::future without a state: it was moved from, or taken"});
  }
  bool wait(std::chrono::milliseconds limit) noexcept override {
    try {
      if (future_.wait_for(limit) == std::future_status::timeout) return false;
      if constexpr (std::is_void_v<T>) {
        future_.get();
        promise_.set_value();
      } else {
        promise_.set_value(future_.get());
      }
    } catch (...) {
      promise_.set_exception(std::current_exception());
    }
    return true;
  }

 private:
  std::future<T> future_;
  P promise_;
};

/// Adds one to those that the thread waits for. \throws std::system_error if no thread can be made; std::bad_alloc.
void wait_for(std::unique_ptr<Awaited> awaited);

#if LATEPY_DEFINITIONS

/// Those that wait. The thread lives while there are some. Never freed: the thread may outlive main().
struct FutureWaiter {
  std::mutex mutex{};
  std::vector<std::unique_ptr<Awaited>> added{};
  bool is_running = false;
  const unsigned forks = loop_forks.load();

  void run() noexcept {
    std::vector<std::unique_ptr<Awaited>> all;
    for (std::chrono::milliseconds pause(1);;) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        attempt([&] { all.reserve(all.size() + added.size()); });
        while (!added.empty() && all.size() < all.capacity()) {
          all.push_back(std::move(added.back()));
          added.pop_back();
        }
        if (all.empty() && added.empty()) {
          is_running = false;
          return;
        }
      }
      bool is_any_done = false;
      for (std::size_t at = all.size(); at > 0; --at) {
        // The last one is waited for, so that it costs no delay if it is the only one.
        if (!all[at - 1]->wait(at == all.size() ? pause : std::chrono::milliseconds(0))) continue;
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(at - 1));
        is_any_done = true;
      }
      pause = is_any_done ? std::chrono::milliseconds(1) : (std::min)(pause * 2, std::chrono::milliseconds(16));
    }
  }
};

LATEPY_FUNC LATEPY_COLD void wait_for(std::unique_ptr<Awaited> awaited) {
  static std::atomic<FutureWaiter*> waiter{nullptr};
  count_loop_forks();
  FutureWaiter* known = waiter.load();
  if (!known || known->forks != loop_forks.load()) {  // in the child of a fork() the thread is the parent's
    auto made = std::make_unique<FutureWaiter>();
    if (waiter.compare_exchange_strong(known, made.get())) known = made.release();
  }
  const std::lock_guard<std::mutex> lock(known->mutex);
  known->added.push_back(std::move(awaited));
  if (known->is_running) return;
  try {
    std::thread([known] { known->run(); }).detach();
    known->is_running = true;
  } catch (...) {
    known->added.pop_back();
    throw;
  }
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
