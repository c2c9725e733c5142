// Tests of latepy/host/stub.hpp: what annotations call C++ types, and stubs of host modules: their text, mypy's view.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>
#include <latepy/stl/chrono.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/deque.hpp>
#include <latepy/stl/filesystem.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/list.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/unordered_map.hpp>
#include <latepy/stl/unordered_set.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"
#include "temporary_folder.hpp"

struct Plain {
  int x = 0;
};

namespace {

struct Point {
  int x = 0, y = 0;
  bool operator==(const Point& other) const { return x == other.x && y == other.y; }
};
struct Named {};
struct Vec {
  double x = 0, y = 0;
  double length() const { return x + y; }
  Vec operator+(const Vec& other) const { return {x + other.x, y + other.y}; }
  Vec& operator+=(const Vec& other) { return *this = *this + other; }
  Vec operator*(double by) const { return {x * by, y * by}; }
  bool operator==(const Vec& other) const { return x == other.x && y == other.y; }
};
struct Entity {
  explicit Entity(std::string n) : name(std::move(n)) {}
  virtual ~Entity() = default;
  virtual std::string kind() const { return "entity"; }
  std::string name;
  Vec place;
  std::vector<int> marks;
  std::shared_ptr<Entity> parent;
};
struct Scripted : py::Trampoline<Entity> {
  using Trampoline::Trampoline;
  std::string kind() const override {
    return override_or("kind", [&] { return Entity::kind(); });
  }
};
struct Enemy : Entity {
  using Entity::Entity;
};
struct Texture {};
struct Tool {};
struct Late {};
struct Later {};
struct Event {
  std::chrono::system_clock::time_point when{};
};
struct Matrix {
  double values[4] = {};
};
struct Odd {};
struct Decimal {};
enum class Color { red = 1, green = 2 };
enum class Rights { read = 1, write = 2 };
enum class Kind { round, square };
enum class Line { solid, dashed };
struct Full : std::runtime_error {
  using runtime_error::runtime_error;
};

py::Object value(const char* expression) { return python().eval(expression); }
bool holds(std::string_view expression) { return python().eval<bool>(expression); }

/// Python's part of these tests.
const py::Object& tools() {
  static const py::Object names = [] {
    py::Object made = py::dict();
    python().exec(R"(
        import ast, gc, os, shutil, subprocess, sys, warnings

        # Blocks of memory in use.
        def blocks():
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # deprecated in 3.13
                getattr(sys, '_clear_type_cache', lambda: None)()
            gc.collect()
            return sys.getallocatedblocks()

        # What CPython 3.9 parses, and the CPython that runs; lines end without spaces.
        def check(text):
            ast.parse(text, feature_version=(3, 9))
            assert not [line for line in text.split('\n') if line != line.rstrip()], text
            assert text.endswith('\n') and not text.endswith('\n\n') and '\n\n\n' not in text, text

        def read(path):
            with open(path, encoding='utf-8', newline='') as file:
                return file.read()

        def files(folder):
            return sorted(os.path.relpath(os.path.join(where, name), folder).replace(os.sep, '/')
                          for where, _, names in os.walk(folder) for name in names if 'cache' not in where)

        # What `mypy --strict` says of a script and of the stubs that it uses.
        def mypy(folder, script):
            with open(os.path.join(folder, 'script.py'), 'w', encoding='utf-8') as file:
                file.write(script)
            command = [shutil.which('mypy'), '--strict', '--config-file=', '--no-error-summary', '--cache-dir', 'cache',
                       *files(folder)]
            return subprocess.run(command, cwd=folder, env=dict(os.environ, MYPYPATH=folder), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, universal_newlines=True).stdout
    )",
                  made);
    return made;
  }();
  return names;
}
template <class T = py::Object, class... A>
T tool(const char* name, A&&... arguments) {
  return py::Object(tools()[name]).call<T>(std::forward<A>(arguments)...);
}
/// The lines of the stub, without the first two.
std::string body(const py::Module& module) {
  const std::string text = py::stub(module);
  tool("check", text);
  return text.substr(text.find('\n', text.find('\n') + 1) + 1);
}

}  // namespace

LATEPY_STRUCT(Plain, x)

