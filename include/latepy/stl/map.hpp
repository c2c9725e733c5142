// latepy/stl/map.hpp: converts std::map to dict and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/mapping.hpp>

#include <map>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char map_name[] = "std::map";
}

/// To Python: a dict. From Python: a mapping (dict, collections.abc.Mapping), or an object of a class with keys() and
/// [], as dict(object) takes it. If two keys are equal in C++, the last one wins.
template <class K, class V, class Less, class A>
struct Converter<std::map<K, V, Less, A>> : detail::MappingConverter<std::map<K, V, Less, A>> {
  static constexpr const char* name = detail::template_name<detail::map_name, K, V>;
};

}  // namespace v1
}  // namespace latepy
