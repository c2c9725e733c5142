// Tests of latepy/core/gil.hpp: threads of C++ and of Python, and references dropped anywhere.
// SPDX-License-Identifier: MIT
#include "c_api.hpp"

#ifndef _WIN32
#include <thread>

using py::GilGuard;
using py::GilRelease;
using py::Object;
using py::StateError;

namespace {

template <class F>
void on_threads(int count, F function) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(function);
  for (std::thread& thread : threads) thread.join();
}

/// How many thread states the interpreter has. Needs the GIL.
int thread_states() {
  const auto next = c_api<PyThreadState*(PyThreadState*)>("PyThreadState_Next");
  int count = 0;
  for (PyThreadState* state = c_api<PyThreadState*(PyInterpreterState*)>("PyInterpreterState_ThreadHead")(
           c_api<PyInterpreterState*()>("PyInterpreterState_Main")());
       state; state = next(state))
    ++count;
  return count;
}

py::Config released() {
  py::Config config;
  config.release_gil = true;
  return config;
}

}  // namespace

TEST_CASE("any thread enters Python with a GilGuard", "[threads][gil][nesting]") {
  in_child([] {
    py::Interpreter python(released());
    python.exec("count = 0");
    on_threads(16, [&] {
      for (int i = 0; i < 10000; ++i) {
        const GilGuard gil;
        const GilGuard nested;  // nests freely
        python["count"] = i;
      }
    });
    EXPECT(python.eval<int>("count") == 9999);
  });
}

TEST_CASE("increments under the guard are not lost", "[threads][gil]") {
  in_child([] {
    py::Interpreter python(released());
    python.exec("count = 0");
    int count = 0;  // not atomic: the GIL protects it
    on_threads(8, [&] {
      for (int i = 0; i < 2000; ++i) {
        const GilGuard gil;
        if (python.is_free_threaded()) return;
        ++count;
      }
    });
    EXPECT(count == 16000 || python.is_free_threaded());
  });
}

TEST_CASE("with release_gil the program is written as without", "[release-gil]") {
  in_child([] {
    py::Interpreter python(released());
    EXPECT(!latepy::detail::holds_gil());
    python["x"] = 1;
    python["x"] += 1;
    EXPECT(python["x"].as<int>() == 2);
    python.exec("def f(a): return a * x");
    EXPECT(python.call<int>("__main__", "f", 21) == 42);
    EXPECT(python.eval<int>("f(3)") == 6);
    EXPECT(python["f"].call<int>(4) == 8);
    python["x"].del();
    EXPECT(EXPECT_THROWN(py::NameError, python.eval("f(1)")).message() == "name 'x' is not defined");
    EXPECT(python.try_eval<int>("y").error().is("NameError"));
    EXPECT(!latepy::detail::holds_gil());
    std::thread([&] { python["from_thread"] = "yes"; }).join();  // main waits, and does not hold the GIL
    EXPECT(python["from_thread"].as<std::string>() == "yes");
  });
}

#if LATEPY_CHECKS || LATEPY_CHECKS_BY_DEFAULT
TEST_CASE("with release_gil what makes or uses objects without a guard is refused in every build", "[release-gil]") {
  in_child([] {
    py::Interpreter python(released());
    const Object text = python["__name__"];
    const auto names_the_guard = [](const StateError& error) { return has(error.what(), "put a latepy::GilGuard"); };
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, py::list(1, 2))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, py::dict("a"_a = 1))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, py::tuple(1))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, py::set(1))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, python["x"] = py::none())));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, latepy::to_py(1))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, latepy::to_py("text"))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, latepy::to_py(nullptr))));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, text.attr("upper")())));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, Object copy = text)));
    EXPECT(names_the_guard(EXPECT_THROWN(StateError, (void)(text == "x"))));
    const GilGuard gil;
    EXPECT(py::list(1, text).contains("__main__"));
  });
}
#endif

TEST_CASE("Python's threads run while the program is elsewhere, with release_gil or a GilRelease", "[release-gil]") {
  in_child([] {
    py::Interpreter python;
    python.exec("import threading\ndone = threading.Event()\nthreading.Thread(target=done.set).start()");
    {
      const GilRelease others;
      EXPECT(!latepy::detail::holds_gil());
      { const GilRelease nothing; }  // where the GIL is not held nothing happens
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      EXPECT(python.eval<bool>("done.is_set()"));
    }
    EXPECT(latepy::detail::holds_gil());
  });
}