// Converters of the program's own.
template <>
struct latepy::Converter<Odd> {
  static std::string python_type() { return "std::odd<1>"; }
  static Odd from_py(Ref) { return {}; }
};
template <>
struct latepy::Converter<Decimal> {
  static std::string python_type() { return "decimal.Decimal"; }
  static Decimal from_py(Ref) { return {}; }
};
template <>
struct latepy::Converter<Named> {
  static const char* python_type() { return "unknown.Name"; }
  static Named from_py(Ref) { return {}; }
};

namespace {

void fill(py::Module host) {
  host.attr("__doc__") = "What the host offers.\n\n  Indented \"text\" \\ of two \"\"\" lines\"";
  host.constant("__version__", "1.0").constant("__all__", std::vector<std::string>{"add", "limit"});
  host.constant("limit", 7).constant("pi", 3.25).constant("title", "a \"b\"\n").constant("nothing", nullptr);
  host.constant("names", std::vector<std::string>{"a"}).constant("mixed", std::tuple<int, std::vector<double>>(1, {2}));
  host.def("before", [](const Late&) { return std::optional<Late>(); });
  host.add_enum<Color>("Color", {{"red", Color::red}, {"green", Color::green}});
  host.add_enum<Rights>("Rights", {{"read", Rights::read}, {"write", Rights::write}}, py::EnumKind::flag);
  host.add_exception<Full>("Full", value("OSError"));
  host.def(
      "add", [](int a, int b) { return a + b; }, "a"_a, "b"_a = 5, "Adds.");
  host.def(
      "paint", [](Color c, const std::string& how) { return c == Color::red && how.empty(); }, "c"_a = Color::red,
      py::kw_only, "how"_a = "");
  host.def("area", py::overload(py::with([](double side) { return side; }, "side"_a, "Of a square."),
                                py::with([](const std::string& name) { return name; }, "name"_a)));
  host.def("counted", py::overload([](int) {}, [](long) {}));
  host.def("all", [](const py::Args&, const py::Kwargs&) {});
  host.def("unnamed", [](int, double) {});
  host.def(
      "nan", [](double, py::Object) {}, "x"_a = value("float('nan')"), "o"_a = value("object()"));
  host.def("odd", [](const Odd&) {});
  host.def("exact", [](const Decimal&) {});
  host.def("apply", [](const std::function<int(std::string)>& f, const std::vector<int>& v) {
    return f(std::to_string(v.size()));
  });

  auto vec = host.add_class<Vec>("Vec", "A vector.\n\nOf two.", py::is_final);
  vec.init<>()
      .init<double, double>("x"_a, "y"_a = 0.0)
      .def("x", &Vec::x, "To the right.")
      .def("y", &Vec::y, py::read_only);
  vec.def("length", &Vec::length, "How long.")
      .def(py::self + py::self)
      .def(py::self * double())
      .def(py::self == py::self)
      .def(py::self += py::self);
  vec.def("__repr__", [](const Vec&) { return "Vec"; });
  vec.def(
      "scale", [](Vec& v, double by) { v.x *= by; }, "by"_a = 2);
  vec.def_static("zero", [] { return Vec(); })
      .def_class(
          "make", [](py::Object cls, double x) { return cls(x); }, "x"_a)
      .constant("unit", "m");
  vec.static_property("count", [] { return 3; });
  vec.property(
      "double_x", [](const Vec& v) { return 2 * v.x; }, [](Vec& v, double x) { v.x = x / 2; }, "Twice x.");
  vec.pickle(
      [](const Vec& v) {
        return std::vector<double>{v.x, v.y};
      },
      [](const std::vector<double>& s) {
        return Vec{s.at(0), s.at(1)};
      });

  auto entity = host.add_class<Entity, Scripted>("Entity", py::dynamic_attributes);
  entity.init<std::string>("name"_a).def("kind", &Entity::kind).def("name", &Entity::name).def("place", &Entity::place);
  entity.def("marks", &Entity::marks).def("parent", &Entity::parent);
  entity.add_enum<Kind>("Kind", {{"round", Kind::round}, {"square", Kind::square}});
  entity.def(
      "shape", [](const Entity&, Kind kind) { return kind; }, "kind"_a = Kind::square);
  host.add_class<Enemy, Entity>("Enemy").init<std::string>("name"_a);
  host.add_class<Texture>("Texture").def("self", [](py::Object self) { return self; });
  host.add_class<Matrix>("Matrix", py::buffer_protocol).init<>().buffer([](Matrix& m) {
    py::BufferInfo info;
    info.data = m.values;
    info.itemsize = sizeof(double);
    info.format = "d";
    info.shape = {2, 2};
    return info;
  });
  // Names that hide those of the annotations: Event's in its own body, the module's everywhere.
  auto event = host.add_class<Event>("Event").init<>().def("datetime", &Event::when).def("Color", [](const Event&) {
    return Color::red;
  });
  event.def("list", [](const Event&) { return std::vector<int>{1}; }).def("property", [](const Event&) { return 1; });
  event.property("str", [](const Event&) { return std::string(); });
  host.def("typing", [](const std::optional<int>& x) { return x; });

  py::Module sub = host.submodule("sub");
  sub.def(
      "enemy", [](const std::string& name) { return std::make_unique<Enemy>(name); }, "name"_a);
  sub.submodule("deep").constant("depth", 2);
  sub.add_class<Tool>("Tool").init<>().def("owner", [](const Tool&) { return Entity("owner"); });
  host.def("tool", [](const Tool& tool) { return tool; });
  host.add_class<Late>("Late").init<>();

  host.constant("table", value("{'a': 1, 'b': 'c'}"))
      .constant("nobody", value("object.__new__(type('Local', (), {}))"));
  host.constant("chosen", Color::red).constant("day", value("__import__('datetime').timedelta(1)"));
  host.attr("Hue") = host.attr("Color");
  host.attr("Fraction") = value("__import__('fractions').Fraction");
  host.attr("not a name") = 1;
  host.attr("class") = 1;
  python().exec(R"(
      import dataclasses

      @dataclasses.dataclass
      class Made:
          x: int = 1
          def twice(self): return 2 * self.x
          @property
          def y(self): return self.x
          @staticmethod
          def make(): return Made()

      def helper(x): "Helps."; return x
      handler = lambda: 1
  )",
                host.attr("__dict__").as<py::Object>());
}

