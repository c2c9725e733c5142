// Tests of latepy/core/converter.hpp: converters of one's own, and what asks them: to_py, from_py, as, try_as, is.
// SPDX-License-Identifier: MIT
#include "odd_objects.hpp"

#include <type_traits>

using py::ConversionError;
using py::Object;

namespace {

struct Celsius {
  double degrees = 0;
};
struct Handle {  // move-only, without a default constructor
  explicit Handle(int n) : number(std::make_unique<int>(n)) {}
  std::unique_ptr<int> number;
};
struct Even {
  int value;
};
struct OneWay {};

struct Place {
  int x = 0, y = 0;
};
struct Quantity {  // the base of types that one Converter serves
  int number = 0;
};
struct Weight : Quantity {};
struct Length : Quantity {};

struct Never {};  // its Converter leaves Python's error set
struct Gone {};   // its Converter throws `of_another`
std::optional<py::PythonError> of_another;
int tries = 0, from_pys = 0;

}  // namespace

template <>
struct latepy::Converter<Celsius> {
  static Object to_py(const Celsius& value) { return latepy::to_py(value.degrees); }
  static Celsius from_py(Ref object) { return {object.as<double>()}; }
};
template <>
struct latepy::Converter<Handle> {
  static Object to_py(Handle&& value) { return latepy::to_py(*std::exchange(value.number, nullptr)); }
  static Handle from_py(Ref object) { return Handle(object.as<int>()); }
};
template <>
struct latepy::Converter<Even> {
  static constexpr const char* name = "my::Even";
  static Object to_py(const Even& value) { return latepy::to_py(value.value); }
  static Even from_py(Ref object) {
    ++from_pys;
    std::optional<Even> value;
    if (!try_from_py(object, value)) throw ConversionError("an odd number");
    return *value;
  }
  static bool try_from_py(Ref object, std::optional<Even>& result) noexcept {
    ++tries;
    const auto number = object.try_as<int>();
    if (number && *number % 2 == 0) result = Even{*number};
    return result.has_value();
  }
};
template <>
struct latepy::Converter<OneWay> {
  static Object to_py(const OneWay&) { return latepy::to_py("one way"); }
};
/// An object with `x` and `y`, which a signature calls by that name.
template <>
struct latepy::Converter<Place> {
  static std::string python_type() { return "maps.Place"; }
  static Object to_py(const Place& place) { return py::tuple(place.x, place.y); }
  static Place from_py(Ref object) { return {part(object, "x"), part(object, "y")}; }

 private:
  static int part(const Ref& object, const char* name) {
    try {
      return object.attr(name).as<int>();
    } catch (ConversionError& error) {
      error.inside(std::string(".") + name);
      throw;
    }
  }
};
template <>
struct latepy::Converter<Never> : latepy::detail::ConverterBase<Never, latepy::Converter<Never>> {
  static constexpr const char* name = "Never";
  static bool load(PyObject*, Never&) noexcept {
    py::detail::set_error(*py::detail::api().TypeError, "not today");
    return false;
  }
};
template <>
struct latepy::Converter<Gone> {
  static Gone from_py(Ref) { throw *of_another; }
  static bool try_from_py(Ref object, std::optional<Gone>& result) {
    return detail::try_load(result, [&] { return result.emplace(from_py(object)), true; });
  }
};
template <class T>
struct latepy::Converter<T, std::enable_if_t<std::is_base_of_v<Quantity, T>>> {
  static Object to_py(const T& value) { return latepy::to_py(value.number); }
  static T from_py(Ref object) { return T{{object.as<int>()}}; }
};

TEST_CASE("a Converter of one's own serves as, arguments, results, items and operators") {
  CHECK(as<Celsius>("21.5").degrees == 21.5);
  CHECK(py::to_py(Celsius{3}) == 3.0);
  const Celsius lvalue{4};
  CHECK(py::to_py(lvalue) == 4.0);
  CHECK(eval("lambda c: c * 2").call<Celsius>(Celsius{5}).degrees == 10);
  const Object dict = py::dict("c"_a = Celsius{6});
  CHECK((dict["c"].as<Celsius>().degrees == 6));
  dict["c"] = Celsius{7};
  CHECK((dict["c"] == Celsius{7}));
  CHECK((dict["c"] + Celsius{1} == 8.0));
}

