// Tests of latepy/run/streams.hpp: on_stdout, on_stderr and on_stdin, and captures at the start and the end of Python.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

#ifndef _WIN32
#include <latepy/stl/vector.hpp>

#include <fcntl.h>

#include <atomic>
#include <cstring>
#include <iostream>
#include <thread>

namespace {

using Strings = std::vector<std::string>;

py::Config with_stdout(Strings& pieces) {
  py::Config config;
  config.on_stdout = [&pieces](std::string_view text) { pieces.emplace_back(text); };
  return config;
}

std::string joined(const Strings& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

}  // namespace

TEST_CASE("on_stdout and on_stderr get complete lines") {
  const std::string rest = in_child([] {
    Strings out, err;
    py::Config config = with_stdout(out);
    config.on_stderr = [&err](std::string_view text) { err.emplace_back(text); };
    {
      py::Interpreter python(config);
      python.exec("import sys\nprint('a', 1)\nsys.stdout.write('b\\nc\\nd')\nsys.stdout.write('e\\n\\n')");
      EXPECT(out == Strings{"a 1\n", "b\n", "c\n", "de\n", "\n"});
      out.clear();
      python.exec("print('x', end='')");  // the outermost return flushes
      EXPECT(out == Strings{"x"});
      python.exec("print('y', end='', flush=True); print('z')");
      EXPECT(out == Strings{"x", "y", "z\n"});
      python.exec("sys.stderr.write('p'); sys.stdout.write('q\\n'); sys.stderr.write('r\\n')");
      EXPECT(err == Strings{"pr\n"});
      EXPECT(python.eval<bool>("sys.stdout is sys.__stdout__ and sys.stderr is sys.__stderr__"));
      err.clear();
      import_threading_unfreed(python);
      python.exec(
          "import warnings\nwarnings.warn('w')\nt = threading.Thread(target=lambda: 1/0); t.start(); "
          "t.join()");
      EXPECT(has(joined(err), "UserWarning: w\n") && has(joined(err), "ZeroDivisionError"));

      out.clear();  // more than a mebibyte without an end comes in parts; else a line is whole
      python.exec("for i in range(3): sys.stdout.write('l' * 400_000)\nsys.stdout.write('m' * 999_999 + '\\n')");
      EXPECT(out.size() == 2 && out[0] == std::string(1'200'000, 'l') && out[1] == std::string(999'999, 'm') + "\n");

      python.exec(
          "import atexit\natexit.register(print, 'at exit')\n"
          "class Last:\n  def __del__(self, print=print): print('last')\nlast = Last()\nprint('rest', end='')");
      out.clear();
    }
    EXPECT(out == Strings{"at exit\n", "last\n"});
  });
  CHECK(rest.empty());  // nothing took the way of the process's own streams
}

TEST_CASE("on_stdout by write") {
  in_child([] {
    Strings out;
    py::Config config = with_stdout(out);
    config.output_by_line = false;
    py::Interpreter python(config);
    python.exec("import sys\nprint(1)\nsys.stdout.write('a\\nb\\nc')\nsys.stdout.flush()");
    EXPECT(out == Strings{"1", "\n", "a\nb\nc"});
  });
}

TEST_CASE("the callback has the GIL and the thread that prints") {
  in_child([] {
    std::vector<std::thread::id> threads;
    py::Config config;
    config.on_stdout = [&](std::string_view) {
      threads.push_back(std::this_thread::get_id());
      EXPECT(py::detail::holds_gil());
      EXPECT(py::Interpreter::current().eval<int>("1 + 1") == 2);
    };
    py::Interpreter python(config);
    python.exec("print(1)");
    std::thread::id other;
    {
      const py::GilRelease others;
      std::thread([&] {
        other = std::this_thread::get_id();
        python.exec("print(2)");
      }).join();
    }
    EXPECT(threads == std::vector<std::thread::id>{std::this_thread::get_id(), other});
  });
}

TEST_CASE("callbacks that let go of the GIL are not called two at a time") {
  in_child([] {
    std::atomic<int> inside{0}, most{0};
    Strings lines;
    py::Config config;
    config.on_stdout = [&](std::string_view text) {
      const int now = ++inside;
      if (now > most) most = now;
      lines.emplace_back(text);
      {
        const py::GilRelease others;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      --inside;
    };
    config.on_stderr = config.on_stdout;
    py::Interpreter python(config);
    import_threading_unfreed(python);
    python.exec(R"(
      import sys
      def work(who, stream):
          for i in range(20): stream.write(f'{who}\n{who}.\n')
      threads = [threading.Thread(target=work, args=(i, (sys.stdout, sys.stderr)[i % 2])) for i in range(4)]
      for t in threads: t.start()
      for t in threads: t.join()
    )");
    EXPECT(most == 1);
    EXPECT(lines.size() == 160);
    for (std::size_t i = 0; i < lines.size(); i += 2) EXPECT(lines[i + 1] == lines[i].substr(0, 1) + ".\n");
  });
}

TEST_CASE("an exception of the callback is the script's") {
  in_child([] {
    Strings out, err;
    py::Config config;
    config.on_stdout = [&](std::string_view text) {
      out.emplace_back(text);
      if (text.find("bad") != text.npos) throw std::out_of_range("no room");
    };
    config.on_stderr = [&](std::string_view text) { err.emplace_back(text); };
    py::Interpreter python(config);
    python.exec("import sys\ntry: print('bad')\nexcept IndexError as e: seen = str(e)");
    EXPECT(python["seen"].as<std::string>() == "no room");
    EXPECT_THROWN(std::out_of_range, python.exec("sys.stdout.write('a begin '); sys.stdout.write('1\\nbad\\n2\\n3')"));
    EXPECT(out == Strings{"bad\n", "a begin 1\n", "bad\n", "2\n", "3"});  // each once, and what follows too
    out.clear();
    python.exec("print('fine')");
    EXPECT(out == Strings{"fine\n"});
    python.exec("print('bad', end='')");  // nobody could catch: the flush of the outermost return
    EXPECT(has(joined(err), "no room"));
    out.clear();
    python.exec("print('fine')");
    EXPECT(out == Strings{"fine\n"});
  });
}

TEST_CASE("what the callback prints goes to the stream before") {
  const std::string own = in_child([] {
    int calls = 0;
    py::Config config;
    config.on_stdout = [&](std::string_view text) {
      ++calls;
      py::Interpreter::current().exec("print('from the callback', end='')");
      EXPECT(write(1, "|", 1) == 1);  // what was printed is out
      py::Interpreter::current()["text"] = std::string(text);
      py::Interpreter::current().exec("import sys; print('err:', text, end='', file=sys.stderr)");
    };
    Strings err;
    config.on_stderr = [&](std::string_view text) {
      err.emplace_back(text);
      py::Interpreter::current().exec("print('back')");  // on_stdout is still inside
    };
    py::Interpreter python(config);
    python.exec("print(1)\nprint(2)");
    EXPECT(calls == 2);
    EXPECT(err == Strings{"err: 1\n", "err: 2\n"});
    py::CaptureOutput outer;
    python.exec("print(3)");
    EXPECT(calls == 2 && outer.out() == "3\n");
  });
  CHECK(own == "from the callback|back\nfrom the callback|back\n");
}

TEST_CASE("what scripts do to sys.stdout does not last") {
  in_child([] {
    Strings out;
    py::Interpreter python(with_stdout(out));
    python.exec(
        "import "
        "sys\nsys.stdout.close()\nprint(1)\nsys.stdout.buffer.close()\nprint(2)\nsys.__stdout__.detach()\nprint(3)");
    EXPECT(out == Strings{"1\n", "2\n", "3\n"});
    EXPECT_THROWN(py::RuntimeError, python.exec("del sys.stdout\nprint(4)"));
    python.exec("sys.stdout = None\nprint(5)\nsys.stdout = sys.__stdout__\nprint(6)");
    EXPECT(out.back() == "6\n");
    python.exec(
        "import contextlib, io\ntext = io.StringIO()\nwith contextlib.redirect_stdout(text): print(7)\nprint(8)");
    EXPECT(out.back() == "8\n");
    {
      py::CaptureOutput capture;
      python.exec("print(9)");
      EXPECT(capture.out() == "9\n");
      python.exec("print(10, file=sys.__stdout__)");
      EXPECT(out.back() == "10\n");
    }
    python.exec("print(11)");
    EXPECT(out.back() == "11\n");
  });
}

TEST_CASE("sys.stdin from the host") {
  in_child([] {
    Strings lines{"first", "second\n", "", "p\xc3\xa9\r\n", "\xff", "two\nlines", std::string(20000, 'l')};
    Strings out;
    std::size_t at = 0;
    py::Config config = with_stdout(out);
    config.on_stdin = [&]() -> std::optional<std::string> {
      if (at >= lines.size()) return std::nullopt;
      return lines[at++];
    };
    py::Interpreter python(config);
    python.exec("import sys, io");
    EXPECT(python.eval<std::string>("input('your name? ')") == "first");
    EXPECT(out == Strings{"your name? "});
    EXPECT(python.eval<std::string>("sys.stdin.readline()") == "second\n");
    EXPECT(python.eval<std::string>("input()") == "");
    EXPECT(python.eval<std::string>("sys.stdin.readline()") == "pé\n");
    EXPECT(python.eval<std::string>("input()") == "\uFFFD");
    EXPECT(python.eval<Strings>("[input(), input()]") == Strings{"two", "lines"});
    EXPECT(python.eval<std::string>("input()") == lines[6]);
    EXPECT_THROWN(py::PythonError, python.eval("input()")).is("EOFError");
    EXPECT(python.eval<std::string>("sys.stdin.readline()") == "");
    at = 0;
    EXPECT(python.eval<Strings>("list(sys.stdin)").size() == 8);
    at = 0;
    EXPECT(python.eval<std::string>("sys.stdin.read(8)") == "first\nse");
    EXPECT(python.eval<std::string>("sys.stdin.readline()") == "cond\n");
    EXPECT(python.eval<std::string>("sys.stdin.read()").size() == 1 + 4 + 4 + 10 + 20001);
    at = 0;
    EXPECT(python.eval<bool>("sys.stdin.buffer.readline() == b'first\\n'"));
    python.exec("sys.stdin.close()");
    EXPECT(python.eval<std::string>("input()") == "second");
    EXPECT(
        python.eval<bool>("sys.stdin is sys.__stdin__ and sys.stdin.name == '<stdin>' and sys.stdin.mode == 'r' and "
                          "sys.stdin.encoding == 'utf-8' and sys.stdin.readable() and not sys.stdin.writable() and not "
                          "sys.stdin.isatty()"));
    EXPECT(EXPECT_THROWN(py::PythonError, python.eval("sys.stdin.fileno()")).is("io.UnsupportedOperation"));
  });
}

TEST_CASE("on a terminal too, the prompt of input() goes to on_stdout") {
  in_child([] {
    const int screen = dup(1), terminal = posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT(grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    const int other_end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    dup2(other_end, 0);
    dup2(other_end, 1);
    EXPECT(write(terminal, "typed\n", 6) == 6);
    std::string out, answer;
    bool is_copy = false, is_kept = false;
    {
      py::Config config;
      config.on_stdout = [&](std::string_view text) { out += text; };
      py::Interpreter python(config);
      answer = python.eval<std::string>("input('name? ')");
      python.exec("import os, sys\nnumber = sys.stdout.fileno()");
      is_copy = python.eval<bool>("number != 1 and os.isatty(number) and sys.stdout.fileno() == number");
      const int number = python["number"].as<int>();
      EXPECT(python.stop());
      is_kept = fcntl(number, F_GETFD) != -1;
    }
    dup2(screen, 1);
    EXPECT(answer == "typed");
    EXPECT(out == "name? ");
    EXPECT(is_copy);
    EXPECT(!is_kept);
  });
}

TEST_CASE("on_stdin that throws, that reads itself, and that waits without the GIL") {
  in_child([] {
    int mode = 0;
    py::Config config;
    config.on_stdin = [&]() -> std::optional<std::string> {
      if (mode == 0) throw std::invalid_argument("no keyboard");
      if (mode == 1) return py::Interpreter::current().eval<std::string>("input()");
      const py::GilRelease others;
      std::thread([] { py::Interpreter::current().exec("answer = 'from a thread'"); }).join();
      return "line";
    };
    py::Interpreter python(config);
    python.exec("try: input()\nexcept ValueError as e: seen = str(e)");
    EXPECT(python["seen"].as<std::string>() == "no keyboard");
    mode = 1;
    EXPECT_THROWN(py::RuntimeError, python.eval("input()"));
    mode = 2;
    EXPECT(python.eval<std::string>("input() + answer") == "linefrom a thread");
  });
}

TEST_CASE("a program whose descriptors 0, 1 and 2 are closed") {
  in_child([] {
    const int report = dup(1);
    for (const int descriptor : {0, 1, 2}) close(descriptor);
    const auto say = [&](const char* what) { (void)!write(report, what, std::strlen(what)); };
    try {
      {
        py::Interpreter python;
        py::CaptureOutput capture;
        python.exec("import sys\nprint(1); print(2, file=sys.stderr)\nsys.stdout = None\nprint(3)");
        EXPECT(capture.text() == "1\n2\n");
      }
      Strings out, err;
      py::Config config = with_stdout(out);
      config.on_stderr = [&](std::string_view text) { err.emplace_back(text); };
      config.on_stdin = [] { return std::optional<std::string>("in"); };
      config.allow_restart = true;
      py::Interpreter python(config);
      python.exec("import sys, warnings\nprint(input('? '))\nwarnings.warn('w')");
      EXPECT(joined(out) == "? in\n" && has(joined(err), "UserWarning: w"));
      python.exec("import os\nassert os.open(os.devnull, os.O_RDONLY) == 0");  // no stream took a descriptor
    } catch (const std::exception& error) {
      say(error.what());
      throw;
    }
  });
}

TEST_CASE("each start has its own callbacks") {
  in_child([] {
    Strings first, second;
    py::Config config = with_stdout(first);
    config.allow_restart = true;
    {
      py::Interpreter python(config);
      python.exec("print(1)");
    }
    config.on_stdout = [&](std::string_view text) { second.emplace_back(text); };
    {
      py::Interpreter python(config);
      python.exec("print(2)");
    }
    config.on_stdout = nullptr;
    py::Interpreter python(config);
    py::CaptureOutput capture;
    python.exec("print(3)");
    EXPECT(capture.out() == "3\n");
    EXPECT(first == Strings{"1\n"} && second == Strings{"2\n"});
  });
}

TEST_CASE("the callbacks are let go at the stop") {
  in_child([] {
    const auto counted = std::make_shared<int>(0);
    {
      py::Config config;
      config.on_stdout = [counted](std::string_view) { ++*counted; };
      config.on_stdin = [counted] { return std::optional<std::string>(); };
      py::Interpreter python(config);
      python.exec("print(1)");
      EXPECT(counted.use_count() > 1);
    }
    EXPECT(*counted == 1);
    EXPECT(counted.use_count() == 1);
  });
}

TEST_CASE("attached, the streams are the host's until its Interpreter ends") {
  const std::string own = in_child([] {
    py::Config config;
    config.finalize = false;
    { py::Interpreter starts(config); }
    Strings out;
    {
      config = with_stdout(out);
      config.on_stdin = [] { return std::optional<std::string>("line"); };
      py::Interpreter python(config);
      EXPECT(python.is_attached());
      python.exec("import sys\nprint(input())\nkept, kept_in = sys.stdout, sys.stdin\nprint('rest', end='')");
      EXPECT(python.stop());  // of the Interpreter, not of Python
      const py::GilGuard gil;
      py::Code("print('stopped')")(py::dict());
    }
    EXPECT(out == Strings{"line\n", "rest"});
    py::Interpreter python;
    python.exec(
        "print('own', sys.__stdout__ is sys.stdout, sys.__stdin__ is sys.stdin)\nprint('kept', file=kept)\nassert "
        "kept_in.read() == ''");
    EXPECT(out.size() == 2);
  });
  CHECK(own == "stopped\nown True True\nkept\n");
}

TEST_CASE("attached, a capture may outlive the Interpreter whose streams it hides") {
  const std::string own = in_child([] {
    py::Config config;
    config.finalize = false;
    { py::Interpreter starts(config); }
    Strings out;
    std::optional<py::Interpreter> python(std::in_place, with_stdout(out));
    std::optional<py::CaptureOutput> capture(std::in_place);
    python.reset();
    python.emplace();
    python->exec("print('captured')");
    EXPECT(capture->out() == "captured\n");
    capture.reset();
    python->exec("print('own')");
    EXPECT(out.empty());
  });
  CHECK(own == "own\n");
}

TEST_CASE("the streams of several libraries end in any order") {
  const std::string own = in_child([] {
    py::Interpreter python;
    Strings first, second;
    const auto to = [](Strings& pieces) {
      return py::detail::output_to([&pieces](std::string_view text) { pieces.emplace_back(text); }, true);
    };
    const auto from = [](const char* line) {
      return py::detail::input_from([line] { return std::optional<std::string>(line); });
    };
    std::optional<py::detail::Redirect> a(std::in_place), b(std::in_place), a_in(std::in_place), b_in(std::in_place);
    a->begin("stdout", to(first), true);
    a_in->begin("stdin", from("a"), true);
    b->begin("stdout", to(second), true);
    b_in->begin("stdin", from("b"), true);
    std::optional<py::CaptureOutput> capture(std::in_place);
    a.reset();
    a_in.reset();
    python.exec("import sys\nprint(input())\nprint('hidden', file=sys.__stdout__)");
    EXPECT(capture->out() == "b\n");
    EXPECT(second == Strings{"hidden\n"});
    capture.reset();
    python.exec("print(1)\nprint(2, file=sys.__stdout__)\nassert sys.stdin is sys.__stdin__");
    EXPECT((second == Strings{"hidden\n", "1\n", "2\n"}));
    b.reset();
    b_in.reset();
    python.exec("print('own', sys.stdout is sys.__stdout__, sys.stdin is sys.__stdin__, sys.stdin.fileno())");
    EXPECT(first.empty() && second.size() == 3);
  });
  CHECK(own == "own True True 0\n");
}

TEST_CASE("a capture that outlives Python keeps its text") {
  in_child([] {
    EXPECT_THROWN(py::StateError, py::CaptureOutput early);
    std::optional<py::CaptureOutput> capture;
    {
      py::Interpreter python;
      capture.emplace();
      python.exec("import sys\nprint('kept')\nsys.stdout.buffer.write(b'\\xe2')");
    }
    EXPECT(capture->out() == "kept\n\uFFFD");
    EXPECT(capture->text() == capture->out());
    capture.reset();
    EXPECT_THROWN(py::StateError, py::CaptureOutput late);
  });
  in_child([] {  // and the next Python is another
    py::Config config;
    config.allow_restart = true;
    std::optional<py::CaptureOutput> capture;
    {
      py::Interpreter python(config);
      capture.emplace();
    }
    py::Interpreter python(config);
    py::CaptureOutput now;
    capture.reset();
    python.exec("print(1)");
    EXPECT(now.out() == "1\n");
  });
}

TEST_CASE("each interpreter has streams of its own") {
  const std::string own = in_child([] {
    py::Interpreter python;
    py::CaptureOutput capture;
    python.exec(R"py(
      try: import _interpreters as interpreters
      except ImportError: import _xxsubinterpreters as interpreters
      other = interpreters.create()
      interpreters.run_string(other, "print('other', flush=True)")
      interpreters.destroy(other)
      print('this')
    )py");
    EXPECT(capture.out() == "this\n");
  });
  CHECK(own == "other\n");
}

TEST_CASE("the order beside C++ streams") {
  static char buffer[BUFSIZ];
  const auto buffered = [] { std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer); };  // as for any pipe
  // The text of a callback stands where the script printed, whatever it is written to.
  const std::string by_callback = in_child([&] {
    buffered();
    py::Config config;
    config.on_stdout = [](std::string_view text) { std::cout << text; };
    config.on_stderr = [](std::string_view text) { std::cout << text; };
    py::Interpreter python(config);
    python.def("tell", [] { std::cout << "3 C++ in between\n"; });
    std::cout << "1 C++\n";
    python.exec("import sys\nprint('2 Python')\ntell()\nprint('4 Python', file=sys.stderr)\nprint('5 Python', end='')");
    std::cout << "\n6 C++\n";
  });
  CHECK(by_callback == "1 C++\n2 Python\n3 C++ in between\n4 Python\n5 Python\n6 C++\n");

  // Without one, Python's lines and the rest at the return are out at once; what C++ wrote without a flush is not.
  const std::string with_flush = in_child([&] {
    buffered();
    py::Interpreter python;
    python.def("tell", [] { std::cout << "3 C++ in between" << std::endl; });
    std::cout << "1 C++" << std::endl;
    python.exec("print('2 Python')\ntell()\nprint('4 Python', end='')");
    std::cout << "\n5 C++\n";
  });
  CHECK(with_flush == "1 C++\n2 Python\n3 C++ in between\n4 Python\n5 C++\n");
  const std::string without = in_child([&] {
    buffered();
    py::Interpreter python;
    std::cout << "buffered\n";
    python.exec("print('Python', end='')");
  });
  CHECK(without == "Pythonbuffered\n");
}

TEST_CASE("os.fork while another thread prints") {
  const std::string own = in_child([] {
    Strings out;
    std::atomic<bool> inside{false}, go_on{false};
    py::Config config;
    config.on_stdout = [&](std::string_view text) {
      out.emplace_back(text);
      if (text != "slow\n") return;
      const py::GilRelease others;
      inside = true;
      while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    py::Interpreter python(config);
    python.exec(R"py(
      import os, threading, warnings
      warnings.simplefilter('ignore')
      t = threading.Thread(target=print, args=['slow'])
      def fork():
          child = os.fork()
          if child == 0:
              print('in the child')
              os._exit(7)
          return os.WEXITSTATUS(os.waitpid(child, 0)[1])
    )py");
    python.eval("t.start()");
    {
      const py::GilRelease others;
      while (!inside) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT(python.eval<int>("fork()") == 7);
    go_on = true;
    python.exec("t.join()");
    EXPECT(out == Strings{"slow\n"});
  });
  CHECK(own == "in the child\n");  // there the callback seems to be running
}

#endif
