// tests/benchmark/raw.cpp: the contender written by hand against Python.h, as well as that can be done.
// SPDX-License-Identifier: MIT
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <limits.h>

#include <thread>

#include "harness.hpp"

namespace {

using benchmark::expect;
using benchmark::keep;
using benchmark::Run;

/// An owned reference.
struct Owned {
  PyObject* ptr;
  explicit Owned(PyObject* object) : ptr(object) {
    if (!ptr) fail();
  }
  Owned(const Owned&) = delete;
  ~Owned() { Py_DECREF(ptr); }
  operator PyObject*() const { return ptr; }

  [[noreturn]] static void fail() {
    PyErr_Print();
    throw std::runtime_error("Python failed");
  }
};
void check(int result) {
  if (result < 0) Owned::fail();
}

/// False with an exception set.
inline bool to_int(PyObject* object, int& value) {
  const long wide = PyLong_AsLong(object);
  if (wide == -1 && PyErr_Occurred()) return false;
  if (wide < INT_MIN || wide > INT_MAX) {
    PyErr_SetString(PyExc_OverflowError, "out of range");
    return false;
  }
  value = static_cast<int>(wide);
  return true;
}
inline int to_int(PyObject* object) {
  int value;
  if (!to_int(object, value)) Owned::fail();
  return value;
}
/// The text of a str, valid as long as the object. ASCII lies in the object.
inline bool to_text(PyObject* object, const char*& text, Py_ssize_t& size) {
  if (PyUnicode_Check(object) && PyUnicode_IS_COMPACT_ASCII(object)) {
    text = static_cast<const char*>(PyUnicode_DATA(object));
    size = PyUnicode_GET_LENGTH(object);
    return true;
  }
  text = PyUnicode_AsUTF8AndSize(object, &size);
  return text != nullptr;
}
inline std::string to_string(PyObject* object) {
  const char* text;
  Py_ssize_t size;
  if (!to_text(object, text, size)) Owned::fail();
  return {text, static_cast<std::size_t>(size)};
}
inline PyObject* from_string(const std::string& text) {
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

PyObject* from_doubles(const std::vector<double>& values) {
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(values.size()));
  if (!list) return nullptr;
  for (std::size_t i = 0; i < values.size(); ++i) {
    PyObject* item = PyFloat_FromDouble(values[i]);
    if (!item) {
      Py_DECREF(list);
      return nullptr;
    }
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), item);
  }
  return list;
}
std::vector<double> to_doubles(PyObject* list) {
  if (!PyList_Check(list)) throw std::runtime_error("no list");
  const Py_ssize_t count = PyList_GET_SIZE(list);
  std::vector<double> values(static_cast<std::size_t>(count));
  double* const first = values.data();
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyList_GET_ITEM(list, i);
    if (PyFloat_CheckExact(item)) {
      first[i] = PyFloat_AS_DOUBLE(item);
      continue;
    }
    Py_INCREF(item);
    const Owned own(item);
    first[i] = PyFloat_AsDouble(item);
    if (first[i] == -1.0 && PyErr_Occurred()) Owned::fail();
    if (PyList_GET_SIZE(list) != count) throw std::runtime_error("the list was changed meanwhile");
  }
  return values;
}

