// Tests of latepy/host/class.hpp: reference cycles through what bound objects hold, which the garbage collector frees.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/pair.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/unordered_map.hpp>
#include <latepy/stl/unordered_set.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include <algorithm>
#include <list>

#include "python.hpp"

struct Handlers {
  std::function<void()> on_press, on_release;
  int count = 0;
};
LATEPY_STRUCT(Handlers, on_press, on_release, count);

namespace {

int alive = 0;
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
};

struct ByAddress {
  bool operator()(const py::Object& a, const py::Object& b) const { return a.ptr() < b.ptr(); }
};

struct Hash {
  std::size_t operator()(const py::Object& object) const { return std::hash<const void*>()(object.ptr()); }
};
struct SameObject {
  bool operator()(const py::Object& a, const py::Object& b) const { return a.ptr() == b.ptr(); }
};

struct Input {
  py::Object on_key;
  Counted counted;
};
struct Widget {
  py::Object object;
  py::Function<void()> function;
  std::function<py::Object()> callback;
  std::vector<std::function<void()>> callbacks;
  std::map<std::string, py::Function<int(int)>> named;
  std::optional<py::Object> maybe;
  std::variant<int, std::function<void()>> either = 0;
  std::pair<int, py::Object> pair{1, py::Object()};
  std::tuple<std::vector<py::Object>> nested;
  Handlers handlers;
  Input input;
  std::shared_ptr<Widget> other;
  std::vector<std::shared_ptr<Widget>> others;
  std::set<py::Object, ByAddress> crowd;
  std::unique_ptr<Input> own_input = std::make_unique<Input>();
  std::list<py::Object> hidden;
  Counted counted;
};
struct Button : Widget {};

struct Group;
using Member = std::shared_ptr<Group>;
using InputOf = std::map<Member, Input>;
struct Group {
  std::set<Member> ordered;
  std::set<Member, std::owner_less<Member>> by_owner;
  std::unordered_set<Member> hashed;
  std::map<Member, int> ranks;
  std::map<Member, Member> partners;
  std::unordered_map<Member, std::vector<Member>> friends;
  std::map<py::Object, int, ByAddress> ages;
  std::unordered_map<py::Object, Member, Hash, SameObject> named;
  std::vector<std::set<Member>> teams;
  std::set<std::pair<int, Member>> pairs;
  std::set<std::vector<Member>> lists;
  std::map<int, std::set<Member>> by_size;
  std::multiset<Member> twice;
  std::multimap<Member, py::Object> notes;
  InputOf inputs;
  Counted counted;
};

struct Node {
  py::Object object;
};
struct Left : virtual Node {};
struct Right : virtual Node {};
struct Both : Left, Right {};

std::vector<std::function<py::Object()>> kept_callbacks;
std::vector<std::shared_ptr<Widget>> kept_widgets;

