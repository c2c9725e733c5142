// tests/figures.cpp: measures what the tests only check: memory of interpreters that come and go, latencies of limits,
// and long runs of ends, forks and threads. tests/README.md has the figures and the commands.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

#include <cstdio>

#ifdef __linux__
#include <dlfcn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <latepy/memory/buffer.hpp>
#include <latepy/memory/dlpack.hpp>
#include <latepy/memory/view.hpp>
#include <latepy/run/event_loop.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/vector.hpp>

namespace py = latepy;
using namespace py::literals;

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

#define EXPECT(...)                                                                                                \
  do {                                                                                                             \
    if (!(__VA_ARGS__)) throw std::runtime_error(__FILE__ ":" + std::to_string(__LINE__) + ": not " #__VA_ARGS__); \
  } while (false)

/// What the command line says after the name of the figure.
struct Arguments {
  std::vector<std::string> all;
  int number(std::size_t at, int otherwise) const { return at < all.size() ? std::stoi(all[at]) : otherwise; }
  std::string word(std::size_t at, const char* otherwise) const { return at < all.size() ? all[at] : otherwise; }
};

py::Config released() {
  py::Config config;
  config.release_gil = true;
  config.use_environment = std::getenv("PYTHONMALLOC") != nullptr;  // for valgrind
  return config;
}
py::SubConfig with_gil(bool own) {
  py::SubConfig config;
  config.own_gil = own;
  return config;
}

/// Runs it in a process of its own, which ends by exit(). \returns 0, what it exits with, or 256 + the signal.
template <class F>
int in_process(F&& function) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(3600);
    int status = 1;
    try {
      function();
      status = 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    std::exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory of interpreters that come and go

/// The memory of the process in KiB that no file backs.
double private_memory() {
  long all = 0, resident = 0, shared = 0;
  std::ifstream("/proc/self/statm") >> all >> resident >> shared;
  return double(resident - shared) * double(sysconf(_SC_PAGESIZE)) / 1024;
}

/// KiB of each of `count` rounds, after 10 others.
template <class F>
double growth(int count, F&& round) {
  for (int i = 0; i < 10; ++i) round();
  const double before = private_memory();
  for (int i = 0; i < count; ++i) round();
  return (private_memory() - before) / count;
}

/// The libpython that latepy would take, with its functions by their names.
class Bare {
 public:
  Bare() {
    const py::Discovery found = py::locate();
    for (const py::Candidate& each : found.candidates())
      if (each.verdict == py::Verdict::chosen) {
        setenv("PYTHONHOME", each.home.c_str(), 1);
        library_ = dlopen(each.library.c_str(), RTLD_NOW | RTLD_GLOBAL);
      }
    EXPECT(library_);
  }
  template <class F>
  F* function(const char* name) const {
    return reinterpret_cast<F*>(dlsym(library_, name));
  }

 private:
  void* library_ = nullptr;
};

/// Runs Python code of latepy in a namespace of its own.
std::string running(const char* source) {
  return std::string("exec(compile(r'''") + source +
         "''', '<latepy>', 'exec'), {'__name__': 'latepy', 'paths': [], 'signal_handlers': False, 'executable': '', "
         "'base_executable': '', 'loader_source': ''})\n";
}

double subs_of_cpython(int count, bool own, const std::string& code) {
  const Bare bare;
  bare.function<void(int)>("Py_InitializeEx")(0);
  using latepy::detail::InterpreterConfig;
  const auto current = bare.function<PyThreadState*()>("PyThreadState_Get");
  const auto swap = bare.function<PyThreadState*(PyThreadState*)>("PyThreadState_Swap");
  const auto make = bare.function<PyThreadState*()>("Py_NewInterpreter");
  const auto make_from = bare.function<latepy::detail::InitStatus(PyThreadState**, const InterpreterConfig*)>(
      "Py_NewInterpreterFromConfig");
  const auto run = bare.function<int(const char*, void*)>("PyRun_SimpleStringFlags");
  const auto end = bare.function<void(PyThreadState*)>("Py_EndInterpreter");
  PyThreadState* const main = current();
  const InterpreterConfig config{!own, 0, 0, 1, 0, 1, own ? 2 : 1};
  return growth(count, [&] {
    PyThreadState* made = nullptr;
    if (make_from) {
      make_from(&made, &config);
    } else {
      made = make();
    }
    EXPECT(made && run(code.c_str(), nullptr) == 0);
    end(made);
    swap(main);
  });
}
double subs_of_latepy(int count, bool own) {
  py::Interpreter python;
  return growth(count, [&] {
    py::SubInterpreter sub(with_gil(own));
    EXPECT(sub.eval<int>("1 + 1") == 2);
  });
}
double restarts_of_cpython(int count, const std::string& code) {
  const Bare bare;
  const auto start = bare.function<void(int)>("Py_InitializeEx");
  const auto run = bare.function<int(const char*, void*)>("PyRun_SimpleStringFlags");
  const auto stop = bare.function<int()>("Py_FinalizeEx");
  return growth(count, [&] {
    start(0);
    EXPECT(run(code.c_str(), nullptr) == 0);
    EXPECT(stop() == 0);
  });
}
double restarts_of_latepy(int count) {
  return growth(count, [&] {
    py::Interpreter python;
    EXPECT(python.eval<int>("1 + 1") == 2);
    EXPECT(python.stop());
  });
}

/// Each in a process of its own: latepy, the C API that runs `1 + 1`, and if latepy takes more than that and the bar,
/// the C API that also runs latepy's Python code: CPython 3.12 and 3.13 keep each name in it for ever. \returns 1 if
/// latepy takes more than both.
template <class Ours, class Theirs>
int compare_growth(const char* what, int count, double bar, const std::string& code, Ours&& ours, Theirs&& theirs) {
  int ends[2];
  EXPECT(pipe(ends) == 0);
  const auto measured = [&](const auto& measure) {
    double grown = 0;
    const int status = in_process([&] {
      const double each = measure();
      EXPECT(write(ends[1], &each, sizeof each) == sizeof each);
    });
    if (status != 0) throw std::runtime_error("a process ended with " + std::to_string(status));
    EXPECT(read(ends[0], &grown, sizeof grown) == sizeof grown);
    return grown;
  };
  const double latepy = measured(ours), alone = measured([&] { return theirs("1 + 1"); });
  std::printf("%d %s: KiB each: latepy %.2f, C API %.2f (%+.2f)\n", count, what, latepy, alone, latepy - alone);
  if (latepy - alone <= bar) return 0;
  const double with_code = measured([&] { return theirs(code + "1 + 1"); });
  std::printf("    C API with latepy's Python code %.2f (%+.2f)\n", with_code, latepy - with_code);
  return count >= 200 && latepy - with_code > bar;
}

int subs(const Arguments& given) {
  const int count = given.number(0, 20);
  const bool own = given.word(1, "shared") == "own";
  return compare_growth(
      own ? "sub-interpreters with their own GIL" : "sub-interpreters", count, 0.1,
      running(latepy::detail::sub_end_source), [&] { return subs_of_latepy(count, own); },
      [&](const std::string& code) { return subs_of_cpython(count, own, code); });
}
int restarts(const Arguments& given) {
  const int count = given.number(0, 5);
  return compare_growth(
      "starts and stops", count, 1,
      running(latepy::detail::settle_source) + running(latepy::detail::import_hooks_source) +
          running(latepy::detail::fork_source),
      [&] { return restarts_of_latepy(count); },
      [&](const std::string& code) { return restarts_of_cpython(count, code); });
}

// ---------------------------------------------------------------------------------------------------------------------
// Latencies of a Deadline

struct Endless {
  const char *name, *code;
};
/// Imports are made before. Those that call begun() or blocks() are blocked in C for 130 ms, which blocked() tells.
constexpr Endless endless[] = {
    {"loop", "while True: pass"},
    {"except", "while True:\n  try:\n    at = 1\n    while True: pass\n  except BaseException: pass"},
    {"finally", "def again():\n  try:\n    at = 1\n    while True: pass\n  finally: again()\nagain()"},
    {"sleeps", "while True:\n  try: time.sleep(0.001)\n  except BaseException: pass"},
    {"suppress", "while True:\n  with contextlib.suppress(BaseException):\n    at = 1\n    while True: pass"},
    {"generator",
     "sys.unraisablehook = id\ndef items():\n  while True:\n    try: yield 1\n    except BaseException: pass\n"
     "try:\n  while True:\n    try:\n      for _ in items(): pass\n    except BaseException: pass\n"
     "finally: sys.unraisablehook = sys.__unraisablehook__"},
    {"sleep", "begun()\ntime.sleep(0.13)\nwhile True: pass"},
    {"blocked", "blocks()\nwhile True: pass"},
};

int stops_of(const Endless& what, int count, bool in_sub) {
  return in_process([&] {
    py::Interpreter python;
    std::unique_ptr<py::SubInterpreter> sub;
    if (in_sub) sub = std::make_unique<py::SubInterpreter>();
    py::Scope& scope = in_sub ? static_cast<py::Scope&>(*sub) : python;
    Clock::time_point blocked_until{};
    scope.def("begun", [&] { blocked_until = Clock::now() + 130ms; });
    scope.def("blocks", [&] {  // holds the GIL
      std::this_thread::sleep_for(130ms);
      blocked_until = Clock::now();
    });
    scope.exec("import contextlib, sys, time");
    std::vector<double> took;
    for (int i = 0; i < count; ++i) {
      const Clock::time_point over = Clock::now() + 5ms;
      bool is_stopped = false, is_blocked = false;
      {
        const py::Deadline limit(5ms);
        const auto result = scope.try_exec(what.code);
        is_stopped = !result && result.error().is("DeadlineError");
        is_blocked = limit.blocked();
      }
      took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - (std::max)(over, blocked_until)).count());
      std::this_thread::sleep_for(1ms + std::chrono::duration<double, std::milli>(took.back() / 8));  // for others
      EXPECT(is_stopped);
      if (blocked_until != Clock::time_point()) EXPECT(is_blocked);
      EXPECT(scope.eval<int>("1 + 1") == 2);
      EXPECT(scope.eval("__import__('sys').gettrace()").is_none());
    }
    std::sort(took.begin(), took.end());
    const auto of = [&](double share) { return took[std::size_t(share * double(took.size() - 1))]; };
    std::printf("%-9s %-4s %5d: p50 %6.1f ms, p99 %6.1f ms, max %6.1f ms\n", what.name, in_sub ? "sub" : "main", count,
                of(0.5), of(0.99), of(1));
  });
}
int stops(const Arguments& given) {
  const int count = given.number(0, 1);
  const std::string kind = given.word(1, "all"), where = given.word(2, "both");
  int result = 0;
  for (const Endless& each : endless)
    for (const bool in_sub : {false, true})
      if ((kind == "all" || kind == each.name) && (where == "both" || (where == "sub") == in_sub))
        result |= stops_of(each, count, in_sub);
  return result;
}

