// Tests of how a process ends while Python, SubInterpreters and handles live: by the program, and by scripts.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

#ifndef _WIN32
#include <latepy/stl/function.hpp>

#include <thread>

using py::GilGuard;
using py::GilRelease;
using py::Object;
using py::SubInterpreter;

namespace {

struct Point {
  int x = 3;
};

/// Handles of each kind.
struct Handles {
  Object object, instance;
  std::function<int(int)> function;
  py::Function<int(int)> python_function;
  std::unique_ptr<SubInterpreter> sub;
  void fill(py::Scope& scope) {
    const GilGuard gil(scope);
    object = scope.eval("[object(), {}]");
    scope.exec("from host import Point\nclass Derived(Point): pass");
    instance = scope.eval("Derived()");
    function = scope.eval<std::function<int(int)>>("lambda x: x + 1");
    sub = std::make_unique<SubInterpreter>();
    sub->exec("x = 1");
  }
};

/// Where the handles are at the end.
enum class Kept { in_static, in_thread_local, leaked };
const Kept places_of_handles[] = {Kept::in_static, Kept::in_thread_local, Kept::leaked};

void add_host(py::Scope& scope, const std::function<void()>& end) {
  py::Module host = scope.module("host");
  host.add_class<Point>("Point").init<>().def("x", &Point::x);
  host.def("end", end);
}

/// Runs `call` in a process with an Interpreter and a SubInterpreter. \param end what the host function end() does.
template <class F>
Outcome run_ending(Kept kept, const std::function<void()>& end, F call) {
  return run_in_child([&] {
    is_leak_check_off = true;
    static py::Interpreter* leaked = nullptr;
    static Handles in_static;
    static thread_local Handles in_thread;
    Handles* const handles = kept == Kept::in_static         ? &in_static
                             : kept == Kept::in_thread_local ? &in_thread
                                                             : new Handles();
    py::Interpreter* python = nullptr;
    if (kept == Kept::in_static) {
      static py::Interpreter interpreter;
      python = &interpreter;
    } else {
      python = leaked = new py::Interpreter();
    }
    add_host(*python, end);
    handles->fill(*python);
    py::SubConfig config;
    config.allow_fork = true;
    static std::unique_ptr<SubInterpreter> sub;
    sub = std::make_unique<SubInterpreter>(config);
    add_host(*sub, end);
    call(*python, *sub);
  });
}

struct Ending {
  const char* name;
  void (*end)();
  int exit_code, signal;
};
const Ending endings[] = {
    {"exit", [] { std::exit(7); }, 7, 0},
    {"quick_exit", [] { std::quick_exit(7); }, 7, 0},
    {"_Exit", [] { std::_Exit(7); }, 7, 0},
    {"abort", [] { std::abort(); }, -1, SIGABRT},
    {"exec", [] { execl("/bin/sh", "sh", "-c", "exit 7", static_cast<char*>(nullptr)); }, 7, 0},
};

struct Place {
  const char* name;
  void (*call)(py::Interpreter& python, SubInterpreter& sub, void (*end)());
};
const Place places[] = {
    {"outside", [](py::Interpreter&, SubInterpreter&, void (*end)()) { end(); }},
    {"in a host function",
     [](py::Interpreter& python, SubInterpreter&, void (*)()) { python.exec("import host; host.end()"); }},
    {"in a host function of a SubInterpreter",
     [](py::Interpreter&, SubInterpreter& sub, void (*)()) { sub.exec("import host; host.end()"); }},
    {"in a guard of a SubInterpreter",
     [](py::Interpreter&, SubInterpreter& sub, void (*end)()) {
       const GilGuard gil(sub);
       end();
     }},
    {"on another thread",
     [](py::Interpreter&, SubInterpreter&, void (*end)()) {
       const GilRelease others;
       std::thread(end).join();
     }},
    {"on another thread, in a guard",
     [](py::Interpreter&, SubInterpreter&, void (*end)()) {
       const GilRelease others;
       std::thread([end] {
         const GilGuard gil;
         end();
       }).join();
     }},
    {"on another thread, in a host function of a SubInterpreter",
     [](py::Interpreter&, SubInterpreter& sub, void (*)()) {
       const GilRelease others;
       std::thread([&] { sub.exec("import host; host.end()"); }).join();
     }},
    {"on another thread, beside a script",
     [](py::Interpreter& python, SubInterpreter&, void (*end)()) {
       std::thread(end).detach();
       python.exec("while True: pass");
     }},
    {"on another thread, beside a script of a SubInterpreter",
     [](py::Interpreter&, SubInterpreter& sub, void (*end)()) {
       const GilGuard inside(sub);  // before the end of the interpreter begins
       std::thread(end).detach();
       sub.exec("while True: pass");
     }},
    {"on a thread of Python",
     [](py::Interpreter& python, SubInterpreter&, void (*)()) {
       python.exec("import host, threading, time\nthreading.Thread(target=host.end).start()\ntime.sleep(1000)");
     }},
    {"on a thread of Python in a SubInterpreter",
     [](py::Interpreter&, SubInterpreter& sub, void (*)()) {
       sub.exec("import host, threading, time\nthreading.Thread(target=host.end).start()\ntime.sleep(1000)");
     }},
};

struct ScriptEnding {
  const char* code;
  int exit_code, signal;
};
const ScriptEnding script_endings[] = {
    {"import os; os._exit(7)", 7, 0},
    {"import os; os.abort()", -1, SIGABRT},
    {"import os; os.execv('/bin/sh', ['sh', '-c', 'exit 7'])", 7, 0},
    {"import signal; signal.raise_signal(signal.SIGTERM)", -1, SIGTERM},
    {"import sys, threading\nt = threading.Thread(target=sys.exit, args=(7,)); t.start(); t.join()", 0, 0},
    {"import _thread\nt = _thread.start_new_thread(_thread.exit, ())", 0, 0},
};

void check_end(const Outcome& outcome, int exit_code, int signal) {
  INFO(outcome.output);
  CHECK(outcome.exit_code == exit_code);
  CHECK(outcome.signal == signal);
  CHECK(outcome.output == "");
}

}  // namespace

TEST_CASE("the program ends as it asks to, wherever it asks, while handles and SubInterpreters live", "[exit]") {
  int number = 0;
  for (const Place& place : places)
    for (const Ending& ending : endings) {
      const Kept kept = places_of_handles[number++ % 3];
      INFO(ending.name << " " << place.name << ", handles " << int(kept));
      check_end(run_ending(kept, ending.end,
                           [&](py::Interpreter& python, SubInterpreter& sub) { place.call(python, sub, ending.end); }),
                ending.exit_code, ending.signal);
    }
}

TEST_CASE("a script that ends the process does, in each interpreter and on each thread", "[exit]") {
  int number = 0;
  for (const ScriptEnding& ending : script_endings)
    for (const int place : {0, 1, 2, 3}) {
      const Kept kept = places_of_handles[number++ % 3];
      INFO(ending.code << " " << place << ", handles " << int(kept));
      check_end(run_ending(
                    kept, [] {},
                    [&](py::Interpreter& python, SubInterpreter& sub) {
                      py::Scope& scope = place % 2 == 0 ? static_cast<py::Scope&>(python) : sub;
                      if (place < 2) return scope.exec(ending.code);
                      const GilRelease others;
                      std::thread([&] { scope.exec(ending.code); }).join();
                    }),
                ending.exit_code, ending.signal);
    }
}
#endif
