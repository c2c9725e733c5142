// latepy/stl/set.hpp: converts std::set to set and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <set>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char set_name[] = "std::set";
}

/// To Python: a set. From Python: a set, frozenset, keys() of a dict, or another object with isdisjoint(); not a list.
template <class T, class Less, class A>
struct Converter<std::set<T, Less, A>> : detail::ElementsConverter<std::set<T, Less, A>, detail::Kind::set> {
  static constexpr const char* name = detail::template_name<detail::set_name, T>;
};

}  // namespace v1
}  // namespace latepy
