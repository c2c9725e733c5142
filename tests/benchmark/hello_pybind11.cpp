// tests/benchmark/hello_pybind11.cpp: the smallest host, with pybind11.
// SPDX-License-Identifier: MIT
#include <pybind11/embed.h>

int main() {
  const pybind11::scoped_interpreter python(false);
  pybind11::exec("print('hello')");
}
