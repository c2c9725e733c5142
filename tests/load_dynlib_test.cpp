// Tests of latepy/load/dynlib.hpp: shared libraries opened at run time. No Python takes part.
// SPDX-License-Identifier: MIT
#include <latepy/find/discovery.hpp>
#include <latepy/load/dynlib.hpp>

#include "catch.hpp"
#include "temporary_folder.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace py = latepy;
using py::DynLib;

#ifdef _WIN32
extern "C" {
__declspec(dllexport) int shown_variable = 7;
__declspec(dllexport) int shown_function(const char* text) { return std::atoi(text); }
}
#endif

namespace {

// On Windows a program shows what it exports, and each library keeps its symbols to itself. Elsewhere a program shows
// the symbols of its libraries too.
#ifdef _WIN32
const std::string module_file = LATEPY_TEST_BINARIES "/fake_python_module.dll";
constexpr auto& variable = shown_variable;
constexpr const char *variable_name = "shown_variable", *function_name = "shown_function";
bool is_loaded() { return GetModuleHandleW(L"fake_python_module.dll") != nullptr; }
#else
const std::string module_file = LATEPY_TEST_BINARIES "/fake_python_module.so";
auto& variable = environ;
constexpr const char *variable_name = "environ", *function_name = "atoi";
bool is_loaded() { return DynLib::program().find("Py_GetVersion") != nullptr; }
#endif

std::string scratch(const std::string& name, const std::string& content) {
  static const TemporaryFolder folder("latepy dynlib \xc3\xbc");
  const std::filesystem::path file = std::filesystem::u8path(folder.path) / name;
  std::ofstream(file, std::ios::binary) << content;
  return py::Path(file).string();
}

}  // namespace

TEST_CASE("a library is opened by its path, and closed at the end of the DynLib") {
  REQUIRE_FALSE(is_loaded());
  {
    const DynLib library(module_file);
    CHECK(library.path() == module_file);
    CHECK(library.find("Py_GetVersion") != nullptr);
    CHECK(library.find("no_such_symbol") == nullptr);
    CHECK(is_loaded());
    const DynLib again(module_file);  // counted by the loader
  }
  CHECK_FALSE(is_loaded());
}

TEST_CASE("symbols come with their type: functions and variables") {
  const DynLib library(module_file);
  CHECK(std::string(library.get<const char*()>("Py_GetVersion")()) == "3.11.7 (a stand-in)");
  CHECK(library.get<int()>("Py_IsInitialized")() == 0);
  CHECK(library.try_get<int()>("Py_IsInitialized") == library.get<int()>("Py_IsInitialized"));
  CHECK(DynLib::program().get<std::remove_reference_t<decltype(variable)>>(variable_name) == &variable);
  CHECK(library.try_get<int>("no_such_symbol") == nullptr);
  static_assert(std::is_same_v<decltype(library.get<int(int)>("")), int (*)(int)>);
}

TEST_CASE("a missing symbol is a SymbolError that names library and symbol") {
  const DynLib library(module_file);
  const py::SymbolError error = thrown<py::SymbolError>([&] { library.get<void()>("no_such_symbol"); });
  CHECK(std::string(error.what()) == module_file + " has no symbol no_such_symbol");
  CHECK(error.missing() == std::vector<std::string>{"no_such_symbol"});
  CHECK_THROWS_AS(library.get<int>("no_such_symbol"), py::LoadError);
  CHECK(error.discovery().candidates().empty());
}

TEST_CASE("a file that is not there is a LoadError with its name and the loader's own words") {
  const std::string missing = module_file + ".missing";
  const std::string text = thrown<py::LoadError>([&] { DynLib library(missing); }).what();
  CHECK_THAT(text, ContainsSubstring("cannot load " + missing + ": "));
  CHECK(text.find(missing) == text.rfind(missing));  // said once
#ifdef __linux__
  CHECK_THAT(text, ContainsSubstring("No such file or directory"));
#endif
}

