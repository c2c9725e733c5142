// Tests of latepy/run/limits.hpp: Deadline and Interpreter::interrupt().
// SPDX-License-Identifier: MIT
#include "python.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

using namespace std::chrono_literals;
using py::Deadline;
using py::DeadlineError;
using py::Interrupted;

/// Runs code that does not end by itself.
std::string stopped(const char* code, const py::Object& globals) {
  const Deadline limit(20ms);
  try {
    python().exec(code, globals);
  } catch (const DeadlineError& error) {
    return error.message();
  }
  return "not stopped";
}

std::string stopped(const char* code) {
  python();
  return stopped(code, py::dict());
}

const std::string over = "the deadline of 20 ms is over";

/// Code that fights back. In 3.11 and 3.12 a loop that is the first statement of a `try` is outside of it when it is
/// stopped.
constexpr const char* fighters[] = {
    R"(
        while True:
            try:
                at = 1
                while True: pass
            except BaseException: pass
    )",
    R"(
        def again():
            try:
                at = 1
                while True: pass
            finally: again()
        again()
    )",
    R"(
        import time
        while True:
            try: time.sleep(0.001)
            except BaseException: pass
    )",
    R"(
        import contextlib
        while True:
            with contextlib.suppress(BaseException):
                at = 1
                while True: pass
    )",
    R"(
        import sys
        sys.unraisablehook = id  # "generator ignored GeneratorExit"
        def items():
            while True:
                try: yield 1
                except BaseException: pass
        try:
            while True:
                try:
                    for _ in items(): pass
                except BaseException: pass
        finally: sys.unraisablehook = sys.__unraisablehook__
    )",
    R"(
        class Stubborn:
            def __enter__(self): return self
            def __exit__(self, *_): return True
        while True:
            with Stubborn():
                at = 1
                while True: pass
    )"};

}  // namespace

TEST_CASE("a loop without an end is stopped by DeadlineError") {
  CHECK(stopped("while True: pass") == over);
  CHECK(stopped("[None for _ in iter(int, 1)]") == over);
  CHECK(stopped("def f():\n  try: f()\n  except RecursionError: pass\nwhile True: f()") == over);
  SECTION("in a function that C++ calls") {
    const py::Object forever = eval("lambda: [None for _ in iter(int, 1)]");
    const Deadline limit(20ms);
    CHECK_THROWS_AS(forever(), DeadlineError);
    CHECK(forever.try_call().error().is("DeadlineError"));
  }
}

TEST_CASE("DeadlineError is below BaseException, so that `except Exception` does not catch it") {
  CHECK(stopped("try:\n  while True: pass\nexcept Exception: pass") == over);
  try {
    const Deadline limit(1ms);
    python().exec("while True: pass");
  } catch (const py::BaseException& error) {
    CHECK(error.type_name() == "latepy.DeadlineError");
    CHECK(error.is("BaseException"));
    CHECK_FALSE(error.is("Exception"));
    CHECK(error.where() != "");
  }
}

TEST_CASE("the code may clean up before it is left") {
  const py::Object globals = (python(), py::dict());
  CHECK(stopped(R"(
      done = []
      class Context:
          def __enter__(self): pass
          def __exit__(self, kind, *_): done.append(kind.__name__)
      try:
          with Context():
              while True: pass
      finally:
          for i in range(1000): pass
          done.append('finally')
  )",
                globals) == over);
  CHECK(globals["done"].as<py::Object>() == eval("['DeadlineError', 'finally']"));
}

TEST_CASE("code that fights back is stopped all the same") {
  for (const char* code : fighters) {
    INFO(code);
    CHECK(stopped(code) == over);
    CHECK(eval("__import__('sys').gettrace()").is_none());
  }
}

TEST_CASE("the trace function of a debugger is put back") {
  python().exec(R"(
      import sys
      def tracer(frame, what, argument): return None
      sys.settrace(tracer)
  )");
  CHECK(stopped(fighters[0]) == over);
  CHECK(python().eval<bool>("sys.gettrace() is tracer"));
  python().exec("sys.settrace(None)");
}

TEST_CASE("what is blocked in C is stopped when that returns, and blocked() tells") {
  python().exec("import time");
  const Deadline limit(200ms);  // so that the code is in sleep() then
  CHECK_THROWS_AS(python().exec("time.sleep(1)\nwhile True: pass"), DeadlineError);
  CHECK(limit.blocked());
  const Deadline enough(1h);
  CHECK_FALSE(enough.blocked());
}

TEST_CASE("code that is blocked in C with the GIL is blocked too") {
  const py::Object globals = (python(), py::dict());
  const Deadline limit(200ms);  // so that the code is in sum() then
  CHECK_THROWS_AS(python().exec("sum(range(10 ** 8))\nwhile True: pass", globals), DeadlineError);
  CHECK(limit.blocked());
}

