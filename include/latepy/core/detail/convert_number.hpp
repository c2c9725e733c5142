// latepy/core/detail/convert_number.hpp: the converters of None, bool, numbers and enums; part of core/convert.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/fit.hpp>
#include <latepy/core/detail/item_kind.hpp>

#include <limits>

namespace latepy {
inline namespace v1 {

/// None.
template <>
struct Converter<std::nullptr_t> : detail::ConverterBase<std::nullptr_t, Converter<std::nullptr_t>> {
  static constexpr const char* name = "None";
  static Object to_py(std::nullptr_t) { return detail::none(); }
  static bool load(PyObject* object, std::nullptr_t&) noexcept { return object == detail::api().NoneStruct; }
  static detail::Fit fit(PyObject* object) noexcept {
    return object == detail::api().NoneStruct ? detail::Fit::own : detail::Fit::other;
  }
};

/// bool accepts True and False, and one bool in memory: numpy's scalars, and arrays without dimensions. It refuses all
/// other objects; `explicit operator bool` of Object is their truth.
template <>
struct Converter<bool> : detail::ConverterBase<bool, Converter<bool>> {
  static Object to_py(bool value) { return Object::steal(store(value)); }
  static PyObject* store(bool value) noexcept {
    PyObject* const object = value ? detail::api().TrueStruct : detail::api().FalseStruct;
    detail::incref(object);
    return object;
  }
  static bool load(PyObject* object, bool& value) noexcept {
    value = object == detail::api().TrueStruct;
    return value || object == detail::api().FalseStruct || in_memory(object, value);
  }
  static detail::Fit fit(PyObject* object) noexcept {
    bool value;
    return load(object, value) ? detail::Fit::own : detail::Fit::other;
  }

 private:
  LATEPY_COLD static bool in_memory(PyObject* object, bool& value) noexcept {
    const detail::Scalar scalar = detail::read_scalar(object);
    value = scalar.truth;
    return scalar.form == detail::Scalar::one_item && scalar.kind == detail::ItemKind::boolean;
  }
};

namespace detail {
/// Why load() of an integer refused the object.
const char* why_no_integer(PyObject* object) noexcept;
/// Fit of an integer: own for an int; kin for a bool, a member of an IntEnum and what else has __index__.
inline Fit integer_fit(PyObject* object) noexcept {
  return is_exactly(object, api().Long_Type) ? Fit::own : api().Index_Check(object) ? Fit::kin : Fit::other;
}
/// Fit of a floating-point number of `size` bytes.
Fit floating_fit(PyObject* object, std::size_t size) noexcept;
}  // namespace detail

/// Integers of 8 to 64 bits, also signed char and unsigned char. They accept objects with __index__ whose value is in
/// range, so they refuse floats.
template <class T>
struct Converter<T, std::enable_if_t<detail::is_integer<T>>> : detail::ConverterBase<T, Converter<T>> {
  static Object to_py(T value) { return detail::steal_or_throw(store(value)); }
  static PyObject* store(T value) noexcept {
    if constexpr (std::is_signed_v<T>)
      return detail::api().Long_FromLongLong(value);
    else
      return detail::api().Long_FromUnsignedLongLong(value);
  }
  static LATEPY_FORCE_INLINE T get(PyObject* object) {
    long long digit = 0;
    if (LATEPY_LIKELY(detail::read_int(object, digit) && takes(digit))) return static_cast<T>(digit);
    return get_any(object);
  }
  static bool load(PyObject* object, T& value) noexcept {
    long long digit = 0;
    if (LATEPY_LIKELY(detail::read_int(object, digit))) {
      value = static_cast<T>(digit);
      return takes(digit);
    }
    return load_any(object, value);
  }
  static const char* why(PyObject* object) noexcept { return detail::why_no_integer(object); }
  static detail::Fit fit(PyObject* object) noexcept { return detail::integer_fit(object); }

 private:
  /// Stores `wide` in `value`. \returns whether it is in the range of T.
  static bool in_range(long long wide, T& value) noexcept {
    value = static_cast<T>(wide);
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(long long))
      return wide >= 0;
    else
      return wide >= static_cast<long long>((std::numeric_limits<T>::min)()) &&
             wide <= static_cast<long long>((std::numeric_limits<T>::max)());
  }
  /// Whether a result of read_int() is in the range of T. It has a sign and at most 30 bits.
  static LATEPY_FORCE_INLINE bool takes(long long digit) noexcept {
    if constexpr (sizeof(T) >= 4) {
      return std::is_signed_v<T> || digit >= 0;
    } else {
      T value;
      return in_range(digit, value);
    }
  }
  LATEPY_COLD static T get_any(PyObject* object) { return detail::ConverterBase<T, Converter<T>>::get(object); }
  LATEPY_COLD static bool load_any(PyObject* object, T& value) noexcept {
    const detail::Api& api = detail::api();
    if (!api.Index_Check(object)) return false;
    int overflow = 0;
    const long long wide = api.Long_AsLongLongAndOverflow(object, &overflow);
    if (wide == -1 && overflow == 0 && api.Err_Occurred()) return detail::only_a_mismatch(), false;
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(long long)) {
      if (overflow > 0) {
        const Object index = Object::steal(api.Number_Index(object));
        if (index.is_empty()) return false;
        value = static_cast<T>(api.Long_AsUnsignedLongLong(index.ptr()));
        return value != static_cast<T>(-1) || !api.Err_Occurred() || (api.Err_Clear(), false);
      }
    }
    return overflow == 0 && in_range(wide, value);
  }
};

