// Tests of threads that CPython ends while it stops, and later, inside each kind of C++ frame.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>

#include "in_child.hpp"

#ifndef _WIN32
#include <sys/ioctl.h>

#include <fstream>
#include <thread>

namespace {

/// Calls the Python function wait(), which blocks the thread until its Python has ended.
void wait_here() { py::Interpreter::current()["wait"](); }

struct Waits {
  void method() { wait_here(); }
  void quiet() noexcept { wait_here(); }
};
struct WaitsAtFirst {};
struct WaitsAtLast {
  ~WaitsAtLast() { wait_here(); }
};
struct Scripted {
  virtual ~Scripted() = default;
  virtual void run() {}
};
struct ScriptedInPython : py::Trampoline<Scripted> {
  using Trampoline::Trampoline;
  void run() override {
    override_or("run", [] {});
  }
};
struct Counter {
  int at;
  int operator*() const {
    wait_here();
    return at;
  }
  Counter& operator++() { return ++at, *this; }
  bool operator==(const Counter& other) const { return at == other.at; }
};
struct Memory {};
struct Refused {};

/// How a thread comes into a C++ frame: Python statements. There, wait() is called.
const char* const ways[] = {
    "host.function(wait)",
    "host.swallows()",
    "host.guards()",
    "host.handles()",
    "host.has_locals(wait, [])",
    "host.names_an_argument(lambda value: wait())",
    "host.takes_std_function(wait)",
    "host.Waits().method()",
    "host.Waits().quiet()",
    "host.Waits().value",
    "host.Waits().value = 1",
    "host.Waits.static()",
    "host.WaitsAtFirst()",
    "host.WaitsAtLast()",
    "host.run(type('Derived', (host.Scripted,), {'run': lambda self: wait()})())",
    "list(host.iterator())",
    "memoryview(host.Memory())",
    "host.converts(type('Index', (), {'__index__': lambda self: wait()})())",
    "host.reads(type('Read', (), {'__getattr__': lambda self, name: wait()})())",
    "host.shows(type('Shown', (), {'__str__': lambda self: wait()})())",
    "host.drops(type('Dropped', (), {'__del__': lambda self: wait()}))",
    "host.runs_code()",
    "host.translates()",
    "host.function(lambda: host.function(lambda: host.swallows()))",
};

void define_ways(py::Module host) {
  host.def("function", [](py::Object f) { f(); });
  host.def("swallows", [] {
    try {
      wait_here();
    } catch (...) {
    }
  });
  host.def("guards", [] {
    const py::GilRelease released;
    const py::GilGuard gil;
    wait_here();
  });
  host.def("handles", [] {
    try {
      throw 1;
    } catch (int) {
      wait_here();
    }
  });
  host.def("has_locals", [](py::Object f, py::Object list) {
    const std::string text(100, 'x');
    const py::Object more = py::to_py(text);
    const py::GilGuard nested;
    list.call_method("append", f.call<int>(), more);
  });
  host.def("names_an_argument", [](py::Object f) { f("value"_a = 1000); });
  host.def("takes_std_function", [](std::function<void()> f) { f(); });
  host.add_class<Waits>("Waits")
      .init<>()
      .def("method", &Waits::method)
      .def("quiet", &Waits::quiet)
      .def_static("static", &wait_here)
      .property(
          "value",
          [](Waits&) {
            wait_here();
            return 1;
          },
          [](Waits&, int) { wait_here(); });
  host.add_class<WaitsAtFirst>("WaitsAtFirst").init([] {
    wait_here();
    return WaitsAtFirst();
  });
  host.add_class<WaitsAtLast>("WaitsAtLast").init([] { return std::make_unique<WaitsAtLast>(); });
  host.add_class<Scripted, ScriptedInPython>("Scripted").init<>();
  host.def("run", [](Scripted& scripted) { scripted.run(); });
  host.def("iterator", [] { return py::iterate(Counter{0}, Counter{2}); });
  host.add_class<Memory>("Memory", py::buffer_protocol).init<>().buffer([](Memory&) {
    wait_here();
    return py::BufferInfo();
  });
  host.def("converts", [](int) {});
  host.def("reads", [](py::Object object) { return object.attr("value").as<int>(); });
  host.def("shows", [](py::Object object) { return py::str(object); });
  host.def("drops", [](py::Object type) { const py::Object made = type(); });
  host.def("runs_code", [] { py::Interpreter::current().exec("wait()"); });
  py::translate<Refused>([](const Refused&) {
    wait_here();
    return py::Object();
  });
  host.def("translates", [] { throw Refused(); });
}

/// Blocks until a thread that was read from /proc has ended, or sleeps.
void await_sleep(int thread) {
  for (;;) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string number, name, state;
    if (!(file >> number >> name >> state) || state == "S") return;
    std::this_thread::yield();
  }
}
int waiting_bytes(int end) {
  int count = 0;
  ioctl(end, FIONREAD, &count);
  return count;
}