// ---------------------------------------------------------------------------------------------------------------------
// Ends

/// Handles of the main interpreter and of two others in turn.
void fill(std::vector<py::Object>& handles, int count, std::vector<py::Scope*> scopes) {
  handles.reserve(std::size_t(count));
  for (py::Scope* const scope : scopes) {
    const py::GilGuard gil(*scope);
    for (std::size_t i = 0; i < std::size_t(count) / scopes.size(); ++i)
      handles.push_back(i % 2 ? py::to_py(double(i)) : py::Object(py::list()));
  }
}
std::vector<py::Object> static_handles;  // destroyed after what latepy keeps
thread_local std::vector<py::Object> thread_handles;

/// Handles that are dropped after the end, also while Python runs again.
int handles(const Arguments& given) {
  const int count = given.number(0, 3000);
  int result = 0;
  for (const bool again : {false, true}) {
    const int code = in_process([&] {
      std::vector<py::Object> of_main, of_other;
      std::atomic<int> step{0};
      std::thread with_thread_local, other;
      {
        py::Interpreter python(released());
        py::SubInterpreter a, b(with_gil(false));
        const std::vector<py::Scope*> scopes{&python, &a, &b};
        fill(of_main, count, scopes);
        fill(of_other, count, scopes);
        fill(static_handles, count, scopes);
        with_thread_local = std::thread([&] {
          fill(thread_handles, count, scopes);
          step = 1;
          while (step != 2) std::this_thread::yield();
        });
        while (step != 1) std::this_thread::yield();
        EXPECT(python.stop());
      }
      std::unique_ptr<py::Interpreter> next;
      if (again) next = std::make_unique<py::Interpreter>(released());
      step = 2;
      with_thread_local.join();
      std::thread([&] { of_other.clear(); }).join();
      of_main.clear();
      if (next) EXPECT(next->eval<int>("1 + 1") == 2 && next->stop());
    });
    std::printf("4 x %d handles dropped %s: exit %d\n", count, again ? "while Python runs again" : "after the end",
                code);
    result |= code;
  }
  return result;
}

