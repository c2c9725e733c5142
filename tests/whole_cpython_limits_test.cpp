// Tests that show what no program survives that hosts CPython: in CPython's own functions alone. A case that fails says
// that a CPython has been mended, and that the table in examples/README.md is to be changed.
// SPDX-License-Identifier: MIT
#include "c_api.hpp"

#ifndef _WIN32
#include <pthread.h>

#include <atomic>
#include <thread>

namespace {

/// What the cases use of CPython.
struct Functions {
  int (*run)(const char*, void*) = c_api<int(const char*, void*)>("PyRun_SimpleStringFlags");
  PyThreadState* (*save)() = c_api<PyThreadState*()>("PyEval_SaveThread");
  void (*restore)(PyThreadState*) = c_api<void(PyThreadState*)>("PyEval_RestoreThread");
  PyThreadState* (*state)() = c_api<PyThreadState*()>("PyThreadState_Get");
  PyThreadState* (*swap)(PyThreadState*) = c_api<PyThreadState*(PyThreadState*)>("PyThreadState_Swap");
  PyThreadState* (*begin)() = c_api<PyThreadState*()>("Py_NewInterpreter");
  void (*end)(PyThreadState*) = c_api<void(PyThreadState*)>("Py_EndInterpreter");
  int (*finalize)() = c_api<int()>("Py_FinalizeEx");
};

int minor_version() { return latepy::detail::library_state.version.minor; }

/// Whether `call` ends the process, or hangs. It is called where latepy has loaded and started Python, and did nothing
/// else. Where another version is meant it calls std::_Exit(1).
template <class F>
bool is_deadly(F call) {
  const Outcome outcome = run_in_child([&] {
    const py::Interpreter python;
    alarm(20);
    call(Functions());
    std::_Exit(0);
  });
  return outcome.exit_code != 0;
}

/// Loads the library that latepy would take, and does not start Python.
void open_library() {
  for (const py::Candidate& each : py::locate().candidates())
    if (each.verdict == py::Verdict::chosen) {
      setenv("PYTHONHOME", each.home.c_str(), 1);
      EXPECT(dlopen(each.library.c_str(), RTLD_NOW | RTLD_GLOBAL));
    }
}

int refuse_after_first(const char*, PyObject*, void* first) {
  if (c_api<PyInterpreterState*()>("PyInterpreterState_Get")() == first) return 0;
  c_api<void(PyObject*, const char*)>("PyErr_SetString")(*c_api<PyObject*>("PyExc_RuntimeError"), "no");
  return -1;
}

/// From now on CPython's allocations from the nth on fail; -1: none. The domains MEM and OBJ.
long allocations_left = -1;
bool is_one_refused = false;  ///< only the nth one fails
bool is_refused() {
  const bool is = allocations_left == 0 || (allocations_left > 0 && --allocations_left == 0);
  if (is && is_one_refused) allocations_left = -1;
  return is;
}
void refuse_memory() {
  using Allocator = latepy::detail::BlockAllocator;
  static Allocator before[3];
  for (const int domain : {1, 2}) {
    c_api<void(int, Allocator*)>("PyMem_GetAllocator")(domain, &before[domain]);
    Allocator refusing = before[domain];
    refusing.context = &before[domain];
    refusing.allocate = [](void* to, std::size_t size) -> void* {
      const auto& inner = *static_cast<Allocator*>(to);
      return is_refused() ? nullptr : inner.allocate(inner.context, size);
    };
    refusing.allocate_zeros = [](void* to, std::size_t count, std::size_t size) -> void* {
      const auto& inner = *static_cast<Allocator*>(to);
      return is_refused() ? nullptr : inner.allocate_zeros(inner.context, count, size);
    };
    refusing.resize = [](void* to, void* memory, std::size_t size) -> void* {
      const auto& inner = *static_cast<Allocator*>(to);
      return is_refused() ? nullptr : inner.resize(inner.context, memory, size);
    };
    refusing.release = [](void* to, void* memory) {
      const auto& inner = *static_cast<Allocator*>(to);
      inner.release(inner.context, memory);
    };
    c_api<void(int, Allocator*)>("PyMem_SetAllocator")(domain, &refusing);
  }
}

}  // namespace

TEST_CASE("CPython ends the process at a crash in C, such as a null pointer of ctypes") {
  CHECK(is_deadly([](const Functions& python) { python.run("import ctypes; ctypes.string_at(0)", nullptr); }));
}

TEST_CASE("until CPython 3.11 the process ends if an interpreter cannot be made") {
  CHECK(is_deadly([](const Functions& python) {
    if (minor_version() > 11) std::_Exit(1);
    c_api<int(int (*)(const char*, PyObject*, void*), void*)>("PySys_AddAuditHook")(
        &refuse_after_first, c_api<PyInterpreterState*()>("PyInterpreterState_Get")());
    python.begin();
  }));
}

