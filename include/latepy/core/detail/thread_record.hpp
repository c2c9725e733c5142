// latepy/core/detail/thread_record.hpp: the Python thread state of each thread; who holds the GIL; postponed decrefs.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/forked.hpp>
#include <latepy/core/refcount.hpp>

#if !LATEPY_WINDOWS
#include <pthread.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// The Python thread state of a thread. Trivially destructible: it may be read in any destructor of the ending thread.
struct ThreadRecord {
  PyThreadState* state = nullptr;               ///< kept from guard to guard; made by latepy if `at_end` is not null
  std::uint32_t generation = empty_generation;  ///< of the state's interpreter; empty_generation: no guard may use it
  EndedThread* at_end = nullptr;                ///< allocated with `state`; put into a list when the thread ends
  int depth = 0;                                ///< the number of outermost guards that this thread is in
  GuardCount* count = &no_count;                ///< counts this thread in `count->interpreter`; see guard_count()
  bool ended = false;                           ///< the thread has given up its state and cannot enter Python any more
};
inline thread_local ThreadRecord thread_record{};

/// current_interpreter() for a process with several interpreters, and before finish_fork().
InterpreterState& ask_interpreter() noexcept;

/// The interpreter that this thread is in:
/// - no interpreter in the process: ProcessState::none, whose generation is no_generation;
/// - one interpreter: that one, on every thread;
/// - several: the one whose GIL this thread holds, or ProcessState::none. The thread must hold a GIL, because before
///   3.12 CPython gives the state of the thread that holds the GIL, whichever thread asks.
LATEPY_FORCE_INLINE InterpreterState& current_interpreter() noexcept {
  InterpreterState* const only = process_state().only.load(std::memory_order_acquire);
  return LATEPY_LIKELY(only != nullptr) ? *only : ask_interpreter();
}

/// current_generation() while handles are checked, or for a process with several interpreters.
std::uint32_t ask_generation() noexcept;

/// The generation of current_interpreter(). New handles get it.
LATEPY_FORCE_INLINE std::uint32_t current_generation() noexcept {
  const std::uint32_t fast = process_state().fast_generation.load(std::memory_order_acquire);
  return LATEPY_LIKELY(fast != check_each_use) ? fast : ask_generation();
}

/// Whether a Python that latepy knows runs in this process. Any thread, no GIL.
inline bool is_python_running() noexcept {
  return process_state().entered.load(std::memory_order_acquire)->generation.load(std::memory_order_acquire) !=
         no_generation;
}

/// Whether the interpreter of a handle still runs. Any thread, no GIL.
inline bool is_alive(std::uint32_t generation) noexcept { return interpreter_of(generation) != nullptr; }

