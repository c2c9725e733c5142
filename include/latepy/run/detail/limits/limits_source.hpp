// latepy/run/detail/limits/limits_source.hpp: Python code: which threads of C++ run Python code.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char limits_source[] = R"(
import sys
_current_frames, gettrace, settrace = sys._current_frames, sys.gettrace, sys.settrace  # scripts may replace them
def nothing(): pass
def running(frames):
    threading = sys.modules.get('threading')
    def is_pythons(ident):
        thread = threading and threading._active.get(ident)
        return thread and not isinstance(thread, (threading._MainThread, threading._DummyThread))
    return [ident for ident in frames if not is_pythons(ident)]
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
