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
  static std::string python_type(detail::Direction direction) { return detail::python_list_type<T>(direction); }

  template <class U>
  static Object to_py(U&& items) {
    return detail::make_list(std::forward<U>(items));
  }
  static std::array<T, N> from_py(Ref object) {
    const Object tuple = detail::need_tuple(object, name, N, std::is_pointer_v<T>);
    Parts parts{};
    std::size_t at = 0;
    try {
      for (; at < N; ++at) set(parts[at], latepy::from_py<T>(detail::element_of(tuple, at)));
    } catch (ConversionError& error) {
      error.inside("[" + detail::decimal(at) + "]");
      throw;
    }
    if constexpr (is_filled)
      return parts;
    else
      return join(parts, std::make_index_sequence<N>());
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::sequence_fit<T>(object, detail::api().List_Type, static_cast<detail::ssize>(N));
  }
  static bool try_from_py(Ref object, std::optional<std::array<T, N>>& result) {
    return detail::try_load(result, [&] {
      const Object tuple = detail::as_tuple(object.ptr(), N, std::is_pointer_v<T>);
      if (tuple.is_empty()) return false;
      if constexpr (is_filled) {
        return load(tuple, result.emplace());
      } else {
        Parts parts{};
        if (!load(tuple, parts)) return false;
        result.emplace(join(parts, std::make_index_sequence<N>()));
        return true;
      }
    });
  }

 private:
  /// Whether the array can be made first, and filled then.
  static constexpr bool is_filled = std::is_default_constructible_v<T> && std::is_move_assignable_v<T>;
  using Part = std::conditional_t<is_filled, T, std::optional<T>>;
  using Parts = std::array<Part, N>;

  static void set(Part& part, T&& value) {
    if constexpr (is_filled)
      part = std::move(value);
    else
      part.emplace(std::move(value));
  }
  static bool load(const Object& tuple, Parts& parts) {
    for (std::size_t at = 0; at < N; ++at) {
      std::optional<T> element;
      if (!detail::try_convert<T>(detail::element_of(tuple, at), element)) return false;
      set(parts[at], *std::move(element));
    }
    return true;
  }
  template <std::size_t... I>
  static std::array<T, N> join(Parts& parts, std::index_sequence<I...>) {
    return {{*std::move(parts[I])...}};
  }
};

}  // namespace v1
}  // namespace latepy
