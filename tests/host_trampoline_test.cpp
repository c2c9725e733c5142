// Tests of latepy/host/trampoline.hpp: C++ virtual functions overridden in Python.
// SPDX-License-Identifier: MIT
#include <thread>

#include <latepy/stl/vector.hpp>

#include "python.hpp"

/// Counts those that live.
struct Note {
  Note() { ++living; }
  Note(const Note&) { ++living; }
  Note& operator=(const Note&) = default;
  ~Note() { --living; }
  static inline int living = 0;
};
template <>
struct latepy::Converter<Note> {
  static Object to_py(const Note&) { return Object::borrow(latepy::detail::api().NoneStruct); }
  static Note from_py(Ref) { return {}; }
};

namespace {

/// Two bases with virtual functions: the second lies behind the first.
struct First {
  virtual ~First() = default;
  virtual int one() { return 1; }
};
struct Second {
  virtual ~Second() = default;
  virtual int two() { return 2; }
};
struct Both : First, Second {};
struct ScriptedBoth : py::Trampoline<Both> {
  using Trampoline::Trampoline;
  int two() override {
    return override_or("two", [&] { return Both::two(); });
  }
};

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
    return override_or(
        "update", [&] { return Entity::update(dt); }, dt);
  }
  std::string kind() const override { return override_pure<std::string>("kind"); }
  void hit(Target& target, const std::string& how) override {
    override_or(
        "hit", [&] { Entity::hit(target, how); }, target, how);
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

/// Virtual functions with pointers, temporaries and results of all kinds.
struct Listener : std::enable_shared_from_this<Listener> {
  Listener() = default;
  Listener(const Listener& other) : std::enable_shared_from_this<Listener>(other), level(other.level) {}
  virtual ~Listener() { ended += on_end(); }
  virtual int on_end() const { return 1; }
  virtual void meet(Listener* other, const Target* target) { level += other ? 1 : target ? 10 : 100; }
  virtual double half(double x) const { return x / 2; }
  virtual std::unique_ptr<Target> make() { return nullptr; }
  virtual std::shared_ptr<Listener> next() { return nullptr; }
  int level = 0;
  static int ended;
};
int Listener::ended = 0;
struct ScriptedListener : py::Trampoline<Listener> {
  using Trampoline::Trampoline;
  ScriptedListener() { level += on_end(); }  // no Python object yet: the C++ function
  int on_end() const override {
    return override_or("on_end", [&] { return Listener::on_end(); });
  }
  void meet(Listener* other, const Target* target) override {
    override_or(
        "meet", [&] { Listener::meet(other, target); }, other, target);
  }
  double half(double x) const override {
    return override_or(
        "half", [&] { return Listener::half(x); }, x + 1);
  }
  std::unique_ptr<Target> make() override {
    return override_or("make", [&] { return Listener::make(); });
  }
  std::shared_ptr<Listener> next() override {
    return override_or("next", [&] { return Listener::next(); });
  }
};

/// Virtual functions that return references.
struct Page {
  virtual ~Page() = default;
  virtual const std::string& title() const { return own; }
  virtual const std::vector<int>& rows(int) = 0;
  virtual const Note& note() { return own_note; }
  std::string own = "C++";
  Note own_note;
};
struct ScriptedPage : py::Trampoline<Page> {
  using Trampoline::Trampoline;
  const std::string& title() const override {
    return override_or("title", [&]() -> const std::string& { return Page::title(); });
  }
  const std::vector<int>& rows(int of) override { return override_pure<const std::vector<int>&>("rows", of); }
  const Note& note() override { return override_pure<const Note&>("note"); }
};

std::shared_ptr<Entity> kept;
Listener* pointed = nullptr;

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
    m.add_class<Listener, ScriptedListener>("Listener")
        .init<>()
        .init([](int level) {
          Listener listener;
          listener.level = level;
          return listener;
        })
        .def("on_end", &Listener::on_end)
        .def("meet", &Listener::meet)
        .def("half", &Listener::half)
        .def("next", &Listener::next)
        .def("level", &Listener::level)
        .pickle([](const Listener& listener) { return listener.level; },
                [](int level) {
                  Listener listener;
                  listener.level = level;
                  return listener;
                });
    m.def("meet", [](Listener& a) {
      Listener other;
      const Target target;
      a.meet(&other, &target);
      a.meet(nullptr, &target);
      a.meet(nullptr, nullptr);
    });
    m.def("half", [](const Listener& listener, double x) { return listener.half(x); });
    m.def("make", [](Listener& listener) { return listener.make(); });
    m.def("next", [](Listener& listener) { return listener.next(); });
    m.def("point_to", [](Listener* listener) { pointed = listener; });
    m.def("half_of_pointed", [](double x) { return pointed->half(x); });
    m.add_class<Sound, ScriptedSound>("Sound")
        .init<>()
        .init([](int) { return std::make_unique<Sound>(); })
        .def("noise", &Sound::noise);
    m.add_class<Page, ScriptedPage>("Page").init<>().def("title", &Page::title);
    m.def("title_of", [](const Page& page) { return page.title(); });
    m.def("update", [](Entity& entity, int dt) { return entity.update(dt); });
    m.def("kind_of", [](const Entity& entity) { return entity.kind(); });
    m.def("noise_of", [](const Sound& sound) { return sound.noise(); });
    m.def("hit", [](Entity& entity, int times) {
      Target target;
      for (int i = 0; i < times; ++i) entity.hit(target, "ab");
      return target.hits;
    });
    m.def("keep", [](std::shared_ptr<Entity> entity) { kept = std::move(entity); });
    m.def(
        "on_thread",
        [](Entity& entity) {
          int result = 0;
          std::thread([&] { result = entity.update(5); }).join();
          return result;
        },
        py::release_gil);
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

TEST_CASE("a factory of C++ makes objects of the C++ class alone, and not of a class of Python") {
  host();
  python().exec(
      "class Loud(Sound):\n  def __init__(self, *how): super().__init__(*how)\n  noise = lambda self: 'bang'");
  CHECK(python().eval<std::string>("noise_of(Sound(1)) + noise_of(Loud())") == "-bang");
  CHECK(thrown<py::TypeError>([] { eval("Loud(1)"); }).message() ==
        "this constructor calls a C++ factory, whose object cannot call methods of a Python class: call another "
        "constructor");
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
class Forgetful(Bad):
  def update(self, dt):
    dt + 1
  kind = lambda self: [][:]
)",
                {}, "entities.py");
  const py::Object bad = python().eval("Bad('b')");
  py::Object last;
  Entity& entity = bad.as<Entity&>();
  const auto error = thrown<py::KeyError>([&] { entity.update(7); });
  CHECK(error.message() == "7");
  CHECK_THAT(error.traceback(), ContainsSubstring("in update"));
  CHECK(thrown<py::ConversionError>([&] { entity.kind(); }).what() ==
        std::string("cannot convert 'int' 3 to std::string; this is what Bad.kind() (entities.py:3) returned"));
  Entity& forgetful = (last = python().eval("Forgetful('f')")).as<Entity&>();
  CHECK(thrown<py::ConversionError>([&] { forgetful.update(7); }).what() ==
        std::string(
            "cannot convert None to int; this is what Forgetful.update() (entities.py:6) returned: does it lack a "
            "return statement?"));
  CHECK_THAT(thrown<py::ConversionError>([&] { forgetful.kind(); }).what(),
             ContainsSubstring("Forgetful.kind() (entities.py:8)"));
  CHECK_THROWS_AS(python().exec("try: update(Bad('b'), 1)\nexcept KeyError as e: raise"), py::KeyError);
}

