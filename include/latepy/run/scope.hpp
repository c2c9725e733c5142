// latepy/run/scope.hpp: Scope, the members of Interpreter that run code in it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/kept_codes.hpp>
#include <latepy/host/class.hpp>
#include <latepy/run/detail/main_module.hpp>
#include <latepy/run/detail/script.hpp>

namespace latepy {
inline namespace v1 {
/// Runs code in an interpreter, with its `__main__` and its modules. The base class of Interpreter and SubInterpreter.
///
/// Every member enters the interpreter, and then returns to the one that the thread was in. It may be called on any
/// thread. It throws PythonError if the code raises, and StateError
/// while Python is stopping. Four parameters are the same in several members:
/// - `globals`: the namespace in which the code runs, a dict. By default that of the first `__main__`.
/// - `locals`: a mapping that gets the names which the code assigns, as in a class body. By default the globals.
/// - `filename`: the name of the source in tracebacks. By default `<string-N>`.
/// - T: the type to which the result is converted; see Ref::as(). void drops the result.
class Scope : protected detail::MainModule {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Runs statements: `exec("import math")`.
  ///@{
  void exec(std::string_view code, const Ref& globals = {}, std::string_view filename = {});
  void exec(std::string_view code, const Ref& globals, const Ref& locals, std::string_view filename = {}) {
    run_in(code, Mode::exec, globals, locals, filename);
  }
  ///@}
  /// Returns the value of an expression: `eval<int>("1 + 2")`. Also throws ConversionError.
  ///@{
  template <class T = Object>
  T eval(std::string_view expression, const Ref& globals = {}, std::string_view filename = {}) {
    const detail::Entry entry(generation_);
    return detail::into_cpp<T>(evaluate(expression, globals, filename));
  }
  template <class T = Object>
  T eval(std::string_view expression, const Ref& globals, const Ref& locals, std::string_view filename = {}) {
    const detail::Entry entry(generation_);
    return detail::into_cpp<T>(run_in(expression, Mode::eval, globals, locals, filename).release());
  }
  ///@}
  /// As exec(), eval() and run_string(), but return an exception of the code in the Result instead of throwing it. So
  /// they do with a C++ exception that a host function threw: error() tells of the Python exception that it became,
  /// and value() throws the C++ exception.
  ///@{
  Result<void> try_exec(std::string_view code, const Ref& globals = {}, std::string_view filename = {}) {
    return try_run<void>(code, Mode::exec, globals, filename);
  }
  template <class T = Object>
  Result<T> try_eval(std::string_view expression, const Ref& globals = {}, std::string_view filename = {}) {
    return try_run<T>(expression, Mode::eval, globals, filename);
  }
  template <class T = Object>
  Result<T> try_run_string(std::string_view code, const Ref& globals = {}, std::string_view filename = {}) {
    return try_run<T>(code, Mode::run, globals, filename);
  }
  ///@}
  /// Runs statements. Returns the value of the last one if it is an expression, else None.
  ///@{
  Object run_string(std::string_view code, const Ref& globals = {}, std::string_view filename = {});
  Object run_string(std::string_view code, const Ref& globals, const Ref& locals, std::string_view filename = {}) {
    return run_in(code, Mode::run, globals, locals, filename);
  }
  ///@}
  /// Compiles source text, to run it many times. \throws SyntaxError.
  Code compile(std::string_view code, Mode mode = Mode::exec, std::string_view filename = {});

  /// Runs a file as `python file arguments…` does: in a new `__main__`, with sys.argv, and with the file's folder first
  /// on sys.path. The return restores these three. Modules that the script imported stay. Returns the namespace of the
  /// script, a dict. The script may call run_file() and run_module() by a function of the host.
  ///
  /// Functions of the script can be called afterwards. But what looks up their module by its name, such as pickle and
  /// typing.get_type_hints(), then finds another `__main__`. For plug-ins use module_from_file().
  /// - `path`: a source file; a folder or zip file with a `__main__.py`, which is first on sys.path itself; or
  /// a .pyc file.
  /// - `argv`: the arguments, without the file.
  /// - `globals`: if given, the script runs in this dict, and has it as its `__main__`.
  ///
  /// \throws FileNotFoundError, PermissionError, OSError (a folder without `__main__.py`), ImportError (such a zip
  /// file, or a .pyc file of another Python), SyntaxError (also for invalid text in the encoding of the file),
  /// SystemExit (which never ends the program), other exceptions of the script; StateError while another thread runs a
  /// script.
  Object run_file(const Path& path, const std::vector<std::string>& argv = {}, const Ref& globals = {}) {
    return try_run_file(path, argv, globals).value();
  }
  /// Runs a module as `python -m name arguments…` does: in a new `__main__`, with sys.argv. A package runs its module
  /// `__main__`. The return restores what it set, and gives the namespace of the module, as run_file() does. The
  /// working folder is not put on sys.path; see add_path().
  /// \throws ModuleNotFoundError; ImportError (a module without Python code); what run_file() throws.
  Object run_module(std::string_view name, const std::vector<std::string>& argv = {}, const Ref& globals = {}) {
    return try_run_module(name, argv, globals).value();
  }
  /// As run_file() and run_module(), but return an exception of the script, or that there is none to run, in the
  /// Result, as try_exec() does.
  ///@{
  Result<Object> try_run_file(const Path& path, const std::vector<std::string>& argv = {}, const Ref& globals = {}) {
    return running_.run_file(generation_, path, argv, main_, globals);
  }
  Result<Object> try_run_module(std::string_view name, const std::vector<std::string>& argv = {},
                                const Ref& globals = {}) {
    return running_.run_module(generation_, name, argv, main_, globals);
  }
  ///@}

  /// Calls a function of a module: `call<double>("math", "hypot", 3, 4)`. Imports the module if needed. The name of the
  /// function may have dots: "Path.home".
  template <class T = Object, class... A>
  T call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry(generation_);
    const detail::OwnedRef found(detail::throw_if_null(find(module, function)));
    return detail::result_into_cpp<T>(
        detail::throw_if_null(detail::call_with(found.get(), nullptr, std::forward<A>(arguments)...)), found.get());
  }
  /// As call(), but returns an exception of the function or of the import in the Result, as try_exec() does.
  template <class T = Object, class... A>
  Result<T> try_call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry(generation_);
    try {
      PyObject* const found = find(module, function);
      if (!found) return Result<T>(detail::take_exception());
      return Object::steal(found).template try_call<T>(std::forward<A>(arguments)...);
    } catch (const PythonError& error) {
      return error;
    }
  }

