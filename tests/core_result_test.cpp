// Tests of latepy/core/result.hpp: Result, try_call and try_eval: Python's exception as a value.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "python.hpp"

#include <atomic>
#include <thread>

#ifdef __GLIBC__
#include <dlfcn.h>

static int thrown_so_far = 0;
/// Stands before the C++ library's function that every throw calls: counts, and goes on as always.
extern "C" [[noreturn]] void count_throw(void* exception, void* type, void (*destructor)(void*)) __asm__("__cxa_throw");
extern "C" [[noreturn]] void count_throw(void* exception, void* type, void (*destructor)(void*)) {
  ++thrown_so_far;
  reinterpret_cast<void (*)(void*, void*, void (*)(void*))>(dlsym(RTLD_NEXT, "__cxa_throw"))(exception, type,
                                                                                             destructor);
  std::abort();  // not reached
}
#endif

using py::Object;
using py::Result;

namespace {

struct MoveOnly {
  explicit MoveOnly(int v) : value(std::make_unique<int>(v)) {}
  std::unique_ptr<int> value;
};

}  // namespace

template <>
struct latepy::Converter<MoveOnly> {
  static MoveOnly from_py(Ref object) { return MoveOnly(object.as<int>()); }
};

TEST_CASE("a Result with a value is the value") {
  const Object divide = python().eval("lambda a, b: a // b");
  Result<int> result = divide.try_call<int>(7, 2);
  REQUIRE(result.has_value());
  CHECK(static_cast<bool>(result));
  CHECK(*result == 3);
  CHECK(result.value() == 3);
  CHECK(result.value_or(5) == 3);
  *result = 4;
  CHECK(result.value() == 4);
  const std::string text = thrown<py::StateError>([&] { result.error(); }).what();
  CHECK_THAT(text, ContainsSubstring("has a value"));
}

TEST_CASE("a Result without one is the exception, which was never thrown") {
  const Object divide = python().eval("lambda a, b: a // b");
  const Result<int> result = divide.try_call<int>(1, 0);
  REQUIRE_FALSE(result.has_value());
  CHECK_FALSE(static_cast<bool>(result));
  CHECK(result.value_or(5) == 5);
  CHECK(result.error().is("ZeroDivisionError"));
  CHECK_THAT(result.error().traceback(), ContainsSubstring("ZeroDivisionError"));
  CHECK_THROWS_AS(result.value(), py::ZeroDivisionError);  // as its own class
  CHECK_THROWS_AS(python().eval("{}.__getitem__").try_call("key").value(), py::KeyError);
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

#ifdef __GLIBC__
TEST_CASE("an error that Python raises costs no C++ exception") {
  const Object divide = python().eval("lambda a, b: a // b");
  const py::Code fails = python().compile("1 // 0", py::Mode::eval);
  const Object globals = py::dict();
  const int before = thrown_so_far;
  for (int i = 0; i < 10; ++i) {
    CHECK(divide.try_call<int>(1, 0).error().is("ZeroDivisionError"));
    CHECK(divide.try_call(1).error().is("TypeError"));
    CHECK(fails.try_run<int>(globals).error().is("ArithmeticError"));
    CHECK(python().try_call("math", "sqrt", -1).error().is("ValueError"));
    CHECK(python().try_eval<int>("no_such_name").value_or(-1) == -1);
  }
  CHECK(thrown_so_far == before);
  CHECK_THROWS(divide(1, 0));
  CHECK(thrown_so_far > before);  // the count counts
}
#endif

TEST_CASE("an error outlives its Result, and can be copied and thrown later") {
  std::optional<py::PythonError> kept;
  {
    const Result<int> result = python().try_eval<int>("[][5]");
    const Result<int> copy = result;
    kept = copy.error();
  }
  CHECK(kept->message() == "list index out of range");
  CHECK_THROWS_AS(kept->rethrow(), py::IndexError);
}

TEST_CASE("nothing is read of an error until it is asked about, and then by any thread") {
  const Object fail = python().eval(R"(type('Careful', (ValueError,), {'texts': 0, '__str__':
      lambda self: (setattr(type(self), 'texts', type(self).texts + 1), 'told')[1]}))");
  const Object raise_it = python().eval("lambda what: (_ for _ in ()).throw(what)");
  const Result<Object> first = raise_it.try_call(fail), second = first;
  CHECK(first.error().is("ValueError"));
  CHECK(fail.attr("texts").as<int>() == 0);
  {
    const py::GilRelease released;
    std::vector<std::thread> readers;
    std::atomic<int> right{0};
    for (int i = 0; i < 4; ++i)
      readers.emplace_back(
          [&] { right += second.error().message() == "told" && first.error().type_name() == "Careful"; });
    for (std::thread& reader : readers) reader.join();
    CHECK(right == 4);
  }
  const int texts = fail.attr("texts").as<int>();
  CHECK(texts >= 1);
  CHECK(std::string(first.error().what()).rfind("Careful: told", 0) == 0);
  CHECK(fail.attr("texts").as<int>() == texts);  // kept
}

TEST_CASE("an argument that does not convert, and an empty Object, are the caller's mistakes and thrown") {
  const Object f = python().eval("lambda *a: 1");
  CHECK_THROWS_AS(f.try_call(std::string("\xff")), py::ConversionError);
  CHECK_THROWS_AS(Object().try_call(), py::StateError);
}

