// Tests of latepy/stl/array.hpp: std::array as list, of exactly its length.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>

#include "elements.hpp"

TEST_CASE("a std::array makes the round trip as a list") {
  python();
  round_trip<std::array<int, 3>>({1, 2, 3}, "[1, 2, 3]");
  round_trip<std::array<int, 0>>({}, "[]");
  round_trip<std::array<std::array<std::string, 1>, 2>>({{{"a"}, {"b"}}}, "[['a'], ['b']]");
}

TEST_CASE("a std::array takes a sequence of exactly its length") {
  using A = std::array<double, 3>;
  CHECK(eval("(1, 2, 3)").as<A>() == A{1, 2, 3});
  CHECK(eval("range(3)").as<A>() == A{0, 1, 2});
  CHECK(refusal<A>("[1, 2]") ==
        "cannot convert 'list' [1, 2] to std::array<double, 3>: it has 2 elements, 3 are wanted");
  CHECK(refusal<std::array<int, 12>>("[1]") ==
        "cannot convert 'list' [1] to std::array<int, 12>: it has 1 element, 12 are wanted");
  CHECK(refusal<A>("{1, 2, 3}") ==
        "cannot convert 'set' {1, 2, 3} to std::array<double, 3>: it is not a list, a tuple or another sequence with a "
        "length");
  CHECK_THAT(refusal<A>("iter([1, 2, 3])"),
             ContainsSubstring("it is not a list, a tuple or another sequence with a length"));
  CHECK_THAT(refusal<A>("'abc'"), ContainsSubstring("a str is not split into characters"));
}

TEST_CASE("what a sequence itself raises is thrown by as, and leaves no error behind try_as and is") {
  python().exec(R"(
class Sequence:
  def __init__(self, length, item): self.length, self.item = length, item
  def __len__(self): return self.length()
  def __getitem__(self, at): return self.item(at)
def two(): return 2
def fail(*_): raise OSError('gone')
def mismatch(*_): raise TypeError('not now')
)");
  using A = std::array<int, 2>;
  for (const char* const length : {"fail", "mismatch", "two"})
    for (const char* const item : {"fail", "mismatch"}) {
      const std::string code = std::string("Sequence(") + length + ", " + item + ")";
      INFO(code);
      const py::Object object = eval(code);
      CHECK_FALSE(object.try_as<A>());
      CHECK_FALSE(py::detail::api().Err_Occurred());
      CHECK_FALSE(object.is<A>());
      CHECK_FALSE(py::detail::api().Err_Occurred());
      CHECK_THROWS_AS(object.as<A>(), py::Error);
      CHECK_FALSE(py::detail::api().Err_Occurred());
    }
  python().exec("class NoIter(Sequence): __iter__ = None");
  CHECK_THAT(refusal<A>("NoIter(two, two)"), ContainsSubstring("to std::array<int, 2>: it cannot be iterated"));
  python().def("take", py::overload([](A) { return 1; }, [](py::Object) { return 2; }));
  CHECK(eval("take([1, 2])").as<int>() == 1);
  CHECK(eval("take(NoIter(two, two))").as<int>() == 2);
  CHECK_THROWS_AS(eval("Sequence(fail, two)").as<A>(), py::OSError);
  CHECK_THROWS_AS(eval("Sequence(two, fail)").as<A>(), py::OSError);
}

TEST_CASE("an error inside of a std::array names the element") {
  CHECK((refusal<std::array<bool, 2>>("[True, 1]")) == "[1]: cannot convert 'int' 1 to bool");
  CHECK((refusal<std::array<std::array<int, 1>, 1>>("[['x']]")) == "[0][0]: cannot convert 'str' \"x\" to int");
  const std::array<std::string, 2> bad{"fine", "\xff"};
  CHECK_THAT(thrown<py::ConversionError>([&] { py::to_py(bad); }).what(),
             ContainsSubstring("[1]: cannot convert text"));
}

TEST_CASE("elements of a std::array may be objects, and types that only move") {
  const auto objects = eval("[1, None]").as<std::array<py::Object, 2>>();
  CHECK(objects[1].is_none());
  auto moved = eval("(1, 2)").as<std::array<MoveOnly, 2>>();
  CHECK(*moved[1].value == 2);
  CHECK(py::repr(py::to_py(std::move(moved))) == "[1, 2]");
}

namespace {
/// Can neither be made without a value nor be assigned.
struct Fixed {
  explicit Fixed(int number) : value(number) {}
  const int value;
};
}  // namespace
template <>
struct latepy::Converter<Fixed> {
  static Fixed from_py(Ref object) { return Fixed(object.as<int>()); }
};

TEST_CASE("elements of a std::array need no default constructor and no assignment") {
  const auto three = eval("[1, 2, 3]").as<std::array<Fixed, 3>>();
  CHECK((three[0].value == 1 && three[1].value == 2 && three[2].value == 3));
  const auto two = eval("(4, 5)").try_as<std::array<Fixed, 2>>();
  REQUIRE(two);
  CHECK((*two)[1].value == 5);
  CHECK(eval("[]").is<std::array<Fixed, 0>>());
  CHECK_FALSE(eval("[1, 'x']").is<std::array<Fixed, 2>>());
  CHECK((refusal<std::array<Fixed, 2>>("[1, 'x']")) == "[1]: cannot convert 'str' \"x\" to int");
}

TEST_CASE("elements that empty their list while a std::array is made of it do no harm") {
  python().exec(R"(
class Meddler:
  def __init__(self, victim): self.victim = victim
  def __index__(self):
    self.victim.clear()
    return 5
def meddle():
  victim = []
  for i in range(50): victim.append(Meddler(victim))
  return victim
)");
  CHECK(eval("meddle()").as<std::array<int, 50>>()[49] == 5);
  CHECK((*eval("meddle()").try_as<std::array<int, 50>>())[49] == 5);
}

TEST_CASE("a std::array takes numpy's arrays of its length") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  CHECK(eval("np.array([0.5, 1])").as<std::array<double, 2>>() == std::array<double, 2>{0.5, 1});
  CHECK_THAT((refusal<std::array<int, 1>>("np.array(1)")), ContainsSubstring("sequence with a length"));
}

TEST_CASE("thousands of conversions of arrays leak nothing") {
  python().exec("thing = object()\nthings = [thing] * 10");
  const py::Object things = python()["things"];
  watched()["thing"] = python()["thing"];
  CHECK_STEADY(things.as<std::array<py::Object, 10>>());
  CHECK_STEADY(py::to_py(things.as<std::array<py::Object, 10>>()));
  CHECK_STEADY(things.is<std::array<py::Object, 3>>());
}
