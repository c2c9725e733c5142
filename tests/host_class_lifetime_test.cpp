// Tests of latepy/host/class.hpp: objects that end before Python is done with them, and what follows them.
// SPDX-License-Identifier: MIT
#include <latepy/stl/map.hpp>
#include <latepy/stl/vector.hpp>

#include <thread>

#include "python.hpp"

namespace {

/// Counts the objects that live, and is another number when it ended.
struct Item {
  explicit Item(int n = 0) : number(n) { ++alive; }
  Item(const Item& other) : number(other.number) { ++alive; }
  Item& operator=(const Item&) = default;
  virtual ~Item() {
    number = -1;
    --alive;
  }
  int number;
  static int alive;
};
int Item::alive = 0;
struct Special : Item {
  using Item::Item;
};
struct Chest {
  Item first{1};
  std::vector<Item> all = std::vector<Item>(3);
  std::unique_ptr<Item> loose = std::make_unique<Item>(7);
};
struct Room {
  Chest chest;
};
struct Pixels {
  std::vector<unsigned char> bytes = std::vector<unsigned char>(4);
};
struct Link {
  py::Object next;
};
struct KnowsItself : std::enable_shared_from_this<KnowsItself> {
  std::shared_ptr<KnowsItself> me() { return shared_from_this(); }
};
/// Tells Python of its end.
struct Announces {
  ~Announces() {
    if (!told.is_empty()) told(this);
  }
  py::Object told;
};

std::shared_ptr<Item> kept;
std::weak_ptr<Item> watched;
std::unique_ptr<Item> taken;
std::unique_ptr<Chest> taken_chest;
Item* raw = nullptr;

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("store");
    m.add_class<Item>("Item").init<int>("number"_a = 0).def("number", &Item::number);
    m.add_class<Special, Item>("Special").init<int>();
    m.add_class<Chest>("Chest")
        .init<>()
        .def("first", &Chest::first)
        .def("__getitem__", [](Chest& c, std::size_t at) -> Item& { return c.all.at(at); })
        .def("__iter__",
             [](const py::Object& me) {
               Chest& chest = me.as<Chest&>();
               return py::iterate(chest.all.begin(), chest.all.end(), me);
             })
        .def("loose", [](Chest& c) { return c.loose.get(); })
        .def("release", [](Chest& c) { return std::move(c.loose); });
    m.add_class<Room>("Room").init<>().def("chest", &Room::chest);
    m.add_class<Pixels>("Pixels", py::buffer_protocol).init<>().buffer([](Pixels& p) {
      py::BufferInfo info;
      info.data = p.bytes.data();
      info.shape = {static_cast<std::ptrdiff_t>(p.bytes.size())};
      return info;
    });
    m.add_class<Link>("Link").init<>().def("next", &Link::next);
    m.add_class<KnowsItself>("KnowsItself").init<>().def("me", &KnowsItself::me);
    m.add_class<Announces>("Announces").init<>().def("told", &Announces::told);
    m.def("keep", [](std::shared_ptr<Item> item) { kept = std::move(item); });
    m.def("kept", [] { return kept; });
    m.def("kept_count", [] { return kept.use_count(); });
    m.def("watch", [](const std::shared_ptr<Item>& item) { watched = item; });
    m.def("watched", [] { return watched.lock(); });
    m.def(
        "take", [](std::unique_ptr<Item> item, int) { taken = std::move(item); }, "item"_a, "n"_a = 0);
    m.def("take_chest", [](std::unique_ptr<Chest> chest) { taken_chest = std::move(chest); });
    m.def("share_chest", [](const std::shared_ptr<Chest>&) {});
    m.def("take_pixels", [](std::unique_ptr<Pixels>) {});
    m.def("drop", [] {
      taken.reset();
      taken_chest.reset();
    });
    m.def(
        "first_of", [](Chest& chest) -> Item& { return chest.first; }, py::keep_alive<0, 1>());
    m.def("point_to", [](Item* item) { raw = item; });
    m.def(
        "pointed", [] { return raw; }, py::return_reference);
    m.def("lend_room", [](const py::Object& f) {
      const auto room = std::make_unique<Room>();
      const py::Borrowed lent(*room);
      f(lent);
    });
    m.def("lend_pixels", [](const py::Object& f) {
      Pixels pixels;
      f(py::Borrowed(pixels));
    });
    m.def("lend_kept", [](const py::Object& f) { f(py::Borrowed(*kept)); });
    m.def("knows_itself", [](bool by_value) -> py::Object {
      return by_value ? py::to_py(KnowsItself()) : py::to_py(std::make_unique<KnowsItself>());
    });
    m.def("count_of", [](std::shared_ptr<KnowsItself> object) { return object.use_count(); });
    m.def("pointers", [](const std::vector<Item*>& items) {
      int sum = 0;
      for (const Item* item : items) sum += item ? item->number : 0;
      return sum;
    });
    m.def("shared_ones", [](int n) {
      std::map<std::string, std::shared_ptr<Item>> items;
      items["a"] = std::make_shared<Item>(n);
      items["b"] = items["a"];
      return items;
    });
    m.def("unique_ones", [] {
      std::vector<std::unique_ptr<Item>> items;
      items.push_back(std::make_unique<Special>(3));
      items.push_back(nullptr);
      return items;
    });
    python().exec(
        "from store import *\nimport gc, weakref\ndef gone(f):\n  try: f()\n  except ReferenceError as e: return "
        "str(e)\n  assert False, 'it is still there'");
    return true;
  }();
  static_cast<void>(made);
}

