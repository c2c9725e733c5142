// latepy/host/detail/function/overload.hpp: Overload, one signature of a host function and the callable behind it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

enum class ParameterKind : unsigned char { positional_only, usual, named_only, args, kwargs };
/// What is known of a parameter's or result's C++ type when the program runs.
struct ParameterType {
  std::string (*python)(Direction);                     ///< its Python name
  void (*explain)(PyObject* value);                     ///< throws why the value does not convert
  ParameterKind kind = ParameterKind::positional_only;  ///< or a catch-all
};
struct Parameter {
  std::string name;
  Object key;            ///< the name as an interned str
  Object default_value;  ///< empty where there is none
  ParameterKind kind = ParameterKind::positional_only;
  const ParameterType* type = nullptr;
};

/// A callable of any type, in place where it is small. Its type is known to those who use it; no virtual function is
/// needed, whose table and type name would be as many and as long as there are host functions.
class Callable {
 public:
  Callable() = default;
  Callable(const Callable&) = delete;
  ~Callable() noexcept(false) {  // destructors of what lambdas capture may throw
    if (destroy_) destroy_(place_);
  }
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

/// One signature of a host function.
struct Overload {
  /// Converts the arguments, which lie in the order of the parameters, and calls. Null with `failed` 0: Python's error
  /// is set. Null with another `failed`: that argument, from 1, does not fit, and no error is set.
  using Invoke = PyObject* (*)(Overload&, PyObject* const* arguments, std::size_t& failed);

  Overload(const std::string& name, const OverloadType& type);
  Overload(const Overload&) = delete;
  ~Overload() noexcept(false);

  Invoke invoke;
  std::vector<Parameter> parameters;
  const ParameterType* result;
  std::string name, doc;
  std::string shown_name;    ///< in texts: "Vec.length", and "Vec" for its constructor
  bool is_method;            ///< the first parameter is `self`
  bool is_operator = false;  ///< what does not fit gives NotImplemented
  std::unique_ptr<Overload> next;
  Callable callable;
};
/// What is known of an overload when it is compiled.
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
