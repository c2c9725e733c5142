// Tests of latepy/run/subinterpreter.hpp: several interpreters in one process, their threads, and how they end.
// SPDX-License-Identifier: MIT
#include "c_api.hpp"
#include "temporary_folder.hpp"

#ifndef _WIN32
#include <latepy/stl/function.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/vector.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#ifdef __linux__
#include <stdio_ext.h>
#endif

#include <cfenv>
#include <clocale>
#include <fstream>
#include <thread>

using py::GilGuard;
using py::GilRelease;
using py::Object;
using py::PythonError;
using py::StateError;
using py::SubConfig;
using py::SubInterpreter;

namespace {

int minor_version() { return latepy::detail::library_state.version.minor; }
bool can_have_own_gil() { return minor_version() >= 12; }

/// Runs it on a thread that no Python has seen, and throws here what it throws. Meanwhile nobody holds the GIL.
template <class F>
void on_thread(F function) {
  std::exception_ptr thrown;
  {
    const GilRelease others;
    std::thread([&] {
      try {
        function();
      } catch (...) {
        thrown = std::current_exception();
      }
    }).join();
  }
  if (thrown) std::rethrow_exception(thrown);
}
/// The same on several threads at once; each gets its number.
template <class F>
void on_threads(int count, F function) {
  std::vector<std::exception_ptr> thrown(std::size_t(count), nullptr);
  {
    const GilRelease others;
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        try {
          function(i);
        } catch (...) {
          thrown[std::size_t(i)] = std::current_exception();
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  for (const std::exception_ptr& each : thrown)
    if (each) std::rethrow_exception(each);
}

/// How many interpreters there are, in all.
int interpreters() {
  const latepy::detail::Api& api = latepy::detail::api();
  int count = 0;
  for (PyInterpreterState* each = api.InterpreterState_Head(); each; each = api.InterpreterState_Next(each)) ++count;
  return count;
}

py::Config with_warnings(std::vector<std::string>& warnings) {
  py::Config config;
  config.on_warning = [&warnings](const std::string& text) { warnings.push_back(text); };
  return config;
}
py::Config released() {
  py::Config config;
  config.release_gil = true;
  return config;
}
SubConfig with_shared_gil() {
  SubConfig config;
  config.own_gil = false;
  return config;
}

/// As an interpreter was before 3.12: it shares the GIL, and takes extension modules that know one interpreter. A
/// free-threaded Python has none that takes these.
SubConfig with_all_shared() {
  SubConfig config = with_shared_gil();
  config.check_extensions = is_free_threaded();
  return config;
}

/// Forks. \returns what the child exits with: 0 if `work` gives true there.
template <class F>
int fork_and(F&& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    bool is_good = false;
    try {
      is_good = work();
    } catch (const std::exception& error) {
      std::printf("in the child: %s\n", error.what());
    }
    _exit(is_good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// The memory of the process in KiB that no file backs.
long private_memory() {
  long all = 0, resident = 0, shared = 0;
  std::ifstream("/proc/self/statm") >> all >> resident >> shared;
  return (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

struct Point {
  int x = 3;
};
struct OnlyMoved {
  explicit OnlyMoved(int value) : x(value) {}
  OnlyMoved(OnlyMoved&&) = default;
  OnlyMoved& operator=(OnlyMoved&&) = default;
  int x;
};

/// The StateError of a use in another interpreter than the object's.
#define EXPECT_FOREIGN(...) EXPECT(has(EXPECT_THROWN(StateError, __VA_ARGS__).what(), "of another Python interpreter"))

}  // namespace

TEST_CASE("a SubInterpreter is one more Python, with modules and a __main__ of its own") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    sub.exec("x = 5");
    sub["y"] = 7;
    EXPECT(sub.eval<int>("x + y") == 12);
    EXPECT(sub["x"].as<int>() == 5);
    EXPECT(sub.call<int>("builtins", "len", std::vector<int>{1, 2}) == 2);
    EXPECT(EXPECT_THROWN(py::NameError, python.eval("x")).message() == "name 'x' is not defined");
    sub.exec("import sys, json; sys.mark = json.mark = 1");
    EXPECT(!python.eval<bool>("hasattr(__import__('sys'), 'mark') or hasattr(__import__('json'), 'mark')"));
    EXPECT(sub.eval<std::string>("__name__") == "__main__");
    EXPECT(sub.eval<bool>("sys.modules['__main__'].__dict__ is globals()"));
    EXPECT(!sub.try_eval<int>("nothing"));
    EXPECT(python.eval<int>("6 * 7") == 42);
    EXPECT(python.stop());
  });
}

TEST_CASE("a SubInterpreter says whether it has its own GIL, and CPython's number of it") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter own;
    SubInterpreter shared(with_shared_gil());
    SubConfig unchecked;
    unchecked.check_extensions = python.is_free_threaded();
    if (python.is_free_threaded()) unchecked.own_gil = false;
    SubInterpreter also_shared(unchecked);
    EXPECT(own.is_own_gil() == can_have_own_gil());
    EXPECT(!shared.is_own_gil() && !also_shared.is_own_gil());
    EXPECT(own.id() > 0 && shared.id() > own.id() && also_shared.id() > shared.id());
    const std::string own_id =
        "(lambda m: (lambda i: int(i[0] if isinstance(i, tuple) else i))(m.get_current()))(__import__("
        "'_interpreters' if __import__('sys').version_info >= (3, 13) else '_xxsubinterpreters'))";
    EXPECT(shared.eval<int>(own_id) == shared.id());
  });
}

TEST_CASE("without a Python that runs a SubInterpreter is refused, and each use after the stop") {
  in_child([] {
    EXPECT_THROWN(StateError, SubInterpreter none);
    std::optional<SubInterpreter> sub;
    {
      py::Interpreter python;
      sub.emplace();
      sub->exec("x = 1");
      EXPECT(python.stop());
      EXPECT_THROWN(StateError, SubInterpreter none);
    }
    EXPECT_THROWN(StateError, sub->exec("x"));
    EXPECT_THROWN(StateError, GilGuard gil(*sub));
    sub.reset();  // the stop has ended it
  });
}

TEST_CASE("options that cannot be are refused") {
  in_child([] {
    py::Interpreter python;
    SubConfig config;
    config.check_extensions = false;
    config.own_gil = true;
    if (can_have_own_gil()) {
      const std::string what = EXPECT_THROWN(py::StartError, SubInterpreter none(config)).what();
      EXPECT(has(what, "SubConfig::check_extensions") && has(what, "SubConfig::own_gil"));
    } else {
      EXPECT(SubInterpreter(config).eval<int>("1") == 1);  // all share a GIL
    }
    EXPECT(interpreters() == 1);
    EXPECT(python.eval<int>("1") == 1);
  });
}

TEST_CASE("a free-threaded Python refuses check_extensions = false") {
  if (!is_free_threaded()) SKIP("this Python has a GIL");
  in_child([] {
    py::Interpreter python;
    for (SubConfig config : {SubConfig(), with_shared_gil()}) {
      config.check_extensions = false;
      EXPECT(EXPECT_THROWN(py::StartError, SubInterpreter none(config)).what() ==
             std::string("cannot make a SubInterpreter: this Python has no GIL, and always checks extension modules. "
                         "Leave SubConfig::check_extensions at true"));
    }
    EXPECT(interpreters() == 1);
    EXPECT(SubInterpreter(with_shared_gil()).eval<int>("1") == 1);
  });
}