/// fork() of the program: beside a sub-interpreter with exec() and without, and beside busy threads without one.
int forks(const Arguments& given) {
  const int count = given.number(0, 15);
  py::Interpreter python(released());
  int wrong = 0, done = 0;
  const auto forked = [&](const auto& work) {
    const int code = in_process([&] {
      work();
      std::fflush(nullptr);
      _exit(0);
    });
    wrong += code != 0;
    ++done;
  };
  const auto busy = [&](const auto& body) {
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        while (!is_over) {
          const py::GilGuard gil;
          python.eval<int>("sum([1, 2, 3])");
        }
      });
    for (int i = 0; i < count / 3; ++i) body();
    is_over = true;
    for (std::thread& each : threads) each.join();
  };
  {
    py::SubInterpreter sub;
    busy([&] {
      forked([&] {
        for (py::Scope* each : {static_cast<py::Scope*>(&python), static_cast<py::Scope*>(&sub)}) {
          bool is_refused = false;
          try {
            each->eval("1");
          } catch (const py::StateError&) {
            is_refused = true;
          }
          EXPECT(is_refused);
        }
      });
    });
    busy([&] { forked([] { EXPECT(execl("/bin/true", "true", static_cast<char*>(nullptr)) == 0); }); });
    EXPECT(sub.eval<int>("1 + 1") == 2);
  }
  busy([&] {
    const py::GilGuard gil;  // the child has the GIL
    forked([&] { EXPECT(python.eval<int>("len(__import__('json').dumps([1]))") == 3); });
  });
  EXPECT(python.stop());
  std::printf("%d forks, beside a sub-interpreter, with exec(), and without: %d went wrong\n", done, wrong);
  return wrong != 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Many threads over several interpreters

