// Tests of latepy/memory/arrow.hpp: views as arrays of Arrow, from_arrow(), Column.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <complex>
#include <cstdint>
#include <thread>

#include <latepy/latepy.hpp>
#include <latepy/memory/arrow.hpp>
#include <latepy/memory/float16.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "arrow_ctypes.hpp"
#include "in_child.hpp"
#include "refusals.hpp"

using py::Column;
using py::from_arrow;
using py::Object;
using py::unowned;
using py::View;
using namespace py::detail;
using namespace std::chrono_literals;

namespace arrow_test {
struct Point {
  double x, y;
};
}  // namespace arrow_test
LATEPY_STRUCT(arrow_test::Point, x, y)

namespace {

template <class Unit>
using Time = std::chrono::time_point<std::chrono::system_clock, Unit>;

template <class T>
std::vector<T> values(const Column<T>& column) {
  return std::vector<T>(column.begin(), column.end());
}
/// How many structs of the producer live.
std::size_t living() { return with_arrow("len(living)").as<std::size_t>(); }
/// Consumes a capsule of C++, as another library does.
template <class S>
S move_out(const Object& capsule) {
  S* const inside = static_cast<S*>(api().Capsule_GetPointer(capsule.ptr(), arrow_capsule<S>));
  REQUIRE(inside);
  return std::exchange(*inside, S{});
}

}  // namespace

TEST_CASE("a view is an array of Arrow that shares the memory, and counts it as handed over") {
  python();
  std::vector<double> numbers{1, 2, 3};
  const View view = py::view(numbers.data(), 3, unowned);
  {
    const auto column = from_arrow<double>(view);
    CHECK(column.data() == numbers.data());
    CHECK((column.size() == 3 && column.null_count() == 0 && !column.is_copy() && !column.empty()));
    numbers[1] = 20;
    CHECK(values(column) == std::vector<double>{1, 20, 3});
    CHECK(view.exports() == 1);
    const auto copy = column;
    CHECK(view.exports() == 1);
    CHECK_THROWS_AS(column.at(3), py::IndexError);
  }
  CHECK(view.exports() == 0);
  const Object pair = view.call_method("__arrow_c_array__", "requested_schema"_a = nullptr);
  const Object dropped = view.call_method("__arrow_c_array__", view.call_method("__arrow_c_schema__"));
  CHECK(view.exports() == 2);
  auto schema = move_out<ArrowSchema>(pair[0]);
  CHECK((std::string(schema.format) == "g" && schema.flags == ARROW_FLAG_NULLABLE && schema.n_children == 0));
  auto array = move_out<ArrowArray>(pair[1]);
  CHECK((array.length == 3 && array.null_count == 0 && array.offset == 0 && array.n_buffers == 2));
  CHECK((array.buffers[0] == nullptr && array.buffers[1] == numbers.data() && !array.dictionary));
  schema.release(&schema);
  {
    const py::GilRelease released;
    std::thread([&] { array.release(&array); }).join();
  }
  CHECK((!schema.release && !array.release));
  CHECK(view.exports() == 1);  // of the capsules that nobody consumed
}

TEST_CASE("types of numbers are those of Arrow") {
  python();
  const auto check = [](auto item, const char* format) {
    using T = decltype(item);
    std::vector<T> items{item, item};
    const View view = py::view(items.data(), 2, unowned);
    auto schema = move_out<ArrowSchema>(view.call_method("__arrow_c_schema__"));
    CHECK(std::string(schema.format) == format);
    schema.release(&schema);
    CHECK(from_arrow<T>(view).data() == items.data());
    if (!arrow().is_empty())
      CHECK(with_arrow("to_list(it.__arrow_c_array__())[1]", view).template as<std::vector<T>>() == items);
    CHECK(view.exports() == 0);
  };
  check(std::int8_t(-1), "c");
  check(std::uint8_t(255), "C");
  check(std::int16_t(-2), "s");
  check(std::uint16_t(2), "S");
  check(-3, "i");
  check(3u, "I");
  check(-4LL, "l");
  check(4ULL, "L");
  check(1.5f, "f");
  check(1.5, "g");
#if LATEPY_FLOAT16
  py::detail::float16 halves[] = {py::detail::float16(1.5f), -2};
  const View view = py::view(halves, 2, unowned);
  auto schema = move_out<ArrowSchema>(view.call_method("__arrow_c_schema__"));
  CHECK(std::string(schema.format) == "e");
  schema.release(&schema);
  CHECK(from_arrow<py::detail::float16>(view).data() == halves);
#endif
}