TEST_CASE("what extra_modules throw comes out of the constructor, and no interpreter is left") {
  in_child([] {
    py::Interpreter python;
    SubConfig config;
    config.extra_modules.emplace_back("good", [](py::Module& module) { module.constant("k", 8); });
    {
      SubInterpreter sub(config);
      EXPECT(sub.eval<int>("__import__('good').k") == 8);
      EXPECT_THROWN(py::ModuleNotFoundError, python.exec("import good"));
    }
    config.extra_modules.emplace_back("bad", [](py::Module&) { throw std::runtime_error("no"); });
    EXPECT(EXPECT_THROWN(std::runtime_error, SubInterpreter none(config)).what() == std::string("no"));
    config.extra_modules.back().second = [](py::Module& module) { module.attr("no_such_name").as<int>(); };
    EXPECT(EXPECT_THROWN(PythonError, SubInterpreter none(config)).is("AttributeError"));
    EXPECT(interpreters() == 1);
    EXPECT(python.eval<int>("1") == 1 && python.stop());
  });
}

TEST_CASE("paths of a SubConfig stand first on its sys.path alone, and one that is missing is told") {
  in_child([] {
    std::vector<std::string> warnings;
    py::Interpreter python(with_warnings(warnings));
    SubConfig config;
    config.paths = {LATEPY_TEST_SOURCES, "/no/such folder"};
    SubInterpreter sub(config);
    EXPECT(sub.eval<std::string>("__import__('sys').path[0]") == LATEPY_TEST_SOURCES);
    EXPECT(!python.eval<bool>("'" LATEPY_TEST_SOURCES "' in __import__('sys').path"));
    EXPECT(warnings.size() == 1 && has(warnings[0], "SubConfig::paths") && has(warnings[0], "/no/such folder"));
  });
}

TEST_CASE("each interpreter has streams of its own", "[streams]") {
  in_child([] {
    std::string from_main, from_sub, errors;
    py::Config config;
    config.on_stdout = [&](std::string_view text) { from_main += text; };
    py::Interpreter python(config);
    {
      SubConfig sub_config;
      sub_config.on_stdout = [&](std::string_view text) { from_sub += text; };
      sub_config.on_stderr = [&](std::string_view text) { errors += text; };
      sub_config.on_stdin = [] { return std::optional<std::string>("line\n"); };
      SubInterpreter sub(sub_config);
      EXPECT(sub.eval<std::string>("input()") == "line");
      sub.exec("import sys\nprint('sub')\nprint('error', file=sys.stderr)");
      python.exec("print('main')");
      EXPECT(from_sub == "sub\n" && errors == "error\n" && from_main == "main\n");
      {
        const py::CaptureOutput outer;
        {
          const GilGuard gil(sub);
          const py::CaptureOutput inner;
          sub.exec("print('captured')");
          EXPECT(inner.out() == "captured\n");
        }
        EXPECT(outer.out().empty());
      }
      sub.exec("import atexit\natexit.register(print, 'bye')");
      from_sub.clear();
    }
    EXPECT(from_sub == "bye\n");  // its end runs atexit, and tells the output
    EXPECT(from_main == "main\n");
  });
}

TEST_CASE("all members of a Scope work in a SubInterpreter") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    {
      const Object result = sub.run_string("a = 5\na * 2");
      const GilGuard gil(sub);
      EXPECT(result.as<int>() == 10);
      py::Code code = sub.compile("a + 1", py::Mode::eval);
      EXPECT(sub.eval<int>("a + 1") == 6);
    }
    const TemporaryFolder folder;
    std::ofstream(folder.path + "/file.py") << "b = __name__";
    { const Object ran = sub.run_file(folder.path + "/file.py"); }
    sub.module_from_string("of_text", "x = 7");
    EXPECT(sub.eval<int>("__import__('of_text').x") == 7);
    EXPECT(sub.get("math.pi").is_alive());
    sub.module("host").def("f", [] { return 1; });
    EXPECT(sub.eval<int>("__import__('host').f()") == 1);
    sub.lazy_module("late", [](py::Module& module) { module.def("one", [] { return 1; }); });
    EXPECT(sub.eval<int>("__import__('late').one()") == 1);
    EXPECT_THROWN(py::ModuleNotFoundError, python.exec("import host"));
    EXPECT_THROWN(py::ModuleNotFoundError, python.exec("import late"));
    {
      const GilGuard gil(sub);
      EXPECT(has(py::stub(sub.module("late")), "def one() -> int"));
    }
    sub.exec("left = 1");
    python.exec("left = 2");
    sub.reset();
    EXPECT(!sub.try_eval("left"));
    EXPECT(python.eval<int>("left") == 2);
    EXPECT(sub.eval<int>("__import__('host').f()") == 1);
    python.reset();
    EXPECT(sub.eval<int>("6 * 7") == 42);
  });
}

TEST_CASE("errors of a SubInterpreter are as those of the Interpreter", "[errors]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    const auto error = EXPECT_THROWN(py::ZeroDivisionError, sub.exec("1 / 0"));
    EXPECT(error.is("ZeroDivisionError") && error.message() == "division by zero");
    EXPECT(has(error.traceback(), "ZeroDivisionError: division by zero"));
    EXPECT(!error.cause());
    sub.module("host").def("refuse", [] { throw std::out_of_range("too far"); });
    EXPECT(EXPECT_THROWN(std::out_of_range, sub.exec("import host; host.refuse()")).what() == std::string("too far"));
    EXPECT(sub.eval<int>("1") == 1);
  });
}

TEST_CASE("guards of several interpreters nest in any order, with GilRelease between", "[gil][nesting]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter a, b(with_shared_gil());
    python.exec("name = 'main'");
    a.exec("name = 'a'");
    b.exec("name = 'b'");
    const Object of_main = python["name"], of_a = a["name"], of_b = b["name"];
    const auto nest = [&] {
      const GilGuard in_a(a);
      EXPECT(of_a.as<std::string>() == "a");
      {
        const GilGuard in_main(python);
        EXPECT(of_main.as<std::string>() == "main");
        {
          const GilGuard in_b(b);
          EXPECT(of_b.as<std::string>() == "b");
          {
            const GilRelease others;
            EXPECT(!latepy::detail::holds_gil());
            const GilGuard back;  // to where the thread was
            EXPECT(of_b.as<std::string>() == "b");
            const GilGuard in_a_again(of_a);
            EXPECT(of_a.as<std::string>() == "a");
            { const GilRelease others_again; }
            EXPECT(of_a.as<std::string>() == "a");
          }
          const GilGuard same(b);
          EXPECT(python.eval<std::string>("name") == "main" && a.eval<std::string>("name") == "a");
          EXPECT(of_b.as<std::string>() == "b");
        }
        EXPECT(of_main.as<std::string>() == "main");
      }
      EXPECT(of_a.as<std::string>() == "a");
    };
    nest();
    EXPECT(of_main.as<std::string>() == "main");
    on_thread([&] {
      nest();
      nest();
      EXPECT(!latepy::detail::holds_gil());
    });
    {
      const GilRelease others;
      nest();
    }
    EXPECT(of_main.as<std::string>() == "main");
  });
}

