// Tests of Scope::reset() in latepy/run/scope.hpp. Each runs in a process of its own, which starts Python.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"
#include "sanitizers.hpp"

#include <latepy/run/limits.hpp>
#include <latepy/stl/function.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#ifndef _WIN32

using py::Object;
using py::StateError;

namespace {

struct Point {
  int x = 3;
};

/// Defines `write(**texts)`, which makes modules, here `package.part` of the keyword `package__part`, in a new folder
/// on sys.path, and `modules()`, the packages in sys.modules. They are in builtins, and do not refer to `__main__`.
void add_helpers(py::Interpreter& python) {
  python.exec(R"(
      import builtins, os, sys, tempfile
      sys.dont_write_bytecode = True
      folder = tempfile.TemporaryDirectory(prefix='latepy reset ')
      sys.path.insert(0, folder.name)
      def write(**texts):
          for name, text in texts.items():
              path = os.path.join(folder.name, *name.split('__'))
              os.makedirs(os.path.dirname(path), exist_ok=True)
              with open(path + '.py' if not path.endswith('init') else path[:-4] + '__init__.py', 'w') as file:
                  file.write(text)
      builtins.write = write
      builtins.modules = lambda: {name.partition('.')[0] for name in sys.modules}
      builtins.suffix = __import__('_imp').extension_suffixes()[0]
      builtins.lengths = lambda: (len(sys.meta_path), len(sys.path_hooks))
  )",
              py::dict());
}

/// The memory of the process in KiB that no file backs.
long private_memory() {
  if constexpr (under_address_sanitizer) return long(__sanitizer_get_current_allocated_bytes() / 1024);
  long all = 0, resident = 0, shared = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld %ld", &all, &resident, &shared) != 3) resident = shared = 0;
    std::fclose(file);
  }
  return (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace

TEST_CASE("reset() gives a __main__ as at the start, and leaves Objects alone", "[reset]") {
  in_child([] {
    py::Interpreter python;
    const char* const shown = "sorted((name, repr(value)) for name, value in globals().items())";
    const Object first = python.eval(shown);
    python.exec(
        "import json\nkept = [1]\ndef f(): return kept\ndef count():\n  while True: yield len(kept)\nc = count()");
    const Object kept = python["kept"], f = python["f"], suspended = python["c"], old = python.globals();
    EXPECT(suspended.attr("__next__").call<int>() == 1);
    python.reset();
    EXPECT(first == python.eval(shown));
    EXPECT(!old.same(python.globals()) && python.eval("globals()").same(python.globals()));
    EXPECT_THROWN(py::KeyError, python["kept"].as<Object>());
    EXPECT_THROWN(py::NameError, python.eval("json"));
    EXPECT(f().same(kept) && suspended.attr("__next__").call<int>() == 1);  // they keep their globals
    EXPECT(has(EXPECT_THROWN(py::KeyError, python["len"].as<Object>()).what(), "the built-in one is"));
    python.exec(
        "import __main__, pickle, sys\nclass C: pass\nassert __main__.__dict__ is globals() and sys.modules[__name__] "
        "is "
        "__main__\nassert type(pickle.loads(pickle.dumps(C()))) is C");
    python.reset();
    python.reset();
    EXPECT(first == python.eval(shown));
  });
}

TEST_CASE("what the program put into __main__ is put there again, what scripts put is not", "[reset]") {
  in_child([] {
    py::Interpreter python;
    python["number"] = 1;
    python["list"] = python.eval("[]");
    python["copy"] = python["list"];
    python["deleted"] = 2;
    python["sum"] = 2;
    python["sum"] += 3;
    python["deleted"].del();
    python["nested"] = py::dict("key"_a = 1);
    python["nested"]["key"] = 2;  // not a global
    python.def("twice", [](int i) { return 2 * i; });
    python.add_class<Point>("Point").init<>().def("x", &Point::x);
    python.exec("number = 'another'\ndel twice\nmine = 1\nlist.append(1)\nclass Point: pass");
    python.exec("of_script = 1");
    python["of_script"].del();  // which the program did not put there
    const auto check = [&] {
      EXPECT(python.eval<bool>("(number, list, copy is list, sum, nested) == (1, [1], True, 5, {'key': 2})"));
      EXPECT(python.eval<int>("twice(Point().x)") == 6);
      EXPECT(python.eval<bool>("not {'mine', 'deleted', 'key'} & set(globals())"));
    };
    python.reset();
    check();
    python.exec("import pickle\nassert pickle.loads(pickle.dumps(twice)) is twice");
    EXPECT(python.eval<bool>("{'x', 'twice'} < {*dir(Point), *dir(__import__('__main__'))}"));
    const std::string stub = py::stub(python.import_module("__main__"));
    EXPECT(has(stub, "def twice(") && has(stub, "class Point:") && !has(stub, "mine"));
    python["number"] = 7;
    python["twice"].del();
    python.reset();
    EXPECT(python["number"].as<int>() == 7 && !python.globals().contains("twice"));
  });
}

TEST_CASE("packages that nothing kept refers to are forgotten, and imported anew", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.exec(R"(
        import sys
        write(alone='value = 1', group__init='from . import part', group__part='import alone\nme = sys = __import__("sys")',
              broken__init='from . import whole\nraise ValueError', broken__whole='')
        import alone, group.part
        try: import broken
        except ValueError: pass
        assert 'broken.whole' in sys.modules
        sys.modules['blocked'] = None
        write(alone='value = 2')
    )");
    const Object old = python["alone"];
    EXPECT(python.call<int>("alone", "value.__add__", 0) == 1);
    python.reset();
    python.exec("import sys\nassert not {'alone', 'group', 'broken', 'blocked'} & modules(), modules()");
    python.exec("import group, alone\nassert group.part.alone is alone and alone.value == 2");
    EXPECT(old.attr("value").as<int>() == 1);
    python.reset();
    python.exec("write(alone='value = 333')");
    EXPECT(python.call<int>("alone", "value.__add__", 0) == 333);
  });
}

