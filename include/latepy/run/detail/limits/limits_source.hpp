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
importlib, getframe = vars(_frozen_importlib), sys._getframe
# An exception that arrives between two steps of importlib leaves its locks locked, or half released. A lock that each
# thread keeps for a few steps only, and that is locked for a second, is left so: nothing here waits for ever.
def settle(lock):
    lock.acquire(True, 1)
    lock.release()
def release_imports(held=_imp.lock_held, release=_imp.release_lock, ident=_thread.get_ident):
    me, frame = ident(), getframe()
    while frame := frame.f_back:
        if frame.f_globals is importlib: return  # an outer import of this thread runs on
    try:
        while held(): release()
    except RuntimeError: pass  # another thread has it
    if isinstance(blocking := importlib['_blocking_on'], dict): blocking.pop(me, None)  # up to 3.11
    for lock in [ref() for ref in list(importlib['_module_locks'].values())]:
        if not hasattr(lock, 'waiters'): continue
        lock.lock.acquire(True, 1)
        try:
            waits = lock.waiters
            if (is_free := lock.owner in (None, me)):
                lock.owner, lock.count, lock.waiters = None, type(lock.count)(), type(waits)()
            if lock.wakeup.locked():
                if is_free and waits: lock.wakeup.release()
                elif not waits: settle(lock.wakeup)
        finally:
            lock.lock.release()
            while hasattr(lock.lock, '_is_owned') and lock.lock._is_owned(): lock.lock.release()  # from 3.12 on
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
