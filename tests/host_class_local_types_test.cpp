// Tests of latepy/host/class.hpp: types that have one name in two files, and are two types; see
// host_class_local_types_test_second.cpp.
// SPDX-License-Identifier: MIT
#include "python.hpp"

void define_second(py::Module m);

namespace {

struct Animal {
  virtual ~Animal() = default;
  virtual std::string noise() const { return "first"; }
  std::string name = "animal of the first file";
};
struct Dog : Animal {
  std::string noise() const override { return "first dog"; }
};

}  // namespace

static py::Object local_type() {
  struct Local {
    int x = 1;
  };
  py::module("first").add_class<Local>("Local").init<>().def("x", &Local::x);
  return py::to_py(Local());
}

TEST_CASE("types of unnamed namespaces and static functions are known in their file only") {
  python();
  py::Module m = py::module("first");
  m.add_class<Animal>("Animal").init<>().def("noise", &Animal::noise).def("name", &Animal::name);
  m.add_class<Dog, Animal>("Dog").init<>();
  define_second(py::module("second"));
  m.def("dog", []() -> std::unique_ptr<Animal> { return std::make_unique<Dog>(); });
  m.def("noise_of", [](const Animal& animal) { return animal.noise(); });
  const py::Object local = local_type();
  python().exec(R"(
import first, second
assert first.Animal is not second.Animal and first.Animal().name == 'animal of the first file' and second.Animal().number == 2
assert type(first.dog()) is first.Dog and type(second.dog()) is second.Dog
assert first.noise_of(first.Dog()) == 'first dog' and second.noise_of(second.Dog()) == 'second dog'
for call in (lambda: first.noise_of(second.Dog()), lambda: second.noise_of(first.dog())):
  try: call()
  except TypeError as e: assert 'cannot convert' in str(e)
  else: assert False, 'an object was taken for another'
assert first.Local().x == 1 and second.Local().y == 'y'
)");
  CHECK(local.attr("x").as<int>() == 1);
}
