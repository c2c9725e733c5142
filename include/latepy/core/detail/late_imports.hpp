// latepy/core/detail/late_imports.hpp: what linecache and threading are told when somebody imports them.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/seldom.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The namespace of a source of ours, run when it is first needed in an interpreter's life, with the built-in names as
/// they are and not as a caller restricted them. Needs the GIL.
Object kept_namespace(const std::string& name, const char* source);

/// linecache takes the sources that wait in `lines`, threading the thread that is the main one. Importing them at the
/// start would make it half as long again, so a finder waits until somebody does. What that takes is compiled then.
inline constexpr char late_imports_source[] = R"(
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
loader_source = """
def tell_linecache(linecache):
    linecache.cache.update(lines)
    lines.clear()

# threading takes the thread that imports it for the main one: all of it before 3.13, its native id still in 3.15.
def tell_threading(threading):
    main = threading._main_thread
    ident, native_id, pid = main_thread
    if threading.get_ident() == ident or getpid() != pid:  # in a fork, this thread is the main one
        return
    if sys.version_info < (3, 13):
        # The lock that the end of the importing thread would open.
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
"""
)";
inline Object late_imports() { return kept_namespace("late_imports", late_imports_source); }

#if LATEPY_BODIES

LATEPY_ONCE LATEPY_COLD Object kept_namespace(const std::string& name, const char* source) {
  const Api& a = api();
  PyObject* place = a.InterpreterState_GetDict(a.InterpreterState_Get());
  if (!place) throw_error<StateError>({"this Python has no interpreter dict to keep the namespace of latepy in"});
  const Name key(concat({"latepy.v1.", name}));
  if (PyObject* known = a.Dict_GetItemWithError(place, key.ptr())) return Object::borrow(known);
  PyObject* const builtins = a.Dict_GetItemWithError(a.Import_GetModuleDict(), Name("builtins").ptr());
  const Object globals = own(a.Dict_New());
  set_item(globals, "__name__", to_py(concat({"latepy.", name})));
  set_item(globals, "__builtins__", Ref(builtins ? builtins : a.Eval_GetBuiltins()));
  CompilerFlags flags{source_is_utf8, the_state.version.minor};
  const Object code = own(a.CompileStringExFlags(source, "<latepy>", file_input, &flags, -1));
  own(a.Eval_EvalCode(code.ptr(), globals.ptr(), globals.ptr()));
  check_result(a.Dict_SetItem(place, key.ptr(), globals.ptr()));
  return globals;
}
#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