TEST_CASE("CPython 3.9 never frees what os.register_at_fork() was given, so the module threading") {
  in_child([] {
    static bool is_freed = false;
    open_library();
    c_api<void(int)>("Py_InitializeEx")(0);
    PyObject* const watched = c_api<PyObject*(void*, const char*, void (*)(PyObject*))>("PyCapsule_New")(
        &is_freed, nullptr, [](PyObject*) { is_freed = true; });
    PyObject* const threading = c_api<PyObject*(const char*)>("PyImport_ImportModule")("threading");
    EXPECT(c_api<int(PyObject*, const char*, PyObject*)>("PyObject_SetAttrString")(threading, "watched", watched) == 0);
    for (PyObject* const each : {threading, watched}) c_api<void(PyObject*)>("Py_DecRef")(each);
    EXPECT(c_api<int()>("Py_FinalizeEx")() == 0);
    const std::string version = c_api<const char*()>("Py_GetVersion")();
    EXPECT(is_freed == (version.compare(0, 4, "3.9.") != 0));
  });
}

TEST_CASE("CPython ends the process if there is no memory while it starts") {
  const Outcome outcome = run_in_child([] {
    open_library();
    refuse_memory();
    allocations_left = 300;
    c_api<void(int)>("Py_InitializeEx")(0);
    std::_Exit(0);
  });
  CHECK(outcome.exit_code != 0);
}

TEST_CASE(
    "CPython ends the process if there is no memory while it makes an interpreter, 3.12 if it has an audit hook") {
  bool is_survived = true;
  for (const long nth : {0, 16, 40, 100})
    is_survived = is_survived && !is_deadly([&](const Functions& python) {
                    c_api<int(int (*)(const char*, PyObject*, void*), void*)>("PySys_AddAuditHook")(
                        [](const char*, PyObject*, void*) { return 0; }, nullptr);
                    refuse_memory();
                    allocations_left = nth;
                    python.begin();
                  });
  CHECK_FALSE(is_survived);
}

TEST_CASE("CPython 3.13 crashes where there is no memory to compile") {
  CHECK(is_deadly([](const Functions& python) {
    if (minor_version() != 13) std::_Exit(1);
    refuse_memory();
    python.run("source = 'def f(a, b):\n  return [x for x in (a, b) if x]\n' * 6", nullptr);
    for (long nth = 1; nth < 4000; ++nth) {
      allocations_left = nth;
      python.run("try: compile(source, 'f', 'exec')\nexcept MemoryError: pass\n", nullptr);
      allocations_left = -1;
    }
  }));
}

TEST_CASE("in CPython 3.12.1 and 3.13.0 a task of asyncio that lacked memory once breaks what is done later") {
  const Outcome outcome = run_in_child([] {
    open_library();
    setenv("PYTHONMALLOC", "debug", 1);  // what is freed is overwritten, so it shows if it is used
    c_api<void(int)>("Py_InitializeEx")(0);
    const Functions python;
    const std::string_view version(c_api<const char*()>("Py_GetVersion")(), 7);
    if (version != "3.12.1 " && version != "3.13.0 ") std::_Exit(1);
    alarm(60);
    refuse_memory();
    python.run(R"(
import asyncio, gc, logging, sys
logging.disable()
sys.unraisablehook = lambda _: None
loop = asyncio.SelectorEventLoop()
async def nap():
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
def poll():
    loop.stop()
    loop.run_forever()
def begin():
    global task
    task = loop.create_task(nap())
    for each in range(5): poll()
def end():
    for each in range(50):
        asyncio._set_running_loop(None)
        loop._thread_id = None
        if task and not task.done(): poll()
    gc.collect()
task = None
)",
               nullptr);
    PyObject* const main = c_api<PyObject*(const char*)>("PyImport_AddModule")("__main__");
    PyObject* const begin = c_api<PyObject*(PyObject*, const char*)>("PyObject_GetAttrString")(main, "begin");
    is_one_refused = true;
    for (long each = 0; each < 20 * 400; ++each) {  // whether one pass crashes depends on where objects lie
      allocations_left = each % 400 + 1;
      c_api<PyObject*(PyObject*)>("PyObject_CallNoArgs")(begin);
      allocations_left = -1;
      c_api<void()>("PyErr_Clear")();
      python.run("end()", nullptr);
    }
    std::_Exit(0);
  });
  CHECK(outcome.exit_code != 0);
}

