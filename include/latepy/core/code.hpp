// latepy/core/code.hpp: Code, Python source compiled once, whose lines tracebacks can show.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/import_hooks.hpp>

namespace latepy {
inline namespace v1 {

/// What a source text is.
enum class Mode : int {
  exec,  ///< statements
  eval,  ///< one expression
  run,   ///< statements, of which the last may be an expression whose value is the result
};

namespace detail {

struct KeptCode;

/// Raw strings stand indented in C++: where the first line of code is indented, which Python would refuse, the common
/// indentation goes.
std::string dedent(std::string_view text);

inline constexpr unsigned sources_kept = 1000;

/// linecache's dict of sources, or the one in which they wait for it. Needs the GIL.
Object source_lines();

/// `<string-7>`: a name under which Python's linecache knows the text, so that tracebacks and inspect show its lines.
/// The last thousand texts are known.
Object remember_source(const Object& source, std::string_view filename);

/// A str of source code. What Python would cut or misread is a SyntaxError with the line.
Object source_text(std::string_view text);

LATEPY_COLD inline Object compile_text(const char* text, const Object& filename, int start, int flags) {
  CompilerFlags options{flags, library_state.version.minor};
  return steal_or_throw(api().CompileStringObject(text, filename.ptr(), start, &options, -1));
}

/// Without `__builtins__` in its globals, code before 3.10 knows only a few names. exec() puts them there as well.
void add_builtins(const Ref& globals);

}  // namespace detail

/// Compiled source, to run many times: `Code f = python.compile("x * 2", py::Mode::eval); f(globals)`.
/// Making and running one needs the GIL.
class Code {
 public:
  /// \param text UTF-8 source; where its first line is indented, the common indentation is taken off.
  /// \param filename what tracebacks say; without one `<string-N>`. The lines are shown in both cases.
  /// \throws SyntaxError, also for NUL bytes and text that is not UTF-8.
  explicit Code(std::string_view text, Mode mode = Mode::exec, std::string_view filename = {});

  /// Runs in a namespace, a dict. Gives the value of an expression (Mode::eval, and Mode::run where one stands last),
  /// else None. \throws what the code raises, as PythonError.
  LATEPY_FORCE_INLINE Object operator()(const Ref& globals) const { return detail::steal_or_throw(run(globals)); }
  /// As operator(), with the exception as a value.
  template <class T = Object>
  Result<T> try_run(const Ref& globals) const {
    return detail::make_result<T>(run(globals));
  }

 private:
  static std::string strip(std::string_view text) {  // as eval() does
    const std::size_t first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
    return std::string(first == text.npos ? std::string_view() : text.substr(first, last - first + 1));
  }

  /// Two code objects, where the last statement is an expression.
  bool split(const std::string& utf8, const Object& name, int flags);

  /// A new reference, or null with the error set.
  LATEPY_FORCE_INLINE PyObject* run(const Ref& globals) const {
    PyObject* const names = globals.checked();
    if (LATEPY_UNLIKELY(names != detail::current_interpreter().main_globals.load(std::memory_order_relaxed)))
      detail::add_builtins(globals);
    if (LATEPY_UNLIKELY(!before_.is_empty()) && !detail::OwnedRef(eval(before_, names)).get()) return nullptr;
    return eval(code_, names);
  }
  static LATEPY_FORCE_INLINE PyObject* eval(const Object& code, PyObject* names) {
    return detail::api().Eval_EvalCode(code.checked(), names, names);
  }

  friend struct detail::KeptCode;
  Code() = default;

  Object code_, before_;  // what gives the result; the statements before it, where it is their last expression
};

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD std::string dedent(std::string_view text) {
  const auto each_line = [text](auto&& visit) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at) == text.npos ? text.size() : text.find('\n', at) + 1;
      const std::string_view line = text.substr(at, end - at);
      const std::size_t indent = line.find_first_not_of(" \t");
      visit(line, indent == line.npos || line[indent] == '\n' || line[indent] == '\r' ? line.npos : indent);
      at = end;
    }
  };
  bool first = true;
  std::string_view common;
  each_line([&](std::string_view line, std::size_t indent) {
    if (indent == line.npos) return;
    if (first) common = line.substr(0, indent);
    first = false;
    std::size_t same = 0;
    while (same < common.size() && same < indent && common[same] == line[same]) ++same;
    common = common.substr(0, same);
  });
  if (common.empty()) return std::string(text);
  std::string result;
  each_line([&](std::string_view line, std::size_t indent) {
    result += indent == line.npos ? line : line.substr(common.size());
  });
  return result;
}

