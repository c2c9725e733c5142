// Tests of latepy/host/container.hpp: the Python classes of C++ containers, and fields that refer to them.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/unordered_map.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

namespace {

struct Item {
  int x = 0;
};
struct Picture {
  std::vector<unsigned char> bytes = {1, 2, 3};
};
using Names = std::vector<std::string>;
using Prices = std::map<std::string, double>;

struct Scene {
  Names names{"a"};
  std::vector<double> numbers{1, 2, 3};
  std::vector<bool> flags{true, false};
  std::vector<Item> items{{1}, {2}};
  std::vector<std::shared_ptr<Item>> shared;
  std::vector<std::vector<int>> rows{{1}, {2, 3}};
  std::vector<std::function<void()>> callbacks;
  Prices prices{{"a", 1}};
  std::unordered_map<int, Item> by_number;
  std::map<int, std::function<void()>> handlers;
  const Names fixed{"f"};
  std::vector<short> unbound{1};
};
struct World {
  Scene scene;
};

Scene& scene() {
  static const bool once = [] {
    py::Module m = python().module("boxes");
    py::bind_vector<Names>(m, "Names");
    py::bind_vector<std::vector<double>>(m, "Numbers");
    py::bind_vector<std::vector<bool>>(m, "Flags");
    py::bind_vector<std::vector<std::vector<int>>>(m, "Rows");
    py::bind_vector<std::vector<std::function<void()>>>(m, "Callbacks");
    py::bind_map<Prices>(m, "Prices");
    m.add_class<Item>("Item").init<int>("x"_a = 0).def("x", &Item::x);
    py::bind_vector<std::vector<Item>>(m, "Items");
    py::bind_vector<std::vector<std::shared_ptr<Item>>>(m, "SharedItems");
    py::bind_map<std::unordered_map<int, Item>>(m, "ByNumber");
    m.add_class<Picture>("Picture", py::buffer_protocol).init<>().buffer([](Picture& picture) {
      py::BufferInfo info;
      info.data = picture.bytes.data();
      info.shape = {static_cast<std::ptrdiff_t>(picture.bytes.size())};
      return info;
    });
    py::bind_map<std::map<int, Picture>>(m, "Pictures");
    m.add_class<Scene>("Scene")
        .init<>()
        .def("names", &Scene::names)
        .def("numbers", &Scene::numbers)
        .def("flags", &Scene::flags)
        .def("items", &Scene::items)
        .def("shared", &Scene::shared)
        .def("rows", &Scene::rows)
        .def("callbacks", &Scene::callbacks)
        .def("prices", &Scene::prices)
        .def("by_number", &Scene::by_number)
        .def("handlers", &Scene::handlers)
        .def("fixed", &Scene::fixed)
        .def("unbound", &Scene::unbound)
        .def("get_names", [](Scene& self) -> Names& { return self.names; })
        .def("get_unbound", [](Scene& self) -> std::vector<short>& { return self.unbound; })
        .property("first_row", [](const Scene& self) -> const std::vector<int>& { return self.rows[0]; });
    m.add_class<World>("World").init<>().def("scene", &World::scene);
    m.def("double_all", [](std::vector<double>& numbers) {
      for (double& number : numbers) number *= 2;
    });
    m.def("unbound", [](std::vector<short>&) {});
    m.def("joined", [](const Names& names) {
      std::string all;
      for (const std::string& name : names) all += name;
      return all;
    });
    m.def("names_of", [](const Scene& from) { return from.names; });
    return true;
  }();
  static_cast<void>(once);
  python().exec(R"(
    import gc
    from boxes import *
    scene = Scene()

    def error_of(code):
        try:
            exec(code, globals())
        except Exception as e:
            return f'{type(e).__name__}: {e}'
        return 'no error'
  )");
  return python()["scene"].as<Scene&>();
}
std::string shown(const char* expression) { return py::repr(python().eval(expression)); }
/// The error that a script sees.
std::string refused(const char* code) { return python()["error_of"].call<std::string>(code); }

}  // namespace