/// The module with everything.
const py::Module& filled() {
  static const py::Module host = [] {
    python();
    py::Module made = py::module("host");
    fill(made);
    return made;
  }();
  return host;
}

}  // namespace

/// What a parameter and a result of the type T are called, and that Python evaluates it.
template <class T>
void check_type(const std::string& taken, const std::string& given) {
  INFO(taken << " -> " << given);
  python().def("typed", [](const T& x) { return T(x); });
  CHECK(holds("typed.__signatures__ == ['(arg1: " + taken + ", /) -> " + given + "']"));
  CHECK(holds("typing.get_type_hints(typed) == {'arg1': " + taken +
              ", 'return': " + (given == "None" ? "type(None)" : given) + "}"));
  CHECK(holds("inspect.signature(typed).return_annotation == " + given));
}
template <class T>
void check_type(const std::string& both) {
  check_type<T>(both, both);
}

TEST_CASE("annotations name C++ types as Python knows them") {
  python().exec("import collections.abc, datetime, inspect, os, pathlib, typing");
  check_type<int>("int");
  check_type<bool>("bool");
  check_type<double>("float");
  check_type<char>("str");
  check_type<std::string>("str");
  check_type<std::wstring>("str");
  check_type<py::Bytes>("bytes");
  check_type<py::Object>("typing.Any");
  check_type<std::vector<int>>("collections.abc.Sequence[int]", "list[int]");
  check_type<std::vector<std::byte>>("bytes");
  check_type<std::vector<bool>>("collections.abc.Sequence[bool]", "list[bool]");
  check_type<std::list<std::string>>("collections.abc.Sequence[str]", "list[str]");
  check_type<std::deque<std::vector<double>>>("collections.abc.Sequence[collections.abc.Sequence[float]]",
                                              "list[list[float]]");
  check_type<std::array<int, 3>>("collections.abc.Sequence[int]", "list[int]");
  check_type<std::set<int>>("collections.abc.Set[int]", "set[int]");
  check_type<std::unordered_set<std::string>>("collections.abc.Set[str]", "set[str]");
  check_type<std::map<std::string, int>>("collections.abc.Mapping[str, int]", "dict[str, int]");
  check_type<std::unordered_map<int, std::vector<int>>>("collections.abc.Mapping[int, collections.abc.Sequence[int]]",
                                                        "dict[int, list[int]]");
  check_type<std::pair<int, std::string>>("tuple[int, str]");
  check_type<std::tuple<>>("tuple[()]");
  check_type<std::tuple<int>>("tuple[int]");
  check_type<std::tuple<int, std::vector<int>>>("tuple[int, collections.abc.Sequence[int]]", "tuple[int, list[int]]");
  check_type<std::optional<int>>("typing.Optional[int]");
  check_type<std::variant<int, std::string>>("typing.Union[int, str]");
  check_type<std::variant<std::monostate, std::set<int>>>("typing.Union[None, collections.abc.Set[int]]",
                                                          "typing.Union[None, set[int]]");
  check_type<std::function<std::string(int)>>("collections.abc.Callable[[int], str]");
  check_type<std::function<void()>>("collections.abc.Callable[[], None]");
  check_type<std::chrono::seconds>("datetime.timedelta");
  check_type<std::chrono::system_clock::time_point>("datetime.datetime");
  check_type<std::filesystem::path>("typing.Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]", "pathlib.Path");
  check_type<std::complex<double>>("complex");
  check_type<Plain>("typing.Union[collections.abc.Mapping[str, typing.Any], object]", "dict[str, typing.Any]");

  SECTION("what is hashed is what Python can hash") {
    check_type<std::set<std::vector<int>>>("collections.abc.Set[collections.abc.Sequence[int]]",
                                           "set[tuple[int, ...]]");
    check_type<std::set<std::set<int>>>("collections.abc.Set[collections.abc.Set[int]]", "set[frozenset[int]]");
    check_type<std::map<std::vector<int>, int>>("collections.abc.Mapping[collections.abc.Sequence[int], int]",
                                                "dict[tuple[int, ...], int]");
  }
  SECTION("what a callback is given comes from C++, and what it gives goes there") {
    using List = std::vector<int>;
    check_type<std::function<List(List)>>("collections.abc.Callable[[list[int]], collections.abc.Sequence[int]]",
                                          "collections.abc.Callable[[collections.abc.Sequence[int]], list[int]]");
  }
  SECTION("None") {
    python().def("typed", [](std::nullptr_t) {});
    CHECK(holds("typed.__signatures__ == ['(arg1: None, /) -> None']"));
  }
  SECTION("a name that nothing is known of stays text") {
    python().def("named", [](const Named&) {});
    CHECK(
        holds("typing.get_type_hints(typed) is not None and inspect.signature(named).parameters['arg1'].annotation == "
              "'unknown.Name'"));
    CHECK(holds("named.__annotations__ == {'arg1': 'unknown.Name', 'return': 'None'}"));
  }
}

