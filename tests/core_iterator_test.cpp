// Tests of latepy/core/iterator.hpp: C++ loops over everything that Python can iterate over.
// SPDX-License-Identifier: MIT
#include "objects.hpp"

#include <iterator>
#include <type_traits>

using py::Object;

static_assert(std::is_same_v<std::iterator_traits<py::Iterator>::iterator_category, std::input_iterator_tag>);
static_assert(std::is_same_v<std::iterator_traits<py::Iterator>::value_type, Object>);

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

TEST_CASE("Iterator keeps the iterable alive, and is what algorithms expect") {
  Object list = eval("[3, 1, 2]");
  py::Iterator at = list.begin();
  list = Object();
  CHECK(*at == 3);
  CHECK(at->as<int>() == 3);
  ++at;
  CHECK(*at++ == 1);
  CHECK(*at == 2);
  CHECK(at != nullptr);
  ++at;
  CHECK(at == nullptr);
}

TEST_CASE("the item of a temporary Iterator can be kept") {
  const py::Object& first = *eval("iter([[1], [2]])").begin();
  CHECK(first[0].as<int>() == 1);
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

TEST_CASE("the iterable's own __iter__ and __next__ are asked, also those of classes derived from list and tuple") {
  const Object globals = run(R"(
      class Shown(list):
          def __iter__(self): return iter('ab')
      class Pair(tuple):
          def __iter__(self): return iter('cd')
      class Steps:
          at = 0
          def __iter__(self): return self
          def __next__(self):
              self.at += 1
              if self.at > 2: raise StopIteration
              return str(self.at)
      class Indexed:
          def __getitem__(self, at): return 'xy'[at]
      class Refuses:
          def __iter__(self): raise LookupError('no')
      class NoIterator:
          def __iter__(self): return 5
  )");
  std::string seen;
  for (const Object& item : globals["Shown"](eval("[1, 2, 3]"))) seen += item.as<std::string>();
  for (const Object& item : globals["Pair"](eval("[1, 2, 3]"))) seen += item.as<std::string>();
  for (const Object& item : globals["Steps"]()) seen += item.as<std::string>();
  for (const Object& item : globals["Indexed"]()) seen += item.as<std::string>();
  CHECK(seen == "abcd12xy");
  CHECK_THROWS_AS(globals["Refuses"]().begin(), py::LookupError);
  CHECK_THROWS_AS(globals["NoIterator"]().begin(), py::TypeError);
}

TEST_CASE("a dict that grows while it is gone through is a RuntimeError, as in Python") {
  const Object dict = eval("{1: 1, 2: 2}");
  int seen = 0;
  const auto loop = [&] {
    for (const Object& key : dict) {
      ++seen;
      dict[key.as<int>() + 10] = 0;
    }
  };
  CHECK_THROWS_AS(loop(), py::RuntimeError);
  CHECK(seen == 1);
}

TEST_CASE("loops over the same iterable are independent, those over the same iterator share it") {
  const Object list = eval("[1, 2, 3]"), iterator = eval("iter([1, 2, 3, 4])");
  std::string seen;
  for (const Object& outer : list)
    for (const Object& inner : list) seen += py::str(outer) + py::str(inner) + " ";
  CHECK(seen == "11 12 13 21 22 23 31 32 33 ");
  seen.clear();
  for (const Object& outer : iterator) {
    seen += py::str(outer);
    for (const Object& inner : iterator) {
      seen += py::str(inner) + " ";
      break;
    }
  }
  CHECK(seen == "12 34 ");
}

TEST_CASE("a loop over an item or attribute reads it once") {
  const Object globals = run(R"(
      class Owner:
          reads = 0
          @property
          def items(self):
              self.reads += 1
              return (1, 2, 3)
      owner = Owner()
  )");
  const Object owner = globals["owner"];
  int sum = 0;
  for (const Object& item : owner.attr("items")) sum += item.as<int>();
  CHECK(sum == 6);
  CHECK((owner.attr("reads") == 1));
  for (const Object& item : eval("{'k': [4]}")["k"]) sum += item.as<int>();
  CHECK(sum == 10);
  CHECK_THROWS_AS(owner.attr("gone").begin(), py::AttributeError);
}
