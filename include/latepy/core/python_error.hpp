// latepy/core/python_error.hpp: PythonError, an exception of Python as a C++ exception, and the one place that fetches.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/names.hpp>

#include <cstdlib>
#include <exception>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One of the built-in exceptions that have a C++ class.
struct ExceptionClass {
  const char* name;
  const ExceptionClass* base;            ///< null for BaseException
  PyObject** Api::*symbol;               ///< its PyExc_* in the table
  void (*raise)(std::shared_ptr<ErrorData>);  ///< throws the C++ class
};

/// What an exception keeps. Those with a live Python object are listed, so that the stop can format them.
struct ErrorData : std::enable_shared_from_this<ErrorData> {
  Object value;
  std::string type_name, message, file, what;
  int line = 0;
  const ExceptionClass* known = nullptr;
  std::exception_ptr original;  ///< the C++ exception that Python's was made of
  std::string traceback;
  std::atomic<bool> formatted{false};
  Shared* listed = nullptr;  ///< where it is
  ErrorData *previous = nullptr, *next = nullptr;

  ErrorData() = default;
  ~ErrorData() {
    if (!listed) return;
    SpinLock lock(listed->errors_lock);
    (previous ? previous->next : listed->errors) = next;
    if (next) next->previous = previous;
  }
  void enlist() noexcept {
    listed = &shared();
    SpinLock lock(listed->errors_lock);
    next = listed->errors;
    if (next) next->previous = this;
    listed->errors = this;
  }
  void settle(std::string text) {
    SpinLock lock(shared().errors_lock);
    if (formatted.load(std::memory_order_relaxed)) return;  // another thread was first
    traceback = std::move(text);
    formatted.store(true, std::memory_order_release);
  }
  LATEPY_COLD void make_what() {
    what = type_name;
    if (!message.empty()) what += ": " + message;
    if (!file.empty()) what += " (" + file + ":" + std::to_string(line) + ")";
  }
};

/// Text of a str object; never throws, never leaves an error set.
LATEPY_COLD inline std::string text_of(PyObject* str) {
  if (str && has_flag(str, type_is_str)) {
    ssize size = 0;
    if (const char* utf8 = api().Unicode_AsUTF8AndSize(str, &size)) return {utf8, static_cast<std::size_t>(size)};
    api().Err_Clear();  // lone surrogates
    const Object bytes = Object::steal(api().Unicode_AsEncodedString(str, "utf-8", "backslashreplace"));
    char* data = nullptr;
    if (bytes.ptr() && api().Bytes_AsStringAndSize(bytes.ptr(), &data, &size) == 0)
      return {data, static_cast<std::size_t>(size)};
  }
  api().Err_Clear();
  return {};
}

/// The attribute, or an empty Object; never leaves an error set.
LATEPY_COLD inline Object attribute_or_empty(PyObject* object, const char* name) noexcept {
  Object value = Object::steal(object ? api().Object_GetAttrString(object, name) : nullptr);
  if (value.is_empty()) api().Err_Clear();
  return value;
}

/// As Python's traceback prints a type: `ValueError`, `json.decoder.JSONDecodeError`.
LATEPY_COLD inline std::string qualified_name(PyObject* type) {
  std::string name = text_of(attribute_or_empty(type, "__qualname__").ptr());
  const std::string module = text_of(attribute_or_empty(type, "__module__").ptr());
  return module.empty() || module == "builtins" || module == "__main__" ? name : module + "." + name;
}

/// str(object), or what is said of an object whose str() fails.
LATEPY_COLD inline std::string str_or_excuse(PyObject* object) {
  const Object str = Object::steal(api().Object_Str(object));
  if (str.is_empty()) {
    api().Err_Clear();
    return "<its str() failed>";
  }
  return text_of(str.ptr());
}

LATEPY_COLD inline int int_or_zero(const Object& object) noexcept {
  if (object.is_empty() || object.is_none()) return 0;
  int overflow = 0;
  const long long value = api().Long_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (value == -1) api().Err_Clear();
  return static_cast<int>(value);
}

/// The innermost place of an exception: the last traceback entry, or the place that a SyntaxError names.
LATEPY_COLD inline void find_place(ErrorData& data) {
  PyObject* exception = data.value.ptr();
  if (api().Err_GivenExceptionMatches(exception, *api().SyntaxError)) {
    data.file = text_of(attribute_or_empty(exception, "filename").ptr());
    data.line = int_or_zero(attribute_or_empty(exception, "lineno"));
    const std::string suffix =
        " (" + data.file.substr(data.file.find_last_of("/\\") + 1) + ", line " + std::to_string(data.line) + ")";
    if (data.message.size() > suffix.size() &&
        data.message.compare(data.message.size() - suffix.size(), suffix.size(), suffix) == 0)
      data.message.resize(data.message.size() - suffix.size());  // what() says it once
    if (!data.file.empty()) return;
  }
  Object entry = Object::steal(api().Exception_GetTraceback(exception));
  if (entry.is_empty()) return;
  for (Object next; !(next = attribute_or_empty(entry.ptr(), "tb_next")).is_empty() && !next.is_none();)
    entry = std::move(next);
  const Object code = attribute_or_empty(attribute_or_empty(entry.ptr(), "tb_frame").ptr(), "f_code");
  data.file = text_of(attribute_or_empty(code.ptr(), "co_filename").ptr());
  data.line = int_or_zero(attribute_or_empty(entry.ptr(), "tb_lineno"));
}