TEST_CASE("what a view cannot be as an array of Arrow is refused in words") {
  python();
  double numbers[4] = {};
  bool truths[2] = {};
  std::complex<double> pairs[1] = {};
  CHECK(raised(py::view(numbers, {2, 2}, unowned), "view.__arrow_c_array__()") ==
        "BufferError: a column has one dimension, and this latepy.View has another number: share each row or column of "
        "it");
  CHECK(raised(py::view(numbers, 2, {16}, unowned), "view.__arrow_c_array__()") ==
        "BufferError: the items of a column lie one after the other, and those of this latepy.View do not: copy them "
        "first");
  CHECK_THAT(raised(py::view(truths, 2, unowned), "view.__arrow_c_schema__()"),
             ContainsSubstring("BufferError: Arrow packs bools into bits"));
  CHECK_THAT(raised(py::view(pairs, 1, unowned), "view.__arrow_c_array__()"),
             ContainsSubstring("BufferError: Arrow has no complex numbers"));
  CHECK_THAT(raised(py::view(std::vector<arrow_test::Point>(1)), "view.__arrow_c_array__()"),
             ContainsSubstring("BufferError: Arrow's columns have no structs"));
  CHECK_THAT(raised(py::view(numbers, 4, unowned, py::Device{2, 0}), "view.__arrow_c_array__()"),
             ContainsSubstring("BufferError: the memory of this latepy.View is on another device"));
  if (sizeof(long double) > sizeof(double)) {
    long double longs[1] = {};
    CHECK_THAT(raised(py::view(longs, 1, unowned), "view.__arrow_c_array__()"),
               ContainsSubstring("BufferError: Arrow has no long double"));
  }
  View gone = py::view(numbers, 4, unowned);
  gone.withdraw();
  CHECK_THAT(raised(gone, "view.__arrow_c_array__()"),
             ContainsSubstring("ValueError: the memory of this latepy.View was"));
  const View view = py::view(numbers, 4, unowned);
  CHECK(raised(view, "view.__arrow_c_array__(1)") ==
        "TypeError: __arrow_c_array__(): requested_schema must be None or a capsule \"arrow_schema\", and it is 1");
  CHECK(raised(view, "view.__arrow_c_array__(schema=None)") ==
        "TypeError: __arrow_c_array__() takes one argument, requested_schema");
  CHECK(raised(view, "view.__arrow_c_array__(None, None)") ==
        "TypeError: __arrow_c_array__() takes one argument, requested_schema");
  CHECK(view.exports() == 0);
}

