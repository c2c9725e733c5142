// A program that plots its own numbers with matplotlib into a PNG, without a window.
// needs: matplotlib
// run: plot plot.png
#include <latepy/latepy.hpp>
#include <latepy/memory/array.hpp>
#include <latepy/stl/vector.hpp>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

namespace py = latepy;
using namespace py::literals;

/// Draws a curve into the file.
void plot(py::Interpreter& python, const std::vector<double>& x, const std::vector<double>& y,
          const std::string& file) {
  python.call("matplotlib", "use", "Agg");  // draws into memory: there need not be a display
  const py::Object plt = python.import_module("matplotlib.pyplot");
  plt.attr("plot")(x, y, "color"_a = "tab:red", "label"_a = "damped");
  plt.attr("title")("A wave that C++ computed");
  plt.attr("legend")();
  plt.attr("savefig")(file);
  plt.attr("close")("all");
}

/// Reads the image back, and tells what it is.
void describe(py::Interpreter& python, const std::string& file) {
  char signature[9] = {};
  std::ifstream(file, std::ios::binary).read(signature, 8);
  const auto pixels = python.call<py::Array<const float, 3>>("matplotlib.image", "imread", file);
  std::set<std::vector<float>> colours;
  for (const float* at = pixels.begin(); at != pixels.end(); at += pixels.shape(2))
    colours.insert({at, at + pixels.shape(2)});
  std::printf("%.3s of %zu x %zu pixels, %s\n", signature + 1, pixels.shape(1), pixels.shape(0),
              colours.size() > 10 ? "in colour" : "empty");
}

int main(int argc, char** argv) try {
  const std::string file = argc > 1 ? argv[1] : "plot.png";
  std::vector<double> x, y;
  for (int i = 0; i < 500; ++i) {
    x.push_back(i / 50.0);
    y.push_back(std::exp(-x.back() / 4) * std::sin(6 * x.back()));
  }
  py::Interpreter python;
  plot(python, x, y, file);
  describe(python, file);
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
