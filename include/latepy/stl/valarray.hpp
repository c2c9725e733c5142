// latepy/stl/valarray.hpp: converts std::valarray to list and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/vector.hpp>

#include <valarray>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char valarray_name[] = "std::valarray";
}

/// To Python: a list; array() makes an ndarray. From Python: what converts to std::vector<T>.
template <class T>
struct Converter<std::valarray<T>> {
  static constexpr const char* name = detail::template_name<detail::valarray_name, T>;
  static std::string python_type(detail::Direction direction) { return detail::python_list_type<T>(direction); }

  template <class U>
  static Object to_py(U&& items) {
    return detail::make_list(std::forward<U>(items));
  }
  static std::valarray<T> from_py(Ref object) { return copy(Elements::from_py(object)); }
  static bool try_from_py(Ref object, std::optional<std::valarray<T>>& result) {
    return detail::try_load(result, [&] {
      std::optional<std::vector<T>> items;
      if (!Elements::try_from_py(object, items)) return false;
      result.emplace(copy(*std::move(items)));
      return true;
    });
  }
  static detail::Fit fit(PyObject* object) noexcept { return Elements::fit(object); }
  static const char* why_not_tried(PyObject* object) noexcept { return Elements::why_not_tried(object); }

 private:
  using Elements = detail::ElementsConverter<std::vector<T>, detail::Kind::sequence, std::valarray<T>>;
  static std::valarray<T> copy(std::vector<T>&& items) {
    std::valarray<T> result(items.size());
    std::move(items.begin(), items.end(), std::begin(result));
    return result;
  }
};

}  // namespace v1
}  // namespace latepy
