// latepy/load/state.hpp: LibraryState, what each copy of latepy knows of the running Python; where all state lives.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/api.hpp>
#include <latepy/load/interpreter_state.hpp>
#include <latepy/load/layout.hpp>
#include <latepy/load/python_version.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// Where state lives
//
// | one for each   | struct           | what is in it |
// |----------------|------------------|--------------------------------------------------------------------------------|
// | library        | LibraryState     | CPython's function table and version, the probed layout, which libraries use |
// |                |                  | the state, whether their handles are checked | | process        | ProcessState
// | the slots of interpreters, what fast paths compare with, the stamp of classes, | |                | | why a second
// start is refused, leaked references                               | | interpreter    | InterpreterState | its
// generation, stopping and inside, postponed decrefs, ended threads' states, | |                |                  |
// living errors, bound classes, host types, interned names, kept codes, the      | |                | | first
// `__main__`, stream layout, datetime's functions                          | | thread         | ThreadRecord     | its
// thread state, the generation of that, guards (core/detail/thread_record)   |
//
// A "library" is the program, or a shared library that is compiled with latepy. How many LibraryStates a process has
// depends on the visibility of inline functions (-fvisibility):
// - hidden, and on Windows: each library has its own. They meet in one ProcessState when an Interpreter of the library
//   attaches.
// - default: the dynamic linker merges them where it binds one library's functions to another's.
// - default, compiled by clang, opened with RTLD_LAZY | RTLD_LOCAL before another library that uses latepy becomes
//   global: the library gets its own state at once, and some of its functions later from the other library. Compile it
//   with -fvisibility=hidden, or link it with -z now.

/// A shared library, or the program, that uses a LibraryState.
struct UserLibrary;

/// Constant-initialised: it may be used before main begins and after main has ended.
struct LibraryState {
  Api api;
  ProcessState* process = &no_process_state;
  Version version;
  bool free_threaded = false;
  /// From 3.12 PyThreadState_GetUnchecked answers for the calling thread; before it answered for the process.
  bool current_is_per_thread = false;
  /// Debug builds from 3.12 assert that a thread state is deleted by its own thread; there those of ended threads stay
  /// until the stop.
  bool leaks_thread_states = false;
  std::atomic<bool> checks{false};
  Layout layout;
  /// How many libraries use this state, or did.
  std::atomic<unsigned> libraries{0};
  /// Those that may still be unloaded.
  UserLibrary* unpinned = nullptr;
  std::atomic<bool> has_unpinned{false};
  std::atomic_flag libraries_lock = ATOMIC_FLAG_INIT;
};

inline LibraryState library_state{};

struct UserLibrary {
  UserLibrary() noexcept {
    ++library_state.libraries;
    const SpinLock lock(library_state.libraries_lock);
    next = library_state.unpinned;
    library_state.unpinned = this;
    library_state.has_unpinned = true;
  }
  UserLibrary(const UserLibrary&) = delete;
  ~UserLibrary() {
    const SpinLock lock(library_state.libraries_lock);
    for (UserLibrary** each = &library_state.unpinned; *each; each = &(*each)->next)
      if (*each == this) {
        *each = next;
        break;
      }
  }
  UserLibrary* next = nullptr;
};
/// Each library adds itself when it is loaded, and goes where it is unloaded before it had to do with Python.
inline LATEPY_HIDDEN UserLibrary this_library;

/// What Python calls, and the ends of threads, lies in the libraries that use latepy: from now on they stay.
inline void pin_libraries() noexcept {
  if (LATEPY_LIKELY(!library_state.has_unpinned.load(std::memory_order_acquire))) return;
  UserLibrary* each;
  {
    const SpinLock lock(library_state.libraries_lock);
    each = std::exchange(library_state.unpinned, nullptr);
    library_state.has_unpinned = false;
  }
  for (; each; each = each->next) process_pin(each);
}

inline const Api& api() noexcept { return library_state.api; }
inline ProcessState& process_state() noexcept { return *library_state.process; }

/// The interpreter of a generation; null when it has ended. Any thread, no GIL.
inline InterpreterState* interpreter_of(std::uint32_t generation) noexcept {
  const std::atomic<InterpreterState*>* const slots = process_state().slots;
  InterpreterState* const known = slots ? slots[slot_of(generation)].load(std::memory_order_acquire) : nullptr;
  return known && known->generation.load(std::memory_order_acquire) == generation ? known : nullptr;
}

inline void begin_library_checks() noexcept {
  library_state.checks.store(true);
  begin_checks(process_state());
}
#if LATEPY_CHECKS
namespace {
// One file compiled with checks turns them on for all that share its state: no inline function differs between files.
[[maybe_unused]] const bool checks_on = (begin_library_checks(), true);
}  // namespace
#endif

/// The state that the libraries of this process share. Made by the first that meets a Python.
LATEPY_COLD inline ProcessState& own_process_state() {
  if (library_state.process == &no_process_state) {
    library_state.process = &new_process_state();
    library_state.process->checked = library_state.checks.load();
  }
  return *library_state.process;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
