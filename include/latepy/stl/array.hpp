// latepy/stl/array.hpp: converts std::array to list and back, with exactly its length.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/fixed.hpp>

#include <array>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char array_name[] = "std::array";
}

/// To Python: a list. From Python: a list, tuple or other sequence of exactly N elements.
template <class T, std::size_t N>
struct Converter<std::array<T, N>> {
  static_assert(
      !detail::borrows<T>,
      "elements of this type would point into Python objects that are dropped: convert to an array of std::string");
  static constexpr const char* name = detail::template_name<detail::array_name, T, detail::Number<N>>;
  static constexpr auto native = &detail::Api::List_Type;
  static std::string python_type(detail::Direction direction) { return detail::python_list_type<T>(direction); }

  template <class U>
  static Object to_py(U&& items) {
    return detail::make_list(std::forward<U>(items));
  }
  static std::array<T, N> from_py(Ref object) {
    const Object tuple = detail::need_tuple(object, name, N, std::is_pointer_v<T>);
    std::array<T, N> result{};
    std::size_t at = 0;
    try {
      for (; at < N; ++at) result[at] = latepy::from_py<T>(detail::element_of(tuple, at));
    } catch (ConversionError& error) {
      error.inside("[" + std::to_string(at) + "]");
      throw;
    }
    return result;
  }
  static bool try_from_py(Ref object, std::optional<std::array<T, N>>& result) {
    return detail::try_load(result, [&] {
      const Object tuple = detail::as_tuple(object.ptr(), N, std::is_pointer_v<T>);
      if (tuple.is_empty()) return false;
      result.emplace();
      for (std::size_t at = 0; at < N; ++at) {
        std::optional<T> element;
        if (!detail::try_convert<T>(detail::element_of(tuple, at), element)) return false;
        (*result)[at] = *std::move(element);
      }
      return true;
    });
  }
};

}  // namespace v1
}  // namespace latepy
