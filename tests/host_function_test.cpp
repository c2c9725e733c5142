// Tests of latepy/host/function.hpp: C++ callables as Python functions: def, overload, signatures; Function<R(A…)>.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

#include <thread>

namespace {

int twice(int x) { return 2 * x; }
int quiet(int x) noexcept { return x; }

struct Point {
  double x = 0, y = 0;
  double sum() const { return x + y; }
  void move(double by) noexcept { x += by; }
  Point& self() & { return *this; }
};

struct Counted {
  explicit Counted(int* count) : alive(count) { ++*alive; }
  Counted(const Counted& other) : alive(other.alive) { ++*alive; }
  ~Counted() { --*alive; }
  int operator()() const { return *alive; }
  int* alive;
};

std::string text(std::string_view expression) { return python().eval<std::string>(expression); }
bool holds(std::string_view expression) { return python().eval<bool>(expression); }
/// The text of the TypeError that an expression raises.
std::string refusal(std::string_view expression) {
  return thrown<py::TypeError>([&] { eval(expression); }).message();
}

}  // namespace

TEST_CASE("def puts a C++ callable into Python") {
  python().def("twice", &twice);
  python().def("quiet", quiet);
  CHECK(holds("twice(21) == 42 and quiet(1) == 1"));

  int sum = 0;
  python().def("add", [&sum](int x) { sum += x; });
  python().exec("for i in range(5): assert add(i) is None");
  CHECK(sum == 10);

  python().def("count", [n = 0]() mutable { return ++n; });
  CHECK(eval("[count(), count(), count()]").as<std::vector<int>>() == std::vector<int>{1, 2, 3});

  python().def("owner", [p = std::make_unique<int>(3)] { return *p; });
  CHECK(holds("owner() == 3"));

  const std::function<int(int)> negative = [](int x) { return -x; };
  python().def("negative", negative);
  CHECK(holds("negative(3) == -3"));

  python().def("nothing", [](std::nullptr_t) { return nullptr; });
  CHECK(holds("nothing(None) is None"));
}

TEST_CASE("parameters are taken by value, reference and view, and as Objects") {
  python().def("join", [](const std::string& a, std::string_view b, const char* c, py::Object d, py::Ref e,
                          const py::Object& f, std::vector<int>&& g, const std::optional<int>& h) {
    return a + std::string(b) + c + d.as<std::string>() + e.as<std::string>() + f.as<std::string>() +
           std::to_string(g.size()) + (h ? "!" : "?");
  });
  CHECK(text("join('a', 'b', 'c', 'd', 'e', 'f', [1, 2], None)") == "abcdef2?");
  python().def("same", [](py::Object x) { return x; });
  CHECK(holds("(lambda x: same(x) is x)(object())"));
  python().def("longest", [](int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) {
    return std::vector<int>{a, b, c, d, e, f, g, h, i, j, k, l};
  });
  CHECK(holds("longest(*range(12)) == list(range(12))"));
}

TEST_CASE("def works on every namespace") {
  SECTION("a module") {
    const py::Object math = python().import_module("math");
    math.def("twice", &twice);
    CHECK(holds("__import__('math').twice(4) == 8 and __import__('math').twice.__module__ == 'math'"));
    math.attr("twice").del();
  }
  SECTION("a dict of globals") {
    py::Object globals = py::dict("__name__"_a = "my_rules");
    globals.def("twice", &twice);
    CHECK(python().eval<int>("twice(4)", globals) == 8);
    CHECK(globals["twice"].attr("__module__").as<std::string>() == "my_rules");
  }
  SECTION("a namespace without a name") {
    const py::Object space = python().get("types.SimpleNamespace")();
    space.def("twice", &twice).def("quiet", &quiet);
    CHECK(space.call_method("twice", 4).as<int>() == 8);
    CHECK(space.attr("twice").attr("__module__").is_none());
    CHECK(py::repr(space.attr("twice")) == "<host function twice>");
  }
  SECTION("a class made in Python, where it is a method") {
    python().exec("class Robot:\n  name = 'R2'\n  class Arm: pass");
    python()["Robot"].def("greet", [](py::Object self, std::string whom) {
      return self.attr("name").as<std::string>() + ": hello " + whom;
    });
    CHECK(text("Robot().greet('you')") == "R2: hello you");
    CHECK(text("Robot.greet(Robot(), whom='me') if False else Robot.greet(Robot(), 'me')") == "R2: hello me");
    CHECK(text("Robot.greet.__qualname__") == "Robot.greet");
    CHECK(holds("Robot().greet.__self__.name == 'R2'"));
    CHECK(text("str(__import__('inspect').signature(Robot().greet))") == "(arg2: str, /) -> str");
    py::Object(python()["Robot"].attr("Arm")).def("bend", [](py::Object) {});
    CHECK(text("Robot.Arm.bend.__qualname__") == "Robot.Arm.bend");
  }
  SECTION("the last definition holds") {
    python().def("which", [] { return 1; });
    python().def("which", [] { return 2; });
    CHECK(holds("which() == 2"));
    python().exec("def which(): return 3");
    CHECK(holds("which() == 3"));
  }
  SECTION("not on what takes no attributes") {
    CHECK_THROWS_AS(eval("object()").def("f", &twice), py::AttributeError);
    CHECK_THROWS_AS(py::Object().def("f", &twice), py::StateError);
  }
}

