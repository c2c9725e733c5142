// tests/benchmark/include_pybind11.cpp: a file of a larger program that handles objects, with pybind11.
// SPDX-License-Identifier: MIT
#include <pybind11/embed.h>

int main() {}
