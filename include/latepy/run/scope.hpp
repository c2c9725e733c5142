// latepy/run/scope.hpp: what can be run in an interpreter; Interpreter inherits it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/kept_codes.hpp>
#include <latepy/host/class.hpp>
#include <latepy/run/detail/script.hpp>
#include <latepy/run/detail/streams/flush.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How many calls into a Scope this thread is inside of.
inline thread_local int scope_depth = 0;

/// What each call into a Scope holds: the GIL and, at the outermost return of what may print, a flush of the streams.
class Entry {
 public:
  explicit Entry(bool flushes = false) : flushes_(flushes) { ++scope_depth; }
  Entry(const Entry&) = delete;
  ~Entry();

 private:
  GilGuard gil_;
  bool flushes_;
};

}  // namespace detail

/// An interpreter as a place to run code in: its `__main__`, its modules. Every member takes the GIL itself and may be
/// called on any thread; what it throws is PythonError for exceptions of the code, StateError while Python is stopping.
/// Where `globals` is not given, code runs in the first `__main__`.
class Scope {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Runs statements.
  void exec(std::string_view code, const Ref& globals = {}, std::string_view filename = {});
  /// The value of an expression.
  template <class T = Object>
  T eval(std::string_view expression, const Ref& globals = {}, std::string_view filename = {}) {
    const detail::Entry entry;
    return detail::into_cpp<T>(evaluate(expression, globals, filename));
  }
  /// As eval(), with Python's exception as a value.
  template <class T = Object>
  Result<T> try_eval(std::string_view expression, const Ref& globals = {}, std::string_view filename = {}) {
    const detail::Entry entry;
    std::optional<Code> code;
    try {
      code.emplace(detail::code_of(expression, Mode::eval, filename));
    } catch (const PythonError& error) {
      return error;
    }
    return code->try_run<T>(globals_or_main(globals));
  }
  /// Runs statements and gives the value of the last one where it is an expression, else None.
  Object run_string(std::string_view code, const Ref& globals = {}, std::string_view filename = {});
  /// Compiles source to run it many times.
  Code compile(std::string_view code, Mode mode = Mode::exec, std::string_view filename = {});

  /// Runs a file as `python file arguments…` does: in a new `__main__`, with sys.argv and with the file's folder first
  /// on sys.path; all three are put back at the return, and what the script imported stays. Gives the script's
  /// namespace, a dict.
  /// \throws FileNotFoundError, PermissionError, OSError (a folder), SyntaxError (also for the wrong encoding),
  /// SystemExit, which never ends the program, and what else the script raises. StateError while another file runs.
  Object run_file(const Path& path, const std::vector<std::string>& argv = {});

