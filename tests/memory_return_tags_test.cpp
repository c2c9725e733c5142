// Tests of latepy/memory/return_tags.hpp: return_array and return_view, after functions, methods and fields.
// SPDX-License-Identifier: MIT
#include <cstdint>

#include <latepy/latepy.hpp>
#include <latepy/memory/return_tags.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

namespace return_tags_test {

struct Point {
  double x, y;
};
struct Part {
  std::vector<double> items{1, 2};
};
struct Curve {
  std::vector<double> samples{1, 2, 3};
  const std::vector<std::int32_t> fixed{4, 5};
  std::int16_t table[2][3] = {{1, 2, 3}, {4, 5, 6}};
  std::array<float, 2> pair{7, 8};
  std::vector<Point> points{{1, 2}};
  std::vector<bool> bits{true, false};
  std::vector<std::int64_t> listed{10, 20};
  Part part{};
  std::shared_ptr<std::vector<double>> shared = std::make_shared<std::vector<double>>(2, 0.5);

  std::vector<double>& all() { return samples; }
  const std::vector<double>& all_to_read() const { return samples; }
  std::vector<double> copied() const { return samples; }
  py::Span<const double> tail() const { return {samples.data() + 1, samples.size() - 1}; }
  const std::vector<double>* found(bool is_there) const { return is_there ? &samples : nullptr; }
  const std::int16_t (&rows() const)[2][3] { return table; }
  std::shared_ptr<std::vector<double>> share() const { return shared; }
};

}  // namespace return_tags_test
LATEPY_STRUCT(return_tags_test::Point, x, y)
using namespace return_tags_test;

namespace {

py::Module host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("curves");
    m.add_class<Part>("Part").init<>().def("items", &Part::items, py::return_view);
    m.add_class<Curve>("Curve", py::dynamic_attributes)
        .init<>()
        .def("samples", &Curve::samples, py::return_view, "What was measured.")
        .def("samples_to_read", &Curve::samples, py::read_only, py::return_view)
        .def("fixed", &Curve::fixed, py::return_view)
        .def("table", &Curve::table, py::return_view)
        .def("pair", &Curve::pair, py::return_view)
        .def("points", &Curve::points, py::return_view)
        .def("listed", &Curve::listed, py::return_view)
        .def("listed_itself", &Curve::listed)
        .def("part", &Curve::part)
        .def("samples_copied", &Curve::samples, py::return_array)
        .def("table_copied", &Curve::table, py::return_array)
        .def("bits", &Curve::bits, py::return_array)
        .def("all", &Curve::all, py::return_view)
        .def("all_to_read", &Curve::all_to_read, py::return_view)
        .def("moved", &Curve::copied, py::return_view)
        .def("tail", &Curve::tail, py::return_view)
        .def("found", &Curve::found, py::return_view)
        .def("rows", &Curve::rows, py::return_view)
        .def("share", &Curve::share, py::return_view)
        .property("everything", &Curve::all, py::return_view)
        .def("array_of_all", &Curve::all_to_read, py::return_array)
        .def("array_moved", &Curve::copied, py::return_array)
        .def("array_of_tail", &Curve::tail, py::return_array)
        .def("array_shared", &Curve::share, py::return_array)
        .def("array_found", &Curve::found, py::return_array)
        .def("array_of_rows", &Curve::rows, py::return_array);
    m.def(
        "samples_of", [](const std::string&, Curve& curve) -> std::vector<double>& { return curve.samples; },
        py::return_view, py::keep_alive<0, 2>());
    m.def(
        "constants",
        []() -> const std::vector<double>& {
          static const std::vector<double> all{3, 4};
          return all;
        },
        py::return_view, py::return_reference);
    m.def("take", [](std::unique_ptr<Curve>) {});
    python().exec("from curves import *");
    return true;
  }();
  static_cast<void>(made);
  return py::module("curves");
}
std::string raised(const std::string& code) {
  const auto result = python().try_exec(code);
  return result ? "nothing raised" : result.error().type_name() + ": " + result.error().message();
}
bool has_numpy() {
  static const bool has = python().try_exec("import numpy").has_value();
  return has;
}

}  // namespace