TEST_CASE("a use sees the interpreter that other code has put its thread into", "[gil][nesting]") {
  in_child([] {
    py::Interpreter python;
    const auto swap = c_api<PyThreadState*(PyThreadState*)>("PyThreadState_Swap");
    const auto current = c_api<PyThreadState*()>("PyThreadState_Get");
    SubInterpreter sub(with_shared_gil());
    const Object of_main = python.eval("[1]"), of_sub = sub.eval("[2]");
    const auto expect_main = [&] {
      EXPECT(of_main[0].as<int>() == 1);
      EXPECT_FOREIGN(of_sub[0]);
      EXPECT(latepy::detail::current_state() == current());
    };
    const auto expect_sub = [&] {
      EXPECT(of_sub[0].as<int>() == 2);
      EXPECT_FOREIGN(of_main[0]);
      EXPECT(latepy::detail::current_state() == current());
    };
    const auto expect_nowhere = [&] {
      EXPECT(latepy::detail::current_state() == nullptr);
      for (const Object* each : {&of_main, &of_sub})
        EXPECT(has(EXPECT_THROWN(StateError, (*each)[0]).what(), "does not hold the GIL"));
    };
    const auto visit = [&] {
      const GilGuard in_main(python);
      PyThreadState* const main = current();
      expect_main();
      const GilGuard gil(sub);
      PyThreadState* const its = swap(main);
      expect_main();
      swap(nullptr);
      expect_nowhere();
      swap(its);
      expect_sub();
    };
    visit();
    on_thread(visit);  // on its own state of the main interpreter
    on_thread([&] {    // whose first state is of the other one
      const GilGuard gil(sub);
      PyThreadState* const its = swap(nullptr);
      expect_nowhere();
      swap(its);
      expect_sub();
    });
    PyThreadState* const main = current();
    PyThreadState* const unknown = c_api<PyThreadState*()>("Py_NewInterpreter")();
    EXPECT(unknown && latepy::detail::current_state() == unknown);
    EXPECT_THROWN(StateError, of_main[0]);
    EXPECT_THROWN(StateError, of_sub[0]);
    EXPECT_THROWN(StateError, py::to_py(1));
    c_api<void(PyThreadState*)>("Py_EndInterpreter")(unknown);
    swap(main);
    expect_main();
  });
}

TEST_CASE("a host function of one interpreter runs code of another, and returns to its own", "[gil][nesting]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter a, b;
    std::function<int(int)> descend = [&](int depth) -> int {
      if (depth == 0) return 0;
      py::Scope& next = depth % 3 == 0 ? static_cast<py::Scope&>(python) : depth % 3 == 1 ? a : b;
      return next.call<int>("__main__", "down", depth - 1) + 1;
    };
    for (py::Scope* each : {static_cast<py::Scope*>(&python), static_cast<py::Scope*>(&a), static_cast<py::Scope*>(&b)})
      each->def("down", descend);
    EXPECT(python.eval<int>("down(12)") == 12);
    EXPECT(a.eval<int>("down(11)") == 11);
    on_thread([&] { EXPECT(b.eval<int>("down(10)") == 10); });
  });
}

#if LATEPY_CHECKS || LATEPY_CHECKS_BY_DEFAULT
TEST_CASE("an Object is refused in another interpreter than its own, by each use") {
  in_child([] {
    py::Interpreter python;
    latepy::detail::begin_library_checks();
    SubInterpreter sub, third;
    sub.exec("def g(a, b=2): return a + b");
    const Object of_main = python.eval("[1]"), of_sub = sub.eval("[2]");
    EXPECT_FOREIGN(sub.call("builtins", "len", of_main));
    EXPECT_FOREIGN(sub.call("builtins", "len", std::vector<Object>{of_main}));
    EXPECT_FOREIGN(sub["g"].call<int>(1, "b"_a = of_main));
    EXPECT_FOREIGN(sub["g"].call<int>(py::args(of_main)));
    EXPECT_FOREIGN(sub["x"] = of_main);
    EXPECT_FOREIGN(sub["x"] = python["__name__"]);
    EXPECT_FOREIGN(sub.exec("1", of_main));
    EXPECT_FOREIGN(python["x"] = of_sub);
    EXPECT_FOREIGN(of_sub.attr("append")(1));
    EXPECT_FOREIGN(of_sub[0].as<int>());
    EXPECT_FOREIGN(py::Buffer<const unsigned char>{of_sub});
    {
      const GilGuard gil(sub);
      EXPECT_FOREIGN(py::to_py(of_main));
      EXPECT_FOREIGN(py::repr(of_main));
      EXPECT_FOREIGN((void)(of_main == 1));
      EXPECT_FOREIGN((void)py::list(of_main));
      EXPECT(of_sub[0].as<int>() == 2);
      const GilGuard in_third(third);
      EXPECT_FOREIGN(of_sub[0].as<int>());
      EXPECT_FOREIGN(of_main[0].as<int>());
    }
    sub.def("give", [&] { return of_main; });
    EXPECT(has(EXPECT_THROWN(py::Error, sub.exec("give()")).what(), "of another Python interpreter"));
    EXPECT(!sub.try_eval("x"));
    EXPECT(of_main[0].as<int>() == 1);  // nothing has happened to it
  });
}

TEST_CASE("an exception that crosses interpreters is refused, and its text stays; a Deadline is the thread's",
          "[errors]") {
  in_child([] {
    py::Interpreter python;
    latepy::detail::begin_library_checks();
    SubInterpreter sub;
    const auto error = EXPECT_THROWN(PythonError, sub.exec("raise KeyError('k')"));
    EXPECT_FOREIGN(error.value().as<int>());
    EXPECT(error.is("KeyError") && error.message() == "'k'");
    EXPECT(has(error.traceback(), "KeyError: 'k'"));
    python.def("cross", [&] { sub.exec("raise KeyError('k')"); });
    python.exec("try:\n  cross()\nexcept BaseException as error:\n  text = repr(error)");
    EXPECT(has(python["text"].as<std::string>(), "an exception of another Python interpreter"));
    EXPECT(has(python["text"].as<std::string>(), "KeyError"));
    python.def("endless", [&] { sub.exec("while True: pass"); });
    EXPECT_THROWN(py::DeadlineError, const py::Deadline limit(std::chrono::milliseconds(20)); python.exec("endless()"));
    EXPECT(python.eval<int>("1") == 1 && sub.eval<int>("1") == 1);
  });
}
#endif

