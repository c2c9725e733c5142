// Tests of latepy/memory/dlpack.hpp: views as tensors, from_dlpack(), Tensor.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <complex>
#include <cstdint>
#include <thread>

#include <latepy/latepy.hpp>
#include <latepy/memory/dlpack.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/pair.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/vector.hpp>

#include "in_child.hpp"
#include "python.hpp"
#include "refusals.hpp"

using py::from_dlpack;
using py::Object;
using py::unowned;
using py::View;
using namespace py::detail;

namespace dlpack_test {
struct Point {
  double x, y;
};
}  // namespace dlpack_test
LATEPY_STRUCT(dlpack_test::Point, x, y)

namespace {

/// Consumes a capsule as another library does, and gives its tensor.
template <class Tensor>
Tensor* consume(const Object& capsule) {
  constexpr bool is_old = std::is_same_v<Tensor, OldTensor>;
  void* const tensor = api().Capsule_GetPointer(capsule.ptr(), is_old ? old_capsule : new_capsule);
  REQUIRE(tensor);
  api().Capsule_SetName(capsule.ptr(), is_old ? used_old_capsule : used_new_capsule);
  return static_cast<Tensor*>(tensor);
}
/// A tensor of this test, and what its deleter saw.
struct Foreign {
  NewTensor fresh{};
  OldTensor old{};
  std::int64_t shape[2] = {2, 3}, strides[2] = {3, 1};
  float items[6] = {1, 2, 3, 4, 5, 6};
  int deleted = 0;
  Foreign() {
    fresh.major = old.form.ndim = 1;
    fresh.form = {items, {1, 0}, 2, {tensor_float, 32, 1}, shape, strides, 0};
    old.form = fresh.form;
    fresh.context = old.context = this;
    fresh.deleter = [](NewTensor* each) { static_cast<Foreign*>(each->context)->deleted += holds_gil() ? 1 : 100; };
    old.deleter = [](OldTensor* each) { static_cast<Foreign*>(each->context)->deleted += holds_gil() ? 1 : 100; };
  }
  Object capsule(bool is_old = false) {
    return Object::steal(is_old ? api().Capsule_New(&old, old_capsule, nullptr)
                                : api().Capsule_New(&fresh, new_capsule, nullptr));
  }
};

}  // namespace

TEST_CASE("a view is a tensor, with and without a version, and counts it as handed over") {
  python();
  std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const View view = py::view(numbers.data(), {2, 3}, {4, 8}, unowned);
  {
    const auto tensor = from_dlpack<float>(view);
    CHECK(tensor.data() == numbers.data());
    CHECK((tensor.ndim() == 2 && tensor.shape(1) == 3 && tensor.stride(0) == 4 && tensor.stride(1) == 8));
    CHECK((tensor.size() == 6 && !tensor.is_contiguous() && !tensor.readonly() && tensor.device() == py::Device{1, 0}));
    tensor(1, 2) = 60;
    CHECK(numbers[5] == 60);
    CHECK(view.exports() == 1);
  }
  CHECK(view.exports() == 0);
  python()["view"] = view;
  python().exec(R"(
      assert view.__dlpack_device__() == (1, 0)
      old, new = view.__dlpack__(), view.__dlpack__(max_version=(1, 3), copy=False, dl_device=(1, 0), stream=None)
      assert 'dltensor"' in repr(old) and 'dltensor_versioned"' in repr(new)
      assert 'dltensor"' in repr(view.__dlpack__(max_version=(0, 8)))
  )");
  CHECK(view.exports() == 2);
  CHECK(!View(view).try_withdraw());
  auto* const old = consume<OldTensor>(python()["old"]);
  CHECK((old->form.data == numbers.data() && old->form.ndim == 2 && old->form.strides[1] == 2));
  auto* const fresh = consume<NewTensor>(python()["new"]);
  CHECK((fresh->major == 1 && fresh->flags == 0 && fresh->form.shape[1] == 3));
  python().exec("del old, new, view");
  CHECK(view.exports() == 2);
  old->deleter(old);
  {
    const py::GilRelease released;
    std::thread([&] { fresh->deleter(fresh); }).join();
  }
  CHECK(view.exports() == 0);
}

