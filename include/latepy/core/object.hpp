// latepy/core/object.hpp: Object and Ref with all that they can do.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/iterator.hpp>
#include <latepy/core/operators.hpp>

#include <iosfwd>

namespace latepy {
inline namespace v1 {

/// str(object), as `stream << object`.
template <class Char, class Traits>
std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& stream, const Ref& object) {
  return stream
         << detail::steal_or_throw(detail::api().Object_Str(object.checked())).template as<std::basic_string<Char>>();
}

}  // namespace v1
}  // namespace latepy

/// Python's hash(): unhashable objects throw TypeError.
template <>
struct std::hash<latepy::Object> {
  std::size_t operator()(const latepy::Object& object) const {
    return static_cast<std::size_t>(latepy::detail::check_result(latepy::detail::api().Object_Hash(object.checked())));
  }
};
