// tests/python.hpp: the one Interpreter of a test program, on the CPython that LATEPY_LIBRARY or LATEPY_PYTHON names.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/latepy.hpp>

#include "catch.hpp"

namespace py = latepy;
using namespace py::literals;

/// Started at the first call, on the main thread, and stopped when the program ends.
inline py::Interpreter& python() {
  static py::Interpreter interpreter;
  return interpreter;
}

/// The minor version of the CPython under test.
inline int minor_version() { return latepy::detail::state().version.minor; }

/// What an expression throws, to look at it with REQUIREs.
template <class E, class F>
E thrown(F&& call) {
  try {
    call();
  } catch (const E& error) {
    return error;
  }
  FAIL("nothing was thrown, or something else");
  throw 0;
}