TEST_CASE("without a guard the use of an Object names the rule, where checks are on") {
  in_child([] {
    py::Interpreter python;
    const Object list = python.eval("[1]");
    latepy::detail::begin_library_checks();  // as LATEPY_CHECKS does
    std::string what;
    std::thread([&] { what = EXPECT_THROWN(StateError, list[0].as<int>()).what(); }).join();
    EXPECT(has(what, "does not hold the GIL") && has(what, "GilGuard"));
    EXPECT(list[0].as<int>() == 1);
  });
}

TEST_CASE("a guard without a Python, or after it, throws StateError; try_acquire gives nothing", "[stop]") {
  in_child([] {
    EXPECT(has(EXPECT_THROWN(StateError, GilGuard()).what(), "no Python runs"));
    EXPECT(!GilGuard::try_acquire());
    {
      py::Interpreter python;
      EXPECT(GilGuard::try_acquire());
      std::optional<GilGuard> kept = GilGuard::try_acquire();
      EXPECT(kept);
    }
    EXPECT(!GilGuard::try_acquire());
    EXPECT_THROWN(StateError, GilGuard());
    std::thread([] { EXPECT(!GilGuard::try_acquire()); }).join();
  });
}

TEST_CASE("a guard for which CPython has no memory throws bad_alloc, and holds up nothing", "[stop][threads]") {
  in_child([] {
    py::Interpreter python(released());
    auto& function = latepy::detail::library_state.api.ThreadState_New;
    const auto before = function;
    on_threads(1, [&] {
      function = [](PyInterpreterState*) -> PyThreadState* { return nullptr; };
      EXPECT_THROWN(std::bad_alloc, GilGuard());
      EXPECT_THROWN(std::bad_alloc, GilGuard::try_acquire());
      EXPECT(!latepy::detail::holds_gil());
      function = before;
      const GilGuard gil;
      EXPECT(python.eval<int>("6 * 7") == 42);
    });
    EXPECT(python.stop(std::chrono::seconds(10)));  // no guard is counted any more
  });
}

TEST_CASE("a guard or a release that outlives its Python is harmless", "[stop]") {
  in_child([] {
    auto python = std::make_unique<py::Interpreter>(released());
    {
      const GilGuard gil;
      EXPECT(has(EXPECT_THROWN(StateError, python->stop()).what(), "GilGuard"));
    }
    {
      auto other = std::make_unique<GilRelease>();  // holds nothing: release_gil
      EXPECT(python->stop());
    }
    python.reset();
  });
  in_child([] {
    py::Interpreter python;
    const GilRelease others;
    EXPECT(python.stop());
  });
}

TEST_CASE("a thread keeps one thread state, and the next one to enter frees that of a thread that ended") {
  in_child([] {
    py::Interpreter python(released());
    const auto count = [] {
      const GilGuard gil;
      return thread_states();
    };
    const int before = count();
    std::thread([&] {
      PyThreadState* state = nullptr;
      for (int i = 0; i < 100; ++i) {
        const GilGuard gil;
        PyThreadState* const now = c_api<PyThreadState*()>("PyThreadState_Get")();
        EXPECT(!state || state == now);
        state = now;
      }
      EXPECT(count() == before + 1);
    }).join();
    EXPECT(count() == before || latepy::detail::library_state.leaks_thread_states);
    for (int i = 0; i < 250; ++i) on_threads(8, [] { const GilGuard gil; });  // 2,000 threads
    EXPECT(count() == before || latepy::detail::library_state.leaks_thread_states);
    EXPECT(python.eval<int>("len(__import__('sys')._current_frames())") == 1);
  });
}

