// A host that shares its columns with pandas without a copy, and gets a group-by back as its own structs.
// needs: pandas
#include <latepy/latepy.hpp>
#include <latepy/memory/view.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include <cstdio>
#include <string>

namespace py = latepy;
using namespace py::literals;

struct Summary {
  std::string sensor;
  int count;
  double mean;
};
LATEPY_STRUCT(Summary, sensor, count, mean)

int main() try {
  py::Interpreter python;
  std::vector<double> celsius{20.5, 21.5, 19, 20, 18};
  std::vector<std::int64_t> hour{9, 10, 9, 10, 11};
  const std::vector<std::string> sensor{"roof", "roof", "cellar", "cellar", "cellar"};

  // Numbers are shared: the vectors must outlive the frame. Strings are copied.
  py::View shared = py::view(celsius.data(), celsius.size(), py::unowned);
  const py::Object columns = py::dict("sensor"_a = sensor, "hour"_a = py::view(std::move(hour)), "celsius"_a = shared);
  python["readings"] = python.get("pandas.DataFrame")(columns, "copy"_a = false);

  celsius[0] = 30.5;  // C++ writes, pandas reads
  std::printf("pandas sees %g\n", python.eval<double>("readings.celsius.max()"));
  python.exec("readings.loc[2, 'celsius'] = 10");  // and the other way round
  std::printf("C++ sees %g\n", celsius[2]);

  python.exec(R"(
      groups = readings.groupby('sensor').celsius
      summary = groups.agg(['count', 'mean']).reset_index()
      readings['above'] = readings.celsius - groups.transform('mean')
  )");
  for (const auto& row : python.eval<std::vector<Summary>>("summary.to_dict('records')"))
    std::printf("%-6s %d readings, mean %.2f\n", row.sensor.c_str(), row.count, row.mean);
  for (const double above : python.eval<std::vector<double>>("readings.above")) std::printf("%+.2f ", above);
  std::printf("\n");
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
