// tests/benchmark/pybind11.cpp: the contender that uses pybind11, as its manual teaches.
// SPDX-License-Identifier: MIT
#include <pybind11/embed.h>
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <thread>

#include "harness.hpp"

namespace py = pybind11;
using namespace py::literals;
using benchmark::expect;
using benchmark::keep;
using benchmark::Run;

PYBIND11_EMBEDDED_MODULE(host, module) {
  module.def("add", [](int a, int b) { return a + b; });
  module.def("exclaim", [](std::string text) {
    text += '!';
    return text;
  });
  py::class_<benchmark::Counter>(module, "Counter").def(py::init<>()).def("add", &benchmark::Counter::add);
}

namespace {

int compare(int argc, char** argv) {
  py::exec(benchmark::script);
  const py::object bench = py::module_::import("bench"), host = py::module_::import("host");
  const py::object f = bench.attr("f"), g = bench.attr("g"), thing = bench.attr("thing"), fail = bench.attr("fail"),
                   number = bench.attr("number"), short_str = bench.attr("short"), long_str = bench.attr("long"),
                   floats = bench.attr("floats"), floats_1e6 = bench.attr("floats_1e6"), strings = bench.attr("strings"),
                   table = bench.attr("table"), integers = bench.attr("integers"), array = bench.attr("array_1e6");
  const auto loop = [&](const char* of_bench, Run& run, auto&... argument) {
    const py::object function = bench.attr(of_bench);
    py::object last;
    run.each_does(1000);
    for (auto _ : run) last = function(argument...);
    return last;
  };

  benchmark::Operations operations;
  operations.add("call_ii", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = f(3, 4).cast<int>();
      keep(value);
    }
    expect(value, 7);
  });
  operations.add("call_3_kw", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = g(3, "hello world", "k"_a = 7).cast<int>();
      keep(value);
    }
    expect(value, 21);
  });
  operations.add("method", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = thing.attr("m")(5).cast<int>();
      keep(value);
    }
    expect(value, 1005);
  });
  operations.add("getattr", [&](Run& run) {
    thing.attr("value") = number;
    int value = 0;
    for (auto _ : run) {
      value = thing.attr("value").cast<int>();
      keep(value);
    }
    expect(value, 123456);
  });
  operations.add("setattr", [&](Run& run) {
    for (auto _ : run) thing.attr("value") = 5;
    expect(thing.attr("value").cast<int>(), 5);
  });
  operations.add("call_by_name", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = py::module_::import("bench").attr("f")(1, 2).cast<int>();
      keep(value);
    }
    expect(value, 3);
  });
  operations.add("int_rt", [&](Run& run) {
    int value = 123456;
    for (auto _ : run) {
      value = py::cast(value).cast<int>();
      keep(value);
    }
    expect(value, 123456);
  });
  for (const auto& [op, text] : {std::pair("str_rt_short", &benchmark::short_text), std::pair("str_rt_1k", &benchmark::long_text)})
    operations.add(op, [text = text](Run& run) {
      std::string value;
      for (auto _ : run) {
        value = py::cast(*text).cast<std::string>();
        keep(value);
      }
      expect(value, *text);
    });
  operations.add("str_to_py_short", [&](Run& run) {
    py::object last;
    for (auto _ : run) last = py::cast(benchmark::short_text);
    expect(last.cast<std::string>(), benchmark::short_text);
  });
  for (const auto& [op, object] : {std::pair("str_from_py_short", &short_str), std::pair("str_from_py_1k", &long_str)})
    operations.add(op, [object = object](Run& run) {
      for (auto _ : run) {
        const std::string value = object->cast<std::string>();
        keep(value);
      }
      expect(object->cast<std::string>().size(), py::len(*object));
    });
  for (const auto& [op, count] : {std::pair("vd1000_to", 1000), std::pair("vd1e6_to", 1000000)})
    operations.add(op, [count = count](Run& run) {
      const std::vector<double> values = benchmark::doubles(static_cast<std::size_t>(count));
      for (auto _ : run) keep(py::cast(values));
      expect(py::cast(values).cast<std::vector<double>>(), values);
    });
  for (const auto& [op, list] : {std::pair("vd1000_from", &floats), std::pair("vd1e6_from", &floats_1e6)})
    operations.add(op, [list = list](Run& run) {
      for (auto _ : run) keep(list->cast<std::vector<double>>());
      expect(list->cast<std::vector<double>>(), benchmark::doubles(py::len(*list)));
    });
  operations.add("vs1000_to", [&](Run& run) {
    const std::vector<std::string> values = benchmark::strings();
    for (auto _ : run) keep(py::cast(values));
    expect(py::cast(values).cast<std::vector<std::string>>(), values);
  });
  operations.add("vs1000_from", [&](Run& run) {
    for (auto _ : run) keep(strings.cast<std::vector<std::string>>());
    expect(strings.cast<std::vector<std::string>>(), benchmark::strings());
  });
  operations.add("map1000_to", [&](Run& run) {
    const std::map<std::string, int> values = benchmark::table();
    for (auto _ : run) keep(py::cast(values));
    expect(py::cast(values).cast<std::map<std::string, int>>(), values);
  });
  operations.add("map1000_from", [&](Run& run) {
    for (auto _ : run) keep(table.cast<std::map<std::string, int>>());
    expect(table.cast<std::map<std::string, int>>(), benchmark::table());
  });
  operations.add("iter1000", [&](Run& run) {
    int sum = 0;
    for (auto _ : run) {
      sum = 0;
      for (const py::handle item : integers) sum += item.cast<int>();
      keep(sum);
    }
    expect(sum, 499500);
  });
  operations.add("cb_loop_empty", [&](Run& run) { expect(loop("loop_empty", run).cast<int>(), 999); });
  operations.add("cb_python_fn", [&](Run& run) { expect(loop("loop_python", run).cast<int>(), 1001); });
  operations.add("cb_ii", [&](Run& run) {
    const py::object function = host.attr("add");
    expect(loop("loop_ii", run, function).cast<int>(), 1001);
  });
  operations.add("cb_str", [&](Run& run) {
    const py::object function = host.attr("exclaim");
    expect(loop("loop_str", run, function).cast<std::string>() == "hello world!");
  });
  operations.add("cb_method", [&](Run& run) {
    const py::object object = host.attr("Counter")();
    const int last = loop("loop_method", run, object).cast<int>();
    expect(last != 0 && last == object.cast<benchmark::Counter&>().sum);
  });
  operations.add("stdfunction_py", [&](Run& run) {
    const auto function = f.cast<std::function<int(int, int)>>();
    int value = 0;
    for (auto _ : run) {
      value = function(3, 4);
      keep(value);
    }
    expect(value, 7);
  });
  operations.add("gil_held", [&](Run& run) {
    for (auto _ : run) const py::gil_scoped_acquire gil;
    expect(PyGILState_Check() == 1);
  });
  operations.add("gil_release", [&](Run& run) {
    for (auto _ : run) const py::gil_scoped_release released;
    expect(PyGILState_Check() == 1);
  });
  operations.add("gil_unheld", [&](Run& run) {
    {
      const py::gil_scoped_release released;
      for (auto _ : run) const py::gil_scoped_acquire gil;
    }
    expect(PyGILState_Check() == 1);
  });
  operations.add("gil_thread", [&](Run& run) {
    {
      const py::gil_scoped_release released;
      std::thread([&] {
        for (auto _ : run) const py::gil_scoped_acquire gil;
      }).join();
    }
    expect(PyGILState_Check() == 1);
  });
  const auto open = [&] {
    py::buffer_info info = array.cast<py::buffer>().request();
    if (info.format != py::format_descriptor<double>::format()) throw std::runtime_error("no doubles");
    return info;
  };
  operations.add("buf_view", [&](Run& run) {
    double last = 0;
    for (auto _ : run) {
      const py::buffer_info info = open();
      last = static_cast<const double*>(info.ptr)[info.size - 1];
      keep(last);
    }
    expect(last == 999999 * 0.5);
  });
  operations.add("buf_copy_1e6", [&](Run& run) {
    std::vector<double> values(1000000);
    for (auto _ : run) {
      const py::buffer_info info = open();
      const auto* first = static_cast<const double*>(info.ptr);
      values.assign(first, first + info.size);
    }
    expect(values, benchmark::doubles(1000000));
  });
  operations.add("exc_catch", [&](Run& run) {
    bool seen = true;
    for (auto _ : run) {
      try {
        fail();
        seen = false;
      } catch (py::error_already_set& error) {
        seen &= error.matches(PyExc_ValueError);
      }
    }
    expect(seen);
  });
  operations.add("exc_what", [&](Run& run) {
    std::string text;
    for (auto _ : run) {
      try {
        fail();
      } catch (const py::error_already_set& error) {
        text = error.what();
      }
    }
    expect(text.rfind("ValueError: the value is wrong", 0) == 0);
  });
  operations.add("eval_1p2", [&](Run& run) {
    int value = 0;
    for (auto _ : run) value = py::eval("1+2").cast<int>();
    expect(value, 3);
  });
  operations.add("run_line", [&](Run& run) {
    for (auto _ : run) py::exec("x = 1");
    expect(py::globals()["x"].cast<int>(), 1);
  });
  return operations.main(argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  return benchmark::guarded([&] {
    const py::scoped_interpreter python(false);
    if (argc == 2 && std::string(argv[1]) == "--about") {
      std::printf("pybind11 %d.%d, CPython %s\n", PYBIND11_VERSION_MAJOR, PYBIND11_VERSION_MINOR, Py_GetVersion());
      return 0;
    }
    return compare(argc, argv);
  });
}
