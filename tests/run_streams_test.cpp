// Tests of latepy/run/streams.hpp: CaptureOutput in a running Python; for starts see run_streams_start_test.cpp.
// SPDX-License-Identifier: MIT
#include "python.hpp"

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace {

using py::CaptureOutput;

std::string captured(std::string_view code) {
  const CaptureOutput capture;
  python().exec(code);
  return capture.text();
}

bool is_own_stdout() { return python().eval<bool>("__import__('sys').stdout is __import__('sys').__stdout__"); }

}  // namespace

TEST_CASE("a capture takes what is printed in its scope") {
  python();
  {
    const CaptureOutput capture;
    python().exec("import sys\nprint(1)\nprint('e', file=sys.stderr)\nprint(2, end='')");
    CHECK(capture.out() == "1\n2");
    CHECK(capture.err() == "e\n");
    CHECK(capture.text() == "1\ne\n2");
    python().exec("sys.stdout.writelines(['a', 'b'])");
    CHECK(capture.out() == "1\n2ab");
    CHECK(!is_own_stdout());
  }
  CHECK(is_own_stdout());
  CHECK(python().eval<bool>("sys.stderr is sys.__stderr__"));
}

TEST_CASE("a capture takes the streams that it is asked for") {
  python().exec("import sys");
  const CaptureOutput both;
  {
    const CaptureOutput out(py::Streams::out);
    python().exec("print(1); print(2, file=sys.stderr)");
    CHECK(out.text() == "1\n");
  }
  {
    const CaptureOutput err(py::Streams::err);
    python().exec("print(3); print(4, file=sys.stderr)");
    CHECK(err.text() == "4\n");
    CHECK(err.out().empty());
  }
  CHECK(both.out() == "3\n");
  CHECK(both.err() == "2\n");
}

TEST_CASE("captures nest, and the inner one takes all") {
  python();
  const CaptureOutput outer;
  python().exec("print('before')");
  CHECK(captured("print('inside')") == "inside\n");
  python().exec("print('after')");
  CHECK(outer.text() == "before\nafter\n");
}

TEST_CASE("the end puts back what was there before, whatever scripts did") {
  python().exec("import io, sys\nmine = sys.stdout = io.StringIO()");
  CHECK(captured("print(1); sys.stdout = sys.stderr = None") == "1\n");
  CHECK(python().eval<bool>("sys.stdout is mine and sys.stderr is sys.__stderr__"));
  CHECK(captured("print(2); del sys.stdout") == "2\n");
  CHECK(python().eval<bool>("sys.stdout is mine"));
  python().exec("sys.stdout = None");  // as in a program without a console
  CHECK(captured("print(3)") == "3\n");
  CHECK(python().eval<bool>("sys.stdout is None"));
  python().exec("del sys.stdout");
  CHECK(captured("print(4)") == "4\n");
  CHECK(!python().eval<bool>("hasattr(sys, 'stdout')"));
  python().exec("sys.stdout = sys.__stdout__");
}

TEST_CASE("a Deadline that arrives at the end of a capture leaves the stream as it was before") {
  // latepy asks a stream for its `origin` when it puts it back.
  python().exec(R"(
      import sys
      class Slow:
          is_slow = False
          def write(self, text): pass
          def flush(self): pass
          @property
          def origin(self):
              is_slow, Slow.is_slow = Slow.is_slow, False
              while is_slow: pass
      sys.stdout = slow = Slow())");
  {
    const py::Deadline limit(std::chrono::milliseconds(20));
    const CaptureOutput errors(py::Streams::err);  // what is told of the exception
    const CaptureOutput capture(py::Streams::out);
    python().exec("Slow.is_slow = True");
  }
  CHECK(python().eval<bool>("sys.stdout is slow"));
  python().exec("sys.stdout = sys.__stdout__");
  CHECK(is_own_stdout());
}

TEST_CASE("captures that end out of order") {
  python();
  auto outer = std::make_unique<CaptureOutput>(), middle = std::make_unique<CaptureOutput>(),
       inner = std::make_unique<CaptureOutput>();
  middle.reset();  // nothing changes: the innermost takes all
  python().exec("print(1)");
  CHECK(inner->out() == "1\n");
  outer.reset();
  python().exec("print(2)");
  CHECK(inner->out() == "1\n2\n");
  inner.reset();  // puts back what stood before all three
  CHECK(is_own_stdout());

  outer = std::make_unique<CaptureOutput>();
  inner = std::make_unique<CaptureOutput>();
  outer.reset();
  {
    const CaptureOutput innermost;
    python().exec("print(3)");
    CHECK(innermost.out() == "3\n");
  }
  python().exec("print(4)");
  CHECK(inner->out() == "4\n");
  inner.reset();
  CHECK(is_own_stdout());
}

