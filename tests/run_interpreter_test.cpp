// Tests of latepy/run/interpreter.hpp: one Interpreter a process, what it says of itself, and how it ends.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"
#include "temporary_folder.hpp"

#ifndef _WIN32
#include <sys/stat.h>
#include <latepy/stl/function.hpp>

#include <cfenv>
#include <clocale>
#include <fstream>
#include <thread>

using py::GilGuard;
using py::Object;
using py::PythonError;
using py::StateError;

namespace {

int minor_version() { return latepy::detail::library_state.version.minor; }

py::Config with_warnings(std::vector<std::string>& warnings) {
  py::Config config;
  config.on_warning = [&warnings](const std::string& text) { warnings.push_back(text); };
  return config;
}

}  // namespace

TEST_CASE("an Interpreter says what it is") {
  in_child([] {
    py::Interpreter python;
    EXPECT(python.version() == python.eval<std::string>("'.'.join(map(str, __import__('sys').version_info[:3]))"));
    EXPECT(python.executable() == python.eval<std::string>("__import__('sys').executable"));
    EXPECT(python.prefix() == python.eval<std::string>("__import__('sys').prefix"));
    EXPECT(python.is_free_threaded() ==
           !python.eval<bool>("getattr(__import__('sys'), '_is_gil_enabled', lambda: True)()"));
    EXPECT(!python.is_attached());
    const py::Candidate* chosen = python.discovery().chosen();
    EXPECT(chosen && chosen->library == python.library());
    EXPECT(chosen->version.minor == minor_version());
    struct stat file;
    EXPECT(stat(python.library().c_str(), &file) == 0 && stat(python.executable().c_str(), &file) == 0);
  });
}

TEST_CASE("there is one Interpreter at a time, and anybody may ask for it") {
  in_child([] {
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(StateError, py::Interpreter::current());
    {
      py::Interpreter python;
      EXPECT(py::Interpreter::is_running());
      EXPECT(&py::Interpreter::current() == &python);
      EXPECT(has(EXPECT_THROWN(StateError, py::Interpreter second).what(), "Interpreter::current()"));
      EXPECT(&py::Interpreter::current() == &python);  // the second one did no harm
      EXPECT(python.eval<int>("6 * 7") == 42);
    }
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(StateError, py::Interpreter::current());
  });
}

TEST_CASE("of threads that make an Interpreter at once one gets it, and the others are refused", "[threads][restart]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    std::atomic<bool> done{false};
    std::thread watcher([&] {  // is never shown an Interpreter that is not ready
      while (!done) {
        if (const auto gil = GilGuard::try_acquire())
          EXPECT(py::Interpreter::current().eval<int>("6 * 7") == 42);
        else if (!py::Interpreter::is_running())
          std::this_thread::yield();
      }
    });
    constexpr int count = 4;
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> ready{0}, made{0}, refused{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < count; ++i)
        threads.emplace_back([&] {
          ++ready;
          while (ready < count) std::this_thread::yield();
          try {
            py::Interpreter python(config);
            ++made;
            while (made + refused < count) std::this_thread::yield();
            EXPECT(python.eval<int>("6 * 7") == 42);
          } catch (const StateError& error) {
            EXPECT(has(error.what(), "a second Interpreter was made"));
            ++refused;
          }
        });
      for (std::thread& thread : threads) thread.join();
      EXPECT(made == 1 && refused == count - 1);
    }
    done = true;
    watcher.join();
  });
}

TEST_CASE("an Interpreter that is made while another thread stops Python is refused, or starts it again",
          "[threads][stop][restart]") {
  in_child([] {
    std::atomic<int> rounds{0};
    const auto make_and_stop = [&] {
      while (rounds < 20) {
        try {
          py::Interpreter python;
          EXPECT(python.eval<int>("6 * 7") == 42);
          ++rounds;
        } catch (const StateError&) {
        }
      }
    };
    std::thread first(make_and_stop), second(make_and_stop);
    first.join();
    second.join();
    EXPECT(!py::Interpreter::is_running());
    const py::Interpreter last;
    EXPECT(py::Interpreter::is_running());
  });
}

TEST_CASE("until the start is done no other thread enters, and the refusal says so", "[threads][gil]") {
  in_child([] {
    py::Interpreter python;
    latepy::detail::current_interpreter().stopping = latepy::detail::gate_starting;  // as the constructor does
    std::thread([&] {
      EXPECT(!py::Interpreter::is_running());
      EXPECT(!GilGuard::try_acquire());
      EXPECT(has(EXPECT_THROWN(StateError, GilGuard()).what(), "while Python is starting"));
    }).join();
    latepy::detail::open_gate();
    EXPECT(py::Interpreter::is_running());
  });
}

TEST_CASE("the turn to make or stop an Interpreter belongs to one thread", "[threads]") {
  using latepy::detail::Errand;
  using latepy::detail::Turn;
  const auto refusal = [] {
    std::string text;
    std::thread([&] {
      try {
        const Turn turn(Errand::make);
      } catch (const StateError& error) {
        text = error.what();
      }
    }).join();
    return text;
  };
  {
    Turn turn(Errand::make);
    CHECK_THAT(refusal(), ContainsSubstring("while another thread makes the first one"));
    CHECK_THROWS_AS(Turn(Errand::make), StateError);
    { const Turn same(Errand::stop); }
    CHECK_THAT(refusal(), ContainsSubstring("another thread makes"));
    turn.give_up();
    CHECK(refusal() == "");
  }
  {
    const Turn turn(Errand::stop);
    CHECK_THAT(refusal(), ContainsSubstring("while another thread stops Python"));
  }
  CHECK(refusal() == "");
}

TEST_CASE("a stop waits without the GIL until another library has done its errand", "[threads][stop][attach]") {
  using latepy::detail::Errand;
  using latepy::detail::Turn;
  in_child([] {
    const py::Interpreter python;
    std::atomic<bool> has_turn{false}, may_end{false};
    std::thread other([&] {
      const Turn turn(Errand::stop);
      has_turn = true;
      while (!may_end) std::this_thread::yield();
      const GilGuard gil;  // which the one that waits gives up meanwhile
    });
    while (!has_turn) std::this_thread::yield();
    may_end = true;
    { const Turn turn(Errand::stop); }
    const py::GilRelease others;
    other.join();
  });
}

TEST_CASE("where no Python is found the LoadError is a table that ends with what to do", "[no-libpython]") {
  in_child([] {
    const std::string folder = "/nonexistent/python";
    setenv("LATEPY_LIBRARY", (folder + "/libpython3.12.so").c_str(), 1);
    unsetenv("LATEPY_PYTHON");
    py::Config config;
    config.library = folder + "/libpython3.12.so";
    const auto error = EXPECT_THROWN(py::LoadError, py::Interpreter python(config));
    const std::string what = error.what();
    EXPECT(has(what, folder + "/libpython3.12.so"));
    EXPECT(!error.discovery().candidates().empty() && !error.discovery().chosen());
    const std::string& remedy = error.discovery().remedy();
    EXPECT(remedy.size() > 20 && what.size() > remedy.size());
    EXPECT(what.substr(what.size() - remedy.size()) == remedy);
    EXPECT(!py::Interpreter::is_running());
    // It harmed nothing: a Config that can be met starts.
    config.library = py::Path();
    config.version = ">=4";
    EXPECT(has(EXPECT_THROWN(py::LoadError, py::Interpreter python(config)).what(), ">=4"));
  });
}