TEST_CASE("without try_from_py, try_as and is take any exception of from_py for a no") {
  CHECK(eval("1").try_as<Celsius>()->degrees == 1);
  CHECK_FALSE(eval("'x'").try_as<Celsius>().has_value());
  CHECK_FALSE(eval("'x'").is<Celsius>());
  CHECK_FALSE(odd("Raises()").is<Celsius>());
  CHECK_THROWS_AS(as<Celsius>("'x'"), ConversionError);
  CHECK_THROWS_AS(odd("Raises()").as<Celsius>(), py::LookupError);
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("with try_from_py they ask that, and from_py is not called") {
  tries = from_pys = 0;
  CHECK(eval("4").is<Even>());
  CHECK(eval("4").try_as<Even>()->value == 4);
  CHECK_FALSE(eval("5").is<Even>());
  CHECK_FALSE(eval("'x'").try_as<Even>().has_value());
  CHECK(tries == 4);
  CHECK(from_pys == 0);
  CHECK_THROWS_AS(as<Even>("5"), ConversionError);
  CHECK(from_pys == 1);
}

TEST_CASE("types that only move, and have no default, convert both ways") {
  CHECK(*as<Handle>("5").number == 5);
  CHECK(*eval("6").try_as<Handle>()->number == 6);
  CHECK_FALSE(eval("'x'").try_as<Handle>().has_value());
  CHECK(py::to_py(Handle(7)) == 7);
  Handle handle(8);
  CHECK(eval("lambda x: x + 1")(std::move(handle)) == 9);
  CHECK(handle.number == nullptr);
  CHECK(*eval("lambda x: x").call<Handle>(Handle(10)).number == 10);
}

TEST_CASE("a Converter of one direction is enough for that direction") {
  python();
  CHECK(py::to_py(OneWay()) == "one way");
}

TEST_CASE("a Converter's name is what errors call the type") {
  CHECK(py::detail::type_name<Even>() == "my::Even");
  CHECK(py::detail::type_name<int>() == "int");
  CHECK(py::detail::type_name<Celsius>().find("Celsius") != std::string_view::npos);
}

TEST_CASE("a Converter may say what signatures call the type: python_type()") {
  python().def("distance", [](const Place& place, Celsius) { return place; });
  CHECK(eval("distance.__signatures__[0]").as<std::string>() ==
        "(arg1: maps.Place, arg2: typing.Any, /) -> maps.Place");
}

TEST_CASE("a Converter may tell the way to the part that does not fit") {
  const Object place = python().run_string("class Place: x, y = 1, 2\nPlace()");
  CHECK(place.as<Place>().y == 2);
  place.attr("y") = "north";
  const ConversionError error = thrown<ConversionError>([&] { place.as<Place>(); });
  CHECK(std::string(error.what()) == ".y: cannot convert 'str' \"north\" to int");
  CHECK(error.path() == ".y");
  CHECK_FALSE(place.is<Place>());
  CHECK_THROWS_AS(eval("5").as<Place>(), py::AttributeError);
  CHECK_FALSE(eval("5").is<Place>());
}

TEST_CASE("a TypeError that a Converter leaves set is the reason that the error tells") {
  CHECK(refusal<Never>("5") == "cannot convert 'int' 5 to Never: not today");
}

TEST_CASE("an exception of another interpreter, or of one that has ended, is a no to try_as and is") {
  python();
  const auto check = [] {
    CHECK_FALSE(eval("5").is<Gone>());
    CHECK_FALSE(eval("5").try_as<Gone>().has_value());
    CHECK_FALSE(py::detail::api().Err_Occurred());
    CHECK(thrown<py::PythonError>([] { eval("5").as<Gone>(); }).is("ZeroDivisionError"));
  };
  {
    py::SubInterpreter sub;
    of_another = sub.try_eval("1 / 0").error();
    check();
  }
  check();
}

TEST_CASE("one Converter may serve many types") {
  CHECK(as<Weight>("3").number == 3);
  CHECK(as<Length>("4").number == 4);
  CHECK(py::to_py(Weight{{5}}) == 5);
  CHECK_FALSE(eval("'x'").is<Length>());
}

TEST_CASE("to_py and from_py of nothing that runs, or of an empty Object, are StateErrors") {
  python();
  CHECK_THROWS_AS(py::from_py<Celsius>(Object()), py::StateError);
  CHECK_THROWS_AS(Object().try_as<Celsius>(), py::StateError);
  CHECK_THROWS_AS(Object().is<Even>(), py::StateError);
  CHECK_THROWS_AS(Object().as<Weight>(), py::StateError);
}

// Objects, and what errors say

TEST_CASE("Object, Ref and Proxy convert to themselves") {
  const Object object = eval("[object()]");
  CHECK(py::to_py(object).same(object));
  CHECK(py::to_py(py::Ref(object)).same(object));
  CHECK(py::to_py(object[0]).same(Object(object[0])));
  CHECK(py::from_py<Object>(object).same(object));
  CHECK(object.as<Object>().same(object));
  CHECK(object.try_as<Object>()->same(object));
  CHECK(object.is<Object>());
  Object moved = object;
  CHECK(py::to_py(std::move(moved)).same(object));
  CHECK(moved.is_empty());
  CHECK_THROWS_AS(py::to_py(Object()), py::StateError);
  CHECK_THROWS_AS(py::from_py<Object>(Object()), py::StateError);
  CHECK_THROWS_AS(py::from_py<int>(Object()), py::StateError);
}

TEST_CASE("the error shows the value: escaped, shortened, and also where repr() fails") {
  CHECK(refusal<int>("'a\\nb'") == "cannot convert 'str' \"a\\x0ab\" to int");
  const std::string text = refusal<int>("'\\u20ac' * 1000");
  CHECK(text.size() < 200);
  CHECK_THAT(text, ContainsSubstring("\xe2\x82\xac\xe2\x80\xa6 to int"));  // whole characters, then an ellipsis
  CHECK_THAT(refusal<int>("[0] * 900 + [type('Unseen', (), {'__repr__': None})()]"),
             ContainsSubstring("'list' [0, 0, "));
  CHECK_THAT(refusal<int>(odd("NoRepr()")), ContainsSubstring("'NoRepr' <its repr() failed> to int"));
  CHECK_THAT(refusal<int>("10**5000"), ContainsSubstring("out of range"));  // from 3.11 on it has no repr()
  python().exec("class Lines:\n  def __repr__(self): return '[[1, 2]\\n  [3, 4]]\\t\\n'");
  CHECK(refusal<int>(eval("Lines()")) == "cannot convert 'Lines' [[1, 2] [3, 4]]\\x09  to int");
  CHECK(refusal<int>(python().get("fractions.Fraction")(1, 3)) ==
        "cannot convert 'fractions.Fraction' Fraction(1, 3) to int");
}
