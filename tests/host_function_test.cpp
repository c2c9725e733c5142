// tests/host_function_test.cpp: C++ callables as Python functions, and C++ exceptions as Python's.
// SPDX-License-Identifier: MIT
#include <latepy/host/function.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

#include <new>
#include <thread>

namespace {

using py::detail::make_callable;

int twice(int x) { return 2 * x; }
int quiet(int x) noexcept { return x; }

py::Object eval(const char* code) { return python().eval(code); }

struct Counted {
  explicit Counted(int* count) : alive(count) { ++*alive; }
  Counted(const Counted& other) : alive(other.alive) { ++*alive; }
  ~Counted() { --*alive; }
  int operator()() const { return *alive; }
  int* alive;
};

/// What Python sees of a function that throws.
template <class F>
std::string raised_by(F throws) {
  python().exec("seen = []\ndef show(f):\n  try: f()\n  except BaseException as e: seen.append(repr(e))");
  python()["show"](make_callable("f", std::move(throws)));
  return eval("seen[0]").as<std::string>();
}
template <class E>
std::string raised(E exception) {
  return raised_by([exception] { throw exception; });
}

}  // namespace

TEST_CASE("functions, lambdas and functors are called from Python") {
  python();
  CHECK(make_callable("twice", &twice)(21).as<int>() == 42);
  CHECK(make_callable("quiet", quiet)(1).as<int>() == 1);
  int sum = 0;
  python()["add"] = make_callable("add", [&sum](int x) { sum += x; });
  python().exec("for i in range(5): assert add(i) is None");
  CHECK(sum == 10);
  python()["count"] = make_callable("count", [n = 0]() mutable { return ++n; });
  CHECK(eval("[count(), count(), count()]").as<std::vector<int>>() == std::vector<int>{1, 2, 3});
  CHECK(eval("add.__name__").as<std::string>() == "add");
  CHECK(eval("callable(add)").as<bool>());
}

TEST_CASE("parameters of every kind") {
  python();
  const py::Object f = make_callable("f", [](const std::string& a, std::string_view b, const char* c, py::Object d, py::Ref e, const py::Object& g,
                                             std::vector<int>&& h) {
    return a + std::string(b) + c + d.as<std::string>() + e.as<std::string>() + g.as<std::string>() + std::to_string(h.size());
  });
  CHECK(f("a", "b", "c", "d", "e", "f", std::vector<int>{1, 2}).as<std::string>() == "abcdef2");
  std::string order;
  const py::Object g = make_callable("g", [](int a, int b, int c) { return 100 * a + 10 * b + c; });
  CHECK(g(1, 2, 3).as<int>() == 123);
  CHECK(make_callable("none", [](std::nullptr_t) { return nullptr; })(nullptr).is_none());
  const py::Object same = make_callable("same", [](py::Object x) { return x; });
  const py::Object thing = eval("object()");
  CHECK(same(thing).same(thing));
  CHECK(make_callable("owner", [p = std::make_unique<int>(3)] { return *p; })().as<int>() == 3);
}

TEST_CASE("wrong arguments are TypeErrors that say what is wrong") {
  python();
  python()["two"] = make_callable("two", [](int, std::vector<int>) {});
  python()["zero"] = make_callable("zero", [] {});
  const auto message = [](const char* code) { return thrown<py::TypeError>([&] { eval(code); }).message(); };
  CHECK(message("two(1)") == "two() takes 2 arguments (1 given)");
  CHECK(message("two(1, [], 3)") == "two() takes 2 arguments (3 given)");
  CHECK(message("zero(1)") == "zero() takes no arguments (1 given)");
  CHECK(message("two('x', [])") == "argument 1: cannot convert 'str' \"x\" to int");
  CHECK(message("two(1, 'x')") ==
        "argument 2: cannot convert 'str' \"x\" to std::vector<int>: text is not taken apart into characters");
  CHECK(message("two(1, [0, None])") == "argument 2[1]: cannot convert None to int");
  CHECK_THAT(message("zero(x=1)"), ContainsSubstring("takes no keyword arguments"));
  python().exec("class Fails:\n  def __index__(self): raise OSError('index')");
  CHECK_THROWS_AS(eval("two(Fails(), [])"), py::OSError);
}

