// tests/c_api.hpp: functions of CPython by their names, for tests of what others do in the process.
// SPDX-License-Identifier: MIT
#pragma once

#include "in_child.hpp"

#ifndef _WIN32
#include <dlfcn.h>

/// A function of the C API by its name, for what other embedders in the process do.
template <class F>
F* c_api(const char* name) {
  void* symbol = dlsym(RTLD_DEFAULT, name);
  EXPECT(symbol);
  return reinterpret_cast<F*>(symbol);
}
#endif
