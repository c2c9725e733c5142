// Tests of latepy/core/proxy.hpp: attributes and items, named, then read, called, assigned or deleted.
// SPDX-License-Identifier: MIT
#include "objects.hpp"

#include <cstdio>
#include <type_traits>

using py::Object;

// What stands for a value that is not read yet is used in its own expression, and kept nowhere;
// compile_fail/objects.cpp has what a use of a kept one says.

static_assert(!std::is_copy_constructible_v<py::Proxy> && !std::is_move_constructible_v<py::Proxy>);
static_assert(!std::is_copy_assignable_v<py::Proxy>);

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

TEST_CASE("a name may be an Object, but not an empty one") {
  const Object list = python().eval("[1, 2]");
  Object name = python().eval("'cou' + 'nt'");
  CHECK(list.attr(name)(2) == 1);
  CHECK(list.attr(std::move(name))(2) == 1);
  CHECK(name.is_empty());
  CHECK_THROWS_AS(list.attr(Object()).as<int>(), py::StateError);
  CHECK_THROWS_AS(list.has_attr(Object()), py::StateError);
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

TEST_CASE("get_item takes a missing item calmly, and only that") {
  const Object globals = run(R"(
      class Odd:
          def __getitem__(self, key): raise ValueError("neither KeyError nor IndexError")
      odd = Odd()
      settings = {'width': 3, 'inner': {'a': 1}}
      items = [1, 2]
  )");
  const Object settings = globals["settings"], items = globals["items"];
  CHECK(settings.get_item("width", 5) == 3);
  CHECK(settings.get_item(std::string("height"), 5) == 5);
  CHECK(settings.get_item("height", nullptr).is_none());
  CHECK(settings.get_item(7, "text") == "text");
  CHECK(items.get_item(-1, 0) == 2);
  CHECK(items.get_item(2, 0) == 0);
  CHECK(settings["inner"].get_item("b", 4) == 4);
  CHECK(globals["settings"].get_item("width", 5) == 3);
  CHECK_THROWS_AS(globals["odd"].get_item(0, 5), py::ValueError);
  CHECK_THROWS_AS(settings.get_item(py::list(), 5), py::TypeError);
  CHECK_FALSE(py::detail::api().Err_Occurred());
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

TEST_CASE("contains is Python's `in`") {
  CHECK(eval("[1, 2]").contains(2));
  CHECK_FALSE(eval("[1, 2]").contains(3));
  CHECK(eval("{'a': 1}").contains("a"));
  CHECK(eval("'haystack'").contains("st"));
  CHECK(eval("[[1]]").contains(eval("[1]")));
  CHECK_THROWS_AS(eval("5").contains(5), py::TypeError);
  CHECK_THROWS_AS(eval("'x'").contains(5), py::TypeError);
}

TEST_CASE("a program that never calls reset() does not note what it puts into __main__") {
  python()["noted"] = 1;
  python()["noted"] += 1;
  python().def("noted_function", [] {});
  CHECK(python()["noted"].as<int>() == 2);
  CHECK(py::detail::current_interpreter().given_globals.load() == nullptr);
  python()["noted"].del();
  CHECK_FALSE(python().globals().contains("noted"));
  CHECK_THROWS_AS(python()["noted"].del(), py::KeyError);
}
