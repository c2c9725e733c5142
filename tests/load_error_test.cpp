// Tests of latepy/load/error.hpp: the exceptions of latepy itself. No Python takes part.
// SPDX-License-Identifier: MIT
#include <latepy/load/error.hpp>

#include "catch.hpp"

#include <exception>
#include <type_traits>

namespace py = latepy;

template <class E, class Base>
constexpr bool is_copied_safely = std::is_base_of_v<Base, E>&& std::is_nothrow_copy_constructible_v<E>;
static_assert(is_copied_safely<py::Error, std::runtime_error>);
static_assert(is_copied_safely<py::LoadError, py::Error>);
static_assert(is_copied_safely<py::SymbolError, py::LoadError>);
static_assert(is_copied_safely<py::StartError, py::Error>);
static_assert(is_copied_safely<py::StateError, py::Error>);
static_assert(is_copied_safely<py::ConversionError, py::Error>);

TEST_CASE("whatever latepy throws is caught as Error, and as std::exception with the same words") {
  const auto caught = [](const auto& error) {
    std::string words;
    try {
      throw error;
    } catch (const py::Error& base) {
      words = base.what();
    }
    try {
      throw error;
    } catch (const std::exception& base) {
      CHECK(base.what() == words);
    }
    return words;
  };
  CHECK(caught(py::Error("any")) == "any");
  CHECK(caught(py::LoadError("not found")) == "not found");
  CHECK(caught(py::SymbolError("libx has no symbol f", {"f"})) == "libx has no symbol f");
  CHECK(caught(py::StartError("refused")) == "refused");
  CHECK(caught(py::StateError("too early")) == "too early");
  CHECK(caught(py::ConversionError("cannot convert")) == "cannot convert");
}

TEST_CASE("errors are copyable and keep their words") {
  const py::LoadError error("no Python here");
  const py::LoadError copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(std::string(copy.what()) == "no Python here");
  py::ConversionError conversion("cannot convert 'str' \"abc\" to int");
  conversion.inside("[\"x\"]");
  conversion.inside("[3]");
  CHECK(std::string(conversion.what()) == "[3][\"x\"]: cannot convert 'str' \"abc\" to int");
  CHECK(conversion.path() == "[3][\"x\"]");
  CHECK(conversion.reason() == "cannot convert 'str' \"abc\" to int");
}

TEST_CASE("a SymbolError keeps the missing names in their order") {
  const auto made = std::make_unique<py::SymbolError>("libpython lacks two", std::vector<std::string>{"b", "a"});
  const py::SymbolError copy = *made;
  CHECK(copy.missing() == std::vector<std::string>{"b", "a"});
  CHECK(&copy.missing() == &made->missing());  // a copy allocates nothing
}

TEST_CASE("ConversionError keeps reason and path, and grows from the inside out") {
  py::ConversionError error("cannot convert");
  CHECK(error.path().empty());
  error.inside("[\"x\"]");
  error.inside("[3]");
  CHECK(error.path() == "[3][\"x\"]");
  CHECK(error.reason() == "cannot convert");
  CHECK(std::string(error.what()) == "[3][\"x\"]: cannot convert");
}

TEST_CASE("the parts of a temporary ConversionError can be kept") {
  const auto error = [] {
    py::ConversionError made("a reason that is long enough for the heap");
    made.inside("[a path that is long enough for the heap]");
    return made;
  };
  std::string text;
  for (const char c : error().path()) text += c;
  for (const char c : error().reason()) text += c;
  CHECK(text == "[a path that is long enough for the heap]a reason that is long enough for the heap");
}

TEST_CASE("a copy of a ConversionError keeps its words when the other one gets a longer way") {
  const py::ConversionError first("cannot convert 'str' to int");
  const char* const words = first.what();
  py::ConversionError copy = first;
  copy.inside("[3]");
  CHECK(copy.what() == std::string("[3]: cannot convert 'str' to int"));
  CHECK(words == std::string("cannot convert 'str' to int"));
  CHECK(first.what() == words);
  CHECK(first.path().empty());
}

TEST_CASE("a ConversionError is thrown on with its way, by reference and as exception_ptr") {
  const auto convert = [](int depth, const auto& self) -> void {
    if (depth == 0) throw py::ConversionError("cannot convert None to int");
    try {
      self(depth - 1, self);
    } catch (py::ConversionError& error) {
      error.inside("[" + std::to_string(depth) + "]");
      throw;
    }
  };
  std::exception_ptr kept;
  try {
    convert(3, convert);
  } catch (...) {
    kept = std::current_exception();
  }
  const auto error = thrown<py::ConversionError>([&] { std::rethrow_exception(kept); });
  CHECK(error.path() == "[3][2][1]");
  CHECK(std::string(error.what()) == "[3][2][1]: cannot convert None to int");
}
