// Tests of latepy/host/module.hpp: modules that scripts import and the host fills: functions, constants, enumerations.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "python.hpp"

namespace {

std::string text(std::string_view expression) { return python().eval<std::string>(expression); }
bool holds(std::string_view expression) { return python().eval<bool>(expression); }

enum class Color { red = 1, green = 2, blue = 4 };
enum class Priority : unsigned char { low = 1, high = 200 };
enum Access : std::uint32_t { can_read = 1, can_write = 2, on_top = 0x80000000u };
enum class Mode8 : std::int8_t { off = 0, back = -1 };
enum class Level : long long { lowest = -0x7fffffffffffffff, highest = 0x7fffffffffffffff };
enum class Bare { a = 1, b = 2 };
enum class Switch : bool { off, on };

std::string state_error(const char* name) {
  return thrown<py::StateError>([&] { py::module(name); }).what();
}

}  // namespace

TEST_CASE("a module of the host is imported like any other") {
  python();
  py::Module host = py::module("host");
  host.def(
          "twice", [](int x) { return 2 * x; }, "x"_a, "Twice x.")
      .constant("limit", 7)
      .constant("names", std::vector<std::string>{"a"});
  python().exec("import host\nfrom host import twice, limit\nfrom host import *");
  CHECK(holds("host.twice(2) == 4 and twice(3) == 6 and limit == 7 and names == ['a']"));
  CHECK(text("host.__name__ + ' ' + host.__package__") == "host host");
  CHECK(text("repr(host)") == "<module 'host' (latepy)>");
  CHECK(text("repr(twice)") == "<host function host.twice>");
  CHECK(holds("__import__('pickle').loads(__import__('pickle').dumps(twice)) is twice"));
  CHECK(holds("__import__('sys').modules['host'] is host and dir(host) == sorted(dir(host))"));
  CHECK(python().module("host").same(host));
  CHECK(py::module("host").same(host));
  CHECK_THROWS_AS(python().exec("from host import nothing"), py::ImportError);

  SECTION("a doc string is what __doc__ says") {
    host.attr("__doc__") = "What the host offers.";
    python().exec("import pydoc; shown = pydoc.plain(pydoc.render_doc(host))");
    for (const char* part : {"host - What the host offers.", "twice(x: int) -> int", "Twice x.", "limit = 7"})
      CHECK_THAT(text("shown"), ContainsSubstring(part));
    CHECK_THAT(text("shown"), !ContainsSubstring("_latepy"));
  }
}

TEST_CASE("dotted names and submodules are packages") {
  python();
  py::module("game.world.maps").constant("size", 3);
  py::module("game").submodule("sound").constant("volume", 5);
  python().exec(
      "import game.world.maps\nfrom game.world import maps\nfrom game.sound import volume\nimport game.sound as s");
  CHECK(holds("game.world.maps is maps and maps.size == 3 and volume == 5 and s is game.sound"));
  CHECK(text("maps.__name__") == "game.world.maps");
  CHECK(py::module("game.world").submodule("maps").same(python()["maps"]));
  const auto missing = thrown<py::ModuleNotFoundError>([] { python().exec("import game.missing"); });
  CHECK(missing.message() == "No module named 'game.missing'");
  CHECK_THROWS_AS(python().exec("import game.missing.deeper"), py::ModuleNotFoundError);
  CHECK_THROWS_WITH(python().exec("from game import missing"),
                    ContainsSubstring("cannot import name 'missing' from 'game'"));
}

TEST_CASE("importlib knows host modules") {
  python();
  const py::Module host = py::module("tools");
  py::module("tools.sub");
  python().exec("import importlib.util, tools");
  CHECK(text("importlib.util.find_spec('tools').origin") == "latepy");
  CHECK(holds("importlib.util.find_spec('tools').loader is None and importlib.util.find_spec('tools.none') is None"));
  CHECK(holds("importlib.import_module('tools.sub') is importlib.import_module('.sub', 'tools')"));
  CHECK(holds("list(__import__('pkgutil').iter_modules(tools.__path__)) == []"));
  // There is no source to load again. The module stays as it was.
  CHECK_THROWS_WITH(python().reload("tools"),
                    ContainsSubstring("ModuleNotFoundError: spec not found for the module 'tools'"));
  CHECK(py::module("tools").same(host));
  CHECK(py::module("tools.sub").same(python().get("tools.sub")));
  CHECK_NOTHROW(python().exec("import tools, tools.sub"));
}

