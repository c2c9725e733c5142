// latepy/run/config.hpp: Config, how an Interpreter finds and starts its Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace latepy {
inline namespace v1 {

namespace detail {
class Redirect;
struct OutputHook;
struct InputHook;
struct ModuleHook;
}  // namespace detail

/// A std::function, and the code that carries it out, which a program that sets none does not compile.
template <class Signature, class How>
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
  template <class H>
  static void install_by(const Callback& callback, detail::Redirect* stream, const std::string& name, bool by_line) {
    H::install(callback, stream, name, by_line);
  }
  void install(detail::Redirect* stream, const std::string& name, bool by_line) const {
    if (install_) install_(*this, stream, name, by_line);
  }
  void (*install_)(const Callback&, detail::Redirect*, const std::string&, bool) = nullptr;
};

/// What an Interpreter is started with. Every field has a default that suits a program on machines it does not know:
/// Python is isolated from the user's variables and packages, and changes nothing of the process.
/// `latepy::Config c; c.version = ">=3.10"; latepy::Interpreter python(c);`
/// Strings are UTF-8. Members are only ever appended.
struct Config {
  /// This libpython and no other.
  Path library;
  /// This Python: an executable, or the folder of a virtual environment.
  Path python;
  /// Which CPythons will do: ">=3.10,<3.14", "==3.12.*" or "3.12". Empty takes 3.9 and everything newer.
  std::string version;
  /// This installation folder: the one below which lib/python3.X (on Windows Lib) lies.
  Path home;
  /// sys.argv. Empty gives [""], as an interactive Python has it: scripts and libraries count on one entry.
  std::vector<std::string> argv;
  /// Folders and zip files that come before everything else on sys.path, in this order. Relative ones are made
  /// absolute at the start.
  std::vector<Path> paths;
  /// Import `site`: site-packages, .pth files, `exit`, `quit`.
  bool site = true;
  /// Obey the PYTHON* environment variables. Off, the user's PYTHONHOME and PYTHONPATH cannot break the program.
  /// PYTHONUTF8 gives way to `utf8`, PYTHONNOUSERSITE to `user_site`, PYTHONHOME to the Python that was chosen.
  bool use_environment = false;
  /// Packages of the user's own folder (~/.local) are importable.
  bool user_site = false;
  /// `python3` and `python` on PATH are candidates. Their files are read, nothing is run.
  bool search_path = true;
  /// A Python that its files do not explain may be run and asked.
  bool ask_python = false;
  /// Refuse a Python that other users of the machine may write to.
  bool strict = false;
  /// Let Python handle SIGINT (KeyboardInterrupt) and ignore SIGPIPE and SIGXFSZ, as `python` does. Off, the handlers
  /// of the program stay, also when a script imports `signal` or runs asyncio.
  bool signal_handlers = false;
  /// Give the GIL back after the start, so that other threads get it while the starter is not in Python.
  bool release_gil = false;
  /// Stop Python when the Interpreter is destroyed. Off, it lives until the process ends.
  bool finalize = true;
  /// UTF-8 mode (PEP 540): files, standard streams and file names are UTF-8, whatever the locale says. Children that
  /// Python starts inherit it. Off, the locale that the program has set decides.
  bool utf8 = true;
  /// Write .pyc files beside imported modules.
  bool write_bytecode = true;
  /// Start again where this CPython is known to abort or to lose memory at a second start.
  bool allow_restart = false;
  /// Told what was survived but ought to be known, such as a stop on the wrong thread. Any thread; no GIL needed.
  std::function<void(const std::string&)> on_warning;
  /// Options without a field here, filled by set().
  std::vector<std::pair<std::string, std::string>> options;
  /// Gets what scripts write to sys.stdout: print, the prompt of input(). Also on attaching; also where the program has
  /// no console. Called with the GIL held, on the thread that writes, before the write returns, and never two at a time
  /// (nor at once with on_stderr): it must not wait for another thread that runs Python. The text is valid UTF-8:
  /// invalid bytes become U+FFFD, lone surrogates backslash escapes. An exception that it throws becomes the script's
  /// exception at the print, or where only the flush of a line's rest is left goes to sys.unraisablehook; the text
  /// counts as delivered. What it prints itself goes to the stream that was there before (the process's own).
  Hook<void(std::string_view), detail::OutputHook> on_stdout;
  /// The same for sys.stderr: warnings, logging, tracebacks, uncaught exceptions.
  Hook<void(std::string_view), detail::OutputHook> on_stderr;
  /// Gives sys.stdin, and so input(), its next line, with or without its newline; nothing is the end of file, after
  /// which it may be asked again. Called with the GIL held: one that waits for a person holds a GilRelease meanwhile.
  /// UTF-8; invalid bytes become U+FFFD. What it throws becomes the script's exception.
  Hook<std::optional<std::string>(), detail::InputHook> on_stdin;
  /// on_stdout and on_stderr get whole lines with their newline, one a call, and a line's rest at a flush and at the
  /// outermost return of exec(), run_string() and run_file(); a line without an end comes in parts of 1 MiB. Off, they
  /// get each write as it comes: `print(1)` is two, "1" and "\n".
  bool output_by_line = true;
  /// Modules of the host, by name, each with what fills it:
  /// `config.extra_modules.emplace_back("host", [](py::Module& m) { m.def("version", [] { return 3; }); });`.
  /// Made with the GIL in this order, at the start or on attaching, before the program runs any code; what one throws
  /// the Interpreter's constructor throws, with Python stopped again.
  std::vector<std::pair<std::string, Hook<void(Module&), detail::ModuleHook>>> extra_modules;

  /// Sets an option of PyConfig or PyInitConfig by CPython's own name: `set("optimization_level", "1")`,
  /// `set("int_max_str_digits", "0")`. Numbers are decimal text. Options that are lists (`xoptions`, `warnoptions`)
  /// get one more entry each time; all others replace what the fields say.
  /// The start throws StartError, before anything was touched, when the CPython found has no such option.
  Config& set(std::string option, std::string value) {
    options.emplace_back(std::move(option), std::move(value));
    return *this;
  }

  /// The fields that say where to look.
  Search search() const;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Search Config::search() const {
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
