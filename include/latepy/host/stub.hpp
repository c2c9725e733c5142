// latepy/host/stub.hpp: stub() and write_stubs(): what scripts see of a host module, as .pyi text for editors and mypy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>
#include <latepy/host/detail/stub_source.hpp>
#include <latepy/host/function.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// [(signature, default values, doc string)]; None for what is no host function.
Object overloads_of(const Object& function);
Object stub_function(const char* name);

}  // namespace detail

/// The text of a stub file (.pyi) for a host module: functions with all overloads, classes, enumerations, exceptions
/// and constants, with types and doc strings, in a Python that 3.9 reads. To be called when all is defined, because C++
/// types without a Python class are `typing.Any`. Needs the GIL.
/// \throws TypeError where the object is no module.
LATEPY_COLD inline std::string stub(const Ref& module) {
  return detail::stub_function("stub").call<std::string>(Object(module));
}

/// Writes the stubs of a host module and its submodules into a folder, for editors and type checkers that are told of
/// the folder, as `mypy_path` or `python.analysis.stubPath`: `host.pyi`, or `host/__init__.pyi` and `host/sub.pyi`.
/// Folders are made. Needs the GIL.
/// \returns the files. \throws OSError where one cannot be written.
std::vector<std::string> write_stubs(const Ref& module, const Path& folder);

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD Object overloads_of(const Object& function) {
  if (!is_function(function.ptr())) return none();
  Object found = list();
  for (const Overload* each = data_of<FunctionData>(function.ptr()).first; each; each = each->next.get())
    found.call_method("append", tuple(signature_text(*each, &listed_default), defaults_of(*each), each->doc));
  return found;
}

LATEPY_FUNC LATEPY_COLD Object stub_function(const char* name) {
  check_running();
  const Object names = dict();
  names["overloads"] = make_callable("overloads", [](const Object& function) { return overloads_of(function); });
  names["has_buffer"] = make_callable("has_buffer", [](const Object& type) {
    const ClassTraits* const traits = traits_of(type.ptr());
    return traits && traits->buffer;
  });
  Code(stub_source, Mode::exec, "<latepy stubs>")(names);
  return names[name];
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD std::vector<std::string> write_stubs(const Ref& module, const Path& folder) {
  std::vector<std::string> files;
  for (const Object& file : detail::stub_function("write")(Object(module), folder.string()))
    files.push_back(file.as<std::string>());
  return files;
}

#endif

}  // namespace v1
}  // namespace latepy