struct Value {
  int x = 3;
  int get() const { return x; }
};
struct Host {
  explicit Host(int count) {
    for (int i = 0; i < count; ++i) subs.push_back(std::make_unique<py::SubInterpreter>(with_gil(i % 2 == 0)));
    scopes.push_back(&python);
    for (const auto& each : subs) scopes.push_back(each.get());
    for (py::Scope* const each : scopes) {
      const py::GilGuard gil(*each);
      each->module("host").add_class<Value>("Value").init<>().def("x", &Value::x).def("get", &Value::get);
      each->exec("import host\nv = host.Value()\ndef f(a, b=1): return a + b");
      each->def("callback", [](int a) { return a + 1; });
    }
  }
  py::Interpreter python{released()};
  std::vector<std::unique_ptr<py::SubInterpreter>> subs{};
  std::vector<py::Scope*> scopes{};
};

/// One of many ways to use two of the interpreters.
void mixed_call(Host& host, unsigned random) {
  py::Scope& one = *host.scopes[(random >> 16) % host.scopes.size()];
  py::Scope& other = *host.scopes[(random >> 20) % host.scopes.size()];
  switch ((random >> 24) % 9) {
    case 0:
      EXPECT(one.eval<int>("f(2, 3)") == 5);
      break;
    case 1:
      EXPECT(one.call<int>("builtins", "len", std::vector<int>{1, 2, 3}) == 3);
      break;
    case 2: {
      const py::GilGuard gil(one);
      EXPECT(one.eval<int>("v.get()") == 3);
      {
        const py::GilGuard inner(other);
        EXPECT(other.eval<int>("callback(2)") == 3);
      }
      EXPECT(one.eval<int>("callback(3)") == 4);
      break;
    }
    case 3: {
      const py::GilGuard gil(one);
      const py::Object f = one["f"];
      EXPECT(f(1, "b"_a = 5).as<int>() == 6);
      const py::GilRelease others;
      EXPECT(other.eval<int>("v.x") == 3);
      const py::GilGuard back;
      EXPECT(f(1).as<int>() == 2);
      break;
    }
    case 4:
      one["x"] = int(random >> 8);
      break;
    case 5: {
      const auto result = one.try_exec("1 / 0");
      EXPECT(!result && result.error().is("ZeroDivisionError") && !result.error().traceback().empty());
      break;
    }
    case 6: {
      const py::Object kept = one.eval("[object()]");
      py::Object copy;
      const py::GilGuard gil(one);
      copy = kept;
      break;  // `kept` is dropped outside
    }
    case 7:
      EXPECT(one.eval<std::function<int(int)>>("lambda a: a")(4) == 4);
      break;
    case 8: {
      const py::GilGuard gil(one);
      one.eval("v").as<Value&>();
      EXPECT(one["callback"].call<int>(1) == 2);
      break;
    }
  }
}

