// Tests of latepy/core/bytes.hpp: Bytes, which are no text.
// SPDX-License-Identifier: MIT
#include "odd_objects.hpp"

#include <type_traits>

using py::Bytes;
using py::Object;

static_assert(!std::is_convertible_v<std::string, Bytes> && !std::is_convertible_v<Bytes, std::string>);
static_assert(std::is_nothrow_move_constructible_v<Bytes>);

TEST_CASE("bytes and text are never taken for one another", "[bytes]") {
  python();
  const Object bytes = py::to_py(Bytes(std::string("a\0\xff", 3)));
  CHECK(bytes == eval("b'a\\0\\xff'"));
  CHECK(py::type(bytes).same(eval("bytes")));
  CHECK((as<Bytes>("b'a\\0\\xff'") == Bytes("a\0\xff", 3)));
  CHECK(as<Bytes>("bytearray(b'ab')").string() == "ab");
  CHECK(odd("Bytes(b'derived')").as<Bytes>().string() == "derived");
  CHECK(as<Bytes>("b''").empty());
  CHECK((as<Bytes>("b'a'") != Bytes("b", 1)));
  CHECK(refusal<Bytes>("'text'") == "cannot convert 'str' \"text\" to latepy::Bytes");
  CHECK_THAT(refusal<Bytes>("[97]"), ContainsSubstring("to latepy::Bytes"));
  CHECK(refusal<std::string>("b'ab'") == "cannot convert 'bytes' b'ab' to std::string");
  CHECK_THAT(refusal<std::string_view>("b'ab'"), ContainsSubstring("to std::string_view"));
  CHECK_THAT(refusal<std::string>("bytearray(b'ab')"), ContainsSubstring("'bytearray'"));
}

TEST_CASE("Bytes hold what they are given, NUL and all") {
  const Bytes none, some(std::string("a\0b", 3)), same("a\0b", 3), other("a\0c", 3);
  CHECK(none.empty());
  CHECK(none.size() == 0);
  CHECK_FALSE(some.empty());
  CHECK(some.size() == 3);
  CHECK(some.data()[2] == 'b');
  CHECK(some.string() == std::string("a\0b", 3));
  CHECK((some == same && !(some != same)));
  CHECK((some != other && !(some == other) && some != none));
}

TEST_CASE("the bytes of temporary Bytes can be kept") {
  std::string text;
  for (const char c : eval("b'bytes that are long enough for the heap'").as<Bytes>().string()) text += c;
  CHECK(text == "bytes that are long enough for the heap");
}

TEST_CASE("every byte makes the round trip, in any number") {
  python();
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  round_trip<Bytes>(Bytes(all), "bytes(range(256))");
  round_trip<Bytes>(Bytes(), "b''");
  round_trip<Bytes>(Bytes(std::string(1 << 20, '\xff')), "b'\\xff' * 2**20");
}

TEST_CASE("Bytes are a copy of what the object was") {
  const Object array = eval("bytearray(b'first')");
  const Bytes bytes = array.as<Bytes>();
  array[0] = 'F' + 0;
  array.call_method("extend", Bytes("!", 1));
  CHECK(bytes.string() == "first");
  CHECK(array.as<Bytes>().string() == "First!");
  CHECK(eval("type('Derived', (bytearray,), {})(b'x')").as<Bytes>().string() == "x");
}

TEST_CASE("what merely shows bytes is no Bytes: Buffer takes that") {
  CHECK_THAT(refusal<Bytes>("memoryview(b'ab')"), ContainsSubstring("to latepy::Bytes"));
  CHECK_THAT(refusal<Bytes>("__import__('array').array('b', [1])"), ContainsSubstring("to latepy::Bytes"));
  CHECK(refusal<Bytes>("None") == "cannot convert None to latepy::Bytes");
  CHECK_THAT(refusal<Bytes>("97"), ContainsSubstring("'int' 97 to latepy::Bytes"));
  CHECK_THAT(refusal<Bytes>(odd("Index(3)")), ContainsSubstring("to latepy::Bytes"));
}

TEST_CASE("Bytes are arguments, results, keys and operands as any value") {
  CHECK(eval("lambda b: b[::-1]").call<Bytes>(Bytes("abc", 3)).string() == "cba");
  CHECK((eval("{b'k': 1}")[Bytes("k", 1)] == 1));
  CHECK(eval("b'a'") + Bytes("b", 1) == Bytes("ab", 2));
  CHECK_THROWS_AS(eval("'a'") + Bytes("b", 1), py::TypeError);
}

TEST_CASE("thousands of conversions of bytes leak nothing") {
  const Object bytes = eval("b'x' * 1000"), text = eval("'x'");
  CHECK_STEADY(py::to_py(bytes.as<Bytes>()));
  CHECK_STEADY(text.is<Bytes>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { text.as<Bytes>(); }));
}