TEST_CASE("after reset() Config::on_import is asked again", "[reset]") {
  in_child([] {
    int asked = 0;
    py::Config config;
    config.on_import = [&](std::string_view name) -> std::optional<py::ModuleSource> {
      if (name != "stored") return std::nullopt;
      return py::ModuleSource{py::detail::concat({"number = ", std::to_string(++asked)}), "stored.db", false};
    };
    py::Interpreter python(config);
    EXPECT(python.get("stored.number").as<int>() == 1);
    EXPECT(python.get("stored.number").as<int>() == 1);
    python.reset();
    EXPECT(python.get("stored.number").as<int>() == 2);
  });
}

TEST_CASE("modules that find_function() has kept are freed", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.exec("write(called='def f(): return 1\\nclass Big: pass\\nbig = Big()')");
    EXPECT(python.call<int>("called", "f") == 1);
    EXPECT(python.call<int>("called", "f") == 1);
    const Object gone = python.eval("__import__('weakref').ref(__import__('called').big)");
    python.reset();
    EXPECT(gone().is_none());
    EXPECT(python.call<int>("called", "f") == 1);
  });
}

TEST_CASE("kept is what cannot be loaded anew, what the program made, and what they refer to", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.module("host").submodule("sub").def("f", [] { return 1; });
    python.lazy_module("lazy", [](py::Module& module) { module.constant("x", 1); });
    python.module_from_string("from_text", "count = 0");
    python.exec(R"(
        write(fast='import of_module\nfrom of_class import C\nfrom of_function import f\nfrom of_instance import i',
              of_module='from through import D', of_class='class C: pass', of_function='def f(): pass',
              of_instance='class I: pass\ni = I()', through='class D: pass', given='class G: pass', alone='import fast')
        import alone, fast, lazy, host.sub, given, json, decimal, sys
        fast.__file__ = 'fast' + suffix  # as an extension module has it
        import from_text
        from_text.count = 1
        made = type(sys)('made')
        sys.modules['made'] = made  # nothing can import it again
    )");
    python["g"] = python["given"].attr("G");
    const char* const names =
        "{name: id(sys.modules[name]) for name in ['fast', 'of_module', 'of_class', 'of_function', 'of_instance', "
        "'through', 'given', 'lazy', 'host', 'host.sub', 'from_text', 'made', 'json', 'decimal', 'sys', 'os']}";
    const Object before = python.eval(names);
    python.reset();
    python.exec("import sys");
    EXPECT(before == python.eval(names));
    python.exec(
        "assert 'alone' not in sys.modules\nimport host.sub, from_text\nassert from_text.count == host.sub.f()");
  });
}

