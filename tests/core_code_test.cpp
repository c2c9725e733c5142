// Tests of latepy/core/code.hpp: source compiled once, whose lines tracebacks can show.
// SPDX-License-Identifier: MIT
#include "python.hpp"

using py::Code;
using py::Mode;
using py::Object;

namespace {

Object globals() {
  python();
  return py::dict();
}

std::size_t remembered() {
  return python().eval<std::size_t>("sum(k.startswith('<string-') for k in __import__('linecache').cache)");
}

}  // namespace

TEST_CASE("Mode::exec runs statements and gives None") {
  const Object names = globals();
  const Code code("x = 20\ny = x + 1\ny");
  CHECK(code(names).is_none());
  CHECK((names["y"] == 21));
  names["x"] = 0;
  CHECK(code(names).is_none());
  CHECK((names["x"] == 20));
  CHECK(Code("")(names).is_none());
  CHECK(Code("# only a comment")(names).is_none());
}

TEST_CASE("assert statements run, as Python was told") {
  const Object names = globals();
  CHECK_THROWS_AS(Code("assert False")(names), py::AssertionError);
  CHECK(Code("__debug__", Mode::eval)(names).as<bool>());
}

TEST_CASE("one Code runs in many namespaces, and functions, lambdas and comprehensions see theirs", "[namespaces]") {
  const Code code(R"(
      base = start
      def add(x): return base + x
      sums = [(lambda: add(x))() for x in range(3)]
      class Later:
          total = sum(add(x) for x in range(3))
  )");
  const Object one = globals(), hundred = py::dict("start"_a = 100);
  one["start"] = 1;
  code(one);
  code(hundred);
  CHECK((one["sums"] == py::list(1, 2, 3)));
  CHECK((hundred["sums"] == py::list(100, 101, 102)));
  CHECK((one["add"](1) == 2));  // each function keeps its own
  CHECK((hundred["Later"].attr("total") == 303));
  CHECK_THROWS_AS(code(py::dict()), py::NameError);
}

TEST_CASE("Mode::eval gives an expression's value, each time anew") {
  const Object names = globals();
  const Code twice("x * 2", Mode::eval);
  for (int x = 0; x < 3; ++x) {
    names["x"] = x;
    CHECK(twice(names) == 2 * x);
  }
  CHECK(Code(" \t\n 6 *\\\n 7 \n", Mode::eval)(names) == 42);
  CHECK(Code("[x\n for x in range(2)]", Mode::eval)(names) == py::list(0, 1));
  for (const char* statement : {"x = 1", "import math", "pass; x"}) {
    const auto error = thrown<py::SyntaxError>([&] { Code(statement, Mode::eval, "job.py"); });
    CHECK_THAT(error.message(), ContainsSubstring("; eval() takes one expression: use exec() or run_string()"));
    CHECK(error.where() == "job.py:1");
  }
  CHECK_THAT(thrown<py::SyntaxError>([] { Code("x +", Mode::eval); }).message(), !ContainsSubstring("exec()"));
  CHECK_THROWS_AS(Code("", Mode::eval), py::SyntaxError);
}

TEST_CASE("Mode::run gives the value of the last statement where it is an expression") {
  const Object names = globals();
  CHECK(Code("x = 3\nx ** 2", Mode::run)(names) == 9);
  CHECK(Code("x ** 3", Mode::run)(names) == 27);
  CHECK(Code("x = 3", Mode::run)(names).is_none());
  for (const char* nothing : {"", "\n", " \t \n\n", "# only a comment", "  # an indented one\n", "pass"})
    CHECK(Code(nothing, Mode::run)(names).is_none());
  CHECK(Code("'only text'", Mode::run)(names) == "only text");
  CHECK(Code("a = 1; a + 1", Mode::run)(names) == 2);
  CHECK(Code("def f():\n  return 5\n\n(f(),\n f())\n# the end\n", Mode::run)(names) == py::tuple(5, 5));
  CHECK(Code("if x:\n  7", Mode::run)(names).is_none());  // the last statement is the if
  CHECK_THROWS_AS(Code("x = ", Mode::run), py::SyntaxError);
  names["n"] = 0;
  const Code counts("n += 1\nn", Mode::run);
  counts(names);
  CHECK(counts(names) == 2);  // each part runs once a call
  const py::PythonError error = thrown<py::PythonError>([&] { Code("y = 1\n\ny // 0", Mode::run, "last.py")(names); });
  CHECK(error.where() == "last.py:3");
  CHECK_THAT(error.traceback(), ContainsSubstring("    y // 0\n"));
}

