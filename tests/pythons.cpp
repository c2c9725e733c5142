// tests/pythons.cpp: prints `label;library;executable` for every CPython that the tests can run on.
// SPDX-License-Identifier: MIT
#include <latepy/find/locate.hpp>

#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

int main() {
  const latepy::Discovery found = latepy::locate(latepy::Search{});
  std::set<std::filesystem::path> libraries;
  std::map<std::string, int> labels;
  for (const latepy::Candidate& python : found.candidates()) {
    if (python.verdict == latepy::Verdict::refused || python.library.empty()) continue;
    std::error_code ignored;
    const auto library = std::filesystem::weakly_canonical(std::filesystem::u8path(python.library), ignored);
    if (!libraries.insert(library).second) continue;
    std::string label = python.version.to_string() + (python.free_threaded ? "t" : "") + (python.debug ? "d" : "");
    if (const int twins = labels[label]++) label += "-" + std::to_string(twins + 1);
    std::printf("%s;%s;%s\n", label.c_str(), python.library.c_str(), python.base_executable.c_str());
  }
  if (!libraries.empty()) return 0;
  std::fprintf(stderr, "%s%s\n", found.to_string().c_str(), found.remedy().c_str());
  return 1;
}
