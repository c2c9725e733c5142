// latepy/load/interpreter_state.hpp: InterpreterState and ProcessState, which all libraries of a process share.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/abi.hpp>
#include <latepy/load/dynlib.hpp>

#include <atomic>
#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A generation names a Python interpreter of this process. Each handle holds that of its object's interpreter.
/// The low 12 bits are the interpreter's slot in ProcessState::slots, the high 20 bits count the uses of that slot.
/// A generation comes back when its slot has been used a million times.
inline constexpr unsigned slot_bits = 12;
inline constexpr std::uint32_t slot_count = 1u << slot_bits;
inline constexpr std::uint32_t last_use = 0xFFFFEu;
constexpr std::uint32_t slot_of(std::uint32_t generation) noexcept { return generation & (slot_count - 1); }

inline constexpr std::uint32_t no_generation = 0;               ///< no interpreter: uses are counted from 1
inline constexpr std::uint32_t empty_generation = 0xFFFFFFFFu;  ///< an empty handle
/// Stands in ProcessState::fast_generation where every use of a handle is to be checked. No handle has it.
inline constexpr std::uint32_t check_each_use = 0xFFFFFFFEu;

/// A decref that was postponed because the thread did not hold the GIL.
struct DeferredDecref {
  DeferredDecref* next;
  PyObject* object;
  std::uint32_t generation;
  BufferView* view;  ///< if set, this buffer view is released instead of the object
};

/// The thread state of a thread that ended. Allocated with the thread state, so that the end of a thread allocates
/// nothing.
struct EndedThread {
  EndedThread* next;
  PyThreadState* state;
  std::uint32_t generation;
};

/// The interned str of a literal's text, in one cache line; see core/detail/interned_names.hpp. It is written once in
/// the life of its interpreter, `generation` last.
struct alignas(64) InternedName {
  std::atomic<std::uint32_t> generation{no_generation};
  std::uint32_t size = 0;             ///< with the NUL
  std::uint64_t first = 0, last = 0;  ///< of its InternKey
  PyObject* str = nullptr;
  PyObject* kwnames = nullptr;  ///< the names of the last call whose first named argument this was, a tuple; or null
  std::size_t kwcount = 0;      ///< how many they are
  PyObject* module = nullptr;   ///< the imported module of this name that was found last; or null
  char* copy = nullptr;         ///< the text, where it has more than 16 bytes
};
inline constexpr std::size_t interned_bits = 10, interned_slots = std::size_t(1) << interned_bits;
/// The table of a process without Python: nothing is in it.
inline InternedName no_interned_names[interned_slots];

struct ClassRecord;
struct ErrorData;
struct HostTypes;
struct KeptCode;
struct StreamLayout;

/// What latepy keeps for one Python interpreter. Plain C layout, only ever appended to: libraries read one another's.
/// It stands in a slot that is never freed. When the interpreter has ended, a later one takes the slot over.
struct InterpreterState {
  std::size_t size = sizeof(InterpreterState);
  std::atomic<std::uint32_t> generation{no_generation};  ///< no_generation while no interpreter has the slot
  std::uint32_t use = 0;                                 ///< how often the slot was taken
  std::atomic<PyInterpreterState*> interpreter{nullptr};
  /// Set when the stop begins: no thread enters any more.
  std::atomic<int> stopping{0};
  /// The number of threads that hold the GIL, or wait for it, by an outermost guard.
  std::atomic<int> inside{0};
  std::atomic<DeferredDecref*> deferred_decrefs{nullptr};
  std::atomic<EndedThread*> ended_threads{nullptr};
  /// The errors that hold a Python object, so that the stop can format them; see core/python_error.hpp.
  std::atomic_flag errors_lock = ATOMIC_FLAG_INIT;
  ErrorData* errors = nullptr;
  /// C++ types with a Python class; see core/detail/class_registry.hpp.
  std::atomic_flag classes_lock = ATOMIC_FLAG_INIT;
  std::atomic<ClassRecord*> classes{nullptr};
  /// The base types of what scripts see of the host; see host/detail/class/types.hpp.
  std::atomic<HostTypes*> host_types{nullptr};
  /// See core/detail/interned_names.hpp.
  std::atomic_flag names_lock = ATOMIC_FLAG_INIT;
  InternedName* names = no_interned_names;
  /// Compiled source, kept by its text, and the number of the last text without a file name; see core/code.hpp.
  std::atomic_flag codes_lock = ATOMIC_FLAG_INIT;
  KeptCode** codes = nullptr;
  std::atomic<unsigned> sources{0};
  /// The namespace of the first `__main__`, borrowed.
  std::atomic<PyObject*> main_globals{nullptr};
  /// See run/detail/streams/flush.hpp.
  std::atomic<StreamLayout*> streams{nullptr};
  /// CPython's table of datetime functions; see stl/detail/datetime.hpp.
  std::atomic<const DateTimeApi*> datetime{nullptr};
};

