// latepy/core/detail/fetch_error.hpp: takes the error that CPython has set as a C++ exception, and sets it from one.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/crossings.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A new SystemError, for a CPython function that failed without setting an error. \throws std::bad_alloc.
PyObject* missing_error();

/// Clears Python's error that is set. Returns a new reference to the exception object, with its traceback; never null.
PyObject* fetch_raised();
/// The same, as an Object.
LATEPY_COLD inline Object fetch_exception() { return Object::steal(fetch_raised()); }

/// Saves Python's error that is set, clears it, and sets it again at the end of the scope. For scopes that run
/// destructors. Needs the GIL.
class ErrorAside {
 public:
  ErrorAside() noexcept { api().Err_Fetch(&type_, &value_, &trace_); }
  ErrorAside(const ErrorAside&) = delete;
  ErrorAside& operator=(const ErrorAside&) = delete;
  ~ErrorAside() { api().Err_Restore(type_, value_, trace_); }

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *trace_ = nullptr;
};

/// The attribute of an exception object that holds the C++ exception which became it: a CppException, whose attribute
/// `capsule` is the capsule; see carrier_source.hpp.
/// A class of Module::add_exception() has it too: a capsule with its HostExceptionClass.
inline constexpr char original_attribute[] = "__latepy_exception__";
/// The name of that capsule.
inline constexpr char host_class_capsule[] = "__latepy_exception__.class";
/// Reads that attribute: fills `original` or `host_class`.
void find_original(ErrorData& data);
/// The base of C++ exceptions that were made of a Python exception; see HostExceptionClass.
struct LATEPY_VISIBLE RaisedInPython {
  ErrorHandle data;

 protected:
  ~RaisedInPython() = default;
};

/// An exception class of a module of the standard library, or of latepy, derived from Exception or BaseException
/// itself.
struct ImportedException {
  const char* module;  ///< null: the class is one of own_errors_source
  const char* name;
  ExceptionId id;
  /// A new reference to the class; null if the module is not imported. Needs the GIL.
  PyObject* find() const noexcept;
};
/// The key of the dict of kept_namespace() in that of an interpreter.
inline constexpr char namespaces_key[] = "latepy.v1.namespaces";
inline constexpr ImportedException imported_exceptions[] = {
    {"asyncio.exceptions", "CancelledError", ExceptionId::CancelledError},
    {"asyncio.exceptions", "TimeoutError", ExceptionId::TimeoutError},        // from 3.11 on these two are
    {"concurrent.futures._base", "TimeoutError", ExceptionId::TimeoutError},  // the built-in one
    {nullptr, "DeadlineError", ExceptionId::DeadlineError},
    {nullptr, "Interrupted", ExceptionId::Interrupted},
};
/// The class of own_errors_source with this name. Needs the GIL.
Object own_error(const char* name);
/// The row of exception_classes for the type, or for its nearest base that has one.
const ExceptionClass& find_class(PyObject* type) noexcept;
/// The row that was found last: often the same error comes many times in a row.
inline std::atomic<const ExceptionClass*> last_class{&exception_class(ExceptionId::Exception)};
/// As find_class(), but looks at last_class first.
inline const ExceptionClass& nearest_class(PyObject* type) noexcept {
  const ExceptionClass* const last = last_class.load(std::memory_order_relaxed);
  return type == *(api().*last->symbol) ? *last : find_class(type);
}

/// New data for an exception object, without its texts. Takes over the reference. Needs the GIL.
ErrorHandle keep_exception(PyObject* exception);
/// New data for Python's error that is set, which is cleared.
ErrorHandle take_exception();

/// The same, as a PythonError.
inline PythonError take_python_error() { return PythonError(take_exception()); }
/// Throws the C++ exception that became this Python exception, or that of its HostExceptionClass, if there is one.
void throw_original(const ErrorHandle& error);
/// Prepares what raise() throws: `data`, or Python's error that is set if it is null, with its texts. If a C++
/// exception became that Python exception, throws the C++ exception.
ErrorHandle to_throw(ErrorData* data);

/// Called by the stop: for each living error of the current interpreter, stores the texts and the traceback, and
/// releases the exception object. Needs the GIL.
void format_live_errors();

}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD PyObject* missing_error() {
  const ColdRef text(api().Unicode_InternFromString("a function of CPython failed without setting an error"));
  PyObject* arguments[] = {text.get()};
  PyObject* const error = api().Object_VectorcallDict(*api().SystemError, arguments, text.get() != nullptr, nullptr);
  if (!error) throw std::bad_alloc();
  return error;
}