TEST_CASE("hooks that forgotten packages and scripts left are removed, those of others stay", "[reset]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.def("last", [] { std::printf("host at exit\n"); });
    python.exec(R"(
        write(hooks='''if True:
            import atexit, functools, logging, sys
            class Handler(logging.Handler):
                def emit(self, record): print('emitted')
                def close(self): print('closed'); super().close()
            class Filter(logging.Filter): pass
            class Finder:
                def find_spec(self, *arguments): pass
                def hook(self, path): raise ImportError
                def __call__(self): print('never')
            def say(*arguments): print('never')
            logging.getLogger('some').addHandler(Handler())
            logging.getLogger('some').addFilter(Filter())
            sys.meta_path.append(Finder())
            sys.path_hooks.append(Finder().hook)
            for each in say, functools.partial(say), Finder(), Finder().hook, logging.FileHandler.close.__get__(Handler()):
                atexit.register(each)
            sys.excepthook = sys.displayhook = say
        ''')
        import hooks, atexit, logging, sys
        class Mine(logging.Handler):
            def flush(self): raise ValueError
            def emit(self, record): print('emitted')
        other = logging.StreamHandler()
        logging.root.addHandler(Mine())
        logging.root.addHandler(other)
        def bye(): print('never')
        atexit.register(bye)
        atexit.register(last)
        atexit.register(print, 'stays')
        before = lengths()
    )");
    const Object before = python["before"], other = python["other"];
    python.reset();
    python.exec("import logging, sys");
    EXPECT(python.eval("tuple(n + 1 for n in lengths())") == before);
    EXPECT(python.eval("logging.root.handlers[0]").same(other));
    python.exec(R"(
        assert len(logging.root.handlers) == 1
        assert not logging.getLogger('some').handlers and not logging.getLogger('some').filters
        assert sys.excepthook is sys.__excepthook__ and sys.displayhook is sys.__displayhook__
        logging.root.handlers.clear()
    )");
  });
  CHECK(output == "closed\nstays\nhost at exit\n");
}

TEST_CASE("reset() runs no atexit functions; those of modules that stay run at the stop", "[reset]") {
  const std::string output = in_child([] {
    py::Interpreter python;
    python.module_from_string("stays", "import atexit\natexit.register(lambda: print('at exit'))");
    python.reset();
    std::printf("after the reset\n");
  });
  CHECK(output == "after the reset\nat exit\n");
}

TEST_CASE("reset() is refused inside a call from Python, and changes nothing", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    std::string text;
    python.def("reset", [&] {
      try {
        python.reset();
      } catch (const StateError& error) {
        text = error.what();
        throw;
      }
    });
    Object before = python.globals();
    const auto refused = [&](std::string_view code) {
      text.clear();
      python.try_exec(code);
      EXPECT(has(text, "reset() was called inside a call from Python"));
      EXPECT(python.globals().same(before) && python.get("sys.modules")["__main__"].attr("__dict__").same(before));
    };
    refused("reset()");
    refused("write(resets='import __main__\\n__main__.reset()')\nimport resets");
    refused("class C:\n  def __del__(self): reset()\nC()");
    python.exec("class D:\n  def __del__(self): reset()\nd = D()");
    text.clear();
    before = Object();
    python.reset();  // drops d
    EXPECT(has(text, "inside a call from Python"));
    EXPECT(python.eval<bool>("'d' not in globals() and 'reset' in globals()"));
  });
}

