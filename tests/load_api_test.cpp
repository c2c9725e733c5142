// Tests of latepy/load/api.hpp and symbols.inl: the table of CPython's functions.
// SPDX-License-Identifier: MIT
#include "python.hpp"

#include <set>

using py::DynLib;
using py::detail::Api;

namespace {

constexpr bool required = true, optional = false;
struct Row {
  int first, last;
  bool is_required;
  const char* name;
  std::size_t offset;
};
constexpr Row rows[] = {
#define LATEPY_FUNCTION(first, last, need, result, prefix, name, parameters) \
  {first, last, need, #prefix #name, offsetof(Api, name)},
#define LATEPY_DATA(first, last, need, type, prefix, name) {first, last, need, #prefix #name, offsetof(Api, name)},
#include <latepy/load/symbols.inl>
};

void* field(const Api& api, const Row& row) {
  void* address = nullptr;
  std::memcpy(&address, reinterpret_cast<const char*>(&api) + row.offset, sizeof address);
  return address;
}

/// A CPython with one symbol hidden.
struct Hiding {
  const DynLib& library;
  std::string hidden;
  void* find(const char* name) const { return hidden == name ? nullptr : library.find(name); }
};

#ifdef _WIN32
const std::string module_file = LATEPY_TEST_BINARIES "/fake_python_module.dll";
#else
const std::string module_file = LATEPY_TEST_BINARIES "/fake_python_module.so";
#endif

}  // namespace

TEST_CASE("the running Python has every symbol that the list says it has") {
  const DynLib library(python().library());
  for (const Row& row : rows) {
    if (row.name == std::string("_Py_NegativeRefcount")) continue;  // debug builds only
    if (row.name == std::string("PyUnstable_Module_SetGIL") && !python().is_free_threaded()) continue;
#ifdef _WIN32
    if (std::string_view(row.name).find("Fork") != std::string_view::npos) continue;
#endif
    INFO(row.name);
    if (row.first <= minor_version() && minor_version() <= row.last) CHECK(library.find(row.name));
    if (row.first > minor_version()) CHECK_FALSE(library.find(row.name));  // else the list is too strict
  }
}

TEST_CASE("what is required is exported by every version from 3.9 on") {
  for (const Row& row : rows) {
    INFO(row.name);
    if (row.is_required) CHECK((row.first == 9 && row.last == 99));
    CHECK(row.first <= row.last);
  }
}

TEST_CASE("no symbol stands in the list twice, and each has a field of its own") {
  std::set<std::string> names;
  std::set<std::size_t> offsets;
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK(offsets.insert(row.offset).second);
    CHECK(row.offset % alignof(void*) == 0);
  }
  CHECK(offsets.size() * sizeof(void*) == sizeof(Api));
}

TEST_CASE("the names and needs stand in the order of the table's fields") {
  const char* name = py::detail::symbol_names;
  std::size_t index = 0;
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(name == std::string(row.name));
    CHECK(row.offset == index * sizeof(void*));
    CHECK(py::detail::symbol_needs[index] == row.is_required);
    name += std::strlen(name) + 1;
    ++index;
  }
  CHECK(name == std::end(py::detail::symbol_names) - 1);
  CHECK(index == std::size(py::detail::symbol_needs));
}

TEST_CASE("the table is filled with the addresses of the library") {
  const DynLib library(python().library());
  Api api;
  py::detail::fill(api, library, "libpython");
  for (const Row& row : rows) {
    INFO(row.name);
    void* const found = library.find(row.name);
    if (found || row.is_required) CHECK(field(api, row) == found);
    CHECK(field(api, row) == field(py::detail::api(), row));  // and the interpreter uses the same
  }
  CHECK(std::string(api.GetVersion()) == py::detail::api().GetVersion());
  CHECK(api.NoneStruct == py::none().ptr());
  CHECK(*api.ValueError == python().eval("ValueError").ptr());
}

TEST_CASE("what may wait for the GIL is called behind a barrier, as CPython may end the thread") {
  // Also what waits only while tracemalloc is on, which takes the GIL for memory that is taken without it.
  CHECK_FALSE(std::is_pointer_v<decltype(Api::ThreadState_New)>);
  CHECK_FALSE(std::is_pointer_v<decltype(Api::Eval_RestoreThread)>);
}

TEST_CASE("functions that were renamed are there under their present name") {
  const Api& api = (python(), py::detail::api());
  CHECK(api.ThreadState_GetUnchecked);
  CHECK(api.Object_GetOptionalAttr);
}

TEST_CASE("a CPython without a required symbol is refused by its name, without an optional one it serves") {
  const DynLib library(python().library());
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string name = row.name;
    const bool has_twin =
        name.find("ThreadState_") != name.npos || name == "PyObject_GetOptionalAttr" || name == "_PyObject_LookupAttr";
    Api api;
    if (row.is_required) {
      const auto error = thrown<py::SymbolError>([&] { py::detail::fill(api, Hiding{library, name}, "libtest"); });
      CHECK(error.missing() == std::vector<std::string>{name});
      CHECK(error.what() == "libtest is not a CPython 3.9 or newer: it has no " + name);
    } else if (!has_twin) {
      CHECK_NOTHROW(py::detail::fill(api, Hiding{library, name}, "libtest"));
    }
  }
}

TEST_CASE("a library that is no CPython gives one SymbolError with all that it lacks") {
  python();  // libpython stands before the test library, which has two of its names
  const DynLib library(module_file);
  Api api;
  const py::SymbolError error = thrown<py::SymbolError>([&] { py::detail::fill(api, library, module_file); });
  const std::string text = error.what();
  CHECK_THAT(text, ContainsSubstring(module_file + " is not a CPython 3.9 or newer: it has no Py_"));
  std::set<std::string> missing(error.missing().begin(), error.missing().end());
  CHECK(missing.size() == error.missing().size());
  for (const Row& row : rows) {
    INFO(row.name);
    const bool is_there = row.name == std::string("Py_IsInitialized") || row.name == std::string("Py_GetVersion");
    if (row.is_required) CHECK(missing.count(row.name) == (is_there ? 0u : 1u));
    if (row.is_required && !is_there) CHECK_THAT(text, ContainsSubstring(row.name));
    missing.erase(row.name);
  }
  CHECK(missing.empty());
  CHECK(error.missing().front() == "Py_InitializeEx");  // in the order of the list
  CHECK_THAT(text, ContainsSubstring("PyThreadState_GetUnchecked") && ContainsSubstring("PyObject_GetOptionalAttr"));
}
