// A program whose C++ functions scipy minimizes, integrates and solves. Their exceptions come back through scipy.
// needs: scipy
#include <latepy/latepy.hpp>
#include <latepy/memory/array.hpp>
#include <latepy/stl/pair.hpp>
#include <latepy/stl/vector.hpp>

#include <cmath>
#include <cstdio>

namespace py = latepy;
using namespace py::literals;

struct OutOfRange : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Rosenbrock's valley: the least value is at (1, 1).
double valley(py::Span<const double> x) { return 100 * std::pow(x[1] - x[0] * x[0], 2) + std::pow(1 - x[0], 2); }

/// The right-hand side of an equation: a pendulum of 1 m, as {angle, speed}.
std::vector<double> pendulum(double, py::Span<const double> y) { return {y[1], -9.81 * std::sin(y[0])}; }

int main() try {
  py::Interpreter python;

  const py::Object found = python.call("scipy.optimize", "minimize", valley, std::vector<double>{-1, 2});
  const auto at = found.attr("x").as<std::vector<double>>();
  std::printf("minimum at (%.3f, %.3f) after %s\n", at[0], at[1],
              found.attr("nit").as<int>() > 5 ? "some steps" : "no step");

  const double width = 2;
  const auto bell = [&](double x) { return std::exp(-x * x / width); };
  const auto [area, error] =
      python.call<std::pair<double, double>>("scipy.integrate", "quad", bell, -INFINITY, INFINITY);
  std::printf("area %.6f, sure to 1e-6: %s\n", area, error < 1e-6 ? "yes" : "no");

  const py::Object swing = python.call("scipy.integrate", "solve_ivp", pendulum, py::tuple(0, 2), py::list(0.5, 0.0),
                                       "t_eval"_a = py::list(0.0, 1.0, 2.0), "rtol"_a = 1e-8);
  const auto y = swing.attr("y").as<py::Array<const double, 2>>();
  for (std::size_t i = 0; i < y.shape(1); ++i) std::printf("angle %.4f, speed %+.4f\n", y(0, i), y(1, i));

  try {
    python.call(
        "scipy.optimize", "brentq", [](double x) { return x < 3 ? x - 4 : throw OutOfRange("no value from 3 on"); }, 0,
        5);
  } catch (const OutOfRange& refused) {  // as C++ threw it
    std::printf("%s\n", refused.what());
  }
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
