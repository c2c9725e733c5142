// A calculator whose lines are Python expressions, and whose functions are C++: a mistake in a line ends that line only.
#include <latepy/latepy.hpp>
#include <latepy/stl/vector.hpp>

#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace py = latepy;
using namespace py::literals;

/// What the calculator can do beside Python's own arithmetic.
void offer_functions(py::Interpreter& python) {
  // Names, a default and a doc string: calls may name their arguments, and help() shows all three.
  python.def(
      "interest", [](double sum, double rate, int years) { return sum * std::pow(1 + rate, years); }, "sum"_a, "rate"_a = 0.03,
      "years"_a = 1, "What a sum grows to at a yearly rate.");
  // One name for several functions: the first whose parameters fit is called.
  python.def("area", py::overload(py::with([](double side) { return side * side; }, "side"_a, "Of a square."),
                                  py::with([](double width, double height) { return width * height; }, "width"_a, "height"_a,
                                           "Of a rectangle.")));
  // As many arguments as one likes.
  python.def("mean", [](py::Args numbers) {
    if (numbers.size() == 0) throw std::invalid_argument("the mean of nothing");  // a ValueError in Python
    const auto values = numbers.as<std::vector<double>>();
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  });
}

int main() try {
  py::Interpreter python;
  offer_functions(python);
  python["ans"] = 0;

  for (const char* line : {"6 * 7", "ans + 0.5", "interest(1000)", "interest(1000, years=2)", "area(3) + area(width=2, height=5)",
                           "mean(1, 2, ans)", "mean()", "area('wide', 2)", "interest(1000, yeers=2)", "1 / (ans - ans)", "2 +"}) {
    std::printf("> %s\n", line);
    // The error is a value here: it is what the user gets to see, and no reason to leave the loop.
    if (const py::Result<py::Object> result = python.try_eval(line)) {
      python["ans"] = *result;
      std::printf("%s\n", py::str(*result).c_str());
    } else {
      std::printf("%s: %s\n", result.error().type_name().c_str(), result.error().message().c_str());
    }
  }

  // What Python's tools know of the functions. Two languages write to one stream: C++ flushes before Python's turn.
  std::puts("");
  std::fflush(stdout);
  python.exec(R"(
    import inspect
    for function in interest, area:
        print(f"{function.__name__}{inspect.signature(function)}")
        print(function.__doc__)
  )");
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
