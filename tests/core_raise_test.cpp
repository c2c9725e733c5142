// Tests of latepy/core/raise.hpp: raise_exception(), with_context(), and how Python ends by an error: print, exit_code.
// SPDX-License-Identifier: MIT
#include <latepy/core/raise.hpp>

#include "python.hpp"

#include <stdexcept>

using py::Object;

namespace {

struct NoSpace : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A context manager that notes what happens, and swallows exceptions if `swallows` is true.
Object context(bool swallows) {
  python().exec(
      "seen = []\n"
      "class Context:\n"
      "  def __init__(self, swallows): self.swallows = swallows\n"
      "  def __enter__(self): seen.append('enter'); return 6\n"
      "  def __exit__(self, kind, value, trace):\n"
      "    seen.append(kind and kind.__name__ + ' ' + str(value)); return self.swallows");
  return python()["Context"](swallows);
}
std::string seen() { return python().eval<std::string>("str(seen)"); }

/// What is written to sys.stderr meanwhile.
template <class F>
std::string printed(F&& prints) {
  const py::CaptureOutput output(py::Streams::err);
  prints();
  return output.err();
}

}  // namespace

TEST_CASE("raise_exception raises a class or an object, as a script does") {
  python();
  const Object kept = eval("KeyError('k')");
  CHECK(thrown<py::KeyError>([&] { py::raise_exception(kept); }).value().same(kept));
  CHECK(thrown<py::ValueError>([] { py::raise_exception(eval("ValueError")); }).message().empty());
  CHECK(thrown<py::Exception>([] { py::raise_exception(eval("EOFError('end')")); }).type_name() == "EOFError");
  CHECK_THAT(thrown<py::TypeError>([] { py::raise_exception(eval("3")); }).message(),
             ContainsSubstring("must be an exception class or an exception, not 'int' 3"));
  CHECK_THROWS_AS(py::raise_exception(eval("int")), py::TypeError);
  const Object odd = eval("type('Odd', (Exception,), {'__new__': lambda cls: cls})");
  CHECK_THAT(thrown<py::TypeError>([&] { py::raise_exception(odd); }).message(),
             ContainsSubstring("and its call gave no exception: 'type' "));

  SECTION("with a cause") {
    const auto error = thrown<py::KeyError>([&] { py::raise_exception(kept, eval("OSError('why')")); });
    REQUIRE(error.cause());
    CHECK(error.cause()->is("OSError"));
    CHECK(thrown<py::KeyError>([&] { py::raise_exception(eval("KeyError"), eval("OSError")); }).cause()->is("OSError"));
    CHECK_THROWS_AS(py::raise_exception(kept, eval("3")), py::TypeError);
  }
  SECTION("out of a host function it is the same object") {
    python().def("raises", [&] { py::raise_exception(kept); });
    python()["kept"] = kept;
    CHECK(python().run_string("try: raises()\nexcept KeyError as e: same = e is kept\nsame").as<bool>());
    python().def("hides", [] { py::raise_exception(eval("KeyError"), py::none()); });
    CHECK(python()
              .run_string("try:\n  try: 1 / 0\n  except ZeroDivisionError: hides()\n"
                          "except KeyError as e: hidden = e.__suppress_context__\nhidden")
              .as<bool>());
  }
  SECTION("as the C++ class, if the host gave it one") {
    py::Module module = py::module("raise_test");
    const Object type =
        module.has_attr("NoSpace") ? Object(module.attr("NoSpace")) : module.add_exception<NoSpace>("NoSpace");
    CHECK(thrown<NoSpace>([&] { py::raise_exception(type("no room")); }).what() == std::string("no room"));
  }
}

