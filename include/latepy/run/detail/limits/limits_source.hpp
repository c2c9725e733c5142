// latepy/run/detail/limits/limits_source.hpp: Python code: finds threads that run Python, unlocks stopped imports.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char limits_source[] = R"(
import _frozen_importlib, _imp, _thread, sys
_current_frames, gettrace, settrace = sys._current_frames, sys.gettrace, sys.settrace  # scripts may replace them
def nothing(): pass
# An exception that arrives between the call that locks and the `try` after it leaves importlib's lock locked.
def release_imports(held=_imp.lock_held, release=_imp.release_lock, ident=_thread.get_ident):
    try:
        while held(): release()
    except RuntimeError: pass  # another thread has it
    for lock in [ref() for ref in list(_frozen_importlib._module_locks.values())]:
        while getattr(lock, 'owner', None) == ident(): lock.release()
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
