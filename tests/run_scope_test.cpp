// Tests of latepy/run/scope.hpp: what is run, called and got in an interpreter.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"
#include "python.hpp"
#include "temporary_folder.hpp"

#include <latepy/load/detail/paths.hpp>
#include <latepy/stl/function.hpp>

#include <filesystem>
#include <fstream>

#ifndef _WIN32
#include <sys/stat.h>

using py::Object;
using py::StateError;

namespace {

/// A folder whose name has what breaks careless code.
const std::string& folder() {
  static const TemporaryFolder made("latepy scope d\xc3\xafr \xc3\xbc \xe6\x97\xa5\xe6\x9c\xac");
  return made.path;
}

std::string script(const std::string& name, std::string_view source) {
  const std::string path = folder() + "/" + name;
  std::ofstream(path, std::ios::binary) << source;
  return path;
}

/// What a script may have changed and must find put back: sys.argv, sys.path, `__main__`.
std::string setting() {
  return python().eval<std::string>(
      "repr((__import__('sys').argv, __import__('sys').path, id(__import__('__main__'))))");
}

}  // namespace

TEST_CASE("eval gives the value of an expression") {
  CHECK(python().eval<int>("6 * 7") == 42);
  CHECK(python().eval<std::string>("  'a' + \\\n 'b'\n") == "ab");
  CHECK(python().eval("None").is_none());
  CHECK_THROWS_AS(python().eval("x = 1"), py::SyntaxError);
  CHECK_THROWS_AS(python().eval(""), py::SyntaxError);
  CHECK_THROWS_AS(python().eval<int>("'text'"), py::ConversionError);
  const Object globals = python().eval("{'a': 20}");
  CHECK(python().eval<int>("a + 1", globals) == 21);
  CHECK_THROWS_AS(python().eval("1", python().eval("[]")), py::TypeError);
}

TEST_CASE("exec runs statements in __main__, or in the dict that is given") {
  python().exec("a = 1\nb = a + 1\n");
  CHECK(python()["b"].as<int>() == 2);
  py::Object globals = py::dict();
  python().exec("a = 10", globals);
  CHECK(python()["a"].as<int>() == 1);
  CHECK(globals["a"].as<int>() == 10);
  python().exec(R"(
      if True:
          c = "indented as it stands in C++"
  )");
  CHECK(python()["c"].as<std::string>() == "indented as it stands in C++");
  python().exec("");
  python().exec("# nothing but a comment");
}

TEST_CASE("functions, lambdas and comprehensions see the globals", "[namespaces]") {
  const char* const source =
      "import math\n"
      "n = 3\n"
      "def f(): return g() + n\n"
      "def g(): return [n for _ in range(n)][0]\n"
      "h = lambda: [math.floor(f()) for _ in 'ab']\n"
      "class C:\n  def m(self): return f()\n";
  python().exec(source);
  CHECK(python().eval<int>("sum(h()) + C().m()") == 18);
  const Object globals = py::dict();
  python().exec(source, globals);
  CHECK(python().eval<int>("sum(h()) + C().m()", globals) == 18);
  CHECK(python().eval<int>("sum(x + n for x in range(n))", globals) == 12);
}

TEST_CASE("code in a dict of its own has the built-in names", "[builtins]") {
  const Object globals = py::dict();
  CHECK(python().eval<int>("len(dict(a=1))", globals) == 1);
  CHECK(globals.contains("__builtins__"));
  const Object restricted = python().eval("{'__builtins__': {'len': len}}");
  CHECK(python().eval<int>("len('abc')", restricted) == 3);
  CHECK_THROWS_AS(python().eval("open", restricted), py::NameError);
}

TEST_CASE("run_string gives the value of the last expression, else None") {
  CHECK(python().run_string("x = 3\nx ** 2").as<int>() == 9);
  CHECK(python().run_string("x = 3").is_none());
  CHECK(python().run_string("").is_none());
  CHECK(python().run_string("for i in range(3): i").is_none());
  CHECK(python().run_string("1; 2").as<int>() == 2);
  CHECK(python().run_string("'''doc'''").as<std::string>() == "doc");
}

TEST_CASE("call imports a module and calls a function") {
  CHECK(python().call<double>("math", "hypot", 3, 4) == 5);
  CHECK(python().call<std::string>("os.path", "join", "a", "b") == "a/b");
  CHECK(python().call<std::string>("json", "dumps", 1.5, "indent"_a = 2) == "1.5");
  CHECK(python().call<bool>("pathlib", "Path.is_absolute", python().get("pathlib.Path")("/x")));
  CHECK_THROWS_AS(python().call("no_such_module", "f"), py::ModuleNotFoundError);
  CHECK_THROWS_AS(python().call("math", "no_such_function"), py::AttributeError);
  CHECK_THROWS_AS(python().call("math", "sqrt", -1), py::ValueError);
  CHECK_THROWS_AS(python().call<int>("math", "sqrt", 2), py::ConversionError);
}

TEST_CASE("try_eval and try_call give Python's exception as a value") {
  CHECK(*python().try_eval<int>("6 * 7") == 42);
  CHECK(python().try_eval<int>("1 / 0").error().is("ZeroDivisionError"));
  CHECK(python().try_eval<int>("1 +").error().is("SyntaxError"));
  CHECK(python().try_eval<int>("'x'").error().is("TypeError"));
  CHECK(python().try_eval<int>("1 / 0").value_or(-1) == -1);
  CHECK(*python().try_call<double>("math", "sqrt", 4) == 2);
  CHECK(python().try_call("math", "sqrt", -1).error().message() ==
        thrown<py::ValueError>([] { python().call("math", "sqrt", -1); }).message());
  CHECK(python().try_call("no_such_module", "f").error().is("ModuleNotFoundError"));
  CHECK(python().try_call("math", "no_such_function").error().is("AttributeError"));
}

TEST_CASE("get imports as far as needed and then takes attributes") {
  CHECK(python().get("os.path.sep").as<std::string>() == "/");
  CHECK(python().get("datetime.timedelta")(1, "hours"_a = 2).attr("days").as<int>() == 1);
  CHECK(python().get("json").attr("__name__").as<std::string>() == "json");
  CHECK(python().get("xml.dom.minidom.parseString")("<a/>").call_method("toxml").as<std::string>() ==
        "<?xml version=\"1.0\" ?><a/>");
  CHECK_THROWS_AS(python().get("no_such_module.x"), py::ModuleNotFoundError);
  const auto error = thrown<py::AttributeError>([] { python().get("os.path.no_such_name"); });
  CHECK_THAT(error.message(), ContainsSubstring("no_such_name"));
  CHECK_THAT(thrown<py::ModuleNotFoundError>([] { python().get("len"); }).message(),
             ContainsSubstring("'len'; the built-in one is get(\"builtins.len\")"));
  python()["a_global"] = 1;
  CHECK_THAT(thrown<py::ModuleNotFoundError>([] { python().get("a_global.real"); }).message(),
             ContainsSubstring("'a_global'; __main__ has a global of that name, which [\"a_global\"] reads"));
  std::filesystem::create_directories(folder() + "/getting");
  script("getting/__init__.py", "");
  script("getting/fails.py", "1 / 0\n");
  script("getting/lacks.py", "import no_such_module\n");
  python().add_path(folder());
  CHECK_THROWS_AS(python().get("getting.fails.x"), py::ZeroDivisionError);
  CHECK_THAT(thrown<py::ModuleNotFoundError>([] { python().get("getting.lacks.x"); }).message(),
             ContainsSubstring("'no_such_module'"));
  CHECK_THROWS_AS(python().get(""), py::ValueError);
  CHECK_THROWS_AS(python().get("os..path"), py::Error);
}

