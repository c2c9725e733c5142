// Tests of latepy/host/class.hpp: C++ classes as Python classes: what their objects can do in scripts.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "python.hpp"

namespace {

struct Vec {
  double x = 0, y = 0;
  double length2() const noexcept { return x * x + y * y; }
  Vec& scale(double by) {
    x *= by;
    y *= by;
    return *this;
  }
  Vec operator+(const Vec& o) const { return {x + o.x, y + o.y}; }
  Vec& operator+=(const Vec& o) { return *this = *this + o; }
  bool operator==(const Vec& o) const { return x == o.x && y == o.y; }
};

struct Named {  // a base that Python does not know
  std::string name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }
  std::string name_ = "nobody";
};
struct Shape : Named {
  explicit Shape(Vec where) : at(where) {}
  virtual ~Shape() = default;
  virtual std::string kind() const { return "shape"; }
  Vec at;
  const int corners = 0;
};
struct Colored {
  int color = 7;
};
struct Circle : Shape, Colored {
  Circle(Vec where, double r) : Shape(where), radius(r) {}
  std::string kind() const override { return "circle"; }
  double radius;
};

struct Bag {
  std::vector<int> items;
  py::Object extra;
};
struct OnlyMoved {
  explicit OnlyMoved(int v) : value(std::make_unique<int>(v)) {}
  std::unique_ptr<int> value;
};
enum class Mode { off, on = 5 };
struct Machine {
  Mode mode = Mode::off;
  int level = 0, opened = 0, closed = 0;
  static int made;
};
int Machine::made = 3;
struct Hidden {};
struct Unregistered {
  int x = 0;
};

/// The module with the classes above, made once.
py::Module host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("shapes");
    m.add_class<Vec>("Vec", "A point, or a direction.")
        .init<>()
        .init<double, double>("x"_a, "y"_a = 0.0)
        .def("x", &Vec::x, "to the right")
        .def("y", &Vec::y)
        .def("length2", &Vec::length2, "The square of the length.")
        .def("scale", &Vec::scale, "by"_a)
        .def("__repr__", [](const Vec& v) { return "Vec(" + py::str(v.x) + ", " + py::str(v.y) + ")"; })
        .def(py::self + py::self)
        .def(py::self += py::self)
        .def(py::self == py::self)
        .def("__hash__", [](const Vec& v) { return static_cast<int>(v.x); })
        .def_static(
            "right",
            [](double by) {
              return Vec{by, 0};
            },
            "by"_a = 1.0, "A way to the right.")
        .def_class("make", [](const py::Object& cls, double x) { return cls(x, x); })
        .property(
            "angle", [](const Vec& v) { return v.x == 0 ? 90 : 0; }, "In degrees.")
        .property(
            "both",
            [](const Vec& v) {
              return std::vector<double>{v.x, v.y};
            },
            [](Vec& v, double both) { v.x = v.y = both; })
        .static_property("made", [] { return Machine::made; })
        .constant("DIMENSIONS", 2)
        .pickle(
            [](const Vec& v) {
              return std::vector<double>{v.x, v.y};
            },
            [](const std::vector<double>& state) {
              return Vec{state.at(0), state.at(1)};
            });
    m.add_class<Shape>("Shape")
        .init<Vec>("at"_a)
        .def("name", &Shape::name)
        .def("rename", &Shape::rename)
        .def("kind", &Shape::kind)
        .def("at", &Shape::at)
        .def("corners", &Shape::corners);
    m.add_class<Colored>("Colored").init<>().def("color", &Colored::color);
    m.add_class<Circle, Shape, Colored>("Circle")
        .init<Vec, double>("at"_a, "radius"_a)
        .def("radius", &Circle::radius, py::read_only);
    m.def("kind_of", [](const Shape& shape) { return shape.kind(); });
    m.def("color_of", [](const Colored& colored) { return colored.color; });
    m.def("any_shape", [](bool round) -> std::unique_ptr<Shape> {
      return round ? std::make_unique<Circle>(Vec{}, 3) : std::make_unique<Shape>(Vec{});
    });
    m.def("sum", [](const std::vector<Vec>& all) {
      Vec sum;
      for (const Vec& each : all) sum += each;
      return sum;
    });
    m.add_class<Bag>("Bag")
        .init<>()
        .init(
            [](std::vector<int> items) {
              return Bag{std::move(items), {}};
            },
            "items"_a)
        .def("extra", &Bag::extra)
        .def("__len__", [](const Bag& b) { return b.items.size(); })
        .def("__getitem__", [](const Bag& b, int i) { return b.items.at(static_cast<std::size_t>(i)); })
        .def("__setitem__", [](Bag& b, int i, int value) { b.items.at(static_cast<std::size_t>(i)) = value; })
        .def("__delitem__", [](Bag& b, int i) { b.items.erase(b.items.begin() + i); })
        .def("__contains__", [](const Bag& b, int x) { return std::count(b.items.begin(), b.items.end(), x) > 0; })
        .def("__iter__",
             [](const py::Object& me) {
               Bag& bag = me.as<Bag&>();
               return py::iterate(bag.items.begin(), bag.items.end(), me);
             })
        .def("__bool__", [](const Bag& b) { return !b.items.empty(); })
        .def("__call__", [](const Bag& b, int x, py::Args rest) {
          return b.items.size() + static_cast<std::size_t>(x) + rest.size();
        });
    auto machine = m.add_class<Machine>("Machine", py::dynamic_attributes);
    machine.add_enum<Mode>("Mode", {{"off", Mode::off}, {"on", Mode::on}});
    machine.init<>()
        .def("mode", &Machine::mode)
        .def("__enter__",
             [](py::Object me) {
               ++me.as<Machine&>().opened;
               return me;
             })
        .def("__exit__", [](Machine& machine_, py::Args) { ++machine_.closed; })
        .def("opened", &Machine::opened)
        .def("closed", &Machine::closed);
    m.add_class<OnlyMoved>("OnlyMoved").init<int>().def("value", [](const OnlyMoved& o) { return *o.value; });
    m.def("only_moved", [] { return OnlyMoved(4); });
    m.add_class<Hidden>("Hidden", py::is_final);
    python().exec("from shapes import *\nimport shapes");
    return true;
  }();
  static_cast<void>(made);
  return py::module("shapes");
}

