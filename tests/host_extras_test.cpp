// Tests of latepy/host/extras.hpp: what stands beside a callable, a class or a field where it is defined.
// SPDX-License-Identifier: MIT
#include <atomic>
#include <thread>

#include "python.hpp"

namespace {

struct Part {
  int value = 0;
};
struct Tree {
  Part root{1};
};

std::string text(std::string_view expression) { return python().eval<std::string>(expression); }
bool holds(std::string_view expression) { return python().eval<bool>(expression); }
/// The text of the TypeError that an expression raises.
std::string refusal(std::string_view expression) {
  return thrown<py::TypeError>([&] { eval(expression); }).message();
}
/// The text of the error that statements raise.
std::string refused(std::string_view code) {
  return thrown<py::PythonError>([&] { python().exec(code); }).message();
}

}  // namespace

// Beside a callable

TEST_CASE("Args and Kwargs catch the rest") {
  python().exec("from inspect import signature");
  python().def(
      "most",
      [](int a, py::Args rest, int b, py::Kwargs named) {
        return std::to_string(a) + py::str(rest) + std::to_string(b) + py::str(named) + std::to_string(rest.size());
      },
      "a"_a, "b"_a = 7);
  CHECK(text("most(1)") == "1()7{}0");
  CHECK(text("most(1, 2, 'x', b=3, c=4, d=5)") == "1(2, 'x')3{'c': 4, 'd': 5}2");
  CHECK(text("most(c=1, a=2)") == "2()7{'c': 1}0");
  CHECK(text("str(signature(most))") == "(a: int, *args, b: int = 7, **kwargs) -> str");
  python().def("any_args", [](py::Args rest, py::Kwargs named) { return py::tuple(rest, named); });
  CHECK(holds("any_args() == ((), {}) and any_args(1, a=2) == ((1,), {'a': 2})"));
  // What was collected is the function's own.
  python().exec("given = {'a': 1}; assert any_args(**given)[1] is not given");
}

TEST_CASE("parameters after kw_only are given by name only, those before pos_only by place only") {
  python().exec("from inspect import signature");
  python().def(
      "mixed", [](int a, int b, int c) { return 100 * a + 10 * b + c; }, "a"_a, py::pos_only, "b"_a, py::kw_only,
      "c"_a = 3);
  CHECK(text("str(signature(mixed))") == "(a: int, /, b: int, *, c: int = 3) -> int");
  CHECK(holds("mixed(1, 2) == 123 and mixed(1, b=2, c=4) == 124"));
  python().def(
      "two_named", [](int a, int b, int c) { return 100 * a + 10 * b + c; }, "a"_a, py::kw_only, "b"_a, "c"_a = 3);
  CHECK(text("str(signature(two_named))") == "(a: int, *, b: int, c: int = 3) -> int");
  CHECK(holds("two_named(1, b=2) == 123 and two_named(1, c=4, b=2) == 124"));
  CHECK_THAT(refusal("mixed(1, 2, 3)"), ContainsSubstring("it takes 2 positional arguments, and 3 were given"));
  CHECK_THAT(refusal("mixed(a=1, b=2)"), ContainsSubstring("it takes no argument named 'a'"));
  CHECK_THAT(refusal("mixed()"), ContainsSubstring("it is missing argument 1, 'b'"));
}

TEST_CASE("Args is a tuple and Kwargs a dict, empty where nothing is left") {
  python().def("kinds", [](py::Args rest, py::Kwargs named) {
    return py::str(py::type(rest).attr("__name__")) + py::str(py::type(named).attr("__name__")) +
           std::to_string(rest.size());
  });
  CHECK(text("kinds()") == "tupledict0");
  CHECK(text("kinds(1, 2, a=3)") == "tupledict2");
  CHECK(py::Args(py::tuple(1, 2)).size() == 2);
  CHECK_THROWS_AS(py::Args(py::Object()).size(), py::StateError);
}

TEST_CASE("parameters behind Args are given by name, also without kw_only") {
  python().def(
      "joined", [](py::Args rest, int last) { return rest.size() + static_cast<std::size_t>(last); }, "last"_a);
  CHECK(holds("joined(1, 2, last=3) == 5"));
  CHECK_THAT(refusal("joined(1, 2)"), ContainsSubstring("it is missing 'last'"));
}

TEST_CASE("release_gil lets other threads run Python meanwhile") {
  std::atomic<bool> is_called{false};
  python().def(
      "wait",
      [&] {
        while (!is_called) std::this_thread::yield();
      },
      py::release_gil);
  python().def("call", [&] { is_called = true; });
  python().exec("import threading\nt = threading.Thread(target=wait)\nt.start()\ncall()\nt.join()");
  CHECK(is_called);
  python().def(
      "fails", [](int) { throw std::invalid_argument("released"); }, "x"_a, py::release_gil);
  CHECK_THROWS_AS(eval("fails(1)"), std::invalid_argument);
  CHECK_THAT(refusal("fails('x')"), ContainsSubstring("cannot convert"));
}