void host() {
  static const bool once = [] {
    py::Module m = python().module("widgets");
    m.add_class<Input>("Input").init<>().def("on_key", &Input::on_key);
    m.add_class<Widget>("Widget")
        .init<>()
        .def("object", &Widget::object)
        .def("the_same_object", &Widget::object)
        .def("function", &Widget::function)
        .def("callback", &Widget::callback)
        .def("callbacks", &Widget::callbacks)
        .def("named", &Widget::named)
        .def("maybe", &Widget::maybe)
        .def("either", &Widget::either)
        .def("pair", &Widget::pair)
        .def("nested", &Widget::nested)
        .def("handlers", &Widget::handlers)
        .def("input", &Widget::input)
        .def("other", &Widget::other)
        .def("others", &Widget::others)
        .def("crowd", &Widget::crowd)
        .def("own_input", [](Widget& widget) -> Input& { return *widget.own_input; })
        .def("hide", [](Widget& widget, py::Object object) { widget.hidden.push_back(std::move(object)); })
        .visit([](Widget& widget, auto& visitor) {
          visitor(widget.own_input);
          visitor(widget.hidden);
        });
    m.add_class<Button, Widget>("Button").init<>().def("object_of_base", &Widget::object);
    m.add_class<Node>("Node").def("object", &Node::object);
    m.add_class<Left, Node>("Left");
    m.add_class<Right, Node>("Right");
    m.add_class<Both, Left, Right>("Both").init<>();
    py::bind_map<InputOf>(m, "InputOf");
    m.add_class<Group>("Group")
        .init<>()
        .def("ordered", &Group::ordered)
        .def("by_owner", &Group::by_owner)
        .def("hashed", &Group::hashed)
        .def("ranks", &Group::ranks)
        .def("partners", &Group::partners)
        .def("friends", &Group::friends)
        .def("ages", &Group::ages)
        .def("named", &Group::named)
        .def("teams", &Group::teams)
        .def("pairs", &Group::pairs)
        .def("lists", &Group::lists)
        .def("by_size", &Group::by_size)
        .def("inputs", &Group::inputs)
        .def("note",
             [](Group& group, const Member& member, py::Object note) {
               group.twice.insert({member, member});
               group.notes.emplace(member, std::move(note));
             })
        .visit([](Group& group, auto& visitor) {
          visitor(group.twice);
          visitor(group.notes);
        });
    m.def("keep_callback", [](Widget& widget) { kept_callbacks.push_back(widget.callback); });
    m.def("keep_other", [](Widget& widget) { kept_widgets.push_back(widget.other); });
    return true;
  }();
  static_cast<void>(once);
  python().exec("import gc\nfrom widgets import *\ngc.collect()");
}
/// How many C++ objects are left of a `w` and a `v` that a script connected, after a collection.
int left_of(const std::string& connect) {
  host();
  const int before = alive;
  python().exec("def use(w, v, g, h):\n  " + connect + "\nuse(Widget(), Button(), Group(), Group())\ngc.collect()");
  return alive - before;
}

}  // namespace

TEST_CASE("a cycle through a field is collected, whatever type the field has") {
  for (const char* connect : {
           "w.object = lambda: w",
           "w.function = lambda: w",
           "w.callback = lambda: w",
           "w.callbacks = [lambda: w, lambda: v]",
           "w.named = {'a': lambda i: w}",
           "w.maybe = [w]",
           "w.either = lambda: w",
           "w.pair = (1, w)",
           "w.nested = ([w],)",
           "w.handlers = {'on_press': lambda: w, 'on_release': None, 'count': 2}",
           "w.crowd = {v, w}",
           "w.hide(w)",
           "v.object = v",
           "v.callback = lambda: v",
       }) {
    INFO(connect);
    CHECK(left_of(connect) == 0);
  }
}

TEST_CASE("a cycle through a C++ object inside of another one is collected") {
  CHECK(left_of("w.input.on_key = lambda: w") == 0);
  CHECK(left_of("w.own_input().on_key = lambda: w") == 0);
  CHECK(left_of("v.own_input().on_key = lambda: v") == 0);
}

TEST_CASE("a cycle through shared_ptrs that a script assigned is collected") {
  CHECK(left_of("w.other = w") == 0);
  CHECK(left_of("w.other = v\n  v.other = w") == 0);
  CHECK(left_of("w.others = [v, v, w]") == 0);
  CHECK(left_of("w.others = [v]\n  v.callback = lambda: w") == 0);
}

TEST_CASE("a cycle through the elements of a set or the keys of a map is collected") {
  for (const char* connect : {
           "g.ordered = {g}",
           "g.ordered = {h, g}\n  h.ordered = {g}",
           "g.by_owner = {h, g}\n  h.by_owner = {h}",
           "g.hashed = {h, g}",
           "g.ranks = {g: 1, h: 2}",
           "g.partners = {g: h, h: g}",
           "g.friends = {h: [g, h], g: []}",
           "g.ages = {g: 1, h: 2}",
           "g.named = {h: g, g: g}",
           "g.teams = [{g}, {h, g}, set()]",
           "g.pairs = {(1, g), (2, g), (1, h)}",
           "g.lists = {(g, h), (h,), ()}",
           "g.by_size = {1: {g}, 2: {g, h}}",
           "g.note(h, g)",
           "g.inputs = {g: Input(), h: Input()}",
           "k = type('Kept', (Group,), {})()\n  g.inputs = {k: Input()}\n  k.ordered = {g}\n  k.kept = g.inputs[k]",
       }) {
    INFO(connect);
    CHECK(left_of(connect) == 0);
  }
}