TEST_CASE("import_module gives the module itself") {
  CHECK(python().import_module("os.path").attr("__name__").as<std::string>() == "posixpath");
  CHECK(python().import_module("xml.dom").attr("__name__").as<std::string>() == "xml.dom");
  CHECK_THROWS_AS(python().import_module("no_such_module"), py::ModuleNotFoundError);
  CHECK_THROWS_AS(python().import_module(""), py::ValueError);
}

TEST_CASE("module_from_string makes a module that scripts import") {
  const Object module =
      python().module_from_string("from_text", "def twice(x):\n    return fail() if x is None else 2 * x\n");
  CHECK(module.attr("twice")(21).as<int>() == 42);
  CHECK(python().run_string("import from_text\nfrom_text.twice(2)").as<int>() == 4);
  CHECK(python().get("from_text.__name__").as<std::string>() == "from_text");
  const auto error = thrown<py::NameError>([&] { module.attr("twice")(nullptr); });
  CHECK_THAT(error.traceback(), ContainsSubstring("return fail() if x is None"));
  CHECK_THROWS_AS(python().module_from_string("broken", "1 / 0"), py::ZeroDivisionError);
  CHECK_THROWS_AS(python().import_module("broken"), py::ModuleNotFoundError);
  CHECK(python().module_from_string("broken", "mended = 1").attr("mended").as<int>() == 1);
}

TEST_CASE("a module from text has what a module from a file has", "[modules]") {
  python().module_from_string("whole", "class C:\n    def f(self): return 'line'\n", "/texts/whole.py");
  CHECK(python()
            .run_string(R"(
      import importlib.util, inspect, pickle, typing, whole
      assert importlib.util.find_spec('whole') is whole.__spec__
      assert whole.__file__ == whole.__spec__.origin == '/texts/whole.py'
      assert whole.__package__ == '' and whole.__loader__ is whole.__spec__.loader
      assert type(pickle.loads(pickle.dumps(whole.C()))) is whole.C
      inspect.getsource(whole.C)
  )")
            .as<std::string>() == "class C:\n    def f(self): return 'line'\n");
  CHECK(python().module_from_string("named", "").attr("__file__").as<std::string>() == "named.py");
  // It can be imported anew.
  CHECK(python()
            .run_string("import sys\ndel sys.modules['named']\nimport named\nnamed is sys.modules['named']")
            .as<bool>());
}

TEST_CASE("a module from text is reloaded, and a second text replaces the first", "[modules]") {
  const Object module = python().module_from_string("rules", "count = 1 + globals().get('count', 0)\nold = 1");
  CHECK(python().reload(module).same(module));
  CHECK(module.attr("count").as<int>() == 2);
  CHECK(python().module_from_string("rules", "new = old + 1\ndef f(): raise ValueError").same(module));
  CHECK(module.attr("new").as<int>() == 2);
  CHECK_THAT(thrown<py::ValueError>([&] { module.attr("f")(); }).traceback(), ContainsSubstring("def f(): raise"));
  CHECK_THROWS_AS(python().module_from_string("rules", "no python"), py::SyntaxError);
  module.attr("new") = 0;
  python().reload("rules");
  CHECK(module.attr("new").as<int>() == 2);
  CHECK_THAT(thrown<StateError>([] { python().module_from_string("rules", "", "another.py"); }).what(),
             ContainsSubstring("rules") && ContainsSubstring("was made already, from rules.py"));
}

TEST_CASE("a module from text is bound in its parent, which becomes a package", "[modules]") {
  python().module_from_string("shop", "name = 'shop'\nfrom_outside = __package__");
  const Object tax = python().module_from_string("shop.tax", "from . import name\nrate = 2");
  CHECK(python().run_string("import shop.tax\nshop.tax.rate").as<int>() == 2);
  CHECK(tax.attr("name").as<std::string>() == "shop");
  CHECK(tax.attr("__package__").as<std::string>() == "shop");
  CHECK(python().reload("shop.tax").same(tax));
  python().reload("shop");
  CHECK(python().get("shop.from_outside").as<std::string>() == "shop");
  CHECK(python().get("shop.tax").same(tax));
  python().module("engine");
  python().module_from_string("engine.helpers", "x = 1");
  CHECK(python().run_string("from engine.helpers import x\nx").as<int>() == 1);
}

TEST_CASE("a module from text hides no other module", "[modules]") {
  const auto refusal = [](const std::string& name) {
    return std::string(thrown<StateError>([&] { python().module_from_string(name, "1 / 0"); }).what());
  };
  CHECK_THAT(refusal("sys"), ContainsSubstring("sys") && ContainsSubstring("imported already"));
  CHECK_THAT(refusal("this"), ContainsSubstring("would hide the module of that name") && ContainsSubstring("this.py"));
  CHECK_THAT(refusal("xml.sax.saxutils"), ContainsSubstring("would hide"));
  CHECK_THAT(refusal("json.decoder.more"), ContainsSubstring("its parent json.decoder is not a package"));
  CHECK_THAT(refusal("json.dumps"), ContainsSubstring("its parent has another attribute of that name"));
  CHECK_THROWS_AS(python().module_from_string("no_such_package.x", ""), py::ModuleNotFoundError);
  CHECK_THROWS_AS(python().module_from_string("", ""), py::ValueError);
  CHECK_THROWS_AS(python().import_module("this.x"), py::ModuleNotFoundError);
}

TEST_CASE("module_from_file makes a module of any file, whose objects work like those of other modules", "[modules]") {
  const std::string path = script("plug-in 1.plugin",
                                  "from __future__ import annotations\n"
                                  "import dataclasses, inspect, pickle, typing\n"
                                  "@dataclasses.dataclass\n"
                                  "class Inner: x: int = 0\n"
                                  "@dataclasses.dataclass\n"
                                  "class Outer: inner: Inner\n"
                                  "def hints(): return typing.get_type_hints(Outer)['inner'] is Inner\n"
                                  "def copy(): return pickle.loads(pickle.dumps(Inner(3))).x\n"
                                  "def source(): return inspect.getsource(Inner)\n");
  const Object module = python().module_from_file("plug_in", path);
  CHECK(module.attr("hints")().as<bool>());
  CHECK(module.attr("copy")().as<int>() == 3);
  CHECK_THAT(module.attr("source")().as<std::string>(), ContainsSubstring("class Inner"));
  CHECK(module.attr("__file__").as<std::string>() == path);
  CHECK(python().import_module("plug_in").same(module));
  script("plug-in 1.plugin", "version = 2\n");
  CHECK(python().module_from_file("plug_in", path).same(module));
  CHECK(module.attr("version").as<int>() == 2);
  script("plug-in 1.plugin", "version = 2 + 1\n");
  CHECK(python().reload(module).attr("version").as<int>() == 3);
  CHECK_THAT(thrown<StateError>([] { python().module_from_file("plug_in", script("other.py", "")); }).what(),
             ContainsSubstring("was made already, from " + path));
}

