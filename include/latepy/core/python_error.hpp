// latepy/core/python_error.hpp: PythonError, the C++ exception for a Python exception, and how it is thrown.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/error_text.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Creates the exception that raise() throws.
Prepared prepare(ErrorData* data);
/// Calls the destructor of an exception. The C++ runtime calls this after the last catch.
void LATEPY_DESTRUCTOR_CALL destroy_exception(void* exception);
/// Throws the exception of `data`, and takes over one reference to it. If `data` is null, throws Python's error that is
/// set. If a C++ exception became this Python exception, throws that C++ exception. This function is always inline, so
/// that the calling function throws: unwinding one frame costs as much as all other work for an error.
[[noreturn]] LATEPY_FORCE_INLINE void raise(ErrorData* data) {
  [[maybe_unused]] const Prepared made = prepare(data);
#if LATEPY_THROWS_IN_PLACE
  __cxxabiv1::__cxa_throw(made.exception, const_cast<std::type_info*>(made.type), &destroy_exception);
#else
  LATEPY_UNREACHABLE();
#endif
}
/// Throws Python's error that is set. Needs the GIL.
[[noreturn]] LATEPY_FORCE_INLINE void throw_python_error() { raise(nullptr); }

/// The text that Python prints for an exception, with causes, notes and groups; "" if that fails. Needs the GIL. Throws
/// no PythonError.
std::string format_exception(PyObject* exception);

/// Takes the GIL if `data` has an exception object and its interpreter still runs; else returns std::nullopt.
std::optional<GilGuard> enter(ErrorData& data);

/// Reads the text of an exception that was not thrown. Takes the GIL. \returns the text, also if another thread was
/// faster.
const ErrorText& read_late(ErrorData& data) noexcept;

/// Sets Python's error, so that a function that Python called can return null. Needs the GIL. Of the exceptions of
/// another interpreter, or of one that has ended, a DeadlineError, Interrupted or CancelledError becomes a new one with
/// the same text. If it throws, it has set no error.
/// \throws StateError for the other exceptions of such an interpreter. PythonError or std::bad_alloc if an exception
/// object has to be made and cannot: for one that C++ created and that has no object yet, and for a new one.
void set_python_error(const PythonError& error);

}  // namespace detail

/// A Python exception. It can be copied, and used on any thread, without the GIL, and after Python has stopped. The
/// classes of core/exceptions.hpp derive from it as in Python. A Python class that has no C++ class is thrown as its
/// nearest base that has one.
///
/// The texts (what(), type_name(), message(), where()) are read when the exception is thrown. An exception that was not
/// thrown comes from try_call(), try_eval() or cause(): its texts are read at the first use, which takes the GIL, or
/// when Python stops.
///
/// Another shared library than the one that threw it may catch it. There, the members that take or need the GIL work
/// while an Interpreter of that library lives.
class LATEPY_VISIBLE PythonError : public Error {
 public:
  /// For latepy itself: shares the data.
  explicit PythonError(detail::ErrorHandle data) : Error(""), data_(std::move(data)) {}
  /// For latepy itself: takes over one reference to `data`. This constructor and the destructor are out of line,
  /// because all classes of core/exceptions.hpp use them.
  LATEPY_COLD explicit PythonError(detail::ErrorData* data) noexcept : Error(""), data_(data) {}
  PythonError(const PythonError&) = default;
  PythonError(PythonError&&) = default;
  PythonError& operator=(const PythonError&) = default;
  PythonError& operator=(PythonError&&) = default;
  LATEPY_COLD ~PythonError() override {}

