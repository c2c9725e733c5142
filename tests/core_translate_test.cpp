// Tests of latepy/core/translate.hpp: C++ exceptions as Python's and back, and errors that nobody can catch.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "python.hpp"

#include <filesystem>
#include <future>
#include <ios>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace {

std::string text(std::string_view expression) { return python().eval<std::string>(expression); }
bool holds(std::string_view expression) { return python().eval<bool>(expression); }

/// What Python sees of a function that throws: the repr of the exception.
template <class F>
std::string raised_by(F throws) {
  python().def("throws", std::move(throws));
  python().exec("def seen(f):\n  try: f()\n  except BaseException as e: return repr(e)");
  return text("seen(throws)");
}
template <class E>
std::string raised(E exception) {
  return raised_by([exception] { throw exception; });
}

struct DiskFull : std::runtime_error {
  using std::runtime_error::runtime_error;
  int sector = 0;
};
/// An exception that is no std::exception.
struct Signal {
  int number;
};
struct Derived : DiskFull {
  using DiskFull::DiskFull;
};

/// Python's own hook put aside: what went to sys.unraisablehook stands in `unraisable`.
struct Unraisable {
  Unraisable() {
    python().exec(
        "import sys\nunraisable = []\nsys.unraisablehook = lambda u: unraisable.append(f'{u.exc_value!r} in "
        "{u.object!r}')");
  }
  ~Unraisable() { python().exec("sys.unraisablehook = sys.__unraisablehook__"); }
  std::vector<std::string> seen() const { return python().eval<std::vector<std::string>>("unraisable"); }
};

struct ThrowsAtEnd {
  bool is_armed = true;
  ThrowsAtEnd() = default;
  ThrowsAtEnd(ThrowsAtEnd&& other) noexcept { std::swap(is_armed, other.is_armed), other.is_armed = false; }
  ~ThrowsAtEnd() noexcept(false) {
    if (is_armed) throw std::logic_error("at the end");
  }
};

}  // namespace

TEST_CASE("each C++ exception has its Python exception") {
  CHECK(raised(std::invalid_argument("a")) == "ValueError('a')");
  CHECK(raised(std::domain_error("a")) == "ValueError('a')");
  CHECK(raised(std::length_error("a")) == "ValueError('a')");
  CHECK(raised(std::range_error("a")) == "ValueError('a')");
  CHECK(raised(std::out_of_range("a")) == "IndexError('a')");
  CHECK(raised(std::overflow_error("a")) == "OverflowError('a')");
  CHECK(raised(std::bad_alloc()).substr(0, 12) == "MemoryError(");
  CHECK(raised(std::runtime_error("a")) == "RuntimeError('a')");
  CHECK(raised(std::logic_error("caf\xe9")) == "RuntimeError('caf\xef\xbf\xbd')");  // what() need not be UTF-8
  CHECK(raised(std::runtime_error("")) == "RuntimeError('')");
  CHECK(raised(3) == "RuntimeError('a C++ exception that is not a std::exception')");
  CHECK(raised(py::ConversionError("a")) == "TypeError('a')");
  CHECK(raised(py::StateError("a")) == "RuntimeError('a')");
  // The classes of latepy/core/exceptions.hpp are Python's own.
  CHECK(raised_by([] { throw py::KeyError("k"); }) == "KeyError('k')");
  CHECK(raised_by([] { throw py::PermissionError("p"); }) == "PermissionError('p')");
  CHECK(raised_by([] { throw py::SystemExit("2"); }) == "SystemExit('2')");
}

