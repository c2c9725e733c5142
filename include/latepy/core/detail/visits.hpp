// latepy/core/detail/visits.hpp: the thread states of threads in other interpreters than their home.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/gate.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// A visit: a thread is in an interpreter that is not its home (ThreadRecord::home). It heeds these facts of CPython:
// - Until 3.13, Py_EndInterpreter() ends the process if another thread has a state in the interpreter.
// - From 3.12 on, a thread's next attach writes into the state that PyGILState gives on it, also if that was freed.
//   While the thread is in no interpreter, that is the state that it was in last; until 3.11, the first one made.
// So a thread that returns from a visit to another interpreter keeps its state for the next visit, and whoever ends the
// interpreter frees it. A thread that returns to none frees its state itself. Until 3.11 the state of its home is made
// first.

/// The state of this thread in the interpreter, or null. The thread is counted in.
PyThreadState* find_visit(InterpreterState& s, std::uint32_t generation) noexcept;
/// Adds a state of this thread. \throws std::bad_alloc.
PyThreadState* make_visit(InterpreterState& s, std::uint32_t generation);
/// Keeps the state with which CPython made the interpreter, for no thread. If an interpreter had no state for a moment,
/// two threads could get one memory for theirs (new_threadstate, Python/pystate.c, from 3.11 on).
/// \throws std::bad_alloc.
void keep_first_state(InterpreterState& s, std::uint32_t generation, PyThreadState* state);
/// The number of thread states in a sub-interpreter that latepy did not make: those of Python's threads. Needs the GIL.
int foreign_states(InterpreterState& s) noexcept;
/// Leaves the interpreter, and gives back its GIL. \param frees frees the state that this thread is in.
void leave_visit(InterpreterState& s, bool frees) noexcept;
/// Frees the states of all threads but this one, which are in other interpreters, or have ended. No thread can enter
/// any more. Needs the GIL. Afterwards the state of this thread belongs to nobody.
void end_all_visits(InterpreterState& s) noexcept;

/// Whether a SubInterpreter lives in this process. Any thread.
LATEPY_COLD inline bool has_subs() noexcept {
  return find_interpreter(process_state(), [](const InterpreterState& each) { return each.is_sub.load(); }) != nullptr;
}

#if LATEPY_DEFINITIONS

/// Takes the node of this thread out of the list. \returns null if there is none.
LATEPY_COLD inline KeptState* unlink_visit(InterpreterState& s) noexcept {
  const SpinLock lock(s.visits_lock);
  for (KeptState** at = &s.visits; *at; at = &(*at)->next)
    if (KeptState* const found = *at; found->thread == &thread_record) {
      *at = found->next;
      return found;
    }
  return nullptr;
}
LATEPY_COLD inline void link_visit(InterpreterState& s, KeptState* node) noexcept {
  const SpinLock lock(s.visits_lock);
  node->next = s.visits;
  s.visits = node;
}

LATEPY_FUNC PyThreadState* find_visit(InterpreterState& s, std::uint32_t generation) noexcept {
  OwnState& last = thread_record.visited;
  if (LATEPY_LIKELY(last.generation == generation)) return last.state;
  const SpinLock lock(s.visits_lock);
  for (const KeptState* each = s.visits; each; each = each->next)
    if (each->thread == &thread_record && each->generation == generation) {
      last = {each->state, generation};
      return each->state;
    }
  return nullptr;
}

LATEPY_FUNC PyThreadState* make_visit(InterpreterState& s, std::uint32_t generation) {
  KeptState* const made = make_thread_state(s, generation);
  thread_record.visits = true;
  thread_record.visited = {made->state, generation};
  link_visit(s, made);
  return made->state;
}

LATEPY_FUNC LATEPY_COLD void keep_first_state(InterpreterState& s, std::uint32_t generation, PyThreadState* state) {
  auto* const node = static_cast<KeptState*>(process_alloc(sizeof(KeptState)));
  if (!node) throw std::bad_alloc();
  *node = {nullptr, state, generation, &s};
  link_visit(s, node);
}

LATEPY_FUNC LATEPY_COLD int foreign_states(InterpreterState& s) noexcept {
  const Api& a = api();
  int count = 0;
  const SpinLock lock(s.visits_lock);
  for (PyThreadState* each = a.InterpreterState_ThreadHead(s.interpreter.load()); each; each = a.ThreadState_Next(each))
    ++count;
  for (const KeptState* each = s.visits; each; each = each->next) --count;
  return count;
}

LATEPY_FUNC void leave_visit(InterpreterState& s, bool frees) noexcept {
  if (s.needs_turns.load(std::memory_order_relaxed)) s.has_other_threads = foreign_states(s) != 0;
  if (!frees) return void(api().Eval_SaveThread());
  process_free(unlink_visit(s));
  thread_record.visited = OwnState();
  free_own_state(thread_record.state);
}

LATEPY_FUNC LATEPY_COLD void end_all_visits(InterpreterState& s) noexcept {
  process_free(unlink_visit(s));
  thread_record.visited = OwnState();
  KeptState* others;
  {
    const SpinLock lock(s.visits_lock);
    others = std::exchange(s.visits, nullptr);
  }
  while (others) push(s.ended_threads, std::exchange(others, others->next));
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