  /// "TypeName: message (file:line)".
  const char* what() const noexcept override { return text().what.c_str(); }
  ///@{
  /// The name of the class as a traceback prints it: "ValueError", "json.decoder.JSONDecodeError".
  const std::string& type_name() const& noexcept { return text().type_name; }
  std::string type_name() && { return text().type_name; }
  ///@}
  ///@{
  /// str() of the exception.
  const std::string& message() const& noexcept { return text().message; }
  std::string message() && { return text().message; }
  ///@}
  /// "file:line" of the innermost frame, or of the place that a SyntaxError names; empty if there is none.
  std::string where() const {
    const detail::ErrorText& said = text();
    return said.place == 0 ? std::string() : said.what.substr(said.place, said.what.size() - said.place - 1);
  }
  ///@{
  /// The text that Python would print: each frame with its source line, causes, notes and groups. The first call takes
  /// the GIL and stores the text. When Python stops, latepy stores the text of each exception that still lives.
  LATEPY_HIDDEN const std::string& traceback() const&;
  LATEPY_HIDDEN std::string traceback() && { return static_cast<const PythonError&>(*this).traceback(); }
  ///@}
  /// Whether the exception has a class of this name, or a base class of this name, as `except` asks. The name may have
  /// its module ("json.decoder.JSONDecodeError") or not ("JSONDecodeError"). May take the GIL.
  ///@{
  LATEPY_HIDDEN bool is(std::string_view name) const;
  LATEPY_HIDDEN bool is(const char* name) const { return is(std::string_view(name)); }
  ///@}
  /// Whether `except type` would catch the exception. Needs the GIL.
  LATEPY_HIDDEN bool is(const Ref& type) const {
    return detail::api().Err_GivenExceptionMatches(value().ptr(), type.checked()) != 0;
  }
  /// The exception object. If C++ created this exception, the first call creates the object. Needs the GIL.
  LATEPY_HIDDEN Object value() const;
  /// Gives the exception to sys.unraisablehook. For code where nobody can catch it, such as destructors and the end of
  /// threads. Takes the GIL. Does nothing if the interpreter has ended.
  /// \param where the object in whose code the exception was raised; the hook prints its repr.
  LATEPY_HIDDEN void report(const Ref& where = {}) const noexcept;
  /// Prints the exception as Python prints one that nobody catches: gives it to sys.excepthook, which prints the
  /// traceback to sys.stderr. Of a SystemExit it prints only a text that was given to sys.exit(). Takes the GIL. If the
  /// interpreter has ended, prints traceback() to stderr. What sys.excepthook raises goes to sys.unraisablehook.
  LATEPY_HIDDEN void print() const noexcept;
  /// The status with which Python would end: of a SystemExit its code, where None is 0, and a text is 1; of any other
  /// exception 1. May take the GIL.
  LATEPY_HIDDEN int exit_code() const;
  /// The exception of `raise … from`, or else the exception that was being handled when this one was raised, unless
  /// `from None` hides it. std::nullopt if there is none, or if the interpreter has ended. Takes the GIL.
  LATEPY_HIDDEN std::optional<PythonError> cause() const;
  /// Throws the exception again. The C++ class is that of the Python class, even if this object is a copy of type
  /// PythonError. If a host function threw a C++ exception that became this Python exception, throws that C++
  /// exception.
  [[noreturn]] void rethrow() const { detail::raise(detail::ErrorHandle(data_).release()); }

 private:
  friend void detail::set_python_error(const PythonError& error);
  /// is() for names that are not among the C++ classes.
  LATEPY_HIDDEN bool is_another(std::string_view name) const;
  const detail::ErrorText& text() const noexcept {
    const detail::ErrorText* const known = data_->text.load(std::memory_order_acquire);
    return LATEPY_LIKELY(known != nullptr) ? *known : data_->read(*data_.get());
  }
  /// Whether `full` is `name`, or ends with '.' and `name`.
  static bool named(std::string_view full, std::string_view name) noexcept {
    if (name.size() > full.size() || full.substr(full.size() - name.size()) != name) return false;
    return full.size() == name.size() || full[full.size() - name.size() - 1] == '.';
  }
  detail::ErrorHandle data_;
};

namespace detail {

inline void LATEPY_DESTRUCTOR_CALL destroy_exception(void* exception) {
  static_cast<PythonError*>(exception)->~PythonError();
}

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
  bool is_alive;
  if (data.listed) {
    SpinLock lock(data.listed->errors_lock);
    is_alive = data.value.is_alive();
  } else {  // C++ made the error, and value() its object
    is_alive = data.value.is_alive();
  }
  if (!is_alive) return std::nullopt;
  return GuardAccess::try_enter(HandleAccess::generation(data.value));
}

LATEPY_FUNC LATEPY_COLD const ErrorText& read_late(ErrorData& data) noexcept {
  try {
    if (const std::optional<GilGuard> gil = enter(data))
      return ErrorData::settle<ErrorText>(data.text, std::make_unique<ErrorText>(data));
    return ErrorData::settle<ErrorText>(data.text, std::make_unique<ErrorText>(*data.known));  // Python is stopping
  } catch (...) {  // out of memory: the next use tries again
    static const ErrorText none;
    return none;
  }
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD const std::string& PythonError::traceback() const& {
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