TEST_CASE("C++ exceptions become Python's") {
  python();
  CHECK(raised(std::invalid_argument("a")) == "ValueError('a')");
  CHECK(raised(std::domain_error("a")) == "ValueError('a')");
  CHECK(raised(std::length_error("a")) == "ValueError('a')");
  CHECK(raised(std::range_error("a")) == "ValueError('a')");
  CHECK(raised(std::out_of_range("a")) == "IndexError('a')");
  CHECK(raised(std::overflow_error("a")) == "OverflowError('a')");
  CHECK(raised(std::bad_alloc()).substr(0, 12) == "MemoryError(");
  CHECK(raised(std::runtime_error("a")) == "RuntimeError('a')");
  CHECK(raised(std::logic_error("caf\xe9")) == "RuntimeError('caf\xef\xbf\xbd')");  // what() need not be UTF-8
  CHECK(raised(3) == "RuntimeError('a C++ exception that is no std::exception')");
  CHECK(raised(py::ConversionError("a")) == "TypeError('a')");
  CHECK(raised_by([] { throw py::KeyError("k"); }) == "KeyError('k')");
  CHECK(raised(py::StateError("a")) == "RuntimeError('a')");
}

TEST_CASE("a Python exception passes through C++ as the same object") {
  python().exec("class Own(Exception): pass\nown = Own('mine')\ndef fails(): raise own\n"
                "def outer(f):\n  try: f()\n  except Own as e:\n    e.__traceback__ = None\n    return e is own\n  return False");
  const py::Object fails = python()["fails"];
  CHECK(python()["outer"](make_callable("through", [&fails] { fails(); })).as<bool>());
  const auto error = thrown<py::Exception>([&] { make_callable("through", [&fails] { fails(); })(); });
  CHECK(error.type_name() == "Own");
  CHECK_THAT(error.traceback(), ContainsSubstring("in fails"));
}

TEST_CASE("the callable lives as long as its function") {
  python();
  int alive = 0;
  {
    py::Object f = make_callable("f", Counted(&alive));
    CHECK(alive == 1);
    python()["kept"] = f;
    f = py::Object();
    CHECK(alive == 1);
  }
  CHECK(eval("kept()").as<int>() == 1);
  python().exec("del kept");
  CHECK(alive == 0);

  // The last reference goes on a thread of Python, and on a thread that waits in the queue of late drops.
  python()["kept"] = make_callable("f", Counted(&alive));
  python().exec("import threading\nt = threading.Thread(target=lambda f: None, args=[globals().pop('kept')])\nt.start(); t.join(); del t");
  CHECK(alive == 0);
  std::optional<py::Object> elsewhere(make_callable("f", Counted(&alive)));
  std::thread([&] { elsewhere.reset(); }).join();
  CHECK(alive == 1);
  { const py::GilGuard drains; }
  CHECK(alive == 0);

  // A function that drops itself while it runs.
  py::Object self;
  self = make_callable("self", [&self, counted = Counted(&alive)] {
    self = py::Object();
    python().exec("");
    return counted();
  });
  CHECK(self().as<int>() == 1);
  CHECK(alive == 0);
}

TEST_CASE("thousands of functions and calls leak nothing") {
  python().exec("import sys");
  const py::Object f = make_callable("f", [](std::vector<std::string> v) { return v; });
  const py::Object blocks = allocated_blocks();
  const std::vector<std::string> words{"a", "b"};
  long drift = 1;
  for (int attempt = 0; attempt < 10 && drift != 0; ++attempt) {
    const long first = blocks.call<long>();
    for (int i = 0; i < 2000; ++i) {
      f(words);
      make_callable("g", [words] { return words; })();
      if (i % 20 == 0) CHECK_THROWS_AS(f(3), py::TypeError);
    }
    drift = blocks.call<long>() - first;
  }
  CHECK(drift == 0);
}
