// latepy/load/api.hpp: Api, the table of CPython's functions, filled from a library by one loop.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/abi.hpp>
#include <latepy/load/detail/text.hpp>
#include <latepy/load/error.hpp>

#include <cstring>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Function pointers under CPython's names without their prefix: PyObject_GetAttr is Object_GetAttr.
/// Data symbols are pointers to the data: PyExc_ValueError is `*api().ValueError`, None is `api().NoneStruct`.
struct Api {
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) result(*name) parameters = nullptr;
#define LATEPY_DATA(first, last, need, type, prefix, name) type* name = nullptr;
#include <latepy/load/symbols.inl>
};

/// The names of all symbols in the order of symbols.inl, which is the order of Api's fields; each ends with a NUL. One
/// string needs no pointers, which the dynamic linker would have to relocate one by one.
inline constexpr char symbol_names[] =
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) #prefix #name "\0"
#define LATEPY_DATA(first, last, need, type, prefix, name) #prefix #name "\0"
#include <latepy/load/symbols.inl>
    ;
inline constexpr bool required = true, optional = false;
/// Whether CPythons without the symbol are refused, in the same order.
inline constexpr bool symbol_needs[] = {
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) need,
#define LATEPY_DATA(first, last, need, type, prefix, name) need,
#include <latepy/load/symbols.inl>
};
static_assert(sizeof(Api) == sizeof(symbol_needs) * sizeof(void*));

/// Fills the table from a DynLib, or from what a test puts in its place. Costs about 0.1 ms; needs no running Python.
/// \throws SymbolError with every required name that the library lacks.
template <class Library>
LATEPY_COLD void fill(Api& api, const Library& library, const std::string& library_name) {
  std::vector<std::string> missing;
  const char* name = symbol_names;
  char* field = reinterpret_cast<char*>(&api);
  for (const bool is_required : symbol_needs) {
    void* const address = library.find(name);
    std::memcpy(field, &address, sizeof address);
    if (!address && is_required) append(missing, name);
    name += std::strlen(name) + 1;
    field += sizeof address;
  }
  // Two functions were renamed: the table has both names, and the code uses the present one.
  if (!api.ThreadState_GetUnchecked) api.ThreadState_GetUnchecked = api.ThreadState_UncheckedGet;  // until 3.12
  if (!api.Object_GetOptionalAttr) api.Object_GetOptionalAttr = api.Object_LookupAttr;             // until 3.12
  if (!api.ThreadState_GetUnchecked) append(missing, "PyThreadState_GetUnchecked");
  if (!api.Object_GetOptionalAttr) append(missing, "PyObject_GetOptionalAttr");
  if (missing.empty()) return;
  std::string text = concat({library_name, " is not a CPython 3.9 or newer: it has no"});
  for (const std::string& each : missing) text += concat({&each == &missing.front() ? " " : ", ", each});
  throw SymbolError(text, std::move(missing));
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
