// latepy/load/state.hpp: what latepy knows of the running Python: one State a shared library, one Shared a process.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/api.hpp>

#include <atomic>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The life of an empty handle and of none; a running interpreter has another.
inline constexpr std::uint32_t no_life = 0;
inline constexpr std::uint32_t empty_life = 0xFFFFFFFFu;
inline constexpr std::uint32_t checked_life = 0xFFFFFFFEu;

/// A reference that could not be dropped where its handle died, for want of the GIL.
struct LateDrop {
  LateDrop* next;
  PyObject* object;
  std::uint32_t life;
};

/// The thread state of a thread that ended. Made with the thread state, so that the end of a thread allocates nothing.
struct RetiredThread {
  RetiredThread* next;
  PyThreadState* state;
  std::uint32_t life;
};

/// What all shared libraries of a process that use latepy share. They meet through a capsule in the interpreter's
/// dict. Plain C layout, only ever appended to, never freed.
struct Shared {
  std::size_t size = sizeof(Shared);
  std::uint32_t layout = 1;
  /// The number of the running interpreter, no_life while there is none. Never the same twice in a process.
  std::atomic<std::uint32_t> life{no_life};
  /// What a handle's life is compared with first: `life`, or checked_life to send every use through the checks.
  std::atomic<std::uint32_t> fast_life{no_life};
  std::atomic<std::uint32_t> last_life{no_life};
  /// Set when the stop begins: no thread enters any more.
  std::atomic<int> stopping{0};
  /// Threads that hold or wait for the GIL through an outermost guard.
  std::atomic<int> inside{0};
  std::atomic<LateDrop*> drops{nullptr};
  std::atomic<RetiredThread*> retired{nullptr};
  /// References that were leaked because no memory was left to queue them.
  std::atomic<std::uint64_t> leaked{0};
  /// The interpreter of `life`.
  std::atomic<PyInterpreterState*> interpreter{nullptr};
  /// Bound types by name, for host/class.hpp.
  std::atomic<void*> types{nullptr};
};

/// Formats and lists errors that outlive their Python; see core/python_error.hpp.
struct ErrorData;

/// What one shared library knows. Constant-initialised, so that it may be used before main and after.
struct State {
  Api api;
  Shared* shared = nullptr;
  Version version;
  bool free_threaded = false;
  /// From 3.12 PyThreadState_GetUnchecked answers for the calling thread; before it answered for the process.
  bool current_is_per_thread = false;
  /// Debug builds from 3.12 assert that a thread state is deleted by its own thread; there those of ended threads stay
  /// until the stop.
  bool leaks_thread_states = false;
  std::atomic<bool> checks{false};
  /// Numbers the texts without a file name; see core/code.hpp.
  std::atomic<unsigned> sources{0};
  std::atomic_flag errors_lock = ATOMIC_FLAG_INIT;
  ErrorData* errors = nullptr;
};

inline LATEPY_HIDDEN Shared no_shared{};
inline LATEPY_HIDDEN State the_state{};

inline State& state() noexcept { return the_state; }
inline const Api& api() noexcept { return the_state.api; }
inline Shared& shared() noexcept { return the_state.shared ? *the_state.shared : no_shared; }
inline std::uint32_t current_life() noexcept { return shared().life.load(std::memory_order_acquire); }

#if LATEPY_CHECKS
namespace {
// One file compiled with checks turns them on for the whole library: no inline function differs between files.
[[maybe_unused]] const bool checks_on = (the_state.checks.store(true), true);
}  // namespace
#endif

/// A Shared of our own, when no other library of the process brought one.
LATEPY_COLD inline Shared& own_shared() {
  if (!the_state.shared) {
    void* memory = process_alloc(sizeof(Shared));
    if (!memory) throw std::bad_alloc();
    Shared* shared = new (memory) Shared();
    // Lives count from a different number in each, so that those of two libraries that meet late do not agree.
    shared->last_life = static_cast<std::uint32_t>((reinterpret_cast<std::uintptr_t>(memory) >> 4) * 2654435761u) & 0x7FFFFFFFu;
    the_state.shared = shared;
  }
  return *the_state.shared;
}

inline void show_life(Shared& shared, std::uint32_t life) noexcept {
  const bool checked = life != no_life && the_state.checks.load(std::memory_order_relaxed);
  shared.fast_life.store(checked ? checked_life : life, std::memory_order_release);
  shared.life.store(life, std::memory_order_release);
}

LATEPY_COLD inline std::uint32_t begin_life(Shared& shared, PyInterpreterState* interpreter) noexcept {
  std::uint32_t life;
  do life = shared.last_life.fetch_add(1) + 1;
  while (life == no_life || life >= checked_life);
  shared.stopping.store(0);
  shared.interpreter.store(interpreter);
  show_life(shared, life);
  return life;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