int mixed(const Arguments& given) {
  const int threads = given.number(0, 4), calls = given.number(1, 200), seconds = given.number(2, 1200);
  Host host(2);
  std::atomic<long> done{0};
  std::atomic<int> failed{0};
  const auto until = Clock::now() + std::chrono::seconds(seconds);
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      unsigned random = unsigned(t) * 7919 + 1;
      try {
        for (int i = 0; i < calls && Clock::now() < until; ++i, ++done)
          mixed_call(host, random = random * 1103515245 + 12345);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ++failed;
      }
    });
  for (std::thread& each : all) each.join();
  host.subs.clear();
  EXPECT(host.python.stop());
  std::printf("%d threads, %ld mixed calls in all over 3 interpreters: %d failed\n", threads, done.load(),
              failed.load());
  return failed != 0;
}

/// Processes that stop Python beside threads that call it: by stop(), by a destructor, and by the end of the process.
int stress(const Arguments& given) {
  const int rounds = given.number(0, 3), threads = given.number(1, 4);
  int wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    const int code = in_process([&] {
      auto host = std::make_unique<Host>(2);
      auto running = std::make_shared<std::atomic<int>>(0);
      std::vector<std::thread> all;
      for (int t = 0; t < threads; ++t)
        all.emplace_back([&its = *host, running, t] {
          unsigned random = unsigned(t) * 7919 + 1;
          try {
            for (int i = 0;; ++i) {
              mixed_call(its, random = random * 1103515245 + 12345);
              if (i == 0) ++*running;
            }
          } catch (const py::StateError&) {  // Python has ended
          }
        });
      while (*running < threads) std::this_thread::yield();
      if (round % 3 == 2) {  // exit() beside the threads
        for (std::thread& each : all) each.detach();
        host.release();
        return;
      }
      EXPECT(host->python.stop());
      for (std::thread& each : all) each.join();
    });
    if (code != 0) std::fprintf(stderr, "round %d ended with %d\n", round, code);
    wrong += code != 0;
  }
  std::printf("%d processes with 2 sub-interpreters ended beside %d threads: %d went wrong\n", rounds, threads, wrong);
  return wrong != 0;
}

/// All of a sub-interpreter's life, for valgrind.
int life(const Arguments&) {
  Host host(2);
  for (unsigned i = 0; i < 90; ++i) mixed_call(host, i % 9 << 24 | i % 3 << 16 | i / 3 % 3 << 20);
  std::vector<py::Object> kept;
  std::thread([&] {
    for (const auto& each : host.subs) {
      each->exec("import threading, json\nt = threading.Thread(target=json.dumps, args=([1],))\nt.start()\nt.join()");
      kept.push_back(each->eval("[json]"));
    }
  }).join();
  kept.erase(kept.begin());
  std::thread([&] { host.subs.pop_back(); }).join();
  host.subs.push_back(std::make_unique<py::SubInterpreter>());
  host.subs.back()->exec("x = 1");
  EXPECT(host.python.stop());
  std::printf("lives of 3 sub-interpreters\n");
  return 0;
}

/// A pool: each thread in an interpreter of its own.
int pool(const Arguments& given) {
  const int threads = 4, jobs = given.number(0, 200);
  py::Interpreter python(released());
  std::atomic<int> next{0}, failed{0};
  const auto begun = Clock::now();
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&] {
      try {
        py::SubInterpreter sub;
        sub.exec("def work(job): return sum(range(job % 1000))");
        const py::GilGuard gil(sub);
        const py::Object work = sub["work"];
        for (int job; (job = next++) < jobs;) EXPECT(work.call<int>(job) == job % 1000 * (job % 1000 - 1) / 2);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ++failed;
      }
    });
  for (std::thread& each : all) each.join();
  EXPECT(python.stop());
  std::printf("a pool of %d did %d jobs in %.2f s: %d threads failed\n", threads, jobs,
              std::chrono::duration<double>(Clock::now() - begun).count(), failed.load());
  return failed != 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Large packages