TEST_CASE("freeing the states of ended threads leaves PyGILState of this thread alone") {
  // CPython from 3.12 forgets the state of the thread that deletes another thread's; ctypes would then wait for itself.
  in_child([] {
    py::Interpreter python;
    const auto this_state = c_api<PyThreadState*()>("PyGILState_GetThisThreadState");
    const auto ensure = c_api<int()>("PyGILState_Ensure");
    const auto release = c_api<void(int)>("PyGILState_Release");
    PyThreadState* const mine = this_state();
    {
      const GilRelease others;
      on_threads(4, [] { const GilGuard gil; });
    }
    python.exec("1");  // frees them
    EXPECT(thread_states() == 1 || latepy::detail::library_state.leaks_thread_states);
    EXPECT(this_state() == mine);
    release(ensure());
    python.exec(
        "import ctypes\n"
        "called = ctypes.PYFUNCTYPE(ctypes.c_int)(lambda: 1)()\n"
        "called += ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)()");
    EXPECT(python.eval<int>("called") == 2);
    const GilRelease others;
    std::thread([&] {  // the same on a thread of C++
      { const GilGuard gil; }
      std::thread([] { const GilGuard gil; }).join();
      const GilGuard gil;
      EXPECT(this_state() == c_api<PyThreadState*()>("PyThreadState_Get")());
      release(ensure());
    })
        .join();
  });
}

TEST_CASE("the end of a thread never waits for the GIL", "[gil]") {
  in_child([] {
    py::Interpreter python;  // this thread holds the GIL
    std::atomic<bool> entered{false};
    std::thread worker;
    {
      const GilRelease others;
      worker = std::thread([&] {
        thread_local Object kept;
        const GilGuard gil;
        kept = latepy::to_py("dropped when the thread ends");
        entered = true;
      });
      while (!entered) std::this_thread::yield();
    }
    worker.join();  // with the GIL
    EXPECT(latepy::detail::holds_gil());
  });
}

TEST_CASE("guards work in the destructors of thread_local objects", "[lifetime][threads]") {
  const std::string output = in_child([] {
    py::Interpreter python(released());
    struct Last {
      ~Last() {
        {
          const GilGuard gil;
          py::Interpreter::current().exec("print('in a destructor')");
        }
        const GilGuard again;
      }
    };
    for (int i = 0; i < 3; ++i)
      std::thread([] {
        thread_local Last last;  // made before latepy's own thread_locals, and so destroyed after them
        (void)&last;
        const GilGuard gil;
      }).join();
    const GilGuard gil;
    EXPECT(thread_states() == 1 || latepy::detail::library_state.leaks_thread_states);
  });
  CHECK(output == "in a destructor\nin a destructor\nin a destructor\n");
}

TEST_CASE("references dropped without the GIL are freed by the next thread that enters", "[decref]") {
  in_child([] {
    py::Interpreter python;
    python.exec("import sys\nclass Thing: pass\nthing = Thing()\ndef references(): return sys.getrefcount(thing)");
    const int before = python.call<int>("__main__", "references");
    std::vector<Object> objects;
    for (int i = 0; i < 1000; ++i) objects.push_back(python["thing"]);
    EXPECT(python.call<int>("__main__", "references") == before + 1000);
    std::thread([&] { objects.clear(); }).join();  // while this thread holds the GIL
    EXPECT(python.call<int>("__main__", "references") == before);
    EXPECT(latepy::detail::process_state().leaked == 0);
  });
}

TEST_CASE("100,000 drops from threads without the GIL, while others run Python", "[decref]") {
  in_child([] {
    py::Interpreter python(released());
    python.exec("import sys\nclass Thing: pass\nthing = Thing()");
    const int before = python.eval<int>("sys.getrefcount(thing)");
    std::vector<std::vector<Object>> each(10);
    {
      const GilGuard gil;
      for (auto& objects : each)
        for (int i = 0; i < 10000; ++i) objects.push_back(python["thing"]);
    }
    std::atomic<bool> done{false};
    std::thread busy([&] {
      while (!done) python.exec("sum(range(100))");
    });
    std::vector<std::thread> droppers;
    for (auto& objects : each) droppers.emplace_back([&] { objects.clear(); });
    for (std::thread& dropper : droppers) dropper.join();
    done = true;
    busy.join();
    EXPECT(python.eval<int>("sys.getrefcount(thing)") == before);
  });
}

