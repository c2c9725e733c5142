// Tests of latepy/host/class.hpp: fields that scripts read by copy, such as containers of the standard library.
// SPDX-License-Identifier: MIT
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

struct Origin {
  int x = 1;
  int grid[1][2] = {{4, 5}};
};
LATEPY_STRUCT_DEFAULTS(Origin, x, grid);

/// Its Converter makes a new list each time.
struct Color {
  int red = 1;
};
/// Its Converter gives the list that it has.
struct Shared {
  py::Object list;
};
template <>
struct latepy::Converter<Color> {
  static Object to_py(const Color& color) {
    return python().eval("lambda red: [red, ({'deep': [1]}, {2}), bytearray(b'x')]")(color.red);
  }
  static Color from_py(Ref object) { return {Object(object[0]).as<int>()}; }
};
template <>
struct latepy::Converter<Shared> {
  static Object to_py(const Shared& shared) { return shared.list; }
  static Shared from_py(Ref object) { return {Object(object)}; }
};

/// An Object as a key of a map.
struct Key {
  py::Object object;
  bool operator<(const Key& other) const { return object.ptr() < other.object.ptr(); }
};
/// Its Converter makes a dict whose keys have another hash each time.
struct Restless {};
template <>
struct latepy::Converter<Key> {
  static Object to_py(const Key& key) { return key.object; }
  static Key from_py(Ref object) { return {Object(object)}; }
};
template <>
struct latepy::Converter<Restless> {
  static Object to_py(const Restless&) { return python().eval("{Restless(): [i] for i in range(3)}"); }
  static Restless from_py(Ref) { return {}; }
};

namespace {

struct Scene {
  std::vector<std::string> names{"a"};
  std::map<std::string, std::vector<int>> rows{{"r", {1, 2}}};
  std::set<int> ids{3};
  std::tuple<int, std::vector<int>> mixed{1, {2}};
  std::vector<std::vector<int>> nested{{1}, {}};
  std::optional<std::vector<int>> maybe;
  std::string text = "t";
  Origin origin;
  py::Object object;
  std::vector<py::Object> objects;
  std::map<std::string, py::Object> named;
  std::map<std::string, std::vector<std::set<int>>> deep{{"k", {{1}, {2}}}};
  Color color;
  std::vector<Color> colors{{2}};
  std::map<std::string, Color> palette{{"a", {3}}};
  std::pair<int, Color> numbered{1, {4}};
  std::pair<int, std::string> plain{7, "seven"};
  std::variant<int, std::vector<int>> either{std::vector<int>{1}};
  Shared shared;
  std::vector<Shared> all_shared;
  std::map<Key, std::vector<int>> restless;
  Restless made_restless;
};

Scene& scene() {
  static const bool once = [] {
    py::Module m = python().module("scenes");
    m.add_class<Scene>("Scene")
        .init<>()
        .def("names", &Scene::names)
        .def("rows", &Scene::rows)
        .def("ids", &Scene::ids)
        .def("mixed", &Scene::mixed)
        .def("nested", &Scene::nested)
        .def("maybe", &Scene::maybe)
        .def("text", &Scene::text)
        .def("origin", &Scene::origin)
        .def("object", &Scene::object)
        .def("objects", &Scene::objects)
        .def("named", &Scene::named)
        .def("deep", &Scene::deep)
        .def("color", &Scene::color)
        .def("colors", &Scene::colors)
        .def("palette", &Scene::palette)
        .def("numbered", &Scene::numbered)
        .def("plain", &Scene::plain)
        .def("either", &Scene::either)
        .def("shared", &Scene::shared)
        .def("all_shared", &Scene::all_shared)
        .def("restless", &Scene::restless)
        .def("made_restless", &Scene::made_restless);
    return true;
  }();
  static_cast<void>(once);
  python().exec("import scenes\nscene = scenes.Scene()");
  return python()["scene"].as<Scene&>();
}
std::string shown(const char* expression) { return py::repr(python().eval(expression)); }

}  // namespace

TEST_CASE("a container field is read as an immutable copy, so that no change is lost in silence") {
  scene();
  CHECK(shown("scene.names") == "('a',)");
  CHECK(shown("dict(scene.rows)") == "{'r': (1, 2)}");
  CHECK(shown("type(scene.rows).__name__") == "'mappingproxy'");
  CHECK(shown("scene.ids") == "frozenset({3})");
  CHECK(shown("scene.mixed, scene.nested, scene.maybe, scene.text") == "((1, (2,)), ((1,), ()), None, 't')");
  CHECK(shown("scene.origin['x'], scene.origin['grid'], scene.either") == "(1, ((4, 5),), (1,))");
  CHECK(shown("scene.plain") == "(7, 'seven')");
  for (const char* change :
       {"scene.names.append('x')", "scene.rows['k'] = 1", "scene.rows['r'].append(1)", "scene.ids.add(1)",
        "scene.nested[0].append(1)", "scene.mixed[1].append(1)", "scene.names[0] = 'x'", "scene.origin['x'] = 2"}) {
    INFO(change);
    const auto result = python().try_exec(change);
    REQUIRE(!result);
    CHECK((result.error().is("AttributeError") || result.error().is("TypeError")));
  }
}

