// Tests of fork(): by the program and by scripts, beside threads that use Python.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "in_child.hpp"
#include "sanitizers.hpp"

#ifndef _WIN32
#include <atomic>
#include <thread>
#include <vector>

namespace {

/// Forks, runs `work` in the child, and waits for it. \returns the child's exit code: 0 if `work` returned.
template <class F>
int fork_and(F&& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(child_seconds);  // a child that hangs ends by a signal
    try {
      work();
      _exit(0);
    } catch (const std::exception& error) {
      std::printf("in the child: %s\n", error.what());
    }
    _exit(1);
  }
  const py::GilRelease others;
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

// The imports come first: the lock of a module that another thread is importing stays locked in a child.
const char* const work =
    "import json, os, threading, warnings\n"
    "def work():\n"
    "    return len([json.dumps({'a': [i]}) for i in range(20)])\n"
    "def in_a_thread():\n"
    "    thread = threading.Thread(target=work)\n"
    "    thread.start()\n"
    "    thread.join()\n"
    "def forks():\n"
    "    warnings.simplefilter('ignore')\n"
    "    child = os.fork()\n"
    "    if child == 0:\n"
    "        work()\n"
    "        os._exit(7)\n"
    "    return os.waitpid(child, 0)[1] >> 8\n";

/// Threads that call Python functions until this is destroyed.
class BusyThreads {
 public:
  explicit BusyThreads(py::Interpreter& python) {
    for (int i = 0; i < 4; ++i)
      threads_.emplace_back([this, &python] {
        for (bool is_first = true; !is_over_; is_first = false) {
          const py::GilGuard gil;
          python["work"]();
          if (is_first) ++begun_;
        }
      });
    // A thread that begins has the locks of AddressSanitizer's allocator, which would stay locked in the child.
    const py::GilRelease others;
    while (under_address_sanitizer && begun_ < 4) std::this_thread::yield();
  }
  ~BusyThreads() {
    is_over_ = true;
    const py::GilRelease others;
    for (std::thread& each : threads_) each.join();
  }

 private:
  std::atomic<bool> is_over_{false};
  std::atomic<int> begun_{0};
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("the child of a thread with the GIL uses Python, beside four busy threads", "[fork][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(work);
    const BusyThreads busy(python);
    const py::Object text = py::to_py("text");
    const auto child = [&] {
      EXPECT(text.as<std::string>() == "text");
      EXPECT(python["work"].call<int>() == 20);
      if (under_thread_sanitizer) return;  // which lets the child of a process with threads start none
      python["in_a_thread"]();
      const py::GilRelease others;
      std::thread([&] { EXPECT(python.eval<int>("1 + 1") == 2); }).join();
    };
    for (int i = 0; i < 20; ++i) EXPECT(fork_and(child) == 0);
  });
}

TEST_CASE("a fork waits for the threads that make their thread states", "[fork][threads]") {
  in_child([] {
    static std::atomic<bool> is_making{false}, has_forked{false};
    static py::detail::Api& api = py::detail::library_state.api;
    py::Interpreter python;
    python.exec(work);
    if (py::detail::library_state.version.minor >= 12) return;  // CPython does without
    static const auto make = api.ThreadState_New;
    api.ThreadState_New = [](PyInterpreterState* interpreter) {
      is_making = true;
      while (py::detail::current_interpreter().forking == 0 && !has_forked) py::detail::process_nap();
      is_making = false;
      return make(interpreter);
    };
    for (const bool by_script : {false, true}) {
      has_forked = false;
      std::thread other;
      {
        const py::GilRelease others;
        other = std::thread([] { const py::GilGuard gil; });
        while (!is_making) py::detail::process_nap();
      }
      const auto in_the_child = [&] {
        EXPECT(!is_making);
        EXPECT(python["work"].call<int>() == 20);
      };
      if (by_script) {
        python.def("check", in_the_child);
        EXPECT(python.eval<int>("[child := os.fork() or (check(), os._exit(7)), os.waitpid(child, 0)[1] >> 8][1]") ==
               7);
      } else {
        EXPECT(fork_and(in_the_child) == 0);
      }
      has_forked = true;
      const py::GilRelease others;
      other.join();
    }
  });
}

TEST_CASE("os.fork() and multiprocessing work in scripts, beside four busy threads", "[fork][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(work);
    const BusyThreads busy(python);
    for (int i = 0; i < 20; ++i) EXPECT(python["forks"].call<int>() == 7);
    python.exec(
        "import multiprocessing\n"
        "process = multiprocessing.get_context('fork').Process(target=work)\n"
        "process.start()\n"
        "process.join()\n"
        "assert process.exitcode == 0");
  });
}

