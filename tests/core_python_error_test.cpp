// Tests of latepy/core/python_error.hpp: what a Python exception is in C++.
// SPDX-License-Identifier: MIT
#include "python.hpp"

#include <thread>

using py::Object;
using py::PythonError;

namespace {

/// The exception that the code raises; the code's file is called "job.py".
PythonError raised_by(std::string_view code) {
  const Object globals = (python(), py::dict());
  return thrown<PythonError>([&] { python().exec(code, globals, "job.py"); });
}

}  // namespace

TEST_CASE("what() is the type, the message and the place") {
  const PythonError error = raised_by("def f():\n    raise ValueError('no such row')\n\nf()\n");
  CHECK(std::string(error.what()) == "ValueError: no such row (job.py:2)");
  CHECK(error.type_name() == "ValueError");
  CHECK(error.message() == "no such row");
  CHECK(error.where() == "job.py:2");  // the innermost frame
}

TEST_CASE("an exception without a message has none in what()") {
  CHECK(std::string(raised_by("raise ValueError").what()) == "ValueError (job.py:1)");
  CHECK(raised_by("raise ValueError").message().empty());
}

TEST_CASE("an exception that no Python line raised has no place") {
  const PythonError error = thrown<PythonError>([] { python().eval("int").attr("gone").as<int>(); });
  CHECK(error.where().empty());
  CHECK_THAT(error.what(), ContainsSubstring("AttributeError: type object 'int' has no attribute 'gone'"));
}

TEST_CASE("an exception of a Task without a line of Python has no place") {
  python().exec(R"(
      import asyncio
      async def done(): pass
      async def reuse():
          coroutine = done()
          await coroutine
          task = asyncio.ensure_future(coroutine)
          await asyncio.wait({task})
          return task
      task = asyncio.run(reuse())
  )");
  const auto error = thrown<PythonError>([] { python()["task"].call_method("result"); });
  CHECK_THAT(error.what(), ContainsSubstring("RuntimeError: cannot reuse already awaited coroutine"));
}

TEST_CASE("the place is the innermost Python line, also below C functions") {
  const PythonError error = raised_by("def key(x):\n  return 1 // x\n\nsorted([1, 0],\n       key=key)\n");
  CHECK(error.where() == "job.py:2");
}

TEST_CASE("the place is no line of the import system") {
  CHECK(raised_by("import no_such_module").where() == "job.py:1");
  CHECK(thrown<PythonError>([] { python().import_module("no_such_module"); }).where().empty());
  CHECK(thrown<PythonError>([] { python().call("no_such_module", "f"); }).where().empty());
  const PythonError error = raised_by("import importlib\n\nimportlib.import_module('no_such_module')");
  CHECK_THAT(error.where(), ContainsSubstring("importlib") && ContainsSubstring("__init__.py:"));
}

TEST_CASE("traceback() is what Python prints: every frame with its source line", "[source][error-text]") {
  const PythonError error =
      raised_by("def inner(x):\n    return 1 // x  # the line\n\ndef outer():\n    inner(0)\n\nouter()\n");
  const std::string& text = error.traceback();
  CHECK_THAT(text, ContainsSubstring("Traceback (most recent call last):\n"));
  CHECK_THAT(text, ContainsSubstring("  File \"job.py\", line 7, in <module>\n    outer()\n"));
  CHECK_THAT(text, ContainsSubstring("  File \"job.py\", line 5, in outer\n    inner(0)\n"));
  CHECK_THAT(text, ContainsSubstring("  File \"job.py\", line 2, in inner\n    return 1 // x  # the line\n"));
  CHECK_THAT(text, ContainsSubstring("\nZeroDivisionError: "));
  CHECK(text.back() == '\n');
  CHECK(&error.traceback() == &text);  // formatted once, then kept
}

TEST_CASE("source given without a file name has its lines in tracebacks too", "[source]") {
  const PythonError error = thrown<PythonError>([] { python().exec("x = 1\nraise KeyError('k')  # this one"); });
  CHECK_THAT(error.traceback(), ContainsSubstring("raise KeyError('k')  # this one"));
  CHECK_THAT(error.where(), ContainsSubstring("<string-") && ContainsSubstring(">:2"));
}

