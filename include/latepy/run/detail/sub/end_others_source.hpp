// latepy/run/detail/sub/end_others_source.hpp: Python code: ends the interpreters that scripts made.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// Ends the interpreters that scripts made by _interpreters, which was named _xxsubinterpreters until 3.12. A running
/// one cannot be ended. Gives the numbers of those that are left.
inline constexpr char end_others_source[] = R"(
try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        interpreters = None

def numbers():
    made = interpreters.list_all()
    own = interpreters.get_current()
    plain = lambda each: int(each[0] if isinstance(each, tuple) else each)
    return [plain(each) for each in made if plain(each) != plain(own)]

def end_others():
    if interpreters is None:
        return []
    for number in numbers():
        try:
            interpreters.destroy(number)
        except Exception:
            pass
    return numbers()
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
