// load/dynlib.hpp and load/error.hpp
#include <latepy/load/dynlib.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "catch.hpp"

using latepy::DynLib;
using latepy::LoadError;
using latepy::Path;
using latepy::SymbolError;

namespace {
const std::string fake = std::string(LATEPY_TEST_BINARIES) + "/fake_python_module.so";

template <class E, class F>
std::string what(F&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing was thrown";
}
}  // namespace

TEST_CASE("a library is opened by its path, and its functions are called by their types") {
  const DynLib library(fake);
  CHECK(library.path() == fake);
  CHECK(library.get<int()>("Py_IsInitialized")() == 0);
  CHECK(std::string(library.get<const char*()>("Py_GetVersion")()) == "3.11.7 (a stand-in)");
  CHECK(library.find("Py_Initialize") == nullptr);
  CHECK(library.try_get<void()>("Py_Initialize") == nullptr);
}

TEST_CASE("a missing symbol names the library and itself") {
  const DynLib library(fake);
  try {
    library.get<void()>("Py_Initialize");
    FAIL("nothing was thrown");
  } catch (const SymbolError& error) {
    CHECK(std::string(error.what()) == fake + " has no symbol Py_Initialize");
    CHECK(error.missing() == std::vector<std::string>{"Py_Initialize"});
  }
}

TEST_CASE("what cannot be loaded is named with the loader's own reason") {
  CHECK_THAT(what<LoadError>([] { DynLib library("/nowhere/libpython3.11.so.1.0"); }),
             ContainsSubstring("cannot load /nowhere/libpython3.11.so.1.0: ") && ContainsSubstring("No such file"));
  const std::string text = (std::filesystem::temp_directory_path() / "latepy_no_library.so").string();
  std::ofstream(text) << "no library";
  CHECK_THAT(what<LoadError>([&] { DynLib library{Path(text)}; }), ContainsSubstring("cannot load " + text + ": "));
  std::filesystem::remove(text);
  CHECK(what<LoadError>([] { DynLib library(""); }) == "cannot load a library: the path is empty");
  CHECK_THAT(what<LoadError>([] { DynLib library(std::string("/a\0b", 4)); }), ContainsSubstring("NUL byte"));
}

TEST_CASE("the library of an address is found without loading it") {
  const DynLib library(fake);
  const DynLib same = DynLib::containing(library.find("Py_GetVersion"));
  CHECK(std::filesystem::equivalent(same.path(), fake));
  CHECK(same.find("Py_GetVersion") == library.find("Py_GetVersion"));
  int on_the_stack = 0;
  CHECK_THROWS_AS(DynLib::containing(&on_the_stack), LoadError);
}

TEST_CASE("the program itself is searched without a path") {
  const DynLib program = DynLib::program();
  CHECK(program.path().empty());
  CHECK(program.find("malloc") != nullptr);
  CHECK(program.find("latepy_no_such_symbol") == nullptr);
}

TEST_CASE("a DynLib moves, and closes what it opened once") {
  DynLib first(fake);
  DynLib second(std::move(first));
  CHECK(second.find("Py_GetVersion") != nullptr);
  CHECK(first.find("Py_GetVersion") == nullptr);
  first = std::move(second);
  CHECK(first.find("Py_GetVersion") != nullptr);
}

TEST_CASE("paths are made from strings and from std::filesystem::path, in UTF-8") {
  CHECK(Path("dïr/ü 日本").string() == "dïr/ü 日本");
  CHECK(Path(std::filesystem::u8path("dïr/ü 日本")).string() == "dïr/ü 日本");
  CHECK(Path(static_cast<const char*>(nullptr)).empty());
  CHECK(Path(std::string_view("a")) == Path(std::string("a")));
  CHECK(Path("a") != Path("b"));
}

TEST_CASE("errors are copyable and keep their words") {
  const LoadError error("no Python here");
  const LoadError copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(std::string(copy.what()) == "no Python here");
  latepy::ConversionError conversion("cannot convert 'str' \"abc\" to int");
  conversion.inside("[\"x\"]");
  conversion.inside("[3]");
  CHECK(std::string(conversion.what()) == "[3][\"x\"]: cannot convert 'str' \"abc\" to int");
  CHECK(conversion.path() == "[3][\"x\"]");
  CHECK(conversion.reason() == "cannot convert 'str' \"abc\" to int");
}