TEST_CASE("an error of the system is the OSError of its number") {
  const auto fails = [](std::error_code code, const char* doing = "opening") {
    return raised(std::system_error(code, doing));
  };
  CHECK_THAT(fails(std::make_error_code(std::errc::no_such_file_or_directory)),
             ContainsSubstring("FileNotFoundError(2, 'opening: "));
  CHECK_THAT(fails(std::make_error_code(std::errc::permission_denied)), ContainsSubstring("PermissionError(13, "));
  CHECK_THAT(fails(std::make_error_code(std::errc::connection_refused)), ContainsSubstring("ConnectionRefusedError("));
  CHECK_THAT(fails(std::make_error_code(std::errc::timed_out)), ContainsSubstring("TimeoutError("));
  CHECK_THAT(fails(std::make_error_code(std::errc::no_space_on_device)), ContainsSubstring("OSError(28, "));
#ifndef _WIN32
  CHECK_THAT(fails({17, std::system_category()}, "caf\xe9"),
             ContainsSubstring("FileExistsError(17, 'caf\xef\xbf\xbd: "));
#endif
  CHECK(thrown<std::system_error>([] { eval("throws()"); }).code().value() != 0);  // in C++ it is itself again
#ifndef _WIN32
  python().exec("def size(f):\n  try: f()\n  except OSError as e: return len(e.args)");
  CHECK(eval("size(throws)") == 2);
#endif

  SECTION("of a file, with the name") {
    namespace fs = std::filesystem;
    const auto denied = std::make_error_code(std::errc::permission_denied);
    python().exec(
        "def parts(f):\n  try: f()\n  except PermissionError as e: return [e.errno, e.strerror, e.filename, "
        "e.filename2]");
    const auto parts = [](auto error) {
      python().def("throws", [error] { throw error; });
      return text("repr(parts(throws)[2:])");
    };
    CHECK(parts(fs::filesystem_error("removing", denied)) == "[None, None]");
    CHECK(parts(fs::filesystem_error("removing", fs::path("/a [b]/c d"), denied)) == "['/a [b]/c d', None]");
    CHECK(parts(fs::filesystem_error("copying", fs::path("from"), fs::path("to"), denied)) == "['from', 'to']");
    CHECK(holds("parts(throws)[0] == 13 and 'copying: ' in parts(throws)[1] and '[' not in parts(throws)[1]"));
#ifndef _WIN32
    CHECK(parts(fs::filesystem_error("x", fs::path("no\xff utf8"), denied)) == "['no\\udcff utf8', None]");
#endif
    const std::string seen = raised_by([] { return fs::file_size("/nowhere/at/all"); });
    CHECK_THAT(seen, ContainsSubstring("FileNotFoundError(2, "));
    CHECK(seen.find("/nowhere") == std::string::npos);  // the name is no part of the text
    CHECK(seen.find("filesystem error") == std::string::npos);
  }
  SECTION("of a stream, without a number") {
    CHECK_THAT(raised(std::ios_base::failure("reading")), ContainsSubstring("OSError('reading"));
  }
  SECTION("what has a number of the program's own is a RuntimeError") {
    struct Own : std::error_category {
      const char* name() const noexcept override { return "own"; }
      std::string message(int value) const override { return "own " + std::to_string(value); }
    };
    static const Own own;
    CHECK(raised(std::system_error(7, own, "doing")) == "RuntimeError('doing: own 7')");
    CHECK_THAT(raised(std::future_error(std::future_errc::broken_promise)), ContainsSubstring("RuntimeError("));
  }
}

TEST_CASE("a nested C++ exception is the cause of the outer one") {
  python().exec(
      "def causes(f):\n"
      "  try: f()\n"
      "  except BaseException as e:\n"
      "    seen = []\n"
      "    while e: seen.append(repr(e)); e = e.__cause__\n"
      "    return ' < '.join(seen)");
  const auto causes = [](auto throws) {
    python().def("throws", throws);
    return text("causes(throws)");
  };
  CHECK(causes([] {
          try {
            try {
              throw Signal{3};
            } catch (...) {
              std::throw_with_nested(std::out_of_range("no such section"));
            }
          } catch (...) {
            std::throw_with_nested(std::runtime_error("cannot load"));
          }
        }) ==
        "RuntimeError('cannot load') < IndexError('no such section') < "
        "RuntimeError('a C++ exception that is not a std::exception')");
  CHECK(causes([] {
          try {
            eval("int('x')");
          } catch (...) {
            std::throw_with_nested(py::KeyError("section"));
          }
        }) == "KeyError('section') < ValueError(\"invalid literal for int() with base 10: 'x'\")");
  CHECK(causes([] { throw std::runtime_error("alone"); }) == "RuntimeError('alone')");
  CHECK(causes([] { std::throw_with_nested(std::runtime_error("alone")); }) == "RuntimeError('alone')");  // in no catch
  CHECK(causes([] {
          try {
            throw 3;
          } catch (...) {
            std::throw_with_nested(Signal{1});
          }
        }).find(" < ") != std::string::npos);
  SECTION("and each is the C++ exception again") {
    python().def("throws", [] {
      try {
        DiskFull error("inner");
        error.sector = 7;
        throw error;
      } catch (...) {
        std::throw_with_nested(std::runtime_error("outer"));
      }
    });
    const py::Result<py::Object> result = python().try_eval("throws()");
    REQUIRE(result.error().cause());
    CHECK(thrown<DiskFull>([&] { result.error().cause()->rethrow(); }).sector == 7);
    CHECK_THAT(result.error().traceback(), ContainsSubstring("inner") && ContainsSubstring("direct cause"));
  }
  SECTION("a cause that a translation gave stays") {
    py::translate<DiskFull>([](const DiskFull& error) {
      py::Object made = python().eval("OSError")(error.what());
      made.attr("__cause__") = python().eval("KeyError('given')");
      return made;
    });
    CHECK(causes([] {
            try {
              throw 3;
            } catch (...) {
              std::throw_with_nested(DiskFull("full"));
            }
          }) == "OSError('full') < KeyError('given')");
    py::translate<DiskFull>([](const DiskFull&) { return py::Object(); });
  }
}

