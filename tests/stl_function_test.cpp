// Tests of latepy/stl/function.hpp: std::function both ways.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

#include <thread>

TEST_CASE("a std::function is called from Python") {
  python();
  int calls = 0;
  const std::function<int(int, std::string)> f = [&calls](int x, const std::string& s) {
    ++calls;
    return x + static_cast<int>(s.size());
  };
  python()["f"] = f;
  CHECK(eval("f(1, 'ab')").as<int>() == 3);
  CHECK(calls == 1);
  CHECK_THAT(thrown<py::TypeError>([] { eval("f(1)"); }).message(), ContainsSubstring("it is missing argument 2"));
  CHECK_THAT(thrown<py::TypeError>([] { eval("f(1, 2)"); }).message(),
             ContainsSubstring("argument 2: cannot convert 'int' 2 to std::string"));
  CHECK(py::to_py(std::function<void()>()).is_none());
  python()["thrower"] = std::function<void()>([] { throw std::out_of_range("no such row"); });
  CHECK_THROWS_AS(eval("thrower()"), std::out_of_range);  // the same exception again
  CHECK(eval("thrower").as<std::function<void()>>() != nullptr);
}

TEST_CASE("a Python callable is a std::function") {
  const auto add = eval("lambda a, b: a + b").as<std::function<int(int, int)>>();
  CHECK(add(1, 2) == 3);
  const auto join = eval("', '.join").as<std::function<std::string(const std::vector<std::string>&)>>();
  CHECK(join({"a", "b"}) == "a, b");
  const auto append = eval("[].append").as<std::function<void(int)>>();
  CHECK_NOTHROW(append(3));
  const auto object = eval("dict").as<std::function<py::Object()>>();
  CHECK(py::repr(object()) == "{}");
  CHECK(eval("int").try_as<std::function<int(std::string)>>().value()("12") == 12);

  CHECK(eval("None").as<std::function<void()>>() == nullptr);
  CHECK(eval("None").is<std::function<void()>>());
  CHECK_FALSE(eval("3").is<std::function<void()>>());
  CHECK(thrown<py::ConversionError>([] { eval("3").as<std::function<int(double)>>(); }).what() ==
        std::string("cannot convert 'int' 3 to std::function<int(double)>: it is not callable"));
  CHECK(thrown<py::ConversionError>([] { eval("3").as<std::function<std::string(int, std::string)>>(); }).what() ==
        std::string("cannot convert 'int' 3 to std::function<std::string(int, std::string)>: it is not callable"));
  CHECK(thrown<py::ConversionError>([] { eval("[print, 3]").as<std::vector<std::function<void()>>>(); }).path() ==
        "[1]");
}

TEST_CASE("errors of a Python callable are thrown") {
  CHECK_THROWS_AS(eval("lambda: 1 / 0").as<std::function<int()>>()(), py::ZeroDivisionError);
  python().exec("def wrong():\n  return 'x'", {}, "callbacks.py");
  const char* const text = "cannot convert 'str' \"x\" to int; this is what wrong() (callbacks.py:1) returned";
  CHECK(thrown<py::ConversionError>([] { eval("wrong").as<std::function<int()>>()(); }).what() == std::string(text));
  const py::Function<int()> function(eval("wrong"));
  CHECK(thrown<py::ConversionError>([&] { function(); }).what() == std::string(text));
  CHECK(function.try_call().error().message() == text);
  CHECK_THROWS_AS(eval("lambda: 1").as<std::function<int(int)>>()(1), py::TypeError);
  CHECK_THROWS_AS(eval("lambda: exit()").as<std::function<int()>>()(), py::SystemExit);
}

TEST_CASE("a function that goes to C++ and back is the same object") {
  const py::Object lambda = eval("lambda x: x");
  const auto f = lambda.as<std::function<int(int)>>();
#ifdef __cpp_rtti
  CHECK(py::to_py(f).same(lambda));
#endif
  CHECK(py::to_py(std::function<double(int)>(f))(3).as<double>() == 3);  // of another type: wrapped
}

TEST_CASE("callbacks call one another across the border") {
  std::function<int(int)> down;
  down = [](int n) { return n == 0 ? 0 : python()["step"](n - 1).as<int>() + 1; };
  python()["down"] = down;
  python().exec("def step(n): return down(n)");
  CHECK(down(50) == 50);
}

TEST_CASE("a std::function is called, copied and destroyed on any thread") {
  python().exec(
      "import threading, sys\nlock = threading.Lock()\ntotal = 0\ndef count(n):\n  global total\n  with lock: total += "
      "n\n  return n\n"
      "import functools\ncount = functools.partial(count)");  // free-threaded builds do not count functions
  const long before = eval("sys.getrefcount(count)").as<long>();
  std::atomic<int> wrong{0};
  {
    const auto count = python()["count"].as<std::function<int(int)>>();
    std::vector<std::thread> threads;
    const py::GilRelease release;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&wrong, copy = count] {
        for (int i = 0; i < 1000; ++i) {
          const std::function<int(int)> mine = copy;
          if (mine(1) != 1) ++wrong;
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(wrong == 0);
  CHECK(eval("total").as<int>() == 8000);
  CHECK(eval("sys.getrefcount(count)").as<long>() == before);

  auto last = python()["count"].as<std::function<int(int)>>();
  {
    const py::GilRelease release;
    last = nullptr;  // without the GIL: dropped later
  }
  CHECK(eval("sys.getrefcount(count)").as<long>() == before);

  std::atomic<int> called{0};
  python()["host"] = std::function<void(int)>([&called](int n) { called += n; });
  python().exec(
      "threads = [threading.Thread(target=lambda: [host(1) for i in range(1000)]) for t in range(8)]\n"
      "for t in threads: t.start()\nfor t in threads: t.join()\ndel threads, host");
  CHECK(called == 8000);
}

TEST_CASE("thousands of functions leak nothing") {
  const py::Object f = eval("lambda x: x");
  CHECK_STEADY(f.as<std::function<int(int)>>()(1000));
  CHECK_STEADY(py::to_py(std::function<std::vector<int>(int)>([](int n) { return std::vector<int>(1, n); }))(1000));
  CHECK_STEADY(thrown<py::ConversionError>([&] { f.as<std::function<int(std::string)>>()("x"), void(); }));
}

// Last, because it ends the Interpreter of this program.
TEST_CASE("a std::function whose Python has ended throws StateError") {
  auto f = eval("len").as<std::function<int(std::string)>>();
  CHECK(f("abc") == 3);
  CHECK(python().stop());
  CHECK_THROWS_AS(f("abc"), py::StateError);
  const auto copy = f;
  f = nullptr;
  CHECK_THROWS_AS(copy("abc"), py::StateError);
}
