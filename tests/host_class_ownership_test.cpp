// Tests of latepy/host/class.hpp: whose the C++ objects behind Python's are, and when they end.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include <thread>

#include "python.hpp"

namespace {

/// Counts the objects that live.
struct Thing {
  explicit Thing(int n = 0) : number(n) { ++alive; }
  Thing(const Thing& other) : number(other.number) { ++alive; }
  Thing& operator=(const Thing&) = default;
  virtual ~Thing() { --alive; }
  int number;
  static int alive;
};
int Thing::alive = 0;
struct Special : Thing {
  using Thing::Thing;
};
struct Unknown : Thing {  // a class that Python does not know
  using Thing::Thing;
};
struct Plain {
  int number = 3;
};
struct Fine : Plain {};
struct Single {};
struct Box {
  Thing inside{5};
  std::shared_ptr<Thing> shared = std::make_shared<Thing>(6);
  std::unique_ptr<Thing> own = std::make_unique<Thing>(7);
  Thing& get_inside() { return inside; }
  const Thing* get_own() const { return own.get(); }
  Box& self() { return *this; }
};
struct SharesItself : std::enable_shared_from_this<SharesItself> {
  std::shared_ptr<SharesItself> me() { return shared_from_this(); }
};
struct Holder {
  py::Object held;
};
struct Throws {
  ~Throws() noexcept(false) {
    if (armed) throw std::runtime_error("from a destructor");
  }
  bool armed = true;
};

std::shared_ptr<Thing> kept;
std::unique_ptr<Thing> taken;
std::shared_ptr<Single> the_one = std::make_shared<Single>();

void define(py::Module m) {
  m.add_class<Thing>("Thing").init<int>("number"_a = 0).def("number", &Thing::number);
  m.add_class<Special, Thing>("Special").init<int>();
  m.add_class<Plain>("Plain").init<>();
  m.add_class<Fine, Plain>("Fine").init<>();
  m.add_class<Single>("Single").init([] { return the_one; });
  m.add_class<Box>("Box")
      .init<>()
      .def("inside", &Box::inside)
      .def("shared", &Box::shared)
      .def("get_inside", &Box::get_inside)
      .def("get_own", &Box::get_own)
      .def("copy_inside", &Box::get_inside, py::return_copy)
      .def("self", &Box::self);
  m.add_class<SharesItself>("SharesItself").init<>().def("me", &SharesItself::me);
  m.add_class<Holder>("Holder")
      .init<>()
      .visit([](Holder& h, auto& visitor) { visitor(h.held); })
      .def("hold", [](Holder& h, py::Object held) { h.held = std::move(held); });
  m.add_class<Throws>("Throws").init<>();
  m.def("keep", [](std::shared_ptr<Thing> thing) { kept = std::move(thing); });
  m.def("kept", [] { return kept; });
  m.def("take", [](std::unique_ptr<Thing> thing) { taken = std::move(thing); });
  m.def("give", [] { return std::move(taken); });
  m.def("take_or_look", py::overload([](const py::Object&) { return "look"; },
                                     [](std::unique_ptr<Thing> thing) { return thing ? "take" : "nothing"; }));
  m.def("take_plain", [](std::unique_ptr<Plain> plain) { return plain->number; });
  m.def("unknown", [](int n) -> std::unique_ptr<Thing> { return std::make_unique<Unknown>(n); });
  m.def("made", [](int n) { return std::make_unique<Thing>(n); });
  m.def("maybe", [](bool wanted) -> std::unique_ptr<Thing> { return wanted ? std::make_unique<Thing>() : nullptr; });
  m.def("number_of", [](const Thing* thing) { return thing ? thing->number : -1; });
  m.def(
      "pair", [](const Thing& a, Thing&) { return a.number; }, py::keep_alive<2, 1>());
  m.def(
      "first_of", [](Box& box) -> Thing& { return box.inside; }, py::keep_alive<0, 1>());
  m.def("copied", [](const Thing& thing) -> const Thing& { return thing; });
}

void host() {
  static const bool made = [] {
    python();
    define(py::module("owners"));
    python().exec("from owners import *\nimport gc, sys, weakref");
    return true;
  }();
  static_cast<void>(made);
}

std::string refused(const std::string& code) {
  const auto error = thrown<py::PythonError>([&] { python().exec(code); });
  return error.type_name() + ": " + error.message();
}

}  // namespace

TEST_CASE("what Python makes or is given ends with its Python object") {
  host();
  const int before = Thing::alive;
  python().exec("t = Thing(3)");
  CHECK(Thing::alive == before + 1);
  python().exec("t = [made(4), Special(5)]\nassert t[0].number == 4");
  CHECK(Thing::alive == before + 2);
  python().exec(
      "del t\nassert maybe(False) is None and maybe(True).number == 0 and number_of(None) == -1 and "
      "number_of(Thing(2)) == 2");
  CHECK(Thing::alive == before);
  CHECK(py::to_py(Thing(3)).attr("number").as<int>() == 3);
  CHECK(py::to_py(std::vector<Thing>(3))[2].attr("number").as<int>() == 0);
  CHECK(Thing::alive == before);
}

