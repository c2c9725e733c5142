// tests/macros_of_others.cpp: a program that has the macros of macros_of_others.hpp before it includes latepy, and
// expands its templates.
// SPDX-License-Identifier: MIT
#include "standard_headers.hpp"
// The macros are defined from here on.
#include "macros_of_others.hpp"
// All of latepy.
#include "all_headers.hpp"

namespace py = latepy;
using namespace py::literals;

namespace {

enum class Color { red = 1, blue = 2 };
struct Point {
  double x = 0, y = 0;
  Point operator+(const Point& other) const { return {x + other.x, y + other.y}; }
  bool operator==(const Point& other) const { return x == other.x && y == other.y; }
};
struct Setting {
  std::string name{};
  std::vector<int> values{};
  std::optional<double> scale{};
};
struct Shape {
  virtual ~Shape() = default;
  virtual int area(int side) { return side; }
};
struct ScriptedShape : py::Trampoline<Shape> {
  int area(int side) override {
    return override_or(
        "area", [&] { return Shape::area(side); }, side);
  }
};
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
bool comes_back(const T& value) {
  const py::Object object = py::to_py(value);
  const std::optional<T> back = object.try_as<T>();
  return object.is<T>() && back && *back == value && object.as<T>() == value;
}

bool converts() {
  using namespace std::chrono;
  return comes_back(true) && comes_back(1) && comes_back(2u) && comes_back(-3LL) && comes_back(1.5) &&
         comes_back(static_cast<signed char>(4)) && comes_back(std::string("text")) && comes_back(Color::blue) &&
         comes_back(std::vector<int>{1, 2}) && comes_back(std::list<std::string>{"a"}) &&
         comes_back(std::deque<double>{1}) && comes_back(std::array<int, 2>{1, 2}) && comes_back(std::set<int>{1}) &&
         comes_back(std::unordered_set<int>{1}) && comes_back(std::map<std::string, std::vector<int>>{{"a", {1}}}) &&
         comes_back(std::unordered_map<int, std::string>{{1, "a"}}) &&
         comes_back(std::pair<int, std::string>{1, "a"}) &&
         comes_back(std::tuple<int, double, std::string>{1, 2, "a"}) && comes_back(std::optional<int>(1)) &&
         comes_back(std::variant<int, std::string>("a")) && comes_back(std::complex<double>(1, 2)) &&
         comes_back(seconds(90)) && comes_back(time_point_cast<microseconds>(system_clock::now())) &&
         py::to_py(Setting{"a", {1}, {}}).as<Setting>().values.size() == 1 &&
         py::to_py(std::function<int(int)>([](int i) { return i + 1; })).as<std::function<int(int)>>()(1) == 2;
}

bool calls(py::Interpreter& python) {
  python.exec("def area(w, h=2, *rest, **named): return w * h");
  const py::Object area = python["area"];
  const py::Function<int(int, int)> typed(area);
  std::vector<int> items;
  for (py::Ref item : python.eval("[3, 1, 2]")) items.push_back(item.as<int>());
  py::Object dict = py::dict();
  dict["a"] = 1;
  const auto failed = python.try_eval<int>("int('x')");
  return area(21).as<int>() == 42 && area.call<int>(2, "h"_a = 3) == 6 && typed(2, 5) == 10 && items.size() == 3 &&
         dict["a"].as<int>() == 1 && py::len(dict) == 1 && !failed && failed.error().is("ValueError") &&
         python.call<std::string>("json", "dumps", items) == "[3, 1, 2]";
}

bool hosts(py::Interpreter& python) {
  py::Module host = python.module("host");
  host.def("area", py::overload([](double side) { return side * side; }, [](double w, double h) { return w * h; }));
  host.def(
      "fail", [](const std::string& why) { throw Failure(why); }, "why"_a = "");
  host.add_enum<Color>("Color", {{"red", Color::red}, {"blue", Color::blue}});
  host.add_exception<Failure>("Failure");
  host.add_class<Point>("Point")
      .init<double, double>("x"_a, "y"_a = 0.0)
      .def("x", &Point::x)
      .def(py::self + py::self)
      .def(py::self == py::self);
  host.add_class<Shape, ScriptedShape>("Shape").init<>().def("area", &Shape::area, "side"_a);
  python.exec(R"(
      import host
      class Square(host.Shape):
          def area(self, side): return side * super().area(side)
      try:
          host.fail(why='so')
      except host.Failure as e:
          text = str(e)
      assert host.Point(1) + host.Point(x=2, y=1) == host.Point(3, 1) and host.area(2) == 4
  )");
  return python.eval("Square()").as<Shape&>().area(3) == 9 && python["text"].as<std::string>() == "so" &&
         py::stub(host).find("Point") != std::string::npos;
}

bool sees_memory(py::Interpreter& python) {
  const py::Object samples = python.eval("__import__('array').array('d', [1, 2, 3])");
  py::Buffer<double> memory(samples);
  for (double& sample : memory.span()) sample *= 2;
  return samples[2].as<double>() == 6 && samples.as<std::vector<double>>().size() == 3;
}

}  // namespace
LATEPY_STRUCT(Setting, name, values, scale);

int main() {
  std::string printed;
  py::Config config;
  config.on_stdout = [&](std::string_view line) { printed += line; };
  py::Interpreter python(config);
  python.exec("print('seen')");
  { const py::GilRelease released; }
  const bool is_right = hosts(python) && converts() && calls(python) && sees_memory(python) && printed == "seen\n";
  return is_right ? 0 : 1;
}
