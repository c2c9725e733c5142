// latepy/host/function.hpp: C++ callables as Python functions (def, overload); Function<R(A…)>, the other way round.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/define.hpp>
#include <latepy/host/detail/function/lent_argument.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {

void check_callable(const Object& object, std::string_view wanted);

/// How annotations call a callable that is given A and gives R.
template <class R, class... A>
LATEPY_COLD std::string callable_type(Direction direction) {
  std::string text;
  ((text += concat({text.empty() ? "" : ", ", python_type<A>(opposite(direction))})), ...);
  return concat({"collections.abc.Callable[[", text, "], ", python_type<R>(direction), "]"});
}

}  // namespace detail

/// A Python callable as a C++ function of fixed types: found once, called many times.
///   const py::Function<double(double, double)> hypot(python.get("math.hypot"));
///   const double length = hypot(3, 4);
/// Objects of bound classes that it is given by reference or pointer are lent for the call; what else it is given is
/// converted. Needs the GIL, as all objects do; a std::function (stl/function.hpp) takes it itself.
template <class R, class... A>
class Function<R(A...)> {
  static_assert(!std::is_reference_v<R> && !detail::borrows<R>,
                "a Python function gives a new value: nothing is left to refer to");

 public:
  /// Empty: a call throws StateError.
  Function() noexcept = default;
  /// \throws ConversionError where the object cannot be called.
  explicit Function(Object callable) : callable_(std::move(callable)) {
    detail::check_callable(callable_, detail::spelled_name<Function>());
  }
  explicit Function(const Ref& callable) : Function(Object(callable)) {}

  /// \throws what the callable raises; ConversionError where the result is no R.
  R operator()(A... arguments) const {
    callable_.checked();
    return detail::into_cpp<R>(detail::throw_if_null(call(detail::Passed<A>{std::forward<A>(arguments)}.get()...)));
  }
  /// The same with Python's exception as a value.
  Result<R> try_call(A... arguments) const {
    callable_.checked();
    return callable_.try_call<R>(detail::Passed<A>{std::forward<A>(arguments)}.get()...);
  }
  /// The callable itself.
  const Object& object() const noexcept { return callable_; }
  explicit operator bool() const noexcept { return !callable_.is_empty(); }

 private:
  template <class... P>
  PyObject* call(P&&... passed) const {
    return detail::call_with(callable_.ptr(), nullptr, std::forward<P>(passed)...);
  }
  Object callable_;
};

/// So that host functions can take one, and as<Function<…>>() gives one.
template <class R, class... A>
struct Converter<Function<R(A...)>> {
  static std::string python_type(detail::Direction direction) { return detail::callable_type<R, A...>(direction); }
  static Object to_py(const Function<R(A...)>& function) {
    function.object().checked();
    return function.object();
  }
  static Function<R(A...)> from_py(Ref object) { return Function<R(A...)>(object); }
  static bool try_from_py(Ref object, std::optional<Function<R(A...)>>& result) noexcept {
    if (detail::api().Callable_Check(object.ptr())) result.emplace(object);
    return result.has_value();
  }
};

/// Several callables as one function: the first whose parameters take the arguments is called.
///   python.def("area", py::overload([](double side) {…}, [](double width, double height) {…}))
template <class... F>
detail::OverloadSet<std::decay_t<F>...> overload(F&&... callables) {
  return {std::tuple<std::decay_t<F>...>(std::forward<F>(callables)...)};
}
/// A callable of an overload() with names, defaults and a doc string of its own.
template <class F, class... X>
detail::WithExtras<std::decay_t<F>, std::decay_t<X>...> with(F&& callable, X&&... extras) {
  return {std::forward<F>(callable), std::tuple<std::decay_t<X>...>(std::forward<X>(extras)...)};
}

template <class F, class... X>
const Ref& Ref::def(const std::string& name, F&& callable, X&&... extras) const {
  detail::check_running();
  const detail::Target target(*this);
  target.set(name, target.function(name, detail::make_overloads<void>(name, std::forward<F>(callable),
                                                                      std::forward<X>(extras)...)));
  return *this;
}

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD void check_callable(const Object& object, std::string_view wanted) {
  if (!api().Callable_Check(object.checked())) throw_mismatch(object.ptr(), wanted, "it is not callable");
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
