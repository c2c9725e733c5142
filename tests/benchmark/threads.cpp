// tests/benchmark/threads.cpp: calls a second of one C++ thread and of several, on a free-threaded CPython above all.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

namespace py = latepy;

namespace {

struct Point {
  int x = 1;
  int twice(int i) const { return 2 * i + x; }
};
/// The same class once more for each thread.
template <int N>
struct PointOf : Point {};

constexpr int most_threads = 4;
constexpr const char* code = R"(
def python(x): return x
def call(f, n):
    for i in range(n): f(i)
def field(p, n):
    for i in range(n): p.x
def method(p, n):
    for i in range(n): p.twice(i)
)";

/// Millions of operations a second of `count` threads together: the best of `rounds`.
template <class F>
double rate(int count, int rounds, long n, F&& operate) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    std::vector<Clock::time_point> begins(static_cast<std::size_t>(count)), ends(begins);
    for (std::size_t i = 0; i < begins.size(); ++i)
      threads.emplace_back([&, i] {
        operate(i, n / 20);
        ++ready;
        while (ready < count) {
        }
        begins[i] = Clock::now();
        operate(i, n);
        ends[i] = Clock::now();
      });
    for (std::thread& thread : threads) thread.join();
    const auto first = *std::min_element(begins.begin(), begins.end()),
               last = *std::max_element(ends.begin(), ends.end());
    best = (std::max)(best, static_cast<double>(n) * count / 1e6 / std::chrono::duration<double>(last - first).count());
  }
  return best;
}

template <int N>
py::Object own_point(py::Module& m) {
  m.add_class<PointOf<N>>("Point" + std::to_string(N)).init().def("x", &PointOf<N>::x).def("twice", &PointOf<N>::twice);
  return m.attr(("Point" + std::to_string(N)).c_str())();
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::min(std::atoi(argv[1]), most_threads) : 2;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const long n = argc > 3 ? std::atol(argv[3]) : 300000;
  py::Interpreter python;
  py::Module host = python.module("host");
  host.def("twice", [](int i) { return 2 * i; });
  host.add_class<Point>("Point").init().def("x", &Point::x).def("twice", &Point::twice);
  std::vector<py::Object> functions, points, own_points;
  for (int i = 0; i < most_threads; ++i) {
    host.def("twice" + std::to_string(i), [](int x) { return 2 * x; });
    functions.push_back(host.attr(("twice" + std::to_string(i)).c_str()));
    points.push_back(host.attr("Point")());
  }
  own_points = {own_point<0>(host), own_point<1>(host), own_point<2>(host), own_point<3>(host)};
  python.exec(code);
  const py::Object plain = python["python"], call = python["call"], field = python["field"], method = python["method"],
                   twice = host.attr("twice"), point = host.attr("Point")();
  std::printf("%s%s, %d threads, best of %d: millions a second\n", python.version().c_str(),
              python.is_free_threaded() ? "t" : "", threads, rounds);
  std::printf("%-34s %8s %8s %6s\n", "", "1 thread", "together", "ratio");
  const auto in_guard = [](auto&& operate) {
    return [operate](std::size_t i, long count) {
      const py::GilGuard gil;
      operate(i, count);
    };
  };
  double shared_rate = 0;
  const auto measure = [&](const char* name, auto&& operate, bool is_own = false) {
    const py::GilRelease others;
    const double one = rate(1, rounds, n, operate), all = rate(threads, rounds, n, operate);
    std::printf("%-34s %8.2f %8.2f %6.2f", name, one, all, all / one);
    if (is_own) std::printf("   one for all / one each: %.2f", shared_rate / all);
    std::puts("");
    std::fflush(stdout);
    shared_rate = all;
  };
  measure("a Python function", in_guard([&](std::size_t, long count) { call(plain, count); }));
  measure("host function", in_guard([&](std::size_t, long count) { call(twice, count); }));
  measure("host function, one each", in_guard([&](std::size_t i, long count) { call(functions[i], count); }), true);
  measure("field", in_guard([&](std::size_t i, long count) { field(points[i], count); }));
  measure("field, one class each", in_guard([&](std::size_t i, long count) { field(own_points[i], count); }), true);
  measure("method", in_guard([&](std::size_t i, long count) { method(points[i], count); }));
  measure("method, one class each", in_guard([&](std::size_t i, long count) { method(own_points[i], count); }), true);
  measure("host function called by C++", in_guard([&](std::size_t, long count) {
            for (long k = 0; k < count; ++k) twice(1);
          }));
  measure("the same, one each", in_guard([&](std::size_t i, long count) {
            for (long k = 0; k < count; ++k) functions[i](1);
          }),
          true);
  measure("one object's field", in_guard([&](std::size_t, long count) { field(point, count); }));
  measure("guard", [](std::size_t, long count) {
    for (long k = 0; k < count; ++k) const py::GilGuard gil;
  });
}