struct Package {
  const char *name, *use;
};
constexpr Package packages_of_others[] = {
    {"numpy", "import numpy\nkept = numpy.linalg.inv(numpy.eye(3) * 2)\nassert float(kept[0, 0]) == 0.5"},
    {"pandas",
     "import pandas\nkept = pandas.DataFrame({'a': [1, 2, 2], 't': pandas.date_range('2020', periods=3)})\n"
     "assert kept.groupby('a').t.count().sum() == 3"},
    {"matplotlib",
     "import matplotlib, io\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nkept = plt.figure()\n"
     "kept.gca().plot([1, 2, 3])\nkept.savefig(io.BytesIO())\nplt.close(kept)"},
    {"scipy",
     "import scipy.optimize, scipy.sparse\nresult = scipy.optimize.minimize(lambda v: (v[0] - 1) ** 2, [0.0])\n"
     "assert abs(result.x[0] - 1) < 0.001\nkept = scipy.sparse.eye(3).tocsr()"},
    {"lxml",
     "import lxml.etree, lxml.html\nkept = lxml.etree.fromstring('<a><b/></a>')\n"
     "assert kept.xpath('//b')[0].tag == 'b' and lxml.html.fromstring('<p>x').text == 'x'"},
    {"cryptography",
     "from cryptography.fernet import Fernet\nkey = Fernet.generate_key()\n"
     "assert Fernet(key).decrypt(Fernet(key).encrypt(b'x')) == b'x'\nkept = Fernet(key)"},
};

/// Processes that use a package, drop its object on another thread, reset, use it again, and end well.
int packages(const Arguments& given) {
  const int rounds = given.number(0, 1);
  int wrong = 0;
  for (const Package& each : packages_of_others) {
    int good = 0, absent = 0;
    for (int round = 0; round < rounds && absent == 0; ++round) {
      const int code = in_process([&] {
        py::Interpreter python;
        if (!python.try_exec(std::string("import ") + each.name)) std::_Exit(77);
        for (int time = 0; time < 2; ++time) {
          python.exec(each.use);
          py::Object kept = python["kept"];
          {
            const py::GilRelease others;
            std::thread([&] { kept = py::Object(); }).join();
          }
          python.reset();
        }
      });
      if (code != 0 && code != 77) std::fprintf(stderr, "%s: round %d ended with %d\n", each.name, round, code);
      good += code == 0;
      absent += code == 77;
      wrong += code != 0 && code != 77;
    }
    if (absent == 0) std::printf("%s: %d of %d processes ended well\n", each.name, good, rounds);
  }
  return wrong != 0;
}

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}
void print_spread(const char* what, std::vector<double>& took) {
  std::sort(took.begin(), took.end());
  std::printf("%-48s p50 %8.1f us, p99 %8.1f us\n", what, took[took.size() / 2], took[took.size() * 99 / 100]);
}

void add_tasks(py::Scope& python) {
  python.module_from_string("tasks", R"(
      import asyncio, os
      async def done(x): return x
      async def nap(x):
          await asyncio.sleep(0)
          return x
      async def forever(): await asyncio.Event().wait()
      async def get(function): return await function()
      async def busy():
          while True:
              sum(range(100000))
              await asyncio.sleep(0)
      async def watch(descriptor):
          asyncio.get_running_loop().add_reader(descriptor, os.read, descriptor, 8)
      async def soon(): return asyncio.get_running_loop().call_soon_threadsafe
  )");
}

/// run_until_complete() of a coroutine that does not wait, beside the method of a loop called by the C API.
void time_until_complete(py::Interpreter& python, int count) {
  const py::GilGuard gil(python);
  const py::Object done = python.get("tasks.done"), loop = python.call("asyncio", "new_event_loop");
  const py::Object run = loop.attr("run_until_complete");
  const py::detail::Api& c = py::detail::api();
  std::vector<double> ours, by_hand;
  for (int at = 0; at < count; ++at) {
    const py::Object first = done(at), second = done(at);
    auto begin = Clock::now();
    EXPECT(python.run_until_complete<int>(first) == at);
    ours.push_back(microseconds_since(begin));
    begin = Clock::now();
    PyObject* argument = second.ptr();
    const py::Object result = py::Object::steal(c.Object_VectorcallDict(run.ptr(), &argument, 1, nullptr));
    by_hand.push_back(microseconds_since(begin));
    EXPECT(result.as<int>() == at);
  }
  loop.call_method("close");
  print_spread("run_until_complete()", ours);
  print_spread("the same by hand in the C API", by_hand);
}