TEST_CASE("a script cannot keep the trace function away by functions of sys") {
  for (const char* name : {"gettrace", "settrace"}) {
    const py::Object sys = eval("__import__('sys')"), original = sys.attr(name);
    sys.attr(name) = py::none();
    CHECK(stopped(fighters[0]) == over);
    sys.attr(name) = original;
    CHECK(eval("__import__('sys').gettrace()").is_none());
  }
}

TEST_CASE("a limit that is over stops all that the thread runs in its scope") {
  const Deadline limit(1ms);
  CHECK_THROWS_AS(python().exec("while True: pass"), DeadlineError);
  CHECK_THROWS_AS(python().exec("while True: pass"), DeadlineError);
}

TEST_CASE("a limit of no time stops too") {
  for (const auto limit : {0ms, -1ms}) {
    const Deadline none(limit);
    CHECK_THROWS_AS(python().exec("while True: pass"), DeadlineError);
  }
}

TEST_CASE("nothing is stopped after the scope, however late the limit was over") {
  python();
  int stopped = 0;
  for (int round = 0; round < 300; ++round) {
    try {
      const Deadline limit(std::chrono::microseconds(round * 10));
      python().exec(round % 10 == 0 ? "while True: pass" : "for i in range(20000): pass");
    } catch (const DeadlineError&) {
      ++stopped;
    }
    python().exec("for i in range(1000): pass");
  }
  CHECK(stopped >= 30);
  CHECK(stopped < 300);
}

TEST_CASE("of nested limits the earliest stops") {
  SECTION("the inner one") {
    const Deadline outer(1h);
    CHECK(stopped("while True: pass") == over);
    python().exec("for i in range(1000): pass");
  }
  SECTION("the outer one, also while the inner one is left") {
    for (const auto of_inner : {20ms, 19ms, 21ms, 5000ms}) {
      const Deadline outer(20ms);
      try {
        const Deadline inner(of_inner);
        python().exec("while True: pass");
        FAIL("not stopped");
      } catch (const DeadlineError&) {
      }
      CHECK_THROWS_WITH(python().exec("while True: pass"), Catch::Matchers::ContainsSubstring(over));
    }
  }
  SECTION("the others wait while the code cleans up") {
    for (bool begun = false; !begun;) {  // else the limit was over before the code began
      python().exec("begun = done = False");
      const Deadline outer(25ms);
      {
        const Deadline inner(20ms);
        CHECK_THROWS_WITH(python().exec("import time"
                                        "\ntry:"
                                        "\n    begun = True"
                                        "\n    while True: pass"
                                        "\nfinally:"
                                        "\n    end = time.perf_counter() + 0.07"
                                        "\n    while time.perf_counter() < end: pass"
                                        "\n    done = True"),
                          Catch::Matchers::ContainsSubstring(over));
      }
      begun = python()["begun"].as<bool>();
      CHECK(python()["done"].as<bool>() == begun);
      CHECK_THROWS_WITH(python().exec("while True: pass"), Catch::Matchers::ContainsSubstring("of 25 ms"));
    }
  }
  SECTION("inside a call from Python") {
    python().def("limited", [] {
      const Deadline inner(1ms);
      python().exec("while True: pass");
    });
    const Deadline outer(1h);
    python().exec(R"(
        try: limited()
        except BaseException as error: caught = type(error).__name__
        for i in range(1000): pass
    )");
    CHECK(python()["caught"].as<std::string>() == "DeadlineError");
  }
}

TEST_CASE("a limit is that of its thread") {
  python();
  const py::GilRelease release;
  std::thread other([] {
    const py::GilGuard gil;
    CHECK(stopped("while True: pass") == over);
  });
  {
    const Deadline enough(1h);
    CHECK(python().eval<int>("sum(1 for _ in range(100000))") == 100000);
  }
  other.join();
}

TEST_CASE("a host function may throw DeadlineError itself") {
  python().def("throws", [] { throw DeadlineError("my own"); });
  CHECK(python().try_exec("throws()").error().message() == "my own");
  const py::Object kind = py::DeadlineError("x").value().attr("__class__");
  CHECK(kind.attr("__name__").as<std::string>() == "DeadlineError");
  CHECK(kind.attr("__module__").as<std::string>() == "latepy");
  CHECK(kind("by hand").attr("args")[0].as<std::string>() == "by hand");
}

TEST_CASE("a limit in seconds has the nearest number of milliseconds") {
  python();
  const Deadline limit(std::chrono::duration<double>(0.57));
  CHECK_THROWS_WITH(python().exec("while True: pass"), Catch::Matchers::ContainsSubstring("of 570 ms"));
}

TEST_CASE("limits keep no references") {
  CHECK(drift([] { const Deadline limit(1h); }) == "");
}

/// Another thread can import a module.
void check_other_imports() {
  python().exec(R"(
      import _thread, threading
      def load():
          try: import latepy_import_test
          except ModuleNotFoundError: is_over.set()
      is_over = threading.Event()
      _thread.start_new_thread(load, ())
      assert is_over.wait(60))");
}

