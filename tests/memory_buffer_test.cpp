// Tests of latepy/memory/buffer.hpp: Buffer, Span, and vectors copied from memory.
// SPDX-License-Identifier: MIT
#include <array>
#include <complex>
#include <cstdint>
#include <cstring>
#include <thread>
#include <variant>

#include <latepy/latepy.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

using py::Buffer;
using py::Object;

namespace buffer_test {
struct Inner {
  std::int16_t a = 0;
  double b = 0;
};
struct Record {
  double x = 0;
  float position[3] = {};
  std::int32_t matrix[2][2] = {};
  char name[16] = {};
  std::uint8_t flags = 0;
  Inner inner[2] = {};
  std::array<std::int64_t, 2> ids{};
  std::complex<float> phase{};
  bool is_on = false;
};
#pragma pack(push, 1)
struct Packed {
  char tag[1] = {};
  double value = 0;
  std::int32_t count = 0;
};
#pragma pack(pop)
struct Union {
  union {
    float part;
    double whole;
  };
};
}  // namespace buffer_test
using buffer_test::Packed;
using buffer_test::Record;
using buffer_test::Union;
LATEPY_STRUCT(buffer_test::Inner, a, b)
LATEPY_STRUCT(buffer_test::Record, (x, "X"), position, matrix, name, flags, inner, ids, phase, (is_on, "on"))
LATEPY_STRUCT(buffer_test::Packed, tag, value, count)
LATEPY_STRUCT(buffer_test::Union, part, whole)

namespace {

struct Pixels {
  unsigned char bytes[4] = {};
};

Object array(const char* code, const char* items) {
  return py::Ref(python().get("array.array"))(code, python().eval(items));
}
std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const py::ConversionError& error) {
    return error.what();
  }
  return "no ConversionError";
}
template <class T>
void check_kind(const char* code, const std::vector<T>& expected) {
  INFO(code);
  const Object items = array(code, "[1, 2, 100]");
  const Buffer<const T> buffer(items);
  CHECK(std::vector<T>(buffer.span().begin(), buffer.span().end()) == expected);
  CHECK(items.as<std::vector<T>>() == expected);
}

}  // namespace

TEST_CASE("a Buffer is the object's memory, to read and to write") {
  const Object items = array("d", "[1.5, 2.5, 3.5]");
  Buffer<double> buffer(items);
  CHECK(buffer.size() == 3);
  CHECK(buffer.ndim() == 1);
  CHECK(buffer.shape(0) == 3);
  CHECK(buffer.stride(0) == 8);
  CHECK(!buffer.readonly());
  CHECK(buffer.is_contiguous());
  buffer[1] = 7;
  CHECK(items[1].as<double>() == 7);
  items[2] = 9.0;
  CHECK(buffer.span()[2] == 9.0);
  double sum = 0;
  for (const double item : buffer.span()) sum += item;
  CHECK(sum == 1.5 + 7 + 9);
}

TEST_CASE("numbers of every kind and size are found by kind and size, not by letter") {
  check_kind<std::int8_t>("b", {1, 2, 100});
  check_kind<std::uint8_t>("B", {1, 2, 100});
  check_kind<std::int16_t>("h", {1, 2, 100});
  check_kind<std::uint16_t>("H", {1, 2, 100});
  check_kind<int>("i", {1, 2, 100});
  check_kind<unsigned>("I", {1, 2, 100});
  check_kind<long>("l", {1, 2, 100});
  check_kind<unsigned long>("L", {1, 2, 100});
  check_kind<long long>("q", {1, 2, 100});
  check_kind<unsigned long long>("Q", {1, 2, 100});
  check_kind<float>("f", {1, 2, 100});
  check_kind<double>("d", {1, 2, 100});
  if (sizeof(long) == sizeof(long long)) {
    CHECK(Buffer<const long>(array("q", "[5]"))[0] == 5);
    CHECK(Buffer<const long long>(array("l", "[5]"))[0] == 5);
  }
  const Object flags = python().eval("memoryview(bytes([1, 0])).cast('?')");
  CHECK(Buffer<const bool>(flags)[0]);
  CHECK(!Buffer<const bool>(flags)[1]);
}

