// tests/whole_memory_test.cpp: memory is short: MemoryError in the script, std::bad_alloc in the host, nothing broken.
// SPDX-License-Identifier: MIT
#include <latepy/run/promise.hpp>
#include <latepy/stl/array.hpp>
#include <latepy/stl/filesystem.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include <thread>

#include "python.hpp"
#include "short_memory.hpp"

namespace {

/// with_short_memory() for CPython's memory, or that of C++. What allocates nothing there is right.
template <class F>
void with_short_memory_of(MemoryOf owner, F&& body) {
  const std::string problem = with_short_memory(body, owner);
  if (problem != "nothing was allocated") CHECK(problem == "");
}
template <class F>
void with_short_memory_of_python(F&& body) {
  with_short_memory_of(MemoryOf::python, body);
}

const char long_text[] = "a text that is too long to lie inside of a std::string";

struct Closed {
  virtual ~Closed() = default;
  virtual int value() const = 0;
};
struct ScriptedClosed : py::Trampoline<Closed> {
  int value() const override { return override_pure<int>("value"); }
};
struct Hidden {};

void classes() {
  static const bool made = [] {
    py::Module module = python().module("short");
    module.add_class<Closed, ScriptedClosed>("ClosedClassWithALongName").init<>().def("value", &Closed::value);
    module.add_class<Hidden>("HiddenClassWithALongName");
    python().exec("import short");
    return true;
  }();
  static_cast<void>(made);
}

}  // namespace

TEST_CASE("a script gets MemoryError for an argument that there is no memory for") {
  python().def("text", [](const std::string& text) { return text.size(); });
  python().def("wide", [](const std::u16string& text) { return text.size(); });
  python().def("bytes", [](const py::Bytes& bytes) { return bytes.size(); });
  python().def("texts", [](const std::vector<std::string>& texts) { return texts.size(); });
  python().def("path", [](const std::filesystem::path& path) { return path.native().size(); });
  python().def("maybe", [](std::optional<std::string> text) { return text.value().size(); });
  python().def("either", [](std::variant<int, std::string, std::vector<int>> value) { return value.index(); });
  python().def("both", [](std::tuple<std::string, std::set<int>> both) { return std::get<0>(both).size(); });
  python().def("three", [](std::array<std::string, 3> texts) { return texts[0].size(); });
  python().def("map", [](std::map<std::string, std::vector<int>> map) { return map.size(); });
  python().def("callback", [](std::function<int(int)> call) { return call(7); });
  python().exec("long = '" + std::string(long_text) +
                "'\n"
                "def attempt(f, x):\n"
                "  try: return f(x)\n"
                "  except MemoryError: return 'MemoryError'");
  const py::Object attempt = python()["attempt"];
  const std::pair<const char*, const char*> calls[] = {
      {"text", "long"},           {"wide", "long"},        {"bytes", "long.encode()"}, {"texts", "[long] * 3"},
      {"path", "long"},           {"maybe", "long"},       {"either", "long"},         {"either", "[1] * 9"},
      {"both", "(long, {1, 2})"}, {"three", "[long] * 3"}, {"map", "{long: [1] * 9}"}, {"callback", "lambda x: x"}};
  for (const auto& [name, argument] : calls) {
    INFO(name << '(' << argument << ')');
    const py::Object function = python()[name], value = eval(argument);
    const int right = function.call<int>(value);
    CHECK(with_short_memory([&] { return function.call<int>(value) == right; }) == "");
    with_short_memory_of_python([&] { return function.call<int>(value) == right; });

    shortage = {0, false, false};
    const py::Object seen = attempt(function, value);
    shortage.left = -1;
    CHECK((seen.is<std::string>() ? seen.as<std::string>() == "MemoryError" : seen.as<int>() == right));
  }
}

TEST_CASE("a call that fits no overload raises MemoryError if there is no memory for the text of the TypeError") {
  python().def("one", [](int number) { return number; });
  python().def("two", py::overload([](int number) { return number; }, [](const std::string&) { return 2; }));
  for (const char* const name : {"one", "two"}) {
    const py::Object function = python()[name], value = eval("[1.5, 'a rather long text in a list']");
    CHECK(with_short_memory([&] {
            try {
              function(value);
            } catch (const py::TypeError&) {
              return true;
            }
            return false;
          }) == "");
  }
}

TEST_CASE("as, try_as and is throw for want of memory, and do not say that the object has another type") {
  const py::Object text = eval("'" + std::string(long_text) + "'"), texts = eval("['" + std::string(long_text) + "']");
  CHECK(with_short_memory([&] { return text.as<std::string>().size() > 50; }) == "");
  CHECK(with_short_memory([&] { return text.try_as<std::string>().has_value(); }) == "");
  CHECK(with_short_memory([&] { return text.is<std::string>(); }) == "");
  CHECK(with_short_memory([&] { return texts.try_as<std::vector<std::string>>().has_value(); }) == "");
  CHECK(with_short_memory([&] { return texts.is<std::vector<std::string>>(); }) == "");
  CHECK(with_short_memory([&] { return text.try_as<std::variant<int, std::string>>().has_value(); }) == "");
}

