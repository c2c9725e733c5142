// Tests of latepy/host/buffer_info.hpp: the memory that a bound class shows to memoryview(), numpy and others.
// SPDX-License-Identifier: MIT
#include "python.hpp"

namespace {

/// 2 x 3 numbers, row after row.
struct Grid {
  std::vector<double> cells = std::vector<double>(6);
};
/// 3 x 2 numbers, column after column.
struct Columns {
  std::vector<double> cells = std::vector<double>(6);
  bool is_fixed = false;
};
struct Picture {
  Columns columns;
};
/// Bytes without end in three dimensions, or none: what buffer() is given is said by each case.
struct Any {};
py::BufferInfo any;
struct Other {};
struct FineGrid : Grid {};
struct Silent {};

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("memories");
    m.add_class<Grid>("Grid", py::buffer_protocol).init<>().buffer([](Grid& g) {
      py::BufferInfo info;
      info.data = g.cells.data();
      info.itemsize = sizeof(double);
      info.format = "d";
      info.shape = {2, 3};
      return info;
    });
    m.add_class<Columns>("Columns", py::buffer_protocol)
        .init(
            [](bool fixed) {
              return Columns{std::vector<double>(6), fixed};
            },
            "fixed"_a = false)
        .buffer([](Columns& c) {
          py::BufferInfo info;
          info.data = c.cells.data();
          info.itemsize = sizeof(double);
          info.format = "d";
          info.shape = {3, 2};
          info.strides = {sizeof(double), 3 * sizeof(double)};
          info.is_readonly = c.is_fixed;
          return info;
        });
    m.add_class<Picture>("Picture").init<>().def("columns", &Picture::columns);
    m.add_class<Any>("Any", py::buffer_protocol).init<>().buffer([](Any&) { return any; });
    m.add_class<Other>("Other").init<>();
    m.add_class<FineGrid, Grid>("FineGrid").init<>();
    m.add_class<Silent>("Silent", py::buffer_protocol).init<>();
    python().exec("from memories import *");
    return true;
  }();
  static_cast<void>(made);
}

std::string refused(const char* code) {
  return thrown<py::PythonError>([&] { python().exec(code); }).message();
}

}  // namespace

TEST_CASE("a new BufferInfo is of bytes that scripts may write") {
  const py::BufferInfo info;
  CHECK(info.data == nullptr);
  CHECK(info.itemsize == 1);
  CHECK(info.format == "B");
  CHECK((info.shape.empty() && info.strides.empty()));
  CHECK_FALSE(info.is_readonly);
}

TEST_CASE("a class shows its memory as a buffer") {
  host();
  python().exec(R"(
import struct
g = Grid()
view = memoryview(g)
assert view.shape == (2, 3) and view.strides == (24, 8) and view.format == 'd' and not view.readonly
view[1, 2] = 2.5
assert memoryview(g).tolist() == [[0, 0, 0], [0, 0, 2.5]] and struct.unpack('6d', bytes(g))[5] == 2.5
del g
assert view[1, 2] == 2.5                            # the view keeps the object
class Derived(Grid): pass
assert memoryview(Derived()).nbytes == 48
assert memoryview(FineGrid()).shape == (2, 3)       # a class of C++ shows the memory of its base
try: memoryview(Other())
except TypeError: pass
else: assert False
try: import numpy
except ImportError: pass
else:
  a = numpy.asarray(view.obj); a[0, 1] = 4; assert view[0, 1] == 4 and a.shape == (2, 3)
)");
}

TEST_CASE("memory is shown as it lies") {
  host();
  python().exec(R"(
import io, struct
c = Columns()
view = memoryview(c)
assert view.shape == (3, 2) and view.strides == (8, 24) and view.nbytes == 48
assert not view.c_contiguous and view.f_contiguous
view[2, 1] = 5.0
assert view.tolist() == [[0, 0], [0, 0], [0, 5]] and view.tobytes('A') == struct.pack('6d', 0, 0, 0, 0, 0, 5)
assert bytes(c) == view.tobytes() == struct.pack('6d', 0, 0, 0, 0, 0, 5)
try: io.BytesIO().write(c)
except BufferError as e: assert 'row after row' in str(e), e
else: assert False, 'rows were read from columns'
fixed = memoryview(Columns(fixed=True))
assert fixed.readonly
try: io.BytesIO(b'x' * 48).readinto(Columns(fixed=True))
except (BufferError, TypeError): pass
else: assert False, 'memory that is read-only was written to'
try: fixed[0, 0] = 1.0
except TypeError: pass
else: assert False
p = Picture()
part = memoryview(p.columns)                        # which keeps the whole
del p
part[0, 0] = 2.0
assert part.tolist()[0] == [2, 0]
class Derived(Columns): pass
assert memoryview(Derived()).shape == (3, 2)
view.release()
try: import numpy
except ImportError: pass
else:
  a = numpy.asarray(c); a[0, 0] = 9
  assert a.shape == (3, 2) and a.flags.f_contiguous and memoryview(c)[0, 0] == 9
)");
  py::detail::BufferHandle writable;
  CHECK_FALSE(writable.acquire(eval("Columns(fixed=True)").ptr(), py::detail::buffer_writable));
  CHECK(py::detail::take_python_error().message() == "cannot export a writable buffer: the memory is read-only");
  const auto untagged = thrown<py::StateError>(
      [] { py::Class<Other>(py::module("memories").attr("Other")).buffer([](Other&) { return py::BufferInfo(); }); });
  CHECK(untagged.what() ==
        std::string("memories.Other cannot export a buffer: pass latepy::buffer_protocol to its add_class()"));
}

