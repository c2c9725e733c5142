// latepy/core/detail/carrier_source.hpp: Python code: CppException, which holds the capsule of a C++ exception.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// The class of the attribute original_attribute. A copy, or a pickled one, becomes None. A bare capsule would make
/// copying and pickling of the exception fail.
inline constexpr char carrier_source[] = R"(
class CppException:
    __slots__ = 'capsule'
    def __init__(self, capsule): self.capsule = capsule
    def __reduce__(self): return type(None), ()
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