TEST_CASE("is() asks as `except` does: by name, with the module or without, or by class") {
  const PythonError zero = raised_by("1 // 0");
  for (const char* name : {"ZeroDivisionError", "ArithmeticError", "Exception", "BaseException"}) CHECK(zero.is(name));
  for (const char* name : {"ValueError", "KeyError", "DivisionError", "Error", "", "object.ZeroDivisionError"})
    CHECK_FALSE(zero.is(name));
  CHECK(zero.is(std::string("ZeroDivisionError")));
  CHECK(zero.is(std::string_view("ArithmeticError, among others").substr(0, 15)));
  CHECK(zero.is(python().eval("ArithmeticError")));
  CHECK(zero.is(python().eval("(ValueError, ArithmeticError)")));
  CHECK_FALSE(zero.is(python().eval("ValueError")));
}

TEST_CASE("classes of modules are named with their module, as in a traceback") {
  const PythonError error = raised_by("import json\njson.loads('{')");
  CHECK(error.type_name() == "json.decoder.JSONDecodeError");
  CHECK(error.is("json.decoder.JSONDecodeError"));
  CHECK(error.is("decoder.JSONDecodeError"));
  CHECK(error.is("JSONDecodeError"));
  CHECK(error.is("ValueError"));
  CHECK_FALSE(error.is("DecodeError"));
  CHECK_THAT(error.what(), ContainsSubstring("json.decoder.JSONDecodeError: Expecting property name"));
}

TEST_CASE("a class of the script's own comes as the nearest base, and is told by is()") {
  const char* const code = R"(
      class ConfigError(ValueError): pass
      class MissingKey(ConfigError, KeyError):
          def __str__(self): return "missing: " + self.args[0]
      raise MissingKey("port")
  )";
  const Object globals = (python(), py::dict("__name__"_a = "__main__"));
  const auto run = [&] { python().exec(code, globals); };
  CHECK_THROWS_AS(run(), py::KeyError);  // the nearest that C++ has, by the order of exceptions.hpp
  const PythonError error = thrown<PythonError>(run);
  CHECK(error.type_name() == "MissingKey");
  CHECK(error.message() == "missing: port");
  for (const char* name : {"MissingKey", "ConfigError", "ValueError", "KeyError", "LookupError", "Exception"})
    CHECK(error.is(name));
  CHECK_FALSE(error.is("TypeError"));
  CHECK(error.value().attr("args")[0].as<std::string>() == "port");
}

TEST_CASE("KeyError's message is the key as Python shows it") {
  CHECK(raised_by("{}['a key']").message() == "'a key'");
  CHECK(raised_by("{}[3]").message() == "3");
}

TEST_CASE("value() is the exception object, with its attributes") {
  const PythonError error = raised_by("e = OSError(2, 'gone', 'file.txt')\ne.extra = [1, 2]\nraise e");
  CHECK(error.value().attr("errno").as<int>() == 2);
  CHECK(error.value().attr("filename").as<std::string>() == "file.txt");
  CHECK((py::len(error.value().attr("extra")) == 2));
  CHECK(error.type_name() == "FileNotFoundError");
}

TEST_CASE("cause() walks `raise … from` and what was being handled") {
  const PythonError chained = raised_by(R"(
      def load():
          try:
              {}['port']
          except KeyError as e:
              raise ValueError('bad settings') from e
      try:
          load()
      except ValueError:
          raise RuntimeError('cannot start')
  )");
  CHECK(chained.type_name() == "RuntimeError");
  REQUIRE(chained.cause());
  CHECK(chained.cause()->type_name() == "ValueError");
  REQUIRE(chained.cause()->cause());
  CHECK(chained.cause()->cause()->message() == "'port'");
  CHECK_FALSE(chained.cause()->cause()->cause());
  CHECK_THAT(chained.traceback(), ContainsSubstring("KeyError: 'port'\n") &&
                                      ContainsSubstring("direct cause of the following exception") &&
                                      ContainsSubstring("During handling of the above exception") &&
                                      ContainsSubstring("RuntimeError: cannot start\n"));
  const PythonError hidden =
      raised_by("try:\n  1 // 0\nexcept ArithmeticError:\n  raise ValueError('alone') from None");
  CHECK_FALSE(hidden.cause());
  CHECK_THAT(hidden.traceback(), !ContainsSubstring("ZeroDivisionError"));
}