TEST_CASE("module_from_file takes packages and what add_path also finds, and says what is missing", "[modules]") {
  std::filesystem::create_directories(folder() + "/pack");
  script("pack/__init__.py", "from . import inside\n");
  script("pack/inside.py", "x = 1\n");
  CHECK(python().module_from_file("packed", folder() + "/pack").attr("inside").attr("x").as<int>() == 1);
  CHECK(python().import_module("packed.inside").attr("__name__").as<std::string>() == "packed.inside");
  python().add_path(folder());
  CHECK(python().module_from_file("found_too", script("found_too.py", "x = 2\n")).attr("x").as<int>() == 2);
  python().get("sys.path").call_method("remove", folder());
  const std::string missing = folder() + "/missing.py";
  const auto error = thrown<py::FileNotFoundError>([&] { python().module_from_file("missing", missing); });
  CHECK_THAT(error.what(), ContainsSubstring(missing));
  CHECK(error.where().empty());
  CHECK(thrown<py::SyntaxError>([] { python().module_from_file("bad", script("bad.py", "a b\n")); }).where() ==
        folder() + "/bad.py:1");
  CHECK_THROWS_AS(python().import_module("bad"), py::ModuleNotFoundError);
}

TEST_CASE("lazy_module makes a module when it is first imported", "[modules]") {
  int made = 0;
  python().lazy_module("late_engine", [&](py::Module& m) {
    ++made;
    m.def("twice", [](int x) { return 2 * x; });
  });
  python().lazy_module("late_engine.audio", [](py::Module& m) { m.constant("volume", 3); });
  python().exec("import importlib.util\nassert importlib.util.find_spec('late_engine')");
  CHECK(made == 0);
  CHECK(python().run_string("import late_engine\nlate_engine.twice(4)").as<int>() == 8);
  CHECK(python().run_string("from late_engine.audio import volume\nvolume").as<int>() == 3);
  CHECK(python().module("late_engine").attr("audio").attr("volume").as<int>() == 3);
  CHECK_THROWS_AS(python().import_module("late_engine.missing"), py::ModuleNotFoundError);
  python().reload("late_engine");
  CHECK(made == 1);
  python().lazy_module("late_by_host", [](py::Module& m) { m.constant("x", 1); });
  CHECK(python().module("late_by_host").attr("x").as<int>() == 1);
  python().lazy_module("above.below", [](py::Module& m) { m.constant("x", 2); });
  CHECK(python().get("above.below.x").as<int>() == 2);
  python().exec("def fill(module): module.x = 4");
  python().lazy_module("late_by_python", python()["fill"]);  // the global of now
  python().lazy_module("late_by_ref", py::Ref(python().eval("lambda module: setattr(module, 'x', 5)")));  // is kept
  python().exec("del fill");
  CHECK(python().get("late_by_python.x").as<int>() == 4);
  CHECK(python().get("late_by_ref.x").as<int>() == 5);
}

TEST_CASE("where a lazy module cannot be made, the import raises ImportError with the cause", "[modules]") {
  int tries = 0;
  python().lazy_module("late_device", [&](py::Module& m) {
    if (++tries == 1) throw std::out_of_range("no device");
    if (tries == 2) python().exec("1 / 0");
    m.constant("x", 1);
  });
  const auto caught = [] {
    return python().run_string(R"(
        try: import late_device
        except ImportError as e: error = e
        repr(error.__cause__), error.name
    )");
  };
  CHECK(py::str(caught()) == "(\"IndexError('no device')\", 'late_device')");
  CHECK(py::str(caught()) == "(\"ZeroDivisionError('division by zero')\", 'late_device')");
  CHECK(python().import_module("late_device").attr("x").as<int>() == 1);
  const auto refusal = [](const std::string& name) {
    return std::string(thrown<StateError>([&] { python().lazy_module(name, [](py::Module&) {}); }).what());
  };
  CHECK_THAT(refusal("late_device"), ContainsSubstring("a module of that name was made already"));
  CHECK_THAT(refusal("json"), ContainsSubstring("json"));
  CHECK_THAT(refusal("sys"), ContainsSubstring("imported already"));
  CHECK_THAT(refusal("no name"), ContainsSubstring("each part must be an identifier"));
}

TEST_CASE("[] is a global of __main__") {
  python()["threshold"] = 0.5;
  CHECK(python().eval<double>("threshold * 2") == 1);
  python()["threshold"] += 1;
  CHECK(python()["threshold"].as<double>() == 1.5);
  python()["other"] = python()["threshold"];
  python()["threshold"].del();
  CHECK_THROWS_AS(python()["threshold"].as<double>(), py::KeyError);
  CHECK(python()["other"].as<double>() == 1.5);
  const auto error = thrown<py::KeyError>([] { python()["len"]("abc"); });  // built-in names are not searched
  CHECK(error.message() == "'len': __main__ has no global of that name; the built-in one is get(\"builtins.len\")");
  CHECK(thrown<py::KeyError>([] { python()["no_such_name"].as<int>(); }).message() == "'no_such_name'");
  python()["inner"] = py::dict();
  CHECK(thrown<py::KeyError>([] { python()["inner"]["len"].as<int>(); }).message() == "'len'");
  python()["f"] = python().eval("lambda *a, **k: (a, k)");
  CHECK(py::str(python()["f"](1, "b"_a = 2)) == "((1,), {'b': 2})");
  CHECK(python().globals()["other"].as<double>() == 1.5);
}

TEST_CASE("compile once, run many times") {
  const py::Code code = python().compile("n = n + 1\nn * 10", py::Mode::run);
  Object globals = python().eval("{'n': 0}");
  for (int i = 1; i <= 3; ++i) CHECK(code(globals).as<int>() == 10 * i);
  const py::Code formula = python().compile("a / b", py::Mode::eval, "formula");
  CHECK(formula(python().eval("{'a': 1, 'b': 2}")).as<double>() == 0.5);
  const auto error = formula.try_run(python().eval("{'a': 1, 'b': 0}"));
  CHECK(error.error().where() == "formula:1");
  CHECK_THROWS_AS(python().compile("a b"), py::SyntaxError);
}