TEST_CASE("return_view shares what belongs to an object, and keeps the object") {
  host();
  python().exec(R"(
      c = Curve()
      v = c.samples
      assert v.obj is c and v.tolist() == [1, 2, 3] and not v.readonly
      v[0] = 10
      assert c.all().tolist() == c.everything.tolist() == c.all_to_read().tolist() == [10, 2, 3]
      assert c.all_to_read().readonly and c.samples_to_read.tolist() == [10, 2, 3]
      assert c.tail().tolist() == [2, 3] and c.tail().readonly and c.tail().obj is c
      assert c.found(False) is None and c.found(True).tolist() == [10, 2, 3]
      assert c.fixed.tolist() == [4, 5] and c.fixed.readonly and c.fixed.format == 'i'
      assert c.table.tolist() == c.rows().tolist() == [[1, 2, 3], [4, 5, 6]] and c.rows().readonly
      assert c.pair.tolist() == [7, 8] and c.points[0] == {'x': 1, 'y': 2}
      assert c.share().tolist() == [0.5, 0.5] and c.share().obj is None
      moved = c.moved()
      moved[0] = 99
      assert moved.obj is None and c.samples[0] == 10
      m = memoryview(v)
      del c, v
      assert m.tolist() == [10, 2, 3]
      del m, moved
  )");
}

TEST_CASE("a function that is no method says who keeps the memory of its view") {
  host();
  python().exec(R"(
      c = Curve()
      v = samples_of('x', c)
      assert v.obj is c
      del c
      assert v.tolist() == [1, 2, 3] and constants().tolist() == [3, 4] and constants().obj is None
      del v
  )");
}

TEST_CASE("a script assigns to a field of return_view in place; another size is refused while a view lives") {
  host();
  python().exec("import array\nc = Curve()\nv = c.samples\nc.samples = [7, 8, 9]\nassert v.tolist() == [7, 8, 9]");
  CHECK(raised("c.samples = [1]") ==
        "BufferError: the size of a field of this curves.Curve cannot change while a view of its memory exists: "
        "release the view first");
  CHECK(raised("c.samples_copied = [1]").find("BufferError") == 0);
  CHECK(raised("c.samples = ['x', 1, 2]").find("TypeError") == 0);
  CHECK(raised("c.samples = [[1, 2, 3]]") == "ValueError: a field of the shape (3,) got items of the shape (1, 3)");
  CHECK(raised("c.table = [1, 2]") == "ValueError: a field of the shape (2, 3) got items of the shape (2,)");
  CHECK(raised("c.fixed = [1, 2]").find("AttributeError") == 0);
  CHECK(raised("c.samples_to_read = [1, 2, 3]").find("AttributeError") == 0);
  python().exec(R"(
      m = memoryview(v)
      del v
      try: c.samples = []
      except BufferError: del m
      c.samples = array.array('f', [1, 2, 3, 4])
      assert c.samples.tolist() == [1, 2, 3, 4]
      v = c.samples
      v.release()
      c.samples = []
      c.table = [[0, 0, 0], [1, 1, 1]]
      c.pair = c.pair
      assert c.samples.tolist() == [] and c.table.tolist() == [[0, 0, 0], [1, 1, 1]] and c.pair.tolist() == [7, 8]
      c.points = c.points
      del c, v
  )");
}

TEST_CASE("with read_only a script changes neither the field nor its items") {
  host();
  CHECK(raised("curve = Curve()\ncurve.samples_to_read[0] = 1").find("TypeError") == 0);
  CHECK(raised("Curve().samples_to_read = [1]").find("AttributeError") == 0);
  CHECK(eval("Curve().samples_to_read.readonly").as<bool>());
}

TEST_CASE("an object whose memory has views is not given away, and its parts are not replaced") {
  host();
  python().exec("c = Curve()\nv = c.part.items");
  CHECK(raised("c.part = Part()") ==
        "BufferError: the value of this curves.Part cannot change while a view of its memory exists: release the view "
        "first");
  CHECK_THAT(raised("take(c)"), ContainsSubstring("a view of its memory exists; release the view first"));
  python().exec("assert v.tolist() == [1, 2]\ndel v\nc.part = Part()\ntake(c)\ndel c");
  Curve curve;
  {
    const py::Borrowed<Curve> lent(curve);
    python()["c"] = lent.object();
    CHECK(raised("c.samples") ==
          "BufferError: a curves.Curve that is only lent to Python exports no buffer: a view could outlive it");
    CHECK_THROWS_AS(py::view(curve.samples, lent.object()), py::PythonError);
    if (has_numpy()) python().exec("assert c.samples_copied.tolist() == [1, 2, 3]");
  }
  python().exec("del c");
}

