// tests/benchmark/include_latepy.cpp: a file of a larger program that handles objects, with latepy.
// SPDX-License-Identifier: MIT
#include <latepy/object.hpp>

int main() {}