TEST_CASE("tracebacks show the source of texts", "[source]") {
  const auto error = thrown<py::ZeroDivisionError>(
      [] { python().exec("def divide(a, b):\n    return a / b  # the culprit\n\ndivide(1, 0)\n", {}, "sums.py"); });
  CHECK(error.where() == "sums.py:2");
  CHECK_THAT(error.traceback(), ContainsSubstring("return a / b  # the culprit"));
  CHECK_THAT(error.traceback(), ContainsSubstring("divide(1, 0)"));
  CHECK_THAT(thrown<py::PythonError>([] { python().eval("1 / 0"); }).traceback(), ContainsSubstring("1 / 0"));
  python().exec("def first(): return 1", {}, "same_name");
  python().exec("def second(): return 2");
  CHECK_THAT(python().call<std::string>("inspect", "getsource", Object(python()["second"])),
             ContainsSubstring("def second"));
}

TEST_CASE("NUL bytes and invalid UTF-8 in code are errors and cut nothing", "[unicode][nul]") {
  using namespace std::string_view_literals;
  CHECK_THROWS_AS(python().exec("a = 1\0 b = 2"sv), py::PythonError);
  CHECK_THROWS_AS(python().exec("a = '\xff'"), py::PythonError);
  CHECK(python().eval<std::string>("'\xc3\xbc\xe6\x97\xa5'") == "\xc3\xbc\xe6\x97\xa5");
}

TEST_CASE("add_path makes folders importable, first and once", "[sys-path]") {
  script("of_the_host.py", "value = 1\n");
  CHECK_THROWS_AS(python().import_module("of_the_host"), py::ModuleNotFoundError);
  const auto length = [] { return python().eval<int>("len(__import__('sys').path)"); };
  const int before = length();
  python().add_path(folder());
  python().add_path(folder() + "/../" + folder().substr(5) + "/");
  CHECK(length() == before + 1);
  CHECK(python().get("sys.path")[0].as<std::string>() == folder());
  CHECK(python().import_module("of_the_host").attr("value").as<int>() == 1);
  python().get("sys.path").call_method("remove", folder());
}

TEST_CASE("add_path says that there is no such folder", "[sys-path]") {
  const std::string before = setting(), missing = folder() + "/missing/deeper";
  CHECK_THAT(thrown<py::FileNotFoundError>([&] { python().add_path(missing); }).what(),
             ContainsSubstring("add_path(): there is no folder or zip file " + missing));
  CHECK(setting() == before);
  const std::string in_archive = script("archive.zip", "") + "/inside";  // a folder in a zip file
  python().add_path(in_archive);
  CHECK(python().get("sys.path")[0].as<std::string>() == in_archive);
  python().get("sys.path").call_method("remove", in_archive);
}

TEST_CASE("exec, eval and run_string take locals", "[namespaces]") {
  const Object globals = py::dict("x"_a = 1);
  Object locals = py::dict("y"_a = 2);
  python().exec("z = x + y", globals, locals);
  CHECK(locals["z"].as<int>() == 3);
  CHECK_FALSE(globals.contains("z"));
  CHECK(python().eval<int>("x + y + z", globals, locals) == 6);
  CHECK(python().run_string("a = z * 2\na", globals, locals).as<int>() == 6);
  python().exec("of_main = 1", {}, locals);
  CHECK(locals.contains("of_main"));
  CHECK_FALSE(python().globals().contains("of_main"));
  CHECK(thrown<py::ZeroDivisionError>([&] { python().exec("1 / 0", globals, locals, "job.py"); }).where() ==
        "job.py:1");
  CHECK(thrown<py::ZeroDivisionError>([&] { python().exec("1 / 0", globals, "job.py"); }).where() == "job.py:1");
}

TEST_CASE("try_run_file and try_run_module give an exception as a value", "[main-module]") {
  const std::string before = setting();
  CHECK((*python().try_run_file(script("fine.py", "x = 1\n")))["x"].as<int>() == 1);
  CHECK(python().try_run_file(script("fails.py", "1 / 0\n")).error().where() == folder() + "/fails.py:1");
  CHECK(python().try_run_file(folder() + "/missing.py").error().is("FileNotFoundError"));
  CHECK(python().try_run_file(script("exits.py", "raise SystemExit(3)\n")).error().is("SystemExit"));
  CHECK(python().try_run_module("no_such_module").error().is("ModuleNotFoundError"));
  CHECK(python().try_run_module(std::string_view("os\0x.y", 6)).error().is("ModuleNotFoundError"));
  CHECK((*python().try_run_module("keyword"))["__name__"].as<std::string>() == "__main__");
  CHECK(setting() == before);
}

TEST_CASE("a C++ exception of a host function, thrown by an import, comes in the Result", "[modules][main-module]") {
  python().exec("import builtins, sys");
  python().def("fail_in_host", []() -> int { throw std::out_of_range("of the host"); });
  python().exec("builtins.fail_in_host = fail_in_host");
  std::filesystem::create_directories(folder() + "/failing");
  script("failing_module.py", "fail_in_host()\n");
  script("failing/__init__.py", "fail_in_host()\n");
  script("failing/inner.py", "");
  python().exec(R"(
      class Finder:
          def find_spec(name, path=None, target=None):
              if name == 'found_by_host': fail_in_host()
      sys.meta_path.insert(0, Finder)
  )");
  python().add_path(folder());
  const std::string before = setting();
  for (const auto& call : std::initializer_list<std::function<py::Result<Object>()>>{
           [] { return python().try_call("failing_module", "f"); },
           [] { return python().try_call("failing.inner", "f"); },
           [] { return python().try_run_module("failing_module"); },
           [] { return python().try_run_module("failing.inner"); },
           [] { return python().try_run_module("found_by_host"); },
           [] { return python().try_run_file(folder() + "/failing_module.py"); }}) {
    const py::Result<Object> result = call();
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().is("IndexError"));
    CHECK(result.error().message() == "of the host");
    CHECK_THROWS_AS(result.value(), std::out_of_range);
  }
  CHECK_THROWS_AS(python().call("failing_module", "f"), std::out_of_range);
  CHECK_THROWS_AS(python().run_module("failing.inner"), std::out_of_range);
  CHECK(setting() == before);
  python().exec("sys.meta_path.remove(Finder); del builtins.fail_in_host");
}

TEST_CASE("reload runs a module's source again") {
  python().add_path(folder());
  script("reloaded.py", "value = 1\n");
  python().exec("import sys; sys.dont_write_bytecode = True");
  const Object module = python().import_module("reloaded");
  script("reloaded.py", "value = 1 + 1\n");
  CHECK(python().reload(module).same(module));
  CHECK(module.attr("value").as<int>() == 2);
  script("reloaded.py", "value = 1 + 1 + 1\n");
  python().reload("reloaded");
  CHECK(module.attr("value").as<int>() == 3);
  python().exec("sys.dont_write_bytecode = False");
  python().get("sys.path").call_method("remove", folder());
}

