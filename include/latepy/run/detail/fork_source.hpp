// latepy/run/detail/fork_source.hpp: Python code: what is called before and after a fork().
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// `acquire` and `release` are those of the import lock.
inline constexpr char fork_source[] = R"(
import _imp, posix
acquire, release = _imp.acquire_lock, _imp.release_lock
def register(before, after):
    posix.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
