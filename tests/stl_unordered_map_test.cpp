// Tests of latepy/stl/unordered_map.hpp: std::unordered_map as dict.
// SPDX-License-Identifier: MIT
#include <latepy/stl/map.hpp>
#include <latepy/stl/unordered_map.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

TEST_CASE("a std::unordered_map makes the round trip as a dict") {
  python();
  round_trip<std::unordered_map<int, std::string>>({{1, "x"}}, "{1: 'x'}");
  round_trip<std::unordered_map<int, int>>({}, "{}");
  round_trip<std::unordered_map<std::string, std::vector<int>>>({{"a", {1, 2}}}, "{'a': [1, 2]}");
}

TEST_CASE("a std::unordered_map takes any mapping") {
  using M = std::unordered_map<std::string, int>;
  CHECK(eval("__import__('collections').OrderedDict(a=1)").as<M>() == M{{"a", 1}});
  CHECK(eval("__import__('types').MappingProxyType({'a': 1, 'b': 2})").try_as<M>() == M{{"a", 1}, {"b", 2}});
  CHECK((refusal<std::unordered_map<int, double>>("None")) ==
        "cannot convert None to std::unordered_map<int, double>: it is not a mapping");
  CHECK(refusal<M>("{'a': 'abc'}") == "[\"a\"]: cannot convert 'str' \"abc\" to int");
  CHECK(refusal<M>("{1: 2}") == ".keys()[1]: cannot convert 'int' 1 to std::string");
}

TEST_CASE("of keys that become equal the last one wins") {
  python().exec("class One:\n  def __init__(self, v): self.v = v\n  def __index__(self): return 1");
  CHECK((eval("{One(0): 'a', One(1): 'b'}").try_as<std::unordered_map<int, std::string>>() ==
         std::unordered_map<int, std::string>{{1, "b"}}));
}

TEST_CASE("thousands of conversions of unordered maps leak nothing") {
  const py::Object deep = eval("{'k': {1: ['a', 'b']}, 'l': {}}");
  CHECK_STEADY(py::to_py(deep.as<std::unordered_map<std::string, std::map<int, std::vector<std::string>>>>()));
  CHECK_STEADY(deep.is<std::unordered_map<std::string, int>>());
}