TEST_CASE("run_file runs a file as python does", "[sys-path][main-module]") {
  script("beside.py", "value = 'from beside'\n");
  const std::string path = script("job one.py",
                                  "import sys, os, beside, __main__\n"
                                  "argv, first = list(sys.argv), sys.path[0]\n"
                                  "name, file, spec = __name__, __file__, __spec__\n"
                                  "is_main = __main__.__dict__ is globals() and __main__.name == '__main__'\n"
                                  "def f(): return beside.value\n"
                                  "value = f()\n");
  python()["value"] = "of the first __main__";
  const std::string before = setting();
  const Object ns = python().run_file(path, {"--fast", "\xc3\xbc b"});
  CHECK(setting() == before);
  CHECK(py::str(ns["argv"]) == py::str(py::list(path, "--fast", "\xc3\xbc b")));
  CHECK(ns["first"].as<std::string>() == folder());
  CHECK(ns["name"].as<std::string>() == "__main__");
  CHECK(ns["file"].as<std::string>() == path);
  CHECK(ns["spec"].is_none());
  CHECK(ns["is_main"].as<bool>());
  CHECK(ns["value"].as<std::string>() == "from beside");
  CHECK(python()["value"].as<std::string>() == "of the first __main__");
  CHECK(ns["f"]().as<std::string>() == "from beside");  // its functions live on
  const Object again = python().run_file(path);
  CHECK(len(Object(again["argv"])) == 1);
  CHECK_FALSE(again.same(ns));
}

TEST_CASE("a class of the script's __main__ can be pickled while it runs", "[main-module]") {
  const Object ns = python().run_file(script("pickles.py",
                                             "import pickle\n"
                                             "class Point:\n"
                                             "    def __init__(self, x): self.x = x\n"
                                             "def double(x): return 2 * x\n"
                                             "x = pickle.loads(pickle.dumps(Point(42))).x\n"
                                             "same = pickle.loads(pickle.dumps(double)) is double\n"));
  CHECK(ns["x"].as<int>() == 42);
  CHECK(ns["same"].as<bool>());
}

TEST_CASE("a relative path means the working directory at the call") {
  script("relative.py", "import os; os.chdir('/')\n");
  char old[4096];
  REQUIRE(getcwd(old, sizeof old));
  REQUIRE(chdir(folder().c_str()) == 0);
  const Object ns = python().run_file("./relative.py");
  REQUIRE(chdir(old) == 0);
  CHECK(ns["__file__"].as<std::string>() == folder() + "/relative.py");
}

TEST_CASE("an exception of the script is thrown, with everything put back", "[sys-path][source]") {
  const std::string path = script("raises.py",
                                  "import sys\n"
                                  "sys.argv[:] = ['changed']; sys.path.insert(0, 'added')\n"
                                  "def f():\n"
                                  "    raise LookupError('not found')\n"
                                  "f()\n");
  const std::string before = setting();
  const auto error = thrown<py::LookupError>([&] { python().run_file(path); });
  CHECK(error.where() == path + ":4");
  CHECK_THAT(error.traceback(), ContainsSubstring("raise LookupError('not found')"));
  CHECK(python().get("sys.path")[0].as<std::string>() == "added");  // what the script added itself stays
  python().get("sys.path").call_method("remove", "added");
  CHECK(setting() == before);
  // A script that leaves nothing to put back does no harm either.
  Object kept = python().eval("list(__import__('sys').path)");
  python().run_file(script("vandal.py", "import sys\nsys.path = None\ndel sys.argv\ndel sys.modules['__main__']\n"));
  python().import_module("sys").attr("path") = kept;
  CHECK(setting() == before);
}

TEST_CASE("a script may leave any object as sys.path, also one that calls a host function which throws", "[sys-path]") {
  struct NotStandard {};
  python().def("fail_in_any_way", []() -> int { throw NotStandard(); });
  const Object path = python().eval("__import__('sys').path"), argv = python().eval("__import__('sys').argv");
  py::Object globals = py::dict();
  globals["fail"] = python()["fail_in_any_way"];
  const std::string file = script("odd_path.py",
                                  "import sys\n"
                                  "class Odd(list):\n"
                                  "    def __len__(self): return fail()\n"
                                  "sys.path = Odd(sys.path)\n"
                                  "del sys.argv\n");
  python().run_file(file, {}, globals);
  CHECK(python().eval("__import__('sys').argv").same(argv));
  CHECK(python().eval<std::string>("__import__('__main__').__name__") == "__main__");
  python().get("sys").attr("path") = path;
  path.call_method("remove", folder());
}

TEST_CASE("SystemExit of a script comes with its code and ends nothing", "[sys-exit]") {
  const auto code = [](const std::string& statement) -> Object {
    return thrown<py::SystemExit>([&] { python().run_file(script("exits.py", "import sys\n" + statement)); })
        .value()
        .attr("code");
  };
  CHECK(code("sys.exit(3)").as<int>() == 3);
  CHECK(code("sys.exit()").is_none());
  CHECK(code("sys.exit('a reason')").as<std::string>() == "a reason");
  CHECK(code("exit(0)").as<int>() == 0);
  CHECK(code("raise SystemExit(1 << 40)").as<long long>() == 1LL << 40);
}

TEST_CASE("a file that cannot be read or compiled: each its own error") {
  SECTION("not found") {
    const auto error = thrown<py::FileNotFoundError>([] { python().run_file(folder() + "/missing.py"); });
    CHECK_THAT(error.what(), ContainsSubstring(folder() + "/missing.py"));
  }
  SECTION("an empty name") { CHECK_THROWS_AS(python().run_file(""), py::OSError); }
  SECTION("a folder") {
    const auto error = thrown<py::OSError>([] { python().run_file(folder()); });
    CHECK(error.is("IsADirectoryError"));
    CHECK_THAT(error.what(), ContainsSubstring(folder()));
  }
  SECTION("a syntax error") {
    const std::string path = script("syntax.py", "a = 1\nif a\n    pass\n");
    const auto error = thrown<py::SyntaxError>([&] { python().run_file(path); });
    CHECK(error.where() == path + ":2");
    CHECK_THAT(error.traceback(), ContainsSubstring("if a"));
    CHECK_THAT(error.traceback(), ContainsSubstring("^"));
  }
  SECTION("wrong indentation") {
    CHECK(thrown<py::SyntaxError>([] {
            python().run_file(script("indent.py", "if 1:\npass\n"));
          }).is("IndentationError"));
  }
  SECTION("not UTF-8, and no other encoding declared") {
    const std::string path = script("encoding.py", "a = 1\nname = 'M\xfcller'\n");
    const auto error = thrown<py::SyntaxError>([&] { python().run_file(path); });
    CHECK_THAT(error.what(), ContainsSubstring(path));
    CHECK_THAT(error.message(), ContainsSubstring("utf-8") || ContainsSubstring("UTF-8"));
  }
  SECTION("an encoding that does not exist") {
    const std::string path = script("unknown.py", "# coding: klingon\n");
    const auto error = thrown<py::SyntaxError>([&] { python().run_file(path); });
    CHECK_THAT(error.what(), ContainsSubstring("klingon"));
    CHECK_THAT(error.what(), ContainsSubstring("unknown.py"));
  }
  SECTION("a NUL byte") {
    using namespace std::string_view_literals;
    const std::string path = script("nul.py", "a = 1\n\0b = 2\n"sv);
    CHECK_THAT(thrown<py::SyntaxError>([&] { python().run_file(path); }).what(),
               ContainsSubstring("NUL byte") && ContainsSubstring(path));
  }
  SECTION("a NUL byte in the name") { CHECK_THROWS_AS(python().run_file(std::string("a\0b.py", 6)), py::Error); }
}