TEST_CASE("types of items are those of DLPack") {
  python();
  const auto check = [](auto item, unsigned code) {
    using T = decltype(item);
    std::vector<T> items{item, item};
    const View view = py::view(items.data(), 2, unowned);
    auto* const tensor = consume<OldTensor>(view.call_method("__dlpack__"));
    CHECK((tensor->form.type.code == code && tensor->form.type.bits == 8 * sizeof(T) && tensor->form.type.lanes == 1));
    tensor->deleter(tensor);
    CHECK(from_dlpack<const T>(view)(1) == item);
    CHECK(from_dlpack<T>(view).data() == items.data());
  };
  check(std::int8_t(1), 0);
  check(std::int64_t(1), 0);
  check(std::uint16_t(1), 1);
  check(1.5f, 2);
  check(1.5, 2);
  check(std::complex<double>(1, 2), 5);
  static bool truth = true;
  CHECK(from_dlpack<bool>(py::view(&truth, {}, unowned))() == true);
}

TEST_CASE("what a view cannot be as a tensor is refused in words") {
  python();
  std::vector<int> numbers{1, 2, 3};
  const View view = py::view(numbers.data(), 3, unowned);
  CHECK(raised(view, "view.__dlpack__(copy=True)") ==
        "BufferError: a latepy.View shares its memory and does not copy it: copy the result");
  CHECK(raised(view, "view.__dlpack__(dl_device=(2, 0))") ==
        "BufferError: a latepy.View cannot be copied to another device");
  CHECK(raised(view, "view.__dlpack__(stream=1)") == "BufferError: memory of the CPU has no stream: pass stream=None");
  CHECK(raised(view, "view.__dlpack__(1)") == "TypeError: __dlpack__() takes only keywords");
  CHECK(
      raised(py::view(static_cast<const std::vector<int>&>(numbers), unowned), "view.__dlpack__()") ==
      "BufferError: this latepy.View is read-only, which DLPack can tell only since 1.0: pass max_version=(1, 0), or a "
      "copy");
  CHECK(raised(py::view(numbers.data(), 2, {2}, unowned), "view.__dlpack__()") ==
        "BufferError: DLPack counts strides in items, and 2 bytes are no multiple of 4");
  CHECK(raised(py::view(std::vector<dlpack_test::Point>(1)), "view.__dlpack__()") ==
        "BufferError: DLPack has no structs: use numpy.asarray(view)");
  View gone = py::view(numbers.data(), 3, unowned);
  gone.withdraw();
  CHECK(raised(gone, "view.__dlpack__()").find("ValueError: the memory of this latepy.View was withdrawn") == 0);
  CHECK(view.exports() == 0);
}

TEST_CASE("a read-only view is a read-only tensor") {
  python();
  const std::vector<int> numbers{1, 2};
  const View view = py::view(numbers, unowned);
  CHECK(from_dlpack<const int>(view).readonly());
  CHECK(refused([&] { from_dlpack<int>(view); }).find("it is read-only: let the program take items that are const") !=
        std::string::npos);
  CHECK(view.exports() == 0);
}

TEST_CASE("the tensor of another library is deleted when the Tensor ends, under the GIL") {
  python();
  for (const bool is_old : {false, true}) {
    Foreign foreign;
    const Object capsule = foreign.capsule(is_old);
    {
      auto tensor = std::make_unique<py::Tensor<float>>(from_dlpack<float>(capsule));
      CHECK((tensor->data() == foreign.items && (*tensor)(1, 2) == 6 && tensor->is_contiguous()));
      CHECK(refused([&] { from_dlpack<float>(capsule); }).find("the capsule was consumed before: ask for a new one") !=
            std::string::npos);
      const py::GilRelease released;
      std::thread([&] { tensor.reset(); }).join();
      CHECK(foreign.deleted == 0);
    }
    { const py::GilGuard gil; }
    CHECK(foreign.deleted == 1);
  }
}

