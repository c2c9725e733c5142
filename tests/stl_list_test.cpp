// Tests of latepy/stl/list.hpp: std::list as list.
// SPDX-License-Identifier: MIT
#include <latepy/stl/list.hpp>

#include "elements.hpp"

TEST_CASE("a std::list makes the round trip as a list") {
  python();
  round_trip<std::list<std::string>>({"x"}, "['x']");
  round_trip<std::list<int>>({}, "[]");
  round_trip<std::list<std::list<int>>>({{1}, {}, {2, 3}}, "[[1], [], [2, 3]]");
}

TEST_CASE("a std::list takes any iterable of elements, and no text or mapping") {
  CHECK(eval("map(int, '012')").as<std::list<int>>() == std::list<int>{0, 1, 2});
  CHECK(eval("{3}").as<std::list<int>>() == std::list<int>{3});
  CHECK(eval("range(2)").try_as<std::list<int>>() == std::list<int>{0, 1});
  CHECK(refusal<std::list<double>>("{1: 2}") ==
        "cannot convert 'dict' {1: 2} to std::list<double>: a mapping is not a sequence: pass its keys(), values() or "
        "items()");
  CHECK_THAT(refusal<std::list<std::string>>("'abc'"),
             ContainsSubstring("a str is not split into characters: pass a list"));
  CHECK(refusal<std::list<int>>("[1, None]") == "[1]: cannot convert None to int");
}

TEST_CASE("elements of a std::list may be types that only move, or have no default") {
  python();
  auto moved = eval("(1, 2)").as<std::list<MoveOnly>>();
  CHECK(*moved.back().value == 2);
  CHECK(py::repr(py::to_py(std::move(moved))) == "[1, 2]");
  CHECK(eval("[4]").try_as<std::list<NoDefault>>()->front().value == 4);
}

TEST_CASE("thousands of conversions of lists leak nothing") {
  python().exec("thing = object()\nthings = [thing] * 10");
  const py::Object things = python()["things"];
  watched()["thing"] = python()["thing"];
  CHECK_STEADY(things.try_as<std::list<py::Object>>());
  CHECK_STEADY(py::to_py(things.as<std::list<py::Object>>()));
}
