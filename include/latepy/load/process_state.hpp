// latepy/load/process_state.hpp: ProcessState, the state that the libraries of a process share.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/dynlib.hpp>
#include <latepy/load/interpreter_state.hpp>

#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

struct MemoryCount;

/// Ends the SubInterpreters that one library has made, for the stop of the main interpreter.
struct SubOwner {
  SubOwner* next;
  /// Needs the GIL of the main interpreter. \param limit in ms, for each. \returns false if one lives on.
  bool (*end_all)(long long limit) noexcept;
};

/// Ends the event loops that one library has made in an interpreter, before it stops.
struct LoopOwner {
  LoopOwner* next;
  /// Needs the GIL of that interpreter. \param limit in ms. \returns false if one lives on.
  bool (*end_all)(std::uint32_t generation, long long limit) noexcept;
};

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
  /// Held while an interpreter begins or ends.
  std::atomic_flag lock = {};
  /// The first value of InterpreterState::use in each slot.
  std::uint32_t first_use = 0;
  /// An array of slot_count pointers, filled from number 1 on. Null if no interpreter was ever known.
  std::atomic<InterpreterState*>* interpreters = nullptr;
  InterpreterState* none = &no_interpreter;  ///< "no interpreter": its generation is always no_generation
  /// 1 in a child of fork() of which CPython was not told, 2 while it is told, else 0; see core/detail/forked.hpp.
  std::atomic<int> forked{0};
  /// fork() made this process so that its Python cannot be used: 1: on a thread without the GIL, 2: beside a
  /// SubInterpreter; else 0.
  std::atomic<int> lost{0};
  std::atomic<const MemoryCount*> memory{nullptr};  ///< of Config::memory_limit; see run/memory_limit.hpp
  /// The libraries that made SubInterpreters; see run/subinterpreter.hpp.
  std::atomic<SubOwner*> sub_owners{nullptr};
  /// The libraries that made event loops; see run/event_loop.hpp.
  std::atomic<LoopOwner*> loop_owners{nullptr};
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
/// The same for one that only Config::audit knows; begin_interpreter() may take it over. \param gate of a new one.
/// \returns the one that is known, and false in `is_new`, if there is one.
InterpreterState& begin_foreign_interpreter(ProcessState& process, PyInterpreterState* interpreter, int gate,
                                            bool& is_new);
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

/// Gives it a slot. The caller holds process.lock.
LATEPY_COLD inline InterpreterState& fill_slot(ProcessState& process, PyInterpreterState* interpreter, bool is_main,
                                               int gate) {
  InterpreterState& state = free_slot(process);
  std::uint32_t slot = 1;
  while (process.interpreters[slot].load() != &state) ++slot;
  state.use = state.use % last_use + 1;
  if (state.use == 1)  // the generations of this slot come again, so that what is left of the former ones must go
    for (std::size_t i = 0; i < interned_slots; ++i) state.names[i].generation.store(no_generation);
  state.interpreter.store(interpreter);
  state.stopping.store(gate);
  state.main_globals.store(nullptr);
  state.given_globals.store(nullptr);
  state.datetime.store(nullptr);
  state.numpy.store(nullptr);
  state.is_sub.store(false);
  state.needs_turns.store(false);
  state.has_other_threads.store(false);
  state.is_foreign.store(false);
  state.is_unfinished.store(false);
  state.generation.store(state.use << slot_bits | slot, std::memory_order_release);
  if (is_main || process.entered.load() == process.none) process.entered.store(&state, std::memory_order_release);
  publish_interpreters(process);
  return state;
}
/// The one with this pointer; null if there is none. The caller holds process.lock.
LATEPY_COLD inline InterpreterState* find_slot(ProcessState& process, PyInterpreterState* interpreter) noexcept {
  return find_interpreter(
      process, [interpreter](const InterpreterState& each) { return each.interpreter.load() == interpreter; });
}

LATEPY_FUNC LATEPY_COLD InterpreterState& begin_interpreter(ProcessState& process, PyInterpreterState* interpreter,
                                                            bool is_main, int gate) {
  const SpinLock lock(process.lock);
  InterpreterState* const known = find_slot(process, interpreter);
  if (!known || !known->is_foreign.load()) return fill_slot(process, interpreter, is_main, gate);
  known->is_foreign.store(false);
  known->is_unfinished.store(false);
  known->stopping.store(gate);
  if (is_main) process.entered.store(known, std::memory_order_release);
  return *known;
}

LATEPY_FUNC LATEPY_COLD InterpreterState& begin_foreign_interpreter(ProcessState& process,
                                                                    PyInterpreterState* interpreter, int gate,
                                                                    bool& is_new) {
  const SpinLock lock(process.lock);
  InterpreterState* const known = find_slot(process, interpreter);
  is_new = !known;
  if (known) return *known;
  InterpreterState& state = fill_slot(process, interpreter, false, gate);
  state.is_foreign.store(true);
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