TEST_CASE("what belongs to one interpreter may be dropped anywhere") {
  in_child([] {
    py::Interpreter python;
    static std::atomic<int> living{0};
    struct Counted {
      Counted() { ++living; }
      Counted(const Counted&) { ++living; }
      ~Counted() { --living; }
    };
    SubInterpreter sub, other;
    sub.add_class<Counted>("Counted").init<>();
    const auto make = [&] { return sub.eval("[Counted()]"); };
    { const Object in_main = make(); }
    {
      const GilGuard gil(other);
      const Object in_other = make();
    }
    on_thread([&] { const Object on_a_thread = make(); });
    on_thread([&] {
      Object made = make();
      const GilGuard gil(python);
      made = Object();
    });
    // What was dropped meanwhile is taken, and what other threads made ends on a free-threaded Python.
    sub.exec(python.is_free_threaded() ? "import gc; gc.collect()" : "pass");
    EXPECT(living == 0);

    std::optional<PythonError> error;
    std::function<int(int)> function;
    std::optional<py::Buffer<const unsigned char>> buffer;
    std::optional<py::Code> code;
    {
      const GilGuard gil(sub);
      error = sub.try_exec("raise ValueError(Counted())").error();
      function = sub.eval<std::function<int(int)>>("lambda a, keep=Counted(): a");
      buffer.emplace(sub.eval("b'abc'"));
      code.emplace(sub.compile("1"));
    }
    EXPECT(living == 2);
    on_thread([&] { error.reset(); });
    function = nullptr;
    buffer.reset();
    code.reset();
    sub.exec("import gc; gc.collect()");
    EXPECT(living == 0);

    Object left = make();  // outlives its interpreter
    { const SubInterpreter ended(std::move(sub)); }
    EXPECT(!left.is_alive());
    left = Object();
    EXPECT(python.stop());
    end_without_leak_check();  // `left` keeps its class
  });
}

TEST_CASE("a std::function enters the interpreter of its Python function", "[gil]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    const auto function = sub.eval<std::function<int(int)>>("lambda a: a + 1");
    {
      const GilGuard gil(sub);
      EXPECT(function(1) == 2);
    }
    on_thread([&] { EXPECT(function(2) == 3); });
    const GilRelease others;
    EXPECT(function(3) == 4);
  });
}

TEST_CASE("arguments of each kind are converted in the interpreter that is called", "[calls]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    sub.exec("def g(a, b=2, c=3): return a + b + c\ndef text(**k): return ' '.join(f'{n}={v}' for n, v in k.items())");
    EXPECT(sub["g"].call<int>(1, "b"_a = 5, "c"_a = 6) == 12);
    EXPECT(sub["g"].call<int>(py::args(std::vector<int>{1, 2})) == 6);
    EXPECT(sub.call<int>("__main__", "g", 1, "c"_a = 10) == 13);
    std::string changes = "before";
    const auto named = "s"_a = std::string_view(changes);
    changes = "after!";
    EXPECT(sub["text"].call<std::string>(named) == "s=before");
    EXPECT(sub["text"].call<std::string>("a"_a = "x", "b"_a = std::vector<int>{1}) == "a=x b=[1]");
    python.exec("def text(**k): return 'main ' + k['s']");
    EXPECT(python["text"].call<std::string>(named) == "main before");  // converted anew
    EXPECT(sub["text"].call<std::string>(named) == "s=before");
    {
      const GilGuard gil(sub);
      const py::Object names = py::dict("a"_a = 1);
      EXPECT(sub["text"].call<std::string>(py::kwargs(names)) == "a=1");
    }
    on_thread([&] { EXPECT(sub["text"].call<std::string>("n"_a = 1.5) == "n=1.5"); });
  });
}

TEST_CASE("default values of host functions are made for the interpreter of the function", "[calls]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub, other;
    for (SubInterpreter* each : {&sub, &other}) {
      each->def(
          "text", [](int a, const std::string& s) { return s + std::to_string(a); }, "a"_a, "s"_a = "is ");
      each->def(
          "none", [](int a, const Object& o) { return o.is_none() ? a : 0; }, "a"_a = 4, "o"_a = nullptr);
      each->def(
          "sum", [](const std::vector<int>& all) { return all[0] + all[1]; }, "all"_a = std::vector<int>{1, 2});
    }
    for (SubInterpreter* each : {&sub, &other, &sub}) {
      EXPECT(each->eval<std::string>("text(1)") == "is 1");
      EXPECT(each->eval<int>("none()") == 4);
      EXPECT(each->eval<int>("sum()") == 3);
    }
  });
}

TEST_CASE("values that can only be moved are arguments too, in the interpreter that the thread is in", "[calls]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    sub.add_class<OnlyMoved>("OnlyMoved").def("x", &OnlyMoved::x);
    sub.exec("def y(m): return m.x");
    EXPECT(sub["y"].call<int>(OnlyMoved(4)) == 4);
    const GilGuard gil(sub);
    EXPECT(sub["y"].call<int>("m"_a = OnlyMoved(5)) == 5);
  });
}

TEST_CASE("a host function of another interpreter raises RuntimeError where it is called") {
  in_child([] {
    py::Interpreter python;
    int calls = 0;
    python.def("f", [&] { ++calls; });
    SubInterpreter sub(with_shared_gil());
    sub.def("own", [] {});
    PyObject* const foreign = Object(python["f"]).ptr();
    const auto call = c_api<PyObject*(PyObject*, PyObject*)>("PyObject_CallObject");
    {
      const GilGuard gil(sub);
      const auto error = EXPECT_THROWN(PythonError, latepy::detail::throw_if_null(call(foreign, nullptr)));
      EXPECT(error.is("RuntimeError"));
      EXPECT(error.message() == "a host function of another Python interpreter was called: define it in this one");
    }
    EXPECT(calls == 0);
    python.exec("f()");
    EXPECT(calls == 1);
  });
}

TEST_CASE("each interpreter has its own type for a bound class") {
  in_child([] {
    py::Interpreter python;
    python.add_class<Point>("Point").init<>().def("x", &Point::x);
    SubInterpreter sub, other;
    EXPECT_THROWN(py::Error, sub["p"] = Point());  // not bound there
    sub.add_class<Point>("Place").init<>().def("y", &Point::x);
    sub["p"] = Point{5};
    python["p"] = Point{6};
    EXPECT(sub.eval<int>("p.y + Place().y") == 8);
    EXPECT(python["p"].as<Point>().x == 6 && sub["p"].as<Point>().x == 5);
    EXPECT(sub.eval<std::string>("type(p).__name__") == "Place");
    EXPECT(python.eval<std::string>("type(p).__name__") == "Point");
    EXPECT_THROWN(py::Error, other["p"] = Point());
    { const SubInterpreter ended(std::move(sub)); }
    EXPECT(python.eval<int>("Point().x + p.x") == 9);
    SubInterpreter next;
    next.add_class<Point>("Point").init<>().def("x", &Point::x);
    EXPECT(next.eval<int>("Point().x") == 3);
  });
}

TEST_CASE("names and code that latepy keeps are kept for each interpreter") {
  in_child([] {
    py::Interpreter python;
    for (int round = 0; round < 5; ++round) {
      SubInterpreter a, b;
      for (int i = 0; i < 3; ++i)
        for (py::Scope* each :
             {static_cast<py::Scope*>(&python), static_cast<py::Scope*>(&a), static_cast<py::Scope*>(&b)}) {
          const GilGuard gil(*each);
          Object namespace_of = each->eval("__import__('types').SimpleNamespace()");
          namespace_of.attr("a_name_that_is_kept") = i;
          EXPECT(namespace_of.attr("a_name_that_is_kept").as<int>() == i);
          EXPECT(each->eval<int>("1 + 2 + 3") == 6);
          EXPECT(each->call<int>("builtins", "abs", -i) == i);
        }
    }
    EXPECT(python.stop());
  });
}

