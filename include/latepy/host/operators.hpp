// latepy/host/operators.hpp: `self`, which defines operators of bound classes: def(py::self + py::self).
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/class.hpp>

namespace latepy {
inline namespace v1 {

/// The type of `self`, for operators in Class::def(). The value of the other operand is not used, only its type:
///   .def(py::self + py::self).def(py::self * double()).def(2.0 * py::self).def(-py::self).def(py::self += py::self)
/// Operators: + - * / % << >> & | ^ == != < <= > >=, in place += -= *= /= %=, and unary - + ~.
struct Self {};

namespace detail {

/// The parameter type for an operand: a reference to T for Self, else a reference to the operand's own type.
template <class T, class Operand>
using operand = std::conditional_t<std::is_same_v<Operand, Self>, const T&, const Operand&>;

/// The operator O with the operand types L and R, one of which is Self. R is void for a unary operator.
template <class O, class L, class R>
struct SelfOperator {
  /// The method of T that does it.
  template <class T>
  std::unique_ptr<Overload> make() const {
    using A = operand<T, L>;
    if constexpr (std::is_void_v<R>) {
      return make_overloads<T>(O::name, [](A value) { return O::apply(value); });
    } else if constexpr (O::is_in_place) {
      return make_overloads<T>(O::name, [](T& left, operand<T, R> right) -> T& { return O::apply(left, right); });
    } else if constexpr (std::is_same_v<L, Self>) {
      return make_overloads<T>(O::name, [](const T& left, operand<T, R> right) { return O::apply(left, right); });
    } else {
      return make_overloads<T>(O::reflected, [](const T& right, A left) { return O::apply(left, right); });
    }
  }
};

}  // namespace detail

/// \cond
#define LATEPY_BINARY(NAME, REFLECTED, SYMBOL)                                                                \
  namespace detail {                                                                                          \
  struct Operator_##NAME {                                                                                    \
    static constexpr const char *name = "__" #NAME "__", *reflected = "__" #REFLECTED "__";                   \
    static constexpr bool is_in_place = false;                                                                \
    template <class A, class B>                                                                               \
    static auto apply(const A& a, const B& b) {                                                               \
      return a SYMBOL b;                                                                                      \
    }                                                                                                         \
  };                                                                                                          \
  }                                                                                                           \
  inline detail::SelfOperator<detail::Operator_##NAME, Self, Self> operator SYMBOL(Self, Self) { return {}; } \
  template <class T>                                                                                          \
  detail::SelfOperator<detail::Operator_##NAME, Self, T> operator SYMBOL(Self, const T&) {                    \
    return {};                                                                                                \
  }                                                                                                           \
  template <class T>                                                                                          \
  detail::SelfOperator<detail::Operator_##NAME, T, Self> operator SYMBOL(const T&, Self) {                    \
    return {};                                                                                                \
  }
LATEPY_BINARY(add, radd, +)
LATEPY_BINARY(sub, rsub, -)
LATEPY_BINARY(mul, rmul, *)
LATEPY_BINARY(truediv, rtruediv, /)
LATEPY_BINARY(mod, rmod, %)
LATEPY_BINARY(lshift, rlshift, <<)
LATEPY_BINARY(rshift, rrshift, >>)
LATEPY_BINARY(and, rand, &)
LATEPY_BINARY(or, ror, |)
LATEPY_BINARY(xor, rxor, ^)
LATEPY_BINARY(eq, eq, ==)
LATEPY_BINARY(ne, ne, !=)
LATEPY_BINARY(lt, gt, <)
LATEPY_BINARY(le, ge, <=)
LATEPY_BINARY(gt, lt, >)
LATEPY_BINARY(ge, le, >=)
#undef LATEPY_BINARY

#define LATEPY_IN_PLACE(NAME, SYMBOL)                                                                          \
  namespace detail {                                                                                           \
  struct Operator_##NAME {                                                                                     \
    static constexpr const char* name = "__" #NAME "__";                                                       \
    static constexpr bool is_in_place = true;                                                                  \
    template <class A, class B>                                                                                \
    static A& apply(A& a, const B& b) {                                                                        \
      a SYMBOL b;                                                                                              \
      return a;                                                                                                \
    }                                                                                                          \
  };                                                                                                           \
  }                                                                                                            \
  inline detail::SelfOperator<detail::Operator_##NAME, Self, Self> operator SYMBOL(const Self&, const Self&) { \
    return {};                                                                                                 \
  }                                                                                                            \
  template <class T>                                                                                           \
  detail::SelfOperator<detail::Operator_##NAME, Self, T> operator SYMBOL(const Self&, const T&) {              \
    return {};                                                                                                 \
  }
LATEPY_IN_PLACE(iadd, +=)
LATEPY_IN_PLACE(isub, -=)
LATEPY_IN_PLACE(imul, *=)
LATEPY_IN_PLACE(itruediv, /=)
LATEPY_IN_PLACE(imod, %=)
#undef LATEPY_IN_PLACE

#define LATEPY_UNARY(NAME, SYMBOL)                       \
  namespace detail {                                     \
  struct Operator_##NAME {                               \
    static constexpr const char* name = "__" #NAME "__"; \
    template <class A>                                   \
    static auto apply(const A& a) {                      \
      return SYMBOL a;                                   \
    }                                                    \
  };                                                     \
  }                                                      \
  inline detail::SelfOperator<detail::Operator_##NAME, Self, void> operator SYMBOL(Self) { return {}; }
LATEPY_UNARY(neg, -)
LATEPY_UNARY(pos, +)
LATEPY_UNARY(invert, ~)
#undef LATEPY_UNARY
/// \endcond

/// An object of the class, in expressions for Class::def(). Defined last, so that it hides nothing above.
inline constexpr Self self{};

}  // namespace v1
}  // namespace latepy