/// What it costs a C++ thread to give a busy loop a value.
void time_promises(py::Interpreter& python, int count) {
  py::EventLoop loop(python);
  std::vector<py::Promise<int>> promises;
  py::Object wait, soon, nothing;
  {
    const py::GilGuard gil(python);
    python.module("host").def("wait", [&] { return promises.emplace_back(); });
    wait = python.get("host.wait");
    nothing = python.eval("lambda: None");
    soon = loop.call("tasks", "soon").get();
  }
  py::Future<void> busy = loop.call<void>("tasks", "busy");
  const int watched = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  loop.call<void>("tasks", "watch", watched).get();
  std::vector<double> by_promise, by_call_soon, by_write;
  for (int round = 0; round < count; ++round) {
    py::Future<int> future = loop.call<int>("tasks", "get", wait);
    loop.call<int>("tasks", "nap", 1).get();  // the task awaits the Promise
    auto begin = Clock::now();
    EXPECT(promises.back().set_value(round));
    by_promise.push_back(microseconds_since(begin));
    EXPECT(future.get() == round);
    begin = Clock::now();
    {
      const py::GilGuard gil(python);
      soon(nothing);
    }
    by_call_soon.push_back(microseconds_since(begin));
    loop.call<int>("tasks", "nap", 1).get();
    const std::uint64_t one = 1;
    begin = Clock::now();
    EXPECT(write(watched, &one, sizeof one) == sizeof one);
    by_write.push_back(microseconds_since(begin));
  }
  busy.cancel();
  const py::GilGuard gil(python);
  wait = soon = nothing = py::Object();
  close(watched);
  print_spread("write() alone, to an eventfd that it watches", by_write);
  print_spread("Promise::set_value(), while the loop is busy", by_promise);
  print_spread("call_soon_threadsafe(), while it is busy", by_call_soon);
}

/// Coroutines that wait at the same time, for four threads.
void time_flight(py::Interpreter& python, int of_each) {
  py::EventLoop loop(python);
  const auto begin = Clock::now();
  std::atomic<long> sum{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      std::vector<py::Future<int>> futures;
      for (int at = 0; at < of_each; ++at) futures.push_back(loop.call<int>("tasks", "nap", at));
      for (py::Future<int>& each : futures) sum += each.get();
    });
  for (std::thread& each : threads) each.join();
  EXPECT(sum == 2L * of_each * (of_each - 1));
  std::printf("%d coroutines of 4 threads: %.0f ms\n", 4 * of_each, microseconds_since(begin) / 1000);
}

/// set_value(), a cancellation and the end of the loop race for each Promise.
void race_promises(py::Interpreter& python, int count) {
  long set = 0, refused = 0;
  for (int done = 0; done < count;) {
    auto loop = std::make_unique<py::EventLoop>(python);
    std::vector<py::Promise<int>> promises;
    python.module("host").def("wait", [&] { return promises.emplace_back(); });
    std::vector<py::Future<int>> futures;
    for (int at = 0; at < 500; ++at) {
      const py::GilGuard gil(python);
      futures.push_back(loop->call<int>("tasks", "get", python.get("host.wait")));
    }
    loop->call<int>("tasks", "nap", 1).get();  // all wait
    long its_set = 0, its_refused = 0;
    std::atomic<int> ready{0};
    const auto begin = [&] {
      for (++ready; ready < 3;) std::this_thread::yield();
    };
    std::thread setting([&] {
      begin();
      for (py::Promise<int>& each : promises) ++(each.set_value(1) ? its_set : its_refused);
    });
    std::thread cancelling([&] {
      begin();
      for (auto each = futures.rbegin(); each != futures.rend(); ++each) each->cancel();
    });
    begin();
    loop.reset();
    setting.join();
    cancelling.join();
    for (py::Future<int>& each : futures) {
      try {
        EXPECT(each.get() == 1);
      } catch (const py::CancelledError&) {
      }
    }
    set += its_set;
    refused += its_refused;
    done += 500;
  }
  std::printf("%ld promises raced: %ld set, %ld refused\n", set + refused, set, refused);
}

/// Processes whose stop ends a loop with tasks.
int time_stops(int count) {
  int wrong = 0, slow = 0;
  for (int round = 0; round < count; ++round) {
    const int code = in_process([] {
      py::Interpreter python(released());
      add_tasks(python);
      py::EventLoop loop(python);
      std::vector<py::Future<void>> left;
      for (int task = 0; task < 50; ++task) left.push_back(loop.call<void>("tasks", "forever"));
      const py::Future<void> busy = loop.call<void>("tasks", "busy");
      const auto begin = Clock::now();
      EXPECT(python.stop());
      const bool is_slow = Clock::now() - begin > 1s;
      for (py::Future<void>& each : left) EXPECT(each.is_ready());
      if (is_slow) std::exit(77);
    });
    slow += code == 77;
    wrong += code != 0 && code != 77;
  }
  std::printf("%d stops with 51 tasks: %d took a second, %d went wrong\n", count, slow, wrong);
  return wrong;
}