/// What Python prints of an exception, with causes, notes and groups. Needs the GIL; never throws Python's errors.
LATEPY_COLD inline std::string format_exception(PyObject* exception) {
  const Object module = Object::steal(api().Import_ImportModule("traceback"));
  const Object function = attribute_or_empty(module.ptr(), "format_exception");
  PyObject* type = as_object(type_of(exception));
  Object trace = Object::steal(api().Exception_GetTraceback(exception));
  if (trace.is_empty()) trace = none();
  Object lines;
  if (!function.is_empty()) {
    PyObject* arguments[] = {nullptr, type, exception, trace.ptr()};
    lines = Object::steal(api().Object_VectorcallDict(function.ptr(), arguments + 1, 3 | vectorcall_offset, nullptr));
  }
  std::string text;
  const ssize count = lines.is_empty() ? -1 : api().List_Size(lines.ptr());
  for (ssize i = 0; i < count; ++i) text += text_of(api().List_GetItem(lines.ptr(), i));
  api().Err_Clear();
  return text;
}

}  // namespace detail

/// A Python exception. Copyable, safe on any thread without the GIL and after the stop. The classes of
/// core/exceptions.hpp derive from it in Python's hierarchy; one without a class comes as the nearest base.
/// May be caught in another shared library than the one that threw it; the two members that need a Python answer for
/// it there when an Interpreter of that library lives.
class LATEPY_VISIBLE PythonError : public Error {
 public:
  explicit PythonError(std::shared_ptr<detail::ErrorData> data) : Error(std::string()), data_(std::move(data)) {}

  /// "TypeName: message (file:line)".
  const char* what() const noexcept override { return data_->what.c_str(); }
  /// As a traceback prints it: "ValueError", "json.decoder.JSONDecodeError".
  const std::string& type_name() const noexcept { return data_->type_name; }
  /// str() of the exception.
  const std::string& message() const noexcept { return data_->message; }
  /// "file:line" of the innermost frame, or of the place that a SyntaxError names; empty where Python knows none.
  std::string where() const {
    return data_->file.empty() ? std::string() : data_->file + ":" + std::to_string(data_->line);
  }
  /// What Python would print: every frame with its source line, causes, notes and groups. Takes the GIL the first
  /// time and keeps the text; the stop does so for those still alive.
  LATEPY_HIDDEN const std::string& traceback() const {
    if (!data_->formatted.load(std::memory_order_acquire)) {
      const std::optional<GilGuard> gil = enter();
      std::string text = gil ? detail::format_exception(data_->value.ptr()) : std::string();
      data_->settle(text.empty() ? std::string(what()) + "\n" : std::move(text));
    }
    return data_->traceback;
  }
  /// Whether it is the named exception or derives from it, as `except` asks. With the module or without.
  LATEPY_HIDDEN bool is(std::string_view name) const {
    if (named(data_->type_name, name)) return true;
    for (const detail::ExceptionClass* known = data_->known; known; known = known->base)
      if (name == known->name) return true;
    const std::optional<GilGuard> gil = enter();
    if (!gil) return false;
    const Object order = detail::attribute_or_empty(detail::as_object(detail::type_of(data_->value.ptr())), "__mro__");
    const detail::ssize count = order.is_empty() ? 0 : detail::api().Tuple_Size(order.ptr());
    for (detail::ssize i = 0; i < count; ++i)
      if (named(detail::qualified_name(detail::api().Tuple_GetItem(order.ptr(), i)), name)) return true;
    return false;
  }
  LATEPY_HIDDEN bool is(const char* name) const { return is(std::string_view(name)); }
  /// Whether `except type` would catch it. Needs the GIL.
  LATEPY_HIDDEN bool is(const Ref& type) const {
    return detail::api().Err_GivenExceptionMatches(value().ptr(), type.checked()) != 0;
  }
  /// The exception object; made on first use for one that C++ made. Needs the GIL.
  LATEPY_HIDDEN Object value() const;
  /// Hands it to sys.unraisablehook, where nobody can catch: destructors, the end of threads. Takes the GIL; nothing
  /// where its Python has ended.
  /// \param where what was being done, as an object; the hook prints its repr.
  LATEPY_HIDDEN void report(const Ref& where = {}) const noexcept;
  /// The exception that this one was raised from, or while handling which it was raised. Takes the GIL.
  LATEPY_HIDDEN std::optional<PythonError> cause() const;
  /// Throws it again as the class that Python's type has in C++, also where this is a PythonError by value; as the
  /// very C++ exception that it was, where a host function threw it and Python handed it on.
  [[noreturn]] void rethrow() const {
    if (data_->original) std::rethrow_exception(data_->original);
    data_->known->raise(data_);
    std::abort();  // raise() throws
  }

 private:
  /// The GIL, where there is an exception object and its Python still runs. The stop takes the object away.
  LATEPY_HIDDEN std::optional<GilGuard> enter() const {
    bool is_alive;
    {
      detail::SpinLock lock(detail::shared().errors_lock);
      is_alive = data_->value.is_alive();
    }
    if (!is_alive) return std::nullopt;
    std::optional<GilGuard> gil = GilGuard::try_acquire();
    return gil && data_->value.is_alive() ? std::move(gil) : std::nullopt;
  }
  static bool named(std::string_view full, std::string_view name) noexcept {
    if (name.size() > full.size() || full.substr(full.size() - name.size()) != name) return false;
    return full.size() == name.size() || full[full.size() - name.size() - 1] == '.';
  }
  std::shared_ptr<detail::ErrorData> data_;
};

}  // namespace v1
}  // namespace latepy