LATEPY_FUNC PyObject* fetch_raised() {
  const Api& api = detail::api();
  PyObject* value = nullptr;
  if (api.Err_GetRaisedException) {
    value = api.Err_GetRaisedException();
  } else {
    PyObject *type = nullptr, *trace = nullptr;
    api.Err_Fetch(&type, &value, &trace);
    // If the value has that very type, it is the exception. Else it is the argument for a new one.
    if (type && (!value || as_object(type_of(value)) != type)) api.Err_NormalizeException(&type, &value, &trace);
    if (trace && value) api.Exception_SetTraceback(value, trace);
    if (trace) api.DecRef(trace);
    if (type) api.DecRef(type);
  }
  return LATEPY_LIKELY(value != nullptr) ? value : missing_error();
}

LATEPY_FUNC LATEPY_COLD void find_original(ErrorData& data) {
  PyObject* const exception = data.value.ptr();
  const auto pointer = [](const ColdRef& capsule, const char* name) {
    const bool is_it = capsule.get() && api().Capsule_IsValid(capsule.get(), name);
    return is_it ? api().Capsule_GetPointer(capsule.get(), name) : nullptr;
  };
  const ColdRef found(find_attribute(exception, original_attribute));
  if (!found.get()) return;
  const ColdRef carried(find_attribute(found.get(), "capsule"));
  if (void* const original = pointer(carried, original_attribute)) {
    data.original = *static_cast<std::exception_ptr*>(original);
    return;
  }
  // The attribute is that of the class, or the exception is a copy, whose own attribute is None.
  const ColdRef of_class(find_attribute(as_object(type_of(exception)), original_attribute));
  data.host_class = static_cast<const HostExceptionClass*>(pointer(of_class, host_class_capsule));
}

LATEPY_FUNC LATEPY_COLD PyObject* ImportedException::find() const noexcept {
  const Api& a = api();
  const auto item = [&a](PyObject* dict, const char* text) {
    const ColdRef key(dict ? a.Unicode_InternFromString(text) : nullptr);
    return key.get() ? a.Dict_GetItemWithError(dict, key.get()) : nullptr;
  };
  PyObject* const found =
      module ? item(a.Import_GetModuleDict(), module)
             : item(item(item(a.InterpreterState_GetDict(a.InterpreterState_Get()), namespaces_key), "errors"), name);
  a.Err_Clear();
  return module ? find_attribute(found, std::string_view(name)) : Object::borrow(found).release();
}

/// The Python class of a row, also of that of another shared library. Imports its module if it is a class of a module.
/// \throws PythonError.
LATEPY_COLD inline Object class_in_python(const ExceptionClass& row) {
  if (row.symbol) return Object::borrow(*(api().*row.symbol));
  const ImportedException* each = imported_exceptions;
  while (each != std::end(imported_exceptions) && exception_class(each->id).name() != row.name()) ++each;
  if (each == std::end(imported_exceptions)) return Object::borrow(*api().Exception);  // of a later latepy
  if (!each->module) return own_error(each->name);
  const Object module = steal_or_throw(api().Import_ImportModule(each->module));
  return steal_or_throw(api().Object_GetAttrString(module.ptr(), each->name));
}

LATEPY_FUNC LATEPY_OUTLINE const ExceptionClass& find_class(PyObject* type) noexcept {
  constexpr std::size_t count = std::size(exception_classes);
  for (std::size_t at = count; at-- > 0;) {
    const ExceptionClass& known = exception_classes[at];
    if (known.symbol && type == *(api().*known.symbol))
      return last_class.store(&known, std::memory_order_relaxed), known;
  }
  const auto matches = [type](const ExceptionClass& known) {
    return known.symbol && api().Err_GivenExceptionMatches(type, *(api().*known.symbol));
  };
  std::size_t at = count - 1;  // bases come first: from the end, the first match is the nearest class
  while (at > 0 && !matches(exception_classes[at])) --at;
  const ExceptionClass& nearest = exception_classes[at];
  if (&nearest != &exception_class(ExceptionId::Exception) && &nearest != &exception_class(ExceptionId::BaseException))
    return nearest;
  for (const ImportedException& each : imported_exceptions)
    if (const ColdRef found(each.find()); found.get() && api().Err_GivenExceptionMatches(type, found.get()))
      return exception_class(each.id);
  return nearest;
}

