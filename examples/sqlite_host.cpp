// A program with a SQLite database: SQL calls its C++ functions and aggregates, and rows come back as structs.
#include <latepy/latepy.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace py = latepy;
using namespace py::literals;

struct City {
  std::string name;
  double north, east;
  std::optional<int> people;
};
LATEPY_STRUCT(City, name, north, east, people)

/// The distance in km on a sphere.
double distance(double north1, double east1, double north2, double east2) {
  const double rad = std::acos(-1) / 180;
  return 6371 * std::acos(std::sin(north1 * rad) * std::sin(north2 * rad) +
                          std::cos(north1 * rad) * std::cos(north2 * rad) * std::cos((east1 - east2) * rad));
}

/// An aggregate function: SQL gives it the values of a group, one after the other.
class Median {
 public:
  void step(std::optional<double> value) {  // nullopt is NULL
    if (value) values_.push_back(*value);
  }
  std::optional<double> finalize() {
    if (values_.empty()) return std::nullopt;
    std::sort(values_.begin(), values_.end());
    return values_[values_.size() / 2];
  }

 private:
  std::vector<double> values_;
};

int main() try {
  py::Interpreter python;
  const py::Object db = python.call("sqlite3", "connect", ":memory:");
  db.attr("row_factory") = python.get("sqlite3.Row");
  db.attr("create_function")("distance", 4, distance, "deterministic"_a = true);
  db.attr("create_aggregate")(
      "median", 1,
      python.add_class<Median>("Median").init<>().def("step", &Median::step).def("finalize", &Median::finalize));

  db.attr("execute")("CREATE TABLE cities (name TEXT, north REAL, east REAL, people INTEGER)");
  const std::vector<City> cities{{"Oslo", 59.91, 10.75, 709000},
                                 {"Rome", 41.89, 12.48, 2873000},
                                 {"Atlantis", 31, -24, {}},
                                 {"Paris", 48.86, 2.35, 2103000}};
  db.attr("executemany")("INSERT INTO cities VALUES (:name, :north, :east, :people)", cities);
  db.attr("commit")();

  const char* const near = "SELECT * FROM cities ORDER BY distance(north, east, ?, ?) LIMIT 3";
  for (const City& city : db.attr("execute")(near, py::tuple(52.52, 13.40)).attr("fetchall")().as<std::vector<City>>())
    std::printf("%-6s %5.0f km, %d people\n", city.name.c_str(), distance(city.north, city.east, 52.52, 13.40),
                city.people.value_or(0));
  std::printf("median %.0f\n",
              db.attr("execute")("SELECT median(people) FROM cities").attr("fetchone")()[0].as<double>());
  db.attr("close")();
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
