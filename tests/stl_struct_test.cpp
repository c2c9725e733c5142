// Tests of latepy/stl/struct.hpp: LATEPY_STRUCT.
// SPDX-License-Identifier: MIT
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

struct Point {
  double x = 0, y = 0;
};
LATEPY_STRUCT(Point, x, y);

struct Sized {
  int size = 0;
};
LATEPY_STRUCT(Sized, size);

namespace shapes {
struct Rows {
  int cells[2][3] = {};
  char title[4] = {};
  std::vector<int> marks[2] = {};
};
struct Polygon {
  std::string name;
  std::vector<Point> points;
  std::map<std::string, Point> marks;
  std::optional<int> color;
};
struct Tree {
  std::vector<Tree> trees;
};
struct One {
  int only;
};
struct Owner {
  std::unique_ptr<int> value;
};
struct Many {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, bb, cc, dd, ee, ff;
};
}  // namespace shapes
LATEPY_STRUCT(shapes::Polygon, name, points, marks, color);
LATEPY_STRUCT(shapes::Tree, trees);
LATEPY_STRUCT(shapes::Rows, cells, title, marks);
LATEPY_STRUCT(shapes::One, only);
LATEPY_STRUCT(shapes::Owner, value);
LATEPY_STRUCT(shapes::Many, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, bb, cc,
              dd, ee, ff);

struct Window {
  int width = 800, height = 600;
  std::optional<std::string> title = "untitled";
  std::vector<Point> marks{{1, 2}};
};
LATEPY_STRUCT_DEFAULTS(Window, width, (height, "max-height"), title, marks)
struct Setting {  // also a name of latepy
  int value = 0;
};
LATEPY_STRUCT(Setting, value)
struct Config {
  int value = 0;
};
LATEPY_STRUCT(Config, value)
struct Strict {
  int limit = 1;
  std::optional<int> user = 2;
};
LATEPY_STRUCT(Strict, (limit, "max-size"), user)

template <>
struct latepy::Converter<std::unique_ptr<int>> {
  static Object to_py(std::unique_ptr<int>&& value) { return latepy::to_py(*std::exchange(value, nullptr)); }
  static std::unique_ptr<int> from_py(Ref object) { return std::make_unique<int>(latepy::from_py<int>(object)); }
};

TEST_CASE("a struct may contain structs of its own type") {
  const shapes::Tree tree = eval("{'trees': [{'trees': []}, {'trees': [{'trees': []}]}]}").as<shapes::Tree>();
  CHECK(tree.trees.size() == 2);
  CHECK(tree.trees[1].trees.size() == 1);
  CHECK(py::repr(py::to_py(tree)) == "{'trees': [{'trees': []}, {'trees': [{'trees': []}]}]}");
}

TEST_CASE("a struct is a dict") {
  python();
  CHECK(py::repr(py::to_py(Point{1, 2.5})) == "{'x': 1.0, 'y': 2.5}");
  const shapes::Polygon polygon{"p", {{1, 2}}, {{"m", {3, 4}}}, {}};
  const py::Object dict = py::to_py(polygon);
  CHECK(py::repr(dict) ==
        "{'name': 'p', 'points': [{'x': 1.0, 'y': 2.0}], 'marks': {'m': {'x': 3.0, 'y': 4.0}}, 'color': None}");
  const auto back = dict.as<shapes::Polygon>();
  CHECK((back.name == "p" && back.points.at(0).y == 2 && back.marks.at("m").x == 3 && !back.color));
  CHECK(dict.try_as<shapes::Polygon>()->points.size() == 1);
  CHECK(py::repr(py::to_py(shapes::One{7})) == "{'only': 7}");
  CHECK(py::repr(py::to_py(shapes::Owner{std::make_unique<int>(4)})) == "{'value': 4}");
  CHECK(*eval("{'value': 4}").as<shapes::Owner>().value == 4);
  const py::Object many = py::to_py(shapes::Many{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                                 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32});
  CHECK((py::len(many) == 32 && many.as<shapes::Many>().ff == 32));
}

TEST_CASE("a struct comes from mappings and from attributes") {
  python().exec(R"(
import collections, types
class Slots:
  __slots__ = ('x', 'y')
class Property:
  y = 2
  @property
  def x(self): return 1
s = Slots()
s.x, s.y = 1, 2
)");
  for (const char* code :
       {"{'x': 1, 'y': 2, 'more': 3}", "types.MappingProxyType({'x': 1, 'y': 2})", "types.SimpleNamespace(x=1, y=2)",
        "collections.namedtuple('P', 'x y')(1, 2)", "s", "Property()", "collections.ChainMap({'x': 1}, {'y': 2})",
        "collections.defaultdict(lambda: 2, x=1)"}) {
    INFO(code);
    const auto point = eval(code).as<Point>();
    CHECK((point.x == 1 && point.y == 2));
    CHECK(eval(code).try_as<Point>()->y == 2);
  }
  CHECK(eval("{'x': 1, 'y': 2}").as<std::variant<int, Point>>().index() == 1);
}