TEST_CASE("bytes, bytearray, memoryview and ctypes show memory as arrays do") {
  CHECK(Buffer<const std::uint8_t>(python().eval("b'abc'"))[2] == 'c');
  const Object growing = python().eval("bytearray(b'abc')");
  const Buffer<std::uint8_t> buffer(growing);
  buffer[0] = 'x';
  CHECK(growing.attr("decode")().as<std::string>() == "xbc");
  const Object of_c = python().eval("(__import__('ctypes').c_int * 3)(4, 5, 6)");
  CHECK(Buffer<int>(of_c)[2] == 6);
  CHECK(of_c.as<std::vector<int>>() == std::vector<int>{4, 5, 6});
  const Buffer<int> rows(python().eval("(__import__('ctypes').c_int * 3 * 2)((1, 2, 3), (4, 5, 6))"));
  CHECK((rows.stride(0) == 12 && rows.stride(1) == 4 && rows(1, 0) == 4));
}

TEST_CASE("std::byte takes any items that lie in one piece") {
  const Buffer<const std::byte> bytes(array("i", "[1, 2]"));
  CHECK(bytes.size() == 8);
  CHECK(bytes.stride(0) == 1);
  CHECK_THROWS_AS(Buffer<const std::byte>(python().eval("memoryview(b'abcdef')[::2]")), py::ConversionError);
}

TEST_CASE("rows, columns, steps and backwards: items are found by their indices") {
  const Object table =
      python().eval("memoryview(__import__('array').array('i', range(6))).cast('B').cast('i', (2, 3))");
  const Buffer<const int> buffer(table);
  CHECK(buffer.ndim() == 2);
  CHECK((buffer.shape(0) == 2 && buffer.shape(1) == 3));
  CHECK((buffer.stride(0) == 12 && buffer.stride(1) == 4));
  CHECK(buffer(1, 2) == 5);
  CHECK(buffer.span().size() == 6);

  const Object backwards = python().eval("memoryview(__import__('array').array('i', range(6)))[::-2]");
  const Buffer<const int> steps(backwards);
  CHECK(steps.size() == 3);
  CHECK(steps.stride(0) == -8);
  CHECK((steps[0] == 5 && steps[1] == 3 && steps[2] == 1));
  CHECK(!steps.is_contiguous());
  CHECK(&steps[0] > &steps[2]);
  CHECK(backwards.as<std::vector<int>>() == std::vector<int>{5, 3, 1});
}

TEST_CASE("only items that lie one after the other have a pointer or a Span to them") {
  python().exec("numbers = memoryview(__import__('array').array('i', range(6)))");
  const Object row = eval("numbers"), one = eval("numbers[2:3]"), none = eval("numbers[::2][3:]"),
               rows = eval("numbers.cast('B').cast('i', (2, 3))");
  CHECK(Buffer<const int>(row).size() == 6);
  for (const Object& each : {row, one, none, rows}) {
    const Buffer<const int> buffer(each);
    CHECK(buffer.is_contiguous());
    CHECK(buffer.data() == buffer.span().data());
  }
  for (const char* const steps : {"numbers[::2]", "numbers[::-1]"}) {
    const Object object = eval(steps);
    const Buffer<const int> buffer(object);
    const std::string text =
        "the items do not lie one after the other, so a pointer or Span does not reach them: use indices, or pass a "
        "contiguous copy (numpy.ascontiguousarray)";
    CHECK(message_of([&] { static_cast<void>(buffer.data()); }) == text);
    CHECK(message_of([&] { buffer.span(); }) == text);
  }
}

TEST_CASE("a temporary Buffer gives values") {
  const Object numbers = array("i", "[1, 2, 3]");
  CHECK(Buffer<int>(numbers)[1] == 2);
  CHECK(Buffer<int>(numbers)(2) == 3);
  static_assert(!std::is_reference_v<decltype(std::declval<Buffer<int>>()[0])>);
  static_assert(!std::is_reference_v<decltype(std::declval<Buffer<int>>()(0, 0))>);
}

TEST_CASE("memory without items is a Buffer without items") {
  const Buffer<double> none(array("d", "[]"));
  CHECK(none.empty());
  CHECK(none.span().begin() == none.span().end());
  CHECK(none.span().empty());
  const Buffer<double> one(array("d", "[1]"));
  CHECK_FALSE(one.span().empty());
  CHECK(array("d", "[]").as<std::vector<double>>().empty());
}

