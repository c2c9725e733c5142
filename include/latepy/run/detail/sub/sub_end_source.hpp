// latepy/run/detail/sub/sub_end_source.hpp: Python code: makes threading end in a sub-interpreter.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// Until 3.12, threading._shutdown() waits for ever if another thread than this one was the first to import threading
/// in this interpreter: for the lock of that thread's state. And 3.12 cannot call it twice, because it takes the lock
/// away. So it gets another lock before each call.
inline constexpr char sub_end_source[] = R"(
import sys

def forget_main_thread():
    threading = sys.modules.get('threading')
    if threading and sys.version_info < (3, 13):
        main = threading._main_thread
        lock = threading._allocate_lock()
        lock.acquire()
        with threading._shutdown_locks_lock:
            threading._shutdown_locks.discard(main._tstate_lock)
            main._tstate_lock = lock
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
