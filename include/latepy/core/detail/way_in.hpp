// latepy/core/detail/way_in.hpp: WayIn, the interpreter and the thread state that a guard takes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/stack_limit.hpp>
#include <latepy/core/detail/visits.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How a thread enters an interpreter.
struct WayIn {
  /// here: the thread was there, in a GilRelease. home, visit: see visits.hpp. made_by_others: latepy did not make the
  /// state, but CPython or another library.
  enum class Kind : unsigned char { here, home, visit, made_by_others };
  InterpreterState* interpreter = nullptr;
  PyThreadState* state = nullptr;
  Kind kind = Kind::here;
};
/// Finds it for a thread that does not hold the GIL of that interpreter, and counts the thread in. \param wanted the
/// generation; 0: where the thread is, or its home. \returns no state if the thread may not enter; it is not counted
/// then. \throws std::bad_alloc.
WayIn find_way_in(std::uint32_t wanted);
/// Throws the StateError that says why it may not.
[[noreturn]] void refuse_entry(std::uint32_t wanted);

#if LATEPY_DEFINITIONS

/// Counts the thread in, in the interpreter that a guard enters on it. \returns null if it does not enter.
LATEPY_COLD inline InterpreterState* count_in(std::uint32_t wanted) {
  const ThreadRecord& record = thread_record;
  // In a GilRelease during a visit the thread goes back there.
  if (!wanted && record.is_on_visit()) wanted = record.generation;
  InterpreterState* const found =
      wanted ? interpreter_of(wanted) : process_state().entered.load(std::memory_order_acquire);
  if (!found || !try_count_in(*found)) return nullptr;
  const std::uint32_t generation = found->generation.load();
  const bool is_there = generation != no_generation && (wanted == no_generation || generation == wanted);
  InterpreterState* here = found;
  if (is_there && !wanted && !record.at_end) {
    // A thread that Python made in another interpreter goes back to that one.
    PyThreadState* const known = api().GILState_GetThisThreadState();
    PyInterpreterState* const its = known ? api().ThreadState_GetInterpreter(known) : nullptr;
    if (its && its != found->interpreter.load())
      if (InterpreterState* const other = find_by_pointer(its)) here = other;
  }
  if (is_there && here == found) return found;
  count_out(*found);
  return is_there && try_count_in(*here) ? here : nullptr;
}

/// This thread's state in the interpreter, if others made it; or null.
LATEPY_COLD inline PyThreadState* find_foreign(const InterpreterState& interpreter) {
  // If latepy has made the state of this thread's home, CPython is not asked: 3.14 would give that state, which may be
  // freed.
  PyThreadState* const known = thread_record.at_end ? nullptr : api().GILState_GetThisThreadState();
  const bool is_there = known && api().ThreadState_GetInterpreter(known) == interpreter.interpreter.load();
  return is_there ? known : nullptr;
}

/// Makes this thread's state in its home. \returns null where the stack is too small. \throws std::bad_alloc.
LATEPY_COLD inline PyThreadState* find_home(InterpreterState& interpreter) {
  if (is_stack_too_small()) return nullptr;
  const MakingState making(interpreter);
  PyThreadState* const made = make_home(interpreter, interpreter.generation.load());
  stack_limit.has_new_state = true;
  return made;
}

/// This thread's state in another interpreter. As above.
LATEPY_COLD inline PyThreadState* find_or_make_visit(InterpreterState& interpreter) {
  const std::uint32_t generation = interpreter.generation.load();
  if (PyThreadState* const known = find_visit(interpreter, generation)) return known;
  if (is_stack_too_small()) return nullptr;
  if (!library_state.current_is_per_thread && !thread_record.home.state && !api().GILState_GetThisThreadState())
    if (!find_home(*process_state().entered.load())) return nullptr;
  stack_limit.has_new_state = true;
  return make_visit(interpreter, generation);
}

/// The state with which this thread enters the interpreter, in which it is counted.
LATEPY_COLD inline void find_state(WayIn& way) {
  const ThreadRecord& record = thread_record;
  InterpreterState& interpreter = *way.interpreter;
  const std::uint32_t generation = interpreter.generation.load();
  if (generation == no_generation || record.ended) return;
  if (record.generation == generation) {
    way.state = record.state;
    way.kind = WayIn::Kind::here;
  } else if (record.home.generation == generation) {
    way.state = record.home.state;
    way.kind = WayIn::Kind::home;
  } else if (PyThreadState* const known = find_foreign(interpreter)) {
    way.state = known;
    way.kind = WayIn::Kind::made_by_others;
  } else if (&interpreter == process_state().entered.load()) {
    way.state = find_home(interpreter);
    way.kind = WayIn::Kind::home;
  } else {
    way.state = find_or_make_visit(interpreter);
    way.kind = WayIn::Kind::visit;
  }
}

LATEPY_FUNC LATEPY_COLD WayIn find_way_in(std::uint32_t wanted) {
  WayIn way;
  way.interpreter = count_in(wanted);
  if (!way.interpreter) return way;
  try {
    find_state(way);
  } catch (...) {
    count_out(*way.interpreter);
    throw;
  }
  if (!way.state) count_out(*way.interpreter);
  return way;
}

LATEPY_FUNC LATEPY_COLD void refuse_entry(std::uint32_t wanted) {
  if (!is_python_running())
    throw_not_running(
        "the GIL was asked for, but no Python runs in this process: make a latepy::Interpreter first, and keep it");
  if (wanted && !is_alive(wanted))
    throw_error<StateError>(
        {"the GIL was asked for of a Python interpreter that has ended: keep the SubInterpreter while it is used"});
  if (!thread_record.state && is_stack_too_small()) throw_small_stack("the GIL cannot be taken");
  throw_error<StateError>(
      {thread_record.ended
           ? "the GIL was asked for at the end of a thread, after its Python thread state was given up: use Python "
             "earlier"
       : !wanted && !is_python_open()
           ? "the GIL was asked for while Python is starting: wait until the constructor of latepy::Interpreter has "
             "returned"
           : "the GIL was asked for while Python is stopping: end this work before the stop, or use try_acquire()"});
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
