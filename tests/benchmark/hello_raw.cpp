// tests/benchmark/hello_raw.cpp: the smallest host, by hand.
// SPDX-License-Identifier: MIT
#include <Python.h>

int main() {
  Py_InitializeEx(0);
  const int failed = PyRun_SimpleString("print('hello')");
  return Py_FinalizeEx() == 0 && !failed ? 0 : 1;
}
