// Tests of latepy/stl/variant.hpp: std::variant as the value that it holds, std::monostate as None.
// SPDX-License-Identifier: MIT
#include <latepy/stl/complex.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

namespace {

/// Which alternative an expression becomes, by as() and by try_as() alike.
template <class... T>
std::size_t alternative(const char* code) {
  const py::Object object = eval(code);
  const std::variant<T...> value = object.as<std::variant<T...>>();
  CHECK(object.try_as<std::variant<T...>>()->index() == value.index());
  return value.index();
}

}  // namespace

TEST_CASE("a variant takes the object's own type first") {
  python();
  CHECK(alternative<double, int>("3") == 1);
  CHECK(alternative<double, int>("3.0") == 0);
  CHECK(alternative<int, double>("3.0") == 1);
  CHECK(alternative<int, bool>("True") == 1);
  CHECK(alternative<bool, int>("1") == 1);
  CHECK(alternative<double, bool, int>("False") == 1);
  CHECK(alternative<double, int>("True") == 0);  // a bool is neither; the first that takes it
  CHECK(alternative<std::string, std::vector<std::string>>("'abc'") == 0);
  CHECK(alternative<std::vector<int>, std::vector<std::string>>("['a']") == 1);
  CHECK(alternative<std::vector<int>, std::vector<std::string>>("[]") == 0);
  CHECK(alternative<std::vector<int>, std::pair<int, int>, std::set<int>>("(1, 2)") == 1);
  CHECK(alternative<std::vector<int>, std::pair<int, int>, std::set<int>>("{1, 2}") == 2);
  CHECK(alternative<std::vector<int>, std::pair<int, int>, std::set<int>>("range(3)") == 0);
  CHECK(alternative<std::complex<double>, double>("1.5") == 1);
  CHECK(alternative<double, std::complex<double>>("1j") == 1);
  CHECK(alternative<std::int8_t, std::int64_t>("300") == 1);
  CHECK(alternative<std::string, double>("10 ** 20") == 1);
  CHECK(alternative<std::monostate, int>("None") == 0);
  CHECK(alternative<int, std::nullptr_t>("None") == 1);
  CHECK(alternative<py::Object, int>("3") == 1);
  CHECK(alternative<py::Object, int>("'x'") == 0);
  CHECK(alternative<int, std::optional<double>>("None") == 1);
  CHECK(alternative<std::string, py::Bytes>("b'x'") == 1);
  CHECK(alternative<std::vector<int>, std::vector<std::byte>>("b'x'") == 1);
  CHECK(alternative<std::vector<int>, std::map<std::string, int>>("{}") == 1);
  CHECK(alternative<char, std::string>("'x'") == 1);
}

TEST_CASE("variants nest, move and say what they are") {
  python();
  using V = std::variant<int, std::string>;
  CHECK(py::repr(py::to_py(std::vector<V>{1, "a"})) == "[1, 'a']");
  CHECK(eval("[1, 'a']").as<std::vector<V>>() == std::vector<V>{1, "a"});
  CHECK(py::to_py(std::variant<std::monostate>()).is_none());
  V moved = std::string("text");
  CHECK(py::repr(py::to_py(std::move(moved))) == "'text'");
  CHECK(refusal<V>("1.5") == "cannot convert 'float' 1.5 to std::variant<int, std::string>");
  CHECK(refusal<std::vector<V>>("[1, None]") == "[1]: cannot convert None to std::variant<int, std::string>");
  CHECK(refusal<std::variant<std::vector<int>>>("['a']") ==
        "cannot convert 'list' ['a'] to std::variant<std::vector<int>>");
  const py::Object text = eval("'lives'");
  CHECK((std::get<1>(text.as<std::variant<int, std::string_view>>()) == "lives"));
}

TEST_CASE("numpy's numbers find their alternative") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  CHECK(alternative<int, double>("np.float64(1)") == 1);
  CHECK(alternative<double, int>("np.int32(1)") == 1);
  CHECK(alternative<int, double>("np.float32(1)") == 1);
  CHECK(alternative<int, bool>("np.True_") == 1);
}

TEST_CASE("thousands of conversions leak nothing") {
  using V = std::variant<int, double, std::vector<std::string>, std::complex<double>, std::optional<std::string>>;
  const py::Object mixed = eval("[1, 2.5, ['a', 'b'], 1j, None, 'x']"), bad = eval("[1, {}]");
  CHECK_STEADY(py::to_py(mixed.as<std::vector<V>>()));
  CHECK_STEADY(bad.is<std::vector<V>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<V>>(); }));
}