TEST_CASE("a class may have its Python class after the functions that name it") {
  python();
  py::Module host = py::module("forward");
  host.def("make", [](const Later&) { return std::make_unique<Later>(); });
  CHECK(body(host) == "import typing\n\ndef make(arg1: typing.Any, /) -> typing.Any: ...\n");
  host.add_class<Later>("Later");
  python().exec("import forward, inspect, typing");
  CHECK(holds(
      "typing.get_type_hints(forward.make) == {'arg1': forward.Later, 'return': typing.Optional[forward.Later]}"));
  const char* const shown = minor_version() >= 14 ? "forward.Later | None" : "Optional[forward.Later]";
  CHECK(python().eval<std::string>("str(inspect.signature(forward.make))") ==
        std::string("(arg1: forward.Later, /) -> ") + shown);
  CHECK_THAT(body(host), ContainsSubstring("\ndef make(arg1: Later, /) -> typing.Optional[Later]: ...\n"));
}

TEST_CASE("the stub of a small module, as it is") {
  python();
  py::Module host = py::module("small");
  host.attr("__doc__") = "A small host.";
  host.constant("limit", 7).constant("names", std::vector<std::string>{"a"});
  host.add_enum<Line>("Line", {{"solid", Line::solid}, {"dashed", Line::dashed}}, py::EnumKind::integer);
  host.add_class<Point>("Point", "A place.")
      .init<int, int>("x"_a, "y"_a = 0)
      .def("x", &Point::x)
      .def("y", &Point::y, py::read_only, "Upwards.")
      .def(
          "move", [](Point& p, int by) -> Point& { return p.x += by, p; }, "by"_a = 1, "To the right.\n\nFor good.")
      .def(py::self == py::self);
  host.def("total", py::overload(py::with([](const std::vector<int>& numbers) { return numbers.size(); }, "numbers"_a,
                                          "Of many."),
                                 py::with([](const Point& point, const py::Args&) { return point.x; }, "point"_a)));
  host.def(
      "draw", [](Line, const std::optional<std::string>&, const py::Kwargs&) {}, "line"_a = Line::solid, py::kw_only,
      "title"_a = nullptr);
  CHECK(py::stub(host) == R"(# Written by latepy from the host module: changes are lost.
# mypy: disable-error-code="assignment, misc, override"
"""A small host."""

import collections.abc
import enum
import typing

limit: int = 7
names: list[str]

class Line(enum.IntEnum):
    solid = 0
    dashed = 1

class Point:
    """A place."""
    def __init__(self, x: int, y: int = 0) -> None: ...

    @property
    def x(self) -> int: ...
    @x.setter
    def x(self, value: int) -> None: ...

    @property
    def y(self) -> int:
        """Upwards."""

    def move(self, by: int = 1) -> Point:
        """To the right.

        For good.
        """

    def __eq__(self, arg1: object, /) -> bool: ...
    __hash__: typing.ClassVar[None]

@typing.overload
def total(numbers: collections.abc.Sequence[int]) -> int:
    """Of many."""
@typing.overload
def total(point: Point, *args: typing.Any) -> int: ...

def draw(line: Line = Line.solid, *, title: typing.Optional[str] = None, **kwargs: typing.Any) -> None: ...
)");
  CHECK(body(py::module("empty_one")) == "");
}

