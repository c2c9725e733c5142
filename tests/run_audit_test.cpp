// Tests of latepy/run/audit.hpp: Config::audit, which sees what scripts do, and refuses it.
// SPDX-License-Identifier: MIT
#include "c_api.hpp"

#ifndef _WIN32
#include <latepy/stl/vector.hpp>

#include <map>
#include <thread>

using py::Object;
using py::SubInterpreter;

namespace {

const std::string module_file = LATEPY_TEST_BINARIES "/attach_module.so";

int minor_version() { return latepy::detail::library_state.version.minor; }

using Audit = std::function<void(std::string_view, const Object&)>;
py::Config with_audit(Audit audit) {
  py::Config config;
  config.audit = std::move(audit);
  return config;
}
/// Raises an event as CPython does. \returns -1 with Python's error set if it was refused.
int raise_event(const char* name) { return c_api<int(const char*, const char*, ...)>("PySys_Audit")(name, nullptr); }

/// Binds `module` to the module that makes interpreters, and `fresh()` to its function.
const char* const with_module =
    "try:\n  import _interpreters as module\nexcept ImportError:\n  import _xxsubinterpreters as module\n"
    "fresh = module.create\n";

/// Counts the events of each name.
class Counts {
 public:
  explicit Counts() = default;
  Audit counter() {
    return [this](std::string_view event, const Object&) {
      const latepy::detail::SpinLock lock(lock_);
      ++counts_[std::string(event)];
    };
  }
  int operator[](const std::string& event) {
    const latepy::detail::SpinLock lock(lock_);
    return counts_[event];
  }

 private:
  std::atomic_flag lock_ = {};
  std::map<std::string, int> counts_{};
};

/// A hook of other code in the process, which refuses an event with RuntimeError or ValueError.
struct Refusal {
  const char* event;
  bool with_runtime_error;
};
int refuse(const char* event, PyObject*, void* data) {
  const auto& refusal = *static_cast<const Refusal*>(data);
  if (std::string_view(event) != refusal.event) return 0;
  const latepy::detail::Api& api = latepy::detail::api();
  api.Err_SetString(refusal.with_runtime_error ? *api.RuntimeError : *api.ValueError, "no more hooks");
  return -1;
}

}  // namespace

TEST_CASE("Config::audit sees what scripts do, with the arguments") {
  in_child([] {
    std::vector<std::string> opened;
    Counts counts;
    py::Interpreter python(with_audit([&, count = counts.counter()](std::string_view event, const Object& args) {
      count(event, args);
      if (event == "open") opened.push_back(args[0].as<std::string>());
      if (event == "os.system") EXPECT(py::repr(args) == "(b'true',)");
      if (event == "mine") EXPECT(args.as<std::vector<int>>() == std::vector<int>{1, 2});
    }));
    EXPECT(counts["import"] == 0);  // what the start does comes before
    python.exec("import sys, os\nwith open('/dev/null'): pass\nos.system('true')\nsys.audit('mine', 1, 2)");
    EXPECT(opened == std::vector<std::string>{"/dev/null"});
    EXPECT(counts["os.system"] == 1 && counts["mine"] == 1 && counts["compile"] > 0);
  });
}

TEST_CASE("what Config::audit throws refuses the event, and the script gets it") {
  in_child([] {
    std::string wanted;
    Object raised;
    py::Interpreter python(with_audit([&](std::string_view event, const Object&) {
      if (event != "open") return;
      if (wanted == "PermissionError") throw py::PermissionError("scripts open no files");
      if (wanted == "ValueError") throw std::invalid_argument("no");
      if (wanted == "MemoryError") throw std::bad_alloc();
      if (wanted == "RuntimeError") throw 7;
      if (wanted == "SystemExit") throw py::SystemExit("4");
      if (wanted == "ZeroDivisionError") py::Interpreter::current().exec("1 / 0");
    }));
    python.exec(
        "import os, tempfile\nname = os.path.join(tempfile.gettempdir(), 'latepy-audit-' + str(os.getpid()))\n"
        "def try_open():\n"
        "  try: open(name, 'w')\n"
        "  except BaseException as error: return type(error).__name__\n"
        "  return os.remove(name)");
    for (const char* const each :
         {"PermissionError", "ValueError", "MemoryError", "RuntimeError", "SystemExit", "ZeroDivisionError"}) {
      wanted = each;
      EXPECT(python.eval<std::string>("try_open()") == each);
      EXPECT(!python.eval<bool>("os.path.exists(name)"));
    }
    EXPECT_THROWN(py::ZeroDivisionError, python.exec("open(name)"));
    wanted = "RuntimeError";
    EXPECT(EXPECT_THROWN(int, python.exec("open(name)")) == 7);  // the same C++ exception
    wanted.clear();
    EXPECT(python.eval("try_open()").is_none());
  });
}

