// latepy/stl/variant.hpp: converts std::variant to the value that it holds, and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/name.hpp>

#include <variant>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char variant_name[] = "std::variant";
template <class... T>
inline constexpr bool borrows<std::variant<T...>> = (borrows<T> || ...);

/// Whether the Converter of T has `native`, a member of Api: the Python type of T; or is_native(), a function that
/// tests it.
template <class T, class = void>
inline constexpr bool has_native = false;
template <class T>
inline constexpr bool has_native<T, std::void_t<decltype(Converter<T>::native)>> = true;
template <class T, class = void>
inline constexpr bool has_is_native = false;
template <class T>
inline constexpr bool has_is_native<T, std::void_t<decltype(Converter<T>::is_native)>> = true;

/// Whether T is the C++ type for the object's own type, so that no other type fits better: int for an int.
template <class T>
bool is_native(PyObject* object) noexcept {
  bool truth = false;
  if constexpr (std::is_same_v<T, bool>) {
    return true;  // the converter of bool accepts bool only
  } else if constexpr (std::is_integral_v<T> && !is_character<T>) {
    return is_exactly(object, api().Long_Type) || (api().Index_Check(object) && !Converter<bool>::load(object, truth));
  } else if constexpr (std::is_floating_point_v<T>) {
    return api().Type_IsSubtype(type_of(object), api().Float_Type) != 0;
  } else if constexpr (has_native<T>) {  // a pointer to a member of Api
    return is_exactly(object, api().*Converter<T>::native);
  } else if constexpr (has_is_native<T>) {
    return Converter<T>::is_native(object);
  } else {
    return std::is_same_v<T, std::string>;  // its converter accepts str only
  }
}

}  // namespace detail

/// To Python: the value. From Python: the first alternative that is the C++ type for the object's own type and accepts
/// it, such as bool for True and int for 3. If there is none: the first alternative that accepts the object.
template <class... T>
struct Converter<std::variant<T...>> {
  using Variant = std::variant<T...>;
  static constexpr const char* name = detail::template_name<detail::variant_name, T...>;
  static std::string python_type(detail::Direction direction) {
    return detail::python_generic<T...>("typing.Union", direction);
  }

  template <class U>
  static Object to_py(U&& variant) {
    return std::visit([](auto&& value) { return latepy::to_py(std::forward<decltype(value)>(value)); },
                      std::forward<U>(variant));
  }
  static Variant from_py(Ref object) {
    std::optional<Variant> result;
    object.checked();
    if (!try_from_py(object, result)) detail::throw_mismatch(object.ptr(), name);
    return *std::move(result);
  }
  static bool try_from_py(Ref object, std::optional<Variant>& result) {
    return any<true>(object, result, std::index_sequence_for<T...>()) ||
           any<false>(object, result, std::index_sequence_for<T...>());
  }

 private:
  template <bool Native, std::size_t... I>
  static bool any(const Ref& object, std::optional<Variant>& result, std::index_sequence<I...>) {
    return (one<Native, I>(object, result) || ...);
  }
  template <bool Native, std::size_t I>
  static bool one(const Ref& object, std::optional<Variant>& result) {
    using Alternative = std::variant_alternative_t<I, Variant>;
    if (detail::api().Err_Occurred() || detail::is_native<Alternative>(object.ptr()) != Native) return false;
    std::optional<Alternative> value;
    if (detail::try_convert<Alternative>(object, value)) result.emplace(std::in_place_index<I>, *std::move(value));
    return result.has_value();
  }
};

/// std::monostate is None.
template <>
struct Converter<std::monostate> : detail::ConverterBase<std::monostate, Converter<std::monostate>> {
  static constexpr const char* name = "None";
  static std::string python_type() { return "None"; }
  static Object to_py(std::monostate) { return detail::none(); }
  static bool load(PyObject* object, std::monostate&) noexcept { return object == detail::api().NoneStruct; }
};

}  // namespace v1
}  // namespace latepy
