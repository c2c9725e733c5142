// tests/trampoline_test.cpp: C++ virtual functions overridden in Python.
// SPDX-License-Identifier: MIT
#include <thread>

#include "python.hpp"

namespace {

struct Target {
  int hits = 0;
};
struct Entity {
  explicit Entity(std::string its_name) : name(std::move(its_name)) {}
  Entity(const Entity&) = default;
  virtual ~Entity() { --alive; }
  virtual int update(int dt) { return dt + 1; }
  virtual std::string kind() const = 0;
  virtual void hit(Target& target, const std::string& how) { target.hits += static_cast<int>(how.size()); }
  int tick(int dt) { return update(dt) + update(dt); }  // not virtual: calls what is
  std::string name;
  static int alive;
};
int Entity::alive = 0;
struct ScriptedEntity : py::Trampoline<Entity> {
  explicit ScriptedEntity(std::string its_name) : Trampoline(std::move(its_name)) { ++alive; }
  int update(int dt) override {
    return override_or("update", [&] { return Entity::update(dt); }, dt);
  }
  std::string kind() const override { return override_pure<std::string>("kind"); }
  void hit(Target& target, const std::string& how) override {
    override_or("hit", [&] { Entity::hit(target, how); }, target, how);
  }
};
/// A class that can be made from C++ alone as well, with a Python object of its own or without.
struct Sound {
  virtual ~Sound() = default;
  virtual std::string noise() const { return "-"; }
};
struct ScriptedSound : py::Trampoline<Sound> {
  using Trampoline::Trampoline;
  std::string noise() const override {
    return override_or("noise", [] { return std::string("-"); });
  }
};

std::shared_ptr<Entity> kept;

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("game");
    m.add_class<Target>("Target").init<>().def("hits", &Target::hits);
    m.add_class<Entity, ScriptedEntity>("Entity")
        .init<std::string>("name"_a)
        .def("name", &Entity::name)
        .def("update", &Entity::update, "dt"_a)
        .def("kind", &Entity::kind)
        .def("hit", &Entity::hit)
        .def("tick", &Entity::tick);
    m.add_class<Sound, ScriptedSound>("Sound").init<>().def("noise", &Sound::noise);
    m.def("update", [](Entity& entity, int dt) { return entity.update(dt); });
    m.def("kind_of", [](const Entity& entity) { return entity.kind(); });
    m.def("noise_of", [](const Sound& sound) { return sound.noise(); });
    m.def("hit", [](Entity& entity, int times) {
      Target target;
      for (int i = 0; i < times; ++i) entity.hit(target, "ab");
      return target.hits;
    });
    m.def("keep", [](std::shared_ptr<Entity> entity) { kept = std::move(entity); });
    m.def("on_thread", [](Entity& entity) {
      int result = 0;
      std::thread([&] { result = entity.update(5); }).join();
      return result;
    }, py::release_gil);
    python().exec("from game import *\nimport game, gc, weakref");
    return true;
  }();
  static_cast<void>(made);
}

}  // namespace

TEST_CASE("C++ calls what the Python class overrides, and what it does not in C++") {
  host();
  python().exec(R"(
class Player(Entity):
  def kind(self): return 'player ' + self.name
  def update(self, dt): return super().update(dt) * 10
class Quiet(Player): pass
class Deep(Player):
  def update(self, dt): return super().update(dt) + 1
p = Player('p')
assert update(p, 1) == p.update(1) == 20 and kind_of(p) == p.kind() == 'player p'
assert p.tick(1) == 40                       # through a C++ method that is not virtual
assert update(Quiet('q'), 1) == 20 and update(Deep('d'), 1) == 21 and Deep('d').tick(1) == 42
assert Entity.update(p, 1) == 2              # the C++ one, by name
assert on_thread(p) == 60                    # from a thread of C++ that did not hold the GIL
assert noise_of(Sound()) == '-' and Sound().noise() == '-'
class Dog(Sound):
  def noise(self): return 'wau'
assert noise_of(Dog()) == 'wau'
)");
}

