// Tests of latepy/memory/array.hpp: Array, Span parameters, array().
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <complex>
#include <cstdint>
#include <thread>

#include <latepy/latepy.hpp>
#include <latepy/memory/array.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"
#include "refusals.hpp"

using py::Array;
using py::Object;

namespace array_test {
struct Point {
  double x, y;
};
}  // namespace array_test
LATEPY_STRUCT(array_test::Point, x, y)
using array_test::Point;

namespace {

bool has_numpy() {
  static const bool has = [] {
    const bool found = python().try_exec("import numpy").has_value();
    if (!found) WARN("skipped: this Python has no numpy");
    return found;
  }();
  return has;
}
Object doubles(const char* items) { return py::Ref(python().get("array.array"))("d", eval(items)); }
template <class T>
std::string refused(const Object& object) {
  CHECK_FALSE(object.is<T>());
  const std::string text = said<py::ConversionError>([&] { static_cast<void>(object.as<T>()); });
  return text.substr(text.find("latepy::Array"));
}
template <class T>
std::vector<std::remove_const_t<T>> items_of(const Array<T>& array) {
  return {array.begin(), array.end()};
}

}  // namespace

TEST_CASE("an Array is exactly the object's memory, to read and to write") {
  const Object numbers = doubles("[1, 2, 3]");
  const auto array = numbers.as<Array<double>>();
  CHECK(array.size() == 3);
  CHECK((array.ndim() == 1 && array.shape(0) == 3 && array.stride(0) == 8));
  CHECK(!array.is_copy());
  CHECK(array.object().same(numbers));
  array[1] = 20;
  array(2) = 30;
  array.at(0) = 10;
  CHECK(numbers.call_method("tolist").as<std::vector<double>>() == std::vector<double>{10, 20, 30});
  CHECK_THROWS_AS(numbers.attr("append")(1), py::Exception);  // BufferError: the memory must not move
  CHECK(py::to_py(array).same(numbers));
}

TEST_CASE("an Array that is not const never copies, and says what to pass instead") {
  CHECK(refused<Array<double>>(eval("[1.5]")) ==
        "latepy::Array<double>: it has no memory to share: pass a numpy array, array.array or another buffer");
  CHECK(refused<Array<double>>(py::Ref(python().get("array.array"))("f", eval("[1]"))) ==
        "latepy::Array<double>: its items have the format 'f' and 4 bytes, and 'd' and 8 bytes are wanted: convert it "
        "first (array.astype), or let the program take an Array<const T>");
  python()["numbers"] = doubles("range(6)");
  CHECK(refused<Array<double>>(eval("memoryview(numbers)[::2]")) ==
        "latepy::Array<double>: its items do not lie one after the other, row after row: pass "
        "numpy.ascontiguousarray(...)");
  CHECK(refused<Array<double>>(eval("memoryview(numbers).toreadonly()")) ==
        "latepy::Array<double>: its memory is read-only: pass a writable copy");
  CHECK(refused<Array<double>>(eval("memoryview(bytearray(17))[1:].cast('d')")) ==
        "latepy::Array<double>: its items are not aligned: pass a copy");
  python().exec("released = memoryview(numbers)\nreleased.release()");
  CHECK(refused<Array<double>>(eval("released")) ==
        "latepy::Array<double>: operation forbidden on released memoryview object");
  CHECK(refused<Array<double, 2>>(eval("numbers")) ==
        "latepy::Array<double, 2>: it has 1 dimensions, and 2 are wanted");
  python().exec("del numbers, released");
}