TEST_CASE("where the chosen library cannot be opened the LoadError tells what there is beside it") {
  in_child([] {
    const TemporaryFolder folder;
    const std::string home = folder.path, library = home + "/lib/libpython3.12.so.1.0";
    for (const char* sub : {"/lib", "/lib/python3.12", "/lib/python3.12/encodings"}) mkdir((home + sub).c_str(), 0755);
    std::ofstream(home + "/lib/python3.12/os.py");
    std::ofstream(home + "/lib/python3.12/encodings/__init__.py");
    {
      std::ifstream self("/proc/self/exe", std::ios::binary);
      char header[64] = {};
      self.read(header, sizeof header);
      // A shared library of this machine, of which nothing but the header is there.
      header[16] = 3;
      std::fill(header + 24, header + 48, '\0');
      std::ofstream(library, std::ios::binary).write(header, sizeof header) << std::string(4096, '\0');
    }
    setenv("CONDA_PREFIX", py::locate().chosen()->home.c_str(), 1);
    setenv("LATEPY_LIBRARY", library.c_str(), 1);
    unsetenv("LATEPY_PYTHON");
    const auto error = EXPECT_THROWN(py::LoadError, py::Interpreter python);
    std::remove(library.c_str());
    EXPECT(has(error.what(), "cannot load " + library));
    EXPECT(error.discovery().chosen()->library == library);
    EXPECT(error.discovery().candidates().size() > 1 && has(error.what(), "CONDA_PREFIX"));
    EXPECT(has(EXPECT_THROWN(py::LoadError, py::Interpreter python).what(), "LATEPY_LIBRARY asks for " + library));
    unsetenv("LATEPY_LIBRARY");
    py::Interpreter python;  // another that serves
    EXPECT(python.discovery().chosen() == &python.discovery().candidates().back());
  });
}

TEST_CASE("linecache is imported when somebody needs it, and knows what was run before", "[source]") {
  in_child([] {
    py::Interpreter python;
    python.exec("import sys\nfinders = list(sys.meta_path)\ndef f():\n  raise KeyError  # line of f");
    EXPECT(python.eval<bool>("'linecache' not in sys.modules"));
    python.exec("try: f()  # line of main\nexcept KeyError: import traceback; text = traceback.format_exc()");
    EXPECT(has(python["text"].as<std::string>(), "# line of f") &&
           has(python["text"].as<std::string>(), "# line of main"));
    python.exec("def g(): raise KeyError  # line of g");
    EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("g()")).traceback(), "# line of g"));
    // It is as if nobody had waited for it, and with threading for anything.
    python.exec("import threading");
    EXPECT(python.eval<bool>("sys.meta_path == finders[1:]"));
    python.exec(R"(
        import inspect, linecache
        assert linecache.__loader__ is linecache.__spec__.loader
        assert 'latepy' not in repr(linecache.__loader__)
        assert 'def checkcache' in inspect.getsource(linecache))");
    python.reset();
    EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("raise KeyError  # after reset")).traceback(), "# after reset"));
  });
  in_child([] {  // asked for by the error's own text, in two lives
    for (int i = 0; i < 2; ++i) {
      py::Interpreter python;
      EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("raise KeyError  # here")).traceback(), "# here"));
      python.exec("import linecache\nassert any('# here' in entry[2][0] for entry in linecache.cache.values())");
    }
  });
  in_child([] {  // a script may have taken it away
    py::Interpreter python;
    python.exec("import sys; sys.meta_path.pop(0)");
    EXPECT_THROWN(py::KeyError, python.exec("raise KeyError")).traceback();
    EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("raise KeyError  # late")).traceback(), "# late"));
  });
}

TEST_CASE("linecache is given its lines however it is imported, and whatever became of the import system", "[source]") {
  const auto shows_lines_after = [](const char* text) {
    in_child([text] {
      py::Interpreter python;
      python.exec("def f(): raise KeyError  # line of f");
      python.exec(text);
      EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("f()  # line of main")).traceback(), "# line of f"));
      EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("f()  # later")).traceback(), "# later"));
    });
  };
  shows_lines_after(
      "import importlib.util; spec = importlib.util.find_spec('linecache'); assert not "
      "spec.loader.is_package('linecache')");
  shows_lines_after(R"(
      import sys
      class Wrapped:
          def __init__(self, finder): self.finder = finder
          def find_spec(self, *arguments): return self.finder.find_spec(*arguments)
      sys.meta_path = [Wrapped(finder) for finder in sys.meta_path]
      import linecache)");
  shows_lines_after(R"(
      import os, shutil, sys, tempfile, zipfile
      path = os.path.join(tempfile.mkdtemp(), 'library.zip')
      with zipfile.ZipFile(path, 'w') as file:
          file.write(os.path.join(os.path.dirname(os.__file__), 'linecache.py'), 'linecache.py')
      sys.path.insert(0, path)
      import linecache
      assert linecache.__file__.startswith(path) or linecache.__spec__.origin == 'frozen'  # as it is from 3.15
      shutil.rmtree(os.path.dirname(path)))");
  in_child([] {  // the first text of a life may be run by code that sees few built-in names
    py::Interpreter python;
    const Object run = python.get("builtins.exec");
    python.def("host", [&] { return python.eval<int>("1 + 1"); });
    run("assert host() == 2", py::dict("__builtins__"_a = py::dict(), "host"_a = python["host"]));
    EXPECT(has(EXPECT_THROWN(py::KeyError, python.exec("raise KeyError  # here")).traceback(), "# here"));
  });
}

TEST_CASE("a handle that is made while no Python runs cannot be used, then or later") {
  in_child([] {
    int nothing[8] = {};
    auto* const pointer = reinterpret_cast<PyObject*>(nothing);  // is not looked at
    const py::Ref before(pointer);
    EXPECT(!before.is_alive());
    EXPECT_THROWN(StateError, before.has_attr("x"));
    {
      py::Interpreter python;
      EXPECT_THROWN(StateError, before.has_attr("x"));
    }
    const py::Ref after(pointer);
    Object stolen = Object::steal(pointer);
    EXPECT(!after.is_alive() && !stolen.is_alive());
    EXPECT_THROWN(StateError, after.has_attr("x"));
    EXPECT_THROWN(StateError, stolen.has_attr("x"));
    EXPECT_THROWN(StateError, py::to_py("a literal that was kept"));
    stolen = Object();  // nothing is given back
  });
}

TEST_CASE("set() replaces what the fields and the environment say, whatever that was") {
  in_child([] {
    setenv("PYTHONTRACEMALLOC", "no number", 1);
    py::Config config;
    config.use_environment = true;
    config.set("tracemalloc", "0").set("program_name", "a-name-without-a-path").set("utf8_mode", "none");
    config.set("utf8_mode", "1");
    py::Interpreter python(config);
    EXPECT(python.eval<bool>("__import__('sys').flags.utf8_mode == 1"));
    EXPECT(!python.call<bool>("tracemalloc", "is_tracing"));
  });
}

TEST_CASE("Python is stopped also where a script has taken os away") {
  in_child([] {
    py::Interpreter python;
    python.exec("import sys\nsys.modules['os'] = None");
    EXPECT(python.stop());
    EXPECT(!py::Interpreter::is_running());
  });
}