TEST_CASE("what is refused, and what the error says") {
  const Object floats = array("f", "[1.5]");
  CHECK(message_of([&] { Buffer<double> b(floats); }) ==
        "cannot view 'array.array' array('f', [1.5]) as latepy::Buffer<double>: its items have the format 'f' and 4 "
        "bytes, and must have the kind, size, byte order and alignment of the C++ type");
  CHECK(message_of([] { Buffer<double> b(python().eval("[1.5]")); }) ==
        "cannot view 'list' [1.5] as latepy::Buffer<double>: it exports no buffer: pass bytes, bytearray, memoryview, "
        "array.array or a numpy array");
  CHECK(message_of([] {
          Buffer<std::uint8_t> b(python().eval("b'abc'"));
        }).find("its memory is read-only: take a Buffer<const T>") != std::string::npos);
  Pixels pixels;
  python().module("pictures").add_class<Pixels>("Pixels", py::buffer_protocol).buffer([](Pixels& p) {
    py::BufferInfo info;
    info.data = p.bytes;
    info.shape = {4};
    return info;
  });
  const py::Borrowed lent(pixels);
  CHECK_THAT(message_of([&] { Buffer<const std::uint8_t> b(lent.object()); }),
             ContainsSubstring(": a pictures.Pixels that is only lent to Python exports no buffer"));
  CHECK_THROWS_AS(Buffer<const std::int8_t>(python().eval("b'abc'")), py::ConversionError);  // of another sign
  CHECK_THROWS_AS(Buffer<const int>(array("f", "[1]")), py::ConversionError);                // of another kind
  const std::string other_order = LATEPY_BIG_ENDIAN ? "__ctype_le__" : "__ctype_be__";
  CHECK_THROWS_AS(Buffer<const int>(python().eval("(__import__('ctypes').c_int." + other_order + " * 2)(1, 2)")),
                  py::ConversionError);
  CHECK_THROWS_AS(Buffer<const int>(python().eval("memoryview(bytearray(9))[1:].cast('i')")),  // misaligned
                  py::ConversionError);
  CHECK_THROWS_AS(Buffer<double>(Object()), py::StateError);
  CHECK_FALSE(python().eval("1").is<Buffer<double>>());
  CHECK(floats.is<Buffer<float>>());
  CHECK_FALSE(floats.is<Buffer<double>>());
  CHECK(Buffer<const bool>(eval("memoryview(bytes([1, 2, 0, 2])).cast('?')[::2]"))(0));
  CHECK_THAT(message_of([] { Buffer<const bool> b(eval("memoryview(bytes([1, 0, 2])).cast('?')[::2]")); }),
             ContainsSubstring("one of its items is the byte 2, and a bool of C++ is 0 or 1"));
  CHECK_FALSE(eval("memoryview(bytes([2])).cast('?')").is<Buffer<const bool>>());
  // A struct that cannot be in memory is an error of the program, not its end.
  CHECK_THROWS_AS((floats.as<std::variant<int, Buffer<const Union>>>()), py::ValueError);
}

TEST_CASE("the object keeps its memory in place while a Buffer lives") {
  const Object growing = python().eval("bytearray(b'abc')");
  {
    const Buffer<std::uint8_t> buffer(growing);
    CHECK_THROWS_AS(growing.attr("append")(1), py::Exception);  // BufferError
  }
  growing.attr("append")(1);
  Buffer<std::uint8_t> buffer(growing);
  Buffer<std::uint8_t> moved(std::move(buffer));
  CHECK(moved[3] == 1);
  CHECK(moved.shape(0) == 4);  // which the exporter may keep in the view itself
  CHECK_THROWS_AS(growing.attr("append")(1), py::Exception);
  moved.release();
  CHECK(moved.empty());
  moved.release();
  growing.attr("append")(1);
}

TEST_CASE("a Buffer may be dropped on a thread without the GIL, and is given back by the next that has it", "[gil]") {
  const Object growing = python().eval("bytearray(b'abc')");
  auto buffer = std::make_unique<Buffer<std::uint8_t>>(growing);
  {
    const py::GilRelease released;
    std::thread([&] { buffer.reset(); }).join();
  }
  const py::GilGuard gil;
  growing.attr("append")(1);
  CHECK(py::len(growing) == 4);
}

TEST_CASE("an object that ends with its last Buffer ends on a thread that has the GIL", "[gil]") {
  python().exec(
      "import threading\nends = []\nclass Tells(bytearray):\n  def __del__(self): ends.append(threading.get_ident())");
  auto buffer = std::make_unique<Buffer<std::uint8_t>>(eval("Tells(b'abc')"));
  std::thread([&] { buffer.reset(); }).join();  // while this thread holds the GIL
  CHECK(eval("ends == [threading.get_ident()]").as<bool>());
}

