// latepy/run/detail/modules_source.hpp: Python code: a finder for modules that the program makes.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// A finder at the front of sys.meta_path, so that no file of a script hides a module of the program. The modules are
/// imported in the usual way: so they have all attributes, are bound in their parents and can be reloaded.
inline constexpr char modules_source[] = R"(
import _thread, sys
from _frozen_importlib import ModuleSpec, _call_with_frames_removed
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location
from _functools import partial

loaders = {}  # by the names of the modules
packages = {}  # the __path__ of those that are packages

class TextLoader(SourceFileLoader):
    def __init__(self, name, path, source, code=None, package=False):
        super().__init__(name, path)
        self.source, self.code, self.package = source, code, package
    def get_source(self, name): return self.source
    def get_code(self, name): return self.code
    def is_package(self, name): return self.package or name in packages

# `fill` is a function of C++ that takes the module.
class LazyLoader:
    def __init__(self, fill): self.fill = fill
    def create_module(self, spec): return None
    def exec_module(self, module):
        try:
            self.fill(module)
        except Exception as error:
            name = module.__name__
            raise ImportError(f'the module {name} of the program could not be made: {error}', name=name) from error

def file_loader(name, file):
    spec = spec_from_file_location(name, file)
    return spec.loader if spec else SourceFileLoader(name, file)

def spec_of(name, loader, package):
    spec = ModuleSpec(name, loader, origin=getattr(loader, 'path', 'latepy, at its first import'))
    spec.has_location = hasattr(loader, 'path')
    spec.submodule_search_locations = package
    return spec

def find_spec(name, path=None, target=None):
    if name in loaders:
        return spec_of(name, loaders[name], packages.get(name))

finder = type(sys.implementation)(find_spec=find_spec)

# Returns None if the module is to be imported, True if it is to be reloaded, else the reason why it cannot be made.
# The parent of the module was imported before, unless it is a lazy one.
def add(name, loader, package):
    path = getattr(loader, 'path', None)
    if name in loaders:
        known = getattr(loaders[name], 'path', None)
        if path is None or path != known:
            return 'a module of that name was made already' + (f', from {known}' if known else '')
    elif name in sys.modules:
        return 'a module of that name is imported already, which reload() can run again'
    if name not in sys.modules:
        parent, _, child = name.rpartition('.')
        above = sys.modules.get(parent)
        if above and getattr(getattr(above, child, above), '__name__', None) not in (name, parent):
            return 'its parent has another attribute of that name'
        if above and not hasattr(above, '__path__'):
            if parent not in loaders:
                return f'its parent {parent} is not a package'
            above.__path__ = above.__spec__.submodule_search_locations = packages[parent] = []
            above.__package__ = parent
        if name not in loaders and parent not in loaders:
            import importlib.util
            spec = importlib.util.find_spec(name)
            if spec and (path is None or spec.origin != path):
                return f'it would hide the module of that name that scripts can import ({spec.origin})'
    loaders[name] = loader
    if package is not None:
        packages[name] = package
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    return True if name in sys.modules else None

def remove(name):
    loaders.pop(name, None)
    packages.pop(name, None)

# A finder at the end of sys.meta_path. `ask` and `compile` are functions of C++.
def ask_program(ask, compile):
    busy = set()
    def find_spec(name, path=None, target=None):
        key = name, _thread.get_ident()
        if key in busy:  # `ask` itself imports the module
            return None
        busy.add(key)
        try:
            found = ask(name)
        except Exception as error:
            raise ImportError(f'the program could not give the module {name}: {error}', name=name) from error
        finally:
            busy.discard(key)
        if found:
            source, file, package = found
            loader = TextLoader(name, file, source, package=package)
            # The frames of the import system are removed from tracebacks, as for a file.
            loader.get_code = partial(_call_with_frames_removed, compile, source, file)
            return spec_of(name, loader, [] if package else None)
    finder = type(sys.implementation)(find_spec=find_spec)
    sys.meta_path.append(finder)
    return finder

# By identity: the others may have any __eq__. A finder that stays somewhere finds nothing.
def remove_finder(finder):
    finder.find_spec = lambda name, path=None, target=None: None
    try:
        for at in [at for at, each in enumerate(sys.meta_path) if each is finder]:
            del sys.meta_path[at]
    except Exception:  # a script has deleted sys.meta_path or made it a tuple
        pass
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
