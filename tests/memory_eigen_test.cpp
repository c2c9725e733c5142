// Tests of latepy/memory/eigen.hpp: Eigen's matrices as ndarrays, Ref and Map parameters, views of matrices.
// SPDX-License-Identifier: MIT
#include <complex>

#include <latepy/memory/return_tags.hpp>  // may come before the types whose items it shows

#include <latepy/memory/eigen.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/optional.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/variant.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

using Eigen::Dynamic;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using ByRows = Eigen::Matrix<double, Dynamic, Dynamic, Eigen::RowMajor>;
using AnySteps = Eigen::Stride<Dynamic, Dynamic>;

struct Camera {
  Eigen::Matrix2d lens = Eigen::Matrix2d::Identity();
};
LATEPY_STRUCT(Camera, lens)

namespace {

struct Model {
  MatrixXd weights = MatrixXd::Ones(2, 3);
  const VectorXd bias = VectorXd::Zero(2);
  std::vector<VectorXd> layers{VectorXd::Ones(2)};
  std::optional<VectorXd> last{VectorXd::Ones(1)};
  std::map<std::string, VectorXd> named{{"a", VectorXd::Ones(1)}};
  std::variant<int, VectorXd> either{VectorXd::Ones(1)};
  Camera camera;
};

/// Its matrices are seen by return_view and return_array.
struct Body {
  MatrixXd points = MatrixXd::Zero(2, 3);
  ByRows rows = ByRows::Zero(2, 3);
  Eigen::Matrix3f turn = Eigen::Matrix3f::Identity();
  Eigen::Array2i pair{1, 2};
  Eigen::RowVectorXd line = Eigen::RowVectorXd::Zero(3);
  const VectorXd fixed = VectorXd::Ones(2);
  Eigen::Map<VectorXd> corner{points.data(), 2};
  std::shared_ptr<MatrixXd> shared = std::make_shared<MatrixXd>(MatrixXd::Ones(1, 2));

  MatrixXd& all() { return points; }
  const MatrixXd& all_to_read() const { return points; }
  MatrixXd made() const { return points; }
  MatrixXd* found(bool is_there) { return is_there ? &points : nullptr; }
  Eigen::Ref<MatrixXd> ref() { return points; }
  auto column(int i) { return points.col(i); }
  auto column_to_read(int i) const { return points.col(i); }
  std::shared_ptr<MatrixXd> share() const { return shared; }
};

void bind_bodies() {
  static const bool once = [] {
    py::Module m = python().module("bodies");
    m.add_class<Body>("Body")
        .init<>()
        .def("points", &Body::points, py::return_view, "Where it is.")
        .def("points_to_read", &Body::points, py::return_view, py::read_only)
        .def("points_copied", &Body::points, py::return_array)
        .def("rows", &Body::rows, py::return_view)
        .def("turn", &Body::turn, py::return_view)
        .def("pair", &Body::pair, py::return_view)
        .def("line", &Body::line, py::return_view)
        .def("fixed", &Body::fixed, py::return_view)
        .def("corner", &Body::corner, py::return_view)
        .def("all", &Body::all, py::return_view)
        .def("all_to_read", &Body::all_to_read, py::return_view)
        .def("made", &Body::made, py::return_view)
        .def("made_array", &Body::made, py::return_array)
        .def("all_array", &Body::all_to_read, py::return_array)
        .def("column_array", &Body::column, py::return_array)
        .def("found", &Body::found, py::return_view)
        .def("ref", &Body::ref, py::return_view)
        .def("column", &Body::column, py::return_view)
        .def("column_to_read", &Body::column_to_read, py::return_view)
        .def("share", &Body::share, py::return_view);
    python().def("address", [](Eigen::Map<const MatrixXd, 0, AnySteps> items) {
      return reinterpret_cast<std::uintptr_t>(items.data());
    });
    m.def(
        "points_of", [](Body& body) -> MatrixXd& { return body.points; }, py::return_view, py::keep_alive<0, 1>());
    return true;
  }();
  static_cast<void>(once);
  python().exec("from bodies import Body, points_of\nbody = Body()");
}
std::string raised(const char* code) {
  const auto result = python().try_exec(code);
  return result ? "nothing raised" : result.error().type_name() + ": " + result.error().message();
}

/// Also makes `np` and `array` of the scripts.
bool has_numpy() {
  static const bool has = [] {
    python().exec("import array");
    const bool found = python().try_exec("import numpy as np").has_value();
    if (!found) WARN("skipped: this Python has no numpy");
    return found;
  }();
  return has;
}
std::string refused_call(const char* code) {
  const std::string text = thrown<py::TypeError>([&] { eval(code); }).what();
  const std::size_t begin = text.find(">: ");
  return begin == text.npos ? text : text.substr(begin + 3, text.find(". It was called") - begin - 3);
}

}  // namespace