TEST_CASE("try_as passes MemoryError of Python on") {
  const py::Object exhausted = eval("type('Exhausted', (), {'__index__': lambda self: bytearray(1 << 62) and 1})()");
  CHECK_THROWS_AS(exhausted.try_as<int>(), py::MemoryError);
  CHECK_THROWS_AS(exhausted.is<long long>(), py::MemoryError);
}

TEST_CASE(
    "objects of bound classes are made, called and overridden where CPython has no memory, or MemoryError is raised") {
  classes();
  python().def("fails", [](int number) -> int { throw std::out_of_range(std::to_string(number)); });
  python().exec(
      "class Seven(short.ClosedClassWithALongName):\n"
      "  def value(self): return int(str(7))\n"
      "seven = Seven()");
  const py::Object make = python()["Seven"], seven = python()["seven"], fails = python()["fails"];
  const Closed& closed = seven.as<Closed&>();
  with_short_memory_of_python([&] { return make().call_method("value").as<int>() == 7; });
  with_short_memory_of_python([&] { return closed.value() == 7; });
  with_short_memory_of_python([&] { return seven.attr("value")().as<int>() == 7; });
  with_short_memory_of_python([&] {
    try {
      fails(1);
    } catch (const std::out_of_range&) {
      return true;
    } catch (const py::IndexError&) {  // without the C++ exception
      return true;
    }
    return false;
  });
  with_short_memory_of_python([&] {
    const auto result = python().try_eval<int>("1 / 0");
    return !result && (result.error().is("ZeroDivisionError") || result.error().is("MemoryError"));
  });
  with_short_memory_of_python([&] {
    try {
      python().eval<Closed*>("Seven()");
    } catch (const py::ConversionError&) {
      return true;
    }
    return false;
  });
}

TEST_CASE("a MemoryError that CPython keeps does not carry the C++ exception that it could not raise") {
  python().def("fails", [](int number) -> int { throw std::out_of_range(std::to_string(number)); });
  python().exec(R"(
      kept = []
      for each in range(20):  # CPython has 16 MemoryErrors, and then one for all
          try: bytearray(1 << 62)
          except MemoryError as error: kept.append(error)
  )");
  const py::Object fails = python()["fails"];
  ask_for_python();
  for (long at = 0; at < 40; ++at) {
    shortage = {at, true, false, MemoryOf::python, 3};
    try {
      fails(1);
    } catch (const std::exception&) {
    }
    shortage.left = -1;
  }
  CHECK_THROWS_AS(eval("bytearray(1 << 62)"), py::MemoryError);
  python().exec("kept.clear()");
}

TEST_CASE("running code throws for want of memory, and can be tried again") {
  CHECK(with_short_memory([] { return python().eval<int>("len(' a text that is not kept ' * 3)") > 9; }) == "");
  CHECK(with_short_memory([] {
          python().exec("a_long_name_of_a_global = 'and a text' * 3\n" + std::string(2000, ' '));
          return python()["a_long_name_of_a_global"].as<std::string>().size() == 30;
        }) == "");
  CHECK(with_short_memory([] {
          const auto result = python().try_eval<std::string>("'a text that is longer than most' + 5");
          return !result && result.error().is("TypeError");
        }) == "");
}

TEST_CASE("what a script does with classes of the host raises MemoryError at worst") {
  classes();
  python().exec(
      "import abc, short\n"
      "class Abstract(short.HiddenClassWithALongName, metaclass=abc.ABCMeta):\n"
      "  @abc.abstractmethod\n"
      "  def to_be_defined(self): pass\n"
      "class Open(short.ClosedClassWithALongName):\n"
      "  def value(self): return 7\n"
      "def open(): return Open().value()\n"
      "def refused(make):\n"
      "  try: make()\n"
      "  except TypeError: return True");
  const py::Object open = python()["open"], refused = python()["refused"];
  CHECK(open.call<int>() == 7);
  const auto is_refused = [&](const char* expression) {
    const py::Object make = eval(expression);
    return with_short_memory([&] { return refused(make).is<bool>(); });
  };
  CHECK(is_refused("short.HiddenClassWithALongName") == "");
  CHECK(is_refused("Abstract") == "");
}

TEST_CASE("the text of an error that was not thrown is empty where there is no memory, and is read by the next use") {
  const py::PythonError error = python().try_eval("1 / 0").error();
  shortage = {0, true, false};
  const bool is_empty = *error.what() == '\0';
  shortage.left = -1;
  CHECK(is_empty);
  CHECK(std::string(error.what()).find("ZeroDivisionError: division by zero") == 0);
}

TEST_CASE("an object is shared with C++, and a function shows itself, or there is no memory for it") {
  classes();
  python().exec("class Shared(short.ClosedClassWithALongName):\n  def value(self): return 7");
  python().def("a_function_with_a_long_name", py::overload([](int) {}, [](std::string) {}), "What it does.");
  const py::Object make = python()["Shared"], function = python()["a_function_with_a_long_name"];
  CHECK(with_short_memory([&] { return make().as<std::shared_ptr<Closed>>()->value() == 7; }) == "");
  CHECK(with_short_memory([&] { return py::len(function.attr("__doc__")) > 29; }) == "");
  CHECK(with_short_memory(
            [&] { return py::repr(function).find("a_function_with_a_long_name") != std::string::npos; }) == "");
}

