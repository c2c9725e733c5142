// latepy/core/object.hpp: Ref and Object with all of their members, operators and iteration; printing and std::hash.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/iterator.hpp>
#include <latepy/core/operators.hpp>

#include <iosfwd>

namespace latepy {
inline namespace v1 {

/// `stream << object` writes str(object). Needs the GIL. \throws PythonError.
template <class Char, class Traits>
std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& stream, const Ref& object) {
  return stream
         << detail::steal_or_throw(detail::api().Object_Str(object.checked())).template as<std::basic_string<Char>>();
}

}  // namespace v1
}  // namespace latepy

/// Python's hash(). Needs the GIL. \throws TypeError for unhashable objects.
template <>
struct std::hash<latepy::Object> {
  std::size_t operator()(const latepy::Object& object) const {
    return static_cast<std::size_t>(latepy::detail::check_result(latepy::detail::api().Object_Hash(object.checked())));
  }
};
