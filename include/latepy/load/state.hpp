// latepy/load/state.hpp: LibraryState, what one copy of latepy knows of the running Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/api.hpp>
#include <latepy/load/object_layout.hpp>
#include <latepy/load/process_state.hpp>
#include <latepy/load/python_version.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// A "library" is the program, or a shared library that is compiled with latepy. How many LibraryStates a process has
// depends on the visibility of inline functions (-fvisibility):
// - Hidden, and always on Windows: each library has its own LibraryState. Libraries begin to share one ProcessState
//   when an Interpreter of theirs attaches.
// - Default: each library may have its own, or the dynamic linker merges them. It merges them where it binds functions
//   of one library to those of another.
// - Default, and three things come together: clang compiled the library, it is opened with RTLD_LAZY | RTLD_LOCAL, and
//   another library that uses latepy becomes global later. Then the library has its own LibraryState, but some of its
//   functions are bound to the other library. This is not supported: compile the library with -fvisibility=hidden, or
//   link it with -z now.

/// A library (a shared library or the program) that uses a LibraryState.
struct UserLibrary;

/// What the libraries with one copy of latepy's state know. Constant-initialised: it may be used before main() begins
/// and after it has ended.
struct LibraryState {
  Api api;                                                ///< CPython's functions
  std::atomic<ProcessState*> process{&no_process_state};  ///< see process_state()
  Version version;                                        ///< of the loaded CPython
  bool free_threaded = false;
  /// True from 3.12 on: PyThreadState_GetUnchecked gives the state of the calling thread. Before 3.12 it gives the
  /// state of the thread that holds the GIL, whichever thread asks.
  bool current_is_per_thread = false;
  /// True on debug builds from 3.12 on. These assert that a thread deletes its own thread state, so latepy leaves the
  /// states of ended threads to the stop.
  bool leaks_thread_states = false;
  std::atomic<bool> checks{false};        ///< some file of these libraries is compiled with LATEPY_CHECKS
  std::atomic<bool> is_unchecked{false};  ///< some file defines LATEPY_CHECKS as 0: see Config::release_gil
  Layout layout;
  static constexpr std::size_t no_word = ~std::size_t(0);
  std::size_t current_word = no_word;  ///< of the words of core/detail/current_state.hpp, that with the thread state
  /// The number of libraries that use this state, with those that were unloaded since.
  std::atomic<unsigned> libraries{0};
  /// The libraries that may still be unloaded: a list, guarded by libraries_lock.
  UserLibrary* unpinned = nullptr;
  std::atomic<bool> has_unpinned{false};
  std::atomic_flag libraries_lock = {};
};

inline LibraryState library_state{};

/// The constructor adds the library to LibraryState::unpinned. The destructor removes it, unless it was pinned.
struct UserLibrary {
  UserLibrary() noexcept {
    ++library_state.libraries;
    const SpinLock lock(library_state.libraries_lock);
    next = library_state.unpinned;
    library_state.unpinned = this;
    library_state.has_unpinned = true;
  }
  UserLibrary(const UserLibrary&) = delete;
  UserLibrary& operator=(const UserLibrary&) = delete;
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
/// The library that this code is in. Constructed when the library is loaded, destroyed when it is unloaded.
inline LATEPY_HIDDEN UserLibrary this_library;

/// Keeps the libraries that use this state loaded until the process ends, because Python and ending threads call
/// functions in them. Any thread, no GIL.
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

/// CPython's functions; all are null before a CPython is loaded.
inline const Api& api() noexcept { return library_state.api; }
/// The ProcessState that this library uses: no_process_state until it meets a Python.
inline ProcessState& process_state() noexcept { return *library_state.process.load(std::memory_order_relaxed); }

/// The interpreter with this generation, or null if that interpreter has ended. Any thread, no GIL.
inline InterpreterState* interpreter_of(std::uint32_t generation) noexcept {
  const std::atomic<InterpreterState*>* const table = process_state().interpreters;
  InterpreterState* const known = table ? table[slot_of(generation)].load(std::memory_order_acquire) : nullptr;
  return known && known->generation.load(std::memory_order_acquire) == generation ? known : nullptr;
}

/// Turns the checks of handles on, for this LibraryState and for all libraries of its ProcessState.
inline void begin_library_checks() noexcept {
  library_state.checks.store(true);
  begin_checks(process_state());
}
/// Whether this thread holds the GIL of an interpreter, also of one that latepy does not know.
inline bool holds_any_gil() noexcept {
  const Api& a = api();
  PyThreadState* const current = a.ThreadState_GetUnchecked();
  // Before 3.12 `current` is the state of whoever holds the GIL.
  return current && (library_state.current_is_per_thread || current == a.GILState_GetThisThreadState());
}
#if LATEPY_DEFINITIONS
LATEPY_FUNC LATEPY_COLD void stay_if_ended() noexcept {
  // CPython ends no thread that holds the GIL, and none before the stop has begun.
  const InterpreterState& entered = *process_state().entered.load();
  if (entered.generation.load() != no_generation && entered.stopping.load() == 0) return;
  if (!holds_any_gil()) process_park();
}
#endif

#if LATEPY_CHECKS
namespace {
// One file that is compiled with LATEPY_CHECKS turns the checks on for all files that share its state. So inline
// functions are the same in files with and without LATEPY_CHECKS.
[[maybe_unused]] const bool checks_on = (begin_library_checks(), true);
}  // namespace
#elif !LATEPY_CHECKS_BY_DEFAULT
namespace {
[[maybe_unused]] const bool checks_off = library_state.is_unchecked = true;
}  // namespace
#endif

/// The ProcessState of this library; makes one if there is none yet. \throws std::bad_alloc.
LATEPY_COLD inline ProcessState& own_process_state() {
  if (&process_state() == &no_process_state) {
    ProcessState& made = new_process_state();
    made.checked = library_state.checks.load();
    library_state.process.store(&made, std::memory_order_release);
  }
  return process_state();
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
