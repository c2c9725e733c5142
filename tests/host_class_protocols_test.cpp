// Tests of latepy/host/class.hpp: the special methods by name, and Python's own tools used on bound classes.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "python.hpp"

namespace {

struct Money {
  int cents = 0;
};
struct Row {
  std::vector<Money> items;
};
struct Point {  // an aggregate
  int x, y;
};
struct Abstract {
  virtual ~Abstract() = default;
  virtual int area() const = 0;
};
struct Square : Abstract {
  explicit Square(int s) : side(s) {}
  int area() const override { return side * side; }
  int side;
};
struct MovesOnly {
  std::unique_ptr<int> number = std::make_unique<int>(3);
};
struct Wheel {
  int spokes = 8;
};
struct Car {
  struct Door {
    bool is_open = false;
  };
  explicit Car(int seats_) : seats(seats_) {}
  Door door;
  MovesOnly engine;
  Wheel* spare = nullptr;
  const int seats;
  Wheel wheels[4];
};
struct First {
  int first = 1;
};
struct Second {
  int second = 2;
  Second& as_second() { return *this; }
};
struct Third : First, Second {
  int third = 3;
};
struct Other {};

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("shop");
    m.add_class<Money>("Money")
        .init<int>("cents"_a = 0)
        .def("cents", &Money::cents)
        .def("__str__", [](const Money& money) { return std::to_string(money.cents) + " ct"; })
        .def("__repr__", [](const Money& money) { return "Money(" + std::to_string(money.cents) + ")"; })
        .def("__format__", [](const Money& money, std::string how) { return how + std::to_string(money.cents); })
        .def("__int__", [](const Money& money) { return money.cents; })
        .def("__index__", [](const Money& money) { return money.cents; })
        .def("__float__", [](const Money& money) { return money.cents / 100.0; })
        .def("__bool__", [](const Money& money) { return money.cents != 0; })
        .def("__abs__", [](const Money& money) { return Money{std::abs(money.cents)}; })
        .def(
            "__round__", [](const Money& money, int digits) { return money.cents + digits; }, "digits"_a = 0)
        .def("__eq__", [](const Money& a, const Money& b) { return a.cents == b.cents; })
        .def("__lt__", [](const Money& a, const Money& b) { return a.cents < b.cents; })
        .def("__lt__", py::overload([](const Money& a, const Money& b) { return a.cents < b.cents; },
                                    [](const Money& a, int b) { return a.cents < b; }))
        .def(
            "__pow__", [](const Money& a, int by, py::Object modulus) { return modulus.is_none() ? a.cents + by : -1; },
            "by"_a, "modulus"_a = nullptr)
        .def("__matmul__", [](const Money&, const Money&) { return "matmul"; })
        .def("__rtruediv__", [](const Money& right, int left) { return left / right.cents; })
        .def("__ior__",
             [](Money& a, int bits) -> Money& {
               a.cents |= bits;
               return a;
             })
        .def("__getattr__",
             [](const Money&, std::string name) {
               if (name.find("coin") == name.npos) throw py::AttributeError("no " + name);
               return name.size();
             })
        .def("__dir__",
             [](const Money&) {
               return std::vector<std::string>{"coin", "cents"};
             })
        .def("__await__", [](const Money&) { return eval("iter(())"); })
        .def("__sizeof__", [](const Money&) { return 1000; })
        .def_class("__class_getitem__", [](const py::Object& cls, py::Object of) { return py::tuple(cls, of); })
        .def_class("__init_subclass__", [](const py::Object& cls, py::Kwargs kwargs) { cls.attr("told") = kwargs; });
    m.add_class<Row>("Row")
        .init<>()
        .def("add", [](Row& row, const Money& money) { row.items.push_back(money); })
        .def("__len__", [](const Row& row) { return row.items.size(); })
        .def("__getitem__", [](Row& row, int at) -> Money& { return row.items.at(static_cast<std::size_t>(at)); })
        .def("__iter__", [](const py::Object& me) {
          Row& row = me.as<Row&>();
          return py::iterate(row.items.begin(), row.items.end(), me);
        });
    m.add_class<Point>("Point").init<int, int>("x"_a, "y"_a).def("x", &Point::x).def("y", &Point::y);
    m.add_class<Abstract>("Abstract").def("area", &Abstract::area);
    m.add_class<Square, Abstract>("Square").init<int>();
    m.def("area_of", [](const Abstract& shape) { return shape.area(); });
    m.def("shape",
          [](int side) -> std::unique_ptr<Abstract> { return side ? std::make_unique<Square>(side) : nullptr; });
    m.add_class<MovesOnly>("MovesOnly")
        .init([] { return std::make_shared<MovesOnly>(); })
        .def("number", [](const MovesOnly& o) { return *o.number; });
    m.add_class<Wheel>("Wheel").init<>().def("spokes", &Wheel::spokes);
    auto car = m.add_class<Car>("Car");
    car.add_class<Car::Door>("Door", "Opens.").init<>().def("is_open", &Car::Door::is_open);
    car.init<int>()
        .def("door", &Car::door)
        .def("engine", &Car::engine, "Stays where it is.")
        .def("spare", &Car::spare, py::read_only)
        .def(
            "take_along", [](Car& c, Wheel* wheel) { c.spare = wheel; }, py::keep_alive<1, 2>())
        .def("seats", &Car::seats)
        .def("wheel", [](Car& c, std::size_t at) -> Wheel& { return c.wheels[at]; });
    m.add_class<First>("First", py::dynamic_attributes).init<>().def("first", &First::first);
    m.add_class<Second>("Second", py::dynamic_attributes)
        .init<>()
        .def("second", &Second::second)
        .def("as_second", &Second::as_second);
    m.add_class<Third, First, Second>("Third").init<>().def("third", &Third::third);
    m.add_class<Other>("Other").init<>();
    python().exec("from shop import *\nimport shop");
    return true;
  }();
  static_cast<void>(made);
}

