// Tests of fork(): by the program and by scripts, beside threads that use Python.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

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
    alarm(60);  // a child that hangs ends by a signal
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
        while (!is_over_) {
          const py::GilGuard gil;
          python["work"]();
        }
      });
  }
  ~BusyThreads() {
    is_over_ = true;
    const py::GilRelease others;
    for (std::thread& each : threads_) each.join();
  }

 private:
  std::atomic<bool> is_over_{false};
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("the child of a thread with the GIL uses Python, beside four busy threads", "[fork][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(work);
    const BusyThreads busy(python);
    const py::Object text = py::to_py("text");
    for (int i = 0; i < 20; ++i)
      EXPECT(fork_and([&] {
               EXPECT(text.as<std::string>() == "text");
               EXPECT(python["work"].call<int>() == 20);
               python["in_a_thread"]();
               const py::GilRelease others;
               std::thread([&] { EXPECT(python.eval<int>("1 + 1") == 2); }).join();
             }) == 0);
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