TEST_CASE("a name of an earlier life is not used") {
  in_child([] {
    Object stale;
    {
      py::Interpreter python;
      stale = python.eval("'attribute' + str(12345)");
    }
    py::Interpreter python;
    const Object type = python.eval("type('A', (), {'attribute12345': 7})");
    EXPECT_THROWN(StateError, type.attr(stale).as<int>());
    EXPECT_THROWN(StateError, type.attr(std::move(stale)).as<int>());
  });
}

TEST_CASE("the thread that started Python is the main thread, also when another one imports threading first") {
  const std::string output = in_child([] {
    py::Config config;
    config.release_gil = true;
    config.site = false;  // whose .pth files may import it
    py::Interpreter python(config);
    python.exec("import _thread, sys\nstarter = _thread.get_ident(), getattr(_thread, 'get_native_id', int)()");
    EXPECT(python.eval<bool>("'threading' not in sys.modules"));
    std::thread([&] {
      python.exec("import threading\nworker, main = threading.current_thread(), threading.main_thread()");
      EXPECT(python.eval<bool>("worker.ident == _thread.get_ident() and worker is not main"));
      EXPECT(python.eval<bool>("(main.ident, getattr(main, 'native_id', 0)) == starter"));
    }).join();
    EXPECT(python.eval<bool>("threading.current_thread() is main and main.is_alive()"));
    EXPECT(python.eval<bool>("[t for t in threading.enumerate() if t.ident == main.ident] == [main]"));
    // The stop ends the main thread and waits for the others, as if the main thread had imported it.
    python.exec(
        "import time\n"
        "threading.Thread(target=lambda: (main.join(), print('the main thread ended'))).start()");
    EXPECT(python.stop());
  });
  CHECK(output == "the main thread ended\n");
}

TEST_CASE("in a fork the thread that forked is the main thread, also where nobody imported threading before") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    config.site = false;  // whose .pth files may import it
    py::Interpreter python(config);
    python.exec(R"(
        def is_right():
            import os, _thread
            read, write = os.pipe()
            if os.fork() == 0:
                import threading
                main = threading.main_thread()
                right = main is threading.current_thread() and main.ident == _thread.get_ident()
                right = right and main.native_id == threading.get_native_id()
                os.write(write, b'1' if right else b'0')
                os._exit(0)
            os.wait()
            return os.read(read, 1) == b'1')");
    std::thread([&] { EXPECT(python.eval<bool>("is_right()")); }).join();
    EXPECT(python.eval<bool>("is_right()"));
  });
}

TEST_CASE("stopping is done once, and what follows is refused") {
  in_child([] {
    py::Interpreter python;
    const Object object = python.eval("[1, 2]");
    const py::Function<int(int)> function(python.get("builtins.abs"));
    EXPECT(python.stop());
    EXPECT(python.stop());
    EXPECT(python.stop(std::chrono::seconds(1)));
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(StateError, python.exec("pass"));
    EXPECT_THROWN(StateError, python["x"] = 1);
    EXPECT_THROWN(StateError, python.version().empty() ? 0 : python.executable().size());
    EXPECT(has(EXPECT_THROWN(StateError, object.as<std::string>()).what(), "after its Python had ended"));
    EXPECT_THROWN(StateError, object[0].as<int>());
    EXPECT_THROWN(StateError, object[0] = 1);
    EXPECT_THROWN(StateError, object.attr("x") = 1);
    EXPECT_THROWN(StateError, for (const Object& item : object) item.as<int>());
    EXPECT_THROWN(StateError, function(1));
    EXPECT_THROWN(StateError, function.try_call(1));
    EXPECT_THROWN(StateError, py::Buffer<const int>{object});
    EXPECT_THROWN(StateError, object.attr("count")(1));
    EXPECT_THROWN(StateError, object.attr(Object()).as<int>());
    EXPECT_THROWN(StateError, object.call_method("count", 1));
    EXPECT_THROWN(StateError, object.contains(1));
    EXPECT_THROWN(StateError, (void)(object == 1));
    EXPECT_THROWN(StateError, (void)(object + 1));
    EXPECT_THROWN(StateError, py::len(object));
    EXPECT_THROWN(StateError, py::list());
    EXPECT_THROWN(StateError, latepy::to_py(1.5));
    EXPECT_THROWN(StateError, Object copy(object));
    EXPECT(!object.is_alive() && !object.is_empty());
  });
}

TEST_CASE("the end runs atexit and flushes what was printed", "[exit][atexit][streams]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    python.exec(
        "import atexit, sys\n"
        "atexit.register(lambda: sys.stdout.write('at exit, '))\n"
        "sys.stdout.write('running, ')");
    python.eval("sys.stdout.write('no end of line, ')");
    python.stop();
    std::puts("stopped");
  });
  CHECK(output == "running, no end of line, at exit, stopped\n");
}

TEST_CASE("finalize = false leaves Python running, and a later Interpreter attaches to it", "[exit][attach]") {
  const std::string output = in_child([] {
    py::Config config;
    config.finalize = false;
    {
      py::Interpreter python(config);
      python.exec("import atexit, sys; atexit.register(print, 'never'); kept = 1; sys.stdout.write('flushed\\n')");
    }
    EXPECT(py::Interpreter::is_running());
    py::Interpreter again;
    EXPECT(again.is_attached());
    EXPECT(again["kept"].as<int>() == 1);
  });
  CHECK(output == "flushed\n");
}

TEST_CASE("Python starts again in the same process, with new lives for Objects", "[restart][leaks]") {
  in_child([] {
    std::vector<Object> of_all_lives;
    for (int life = 0; life < 4; ++life) {
      py::Interpreter python;
      EXPECT(!python.is_attached());
      EXPECT(python.eval<std::string>("__name__") == "__main__");
      EXPECT_THROWN(py::KeyError, python["left_over"].as<int>());
      python["left_over"] = life;
      python.exec("import json, re, collections, threading, math");
      EXPECT(python.call<std::string>("json", "dumps", python.eval("[1, {'a': None}]")) == "[1, {\"a\": null}]");
      EXPECT(python.executable() == python.discovery().chosen()->executable);
      for (const Object& old : of_all_lives)
        EXPECT(has(EXPECT_THROWN(StateError, py::len(old)).what(), "earlier interpreter"));
      of_all_lives.push_back(python.eval("[1]"));
      EXPECT(of_all_lives.back()[0].as<int>() == 1);
    }
  });
}

TEST_CASE("the stop frees latepy's own Python code, and what it refers to", "[stop][restart][leaks]") {
  in_child([] {
    static int freed = 0;
    for (int i = 1; i <= 3; ++i) {
      py::Interpreter python;
      PyObject* const token = latepy::detail::api().Capsule_New(&freed, nullptr, [](PyObject*) { ++freed; });
      Object{latepy::detail::import_hooks()}["token"] = Object::steal(token);
      EXPECT(python.stop());
      EXPECT(freed == i);
    }
  });
}