TEST_CASE("an import that is stopped keeps no lock from other threads") {
  // CPython leaves these locked if the exception arrives in importlib just after it has taken them, and half released
  // if it arrives while it releases them.
  const std::string step = GENERATE("_imp.acquire_lock()", "lock.acquire()", "lock.acquire(); lock.lock.acquire()",
                                    "lock.lock.acquire()", "half.count = type(half.count)(); lock.acquire()");
  CAPTURE(step);
  const std::string code =
      "import _frozen_importlib, _imp, sys"
      "\nlock, half = map(_frozen_importlib._get_module_lock, ('latepy_import_test', 'latepy_other_test'))"
      "\nhalf.acquire()"
      "\nsys.kept_locks = lock, half\n" +
      step + "\nwhile True: pass";
  CHECK(stopped(code.c_str()) == over);
  check_other_imports();
}

TEST_CASE("code that is stopped inside a call from Python keeps no lock of importlib") {
  python().def("limited", [] { CHECK(stopped("import _imp\n_imp.acquire_lock()\nwhile True: pass") == over); });
  python().exec("limited()");
  check_other_imports();
}

TEST_CASE("an import around the code that is stopped keeps its lock") {
  python().def("limited", [] { CHECK(stopped("while True: pass") == over); });
  python().exec(R"(
      import _frozen_importlib, sys
      from importlib.machinery import ModuleSpec
      class Loader:
          def create_module(self, spec): return None
          def exec_module(self, module):
              limited()
              module.is_locked = _frozen_importlib._module_locks['latepy_outer_test']().owner is not None
      class Finder:
          def find_spec(name, path=None, target=None):
              if name == 'latepy_outer_test': return ModuleSpec(name, Loader())
      sys.meta_path.append(Finder)
      import latepy_outer_test
      sys.meta_path.remove(Finder)
      assert latepy_outer_test.is_locked)");
}

TEST_CASE("interrupt() stops the code that runs", "[interrupt]") {
  python();
  REQUIRE((Deadline(1h), python().interrupt()));
  const py::GilRelease release;
  for (const char* code : {"while True: running()", fighters[0], fighters[2]}) {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_running = false;
    std::thread other([&] {
      const py::GilGuard gil;
      python().def("running", [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        is_running = true;
        changed.notify_one();
      });
      CHECK_THROWS_AS(python().exec("running()\n" + py::detail::dedent(code)), Interrupted);
      python().exec("for i in range(1000): pass");
      CHECK(eval("__import__('sys').gettrace()").is_none());
    });
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return is_running; });
    }
    CHECK(python().interrupt());
    other.join();
  }
}

TEST_CASE("interrupt() stops a call of an Object, and not the next one", "[interrupt]") {
  const Deadline enough(1h);
  python().def("interrupt", [] { python().interrupt(); });
  const py::Object forever = eval("lambda: (interrupt(), [None for _ in iter(int, 1)])");
  python().exec(R"(
      import time
      def finite():
          end = time.perf_counter() + 0.25
          while time.perf_counter() < end: pass
  )");
  const py::Object finite = python()["finite"];
  for (int round = 0; round < 2; ++round) {
    CHECK_THROWS_AS(forever(), Interrupted);
    CHECK_NOTHROW(finite());
    CHECK(eval("__import__('sys').gettrace()").is_none());
  }
}

TEST_CASE("interrupt() stops a call of an Object on any C++ thread", "[interrupt]") {
  const Deadline enough(1h);
  python().def("interrupt", [] { python().interrupt(); });
  const py::Object forever = eval("lambda: (interrupt(), [None for _ in iter(int, 1)])");
  const py::GilRelease release;
  std::thread([&] {
    const py::GilGuard gil;
    CHECK_THROWS_AS(forever(), Interrupted);
  }).join();
}

TEST_CASE("interrupt() does nothing when no code runs", "[interrupt]") {
  const Deadline enough(1h);
  for (int round = 0; round < 50; ++round) {
    python().interrupt();
    CHECK(python().eval<int>("sum(1 for _ in range(10000))") == 10000);
  }
}

TEST_CASE("interrupt() leaves the threads of Python alone", "[interrupt]") {
  const Deadline enough(1h);
  python().def("interrupt", [] { python().interrupt(); });
  python().exec(R"(
      import threading
      ends = threading.Event()
      ended = []
      def work():
          while not ends.is_set(): pass
          ended.append(True)
      thread = threading.Thread(target=work)
      thread.start()
      import _thread
      ended_too = _thread.allocate_lock()
      ended_too.acquire()
      def work_too():
          while not ends.is_set(): pass
          ended.append(True)
          ended_too.release()
      _thread.start_new_thread(work_too, ())
  )");
  CHECK_THROWS_AS(python().exec("interrupt()\nwhile True: pass"), Interrupted);
  python().exec("ends.set(); thread.join(); ended_too.acquire(timeout=60)");
  CHECK(python().eval<bool>("ended == [True, True]"));
}
