// latepy/core/python_error.hpp: PythonError, an exception of Python as a C++ exception.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/error_text.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Makes the exception that raise() throws.
Prepared prepare(ErrorData* data);
/// Ends an exception that was thrown.
void destroy_exception(void* exception);
/// Throws `data`, whose reference it takes over, or with null the error that is set; as what it was, where C++ made it.
/// The calling function itself throws, because each frame that an exception passes costs the unwinder as much as all
/// else that is done for an error.
[[noreturn]] LATEPY_FORCE_INLINE void raise(ErrorData* data) {
  [[maybe_unused]] const Prepared made = prepare(data);
#if LATEPY_THROWS_IN_PLACE
  __cxxabiv1::__cxa_throw(made.exception, const_cast<std::type_info*>(made.type), &destroy_exception);
#else
  LATEPY_UNREACHABLE();
#endif
}
[[noreturn]] LATEPY_FORCE_INLINE void throw_python_error() { raise(nullptr); }

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
  /// For latepy itself: shares the data.
  explicit PythonError(detail::ErrorHandle data) : Error(""), data_(std::move(data)) {}
  /// For latepy itself: takes over one reference to `data`. This constructor and the destructor are out of line, because
  /// all classes of core/exceptions.hpp use them.
  LATEPY_COLD explicit PythonError(detail::ErrorData* data) noexcept : Error(""), data_(data) {}
  PythonError(const PythonError&) = default;
  PythonError(PythonError&&) = default;
  PythonError& operator=(const PythonError&) = default;
  PythonError& operator=(PythonError&&) = default;
  LATEPY_COLD ~PythonError() override {}

  /// "TypeName: message (file:line)".
  const char* what() const noexcept override { return text().what.c_str(); }
  /// As a traceback prints it: "ValueError", "json.decoder.JSONDecodeError".
  const std::string& type_name() const noexcept { return text().type_name; }
  /// str() of the exception.
  const std::string& message() const noexcept { return text().message; }
  /// "file:line" of the innermost frame, or of the place that a SyntaxError names; empty where Python knows none.
  std::string where() const {
    const detail::ErrorText& said = text();
    return said.place == 0 ? std::string() : said.what.substr(said.place, said.what.size() - said.place - 1);
  }
  /// What Python would print: every frame with its source line, causes, notes and groups. Takes the GIL the first
  /// time and keeps the text; the stop does so for those still alive.
  LATEPY_HIDDEN const std::string& traceback() const;
  /// Whether it is the named exception or derives from it, as `except` asks. With the module or without.
  ///@{
  LATEPY_HIDDEN bool is(std::string_view name) const;
  LATEPY_HIDDEN bool is(const char* name) const { return is(std::string_view(name)); }
  ///@}
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
  LATEPY_HIDDEN bool is_another(std::string_view name) const;
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

namespace detail {

inline void destroy_exception(void* exception) { static_cast<PythonError*>(exception)->~PythonError(); }

}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD std::string format_exception(PyObject* exception) {
  const Api& a = api();
  const ColdRef module(a.Import_ImportModule("traceback"));
  const ColdRef function(find_attribute(module.get(), "format_exception"));
  const ColdRef trace(a.Exception_GetTraceback(exception));
  PyObject* arguments[] = {as_object(type_of(exception)), exception, trace.get() ? trace.get() : a.NoneStruct};
  const ColdRef lines(function.get() ? a.Object_VectorcallDict(function.get(), arguments, 3, nullptr) : nullptr);
  std::string text;
  const ssize count = lines.get() ? a.List_Size(lines.get()) : -1;
  for (ssize i = 0; i < count; ++i) text.append(text_of(a.List_GetItem(lines.get(), i)));
  a.Err_Clear();
  return text;
}

LATEPY_FUNC LATEPY_COLD std::optional<GilGuard> enter(ErrorData& data) {
  if (!data.listed) return std::nullopt;
  bool is_alive;
  {
    SpinLock lock(data.listed->errors_lock);
    is_alive = data.value.is_alive();
  }
  if (!is_alive) return std::nullopt;
  std::optional<GilGuard> gil = GilGuard::try_acquire();
  // A guard of a thread outside of Python enters one interpreter, which need not be that of the error.
  return gil && data.value.is_alive() && held_interpreter() == data.listed ? std::move(gil) : std::nullopt;
}

LATEPY_FUNC LATEPY_COLD const ErrorText& read_late(ErrorData& data) noexcept {
  try {
    if (const std::optional<GilGuard> gil = enter(data))
      return ErrorData::settle<ErrorText>(data.text, std::make_unique<ErrorText>(data));
    return ErrorData::settle<ErrorText>(data.text, std::make_unique<ErrorText>(*data.known));  // Python is stopping
  } catch (...) {  // no memory: the next use tries again
    static const ErrorText none;
    return none;
  }
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD const std::string& PythonError::traceback() const {
  if (const std::string* known = data_->traceback.load(std::memory_order_acquire)) return *known;
  const std::optional<GilGuard> gil = detail::enter(*data_.get());
  std::string lines = gil ? detail::format_exception(data_->value.ptr()) : std::string();
  if (lines.empty()) lines = std::string(what()) + "\n";
  return data_->settle<std::string>(data_->traceback, std::make_unique<std::string>(std::move(lines)));
}

LATEPY_FUNC bool PythonError::is(std::string_view name) const {
  for (const detail::ExceptionClass* known = data_->known; known; known = known->base())
    if (name == known->name()) return true;
  return is_another(name);
}

LATEPY_FUNC LATEPY_COLD bool PythonError::is_another(std::string_view name) const {
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
