// latepy/load/interpreter_state.hpp: InterpreterState and ProcessState, the state that libraries of a process share.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/abi.hpp>
#include <latepy/load/detail/guard_count.hpp>
#include <latepy/load/dynlib.hpp>

#include <atomic>
#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

// Where state is kept. LibraryState (load/state.hpp), one for each library:
//   CPython's function table and version, the probed layout, the libraries that use this state, whether handles are
//   checked.
// ProcessState, one for each process:
//   the interpreters, the values that fast paths compare with, the stamp of the registered classes, the reason why a
//   second start is refused, the number of leaked references.
// InterpreterState, one for each interpreter:
//   its generation, `stopping`, GuardCounts, postponed decrefs, the states of ended threads, living errors, bound
//   classes, host types, interned names, kept codes, the first `__main__`, the layout of streams, datetime's functions.
// ThreadRecord (core/detail/thread_record.hpp), one for each thread and library: its thread state, the depth of guards.
/// A generation is the number of one Python interpreter of this process. Each handle stores the generation of its
/// object's interpreter. The low 12 bits are the interpreter's slot in ProcessState::interpreters, from 1. The high 20
/// bits count the uses of that slot, from 1 to last_use, so a generation returns after about a million uses of its
/// slot.
inline constexpr unsigned slot_bits = 12;
inline constexpr std::uint32_t slot_count = 1u << slot_bits;
inline constexpr std::uint32_t last_use = 0xFFFFEu;
constexpr std::uint32_t slot_of(std::uint32_t generation) noexcept { return generation & (slot_count - 1); }

inline constexpr std::uint32_t no_generation = 0;               ///< no interpreter
inline constexpr std::uint32_t empty_generation = 0xFFFFFFFFu;  ///< the generation of an empty handle
/// The value of ProcessState::fast_generation while each use of a handle must be checked. No handle has it.
inline constexpr std::uint32_t check_each_use = 0xFFFFFFFEu;

/// A decref that was postponed because the thread did not hold the GIL.
struct DeferredDecref {
  DeferredDecref* next;
  PyObject* object;
  std::uint32_t generation;
  BufferView* view;  ///< if set, this buffer view is released instead of the object
};

/// A list node for the thread state of a thread that ended. It is allocated together with the thread state, so that the
/// end of a thread allocates nothing.
struct EndedThread {
  EndedThread* next;
  PyThreadState* state;
  std::uint32_t generation;
};

/// A slot for the interned str object of one literal. It fills one cache line. An interpreter fills it at most once,
/// and stores `generation` last. See core/detail/interned_names.hpp.
struct alignas(64) InternedName {
  std::atomic<std::uint32_t> generation{no_generation};
  std::uint32_t size = 0;             ///< of the text, in bytes, with the NUL
  std::uint64_t first = 0, last = 0;  ///< those of its InternKey
  PyObject* str = nullptr;            ///< owned, as are kwnames and module
  PyObject* kwnames = nullptr;  ///< a tuple: the keywords of the last call whose first keyword was this name; or null
  std::size_t kwcount = 0;      ///< the length of kwnames
  PyObject* module = nullptr;   ///< the module of this name that was found last; or null
  char* copy = nullptr;         ///< the text if it has more than 16 bytes, else null
};
static_assert(sizeof(InternedName) == 64, "libraries step through a table of these");
inline constexpr std::size_t interned_bits = 10, interned_slots = std::size_t(1) << interned_bits;
/// The table that is used while no interpreter runs. It stays empty.
inline InternedName no_interned_names[interned_slots];

struct ClassRecord;
struct ErrorData;
struct HostTypes;
struct KeptCode;
struct MemoryCount;
struct StreamLayout;

