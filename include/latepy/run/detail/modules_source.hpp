// latepy/run/detail/modules_source.hpp: Python code: a finder for modules that the program makes.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// A finder at the front of sys.meta_path, so that no file of a script hides a module of the program. The modules are
/// imported in the usual way: so they have all attributes, are bound in their parents and can be reloaded.
inline constexpr char modules_source[] = R"(
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

loaders = {}  # by the names of the modules
packages = {}  # the __path__ of those that are packages

class TextLoader(SourceFileLoader):
    def __init__(self, name, path, source, code):
        super().__init__(name, path)
        self.source, self.code = source, code
    def get_source(self, name): return self.source
    def get_code(self, name): return self.code
    def is_package(self, name): return name in packages

def file_loader(name, file):
    spec = spec_from_file_location(name, file)
    return spec.loader if spec else SourceFileLoader(name, file)

def find_spec(name, path=None, target=None):
    if name in loaders:
        loader = loaders[name]
        spec = ModuleSpec(name, loader, origin=getattr(loader, 'path', 'latepy'))
        spec.has_location = hasattr(loader, 'path')
        spec.submodule_search_locations = packages.get(name)
        return spec

finder = type(sys.implementation)(find_spec=find_spec)

# Returns None if the module is to be imported, True if it is to be reloaded, else the reason why it cannot be made.
# The parent of the module was imported before.
def add(name, loader, package):
    path = getattr(loader, 'path', None)
    if name in sys.modules:
        if name not in loaders:
            return 'a module of that name is imported already, which reload() can run again'
        known = getattr(loaders[name], 'path', None)
        if path is None or path != known:
            return f'a module of that name was made already, from {known}'
    else:
        parent, _, child = name.rpartition('.')
        above = sys.modules.get(parent)
        if above and getattr(getattr(above, child, above), '__name__', None) not in (name, parent):
            return 'its parent has another attribute of that name'
        if above and not hasattr(above, '__path__'):
            if parent not in loaders:
                return f'its parent {parent} is not a package'
            above.__path__ = above.__spec__.submodule_search_locations = packages[parent] = []
            above.__package__ = parent
        if name not in loaders:
            import importlib.util
            spec = importlib.util.find_spec(name)
            if spec and (path is None or spec.origin != path):
                return f'it would hide the module of that name that scripts can import ({spec.origin})'
    loaders[name] = loader
    if package:
        packages[name] = package
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    return True if name in sys.modules else None

def remove(name):
    loaders.pop(name, None)
    packages.pop(name, None)
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
