// latepy/load/interpreter_state.hpp: InterpreterState, what the libraries of a process keep for one interpreter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/abi.hpp>
#include <latepy/load/detail/guard_count.hpp>

#include <atomic>

namespace latepy {
inline namespace v1 {
namespace detail {

// Where state is kept. LibraryState (load/state.hpp), one for each library:
//   CPython's function table and version, the probed layout, the libraries that use this state, whether handles are
//   checked.
// ProcessState (load/process_state.hpp), one for each process:
//   the interpreters, the values that fast paths compare with, the stamp of the registered classes, the reason why a
//   second start is refused, the number of leaked references.
// InterpreterState, one for each interpreter:
//   its generation, `stopping`, GuardCounts, postponed decrefs, the states of ended threads and of visiting ones,
//   living errors, bound classes, host types, interned names, kept codes, the first `__main__`, the layout of streams,
//   datetime's and numpy's functions.
// ThreadRecord (core/detail/thread_record.hpp), one for each thread and library:
//   the thread states of this thread and their generations, the depth of guards.
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

/// A list node for a thread state that latepy made. It is allocated together with the thread state, so that the end of
/// a thread allocates nothing.
struct KeptState {
  KeptState* next;
  PyThreadState* state;
  std::uint32_t generation;
  const void* thread;  ///< the address of its thread's ThreadRecord
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
struct NumpyTable;
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
  std::atomic<KeptState*> ended_threads{nullptr};
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
  /// The states of threads whose home is another interpreter; see core/detail/visits.hpp.
  std::atomic_flag visits_lock = {};
  KeptState* visits = nullptr;
  std::atomic<bool> is_sub{false};          ///< a SubInterpreter made it; see run/subinterpreter.hpp
  std::atomic<NumpyTable*> numpy{nullptr};  ///< numpy's table of functions; see memory/detail/numpy.hpp
  std::atomic<bool> is_foreign{false};      ///< Config::audit alone knows it: no other thread enters; see run/audit.hpp
  std::atomic<bool> is_unfinished{false};   ///< of a foreign one: CPython still makes it
  /// Of a sub-interpreter that shares the GIL of the main one, in a CPython where interpreters do not take turns; see
  /// Watcher::ask_for_turns().
  std::atomic<bool> needs_turns{false};
  std::atomic<bool> has_other_threads{false};  ///< of such a one: threads of Python are in it
};

/// Stands for "no interpreter" in a library that has met no Python yet. Its generation is always no_generation.
inline InterpreterState no_interpreter{};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
