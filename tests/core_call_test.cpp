// Tests of latepy/core/call.hpp: calls with positional, named and unpacked arguments.
// SPDX-License-Identifier: MIT
#include <latepy/stl/pair.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

using py::Object;

namespace {

/// What refuses to become a Python object.
struct Stubborn {};

/// A function that gives what it was called with: `(args, kwargs)`.
Object tell() { return eval("lambda *args, **kwargs: (args, kwargs)"); }

/// As on a CPython that does not export _PyObject_GetMethod, for a scope.
struct WithoutGetMethod {
  explicit WithoutGetMethod(bool without) {
    if (without) py::detail::library_state.api.Object_GetMethod = nullptr;
  }
  ~WithoutGetMethod() { py::detail::library_state.api.Object_GetMethod = before; }
  decltype(py::detail::Api::Object_GetMethod) before = py::detail::api().Object_GetMethod;
};

long refcount(const Object& object) { return python().get("sys.getrefcount").call<long>(object); }

}  // namespace

template <>
struct latepy::Converter<Stubborn> {
  static Object to_py(const Stubborn&) { throw ConversionError("a Stubborn is no object"); }
};

TEST_CASE("positional arguments are of any convertible type") {
  const Object object = eval("object()"), dict = eval("{'k': 'item'}");
  const py::Ref ref = object;
  const Object result = tell()(1, 2.5, "text", std::string("s"), true, nullptr, object, ref);
  const Object arguments = result[0];
  CHECK((arguments[py::slice(0, 6)] == eval("(1, 2.5, 'text', 's', True, None)")));
  CHECK(arguments[6].as<Object>().same(object));
  CHECK(arguments[7].as<Object>().same(object));
  CHECK((tell()(dict["k"], dict.attr("__class__")) == eval("(('item', dict), {})")));
  CHECK(tell()() == eval("((), {})"));
}

TEST_CASE("named arguments are written \"name\"_a = value or arg(\"name\") = value") {
  CHECK(tell()("b"_a = 2, "a"_a = "x") == eval("((), {'b': 2, 'a': 'x'})"));
  CHECK(tell()(1, py::arg("n") = nullptr) == eval("((1,), {'n': None})"));
  const auto name = std::string("made ") + "here";
  CHECK(tell()(py::arg(name.c_str()) = 1) == eval("((), {'made here': 1})"));
  const py::Arg kept = "k"_a = 5;
  CHECK(tell()(kept) == eval("((), {'k': 5})"));
  CHECK(tell()(kept) == eval("((), {'k': 5})"));  // and again: a call takes nothing from it
  const py::Arg& bound = "b"_a = 6;
  static_assert(!std::is_reference_v<decltype("b"_a = 6)>);  // a reference would be to what is gone
  CHECK(tell()(bound) == eval("((), {'b': 6})"));
  CHECK(tell()("\xc3\xbc"_a = 1) == eval("((), {'\xc3\xbc': 1})"));
}

TEST_CASE("order is kept, and a positional argument may stand after a named one") {
  CHECK(tell()("a"_a = 1, 2, "b"_a = 3, 4) == eval("((2, 4), {'a': 1, 'b': 3})"));
  CHECK(py::list_of(tell()("z"_a = 1, "y"_a = 2, "x"_a = 3)[1]) == eval("['z', 'y', 'x']"));
  CHECK(py::list_of(tell()(py::kwargs(eval("{'q': 0, 'p': 0}")), "a"_a = 1)[1]) == eval("['q', 'p', 'a']"));
}

