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
  CHECK(alternative<double, int>("True") == 1);  // a bool is a kind of int
  CHECK(alternative<double, int, bool>("True") == 2);
  CHECK(alternative<float, double>("1.5") == 1);
  CHECK(alternative<float, int>("1.5") == 0);
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

TEST_CASE("a container is as near as the farthest of its elements") {
  python().exec("import array");
  using std::map, std::pair, std::set, std::string, std::tuple, std::vector;
  CHECK(alternative<vector<double>, vector<int>>("[1, 2]") == 1);
  CHECK(alternative<vector<double>, vector<int>>("[1, 2.5]") == 0);
  CHECK(alternative<vector<int>, vector<bool>>("[True]") == 1);
  CHECK(alternative<vector<float>, vector<double>>("[0.1]") == 1);
  CHECK(alternative<vector<float>, vector<double>>("array.array('d', [0.1])") == 1);
  CHECK(alternative<vector<double>, vector<float>>("array.array('f', [0.1])") == 1);
  CHECK(alternative<vector<double>, vector<int>>("array.array('i', [1])") == 1);
  CHECK(alternative<vector<double>, vector<long long>, vector<int>>("array.array('i', [1])") == 2);
  CHECK(alternative<vector<vector<double>>, vector<vector<int>>>("[[1], [2]]") == 1);
  CHECK(alternative<set<double>, set<int>>("{1, 2}") == 1);
  CHECK(alternative<set<double>, set<int>>("frozenset({1, 2})") == 1);
  CHECK(alternative<map<string, double>, map<string, int>>("{'a': 1}") == 1);
  CHECK(alternative<map<string, double>, map<string, int>>("{'a': 1.5}") == 0);
  CHECK(alternative<pair<double, double>, pair<int, double>>("(1, 2.5)") == 1);
  CHECK(alternative<tuple<double, double>, tuple<double>, vector<int>>("(1, 2)") == 2);
  CHECK(alternative<std::optional<double>, std::optional<int>>("3") == 1);
  CHECK(alternative<std::variant<double, string>, int>("3") == 1);
  CHECK(alternative<std::variant<double, int>, bool>("3") == 0);
  CHECK(alternative<vector<py::Object>, vector<int>>("[1]") == 0);  // what takes any element does not count
  CHECK(alternative<vector<int>, vector<double>>("[2**40]") == 1);  // the nearest does not fit
}

namespace {
enum class Color { red, green };
enum Plain { zero, one };
struct Animal {
  virtual ~Animal() = default;
};
struct Dog : Animal {};
struct Bag {};
}  // namespace

TEST_CASE("an alternative of a bound class or enumeration takes its objects first") {
  auto m = python().module("nearest");
  if (!m.has_attr("Bag")) {
    m.add_enum<Color>("Color", {{"red", Color::red}, {"green", Color::green}}, py::EnumKind::integer);
    m.add_class<Animal>("Animal").init<>();
    m.add_class<Dog, Animal>("Dog").init<>();
    m.add_class<Bag>("Bag")
        .init<>()
        .def("__iter__", [](const Bag&) { return py::iter(py::list(1, 2)); })
        .def("__index__", [](const Bag&) { return 3; });
  }
  python().exec("from nearest import *\nclass Puppy(Dog): pass");
  CHECK(alternative<Color, int>("Color.green") == 0);
  CHECK(alternative<int, Color>("Color.green") == 1);
  CHECK(alternative<Color, int>("1") == 1);
  CHECK(alternative<Plain, int>("1") == 1);
  CHECK(alternative<std::vector<int>, std::vector<Color>>("[Color.red]") == 1);
  CHECK(alternative<std::vector<int>, Bag>("Bag()") == 1);
  CHECK(alternative<int, Bag*>("Bag()") == 1);
  CHECK(alternative<int, std::shared_ptr<Bag>>("Bag()") == 1);
  CHECK(alternative<std::shared_ptr<Animal>, std::shared_ptr<Dog>>("Dog()") == 1);
  CHECK(alternative<Animal*, Dog*>("Puppy()") == 1);
  CHECK(alternative<Animal*, Dog*>("Animal()") == 0);
  CHECK(alternative<Animal*, std::monostate>("None") == 1);
}

TEST_CASE("numpy's numbers find their alternative") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  CHECK(alternative<int, double>("np.float64(1)") == 1);
  CHECK(alternative<double, int>("np.int32(1)") == 1);
  CHECK(alternative<int, double>("np.float32(1)") == 1);
  CHECK(alternative<int, bool>("np.True_") == 1);
  CHECK(alternative<double, float>("np.float32(1)") == 1);
  CHECK(alternative<float, double>("np.float64(1)") == 1);
  CHECK(alternative<double, std::complex<float>, std::complex<double>>("np.complex128(1)") == 2);
  CHECK(alternative<double, std::complex<double>, std::complex<float>>("np.complex64(1)") == 2);
  CHECK(alternative<std::vector<float>, std::vector<double>>("np.array([0.1])") == 1);
  CHECK(alternative<std::vector<double>, std::vector<bool>>("np.array([True])") == 1);
}

TEST_CASE("thousands of conversions leak nothing") {
  using V = std::variant<int, double, std::vector<std::string>, std::complex<double>, std::optional<std::string>>;
  const py::Object mixed = eval("[1, 2.5, ['a', 'b'], 1j, None, 'x']"), bad = eval("[1, {}]");
  CHECK_STEADY(py::to_py(mixed.as<std::vector<V>>()));
  CHECK_STEADY(bad.is<std::vector<V>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<V>>(); }));
}