/// The message of the TypeError, or of the other error, that a script gets.
std::string refused(const char* code) {
  return thrown<py::PythonError>([&] { python().exec(code); }).message();
}

}  // namespace

TEST_CASE("objects are made, their methods called, their fields read and written") {
  host();
  python().exec(R"(
v = Vec(3, y=4)
assert (v.x, v.y, v.length2()) == (3, 4, 25)
v.x = 6
assert v.length2() == 52 and repr(v) == 'Vec(6.0, 4.0)' and Vec().x == 0
assert v.scale(by=0.5) is v and v.x == 3          # a method that returns *this gives the same object
assert v.both == [3, 2] and v.angle == 0
v.both = 9
assert v.y == 9 and Vec.right().x == 1 and Vec.right(5).x == 5 and v.right(by=2).x == 2
assert Vec.make(2).y == 2 and Vec.DIMENSIONS == v.DIMENSIONS == 2 and Vec.made == 3
s = Shape(Vec(1, 2))
s.at.x = 5                                        # a field of a bound class is a part of the object
assert s.at.x == 5 and s.at is s.at and s.name() == 'nobody' and s.corners == 0
s.rename('me')
assert s.name() == 'me'
part = s.at
del s
part.y = 3                                        # which the part keeps alive
assert part.x == 5
)");
  CHECK(refused("v.angle = 3").find("set") != std::string::npos);
  CHECK(refused("Shape(Vec()).corners = 3").find("set") != std::string::npos);
  CHECK_THAT(refused("v.nothing = 3"), ContainsSubstring("'shapes.Vec' object has no attribute 'nothing'"));
  CHECK(
      refused("v.x = 'a'") ==
      "Vec.x(arg1: float, /) -> None: argument 1: cannot convert 'str' \"a\" to double. It was called as Vec.x(\"a\")");
}

