// latepy/core/gil.hpp: GilGuard, which takes Python's GIL for a scope, and GilRelease, which gives it up for a scope.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/scope_place.hpp>
#include <latepy/core/detail/way_in.hpp>

#include <optional>
#include <utility>

namespace latepy {
inline namespace v1 {
namespace detail {
struct GuardAccess;
class Entry;
}  // namespace detail

/// Holds the GIL while it lives, so that the thread may use Python. Works on any thread, also on one that Python did
/// not make. Guards may be nested, also those of several interpreters in any order: one on a thread that holds the GIL
/// already is cheap and changes nothing. A guard that names no interpreter stays in the one that the thread is in; a
/// thread that is in none enters the first one of the process. Until it ends, it keeps its Python thread state there.
///
/// Recursion without an end is a RecursionError. On a thread with less than 7 MiB of stack Python may call itself less
/// deeply than elsewhere, about 3 KiB for each call: 140 calls with 512 KiB. With less than 512 KiB CPython's compiler
/// can still overflow the stack, by thousands of operators or parentheses in one another. With less than 192 KiB
/// CPython 3.13 keeps the containers that a thread frees; latepy frees them after the thread has ended. On the stack of
/// a fiber only CPython's own counter ends a recursion: give it some MiB.
class GilGuard {
 public:
  class Maybe;
  /// Waits for the GIL. \throws StateError if no interpreter runs, it is stopping, the thread is ending, or
  /// its stack has less than 96 KiB; std::bad_alloc.
  GilGuard() { enter(true); }
  /// Enters the interpreter of an Interpreter or SubInterpreter. If the thread is in another one, it leaves that one
  /// until the end of this guard. \throws as above, and StateError if the interpreter has ended.
  explicit GilGuard(const Scope& scope);
  /// Enters the interpreter of the object, as above. If it is empty or its interpreter has ended, as GilGuard().
  explicit GilGuard(const Ref& object) { enter(object); }
  /// As the constructor, but gives std::nullopt instead of throwing StateError: for threads that may outlive Python.
  static std::optional<GilGuard> try_acquire();
  /// Takes over the GIL from `other`. Both must be on one thread.
  GilGuard(GilGuard&& other) noexcept
      : how_(other.how_),
        is_counted_(other.is_counted_),
        ends_visit_(other.ends_visit_),
        returns_(other.returns_),
        outer_generation_(other.outer_generation_),
        outer_(other.outer_),
        interpreter_(other.interpreter_) {
    other.how_ = How::not_at_all;
  }
  GilGuard(const GilGuard&) = delete;
  GilGuard& operator=(const GilGuard&) = delete;
  ~GilGuard() {
    if (how_ >= How::fresh) leave();
  }

 private:
  friend struct detail::GuardAccess;
  friend class detail::Entry;
  struct Unentered {};
  explicit GilGuard(std::uint32_t wanted) { enter(wanted, true); }
  /// not_at_all: did not enter, or was moved from. nested: the thread was in the interpreter. fresh: it was in none,
  /// and the interpreter is its home. fresh_otherwise: see the members.
  enum class How : unsigned char { not_at_all, nested, fresh, fresh_otherwise };
  explicit GilGuard(Unentered) noexcept {}
  /// Takes the GIL. Where the constructor throws StateError, it does so if `throws`; else `how_` stays not_at_all.
  void enter(bool throws);
  /// The same for the interpreter with this generation. If it has ended, nothing is entered.
  void enter(std::uint32_t wanted, bool throws);
  /// enter() for the interpreter of the object, or for none if it has ended.
  void enter(const Ref& object);
  /// enter() for a thread that is not in that interpreter. \param wanted 0: where the thread is, or its home.
  void enter_anew(std::uint32_t wanted, bool throws);
  /// enter_anew() for what is not the thread's home, and the first time there.
  void enter_otherwise(std::uint32_t wanted, bool throws);
  /// Waits for the GIL. The thread is counted in.
  void take(detail::InterpreterState& interpreter, PyThreadState* state);
  /// Leaves the interpreter that the thread is in, until leave().
  void leave_outer();
  /// Gives back the GIL that enter() took.
  void leave() noexcept;
  void leave_otherwise() noexcept;

  /// The thread is where it was before.
  void restore_record() const noexcept {
    detail::ThreadRecord& record = detail::thread_record;
    const bool was_on_visit = outer_generation_ != detail::no_generation;
    record.go_to(was_on_visit ? detail::OwnState{outer_, outer_generation_} : record.home);
  }

  How how_ = How::not_at_all;
  // If how_ is fresh_otherwise:
  bool is_counted_ = true;   // the end of the interpreter waits for this guard; not where Python made the thread
  bool ends_visit_ = false;  // leave() frees the state of the thread
  bool returns_ = false;     // leave() enters again what the thread was in
  std::uint32_t outer_generation_ = detail::no_generation;  // of outer_, if that is of a visit
  PyThreadState* outer_ = nullptr;  // what the thread left, or was to return to; if fresh, what it took
  detail::InterpreterState* interpreter_ = nullptr;  // set if this guard took the GIL
};

namespace detail {
struct GuardAccess {
  /// Enters, but gives std::nullopt instead of throwing StateError.
  static std::optional<GilGuard> try_enter(std::uint32_t generation) {
    GilGuard guard{GilGuard::Unentered()};
    guard.enter(generation, false);
    if (guard.how_ == GilGuard::How::not_at_all) return std::nullopt;
    return std::optional<GilGuard>(std::move(guard));
  }
  /// Ends a guard of an interpreter that the thread is about to end: it is not counted any more, and gives nothing
  /// back. \returns where the thread was before; null if it was in none.
  static PyThreadState* give_up(GilGuard& guard) noexcept {
    --thread_record.depth;
    count_out(*guard.interpreter_);
    guard.how_ = GilGuard::How::not_at_all;
    return guard.returns_ ? guard.outer_ : nullptr;
  }
  /// After give_up(): the thread is where it was before.
  static void return_to(const GilGuard& guard) noexcept { guard.restore_record(); }
};
}  // namespace detail

/// A GilGuard that takes the GIL only if it is told to. latepy uses it inside.
class GilGuard::Maybe {
 public:
  /// Takes the GIL if `is_wanted`. \throws as GilGuard does.
  LATEPY_FORCE_INLINE explicit Maybe(bool is_wanted) : guard_(Unentered()) {
    if (LATEPY_UNLIKELY(is_wanted)) enter();
  }
  /// Enters the interpreter of the object if `is_wanted`.
  LATEPY_FORCE_INLINE Maybe(bool is_wanted, const Ref& object) : guard_(Unentered()) {
    if (LATEPY_UNLIKELY(is_wanted)) enter(object);
  }

 private:
  LATEPY_OUTLINE void enter() { guard_.enter(true); }
  LATEPY_OUTLINE void enter(const Ref& object) { guard_.enter(object); }
  GilGuard guard_;
};

/// Gives up the GIL while it lives, so that other threads can run Python while this one computes or waits. No Object
/// may be used meanwhile, except inside a GilGuard. On a thread that does not hold the GIL it does nothing.
class [[nodiscard]] GilRelease {
 public:
  /// Gives up the GIL if the thread holds it.
  GilRelease() noexcept;
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;
  /// Waits for the GIL if the constructor gave it up. If Python was stopped meanwhile, a thread that Python made blocks
  /// forever, because its callers are functions of the Python that ended; other threads go on without the GIL. In the
  /// child of a fork() inside the scope, a thread that Python made ends the process by std::abort().
  ~GilRelease();

 private:
  detail::InterpreterState* interpreter_;  // null if this thread did not hold the GIL
  PyThreadState* state_ = nullptr;
  std::uint32_t generation_ = detail::no_generation;
  bool is_pythons_ = false;  // whether Python made this thread
  detail::ScopePlace place_{};
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC std::optional<GilGuard> GilGuard::try_acquire() {
  GilGuard guard{Unentered()};
  guard.enter(false);
  if (guard.how_ == How::not_at_all) return std::nullopt;
  return std::optional<GilGuard>(std::move(guard));
}

LATEPY_FUNC void GilGuard::enter(bool throws) {
  detail::InterpreterState* const held = detail::held_interpreter();
  if (LATEPY_UNLIKELY(!held)) return enter_anew(detail::no_generation, throws);
  how_ = How::nested;
  detail::drain_if_any(*held);
}

LATEPY_FUNC void GilGuard::enter(std::uint32_t wanted, bool throws) {
  detail::InterpreterState* const held = detail::held_interpreter();
  if (LATEPY_UNLIKELY(!held || held->generation.load(std::memory_order_relaxed) != wanted))
    return held ? enter_otherwise(wanted, throws) : enter_anew(wanted, throws);
  how_ = How::nested;
  detail::drain_if_any(*held);
}

LATEPY_FORCE_INLINE void GilGuard::take(detail::InterpreterState& interpreter, PyThreadState* state) {
  const detail::Api& api = detail::api();
  interpreter_ = &interpreter;
  how_ = How::fresh;
  // A thread that is in an interpreter that latepy does not know leaves it first. Before 3.12 CPython cannot tell
  // whether it is in one.
  if (detail::library_state.current_is_per_thread && LATEPY_UNLIKELY(api.ThreadState_GetUnchecked() != nullptr))
    leave_outer();
  api.Eval_RestoreThread(state);
  ++detail::thread_record.depth;
}

LATEPY_FUNC LATEPY_COLD void GilGuard::leave_outer() {
  how_ = How::fresh_otherwise;
  returns_ = true;
  outer_ = detail::api().ThreadState_GetUnchecked();
  detail::api().Eval_SaveThread();
}

LATEPY_FUNC LATEPY_OUTLINE void GilGuard::enter_anew(std::uint32_t wanted, bool throws) {
  const detail::ThreadRecord& record = detail::thread_record;
  detail::InterpreterState& interpreter = *detail::process_state().entered.load(std::memory_order_acquire);
  if (!detail::try_count_in(interpreter)) return enter_otherwise(wanted, throws);
  const std::uint32_t generation = interpreter.generation.load();
  if (LATEPY_UNLIKELY(record.generation != generation || (wanted && wanted != generation))) {
    detail::count_out(interpreter);
    return enter_otherwise(wanted, throws);
  }
  outer_ = record.state;
  take(interpreter, outer_);
  detail::drain_if_any(interpreter);
}

LATEPY_FUNC LATEPY_COLD void GilGuard::enter_otherwise(std::uint32_t wanted, bool throws) {
  using Kind = detail::WayIn::Kind;
  detail::ThreadRecord& record = detail::thread_record;
  const detail::WayIn way = detail::find_way_in(wanted);
  if (!way.state) return throws ? detail::refuse_entry(wanted) : void();
  const detail::OwnState before = record.here();
  const bool was_on_visit = record.is_on_visit(), is_held = detail::held_interpreter() != nullptr;
  outer_ = way.state;
  if (is_held) leave_outer();
  take(*way.interpreter, way.state);
  if (is_held) how_ = How::fresh_otherwise;
  // Without a Python frame, C++ made the thread, and another library its state: the stop waits for it.
  if (way.kind == Kind::made_by_others && detail::api().Eval_GetFrame()) {
    how_ = How::fresh_otherwise;
    is_counted_ = false;
    --record.depth;
    detail::count_out(*way.interpreter);
  }
  if (way.kind == Kind::visit || way.state != record.state) {
    if (was_on_visit && (!returns_ || outer_ == before.state)) {
      outer_ = before.state;
      outer_generation_ = before.generation;
    }
    how_ = How::fresh_otherwise;
    ends_visit_ = way.kind == Kind::visit && !returns_;
    if (way.kind != Kind::made_by_others) record.go_to({way.state, way.interpreter->generation.load()});
  }
  if (detail::stack_limit.has_new_state) detail::fit_recursion();
  detail::drain_if_any(*way.interpreter);
}

LATEPY_FUNC void GilGuard::leave() noexcept {
  if (LATEPY_UNLIKELY(detail::process_state().lost)) return;  // forked inside a GilRelease of this scope
  if (LATEPY_UNLIKELY(how_ != How::fresh)) return leave_otherwise();
  if (LATEPY_UNLIKELY(outer_ != detail::thread_record.state)) detail::check_ended_scope("GilGuard");
  detail::drain_if_any(*interpreter_);
  --detail::thread_record.depth;
  detail::api().Eval_SaveThread();
  detail::count_out(*interpreter_);
}

LATEPY_FUNC LATEPY_COLD void GilGuard::leave_otherwise() noexcept {
  const detail::Api& api = detail::api();
  detail::ThreadRecord& record = detail::thread_record;
  if (!is_counted_ && !detail::holds_gil()) detail::process_park();  // Python was stopped inside the scope
  detail::drain_if_any(*interpreter_);
  if (is_counted_) --record.depth;
  detail::leave_visit(*interpreter_, ends_visit_);
  restore_record();
  if (is_counted_) detail::count_out(*interpreter_);
  if (returns_) api.Eval_RestoreThread(outer_);
}

LATEPY_FUNC GilRelease::GilRelease() noexcept : interpreter_(detail::held_interpreter()) {
  if (!interpreter_) return;
  generation_ = interpreter_->generation.load(std::memory_order_relaxed);
  is_pythons_ =
      detail::thread_record.depth == 0 && !detail::thread_record.state && !detail::is_inside_elsewhere(*interpreter_);
  state_ = detail::api().Eval_SaveThread();
}

LATEPY_FUNC GilRelease::~GilRelease() {
  if (!interpreter_) return;
  place_.check_end("GilRelease");
  // The callers of a thread that Python made belong to that Python. If it has ended, the thread blocks, as in 3.14.
  if (is_pythons_)
    detail::count_in_or_park(*interpreter_, generation_);
  else if (interpreter_->generation.load(std::memory_order_acquire) != generation_)
    return;  // Python was stopped inside the scope
  detail::api().Eval_RestoreThread(state_);
  if (is_pythons_) detail::count_out(*interpreter_);
  detail::drain_if_any(*interpreter_);
}

#endif

}  // namespace v1
}  // namespace latepy
