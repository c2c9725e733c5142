// latepy/core/detail/mismatch.hpp: what a conversion does if the object does not fit; part of core/converter.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/fetch_error.hpp>
#include <latepy/core/detail/show.hpp>

#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Throws a ConversionError that says that `object` does not convert to `wanted`. If an error of Python's is set that
/// only_a_mismatch() does not take, throws that one as a PythonError. \param why the reason, or "": then what the error
/// said.
[[noreturn]] void throw_mismatch(PyObject* object, std::string_view wanted, const char* why = "");

/// Whether the error that is set is a TypeError, OverflowError or UnicodeError: the object only has the wrong type or
/// value.
bool is_mismatch() noexcept;
/// If is_mismatch(), clears the error and returns true. Returns false for other errors, which stay set.
bool only_a_mismatch() noexcept;

/// Keeps what the exception in flight says of the object. Call it in a catch block, with the GIL.
/// - std::bad_alloc is thrown on: that memory is short tells nothing about the object.
/// - A PythonError is set as Python's error. One that set_python_error() refuses with a StateError is forgotten.
/// - All else is forgotten, and no error is set: a ConversionError, a StateError, and the C++ exception that a host
///   function threw and that came back through Python code.
/// \throws std::bad_alloc; the PythonError of set_python_error() if the exception object cannot be made.
void keep_python_error();
/// Implements try_from_py(). Calls `load()`. If that returns false or throws, empties `result` and returns false.
/// Python's error is set afterwards only if Python code of the object raised an error that only_a_mismatch() keeps.
/// \throws as keep_python_error().
template <class T, class F>
bool try_load(std::optional<T>& result, F&& load) {
  try {
    if (load()) return true;
  } catch (...) {
    result.reset();
    keep_python_error();
  }
  result.reset();
  if (api().Err_Occurred()) only_a_mismatch();
  return false;
}

/// Clears Python's error. \throws MemoryError if it is one.
void forget_mismatch();

}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_mismatch(PyObject* object, std::string_view wanted, const char* why) {
  std::string said;
  if (api().Err_Occurred()) {
    if (!is_mismatch()) throw_python_error();
    said = take_python_error().message();
  }
  if (*why) said = why;
  std::string text = "cannot convert " + show(object) + " to " + std::string(wanted);
  if (!said.empty()) text.append(": ").append(said);
  throw ConversionError(text);
}

LATEPY_FUNC LATEPY_COLD bool is_mismatch() noexcept {
  const Api& a = api();
  return a.Err_ExceptionMatches(*a.TypeError) || a.Err_ExceptionMatches(*a.OverflowError) ||
         a.Err_ExceptionMatches(*a.UnicodeError);
}

LATEPY_FUNC LATEPY_COLD bool only_a_mismatch() noexcept {
  if (!is_mismatch()) return false;
  api().Err_Clear();
  return true;
}

LATEPY_FUNC LATEPY_COLD void keep_python_error() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const PythonError& error) {
    try {
      set_python_error(error);
    } catch (const StateError&) {  // the interpreter of the error has ended
    }
  } catch (...) {
  }
}

LATEPY_FUNC LATEPY_COLD void forget_mismatch() {
  const Api& a = api();
  if (!a.Err_Occurred()) return;
  if (a.Err_ExceptionMatches(*a.MemoryError)) throw_python_error();
  a.Err_Clear();
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
