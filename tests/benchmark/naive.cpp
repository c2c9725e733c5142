// tests/benchmark/naive.cpp: the contender written against Python.h as its tutorial does, by the functions that are short.
// SPDX-License-Identifier: MIT
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "harness.hpp"

namespace {

using benchmark::expect;
using benchmark::keep;
using benchmark::Run;

PyObject* check(PyObject* object) {
  if (object) return object;
  PyErr_Print();
  throw std::runtime_error("Python failed");
}
int take_int(PyObject* object) {
  const long value = PyLong_AsLong(check(object));
  Py_DECREF(object);
  return static_cast<int>(value);
}
std::string to_string(PyObject* object) {
  const char* text = PyUnicode_AsUTF8(object);
  if (!text) check(nullptr);
  return text;
}
PyObject* from_string(const std::string& text) { return check(PyUnicode_FromString(text.c_str())); }

PyObject* from_doubles(const std::vector<double>& values) {
  PyObject* list = check(PyList_New(0));
  for (const double value : values) {
    PyObject* item = check(PyFloat_FromDouble(value));
    PyList_Append(list, item);
    Py_DECREF(item);
  }
  return list;
}
std::vector<double> to_doubles(PyObject* list) {
  std::vector<double> values;
  for (Py_ssize_t i = 0; i < PySequence_Size(list); ++i) {
    PyObject* item = check(PySequence_GetItem(list, i));
    values.push_back(PyFloat_AsDouble(item));
    if (PyErr_Occurred()) check(nullptr);
    Py_DECREF(item);
  }
  return values;
}
PyObject* from_strings(const std::vector<std::string>& values) {
  PyObject* list = check(PyList_New(0));
  for (const std::string& value : values) {
    PyObject* item = from_string(value);
    PyList_Append(list, item);
    Py_DECREF(item);
  }
  return list;
}
std::vector<std::string> to_strings(PyObject* list) {
  std::vector<std::string> values;
  for (Py_ssize_t i = 0; i < PySequence_Size(list); ++i) {
    PyObject* item = check(PySequence_GetItem(list, i));
    values.push_back(to_string(item));
    Py_DECREF(item);
  }
  return values;
}
PyObject* from_table(const std::map<std::string, int>& values) {
  PyObject* dict = check(PyDict_New());
  for (const auto& [key, value] : values) {
    PyObject* number = check(PyLong_FromLong(value));
    PyDict_SetItemString(dict, key.c_str(), number);
    Py_DECREF(number);
  }
  return dict;
}
std::map<std::string, int> to_table(PyObject* dict) {
  std::map<std::string, int> values;
  PyObject* items = check(PyMapping_Items(dict));
  for (Py_ssize_t i = 0; i < PyList_Size(items); ++i) {
    PyObject* item = PyList_GetItem(items, i);
    values[to_string(PyTuple_GetItem(item, 0))] = static_cast<int>(PyLong_AsLong(PyTuple_GetItem(item, 1)));
  }
  Py_DECREF(items);
  return values;
}

PyObject* add(PyObject*, PyObject* arguments) {
  int a, b;
  if (!PyArg_ParseTuple(arguments, "ii", &a, &b)) return nullptr;
  return Py_BuildValue("i", a + b);
}
PyObject* exclaim(PyObject*, PyObject* arguments) {
  const char* text;
  if (!PyArg_ParseTuple(arguments, "s", &text)) return nullptr;
  return Py_BuildValue("s", (std::string(text) + '!').c_str());
}
PyMethodDef add_def = {"add", add, METH_VARARGS, nullptr};
PyMethodDef exclaim_def = {"exclaim", exclaim, METH_VARARGS, nullptr};

int compare(int argc, char** argv) {
  PyObject* const globals = PyModule_GetDict(PyImport_AddModule("__main__"));
  Py_DECREF(check(PyRun_String(benchmark::script, Py_file_input, globals, globals)));
  PyObject* const bench = check(PyImport_ImportModule("bench"));
  const auto get = [&](const char* name) { return check(PyObject_GetAttrString(bench, name)); };
  PyObject *const f = get("f"), *const g = get("g"), *const thing = get("thing"), *const fail = get("fail");
  const auto loop = [&](const char* name, PyObject* argument, Run& run) {
    PyObject* function = get(name);
    PyObject* last = nullptr;
    run.each_does(1000);
    for (auto _ : run) {
      Py_XDECREF(last);
      last = check(PyObject_CallFunction(function, "O", argument));
    }
    Py_DECREF(function);
    Py_DECREF(argument);
    return last;
  };

  benchmark::Operations operations;
  operations.add("call_ii", [&](Run& run) {
    int value = 0;
    for (auto _ : run) value = take_int(PyObject_CallFunction(f, "ii", 3, 4));
    expect(value, 7);
  });
  operations.add("call_3_kw", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      PyObject *arguments = check(Py_BuildValue("(is)", 3, "hello world")), *named = check(Py_BuildValue("{s:i}", "k", 7));
      value = take_int(PyObject_Call(g, arguments, named));
      Py_DECREF(arguments);
      Py_DECREF(named);
    }
    expect(value, 21);
  });
  operations.add("method", [&](Run& run) {
    int value = 0;
    for (auto _ : run) value = take_int(PyObject_CallMethod(thing, "m", "i", 5));
    expect(value, 1005);
  });
  operations.add("getattr", [&](Run& run) {
    PyObject* number = get("number");
    PyObject_SetAttrString(thing, "value", number);
    Py_DECREF(number);
    int value = 0;
    for (auto _ : run) value = take_int(PyObject_GetAttrString(thing, "value"));
    expect(value, 123456);
  });
  operations.add("setattr", [&](Run& run) {
    for (auto _ : run) {
      PyObject* value = check(PyLong_FromLong(5));
      if (PyObject_SetAttrString(thing, "value", value) != 0) check(nullptr);
      Py_DECREF(value);
    }
    expect(take_int(PyObject_GetAttrString(thing, "value")), 5);
  });
  operations.add("call_by_name", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      PyObject* module = check(PyImport_ImportModule("bench"));
      value = take_int(PyObject_CallMethod(module, "f", "ii", 1, 2));
      Py_DECREF(module);
    }
    expect(value, 3);
  });
  operations.add("int_rt", [&](Run& run) {
    int value = 123456;
    for (auto _ : run) {
      value = take_int(PyLong_FromLong(value));
      keep(value);
    }
    expect(value, 123456);
  });
  for (const auto& [op, text] : {std::pair("str_rt_short", &benchmark::short_text), std::pair("str_rt_1k", &benchmark::long_text)})
    operations.add(op, [text = text](Run& run) {
      std::string value;
      for (auto _ : run) {
        PyObject* object = from_string(*text);
        value = to_string(object);
        Py_DECREF(object);
      }
      expect(value, *text);
    });
  operations.add("str_to_py_short", [&](Run& run) {
    PyObject* last = nullptr;
    for (auto _ : run) {
      Py_XDECREF(last);
      last = from_string(benchmark::short_text);
    }
    expect(to_string(last), benchmark::short_text);
    Py_DECREF(last);
  });
  for (const auto& [op, of_bench] : {std::pair("str_from_py_short", "short"), std::pair("str_from_py_1k", "long")})
    operations.add(op, [&, of_bench = of_bench](Run& run) {
      PyObject* object = get(of_bench);
      for (auto _ : run) {
        const std::string value = to_string(object);
        keep(value);
      }
      expect(static_cast<Py_ssize_t>(to_string(object).size()), PyUnicode_GetLength(object));
      Py_DECREF(object);
    });
  for (const auto& [op, count] : {std::pair("vd1000_to", 1000), std::pair("vd1e6_to", 1000000)})
    operations.add(op, [count = count](Run& run) {
      const std::vector<double> values = benchmark::doubles(static_cast<std::size_t>(count));
      for (auto _ : run) Py_DECREF(from_doubles(values));
      PyObject* list = from_doubles(values);
      expect(to_doubles(list), values);
      Py_DECREF(list);
    });
  for (const auto& [op, of_bench] : {std::pair("vd1000_from", "floats"), std::pair("vd1e6_from", "floats_1e6")})
    operations.add(op, [&, of_bench = of_bench](Run& run) {
      PyObject* list = get(of_bench);
      for (auto _ : run) keep(to_doubles(list));
      expect(to_doubles(list), benchmark::doubles(static_cast<std::size_t>(PyList_Size(list))));
      Py_DECREF(list);
    });
  operations.add("vs1000_to", [&](Run& run) {
    const std::vector<std::string> values = benchmark::strings();
    for (auto _ : run) Py_DECREF(from_strings(values));
    PyObject* list = from_strings(values);
    expect(to_strings(list), values);
    Py_DECREF(list);
  });
  operations.add("vs1000_from", [&](Run& run) {
    PyObject* list = get("strings");
    for (auto _ : run) keep(to_strings(list));
    expect(to_strings(list), benchmark::strings());
    Py_DECREF(list);
  });
  operations.add("map1000_to", [&](Run& run) {
    const std::map<std::string, int> values = benchmark::table();
    for (auto _ : run) Py_DECREF(from_table(values));
    PyObject* dict = from_table(values);
    expect(to_table(dict), values);
    Py_DECREF(dict);
  });
  operations.add("map1000_from", [&](Run& run) {
    PyObject* dict = get("table");
    for (auto _ : run) keep(to_table(dict));
    expect(to_table(dict), benchmark::table());
    Py_DECREF(dict);
  });
  operations.add("iter1000", [&](Run& run) {
    PyObject* list = get("integers");
    int sum = 0;
    for (auto _ : run) {
      sum = 0;
      PyObject* iterator = check(PyObject_GetIter(list));
      while (PyObject* item = PyIter_Next(iterator)) sum += take_int(item);
      Py_DECREF(iterator);
    }
    expect(sum, 499500);
    Py_DECREF(list);
  });
  operations.add("cb_ii", [&](Run& run) { expect(take_int(loop("loop_ii", PyCFunction_New(&add_def, nullptr), run)), 1001); });
  operations.add("cb_str", [&](Run& run) {
    PyObject* last = loop("loop_str", PyCFunction_New(&exclaim_def, nullptr), run);
    expect(to_string(last) == "hello world!");
    Py_DECREF(last);
  });
  operations.add("gil_held", [&](Run& run) {
    for (auto _ : run) PyGILState_Release(PyGILState_Ensure());
    expect(PyGILState_Check() == 1);
  });
  operations.add("buf_view", [&](Run& run) {
    PyObject* array = get("array_1e6");
    double last = 0;
    for (auto _ : run) {
      PyObject* memory = check(PyMemoryView_FromObject(array));
      const Py_buffer* view = PyMemoryView_GET_BUFFER(memory);
      if (std::string(view->format) != "d") throw std::runtime_error("no doubles");
      last = static_cast<const double*>(view->buf)[view->shape[0] - 1];
      Py_DECREF(memory);
    }
    expect(last == 999999 * 0.5);
    Py_DECREF(array);
  });
  operations.add("exc_what", [&](Run& run) {  // and no C++ exception
    std::string text;
    for (auto _ : run) {
      PyObject *type, *value, *traceback;
      if (PyObject_CallObject(fail, nullptr)) throw std::runtime_error("no error");
      PyErr_Fetch(&type, &value, &traceback);
      PyErr_NormalizeException(&type, &value, &traceback);
      PyObject* message = check(PyObject_Str(value));
      text = to_string(message);
      Py_DECREF(message);
      Py_XDECREF(type);
      Py_XDECREF(value);
      Py_XDECREF(traceback);
    }
    expect(text == "the value is wrong");
  });
  operations.add("eval_1p2", [&](Run& run) {
    int value = 0;
    for (auto _ : run) value = take_int(PyRun_String("1+2", Py_eval_input, globals, globals));
    expect(value, 3);
  });
  operations.add("run_line", [&](Run& run) {
    for (auto _ : run) expect(PyRun_SimpleString("x = 1") == 0);
    expect(static_cast<int>(PyLong_AsLong(PyDict_GetItemString(globals, "x"))), 1);
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
    return compare(argc, argv);
  });
}
