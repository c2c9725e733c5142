// tests/whole_python_sources_test.cpp: the Python programs in latepy's headers, compiled by each CPython without a warning.
// SPDX-License-Identifier: MIT
#include "python_sources.hpp"  // written by CMakeLists.txt: the *_source.hpp headers and a list of their constants

#include "python.hpp"

TEST_CASE("the Python programs in the headers compile without a warning") {
  const py::Object compile_strictly = [] {
    python().exec(R"(
        import warnings

        def compile_strictly(text, name):
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                compile(text, name, 'exec', dont_inherit=True)
    )");
    return eval("compile_strictly");
  }();
  for (const PythonSource& source : python_sources) {
    INFO(source.name);
    CHECK_NOTHROW(compile_strictly(source.text, source.name));
  }
  CHECK_THROWS_AS(compile_strictly("a = '\\d'", "a warning"), py::SyntaxError);
}
