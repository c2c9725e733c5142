// latepy/run/detail/entry.hpp: Entry, which each member of Scope holds: the GIL, and the flush at the outermost return.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/streams/flush.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The generation of the interpreter whose Scope this thread called a member of last, and has not left; 0 if there is
/// none.
inline thread_local std::uint32_t entered_scope = no_generation;

/// What others tell the thread that stops Python code; see run/detail/limits/watcher.hpp. Without that thread some are
/// null.
struct WatcherCalls {
  void (*enter)() noexcept;      ///< an outermost Entry begins
  void (*leave)() noexcept;      ///< it ends
  void (*interrupt)() noexcept;  ///< Interpreter::interrupt()
  void (*end)() noexcept;        ///< the stop: ends the thread; no thread may enter Python any more
  void (*forget)() noexcept;     ///< in the child of a fork(), which has no such thread
};
/// PyThread_get_thread_ident() of the thread that started Python by this library. It may use Python without a guard.
inline std::atomic<unsigned long> starter_thread{0};
/// Notes that it is this thread. \returns its ThreadRecord.
inline const void* note_starter() noexcept {
  starter_thread = api().Thread_get_thread_ident();
  return &thread_record;
}
/// What is called while there is no such thread; see run/memory_limit.hpp.
inline std::atomic<const WatcherCalls*> idle_calls{nullptr};
/// Null if there is nothing to tell.
inline std::atomic<const WatcherCalls*> watcher_calls{nullptr};
/// Makes one of the calls. \returns false if there is no such thread.
inline bool ask_watcher(void (*WatcherCalls::*call)() noexcept) noexcept {
  const WatcherCalls* const calls = watcher_calls.load();
  const auto function = calls ? calls->*call : nullptr;
  if (function) function();
  return function != nullptr;
}

/// Each member of Scope holds one. It enters the interpreter of the Scope. \param flushes the member may print: the
/// destructor flushes Python's streams, if this is the outermost Entry in the interpreter.
class Entry {
 public:
  explicit Entry(std::uint32_t generation, bool flushes = false)
      : gil_(generation), outer_(std::exchange(entered_scope, generation)), own_(generation), flushes_(flushes) {
    if (outer_ != no_generation) return;
    if (const auto* const calls = watcher_calls.load(std::memory_order_acquire); LATEPY_UNLIKELY(calls != nullptr))
      calls->enter();
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry();

 private:
  GilGuard gil_;
  std::uint32_t outer_, own_;
  bool flushes_;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Entry::~Entry() {
  entered_scope = outer_;
  if (outer_ == own_) return;
  if (outer_ == no_generation)
    if (const auto* const calls = watcher_calls.load(std::memory_order_acquire); LATEPY_UNLIKELY(calls != nullptr))
      calls->leave();
  if (flushes_) flush_streams();
}

#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
