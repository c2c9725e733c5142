// latepy/stl/deque.hpp: converts std::deque to list and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <deque>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char deque_name[] = "std::deque";
}

/// To Python: a list. From Python: a list, tuple or other iterable, but not str, bytes, bytearray or a mapping.
template <class T, class A>
struct Converter<std::deque<T, A>> : detail::ElementsConverter<std::deque<T, A>, detail::Kind::sequence> {
  static constexpr const char* name = detail::template_name<detail::deque_name, T>;
};

}  // namespace v1
}  // namespace latepy