TEST_CASE("super() reaches C++ once: what C++ calls from there is overridden again") {
  host();
  python().exec(R"(
class Echo(Entity):
  depth = 0
  def kind(self): return 'echo'
  def update(self, dt):
    self.depth += 1
    return super().tick(dt) if self.depth == 1 else super().update(dt)
assert update(Echo('e'), 1) == 4
class Recursive(Entity):
  def kind(self): return 'r'
  def update(self, dt): return super().update(dt) if dt <= 0 else update(self, dt - 1) + 1
assert update(Recursive('r'), 50) == 51
)");
}

TEST_CASE("a pure virtual function has to be defined in Python") {
  host();
  CHECK(thrown<py::NotImplementedError>([] { python().exec("kind_of(Entity('e'))"); }).message() ==
        "kind() is pure virtual: a class made in Python has to define it");
  CHECK_THROWS_AS(python().exec("Entity('e').kind()"), py::NotImplementedError);
}

TEST_CASE("what an override raises or returns wrongly is an error in C++") {
  host();
  python().exec(R"(
class Bad(Entity):
  def kind(self): return 3
  def update(self, dt): raise KeyError(dt)
)");
  const py::Object bad = python().eval("Bad('b')");
  Entity& entity = bad.as<Entity&>();
  const auto error = thrown<py::KeyError>([&] { entity.update(7); });
  CHECK(error.message() == "7");
  CHECK_THAT(error.traceback(), ContainsSubstring("in update"));
  CHECK(thrown<py::ConversionError>([&] { entity.kind(); }).what() == std::string("cannot convert 'int' 3 to std::string"));
  CHECK_THROWS_AS(python().exec("try: update(Bad('b'), 1)\nexcept KeyError as e: raise"), py::KeyError);
}

TEST_CASE("objects of bound classes are lent to the override for the call") {
  host();
  python().exec(R"(
seen = []
class Collector(Entity):
  def kind(self): return 'c'
  def hit(self, target, how):
    seen.append(target)
    target.hits += 100
    super().hit(target, how)
assert hit(Collector('c'), 2) == 204
try: seen[0].hits
except ReferenceError: pass
else: assert False, 'the target outlived its call'
)");
}

TEST_CASE("Python owns the C++ object, and a shared_ptr keeps both") {
  host();
  python().exec("class P(Entity):\n  def kind(self): return self.what\np = P('p'); p.what = 'w'; r = weakref.ref(p)");
  const int before = Entity::alive;
  python().exec("keep(p)\ndel p\ngc.collect()\nassert r() is not None");
  CHECK(kept->kind() == "w");
  kept.reset();
  { const py::GilGuard drains; }
  python().exec("gc.collect()\nassert r() is None");
  CHECK(Entity::alive == before - 1);
  const py::Object p = python().eval("P('p')");
  CHECK_THROWS_AS(p.as<std::unique_ptr<Entity>>(), py::ConversionError);
  // A copy is a C++ object without a Python one.
  const ScriptedEntity copy(static_cast<ScriptedEntity&>(p.as<Entity&>()));
  ++Entity::alive;
  CHECK_THROWS_AS(copy.kind(), py::NotImplementedError);
}

TEST_CASE("overrides come and go with their classes") {
  host();
  python().exec(R"(
class Late(Sound): pass
sound = Late()
assert noise_of(sound) == '-'
Late.noise = lambda self: 'now'
assert noise_of(sound) == 'now'
del Late.noise
assert noise_of(sound) == '-'
for i in range(1500):
  with_one = type('A', (Sound,), {'noise': lambda self: 'a'})
  without = type('B', (Sound,), {})
  assert noise_of(with_one()) == 'a' and noise_of(without()) == '-'
)");
}

TEST_CASE("overrides leave nothing behind") {
  host();
  python().exec("class S(Sound):\n  def noise(self): return super().noise() + 's'\nclass H(Entity):\n  def kind(self): return 'h'\n  def hit(self, target, how): self.last = target");
  const py::Object work = python().eval("lambda: (noise_of(S()), hit(H('h'), 2), kind_of(H('h')))");
  CHECK_STEADY(work());
}
