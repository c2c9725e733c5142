// latepy/core/detail/thread_record.hpp: what each thread is to Python, and what it leaves for others to free.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/refcount.hpp>

#if !LATEPY_WINDOWS
#include <pthread.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// What a thread is to Python. Trivially destructible: it may be read in any destructor of the ending thread.
struct ThreadRecord {
  PyThreadState* state = nullptr;            ///< kept from guard to guard; Python's own when `at_end` is null
  std::uint32_t generation = no_generation;  ///< the generation that `state` belongs to
  EndedThread* at_end = nullptr;             ///< made with `state`, handed over when the thread ends
  int depth = 0;                             ///< outermost guards of this thread: 1 inside one
  bool ended = false;                        ///< the state was handed over: the thread cannot enter any more
};
inline thread_local ThreadRecord thread_record{};

template <class Node>
void push(std::atomic<Node*>& list, Node* node) noexcept {
  node->next = list.load(std::memory_order_relaxed);
  while (!list.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

/// Hands the thread state over when its thread ends. The end of a thread never waits for the GIL: a thread that holds
/// it may be joining this one. The next thread that enters frees the state.
inline void hand_over_thread_state(void*) noexcept {
  thread_record.ended = true;
  EndedThread* const node = thread_record.at_end;
  if (!node) return;
  thread_record.at_end = nullptr;
  thread_record.state = nullptr;
  push(process_state().ended_threads, node);
}

void arm_thread_end();

/// As holds_gil(), where the thread's state that runs is not one that the thread has by us.
bool holds_gil_by(PyThreadState* current) noexcept;
/// Whether this thread holds the GIL of our interpreter, whose generation it is (on free-threaded builds: is attached
/// to it).
LATEPY_FORCE_INLINE bool holds_gil_of(std::uint32_t generation) noexcept {
  PyThreadState* const current = library_state.api.ThreadState_GetUnchecked();
  const ThreadRecord& record = thread_record;
  if (LATEPY_LIKELY(current && current == record.state && record.generation == generation)) return true;
  return holds_gil_by(current);
}
/// The same of whatever interpreter runs. Any thread.
inline bool holds_gil() noexcept {
  const std::uint32_t generation = current_generation();
  return generation != no_generation && holds_gil_of(generation);
}

/// Frees the states of threads that ended. Needs the GIL, and may let others have it meanwhile.
void free_ended_threads(ProcessState& s, std::uint32_t generation) noexcept;

/// Frees what threads without the GIL left behind. Needs the GIL.
void drain(ProcessState& s) noexcept;

inline void drain_if_any(ProcessState& s) noexcept {
  const auto drops = reinterpret_cast<std::uintptr_t>(s.deferred_decrefs.load(std::memory_order_relaxed));
  const auto ended = reinterpret_cast<std::uintptr_t>(s.ended_threads.load(std::memory_order_relaxed));
  if (LATEPY_UNLIKELY((drops | ended) != 0)) drain(s);
}

/// \param view where it is not the object that is dropped but its memory that is given back.
void defer_decref(PyObject* object, std::uint32_t generation, const BufferView* view = nullptr) noexcept;

/// The end of an owned reference, on any thread, at any time.
void drop(PyObject* object, std::uint32_t generation) noexcept;

/// A thread state for this thread, kept until the thread ends. Needs no GIL.
PyThreadState* make_thread_state(std::uint32_t generation);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void arm_thread_end() {
#if LATEPY_WINDOWS
  struct End {
    bool armed = false;
    ~End() { hand_over_thread_state(nullptr); }
  };
  static thread_local End end;
  end.armed = true;  // the first touch registers the destructor
#else
  // Runs after the destructors of all thread_local objects, which may therefore use guards.
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    if (pthread_key_create(&made, &hand_over_thread_state) != 0) throw std::bad_alloc();
    return made;
  }();
  if (pthread_setspecific(key, &thread_record) != 0) throw std::bad_alloc();
#endif
}

LATEPY_FUNC LATEPY_COLD bool holds_gil_by(PyThreadState* current) noexcept {
  const LibraryState& s = library_state;
  if (!current) return false;
  return s.current_is_per_thread
             ? s.api.ThreadState_GetInterpreter(current) == process_state().interpreter.load(std::memory_order_relaxed)
             : current == s.api.GILState_GetThisThreadState();
}

LATEPY_FUNC LATEPY_COLD void free_ended_threads(ProcessState& s, std::uint32_t generation) noexcept {
  const Api& a = api();
  EndedThread* thread = s.ended_threads.exchange(nullptr, std::memory_order_acquire);
  // While it stops, CPython frees all thread states itself.
  const bool are_ours =
      thread && generation != no_generation && s.stopping.load() == 0 && !library_state.leaks_thread_states;
  // From 3.12 CPython forgets which state PyGILState uses on the thread that deletes another thread's
  // (unbind_gilstate_tstate, Python/pystate.c). One that is forgotten anyway stands in for this thread's meanwhile.
  PyThreadState *own = nullptr, *stand_in = nullptr;
  if (are_ours && library_state.current_is_per_thread) {
    stand_in = a.ThreadState_New(s.interpreter.load(std::memory_order_relaxed));
    if (!stand_in) generation = no_generation;  // no memory: they stay until the stop
  }
  if (stand_in) {
    own = a.Eval_SaveThread();
    a.Eval_RestoreThread(stand_in);
  }
  while (thread) {
    EndedThread* const next = thread->next;
    if (are_ours && thread->generation == generation) {
      a.ThreadState_Clear(thread->state);
      a.ThreadState_Delete(thread->state);
    }
    process_free(thread);
    thread = next;
  }
  if (stand_in) {
    a.ThreadState_Clear(stand_in);
    a.ThreadState_DeleteCurrent();
    a.Eval_RestoreThread(own);
  }
}

LATEPY_FUNC LATEPY_COLD void drain(ProcessState& s) noexcept {
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
    if (in_order->generation == generation)
      in_order->view ? api().Buffer_Release(in_order->view) : decref(in_order->object);
    process_free(in_order->view);
    process_free(in_order);
    in_order = next;
  }
  free_ended_threads(s, generation);
}