std::string refused(const char* code) {
  return thrown<py::PythonError>([&] { python().exec(code); }).message();
}

}  // namespace

TEST_CASE("special methods are found by their names") {
  host();
  python().exec(R"(
import math, operator, sys
m = Money(250)
assert str(m) == '250 ct' and repr(m) == 'Money(250)' and f'{m:>}' == '>250' and int(m) == 250 and float(m) == 2.5
assert list(range(300))[m] == 250 and hex(m) == '0xfa' and bool(m) and not Money() and abs(Money(-3)).cents == 3
assert round(m) == 250 and round(m, 2) == 252 and m ** 2 == 252 and pow(m, 2, 5) == -1 and m @ m == 'matmul' and 1000 / m == 4
same = m
m |= 4
assert m is same and m.cents == 254
assert Money(1) == Money(1) and Money(1) != Money(2) and Money(1) < Money(2) and Money(1) < 2 and Money(2) > Money(1)
assert m.coins == 5 and not hasattr(m, 'notes') and dir(m) == ['cents', 'coin'] and sys.getsizeof(m) >= 1000
assert Money[int] == (Money, int)
class Tip(Money, kind='small'): pass
assert Tip.told == {'kind': 'small'} and Tip(3).cents == 3
async def pay(): return await Money()
try: pay().send(None)
except StopIteration as e: assert e.value is None
)");
  CHECK(refused("hash(m)") == "unhashable type: 'shop.Money'");  // it has __eq__ and no __hash__
  CHECK_THAT(refused("Money(1) < 'a'"),
             ContainsSubstring("'<' not supported between instances of 'shop.Money' and 'str'"));
  CHECK_THAT(refused("m.notes"), ContainsSubstring("no notes"));
  CHECK_THAT(refused("'a' / m"), ContainsSubstring("unsupported operand"));
}

TEST_CASE("an object without a C++ object is refused everywhere") {
  host();
  python().exec("bare = Money.__new__(Money)");
  for (const char* code : {"str(bare)", "bare == Money()", "Money() == bare", "bare < 3", "bare.cents",
                           "bare.cents = 3", "bare @ bare", "len(Row.__new__(Row))"})
    CHECK_THAT(refused(code), ContainsSubstring(".__init__ was not called"));
  python().exec("bare.__init__(4)\nassert bare.cents == 4\nimport gc; del bare; Money.__new__(Money); gc.collect()");
}

