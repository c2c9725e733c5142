// latepy/core/raise.hpp: raise_exception() and with_context(), Python's `raise` and `with`; PythonError::print().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/translate.hpp>

#include <cstdio>
#include <cstdlib>

namespace latepy {
inline namespace v1 {

/// Python's `raise exception` and `raise exception from cause`: throws a class or instance as what a script would have
/// raised, so it is caught as the C++ class that fits, and a host function raises that very object. A cause of None
/// hides what is being handled. Needs the GIL. \throws PythonError; TypeError if one of them is no exception; the C++
/// exception of a class that Module::add_exception() made.
[[noreturn]] void raise_exception(const Ref& exception, const Ref& cause = {});

namespace detail {

/// Python's `with object`, between its two calls. Needs the GIL.
class Context {
 public:
  /// Calls `__enter__`. \throws TypeError if the object is no context manager.
  explicit Context(const Ref& object);
  /// What `__enter__` returned.
  const Object& entered() const noexcept { return entered_; }
  /// Calls `__exit__` without an exception.
  void leave() const;
  /// Calls `__exit__` with the Python exception of the C++ exception in flight. \returns whether it swallows it. Call
  /// it in a catch block.
  bool swallows() const;

 private:
  Object exit_{}, entered_{};
};

/// Calls f with what `__enter__` returned, or without an argument.
template <class F>
decltype(auto) call_in_context(F&& f, const Object& entered) {
  if constexpr (std::is_invocable_v<F, const Object&>)
    return std::forward<F>(f)(entered);
  else
    return std::forward<F>(f)();
}

}  // namespace detail

/// Python's `with object as entered: f(entered)`. `f` may also take no argument. What f throws reaches `__exit__`
/// as the Python exception that it becomes; if `__exit__` does not swallow it, it is thrown on. Needs the GIL.
/// \returns the result of f in a std::optional, which is empty if the exception was swallowed; if f returns void,
/// whether it came to its end. \throws what f, `__enter__` and `__exit__` throw; TypeError if the object is no context
/// manager.
template <class F>
auto with_context(const Ref& object, F&& f) {
  using R = decltype(detail::call_in_context(std::forward<F>(f), std::declval<const Object&>()));
  using Value = std::conditional_t<std::is_void_v<R>, bool,
                                   std::optional<std::decay_t<std::conditional_t<std::is_void_v<R>, bool, R>>>>;
  const detail::Context context(object);
  Value value{};
  try {
    if constexpr (std::is_void_v<R>) {
      detail::call_in_context(std::forward<F>(f), context.entered());
      value = true;
    } else {
      value.emplace(detail::call_in_context(std::forward<F>(f), context.entered()));
    }
  } catch (...) {
    if (!context.swallows()) throw;
    return Value{};
  }
  context.leave();
  return value;
}

#if LATEPY_DEFINITIONS
namespace detail {

/// An instance of an exception class, or the instance itself. \throws TypeError for other objects.
LATEPY_COLD inline Object exception_of(const Ref& object, const char* what) {
  const bool is_class = has_flag(object.checked(), type_is_type) &&
                        (api().Type_GetFlags(reinterpret_cast<PyTypeObject*>(object.ptr())) & type_is_exception);
  const Object made = is_class ? Object(call_plain(object)) : Object(object);
  if (api().Err_GivenExceptionMatches(as_object(type_of(made.ptr())), *api().BaseException)) return made;
  if (is_class)
    throw_error<TypeError>({what, " is ", show(object.ptr()), ", and its call gave no exception: ", show(made.ptr())});
  throw_error<TypeError>({what, " must be an exception class or an exception, not ", show(object.ptr())});
}

LATEPY_FUNC LATEPY_COLD Context::Context(const Ref& object) {
  PyObject* const type = as_object(type_of(object.checked()));
  const Object enter = attribute_or_empty(type, "__enter__");
  exit_ = telling_attribute(object, "__exit__");
  if (enter.is_empty() || exit_.is_empty())
    throw_error<TypeError>({"with_context(): ", show(object.ptr()), " is no context manager: it has no ",
                            enter.is_empty() ? "__enter__" : "__exit__"});
  entered_ = call_attribute(object, "__enter__");
}

LATEPY_FUNC LATEPY_COLD void Context::leave() const {
  const Ref none(api().NoneStruct);
  call_plain(exit_, {none, none, none});
}

LATEPY_FUNC LATEPY_COLD bool Context::swallows() const {
  translate_exception();
  const ColdObject raised = fetch_exception();
  ColdObject trace = Object::steal(api().Exception_GetTraceback(raised.ptr()));
  if (trace.is_empty()) trace = Object::borrow(api().NoneStruct);
  try {
    return static_cast<bool>(call_plain(exit_, {Ref(as_object(type_of(raised.ptr()))), raised, trace}));
  } catch (const PythonError& error) {  // as Python says: during handling of the first, another exception occurred
    const Object value = error.value();
    if (!value.same(raised) && attribute_or_empty(value.ptr(), "__context__").is_none())
      set_attribute(value, "__context__", raised);
    throw;
  }
}

/// Writes to sys.stderr, if there is one.
LATEPY_COLD inline void write_to_stderr(const std::string& text) {
  const ColdObject stream = Object::borrow(api().Sys_GetObject("stderr"));
  if (!stream.is_empty() && !stream.is_none()) call_attribute(stream, "write", {make_str(text)});
}

}  // namespace detail

[[noreturn]] LATEPY_FUNC LATEPY_COLD void raise_exception(const Ref& exception, const Ref& cause) {
  const Object raised = detail::exception_of(exception, "raise_exception(): what is raised");
  if (cause.is_none())
    detail::set_attribute(raised, "__cause__", cause);
  else if (!cause.is_empty())
    detail::set_attribute(raised, "__cause__", detail::exception_of(cause, "raise_exception(): the cause"));
  detail::set_raised(raised);
  detail::throw_python_error();
}

LATEPY_FUNC LATEPY_COLD int PythonError::exit_code() const {
  if (!is("SystemExit")) return 1;
  if (!data_->read) return 1;  // C++ made it, with a text
  if (const std::optional<GilGuard> gil = detail::enter(*data_.get())) {
    const Object code = detail::attribute_or_empty(data_->value.ptr(), "code");
    if (code.is_none()) return 0;
    const bool is_int = !code.is_empty() && detail::has_flag(code.ptr(), detail::type_is_int);
    return is_int ? detail::int_at(data_->value.ptr(), "code") : 1;
  }
  const std::string& text = message();  // the interpreter has ended
  if (text.empty() || text == "None") return 0;
  const std::size_t sign = text[0] == '-';
  const bool is_number =
      text.size() > sign && text.size() < 10 && text.find_first_not_of("0123456789", sign) == text.npos;
  return is_number ? std::atoi(text.c_str()) : 1;
}

LATEPY_FUNC LATEPY_COLD void PythonError::print() const noexcept {
  using detail::api;
  try {
    const std::optional<GilGuard> gil = data_->read ? detail::enter(*data_.get()) : GilGuard::try_acquire();
    if (!gil) {
      std::fputs(traceback().c_str(), stderr);
      return;
    }
    const detail::ErrorAside aside;
    const Object error = value();
    if (is("SystemExit")) {
      const Object code = detail::attribute_or_empty(error.ptr(), "code");
      if (code.is_empty() || code.is_none() || detail::has_flag(code.ptr(), detail::type_is_int)) return;
      return detail::write_to_stderr(detail::str_or_excuse(code.ptr()) + "\n");
    }
    PyObject* const hook = api().Sys_GetObject("excepthook");
    // Python's own hook does not find the lines of code that came from text before 3.13.
    if (!hook || hook == api().Sys_GetObject("__excepthook__")) return detail::write_to_stderr(traceback());
    detail::ColdObject trace = Object::steal(api().Exception_GetTraceback(error.ptr()));
    if (trace.is_empty()) trace = Object::borrow(api().NoneStruct);
    detail::call_plain(Object::borrow(hook), {Ref(detail::as_object(detail::type_of(error.ptr()))), error, trace});
  } catch (const PythonError& failed) {
    failed.report();
  } catch (...) {  // no memory, or a C++ exception of a hook that the program made
    const std::optional<GilGuard> gil = GilGuard::try_acquire();
    if (!gil) return;
    const detail::ErrorAside aside;
    detail::translate_exception();
    api().Err_WriteUnraisable(nullptr);
  }
}
#endif

}  // namespace v1
}  // namespace latepy
