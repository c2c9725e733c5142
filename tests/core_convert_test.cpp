// Tests of latepy/core/convert.hpp: None, bool, numbers, text and enumerations to Python and back.
// SPDX-License-Identifier: MIT
#include "odd_objects.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

using py::ConversionError;
using py::Object;

namespace {

struct Window;   // a handle of a C library: only declared
struct Context;  // another
Window* opened() {
  static int window;
  return reinterpret_cast<Window*>(&window);
}

enum class Color : unsigned char { red = 1, green = 2, last = 255 };
enum Plain { one = 1, minus = -1 };
enum class Wide : std::uint64_t { all = ~0ull };
enum class Letter : char { a = 'a' };
enum class Flag : bool { off, on };

}  // namespace

// None and bool

TEST_CASE("nullptr is None, and None is nothing else") {
  python();
  CHECK(py::to_py(nullptr).is_none());
  CHECK(eval("None").is<std::nullptr_t>());
  CHECK(as<std::nullptr_t>("None") == nullptr);
  CHECK(refusal<std::nullptr_t>("0") == "cannot convert 'int' 0 to None");
  CHECK(refusal<int>("None") == "cannot convert None to int");
  CHECK_THAT(refusal<std::string>("None"), ContainsSubstring("cannot convert None to std::string"));
  CHECK_THAT(refusal<double>("None"), ContainsSubstring("cannot convert None to double"));
  CHECK_THAT(refusal<bool>("None"), ContainsSubstring("cannot convert None to bool"));
}

TEST_CASE("bool is strict: only True and False, and numpy's") {
  python();
  CHECK(py::to_py(true).same(eval("True")));
  CHECK(py::to_py(false).same(eval("False")));
  CHECK(as<bool>("True") == true);
  CHECK(as<bool>("False") == false);
  for (const char* other : {"1", "0", "1.0", "''", "'True'", "[]", "[True]", "object()"}) {
    INFO(other);
    CHECK_THAT(refusal<bool>(other), ContainsSubstring(" to bool"));
  }
}