namespace {
template <class T>
struct Slot {
  T inside;
};
}  // namespace

TEST_CASE("class templates of the program are bound for each type, also of std and latepy") {
  host();
  py::Module m = py::module("slots");
  m.add_class<Slot<int>>("OfInt").init<int>().def("inside", &Slot<int>::inside);
  m.add_class<Slot<std::string>>("OfText").init<std::string>().def("inside", &Slot<std::string>::inside);
  m.add_class<Slot<py::Object>>("OfAny").init<py::Object>().def("inside", &Slot<py::Object>::inside);
  m.add_class<Slot<Slot<int>>>("OfSlot").init<Slot<int>>().def("inside", &Slot<Slot<int>>::inside);
  python().exec(
      "import slots\nassert slots.OfInt(1).inside == 1 and slots.OfText('a').inside == 'a'\n"
      "assert slots.OfAny(None).inside is None and slots.OfSlot(slots.OfInt(2)).inside.inside == 2");
  CHECK(python().eval("slots.OfText('b')").as<Slot<std::string>>().inside == "b");
  // Those of latepy and std are none of the program's classes.
  static_assert(py::detail::is_bindable<Slot<std::vector<int>>> && py::detail::is_bindable<Slot<py::Object>>);
  static_assert(!py::detail::is_bindable<py::Borrowed<Slot<int>>> && !py::detail::is_bindable<std::vector<Slot<int>>>);
}

TEST_CASE("C++ gets the objects themselves, or copies") {
  host();
  python().exec("v = Vec(1, 2)");
  const py::Object v = python().eval("v");
  v.as<Vec&>().x = 8;
  CHECK(python().eval<double>("v.x") == 8);
  v.as<Vec*>()->y = 9;
  Vec copied = v.as<Vec>();
  copied.scale(0);
  CHECK(python().eval<double>("v.x + v.y") == 17);
  CHECK(python().eval("None").as<Vec*>() == nullptr);
  CHECK(v.is<Vec>());
  CHECK(!python().eval("3").is<Vec>());
  CHECK(v.try_as<Vec*>().value() == &v.as<Vec&>());
  CHECK(py::to_py(Vec{1, 2}).attr("y").as<double>() == 2);
  CHECK(python().call<Vec>("shapes", "sum", std::vector<Vec>{{1, 2}, {3, 4}}).y == 6);
  CHECK(thrown<py::ConversionError>([] { python().eval("3").as<Vec&>(); }).what() ==
        std::string("cannot convert 'int' 3 to shapes.Vec"));
  CHECK_THAT(thrown<py::ConversionError>([] { py::to_py(Unregistered()); }).what(), ContainsSubstring("add_class"));
  CHECK_THAT(thrown<py::ConversionError>([&] { v.as<Unregistered&>(); }).what(), ContainsSubstring("add_class"));
}

TEST_CASE("constructors are overloaded, checked, and called once") {
  host();
  CHECK(refused("Vec('a')") ==
        "no signature of Vec takes Vec(\"a\")\n  Vec() -> None: it takes no positional arguments, and 1 was given\n"
        "  Vec(x: float, y: float = 0.0) -> None: argument 1 ('x'): cannot convert 'str' \"a\" to double");
  CHECK_THAT(refused("Vec(1).__init__(2)"), ContainsSubstring("constructed already"));
  CHECK_THAT(refused("Hidden()"), ContainsSubstring("no constructor"));
  CHECK_THAT(refused("Vec.__new__(Vec).x"), ContainsSubstring("Vec.__init__ was not called"));
  CHECK_THAT(refused("object.__new__(Vec)"), ContainsSubstring("not safe"));
  CHECK_THAT(refused("Vec.length2(3)"), ContainsSubstring("cannot convert 'int' 3 to shapes.Vec"));
  CHECK_THAT(refused("Vec.__init__(Shape(Vec()))"), ContainsSubstring("shapes.Vec"));
  CHECK_THAT(refused("Shape.__init__(Circle.__new__(Circle), Vec())"),
             ContainsSubstring("the constructor of shapes.Shape cannot make a shapes.Circle: that class needs a "
                               "constructor of its own"));
  CHECK_THAT(refused("class D(Vec):\n  def __init__(self): pass\nD().x"), ContainsSubstring("super().__init__()"));
  CHECK_THAT(refused("class D(Hidden): pass"), ContainsSubstring("not an acceptable base type"));
  python().exec(
      "class D(Vec):\n  def __init__(self): super().__init__(7); self.more = 1\nd = D()\nassert d.x == 7 and d.more == "
      "1 and sum([d, d]).x == 14");
  python().exec("assert only_moved().value() == 4 and OnlyMoved(5).value() == 5");
  CHECK_THROWS_AS(host().add_class<Vec>("Again"), py::StateError);
}