  /// Calls a function of a module, importing the module where needed: `call<double>("math", "hypot", 3, 4)`.
  /// The function may be dotted: "Path.home".
  template <class T = Object, class... A>
  T call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry;
    const detail::OwnedRef found(find(module, function));
    return detail::into_cpp<T>(
        detail::throw_if_null(detail::call_with(found.get(), nullptr, std::forward<A>(arguments)...)));
  }
  /// As call(), with Python's exception as a value; also that of the import.
  template <class T = Object, class... A>
  Result<T> try_call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry;
    try {
      return Object::steal(find(module, function)).template try_call<T>(std::forward<A>(arguments)...);
    } catch (const PythonError& error) {
      return error;
    }
  }

  /// A dotted name: imports modules as far as needed, then takes attributes: `get("os.path.sep")`.
  Object get(std::string_view dotted);
  /// The module itself: `import_module("os.path")` is the module os.path.
  Object import_module(std::string_view name);
  /// Makes a module from source, which scripts can then import.
  /// \throws StateError where a module of that name is imported already.
  Object module_from_string(const std::string& name, std::string_view code);

  /// A global of the first `__main__`, to read, assign, call or delete; a missing one is a KeyError, and built-in
  /// names are not searched.
  /// Comparing what it gives with `==` needs the GIL, as using any Object does.
  Proxy operator[](const detail::StringArg& name);
  /// The namespace of the first `__main__`, a dict.
  Object globals() const;

  /// Lets scripts call C++ as a global function of the first `__main__`; see Object::def().
  template <class F, class... X>
  Scope& def(const std::string& name, F&& callable, X&&... extras) {
    const detail::Entry entry;
    globals_.def(name, std::forward<F>(callable), std::forward<X>(extras)...);
    return *this;
  }
  /// The host's module of this name, which scripts import. To fill it needs the GIL.
  Module module(const std::string& name);
  /// A Python class for a C++ class, in the first `__main__`; see Module::add_class().
  template <class T, class... Options, class... Tags>
  Class<T, Options...> add_class(const std::string& name, Tags&&... tags) {
    const detail::Entry entry;
    return Module(globals_).add_class<T, Options...>(name, std::forward<Tags>(tags)...);
  }

  /// Puts a folder or zip file first on sys.path, where it is not there already.
  void add_path(const Path& folder);
  /// Runs the source of a module again in the same module object, as importlib.reload() does. Returns the module.
  ///@{
  Object reload(const Ref& module);
  Object reload(std::string_view name);
  ///@}
  /// A fresh, empty `__main__`, without stopping Python. Objects made so far stay valid, modules stay imported.
  void reset();

 protected:
  Scope() = default;
  ~Scope() = default;

  /// Makes `module` the `__main__` of this Scope. Needs the GIL.
  void adopt_main(Object module);
  /// Releases the `__main__`. Needs the GIL.
  void forget_main() noexcept;
  /// The `__main__` of this Scope.
  const Object& main() const noexcept { return main_; }

 private:
  /// By value: the code that runs may reset() this scope.
  Object globals_or_main(const Ref& globals) const { return globals.is_empty() ? globals_ : Object(globals); }

  /// New references.
  PyObject* evaluate(std::string_view expression, const Ref& globals, std::string_view filename) const;
  PyObject* find(const detail::StringArg& module, const detail::StringArg& function) const;
  Object import_path(std::string_view module, std::string_view path) const;

  Object resolve(std::string_view dotted) const;

  Object make_module(const std::string& name, std::string_view code) const;

  Object run_script(const Path& path, const std::vector<std::string>& argv);

  Object main_, globals_;
  std::atomic_flag running_file_ = ATOMIC_FLAG_INIT;
};

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC Entry::~Entry() {
  if (--scope_depth == 0 && flushes_) flush_streams();
}

}  // namespace detail

LATEPY_FUNC void Scope::exec(std::string_view code, const Ref& globals, std::string_view filename) {
  const detail::Entry entry(true);
  detail::code_of(code, Mode::exec, filename)(globals_or_main(globals));
}

LATEPY_FUNC PyObject* Scope::evaluate(std::string_view expression, const Ref& globals,
                                      std::string_view filename) const {
  return detail::code_of(expression, Mode::eval, filename)(globals_or_main(globals)).release();
}

LATEPY_FUNC Object Scope::run_string(std::string_view code, const Ref& globals, std::string_view filename) {
  const detail::Entry entry(true);
  return detail::code_of(code, Mode::run, filename)(globals_or_main(globals));
}

LATEPY_FUNC Code Scope::compile(std::string_view code, Mode mode, std::string_view filename) {
  const detail::Entry entry;
  return Code(code, mode, filename);
}

LATEPY_FUNC Object Scope::run_file(const Path& path, const std::vector<std::string>& argv) {
  const detail::Entry entry(true);
  return run_script(path, argv);
}

LATEPY_FUNC Object Scope::get(std::string_view dotted) {
  const detail::Entry entry;
  return resolve(dotted);
}

LATEPY_FUNC Object Scope::import_module(std::string_view name) {
  const detail::Entry entry;
  return detail::import(name);
}

LATEPY_FUNC Object Scope::module_from_string(const std::string& name, std::string_view code) {
  const detail::Entry entry(true);
  return make_module(name, code);
}

LATEPY_FUNC Proxy Scope::operator[](const detail::StringArg& name) {
  const detail::Entry entry;
  return Proxy(Proxy::Kind::item, globals_, detail::AttrName(name), true);
}

LATEPY_FUNC Object Scope::globals() const {
  const detail::Entry entry;
  return globals_;
}

LATEPY_FUNC Module Scope::module(const std::string& name) {
  const detail::Entry entry;
  return latepy::module(name);
}

LATEPY_FUNC void Scope::add_path(const Path& folder) {
  const detail::Entry entry;
  const Object path = detail::sys("path"), text = to_py(detail::absolute(folder.string()));
  if (!path.contains(text)) path.call_method("insert", 0, text);
}