TEST_CASE("a column is read where it lies, from its offset on, in each layout") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  {
    const auto numbers = from_arrow<double>(with_arrow("Array(schema_of('g'), doubles([9, 1, 2, 3], offset=1))"));
    CHECK((numbers.size() == 3 && numbers[0] == 1 && numbers[1] == 2));
  }
  CHECK(values(from_arrow<std::optional<double>>(
            with_arrow("Array(schema_of('g'), doubles([9, 2, 3, 0], valid=b'\\x0a', nulls=-1, offset=1))"))) ==
        std::vector<std::optional<double>>{2, std::nullopt, 0});
  CHECK(values(from_arrow<bool>(with_arrow("Array(schema_of('b'), chunk_of(3, [None, b'\\x80\\x02'], offset=7))"))) ==
        std::vector<bool>{true, false, true});
  const std::vector<std::string_view> texts{"", "b\xc3\xa4", "c"};
  for (const char* const made :
       {"Array(schema_of('u'), chunk_of(3, [None, pack('=5i', 0, 1, 1, 4, 5), 'ab\\xe4c'.encode()], offset=1))",
        "Array(schema_of('U'), chunk_of(3, [None, pack('=5q', 0, 1, 1, 4, 5), 'ab\\xe4c'.encode()], offset=1))"}) {
    CHECK(values(from_arrow<std::string_view>(with_arrow(made))) == texts);
    CHECK(from_arrow<std::string>(with_arrow(made)).at(1) == texts[1]);
  }
  const auto views = from_arrow<std::optional<std::string_view>>(
      with_arrow("Array(schema_of('vu'), chunk_of(3, [b'\\5', pack('=i12s16xi4sii', 3, b'abc', 14, b'long', 0, 2), "
                 "b'__long enough it', bytes(8)], nulls=1))"));
  CHECK(values(views) == std::vector<std::optional<std::string_view>>{"abc", std::nullopt, "long enough it"});
  with_arrow("[odd := doubles([]), odd.buffers.__setitem__(1, 1)]");
  CHECK(from_arrow<double>(with_arrow("Array(schema_of('g'), odd)")).empty());  // any address, as nothing stands there
  using Micros = Time<std::chrono::microseconds>;
  const auto times =
      from_arrow<Micros>(with_arrow("Array(schema_of('tsu:UTC'), chunk_of(1, [None, pack('=q', 1500000)]))"));
  CHECK(times[0] == Micros(1500ms));
  CHECK(times.data()[0] == Micros(1500ms));
}

TEST_CASE("a column that does not fit is refused in words, and is released") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  const auto why = [](const char* made) {
    const std::string text = refused([&] { from_arrow<double>(with_arrow(made)); });
    CHECK(living() == 0);
    return text;
  };
  with_arrow("living.clear()");
  CHECK(why("Array(schema_of('l'), doubles([1]))") == "it has int64, and float64 is wanted");
  CHECK(why("Array(schema_of('tsm:'), doubles([1]))") == "it has timestamp in ms, and float64 is wanted");
  CHECK(
      why("Array(schema_of('+l', children=[schema_of('g')]), chunk_of(0, [None, bytes(8)], children=[doubles([])]))") ==
      "it has Arrow's format '+l', and float64 is wanted");
  CHECK(why("Array(schema_of('g'), doubles([1, 2, 3], valid=b'\\x05', nulls=-1))") ==
        "it has 1 null, the first in row 1: take a Column of std::optional");
  CHECK(
      why("Array(schema_of('c', dictionary=schema_of('g')), chunk_of(1, [None, bytes(1)], dictionary=doubles([5])))") ==
      "its values stand in a dictionary, and float64 is wanted: decode it first (dictionary_decode() or cast() in "
      "pyarrow)");
  CHECK(why("Array(schema_of('g'), chunk_of(1, [None]))") ==
        "its array is not valid: it has 1 buffers, the offset 0 and the length 1");
  CHECK(why("Array(schema_of('g'), chunk_of(1, [None, None]))") ==
        "its array is not valid: it has values, and their buffer is null");
  with_arrow("[odd := doubles([1, 2]), odd.buffers.__setitem__(1, odd.buffers[1] + 1)]");
  CHECK(why("Array(schema_of('g'), odd)") == "its values are not aligned");
  with_arrow("[odd := chunk_of(1, [None], children=[Chunk()]), odd.children.__setitem__(0, POINTER(Chunk)())]");
  CHECK(why("Array(schema_of('g', children=[schema_of('g')]), odd)") == "its array is not valid: a child is missing");
  CHECK(why("Array(schema_of('g'), doubles([1], offset=-1))") ==
        "its array is not valid: its length is 1 and its offset -1");
  CHECK(why("Array(schema_of('g'), chunk_of(2**63 - 1, [None, bytes(8)], offset=2))") ==
        "its array is not valid: its length is 9223372036854775807 and its offset 2");
  CHECK(why("Array(schema_of('g', children=[schema_of('g')]), doubles([1]))") ==
        "its array has 0 children and its schema 1");
  constexpr char no_schema[] = "its schema is not valid: it has no format, or a child is missing";
  CHECK(why("Array(schema_of(None), doubles([1]))") == no_schema);
  CHECK(why("Array(schema_of('+s', children=[schema_of(None)]), chunk_of(1, [None], children=[doubles([1])]))") ==
        no_schema);
  CHECK(why("Array(schema_of('+s'), chunk_of(1, [None]))") ==
        "it is a table: take a latepy::Table, from_arrow(object), and its column<T>()");
  CHECK(refused([] { from_arrow<double>(eval("1")); }) ==
        "it has no __arrow_c_stream__ and no __arrow_c_array__: pass an object of pyarrow, polars or another library "
        "that "
        "speaks Arrow, or take a latepy::Buffer or Array");
  CHECK(refused([] { from_arrow<double>(eval("type('Odd', (), {'__arrow_c_array__': lambda self: (1, 2)})()")); }) ==
        "its __arrow_c_array__() gave no capsule of Arrow");
  CHECK_THROWS_AS(from_arrow<double>(eval("type('Fails', (), {'__arrow_c_stream__': lambda self: 1 / 0})()")),
                  py::ZeroDivisionError);
}