TEST_CASE("what is no library is a LoadError that says so") {
  for (const auto& [name, content] :
       {std::pair<const char*, std::string>{"text.so", "not a library\n" + std::string(5000, ' ')},
        {"empty.so", ""},
        {"cut.so",
         "\x7f"
         "ELF"}}) {
    const std::string file = scratch(name, content);
    const std::string text = thrown<py::LoadError>([&] { DynLib library(file); }).what();
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("cannot load " + file + ": "));
    CHECK(text.size() > ("cannot load " + file + ": ").size() + 5);
  }
  CHECK_THROWS_AS(DynLib(std::filesystem::temp_directory_path()), py::LoadError);  // a folder
}

TEST_CASE("an empty path and one with a NUL are refused, not cut") {
  CHECK_THAT(thrown<py::LoadError>([] { DynLib library(""); }).what(), ContainsSubstring("the path is empty"));
  CHECK_THROWS_AS(DynLib(static_cast<const char*>(nullptr)), py::LoadError);
  CHECK_THAT(thrown<py::LoadError>([] { DynLib library(module_file + std::string("\0.bak", 5)); }).what(),
             ContainsSubstring("NUL byte"));
}

TEST_CASE("paths are UTF-8, of any string type or std::filesystem::path") {
  std::string content;
  {
    std::ifstream in(module_file, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::string file = scratch(
      "m\xc3\xb6"
      "dule \xe2\x82\xac.so",
      content);
  CHECK(DynLib(file).find("Py_GetVersion"));
  CHECK(DynLib(file.c_str()).find("Py_GetVersion"));
  CHECK(DynLib(std::string_view(file)).find("Py_GetVersion"));
  CHECK(DynLib(std::filesystem::u8path(file)).path() == file);
}

TEST_CASE("containing() gives the library that holds an address, loading nothing") {
  {
    const DynLib library(module_file);
    const DynLib holder = DynLib::containing(library.find("Py_IsInitialized"));
    CHECK(std::filesystem::equivalent(holder.path(), module_file));
    CHECK(holder.find("Py_GetVersion") == library.find("Py_GetVersion"));
  }
  CHECK_FALSE(is_loaded());
  static int in_the_program = 0;
  const DynLib program = DynLib::containing(&in_the_program);
  CHECK(program.find(function_name) != nullptr);
  int on_the_stack = 0;
  CHECK_THAT(thrown<py::LoadError>([&] { DynLib::containing(&on_the_stack); }).what(),
             ContainsSubstring("no library of this process"));
  CHECK(std::string(thrown<py::LoadError>([] { DynLib::containing(nullptr); }).what()) ==
        "no library of this process holds the address: it is null");
}

TEST_CASE("program() is everything that the process shows") {
  const DynLib program = DynLib::program();
  CHECK(program.path().empty());
  CHECK(program.get<int(const char*)>(function_name)("12") == 12);
  CHECK(std::string(thrown<py::SymbolError>([&] { program.get<int>("no_such_symbol"); }).what()) ==
        "this program has no symbol no_such_symbol");
}

TEST_CASE("a DynLib moves, and is closed once") {
  DynLib first(module_file);
  DynLib second(std::move(first));
  CHECK(first.find("Py_GetVersion") == nullptr);
  CHECK(first.path().empty());
  CHECK(second.get<int()>("Py_IsInitialized")() == 0);
  DynLib third = DynLib::program();
  third = std::move(second);
  CHECK(third.path() == module_file);
  CHECK(is_loaded());
  third = DynLib::program();  // what it held is swapped into the temporary, and closed with it
  CHECK_FALSE(is_loaded());
  static_assert(!std::is_copy_constructible_v<DynLib> && !std::is_copy_assignable_v<DynLib>);
}

#ifndef _WIN32
TEST_CASE("a library that somebody loaded for itself is made visible", "[visibility]") {
  void* const local = dlopen(module_file.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(local);
  CHECK_FALSE(is_loaded());
  const DynLib library(module_file);
  CHECK(is_loaded());
  dlclose(local);
  CHECK(is_loaded());
}
#endif

TEST_CASE("keep() leaves the library loaded for good") {  // the last test: nothing unloads it any more
  REQUIRE_FALSE(is_loaded());
  {
    DynLib library(module_file);
    library.keep();
  }
  CHECK(is_loaded());
}