TEST_CASE("a tensor that does not fit is refused in words, and stays in its capsule") {
  python();
  const auto why = [](auto change) {
    Foreign foreign;
    change(foreign.fresh);
    const Object capsule = foreign.capsule();
    const std::string text = refused([&] { from_dlpack<float>(capsule); });
    CHECK(foreign.deleted == 0);
    CHECK(api().Capsule_IsValid(capsule.ptr(), new_capsule));
    return text;
  };
  CHECK(why([](NewTensor& t) {
          t.form.type = {tensor_float, 64, 1};
        }) == "it has float64 items, and float32 are wanted");
  CHECK(why([](NewTensor& t) { t.form.type.lanes = 4; }) == "it has float32 in vectors items, and float32 are wanted");
  CHECK(why([](NewTensor& t) {
          t.form.device = {2, 1};
        }) == "it is on the device (2, 1), and memory on the CPU is wanted");
  CHECK(why([](NewTensor& t) { t.flags = tensor_is_readonly; }) ==
        "it is read-only: let the program take items that are const");
  CHECK_THAT(why([](NewTensor& t) { t.flags = tensor_is_copied; }),
             ContainsSubstring("gave a copy, so it would not see"));
  CHECK(why([](NewTensor& t) {
          t.form.type = {tensor_bfloat, 16, 1};
        }) == "it has bfloat16 items, and float32 are wanted");
  CHECK(why([](NewTensor& t) { t.form.type = {tensor_bool, 8, 1}; }) == "it has bool8 items, and float32 are wanted");
  CHECK(refused([] { from_dlpack<std::complex<double>>(Foreign().capsule()); }) ==
        "it has float32 items, and complex128 are wanted");
  CHECK(why([](NewTensor& t) { t.major = 2; }) == "it speaks DLPack 2, and 1 is wanted");
  CHECK(why([](NewTensor& t) { t.form.ndim = -1; }) == "its number of dimensions is -1");
  CHECK(why([](NewTensor& t) { t.form.shape[1] = -5; }) == "dimension 1 has -5 items");
  CHECK(why([](NewTensor& t) { t.form.shape = nullptr; }) == "its shape is null");
  CHECK(why([](NewTensor& t) { t.form.data = nullptr; }) == "it has items, and its memory is null");
  CHECK(why([](NewTensor& t) { t.form.shape[0] = t.form.shape[1] = 1ll << 32; }) == "it has more items than memory");
  {
    Foreign foreign;  // its strides could not be told
    std::int64_t shape[] = {0, 1ll << 62, 1ll << 62};
    foreign.fresh.form.ndim = 3;
    foreign.fresh.form.shape = shape;
    foreign.fresh.form.strides = nullptr;
    const Object capsule = foreign.capsule();
    CHECK(refused([&] { from_dlpack<float>(capsule); }) == "it has more items than memory");
    CHECK_THROWS_AS(capsule.as<py::Array<const double>>(), py::ConversionError);
  }
  CHECK(why([](NewTensor& t) { t.form.byte_offset = 1; }) == "its items are not aligned");
  CHECK(refused([] { from_dlpack<float>(eval("1")); }) ==
        "it has no __dlpack__: pass a tensor or array of a library that speaks DLPack");
  CHECK(refused([] { from_dlpack<float>(eval("type('Odd', (), {'__dlpack__': lambda self: 1})()")); }) ==
        "its __dlpack__() gave no capsule of DLPack");
  python().exec("def fails(self, **names): raise BufferError('not today')");
  CHECK(refused([] { from_dlpack<float>(eval("type('Fails', (), {'__dlpack__': fails})()")); }) == "not today");
  CHECK(refused([] {
          from_dlpack<float>(eval("type('Signed', (), {'__dlpack__': 1, 'is_neg': lambda self: True})()"));
        }) == "it keeps its sign beside its memory (is_neg()), which DLPack cannot tell: pass tensor.resolve_neg()");
  python().exec("def unknown(self): raise ValueError('unknown device')");
  CHECK(refused([] {
          from_dlpack<float>(eval("type('Meta', (), {'__dlpack__': 1, '__dlpack_device__': unknown})()"));
        }) == "unknown device");
  CHECK(refused([] {
          from_dlpack<float>(eval("type('Far', (), {'__dlpack__': 1, '__dlpack_device__': lambda self: (2, 0)})()"));
        }) == "it is on the device (2, 0), and memory on the CPU is wanted");
  for (const char* name : {"__dlpack__", "__dlpack_device__", "is_neg"}) {  // an error of its code, and no missing one
    python()["name"] = name;
    python().exec(R"(
        def fails(self): raise LookupError('not here')
        Fails = type('Fails', (), {'__dlpack__': lambda self, **_: 1})
        setattr(Fails, name, property(fails))
    )");
    CHECK_THROWS_AS(from_dlpack<float>(eval("Fails()")), py::LookupError);
    CHECK_THROWS_AS(eval("Fails()").as<py::Array<float>>(), py::LookupError);
  }
  CHECK_THROWS_AS(from_dlpack<float>(eval("type('Worse', (), {'__dlpack__': lambda self, **_: 1 / 0})()")),
                  py::ZeroDivisionError);
}

