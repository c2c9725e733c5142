// latepy/core/exceptions.hpp: the built-in exceptions that people catch, as C++ classes in Python's hierarchy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/python_error.hpp>

#if LATEPY_THROWS_IN_PLACE
#include <new>
#endif

/// X(class, base) for each built-in class, and Y(class, base) for one of a module. A base comes before the classes that
/// derive from it. A Python exception that derives from several of them is thrown as the last of these.
#define LATEPY_EXCEPTIONS(X, Y)         \
  X(BaseException, PythonError)         \
  X(Exception, BaseException)           \
  X(KeyboardInterrupt, BaseException)   \
  X(SystemExit, BaseException)          \
  Y(CancelledError, BaseException)      \
  Y(DeadlineError, BaseException)       \
  Y(Interrupted, BaseException)         \
  X(ArithmeticError, Exception)         \
  X(LookupError, Exception)             \
  X(MemoryError, Exception)             \
  X(SyntaxError, Exception)             \
  X(RuntimeError, Exception)            \
  X(NotImplementedError, RuntimeError)  \
  X(RecursionError, RuntimeError)       \
  X(AssertionError, Exception)          \
  X(StopIteration, Exception)           \
  X(OSError, Exception)                 \
  X(TimeoutError, OSError)              \
  X(PermissionError, OSError)           \
  X(FileNotFoundError, OSError)         \
  X(ImportError, Exception)             \
  X(ModuleNotFoundError, ImportError)   \
  X(OverflowError, ArithmeticError)     \
  X(ZeroDivisionError, ArithmeticError) \
  X(NameError, Exception)               \
  X(ValueError, Exception)              \
  X(UnicodeError, ValueError)           \
  X(TypeError, Exception)               \
  X(AttributeError, Exception)          \
  X(IndexError, LookupError)            \
  X(KeyError, LookupError)

namespace latepy {
inline namespace v1 {
namespace detail {

/// The indexes of the classes in exception_classes.
enum class ExceptionId : signed char {
#define LATEPY_EXCEPTION(NAME, BASE) NAME,
  LATEPY_EXCEPTIONS(LATEPY_EXCEPTION, LATEPY_EXCEPTION)
#undef LATEPY_EXCEPTION
      PythonError = BaseException  // the base of BaseException: its distance is 0, so it has no base in the table
};
/// New data for an exception that C++ throws. The caller owns the one reference. Needs no GIL.
ErrorData* new_error(ExceptionId id, std::string message);

}  // namespace detail

// C++ catches these classes. Host functions may also throw them: `throw py::ValueError("no such row")`. CancelledError
// is that of asyncio. TimeoutError is also that of asyncio and concurrent.futures, which is another class before 3.11.
// DeadlineError and Interrupted are latepy's own; see run/limits.hpp.
#define LATEPY_EXCEPTION(NAME, BASE)                                                \
  /** Python's exception of the same name. */                                       \
  class LATEPY_VISIBLE NAME : public BASE {                                         \
   public:                                                                          \
    /** An exception with this text, for host functions to throw. Needs no GIL. */  \
    LATEPY_HIDDEN explicit NAME(std::string message)                                \
        : NAME(detail::new_error(detail::ExceptionId::NAME, std::move(message))) {} \
    /** For latepy itself: takes over one reference to `data`. */                   \
    explicit NAME(detail::ErrorData* data) noexcept : BASE(data) {}                 \
  };
LATEPY_EXCEPTIONS(LATEPY_EXCEPTION, LATEPY_EXCEPTION)
#undef LATEPY_EXCEPTION

namespace detail {

/// Creates an E, or throws it; see ExceptionClass::make. These are two functions with different names, because files
/// with and without RTTI may be linked together.
#if LATEPY_THROWS_IN_PLACE && defined(__cpp_rtti)
template <class E>
LATEPY_COLD Prepared make_exception(ErrorData* data) {
  static_assert(sizeof(E) == sizeof(PythonError));
  PythonError* const exception = new (__cxxabiv1::__cxa_allocate_exception(sizeof(E))) E(data);
  return {exception, &typeid(E)};
}
#else
template <class E>
LATEPY_COLD Prepared throw_exception(ErrorData* data) {
  throw E(data);
}
template <class E>
inline constexpr auto make_exception = &throw_exception<E>;
#endif

/// All classes of LATEPY_EXCEPTIONS, in that order.
inline constexpr ExceptionClass exception_classes[] = {
#define LATEPY_EXCEPTION(NAME, BASE) LATEPY_EXCEPTION_ROW(NAME, BASE, &Api::NAME)
#define LATEPY_EXCEPTION_OF_MODULE(NAME, BASE) LATEPY_EXCEPTION_ROW(NAME, BASE, nullptr)
#define LATEPY_EXCEPTION_ROW(NAME, BASE, SYMBOL)                                                                \
  {#NAME, sizeof(#NAME) - 1,                                                                                    \
   static_cast<signed char>(static_cast<int>(ExceptionId::BASE) - static_cast<int>(ExceptionId::NAME)), SYMBOL, \
   make_exception<v1::NAME>},
    LATEPY_EXCEPTIONS(LATEPY_EXCEPTION, LATEPY_EXCEPTION_OF_MODULE)
#undef LATEPY_EXCEPTION
#undef LATEPY_EXCEPTION_OF_MODULE
#undef LATEPY_EXCEPTION_ROW
};
/// The row of the table.
constexpr const ExceptionClass& exception_class(ExceptionId id) {
  return exception_classes[static_cast<std::size_t>(id)];
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD ErrorData* new_error(ExceptionId id, std::string message) {
  ErrorHandle data(new ErrorData);
  data->known = &exception_class(id);
  data->say(*data->known, std::move(message));
  return data.release();
}

#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
#undef LATEPY_EXCEPTIONS