/// What latepy keeps for one Python interpreter. It is never freed: when the interpreter has ended, a later interpreter
/// takes over its slot. Libraries with different versions of latepy read it, so its layout is plain C, and new members
/// are only appended.
struct InterpreterState {
  std::size_t size = sizeof(InterpreterState);
  std::atomic<std::uint32_t> generation{no_generation};  ///< no_generation while no interpreter has the slot
  std::uint32_t use = 0;                                 ///< the high 20 bits of the last generation
  std::atomic<PyInterpreterState*> interpreter{nullptr};
  /// Not 0: no thread enters. 1 while a stop may be given up; gate_starting and gate_closed: see core/detail/gate.hpp.
  std::atomic<int> stopping{0};
  /// Of the threads in a GilGuard, and of Python's own that wait at the end of a GilRelease; see core/detail/gate.hpp.
  std::atomic<GuardCount*> counts{nullptr};
  GuardCount count_of_all{this};  ///< for threads that have no other
  std::atomic<DeferredDecref*> deferred_decrefs{nullptr};
  std::atomic<EndedThread*> ended_threads{nullptr};
  /// The errors that hold a Python object; the stop formats them. See core/python_error.hpp.
  std::atomic_flag errors_lock = {};
  ErrorData* errors = nullptr;
  /// The C++ types that have a Python class; see core/detail/class_registry.hpp.
  std::atomic_flag classes_lock = {};
  std::atomic<ClassRecord*> classes{nullptr};
  /// The Python types of host functions and of bound instances; see host/detail/class/host_types.hpp.
  std::atomic<HostTypes*> host_types{nullptr};
  /// The str objects of literals, interned_slots of them; see core/detail/interned_names.hpp.
  std::atomic_flag names_lock = {};
  InternedName* names = no_interned_names;
  /// A cache from source text to code objects; see core/detail/kept_codes.hpp.
  std::atomic_flag codes_lock = {};
  KeptCode** codes = nullptr;
  /// N of the last `<string-N>`; see remember_source() in core/code.hpp.
  std::atomic<unsigned> sources{0};
  /// The namespace of the first `__main__`, a dict, borrowed.
  std::atomic<PyObject*> main_globals{nullptr};
  /// Where Python's text streams keep unwritten data; see run/detail/streams/flush.hpp.
  std::atomic<StreamLayout*> streams{nullptr};
  /// CPython's table of datetime functions; see stl/detail/datetime.hpp.
  std::atomic<const DateTimeApi*> datetime{nullptr};
  std::atomic<int> making{0}, forking{0};  ///< the threads that make a thread state, and that fork; see MakingState
  std::atomic<PyObject*> given_globals{nullptr};  ///< a dict, owned; see core/detail/given_globals.hpp
};

/// Stands for "no interpreter" in a library that has met no Python yet. Its generation is always no_generation.
inline InterpreterState no_interpreter{};

/// What all libraries of a process that use latepy share. A library finds it through a capsule in the interpreter's
/// dict. It is never freed. Its layout is plain C, and new members are only appended; any other change of a
/// shared struct gives meeting_place another number.
struct ProcessState {
  std::size_t size = sizeof(ProcessState);
  /// What each use of a handle compares the handle's generation with: the interpreter's generation while there is one
  /// interpreter; check_each_use while there is none or there are several, and always if `checked`.
  std::atomic<std::uint32_t> fast_generation{check_each_use};
  /// `names` of the only interpreter; no_interned_names while there is none, or several.
  std::atomic<InternedName*> fast_names{no_interned_names};
  /// The only interpreter; `none` while there is none; null while there are several.
  std::atomic<InterpreterState*> only{&no_interpreter};
  /// The interpreter that a GilGuard enters on a thread that is in none: the main one if latepy knows it, else the one
  /// in the lowest slot; `none` while there is none.
  std::atomic<InterpreterState*> entered{&no_interpreter};
  /// Changes when a class is registered, and when an interpreter begins or ends.
  std::atomic<std::uint32_t> classes_stamp{0};
  /// Some library of the process is compiled with LATEPY_CHECKS, or Python was started with Config::release_gil.
  std::atomic<bool> checked{false};
  /// A Python exception may carry a C++ exception; see core/translate.hpp.
  std::atomic<bool> carries_exceptions{false};
  /// The number of references that were leaked because there was no memory to postpone their decref.
  std::atomic<std::uint64_t> leaked{0};
  /// The reason why a second start is refused; null if it may be tried.
  std::atomic<const std::string*> restart_refusal{nullptr};
  std::atomic_flag lock = {};  ///< held while an interpreter begins or ends
  /// The first value of InterpreterState::use in each slot.
  std::uint32_t first_use = 0;
  /// An array of slot_count pointers, filled from number 1 on. Null if no interpreter was ever known.
  std::atomic<InterpreterState*>* interpreters = nullptr;
  InterpreterState* none = &no_interpreter;  ///< "no interpreter": its generation is always no_generation
  /// 1 in a child of fork() of which CPython was not told, 2 while it is told, else 0; see core/detail/forked.hpp.
  std::atomic<int> forked{0};
  /// fork() made this process on a thread without the GIL, so that its Python cannot be used.
  std::atomic<bool> lost{false};
  std::atomic<const MemoryCount*> memory{nullptr};  ///< of Config::memory_limit; see run/memory_limit.hpp
};

/// The ProcessState of a library that has met no Python yet.
inline ProcessState no_process_state{};

