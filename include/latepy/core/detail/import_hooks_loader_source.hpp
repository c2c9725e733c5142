// latepy/core/detail/import_hooks_loader_source.hpp: Python code: the loader of import_hooks_source.hpp.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// Defines find(), which import_hooks_source calls. It runs in the same namespace.
inline constexpr char import_hooks_loader_source[] = R"(
def tell_linecache(linecache):
    linecache.cache.update(lines)
    lines.clear()

# threading believes that the thread which imports it is the main one. Before 3.13 all data of the main thread is wrong
# then; in 3.13 to 3.15 only its native id.
def tell_threading(threading):
    main = threading._main_thread
    ident, native_id, pid = main_thread
    if threading.get_ident() == ident or getpid() != pid:  # after a fork, this thread is the main one
        return
    if sys.version_info < (3, 13):
        # The end of the importing thread would release this lock.
        with threading._shutdown_locks_lock:
            threading._shutdown_locks.discard(main._tstate_lock)
            main._tstate_lock = threading._allocate_lock()
            main._tstate_lock.acquire()
            threading._shutdown_locks.add(main._tstate_lock)
        with threading._active_limbo_lock:
            threading._active[ident] = threading._active.pop(main._ident)
        main._ident = ident
    main._native_id = native_id

def tell(module):
    name = module.__name__
    if name in waiting:
        waiting.remove(name)
        if not waiting and finder in sys.meta_path:
            sys.meta_path.remove(finder)
        globals()['tell_' + name](module)

class Loader:
    def __init__(self, loader):
        self.loader = loader
    def __getattr__(self, name):
        return getattr(self.loader, name)

class ModuleLoader(Loader):
    def create_module(self, spec):
        return self.loader.create_module(spec)
    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        tell(module)

class OldLoader(Loader):  # zipimport before 3.10
    def load_module(self, name):
        module = self.loader.load_module(name)
        tell(module)
        return module

def find(name):
    finder.busy.append(name)
    try:
        finders = [each.find_spec for each in sys.meta_path if hasattr(each, 'find_spec')]
        spec = next(filter(None, (each(name, None) for each in finders)), None)
    finally:
        finder.busy.remove(name)
    if spec:
        spec.loader = (ModuleLoader if hasattr(spec.loader, 'exec_module') else OldLoader)(spec.loader)
    return spec
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