TEST_CASE("what an override returns is kept for a virtual function that returns a reference") {
  host();
  python().exec(R"(
class Report(Page):
  titles = ['a long title that no small string holds', 'the other title', 3]
  def title(self): return self.titles.pop(0)
  def rows(self, of): return range(of)
class Plain(Page): pass
)");
  const py::Object report = python().eval("Report()"), plain = python().eval("Plain()");
  Page& page = report.as<Page&>();
  const std::string& title = page.title();
  const std::vector<int>& rows = page.rows(3);
  CHECK(title == "a long title that no small string holds");
  CHECK(rows == std::vector<int>{0, 1, 2});
  CHECK(page.title() == "the other title");  // `title` ended here
  CHECK(python().eval<std::string>("Plain().title() + title_of(Plain())") == "C++C++");
  CHECK_THAT(thrown<py::ConversionError>([&] { page.title(); }).what(), ContainsSubstring("Report.title()"));
  Page& without = plain.as<Page&>();
  CHECK(&without.title() == &without.own);
  CHECK_THROWS_AS(without.rows(1), py::NotImplementedError);
  python().exec("Report.title = lambda self: 'a long text that is made anew each time'\nmade = Report()");
  const py::Object work = python().eval("lambda: (title_of(Report()), title_of(made), made.rows(9))");
  CHECK_STEADY(work());
}

