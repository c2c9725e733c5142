// latepy/core/gil.hpp: GilGuard and GilRelease, the record of each thread, and the references dropped without the GIL.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/refcount.hpp>

#include <optional>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What a thread is to Python. Trivially destructible: it may be read in any destructor of the ending thread.
struct ThreadRecord {
  PyThreadState* state = nullptr;  ///< kept from guard to guard; Python's own when `retire` is null
  std::uint32_t life = no_life;    ///< the life that `state` belongs to
  RetiredThread* retire = nullptr; ///< made with `state`, handed over when the thread ends
  bool ended = false;              ///< the thread is ending: what is made now is not kept
};
inline thread_local LATEPY_HIDDEN ThreadRecord thread_record{};

template <class Node>
void push(std::atomic<Node*>& list, Node* node) noexcept {
  node->next = list.load(std::memory_order_relaxed);
  while (!list.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

/// Hands the thread state over when its thread ends. The end of a thread never waits for the GIL: a thread that holds
/// it may be joining this one. The next thread that enters frees the state.
struct ThreadEnd {
  bool armed = false;
  ~ThreadEnd() {
    thread_record.ended = true;
    if (RetiredThread* node = thread_record.retire) {
      thread_record.retire = nullptr;
      thread_record.state = nullptr;
      push(shared().retired, node);
    }
  }
};
inline thread_local LATEPY_HIDDEN ThreadEnd thread_end{};

/// Whether this thread holds the GIL of our interpreter (on free-threaded builds: is attached to it). Any thread.
inline bool holds_gil() noexcept {
  const State& s = the_state;
  const std::uint32_t life = current_life();
  if (life == no_life) return false;
  PyThreadState* current = s.api.ThreadState_GetUnchecked();
  if (!current) return false;
  if (current == thread_record.state && thread_record.life == life) return true;
  return s.current_is_per_thread ? s.api.ThreadState_GetInterpreter(current) == s.interpreter
                                 : current == s.api.GILState_GetThisThreadState();
}

/// Frees what threads without the GIL left behind. Needs the GIL.
LATEPY_COLD inline void drain(Shared& s) noexcept {
  const std::uint32_t life = s.life.load(std::memory_order_relaxed);
  LateDrop* drop = s.drops.exchange(nullptr, std::memory_order_acquire);
  LateDrop* in_order = nullptr;
  while (drop) {
    LateDrop* next = drop->next;
    drop->next = in_order;
    in_order = drop;
    drop = next;
  }
  while (in_order) {
    LateDrop* next = in_order->next;
    if (in_order->life == life) decref(in_order->object);
    process_free(in_order);
    in_order = next;
  }
  for (RetiredThread* thread = s.retired.exchange(nullptr, std::memory_order_acquire); thread;) {
    RetiredThread* next = thread->next;
    if (thread->life == life) {
      api().ThreadState_Clear(thread->state);
      api().ThreadState_Delete(thread->state);
    }
    process_free(thread);
    thread = next;
  }
}

inline void drain_if_any(Shared& s) noexcept {
  if (LATEPY_UNLIKELY(s.drops.load(std::memory_order_relaxed) || s.retired.load(std::memory_order_relaxed))) drain(s);
}

LATEPY_COLD inline void drop_late(PyObject* object, std::uint32_t life) noexcept {
  Shared& s = shared();
  if (life != s.life.load(std::memory_order_acquire)) return;  // its Python is gone, and the object with it
  auto* node = static_cast<LateDrop*>(process_alloc(sizeof(LateDrop)));
  if (!node) {
    s.leaked.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  node->object = object;
  node->life = life;
  push(s.drops, node);
}

/// The end of an owned reference, on any thread, at any time.
inline void drop(PyObject* object, std::uint32_t life) noexcept {
  if (LATEPY_LIKELY(life == current_life() && holds_gil()))
    decref(object);
  else
    drop_late(object, life);
}

/// A thread state for this thread, kept until the thread ends. Needs no GIL.
LATEPY_COLD inline PyThreadState* make_thread_state(std::uint32_t life) {
  auto* node = static_cast<RetiredThread*>(process_alloc(sizeof(RetiredThread)));
  if (!node) throw std::bad_alloc();
  PyThreadState* made = api().ThreadState_New(the_state.interpreter);
  if (!made) {
    process_free(node);
    throw std::bad_alloc();
  }
  node->state = made;
  node->life = life;
  if (thread_record.retire) process_free(thread_record.retire);  // of an earlier life: CPython freed its state
  thread_record.state = made;
  thread_record.life = life;
  thread_record.retire = node;
  if (!thread_record.ended) thread_end.armed = true;  // the first touch registers the destructor
  return made;
}

}  // namespace detail

/// Holds the GIL for a scope. Any thread, also one that Python has never seen; nests freely; nearly free where the
/// thread holds the GIL already. A thread's state is kept until the thread ends.
/// \throws StateError when no interpreter runs, or it is stopping.
class GilGuard {
 public:
  GilGuard() {
    if (!enter()) refuse();
  }
  /// Nothing where the constructor would throw StateError: for threads that may meet the stop.
  static std::optional<GilGuard> try_acquire() {
    GilGuard guard{Unentered()};
    if (!guard.enter()) return std::nullopt;
    return std::optional<GilGuard>(std::move(guard));
  }
  GilGuard(GilGuard&& other) noexcept : how_(other.how_), outer_(other.outer_) { other.how_ = How::not_at_all; }
  GilGuard& operator=(GilGuard&&) = delete;
  ~GilGuard() {
    if (how_ >= How::fresh) leave();
  }

 private:
  struct Unentered {};
  enum class How : unsigned char { not_at_all, nested, fresh, passing };
  explicit GilGuard(Unentered) noexcept {}

  bool enter() {
    detail::Shared& shared = detail::shared();
    if (LATEPY_LIKELY(detail::holds_gil())) {
      how_ = How::nested;
      detail::drain_if_any(shared);
      return true;
    }
    // The order matters: the stop sets `stopping` and then waits for `inside` to fall to zero.
    shared.inside.fetch_add(1);
    const std::uint32_t life = shared.life.load();
    if (shared.stopping.load() != 0 || life == detail::no_life) {
      shared.inside.fetch_sub(1);
      return false;
    }
    const detail::Api& api = detail::api();
    detail::ThreadRecord& record = detail::thread_record;
    // A thread that is inside another interpreter leaves that one first. Before 3.12 CPython cannot tell it.
    if (detail::the_state.current_is_per_thread && api.ThreadState_GetUnchecked()) outer_ = api.Eval_SaveThread();
    PyThreadState* state = record.life == life ? record.state : nullptr;
    if (!state) {
      state = api.GILState_GetThisThreadState();
      if (state && api.ThreadState_GetInterpreter(state) != detail::the_state.interpreter) state = nullptr;
    }
    how_ = How::fresh;
    if (!state) {
      try {
        state = detail::make_thread_state(life);
      } catch (...) {
        shared.inside.fetch_sub(1);
        how_ = How::not_at_all;
        throw;
      }
      if (record.ended) how_ = How::passing;
    }
    api.Eval_RestoreThread(state);
    detail::drain_if_any(shared);
    return true;
  }

  void leave() noexcept {
    detail::Shared& shared = detail::shared();
    const detail::Api& api = detail::api();
    detail::drain_if_any(shared);
    if (how_ == How::passing) {  // made while the thread ends: nobody would free it later
      detail::ThreadRecord& record = detail::thread_record;
      api.ThreadState_Clear(record.state);
      api.ThreadState_DeleteCurrent();
      detail::process_free(record.retire);
      record.retire = nullptr;
      record.state = nullptr;
    } else {
      api.Eval_SaveThread();
    }
    shared.inside.fetch_sub(1);
    if (outer_) api.Eval_RestoreThread(outer_);
  }

  [[noreturn]] LATEPY_COLD static void refuse() {
    throw StateError(detail::shared().stopping.load() ? "the GIL was asked for while Python is stopping"
                                                      : "the GIL was asked for, but no Python runs in this process: "
                                                        "make a latepy::Interpreter first, and keep it");
  }

  How how_ = How::not_at_all;
  PyThreadState* outer_ = nullptr;
};

/// Lets go of the GIL for a scope, so that other threads run Python while this one computes or waits.
/// The thread must hold the GIL; Objects must not be used inside. Where the thread holds no GIL nothing happens.
class GilRelease {
 public:
  GilRelease() noexcept : state_(detail::holds_gil() ? detail::api().Eval_SaveThread() : nullptr) {}
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;
  ~GilRelease() {
    if (!state_) return;
    detail::api().Eval_RestoreThread(state_);
    detail::drain_if_any(detail::shared());
  }

 private:
  PyThreadState* state_;
};

}  // namespace v1
}  // namespace latepy
