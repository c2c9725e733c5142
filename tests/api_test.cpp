// load/api.hpp and load/symbols.inl
#include <set>

#include "python.hpp"

namespace {
/// The CPython under test with one symbol hidden.
struct Hiding {
  const py::DynLib& library;
  std::string hidden;
  void* find(const char* name) const { return hidden == name ? nullptr : library.find(name); }
};
}  // namespace

TEST_CASE("every required symbol is in the CPython under test, and the table holds it") {
  python();
  const py::DynLib library = py::DynLib::containing(reinterpret_cast<const void*>(py::detail::api().GetVersion));
  py::detail::Api api;
  py::detail::fill(api, library, library.path());
  CHECK(api.IsInitialized() == 1);
  CHECK(std::string(api.GetVersion()).find(python().version()) == 0);
  CHECK(reinterpret_cast<void*>(api.Object_GetAttr) == library.find("PyObject_GetAttr"));
}

TEST_CASE("the list names each symbol once") {
  std::set<std::string> names;
  for (const auto& symbol : py::detail::symbols) {
    INFO(symbol.name);
    CHECK(names.insert(symbol.name).second);
  }
}

TEST_CASE("a library without a required symbol is refused by its name, without an optional one it serves") {
  python();
  const py::DynLib library = py::DynLib::containing(reinterpret_cast<const void*>(py::detail::api().GetVersion));
  for (const auto& symbol : py::detail::symbols) {
    INFO(symbol.name);
    py::detail::Api api;
    const bool has_twin = std::string(symbol.name).find("ThreadState_") != std::string::npos ||
                          std::string(symbol.name).find("Object_GetOptionalAttr") != std::string::npos ||
                          std::string(symbol.name) == "_PyObject_LookupAttr";
    if (symbol.is_required) {
      const auto error = thrown<py::SymbolError>([&] { py::detail::fill(api, Hiding{library, symbol.name}, "libtest"); });
      CHECK(error.missing() == std::vector<std::string>{symbol.name});
      CHECK(std::string(error.what()) == std::string("libtest is not a CPython 3.9 or newer: it has no ") + symbol.name);
    } else if (!has_twin) {
      CHECK_NOTHROW(py::detail::fill(api, Hiding{library, symbol.name}, "libtest"));
    }
  }
}

TEST_CASE("all missing symbols are told at once") {
  const py::DynLib library(std::string(LATEPY_TEST_BINARIES) + "/fake_python_module.so");
  py::detail::Api api;
  const auto error = thrown<py::SymbolError>([&] { py::detail::fill(api, library, "fake"); });
  std::size_t required = 0;
  for (const auto& symbol : py::detail::symbols) required += symbol.is_required;
  CHECK(error.missing().size() == required);  // both names that it has are required, both twins are missing
}