/// Starts a daemon thread for each of the ways, stops Python, and lets the threads ask for the GIL afterwards.
void end_threads_in_each_way() {
  std::vector<int> reads, writes, threads;
  {
    py::Interpreter python;
    define_ways(py::module("host"));
    python.exec(
        "import host, os, queue, threading\n"
        "arrived = queue.Queue()\n"
        "ends = {}\n"
        "def wait():\n"
        "    arrived.put(threading.get_native_id())\n"
        "    os.read(ends[threading.get_ident()], 1)\n"
        "def begin(way, end):\n"
        "    def run():\n"
        "        ends[threading.get_ident()] = end\n"
        "        try: exec(way)\n"
        "        finally: arrived.put(0)\n"
        "    threading.Thread(target=run, daemon=True).start()\n"
        "    return arrived.get()");
    for (const char* const way : ways) {
      int ends[2];
      EXPECT(pipe(ends) == 0);
      reads.push_back(ends[0]);
      writes.push_back(ends[1]);
      threads.push_back(python["begin"].call<int>(way, ends[0]));
      if (threads.back() == 0) throw std::runtime_error(std::string("wait() was not called by ") + way);
    }
    EXPECT(python.stop());
  }
  for (std::size_t i = 0; i < threads.size(); ++i) {
    EXPECT(write(writes[i], "x", 1) == 1);
    while (waiting_bytes(reads[i]) > 0) std::this_thread::yield();
    await_sleep(threads[i]);
  }
}

/// Stops Python while a daemon thread is in on_stdout, where it waits for a byte: without the GIL, or in a script.
void stop_beside_a_callback(bool in_script) {
  int entered[2], left[2];
  EXPECT(pipe(entered) == 0 && pipe(left) == 0);
  const auto wait_for_byte = [](int end) {
    const py::GilRelease others;
    char byte;
    EXPECT(read(end, &byte, 1) == 1);
  };
  py::Config config;
  config.on_stdout = [&](std::string_view text) {
    if (text != "first\n") return;
    EXPECT(write(entered[1], "x", 1) == 1);
    in_script ? py::Interpreter::current().exec("os.read(left, 1)") : wait_for_byte(left[0]);
  };
  config.on_stderr = [](std::string_view text) { std::printf("on_stderr: %s", std::string(text).c_str()); };
  py::Interpreter python(config);
  python["left"] = left[0];
  python.exec(
      "import atexit, os, sys, threading\n"
      "first = threading.Thread(target=print, args=['first'], daemon=True)\n"
      "atexit.register(lambda: print('to stdout'))\n"
      "atexit.register(lambda: print('to stderr', file=sys.stderr))");
  python["first"].call_method("start");  // not by exec(), which flushes stdout at its end
  wait_for_byte(entered[0]);
  EXPECT(python.stop());
  EXPECT(write(left[1], "x", 1) == 1);
}

}  // namespace

TEST_CASE("stop() does not wait for a daemon thread in on_stdout, and text goes to the previous streams",
          "[stop][threads][streams]") {
  for (const bool in_script : {false, true}) {
    const auto stop = [&] {
      stop_beside_a_callback(in_script);
      end_without_leak_check();
    };
    CHECK(in_child(stop) == "to stderr\nto stdout\n");
  }
}

TEST_CASE("a daemon thread that CPython ends is blocked in every kind of C++ frame", "[stop][threads]") {
  const auto end_threads = [] {
    end_threads_in_each_way();
    end_without_leak_check();
  };
  CHECK(in_child(end_threads).empty());
}

#endif