TEST_CASE("reset() is refused while another thread lives or runs Python code, or an import runs", "[reset]") {
  in_child([] {
    py::Interpreter python;
    const auto refused = [&](std::string_view why) {
      EXPECT(has(EXPECT_THROWN(StateError, python.reset()).what(), why));
    };
    python.exec(
        "import threading\nend = threading.Event()\nthread = threading.Thread(target=end.wait, name='the poller')"
        "\nthread.start()");
    refused("reset() was called while threads of Python live (the poller): let them end first");
    python.exec("end.set(); thread.join()");
    python.exec(
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1, 'pool')\n"
        "pool.submit(int).result()");
    refused("(pool_0)");
    python.exec("pool.shutdown()");
    python.exec(
        "import _thread\nbegun, end = _thread.allocate_lock(), _thread.allocate_lock()\nbegun.acquire()\n"
        "end.acquire()\ndef run(): begun.release(); end.acquire()\n_thread.start_new_thread(run, ())\n"
        "begun.acquire()");
    refused("(made by the module _thread)");
    python.exec("end.release()\nimport time\nwhile _thread._count(): time.sleep(0.001)");

    std::atomic<bool> begun{false}, end{false};
    python.def("wait", [&] {
      begun = true;
      const py::GilRelease release;
      while (!end) std::this_thread::yield();
    });
    std::thread thread;
    {
      const py::GilRelease release;
      thread = std::thread([&] { python.exec("wait()"); });
      while (!begun) std::this_thread::yield();
    }
    refused("another C++ thread runs Python code");
    end = true;
    {
      const py::GilRelease release;
      thread.join();
    }
    python.exec("import _frozen_importlib, _imp\nmanager = _frozen_importlib._ModuleLockManager('some')");
    for (const auto& [lock, unlock] : {std::pair("_imp.acquire_lock()", "_imp.release_lock()"),
                                       std::pair("manager.__enter__()", "manager.__exit__(None, None, None)")}) {
      std::promise<void> locked, wanted;
      std::thread importer([&, lock = lock, unlock = unlock] {
        python.exec(lock);
        locked.set_value();
        wanted.get_future().wait();
        python.exec(unlock);
      });
      {
        const py::GilRelease release;
        locked.get_future().wait();
      }
      refused("reset() was called while an import runs");
      const py::GilRelease release;
      wanted.set_value();
      importer.join();
    }
    python.exec(R"(
        import logging
        class Begins(logging.Handler):
            def close(self):
                global thread, end
                end = threading.Event()
                thread = threading.Thread(target=end.wait, name='begun meanwhile')
                thread.start()
        logging.root.addHandler(Begins())
    )");
    refused("(begun meanwhile)");
    python.exec("end.set(); thread.join()\nBegins.close = logging.Handler.close");
    python.reset();
    {
      const py::GilRelease release;
      std::thread([&] { python.reset(); }).join();  // on a thread that Python did not make
    }
    EXPECT(python.stop());
    EXPECT_THROWN(StateError, python.reset());
  });
}

TEST_CASE("after interrupt() has ended an import, reset() works, and the modules can be imported", "[reset]") {
  in_child([] {
    py::Config config;
    config.interruptible = true;
    py::Interpreter python(config);
    add_helpers(python);
    python.exec("write(fresh='', package__init='from . import part', package__part='')");
    for (int round = 0; round < 300; ++round) {
      std::promise<void> begun;
      python.def("begin", [&] { begun.set_value(); });
      std::thread interrupter([&] {
        begun.get_future().wait();
        EXPECT(python.interrupt());
      });
      EXPECT_THROWN(py::Interrupted, python.exec("begin()\nwhile True:\n  import sys, fresh, package.part\n"
                                                 "  for name in 'fresh', 'package', 'package.part':\n"
                                                 "    sys.modules.pop(name)"));
      interrupter.join();
      python.reset();
      python.exec("import _imp, fresh, package.part\nassert not _imp.lock_held()");
      python.reset();
    }
  });
}

TEST_CASE("reset() unlocks what an import of this thread has left locked when it was ended", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.exec("write(some='')");
    python.exec("import _frozen_importlib, _imp, sys\n_imp.acquire_lock(); _imp.acquire_lock()");
    const py::Object manager = python.eval("_frozen_importlib._ModuleLockManager('some')");
    manager.attr("__enter__")();
    python.reset();
    python.exec("import _imp, some\nassert not _imp.lock_held()");
    const py::GilRelease release;
    std::thread([&] { python.exec("import json"); }).join();
  });
}