TEST_CASE("an exception that takes no __cause__ is raised without it") {
  python().exec("class Bare(Exception):\n  def __setattr__(self, name, value): raise LookupError(name)");
  py::translate<DiskFull>(py::Object(python()["Bare"]));
  CHECK(raised_by([] {
          try {
            throw std::out_of_range("inner");
          } catch (...) {
            std::throw_with_nested(DiskFull("outer"));
          }
        }) == "Bare('outer')");
}

TEST_CASE("a script raises an exception class of the host, and C++ catches it as that class") {
  struct NoSpace : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  struct Final final : std::exception {
    explicit Final(std::string text) : said(std::move(text)) {}
    const char* what() const noexcept override { return said.c_str(); }
    std::string said;
  };
  struct Picky : std::runtime_error {
    explicit Picky(const std::string& text) : std::runtime_error(text) {
      if (text.empty()) throw std::invalid_argument("no text");
    }
  };
  struct Numbered : std::exception {
    explicit Numbered(int) {}
  };
  static const bool is_made = [] {
    py::Module module = py::module((python(), "raised"));
    module.add_exception<NoSpace>("NoSpace");
    module.add_exception<Final>("Final");
    module.add_exception<Picky>("Picky");
    module.add_exception<Numbered>("Numbered", python().eval("ValueError"));
    python().exec(
        "import raised\nclass Derived(raised.NoSpace):\n  def __init__(self, n): super().__init__(n); self.n = n");
    return true;
  }();
  CHECK(is_made);

  SECTION("with the message of the Python exception") {
    CHECK(thrown<NoSpace>([] { python().exec("raise raised.NoSpace('no room')"); }).what() == std::string("no room"));
    CHECK(thrown<std::runtime_error>([] { eval("(_ for _ in ()).throw(raised.NoSpace)"); }).what() == std::string());
    CHECK(thrown<NoSpace>([] { python().exec("raise Derived(7)"); }).what() == std::string("7"));
    CHECK(thrown<Final>([] { python().exec("raise raised.Final('the end')"); }).said == "the end");
    python().exec("import copy, pickle\ncopied = copy.copy(pickle.loads(pickle.dumps(raised.NoSpace('copied'))))");
    CHECK(thrown<NoSpace>([] { python().exec("raise copied"); }).what() == std::string("copied"));
  }
  SECTION("out of a Result") {
    const py::Result<py::Object> result = python().try_eval("(_ for _ in ()).throw(raised.NoSpace('x'))");
    REQUIRE(!result);
    CHECK(result.error().is("raised.NoSpace"));
    CHECK_THROWS_AS(result.value(), NoSpace);
    CHECK_THROWS_AS(result.error().rethrow(), NoSpace);
  }
  SECTION("but as a PythonError where the C++ class cannot be made") {
    CHECK(thrown<py::Exception>([] { python().exec("raise raised.Picky"); }).type_name() == "raised.Picky");
    CHECK_THROWS_AS(python().exec("raise raised.Picky('x')"), Picky);
    CHECK(thrown<py::ValueError>([] { python().exec("raise raised.Numbered(1)"); }).type_name() == "raised.Numbered");
  }
  SECTION("and a script that C++ stands between sees the same object") {
    python().def("through", [](py::Object callable) { callable(); });
    python().exec(
        "def fails(): raise kept\nkept = Derived(8)\n"
        "def same():\n"
        "  try: through(fails)\n"
        "  except Derived as e:\n"
        "    names = [s.name for s in __import__('traceback').extract_tb(e.__traceback__)]\n"
        "    return e is kept and 'fails' in names");
    CHECK(holds("same()"));
    CHECK(thrown<NoSpace>([] { eval("through(lambda: through(fails))"); }).what() == std::string("8"));
    python().def("nests", [] {
      try {
        eval("fails()");
      } catch (const NoSpace&) {
        std::throw_with_nested(std::runtime_error("outer"));
      }
    });
    python().exec("def cause():\n  try: nests()\n  except RuntimeError as e: return e.__cause__ is kept");
    CHECK(holds("cause()"));
  }
}