TEST_CASE("interpreters with GILs of their own run at the same time", "[threads][gil]") {
  in_child([] {
    py::Interpreter python;
    if (!can_have_own_gil()) return;
    SubInterpreter a, b;
    std::atomic<int> arrived{0};
    const auto meet = [&] {  // each waits for the other, and holds its GIL
      EXPECT(latepy::detail::holds_gil());
      ++arrived;
      while (arrived < 3) latepy::detail::process_nap();
      return 1;
    };
    python.def("meet", meet);
    a.def("meet", meet);
    b.def("meet", meet);
    std::thread in_a([&] { a.exec("r = meet()"); }), in_b([&] { b.exec("r = meet()"); });
    python.exec("r = meet()");
    in_a.join();
    in_b.join();
    EXPECT(a["r"].as<int>() == 1 && b["r"].as<int>() == 1 && python["r"].as<int>() == 1);
  });
}

TEST_CASE("interpreters take turns, also where they share a GIL and their scripts never wait", "[threads][gil]") {
  // Each script loops until all others run.
  const auto run_all = [](const std::vector<py::Scope*>& scopes) {
    std::atomic<int> running{0};
    for (py::Scope* const each : scopes) {
      each->def("begin", [&] { ++running; });
      each->def("all_run", [&] { return running == int(scopes.size()); });
    }
    on_threads(int(scopes.size()), [&](int number) {
      const py::Deadline limit(std::chrono::seconds(60));
      scopes[std::size_t(number)]->exec("begin()\nwhile not all_run(): pass");
    });
    return running.load();
  };
  in_child([&] {
    py::Interpreter python;
    SubConfig shared;
    shared.own_gil = false;
    SubInterpreter a(shared), b(shared);
    EXPECT(run_all({&a, &b}) == 2);
    EXPECT(run_all({&python, &a}) == 2);
    EXPECT(run_all({&python, &a, &b}) == 3);
  });
  in_child([] {
    std::atomic<bool> is_over{false};  // lives longer than the interpreter, whose end waits for the thread
    py::Interpreter python;
    SubConfig shared;
    shared.own_gil = false;
    SubInterpreter sub(shared);
    sub.def("is_over", [&] { return is_over.load(); });
    // The thread of Python is in its loop when no thread of C++ is in that interpreter.
    sub.exec(R"(
        import threading
        def loop():
            started.set()
            while not is_over(): pass
        started = threading.Event()
        threading.Thread(target=loop).start()
        started.wait())");
    python.exec("x = sum(range(1000))");
    on_thread([&] { python.exec("x = sum(range(1000))"); });
    is_over = true;
  });
}

TEST_CASE("a pool of threads does many jobs, each thread in its own interpreter", "[threads]") {
  in_child([] {
    py::Interpreter python(released());
    constexpr int threads = 4, jobs = 10000;
    std::atomic<int> next{0}, done{0};
    std::atomic<long long> total{0};
    on_threads(threads, [&](int) {
      SubInterpreter sub;
      sub.def("twice", [](int a) { return 2 * a; });
      sub.exec("def work(a): return twice(a) + 1");
      const GilGuard gil(sub);
      const Object work = sub["work"];
      for (int job; (job = next++) < jobs; ++done) total += work.call<int>(job);
    });
    EXPECT(done == jobs);
    EXPECT(total == static_cast<long long>(jobs) * (jobs - 1) + jobs);
    EXPECT(interpreters() == 1);
  });
}

TEST_CASE("threads enter any interpreter for each job", "[threads]") {
  in_child([] {
    py::Interpreter python(released());
    std::vector<SubInterpreter> subs;
    for (int i = 0; i < 3; ++i) subs.emplace_back().exec("def f(a, b=1): return a + b");
    python.exec("def f(a, b=1): return a + b");
    on_threads(8, [&](int number) {
      for (int i = 0; i < 250; ++i) {
        py::Scope& scope = i % 4 == 3 ? static_cast<py::Scope&>(python) : subs[std::size_t(i + number) % 3];
        py::Scope& other = subs[std::size_t(i) % 3];
        if (i % 2) {
          EXPECT(scope.call<int>("__main__", "f", i, "b"_a = 2) == i + 2);
        } else {
          const GilGuard gil(scope);
          const Object f = scope["f"];
          EXPECT(other.eval<int>("f(2)") == 3);
          EXPECT(f(i).as<int>() == i + 1);
        }
      }
    });
    EXPECT(python.stop());
  });
}

TEST_CASE("a SubInterpreter is moved, kept in a vector, and ended in any order", "[threads]") {
  in_child([] {
    py::Interpreter python;
    std::vector<SubInterpreter> all;
    for (int i = 0; i < 4; ++i) all.emplace_back()["i"] = i;
    for (int i = 0; i < 4; ++i) EXPECT(all[std::size_t(i)]["i"].as<int>() == i);
    SubInterpreter moved(std::move(all[2]));
    EXPECT(moved["i"].as<int>() == 2);
    const long long last = all[3].id();
    all.erase(all.begin() + 2);  // assigns: what was moved from has nothing to end
    EXPECT(all.size() == 3 && all[2].id() == last && all[2]["i"].as<int>() == 3);
    all[0] = std::move(all[2]);  // ends the first one
    EXPECT(all[0]["i"].as<int>() == 3 && all[0].eval<int>("i + 1") == 4);
    on_thread([&] { const SubInterpreter ends_here(std::move(all[0])); });
    EXPECT(interpreters() == 3);
    on_thread([&] { all.clear(); });
    EXPECT(interpreters() == 2);
    EXPECT(moved["i"].as<int>() == 2 && python.eval<int>("3") == 3);
  });
}

TEST_CASE("threads that Python never saw make interpreters, and others end them", "[threads]") {
  in_child([] {
    py::Interpreter python(released());
    constexpr int count = 4;
    std::vector<std::optional<SubInterpreter>> all(count);
    on_threads(count, [&](int i) {
      all[std::size_t(i)].emplace();
      all[std::size_t(i)]->exec("import threading, json");
    });
    on_threads(count, [&](int i) { EXPECT(all[std::size_t(i + 1) % count]->eval<int>("1 + 1") == 2); });
    on_threads(count, [&](int i) { all[std::size_t(i + 2) % count].reset(); });
    EXPECT(interpreters() == 1);
    EXPECT(python.stop());
  });
}

TEST_CASE("the stop of the Interpreter ends all others", "[stop]") {
  in_child([] {
    std::vector<std::string> warnings;
    static std::string said;
    std::vector<SubInterpreter> all;
    auto* const never_destroyed = new std::optional<SubInterpreter>;
    {
      py::Interpreter python(with_warnings(warnings));
      SubConfig config;
      config.on_stdout = [](std::string_view text) { said += text; };
      for (int i = 0; i < 3; ++i) all.emplace_back(config).exec("import atexit; atexit.register(print, 'bye')");
      never_destroyed->emplace();
      EXPECT(python.stop());
    }
    EXPECT(said == "bye\nbye\nbye\n");
    EXPECT_THROWN(StateError, all[0].exec("1"));
    all.pop_back();
    on_thread([&] { all.clear(); });
    EXPECT(warnings.empty());
  });
  in_child([] {  // the end of the process does it
    static py::Interpreter python;
    static SubInterpreter sub;
    sub.exec("import atexit; atexit.register(print, 'bye')");
  });
}

