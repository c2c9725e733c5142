// Tests of latepy/host/function.hpp: arguments whose own code runs while they are converted, and own converters.
// SPDX-License-Identifier: MIT
#include <latepy/stl/array.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/map.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#include <thread>

#include "python.hpp"

struct Celsius {
  double degrees = 0;
};
template <>
struct latepy::Converter<Celsius> {
  static constexpr const char* name = "Celsius";
  static Object to_py(const Celsius& celsius) { return latepy::to_py(celsius.degrees); }
  static Celsius from_py(Ref object) { return {latepy::from_py<double>(object)}; }
};

namespace {

struct Item {
  explicit Item(double n = 0) : number(n) { ++alive; }
  Item(const Item& other) : number(other.number) { ++alive; }
  Item& operator=(const Item&) = default;
  ~Item() {
    number = -1;
    --alive;
  }
  void set(double n) { number = n; }
  Item operator*(double by) const { return Item(number * by); }
  double number;
  static int alive;
};
int Item::alive = 0;
struct lambda_name {};

void host() {
  static const bool made = [] {
    python();
    py::Module m = py::module("hostile");
    m.add_class<Item>("Item")
        .init<double>("number"_a = 0.0)
        .init([](const std::string&, py::Object before) {  // a factory that runs Python code
          before();
          return Item(9);
        })
        .def("set", &Item::set)
        .def("number", &Item::number)
        .def(py::self * double());
    m.add_class<lambda_name>("lambda_name").init<>();
    m.def(
        "take", [](std::unique_ptr<Item> item, double) { return item->number; }, "item"_a, "x"_a = 0.0);
    m.def("take_both", [](std::unique_ptr<Item> a, std::unique_ptr<Item> b) { return (a ? 1 : 0) + (b ? 2 : 0); });
    m.def(
        "take_unlocked", [](std::unique_ptr<Item> item) { return item->number; }, py::release_gil);
    m.def(
        "copy_unlocked", [](Item item, std::vector<int> list) { return item.number + double(list.size()); },
        py::release_gil);
    m.def("point", [](Item* item, double x) { return item ? item->number + x : x; });
    m.def("pointers", [](const std::vector<Item*>& items) { return items.size(); });
    m.def("two_pointers", [](const std::array<Item*, 2>& items) { return items[0]->number + items[1]->number; });
    m.def("pair", [](const std::tuple<Item*, int>& pair) { return std::get<0>(pair)->number; });
    m.def("named", [](const std::map<std::string, Item*>& items) { return items.size(); });
    m.def("total", [](const std::vector<int>& numbers) {
      int sum = 0;
      for (const int number : numbers) sum += number;
      return sum;
    });
    m.def("either", py::overload([](int) { return "int"; }, [](double) { return "double"; },
                                 [](const std::vector<int>&) { return "list"; }));
    m.def("celsius", [](const Celsius& a, Celsius b) { return Celsius{a.degrees + b.degrees}; });
    m.def("call_back", [](const std::function<double(Item&, const Celsius&)>& function) {
      Item item(1);
      const double result = function(item, Celsius{2});
      return result + 10 * item.number;
    });
    python().exec(R"(
from hostile import *
import gc
class Evil:
  def __init__(self, action, value=1.0): self.action, self.value = action, value
  def __float__(self): self.action(); return self.value
class Raises:
  def __init__(self, error): self.error = error
  def __float__(self): raise self.error
  __index__ = __iter__ = __float__
)");
    return true;
  }();
  static_cast<void>(made);
}
/// What the statement raises: "TypeError: …".
std::string raised(const char* code) {
  const auto error = thrown<py::PythonError>([&] { python().exec(code); });
  return error.type_name() + ": " + error.message();
}

}  // namespace

TEST_CASE("an object that another argument takes away is gone, and not used") {
  host();
  python().exec("item = Item(1)");
  CHECK_THAT(raised("item.set(Evil(lambda: take(item)))"),
             ContainsSubstring("ReferenceError: the hostile.Item of this object is gone"));
  python().exec("item = Item(1)");
  CHECK_THAT(raised("point(item, Evil(lambda: take(item)))"), ContainsSubstring("ReferenceError: the hostile.Item"));
  python().exec("item = Item(1)");
  CHECK_THAT(raised("take(item, Evil(lambda: take(item)))"), ContainsSubstring("ReferenceError: the hostile.Item"));
  CHECK(python().eval<double>("point(None, Evil(gc.collect, 3.0))") == 3);
}

TEST_CASE("an object that is given twice is not taken") {
  host();
  python().exec("item = Item(5)");
  CHECK_THAT(raised("take_both(item, item)"),
             ContainsSubstring("two arguments are the same object, which C++ takes from Python"));
  CHECK(python().eval<double>("item.number") == 5);
  CHECK(python().eval<int>("take_both(item, None) * 10 + take_both(None, None)") == 10);
}

TEST_CASE("an object is constructed once, whatever the arguments do") {
  host();
  const int before = Item::alive;
  CHECK_THAT(raised("item = Item.__new__(Item)\nitem.__init__(Evil(lambda: item.__init__(5)))"),
             ContainsSubstring("the object was constructed already"));
  CHECK(python().eval<double>("item.number") == 5);
  CHECK_THAT(raised("item = Item.__new__(Item)\nitem.__init__('', lambda: item.__init__(6))"),
             ContainsSubstring("the object was constructed already"));
  CHECK(python().eval<double>("item.number") == 6);
  python().exec("del item");
  CHECK(Item::alive == before);
}

