// latepy/run/detail/loop/queue.hpp: LoopQueue, to which any thread adds work for the thread of an event loop.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <utility>

namespace latepy {
inline namespace v1 {
namespace detail {

class LoopCore;

/// Work for an event loop. It is allocated together with what it is about, so that adding it cannot fail.
struct LoopWork {
  LoopWork* next = nullptr;
  /// Does the work on the loop's thread, with the GIL, and frees it. \param core null: the loop has ended, and the work
  /// is only freed; on any thread, perhaps without the GIL.
  void (*finish)(LoopWork*, LoopCore* core) noexcept = nullptr;

  explicit LoopWork(void (*finishes)(LoopWork*, LoopCore*) noexcept) noexcept : finish(finishes) {}
  LoopWork(const LoopWork&) = delete;
  LoopWork& operator=(const LoopWork&) = delete;
};

/// Work that waits, without a lock. Any thread may add some; one thread at a time takes all.
class LoopQueue {
 public:
  enum class Added : unsigned char { no, first, more };
  LoopQueue() noexcept = default;
  LoopQueue(const LoopQueue&) = delete;
  LoopQueue& operator=(const LoopQueue&) = delete;

  /// Adds work. \returns no: the queue is closed; first: it was empty, and the thread of the loop is to be woken.
  Added add(LoopWork& work) noexcept {
    LoopWork* last = last_.load(std::memory_order_relaxed);
    do {
      if (last == end_mark()) return Added::no;
      work.next = last;
    } while (!last_.compare_exchange_weak(last, &work, std::memory_order_release, std::memory_order_relaxed));
    return last ? Added::more : Added::first;
  }
  /// Takes all work. \returns a list of it, the oldest first; null if there is none.
  LoopWork* take() noexcept {
    LoopWork* last = last_.load(std::memory_order_relaxed);
    while (last && last != end_mark())
      if (last_.compare_exchange_weak(last, nullptr, std::memory_order_acquire, std::memory_order_relaxed))
        return reversed(last);
    return nullptr;
  }
  /// The same, and from now on nothing is added.
  LoopWork* close() noexcept {
    LoopWork* const last = last_.exchange(end_mark(), std::memory_order_acq_rel);
    return last == end_mark() ? nullptr : reversed(last);
  }
  bool is_empty() const noexcept {
    LoopWork* const last = last_.load(std::memory_order_relaxed);
    return !last || last == end_mark();
  }

 private:
  /// The value of last_ in a closed queue. It is never read.
  static LoopWork* end_mark() noexcept {
    alignas(LoopWork) static char mark[1];
    return reinterpret_cast<LoopWork*>(mark);
  }
  static LoopWork* reversed(LoopWork* last) noexcept {
    LoopWork* first = nullptr;
    while (last) first = std::exchange(last, std::exchange(last->next, first));
    return first;
  }
  std::atomic<LoopWork*> last_{nullptr};
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
