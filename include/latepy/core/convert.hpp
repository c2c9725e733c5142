// latepy/core/convert.hpp: Converter<T>, the one customization point, and those for numbers, text, bytes and None.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/registry.hpp>
#include <latepy/core/detail/show.hpp>
#include <latepy/core/exceptions.hpp>

#include <limits>

namespace latepy {
inline namespace v1 {

/// How a C++ type becomes a Python object and back. Specialize it for a type of your own:
///   static Object to_py(const T& value);                    // or a template for move-only types
///   static T from_py(Ref object);                           // throws ConversionError where the object does not fit
///   static bool try_from_py(Ref object, std::optional<T>& result) noexcept;   // optional: false where it does not fit
///   static constexpr const char* name = "my::Type";         // optional: how errors call it
///   static std::string python_type();                       // optional: how Python's signatures and stubs call it
/// All are called with the GIL.
template <class T, class>
struct Converter;

namespace detail {

/// Which way a value goes: Python may give other types than it gets, any mapping where it gets a dict.
enum class Way : bool { to_python, from_python };
constexpr Way opposite(Way way) { return way == Way::to_python ? Way::from_python : Way::to_python; }
/// The type as Python's annotations call it; see host/detail/python_type.hpp.
template <class T>
std::string python_type(Way way);

template <class T, class = void>
inline constexpr bool has_name = false;
template <class T>
inline constexpr bool has_name<T, std::void_t<decltype(Converter<T>::name)>> = true;

/// The name of a type in errors.
template <class T>
constexpr std::string_view type_name() {
  if constexpr (has_name<T>) {
    return Converter<T>::name;
  } else {
    return spelled_name<T>();
  }
}

/// The object does not fit, or its own code raised, which is then the error that is thrown.
[[noreturn]] LATEPY_COLD inline void throw_mismatch(PyObject* object, std::string_view wanted, const char* why = "") {
  if (api().Err_Occurred()) throw_python_error();
  std::string text = "cannot convert " + show(object) + " to " + std::string(wanted);
  if (*why) text.append(": ").append(why);
  throw ConversionError(text);
}

/// Whether the error that is set only says that the object is of the wrong kind; such a one is cleared.
LATEPY_COLD inline bool only_a_mismatch() noexcept {
  const Api& a = api();
  if (!a.Err_ExceptionMatches(*a.TypeError) && !a.Err_ExceptionMatches(*a.OverflowError) &&
      !a.Err_ExceptionMatches(*a.UnicodeError))
    return false;
  a.Err_Clear();
  return true;
}

/// Sets Python's error again where it is what was thrown. To be called in a catch block.
LATEPY_COLD inline void keep_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError& error) {
    try {
      set_python_error(error);
    } catch (...) {  // its Python has ended
    }
  } catch (...) {
  }
}
/// The frame of a try_from_py: where `load()` says that the object does not fit, or throws, no value is left; an error
/// of Python only where it is more than a mismatch, and was raised by the object's own code.
template <class T, class F>
bool try_load(std::optional<T>& result, F&& load) noexcept {
  try {
    if (load()) return true;
  } catch (...) {
    keep_python_error();
  }
  result.reset();
  if (api().Err_Occurred()) only_a_mismatch();
  return false;
}

/// A converter made of `static bool load(PyObject*, T&)`: false for a mismatch, or with Python's error set. Numbers
/// also have `static PyObject* store(T)`: a new reference, or null with the error set.
template <class T, class Self>
struct Loads {
  static LATEPY_INLINE T from_py(const Ref& object) { return Self::get(object.checked()); }
  static T get(PyObject* object) {
    T value{};
    if (LATEPY_UNLIKELY(!Self::load(object, value))) refuse(object);
    return value;
  }
  static bool try_from_py(Ref object, std::optional<T>& result) noexcept {
    return try_load(result, [&] { return Self::load(object.ptr(), result.emplace()); });
  }
  static const char* why(PyObject*) noexcept { return ""; }
  [[noreturn]] LATEPY_COLD static void refuse(PyObject* object) {
    throw_mismatch(object, type_name<T>(), Self::why(object));
  }
};

template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T>&& std::is_base_of_v<Loads<T, Converter<T>>, Converter<T>>;
template <class T, class = void>
inline constexpr bool has_store = false;
template <class T>
inline constexpr bool has_store<T, std::void_t<decltype(Converter<T>::store(std::declval<T>()))>> = is_number<T>;

template <class T, class = void>
inline constexpr bool converts_to = false;
template <class T>
inline constexpr bool converts_to<T, std::void_t<decltype(Converter<T>::to_py(std::declval<T>()))>> = true;
template <class T, class = void>
inline constexpr bool converts_from = false;
template <class T>
inline constexpr bool converts_from<T, std::void_t<decltype(Converter<T>::from_py(std::declval<Ref>()))>> = true;
template <class T, class = void>
inline constexpr bool has_try = false;
template <class T>
inline constexpr bool has_try<
    T, std::void_t<decltype(Converter<T>::try_from_py(std::declval<Ref>(), std::declval<std::optional<T>&>()))>> = true;

/// from_py as a question: false for whatever from_py would throw. An error that the object's own code raised is left
/// set.
template <class T>
bool try_convert(Ref object, std::optional<T>& result) noexcept {
  if constexpr (std::is_same_v<T, Object>) {
    result.emplace(object);
    return true;
  } else if constexpr (has_try<T>) {
    return Converter<T>::try_from_py(object, result);
  } else {
    return try_load(result, [&] {
      result.emplace(Converter<T>::from_py(object));
      return true;
    });
  }
}

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char16_t> ||
#ifdef __cpp_char8_t
    std::is_same_v<T, char8_t> ||
#endif
    std::is_same_v<T, char32_t>;
template <class T>
inline constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<T, bool> && !is_character<T>;

}  // namespace detail

