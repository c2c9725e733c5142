// Tests of latepy/run/memory_limit.hpp: Config::memory_limit and Interpreter::memory_used().
// SPDX-License-Identifier: MIT
#include "c_api.hpp"
#include "in_child.hpp"

#include <latepy/stl/vector.hpp>

#include <thread>

#ifndef _WIN32
namespace {

constexpr std::size_t mib = 1 << 20;

py::Config with_limit(std::size_t limit) {
  py::Config config;
  config.memory_limit = limit;
  config.on_stderr = [](std::string_view) {};  // what CPython says where it has no memory to handle an exception
  return config;
}

/// Runs `test` in a process of its own with a Python that has the limit.
template <class F>
void with_little_memory(F&& test, std::size_t limit = 32 * mib) {
  if (is_free_threaded()) SKIP("a free-threaded Python takes no limit");
  in_child([&] {
    py::Interpreter python(with_limit(limit));
    test(python);
  });
}

/// A script of some size, which no other test has compiled.
std::string some_code(int number) {
  std::string code;
  for (int i = 0; i < 100; ++i)
    code.append("def f").append(std::to_string(i)).append("(a): return a + ").append(std::to_string(number + i)) +=
        '\n';
  return code;
}

/// Runs the script three times in a namespace of its own. Each time it runs out of memory, and afterwards C++ and
/// scripts have as much as before.
void check_runaway(const char* script) {
  with_little_memory([&](py::Interpreter& python) {
    python.def("throw_bad_alloc", [] { throw std::bad_alloc(); });
    std::size_t used = 0;
    for (int run = 0; run < 3; ++run) {
      {
        const py::Object globals = py::dict();
        EXPECT_THROWN(py::MemoryError, python.exec(script, globals));
      }
      python.exec(some_code(1000 * run), py::Object(py::dict()));
      EXPECT(py::to_py(std::vector<int>(1000, run)).as<std::vector<int>>().size() == 1000);
      EXPECT_THROWN(std::bad_alloc, python.exec("throw_bad_alloc()"));
      if (run == 0) used = python.memory_used();
      EXPECT(python.memory_used() <= used + 2 * mib);
    }
  });
}

/// The text of the StartError for the limit.
std::string refusal(py::Config config) {
  return EXPECT_THROWN(py::StartError, const py::Interpreter python(config)).what();
}

}  // namespace

TEST_CASE("scripts that want all memory get a MemoryError, and the host goes on", "[memory]") {
  const char* const scripts[] = {
      "x = []\nwhile True: x.append([0] * 1000)",
      "x = []\nwhile True: x = [x]",
      "x = 'a'\nwhile True: x += x",
      "x = {}\nwhile True: x[len(x)] = str(x.get(len(x) - 1))",
      "x = []\nwhile True: x.append(lambda: x)",
      "x = []\nwhile True: x.append(type('A', (), {'f': lambda self: x}))",
      "x = []\nwhile True:\n  class A:\n    def f(self): return [i for i in self]\n  x.append(A)",
      "x = []\nwhile True: x.append(compile('def f(a): return a + 1\\nclass A: pass', str(len(x)), 'exec'))",
      "x = []\ndef f(n): return [f(n - 1) + [0] * 10000 if n else x for i in range(3)]\nx.append(f(15))",
      "x = []\ndef f():\n  yield x\nwhile True:\n  x.append(f())\n  next(x[-1])",
      "x = set()\nwhile True: x.add(object())",
      "x = bytearray()\nwhile True: x += b'x' * 100000"};
  for (const char* const script : scripts) {
    INFO(script);
    check_runaway(script);
  }
}

TEST_CASE("the compiler gets a MemoryError too", "[memory]") {
  with_little_memory([](py::Interpreter& python) {
    try {
      python.exec(
          "n = 1\nwhile True:\n  compile('x = ' + '+'.join(['(a)'] * 50) + ',a' * n, 'large', 'exec')\n  n *= 2");
      EXPECT(false);
    } catch (const py::MemoryError&) {
    } catch (const py::PythonError& error) {  // CPython lost the error, or meant another limit of its own
      EXPECT(error.is("SystemError") || error.is("RecursionError"));
    }
    python.exec(some_code(0));
  });
}

