// tests/libraries/linked_to_python.cpp: a program that is linked to libpython, and so has copies of some of its
// variables. SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

#include <cstdio>

extern "C" {
extern char _Py_NoneStruct;  // this program's copy (a copy relocation), where the linker makes one
extern char* PyExc_ZeroDivisionError;
void Py_InitializeEx(int);
int Py_FinalizeEx();
}

namespace {

int wrong = 0;
void expect(bool is_right, const char* what) {
  if (is_right) return;
  std::printf("wrong: %s\n", what);
  ++wrong;
}

void use_python() {
  latepy::Interpreter python;
  for (int i = 0; i < 2000; ++i) python.eval("None");
  expect(latepy::none().ptr() == static_cast<void*>(&_Py_NoneStruct), "None is the program's");
  expect(python.eval("ZeroDivisionError").ptr() == static_cast<void*>(PyExc_ZeroDivisionError),
         "the exception class is the program's");
  try {
    python.exec("1 / 0");
    expect(false, "an exception was expected");
  } catch (const latepy::ZeroDivisionError&) {
  }
}

}  // namespace

int main() {
  use_python();
  Py_InitializeEx(0);
  use_python();  // attached
  expect(Py_FinalizeEx() == 0, "the end");
  return wrong;
}
