// latepy/load/api.hpp: Api, the table of pointers to CPython's functions and data, and fill(), which looks them up.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/abi.hpp>
#include <latepy/load/detail/c_function.hpp>
#include <latepy/load/detail/text.hpp>
#include <latepy/load/error.hpp>

#include <cstring>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Pointers to CPython's functions and data. The names are CPython's without the prefix: PyObject_GetAttr is
/// Object_GetAttr. A member for data points to the data: PyExc_ValueError is `*api().ValueError`, None is
/// `api().NoneStruct`. A member that the library does not have is null.
struct Api {
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) CFunction<result parameters> name{};
#define LATEPY_LEAF(first, last, need, result, prefix, name, parameters) result(*name) parameters = nullptr;
#define LATEPY_DATA(first, last, need, type, prefix, name) type* name = nullptr;
#include <latepy/load/symbols.inl>
};

/// The names of all symbols, each with a NUL at its end, in the order of symbols.inl, which is the order of Api's
/// members. This is one string, because an array of pointers would need a relocation for each.
inline constexpr char symbol_names[] =
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) #prefix #name "\0"
#define LATEPY_DATA(first, last, need, type, prefix, name) #prefix #name "\0"
#include <latepy/load/symbols.inl>
    ;
inline constexpr bool required = true, optional = false;
/// Whether a library without the symbol is refused, in the same order.
inline constexpr bool symbol_needs[] = {
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) need,
#define LATEPY_DATA(first, last, need, type, prefix, name) need,
#include <latepy/load/symbols.inl>
};
static_assert(sizeof(Api) == sizeof(symbol_needs) * sizeof(void*));

/// Fills the table with `library.find(name)` for each symbol. Takes about 0.1 ms. Needs no running Python.
/// \param library a DynLib, or an object that a test uses instead.
/// \param library_name how the error names the library.
/// \throws SymbolError with the names of all required symbols that the library does not have.
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
  // CPython 3.13 renamed two functions. The table has both names; the rest of latepy uses the new one.
  if (!api.ThreadState_GetUnchecked) api.ThreadState_GetUnchecked = api.ThreadState_UncheckedGet;  // until 3.12
  if (!api.Object_GetOptionalAttr) api.Object_GetOptionalAttr = api.Object_LookupAttr;             // until 3.12
  if (!api.ThreadState_GetUnchecked) append(missing, "PyThreadState_GetUnchecked");
  if (!api.Object_GetOptionalAttr) append(missing, "PyObject_GetOptionalAttr");
  if (missing.empty()) return;
  const std::string text = concat({library_name, " is not a CPython 3.9 or newer: it has no ", join(missing)});
  throw SymbolError(text, std::move(missing));
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