/// std::function on a Python function.
struct Function {
  PyObject* callable;
  int operator()(int a, int b) const {
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject* arguments[] = {nullptr, PyLong_FromLong(a), PyLong_FromLong(b)};
    const Owned result(PyObject_Vectorcall(callable, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
    Py_DECREF(arguments[1]);
    Py_DECREF(arguments[2]);
    const int value = to_int(result);
    PyGILState_Release(state);
    return value;
  }
};

/// A Python exception as a C++ one.
class Error : public std::exception {
 public:
  Error() {
#if PY_VERSION_HEX >= 0x030C0000
    value_ = PyErr_GetRaisedException();
#else
    PyErr_Fetch(&type_, &value_, &traceback_);
#endif
  }
  Error(const Error& other) : type_(other.type_), value_(other.value_), traceback_(other.traceback_) {
    Py_XINCREF(type_);
    Py_XINCREF(value_);
    Py_XINCREF(traceback_);
  }
  ~Error() override {
    Py_XDECREF(type_);
    Py_XDECREF(value_);
    Py_XDECREF(traceback_);
  }
  bool matches(PyObject* type) const {
    return PyErr_GivenExceptionMatches(type_ ? type_ : value_, type) != 0;
  }
  const char* what() const noexcept override {
    if (text_.empty()) {
#if PY_VERSION_HEX < 0x030C0000
      PyErr_NormalizeException(&type_, &value_, &traceback_);
#endif
      text_ = Py_TYPE(value_)->tp_name;
      if (PyObject* text = PyObject_Str(value_)) {
        const char* data;
        Py_ssize_t size;
        if (to_text(text, data, size)) text_.append(": ").append(data, static_cast<std::size_t>(size));
        Py_DECREF(text);
      }
    }
    return text_.c_str();
  }

 private:
  mutable PyObject *type_ = nullptr, *value_ = nullptr, *traceback_ = nullptr;
  mutable std::string text_;
};

// The functions of the host that Python calls.
PyObject* add(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  int a, b;
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "add() takes 2 arguments");
    return nullptr;
  }
  if (!to_int(arguments[0], a) || !to_int(arguments[1], b)) return nullptr;
  return PyLong_FromLong(a + b);
}
PyObject* exclaim(PyObject*, PyObject* argument) {
  const char* text;
  Py_ssize_t size;
  if (!to_text(argument, text, size)) return nullptr;
  std::string own(text, static_cast<std::size_t>(size));
  own += '!';
  return from_string(own);
}
PyMethodDef add_def = {"add", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(add)), METH_FASTCALL, nullptr};
PyMethodDef exclaim_def = {"exclaim", exclaim, METH_O, nullptr};