TEST_CASE("a host function ends an iteration with StopIteration") {
  python().exec("class Counter:\n  def __iter__(self): return self");
  py::Object(python()["Counter"]).def("__next__", [n = 0](py::Object) mutable {
    if (n == 3) throw py::StopIteration("");
    return n++;
  });
  CHECK(holds("list(Counter()) == [0, 1, 2]"));
}

TEST_CASE("a Python exception passes through C++ as the same object") {
  python().exec(
      "class Own(Exception): pass\nown = Own('mine')\ndef fails(): raise own\n"
      "def same(f):\n  try: f()\n  except Own as e:\n    e.__traceback__ = None\n    return e is own");
  const py::Object fails = python()["fails"];
  python().def("through", [&fails] { fails(); });
  CHECK(holds("same(through)"));
  const auto error = thrown<py::Exception>([] { eval("through()"); });
  CHECK(error.type_name() == "Own");
  CHECK_THAT(error.traceback(), ContainsSubstring("in fails"));
}

TEST_CASE("translate adds C++ exceptions to the table") {
  SECTION("by a Python class, which is called with what()") {
    py::translate<DiskFull>(python().get("builtins.OSError"));
    CHECK(raised(DiskFull("full")) == "OSError('full')");
    CHECK(raised(Derived("too")) == "OSError('too')");
    python().exec("class MyError(Exception): pass");
    py::translate<DiskFull>(python()["MyError"]);  // an item or attribute is read
    CHECK(raised(DiskFull("full")) == "MyError('full')");
    py::translate<DiskFull>(python().import_module("builtins").attr("BufferError"));
    CHECK(raised(DiskFull("full")) == "BufferError('full')");
    py::translate<DiskFull>(py::Ref(python().eval("type('Own', (Exception,), {})")));  // is kept
    CHECK(raised(DiskFull("full")) == "Own('full')");
  }
  SECTION("by a function, which gives the exception object") {
    py::translate<DiskFull>([](const DiskFull& error) { return python().get("builtins.OSError")(28, error.what()); });
    CHECK(raised(DiskFull("full")) == "OSError(28, 'full')");
    py::translate<Signal>(
        [](const Signal& signal) { return python().get("builtins.InterruptedError")(signal.number); });
    CHECK(raised(Signal{15}) == "InterruptedError(15)");
    py::translate<int>([](int value) { return python().get("builtins.ArithmeticError")(value); });
    CHECK(raised(3) == "ArithmeticError(3)");
  }
  SECTION("the newest entry is asked first, and replaces one of the same type") {
    py::translate<DiskFull>(python().get("builtins.OSError"));
    py::translate<Derived>(python().get("builtins.BufferError"));
    CHECK(raised(Derived("d")) == "BufferError('d')");
    CHECK(raised(DiskFull("b")) == "OSError('b')");
    py::translate<DiskFull>(python().get("builtins.EOFError"));
    CHECK(raised(Derived("d")) == "EOFError('d')");
    py::translate<Derived>([](const Derived&) { return py::Object(); });  // nothing: the next one is asked
    CHECK(raised(Derived("d")) == "EOFError('d')");
  }
  SECTION("before the built-in table") {
    py::translate<std::out_of_range>(python().get("builtins.KeyError"));
    CHECK(raised(std::out_of_range("k")) == "KeyError('k')");
    py::translate<std::out_of_range>([](const std::out_of_range&) { return py::Object(); });
    CHECK(raised(std::out_of_range("i")) == "IndexError('i')");
  }
  SECTION("add_exception makes a class for it") {
    py::Module module = py::module("disks");
    const py::Object full = module.add_exception<DiskFull>("Full", python().get("builtins.OSError"));
    python().exec("import disks");
    CHECK(holds(
        "issubclass(disks.Full, OSError) and disks.Full.__module__ == 'disks' and disks.Full.__name__ == 'Full'"));
    CHECK(raised(DiskFull("3 bytes")) == "Full('3 bytes')");
    module.add_exception<DiskFull>("Other");
    CHECK(raised(DiskFull("4 bytes")) == "Other('4 bytes')");
    CHECK(holds("disks.Other.__bases__ == (Exception,)"));

    struct Disk {};
    py::module("disks").add_class<Disk>("Disk").add_exception<Derived>("Broken");
    CHECK(holds("(disks.Disk.Broken.__module__, disks.Disk.Broken.__qualname__) == ('disks', 'Disk.Broken')"));
    CHECK(holds("__import__('pickle').loads(__import__('pickle').dumps(disks.Disk.Broken('x'))).args == ('x',)"));
    CHECK_THROWS_AS(module.add_exception<DiskFull>("Wrong", python().get("builtins.int")), py::TypeError);
  }
}