TEST_CASE("an Array of const items converts what is none, into memory of its own") {
  const auto check = [](const char* code, std::vector<double> items, std::vector<std::size_t> shape) {
    INFO(code);
    const Object object = eval(code);
    CHECK(object.is<Array<const double>>());
    const auto array = object.as<Array<const double>>();
    CHECK(array.is_copy());
    CHECK(items_of(array) == items);
    CHECK(array.ndim() == static_cast<int>(shape.size()));
    for (std::size_t i = 0; i < shape.size(); ++i) CHECK(array.shape(static_cast<int>(i)) == shape[i]);
  };
  python().exec("import array\nnumbers = array.array('d', range(6))");
  check("[1, 2.5]", {1, 2.5}, {2});
  check("((1, 2), [3, 4], range(5, 7))", {1, 2, 3, 4, 5, 6}, {3, 2});
  check("7", {7}, {});
  check("[]", {}, {0});
  check("[[], []]", {}, {2, 0});
  check("[True, 2]", {1, 2}, {2});
  check("array.array('i', [1, 2])", {1, 2}, {2});
  check("array.array('f', [1.5])", {1.5}, {1});
  check("memoryview(numbers)[::-2]", {5, 3, 1}, {3});
  check("memoryview(bytearray(17))[1:].cast('d')", {0, 0}, {2});
  check("[memoryview(numbers)[:2], [7, 8]]", {0, 1, 7, 8}, {2, 2});
  check("type('Gives', (), {'__array__': lambda self: numbers[1:3]})()", {1, 2}, {2});
  CHECK_FALSE(eval("numbers").as<Array<const double>>().is_copy());
  CHECK_FALSE(eval("memoryview(numbers).toreadonly()").as<Array<const double>>().is_copy());
  CHECK(items_of(eval("[3, 4]").as<Array<const std::int8_t>>()) == std::vector<std::int8_t>{3, 4});
  CHECK(items_of(eval("[1j, 2]").as<Array<const std::complex<double>>>())[0] == std::complex<double>(0, 1));
  CHECK(items_of(eval("array.array('f', [1])").as<Array<const std::complex<double>>>())[0] == 1.0);
  static std::complex<float> pairs[] = {{1, 2}, {3, 4}};
  CHECK(items_of(py::view(pairs, 2, py::unowned).as<Array<const std::complex<double>>>())[1] ==
        std::complex<double>(3, 4));
  CHECK(eval("[{'x': 1, 'y': 2}]").as<Array<const Point>>()[0].y == 2);
  python().exec("del numbers");
}

TEST_CASE("memory of bool has other bytes than 0 and 1: they are converted, or refused in words") {
  python().exec("import array\nodd = memoryview(bytearray([0, 1, 2] * 200)).cast('?')");
  const auto bools = eval("odd").as<Array<const bool>>();
  CHECK((bools.is_copy() && !bools[0] && bools[1] && bools[599]));
  CHECK_FALSE(eval("odd[:2]").as<Array<const bool>>().is_copy());
  const auto two = eval("odd[:2]").as<Array<bool>>();
  two[0] = true;
  CHECK(eval("odd[0]").as<bool>());
  CHECK(refused<Array<bool>>(eval("odd")) ==
        "latepy::Array<bool>: one of its items is the byte 2, and a bool of C++ is 0 or 1: pass a copy with real "
        "bools, such as x != 0");
  python().def("count", [](py::Span<const bool> all) { return std::count(all.begin(), all.end(), true); });
  CHECK(eval("count(odd)").as<int>() == 401);
  // What was refused is given back.
  python().exec("raw = bytearray([2])\nodd = memoryview(raw).cast('?')");
  CHECK_THROWS_AS(eval("odd").as<Array<bool>>(), py::ConversionError);
  python().exec("odd.release()\nraw.append(1)\ndel odd, raw");
}

TEST_CASE("what does not convert exactly is refused with its place") {
  using Doubles = Array<const double>;
  CHECK(refused<Doubles>(eval("[[1, 2], [3]]")) ==
        "latepy::Array<const double>: [1]: cannot convert 'list' [3] to the rows of an array: it has 1 item, and the "
        "first row has 2");
  CHECK(refused<Doubles>(eval("[[1, 2], [3, 'x']]")) ==
        "latepy::Array<const double>: [1][1]: cannot convert 'str' \"x\" to double");
  CHECK(refused<Doubles>(eval("[[1, 2], 3]")) ==
        "latepy::Array<const double>: [1]: cannot convert 'int' 3 to the rows of an array: it is no list, tuple or "
        "array");
  for (const char* const other : {"'12'", "b'12'", "None", "{1: 2}", "{1}", "iter([1])", "[1j]", "object()"}) {
    INFO(other);
    CHECK_FALSE(eval(other).is<Doubles>());
    CHECK_THROWS_AS(eval(other).as<Doubles>(), py::ConversionError);
  }
  CHECK_THROWS_AS(doubles("[1]").as<Array<const int>>(), py::ConversionError);
  CHECK_THROWS_AS(eval("[300]").as<Array<const std::uint8_t>>(), py::ConversionError);
  CHECK_THROWS_AS(doubles("[1e300]").as<Array<const float>>(), py::ConversionError);
  CHECK(items_of(doubles("[0.1]").as<Array<const float>>()) == std::vector<float>{0.1f});
  CHECK(refused<Array<const double, 2>>(eval("[1, 2]")) ==
        "latepy::Array<const double, 2>: it has 1 dimensions, and 2 are wanted");
  CHECK_FALSE(eval("[[1, 2]]").is<Array<const double, 1>>());
  python().exec("itself = []\nitself.append(itself)\ntwice = []\ntwice += [twice, twice]");
  CHECK_THROWS(eval("itself").as<Doubles>());
  CHECK_THROWS(eval("twice").as<Doubles>());
  python().exec("itself.clear(), twice.clear()");
}

