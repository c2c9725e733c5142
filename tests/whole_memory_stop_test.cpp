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
#endif
