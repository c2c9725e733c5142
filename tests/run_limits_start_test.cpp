// Tests of latepy/run/limits.hpp where Python is started; for limits in a running Python see run_limits_test.cpp.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

#include <thread>

#ifndef _WIN32
namespace {

using namespace std::chrono_literals;
using py::Deadline;
using py::DeadlineError;
using py::Interrupted;

constexpr char fighter[] = R"(
    while True:
        try:
            while True: pass
        except BaseException: pass
)";

}  // namespace

TEST_CASE("interrupt() may be called in a signal handler", "[interrupt]") {
  in_child([] {
    static py::Interpreter* interpreter;
    py::Config config;
    config.interruptible = true;
    py::Interpreter python(config);
    interpreter = &python;
    std::signal(SIGUSR1, [](int) { interpreter->interrupt(); });
    python.def("raise_signal", [] { std::raise(SIGUSR1); });
    EXPECT_THROWN(Interrupted, python.exec("raise_signal()\nwhile True: pass"));
    const py::Object call = python.eval("lambda: (raise_signal(), [None for _ in iter(int, 1)])");
    EXPECT_THROWN(Interrupted, call());
    python.exec("for i in range(1000): pass");
  });
}

TEST_CASE("without the thread that stops code, interrupt() says so", "[interrupt]") {
  in_child([] {
    py::Interpreter python;
    EXPECT(!python.interrupt());
    { const Deadline limit(1h); }
    EXPECT(python.interrupt());
    EXPECT(python.stop());
    EXPECT(!python.interrupt());
  });
}

TEST_CASE("a limit needs a Python that runs", "[stop]") {
  in_child([] {
    EXPECT_THROWN(py::StateError, const Deadline limit(1ms));
    std::optional<py::Interpreter> python(std::in_place);
    std::optional<Deadline> limit(std::in_place, 1ms);
    EXPECT_THROWN(DeadlineError, python->exec("while True: pass"));
    EXPECT(python->stop());
    limit.reset();  // after the stop
    python.reset();
    EXPECT_THROWN(py::StateError, const Deadline late(1ms));
  });
}

TEST_CASE("limits serve a second start", "[restart]") {
  in_child([] {
    py::Config config;
    config.allow_restart = true;
    for (int start = 0; start < 3; ++start) {
      py::Interpreter python(config);
      const Deadline limit(1ms);
      EXPECT_THROWN(DeadlineError, python.exec(fighter));
    }
  });
}

TEST_CASE("the child of a fork() has limits of its own", "[fork]") {
  in_child([] {
    py::Interpreter python;
    const Deadline enough(1h);
    const pid_t child = fork();
    if (child == 0) {
      const Deadline limit(1ms);
      EXPECT_THROWN(DeadlineError, python.exec("while True: pass"));
      std::fflush(nullptr);
      _exit(0);
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    python.exec("for i in range(1000): pass");
  });
}

TEST_CASE("in the child of a fork() interrupt() knows no calls of other threads", "[fork][interrupt]") {
  in_child([] {
    py::Config config;
    config.interruptible = true;
    py::Interpreter python(config);
    std::atomic<bool> is_inside{false}, ends{false};
    python.def("wait", [&] {
      is_inside = true;
      const py::GilRelease release;
      while (!ends) std::this_thread::yield();
    });
    std::thread other([&] { python.exec("wait()"); });
    {
      const py::GilRelease release;
      while (!is_inside) std::this_thread::yield();
    }
    const pid_t child = fork();
    if (child == 0) {
      const Deadline enough(1h);
      EXPECT(python.interrupt());
      {
        const Deadline limit(1ms);
        EXPECT_THROWN(DeadlineError, python.exec("while True: pass"));
      }
      EXPECT(py::detail::alarms && !py::detail::alarms->next);
      std::fflush(nullptr);
      _exit(0);
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    ends = true;
    const py::GilRelease release;
    other.join();
  });
}

#endif
