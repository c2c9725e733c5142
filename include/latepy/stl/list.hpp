// latepy/stl/list.hpp: converts std::list to list and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <list>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char list_name[] = "std::list";
}

/// To Python: a list. From Python: a list, tuple or other iterable, but not str, bytes, bytearray or a mapping.
template <class T, class A>
struct Converter<std::list<T, A>> : detail::ElementsConverter<std::list<T, A>, detail::Kind::sequence> {
  static constexpr const char* name = detail::template_name<detail::list_name, T>;
};

}  // namespace v1
}  // namespace latepy