TEST_CASE("a translator that fails raises its own error") {
  py::translate<DiskFull>([](const DiskFull&) -> py::Object { throw std::length_error("translator"); });
  CHECK(raised(DiskFull("x")) == "ValueError('translator')");
  py::translate<DiskFull>([](const DiskFull&) { return python().eval("1/0"); });
  CHECK(raised(DiskFull("x")) == "ZeroDivisionError('division by zero')");
  py::translate<DiskFull>([](const DiskFull&) -> py::Object { throw 3; });
  CHECK(raised(DiskFull("x")) == "RuntimeError('a C++ exception that is not a std::exception')");
  py::translate<DiskFull>([](const DiskFull&) { return python().eval("'no exception'"); });
  CHECK_THAT(raised(DiskFull("x")), ContainsSubstring("not a BaseException subclass"));
  std::optional<py::SubInterpreter> other(std::in_place);
  const py::PythonError of_other = other->try_eval("1 / 0").error();
  py::translate<DiskFull>([&](const DiskFull&) -> py::Object { throw of_other; });
  CHECK(raised(DiskFull("x")) == "RuntimeError('ZeroDivisionError: division by zero (<string-1>:1)')");
  other.reset();  // an exception of an interpreter that has ended is made anew, of its texts
  CHECK(raised(DiskFull("x")) == "ZeroDivisionError('division by zero')");
  py::translate<DiskFull>([](const DiskFull& error) {  // one that puts another in its place
    py::translate<DiskFull>([](const DiskFull&) { return python().eval("OSError('second')"); });
    return python().eval("OSError")("first: " + std::string(error.what()));
  });
  CHECK(raised(DiskFull("x")) == "OSError('first: x')");
  CHECK(raised(DiskFull("x")) == "OSError('second')");
}

