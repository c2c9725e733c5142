// tests/packaging/installed_library/scripting.cpp: a library whose users need not know that it hosts Python.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

int answer();
int answer() {
  latepy::Interpreter python;
  return python.eval<int>("6 * 7");
}