TEST_CASE("a Deadline that ends reset() leaves __main__ and the packages as they were", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.exec(R"(
        write(alone='')
        import alone, logging
        mine, loops = 1, True
        class Handler(logging.Handler):
            def close(self):
                while loops: pass
        logging.root.addHandler(Handler())
    )");
    const Object before = python.globals();
    {
      const py::Deadline limit(std::chrono::milliseconds(20));
      EXPECT_THROWN(py::DeadlineError, python.reset());
    }
    EXPECT(python.globals().same(before) && python.get("sys.modules")["__main__"].attr("__dict__").same(before));
    EXPECT(python.eval<bool>("mine == 1 and 'alone' in modules()"));
    python.exec("loops = False");
    const py::Deadline limit(std::chrono::hours(1));
    python.reset();
    EXPECT(python.eval<bool>("'mine' not in globals() and 'alone' not in modules()"));
  });
}

TEST_CASE("output that is captured stays captured", "[reset]") {
  in_child([] {
    py::Interpreter python;
    py::CaptureOutput output;
    python.exec("print('before')\nclass C:\n  def __del__(self): print('ended')\nc = C()\nc.me = c");
    python.reset();
    python.exec("print('after')");
    EXPECT(output.out() == "before\nended\nafter\n");
  });
}

TEST_CASE("what scripts have left in sys.modules and in modules is no obstacle", "[reset]") {
  in_child([] {
    py::Interpreter python;
    add_helpers(python);
    python.def("note", [](const std::string& text) { std::printf("%s\n", text.c_str()); });
    python.exec(R"(
        write(ends='import __main__, sys\nnote = __main__.note\nclass E:\n  def __del__(self):\n'
                   '    import after_all; sys.modules["x"] = self; note("ended")\ne = E(); e.me = e', after_all='')
        import concurrent.futures, ends, multiprocessing, sys, logging
        class Odd:
            def __getattr__(self, name): raise RuntimeError
            def __eq__(self, other): raise RuntimeError
            __hash__ = None
        class Meta(type):
            __module__ = property(lambda self: 1 / 0)
            def __getattribute__(self, name): raise RuntimeError
        class Lazy(type(sys)):
            def __getattribute__(self, name): raise RuntimeError
        sys.modules['odd'] = Odd()
        sys.modules['lazy'] = Lazy('lazy')
        sys.modules[5] = sys
        import json
        json.odd, json.meta, json.lazy = Odd(), Meta('M', (), {}), Lazy('other')
        sys.meta_path.append(Odd())
        sys.path_hooks = tuple(sys.path_hooks)
        logging.root.handlers.append(Odd())
        sys.path_importer_cache['odd'] = Odd()
        import atexit
        atexit.register(Odd)
        del sys.modules['__main__'], sys.excepthook
    )");
    python.reset();
    python.exec("import sys\nassert sys.modules['__main__'].__dict__ is globals()\ndel sys.modules[5]");
    python.exec(
        "import logging, sys\nlogging.root.handlers.clear()\nsys.meta_path.pop(), sys.path_importer_cache.pop('odd')");
    python.reset();
    EXPECT(python.eval<bool>("'ends' not in modules()"));
    python.exec("import sys\nsys.path_importer_cache = sys.meta_path = 5\ndel sys.path_hooks, sys.modules");
    python.reset();
  });
}

TEST_CASE("an Interpreter that has ended is not reset", "[reset]") {
  in_child([] {
    py::Interpreter python;
    python.reset();
    EXPECT(python.stop());
    EXPECT_THROWN(StateError, python.reset());
  });
}