TEST_CASE("notes stand in the traceback, where Python has them (3.11)", "[error-text]") {
  python();
  if (minor_version() < 11) SKIP("exceptions have no notes before 3.11");
  const PythonError error = raised_by("e = ValueError('v')\ne.add_note('while reading row 7')\nraise e");
  CHECK_THAT(error.traceback(), ContainsSubstring("ValueError: v\nwhile reading row 7\n"));
  CHECK(error.message() == "v");
}

TEST_CASE("exception groups show all their exceptions, where Python has them (3.11)", "[error-text]") {
  python();
  if (minor_version() < 11) SKIP("there are no exception groups before 3.11");
  const PythonError error = raised_by("raise ExceptionGroup('two things', [ValueError('first'), KeyError('second')])");
  CHECK(error.type_name() == "ExceptionGroup");
  CHECK(error.message() == "two things (2 sub-exceptions)");
  CHECK_THAT(error.traceback(), ContainsSubstring("ValueError: first") && ContainsSubstring("KeyError: 'second'"));
  CHECK((py::len(error.value().attr("exceptions")) == 2));
  CHECK(error.is("Exception"));
}

TEST_CASE("a SyntaxError has its place, its line and the caret") {
  const PythonError error = raised_by("x = 1\ny = (2 +\n");
  CHECK(error.is("SyntaxError"));
  CHECK_THAT(error.where(), ContainsSubstring("job.py:"));
  const PythonError inside = raised_by("x = 1\nif x\n  pass\n");
  CHECK(inside.where() == "job.py:2");
  CHECK_THAT(inside.what(), ContainsSubstring("SyntaxError: ") && ContainsSubstring("(job.py:2)"));
  CHECK_THAT(inside.what(), !ContainsSubstring("line 2"));  // once is enough
  CHECK_THAT(inside.traceback(), ContainsSubstring("File \"job.py\", line 2\n    if x\n") && ContainsSubstring("^"));
  CHECK(raised_by("if True:\npass").type_name() == "IndentationError");
}

TEST_CASE("a function of CPython that fails without an error is a SystemError") {
  python();
  const auto error = thrown<py::PythonError>([] { py::detail::throw_if_null(nullptr); });
  CHECK(error.type_name() == "SystemError");
  CHECK(error.message() == "a function of CPython failed without setting an error");
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("an exception whose str() fails still has a text") {
  const PythonError error =
      raised_by("class Sly(ValueError):\n  def __str__(self): raise RuntimeError('never')\nraise Sly");
  CHECK(error.message() == "<its str() failed>");
  CHECK_THAT(error.what(), ContainsSubstring("Sly: <its str() failed>"));
  CHECK_FALSE(error.traceback().empty());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("messages with NUL, lone surrogates and any length come whole") {
  const PythonError error = raised_by("raise ValueError('a\\0b \\ud800 \\u20ac' + 'x' * 10000)");
  CHECK(error.message().size() == 3 + 1 + 6 + 1 + 3 + 10000);
  CHECK_THAT(error.message(), ContainsSubstring("\\ud800 \xe2\x82\xac"));
  CHECK(error.message()[1] == '\0');
}

TEST_CASE("what() does not end at a NUL byte of the message") {
  const PythonError error = raised_by("raise ValueError('before\\0after')");
  CHECK(std::string(error.what()) == "ValueError: before\\0after (job.py:1)");
  CHECK(error.where() == "job.py:1");
  CHECK(std::string(py::ValueError(std::string("a\0b", 3)).what()) == "ValueError: a\\0b");
}

TEST_CASE("exceptions that are no Exception arrive too") {
  CHECK(raised_by("raise SystemExit(3)").is("SystemExit"));
  CHECK_FALSE(raised_by("raise SystemExit(3)").is("Exception"));
  CHECK(raised_by("raise KeyboardInterrupt").is("KeyboardInterrupt"));
  CHECK(raised_by("raise GeneratorExit").type_name() == "GeneratorExit");
  CHECK(raised_by("raise type('Mine', (BaseException,), {})('m')").message() == "m");
  CHECK(raised_by("raise 5").is("TypeError"));  // exceptions must derive from BaseException
}

TEST_CASE("copies are the same exception, on any thread and without the GIL", "[error-text][threads]") {
  std::optional<PythonError> kept;
  {
    const PythonError error = raised_by("raise KeyError('on the way')");
    kept = error;
    const PythonError copy = error;
    CHECK(copy.what() == error.what());  // the same text
  }
  std::string what, traceback;
  bool is_lookup = false;
  {
    const py::GilRelease release;
    std::thread other([error = *kept, &what, &traceback, &is_lookup] {  // without the GIL
      const PythonError copy = error;
      what = copy.what();
      traceback = copy.traceback();  // takes the GIL itself
      is_lookup = copy.is("LookupError") && !copy.is("ValueError");
    });
    kept.reset();  // dropped here and there
    other.join();
  }
  CHECK(what == "KeyError: 'on the way' (job.py:1)");
  CHECK_THAT(traceback, ContainsSubstring("KeyError: 'on the way'"));
  CHECK(is_lookup);
}

TEST_CASE("errors that live at once stay apart, in whatever order and on whatever thread they end") {
  const Object fail = python().eval("lambda i: [][i]['a message of some length']");
  std::vector<PythonError> kept;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) {
      kept.push_back(fail.try_call(i).error());
      kept.push_back(raised_by("raise ValueError('one with a longer message: " + std::to_string(i) + "')"));
    }
    const py::GilRelease release;
    std::thread other([&kept] {
      for (std::size_t i = 0; i < kept.size(); i += 3) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
    });
    other.join();
  }
  for (const PythonError& error : kept)
    CHECK(error.type_name() == (error.is("IndexError") ? "IndexError" : "ValueError"));
  CHECK(kept.back().message() == "one with a longer message: 19");
}