/// What all libraries of a process that use latepy share. They find it by a capsule in the interpreter's dict.
/// Plain C layout, only ever appended to, never freed.
struct ProcessState {
  std::size_t size = sizeof(ProcessState);
  std::uint32_t layout = 2;
  /// What a use of a handle compares the handle's generation with first: that of the one interpreter; check_each_use
  /// with LATEPY_CHECKS and while there are several interpreters; no_generation without an interpreter.
  std::atomic<std::uint32_t> fast_generation{no_generation};
  /// The names of the one interpreter.
  std::atomic<InternedName*> fast_names{no_interned_names};
  /// The one interpreter; `none` without one; null while there are several.
  std::atomic<InterpreterState*> only{&none};
  /// The interpreter that a guard enters on a thread outside of Python: the first that began of those that live.
  std::atomic<InterpreterState*> first{&none};
  /// Changes with each class that is registered and with each interpreter that begins or ends.
  std::atomic<std::uint32_t> classes_stamp{0};
  /// Some library of the process has LATEPY_CHECKS.
  std::atomic<bool> checked{false};
  /// A Python exception may carry a C++ one; see core/translate.hpp.
  std::atomic<bool> carries_exceptions{false};
  /// References that were leaked because no memory was left to postpone their decref.
  std::atomic<std::uint64_t> leaked{0};
  /// Why a second start is refused; null where it may be tried.
  std::atomic<const std::string*> restart_refusal{nullptr};
  /// Held while an interpreter begins or ends.
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  /// The number that the uses of each slot are counted from.
  std::uint32_t first_use = 0;
  /// slot_count of them, filled from the front; null: no interpreter was ever known.
  std::atomic<InterpreterState*>* slots = nullptr;
  InterpreterState none;
};

/// The state of a library that has met no Python yet.
inline ProcessState no_process_state{};