TEST_CASE(
    "in CPython 3.12.1 and 3.13.0 sys._current_frames() beside an interpreter with its own GIL breaks the memory") {
  CHECK(is_deadly([](const Functions& python) {
    const std::string_view version(c_api<const char*()>("Py_GetVersion")(), 7);
    if (version != "3.12.1 " && version != "3.13.0 ") std::_Exit(1);
    PyThreadState* const main = python.save();
    std::atomic<bool> is_made{false};
    std::thread([&] {
      python.restore(c_api<PyThreadState*(PyInterpreterState*)>("PyThreadState_New")(
          c_api<PyInterpreterState*()>("PyInterpreterState_Main")()));
      const latepy::detail::InterpreterConfig config{0, 0, 0, 1, 0, 1, 2};
      PyThreadState* made = nullptr;
      c_api<latepy::detail::InitStatus(PyThreadState**, const latepy::detail::InterpreterConfig*)>(
          "Py_NewInterpreterFromConfig")(&made, &config);
      is_made = true;
      python.run("def f(n): return f(n - 1) + 1 if n else 0\nwhile True: f(50)", nullptr);
    }).detach();
    while (!is_made) std::this_thread::yield();
    python.restore(main);
    python.run("import sys\nfor i in range(10**6): sys._current_frames()", nullptr);
  }));
}

TEST_CASE(
    "in CPython 3.12.1 and 3.13.0 datetime breaks the memory if an interpreter with its own GIL imports it first") {
  CHECK(is_deadly([](const Functions& python) {
    const std::string_view version(c_api<const char*()>("Py_GetVersion")(), 7);
    if (version != "3.12.1 " && version != "3.13.0 ") std::_Exit(1);
    PyThreadState* const main = python.state();
    const latepy::detail::InterpreterConfig config{0, 0, 0, 1, 0, 1, 2};
    for (int round = 0; round < 4; ++round) {
      PyThreadState* made[2] = {};
      for (PyThreadState*& each : made) {
        c_api<latepy::detail::InitStatus(PyThreadState**, const latepy::detail::InterpreterConfig*)>(
            "Py_NewInterpreterFromConfig")(&each, &config);
        python.run("import datetime, sys\nsys.datetime = datetime.datetime(2000, 1, 1)", nullptr);
        python.swap(main);
      }
      for (PyThreadState* each : made) {
        python.swap(each);
        python.end(each);
        python.swap(main);
      }
      python.run("import datetime, gc\ngc.collect()", nullptr);
    }
    python.finalize();
  }));
}

TEST_CASE("until CPython 3.13 an interpreter cannot be ended while another thread has a state in it") {
  CHECK(is_deadly([](const Functions& python) {
    if (minor_version() > 13) std::_Exit(1);
    PyThreadState* const made = python.begin();
    c_api<PyThreadState*(PyInterpreterState*)>("PyThreadState_New")(
        c_api<PyInterpreterState*()>("PyInterpreterState_Get")());
    python.end(made);
  }));
}

TEST_CASE("until CPython 3.12 the stop ends the process while another interpreter lives") {
  CHECK(is_deadly([](const Functions& python) {
    if (minor_version() > 12) std::_Exit(1);
    PyThreadState* const main = python.state();
    python.begin();
    python.swap(main);
    python.finalize();
  }));
}

TEST_CASE("the child of os.fork() beside another interpreter hangs or crashes in every CPython") {
  CHECK(is_deadly([](const Functions& python) {
    PyThreadState* const main = python.state();
    python.begin();
    python.swap(main);
    python.run(
        "import os, signal, time\npid = os.fork()\nif not pid: os._exit(0)\n"
        "for i in range(200):\n  done, status = os.waitpid(pid, os.WNOHANG)\n  if done: break\n  time.sleep(0.05)\n"
        "else: os.kill(pid, signal.SIGKILL); os._exit(1)\n"
        "if status: os._exit(1)\n",
        nullptr);
  }));
}

TEST_CASE("until CPython 3.13 its parser overflows a stack of 128 KiB with 5,000 operators in one another") {
  CHECK(is_deadly([](const Functions& python) {
    if (minor_version() > 13) std::_Exit(1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 << 10);
    PyThreadState* const main = python.save();
    pthread_t thread;
    pthread_create(
        &thread, &attributes,
        [](void*) -> void* {
          const int gil = c_api<int()>("PyGILState_Ensure")();
          const Functions inside;
          inside.run("try: eval('-' * 5000 + '1')\nexcept (RecursionError, MemoryError, SyntaxError): pass", nullptr);
          c_api<void(int)>("PyGILState_Release")(gil);
          return nullptr;
        },
        nullptr);
    pthread_join(thread, nullptr);
    python.restore(main);
  }));
}
#endif