TEST_CASE("the array of another library is released once, under the GIL, when its last Column ends") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  with_arrow("living.clear()");
  const Object capsules = with_arrow("Array(schema_of('g'), doubles([1, 2])).__arrow_c_array__()");
  auto column = std::make_unique<Column<double>>(from_arrow<double>(capsules));
  CHECK(refused([&] { from_arrow<double>(capsules); }) == "the capsule was consumed before: ask for a new one");
  auto copy = *column;
  column.reset();
  CHECK((copy[1] == 2 && living() == 1));  // the schema was released
  {
    const py::GilRelease released;
    std::thread([last = std::move(copy)] {}).join();
  }
  { const py::GilGuard gil; }
  CHECK(living() == 0);
}

TEST_CASE("a capsule of other values is refused by its schema, and not consumed") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  with_arrow("living.clear()");
  for (const char* made : {"Array(schema_of('g'), doubles([1, 2])).__arrow_c_array__()",
                           "Stream(schema_of('g'), [doubles([1, 2])]).__arrow_c_stream__()"}) {
    const Object capsule = with_arrow(made);
    CHECK(refused([&] { from_arrow<int>(capsule); }) == "it has float64, and int32 is wanted");
    CHECK(refused([&] { static_cast<void>(capsule.as<Column<std::string>>()); }) ==
          "it has float64, and text is wanted");
    CHECK(values(from_arrow<double>(capsule)) == std::vector<double>{1, 2});
    CHECK(refused([&] { from_arrow<int>(capsule); }) == "the capsule was consumed before: ask for a new one");
  }
  python().def("kind", py::overload([](const Column<std::string>&) { return "text"; },
                                    [](const Column<double>& column) { return column.size() == 2 ? "float64" : ""; }));
  CHECK(python()["kind"](with_arrow("Stream(schema_of('g'), [doubles([1, 2])]).__arrow_c_stream__()"))
            .as<std::string>() == "float64");
  CHECK(living() == 0);
}

TEST_CASE("what the code of an attribute raises comes through, and is no missing attribute") {
  python().exec(R"(
      class Fails:
          def __init__(self, error): self.error = error
          @property
          def __arrow_c_array__(self): raise self.error
      class FailsLater:
          @property
          def __arrow_c_stream__(self): raise KeyError('on the way')
  )");
  CHECK_THROWS_AS(from_arrow<double>(eval("Fails(ValueError('not now'))")), py::ValueError);
  CHECK_THROWS_AS(from_arrow<double>(eval("FailsLater()")), py::KeyError);
  CHECK_THAT(refused([] { from_arrow<double>(eval("Fails(AttributeError())")); }),
             ContainsSubstring("it has no __arrow_c_stream__ and no __arrow_c_array__"));
}

