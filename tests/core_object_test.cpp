// Tests of latepy/core/object.hpp: Objects as keys of hash maps and in streams, and that no use leaves an error behind.
// SPDX-License-Identifier: MIT
#include "objects.hpp"

#include <sstream>
#include <unordered_map>
#include <unordered_set>

using py::Object;
using py::Ref;

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
