// Tests of latepy/core/builtins.hpp: Python's built-in functions and types by their own names.
// SPDX-License-Identifier: MIT
#include "python.hpp"

using py::Object;

TEST_CASE("none, str, repr, len, hash, type") {
  python();
  CHECK(py::none().is_none());
  CHECK(py::str(eval("'text'")) == "text");
  CHECK(py::repr(eval("'text'")) == "'text'");
  CHECK(py::str(5) == "5");
  CHECK(py::repr("it's") == "\"it's\"");
  CHECK(py::len(eval("[1, 2]")) == 2);
  CHECK(py::len("\xc3\xa9") == 1);  // characters, not bytes
  CHECK_THROWS_AS(py::len(5), py::TypeError);
  CHECK(py::hash("a") == eval("hash('a')"));
  CHECK(py::hash(-1) == -2);
  CHECK_THROWS_AS(py::hash(eval("[]")), py::TypeError);
  CHECK(py::type(1).same(eval("int")));
  CHECK(py::type(eval("int")).same(eval("type")));
}

TEST_CASE("what an object's own methods raise is thrown as it is") {
  const Object bad = python().run_string("class Bad:\n"
                                         "  def __str__(self): raise ValueError('in str')\n"
                                         "  def __repr__(self): raise LookupError('in repr')\n"
                                         "  def __len__(self): return -1\n"
                                         "  def __hash__(self): raise KeyError('in hash')\n"
                                         "  def __dir__(self): return 5\n"
                                         "  def __iter__(self): return 5\n"
                                         "Bad()");
  CHECK(thrown<py::ValueError>([&] { py::str(bad); }).message() == "in str");
  CHECK(thrown<py::LookupError>([&] { py::repr(bad); }).message() == "in repr");
  CHECK_THROWS_AS(py::repr(py::list(bad)), py::LookupError);
  CHECK_THROWS_AS(py::len(bad), py::ValueError);
  CHECK_THROWS_AS(py::hash(bad), py::KeyError);
  CHECK_THROWS_AS(py::dir(bad), py::TypeError);
  CHECK_THROWS_AS(py::iter(bad), py::TypeError);
  CHECK_THROWS_AS(py::str(Object()), py::StateError);
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("str of a lone surrogate is a ConversionError, repr escapes it", "[unicode]") {
  CHECK_THROWS_AS(py::str(eval("'\\ud800'")), py::ConversionError);
  CHECK(py::repr(eval("'\\ud800'")) == "'\\ud800'");
}

TEST_CASE("callable, isinstance, issubclass, dir, iter") {
  CHECK(py::callable(eval("len")));
  CHECK_FALSE(py::callable(5));
  CHECK(py::isinstance(5, eval("int")));
  CHECK(py::isinstance(5, eval("(str, int)")));
  CHECK_FALSE(py::isinstance("5", eval("int")));
  CHECK(py::isinstance(5, eval("(str, (bytes, (int,)))")));
  CHECK_FALSE(py::isinstance(5, eval("()")));
  CHECK(py::isinstance(py::list(), python().get("collections.abc.Sequence")));
  CHECK_THROWS_AS(py::isinstance(5, eval("6")), py::TypeError);
  CHECK(py::issubclass(eval("bool"), eval("int")));
  CHECK_FALSE(py::issubclass(eval("int"), eval("bool")));
  CHECK_THROWS_AS(py::issubclass(eval("5"), eval("int")), py::TypeError);
  CHECK(py::dir(eval("[]")).contains("append"));
  CHECK(eval("next")(py::iter(eval("[7]"))) == 7);
  CHECK_THROWS_AS(py::iter(5), py::TypeError);
}

TEST_CASE("integer reads decimal digits as int() does") {
  CHECK((python(), py::integer("123") == 123));
  CHECK(py::integer("-" + std::string(100, '9')) == eval("-10**100 + 1"));
  for (const std::string& bad : {std::string("12x"), std::string(""), std::string("0x10"), std::string("1.0"), std::string("12\0", 3)})
    CHECK_THROWS_AS(py::integer(bad), py::ValueError);
  const std::string long_text(5000, '7');
  if (!python().import_module("sys").has_attr("get_int_max_str_digits")) {  // older than the limit
    CHECK(py::str(py::integer(long_text)) == long_text);
    return;
  }
  CHECK_THROWS_AS(py::integer(long_text), py::ValueError);
  CHECK_THROWS_AS(py::str(py::pow(10, 5000)), py::ValueError);
  CHECK(py::str(py::integer(long_text.substr(0, 4300))) == long_text.substr(0, 4300));
}

TEST_CASE("floor_div, pow, matmul, divmod, abs") {
  CHECK((python(), py::floor_div(7, 2) == 3));
  CHECK(py::floor_div(-7, 2) == -4);
  CHECK(py::pow(2, 100) == eval("2**100"));
  CHECK(py::pow(3, 4, 5) == 1);
  CHECK(py::pow(2.0, eval("0.5")) == eval("2**0.5"));
  CHECK(py::divmod(-7, 2) == py::tuple(-4, 1));
  CHECK(py::abs(eval("-3")) == 3);
  CHECK(py::abs(eval("3 + 4j")) == 5.0);
  const Object matrix = python().run_string("class M:\n  def __matmul__(self, other): return ('matmul', other)\nM()\n");
  CHECK(py::matmul(matrix, 2) == py::tuple("matmul", 2));
  CHECK(py::pow(2, -1) == 0.5);
  CHECK_THROWS_AS(py::pow(2, 3, 0), py::ValueError);
  CHECK_THROWS_AS(py::pow(2.5, 3, 7), py::TypeError);
  CHECK_THROWS_AS(py::divmod(1, 0), py::ZeroDivisionError);
  CHECK_THROWS_AS(py::abs(eval("'text'")), py::TypeError);
  CHECK_THROWS_AS(py::floor_div(1, 0), py::ZeroDivisionError);
  CHECK_THROWS_AS(py::matmul(1, 2), py::TypeError);
}

TEST_CASE("slice is Python's slice, with nullptr for None") {
  const Object digits = eval("'0123456789'");
  CHECK((digits[py::slice(2, 5)] == "234"));
  CHECK((digits[py::slice(nullptr, -7)] == "012"));
  CHECK((digits[py::slice(7, nullptr)] == "789"));
  CHECK((digits[py::slice(nullptr, nullptr, -3)] == "9630"));
  CHECK(py::slice(1, 2) == eval("slice(1, 2)"));
  const Object list = eval("[0, 1, 2, 3, 4]");
  list[py::slice(-2, nullptr)] = py::list("end");
  list[py::slice(nullptr, 2)].del();
  CHECK(list == py::list(2, "end"));
  CHECK_THROWS_AS(digits[py::slice("a", nullptr)].as<Object>(), py::TypeError);
}

TEST_CASE("list, tuple, set and dict are made of values, list_of and tuple_of of iterables") {
  python();
  CHECK(py::list() == eval("[]"));
  CHECK(py::list(1, "two", 3.0, nullptr) == eval("[1, 'two', 3.0, None]"));
  CHECK(py::list(py::list(1)) == eval("[[1]]"));
  CHECK(py::list_of("abc") == eval("['a', 'b', 'c']"));
  CHECK(py::list_of(eval("range(3)")) == eval("[0, 1, 2]"));
  CHECK(py::tuple() == eval("()"));
  CHECK(py::tuple(1, py::tuple(2)) == eval("(1, (2,))"));
  CHECK(py::tuple_of(eval("{1: 2}")) == eval("(1,)"));
  CHECK(py::set() == eval("set()"));
  CHECK(py::set(1, 2, 1) == eval("{1, 2}"));
  CHECK_THROWS_AS(py::set(eval("[]")), py::TypeError);
  CHECK(py::dict() == eval("{}"));
  CHECK(py::dict("b"_a = 1, "a"_a = "x") == eval("{'b': 1, 'a': 'x'}"));
  CHECK(py::list_of(py::dict("b"_a = 1, "a"_a = 2)) == eval("['b', 'a']"));  // order kept
  CHECK_THROWS_AS(py::dict("a"_a), py::TypeError);
  CHECK_THROWS_AS(py::list_of(5), py::TypeError);
  const Object shared = eval("[]");
  CHECK(py::list(shared)[0].as<Object>().same(shared));
}

TEST_CASE("items goes through a mapping in pairs, in its order", "[order]") {
  std::string text;
  for (const auto& [key, value] : py::items(eval("{'b': 1, 'a': 2}"))) text += key.as<std::string>() + py::str(value);
  CHECK(text == "b1a2");
  for (auto [key, value] : py::items(eval("{}"))) FAIL("an item of nothing");
  const Object dict = eval("{1: 1, 2: 2}");
  int sum = 0;
  for (auto [key, value] : py::items(dict)) {  // those of the beginning: the loop may change the dict
    dict[key].del();
    dict[key + 10] = value;
    sum += value.as<int>();
  }
  CHECK(sum == 3);
  CHECK(dict == eval("{11: 1, 12: 2}"));
  CHECK(py::str(Object(python().get("collections.OrderedDict")(py::list(py::tuple("k", 1)))).call_method("items")).find("k") != std::string::npos);
  const Object lazy = python().run_string("class Lazy:\n  def items(self): yield from [('k', 1), ('l', 2)]\nLazy()");
  text.clear();
  for (auto [key, value] : py::items(lazy)) text += key.as<std::string>();
  CHECK(text == "kl");
  CHECK_THROWS_AS(py::items(eval("5")), py::AttributeError);
}
