// Tests of latepy/stl/vector.hpp: sequences of any length, and containers in containers.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>
#include <latepy/stl/list.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#include "elements.hpp"

TEST_CASE("vectors make the round trip, those of std::byte as bytes") {
  python();
  round_trip<std::vector<int>>({}, "[]");
  round_trip<std::vector<int>>({1, -2, 3}, "[1, -2, 3]");
  round_trip<std::vector<double>>({0.5, 2}, "[0.5, 2.0]");
  round_trip<std::vector<std::string>>({"a", "é"}, "['a', 'é']");
  round_trip<std::vector<bool>>({true, false, true}, "[True, False, True]");
  round_trip<std::vector<std::vector<std::pair<int, std::array<bool, 1>>>>>({{}, {{1, {true}}}}, "[[], [(1, [True])]]");
  round_trip<std::vector<std::byte>>({std::byte{0}, std::byte{255}}, "b'\\x00\\xff'");
  round_trip<std::vector<std::byte>>({}, "b''");
}

TEST_CASE("objects are elements, and types that only move or have no default") {
  const auto objects = eval("[1, 'x', None]").as<std::vector<py::Object>>();
  CHECK((objects.size() == 3 && objects[1].as<std::string>() == "x" && objects[2].is_none()));
  CHECK(py::repr(py::to_py(objects)) == "[1, 'x', None]");

  auto moved = eval("(1, 2)").as<std::vector<MoveOnly>>();
  CHECK(*moved[1].value == 2);
  CHECK(py::repr(py::to_py(std::move(moved))) == "[1, 2]");

  CHECK(eval("[4]").as<std::vector<NoDefault>>()[0].value == 4);
}

