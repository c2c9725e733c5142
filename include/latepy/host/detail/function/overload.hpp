// latepy/host/detail/function/overload.hpp: Overload, one C++ callable of a host function, with its parameters.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>
#include <latepy/core/detail/fit.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How a parameter is given; `args` and `kwargs` are Args and Kwargs.
enum class ParameterKind : unsigned char { positional_only, usual, named_only, args, kwargs };
/// The C++ type of a parameter or result, for use at run time.
struct ParameterType {
  std::string (*python)(Direction);                     ///< its Python annotation
  void (*explain)(PyObject* value);                     ///< throws the reason why the value does not convert
  ParameterKind kind = ParameterKind::positional_only;  ///< or args, or kwargs
  Fit (*fit)(PyObject* value) noexcept = nullptr;       ///< how near it is; null if it takes objects as they are
};
/// A parameter of an overload.
struct Parameter {
  std::string name{};
  Object key{};            ///< the name as an interned str
  Object default_value{};  ///< empty if there is none
  ParameterKind kind = ParameterKind::positional_only;
  const ParameterType* type = nullptr;
};

/// Owns a callable of any type; stores it inside if it has at most two words. The user of as<F>() must know F. Has no
/// virtual functions, so that there is no vtable and no type name in the program for each host function.
class Callable {
 public:
  Callable() = default;
  Callable(const Callable&) = delete;
  Callable& operator=(const Callable&) = delete;
  ~Callable() noexcept(false) {  // destructors of what lambdas capture may throw
    if (destroy_) destroy_(place_);
  }
  /// Moves the callable in. Call it once.
  template <class F>
  void emplace(F&& callable) {
    if constexpr (is_small<F>)
      new (place_) F(std::move(callable));
    else
      place_[0] = new F(std::move(callable));
    if constexpr (!is_small<F> || !std::is_trivially_destructible_v<F>)
      destroy_ = [](void** place) {
        if constexpr (is_small<F>)
          std::launder(reinterpret_cast<F*>(place))->~F();
        else
          delete static_cast<F*>(*place);
      };
  }
  /// The callable. F must be the type that emplace() got.
  template <class F>
  F& as() noexcept {
    if constexpr (is_small<F>)
      return *std::launder(reinterpret_cast<F*>(place_));
    else
      return *static_cast<F*>(place_[0]);
  }

 private:
  void* place_[2];
  void (*destroy_)(void** place) = nullptr;
  template <class F>
  static constexpr bool is_small = sizeof(F) <= sizeof place_ && alignof(F) <= alignof(void*);
};

struct OverloadType;

/// One C++ callable of a host function, with its parameters.
struct Overload {
  /// Converts the arguments, one for each parameter, and calls the callable. \returns a new reference, or null. Then:
  /// `failed` 0: Python's error is set. `failed` N: the N-th argument does not fit, and no error is set.
  using Invoke = PyObject* (*)(Overload&, PyObject* const* arguments, std::size_t& failed);

  Overload(const std::string& name, const OverloadType& type);
  Overload(const Overload&) = delete;
  Overload& operator=(const Overload&) = delete;
  ~Overload() noexcept(false);

  Invoke invoke;
  std::vector<Parameter> parameters;
  const ParameterType* result;
  std::string name, doc{};
  std::string shown_name{};          ///< the name in error texts: "Vec.length"; "Vec" for a constructor
  bool is_method;                    ///< the first parameter is `self`
  bool is_operator = false;          ///< returns NotImplemented if the arguments do not fit
  std::unique_ptr<Overload> next{};  ///< the next overload of the function, or null
  Callable callable{};
};
/// The parts of an overload that are known at compile time.
struct OverloadType {
  Overload::Invoke invoke;
  bool is_method;
  const ParameterType* result;
  const ParameterType* const* parameters;
  std::size_t count;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Overload::Overload(const std::string& called, const OverloadType& type)
    : invoke(type.invoke), parameters(type.count), result(type.result), name(called), is_method(type.is_method) {
  for (std::size_t i = 0; i < type.count; ++i) {
    parameters[i].type = type.parameters[i];
    parameters[i].kind = type.parameters[i]->kind;
    if (parameters[i].kind == ParameterKind::args) parameters[i].name = "args";
    if (parameters[i].kind == ParameterKind::kwargs) parameters[i].name = "kwargs";
  }
}
LATEPY_FUNC LATEPY_COLD Overload::~Overload() noexcept(false) {}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