TEST_CASE("an object's destructor may run Python when it is freed late", "[decref]") {
  const std::string output = in_child([] {
    py::Interpreter python(released());
    Object object = python.eval("type('T', (), {'__del__': lambda self: print('freed')})()");
    std::thread([&] { object = Object(); }).join();
    python.exec("pass");
    python.exec("print('after')");
  });
  CHECK(output == "freed\nafter\n");
}

TEST_CASE("guards and PyGILState_Ensure of other embedders nest in any order", "[nesting]") {
  in_child([] {
    py::Interpreter python(released());
    const auto ensure = c_api<int()>("PyGILState_Ensure");
    const auto release = c_api<void(int)>("PyGILState_Release");
    const auto theirs_inside = [&] {
      const GilGuard gil;
      const int state = ensure();
      python["inside"] = 1;
      release(state);
      EXPECT(python["inside"].as<int>() == 1);
    };
    const auto theirs_outside = [&] {
      const int state = ensure();
      {
        const GilGuard gil;
        python["outside"] = 2;
        const GilRelease others;
        const GilGuard again;
      }
      EXPECT(latepy::detail::holds_gil());
      release(state);
      EXPECT(!latepy::detail::holds_gil());
    };
    on_threads(4, [&] {
      for (int i = 0; i < 100; ++i) {
        theirs_inside();
        theirs_outside();
      }
    });
    on_threads(4, [&] {
      for (int i = 0; i < 100; ++i) {
        theirs_outside();
        theirs_inside();
      }
    });
    theirs_inside();
    theirs_outside();
    const GilGuard gil;
    EXPECT(thread_states() == 1 || latepy::detail::library_state.leaks_thread_states);
  });
}

TEST_CASE("a guard inside an interpreter that a script made enters that of the program, and goes back", "[nesting]") {
  in_child([] {
    py::Interpreter python;
    if (!latepy::detail::library_state.current_is_per_thread) return;  // before 3.12 nobody can tell
    static py::Interpreter* program = &python;
    python.exec("where = 'program'");
    static std::string entered;
    void (*const enter)() = [] {
      const GilGuard gil;
      entered += program->eval<std::string>("where") + " ";
      const GilRelease others;
      const GilGuard again;
      entered += (*program)["where"].as<std::string>();
    };
    python["address"] = reinterpret_cast<std::uintptr_t>(enter);
    python.exec(R"(
try:
  import _interpreters as interpreters
  made = interpreters.create('legacy')
except ImportError:
  import _xxsubinterpreters as interpreters
  made = interpreters.create(isolated=False)
failed = interpreters.run_string(made, f"""
import ctypes
where = 'script'
ctypes.PYFUNCTYPE(None)({address})()
assert where == 'script'
""")
assert failed is None, failed
interpreters.destroy(made)
)");
    EXPECT(entered == "program program");
  });
}

TEST_CASE("threads that Python made need no more than others") {
  in_child([] {
    py::Interpreter python(released());
    static py::Interpreter* interpreter;
    interpreter = &python;
    // A callback that a thread of Python calls without the GIL, and one that is called with it.
    void (*without)() = [] {
      EXPECT(latepy::detail::holds_gil());  // ctypes took it for us and gives it back
      interpreter->exec("calls.append('python')");
      const GilRelease others;
      interpreter->exec("calls.append('released')");
    };
    python.exec("import ctypes, threading\ncalls = []");
    python["address"] = reinterpret_cast<std::uintptr_t>(without);
    python.exec(
        "call = ctypes.PYFUNCTYPE(None)(address)\n"
        "threads = [threading.Thread(target=call) for i in range(8)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n");
    EXPECT(python.eval<int>("len(calls)") == 16);
    const GilGuard gil;
    EXPECT(thread_states() == 1 || latepy::detail::library_state.leaks_thread_states);
  });
}

TEST_CASE("threads that poll are not counted while Python stops, so that they cannot hold up the stop",
          "[stop][threads]") {
  in_child([] {
    py::Interpreter python(released());
    latepy::detail::InterpreterState& interpreter = latepy::detail::current_interpreter();
    interpreter.stopping = 1;
    std::atomic<int> refused{0};
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        while (!done)
          if (!GilGuard::try_acquire()) ++refused;
      });
    int counted = 0;
    for (int looks = 0; looks < 1000 || refused < 100000; ++looks)
      counted += latepy::detail::threads_inside(interpreter);
    done = true;
    for (std::thread& thread : threads) thread.join();
    interpreter.stopping = 0;
    EXPECT(counted == 0);
    EXPECT(GilGuard::try_acquire());
  });
}