TEST_CASE("a name that is taken is refused") {
  python().exec("import json");
  CHECK_THAT(state_error("sys"),
             ContainsSubstring("a host module cannot be named sys: a module of that name is imported already"));
  CHECK_THAT(state_error("json"), ContainsSubstring("imported already"));
  CHECK_THAT(state_error("__main__"), ContainsSubstring("imported already"));
  CHECK_THAT(state_error("json.host"),
             ContainsSubstring("a host module cannot be named json: a module of that name is imported already"));
  python().exec("import sys; assert 'this' not in sys.modules");
  CHECK_THAT(
      state_error("this"),
      ContainsSubstring(
          "a host module cannot be named this: it would hide the module of that name that scripts can import (") &&
          ContainsSubstring("this.py)"));
  CHECK(holds("'this' not in sys.modules"));
  // Taken in a module of the host.
  py::module("owner").def("tool", [] {});
  CHECK_THAT(
      state_error("owner.tool"),
      ContainsSubstring("a host module cannot be named owner.tool: its parent has another attribute of that name"));
}

TEST_CASE("a name that no import statement could say is refused") {
  python();
  for (const char* name : {"", ".", "a.", ".a", "a..b", "a b", "my-host", "1st", "class", "a.import", "caf\xe9"})
    CHECK_THAT(state_error(name), ContainsSubstring("each part must be an identifier"));
  CHECK(holds("'a' not in __import__('sys').modules"));
  py::module("größe").constant("x", 1);
  CHECK_NOTHROW(python().exec("import größe"));
}

/// The module that the next test looks at.
py::Module& paint_module() {
  static py::Module paint = [] {
    python();
    py::Module made = py::module("paint");
    made.add_enum<Color>("Color",
                         {{"red", Color::red}, {"green", Color::green}, {"blue", Color::blue}, {"azure", Color::blue}});
    made.add_enum<Priority>("Priority", {{"low", Priority::low}, {"high", Priority::high}}, py::EnumKind::integer);
    made.add_enum<Access>("Access", {{"read", can_read}, {"write", can_write}, {"top", on_top}},
                          py::EnumKind::integer_flag);
    made.add_enum<Mode8>("Mode8", {{"off", Mode8::off}, {"back", Mode8::back}});
    made.add_enum<Level>("Level", {{"lowest", Level::lowest}, {"highest", Level::highest}});
    made.add_enum<Switch>("Switch", {{"off", Switch::off}, {"on", Switch::on}}, py::EnumKind::flag);
    made.def(
        "next", [](Color color) { return color == Color::red ? Color::green : Color::red; }, "color"_a = Color::red);
    made.def("both", [](Access a, Access b) { return static_cast<Access>(a | b); });
    return made;
  }();
  return paint;
}

