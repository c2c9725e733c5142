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

struct Symbol {
  char name[40];  ///< and not a pointer, which the dynamic linker would have to relocate, one by one
  unsigned short offset;
  bool is_required;
};

inline constexpr bool required = true, optional = false;
inline constexpr Symbol symbols[] = {
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) {#prefix #name, offsetof(Api, name), need},
#define LATEPY_DATA(first, last, need, type, prefix, name) {#prefix #name, offsetof(Api, name), need},
#include <latepy/load/symbols.inl>
};
static_assert(sizeof(Api) < 65536);

/// Fills the table from a DynLib, or from what a test puts in its place. Costs about 0.1 ms; needs no running Python.
/// \throws SymbolError with every required name that the library lacks.
template <class Library>
LATEPY_COLD void fill(Api& api, const Library& library, const std::string& name) {
  std::vector<std::string> missing;
  for (const Symbol& symbol : symbols) {
    void* address = library.find(symbol.name);
    std::memcpy(reinterpret_cast<char*>(&api) + symbol.offset, &address, sizeof address);
    if (!address && symbol.is_required) missing.push_back(symbol.name);
  }
  // One function under two names: _PyThreadState_UncheckedGet until 3.12, public from 3.13 on.
  if (!api.ThreadState_GetUnchecked) api.ThreadState_GetUnchecked = api.ThreadState_UncheckedGet;
  if (!api.Object_GetOptionalAttr) api.Object_GetOptionalAttr = api.Object_LookupAttr;
  if (!api.ThreadState_GetUnchecked) missing.push_back("PyThreadState_GetUnchecked");
  if (!api.Object_GetOptionalAttr) missing.push_back("PyObject_GetOptionalAttr");
  if (missing.empty()) return;
  std::string text = concat({name, " is not a CPython 3.9 or newer: it has no"});
  for (const std::string& symbol : missing) text += concat({&symbol == &missing.front() ? " " : ", ", symbol});
  throw SymbolError(text, std::move(missing));
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
