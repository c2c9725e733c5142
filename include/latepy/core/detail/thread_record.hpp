// latepy/core/detail/thread_record.hpp: the Python thread states of each thread; who holds the GIL.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/current_state.hpp>
#include <latepy/core/detail/forked.hpp>

#if !LATEPY_WINDOWS
#include <pthread.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// A thread state of this thread.
struct OwnState {
  PyThreadState* state = nullptr;
  std::uint32_t generation = empty_generation;  ///< of the state's interpreter; empty_generation: no guard may use it
};
/// The generation of the interpreter in which this thread is on a visit, else 0. Other threads read it.
inline thread_local std::atomic<std::uint32_t> thread_place{no_generation};
/// The Python thread states of a thread. Trivially destructible: it may be read in any destructor of the ending thread.
///
/// The thread's home is the interpreter that a GilGuard enters on it; its state there is kept until the thread ends. In
/// other interpreters the thread is on a visit; see core/detail/visits.hpp.
struct ThreadRecord : OwnState {                    // where the thread is: during a visit the state there, else `home`
  InterpreterState* interpreter = &no_interpreter;  ///< that of `generation` while it lives, else any
  const StateWord* current = nullptr;               ///< see find_current_word()
  KeptState* at_end = nullptr;  ///< if latepy made the state of `home`: allocated with it; listed when the thread ends
  int depth = 0;                ///< the number of outermost guards that this thread is in
  GuardCount* count = &no_count;  ///< counts this thread in `count->interpreter`; see guard_count()
  bool ended = false;             ///< the thread has given up its states and cannot enter Python any more
  bool visits = false;            ///< the thread may have states in InterpreterState::visits
  OwnState home{};                ///< kept from guard to guard
  OwnState visited{};             ///< that of the last visit, which may have ended

  OwnState& here() noexcept { return *this; }
  /// The thread begins a visit, or is back from one.
  void go_to(const OwnState& there) noexcept {
    set_here(there);
    thread_place.store(is_on_visit() ? generation : no_generation, std::memory_order_release);
  }
  bool is_on_visit() const noexcept { return state != home.state; }
  /// Sets the state of `home`.
  void set_home(PyThreadState* made, std::uint32_t its_generation) noexcept {
    const bool is_there = !is_on_visit();
    home = {made, its_generation};
    if (is_there) set_here(home);
  }

 private:
  void set_here(const OwnState& there) noexcept {
    here() = there;
    InterpreterState* const found = interpreter_of(there.generation);
    interpreter = found ? found : &no_interpreter;
    if (found && !current) current = find_current_word();
  }
};
inline thread_local ThreadRecord thread_record{};

/// What PyThreadState_GetUnchecked gives on this thread.
LATEPY_FORCE_INLINE PyThreadState* current_state() noexcept {
  const StateWord* const word = thread_record.current;
  return LATEPY_LIKELY(word != nullptr) ? word->load(std::memory_order_relaxed)
                                        : library_state.api.ThreadState_GetUnchecked();
}

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