std::string refused(const char* code) {
  return thrown<py::PythonError>([&] { python().exec(code); }).message();
}

}  // namespace

TEST_CASE("the parts of what C++ takes away go with it") {
  host();
  const int before = Item::alive;
  python().exec(R"(
chest = Chest()
first, second, it, by_keep_alive = chest.first, chest[1], iter(chest), first_of(chest)
take_chest(chest); drop()
for part in (first, second, by_keep_alive): assert 'store.Item of this object is gone' in gone(lambda: part.number)
assert 'iterated over is gone' in gone(lambda: next(it))
gone(lambda: chest.first)
del chest, first, second, it, part, by_keep_alive
)");
  CHECK(Item::alive == before);
  // What was a part and became an object of its own stays.
  python().exec(
      "chest = Chest(); loose = chest.loose(); assert chest.release() is loose; take_chest(chest); drop()\nassert "
      "loose.number == 7\ndel chest, loose");
  CHECK(Item::alive == before);
}

TEST_CASE("a reference ends with what is at its address, whether Python owned it alone or by a shared_ptr") {
  host();
  const int before = Item::alive;
  python().exec(R"(
for shared in (False, True):
  chest = Chest()
  if shared: share_chest(chest)
  point_to(chest.first)   # its first member
  first = pointed()
  assert first.number == 1
  del chest
  gone(lambda: first.number)
del first
)");
  CHECK(Item::alive == before);
}

TEST_CASE("a view of an object's memory keeps C++ from taking it, and what is lent shows none") {
  host();
  python().exec("p = Pixels()\nview = memoryview(p)");
  CHECK_THAT(refused("take_pixels(p)"),
             ContainsSubstring("C++ cannot take this store.Pixels from Python: a view of its memory exists"));
  python().exec("view[0] = 7\nview.release()\ntake_pixels(p)\ngone(lambda: take_pixels(p))");
  CHECK_THAT(refused("memoryview(p)"), ContainsSubstring("this store.Pixels exports no buffer"));
  CHECK_THAT(refused("lend_pixels(memoryview)"),
             ContainsSubstring("a store.Pixels that is only lent to Python exports no buffer"));
}

TEST_CASE("an argument is taken away only when all arguments fit") {
  host();
  python().exec("item = Item(4)");
  CHECK_THAT(refused("take(item, 'x')"), ContainsSubstring("argument 2 ('n')"));
  CHECK_THAT(refused("take(item, n=1, m=2)"), ContainsSubstring("no argument named 'm'"));
  CHECK(python().eval<int>("item.number") == 4);
  python().exec("take(item)");
  CHECK_THAT(refused("take(item)"), ContainsSubstring("is gone"));
  CHECK_THAT(refused("item.__init__(5)"), ContainsSubstring("is gone"));
  python().exec("drop()");
}

