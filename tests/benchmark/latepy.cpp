// tests/benchmark/latepy.cpp: the contender that uses latepy, as its README teaches.
// SPDX-License-Identifier: MIT
#include <latepy/host/class.hpp>
#include <latepy/latepy.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/vector.hpp>

#include <optional>
#include <thread>

#include "harness.hpp"

namespace py = latepy;
using namespace py::literals;
using benchmark::expect;
using benchmark::keep;
using benchmark::Run;

namespace {

int compare(py::Interpreter& python, int argc, char** argv) {
  python.exec(benchmark::script);
  const py::Object bench = python.import_module("bench");
  const py::Object f = bench.attr("f"), g = bench.attr("g"), thing = bench.attr("thing"), fail = bench.attr("fail"),
                   number = bench.attr("number"), short_str = bench.attr("short"), long_str = bench.attr("long"),
                   floats = bench.attr("floats"), floats_1e6 = bench.attr("floats_1e6"),
                   strings = bench.attr("strings"), table = bench.attr("table"), integers = bench.attr("integers"),
                   array = bench.attr("array_1e6");
  const auto loop = [&](const char* of_bench, Run& run, auto&... argument) {
    const py::Object function = bench.attr(of_bench);
    py::Object last;
    run.each_does(1000);
    for (auto _ : run) last = function(argument...);
    return last;
  };

  benchmark::Operations operations;
  operations.add("call_ii", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = f.call<int>(3, 4);
      keep(value);
    }
    expect(value, 7);
  });
  operations.add("call_3_kw", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = g.call<int>(3, "hello world", "k"_a = 7);
      keep(value);
    }
    expect(value, 21);
  });
  operations.add("method", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = thing.attr("m")(5).as<int>();
      keep(value);
    }
    expect(value, 1005);
  });
  operations.add("getattr", [&](Run& run) {
    thing.attr("value") = number;
    int value = 0;
    for (auto _ : run) {
      value = thing.attr("value").as<int>();
      keep(value);
    }
    expect(value, 123456);
  });
  operations.add("setattr", [&](Run& run) {
    for (auto _ : run) thing.attr("value") = 5;
    expect(thing.attr("value").as<int>(), 5);
  });
  operations.add("call_by_name", [&](Run& run) {
    int value = 0;
    for (auto _ : run) {
      value = python.call<int>("bench", "f", 1, 2);
      keep(value);
    }
    expect(value, 3);
  });
  operations.add("int_rt", [&](Run& run) {
    int value = 123456;
    for (auto _ : run) {
      value = py::to_py(value).as<int>();
      keep(value);
    }
    expect(value, 123456);
  });
  for (const auto& [op, text] :
       {std::pair("str_rt_short", &benchmark::short_text), std::pair("str_rt_1k", &benchmark::long_text)})
    operations.add(op, [text = text](Run& run) {
      std::string value;
      for (auto _ : run) {
        value = py::to_py(*text).as<std::string>();
        keep(value);
      }
      expect(value, *text);
    });
  operations.add("str_to_py_short", [&](Run& run) {
    py::Object last;
    for (auto _ : run) last = py::to_py(benchmark::short_text);
    expect(last.as<std::string>(), benchmark::short_text);
  });
  for (const auto& [op, object] : {std::pair("str_from_py_short", &short_str), std::pair("str_from_py_1k", &long_str)})
    operations.add(op, [object = object](Run& run) {
      for (auto _ : run) {
        const std::string value = object->as<std::string>();
        keep(value);
      }
      expect(object->as<std::string>().size(), py::len(*object));
    });
  for (const auto& [op, count] : {std::pair("vd1000_to", 1000), std::pair("vd1e6_to", 1000000)})
    operations.add(op, [count = count](Run& run) {
      const std::vector<double> values = benchmark::doubles(static_cast<std::size_t>(count));
      for (auto _ : run) keep(py::to_py(values));
      expect(py::to_py(values).as<std::vector<double>>(), values);
    });
  for (const auto& [op, list] : {std::pair("vd1000_from", &floats), std::pair("vd1e6_from", &floats_1e6)})
    operations.add(op, [list = list](Run& run) {
      for (auto _ : run) keep(list->as<std::vector<double>>());
      expect(list->as<std::vector<double>>(), benchmark::doubles(py::len(*list)));
    });
  operations.add("vs1000_to", [&](Run& run) {
    const std::vector<std::string> values = benchmark::strings();
    for (auto _ : run) keep(py::to_py(values));
    expect(py::to_py(values).as<std::vector<std::string>>(), values);
  });
  operations.add("vs1000_from", [&](Run& run) {
    for (auto _ : run) keep(strings.as<std::vector<std::string>>());
    expect(strings.as<std::vector<std::string>>(), benchmark::strings());
  });
  operations.add("map1000_to", [&](Run& run) {
    const std::map<std::string, int> values = benchmark::table();
    for (auto _ : run) keep(py::to_py(values));
    expect(py::to_py(values).as<std::map<std::string, int>>(), values);
  });
  operations.add("map1000_from", [&](Run& run) {
    for (auto _ : run) keep(table.as<std::map<std::string, int>>());
    expect(table.as<std::map<std::string, int>>(), benchmark::table());
  });
  operations.add("iter1000", [&](Run& run) {
    int sum = 0;
    for (auto _ : run) {
      sum = 0;
      for (const py::Object& item : integers) sum += item.as<int>();
      keep(sum);
    }
    expect(sum, 499500);
  });
  operations.add("cb_loop_empty", [&](Run& run) { expect(loop("loop_empty", run).as<int>(), 999); });
  operations.add("cb_python_fn", [&](Run& run) { expect(loop("loop_python", run).as<int>(), 1001); });
  operations.add("cb_ii", [&](Run& run) {
    bench.def("add", [](int a, int b) { return a + b; });
    const py::Object function = bench.attr("add");
    expect(loop("loop_ii", run, function).as<int>(), 1001);
  });
  operations.add("cb_str", [&](Run& run) {
    bench.def("exclaim", [](std::string text) {
      text += '!';
      return text;
    });
    const py::Object function = bench.attr("exclaim");
    expect(loop("loop_str", run, function).as<std::string>() == "hello world!");
  });
  python.add_class<benchmark::Counter>("Counter").init<>().def("add", &benchmark::Counter::add);
  operations.add("cb_method", [&](Run& run) {
    const py::Object object = python["Counter"]();
    const int last = loop("loop_method", run, object).as<int>();
    expect(last != 0 && last == object.as<benchmark::Counter&>().sum);
  });
  operations.add("stdfunction_py", [&](Run& run) {
    const auto function = f.as<std::function<int(int, int)>>();
    int value = 0;
    for (auto _ : run) {
      value = function(3, 4);
      keep(value);
    }
    expect(value, 7);
  });
  operations.add("gil_held", [&](Run& run) {
    for (auto _ : run) const py::GilGuard gil;
    expect(number.as<int>(), 123456);
  });
  operations.add("gil_release", [&](Run& run) {
    for (auto _ : run) const py::GilRelease released;
    expect(number.as<int>(), 123456);
  });
  operations.add("gil_unheld", [&](Run& run) {
    {
      const py::GilRelease released;
      for (auto _ : run) const py::GilGuard gil;
    }
    expect(number.as<int>(), 123456);
  });
  operations.add("gil_thread", [&](Run& run) {
    {
      const py::GilRelease released;
      std::thread([&] {
        for (auto _ : run) const py::GilGuard gil;
      }).join();
    }
    expect(number.as<int>(), 123456);
  });
  operations.add("buf_view", [&](Run& run) {
    double last = 0;
    for (auto _ : run) {
      const py::Buffer<const double> items(array);
      last = items[items.size() - 1];
      keep(last);
    }
    expect(last == 999999 * 0.5);
  });
  operations.add("buf_copy_1e6", [&](Run& run) {
    std::vector<double> values(1000000);
    for (auto _ : run) {
      const py::Buffer<const double> items(array);
      values.assign(items.span().begin(), items.span().end());
    }
    expect(values, benchmark::doubles(1000000));
  });
  operations.add("exc_nothrow", [&](Run& run) {
    bool seen = true;
    for (auto _ : run) {
      const auto result = fail.try_call();
      seen &= !result && result.error().is("ValueError");
    }
    expect(seen);
  });
  operations.add("exc_catch", [&](Run& run) {
    bool seen = true;
    for (auto _ : run) {
      try {
        fail();
        seen = false;
      } catch (const py::ValueError&) {
      }
    }
    expect(seen);
  });
  operations.add("exc_what", [&](Run& run) {
    std::string text;
    for (auto _ : run) {
      try {
        fail();
      } catch (const py::ValueError& error) {
        text = error.what();
      }
    }
    expect(text.rfind("ValueError: the value is wrong", 0) == 0);
  });
  operations.add("eval_1p2", [&](Run& run) {
    int value = 0;
    for (auto _ : run) value = python.eval<int>("1+2");
    expect(value, 3);
  });
  operations.add("run_line", [&](Run& run) {
    for (auto _ : run) python.exec("x = 1");
    expect(python["x"].as<int>(), 1);
  });
  operations.add("eval_cached", [&](Run& run) {
    const py::Code code = python.compile("1+2", py::Mode::eval);
    const py::Object globals = python.globals();
    int value = 0;
    for (auto _ : run) value = code(globals).as<int>();
    expect(value, 3);
  });
  operations.add("run_cached", [&](Run& run) {
    const py::Code code = python.compile("x = 2");
    const py::Object globals = python.globals();
    for (auto _ : run) code(globals);
    expect(python["x"].as<int>(), 2);
  });
  if (const char* pythons = std::getenv("LATEPY_BENCHMARK_PYTHONS"))
    operations.add("locate_20", [pythons](Run& run) {
      py::Search search;
      search.root = search.program = pythons;
      search.environment = {std::string("PYENV_ROOT=") + pythons + "/pyenv"};
      search.own_environment = search.in_process = false;
      std::size_t found = 0;
      for (auto _ : run) found = py::locate(search).candidates().size();
      expect(found, std::size_t(20));
    });
  return operations.main(argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  return benchmark::guarded([&] {
    py::Interpreter python;
    if (argc == 2 && std::string(argv[1]) == "--about") {
      std::printf("latepy %d.%d.%d, CPython %s\n", LATEPY_VERSION_MAJOR, LATEPY_VERSION_MINOR, LATEPY_VERSION_PATCH,
                  python.version().c_str());
      return 0;
    }
    std::optional<py::SubInterpreter> other;
    if (std::getenv("LATEPY_BENCHMARK_BESIDE")) other.emplace();  // as with it, each use asks where the thread is
    return compare(python, argc, argv);
  });
}