TEST_CASE("an exception that crosses Python is the same C++ exception again") {
  py::translate<DiskFull>(python().get("builtins.OSError"));
  py::translate<Signal>([](const Signal&) { return python().eval("KeyboardInterrupt()"); });
  python().def("full", [] {
    DiskFull error("full");
    error.sector = 7;
    throw error;
  });
  python().def("signal", [] { throw Signal{15}; });

  SECTION("with all that it holds, also where it is no std::exception") {
    CHECK(thrown<DiskFull>([] { eval("full()"); }).sector == 7);
    CHECK(thrown<Signal>([] { eval("signal()"); }).number == 15);
  }
  SECTION("through many layers of Python and C++") {
    python().def("layer", [](py::Object next) { next(); });
    CHECK(thrown<DiskFull>([] { eval("layer(lambda: layer(lambda: layer(full)))"); }).sector == 7);
  }
  SECTION("through except, else and finally, raised again or kept for later") {
    python().exec("def again():\n  try: full()\n  except OSError: raise\n  finally: pass");
    CHECK(thrown<DiskFull>([] { eval("again()"); }).sector == 7);
    python().exec("def later():\n  try: full()\n  except OSError as e: kept = e\n  raise kept");
    CHECK(thrown<DiskFull>([] { eval("later()"); }).sector == 7);
  }
  SECTION("from another thread") {
    python().exec("import concurrent.futures as cf");
    CHECK(thrown<DiskFull>([] { eval("cf.ThreadPoolExecutor(1).submit(full).result()"); }).sector == 7);
  }
  SECTION("out of a Result") {
    const py::Result<py::Object> result = python().try_eval("full()");
    REQUIRE(!result);
    CHECK(result.error().type_name() == "OSError");
    CHECK(result.error().message() == "full");
    CHECK_THROWS_AS(result.value(), DiskFull);
    CHECK_THROWS_AS(result.error().rethrow(), DiskFull);
  }
  SECTION("but not where Python raised another one") {
    python().exec("def other():\n  try: full()\n  except OSError as e: raise ValueError('other') from e");
    const auto error = thrown<py::ValueError>([] { eval("other()"); });
    REQUIRE(error.cause());
    CHECK(error.cause()->type_name() == "OSError");
    CHECK_THROWS_AS(error.cause()->rethrow(), DiskFull);
    CHECK_THROWS_AS(eval("(_ for _ in ()).throw(OSError('new'))"), py::OSError);
  }
  SECTION("what Python changes on it does not change it") {
    python().exec("def changed():\n  try: full()\n  except OSError as e:\n    e.args = ('changed',)\n    raise");
    CHECK(thrown<DiskFull>([] { eval("changed()"); }).what() == std::string("full"));
  }
  SECTION("Python may copy and pickle its exception, without the C++ one") {
    python().exec(
        "import copy, pickle\n"
        "def caught():\n  try: full()\n  except OSError as e: return e\n"
        "copies = [copy.copy(caught()), copy.deepcopy(caught()), pickle.loads(pickle.dumps(caught()))]\n"
        "assert [repr(e) for e in copies] == [\"OSError('full')\"] * 3\n"
        "def raises(e): raise e");
    CHECK_THROWS_AS(eval("raises(copies[1])"), py::OSError);
    CHECK_THROWS_AS(eval("raises(copies[2])"), py::OSError);
  }
}

TEST_CASE("the traceback of a host function's exception shows who called it") {
  python().def("fails", [] { throw std::runtime_error("deep"); });
  python().exec(
      "def caller():\n  fails()\ndef seen():\n  import traceback\n  try: caller()\n  except RuntimeError: return "
      "traceback.format_exc()");
  CHECK_THAT(text("seen()"), ContainsSubstring("in caller") && ContainsSubstring("RuntimeError: deep"));
  CHECK_THAT(python().try_eval("caller()").error().traceback(), ContainsSubstring("in caller"));
}

TEST_CASE("an exception that C++ made and keeps has the traceback and the cause that a script gave it") {
  const py::ValueError kept("made by C++");
  python().def("fails", [&] { throw kept; });
  python().exec(
      "def with_a_cause():\n"
      "  try: fails()\n"
      "  except ValueError as e:\n"
      "    e.__cause__ = KeyError('the cause')\n"
      "with_a_cause()");
  CHECK_THAT(kept.traceback(), ContainsSubstring("in with_a_cause"));
  REQUIRE(kept.cause().has_value());
  CHECK(kept.cause()->is("KeyError"));
}

TEST_CASE("report hands an error to sys.unraisablehook") {
  const Unraisable hook;
  SECTION("where a destructor cannot throw") {
    struct Saves {
      ~Saves() {
        try {
          python().exec("open('/nowhere/at/all')");
        } catch (const py::PythonError& error) {
          error.report(python().eval("'saving'"));
        }
      }
    };
    { const Saves saves; }
    REQUIRE(hook.seen().size() == 1);
    CHECK_THAT(hook.seen()[0], ContainsSubstring("FileNotFoundError(2, ") && ContainsSubstring("in 'saving'"));
    // Python destroys it, while an exception is on its way.
    python().def("last", [saves = std::make_unique<Saves>()] {});
    python().exec(
        "def end():\n  f = globals().pop('last')\n  try: raise KeyError(1)\n  except KeyError:\n    del f\n    raise");
    CHECK_THROWS_AS(eval("end()"), py::KeyError);
    CHECK(hook.seen().size() == 2);
  }
  SECTION("what the destructor of a captured object throws comes there by itself") {
    python().def("ends", [thrower = ThrowsAtEnd()] {});
    python().exec("del ends");
    CHECK(hook.seen() == std::vector<std::string>{"RuntimeError('at the end') in <class 'latepy.function'>"});
    python().def("ends", py::overload([thrower = ThrowsAtEnd()](int) {}, [thrower = ThrowsAtEnd()] {}));
    python().exec("del ends");
    CHECK(hook.seen().size() == 3);
  }
  SECTION("what a host function throws in __del__ comes there by Python") {
    python().def("fails", [] { throw std::out_of_range("del"); });
    python().exec("class Ends:\n  def __del__(self): fails()\nEnds()");
    REQUIRE(hook.seen().size() == 1);
    const char* const where =
        minor_version() >= 14 ? "None" : "<function Ends.__del__";  // 3.14 names it in the message
    CHECK_THAT(hook.seen()[0], ContainsSubstring(std::string("IndexError('del') in ") + where));
  }
  SECTION("on a thread of C++, which takes the GIL itself") {
    const auto error = thrown<py::PythonError>([] { python().exec("1/0"); });
    const py::GilRelease others;
    std::thread([&] { error.report(); }).join();
    const py::GilGuard gil;
    CHECK(hook.seen() == std::vector<std::string>{"ZeroDivisionError('division by zero') in None"});
  }
  SECTION("an error that C++ made") {
    py::ValueError("made").report();
    CHECK(hook.seen() == std::vector<std::string>{"ValueError('made') in None"});
  }
}