TEST_CASE("with_context is Python's with") {
  SECTION("it gives the result") {
    const std::optional<int> result =
        py::with_context(context(false), [](const Object& entered) { return entered.as<int>() * 7; });
    CHECK(result == 42);
    CHECK(py::with_context(context(false), [] {}));
    CHECK(seen() == "['enter', None]");
  }
  SECTION("an exception reaches __exit__, and goes on") {
    CHECK_THROWS_AS(py::with_context(context(false), [] { python().exec("{}['k']"); }), py::KeyError);
    CHECK(seen() == "['enter', \"KeyError 'k'\"]");
    CHECK_THROWS_AS(py::with_context(context(false), []() -> int { throw std::out_of_range("row"); }),
                    std::out_of_range);
    CHECK(seen() == "['enter', 'IndexError row']");
  }
  SECTION("unless __exit__ swallows it") {
    CHECK_FALSE(py::with_context(context(true), [] { throw std::out_of_range("row"); }));
    CHECK(py::with_context(context(true), []() -> int { throw std::out_of_range("row"); }) == std::nullopt);
    CHECK(py::with_context(python().get("contextlib.suppress")(eval("KeyError")), [] { python().exec("{}[1]"); }) ==
          false);
  }
  SECTION("what __exit__ raises has the first exception as its context") {
    python().exec("class Fails:\n  def __enter__(self): pass\n  def __exit__(self, *a): raise OSError('exit')");
    const auto error = thrown<py::OSError>([] { py::with_context(eval("Fails()"), [] { python().exec("{}['k']"); }); });
    REQUIRE(error.cause());
    CHECK(error.cause()->is("KeyError"));
  }
  SECTION("what is no context manager says so") {
    CHECK_THAT(thrown<py::TypeError>([] { py::with_context(eval("3"), [] {}); }).message(),
               ContainsSubstring("'int' 3 is no context manager: it has no __enter__"));
    python().exec(
        "class Property:\n  def __enter__(self): pass\n  @property\n  def __exit__(self): raise OSError('no')");
    CHECK_THROWS_AS(py::with_context(eval("Property()"), [] {}), py::OSError);
  }
  SECTION("nothing is left behind") {
    const Object manager = context(true);
    python().exec("seen = type('Forgets', (), {'append': lambda self, x: None})()");
    CHECK_STEADY(py::with_context(manager, [] { throw std::out_of_range("row"); }));
  }
}

TEST_CASE("exit_code is the status with which Python would end") {
  const auto code = [](const char* statement) {
    return thrown<py::PythonError>([&] { python().exec(statement); }).exit_code();
  };
  python().exec("import sys");
  CHECK(code("sys.exit()") == 0);
  CHECK(code("sys.exit(None)") == 0);
  CHECK(code("sys.exit(7)") == 7);
  CHECK(code("sys.exit(-1)") == -1);
  CHECK(code("sys.exit(True)") == 1);
  CHECK(code("sys.exit('7')") == 1);
  CHECK(code("1 // 0") == 1);
  CHECK(code("raise type('Mine', (SystemExit,), {})(3)") == 3);
  CHECK(py::SystemExit("made by C++").exit_code() == 1);
  CHECK(py::ValueError("made by C++").exit_code() == 1);
}

TEST_CASE("print shows an error as Python does where nobody catches it") {
  python().exec("import sys");
  const auto error = thrown<py::PythonError>([] { python().exec("def f(): return 1 // 0\nf()", {}, "printed.py"); });
  CHECK(printed([&] { error.print(); }) == error.traceback());
  CHECK_THAT(printed([] { py::ValueError("made by C++").print(); }), ContainsSubstring("ValueError: made by C++\n"));

  SECTION("by sys.excepthook") {
    python().exec(
        "hooked = []\nsys.excepthook = lambda kind, value, trace: hooked.append((kind, value, trace is None))");
    error.print();
    python().exec("sys.excepthook = sys.__excepthook__");
    CHECK(python().eval<bool>("hooked[0][0] is ZeroDivisionError and not hooked[0][2]"));
    CHECK(Object(python().eval("hooked[0][1]")).same(error.value()));
    python().exec("del hooked");
  }
  SECTION("of a SystemExit only a text that it has") {
    const auto exits = [](const char* statement) {
      const auto exit = thrown<py::SystemExit>([&] { python().exec(statement); });
      return printed([&] { exit.print(); });
    };
    CHECK(exits("sys.exit(3)").empty());
    CHECK(exits("sys.exit()").empty());
    CHECK(exits("sys.exit('no such file')") == "no such file\n");
  }
  SECTION("what the hook raises ends nothing") {
    python().exec(
        "unraisable = []\nsys.unraisablehook = lambda u: unraisable.append(repr(u.exc_value))\n"
        "def hook(*a): raise SystemExit('in the hook')\nsys.excepthook = hook");
    error.print();
    python().exec("sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__");
    CHECK(python().eval<std::string>("str(unraisable)") == "[\"SystemExit('in the hook')\"]");
    python().def("hook", [](const py::Args&) { throw std::runtime_error("in a hook of the host"); });
    python().exec(
        "unraisable.clear()\nsys.unraisablehook = lambda u: unraisable.append(repr(u.exc_value))\n"
        "sys.excepthook = hook");
    error.print();
    python().exec("sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__");
    CHECK(python().eval<std::string>("str(unraisable)") == "[\"RuntimeError('in a hook of the host')\"]");
  }
}