/// Holds a flag while it lives; waits in a loop until it gets it.
struct SpinLock {
  explicit SpinLock(std::atomic_flag& f) noexcept : flag(f) {
    while (flag.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~SpinLock() { flag.clear(std::memory_order_release); }
  SpinLock(const SpinLock&) = delete;
  std::atomic_flag& flag;
};

/// Calls `visit` with each living interpreter until `visit` returns true.
/// \returns that interpreter, or null if there was none.
template <class F>
InterpreterState* find_interpreter(const ProcessState& process, F&& visit) noexcept {
  for (std::uint32_t slot = 1; process.interpreters && slot < slot_count; ++slot) {
    InterpreterState* const each = process.interpreters[slot].load(std::memory_order_acquire);
    if (!each) break;
    if (each->generation.load(std::memory_order_acquire) != no_generation && visit(*each)) return each;
  }
  return nullptr;
}

/// Makes every library of the process check each use of a handle. Any thread, no GIL.
void begin_checks(ProcessState& process) noexcept;
/// A new ProcessState, without interpreters. \throws std::bad_alloc.
ProcessState& new_process_state();
/// Gives an interpreter a slot and a new generation. Needs its GIL. \param gate the first value of `stopping`.
/// \throws std::bad_alloc; StateError if all slots are taken.
InterpreterState& begin_interpreter(ProcessState& process, PyInterpreterState* interpreter, bool is_main, int gate = 0);
/// Frees the slot for another interpreter. From now on each use of a handle of the ended interpreter throws StateError.
/// Any thread.
void end_interpreter(ProcessState& process, InterpreterState& ended) noexcept;

#if LATEPY_DEFINITIONS

/// Updates the values that the fast paths read. The caller holds process.lock.
LATEPY_COLD inline void publish_interpreters(ProcessState& process) noexcept {
  unsigned living = 0;
  InterpreterState* only = process.none;
  find_interpreter(process, [&](InterpreterState& each) {
    only = ++living == 1 ? &each : nullptr;
    return living == 2;
  });
  const bool is_fast = living == 1 && !process.checked.load();
  process.fast_generation.store(is_fast ? only->generation.load() : check_each_use, std::memory_order_release);
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
  void* const table = process_alloc(slot_count * sizeof(std::atomic<InterpreterState*>));
  void* const none = process_alloc(sizeof(InterpreterState));
  if (!memory || !table || !none) {
    for (void* const each : {memory, table, none}) process_free(each);
    throw std::bad_alloc();
  }
  auto* const process = new (memory) ProcessState();
  process->interpreters = static_cast<std::atomic<InterpreterState*>*>(table);  // the memory is zeroed: null pointers
  process->none = new (none) InterpreterState();
  process->only = process->entered = process->none;
  // Each ProcessState counts from another number. If two libraries each made one before they met, their generations
  // differ, and a handle of one is not taken for a handle of the other.
  const auto bits = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(memory) >> 4);
  process->first_use = (bits * 2654435761u) >> (slot_bits + 1);
  process->classes_stamp = bits;  // likewise: a library that changes its ProcessState remembers stamps of the former
  return *process;
}

/// A slot that no interpreter has, made if needed. The caller holds process.lock.
LATEPY_COLD inline InterpreterState& free_slot(ProcessState& process) {
  for (std::uint32_t slot = 1; slot < slot_count; ++slot) {
    InterpreterState* const known = process.interpreters[slot].load();
    if (known && known->generation.load() == no_generation) return *known;
    if (known) continue;
    void* const memory = process_alloc(sizeof(InterpreterState));
    void* const names = process_alloc((interned_slots + 1) * sizeof(InternedName));
    if (!memory || !names) {
      for (void* const each : {memory, names}) process_free(each);
      throw std::bad_alloc();
    }
    auto* const made = new (memory) InterpreterState();
    made->use = process.first_use;
    const auto aligned =
        (reinterpret_cast<std::uintptr_t>(names) + alignof(InternedName)) & ~(alignof(InternedName) - 1);
    made->names = reinterpret_cast<InternedName*>(aligned);  // the memory is zeroed: each has no_generation
    process.interpreters[slot].store(made, std::memory_order_release);
    return *made;
  }
  throw_error<StateError>(
      {"cannot use another Python interpreter: 4095 live in this process, which is latepy's limit; end one first"});
}

LATEPY_FUNC LATEPY_COLD InterpreterState& begin_interpreter(ProcessState& process, PyInterpreterState* interpreter,
                                                            bool is_main, int gate) {
  const SpinLock lock(process.lock);
  InterpreterState& state = free_slot(process);
  std::uint32_t slot = 1;
  while (process.interpreters[slot].load() != &state) ++slot;
  state.use = state.use % last_use + 1;
  if (state.use == 1)  // the generations of this slot come again, so that what is left of the former ones must go
    for (std::size_t i = 0; i < interned_slots; ++i) state.names[i].generation.store(no_generation);
  state.interpreter.store(interpreter);
  state.stopping.store(gate);
  state.main_globals.store(nullptr), state.given_globals.store(nullptr);
  state.datetime.store(nullptr);
  state.generation.store(state.use << slot_bits | slot, std::memory_order_release);
  if (is_main || process.entered.load() == process.none) process.entered.store(&state, std::memory_order_release);
  publish_interpreters(process);
  return state;
}

LATEPY_FUNC LATEPY_COLD void end_interpreter(ProcessState& process, InterpreterState& ended) noexcept {
  const SpinLock lock(process.lock);
  ended.generation.store(no_generation, std::memory_order_release);
  if (process.entered.load() == &ended) {
    InterpreterState* const next = find_interpreter(process, [](InterpreterState&) { return true; });
    process.entered.store(next ? next : process.none, std::memory_order_release);
  }
  publish_interpreters(process);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