TEST_CASE("an error that is set while an event is raised stays, and Config::audit may run Python code") {
  in_child([] {
    bool refuses = false;
    py::Interpreter python(with_audit([&](std::string_view event, const Object&) {
      if (event != "mine") return;
      EXPECT(!latepy::detail::api().Err_Occurred());
      EXPECT_THROWN(py::KeyError, py::Interpreter::current().exec("{}['x']"));
      if (refuses) throw py::PermissionError("no");
    }));
    const latepy::detail::Api& api = latepy::detail::api();
    api.Err_SetString(*api.ValueError, "before");
    EXPECT(raise_event("mine") == 0);
    EXPECT(api.Err_ExceptionMatches(*api.ValueError));
    refuses = true;
    EXPECT(raise_event("mine") == -1);
    EXPECT(api.Err_ExceptionMatches(*api.PermissionError));
    api.Err_Clear();
  });
}

TEST_CASE("what Config::audit does itself raises no more events") {
  in_child([] {
    int depth = 0, deepest = 0, calls = 0;
    py::Interpreter python(with_audit([&](std::string_view, const Object& args) {
      ++calls;
      deepest = (std::max)(deepest, ++depth);
      py::Interpreter::current().exec("open('/dev/null').close(); import textwrap; eval('1 + 1')");
      static_cast<void>(py::repr(args));
      --depth;
    }));
    python.exec("open('/dev/null').close()");
    EXPECT(calls > 0 && deepest == 1);
    EXPECT_THROWN(py::ZeroDivisionError, python.exec("1 / 0"));
  });
}

TEST_CASE("an empty function is no audit") {
  in_child([] {
    py::Interpreter python(with_audit(Audit()));
    python.exec("open('/dev/null').close()");
    EXPECT(!latepy::detail::audit_check.load());
  });
}

TEST_CASE("Config::audit sees events of every interpreter, also of one that a script makes", "[subinterpreters]") {
  in_child([] {
    std::map<PyInterpreterState*, int> events;
    std::vector<Object> kept;
    Counts counts;
    py::Interpreter python(with_audit([&, count = counts.counter()](std::string_view event, const Object& args) {
      count(event, args);
      ++events[latepy::detail::api().InterpreterState_Get()];
      if (event == "mine") kept.push_back(args[0]);
      if (event == "in_main") EXPECT(py::Interpreter::current().eval<int>("6 * 7") == 42);
      if (event == "os.system") throw py::PermissionError("scripts run no commands");
      const py::GilRelease others;
    }));
    const char* const refused =
        "import os, sys\nsys.audit('mine', object())\nsys.audit('in_main')\n"
        "try: os.system('true')\nexcept PermissionError: pass\nelse: print('not refused')\n";
    python.exec(refused);
    SubInterpreter sub;
    sub.exec(refused);
    python.exec(with_module);
    python["refused"] = refused;
    for (int round = 0; round < 3; ++round) {
      python.exec("made = fresh()");
      python.exec("module.run_string(made, refused)");
      python.exec(
          "import threading\nt = threading.Thread(target=module.run_string, args=(made, refused))\n"
          "t.start(); t.join()");
      if (round > 0) python.exec("module.destroy(made)");
    }
    EXPECT(counts["os.system"] == 8 && counts["mine"] == 8 && counts["in_main"] == 8);
    EXPECT(events.size() >= 3);
    EXPECT(kept[0].is<Object>());
    for (std::size_t each = 1; each < kept.size(); ++each)
      EXPECT_THROWN(py::StateError, py::repr(kept[each]));  // of another interpreter, or of one that has ended
    std::thread([&] { kept.clear(); }).join();
    EXPECT(python.stop());
    EXPECT(counts["mine"] == 8);
  });
}

TEST_CASE("interpreters with GILs of their own call Config::audit at the same time", "[subinterpreters][threads]") {
  in_child([] {
    std::atomic<int> inside{0}, met{0};
    py::Config config = with_audit([&](std::string_view event, const Object&) {
      if (event != "mine") return;
      ++inside;
      while (inside < 2) std::this_thread::yield();
      ++met;
    });
    config.release_gil = true;
    py::Interpreter python(config);
    if (minor_version() < 12) return;
    SubInterpreter a, b;
    std::thread other([&] { a.exec("import sys; sys.audit('mine')"); });
    b.exec("import sys; sys.audit('mine')");
    other.join();
    EXPECT(met == 2);
  });
}

