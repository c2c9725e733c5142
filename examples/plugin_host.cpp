// A host that loads every plug-in of a folder, calls it, and survives the broken ones.
// run: plugin_host {examples}/plugins
#include <latepy/latepy.hpp>
#include <latepy/stl/filesystem.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace py = latepy;
using namespace py::literals;

int main(int argc, char** argv) try {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "plugins";
  py::Interpreter python;
  python.add_path(folder);

  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".py") files.push_back(entry.path());
  std::sort(files.begin(), files.end());

  std::vector<py::Object> plugins;
  for (const auto& file : files) {
    plugins.push_back(python.import_module(file.stem().string()));
    std::printf("loaded %s: %s\n", file.filename().string().c_str(), plugins.back().attr("__doc__").as<std::string>().c_str());
  }
  for (const py::Object& plugin : plugins) {
    const std::string name = plugin.attr("name").as<std::string>();
    try {
      const auto text = plugin.call_method("run", "to be or not to be", "marks"_a = 3).as<std::string>();
      std::printf("%s: %s\n", name.c_str(), text.c_str());
    } catch (const py::PythonError& error) {
      std::printf("%s failed: %s: %s\n", name.c_str(), error.type_name().c_str(), error.message().c_str());
    }
  }
} catch (const latepy::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
