// Tests of latepy/host/class.hpp: pointers and references out of temporaries: they are given only where they lead.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/pair.hpp>
#include <latepy/stl/set.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

namespace {

struct Knob {
  Knob() { ++alive; }
  Knob(const Knob&) { ++alive; }
  Knob& operator=(const Knob&) = default;
  virtual ~Knob() { --alive; }
  static int alive;
};
int Knob::alive = 0;
struct FineKnob : Knob {};
struct Door {
  virtual ~Door() = default;
  virtual Knob& knob() { return own; }
  virtual Knob* spare() { return nullptr; }
  virtual std::vector<Knob*> all() { return {}; }
  Knob own;
};
struct ScriptedDoor : py::Trampoline<Door> {
  Knob& knob() override {
    return override_or("knob", [&]() -> Knob& { return Door::knob(); });
  }
  Knob* spare() override {
    return override_or("spare", [&] { return Door::spare(); });
  }
  std::vector<Knob*> all() override {
    return override_or("all", [&] { return Door::all(); });
  }
};

}  // namespace

namespace hinges {
struct Pair {
  Knob* left = nullptr;
  Knob* right = nullptr;
};
struct Size {
  double width = 0;
};
}  // namespace hinges
LATEPY_STRUCT(hinges::Pair, left, right)
LATEPY_STRUCT(hinges::Size, width)
static_assert(py::detail::has_pointers<hinges::Pair> && !py::detail::has_pointers<hinges::Size>);

namespace {

std::shared_ptr<Knob> of_cpp;

void host() {
  static const bool made = [] {
    py::Module doors = python().module("doors");
    doors.add_class<Knob>("Knob").init<>();
    doors.add_class<FineKnob, Knob>("FineKnob").init<>();
    doors.add_class<Door, ScriptedDoor>("Door")
        .init<>()
        .def("knob", &Door::knob)
        .def("spare", &Door::spare)
        .def("all", &Door::all)
        .def("own", &Door::own);
    of_cpp = std::make_shared<Knob>();
    doors.def("share", [] { return of_cpp; });
    doors.def("new_share", [] { return std::make_shared<Knob>(); });
    doors.def(
        "refer", []() -> Knob& { return *of_cpp; }, py::return_reference);
    doors.def(
        "of_door", [](Door& door) -> Knob& { return door.own; }, py::keep_alive<0, 1>());
    doors.def(
        "fasten", [](const py::Object& knob, const py::Object&) { return knob; }, py::keep_alive<1, 2>());
    python().exec(R"(
from doors import *
class Script:
  def __init__(self, knob): self.left = self.right = knob
  made = property(lambda self: Knob())
kept, door = FineKnob(), Door()
script = Script(kept)
)");
    return true;
  }();
  static_cast<void>(made);
}

/// Takes what `expression` gives out of temporaries in each way, and gives the texts of the errors, one a line.
void each_way(const std::string& expression, const std::function<void(const std::string&)>& check) {
  const auto in = [&](const char* before, const char* after) { return before + expression + after; };
  python().exec("def give(): return " + expression);
  const py::Object give = python()["give"];
  const auto way = [&](const char* name, auto&& take) {
    INFO(name << ": " << expression);
    std::string text;
    try {
      take();
    } catch (const py::Error& error) {
      text = error.what();
    }
    check(text);
  };
#define WAY(...) way(#__VA_ARGS__, [&] { static_cast<void>(__VA_ARGS__); })
  WAY(python().eval<Knob*>(expression));
  WAY(python().eval<const Knob*>(expression));
  WAY(python().eval<Knob&>(expression));
  WAY(python().eval<const Knob&>(expression));
  WAY(python().call<Knob*>("__main__", "give"));
  WAY(python().try_eval<Knob*>(expression).value());
  WAY(give.call<Knob*>());
  WAY(give.call<Knob&>());
  WAY(give.try_call<Knob*>().value());
  WAY(give().as<Knob*>());
  WAY(give().try_as<Knob*>().value_or(nullptr) ? 0 : throw py::StateError("nothing"));
  WAY(py::Function<Knob*()>(give)());
  WAY(py::Function<Knob&()>(give)());
  WAY(give.as<std::function<Knob*()>>()());
  WAY(give.as<std::function<Knob&()>>()());
  WAY(python().eval<std::vector<Knob*>>(in("[", "]")));
  WAY(python().eval<std::set<Knob*>>(in("{", "}")));
  WAY(python().eval<std::map<std::string, Knob*>>(in("{'a': ", "}")));
  WAY(python().eval<std::array<Knob*, 1>>(in("[", "]")));
  WAY(python().eval<std::tuple<int, Knob*>>(in("(1, ", ")")));
  WAY(python().eval<std::pair<Knob&, int>>(in("(", ", 1)")));
  WAY(python().eval<std::optional<Knob*>>(expression));
  WAY(python().eval<std::variant<int, Knob*>>(expression));
  WAY(python().eval<std::vector<std::pair<int, std::optional<Knob*>>>>(in("[(1, ", ")]")));
  WAY(python().eval<hinges::Pair>(in("{'left': None, 'right': ", "}")));
  WAY(python().eval<hinges::Pair>(in("Script(", ")")));
  WAY(python().eval(in("[", "]")).as<std::vector<Knob*>>());
  WAY(python().eval(in("[", "]"))[0].as<Knob*>());
#undef WAY
}

const std::string refused(const std::string& name) {
  return "cannot give a pointer or reference to a temporary " + name +
         ": it ended with its Python object, which nothing else refers to; take a latepy::Object, a " + name +
         " by value or a std::shared_ptr, or let Python keep the object";
}

}  // namespace