TEST_CASE("a script may catch the MemoryError and go on", "[memory]") {
  with_little_memory([](py::Interpreter& python) {
    python.exec(R"(
        for i in range(1000):
            try:
                'a' * 10**12
            except MemoryError: pass
    )");
    const std::size_t used = python.memory_used();
    python.exec(R"(
        for i in range(1000):
            try:
                x = bytes(100_000_000)
            except MemoryError: x = None
    )");
    EXPECT(python.memory_used() < used + mib);
    python.exec(R"(
        def fill():
            x = []
            try:
                x.append(0)
                while True: x.append([0] * 1000)
            except MemoryError: return len(x)
        counts = [fill() for i in range(20)]
        assert min(counts) > 1000 and max(counts) - min(counts) < 1000, counts
    )");
    EXPECT(python.memory_used() < used + 2 * mib);
  });
}

TEST_CASE("a MemoryError between the steps of a script says whose limit it is", "[memory]") {
  with_little_memory([](py::Interpreter& python) {
    const auto error = EXPECT_THROWN(py::MemoryError, python.exec("x = None\nwhile True: x = [x]"));
    EXPECT(has(error.what(), "Config::memory_limit"));
    EXPECT(has(error.what(), "(<string-1>:2)"));
    python.exec("x = None");
    EXPECT(python.memory_used() < 8 * mib);
  });
}

TEST_CASE("C++ gets a MemoryError or std::bad_alloc where the limit is met", "[memory][conversion]") {
  with_little_memory([](py::Interpreter& python) {
    std::vector<py::Object> kept;
    const auto fill = [&](auto&& make) {
      for (int i = 0; i < 10'000'000; ++i) try {
          kept.push_back(make(i));
        } catch (const py::MemoryError&) {
          break;
        } catch (const std::bad_alloc&) {
          break;
        }
      EXPECT(python.memory_used() > 24 * mib && kept.size() < 10'000'000);
      kept = {};
    };
    fill([](int i) { return py::to_py(std::vector<int>(1000, i)); });
    fill([](int i) { return py::to_py(std::string(1000, static_cast<char>('a' + i % 26))); });
    fill([](int) { return py::Object(py::dict()); });
    int number = 0;
    const auto until_refused = [&](auto&& step) {
      try {
        for (;;) step(std::to_string(number++));
      } catch (const py::MemoryError&) {
      } catch (const std::bad_alloc&) {
      }
    };
    const py::Object ballast = py::to_py(std::string(20 * mib, 'x'));
    const py::Object globals = python.globals();
    until_refused([&](const std::string& name) { python.def("f" + name, [](int a, std::string) { return a; }); });
    EXPECT(python.memory_used() > 24 * mib);
    globals.attr("clear")();
  });
  with_little_memory([](py::Interpreter& python) {
    struct Thing {
      int value = 0;
    };
    EXPECT_THROWN(py::MemoryError, python.exec("keep = []\nwhile True: keep.append(str(len(keep)))"));
    bool is_made = false;
    try {
      python.add_class<Thing>("Thing").init<>().def("value", &Thing::value);
      is_made = true;
    } catch (const py::MemoryError&) {
    } catch (const std::bad_alloc&) {
    }
    python.exec("del keep");
    if (!is_made) python.add_class<Thing>("Thing").init<>().def("value", &Thing::value);
    EXPECT(python.eval<int>("Thing().value") == 0);
  });
}

TEST_CASE("the limit is met on other threads too, and they end", "[memory][threads]") {
  with_little_memory([](py::Interpreter& python) {
    const py::GilRelease release;
    for (int run = 0; run < 3; ++run) {
      std::thread thread([&] {
        const py::GilGuard gil;
        const py::Object globals = py::dict();
        EXPECT_THROWN(py::MemoryError, python.exec("x = []\nwhile True: x.append([0] * 1000)", globals));
      });
      thread.join();
      python.exec(some_code(run));
    }
    EXPECT(python.memory_used() < 16 * mib);
  });
}