TEST_CASE("future statements of the source count for its last expression too") {
  const Object names = globals();
  CHECK(Code("from __future__ import annotations\ndef f(x: no_such_name): pass\nf.__annotations__['x']",
             Mode::run)(names) == "no_such_name");
}

TEST_CASE("the file name is what tracebacks say, and the lines are shown though there is no file", "[source]") {
  const Object names = globals();
  const py::PythonError error = thrown<py::PythonError>([&] {
    Code("def f():\n    1 // 0\nf()\n", Mode::exec,
         "r\xc3\xbc"
         "ckgrat.py")(names);
  });
  CHECK(error.where() ==
        "r\xc3\xbc"
        "ckgrat.py:2");
  CHECK_THAT(error.traceback(),
             ContainsSubstring("line 3, in <module>\n    f()\n") && ContainsSubstring("line 2, in f\n    1 // 0\n"));
}

TEST_CASE("texts without a file name have different ones, and all show their lines", "[source]") {
  const Object names = globals();
  Code("def first():\n  raise ValueError  # of the first text\n")(names);
  Code("def second():\n  first()  # of the second text\n")(names);
  const py::PythonError error = thrown<py::PythonError>([&] { names["second"](); });
  CHECK_THAT(error.traceback(), ContainsSubstring("# of the first text") && ContainsSubstring("# of the second text"));
}

TEST_CASE("the lines are shown of a text in each mode, and of a function that is called later", "[source]") {
  const Object names = globals();
  const auto shown = [&](Mode mode, const char* text) {
    return thrown<py::ZeroDivisionError>([&] { Code(text, mode)(names); }).traceback();
  };
  CHECK_THAT(shown(Mode::exec, "x = 1\nx // 0  # exec"),
             ContainsSubstring(", line 2, in <module>\n    x // 0  # exec\n"));
  CHECK_THAT(shown(Mode::eval, "1 // 0 or 'eval'"), ContainsSubstring(", line 1, in <module>\n    1 // 0 or 'eval'\n"));
  CHECK_THAT(shown(Mode::run, "x = 1 // 0  # statement\nx"), ContainsSubstring("x = 1 // 0  # statement"));
  CHECK_THAT(shown(Mode::run, "x = 1\nx // 0  # value"),
             ContainsSubstring(", line 2, in <module>\n    x // 0  # value\n"));
  Code("def later():\n    return 1 // 0  # called later\n")(names);
  Code("another = 'text'")(names);
  CHECK_THAT(thrown<py::ZeroDivisionError>([&] { names["later"](); }).traceback(),
             ContainsSubstring(", line 2, in later\n    return 1 // 0  # called later\n"));
  const py::PythonError syntax = thrown<py::SyntaxError>([] { Code("x = 1\ny = = 2\n"); });
  CHECK_THAT(syntax.traceback(), ContainsSubstring(", line 2\n    y = = 2\n") && ContainsSubstring("^"));
}

TEST_CASE("inspect.getsource knows functions and classes made by exec", "[source]") {
  const Object names = py::dict("__name__"_a = (python(), "made_up"));
  Code("def twice(x):\n    # a comment\n    return x * 2\n\ndef other(): pass\n")(names);
  CHECK((python().call<std::string>("inspect", "getsource", Object(names["twice"])) ==
         "def twice(x):\n    # a comment\n    return x * 2\n"));
}

TEST_CASE("linecache.checkcache, which traceback calls, forgets nothing of ours", "[source]") {
  const Object names = globals();
  Code("def f():\n  raise ValueError  # still here\n", Mode::exec, "no such file.py")(names);
  python().call("linecache", "checkcache");
  CHECK_THAT(thrown<py::PythonError>([&] { names["f"](); }).traceback(), ContainsSubstring("# still here"));
}

