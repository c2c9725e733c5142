// Tests of latepy/memory/vectorize.hpp: vectorize().
// SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>
#include <latepy/memory/vectorize.hpp>

#include "python.hpp"

TEST_CASE("a vectorized function takes numbers, lists and arrays, and broadcasts them") {
  python().def("f", py::vectorize([](double x, int n) { return x * n; }));
  python().def("g", py::vectorize([](double x, double y, double z) { return x * 100 + y * 10 + z; }, py::release_gil));
  python().exec(R"(
      import array
      assert f(2.5, 2) == 5 and type(f(2.5, 2)) is float
      assert f([1, 2], 3).tolist() == [3, 6] and f([1, 2], [3, 4]).tolist() == [3, 8] and f(2, [3]).tolist() == [6]
      assert f(array.array('f', [1, 2]), array.array('b', [2, 3])).tolist() == [2, 6]
      assert f([], 3).tolist() == [] and f([[]], [[1], [2]]).tolist() == [[], []]
      assert g(1, [[1], [2]], [3, 4]).tolist() == [[113, 114], [123, 124]]
      assert g([[[1]], [[2]]], [[1], [2]], [3]).tolist() == [[[113], [123]], [[213], [223]]]
      said = []
      for arguments in ([1, 2], [1, 2, 3]), ('x', 1), (1, 1.5):
          try: f(*arguments)
          except Exception as error: said.append(f'{type(error).__name__}: {error}')
  )");
  CHECK(eval("said[0]").as<std::string>() ==
        "ValueError: arrays of these shapes do not go together: a dimension has 2 items in one, and 3 in another");
  CHECK_THAT(eval("said[1]").as<std::string>(), ContainsSubstring("argument 1: cannot convert 'str' \"x\""));
  CHECK_THAT(eval("said[2]").as<std::string>(), ContainsSubstring("argument 2: cannot convert 'float' 1.5"));
}

TEST_CASE("what a vectorized function throws is thrown on") {
  const auto root = [](double x) {
    if (x < 0) throw std::invalid_argument("no root");
    return x > 1;
  };
  python().def("root", py::vectorize(root));
  python().def("away", py::vectorize(root, py::release_gil));
  for (const char* const call : {"root(-1)", "root([1, -1])", "away([1, -1])"})
    CHECK_THROWS_WITH(python().eval(call), "no root");
  python().exec("assert away([1, 2]).tolist() == [False, True] and root(4) is True");
}

TEST_CASE("a vectorized function gives what numpy gives, in every mix of shapes", "[numpy]") {
  if (!python().try_exec("import numpy").has_value()) return;
  python().def("g", py::vectorize([](double x, double y, double z) { return x * 100 + y * 10 + z; }));
  python().exec(R"(
      random = numpy.random.RandomState(1)
      for _ in range(500):
          full = random.randint(0, 4, random.randint(0, 5))
          parts = []
          for _ in range(3):
              shape = [n if random.randint(3) else 1 for n in full[random.randint(0, len(full) + 1):]]
              parts.append(random.randint(-9, 9, shape).astype(random.choice(['f8', 'f4', 'i2', 'u1'])))
          a, b, c = (part.astype(float) for part in parts)
          wanted, given = a * 100 + b * 10 + c, g(*parts)
          assert numpy.shape(given) == wanted.shape and numpy.array_equal(given, wanted), [p.shape for p in parts]
  )");
}
