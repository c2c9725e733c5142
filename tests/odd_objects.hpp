// tests/odd_objects.hpp: objects that convert in odd ways, or not, for tests of converters.
// SPDX-License-Identifier: MIT
#pragma once

#include "conversions.hpp"

template <class T>
T as(const char* expression) {
  return eval(expression).as<T>();
}

inline constexpr const char* const odd_classes = R"(
    class Index:
        def __init__(self, value): self.value = value
        def __index__(self): return self.value
    class Float:
        def __init__(self, value): self.value = value
        def __float__(self): return self.value
    class Int:  # says that it can be cut down to an int, not that it is one
        def __int__(self): return 5
    class Raises:
        def __index__(self): raise LookupError("index")
        def __float__(self): raise LookupError("float")
    class RaisesTypeError:
        def __index__(self): raise TypeError("index")
    class NoRepr:
        def __repr__(self): raise ValueError("no repr")
    class Str(str): pass
    class Bytes(bytes): pass
)";
/// Of an expression that may name those classes.
inline py::Object odd(const char* expression) {
  static const py::Object globals = [] {
    py::Interpreter& interpreter = python();
    py::Object made = py::dict();
    interpreter.exec(odd_classes, made);
    return made;
  }();
  return python().eval(expression, globals);
}
