// Tests of latepy in a Python that somebody else started: inside an extension module, and beside another library.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"
#include "sanitizers.hpp"

#ifndef _WIN32
#include <dlfcn.h>

#include <fstream>
#include <thread>

using namespace py::literals;
using py::GilRelease;
using py::Object;
using py::StateError;

namespace {

const std::string module_file = LATEPY_TEST_BINARIES "/attach_module.so";

/// The library that has the sanitizer's functions. clang links them into each program; its library has them too.
std::string sanitizer_runtime() {
#ifdef LATEPY_TEST_SANITIZER_RUNTIME
  return LATEPY_TEST_SANITIZER_RUNTIME;
#else
  Dl_info runtime{};
  dladdr(dlsym(RTLD_DEFAULT, "malloc"), &runtime);
  return runtime.dli_fname;
#endif
}

/// Runs a script with the python that belongs to the CPython under test. It hosts nothing: it is just python.
Outcome python_runs(const std::string& script) {
  const py::Discovery found = latepy::locate();
  REQUIRE(found.chosen());
  const std::string executable = found.chosen()->executable;
  return run_in_child([&] {
    const std::string source =
        "import ctypes, sys\n"
        "sys.path.insert(0, " +
        std::string("'" LATEPY_TEST_BINARIES "'") +
        ")\n"
        "greeting = 'from the script'\n"
        "module = ctypes.PyDLL('" +
        module_file +
        "')\n"  // its functions are called with the GIL
        "without_gil = ctypes.CDLL('" +
        module_file +
        "')\n"
        "def call(name, *args, library=module):\n"
        "    function = getattr(library, 'attach_' + name)\n"
        "    function.restype = ctypes.c_char_p\n"
        "    answer = function(*args).decode()\n"
        "    assert answer == 'ok', (name, args, answer)\n" +
        script;
    if (under_address_sanitizer || under_thread_sanitizer) {
      // What the module needs must be there first: the sanitizer's runtime, and the library whose throw it calls.
      Dl_info standard{};
      dladdr(dlsym(RTLD_DEFAULT, "__cxa_allocate_exception"), &standard);
      setenv("LD_PRELOAD", (sanitizer_runtime() + " " + standard.dli_fname).c_str(), 1);
      setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // python itself leaks
    }
    execl(executable.c_str(), executable.c_str(), "-B", "-c", source.c_str(), nullptr);
    std::perror(executable.c_str());
    std::exit(3);
  });
}

void check_runs(const std::string& script, const std::string& output = "") {
  const Outcome outcome = python_runs(script);
  CHECK(outcome.output == output);
  CHECK(outcome.signal == 0);
  CHECK(outcome.exit_code == 0);
}

/// The module loaded into this process, where latepy is used by the program as well.
template <class F>
F* of_module(const char* name) {
  void* const library = dlopen(module_file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  void* const symbol = dlsym(library, name);
  EXPECT(symbol);
  return reinterpret_cast<F*>(symbol);
}

void expect_ok(const char* answer) {
  if (std::string_view(answer) != "ok") throw std::runtime_error(answer);
}

}  // namespace

TEST_CASE("an extension module written with latepy is imported like any other", "[attach]") {
  check_runs(
      "import attach_module\n"
      "assert attach_module.attached\n"
      "assert attach_module.version == '.'.join(map(str, sys.version_info[:3]))\n"
      "assert attach_module.twice(21) == 42\n"
      "print(attach_module.__doc__)\n",
      "made by latepy\n");
}

TEST_CASE("the import of an extension module that latepy fills does not turn the GIL on", "[attach]") {
  check_runs(
      "before = getattr(sys, '_is_gil_enabled', bool)()\n"
      "import attach_module\n"
      "assert before == getattr(sys, '_is_gil_enabled', bool)()\n");
}

TEST_CASE("in a running Python the Interpreter attaches and uses the script's own __main__", "[attach]") {
  check_runs(
      "call('start')\n"
      "call('use')\n"
      "assert answer == 42\n"
      "call('use', library=without_gil)\n"
      "call('threads')\n"
      "call('use')\n");
}

TEST_CASE("attached on a thread without the GIL") {
  check_runs(
      "call('start', library=without_gil)\n"
      "call('use', library=without_gil)\n"
      "call('use')\n");
}

TEST_CASE("attached on a thread that Python made") {
  check_runs(
      "import threading\n"
      "t = threading.Thread(target=call, args=('start',)); t.start(); t.join()\n"
      "call('use')\n"
      "call('threads')\n");
}

TEST_CASE("the end of an attached Interpreter does not end Python") {
  check_runs(
      "call('start')\n"
      "call('stop')\n"
      "call('can_enter')\n"
      "call('start')\n"
      "call('use')\n"
      "import json, threading\n"
      "t = threading.Thread(target=print, args=('still running',)); t.start(); t.join()\n",
      "still running\n");
}

TEST_CASE("what only a start can honour is refused by its name") {
  std::string script = "call('start')\n";
  for (const char* field : {"argv", "site", "use_environment", "user_site", "signal_handlers", "release_gil", "utf8",
                            "write_bytecode", "options", "version", "library"})
    script += std::string("call('refuse', b'") + field + "')\n";
  check_runs(script + "call('paths', b'/some/folder')\ncall('use')\n");
}

TEST_CASE("the process ends cleanly while Objects of the module live", "[attach][lifetime][exit]") {
  check_runs(
      "call('start')\n"
      "call('keep', 1000)\n"
      "call('threads')\n"
      "import threading\n"
      "threading.Thread(target=call, args=('keep', 10)).start()\n"
      "print('end')\n",
      "end\n");
  check_runs("call('start'); call('keep', 10); call('stop')\n");
  check_runs("call('start'); call('keep', 10); call('drop', library=without_gil)\n");
  const Outcome outcome = python_runs("call('start'); call('keep', 10); sys.exit(7)\n");
  CHECK(outcome.exit_code == 7);
}

TEST_CASE("when the other embedder ends Python our gate is closed first", "[attach][stop]") {
  // atexit runs functions in the reverse order: this one was registered before ours and runs after it.
  check_runs(
      "import atexit\n"
      "def last():\n"
      "    without_gil.attach_can_enter.restype = ctypes.c_char_p\n"
      "    print(without_gil.attach_can_enter().decode())\n"
      "atexit.register(last)\n"
      "call('start')\n"
      "call('can_enter', library=without_gil)\n",
      "no\n");
}

TEST_CASE("threads of the module that are inside Python when it ends leave it first", "[attach][stop][threads]") {
  for (int round = 0; round < 10; ++round)
    check_runs(
        "call('start')\n"
        "call('hammer', library=without_gil)\n"
        "import time\n"
        "time.sleep(0.02)\n");
}

TEST_CASE("a program and a module that both use latepy share one interpreter", "[attach]") {
  in_child([] {
    auto python = std::make_unique<py::Interpreter>();
    python->exec("greeting = 'from the script'");
    expect_ok(of_module<const char*()>("attach_start")());
    EXPECT(of_module<void*()>("attach_shared")() == &latepy::detail::process_state());
    EXPECT(of_module<std::uint32_t()>("attach_generation")() == latepy::detail::current_generation());
    expect_ok(of_module<const char*()>("attach_use")());
    EXPECT((*python)["answer"].as<int>() == 42);
    expect_ok(of_module<const char*()>("attach_threads")());
    expect_ok(of_module<const char*(int)>("attach_keep")(100));
    python.reset();  // the program stops Python
    EXPECT(of_module<std::uint32_t()>("attach_generation")() == latepy::detail::no_generation);
    expect_ok(of_module<const char*()>("attach_drop")());  // the module drops what it kept
    EXPECT(has(of_module<const char*()>("attach_use")(), "no Python runs"));
    expect_ok(of_module<const char*()>("attach_stop")());
  });
}

TEST_CASE("reset() is for the program, also after a module has attached and stopped", "[attach][reset]") {
  in_child([] {
    py::Interpreter python;
    python["first"] = 1;
    expect_ok(of_module<const char*()>("attach_start")());
    expect_ok(of_module<const char*()>("attach_stop")());
    python["second"] = 2;
    python.exec("third = 3");
    python.reset();
    EXPECT(python["first"].as<int>() == 1 && python["second"].as<int>() == 2 && !python.globals().contains("third"));
  });
}

TEST_CASE("a module that attached meets the program's next Python as well", "[attach][restart]") {
  in_child([] {
    for (int life = 0; life < 3; ++life) {
      py::Interpreter python;
      if (latepy::detail::library_state.version.minor == 12 && life > 0) return;
      python.exec("greeting = 'from the script'");
      expect_ok(of_module<const char*()>("attach_start")());
      expect_ok(of_module<const char*()>("attach_use")());
      expect_ok(of_module<const char*()>("attach_threads")());
      expect_ok(of_module<const char*(int)>("attach_keep")(10));
      if (life % 2) expect_ok(of_module<const char*()>("attach_stop")());
      python.stop();
    }
  });
}

/// What the C API has for sub-interpreters, which share the GIL with the main one.
struct SubInterpreters {
  const py::DynLib program = py::DynLib::program();
  PyThreadState* (*const begin)() = program.get<PyThreadState*()>("Py_NewInterpreter");
  void (*const end)(PyThreadState*) = program.get<void(PyThreadState*)>("Py_EndInterpreter");
  PyThreadState* (*const swap)(PyThreadState*) = program.get<PyThreadState*(PyThreadState*)>("PyThreadState_Swap");
  int (*const run)(const char*) = program.get<int(const char*)>("PyRun_SimpleString");
  const std::string version = program.get<const char*()>("Py_GetVersion")();
  /// Before 3.12 CPython cannot tell that a thread is inside a sub-interpreter: attaching from there waits for ever.
  const bool can_attach = py::Version::parse(version).minor >= 12;
  PyThreadState* current() const {
    PyThreadState* const state = swap(nullptr);
    swap(state);
    return state;
  }
};

/// A Python that is started with the bare C API, as another embedder does.
SubInterpreters start_bare_python() {
  const py::Discovery found = latepy::locate();
  void* const library = dlopen(found.chosen()->library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  EXPECT(library);
  const std::string& home = found.chosen()->home;
  static std::wstring wide(home.begin(), home.end());
  reinterpret_cast<void (*)(const wchar_t*)>(dlsym(library, "Py_SetPythonHome"))(wide.c_str());
  reinterpret_cast<void (*)(int)>(dlsym(library, "Py_InitializeEx"))(0);
  return SubInterpreters();
}

TEST_CASE("an Interpreter attaches on a thread that Python does not know, and leaves no thread state", "[attach]") {
  in_child([] {
    const SubInterpreters python = start_bare_python();
    const auto save = python.program.get<PyThreadState*()>("PyEval_SaveThread");
    const auto restore = python.program.get<void(PyThreadState*)>("PyEval_RestoreThread");
    PyThreadState* const own = save();
    std::thread([] {
      py::Interpreter attached;
      const py::GilGuard gil;
      EXPECT(attached.eval<int>("6 * 7") == 42);
    }).join();
    restore(own);
    const auto head = python.program.get<PyThreadState*(PyInterpreterState*)>("PyInterpreterState_ThreadHead");
    const auto main = python.program.get<PyInterpreterState*()>("PyInterpreterState_Main");
    const auto next = python.program.get<PyThreadState*(PyThreadState*)>("PyThreadState_Next");
    { const py::GilGuard frees_the_state_of_the_guard; }
    // A debug build of 3.12 or newer would abort where another thread than its own frees a state.
    EXPECT((head(main()) == own && !next(own)) || latepy::detail::library_state.leaks_thread_states);
  });
}

TEST_CASE("while other code ends Python, an Interpreter is refused, and made afterwards", "[attach][stop]") {
  in_child([] {
    const SubInterpreters python = start_bare_python();
    static const auto make = [] { return std::string(EXPECT_THROWN(StateError, py::Interpreter()).what()); };
    static std::string on_thread, here;
    static const auto save = python.program.get<PyThreadState*()>("PyEval_SaveThread");
    static const auto restore = python.program.get<void(PyThreadState*)>("PyEval_RestoreThread");
    PyObject* const late = python.program.get<PyObject*(void*, const char*, void (*)(PyObject*))>("PyCapsule_New")(
        &on_thread, nullptr, [](PyObject*) {
          here = make();
          PyThreadState* const own = save();
          std::thread([] { on_thread = make(); }).join();
          restore(own);
        });
    const auto main = python.program.get<PyObject*(const char*)>("PyImport_AddModule")("__main__");
    python.program.get<int(PyObject*, const char*, PyObject*)>("PyObject_SetAttrString")(main, "late", late);
    python.program.get<void(PyObject*)>("Py_DecRef")(late);
    EXPECT(python.program.get<int()>("Py_FinalizeEx")() == 0);
    EXPECT(here ==
           "cannot start Python: other code of this process is starting or ending it. Make the Interpreter when that "
           "is done");
    EXPECT(on_thread == here);
    EXPECT(py::Interpreter().eval<int>("6 * 7") == 42);
  });
}

TEST_CASE("an attach that meets the end of Python is refused where CPython can tell", "[attach][stop]") {
  in_child([] {
    const SubInterpreters python = start_bare_python();
    { const py::Interpreter fills_the_table; }
    auto& guard_from_view = latepy::detail::library_state.api.InterpreterGuard_FromView;
    if (!guard_from_view) return;  // until 3.14
    const auto save = python.program.get<PyThreadState*()>("PyEval_SaveThread");
    const auto restore = python.program.get<void(PyThreadState*)>("PyEval_RestoreThread");
    PyThreadState* const own = save();
    const auto before = std::exchange(
        guard_from_view, [](latepy::detail::InterpreterView*) -> latepy::detail::InterpreterHold* { return nullptr; });
    EXPECT(std::string(EXPECT_THROWN(StateError, latepy::detail::AttachGuard()).what()) ==
           "cannot attach to Python: other code of this process is ending it");
    guard_from_view = before;
    { const latepy::detail::AttachGuard gil; }
    restore(own);
    EXPECT(python.program.get<int()>("Py_FinalizeEx")() == 0);  // waits for every hold
  });
}

TEST_CASE("where latepy cannot attach nothing is changed, and it can be tried again", "[attach]") {
  in_child([] {  // a script has broken atexit
    const SubInterpreters python = start_bare_python();
    EXPECT(python.run("import atexit\nregister = atexit.register\ndel atexit.register") == 0);
    EXPECT_THROWN(py::AttributeError, py::Interpreter());
    EXPECT(!py::Interpreter::is_running());
    EXPECT(python.run("atexit.register = register") == 0);
    py::Interpreter attached;
    EXPECT(attached.eval<int>("6 * 7") == 42);
  });
  in_child([] {  // there is no memory for the dict of an interpreter
    auto first = std::make_unique<py::Interpreter>();
    const SubInterpreters subs;
    if (!subs.can_attach) return;
    const auto process = &latepy::detail::process_state();
    PyThreadState* const main = subs.current();
    PyThreadState* const second = subs.begin();
    auto& function = latepy::detail::library_state.api.InterpreterState_GetDict;
    const auto before = function;
    function = [](PyInterpreterState*) -> PyObject* { return nullptr; };
    const std::string text =
        EXPECT_THROWN(StateError, latepy::detail::join_or_begin(latepy::detail::api().InterpreterState_Get())).what();
    EXPECT(text == "latepy cannot keep its state in the dict of this Python interpreter: there is no memory");
    EXPECT(process == &latepy::detail::process_state());
    function = before;
    subs.end(second);
    subs.swap(main);
    EXPECT(first->eval<int>("6 * 7") == 42);
  });
}

TEST_CASE("a module that attaches in a second interpreter leaves the first one's objects alone", "[attach]") {
  in_child([] {
    auto python = std::make_unique<py::Interpreter>();
    const SubInterpreters subs;
    if (!subs.can_attach) return;
    python->exec("numbers = [1, 2]\ndef f(a, key=0): return a + key");
    const Object numbers = (*python)["numbers"], function = (*python)["f"];
    const std::uint32_t first = latepy::detail::current_generation();
    PyThreadState* const main = subs.current();
    for (int round = 0; round < 3; ++round) {
      PyThreadState* const second = subs.begin();  // which this thread is inside of from now on
      EXPECT(second);
      EXPECT(subs.run("greeting = 'from the script'") == 0);
      expect_ok(of_module<const char*()>("attach_start")());
      expect_ok(of_module<const char*()>("attach_use")());
      EXPECT(latepy::detail::current_generation() != first);
      std::optional<Object> of_second = py::to_py("attach"), dropped_elsewhere = py::to_py(std::string(100, 'x'));
      EXPECT(has(EXPECT_THROWN(StateError, numbers[0].as<int>()).what(), "another Python interpreter"));
      EXPECT(numbers.is_alive());

      subs.swap(main);  // the first one goes on
      EXPECT(latepy::detail::current_generation() == first);
      EXPECT(numbers[1].as<int>() == 2);
      EXPECT(function(3, "key"_a = 4).as<int>() == 7);
      EXPECT(python->eval<int>("f(20, key=1) * 2") == 42);
      EXPECT(has(EXPECT_THROWN(StateError, of_second->attr("upper")).what(), "another Python interpreter"));
      dropped_elsewhere.reset();  // its decref waits for a thread inside the second interpreter
      {
        const GilRelease others;
        std::thread([&] {
          const py::GilGuard gil;  // of the main interpreter
          EXPECT(numbers[0].as<int>() == 1);
        }).join();
      }

      subs.swap(second);
      EXPECT(of_second->attr("upper")().as<std::string>() == "ATTACH");
      expect_ok(of_module<const char*()>("attach_stop")());
      subs.end(second);
      subs.swap(main);
      EXPECT(!of_second->is_alive());
      EXPECT_THROWN(StateError, of_second->attr("upper"));
      EXPECT(latepy::detail::current_generation() == first);
      EXPECT(numbers[1].as<int>() == 2);
    }
    python.reset();
    EXPECT(!py::Interpreter::is_running());
    EXPECT(!numbers.is_alive());
  });
}

TEST_CASE("bound objects of a sub-interpreter end with it, whether the main one is known or not", "[attach]") {
  for (const bool is_main_known : {false, true})
    in_child([&] {
      is_leak_check_off = true;  // an interpreter that other code ends keeps its classes, see README.md
      const SubInterpreters subs = start_bare_python();
      if (!subs.can_attach) return;
      PyThreadState* const main = subs.current();
      std::optional<py::Interpreter> in_sub;
      if (is_main_known) expect_ok(of_module<const char*()>("attach_start")());
      for (int round = 0; round < 3; ++round) {
        PyThreadState* const sub = subs.begin();
        in_sub.emplace();
        struct Thing {
          int number = 3;
        };
        in_sub->module("host").add_class<Thing>("Thing").init<>().def("number", &Thing::number);
        in_sub->exec("import host\nkept = [host.Thing() for i in range(100)]");
        EXPECT(in_sub->eval<int>("kept[1].number") == 3);
        in_sub.reset();
        subs.end(sub);
        subs.swap(main);
      }
    });
}

TEST_CASE("a guard enters the main interpreter, also where a sub-interpreter was known before", "[attach]") {
  in_child([] {
    const SubInterpreters subs = start_bare_python();
    if (!subs.can_attach) return;
    PyThreadState* const main = subs.current();
    PyThreadState* const sub = subs.begin();
    EXPECT(subs.run("greeting = 'from the script'") == 0);
    expect_ok(of_module<const char*()>("attach_start")());  // the module in the sub-interpreter
    subs.swap(main);
    subs.run("here = 'main'");
    {
      py::Interpreter python;  // the program in the main one
      EXPECT(of_module<void*()>("attach_shared")() == &latepy::detail::process_state());
      const GilRelease others;
      std::thread([&] {
        const py::GilGuard gil;
        EXPECT(python.eval<std::string>("here") == "main");
      }).join();
    }
    subs.swap(sub);
    expect_ok(of_module<const char*()>("attach_use")());
    expect_ok(of_module<const char*()>("attach_stop")());
    subs.end(sub);  // no thread state of ours is left in it
    subs.swap(main);
    EXPECT(reinterpret_cast<int (*)()>(subs.program.find("Py_FinalizeEx"))() == 0);
    EXPECT(!py::Interpreter::is_running());
  });
}

TEST_CASE("a program attaches to the Python that its module's neighbour started with the bare C API", "[attach]") {
  in_child([] {
    const SubInterpreters subs = start_bare_python();
    const auto finalize = reinterpret_cast<int (*)()>(subs.program.find("Py_FinalizeEx"));
    const auto initialize = reinterpret_cast<void (*)(int)>(subs.program.find("Py_InitializeEx"));
    Object object;
    {
      py::Interpreter python;
      EXPECT(python.is_attached());
      EXPECT(has(EXPECT_THROWN(StateError, python.reset()).what(), "this Interpreter has attached to it"));
      EXPECT(python.eval<int>("6 * 7") == 42);
      python.exec("import json");
      object = python.eval("[1]");
    }
    EXPECT(object[0].as<int>() == 1);  // Python goes on
    EXPECT(py::Interpreter::is_running());
    EXPECT(finalize() == 0);
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(StateError, object[0].as<int>());
    EXPECT(!py::GilGuard::try_acquire());
    // Once more: a later Python of the other embedder is another life.
    initialize(0);
    {
      py::Interpreter python;
      EXPECT(python.is_attached());
      EXPECT_THROWN(StateError, object[0].as<int>());
      EXPECT(python.eval<int>("6 * 7") == 42);
      object = python.eval("[2]");
    }
    EXPECT(finalize() == 0);
    EXPECT(!py::Interpreter::is_running());
    EXPECT_THROWN(StateError, object[0].as<int>());
  });
}

#endif
