// latepy/run/detail/scope_modules.hpp: ScopeModules, the members of Scope that import and make modules.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/modules.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The members of Scope that import and make modules; see Scope.
class ScopeModules {
 public:
  /// Returns the object with this dotted name: `get("os.path.sep")`. Imports modules as far as needed, then reads
  /// attributes.
  Object get(std::string_view dotted);
  /// Imports a module and returns it: `import_module("os.path")` returns os.path, not os.
  Object import_module(std::string_view name);
  /// Creates a module from source text, which scripts can import and reload. Returns the module. A second call with the
  /// same name and file name runs the new text in the same module, as reload() does. A dotted name makes a module in a
  /// package; the parent is imported first.
  /// \param filename its `__file__`, and the name in tracebacks. By default the name of the module with ".py".
  /// \throws StateError if another module has the name: one that is imported, or one that scripts could import.
  Object module_from_string(const std::string& name, std::string_view code, std::string_view filename = {});
  /// Creates a module from a file with any name and in any folder, which scripts can import and reload. Returns the
  /// module. A second call with the same name and file reads the file again, as reload() does. The file is Python
  /// source, a .pyc file, an extension module, or the folder of a package.
  /// \throws FileNotFoundError; what module_from_string() throws.
  Object module_from_file(const std::string& name, const Path& path);

  /// The module of the program with this name, as latepy::module() returns it: scripts can import it. The first call
  /// creates it. To use the Module needs the GIL. \throws StateError if another module has the name.
  Module module(const std::string& name);
  /// A module of the program that is made when a script first imports it: `fill` is then called with the Module, with
  /// the GIL, on the thread that imports. If it throws, the import raises ImportError, whose `__cause__` is that
  /// exception; the next import calls `fill` again. \throws StateError if another module has the name.
  template <class F>
  void lazy_module(const std::string& name, F fill) {
    const Entry entry;
    add_lazy_module(name, make_callable("fill", [fill = std::move(fill)](const Object& made) mutable {
                      Module module = begin_lazy_module(made);
                      if (!module.is_empty()) fill(module);
                    }));
  }
  /// Puts a folder or zip file first on sys.path, unless sys.path has it already. \throws FileNotFoundError.
  void add_path(const Path& folder);
  /// Runs the source of a module again in the same module object, as importlib.reload() does. Returns the module.
  ///@{
  Object reload(const Ref& module);
  Object reload(std::string_view name);
  ///@}

 protected:
  ScopeModules() = default;
  ~ScopeModules() = default;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Object ScopeModules::get(std::string_view dotted) {
  const Entry entry;
  return resolve(dotted);
}

LATEPY_FUNC Object ScopeModules::import_module(std::string_view name) {
  const Entry entry;
  return import(name);
}

LATEPY_FUNC Object ScopeModules::module_from_string(const std::string& name, std::string_view code,
                                                    std::string_view filename) {
  const Entry entry(true);
  return detail::module_from_string(name, code, filename);
}

LATEPY_FUNC Object ScopeModules::module_from_file(const std::string& name, const Path& path) {
  const Entry entry(true);
  return detail::module_from_file(name, path);
}

LATEPY_FUNC Module ScopeModules::module(const std::string& name) {
  const Entry entry;
  return latepy::module(name);
}

LATEPY_FUNC void ScopeModules::add_path(const Path& folder) {
  const Entry entry;
  const ColdObject path = absolute(folder);
  if (!is_importable_path(path))
    throw_error<FileNotFoundError>({"add_path(): there is no folder or zip file ", text_of(path.ptr())});
  insert_path(path);
}

LATEPY_FUNC Object ScopeModules::reload(const Ref& module) {
  const Entry entry;
  return resolve("importlib.reload")(module);
}

LATEPY_FUNC Object ScopeModules::reload(std::string_view name) {
  const Entry entry;
  return reload(import_module(name));
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
