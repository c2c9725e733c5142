// tests/whole_threads_test.cpp: sixteen threads use the same functions, objects, classes, names and codes at once.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>

#include "python.hpp"

#include <thread>

namespace {

struct Point {
  int x = 1, y = 2;
  int sum() const { return x + y; }
};
struct Line {
  Point from, to;
};
enum class Side { left, right };

/// Calls `use` on sixteen threads, each time in a guard of its own. \returns what the first that failed threw, or "".
template <class F>
std::string on_threads(F&& use) {
  std::string failed;
  std::atomic_flag has_failed = ATOMIC_FLAG_INIT;
  const py::GilRelease others;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        try {
          const py::GilGuard gil;
          use(n);
        } catch (const std::exception& error) {
          if (!has_failed.test_and_set()) failed = error.what();
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  return failed;
}
void expect(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}
#define EXPECT(...) expect((__VA_ARGS__), #__VA_ARGS__)

/// The module with the classes above, made once.
py::Module host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("threaded");
    m.add_class<Point>("Point").init().def("x", &Point::x).def("y", &Point::y).def("sum", &Point::sum);
    m.add_class<Line>("Line").init().def("start", &Line::from).def("end", &Line::to);
    m.add_enum<Side>("Side", {{"left", Side::left}, {"right", Side::right}});
    m.def("twice", [](int x) { return 2 * x; });
    m.def("moved", [](const Point& p) { return Point{p.x + 1, p.y}; });
    m.def("other", [](Side side) { return side == Side::left ? Side::right : Side::left; });
    m.def("apply", [](const std::function<int(int)>& f, int x) { return f(x); });
    return true;
  }();
  static_cast<void>(made);
  return py::module("threaded");
}

}  // namespace

TEST_CASE("one host function, and one object of a bound class with its fields and methods", "[threads]") {
  host();
  python().exec(R"(
      import threaded
      point, line = threaded.Point(), threaded.Line()
      def use(n):
          for i in range(20):
              assert threaded.twice(i) == 2 * i and threaded.other(threaded.Side.left) is threaded.Side.right
              assert point.x == 1 and point.sum() == 3
              point.y = 2
              new = threaded.moved(point)
              assert new is not point and new.x == 2
              assert line.start.x == 1 and line.end is not line.start
              line.start.y = 2
              assert threaded.apply(threaded.twice, i) == 2 * i and threaded.apply(lambda x: x + n, i) == i + n
  )");
  const py::Object use = python()["use"];
  CHECK(on_threads([&](int n) { use(n); }) == "");
}

TEST_CASE("one callable, called by C++", "[threads]") {
  const py::Object twice = host().attr("twice");
  const py::Function<int(int)> function(twice);
  const auto standard = twice.as<std::function<int(int)>>();
  CHECK(on_threads([&](int n) {
          EXPECT(twice.call<int>(n) == 2 * n);
          EXPECT(function(n) == 2 * n);
          EXPECT(standard(n) == 2 * n);
          EXPECT(python().call<int>("threaded", "twice", n) == 2 * n);
        }) == "");
}

TEST_CASE("objects that C++ owns find their Python object in the table", "[threads]") {
  const py::Module m = host();
  Line line;
  CHECK(on_threads([&](int) {
          const py::Object whole = py::to_py(&line);
          const py::Object start = whole.attr("start");
          EXPECT(&start.as<Point&>() == &line.from);
          EXPECT(whole.same(py::to_py(&line)));
          EXPECT(py::to_py(Point{3, 4}).call_method("sum").as<int>() == 7);
        }) == "");
}

TEST_CASE("texts that are compiled once, and names that are interned", "[threads]") {
  host();
  python().exec("class Bare: pass\nbare = Bare()");
  const py::Object bare = python()["bare"];
  CHECK(on_threads([&](int n) {
          EXPECT(python().eval<int>("6 * 7") == 42);
          EXPECT(python().eval<int>("6 * " + std::to_string(n)) == 6 * n);
          python().exec("import threaded\nassert threaded.twice(4) == 8");
          bare.attr("value") = 3;
          EXPECT(bare.attr("value").as<int>() == 3);
          EXPECT(py::dict("key"_a = n)["key"].as<int>() == n);
          EXPECT(python().get("threaded.Side.left").as<Side>() == Side::left);
        }) == "");
}

TEST_CASE("functions and modules that are made meanwhile", "[threads]") {
  host();
  CHECK(on_threads([&](int n) {
          const py::Object names = py::dict();
          names.def("add", [n](int x) { return x + n; });
          EXPECT(names["add"].call<int>(1) == n + 1);
          EXPECT(python().eval<int>("add(2)", names) == n + 2);
          py::module("threaded").constant("latest", n);
        }) == "");
}
