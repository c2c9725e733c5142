// tests/benchmark/app_latepy.cpp: the 200-line program, with latepy.
// SPDX-License-Identifier: MIT
#include <latepy/host/class.hpp>
#include <latepy/latepy.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/vector.hpp>

#include "app.hpp"

namespace py = latepy;
using namespace py::literals;

namespace {

void define(py::Interpreter& python, app::Findings& findings) {
  py::Module host = python.module("host");
  host.add_class<app::Item>("Item")
      .init([](std::string name, int quantity, double price) { return app::Item{std::move(name), quantity, price}; }, "name"_a,
            "quantity"_a = 0, "price"_a = 0.0)
      .def("name", &app::Item::name)
      .def("quantity", &app::Item::quantity)
      .def("price", &app::Item::price)
      .def("value", &app::Item::value)
      .def("__repr__", [](const app::Item& item) { return "Item(" + item.name + ")"; });
  host.add_class<app::Store>("Store")
      .init<std::string>("title"_a)
      .property("title", &app::Store::title, &app::Store::set_title)
      .def("add", &app::Store::add, "item"_a, "Puts an item into the store.")
      .def("find", &app::Store::find, "name"_a)
      .def("value", &app::Store::value)
      .def("names", &app::Store::names)
      .def("quantities", &app::Store::quantities)
      .def("__len__", &app::Store::size)
      .def("on_change", [](app::Store& store, std::function<void(std::string, int)> callback) { store.on_change = std::move(callback); });
  host.def("smooth", &app::smooth, "values"_a, "width"_a = 3, "A running mean.");
  host.def(
      "log",
      [&findings](std::string line, int level) {
        findings.line = std::move(line);
        findings.level = level;
      },
      "line"_a, "level"_a = 0);
}

void call(py::Interpreter& python, app::Findings& findings) {
  const py::Object store = python["store"];
  const py::Object total = python["total"];
  findings.total = total.call<double>(store);
  findings.discounted = total.call<double>(store, "discount"_a = 0.5);
  findings.average = python.call<double>("__main__", "average", std::vector<double>{1, 2, 3, 4});
  findings.names = store.as<app::Store&>().names();
  findings.ordered = python["order"].call<std::map<std::string, int>>(findings.names, 10, "urgent"_a = true);
  findings.smoothed = python["smoothed"].as<std::vector<double>>();
  findings.title = store.attr("title").as<std::string>();
  findings.missing = python["missing"].call<std::string>(store);
}

void plan(py::Interpreter& python, app::Findings& findings) {
  const py::Object plan = python["Plan"](std::vector<std::string>{"hammer", "saw", "nail"});
  try {
    while (true) findings.steps.push_back(plan.attr("advance")(1).as<std::string>());
  } catch (const py::ValueError& error) {
    findings.error = error.what();
  }
  plan.attr("done") = 0;
}

void inspect(py::Interpreter& python, app::Findings& findings) {
  const py::Object changes = python["changes"];
  for (const py::Object& change : changes) {
    ++findings.changes;
    findings.sum += change[1].as<int>();
  }
  const py::Object settings = python.eval("{'depth': 3, 'names': ['a', 'b'], 'ratio': 0.5}");
  if (settings.contains("depth") && settings["depth"].as<int>() != 3) throw std::runtime_error("depth");
  if (settings["names"][0].as<std::string>() != "a") throw std::runtime_error("names");
  if (py::len(settings["names"]) != 2) throw std::runtime_error("length");
  settings["ratio"] = 0.75;
  if (settings["ratio"].as<double>() != 0.75) throw std::runtime_error("ratio");
  if (python.eval<int>("len(store)") != 3) throw std::runtime_error("store");
  if (py::str(python["store"].attr("find")("saw")) != "Item(saw)") throw std::runtime_error("str");
}

}  // namespace

int main() {
  app::Findings findings;
  try {
    py::Interpreter python;
    define(python, findings);
    python.exec(app::script);
    call(python, findings);
    plan(python, findings);
    inspect(python, findings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return app::finish(findings);
}
