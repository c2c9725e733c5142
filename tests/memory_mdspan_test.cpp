// Tests of latepy/memory/mdspan.hpp: mdspan parameters and views. With the standard library's mdspan, or else with the
// reference implementation's if that is found, or else with a small one of this file.
// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#if __has_include(<version>)
#include <version>
#endif

#if defined(__cpp_lib_mdspan)
#include <mdspan>
namespace md = std;
#elif __has_include(<mdspan/mdspan.hpp>)
#include <mdspan/mdspan.hpp>
namespace md = Kokkos;
#else
namespace md {

inline constexpr std::size_t dynamic_extent = static_cast<std::size_t>(-1);
template <class I, std::size_t... N>
struct extents {
  using index_type = I;
  using Sizes = std::array<I, sizeof...(N)>;
  static constexpr std::size_t static_extent(std::size_t i) noexcept {
    constexpr std::size_t all[] = {N..., 0};
    return all[i];
  }
  explicit extents(const Sizes& given = {}) noexcept : sizes(given) {}
  Sizes sizes;
};
template <bool ByRows>
struct layout_contiguous {
  template <class E>
  struct mapping {
    explicit mapping(const E& given = E()) noexcept : all(given) {}
    auto stride(std::size_t i) const noexcept {
      typename E::index_type step = 1;
      for (std::size_t k = 0; k < all.sizes.size(); ++k)
        if (ByRows ? k > i : k < i) step = static_cast<typename E::index_type>(step * all.sizes[k]);
      return step;
    }
    E all;
  };
};
using layout_right = layout_contiguous<true>;
using layout_left = layout_contiguous<false>;
struct layout_stride {
  template <class E>
  struct mapping {
    mapping(const E& given, const typename E::Sizes& steps) noexcept : all(given), strides(steps) {}
    auto stride(std::size_t i) const noexcept { return strides[i]; }
    E all;
    typename E::Sizes strides;
  };
};
template <class T>
struct default_accessor {};
template <class T, class E, class L = layout_right, class A = default_accessor<T>>
struct mdspan {
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using extents_type = E;
  using layout_type = L;
  using accessor_type = A;
  using mapping_type = typename L::template mapping<E>;
  using index_type = typename E::index_type;
  using data_handle_type = T*;
  static constexpr std::size_t rank() noexcept { return std::tuple_size_v<typename E::Sizes>; }
  mdspan(T* items, const mapping_type& map) noexcept : items_(items), map_(map) {}
  T* data_handle() const noexcept { return items_; }
  index_type extent(std::size_t i) const noexcept { return map_.all.sizes[i]; }
  index_type stride(std::size_t i) const noexcept { return map_.stride(i); }

 private:
  T* items_;
  mapping_type map_;
};

}  // namespace md
#endif

#include <latepy/memory/mdspan.hpp>
#include <latepy/memory/return_tags.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

namespace mdspan_test {
struct Point {
  double x, y;
};
}  // namespace mdspan_test
LATEPY_STRUCT(mdspan_test::Point, x, y)
using mdspan_test::Point;

namespace {

template <class T, class Layout = md::layout_right, class Index = std::size_t>
using Matrix = md::mdspan<T, md::extents<Index, md::dynamic_extent, md::dynamic_extent>, Layout>;

template <class M>
auto& at(const M& items, std::size_t i, std::size_t j) {
  return items
      .data_handle()[i * static_cast<std::size_t>(items.stride(0)) + j * static_cast<std::size_t>(items.stride(1))];
}
std::string refused_call(const char* code) {
  const std::string text = thrown<py::TypeError>([&] { eval(code); }).what();
  const std::size_t begin = text.find("to mdspan: ");
  return begin == text.npos ? text : text.substr(begin + 11, text.find(". It was called") - begin - 11);
}

}  // namespace