TEST_CASE("memory of another device goes by DLPack only") {
  python();
  float* const address = reinterpret_cast<float*>(std::uintptr_t(0x1000));
  const View view = py::view(address, {4}, unowned, py::Device{2, 1});
  python()["view"] = view;
  python().exec("assert view.__dlpack_device__() == (2, 1)");
  CHECK(refused([&] { from_dlpack<float>(view); }) == "it is on the device (2, 1), and memory on the CPU is wanted");
  const auto tensor = from_dlpack<float>(view, py::Device{2, 1});
  CHECK(tensor.data() == address);
  CHECK_THROWS_AS(tensor(0), py::StateError);
  for (const char* const use :
       {"view[0]", "memoryview(view)", "view.tolist()", "view.__array_interface__", "list(view)"}) {
    INFO(use);
    CHECK_THAT(raised(view, use), ContainsSubstring("on another device"));
  }
  CHECK_THAT(raised(view, "view.__setitem__(0, 1)"), ContainsSubstring("on another device"));
}

TEST_CASE("a long double, which DLPack does not know, is refused") {
  python();
  if (sizeof(long double) == sizeof(double)) return;
  long double numbers[2] = {};
  CHECK(raised(py::view(numbers, 2, unowned), "view.__dlpack__()") ==
        "BufferError: DLPack has no long double: use numpy.asarray(view)");
  std::complex<long double> pairs[2] = {};
  const View view = py::view(pairs, 2, unowned);
  CHECK_THAT(raised(view, "view.__dlpack__(max_version=(1, 0))"), ContainsSubstring("no long double"));
  CHECK(view.exports() == 0);
}

TEST_CASE("tensors take nothing that they do not give back") {
  python();
  std::vector<double> numbers{1, 2};
  const View view = py::view(numbers.data(), 2, unowned);
  CHECK_STEADY(static_cast<void>(from_dlpack<double>(view)); view.call_method("__dlpack__"));
  CHECK_STEADY(refused([&] { from_dlpack<float>(view); }));
}

