// latepy/run/config.hpp: Config, the options with which an Interpreter finds and starts Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace latepy {
inline namespace v1 {

namespace detail {
class InstalledAudit;
class Redirect;
class HostFinder;
class InstalledHooks;
class Turn;
struct OutputHook;
struct InputHook;
struct ModuleHook;
struct ImportHook;
struct AuditHook;
struct WatcherStart;
struct MemoryLimit;
struct Start;

/// When the start does what belongs to an Option: as soon as CPython is pre-initialised, or at the end of the start.
enum class Moment : unsigned char { pre_initialized, started };
}  // namespace detail

/// A std::function that also stores how to install it. So the code that installs it is compiled only in programs that
/// set a callback. Place is what keeps the installed callback.
template <class Signature, class How, class Place = detail::Redirect>
class Hook : public std::function<Signature> {
  using Callback = std::function<Signature>;

 public:
  /// No callback.
  Hook() noexcept = default;
  /// Stores `callback`, any callable that a std::function of this signature accepts.
  template <class F,
            class = std::enable_if_t<!std::is_base_of_v<Hook, std::decay_t<F>> && std::is_constructible_v<Callback, F>>>
  Hook(F&& callback) : Callback(std::forward<F>(callback)), install_(&install_by<How>) {}

 private:
  friend class Interpreter;
  friend class SubInterpreter;
  friend class detail::InstalledHooks;
  template <class H>
  static void install_by(const Callback& callback, Place* place, const std::string& name, bool by_line) {
    H::install(callback, place, name, by_line);
  }
  void install(Place* place, const std::string& name, bool by_line) const {
    if (install_) install_(*this, place, name, by_line);
  }
  void (*install_)(const Callback&, Place*, const std::string&, bool) = nullptr;
};

/// A value of type T with what the start does if it is set. So the code that does it is compiled only in programs that
/// set it.
template <class T, class How>
class Option {
 public:
  /// The default: nothing is done.
  Option() noexcept = default;
  /// The start does what belongs to the value.
  Option(T value) noexcept : value_(value), apply_(&How::apply) {}
  /// The value.
  operator T() const noexcept { return value_; }

 private:
  friend class Interpreter;
  friend struct detail::Start;
  void apply(detail::Moment moment) const {
    if (apply_) apply_(value_, moment);
  }
  T value_{};
  void (*apply_)(T, detail::Moment) = nullptr;
};

/// A module that Config::on_import gives.
struct ModuleSource {
  std::string code{};      ///< Python source, in UTF-8
  std::string filename{};  ///< its `__file__`, and the name in tracebacks; by default the name of the module with ".py"
  bool is_package = false;  ///< whether it may have submodules, which are also asked for
};

/// The options of an Interpreter: `latepy::Config c; c.version = ">=3.10"; latepy::Interpreter python(c);`
/// The defaults are for programs that run on any machine: Python is isolated from the user's environment variables and
/// packages, and does not change the signal handlers, the locale and the working directory of the process. Strings are
/// UTF-8. New versions of latepy only append members.
struct Config {
  /// The path of a libpython. Only this library is loaded. If `python` is given too, the two must belong together.
  Path library{};
  /// The path of a python executable, or of the folder of a virtual environment. Only this Python is used.
  Path python{};
  /// The range of accepted versions: ">=3.10,<3.14", "==3.12.*" or "3.12". Empty means 3.9 and newer.
  std::string version{};
  /// The path of an installation folder, which contains lib/python3.X (on Windows: Lib). Only this Python is used.
  Path home{};
  /// sys.argv. If empty, sys.argv is [""], as in an interactive Python, because scripts and libraries read sys.argv[0].
  std::vector<std::string> argv{};
  /// Folders and zip files to put first on sys.path, in this order. The start makes relative paths absolute.
  std::vector<Path> paths{};
  /// Import the module `site`, which adds site-packages, .pth files, `exit` and `quit`.
  bool site = true;
  /// Use the environment variables PYTHON*. If false, the user's PYTHONHOME and PYTHONPATH cannot break the program.
  /// Three variables are never used: PYTHONUTF8 (see `utf8`), PYTHONNOUSERSITE (see `user_site`) and PYTHONHOME.
  /// A set-uid program must not set it, nor `user_site`: the start throws StartError.
  bool use_environment = false;
  /// Put the user's own packages (below ~/.local) on sys.path.
  bool user_site = false;
  /// Search PATH for `python3` and `python`. latepy reads their files and runs nothing.
  bool search_path = true;
  /// Run a python executable to ask it for its paths, if its files do not tell them.
  bool ask_python = false;
  /// Refuse a Python if other users of the machine may write to it: to its library, its executables, pyvenv.cfg, the
  /// standard library, site-packages, what is on sys.path at the start, or to a folder above them. Each file is looked
  /// at. The paths in .pth files are too, but not what the code in them does. On Windows it only refuses, in a process
  /// with an administrator's rights, what lies in the user's folder. A set-uid program refuses such a Python always,
  /// but looks at sys.path only if this is set. An Interpreter that attaches looks at Config::paths alone.
  bool strict = false;
  /// Let Python handle SIGINT (KeyboardInterrupt) and ignore SIGPIPE and SIGXFSZ, as `python` does. If false, the
  /// program keeps its signal handlers, also when a script imports `signal` or runs asyncio.
  bool signal_handlers = false;
  /// Release the GIL after the start, so that other threads can take it while the thread that started Python does not
  /// use it. The members of Interpreter, Module and Class take it themselves. What makes or uses other objects needs a
  /// GilGuard, and throws StateError without one in every build, unless the program defines LATEPY_CHECKS as 0.
  bool release_gil = false;
  /// Stop Python when the Interpreter is destroyed. If false, Python runs until the process ends.
  bool finalize = true;
  /// UTF-8 mode (PEP 540): files, standard streams and file names are UTF-8 in every locale. Child processes that
  /// multiprocessing starts inherit it. If false, the locale of the program decides.
  bool utf8 = true;
  /// Write .pyc files for imported modules.
  bool write_bytecode = true;
  /// Allow a second start in the process, also with CPython versions that are known to abort or to leak memory then.
  bool allow_restart = false;
  /// Called with a text when something went wrong that is not an error, such as a stop on the wrong thread. On any
  /// thread, with or without the GIL.
  std::function<void(const std::string&)> on_warning{};
  /// Names and values of other options; set() appends them.
  std::vector<std::pair<std::string, std::string>> options{};
  /// Called with the text that scripts write to sys.stdout, such as print() and the prompt of input().
  /// - It also works if the Interpreter attaches to a running Python, and if the program has no console.
  /// - It is called on the thread that writes, with the GIL, before the write returns. on_stdout and on_stderr are
  ///   never called at the same time. They must not wait for another thread that runs Python.
  /// - The text is valid UTF-8. Invalid bytes become U+FFFD, lone surrogates become backslash escapes.
  /// - If it throws, the script gets the exception at the print(). If it throws at the flush of an incomplete line, the
  ///   exception goes to sys.unraisablehook. The text counts as delivered.
  /// - If it calls print() itself, that text goes to the previous stream, which is the stdout of the process. So does
  ///   what is written while Python stops, if a daemon thread is still in one of the callbacks; an incomplete line is
  ///   lost then.
  Hook<void(std::string_view), detail::OutputHook> on_stdout{};
  /// The same for sys.stderr: warnings, logging, tracebacks and uncaught exceptions.
  Hook<void(std::string_view), detail::OutputHook> on_stderr{};
  /// Called for the next line of sys.stdin, also by input(). Returns the line in UTF-8, with or without its newline;
  /// std::nullopt is the end of the file, after which it may be called again.
  /// - It is called with the GIL. If it waits for a person, it should hold a GilRelease during that time.
  /// - Invalid bytes become U+FFFD. If it throws, the script gets the exception.
  Hook<std::optional<std::string>(), detail::InputHook> on_stdin{};
  /// How on_stdout and on_stderr get the text. If true, each call gets one line with its newline. An incomplete line
  /// comes at a flush, when the outermost exec(), run_string() or run_file() returns, and when it is longer than 1 MiB.
  /// If false, each call gets the text of one write: `print(1)` makes two calls, "1" and "\n".
  bool output_by_line = true;
  /// The names of modules of the program, each with a function that fills the module:
  /// `config.extra_modules.emplace_back("host", [](py::Module& m) { m.def("version", [] { return 3; }); });`.
  /// The constructor of Interpreter calls the functions with the GIL, in this order, before the program can run any
  /// code. If one throws, the constructor stops Python again and throws that exception.
  std::vector<std::pair<std::string, Hook<void(Module&), detail::ModuleHook>>> extra_modules{};
  /// Called with the full name of a module that Python finds nowhere else, such as "rules" or "rules.tax". Returns its
  /// source, or std::nullopt if the program has no such module. It is called again when the module is reloaded.
  /// - It is called with the GIL, on the thread that imports.
  /// - If it throws, the import raises ImportError, whose `__cause__` is that exception.
  Hook<std::optional<ModuleSource>(std::string_view), detail::ImportHook, detail::HostFinder> on_import{};

  /// Lets Interpreter::interrupt() stop scripts, also from a signal handler: the start makes the thread that does it.
  /// The first Deadline makes it too.
  Option<bool, detail::WatcherStart> interruptible{};

  /// The bytes of memory that CPython may have in this process; 0 is no limit. A script that needs more gets a
  /// MemoryError, and C++ a MemoryError or std::bad_alloc. Both go on with what is freed then.
  /// - It holds from the end of the constructor until the stop begins, for all interpreters and threads of the process.
  ///   If it is less than what the start itself takes (2 to 7 MB), the constructor throws StartError with that number.
  /// - It counts what CPython allocates: objects, code, frames, modules; see Interpreter::memory_used(). It does not
  ///   count what C code takes from the system: the data of numpy's arrays, memory maps, the stacks of threads.
  /// - An eighth of it, at most 4 MiB, is kept to end the script: there a script on the thread of the constructor gets
  ///   its MemoryError between two steps. In 3.11 and 3.12 the `except` of a `try` that begins with the loop does not
  ///   see it. Other threads, and what asks for much at once, get it where they ask for memory.
  /// - The next member of the Interpreter that C++ calls after that first collects the garbage.
  /// - It protects against accidents. It is not a sandbox. Without memory some versions of CPython raise SystemError,
  ///   wait for a thread that could not begin, or end the process, above all on threads that scripts make.
  /// - Free-threaded builds of CPython, and other ways to allocate than "pymalloc" and "malloc" (see the option
  ///   `allocator`), cannot be counted: StartError.
  Option<std::size_t, detail::MemoryLimit> memory_limit{};

  /// Called for each audit event of CPython (PEP 578), with its name and the tuple of its arguments: a file is opened,
  /// a module imported, a process or thread begun, code compiled, and so on. If it throws, the script gets the
  /// exception, and what the event tells of does not happen: `config.audit = [](std::string_view event, const
  /// py::Object&) { if (event == "os.system") throw py::PermissionError("scripts run no commands"); };`.
  /// - It is called with the GIL, on the thread that does it, in all interpreters: the main one, SubInterpreters, and
  ///   those that scripts make. Interpreters with GILs of their own, and threads of a free-threaded CPython, call it at
  ///   the same time. It must not wait for another thread that runs Python.
  /// - What it does itself raises events too. It is not called for these.
  /// - It is called from the end of the start, or from the attach, until CPython takes the interpreter's modules away:
  ///   also for `atexit`. An Interpreter that did not start Python calls it until it is destroyed.
  /// - `args` belongs to the interpreter of the event, and may be kept, as any Object.
  /// - The constructor of SubInterpreter throws what it throws while CPython makes the interpreter. If a script makes
  ///   one, what it throws meanwhile is ignored, because CPython may end the process where that fails.
  /// - It serves to log, and protects against accidents. It is not a sandbox: extension modules raise the events that
  ///   they want to raise, and Python code can do most things in several ways.
  /// - The constructor throws StartError if other code of the process has an audit hook that refuses this one.
  Hook<void(std::string_view, const Object&), detail::AuditHook, detail::InstalledAudit> audit{};

  /// Sets an option of PyConfig or PyInitConfig by CPython's name: `set("optimization_level", "1")`,
  /// `set("int_max_str_digits", "0")`. A number is decimal text. If the option is a list (`xoptions`, `warnoptions`),
  /// each call appends an entry. Else the value replaces that of the member of Config for the same option, also for
  /// what depends on the member. If the CPython that was found has no such option, the start throws StartError; you may
  /// start again with another Config. Returns *this.
  Config& set(std::string option, std::string value) {
    options.emplace_back(std::move(option), std::move(value));
    return *this;
  }

  /// The members that locate() uses: where to look for a Python, and which one to accept.
  Search search() const;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Search Config::search() const {
  Search search;
  search.library = library;
  search.python = python;
  search.home = home;
  search.version = version;
  search.search_path = search_path;
  search.ask_python = ask_python;
  search.strict = strict;
  return search;
}

#endif

}  // namespace v1
}  // namespace latepy
