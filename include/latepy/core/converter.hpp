// latepy/core/converter.hpp: Converter<T>, which programs specialize for their types, and to_py() and from_py().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/mismatch.hpp>
#include <latepy/core/detail/missing_converter.hpp>
#include <latepy/core/detail/owners.hpp>

namespace latepy {
inline namespace v1 {

/// Converts a C++ type to Python and back. Specialize it for a type of your own, with these static members:
///   static Object to_py(const T& value);                    // or a template for move-only types
///   static T from_py(Ref object);                           // throws ConversionError if the object does not fit
///   static bool try_from_py(Ref object, std::optional<T>& result);   // optional: false if it does not fit
///   static constexpr const char* name = "my::Type";         // optional: the name of the type in errors
///   static std::string python_type();                       // optional: the type in Python's signatures and stubs
///   static void visit(T& value, V& visitor);                // optional, V is any class: see Class::visit()
///   static Object freeze(Object made, const T& value, F&& inner);    // optional, F is any class, see below
/// Scripts read a field of such a type by copy, and a change of the copy would be lost. So what to_py() made for them
/// becomes immutable: lists, dicts, sets and bytearrays that nothing else refers to, also inside of tuples and each
/// other. freeze() does that for other objects; `inner(item, part)` gives the frozen item that `part` of the value was
/// converted to.
/// latepy calls them with the GIL. A type that goes in one direction only needs only the members for that direction.
/// Models to copy in this library: stl/complex.hpp for a value, stl/list.hpp for a container.
template <class T, class>
struct Converter;

namespace detail {

/// The direction of a conversion. Annotations depend on it: C++ gives Python a dict, and accepts any mapping from it.
enum class Direction : bool { to_python, from_python };
/// The other direction.
constexpr Direction opposite(Direction direction) {
  return direction == Direction::to_python ? Direction::from_python : Direction::to_python;
}
/// The Python annotation for T, such as `list[int]`; see host/detail/function/python_type.hpp.
template <class T>
std::string python_type(Direction direction);

/// Whether Converter<T> has a `name`.
template <class T, class = void>
inline constexpr bool has_name = false;
template <class T>
inline constexpr bool has_name<T, std::void_t<decltype(Converter<T>::name)>> = true;

/// The name of T in errors: Converter<T>::name, or else the name that the compiler has for T.
template <class T>
constexpr std::string_view type_name() {
  if constexpr (has_name<T>)
    return Converter<T>::name;
  else
    return spelled_name<T>();
}

/// Implements from_py() and try_from_py() for a converter `Self` that has `static bool load(PyObject*, T&)`. load()
/// returns false if the object does not fit; Python's error may be set then. Converters of numbers also have
/// `static PyObject* store(T)`, which returns a new reference, or null with Python's error set.
template <class T, class Self>
struct ConverterBase {
  static LATEPY_FORCE_INLINE T from_py(const Ref& object) { return Self::get(object.checked()); }
  static T get(PyObject* object) {
    T value{};
    if (LATEPY_UNLIKELY(!Self::load(object, value))) refuse(object);
    return value;
  }
  static bool try_from_py(Ref object, std::optional<T>& result) {
    return try_load(result, [&] { return Self::load(object.ptr(), result.emplace()); });
  }
  /// Why load() refused the object, for the text of the error; "" if the types say enough.
  static const char* why(PyObject*) noexcept { return ""; }
  [[noreturn]] LATEPY_COLD static void refuse(PyObject* object) {
    throw_mismatch(object, type_name<T>(), api().Err_Occurred() ? "" : Self::why(object));
  }
};

/// Whether T is bool, an integer or a floating-point number, converted by latepy.
template <class T>
inline constexpr bool is_number =
    std::is_arithmetic_v<T>&& std::is_base_of_v<ConverterBase<T, Converter<T>>, Converter<T>>;
/// Whether Converter<T> has store().
template <class T, class = void>
inline constexpr bool has_store = false;
template <class T>
inline constexpr bool has_store<T, std::void_t<decltype(Converter<T>::store(std::declval<T>()))>> = is_number<T>;

/// Whether Converter<T> has to_py(), from_py(), try_from_py().
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

/// Converts as from_py() does, and returns false if from_py() would throw. If Python code of the object raised an
/// error, that error stays set. \throws std::bad_alloc.
template <class T>
bool try_convert(Ref object, std::optional<T>& result) {
  const ConversionScope<T, StackScope> scope;
  if (scope.is_refused()) return false;
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

/// Whether T is a character type. `signed char` and `unsigned char` are integers.
template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char16_t> ||
#ifdef __cpp_char8_t
    std::is_same_v<T, char8_t> ||
#endif
    std::is_same_v<T, char32_t>;
/// Whether T is an integer type: neither bool nor a character type.
template <class T>
inline constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<T, bool> && !is_character<T>;

/// Whether T is an array of const char with at most 64 elements, as a short literal is. latepy interns its str.
template <class T>
inline constexpr bool is_literal = false;
template <std::size_t N>
inline constexpr bool is_literal<const char (&)[N]> = N <= 64;
/// A new reference to the str of the text, if interned_fast() does not find it: interns the str if it can.
/// \param with_nul the size with the NUL. \throws as to_py() does.
PyObject* make_literal(const char* text, std::size_t with_nul);
/// A new reference to the interned str of the literal.
template <std::size_t N>
LATEPY_FORCE_INLINE PyObject* literal(const char (&text)[N]) {
  const InternedName* const known = interned_fast(InternKey(text, N), text);
  if (LATEPY_UNLIKELY(!known)) return make_literal(text, N);
  incref(known->str);
  return known->str;
}

}  // namespace detail

template <class T>
Object to_py(T&& value) {
  using D = std::decay_t<T>;
  if constexpr (detail::is_proxy<T>) {
    return Object(std::forward<T>(value));
  } else if constexpr (detail::is_handle<T>) {
    value.checked();
    return Object(std::forward<T>(value));
  } else if constexpr (detail::is_literal<T>) {
    return Object::steal(detail::literal(value));
  } else {
    detail::need_to_py<D, detail::converts_to<D>>();
    detail::check_running();
    const detail::ConversionScope<D, detail::ThrowingStackScope> scope;
    return Converter<D>::to_py(std::forward<T>(value));
  }
}

template <class T>
LATEPY_FORCE_INLINE T from_py(const Ref& object) {
  if constexpr (std::is_same_v<T, Object>) {
    return object.checked(), Object(object);
  } else if constexpr (std::is_void_v<T>) {
    return;
  } else {
    detail::need_from_py<T, detail::converts_from<T>>();
    const detail::ConversionScope<T, detail::ThrowingStackScope> scope;
    return Converter<T>::from_py(object);
  }
}

namespace detail {

/// As to_py(), but returns a new reference, and does not check that Python runs and that the thread holds the GIL.
template <class T>
LATEPY_FORCE_INLINE PyObject* new_ref(T&& value) {
  if constexpr (has_store<std::decay_t<T>>)
    return throw_if_null(Converter<std::decay_t<T>>::store(value));
  else if constexpr (is_literal<T>)
    return literal(value);
  else
    return latepy::to_py(std::forward<T>(value)).release();
}
/// As into_cpp(), if T has pointers.
template <class T>
T pointers_into_cpp(PyObject* owned) {
  OwnedRef object(owned);
  Owners owners;
  T result = from_py<T>(Ref(owned));
  OwnedRef().swap(object);
  owners.check_alive();
  return result;
}
/// As into_cpp(), but returns whether it succeeded. Python's error may be set afterwards, as by try_convert().
template <class T>
bool try_into_cpp(Object object, std::optional<T>& result) {
  if constexpr (!has_pointers<T>) {
    return try_convert<T>(object, result);
  } else {
    Owners owners;
    const bool fits = try_convert<T>(object, result);
    object = Object();
    if (fits && LATEPY_UNLIKELY(!owners.are_alive())) result.reset();
    return result.has_value();
  }
}
/// Converts an object as from_py() does, and takes over the reference. If T is void, only drops the reference.
/// \throws ConversionError also if T has pointers to what ended with the object.
template <class T>
LATEPY_FORCE_INLINE T into_cpp(PyObject* owned) {
  static_assert(!borrows<T>, "this type points into the object: keep the Object in a variable, and convert that");
  if constexpr (std::is_same_v<T, Object>) {
    return Object::steal(owned);
  } else if constexpr (has_pointers<T>) {
    return pointers_into_cpp<T>(owned);
  } else {
    const OwnedRef object(owned);
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

// core/handle.hpp documents these two.
// \cond
template <class T>
LATEPY_FORCE_INLINE T Object::as() && {
  if constexpr (detail::is_number<T> || (detail::has_pointers<T> && !std::is_reference_v<T> && !detail::borrows<T>)) {
    checked();
    return detail::into_cpp<T>(release());
  } else {
    return static_cast<const Ref&&>(*this).as<T>();
  }
}

template <class T>
std::optional<T> Ref::try_as() const&& {
  static_assert(!detail::borrows<T>,
                "this type points into the object: keep the Object in a variable, then call try_as()");
  return static_cast<const Ref&>(*this).try_as<T>();
}
template <class T>
std::optional<T> Object::try_as() && {
  static_assert(!detail::borrows<T>,
                "this type points into the object: keep the Object in a variable, then call try_as()");
  checked();
  std::optional<T> result;
  if (!detail::try_into_cpp<T>(std::move(*this), result)) detail::forget_mismatch();
  return result;
}
template <class T>
std::optional<T> Ref::try_as() const& {
  if constexpr (!std::is_same_v<T, Object>) detail::need_from_py<T, detail::converts_from<T>>();
  checked();
  std::optional<T> result;
  if (!detail::try_convert<T>(*this, result)) detail::forget_mismatch();
  return result;
}
// \endcond

template <class T>
bool Ref::is() const {
  return try_as<T>().has_value();
}

}  // namespace v1
}  // namespace latepy
