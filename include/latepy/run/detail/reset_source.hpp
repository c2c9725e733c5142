// latepy/run/detail/reset_source.hpp: Python code: what reset() forgets, removes and puts in place.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// A package is here all that sys.modules has below one name without a dot. Nothing of it changes before C++ has the
/// plan: what raises an exception leaves everything as it was, but for hooks that are gone.
inline constexpr char reset_source[] = R"(
import _frozen_importlib, _imp, _thread, atexit, builtins, gc, sys
from _frozen_importlib_external import ExtensionFileLoader, FileFinder
from _functools import partial

Module, Function = type(sys), type(lambda: None)
current_frames, collect = sys._current_frames, gc.collect  # scripts may replace them
suffixes, standard_names = tuple(_imp.extension_suffixes()), getattr(sys, 'stdlib_module_names', ())  # 3.10
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE (Include/object.h): the type was not made in C, or only lately
MAINS = '__main__', '__mp_main__'  # the other one is multiprocessing's
at_start = None

def top(name):
    return name.partition('.')[0] if isinstance(name, str) else None

def names_of(module):
    try:
        names = module.__dict__
        return names if isinstance(names, dict) else {}
    except Exception:  # scripts may put anything into sys.modules
        return {}

def why_not(modules, frames):
    locks = [lock() for lock in list(_frozen_importlib._module_locks.values())]
    # What interrupt() or a Deadline has raised may have left locks of importlib locked. An import of this thread does
    # not run: it has no frame.
    idle = None, _thread.get_ident()
    try:
        while not frames and _imp.lock_held():
            _imp.release_lock()
    except RuntimeError:  # another thread has it
        pass
    if _imp.lock_held() or any(getattr(lock, 'owner', None) not in idle for lock in locks):
        return 'an import runs: let it end first'
    if _thread._count():
        threading, names = modules.get('threading'), []
        for each in list(threading._active.values()) if threading else []:
            if not isinstance(each, (threading._MainThread, threading._DummyThread)):
                names.append(each.name)
        return f'threads of Python live ({", ".join(names) or "made by the module _thread"}): let them end first'
    if frames:
        return 'another C++ thread runs Python code: let it return first'

# Whether a package stays because of one of its modules: one of the program, of the standard library, an extension, or
# one that C code or a script has made without a loader, so that it cannot be imported again.
def is_fixed(name, module, loaders, standard):
    names = names_of(module)
    if name in loaders or '_latepy_module' in names:
        return True
    spec, loader, file = map(names.get, ('__spec__', '__loader__', '__file__'))
    if isinstance(file, str):
        return file.endswith(suffixes) or bool(standard) and file.startswith(standard) and '-packages' not in file
    made = isinstance(module, Module) and spec is None and loader is None
    return made or isinstance(loader, ExtensionFileLoader) or getattr(spec, 'origin', None) in ('built-in', 'frozen')

# The packages of which no value of these namespaces is a module, a class, a function or an instance; those that are
# named too bring their own namespaces.
def unnamed(packages, spaces):
    hows = {}  # by the type of the value, whose id it is: a package, or how to find it
    spaces = list(spaces)
    while spaces and packages:
        for value in list(spaces.pop().values()):
            kind = type(value)
            try:
                how = hows.get(id(kind))
                if how is None:
                    if issubclass(kind, Module):
                        how = '__name__'
                    elif kind is Function or issubclass(kind, type):
                        how = '__module__'
                    else:
                        how = kind.__flags__ & HEAP_TYPE and top(kind.__module__) or '?'
                    hows[id(kind)] = how
                if how == '__module__' and not getattr(value, '__flags__', HEAP_TYPE) & HEAP_TYPE:
                    continue  # a type of C belongs to an extension
                found = top(getattr(value, how, None)) if how[:2] == '__' else how
            except Exception:  # a module or metaclass may do anything here
                continue
            if found in packages:
                spaces.extend(map(names_of, packages.pop(found)))
    return packages

def forgotten_packages(modules, old_main, given, loaders):
    packages, spaces, stays = {}, [given], {*MAINS, *map(top, at_start), *standard_names}
    standard = str(names_of(modules.get('os')).get('__file__')).rpartition('os.py')[0]
    for name, module in list(modules.items()):
        if isinstance(name, str):
            packages.setdefault(top(name), []).append(module)
            if top(name) not in stays and is_fixed(name, module, loaders, standard):
                stays.add(top(name))
    for name in stays.intersection(packages):
        spaces.extend(names_of(module) for module in packages.pop(name) if module is not sys and module is not old_main)
    return unnamed(packages, spaces)

# Which objects the code of these packages or of `__main__` has defined. Those that the program gave are its own.
def make_test(packages, given):
    known = {id(each) for each in given.values()}
    def is_left(value):
        try:
            while isinstance(value, partial):
                value = value.func
            owner = getattr(value, '__self__', None)
            owner = None if isinstance(owner, Module) else owner
            if not known.isdisjoint(map(id, (value, type(value), owner, type(owner)))):
                return False
            tops = {top(getattr(each, '__module__', None)) for each in (value, owner)}
            return '__main__' in tops or not tops.isdisjoint(packages)
        except Exception:
            return False
    return is_left

def without(values, is_left):
    left = [each for each in values if is_left(each)]
    if left:
        values[:] = [each for each in values if not is_left(each)]
    return left

def remove_handlers(logging, is_left):
    root = logging.root
    for logger in [root, *root.manager.loggerDict.values()]:
        without(getattr(logger, 'filters', []), is_left)
        for handler in without(getattr(logger, 'handlers', []), is_left):
            try:
                handler.flush()
                handler.close()
            except Exception:  # as logging does at the end
                pass

class Left:
    def __init__(self, is_left): self.is_left = is_left
    def __eq__(self, other): return self.is_left(other)
    __hash__ = None

def remove_hooks(modules, is_left):
    atexit.unregister(Left(is_left))  # it compares with each function that is registered
    try:
        if 'logging' in modules:
            remove_handlers(modules['logging'], is_left)
    except Exception:  # it is not whole
        pass
    for name in 'meta_path', 'path_hooks':
        if isinstance(getattr(sys, name, None), list):
            without(getattr(sys, name), is_left)
    for name in 'excepthook', 'unraisablehook', 'displayhook', 'breakpointhook':
        if is_left(getattr(sys, name, None)):
            setattr(sys, name, getattr(sys, f'__{name}__'))
    finders = getattr(sys, 'path_importer_cache', None)
    for path, finder in list(finders.items()) if isinstance(finders, dict) else ():
        if finder is None or is_left(finder):
            finders.pop(path, None)
        elif type(finder) is FileFinder:
            finder.invalidate_caches()  # files may be new

# The new `__main__`, its names in sys.modules, and the part of sys.modules to forget.
def plan(modules, old_main, count, given, loaders):
    global at_start, has_annotations
    if at_start is None:
        at_start, has_annotations = list(modules)[:count], '__annotations__' in names_of(old_main)  # up to 3.13
    packages = forgotten_packages(modules, old_main, given, loaders)
    remove_hooks(modules, make_test(packages, given))
    main = Module('__main__')
    main.__builtins__, main.__loader__ = builtins, _frozen_importlib.BuiltinImporter
    if has_annotations:
        main.__annotations__ = {}
    main.__dict__.update(given)
    mains = {name: main for name in MAINS if name in modules or name == '__main__'}
    return main, mains, {name: module for name, module in list(modules.items()) if top(name) in packages}
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