#if LATEPY_INT128
namespace detail {
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
/// Converts 128-bit integers. std::is_integral does not include them with -std=c++17, but does with -std=gnu++17; these
/// converters are specializations, so they are chosen in both cases.
template <class T>
struct Wide : ConverterBase<T, Wide<T>> {
  static Object to_py(T value) {
    const bool negative = value < 0;
    const Object high =
        steal_or_throw(negative ? api().Long_FromLongLong(static_cast<long long>(value >> 64))
                                : api().Long_FromUnsignedLongLong(static_cast<unsigned long long>(value >> 64)));
    const Object low = steal_or_throw(api().Long_FromUnsignedLongLong(static_cast<unsigned long long>(value)));
    const Object shifted = steal_or_throw(api().Number_Lshift(high.ptr(), bits().ptr()));
    return steal_or_throw(api().Number_Or(shifted.ptr(), low.ptr()));
  }
  static bool load(PyObject* object, T& value) noexcept {
    if (!api().Index_Check(object)) return false;
    const Object index = Object::steal(api().Number_Index(object));
    if (index.is_empty()) return only_a_mismatch(), false;
    const Object high = Object::steal(api().Number_Rshift(index.ptr(), bits().ptr()));
    if (high.is_empty()) return false;
    using Half = std::conditional_t<(T(-1) < 0), long long, unsigned long long>;
    Half top = 0;
    if (!Converter<Half>::load(high.ptr(), top)) return false;
    const unsigned long long low = api().Long_AsUnsignedLongLongMask(index.ptr());
    value = static_cast<T>((static_cast<uint128>(top) << 64) | low);
    return true;
  }
  static const char* why(PyObject* object) noexcept { return why_no_integer(object); }
  static Fit fit(PyObject* object) noexcept { return integer_fit(object); }

 private:
  static Object bits() noexcept { return Object::steal(api().Long_FromLongLong(64)); }
};
}  // namespace detail
template <>
struct Converter<detail::int128> : detail::Wide<detail::int128> {
  static constexpr const char* name = "__int128";
};
template <>
struct Converter<detail::uint128> : detail::Wide<detail::uint128> {
  static constexpr const char* name = "unsigned __int128";
};
#endif