  /// Runs an awaitable to its end in an event loop on this thread; see run/event_loop.hpp, which it needs.
  template <class T = Object, class Limit = detail::NoLimit>
  T run_until_complete(const Ref& awaitable, Limit timeout = {});
  /// Returns the object with this dotted name: `get("os.path.sep")`. Imports modules as far as needed, then reads
  /// attributes.
  Object get(std::string_view dotted) { return detail::get(generation_, dotted); }
  /// Imports a module and returns it: `import_module("os.path")` returns os.path, not os.
  Object import_module(std::string_view name) { return detail::import_module(generation_, name); }
  /// Creates a module from source text, which scripts can import and reload. Returns the module. A second call with the
  /// same name and file name runs the new text in the same module, as reload() does. A dotted name makes a module in a
  /// package; the parent is imported first.
  /// \param filename its `__file__`, and the name in tracebacks. By default the name of the module with ".py".
  /// \throws StateError if another module has the name: one that is imported, or one that scripts could import.
  Object module_from_string(const std::string& name, std::string_view code, std::string_view filename = {}) {
    return detail::module_from_string(generation_, name, code, filename);
  }
  /// Creates a module from a file with any name and in any folder, which scripts can import and reload. Returns the
  /// module. A second call with the same name and file reads the file again, as reload() does. The file is Python
  /// source, a .pyc file, an extension module, or the folder of a package.
  /// \throws FileNotFoundError; what module_from_string() throws.
  Object module_from_file(const std::string& name, const Path& path) {
    return detail::module_from_file(generation_, name, path);
  }

