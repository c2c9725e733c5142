// Tests of latepy/stl/deque.hpp: std::deque as list.
// SPDX-License-Identifier: MIT
#include <latepy/stl/deque.hpp>

#include "elements.hpp"

TEST_CASE("a deque makes the round trip as a list") {
  python();
  round_trip<std::deque<int>>({1, 2}, "[1, 2]");
  round_trip<std::deque<int>>({}, "[]");
  round_trip<std::deque<std::deque<std::string>>>({{"a"}, {}}, "[['a'], []]");
}

TEST_CASE("a deque takes any iterable of elements, and no text or mapping") {
  const std::deque<int> wanted{0, 1, 2};
  for (const char* code : {"[0, 1, 2]", "(0, 1, 2)", "range(3)", "{0, 1, 2}", "(i for i in range(3))",
                           "__import__('collections').deque([0, 1, 2])"}) {
    INFO(code);
    CHECK(eval(code).as<std::deque<int>>() == wanted);
  }
  CHECK(refusal<std::deque<std::string>>("None") ==
        "cannot convert None to std::deque<std::string>: it is not iterable");
  CHECK_THAT(refusal<std::deque<int>>("'012'"), ContainsSubstring("a str is not split into characters: pass a list"));
  CHECK_THAT(refusal<std::deque<int>>("{0: 1}"), ContainsSubstring("a mapping is not a sequence"));
  CHECK(refusal<std::deque<int>>("[0, 'x']") == "[1]: cannot convert 'str' \"x\" to int");
}

TEST_CASE("elements of a deque may be types that only move, or have no default") {
  python();
  CHECK(eval("[5]").try_as<std::deque<MoveOnly>>()->size() == 1);
  auto moved = eval("[5, 6]").as<std::deque<MoveOnly>>();
  CHECK(py::repr(py::to_py(std::move(moved))) == "[5, 6]");
  CHECK(eval("[4]").as<std::deque<NoDefault>>().front().value == 4);
}
