// tests/stl_vector_test.cpp: vector, deque, list, array, pair, tuple, set, unordered_set.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>
#include <latepy/stl/deque.hpp>
#include <latepy/stl/list.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/pair.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/unordered_set.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

namespace {

struct MoveOnly {
  explicit MoveOnly(int v = 0) : value(std::make_unique<int>(v)) {}
  std::unique_ptr<int> value;
};
struct NoDefault {
  explicit NoDefault(int v) : value(v) {}
  int value;
};

}  // namespace

template <>
struct latepy::Converter<MoveOnly> {
  static Object to_py(MoveOnly&& value) { return latepy::to_py(*std::exchange(value.value, nullptr)); }
  static MoveOnly from_py(Ref object) { return MoveOnly(latepy::from_py<int>(object)); }
};
template <>
struct latepy::Converter<NoDefault> {
  static Object to_py(const NoDefault& value) { return latepy::to_py(value.value); }
  static NoDefault from_py(Ref object) { return NoDefault(latepy::from_py<int>(object)); }
};

TEST_CASE("containers make the round trip") {
  python();
  round_trip<std::vector<int>>({}, "[]");
  round_trip<std::vector<int>>({1, -2, 3}, "[1, -2, 3]");
  round_trip<std::vector<double>>({0.5, 2}, "[0.5, 2.0]");
  round_trip<std::vector<std::string>>({"a", "é"}, "['a', 'é']");
  round_trip<std::vector<bool>>({true, false, true}, "[True, False, True]");
  round_trip<std::deque<int>>({1, 2}, "[1, 2]");
  round_trip<std::list<std::string>>({"x"}, "['x']");
  round_trip<std::array<int, 3>>({1, 2, 3}, "[1, 2, 3]");
  round_trip<std::array<int, 0>>({}, "[]");
  round_trip<std::pair<int, std::string>>({1, "a"}, "(1, 'a')");
  round_trip<std::tuple<>>({}, "()");
  round_trip<std::tuple<int>>({1}, "(1,)");
  round_trip<std::tuple<int, double, std::string>>({1, 2.5, "x"}, "(1, 2.5, 'x')");
  round_trip<std::set<int>>({3}, "{3}");
  round_trip<std::unordered_set<std::string>>({"x"}, "{'x'}");
  round_trip<std::vector<std::vector<std::pair<int, std::array<bool, 1>>>>>({{}, {{1, {true}}}}, "[[], [(1, [True])]]");
  round_trip<std::vector<std::byte>>({std::byte{0}, std::byte{255}}, "b'\\x00\\xff'");
  round_trip<std::vector<std::byte>>({}, "b''");
}

TEST_CASE("elements of sets become hashable") {
  python();
  round_trip<std::set<std::vector<int>>>({{1, 2}}, "{(1, 2)}");
  round_trip<std::set<std::set<int>>>({{7}}, "{frozenset({7})}");
  const std::set<std::vector<std::vector<int>>> deep{{{1}}};
  CHECK_THROWS_AS(py::to_py(deep), py::TypeError);
}

TEST_CASE("objects, move-only and other types are elements") {
  const auto objects = eval("[1, 'x', None]").as<std::vector<py::Object>>();
  CHECK((objects.size() == 3 && objects[1].as<std::string>() == "x" && objects[2].is_none()));
  CHECK(py::repr(py::to_py(objects)) == "[1, 'x', None]");

  auto moved = eval("(1, 2)").as<std::vector<MoveOnly>>();
  CHECK(*moved[1].value == 2);
  CHECK(py::repr(py::to_py(std::move(moved))) == "[1, 2]");
  std::tuple<MoveOnly, std::string> pair(MoveOnly(5), "s");
  CHECK(py::repr(py::to_py(std::move(pair))) == "(5, 's')");
  CHECK(*std::get<0>(eval("[5, 's']").as<std::tuple<MoveOnly, std::string>>()).value == 5);
  CHECK(eval("[5]").try_as<std::deque<MoveOnly>>()->size() == 1);

  CHECK(eval("[4]").as<std::vector<NoDefault>>()[0].value == 4);
  CHECK(eval("(4, 5)").as<std::pair<NoDefault, NoDefault>>().second.value == 5);
  CHECK(eval("(4, 5)").try_as<std::tuple<NoDefault, NoDefault>>().has_value());
}