TEST_CASE("an mdspan is the memory of the argument, in the order of its layout") {
  python().def("set_right", [](Matrix<double> m, double x) { at(m, 1, 0) = x; });
  python().def("set_left", [](Matrix<double, md::layout_left> m, double x) { at(m, 1, 0) = x; });
  python().def("set_any", [](const Matrix<double, md::layout_stride>& m, double x) { at(m, 1, 0) = x; });
  python().def("size", [](md::mdspan<double, md::extents<int, md::dynamic_extent, 3>> m) { return m.extent(0); });
  python().def("count", [](Matrix<const std::uint8_t, md::layout_right, signed char> m) { return m.extent(0); });
  double items[] = {0, 1, 2, 3, 4, 5};
  python()["rows"] = py::view(items, {2, 3}, py::unowned);
  python()["columns"] = py::view(items, {2, 3}, {8, 16}, py::unowned);
  python()["back"] = py::view(items + 5, {2, 3}, {-24, -8}, py::unowned);
  python().exec("set_right(rows, 30)\nset_left(columns, 10)");
  CHECK((items[3] == 30 && items[1] == 10));
  python().exec("set_any(rows, 31)\nset_any(columns, 11)");
  CHECK((items[3] == 31 && items[1] == 11));
  CHECK(eval("size(rows)").as<int>() == 2);
  CHECK_THAT(refused_call("set_right(columns, 0)"),
             ContainsSubstring("its items do not lie in the order of the layout: pass numpy.ascontiguousarray(...)"));
  CHECK_THAT(refused_call("set_left(rows, 0)"), ContainsSubstring("numpy.asfortranarray(...) for layout_left"));
  CHECK_THAT(refused_call("set_any(back, 0)"), ContainsSubstring("an mdspan has no strides of 0 or less"));
  CHECK_THAT(refused_call("size(memoryview(rows).cast('B').cast('d', (3, 2)))"),
             ContainsSubstring("it has the shape (3, 2), and (n, 3) is wanted"));
  CHECK_THAT(refused_call("set_right([[1.0]], 0)"), ContainsSubstring("it has no memory to share"));
  CHECK_THAT(refused_call("set_right(memoryview(rows).toreadonly(), 0)"), ContainsSubstring("its memory is read-only"));
  CHECK_THAT(refused_call("set_right(memoryview(bytearray(6)).cast('B', (2, 3)), 0)"),
             ContainsSubstring("let the program take an mdspan of const"));
  CHECK_THAT(refused_call("count(memoryview(bytes(300)).cast('B', (300, 1)))"),
             ContainsSubstring("its shape (300, 1) or its strides are more than the index type counts"));
  CHECK_THAT(refused_call("count(memoryview(bytes(144)).cast('B', (12, 12)))"),
             ContainsSubstring("its shape (12, 12) or its strides are more than the index type counts"));
  python().def("count_any", [](Matrix<std::uint8_t, md::layout_stride, signed char> m) { return m.extent(1); });
  std::uint8_t bytes[166] = {};
  python()["far"] = py::view(bytes, {12, 1}, {15, 1}, py::unowned);
  CHECK_THAT(refused_call("count_any(far)"), ContainsSubstring("more than the index type counts"));
  python()["far"] = py::view(bytes, {2, 7}, {120, 1}, py::unowned);
  CHECK(eval("count_any(far)").as<int>() == 7);
}

TEST_CASE("an mdspan may have no items, in each layout") {
  python().def("right", [](Matrix<double> m) { return std::vector{m.extent(0), m.extent(1)}; });
  python().def("left", [](Matrix<double, md::layout_left> m) { return std::vector{m.extent(0), m.extent(1)}; });
  python().def("any", [](Matrix<double, md::layout_stride> m) { return std::vector{m.extent(0), m.extent(1)}; });
  double item = 0;
  for (const auto& shape : {std::array<std::ptrdiff_t, 2>{3, 0}, {0, 3}, {0, 0}}) {
    python()["empty"] = py::view(&item, py::Shape(shape), py::unowned);
    CHECK(eval("right(empty) == left(empty) == any(empty) == list(empty.shape)").as<bool>());
  }
  python().exec("del any");
}

TEST_CASE("an mdspan of const converts what it cannot point to") {
  python();
  const double* seen = nullptr;
  python().def("last", [&](Matrix<const double> m) {
    seen = m.data_handle();
    return at(m, static_cast<std::size_t>(m.extent(0)) - 1, static_cast<std::size_t>(m.extent(1)) - 1);
  });
  double items[] = {0, 1, 2, 3, 4, 5};
  python()["rows"] = py::view(items, {2, 3}, py::unowned);
  python()["columns"] = py::view(items, {2, 2}, {8, 16}, py::unowned);
  CHECK(eval("last(rows)").as<double>() == 5);
  CHECK(seen == items);
  CHECK(eval("last(columns)").as<double>() == 3);
  CHECK(seen != items);
  CHECK(eval("last([[1, 2], [3, 4]])").as<double>() == 4);
  CHECK(eval("last(memoryview(bytes(range(6))).cast('B', (3, 2)))").as<double>() == 5);
  CHECK_THAT(refused_call("last([1])"), ContainsSubstring("it has the shape (1,), and (n, n) is wanted"));
  python().def("last_of_structs",
               [](Matrix<const Point, md::layout_stride> m) { return at(m, m.extent(0) - 1, m.extent(1) - 1).y; });
  static Point points[] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
  python()["columns"] = py::view(points, {2, 2}, {16, 32}, py::unowned);
  CHECK(eval("last_of_structs(columns)").as<double>() == 8);
  CHECK_THAT(refused_call("last([['x']])"), ContainsSubstring("[0][0]: cannot convert 'str' \"x\" to double"));
}

