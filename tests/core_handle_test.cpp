// Tests of latepy/core/handle.hpp: Ref and Object: who owns what, when it is given back, and what is empty.
// SPDX-License-Identifier: MIT
#include "objects.hpp"

#include <sstream>
#include <thread>
#include <type_traits>

using py::Object;
using py::Ref;

namespace {

long refcount(const Ref& object) { return python().get("sys.getrefcount").call<long>(object); }

}  // namespace

// What the types promise.

static_assert(std::is_trivially_copyable_v<Ref>);
static_assert(sizeof(Object) <= 2 * sizeof(void*));
static_assert(std::is_nothrow_default_constructible_v<Object>);
static_assert(std::is_nothrow_move_constructible_v<Object> && std::is_nothrow_move_assignable_v<Object>);
static_assert(std::is_nothrow_destructible_v<Object>);
static_assert(!std::is_convertible_v<int, Object> && !std::is_constructible_v<Object, int>);
static_assert(!std::is_convertible_v<const char*, Object> && !std::is_constructible_v<Object, const char*>);
static_assert(!std::is_convertible_v<PyObject*, Object> && !std::is_convertible_v<Object, bool>);
static_assert(std::is_constructible_v<bool, Object>);  // explicit operator bool

// Ownership

TEST_CASE("an Object owns one reference") {
  python().exec("owned = object()");
  const Object object = eval("owned");
  const long before = refcount(object);
  {
    const Object copy = object;
    CHECK(copy.same(object));
    CHECK(refcount(object) == before + 1);
    Object moved = std::move(const_cast<Object&>(copy));
    CHECK(copy.is_empty());
    CHECK(refcount(object) == before + 1);
    moved = object;  // what it held goes, what it gets is counted
    CHECK(refcount(object) == before + 1);
    moved = Object();
    CHECK(refcount(object) == before);
  }
  CHECK(refcount(object) == before);
  python().exec("del owned");
}

TEST_CASE("assignment to itself changes nothing") {
  Object object = eval("object()");
  const long before = refcount(object);
  Object& same = object;
  object = same;
  CHECK(refcount(object) == before);
  object = std::move(same);
  CHECK_FALSE(object.is_empty());
  CHECK(refcount(object) == before);
}

TEST_CASE("steal takes a reference over, borrow adds one, release gives one away") {
  const Object object = eval("object()");
  const long before = refcount(object);
  {
    const Object borrowed = Object::borrow(object.ptr());
    CHECK(refcount(object) == before + 1);
    PyObject* const raw = Object(borrowed).release();
    CHECK(raw == object.ptr());
    CHECK(refcount(object) == before + 2);
    const Object stolen = Object::steal(raw);
    CHECK(refcount(object) == before + 2);
  }
  CHECK(refcount(object) == before);
  CHECK(Object::steal(nullptr).is_empty());
  CHECK(Object::borrow(nullptr).is_empty());
  CHECK(Object().release() == nullptr);
}

TEST_CASE("a Ref borrows, and an Object is made of it") {
  const Object object = eval("object()");
  const long before = refcount(object);
  {
    const Ref ref = object;
    CHECK(refcount(object) == before);
    CHECK(ref.same(object));
    CHECK(ref.ptr() == object.ptr());
    const Object owner{ref};
    CHECK(refcount(object) == before + 1);
    CHECK(Ref(object.ptr()).same(object));
  }
  CHECK(refcount(object) == before);
  CHECK(Ref().is_empty());
  CHECK(Ref(nullptr).is_empty());
  CHECK_FALSE(Ref().is_alive());
}

TEST_CASE("swapping and exchanging Objects moves references and counts none") {
  Object a = eval("['a']"), b = eval("['b']");
  const long before = refcount(a);
  std::swap(a, b);
  CHECK((a == eval("['b']") && b == eval("['a']")));
  const Object kept = std::exchange(b, Object());
  CHECK(b.is_empty());
  CHECK(refcount(kept) == before);
}

TEST_CASE("a container of Objects gives their references back with it") {
  const Object object = eval("object()");
  const long before = refcount(object);
  {
    std::vector<Object> copies(100, object);
    CHECK(refcount(object) == before + 100);
    copies.erase(copies.begin(), copies.begin() + 40);
    copies.resize(80);
    CHECK(refcount(object) == before + 60);
    CHECK(copies.back().is_empty());
  }
  CHECK(refcount(object) == before);
}

TEST_CASE("an Object may be moved to a thread and dropped there without the GIL") {
  const Object object = eval("object()");
  const long before = refcount(object);
  std::thread([copy = Object(object)] {}).join();
  { const py::GilGuard drains; }  // who enters Python next gives the reference back
  CHECK(refcount(object) == before);
  // Without the reference of another the object ends.
  python().exec("import weakref\nclass Mortal: pass\nmortal = Mortal()\nseen = weakref.ref(mortal)");
  Object mortal = eval("mortal");
  python().exec("del mortal");
  CHECK_FALSE(eval("seen()").is_none());
  std::thread([moved = std::move(mortal)] {}).join();
  CHECK(mortal.is_empty());
  { const py::GilGuard drains; }
  CHECK(eval("seen()").is_none());
}

