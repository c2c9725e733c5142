// doctor: every Python that latepy finds on this machine, which one it takes and why, and whether that one starts.
// For bug reports. Usage: doctor [python executable | virtual environment | installation folder]
// run: doctor
#include <latepy/latepy.hpp>

#include <cstdio>

namespace py = latepy;

int main(int argc, char** argv) try {
  py::Config config;
  if (argc > 1) config.python = argv[1];
  const py::Discovery discovery = py::locate(config.search());
  std::fputs(discovery.to_string().c_str(), stdout);
  const py::Candidate* chosen = discovery.chosen();
  if (!chosen) {
    std::printf("\nno usable CPython was found\n%s\n", discovery.remedy().c_str());
    return 1;
  }
  std::printf("\nchosen: Python %s, the first that passes every check (%s)\n", chosen->version.to_string().c_str(),
              chosen->source.c_str());
  std::printf("  library          %s\n", chosen->library.c_str());
  std::printf("  executable       %s\n", chosen->executable.c_str());
  std::printf("  base executable  %s\n", chosen->base_executable.c_str());
  std::printf("  prefix           %s\n", chosen->prefix.c_str());
  std::printf("  home             %s\n", chosen->home.c_str());
  std::fflush(stdout);

  py::Interpreter python(config);
  std::printf("started: Python %s%s\n", python.version().c_str(), python.is_free_threaded() ? ", free-threaded" : "");
  std::printf("  sys.version      %s\n", py::str(python.get("sys.version").call_method("replace", "\n", " ")).c_str());
  std::printf("  sys.prefix       %s\n", python.prefix().c_str());
} catch (const py::Error& error) {
  std::fprintf(stderr, "doctor: %s\n", error.what());
  return 2;
}