TEST_CASE("an overload for the class of an object is nearer than one for its base") {
  host();
  py::module("nearest").def("to_base",
                            py::overload([](const Special&) { return "special"; }, [](const Item&) { return "item"; }));
  py::module("nearest").def("to_derived",
                            py::overload([](const Item&) { return "item"; }, [](const Special&) { return "special"; }));
  CHECK(python().eval<std::string>(
            "' '.join(f(x) for x in (Item(1), Special(1)) for f in (__import__('nearest').to_base, "
            "__import__('nearest').to_derived))") == "item item special special");
}

TEST_CASE("an object that is constructed while its factory runs is refused to the factory") {
  struct Made : Item {
    using Item::Item;
  };
  py::module("factory").add_class<Made>("Made").init([](int number, const py::Object& meanwhile) {
    meanwhile();
    return Made(number);
  });
  const int before = Item::alive;
  python().exec(
      "import factory\nmade = factory.Made.__new__(factory.Made)\n"
      "def again(): made.__init__(2, lambda: None)");
  CHECK_THAT(refused("made.__init__(1, again)"), ContainsSubstring("the object was constructed already"));
  CHECK(python()["made"].as<Made&>().number == 2);
  CHECK(Item::alive == before + 1);
  python().exec("del made");
  CHECK(Item::alive == before);
}

TEST_CASE("an object that Python made is shared with C++ as by make_shared") {
  host();
  const int before = Item::alive;
  python().exec(
      "item = Item(4)\nwatch(item)\nassert watched() is item\nkeep(item)\nassert kept_count() == 2 and kept() is item");
  CHECK_THAT(refused("take(item)"), ContainsSubstring("Python is not its only owner"));
  python().exec(
      "del item\nassert kept_count() == 1 and kept().number == 4 and watched() is not None\nkeep(None)\nassert "
      "watched() is None");
  CHECK(Item::alive == before);
  // An object of a class made in Python is more than its C++ object: C++ keeps all of it, and is another owner each
  // time.
  python().exec(
      "class Mine(Item): pass\nm = Mine(5); m.note = 'n'; keep(m); assert kept_count() == 1\ndel "
      "m\ngc.collect()\nassert kept().note == 'n'\nkeep(None)");
  // A part keeps the whole, also where C++ shares it, and comes back as itself.
  python().exec(
      "part = Chest().first\nkeep(part)\nassert kept() is part\ndel part\ngc.collect()\nassert kept().number == "
      "1\nkeep(None)\ngc.collect()");
  { const py::GilGuard drains; }
  CHECK(Item::alive == before);
  // What is lent, and is then given as shared_ptr, is Python's as well.
  kept = std::make_shared<Item>(8);
  python().exec(
      "def see(item): global seen; seen = kept(); assert seen is item\nlend_kept(see)\nassert seen.number == 8 and "
      "kept_count() == 2\ndel seen");
  kept.reset();
  CHECK(Item::alive == before);
}

TEST_CASE("enable_shared_from_this works however the object came to Python") {
  host();
  python().exec(
      "for each in (KnowsItself(), knows_itself(True), knows_itself(False)): assert each.me() is each and "
      "count_of(each) == 2");
  const auto shared = std::make_shared<KnowsItself>();
  python().globals()["referred"] = shared.get();  // a reference becomes an owner where C++ asks for one
  CHECK(python().eval<int>("count_of(referred)") == 2);
  CHECK(python().eval("referred").as<std::shared_ptr<KnowsItself>>().use_count() == 2);
  const py::Borrowed lent(*shared);
  CHECK(lent.object().as<std::shared_ptr<KnowsItself>>() == shared);
  python().exec("del referred, each");
}