TEST_CASE("pointers are taken from containers that keep what they point to") {
  host();
  CHECK(python().eval<int>("pointers([Item(), None]) + pointers((Item(),)) + pointers([])") == 3);
  CHECK(python().eval<double>("two_pointers([Item(1), Item(2)]) + pair((Item(4), 0)) + named({'a': Item()})") == 8);
  python().exec(R"(
class Makes(list):
  def __iter__(self): return (Item(i) for i in range(3))
  def __len__(self): return 2
  def __getitem__(self, at): return Item(at)
)");
  for (const char* call : {"pointers(Makes())", "two_pointers(Makes())", "pair(Makes())"})
    CHECK_THAT(raised(call), ContainsSubstring("pointers are taken from a list, tuple, set or dict only"));
  CHECK_THAT(raised("from collections import UserDict\nnamed(UserDict(a=Item()))"),
             ContainsSubstring("pointers are taken from a list"));
}

TEST_CASE("with release_gil the arguments are converted with the GIL") {
  host();
  CHECK(python().eval<double>("take_unlocked(Item(3)) + copy_unlocked(Item(4), [1, 2])") == 9);
}

TEST_CASE("an iterator, which can be read only once, is not read to see whether it fits") {
  host();
  CHECK(python().eval<int>("total([1, 2]) + total(range(4))") == 9);
  python().exec("numbers = iter([1, 2, 3])");
  CHECK_THAT(
      raised("total(numbers)"),
      ContainsSubstring("an iterator can be read only once, so it is not read to see whether it fits: pass a list"));
  CHECK(python().eval<int>("total(list(numbers))") == 6);
}

TEST_CASE("an argument that fits only when it is asked again is refused, and the text says what may be the reason") {
  host();
  python().exec(R"(
class Moody:
  times = 0
  def __float__(self):
    Moody.times += 1
    if Moody.times == 1: raise TypeError('not yet')
    return 1.0
)");
  CHECK_THAT(raised("point(None, Moody())"),
             ContainsSubstring("an argument changed during its conversion, or contains an iterator, which can be read "
                               "only once. It was called as point(None, "));
  CHECK(python().eval<double>("point(None, Moody())") == 1);
}

TEST_CASE("what an argument's own code raises is not taken for a mismatch") {
  host();
  for (const char* call : {"point(None, Raises(ZeroDivisionError('mine')))",
                           "Item() * Raises(ZeroDivisionError('mine'))", "either(Raises(ZeroDivisionError('mine')))",
                           "total(Raises(ZeroDivisionError('mine')))", "total([Raises(ZeroDivisionError('mine'))])"})
    CHECK(raised(call) == "ZeroDivisionError: mine");
  python().exec(R"(
class Once:
  times = 0
  def __index__(self):
    Once.times += 1
    raise KeyboardInterrupt
  def __float__(self): return 2.0
)");
  CHECK_THAT(raised("either(Once())"), ContainsSubstring("KeyboardInterrupt"));
  CHECK(python().eval<int>("Once.times") == 1);
  CHECK(python().eval<std::string>("either(1.5)") == "double");
  CHECK(python().eval<std::string>("either([2])") == "list");
  // As a question it is no.
  CHECK_FALSE(python().eval("Raises(ZeroDivisionError('mine'))").try_as<double>().has_value());
  CHECK_FALSE(python().eval("[Raises(ZeroDivisionError('mine'))]").is<std::vector<int>>());
  CHECK(python().eval<int>("1 + 1") == 2);
}

TEST_CASE("a wrong or missing self is a TypeError") {
  host();
  CHECK_THAT(raised("Item.__mul__(1, 2)"),
             ContainsSubstring("TypeError: Item.__mul__(): cannot convert 'int' 1 to hostile.Item"));
  CHECK_THAT(raised("Item.set(1, 2)"), ContainsSubstring("self: cannot convert 'int' 1 to hostile.Item"));
  CHECK_THAT(raised("Item.set()"), ContainsSubstring("it is missing self, "));
}

TEST_CASE("what def() is given is checked") {
  host();
  using Function = int (*)();
  CHECK_THAT(thrown<py::StateError>([] { py::module("hostile").def("null", Function()); }).what(),
             ContainsSubstring("null: def() was given a null pointer"));
}

TEST_CASE("types with a Converter of their own are parameters and results like any other") {
  host();
  CHECK(python().eval<double>("celsius(1.5, 2)") == 3.5);
  CHECK_THAT(raised("celsius('x', 2)"), ContainsSubstring("argument 1"));
}

TEST_CASE("a std::function made of a Python callable is called with the object itself") {
  host();
  CHECK(python().eval<double>("call_back(lambda item, c: item.set(4) or c)") == 42);
  python().exec("kept = []\ncall_back(lambda item, c: kept.append(item) or 0.0)");
  CHECK_THAT(raised("kept[0].number"), ContainsSubstring("ReferenceError"));
}