TEST_CASE("enumerations become real enums") {
  py::Module& paint = paint_module();
  python().exec("import enum, inspect, paint, pickle, copy\nfrom paint import Color, Priority, Access");

  SECTION("with members, aliases, names and a module") {
    CHECK(
        holds("[c.name for c in Color] == ['red', 'green', 'blue'] and Color.azure is Color.blue and Color(4) is "
              "Color.blue"));
    CHECK(
        holds("issubclass(Color, enum.Enum) and not issubclass(Color, int) and Color.__module__ == 'paint' and "
              "Color.__qualname__ == 'Color'"));
    CHECK(
        holds("issubclass(Priority, enum.IntEnum) and issubclass(Access, enum.IntFlag) and issubclass(paint.Switch, "
              "enum.Flag)"));
  }
  SECTION("that convert both ways") {
    CHECK(py::to_py(Color::green).same(eval("Color.green")));
    CHECK(eval("Color.blue").as<Color>() == Color::blue);
    CHECK(eval("Priority.high").as<Priority>() == Priority::high);
    CHECK(eval("paint.Mode8.back").as<Mode8>() == Mode8::back);
    CHECK(eval("[paint.Level.lowest, paint.Level.highest]").as<std::vector<Level>>() ==
          std::vector<Level>{Level::lowest, Level::highest});
    CHECK(eval("Access.read | Access.top").as<Access>() == static_cast<Access>(can_read | on_top));
    CHECK(holds("paint.next(Color.red) is Color.green and paint.next() is Color.green"));
    CHECK(
        holds("paint.both(Access.read, Access.write) == Access.read | Access.write and paint.both(Access(0), "
              "Access(0)) == 0"));
    CHECK(eval("paint.Switch.on").as<Switch>() == Switch::on);
    python().exec("kinds = {Color.red: 'warm'}");
    CHECK(python()["kinds"][Color::red].as<std::string>() == "warm");
  }
  SECTION("and refuse what is no member") {
    CHECK_THROWS_AS(eval("1").as<Color>(), py::ConversionError);
    CHECK_THROWS_AS(eval("Priority.low").as<Color>(), py::ConversionError);
    CHECK_THROWS_AS(eval("200").as<Priority>(), py::ConversionError);
    CHECK(!eval("'red'").is<Color>());
    CHECK(thrown<py::TypeError>([] { eval("paint.next(1)"); }).message() ==
          "next(color: paint.Color = <Color.red: 1>) -> paint.Color: argument 1 ('color'): cannot convert 'int' 1 to "
          "paint.Color. It was called as next(1)");
    CHECK(thrown<py::ValueError>([] { py::to_py(static_cast<Color>(3)); }).message() == "3 is not a valid Color");
  }
  SECTION("with pickling, copying and signatures") {
    CHECK(holds("all(pickle.loads(pickle.dumps(e)) is e for e in [*Color, *Priority, *Access])"));
    CHECK(holds("copy.deepcopy(Color.red) is Color.red"));
    CHECK(text("str(inspect.signature(paint.both))") == "(arg1: paint.Access, arg2: paint.Access, /) -> paint.Access");
    CHECK(holds("inspect.signature(paint.next).parameters['color'].default is Color.red"));
  }
  SECTION("once for each C++ type") {
    CHECK_THROWS_WITH(paint.add_enum<Color>("Again", {{"x", Color::red}}),
                      ContainsSubstring("Color has a Python class already: paint.Color"));
    CHECK(!paint.has_attr("Again"));
    CHECK_THROWS_AS(paint.add_enum<Bare>("Bare", {{"a", Bare::a}, {"a", Bare::b}}), py::TypeError);
    CHECK(py::to_py(Bare::b).as<int>() == 2);
  }
  SECTION("in a class as well") {
    struct Brush {};
    enum class Tip { soft, hard };
    paint.add_class<Brush>("Brush").add_enum<Tip>("Tip", {{"soft", Tip::soft}, {"hard", Tip::hard}});
    CHECK(holds("paint.Brush.Tip.soft.value == 0 and paint.Brush.Tip.__qualname__ == 'Brush.Tip'"));
    CHECK(holds("pickle.loads(pickle.dumps(paint.Brush.Tip.hard, 4)) is paint.Brush.Tip.hard"));
    paint.def("tip", [](Tip tip) { return tip; });
    CHECK(text("str(inspect.signature(paint.tip))") == "(arg1: paint.Brush.Tip, /) -> paint.Brush.Tip");
  }
}

TEST_CASE("an enumeration without a Python class is its number") {
  enum class Plain : short { one = 1 };
  CHECK(eval("1").as<Plain>() == Plain::one);
  CHECK(py::to_py(Plain::one).is<int>());
  CHECK_THROWS_AS(eval("100000").as<Plain>(), py::ConversionError);
  CHECK_THROWS_AS(eval("1.0").as<Plain>(), py::ConversionError);
  python().def("plain", [](Plain value) { return value; });
  CHECK(text("str(__import__('inspect').signature(plain))") == "(arg1: int, /) -> int");
}

TEST_CASE("modules and enumerations leak nothing") {
  python();
  py::Module m = py::module("steady");
  enum class E { a, b };
  m.add_enum<E>("E", {{"a", E::a}, {"b", E::b}});
  const py::Object a = python().get("steady.E.a");
  watched()["module"] = m;
  watched()["a"] = a;
  CHECK_STEADY(py::module("steady"));
  CHECK_STEADY(m.constant("x", 300));
  if (!python().is_free_threaded() || minor_version() > 13)  // free-threaded, 3.13 frees no function
    CHECK_STEADY(m.def("f", [] {}));
  CHECK_STEADY(py::to_py(E::b); a.as<E>());
  const py::Object three = eval("3");
  CHECK_STEADY(three.is<E>());
  CHECK_STEADY(thrown<py::StateError>([] { py::module("sys"); }));
  CHECK_STEADY(thrown<py::StateError>([&] { m.add_enum<E>("E", {}); }));
}
