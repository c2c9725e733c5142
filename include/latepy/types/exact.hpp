// latepy/types/exact.hpp: Decimal and Fraction, which convert to decimal.Decimal and fractions.Fraction and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/reads_value.hpp>

namespace latepy {
inline namespace v1 {

/// A decimal number as its text, which has all digits: a decimal type of the program is made of it, and scaled() gives
/// integers, such as cents.
struct Decimal {
  /// As Python writes it: "-12.340", "1E+5", "NaN", "Infinity".
  std::string text = "0";

  /// The number times 10 to the power of `places`: 1234 for "12.34" and 2. Needs no GIL. \throws ValueError if it has
  /// more places, or if it is no number: NaN or Infinity; OverflowError if it is out of range.
  long long scaled(int places) const;
  /// number / 10^places: "12.34" for 1234 and 2. Needs no GIL.
  static Decimal of_scaled(long long number, int places) {
    return {std::to_string(number) + "E" + std::to_string(-static_cast<long long>(places))};
  }
};

/// A fraction. Those that come from Python have no common divisor, and a positive denominator.
struct Fraction {
  long long numerator = 0;    ///< may be negative
  long long denominator = 1;  ///< must not be 0

  ///@{
  /// Whether both numbers are the same: 1/2 is not 2/4 here.
  friend bool operator==(const Fraction& a, const Fraction& b) noexcept {
    return a.numerator == b.numerator && a.denominator == b.denominator;
  }
  friend bool operator!=(const Fraction& a, const Fraction& b) noexcept { return !(a == b); }
  ///@}
};

/// A decimal.Decimal, in both directions, with all of its digits. From Python also an int. A float is refused, because
/// it is no exact decimal number. \throws ConversionError if the text is no number; where the thread's decimal context
/// does not trap InvalidOperation, it is NaN.
template <>
struct Converter<Decimal> : detail::ReadsValue<Decimal, Converter<Decimal>> {
  static constexpr const char* name = "latepy::Decimal";
  static std::string python_type() { return "decimal.Decimal"; }

  static Object to_py(const Decimal& decimal) {
    try {
      return type()(decimal.text);
    } catch (const PythonError& error) {
      if (!error.is("ArithmeticError")) throw;
      throw ConversionError("cannot convert the text " + detail::show_text(decimal.text, true) +
                            " to decimal.Decimal: it is no number");
    }
  }
  /// \returns null, or why the object is refused.
  static const char* read(const Ref& object, Decimal& decimal) {
    const Object type = Converter::type();
    const bool is_decimal =
        detail::api().Type_IsSubtype(detail::type_of(object.ptr()), reinterpret_cast<PyTypeObject*>(type.ptr()));
    if (!is_decimal && !detail::api().Index_Check(object.ptr()))
      return detail::api().Type_IsSubtype(detail::type_of(object.ptr()), detail::api().Float_Type)
                 ? "a float is no exact decimal number: pass decimal.Decimal(str(x)), or round it first"
                 : "it is neither a decimal.Decimal nor an int";
    const Object exact =
        is_decimal ? Object(object) : type(detail::steal_or_throw(detail::api().Number_Index(object.ptr())));
    decimal.text = type.attr("__str__")(exact).as<std::string>();  // not that of a derived class
    return nullptr;
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::instance_fit(object, "decimal", "Decimal"); }

 private:
  static Object type() { return detail::get_attribute(detail::known_module("decimal"), "Decimal"); }
};

/// A fractions.Fraction, in both directions. From Python also an int and what else is a numbers.Rational.
/// \throws ConversionError if the denominator is 0, or if a number is out of range.
template <>
struct Converter<Fraction> : detail::ReadsValue<Fraction, Converter<Fraction>> {
  static constexpr const char* name = "latepy::Fraction";
  static std::string python_type() { return "fractions.Fraction"; }

  static Object to_py(const Fraction& fraction) {
    if (fraction.denominator == 0)
      throw ConversionError("cannot convert " + std::to_string(fraction.numerator) +
                            "/0 to fractions.Fraction: the denominator is 0");
    return detail::get_attribute(detail::known_module("fractions"), "Fraction")(fraction.numerator,
                                                                                fraction.denominator);
  }
  /// \returns null, or why the object is refused.
  static const char* read(const Ref& object, Fraction& fraction) {
    if (!detail::is_instance_of(object.ptr(), "numbers", "Rational"))
      return "it is neither a fractions.Fraction nor an int";
    const auto numerator = object.attr("numerator").try_as<long long>(),
               denominator = object.attr("denominator").try_as<long long>();
    if (!numerator || !denominator) return "out of range of long long";
    if (*denominator < 1) return "its denominator is not positive";
    fraction = {*numerator, *denominator};
    return nullptr;
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::instance_fit(object, "fractions", "Fraction"); }
};

// \cond
inline long long Decimal::scaled(int places) const {
  const char* at = text.c_str();
  const bool is_negative = *at == '-';
  if (*at == '-' || *at == '+') ++at;
  std::string digits;
  long long after = 0;  // digits after the point
  bool is_after = false, is_number = false;
  for (; (*at >= '0' && *at <= '9') || (*at == '.' && !is_after); ++at) {
    if (*at == '.') {
      is_after = true;
      continue;
    }
    is_number = true;
    digits += *at;
    after += is_after;
  }
  long long exponent = 0;
  if (is_number && (*at == 'E' || *at == 'e')) {
    ++at;
    const bool is_down = *at == '-';
    if (*at == '-' || *at == '+') ++at;
    for (is_number = false; *at >= '0' && *at <= '9'; ++at) {
      is_number = true;
      if (exponent < 1'000'000'000'000) exponent = exponent * 10 + (*at - '0');
    }
    if (is_down) exponent = -exponent;
  }
  const auto shown = [&] { return "the Decimal " + detail::show_text(text, false); };
  if (!is_number || at != text.c_str() + text.size()) throw ValueError(shown() + " is no finite number");
  const std::size_t leading = digits.find_first_not_of('0');
  if (leading == digits.npos) return 0;
  digits.erase(0, leading);
  long long zeros = exponent - after + places;
  for (; zeros < 0 && digits.back() == '0'; ++zeros) digits.pop_back();
  if (zeros < 0)
    throw ValueError(shown() + " has more than " + std::to_string(places) + " places: round it first (quantize)");
  constexpr long long most_digits = 19;
  const auto too_large = [&] { return OverflowError(shown() + " has too many digits for 64 bits"); };
  if (zeros > most_digits || static_cast<long long>(digits.size()) + zeros > most_digits) throw too_large();
  digits.append(static_cast<std::size_t>(zeros), '0');
  unsigned long long number = 0;  // 19 digits are less than 2^64
  for (const char each : digits) number = number * 10 + static_cast<unsigned>(each - '0');
  constexpr auto most = static_cast<unsigned long long>((std::numeric_limits<long long>::max)());
  if (number > most + (is_negative ? 1 : 0)) throw too_large();
  return is_negative ? -static_cast<long long>(number - 1) - 1 : static_cast<long long>(number);
}
// \endcond

}  // namespace v1
}  // namespace latepy
