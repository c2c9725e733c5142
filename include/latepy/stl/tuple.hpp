// latepy/stl/tuple.hpp: converts std::tuple and std::pair to tuple and back, with exactly their length.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/fixed.hpp>

#include <tuple>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char tuple_name[] = "std::tuple";
inline constexpr char pair_name[] = "std::pair";

/// The converter of C, a std::tuple or std::pair with the element types T. The derived class adds the name.
template <class C, class... T>
struct TupleConverter {
  static_assert((!borrows<T> && ...),
                "elements of this type would point into Python objects that may be dropped: convert to std::string");
  static std::string python_type(Direction direction) {
    return sizeof...(T) == 0 ? "tuple[()]" : python_generic<T...>("tuple", direction);
  }

  template <class U>
  static Object to_py(U&& values) {
    return make(std::forward<U>(values), std::index_sequence_for<T...>());
  }
  static C from_py(Ref object) {
    const Object tuple = need_tuple(object, type_name<C>(), sizeof...(T), (std::is_pointer_v<T> || ...));
    std::size_t at = 0;
    [[maybe_unused]] const auto next = [&]() noexcept { return element_of(tuple, at++); };
    try {
      return C{latepy::from_py<T>(next())...};  // braces evaluate from left to right
    } catch (ConversionError& error) {
      error.inside("[" + detail::decimal(at - 1) + "]");
      throw;
    }
  }
  static Fit fit(PyObject* object) noexcept {
    return sequence_fit<T...>(object, api().Tuple_Type, static_cast<ssize>(sizeof...(T)));
  }
  static bool try_from_py(Ref object, std::optional<C>& result) {
    return try_load(result, [&] {
      const Object tuple = as_tuple(object.ptr(), sizeof...(T), (std::is_pointer_v<T> || ...));
      return !tuple.is_empty() && load(tuple, result, std::index_sequence_for<T...>());
    });
  }

 private:
  template <class U, std::size_t... I>
  static Object make(U&& values, std::index_sequence<I...>) {
    Object tuple = steal_or_throw(api().Tuple_New(sizeof...(T)));
    std::size_t at = 0;
    try {
      ((at = I, check_result(api().Tuple_SetItem(tuple.ptr(), I,
                                                 latepy::to_py(std::get<I>(std::forward<U>(values))).release()))),
       ...);
    } catch (ConversionError& error) {
      error.inside("[" + detail::decimal(at) + "]");
      throw;
    }
    return tuple;
  }
  template <std::size_t... I>
  static bool load([[maybe_unused]] const Object& tuple, std::optional<C>& result, std::index_sequence<I...>) {
    std::tuple<std::optional<T>...> values;
    if ((try_convert<T>(element_of(tuple, I), std::get<I>(values)) && ...))
      result.emplace(*std::move(std::get<I>(values))...);
    return result.has_value();
  }
};

}  // namespace detail

/// To Python: a tuple. From Python: a tuple, list or other sequence of exactly that length.
template <class... T>
struct Converter<std::tuple<T...>> : detail::TupleConverter<std::tuple<T...>, T...> {
  static constexpr const char* name = detail::template_name<detail::tuple_name, T...>;
};
/// To Python: a tuple. From Python: a tuple, list or other sequence of two elements.
template <class A, class B>
struct Converter<std::pair<A, B>> : detail::TupleConverter<std::pair<A, B>, A, B> {
  static constexpr const char* name = detail::template_name<detail::pair_name, A, B>;
};

}  // namespace v1
}  // namespace latepy