TEST_CASE("the chunks of a stream are joined by a copy, and its errors have its own text") {
  python();
  if (arrow().is_empty()) SKIP("this CPython has no ctypes");
  with_arrow("living.clear()");
  const auto take = [](const char* made) { return from_arrow<std::optional<double>>(with_arrow(made)); };
  {
    const auto one = take("Stream(schema_of('g'), [doubles([1, 2])])");
    CHECK((!one.is_copy() && one.size() == 2 && *one[1] == 2));
    const auto many =
        take("Stream(schema_of('g'), [doubles([1, 2]), doubles([]), doubles([3, 4, 5], valid=b'\\2', nulls=2)])");
    CHECK(many.is_copy());
    CHECK(values(many) == std::vector<std::optional<double>>{1, 2, std::nullopt, 4, std::nullopt});
    const auto none = take("Stream(schema_of('g'), [])");
    CHECK((none.empty() && !none.is_copy()));
    CHECK(values(from_arrow<bool>(
              with_arrow("Stream(schema_of('b'), [chunk_of(2, [None, b'\\1']), chunk_of(1, [None, b'\\1'])])"))) ==
          std::vector<bool>{true, false, true});
    const auto texts = from_arrow<std::optional<std::string>>(
        with_arrow("Stream(schema_of('u'), [chunk_of(1, [None, pack('=ii', 1, 3), b'abc']), "
                   "chunk_of(1, [b'\\0', bytes(8), b'c'], nulls=1)])"));
    CHECK(values(texts) == std::vector<std::optional<std::string>>{"bc", std::nullopt});
    CHECK(refused([] { from_arrow<int>(with_arrow("Stream(schema_of('g'), [])")); }) ==
          "it has float64, and int32 is wanted");
  }
  CHECK(living() == 0);
  const auto failed = [&](const char* made) {
    return std::string(thrown<py::RuntimeError>([&] { take(made); }).what());
  };
  CHECK(failed("Stream(schema_of('g'), [doubles([1]), doubles([2])], fails_at=1)") ==
        "RuntimeError: the Arrow stream failed with error 5: the disk is gone");
  CHECK(failed("Stream(schema_of('g'), [], fails_at='schema', text=None)") ==
        "RuntimeError: the Arrow stream failed with error 22: it says nothing more");
  with_arrow("living.clear()");
}

TEST_CASE("a Column is a parameter, and takes nothing that it does not give back") {
  python();
  python().def("total", [](const Column<double>& column) {
    double sum = 0;
    for (const double each : column) sum += each;
    return sum;
  });
  std::vector<double> numbers{1, 2};
  const View view = py::view(numbers.data(), 2, unowned);
  CHECK(python()["total"](view).as<double>() == 3);
  CHECK_THROWS_AS(python()["total"](1), py::TypeError);
  CHECK_STEADY(static_cast<void>(from_arrow<double>(view)); view.call_method("__arrow_c_array__"));
  CHECK_STEADY(refused([&] { from_arrow<float>(view); }));
}

#if !LATEPY_WINDOWS
TEST_CASE("arrays of Arrow may be released after the interpreter has stopped", "[stop]") {
  python();
  in_child([] {
    static double numbers[3] = {1, 2, 3};
    std::optional<View> view;
    view.emplace(py::view(numbers, 3, unowned));
    std::optional<Column<double>> column;
    column.emplace(from_arrow<double>(*view));
    auto array = move_out<ArrowArray>(view->call_method("__arrow_c_array__")[1]);
    auto schema = move_out<ArrowSchema>(view->call_method("__arrow_c_schema__"));
    if (!python().stop(10s)) std::_Exit(3);
    schema.release(&schema);
    std::thread([&] { array.release(&array); }).join();
    const bool is_right = (*column)[2] == 3;
    column.reset();
    view.reset();
    if (!is_right) std::_Exit(2);
    end_without_leak_check();
  });
}
#endif