TEST_CASE("what Config::audit throws while a SubInterpreter is made, its constructor throws", "[subinterpreters]") {
  in_child([] {
    int refused_at = -1, number = 0;
    py::Interpreter python(with_audit([&](std::string_view, const Object&) {
      if (refused_at >= 0 && number++ == refused_at) throw std::out_of_range("not now");
    }));
    for (const int each : {0, 1, 2, 5, 20, 50}) {
      refused_at = each;
      number = 0;
      EXPECT(EXPECT_THROWN(std::out_of_range, SubInterpreter none).what() == std::string("not now"));
      refused_at = -1;
      EXPECT(!latepy::detail::has_subs());
    }
    SubInterpreter sub;
    EXPECT(sub.eval<int>("1") == 1);
  });
}

TEST_CASE("a refusal while a script makes an interpreter does not end the program", "[subinterpreters]") {
  in_child([] {
    int refused_at = -1, number = 0;
    py::Interpreter python(with_audit([&](std::string_view, const Object&) {
      if (refused_at >= 0 && number++ == refused_at) throw std::out_of_range("not now");
    }));
    python.exec(with_module);
    python.exec(
        "def try_it():\n"
        "  try: made = fresh()\n"
        "  except Exception: return\n"
        "  module.destroy(made)");
    const Object try_it = python["try_it"];
    const auto count_events = [&] {
      number = 0;
      refused_at = 1 << 20;
      try_it();
      refused_at = -1;
      return number;
    };
    const int events = count_events(), step = (std::max)(1, events / 40);
    for (int each = 0; each < events; each += step) {
      number = 0;
      refused_at = each;
      try {
        try_it();
      } catch (const std::out_of_range&) {  // an event of the main interpreter
      }
      refused_at = -1;
    }
    EXPECT(count_events() == events);
    EXPECT(python.eval<int>("1") == 1);
  });
}

TEST_CASE("Config::audit sees the end of its Python, and nothing after that", "[stop][restart]") {
  in_child([] {
    Counts first, second;
    {
      py::Interpreter python(with_audit(first.counter()));
      python.exec(
          "import atexit, sys\natexit.register(lambda: sys.audit('at.exit'))\n"
          "class Last:\n  def __del__(self, audit=sys.audit): audit('in.del')\n"
          "last = Last()");
      EXPECT(first["at.exit"] == 0);
      EXPECT(python.stop());
      EXPECT(first["at.exit"] == 1 && first["in.del"] == 1);
      py::Interpreter again(with_audit(second.counter()));
      again.exec("import sys; sys.audit('mine')");
      EXPECT(first["mine"] == 0 && second["mine"] == 1);
    }
    py::Interpreter python;
    python.exec("import sys; sys.audit('mine')");
    EXPECT(first["mine"] == 0 && second["mine"] == 1);
  });
}

TEST_CASE("the program's function is freed with its Interpreter, or with the last call of it", "[threads][attach]") {
  in_child([] {
    py::Config config;
    config.finalize = false;
    config.release_gil = true;
    { const py::Interpreter first(config); }
    auto token = std::make_shared<int>(0);
    const std::weak_ptr<int> watch = token;
    std::atomic<int> step{0};
    auto attached = std::make_unique<py::Interpreter>(with_audit([&, token](std::string_view event, const Object&) {
      if (event != "mine") return;
      const py::GilRelease others;
      step = 1;
      while (step < 2) std::this_thread::yield();
      ++*token;
    }));
    token.reset();
    std::thread other([] {
      const py::GilGuard gil;
      raise_event("mine");
    });
    while (step < 1) std::this_thread::yield();
    attached.reset();
    EXPECT(!watch.expired());
    step = 2;
    other.join();
    EXPECT(watch.expired());
    {
      const py::GilGuard gil;
      raise_event("mine");
      EXPECT(step == 2);
    }
    // In its own call.
    auto mine = std::make_shared<std::unique_ptr<py::Interpreter>>();
    *mine = std::make_unique<py::Interpreter>(with_audit([mine](std::string_view event, const Object&) {
      if (event == "mine") mine->reset();
    }));
    const py::GilGuard gil;
    raise_event("mine");
    EXPECT(!*mine && mine.use_count() == 1);
  });
}

TEST_CASE("Interpreters that attach have a Config::audit each, and CPython one hook of the library", "[attach]") {
  in_child([] {
    Counts counts[3];
    py::Config config;
    config.finalize = false;
    { const py::Interpreter first(config); }
    for (Counts& each : counts) {
      py::Interpreter attached(with_audit(each.counter()));
      EXPECT(attached.is_attached());
      attached.exec("import sys; sys.audit('mine')");
      EXPECT(each["mine"] == 1);
    }
    EXPECT(counts[0]["mine"] == 1 && counts[1]["mine"] == 1);
  });
}

