// Tests of latepy/host/module.hpp: what the host offers, at the start and the end of Python and in its next life.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

#ifndef _WIN32

namespace {

enum class Color { red = 1, green = 2, blue = 4 };

struct Thing {
  int number = 4;
};

}  // namespace

TEST_CASE("each start has host modules of its own") {
  in_child([] {
    const auto fill = [] {
      py::Module host = py::module("host");
      host.def("answer", [] { return 42; }).add_enum<Color>("Color", {{"red", Color::red}});
      host.add_exception<std::out_of_range>("Missing");
      host.def("fails", [] { throw std::out_of_range("missing"); });
    };
    py::Object of_life[3];
    for (int life = 0; life < 3; ++life) {
      py::Config config;
      config.allow_restart = true;
      py::Interpreter python(config);
      const auto unknown = EXPECT_THROWN(py::ModuleNotFoundError, python.exec("import host"));
      if (life > 0) {
        const std::string what = EXPECT_THROWN(py::StateError, of_life[life - 1]()).what();
        EXPECT(has(what, "an Object of an earlier interpreter was used"));
      }
      // The exception's class went with its Python: the built-in table holds again.
      python.def("plain", [] { throw std::out_of_range("plain"); });
      EXPECT(python.try_eval("plain()").error().type_name() == "IndexError");
      fill();
      python.exec("import host\nassert host.answer() == 42\nassert host.Color.red.value == 1");
      EXPECT(python.try_eval("host.fails()").error().type_name() == "host.Missing");
      EXPECT(python.eval("host.Color.red").as<Color>() == Color::red);
      of_life[life] = python.get("host.answer");
    }
    const std::string what = EXPECT_THROWN(py::StateError, of_life[2]()).what();
    EXPECT(has(what, "an Object was used after its Python had ended"));
    const py::Module empty{py::Object()};
    EXPECT(py::Module(empty).is_empty());  // copied without Python
    end_without_leak_check();
  });
}

TEST_CASE("classes are made again in each life, and objects of the former one do no harm") {
  in_child([] {
    py::Object late;
    std::shared_ptr<Thing> shared;
    for (int life = 0; life < 3; ++life) {
      py::Config config;
      config.allow_restart = true;
      py::Interpreter python(config);
      EXPECT_THROWN(py::ConversionError, py::to_py(Thing()));
      py::module("host").add_class<Thing>("Thing").init<>().def("number", &Thing::number);
      python.exec("import host\nt = host.Thing()\nassert t.number == 4");
      if (life > 0) EXPECT_THROWN(py::StateError, late.attr("number").as<int>());
      late = python.eval("t");
      shared = late.as<std::shared_ptr<Thing>>();
      EXPECT(shared->number == 4);
      EXPECT(python.eval("host.Thing()").as<Thing&>().number == 4);
    }
    EXPECT_THROWN(py::StateError, late.as<Thing&>());
    end_without_leak_check();
  });
}

TEST_CASE("Config::extra_modules are there before the program runs any code") {
  in_child([] {
    std::string order, printed;
    py::Config config;
    config.allow_restart = true;
    config.on_stdout = [&](std::string_view line) { printed += line; };
    config.extra_modules = {{"first",
                             [&](py::Module& m) {
                               order += "1";
                               m.constant("x", py::Interpreter::current().eval<int>("1"));
                             }},
                            {"first.sub",
                             [&](py::Module& m) {
                               order += "2";
                               m.def("f", [] { return py::module("first").attr("x").as<int>(); });
                             }},
                            {"empty", nullptr}};
    for (int life = 0; life < 2; ++life) {
      py::Interpreter python(config);
      EXPECT(order == "12");
      python.exec("import first.sub, empty\nassert first.sub.f() == 1\nprint('ok')");
      order.clear();
    }
    EXPECT(printed == "ok\nok\n");
    // Also where the Interpreter gives the GIL back at once.
    config.release_gil = true;
    py::Interpreter python(config);
    EXPECT(python.eval<int>("__import__('first').sub.f()") == 1);
  });
}