TEST_CASE("a field of a bound container refers to the C++ container") {
  Scene& here = scene();
  python().exec("names = scene.names\nnames.append('b')\nscene.names.extend(c for c in 'cd')\nscene.names += ['e']");
  CHECK(here.names == Names{"a", "b", "c", "d", "e"});
  here.names.push_back("f");
  CHECK(shown("names, len(names), names[-1], type(names).__module__") ==
        "(Names(['a', 'b', 'c', 'd', 'e', 'f']), 6, 'f', 'boxes')");
  CHECK(python().eval<bool>("scene.names is names"));
  python().exec("scene.names = ['x', 'y']");
  CHECK(shown("list(names)") == "['x', 'y']");
  CHECK(shown("scene.fixed, scene.unbound") == "(('f',), (1,))");
}

TEST_CASE("a method gives a reference to a bound container, and a parameter takes one") {
  Scene& here = scene();
  python().exec("scene.get_names().append('b')\ndouble_all(scene.numbers)");
  CHECK((here.names == Names{"a", "b"} && here.numbers == std::vector<double>{2, 4, 6}));
  CHECK(shown("scene.get_names() is scene.names, scene.get_unbound(), scene.first_row") == "(True, [1], [1])");
  CHECK(python().eval<Names&>("scene.names") == here.names);
  CHECK(&python()["scene"].attr("names").as<Names&>() == &here.names);
  CHECK_THROWS_AS(python().eval<Names&>("Names(['a'])"), py::ConversionError);  // it would end with the call
  CHECK(refused("double_all([1.0])").find("cannot convert 'list' [1.0] to boxes.Numbers") != std::string::npos);
  CHECK(refused("unbound([1])").find("bind_vector()") != std::string::npos);
  CHECK(python()
            .eval<std::string>("double_all.__doc__ or str(__import__('inspect').signature(double_all))")
            .find("boxes.Numbers") != std::string::npos);
}

TEST_CASE("C++ takes a bound container as what it is") {
  Scene& here = scene();
  here.names = {"x", "y"};
  CHECK(python().eval("scene.names").as<Names>() == Names{"x", "y"});
  CHECK(python().eval("scene.prices").as<Prices>() == here.prices);
  CHECK(python().eval<std::vector<Names>>("[scene.names, ['z']]") == std::vector<Names>{{"x", "y"}, {"z"}});
  CHECK(python().eval("scene.names").is<Names>());
  CHECK_FALSE(python().eval("scene.names").is<std::vector<double>>());
  python().exec("scene.names = scene.names\nscene.prices = scene.prices\nscene.by_number = scene.by_number");
  CHECK((here.names.size() == 2 && here.prices.size() == 1));
}

TEST_CASE("a reference to a container keeps its owner alive") {
  scene();
  python().exec("names = World().scene.names\ngc.collect()\nnames.append('b')");
  CHECK(shown("names") == "Names(['a', 'b'])");
}

TEST_CASE("lists convert as before: in parameters, results, assignments and constructors") {
  scene();
  CHECK(shown("joined(['a', 'b']), joined(scene.names), joined(Names(('x',))), names_of(scene)") ==
        "('ab', 'a', 'x', ['a'])");
  CHECK(shown("Names(), Names('ab'[i] for i in (0, 1)), Prices({'b': 2})") ==
        "(Names([]), Names(['a', 'b']), Prices({'b': 2.0}))");
  CHECK(refused("scene.names = [1]").find("TypeError: ") != std::string::npos);
  CHECK(refused("scene.names.append(1)").find("std::string") != std::string::npos);
  CHECK(refused("scene.names.extend(['ok', 1])").find("[1]") != std::string::npos);
  CHECK(shown("scene.names") == "Names(['a'])");
}

