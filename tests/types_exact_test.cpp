// Tests of latepy/types/exact.hpp: Decimal and Fraction.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>
#include <latepy/types/exact.hpp>

#include "conversions.hpp"

using py::Decimal;
using py::Fraction;

TEST_CASE("a Decimal has all digits of decimal.Decimal, in both directions") {
  python().exec("from decimal import Decimal");
  for (const char* text :
       {"12.340", "-0", "1E+400", "0.1234567890123456789012345678901234567890", "NaN", "-Infinity"}) {
    INFO(text);
    CHECK(py::str(py::to_py(Decimal{text})) == text);
    CHECK(eval("Decimal('" + std::string(text) + "')").as<Decimal>().text == text);
  }
  CHECK(eval("7").as<Decimal>().text == "7");
  CHECK(eval("[Decimal('0.5'), 10**5000]").as<std::vector<Decimal>>()[1].text.size() == 5001);
  CHECK(refusal<Decimal>("0.5") ==
        "cannot convert 'float' 0.5 to latepy::Decimal: a float is no exact decimal number: pass "
        "decimal.Decimal(str(x)), or round it first");
  python().exec(R"(
    class Price(Decimal):
        def __str__(self): return f'{self:.2f} EUR'
    class Index:
        def __index__(self): return 12
    class Pretends:
        __class__ = Decimal
  )");
  CHECK(eval("Index()").as<Decimal>().text == "12");
  CHECK(eval("Price('1.50')").as<Decimal>().text == "1.50");
  CHECK_THAT(refusal<Decimal>("Pretends()"), ContainsSubstring("it is neither a decimal.Decimal nor an int"));
  CHECK_THAT(refusal<Decimal>("'0.5'"), ContainsSubstring("it is neither a decimal.Decimal nor an int"));
  CHECK(std::string(thrown<py::ConversionError>([] { py::to_py(Decimal{"twelve"}); }).what()) ==
        "cannot convert the text \"twelve\" to decimal.Decimal: it is no number");
  CHECK(std::string(thrown<py::ConversionError>([] { py::to_py(Decimal{std::string("1\0x", 3)}); }).what()) ==
        "cannot convert the text \"1\\x00x\" to decimal.Decimal: it is no number");
}

TEST_CASE("overloads for a Decimal and a Fraction are nearer to these than one for any object") {
  python().def("kind", py::overload([](py::Object) { return "object"; }, [](Decimal) { return "Decimal"; },
                                    [](Fraction) { return "Fraction"; }));
  python().exec("from decimal import Decimal\nfrom fractions import Fraction\nimport sys");
  CHECK(py::str(eval("' '.join([kind(Decimal('0.5')), kind(Fraction(1, 2)), kind(7)])")) == "Decimal Fraction object");
  // Where the modules cannot be imported no object is near.
  python().exec("without = {each: sys.modules.pop(each) for each in ('decimal', 'fractions')}");
  python().exec("for each in without: sys.modules[each] = None");
  const std::string there = py::str(eval("kind(Decimal('0.5')) + ' ' + kind(Fraction(1, 2))"));
  python().exec("sys.modules.update(without)");
  CHECK(there == "object object");
}

TEST_CASE("a Decimal gives scaled integers, and refuses to round") {
  CHECK(Decimal{"12.34"}.scaled(2) == 1234);
  CHECK(Decimal{"-12.3400"}.scaled(2) == -1234);
  CHECK(Decimal{"1.2E+3"}.scaled(0) == 1200);
  CHECK(Decimal{"1200"}.scaled(-2) == 12);
  CHECK(Decimal{"0E+999999999999"}.scaled(2) == 0);
  CHECK(Decimal{"9223372036854775807"}.scaled(0) == std::numeric_limits<long long>::max());
  CHECK(Decimal{"-9223372036854775808"}.scaled(0) == std::numeric_limits<long long>::min());
  CHECK(std::string(thrown<py::ValueError>([] { Decimal{"12.345"}.scaled(2); }).what())
            .find("the Decimal 12.345 has more than 2 places: round it first (quantize)") != std::string::npos);
  CHECK(Decimal{"1E000000000000000000000002"}.scaled(0) == 100);
  CHECK_THAT(thrown<py::ValueError>([] { Decimal{std::string("12\0x", 4)}.scaled(2); }).what(),
             ContainsSubstring("the Decimal 12\\x00x is no finite number"));
  CHECK(Decimal::of_scaled(1, std::numeric_limits<int>::min()).text == "1E2147483648");
  for (const char* text : {"NaN", "-Infinity", "", ".", "1E", "1.2.3", "12x", "sNaN123"})
    CHECK_THROWS_AS(Decimal{text}.scaled(2), py::ValueError);
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "1E+19", "1E+9999999999999999999999",
                           "1E+1000000000000000000000"})
    CHECK_THROWS_AS(Decimal{text}.scaled(0), py::OverflowError);
  CHECK_THROWS_AS(Decimal{"1E-9999999999999999999999"}.scaled(2), py::ValueError);
  python();
  CHECK(py::str(py::to_py(Decimal::of_scaled(-1234, 2))) == "-12.34");
}

TEST_CASE("a Fraction is a fractions.Fraction, and refuses what is out of range") {
  python().exec("from fractions import Fraction");
  CHECK(py::repr(py::to_py(Fraction{6, -4})) == "Fraction(-3, 2)");
  CHECK(eval("Fraction(-3, 2)").as<Fraction>() == Fraction{-3, 2});
  CHECK(eval("5").as<Fraction>() == Fraction{5, 1});
  python().def(
      "half", [](const Fraction& of, const Decimal&) { return of; }, py::arg("of"), py::arg("by"));
  CHECK(py::str(eval("half.__signatures__[0]")) ==
        "(of: fractions.Fraction, by: decimal.Decimal) -> fractions.Fraction");
  CHECK(eval("Fraction(2**63 - 1, 3)").as<Fraction>() != Fraction{1, 3});
  CHECK(refusal<Fraction>("Fraction(1, 2**63)") ==
        "cannot convert 'fractions.Fraction' Fraction(1, 9223372036854775808) to latepy::Fraction: out of range of "
        "long long");
  CHECK_THAT(refusal<Fraction>("0.5"), ContainsSubstring("it is neither a fractions.Fraction nor an int"));
  CHECK_THROWS_AS(py::to_py(Fraction{1, 0}), py::ConversionError);
  python().exec("class Zero(Fraction): denominator = 0");
  CHECK_THAT(refusal<Fraction>("Zero(1, 2)"), ContainsSubstring("its denominator is not positive"));
  python().def("half", [](Fraction f) { return Fraction{f.numerator, f.denominator * 2}; });
  CHECK(eval("half(Fraction(1, 3)) == Fraction(1, 6)").as<bool>());
}