TEST_CASE("a SubInterpreter that is destroyed inside of its own guard lives on until the stop", "[stop]") {
  in_child([] {
    std::vector<std::string> warnings;
    py::Interpreter python(with_warnings(warnings));
    {
      std::optional<SubInterpreter> sub(std::in_place);
      const GilGuard gil(*sub);
      const Object text = sub->eval("'text'");
      sub.reset();
      EXPECT(text.as<std::string>() == "text");
    }
    EXPECT(warnings.size() == 1);
    EXPECT(has(warnings[0], "a sub-interpreter lives on") && has(warnings[0], "this thread is inside of it"));
    EXPECT(interpreters() == 2);
    EXPECT(python.stop());
    EXPECT(warnings.size() == 1);
  });
}

TEST_CASE("a SubInterpreter ends inside of guards of others", "[stop][nesting]") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    const GilGuard gil(sub);
    {
      SubInterpreter inner;
      inner.exec("y = 1");
      EXPECT(sub.eval<int>("5") == 5);
    }
    EXPECT(sub.eval<int>("6") == 6 && python.eval<int>("7") == 7);
    EXPECT(py::repr(sub.eval("8")) == "8");
  });
}

TEST_CASE("the end of a SubInterpreter waits for its threads", "[threads][stop]") {
  in_child([] {
    py::Interpreter python(released());
    std::atomic<int> ended{0};
    const auto begin_thread = [&](SubInterpreter& sub) {
      sub.def("end", [&] { ++ended; });
      sub.exec(
          "import threading, time\ndef work():\n  time.sleep(0.05)\n  end()\nthreading.Thread(target=work).start()");
    };
    {  // one thread does all
      SubInterpreter sub;
      begin_thread(sub);
    }
    EXPECT(ended == 1);
    std::optional<SubInterpreter> sub;
    on_thread([&] { sub.emplace(); });
    on_thread([&] { begin_thread(*sub); });  // it is threading's main thread
    on_thread([&] { sub.reset(); });
    EXPECT(ended == 2);
    on_thread([&] { sub.emplace().exec("import threading"); });
    sub.reset();
    sub.emplace();
    begin_thread(*sub);
    EXPECT(python.stop());  // it waits too
    EXPECT(ended == 3);
    EXPECT(interpreters() == 0);
  });
}

TEST_CASE("a thread that `threading` does not know keeps its SubInterpreter alive, which is told", "[threads][stop]") {
  in_child([] {
    std::vector<std::string> warnings;
    py::Interpreter python(with_warnings(warnings));
    if (minor_version() >= 14) return;  // CPython ends such threads itself
    Object lock;
    {
      SubInterpreter sub;
      sub.exec(
          "import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nstarted = []\n"
          "def work():\n  started.append(1)\n  lock.acquire()\n_thread.start_new_thread(work, ())");
      while (!sub.eval<bool>("bool(started)")) {
        const GilRelease others;
        latepy::detail::process_nap();
      }
      lock = sub["lock"];
    }
    EXPECT(warnings.size() == 1);
    EXPECT(has(warnings[0], "a sub-interpreter lives on") && has(warnings[0], "1 thread(s) of Python"));
    {
      const GilGuard gil(lock);
      lock.attr("release")();
    }
    EXPECT(python.stop());
  });
}

TEST_CASE("the stop ends interpreters that scripts made", "[stop]") {
  in_child([] {
    std::vector<std::string> warnings;
    py::Interpreter python(with_warnings(warnings));
    const char* const make =
        "try:\n  import _interpreters as module\nexcept ImportError:\n  import _xxsubinterpreters as module\n"
        "made = module.create()";
    python.exec(make);
    SubInterpreter sub(with_all_shared());
    sub.exec(make);
    python.exec("module.run_string(made, 'x = 1')");
    EXPECT(interpreters() == 4);
    EXPECT(python.eval<int>("1") == 1 && sub.eval<int>("1") == 1);
    EXPECT(python.stop());
    EXPECT(warnings.empty());
  });
}

TEST_CASE("the end of a SubInterpreter waits for guards of other threads", "[threads][stop]") {
  in_child([] {
    py::Interpreter python(released());
    std::optional<SubInterpreter> sub(std::in_place);
    std::atomic<bool> is_inside{false}, is_left{false};
    std::thread other([&] {
      const GilGuard gil(*sub);
      const Object text = sub->eval("'text'");
      is_inside = true;
      {
        const GilRelease others;
        while (latepy::detail::interpreter_of(latepy::detail::HandleAccess::generation(text))->stopping.load() == 0)
          latepy::detail::process_nap();
      }
      EXPECT(text.as<std::string>() == "text");
      is_left = true;
    });
    while (!is_inside) latepy::detail::process_nap();
    sub.reset();
    EXPECT(is_left);
    other.join();
  });
}

TEST_CASE("threads that Python made in one interpreter enter others, and return to their own", "[threads][gil]") {
  in_child([] {
    py::Interpreter python(released());
    SubInterpreter a, b;
    a.exec("name = 'a'");
    b.exec("name = 'b'");
    python.exec("name = 'main'");
    std::string names;
    const auto visit = [&] {
      const GilGuard gil;  // nests where the thread is
      names += b.eval<std::string>("name") + ' ' + python.eval<std::string>("name") + ' ';
      {
        const GilRelease others;
        names += a.eval<std::string>("name") + ' ' + b.eval<std::string>("name") + ' ';
        const GilGuard back;
        names += py::to_py(1).as<int>() == 1 ? "1 " : "";
      }
      const GilGuard in_b(b);
      names += b["name"].as<std::string>() + ", ";
    };
    for (py::Scope* each : {static_cast<py::Scope*>(&a), static_cast<py::Scope*>(&python)}) {
      each->def("visit", visit);
      each->exec(
          "import threading\ndef work():\n  visit()\n  visit()\n  done.append(name)\ndone = []\n"
          "thread = threading.Thread(target=work)\nthread.start()\nthread.join()");
      EXPECT(names == "b main a b 1 b, b main a b 1 b, ");
      names.clear();
    }
    EXPECT(a.eval<std::string>("done[0]") == "a" && python.eval<std::string>("done[0]") == "main");
    EXPECT(python.stop());
  });
}

TEST_CASE("a Deadline stops what its thread runs in a SubInterpreter", "[limits]") {
  in_child([] {
    py::Interpreter python(released());
    SubInterpreter sub;
    {
      const py::Deadline limit(std::chrono::milliseconds(50));
      EXPECT_THROWN(py::Error, sub.exec("while True: pass"));
    }
    EXPECT(sub.eval<int>("1") == 1 && python.eval<int>("1") == 1);
  });
}

TEST_CASE("the end of a SubInterpreter frees latepy's own Python code, and what it refers to", "[stop][leaks]") {
  in_child([] {
    static int freed = 0;
    py::Interpreter python;
    {
      SubInterpreter sub;
      const GilGuard gil(sub);
      PyObject* const token = latepy::detail::api().Capsule_New(&freed, nullptr, [](PyObject*) { ++freed; });
      Object{latepy::detail::import_hooks()}["token"] = Object::steal(token);
    }
    EXPECT(freed == 1);
  });
}