TEST_CASE("numbers in memory are no bools and no structs") {
  CHECK(refused<Array<const bool>>(doubles("[1]")) ==
        "latepy::Array<const bool>: [0]: cannot convert 'float' 1.0 to bool");
  CHECK(
      refused<Array<const Point>>(doubles("[1]")).find("latepy::Array<const array_test::Point>: [0]: cannot convert") ==
      0);
}

TEST_CASE("a signature says of what memory an Array is") {
  python().def("fill", [](Array<double>) {});
  python().def("sum", [](Array<const double>) { return Array<double>(1); });
  CHECK(eval("fill.__signatures__[0]").as<std::string>() ==
        (minor_version() >= 12 ? "(arg1: collections.abc.Buffer, /) -> None" : "(arg1: typing.Any, /) -> None"));
  CHECK(eval("sum.__signatures__[0]").as<std::string>() == "(arg1: typing.Any, /) -> typing.Any");
  python().exec("del fill, sum");
}

TEST_CASE("errors of the object's code are thrown, and a list that shrinks meanwhile harms nobody") {
  python().exec(R"(
      class Shrinks:
          def __init__(self, rows): self.rows = rows
          def __float__(self): self.rows.clear(); return 1.0
      class Fails:
          def __init__(self, error): self.error = error
          def __array__(self, *_, **__): raise self.error
      class FailsBefore:
          @property
          def __array__(self): raise LookupError('not here')
      rows = []
      rows += [[Shrinks(rows), 2], [3, 4]]
  )");
  CHECK(items_of(eval("rows").as<Array<const double>>()) == std::vector<double>{1, 2, 3, 4});
  CHECK_THROWS_AS(eval("Fails(KeyboardInterrupt())").as<Array<const double>>(), py::KeyboardInterrupt);
  CHECK_THROWS_AS(eval("FailsBefore()").as<Array<const double>>(), py::LookupError);
  CHECK(said<py::MemoryError>([] {
          eval("Fails(MemoryError('on the device'))").as<Array<const double>>();
        }).find("MemoryError: on the device") == 0);
}

TEST_CASE("an Array of a shape is zeros, with indices that can be checked") {
  python();
  Array<double, 2> table(2, 3);
  CHECK(table.is_copy());
  CHECK((table.size() == 6 && table.shape(1) == 3 && table.stride(0) == 24 && !table.empty()));
  table(1, 2) = 7;
  CHECK(table.at(1, 2) == 7);
  CHECK(said<py::IndexError>([&] { table.at(2, 0); }) ==
        "IndexError: index 2 is out of range for dimension 0 with 2 items");
  CHECK(said<py::IndexError>([&] { table.at(-1, 0); }).find("index -1 is out of range") != std::string::npos);
  CHECK(said<py::IndexError>([&] { Array<int>(2, 2).at(1); }) == "IndexError: 1 indices for an array of 2 dimensions");
  CHECK(said<py::ValueError>([] { Array<int> a(-1); }).find("dimension 0 of a shape is -1") != std::string::npos);
  CHECK(said<py::ValueError>([] { Array<int, 2> a(py::Shape(3)); }) ==
        "ValueError: the shape (3,) does not have the rank 2");
  python()["table"] = table;  // an ndarray, or a View
  table(0, 0) = 1;
  CHECK(eval("table.tolist()").as<std::vector<std::vector<double>>>() ==
        std::vector<std::vector<double>>{{1, 0, 0}, {0, 0, 7}});
  CHECK(eval("table").as<Array<double>>().data() == table.data());
  python().exec("del table");
  Array<int> many(1, 1, 1, 1, 1, 1, 1, 2);
  CHECK((many.shape(7) == 2 && many(0, 0, 0, 0, 0, 0, 0, 1) == 0));
}

