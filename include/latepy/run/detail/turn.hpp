// latepy/run/detail/turn.hpp: Turn, the right of one thread to start, attach to or stop Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/gil.hpp>

namespace latepy {
inline namespace v1 {
class Interpreter;
namespace detail {

/// The first of a list of living Interpreters. The others belong to other libraries and attached to its Python.
inline std::atomic<Interpreter*> the_interpreter{nullptr};
/// Guards the list and `turn_owner`.
inline std::atomic_flag interpreters_lock = {};
/// What a Turn is for.
enum class Errand : unsigned char { none, make, stop };
/// The thread that has the turn: the address of its ThreadRecord; and what for.
struct TurnOwner {
  const void* thread = nullptr;
  Errand errand = Errand::none;
};
inline TurnOwner turn_owner;

/// The thread state with which this thread holds a GIL; null if it holds none. latepy may not know the interpreter.
LATEPY_COLD inline PyThreadState* attached_state() noexcept {
  const Api& a = api();
  PyThreadState* const current = a.ThreadState_GetUnchecked();
  // Before 3.12 CPython gives the state of the thread that holds the GIL. It is taken for another thread's. It could be
  // a sub-interpreter's state on this thread, but only the code that entered that one can know.
  if (current && !library_state.current_is_per_thread && current != a.GILState_GetThisThreadState()) return nullptr;
  return current;
}

/// Whether the library of LibraryState::api was loaded.
inline std::atomic<bool> has_api{false};

/// Held while an Interpreter is found, loaded and started, attached, or stopped; by one thread at a time.
class Turn {
 public:
  /// - make: \throws StateError if this library has an Interpreter, or one is made or stopped by another thread. Where
  ///   several libraries share this state, waits until the Interpreter of another one is made.
  /// - stop: waits until another library has attached. Needs the GIL, which others may hold meanwhile.
  LATEPY_COLD explicit Turn(Errand errand) {
    for (Errand other; (other = take(errand)) != Errand::none; nap()) {
      if (errand == Errand::stop) continue;
      if (other == Errand::stop)
        throw_error<StateError>({"an Interpreter was made while another thread stops Python: wait until that is done"});
      if (library_state.libraries.load() == 1)
        throw_error<StateError>(
            {"a second Interpreter was made while another thread makes the first one: wait until that is done, then "
             "use Interpreter::current()"});
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  LATEPY_COLD ~Turn() { give_up(); }

  /// Ends the turn. The second call does nothing.
  LATEPY_COLD void give_up() noexcept {
    const SpinLock lock(interpreters_lock);
    if (std::exchange(is_owner_, false)) turn_owner = {};
  }

 private:
  /// Takes the turn, or shares that of this thread. \returns what another thread has it for.
  LATEPY_COLD Errand take(Errand errand) {
    const SpinLock lock(interpreters_lock);
    // If several libraries share this state, the other Interpreter may belong to another library, which is allowed. The
    // library that calls cannot be found out: std::make_unique<Interpreter>() may be merged between libraries too.
    if (errand == Errand::make && library_state.libraries.load() == 1 &&
        (the_interpreter.load() || turn_owner.thread == &thread_record))
      throw_error<StateError>({"a second Interpreter was made while the first one lives: use Interpreter::current()"});
    if (turn_owner.thread == &thread_record) return Errand::none;
    if (turn_owner.thread) return turn_owner.errand;
    turn_owner = {&thread_record, errand};
    is_owner_ = true;
    return Errand::none;
  }
  /// Waits for a moment, without the GIL: the thread that has the turn may need it.
  LATEPY_COLD static void nap() {
    PyThreadState* const state = has_api.load(std::memory_order_acquire) ? attached_state() : nullptr;
    if (state) api().Eval_SaveThread();
    process_nap();
    if (state) api().Eval_RestoreThread(state);
  }
  bool is_owner_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