LATEPY_FUNC LATEPY_COLD void defer_decref(PyObject* object, std::uint32_t generation, const BufferView* view) noexcept {
  ProcessState& s = process_state();
  if (generation != s.generation.load(std::memory_order_acquire)) return;  // its Python is gone, and the object with it
  auto* node = static_cast<DeferredDecref*>(process_alloc(sizeof(DeferredDecref)));
  auto* copy = node && view ? static_cast<BufferView*>(process_alloc(sizeof(BufferView))) : nullptr;
  if (!node || (view && !copy)) {
    process_free(node);
    s.leaked.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (copy) *copy = *view;
  node->view = copy;
  node->object = object;
  node->generation = generation;
  push(s.deferred_decrefs, node);
}

LATEPY_FUNC LATEPY_OUTLINE void drop(PyObject* object, std::uint32_t generation) noexcept {
  if (LATEPY_LIKELY(generation == current_generation() && holds_gil_of(generation)))
    decref(object);
  else
    defer_decref(object, generation);
}

LATEPY_FUNC LATEPY_COLD PyThreadState* make_thread_state(std::uint32_t generation) {
  arm_thread_end();
  auto* node = static_cast<EndedThread*>(process_alloc(sizeof(EndedThread)));
  if (!node) throw std::bad_alloc();
  PyThreadState* made = api().ThreadState_New(process_state().interpreter.load(std::memory_order_relaxed));
  if (!made) {
    process_free(node);
    throw std::bad_alloc();
  }
  node->state = made;
  node->generation = generation;
  if (thread_record.at_end) process_free(thread_record.at_end);  // of an earlier life: CPython freed its state
  thread_record.state = made;
  thread_record.generation = generation;
  thread_record.at_end = node;
  return made;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