TEST_CASE("an Eigen matrix is made of lists and of memory of any type, by rows, columns and steps") {
  has_numpy();
  MatrixXd wanted(2, 3);
  wanted << 0, 1, 2, 3, 4, 5;
  CHECK(eval("[[0, 1, 2], (3, 4, 5)]").as<MatrixXd>() == wanted);
  CHECK(eval("[[0, 1, 2], (3, 4, 5)]").as<ByRows>() == wanted);
  CHECK(eval("[[0, 1, 2], (3, 4, 5)]").as<Eigen::Matrix<float, 2, 3>>() == wanted.cast<float>());
  CHECK(eval("memoryview(bytes(range(6))).cast('B', (2, 3))").as<Eigen::Array<int, 2, Dynamic>>().matrix() ==
        wanted.cast<int>());
  CHECK(eval("array.array('d', [1, 2])").as<VectorXd>() == VectorXd::LinSpaced(2, 1, 2));
  CHECK(eval("memoryview(array.array('d', [1, 2, 3]))[::-2]").as<Eigen::RowVector2d>() == Eigen::RowVector2d(3, 1));
  CHECK(eval("[1j, 2]").as<Eigen::VectorXcd>()[0] == std::complex<double>(0, 1));
  CHECK(eval("[1, 2]").as<MatrixXd>() == VectorXd::LinSpaced(2, 1, 2));  // one column
  CHECK(eval("[[1], [2]]").as<VectorXd>() == VectorXd::LinSpaced(2, 1, 2));
  CHECK(eval("[]").as<VectorXd>().size() == 0);
  CHECK(eval("[[True, False]]").as<Eigen::Array<bool, 1, 2>>()(0, 0));
  CHECK(eval("[[[1, 2]], [[3, 4]]]").as<std::vector<MatrixXd>>()[1](0, 1) == 4);
}

TEST_CASE("an Eigen matrix refuses other shapes and items, and says which ones are wanted") {
  has_numpy();
  CHECK(refusal<Eigen::Matrix<double, 2, Dynamic>>("[[1], [2], [3]]")
            .find("it has the shape (3, 1), and (2, columns) is wanted") != std::string::npos);
  CHECK_THAT(refusal<Eigen::Vector3d>("[1, 2]"), ContainsSubstring("it has the shape (2,), and (3,) is wanted"));
  CHECK_THAT(refusal<VectorXd>("[[1, 2]]"), ContainsSubstring("it has the shape (1, 2), and (n,) is wanted"));
  CHECK_THAT(refusal<MatrixXd>("[[[1]]]"), ContainsSubstring("(1, 1, 1), and (rows, columns) is wanted"));
  CHECK_THAT(refusal<MatrixXd>("1"), ContainsSubstring("it has the shape (), and"));
  CHECK_THAT(refusal<MatrixXd>("[[1, 2], [3]]"), ContainsSubstring("[1]: cannot convert 'list' [3]"));
  CHECK_THAT(refusal<MatrixXd>("[[1, '2']]"), ContainsSubstring("[0][1]: cannot convert 'str' \"2\" to double"));
  CHECK_THAT(refusal<Eigen::MatrixXi>("[[1.5]]"), ContainsSubstring("[0][0]: cannot convert 'float' 1.5 to int"));
  CHECK_THAT((refusal<Eigen::Matrix<double, Dynamic, 1, 0, 2, 1>>("[1, 2, 3]")), ContainsSubstring("shape (3,)"));
}