int loops(const Arguments& given) {
  const int count = given.number(0, 20);
  if (given.word(1, "all") == "race")
    return in_process([&] {
      py::Interpreter python(released());
      add_tasks(python);
      race_promises(python, count);
    });
  const int failed = in_process([&] {
    py::Interpreter python(released());
    add_tasks(python);
    time_until_complete(python, count * 10);
    time_promises(python, count);
    time_flight(python, count * 5 / 2);
    race_promises(python, count * 10);
  });
  return failed + time_stops(count / 5);
}

/// The memory of a view, in the interpreter or its sub-interpreter, is dropped in this order.
void drop_in_order(const std::vector<int>& order, bool in_sub) {
  std::optional<py::Interpreter> python(std::in_place, released());
  std::optional<py::SubInterpreter> sub(std::in_place);
  auto owner = std::make_shared<std::vector<int>>(1000, 7);
  const std::weak_ptr<std::vector<int>> watched = owner;
  std::optional<py::View> view;
  std::optional<py::Buffer<const int>> buffer;
  py::Object token;
  {
    const py::GilGuard gil(in_sub ? static_cast<py::Scope&>(*sub) : *python);
    view.emplace(py::view(owner->data(), owner->size(), owner));
    buffer.emplace(*view);
    token = view->call_method("__dlpack__");
  }
  for (const int each : order) {
    if (buffer) EXPECT((*buffer)[999] == 7);
    switch (each) {
      case 0:
        owner.reset();
        break;
      case 1:
        view.reset();
        break;
      case 2:
        buffer.reset();
        break;
      case 3:
        token = py::Object();
        break;
      case 4:
        sub.reset();
        break;
      default:
        python.reset();
    }
  }
  // What lives when its interpreter ends is never freed: CPython keeps objects that are referred to.
  const auto first_end =
      std::find_if(order.begin(), order.end(), [&](int each) { return each == 5 || (in_sub && each == 4); });
  const bool is_dropped_before =
      std::count_if(order.begin(), first_end, [](int each) { return each >= 1 && each <= 3; }) == 3;
  EXPECT(watched.expired() || !is_dropped_before);
}

/// Every order in which the owner of memory, its view, a buffer, a capsule and the interpreters can end.
int orders(const Arguments& given) {
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  int at = 0, done = 0, wrong = 0;
  do {
    if (at++ % given.number(0, 240) != 0) continue;
    for (const bool in_sub : {false, true}) {
      ++done;
      if (in_process([&] { drop_in_order(order, in_sub); }) == 0) continue;
      ++wrong;
      std::fprintf(stderr, "orders: %d%d%d%d%d%d %s\n", order[0], order[1], order[2], order[3], order[4], order[5],
                   in_sub ? "sub" : "main");
    }
  } while (std::next_permutation(order.begin(), order.end()));
  std::printf("%d orders of ends, %d went wrong\n", done, wrong);
  return wrong != 0;
}

struct Figure {
  const char *name, *arguments;
  int (*measure)(const Arguments&);
};
constexpr Figure figures[] = {
    {"subs", "[<count> [shared|own]]", &subs},
    {"restarts", "[<count>]", &restarts},
    {"stops", "[<count> [<kind> [main|sub]]]", &stops},
    {"handles", "[<count>]", &handles},
    {"forks", "[<count>]", &forks},
    {"mixed", "[<threads> [<calls of each> [<seconds at most>]]]", &mixed},
    {"stress", "[<processes> [<threads>]]", &stress},
    {"life", "", &life},
    {"pool", "[<jobs>]", &pool},
    {"packages", "[<processes of each>]", &packages},
    {"loops", "[<rounds> [race]]", &loops},
    {"orders", "[<one of so many>]", &orders},
};

int measure(const Figure& figure, const Arguments& given) {
  try {
    return figure.measure(given);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", figure.name, error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  if (argc > 1) {
    for (const Figure& each : figures)
      if (std::strcmp(each.name, argv[1]) == 0) return measure(each, {{argv + 2, argv + argc}});
    for (const Figure& each : figures) std::fprintf(stderr, "figures %s %s\n", each.name, each.arguments);
    return 2;
  }
  int result = 0;
  for (const Figure& each : figures) result |= in_process([&] { std::exit(measure(each, {})); });  // a few of each
  return result != 0;
}

#else
int main() {
  std::puts("skipped: it needs Linux");
  return 4;
}
#endif