TEST_CASE("an object whose end has begun is not found again") {
  host();
  const int before = Item::alive;
  python().exec(R"(
class Mine(Item): pass
class AtEnd:
  def __del__(self):
    global found
    found = pointed()
    numbers.append(found.number)
numbers = []
mine = Mine(3); mine.last = AtEnd(); point_to(mine); number = id(mine)
del mine                                            # its __dict__ ends before the C++ object does
assert numbers == [3] and type(found) is Item
gone(lambda: found.number)
item = Item(4); point_to(item)
r = weakref.ref(item, lambda r: numbers.append(pointed().number))
del item
assert numbers == [3, 4]
announces = Announces()
announces.told = lambda me: seen.append(me)
seen = []
del announces
assert len(seen) == 1
gone(lambda: seen[0].told)
del found
)");
  CHECK(Item::alive == before);
}

TEST_CASE("a new object at the address of an old one is a new object") {
  host();
  python().exec(R"(
for i in range(300):
  old = Item(i)
  take(old); drop()
  new = Item(-i)
  assert new is not old and new.number == -i
  gone(lambda: old.number)
)");
  std::optional<Item> place;
  for (int i = 0; i < 3; ++i) {
    place.emplace(i);
    python().globals()["there"] = &*place;
    CHECK(python().eval<int>("there.number") == i);
  }
  python().exec("del there");
}

namespace {

/// Addresses that share a bucket of the table of instances, which has up to 4096.
std::vector<void*> neighbours() {
  alignas(16) static unsigned char memory[1 << 20];
  const auto bucket = [](const unsigned char* at) {
    const auto bits = reinterpret_cast<std::uintptr_t>(at);
    return ((bits >> 4) ^ (bits >> 14)) % 4096;
  };
  std::vector<void*> places;
  for (unsigned char* at = memory; at + sizeof(Chest) <= memory + sizeof memory; at += 16)
    if (bucket(at) == bucket(memory)) places.push_back(at);
  return places;
}

/// Ends where the chest is, and does not free it.
std::shared_ptr<Chest> chest_at(void* place) {
  return {new (place) Chest, [](Chest* chest) { chest->~Chest(); }};
}

}  // namespace

TEST_CASE("the end of one object leaves those beside it in the table") {
  host();
  REQUIRE(py::detail::host_types().bucket_count <= 4096);
  const std::vector<void*> places = neighbours();
  REQUIRE(places.size() >= 3);
  for (int ends = 0; ends < 3; ++ends) {  // a Python object
    Item* items[3];
    py::Object objects[3];
    for (int i = 0; i < 3; ++i) objects[i] = py::to_py(items[i] = new (places[std::size_t(i)]) Item(i));
    objects[ends] = py::Object();
    for (int i = 0; i < 3; ++i)
      if (i != ends) CHECK(py::to_py(items[i]).same(objects[i]));
    for (Item* const item : items) item->~Item();
  }
  for (int ends = 0; ends < 3; ++ends) {  // a C++ object, which a Python object only refers to
    Chest* chests[3];
    py::Object firsts[3], owner;
    for (int i = 0; i < 3; ++i) {
      if (i == ends) {
        std::shared_ptr<Chest> chest = chest_at(places[std::size_t(i)]);
        chests[i] = chest.get();
        owner = py::to_py(std::move(chest));
      } else {
        chests[i] = new (places[std::size_t(i)]) Chest;
      }
      firsts[i] = py::to_py(&chests[i]->first);
    }
    owner = py::Object();
    for (int i = 0; i < 3; ++i) {
      if (i == ends) continue;
      CHECK(py::to_py(&chests[i]->first).same(firsts[i]));
      chests[i]->~Chest();
    }
    CHECK(thrown<py::PythonError>([&] { firsts[ends].attr("number").as<int>(); }).type_name() == "ReferenceError");
  }
}

