// latepy/stl/deque.hpp: std::deque as list.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <deque>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char deque_name[] = "std::deque";
}

/// A list. From Python: lists, tuples and any other iterable of elements that convert; not str, bytes or mappings.
template <class T, class A>
struct Converter<std::deque<T, A>> : detail::ElementsConverter<std::deque<T, A>, detail::Kind::sequence> {
  static constexpr const char* name = detail::template_name<detail::deque_name, T>;
};

}  // namespace v1
}  // namespace latepy