TEST_CASE("a capture that ends without memory restores the stream") {
  python().exec("import sys");
  const py::Object before = eval("sys.stdout");
  for (const bool goes_on : {false, true}) {
    std::optional<py::CaptureOutput> capture(std::in_place);
    python().exec("print('captured \\u20ac', end='')");
    CHECK_FALSE(eval("sys.stdout").same(before));
    shortage = {0, goes_on, false};
    capture.reset();
    shortage.left = -1;
    CHECK(eval("sys.stdout").same(before));
  }
}

TEST_CASE("a sub-interpreter is made, used and ended where there is no memory, or says so") {
  // CPython itself does not survive that it has no memory while it makes an interpreter: see what nothing survives.
  for (const bool own_gil : {true, false}) {
    INFO("own_gil: " << own_gil);
    py::SubConfig config;
    config.own_gil = own_gil;
    CHECK(with_short_memory([&] { return py::SubInterpreter(config).eval<int>("1 + 1") == 2; }) == "");

    py::SubInterpreter sub(config);
    sub.def("add", [](int a, int b) { return a + b; });
    sub.def("fails", [](int number) -> int { throw std::out_of_range(std::to_string(number)); });
    sub.exec("def count(*args, **kwargs): return len(args) + len(kwargs)");
    const py::Object count = sub["count"];
    const auto in_short_memory = [](auto body) {
      with_short_memory_of(MemoryOf::cpp, body);
      with_short_memory_of_python(body);
    };
    in_short_memory([&] { return sub.eval<int>("len(str(add(3, 4)) + ' a text that is not kept')") > 9; });
    in_short_memory([&] {
      sub.exec("a_long_name_of_a_global = 'and a text' * 3\n" + std::string(2000, ' '));
      return sub["a_long_name_of_a_global"].as<std::string>().size() == 30;
    });
    in_short_memory([&] {
      try {
        sub.eval("fails(1)");
      } catch (const std::out_of_range&) {
        return true;
      } catch (const py::IndexError&) {  // without the C++ exception
        return true;
      }
      return false;
    });
    in_short_memory([&] {
      const py::GilGuard gil(sub);
      return count.call<int>(1, std::string(long_text), py::arg("named") = std::string(long_text)) == 3;
    });
    in_short_memory([&] {
      sub.def("later", [](int a) { return a; });
      return sub.eval<int>("later(4)") == 4;
    });
    in_short_memory([&] {  // the refusal
      try {
        python()["foreign"] = count;
      } catch (const py::StateError&) {
        return true;
      }
      return false;
    });
    in_short_memory([&] {  // a thread that is new to both interpreters
      bool is_right = false;
      Shortage of_thread = shortage;
      shortage.left = -1;
      std::exception_ptr problem;
      const py::GilRelease release;
      std::thread([&] {
        shortage = of_thread;
        try {
          is_right = sub.eval<int>("add(1, 2)") == 3;
        } catch (...) {
          problem = std::current_exception();
        }
        of_thread = shortage;
        shortage.left = -1;
      }).join();
      shortage.has_failed = of_thread.has_failed;
      if (problem) std::rethrow_exception(problem);
      return is_right;
    });
  }
}

TEST_CASE("a sub-interpreter ends without memory") {
  for (const bool goes_on : {false, true}) {
    for (const long at : {0, 1, 2, 5, 13, 34}) {
      std::optional<py::SubInterpreter> sub(std::in_place);
      sub->exec("import threading; thread = threading.Thread(target=int); thread.start(); thread.join()");
      shortage = {at, goes_on, false, MemoryOf::cpp};
      sub.reset();
      shortage.left = -1;
    }
  }
  CHECK(python().eval<int>("1 + 1") == 2);
}

TEST_CASE("a Promise whose value there was no memory for can be awaited again") {
  ask_for_python();
  py::Promise<int> promise;
  py::Module module = python().module("short_promise");
  module.def("get", [&] { return promise; });
  module.def("renew", [&] {
    promise = py::Promise<int>();
    promise.set_value(7);
  });
  module.def("begin", [](long left) { shortage = {left, true, false, MemoryOf::python}; });
  module.def("end", [] { return std::exchange(shortage, Shortage()).has_failed; });
  python().exec(R"(
      import asyncio, short_promise, sys
      async def await_twice(left):
          short_promise.renew()
          short_promise.begin(left)
          try: await short_promise.get()
          except (MemoryError, asyncio.CancelledError): pass
          finally: is_short = short_promise.end()
          try: assert await asyncio.wait_for(short_promise.get(), 10) == 7
          except (MemoryError, asyncio.CancelledError): assert is_short
          return is_short
      async def await_all():
          asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
          left = 0
          while await await_twice(left): left += 1
          assert left > 5
      hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
      try: asyncio.run(await_all())
      finally: sys.unraisablehook = hook
  )");
}