TEST_CASE("extension modules of the standard library bear a second start, or it is refused", "[restart]") {
  in_child([] {
    { py::Interpreter().exec("import datetime, decimal, ctypes"); }
    if (minor_version() == 12) {
      const std::string what = EXPECT_THROWN(StateError, py::Interpreter python).what();
      EXPECT(has(what, "3.12") && has(what, "_datetime") && has(what, "reset()") && has(what, "allow_restart"));
      return;
    }
    py::Interpreter python;
    EXPECT(python.eval<std::string>("str(__import__('decimal').Decimal('1.5') * 2)") == "3.0");
    EXPECT(python.eval<int>("__import__('datetime').date(2020, 2, 29).day") == 29);
    python.exec("import ctypes");
  });
}

TEST_CASE("after an extension module of others a second start is refused, unless asked for", "[restart]") {
  in_child([] {
    {
      py::Interpreter python;
      python.exec(
          "import sys, types\n"  // what `import numpy` leaves behind
          "sys.modules['others'] = m = types.ModuleType('others')\n"
          "m.__file__ = '/opt/lib/python3/site-packages/others/core.cpython-3xx.so'");
    }
    const std::string what = EXPECT_THROWN(StateError, py::Interpreter python).what();
    EXPECT(has(what, "the extension module others") && has(what, "allow_restart"));
    py::Config config;
    config.allow_restart = true;
    py::Interpreter python(config);
    EXPECT(python.eval<int>("1 + 1") == 2);
  });
}

TEST_CASE("Objects outlive the interpreter, the thread and main", "[lifetime]") {
  const std::string output = in_child([] {
    static Object in_static;
    static std::vector<Object>* leaked_until_exit = new std::vector<Object>;
    std::atexit([] {
      leaked_until_exit->clear();
      std::puts("atexit");
    });
    struct Kept {
      Object object;
      ~Kept() {
        object = Object();
        std::puts("thread_local of main");
      }
    };
    static thread_local Kept kept;
    Object local;
    py::Interpreter python;  // destroyed first: `local` outlives it
    in_static = python.eval("object()");
    kept.object = python.eval("object()");
    local = python.eval("object()");
    for (int i = 0; i < 1000; ++i) leaked_until_exit->push_back(python.eval("[]"));
  });
  CHECK(output == "thread_local of main\natexit\n");
}

TEST_CASE("a static Interpreter stops after main, and static Objects made before it outlive it", "[lifetime][exit]") {
  const std::string output = in_child([] {
    static Object before;
    static py::Interpreter python;
    static Object after;
    before = python.eval("type('T', (), {'__del__': lambda self: print('freed by the stop, or never')})()");
    after = python.eval("type('T', (), {'__del__': lambda self: print('freed')})()");
    python.exec("import atexit; atexit.register(print, 'atexit')");
  });
  CHECK(has(output, "freed\natexit\n"));
}

TEST_CASE("late drops from many threads, during the stop and after it, are harmless", "[decref][stop][threads]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    std::vector<std::vector<Object>> each(8);
    std::vector<std::thread> droppers;
    std::atomic<bool> go{false};
    {
      py::Interpreter python(config);
      {
        const GilGuard gil;
        for (auto& objects : each)
          for (int i = 0; i < 12500; ++i) objects.push_back(python.eval("object()"));
      }
      for (auto& objects : each)
        droppers.emplace_back([&] {
          while (!go) std::this_thread::yield();
          objects.clear();
        });
      go = true;
    }
    for (std::thread& dropper : droppers) dropper.join();
    EXPECT(latepy::detail::process_state().leaked == 0);
  });
}

TEST_CASE("an error keeps its texts beyond the stop, also on other threads", "[threads][error-text]") {
  in_child([] {
    std::optional<PythonError> formatted, unformatted, copied, unread;
    std::exception_ptr pointer;
    {
      py::Interpreter python;
      python.exec("def f(x):\n    return 1 / x\n", {}, "formula.py");
      const auto error = [&] { return EXPECT_THROWN(PythonError, python.eval("f(0)")); };
      formatted = error();
      formatted->traceback();
      unformatted = error();
      copied = unformatted;
      unread = python.try_eval("f(0)").error();  // a value: nothing of it was read
      try {
        python.exec("try:\n  f(0)\nexcept ZeroDivisionError as e:\n  raise KeyError('outer') from e");
      } catch (...) {
        pointer = std::current_exception();
      }
    }
    std::thread([&] {
      for (const auto& error : {formatted, unformatted, copied, unread}) {
        EXPECT(std::string(error->what()) == "ZeroDivisionError: division by zero (formula.py:2)");
        EXPECT(has(error->traceback(), "return 1 / x"));
        EXPECT(error->is("ZeroDivisionError") && error->is("ArithmeticError") && !error->is("KeyError"));
      }
      try {
        std::rethrow_exception(pointer);
      } catch (const py::KeyError& error) {
        EXPECT(has(error.traceback(), "division by zero") && has(error.traceback(), "direct cause"));
        EXPECT_THROWN(StateError, error.value().attr("args").as<std::string>());
      }
      EXPECT_THROWN(py::ZeroDivisionError, unformatted->rethrow());
    }).join();
  });
}

TEST_CASE("an exception keeps its exit code and what print() shows beyond the stop", "[error-text][exit]") {
  const std::string output = in_child([] {
    const auto after_stop = [](const char* code) {
      py::Interpreter python;
      python.exec("import sys");
      return EXPECT_THROWN(PythonError, python.exec(code));
    };
    EXPECT(after_stop("sys.exit()").exit_code() == 0);
    EXPECT(after_stop("sys.exit(3)").exit_code() == 3);
    EXPECT(after_stop("sys.exit(-1)").exit_code() == -1);
    EXPECT(after_stop("sys.exit('text')").exit_code() == 1);
    after_stop("{}['key']").print();
  });
  CHECK(has(output, "Traceback (most recent call last):"));
  CHECK(has(output, "KeyError: 'key'"));
}

TEST_CASE("sys.exit never ends the program", "[sys-exit]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    const auto code = [&](const char* source) {
      return EXPECT_THROWN(py::SystemExit, python.exec(source)).value().attr("code").as<Object>();
    };
    EXPECT(code("import sys; sys.exit(7)").as<int>() == 7);
    EXPECT(code("raise SystemExit").is_none());
    EXPECT(code("quit('good bye')").as<std::string>() == "good bye");
    EXPECT_THROWN(py::SystemExit, python.eval("exit()"));
    EXPECT_THROWN(py::SystemExit, python.run_string("exit(1)"));
    EXPECT_THROWN(py::SystemExit, python.call("sys", "exit", 3));
    EXPECT(python.try_call("sys", "exit", 3).error().is("SystemExit"));
    python.exec("import threading; t = threading.Thread(target=sys.exit, args=(5,)); t.start(); t.join()");
    python.exec("import atexit; atexit.register(sys.exit, 9)");
    python.stop();
    std::puts("still here");
  });
  CHECK(has(output, "still here\n"));
}

TEST_CASE("destroyed on another thread, Python is left running and the program is told", "[stop][threads]") {
  std::vector<std::string> warnings;
  const std::string output = in_child([&] {
    auto python = std::make_unique<py::Interpreter>([&] {
      py::Config config = with_warnings(warnings);
      config.release_gil = true;
      return config;
    }());
    python->exec("import sys; sys.stdout.write('flushed')");
    std::thread([&] {
      EXPECT(has(EXPECT_THROWN(StateError, python->stop(std::chrono::seconds(1))).what(), "another thread"));
      EXPECT(has(EXPECT_THROWN(StateError, python->stop()).what(), "another thread"));
      python.reset();
    }).join();
    EXPECT(warnings.size() == 1 && has(warnings[0], "another thread"));
    EXPECT(py::Interpreter::is_running());
    EXPECT_THROWN(StateError, py::Interpreter::current());
  });
  CHECK(output == "flushed");
}