TEST_CASE("host functions take Arrays and Spans, and the memory is held for the call") {
  python().def("scale", [](Array<double> numbers, double by) {
    for (double& each : numbers) each *= by;
  });
  python().def("total", [](py::Span<const double> numbers) {
    double sum = 0;
    for (const double each : numbers) sum += each;
    return sum;
  });
  python().def("fill", [](py::Span<int> numbers) {
    for (int& each : numbers) each = 9;
  });
  python().exec(R"(
      import array
      numbers = array.array('d', [1, 2])
      scale(numbers, 3)
      assert numbers.tolist() == [3, 6]
      assert total(numbers) == 9 and total([1, 2]) == 3 and total(array.array('i', [4])) == 4
      whole = array.array('i', [1, 2])
      fill(whole)
      assert whole.tolist() == [9, 9]
      try: fill([1, 2])
      except TypeError as error: said = str(error)
  )");
  CHECK_THAT(python()["said"].as<std::string>(), ContainsSubstring("Array<int, 1>: it has no memory to share"));
  python().def("grows", [](py::Span<const double> items, const Object& owner) {
    try {
      owner.attr("append")(1);
    } catch (const py::Exception& error) {
      return error.type_name();
    }
    return items.empty() ? std::string() : std::string("grew");
  });
  python().exec("assert grows(numbers, numbers) == 'BufferError'");
}

TEST_CASE("of overloads, the one whose items need no conversion is taken first") {
  python().def("kind",
               py::overload([](Array<const double>) { return "double"; }, [](Array<const float>) { return "float"; },
                            [](Array<const int>) { return "int"; }));
  python().exec(R"(
      import array
      assert [kind(array.array(code, [1])) for code in 'dfi'] == ['double', 'float', 'int']
      assert kind([1, 2]) == 'double' and kind(array.array('b', [1])) == 'double'
      class Fails:
          @property
          def __dlpack__(self): raise LookupError('not here')
  )");
  CHECK(py::Converter<Array<const double>>::fit(eval("Fails()").ptr()) == py::detail::Fit::other);
}

TEST_CASE("an Array may be dropped on a thread without the GIL", "[gil]") {
  const Object numbers = doubles("[1]");
  auto array = std::make_unique<Array<double>>(numbers.as<Array<double>>());
  auto own = std::make_unique<Array<double>>(5);
  {
    const py::GilRelease released;
    std::thread([&] { array.reset(), own.reset(); }).join();
  }
  const py::GilGuard gil;
  numbers.attr("append")(2);
}

TEST_CASE("Arrays take nothing that they do not give back") {
  const Object numbers = doubles("[1, 2]"), list = eval("[[1, 2], [3, 4]]"), bad = eval("[[1, 2], [3, 'x']]");
  CHECK_STEADY(static_cast<void>(numbers.as<Array<double>>()); static_cast<void>(numbers.as<Array<const float>>());
               static_cast<void>(list.as<Array<const double>>()); list.is<Array<double>>();
               bad.is<Array<const double>>(); static_cast<void>(Array<double>(3, 3));
               py::Object(py::to_py(Array<double>(3))));
}