TEST_CASE("a container field is assigned as a whole, also what was read from it") {
  Scene& here = scene();
  python().exec(R"(
    scene.names += ('b',)
    scene.names = scene.names + ('c',)
    scene.rows = {**scene.rows, 'k': [5]}
    scene.rows = scene.rows
    scene.ids = scene.ids | {4}
    scene.nested = scene.nested
    scene.mixed = scene.mixed
    scene.maybe = [1, 2]
    scene.origin = {'x': 8}
  )");
  CHECK(here.names == std::vector<std::string>{"a", "b", "c"});
  CHECK((here.rows.size() == 2 && here.rows.at("k") == std::vector<int>{5} && here.rows.at("r").size() == 2));
  CHECK(here.ids == std::set<int>{3, 4});
  CHECK((here.nested.size() == 2 && std::get<1>(here.mixed).size() == 1 && here.maybe->size() == 2 &&
         here.origin.x == 8));
}

TEST_CASE("a field that holds a Python object gives the object itself") {
  scene();
  python().exec("scene.object = [1]\nscene.object.append(2)");
  CHECK(shown("scene.object") == "[1, 2]");
}

TEST_CASE("the Objects of a script that lie in a container field stay as they are") {
  scene();
  python().exec(R"(
    inner, shared = [1], ([2],)
    itself = []
    itself.append(itself)
    scene.objects = [inner, shared, itself]
    scene.named = {'cfg': inner}
  )");
  CHECK(python().eval<bool>("scene.objects[0] is inner and scene.objects[1] is shared and scene.objects[2] is itself"));
  CHECK(python().eval<bool>("scene.named['cfg'] is inner and inner == [1] and shared == ([2],)"));
  CHECK(shown("scene.deep['k']") == "(frozenset({1}), frozenset({2}))");
}

TEST_CASE("what a Converter of the program makes of a field is immutable too") {
  scene();
  const std::string rest = ", (mappingproxy({'deep': (1,)}), frozenset({2})), b'x')";
  CHECK(shown("scene.color") == "(1" + rest);
  CHECK(shown("scene.colors") == "((2" + rest + ",)");
  CHECK(shown("scene.palette['a']") == "(3" + rest);
  CHECK(shown("scene.numbered") == "(1, (4" + rest + ")");
  python().exec("scene.color = scene.color\nscene.colors += ([5],)");
  CHECK(shown("scene.colors[1][0]") == "5");
}

TEST_CASE("what a Converter of the program does not make, but keeps, stays as it is") {
  scene();
  python().exec("scene.shared = [1]\nscene.shared.append(2)\nscene.all_shared = [[3]]\nscene.all_shared[0].append(4)");
  CHECK(shown("scene.shared, scene.all_shared") == "([1, 2], ([3, 4],))");
}

TEST_CASE("keys whose hash is another one each time do no harm") {
  Scene& here = scene();
  python().exec(R"(
    import itertools
    numbers = itertools.count()
    class Restless:
        def __hash__(self): return next(numbers)
        def __eq__(self, other): return False
  )");
  const py::Object made = python().eval("[Restless() for _ in range(3)]");
  for (int i = 0; i < 3; ++i) here.restless[Key{made[i]}] = {i};
  CHECK(shown("sorted(scene.restless.values())") == "[(0,), (1,), (2,)]");
  CHECK(shown("sorted(scene.made_restless.values())") == "[(0,), (1,), (2,)]");
}

TEST_CASE("stubs tell that a container field cannot be changed in place") {
  scene();
  const std::string stub = py::stub(python().module("scenes"));
  CHECK(stub.find("def names(self) -> collections.abc.Sequence[str]") != stub.npos);
  CHECK(stub.find("def rows(self) -> collections.abc.Mapping[str, collections.abc.Sequence[int]]") != stub.npos);
  CHECK(stub.find("def ids(self) -> collections.abc.Set[int]") != stub.npos);
  CHECK(stub.find("def maybe(self) -> typing.Optional[collections.abc.Sequence[int]]") != stub.npos);
}

TEST_CASE("reading container fields leaves nothing behind") {
  scene();
  const py::Object read = python().eval(
      "lambda: (scene.names, scene.rows, scene.ids, scene.mixed, scene.nested, scene.origin, scene.colors, "
      "scene.palette, scene.either)");
  CHECK_STEADY(read());
}