TEST_CASE("without the permission to read, PermissionError names the file") {
  const std::string path = script("secret.py", "pass\n");
  chmod(path.c_str(), 0);
  const Outcome outcome = run_in_child([&] {
    EXPECT(geteuid() != 0 || chmod(folder().c_str(), 0755) == 0);
    py::Interpreter& interpreter = python();  // before: the Python under test may be in root's home
    EXPECT(geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0));
    EXPECT(has(EXPECT_THROWN(py::PermissionError, interpreter.run_file(path)).what(), path));
  });
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("encodings that a file declares, and a byte order mark, are obeyed") {
  CHECK(python()
            .run_file(script("latin.py", "# -*- coding: latin-1 -*-\nname = 'M\xfcller'\n"))["name"]
            .as<std::string>() == "M\xc3\xbcller");
  CHECK(python().run_file(script("bom.py", "\xef\xbb\xbfname = '\xc3\xbc'\n"))["name"].as<std::string>() == "\xc3\xbc");
  CHECK(python().run_file(script("crlf.py", "a = 1\r\nif a:\r\n    b = '''x\r\ny'''\r\n"))["b"].as<std::string>() ==
        "x\ny");
  CHECK(python().run_file(script("no_end.py", "a = 1"))["a"].as<int>() == 1);
  CHECK(python().run_file(script("empty.py", ""))["__name__"].as<std::string>() == "__main__");
}

TEST_CASE("a script may run a script, and each finds its own setting", "[main-module][sys-path]") {
  std::filesystem::create_directories(folder() + "/deep");
  python()["run"] = std::function<void(std::string, std::string)>(
      [](const std::string& path, const std::string& argument) { python().run_file(path, {argument}); });
  python().exec("import builtins\nbuiltins.run, builtins.seen = run, []");
  const std::string path =
      script("deep/nested.py",
             "import __main__, os, sys\n"
             "depth = int(sys.argv[1])\n"
             "if depth > 0: run(sys.argv[0], str(depth - 1))\n"
             "if depth == 1: run(sys.argv[0], '-1')\n"
             "assert __main__.__dict__ is sys.modules['__main__'].__dict__ is globals()\n"
             "assert sys.argv == [__file__, str(depth)] and sys.path[0] == os.path.dirname(__file__)\n"
             "seen.append(depth)\n"
             "if depth < 0: raise ValueError\n");
  const std::string before = setting();
  CHECK_THROWS_AS(python().run_file(path, {"3"}), py::ValueError);
  CHECK(setting() == before);
  CHECK(py::repr(Object(python().get("builtins.seen"))) == "[0, -1]");
  python().run_file(path, {"0"});
  CHECK(setting() == before);
  python().exec("del builtins.run, builtins.seen");
}

TEST_CASE("while one thread runs a script, another thread is refused with the reason") {
  python()["run"] = std::function<void()>([] { python().run_file(script("pass.py", "pass\n")); });
  python().exec("import builtins\nbuiltins.run = run");
  const Object ns = python().run_file(script("threads.py",
                                             "import threading\n"
                                             "def other():\n"
                                             "    global error\n"
                                             "    try: run()\n"
                                             "    except RuntimeError as e: error = str(e)\n"
                                             "thread = threading.Thread(target=other)\n"
                                             "thread.start(); thread.join()\n"));
  CHECK_THAT(ns["error"].as<std::string>(), ContainsSubstring("another thread runs one by run_file() or run_module()"));
  python().exec("run()\ndel builtins.run");
}

TEST_CASE("run_file runs a folder and a zip file with a __main__.py", "[sys-path][main-module]") {
  const std::string before = setting();
  const auto main = [](const std::string& value) {
    return "import sys, part\nvalue = part." + value +
           "\nargv, first, name = list(sys.argv), sys.path[0], __name__\n"
           "file, package = __file__, __package__\nassert "
           "__spec__.loader.get_source('__main__').startswith('import')\n";
  };
  const auto check = [&](const std::string& path, int value) {
    const Object ns = python().run_file(path, {"x"});
    CHECK(ns["value"].as<int>() == value);
    CHECK(py::str(ns["argv"]) == py::str(py::list(path, "x")));
    CHECK(ns["first"].as<std::string>() == path);
    CHECK(ns["name"].as<std::string>() == "__main__");
    CHECK(ns["file"].as<std::string>() == path + "/__main__.py");
    CHECK(ns["package"].as<std::string>().empty());
    CHECK(setting() == before);
    python().exec("import sys\ndel sys.modules['part']");
  };
  std::filesystem::create_directories(folder() + "/app");
  script("app/part.py", "x = 1\n");
  script("app/__main__.py", main("x"));
  check(folder() + "/app", 1);

  python().exec(R"(
      import zipfile
      def make_zip(path, start, **files):
          with open(path, 'wb') as file: file.write(start)
          with zipfile.ZipFile(path, 'a') as archive:
              for name, text in files.items(): archive.writestr(name + '.py', text)
  )");
  const std::string path = folder() + "/app.pyz";
  const Object make_zip = python()["make_zip"];
  make_zip(path, py::Bytes("#!/usr/bin/env python3\n"), "__main__"_a = main("x"), "part"_a = "x = 2");
  check(path, 2);
  make_zip(path, py::Bytes(""), "__main__"_a = main("longer"), "part"_a = "longer = 3");  // a new file is read again
  check(path, 3);
  make_zip(path, py::Bytes(""), "part"_a = "x = 2");
  CHECK_THAT(thrown<py::ImportError>([&] { python().run_file(path); }).what(),
             ContainsSubstring(path + ": the zip file contains no __main__.py"));
}

TEST_CASE("run_file runs a .pyc file of this Python, whatever its name", "[main-module]") {
  script("compiled.py", "name, file = __name__, __file__\n");
  python()["folder"] = folder();
  python().exec(R"(
      import py_compile
      py_compile.compile(folder + '/compiled.py', folder + '/compiled.pyc')
      with open(folder + '/compiled.pyc', 'rb') as file: data = file.read()
      with open(folder + '/compiled.bin', 'wb') as file: file.write(data)
      with open(folder + '/of another.pyc', 'wb') as file: file.write(b'\x01\x00\r\n' + data[4:])
  )");
  for (const std::string& path : {folder() + "/compiled.pyc", folder() + "/compiled.bin"}) {
    const Object ns = python().run_file(path);
    CHECK(ns["name"].as<std::string>() == "__main__");
    CHECK(ns["file"].as<std::string>() == path);
  }
  CHECK_THAT(thrown<py::ImportError>([] { python().run_file(folder() + "/of another.pyc"); }).what(),
             ContainsSubstring("of another.pyc was compiled by another version of Python"));
}