/// float, double and long double. They accept floats, ints and objects with __float__ or __index__, and refuse a finite
/// number that is out of range, complex numbers, and arrays with dimensions. long double has the precision of double.
template <class T>
struct Converter<T, std::enable_if_t<std::is_floating_point_v<T>>> : detail::ConverterBase<T, Converter<T>> {
  static Object to_py(T value) { return detail::steal_or_throw(store(value)); }
  static PyObject* store(T value) noexcept { return detail::api().Float_FromDouble(static_cast<double>(value)); }
  static LATEPY_FORCE_INLINE T get(PyObject* object) {
    if constexpr (sizeof(T) >= sizeof(double)) {
      double number = 0;
      if (LATEPY_LIKELY(detail::read_float(object, number))) return static_cast<T>(number);
    }
    return detail::ConverterBase<T, Converter<T>>::get(object);
  }
  static bool load(PyObject* object, T& value) noexcept {
    double number = 0;
    if (LATEPY_UNLIKELY(!detail::read_float(object, number))) {
      if (!detail::has_flag(object, detail::type_is_int) && !detail::is_real(object)) return false;
      number = detail::api().Float_AsDouble(object);
      if (LATEPY_UNLIKELY(number == -1.0) && detail::api().Err_Occurred()) {
        detail::only_a_mismatch();
        return false;
      }
    }
    value = static_cast<T>(number);
    if constexpr (sizeof(T) < sizeof(double))
      return !(number - number == 0.0) || value - value == 0.0f;  // a finite number stays finite
    return true;
  }
  static const char* why(PyObject* object) noexcept {
    return detail::has_flag(object, detail::type_is_int) || detail::is_exactly(object, detail::api().Float_Type)
               ? "out of range"
               : detail::why_no_number(object);
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::floating_fit(object, sizeof(T)); }
};

/// Enumerations. If add_enum() made a Python class for T, its members; else ints, the values of the underlying type.
template <class T>
struct Converter<T, std::enable_if_t<std::is_enum_v<T>>> : detail::ConverterBase<T, Converter<T>> {
  using Integer = std::conditional_t<detail::is_integer<std::underlying_type_t<T>>, std::underlying_type_t<T>, int>;
  static Object to_py(T value) {
    const Object number = Converter<Integer>::to_py(static_cast<Integer>(value));
    const detail::ClassRecord* known = detail::class_of<T>();
    return known ? Ref(known->type)(number) : number;
  }
  static T from_py(Ref object) {
    T value{};
    if (LATEPY_UNLIKELY(!load(object.checked(), value))) {
      const detail::ClassRecord* known = detail::class_of<T>();
      detail::throw_mismatch(object.ptr(),
                             known ? detail::qualified_name(known->type) : std::string(detail::type_name<T>()));
    }
    return value;
  }
  static bool load(PyObject* object, T& value) noexcept {
    Object of_member;
    if (const detail::ClassRecord* known = detail::class_of<T>()) {
      if (detail::api().Object_IsInstance(object, known->type) != 1) return false;
      of_member = Object::steal(detail::api().Object_GetAttrString(object, "value"));
      if (of_member.is_empty()) return false;
      object = of_member.ptr();
    }
    Integer number{};
    const bool fits = Converter<Integer>::load(object, number);
    value = static_cast<T>(number);
    return fits && static_cast<Integer>(value) == number;
  }
  static detail::Fit fit(PyObject* object) noexcept {
    const detail::ClassRecord* const known = detail::class_of<T>();
    return known && detail::api().Type_IsSubtype(detail::type_of(object), reinterpret_cast<PyTypeObject*>(known->type))
               ? detail::Fit::own
               : detail::Fit::other;
  }
};

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD const char* why_no_integer(PyObject* object) noexcept {
  if (has_flag(object, type_is_int)) return "out of range";
  if (!api().Index_Check(object)) return "";
  const ColdRef index(api().Number_Index(object));
  if (index.get()) return "out of range";
  api().Err_Clear();
  return why_no_number(object);
}

LATEPY_FUNC Fit floating_fit(PyObject* object, std::size_t size) noexcept {
  std::size_t own = sizeof(double);  // the size of a float
  if (has_flag(object, type_is_int | type_is_str | type_is_bytes)) return Fit::other;
  if (!is_exactly(object, api().Float_Type) && !api().Type_IsSubtype(type_of(object), api().Float_Type)) {
    const Scalar scalar = read_scalar(object);
    if (scalar.form != Scalar::one_item || scalar.kind != ItemKind::floating) return Fit::other;
    own = scalar.size;
  }
  return size == own ? Fit::own : Fit::kin;
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