struct SpinLock {
  explicit SpinLock(std::atomic_flag& f) noexcept : flag(f) {
    while (flag.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~SpinLock() { flag.clear(std::memory_order_release); }
  SpinLock(const SpinLock&) = delete;
  std::atomic_flag& flag;
};

/// Calls `visit` with each interpreter that lives, until it gives true.
/// \returns that interpreter, or null.
template <class F>
InterpreterState* find_interpreter(const ProcessState& process, F&& visit) noexcept {
  for (std::uint32_t slot = 0; process.slots && slot < slot_count; ++slot) {
    InterpreterState* const each = process.slots[slot].load(std::memory_order_acquire);
    if (!each) break;
    if (each->generation.load(std::memory_order_acquire) != no_generation && visit(*each)) return each;
  }
  return nullptr;
}

void begin_checks(ProcessState& process) noexcept;
/// A new ProcessState, without interpreters. \throws std::bad_alloc.
ProcessState& new_process_state();
/// Gives an interpreter a slot. Needs its GIL. \throws std::bad_alloc; StateError where all slots are taken.
InterpreterState& begin_interpreter(ProcessState& process, PyInterpreterState* interpreter);
/// Takes the slot away: every handle of the interpreter is harmless from now on. Any thread.
void end_interpreter(ProcessState& process, InterpreterState& ended) noexcept;

#if LATEPY_DEFINITIONS

/// What the fast paths see. With the lock.
LATEPY_COLD inline void publish_interpreters(ProcessState& process) noexcept {
  unsigned living = 0;
  InterpreterState* only = &process.none;
  find_interpreter(process, [&](InterpreterState& each) {
    only = ++living == 1 ? &each : nullptr;
    return living == 2;
  });
  const bool is_checked = living > 1 || (living == 1 && process.checked.load());
  process.fast_generation.store(is_checked ? check_each_use : only->generation.load(), std::memory_order_release);
  process.fast_names.store(only ? only->names : no_interned_names, std::memory_order_release);
  process.only.store(only, std::memory_order_release);
  process.classes_stamp.fetch_add(1, std::memory_order_release);
}

LATEPY_FUNC LATEPY_COLD void begin_checks(ProcessState& process) noexcept {
  if (&process == &no_process_state) return;
  const SpinLock lock(process.lock);
  process.checked = true;
  publish_interpreters(process);
}

LATEPY_FUNC LATEPY_COLD ProcessState& new_process_state() {
  void* const memory = process_alloc(sizeof(ProcessState));
  void* const slots = process_alloc(slot_count * sizeof(std::atomic<InterpreterState*>));
  if (!memory || !slots) {
    process_free(memory);
    process_free(slots);
    throw std::bad_alloc();
  }
  auto* const process = new (memory) ProcessState();
  process->slots = static_cast<std::atomic<InterpreterState*>*>(slots);  // zeros, which are null
  // A different number in each, so that the generations of two libraries that meet late do not agree.
  const auto bits = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(memory) >> 4);
  process->first_use = (bits * 2654435761u) >> (slot_bits + 1);
  return *process;
}

/// A slot that no interpreter has. With the lock.
LATEPY_COLD inline InterpreterState& free_slot(ProcessState& process) {
  for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
    InterpreterState* const known = process.slots[slot].load();
    if (known && known->generation.load() == no_generation) return *known;
    if (known) continue;
    void* const memory = process_alloc(sizeof(InterpreterState));
    void* const names = process_alloc((interned_slots + 1) * sizeof(InternedName));
    if (!memory || !names) {
      process_free(memory);
      process_free(names);
      throw std::bad_alloc();
    }
    auto* const made = new (memory) InterpreterState();
    made->use = process.first_use;
    const auto aligned =
        (reinterpret_cast<std::uintptr_t>(names) + alignof(InternedName)) & ~(alignof(InternedName) - 1);
    made->names = reinterpret_cast<InternedName*>(aligned);  // zeros: none of them has a generation
    process.slots[slot].store(made, std::memory_order_release);
    return *made;
  }
  throw StateError("this process has 4096 Python interpreters, and latepy can tell no more of them apart");
}

LATEPY_FUNC LATEPY_COLD InterpreterState& begin_interpreter(ProcessState& process, PyInterpreterState* interpreter) {
  const SpinLock lock(process.lock);
  InterpreterState& state = free_slot(process);
  std::uint32_t slot = 0;
  while (process.slots[slot].load() != &state) ++slot;
  state.use = state.use % last_use + 1;
  state.interpreter.store(interpreter);
  state.stopping.store(0);
  state.main_globals.store(nullptr);
  state.datetime.store(nullptr);
  state.generation.store(state.use << slot_bits | slot, std::memory_order_release);
  if (process.first.load() == &process.none) process.first.store(&state, std::memory_order_release);
  publish_interpreters(process);
  return state;
}

LATEPY_FUNC LATEPY_COLD void end_interpreter(ProcessState& process, InterpreterState& ended) noexcept {
  const SpinLock lock(process.lock);
  ended.generation.store(no_generation, std::memory_order_release);
  if (process.first.load() == &ended) {
    InterpreterState* const next = find_interpreter(process, [](InterpreterState&) { return true; });
    process.first.store(next ? next : &process.none, std::memory_order_release);
  }
  publish_interpreters(process);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