TEST_CASE("a vector takes any iterable of elements") {
  using V = std::vector<int>;
  const V wanted{0, 1, 2};
  for (const char* code :
       {"[0, 1, 2]", "(0, 1, 2)", "range(3)", "{0: 'a', 1: 'b', 2: 'c'}.keys()", "{0, 1, 2}", "frozenset((0, 1, 2))",
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
        "or "
        "std::vector<std::byte>");
  CHECK_THAT(refusal<V>("bytearray(2)"), ContainsSubstring("bytes are not split into numbers"));
  CHECK_THAT(refusal<V>("__import__('types').MappingProxyType({})"), ContainsSubstring("a mapping is not a sequence"));
  CHECK(refusal<V>("3") == "cannot convert 'int' 3 to std::vector<int>: it is not iterable");
  python().exec("class Odd:\n    @property\n    def __iter__(self): raise ValueError('not now')");
  CHECK_THAT(refusal<V>("Odd()"), ContainsSubstring("it is not iterable"));  // CPython forgets that error too
  CHECK_THAT(thrown<py::TypeError>([] { eval("iter(Odd())"); }).what(), ContainsSubstring("is not iterable"));
  CHECK(refusal<std::vector<std::byte>>("[1]") ==
        "cannot convert 'list' [1] to std::vector<std::byte>: it is neither bytes nor bytearray");
}

TEST_CASE("an error deep inside names the way to it") {
  using V = std::vector<int>;
  CHECK(refusal<V>("[1, 2, 'abc']") == "[2]: cannot convert 'str' \"abc\" to int");
  CHECK(refusal<std::vector<std::uint8_t>>("[1, 256]") ==
        "[1]: cannot convert 'int' 256 to unsigned char: out of range");
  CHECK((refusal<std::vector<std::tuple<int, std::list<std::array<bool, 2>>>>>("[(1, []), (2, [[True, 1]])]")) ==
        "[1][1][0][1]: cannot convert 'int' 1 to bool");
  CHECK(refusal<std::vector<V>>("[[], 3]") == "[1]: cannot convert 'int' 3 to std::vector<int>: it is not iterable");
  const auto error = thrown<py::ConversionError>([] { eval("[[0], [0, None]]").as<std::vector<V>>(); });
  CHECK(error.path() == "[1][1]");
  CHECK(error.reason() == "cannot convert None to int");
  // and to Python
  const std::vector<std::pair<int, std::string>> bad{{1, "fine"}, {2, "\xff"}};
  CHECK_THAT(thrown<py::ConversionError>([&] { py::to_py(bad); }).what(),
             ContainsSubstring("[1][1]: cannot convert text to str"));
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
  python().exec(
      "import collections\nclass Growing(collections.deque): pass\ng = Growing()\n"
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
)");
  CHECK_THROWS_AS(eval("fails()").as<std::vector<int>>(), py::KeyError);
  CHECK_THROWS_AS(eval("Fails()").as<std::vector<int>>(), py::LookupError);
  CHECK_THROWS_AS(eval("[Index()]").as<std::vector<int>>(), py::ZeroDivisionError);
  CHECK_FALSE(eval("Fails()").is<std::vector<int>>());
  CHECK_FALSE(eval("[Index()]").is<std::vector<int>>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("thousands of conversions leak nothing") {
  python().exec("thing = object()\nthings = [thing] * 10");
  const py::Object things = python()["things"], bad = eval("[[1], ['x']]");
  const py::Object deep = eval("[(i, ['a', 'b']) for i in range(20)]");
  watched()["thing"] = python()["thing"];
  CHECK_STEADY(py::to_py(things.as<std::vector<py::Object>>()));
  CHECK_STEADY(py::to_py(deep.as<std::vector<std::pair<int, std::vector<std::string>>>>()));
  CHECK_STEADY(bad.is<std::vector<std::vector<int>>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<std::vector<int>>>(); }));
}

TEMPLATE_TEST_CASE("memory converts as the list of its items does", "[memory]", std::int8_t, std::uint8_t, short,
                   std::uint16_t, int, unsigned, long, unsigned long, std::int64_t, std::uint64_t, float, double,
                   long double) {
  python().exec(R"(
import array
top = lambda bits: [2 ** bits - 1, 2 ** bits, -2 ** bits, -2 ** bits - 1]
numbers = [0, 1, -1] + [n for bits in (7, 8, 15, 16, 31, 32, 63, 64) for n in top(bits)]
floats = [0.5, -0.0, 1e39, -1e39, 3.4028235677973366e38, 1e-60, float('inf'), -float('inf')]
def take(code, items):
  for item in items:
    try: array.array(code, [item])
    except OverflowError: continue
    yield item
# Alone, and as the first and the last item of blocks, which are converted at once
arrays = []
for code in 'bBhHiIlLqQfd':
  for item in take(code, numbers + (floats if code in 'fd' else [])):
    for before, after in ((0, 0), (3, 2), (255, 256), (600, 0)):
      arrays.append(array.array(code, [1] * before + [item] + [2] * after))
arrays.append(array.array('i'))
strided = [memoryview(a)[::-2] for a in arrays[::5]] + [memoryview(bytes([0, 1, 2])).cast('?')]
)");
  using V = std::vector<TestType>;
  int fit = 0, refused = 0, wrong = 0;
  for (const py::Object& array : eval("arrays + strided")) {
    const py::Object list = py::list_of(array);
    const auto wanted = list.try_as<V>();
    const auto got = array.try_as<V>();
    ++(wanted ? fit : refused);
    if (wanted != got) FAIL_CHECK(py::repr(array) << " is " << (got ? "taken" : "refused"));
    if (wanted ? array.as<V>() != *wanted : refusal<V>(array) != refusal<V>(list)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK((fit > 50 && refused + 8 * int(std::is_floating_point_v<TestType>) > 5));
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("memory of bools is a vector of bool") {
  python();
  using V = std::vector<bool>;
  CHECK(eval("memoryview(bytes([0, 1, 2])).cast('?')").as<V>() == V{false, true, true});
  CHECK(eval("memoryview(bytes([0, 1, 2])).cast('?')[::2]").as<V>() == V{false, true});
  CHECK_FALSE(eval("memoryview(bytes([0, 1]))").is<V>());
  CHECK_FALSE(eval("memoryview(bytes([0, 1])).cast('?')").is<std::vector<std::string>>());
}

TEST_CASE("memory of bools of any length and step is a vector of bool") {
  python().exec("bools = lambda n: [i * i % 7 in (1, 4, 5) for i in range(n)]");
  python().exec(
      "memory = lambda n: memoryview(bytes(i % 255 + 1 if b else 0 for i, b in enumerate(bools(n)))).cast('?')");
  for (const char* length : {"0", "1", "7", "8", "63", "64", "65", "127", "128", "129", "1000"}) {
    INFO(length);
    for (const char* part : {"[:]", "[1:]", "[::2]", "[::-1]"}) {
      INFO(part);
      const std::vector<bool> bits = eval("memory(" + std::string(length) + ")" + part).as<std::vector<bool>>();
      CHECK(bits == eval("bools(" + std::string(length) + ")" + part).as<std::vector<bool>>());
    }
  }
}

TEST_CASE("the elements are those that iteration gives") {
  python().exec(R"(
import array
class Doubled(array.array):
  def __iter__(self): return iter([2 * x for x in super().__iter__()])
class Same(array.array): pass
class Series:  # as pandas.Series
  def __init__(self, data): self.data = data
  def keys(self): return range(len(self.data))
  def __iter__(self): return iter(self.data)
  def __len__(self): return len(self.data)
  def __getitem__(self, i): return self.data[i]
)");
  CHECK(eval("Doubled('d', [1, 2])").as<std::vector<double>>() == std::vector<double>{2, 4});
  CHECK(eval("Doubled('d', [1, 2])").as<std::vector<float>>() == std::vector<float>{2, 4});
  CHECK(eval("Same('d', [1, 2])").as<std::vector<double>>() == std::vector<double>{1, 2});
  CHECK(eval("Series([1.5, 2.5])").as<std::vector<double>>() == std::vector<double>{1.5, 2.5});
  CHECK(eval("Series([1.5, 2.5])").is<std::vector<double>>());
}

TEST_CASE("an object that gives an array is read by it") {
  python().exec(R"(
import array
class Tensor:
  def __init__(self, made): self.made = made
  def __array__(self):
    if isinstance(self.made, BaseException): raise self.made
    return self.made
  def __iter__(self): return iter([7])
)");
  using V = std::vector<double>;
  CHECK(eval("Tensor(array.array('i', [1, 2]))").as<V>() == V{1, 2});
  CHECK(eval("Tensor(array.array('i', [1, 2]))").try_as<V>() == V{1, 2});
  for (const char* code : {"Tensor([1, 2])", "Tensor(memoryview(bytes(4)).cast('B', (2, 2)))",
                           "Tensor(RuntimeError('requires grad'))", "Tensor(None)"}) {
    INFO(code);
    CHECK(eval(code).as<V>() == V{7});
    CHECK(eval(code).try_as<V>() == V{7});
  }
  CHECK_THAT(refusal<std::vector<bool>>("Tensor(None)"), ContainsSubstring("[0]: cannot convert 'int' 7 to bool"));
  CHECK_THROWS_AS(eval("Tensor(KeyboardInterrupt())").as<V>(), py::KeyboardInterrupt);
  CHECK_FALSE(eval("Tensor(KeyboardInterrupt())").is<V>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("an element that says that it is no number is refused with its place") {
  python().exec("class Array:\n  def __index__(self): raise TypeError('only scalars')");
  CHECK_THAT(refusal<std::vector<int>>("[1, Array()]"), ContainsSubstring("[1]: cannot convert 'Array' "));
}

TEST_CASE("numpy's arrays and numbers") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np, warnings");
  CHECK(eval("np.arange(3)").as<std::vector<int>>() == std::vector<int>{0, 1, 2});
  CHECK(eval("np.array([True, False])").as<std::vector<bool>>() == std::vector<bool>{true, false});
  CHECK(eval("np.array([True, False])").as<std::vector<double>>() == std::vector<double>{1, 0});
  CHECK(eval("np.array([0.5, 2], 'f2')").as<std::vector<double>>() == std::vector<double>{0.5, 2});
  CHECK(eval("np.array([0.5, 2], 'g')").as<std::vector<double>>() == std::vector<double>{0.5, 2});
  CHECK(eval("np.array([1, 2], '>i4')").as<std::vector<double>>() == std::vector<double>{1, 2});
  CHECK((eval("np.array([[1, 2], [3, 4]])").as<std::vector<std::pair<int, int>>>()[1] == std::pair<int, int>(3, 4)));
  CHECK((eval("np.array([[1, 2], [3, 4]])").as<std::vector<std::vector<double>>>()[1] == std::vector<double>{3, 4}));
  CHECK_THAT(refusal<std::vector<int>>("np.array([0.5])"), ContainsSubstring("[0]: cannot convert"));
  CHECK_THAT(refusal<std::vector<int>>("np.array(1)"), ContainsSubstring("it is not iterable"));
  CHECK_THAT(refusal<std::vector<double>>("np.array([1 + 2j])"),
             ContainsSubstring("[0]: cannot convert") && ContainsSubstring("complex number"));
  CHECK_THAT(refusal<std::vector<int>>("[1, np.array([1, 2])]"), ContainsSubstring("[1]: cannot convert"));
  python().exec("warnings.simplefilter('ignore')\nm = np.ma.array([1.0, 2.0], mask=[0, 1])");
  const auto masked = eval("m").as<std::vector<double>>();  // as float(numpy.ma.masked) has it
  CHECK((masked.size() == 2 && masked[0] == 1 && masked[1] != masked[1]));
  CHECK_THAT(refusal<std::vector<int>>("m.astype(int)"), ContainsSubstring("[1]: cannot convert"));
}

TEST_CASE("the columns of pandas") {
  if (!python().try_call("importlib", "import_module", "pandas")) SKIP("this Python has no pandas");
  python().exec("import pandas as pd\ndf = pd.DataFrame({'x': [1, 2], 'y': [0.5, 1.5], 'keys': [True, False]})");
  CHECK(eval("df['y']").as<std::vector<double>>() == std::vector<double>{0.5, 1.5});
  CHECK(eval("df.x").as<std::vector<int>>() == std::vector<int>{1, 2});
  CHECK(eval("df['x']").as<std::vector<double>>() == std::vector<double>{1, 2});
  CHECK(eval("df['keys']").as<std::vector<bool>>() == std::vector<bool>{true, false});
  CHECK(eval("df.index").as<std::vector<int>>() == std::vector<int>{0, 1});
  CHECK(eval("df").as<std::vector<std::string>>() == std::vector<std::string>{"x", "y", "keys"});
  CHECK(eval("pd.Series(['a', 'b'])").as<std::vector<std::string>>() == std::vector<std::string>{"a", "b"});
}
