// latepy/host/function.hpp: def() and overload() make Python functions of C++ ones; Function calls Python from C++.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/define.hpp>
#include <latepy/host/detail/function/lent_argument.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {

/// \throws ConversionError if the object cannot be called. `wanted` is the C++ type for its text.
void check_callable(const Object& object, std::string_view wanted);

/// Fit of Function and std::function: anything that can be called.
inline Fit callable_fit(PyObject* object) noexcept { return api().Callable_Check(object) ? Fit::kin : Fit::other; }

/// The annotation of a callable: "collections.abc.Callable[[A], R]". `direction` is that of the callable itself.
template <class R, class... A>
LATEPY_COLD std::string callable_type(Direction direction) {
  std::string text;
  ((text += concat({text.empty() ? "" : ", ", python_type<A>(opposite(direction))})), ...);
  return concat({"collections.abc.Callable[[", text, "], ", python_type<R>(direction), "]"});
}

}  // namespace detail

/// A Python callable with fixed C++ types, for many calls:
///   const py::Function<double(double, double)> hypot(python.get("math.hypot"));
///   const double length = hypot(3, 4);
/// An argument that is a reference or pointer to a bound class is lent for the call, as by Borrowed. Other arguments
/// are converted. All members need the GIL. A std::function (stl/function.hpp) takes the GIL itself.
template <class R, class... A>
class Function<R(A...)> {
  static_assert(!detail::borrows<R>,
                "a Function returns a value: a view would point into an object that is dropped after the call");

 public:
  /// Empty: a call throws StateError.
  Function() noexcept = default;
  /// \throws ConversionError if the object cannot be called.
  explicit Function(Object callable) : callable_(std::move(callable)) {
    detail::check_callable(callable_, detail::spelled_name<Function>());
  }
  /// As above; makes a reference of its own.
  explicit Function(const Ref& callable) : Function(Object(callable)) {}

  /// Calls it and converts the result. \throws PythonError if the callable raises; ConversionError if the result does
  /// not convert to R, or if R is or has a pointer to a C++ object that ended with the result; StateError if this is
  /// empty or its interpreter has ended.
  R operator()(A... arguments) const {
    const detail::Callee<R> callee(callable_.checked());
    return detail::result_into_cpp<R>(
        detail::throw_if_null(call(detail::Passed<A>{std::forward<A>(arguments)}.get()...)), callee.get());
  }
  /// Calls it. The Result holds R, or the exception that was raised.
  Result<R> try_call(A... arguments) const {
    callable_.checked();
    return callable_.try_call<R>(detail::Passed<A>{std::forward<A>(arguments)}.get()...);
  }
  ///@{
  /// The Python callable; empty if there is none.
  const Object& object() const& noexcept { return callable_; }
  Object object() && noexcept { return std::move(callable_); }
  ///@}
  /// Whether there is a callable.
  explicit operator bool() const noexcept { return !callable_.is_empty(); }

 private:
  template <class... P>
  PyObject* call(P&&... passed) const {
    return detail::call_with(callable_.ptr(), nullptr, std::forward<P>(passed)...);
  }
  Object callable_{};
};

/// Function as a parameter or result of host functions, and in `as<Function<R(A...)>>()`.
template <class R, class... A>
struct Converter<Function<R(A...)>> {
  static std::string python_type(detail::Direction direction) { return detail::callable_type<R, A...>(direction); }
  static Object to_py(const Function<R(A...)>& function) {
    function.object().checked();
    return function.object();
  }
  static Function<R(A...)> from_py(Ref object) { return Function<R(A...)>(object); }
  static bool try_from_py(Ref object, std::optional<Function<R(A...)>>& result) {
    if (detail::api().Callable_Check(object.ptr())) result.emplace(object);
    return result.has_value();
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::callable_fit(object); }
  static void visit(Function<R(A...)>& function, detail::Visitor& visitor) {
    visitor.held(function.object(), function);
  }
};

/// Several callables for one def(). Of those whose parameters accept the arguments, a call runs the first one
/// - whose parameters are the C++ types for the arguments' own types: int for 3, double for 1.5;
/// - else whose parameters are of the same kind: int for True, a base class for its derived class;
/// - else that accepts the arguments.
/// A parameter that takes any object counts only if there is no other one.
///   python.def("area", py::overload([](double side) {…}, [](double width, double height) {…}))
template <class... F>
detail::OverloadSet<std::decay_t<F>...> overload(F&&... callables) {
  static_assert((detail::IsCppCallable<F>::value && ...));
  return {std::tuple<std::decay_t<F>...>(std::forward<F>(callables)...)};
}
/// A callable for overload() with its own names, defaults, doc string and tags.
///   py::overload(area_of_square, py::with(area_of_rectangle, "width"_a, "height"_a = 1.0))
template <class F, class... X>
detail::WithExtras<std::decay_t<F>, std::decay_t<X>...> with(F&& callable, X&&... extras) {
  static_assert(detail::IsCppCallable<F>::value);
  return {std::forward<F>(callable), std::tuple<std::decay_t<X>...>(std::forward<X>(extras)...)};
}

template <class OverloadedNeedsStaticCast, class... X>
const Ref& Ref::def(const std::string& name, OverloadedNeedsStaticCast&& callable, X&&... extras) const {
  detail::check_running();
  const detail::Target target(*this);
  target.set(name,
             target.function(name, detail::make_overloads<void>(name, std::forward<OverloadedNeedsStaticCast>(callable),
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
