// Tests of latepy/host/operators.hpp: def(py::self + py::self): the C++ operators of a class as Python's.
// SPDX-License-Identifier: MIT
#include "python.hpp"

namespace {

struct Vec {
  double x = 0, y = 0;
  double length2() const noexcept { return x * x + y * y; }
  Vec operator+(const Vec& o) const { return {x + o.x, y + o.y}; }
  Vec operator-(const Vec& o) const { return {x - o.x, y - o.y}; }
  Vec operator-() const { return {-x, -y}; }
  Vec operator*(double by) const { return {x * by, y * by}; }
  friend Vec operator*(double by, const Vec& v) { return v * by; }
  Vec& operator+=(const Vec& o) { return *this = *this + o; }
  bool operator==(const Vec& o) const { return x == o.x && y == o.y; }
  bool operator<(const Vec& o) const { return length2() < o.length2(); }
};

/// Tells which operator was used, between what: o is one of these, i an int.
struct Told {
  std::string text;
};
#define LATEPY_TELL(SYMBOL)                                                           \
  std::string operator SYMBOL(const Told&, const Told&) { return "o " #SYMBOL " o"; } \
  std::string operator SYMBOL(const Told&, int i) { return "o " #SYMBOL " " + std::to_string(i); }
LATEPY_TELL(+)
LATEPY_TELL(-)
LATEPY_TELL(*)
LATEPY_TELL(/)
LATEPY_TELL(%)
LATEPY_TELL(<<)
LATEPY_TELL(>>)
LATEPY_TELL(&)
LATEPY_TELL(|)
LATEPY_TELL(^)
LATEPY_TELL(==)
LATEPY_TELL(!=)
LATEPY_TELL(<)
LATEPY_TELL(<=)
LATEPY_TELL(>)
LATEPY_TELL(>=)
#undef LATEPY_TELL
#define LATEPY_TELL(SYMBOL) \
  std::string operator SYMBOL(int i, const Told&) { return std::to_string(i) + " " #SYMBOL " o"; }
LATEPY_TELL(+)
LATEPY_TELL(-)
LATEPY_TELL(*)
LATEPY_TELL(/)
LATEPY_TELL(%)
LATEPY_TELL(<<)
LATEPY_TELL(>>)
LATEPY_TELL(&)
LATEPY_TELL(|)
LATEPY_TELL(^)
#undef LATEPY_TELL
#define LATEPY_TELL(SYMBOL)                                                             \
  Told& operator SYMBOL(Told& o, const Told&) { return o.text = "o " #SYMBOL " o", o; } \
  Told& operator SYMBOL(Told& o, int i) { return o.text = "o " #SYMBOL " " + std::to_string(i), o; }
LATEPY_TELL(+=)
LATEPY_TELL(-=)
LATEPY_TELL(*=)
LATEPY_TELL(/=)
LATEPY_TELL(%=)
#undef LATEPY_TELL
std::string operator-(const Told&) { return "- o"; }
std::string operator+(const Told&) { return "+ o"; }
std::string operator~(const Told&) { return "~ o"; }

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("operators");
    m.add_class<Vec>("Vec")
        .init<>()
        .init<double, double>("x"_a, "y"_a = 0.0)
        .def("x", &Vec::x)
        .def(py::self + py::self)
        .def(py::self - py::self)
        .def(-py::self)
        .def(py::self * double())
        .def(double() * py::self)
        .def(py::self += py::self)
        .def(py::self == py::self)
        .def(py::self < py::self)
        .def("__hash__", [](const Vec& v) { return static_cast<int>(v.x); });
    auto told = m.add_class<Told>("Told");
    told.init<>().def("text", &Told::text);
#define LATEPY_TELL(SYMBOL) told.def(py::self SYMBOL py::self).def(py::self SYMBOL int()).def(int() SYMBOL py::self)
    LATEPY_TELL(+);
    LATEPY_TELL(-);
    LATEPY_TELL(*);
    LATEPY_TELL(/);
    LATEPY_TELL(%);
    LATEPY_TELL(<<);
    LATEPY_TELL(>>);
    LATEPY_TELL(&);
    LATEPY_TELL(|);
    LATEPY_TELL(^);
#undef LATEPY_TELL
    // Python asks the other operand for the mirrored comparison: there is none with int on the left.
#define LATEPY_TELL(SYMBOL) told.def(py::self SYMBOL py::self).def(py::self SYMBOL int())
    LATEPY_TELL(==);
    LATEPY_TELL(!=);
    LATEPY_TELL(<);
    LATEPY_TELL(<=);
    LATEPY_TELL(>);
    LATEPY_TELL(>=);
    LATEPY_TELL(+=);
    LATEPY_TELL(-=);
    LATEPY_TELL(*=);
    LATEPY_TELL(/=);
    LATEPY_TELL(%=);
#undef LATEPY_TELL
    told.def(-py::self).def(+py::self).def(~py::self);
    python().exec("from operators import *");
    return true;
  }();
  static_cast<void>(made);
}

std::string refused(const char* code) {
  return thrown<py::PythonError>([&] { python().exec(code); }).message();
}

}  // namespace

TEST_CASE("the operators of C++ are those of Python's objects") {
  host();
  python().exec(R"(
a, b = Vec(1, 2), Vec(3, 4)
assert a + b == Vec(4, 6) and b - a == Vec(2, 2) and -a == Vec(-1, -2) and a * 2 == 2 * a == Vec(2, 4)
assert a != b and a < b and b > a and not a == 3 and a != 'x' and hash(a) == 1
same = a
a += b
assert a is same and a == Vec(4, 6)
class Other:
  def __radd__(self, left): return 'other'
  def __eq__(self, left): return True
assert a + Other() == 'other' and a == Other()      # what does not fit is left to the other operand
assert len({Vec(1), Vec(1)}) == 1
)");
  CHECK_THAT(refused("a + 3"), ContainsSubstring("unsupported operand"));
  CHECK_THAT(refused("a <= b"), ContainsSubstring("not supported"));
  python().exec("import functools\nassert sorted([Vec(3), Vec(1)])[0].x == 1 and max(Vec(3), Vec(1)).x == 3");
}

TEST_CASE("each operator of C++ is the one of Python that is written alike, between objects and other values") {
  host();
  python().exec(R"(
o, p = Told(), Told()
for symbol in '+ - * / % << >> & | ^'.split():
  assert eval(f'o {symbol} p') == f'o {symbol} o', symbol
  assert eval(f'o {symbol} 3') == f'o {symbol} 3', symbol
  assert eval(f'3 {symbol} o') == f'3 {symbol} o', symbol
  try: eval(f'o {symbol} None')
  except TypeError as e: assert 'unsupported operand' in str(e), e
  else: assert False, symbol
for symbol in '== != < <= > >='.split():
  assert eval(f'o {symbol} p') == f'o {symbol} o', symbol
  assert eval(f'o {symbol} 3') == f'o {symbol} 3', symbol
for symbol in '+= -= *= /= %='.split():
  same = o
  exec(f'same {symbol} p')
  assert same is o and o.text == f'o {symbol} o', (symbol, o.text)
  exec(f'same {symbol} 3')
  assert same is o and o.text == f'o {symbol} 3', (symbol, o.text)
for symbol in '-+~': assert eval(f'{symbol}o') == f'{symbol} o', symbol
)");
}

TEST_CASE("a comparison with a value on the left is Python's mirrored one") {
  host();
  python().exec(R"(
for symbol, mirrored in zip('== != < <= > >='.split(), '== != > >= < <='.split()):
  assert eval(f'3 {symbol} o') == f'o {mirrored} 3', symbol
assert (o == 'text') is False and (o != 'text') is True
)");
  CHECK_THAT(refused("o < 'text'"), ContainsSubstring("not supported between instances"));
}

TEST_CASE("a class with == and no __hash__ cannot be hashed, as in Python") {
  host();
  CHECK(refused("hash(Told())") == "unhashable type: 'operators.Told'");
}

TEST_CASE("operators have signatures, and may be called by their names") {
  host();
  CHECK(python().eval<double>("Vec.__add__(Vec(1), Vec(2)).x") == 3);
  CHECK(python().eval<bool>("Vec(1).__add__('text') is NotImplemented"));
  CHECK(python().eval<bool>("Vec(1).__rmul__(3).x == 3"));
}

TEST_CASE("operators that are used thousands of times leave nothing behind") {
  host();
  const py::Object work = python().eval("lambda: (Vec(1) + Vec(2), 2 * Vec(1), -Vec(1), Vec(1) == 'a', Told() + 3)");
  CHECK_STEADY(work());
  const py::Object fails = python().eval("lambda: Vec(1) + 'a'");
  CHECK_STEADY(thrown<py::TypeError>([&] { fails(); }));
}