TEST_CASE("everything that a module may have") {
  const std::string text = body(filled());
  const auto has = [&](const std::string& part) { CHECK_THAT(text, ContainsSubstring("\n" + part + "\n")); };

  SECTION("doc strings") {
    CHECK(text.substr(0, text.find("import")) ==
          "\"\"\"What the host offers.\n\n"
          R"(Indented "text" \\ of two \"\"\" lines\")"
          "\n\"\"\"\n\n");
  }
  SECTION("constants") {
    has("limit: int = 7\npi: float = 3.25\ntitle: str = 'a \"b\"\\n'\nnothing: None\nnames: list[str]\nmixed: "
        "tuple[int, list[float]]");
    has("table: dict[str, _typing.Union[int, str]]\nnobody: _typing.Any\nchosen: Color\nday: datetime.timedelta");
    has("Hue = Color\nFraction = fractions.Fraction");
    has("__version__: str = '1.0'\n__all__ = ['add', 'limit']");
    CHECK_THAT(text, !ContainsSubstring("not a name") && !ContainsSubstring("class:") && !ContainsSubstring("_latepy"));
  }
  SECTION("enumerations and exceptions") {
    has("class Color(enum.Enum):\n    red = 1\n    green = 2");
    has("class Rights(enum.Flag):\n    read = 1\n    write = 2");
    has("class Full(OSError): ...");
  }
  SECTION("functions") {
    has("def before(arg1: Late, /) -> _typing.Optional[Late]: ...");
    has("def add(a: int, b: int = 5) -> int:\n    \"\"\"Adds.\"\"\"");
    has("def paint(c: Color = Color.red, *, how: str = '') -> bool: ...");
    has("@_typing.overload\ndef area(side: float) -> float:\n    \"\"\"Of a square.\"\"\"\n@_typing.overload\ndef "
        "area(name: str) -> str: ...");
    has("def counted(arg1: int, /) -> None: ...");  // of int and long, which are one in Python
    has("def all(*args: _typing.Any, **kwargs: _typing.Any) -> None: ...");
    has("def unnamed(arg1: int, arg2: float, /) -> None: ...");
    has("def nan(x: float = ..., o: _typing.Any = ...) -> None: ...");  // no literal says these
    has("def odd(*args: _typing.Any, **kwargs: _typing.Any) -> _typing.Any: ...");
    has("def exact(arg1: decimal.Decimal, /) -> None: ...");
    has("def apply(arg1: collections.abc.Callable[[str], int], arg2: collections.abc.Sequence[int], /) -> int: ...");
  }
  SECTION("classes") {
    has("@_typing.final\nclass Vec:\n    \"\"\"A vector.\n\n    Of two.\n    \"\"\"\n\n    @_typing.overload\n"
        "    def __init__(self) -> None: ...\n    @_typing.overload\n    def __init__(self, x: float, y: float = 0.0) "
        "-> None: ...");
    has("    @property\n    def x(self) -> float:\n        \"\"\"To the right.\"\"\"\n    @x.setter\n    def x(self, "
        "value: float) -> None: ...\n\n"
        "    @property\n    def y(self) -> float: ...\n");
    has("    def __add__(self, arg1: Vec, /) -> Vec: ...\n    def __mul__(self, arg1: float, /) -> Vec: ...\n"
        "    def __eq__(self, arg1: object, /) -> bool: ...\n    __hash__: _typing.ClassVar[None]\n"
        "    def __iadd__(self, arg1: Vec, /) -> Vec: ...");
    has("    @staticmethod\n    def zero() -> Vec: ...\n\n    @classmethod\n    def make(cls, x: float) -> "
        "_typing.Any: ...");
    has("    unit: _typing.ClassVar[str] = 'm'\n    count: _typing.ClassVar[int]");
    has("class Enemy(Entity):\n    def __init__(self, name: str) -> None: ...");
    has("    class Kind(enum.Enum):\n        round = 0\n        square = 1\n\n"
        "    def shape(self, kind: Entity.Kind = Entity.Kind.square) -> Entity.Kind: ...");
  }
  SECTION("what instances can do beyond their members") {
    has("    def __getattr__(self, name: str, /) -> _typing.Any: ...\n    def __setattr__(self, name: str, value: "
        "_typing.Any, /) -> None: ...");
    has("class Matrix:\n    def __init__(self) -> None: ...\n    def __buffer__(self, flags: int, /) -> memoryview: "
        "...");
  }
  SECTION("a class that scripts cannot construct") {
    has("class Texture:\n    def __init__(self, *, _comes_from_the_host: _typing.NoReturn) -> None: ...");
    CHECK_THROWS_AS(python().exec("import host; host.Texture()"), py::TypeError);
  }
  SECTION("names that hide what annotations mean are gone round") {
    has("import datetime as _datetime");
    has("import host as _host");
    has("    @builtins.property\n    def datetime(self) -> _datetime.datetime: ...");
    has("    def Color(self) -> _host.Color: ...\n    def list(self) -> builtins.list[int]: ...\n    def "
        "property(self) -> int: ...");
    has("    @builtins.property\n    def str(self) -> builtins.str: ...");
    has("def typing(arg1: _typing.Optional[int], /) -> _typing.Optional[int]: ...");
  }
  SECTION("what was made in Python") {
    has("    x: int = 1\n    def twice(self, *args: _typing.Any, **kwargs: _typing.Any) -> _typing.Any: ...");
    has("def helper(*args: _typing.Any, **kwargs: _typing.Any) -> _typing.Any:\n    \"\"\"Helps.\"\"\"");
  }
  SECTION("submodules") {
    has("import host.sub");
    has("from . import sub as sub");
    has("def tool(arg1: host.sub.Tool, /) -> host.sub.Tool: ...");
    CHECK(body(filled().submodule("sub")) ==
          "import host\nimport typing\nfrom . import deep as deep\n\n"
          "def enemy(name: str) -> typing.Optional[host.Enemy]: ...\n\n"
          "class Tool:\n    def __init__(self) -> None: ...\n    def owner(self) -> host.Entity: ...\n");
  }
}

