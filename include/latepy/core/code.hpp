// latepy/core/code.hpp: Code, compiled Python source. Tracebacks show the lines of the source.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/import_hooks.hpp>

namespace latepy {
inline namespace v1 {

/// What a source text contains, and what running it gives.
enum class Mode : int {
  exec,  ///< statements; gives None
  eval,  ///< one expression; gives its value
  run,   ///< statements; gives the value of the last one if that is an expression, else None
};

namespace detail {

struct KeptCode;

/// Removes the indentation that all lines have in common, if the first line of code is indented. Python would refuse
/// such source, but raw strings in C++ are often indented.
std::string dedent(std::string_view text);

/// How many texts without a file name linecache keeps; see remember_source().
inline constexpr unsigned sources_kept = 1000;

/// The dict `linecache.cache`; before linecache is imported, the dict that it takes over then. Needs the GIL.
Object source_lines();

/// Adds the source to linecache, so that tracebacks and inspect show its lines. Gives its name there, a str:
/// `filename`, or `<string-7>` if that is empty. Of the latter the last 1000 are kept. Needs the GIL.
Object remember_source(const Object& source, std::string_view filename);

/// Makes a str of source code. Needs the GIL.
/// \throws SyntaxError with the line, if the text contains a NUL byte or is not UTF-8.
Object source_text(std::string_view text);

/// Makes a code object, or a syntax tree with the flag only_ast. Needs the GIL. \throws SyntaxError.
LATEPY_COLD inline Object compile_text(const char* text, const Object& filename, int start, int flags) {
  CompilerFlags options{flags, library_state.version.minor};
  return steal_or_throw(api().CompileStringObject(text, filename.ptr(), start, &options, -1));
}

/// Sets `__builtins__` in a dict if it is not there, as Python's exec() does: before 3.10 code that runs in a dict
/// without it finds only a few built-in names. Needs the GIL. \throws TypeError if `globals` is not a dict.
void add_builtins(const Ref& globals);

}  // namespace detail

/// Compiled source, to run many times: `Code f = python.compile("x * 2", py::Mode::eval); f(globals)`.
/// The constructor and the members need the GIL.
class Code {
 public:
  /// Compiles source.
  /// \param text UTF-8. If its first line of code is indented, the common indentation of all lines is removed.
  /// \param mode what the text contains, and what running it gives.
  /// \param filename the file name in tracebacks; `<string-N>` if it is empty. Tracebacks show the lines in both cases.
  /// \throws SyntaxError, also for NUL bytes and for text that is not UTF-8.
  explicit Code(std::string_view text, Mode mode = Mode::exec, std::string_view filename = {});

  /// Runs the code. `globals` is its namespace, a dict. \returns what Mode says.
  /// \throws PythonError if the code raises an exception; TypeError if `globals` is not a dict.
  LATEPY_FORCE_INLINE Object operator()(const Ref& globals) const { return detail::steal_or_throw(run(globals)); }
  /// As operator(), converted to T; an exception of the code is given as a value instead of being thrown.
  template <class T = Object>
  Result<T> try_run(const Ref& globals) const {
    return detail::make_result<T>(run(globals));
  }

 private:
  /// Removes white space at both ends, as Python's eval() does.
  static std::string strip(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
    return std::string(first == text.npos ? std::string_view() : text.substr(first, last - first + 1));
  }

  /// Compiles the last statement apart from those before it, if it is an expression. \returns false if it is not.
  bool split(const std::string& utf8, const Object& name, int flags);

  /// Runs the code. Gives a new reference, or null with the error set.
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

  // Code objects. `code_` gives the result. `before_` is empty, or holds the statements before that; see split().
  Object code_, before_;
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
    Object cache = attribute_or_empty(linecache, "cache");  // empty while linecache is being imported
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
  } catch (const PythonError&) {  // a script may have broken the import system; the code can still run, without lines
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
  if (nul != text.npos)
    throw SyntaxError("source code contains a NUL byte, which Python does not allow" + line_of(nul));
  PyObject* source = api().Unicode_DecodeUTF8(text.data(), static_cast<ssize>(text.size()), nullptr);
  if (source) return Object::steal(source);
  const PythonError error = take_python_error();
  if (!error.is("UnicodeDecodeError")) error.rethrow();
  throw SyntaxError("source code is not UTF-8: " + error.message() +
                    line_of(get_attribute(error.value(), "start").as<std::size_t>()));
}

LATEPY_FUNC void add_builtins(const Ref& globals) {
  if (!has_flag(globals.checked(), type_is_dict))
    throw TypeError("the globals of code must be a dict, not " + show(globals.ptr()));
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
