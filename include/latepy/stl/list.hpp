// latepy/stl/list.hpp: std::list as list.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <list>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char list_name[] = "std::list";
}

/// A list. From Python: lists, tuples and any other iterable of elements that convert; not str, bytes or mappings.
template <class T, class A>
struct Converter<std::list<T, A>> : detail::ElementsConverter<std::list<T, A>, detail::Kind::sequence> {
  static constexpr const char* name = detail::template_name<detail::list_name, T>;
};

}  // namespace v1
}  // namespace latepy