TEST_CASE("one bool in memory is a bool, an array of one is none") {
  python().exec("import ctypes");
  CHECK(as<bool>("ctypes.c_bool(True)") == true);
  CHECK(as<bool>("ctypes.c_bool(False)") == false);
  CHECK_FALSE(eval("(ctypes.c_bool * 1)(True)").is<bool>());
  CHECK_FALSE(eval("ctypes.c_int(1)").is<bool>());
  if (!python().try_eval("__import__('numpy')")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  for (const char* yes : {"np.bool_(True)", "np.array(True)", "np.array([False, True])[1]"}) CHECK(as<bool>(yes));
  for (const char* no : {"np.bool_(False)", "np.array(False)"}) CHECK_FALSE(as<bool>(no));
  for (const char* other : {"np.zeros(1, bool)", "np.int64(1)", "np.array(1)", "np.float32(1)", "np.str_('x')",
                            "np.datetime64('2020-01-01')", "np.array('x')"}) {
    INFO(other);
    CHECK_THAT(refusal<bool>(other), ContainsSubstring(" to bool"));
  }
}

// Integers

TEMPLATE_TEST_CASE("every integer type keeps its bounds exactly", "[integers]", signed char, unsigned char, short,
                   unsigned short, int, unsigned, long, unsigned long, long long, unsigned long long, std::int8_t,
                   std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t,
                   std::size_t, std::ptrdiff_t) {
  using Limits = std::numeric_limits<TestType>;
  const std::string bits = std::to_string(Limits::digits);
  const std::string max = "(2**" + bits + " - 1)", min = Limits::is_signed ? "(-2**" + bits + ")" : "0";
  round_trip<TestType>(Limits::max(), max);
  round_trip<TestType>(Limits::min(), min);
  round_trip<TestType>(static_cast<TestType>(Limits::max() - 1), max + " - 1");
  round_trip<TestType>(static_cast<TestType>(Limits::min() + 1), min + " + 1");
  round_trip<TestType>(0, "0");
  round_trip<TestType>(1, "1");
  if constexpr (Limits::is_signed) round_trip<TestType>(-1, "-1");
  for (const std::string& beyond :
       {max + " + 1", min + " - 1", max + " * 2 + 1", std::string("2**31 * 2**33"), std::string("2**63 * 2"),
        std::string("-2**63 - 1"), std::string("2**64"), std::string("2**64 + 1"), std::string("-2**64"),
        std::string("2**128"), std::string("10**100"), std::string("-10**100")}) {
    INFO(beyond);
    CHECK_THAT(refusal<TestType>(eval(beyond)),
               ContainsSubstring("cannot convert 'int' ") && ContainsSubstring("out of range"));
  }
}

TEST_CASE("minus one is a value and no error") {
  CHECK(as<int>("-1") == -1);
  CHECK(as<long long>("-1") == -1);
  CHECK_THAT(refusal<unsigned>("-1"), ContainsSubstring("out of range"));
  CHECK_THAT(refusal<std::uint64_t>("-1"), ContainsSubstring("out of range"));
  CHECK(as<std::uint64_t>("2**64 - 1") == ~std::uint64_t(0));
}

TEST_CASE("an int takes what has __index__, on every version alike") {
  CHECK(as<int>("True") == 1);
  CHECK(odd("Index(7)").as<int>() == 7);
  CHECK(odd("Index(7)").as<std::uint64_t>() == 7);
  CHECK(odd("Index(2**64 - 1)").as<std::uint64_t>() == ~std::uint64_t(0));
  CHECK_THAT(refusal<signed char>(odd("Index(128)")), ContainsSubstring("out of range"));
  CHECK_THAT(refusal<std::uint64_t>(odd("Index(2**64)")), ContainsSubstring("out of range"));
}

TEST_CASE("an int refuses floats, text and what has only __int__") {
  CHECK(refusal<int>("1.0") == "cannot convert 'float' 1.0 to int");
  CHECK(refusal<int>("'1'") == "cannot convert 'str' \"1\" to int");
  CHECK_THAT(refusal<int>("1j"), ContainsSubstring("'complex' 1j to int"));
  CHECK_THAT(refusal<int>("b'1'"), ContainsSubstring("'bytes' b'1' to int"));
  CHECK_THAT(refusal<int>(odd("Int()")), ContainsSubstring("'Int' "));
  CHECK_THAT(refusal<std::uint64_t>(odd("Int()")), ContainsSubstring("'Int' "));
  CHECK_THAT(refusal<int>("[1]"), ContainsSubstring("'list' [1] to int"));
}

TEST_CASE("what an object's own __index__ raises is thrown, not hidden") {
  CHECK_THROWS_AS(odd("Raises()").as<int>(), py::LookupError);
  CHECK_THROWS_AS(odd("Raises()").as<std::uint64_t>(), py::LookupError);
  CHECK_FALSE(odd("Raises()").try_as<int>().has_value());
  CHECK_FALSE(odd("Raises()").is<std::uint64_t>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("an object that says that it is no number does not convert to one") {
  python();
  CHECK_THAT(refusal<int>(odd("RaisesTypeError()")),
             ContainsSubstring("'RaisesTypeError' ") && ContainsSubstring(" to int"));
  CHECK_THAT(refusal<std::uint64_t>(odd("RaisesTypeError()")), ContainsSubstring("'RaisesTypeError' "));
  CHECK_THAT(refusal<double>(odd("RaisesTypeError()")), ContainsSubstring("'RaisesTypeError' "));
  CHECK_THAT(refusal<Plain>(odd("RaisesTypeError()")), ContainsSubstring("'RaisesTypeError' "));
  CHECK_THAT(refusal<int>(odd("Index('text')")), ContainsSubstring("'Index' "));
#if LATEPY_INT128
  CHECK_THAT(refusal<py::detail::int128>(odd("RaisesTypeError()")), ContainsSubstring("'RaisesTypeError' "));
#endif
}

TEST_CASE("an array without dimensions is a number, one with dimensions is none") {
  if (!python().try_eval("__import__('numpy')")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  CHECK(as<double>("np.array(3.5)") == 3.5);
  CHECK(as<float>("np.array(3.5)") == 3.5f);
  CHECK(as<double>("np.array(3.5, '>f8')") == 3.5);
  CHECK(as<double>("np.array(3)") == 3);
  CHECK(as<int>("np.array(3)") == 3);
  CHECK(as<std::uint8_t>("np.array(3, '>i4')") == 3);
  CHECK(as<double>("np.float32(0.5)") == 0.5);
  CHECK(as<double>("np.int64(3)") == 3);
  CHECK(as<double>("np.float16(0.5)") == 0.5);
  for (const char* several : {"np.zeros(1)", "np.zeros(1, int)", "np.zeros(2)", "np.zeros(2, int)",
                              "np.zeros((1, 1), int)", "np.zeros(0, int)"}) {
    INFO(several);
    CHECK_THAT(refusal<int>(several), ContainsSubstring(" to int"));
    CHECK_THAT(refusal<double>(several), ContainsSubstring(" to double: an array is no number: pass one of its items"));
    CHECK_FALSE(eval(several).is<bool>());
  }
  CHECK_THAT(refusal<int>("np.array([1, 2])"), ContainsSubstring("an array is no number: pass one of its items"));
}

TEST_CASE("numbers of numpy convert each time as they did the first time") {
  if (!python().try_eval("__import__('numpy')")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  for (int round = 0; round < 3; ++round) {
    for (const char* number :
         {"np.bool_(1)", "np.int8(1)", "np.uint64(1)", "np.float16(1)", "np.float32(1)", "np.float64(1)",
          "np.longdouble(1)", "np.array(1)", "np.array(1.0)", "type('Own', (np.float32,), {})(1)"}) {
      INFO(number);
      CHECK(as<double>(number) == 1);
    }
    for (const char* other : {"np.complex64(1)", "np.array([1.0])", "type('Own', (np.complex64,), {})(1)",
                              "np.datetime64('2020')", "np.str_('1')"}) {
      INFO(other);
      CHECK_FALSE(eval(other).is<double>());
    }
  }
}

TEST_CASE("the imaginary part of a number is not dropped") {
  if (!python().try_eval("__import__('numpy')")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  for (const char* number :
       {"np.complex128(1 + 2j)", "np.complex64(1)", "np.clongdouble(1)", "np.array(1j)", "np.array(1j, '>c16')"}) {
    INFO(number);
    CHECK_THAT(refusal<double>(number), ContainsSubstring(" to double: it is a complex number: pass its real part"));
    CHECK_THAT(refusal<float>(number), ContainsSubstring(" to float"));
    CHECK_FALSE(eval(number).is<int>());
  }
  CHECK_THAT(refusal<double>("np.str_('1.5')"), ContainsSubstring(" to double"));  // as str is
}

#if LATEPY_INT128
TEST_CASE("128-bit integers keep every power of two and its neighbours", "[integers]") {
  using Signed = py::detail::int128;
  using Unsigned = py::detail::uint128;
  for (unsigned k = 0; k <= 130; ++k) {
    for (int sign : {1, -1}) {
      for (int step : {-1, 0, 1}) {
        const std::string expression = std::string(sign < 0 ? "-" : "") + "2**" + std::to_string(k) +
                                       (step < 0   ? " - 1"
                                        : step > 0 ? " + 1"
                                                   : "");
        INFO(expression);
        const Object object = eval(expression);
        const bool fits_signed = static_cast<bool>(eval("-2**127 <= " + expression + " < 2**127"));
        const bool fits_unsigned = static_cast<bool>(eval("0 <= " + expression + " < 2**128"));
        REQUIRE(object.is<Signed>() == fits_signed);
        REQUIRE(object.is<Unsigned>() == fits_unsigned);
        // Computed without a signed overflow: modulo 2**128.
        Unsigned expected = k < 128 ? Unsigned(1) << k : 0;
        if (sign < 0) expected = -expected;
        expected += static_cast<Unsigned>(static_cast<Signed>(step));
        if (fits_signed) {
          REQUIRE((object.as<Signed>() == static_cast<Signed>(expected)));
          REQUIRE(py::to_py(static_cast<Signed>(expected)) == object);
        } else {
          CHECK_THAT(refusal<Signed>(object), ContainsSubstring(" to __int128: out of range"));
        }
        if (fits_unsigned) {
          REQUIRE((object.as<Unsigned>() == expected));
          REQUIRE(py::to_py(expected) == object);
        } else {
          CHECK_THAT(refusal<Unsigned>(object), ContainsSubstring(" to unsigned __int128: out of range"));
        }
      }
    }
  }
  CHECK((odd("Index(2**100)").as<Signed>() == Signed(1) << 100));
  CHECK((as<Signed>("True") == 1));
  CHECK_THAT(refusal<Signed>("1.0"), ContainsSubstring("'float' 1.0 to __int128"));
  CHECK_THROWS_AS(odd("Raises()").as<Unsigned>(), py::LookupError);
}
#endif

TEST_CASE("what no C++ integer holds goes as decimal digits") {
  python();
  const std::string digits = "-" + std::string(300, '7');
  const Object big = py::integer(digits);
  CHECK(big == eval(digits));
  CHECK(py::str(big) == digits);
}

// Floating point

TEST_CASE("double keeps every value, also nan, inf and -0.0", "[nan]") {
  python();
  using Limits = std::numeric_limits<double>;
  for (double value : {0.0, 1.5, -2.25, Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min(),
                       Limits::epsilon(), 0.1, Limits::infinity(), -Limits::infinity()}) {
    const Object object = py::to_py(value);
    CHECK(py::type(object).attr("__name__").as<std::string>() == "float");
    CHECK(object.as<double>() == value);
  }
  CHECK(std::isnan(py::to_py(Limits::quiet_NaN()).as<double>()));
  CHECK(std::isnan(as<double>("float('nan')")));
  CHECK(std::isnan(as<float>("float('nan')")));
  CHECK(as<double>("float('-inf')") == -Limits::infinity());
  CHECK(std::signbit(as<double>("-0.0")));
  CHECK(std::signbit(as<float>("-0.0")));
  CHECK(py::repr(-0.0) == "-0.0");
  CHECK(as<double>("-1.0") == -1.0);
}

TEST_CASE("float refuses what would become infinite, and rounds the rest") {
  CHECK(as<float>("0.1") == 0.1f);
  CHECK(as<float>("float('inf')") == std::numeric_limits<float>::infinity());
  CHECK(as<float>("3.4028234e38") == 3.4028234e38f);
  CHECK(as<float>("1e-60") == 0.0f);
  CHECK_THAT(refusal<float>("1e39"), ContainsSubstring("'float' 1e+39 to float: out of range"));
  CHECK_THAT(refusal<float>("-1e39"), ContainsSubstring("out of range"));
  CHECK(py::to_py(0.5f) == 0.5);
}

TEST_CASE("long double goes by way of double") {
  CHECK(as<long double>("1.25") == 1.25L);
  CHECK(py::to_py(1.25L) == 1.25);
  CHECK(std::isnan(as<long double>("float('nan')")));
}

TEST_CASE("a double takes ints and what has __float__ or __index__") {
  CHECK(as<double>("3") == 3.0);
  CHECK(as<double>("True") == 1.0);
  CHECK(as<double>("2**53 + 2") == 9007199254740994.0);
  CHECK(odd("Float(2.5)").as<double>() == 2.5);
  CHECK(odd("Index(4)").as<double>() == 4.0);
  CHECK_THAT(refusal<double>("10**400"),
             ContainsSubstring("'int' 1000") && ContainsSubstring("to double: out of range"));
  CHECK(refusal<double>("'1.5'") == "cannot convert 'str' \"1.5\" to double");
  CHECK_THAT(refusal<double>("1j"), ContainsSubstring("'complex' 1j to double"));
  CHECK_THAT(refusal<double>(odd("Int()")), ContainsSubstring("'Int' "));
  CHECK_THROWS_AS(odd("Raises()").as<double>(), py::LookupError);
  CHECK_FALSE(odd("Raises()").try_as<double>().has_value());
  CHECK_THAT(refusal<double>(odd("Float('text')")), ContainsSubstring("'Float' "));
}

// Text

TEST_CASE("strings are UTF-8 both ways, with NUL and every code point", "[unicode]") {
  round_trip<std::string>("", "''");
  round_trip<std::string>("plain", "'plain'");
  round_trip<std::string>(std::string("a\0b\0", 4), "'a\\0b\\0'");
  round_trip<std::string>("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "'\\u00e9 \\u20ac \\U0001f600'");
  round_trip<std::string>(std::string(100000, 'x'), "'x' * 100000");
  CHECK(odd("Str('derived')").as<std::string>() == "derived");
  for (const std::string text : {"", "x"})  // CPython has one object for each, which `is` may compare
    CHECK(py::to_py(text).same(py::to_py(text)));
  CHECK(py::to_py("literal") == eval("'literal'"));
  CHECK(py::to_py(std::string_view("view", 3)) == eval("'vie'"));
}

TEST_CASE("the str of a literal is kept, that of a buffer is made of what is in it now") {
  python();
  const auto literal = [] { return py::to_py("the text of a literal"); };
  CHECK(literal() == "the text of a literal");
  CHECK(literal().same(literal()));
  const auto shown = [](const char(&text)[4]) { return py::to_py(text).as<std::string>(); };
  char buffer[4] = "abc";
  CHECK(shown(buffer) == "abc");
  std::memcpy(buffer, "abd", 4);
  CHECK(shown(buffer) == "abd");
  std::memcpy(buffer, "a\0d", 4);
  CHECK(shown(buffer) == "a");
  CHECK(py::to_py("a\0b") == "a");
  CHECK(py::to_py("") == eval("''"));
}

TEST_CASE("UTF-16, UTF-32, wide and u8 strings are the same text", "[unicode]") {
  python();
  round_trip<std::u16string>(u"\u00e9 \u20ac \U0001f600", "'\\u00e9 \\u20ac \\U0001f600'");
  round_trip<std::u32string>(U"\u00e9 \u20ac \U0001f600", "'\\u00e9 \\u20ac \\U0001f600'");
  round_trip<std::wstring>(L"\u00e9 \u20ac \U0001f600", "'\\u00e9 \\u20ac \\U0001f600'");
  round_trip<std::u16string>(std::u16string(u"a\0b", 3), "'a\\0b'");
  round_trip<std::u32string>(U"", "''");
  round_trip<std::u16string>(u"\ufeffx", "'\\ufeffx'");  // a byte order mark is text here
  CHECK(py::to_py(u"literal") == eval("'literal'"));
  CHECK(py::to_py(U"literal") == eval("'literal'"));
  CHECK(py::to_py(L"literal") == eval("'literal'"));
  CHECK(py::to_py(std::u16string_view(u"view", 3)) == eval("'vie'"));
  const auto* const u8 = u8"\u00e9";  // char or, from C++20 on, char8_t
  CHECK(py::to_py(u8) == eval("'\\u00e9'"));
  using Char8 = std::remove_const_t<std::remove_pointer_t<decltype(u8)>>;
  CHECK((as<std::basic_string<Char8>>("'\\u00e9'") == u8));
  CHECK_THAT(refusal<std::u16string>("5"), ContainsSubstring("'int' 5 to std::u16string"));
  CHECK_THAT(refusal<std::u32string>("b''"), ContainsSubstring("to std::u32string"));
  CHECK_THAT(refusal<std::wstring>("None"), ContainsSubstring("None to std::wstring"));
}

TEST_CASE("what is no UTF-8 is a ConversionError that says where, and never a cut string", "[unicode]") {
  python();
  for (const char* bad : {"ab\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    CHECK_THROWS_AS(py::to_py(bad), ConversionError);
    CHECK_THROWS_AS(py::to_py(std::string(bad)), ConversionError);
    CHECK_THROWS_AS(py::to_py(std::string_view(bad)), ConversionError);
  }
  for (int twice = 0; twice < 2; ++twice) CHECK_THROWS_AS(py::to_py("ab\xff"), ConversionError);  // a literal
  const std::string text = thrown<ConversionError>([] { py::to_py("ab\xff"); }).what();
  CHECK_THAT(text, ContainsSubstring("position 2") && ContainsSubstring("0xff") && ContainsSubstring("latepy::Bytes"));
  CHECK_THROWS_AS(py::to_py(std::u16string(1, char16_t(0xD800))), ConversionError);
  CHECK_THROWS_AS(py::to_py(std::u32string(1, char32_t(0x110000))), ConversionError);
  CHECK_THROWS_AS(py::to_py(std::u32string(1, char32_t(0xDC00))), ConversionError);
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("lone surrogates have no Unicode encoding, and the error says so", "[unicode]") {
  const Object lone = eval("'a\\ud800'");
  CHECK_THAT(refusal<std::string>(lone), ContainsSubstring("lone surrogates") && ContainsSubstring("\"a\\ud800\""));
  CHECK_THAT(refusal<std::string_view>(lone), ContainsSubstring("lone surrogates"));
  CHECK_THAT(refusal<const char*>(lone), ContainsSubstring("lone surrogates"));
  CHECK_THAT(refusal<std::u16string>(lone), ContainsSubstring("lone surrogates"));
  CHECK_THAT(refusal<std::u32string>(lone), ContainsSubstring("lone surrogates"));
  CHECK_THAT(refusal<std::wstring>(lone), ContainsSubstring("lone surrogates"));
}

TEST_CASE("std::string_view and const char* point into the str") {
  const Object text = eval("'pointed ' + 'at'");
  const auto view = text.as<std::string_view>();
  CHECK(view == "pointed at");
  const char* const chars = text.as<const char*>();
  CHECK(std::string(chars) == "pointed at");
  CHECK(chars == view.data());
  CHECK_THAT(refusal<const char*>("'a\\0b'"), ContainsSubstring("it holds a NUL"));
  const Object with_nul = eval("'a\\0b'");
  CHECK((with_nul.try_as<std::string_view>() == std::string_view("a\0b", 3)));
  CHECK_THAT(refusal<std::string_view>("5"), ContainsSubstring("'int' 5 to std::string_view"));
}

TEST_CASE("a null const char* is None") {
  python();
  CHECK(py::to_py(static_cast<const char*>(nullptr)).is_none());
  CHECK(py::to_py(static_cast<const wchar_t*>(nullptr)).is_none());
  char buffer[] = "buffer";
  char* const text = buffer;
  CHECK(py::to_py(buffer) == eval("'buffer'"));
  CHECK(py::to_py(text) == eval("'buffer'"));
}

TEST_CASE("a character is a str of length 1, and no number") {
  python();
  round_trip('a', "'a'");
  round_trip('\0', "'\\0'");
  round_trip(u'\u20ac', "'\\u20ac'");
  round_trip(U'\U0001f600', "'\\U0001f600'");
  round_trip(L'\u00e9', "'\\u00e9'");
  CHECK_THROWS_AS(py::to_py('\xe9'), ConversionError);  // half of a code point
  CHECK_THROWS_AS(py::to_py(char32_t(0x110000)), ConversionError);
  CHECK_THAT(refusal<char>("'\\u00e9'"), ContainsSubstring("it is not one character that fits"));
  CHECK_THAT(refusal<char16_t>("'\\U0001f600'"), ContainsSubstring("it is not one character that fits"));
  CHECK_THAT(refusal<char>("''"), ContainsSubstring("it is not one character that fits"));
  CHECK_THAT(refusal<char>("'ab'"), ContainsSubstring("it is not one character that fits"));
  CHECK_THAT(refusal<char>("97"), ContainsSubstring("'int' 97 to char"));
  CHECK_THAT(refusal<char>("b'a'"), ContainsSubstring("'bytes' b'a' to char"));
  CHECK(py::type(py::to_py(static_cast<signed char>(97))).same(eval("int")));
}

// Enumerations

TEST_CASE("enumerations are their underlying integers") {
  python();
  CHECK(py::to_py(Color::green) == 2);
  CHECK(as<Color>("2") == Color::green);
  CHECK(as<Color>("255") == Color::last);
  CHECK_THAT(refusal<Color>("256"), ContainsSubstring("Color"));
  CHECK_THAT(refusal<Color>("-1"), ContainsSubstring("Color"));
  CHECK_THAT(refusal<Color>("1.0"), ContainsSubstring("Color"));
  CHECK_THAT(refusal<Color>("'red'"), ContainsSubstring("'str' \"red\" to "));
  CHECK(py::to_py(minus) == -1);
  CHECK(as<Plain>("1") == one);
  CHECK(py::to_py(Wide::all) == eval("2**64 - 1"));
  CHECK(as<Wide>("2**64 - 1") == Wide::all);
  CHECK(py::to_py(Letter::a) == 97);
  CHECK(as<Letter>("97") == Letter::a);
  CHECK(as<Flag>("1") == Flag::on);
  CHECK_THAT(refusal<Flag>("2"), ContainsSubstring("Flag"));
  CHECK(odd("__import__('enum').IntEnum('E', 'red green').green").as<Color>() == Color::green);
}

TEST_CASE("pointers to what is only declared are capsules", "[handles]") {
  python();
  const Object window = py::to_py(opened());
  CHECK_THAT(py::repr(window), ContainsSubstring("capsule object \"") && ContainsSubstring("Window"));
  CHECK(window.as<Window*>() == opened());
  CHECK(window.as<const Window*>() == opened());
  CHECK(window.is<Window*>());
  CHECK(py::to_py(static_cast<Window*>(nullptr)).is_none());
  CHECK(eval("None").as<Window*>() == nullptr);

  CHECK_FALSE(window.is<Context*>());
  CHECK_FALSE(window.is<void*>());
  CHECK_FALSE(eval("3").is<Window*>());
  CHECK_FALSE(py::to_py(static_cast<const Window*>(opened())).is<Window*>());
  CHECK_THAT(thrown<ConversionError>([&] { window.as<Context*>(); }).what(),
             ContainsSubstring("Context") && ContainsSubstring("*: pointers to this type are capsules"));

  int number = 5;
  void* const pointer = &number;
  CHECK(py::to_py(pointer).as<void*>() == pointer);
  CHECK(py::to_py(stdout).as<std::FILE*>() == stdout);
  CHECK_STEADY(py::to_py(opened()).as<Window*>());
}

TEST_CASE("host functions hand handles on", "[handles]") {
  python().def("open_window", [] { return opened(); });
  python().def("is_open", [](const Window* window) { return window == opened(); });
  python().def("close_window", [](Window* window) { return window == opened(); });
  CHECK(eval("is_open(open_window())").as<bool>());
  CHECK(eval("close_window(open_window())").as<bool>());
  CHECK_FALSE(eval("is_open(None)").as<bool>());
  CHECK_THROWS_AS(eval("is_open(open)"), py::TypeError);
}