TEST_CASE("a Python that is started again has SubInterpreters too", "[restart]") {
  in_child([] {
    std::optional<SubInterpreter> earlier;
    for (int i = 0; i < 3; ++i) {
      py::Interpreter python;
      SubInterpreter sub;
      sub.exec("x = 1");
      if (earlier) EXPECT_THROWN(StateError, earlier->exec("x"));
      earlier.reset();
      earlier.emplace().exec("x = 2");
      EXPECT_THROWN(PythonError, python.exec("import os; os.fork()"));
      EXPECT(python.stop());
    }
  });
}

TEST_CASE("os.fork() is refused while a SubInterpreter lives, and subprocess works", "[fork]") {
  in_child([] {
    py::Interpreter python;
    const char* const forks =
        "(lambda os: (lambda pid: os.waitpid(pid, 0)[1] >> 8)(os.fork() or os._exit(7)))"
        "(__import__('os'))";
    EXPECT(python.eval<int>(forks) == 7);
    {
      SubConfig config;
      config.allow_fork = true;
      SubInterpreter sub(config);
      for (py::Scope* each : {static_cast<py::Scope*>(&python), static_cast<py::Scope*>(&sub)}) {
        const auto error = EXPECT_THROWN(PythonError, each->eval(forks));
        EXPECT(error.is("RuntimeError"));
        EXPECT(has(error.message(), "os.fork() was called while a latepy::SubInterpreter lives"));
        EXPECT(has(error.message(), "subprocess"));
      }
      python.exec("import subprocess; code = subprocess.run(['true']).returncode");
      EXPECT(python["code"].as<int>() == 0);
      if (minor_version() != 12) {
        sub.exec("import subprocess; code = subprocess.run(['true']).returncode");
        EXPECT(sub["code"].as<int>() == 0);
      }
    }
    EXPECT(python.eval<int>(forks) == 7);
    SubInterpreter again;
    EXPECT_THROWN(PythonError, python.eval(forks));
  });
}

TEST_CASE("the child of the program's fork() beside a SubInterpreter can only call exec()", "[fork]") {
  in_child([] {
    py::Interpreter python;
    {
      SubInterpreter sub;
      EXPECT(fork_and([&] {
               const auto refused = [](const StateError& error) { return has(error.what(), "latepy::SubInterpreter"); };
               EXPECT(refused(EXPECT_THROWN(StateError, python.eval("1"))));
               EXPECT(refused(EXPECT_THROWN(StateError, sub.eval("1"))));
               EXPECT(refused(EXPECT_THROWN(StateError, GilGuard gil)));
               EXPECT(refused(EXPECT_THROWN(StateError, GilGuard gil(sub))));
               EXPECT(refused(EXPECT_THROWN(StateError, GilGuard gil(python))));
               EXPECT(refused(EXPECT_THROWN(StateError, SubInterpreter none)));
               return !GilGuard::try_acquire();
             }) == 0);
      EXPECT(fork_and([] { return execl("/bin/true", "true", static_cast<char*>(nullptr)) == 0; }) == 0);
      EXPECT(sub.eval<int>("1") == 1 && python.eval<int>("1") == 1);
    }
    EXPECT(fork_and([&] { return python.eval<int>("6 * 7") == 42; }) == 0);  // none is left
  });
}

TEST_CASE("modules of the standard library work in a SubInterpreter") {
  in_child([] {
    py::Interpreter python;
    SubInterpreter sub;
    sub.exec("import re, json, logging, datetime, decimal, threading\nr = json.loads('[1, 2]')");
    EXPECT(sub["r"].as<std::vector<int>>().size() == 2);
    EXPECT(python.stop());
  });
  in_child([] {
    py::Interpreter python;
    if (minor_version() == 12) return;  // CPython 3.12.1 itself aborts at the end of such an interpreter
    SubInterpreter sub;
    sub.exec(
        "import asyncio, concurrent.futures\n"
        "async def three(): return 3\n"
        "r = [asyncio.run(three())]\n"
        "with concurrent.futures.ThreadPoolExecutor(2) as pool: r += pool.map(abs, [-1, -2])");
    EXPECT(sub["r"].as<std::vector<int>>() == std::vector<int>{3, 1, 2});
    EXPECT(python.stop());
  });
}

TEST_CASE("modules with static types work in one interpreter after the other, and in several at once", "[threads]") {
  constexpr char dates[] =
      "import datetime, decimal, fractions, zoneinfo\n"
      "r = str(datetime.datetime(2000, 1, 31) + datetime.timedelta(1) * int(decimal.Decimal('2')))";
  constexpr char expected[] = "2000-02-02 00:00:00";
  in_child([&] {
    py::Interpreter python;
    for (int round = 0; round < 3; ++round) {
      SubInterpreter first, second;
      for (SubInterpreter* each : {&second, &first}) {
        each->exec(dates);
        EXPECT((*each)["r"].as<std::string>() == expected);
      }
    }
    python.exec(dates);
    EXPECT(python["r"].as<std::string>() == expected);
    EXPECT(python.stop());
  });
  in_child([&] {
    py::Interpreter python(released());
    on_threads(4, [&](int) {
      for (int round = 0; round < 3; ++round) {
        SubInterpreter sub;
        sub.exec(dates);
        EXPECT(sub["r"].as<std::string>() == expected);
      }
    });
    EXPECT(python.stop());
  });
}

TEST_CASE("where the main interpreter cannot import a module with static types, others do without it") {
  in_child([] {
    py::Interpreter python;
    python.exec("import sys\nsys.modules['_datetime'] = None");  // as if a Deadline had ended its import
    for (int round = 0; round < 4; ++round) {
      SubInterpreter first, second;
      for (SubInterpreter* each : {&first, &second})
        each->exec("import datetime\nassert datetime.timedelta(1) * 2 == datetime.timedelta(2)");
    }
    EXPECT(python.stop());
  });
}

TEST_CASE("a look at the threads that run Python leaves an interpreter alone that is being made", "[limits][reset]") {
  in_child([] {
    py::Config config = released();
    config.interruptible = true;
    py::Interpreter python(config);
    std::atomic<bool> is_done{false};
    std::thread other([&] {
      while (!is_done) python.interrupt();
    });
    for (int round = 0; round < 20; ++round) SubInterpreter();
    is_done = true;
    other.join();
    EXPECT(python.stop());
  });
  in_child([] {
    py::Interpreter python(released());
    std::atomic<bool> is_done{false};
    std::thread other([&] {
      for (int round = 0; round < 4; ++round) SubInterpreter();
      is_done = true;
    });
    while (!is_done) {
      try {
        python.reset();
      } catch (const StateError&) {  // the other thread runs Python code
      }
    }
    other.join();
    EXPECT(python.stop());
  });
}

#if defined(__x86_64__) || defined(__aarch64__)
TEST_CASE("CPython 3.12.1 aborts by itself at its end after asyncio in an interpreter with its own GIL") {
  const Outcome outcome = run_in_child([] {
    py::Interpreter python;
    if (python.version() != "3.12.1") std::_Exit(3);
    PyThreadState* const main = c_api<PyThreadState*()>("PyThreadState_Get")();
    const latepy::detail::InterpreterConfig config{0, 0, 0, 1, 0, 1, 2};
    PyThreadState* made = nullptr;
    c_api<latepy::detail::InitStatus(PyThreadState**, const latepy::detail::InterpreterConfig*)>(
        "Py_NewInterpreterFromConfig")(&made, &config);
    EXPECT(made && c_api<int(const char*, void*)>("PyRun_SimpleStringFlags")("import asyncio", nullptr) == 0);
    c_api<void(PyThreadState*)>("Py_EndInterpreter")(made);
    c_api<PyThreadState*(PyThreadState*)>("PyThreadState_Swap")(main);
    c_api<int()>("Py_FinalizeEx")();
    std::_Exit(4);
  });
  INFO(outcome.output);
  const bool is_aborted = outcome.signal == SIGABRT || outcome.signal == SIGSEGV ||
                          has(outcome.output, "AddressSanitizer: attempting free");  // which ends the process itself
  CHECK((outcome.exit_code == 3 || is_aborted));
}
#endif