TEST_CASE("the child of a thread without the GIL gets a StateError wherever it enters Python, and may call exec()",
          "[fork][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(work);
    const BusyThreads busy(python);
    const py::Object text = py::to_py("text");
    const py::GilRelease others;
    for (int i = 0; i < 20; ++i) {
      EXPECT(fork_and([&] {
               EXPECT(EXPECT_THROWN(py::StateError, const py::GilGuard gil).what() ==
                      std::string("Python was used in a process that fork() made on a thread without the GIL: put a "
                                  "latepy::GilGuard around fork(), or let the child call exec()"));
               EXPECT(!py::GilGuard::try_acquire());
               EXPECT(!py::Interpreter::is_running());
               EXPECT(!text.is_alive());
               EXPECT_THROWN(py::StateError, python.exec("1"));
               EXPECT_THROWN(py::StateError, text.as<std::string>());
               EXPECT_THROWN(py::StateError, py::Object(text).attr("x"));
               EXPECT_THROWN(py::StateError, python.stop());
               EXPECT_THROWN(py::StateError, py::Interpreter());
             }) == 0);
      EXPECT(fork_and([] { execl("/bin/true", "true", static_cast<char*>(nullptr)); }) == 0);
    }
  });
}

TEST_CASE("the child of a thread with the GIL reads captured text and ends errors, beside a thread that does",
          "[fork][threads][streams]") {
  if (under_address_sanitizer) SKIP("the locks of AddressSanitizer's allocator stay locked in the child");
  in_child([] {
    py::Interpreter python;
    const py::CaptureOutput capture;
    python.exec("print('x' * 100000)");
    std::atomic<bool> is_over{false};
    std::thread reader([&] {
      while (!is_over) EXPECT(capture.out().size() >= 100001);
    });
    std::thread ender([&] {
      while (!is_over) {
        std::vector<py::PythonError> errors;
        for (const py::GilGuard gil; errors.size() < 100;) errors.push_back(python.try_eval("1 / 0").error());
      }
    });
    bool is_good = true;
    for (int i = 0; i < 20; ++i) {
      std::vector<py::PythonError> errors(3, python.try_eval("1 / 0").error());
      is_good = is_good && fork_and([&] {
                             python.exec("print('child', end='')");
                             EXPECT(capture.out().substr(100001) == "child");
                             errors.push_back(python.try_eval("1 / 0").error());
                             errors.erase(errors.begin(), errors.begin() + 2);
                             errors.clear();
                             EXPECT(python.stop());
                           }) == 0;
    }
    is_over = true;
    {
      const py::GilRelease others;
      reader.join();
      ender.join();
    }
    EXPECT(is_good);
  });
}

TEST_CASE("the child of a fork() inside a GilRelease on a thread of Python ends when it returns to Python",
          "[fork][threads]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    int status = 0;
    py::module("host").def("fork", [&] {
      const py::GilRelease others;
      const pid_t child = fork();
      if (child == 0)
        alarm(child_seconds);
      else
        waitpid(child, &status, 0);
    });
    python.exec(
        "import host, threading\n"
        "thread = threading.Thread(target=host.fork)\n"
        "thread.start()\n"
        "thread.join()");
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  });
  CHECK(output ==
        "latepy: the child of a fork() inside a latepy::GilRelease returned to Python, which cannot run there: call "
        "exec() or _exit() in the child, or fork() with the GIL\n");
}

TEST_CASE("a child stops Python: that of the thread that started it, and that of another", "[fork][stop]") {
  in_child([] {
    py::Interpreter python;
    python.exec(work);
    EXPECT(fork_and([&] { EXPECT(python.stop()); }) == 0);
    const py::GilRelease others;
    std::thread([&] {
      const auto child = [&] {
        py::GilGuard::try_acquire();
        EXPECT(python.eval<int>("work()") == 20);
      };
      std::optional<py::GilGuard> gil(std::in_place);
      EXPECT(fork_and([&] {
               child();
               gil.reset();
               EXPECT(python.stop());
             }) == 0);
    }).join();
  });
}

TEST_CASE("a function of os.register_at_fork() waits for a thread that calls a host function", "[fork][threads]") {
  in_child([] {
    py::Interpreter python;
    import_threading_unfreed(python);  // CPython 3.9 never frees what os.register_at_fork() was given
    python.def("twice", [](const std::vector<int>&, int i) { return py::to_py(2 * i); });
    python.exec(R"(
        import os
        results = []
        def in_child():
            thread = threading.Thread(target=lambda: results.append(twice([1], 21)))
            thread.start()
            thread.join()
        os.register_at_fork(after_in_child=in_child))");
    EXPECT(fork_and([&] { EXPECT(python.eval<std::vector<int>>("results") == std::vector<int>{42}); }) == 0);
  });
}

TEST_CASE("a fork before the start, and one after the stop, find no Python", "[fork][restart]") {
  in_child([] {
    const auto start = [] {
      py::Interpreter python;
      EXPECT(python.eval<int>("1 + 1") == 2);
    };
    EXPECT(fork_and(start) == 0);
    start();
    EXPECT(fork_and(start) == 0);
    EXPECT(fork_and([] { EXPECT_THROWN(py::StateError, const py::GilGuard gil); }) == 0);
  });
}

#endif