TEST_CASE("a matrix that is moved to Python is an ndarray over its own memory") {
  if (!has_numpy()) {  // a View
    CHECK(py::to_py(VectorXd(VectorXd::LinSpaced(2, 1, 2))).call_method("tolist") == eval("[1.0, 2.0]"));
    return;
  }
  MatrixXd matrix(2, 3);
  matrix << 0, 1, 2, 3, 4, 5;
  const py::Object copied = py::to_py(matrix);
  const double* const data = matrix.data();
  const py::Object moved = py::to_py(std::move(matrix));
  CHECK(eval("np.array([[0., 1, 2], [3, 4, 5]])").call_method("tolist") == moved.call_method("tolist"));
  CHECK(copied.call_method("tolist") == moved.call_method("tolist"));
  CHECK(moved.attr("ctypes").attr("data").as<std::uintptr_t>() == reinterpret_cast<std::uintptr_t>(data));
  CHECK(moved.attr("flags")["F_CONTIGUOUS"].as<bool>());
  CHECK(py::repr(py::to_py(Eigen::Vector3d(1, 2, 3))) == "array([1., 2., 3.])");
  CHECK(py::repr(py::to_py(Eigen::RowVector2f(1, 2))) == "array([1., 2.], dtype=float32)");
  CHECK(py::repr(py::to_py(ByRows::Identity(2, 2) * 2)) == "array([[2., 0.],\n       [0., 2.]])");
  CHECK(py::repr(py::to_py(moved.as<MatrixXd>().col(1))) == "array([1., 4.])");
  CHECK(py::str(py::to_py(MatrixXd(0, 3)).attr("shape")) == "(0, 3)");
}

TEST_CASE("a Ref or Map is the memory of the argument, and what the host writes the script sees") {
  has_numpy();
  python().def("twice", [](Eigen::Ref<VectorXd> items) { items *= 2; });
  python().def("twice_any", [](Eigen::Ref<VectorXd, 0, Eigen::InnerStride<>> items) { items *= 2; });
  python().def("twice_rows", [](Eigen::Ref<ByRows> items) { items *= 2; });
  python().def("twice_columns", [](Eigen::Map<MatrixXd> items) { items *= 2; });
  python().def("twice_steps", [](Eigen::Ref<MatrixXd, 0, AnySteps> items) { items *= 2; });
  python().exec(R"(
      one = array.array('d', range(6))
      two = memoryview(one).cast('B').cast('d', (2, 3))
      twice(one)
      twice_any(memoryview(one)[::2])
      twice_rows(two)
      twice_steps(two)
  )");
  CHECK(eval("one.tolist()") == eval("[0, 8, 32, 24, 64, 40]"));
  CHECK(refused_call("twice([1.0])") == "it has no memory to share: pass a numpy array, array.array or another buffer");
  CHECK(refused_call("twice(array.array('f', [1]))") ==
        "its items have the format 'f' and 4 bytes, and 'd' and 8 bytes are wanted: convert it first (array.astype), "
        "or let the program take an Eigen::Ref<const T>");
  CHECK(refused_call("twice(memoryview(one)[::2])") ==
        "its items do not lie one after the other: pass a copy, or let the program take an Eigen::Ref with "
        "Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>");
  CHECK(refused_call("twice(memoryview(one).toreadonly())") == "its memory is read-only: pass a writable copy");
  CHECK_THAT(refused_call("twice(two)"), ContainsSubstring("it has the shape (2, 3), and (n,) is wanted"));
  CHECK_THAT(refused_call("twice_columns(two)"), ContainsSubstring("pass numpy.asfortranarray(...)"));
  if (!has_numpy()) return;
  python().exec("made = np.ones((2, 3), order='F')\ntwice_columns(made)\ntwice_steps(made[::-1, ::2])");
  CHECK(eval("made.tolist()") == eval("[[4, 2, 4], [4, 2, 4]]"));
  CHECK_THAT(refused_call("twice_rows(made)"), ContainsSubstring("pass numpy.ascontiguousarray(...)"));
  CHECK_THAT(refused_call("twice(np.zeros(2, '>f8'))"), ContainsSubstring("the format '>d'"));
  CHECK(refused_call("twice_any(np.lib.stride_tricks.as_strided(np.ones(1), (3,), (0,)))") ==
        "its items are repeated, as in a broadcast array: pass a copy");
  python().exec("twice_columns(np.zeros((0, 3)))\ntwice_columns(np.zeros((1, 3)))\ntwice(np.zeros((3, 1)))");
}