TEST_CASE("run_file runs in the dict that is given, which is then the script's __main__", "[main-module][namespaces]") {
  const std::string path = script("given.py",
                                  "import __main__, pickle\n"
                                  "class C: pass\n"
                                  "pickle.loads(pickle.dumps(C()))\n"
                                  "y = x + 1\n"
                                  "__main__.z = __main__.y + 1\n"
                                  "assert __main__.__dict__ is globals() and __name__ == '__main__'\n"
                                  "assert __main__.__file__ == __file__ and not hasattr(__main__, 'missing')\n");
  Object globals = py::dict("x"_a = 1);
  CHECK(python().run_file(path, {}, globals).same(globals));
  CHECK(globals["z"].as<int>() == 3);
  python().reset();
  python()["x"] = 5;
  python().run_file(path, {}, python().globals());
  CHECK(python()["z"].as<int>() == 7);
  python().reset();
  CHECK_THROWS_AS(python().run_file(path, {}, py::list()), py::TypeError);
  CHECK(python().eval<bool>("__import__('__main__').__dict__ is globals()"));
}

TEST_CASE("run_module runs a module as python -m does", "[main-module]") {
  python().add_path(folder());
  const std::string path =
      script("as_module.py", "import sys\nname, argv, spec = __name__, list(sys.argv), __spec__.name\n");
  std::filesystem::create_directories(folder() + "/as_package");
  script("as_package/__init__.py", "here = 'init'\n");
  script("as_package/__main__.py", "from . import here\nimport sys\nargv, package = list(sys.argv), __package__\n");
  const std::string before = setting();
  const Object ns = python().run_module("as_module", {"--fast"});
  CHECK(ns["name"].as<std::string>() == "__main__");
  CHECK(ns["spec"].as<std::string>() == "as_module");
  CHECK(py::str(ns["argv"]) == py::str(py::list(path, "--fast")));
  CHECK_FALSE(python().eval<bool>("'as_module' in __import__('sys').modules"));
  const Object package = python().run_module("as_package");
  CHECK(package["here"].as<std::string>() == "init");
  CHECK(package["package"].as<std::string>() == "as_package");
  CHECK(py::str(package["argv"]) == py::str(py::list(folder() + "/as_package/__main__.py")));
  CHECK(python().run_module("as_package.__main__")["here"].as<std::string>() == "init");
  CHECK(setting() == before);

  const auto refusal = [](const char* name) {
    const auto error = thrown<py::ImportError>([&] { python().run_module(name); });
    CHECK(error.traceback().find("<latepy>") == std::string::npos);
    return error.message();
  };
  CHECK_THAT(refusal("no_such_module"), ContainsSubstring("No module named 'no_such_module'"));
  CHECK_THAT(refusal("json.missing"), ContainsSubstring("No module named 'json.missing'"));
  CHECK_THAT(refusal("email"), ContainsSubstring("the package email: it contains no module __main__"));
  CHECK_THAT(refusal("sys"), ContainsSubstring("the module sys: it has no Python code"));
  CHECK_THROWS_AS(python().run_module("no_such.module"), py::ModuleNotFoundError);
  CHECK(setting() == before);
  python().get("sys.path").call_method("remove", folder());
}

TEST_CASE("names of files and arguments may be any bytes", "[unicode]") {
  const std::string odd = folder() + "/caf\xe9";
  std::filesystem::create_directories(odd);
  const std::string path = odd + "/job\xff.py";
  std::ofstream(path) << "import beside_job, os, sys\nargument = os.fsencode(sys.argv[1])\ndef fail(): 1 / 0\n";
  std::ofstream(odd + "/beside_job.py") << "x = 1\n";
  const std::string before = setting();
  const Object ns = python().run_file(path, {"\xfe"});
  CHECK(py::repr(ns["argument"]) == "b'\\xfe'");
  CHECK(setting() == before);
  CHECK_THAT(thrown<py::ZeroDivisionError>([&] { ns["fail"](); }).traceback(), ContainsSubstring("def fail(): 1 / 0"));
  python().exec("import sys\ndel sys.modules['beside_job']");
  python().add_path(std::filesystem::path(odd));
  python().add_path(odd);
  CHECK(python().import_module("beside_job").attr("x").as<int>() == 1);
  CHECK(python().eval<int>("sum('caf' in path for path in __import__('sys').path)") == 1);
  python().exec("sys.path[:] = [path for path in sys.path if 'caf' not in path]");
  CHECK(python()
            .module_from_file("odd_job", script("after.py", "import odd\n") + "/../caf\xe9/beside_job.py")
            .attr("x")
            .as<int>() == 1);
  CHECK_THAT(thrown<py::ZeroDivisionError>([&] { python().exec("1 / 0", {}, path); }).where(), ContainsSubstring(":1"));
}

TEST_CASE("while a file runs, [] and exec mean the first __main__") {
  python()["seen"] = 0;
  python()["poke"] = reinterpret_cast<std::uintptr_t>(+[] { python().exec("seen += 1"); });
  const Object ns =
      python().run_file(script("pokes.py", "import ctypes, sys\nctypes.PYFUNCTYPE(None)(int(sys.argv[1]))()\n"),
                        {py::str(Object(python()["poke"]))});
  CHECK(python()["seen"].as<int>() == 1);
  CHECK_FALSE(ns.contains("seen"));
}

TEST_CASE("what is printed is out when the outermost call returns, in order with the program's own", "[streams]") {
  python();
  const std::string output = in_child([] {
    std::printf("1 C\n");
    std::fflush(stdout);
    python().exec("import sys\nsys.stdout.write('2 Python, ')");
    (void)!write(1, "3 C, ", 5);
    python().run_string("sys.stdout.write('4 Python, '); sys.stderr.write('5 error, ')");
    (void)!write(1, "6 C\n", 4);
    python().run_file(script("prints.py", "import sys; sys.stdout.write('7 file, ')"));
    (void)!write(1, "8 C\n", 4);
    EXPECT_THROWN(py::ValueError, python().exec("sys.stdout.write('9 before the error\\n'); raise ValueError"));
    python().eval("print('10 a whole line, by eval')");
    std::printf("11 C\n");
    std::fflush(stdout);
    _exit(0);  // nothing is left for the stop
  });
  CHECK(
      output ==
      "1 C\n2 Python, 3 C, 4 Python, 5 error, 6 C\n7 file, 8 C\n9 before the error\n10 a whole line, by eval\n11 C\n");
}