TEST_CASE("a vector does what a list does") {
  scene();
  python().exec(R"(
    import itertools, random

    def act(box, kind, a, b, step, values):
        if kind == 0: box.append(values[0])
        elif kind == 1: box[a:b:step] = values
        elif kind == 2: del box[a:b:step]
        elif kind == 3: box.insert(a, values[0])
        elif kind == 4: return box.pop(a)
        elif kind == 5: box[a] = values[0]
        elif kind == 6: del box[a]
        elif kind == 7: box.remove(values[0])
        elif kind == 8: return list(box[a:b:step])
        elif kind == 9: box.reverse()
        elif kind == 10: box.sort(reverse=a > 0)
        elif kind == 11: return box.index(values[0]), box.count(values[0]), values[0] in box
        elif kind == 12: box.extend(values)
        elif kind == 13: return box[a], list(reversed(box)), box.copy() == box, list(box + values)
        elif kind == 14: box += values
        elif kind == 15 and a > 4: box.clear()

    chance = random.Random(1)
    mine, model = Numbers([1, 2, 3]), [1.0, 2.0, 3.0]
    for _ in range(3000):
        what = (chance.randrange(16), chance.randint(-6, 6), chance.choice([None, *range(-6, 7)]),
                chance.choice([None, 1, 1, 2, -1, -2]), [float(chance.randrange(9)) for _ in range(chance.randint(1, 4))])
        outcomes = []
        for box in (mine, model):
            try:
                outcomes.append(act(box, *what))
            except (IndexError, ValueError) as e:
                outcomes.append(type(e))
        assert outcomes[0] == outcomes[1] and mine == model and list(mine) == model, (what, outcomes, mine, model)
    assert mine != model + [1] and mine == tuple(model) and mine != 'x' and mine == Numbers(model)
  )");
  CHECK(refused("scene.names[5]") == "IndexError: boxes.Names index out of range");
  CHECK(refused("scene.names['a']") == "TypeError: boxes.Names indices must be integers or slices, not str");
  CHECK(refused("scene.numbers[::2] = [1]") ==
        "ValueError: attempt to assign sequence of size 1 to extended slice of size 2");
  CHECK(refused("hash(scene.names)").find("unhashable") != std::string::npos);
  python().exec("import collections.abc as abc, copy");
  CHECK(python().eval<bool>(
      "isinstance(scene.names, abc.MutableSequence) and isinstance(scene.prices, abc.MutableMapping)"));
  CHECK(shown("copy.copy(scene.names), copy.deepcopy(scene.prices), sorted(scene.names)") ==
        "(Names(['a']), Prices({'a': 1.0}), ['a'])");
  CHECK(shown("scene.names < ['b'], scene.names >= Names(['b']), ['0'] < scene.names, scene.numbers > [1, 1]") ==
        "(True, False, True, True)");
  CHECK_THAT(refused("scene.names.remove('x')"), ContainsSubstring("not in list"));
  CHECK(refused("scene.names < 1").find("TypeError: '<' not supported") == 0);
  python().exec("import pickle\nagain = pickle.loads(pickle.dumps(scene.rows))");
  CHECK(python().eval<bool>("type(again) is Rows and again == scene.rows == [[1], [2, 3]]"));
}

TEST_CASE("iteration goes on while a vector grows, as that of a list does") {
  scene();
  python().exec(
      "seen = []\nfor name in scene.names:\n  seen.append(name)\n  if len(seen) < 200: scene.names.append(name + 'x')");
  CHECK(python().eval<int>("len(seen)") == 200);
}

TEST_CASE("an index gives a copy that cannot be changed in vain where it is a container") {
  Scene& here = scene();
  python().exec("scene.items[0].x = 5\nscene.items[1] = Item(7)\nscene.items.append(Item(8))");
  CHECK((here.items[0].x == 1 && here.items[1].x == 7 && here.items[2].x == 8));
  CHECK(refused("scene.rows[0].append(1)").find("AttributeError") == 0);
  python().exec("scene.rows[0] = [*scene.rows[0], 9]\nscene.shared.append(Item(1))\nscene.shared[0].x = 4");
  CHECK((here.rows[0] == std::vector<int>{1, 9} && here.shared[0]->x == 4));
  CHECK(shown("scene.rows, scene.flags") == "(Rows([[1, 9], [2, 3]]), Flags([True, False]))");
  python().exec("scene.flags[0] = False\nscene.flags.append(True)");
  CHECK(here.flags == std::vector<bool>{false, false, true});
}

