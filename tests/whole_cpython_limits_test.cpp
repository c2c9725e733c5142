// Tests that show what no program survives that hosts CPython: in CPython's own functions alone. A case that fails says
// that a CPython has been mended, and that the table in examples/README.md is to be changed.
// SPDX-License-Identifier: MIT
#include "c_api.hpp"

#ifndef _WIN32
#include <pthread.h>

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

int refuse_after_first(const char*, PyObject*, void* first) {
  if (c_api<PyInterpreterState*()>("PyInterpreterState_Get")() == first) return 0;
  c_api<void(PyObject*, const char*)>("PyErr_SetString")(*c_api<PyObject*>("PyExc_RuntimeError"), "no");
  return -1;
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
