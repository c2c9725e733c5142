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

/// A Python function that counts the allocated blocks of memory, without what comes and goes by itself: garbage, and
/// the cache of types' attributes.
inline py::Object allocated_blocks() {
  return python().eval(
      "lambda sys=__import__('sys'): (__import__('gc').collect(), getattr(sys, '_clear_type_cache', int)(), "
      "sys.getallocatedblocks())[2]");
}

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
