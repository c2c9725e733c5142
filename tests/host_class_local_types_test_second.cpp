// tests/host_class_local_types_test_second.cpp: the second file of host_class_local_types_test.cpp.
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>

namespace py = latepy;

namespace {

struct Animal {
  virtual ~Animal() = default;
  virtual std::string noise() const { return "second"; }
  int number = 2;
};
struct Dog : Animal {
  std::string noise() const override { return "second dog"; }
  std::string more = "more";
};

}  // namespace

static void local_type() {
  struct Local {
    std::string y = "y";
  };
  py::module("second").add_class<Local>("Local").init<>().def("y", &Local::y);
}

void define_second(py::Module m);
void define_second(py::Module m) {
  m.add_class<Animal>("Animal").init<>().def("noise", &Animal::noise).def("number", &Animal::number);
  m.add_class<Dog, Animal>("Dog").init<>();
  m.def("dog", []() -> std::unique_ptr<Animal> { return std::make_unique<Dog>(); });
  m.def("noise_of", [](const Animal& animal) { return animal.noise(); });
  local_type();
}