TEST_CASE("Object is what try_call gives by default") {
  const Result<Object> result = python().eval("lambda: [1, 2]").try_call();
  CHECK(py::len(*result) == 2);
  CHECK(result->call_method("pop") == 2);
  CHECK(python().eval("lambda: 'text'").try_call<std::string>()->size() == 4);
  CHECK(python().eval("5").try_call().error().is("TypeError"));  // not callable
}

TEST_CASE("a result of the wrong type is a TypeError that says what was found") {
  python().exec("def wrong():\n  return 'text'", {}, "wrong.py");
  const Result<int> result = python()["wrong"].try_call<int>();
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().type_name() == "TypeError");
  CHECK(result.error().message() == "cannot convert 'str' \"text\" to int; this is what wrong() (wrong.py:1) returned");
  CHECK(python().try_eval<int>("'text'").error().message() == "cannot convert 'str' \"text\" to int");
  CHECK_THROWS_AS(result.value(), py::TypeError);
}

TEST_CASE("what the result's own conversion raises is the error") {
  const Object make = python().run_string("class Bad:\n  def __index__(self): raise LookupError('in index')\nBad\n");
  const Result<int> result = make.try_call<int>();
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().is("LookupError"));
}

TEST_CASE("errors of unpacking arguments are part of the Result") {
  const Object f = python().eval("lambda *a, **k: 1");
  CHECK(f.try_call<int>(py::args(py::list(1)), py::kwargs(py::dict("x"_a = 2))).has_value());
  CHECK(f.try_call<int>(py::args(5)).error().is("TypeError"));
  CHECK(f.try_call<int>("x"_a = 1, "x"_a = 2).error().is("TypeError"));
}

TEST_CASE("Result<void> is for calls whose value is not wanted") {
  const Result<void> done = python().eval("lambda: 5").try_call<void>();
  CHECK(done.has_value());
  CHECK(static_cast<bool>(done));
  CHECK_NOTHROW(done.value());
  CHECK_THROWS_AS(done.error(), py::StateError);
  const Result<void> failed = python().try_call<void>("math", "sqrt", -1);
  CHECK_FALSE(failed.has_value());
  CHECK(failed.error().is("ValueError"));
  CHECK_THROWS_AS(failed.value(), py::ValueError);
}

TEST_CASE("a Result moves what only moves") {
  Result<MoveOnly> result = python().eval("lambda: 5").try_call<MoveOnly>();
  const MoveOnly taken = *std::move(result);
  CHECK(*taken.value == 5);
  CHECK(*python().eval("lambda: 6").try_call<MoveOnly>().value().value == 6);
}

TEST_CASE("try_exec and try_run_string give Results too") {
  CHECK(python().try_exec("seen = 6 * 7"));
  CHECK(python().try_run_string<int>("seen += 1\nseen").value() == 43);
  CHECK(python().try_run_string("seen").value().as<int>() == 43);
  CHECK(python().try_exec("1 // 0").error().is("ZeroDivisionError"));
  CHECK(python().try_exec("if").error().is("SyntaxError"));
  CHECK(python().try_run_string<int>("'x'").error().is("TypeError"));
  CHECK_THAT(python().try_exec("no_such_name", {}, "named.py").error().what(), ContainsSubstring("(named.py:1)"));
  Object names = py::dict("n"_a = 5);
  CHECK(python().try_run_string<int>("m = n + 1\nm", names).value() == 6);
  CHECK(names["m"].as<int>() == 6);

  // So is a C++ exception that a host function threw.
  python().def("fails", [] { throw std::out_of_range("row 7"); });
  const Result<void> failed = python().try_exec("fails()");
  REQUIRE(!failed);
  CHECK(failed.error().is("IndexError"));
  CHECK_THROWS_AS(failed.value(), std::out_of_range);
}

TEST_CASE("what a temporary Result or PythonError gives can be kept") {
  int sum = 0;
  for (const int each : python().try_eval<std::vector<int>>("[1, 2, 3]").value()) sum += each;
  for (const int each : *python().try_eval<std::vector<int>>("[1, 2, 3]")) sum += each;
  CHECK(sum == 12);
  const py::PythonError& error = python().try_eval("1 / 0").error();
  CHECK(error.is("ZeroDivisionError"));
  const py::PythonError& of_void = python().try_eval<void>("1 / 0").error();
  CHECK(of_void.is("ZeroDivisionError"));
  const std::string& message = python().try_eval("[][0]").error().message();
  CHECK(message == "list index out of range");
  std::string type, lines;
  for (const char c : python().try_eval("[][0]").error().type_name()) type += c;
  for (const char c : python().try_eval("[][0]").error().traceback()) lines += c;
  CHECK(type == "IndexError");
  CHECK(lines.find("IndexError: list index out of range") != lines.npos);
}

TEST_CASE("try_eval and Interpreter::try_call give Results too") {
  CHECK(python().try_eval<int>("6 * 7").value() == 42);
  CHECK(python().try_eval<int>("1 // 0").error().is("ZeroDivisionError"));
  CHECK(python().try_eval<int>("1 +").error().is("SyntaxError"));
  CHECK(python().try_eval<int>("'x'").error().is("TypeError"));
  CHECK(python().try_call<double>("math", "sqrt", 16).value() == 4.0);
  CHECK(python().try_call<double>("math", "sqrt", -1).error().is("ValueError"));
  CHECK(python().try_call("no_such_module", "f").error().is("ModuleNotFoundError"));
  CHECK(python().try_call("math", "no_such_function").error().is("AttributeError"));
}