TEST_CASE("iterators of C++ ranges") {
  host();
  python().exec(R"(
row = Row()
for i in range(5): row.add(Money(i))
assert [money.cents for money in row] == [0, 1, 2, 3, 4] and max(row).cents == 4 and Money(3) in row
it = iter(row)
assert iter(it) is it and next(it).cents == 0
del row
assert [int(m) for m in it] == [1, 2, 3, 4]
assert next(it, 'end') == 'end' and next(it, 'end') == 'end'
row = Row(); row.add(Money(3))
row[0].cents = 7                                    # an element, not a copy of it
assert row[0].cents == 7
import collections.abc
assert isinstance(row, collections.abc.Iterable) and isinstance(iter(row), collections.abc.Iterator) and isinstance(row, collections.abc.Sized)
)");
  CHECK_THAT(refused("type(iter(row))()"), ContainsSubstring("cannot create 'latepy.iterator' instances"));
  CHECK_THROWS_AS(python().exec("row[9]"), std::out_of_range);  // the exception of C++, through Python
  python().exec("try: row[9]\nexcept IndexError: pass\nelse: assert False");
}

namespace {
/// Its items are what a Python function gives.
struct Asking {
  int operator*() const { return ask.call<int>(); }
  Asking& operator++() { return ++at, *this; }
  bool operator==(const Asking& other) const { return at == other.at; }
  py::Object ask;
  int at;
};
}  // namespace

TEST_CASE("an iterator whose items are made by Python code that asks it for the next one refuses that") {
  host();
  python().def("asking", [](const py::Object& ask) { return py::iterate(Asking{ask, 0}, Asking{ask, 2}); });
  CHECK(refused("it = asking(lambda: next(it))\nnext(it)") == "the iterator is already executing");
  CHECK(python().eval<std::vector<int>>("list(asking(lambda: 7))") == std::vector<int>{7, 7});
}

TEST_CASE("aggregates, abstract classes, parts that cannot be copied, nested classes") {
  host();
  python().exec(R"(
assert Point(1, y=2).y == 2
assert area_of(Square(3)) == shape(4).area() - 7 == 9 and shape(0) is None and isinstance(shape(2), Square)
car = Car(5)
assert car.seats == 5 and car.engine.number() == 3 and car.spare is None
car.take_along(Wheel())
import gc; gc.collect()
assert car.spare.spokes == 8 and car.spare is car.spare
door = car.door
door.is_open = True
assert car.door.is_open and type(door) is Car.Door and Car.Door.__qualname__ == 'Car.Door' and repr(Car.Door) == "<class 'shop.Car.Door'>"
car.door = Car.Door()
assert not door.is_open                             # the same part, with another value
assert car.wheel(1) is not car.wheel(2) and Car.engine.__doc__ == 'Stays where it is.'
wheel = car.wheel(3)
wheel.spokes = 1
del car, door
assert wheel.spokes == 1
)");
  CHECK_THAT(refused("Abstract()"), ContainsSubstring("shop.Abstract has no constructor that scripts may call"));
  CHECK_THAT(refused("class A(Abstract): pass\nA()"), ContainsSubstring("has no constructor"));
  CHECK_THAT(refused("Car(1).engine = MovesOnly()"), ContainsSubstring("set"));
  CHECK_THAT(refused("Car(1).spare = Wheel()"), ContainsSubstring("set"));
  CHECK_THAT(refused("del Car(1).door"), ContainsSubstring("del"));
  CHECK_THAT(refused("Point(1)"), ContainsSubstring("it is missing 'y'"));
}

TEST_CASE("several bases, in C++ and in Python") {
  host();
  python().exec(R"(
t = Third()
assert (t.first, t.second, t.third) == (1, 2, 3) and Third.__mro__[1:3] == (First, Second)
t.second = 20
t.note = 'n'                                        # the bases have dynamic attributes
assert t.as_second().second == 20 and t.__dict__ == {'note': 'n'}
class Plain:
  def __init__(self): self.plain = 'p'
  def hello(self): return 'hello'
class Mixed(Plain, First):
  def __init__(self):
    Plain.__init__(self)
    First.__init__(self)
assert Mixed().hello() == 'hello' and Mixed().first == 1 and Mixed().plain == 'p'
class Two(First, Other): pass                       # its objects are Firsts
assert Two().first == 1 and isinstance(Two(), Other)
class Diamond(Third, First): pass
assert Diamond().second == 2
)");
  CHECK_THAT(refused("Second.as_second(type('X', (First, Second), {})())"),
             ContainsSubstring("its C++ object is a shop.First: a Python class can have only one bound base class"));
  CHECK_THAT(refused("Second.__init__(type('X', (First, Second), {})())"),
             ContainsSubstring("can have only one bound base class"));
  CHECK_THAT(refused("class A(Other, int): pass"), ContainsSubstring("lay-out conflict"));
  CHECK_THAT(refused("class B(Other, Exception): pass"), ContainsSubstring("lay-out conflict"));
  // Another class for an object: it is no object of that one.
  python().exec(
      "o = Other()\ntry: o.__class__ = Wheel\nexcept TypeError: pass\nelse:\n  try: o.spokes\n  except TypeError: "
      "pass\n  else: assert False\ndel o");
}

