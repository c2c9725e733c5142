// tests/benchmark/app_pybind11.cpp: the 200-line program, with pybind11.
// SPDX-License-Identifier: MIT
#include <pybind11/embed.h>
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "app.hpp"

namespace py = pybind11;
using namespace py::literals;

namespace {

app::Findings* told = nullptr;

PYBIND11_EMBEDDED_MODULE(host, host) {
  py::class_<app::Item>(host, "Item")
      .def(py::init([](std::string name, int quantity, double price) { return app::Item{std::move(name), quantity, price}; }), "name"_a,
           "quantity"_a = 0, "price"_a = 0.0)
      .def_readwrite("name", &app::Item::name)
      .def_readwrite("quantity", &app::Item::quantity)
      .def_readwrite("price", &app::Item::price)
      .def("value", &app::Item::value)
      .def("__repr__", [](const app::Item& item) { return "Item(" + item.name + ")"; });
  py::class_<app::Store>(host, "Store")
      .def(py::init<std::string>(), "title"_a)
      .def_property("title", &app::Store::title, &app::Store::set_title)
      .def("add", &app::Store::add, "item"_a, "Puts an item into the store.")
      .def("find", &app::Store::find, "name"_a, py::return_value_policy::reference_internal)
      .def("value", &app::Store::value)
      .def("names", &app::Store::names)
      .def("quantities", &app::Store::quantities)
      .def("__len__", &app::Store::size)
      .def("on_change", [](app::Store& store, std::function<void(std::string, int)> callback) { store.on_change = std::move(callback); });
  host.def("smooth", &app::smooth, "values"_a, "width"_a = 3, "A running mean.");
  host.def(
      "log",
      [](std::string line, int level) {
        told->line = std::move(line);
        told->level = level;
      },
      "line"_a, "level"_a = 0);
}

void call(const py::dict& globals, app::Findings& findings) {
  const py::object store = globals["store"];
  const py::object total = globals["total"];
  findings.total = total(store).cast<double>();
  findings.discounted = total(store, "discount"_a = 0.5).cast<double>();
  findings.average = py::module_::import("__main__").attr("average")(std::vector<double>{1, 2, 3, 4}).cast<double>();
  findings.names = store.cast<app::Store&>().names();
  findings.ordered = globals["order"](findings.names, 10, "urgent"_a = true).cast<std::map<std::string, int>>();
  findings.smoothed = globals["smoothed"].cast<std::vector<double>>();
  findings.title = store.attr("title").cast<std::string>();
  findings.missing = globals["missing"](store).cast<std::string>();
}

void plan(const py::dict& globals, app::Findings& findings) {
  const py::object plan = globals["Plan"](std::vector<std::string>{"hammer", "saw", "nail"});
  try {
    while (true) findings.steps.push_back(plan.attr("advance")(1).cast<std::string>());
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_ValueError)) throw;
    findings.error = error.what();
  }
  plan.attr("done") = 0;
}

void inspect(const py::dict& globals, app::Findings& findings) {
  const py::object changes = globals["changes"];
  for (const py::handle change : changes) {
    ++findings.changes;
    findings.sum += change[py::int_(1)].cast<int>();
  }
  const py::object settings = py::eval("{'depth': 3, 'names': ['a', 'b'], 'ratio': 0.5}");
  if (settings.contains("depth") && settings["depth"].cast<int>() != 3) throw std::runtime_error("depth");
  if (settings["names"][py::int_(0)].cast<std::string>() != "a") throw std::runtime_error("names");
  if (py::len(settings["names"]) != 2) throw std::runtime_error("length");
  settings["ratio"] = 0.75;
  if (settings["ratio"].cast<double>() != 0.75) throw std::runtime_error("ratio");
  if (py::eval("len(store)").cast<int>() != 3) throw std::runtime_error("store");
  if (py::str(globals["store"].attr("find")("saw")).cast<std::string>() != "Item(saw)") throw std::runtime_error("str");
}

}  // namespace

int main() {
  app::Findings findings;
  told = &findings;
  try {
    const py::scoped_interpreter python(false);
    py::exec(app::script);
    const py::dict globals = py::globals();
    call(globals, findings);
    plan(globals, findings);
    inspect(globals, findings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return app::finish(findings);
}
