// latepy/core/operators.hpp: operators of Ref and Object: comparison, arithmetic, in-place arithmetic; compare().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/proxy.hpp>

namespace latepy {
inline namespace v1 {

/// The operators of compare(). The values are CPython's (Py_LT to Py_GE, Include/object.h).
enum class Op : int {
  lt = 0,  ///< `<`
  le = 1,  ///< `<=`
  eq = 2,  ///< `==`
  ne = 3,  ///< `!=`
  gt = 4,  ///< `>`
  ge = 5   ///< `>=`
};

namespace detail {

/// An operand of an operator: any value that to_py() converts. With OthersOnly it takes no Ref, Object or Proxy, so
/// that each pair of operands has exactly one overload.
template <bool OthersOnly>
class ValueOf {
 public:
  template <class T, class = std::enable_if_t<!std::is_base_of_v<ValueOf, plain<T>> &&
                                              (!OthersOnly || (!is_handle<T> && !is_proxy<T>))>>
  ValueOf(T&& value) : argument_(std::forward<T>(value)) {}
  PyObject* ptr() const noexcept { return argument_.object(); }

 private:
  Argument argument_;
};
using Value = ValueOf<false>;
using Other = ValueOf<true>;

/// The truth value of Python's comparison.
inline bool compare_bool(PyObject* a, PyObject* b, Op op) {
  const Object result = steal_or_throw(api().Object_RichCompare(a, b, static_cast<int>(op)));
  return check_result(api().Object_IsTrue(result.ptr())) != 0;
}

}  // namespace detail

/// \name Operators
/// Python's operators for Python objects and C++ values, which are converted by to_py(). At least one operand is a Ref,
/// Object or Proxy. Need the GIL. \throws PythonError, ConversionError.
///@{
// There is exactly one overload for each pair of operand types. C++20 also tries a comparison with its operands
// exchanged, and a second overload would make it ambiguous.

/// Python's operator of this name. A comparison gives the truth value of the result; compare() gives the result itself.
#define LATEPY_OPERATOR(RESULT, SYMBOL, EXPRESSION)                            \
  inline RESULT operator SYMBOL(const Ref& left, const Ref& right) {           \
    PyObject *a = left.checked(), *b = right.checked();                        \
    return EXPRESSION;                                                         \
  }                                                                            \
  inline RESULT operator SYMBOL(const Ref& left, const detail::Other& right) { \
    PyObject *a = left.checked(), *b = right.ptr();                            \
    return EXPRESSION;                                                         \
  }                                                                            \
  inline RESULT operator SYMBOL(const detail::Other& left, const Ref& right) { \
    PyObject *a = left.ptr(), *b = right.checked();                            \
    return EXPRESSION;                                                         \
  }
LATEPY_OPERATOR(bool, ==, detail::compare_bool(a, b, Op::eq))
LATEPY_OPERATOR(bool, !=, detail::compare_bool(a, b, Op::ne))
LATEPY_OPERATOR(bool, <, detail::compare_bool(a, b, Op::lt))
LATEPY_OPERATOR(bool, <=, detail::compare_bool(a, b, Op::le))
LATEPY_OPERATOR(bool, >, detail::compare_bool(a, b, Op::gt))
LATEPY_OPERATOR(bool, >=, detail::compare_bool(a, b, Op::ge))
LATEPY_OPERATOR(Object, +, detail::steal_or_throw(detail::api().Number_Add(a, b)))
LATEPY_OPERATOR(Object, -, detail::steal_or_throw(detail::api().Number_Subtract(a, b)))
LATEPY_OPERATOR(Object, *, detail::steal_or_throw(detail::api().Number_Multiply(a, b)))
LATEPY_OPERATOR(Object, /, detail::steal_or_throw(detail::api().Number_TrueDivide(a, b)))
LATEPY_OPERATOR(Object, %, detail::steal_or_throw(detail::api().Number_Remainder(a, b)))
LATEPY_OPERATOR(Object, <<, detail::steal_or_throw(detail::api().Number_Lshift(a, b)))
LATEPY_OPERATOR(Object, >>, detail::steal_or_throw(detail::api().Number_Rshift(a, b)))
LATEPY_OPERATOR(Object, &, detail::steal_or_throw(detail::api().Number_And(a, b)))
LATEPY_OPERATOR(Object, |, detail::steal_or_throw(detail::api().Number_Or(a, b)))
LATEPY_OPERATOR(Object, ^, detail::steal_or_throw(detail::api().Number_Xor(a, b)))
#undef LATEPY_OPERATOR

inline Object operator-(const Ref& value) {
  return detail::steal_or_throw(detail::api().Number_Negative(value.checked()));
}
inline Object operator+(const Ref& value) {
  return detail::steal_or_throw(detail::api().Number_Positive(value.checked()));
}
inline Object operator~(const Ref& value) {
  return detail::steal_or_throw(detail::api().Number_Invert(value.checked()));
}

///@}

/// Defines an in-place operator of Object; undefined below.
#define LATEPY_IN_PLACE(SYMBOL, FUNCTION)                                                  \
  inline Object& Object::operator SYMBOL(const detail::Value& value) {                     \
    return *this = detail::steal_or_throw(detail::api().FUNCTION(checked(), value.ptr())); \
  }
LATEPY_IN_PLACE(+=, Number_InPlaceAdd)
LATEPY_IN_PLACE(-=, Number_InPlaceSubtract)
LATEPY_IN_PLACE(*=, Number_InPlaceMultiply)
LATEPY_IN_PLACE(/=, Number_InPlaceTrueDivide)
LATEPY_IN_PLACE(%=, Number_InPlaceRemainder)
LATEPY_IN_PLACE(<<=, Number_InPlaceLshift)
LATEPY_IN_PLACE(>>=, Number_InPlaceRshift)
LATEPY_IN_PLACE(&=, Number_InPlaceAnd)
LATEPY_IN_PLACE(|=, Number_InPlaceOr)
LATEPY_IN_PLACE(^=, Number_InPlaceXor)
#undef LATEPY_IN_PLACE

/// Python's comparison, with its result as an object: numpy gives an array of bools. Needs the GIL. \throws
/// PythonError.
inline Object compare(const detail::Value& left, Op op, const detail::Value& right) {
  return detail::steal_or_throw(detail::api().Object_RichCompare(left.ptr(), right.ptr(), static_cast<int>(op)));
}

}  // namespace v1
}  // namespace latepy
