// latepy/core/detail/import_hooks_source.hpp: Python code: a finder for linecache and threading.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// A finder at the front of sys.meta_path. C++ sets the global `loader_source` to import_hooks_loader_source.
/// find_spec() compiles it at the import of one of the two modules: it is longer than this code, and most programs
/// import neither.
inline constexpr char import_hooks_source[] = R"(
import sys
lines = {}
waiting = ['linecache']
def wait_for_threading():
    import _thread
    global main_thread
    main_thread = _thread.get_ident(), getattr(_thread, 'get_native_id', int)(), getpid()
    if 'threading' not in sys.modules:
        waiting.append('threading')
def getpid():
    return sys.modules['posix' if 'posix' in sys.modules else 'nt'].getpid()
def find_spec(name, path=None, target=None):
    if name in waiting and name not in finder.busy:
        if 'find' not in globals():
            exec(loader_source, globals())
        return find(name)
finder = type(sys.implementation)(find_spec=find_spec, busy=[])
sys.meta_path.insert(0, finder)
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