TEST_CASE("whatever way text was left in a stream, it is out when the outermost call returns") {
  py::Interpreter& python = ::python();
  const bool is_seen = !are_fast_paths_off() && !python.is_free_threaded();
  {
    const py::GilGuard gil;
    const py::detail::StreamLayout* const layout = py::detail::current_interpreter().streams.load();
    CHECK((layout && layout->generation != 0) == is_seen);
  }
  python.exec(
      "import io, sys\n"
      "class Raw(io.RawIOBase):\n"
      "  got = b''\n"
      "  def writable(self): return True\n"
      "  def close(self): pass\n"
      "  def write(self, data): self.got += bytes(data); return len(data)\n"
      "class Text(io.TextIOWrapper): pass\n"
      "class Writer(io.BufferedWriter): pass\n"
      "real, raw, all = (sys.stdout, sys.stderr), Raw(), []");
  const auto got = [&] { return python.run_string("got, raw.got = raw.got, b''; got.decode()").as<std::string>(); };
  for (const std::string made :
       {"io.TextIOWrapper(io.BufferedWriter(raw))", "io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=True)",
        "io.TextIOWrapper(io.BufferedWriter(raw), write_through=True)", "Text(io.BufferedWriter(raw))",
        "io.TextIOWrapper(Writer(raw))"})
    for (const std::string name : {"stdout", "stderr"}) {
      INFO(made << " as " << name);
      python.exec("made = sys." + name + " = " + made + "\nall.append(made)");
      for (const std::string text : {"a", "b\n", "c\nd", ""}) {
        python["text"] = text;
        python.exec("made.write(text)");
        CHECK(got() == text);
      }
      python.exec("made.write('x' * 20000)");
      CHECK(got().size() == 20000);
      python.exec("made.buffer.write(b'bytes')");
      CHECK(got() == "bytes");
    }
  python.exec("sys.stdout = io.TextIOWrapper(io.BufferedRandom(io.BytesIO()))\nsys.stdout.write('random')");
  CHECK(python.eval<std::string>("sys.stdout.buffer.raw.getvalue().decode()") == "random");
  python.exec("sys.stdout, sys.stderr = real\nraw = made = all = None");
}

TEST_CASE("a stream that cannot be flushed is no error of the code that printed", "[streams]") {
  python();
  in_child([] {
    py::Interpreter& python = ::python();
    python.exec(
        "import sys\nclass Broken:\n  def write(self, s): pass\n  def flush(self): raise OSError('gone')\n"
        "sys.stdout = Broken()");
    python.exec("print('x')");
    python.exec("sys.stdout = None");
    python.exec("del sys.stdout");
    EXPECT(python.eval<int>("1") == 1);
    python.exec("sys.stdout = sys.__stdout__");
  });
}

TEST_CASE("try_eval and try_call give every Python exception as a value") {
  const auto too_deep = python().try_eval(std::string(200000, '-') + "1");
  CHECK_FALSE(too_deep.has_value());
  CHECK(python().try_call<void>("builtins", "print", "end"_a = 5).error().is("TypeError"));
  CHECK(python().try_call<void>("builtins", "len", std::string()).has_value());
  CHECK(python().try_call(std::string_view("os\0x", 4), "f").error().is("ModuleNotFoundError"));
}

TEST_CASE("names are text of any kind, and a NUL in one is no end") {
  const std::string module = "math", function = "hypot";
  CHECK(python().call<double>(module, std::string_view(function), 3, 4) == 5);
  CHECK(python().call<std::string>("pathlib", "PurePosixPath.__name__.upper") == "PUREPOSIXPATH");
  CHECK_THROWS_AS(python().import_module(std::string_view("os\0x", 4)), py::PythonError);
}

TEST_CASE("the script's folder is right for a script in the root and for odd names", "[sys-path]") {
  using latepy::detail::parent;
  CHECK(parent("/script.py") == "/");
  CHECK(parent("/dir/a\\b.py") == "/dir");
}

#endif

TEST_CASE("a call by name finds what the name stands for now") {
  const auto call = [] { return python().call<int>("changing", "f"); };
  python().exec(R"(
import importlib, os, sys, tempfile, threading, types
def module(number):
  made = types.ModuleType('changing')
  made.f = lambda: number
  return made
sys.modules['changing'] = first = module(1)
)");
  for (int i = 0; i < 3; ++i) CHECK(call() == 1);
  python().exec("first.f = lambda: 2");
  CHECK(call() == 2);
  python().exec("sys.modules['changing'] = module(3); del first");
  CHECK(call() == 3);
  python().exec("del sys.modules['changing'].f");
  CHECK_THROWS_AS(call(), py::AttributeError);
  python().exec("sys.modules['changing'].__getattr__ = lambda name: lambda: 4");
  CHECK(call() == 4);
  python().exec(R"(
class Lazy(types.ModuleType):
  def __getattribute__(self, name): return (lambda: 5) if name == 'f' else super().__getattribute__(name)
lazy = Lazy('changing'); lazy.__dict__['f'] = lambda: -1
sys.modules['changing'] = lazy
)");
  CHECK(call() == 5);
  python().exec("del sys.modules['changing']");
  CHECK_THROWS_AS(call(), py::ModuleNotFoundError);
  // One that another thread is importing is waited for, and one that is reloaded is the new one.
  python().exec(R"(
folder = tempfile.mkdtemp()
def write(number):
  with open(os.path.join(folder, 'changing.py'), 'w') as file:
    file.write(f'import builtins, time\nbuiltins.begun.set()\ntime.sleep(0.3)\ndef f(): return {number}{" " * number}')
write(6)
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
import builtins
builtins.begun = threading.Event()
importer = threading.Thread(target=lambda: importlib.import_module('changing'))
importer.start()
builtins.begun.wait()
)");
  CHECK(call() == 6);
  python().exec("importer.join(); write(7); importlib.reload(sys.modules['changing'])");
  CHECK(call() == 7);
  python().exec(
      "sys.path.remove(folder); del sys.modules['changing'], builtins.begun; import shutil; shutil.rmtree(folder)");
}

TEST_CASE("text that was run before is not compiled again, and its lines are known as long as it is kept") {
  const auto code = [](std::string_view filename = {}) {
    return python().eval("(lambda: 'kept').__code__", {}, filename);
  };
  const Object first = code();
  CHECK(code().same(first));
  CHECK_FALSE(code("file.py").same(first));
  CHECK(code("file.py").attr("co_filename").as<std::string>() == "file.py");
  CHECK(code().same(first));
  // An error of a text that was run before shows the lines of this text, also after a thousand others.
  const auto traceback = [] {
    return thrown<py::ZeroDivisionError>([] { python().exec("x = 0\nx = 1 / x"); }).traceback();
  };
  CHECK_THAT(traceback(), ContainsSubstring("x = 1 / x"));
  for (int i = 0; i < 1500; ++i) python().eval(std::to_string(i));
  CHECK_THAT(traceback(), ContainsSubstring("x = 1 / x"));
  CHECK(code().attr("co_name").as<std::string>() == "<lambda>");
  // Another mode is another text.
  CHECK(python().run_string("1 + 1").as<int>() == 2);
  CHECK(python().eval<int>("1 + 1") == 2);
  python().exec("1 + 1");
  CHECK(python().run_string("1 + 1").as<int>() == 2);
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(python().exec("no python"), py::SyntaxError);
  // Each run is in its own namespace.
  const Object a = py::dict("x"_a = 1), b = py::dict("x"_a = 2);
  CHECK(python().eval<int>("x", a) * 10 + python().eval<int>("x", b) == 12);
}