TEST_CASE("stubs are written where type checkers look for them") {
  const TemporaryFolder folder;
  const std::vector<std::string> files = py::write_stubs(filled(), folder.path + "/made/here");
  REQUIRE(files.size() == 3);
  CHECK(tool<std::string>("read", files[0]) == py::stub(filled()));
  CHECK(py::str(tool("files", folder.path + "/made/here")) ==
        "['host/__init__.pyi', 'host/sub/__init__.pyi', 'host/sub/deep.pyi']");

  py::Module flat = py::module("flat");
  py::write_stubs(flat, folder.path);
  CHECK(tool<std::string>("read", folder.path + "/flat.pyi") == py::stub(flat));
  flat.submodule("below");
  py::write_stubs(flat, folder.path);  // a package now
  CHECK(py::str(tool("files", folder.path + "/flat")) == "['__init__.pyi', 'below.pyi']");
  CHECK_FALSE(py::Object(python().get("os.path.exists")(folder.path + "/flat.pyi")));

  CHECK_THROWS_AS(py::write_stubs(flat, folder.path + "/flat/below.pyi"), py::OSError);
  CHECK_THROWS_AS(py::stub(py::to_py(1)), py::TypeError);
  CHECK_THROWS_WITH(py::stub(py::dict()), ContainsSubstring("stubs are for modules, and this is {}"));
}

