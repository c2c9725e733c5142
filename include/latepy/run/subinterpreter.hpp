// latepy/run/subinterpreter.hpp: SubInterpreter, one more Python in the process, with its own modules and `__main__`.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/sub/begin.hpp>
#include <latepy/run/interpreter.hpp>
#include <latepy/run/sub_config.hpp>
#if LATEPY_DEFINITIONS
#include <latepy/run/detail/limits/watcher.hpp>
#include <latepy/run/detail/sub/end.hpp>
#include <latepy/run/detail/sub/first_import.hpp>
#include <latepy/run/detail/sub/record.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {
struct SubRecord;
}  // namespace detail

/// One more interpreter in the Python of the process: with its own modules, `__main__`, `sys` and bound classes. It has
/// all members of an Interpreter's Scope, for any thread: each enters it, and returns to where the thread was.
///
/// - `GilGuard gil(sub);` enters it for a scope. Guards of several interpreters may be nested in any order.
/// - Many calls in a row: on a thread that is in no interpreter, hold a guard around them. Without one, each call makes
///   a thread state and frees it.
/// - Objects, exceptions and functions belong to one interpreter. In another one each use throws StateError; they may
///   be dropped anywhere. Pass C++ values.
/// - Host functions and classes are defined in each interpreter that is to have them.
/// - It may be moved, and destroyed on any thread and in any order, also after the Interpreter, whose stop ends it.
/// - A fork() beside it: the child can only call exec(). Scripts get RuntimeError from os.fork().
/// - Extension modules such as numpy refuse to be imported in an interpreter with its own GIL; see
///   SubConfig::check_extensions.
/// - Interpreters that share a GIL take turns, about every 20 ms. Until 3.12 CPython itself lets no other interpreter
///   in while the code of one runs on, so from the first such SubInterpreter on a thread asks for turns.
/// - Until CPython 3.11 asyncio runs there without its C accelerator, which mixes up the loops of interpreters.
class SubInterpreter : public Scope {
 public:
  /// Makes one, in the Python that runs. Takes the GIL of the main interpreter; any thread.
  /// \throws StateError if no Python runs; StartError if the options cannot be, or with CPython's reason; what
  /// extra_modules throw; std::system_error if the thread that asks for turns cannot be made.
  explicit SubInterpreter(const SubConfig& config);
  SubInterpreter() : SubInterpreter(SubConfig()) {}  ///< with a default SubConfig
  /// Takes over the interpreter. No thread may use `other` meanwhile; it may only be destroyed afterwards.
  SubInterpreter(SubInterpreter&& other) noexcept;
  SubInterpreter(const SubInterpreter&) = delete;
  SubInterpreter& operator=(const SubInterpreter&) = delete;
  /// Ends the interpreter that this was, as the destructor does, and takes over the other one.
  SubInterpreter& operator=(SubInterpreter&& other) noexcept;
  /// Ends the interpreter: runs its `atexit`, flushes output. Waits for its threads as Interpreter::stop() does, and 10
  /// s for threads inside of it that `threading` does not know. If some are left, or this thread is in it, it lives on
  /// until the Interpreter stops, and Config::on_warning is told.
  ~SubInterpreter();

  bool is_own_gil() const noexcept { return is_own_gil_; }  ///< whether it has a GIL of its own
  long long id() const noexcept { return id_; }             ///< CPython's number of the interpreter

 private:
  friend struct detail::SubRecord;
  /// Prepares what scripts use. The thread is in the interpreter.
  void prepare(const SubConfig& config);
  /// Ends it. Until 3.11 the thread is in the main interpreter. \param timeout as in Interpreter::end().
  static bool end(detail::SubRecord& record, std::uint32_t generation, long long timeout,
                  std::vector<std::string>& alive);
  /// Takes over all but the `__main__`.
  void take_record(SubInterpreter& other) noexcept;
  /// Ends it, or tells why not.
  void end_or_warn() noexcept;

  detail::SubRecord* record_ = nullptr;
  long long id_ = 0;
  bool is_own_gil_ = false;
};