TEST_CASE("args() and kwargs() unpack, as * and ** do, as often as one likes") {
  const Object list = eval("[1, 2]"), tuple = eval("(3,)"), dict = eval("{'a': 4}");
  CHECK(tell()(py::args(list)) == eval("((1, 2), {})"));
  CHECK(tell()(0, py::args(list), py::args(tuple), 9) == eval("((0, 1, 2, 3, 9), {})"));
  CHECK(tell()(py::kwargs(dict)) == eval("((), {'a': 4})"));
  CHECK(tell()(0, py::args(list), "z"_a = 5, py::kwargs(dict)) == eval("((0, 1, 2), {'z': 5, 'a': 4})"));
  CHECK(tell()(py::kwargs(dict), py::kwargs(eval("{'b': 6}"))) == eval("((), {'a': 4, 'b': 6})"));
  CHECK(tell()(py::args(eval("(x * x for x in range(3))"))) == eval("((0, 1, 4), {})"));  // any iterable
  CHECK(tell()(py::args(py::list()), py::kwargs(py::dict())) == eval("((), {})"));
  CHECK(tell()(py::kwargs(python().run_string(R"(
      class Mapping:
          def keys(self): return ['m']
          def __getitem__(self, key): return key * 2
      Mapping()
  )"))) == eval("((), {'m': 'mm'})"));
  CHECK(list == eval("[1, 2]"));
  CHECK(dict == eval("{'a': 4}"));
}

TEST_CASE("what cannot be unpacked is Python's own error") {
  CHECK_THROWS_AS(tell()(py::args(5)), py::TypeError);
  CHECK_THROWS_AS(tell()(py::kwargs(5)), py::Exception);
  CHECK_THROWS_AS(tell()(py::kwargs(eval("{1: 2}"))), py::TypeError);  // names are str
  CHECK_THROWS_AS(tell()(py::args(eval("(1 // 0 for x in 'a')"))), py::ZeroDivisionError);
}

TEST_CASE("two values for one argument are a TypeError, whichever way they come") {
  const Object f = eval("lambda x, y=0: (x, y)"), dict = eval("{'x': 2}");
  CHECK_THROWS_AS(f("x"_a = 1, "x"_a = 2), py::TypeError);
  CHECK_THROWS_AS(f(1, "x"_a = 2), py::TypeError);
  CHECK_THROWS_AS(f(1, py::kwargs(dict)), py::TypeError);
  const std::string text = thrown<py::TypeError>([&] { f("x"_a = 1, py::kwargs(dict)); }).message();
  CHECK_THAT(text, ContainsSubstring("'x'"));
  CHECK_THROWS_AS(f(py::kwargs(dict), py::kwargs(dict)), py::TypeError);
  // also where the callable itself would take the last one
  CHECK_THROWS_AS(tell()("x"_a = 1, "x"_a = 2), py::TypeError);
  CHECK_THROWS_AS(eval("dict")("x"_a = 1, "x"_a = 2), py::TypeError);
  CHECK_THROWS_AS(eval("dict")("x"_a = 1, "y"_a = 1, "x"_a = 2), py::TypeError);
  CHECK_THROWS_AS(eval("{}").call_method("update", "x"_a = 1, "x"_a = 2), py::TypeError);
}

TEST_CASE("a name without a value says how to write it") {
  const std::string text = thrown<py::TypeError>([] { tell()("hours"_a); }).what();
  CHECK_THAT(text, ContainsSubstring("\"hours\"_a = value"));
  CHECK_THROWS_AS(tell()(1, py::arg("x")), py::TypeError);
  CHECK_THROWS_AS(eval("'{x}'").call_method("format", "x"_a), py::TypeError);
}

TEST_CASE("more than eight arguments work as fewer do") {
  python();
  CHECK(tell()(0, 1, 2, 3, 4, 5, 6, 7) == py::tuple(py::tuple_of(eval("range(8)")), py::dict()));
  CHECK(tell()(0, 1, 2, 3, 4, 5, 6, 7, 8) == py::tuple(py::tuple_of(eval("range(9)")), py::dict()));
  CHECK(tell()(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) ==
        py::tuple(py::tuple_of(eval("range(16)")), py::dict()));
  CHECK(tell()(0, 1, 2, 3, 4, "a"_a = 5, "b"_a = 6, "c"_a = 7, "d"_a = 8, "e"_a = 9, "f"_a = 10) ==
        eval("((0, 1, 2, 3, 4), dict(a=5, b=6, c=7, d=8, e=9, f=10))"));
  const Object of_many = python().run_string("class Many:\n  def tell(self, *args, **kw): return args, kw\nMany()\n");
  CHECK(of_many.call_method("tell", 0, 1, 2, 3, 4, 5, 6) == py::tuple(py::tuple_of(eval("range(7)")), py::dict()));
  CHECK(of_many.call_method("tell", 0, 1, 2, 3, 4, 5, 6, 7) == py::tuple(py::tuple_of(eval("range(8)")), py::dict()));
  CHECK(of_many.call_method("tell", 0, 1, 2, 3, 4, 5, 6, 7, 8, "k"_a = 9) ==
        py::tuple(py::tuple_of(eval("range(9)")), py::dict("k"_a = 9)));
}

TEST_CASE("methods are called by call_method or by attr()(…)") {
  const WithoutGetMethod without(GENERATE(false, true));
  const Object text = eval("'a-b'"), list = eval("[3, 1, 2]");
  CHECK(text.call_method("upper") == "A-B");
  CHECK(text.call_method("split", "-") == eval("['a', 'b']"));
  CHECK((text.attr("split")("-") == eval("['a', 'b']")));
  CHECK(text.attr("replace").call<std::string>("-", "+") == "a+b");
  list.call_method("sort", "reverse"_a = true);
  CHECK(list == eval("[3, 2, 1]"));
  list.attr("sort")("key"_a = eval("lambda x: x % 3"));
  CHECK(list == eval("[3, 1, 2]"));
  CHECK(eval("'{} {x}'").call_method("format", py::args(py::list(1)), py::kwargs(py::dict("x"_a = 2))) == "1 2");
  CHECK((eval("'{x} {}'").attr("format")("x"_a = 1, 2) == "1 2"));
  const std::string gone = thrown<py::AttributeError>([&] { text.call_method("gone", 1); }).message();
  CHECK_THAT(gone, ContainsSubstring("'gone'"));
  CHECK_THROWS_AS(text.call_method("gone", py::args(list)), py::AttributeError);
  CHECK_THROWS_AS(text.attr("gone")(1), py::AttributeError);
}

TEST_CASE("static methods, class methods, attributes that are callable and __getattr__ are methods too") {
  const WithoutGetMethod without(GENERATE(false, true));
  const Object odd = python().run_string(R"(
      class Odd:
          @staticmethod
          def static(x): return ('static', x)
          @classmethod
          def of_class(cls, x): return (cls.__name__, x)
          def __getattr__(self, name): return lambda *a: (name, *a)
          def __call__(self, x): return ('call', x)
          def goes(self): del Odd.goes; return ('goes', self)
      odd = Odd()
      odd.field = lambda x: ('field', x)
      odd
  )");
  CHECK(odd.call_method("static", 1) == eval("('static', 1)"));
  CHECK(odd.call_method("of_class", 1) == eval("('Odd', 1)"));
  CHECK(odd.call_method("field", 1) == eval("('field', 1)"));
  CHECK(odd.call_method("made_up", 1) == eval("('made_up', 1)"));
  CHECK(odd(1) == eval("('call', 1)"));
  CHECK(odd.call_method("goes") == py::tuple("goes", odd));  // it is kept as long as it runs
}

TEST_CASE("call<T> converts the result, and void drops it") {
  const Object add = eval("lambda a, b: a + b");
  CHECK(add.call<int>(1, 2) == 3);
  CHECK(add.call<std::string>("a", "b") == "ab");
  CHECK(add.call<Object>(1, 2) == 3);
  add.call<void>(1, 2);
  CHECK_THROWS_AS(add.call<int>("a", "b"), py::ConversionError);
  static_assert(std::is_same_v<decltype(add.call<int>()), int>);
  static_assert(std::is_void_v<decltype(add.call<void>())>);
}

TEST_CASE("a result that does not convert is an error that names what returned it") {
  python().exec(
      "import functools\n"
      "def forgets(x=0): x * 2\n"
      "def nested(): return [1, [2, 'three']]\n"
      "class Tool:\n"
      "  def use(self): return 'used'\n"
      "  def __call__(self): return None\n"
      "  alias = lambda self: None\n"
      "tool = Tool()",
      {}, "tools.py");
  const auto why = [](auto&& call) -> std::string { return thrown<py::ConversionError>(call).what(); };
  const std::string forgets =
      "cannot convert None to int; this is what forgets() (tools.py:2) returned: does it lack a return statement?";
  CHECK(why([] { eval("forgets").call<int>(); }) == forgets);
  CHECK(why([] { python()["forgets"].call<int>(); }) == forgets);
  CHECK(why([] { python().call<int>("__main__", "forgets"); }) == forgets);
  CHECK(why([] { eval("functools.partial(forgets, 1)").call<int>(); }).find("(tools.py:2) returned") !=
        std::string::npos);
  const Object tool = python()["tool"];
  CHECK(why([&] { tool.attr("use").call<int>(); }) ==
        "cannot convert 'str' \"used\" to int; this is what Tool.use() (tools.py:5) returned");
  CHECK(why([&] { Object(tool.attr("use")).call<int>(); }) ==
        "cannot convert 'str' \"used\" to int; this is what Tool.use() (tools.py:5) returned");
  CHECK_THAT(why([&] { tool.call<int>(); }), ContainsSubstring("this is what Tool() (tools.py:6) returned"));
  CHECK_THAT(why([&] { tool.attr("alias").call<int>(); }),
             ContainsSubstring("what Tool.alias() (tools.py:7) returned"));
  CHECK_THAT(why([] { eval("len").call<std::string>(eval("'abc'")); }),
             ContainsSubstring("this is what len() returned"));
  const auto error = thrown<py::ConversionError>([] { eval("nested").call<std::pair<int, std::vector<int>>>(); });
  CHECK(error.path() == "[1][1]");
  CHECK(error.what() ==
        std::string("[1][1]: cannot convert 'str' \"three\" to int; this is in what nested() (tools.py:3) returned"));
}

TEST_CASE("what is called may drop the last reference to itself") {
  static Object held;
  python().def("drop", [] { held = Object(); });
  const auto renew = [] { held = eval("(lambda: lambda: drop() or 'text')()"); };
  const auto names_it = ContainsSubstring("this is what <lambda>.<locals>.<lambda>() (");
  renew();
  CHECK_THAT(thrown<py::ConversionError>([] { held.call<int>(); }).what(), names_it);
  renew();
  CHECK_THAT(held.try_call<int>().error().message(), names_it);
  renew();
  const auto function = std::make_unique<py::Function<int()>>(std::exchange(held, Object()));
  python().def("drop", [&] { *function = py::Function<int()>(); });
  CHECK_THAT(thrown<py::ConversionError>([&] { (*function)(); }).what(), names_it);
  python().exec("del drop");
}

TEST_CASE("classes are called like functions") {
  const Object timedelta = python().get("datetime.timedelta");
  CHECK(timedelta(1, "hours"_a = 2).call_method("total_seconds") == 93600.0);
  CHECK(eval("int")("ff", 16) == 255);
}

TEST_CASE("errors of a call are Python's, and a wrong argument list is a TypeError") {
  CHECK_THROWS_AS(eval("len")(5), py::TypeError);
  CHECK_THROWS_AS(eval("len")(), py::TypeError);
  CHECK_THROWS_AS(eval("lambda x: x")("y"_a = 1), py::TypeError);
  CHECK_THROWS_AS(eval("5")(), py::TypeError);
  CHECK_THROWS_AS(eval("int")("x"), py::ValueError);
  CHECK_THROWS_AS(eval("lambda: 1 // 0")(), py::ZeroDivisionError);
}

TEST_CASE("an argument that does not convert leaks nothing of those before it") {
  const Object object = eval("object()"), f = tell();
  const long before = refcount(object);
  for (int i = 0; i < 10; ++i) {
    CHECK_THROWS_AS(f(object, Object(object), "o"_a = object, Stubborn(), object), py::ConversionError);
    CHECK_THROWS_AS(f("o"_a = object, "x"_a = Stubborn()), py::ConversionError);
    CHECK_THROWS_AS(f(py::args(py::list(object)), "invalid \xff"), py::ConversionError);
    CHECK_THROWS_AS(f(py::list(object, Object(object), Stubborn())), py::ConversionError);
    CHECK_THROWS_AS(f(py::tuple(object, Stubborn())), py::ConversionError);
    CHECK_THROWS_AS(f(object, "x"_a), py::TypeError);
    CHECK_THROWS_AS(f("x"_a = object, py::kwargs(py::dict("x"_a = object))), py::TypeError);
    CHECK_THROWS_AS(f("x"_a = object, "x"_a = object), py::TypeError);
    CHECK_THROWS_AS(f(object, Object()), py::StateError);
  }
  CHECK(refcount(object) == before);
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("arguments are neither moved from nor changed") {
  Object object = eval("[1]");
  const std::string text = "text";
  std::string moved = "moved";
  tell()(object, text, std::move(moved), std::move(object));
  CHECK(object == eval("[1]"));
  CHECK(text == "text");
}

TEST_CASE("calls go deep, and from Python back into calls") {
  const Object apply = eval("lambda f, *a: f(*a)");
  CHECK(apply(apply, apply, eval("max"), 3, 9, 4) == 9);
  const std::string text =
      thrown<py::RuntimeError>([] { python().run_string("def f(): return f()\nf()"); }).type_name();
  CHECK(text == "RecursionError");
}

TEST_CASE("names that the table of names has no room for any more are made for each call") {  // the last: it stays full
  constexpr int count = 4 * int(py::detail::interned_slots);
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("name_" + std::to_string(i));
  const auto named = [&](int i) { return py::arg(names[std::size_t(i % count)].c_str()); };
  const Object f = tell();
  int missing = 0;
  for (int i = 0; i < 2 * count; ++i) {  // of those that are called first some are kept, of the others few
    const Object given = f(named(i) = i, named(i + 1) = -i)[1];
    REQUIRE(py::len(given) == 2);
    REQUIRE(given[names[std::size_t(i % count)].c_str()].as<int>() == i);
    REQUIRE(given[names[std::size_t((i + 1) % count)].c_str()].as<int>() == -i);
    const std::string& name = names[std::size_t(i % count)];
    missing += py::detail::find_interned(name.c_str(), name.size() + 1) == nullptr;
  }
  CHECK(missing > count);
}