TEST_CASE("a vector takes any iterable of elements") {
  using V = std::vector<int>;
  const V wanted{0, 1, 2};
  for (const char* code : {"[0, 1, 2]", "(0, 1, 2)", "range(3)", "{0: 'a', 1: 'b', 2: 'c'}.keys()", "{0, 1, 2}", "frozenset((0, 1, 2))",
                           "__import__('array').array('h', [0, 1, 2])", "__import__('collections').deque([0, 1, 2])",
                           "memoryview(bytes([0, 1, 2]))", "type('L', (list,), {})([0, 1, 2])"}) {
    INFO(code);
    CHECK(eval(code).as<V>() == wanted);
    CHECK(eval(code).is<V>());
  }
  // Iterators can be read only once: as() does, is() and try_as() do not.
  const py::Object generator = eval("(i for i in range(3))");
  CHECK_FALSE(generator.is<V>());
  CHECK(generator.as<V>() == wanted);
  CHECK(generator.as<V>().empty());
  CHECK(eval("map(int, '012')").as<std::list<int>>() == std::list<int>{0, 1, 2});
  CHECK(*python().try_eval<V>("(i for i in range(3))") == wanted);

  python().exec("class Sneaky(list):\n  def __iter__(self): return iter([7])");
  CHECK(eval("Sneaky([1, 2])").as<V>() == V{7});  // as list() has it
}

TEST_CASE("what is no sequence is refused with a reason") {
  using V = std::vector<int>;
  CHECK(refusal<V>("'abc'") ==
        "cannot convert 'str' \"abc\" to std::vector<int>: a str is not split into characters: pass a list");
  CHECK(refusal<V>("b'abc'") ==
        "cannot convert 'bytes' b'abc' to std::vector<int>: bytes are not split into numbers: convert to latepy::Bytes "
        "or std::vector<std::byte>");
  CHECK_THAT(refusal<V>("bytearray(2)"), ContainsSubstring("bytes are not split into numbers"));
  CHECK(refusal<std::list<double>>("{1: 2}") ==
        "cannot convert 'dict' {1: 2} to std::list<double>: a mapping is not a sequence: pass its keys(), values() or "
        "items()");
  CHECK_THAT(refusal<V>("__import__('types').MappingProxyType({})"), ContainsSubstring("a mapping is not a sequence"));
  CHECK(refusal<V>("3") == "cannot convert 'int' 3 to std::vector<int>: it is not iterable");
  CHECK(refusal<std::deque<std::string>>("None") == "cannot convert None to std::deque<std::string>: it is not iterable");
  CHECK(refusal<std::vector<std::byte>>("[1]") == "cannot convert 'list' [1] to std::vector<std::byte>: it is neither bytes nor bytearray");
  CHECK(refusal<std::set<int>>("[1]") == "cannot convert 'list' [1] to std::set<int>: it is not a set");
  CHECK(refusal<std::unordered_set<int>>("{1: 2}") == "cannot convert 'dict' {1: 2} to std::unordered_set<int>: it is not a set");
  CHECK(eval("{1: 2}.keys()").as<std::set<int>>() == std::set<int>{1});
  CHECK(eval("{True, 2}").try_as<std::set<int>>() == std::set<int>{1, 2});
}