TEST_CASE("the lines of the last thousand texts are kept, and not more") {
  const Object names = globals();
  for (int i = 0; i < 1100; ++i) Code("x = 1")(names);
  CHECK(remembered() <= 1001);
  CHECK(remembered() >= 999);
  for (int i = 0; i < 100; ++i) Code("x = 1", Mode::exec, "same name.py")(names);
  CHECK(remembered() >= 998);  // texts with a name push none out
}

TEST_CASE("code that is kept to be run again is freed when other code takes its place") {
  const auto run_others = [](int first) {
    for (int i = first; i < first + 2000; ++i)
      python().exec("kept_" + std::to_string(i % 7) + " = (" + std::to_string(i) + ", 'text', 1.5)");
  };
  const auto blocks = [] { return python().eval<long>("__import__('sys').getallocatedblocks()"); };
  if (python().is_free_threaded()) SKIP("a free-threaded Python keeps the constants of all code");
  run_others(0);
  const long before = blocks();
  run_others(2000);
  CHECK(blocks() - before < 2000);
}

TEST_CASE("source that stands indented in C++ is dedented, other source is left alone") {
  const Object names = globals();
  Code(R"(
      def f(x):
          if x:
              return "yes"
          return """no
      where"""
  )")(names);
  CHECK((names["f"](true) == "yes"));
  Code("    a = 1\n    b = 2")(names);
  CHECK((names["b"] == 2));
  Code("\ta = 3\n\tb = 4\n")(names);
  CHECK((names["b"] == 4));
  Code("\n\n   # a comment first\n   a = 5\n")(names);
  CHECK((names["a"] == 5));
  Code("    if True:\n \n\n\t\n        a = 6\n\n    a += 1\n  ")(names);  // lines without code count for nothing
  CHECK((names["a"] == 7));
  Code("\n    # a comment\n\n    a = 8  # and another\n        # deeper\n    b = 9\n")(names);
  CHECK((names["b"] == 9));
  CHECK_THROWS_AS(Code("\ta = 1\n    b = 2\n"), py::SyntaxError);  // nothing in common
  CHECK_THROWS_AS(Code("x = 1\n   y = 2\n"), py::SyntaxError);
  Code("text = '''\n    kept\n'''")(names);
  CHECK((names["text"] == "\n    kept\n"));
  CHECK(Code("  1 +\\\n  1", Mode::run)(names) == 2);
  const py::PythonError error =
      thrown<py::PythonError>([&] { Code("\n    x = 1\n    1 // 0\n", Mode::exec, "indented.py")(names); });
  CHECK(error.where() == "indented.py:3");  // lines are counted as they stand
}

TEST_CASE("line ends may be of any system") {
  const Object names = globals();
  Code("a = 1\r\nif a:\r\n  b = 2\r\n")(names);
  CHECK((names["b"] == 2));
  Code("    c = 3\r\n    d = 4\r\n")(names);
  CHECK((names["d"] == 4));
  CHECK(Code("x = 1\rx + 1", Mode::run)(names) == 2);
}