LATEPY_FUNC LATEPY_COLD Object source_lines() {
  const Api& a = api();
  if (PyObject* linecache = a.Dict_GetItemWithError(a.Import_GetModuleDict(), AttrName("linecache").ptr())) {
    Object cache = attribute_or_empty(linecache, "cache");  // none while it is being imported
    if (!cache.is_empty() && has_flag(cache.ptr(), type_is_dict)) return cache;
  }
  return import_hooks()["lines"];
}

LATEPY_FUNC LATEPY_COLD Object remember_source(const Object& source, std::string_view filename) {
  std::atomic<unsigned>& texts = current_interpreter().sources;
  const Object name = filename.empty() ? to_py("<string-" + std::to_string(++texts) + ">") : to_py(filename);
  const Object entry = tuple(len(source), nullptr, call_attribute(source, "splitlines", {to_py(true)}), name);
  try {
    const Object lines = source_lines();
    check_result(api().Dict_SetItem(lines.ptr(), name.ptr(), entry.ptr()));
    if (filename.empty() && texts > sources_kept) {
      const Object old = to_py("<string-" + std::to_string(texts - sources_kept) + ">");
      if (api().Dict_DelItem(lines.ptr(), old.ptr()) != 0) api().Err_Clear();
    }
  } catch (const PythonError&) {  // what a script did to the import system is no reason to refuse code
  }
  return name;
}

LATEPY_FUNC LATEPY_COLD Object source_text(std::string_view text) {
  const auto line_of = [text](std::size_t at) {
    std::size_t line = 1;
    for (std::size_t i = 0; i < at; ++i) line += text[i] == '\n';
    return " (line " + std::to_string(line) + ")";
  };
  const std::size_t nul = text.find('\0');
  if (nul != text.npos) throw SyntaxError("source code holds a NUL byte" + line_of(nul));
  PyObject* source = api().Unicode_DecodeUTF8(text.data(), static_cast<ssize>(text.size()), nullptr);
  if (source) return Object::steal(source);
  const PythonError error = take_python_error();
  if (!error.is("UnicodeDecodeError")) error.rethrow();
  throw SyntaxError("source code is not UTF-8: " + error.message() +
                    line_of(get_attribute(error.value(), "start").as<std::size_t>()));
}

LATEPY_FUNC void add_builtins(const Ref& globals) {
  if (!has_flag(globals.checked(), type_is_dict)) throw TypeError("code runs in a dict, not in " + show(globals.ptr()));
  const AttrName builtins("__builtins__");
  PyObject* const present = api().Dict_GetItemWithError(globals.ptr(), builtins.ptr());
  if (present) return;
  if (api().Err_Occurred()) throw_python_error();
  check_result(api().Dict_SetItem(globals.ptr(), builtins.ptr(), api().Eval_GetBuiltins()));
}

}  // namespace detail

LATEPY_FUNC Code::Code(std::string_view text, Mode mode, std::string_view filename) {
  detail::check_running();
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);  // the byte order mark
  const std::string source = mode == Mode::eval ? strip(text) : detail::dedent(text);
  const Object lines = detail::source_text(source);
  const Object name = detail::remember_source(lines, filename);
  const std::string utf8 = lines.as<std::string>();
  constexpr int flags = detail::source_is_utf8 | detail::ignore_cookie;
  if (mode == Mode::run && split(utf8, name, flags | detail::only_ast)) return;
  code_ = detail::compile_text(utf8.c_str(), name, mode == Mode::eval ? detail::eval_input : detail::file_input, flags);
}

LATEPY_FUNC LATEPY_COLD bool Code::split(const std::string& utf8, const Object& name, int flags) {
  const Object tree = detail::compile_text(utf8.c_str(), name, detail::file_input, flags);
  const Object body = detail::get_attribute(tree, "body");
  if (len(body) == 0) return false;
  const Object last = detail::call_attribute(body, "__getitem__", {to_py(-1)});
  const Object ast = detail::known_module("_ast");
  if (!isinstance(last, detail::get_attribute(ast, "Expr"))) return false;
  const Object compile = detail::get_attribute(detail::known_module("builtins"), "compile");
  const Object expression = detail::call_attribute(ast, "Expression", {detail::get_attribute(last, "value")});
  detail::call_attribute(body, "pop");
  const Object no_flags = to_py(0), inherits_none = to_py(true);
  before_ = detail::call_plain(compile, {tree, name, to_py("exec"), no_flags, inherits_none});
  code_ = detail::call_plain(compile, {expression, name, to_py("eval"), no_flags, inherits_none});
  return true;
}

#endif

}  // namespace v1
}  // namespace latepy
