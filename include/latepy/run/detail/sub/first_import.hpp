// latepy/run/detail/sub/first_import.hpp: has the main interpreter import some extension modules before others do.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Extension modules whose static types CPython 3.12 and 3.13 break if an interpreter with its own GIL is the first to
/// import them: the next interpreter that does crashes the process. Once the main interpreter has imported them, they
/// work in the others, or are refused there and have a replacement in Python.
inline constexpr std::string_view modules_of_main[] = {"_asyncio", "_datetime", "_decimal"};

/// numpy's extension is for one interpreter. CPython 3.12 and 3.13 begin it and refuse it then. With numpy 2.2 the next
/// interpreter that begins it ends the process.
LATEPY_COLD inline bool is_of_numpy(std::string_view module) {
  return module == "numpy._core._multiarray_umath" || module == "numpy.core._multiarray_umath";
}

/// Imports the module in the main interpreter, if it is one of these. \returns why this interpreter may not import it,
/// or null.
LATEPY_COLD inline const char* import_in_main(PyObject* spec) {
  const std::string name = get_attribute(Ref(throw_if_null(spec)), "name").as<std::string>();
  if (is_of_numpy(name))
    return "numpy cannot be used in an interpreter with its own GIL: use it in the main interpreter. Python's views of "
           "memory, as memoryview and array.array, work here";
  if (std::find(std::begin(modules_of_main), std::end(modules_of_main), name) == std::end(modules_of_main))
    return nullptr;
  const std::uint32_t main = process_state().entered.load()->generation;
  const std::optional<GilGuard> gil = GuardAccess::try_enter(main);
  if (gil && attempt([&] { known_module(name.c_str()); })) return nullptr;
  return "the main interpreter has to import this module first, and could not: try again";
}

/// A function of `_imp` that makes an extension module. \param former the function before.
LATEPY_COLD inline PyObject* create_after_main(PyObject* former, PyObject* arguments) noexcept {
  const Api& a = api();
  const char* why_not = "no memory to tell whether the module may be imported here";
  attempt([&] { why_not = import_in_main(a.Tuple_GetItem(arguments, 0)); });
  if (!why_not) return a.Object_Call(former, arguments, nullptr);
  a.Err_Clear();
  a.Err_SetString(*a.ImportError, why_not);
  return nullptr;
}

/// From now on the interpreter imports the modules above after the main one. Needs its GIL.
LATEPY_COLD inline void import_after_main() {
  if (library_state.version.minor > 13) return;
  if (library_state.version.minor == 12)  // needs _datetime, which 3.12 refuses; zoneinfo is then Python code
    check_result(api().Dict_SetItemString(api().Import_GetModuleDict(), "_zoneinfo", none().ptr()));
  static MethodDef functions[] = {{"create_dynamic", &create_after_main, meth_varargs, nullptr},
                                  {"create_builtin", &create_after_main, meth_varargs, nullptr}};
  const ColdObject module = known_module("_imp");
  for (MethodDef& each : functions) {
    const ColdObject former = get_attribute(module, each.name);
    set_attribute(module, each.name, take_result(api().CFunction_NewEx(&each, former.ptr(), nullptr)));
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