  /// The module of the program with this name, as latepy::module() returns it: scripts can import it. The first call
  /// creates it. To use the Module needs the GIL. \throws StateError if another module has the name.
  Module module(const std::string& name) { return detail::host_module(generation_, name); }
  /// A module of the program that is made when a script first imports it: `fill` is then called with the Module, with
  /// the GIL, on the thread that imports. If it throws, the import raises ImportError, whose `__cause__` is that
  /// exception; the next import calls `fill` again. \throws StateError if another module has the name.
  template <class F>
  void lazy_module(const std::string& name, F fill) {
    const detail::Entry entry(generation_);
    detail::add_lazy_module(
        name, detail::make_callable("fill", [fill = detail::kept_type<F>(std::move(fill))](const Object& made) mutable {
          if (Module module = detail::begin_lazy_module(made); !module.is_empty()) fill(module);
        }));
  }
  /// Puts a folder or zip file first on sys.path, unless sys.path has it already. \throws FileNotFoundError.
  void add_path(const Path& folder) { detail::add_path(generation_, folder); }
  /// Runs the source of a module again in the same module object, as importlib.reload() does. Returns the module.
  ///@{
  Object reload(const Ref& module) { return detail::reload(generation_, module); }
  Object reload(std::string_view name) { return detail::reload(generation_, import_module(name)); }
  ///@}

  /// A global of the first `__main__`, to read, assign, call or delete: `python["x"] = 1`. Reading a global that does
  /// not exist throws KeyError, also for the names of built-ins. The Proxy takes the GIL for these, but `==` needs the
  /// GIL, as each use of an Object does.
  Proxy operator[](const detail::StringArg& name);
  /// The namespace of the first `__main__`, a dict.
  Object globals() const;

  /// Adds a C++ function to the globals of the first `__main__`, so that scripts can call it; see Object::def().
  /// Returns *this.
  template <class OverloadedNeedsStaticCast, class... X>
  Scope& def(const std::string& name, OverloadedNeedsStaticCast&& callable, X&&... extras) {
    const detail::Entry entry(generation_);
    globals_.def(name, std::forward<OverloadedNeedsStaticCast>(callable), std::forward<X>(extras)...);
    note_main_global(name);
    return *this;
  }
  /// Creates a Python class for a C++ class in the first `__main__`; see Module::add_class(). To use the Class needs
  /// the GIL.
  template <class T, class... Options, class... Tags>
  Class<T, Options...> add_class(const std::string& name, Tags&&... tags) {
    const detail::Entry entry(generation_);
    auto made = Module(globals_).add_class<T, Options...>(name, std::forward<Tags>(tags)...);
    note_main_global(name);
    return made;
  }

  /// Begins anew without stopping Python, also where numpy is loaded: makes a new `__main__`, forgets packages, frees
  /// garbage. What def(), add_class() and `python["x"] = 1` have put into `__main__` is put into the new one. Objects
  /// stay valid, functions keep their globals. What is put there before main() begins may be forgotten.
  /// - Forgotten, so that the next import loads them anew, are packages that nothing kept refers to. Kept are the
  ///   standard library, what the program made, packages with an extension module, what was imported at the start, and
  ///   packages of which a module, class, function or instance is a value in a kept module, or was put into `__main__`.
  ///   Config::on_import is asked again.
  /// - Handlers and filters of logging, functions of `atexit` (which do not run), and hooks of `sys` are removed if the
  ///   code of a forgotten package or of the old `__main__` defines them. All else that scripts changed stays changed:
  ///   sys.path, os.environ, codecs, copyreg, abc, signal, attributes of modules that are kept.
  ///
  /// A free-threaded CPython must not be used by other threads meanwhile.
  /// \throws StateError, and changes nothing, inside a call from Python, while another thread of Python lives, while
  /// another C++ thread runs Python code, while an import runs, and if the Interpreter has attached to Python. If a
  /// Deadline ends it, nothing has changed but hooks that are gone.
  template <class Program = void>
  void reset() {
    static_cast<void>(&detail::program_resets<Program>);
    reset_main();
  }

