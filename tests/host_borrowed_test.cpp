// Tests of latepy/host/borrowed.hpp: what C++ lends to Python for a scope, and what Python keeps of it.
// SPDX-License-Identifier: MIT
#include <thread>

#include "python.hpp"

namespace {

struct Item {
  explicit Item(int n = 0) : number(n) {}
  virtual ~Item() = default;
  int number;
};
struct Special : Item {
  using Item::Item;
};
struct Chest {
  Item first{1};
  std::vector<Item> all = std::vector<Item>(3);
};
struct Room {
  Chest chest;
};
struct Unknown {};

std::shared_ptr<Item> kept;

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("loans");
    m.add_class<Item>("Item").init<int>("number"_a = 0).def("number", &Item::number);
    m.add_class<Special, Item>("Special").init<int>();
    m.add_class<Chest>("Chest")
        .init<>()
        .def("first", &Chest::first)
        .def("__getitem__", [](Chest& c, std::size_t at) -> Item& { return c.all.at(at); });
    m.add_class<Room>("Room").init<>().def("chest", &Room::chest);
    m.def("keep", [](std::shared_ptr<Item> item) { kept = std::move(item); });
    m.def("kept", [] { return kept; });
    m.def("take", [](std::unique_ptr<Item>) {});
    m.def(
        "first_of", [](Chest& chest) -> Item& { return chest.first; }, py::keep_alive<0, 1>());
    m.def("lend_room", [](const py::Object& f) {
      const auto room = std::make_unique<Room>();
      const py::Borrowed lent(*room);
      f(lent);
    });
    python().exec(
        "from loans import *\ndef gone(f):\n  try: f()\n  except ReferenceError as e: return "
        "str(e)\n  assert False, 'it is still there'");
    return true;
  }();
  static_cast<void>(made);
}

std::string refused(const std::string& code) {
  const auto error = thrown<py::PythonError>([&] { python().exec(code); });
  return error.type_name() + ": " + error.message();
}

}  // namespace

static_assert(!std::is_copy_constructible_v<py::Borrowed<Item>> && !std::is_move_constructible_v<py::Borrowed<Item>>);

TEST_CASE("what is lent ends for Python with the scope") {
  host();
  python().exec("def note(t): global noted; noted = t; return t.number");
  Item thing(11);
  {
    const py::Borrowed lent(thing);
    CHECK(python()["note"](lent).as<int>() == 11);
    python().exec("noted.number = 12");
    const py::Borrowed again(thing);  // the same object, which the outer one ends
    CHECK(again.object().same(lent.object()));
    CHECK_THAT(refused("keep(noted)"), ContainsSubstring("C++ only lent it to Python"));
    CHECK_THAT(refused("take(noted)"), ContainsSubstring("Python is not its only owner"));
  }
  CHECK(thing.number == 12);
  CHECK_THAT(refused("noted.number"), ContainsSubstring("ReferenceError: the loans.Item of this object is gone"));
  {
    std::optional<py::Borrowed<Item>> lent(std::in_place, thing);
    python()["note"](*lent);
    const py::GilRelease others;
    std::thread([&] { lent.reset(); }).join();
  }
  CHECK_THAT(refused("noted.number"), ContainsSubstring("ReferenceError"));
  // The next object at the address is another.
  alignas(Item) unsigned char place[sizeof(Item)];
  for (int i = 0; i < 3; ++i) {
    Item* const there = new (place) Item(i);
    {
      const py::Borrowed lent(*there);
      CHECK(python()["note"](lent).as<int>() == i);
    }
    there->~Item();
  }
}

TEST_CASE("the parts of what is lent expire with it") {
  host();
  python().exec(R"(
def enter(room):
  global parts
  parts = [room, room.chest, room.chest.first, room.chest[2], first_of(room.chest)]
  for refusal in (lambda: keep(parts[2]), lambda: take(parts[2])):
    try: refusal()
    except TypeError as e: assert 'C++ only lent it' in str(e) or 'not its only owner' in str(e)
    else: assert False
lend_room(enter)
gone(lambda: parts[0].chest); gone(lambda: parts[1].first)
for part in parts[2:]: gone(lambda: part.number)
del parts, part
)");
  Item item(3);
  std::optional<py::Borrowed<Item>> one(std::in_place, item), other(std::in_place, item);
  python().globals()["lent"] = one->object();
  one.reset();
  CHECK(python().eval<int>("lent.number") == 3);  // the other still lends it
  other.reset();
  python().exec("gone(lambda: lent.number)");
  const Item fixed(4);
  CHECK(py::Borrowed(fixed).object().attr("number").as<int>() == 4);
}

TEST_CASE("a Borrowed has the object on both sides, and changes go both ways") {
  host();
  Item item(1);
  const py::Borrowed lent(item);
  CHECK(&lent.value() == &item);
  CHECK(&lent.object().as<Item&>() == &item);
  lent.object().attr("number") = 2;
  CHECK(item.number == 2);
  lent.value().number = 3;
  CHECK(lent.object().attr("number").as<int>() == 3);
  CHECK(py::to_py(lent).same(lent.object()));
}

TEST_CASE("what is lent by a base is to Python what it is in C++") {
  host();
  Special special(4);
  const py::Borrowed<Item> lent(special);
  CHECK(py::type(lent.object()).attr("__name__").as<std::string>() == "Special");
  CHECK(lent.object().as<Special*>() == &special);
}

TEST_CASE("an object that Python has by its own right stays after the scope") {
  host();
  python().exec("item = Item(5)");
  {
    const py::Object item = python().eval("item");
    const py::Borrowed lent(item.as<Item&>());
    CHECK(lent.object().same(item));
  }
  CHECK(python().eval<int>("item.number") == 5);
  kept = std::make_shared<Item>(6);
  {
    const py::Object shared = py::to_py(kept);
    const py::Borrowed lent(*kept);
    CHECK(lent.object().same(shared));
    python()["item"] = lent.object();
  }
  kept.reset();
  CHECK(python().eval<int>("item.number") == 6);
}

TEST_CASE("what is lent a second time, after the first scope, is another Python object") {
  host();
  Item item(7);
  py::Object before;
  {
    const py::Borrowed lent(item);
    before = lent.object();
  }
  const py::Borrowed lent(item);
  CHECK_FALSE(lent.object().same(before));
  CHECK(lent.object().attr("number").as<int>() == 7);
  CHECK(thrown<py::PythonError>([&] { before.attr("number").as<int>(); }).is("ReferenceError"));
}

TEST_CASE("the scope ends also by an exception, of C++ or of Python") {
  host();
  python().exec("def fails(item): global seen; seen = item; raise KeyError('mine')");
  Item item(8);
  const auto call = [&] {
    const py::Borrowed lent(item);
    python()["fails"](lent);
  };
  CHECK_THROWS_AS(call(), py::KeyError);
  CHECK_THAT(refused("seen.number"), ContainsSubstring("ReferenceError"));
}

TEST_CASE("a class that is not bound cannot be lent") {
  host();
  Unknown unknown;
  CHECK_THAT(thrown<py::ConversionError>([&] { const py::Borrowed lent(unknown); }).what(),
             ContainsSubstring("add_class"));
}

TEST_CASE("thousands of loans leave nothing behind") {
  host();
  const py::Object work = python().eval("lambda room: [room, room.chest.first, room.chest[2]]");
  Item item(1);
  CHECK_STEADY(const py::Borrowed lent(item); lent.object().attr("number").as<int>());
  CHECK_STEADY(Room room; const py::Borrowed lent(room); work(lent));
}
