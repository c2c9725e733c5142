// Tests of latepy/core/operators.hpp: comparison, arithmetic, bits, in place, by Python; compare().
// SPDX-License-Identifier: MIT
#include "objects.hpp"

#include <type_traits>

using py::Object;
using py::Ref;

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

TEST_CASE("each operator is one special method of Python's") {
  const Object globals = run(R"(
      class Names:
          def __getattr__(self, name): raise AttributeError(name)
      def answers(name): return lambda self, *others: name
      for name in ('add sub mul truediv mod lshift rshift and or xor').split():
          for form in (name, 'r' + name, 'i' + name): setattr(Names, f'__{form}__', answers(form))
      for name in 'neg pos invert'.split(): setattr(Names, f'__{name}__', answers(name))
      names = Names()
  )");
  const Object o = globals["names"];
  CHECK((o + 1 == "add" && o - 1 == "sub" && o * 1 == "mul" && o / 1 == "truediv" && o % 1 == "mod"));
  CHECK(((o << 1) == "lshift" && (o >> 1) == "rshift" && (o & 1) == "and" && (o | 1) == "or" && (o ^ 1) == "xor"));
  CHECK((1 + o == "radd" && 1 - o == "rsub" && 1 * o == "rmul" && 1 / o == "rtruediv" && 1 % o == "rmod"));
  CHECK(((1 << o) == "rlshift" && (1 >> o) == "rrshift" && (1 & o) == "rand" && (1 | o) == "ror"));
  CHECK((1 ^ o) == "rxor");
  CHECK((-o == "neg" && +o == "pos" && ~o == "invert"));
  const auto in_place = [&](auto&& change) {
    Object changed = o;
    change(changed);
    return changed.as<std::string>();
  };
  CHECK(in_place([](Object& x) { x += 1; }) == "iadd");
  CHECK(in_place([](Object& x) { x -= 1; }) == "isub");
  CHECK(in_place([](Object& x) { x *= 1; }) == "imul");
  CHECK(in_place([](Object& x) { x /= 1; }) == "itruediv");
  CHECK(in_place([](Object& x) { x %= 1; }) == "imod");
  CHECK(in_place([](Object& x) { x <<= 1; }) == "ilshift");
  CHECK(in_place([](Object& x) { x >>= 1; }) == "irshift");
  CHECK(in_place([](Object& x) { x &= 1; }) == "iand");
  CHECK(in_place([](Object& x) { x |= 1; }) == "ior");
  CHECK(in_place([](Object& x) { x ^= 1; }) == "ixor");
}