TEST_CASE("stop with a time limit names the threads that live, and works once they ended", "[stop][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(
        "import threading\n"
        "end = threading.Event()\n"
        "threading.Thread(target=end.wait, name='the worker').start()\n"
        "threading.Thread(target=end.wait, name='a daemon', daemon=True).start()");
    std::vector<std::string> alive;
    EXPECT(!python.stop(std::chrono::milliseconds(50), &alive));
    EXPECT(alive == std::vector<std::string>{"the worker"});
    EXPECT(!python.stop(std::chrono::milliseconds(0)));
    python.exec("end.set()");  // everything still works
    EXPECT(python.stop(std::chrono::seconds(30), &alive));
    EXPECT(alive.empty());
  });
}

TEST_CASE("stop waits for C++ threads inside a guard, and opens the gate again when the time is over", "[stop]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    std::atomic<bool> inside{false}, leave{false};
    std::thread worker([&] {
      const GilGuard gil;
      inside = true;
      const py::GilRelease others;
      while (!leave) std::this_thread::yield();
    });
    while (!inside) std::this_thread::yield();
    std::vector<std::string> alive;
    EXPECT(!python.stop(std::chrono::milliseconds(50), &alive));
    EXPECT(alive.size() == 1 && has(alive[0], "1 C++ thread"));
    EXPECT(GilGuard::try_acquire());
    EXPECT(python.eval<int>("1") == 1);
    leave = true;
    EXPECT(python.stop(std::chrono::seconds(30)));
    worker.join();
  });
}

TEST_CASE("the end waits for Python's threads as python does", "[stop][threads]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    python.exec(
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('the thread ended'))).start()");
  });
  CHECK(output == "the thread ended\n");
}

TEST_CASE("threads that enter while Python stops get a StateError, 50 times 8 of them", "[stop][threads]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    for (int round = 0; round < 50; ++round) {
      auto python = std::make_unique<py::Interpreter>(config);
      std::atomic<int> started{0}, entered{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
          ++started;
          try {
            for (;;) {
              const GilGuard gil;
              const Object object = latepy::to_py(1.5);
              ++entered;
            }
          } catch (const StateError&) {
          }
        });
      while (started < 8 || entered < 100) std::this_thread::yield();
      python.reset();
      EXPECT(!py::Interpreter::is_running());
      for (std::thread& thread : threads) thread.join();
      EXPECT(latepy::detail::threads_inside(latepy::detail::current_interpreter()) == 0);
    }
  });
}

TEST_CASE("threads of the program live on through a restart", "[restart][threads]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    std::atomic<int> life{0}, done{0};
    std::thread worker([&] {
      for (int mine = 1; mine <= 3; ++mine) {
        while (life < mine) std::this_thread::yield();
        {
          const GilGuard gil;
          EXPECT(py::Interpreter::current().eval<int>("6 * 7") == 42);
        }
        EXPECT(py::Interpreter::current().eval<int>("life") == mine);
        ++done;
      }
    });
    for (int now = 1; now <= 3; ++now) {
      py::Interpreter python(config);
      python["life"] = now;
      life = now;
      while (done < now) std::this_thread::yield();
    }
    worker.join();
  });
}

TEST_CASE("daemon threads of Python do not disturb the stop", "[stop][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(
        "import threading, time\n"
        "def run():\n"
        "    while True: time.sleep(0.001)\n"
        "for i in range(8): threading.Thread(target=run, daemon=True).start()");
    EXPECT(python.stop(std::chrono::seconds(10)));
  });
}

TEST_CASE("Config::paths that are not there are told by on_warning") {
  in_child([] {
    std::vector<std::string> warnings;
    py::Config config = with_warnings(warnings);
    config.paths = {"/no/such/one", "/tmp", "/no/such/other"};
    py::Interpreter python(config);
    EXPECT(warnings.size() == 1);
    EXPECT(warnings[0] == "Config::paths: there is no folder or zip file /no/such/one, /no/such/other");
  });
}

TEST_CASE("on_warning may throw; that is no reason to end the program") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    int told = 0;
    config.on_warning = [&](const std::string&) {
      ++told;
      throw std::runtime_error("from on_warning");
    };
    auto python = std::make_unique<py::Interpreter>(config);
    std::thread([&] { python.reset(); }).join();
    EXPECT(told == 1);
  });
}

TEST_CASE("an Interpreter that is destroyed where Python cannot be stopped says why, and leaves Python running",
          "[stop]") {
  in_child([] {  // inside a guard
    std::vector<std::string> warnings;
    py::Config config = with_warnings(warnings);
    config.release_gil = true;
    std::optional<py::Interpreter> python(config);
    warnings.clear();
    const GilGuard gil;
    python.reset();
    EXPECT(
        warnings.size() == 1 &&
        has(warnings[0], "an error occurred while the Interpreter was destroyed: stop() was called inside a GilGuard"));
    EXPECT(latepy::detail::api().IsInitialized() != 0);
  });
  in_child([] {  // while another thread stays inside a guard for longer than a stop waits
    std::vector<std::string> warnings;
    std::optional<py::Interpreter> python(with_warnings(warnings));
    warnings.clear();
    std::atomic<bool> inside{false}, done{false};
    std::thread other;
    {
      const py::GilRelease others;
      other = std::thread([&] {
        const GilGuard gil;
        inside = true;
        const py::GilRelease works;
        while (!done) std::this_thread::yield();
      });
      while (!inside) std::this_thread::yield();
    }
    python.reset();
    EXPECT(warnings.size() == 1 &&
           has(warnings[0],
               "left running when its Interpreter was destroyed: 1 C++ thread(s) inside a GilGuard or GilRelease"));
    done = true;
    const py::GilRelease others;
    other.join();
  });
}

TEST_CASE("what a function of Config::extra_modules throws, the constructor throws, and another start is possible",
          "[restart]") {
  in_child([] {
    py::Config config;
    config.extra_modules.emplace_back("bad", [](py::Module&) { throw std::runtime_error("from extra_modules"); });
    EXPECT(has(EXPECT_THROWN(std::runtime_error, py::Interpreter{config}).what(), "from extra_modules"));
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(StateError, py::Interpreter::current());
    py::Interpreter python;
    EXPECT(python.eval<int>("6 * 7") == 42);
  });
}

TEST_CASE("output that cannot be written when Python stops is told by on_warning", "[stop][streams]") {
  if (access("/dev/full", W_OK) != 0) SKIP("no /dev/full");
  in_child([] {
    std::vector<std::string> warnings;
    {
      py::Interpreter python(with_warnings(warnings));
      python.exec("import sys\nsys.stdout = open('/dev/full', 'w')\nprint('lost')");
      warnings.clear();
    }
    EXPECT(warnings.size() == 1 && has(warnings[0], "Python could not flush all of its output when it was stopped"));
  });
}

