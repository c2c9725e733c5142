// Tests of latepy/stl/pair.hpp: std::pair as tuple of two.
// SPDX-License-Identifier: MIT
#include <latepy/stl/pair.hpp>

#include "elements.hpp"

TEST_CASE("a pair makes the round trip as a tuple") {
  python();
  round_trip<std::pair<int, std::string>>({1, "a"}, "(1, 'a')");
  round_trip<std::pair<std::pair<int, int>, bool>>({{1, 2}, true}, "((1, 2), True)");
}

TEST_CASE("a pair takes a sequence of two") {
  CHECK((eval("[1, 'a']").as<std::pair<int, std::string>>() == std::pair<int, std::string>(1, "a")));
  CHECK_THAT((refusal<std::pair<int, int>>("{1: 2, 3: 4}")), ContainsSubstring("a mapping is not a sequence"));
  CHECK((refusal<std::pair<int, std::string>>("(1, 'a', 2)")) ==
        "cannot convert 'tuple' (1, 'a', 2) to std::pair<int, std::string>: it has 3 elements, 2 are wanted");
  CHECK((refusal<std::pair<int, int>>("(1, 'x')")) == "[1]: cannot convert 'str' \"x\" to int");
  python().exec("import collections\nP = collections.namedtuple('P', 'x y')");
  CHECK((eval("P(1, 2)").as<std::pair<int, int>>() == std::pair<int, int>(1, 2)));
}

TEST_CASE("parts of a pair may be types that only move, or have no default") {
  python();
  CHECK(eval("(4, 5)").as<std::pair<NoDefault, NoDefault>>().second.value == 5);
  CHECK(eval("(4, 5)").try_as<std::pair<NoDefault, MoveOnly>>()->first.value == 4);
  std::pair<MoveOnly, int> moved(MoveOnly(5), 6);
  CHECK(py::repr(py::to_py(std::move(moved))) == "(5, 6)");
}

TEST_CASE("what a part's own code raises is thrown") {
  python().exec("class Index:\n  def __index__(self): raise ZeroDivisionError('index')");
  CHECK_THROWS_AS((eval("(1, Index())").as<std::pair<int, int>>()), py::ZeroDivisionError);
  CHECK_FALSE((eval("(1, Index())").is<std::pair<int, int>>()));
  CHECK_FALSE(py::detail::api().Err_Occurred());
}
