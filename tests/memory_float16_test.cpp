// Tests of latepy/memory/float16.hpp: _Float16 as a number and as an item; arrays of numpy.float16 as wider ones.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <complex>

#include <latepy/memory/array.hpp>
#include <latepy/memory/float16.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

#if LATEPY_FLOAT16
namespace float16_test {
struct Sample {
  py::detail::float16 value;
  int count;
};
}  // namespace float16_test
LATEPY_STRUCT(float16_test::Sample, value, count)
#endif

namespace {

/// Memory of such floats: our own, or numpy's; empty if there is neither.
py::Object halves(const char* numbers) {
  const py::Object all = eval(std::string("[") + numbers + "]");
#if LATEPY_FLOAT16
  return py::view(all.as<std::vector<py::detail::float16>>());
#else
  if (!python().try_exec("import numpy as np")) return py::Object();
  return python().get("numpy.array")(all, "e");
#endif
}

}  // namespace

TEST_CASE("memory of 16-bit floats converts to wider numbers") {
  const py::Object numbers = halves("0.0, -0.0, 1.5, -2.0, 65504.0, 6e-8, -6e-5, float('inf'), float('nan')");
  if (numbers.is_empty()) SKIP("the compiler has no _Float16, and this Python no numpy");
  const auto doubles = numbers.as<std::vector<double>>();
  CHECK(std::isnan(doubles.back()));
  CHECK(std::signbit(doubles[1]));
  const double wanted[] = {0, 0, 1.5, -2, 65504, 0x1p-24, -1007 * 0x1p-24, HUGE_VAL};
  for (std::size_t i = 0; i < std::size(wanted); ++i) CHECK(doubles[i] == wanted[i]);
  CHECK(numbers.as<std::vector<float>>()[4] == 65504);
  CHECK(numbers.as<std::vector<std::complex<float>>>()[2] == std::complex<float>(1.5f));
  const auto array = numbers.as<py::Array<const double>>();
  CHECK(array.is_copy());
  CHECK(array[5] == 0x1p-24);
  CHECK(numbers[eval("slice(None, None, -4)")].as<py::Array<const float>>()[1] == 65504);
  CHECK_FALSE(numbers.is<std::vector<int>>());
}

#if LATEPY_FLOAT16
using Half = py::detail::float16;

TEST_CASE("a _Float16 is a float, and refuses what is out of range") {
  python();
  CHECK(py::repr(py::to_py(Half(1.5))) == "1.5");
  CHECK(eval("0.1").as<Half>() == Half(0.1));
  CHECK(eval("7").as<Half>() == Half(7));
  CHECK(eval("float('inf')").is<Half>());
  CHECK(refusal<Half>("65520.0") == "cannot convert 'float' 65520.0 to _Float16: out of range");
  CHECK(refusal<Half>("'1'") == "cannot convert 'str' \"1\" to _Float16");
  CHECK(eval("[1, 2.5]").as<std::vector<Half>>() == std::vector<Half>{Half(1), Half(2.5)});
  python().def("half", [](Half x) { return Half(x + x); });
  CHECK(eval("half(0.25)").as<double>() == 0.5);
  CHECK(eval("half.__signatures__[0]").as<std::string>() == "(arg1: float, /) -> float");
  python().def("kind", py::overload([](int) { return "int"; }, [](Half) { return "half"; }));
  CHECK(eval("kind(1.0), kind(1)") == eval("('half', 'int')"));
}

TEST_CASE("memory of 16-bit floats is that of _Float16") {
  const py::Object numbers = halves("1.5, -2.0");
  const auto array = numbers.as<py::Array<const Half, 1>>();
  CHECK(!array.is_copy());
  CHECK(array[1] == Half(-2));
  CHECK(py::Buffer<const Half>(numbers)[0] == Half(1.5));
  CHECK(numbers.as<std::vector<Half>>()[0] == Half(1.5));
  python().exec("import array");
  CHECK(eval("array.array('d', [1.5, 65504])").as<py::Array<const Half>>()[0] == Half(1.5));
  CHECK(eval("array.array('i', [2048])").as<std::vector<Half>>()[0] == Half(2048));
  CHECK_THAT(refusal<std::vector<Half>>("array.array('d', [1, 65520])"), ContainsSubstring("[1]: cannot convert"));
  CHECK_THAT(refusal<std::vector<Half>>("array.array('i', [65520])"), ContainsSubstring("out of range"));
  std::vector<Half> mine{Half(1), Half(2)};
  py::View view = py::view(mine, py::unowned);
  CHECK(view.attr("format").as<std::string>() == "e");
  CHECK(eval("lambda view: bytes(view)")(view) == eval("__import__('struct').pack('2e', 1, 2)"));
  view[0] = 3.5;
  CHECK(mine[0] == Half(3.5));
}

TEST_CASE("numpy's float16 is _Float16, in arrays and structs") {
  if (!python().try_exec("import numpy as np")) SKIP("this Python has no numpy");
  CHECK(eval("np.float16(1.5)").as<Half>() == Half(1.5));
  CHECK(py::repr(py::array(std::vector<Half>{Half(1), Half(2)})) == "array([1., 2.], dtype=float16)");
  const auto array = eval("np.arange(6, dtype='e').reshape(2, 3)").as<py::Array<Half, 2>>();
  CHECK(array(1, 2) == Half(5));
  float16_test::Sample sample{Half(0.5), 7};
  python()["samples"] = py::view(&sample, 1, py::unowned).to_numpy();
  CHECK(eval("samples['value'].dtype.str[1:], float(samples['value'][0])") == eval("('f2', 0.5)"));
  CHECK(eval("samples").as<py::Array<float16_test::Sample>>()[0].count == 7);
}
#endif
