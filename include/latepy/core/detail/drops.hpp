// latepy/core/detail/drops.hpp: gives references back: at once, or by the next thread that holds the GIL.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/thread_record.hpp>
#include <latepy/core/refcount.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Frees the thread states of ended threads. Needs the GIL, which other threads may hold for a moment in between.
void free_ended_threads(InterpreterState& s, std::uint32_t generation) noexcept;

/// Does the postponed decrefs and frees the thread states of ended threads. Needs the GIL.
void drain(InterpreterState& s) noexcept;

/// Calls drain() if there is something to do. Needs the GIL.
inline void drain_if_any(InterpreterState& s) noexcept {
  const auto drops = reinterpret_cast<std::uintptr_t>(s.deferred_decrefs.load(std::memory_order_relaxed));
  const auto ended = reinterpret_cast<std::uintptr_t>(s.ended_threads.load(std::memory_order_relaxed));
  if (LATEPY_UNLIKELY((drops | ended) != 0)) drain(s);
}

/// Postpones a decref until a thread with the GIL calls drain(). If the interpreter has ended, it does nothing. Any
/// thread. \param view if not null, a copy of this buffer view is released instead of the object.
void defer_decref(PyObject* object, std::uint32_t generation, const BufferView* view = nullptr) noexcept;

/// may_drop() while handles are checked, if the interpreter has ended, or if there are several.
bool may_drop_checked(std::uint32_t generation) noexcept;

/// Whether this thread may decref objects of the interpreter now. Any thread, any time.
LATEPY_FORCE_INLINE bool may_drop(std::uint32_t generation) noexcept {
  return LATEPY_LIKELY(generation == process_state().fast_generation.load(std::memory_order_acquire))
             ? holds_gil_of(generation)
             : may_drop_checked(generation);
}

/// Gives back an owned reference: now if this thread may, else by defer_decref(). Any thread, any time.
void drop(PyObject* object, std::uint32_t generation) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void free_ended_threads(InterpreterState& s, std::uint32_t generation) noexcept {
  const Api& a = api();
  KeptState* thread = s.ended_threads.exchange(nullptr, std::memory_order_acquire);
  // While CPython stops, it frees all thread states itself; but not those of an interpreter that is no main one.
  const bool are_ours = thread && generation != no_generation && (s.stopping.load() == 0 || s.is_sub.load()) &&
                        !library_state.leaks_thread_states;
  // From 3.12 on, a thread that deletes another thread's state loses the state that PyGILState gives on it
  // (unbind_gilstate_tstate, Python/pystate.c). So this thread changes to a temporary state while it deletes.
  PyThreadState *own = nullptr, *stand_in = nullptr;
  if (are_ours && library_state.current_is_per_thread) {
    stand_in = a.ThreadState_New(s.interpreter.load(std::memory_order_relaxed));
    if (!stand_in) generation = no_generation;  // no memory: the states stay until the stop
  }
  if (stand_in) {
    own = a.Eval_SaveThread();
    a.Eval_RestoreThread(stand_in);
  }
  while (thread) {
    KeptState* const next = thread->next;
    if (are_ours && thread->generation == generation) free_thread_state(thread->state);
    process_free(thread);
    thread = next;
  }
  if (stand_in) {
    a.ThreadState_Clear(stand_in);
    a.ThreadState_DeleteCurrent();
    a.Eval_RestoreThread(own);
  }
}

LATEPY_FUNC LATEPY_COLD void drain(InterpreterState& s) noexcept {
  const std::uint32_t generation = s.generation.load(std::memory_order_relaxed);
  DeferredDecref* drop = s.deferred_decrefs.exchange(nullptr, std::memory_order_acquire);
  DeferredDecref* in_order = nullptr;
  while (drop) {
    DeferredDecref* next = drop->next;
    drop->next = in_order;
    in_order = drop;
    drop = next;
  }
  while (in_order) {
    DeferredDecref* next = in_order->next;
    if (in_order->generation == generation && generation != no_generation)
      in_order->view ? api().Buffer_Release(in_order->view) : decref(in_order->object);
    process_free(in_order->view);
    process_free(in_order);
    in_order = next;
  }
  free_ended_threads(s, generation);
}

LATEPY_FUNC LATEPY_COLD void defer_decref(PyObject* object, std::uint32_t generation, const BufferView* view) noexcept {
  InterpreterState* const interpreter = interpreter_of(generation);
  if (!interpreter) return;  // the interpreter has ended, and its objects with it
  auto* node = static_cast<DeferredDecref*>(process_alloc(sizeof(DeferredDecref)));
  auto* copy = node && view ? static_cast<BufferView*>(process_alloc(sizeof(BufferView))) : nullptr;
  if (!node || (view && !copy)) {
    process_free(node);
    process_state().leaked.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (copy) *copy = *view;
  node->view = copy;
  node->object = object;
  node->generation = generation;
  push(interpreter->deferred_decrefs, node);
}

LATEPY_FUNC LATEPY_OUTLINE bool may_drop_checked(std::uint32_t generation) noexcept {
  if (LATEPY_LIKELY(is_in_by_record(generation))) return true;
  finish_fork();
  return is_alive(generation) && holds_gil_of(generation);
}

LATEPY_FUNC LATEPY_OUTLINE void drop(PyObject* object, std::uint32_t generation) noexcept {
  if (LATEPY_LIKELY(may_drop(generation)))
    decref(object);
  else
    defer_decref(object, generation);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