#if LATEPY_DEFINITIONS
namespace detail {

inline void SubRecord::forget_main() noexcept {
  if (owner) owner->forget_main();
}
inline bool SubRecord::end(SubRecord& record, long long timeout, std::vector<std::string>& alive) {
  return SubInterpreter::end(record, record.generation, timeout, alive);
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD SubInterpreter::SubInterpreter(const SubConfig& config) {
  using detail::api;
  const bool has_own = static_cast<bool>(api().NewInterpreterFromConfig);
  is_own_gil_ = has_own && config.own_gil && (config.check_extensions || config.own_gil.is_set());
  if (is_own_gil_ && !config.check_extensions)
    detail::throw_error<StartError>(
        {"cannot make a SubInterpreter: SubConfig::check_extensions is false, so that it shares the GIL of the main "
         "interpreter, but SubConfig::own_gil was set. Leave one of them at its default"});
  if (detail::library_state.free_threaded && !config.check_extensions)
    detail::throw_error<StartError>(
        {"cannot make a SubInterpreter: this Python has no GIL, and always checks extension modules. Leave "
         "SubConfig::check_extensions at true"});
  const GilGuard in_main(Interpreter::current());
  auto record = std::make_unique<detail::SubRecord>();
  detail::ThreadRecord& thread = detail::thread_record;
  const detail::OwnState before = thread.here();
  PyThreadState* const outer = api().ThreadState_Get();
  detail::own_subs();
  detail::watch_forks_of_subs();
  // See Watcher::ask_for_turns().
  detail::Watcher* const watcher =
      !is_own_gil_ && detail::library_state.version.minor < 13 ? &detail::running_watcher() : nullptr;
  std::exception_ptr veto;
  PyThreadState* const made =
      detail::new_sub_state({is_own_gil_, config.check_extensions, config.allow_threads, config.allow_fork}, veto);
  PyInterpreterState* const interpreter = api().ThreadState_GetInterpreter(made);
  detail::InterpreterState* state = nullptr;
  std::uint32_t generation = detail::no_generation;
  try {
    if (veto) std::rethrow_exception(veto);
    state = &detail::begin_known_interpreter(detail::process_state(), interpreter);
    generation = state->generation;
    state->is_sub = true;
    state->needs_turns = watcher != nullptr;
    detail::keep_first_state(*state, generation, made);
  } catch (...) {
    api().EndInterpreter(made);
    api().ThreadState_Swap(outer);
    if (state && state->generation == generation) detail::end_and_forget(*state);
    throw;
  }
  thread.go_to({made, state->generation});
  id_ = api().InterpreterState_GetID(interpreter);
  if (watcher) watcher->begin_turns();
  record_ = record.release();
  record_->owner = this;
  record_->generation = state->generation;
  {
    const detail::SpinLock lock(detail::subs_lock);
    record_->next = std::exchange(detail::subs, record_);
  }
  std::exception_ptr failed;
  try {
    prepare(config);
  } catch (...) {
    failed = std::current_exception();
  }
  detail::open_gate();
  api().Eval_SaveThread();
  thread.go_to(before);
  api().Eval_RestoreThread(outer);
  if (!failed) return;
  end_or_warn();
  std::rethrow_exception(failed);
}

LATEPY_FUNC LATEPY_COLD void SubInterpreter::prepare(const SubConfig& config) {
  detail::attempt(&detail::probe_streams);
  detail::keep_memory_errors();
  detail::hide_shared_asyncio();
  if (is_own_gil_) detail::import_after_main();
  adopt_main(detail::known_module("__main__"), true);
  const std::string missing = detail::missing_paths(config.paths, true);
  if (!missing.empty()) Interpreter::current().warn({"SubConfig::paths: there is no folder or zip file ", missing});
  record_->hooks.install_streams(config, true);
  for (const auto& [name, fill] : config.extra_modules) fill.install(nullptr, name, false);
}

LATEPY_FUNC LATEPY_COLD SubInterpreter::SubInterpreter(SubInterpreter&& other) noexcept : Scope(std::move(other)) {
  take_record(other);
}

LATEPY_FUNC LATEPY_COLD SubInterpreter& SubInterpreter::operator=(SubInterpreter&& other) noexcept {
  if (this == &other) return *this;
  end_or_warn();
  MainModule::operator=(std::move(other));
  take_record(other);
  return *this;
}

LATEPY_FUNC LATEPY_COLD void SubInterpreter::take_record(SubInterpreter& other) noexcept {
  id_ = other.id_;
  is_own_gil_ = other.is_own_gil_;
  const detail::SpinLock lock(detail::subs_lock);
  record_ = std::exchange(other.record_, nullptr);
  if (record_) record_->owner = this;
}

LATEPY_FUNC LATEPY_COLD SubInterpreter::~SubInterpreter() { end_or_warn(); }

LATEPY_FUNC LATEPY_COLD bool SubInterpreter::end(detail::SubRecord& record, std::uint32_t generation, long long timeout,
                                                 std::vector<std::string>& alive) {
  detail::InterpreterState* const own = detail::interpreter_of(generation);
  std::optional<GilGuard> inside = detail::GuardAccess::try_enter(generation);
  if (!own || !inside) return !own;
  detail::Waiting waiting;
  if (!detail::wait_for_threads_of_sub(*own, timeout, alive, waiting) ||
      !detail::close_gate_to_guards(timeout, alive, waiting, 1))
    return false;
  if (detail::library_state.version.minor < 14 && detail::foreign_states(*own) != 0) {
    own->stopping = 0;
    return false;
  }
  own->stopping = detail::gate_closed;
  detail::run_last_code();
  record.hooks.let_go();
  record.forget_main();
  detail::finish_sub(*own, *inside);
  return true;
}

LATEPY_FUNC LATEPY_COLD void SubInterpreter::end_or_warn() noexcept {
  detail::SubRecord* const record = std::exchange(record_, nullptr);
  if (!record) return;
  std::vector<std::string> alive;
  bool is_over = detail::process_state().lost;
  const auto end_now = [&] {
    if (!detail::is_alive(record->generation)) return true;
    if (detail::holds_gil_of(record->generation)) {
      alive.push_back("this thread is inside of it");
      return false;
    }
    if (detail::library_state.current_is_per_thread) return end(*record, record->generation, -1, alive);
    // Until 3.11 the thread needs a state to return to, because it still holds the GIL then.
    const std::uint32_t main = detail::process_state().entered.load()->generation;
    const std::optional<GilGuard> in_main = detail::GuardAccess::try_enter(main);
    return in_main && end(*record, record->generation, -1, alive);
  };
  while (!is_over && !detail::wait_for_end(*record)) {
    if (!detail::claim(*record)) continue;
    detail::attempt([&] { is_over = end_now(); });
    record->life = is_over ? detail::SubRecord::Life::over : detail::SubRecord::Life::alive;
    break;
  }
  {
    const detail::SpinLock lock(detail::subs_lock);
    record->owner = nullptr;
    is_over = is_over || record->life.load() == detail::SubRecord::Life::over;
  }
  if (is_over) return detail::remove_record(*record);
  detail::attempt([&] {
    Interpreter::current().warn({"a sub-interpreter lives on after its SubInterpreter was destroyed: ",
                                 alive.empty() ? "this thread could not enter it" : detail::join(alive)});
  });
}

#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