TEST_CASE("1,000 scripts that run out of memory leave nothing behind", "[memory]") {
  with_little_memory(
      [](py::Interpreter& python) {
        std::size_t used = 0;
        for (int run = 0; run < 1000; ++run) {
          const py::Object globals = py::dict();
          const char* const code =
              run % 20 ? "x = [bytes(10), bytes(1_000_000_000)]" : "x = []\nwhile True: x.append([x] * 10000)";
          EXPECT_THROWN(py::MemoryError, python.exec(code, globals));
          if (run == 100) used = python.memory_used();
        }
        EXPECT(python.memory_used() <= used + 1024);
      },
      12 * mib);
}

TEST_CASE("a limit that the start itself exceeds is a StartError with both numbers", "[memory][start]") {
  if (is_free_threaded()) SKIP("a free-threaded Python takes no limit");
  for (const std::size_t limit : {std::size_t(1), std::size_t(64) << 10, mib}) {
    in_child([&] {
      const std::string text = refusal(with_limit(limit));
      EXPECT(has(text, "Config::memory_limit is " + std::to_string(limit)) && has(text, "the start takes "));
      EXPECT(!py::Interpreter::is_running());
      py::Config config = with_limit(64 * mib);
      config.allow_restart = true;
      py::Interpreter python(config);
      EXPECT(python.eval<int>("1 + 1") == 2);
    });
  }
}

TEST_CASE("without a limit nothing is counted", "[memory]") {
  in_child([] {
    py::Config config;
    config.memory_limit = 0;
    py::Interpreter python(config);
    EXPECT(python.memory_used() == 0);
    EXPECT(!py::detail::set_memory_unlimited);
  });
}

TEST_CASE("memory_used() tells what scripts have", "[memory]") {
  with_little_memory([](py::Interpreter& python) {
    const std::size_t before = python.memory_used();
    EXPECT(before > mib && before < 16 * mib);
    python.exec("x = bytes(8 * 1024 * 1024)");
    EXPECT(python.memory_used() >= before + 8 * mib && python.memory_used() < before + 9 * mib);
    python.exec("del x");
    EXPECT(python.memory_used() < before + mib);
  });
}

TEST_CASE("the stop may have all memory", "[memory][stop]") {
  with_little_memory([](py::Interpreter& python) {
    python.exec(R"(
        import atexit
        def at_end():
            x = 'a' * 100_000_000
            print('has', len(x))
        atexit.register(at_end)
        keep = []
    )");
    EXPECT_THROWN(py::MemoryError, python.exec("while True: keep.append([])"));
    std::string printed;
    EXPECT(python.stop());
  });
  if (is_free_threaded()) SKIP("a free-threaded Python takes no limit");
  const std::string output = in_child([] {
    py::Interpreter python(with_limit(32 * mib));
    python.exec("import atexit\natexit.register(lambda: print('has', len('a' * 100_000_000)))");
  });
  CHECK(output == "has 100000000\n");
}

TEST_CASE("a stop that is given up leaves the limit in force", "[memory][stop][threads]") {
  with_little_memory([](py::Interpreter& python) {
    import_threading_unfreed(python);
    python.exec(
        "lock = threading.Lock()\nlock.acquire()\n"
        "thread = threading.Thread(target=lock.acquire)\nthread.start()");
    EXPECT(!python.stop(std::chrono::milliseconds(1)));
    EXPECT_THROWN(py::MemoryError, python.exec("x = bytes(100_000_000)"));
    python.exec("lock.release()");
    EXPECT(python.stop());
  });
}

TEST_CASE("each start has a limit of its own", "[memory][restart]") {
  if (is_free_threaded()) SKIP("a free-threaded Python takes no limit");
  in_child([] {
    for (const std::size_t limit : {32, 64, 0, 48}) {
      py::Config config = with_limit(limit * mib);
      config.allow_restart = true;
      py::Interpreter python(config);
      for (const std::size_t size : {16, 40, 56, 100}) {
        const std::string code = "x = bytes(" + std::to_string(size * mib) + "); del x";
        if (limit == 0 || size + 16 < limit)
          python.exec(code);
        else if (size > limit - 4)
          EXPECT_THROWN(py::MemoryError, python.exec(code));
      }
      EXPECT(python.stop());
    }
    py::detail::BlockAllocator allocator = py::detail::block_allocator(py::detail::raw_memory);
    EXPECT(allocator.allocate != py::detail::counting_blocks.allocate);
  });
}

