// Tests of latepy/stl/complex.hpp: std::complex as complex.
// SPDX-License-Identifier: MIT
#include <latepy/stl/complex.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

TEST_CASE("a std::complex is a complex, made of what is one or becomes one or a float") {
  python();
  using C = std::complex<double>;
  CHECK(py::repr(py::to_py(C(1, -2))) == "(1-2j)");
  CHECK(eval("1-2j").as<C>() == C(1, -2));
  CHECK(eval("3").as<C>() == C(3));
  CHECK(eval("0.5").as<C>() == C(0.5));
  CHECK(eval("type('Z', (), {'__complex__': lambda self: 4j})()").as<C>() == C(0, 4));
  CHECK(eval("type('Z', (complex,), {})(4j)").as<C>() == C(0, 4));
  CHECK(eval("1e39j").is<C>());
  CHECK(refusal<std::complex<float>>("1e39j") ==
        "cannot convert 'complex' 1e+39j to std::complex<float>: out of range");
  CHECK(eval("complex('inf+nanj')").is<std::complex<float>>());
  CHECK(refusal<C>("'1j'") == "cannot convert 'str' \"1j\" to std::complex<double>");
  CHECK(refusal<std::vector<C>>("[1j, None]") == "[1]: cannot convert None to std::complex<double>");
  python().exec("class Fails:\n  def __complex__(self): raise OSError('no')");
  CHECK_THROWS_AS(eval("Fails()").as<C>(), py::OSError);
  CHECK_FALSE(eval("Fails()").is<C>());
  CHECK_FALSE(eval("type('Z', (), {'__complex__': lambda self: 4})()").is<C>());
  python().exec("class Property:\n  @property\n  def __complex__(self): raise OSError('no')");
  CHECK_THROWS_AS(eval("Property()").as<C>(), py::OSError);
  CHECK_FALSE(eval("Property()").is<C>());
  python().exec(
      "class AnyName(float):\n  def __getattr__(self, name): raise KeyError(name)\n"
      "class NoName(float):\n  @property\n  def __complex__(self): raise AttributeError");
  CHECK(eval("AnyName(2)").as<C>() == C(2));  // neither of them tells how it is a complex
  CHECK(eval("NoName(2)").as<C>() == C(2));
}

TEST_CASE("a std::complex of any precision makes the round trip") {
  python();
  round_trip<std::complex<float>>({0.5f, -2}, "0.5-2j");
  round_trip<std::complex<double>>({0, 1e300}, "1e300j");
  round_trip<std::complex<long double>>({1, 2}, "1+2j");
  round_trip<std::vector<std::complex<double>>>({{1, 0}, {0, 1}}, "[1+0j, 1j]");
}

TEST_CASE("a std::complex takes numpy's numbers") {
  if (!python().try_call("importlib", "import_module", "numpy")) SKIP("this Python has no numpy");
  python().exec("import numpy as np");
  CHECK(eval("np.complex64(1j)").as<std::complex<float>>() == std::complex<float>(0, 1));
  CHECK(eval("np.array(1j)").as<std::complex<double>>() == std::complex<double>(0, 1));
  CHECK_THAT(refusal<std::complex<double>>("np.array([1j])"), ContainsSubstring("an array is no number"));
  using C = std::vector<std::complex<double>>;
  CHECK(eval("np.array([1j, 2], 'c8')").as<C>() == C{{0, 1}, {2, 0}});
  CHECK(eval("np.array([1j, 2], 'c16')").as<std::vector<std::complex<float>>>()[0] == std::complex<float>(0, 1));
  CHECK(eval("np.array([1j, 2, 3], 'c8')[::2]").as<C>() == C{{0, 1}, {3, 0}});
  CHECK(eval("np.arange(600) * 1j").as<C>()[599] == std::complex<double>(0, 599));
  CHECK(eval("np.array([1, 2], 'i4')").as<C>() == C{{1, 0}, {2, 0}});
  CHECK_THAT(refusal<std::vector<std::complex<float>>>("np.array([1, 1e300j])"),
             ContainsSubstring("[1]: cannot convert"));
}

TEST_CASE("thousands of conversions of complex numbers leak nothing") {
  const py::Object number = eval("1.5-2.5j"), text = eval("'1j'");
  CHECK_STEADY(py::to_py(number.as<std::complex<double>>()));
  CHECK_STEADY(text.is<std::complex<double>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { text.as<std::complex<float>>(); }));
}