TEST_CASE("a view of a vector that has a class of its own keeps that from growing") {
  host();
  static const py::Object type = py::bind_vector<std::vector<std::int64_t>>(host(), "Numbers");
  python().exec("c = Curve()\nv = c.listed");
  CHECK(raised("c.listed_itself.append(3)").find("BufferError") == 0);
  python().exec("del v\nc.listed_itself.append(3)\nassert c.listed.tolist() == [10, 20, 3]\ndel c");
}

TEST_CASE("an object that refers to a view of itself is collected") {
  host();
  python().exec(R"(
      import gc, weakref
      c = Curve()
      c.view = c.samples
      gone = weakref.ref(c)
      del c
      gc.collect()
      assert gone() is None
  )");
  const py::Object curve = eval("Curve()");
  CHECK_STEADY(curve.attr("samples"); curve.call_method("tail"); curve.call_method("moved"));
}

TEST_CASE("signatures and stubs tell what the tags return") {
  const std::string text = py::stub(host());
  const std::string floats = minor_version() >= 14 ? "memoryview[float]" : "memoryview";
  for (const std::string& line :
       {"def samples(self) -> " + floats + ":", "def all(self) -> " + floats + ": ...",
        "def found(self, arg1: bool, /) -> typing.Optional[" + floats + "]: ...",
        std::string("def array_moved(self) -> numpy.ndarray: ..."), std::string("import numpy\n")})
    CHECK_THAT(text, ContainsSubstring(line));
  CHECK(eval("Curve.samples.__doc__").as<std::string>().find("What was measured.") != std::string::npos);
}

TEST_CASE("a part that gets its owner while a view of the part exists brings the view along") {
  static Curve curve;
  py::Module m = host();
  m.def(
      "free_curve", []() -> Curve& { return curve; }, py::return_reference);
  m.def(
      "free_part", []() -> Part& { return curve.part; }, py::return_reference);
  m.def(
      "part_of", [](Curve& of) -> Part& { return of.part; }, py::keep_alive<0, 1>());
  python().exec(
      "import curves\nc, p = curves.free_curve(), curves.free_part()\nv = p.items\nassert curves.part_of(c) is p");
  CHECK(raised("c.samples = [1]").find("BufferError") == 0);
  python().exec("del v\nc.samples = [1]\nassert c.samples.tolist() == [1]\ndel c, p");
}

TEST_CASE("return_array gives an array of its own, and adopts a vector", "[numpy]") {
  host();
  if (!has_numpy()) {
    CHECK_THAT(raised("Curve().array_moved()"), ContainsSubstring("python -m pip install numpy"));
    SKIP("this Python has no numpy");
  }
  python().exec(R"(
      c = Curve()
      for a in c.array_of_all(), c.array_moved(), c.array_found(True):
          assert type(a) is numpy.ndarray and a.tolist() == [1, 2, 3] and a.flags.writeable
          a[0] = 100
      assert c.samples.tolist() == [1, 2, 3] and c.array_found(False) is None
      assert c.array_of_tail().tolist() == [2, 3] and c.array_shared().tolist() == [0.5, 0.5]
      assert c.array_of_rows().tolist() == c.table_copied.tolist() == [[1, 2, 3], [4, 5, 6]]
      assert c.bits.tolist() == [True, False] and c.bits.dtype == bool
      a = c.samples_copied
      assert type(a) is numpy.ndarray and a.tolist() == [1, 2, 3] and not a.flags.writeable
      assert not c.table_copied.flags.writeable and not c.bits.flags.writeable
      a = numpy.asarray(c.samples)
      a[1] = 20
      assert c.samples[1] == 20
      try: c.samples = numpy.zeros(5)
      except BufferError: del a
      c.samples = numpy.zeros(5)
      c.samples_copied = numpy.ones(5)
      assert c.samples.tolist() == [1] * 5
      del c
  )");
}
