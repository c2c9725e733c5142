// latepy/run/interpreter.hpp: Interpreter, which finds, loads and starts CPython in this process, and stops it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/installed_hooks.hpp>
#include <latepy/run/detail/limits/memory_count.hpp>
#include <latepy/run/detail/start/host_state.hpp>
#include <latepy/run/scope.hpp>
#if LATEPY_DEFINITIONS
#include <latepy/core/detail/probe_layout.hpp>
#include <latepy/run/detail/finish.hpp>
#include <latepy/run/detail/start/load.hpp>
#include <latepy/run/detail/start/start.hpp>
#include <latepy/run/detail/sub/others.hpp>
#endif

#include <chrono>

namespace latepy {
inline namespace v1 {
/// CPython in this process, while this object lives. There is one at a time in a library. It is made and destroyed on
/// one thread, and may be used on every thread. After the constructor that thread holds the GIL, unless
/// Config::release_gil.
///
/// If Python runs in the process already, the Interpreter attaches to it and does not stop it: in an extension module,
/// beside another embedder, or beside the Interpreter of another library. The thread may hold the GIL or not, and is
/// left as it was. Each shared library that uses latepy makes an Interpreter of its own.
class Interpreter : public Scope {
 public:
  /// Finds, loads and starts CPython, or attaches to the one that runs.
  /// \throws LoadError with all that was tried; SymbolError; StartError; StateError if this library has an Interpreter
  /// already, if another thread makes or stops one, if Python cannot be started again in this process, or if it runs
  /// and a field of Config needs a start. Nothing is touched then.
  explicit Interpreter(const Config& config);
  explicit Interpreter();  ///< with a default Config
  /// Stops Python if this object started it; see stop(). On another thread than that of the constructor it only flushes
  /// the output. If Python is left running, there or because C++ threads do not leave it, Config::on_warning is told.
  /// std::exit() does not destroy local variables: before it call stop(), else `atexit` of Python does not run, and
  /// text that a script has left in a buffer is lost.
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// The Interpreter that lives; the first one if several libraries share their state and each has one. Any thread.
  /// \throws StateError if there is none, or only one of a library with separate state (see detail::LibraryState).
  static Interpreter& current();
  /// Whether a Python that latepy knows runs in this process, and threads may enter it. Any thread.
  static bool is_running() noexcept { return detail::is_python_open(); }

  /// Stops Python: runs `atexit`, flushes output; Objects that still live become unusable. Waits for Python's threads
  /// and for C++ threads in a GilGuard, but not longer than `timeout`. To be called on the thread of the constructor.
  /// \param alive receives the names of the threads that still run.
  /// \returns false if there are such threads: Python goes on running. \throws StateError on another thread, inside a
  /// GilGuard, or inside a call from Python.
  template <class Rep, class Period>
  bool stop(std::chrono::duration<Rep, Period> timeout, std::vector<std::string>* alive = nullptr) {
    std::vector<std::string> names;
    const double milliseconds = std::chrono::duration<double, std::milli>(timeout).count();
    const double limit = milliseconds > 0 ? (std::min)(milliseconds, 1e15) : 0;  // 30,000 years
    const bool stopped = is_stopped_ || end(static_cast<long long>(limit), names);
    if (alive) *alive = std::move(names);
    return stopped;
  }
  /// As above, but waits for Python's threads without a limit and 10 s for C++ threads. It first ends the executors of
  /// Python (concurrent.futures): also if it returns false, they take no work any more, and new ones neither. The stop
  /// with a timeout does not do that before it succeeds.
  bool stop() {
    std::vector<std::string> names;
    return is_stopped_ || end(-1, names);
  }

  /// Stops the Python code that C++ threads run: it gets an Interrupted, as a Deadline gives a DeadlineError. Threads
  /// that Python made go on. What begins later is not stopped. Any thread, also in a signal handler. While there are
  /// SubInterpreters, it stops only what members of Scopes run.
  /// \returns false if no thread can do it: set Config::interruptible, or make a Deadline before.
  bool interrupt() noexcept { return detail::ask_watcher(&detail::WatcherCalls::interrupt); }

  /// The bytes of memory that CPython has in this process, as Config::memory_limit counts them; 0 if no Interpreter was
  /// started with a limit: then nothing is counted. Any thread, no GIL.
  std::size_t memory_used() const noexcept { return detail::memory_used(); }
  /// The version of Python: "3.11.7". Any thread.
  std::string version() const { return detail::library_state.version.to_string(); }
  /// sys.executable: the python program of this installation, or of the virtual environment. Takes the GIL.
  std::string executable() const { return text("executable"); }
  /// sys.prefix: the folder of the installation or virtual environment. Takes the GIL.
  std::string prefix() const { return text("prefix"); }
  /// The file of libpython; of the program if Python is part of it.
  const std::string& library() const noexcept;
  bool is_free_threaded() const noexcept { return detail::library_state.free_threaded; }  ///< whether it has no GIL
  bool is_attached() const noexcept { return is_attached_; }  ///< whether Python ran before this object was made
  /// What was tried. The last candidate was chosen. locate() lists all Pythons of this machine.
  const Discovery& discovery() const& noexcept { return *discovery_; }
  Discovery discovery() && { return *discovery_; }  ///< likewise

 private:
  friend class SubInterpreter;
  /// Starts the CPython that was loaded; the thread then holds the GIL, unless Config::release_gil.
  void start(const Config& config, const Candidate& found, detail::Turn& turn);
  /// Attaches to the CPython that runs.
  void attach(const Config& config, detail::Turn& turn);
  /// Prepares what scripts use: `__main__`, sys.path, streams, modules. Gives up the turn before it runs code of the
  /// program. If it throws, it has called end().
  void prepare(const Config& config, detail::Turn& turn);

  /// stop(). \param timeout in ms; negative: as stop() without a time limit.
  bool end(long long timeout, std::vector<std::string>& alive);
  bool is_elsewhere() const;  ///< whether only another thread may stop Python
  /// Adds this to the list that begins with detail::the_interpreter, or removes it.
  void enlist() noexcept;
  void delist() noexcept;
  /// A path of module sys, with the bytes of the file system; empty for None. Takes the GIL.
  std::string text(const char* name) const;
  void warn(detail::TextParts what) const noexcept;

  // What is kept of the Config after the start.
  std::function<void(const std::string&)> on_warning_;
  bool finalize_;
  std::shared_ptr<const Discovery> discovery_{};
  std::optional<detail::HostState> before_{};  // the start
  detail::InstalledHooks hooks_{};
  Interpreter* next_ = nullptr;
  const void* starter_ = nullptr;  // the thread of the constructor: the address of its ThreadRecord
  bool is_attached_ = false;
  std::atomic<bool> is_stopped_{false};
};

#if LATEPY_DEFINITIONS
LATEPY_FUNC const std::string& Interpreter::library() const noexcept { return detail::loaded_library; }

LATEPY_FUNC bool Interpreter::is_elsewhere() const {
  return !is_attached_ && finalize_ && !detail::is_thread(starter_);
}

LATEPY_FUNC LATEPY_COLD Interpreter::Interpreter(const Config& config)
    : on_warning_(config.on_warning), finalize_(config.finalize) {
  detail::Turn turn(detail::Errand::make);
  const Candidate& found = detail::pick(config, discovery_);
  detail::load(found, config);
  detail::pin_libraries();
  detail::api().IsInitialized() ? attach(config, turn) : start(config, found, turn);
}

LATEPY_FUNC LATEPY_COLD Interpreter::Interpreter() : Interpreter(Config()) {}

LATEPY_FUNC LATEPY_COLD Interpreter::~Interpreter() {
  try {
    std::vector<std::string> alive;
    if (detail::process_state().lost) {
      // The child of a fork() without the GIL: Python is the parent's, and there is nothing to end here.
    } else if (is_elsewhere() && !is_stopped_) {
      if (std::optional<GilGuard> gil = GilGuard::try_acquire()) detail::flush_streams();
      warn(
          {"Python was left running when its Interpreter was destroyed: it was destroyed on another thread than the "
           "one that made it"});
    } else if (!is_stopped_ && !end(-1, alive)) {
      warn({"Python was left running when its Interpreter was destroyed: ", detail::join(alive)});
    }
  } catch (const std::exception& error) {
    warn({"an error occurred while the Interpreter was destroyed: ", error.what()});
  } catch (...) {
    warn({"an error of unknown type occurred while the Interpreter was destroyed"});
  }
  delist();  // also if Python was left running
}

LATEPY_FUNC Interpreter& Interpreter::current() {
  Interpreter* const first = detail::the_interpreter.load();
  if (!first) detail::throw_error<StateError>({"there is no latepy::Interpreter: make one first, and keep it"});
  return *first;
}

LATEPY_FUNC LATEPY_COLD void Interpreter::start(const Config& config, const Candidate& found, detail::Turn& turn) {
  detail::LibraryState& state = detail::library_state;
  const std::string* const refusal = detail::process_state().restart_refusal;
  if (refusal && !config.allow_restart)
    detail::throw_error<StateError>(
        {"Python ", version(), " cannot be started again in this process: ", *refusal,
         ". Keep one Interpreter and use reset(), or set Config::allow_restart at your own risk"});
  if (detail::is_stack_too_small()) detail::throw_small_stack("Python cannot be started");
  before_.emplace();
  detail::start(detail::api(), config, found, state.version, detail::started_before);
  detail::started_before = true;
  starter_ = detail::note_starter();
  PyInterpreterState* const interpreter = detail::api().InterpreterState_Get();
  detail::ProcessState& process = detail::join_process_state(interpreter);
  if (config.release_gil && !detail::library_state.is_unchecked.load()) detail::begin_checks(process);
  detail::thread_record.set_home(detail::api().ThreadState_Get(),
                                 detail::begin_known_interpreter(process, interpreter).generation);
  detail::fit_recursion();
  prepare(config, turn);
  if (config.release_gil) detail::api().Eval_SaveThread();
}

LATEPY_FUNC LATEPY_COLD void Interpreter::attach(const Config& config, detail::Turn& turn) {
  detail::refuse_start_fields(config);
  detail::Arena arena;
  detail::check_paths(config, arena, detail::Texts(arena), "attach to");
  is_attached_ = true;
  detail::started_before = true;  // by other code of the process
  const detail::AttachGuard gil;
  detail::join_or_begin(gil.interpreter());
  prepare(config, turn);
}

LATEPY_FUNC LATEPY_COLD void Interpreter::prepare(const Config& config, detail::Turn& turn) {
  try {
    detail::probe_layout();
    detail::watch_forks();
    detail::attempt(&detail::probe_streams);
    adopt_main(detail::known_module("__main__"), !is_attached_);
    enlist();
    turn.give_up();
    detail::open_gate();
    const std::string missing = detail::missing_paths(config.paths, is_attached_);
    if (!missing.empty()) warn({"Config::paths: there is no folder or zip file ", missing});
    if (!is_attached_) detail::call_plain(detail::get_item(detail::import_hooks(), "wait_for_threading"));
    hooks_.install(config);
    config.interruptible.apply(detail::Moment::started);
    for (const auto& [name, fill] : config.extra_modules) fill.install(nullptr, name, false);
    if (!is_attached_ && executable().empty())
      warn({"Python has no executable here: sys.executable is empty, and scripts cannot start another Python"});
    config.memory_limit.apply(detail::Moment::started);
  } catch (...) {
    std::vector<std::string> alive;
    detail::open_gate();
    end(-1, alive);
    delist();
    throw;
  }
}

LATEPY_FUNC LATEPY_COLD bool Interpreter::end(long long timeout, std::vector<std::string>& alive) {
  if (is_attached_ || !finalize_) {
    if (std::optional<GilGuard> gil = detail::GuardAccess::try_enter(generation_)) {
      detail::flush_streams();
      hooks_.end();
      forget_main();
    }
    return is_stopped_ = true;
  }
  if (is_elsewhere())
    detail::throw_error<StateError>(
        {"stop() was called on another thread than the one that made the Interpreter: call it there"});
  if (detail::thread_record.depth > 0)
    detail::throw_error<StateError>({"stop() was called inside a GilGuard of this thread: leave its scope first"});
  const detail::StopGil gil;
  const detail::UnlimitedMemory unlimited;
  if (detail::api().Eval_GetFrame())
    detail::throw_error<StateError>({"stop() was called inside a call from Python: return to Python first"});
  detail::Waiting waiting;
  if (!detail::wait_for_pythons_threads(timeout, alive, waiting)) return false;
  const detail::Turn turn(detail::Errand::stop);
  if (!detail::close_gate(timeout, alive, waiting)) return false;
  detail::run_exit_functions();
  hooks_.let_go();
  forget_main();
  if (!detail::finish(*before_, starter_ == &detail::thread_record))
    warn({"Python could not flush all of its output when it was stopped (Py_FinalizeEx failed)"});
  hooks_.end();
  is_stopped_ = true;
  const detail::SpinLock lock(detail::interpreters_lock);
  detail::the_interpreter = nullptr;  // Interpreters that attached to this Python are over too
  return true;
}

LATEPY_FUNC LATEPY_COLD void Interpreter::enlist() noexcept {
  const detail::SpinLock lock(detail::interpreters_lock);
  Interpreter* last = detail::the_interpreter;
  while (last && last->next_) last = last->next_;
  if (last)
    last->next_ = this;
  else
    detail::the_interpreter = this;
}
LATEPY_FUNC LATEPY_COLD void Interpreter::delist() noexcept {
  const detail::SpinLock lock(detail::interpreters_lock);
  Interpreter* each = detail::the_interpreter;
  if (each == this) detail::the_interpreter = next_;
  for (; each; each = each->next_)
    if (each->next_ == this) each->next_ = next_;
}

LATEPY_FUNC std::string Interpreter::text(const char* name) const {
  const detail::Entry entry(generation_);
  const Object value = detail::sys(name);
  return value.is_none() ? std::string() : detail::path_bytes(value);
}

LATEPY_FUNC LATEPY_COLD void Interpreter::warn(detail::TextParts what) const noexcept {
  try {
    if (on_warning_) on_warning_(detail::concat(what));
  } catch (...) {  // on_warning threw, or there is no memory: ignored, because this may be called by the destructor
  }
}

#endif

}  // namespace v1
}  // namespace latepy
