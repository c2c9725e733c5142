// latepy/core/exceptions.hpp: the built-in exceptions that people catch, as C++ classes in Python's hierarchy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/python_error.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

template <class E>
[[noreturn]] LATEPY_COLD void raise_as(std::shared_ptr<ErrorData> data) {
  throw E(std::move(data));
}

LATEPY_COLD inline std::shared_ptr<ErrorData> made_here(const ExceptionClass& known, std::string message) {
  auto data = std::make_shared<ErrorData>();
  data->type_name = known.name;
  data->message = std::move(message);
  data->known = &known;
  data->make_what();
  return data;
}

}  // namespace detail

// Each can be caught, and thrown by host functions with a message: `throw py::ValueError("no such row")`.
#define LATEPY_EXCEPTION(NAME, BASE, BASE_CLASS)                                                          \
  class NAME;                                                                                             \
  namespace detail {                                                                                      \
  inline constexpr ExceptionClass class_of_##NAME{#NAME, BASE_CLASS, &Api::NAME, &raise_as<v1::NAME>};    \
  }                                                                                                       \
  /** Python's exception of the same name. */                                                             \
  class LATEPY_VISIBLE NAME : public BASE {                                                               \
   public:                                                                                                \
    LATEPY_HIDDEN explicit NAME(std::string message)                                                      \
        : NAME(detail::made_here(detail::class_of_##NAME, std::move(message))) {}                         \
    explicit NAME(std::shared_ptr<detail::ErrorData> data) : BASE(std::move(data)) {}                     \
  };
#define LATEPY_DERIVED(NAME, BASE) LATEPY_EXCEPTION(NAME, BASE, &class_of_##BASE)

LATEPY_EXCEPTION(BaseException, PythonError, nullptr)
LATEPY_DERIVED(Exception, BaseException)
LATEPY_DERIVED(SystemExit, BaseException)
LATEPY_DERIVED(KeyboardInterrupt, BaseException)
LATEPY_DERIVED(ArithmeticError, Exception)
LATEPY_DERIVED(ZeroDivisionError, ArithmeticError)
LATEPY_DERIVED(OverflowError, ArithmeticError)
LATEPY_DERIVED(AssertionError, Exception)
LATEPY_DERIVED(AttributeError, Exception)
LATEPY_DERIVED(ImportError, Exception)
LATEPY_DERIVED(ModuleNotFoundError, ImportError)
LATEPY_DERIVED(LookupError, Exception)
LATEPY_DERIVED(IndexError, LookupError)
LATEPY_DERIVED(KeyError, LookupError)
LATEPY_DERIVED(MemoryError, Exception)
LATEPY_DERIVED(NameError, Exception)
LATEPY_DERIVED(OSError, Exception)
LATEPY_DERIVED(FileNotFoundError, OSError)
LATEPY_DERIVED(PermissionError, OSError)
LATEPY_DERIVED(TimeoutError, OSError)
LATEPY_DERIVED(RuntimeError, Exception)
LATEPY_DERIVED(NotImplementedError, RuntimeError)
LATEPY_DERIVED(StopIteration, Exception)
LATEPY_DERIVED(SyntaxError, Exception)
LATEPY_DERIVED(TypeError, Exception)
LATEPY_DERIVED(ValueError, Exception)
LATEPY_DERIVED(UnicodeError, ValueError)

#undef LATEPY_DERIVED
#undef LATEPY_EXCEPTION

namespace detail {

/// Derived classes stand before their bases, so that the first match is the nearest.
inline constexpr const ExceptionClass* exception_classes[] = {
    &class_of_KeyError,          &class_of_IndexError,         &class_of_AttributeError, &class_of_TypeError,
    &class_of_UnicodeError,      &class_of_ValueError,         &class_of_NameError,      &class_of_ZeroDivisionError,
    &class_of_OverflowError,     &class_of_ModuleNotFoundError, &class_of_ImportError,   &class_of_FileNotFoundError,
    &class_of_PermissionError,   &class_of_TimeoutError,       &class_of_OSError,        &class_of_StopIteration,
    &class_of_AssertionError,    &class_of_NotImplementedError, &class_of_RuntimeError,  &class_of_SyntaxError,
    &class_of_MemoryError,       &class_of_LookupError,        &class_of_ArithmeticError, &class_of_SystemExit,
    &class_of_KeyboardInterrupt, &class_of_Exception,          &class_of_BaseException};

/// Takes the error that is set away from CPython: the exception object with its traceback. Never empty.
LATEPY_COLD inline Object fetch_exception() {
  const Api& api = detail::api();
  if (api.Err_GetRaisedException) {
    Object value = Object::steal(api.Err_GetRaisedException());
    if (!value.is_empty()) return value;
  } else {
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
    api.Err_Fetch(&type, &value, &trace);
    if (type) {
      api.Err_NormalizeException(&type, &value, &trace);
      const Object owned_type = Object::steal(type), owned_trace = Object::steal(trace);
      if (trace && value) api.Exception_SetTraceback(value, trace);
      if (value) return Object::steal(value);
    }
  }
  const Object text =
      Object::steal(api.Unicode_InternFromString("a function of CPython failed without setting an error"));
  PyObject* arguments[] = {nullptr, text.ptr()};
  Object error = Object::steal(
      api.Object_VectorcallDict(*api.SystemError, arguments + 1, (text.ptr() != nullptr) | vectorcall_offset, nullptr));
  if (error.is_empty()) throw std::bad_alloc();
  return error;
}

/// The error that is set, put aside for a scope in which code may run that must not see it: destructors.
class ErrorAside {
 public:
  ErrorAside() noexcept { api().Err_Fetch(&type_, &value_, &trace_); }
  ErrorAside(const ErrorAside&) = delete;
  ~ErrorAside() { api().Err_Restore(type_, value_, trace_); }

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *trace_ = nullptr;
};

/// Where an exception object carries the C++ exception that it was made of: this attribute has one named "capsule".
inline constexpr char original_attribute[] = "__latepy_exception__";
LATEPY_COLD inline std::exception_ptr original_of(PyObject* exception) {
  const Object capsule = attribute_or_empty(attribute_or_empty(exception, original_attribute).ptr(), "capsule");
  if (capsule.is_empty() || !api().Capsule_IsValid(capsule.ptr(), original_attribute)) return nullptr;
  return *static_cast<std::exception_ptr*>(api().Capsule_GetPointer(capsule.ptr(), original_attribute));
}

/// What C++ keeps of an exception object. Needs the GIL.
LATEPY_COLD inline std::shared_ptr<ErrorData> describe(Object exception) {
  auto data = std::make_shared<ErrorData>();
  data->value = std::move(exception);
  PyObject* value = data->value.ptr();
  PyObject* type = as_object(type_of(value));
  data->known = &class_of_BaseException;
  for (const ExceptionClass* known : exception_classes) {
    if (api().Err_GivenExceptionMatches(type, *(api().*known->symbol))) {
      data->known = known;
      break;
    }
  }
  data->type_name = *(api().*data->known->symbol) == type ? data->known->name : qualified_name(type);
  data->message = str_or_excuse(value);
  find_place(*data);
  if (shared().carries_exceptions.load(std::memory_order_relaxed)) data->original = original_of(value);
  data->make_what();
  data->enlist();
  return data;
}

/// The error that is set, as a value.
LATEPY_COLD inline PythonError take_python_error() { return PythonError(describe(fetch_exception())); }

/// The error that is set, thrown as the class nearest to it.
[[noreturn]] LATEPY_COLD inline void throw_python_error() {
  take_python_error().rethrow();
}

/// Sets Python's error from an exception, so that a function called by Python may return null. Needs the GIL.
LATEPY_COLD inline void set_python_error(const PythonError& error) {
  const Object value = error.value();
  if (api().Err_SetRaisedException) {
    api().Err_SetRaisedException(Object(value).release());
  } else {
    PyObject* trace = api().Exception_GetTraceback(value.ptr());
    api().Err_Restore(own(api().Object_Type(value.ptr())).release(), Object(value).release(), trace);
  }
}

/// Formats every error still alive, before its Python goes, and lets go of its object. Needs the GIL.
LATEPY_COLD inline void format_live_errors() {
  for (;;) {
    std::shared_ptr<ErrorData> data;
    {
      SpinLock lock(shared().errors_lock);
      for (ErrorData* each = shared().errors; each && !data; each = each->next)
        if (each->value.is_alive()) data = each->weak_from_this().lock();
    }
    if (!data) return;
    if (!data->formatted.load()) data->settle(format_exception(data->value.ptr()));
    Object value;  // dropped outside of the lock: it may run any code
    SpinLock lock(shared().errors_lock);
    std::swap(value, data->value);
  }
}

}  // namespace detail

inline Object PythonError::value() const {
  if (data_->value.is_empty()) {
    detail::check_running();
    const Object text = detail::own(detail::api().Unicode_DecodeUTF8(
        data_->message.data(), static_cast<detail::ssize>(data_->message.size()), "replace"));
    PyObject* arguments[] = {nullptr, text.ptr()};
    PyObject* type = *(detail::api().*data_->known->symbol);
    data_->value =
        detail::own(detail::api().Object_VectorcallDict(type, arguments + 1, 1 | detail::vectorcall_offset, nullptr));
  }
  return data_->value;
}

inline void PythonError::report(const Ref& where) const noexcept {
  try {
    const std::optional<GilGuard> gil = GilGuard::try_acquire();
    if (!gil) return;
    const detail::ErrorAside aside;
    detail::set_python_error(*this);
    detail::api().Err_WriteUnraisable(where.is_alive() ? where.ptr() : nullptr);
  } catch (const std::exception&) {  // its Python ended
  }
}

inline std::optional<PythonError> PythonError::cause() const {
  const std::optional<GilGuard> gil = enter();
  if (!gil) return std::nullopt;
  PyObject* raised = data_->value.ptr();
  Object cause = Object::steal(detail::api().Exception_GetCause(raised));
  if (cause.is_empty()) {
    const Object suppressed = detail::attribute_or_empty(raised, "__suppress_context__");
    if (suppressed.ptr() != detail::api().TrueStruct) cause = Object::steal(detail::api().Exception_GetContext(raised));
  }
  if (cause.is_empty()) return std::nullopt;
  return PythonError(detail::describe(std::move(cause)));
}

}  // namespace v1
}  // namespace latepy
