// Tests of latepy/stl/unordered_set.hpp: std::unordered_set as set.
// SPDX-License-Identifier: MIT
#include <latepy/stl/unordered_set.hpp>

#include "conversions.hpp"

TEST_CASE("a std::unordered_set makes the round trip as a set") {
  python();
  round_trip<std::unordered_set<std::string>>({"x"}, "{'x'}");
  round_trip<std::unordered_set<int>>({}, "set()");
  const py::Object many = eval("set(range(1000))");
  CHECK(many.as<std::unordered_set<int>>().size() == 1000);
  CHECK(py::to_py(many.as<std::unordered_set<int>>()) == many);
}

TEST_CASE("a std::unordered_set takes what behaves as a set, and no list or mapping") {
  CHECK(eval("{1: 2}.keys()").as<std::unordered_set<int>>() == std::unordered_set<int>{1});
  CHECK(eval("frozenset({1})").try_as<std::unordered_set<int>>() == std::unordered_set<int>{1});
  CHECK(refusal<std::unordered_set<int>>("{1: 2}") ==
        "cannot convert 'dict' {1: 2} to std::unordered_set<int>: it is not a set");
  CHECK_THAT(refusal<std::unordered_set<int>>("[1]"), ContainsSubstring("it is not a set"));
  CHECK(refusal<std::unordered_set<int>>("{'x'}") == "{\"x\"}: cannot convert 'str' \"x\" to int");
}

TEST_CASE("a std::unordered_set of Objects has Python's hash and equality") {
  const auto objects = eval("{1, 'a', (1, 2)}").as<std::unordered_set<py::Object>>();
  CHECK(objects.count(eval("1.0")) == 1);
  CHECK(objects.count(eval("(1, 2)")) == 1);
  CHECK(objects.count(eval("'b'")) == 0);
  CHECK(py::to_py(objects) == eval("{1, 'a', (1, 2)}"));
}