LATEPY_FUNC Object Scope::reload(const Ref& module) {
  const detail::Entry entry;
  return resolve("importlib.reload")(module);
}

LATEPY_FUNC Object Scope::reload(std::string_view name) {
  const detail::Entry entry;
  return reload(import_module(name));
}

LATEPY_FUNC void Scope::reset() {
  const detail::Entry entry;
  adopt_main(detail::new_main());
}

LATEPY_FUNC void Scope::adopt_main(Object module) {
  globals_ = Object::borrow(detail::throw_if_null(detail::api().Module_GetDict(module.checked())));
  main_ = std::move(module);
  detail::set_main(main_);
  detail::add_builtins(globals_);
  detail::current_interpreter().main_globals = globals_.ptr();
}

LATEPY_FUNC void Scope::forget_main() noexcept {
  detail::current_interpreter().main_globals = nullptr;
  main_ = globals_ = Object();
}

LATEPY_FUNC PyObject* Scope::find(const detail::StringArg& module, const detail::StringArg& function) const {
  PyObject* const known = detail::find_function(module, function);
  return LATEPY_LIKELY(known != nullptr) ? known : import_path(module.view(), function.view()).release();
}

LATEPY_FUNC LATEPY_COLD Object Scope::import_path(std::string_view module, std::string_view path) const {
  Object found = detail::import(module);
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t dot = (std::min)(path.find('.', at), path.size());
    found = found.attr(path.substr(at, dot - at));
    at = dot + 1;
  }
  return found;
}

LATEPY_FUNC LATEPY_COLD Object Scope::resolve(std::string_view dotted) const {
  std::size_t dot = (std::min)(dotted.find('.'), dotted.size());
  Object found = detail::import(dotted.substr(0, dot));
  bool in_modules = true;  // so far every name was a module
  while (dot < dotted.size()) {
    const std::size_t next = (std::min)(dotted.find('.', dot + 1), dotted.size());
    const detail::AttrName name(dotted.substr(dot + 1, next - dot - 1));
    PyObject* value = nullptr;
    detail::check_result(detail::api().Object_GetOptionalAttr(found.ptr(), name.ptr(), &value));
    if (!value && in_modules) value = detail::import_or_null(dotted.substr(0, next));
    if (!value)
      value = detail::throw_if_null(detail::api().Object_GetAttr(found.ptr(), name.ptr()));  // its AttributeError
    found = Object::steal(value);
    in_modules = in_modules && detail::is_module(found);
    dot = next;
  }
  return found;
}

LATEPY_FUNC LATEPY_COLD Object Scope::make_module(const std::string& name, std::string_view code) const {
  const Object modules = Object::borrow(detail::api().Import_GetModuleDict());
  if (modules.contains(name))
    detail::throw_error<StateError>(
        {"a module named ", name, " is imported already: choose another name, or use reload()"});
  const Object module = detail::steal_or_throw(detail::api().Module_NewObject(detail::AttrName(name).ptr()));
  modules[name] = module;
  try {
    Code(code, Mode::exec, name + ".py")(module.attr("__dict__"));
  } catch (...) {
    modules.call_method("pop", name, nullptr);
    throw;
  }
  return modules[name];
}

LATEPY_FUNC LATEPY_COLD Object Scope::run_script(const Path& path, const std::vector<std::string>& argv) {
  struct Running {
    explicit Running(std::atomic_flag& f) : flag(f) {
      if (flag.test_and_set())
        detail::throw_error<StateError>(
            {"run_file while another file is running: a process has one __main__ and one sys.argv"});
    }
    ~Running() { flag.clear(); }
    std::atomic_flag& flag;
  };
  const Running running(running_file_);
  const std::string file = detail::absolute(path.string());
  const Object code = detail::compile_file(file);
  const Object module = detail::new_main();
  module.attr("__file__") = file;
  module.attr("__cached__") = nullptr;
  Object arguments = list(file);
  for (const std::string& argument : argv) arguments.call_method("append", argument);
  const detail::ScriptSetting setting(module, main_, arguments, file);
  const Object globals = module.attr("__dict__");
  detail::steal_or_throw(detail::api().Eval_EvalCode(code.ptr(), globals.ptr(), globals.ptr()));
  return globals;
}

#endif

}  // namespace v1
}  // namespace latepy