TEST_CASE("a pointer or reference to what ends with its Python object is refused") {
  host();
  const int before = Knob::alive;
  each_way("Knob()", [&](const std::string& text) {
    const std::string found = text == "nothing" ? refused("doors.Knob") : text;
    CHECK_THAT(found, ContainsSubstring(refused("doors.Knob")));
    CHECK(Knob::alive == before);
  });
  for (const char* const owned :
       {"new_share()", "FineKnob()", "Door().own", "of_door(Door())", "Door().knob()", "fasten(refer(), Door())"})
    each_way(owned, [&](const std::string& text) {
      CHECK_FALSE(text.empty());
      CHECK(Knob::alive == before);
    });
}

TEST_CASE("a pointer or reference to what somebody else keeps is given") {
  host();
  for (const char* const owned : {"kept", "door.own", "door.knob()", "of_door(door)", "share()", "refer()",
                                  "fasten(refer(), door)", "fasten(refer(), [])"})
    each_way(owned, [](const std::string& text) { CHECK(text == ""); });
  CHECK(python().eval<Knob*>("None") == nullptr);
  CHECK(python().eval<std::vector<Knob*>>("[None, kept]").size() == 2);
  CHECK(python().eval<Knob*>("share()") == of_cpp.get());
  CHECK(python().eval<std::shared_ptr<Knob>>("Knob()") != nullptr);
  python().eval<Knob>("Knob()");
}

TEST_CASE("what an attribute or item makes each time is a temporary, also of an object that stays") {
  host();
  py::Object script = python()["script"];
  CHECK_THROWS_AS(script.attr("made").as<Knob*>(), py::ConversionError);
  CHECK_FALSE(script.attr("made").try_as<Knob*>());
  CHECK(script.attr("left").as<Knob*>() == python()["kept"].as<Knob*>());
  CHECK(script.attr("left").try_as<Knob*>());
  CHECK(script.as<hinges::Pair>().left == python()["kept"].as<Knob*>());
  python().exec("class Making:\n  left = right = property(lambda self: Knob())\nmaking = Making()");
  const py::Object making = python()["making"];
  CHECK_THROWS_AS(making.as<hinges::Pair>(), py::ConversionError);
  CHECK_FALSE(making.try_as<hinges::Pair>());
}

TEST_CASE("a reference out of a temporary Object can be used to the end of the statement") {
  host();
  const int before = Knob::alive;
  const auto alive = [](const Knob&) { return Knob::alive; };
  CHECK(alive(eval("Knob()").as<Knob&>()) == before + 1);
  CHECK(alive(eval("Door()").attr("own").as<Knob&>()) == before + 1);
  CHECK(alive(eval("[Knob()]")[0].as<Knob&>()) == before + 1);
  CHECK(alive(eval("{'a': [Knob()]}")["a"][0].as<Knob&>()) == before + 1);
  CHECK_THROWS_AS(python()["script"].attr("made").as<Knob&>(), py::ConversionError);
  CHECK(Knob::alive == before);
}

TEST_CASE("an Object in a variable keeps what its pointers lead to") {
  host();
  const int before = Knob::alive;
  const py::Object knob = eval("Knob()"), knobs = eval("[Knob(), Knob()]");
  CHECK(knob.as<Knob*>() == &knob.as<Knob&>());
  CHECK(knob.try_as<Knob*>() == knob.as<Knob*>());
  CHECK(knobs.as<std::vector<Knob*>>()[1] == knobs[1].as<Knob*>());
  CHECK(Knob::alive == before + 3);
}

TEST_CASE("an override that gives a new object where C++ wants a pointer is refused by its name") {
  host();
  python().exec(R"(
class Making(Door):
  def knob(self): return Knob()
  def spare(self): return Knob()
  def all(self): return [kept, Knob()]
class Keeping(Door):
  def knob(self): return kept
  def spare(self): return self.own
  def all(self): return [kept, self.own]
making, keeping = Making(), Keeping()
)");
  const int before = Knob::alive;
  const py::Object making = python()["making"], keeping = python()["keeping"];
  const auto text_of = [](auto&& call) {
    try {
      call();
    } catch (const py::ConversionError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  auto& made = making.as<Door&>();
  const auto begin = refused("doors.Knob") + "; this is what Making.";
  CHECK_THAT(text_of([&] { made.knob(); }),
             Catch::Matchers::StartsWith(begin + "knob() (<string-") && Catch::Matchers::EndsWith(":3) returned"));
  CHECK_THAT(text_of([&] { made.spare(); }),
             Catch::Matchers::StartsWith(begin + "spare() (<string-") && Catch::Matchers::EndsWith(":4) returned"));
  CHECK_THAT(text_of([&] { made.all(); }),
             Catch::Matchers::StartsWith(begin + "all() (<string-") && Catch::Matchers::EndsWith(":5) returned"));
  CHECK(Knob::alive == before);
  auto& kept = keeping.as<Door&>();
  CHECK(&kept.knob() == python()["kept"].as<Knob*>());
  CHECK(kept.spare() == &kept.own);
  CHECK(kept.all() == std::vector<Knob*>{python()["kept"].as<Knob*>(), &kept.own});
}

TEST_CASE("thousands of pointers out of temporaries leave nothing behind") {
  host();
  watched()["kept"] = python()["kept"];
  const py::Object give = python().eval("lambda: kept"), make = python().eval("lambda: [Knob()]");
  CHECK_STEADY(give.call<Knob*>());
  CHECK_STEADY(give.call<std::optional<Knob*>>());
  CHECK_STEADY(make.try_call<std::vector<Knob*>>());
}
