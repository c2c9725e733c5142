// latepy/run/detail/modules.hpp: makes modules from texts and files, which scripts import and reload.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>
#include <latepy/host/module.hpp>
#include <latepy/run/detail/entry.hpp>
#include <latepy/run/detail/imports.hpp>
#include <latepy/run/detail/modules_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// All functions need the GIL, except those that take it.

/// The namespace of modules_source.
LATEPY_COLD inline Object module_finder() { return kept_namespace("modules", modules_source); }

/// Makes a module that `loader` loads and returns it. If the program made that module from the same file name before,
/// the new loader reloads it. \param package the `__path__` of a package, a list; else None.
/// \throws StateError with the reason if no module can have that name; what the module's code raises.
Object make_module(const std::string& name, const Object& loader, const Ref& package);

/// The members of Scope with these names; host_module() is Scope::module(). They enter the interpreter of the Scope.
///@{
Object get(std::uint32_t scope, std::string_view dotted);
Object import_module(std::uint32_t scope, std::string_view name);
Object module_from_string(std::uint32_t scope, const std::string& name, std::string_view code,
                          std::string_view filename);
Object module_from_file(std::uint32_t scope, const std::string& name, const Path& path);
Module host_module(std::uint32_t scope, const std::string& name);
void add_path(std::uint32_t scope, const Path& folder);
Object reload(std::uint32_t scope, const Ref& module);
///@}

/// Registers a module that is made at its first import. \param fill a Python function that takes the module.
void add_lazy_module(const std::string& name, const Object& fill);
/// Marks a lazy module as one of the program. \returns an empty Module if it was filled before: this is a reload.
Module begin_lazy_module(const Object& made);

#if LATEPY_DEFINITIONS

/// The name of the module above; "" if there is none.
inline std::string parent_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == name.npos ? std::string() : name.substr(0, dot);
}

/// Registers the loader of a module. \returns whether the module is there, and is to be reloaded.
LATEPY_COLD inline bool add_loader(const std::string& name, const Object& loader, const Ref& package) {
  const ColdObject plan = call_plain(get_item(module_finder(), "add"), {make_str(name), loader, package});
  if (has_flag(plan.ptr(), type_is_str))
    throw_error<StateError>({"cannot make a module named ", name, ": ", text_of(plan.ptr()), "; choose another name"});
  return !plan.is_none();
}

LATEPY_FUNC LATEPY_COLD Object make_module(const std::string& name, const Object& loader, const Ref& package) {
  if (const std::string parent = parent_of(name); !parent.empty()) import(parent);
  if (add_loader(name, loader, package)) return call_attribute(known_module("importlib"), "reload", {import(name)});
  PyObject* const made = try_import(name);
  if (made) return Object::steal(made);
  const PythonError error = take_python_error();
  call_plain(get_item(module_finder(), "remove"), {make_str(name)});
  error.rethrow();
}

LATEPY_FUNC LATEPY_COLD Object module_from_string(std::uint32_t scope, const std::string& name, std::string_view code,
                                                  std::string_view filename) {
  const Entry entry(scope, true);
  const std::string file = filename.empty() ? name + ".py" : std::string(filename);
  const Code compiled(code, Mode::exec, file);
  const ColdObject loader =
      call_plain(get_item(module_finder(), "TextLoader"),
                 {make_str(name), make_path(file), make_str(dedent(code)), CodeAccess::code(compiled)});
  return make_module(name, loader, none());
}

LATEPY_FUNC LATEPY_COLD void add_lazy_module(const std::string& name, const Object& fill) {
  check_module_name(name);
  const std::string parent = parent_of(name);
  if (!parent.empty() && !get_item(module_finder(), "loaders").contains(parent)) latepy::module(parent);
  add_loader(name, call_plain(get_item(module_finder(), "LazyLoader"), {fill}), take_result(api().List_New(0)));
}

LATEPY_FUNC LATEPY_COLD Module begin_lazy_module(const Object& made) {
  if (!attribute_or_empty(made.ptr(), module_mark).is_empty()) return Module(Object());
  set_attribute(made, module_mark, to_py(true));
  return Module(made);
}

LATEPY_FUNC LATEPY_COLD Object module_from_file(std::uint32_t scope, const std::string& name, const Path& path) {
  const Entry entry(scope, true);
  const ColdObject os = known_module("os"), os_path = known_module("os.path");
  ColdObject file = absolute(path), package = none();
  if (call_attribute(os_path, "isdir", {file})) {
    package = take_result(api().List_New(0));
    expect_success(api().List_Append(package.ptr(), file.ptr()));
    file = call_attribute(os_path, "join", {file, make_str("__init__.py")});
  }
  call_attribute(os, "stat", {file});  // raises FileNotFoundError without frames of the import system
  return make_module(name, call_plain(get_item(module_finder(), "file_loader"), {make_str(name), file}), package);
}

LATEPY_FUNC Object get(std::uint32_t scope, std::string_view dotted) {
  const Entry entry(scope);
  return resolve(dotted);
}

LATEPY_FUNC Object import_module(std::uint32_t scope, std::string_view name) {
  const Entry entry(scope);
  return import(name);
}

LATEPY_FUNC Module host_module(std::uint32_t scope, const std::string& name) {
  const Entry entry(scope);
  return latepy::module(name);
}

LATEPY_FUNC void add_path(std::uint32_t scope, const Path& folder) {
  const Entry entry(scope);
  const ColdObject path = absolute(folder);
  if (!is_importable_path(path))
    throw_error<FileNotFoundError>({"add_path(): there is no folder or zip file ", text_of(path.ptr())});
  insert_path(path);
}

LATEPY_FUNC Object reload(std::uint32_t scope, const Ref& module) {
  const Entry entry(scope, true);
  return call_attribute(known_module("importlib"), "reload", {module});
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
