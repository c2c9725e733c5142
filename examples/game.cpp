// A game whose entities are C++ classes that scripts derive from: the world calls the scripts, and they call the world.
// run: game {examples}/game
#include <latepy/latepy.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace py = latepy;
using namespace py::literals;

struct Vec {
  double x = 0, y = 0;
  Vec operator+(const Vec& other) const { return {x + other.x, y + other.y}; }
  Vec operator*(double by) const { return {x * by, y * by}; }
};

enum class Team { none, red, blue };

/// What happens in one frame; lives only that long.
struct Event {
  std::string what;
  int strength = 0;
};

class Entity {
 public:
  explicit Entity(std::string its_name) : name(std::move(its_name)) {}
  virtual ~Entity() = default;
  virtual void update(double dt) { position = position + velocity * dt; }
  virtual void on_event(const Event&) {}

  std::string name;
  Team team = Team::none;
  Vec position, velocity;
};

/// Through this class Python's classes override Entity's virtual functions.
class ScriptedEntity : public py::Trampoline<Entity> {
 public:
  using Trampoline::Trampoline;
  void update(double dt) override {
    override_or(
        "update", [&] { Entity::update(dt); }, dt);
  }
  void on_event(const Event& event) override {
    override_or(
        "on_event", [&] { Entity::on_event(event); }, event);
  }
};

/// Owns the entities together with the scripts that use them.
class World {
 public:
  void add(std::shared_ptr<Entity> entity) { entities_.push_back(std::move(entity)); }
  std::shared_ptr<Entity> find(const std::string& name) const {
    for (const auto& entity : entities_)
      if (entity->name == name) return entity;
    return nullptr;
  }
  /// One frame. A script with a mistake loses its turn, not the game.
  void frame(double dt, const Event& event) {
    for (const auto& entity : entities_) {
      try {
        entity->on_event(event);
        entity->update(dt);
      } catch (const py::PythonError& error) {
        std::printf("%s: %s\n", entity->name.c_str(), error.what());
      }
      std::printf("%s is at (%g, %g)\n", entity->name.c_str(), entity->position.x, entity->position.y);
    }
  }

 private:
  std::vector<std::shared_ptr<Entity>> entities_;
};

/// The module that scripts import.
void define_module(World& world) {
  py::Module game = py::module("game");
  game.add_class<Vec>("Vec", "A place, or a direction.")
      .init<double, double>("x"_a = 0.0, "y"_a = 0.0)
      .def("x", &Vec::x)
      .def("y", &Vec::y)
      .def(py::self + py::self)
      .def(py::self * double());
  game.add_enum<Team>("Team", {{"none", Team::none}, {"red", Team::red}, {"blue", Team::blue}});
  game.add_class<Event>("Event").def("what", &Event::what).def("strength", &Event::strength, py::read_only);
  game.add_class<Entity, ScriptedEntity>("Entity")
      .init<std::string>("name"_a)
      .def("name", &Entity::name)
      .def("team", &Entity::team)
      .def("position", &Entity::position)
      .def("velocity", &Entity::velocity)
      .def("update", &Entity::update, "dt"_a, "Moves on by dt seconds.")
      .def("on_event", &Entity::on_event, "event"_a);
  game.def(
          "spawn", [&world](std::shared_ptr<Entity> entity) { world.add(std::move(entity)); }, "entity"_a)
      .def(
          "find", [&world](const std::string& name) { return world.find(name); }, "name"_a);
}

int main(int argc, char** argv) try {
  py::Interpreter python;
  World world;  // ends before Python: it holds what scripts made
  define_module(world);
  world.add(std::make_shared<Entity>("rock"));  // without a script
  python.run_file(std::string(argc > 1 ? argv[1] : "game") + "/level.py");

  const char* const events[] = {"calm", "storm", "calm"};
  for (const char* what : events) {
    std::printf("-- %s\n", what);
    world.frame(0.5, Event{what, 3});
  }
  // What C++ finds is what the script made, with everything the script put on it.
  std::printf("%s\n", py::str(py::to_py(world.find("bird")).attr("log")).c_str());
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