TEST_CASE("member functions take their object first") {
  py::module("geometry").add_class<Point>("Point").init<>().def("x", &Point::x);
  python().def("sum", &Point::sum);
  python().def("move", &Point::move, "point"_a, "by"_a = 1.0);
  python().def("itself", &Point::self, "point"_a, py::keep_alive<0, 1>());
  python().exec("import geometry; p = geometry.Point(); move(p); move(point=p, by=2)");
  CHECK(holds("sum(p) == 3.0 and itself(p) is p"));
  CHECK(text("str(__import__('inspect').signature(move))") == "(point: geometry.Point, by: float = 1.0) -> None");
}

TEST_CASE("names, defaults and kinds of parameters") {
  python().exec("from inspect import signature");
  SECTION("names may be used, and defaults left out") {
    python().def(
        "area", [](double width, double height) { return width * height; }, "width"_a, "height"_a = 2);
    CHECK(holds("area(3) == 6 and area(3, 4) == 12 and area(height=5, width=2) == 10 and area(3, height=1) == 3"));
    CHECK(text("str(signature(area))") == "(width: float, height: float = 2) -> float");
    CHECK_THAT(refusal("area(1, 2, 3)"),
               ContainsSubstring("it takes at most 2 positional arguments, and 3 were given"));
  }
  SECTION("without names arguments are given by place") {
    python().def("minus", [](int a, int b) { return a - b; });
    CHECK(text("str(signature(minus))") == "(arg1: int, arg2: int, /) -> int");
    CHECK_THAT(refusal("minus(1, arg2=2)"), ContainsSubstring("it takes no argument named 'arg2'"));
  }
  SECTION("more arguments than have room on the stack, by place and by name") {
    python().def(
        "many",
        [](int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) {
          return std::vector<int>{a, b, c, d, e, f, g, h, i, j, k, l};
        },
        "a"_a, "b"_a, "c"_a, "d"_a, "e"_a, "f"_a, "g"_a, "h"_a, "i"_a, "j"_a = 9, "k"_a = 10, "l"_a = 11);
    CHECK(holds("many(*range(9)) == list(range(12))"));
    CHECK(holds(
        "many(*range(9), l=0)[-1] == 0 and many(**{c: ord(c) for c in 'abcdefghijkl'}) == list(b'abcdefghijkl')"));
  }
  SECTION("a default is made once, as in Python") {
    python().def(
        "remember",
        [](py::Object list, int x) {
          list.call_method("append", x);
          return py::len(list);
        },
        "list"_a = py::list(), "x"_a = 0);
    CHECK(holds("[remember(), remember(), remember([])] == [1, 2, 1]"));
    CHECK(text("str(signature(remember))") == "(list: Any = [0, 0], x: int = 0) -> int");
  }
  SECTION("a default that does not fit is an error of the call") {
    python().def(
        "wrong", [](int x) { return x; }, "x"_a = "text");
    CHECK(refusal("wrong()") ==
          "wrong(x: int = \"text\") -> int: argument 1 ('x'): cannot convert 'str' \"text\" to int. It was called as "
          "wrong()");
    CHECK(holds("wrong(1) == 1"));
  }
}