TEST_CASE("fields that are called as attributes of the object are those that were meant") {
  python().exec(R"(
import dataclasses, sqlite3
@dataclasses.dataclass
class WithKeys:
  x: float = 1
  y: float = 2
  keys: int = 88
class Row:  # as sqlite3.Row and pandas.Series
  x = 'not this'
  def keys(self): return ['x', 'z']
  def __getitem__(self, key): return {'x': 1, 'z': 3}[key]
  y = 2
class Numbered(Row):
  def __getitem__(self, at): return (1, 2)[at]
  x = 1
connection = sqlite3.connect(':memory:')
connection.row_factory = sqlite3.Row
row = connection.execute('select 1 as x, 2 as y').fetchone()
)");
  for (const char* code : {"WithKeys()", "Row()", "Numbered()", "row"}) {
    INFO(code);
    const auto point = eval(code).as<Point>();
    CHECK((point.x == 1 && point.y == 2));
    CHECK(eval(code).try_as<Point>()->y == 2);
  }
  CHECK_THAT(refusal<shapes::One>("row"), ContainsSubstring("it has no key and no attribute \"only\""));
  using Fields = std::variant<std::map<std::string, double>, Point>;
  CHECK(eval("{'x': 1.0, 'y': 2.0}").as<Fields>().index() == 0);
  CHECK((eval("{'x': 1.0, 'y': 2.0}").as<std::variant<Point, std::map<std::string, double>>>().index() == 0));
  CHECK((eval("{'x': 1.0}").as<std::variant<Point, std::map<std::string, double>>>().index() == 1));
}

TEST_CASE("a structured item of numpy has fields") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np\na = np.array([(1, 2.5), (3, 4)], dtype=[('x', 'i4'), ('y', 'f8')])");
  const auto points = eval("a").as<std::vector<Point>>();
  CHECK((points.size() == 2 && points[0].x == 1 && points[0].y == 2.5 && points[1].x == 3));
  CHECK(eval("a[1]").as<Point>().y == 4);
  CHECK(eval("np.array((1, 2.5), dtype=a.dtype)").as<Point>().y == 2.5);
  CHECK(eval("np.array([(7,)], dtype=[('size', 'i4')])[0]").as<Sized>().size == 7);  // not numpy's own attribute
  CHECK_THAT(refusal<shapes::One>("a[0]"), ContainsSubstring("it has no key and no attribute \"only\""));
}

TEST_CASE("errors name the field, the type and the way") {
  python();
  CHECK(refusal<Point>("{'x': 1}") == "cannot convert 'dict' {'x': 1} to Point: it has no key \"y\"");
  CHECK(refusal<Point>("3") == "cannot convert 'int' 3 to Point: it has no attribute \"x\"");
  CHECK(refusal<Point>("None") == "cannot convert None to Point: it has no attribute \"x\"");
  CHECK(refusal<Point>("{'x': 1, 'y': 'abc'}") == ".y: cannot convert 'str' \"abc\" to double");
  CHECK(refusal<shapes::Polygon>("{'name': 'p', 'points': [{'x': 1, 'y': 2}, {'x': []}]}") ==
        ".points[1].x: cannot convert 'list' [] to double");
  CHECK(refusal<shapes::Polygon>("{'name': 'p', 'points': [], 'marks': {'m': {'y': 1}}}") ==
        ".marks[\"m\"]: cannot convert 'dict' {'y': 1} to Point: it has no key \"x\"");
  CHECK(refusal<std::vector<shapes::One>>("[{'only': 1}, {'only': 2**40}]") ==
        "[1].only: cannot convert 'int' 1099511627776 to int: out of range");
  CHECK_THAT(thrown<py::ConversionError>([] {
               py::to_py(shapes::Polygon{"\xff", {}, {}, {}});
             }).what(),
             ContainsSubstring(".name: cannot convert"));
}

TEST_CASE("a missing key is no value for an optional field") {
  for (const char* code : {"{'max-size': 3}", "types.SimpleNamespace(**{'max-size': 3})"}) {
    INFO(code);
    python().exec("import types");
    const auto strict = eval(code).as<Strict>();
    CHECK((strict.limit == 3 && !strict.user));
    CHECK_FALSE(eval(code).try_as<Strict>()->user);
  }
  CHECK(eval("{'max-size': 3, 'user': 4}").as<Strict>().user == 4);
  CHECK(refusal<Strict>("{'user': 4}") == "cannot convert 'dict' {'user': 4} to Strict: it has no key \"max-size\"");
  CHECK_FALSE(eval("{'user': 4}").is<Strict>());
}