TEST_CASE("objects that come and go make the table of instances no larger") {
  host();
  const py::Object one = py::to_py(Item(1));
  const std::size_t size = py::detail::host_types().bucket_count;
  REQUIRE(size > 0);
  const std::vector<void*> places = neighbours();
  for (std::size_t i = 0; i < 2 * size; ++i) py::to_py(Item(1));
  for (std::size_t i = 0; i < 2 * size; ++i) {
    const std::shared_ptr<Chest> chest = chest_at(places[0]);
    const py::Object first = py::to_py(&chest->first), whole = py::to_py(chest);
  }
  for (std::size_t i = 0; i < 2 * size; ++i) {
    std::shared_ptr<Chest> chest = chest_at(places[0]);
    const py::Object first = py::to_py(&chest->first);
    py::to_py(std::move(chest));  // and its end, which `first` sees
  }
  CHECK(py::detail::host_types().bucket_count == size);
}

TEST_CASE("containers of pointers, and of owners") {
  host();
  const int before = Item::alive;
  python().exec(R"(
assert pointers([Item(1), None, Special(4)]) == 5 and pointers(()) == 0
ones = shared_ones(6)
assert ones['a'] is ones['b'] and ones['a'].number == 6
special, nothing = unique_ones()
assert type(special) is Special and nothing is None
del ones, special
)");
  CHECK_THAT(refused("pointers([Item(1), Chest()])"), ContainsSubstring("argument 1[1]: cannot convert 'store.Chest'"));
  CHECK(Item::alive == before);
}

TEST_CASE("long chains of objects end without a stack frame for each") {
  host();
  python().exec(R"(
chain = None
for i in range(100000):
  link = Link(); link.next = chain; chain = link
del link, chain
class Derived(Link): pass
chain = None
for i in range(100000):
  link = Derived(); link.next = chain; chain = link
  if i % 2: link.also = Link()
del link, chain
ring = Link(); chain = ring
for i in range(100000):
  link = Link(); link.next = chain; chain = link
ring.next = chain
r = weakref.ref(ring)
del ring, link, chain
gc.collect()
assert r() is None
)");
}

TEST_CASE("threads share objects, fields and iterators") {
  host();
  const int before = Item::alive;
  kept = std::make_shared<Item>(7);
  python().exec(R"(
import threading
def at_once(f, count=4):
  failures = []
  def run():
    try: f()
    except BaseException as e: failures.append(e)
  threads = [threading.Thread(target=run) for i in range(count)]
  for t in threads: t.start()
  for t in threads: t.join()
  assert not failures, failures
link, chest = Link(), Chest()
def come_and_go():
  for i in range(20000): assert kept().number == 7
def fields():
  for i in range(20000):
    link.next = [i]
    assert type(link.next) is list
def parts():
  for i in range(20000): assert chest.first.number == 1 and type(chest[1]) is Item
for each in (come_and_go, fields, parts): at_once(each)
steps = []
def iterate():
  while True:
    try: steps.append(next(items))
    except StopIteration: return
    except ValueError as e: assert 'already executing' in str(e)
for i in range(300):
  items = iter(chest)
  at_once(iterate, 2)
assert len(steps) == 900, len(steps)
del link, chest, items, steps
import gc; gc.collect()  # free-threaded builds let it end what several threads used
)");
  kept.reset();
  CHECK(Item::alive == before);
}

TEST_CASE("objects that end in any order leave nothing behind") {
  host();
  const int before = Item::alive;
  python().exec("class Mine(Item): pass\ndef enter(room): return [room.chest.first, room.chest[2]]");
  const py::Object work = python().eval(
      "lambda: (lend_room(enter), take_chest(Chest()), drop(), [i for i in Chest()], first_of(Chest()), keep(Item(1)), "
      "kept(), keep(Mine(2)), kept(), "
      "keep(Chest().first), kept(), keep(None), watch(Item(1)), KnowsItself().me(), knows_itself(True), "
      "memoryview(Pixels()), "
      "unique_ones(), shared_ones(1), Announces(), setattr(Link(), 'next', Link()))");
  CHECK_STEADY(work(); const py::GilGuard drains);
  const py::Object fails = python().eval("lambda: take(Item(1), 'x')");
  CHECK_STEADY(thrown<py::TypeError>([&] { fails(); }));
  CHECK(Item::alive == before);
}