TEST_CASE("a set or map that a script assigned holds all of it, and finds it") {
  host();
  python().exec(R"(
    members = [Group() for _ in range(20)]
    g = members[0]
    g.ordered = g.by_owner = g.hashed = set(members)
    g.ranks = dict((each, i) for i, each in enumerate(members))
    g.friends = dict((each, [each, g]) for each in members)
    g.inputs = dict((each, Input()) for each in members)
  )");
  CHECK(python().eval<bool>("g.ordered == g.by_owner == g.hashed == set(members)"));
  CHECK(python().eval<bool>("g.ranks == {each: i for i, each in enumerate(members)}"));
  CHECK(python().eval<bool>("all(g.friends[each] == [each, g] or g.friends[each] == (each, g) for each in members)"));
  CHECK(python().eval<bool>("len(g.inputs) == 20 and all(each in g.inputs for each in members)"));
  auto& group = python()["g"].as<Group&>();  // of the namespace
  CHECK(std::is_sorted(group.ordered.begin(), group.ordered.end()));
  for (const Member& member : group.by_owner) CHECK(group.by_owner.count(member) == 1);
  for (const Member& member : group.hashed)
    CHECK((group.hashed.count(member) == 1 && group.ordered.count(member) == 1));
  for (const auto& [member, rank] : group.ranks) CHECK(group.ranks.at(member) == rank);
  python().exec("del g, members\ngc.collect()");
}

TEST_CASE("what a shared_ptr field or a set holds is the same Python object as before") {
  host();
  python().exec(R"(
    w, v = Widget(), Button()
    w.other = v
    w.crowd = {v}
    v.callback = lambda: 'kept'
    same = w.other is v
    del v
    gc.collect()
  )");
  CHECK(python().eval<bool>("same and type(w.other) is Button and w.other.callback() == 'kept'"));
  CHECK(python().eval<bool>("w.crowd == {w.other}"));
  python().exec("del w");
}

TEST_CASE("an Object with two names, or in a field of a base class, also of a virtual one, is shown once") {
  host();
  python().exec(R"(
    b = Button()
    b.object = shared = ['x']
    seen = [each for each in gc.get_referents(b) if each is shared]
    d = Both()
    d.object = shared
    seen_in_virtual_base = [each for each in gc.get_referents(d) if each is shared]
    del b, d
  )");
  CHECK(python().eval<int>("len(seen)") == 1);
  CHECK(python().eval<int>("len(seen_in_virtual_base)") == 1);
}

TEST_CASE("what C++ still holds is not collected, and is collected afterwards") {
  host();
  const int before = alive;
  python().exec("def use(w):\n  w.callback = lambda: w\n  keep_callback(w)\nuse(Widget())\ngc.collect()");
  CHECK(alive - before == 3);
  CHECK(kept_callbacks.at(0)().as<Widget&>().callback);
  kept_callbacks.clear();
  python().exec("gc.collect()");
  CHECK(alive == before);

  python().exec("def use(w, v):\n  w.other = v\n  v.other = w\n  keep_other(w)\nuse(Widget(), Widget())\ngc.collect()");
  CHECK(alive - before == 6);
  CHECK(kept_widgets.at(0)->other->other == kept_widgets.at(0));
  kept_widgets.clear();
  python().exec("gc.collect()");
  CHECK(alive == before);
}

TEST_CASE("a std::function of C++ code is left as it is by the collector") {
  host();
  const int before = alive;
  python().exec("w = Widget()");
  auto& widget = python()["w"].as<Widget&>();
  int calls = 0;
  widget.callbacks = {[&calls] { ++calls; }, {}};
  python().exec("gc.collect()\nw.callbacks[0]()\nw.object = w\ndel w\ngc.collect()");
  CHECK((calls == 1 && alive == before));
}

TEST_CASE("a chain of shared_ptrs, and cycles of many objects, are collected") {
  host();
  const int before = alive;
  python().exec(R"(
    first = last = Widget()
    for _ in range(2000):
        last.other = Widget()
        last = last.other
    last.other = first
    del first, last
    gc.collect()
  )");
  CHECK(alive == before);
}
