// latepy/stl/unordered_set.hpp: converts std::unordered_set to set and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <unordered_set>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char unordered_set_name[] = "std::unordered_set";
}

/// To Python: a set. From Python: a set, frozenset, keys() of a dict, or another object with isdisjoint(); not a list.
template <class T, class Hash, class Equal, class A>
struct Converter<std::unordered_set<T, Hash, Equal, A>>
    : detail::ElementsConverter<std::unordered_set<T, Hash, Equal, A>, detail::Kind::set> {
  static constexpr const char* name = detail::template_name<detail::unordered_set_name, T>;
};

}  // namespace v1
}  // namespace latepy
