// A host that lets a Python script read a CSV file and gets the rows back as its own structs.
// run: csv_host {examples}/data/planets.csv
#include <latepy/latepy.hpp>
#include <latepy/stl/filesystem.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include <cstdio>

namespace py = latepy;

struct Planet {
  std::string name;
  double mass;
  int diameter;
  double day;
  int moons;
  bool rings;
  std::optional<std::string> note;
};
LATEPY_STRUCT(Planet, name, mass, diameter, day, moons, rings, note)

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: csv_host file.csv (its reader, file.py, lies beside it)\n");
    return 2;
  }
  const std::filesystem::path csv = argv[1];
  const std::string reader = csv.stem().string();

  py::Interpreter python;
  python.add_path(csv.parent_path());
  const auto planets = python.call<std::vector<Planet>>(reader.c_str(), "read", csv);

  std::printf("%-8s %14s %9s %10s %5s\n", "planet", "mass/1e24 kg", "d/km", "day/h", "moons");
  std::vector<double> masses;
  for (const Planet& planet : planets) {
    std::printf("%-8s %14.3f %9d %10.1f %5d%s%s\n", planet.name.c_str(), planet.mass, planet.diameter, planet.day, planet.moons,
                planet.note ? "  " : "", planet.note ? planet.note->c_str() : "");
    masses.push_back(planet.mass);
  }
  const auto summary = python.call<std::map<std::string, double>>(reader.c_str(), "summary", masses);
  std::printf("%zu planets, mean mass %.2f, median %.2f\n", planets.size(), summary.at("mean"), summary.at("median"));
} catch (const latepy::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