 protected:
  Scope() = default;
  Scope(Scope&& other) noexcept : MainModule(std::move(other)) {}  ///< no thread may use `other`
  ~Scope() = default;

 private:
  friend class GilGuard;
  template <class T>
  Result<T> try_run(std::string_view text, Mode mode, const Ref& globals, std::string_view filename) {
    const detail::Entry entry(generation_, mode != Mode::eval);
    std::optional<Code> code;
    try {
      code.emplace(detail::code_of(text, mode, filename));
    } catch (const PythonError& error) {
      return error;
    }
    return code->try_run<T>(globals_or_main(globals));
  }

  // The members without their Entry. The functions that return a PyObject* return a new reference; find() returns null
  // with Python's error set if it fails.
  PyObject* evaluate(std::string_view expression, const Ref& globals, std::string_view filename) const;
  PyObject* find(const detail::StringArg& module, const detail::StringArg& function) const;
  /// exec(), eval() and run_string() with locals.
  Object run_in(std::string_view text, Mode mode, const Ref& globals, const Ref& locals, std::string_view filename);

  detail::RunningScript running_{};
};

#if LATEPY_DEFINITIONS
LATEPY_FUNC GilGuard::GilGuard(const Scope& scope) { scope.generation_ ? enter(scope.generation_, true) : enter(true); }

LATEPY_FUNC void Scope::exec(std::string_view code, const Ref& globals, std::string_view filename) {
  const detail::Entry entry(generation_, true);
  detail::code_of(code, Mode::exec, filename)(globals_or_main(globals));
}

LATEPY_FUNC PyObject* Scope::evaluate(std::string_view expression, const Ref& globals,
                                      std::string_view filename) const {
  return detail::code_of(expression, Mode::eval, filename)(globals_or_main(globals)).release();
}

LATEPY_FUNC Object Scope::run_string(std::string_view code, const Ref& globals, std::string_view filename) {
  const detail::Entry entry(generation_, true);
  return detail::code_of(code, Mode::run, filename)(globals_or_main(globals));
}

LATEPY_FUNC LATEPY_COLD Object Scope::run_in(std::string_view text, Mode mode, const Ref& globals, const Ref& locals,
                                             std::string_view filename) {
  const detail::Entry entry(generation_, mode != Mode::eval);
  return detail::code_of(text, mode, filename)(globals_or_main(globals), locals);
}

LATEPY_FUNC Code Scope::compile(std::string_view code, Mode mode, std::string_view filename) {
  const detail::Entry entry(generation_);
  return Code(code, mode, filename);
}

LATEPY_FUNC Proxy Scope::operator[](const detail::StringArg& name) {
  const detail::Entry entry(generation_);
  return Proxy(Proxy::Kind::item, globals_, detail::AttrName(name), true);
}

LATEPY_FUNC Object Scope::globals() const {
  const detail::Entry entry(generation_);
  return globals_;
}

LATEPY_FUNC PyObject* Scope::find(const detail::StringArg& module, const detail::StringArg& function) const {
  PyObject* const known = detail::find_function(module, function);
  return LATEPY_LIKELY(known != nullptr) ? known : detail::import_path(module.view(), function.view());
}

#endif

}  // namespace v1
}  // namespace latepy
