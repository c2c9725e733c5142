// latepy/stl/function.hpp: converts std::function to Python functions, and Python callables to std::function.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/function.hpp>
#include <latepy/stl/detail/name.hpp>

#include <functional>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char function_name[] = "std::function";

/// The callable inside of a std::function that calls Python. Copies share one reference, so copying needs no GIL.
template <class R, class... A>
struct PythonFunction {
  std::shared_ptr<const Function<R(A...)>> callable;

  R operator()(A... arguments) const {
    const GilGuard::Maybe gil(!detail::holds_gil(), callable->object());
    return (*callable)(std::forward<A>(arguments)...);
  }
};

}  // namespace detail

/// To Python: a function, or None if empty. From Python: a callable, or None for an empty one.
/// A std::function of a Python callable takes the GIL itself. It can be called, copied and destroyed on any thread.
/// Arguments that are references or pointers to bound classes are lent for the call, as by Borrowed. A call throws
/// PythonError if the callable raises, and StateError after the interpreter stopped.
template <class R, class... A>
struct Converter<std::function<R(A...)>> {
  using Function = std::function<R(A...)>;
  static constexpr const char* name = detail::template_name<detail::function_name, R(A...)>;
  static std::string python_type(detail::Direction direction) { return detail::callable_type<R, A...>(direction); }

  static Object to_py(Function function) {
    if (!function) return detail::none();
#ifdef __cpp_rtti
    if (const auto* python = function.template target<detail::PythonFunction<R, A...>>())
      return python->callable->object();
#endif
    return detail::make_callable("function", std::move(function));
  }
  static Function from_py(Ref object) {
    std::optional<Function> result;
    if (!convert(object.checked(), result)) detail::throw_mismatch(object.ptr(), name, "it is not callable");
    return *std::move(result);
  }
  static bool try_from_py(Ref object, std::optional<Function>& result) {
    return detail::try_load(result, [&] { return convert(object.ptr(), result); });
  }

  static detail::Fit fit(PyObject* object) noexcept { return detail::callable_fit(object); }
  static void visit([[maybe_unused]] Function& function, [[maybe_unused]] detail::Visitor& visitor) {
#ifdef __cpp_rtti
    const auto* const python = function.template target<detail::PythonFunction<R, A...>>();
    if (python && python->callable.use_count() == 1) visitor.held(python->callable->object(), function);
#endif
  }

 private:
  static bool convert(PyObject* object, std::optional<Function>& result) {
    if (object == detail::api().NoneStruct)
      result.emplace();
    else if (detail::api().Callable_Check(object))
      result.emplace(detail::PythonFunction<R, A...>{std::make_shared<const latepy::Function<R(A...)>>(Ref(object))});
    return result.has_value();
  }
};

}  // namespace v1
}  // namespace latepy