TEST_CASE("an Array takes what has only __dlpack__: its own memory where that fits, else converted") {
  python().exec(R"(
      class Tensor:
          def __init__(self, view): self.view = view
          def __dlpack__(self, **names): return self.view.__dlpack__(**names)
          def __len__(self): return len(self.view)
          def tolist(self): return self.view.tolist()
  )");
  std::vector<double> numbers{1, 2, 3, 4, 5, 6};
  const auto tensor_of = [](const View& view) { return python()["Tensor"](view); };
  const View table = py::view(numbers.data(), {2, 3}, unowned), column = py::view(numbers.data(), {3}, {16}, unowned);
  {
    const Object object = tensor_of(table);
    const auto array = object.as<py::Array<double, 2>>();
    CHECK((array.data() == numbers.data() && array.shape(1) == 3 && !array.is_copy() && array.object().same(object)));
    CHECK(object.as<py::Array<const double>>().data() == numbers.data());
    CHECK(table.exports() == 1);
    array(1, 2) = 60;
  }
  CHECK((table.exports() == 0 && numbers[5] == 60));
  const auto floats = tensor_of(table).as<py::Array<const float>>();
  CHECK((floats.is_copy() && floats(1, 2) == 60 && floats.ndim() == 2));
  static std::complex<float> pairs[] = {{1, 2}, {3, 4}};
  static bool truths[] = {true, false};
  const Object complex = tensor_of(py::view(pairs, 2, unowned)), bools = tensor_of(py::view(truths, 2, unowned));
  CHECK(complex.as<py::Array<const std::complex<double>>>()[1] == std::complex<double>(3, 4));
  CHECK_FALSE(complex.is<py::Array<const double>>());
  CHECK(bools.as<py::Array<const double>>()[0] == 1);
  const auto odds = tensor_of(column).as<py::Array<const double>>();
  CHECK((odds.is_copy() && odds[2] == 5));
  const auto why = [&](auto wanted, const View& view) {
    using T = decltype(wanted);
    const Object object = tensor_of(view);
    CHECK_FALSE(object.is<T>());
    return refused([&] { object.as<T>(); });
  };
  CHECK(why(py::Array<float>(0), table) == "it has float64 items, and float32 are wanted");
  CHECK(why(py::Array<double>(0), column) ==
        "its items do not lie one after the other, row after row: pass a contiguous copy");
  CHECK(why(py::Array<double>(0), py::view(static_cast<const double*>(numbers.data()), 2, unowned)) ==
        "it is read-only: let the program take items that are const");
  CHECK(why(py::Array<double, 1>(0), table) == "it has 2 dimensions, and 1 are wanted");
  CHECK(why(py::Array<const int>(0), py::view(numbers.data(), 2, unowned)) == "[0]: cannot convert 'float' 1.0 to int");
  CHECK(why(py::Array<const double>(0), py::view(numbers.data(), 2, unowned, py::Device{2, 0})) ==
        "it is on the device (2, 0), and memory on the CPU is wanted");
  python().def("first", [](const py::Array<const double>& array) { return array[0]; });
  python()["t"] = tensor_of(table);
  CHECK(eval("first(t)").as<double>() == 1);
  CHECK_STEADY(eval("first(t)"));
  python().exec("del t");
  CHECK(table.exports() == 0);
}

TEST_CASE("a tensor of bool is looked at: a byte other than 0 and 1 is no bool of C++") {
  python();
  static bool items[4] = {true, false, true, false};
  const View view = py::view(items, {2, 2}, {1, 2}, unowned);
  CHECK(from_dlpack<bool>(view)(0, 1));
  const unsigned char odd = 2;
  std::memcpy(&items[1], &odd, 1);
  CHECK(refused([&] { from_dlpack<const bool>(view); }) ==
        "one of its items is the byte 2, and a bool of C++ is 0 or 1: pass a copy with real bools, such as x != 0");
}

TEST_CASE("torch and C++ share memory in both directions, and what cannot be shared is refused in words", "[torch]") {
  if (!python().try_exec("import torch").has_value()) SKIP("this Python has no torch");
  python().exec("t = torch.arange(6.).reshape(2, 3)\nflags = torch.tensor([True, False])");
  {
    const auto tensor = from_dlpack<float>(python()["t"].as<Object>());
    tensor(1, 2) = 50;
    python().exec("assert t[1, 2] == 50\nt[0, 1] = 10");
    CHECK(tensor(0, 1) == 10);
    const auto turned = from_dlpack<const float>(eval("t.T"));
    CHECK((&turned(2, 1) == &tensor(1, 2) && turned.stride(0) == 4 && !turned.is_contiguous()));
    const auto array = eval("t").as<py::Array<float, 2>>();
    CHECK((array.data() == tensor.data() && !array.is_copy()));
    CHECK(eval("t.int()").as<py::Array<const double>>()(1, 2) == 50);
    CHECK(eval("t.half()").as<py::Array<const double>>()(1, 2) == 50);
    CHECK_FALSE(from_dlpack<bool>(python()["flags"].as<Object>())(1));
    CHECK(eval("flags").as<py::Array<const double>>()[0] == 1);
    CHECK(eval("torch.tensor([1, 2], dtype=torch.uint8).view(torch.bool)").as<py::Array<const bool>>()[1]);
  }
  std::vector<double> numbers{1, 2, 3};
  View view = py::view(numbers.data(), 3, unowned);
  python()["view"] = view;
  python().exec("shared = torch.from_dlpack(view)\nshared[0] = 10\nshared.mul_(2)");
  CHECK(numbers == std::vector<double>{20, 4, 6});
  numbers[1] = 40;
  python().exec("assert shared[1] == 40");
  CHECK((view.exports() == 1 && !view.try_withdraw()));
  python().exec("del shared, view");
  CHECK(view.try_withdraw());

  const auto why = [](const char* code) {
    INFO(code);
    const Object object = eval(code);
    const std::string text = refused([&] { from_dlpack<const float>(object); });
    CHECK_THROWS_AS(object.as<py::Array<float>>(), py::ConversionError);
    return text;
  };
  CHECK(why("flags") == "it has bool8 items, and float32 are wanted");
  CHECK(why("torch.ones(2, dtype=torch.bfloat16)") == "it has bfloat16 items, and float32 are wanted");
  CHECK_THAT(why("torch.ones(2, requires_grad=True)"), ContainsSubstring("detach()"));
  CHECK_THAT(why("torch.tensor([1j]).conj()"), ContainsSubstring("conj"));
  CHECK_THAT(why("torch.tensor([1j]).conj().imag"), ContainsSubstring("pass tensor.resolve_neg()"));
  CHECK_THAT(why("torch.zeros(2, device='meta')"), ContainsSubstring("meta"));
  CHECK_THAT(why("torch.zeros(2).to_sparse()"), ContainsSubstring("layout"));
  for (const char* code : {"torch.ones(2, requires_grad=True)", "torch.tensor([1j]).conj().imag",
                           "torch.zeros(2, device='meta')", "torch.ones(2, dtype=torch.bfloat16)"})
    CHECK_THROWS_AS(eval(code).as<py::Array<const float>>(), py::ConversionError);
  python().exec("del t, flags");
}