TEST_CASE("a host function takes a Buffer as an argument, without a copy") {
  python().def("negate", [](Buffer<double> values) {
    for (double& value : values.span()) value = -value;
  });
  python().exec("import array\nitems = array.array('d', [1, 2])\nnegate(items)\nassert items.tolist() == [-1, -2]");
  python().exec("try: negate([1.0])\nexcept TypeError as error: said = str(error)\nelse: assert False");
  CHECK(python()["said"].as<std::string>().find("it exports no buffer") != std::string::npos);
}

TEST_CASE("a vector is copied from memory of its numbers; other numbers convert one by one") {
  CHECK(array("i", "[1, 2]").as<std::vector<double>>() == std::vector<double>{1, 2});
  CHECK(array("d", "[1, 2]").try_as<std::vector<double>>() == std::vector<double>{1, 2});
  CHECK_THROWS_AS(array("d", "[1.5]").as<std::vector<int>>(), py::ConversionError);
  CHECK(python().eval("b'abc'").as<std::vector<std::uint8_t>>() == std::vector<std::uint8_t>{'a', 'b', 'c'});
  CHECK_THROWS_AS(python().eval("b'abc'").as<std::vector<int>>(), py::ConversionError);
  CHECK(python().eval("memoryview(bytearray(b'_' + bytes(8)))[1:].cast('i')").as<std::vector<int>>() ==
        std::vector<int>{0, 0});  // misaligned
  const Object rows = python().eval("memoryview(__import__('array').array('i', range(6))).cast('B').cast('i', (2, 3))");
  CHECK_THROWS(rows.as<std::vector<int>>());
  const Object released = python().eval("memoryview(bytearray(4)).cast('i')");
  released.call_method("release");
  CHECK_THROWS(released.as<std::vector<int>>());
}

TEST_CASE("numpy's arrays") {
  if (!python().try_eval("__import__('numpy')")) {
    WARN("skipped: this Python has no numpy");
    return;
  }
  python().exec("import numpy");
  const Object matrix = python().eval("numpy.arange(6.0).reshape(2, 3)");
  Buffer<double> buffer(matrix);
  buffer(1, 2) = 50;
  CHECK(python().eval("numpy.float64").call<double>(matrix.attr("max")()) == 50);
  CHECK(matrix.as<std::vector<std::vector<double>>>()[1] == std::vector<double>{3, 4, 50});
  const Object turned = matrix.attr("T");
  CHECK(Buffer<double>(turned)(2, 1) == 50);
  CHECK(!Buffer<double>(turned).is_contiguous());
  CHECK(python().eval("numpy.array([1+2j, 3])").as<std::vector<std::complex<double>>>()[0] ==
        std::complex<double>(1, 2));
  CHECK(Buffer<std::complex<float>>(python().eval("numpy.zeros(3, 'complex64')")).size() == 3);
  CHECK(Buffer<const std::int64_t>(python().eval("numpy.int64(4)")).size() == 1);  // no dimension
  CHECK_THROWS_AS(
      Buffer<const double>(python().eval(LATEPY_BIG_ENDIAN ? "numpy.zeros(3, '<f8')" : "numpy.zeros(3, '>f8')")),
      py::ConversionError);
  CHECK(python().eval("numpy.zeros(3, '>f8')").as<std::vector<double>>() == std::vector<double>(3));
}

TEST_CASE("viewing and copying leave no reference behind") {
  const Object items = array("d", "range(100)");
  const Object count = python().get("sys.getrefcount");
  const int before = count.call<int>(items);
  for (int i = 0; i < 1000; ++i) {
    const Buffer<double> buffer(items);
    (void)items.as<std::vector<double>>();
    (void)items.try_as<Buffer<int>>();
    CHECK_THROWS_AS(Buffer<int>(items), py::ConversionError);
  }
  CHECK(count.call<int>(items) == before);
}

TEST_CASE("structs are read and written in place, with arrays, text, padding and structs in them") {
  python();
  std::vector<Record> records(3);
  records[1].inner[1].a = 5;
  std::strcpy(records[1].name, "first");
  const Object shared = py::view(records, py::unowned);
  const Buffer<Record> buffer(shared);
  CHECK(buffer.data() == records.data());
  CHECK(buffer.stride(0) == sizeof(Record));
  python()["records"] = shared;
  python().exec(R"(
      row = records[1]
      assert row['inner'] == [{'a': 0, 'b': 0}, {'a': 5, 'b': 0}] and row['name'] == 'first' and row['on'] is False
      row['matrix'] = [[1, 2], (3, 4)]
      row['name'] = b'bytes'
      records[2] = row
      row['name'] = 'a text of more than 16'
      try: records[2] = row
      except TypeError as error: said = str(error)
  )");
  CHECK_THAT(python()["said"].as<std::string>(),
             ContainsSubstring(".name: cannot convert 'str' \"a text of more than 16\" to char[]: it is no str or "
                               "bytes that fits into the char "
                               "array"));
  CHECK((buffer[2].matrix[1][0] == 3 && std::string(buffer[2].name) == "bytes"));
  python().exec("del records");
}

