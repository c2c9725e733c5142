// Tests of latepy/host/class.hpp: bound classes and their objects at the end of Python, and in its next life.
// SPDX-License-Identifier: MIT
#include "in_child.hpp"

#ifndef _WIN32

#include <latepy/stl/vector.hpp>

#include <thread>

namespace {

struct Base {
  virtual ~Base() { --alive; }
  Base() { ++alive; }
  Base(const Base& other) : number(other.number) { ++alive; }
  Base& operator=(const Base&) = default;
  virtual std::string name() const { return "base"; }
  int number = 1;
  static int alive;
};
int Base::alive = 0;
struct ScriptedBase : py::Trampoline<Base> {
  using Trampoline::Trampoline;
  std::string name() const override {
    return override_or("name", [&] { return Base::name(); });
  }
};
struct Derived : Base {
  py::Object held;
  Base part;
};
enum class Color { red, blue };
struct Bytes {
  std::vector<unsigned char> bytes = std::vector<unsigned char>(3);
};

py::Config restartable() {
  py::Config config;
  config.allow_restart = true;
  return config;
}
void define() {
  py::Module m = py::module("host");
  m.add_class<Base, ScriptedBase>("Base").init<>().def("name", &Base::name).def("number", &Base::number);
  m.add_class<Derived, Base>("Derived", py::dynamic_attributes)
      .init<>()
      .def("held", &Derived::held)
      .def("part", &Derived::part);
  m.add_class<Bytes>("Bytes", py::buffer_protocol).init<>().buffer([](Bytes& b) {
    py::BufferInfo info;
    info.data = b.bytes.data();
    info.shape = {3};
    return info;
  });
  m.add_enum<Color>("Color", {{"red", Color::red}, {"blue", Color::blue}});
  m.def("color", [] { return Color::blue; });
  m.def("name_of", [](const Base& base) { return base.name(); });
}

}  // namespace

TEST_CASE("all kinds of classes are made again in each life") {
  in_child([] {
    for (int life = 0; life < 5; ++life) {
      py::Interpreter python(restartable());
      EXPECT_THROWN(py::ConversionError, py::to_py(Base()));
      define();
      EXPECT_THROWN(py::StateError, py::module("host").add_class<Base>("Again"));
      EXPECT_THROWN(py::StateError, py::module("host").add_enum<Color>("Again", {}));
      python.exec(
          "from host import *\n"
          "class P(Base):\n  def name(self): return 'p' + super().name()\n"
          "assert name_of(P()) == 'pbase' and name_of(Derived()) == 'base' and color() is Color.blue\n"
          "d = Derived(); d.held = d; d.x = d\nassert d.part.number == 1 and bytes(Bytes()) == bytes(3)\n"
          "p = P(); p.me = p; view = memoryview(Bytes()); part = Derived().part");
      EXPECT(Base::alive == 5);  // d, p and the Derived of `part`, with the parts of two
    }
    EXPECT(Base::alive == 0);  // what Python owned went with it, circles too
  });
}

TEST_CASE("C++ objects outlive Python, and handles outlive the C++ objects") {
  in_child([] {
    std::shared_ptr<Base> shared, scripted, part;
    std::unique_ptr<Base> taken;
    std::optional<py::Borrowed<Base>> borrowed;
    std::vector<py::Object> objects;
    Base mine;
    {
      py::Interpreter python(restartable());
      define();
      python.exec(
          "from host import *\n"
          "class P(Base):\n  def name(self): return 'p'\n"
          "p = P()\nd = Derived(); d.held = [d]");
      shared = python.eval("Base()").as<std::shared_ptr<Base>>();
      scripted = python.eval("p").as<std::shared_ptr<Base>>();
      part = python.eval("d.part").as<std::shared_ptr<Base>>();
      taken = python.eval("Derived()").as<std::unique_ptr<Base>>();
      borrowed.emplace(mine);
      python["lent"] = *borrowed;
      objects = {python.eval("p"), python.eval("d"), python.eval("Base"), borrowed->object()};
      EXPECT(scripted->name() == "p");
      EXPECT(static_cast<Derived&>(*taken).held.is_empty());
    }
    EXPECT(shared->name() == "base");
    EXPECT(scripted->name() == "base");  // its Python part is gone
    EXPECT(part->number == 1);
    EXPECT(taken->name() == "base");
    for (const py::Object& object : objects) EXPECT_THROWN(py::StateError, object.as<Base&>());
    EXPECT_THROWN(py::StateError, py::to_py(mine));
    EXPECT_THROWN(py::StateError, py::Borrowed<Base>{mine});
    borrowed.reset();
    std::thread([&] { taken.reset(); }).join();
    shared.reset();
    {
      py::Interpreter python(restartable());
      EXPECT(scripted->name() == "base");
      EXPECT_THROWN(py::ConversionError, py::to_py(scripted));  // no class yet
      define();
      EXPECT(py::to_py(scripted).attr("name")().as<std::string>() == "base");
      EXPECT_THROWN(py::StateError, objects[0].as<Base&>());
      scripted.reset();
      part.reset();
      objects.clear();
    }
    std::_Exit(0);  // what was kept beyond its Python is never freed
  });
}

TEST_CASE("objects work in atexit functions and in __del__ at the end") {
  const std::string output = in_child([] {
    {
      py::Interpreter python(restartable());
      define();
      python.exec(
          "import atexit, host\n"
          "class P(host.Base):\n"
          "  def name(self): return 'p'\n"
          "  def __del__(self, name_of=host.name_of, print=print): print('end of', self.number, name_of(self))\n"
          "kept = P(); kept.number = 5\n"
          "ring = P(); ring.number = 6; ring.me = ring\n"
          "d = host.Derived(); d.held = P()\n"
          "atexit.register(lambda: print('at exit', host.name_of(kept), host.Derived().part.number))");
    }
    EXPECT(Base::alive == 0);
  });
  CHECK_THAT(output, ContainsSubstring("at exit p 1"));
  CHECK_THAT(output, ContainsSubstring("end of 5 p"));
  CHECK_THAT(output, ContainsSubstring("end of 6 p"));
  CHECK_THAT(output, ContainsSubstring("end of 1 p"));
}

TEST_CASE("a Borrowed on a thread ends while Python stops, or after it") {
  in_child([] {
    Base mine;
    std::atomic<bool> lent{false}, stopped{false};
    std::thread other;
    {
      py::Interpreter python(restartable());
      define();
      other = std::thread([&] {
        std::optional<py::Borrowed<Base>> borrowed;
        {
          const py::GilGuard gil;
          borrowed.emplace(mine);
        }
        lent = true;
        while (!stopped) std::this_thread::yield();
      });
      const py::GilRelease others;
      while (!lent) std::this_thread::yield();
    }
    stopped = true;
    other.join();
    EXPECT(mine.number == 1);
    std::_Exit(0);  // what was lent beyond its Python is never freed
  });
}

#endif