TEST_CASE("a Ref to const converts what it cannot point to, and a Map does not") {
  has_numpy();
  const double* seen = nullptr;
  python().def("total", [&](const Eigen::Ref<const VectorXd>& items) {
    seen = items.data();
    return items.sum();
  });
  python().def("total_map", [](Eigen::Map<const Eigen::Matrix<float, 1, 2>> items) { return items.sum(); });
  python().def("total_either", [](Eigen::Ref<const MatrixXd> items) { return items.sum(); });
  python().exec("items = array.array('d', [1, 2])");
  CHECK(eval("total(items)").as<double>() == 3);
  CHECK(reinterpret_cast<std::uintptr_t>(seen) == eval("items.buffer_info()[0]").as<std::uintptr_t>());
  CHECK(eval("total([1, 2])").as<double>() == 3);
  CHECK(eval("total(array.array('i', [1, 2]))").as<double>() == 3);
  CHECK(eval("total(memoryview(items)[::-1])").as<double>() == 3);
  CHECK(eval("total(memoryview(items).toreadonly())").as<double>() == 3);
  CHECK(eval("total_either([[1, 2], [3, 4]])").as<double>() == 10);
  CHECK_THAT(thrown<py::TypeError>([] { eval("total([[1, 2]])"); }).what(), ContainsSubstring("(1, 2), and (n,)"));
  CHECK(eval("total_map(array.array('f', [1, 2]))").as<double>() == 3);
  CHECK_THAT(refused_call("total_map([1, 2])"), ContainsSubstring("it has no memory to share"));
  python().exec("class Own(array.array):\n  def __getitem__(self, at): return 7");
  CHECK_THAT(refused_call("total_map(Own('f', [1, 2]))"),
             ContainsSubstring("its class gives other items than its memory has: pass numpy.asarray(...)"));
  python().def("kind",
               py::overload([](const Eigen::VectorXf&) { return "float"; }, [](const VectorXd&) { return "double"; }));
  CHECK(eval("kind(items)") == py::to_py("double"));
  python().exec("class Fails:\n  @property\n  def __dlpack__(self): raise LookupError('not here')");
  CHECK(py::Converter<VectorXd>::fit(eval("Fails()").ptr()) == py::detail::Fit::other);
}

TEST_CASE("a broadcast array is read as it is by each kind of parameter: a step of 0 is no step of an Eigen::Ref") {
  if (!has_numpy()) return;
  const auto doubled = [](const auto& items) { return MatrixXd(items * 2); };
  python().def("rows", [&](const Eigen::Ref<const ByRows>& items) { return doubled(items); });
  python().def("columns", [&](const Eigen::Ref<const MatrixXd>& items) { return doubled(items); });
  python().def("any", [&](const Eigen::Ref<const ByRows, 0, AnySteps>& items) { return doubled(items); });
  python().def("any_map", [&](Eigen::Map<const ByRows, 0, AnySteps> items) { return doubled(items); });
  python().def("any_vector",
               [](const Eigen::Ref<const VectorXd, 0, Eigen::InnerStride<>>& items) { return VectorXd(items * 2); });
  python().exec(R"(
      all = [np.broadcast_to(np.arange(4.), (3, 4)), np.broadcast_to(np.arange(3.)[:, None], (3, 4)),
             np.broadcast_to(7., (3, 4)), np.zeros((3, 4))[:, :0], np.zeros((3, 4))[:0]]
      for each in all:
          for read in rows, columns, any, any_map:
              made = read(each)
              assert made.tolist() == (each * 2).tolist(), (read, each, made)
      assert any_vector(np.broadcast_to(7., (5,))).tolist() == [14.0] * 5
      del any
  )");
}