TEST_CASE("extension modules that know one interpreter need check_extensions = false", "[numpy]") {
  if (is_free_threaded()) SKIP("a free-threaded Python always checks extension modules");
  in_child([] {
    py::Interpreter python;
    if (!python.eval<bool>("bool(__import__('importlib.util').util.find_spec('numpy'))")) return;
    // numpy 2 keeps objects of the interpreter that was first, and its sums fail in others, also in plain Python.
    if (!python.eval<bool>("__import__('importlib.metadata').metadata.version('numpy') > '2'")) {
      SubConfig config;
      config.check_extensions = false;
      SubInterpreter sub(config);
      sub.exec("import numpy\ntotal = int(numpy.arange(10).sum())");
      EXPECT(sub["total"].as<int>() == 45);
    }
    if (!can_have_own_gil()) return;
    for (int round = 0; round < 2; ++round) {
      SubInterpreter strict;
      EXPECT_THROWN(py::ImportError, strict.exec("import numpy"));
    }
    EXPECT(python.eval<int>("int(__import__('numpy').arange(10).sum())") == 45);
  });
}

TEST_CASE("an interpreter with its own GIL refuses numpy's extension before it begins, which numpy does not survive") {
  const TemporaryFolder folder;
  in_child([&] {
    py::Interpreter python;
    if (!can_have_own_gil() || minor_version() > 13) return;  // CPython 3.14 refuses it in time
    const std::string code = "folder = '" + folder.path + "'" + R"(
import _imp, os, sys
core = folder + '/numpy/_core'
os.makedirs(core)
sys.path.insert(0, folder)
for name in '../__init__.py', '__init__.py', '_multiarray_umath' + _imp.extension_suffixes()[0]:
    open(core + '/' + name, 'w').close()
import numpy._core._multiarray_umath)";
    SubInterpreter sub;
    const auto refused = sub.try_exec(code);
    EXPECT(!refused && refused.error().is("ImportError"));
    EXPECT(has(refused.error().what(), "numpy cannot be used in an interpreter with its own GIL"));
  });
}

TEST_CASE("what is the process's own is as before, whatever its interpreters have imported", "[stop][signals]") {
  const auto state = [] {
    std::string now = "\nrounding " + std::to_string(std::fegetround());
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (int each = 1; each < 65; ++each) {
      struct sigaction action = {};
      if (sigaction(each, nullptr, &action) != 0) continue;
      now += "\nsignal " + std::to_string(each) + ": " +
             std::to_string(reinterpret_cast<std::uintptr_t>(action.sa_handler)) + " " +
             std::to_string(sigismember(&mask, each));
    }
    now += std::string("\nlocale ") + std::setlocale(LC_ALL, nullptr);
    char folder[4096] = "";
    if (getcwd(folder, sizeof folder)) now += std::string("\nfolder ") + folder;
    for (char** each = environ; *each; ++each) now += std::string("\n") + *each;
    // The eventfd of the thread that watches Deadlines and turns is kept until the process ends.
    const auto is_eventfd = [](int descriptor) {
      char target[64] = "";
      const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
      return readlink(link.c_str(), target, sizeof target - 1) > 0 && has(target, "[eventfd]");
    };
    for (int each = 0; each < 200; ++each)
      if (const int flags = fcntl(each, F_GETFL); flags != -1 && !is_eventfd(each))
        now += "\ndescriptor " + std::to_string(each) + ": " + std::to_string(flags) + " " +
               std::to_string(fcntl(each, F_GETFD));
#ifdef __linux__
    for (FILE* const each : {stdin, stdout, stderr})
      now += "\nbuffer of " + std::to_string(__fbufsize(each)) + " bytes" + (__flbf(each) ? " for a line" : "");
#endif
    const mode_t rights = umask(0);
    umask(rights);
    return now + "\numask " + std::to_string(rights);
  };
  const auto compare = [](const std::string& before, const std::string& after, const char* when) {
    if (before == after) return;
    std::size_t same = 0;
    while (same < before.size() && before[same] == after[same]) ++same;
    const std::size_t line = before.rfind('\n', same - 1);
    throw std::runtime_error(when + (": " + before.substr(line, 80)) + " became " + after.substr(line, 80));
  };
  const char* const imports =
      "import asyncio, importlib, locale, signal\n"
      "for name in 'readline', 'curses', 'decimal', 'multiprocessing', 'ssl', 'subprocess':\n"
      "  try: importlib.import_module(name)\n"
      "  except ImportError: pass\n"
      "async def nothing(): await asyncio.sleep(0)\n"
      "asyncio.run(nothing())\n";
  for (const bool with_sub : {false, true})
    in_child([&] {
      std::setlocale(LC_ALL, "C");
      std::fesetround(FE_DOWNWARD);
      umask(027);
      static char buffers[2][600];
      std::setvbuf(stdin, buffers[0], _IOFBF, sizeof buffers[0]);
      std::setvbuf(stderr, buffers[1], _IOLBF, sizeof buffers[1]);
      setenv("TERM", "dumb", 1);  // readline prints nothing then
      const std::string before = state();
      {
        py::Interpreter python;
        compare(before, state(), "by the start");
        if (with_sub) {
          SubInterpreter sub(with_all_shared());
          compare(before, state(), "by a SubInterpreter");
          sub.exec(imports);
        }
        python.exec(imports);
        python.exec("import faulthandler; faulthandler.enable()");
      }
      compare(before, state(), "by the stop");
    });
}

TEST_CASE("interpreters that are made and ended take no more memory than CPython's own", "[memory]") {
  in_child([] {
    py::Interpreter python;
    const latepy::detail::Api& api = latepy::detail::api();
    // A free-threaded Python loses megabytes with each, and more time.
    const int count = python.is_free_threaded() ? 10 : 100;
    const auto bare = [&] {
      PyThreadState* const main = api.ThreadState_Get();
      PyThreadState* const made = api.NewInterpreter();
      EXPECT(made);
      api.EndInterpreter(made);
      api.ThreadState_Swap(main);
    };
    const auto ours = [] {
      SubInterpreter sub(with_all_shared());
      EXPECT(sub.eval<int>("1 + 1") == 2);
    };
    const auto growth = [&](const auto& make) {
      for (int i = 0; i < 10; ++i) make();
      const long before = private_memory();
      for (int i = 0; i < count; ++i) make();
      return (private_memory() - before) / count;
    };
    const long of_cpython = growth(bare), of_latepy = growth(ours);
    std::printf("KiB each: %ld, of CPython alone: %ld\n", of_latepy, of_cpython);
    EXPECT(of_latepy <= of_cpython + of_cpython / 2 + 40);
    EXPECT(interpreters() == 1);
  });
}

#endif