template <class T>
Object to_py(T&& value) {
  using D = std::decay_t<T>;
  if constexpr (detail::is_proxy<T>) {
    return Object(std::forward<T>(value));
  } else if constexpr (detail::is_handle<T>) {
    value.checked();
    return Object(std::forward<T>(value));
  } else {
    static_assert(
        detail::converts_to<D>,
        "no Converter<T>::to_py for this type: include its header from latepy/stl/, or specialize latepy::Converter");
    detail::check_running();
    return Converter<D>::to_py(std::forward<T>(value));
  }
}

template <class T>
LATEPY_INLINE T from_py(const Ref& object) {
  if constexpr (std::is_same_v<T, Object>) {
    object.checked();
    return Object(object);
  } else if constexpr (std::is_void_v<T>) {
    return;
  } else {
    static_assert(
        detail::converts_from<T>,
        "no Converter<T>::from_py for this type: include its header from latepy/stl/, or specialize latepy::Converter");
    return Converter<T>::from_py(object);
  }
}

namespace detail {

/// to_py() as a new reference, for who knows that Python runs and the GIL is held.
template <class T>
LATEPY_INLINE PyObject* make(T&& value) {
  if constexpr (has_store<std::decay_t<T>>)
    return check(Converter<std::decay_t<T>>::store(value));
  else
    return latepy::to_py(std::forward<T>(value)).release();
}
/// from_py() of a new reference that was just got, which is given back; void drops it.
template <class T>
LATEPY_INLINE T take(PyObject* owned) {
  static_assert(!borrows<T>, "this type points into the object: take an Object, and keep it in a variable");
  if constexpr (std::is_same_v<T, Object>) {
    return Object::steal(owned);
  } else {
    const Held object(owned);
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (is_number<T>) {
      return Converter<T>::get(owned);
    } else {
      return Ref(owned).as<T>();
    }
  }
}

}  // namespace detail

template <class T>
std::optional<T> Ref::try_as() const& {
  static_assert(
      std::is_same_v<T, Object> || detail::converts_from<T>,
      "no Converter<T>::from_py for this type: include its header from latepy/stl/, or specialize latepy::Converter");
  checked();
  std::optional<T> result;
  if (!detail::try_convert<T>(*this, result)) detail::api().Err_Clear();
  return result;
}

template <class T>
bool Ref::is() const {
  return try_as<T>().has_value();
}

/// None.
template <>
struct Converter<std::nullptr_t> : detail::Loads<std::nullptr_t, Converter<std::nullptr_t>> {
  static constexpr const char* name = "None";
  static Object to_py(std::nullptr_t) { return detail::none(); }
  static bool load(PyObject* object, std::nullptr_t&) noexcept { return object == detail::api().NoneStruct; }
};

/// Only True and False, also numpy's: a number or a list is not a bool, its truth is `explicit operator bool`.
template <>
struct Converter<bool> : detail::Loads<bool, Converter<bool>> {
  static Object to_py(bool value) { return Object::steal(store(value)); }
  static PyObject* store(bool value) noexcept {
    PyObject* const object = value ? detail::api().TrueStruct : detail::api().FalseStruct;
    detail::incref(object);
    return object;
  }
  static bool load(PyObject* object, bool& value) noexcept {
    value = object == detail::api().TrueStruct;
    return value || object == detail::api().FalseStruct || numpy_bool(object, value);
  }

 private:
  LATEPY_COLD static bool numpy_bool(PyObject* object, bool& value) noexcept {
    try {
      const std::string type = detail::qualified_name(detail::as_object(detail::type_of(object)));
      if (type != "numpy.bool" && type != "numpy.bool_") return false;
    } catch (...) {
      return false;
    }
    const int truth = detail::api().Object_IsTrue(object);
    value = truth == 1;
    return truth >= 0;
  }
};

