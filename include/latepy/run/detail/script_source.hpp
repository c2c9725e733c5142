// latepy/run/detail/script_source.hpp: Python code: finds the code that run_file() and run_module() run.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// load_file() and load_module() return the code object, what `__main__` gets, and whether the path itself becomes
/// sys.path[0]. They return exceptions instead of raising them, so that tracebacks do not show this code.
inline constexpr char script_source[] = R"(
import sys
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, SourcelessFileLoader

def names(file, loader, package=None, spec=None):
    return {'__name__': '__main__', '__file__': file, '__cached__': spec and spec.cached, '__loader__': loader,
            '__package__': package, '__spec__': spec}

def source_names(path):
    return names(path, SourceFileLoader('__main__', path))

def find_main(path):
    sys.path_importer_cache.pop(path, None)
    getattr(sys.modules.get('zipimport'), '_zip_directory_cache', {}).pop(path, None)  # the file may be a new one
    for hook in sys.path_hooks:
        try:
            finder = hook(path)
        except ImportError:
            continue
        if hasattr(finder, 'find_spec'):
            return True, finder.find_spec('__main__')
        from importlib.util import spec_from_loader
        loader = finder.find_module('__main__')  # zipimport before 3.10
        return True, loader and spec_from_loader('__main__', loader)
    return False, None

# `data` is None for a folder, else the content of a file, which is no source text.
def load_file(path, data):
    if data and (path.endswith('.pyc') or data.startswith(MAGIC_NUMBER)):
        if not data.startswith(MAGIC_NUMBER):
            return ImportError(f'{path} was compiled by another version of Python: compile it again with Python '
                               f'{sys.version.split()[0]}, or run its source', path=path)
        loader = SourcelessFileLoader('__main__', path)
        return loader.get_code('__main__'), names(path, loader), False
    is_container, spec = find_main(path)
    if spec:
        return spec.loader.get_code('__main__'), names(spec.origin, spec.loader, '', spec), True
    if data is None:
        import errno
        return IsADirectoryError(errno.EISDIR, 'cannot run a folder without a file __main__.py', path)
    if is_container:
        return ImportError(f'cannot run {path}: the zip file contains no __main__.py', path=path)
    return SyntaxError(f'{path} is not Python source: it contains a NUL byte')

# The packages above the module were imported before.
def load_module(name):
    from importlib.util import find_spec
    spec = find_spec(name)
    if spec and spec.submodule_search_locations is not None and not name.endswith('__main__'):
        package, name = name, name + '.__main__'
        spec = find_spec(name)
        if spec is None:
            return ModuleNotFoundError(f'cannot run the package {package}: it contains no module __main__', name=name)
    if spec is None:
        return ModuleNotFoundError(f'No module named {name!r}', name=name)
    code = spec.loader and spec.loader.get_code(name)
    if code is None:
        return ImportError(f'cannot run the module {name}: it has no Python code', name=name, path=spec.origin)
    return code, names(spec.origin, spec.loader, spec.parent, spec), False

# A module whose attributes are the items of a dict.
def new_main(names):
    class Main(type(sys)):
        __dict__ = property(lambda self: names)
        def __getattribute__(self, name):
            return names[name] if name in names else super().__getattribute__(name)
        def __setattr__(self, name, value):
            names[name] = value
        def __delattr__(self, name):
            if name not in names:
                raise AttributeError(name)
            del names[name]
    return Main('__main__')
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