TEST_CASE("a map does what a dict does") {
  Scene& here = scene();
  python().exec(R"(
    p = scene.prices
    p['b'] = 2
    p.update({'c': 3}, d=4)
    assert p == {'a': 1, 'b': 2, 'c': 3, 'd': 4} and p != {} and p.copy() == p and len(p) == 4
    assert list(p) == ['a', 'b', 'c', 'd'] and list(p.items())[0] == ('a', 1.0) and list(p.values()) == [1, 2, 3, 4]
    assert 'a' in p and 'x' not in p and 5 not in p and p.get('x') is None and p.get('a') == 1
    assert p.setdefault('e', 5) == 5 and p.setdefault('a', 9) == 1 and p.pop('e') == 5 and p.pop('e', None) is None
    for key in p:
        p[key + key] = 0
    for key in list(p):
        if len(key) == 2: del p[key]
    p['a'] = 10
  )");
  CHECK(here.prices == Prices{{"a", 10}, {"b", 2}, {"c", 3}, {"d", 4}});
  CHECK(refused("p['x']") == "KeyError: 'x'");
  CHECK(refused("del p[5]") == "KeyError: 5");
  CHECK(refused("p['x'] = 'y'").find("TypeError") == 0);
  CHECK(refused("Prices.__getitem__({}, 'a')") ==
        "TypeError: Prices.__getitem__(arg1: typing.Any, /) -> typing.Any: self: cannot convert 'dict' {} to "
        "boxes.Prices. It was called as Prices.__getitem__(\"a\")");
  python().exec("p.clear()");
  CHECK(here.prices.empty());
}

TEST_CASE("a value of a bound class in a map is a reference, which outlives its entry") {
  Scene& here = scene();
  python().exec("m = scene.by_number\nm[1] = Item(1)\nm[2] = Item(2)\none, two = m[1], m[2]\none.x = 5");
  CHECK(here.by_number.at(1).x == 5);
  python().exec("for i in range(10, 500): m[i] = Item()\ndel m[1]\none.x = 6");
  CHECK((here.by_number.count(1) == 0 && python().eval<int>("one.x + two.x") == 8));
  python().exec("m[2] = Item(9)");
  CHECK(python().eval<int>("two.x") == 9);
  python().exec("scene.by_number = {3: Item(3)}\ntwo.x = 7\nassert m[3].x == 3 and len(m) == 1");
  python().exec("three = m.pop(3)\ndel m, scene\ngc.collect()");
  CHECK(python().eval<int>("one.x + two.x + three.x") == 16);
}

TEST_CASE("a value in a map is not replaced while a view of its memory exists") {
  scene();
  python().exec("pictures = Pictures()\npictures[1] = Picture()\nview = memoryview(pictures[1])");
  CHECK(refused("pictures[1] = Picture()").find("BufferError: the value") == 0);
  python().exec("assert view[2] == 3\nview.release()\npictures[1] = Picture()");
}

TEST_CASE("a vector of numbers is memory, and does not change its size while a view exists") {
  Scene& here = scene();
  python().exec("view = memoryview(scene.numbers)\nview[1] = 7");
  CHECK((here.numbers[1] == 7 && python().eval<std::string>("view.format") == "d"));
  for (const char* change : {"scene.numbers.append(1)", "scene.numbers.extend([1])", "del scene.numbers[0]",
                             "scene.numbers.clear()", "scene.numbers[0:1] = [1, 2]", "scene.numbers.insert(0, 1)",
                             "scene.numbers.pop()", "scene.numbers = [1]", "scene.numbers += [1]"}) {
    INFO(change);
    CHECK(
        refused(change) ==
        "BufferError: the size of this boxes.Numbers cannot change while a view of its memory exists: release the view "
        "first");
  }
  python().exec("scene.numbers[0] = 5\nscene.numbers.sort()\nscene.numbers.reverse()");
  CHECK(python().eval<std::vector<double>>("list(view)") == std::vector<double>{7, 5, 3});
  python().exec("view.release()\nscene.numbers.append(1)");
  CHECK(here.numbers.size() == 4);
  CHECK(refused("memoryview(scene.names)").find("TypeError") == 0);
}

namespace {
/// The format of the memory of a bound vector.
template <class T>
std::string format() {
  static const py::Object type =
      py::bind_vector<std::vector<T>>(python().module("boxes"), std::string("Of_") + typeid(T).name());
  return python().eval("lambda type: memoryview(type([1])).format")(type).template as<std::string>();
}
}  // namespace