struct CounterObject {
  PyObject_HEAD
  benchmark::Counter* counter;
};
PyObject* counter_add(PyObject* self, PyObject* argument) {
  int value;
  if (!to_int(argument, value)) return nullptr;
  return PyLong_FromLong(reinterpret_cast<CounterObject*>(self)->counter->add(value));
}
PyMethodDef counter_methods[] = {{"add", counter_add, METH_O, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyType_Slot counter_slots[] = {{Py_tp_methods, counter_methods}, {0, nullptr}};
PyType_Spec counter_spec = {"bench.Counter", sizeof(CounterObject), 0, Py_TPFLAGS_DEFAULT, counter_slots};

PyObject* name(const char* text) { return PyUnicode_InternFromString(text); }

int compare(int argc, char** argv) {
  PyObject* const main_globals = PyModule_GetDict(PyImport_AddModule("__main__"));
  Owned(PyRun_String(benchmark::script, Py_file_input, main_globals, main_globals));
  const Owned bench(PyImport_ImportModule("bench"));
  const auto get = [&](const char* of_bench) { return PyObject_GetAttrString(bench, of_bench); };
  const Owned f(get("f")), g(get("g")), thing(get("thing")), fail(get("fail")), number(get("number")), short_str(get("short")),
      long_str(get("long")), floats(get("floats")), floats_1e6(get("floats_1e6")), string_list(get("strings")),
      dict(get("table")), integers(get("integers")), array(get("array_1e6"));
  const Owned name_k(name("k")), name_m(name("m")), name_value(name("value")), name_bench(name("bench")), name_f(name("f"));
  const Owned names_k(PyTuple_Pack(1, name_k.ptr));
  const auto loop = [&](const char* of_bench, PyObject* argument, Run& run) {
    const Owned function(get(of_bench));
    PyObject* last = nullptr;
    run.each_does(1000);
    for (auto _ : run) {
      Py_XDECREF(last);
      last = argument ? PyObject_CallOneArg(function, argument) : PyObject_CallNoArgs(function);
      if (!last) Owned::fail();
    }
    return last;
  };

  benchmark::Operations operations;
  operations.add("call_ii", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      PyObject* arguments[] = {nullptr, PyLong_FromLong(3), PyLong_FromLong(4)};
      const Owned result(PyObject_Vectorcall(f, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
      Py_DECREF(arguments[1]);
      Py_DECREF(arguments[2]);
      value = to_int(result);
      keep(value);
    }
    expect(value, 7);
  });
  operations.add("call_3_kw", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      PyObject* arguments[] = {nullptr, PyLong_FromLong(3), PyUnicode_FromStringAndSize("hello world", 11), PyLong_FromLong(7)};
      const Owned result(PyObject_Vectorcall(g, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, names_k));
      Py_DECREF(arguments[1]);
      Py_DECREF(arguments[2]);
      Py_DECREF(arguments[3]);
      value = to_int(result);
      keep(value);
    }
    expect(value, 21);
  });
  operations.add("method", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      PyObject* arguments[] = {nullptr, thing, PyLong_FromLong(5)};
      const Owned result(PyObject_VectorcallMethod(name_m, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
      Py_DECREF(arguments[2]);
      value = to_int(result);
      keep(value);
    }
    expect(value, 1005);
  });
  operations.add("getattr", [&](Run& run) {
    expect(PyObject_SetAttrString(thing, "value", number) == 0);
    int value = 0;
    for (auto _ : run) {
      const Owned result(PyObject_GetAttr(thing, name_value));
      value = to_int(result);
      keep(value);
    }
    expect(value, 123456);
  });
  operations.add("setattr", [&](Run& run) {
    for (auto _ : run) {
      const Owned value(PyLong_FromLong(5));
      check(PyObject_SetAttr(thing, name_value, value));
    }
    expect(to_int(Owned(PyObject_GetAttr(thing, name_value))), 5);
  });
  operations.add("call_by_name", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      PyObject* module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name_bench);  // borrowed
      const Owned function(module ? PyObject_GetAttr(module, name_f) : nullptr);
      PyObject* arguments[] = {nullptr, PyLong_FromLong(1), PyLong_FromLong(2)};
      const Owned result(PyObject_Vectorcall(function, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
      Py_DECREF(arguments[1]);
      Py_DECREF(arguments[2]);
      value = to_int(result);
      keep(value);
    }
    expect(value, 3);
  });
  operations.add("call_by_name_imp", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      const Owned module(PyImport_ImportModule("bench"));
      const Owned function(PyObject_GetAttr(module, name_f));
      PyObject* arguments[] = {nullptr, PyLong_FromLong(1), PyLong_FromLong(2)};
      const Owned result(PyObject_Vectorcall(function, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
      Py_DECREF(arguments[1]);
      Py_DECREF(arguments[2]);
      value = to_int(result);
      keep(value);
    }
    expect(value, 3);
  });
  operations.add("int_rt", [&](Run& run) {
    int value = 123456;
    for (auto _ : run) {
      const Owned object(PyLong_FromLong(value));
      value = to_int(object);
      keep(value);
    }
    expect(value, 123456);
  });
  for (const auto& [op, text] : {std::pair("str_rt_short", &benchmark::short_text), std::pair("str_rt_1k", &benchmark::long_text)})
    operations.add(op, [text = text](Run& run) {
      std::string value;
      for (auto _ : run) {
        const Owned object(from_string(*text));
        value = to_string(object);
        keep(value);
      }
      expect(value, *text);
    });
  operations.add("str_to_py_short", [&](Run& run) {
    PyObject* last = nullptr;
    for (auto _ : run) {
      Py_XDECREF(last);
      last = from_string(benchmark::short_text);
      if (!last) Owned::fail();
    }
    expect(to_string(Owned(last)), benchmark::short_text);
  });
  for (const auto& [op, object] : {std::pair("str_from_py_short", short_str.ptr), std::pair("str_from_py_1k", long_str.ptr)})
    operations.add(op, [object = object](Run& run) {
      for (auto _ : run) {
        const std::string value = to_string(object);
        keep(value);
      }
      expect(static_cast<Py_ssize_t>(to_string(object).size()), PyUnicode_GET_LENGTH(object));
    });
  for (const auto& [op, count] : {std::pair("vd1000_to", 1000), std::pair("vd1e6_to", 1000000)})
    operations.add(op, [count = count](Run& run) {
      const std::vector<double> values = benchmark::doubles(static_cast<std::size_t>(count));
      Py_ssize_t size = 0;
      for (auto _ : run) {
        const Owned list(from_doubles(values));
        size += PyList_GET_SIZE(list.ptr);
      }
      expect(size % count == 0 && to_doubles(Owned(from_doubles(values))) == values);
    });
  for (const auto& [op, list] : {std::pair("vd1000_from", floats.ptr), std::pair("vd1e6_from", floats_1e6.ptr)})
    operations.add(op, [list = list](Run& run) {
      for (auto _ : run) {
        const std::vector<double> values = to_doubles(list);
        keep(values);
      }
      expect(to_doubles(list), benchmark::doubles(static_cast<std::size_t>(PyList_GET_SIZE(list))));
    });
  const auto from_strings = [](const std::vector<std::string>& values) {
    PyObject* list = PyList_New(static_cast<Py_ssize_t>(values.size()));
    if (!list) return list;
    for (std::size_t i = 0; i < values.size(); ++i) {
      PyObject* item = from_string(values[i]);
      if (!item) {
        Py_DECREF(list);
        return item;
      }
      PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), item);
    }
    return list;
  };
  const auto to_strings = [](PyObject* list) {
    if (!PyList_Check(list)) throw std::runtime_error("no list");
    std::vector<std::string> values;
    values.reserve(static_cast<std::size_t>(PyList_GET_SIZE(list)));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
      const char* text;
      Py_ssize_t size;
      if (!to_text(PyList_GET_ITEM(list, i), text, size)) Owned::fail();
      values.emplace_back(text, static_cast<std::size_t>(size));
    }
    return values;
  };
  operations.add("vs1000_to", [&](Run& run) {
    const std::vector<std::string> values = benchmark::strings();
    for (auto _ : run) {
      const Owned list(from_strings(values));
      keep(list);
    }
    expect(to_strings(Owned(from_strings(values))), values);
  });
  operations.add("vs1000_from", [&](Run& run) {
    for (auto _ : run) {
      const std::vector<std::string> values = to_strings(string_list);
      keep(values);
    }
    expect(to_strings(string_list), benchmark::strings());
  });
  const auto from_table = [](const std::map<std::string, int>& values) {
    PyObject* made = PyDict_New();
    for (const auto& [key, value] : values) {
      const Owned k(from_string(key)), v(PyLong_FromLong(value));
      check(PyDict_SetItem(made, k, v));
    }
    return made;
  };
  const auto to_table = [](PyObject* from) {
    std::map<std::string, int> values;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(from, &at, &key, &value)) values.emplace(to_string(key), to_int(value));
    return values;
  };
  operations.add("map1000_to", [&](Run& run) {
    const std::map<std::string, int> values = benchmark::table();
    for (auto _ : run) {
      const Owned made(from_table(values));
      keep(made);
    }
    expect(to_table(Owned(from_table(values))), values);
  });
  operations.add("map1000_from", [&](Run& run) {
    for (auto _ : run) {
      const std::map<std::string, int> values = to_table(dict);
      keep(values);
    }
    expect(to_table(dict), benchmark::table());
  });
  operations.add("iter1000", [&](Run& run) {
    int sum = 0;
    for (auto _ : run) {
      sum = 0;
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(integers.ptr); ++i) sum += to_int(PyList_GET_ITEM(integers.ptr, i));
      keep(sum);
    }
    expect(sum, 499500);
  });
  operations.add("cb_loop_empty", [&](Run& run) { expect(to_int(Owned(loop("loop_empty", nullptr, run))), 999); });
  operations.add("cb_python_fn", [&](Run& run) { expect(to_int(Owned(loop("loop_python", nullptr, run))), 1001); });
  operations.add("cb_ii", [&](Run& run) {
    const Owned function(PyCFunction_New(&add_def, nullptr));
    expect(to_int(Owned(loop("loop_ii", function, run))), 1001);
  });
  operations.add("cb_str", [&](Run& run) {
    const Owned function(PyCFunction_New(&exclaim_def, nullptr));
    expect(to_string(Owned(loop("loop_str", function, run))) == "hello world!");
  });
  operations.add("cb_method", [&](Run& run) {
    benchmark::Counter counter;
    const Owned type(PyType_FromSpec(&counter_spec));
    const Owned object(PyObject_CallNoArgs(type));
    reinterpret_cast<CounterObject*>(object.ptr)->counter = &counter;
    const int last = to_int(Owned(loop("loop_method", object, run)));
    expect(last != 0 && last == counter.sum);
  });
  operations.add("stdfunction_py", [&](Run& run) {
    const std::function<int(int, int)> function = Function{f};
    int value = 0;
    for (auto _ : run) {
      value = function(3, 4);
      keep(value);
    }
    expect(value, 7);
  });
  operations.add("gil_held", [&](Run& run) {
    for (auto _ : run) PyGILState_Release(PyGILState_Ensure());
    expect(PyGILState_Check() == 1);
  });
  operations.add("gil_release", [&](Run& run) {
    for (auto _ : run) {
      Py_BEGIN_ALLOW_THREADS
      Py_END_ALLOW_THREADS
    }
    expect(PyGILState_Check() == 1);
  });
  operations.add("gil_unheld", [&](Run& run) {
    Py_BEGIN_ALLOW_THREADS
    for (auto _ : run) PyGILState_Release(PyGILState_Ensure());
    Py_END_ALLOW_THREADS
    expect(PyGILState_Check() == 1);
  });
  operations.add("gil_thread", [&](Run& run) {
    Py_BEGIN_ALLOW_THREADS
    std::thread([&] {
      for (auto _ : run) PyGILState_Release(PyGILState_Ensure());
    }).join();
    Py_END_ALLOW_THREADS
    expect(PyGILState_Check() == 1);
  });
  const auto open = [](PyObject* exporter, Py_buffer& view) {
    check(PyObject_GetBuffer(exporter, &view, PyBUF_ND | PyBUF_FORMAT));
    if (view.itemsize != sizeof(double) || !view.format || strcmp(view.format, "d") != 0) throw std::runtime_error("no doubles");
  };
  operations.add("buf_view", [&](Run& run) {
    double last = 0;
    for (auto _ : run) {
      Py_buffer view;
      open(array, view);
      last = static_cast<const double*>(view.buf)[view.shape[0] - 1];
      keep(last);
      PyBuffer_Release(&view);
    }
    expect(last == 999999 * 0.5);
  });
  operations.add("buf_copy_1e6", [&](Run& run) {
    std::vector<double> values(1000000);
    for (auto _ : run) {
      Py_buffer view;
      open(array, view);
      const double* first = static_cast<const double*>(view.buf);
      values.assign(first, first + view.shape[0]);
      PyBuffer_Release(&view);
    }
    expect(values, benchmark::doubles(1000000));
  });
  operations.add("exc_nothrow", [&](Run& run) {
    bool seen = true;
    for (auto _ : run) {
      PyObject* result = PyObject_CallNoArgs(fail);
      seen &= !result && PyErr_ExceptionMatches(PyExc_ValueError);
      PyErr_Clear();
    }
    expect(seen);
  });
  operations.add("exc_catch", [&](Run& run) {
    bool seen = true;
    for (auto _ : run) {
      try {
        if (!PyObject_CallNoArgs(fail)) throw Error();
        seen = false;
      } catch (const Error& error) {
        seen &= error.matches(PyExc_ValueError);
      }
    }
    expect(seen);
  });
  operations.add("exc_what", [&](Run& run) {
    std::string text;
    for (auto _ : run) {
      try {
        if (!PyObject_CallNoArgs(fail)) throw Error();
      } catch (const Error& error) {
        text = error.what();
      }
    }
    expect(text == "ValueError: the value is wrong");
  });
  operations.add("eval_1p2", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      const Owned result(PyRun_String("1+2", Py_eval_input, main_globals, main_globals));
      value = to_int(result);
    }
    expect(value, 3);
  });
  operations.add("run_line", [&](Run& run) {
    for (auto _ : run) Owned(PyRun_String("x = 1", Py_file_input, main_globals, main_globals));
    expect(to_int(PyDict_GetItemString(main_globals, "x")), 1);
  });
  operations.add("eval_cached", [&](Run& run) {
    const Owned code(Py_CompileString("1+2", "<benchmark>", Py_eval_input));
    int value = 0;
    for (auto _ : run) {
      const Owned result(PyEval_EvalCode(code, main_globals, main_globals));
      value = to_int(result);
    }
    expect(value, 3);
  });
  operations.add("run_cached", [&](Run& run) {
    const Owned code(Py_CompileString("x = 2", "<benchmark>", Py_file_input));
    for (auto _ : run) Owned(PyEval_EvalCode(code, main_globals, main_globals));
    expect(to_int(PyDict_GetItemString(main_globals, "x")), 2);
  });
  return operations.main(argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  return benchmark::guarded([&] {
    Py_InitializeEx(0);
    if (argc == 2 && std::string(argv[1]) == "--about") {
      std::printf("Python.h %s, CPython %s\n", PY_VERSION, Py_GetVersion());
      return 0;
    }
    const int result = compare(argc, argv);
    return Py_FinalizeEx() == 0 ? result : 1;
  });
}
