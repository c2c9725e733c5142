// latepy/run/interpreter.hpp: Interpreter, CPython in this process: found, loaded, started, and stopped at its end.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>
#include <latepy/run/detail/start/host_state.hpp>
#include <latepy/run/scope.hpp>
#include <latepy/run/streams.hpp>
#if LATEPY_DEFINITIONS
#include <latepy/core/detail/probe_layout.hpp>
#include <latepy/run/detail/attach.hpp>
#include <latepy/run/detail/start/load.hpp>
#include <latepy/run/detail/start/start.hpp>
#endif

#include <chrono>

namespace latepy {
inline namespace v1 {
/// CPython in this process, for as long as this object lives. One at a time; made and destroyed on one thread, usable
/// on every thread. After the constructor the starting thread holds the GIL, unless Config::release_gil.
///
/// Where Python runs in the process already (latepy inside an extension module, or beside another embedder) it
/// attaches to that one, on a thread with or without the GIL, and does not end it. So does the Interpreter of a shared
/// library beside that of another library or of the program; every library that uses latepy makes one of its own.
class Interpreter : public Scope {
 public:
  /// Locates, loads, starts. \throws LoadError with everything that was tried, SymbolError, StartError; StateError
  /// while another Interpreter of this library lives, and for Config fields that an attached Python cannot honour any
  /// more.
  explicit Interpreter(const Config& config);
  explicit Interpreter();
  /// Stops Python, if this object started it (see stop()). On another thread than the starter's, or while C++ threads
  /// will not leave Python, Python is left running, its output flushed, and Config::on_warning told.
  ~Interpreter();

  /// The one that lives; the first, where several shared libraries have one. \throws StateError when there is none,
  /// also where only another library has one that this library does not share (see detail::LibraryState).
  static Interpreter& current();
  /// Whether a Python that latepy knows runs in this process. Any thread.
  static bool is_running() noexcept { return detail::is_python_running(); }

  /// Stops Python: `atexit` runs, output is flushed, Objects that still live become harmless. On the starter's thread.
  /// Waits for Python's own threads as Python does, but no longer than the timeout.
  /// \param alive gets the names of the threads that still live.
  /// \returns false, and leaves everything running, when there are such threads. \throws StateError on another thread.
  template <class Rep, class Period>
  bool stop(std::chrono::duration<Rep, Period> timeout, std::vector<std::string>* alive = nullptr) {
    std::vector<std::string> names;
    const double milliseconds = std::chrono::duration<double, std::milli>(timeout).count();
    const double limit = milliseconds > 0 ? (std::min)(milliseconds, 1e15) : 0;  // 30,000 years
    const bool stopped = is_stopped_ || end(static_cast<long long>(limit), names);
    if (alive) *alive = std::move(names);
    return stopped;
  }
  /// As above, without a time limit.
  bool stop() {
    std::vector<std::string> names;
    return is_stopped_ || end(-1, names);
  }

  /// "3.11.7"
  std::string version() const { return detail::library_state.version.to_string(); }
  /// sys.executable: the python that stands for this one, a virtual environment's where one was chosen.
  std::string executable() const { return text("executable"); }
  /// sys.prefix.
  std::string prefix() const { return text("prefix"); }
  /// The file of libpython; of the program, where Python is part of it.
  const std::string& library() const noexcept;
  bool is_free_threaded() const noexcept { return detail::library_state.free_threaded; }
  /// Whether Python was running before this object.
  bool is_attached() const noexcept { return is_attached_; }
  /// What was tried, and what was chosen: the last of them. locate() tells of all on this machine.
  const Discovery& discovery() const noexcept { return *discovery_; }

 private:
  void start(const Config& config, const Candidate& found);

  void attach(const Config& config);
  /// What scripts find when they begin. Where it fails Python is not left running.
  void prepare(const Config& config);
  void redirect(const Config& config);

  /// \param timeout in ms; negative waits as long as it takes.
  bool end(long long timeout, std::vector<std::string>& alive);

  void enlist() noexcept;
  void delist() noexcept;

  std::string text(const char* name) const;
  void warn(const std::string& what) const noexcept;

  // All that outlives the start of what the Config says.
  std::function<void(const std::string&)> on_warning_;
  bool finalize_;
  std::shared_ptr<const Discovery> discovery_;
  std::optional<detail::HostState> before_;
  detail::Redirect streams_[3];
  Interpreter* next_ = nullptr;
  const void* starter_ = nullptr;  // the address of a thread's record names the thread
  bool is_attached_ = false;
  bool is_stopped_ = false;
};

#if LATEPY_DEFINITIONS
namespace detail {

/// The first of those that live; the others attached to its Python, each in another shared library.
inline std::atomic<Interpreter*> the_interpreter{nullptr};
inline std::atomic_flag interpreters_lock = ATOMIC_FLAG_INIT;

inline bool started_before = false;

}  // namespace detail

LATEPY_FUNC const std::string& Interpreter::library() const noexcept { return detail::loaded_library; }

LATEPY_FUNC LATEPY_COLD Interpreter::Interpreter(const Config& config)
    : on_warning_(config.on_warning), finalize_(config.finalize) {
  // Where the linker gave several libraries one state, it may be another's. Nothing tells then: what the caller could
  // pass would come through std::make_unique<Interpreter>(), which the linker gave them in common as well.
  if (detail::the_interpreter.load() && detail::library_state.libraries.load() == 1)
    detail::throw_error<StateError>({"a second Interpreter was made while one lives: use Interpreter::current()"});
  const Candidate& found = detail::pick(config, discovery_);
  detail::load(found, config);
  detail::pin_libraries();
  if (detail::api().IsInitialized())
    attach(config);
  else
    start(config, found);
}

LATEPY_FUNC LATEPY_COLD Interpreter::Interpreter() : Interpreter(Config()) {}

LATEPY_FUNC LATEPY_COLD Interpreter::~Interpreter() {
  try {
    std::vector<std::string> alive;
    if (!is_stopped_ && !end(-1, alive))
      warn(detail::concat({"Python was left running at the end of its Interpreter: ", detail::join(alive)}));
  } catch (const std::exception& error) {
    warn(detail::concat({"the Interpreter ended with an error: ", error.what()}));
  } catch (...) {
    warn("the Interpreter ended with an error");
  }
  delist();  // also where it was left running
}

LATEPY_FUNC Interpreter& Interpreter::current() {
  Interpreter* const first = detail::the_interpreter.load();
  if (!first) detail::throw_error<StateError>({"no latepy::Interpreter lives in this program"});
  return *first;
}

LATEPY_FUNC LATEPY_COLD void Interpreter::start(const Config& config, const Candidate& found) {
  detail::LibraryState& state = detail::library_state;
  const std::string* const refusal = detail::process_state().restart_refusal;
  if (refusal && !config.allow_restart)
    detail::throw_error<StateError>(
        {"Python ", version(), " cannot be started again in this process: ", *refusal,
         ". Keep one Interpreter and use reset(), or set Config::allow_restart at your own risk"});
  before_.emplace();
  detail::start(detail::api(), config, found, state.version, detail::started_before);
  detail::started_before = true;
  starter_ = &detail::thread_record;
  detail::ProcessState& process = detail::own_process_state();
  PyInterpreterState* const interpreter = detail::api().InterpreterState_Get();
  detail::thread_record.state = detail::api().ThreadState_Get();
  detail::thread_record.generation = detail::begin_interpreter(process, interpreter).generation;
  detail::publish_process_state(interpreter);
  prepare(config);
  if (config.release_gil) detail::api().Eval_SaveThread();
}

LATEPY_FUNC LATEPY_COLD void Interpreter::attach(const Config& config) {
  detail::refuse_start_fields(config);
  is_attached_ = true;
  detail::started_before = true;  // by somebody
  const detail::AttachGuard gil;
  detail::join_or_begin(gil.interpreter());
  prepare(config);
}

LATEPY_FUNC LATEPY_COLD void Interpreter::prepare(const Config& config) {
  enlist();
  try {
    detail::probe_layout();
    detail::attempt(&detail::probe_streams);
    adopt_main(detail::steal_or_throw(detail::api().Import_ImportModule("__main__")));
    if (is_attached_)
      for (std::size_t at = config.paths.size(); at > 0;) add_path(config.paths[--at]);
    else
      detail::call_plain(detail::get_item(detail::import_hooks(), "wait_for_threading"));
    redirect(config);
    for (const auto& [name, fill] : config.extra_modules) fill.install(nullptr, name, false);
  } catch (...) {
    std::vector<std::string> alive;
    end(-1, alive);
    delist();
    throw;
  }
}

LATEPY_FUNC LATEPY_COLD void Interpreter::redirect(const Config& config) {
  config.on_stdin.install(&streams_[0], "stdin", false);
  config.on_stdout.install(&streams_[1], "stdout", config.output_by_line);
  config.on_stderr.install(&streams_[2], "stderr", config.output_by_line);
}

LATEPY_FUNC LATEPY_COLD bool Interpreter::end(long long timeout, std::vector<std::string>& alive) {
  if (is_attached_ || !finalize_) {
    if (std::optional<GilGuard> gil = GilGuard::try_acquire()) {
      detail::flush_streams();
      for (detail::Redirect& stream : streams_) stream.end();
      forget_main();
    }
    is_stopped_ = true;
    return true;
  }
  if (starter_ != &detail::thread_record) {
    if (timeout < 0) {  // the destructor: nobody could catch
      if (std::optional<GilGuard> gil = GilGuard::try_acquire()) detail::flush_streams();
      alive.push_back("it was destroyed on another thread than the one that started it");
      return false;
    }
    detail::throw_error<StateError>({"stop() on another thread than the one that started Python"});
  }
  struct Gil {  // as it was, unless Python ends
    const bool held = detail::holds_gil();
    Gil() {
      if (!held) detail::api().Eval_RestoreThread(detail::thread_record.state);
    }
    ~Gil() {
      if (!held && detail::is_python_running()) detail::api().Eval_SaveThread();
    }
  };
  if (detail::thread_record.depth > 0)
    detail::throw_error<StateError>({"stop() inside a GilGuard of this thread: leave its scope first"});
  const Gil gil;
  if (detail::api().Eval_GetFrame())
    detail::throw_error<StateError>({"stop() inside a call from Python: return to the caller first"});
  if (!detail::wait_for_threads(timeout, alive)) return false;
  const std::string refusal = detail::why_no_restart();
  delete detail::process_state().restart_refusal.exchange(refusal.empty() ? nullptr : new std::string(refusal));
  // Py_FinalizeEx would call these too, but then with `__main__` gone.
  detail::attempt([] { detail::call_attribute(detail::known_module("atexit"), "_run_exitfuncs"); });
  detail::format_live_errors();
  detail::flush_streams();
  for (detail::Redirect& stream : streams_) stream.let_go();
  forget_main();
  detail::release_types();
  detail::release_codes();
  detail::release_interned_names();
  const detail::HostState last;
  if (!detail::finalize()) warn("Python reported an error while it flushed its output at the end");
  before_->restore_after_stop(last, reinterpret_cast<const void*>(detail::api().IsInitialized));
  is_stopped_ = true;
  detail::the_interpreter = nullptr;  // those that attached are over as well
  return true;
}

LATEPY_FUNC void Interpreter::enlist() noexcept {
  const detail::SpinLock lock(detail::interpreters_lock);
  Interpreter* last = detail::the_interpreter;
  while (last && last->next_) last = last->next_;
  if (last)
    last->next_ = this;
  else
    detail::the_interpreter = this;
}

LATEPY_FUNC void Interpreter::delist() noexcept {
  const detail::SpinLock lock(detail::interpreters_lock);
  Interpreter* each = detail::the_interpreter;
  if (each == this) detail::the_interpreter = next_;
  for (; each; each = each->next_)
    if (each->next_ == this) each->next_ = next_;
}

LATEPY_FUNC std::string Interpreter::text(const char* name) const {
  const detail::Entry entry;
  const Object value = detail::sys(name);
  return value.is_none() ? std::string() : value.as<std::string>();
}

LATEPY_FUNC LATEPY_COLD void Interpreter::warn(const std::string& what) const noexcept {
  try {
    if (on_warning_) on_warning_(what);
  } catch (...) {  // a warning that fails is no reason to end the program
  }
}

#endif

}  // namespace v1
}  // namespace latepy