TEST_CASE("names that Python could not call are refused") {
  const auto f = [](int, int) {};
  CHECK_THROWS_WITH(python().def("f", f, "a"_a, "a"_a), "SyntaxError: f(): two parameters are named 'a'");
  CHECK_THROWS_WITH(python().def("f", f, "class"_a, "b"_a), "SyntaxError: f(): a parameter cannot be named 'class'");
  CHECK_THROWS_WITH(python().def("f", f, "a b"_a, "b"_a), "SyntaxError: f(): a parameter cannot be named 'a b'");
  CHECK_THROWS_WITH(python().def("f", f, "a"_a = 1, "b"_a),
                    "SyntaxError: f(): 'b' needs a default, because a parameter before it has one");
  CHECK_NOTHROW(python().def("f", f, "a"_a = 1, py::kw_only, "b"_a));
  CHECK_NOTHROW(python().def("f", f, "größe"_a, "_"_a));
}

TEST_CASE("the overload whose parameters are the arguments' own types is called, in whatever order they stand") {
  python().def("number", py::overload([](float) { return "float"; }, [](double) { return "double"; },
                                      [](std::int64_t) { return "int"; }, [](bool) { return "bool"; }));
  CHECK(text("' '.join([number(1.5), number(1), number(True)])") == "double int bool");
  python().def("numbers",
               py::overload([](std::vector<float>) { return "floats"; }, [](std::vector<double>) { return "doubles"; },
                            [](std::vector<int>) { return "ints"; }));
  CHECK(text("numbers(__import__('array').array('d', [1]))") == "doubles");
  CHECK(text("numbers(__import__('array').array('f', [1]))") == "floats");
  CHECK(text("numbers([0.5])") == "doubles");
  CHECK(text("numbers([1, 2])") == "ints");
  CHECK(text("numbers([1, 2.5])") == "floats");  // of none's own types: the first that accepts
  python().def("any",
               py::overload([](py::Object) { return "object"; }, [](int) { return "int"; },
                            [](int, py::Object) { return "int, object"; },
                            [](double, py::Object) { return "double, object"; }, [](py::Args) { return "args"; }));
  CHECK(text("any(1) + ', ' + any('x')") == "int, object");
  CHECK(text("any(1.5, 2)") == "double, object");
  CHECK(text("any(1, 2)") == "int, object");
  CHECK(text("any(1, 2, 3)") == "args");
  python().def("named", py::overload(py::with([](double, float) { return "double"; }, "x"_a, "y"_a = 1.5f),
                                     py::with([](int, py::Kwargs) { return "int"; }, "x"_a)));
  CHECK(text("named(1) + named(x=1, z=2) + named(1.5) + named(y=2, x=1.5)") == "intintdoubledouble");
  CHECK(text("named(True)") == "int");  // the same kind
}

TEST_CASE("of overloads that are as near, the first one that accepts the arguments is called") {
  python().def("kind", py::overload([](int) { return "int"; }, [](double) { return "float"; },
                                    [](std::string) { return "str"; }, [](int, int) { return "two"; }));
  CHECK(text("' '.join([kind(1), kind(1.5), kind('x'), kind(1, 2)])") == "int float str two");
  CHECK(refusal("kind(None)") ==
        "no signature of kind takes kind(None)\n"
        "  kind(arg1: int, /) -> str: argument 1: cannot convert None to int\n"
        "  kind(arg1: float, /) -> str: argument 1: cannot convert None to double\n"
        "  kind(arg1: str, /) -> str: argument 1: cannot convert None to std::string\n"
        "  kind(arg1: int, arg2: int, /) -> str: it is missing argument 2");

  SECTION("each with names and a text of its own") {
    auto set = py::overload(py::with([](double side) { return side * side; }, "side"_a, "Of a square."),
                            py::with([](double width, double height) { return width * height; }, "width"_a, py::kw_only,
                                     "height"_a = 1, "Of a rectangle."));
    python().def("area", set);  // by copy: a set may be used again
    python().def("area", std::move(set));
    CHECK(holds("area(3) == 9 and area(side=2) == 4 and area(width=3) == 3 and area(3, height=4) == 12"));
    CHECK(text("area.__doc__") ==
          "area(side: float) -> float\nOf a square.\n\narea(width: float, *, height: float = 1) -> float\nOf a "
          "rectangle.");
    CHECK(text("str(__import__('inspect').signature(area))") == "(*args, **kwargs)");
    CHECK(holds("area.__signatures__ == ['(side: float) -> float', '(width: float, *, height: float = 1) -> float']"));
  }
  SECTION("what one throws is no reason to try the next") {
    python().def("throws", py::overload([](int) { throw std::out_of_range("first"); }, [](py::Object) {}));
    CHECK(thrown<std::out_of_range>([] { eval("throws(1)"); }).what() == std::string("first"));
    CHECK(holds("throws('x') is None"));
  }
  SECTION("extras behind the set are for all of them") {
    python().def("both", py::overload([](int) {}, [](std::string) {}), "A text.");
    CHECK(text("both.__doc__") == "both(arg1: int, /) -> None\nA text.\n\nboth(arg1: str, /) -> None\nA text.");
  }
}