TEST_CASE("keep_alive and return policies") {
  struct Node {
    int value = 0;
  };
  const py::Object type = py::module("nodes").add_class<Node>("Node").init<>().def("value", &Node::value);
  static Node shared_node{5};
  python().def(
      "copied", []() -> Node& { return shared_node; }, py::return_copy);
  python().def(
      "referred", []() -> Node& { return shared_node; }, py::return_reference);
  python().def("constant", []() -> const Node& { return shared_node; });
  python().def(
      "nowhere", []() -> Node* { return nullptr; }, py::return_reference);
  CHECK(holds(
      "copied() is not copied() and referred() is referred() and nowhere() is None and constant() is not constant()"));
  python().exec("referred().value = 6");
  CHECK(shared_node.value == 6);

  python().exec("import weakref, nodes\nclass Owner: pass");
  python().def(
      "tie", [](py::Object, py::Object) {}, py::keep_alive<1, 2>());
  for (const char* nurse : {"Owner()", "nodes.Node()"}) {
    python().exec(std::string("nurse, patient = ") + nurse +
                  ", Owner()\nseen = weakref.ref(patient)\ntie(nurse, patient)\ndel patient");
    CHECK(holds("seen() is not None"));
    python().exec("del nurse");
    CHECK(holds("seen() is None"));
  }
  python().exec("tie(None, 1)\ntie(Owner(), None)");
  CHECK_THAT(refusal("tie(1, 2)"), ContainsSubstring("cannot create weak reference to 'int' object"));
}

TEST_CASE("what a function returns by reference is a copy, the host's object, or a part of self") {
  static Tree tree;
  py::Module m = py::module("trees");
  m.add_class<Part>("Part").init<>().def("value", &Part::value);
  m.add_class<Tree>("Tree")
      .init<>()
      .def("root", [](Tree& t) -> Part& { return t.root; })
      .def(
          "copied", [](Tree& t) -> Part& { return t.root; }, py::return_copy)
      .def(
          "internal", [](Tree& t) -> Part& { return t.root; }, py::return_internal)
      .def(
          "global_root", [](Tree&) -> Part& { return tree.root; }, py::return_reference);
  python().exec(R"(
import gc, trees
t = trees.Tree()
root, part, copy, other = t.root(), t.internal(), t.copied(), t.global_root()
assert root is part and copy is not root and other is not root
root.value = 5
assert t.root().value == 5 and copy.value == 1
del t, root
gc.collect()
assert part.value == 5  # which keeps its tree
other.value = 7
del other
)");
  CHECK(tree.root.value == 7);
}

TEST_CASE("keep_alive<0, 1> keeps the first argument while the result lives") {
  python().exec("import weakref\nclass Owner: pass");
  python().def(
      "wrap", [](py::Object) { return Part{4}; }, py::keep_alive<0, 1>());
  python().exec("owner = Owner(); seen = weakref.ref(owner); node = wrap(owner)\ndel owner");
  CHECK(holds("seen() is not None and node.value == 4"));
  python().exec("del node");
  CHECK(holds("seen() is None"));
}

TEST_CASE("extras stand in any order, beside names and a doc string") {
  python().def(
      "ordered", [](int a, int b) { return a * 10 + b; }, py::release_gil, "A text.", "a"_a, py::kw_only, "b"_a = 2);
  CHECK(holds("ordered(1) == 12 and ordered(1, b=3) == 13"));
  CHECK(text("ordered.__doc__") == "A text.");
}

// Beside a class or a field

TEST_CASE("instances have no attributes of their own without dynamic_attributes") {
  struct Plain {};
  struct Open {};
  py::Module m = py::module("attributes");
  m.add_class<Plain>("Plain").init<>();
  m.add_class<Open>("Open", py::dynamic_attributes, "May be written on.").init<>();
  python().exec("from attributes import *\no = Open(); o.note = 'mine'");
  CHECK(holds("o.note == 'mine' and o.__dict__ == {'note': 'mine'} and vars(Open()) == {}"));
  CHECK(text("Open.__doc__") == "May be written on.");
  CHECK_THAT(refused("Plain().note = 1"), ContainsSubstring("'attributes.Plain' object has no attribute 'note'"));
  CHECK(holds("not hasattr(Plain(), '__dict__')"));
  python().exec("class Derived(Plain): pass\nd = Derived(); d.note = 1");  // as any class made in Python
}

TEST_CASE("scripts derive from a class, unless it is_final") {
  struct Base {};
  struct Leaf {};
  py::Module m = py::module("finals");
  m.add_class<Base>("Base").init<>();
  m.add_class<Leaf>("Leaf", py::is_final).init<>();
  python().exec("from finals import *\nclass Derived(Base): pass\nLeaf()");
  CHECK(refused("class Derived(Leaf): pass") == "type 'finals.Leaf' is not an acceptable base type");
}

TEST_CASE("scripts assign fields, but not those that are read_only, or const in C++") {
  struct Fields {
    int free = 1, guarded = 2;
    const int constant = 3;
  };
  py::module("fields")
      .add_class<Fields>("Fields")
      .init<>()
      .def("free", &Fields::free)
      .def("guarded", &Fields::guarded, py::read_only, "Looked at only.")
      .def("constant", &Fields::constant);
  python().exec("from fields import *\nf = Fields(); f.free = 5");
  CHECK(holds("(f.free, f.guarded, f.constant) == (5, 2, 3)"));
  CHECK_THAT(refused("f.guarded = 1"), ContainsSubstring("set"));
  CHECK_THAT(refused("f.constant = 1"), ContainsSubstring("set"));
  CHECK(text("Fields.guarded.__doc__") == "Looked at only.");
}