TEST_CASE("structured arrays of numpy are structs of C++ where each field is at its place", "[numpy]") {
  python();
  try {
    python().exec("import numpy");
  } catch (const py::ImportError&) {
    return;
  }
  std::vector<Record> records(2);
  std::vector<Packed> packed(2);
  packed[1].count = 7;
  python()["a"] = py::view(records, py::unowned).to_numpy();
  python()["p"] = py::view(packed, py::unowned).to_numpy();
  CHECK(Buffer<Record>(python()["a"]).size() == 2);
  const Packed copied = Buffer<const Packed>(python()["p"].attr("copy")())[1];
  CHECK(int{copied.count} == 7);
  python().exec("a[1]['name'] = b'numpy'\na['position'][1] = [1, 2, 3]\nassert p['count'].tolist() == [0, 7]");
  CHECK((std::string(records[1].name) == "numpy" && records[1].position[2] == 3));
  for (const char* const other : {"p", "a.astype(a.dtype.newbyteorder())", "a[['X', 'name']]", "a['X']",
                                  "numpy.zeros(2, [(f[0].lower(), *f[1:]) for f in a.dtype.descr if f[0]])"})
    CHECK_THAT(
        message_of([&] { Buffer<Record> b(eval(other)); }),
        ContainsSubstring("and must have the fields, sizes, byte order and alignment of the C++ struct: 'T{=d:X:"));
  python().exec("del a, p");
}

TEST_CASE("formats that no C++ struct has are refused") {
  const std::string own = py::detail::StructItem<Packed>::format();
  CHECK(own == "T{=1s:tag:d:value:i:count:}");
  const auto holds = [](const char* format, py::detail::ssize size = sizeof(Packed)) {
    return py::detail::holds_struct(py::detail::StructItem<Packed>::form(), format, size);
  };
  CHECK(holds("T{1s:tag:=d:value:i:count:}"));
  CHECK(holds("=T{s:tag:d:value:i:count:}"));
  CHECK(holds("=T{1s:tag:1d:value:1i:count:}"));
  CHECK(!holds("=T{1s:tag:(1)d:value:i:count:}"));
  CHECK(!holds("T{s:tag:d:value:i:count:}"));  // native alignment
  CHECK(!holds(own.c_str(), 16));
  for (const char* const bad :
       {"", "d", "T", "T{", "T{}", "T{=1s:tag:d:value:i:count:", "T{=1s:tag:d:value:i:count:}d", "T{=1s:tag",
        "T{=1s:tag:d:value:i:number:}", "T{=1s:tag:d:value:I:count:}", "T{=c:tag:d:value:i:count:}",
        "T{=1s:tag:O:value:i:count:}", "T{=(1s:tag:d:value:i:count:}", "T{=(1,)s:tag:d:value:i:count:}",
        "T{=99999999999999999999s:tag:}", "T{=1s:tag:Z:value:}", "T{=1s:tag:x:value:i:count:}", "T{=1s:tag:&d:value:}"})
    CHECK_FALSE(holds(bad));
  std::string nested = py::detail::StructItem<Record>::format();
  CHECK(py::detail::holds_struct(py::detail::StructItem<Record>::form(), ("=" + nested).c_str(), sizeof(Record)));
  nested.replace(nested.find(":b:"), 3, ":c:");  // a field of Inner
  CHECK_FALSE(py::detail::holds_struct(py::detail::StructItem<Record>::form(), nested.c_str(), sizeof(Record)));
  // More items than memory could hold, or than a number can be. They are refused before they are counted out.
  for (const char* const many :
       {"T{=2000000000T{b:a:}:tag:}", "T{=(2000000000,2000000000,2000000000)b:tag:}",
        "T{=2000000000(2000000000)2000000000d:tag:}", "T{=9223372036854775807x9223372036854775807x}",
        "T{=2000000000T{(0)d:a:}:tag:}", "T{@9223372036854775807s:tag:d:value:}"})
    CHECK_FALSE(holds(many));
  std::string deep;
  for (int i = 0; i < 1000000; ++i) deep += "T{";
  CHECK_FALSE(holds(deep.c_str()));
}
