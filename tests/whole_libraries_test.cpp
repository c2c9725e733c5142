// Tests of latepy in several shared libraries of one process: in a program and two libraries, compiled with default and
// hidden visibility, linked and opened, in every combination. What is tested of each stands in libraries/host.cpp.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

#ifndef _WIN32

namespace {

constexpr const char* visibilities[] = {"default", "hidden"};

/// `program` with the library a (which has LATEPY_CHECKS) and b (which has not). Each of the three starts Python once.
void check_runs(const std::string& program, const std::string& a, const std::string& b) {
  const std::string folder = LATEPY_TEST_BINARIES "/";
  for (const auto& each : {std::pair("0", "lazy"), std::pair("1", "global"), std::pair("2", "lazy")}) {
    const char *const starter = each.first, *const how = each.second;
    INFO(program << " " << how << " " << starter << " library_a_" << a << " library_b_" << b);
    const Outcome outcome = run_in_child([&] {
      const std::string path = folder + program;
      execl(path.c_str(), path.c_str(), how, starter, (folder + "library_a_" + a + ".so").c_str(),
            (folder + "library_b_" + b + ".so").c_str(), nullptr);
      throw std::runtime_error("cannot run " + path);
    });
    CHECK(outcome.output == "");
    CHECK(outcome.signal == 0);
    CHECK(outcome.exit_code == 0);
  }
}

template <class F>
void each_combination(F&& check) {
  for (const std::string program : visibilities)
    for (const std::string a : visibilities)
      for (const std::string b : visibilities) check(program, a, b);
}

}  // namespace

TEST_CASE("a program and the libraries that it is linked with share one Python") {
  each_combination([](const std::string& program, const std::string& a, const std::string& b) {
    check_runs("linked_" + program + "_" + a + "_" + b, a, b);
  });
}

TEST_CASE("a program and the libraries that it opens share one Python") {
  each_combination([](const std::string& program, const std::string& a, const std::string& b) {
    check_runs("plain_" + program, a, b);
  });
}

TEST_CASE("a program that exports its symbols and the libraries that it opens share one Python") {
  each_combination([](const std::string& program, const std::string& a, const std::string& b) {
    check_runs("exporting_" + program, a, b);
  });
}

#endif