#ifdef __linux__
TEST_CASE("10,000 resets take no memory", "[reset]") {
  const std::string output = in_child([] {
    alarm(500);
    py::Interpreter python;
    python["given"] = 1;
    python.def("f", [] {});
    const auto run = [&] {
      python.exec(
          "import json, decimal, logging, atexit\ndef f(): return g\ndef g(): return f\nx = [f, g, {}]\n"
          "class C(logging.Handler): pass\nc = C()\nlogging.root.addHandler(c)\natexit.register(f)");
      python.reset();
    };
    for (int i = 0; i < 200; ++i) run();
    long before = private_memory();
    before = private_memory();
    for (int i = 0; i < 10000; ++i) run();
    const long grown = private_memory() - before;
    std::printf("%ld KiB\n", grown);
    const long places =
        under_address_sanitizer ? 10000 * long(sizeof(void*)) / 1024 : 0;  // atexit.unregister() keeps them
    EXPECT(grown <= 64 + places);
  });
  SUCCEED(output);  // -s tells it
}

TEST_CASE("1,000 resets with numpy and pandas take no memory, and both work afterwards", "[reset]") {
  const std::string output = in_child([] {
    alarm(500);
    py::Interpreter python;
    if (!python.try_exec("import numpy, pandas")) {
      std::printf("absent");
      return;
    }
    const auto use = [&] {
      python.exec(R"(
          import io, pickle, numpy as np, pandas as pd
          table = pd.read_csv(io.StringIO('a,t\n1,2020-01-01\n2,2020-03-01\n'), parse_dates=['t'])
          table['local'] = table['t'].dt.tz_localize('Europe/Berlin')
          zone = pd.Timestamp('2020-01-01 10:00', tz='dateutil/Europe/Berlin')
          day = pd.to_datetime('1st of May 2020')
          assert float(np.linalg.det(np.eye(3))) + table['a'].sum() + table.groupby('a').t.count().sum() == 6
          assert pickle.loads(pickle.dumps(table)).equals(table)
      )");
    };
    use();
    python.reset();
    use();
    for (int i = 0; i < 20; ++i) python.reset();
    long before = private_memory();
    before = private_memory();
    for (int i = 0; i < 1000; ++i) python.reset();
    const long grown = private_memory() - before;
    std::printf("%ld KiB\n", grown);
    EXPECT(grown <= 64);
    use();
  });
  if (output == "absent") SKIP("this Python has no numpy and pandas");
  SUCCEED(output);
}
#endif

TEST_CASE("large packages are used, dropped on another thread, reset and used again, 20 times", "[reset]") {
  struct Package {
    const char *name, *use;
  };
  const Package package =
      GENERATE(Package{"scipy",
                       "import scipy.optimize, scipy.sparse\n"
                       "result = scipy.optimize.minimize(lambda v: (v[0] - 1) ** 2, [0.0])\n"
                       "assert abs(result.x[0] - 1) < 0.001\nkept = scipy.sparse.eye(3).tocsr()"},
               Package{"matplotlib",
                       "import matplotlib, io\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n"
                       "kept = plt.figure()\nkept.gca().plot([1, 2, 3])\nkept.savefig(io.BytesIO())\n"
                       "plt.close(kept)"},
               Package{"lxml",
                       "import lxml.etree, lxml.html\nkept = lxml.etree.fromstring('<a><b/></a>')\n"
                       "assert kept.xpath('//b')[0].tag == 'b' and lxml.html.fromstring('<p>x').text == 'x'"},
               Package{"cryptography",
                       "from cryptography.fernet import Fernet\nkey = Fernet.generate_key()\n"
                       "assert Fernet(key).decrypt(Fernet(key).encrypt(b'x')) == b'x'\nkept = Fernet(key)\n"
                       "from cryptography.hazmat.primitives.asymmetric import ed25519\n"
                       "ed25519.Ed25519PrivateKey.generate().sign(b'x')"});
  const std::string output = in_child([&] {
    alarm(500);
    py::Interpreter python;
    if (!python.try_exec(py::detail::concat({"import ", package.name}))) {
      std::printf("absent");
      return;
    }
    for (int i = 0; i < 20; ++i) {
      python.exec(package.use);
      Object kept = python["kept"];
      const py::GilRelease release;
      std::thread([&] { kept = Object(); }).join();
      python.reset();
    }
    python.exec(package.use);
    std::printf("done");
  });
  if (output == "absent") SKIP("this Python has no " + std::string(package.name));
  CHECK(output == "done");
}

#endif
