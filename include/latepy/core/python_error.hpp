// latepy/core/python_error.hpp: PythonError, an exception of Python as a C++ exception, and the one place that fetches.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/error_data.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

#if LATEPY_THROWS_IN_PLACE
/// An exception made, to be thrown by the function where its way begins: each frame that it passes costs the unwinder
/// as much as all else that is done for an error.
struct Prepared {
  void* exception;
  const ExceptionClass* known;
};
[[gnu::cold]] Prepared prepare(ErrorData* data);  // so that the unwinder finds few rows of frame data before the throw
/// Throws `data`, whose reference it takes over, or with null the error that is set; as what it was, where C++ made it.
[[noreturn]] LATEPY_INLINE void raise(ErrorData* data) {
  const Prepared made = prepare(data);
  __cxxabiv1::__cxa_throw(made.exception, const_cast<std::type_info*>(made.known->type), made.known->destroy);
}
#else
[[noreturn]] void raise(ErrorData* data);
#endif
[[noreturn]] LATEPY_INLINE void throw_python_error() { raise(nullptr); }

/// Text of a str object; never leaves an error set.
std::string text_of(PyObject* str);

/// The attribute as a new reference, or null; never leaves an error set.
PyObject* find_attribute(PyObject* object, const Text& name) noexcept;
/// The same as an Object, which may be empty.
LATEPY_COLD inline Object attribute_or_empty(PyObject* object, const Text& name) noexcept {
  return Object::steal(find_attribute(object, name));
}

/// As Python's traceback prints a type: `ValueError`, `json.decoder.JSONDecodeError`.
std::string qualified_name(PyObject* type);

/// str(object), or what is said of an object whose str() fails.
std::string str_or_excuse(PyObject* object);

int int_or_zero(const Held& object) noexcept;

/// The place that a SyntaxError names. What it says of it in its message goes: what() says it once.
void find_syntax_place(PyObject* exception, ErrorText& text);

/// The innermost place of an exception: the last traceback entry, or the place that a SyntaxError names.
void find_place(PyObject* exception, ErrorText& text);

/// What is said of an exception object. Needs the GIL; runs its str().
const ErrorText& read_text(ErrorData& data);

/// What Python prints of an exception, with causes, notes and groups. Needs the GIL; never throws Python's errors.
std::string format_exception(PyObject* exception);

/// The GIL, where there is an exception object and its Python still runs. The stop takes the object away.
std::optional<GilGuard> enter(ErrorData& data);

/// Reads what was not read yet.
const ErrorText& read_late(ErrorData& data) noexcept;

}  // namespace detail

/// A Python exception. Copyable, safe on any thread without the GIL and after the stop. The classes of
/// core/exceptions.hpp derive from it in Python's hierarchy; one without a class comes as the nearest base.
/// What is said of it is read when it is thrown; of one that never was (try_call(), try_eval(), cause()) on first use,
/// which takes the GIL, or by the stop.
/// May be caught in another shared library than the one that threw it; the members that need a Python answer for it
/// there when an Interpreter of that library lives.
class LATEPY_VISIBLE PythonError : public Error {
 public:
  explicit PythonError(detail::ErrorHandle data) : Error(std::string()), data_(std::move(data)) {}

  /// "TypeName: message (file:line)".
  const char* what() const noexcept override { return text().what.c_str(); }
  /// As a traceback prints it: "ValueError", "json.decoder.JSONDecodeError".
  const std::string& type_name() const noexcept { return text().type_name; }
  /// str() of the exception.
  const std::string& message() const noexcept { return text().message; }
  /// "file:line" of the innermost frame, or of the place that a SyntaxError names; empty where Python knows none.
  std::string where() const {
    return text().file.empty() ? std::string() : text().file + ":" + std::to_string(text().line);
  }
  /// What Python would print: every frame with its source line, causes, notes and groups. Takes the GIL the first
  /// time and keeps the text; the stop does so for those still alive.
  LATEPY_HIDDEN const std::string& traceback() const;
  /// Whether it is the named exception or derives from it, as `except` asks. With the module or without.
  LATEPY_HIDDEN bool is(std::string_view name) const;
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
  [[noreturn]] void rethrow() const { detail::raise(detail::ErrorHandle(data_).release()); }