TEST_CASE("the memory of a vector has the format of its numbers") {
  scene();
  CHECK(format<signed char>() + format<short>() + format<int>() + format<long long>() == "bhiq");
  CHECK(format<unsigned char>() + format<unsigned short>() + format<unsigned>() + format<unsigned long long>() ==
        "BHIQ");
  CHECK(format<float>() == "f");
}

TEST_CASE("a slice is of the elements that there are after its numbers were read") {
  scene();
  python().exec(R"(
    class Clears:
        def __index__(self): scene.numbers.clear(); return 1
    class Fake:
        def indices(self, size): return 0, 3, 1
  )");
  CHECK(shown("scene.numbers[Clears():]") == "Numbers([])");
  python().exec("scene.numbers = [1, 2, 3]\ndel scene.numbers[::Clears()]");
  CHECK(shown("scene.numbers") == "Numbers([])");
  python().exec("scene.numbers = [1, 2, 3]\nscene.numbers[:Clears()] = [4]");
  CHECK(shown("scene.numbers") == "Numbers([4.0])");
  python().exec("scene.numbers = [1, 2, 3]");
  CHECK(refused("scene.numbers[Fake()]").find("TypeError: boxes.Numbers indices must be") == 0);
  CHECK(refused("scene.numbers[::0]") == "ValueError: slice step cannot be zero");
  CHECK(refused("scene.numbers[:'a']").find("TypeError: ") == 0);
  CHECK(python().eval<bool>(R"(
      all(list(scene.numbers[slice(*each)]) == [1, 2, 3][slice(*each)]
          for ends in [[None, 0, 1, -1, 3, -4, 2**63 - 1, -2**63, 2**99, -2**99]]
          for each in [(a, b, c) for a in ends for b in ends for c in ends if c != 0]))"));
}

TEST_CASE("a map is not reversible, and says so") {
  scene();
  CHECK(refused("reversed(scene.prices)") == "TypeError: 'boxes.Prices' object is not reversible");
}

TEST_CASE("what leaves a container ends after the change, and may use the container") {
  scene();
  python().exec(R"(
    class Ends:
        def __init__(self, ask): self.ask = ask
        def __call__(self): pass
        def __del__(self): seen.append(self.ask())
    def what(): return [len(scene.callbacks)] + [each is not print for each in scene.callbacks]
    def keys(): return list(scene.handlers)
    seen = []
    scene.callbacks = [Ends(what), Ends(what), Ends(what)]
    scene.callbacks[::2] = [print, print]
    scene.callbacks[:2] = [print]
  )");
  CHECK(shown("seen") == "[[3, False, True, False], [3, False, True, False], [2, False, False]]");
  python().exec("seen = []\nscene.handlers = {1: Ends(keys), 2: Ends(keys)}\nscene.handlers = {3: print}");
  CHECK(shown("seen") == "[[3], [3]]");
}

TEST_CASE("a cycle through a bound container is collected") {
  scene();
  python().exec(R"(
    import weakref
    def use(s, c):
        s.callbacks.append(lambda: s)
        c.append(lambda: c)
        return weakref.ref(s), weakref.ref(c)
    refs = use(Scene(), Callbacks())
    gc.collect()
  )");
  CHECK(shown("[each() for each in refs]") == "[None, None]");
}

TEST_CASE("a container has one class, and stubs name it") {
  scene();
  CHECK(thrown<py::StateError>([] { py::bind_vector<Names>(python().module("boxes"), "Again"); }).what() ==
        std::string(thrown<py::StateError>([] { py::bind_vector<Names>(python(), "Again"); }).what()));
  const std::string stub = py::stub(python().module("boxes"));
  CHECK(stub.find("def names(self) -> Names") != stub.npos);
}

TEST_CASE("using containers leaves nothing behind") {
  scene();
  const py::Object use = python().eval(
      "lambda: (scene.names.append('b'), scene.names.pop(), scene.names[:], scene.names.copy(), list(scene.names), "
      "scene.prices.update(z=1), scene.prices.pop('z'), memoryview(scene.numbers), scene.names == ['a'], "
      "scene.by_number.update({1: Item()}), scene.by_number[1], scene.by_number.pop(1))");
  CHECK_STEADY(use());
}