/// Puts a node first into a list. Any thread.
template <class Node>
void push(std::atomic<Node*>& list, Node* node) noexcept {
  node->next = list.load(std::memory_order_relaxed);
  while (!list.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

/// Frees the state of a thread that has ended, and what that thread was to free later; see recursion_counter.hpp. Needs
/// the GIL. From 3.12 on, in a state that is soon deleted.
void free_thread_state(PyThreadState* ended) noexcept;
/// Puts this thread's own state into InterpreterState::ended_threads. The next thread that enters frees it.
inline void leave_thread_state() noexcept {
  EndedThread* const node = std::exchange(thread_record.at_end, nullptr);
  thread_record.state = nullptr;
  thread_record.generation = empty_generation;
  InterpreterState* const interpreter = node ? interpreter_of(node->generation) : nullptr;
  if (interpreter)
    push(interpreter->ended_threads, node);
  else
    process_free(node);  // CPython freed the state with its interpreter
}

/// Called when a thread ends. It does not wait for the GIL, because the thread that holds it may be joining this
/// thread.
inline void hand_over_thread_state(void*) noexcept {
  thread_record.ended = true;
  std::exchange(thread_record.count, &no_count)->is_taken = false;
  if (thread_record.at_end) leave_thread_state();
  thread_record.generation = empty_generation;
}

/// Makes this thread call hand_over_thread_state() when it ends. \throws std::bad_alloc.
void arm_thread_end();

/// holds_gil_of() if `current`, the thread state that CPython gives, is not that of this thread's ThreadRecord.
bool holds_gil_by(PyThreadState* current, std::uint32_t generation) noexcept;
/// Whether this thread holds the GIL of the interpreter (on free-threaded builds: is attached to it). Any thread.
LATEPY_FORCE_INLINE bool holds_gil_of(std::uint32_t generation) noexcept {
  PyThreadState* const current = library_state.api.ThreadState_GetUnchecked();
  const ThreadRecord& record = thread_record;
  if (LATEPY_LIKELY(current && current == record.state && record.generation == generation)) return true;
  return current && holds_gil_by(current, generation);
}
/// The interpreter whose GIL this thread holds; null if it holds none, or latepy does not know the interpreter. Any
/// thread.
inline InterpreterState* held_interpreter() noexcept {
  InterpreterState& interpreter = current_interpreter();
  const std::uint32_t generation = interpreter.generation.load(std::memory_order_acquire);
  return generation != no_generation && holds_gil_of(generation) ? &interpreter : nullptr;
}
inline bool holds_gil() noexcept { return held_interpreter() != nullptr; }

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

/// Makes a thread state for this thread, which keeps it until it ends. Needs no GIL. \throws std::bad_alloc.
PyThreadState* make_thread_state(const InterpreterState& interpreter, std::uint32_t generation);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void arm_thread_end() {
#if LATEPY_WINDOWS
  struct End {
    bool armed = false;
    ~End() { hand_over_thread_state(nullptr); }
  };
  static thread_local End end;
  end.armed = true;  // the first use of `end` registers its destructor
#else
  // The key's function runs after the destructors of all thread_local objects. So these may use guards.
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    if (pthread_key_create(&made, &hand_over_thread_state) != 0) throw std::bad_alloc();
    return made;
  }();
  if (pthread_setspecific(key, &thread_record) != 0) throw std::bad_alloc();
#endif
}

LATEPY_FUNC LATEPY_COLD InterpreterState& ask_interpreter() noexcept {
  ProcessState& process = process_state();
  finish_fork();
  if (InterpreterState* const only = process.only.load()) return *only;
  const Api& a = api();
  PyThreadState* const current = a.ThreadState_GetUnchecked();
  if (!current) return *process.none;
  if (current == thread_record.state)
    if (InterpreterState* const own = interpreter_of(thread_record.generation)) return *own;
  // Before 3.12 `current` is the state of whoever holds the GIL. It is this thread's own only if PyGILState says so.
  if (!library_state.current_is_per_thread && current != a.GILState_GetThisThreadState()) return *process.none;
  // CPython is asked each time: another thread state may have got the address of one that latepy did not make.
  PyInterpreterState* const interpreter = a.ThreadState_GetInterpreter(current);
  InterpreterState* const found =
      find_interpreter(process, [&](InterpreterState& each) { return each.interpreter.load() == interpreter; });
  return found ? *found : *process.none;
}

LATEPY_FUNC LATEPY_COLD std::uint32_t ask_generation() noexcept {
  return current_interpreter().generation.load(std::memory_order_acquire);
}

LATEPY_FUNC LATEPY_COLD bool holds_gil_by(PyThreadState* current, std::uint32_t generation) noexcept {
  const Api& a = api();
  const InterpreterState* const interpreter = interpreter_of(generation);
  if (!interpreter) return false;
  const bool is_per_thread = library_state.current_is_per_thread;
  if (!is_per_thread && current != a.GILState_GetThisThreadState()) return false;
  // Before 3.12 the thread state that PyGILState gives belongs to the only interpreter, if there is only one.
  if (!is_per_thread && process_state().only.load(std::memory_order_relaxed)) return true;
  return a.ThreadState_GetInterpreter(current) == interpreter->interpreter.load(std::memory_order_relaxed);
}

/// Frees the thread states of ended threads. Needs the GIL, which other threads may hold for a moment in between.
LATEPY_COLD inline void free_ended_threads(InterpreterState& s, std::uint32_t generation) noexcept {
  const Api& a = api();
  EndedThread* thread = s.ended_threads.exchange(nullptr, std::memory_order_acquire);
  // While CPython stops, it frees all thread states itself.
  const bool are_ours =
      thread && generation != no_generation && s.stopping.load() == 0 && !library_state.leaks_thread_states;
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
    EndedThread* const next = thread->next;
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

LATEPY_FUNC LATEPY_COLD bool may_drop_checked(std::uint32_t generation) noexcept {
  finish_fork();
  return is_alive(generation) && holds_gil_of(generation);
}

LATEPY_FUNC LATEPY_OUTLINE void drop(PyObject* object, std::uint32_t generation) noexcept {
  if (LATEPY_LIKELY(may_drop(generation)))
    decref(object);
  else
    defer_decref(object, generation);
}

LATEPY_FUNC LATEPY_COLD PyThreadState* make_thread_state(const InterpreterState& interpreter,
                                                         std::uint32_t generation) {
  arm_thread_end();
  auto* node = static_cast<EndedThread*>(process_alloc(sizeof(EndedThread)));
  if (!node) throw std::bad_alloc();
  PyThreadState* made = api().ThreadState_New(interpreter.interpreter.load(std::memory_order_relaxed));
  if (!made) {
    process_free(node);
    throw std::bad_alloc();
  }
  node->state = made;
  node->generation = generation;
  if (thread_record.at_end) leave_thread_state();  // of another interpreter, or of one that has ended
  thread_record.state = made;
  thread_record.generation = generation;
  thread_record.at_end = node;
  return made;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
