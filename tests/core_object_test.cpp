// Tests of latepy/core/object.hpp: Object, Ref and Proxy, and everything that one does to an object.
// SPDX-License-Identifier: MIT
#include "python.hpp"

#include <sstream>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

using py::Object;
using py::Ref;

namespace {

/// The namespace that the code made.
Object run(const char* code) {
  py::Interpreter& interpreter = python();
  Object globals = py::dict();
  interpreter.exec(code, globals);
  return globals;
}

long refcount(const Ref& object) { return python().get("sys.getrefcount").call<long>(object); }

/// An object with an attribute `x`, whose class says what happens to it.
Object make_point() { return run("class Point:\n  def __init__(self): self.x = 1\n")["Point"](); }

template <class T, class = void>
constexpr bool has_as_on_lvalue = false;
template <class T>
constexpr bool has_as_on_lvalue<T, std::void_t<decltype(std::declval<T&>().template as<int>())>> = true;

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
static_assert(!std::is_copy_constructible_v<py::Proxy> && !std::is_move_constructible_v<py::Proxy>);
static_assert(!std::is_copy_assignable_v<py::Proxy>);
static_assert(has_as_on_lvalue<Object> && !has_as_on_lvalue<py::Proxy>);

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

// Attributes

TEST_CASE("attributes are read, assigned and deleted") {
  const Object point = make_point();
  CHECK(point.attr("x").as<int>() == 1);
  point.attr("x") = 2;
  CHECK(point.attr("x").as<int>() == 2);
  point.attr("name") = "p";
  const Object name = point.attr("name");
  CHECK(name == "p");
  point.attr("name").del();
  CHECK_FALSE(point.has_attr("name"));
  CHECK_THROWS_AS(point.attr("name").del(), py::AttributeError);
  const std::string text = thrown<py::AttributeError>([&] { point.attr("gone").as<int>(); }).what();
  CHECK_THAT(text, ContainsSubstring("'Point' object has no attribute 'gone'"));
}

TEST_CASE("an attribute's name is any text, or a str object") {
  const Object point = make_point();
  const std::string text = "with space, \xc3\xbc and\0NUL" + std::string(1, '\0');
  point.attr(text) = 3;
  CHECK(point.attr(std::string_view(text)).as<int>() == 3);
  CHECK(point.has_attr(text));
  CHECK_FALSE(point.has_attr(std::string_view(text).substr(1)));
  CHECK(point.attr(eval("'x'")).as<int>() == 1);
  CHECK_THROWS_AS(point.attr(eval("1")).as<int>(), py::TypeError);
  CHECK_THROWS_AS(point.attr("\xff").as<int>(), py::UnicodeError);
}

TEST_CASE("names that begin and end alike are different names, however long") {
  const Object globals =
      run("class Names: pass\nnames = Names()\n"
          "for i, name in enumerate(('aaaaaaaaa', 'aaaaaaaaaa', 'aaaaaaaaaaa', 'begin_of_it_1_end_of_it', "
          "'begin_of_it_2_end_of_it',"
          " 'abc', 'abbc', 'abbbc', 'aabaabaab', 'aabaaabaab')): setattr(names, name, i)");
  const Object names = globals["names"];
  for (int twice = 0; twice < 2; ++twice) {  // kept, and found again
    CHECK(names.attr("aaaaaaaaa").as<int>() == 0);
    CHECK(names.attr("aaaaaaaaaa").as<int>() == 1);
    CHECK(names.attr("aaaaaaaaaaa").as<int>() == 2);
    CHECK(names.attr("begin_of_it_1_end_of_it").as<int>() == 3);
    CHECK(names.attr("begin_of_it_2_end_of_it").as<int>() == 4);
    CHECK(names.attr("abc").as<int>() == 5);
    CHECK(names.attr("abbc").as<int>() == 6);
    CHECK(names.attr("abbbc").as<int>() == 7);
    CHECK(names.attr("aabaabaab").as<int>() == 8);
    CHECK(names.attr("aabaaabaab").as<int>() == 9);
  }
}

TEST_CASE("more names than there are places for are found as well") {
  const Object globals =
      run("class Names: pass\nnames = Names()\nfor i in range(3000): setattr(names, 'n%04d' % i, i)");
  const Object names = globals["names"];
  char name[] = "n0000";  // as long as a literal's would be, so that each text is kept while there is a place
  for (int twice = 0; twice < 2; ++twice)
    for (int i = 0; i < 3000; ++i) {
      std::snprintf(name, sizeof name, "n%04d", i);
      if (names.attr(name).as<int>() != i) FAIL(name);
    }
  CHECK(py::detail::interned_slots < 3000);
}

TEST_CASE("has_attr and get_attr take a missing attribute calmly, and only that") {
  const Object globals = run(R"(
      class Odd:
          there = None
          @property
          def broken(self): raise ValueError("not an AttributeError")
          @property
          def missing(self): raise AttributeError("as good as not there")
      odd = Odd()
  )");
  const Object odd = globals["odd"];
  CHECK(odd.has_attr("there"));
  CHECK_FALSE(odd.has_attr("not_there"));
  CHECK_FALSE(odd.has_attr("missing"));
  CHECK_THROWS_AS(odd.has_attr("broken"), py::ValueError);
  CHECK(odd.get_attr("there", 5).is_none());
  CHECK(odd.get_attr("not_there", 5) == 5);
  CHECK(odd.get_attr("missing", "text") == "text");
  CHECK(odd.get_attr("not_there", nullptr).is_none());
  CHECK_THROWS_AS(odd.get_attr("broken", 5), py::ValueError);
}

TEST_CASE("one attr() is one getattr: nothing is looked up before it is used") {
  const Object globals = run(R"(
      class Counts:
          seen = 0
          def __getattr__(self, name):
              Counts.seen += 1
              return 7
      counts = Counts()
  )");
  const Object counts = globals["counts"], seen_in = globals["Counts"];
  counts.attr("a");
  CHECK(seen_in.attr("seen").as<int>() == 0);
  CHECK(counts.attr("a").as<int>() == 7);
  CHECK(seen_in.attr("seen").as<int>() == 1);
  counts.attr("b") = 1;  // and an assignment reads nothing
  CHECK(seen_in.attr("seen").as<int>() == 1);
}

TEST_CASE("methods of a Proxy answer as those of the value do") {
  const Object globals = run("class A: pass\na = A()\na.number = 5\na.none = None\na.empty = []\na.list = [1, 2, 3]\n");
  const Object a = globals["a"];
  CHECK(a.attr("none").is_none());
  CHECK_FALSE(a.attr("number").is_none());
  CHECK(a.attr("number").is<int>());
  CHECK_FALSE(a.attr("number").is<std::string>());
  CHECK(a.attr("number").try_as<int>() == 5);
  CHECK_FALSE(a.attr("list").try_as<int>().has_value());
  CHECK_FALSE(static_cast<bool>(a.attr("empty")));
  CHECK((a.attr("list").call_method("index", 2) == 1));
  CHECK(a.attr("list").attr("index").call<int>(3) == 2);
  CHECK(a.attr("list").contains(2));
  CHECK(a.attr("list").has_attr("append"));
  CHECK_FALSE(a.attr("list").has_attr("gone"));
  CHECK((a.attr("list").get_attr("gone", 5) == 5));
  CHECK(a.attr("list").same(Object(a.attr("list"))));
  CHECK(a.attr("list").attr("pop").try_call<int>(9).error().is("IndexError"));
  int sum = 0;
  for (const Object& item : a.attr("list")) sum += item.as<int>();
  CHECK(sum == 6);
}

// Items

TEST_CASE("[] is __getitem__, always: any key, negative indices, slices") {
  const Object list = eval("[10, 20, 30, 40]");
  CHECK(list[0].as<int>() == 10);
  CHECK(list[-1].as<int>() == 40);
  CHECK(list[std::size_t(2)].as<int>() == 30);
  CHECK(list[eval("1")].as<int>() == 20);
  CHECK((list[py::slice(1, 3)] == eval("[20, 30]")));
  CHECK((list[py::slice(nullptr, nullptr, -1)] == eval("[40, 30, 20, 10]")));
  CHECK_THROWS_AS(list[4].as<int>(), py::IndexError);
  CHECK_THROWS_AS(list[-5].as<int>(), py::IndexError);
  CHECK_THROWS_AS(list["x"].as<int>(), py::TypeError);

  const Object dict = eval("{'x': 1, 2: 'two', (1, 2): 'tuple', None: 'none', 0.5: 'half'}");
  CHECK(dict["x"].as<int>() == 1);
  CHECK(dict[std::string("x")].as<int>() == 1);
  CHECK(dict[std::string_view("xy").substr(0, 1)].as<int>() == 1);
  CHECK((dict[2] == "two"));
  CHECK((dict[py::tuple(1, 2)] == "tuple"));
  CHECK((dict[nullptr] == "none"));
  CHECK((dict[0.5] == "half"));
  CHECK_THROWS_AS(dict[-1].as<int>(), py::KeyError);  // a key, no index from the end
  CHECK_THROWS_AS(dict[eval("[]")].as<int>(), py::TypeError);
  CHECK((eval("'text'")[-1] == "t"));
  CHECK_THROWS_AS(eval("5")[0].as<int>(), py::TypeError);
}

TEST_CASE("items are assigned and deleted") {
  const Object list = eval("[1, 2, 3, 4]");
  list[0] = "first";
  list[-1] = nullptr;
  CHECK(list == eval("['first', 2, 3, None]"));
  list[py::slice(1, 3)] = py::list(7, 8, 9);
  CHECK(list == eval("['first', 7, 8, 9, None]"));
  list[py::slice(0, 4)].del();
  CHECK(list == eval("[None]"));
  const Object dict = py::dict();
  dict["x"] = 1;
  dict[2] = std::string("two");
  CHECK(dict == eval("{'x': 1, 2: 'two'}"));
  dict["x"].del();
  CHECK(dict == eval("{2: 'two'}"));
  CHECK_THROWS_AS(dict["x"].del(), py::KeyError);
  CHECK_THROWS_AS(eval("(1, 2)")[0] = 1, py::TypeError);
  CHECK_THROWS_AS(eval("(1, 2)")[0].del(), py::TypeError);
}

TEST_CASE("a[\"x\"] = b[\"y\"] assigns the value") {
  const Object point = make_point(), a = py::dict(), b = py::dict("y"_a = 5);
  a["x"] = b["y"];
  CHECK((a["x"] == 5));
  b["y"] = 6;
  CHECK((a["x"] == 5));  // the value of then, no link
  a["x"] = point.attr("x");
  CHECK((a["x"] == 1));
  point.attr("x") = a["x"];
  point.attr("y") = b["y"];
  CHECK((point.attr("y") == 6));
  a["self"] = a["x"];
  a["x"] = a["x"];
  CHECK((a["x"] == 1));
  CHECK_THROWS_AS(a["x"] = b["missing"], py::KeyError);
  CHECK((a["x"] == 1));
}

TEST_CASE("chains are as deep as one likes") {
  const Object globals = run(R"(
      class Node: pass
      tree = Node()
      tree.kids = {"a": [Node(), Node()]}
      tree.kids["a"][1].size = {"w": 3}
      tree.find = lambda key: tree.kids[key]
  )");
  const Object tree = globals["tree"];
  CHECK(tree.attr("kids")["a"][1].attr("size")["w"].as<int>() == 3);
  tree.attr("kids")["a"][1].attr("size")["w"] = 4;
  CHECK(tree.attr("kids")["a"][1].attr("size")["w"].as<int>() == 4);
  tree.attr("kids")["a"][-1].attr("size")["w"] += 6;
  CHECK(tree.attr("find")("a")[-1].attr("size").attr("get")("w").as<int>() == 10);
  tree.attr("kids")["a"][0].del();
  CHECK((py::len(tree.attr("kids")["a"]) == 1));
  CHECK_THROWS_AS(tree.attr("kids")["b"][1].attr("size").as<int>(), py::KeyError);
}

TEST_CASE("a Proxy holds the object it was taken of") {
  CHECK(eval("[[1, 2], 3]")[0][1].as<int>() == 2);
  CHECK(make_point().attr("__class__").attr("__name__").as<std::string>() == "Point");
}

// Iteration and membership

TEST_CASE("for goes through any iterable") {
  std::vector<int> seen;
  for (Object item : eval("[1, 2, 3]")) seen.push_back(item.as<int>());
  for (const Object& item : eval("(x * x for x in range(4, 6))")) seen.push_back(item.as<int>());
  CHECK(seen == std::vector<int>{1, 2, 3, 16, 25});
  std::string keys;
  for (Object key : eval("{'b': 1, 'a': 2}")) keys += key.as<std::string>();
  CHECK(keys == "ba");  // insertion order
  for (Object item : eval("[]")) FAIL("an item of nothing: " << item);
  CHECK_THROWS_AS(eval("5").begin(), py::TypeError);
}

TEST_CASE("an exception in the middle of an iteration is thrown there") {
  const Object globals = run("def gen():\n  yield 1\n  raise ValueError('in the middle')\n");
  int seen = 0;
  const auto loop = [&] {
    for (Object item : globals["gen"]()) seen += item.as<int>();
  };
  CHECK_THROWS_AS(loop(), py::ValueError);
  CHECK(seen == 1);
}

TEST_CASE("a name may be an Object, but not an empty one") {
  const Object list = python().eval("[1, 2]");
  Object name = python().eval("'cou' + 'nt'");
  CHECK(list.attr(name)(2) == 1);
  CHECK(list.attr(std::move(name))(2) == 1);
  CHECK(name.is_empty());
  CHECK_THROWS_AS(list.attr(Object()).as<int>(), py::StateError);
  CHECK_THROWS_AS(list.has_attr(Object()), py::StateError);
}

TEST_CASE("Iterator keeps the iterable alive, and is what algorithms expect") {
  Object list = eval("[3, 1, 2]");
  py::Iterator at = list.begin();
  list = Object();
  CHECK(*at == 3);
  CHECK(at->as<int>() == 3);
  ++at;
  at++;
  CHECK(*at == 2);
  CHECK(at != nullptr);
  ++at;
  CHECK(at == nullptr);
}

TEST_CASE("a list may change while it is gone through") {
  const Object list = eval("[1, 2]");
  int seen = 0;
  for (const Object& item : list) {
    seen = seen * 10 + item.as<int>();
    if (seen < 10000) list.call_method("append", seen % 10 + 2);
    list[0] = nullptr;  // the item is the loop's own meanwhile
  }
  CHECK(seen == 123456);
  const auto references = python().get("sys.getrefcount");
  for (const char* of : {"[[0], [1], [2]]", "([0], [1], [2])", "iter([[0], [1], [2]])"}) {
    int at = 0;
    for (const Object& item : eval(of)) {
      CHECK(item[0].as<int>() == at++);
      CHECK(references(item).as<long>() == 2);  // the sequence's, and the loop's
      const Object kept = item;
      CHECK(references(item).as<long>() == 3);
    }
    CHECK(at == 3);
  }
  Object at_end = eval("[1]");
  py::Iterator at = at_end.begin();
  ++at;
  CHECK(at == nullptr);
  at_end.call_method("append", 2);
  ++at;
  CHECK(at == nullptr);  // as with Python's own iterators
}

TEST_CASE("leaving a loop early closes it") {
  const Object globals =
      run("closed = []\ndef gen():\n  try:\n    yield 1\n    yield 2\n  finally: closed.append(True)\n");
  for (Object item : globals["gen"]()) {
    CHECK(item == 1);
    break;
  }
  CHECK((globals["closed"] == eval("[True]")));
}

TEST_CASE("contains is Python's `in`") {
  CHECK(eval("[1, 2]").contains(2));
  CHECK_FALSE(eval("[1, 2]").contains(3));
  CHECK(eval("{'a': 1}").contains("a"));
  CHECK(eval("'haystack'").contains("st"));
  CHECK(eval("[[1]]").contains(eval("[1]")));
  CHECK_THROWS_AS(eval("5").contains(5), py::TypeError);
  CHECK_THROWS_AS(eval("'x'").contains(5), py::TypeError);
}

// Operators

TEST_CASE("comparisons give bool, with an Object, a Proxy or a value on either side") {
  const Object two = eval("2"), three = eval("3"), dict = eval("{'two': 2, 'three': 3}");
  CHECK((two == two && two == 2 && 2 == two && two == dict["two"] && dict["two"] == two && dict["two"] == 2 &&
         2 == dict["two"]));
  CHECK((two != three && two != 3 && 3 != two && dict["two"] != dict["three"]));
  CHECK((two < three && two < 3 && 2 < three && dict["two"] < 3 && 2 < dict["three"]));
  CHECK((two <= three && two <= 2 && 2 <= two));
  CHECK((three > two && three > 2 && 3 > two));
  CHECK((three >= two && three >= 3 && 3 >= three));
  CHECK_FALSE((two == three || two == 3 || 3 == two || two != two || two != 2 || 2 != two));
  CHECK_FALSE((two > three || two >= 3 || three < two || 3 <= two));
  CHECK((eval("'text'") == "text" && std::string("text") == eval("'text'") &&
         eval("'text'") != std::string_view("Text")));
  CHECK((eval("1.5") == 1.5 && eval("True") == true && eval("None") == nullptr));
  const Ref ref = two;
  CHECK((ref == two && two == ref && ref == 2 && 2 == ref && ref == ref && ref != three && ref == dict["two"]));
  static_assert(std::is_same_v<decltype(two == three), bool>);
  CHECK_FALSE(eval("'1'") == 1);
  CHECK_THROWS_AS(eval("'1'") < 1, py::TypeError);
}

TEST_CASE("the order of the operands is Python's") {
  const Object seven = eval("7");
  CHECK(10 - seven == 3);
  CHECK(seven - 10 == -3);
  CHECK(14 / seven == 2.0);
  CHECK(10 % seven == 3);
  CHECK(2 << eval("3") == 16);
  CHECK("%d-%d" % py::tuple(1, 2) == "1-2");
  CHECK("ab" + eval("'c'") == "abc");
  CHECK(eval("'a'") + "bc" == "abc");
  CHECK(3 * eval("[0]") == eval("[0, 0, 0]"));
}

TEST_CASE("arithmetic, bits and signs give Objects") {
  const Object a = eval("12"), b = eval("5"), dict = eval("{'a': 12, 'b': 5}");
  CHECK(a + b == 17);
  CHECK(a - b == 7);
  CHECK(a * b == 60);
  CHECK(a / b == 2.4);
  CHECK(a % b == 2);
  CHECK((a << b) == 384);
  CHECK((a >> 2) == 3);
  CHECK((a & b) == 4);
  CHECK((a | b) == 13);
  CHECK((a ^ b) == 9);
  CHECK(-a == -12);
  CHECK(+a == 12);
  CHECK(~a == -13);
  CHECK((dict["a"] + dict["b"] == 17));
  CHECK((dict["a"] * 2 == 24));
  CHECK((2 * dict["a"] == 24));
  CHECK((-dict["a"] == -12));
  CHECK(py::floor_div(a, b) == 2);
  CHECK(py::floor_div(-12, b) == -3);
  static_assert(std::is_same_v<decltype(a + b), Object>);
  CHECK_THROWS_AS(a / 0, py::ZeroDivisionError);
  CHECK_THROWS_AS(a + "text", py::TypeError);
}

TEST_CASE("in-place operators change the object where Python does, else give the variable a new one") {
  const Object list = eval("[1]");
  Object alias = list;
  alias += py::list(2);
  CHECK(list == eval("[1, 2]"));
  CHECK(alias.same(list));
  const Object number = eval("10");
  Object n = number;
  n += 5, n -= 1, n *= 4, n /= 2;
  CHECK(n == 28.0);
  CHECK(number == 10);
  n = number;
  n %= 4, n <<= 4, n >>= 1, n |= 3, n &= 18, n ^= 1;
  CHECK(n == 19);
  n += n;
  CHECK(n == 38);
  CHECK_THROWS_AS(n += "text", py::TypeError);
  CHECK(n == 38);  // as before
}

TEST_CASE("in-place operators on items and attributes store the result") {
  const Object dict = eval("{'n': 10, 'list': [1], 's': 'a'}"), point = make_point();
  dict["n"] += 5;
  dict["n"] -= 1;
  dict["n"] *= 4;
  CHECK((dict["n"] == 56));
  dict["n"] /= 2;
  dict["n"] %= 5;
  CHECK((dict["n"] == 3.0));
  dict["n"] = 1;
  dict["n"] <<= 4;
  dict["n"] >>= 1;
  dict["n"] |= 3;
  dict["n"] &= 10;
  dict["n"] ^= 1;
  CHECK((dict["n"] == 11));
  dict["list"] += py::list(2, 3);
  CHECK((dict["list"] == eval("[1, 2, 3]")));
  dict["s"] += "bc";
  CHECK((dict["s"] == "abc"));
  point.attr("x") += dict["n"];
  CHECK((point.attr("x") == 12));
  CHECK_THROWS_AS(dict["missing"] += 1, py::KeyError);
}

TEST_CASE("comparisons that give no bool, such as numpy's arrays, are had by compare()") {
  const Object globals = run(R"(
      class Array:
          def __init__(self, *items): self.items = items
          def __eq__(self, other): return Array(*[x == other for x in self.items])
          def __lt__(self, other): return Array(*[x < other for x in self.items])
          def __bool__(self):
              if len(self.items) != 1: raise ValueError("the truth value of an array is ambiguous")
              return bool(self.items[0])
      array = Array(1, 2, 3)
      single = Array(5)
  )");
  const Object array = globals["array"], single = globals["single"];
  CHECK((py::compare(array, py::Op::eq, 2).attr("items") == eval("(False, True, False)")));
  CHECK((py::compare(array, py::Op::lt, 3).attr("items") == eval("(True, True, False)")));
  CHECK((py::compare(2, py::Op::gt, array).attr("items") == py::compare(array, py::Op::lt, 2).attr("items")));
  CHECK_THROWS_AS(array == 2, py::ValueError);
  CHECK(single == 5);
  CHECK_FALSE(single < 5);
  CHECK(py::compare(1, py::Op::le, 1).is<bool>());
  CHECK(py::compare(1, py::Op::ne, 1) == false);
  CHECK(py::compare(2, py::Op::ge, 1) == true);
}

TEST_CASE("NaN is not equal to itself, also as the same object", "[nan]") {
  const Object nan = eval("float('nan')");
  CHECK_FALSE(nan == nan);
  CHECK(nan != nan);
  CHECK(nan.same(nan));
}

TEST_CASE("an operator that Python refuses says so with both types") {
  const std::string text = thrown<py::TypeError>([] { eval("[]") - eval("{}"); }).what();
  CHECK_THAT(text, ContainsSubstring("unsupported operand type(s) for -: 'list' and 'dict'"));
  CHECK_THROWS_AS(-eval("[]"), py::TypeError);
  CHECK_THROWS_AS(~eval("1.5"), py::TypeError);
}

TEST_CASE("reflected operators of Python's classes are used") {
  const Object globals = run("class R:\n  def __radd__(self, other): return ('radd', other)\nr = R()\n");
  CHECK((5 + globals["r"] == py::tuple("radd", 5)));
}

// Hash and streams

TEST_CASE("Objects are keys of hash maps, by Python's hash and equality") {
  std::unordered_map<Object, int> map;
  map[eval("'a'")] = 1;
  map[eval("(1, 2)")] = 2;
  map[eval("1")] = 3;
  CHECK(map.at(eval("'a'")) == 1);
  CHECK(map.at(py::tuple(1, 2)) == 2);
  CHECK(map.at(eval("1.0")) == 3);
  CHECK(map.size() == 3);
  CHECK_THROWS_AS(map[eval("[]")], py::TypeError);
  CHECK(std::hash<Object>()(eval("'a'")) == static_cast<std::size_t>(py::hash("a")));
  CHECK(std::unordered_set<Object>{eval("1"), eval("True"), eval("1.0")}.size() == 1);
}

TEST_CASE("a stream gets str()") {
  std::ostringstream text;
  text << eval("'t\xc3\xa4xt'") << ", " << eval("[1, 'a']") << ", " << Ref(eval("None"));
  CHECK(text.str() == "t\xc3\xa4xt, [1, 'a'], None");
  std::wostringstream wide;
  wide << eval("'t\xc3\xa4xt'");
  CHECK(wide.str() == L"t\u00e4xt");
  const Object dict = eval("{'k': 'item'}");
  std::ostringstream of_proxy;
  of_proxy << dict["k"];
  CHECK(of_proxy.str() == "item");
  const Object broken = run("class B:\n  def __str__(self): raise ValueError('no')\nb = B()")["b"];
  CHECK_THROWS_AS(text << broken, py::ValueError);
}

// Errors

TEST_CASE("no error stays set behind a use", "[error-indicator]") {
  const Object list = eval("[1]"), dict = eval("{}");
  CHECK_THROWS_AS(list[5].as<int>(), py::IndexError);
  CHECK_THROWS_AS(list[0].as<std::string>(), py::ConversionError);
  CHECK_FALSE(list[0].try_as<std::string>().has_value());
  CHECK_FALSE(list.is<double>());
  CHECK_FALSE(list.has_attr("gone"));
  CHECK(dict.get_attr("gone", 1) == 1);
  for (Object item : list) CHECK(item == 1);
  CHECK_FALSE(py::detail::api().Err_Occurred());
  CHECK(eval("len")(list) == 1);
}

TEST_CASE("a key is text of any encoding, a literal or a buffer") {
  const py::Object table = eval("{'x': 1, 'y': 2}");
  CHECK(table["x"].as<int>() == 1);
  CHECK(table[L"x"].as<int>() == 1);
  CHECK(table[u"x"].as<int>() == 1);
  CHECK(table[U"x"].as<int>() == 1);
  char key[8] = "x";
  CHECK(table[key].as<int>() == 1);
  key[0] = 'y';
  CHECK(table[key].as<int>() == 2);
}
