// Tests of latepy/core/script_traceback.hpp: the frames of scripts that a C++ exception has passed.
// SPDX-License-Identifier: MIT
#include <latepy/core/script_traceback.hpp>

#include "python.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace {

/// A host exception that the program has not told latepy of. It owns something, so that its end can be seen.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
  std::shared_ptr<int> part = std::make_shared<int>(7);
};

std::weak_ptr<int> last_part;

/// Functions of the host: `fails()` throws, `through(f)` calls.
void define_functions() {
  python().def("fails", [] {
    const Broken error("of the host");
    last_part = error.part;
    throw error;
  });
  python().def("through", [](py::Object callable) { callable(); });
}

/// script_traceback() of what the code throws.
std::string traceback_of(std::string_view code, std::string_view filename = {}) {
  try {
    python().exec(code, {}, filename);
  } catch (const std::exception& error) {
    return py::script_traceback(error);
  }
  return "nothing was thrown";
}

constexpr bool is_known = LATEPY_THROWS_IN_PLACE;

}  // namespace

TEST_CASE("script_traceback tells which scripts a host's exception has passed") {
  define_functions();
  if (!is_known) SKIP("this C++ runtime does not tell which exception was rethrown");
  CHECK(traceback_of("def load():\n  fails()\nload()", "plug.py") ==
        "Traceback (most recent call last):\n"
        "  File \"plug.py\", line 3, in <module>\n"
        "    load()\n"
        "  File \"plug.py\", line 2, in load\n"
        "    fails()\n"
        "RuntimeError: of the host\n");

  SECTION("through many layers of C++, the outermost script first") {
    python().exec("def inner(): fails()\ndef middle(): through(inner)", {}, "layers.py");
    CHECK(traceback_of("through(middle)", "outer.py") ==
          "Traceback (most recent call last):\n"
          "  File \"outer.py\", line 1, in <module>\n"
          "    through(middle)\n"
          "  File \"layers.py\", line 2, in middle\n"
          "    def middle(): through(inner)\n"
          "  File \"layers.py\", line 1, in inner\n"
          "    def inner(): fails()\n"
          "RuntimeError: of the host\n");
  }
  SECTION("each time anew, where the script raises the same one again") {
    python().exec("try: fails()\nexcept RuntimeError as error: kept = error", {}, "kept.py");
    for (int i = 0; i < 3; ++i) {
      const std::string text = traceback_of("raise kept.with_traceback(None)", "again.py");
      CHECK(text ==
            "Traceback (most recent call last):\n"
            "  File \"again.py\", line 1, in <module>\n"
            "    raise kept.with_traceback(None)\n"
            "RuntimeError: of the host\n");
    }
    python().exec("del kept");
  }
  SECTION("on another thread, and after Python has handled others") {
    std::exception_ptr passed;
    try {
      python().exec("fails()", {}, "passed.py");
    } catch (...) {
      passed = std::current_exception();
    }
    CHECK_THROWS_AS(python().exec("fails()"), Broken);
    const py::GilRelease others;
    std::thread([&] {
      try {
        std::rethrow_exception(passed);
      } catch (const Broken& error) {
        CHECK_THAT(py::script_traceback(error), ContainsSubstring("File \"passed.py\", line 1, in <module>"));
      }
    }).join();
  }
  SECTION("out of a Result") {
    const py::Result<void> result = python().try_exec("fails()", {}, "result.py");
    try {
      result.value();
    } catch (const Broken& error) {
      CHECK_THAT(py::script_traceback(error), ContainsSubstring("File \"result.py\", line 1"));
    }
  }
  SECTION("whose names have a NUL") {
    python().exec(
        "def named(): fails()\nnamed.__code__ = named.__code__.replace(co_name='a\\0b', co_filename='c\\0d')");
    using namespace std::string_literals;
    CHECK_THAT(traceback_of("named()", "start.py"), ContainsSubstring("  File \"c\0d\", line 1, in a\0b\n"s));
  }
  SECTION("of a deep recursion both ends") {
    python().exec("def deep(n): return fails() if n == 0 else deep(n - 1)", {}, "deep.py");
    const std::string text = traceback_of("deep(300)", "start.py");
    CHECK_THAT(text, ContainsSubstring("start.py") && ContainsSubstring("\n  ...\n"));
    CHECK(std::count(text.begin(), text.end(), '\n') == 2 * 99 + 3);
  }
}

TEST_CASE("the exception ends where the catch block ends, and its frames with it") {
  define_functions();
  CHECK_THROWS_AS(python().exec("through(lambda: fails())"), Broken);
  CHECK(last_part.expired());
  CHECK(py::detail::crossings == nullptr);
  CHECK_STEADY(thrown<Broken>([] { python().exec("through(fails)"); }));
}

TEST_CASE("script_traceback of an exception that Python made is its traceback") {
  const std::string text = traceback_of("def divide(): return 1 // 0\ndivide()", "divide.py");
  CHECK_THAT(text,
             ContainsSubstring("File \"divide.py\", line 1, in divide") && ContainsSubstring("ZeroDivisionError: "));

  python();
  py::module("traced").add_exception<Broken>("Broken");
  const std::string raised = traceback_of("import traced\nraise traced.Broken('x') from KeyError('why')", "raises.py");
  CHECK_THAT(raised, ContainsSubstring("File \"raises.py\", line 2") && ContainsSubstring("traced.Broken: x") &&
                         ContainsSubstring("KeyError: 'why'"));
}

TEST_CASE("script_traceback of an exception that has passed no script is empty") {
  python();
  CHECK(py::script_traceback(std::runtime_error("made here")).empty());
  define_functions();
  python().def("handles", [] {
    try {
      throw Broken("handled by the host");
    } catch (const Broken& error) {
      return py::script_traceback(error);
    }
  });
  CHECK(python().eval<std::string>("handles()").empty());
  try {
    python().exec("fails()");
  } catch (const Broken& error) {
    const Broken copy = error;  // another exception
    CHECK(py::script_traceback(copy).empty());
  }
  CHECK(py::script_traceback(py::ValueError("made by C++")) == "ValueError: made by C++\n");
}