TEST_CASE("two libraries have a Config::audit each", "[attach]") {
  in_child([] {
    Counts counts;
    py::Interpreter python(with_audit(counts.counter()));
    python["module_file"] = module_file;
    python.exec(
        "import ctypes, sys\nlibrary = ctypes.PyDLL(module_file)\n"
        "def call(name):\n  function = getattr(library, name)\n  function.restype = ctypes.c_char_p\n"
        "  return function().decode()");
    EXPECT(python.eval<std::string>("call('attach_audit')") == "ok");
    EXPECT(counts["sys.addaudithook"] == 1);
    python.exec("sys.audit('mine')");
    EXPECT(counts["mine"] == 1 && python.eval<int>("library.attach_audited()") == 1);
    EXPECT(python.eval<std::string>("call('attach_stop')") == "ok");
    python.exec("sys.audit('mine')");
    EXPECT(counts["mine"] == 2 && python.eval<int>("library.attach_audited()") == 1);
  });
}

TEST_CASE("a hook of others that refuses Config::audit is a StartError that says so", "[attach][errors]") {
  static const Refusal refusals[] = {{"sys.addaudithook", true}, {"sys.addaudithook", false}, {"compile", false}};
  for (const Refusal& refusal : refusals)
    in_child([&] {
      Counts counts;
      py::Config config;
      config.finalize = false;
      { const py::Interpreter first(config); }
      EXPECT(c_api<int(int (*)(const char*, PyObject*, void*), void*)>("PySys_AddAuditHook")(
                 &refuse, const_cast<Refusal*>(&refusal)) == 0);
      const auto error = EXPECT_THROWN(py::StartError, py::Interpreter none(with_audit(counts.counter())));
      EXPECT(has(error.what(), "another audit hook of this process refuses it: "));
      EXPECT(has(error.what(), refusal.with_runtime_error ? "it raises RuntimeError" : "no more hooks"));
      EXPECT(counts["compile"] == 0);
      const py::Interpreter without;
    });
}

TEST_CASE("Config::audit sees the events of all threads", "[threads]") {
  in_child([] {
    Counts counts;
    py::Config config = with_audit([&, count = counts.counter()](std::string_view event, const Object& args) {
      count(event, args);
      const py::GilRelease others;
    });
    config.release_gil = true;
    py::Interpreter python(config);
    python.exec(
        "import sys, threading\ndef many():\n  for i in range(100): sys.audit('mine', i)\n"
        "threads = [threading.Thread(target=many) for i in range(4)]\n"
        "for each in threads: each.start()");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { python.exec("many()"); });
    for (std::thread& each : threads) each.join();
    python.exec("for each in threads: each.join()");
    EXPECT(counts["mine"] == 800);
  });
}

TEST_CASE("daemon threads in Config::audit do not disturb the stop", "[threads][stop]") {
  in_child([] {
    std::atomic<int> calls{0};
    {
      py::Interpreter python(with_audit([&](std::string_view event, const Object&) {
        if (event != "mine") return;
        const py::GilRelease others;
        ++calls;
      }));
      python.exec(
          "import sys, threading\ndef for_ever():\n  while True: sys.audit('mine')\n"
          "for i in range(4): threading.Thread(target=for_ever, daemon=True).start()");
      const py::GilRelease others;
      while (calls < 100) std::this_thread::yield();
    }
    end_without_leak_check();
  });
}

TEST_CASE("Config::audit and the check of forks share a hook", "[fork][subinterpreters]") {
  in_child([] {
    Counts counts;
    py::Interpreter python(with_audit(counts.counter()));
    const char* const forks =
        "(lambda os: (lambda pid: os.waitpid(pid, 0)[1] >> 8)(os.fork() or os._exit(7)))(__import__('os'))";
    EXPECT(python.eval<int>(forks) == 7);
    {
      const SubInterpreter sub;
      EXPECT(counts["sys.addaudithook"] == 0);
      EXPECT(EXPECT_THROWN(py::RuntimeError, python.eval(forks)).message().find("os.fork() was called") == 0);
    }
    EXPECT(counts["os.fork"] == 2);
    python.exec(
        "import os, sys\npid = os.fork()\nif not pid:\n  sys.audit('mine')\n  os._exit(8)\n"
        "status = os.waitpid(pid, 0)[1] >> 8");
    EXPECT(python["status"].as<int>() == 8);
  });
}

TEST_CASE("an Interpreter that attaches sees events of interpreters that scripts made before", "[attach]") {
  in_child([] {
    py::Config config;
    config.finalize = false;
    {
      py::Interpreter first(config);
      first.exec(with_module);
      first.exec("made = fresh()");
    }
    Counts counts;
    py::Interpreter attached(with_audit(counts.counter()));
    for (int round = 1; round < 3; ++round) {
      attached.exec("module.run_string(made, 'import sys; sys.audit(\"mine\")')\nmodule.destroy(made)\nmade = fresh()");
      EXPECT(counts["mine"] == round);
    }
  });
}
#endif