TEST_CASE("generics, total ordering, data classes and other tools") {
  host();
  python().exec(R"(
import contextlib, copy, dataclasses, enum, functools, pickle, types, typing
T = typing.TypeVar('T')
class Typed(Wheel, typing.Generic[T]):
  def get(self) -> T: return self.spokes
assert Typed[int]().get() == 8
def f(w: Wheel, many: typing.List[Wheel], maybe: typing.Optional[Wheel] = None) -> 'Wheel': ...
import __main__; __main__.Wheel = Wheel
assert typing.get_type_hints(f)['w'] is typing.get_type_hints(f)['return'] is Wheel

@functools.total_ordering
class Ordered(Wheel):
  def __eq__(self, other): return self.spokes == other.spokes
  def __lt__(self, other): return self.spokes < other.spokes
a, b = Ordered(), Ordered()
b.spokes = 9
assert a <= b and b >= a and max(a, b) is b

@functools.singledispatch
def show(value): return 'other'
@show.register(Wheel)
def _(value): return 'wheel'
assert show(Wheel()) == show(Ordered()) == 'wheel' and show(3) == 'other'

@dataclasses.dataclass
class Named(Wheel):
  name: str
  def __post_init__(self): Wheel.__init__(self)
n = Named('n')
assert n.spokes == 8 and dataclasses.asdict(n) == {'name': 'n'} and n == Named('n')
assert dataclasses.replace(n, name='m').spokes == 8
if hasattr(copy, 'replace'): assert copy.replace(n, name='k').name == 'k'

class Kind(enum.Enum):
  small = Money(1)                                   # an unhashable value
assert Kind.small.value.cents == 1
class WithSlots(Wheel):
  __slots__ = 'a', 'b'
s = WithSlots(); s.a = s
assert not hasattr(s, '__dict__')
class WithNew(Wheel):
  def __new__(cls, *args): self = super().__new__(cls, *args); self.made = 1; return self
  def __init__(self, *args): super().__init__()
assert WithNew(1, 2).made == 1 and WithNew().spokes == 8
class Uninitialized(Wheel):
  def __init__(self): pass
import gc
del s; Uninitialized(); gc.collect()
assert types.new_class('Dynamic', (Wheel,), {}, lambda names: names.update(x=1))().x == 1
with contextlib.suppress(TypeError): pickle.dumps(Wheel(), 0)
with contextlib.suppress(TypeError): copy.copy(Wheel())
)");
  CHECK_THAT(refused("Uninitialized().spokes"), ContainsSubstring("super().__init__()"));
  CHECK_THAT(refused("copy.copy(Wheel())"), ContainsSubstring("pickle"));
}

TEST_CASE("__del__ is called, whoever defined it") {
  host();
  python().exec(R"(
seen = []
class Mine(Wheel):
  def __del__(self): seen.append(self.spokes)
m = Mine(); m.spokes = 3
del m
Wheel.__del__ = lambda self: seen.append(('base', self.spokes))
Wheel()
class Kept(Wheel):
  def __del__(self): seen.append(self)
Kept()
assert seen[0] == 3 and seen[1] == ('base', 8) and seen[2].spokes == 8, seen
del Wheel.__del__, seen[2]
)");
}

TEST_CASE("special methods leave nothing behind") {
  host();
  const py::Object work = python().eval(
      "lambda: (str(Money(1)), f'{Money(2):x}', int(Money(3)), Money(1) == Money(1), Money(1) == 'a', Money(1) < 2, "
      "1000 / Money(1), "
      "Money(1).coin, hasattr(Money(), 'x'), Money[int], Car(1).door, Car(1).take_along(Wheel()), Third().__dict__, "
      "[m for m in Row()], shape(3), MovesOnly(), "
      "Wheel.__new__(Wheel))");
  CHECK_STEADY(work());
  const py::Object classes = python().eval(
      "lambda: (type('A', (Wheel,), {})(), type('B', (First, Other), {'__slots__': ()})(), gc.collect())");
  python().exec("import gc");
  for (int i = 0; i < 20; ++i) classes();
  const py::Object fails = python().eval("lambda: Money(1) < 'a'");
  CHECK_STEADY(thrown<py::TypeError>([&] { fails(); }));
}