TEST_CASE("a NUL byte and what is no UTF-8 are SyntaxErrors with the line, and no cut source", "[unicode][nul]") {
  python();
  for (const Mode mode : {Mode::exec, Mode::eval, Mode::run}) {
    const std::string nul =
        thrown<py::SyntaxError>([&] { Code(std::string_view("1 + \\\n2\0 + 3", 12), mode); }).what();
    CHECK_THAT(nul, ContainsSubstring("NUL") && ContainsSubstring("line 2"));
    const std::string invalid = thrown<py::SyntaxError>([&] { Code("1 + \\\n\\\n'\xff'", mode); }).what();
    CHECK_THAT(invalid, ContainsSubstring("UTF-8") && ContainsSubstring("line 3"));
  }
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("source is UTF-8 whatever a coding comment says; a byte order mark is skipped") {
  const Object names = globals();
  Code("# -*- coding: latin-1 -*-\ns = '\xc3\xa9\xf0\x9f\x98\x80'\n")(names);
  CHECK((names["s"] == "\xc3\xa9\xf0\x9f\x98\x80"));
  Code("\xEF\xBB\xBFt = 1")(names);
  CHECK((names["t"] == 1));
  CHECK(Code("\xEF\xBB\xBF"
             " 1 + 1",
             Mode::eval)(names) == 2);
  Code("\xEF\xBB\xBF    u = 2\n    v = 3")(names);
  CHECK((names["v"] == 3));
  Code("\xc3\xa9t\xc3\xa9 = 5")(names);
  CHECK((names["\xc3\xa9t\xc3\xa9"] == 5));
}

TEST_CASE("source may be large and nest deep, and what is too deep is an error") {
  const Object names = globals();
  std::string sum = "0";
  for (int i = 0; i < 200; ++i) sum += " + 1";  // a debug build bears less than a release
  CHECK(Code(sum, Mode::eval)(names) == 200);
  CHECK_THROWS_AS(Code(std::string(1000, '(') + std::string(1000, ')'), Mode::eval), py::Exception);
}

TEST_CASE("code runs in a dict, with the built-in names", "[builtins]") {
  Object derived = python().eval("__import__('collections').OrderedDict(x=5)");
  CHECK(Code("dict(x=x)['x']", Mode::eval)(derived) == 5);
  for (const char* no_dict :
       {"None", "5", "'text'", "[1]", "type('M', (), {})()", "__import__('types').MappingProxyType({})"})
    CHECK_THROWS_AS(Code("1", Mode::eval)(python().eval(no_dict)), py::TypeError);
  const Object names = globals();
  CHECK(Code("len([1])", Mode::eval)(names) == 1);
  CHECK(names.contains("__builtins__"));
  const std::string text = thrown<py::TypeError>([] { Code("1", Mode::eval)(py::list()); }).what();
  CHECK_THAT(text, ContainsSubstring("a dict, not 'list' []"));
  CHECK_THROWS_AS(Code("1")(Object()), py::StateError);
  const Object own = py::dict("__builtins__"_a = py::dict("len"_a = 5));
  CHECK(Code("len", Mode::eval)(own) == 5);  // those that are there stay
}

TEST_CASE("code runs with locals, which get what it assigns", "[namespaces]") {
  const Object names = globals();
  Object locals = py::dict("y"_a = 2);
  names["x"] = 1;
  Code("z = x + y")(names, locals);
  CHECK(locals["z"].as<int>() == 3);
  CHECK_FALSE(names.contains("z"));
  CHECK(Code("x * 10 + z", Mode::eval)(names, locals) == 13);
  CHECK(Code("a = 5\na + y", Mode::run)(names, locals) == 7);
  CHECK(Code("b = 6\nb", Mode::run)(names, Object()) == 6);
  CHECK(names["b"].as<int>() == 6);
  const Object mapping = python().run_string("import collections\ncollections.ChainMap({}, {'y': 4})");
  Code("z = y + len('a')")(names, mapping);
  CHECK(mapping["z"].as<int>() == 5);
  CHECK_THROWS_AS(Code("q = 1")(names, py::to_py(5)), py::TypeError);
}

TEST_CASE("try_run gives the exception as a value") {
  const Object names = globals();
  names["x"] = 6;
  CHECK(Code("x * 7", Mode::eval).try_run<int>(names).value() == 42);
  CHECK(Code("y = x\ny", Mode::run).try_run<int>(names).value() == 6);
  CHECK(Code("y = 1").try_run(names).value().is_none());
  CHECK(Code("1 // 0", Mode::eval).try_run(names).error().is("ZeroDivisionError"));
  CHECK(Code("1 // 0\nx", Mode::run).try_run<int>(names).error().is("ZeroDivisionError"));
  CHECK(Code("x", Mode::eval).try_run<std::string>(names).error().is("TypeError"));
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("a Code is copied and moved like a value") {
  const Object names = globals();
  Code code("1 + 1", Mode::eval);
  const Code copy = code;
  const Code moved = std::move(code);
  CHECK(copy(names) == 2);
  CHECK(moved(names) == 2);
}
