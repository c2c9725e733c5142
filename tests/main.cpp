// tests/main.cpp: Catch2's main, for Catch2 2; Catch2 3 brings its own.
// SPDX-License-Identifier: MIT
#define CATCH_CONFIG_MAIN
#include "catch.hpp"