TEST_CASE("with LATEPY_STRUCT_DEFAULTS a missing key leaves the initial value") {
  for (const bool tries : {false, true}) {
    const auto window = [&](const char* code) {
      return tries ? *eval(code).try_as<Window>() : eval(code).as<Window>();
    };
    const Window empty = window("{}");
    CHECK((empty.width == 800 && empty.height == 600 && !empty.title && empty.marks.size() == 1));
    const Window some = window("{'max-height': 9, 'title': 't', 'marks': [], 'unknown': 1}");
    CHECK((some.width == 800 && some.height == 9 && some.title == "t" && some.marks.empty()));
    CHECK((window("{'title': None}").width == 800 && !window("{'title': None}").title));
  }
  // A wrong value is an error, not the initial value.
  CHECK(refusal<Window>("{'max-height': 'x'}") == ".max-height: cannot convert 'str' \"x\" to int");
  CHECK(refusal<Window>("{'marks': [{'x': 1}]}") ==
        ".marks[0]: cannot convert 'dict' {'x': 1} to Point: it has no key \"y\"");
  CHECK_FALSE(eval("{'width': None}").is<Window>());
}

TEST_CASE("a struct may have the name of something in latepy") {
  CHECK(eval("{'value': 3}").as<Setting>().value == 3);
  CHECK(eval("{'value': 4}").as<Config>().value == 4);
}

TEST_CASE("a field with another key has it in both directions") {
  CHECK(py::repr(py::to_py(Strict{5, {}})) == "{'max-size': 5, 'user': None}");
  CHECK(py::to_py(Window()).contains("max-height"));
}

TEST_CASE("a mapping that makes items is asked whether it has an optional field") {
  python().exec("import collections\nmade = collections.defaultdict(int, {'max-size': 3})");
  CHECK_FALSE(eval("made").as<Strict>().user);
  CHECK_FALSE(eval("made").try_as<Strict>()->user);
  CHECK(eval("made").as<Window>().width == 800);
  CHECK(eval("len(made)").as<int>() == 1);
  python().exec("class Broken(dict):\n  def __missing__(self, key): raise OSError('gone')");
  CHECK_THROWS_AS(eval("Broken()").as<Strict>(), py::OSError);
  CHECK(eval("Broken()").as<Window>().height == 600);
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("an object without any field is no struct, also where all may be missing") {
  for (const char* code : {"None", "42", "'localhost:80'", "object()", "[1]", "iter([])"}) {
    INFO(code);
    CHECK_FALSE(eval(code).is<Window>());
    CHECK_THROWS_AS(eval(code).as<Window>(), py::ConversionError);
  }
  CHECK(refusal<std::vector<Window>>("[{}, None]") ==
        "[1]: cannot convert None to Window: it is no mapping, and has none of the fields as an attribute");
  CHECK(eval("types.SimpleNamespace(width=5)").as<Window>().width == 5);
  CHECK(std::get<1>(eval("[1, 2]").as<std::variant<Window, std::vector<int>>>()).size() == 2);
}

TEST_CASE("exceptions of the object are thrown") {
  python().exec(
      "class Fails:\n  x = property(lambda self: 1 / 0)\nclass Map(dict):\n  def __missing__(self, key): raise "
      "OSError('gone')");
  for (const char* code : {"Fails()", "Map()"}) {
    INFO(code);
    CHECK_THROWS_AS(eval(code).as<Point>(), py::Exception);
    CHECK_FALSE(eval(code).is<Point>());
    CHECK_FALSE(py::detail::api().Err_Occurred());
  }
}

TEST_CASE("thousands of conversions leak nothing") {
  python().exec("import types\npoints = [{'x': 1, 'y': 2.5}, types.SimpleNamespace(x=1, y=2)]");
  const py::Object points = python()["points"], bad = eval("[{'x': 1, 'y': ''}]");
  CHECK_STEADY(py::to_py(points.as<std::vector<Point>>()));
  CHECK_STEADY(bad.is<std::vector<Point>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<Point>>(); }));
}

TEST_CASE("C arrays are lists of their length, and arrays of char are text") {
  shapes::Rows rows;
  rows.cells[1][2] = 6;
  rows.title[0] = 'a';
  rows.marks[1] = {7};
  python()["rows"] = rows;
  python().exec("assert rows == {'cells': [[0, 0, 0], [0, 0, 6]], 'title': 'a', 'marks': [[], [7]]}, rows");
  python().exec("rows = {'cells': [(1, 2, 3), [4, 5, 6]], 'title': 'four', 'marks': [[1], []]}");
  const auto back = python()["rows"].as<shapes::Rows>();
  CHECK((back.cells[1][0] == 4 && back.marks[0] == std::vector<int>{1} && std::string(back.title, 4) == "four"));
  CHECK(eval("dict(rows, title=b'ab')").as<shapes::Rows>().title[2] == 0);
  for (const char* const bad : {"dict(rows, title='fives')", "dict(rows, title=3)", "dict(rows, cells=[[1, 2, 3]])",
                                "dict(rows, cells=[[1, 2], [3, 4]])", "dict(rows, marks=[[1], ['x']])"}) {
    INFO(bad);
    CHECK_THROWS_AS(eval(bad).as<shapes::Rows>(), py::ConversionError);
    CHECK_FALSE(eval(bad).is<shapes::Rows>());
  }
  CHECK_STEADY(py::to_py(eval("rows").as<shapes::Rows>()));
}