TEST_CASE("a unique_ptr takes the object away from Python, and may give it back") {
  host();
  const int before = Thing::alive;
  python().exec("t = Thing(9)\ntake(t)");
  REQUIRE(taken);
  CHECK(taken->number == 9);
  CHECK_THAT(refused("t.number"), ContainsSubstring("ReferenceError: the owners.Thing of this object is gone"));
  CHECK_THAT(refused("take(t)"), ContainsSubstring("ReferenceError"));
  python().exec("u = give()\nassert u.number == 9 and u is not t\ndel t, u");
  CHECK(Thing::alive == before);
  python().exec("t = Thing(1)\nkeep(t)");
  CHECK_THAT(refused("take(Box().inside)"), ContainsSubstring("Python is not its only owner"));
  CHECK_THAT(thrown<py::ConversionError>([] { eval("t").as<std::unique_ptr<Thing>>(); }).what(),
             ContainsSubstring("C++ cannot take this owners.Thing from Python: Python is not its only owner"));
  python().exec("keep(None)\ns = Special(4)\ntake(s)");
  CHECK(dynamic_cast<Special*>(taken.get()) != nullptr);
  taken.reset();
  python().exec("del t, s");
  CHECK(py::str(eval("take_or_look(Thing()) + ' ' + take_or_look(3)")) == "take look");
  CHECK(python().eval<int>("take_plain(Plain())") == 3);
  CHECK_THAT(refused("take_plain(Fine())"),
             ContainsSubstring("it is of a derived class, and the base class has no virtual destructor"));
  CHECK(Thing::alive == before);
}

TEST_CASE("a unique_ptr to what has another owner already is refused, and the object stays with that owner") {
  host();
  const int before = Thing::alive;
  python().exec("t = Thing(9)\nkeep(t)\nu = made(8)");
  for (const char* const name : {"t", "u"}) {  // shared with C++, and Python's own
    const py::Object object = python()[name];
    const int number = object.attr("number").as<int>();
    CHECK(thrown<py::StateError>([&] { py::to_py(std::unique_ptr<Thing>(object.as<Thing*>())); }).what() ==
          std::string("cannot give a owners.Thing to Python as unique_ptr: it has another owner already"));
    CHECK(object.attr("number").as<int>() == number);
  }
  CHECK(Thing::alive == before + 2);
  python().exec("keep(None)\ndel t, u");
  CHECK(Thing::alive == before);
}

TEST_CASE("a shared_ptr comes back as the same Python object") {
  host();
  const int before = Thing::alive;
  kept = std::make_shared<Thing>(1);
  python().exec("a = kept()\nassert a is kept() and a.number == 1");
  CHECK(kept.use_count() == 2);
  kept.reset();
  CHECK(python().eval<int>("a.number") == 1);
  python().exec("keep(a)\nassert kept() is a\ndel a");
  CHECK(kept.use_count() == 1);
  CHECK(kept->number == 1);
  kept.reset();
  CHECK(Thing::alive == before);
  // An object that Python made: the shared_ptr keeps the Python object with all that scripts put on it.
  python().exec(
      "class Mine(Thing): pass\nm = Mine(8); m.note = 'n'; keep(m); r = weakref.ref(m); del m; gc.collect()\nassert "
      "kept().note == 'n' and r() is kept()");
  kept.reset();
  { const py::GilGuard drains; }
  python().exec("assert r() is None");
  CHECK(Thing::alive == before);
  python().exec("s = SharesItself()\nassert s.me() is s");
  CHECK(python().eval("s").as<std::shared_ptr<SharesItself>>()->me().use_count() == 3);
  CHECK(py::to_py(std::shared_ptr<Thing>()).is_none());
  CHECK(python().eval("None").as<std::shared_ptr<Thing>>() == nullptr);
  // A shared_ptr to a base of what it is.
  kept = std::make_shared<Special>(2);
  CHECK(python().eval<bool>("type(kept()) is Special"));
  kept.reset();
  // Of a class that Python does not know it is the class that the function names.
  CHECK(python().eval<bool>("type(unknown(5)) is Thing and unknown(5).number == 5"));
  // A factory that gives what has a Python object already cannot be the constructor of a second one.
  python().exec("single = Single()");
  CHECK_THAT(refused("Single()"), ContainsSubstring("TypeError: owners.Single: the C++ factory returned an object that "
                                                    "has a Python object already"));
  python().exec("del single\nassert Single()");
}

