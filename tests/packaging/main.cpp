// tests/packaging/main.cpp: the program of a user, built against latepy in each of the ways it is shipped.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

#include <cstdio>

int main() {
  latepy::Interpreter python;
  std::printf("6 * 7 = %d\n", python.eval<int>("6 * 7"));
}
