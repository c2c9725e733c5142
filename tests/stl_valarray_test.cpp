// Tests of latepy/stl/valarray.hpp: std::valarray as list and from numbers in memory.
// SPDX-License-Identifier: MIT
#include <latepy/memory/array.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/valarray.hpp>

#include "conversions.hpp"

template <class T>
std::vector<T> items_of(const std::valarray<T>& array) {
  return {std::begin(array), std::end(array)};
}

TEST_CASE("a std::valarray is a list, and is made of what a std::vector is made of") {
  python().exec("import array");
  using Doubles = std::valarray<double>;
  CHECK(py::repr(py::to_py(Doubles{1, 2.5})) == "[1.0, 2.5]");
  CHECK(py::repr(py::to_py(std::valarray<bool>{true, false})) == "[True, False]");
  CHECK(items_of(eval("(1, 2.5)").as<Doubles>()) == std::vector<double>{1, 2.5});
  CHECK(items_of(eval("array.array('i', [1, 2])").as<Doubles>()) == std::vector<double>{1, 2});
  CHECK(items_of(eval("range(300)").as<std::valarray<int>>())[299] == 299);
  CHECK(eval("[]").as<Doubles>().size() == 0);
  CHECK(items_of(*eval("[[1], [2, 3]]").as<std::valarray<std::optional<Doubles>>>()[1]) == std::vector<double>{2, 3});
  python().def("norm", [](const Doubles& x) { return (x * x).sum(); });
  CHECK(eval("norm([3, 4])").as<double>() == 25);
  CHECK_THAT(py::str(eval("__import__('inspect').signature(norm)")), ContainsSubstring("Sequence[float]"));
}

TEST_CASE("a std::valarray refuses what a std::vector refuses, by its own name") {
  python();
  CHECK(refusal<std::valarray<int>>("[1, 2.5]") == "[1]: cannot convert 'float' 2.5 to int");
  CHECK(refusal<std::valarray<int>>("5").find("to std::valarray<int>") != std::string::npos);
  CHECK(refusal<std::valarray<int>>("'12'").find("to std::valarray<int>: a str is not split") != std::string::npos);
}

TEST_CASE("an overload for a std::valarray is as near as one for a std::vector, and reads no iterator to see it") {
  python().exec("import array");
  python().def("numbers", py::overload([](std::valarray<float>) { return "floats"; },
                                       [](std::valarray<double>) { return "doubles"; },
                                       [](std::valarray<int>) { return "ints"; }));
  CHECK(py::str(eval("' '.join([numbers(array.array('d', [1])), numbers([0.5]), numbers([1, 2])])")) ==
        "doubles doubles ints");
  CHECK_THAT(thrown<py::TypeError>([] { eval("numbers(iter([1]))"); }).message(),
             ContainsSubstring("an iterator can be read only once"));
}

namespace {
struct Signal {
  std::valarray<double> samples{1, 2};
  std::valarray<std::vector<int>> rows{{1, 2}, {}};
};
}  // namespace

TEST_CASE("a field that is a std::valarray is read as a tuple, and assigned as a whole") {
  python()
      .module("signals")
      .add_class<Signal>("Signal")
      .init<>()
      .def("samples", &Signal::samples)
      .def("rows", &Signal::rows);
  python().exec("import signals\nsignal = signals.Signal()\nsignal.samples += (3,)");
  CHECK(py::repr(eval("signal.samples, signal.rows")) == "((1.0, 2.0, 3.0), ((1, 2), ()))");
}

TEST_CASE("a std::valarray becomes an ndarray by array()") {
  if (!python().try_exec("import numpy")) SKIP("this Python has no numpy");
  CHECK(py::repr(py::array(std::valarray<double>{1, 2, 3, 4}, {2, 2})) == "array([[1., 2.],\n       [3., 4.]])");
}
