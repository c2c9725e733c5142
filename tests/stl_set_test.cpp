// Tests of latepy/stl/set.hpp: std::set as set.
// SPDX-License-Identifier: MIT
#include <latepy/stl/set.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

TEST_CASE("a std::set makes the round trip as a set") {
  python();
  round_trip<std::set<int>>({3}, "{3}");
  round_trip<std::set<int>>({}, "set()");
}

TEST_CASE("elements of sets become hashable") {
  python();
  round_trip<std::set<std::vector<int>>>({{1, 2}}, "{(1, 2)}");
  round_trip<std::set<std::set<int>>>({{7}}, "{frozenset({7})}");
  const std::set<std::vector<std::vector<int>>> deep{{{1}}};
  CHECK_THROWS_AS(py::to_py(deep), py::TypeError);
}

TEST_CASE("a std::set takes sets, the keys of a dict and what else behaves as a set, and no list") {
  CHECK(refusal<std::set<int>>("[1]") == "cannot convert 'list' [1] to std::set<int>: it is not a set");
  CHECK(eval("{1: 2}.keys()").as<std::set<int>>() == std::set<int>{1});
  CHECK(eval("{True, 2}").try_as<std::set<int>>() == std::set<int>{1, 2});
  CHECK(eval("frozenset({1})").as<std::set<int>>() == std::set<int>{1});
}

TEST_CASE("an error inside of a set shows the element") {
  CHECK(refusal<std::set<int>>("{'x'}") == "{\"x\"}: cannot convert 'str' \"x\" to int");
  CHECK((refusal<std::set<std::pair<int, int>>>("{(1, 'x')}")) == "{(1, 'x')}[1]: cannot convert 'str' \"x\" to int");
}

TEST_CASE("elements that empty their set while they are converted do no harm") {
  python().exec(R"(
class Meddler:
  def __init__(self, victim): self.victim = victim
  def __index__(self):
    self.victim.clear()
    return 5
def meddle():
  victim = set()
  for i in range(50): victim.add(Meddler(victim))
  return victim
)");
  CHECK(eval("meddle()").as<std::set<int>>() == std::set<int>{5});
  CHECK(eval("meddle()").try_as<std::set<int>>() == std::set<int>{5});
}

TEST_CASE("exceptions of a set are thrown") {
  python().exec(R"(
def fails():
  yield 1
  raise KeyError('inside')
class Set:
  def isdisjoint(self, other): return False
  def __iter__(self): return fails()
)");
  CHECK_THROWS_AS(eval("Set()").as<std::set<int>>(), py::KeyError);
  CHECK_FALSE(eval("Set()").is<std::set<int>>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("thousands of conversions of sets leak nothing") {
  const py::Object words = eval("{'a', 'b', 'c'}"), bad = eval("{'a', 1}");
  CHECK_STEADY(py::to_py(words.as<std::set<std::string>>()));
  CHECK_STEADY(bad.is<std::set<std::string>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::set<std::string>>(); }));
}
