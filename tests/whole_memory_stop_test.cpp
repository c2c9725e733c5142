// tests/whole_memory_stop_test.cpp: the stop of Python, and the start, while memory is short.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"
#include "short_memory.hpp"

#ifndef _WIN32
TEST_CASE("a stop without memory ends Python, and restores the signal handlers") {
  CHECK(in_child([] {
          std::signal(SIGINT, SIG_IGN);
          {
            py::Interpreter interpreter;
            interpreter.exec("import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)");
            interpreter.exec("import atexit; atexit.register(print, 'atexit')");
            shortage = {0, true, false};
            const bool is_stopped = interpreter.stop();
            shortage.left = -1;
            EXPECT(is_stopped);
            EXPECT(!py::Interpreter::is_running());
          }
          EXPECT(std::signal(SIGINT, SIG_DFL) == SIG_IGN);
        }) == "atexit\n");
}

TEST_CASE("an Interpreter is destroyed without memory") {
  CHECK(in_child([] {
          {
            py::Config config;
            config.on_warning = [](const std::string&) { std::printf("warned\n"); };
            py::Interpreter interpreter(config);
            shortage = {0, true, false};
          }
          shortage.left = -1;
          EXPECT(!py::Interpreter::is_running());
        }) == "");
}

TEST_CASE("a start for which the program has no memory throws bad_alloc, and can be tried again") {
  in_child([] {
    long at = 0;
    do {  // one allocation fails, or all from it on
      shortage = {at, at % 2 == 0, false, MemoryOf::cpp};
      try {
        py::Interpreter python;
        shortage.left = -1;
        EXPECT(python.eval<int>("1 + 1") == 2);
      } catch (const std::bad_alloc&) {
      }
      shortage.left = -1;
      ++at;
    } while (shortage.has_failed);
    EXPECT(at > 10);
  });
}

TEST_CASE("where CPython has no memory for a sub-interpreter the main one is as before") {
  for (const bool goes_on : {false, true})
    for (const long at : {0, 9, 30}) {
      const Outcome outcome = run_in_child([&] {
        py::Interpreter python;
        const int minor = latepy::detail::library_state.version.minor;
        if (goes_on && minor != 12 && minor != 13) return;  // CPython itself ends the process
        ask_for_python();
        shortage = {at, goes_on, false, MemoryOf::python};
        try {
          const py::SubInterpreter sub;
          shortage.left = -1;
        } catch (const py::Error&) {
        } catch (const std::bad_alloc&) {
        }
        shortage.left = -1;
        EXPECT(python.eval<int>("1 + 1") == 2);
        EXPECT(py::SubInterpreter().eval<int>("1 + 1") == 2);
      });
      INFO((goes_on ? "from " : "at ") << at << ": " << outcome.output);
      CHECK((outcome.exit_code == 0 || has(outcome.output, "Fatal Python error")));  // CPython's own end
    }
}
#endif
