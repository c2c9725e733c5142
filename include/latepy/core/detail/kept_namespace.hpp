// latepy/core/detail/kept_namespace.hpp: the namespaces of our own Python sources, each run once in an interpreter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The namespace of a source of ours, run when it is first needed in an interpreter's generation, with the built-in
/// names as they are and not as a caller restricted them. Needs the GIL. \param variable a global that the source
/// finds, with `value` as its text; null for none.
Object kept_namespace(const std::string& name, const char* source, const char* variable = nullptr,
                      const char* value = nullptr);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object kept_namespace(const std::string& name, const char* source, const char* variable,
                                              const char* value) {
  const Api& a = api();
  PyObject* place = a.InterpreterState_GetDict(a.InterpreterState_Get());
  if (!place) throw_error<StateError>({"this Python has no interpreter dict to keep the namespace of latepy in"});
  const AttrName key(concat({"latepy.v1.", name}));
  if (PyObject* known = a.Dict_GetItemWithError(place, key.ptr())) return Object::borrow(known);
  PyObject* const builtins = a.Dict_GetItemWithError(a.Import_GetModuleDict(), AttrName("builtins").ptr());
  const Object globals = steal_or_throw(a.Dict_New());
  set_item(globals, "__name__", to_py(concat({"latepy.", name})));
  set_item(globals, "__builtins__", Ref(builtins ? builtins : a.Eval_GetBuiltins()));
  if (variable) set_item(globals, variable, to_py(value));
  CompilerFlags flags{source_is_utf8, library_state.version.minor};
  const Object code = steal_or_throw(a.CompileStringExFlags(source, "<latepy>", file_input, &flags, -1));
  steal_or_throw(a.Eval_EvalCode(code.ptr(), globals.ptr(), globals.ptr()));
  check_result(a.Dict_SetItem(place, key.ptr(), globals.ptr()));
  return globals;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