TEST_CASE("where one of Config::extra_modules fails, Python is stopped and can be started again") {
  in_child([] {
    py::Config config;
    config.allow_restart = true;
    config.extra_modules = {{"sys", nullptr}};
    EXPECT_THROWN(py::StateError, py::Interpreter python(config));
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(py::StateError, py::Interpreter::current());
    config.extra_modules = {{"host", [](py::Module&) { throw 3; }}};
    EXPECT(EXPECT_THROWN(int, py::Interpreter python(config)) == 3);
    std::optional<py::PythonError> error;
    config.extra_modules = {{"host", [](py::Module& m) { m.attr("missing").as<int>(); }}};
    error = EXPECT_THROWN(py::AttributeError, py::Interpreter python(config));
    EXPECT(has(error->what(), "module 'host' has no attribute 'missing'"));
    EXPECT(has(error->traceback(), "AttributeError: module 'host' has no attribute 'missing'"));
    config.extra_modules.clear();
    py::Interpreter python(config);
    EXPECT(python.eval<int>("6 * 7") == 42);
    EXPECT_THROWN(py::ModuleNotFoundError, python.exec("import host"));
  });
}

TEST_CASE("an Interpreter that attaches brings its extra_modules, and takes nothing down where they fail") {
  in_child([] {
    py::Config first;
    first.finalize = false;
    { py::Interpreter python(first); }  // Python runs on
    py::Config config;
    config.extra_modules = {{"host", [](py::Module&) { throw std::runtime_error("not today"); }}};
    EXPECT_THROWN(std::runtime_error, py::Interpreter python(config));
    config.extra_modules = {{"host", [](py::Module& m) { m.constant("x", 1); }}};
    py::Interpreter python(config);
    EXPECT(python.is_attached());
    EXPECT(python.eval<int>("__import__('host').x") == 1);
  });
}

TEST_CASE("with release_gil the members of Module and Class take the GIL themselves", "[release-gil]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    py::Module host = python.module("host");
    host.def(
            "add", [](int a, int b) { return a + b; }, "a"_a, "b"_a = 2)
        .constant("number", 5);
    host.add_enum<Color>("Color", {{"red", Color::red}});
    host.add_exception<std::out_of_range>("Missing");
    host.submodule("inner").def("three", [] { return 3; });
    auto made = host.add_class<Thing>("Thing")
                    .init<>()
                    .init([](int number) { return Thing{number}; })
                    .def("number", &Thing::number)
                    .def("twice", [](const Thing& self) { return 2 * self.number; })
                    .def_static("zero", [] { return 0; })
                    .def_class("name", [](py::Object self) { return self.attr("__name__").as<std::string>(); })
                    .property("half", [](const Thing& self) { return self.number / 2; })
                    .static_property("six", [] { return 6; })
                    .constant("seven", 7)
                    .pickle([](const Thing& self) { return self.number; }, [](int number) { return Thing{number}; })
                    .visit([](Thing&, auto&) {});
    auto copy = made;
    copy = made;
    py::Module other = host;
    other = copy;
    struct Pair {};
    python.add_class<Pair>("Pair").init<>();
    EXPECT(!latepy::detail::holds_gil());
    python.exec(
        "import copy, host, host.inner\n"
        "thing = copy.copy(host.Thing(8))\n"
        "assert (thing.number, thing.twice(), thing.half, host.Thing().number) == (8, 16, 4, 4)\n"
        "assert (host.add(1), host.number, host.inner.three(), host.Color.red.value) == (3, 5, 3, 1)\n"
        "assert (host.Thing.zero(), host.Thing.name(), host.Thing.six, host.Thing.seven) == (0, 'Thing', 6, 7)\n"
        "assert issubclass(host.Missing, Exception) and Pair()");
  });
}

TEST_CASE("host functions work to the very end of Python") {
  const std::string output = in_child([] {
    py::Object kept;
    {
      py::Config config;
      config.allow_restart = true;
      py::Interpreter python(config);
      python.def("say", [](std::string text) { std::printf("%s\n", text.c_str()); });
      python.def("fails", [] { throw 7; });  // no std::exception
      python.exec(
          "import atexit, sys, threading\n"
          "class Last:\n  say = staticmethod(say)\n  def __del__(self): self.say('in __del__')\n"
          "last = Last(); last.me = last\n"
          "atexit.register(say, 'at exit')\n"
          "atexit.register(fails)\n"
          "sys.unraisablehook = lambda u: None\nsys.stderr = None");
      kept = python["say"];
    }
    EXPECT_THROWN(py::StateError, kept("too late"));
    EXPECT(!kept.is_alive());
    end_without_leak_check();
  });
  CHECK_THAT(output, ContainsSubstring("at exit\nin __del__\n"));
}

#endif