LATEPY_FUNC ErrorHandle keep_exception(PyObject* exception) {
  OwnedRef owned(exception);  // until there is memory for what keeps it
  ErrorHandle data(new ErrorData(exception, &nearest_class(as_object(type_of(exception))), &read_late));
  owned.release();
  if (LATEPY_UNLIKELY(process_state().carries_exceptions.load(std::memory_order_relaxed))) find_original(*data.get());
  data->enlist();
  // With several interpreters the thread that asks for the text may be in another one.
  if (LATEPY_UNLIKELY(!process_state().only.load(std::memory_order_relaxed))) data->say(*data.get());
  return data;
}

LATEPY_FUNC ErrorHandle take_exception() { return keep_exception(fetch_raised()); }

LATEPY_FUNC LATEPY_COLD void throw_original(const ErrorHandle& error) {
  if (error->original) {
    try {
      if (const std::optional<GilGuard> gil = enter(*error.get())) note_crossing(*error.get());
    } catch (...) {  // no memory: the frames are not known
    }
    std::rethrow_exception(std::exception_ptr(error->original));
  }
  error->host_class->raise(error, error->text.load(std::memory_order_acquire)->message);
}

LATEPY_FUNC ErrorHandle to_throw(ErrorData* data) {
  ErrorHandle made = data ? ErrorHandle(data) : take_exception();
  if (!made->text.load(std::memory_order_acquire)) {
    if (data)
      data->read(*data);
    else
      made->say(*made.get());
  }
  if (LATEPY_UNLIKELY(made->original || made->host_class)) throw_original(made);
  return made;
}

LATEPY_FUNC LATEPY_COLD Prepared prepare(ErrorData* data) {
  ErrorHandle made = to_throw(data);
  return made->known->make(made.release());
}

LATEPY_FUNC LATEPY_COLD void format_live_errors() {
  InterpreterState& interpreter = current_interpreter();
  for (;;) {
    ErrorHandle data;
    {
      SpinLock lock(interpreter.errors_lock);
      for (ErrorData* each = interpreter.errors; each && !data.get(); each = each->next)
        if (each->value.is_alive() && each->join()) data = ErrorHandle(each);
    }
    if (!data.get()) return;
    if (!data->text.load()) data->settle<ErrorText>(data->text, std::make_unique<ErrorText>(*data.get()));
    if (!data->traceback.load())
      data->settle<std::string>(data->traceback, std::make_unique<std::string>(format_exception(data->value.ptr())));
    Object value;  // released after the lock: that may run any Python code
    SpinLock lock(interpreter.errors_lock);
    std::swap(value, data->value);
  }
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD Object PythonError::value() const {
  if (data_->value.is_empty()) {
    detail::check_running();
    const Object text = detail::steal_or_throw(
        detail::api().Unicode_DecodeUTF8(message().data(), static_cast<detail::ssize>(message().size()), "replace"));
    PyObject* arguments[] = {nullptr, text.ptr()};
    const Object type = detail::class_in_python(*data_->known);
    data_->value = detail::steal_or_throw(
        detail::api().Object_VectorcallDict(type.ptr(), arguments + 1, 1 | detail::vectorcall_offset, nullptr));
  }
  return data_->value;
}

LATEPY_FUNC LATEPY_COLD void PythonError::report(const Ref& where) const noexcept {
  try {
    const std::optional<GilGuard> gil = data_->read ? detail::enter(*data_.get()) : GilGuard::try_acquire();
    if (!gil) return;
    const detail::ErrorAside aside;
    detail::set_python_error(*this);
    detail::api().Err_WriteUnraisable(where.is_alive() ? where.ptr() : nullptr);
  } catch (...) {  // the interpreter of the error has ended
  }
}

LATEPY_FUNC LATEPY_COLD std::optional<PythonError> PythonError::cause() const {
  const std::optional<GilGuard> gil = detail::enter(*data_.get());
  if (!gil) return std::nullopt;
  PyObject* raised = data_->value.ptr();
  Object cause = Object::steal(detail::api().Exception_GetCause(raised));
  if (cause.is_empty()) {
    const Object suppressed = detail::attribute_or_empty(raised, "__suppress_context__");
    if (suppressed.ptr() != detail::api().TrueStruct) cause = Object::steal(detail::api().Exception_GetContext(raised));
  }
  if (cause.is_empty()) return std::nullopt;
  return PythonError(detail::keep_exception(cause.release()));
}
#endif
}  // namespace v1
}  // namespace latepy