TEST_CASE("each thread counts its guards by itself, and a later thread takes over the count", "[stop][threads]") {
  in_child([] {
    using latepy::detail::GuardCount;
    py::Interpreter python(released());
    latepy::detail::InterpreterState& interpreter = latepy::detail::current_interpreter();
    const auto counts = [&] {
      int length = 0;
      for (const GuardCount* each = interpreter.counts; each; each = each->next) ++length;
      return length;
    };
    std::atomic<int> there{0};
    std::atomic<bool> done{false};
    const GuardCount* taken[4] = {};
    std::vector<std::thread> threads;
    for (const GuardCount*& own : taken)
      threads.emplace_back([&] {
        const GilGuard gil, nested;
        own = latepy::detail::thread_record.count;
        const py::GilRelease others;  // still in the guards: the stop waits for them
        ++there;
        while (!done) std::this_thread::yield();
      });
    while (there < 4) std::this_thread::yield();
    EXPECT(threads_inside(interpreter) == 4);
    for (const GuardCount* each : taken) EXPECT(each->number == 1 && each->interpreter == &interpreter);
    done = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT(threads_inside(interpreter) == 0);
    const int before = counts();
    for (int i = 0; i < 100; ++i) std::thread([] { const GilGuard gil; }).join();
    EXPECT(counts() == before);
  });
}

TEST_CASE("a thread in a guard of one library is not taken for Python's by another one", "[stop][fork][threads]") {
  in_child([] {
    py::Interpreter python(released());
    latepy::detail::InterpreterState& interpreter = latepy::detail::current_interpreter();
    std::atomic<bool> is_there{false};
    std::thread thread([&] {
      const GilGuard gil;
      latepy::detail::ThreadRecord& record = latepy::detail::thread_record;
      const latepy::detail::ThreadRecord own = std::exchange(record, {});  // as that of a library that has hidden state
      {
        const GilRelease others;
        is_there = true;
        while (interpreter.stopping == 0) std::this_thread::yield();
      }  // does not wait for the end of the stop, which waits for the guard
      record = own;
    });
    while (!is_there) std::this_thread::yield();
    EXPECT(python.stop(std::chrono::seconds(5)));
    thread.join();
  });
  in_child([] {
    py::Interpreter python;
    latepy::detail::InterpreterState& interpreter = latepy::detail::current_interpreter();
    const GilRelease main;
    std::thread([&] {
      const GilGuard gil;
      latepy::detail::ThreadRecord& record = latepy::detail::thread_record;
      for (int i = 0; i < 2; ++i) {  // the child of a fork() comes to each library
        latepy::detail::reset_counts(interpreter, record.depth);
        EXPECT(threads_inside(interpreter) == 1);
        const latepy::detail::ThreadRecord own = std::exchange(record, {});
        latepy::detail::reset_counts(interpreter, record.depth);
        EXPECT(threads_inside(interpreter) == 1);
        record = own;
      }
    }).join();
    EXPECT(threads_inside(interpreter) == 0);
  });
}

TEST_CASE("a thread that Python made never holds up the stop, and atexit runs", "[stop][threads][atexit]") {
  const std::string output = in_child([] {
    static std::atomic<bool> is_there{false}, never{false};
    py::Interpreter python;
    python.def(
        "work",
        [] {
          is_there = true;
          while (!never) std::this_thread::yield();
        },
        py::release_gil);
    python.exec(R"(
        import atexit, threading
        atexit.register(print, 'atexit')
        threading.Thread(target=work, daemon=True).start())");
    {
      const GilRelease others;
      while (!is_there) std::this_thread::yield();
    }
    EXPECT(python.stop());
    EXPECT(!py::Interpreter::is_running());
  });
  CHECK(output == "atexit\n");
}