TEST_CASE("a fixed length is exact") {
  using A = std::array<double, 3>;
  CHECK(eval("(1, 2, 3)").as<A>() == A{1, 2, 3});
  CHECK(eval("range(3)").as<A>() == A{0, 1, 2});
  CHECK(refusal<A>("[1, 2]") == "cannot convert 'list' [1, 2] to std::array<double, 3>: it has 2 elements, 3 are wanted");
  CHECK(refusal<std::array<int, 12>>("[1]") == "cannot convert 'list' [1] to std::array<int, 12>: it has 1 element, 12 are wanted");
  CHECK(refusal<A>("{1, 2, 3}") ==
        "cannot convert 'set' {1, 2, 3} to std::array<double, 3>: it is not a list, a tuple or another sequence with a length");
  CHECK_THAT(refusal<A>("iter([1, 2, 3])"), ContainsSubstring("it is not a list, a tuple or another sequence with a length"));
  CHECK_THAT(refusal<A>("'abc'"), ContainsSubstring("a str is not split into characters"));
  CHECK_THAT((refusal<std::pair<int, int>>("{1: 2, 3: 4}")), ContainsSubstring("a mapping is not a sequence"));
  CHECK((refusal<std::pair<int, std::string>>("(1, 'a', 2)")) ==
        "cannot convert 'tuple' (1, 'a', 2) to std::pair<int, std::string>: it has 3 elements, 2 are wanted");
  CHECK((refusal<std::tuple<int, bool>>("7")) ==
        "cannot convert 'int' 7 to std::tuple<int, bool>: it is not a list, a tuple or another sequence with a length");
  CHECK(refusal<std::tuple<>>("(1,)") == "cannot convert 'tuple' (1,) to std::tuple<>: it has 1 element, 0 are wanted");
  python().exec("import collections\nP = collections.namedtuple('P', 'x y')");
  CHECK((eval("P(1, 2)").as<std::pair<int, int>>() == std::pair<int, int>(1, 2)));
}

TEST_CASE("an error deep inside names the way to it") {
  using V = std::vector<int>;
  CHECK(refusal<V>("[1, 2, 'abc']") == "[2]: cannot convert 'str' \"abc\" to int");
  CHECK(refusal<std::vector<std::uint8_t>>("[1, 256]") == "[1]: cannot convert 'int' 256 to unsigned char: out of range");
  CHECK((refusal<std::vector<std::tuple<int, std::list<std::array<bool, 2>>>>>("[(1, []), (2, [[True, 1]])]")) ==
        "[1][1][0][1]: cannot convert 'int' 1 to bool");
  CHECK(refusal<std::vector<V>>("[[], 3]") == "[1]: cannot convert 'int' 3 to std::vector<int>: it is not iterable");
  CHECK(refusal<std::set<int>>("{'x'}") == "{\"x\"}: cannot convert 'str' \"x\" to int");
  CHECK((refusal<std::set<std::pair<int, int>>>("{(1, 'x')}")) == "{(1, 'x')}[1]: cannot convert 'str' \"x\" to int");
  const auto error = thrown<py::ConversionError>([] { eval("[[0], [0, None]]").as<std::vector<V>>(); });
  CHECK(error.path() == "[1][1]");
  CHECK(error.reason() == "cannot convert None to int");
  // and to Python
  const std::vector<std::pair<int, std::string>> bad{{1, "fine"}, {2, "\xff"}};
  CHECK_THAT(thrown<py::ConversionError>([&] { py::to_py(bad); }).what(), ContainsSubstring("[1][1]: cannot convert text to str"));
}

TEST_CASE("elements that change their container while they are converted do no harm") {
  python().exec(R"(
class Meddler:
  def __init__(self, victim): self.victim = victim
  def __index__(self):
    self.victim.clear()
    return 5
def meddle(kind):
  victim = kind()
  for i in range(50):
    (victim.append if kind is list else victim.add)(Meddler(victim))
  return victim
)");
  using V = std::vector<int>;
  CHECK(eval("meddle(list)").as<V>() == V(50, 5));
  CHECK(eval("meddle(set)").as<V>() == V(50, 5));
  CHECK(eval("meddle(set)").as<std::set<int>>() == std::set<int>{5});
  CHECK(eval("meddle(list)").as<std::array<int, 50>>()[49] == 5);
  python().exec("import collections\nclass Growing(collections.deque): pass\ng = Growing()\n"
                "class Appends:\n  def __index__(self): g.append(1); return 1\ng.append(Appends())");
  CHECK_THROWS_AS(eval("g").as<V>(), py::RuntimeError);  // "deque mutated during iteration", as in Python
}

