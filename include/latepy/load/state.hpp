// latepy/load/state.hpp: LibraryState, ProcessState and InterpreterState: what is known of the running Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/api.hpp>
#include <latepy/load/dynlib.hpp>
#include <latepy/load/python_version.hpp>

#include <atomic>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The generation of no interpreter, and of an empty handle; a running interpreter has another.
inline constexpr std::uint32_t no_generation = 0;
inline constexpr std::uint32_t empty_generation = 0xFFFFFFFFu;
inline constexpr std::uint32_t check_each_use = 0xFFFFFFFEu;

/// A reference that could not be dropped where its handle died, for want of the GIL.
struct DeferredDecref {
  DeferredDecref* next;
  PyObject* object;
  std::uint32_t generation;
  BufferView* view;  ///< of memory that the object showed; null for the object itself
};

/// The thread state of a thread that ended. Made with the thread state, so that the end of a thread allocates nothing.
struct EndedThread {
  EndedThread* next;
  PyThreadState* state;
  std::uint32_t generation;
};

/// A shared library, or the program, that uses a LibraryState.
struct UserLibrary;
struct ClassRecord;
struct HostTypes;
struct ErrorData;

/// What all copies of latepy in a process share, one or more; see LibraryState. They meet through a capsule in the
/// interpreter's dict. Plain C layout, only ever appended to, never freed.
struct ProcessState {
  std::size_t size = sizeof(ProcessState);
  std::uint32_t layout = 1;
  /// The number of the running interpreter, no_generation while there is none. Never the same twice in a process.
  std::atomic<std::uint32_t> generation{no_generation};
  /// What a handle's generation is compared with first: `generation`, or check_each_use to send every use through the
  /// checks.
  std::atomic<std::uint32_t> fast_generation{no_generation};
  std::atomic<std::uint32_t> last_generation{no_generation};
  /// Set when the stop begins: no thread enters any more.
  std::atomic<int> stopping{0};
  /// Threads that hold or wait for the GIL through an outermost guard.
  std::atomic<int> inside{0};
  std::atomic<DeferredDecref*> deferred_decrefs{nullptr};
  std::atomic<EndedThread*> ended_threads{nullptr};
  /// References that were leaked because no memory was left to queue them.
  std::atomic<std::uint64_t> leaked{0};
  /// The interpreter of `generation`.
  std::atomic<PyInterpreterState*> interpreter{nullptr};
  /// C++ types with a Python class; see core/detail/class_registry.hpp. The stamp changes with each of them and each
  /// generation.
  std::atomic<ClassRecord*> classes{nullptr};
  std::atomic<std::uint32_t> classes_stamp{0};
  std::atomic_flag classes_lock = ATOMIC_FLAG_INIT;
  /// The base types of what scripts see of the host; see host/detail/class/types.hpp.
  std::atomic<HostTypes*> host_types{nullptr};
  /// Whether a Python exception may carry a C++ one; see core/translate.hpp.
  std::atomic<bool> carries_exceptions{false};
  /// The errors that hold a Python object, so that the stop can format them; see core/python_error.hpp.
  std::atomic_flag errors_lock = ATOMIC_FLAG_INIT;
  ErrorData* errors = nullptr;
  /// Why a second start is refused; null where it may be tried.
  std::atomic<const std::string*> restart_refusal{nullptr};
};

inline ProcessState no_process_state{};