TEST_CASE("a thread that Python made blocks where its Python has ended", "[stop][threads]") {
  in_child([] {
    static std::atomic<int> at_work{0};
    static std::atomic<bool> stopped{false}, returned{false};
    py::Interpreter python;
    python.def("work", [] {
      const GilRelease others;
      ++at_work;
      while (!stopped) std::this_thread::yield();
    });
    python.def("after", [] { returned = true; });
    python.exec(
        "import threading\n"
        "def run():\n  work()\n  after()\n"
        "for i in range(4): threading.Thread(target=run, daemon=True).start()");
    {
      const GilRelease others;
      while (at_work < 4) std::this_thread::yield();
    }
    EXPECT(python.stop());
    stopped = true;
    std::this_thread::yield();
    EXPECT(!returned);
    if (!latepy::detail::process_state().restart_refusal.load()) {  // nor does it disturb the next one
      py::Interpreter again;
      EXPECT(again.eval<int>("6 * 7") == 42);
      EXPECT(again.stop());
    }
    EXPECT(!returned);
    end_without_leak_check();
  });
}

TEST_CASE("a thread that Python made goes on where the stop is given up", "[stop][threads]") {
  in_child([] {
    static std::atomic<int> calls{0};
    static std::atomic<bool> end{false};
    py::Interpreter python;
    python.def(
        "work", [] { return ++calls, end.load(); }, py::release_gil);
    python.exec(
        "import threading\n"
        "def run():\n  while not work(): pass\n"
        "thread = threading.Thread(target=run, daemon=True)\nthread.start()");
    std::atomic<bool> inside{false}, leave{false};
    std::thread guest([&] {
      const GilGuard gil;
      inside = true;
      const GilRelease others;
      while (!leave) std::this_thread::yield();
    });
    {
      const GilRelease others;
      while (!inside) std::this_thread::yield();
    }
    EXPECT(!python.stop(std::chrono::milliseconds(20)));  // because of the guest
    const int before = calls;
    {
      const GilRelease others;
      while (calls < before + 10) std::this_thread::yield();
    }
    end = leave = true;
    python.exec("thread.join()");
    EXPECT(python.stop());
    guest.join();
  });
}

TEST_CASE("a guard on a thread that Python made does not hold up the stop either", "[stop][threads]") {
  in_child([] {
    static std::atomic<bool> inside{false}, never{false};
    py::Interpreter python;
    python.def("work", [] {
      const GilRelease others;
      const GilGuard gil;
      EXPECT(latepy::to_py(1).as<int>() == 1);
      const GilRelease again;
      inside = true;
      while (!never) std::this_thread::yield();
    });
    python.exec("import threading; threading.Thread(target=work, daemon=True).start()");
    {
      const GilRelease others;
      while (!inside) std::this_thread::yield();
    }
    EXPECT(python.stop());
  });
}

TEST_CASE("the stop waits for a guard on a C++ thread whose thread state another library made", "[stop][threads]") {
  in_child([] {
    py::Interpreter python(released());
    const auto save = c_api<PyThreadState*()>("PyEval_SaveThread");
    const auto restore = c_api<void(PyThreadState*)>("PyEval_RestoreThread");
    const auto ensure = c_api<int()>("PyGILState_Ensure");
    const auto release = c_api<void(int)>("PyGILState_Release");
    std::atomic<bool> inside{false}, end{false};
    std::thread worker([&] {
      const int theirs = ensure();
      PyThreadState* const kept = save();
      {
        const GilGuard gil;
        const GilRelease others;
        inside = true;
        while (!end) std::this_thread::yield();
      }
      restore(kept);
      release(theirs);
    });
    while (!inside) std::this_thread::yield();
    EXPECT(!python.stop(std::chrono::milliseconds(20)));
    end = true;
    worker.join();
    EXPECT(python.stop());
  });
}

TEST_CASE("threads hammer guards, releases and drops at once", "[threads][decref][nesting]") {
  in_child([] {
    py::Interpreter python(released());
    python.exec("shared = []");
    on_threads(8, [&] {
      for (int i = 0; i < 1000; ++i) {
        Object list;
        {
          const GilGuard gil;
          list = python["shared"];
          list.call_method("append", i);
          if (i % 3 == 0) {
            const GilRelease others;
            std::this_thread::yield();
          }
        }
      }  // list is dropped without the GIL
    });
    EXPECT(python.eval<int>("len(shared)") == 8000);
  });
}

#endif
