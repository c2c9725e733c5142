// latepy/stl/set.hpp: std::set as set.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <set>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char set_name[] = "std::set";
}

/// A set. From Python: sets, frozensets, the keys of a dict and what else behaves as a set; not lists.
template <class T, class Less, class A>
struct Converter<std::set<T, Less, A>> : detail::ElementsConverter<std::set<T, Less, A>, detail::Kind::set> {
  static constexpr const char* name = detail::template_name<detail::set_name, T>;
};

}  // namespace v1
}  // namespace latepy
