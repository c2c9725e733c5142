// Tests of latepy/stl/map.hpp: std::map as dict.
// SPDX-License-Identifier: MIT
#include <latepy/stl/map.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

namespace {

using M = std::map<std::string, int>;

}  // namespace

TEST_CASE("maps make the round trip") {
  python();
  round_trip<M>({}, "{}");
  round_trip<M>({{"a", 1}, {"b", 2}}, "{'a': 1, 'b': 2}");
  round_trip<std::map<std::string, std::map<int, std::vector<double>>>>({{"a", {{1, {0.5}}}}}, "{'a': {1: [0.5]}}");
  round_trip<std::map<std::pair<int, int>, bool>>({{{1, 2}, true}}, "{(1, 2): True}");
  round_trip<std::map<std::vector<int>, int>>({{{1, 2}, 3}}, "{(1, 2): 3}");
  CHECK(eval("{'x': None}").as<std::map<std::string, py::Object>>().at("x").is_none());

  std::map<int, std::vector<std::string>> names{{1, {"a"}}};
  CHECK(py::repr(py::to_py(std::move(names))) == "{1: ['a']}");
}

TEST_CASE("every kind of mapping is taken") {
  python().exec(R"(
import collections, types
class Upper(dict):
  def items(self): return [(k.upper(), v) for k, v in super().items()]
class Own:
  def keys(self): return ['k']
  def __getitem__(self, key): return 3
  def items(self): return iter([('k', 3)])
class Bad(Own):
  def items(self): return self.answer
def bad(answer):
  b = Bad()
  b.answer = answer
  return b
)");
  CHECK(eval("collections.OrderedDict(a=1)").as<M>() == M{{"a", 1}});
  CHECK(eval("collections.Counter('aab')").as<M>() == M{{"a", 2}, {"b", 1}});
  CHECK(eval("types.MappingProxyType({'a': 1})").as<M>() == M{{"a", 1}});
  CHECK(eval("collections.ChainMap({'a': 1}, {'b': 2})").try_as<M>() == M{{"a", 1}, {"b", 2}});
  CHECK(eval("Upper(a=1)").as<M>() == M{{"A", 1}});
  CHECK(eval("Own()").as<M>() == M{{"k", 3}});
  for (const char* code : {"bad([1])", "bad([('a',)])", "bad([('a', 1, 2)])", "bad(['ab'])"}) {
    INFO(code);
    CHECK_THROWS_AS(eval(code).as<M>(), py::TypeError);
    CHECK_FALSE(eval(code).is<M>());
    CHECK_FALSE(py::detail::api().Err_Occurred());
  }
}

TEST_CASE("a class with keys() and [] serves a map") {
  python().exec(R"(
import sqlite3
class Keyed:
  def keys(self): return iter(['a', 'b'])
  def __getitem__(self, key): return ord(key)
class Broken(Keyed):
  def __getitem__(self, key): raise OSError(key)
connection = sqlite3.connect(':memory:')
connection.row_factory = sqlite3.Row
row = connection.execute('select 1 as x, 2 as y').fetchone()
)");
  CHECK(eval("Keyed()").as<M>() == M{{"a", 97}, {"b", 98}});
  CHECK(eval("Keyed()").try_as<M>() == M{{"a", 97}, {"b", 98}});
  CHECK(eval("row").as<M>() == M{{"x", 1}, {"y", 2}});
  CHECK_THROWS_AS(eval("Broken()").as<M>(), py::OSError);
  CHECK_FALSE(eval("Broken()").is<M>());
}

TEST_CASE("what only has an attribute that is called keys is no mapping") {
  python().exec(R"(
import dataclasses
class KeyEvent:
  keys = 'ctrl+a'
class NoItems:
  def keys(self): return ['a']
@dataclasses.dataclass
class Piano:
  keys: int = 88
bound = KeyEvent()
bound.keys = lambda: ['a']
)");
  for (const char* code : {"KeyEvent()", "NoItems()", "Piano()", "bound", "KeyEvent", "dict"}) {
    INFO(code);
    CHECK_THAT(refusal<M>(code), ContainsSubstring("it is not a mapping"));
  }
  python().def("handle", py::overload([](M) { return 1; }, [](py::Object) { return 2; }));
  CHECK(python().eval<int>("handle(KeyEvent()) * 10 + handle({'a': 1})") == 21);
}