TEST_CASE("parts keep the whole, and keep_alive keeps what it says") {
  host();
  const int before = Thing::alive;
  python().exec(
      "b = Box()\np = b.inside\nq = b.get_own()\nassert p is b.get_inside() and b.self() is b\nc = "
      "b.copy_inside()\ndel b\ngc.collect()");
  CHECK(python().eval<int>("p.number * 10 + q.number") == 57);
  python().exec("p.number = 1\nassert c.number == 5\ndel p, q");
  CHECK(Thing::alive == before + 1);
  python().exec(
      "del c\nf = first_of(Box())\ngc.collect()\nassert f.number == 5\ndel f\nassert copied(Thing(3)).number == 3");
  CHECK(Thing::alive == before);
  python().exec(
      "a, b = Thing(1), Thing(2)\nr = weakref.ref(a)\npair(a, b), pair(a, b)\ndel a\ngc.collect()\nassert r() is not "
      "None\ndel "
      "b\ngc.collect()\nassert r() is None");
  python().exec("b = Box()\ns = b.shared\ndel b\nassert s.number == 6\ndel s");
  python().exec("b = Box()\nb.shared = None\nassert b.shared is None\ndel b");
  CHECK(Thing::alive == before);
}

TEST_CASE("references to the host's own objects") {
  host();
  static Thing global(21);
  python().globals().def(
      "global_thing", []() -> Thing& { return global; }, py::return_reference);
  python().exec("g = global_thing()\ng.number = 22\nassert g is global_thing()\ndel g");
  CHECK(global.number == 22);
  CHECK(py::to_py(&global).attr("number").as<int>() == 22);
  CHECK(py::to_py(static_cast<Thing*>(nullptr)).is_none());
}

TEST_CASE("objects end on threads that do not hold the GIL") {
  host();
  const int before = Thing::alive;
  std::vector<py::Object> objects;
  for (int i = 0; i < 100; ++i) objects.push_back(py::to_py(Thing(i)));
  CHECK(Thing::alive == before + 100);
  std::thread([&] { objects.clear(); }).join();
  { const py::GilGuard drains; }
  CHECK(Thing::alive == before);
}

TEST_CASE("cycles are collected, but not through an object that C++ shares") {
  host();
  python().exec("h = Holder()\nh.hold([h])\nr = weakref.ref(h)\ndel h\ngc.collect()\nassert r() is None");
  python().exec("h = Holder()\nh.hold([h])\nr = weakref.ref(h)");
  const auto shared = python().eval("h").as<std::shared_ptr<Holder>>();
  python().exec("del h\ngc.collect()\nassert r() is not None");
  CHECK(py::len(shared->held) == 1);
}

TEST_CASE("a destructor that throws is reported to sys.unraisablehook") {
  host();
  python().exec(
      "seen = []\nold = sys.unraisablehook\nsys.unraisablehook = lambda u: seen.append(str(u.exc_value))\ntry:\n  "
      "Throws()\nfinally: sys.unraisablehook = old\nassert seen == ['from a destructor'], seen");
  python().exec(
      "def fails():\n  t = Throws()\n  raise KeyError('mine')\nsys.unraisablehook = lambda u: None\ntry: "
      "fails()\nexcept KeyError as e: pass\nfinally: sys.unraisablehook = old");
}

namespace {
/// Counts to 3, and throws when it ends, if it is `armed`.
struct Throwing {
  Throwing(int n, bool* to_throw) : at(n), armed(to_throw) {}
  Throwing(const Throwing&) = default;
  Throwing& operator=(const Throwing&) = default;
  ~Throwing() noexcept(false) {
    if (std::exchange(*armed, false)) throw std::runtime_error("from an iterator");
  }
  int operator*() const { return at; }
  Throwing& operator++() {
    if (++at == 3) *armed = true;
    return *this;
  }
  bool operator==(const Throwing& other) const { return at == other.at; }
  int at;
  bool* armed;
};
}  // namespace

TEST_CASE("so is that of an iterator, which ends with the range") {
  host();
  bool armed = false;
  python().def("three", [&] { return py::iterate(Throwing(0, &armed), Throwing(3, &armed)); });
  python().exec(
      "seen = []\nold = sys.unraisablehook\nsys.unraisablehook = lambda u: seen.append(str(u.exc_value))\ntry:\n  "
      "numbers = list(three())\nfinally: sys.unraisablehook = old\nassert numbers == [0, 1, 2]\n"
      "assert seen == ['from an iterator'], seen");
}

TEST_CASE("thousands of objects leave nothing behind") {
  host();
  const py::Object work = python().eval(
      "lambda: (made(3).number, take(Thing(1)), give().number, keep(Thing(2)), kept(), keep(None), "
      "Box().inside.number, "
      "first_of(Box()), pair(Thing(1), Thing(2)), SharesItself().me(), Holder().hold([]))");
  const int before = Thing::alive;
  CHECK_STEADY(work());
  Thing thing(1);
  CHECK_STEADY(const py::Borrowed lent(thing); work(); lent.object().attr("number").as<int>());
  CHECK(Thing::alive == before + 1);
}