TEST_CASE("a library that is of another version than its name says is refused when it is loaded", "[no-libpython]") {
  const py::Discovery found = latepy::locate();
  REQUIRE(found.chosen());
  const py::Candidate& real = *found.chosen();
  const TemporaryFolder folder;
  const std::string home = folder.path, file = real.library.substr(real.library.rfind('/')),
                    stdlib = "/lib/python3." + std::to_string(real.version.minor) + (real.free_threaded ? "t" : "");
  for (const std::string& sub : {std::string("/lib"), stdlib, stdlib + "/encodings"}) mkdir((home + sub).c_str(), 0755);
  std::ofstream(home + stdlib + "/os.py");
  const std::string library = home + "/lib" + file;
  std::ifstream source(real.library, std::ios::binary | std::ios::ate);
  std::string bytes(static_cast<std::size_t>(source.tellg()), '\0');
  source.seekg(0).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto refused = [&](const std::string& range) {
    std::ofstream(library, std::ios::binary) << bytes;
    return in_child([&] {
      unsetenv("LATEPY_LIBRARY");
      unsetenv("LATEPY_PYTHON");
      py::Config config;
      config.library = library;
      config.version = range;
      const auto error = EXPECT_THROWN(py::LoadError, py::Interpreter{config});
      EXPECT(error.discovery().candidates().size() == 1);
      std::printf("%s", error.what());
    });
  };
  // No header and no name tells the micro version here, and perhaps none did where the library was found.
  const std::string version = in_child([] {
    py::Interpreter python;
    std::printf("%s", python.version().c_str());
  });
  CHECK_THAT(refused("!=" + version),
             ContainsSubstring(library + " is Python " + version + "; Config::version asks for !=" + version));
  for (std::size_t at = 0; (at = bytes.find(version + '\0', at)) != bytes.npos; ++at) bytes.replace(at, 4, "3.8.");
  CHECK_THAT(refused(""),
             ContainsSubstring(library + " is Python 3.8") && ContainsSubstring("; latepy needs CPython 3.9 or newer"));
}

TEST_CASE("a stop in a child of fork leaves the parent's Python alone", "[fork]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    python.exec(
        "import os, sys, atexit\n"
        "atexit.register(lambda: print('end of', 'parent' if os.getpid() == parent else 'child'))\n"
        "parent = os.getpid()\n"
        "pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)");
  });
  CHECK_THAT(output, ContainsSubstring("end of child\n") && ContainsSubstring("end of parent\n"));
}

TEST_CASE("a child of fork without the GIL ends its Interpreter silently", "[fork]") {
  const std::string output = in_child([] {
    std::vector<std::string> warnings;
    py::Config config = with_warnings(warnings);
    config.release_gil = true;
    config.on_stdout = [](std::string_view text) { std::printf("%.*s", int(text.size()), text.data()); };
    auto python = std::make_unique<py::Interpreter>(config);
    warnings.clear();
    const pid_t child = fork();
    if (child == 0) {
      python.reset();
      for (const std::string& each : warnings) std::printf("%s\n", each.c_str());
      _exit(warnings.empty() ? 0 : 1);
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    python->exec("print('parent')");
  });
  CHECK(output == "parent\n");
}

TEST_CASE("the stop leaves what the program set while Python ran", "[stop][locale]") {
  in_child([] {
    std::setlocale(LC_ALL, "C");
    {
      py::Interpreter python;
      EXPECT(chdir("/usr") == 0);
      EXPECT(std::setlocale(LC_CTYPE, "C.UTF-8"));
      std::fesetround(FE_UPWARD);
    }
    char folder[100];
    EXPECT(std::string(getcwd(folder, sizeof folder)) == "/usr");
    EXPECT(std::string(std::setlocale(LC_CTYPE, nullptr)) == "C.UTF-8");
    EXPECT(std::fegetround() == FE_UPWARD);
  });
}

TEST_CASE("stop() from inside a call of Python's is refused, and Python goes on") {
  in_child([] {
    py::Interpreter python;
    std::string refused;
    python["stop"] = std::function<void()>([&] { refused = EXPECT_THROWN(StateError, python.stop()).what(); });
    python.exec("stop(); x = 5");
    EXPECT(has(refused, "inside a call from Python"));
    EXPECT(python["x"].as<int>() == 5);
    EXPECT(python.stop());
  });
}

TEST_CASE("a host function that atexit calls finds Python whole", "[atexit]") {
  const Outcome outcome = run_in_child([] {
    py::Interpreter python;
    python["host"] = std::function<void()>([&] { python.exec("print('in', __name__, kept)"); });
    python.exec("import atexit; kept = 7; atexit.register(host)");
  });
  CHECK(outcome.output == "in __main__ 7\n");
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("an error that atexit's functions caused keeps its traceback too", "[atexit][error-text]") {
  in_child([] {
    std::optional<PythonError> kept;
    {
      py::Interpreter python;
      python["host"] = std::function<void()>([&] {
        try {
          python.exec("1/0");
        } catch (const PythonError& error) {
          kept = error;
        }
      });
      python.exec("import atexit; atexit.register(host)");
    }
    EXPECT(has(kept->traceback(), "1/0") && has(kept->traceback(), "ZeroDivisionError"));
  });
}

TEST_CASE("idle workers of an executor do not hold up the stop", "[stop][threads]") {
  in_child([] {
    py::Interpreter python;
    python.exec(R"(
        from concurrent.futures import ThreadPoolExecutor
        executor = ThreadPoolExecutor(4)
        assert list(executor.map(abs, [-1, 2])) == [1, 2]
    )");
    EXPECT(python.stop());
  });
}

TEST_CASE("a script that breaks threading cannot break the stop") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    python.exec("import threading; threading.enumerate = threading._shutdown = None");
    EXPECT(python.stop(std::chrono::seconds(5)));
  });
}

TEST_CASE("a thread that ends while Python ends leaves nothing to free twice", "[stop][threads]") {
  in_child([] {
    py::Interpreter python;
    std::thread thread;
    std::atomic<bool> has_state{false}, go{false};
    {
      const py::GilRelease others;
      thread = std::thread([&] {
        { const GilGuard gil; }
        has_state = true;
        while (!go) std::this_thread::yield();
      });
      while (!has_state) std::this_thread::yield();
    }
    python["host"] = std::function<void()>([&] {
      go = true;
      thread.join();
      const GilGuard gil;
    });
    python.exec(R"(
        import sys
        class Last:
            def __init__(self, host): self.host = host
            def __del__(self): self.host()
        sys.last = Last(host)
    )");
    EXPECT(python.stop());
    EXPECT(!thread.joinable());
  });
}

TEST_CASE("a daemon thread in a host function is parked, and never crashes the program", "[stop]") {
  in_child([] {
    py::Interpreter python;
    static std::atomic<bool> inside{false};
    python["work"] = std::function<void()>([] {
      const py::GilRelease others;
      inside = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    });
    python.exec("import threading; threading.Thread(target=work, daemon=True).start()");
    {
      const py::GilRelease others;
      while (!inside) std::this_thread::yield();
    }
    EXPECT(python.stop());
  });
}

TEST_CASE("each start takes the environment that it is asked for", "[venv][restart]") {
  in_child([] {
    const TemporaryFolder folder("latepy venv");
    {
      py::Interpreter python;
      python["folder"] = folder.path;
      python.exec("import venv, sys; venv.create(folder, with_pip=False, symlinks=True)");
    }
    if (latepy::detail::process_state().restart_refusal.load()) return;
    py::Config config;
    config.python = folder.path;
    for (int i = 0; i < 2; ++i) {
      py::Interpreter python(config);
      EXPECT(python.prefix() == folder.path);
    }
    py::Interpreter python;
    EXPECT(python.prefix() != folder.path);
  });
}