TEST_CASE("containers, calls and with") {
  host();
  python().exec(R"(
b = Bag([3, 1, 2])
assert len(b) == 3 and b[1] == 1 and list(b) == [3, 1, 2] and 2 in b and 9 not in b and sorted(b) == [1, 2, 3]
b[0] = 7
del b[1]
assert list(b) == [7, 2] and bool(b) and not Bag() and b(1) == 3 and b(1, 2, 3) == 5
it = iter(Bag([1, 2]))                              # the iterator keeps the bag
assert [*it] == [1, 2] and [*it] == []
try: b[9]
except IndexError: pass
else: assert False
m = Machine()
with m as inside: assert inside is m and m.opened == 1
assert m.closed == 1
m.note = 'mine'                                     # dynamic_attributes
assert m.__dict__ == {'note': 'mine'} and m.mode is Machine.Mode.off and Machine.Mode.__qualname__ == 'Machine.Mode'
m.mode = Machine.Mode.on
assert m.mode.value == 5
)");
  CHECK_THAT(refused("m.mode = 5"), ContainsSubstring("cannot convert 'int' 5"));
}

TEST_CASE("inheritance: C++ bases are Python bases, and pointers lead to the whole object") {
  host();
  python().exec(R"(
c = Circle(Vec(1, 2), radius=3)
assert isinstance(c, Shape) and isinstance(c, Colored) and issubclass(Circle, Shape)
assert c.kind() == 'circle' and kind_of(c) == 'circle' and c.at.y == 2 and c.name() == 'nobody'
c.color = 9
assert color_of(c) == 9 and c.color == 9            # the second base lies at another address
assert type(any_shape(True)) is Circle and type(any_shape(False)) is Shape and any_shape(True).radius == 3
class Square(Shape):
  def kind(self): return 'square'
assert kind_of(Square(Vec())) == 'shape' and isinstance(Square(Vec()), Shape)
class Both(Vec, Bag): pass
both = Both(1.0)
assert both.x == 1
)");
  CHECK_THAT(refused("len(both)"), ContainsSubstring("cannot convert"));
  CHECK_THAT(refused("color_of(Shape(Vec()))"), ContainsSubstring("to shapes.Colored"));
  CHECK(python().eval("c").as<Colored&>().color == 9);
  CHECK(python().eval("c").as<Shape&>().kind() == "circle");
}

