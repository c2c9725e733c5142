// latepy/stl/variant.hpp: converts std::variant to the value that it holds, and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/visitor.hpp>
#include <latepy/stl/detail/name.hpp>

#include <variant>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char variant_name[] = "std::variant";
template <class... T>
inline constexpr bool borrows<std::variant<T...>> = (borrows<T> || ...);

}  // namespace detail

/// To Python: the value. From Python, of the alternatives that accept the object, the first one
/// - that is the C++ type for the object's own type: bool for True, double for 1.5, a bound class for its instance;
/// - else that is of the same kind: int for True, a base class, float for 1.5;
/// - else that accepts the object.
/// A container is as near as the farthest of its elements.
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
    const detail::Fit fits[] = {detail::fit_of<T>(object.ptr())...};
    for (const detail::Fit fit : {detail::Fit::own, detail::Fit::kin, detail::Fit::other})
      if (any(object, result, fits, fit, std::index_sequence_for<T...>())) return true;
    return false;
  }
  static detail::Fit fit(PyObject* object) noexcept {
    const detail::Fit fits[] = {detail::fit_of<T>(object)...};
    detail::Fit nearest = detail::Fit::other;
    for (const detail::Fit each : fits)
      if (nearest < each) nearest = each;
    return nearest;
  }
  template <class Visitor, class = std::enable_if_t<(detail::holds_objects<T>() || ...), Visitor>>
  static void visit(Variant& variant, Visitor& visitor) {
    std::visit(
        [&](auto& value) {
          if constexpr (detail::holds_objects<detail::plain<decltype(value)>>()) visitor(value);
        },
        variant);
  }
  template <class F>
  static Object freeze(Object made, const Variant& variant, F&& inner) {
    return std::visit([&](const auto& value) { return Object(inner(std::move(made), value)); }, variant);
  }

 private:
  template <std::size_t... I>
  static bool any(const Ref& object, std::optional<Variant>& result, const detail::Fit* fits, detail::Fit fit,
                  std::index_sequence<I...>) {
    return ((fits[I] == fit && one<I>(object, result)) || ...);
  }
  template <std::size_t I>
  static bool one(const Ref& object, std::optional<Variant>& result) {
    using Alternative = std::variant_alternative_t<I, Variant>;
    if (detail::api().Err_Occurred()) return false;
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
  static detail::Fit fit(PyObject* object) noexcept { return detail::fit_of<std::nullptr_t>(object); }
};

}  // namespace v1
}  // namespace latepy
