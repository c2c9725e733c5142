// Tests of latepy/stl/tuple.hpp: std::tuple as tuple, of exactly its length.
// SPDX-License-Identifier: MIT
#include <latepy/stl/tuple.hpp>

#include "elements.hpp"

TEST_CASE("a std::tuple makes the round trip as a tuple") {
  python();
  round_trip<std::tuple<>>({}, "()");
  round_trip<std::tuple<int>>({1}, "(1,)");
  round_trip<std::tuple<int, double, std::string>>({1, 2.5, "x"}, "(1, 2.5, 'x')");
  round_trip<std::tuple<std::tuple<>, std::tuple<bool>>>({{}, {true}}, "((), (True,))");
}

TEST_CASE("a std::tuple takes a sequence of exactly its length") {
  CHECK((eval("[1, True]").as<std::tuple<int, bool>>() == std::tuple<int, bool>(1, true)));
  CHECK((eval("range(2)").as<std::tuple<int, int>>() == std::tuple<int, int>(0, 1)));
  CHECK((refusal<std::tuple<int, bool>>("7")) ==
        "cannot convert 'int' 7 to std::tuple<int, bool>: it is not a list, a tuple or another sequence with a length");
  CHECK(refusal<std::tuple<>>("(1,)") == "cannot convert 'tuple' (1,) to std::tuple<>: it has 1 element, 0 are wanted");
  CHECK_THAT(refusal<std::tuple<std::string>>("'a'"), ContainsSubstring("a str is not split into characters"));
}

TEST_CASE("an error inside of a std::tuple names the part") {
  CHECK((refusal<std::tuple<int, std::tuple<bool>>>("(1, (2,))")) == "[1][0]: cannot convert 'int' 2 to bool");
  const std::tuple<int, std::string> bad{2, "\xff"};
  CHECK_THAT(thrown<py::ConversionError>([&] { py::to_py(bad); }).what(),
             ContainsSubstring("[1]: cannot convert text to str"));
}

TEST_CASE("parts of a std::tuple may be objects, and types that only move or have no default") {
  python();
  std::tuple<MoveOnly, std::string> pair(MoveOnly(5), "s");
  CHECK(py::repr(py::to_py(std::move(pair))) == "(5, 's')");
  CHECK(*std::get<0>(eval("[5, 's']").as<std::tuple<MoveOnly, std::string>>()).value == 5);
  CHECK(eval("(4, 5)").try_as<std::tuple<NoDefault, NoDefault>>().has_value());
  CHECK(std::get<1>(eval("(4, None)").as<std::tuple<int, py::Object>>()).is_none());
}

TEST_CASE("what a part's own code raises is thrown") {
  python().exec("class Index:\n  def __index__(self): raise ZeroDivisionError('index')");
  CHECK_THROWS_AS((eval("(1, Index())").as<std::tuple<int, int>>()), py::ZeroDivisionError);
  CHECK_FALSE(eval("(1, Index())").is<std::tuple<int, int>>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("thousands of conversions of tuples leak nothing") {
  python().exec("thing = object()\nthings = [thing] * 10");
  const py::Object things = python()["things"], two = eval("(thing, 'text')");
  watched()["thing"] = python()["thing"];
  CHECK_STEADY(things.is<std::tuple<py::Object>>());
  CHECK_STEADY(py::to_py(two.as<std::tuple<py::Object, std::string>>()));
  CHECK_STEADY(two.is<std::tuple<py::Object, int>>());
}