 private:
  const detail::ErrorText& text() const noexcept {
    const detail::ErrorText* const known = data_->text.load(std::memory_order_acquire);
    return LATEPY_LIKELY(known != nullptr) ? *known : data_->read(*data_.get());
  }
  static bool named(std::string_view full, std::string_view name) noexcept {
    if (name.size() > full.size() || full.substr(full.size() - name.size()) != name) return false;
    return full.size() == name.size() || full[full.size() - name.size() - 1] == '.';
  }
  detail::ErrorHandle data_;
};

#if LATEPY_BODIES
namespace detail {

LATEPY_ONCE void ErrorText::make_what() {
  what.reserve(type_name.size() + message.size() + file.size() + 16);
  what += type_name;
  if (!message.empty()) what.append(": ", 2) += message;
  if (!file.empty()) ((what.append(" (", 2) += file) += ':').append(std::to_string(line)) += ')';
}

LATEPY_ONCE ErrorData::~ErrorData() {
  delete text.load(std::memory_order_relaxed);
  delete traceback.load(std::memory_order_relaxed);
  if (!listed) return;
  SpinLock lock(listed->errors_lock);
  (previous ? previous->next : listed->errors) = next;
  if (next) next->previous = previous;
}

LATEPY_ONCE bool ErrorData::join() noexcept {
  int count = references.load(std::memory_order_relaxed);
  while (count != 0 && !references.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) {
  }
  return count != 0;
}

LATEPY_ONCE void ErrorData::enlist() noexcept {
  listed = &shared();
  SpinLock lock(listed->errors_lock);
  next = listed->errors;
  if (next) next->previous = this;
  listed->errors = this;
}

LATEPY_ONCE std::string text_of(PyObject* str) {
  std::string_view ascii;
  if (str && read_ascii(str, ascii)) return std::string(ascii);
  if (str && has_flag(str, type_is_str)) {
    ssize size = 0;
    if (const char* utf8 = api().Unicode_AsUTF8AndSize(str, &size)) return {utf8, static_cast<std::size_t>(size)};
    api().Err_Clear();  // lone surrogates
    const Held bytes(api().Unicode_AsEncodedString(str, "utf-8", "backslashreplace"));
    char* data = nullptr;
    if (bytes.get() && api().Bytes_AsStringAndSize(bytes.get(), &data, &size) == 0)
      return {data, static_cast<std::size_t>(size)};
  }
  api().Err_Clear();
  return {};
}

LATEPY_ONCE PyObject* find_attribute(PyObject* object, const Text& name) noexcept {
  PyObject* value = nullptr;
  if (!object) return nullptr;
  try {
    const KnownName* const known = name.known();
    const int found = known ? api().Object_GetOptionalAttr(object, known->str, &value)
                            : api().Object_GetOptionalAttr(object, Name(name.view()).ptr(), &value);
    if (found < 0) api().Err_Clear();
  } catch (const std::exception&) {  // no memory for the name
  }
  return value;
}

LATEPY_ONCE LATEPY_COLD std::string qualified_name(PyObject* type) {
  std::string name = text_of(attribute_or_empty(type, "__qualname__").ptr());
  const std::string module = text_of(attribute_or_empty(type, "__module__").ptr());
  return module.empty() || module == "builtins" || module == "__main__" ? name : module + "." + name;
}

LATEPY_ONCE std::string str_or_excuse(PyObject* object) {
  const Held str(api().Object_Str(object));
  if (!str.get()) {
    api().Err_Clear();
    return "<its str() failed>";
  }
  return text_of(str.get());
}

LATEPY_ONCE int int_or_zero(const Held& object) noexcept {
  long long value = 0;
  if (!object.get() || object.get() == api().NoneStruct || read_int(object.get(), value))
    return static_cast<int>(value);
  int overflow = 0;
  value = api().Long_AsLongLongAndOverflow(object.get(), &overflow);
  if (value == -1) api().Err_Clear();
  return static_cast<int>(value);
}

LATEPY_ONCE LATEPY_COLD void find_syntax_place(PyObject* exception, ErrorText& text) {
  text.file = text_of(Held(find_attribute(exception, "filename")).get());
  text.line = int_or_zero(Held(find_attribute(exception, "lineno")));
  const std::string suffix =
      " (" + text.file.substr(text.file.find_last_of("/\\") + 1) + ", line " + std::to_string(text.line) + ")";
  if (text.message.size() > suffix.size() &&
      text.message.compare(text.message.size() - suffix.size(), suffix.size(), suffix) == 0)
    text.message.resize(text.message.size() - suffix.size());
}

LATEPY_ONCE void find_place(PyObject* exception, ErrorText& text) {
  if (api().Err_GivenExceptionMatches(exception, *api().SyntaxError)) find_syntax_place(exception, text);
  if (!text.file.empty()) return;
  Held entry(api().Exception_GetTraceback(exception));
  if (!entry.get()) return;
  for (;;) {
    Held next(find_attribute(entry.get(), "tb_next"));
    if (!next.get() || next.get() == api().NoneStruct) break;
    entry.swap(next);
  }
  const Held frame(find_attribute(entry.get(), "tb_frame"));
  if (!frame.get()) return;
  const Held code(api().Frame_GetCode(frame.get()));
  text.file = text_of(Held(find_attribute(code.get(), "co_filename")).get());
  text.line = int_or_zero(Held(find_attribute(entry.get(), "tb_lineno")));
}

LATEPY_ONCE const ErrorText& read_text(ErrorData& data) {
  PyObject* const exception = data.value.ptr();
  PyObject* const type = as_object(type_of(exception));
  auto text = std::make_unique<ErrorText>();
  if (*(api().*data.known->symbol) == type)
    text->type_name = data.known->name;
  else
    text->type_name = qualified_name(type);
  text->message = str_or_excuse(exception);
  find_place(exception, *text);
  text->make_what();
  return ErrorData::settle<ErrorText>(data.text, std::move(text));
}

LATEPY_ONCE LATEPY_COLD std::string format_exception(PyObject* exception) {
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

LATEPY_ONCE std::optional<GilGuard> enter(ErrorData& data) {
  bool is_alive;
  {
    SpinLock lock(shared().errors_lock);
    is_alive = data.value.is_alive();
  }
  if (!is_alive) return std::nullopt;
  std::optional<GilGuard> gil = GilGuard::try_acquire();
  return gil && data.value.is_alive() ? std::move(gil) : std::nullopt;
}

LATEPY_ONCE LATEPY_COLD const ErrorText& read_late(ErrorData& data) noexcept {
  try {
    if (const std::optional<GilGuard> gil = enter(data)) return read_text(data);
    return ErrorData::settle<ErrorText>(data.text, std::make_unique<ErrorText>(*data.known));  // Python is stopping
  } catch (...) {  // no memory: the next use tries again
    static const ErrorText none;
    return none;
  }
}

}  // namespace detail

LATEPY_ONCE const std::string& PythonError::traceback() const {
  if (const std::string* known = data_->traceback.load(std::memory_order_acquire)) return *known;
  const std::optional<GilGuard> gil = detail::enter(*data_.get());
  std::string lines = gil ? detail::format_exception(data_->value.ptr()) : std::string();
  if (lines.empty()) lines = std::string(what()) + "\n";
  return data_->settle<std::string>(data_->traceback, std::make_unique<std::string>(std::move(lines)));
}

LATEPY_ONCE bool PythonError::is(std::string_view name) const {
  for (const detail::ExceptionClass* known = data_->known; known; known = known->base)
    if (name == known->name) return true;
  if (named(type_name(), name)) return true;
  const std::optional<GilGuard> gil = detail::enter(*data_.get());
  if (!gil) return false;
  const Object order = detail::attribute_or_empty(detail::as_object(detail::type_of(data_->value.ptr())), "__mro__");
  const detail::ssize count = order.is_empty() ? 0 : detail::api().Tuple_Size(order.ptr());
  for (detail::ssize i = 0; i < count; ++i)
    if (named(detail::qualified_name(detail::api().Tuple_GetItem(order.ptr(), i)), name)) return true;
  return false;
}

#endif

}  // namespace v1
}  // namespace latepy
