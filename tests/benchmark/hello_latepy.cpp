// tests/benchmark/hello_latepy.cpp: the smallest host, with latepy.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

int main() {
  latepy::Interpreter python;
  python.exec("print('hello')");
}