TEST_CASE("a view of a matrix shares its items as long as the owner lives") {
  auto matrix = std::make_shared<MatrixXd>(MatrixXd::Zero(2, 3));
  py::View view = py::view(matrix->block(0, 1, 2, 2), matrix);
  CHECK(py::str(view.attr("shape")) == "(2, 2)");
  CHECK(py::str(view.attr("strides")) == "(8, 16)");
  view[eval("(1, 0)")] = 5;
  CHECK((*matrix)(1, 1) == 5);
  const std::weak_ptr<MatrixXd> watch = matrix;
  matrix.reset();
  CHECK_FALSE(watch.expired());
  view = py::view(VectorXd(VectorXd::LinSpaced(2, 1, 2)));
  CHECK(watch.expired());
  CHECK(view.call_method("tolist") == eval("[1.0, 2.0]"));
  const VectorXd fixed = VectorXd::Ones(2);
  CHECK(py::view(fixed, py::unowned).attr("readonly").as<bool>());
  const double items[] = {1, 2, 3, 4};
  CHECK(py::view(Eigen::Map<const Eigen::Matrix2d>(items), py::unowned).call_method("tolist") ==
        eval("[[1.0, 3.0], [2.0, 4.0]]"));
}

TEST_CASE("return_view shares the matrix of an object in its own order, and keeps the object") {
  bind_bodies();
  Body& body = python()["body"].as<Body&>();
  const auto first = reinterpret_cast<std::uintptr_t>(body.points.data());
  for (const char* view : {"body.points", "body.points_to_read", "body.all()", "body.all_to_read()", "body.found(True)",
                           "body.ref()", "body.column(0)", "body.corner", "points_of(body)"}) {
    INFO(view);
    python()["view"] = eval(view);
    CHECK(eval("address(view)").as<std::uintptr_t>() == first);
    CHECK(eval("view.obj is body").as<bool>());
  }
  CHECK(eval("address(body.column(2)) - address(body.points)").as<int>() == 4 * sizeof(double));
  CHECK(eval("address(body.made()) != address(body.points)").as<bool>());
  python().exec(R"(
      assert body.points.shape == (2, 3) and body.points.strides == (8, 16) and body.points.f_contiguous
      assert body.rows.strides == (24, 8) and body.turn.strides == (4, 12) and body.line.shape == (3,)
      body.points[1, 2] = 5
      body.rows[1, 2] = 6
      body.column(0)[1] = 7
      body.corner[0] = 8
      body.pair[1] = 9
      body.turn[0, 2] = 0.5
      assert body.points.tolist() == [[8, 0, 0], [7, 0, 5]] == body.made().tolist()
      for view in body.points_to_read, body.all_to_read(), body.column_to_read(0), body.fixed:
          assert view.readonly
      assert body.found(False) is None and body.share().tolist() == [[1, 1]]
      made = body.made()
      made[0, 0] = 100
      assert made.obj is None and body.points[0, 0] == 8
      view = body.points
  )");
  CHECK((body.points(1, 2) == 5 && body.rows(1, 2) == 6 && body.pair[1] == 9 && body.turn(0, 2) == 0.5F));
  body.points(0, 1) = 30;
  python().exec(R"(
      kept = memoryview(view)
      del body, view
      assert kept[0, 1] == 30 and kept.tolist() == [[8, 30, 0], [7, 0, 5]]
      del kept, made
  )");
}

TEST_CASE("a script assigns to a matrix of return_view in place; another shape is refused while a view lives") {
  bind_bodies();
  Body& body = python()["body"].as<Body&>();
  const double* const first = body.points.data();
  python().exec(R"(
      view = body.points
      body.points = [[1, 2, 3], [4, 5, 6]]
      assert view.tolist() == [[1, 2, 3], [4, 5, 6]]
      body.points = body.points
      body.turn = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
      body.turn = memoryview(memoryview(body.turn).tobytes('A')).cast('B').cast('f', (3, 3))  # its transpose
      assert body.turn.tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]
      body.line = [1, 2, 3]
      body.pair = [3, 4]
      assert body.line.tolist() == [1, 2, 3] and body.pair.tolist() == [3, 4]
  )");
  CHECK(body.points.data() == first);
  CHECK(raised("body.points = [[1]]") ==
        "BufferError: the size of a field of this bodies.Body cannot change while a view of its memory exists: release "
        "the view first");
  CHECK(raised("body.points = [[1, 2], [3, 4], [5, 6]]").find("BufferError") == 0);
  CHECK(raised("body.turn = [[1, 2]]") == "ValueError: a field of the shape (3, 3) got items of the shape (1, 2)");
  CHECK(raised("body.pair = [1]") == "ValueError: a field of the shape (2,) got items of the shape (1,)");
  CHECK(raised("body.points = [[[1]]]") == "ValueError: a field of the shape (2, 3) got items of the shape (1, 1, 1)");
  CHECK(raised("body.points = [['x', 1, 2], [3, 4, 5]]").find("TypeError") == 0);
  for (const char* refused : {"body.fixed = [1, 2]", "body.corner = [1, 2]", "body.points_to_read = [[1]]"})
    CHECK(raised(refused).find("AttributeError") == 0);
  CHECK(raised("body.all_to_read()[0, 0] = 1").find("TypeError") == 0);
  python().exec("view.release()\nbody.points = [[1], [2], [3]]\nbody.line = []\nview = body.points");
  CHECK(body.points == Eigen::Vector3d(1, 2, 3));
  CHECK(eval("view.tolist(), body.line.tolist()") == eval("([[1], [2], [3]], [])"));
  python().exec("del view\nbody.points = [4, 5]");  // one column
  CHECK(body.points == Eigen::Vector2d(4, 5));
}