TEST_CASE("numpy's arrays are Arrays by their memory, and convert by their items", "[numpy]") {
  if (!has_numpy()) return;
  python().exec("a = numpy.arange(6.0).reshape(2, 3)");
  const auto whole = eval("a").as<Array<double, 2>>();
  CHECK((whole.shape(0) == 2 && whole(1, 2) == 5 && !whole.is_copy()));
  whole(0, 0) = 100;
  CHECK(eval("a[0, 0]").as<double>() == 100);
  CHECK(eval("a").as<Array<const double>>().data() == whole.data());
  CHECK(refused<Array<double>>(eval("a.T")).find("numpy.ascontiguousarray") != std::string::npos);
  python().exec("a.flags.writeable = False");
  CHECK(refused<Array<double>>(eval("a")) == "latepy::Array<double>: its memory is read-only: pass a writable copy");
  CHECK(eval("a").as<Array<const double>>().data() == whole.data());
  const auto check = [](const char* code, std::vector<double> items) {
    INFO(code);
    CHECK(items_of(eval(code).as<Array<const double>>()) == items);
  };
  check("numpy.arange(6, dtype='i4').reshape(2, 3).T", {0, 3, 1, 4, 2, 5});
  check("numpy.arange(4, dtype='u1')[::-1]", {3, 2, 1, 0});
  check("numpy.arange(2, dtype='>i8')", {0, 1});
  check("numpy.array([True, False])", {1, 0});
  check("numpy.array([1.5, 2], 'f2')", {1.5, 2});
  check("numpy.array(3)", {3});
  check("numpy.float32(0.5)", {0.5});
  check("numpy.array([1, 2], object)", {1, 2});
  check("[numpy.ones(2), numpy.zeros(2)]", {1, 1, 0, 0});
  check("numpy.broadcast_to(numpy.int64(3), (2, 2))", {3, 3, 3, 3});
  check("numpy.ones((1,) * 12)", {1});
  for (const char* const other : {"numpy.array(['a'])", "numpy.array([1j])", "numpy.zeros(2, 'M8[s]')",
                                  "numpy.zeros(2, [('x', 'f8')])", "numpy.matrix([[1, 2]])"}) {
    INFO(other);
    CHECK_THROWS_AS(eval(other).as<Array<const double>>(), py::ConversionError);
  }
  CHECK_THROWS_AS(eval("numpy.arange(3.0)").as<Array<const int>>(), py::ConversionError);
  CHECK_THROWS_AS(eval("numpy.array([2 ** 40])").as<Array<const int>>(), py::ConversionError);
  CHECK(eval("numpy.zeros(2, [('x', 'f8'), ('y', 'f8')])").as<Array<Point>>().size() == 2);
  const float half = 0.5;
  const Object deep = py::view(&half, std::vector<int>(40, 1), py::unowned);
  CHECK(items_of(deep.as<Array<const double>>()) == std::vector<double>{0.5});  // more dimensions than numpy had
  // Real numbers have no second part, and new memory may hold that of numbers before.
  python().exec("for _ in range(9): numpy.full(6, 7.5)");
  using Complex = std::complex<double>;
  CHECK(items_of(eval("numpy.arange(3)").as<Array<const Complex>>()) == std::vector<Complex>{0, 1, 2});
  // What iteration over a masked array gives is not its memory.
  CHECK(eval("numpy.ma.array([1.0, 2.0], mask=[0, 0])").as<Array<const double>>().is_copy());
  python().exec("del a");
  CHECK_STEADY(eval("numpy.ones(3)").as<Array<double>>());
}

TEST_CASE("array() makes ndarrays, and adopts a vector that is moved in", "[numpy]") {
  std::vector<int> numbers{1, 2, 3, 4};
  if (!has_numpy()) {
    CHECK_THAT(said<py::ImportError>([&] { py::array(numbers); }), ContainsSubstring("python -m pip install numpy"));
    CHECK_THAT(said<py::ImportError>([&] { py::array(std::move(numbers)); }), ContainsSubstring("numpy"));
    return;
  }
  python()["a"] = py::array(numbers, {2, 2});
  python().exec("assert a.tolist() == [[1, 2], [3, 4]] and a.dtype == numpy.int32 and a.flags.writeable");
  numbers[0] = 100;
  CHECK(eval("a[0, 0]").as<int>() == 1);
  const int* const data = numbers.data();
  python()["a"] = py::array(std::move(numbers));
  CHECK(eval("a").as<Array<int>>().data() == data);
  const bool truths[] = {true, false};
  python()["a"] = py::array(truths);
  python().exec("assert a.dtype == bool and a.tolist() == [True, False]");
  python()["a"] = py::array(std::vector<bool>{true, false});
  python().exec("assert a.dtype == bool and a.tolist() == [True, False]");
  python()["a"] = py::array(std::vector<Point>{{1, 2}, {3, 4}});
  python().exec("assert a['y'].tolist() == [2, 4] and a.dtype.itemsize == 16");
  const Point one[] = {{5, 6}};
  python()["a"] = py::array(one);
  python().exec("assert a[0].tolist() == (5, 6)\ndel a");
  CHECK(said<py::ValueError>([&] { py::array(truths, {3}); }) ==
        "ValueError: array(): 2 items do not have the shape (3,)");
  CHECK_STEADY(py::array(std::vector<double>(3)); py::array(one));
}