TEST_CASE("wrong arguments are TypeErrors that say what was wanted and what was given") {
  python().def(
      "two", [](int, std::vector<int>) {}, "number"_a, "list"_a);
  python().def("zero", [] {});
  const auto why = [](const char* expression) {
    const std::string message = refusal(expression);
    return message.substr(std::min(message.find("-> None: "), message.size()) + 9);
  };
  CHECK(refusal("two(1)") ==
        "two(number: int, list: collections.abc.Sequence[int]) -> None: it is missing 'list'. It was called as two(1)");
  CHECK(why("two()") == "it is missing 'number', 'list'. It was called as two()");
  CHECK(why("two(1, [], 3)") == "it takes 2 positional arguments, and 3 were given. It was called as two(1, [], 3)");
  CHECK(why("zero(1)") == "it takes no positional arguments, and 1 was given. It was called as zero(1)");
  CHECK(why("zero(x=1)") == "it takes no argument named 'x'. It was called as zero(x=1)");
  CHECK(why("two(1, number=2)") == "it got two values for the argument 'number'. It was called as two(1, number=2)");
  CHECK(why("two('x', [])") ==
        "argument 1 ('number'): cannot convert 'str' \"x\" to int. It was called as two(\"x\", [])");
  CHECK(why("two(2**40, [])") ==
        "argument 1 ('number'): cannot convert 'int' 1099511627776 to int: out of range. It was called as "
        "two(1099511627776, [])");
  CHECK_THAT(why("two(1, 'x')"),
             ContainsSubstring("argument 2 ('list'): cannot convert 'str' \"x\" to std::vector<int>: a str is not "
                               "split into characters: pass a list"));
  CHECK_THAT(why("two(1, [0, None])"), ContainsSubstring("argument 2 ('list')[1]: cannot convert None to int"));
  CHECK_THAT(why("two(number=1, list=3)"), ContainsSubstring("It was called as two(number=1, list=3)"));
  python().def("second", [](py::Object, int) {});
  CHECK_THAT(why("second([], 'x')"), ContainsSubstring("argument 2: cannot convert 'str' \"x\" to int"));

  SECTION("values whose repr fails, or is long, are shown all the same") {
    python().exec("class Bad:\n  def __repr__(self): raise OSError('repr')");
    CHECK_THAT(why("two(Bad(), [])"), ContainsSubstring("cannot convert 'Bad' <its repr() failed> to int"));
    CHECK(why("two('x' * 100000, [])").size() < 500);
  }
  SECTION("what an argument's own code raises is raised") {
    python().exec("class Fails:\n  def __index__(self): raise OSError('index')");
    CHECK(thrown<py::OSError>([] { eval("two(Fails(), [])"); }).message() == "index");
    CHECK(thrown<py::OSError>([] { eval("two(1, [Fails()])"); }).message() == "index");
  }
  SECTION("a class without a Python class is said to be so") {
    struct Unknown {};
    python().def("unknown", [](const Unknown&) {});
    CHECK_THAT(refusal("unknown(1)"),
               ContainsSubstring("this C++ type has no Python class: call add_class() before its first use"));
    CHECK_THAT(refusal("unknown(1)"), ContainsSubstring("(arg1: typing.Any, /) -> None"));
  }
}

