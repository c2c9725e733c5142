// tests/objects.hpp: objects that Python code makes, for tests of what one does to objects.
// SPDX-License-Identifier: MIT
#pragma once

#include "python.hpp"

/// The namespace that the code made.
inline py::Object run(const char* code) {
  py::Interpreter& interpreter = python();
  py::Object globals = py::dict();
  interpreter.exec(code, globals);
  return globals;
}

/// An object with an attribute `x`, whose class says what happens to it.
inline py::Object make_point() { return run("class Point:\n  def __init__(self): self.x = 1\n")["Point"](); }