TEST_CASE("of overloads, the one whose mdspan is of the items of the argument is taken first") {
  using Vector = md::mdspan<const int, md::extents<std::size_t, md::dynamic_extent>>;
  python().def("which",
               py::overload([](Matrix<const double>) { return "matrix of double"; },
                            [](Vector) { return "vector of int"; }, [](Matrix<const int>) { return "matrix of int"; }));
  python().def("order", py::overload([](Matrix<double, md::layout_left>) { return "left"; },
                                     [](Matrix<double>) { return "right"; }));
  int numbers[] = {0, 1, 2, 3, 4, 5};
  double reals[] = {0, 1, 2, 3, 4, 5};
  const py::View matrix = py::view(numbers, {2, 3}, py::unowned), vector = py::view(numbers, 6, py::unowned),
                 real = py::view(reals, {2, 3}, py::unowned), columns = py::view(reals, {2, 3}, {8, 16}, py::unowned);
  CHECK(python()["which"](matrix).as<std::string>() == "matrix of int");
  CHECK(python()["which"](vector).as<std::string>() == "vector of int");
  CHECK(python()["which"](real).as<std::string>() == "matrix of double");
  CHECK(python()["which"](eval("[[1, 2]]")).as<std::string>() == "matrix of double");  // by conversion: the first one
  CHECK(python()["order"](real).as<std::string>() == "right");
  CHECK(python()["order"](columns).as<std::string>() == "left");
  const auto fit = [](auto* type, const py::Object& object) {
    return py::Converter<std::remove_pointer_t<decltype(type)>>::fit(object.ptr());
  };
  using py::detail::Fit;
  Matrix<int>* writable = nullptr;
  Matrix<const int>* readable = nullptr;
  const py::Object frozen = python().eval("lambda view: memoryview(view).toreadonly()")(matrix);
  CHECK((fit(writable, matrix) == Fit::own && fit(readable, matrix) == Fit::own));
  CHECK((fit(writable, frozen) == Fit::other && fit(readable, frozen) == Fit::own));
  CHECK((fit(writable, vector) == Fit::other && fit(readable, real) == Fit::other &&
         fit(readable, eval("1")) == Fit::other));
  python().exec("class Fails:\n  @property\n  def __dlpack__(self): raise LookupError('not here')");
  CHECK(fit(readable, eval("Fails()")) == Fit::other);
}

TEST_CASE("a view of an mdspan has its shape and strides") {
  python();
  float items[] = {0, 1, 2, 3, 4, 5};
  using Left = Matrix<float, md::layout_left>;
  using Extents = Left::extents_type;
  const Left left(items, Left::mapping_type(Extents(std::array<std::size_t, 2>{2, 3})));
  CHECK(py::view(left, py::unowned).call_method("tolist") == eval("[[0, 2, 4], [1, 3, 5]]"));
  using Steps = Matrix<const float, md::layout_stride>;
  const Steps steps(items,
                    Steps::mapping_type(Extents(std::array<std::size_t, 2>{1, 2}), std::array<std::size_t, 2>{3, 2}));
  const py::View view = py::view(steps, py::unowned);
  CHECK(view.call_method("tolist") == eval("[[0, 2]]"));
  CHECK(view.attr("readonly").as<bool>());
}

namespace {
struct Board {
  double cells[6] = {0, 1, 2, 3, 4, 5};
  using Cells = md::mdspan<double, md::extents<int, 2, 3>, md::layout_left>;
  Cells all() { return Cells(cells, Cells::mapping_type(md::extents<int, 2, 3>(std::array<int, 2>{2, 3}))); }
};
}  // namespace

TEST_CASE("return_view shares the mdspan that a method returns, and keeps the object") {
  python().module("boards").add_class<Board>("Board").init<>().def("all", &Board::all, py::return_view);
  python().exec("import boards\nboard = boards.Board()\ncells = board.all()\ncells[1, 2] = 50");
  CHECK(python()["board"].as<Board&>().cells[5] == 50);
  CHECK(eval("cells.tolist()") == eval("[[0, 2, 4], [1, 3, 50]]"));
  CHECK(eval("cells.obj is board").as<bool>());
}