TEST_CASE("what is no mapping, and what is in it, is refused with the place") {
  CHECK(refusal<M>("[('a', 1)]") ==
        "cannot convert 'list' [('a', 1)] to std::map<std::string, int>: it is not a mapping");
  CHECK_THAT(refusal<M>("{'a'}"), ContainsSubstring("it is not a mapping"));
  CHECK(refusal<M>("{'a': 'abc'}") == "[\"a\"]: cannot convert 'str' \"abc\" to int");
  CHECK(refusal<M>("{1: 2}") == ".keys()[1]: cannot convert 'int' 1 to std::string");
  CHECK((refusal<std::map<int, int>>("{1: 1, 'abc': 2}")) == ".keys()[\"abc\"]: cannot convert 'str' \"abc\" to int");
  CHECK((refusal<std::vector<std::map<std::string, int>>>("[{}, {}, {}, {'x': 'abc'}]")) ==
        "[3][\"x\"]: cannot convert 'str' \"abc\" to int");
  CHECK((refusal<std::map<int, std::map<std::pair<int, int>, int>>>("{5: {(1, 'q'): 2}}")) ==
        "[5].keys()[(1, 'q')][1]: cannot convert 'str' \"q\" to int");
  // and to Python
  const std::map<std::string, std::vector<std::string>> bad{{"k", {"fine", "\xff"}}};
  CHECK_THAT(thrown<py::ConversionError>([&] { py::to_py(bad); }).what(),
             ContainsSubstring("[\"k\"][1]: cannot convert text"));
}

TEST_CASE("of equal keys the last one wins") {
  python().exec("class One:\n  def __init__(self, v): self.v = v\n  def __index__(self): return 1");
  CHECK((eval("{One(0): 'first', 1: 'middle', One(0): 'last'}").as<std::map<int, std::string>>() ==
         std::map<int, std::string>{{1, "last"}}));
}

TEST_CASE("entries that change their dict while they are converted do no harm") {
  python().exec(R"(
import collections
class Meddler:
  def __init__(self, victim, grow): self.victim, self.grow = victim, grow
  def __index__(self):
    if self.grow:
      for i in range(100): self.victim[str(i)] = Meddler(self.victim, False)
    else: self.victim.clear()
    return 5
class Number(int):
  def __float__(self):
    self.victim.clear()
    return 5.0
def numbers():
  victim = {name: 5 for name in 'yw'}
  for name in 'abcdefgh':
    victim[name] = Number()
    victim[name].victim = victim
  return victim
def meddle(grow, kind=dict):
  victim = kind({name: 5 for name in 'xyzw'})
  del victim['x'], victim['z']
  for name in 'abcdefgh': victim[name] = Meddler(victim, grow)
  return victim
)");
  M wanted;
  for (const char* name : {"y", "w", "a", "b", "c", "d", "e", "f", "g", "h"}) wanted[name] = 5;
  for (const char* code : {"meddle(True)", "meddle(False)", "meddle(True, collections.OrderedDict)",
                           "meddle(False, collections.UserDict)"}) {
    INFO(code);
    CHECK(eval(code).as<M>() == wanted);
    CHECK(eval(code).try_as<M>() == wanted);
  }
  const std::map<std::string, double> numbers(wanted.begin(), wanted.end());
  CHECK(eval("numbers()").as<std::map<std::string, double>>() == numbers);
  CHECK(eval("numbers()").try_as<std::map<std::string, double>>() == numbers);
}

TEST_CASE("exceptions of a mapping are thrown") {
  python().exec(
      "class Fails(dict):\n  def items(self): raise OSError('gone')\n"
      "class Index:\n  def __index__(self): raise ZeroDivisionError");
  CHECK_THROWS_AS(eval("Fails()").as<M>(), py::OSError);
  CHECK_THROWS_AS(eval("{'a': Index()}").as<M>(), py::ZeroDivisionError);
  CHECK_FALSE(eval("Fails()").is<M>());
  CHECK_FALSE(eval("{'a': Index()}").is<M>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("thousands of conversions leak nothing") {
  python().exec("thing = object()\nthings = {i: thing for i in range(10)}\ndeep = {'k': {1: ['a', 'b']}, 'l': {}}");
  const py::Object things = python()["things"], deep = python()["deep"];
  watched()["thing"] = python()["thing"];
  CHECK_STEADY(py::to_py(things.as<std::map<int, py::Object>>()));
  CHECK_STEADY(things.is<std::map<std::string, py::Object>>());
  CHECK_STEADY(py::to_py(deep.as<std::map<std::string, std::map<int, std::vector<std::string>>>>()));
  CHECK_STEADY(thrown<py::ConversionError>([&] { deep.as<std::map<std::string, int>>(); }));
}