TEST_CASE("mypy accepts the stubs, and finds what is wrong in a script") {
  python().exec("import shutil");
  if (value("shutil.which('mypy')").is_none()) SKIP("there is no mypy on PATH (apt-get install mypy)");
  const TemporaryFolder folder;
  py::write_stubs(filled(), folder.path);
  const std::string script = R"(
import collections.abc
import typing
import host
from host.sub import enemy
import host.sub.deep

n: int = host.add(1, b=2) + host.limit + host.sub.deep.depth
host.add("1")  # wrong
host.add(1, c=2)  # wrong
s: str = host.area("x")
s = host.area(1.5)  # wrong
host.paint(host.Color.green, how="x")
host.paint(1)  # wrong
host.paint(host.Color.green, "x")  # wrong
v: host.Vec = host.Vec(1, y=2) + host.Vec() * 2
v.x = v.length()
v.y = 1  # wrong
v.lenth()  # wrong
v == 3
hash(v)
host.Vec("1")  # wrong
host.Texture()  # wrong
host.apply(lambda text: len(text), (1, 2))
host.apply(lambda text: text, [1])  # wrong
class Orc(host.Entity):
    def __init__(self) -> None:
        super().__init__("orc")
        self.hunger = 3
    def kind(self) -> str:
        return "orc" + self.name
orc = Orc()
orc.marks = [1, 2]
orc.marks.append(3)
orc.anything = 1
orc.shape(host.Entity.Kind.round)
class Fast(host.Vec): ...  # wrong
found = enemy("x")
found.name  # wrong
if found: found.place.x = 2
names: collections.abc.Sequence[str] = host.names
host.missing  # wrong
event = host.Event()
print(event.datetime.year, event.Color() is host.Hue.red, event.list()[0] + event.property(), event.str.upper())
event.datetime = 1  # wrong
)";
  std::string wrong;
  int number = 0;
  for (std::size_t at = 0, end; (end = script.find('\n', at)) != script.npos; at = end + 1) {
    ++number;
    if (script.substr(at, end - at).find("# wrong") != script.npos) wrong += std::to_string(number) + " ";
  }
  const auto said = tool<std::string>("mypy", folder.path, script);
  INFO(said);
  std::string found;
  for (const py::Object& line : value("str.splitlines")(said)) {
    const std::string text = line.as<std::string>();
    INFO(text);
    if (text.find(": error: ") == text.npos) continue;
    CHECK(text.find("script.py:") == 0);  // and not in a stub
    const std::string at = text.substr(10, text.find(':', 10) - 10) + " ";
    if (found.size() < at.size() || found.substr(found.size() - at.size()) != at) found += at;
  }
  CHECK(found == wrong);
}

TEST_CASE("stubs leave nothing behind") {
  const auto count = [] {
    for (int i = 0; i < 20; ++i) py::stub(filled());
    return tool<long>("blocks");
  };
  long least = 1000;  // caches fill now and then; what grows by one each time is no cache
  for (long round = 0, before = count(), after; round < 10 && least >= 20; ++round, before = after) {
    after = count();
    least = std::min(least, after - before);
  }
  CHECK(least < 20);
}