/// The interpreter that CPython knows by this pointer; null if latepy does not know it. Any thread, no GIL.
LATEPY_COLD inline InterpreterState* find_by_pointer(const PyInterpreterState* interpreter) noexcept {
  return find_interpreter(
      process_state(), [interpreter](const InterpreterState& each) { return each.interpreter.load() == interpreter; });
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
/// Frees the state that this thread is in, and what was to be freed later in it. Gives back the GIL.
void free_own_state(PyThreadState* own) noexcept;
/// Puts the state of a thread into InterpreterState::ended_threads. The next thread that enters frees it.
inline void give_up_state(KeptState* node) noexcept {
  InterpreterState* const interpreter = node ? interpreter_of(node->generation) : nullptr;
  if (interpreter)
    push(interpreter->ended_threads, node);
  else
    process_free(node);  // CPython freed the state with its interpreter
}
/// give_up_state() for those that this thread has in other interpreters than its home.
void give_up_visits() noexcept;

/// Called when a thread ends. It does not wait for the GIL, because the thread that holds it may be joining this
/// thread.
inline void hand_over_thread_state(void*) noexcept {
  thread_record.ended = true;
  std::exchange(thread_record.count, &no_count)->is_taken = false;
  if (thread_record.visits) give_up_visits();
  give_up_state(std::exchange(thread_record.at_end, nullptr));
  thread_record.here() = thread_record.home = thread_record.visited = OwnState();
}

/// Makes this thread call hand_over_thread_state() when it ends. \throws std::bad_alloc.
void arm_thread_end();

/// holds_gil_of() if `current`, the thread state that CPython gives, is not that of this thread's ThreadRecord.
bool holds_gil_by(PyThreadState* current, std::uint32_t generation) noexcept;
/// Whether this thread holds the GIL of the interpreter (on free-threaded builds: is attached to it). Any thread.
LATEPY_FORCE_INLINE bool holds_gil_of(std::uint32_t generation) noexcept {
  PyThreadState* const current = current_state();
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

/// Whether the state in this thread's ThreadRecord is that of `generation`, whose GIL the thread so holds. False also
/// if finish_fork() has something to do. It is all that a use asks where there are several interpreters. Any thread.
LATEPY_FORCE_INLINE bool is_in_by_record(std::uint32_t generation) noexcept {
  const ThreadRecord& record = thread_record;
  // An interpreter that lives has a library and a generation that no record has without a state.
  return record.generation == generation &&
         record.interpreter->generation.load(std::memory_order_acquire) == generation &&
         process_state().forked.load(std::memory_order_acquire) == 0 && current_state() == record.state;
}
/// The interpreter that this thread is so in; null if it is in none, or by a state that latepy did not make.
LATEPY_FORCE_INLINE InterpreterState* interpreter_by_record() noexcept {
  return LATEPY_LIKELY(is_in_by_record(thread_record.generation)) ? thread_record.interpreter : nullptr;
}

/// \throws StateError if no Python runs or this thread does not hold the GIL.
void check_making();
/// What Ref::checked() checks, before a new object is created.
inline void check_running() {
  if (LATEPY_UNLIKELY(process_state().fast_generation.load(std::memory_order_relaxed) == check_each_use))
    check_making();
}

/// Makes a thread state for this thread. Needs no GIL. \throws std::bad_alloc.
KeptState* make_thread_state(const InterpreterState& interpreter, std::uint32_t generation);
/// The same, as that of its home, which it keeps until it ends.
PyThreadState* make_home(const InterpreterState& interpreter, std::uint32_t generation);

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

LATEPY_FUNC LATEPY_OUTLINE InterpreterState& ask_interpreter() noexcept {
  if (InterpreterState* const known = interpreter_by_record(); LATEPY_LIKELY(known)) return *known;
  ProcessState& process = process_state();
  finish_fork();
  if (InterpreterState* const only = process.only.load()) return *only;
  const Api& a = api();
  PyThreadState* const current = a.ThreadState_GetUnchecked();
  if (!current) return *process.none;
  // Before 3.12 `current` is the state of whoever holds the GIL. It is this thread's own only if PyGILState says so.
  if (!library_state.current_is_per_thread && current != a.GILState_GetThisThreadState()) return *process.none;
  // CPython is asked each time: another thread state may have got the address of one that latepy did not make.
  PyInterpreterState* const interpreter = a.ThreadState_GetInterpreter(current);
  InterpreterState* const found = find_by_pointer(interpreter);
  return found ? *found : *process.none;
}

LATEPY_FUNC LATEPY_OUTLINE std::uint32_t ask_generation() noexcept {
  if (LATEPY_LIKELY(interpreter_by_record())) return thread_record.generation;
  return current_interpreter().generation.load(std::memory_order_acquire);
}

LATEPY_FUNC LATEPY_OUTLINE void check_making() {
  if (LATEPY_LIKELY(interpreter_by_record() != nullptr) || holds_gil()) return;
  if (!is_python_running())
    throw_not_running(
        "a Python object was made, but no Python runs in this process: make a latepy::Interpreter first, and keep it");
  throw_error<StateError>(
      {"a Python object was made by a thread that does not hold the GIL: put a latepy::GilGuard in the scope"});
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

LATEPY_FUNC LATEPY_COLD KeptState* make_thread_state(const InterpreterState& interpreter, std::uint32_t generation) {
  arm_thread_end();
  auto* node = static_cast<KeptState*>(process_alloc(sizeof(KeptState)));
  if (!node) throw std::bad_alloc();
  PyThreadState* made = api().ThreadState_New(interpreter.interpreter.load(std::memory_order_relaxed));
  if (!made) {
    process_free(node);
    throw std::bad_alloc();
  }
  *node = {nullptr, made, generation, &thread_record};
  return node;
}

LATEPY_FUNC LATEPY_COLD PyThreadState* make_home(const InterpreterState& interpreter, std::uint32_t generation) {
  KeptState* const made = make_thread_state(interpreter, generation);
  give_up_state(std::exchange(thread_record.at_end, made));  // of another interpreter, or of one that has ended
  thread_record.set_home(made->state, generation);
  return made->state;
}

LATEPY_FUNC LATEPY_COLD void give_up_visits() noexcept {
  find_interpreter(process_state(), [](InterpreterState& each) {
    KeptState* ended = nullptr;
    {
      const SpinLock lock(each.visits_lock);
      for (KeptState** at = &each.visits; *at;)
        if (KeptState* const found = *at; found->thread == &thread_record) {
          *at = found->next;
          found->next = ended;
          ended = found;
        } else {
          at = &found->next;
        }
    }
    while (ended) give_up_state(std::exchange(ended, ended->next));
    return false;
  });
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