TEST_CASE("without the GIL a thread may ask what a handle is, and move it; a use is a StateError") {
  Object object = eval("[1]");
  const Object none = py::none();
  std::string text;
  bool answers = false;
  std::thread([&] {
    const Ref ref = object;
    answers = ref.ptr() && !ref.is_empty() && ref.is_alive() && !ref.is_none() && none.is_none() && ref.same(object);
    Object moved = std::move(object);
    answers = answers && object.is_empty() && moved.same(ref);
    object = std::move(moved);
#if LATEPY_CHECKS
    try {
      static_cast<void>(object[0].as<int>());
    } catch (const py::StateError& error) {
      text = error.what();
    }
#endif
  }).join();
  CHECK(answers);
  if (LATEPY_CHECKS) CHECK_THAT(text, ContainsSubstring("a thread that does not hold the GIL: put a latepy::GilGuard"));
  CHECK(object[0].as<int>() == 1);
}

// Empty, and of an interpreter that lives

TEST_CASE("every use of an empty or moved-from Object is a StateError, and never a crash") {
  Object moved = eval("[1]");
  const Object kept = std::move(moved);
  const Object never;
  for (const Object* empty : {&never, static_cast<const Object*>(&moved)}) {
    const Object& o = *empty;
    CHECK(o.is_empty());
    CHECK_FALSE(o.is_none());
    CHECK_FALSE(o.is_alive());
    CHECK(o.ptr() == nullptr);
    CHECK(o.same(Object()));
    const std::string text = thrown<py::StateError>([&] { o.as<int>(); }).what();
    CHECK_THAT(text, ContainsSubstring("empty Object") && ContainsSubstring("moved from"));
    CHECK_THROWS_AS(o.try_as<int>(), py::StateError);
    CHECK_THROWS_AS(o.is<int>(), py::StateError);
    CHECK_THROWS_AS(o.attr("x").as<int>(), py::StateError);
    CHECK_THROWS_AS(o.attr("x") = 1, py::StateError);
    CHECK_THROWS_AS(o.has_attr("x"), py::StateError);
    CHECK_THROWS_AS(o.get_attr("x", 1), py::StateError);
    CHECK_THROWS_AS(o[0].as<int>(), py::StateError);
    CHECK_THROWS_AS(o[0] = 1, py::StateError);
    CHECK_THROWS_AS(o[0].del(), py::StateError);
    CHECK_THROWS_AS(o(), py::StateError);
    CHECK_THROWS_AS(o.call<int>(1), py::StateError);
    CHECK_THROWS_AS(o.call_method("x"), py::StateError);
    CHECK_THROWS_AS(o.try_call(), py::StateError);
    CHECK_THROWS_AS(o.begin(), py::StateError);
    CHECK_THROWS_AS(o.contains(1), py::StateError);
    CHECK_THROWS_AS(static_cast<bool>(o), py::StateError);
    CHECK_THROWS_AS(o == kept, py::StateError);
    CHECK_THROWS_AS(kept == o, py::StateError);
    CHECK_THROWS_AS(1 == o, py::StateError);
    CHECK_THROWS_AS(o + 1, py::StateError);
    CHECK_THROWS_AS(1 + o, py::StateError);
    CHECK_THROWS_AS(-o, py::StateError);
    CHECK_THROWS_AS(std::hash<Object>()(o), py::StateError);
    CHECK_THROWS_AS(std::ostringstream() << o, py::StateError);
    CHECK_THROWS_AS(py::len(o), py::StateError);
    CHECK_THROWS_AS(py::isinstance(o, kept), py::StateError);
    CHECK_THROWS_AS(kept[o].as<int>(), py::StateError);  // as a key
    CHECK_THROWS_AS(kept[0] = o, py::StateError);        // as a value
    CHECK_THROWS_AS(eval("len")(o), py::StateError);     // as an argument
    CHECK_THROWS_AS(eval("dict")("x"_a = o), py::StateError);
  }
  Object in_place;
  CHECK_THROWS_AS(in_place += 1, py::StateError);
  CHECK_NOTHROW(Object(never));  // an empty one may be copied, moved and assigned
  in_place = never;
  CHECK(in_place.is_empty());
}

TEST_CASE("an Object knows whether its interpreter still runs") {
  const Object object = eval("1");
  CHECK(object.is_alive());
  CHECK(Ref(object).is_alive());
}

// Identity, None, truth

TEST_CASE("identity is same(), None is is_none()") {
  const Object a = eval("[]"), b = eval("[]");
  CHECK(a == b);
  CHECK_FALSE(a.same(b));
  CHECK(a.same(Object(a)));
  CHECK(eval("None").is_none());
  CHECK_FALSE(eval("0").is_none());
  CHECK(eval("None").same(py::none()));
}

TEST_CASE("explicit operator bool is Python's truth") {
  CHECK(static_cast<bool>(eval("[0]")));
  CHECK_FALSE(static_cast<bool>(eval("[]")));
  CHECK_FALSE(static_cast<bool>(eval("None")));
  CHECK_FALSE(static_cast<bool>(eval("0.0")));
  if (!eval("''")) SUCCEED("and works in conditions");
  const Object vague =
      run("class Vague:\n  def __bool__(self): raise ValueError('ambiguous')\nvague = Vague()")["vague"];
  CHECK_THROWS_AS(static_cast<bool>(vague), py::ValueError);
}