TEST_CASE("Python's tools know a host function") {
  python().def(
      "scale", [](double x, double by) { return x * by; }, "x"_a, "by"_a = 2.0, "Scales a number.\n\nBy two at first.");
  python().exec("import copy, functools, inspect, pickle, pydoc, typing, weakref");
  SECTION("its names") {
    CHECK(holds("(scale.__name__, scale.__qualname__, scale.__module__) == ('scale', 'scale', '__main__')"));
    CHECK(text("repr(scale)") == "<host function __main__.scale>");
    CHECK(holds("callable(scale) and inspect.isroutine(scale) and not inspect.isclass(scale)"));
  }
  SECTION("its texts") {
    CHECK(text("scale.__doc__") == "Scales a number.\n\nBy two at first.");
    CHECK_THAT(text("pydoc.plain(pydoc.render_doc(scale)).replace(' ' * 4 + '\\n', '\\n')"),
               ContainsSubstring("in module __main__\n\nscale(x: float, by: float = 2.0) -> float\n    Scales a "
                                 "number.\n\n    By two at first.\n"));
    python().def("silent", [] {});
    CHECK(holds("silent.__doc__ is None"));
  }
  SECTION("its signature") {
    CHECK(holds("inspect.signature(scale).parameters['by'].default == 2.0"));
    CHECK(holds("inspect.signature(scale).parameters['x'].annotation is float"));
    CHECK(holds("inspect.signature(scale).bind(1, by=3).arguments == {'x': 1, 'by': 3}"));
    CHECK(holds("typing.get_type_hints(scale) == {'x': float, 'by': float, 'return': float}"));
    CHECK(holds("inspect.getfullargspec(scale).args == ['x', 'by']"));
  }
  SECTION("functools") {
    python().exec("@functools.wraps(scale)\ndef wrapper(*a, **k): return scale(*a, **k)");
    CHECK(holds("wrapper(3) == 6 and wrapper.__name__ == 'scale' and wrapper.__wrapped__ is scale"));
    CHECK(text("str(inspect.signature(wrapper))") == "(x: float, by: float = 2.0) -> float");
    CHECK(holds("functools.partial(scale, by=3)(2) == 6 and functools.lru_cache(scale)(2) == 4"));
    CHECK(text("str(inspect.signature(functools.partial(scale, 1)))") == "(by: float = 2.0) -> float");
    CHECK(holds("functools.reduce(scale, [1, 2, 3]) == 6"));
  }
  SECTION("pickle, copy, weak references, hash") {
    CHECK(holds("all(pickle.loads(pickle.dumps(scale, p)) is scale for p in range(pickle.HIGHEST_PROTOCOL + 1))"));
    CHECK(holds("copy.copy(scale) is scale and copy.deepcopy([scale])[0] is scale"));
    CHECK(holds("weakref.ref(scale)() is scale and scale == scale and scale != print and {scale: 1}[scale] == 1"));
    python()["lost"] = python()["scale"];
    python().exec("ref = weakref.ref(scale, lambda r: gone.append(1)); gone = []\ndel scale, lost");
    CHECK(holds("ref() is None and gone == [1]"));
  }
  SECTION("attributes of its own") {
    python().exec("scale.note = 'mine'\nassert scale.note == 'mine'\ndel scale.note\nscale.__name__ = 'other'");
    CHECK(holds("scale.__name__ == 'other' and not hasattr(scale, 'note') and 'scale' in repr(scale)"));
    python().exec("scale.__dict__ = {}");
    CHECK_THAT(text("repr(scale)"), ContainsSubstring("<host function"));
    CHECK(holds("scale(1) == 2"));
  }
  SECTION("called by Python's own functions") {
    CHECK(holds("list(map(scale, [1, 2])) == [2, 4] and sorted([1, -2, 3], key=scale) == [-2, 1, 3]"));
    CHECK(holds("scale.__call__(2) == 4 and max([1, 5, 2], key=scale) == 5"));
  }
  SECTION("a method where a class has it") {
    python().exec(
        "class Num(float):\n  scaled = scale\n  static = staticmethod(scale)\n  twice = functools.partialmethod(scale, "
        "4)\n  prop = property(scale)\nn = Num(3)");
    CHECK(
        holds("n.scaled() == 6 and n.scaled(by=3) == 9 and Num.scaled(n) == 6 and n.static(2) == 4 and n.twice() == 12 "
              "and n.prop == 6"));
    CHECK(text("str(inspect.signature(n.scaled))") == "(by: float = 2.0) -> float");
    CHECK(holds("scale.__get__(n)() == 6 and scale.__get__(None, Num) is scale"));
  }
  SECTION("its type cannot be made or derived from") {
    CHECK_THAT(refusal("type(scale)()"), ContainsSubstring("cannot create 'latepy.function' instances"));
    CHECK_THROWS_AS(eval("object.__new__(type(scale))"), py::TypeError);
    CHECK_THROWS_AS(python().exec("class Mine(type(scale)): pass"), py::TypeError);
    // Else the interpreter would look for a method at each call.
    if (minor_version() >= 10) CHECK_THAT(refusal("setattr(type(scale), 'x', 1)"), ContainsSubstring("immutable type"));
  }
  SECTION("whatever a script does to it, it is called or refused") {
    python().exec(R"(
        kind = type(scale)
        for odd in [
            lambda: scale.__get__(None, None), lambda: kind.__get__(3), lambda: kind.__get__(scale), lambda: kind.__call__(3),
            lambda: kind.__dict__['__doc__'].__get__(3), lambda: kind.__dict__['__signature__'].__get__(scale),
            lambda: scale.__init__(1, 2), lambda: scale.__reduce_ex__(4), lambda: kind.__reduce__(3), lambda: dir(scale), lambda: vars(scale),
            lambda: inspect.getmembers(scale), lambda: delattr(scale, '__dict__'), lambda: setattr(scale, '__class__', object),
            lambda: setattr(scale, '__dict__', 3), lambda: setattr(scale, '__doc__', 'x'), lambda: delattr(scale, '__qualname__'),
            lambda: scale.__reduce__(), lambda: pickle.dumps(scale), lambda: repr(scale), lambda: setattr(scale, '__module__', 3),
            lambda: repr(scale), lambda: inspect.signature(scale), lambda: pydoc.render_doc(scale), lambda: setattr(kind, 'x', 1),
            lambda: scale(*[1] * 1000), lambda: scale(**{'x': 1, chr(0x10ffff): 2}), lambda: scale(**{'\udc80': 1}), lambda: scale(1, by='\udc80'),
        ]:
            try: odd()
            except (TypeError, AttributeError, ValueError, pickle.PicklingError): pass
    )");
    CHECK(holds("scale(2) == 4"));
  }
  SECTION("types of the standard library") {
    python().def(
        "call", [](std::function<int(int)> f, std::optional<int> x) { return f(x.value_or(1)); }, "f"_a,
        "x"_a = nullptr);
    CHECK(holds("call(lambda x: x + 1) == 2 and call(lambda x: x + 1, 3) == 4"));
    CHECK(text("call.__signatures__[0]") ==
          "(f: collections.abc.Callable[[int], int], x: typing.Optional[int] = None) -> int");
    CHECK(holds("inspect.signature(call).parameters['x'].annotation == typing.Optional[int]"));
  }
}

