// latepy/core/detail/wrong_result.hpp: the error of a result that does not convert names the callable that gave it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whose result it is, for an error text: "Circle.area() (shapes.py:2)". Needs the GIL.
/// \param callable what was called, or the object whose method was called. \param method its name; "" for a callable.
std::string caller_text(PyObject* callable, std::string_view method);
/// The error of a result that does not convert, with the callable that returned it.
ConversionError wrong_result(const ConversionError& error, PyObject* callable, std::string_view method);

/// Keeps what is called, if the error of its result would name it: the call may drop the last other reference to it.
/// Needs the GIL.
template <class T>
class Callee {
 public:
  explicit LATEPY_FORCE_INLINE Callee(PyObject* borrowed) noexcept : object_(borrowed) {
    if constexpr (is_named) incref(object_);
  }
  Callee(const Callee&) = delete;
  Callee& operator=(const Callee&) = delete;
  LATEPY_FORCE_INLINE ~Callee() {
    if constexpr (is_named) decref(object_);
  }
  PyObject* get() const noexcept { return object_; }

 private:
  static constexpr bool is_named = !std::is_same_v<T, Object> && !std::is_void_v<T>;
  PyObject* object_;
};

/// As into_cpp(), for what a callable returned, or the method with the name `method` of an object if that is not null.
/// They are borrowed. \throws ConversionError that names the callable.
template <class T>
LATEPY_FORCE_INLINE T result_into_cpp(PyObject* owned, [[maybe_unused]] PyObject* callable,
                                      [[maybe_unused]] PyObject* method = nullptr) {
  if constexpr (std::is_same_v<T, Object> || std::is_void_v<T>) {
    return into_cpp<T>(owned);
  } else {
    try {
      return into_cpp<T>(owned);
    } catch (const ConversionError& error) {
      throw wrong_result(error, callable, text_of(method));
    }
  }
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD std::string caller_text(PyObject* callable, std::string_view method) {
  PyObject* const type = as_object(type_of(callable));
  Object function = method.empty() ? Object::borrow(callable) : attribute_or_empty(callable, method);
  std::string name = text_at(function.ptr(), "__qualname__");
  const std::string_view end = std::string_view(name).substr(name.size() - (std::min)(name.size(), method.size()));
  if (name.empty() || end != method)
    name = method.empty() ? qualified_name(type) : concat({qualified_name(type), ".", method});
  Object code = attribute_or_empty(function.ptr(), "__code__");
  if (code.is_empty()) {  // a functools.partial, or an object that can be called
    function = attribute_or_empty(function.ptr(), "func");
    if (function.is_empty()) function = attribute_or_empty(type, "__call__");
    code = attribute_or_empty(function.ptr(), "__code__");
  }
  const std::string file = text_at(code.ptr(), "co_filename");
  if (file.empty()) return name + "()";
  return concat({name, "() (", file, ":", decimal(int_at(code.ptr(), "co_firstlineno")), ")"});
}

LATEPY_FUNC LATEPY_COLD ConversionError wrong_result(const ConversionError& error, PyObject* callable,
                                                     std::string_view method) {
  constexpr std::string_view none = "cannot convert None ";
  const bool is_none = error.path().empty() && std::string_view(error.reason()).substr(0, none.size()) == none;
  ConversionError made(
      concat({error.reason(), error.path().empty() ? "; this is what " : "; this is in what ",
              caller_text(callable, method), " returned", is_none ? ": does it lack a return statement?" : ""}));
  if (!error.path().empty()) made.inside(error.path());
  return made;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