TEST_CASE("once a library is loaded, a wish for another Python is refused, and nothing was touched",
          "[venv][restart]") {
  in_child([] {
    const TemporaryFolder folder;
    const std::string venv = folder.path + "/venv", other = folder.path + "/other", foreign = folder.path + "/foreign";
    {
      py::Interpreter python;
      python["folder"] = folder.path;
      python.exec(R"(
          import os, sys, venv
          venv.create(folder + '/venv', with_pip=False, symlinks=True)
          # An installation of another version, as far as files tell: its library is a file of the same kind.
          name = 'python3.%d' % (sys.version_info[1] + 1)
          os.makedirs(folder + '/other/bin')
          os.makedirs(folder + '/other/lib/' + name + '/encodings')
          open(folder + '/other/lib/' + name + '/os.py', 'w').close()
          open(folder + '/other/bin/' + name, 'w').write('a program'))");
      const std::string version = "3." + std::to_string(minor_version() + 1);
      std::ifstream library(python.library(), std::ios::binary);
      std::ofstream(other + "/lib/libpython" + version + ".so.1.0", std::ios::binary) << library.rdbuf();
      python.exec(R"(
          os.mkdir(folder + '/foreign'); os.mkdir(folder + '/foreign/bin')
          open(folder + '/foreign/bin/python', 'w').write('a program')
          open(folder + '/foreign/pyvenv.cfg', 'w').write('home = %s/other/bin\nversion = %s' % (folder, name[6:])))");
    }
    const bool can_restart = !latepy::detail::process_state().restart_refusal.load();
    py::Config config;
    for (const std::string& python :
         {other, other + "/bin/python3." + std::to_string(minor_version() + 1), foreign, foreign + "/bin/python"}) {
      config.python = python;
      const auto error = EXPECT_THROWN(py::LoadError, py::Interpreter second(config));
      EXPECT(has(error.what(), "no usable CPython was found: Config::python asks for " + python));
      EXPECT(has(error.what(), "a process can have one Python only"));
    }
    config.python = folder.path + "/gone";
    EXPECT(has(EXPECT_THROWN(py::LoadError, py::Interpreter second(config)).what(), "not found"));
    EXPECT(!py::Interpreter::is_running());
    if (can_restart) {
      config.python = venv;
      EXPECT(py::Interpreter(config).prefix() == venv);
      setenv("LATEPY_PYTHON", venv.c_str(), 1);
      EXPECT(py::Interpreter().prefix() == venv);
      unsetenv("LATEPY_PYTHON");
      unsetenv("LATEPY_LIBRARY");
      setenv("VIRTUAL_ENV", venv.c_str(), 1);
      EXPECT(py::Interpreter().prefix() == venv);
      setenv("VIRTUAL_ENV", foreign.c_str(), 1);
      EXPECT(py::Interpreter().prefix() != foreign);
    }
  });
}

TEST_CASE("a wish that cannot be met is a LoadError that names it", "[environment]") {
  in_child([] {
    const py::Discovery found = py::locate();
    EXPECT(found.chosen());
    const std::string executable = found.chosen()->base_executable;
    unsetenv("LATEPY_LIBRARY");
    for (const char* value : {"/no/such/venv", ".venv/bin/python", "~/venv", "python3"}) {
      setenv("LATEPY_PYTHON", value, 1);
      const auto error = EXPECT_THROWN(py::LoadError, py::Interpreter python);
      EXPECT(has(error.what(), "no usable CPython was found: LATEPY_PYTHON asks for " + std::string(value)));
      EXPECT(has(error.what(), "Correct LATEPY_PYTHON"));
    }
    unsetenv("LATEPY_PYTHON");
    py::Config config;
    config.python = "/no/such/venv";
    config.version = ">=3.9";
    const auto error = EXPECT_THROWN(py::LoadError, py::Interpreter python(config));
    EXPECT(has(error.what(), "Config::python asks for /no/such/venv, Config::version asks for >=3.9"));
    if (executable.empty()) return;
    config.python = executable;
    py::Interpreter python(config);
    EXPECT(python.discovery().chosen()->source == "Config::python");
  });
}

TEST_CASE("a virtual environment that CPython could not read does not spoil the start", "[venv][environment]") {
  in_child([] {
    const TemporaryFolder folder;
    const py::Discovery found = py::locate();
    const std::string home = found.chosen()->home, venv = folder.path;
    mkdir((venv + "/bin").c_str(), 0755);
    std::ofstream(venv + "/bin/python") << "a program";
    std::ofstream(venv + "/pyvenv.cfg") << "home = " << home << "/bin\nprompt = caf\xe9\n";
    unsetenv("LATEPY_LIBRARY");
    unsetenv("LATEPY_PYTHON");
    setenv("VIRTUAL_ENV", venv.c_str(), 1);
    const py::Interpreter python;
    EXPECT(has(python.discovery().candidates()[0].reason, "not in UTF-8"));
    EXPECT(python.prefix() != venv);
  });
}

TEST_CASE("paths of Python that are no UTF-8 are given as they are", "[venv][non-utf8]") {
  in_child([] {
    const TemporaryFolder folder;
    const py::Discovery found = py::locate();
    const std::string venv = folder.path + "/caf\xe9", base = found.chosen()->base_executable;
    mkdir(venv.c_str(), 0755);
    mkdir((venv + "/bin").c_str(), 0755);
    EXPECT(symlink(base.c_str(), (venv + "/bin/python").c_str()) == 0);
    std::ofstream(venv + "/pyvenv.cfg") << "home = " << latepy::detail::parent(base) << "\n";
    py::Config config;
    config.python = venv;
    const py::Interpreter python(config);
    EXPECT(python.prefix() == venv);
    EXPECT(python.executable() == venv + "/bin/python");
  });
}

TEST_CASE("a program whose Python has no executable is told, and starts", "[sys-executable]") {
  in_child([] {
    const TemporaryFolder folder;
    const std::string home = folder.path, library = py::locate().chosen()->library, base = py::locate().chosen()->home;
    EXPECT(symlink((base + "/lib").c_str(), (home + "/lib").c_str()) == 0);
    std::vector<std::string> warnings;
    py::Config config = with_warnings(warnings);
    config.library = library;
    config.home = home;
    const py::Interpreter python(config);
    EXPECT(python.executable().empty());
    EXPECT(warnings.size() == 1 && has(warnings[0], "sys.executable is empty"));
  });
}

