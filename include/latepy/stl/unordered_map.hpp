// latepy/stl/unordered_map.hpp: converts std::unordered_map to dict and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/mapping.hpp>

#include <unordered_map>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char unordered_map_name[] = "std::unordered_map";
}

/// To Python: a dict. From Python: a mapping (dict, collections.abc.Mapping), or an object of a class with keys() and
/// [], as dict(object) takes it. If two keys are equal in C++, the last one wins.
template <class K, class V, class Hash, class Equal, class A>
struct Converter<std::unordered_map<K, V, Hash, Equal, A>>
    : detail::MappingConverter<std::unordered_map<K, V, Hash, Equal, A>> {
  static constexpr const char* name = detail::template_name<detail::unordered_map_name, K, V>;
};

}  // namespace v1
}  // namespace latepy
