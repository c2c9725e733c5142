// doctor: prints every Python that latepy found on this machine, which one it would take and why.
// Usage: doctor [python executable | virtual environment | installation folder]
// SPDX-License-Identifier: MIT
#include <latepy/load/locate.hpp>

#include <cstdio>

namespace py = latepy;

int main(int argc, char** argv) {
  try {
    py::Search search;
    if (argc > 1) search.python = argv[1];
    const py::Discovery discovery = py::locate(search);
    std::fputs(discovery.to_string().c_str(), stdout);
    const py::Candidate* chosen = discovery.chosen();
    if (!chosen) {
      std::printf("\nno usable CPython was found\n%s\n", discovery.remedy().c_str());
      return 1;
    }
    const char* const found_by = chosen->source.c_str();
    std::printf("\nchosen: Python %s, the first that passes every check (%s)\n", chosen->version.to_string().c_str(),
                found_by);
    std::printf("  library          %s\n", chosen->library.c_str());
    std::printf("  executable       %s\n", chosen->executable.c_str());
    std::printf("  base executable  %s\n", chosen->base_executable.c_str());
    std::printf("  prefix           %s\n", chosen->prefix.c_str());
    std::printf("  home             %s\n", chosen->home.c_str());
    return 0;
  } catch (const py::Error& error) {
    std::fprintf(stderr, "doctor: %s\n", error.what());
    return 2;
  }
}