/// Integers of 8 to 64 bits, signed char and unsigned char among them: what has __index__, in range; never a float.
template <class T>
struct Converter<T, std::enable_if_t<detail::is_integer<T>>> : detail::Loads<T, Converter<T>> {
  static Object to_py(T value) { return detail::own(store(value)); }
  static PyObject* store(T value) noexcept {
    if constexpr (std::is_signed_v<T>)
      return detail::api().Long_FromLongLong(value);
    else
      return detail::api().Long_FromUnsignedLongLong(value);
  }
  static LATEPY_INLINE T get(PyObject* object) {
    long long digit;
    if (LATEPY_LIKELY(detail::read_int(object, digit) && takes(digit))) return static_cast<T>(digit);
    return get_any(object);
  }
  static bool load(PyObject* object, T& value) noexcept {
    long long digit;
    if (LATEPY_LIKELY(detail::read_int(object, digit))) {
      value = static_cast<T>(digit);
      return takes(digit);
    }
    return load_any(object, value);
  }
  static const char* why(PyObject* object) noexcept { return detail::api().Index_Check(object) ? "out of range" : ""; }

 private:
  static bool in_range(long long wide, T& value) noexcept {
    value = static_cast<T>(wide);
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(long long))
      return wide >= 0;
    else
      return wide >= static_cast<long long>(std::numeric_limits<T>::min()) &&
             wide <= static_cast<long long>(std::numeric_limits<T>::max());
  }
  /// The same of what read_int() gave, which has 30 bits and a sign.
  static LATEPY_INLINE bool takes(long long digit) noexcept {
    if constexpr (sizeof(T) >= 4) {
      return std::is_signed_v<T> || digit >= 0;
    } else {
      T value;
      return in_range(digit, value);
    }
  }
  LATEPY_COLD static T get_any(PyObject* object) { return detail::Loads<T, Converter<T>>::get(object); }
  LATEPY_COLD static bool load_any(PyObject* object, T& value) noexcept {
    const detail::Api& api = detail::api();
    if (!api.Index_Check(object)) return false;
    int overflow = 0;
    const long long wide = api.Long_AsLongLongAndOverflow(object, &overflow);
    if (wide == -1 && overflow == 0 && api.Err_Occurred()) return false;
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
/// -std=c++17 does not count 128-bit integers as integral; -std=gnu++17 does, and they are too wide for the above.
template <class T>
struct Wide : Loads<T, Wide<T>> {
  static Object to_py(T value) {
    const bool negative = value < 0;
    const Object high = own(negative ? api().Long_FromLongLong(static_cast<long long>(value >> 64))
                                     : api().Long_FromUnsignedLongLong(static_cast<unsigned long long>(value >> 64)));
    const Object low = own(api().Long_FromUnsignedLongLong(static_cast<unsigned long long>(value)));
    const Object shifted = own(api().Number_Lshift(high.ptr(), bits().ptr()));
    return own(api().Number_Or(shifted.ptr(), low.ptr()));
  }
  static bool load(PyObject* object, T& value) noexcept {
    if (!api().Index_Check(object)) return false;
    const Object index = Object::steal(api().Number_Index(object));
    if (index.is_empty()) return false;
    const Object high = Object::steal(api().Number_Rshift(index.ptr(), bits().ptr()));
    if (high.is_empty()) return false;
    using Half = std::conditional_t<(T(-1) < 0), long long, unsigned long long>;
    Half top = 0;
    if (!Converter<Half>::load(high.ptr(), top)) return false;
    const unsigned long long low = api().Long_AsUnsignedLongLongMask(index.ptr());
    value = static_cast<T>((static_cast<uint128>(top) << 64) | low);
    return true;
  }
  static const char* why(PyObject* object) noexcept { return api().Index_Check(object) ? "out of range" : ""; }

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

/// float, double, long double (by way of double): floats, ints, and what has __float__; out of range is an error.
template <class T>
struct Converter<T, std::enable_if_t<std::is_floating_point_v<T>>> : detail::Loads<T, Converter<T>> {
  static Object to_py(T value) { return detail::own(store(value)); }
  static PyObject* store(T value) noexcept { return detail::api().Float_FromDouble(static_cast<double>(value)); }
  static LATEPY_INLINE T get(PyObject* object) {
    if constexpr (sizeof(T) >= sizeof(double)) {
      double number;
      if (LATEPY_LIKELY(detail::read_float(object, number))) return static_cast<T>(number);
    }
    return detail::Loads<T, Converter<T>>::get(object);
  }
  static bool load(PyObject* object, T& value) noexcept {
    double number;
    if (LATEPY_UNLIKELY(!detail::read_float(object, number))) {
      number = detail::api().Float_AsDouble(object);
      if (LATEPY_UNLIKELY(number == -1.0) && detail::api().Err_Occurred()) {
        detail::only_a_mismatch();
        return false;
      }
    }
    value = static_cast<T>(number);
    if constexpr (sizeof(T) < sizeof(double))
      return !(number - number == 0.0) || value - value == 0.0f;  // stays finite
    return true;
  }
  static const char* why(PyObject* object) noexcept {
    return detail::has_flag(object, detail::type_is_int) || detail::is_exactly(object, detail::api().Float_Type)
               ? "out of range"
               : "";
  }
};

/// Enumerations: the members of the Python class that add_enum() made, else the values of their underlying type.
template <class T>
struct Converter<T, std::enable_if_t<std::is_enum_v<T>>> : detail::Loads<T, Converter<T>> {
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
};

}  // namespace v1
}  // namespace latepy

#include <latepy/core/detail/convert_text.hpp>