TEST_CASE("a BufferInfo is any memory that Python knows: of no dimension, many, backwards, with gaps, empty") {
  host();
  static unsigned char memory[24];
  for (unsigned char i = 0; i < 24; ++i) memory[i] = i;
  any = py::BufferInfo();
  any.data = memory + 3;
  CHECK(python().eval<bool>("memoryview(Any()).ndim == 0 and memoryview(Any())[()] == 3"));
  {
    py::detail::BufferHandle item;
    REQUIRE(item.acquire(eval("Any()").ptr(), py::detail::buffer_strides));
    CHECK((item.view().ndim == 0 && !item.view().shape && !item.view().strides));
  }
  if (python().try_exec("import numpy")) CHECK(eval("numpy.asarray(Any())[()]").as<int>() == 3);
  any.data = memory;
  any.shape = {2, 3, 4};
  CHECK(python().eval<bool>("memoryview(Any()).strides == (12, 4, 1) and memoryview(Any())[1, 2, 3] == 23"));
  CHECK(python().eval<bool>("memoryview(Any()).nbytes == 24 and memoryview(Any()).contiguous"));
  any.data = memory + 23;
  any.shape = {24};
  any.strides = {-1};
  CHECK(python().eval<bool>("memoryview(Any()).tolist() == list(reversed(range(24)))"));
  any.data = memory;
  any.shape = {3};
  any.strides = {8};
  CHECK(python().eval<bool>("bytes(memoryview(Any())) == bytes([0, 8, 16])"));
  any.shape = {0};
  any.strides.clear();
  CHECK(python().eval<bool>("bytes(memoryview(Any())) == b'' and memoryview(Any()).shape == (0,)"));
}

TEST_CASE("a BufferInfo whose shape and strides do not agree is refused") {
  host();
  static char memory[48];
  any = py::BufferInfo();
  any.data = memory;
  any.itemsize = 8;
  any.format = "d";
  any.shape = {2, 3};
  any.strides = {24};
  CHECK_THAT(refused("memoryview(Any())"), ContainsSubstring("BufferInfo has 2 dimensions in shape, and 1 in strides"));
  any.strides.clear();
  any.shape = {2, -1};
  CHECK_THAT(refused("memoryview(Any())"),
             ContainsSubstring("BufferInfo has a dimension of -1 items in shape: it must be 0 or more"));
  constexpr std::ptrdiff_t half = std::numeric_limits<std::ptrdiff_t>::max() / 2;
  for (const std::ptrdiff_t first : {2, 0}) {  // beside no items too: a stride would overflow
    any.shape = {first, half, half};
    CHECK_THAT(refused("memoryview(Any())"), ContainsSubstring("items in shape, with which it is larger than memory"));
  }
}

TEST_CASE("an object without a C++ object has no memory to show") {
  host();
  CHECK_THAT(refused("memoryview(Columns.__new__(Columns))"),
             ContainsSubstring("this memories.Columns exports no buffer"));
  CHECK_THAT(refused("memoryview(Silent())"), ContainsSubstring("this memories.Silent exports no buffer"));
}

TEST_CASE("what buffer() throws is raised by who asks for the memory") {
  struct Fails {};
  host();
  py::module("memories").add_class<Fails>("Fails", py::buffer_protocol).init<>().buffer([](Fails&) -> py::BufferInfo {
    throw py::ValueError("not now");
  });
  CHECK(refused("import memories\nmemoryview(memories.Fails())") == "not now");
}

TEST_CASE("thousands of views leave nothing behind") {
  host();
  const py::Object work = python().eval(
      "lambda: (memoryview(Grid()).nbytes, memoryview(Columns()).tolist(), bytes(Columns()), "
      "memoryview(Picture().columns))");
  CHECK_STEADY(work());
}
