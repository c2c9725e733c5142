// Tests of latepy/memory/shape.hpp: Shape.
// SPDX-License-Identifier: MIT
#include <array>
#include <cstdint>
#include <functional>

#include "python.hpp"

using py::Shape;

namespace {

std::string said(const std::function<void()>& body) {
  try {
    body();
  } catch (const py::ValueError& error) {
    return error.what();
  }
  return "no ValueError";
}
std::string text(const Shape& shape) { return shape.to_string(); }

}  // namespace

TEST_CASE("a Shape is any mix of integers, or a range of them") {
  CHECK(text(3) == "(3,)");
  CHECK(text({}) == "()");
  CHECK(text({2, 3u, std::size_t(4), std::int8_t(5)}) == "(2, 3, 4, 5)");
  CHECK(text(std::vector<long>{2, 3}) == "(2, 3)");
  CHECK(text(std::array<unsigned, 1>{7}) == "(7,)");
  const int sizes[] = {4, 5};
  CHECK(text(sizes) == "(4, 5)");
  const Shape shape{2, 3};
  CHECK((shape.ndim() == 2 && shape[0] == 2 && shape[1] == 3));
}

TEST_CASE("a Shape counts its items, and says when they are more than memory") {
  CHECK(Shape().count() == 1);
  CHECK(Shape(2, 3).count(8) == 6);
  CHECK(Shape(2, 0, 3).count(8) == 0);
  CHECK(said([] { static_cast<void>(Shape(1ll << 31, 1ll << 31).count(8)); }) ==
        "ValueError: the shape (2147483648, 2147483648) with items of 8 bytes is larger than memory can be");
  CHECK(said([] { static_cast<void>(Shape(1ll << 40, 0, 1ll << 40).count()); }) ==
        "ValueError: the shape (1099511627776, 0, 1099511627776) with items of 1 bytes is larger than memory can be");
}

TEST_CASE("a Shape that cannot be says which dimension is wrong") {
  CHECK(said([] { Shape shape(2, -1); }) == "ValueError: dimension 1 of a shape is -1: it must be 0 or more");
  CHECK(said([] { Shape shape(~std::size_t(0)); }) ==
        "ValueError: dimension 0 of a shape is larger than memory: was a negative number converted to an unsigned "
        "type?");
  CHECK(said([] { Shape shape(std::vector<int>{1, -5}); }).find("dimension 1 of a shape is -5") != std::string::npos);
  CHECK(Shape(std::vector<int>(64, 1)).ndim() == 64);
  CHECK(said([] { Shape shape(std::vector<int>(65, 1)); }) ==
        "ValueError: a shape has more than 64 dimensions, which no buffer of Python can have");
}