TEST_CASE("LATEPY_TRACE tells what is found, loaded and started on stderr, each step with its time", "[trace]") {
  const auto trace = [](const char* value, auto&& body) {
    return in_child([&] {
      if (value) setenv("LATEPY_TRACE", value, 1);
      try {
        body();
      } catch (const py::Error& error) {
        std::printf("thrown: %s\n", error.what());
      }
    });
  };
  const auto start = [] {
    py::Config config;
    config.argv = {"a secret"};
    py::Interpreter python(config);
    std::printf("library %s\n", python.library().c_str());
  };
  const std::string text = trace("1", start);
  const std::string library = text.substr(text.rfind("library ") + 8);
  std::size_t at = 0;
  for (const std::string& step :
       {std::string("latepy 0.000 ms  locate: begins"), std::string(" ms  locate: chose "),
        std::string(" ms  locate: ends\n"), " ms  load: opens " + library,
        std::string(" ms  load: ends, it is Python 3."), std::string(" ms  start: executable = "),
        std::string(" ms  start: home = "), std::string(" ms  start: argv = ..."),
        std::string(" ms  start: Python is initialised\n"), std::string(" ms  start: ends\n")}) {
    INFO(step << " in " << text);
    at = text.find(step, at);
    REQUIRE(at != text.npos);
  }
  CHECK_FALSE(has(text, "secret"));
  for (const char* off : {static_cast<const char*>(nullptr), "", "0"}) CHECK(trace(off, start) == "library " + library);
  const std::string refused = trace("1", [] {
    py::Config config;
    config.python = "/no/such";
    py::Interpreter python(config);
  });
  CHECK(has(refused, "locate: begins: Config::python asks for /no/such\n"));
  CHECK(has(refused, "locate: refused Config::python ? /no/such: not found\n"));
  CHECK(has(refused, "locate: ends, no Python can be used\n"));
  CHECK(has(trace("1", [] { py::Interpreter python(py::Config().set("no_such_option", "1")); }),
            "start: failed: cannot start Python: "));
}

TEST_CASE("under release_gil arguments and proxies take the GIL themselves", "[release-gil]") {
  in_child([] {
    py::Config config;
    config.release_gil = true;
    py::Interpreter python(config);
    EXPECT(python.call<std::string>("builtins", "str", "object"_a = 5) == "5");
    EXPECT(python.call<std::string>("builtins", "max", py::args(std::string("12"))) == "2");
    python.exec("x = [1, 2]");
    python["x"].call_method("append", 3);
    python["x"][0] = 7;
    EXPECT(python["x"].contains(3));
    EXPECT(python["x"].try_call<int>().error().is("TypeError"));
    EXPECT(python["x"].has_attr("append") && !python["x"].has_attr("no_such"));
    EXPECT(python["x"].attr("__len__").call<int>() == 3);
  });
}

TEST_CASE("what would break a second start is refused, with the reason", "[restart]") {
  const auto refusal_after = [](const char* script, bool traces = false) {
    return in_child([=] {
      py::Config config;
      if (traces) config.set("tracemalloc", "1");
      {
        py::Interpreter python(config);
        python.exec(script);
      }
      try {
        py::Interpreter again(config);
        again.exec(script);
      } catch (const StateError& error) {
        std::printf("%d %s", minor_version(), error.what());
      }
    });
  };
  const auto is_refused = [](const std::string& text) { return has(text, "cannot be started again"); };
  const std::string strptime = refusal_after("import datetime; datetime.datetime.strptime('2020', '%Y')");
  if (has(strptime, "12 Python"))
    CHECK_THAT(strptime, ContainsSubstring("_datetime"));
  else if (is_refused(strptime))
    CHECK_THAT(strptime, ContainsSubstring("_strptime") && ContainsSubstring("Config::allow_restart"));
  const std::string traced = refusal_after("pass", true);
  CHECK(is_refused(traced) == is_refused(refusal_after("import tracemalloc")));
  if (is_refused(traced)) CHECK_THAT(traced, ContainsSubstring("tracemalloc"));
  const std::string hashes = refusal_after("import hashlib; hashlib.md5(b'', usedforsecurity=False)");
  if (is_refused(hashes)) CHECK_THAT(hashes, ContainsSubstring("_hashlib"));
  CHECK(refusal_after("import collections, re, threading, time; time.strftime('%Y')") == "");
  for (const char* const module :
       {"_datetime", "_decimal", "_ctypes", "_asyncio", "_hashlib", "_queue", "_ssl", "binascii", "pyexpat"}) {
    INFO(module);
    const std::string text =
        refusal_after(("try: import " + std::string(module) + "\nexcept ImportError: pass").c_str());
    CHECK((!is_refused(text) || has(text, "12 Python")));  // some are not built into every Python
  }
}

TEST_CASE("a start with another memory allocator than the first one is refused where CPython would abort",
          "[restart]") {
  in_child([] {
    const auto with = [](const char* option, const char* value) {
      py::Config config;
      config.set(option, value);
      return config;
    };
    { const py::Interpreter first; }
    { const py::Interpreter same(with("dev_mode", "0")); }
    if (minor_version() <= 12) {
      const std::string text = EXPECT_THROWN(StateError, py::Interpreter(with("dev_mode", "1"))).what();
      EXPECT(has(text, "allocator \"debug\"") && has(text, "started with \"default\""));
      EXPECT_THROWN(StateError, py::Interpreter(with("allocator", "3")));
    }
    const py::Interpreter last;  // a refusal does no harm
  });
}

TEST_CASE("a start that is refused does not count as one, and a start counts what it takes from the environment",
          "[restart]") {
  in_child([] {
    py::Config config;
    config.set("allocator", "3").set("tracemalloc", "1").set("no_such_option", "1");
    EXPECT_THROWN(py::StartError, py::Interpreter{config});
    { const py::Interpreter first; }
    const py::Interpreter second;
  });
  in_child([] {
    setenv("PYTHONMALLOC", "malloc", 1);
    py::Config config;
    config.set("use_environment", "1");
    if (is_free_threaded()) {
      const std::string what = EXPECT_THROWN(py::StartError, py::Interpreter{config}).what();
      EXPECT(has(what, "PYTHONMALLOC: unknown allocator"));
      setenv("PYTHONMALLOC", "mimalloc", 1);  // which it has
    }
    { const py::Interpreter first(config); }
    if (minor_version() <= 12) EXPECT_THROWN(StateError, py::Interpreter());
    const py::Interpreter second(config);
  });
}

TEST_CASE("strict looks at Config::paths where an Interpreter attaches too", "[attach][security]") {
  in_child([] {
    const TemporaryFolder folder;
    chmod(folder.path.c_str(), 0777);
    py::Config config;
    config.finalize = false;
    { const py::Interpreter first(config); }
    config.strict = true;
    config.paths = {folder.path};
    EXPECT(has(EXPECT_THROWN(py::StartError, py::Interpreter{config}).what(),
               "cannot attach to Python: not safe (Config::strict): others may write to " + folder.path));
    chmod(folder.path.c_str(), 0755);
    py::Interpreter second(config);
    EXPECT(second.eval<std::string>("__import__('sys').path[0]") == folder.path);
  });
}

TEST_CASE("what needs a Python says so before there is one") {
  in_child([] {
    EXPECT(has(EXPECT_THROWN(StateError, py::ValueError("x").value()).what(), "no Python runs"));
    EXPECT(has(EXPECT_THROWN(StateError, py::Code code("1")).what(), "no Python runs"));
    EXPECT(has(EXPECT_THROWN(StateError, py::to_py(1)).what(), "no Python runs"));
    EXPECT(has(EXPECT_THROWN(StateError, py::list()).what(), "no Python runs"));
    EXPECT(has(EXPECT_THROWN(StateError, py::tuple()).what(), "no Python runs"));
    EXPECT(has(EXPECT_THROWN(StateError, py::dict()).what(), "no Python runs"));
  });
}

#endif