TEST_CASE("return_array gives a matrix as an array of its own, in its dimensions") {
  bind_bodies();
  if (!has_numpy()) {
    CHECK_THAT(raised("body.made_array()"), ContainsSubstring("python -m pip install numpy"));
    return;
  }
  python().exec(R"(
      body.points = np.arange(6).reshape(2, 3)
      for each in body.made_array(), body.all_array():
          assert type(each) is np.ndarray and each.tolist() == [[0, 1, 2], [3, 4, 5]] and each.flags.writeable
          each[0, 0] = 100
      assert body.column_array(1).tolist() == [1, 4] and body.points[0, 0] == 0
      assert not body.points_copied.flags.writeable and body.points_copied.tolist() == body.points.tolist()
      np.asarray(body.points)[:] *= 2
      square = np.asarray(body.turn)
      square[:] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
      body.turn = square.T  # the same memory
      assert body.turn.tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]
  )");
  CHECK(python()["body"].as<Body&>().points(1, 2) == 10);
}

TEST_CASE("a field that is a matrix is read as a copy that cannot be written, and assigned as a whole") {
  has_numpy();
  python()
      .module("models")
      .add_class<Model>("Model")
      .init<>()
      .def("weights", &Model::weights)
      .def("bias", &Model::bias)
      .def("layers", &Model::layers)
      .def("last", &Model::last)
      .def("named", &Model::named)
      .def("either", &Model::either)
      .def("camera", &Model::camera);
  python().exec("import models\nmodel = models.Model()");
  for (const char* change : {"model.weights[0, 0] = 5", "model.bias[0] = 5", "model.layers[0][0] = 5",
                             "model.last[0] = 5", "model.named['a'][0] = 5", "model.either[0] = 5",
                             "model.camera['lens'][0, 0] = 5", "memoryview(model.last)[0] = 5"}) {
    INFO(change);
    const auto result = python().try_exec(change);
    REQUIRE(!result);
    CHECK((result.error().is("ValueError") || result.error().is("TypeError")));  // of numpy, of a View or memoryview
  }
  python().exec("model.weights = model.weights\nmodel.weights = [[1, 2]]\nmodel.layers += ([3.0],)");
  CHECK(python()["model"].as<Model&>().weights == Eigen::RowVector2d(1, 2));
  CHECK(eval("model.layers[1].tolist()") == eval("[3.0]"));
  const py::Object model = python()["model"];
  CHECK_STEADY(model.attr("layers"); model.attr("named"); model.attr("camera"));
}

TEST_CASE("thousands of conversions of matrices leak nothing") {
  has_numpy();
  const py::Object rows = eval("[[1.0, 2.0], [3.0, 4.0]]"), text = eval("'no matrix'");
  CHECK_STEADY(py::to_py(rows.as<Eigen::Matrix2d>()));
  CHECK_STEADY(text.is<MatrixXd>());
  CHECK_STEADY(py::view(MatrixXd(2, 2)));
  bind_bodies();
  const py::Object body = python()["body"];
  CHECK_STEADY(body.attr("points"); body.attr("points") = rows; body.call_method("made");
               body.call_method("column", 1));
}