TEST_CASE("what an override returns is kept for each thread that calls the virtual function") {
  host();
  python().exec("class Noted(Page):\n  def note(self): pass\n  def rows(self, of): pass");
  const py::Object noted = python().eval("Noted()");
  Page& page = noted.as<Page&>();
  const int before = Note::living;
  page.note();
  CHECK(Note::living == before + 1);
  {
    const py::GilRelease released;
    std::thread([&] {
      page.note();
      CHECK(Note::living == before + 2);  // that of the other thread lives
      page.note();
      CHECK(Note::living == before + 2);
    }).join();
  }
  page.note();
  CHECK(Note::living == before + 2);
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

TEST_CASE("pointers are lent, temporaries are passed, results are taken over") {
  host();
  python().exec(R"(
class L(Listener):
  def meet(self, other, target):
    seen.append((other, target))
    super().meet(other, target)
  def half(self, x): return super().half(x) * 10
  def make(self):
    target = Target(); target.hits = 5
    return target
  def next(self): return self
seen = []
l = L()
meet(l)
assert l.level == 1 + 1 + 10 + 100 and [(a is None, b is None) for a, b in seen] == [(False, False), (True, False), (True, True)]
try: seen[0][0].level
except ReferenceError: pass
else: assert False, 'the other outlived its call'
assert half(l, 4) == 25.0                    # the trampoline passes x + 1, and super() halves that
assert make(l).hits == 5 and make(Listener()) is None and next(l) is l and next(Listener()) is None
class Keeps(L):
  def make(self): return self.target
k = Keeps(); k.target = Target()
assert make(k).hits == 0
try: make(k)
except ReferenceError: pass
else: assert False, 'one object was given away twice'
)");
}

TEST_CASE("constructors and destructors of C++ call C++") {
  host();
  Listener::ended = 0;
  python().exec(
      "class E(Listener):\n  def on_end(self): return 1000\ne = E()\nassert e.level == 1 and e.on_end() == 1000\ndel "
      "e\ngc.collect()");
  CHECK(Listener::ended == 1);
}

TEST_CASE("an override is found in the class, as Python finds special methods") {
  host();
  python().exec(R"(
class Plain(Sound): pass
plain = Plain()
plain.noise = lambda: 'of the object'
assert noise_of(plain) == '-' and plain.noise() == 'of the object'
class AsStatic(Sound):
  @staticmethod
  def noise(): return 'static'
class AsProperty(Sound):
  @property
  def noise(self): return lambda: 'property'
class Mixin:
  def noise(self): return 'mixin'
class Mixed(Mixin, Sound): pass
assert [noise_of(each()) for each in (AsStatic, AsProperty, Mixed)] == ['static', 'property', 'mixin']
class Nothing(Sound):
  noise = None
try: noise_of(Nothing())
except TypeError as e: assert 'not callable' in str(e)
else: assert False
)");
}

TEST_CASE("an object whose end has begun runs no more Python") {
  host();
  python().exec(R"(
class L(Listener):
  def half(self, x): return -1
class AtEnd:
  def __del__(self): halves.append(half_of_pointed(4))
halves = []
l = L(); l.last = AtEnd(); point_to(l)
assert half_of_pointed(4) == -1
del l
class S(L):
  __slots__ = ()
l = L(); point_to(l)
r = weakref.ref(l, lambda r: halves.append(half_of_pointed(6)))
del l
assert halves == [2.0, 3.0], halves
)");
}

TEST_CASE("objects of Python's classes are copied and pickled with their C++ part") {
  host();
  python().exec(R"(
import __main__, copy, pickle
class L(Listener):
  def half(self, x): return self.factor * x
__main__.L = L
l = L(7); l.factor = 3
for other in (copy.copy(l), copy.deepcopy(l), pickle.loads(pickle.dumps(l))):
  assert type(other) is L and other.level == 7 and half(other, 1) == 6.0
)");
}

TEST_CASE("threads of C++ call overrides at once") {
  host();
  python().exec("class T(Listener):\n  def half(self, x): return sum(x for i in range(10))\nt = T()");
  const py::Object object = python().eval("t");
  const Listener& listener = object.as<Listener&>();
  std::atomic<int> right{0};
  {
    const py::GilRelease others;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int j = 0; j < 100; ++j) right += listener.half(j) == 10.0 * (j + 1);
      });
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(right == 400);
}

TEST_CASE("endless recursion through C++ is a RecursionError") {
  host();
  CHECK_THROWS_AS(python().exec("class R(Sound):\n  def noise(self): return noise_of(self)\nnoise_of(R())"),
                  py::RuntimeError);
}

TEST_CASE("overrides leave nothing behind") {
  host();
  python().exec(
      "class S(Sound):\n  def noise(self): return super().noise() + 's'\nclass H(Entity):\n  def kind(self): return "
      "'h'\n  def hit(self, target, how): self.last = target");
  const py::Object work = python().eval("lambda: (noise_of(S()), hit(H('h'), 2), kind_of(H('h')))");
  CHECK_STEADY(work());
}

TEST_CASE("an object with overrides is itself by each of its bases") {
  py::Module m = py::module("bases");
  m.add_class<First>("First").def("one", &First::one);
  m.add_class<Second>("Second").def("two", &Second::two);
  m.add_class<Both, First, Second, ScriptedBoth>("Both").init<>();
  m.def("by_second", [](const std::shared_ptr<Both>& both) -> std::shared_ptr<Second> { return both; });
  m.def(
      "second_of", [](Both& both) -> Second& { return both; }, py::return_reference);
  python().exec(R"(
from bases import Both, by_second, second_of
class Scripted(Both):
  def two(self): return 22
scripted, plain = Scripted(), Both()
assert by_second(scripted) is scripted and second_of(scripted) is scripted and scripted.two() == 22
assert by_second(plain) is plain and second_of(plain).two() == 2
del scripted, plain
)");
}
