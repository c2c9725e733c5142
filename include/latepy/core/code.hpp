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
struct CodeAccess;

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

/// Adds to the SyntaxError that is set what eval() is for, if the text contains statements. Needs the GIL.
void hint_at_exec(const char* text, const Object& filename, int flags);

/// Makes a code object, or a syntax tree with the flag only_ast. Needs the GIL. \throws SyntaxError.
LATEPY_COLD inline Object compile_text(const char* text, const Object& filename, int start, int flags) {
  CompilerFlags options{flags, library_state.version.minor};
  PyObject* const code = api().CompileStringObject(text, filename.ptr(), start, &options, -1);
  if (!code && start == eval_input) hint_at_exec(text, filename, flags);
  return take_result(code);
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
  /// Runs the code with locals, a mapping, as Python's exec() does. If it is empty, `globals` are the locals too.
  Object operator()(const Ref& globals, const Ref& locals) const;
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
  friend struct detail::CodeAccess;
  Code() = default;

  // Code objects. `code_` gives the result. `before_` is empty, or holds the statements before that; see split().
  Object code_{}, before_{};
};

namespace detail {

/// Gives the code object of a Code.
struct CodeAccess {
  static const Object& code(const Code& compiled) noexcept { return compiled.code_; }
};

}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD std::string dedent(std::string_view text) {
  const char* const end = text.data() + text.size();
  const char* common = nullptr;  // the indentation of the first line of code, as far as the others have it too
  std::size_t size = 0;
  std::string result;
  for (const bool copies : {false, true}) {
    for (const char* line = text.data(); line != end;) {
      const char* code = line;
      while (code != end && (*code == ' ' || *code == '\t')) ++code;
      const bool is_blank = code == end || *code == '\n' || *code == '\r';
      const char* next = code;
      while (next != end && *next++ != '\n') {
      }
      if (copies) result.append(is_blank ? line : line + size, next);
      if (!copies && !is_blank) {
        if (!common) common = line, size = static_cast<std::size_t>(code - line);
        std::size_t same = 0;
        while (same < size && line + same != code && line[same] == common[same]) ++same;
        size = same;
      }
      line = next;
    }
    if (size == 0) return std::string(text);
  }
  return result;
}

LATEPY_FUNC LATEPY_COLD Object source_lines() {
  const Api& a = api();
  if (PyObject* linecache = a.Dict_GetItemWithError(a.Import_GetModuleDict(), make_str("linecache").ptr())) {
    const ColdObject cache = attribute_or_empty(linecache, "cache");  // empty while linecache is being imported
    if (!cache.is_empty() && has_flag(cache.ptr(), type_is_dict)) return cache;
  }
  return get_item(import_hooks(), "lines");
}

LATEPY_FUNC LATEPY_COLD Object remember_source(const Object& source, std::string_view filename) {
  std::atomic<unsigned>& texts = current_interpreter().sources;
  const auto numbered = [](unsigned number) { return make_str(concat({"<string-", decimal(number), ">"})); };
  const ColdObject name = filename.empty() ? numbered(++texts) : make_path(filename);
  const ColdObject size = make_int(api().Object_Size(source.ptr()));
  const ColdObject lines = call_attribute(source, "splitlines", {Ref(api().TrueStruct)});  // with their ends
  const ColdObject entry = make_tuple({size, Ref(api().NoneStruct), lines, name});
  try {
    const ColdObject cache = source_lines();
    expect_success(api().Dict_SetItem(cache.ptr(), name.ptr(), entry.ptr()));
    if (filename.empty() && texts > sources_kept) {
      const ColdObject old = numbered(texts - sources_kept);
      if (api().Dict_DelItem(cache.ptr(), old.ptr()) != 0) api().Err_Clear();
    }
  } catch (const PythonError&) {  // a script may have broken the import system; the code can still run, without lines
  }
  return name;
}