TEST_CASE("a Python exception is a std::exception and a latepy::Error") {
  const auto fail = [] { python().eval("1 // 0"); };
  CHECK_THROWS_AS(fail(), std::runtime_error);
  CHECK_THROWS_AS(fail(), py::Error);
  CHECK_THROWS_AS(fail(), PythonError);
  try {
    fail();
  } catch (const std::exception& error) {
    CHECK_THAT(error.what(), ContainsSubstring("ZeroDivisionError: "));
  }
}

TEST_CASE("rethrow() throws the class that was lost by value") {
  const PythonError sliced = raised_by("{}['k']");
  CHECK_THROWS_AS(sliced.rethrow(), py::KeyError);
  CHECK(thrown<PythonError>([&] { sliced.rethrow(); }).what() == sliced.what());
}

TEST_CASE("an exception that C++ made has type and message at once, and an object on demand") {
  python();
  const py::ValueError error("no such row");
  CHECK(std::string(error.what()) == "ValueError: no such row");
  CHECK(error.type_name() == "ValueError");
  CHECK(error.message() == "no such row");
  CHECK(error.where().empty());
  CHECK(error.traceback() == "ValueError: no such row\n");
  CHECK(error.is("ValueError"));
  CHECK(error.is("Exception"));
  CHECK_FALSE(error.is("KeyError"));
  CHECK(error.is(python().eval("ValueError")));
  CHECK_FALSE(error.cause());
  CHECK(py::isinstance(error.value(), python().eval("ValueError")));
  CHECK(error.value().attr("args")[0].as<std::string>() == "no such row");
  CHECK(error.value().same(error.value()));
  CHECK(py::ValueError("").message().empty());
  const py::ValueError invalid("invalid \xff");  // never fails: it may be thrown anywhere
  CHECK_THAT(py::str(invalid.value()), ContainsSubstring("invalid "));
}

TEST_CASE("catching leaves no error behind, and the exception's frames go with it", "[error-indicator]") {
  const Object globals = (python(), py::dict());
  python().exec(R"(
      import weakref
      class Big: pass
      seen = []
      def fail():
          big = Big()
          seen.append(weakref.ref(big))
          raise ValueError
  )",
                globals);
  {
    const PythonError error = thrown<PythonError>([&] { globals["fail"](); });
    CHECK_FALSE(globals["seen"][0]().is_none());
    CHECK_FALSE(py::detail::api().Err_Occurred());
  }
  CHECK(globals["seen"][0]().is_none());
}
