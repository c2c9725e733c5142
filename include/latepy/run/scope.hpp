// latepy/run/scope.hpp: Scope, the members of Interpreter that run code in it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/kept_codes.hpp>
#include <latepy/host/class.hpp>
#include <latepy/run/detail/script.hpp>
#include <latepy/run/detail/streams/flush.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The number of calls of members of Scope that this thread is in.
inline thread_local int scope_depth = 0;

/// Each member of Scope holds one. It takes the GIL. \param flushes the member may print: at the outermost return, the
/// destructor flushes Python's streams.
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

/// Runs code in an interpreter, with its `__main__` and its modules. The base class of Interpreter.
///
/// Every member takes the GIL and may be called on any thread. It throws PythonError if the code raises, and StateError
/// while Python is stopping. Three parameters are the same in several members:
/// - `globals`: the namespace in which the code runs, a dict. By default that of the first `__main__`.
/// - `filename`: the name of the source in tracebacks. By default `<string-N>`.
/// - T: the type to which the result is converted; see Ref::as(). void drops the result.
class Scope {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Runs statements: `exec("import math")`.
  void exec(std::string_view code, const Ref& globals = {}, std::string_view filename = {});
  /// Returns the value of an expression: `eval<int>("1 + 2")`. Also throws ConversionError.
  template <class T = Object>
  T eval(std::string_view expression, const Ref& globals = {}, std::string_view filename = {}) {
    const detail::Entry entry;
    return detail::into_cpp<T>(evaluate(expression, globals, filename));
  }
  /// As eval(), but returns an exception of the code in the Result instead of throwing it.
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
  /// Runs statements. Returns the value of the last one if it is an expression, else None.
  Object run_string(std::string_view code, const Ref& globals = {}, std::string_view filename = {});
  /// Compiles source text, to run it many times. \throws SyntaxError.
  Code compile(std::string_view code, Mode mode = Mode::exec, std::string_view filename = {});

  /// Runs a file as `python file arguments…` does: in a new `__main__`, with sys.argv, and with the file's folder first
  /// on sys.path. The return restores these three. Modules that the script imported stay. Returns the namespace of the
  /// script, a dict.
  /// \param argv the arguments, without the file.
  /// \throws FileNotFoundError, PermissionError, OSError (the path is a folder), SyntaxError (also for invalid text in
  /// the encoding of the file), SystemExit (which never ends the program), other exceptions of the script; StateError
  /// while another run_file() of this interpreter runs.
  Object run_file(const Path& path, const std::vector<std::string>& argv = {});

  /// Calls a function of a module: `call<double>("math", "hypot", 3, 4)`. Imports the module if needed. The name of the
  /// function may have dots: "Path.home".
  template <class T = Object, class... A>
  T call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry;
    const detail::OwnedRef found(find(module, function));
    return detail::into_cpp<T>(
        detail::throw_if_null(detail::call_with(found.get(), nullptr, std::forward<A>(arguments)...)));
  }
  /// As call(), but returns an exception of the function or of the import in the Result instead of throwing it.
  template <class T = Object, class... A>
  Result<T> try_call(const detail::StringArg& module, const detail::StringArg& function, A&&... arguments) {
    const detail::Entry entry;
    try {
      return Object::steal(find(module, function)).template try_call<T>(std::forward<A>(arguments)...);
    } catch (const PythonError& error) {
      return error;
    }
  }

  /// Returns the object with this dotted name: `get("os.path.sep")`. Imports modules as far as needed, then reads
  /// attributes.
  Object get(std::string_view dotted);
  /// Imports a module and returns it: `import_module("os.path")` returns os.path, not os.
  Object import_module(std::string_view name);
  /// Creates a module from source text, which scripts can then import. Returns the module.
  /// \throws StateError if a module of that name is imported already.
  Object module_from_string(const std::string& name, std::string_view code);

  /// A global of the first `__main__`, to read, assign, call or delete: `python["x"] = 1`. Reading a global that does
  /// not exist throws KeyError, also for the names of built-ins. The Proxy takes the GIL for these, but `==` needs the
  /// GIL, as each use of an Object does.
  Proxy operator[](const detail::StringArg& name);
  /// The namespace of the first `__main__`, a dict.
  Object globals() const;

  /// Adds a C++ function to the globals of the first `__main__`, so that scripts can call it; see Object::def().
  /// Returns *this.
  template <class F, class... X>
  Scope& def(const std::string& name, F&& callable, X&&... extras) {
    const detail::Entry entry;
    globals_.def(name, std::forward<F>(callable), std::forward<X>(extras)...);
    return *this;
  }
  /// The module of the program with this name, as latepy::module() returns it: scripts can import it. The first call
  /// creates it. To use the Module needs the GIL. \throws StateError if another module has the name.
  Module module(const std::string& name);
  /// Creates a Python class for a C++ class in the first `__main__`; see Module::add_class(). To use the Class needs
  /// the GIL.
  template <class T, class... Options, class... Tags>
  Class<T, Options...> add_class(const std::string& name, Tags&&... tags) {
    const detail::Entry entry;
    return Module(globals_).add_class<T, Options...>(name, std::forward<Tags>(tags)...);
  }

  /// Puts a folder or zip file first on sys.path, unless sys.path has it already.
  void add_path(const Path& folder);
  /// Runs the source of a module again in the same module object, as importlib.reload() does. Returns the module.
  ///@{
  Object reload(const Ref& module);
  Object reload(std::string_view name);
  ///@}
  /// Replaces `__main__` by a new, empty one, without stopping Python. Existing objects stay valid, and modules stay
  /// imported.
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
  /// `globals`, or those of `__main__`. A copy, because the code may call reset().
  Object globals_or_main(const Ref& globals) const { return globals.is_empty() ? globals_ : Object(globals); }

  // The members without their Entry. The functions that return a PyObject* return a new reference.
  PyObject* evaluate(std::string_view expression, const Ref& globals, std::string_view filename) const;
  PyObject* find(const detail::StringArg& module, const detail::StringArg& function) const;
  Object import_path(std::string_view module, std::string_view path) const;
  Object resolve(std::string_view dotted) const;
  Object make_module(const std::string& name, std::string_view code) const;
  Object run_script(const Path& path, const std::vector<std::string>& argv);

  Object main_, globals_;
  std::atomic_flag running_file_ = {};
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
  const detail::ColdObject path = detail::sys("path"), text = detail::make_str(detail::absolute(folder.string()));
  const int is_there = detail::api().Sequence_Contains(path.ptr(), text.ptr());
  detail::expect_success(is_there);
  if (is_there == 0) detail::call_attribute(path, "insert", {detail::make_int(0), text});
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
  bool in_modules = true;  // all names so far were modules
  while (dot < dotted.size()) {
    const std::size_t next = (std::min)(dotted.find('.', dot + 1), dotted.size());
    const detail::AttrName name(dotted.substr(dot + 1, next - dot - 1));
    PyObject* value = nullptr;
    detail::check_result(detail::api().Object_GetOptionalAttr(found.ptr(), name.ptr(), &value));
    if (!value && in_modules) value = detail::import_or_null(dotted.substr(0, next));
    if (!value)
      value = detail::throw_if_null(detail::api().Object_GetAttr(found.ptr(), name.ptr()));  // raises AttributeError
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
            {"cannot run a file while another run_file() of this interpreter runs, because it has one __main__ and one "
             "sys.argv: wait until that one has returned"});
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
