// tests/python.hpp: the one Interpreter of a test program, on the CPython that LATEPY_LIBRARY or LATEPY_PYTHON names.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/latepy.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "catch.hpp"

namespace py = latepy;
using namespace py::literals;

/// Started at the first call, on the main thread, and stopped when the program ends. Where it does not start, no test
/// can say anything: that ends the program.
inline py::Interpreter& python() {
  static const auto interpreter = [] {
    try {
      return std::make_unique<py::Interpreter>();
    } catch (const py::Error& error) {
      std::fprintf(stderr, "the tests need a Python, and it did not start: %s\n", error.what());
      std::_Exit(1);
    }
  }();
  return *interpreter;
}

/// The minor version of the CPython under test.
inline int minor_version() { return latepy::detail::library_state.version.minor; }

/// Whether LATEPY_NO_FAST_PATH says that functions do all.
inline bool are_fast_paths_off() {
  const char* const text = std::getenv("LATEPY_NO_FAST_PATH");
  return text && *text && std::string_view(text) != "0";
}

inline py::Object eval(std::string_view expression) { return python().eval(expression); }

/// Objects by name whose references drift() counts on every CPython.
inline py::Object& watched() {
  static py::Object objects = (python(), py::dict());
  return objects;
}

/// What a body changes when it runs 3 x 1000 times: "" or "thing +3000, whole +6000". The whole is all references in a
/// debug build of CPython, else all blocks of memory. Caches and free lists may need a few tries until they are full;
/// what goes on to change after ten is no cache.
template <class F>
std::string drift(F&& body) {
  static const py::Object names = [] {
    py::Object made = py::dict();
    python().exec(R"(
        import gc, sys, warnings

        whole = getattr(sys, 'gettotalrefcount', sys.getallocatedblocks)
        clear_type_cache = getattr(sys, '_clear_type_cache', lambda: None)  # which holds names in place of None

        def census(watched):
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # deprecated in 3.13
                clear_type_cache()
            gc.collect()
            return ' '.join([str(sys.getrefcount(each)) for each in watched.values()] + [str(whole())])

        def difference(watched, before, after):
            pairs = zip([*watched, 'whole'], before.split(), after.split())
            return ', '.join(f'{name} {int(b) - int(a):+}' for name, a, b in pairs if a != b)
    )",
                  made);
    return made;
  }();
  const py::Object census = names["census"], difference = names["difference"];
  for (int i = 0; i < 100; ++i) body();  // what is filled at first
  std::string changed;
  for (int tries = 0; tries < 10; ++tries) {
    const std::string before = census.call<std::string>(watched());
    for (int i = 0; i < 3 * 1000; ++i) body();
    changed = difference.call<std::string>(watched(), before, census.call<std::string>(watched()));
    if (changed.empty()) break;
  }
  return changed;
}

/// Statements that leave nothing behind; what has to throw in them stands in thrown<E>().
#define CHECK_STEADY(...) CHECK(drift([&] { __VA_ARGS__; }) == "")
