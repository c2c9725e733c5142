// latepy/core/detail/kept_namespace.hpp: runs latepy's own Python code, once in each interpreter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The namespace of Python code of latepy, a dict. The first call in an interpreter runs the code, with the built-in
/// names of the module `builtins`, even if the caller's code has restricted ones. Needs the GIL.
/// \param name the key in the dict of namespaces.
/// \param variable a global that the code reads, or null. \param value its value, a str.
Object kept_namespace(std::string_view name, const char* source, const char* variable = nullptr,
                      const char* value = nullptr);
/// Releases all namespaces of the current interpreter; functions that something else holds keep theirs. Called by the
/// stop: CPython clears the interpreter's dict after its last garbage collection, until 3.9, and a namespace and its
/// functions refer to each other. Needs the GIL.
void release_namespaces() noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object kept_namespace(std::string_view name, const char* source, const char* variable,
                                              const char* value) {
  const Api& a = api();
  PyObject* const dict = a.InterpreterState_GetDict(a.InterpreterState_Get());
  if (!dict)
    throw_error<StateError>(
        {"latepy cannot store its Python code: PyInterpreterState_GetDict() returned null; start another Python"});
  const ColdObject all = make_str(namespaces_key), key = make_str(name);
  PyObject* place = a.Dict_GetItemWithError(dict, all.ptr());
  if (!place) {
    const ColdObject made = take_result(a.Dict_New());
    expect_success(a.Dict_SetItem(dict, all.ptr(), made.ptr()));
    place = made.ptr();
  }
  if (PyObject* known = a.Dict_GetItemWithError(place, key.ptr())) return Object::borrow(known);
  const ColdObject builtins_name = make_str("builtins");
  PyObject* const builtins = a.Dict_GetItemWithError(a.Import_GetModuleDict(), builtins_name.ptr());
  ColdObject globals = take_result(a.Dict_New());
  const auto set_global = [&](const char* global, PyObject* with) {
    expect_success(a.Dict_SetItemString(globals.ptr(), global, with));
  };
  set_global("__name__", make_str(concat({"latepy.", name})).ptr());
  set_global("__builtins__", builtins ? builtins : a.Eval_GetBuiltins());
  if (variable) set_global(variable, make_str(value).ptr());
  CompilerFlags flags{source_is_utf8, library_state.version.minor};
  const ColdObject code = take_result(a.CompileStringExFlags(source, "<latepy>", file_input, &flags, -1));
  take_result(a.Eval_EvalCode(code.ptr(), globals.ptr(), globals.ptr()));
  expect_success(a.Dict_SetItem(place, key.ptr(), globals.ptr()));
  return globals;
}

LATEPY_FUNC LATEPY_COLD void release_namespaces() noexcept {
  const Api& a = api();
  PyObject* const dict = a.InterpreterState_GetDict(a.InterpreterState_Get());
  const ColdRef all(dict ? a.Unicode_InternFromString(namespaces_key) : nullptr);
  if (!all.get() || a.Dict_DelItem(dict, all.get()) != 0) a.Err_Clear();
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