TEST_CASE("all that writes to the standard streams is captured") {
  python().exec("import logging, sys, threading, traceback, warnings");
  const auto has = [](const std::string& text, const char* part) {
    INFO(text);
    CHECK(text.find(part) != text.npos);
  };
  has(captured("warnings.warn('careful')"), "UserWarning: careful\n");
  has(captured("logging.getLogger('x').warning('logged')"), "logged\n");
  has(captured("try: 1/0\nexcept ZeroDivisionError: traceback.print_exc()"), "ZeroDivisionError: division by zero\n");
  has(captured("try: 1/0\nexcept ZeroDivisionError: sys.excepthook(*sys.exc_info())"),
      "ZeroDivisionError: division by zero\n");
  has(captured("try: 1/0\nexcept ZeroDivisionError: sys.__excepthook__(*sys.exc_info())"),
      "Traceback (most recent call last):\n");
  has(captured("class D:\n  def __del__(self): 1/0\nD()"), "ZeroDivisionError");
  has(captured("t = threading.Thread(target=lambda: 1/0)\nt.start(); t.join()"), "ZeroDivisionError");
  has(captured("help(len)"), "Return the number of items");
  {
    const CaptureOutput capture;
    try {
      python().eval("1/0");
    } catch (const py::PythonError& error) {
      error.report();
    }
    has(capture.err(), "ZeroDivisionError");
    CHECK(capture.out().empty());
  }
}

TEST_CASE("what still holds a captured stream writes to the one before") {
  python().exec("import logging, sys\nlog = logging.getLogger('holder')\nlog.propagate = False");
  const CaptureOutput outer;
  {
    CaptureOutput gone;
    {
      const CaptureOutput inner;
      python().exec("handler = logging.StreamHandler()\nlog.addHandler(handler)\nkept = sys.stdout\nlog.warning('in')");
      CHECK(inner.text() == "in\n");
    }
    python().exec("log.warning('still'); kept.write('x')");
    CHECK(gone.text() == "still\nx");
  }
  python().exec("log.warning('out'); kept.write('y'); kept.buffer.write(b'z'); kept.flush()");
  CHECK(outer.err() == "out\n");
  CHECK(outer.out() == "yz");
  python().exec("log.removeHandler(handler)");

  // Where the stream before is closed or gone, the text goes nowhere.
  python().exec("import io\nreal, sys.stdout = sys.stdout, io.StringIO()");
  captured("kept = sys.stdout");
  python().exec("sys.stdout.close(); sys.stdout = real\nkept.write('nowhere')\nreal.write('after')");
  CHECK(outer.out() == "yzafter");
  python().exec("sys.stdout = None");
  captured("kept = sys.stdout");
  python().exec("sys.stdout = real\nprint('nowhere', file=kept, flush=True)");
  CHECK(outer.out() == "yzafter");
  python().exec("del kept, handler, real");
}

TEST_CASE("captured text is valid UTF-8") {
  python().exec("import sys");
  CHECK(captured("print('caf\\u00e9 \\u20ac \\U0001f600')") == "café € 😀\n");
  CHECK(captured("print('\\udc80\\ud83d')") == "\\udc80\\ud83d\n");
  CHECK(captured("print('a\\0b')") == std::string("a\0b\n", 4));
  CHECK(captured("print('a\\r\\nb\\r')") == "a\r\nb\r\n");
  CHECK(captured("n = sys.stdout.buffer.write(b'\\xff\\xe2\\x82'); sys.stdout.write('|')") == "\uFFFD\uFFFD|");
  CHECK(python()["n"].as<int>() == 3);
  CHECK(captured("sys.stdout.buffer.write(bytearray(b'a')); sys.stdout.buffer.writelines([b'b', memoryview(b'c')])") ==
        "abc");
  {
    CaptureOutput capture;  // a character in parts
    python().exec("b = sys.stdout.buffer\nprint('1'); b.write(b'2\\xe2'); b.flush()");
    CHECK(capture.out() == "1\n2");
    python().exec("b.write(b'\\x82\\xac')\nprint('3')");
    CHECK(capture.out() == "1\n2€3\n");
  }
  CHECK_THROWS_AS(captured("sys.stdout.buffer.write('text')"), py::TypeError);
  CHECK_THROWS_AS(captured("sys.stdout.write(b'bytes')"), py::TypeError);
  {
    CaptureOutput outer;
    std::optional<CaptureOutput> inner(std::in_place);
    python().exec("sys.stdout.buffer.write(b'\\xe2')");
    inner.reset();
    CHECK(outer.out().empty());
  }
}