TEST_CASE("Python's own tools work on bound classes") {
  host();
  python().exec(R"(
import abc, collections, copy, dataclasses, inspect, io, pickle, pydoc, typing, weakref
v = Vec(1, 2)
for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1): assert pickle.loads(pickle.dumps(v, protocol)) == v
assert copy.copy(v) == v and copy.copy(v) is not v and copy.deepcopy([v, v])[0] == v
twice = copy.deepcopy([v, v]); assert twice[0] is twice[1]
class Sub(Vec): pass
import __main__; __main__.Sub = Sub
s = Sub(3); s.note = [1]
t = pickle.loads(pickle.dumps(s)); assert type(t) is Sub and t.x == 3 and t.note == [1]
try: pickle.dumps(Shape(Vec()))
except TypeError as e: assert 'pickle' in str(e)
else: assert False

assert str(inspect.signature(Vec.scale)) == '(self, /, by: float) -> shapes.Vec', inspect.signature(Vec.scale)
assert str(inspect.signature(v.scale)) == '(by: float) -> shapes.Vec'
assert str(inspect.signature(Shape)) == '(at: shapes.Vec) -> None' and str(inspect.signature(Vec.right)) == '(by: float = 1.0) -> shapes.Vec'
assert typing.get_type_hints(Vec.scale) == {'by': float, 'return': Vec}
text = pydoc.render_doc(Vec, renderer=pydoc.plaintext)
for part in ('A point, or a direction.', 'scale(self, /, by: float)', 'The square of the length.', 'In degrees.', 'to the right'): assert part in text, (part, text)
assert '_latepy' not in text
assert Vec.__module__ == 'shapes' and Vec.__qualname__ == Vec.__name__ == 'Vec' and repr(Vec) == "<class 'shapes.Vec'>"
assert inspect.isclass(Vec) and inspect.isroutine(Vec.scale) and Vec.scale.__qualname__ == 'Vec.scale'

gone = []
r = weakref.ref(v, gone.append); p = weakref.proxy(v)
assert r() is v and p.x == 1
del v, twice; assert r() is None and gone == [r]

class Drawable(abc.ABC):
  @abc.abstractmethod
  def draw(self): ...
class Picture(Shape, Drawable):
  def draw(self): return self.kind()
assert Picture(Vec()).draw() == 'shape' and isinstance(Picture(Vec()), Drawable)
class Half(Shape, Drawable): pass
try: Half(Vec())
except TypeError as e: assert 'abstract' in str(e)
else: assert False, 'an abstract class was made'

@dataclasses.dataclass
class Item:
  at: Vec = dataclasses.field(default_factory=Vec)
assert Item() == Item() and Item(Vec(2)).at.x == 2 and dataclasses.replace(Item(), at=Vec(4)).at.x == 4
@dataclasses.dataclass
class Labelled(Vec):
  label: str = ''
  def __post_init__(self): super().__init__(1.0)
assert Labelled('a').x == 1 and Labelled('a').label == 'a'
class Slotted(Vec):
  __slots__ = ('more',)
z = Slotted(1); z.more = 2; assert z.more == 2 and not hasattr(z, '__dict__')
assert typing.List[Vec] and typing.Optional[Vec] and isinstance(Vec.length2, collections.abc.Callable)
class Meta(type): pass
class WithMeta(Vec, metaclass=Meta): pass
assert WithMeta(2).x == 2
)");
}

TEST_CASE("an object that holds Python objects is seen by the garbage collector") {
  host();
  python().exec(R"(
import gc, weakref
b = Bag()
b.extra = [b]                                       # a cycle through C++
assert b.extra[0] is b
r = weakref.ref(b)
del b
gc.collect()
assert r() is None
m = Machine()
m.me = m
r = weakref.ref(m)
del m
gc.collect()
assert r() is None
class D(Bag):
  pass
d = D(); d.me = d; d.extra = d
r = weakref.ref(d)
del d
gc.collect()
assert r() is None
)");
}

TEST_CASE("bound objects leave nothing behind") {
  host();
  const py::Object work = python().eval(
      "lambda: (Vec(1, 2).scale(2).length2(), Vec(1) + Vec(2), Shape(Vec()).at.x, Circle(Vec(), 1).kind(), "
      "list(Bag([1, 2])), "
      "any_shape(True), Vec.make(3), pickle.loads(pickle.dumps(Vec(1))), setattr(Bag(), 'extra', []))");
  CHECK_STEADY(work());
  const py::Object fails = python().eval("lambda: Vec('a')");
  CHECK_STEADY(thrown<py::TypeError>([&] { fails(); }));
  CHECK_STEADY(py::to_py(Vec{1, 2}).as<Vec>());
}