/// Where CPython's own code keeps what macros of its headers read, proved on live objects of the running CPython; what
/// is 0 was not, and functions do it. Offsets in bytes. See core/detail/probe_layout.hpp.
struct Layout {
  std::size_t head = 0;  ///< sizeof(PyObject); the type's address is its last member
  /// How counts are kept. `plain`, until 3.11: every one is ordinary, and as wide as a pointer. Else those from 2 to
  /// below count_limit are, where plus or minus one is all that CPython does; of them it reads 64 bits next after an
  /// increment where they are `wide`, which is until 3.13, and 32 bits otherwise.
  enum class Counting : std::uint8_t { halved, plain, wide } counting = Counting::halved;
  std::uint32_t count_limit = 0;
  std::uint32_t decrement_limit = 0;      ///< count_limit - 2, or 0
  std::uint32_t immortal = 0;             ///< the bit of 32-bit counts that stay as they are; 0 before 3.12
  std::uint16_t type_flags = 0;           ///< tp_flags, of which 32 bits are read
  std::uint16_t vectorcall_offset = 0;    ///< tp_vectorcall_offset
  std::uint16_t function_vectorcall = 0;  ///< in Python's functions, what tp_vectorcall_offset tells
  std::uint16_t float_value = 0, list_items = 0, tuple_items = 0, ascii_text = 0;
  enum class IntForm : std::uint8_t { unknown, sized, tagged } int_form = IntForm::unknown;  ///< of ints of one digit
  std::uint16_t trace_entry = 0, code_filename = 0;  ///< TraceEntry in tracebacks, co_filename
};

/// What latepy's functions know. Constant-initialised, so that it may be used before main and after.
///
/// The state has the visibility of the functions that use it, -fvisibility's, and so it is as many times in a process
/// as they are. Compiled as hidden, each shared library has functions and state of its own, as on Windows, and they
/// meet through ProcessState when an Interpreter of the library attaches. Otherwise the dynamic linker gives one
/// library's functions to another where it finds the names, and gives it the state with them. Only code compiled by
/// clang that is opened with RTLD_LAZY | RTLD_LOCAL, before another library that uses latepy becomes global, gets its
/// state at once and some of its functions from the other, later: compile it with -fvisibility=hidden, or link it with
/// -z now.
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
  /// Numbers the texts without a file name; see core/code.hpp.
  std::atomic<unsigned> sources{0};
  /// How many shared libraries use this state, or did.
  std::atomic<unsigned> libraries{0};
  /// Those that may still be unloaded.
  UserLibrary* unpinned = nullptr;
  std::atomic<bool> has_unpinned{false};
  std::atomic_flag libraries_lock = ATOMIC_FLAG_INIT;
};

inline LibraryState library_state{};

struct SpinLock {
  explicit SpinLock(std::atomic_flag& f) noexcept : flag(f) {
    while (flag.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~SpinLock() { flag.clear(std::memory_order_release); }
  SpinLock(const SpinLock&) = delete;
  std::atomic_flag& flag;
};

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
inline std::uint32_t current_generation() noexcept {
  return process_state().generation.load(std::memory_order_acquire);
}

inline void begin_checks() noexcept {
  library_state.checks.store(true);
  if (current_generation() != no_generation) process_state().fast_generation.store(check_each_use);
}
#if LATEPY_CHECKS
namespace {
// One file compiled with checks turns them on for all that share its state: no inline function differs between files.
[[maybe_unused]] const bool checks_on = (begin_checks(), true);
}  // namespace
#endif

/// A ProcessState of our own, when no other library of the process brought one.
LATEPY_COLD inline ProcessState& own_process_state() {
  if (library_state.process == &no_process_state) {
    void* memory = process_alloc(sizeof(ProcessState));
    if (!memory) throw std::bad_alloc();
    ProcessState* process = new (memory) ProcessState();
    // Lives count from a different number in each, so that those of two libraries that meet late do not agree.
    process->last_generation =
        static_cast<std::uint32_t>((reinterpret_cast<std::uintptr_t>(memory) >> 4) * 2654435761u) & 0x7FFFFFFFu;
    library_state.process = process;
  }
  return *library_state.process;
}

inline void publish_generation(ProcessState& process, std::uint32_t generation) noexcept {
  const bool checked = generation != no_generation && library_state.checks.load(std::memory_order_relaxed);
  process.fast_generation.store(checked ? check_each_use : generation, std::memory_order_release);
  process.generation.store(generation, std::memory_order_release);
}

LATEPY_COLD inline std::uint32_t begin_generation(ProcessState& process, PyInterpreterState* interpreter) noexcept {
  std::uint32_t generation;
  do generation = process.last_generation.fetch_add(1) + 1;
  while (generation == no_generation || generation >= check_each_use);
  process.stopping.store(0);
  process.interpreter.store(interpreter);
  process.classes_stamp.fetch_add(1);
  publish_generation(process, generation);
  return generation;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