TEST_CASE("numpy takes a view by DLPack, and gives its arrays", "[numpy]") {
  if (!python().try_exec("import numpy\nnumpy.from_dlpack").has_value()) return;
  std::vector<double> numbers{1, 2, 3, 4};
  const View view = py::view(numbers.data(), {2, 2}, unowned);
  python()["view"] = view;
  python().exec(R"(
      a = numpy.from_dlpack(view)
      assert a.tolist() == [[1, 2], [3, 4]]
      if tuple(map(int, numpy.__version__.split('.')[:2])) >= (2, 3): assert a.flags.writeable
      if a.flags.writeable: a[0, 0] = 10
      was_written = a.flags.writeable
  )");
  CHECK(numbers[0] == (eval("was_written").as<bool>() ? 10 : 1));
  CHECK(py::Buffer<const double>(python()["a"]).size() == 4);
  CHECK(view.exports() == 1);
  numbers[3] = 40;
  python().exec("assert a[1, 1] == 40\ndel a, view");
  CHECK(view.exports() == 0);
  python().exec("b = numpy.arange(6.0).reshape(2, 3).T");
  const auto tensor = from_dlpack<double>(python()["b"]);
  CHECK((tensor(2, 1) == 5 && tensor.stride(0) == 8 && !tensor.is_contiguous()));
  tensor(0, 0) = 9;
  CHECK(eval("b[0, 0]").as<double>() == 9);
  python().exec("c = numpy.arange(3.0)\nc.flags.writeable = False");
  CHECK_THROWS_AS(from_dlpack<double>(python()["c"]), py::ConversionError);
  python().exec("del b, c");
}

#if !LATEPY_WINDOWS
TEST_CASE("a tensor of a view may be deleted after the interpreter has stopped", "[stop]") {
  python();
  in_child([] {
    static double numbers[3] = {1, 2, 3};
    OldTensor* old = nullptr;
    NewTensor* fresh = nullptr;
    std::optional<View> view;
    Foreign foreign;
    std::optional<py::Tensor<float>> tensor;
    view.emplace(py::view(numbers, 3, unowned));
    old = consume<OldTensor>(view->call_method("__dlpack__"));
    fresh = consume<NewTensor>(view->call_method("__dlpack__", "max_version"_a = std::pair(1, 0)));
    tensor.emplace(from_dlpack<float>(foreign.capsule()));
    if (!python().stop(std::chrono::seconds(10))) std::_Exit(3);
    old->deleter(old);
    std::thread([&] { fresh->deleter(fresh); }).join();
    const bool is_refused = !view->try_withdraw();
    view.reset();
    tensor.reset();
    if (!is_refused || foreign.deleted != 0) std::_Exit(2);
    end_without_leak_check();
  });
}
#endif