TEST_CASE("the streams are those that scripts expect") {
  const CaptureOutput capture;
  python().exec(R"(
    import io, sys
    for stream, name in (sys.stdout, '<stdout>'), (sys.stderr, '<stderr>'):
        assert isinstance(stream, io.TextIOBase) and isinstance(stream.buffer, io.BufferedIOBase)
        assert stream.encoding == 'utf-8' and stream.errors == 'backslashreplace'
        assert stream.name == name and stream.mode == 'w' and stream.buffer.name == name
        assert stream.line_buffering is True and stream.newlines is None
        assert stream.writable() and not stream.readable() and not stream.seekable() and not stream.isatty()
        for missing in stream.read, stream.readline, stream.tell:
            try: missing()
            except io.UnsupportedOperation: pass
            else: assert False, missing
        assert stream.write('\u20ac\U0001f600') == 2
        stream.reconfigure(encoding='latin-1', errors='strict', line_buffering=False)
        assert stream.write('\u20ac') == 1
        with stream: stream.write('in')
        stream.close()
        stream.buffer.close()
        assert not stream.closed
        stream.detach()
        stream.write('still open')
        repr(stream)
    again = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8', write_through=True)
    again.write('wrapped')
    del again
    print('more')
  )");
  CHECK(capture.out() == "€😀€instill openwrappedmore\n");
  CHECK(capture.err() == "€😀€instill open");
}

TEST_CASE("a captured stream has the descriptor of the process, where there is one") {
  python();
  const CaptureOutput outer, inner;
  python().exec(R"(
    import faulthandler, io, os, subprocess, sys
    assert sys.stdout.fileno() == sys.stdout.buffer.fileno() == 1
    assert sys.stderr.fileno() == 2
    faulthandler.enable()
    faulthandler.disable()
    subprocess.run([sys.executable, '-c', 'pass'], stdout=sys.stdout, stderr=sys.stderr, check=True)
  )");
  python().exec("kept = sys.stdout\nsys.stdout = io.StringIO()");
  {
    const CaptureOutput of_text;
    CHECK(python().try_eval("sys.stdout.fileno()").error().is("io.UnsupportedOperation"));
  }
  python().exec("sys.stdout = kept\ndel kept");
}

TEST_CASE("threads write whole pieces, in order") {
  python().exec(R"(
    import sys, threading
    def work(who):
        for i in range(200):
            sys.stdout.write(f'{who} {i}\n{who} {i}.\n')
  )");
  const CaptureOutput capture;
  std::vector<std::thread> threads;
  {
    const py::GilRelease others;
    for (int who = 0; who < 3; ++who) threads.emplace_back([who] { python().call("__main__", "work", who); });
    for (std::thread& thread : threads) thread.join();
  }
  python().exec(
      "ts = [threading.Thread(target=work, args=(i,)) for i in (3, 4, 5)]\nfor t in ts: t.start()\nfor t in ts: "
      "t.join()");
  const std::string text = capture.out();
  std::vector<int> next(6, 0);
  std::size_t at = 0;
  while (at < text.size()) {
    const auto who = static_cast<std::size_t>(text[at] - '0');
    REQUIRE(who < 6);
    const std::string expected = std::to_string(who) + " " + std::to_string(next[who]);
    REQUIRE(text.substr(at, 2 * expected.size() + 3) == expected + "\n" + expected + ".\n");
    at += 2 * expected.size() + 3;
    ++next[who];
  }
  CHECK(next == std::vector<int>(6, 200));
}

TEST_CASE("a capture is made, read and ended on any thread") {
  python();
  const CaptureOutput here;
  const py::GilRelease others;
  std::unique_ptr<CaptureOutput> elsewhere;
  std::thread([&] {
    elsewhere = std::make_unique<CaptureOutput>();
    python().exec("print('there')");
  }).join();
  CHECK(elsewhere->out() == "there\n");
  std::thread([&] { elsewhere.reset(); }).join();
  std::thread([&] { python().exec("print('again')"); }).join();
  CHECK(here.out() == "again\n");
}

TEST_CASE("captures leak nothing") {
  const py::Object print = python().eval("print");
  int repeat = 0;
  CHECK_STEADY({
    CaptureOutput outer;
    auto middle = std::make_unique<CaptureOutput>();
    CaptureOutput inner(py::Streams::out);
    print("x€");
    if (++repeat % 3 == 0) middle.reset();  // out of order
    if (inner.out() != "x€\n") throw std::logic_error(inner.out());
  });
  CHECK(is_own_stdout());
}
