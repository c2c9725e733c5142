// Tests of latepy/host/class.hpp: fields that scripts read by copy, such as containers of the standard library.
// SPDX-License-Identifier: MIT
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

struct Origin {
  int x = 1;
};
LATEPY_STRUCT(Origin, x);

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
        .def("deep", &Scene::deep);
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
  CHECK(shown("scene.origin['x']") == "1");
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
  const py::Object read =
      python().eval("lambda: (scene.names, scene.rows, scene.ids, scene.mixed, scene.nested, scene.origin)");
  CHECK_STEADY(read());
}