TEST_CASE("the limit holds where CPython checks its memory, and where it uses malloc alone", "[memory][start]") {
  if (is_free_threaded()) SKIP("a free-threaded Python takes no limit");
  for (const auto& [option, value] : {std::pair("dev_mode", "1"), std::pair("allocator", "2"),
                                      std::pair("allocator", "3"), std::pair("tracemalloc", "1")}) {
    INFO(option << " " << value);
    in_child([option = option, value = value] {
      py::Interpreter python(with_limit(64 * mib).set(option, value));
      for (int run = 0; run < 3; ++run) {
        const py::Object globals = py::dict();
        EXPECT_THROWN(py::MemoryError, python.exec("x = []\nwhile True: x.append([0] * 1000)", globals));
      }
      python.exec(some_code(0));
      EXPECT(python.stop());
    });
  }
}

TEST_CASE("an allocator that cannot be counted is refused", "[memory][start]") {
  in_child([] {
    const std::string text = refusal(with_limit(64 * mib).set("allocator", "4"));  // malloc_debug
    EXPECT(has(text, is_free_threaded() ? "free-threaded" : "the option `allocator`"));
  });
}

TEST_CASE("a limit is refused where other code allocates CPython's memory", "[memory][start]") {
  if (is_free_threaded()) SKIP("a free-threaded Python takes no limit");
  in_child([] {
    for (const py::Candidate& each : py::locate().candidates())
      if (each.verdict == py::Verdict::chosen) EXPECT(dlopen(each.library.c_str(), RTLD_NOW | RTLD_GLOBAL));
    py::detail::BlockAllocator blocks{};
    c_api<void(int, py::detail::BlockAllocator*)>("PyMem_GetAllocator")(0, &blocks);  // PYMEM_DOMAIN_RAW
    blocks.allocate = [](void*, std::size_t size) { return std::malloc(size ? size : 1); };
    c_api<void(int, py::detail::BlockAllocator*)>("PyMem_SetAllocator")(0, &blocks);
    EXPECT(has(refusal(with_limit(64 * mib)),
               "Config::memory_limit cannot count its memory, because other code has called PyMem_SetAllocator(): a "
               "function of "));
    py::Interpreter python;
    EXPECT(python.eval<int>("1 + 1") == 2);
  });
}

TEST_CASE("a free-threaded CPython has no limit, and says so", "[memory][start]") {
  if (!is_free_threaded()) SKIP("this Python has a GIL");
  in_child([] {
    EXPECT(has(refusal(with_limit(64 * mib)), "a free-threaded CPython"));
    py::Interpreter python;
    EXPECT(python.eval<int>("1 + 1") == 2);
  });
}

TEST_CASE("an Interpreter that attaches has no limit of its own", "[memory][attach]") {
  in_child([] {
    const py::Discovery found = py::locate();
    const py::DynLib library(found.chosen()->library);
    library.get<void(int)>("Py_InitializeEx")(0);
    const std::string what = EXPECT_THROWN(py::StateError, const py::Interpreter python(with_limit(64 * mib))).what();
    EXPECT(has(what, "Config::memory_limit cannot be set"));
  });
}

TEST_CASE("the child of a fork() has the limit", "[memory][fork]") {
  with_little_memory([](py::Interpreter& python) {
    const pid_t child = fork();
    if (child == 0) {
      EXPECT_THROWN(py::MemoryError, python.exec("x = []\nwhile True: x.append([0] * 1000)"));
      std::fflush(nullptr);
      _exit(0);
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
  });
}

TEST_CASE("a deadline and a limit serve one Interpreter", "[memory][limits]") {
  with_little_memory([](py::Interpreter& python) {
    for (int run = 0; run < 3; ++run) {
      const py::Deadline limit(std::chrono::milliseconds(20));
      EXPECT_THROWN(py::DeadlineError, python.exec("while True: pass"));
    }
    const py::Object globals = py::dict();
    EXPECT_THROWN(py::MemoryError, python.exec("x = []\nwhile True: x.append(lambda: x)", globals));
    python.exec(some_code(0));
    EXPECT(python.interrupt());
  });
  with_little_memory([](py::Interpreter& python) { EXPECT(!python.interrupt()); });
}

#endif