TEST_CASE("a wrong length hint is not believed") {
  python().exec(R"(
class Hint:
  def __init__(self, hint): self.hint = hint
  def __iter__(self): return iter([1, 2])
  def __length_hint__(self): return self.hint
class Broken(Hint):
  def __length_hint__(self): raise ValueError('no idea')
)");
  const auto two = eval("Hint(2**62)").as<std::vector<int>>();
  CHECK(two == std::vector<int>{1, 2});
  CHECK(two.capacity() <= 65536 / sizeof(int));
  CHECK(eval("Hint(0)").as<std::vector<int>>() == two);
  CHECK_THROWS_AS(eval("Broken(0)").as<std::vector<int>>(), py::ValueError);  // as in list()
  CHECK_FALSE(eval("Broken(0)").is<std::vector<int>>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("exceptions of the iterable are thrown") {
  python().exec(R"(
def fails():
  yield 1
  raise KeyError('inside')
class Fails:
  def __iter__(self): raise LookupError('iter')
class Index:
  def __index__(self): raise ZeroDivisionError('index')
class Set:
  isdisjoint = None
  def __iter__(self): return fails()
)");
  CHECK_THROWS_AS(eval("fails()").as<std::vector<int>>(), py::KeyError);
  CHECK_THROWS_AS(eval("Fails()").as<std::vector<int>>(), py::LookupError);
  CHECK_THROWS_AS(eval("[Index()]").as<std::vector<int>>(), py::ZeroDivisionError);
  CHECK_THROWS_AS(eval("Set()").as<std::set<int>>(), py::KeyError);
  CHECK_THROWS_AS((eval("(1, Index())").as<std::pair<int, int>>()), py::ZeroDivisionError);
  CHECK_FALSE(eval("Fails()").is<std::vector<int>>());
  CHECK_FALSE(eval("[Index()]").is<std::vector<int>>());
  CHECK_FALSE(eval("Set()").is<std::set<int>>());
  CHECK_FALSE(eval("(1, Index())").is<std::tuple<int, int>>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("thousands of conversions leak nothing") {
  python().exec("thing = object()\nthings = [thing] * 10");
  const py::Object things = python()["things"], bad = eval("[[1], ['x']]");
  const py::Object deep = eval("[(i, ['a', 'b']) for i in range(20)]");
  watched()["thing"] = python()["thing"];
  CHECK_STEADY(py::to_py(things.as<std::vector<py::Object>>()));
  CHECK_STEADY(things.try_as<std::list<py::Object>>());
  CHECK_STEADY(things.as<std::array<py::Object, 10>>());
  CHECK_STEADY(things.is<std::tuple<py::Object>>());
  CHECK_STEADY(py::to_py(deep.as<std::vector<std::pair<int, std::vector<std::string>>>>()));
  CHECK_STEADY(bad.is<std::vector<std::vector<int>>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<std::vector<int>>>(); }));
}

TEST_CASE("numpy's arrays and numbers") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  CHECK(eval("np.arange(3)").as<std::vector<int>>() == std::vector<int>{0, 1, 2});
  CHECK(eval("np.array([0.5, 1])").as<std::array<double, 2>>() == std::array<double, 2>{0.5, 1});
  CHECK(eval("np.array([True, False])").as<std::vector<bool>>() == std::vector<bool>{true, false});
  CHECK((eval("np.array([[1, 2], [3, 4]])").as<std::vector<std::pair<int, int>>>()[1] == std::pair<int, int>(3, 4)));
  CHECK_THAT(refusal<std::vector<int>>("np.array([0.5])"), ContainsSubstring("[0]: cannot convert"));
  CHECK_THAT(refusal<std::vector<int>>("np.array(1)"), ContainsSubstring("it is not iterable"));
  CHECK_THAT((refusal<std::array<int, 1>>("np.array(1)")), ContainsSubstring("sequence with a length"));
}
