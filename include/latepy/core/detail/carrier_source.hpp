// latepy/core/detail/carrier_source.hpp: Python: the class of what carries a C++ exception.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// The class of what carries a C++ exception. A bare capsule would keep Python from copying and pickling the exception.
inline constexpr char carrier_source[] = R"(
class CppException:
    __slots__ = 'capsule'
    def __init__(self, capsule): self.capsule = capsule
    def __reduce__(self): return type(None), ()
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
