// latepy/core/exceptions.hpp: the built-in exceptions that people catch, as C++ classes in Python's hierarchy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/python_error.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

template <class E>
LATEPY_COLD void raise_as(ErrorData* data) {
  throw E(ErrorHandle(data));
}
template <class E>
constexpr ExceptionClass exception_class(const char* name, const ExceptionClass* base, PyObject** Api::*symbol) {
#if LATEPY_THROWS_IN_PLACE
  return {name,
          base,
          symbol,
          &raise_as<E>,
          [](ErrorData* data) -> void* {
            return new (__cxxabiv1::__cxa_allocate_exception(sizeof(E))) E(ErrorHandle(data));
          },
          [](void* exception) { static_cast<E*>(exception)->~E(); },
          &typeid(E)};
#else
  return {name, base, symbol, &raise_as<E>};
#endif
}

ErrorHandle new_error(const ExceptionClass& known, std::string message);

}  // namespace detail

// Each can be caught, and thrown by host functions with a message: `throw py::ValueError("no such row")`.
#define LATEPY_EXCEPTION(NAME, BASE, BASE_CLASS)                                                              \
  class NAME;                                                                                                 \
  namespace detail {                                                                                          \
  extern const ExceptionClass class_of_##NAME;                                                                \
  }                                                                                                           \
  /** Python's exception of the same name. */                                                                 \
  class LATEPY_VISIBLE NAME : public BASE {                                                                   \
   public:                                                                                                    \
    LATEPY_HIDDEN explicit NAME(std::string message)                                                          \
        : NAME(detail::new_error(detail::class_of_##NAME, std::move(message))) {}                             \
    explicit NAME(detail::ErrorHandle data) noexcept : BASE(std::move(data)) {}                               \
  };                                                                                                          \
  namespace detail {                                                                                          \
  inline constexpr ExceptionClass class_of_##NAME = exception_class<v1::NAME>(#NAME, BASE_CLASS, &Api::NAME); \
  }
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
    &class_of_KeyError,          &class_of_IndexError,          &class_of_AttributeError,  &class_of_TypeError,
    &class_of_UnicodeError,      &class_of_ValueError,          &class_of_NameError,       &class_of_ZeroDivisionError,
    &class_of_OverflowError,     &class_of_ModuleNotFoundError, &class_of_ImportError,     &class_of_FileNotFoundError,
    &class_of_PermissionError,   &class_of_TimeoutError,        &class_of_OSError,         &class_of_StopIteration,
    &class_of_AssertionError,    &class_of_NotImplementedError, &class_of_RuntimeError,    &class_of_SyntaxError,
    &class_of_MemoryError,       &class_of_LookupError,         &class_of_ArithmeticError, &class_of_SystemExit,
    &class_of_KeyboardInterrupt, &class_of_Exception,           &class_of_BaseException};

}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD ErrorHandle new_error(const ExceptionClass& known, std::string message) {
  ErrorHandle data(new ErrorData);
  data->known = &known;
  data->say(known, std::move(message));
  return data;
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
