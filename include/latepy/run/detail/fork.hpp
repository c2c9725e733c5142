// latepy/run/detail/fork.hpp: makes Python usable in the child of a fork(), beside threads that use it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/fork_source.hpp>
#include <latepy/run/detail/stop.hpp>
#include <latepy/run/detail/streams/redirect.hpp>
#include <latepy/run/detail/turn.hpp>

#if !LATEPY_WINDOWS
#include <pthread.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

// What a fork() finds, and what the child can do:
// - A thread that holds the GIL forks, and CPython does not know of it: the parent holds the import lock meanwhile, and
//   the child tells CPython before it uses Python (finish_fork()). A child that calls exec() never does.
//   In a free-threaded CPython other threads may be anywhere in it, so it is told before the fork too: it stops them
//   meanwhile.
// - CPython forks (os.fork(), multiprocessing): it tells itself.
// - A thread without the GIL forks: another thread may have been anywhere in Python. The child can only call exec();
//   each use of Python throws StateError.
// Locks of extension modules and import locks of modules that other threads held stay locked, as in each CPython. A
// fork beside a sub-interpreter works in no CPython.

/// What the fork of this thread found.
struct ForkPlan {
  bool is_pythons = false;    ///< CPython forks: between the functions of os.register_at_fork()
  bool holds_gil = false;     ///< the thread holds the GIL of the main interpreter
  bool locks_import = false;  ///< this library took the import lock
  bool stops_world = false;   ///< this library told a free-threaded CPython
  bool holds_states = false;  ///< this library called let_states_be_made()
};
inline thread_local ForkPlan fork_plan{};
/// In the child of a fork() with the GIL, the ThreadRecord of the thread that forked, the only one that lives on.
inline std::atomic<const ThreadRecord*> surviving_thread{nullptr};
/// Whether this thread stands for the one with that ThreadRecord: it is the same, or survived it. \throws StateError in
/// the child of a fork() without the GIL.
inline bool is_thread(const void* record) {
  if (process_state().lost) throw_not_running("");
  return record == &thread_record || surviving_thread.load() == &thread_record;
}

/// finalize() in the child, where another thread than this one had started Python. From 3.13 on, Py_FinalizeEx crashes
/// there, because it uses the freed state of that thread. So Python is left to the end of the process.
LATEPY_COLD inline bool finalize_in_child() {
  if (library_state.version.minor < 13) return finalize();
  end_and_forget(current_interpreter());
  api().Eval_SaveThread();
  return true;
}

#if !LATEPY_WINDOWS
/// Calls one of the functions of fork_source, with the GIL; what it raises is ignored.
LATEPY_COLD inline void call_fork_source(const char* name) noexcept {
  const ErrorAside aside;
  try {
    call_plain(get_item(kept_namespace("fork", fork_source), name));
  } catch (...) {
  }
}
LATEPY_COLD inline void before_fork() noexcept {
  fork_plan.holds_gil = is_python_running() && held_interpreter() == process_state().entered.load() && !has_subs();
  const bool is_hosts = fork_plan.holds_gil && !fork_plan.is_pythons;
  fork_plan.stops_world = is_hosts && library_state.free_threaded;
  fork_plan.locks_import = is_hosts && !library_state.free_threaded;
  if (fork_plan.locks_import) call_fork_source("acquire");
  fork_plan.holds_states = fork_plan.holds_gil && library_state.version.minor < 12;
  if (fork_plan.holds_states) let_states_be_made(*process_state().entered.load());
  if (!fork_plan.stops_world) return;
  const ErrorAside aside;
  api().BeforeFork();
  fork_plan.is_pythons = false;  // it called what watch_forks() registered
}
LATEPY_COLD inline void after_fork_in_parent() noexcept {
  if (std::exchange(fork_plan.holds_states, false)) --process_state().entered.load()->forking;
  if (std::exchange(fork_plan.locks_import, false)) call_fork_source("release");
  if (!std::exchange(fork_plan.stops_world, false)) return;
  const ErrorAside aside;
  api().AfterFork_Parent();
}
/// Nobody holds a lock in the child: the threads that did are gone.
LATEPY_COLD inline void free_locks(ProcessState& process) noexcept {
  for (std::atomic_flag* const each : {&process.lock, &library_state.libraries_lock, &translators_lock,
                                       &interpreters_lock, &crossings_lock, &captured_lock})
    each->clear();
  if (turn_owner.thread != &thread_record) turn_owner = {};
  find_interpreter(process, [&](InterpreterState& each) {
    for (std::atomic_flag* const lock : {&each.errors_lock, &each.classes_lock, &each.names_lock, &each.codes_lock})
      lock->clear();
    // A thread may have been about to remove an error. Only the links forwards are whole at any time.
    ErrorData* previous = nullptr;
    for (ErrorData* error = each.errors; error; error = error->next) {
      error->previous = previous;
      previous = error;
    }
    if (HostTypes* const types = each.host_types.load()) types->lock.clear();
    // Of the states of threads that ended, CPython frees those that it has in its list. The others are gone too.
    each.ended_threads.store(nullptr);
    reset_counts(each, thread_record.depth);
    return false;
  });
}
LATEPY_COLD inline void after_fork_in_child() noexcept {
  ProcessState& process = process_state();
  free_locks(process);
  ask_watcher(&WatcherCalls::forget);
  fork_plan.locks_import = fork_plan.stops_world = fork_plan.holds_states = false;
  if (fork_plan.holds_gil) surviving_thread = &thread_record;
  if (!is_python_running() || fork_plan.is_pythons) return;
  // From now on each use of Python comes to finish_fork(), or throws.
  process.fast_generation = check_each_use;
  process.fast_names = no_interned_names;
  if (fork_plan.holds_gil) {
    is_forker = true;
    process.forked = 1;
    process.only = nullptr;
  } else {
    process.lost = has_subs() ? 2 : 1;
    find_interpreter(process, [&](InterpreterState& each) {
      each.generation = no_generation;
      return false;
    });
    process.only = process.none;
    process.entered = process.none;
  }
}
#endif

/// Prepares for each fork() from now on. Needs the GIL. \throws PythonError, std::bad_alloc.
LATEPY_COLD inline void watch_forks() {
#if !LATEPY_WINDOWS
  static const int failed = pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
  if (failed) throw std::bad_alloc();
  static MethodDef functions[] = {{"before",
                                   [](PyObject*, PyObject*) noexcept {
                                     fork_plan.is_pythons = true;
                                     return Object::borrow(api().NoneStruct).release();
                                   },
                                   meth_noargs, nullptr},
                                  {"after",
                                   [](PyObject*, PyObject*) noexcept {
                                     fork_plan.is_pythons = false;
                                     return Object::borrow(api().NoneStruct).release();
                                   },
                                   meth_noargs, nullptr}};
  const ColdObject before = take_result(api().CFunction_NewEx(&functions[0], nullptr, nullptr));
  const ColdObject after = take_result(api().CFunction_NewEx(&functions[1], nullptr, nullptr));
  call_plain(get_item(kept_namespace("fork", fork_source), "register"), {before, after});
#endif
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
