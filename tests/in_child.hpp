// tests/in_child.hpp: runs a function in a process of its own, for what can be done once in a process or ends it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/locate.hpp>
#include <latepy/latepy.hpp>

#include "catch.hpp"
#include "sanitizers.hpp"

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace py = latepy;
using namespace py::literals;

struct Outcome {
  std::string output{};  ///< stdout and stderr
  int exit_code = -1;    ///< -1 when a signal ended it
  int signal = 0;        ///< SIGALRM after child_seconds
};

/// A child that lives longer is taken for one that hangs. On a machine with much other work a minute is not enough.
inline constexpr unsigned child_seconds = 300;

/// Catch2's macros belong to the test's process; in a child this stands for them.
#define EXPECT(...)                                                                                                \
  do {                                                                                                             \
    if (!(__VA_ARGS__)) throw std::runtime_error(__FILE__ ":" + std::to_string(__LINE__) + ": not " #__VA_ARGS__); \
  } while (false)

template <class E, class F>
E expect_thrown(const char* place, F&& call) {
  try {
    call();
  } catch (const E& error) {
    return error;
  }
  throw std::runtime_error(std::string(place) + ": nothing was thrown");
}
#define LATEPY_TEXT_(X) #X
#define LATEPY_TEXT(X) LATEPY_TEXT_(X)
/// The error that a statement throws.
#define EXPECT_THROWN(ERROR, ...) expect_thrown<ERROR>(__FILE__ ":" LATEPY_TEXT(__LINE__), [&] { __VA_ARGS__; })

/// Whether the CPython under test has no GIL. Nothing is loaded or started for this.
inline bool is_free_threaded() {
  static const bool is = [] {
    const py::Discovery found = py::locate();
    return found.chosen() && found.chosen()->free_threaded;
  }();
  return is;
}

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// The process under test forks before it has started any Python, and the child ends by exit(), so that static
/// destructors and atexit functions run.
template <class F>
Outcome run_in_child(F&& function) {
  std::fflush(nullptr);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    std::setvbuf(stdout, nullptr, _IONBF, 0);                                  // in the order of what others write
    for (int signal = 1; signal < 32; ++signal) std::signal(signal, SIG_DFL);  // Catch2 has handlers
    alarm(child_seconds);
    int status = 1;
    try {
      function();
      status = 0;
    } catch (const std::exception& error) {
      std::printf("exception: %s\n", error.what());
    }
    std::exit(status);
  }
  close(ends[1]);
  Outcome outcome;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) outcome.output.append(buffer, std::size_t(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

/// For a child whose scripts import threading while an Interpreter has callbacks. CPython 3.9 never frees that module,
/// which uses os.register_at_fork() and keeps the sys.stderr of its import; see whole_cpython_limits_test.
inline void import_threading_unfreed(py::Interpreter& python) {
  python.exec("import threading");
  if (latepy::detail::library_state.version.minor == 9) is_leak_check_off = true;
}

/// Ends the child well. A function that is kept beyond its Python, by an Object or by a thread that CPython has ended,
/// is never freed, and the C++ callable in it neither.
[[noreturn]] inline void end_without_leak_check() { std::_Exit(0); }

/// As above, where the child must come to a good end. \returns what it printed.
template <class F>
std::string in_child(F&& function) {
  const Outcome outcome = run_in_child(std::forward<F>(function));
  INFO(outcome.output);
  CHECK(outcome.signal == 0);
  CHECK(outcome.exit_code == 0);
  return outcome.output;
}

#endif
