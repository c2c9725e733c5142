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

/// Imports the module in the main interpreter, if it is one of these. \returns whether this interpreter may import it.
LATEPY_COLD inline bool import_in_main(PyObject* spec) {
  const std::string name = get_attribute(Ref(throw_if_null(spec)), "name").as<std::string>();
  if (std::find(std::begin(modules_of_main), std::end(modules_of_main), name) == std::end(modules_of_main)) return true;
  const std::uint32_t main = process_state().entered.load()->generation;
  const std::optional<GilGuard> gil = GuardAccess::try_enter(main);
  return gil && attempt([&] { known_module(name.c_str()); });
}

/// A function of `_imp` that makes an extension module. \param former the function before.
LATEPY_COLD inline PyObject* create_after_main(PyObject* former, PyObject* arguments) noexcept {
  const Api& a = api();
  bool may_import = false;
  attempt([&] { may_import = import_in_main(a.Tuple_GetItem(arguments, 0)); });
  if (may_import) return a.Object_Call(former, arguments, nullptr);
  a.Err_Clear();
  a.Err_SetString(*a.ImportError, "the main interpreter has to import this module first, and could not: try again");
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