LATEPY_FUNC LATEPY_COLD Object source_text(std::string_view text) {
  const auto refuse = [text](std::size_t at, std::string_view why, std::string_view more) {
    std::size_t line = 1;
    for (const char c : text.substr(0, at)) line += c == '\n';
    throw_error<SyntaxError>({why, more, " (line ", decimal(line), ")"});
  };
  const std::size_t nul = text.find('\0');
  if (nul != text.npos) refuse(nul, "source code contains a NUL byte, which Python does not allow", {});
  PyObject* const source = api().Unicode_DecodeUTF8(text.data(), static_cast<ssize>(text.size()), nullptr);
  if (!source && api().Err_ExceptionMatches(*api().UnicodeError)) {
    const ColdObject error = fetch_exception();
    const auto at = static_cast<std::size_t>(int_at(error.ptr(), "start"));
    refuse(at, "source code is not UTF-8: ", str_or_excuse(error.ptr()));
  }
  return take_result(source);
}

LATEPY_FUNC LATEPY_COLD void hint_at_exec(const char* text, const Object& filename, int flags) {
  const ColdObject error = fetch_exception();
  CompilerFlags options{flags | only_ast, library_state.version.minor};
  const Object statements = Object::steal(api().CompileStringObject(text, filename.ptr(), file_input, &options, -1));
  api().Err_Clear();
  if (*text && !statements.is_empty() && api().Err_GivenExceptionMatches(error.ptr(), *api().SyntaxError) != 0)
    set_attribute(error, "msg",
                  make_str(concat({text_at(error.ptr(), "msg"),
                                   "; eval() takes one expression: use exec() or run_string() for statements"})));
  api().Err_SetObject(as_object(type_of(error.ptr())), error.ptr());
}

LATEPY_FUNC void add_builtins(const Ref& globals) {
  if (!has_flag(globals.checked(), type_is_dict))
    throw_error<TypeError>({"the globals of code must be a dict, not ", show(globals.ptr())});
  const AttrName builtins("__builtins__");
  PyObject* const present = api().Dict_GetItemWithError(globals.ptr(), builtins.ptr());
  if (present) return;
  if (api().Err_Occurred()) throw_python_error();
  check_result(api().Dict_SetItem(globals.ptr(), builtins.ptr(), api().Eval_GetBuiltins()));
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD Code::Code(std::string_view text, Mode mode, std::string_view filename) {
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

LATEPY_FUNC LATEPY_COLD Object Code::operator()(const Ref& globals, const Ref& locals) const {
  if (locals.is_empty()) return (*this)(globals);
  const detail::Api& api = detail::api();
  detail::add_builtins(globals);
  Object result;
  for (const Object* part : {&before_, &code_})
    if (!part->is_empty())
      result = detail::steal_or_throw(api.Eval_EvalCode(part->checked(), globals.ptr(), locals.checked()));
  return result;
}

LATEPY_FUNC LATEPY_COLD bool Code::split(const std::string& utf8, const Object& name, int flags) {
  using detail::ColdObject, detail::call_attribute, detail::get_attribute, detail::known_module;
  const ColdObject tree = detail::compile_text(utf8.c_str(), name, detail::file_input, flags);
  const ColdObject body = get_attribute(tree, "body");
  if (!body) return false;
  const ColdObject last = call_attribute(body, "pop"), ast = known_module("_ast");
  if (!get_attribute(ast, "Expr").same(get_attribute(last, "__class__"))) return false;
  const auto compile = [&name](const Object& part, const char* start) {
    const Ref inherits_no_flags(detail::api().TrueStruct);
    return call_attribute(known_module("builtins"), "compile",
                          {part, name, detail::make_str(start), detail::make_int(0), inherits_no_flags});
  };
  before_ = compile(tree, "exec");
  code_ = compile(call_attribute(ast, "Expression", {get_attribute(last, "value")}), "eval");
  return true;
}

#endif

}  // namespace v1
}  // namespace latepy
