// latepy/host/stub.hpp: stub() and write_stubs(), which write .pyi files of host modules for editors and type checkers.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/code.hpp>
#include <latepy/host/detail/stub_source.hpp>
#include <latepy/host/function.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A list of (signature, default values, doc string), one for each overload; None if it is not a host function.
Object overloads_of(const Object& function);
/// A function of the Python program `stub_source`, which is run for each call.
Object stub_function(const char* name);

}  // namespace detail

/// The text of a stub file (.pyi) for a module: functions with all overloads, classes, enumerations, exceptions and
/// constants, with types and doc strings. Python 3.9 and later can parse it. Call it after everything is defined: a C++
/// type that has no Python class yet becomes `typing.Any`. Needs the GIL.
/// \throws TypeError if the object is not a module.
LATEPY_COLD inline std::string stub(const Ref& module) {
  return detail::stub_function("stub").call<std::string>(Object(module));
}

/// Writes the stub files of a module and its submodules into a folder: `host.pyi`, or `host/__init__.pyi` and
/// `host/sub.pyi` if there are submodules. Missing folders are made. Tell editors and type checkers where the folder
/// is: `mypy_path`, `python.analysis.stubPath`. Needs the GIL. \returns the paths of the files. \throws OSError if one
/// cannot be written; TypeError if the object is not a module.
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