TEST_CASE("no error of Python is lost or left behind") {
  python().def("swallows", [] {
    try {
      python().exec("1/0");
    } catch (const py::ZeroDivisionError&) {
    }
    return 1;
  });
  CHECK(holds("swallows() == 1"));
  python().def("asks",
               [](py::Object x) { return x.is<int>() || x.try_as<std::vector<int>>() || x.has_attr("nothing"); });
  python().exec(
      "class Bad:\n  def __index__(self): raise OSError\n  def __iter__(self): raise OSError\n  def __getattr__(self, "
      "n): raise AttributeError(n)");
  CHECK(holds("asks(Bad()) is False"));
  // An overload that does not fit leaves nothing for the next; what the argument's own code raises ends the call.
  python().def("either",
               py::overload([](int) { return 1; }, [](std::vector<int>) { return 2; }, [](py::Object) { return 3; }));
  python().exec("class NoInt:\n  def __index__(self): raise TypeError('not now')\n  __iter__ = __index__");
  CHECK(holds("either(NoInt()) == 3"));
  CHECK_THROWS_AS(eval("either(Bad())"), py::OSError);
  CHECK(py::detail::api().Err_Occurred() == nullptr);
  // The C++ exception's destructor runs Python while another exception is on its way.
  struct Runs : std::runtime_error {
    using std::runtime_error::runtime_error;
    ~Runs() override { python().exec("ran = True"); }
  };
  python().def("throws", [] { throw Runs("runs"); });
  python().exec("ran = False\ndef replaced():\n  try: throws()\n  except RuntimeError: pass\n  raise KeyError('k')");
  CHECK(thrown<py::KeyError>([] { eval("replaced()"); }).message() == "'k'");
  python().exec(
      "def dropped():\n  try: throws()\n  except RuntimeError as e: kept = [e]\n  kept.append(kept)\n  del e_missing");
  CHECK_THROWS_AS(eval("dropped()"), py::NameError);
  CHECK(holds("ran"));
}

TEST_CASE("exceptions that cross leak nothing") {
  py::translate<DiskFull>(python().get("builtins.OSError"));
  python().def("full", [] { throw DiskFull("full"); });
  python().def("plain", [] { throw std::out_of_range("plain"); });
  python().def("own", [] { throw py::KeyError("own"); });
  python().def("layer", [](py::Object next) { next(); });
  python().exec(
      "def caught(f):\n  try: f()\n  except Exception as e: return str(e)\n"
      "def again(f):\n  try: f()\n  except Exception as e: raise\n");
  const py::Object caught = python()["caught"], again = python()["again"], layer = python()["layer"];
  for (const char* name : {"full", "plain", "own"}) {
    const py::Object f = python()[name];
    watched()[name] = f;
    CHECK_STEADY(caught(f));
    CHECK_STEADY(again.try_call(f));
    CHECK_STEADY(layer.try_call(f));
  }
  const py::Object full = python()["full"], own = python()["own"];
  CHECK_STEADY(thrown<DiskFull>([&] { again(full); }));
  CHECK_STEADY(thrown<py::KeyError>([&] { again(own); }));
  const auto error = thrown<py::PythonError>([] { python().exec("1/0"); });
  const Unraisable hook;
  CHECK_STEADY(error.report(); py::Object(python()["unraisable"]).call_method("clear"));
}