TEST_CASE("a function may be called from any thread of Python or C++") {
  std::atomic<int> calls{0};
  python().def("bump", [&](int by) { calls += by; });
  python().exec(
      "import concurrent.futures as cf\n"
      "with cf.ThreadPoolExecutor(4) as pool: list(pool.map(bump, [1] * 400))");
  CHECK(calls == 400);
  const py::Object bump = python()["bump"];
  {
    const py::GilRelease others;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 100; ++n) {
          const py::GilGuard gil;
          bump(1);
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(calls == 800);
}

TEST_CASE("Python and C++ may call each other deeply") {
  python().def("down",
               [](int depth, py::Object next) -> int { return depth == 0 ? 0 : 1 + next(depth - 1).as<int>(); });
  python().exec("def step(depth): return down(depth, step)\nimport sys\nsys.setrecursionlimit(5000)");
  CHECK(holds("step(200) == 200"));  // debug builds of CPython allow no 500
  // Without an end it is a RecursionError, which passes through all the C++ frames.
  python().exec("def endless(_): return down(1, endless)\nsys.setrecursionlimit(1000)");
  CHECK_THROWS_AS(eval("endless(1)"), py::RuntimeError);
  CHECK(thrown<py::RuntimeError>([] { eval("endless(1)"); }).type_name() == "RecursionError");
  CHECK(holds("step(20) == 20"));
}

TEST_CASE("the callable lives as long as its function") {
  int alive = 0;
  python().def("kept", Counted(&alive));
  python().exec("other = kept\ndel kept");
  CHECK(python().eval<int>("other()") == 1);
  python().exec("del other");
  CHECK(alive == 0);

  SECTION("also where the last reference goes on another thread") {
    python().def("kept", Counted(&alive));
    python().exec(
        "import threading\nt = threading.Thread(target=lambda f: None, args=[globals().pop('kept')])\nt.start(); "
        "t.join(); del t");
    CHECK(alive == 0);
    python().def("kept", Counted(&alive));
    std::optional<py::Object> elsewhere(python()["kept"]);
    python().exec("del kept");
    std::thread([&] { elsewhere.reset(); }).join();
    CHECK(alive == 1);
    { const py::GilGuard drains; }
    CHECK(alive == 0);
  }
  SECTION("a function that deletes itself runs to its end") {
    python().def("once", [counted = Counted(&alive)] {
      python().exec("del once");
      return counted();
    });
    CHECK(holds("once() == 1"));
    CHECK(alive == 0);
    CHECK_THROWS_AS(eval("once()"), py::NameError);
  }
  SECTION("so does one that C++ calls, however deep in itself it drops its last reference") {
    py::Object once;
    once = py::dict();
    once.def("f", [&, counted = Counted(&alive)](int deeper) {
      if (deeper > 0) return once.call<int>(deeper - 1) + counted();
      once = py::Object();
      return counted();
    });
    once = once["f"];
    CHECK(once.call<int>(2) == 3);
    CHECK(once.is_empty());
    CHECK(alive == 0);
  }
  SECTION("so does one that defines itself anew, and throws") {
    python().def("again", [counted = Counted(&alive)] {
      python().def("again", [] { return "new"; });
      if (counted() == 1) throw std::runtime_error("old");
    });
    CHECK_THROWS_AS(eval("again()"), std::runtime_error);
    CHECK(alive == 0);
    CHECK(text("again()") == "new");
  }
}

TEST_CASE("cycles through a function's defaults and attributes are collected") {
  int alive = 0;
  {
    py::Object list = py::list();
    python().def(
        "looped", [counted = Counted(&alive)](py::Object) {}, "list"_a = list);
    list.call_method("append", python()["looped"]);
    python().exec("looped.me = looped");
  }
  python().exec("import gc\ngc.collect()");
  CHECK(alive == 1);
  python().exec("del looped\ngc.collect()");
  CHECK(alive == 0);
}

TEST_CASE("functions and calls leak nothing") {
  const py::Object globals = py::dict();
  globals.def("f", [](std::vector<std::string> v) { return v; });
  globals.def(
      "g", [](int a, py::Args, int b, py::Kwargs) { return a + b; }, "a"_a, "b"_a = 2);
  globals.def("o", py::overload([](int) {}, [](std::string) {}));
  const py::Object f = globals["f"], g = globals["g"], o = globals["o"];
  watched()["f"] = f;
  watched()["g"] = g;
  watched()["o"] = o;
  const std::vector<std::string> words{"a", "b"};
  CHECK_STEADY(f(words));
  CHECK_STEADY(g(1, 2, 3, "b"_a = 1, "c"_a = 2));
  CHECK_STEADY(g(1));
  CHECK_STEADY(o("x"));
  CHECK_STEADY(globals.def(
      "h", [words] { return words; }, "Text.");
               globals["h"]());
  CHECK_STEADY(globals.def(
      "h", [](py::Object) {}, "x"_a = py::list()));
  CHECK_STEADY(thrown<py::TypeError>([&] { f(3); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { g("b"_a = 1, "c"_a = 2); }));
  CHECK_STEADY(thrown<py::TypeError>([&] { o(nullptr); }));
  CHECK_STEADY(g.attr("__signature__").as<py::Object>(); g.attr("__annotations__").as<py::Object>();
               py::repr(o.attr("__doc__")));
}

TEST_CASE("a Function is a Python callable that is found once and called many times") {
  const py::Function<double(double, double)> hypot(python().get("math.hypot"));
  CHECK(hypot(3, 4) == 5);
  CHECK(hypot.object().same(python().get("math.hypot")));
  python().exec("def join(text, count): return text * count");
  const auto join = python()["join"].as<py::Function<std::string(const std::string&, int)>>();
  CHECK(join("ab", 2) == "abab");
  const py::Function<py::Object(int)> to_object(python().get("builtins.str"));
  CHECK(to_object(7).as<std::string>() == "7");
  std::vector<int> seen;
  python().def("see", [&](int number) { seen.push_back(number); });
  const py::Function<void(int)> see(python()["see"]);
  for (int i = 0; i < 3; ++i) see(i);
  CHECK(seen == std::vector<int>{0, 1, 2});
  python().exec("class Adder:\n  def __init__(self, to): self.to = to\n  def __call__(self, x): return self.to + x");
  CHECK(py::Function<int(int)>(python().eval("Adder(3)"))(4) == 7);
}

TEST_CASE("a Function goes both ways between Python and the host") {
  python().def("twice_of", [](const py::Function<int(int)>& function, int x) { return function(function(x)); });
  CHECK(holds("twice_of(lambda x: x + 5, 1) == 11"));
  CHECK(refusal("twice_of(3, 1)").find("Callable[[int], int]") != std::string::npos);
  python()["again"] = py::Function<int(int)>(python().get("operator.neg"));
  CHECK(python()["again"].as<py::Object>().same(python().get("operator.neg")));
  CHECK_FALSE(python().eval("3").is<py::Function<int()>>());
  python().def("kind", py::overload([](py::Object) { return "object"; }, [](py::Function<int()>) { return "call"; }));
  CHECK(text("kind(len) + ' ' + kind(3)") == "call object");
}

TEST_CASE("a Function lends objects of bound classes that it is given by reference") {
  const py::Function<void(Point&)> move(python().eval("lambda point: setattr(point, 'x', 5)"));
  Point point;
  move(point);
  CHECK(point.x == 5);
}

TEST_CASE("a Function throws what the callable raises, and says what is no function") {
  const py::Function<int(int)> wrong(python().eval("lambda x: 1 / x"));
  CHECK_THROWS_AS(wrong(0), py::ZeroDivisionError);
  CHECK(wrong.try_call(0).error().type_name() == "ZeroDivisionError");
  CHECK(wrong.try_call(1).error().is("TypeError"));  // 1.0 is no int
  CHECK_THROWS_AS(wrong(1), py::ConversionError);
  const py::Function<int(int)> empty;
  CHECK_FALSE(empty);
  CHECK_THROWS_AS(empty(1), py::StateError);
  CHECK_THROWS_AS(py::to_py(empty), py::StateError);
  CHECK_THROWS_AS(py::Function<int()>(py::Object()), py::StateError);
  CHECK(std::string(thrown<py::ConversionError>([] { py::Function<int()> none(python().eval("3")); }).what())
            .find("cannot convert 'int' 3 to ") == 0);
}

TEST_CASE("a lambda or function of C++ is an argument, as a function that def() made") {
  const auto twice = [](int x) { return 2 * x; };
  CHECK(eval("lambda f: f(4)")(twice).as<int>() == 8);
  CHECK(eval("lambda f, x: list(map(f, x))")([](int x) { return x + 1; }, py::list(1, 2)) == py::list(2, 3));
  int calls = 0;
  eval("lambda f: [f() for _ in range(3)]")([&calls] { ++calls; });
  CHECK(calls == 3);
  python()["kept"] = [owned = std::make_unique<int>(7)] { return *owned; };
  CHECK(eval("kept()").as<int>() == 7);
  CHECK(eval("lambda key: max([1, -5, 3], key=key)")(+[](int x) { return std::abs(x); }).as<int>() == -5);
  CHECK(py::to_py(static_cast<int (*)(int)>(nullptr)).is_none());
  python().def("doubler", [&] { return twice; });
  CHECK(holds("doubler()(4) == 8"));
  CHECK(text("doubler.__signatures__[0]") == "() -> collections.abc.Callable");
  CHECK_THAT(thrown<py::TypeError>([&] { eval("lambda f: f('a')")(twice); }).message(),
             ContainsSubstring("function(arg1: int, /) -> int: argument 1: cannot convert 'str' \"a\" to int"));
  CHECK_STEADY(eval("callable")(twice));
}
