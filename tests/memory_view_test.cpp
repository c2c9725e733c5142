// Tests of latepy/memory/view.hpp: views of the program's memory, their owners, and withdraw().
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <atomic>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include <latepy/latepy.hpp>
#include <latepy/stl/array.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/struct.hpp>
#include <latepy/stl/tuple.hpp>
#include <latepy/stl/vector.hpp>

#include "python.hpp"

using py::Object;
using py::unowned;
using py::View;

namespace view_test {
struct Particle {
  double x, y;
  std::int32_t id;
};
struct Named {
  char name[4];
  float at[2][3];
  Particle inner;
};
struct Union {
  union {
    float part;
    double whole;
  };
};
}  // namespace view_test
using view_test::Particle;
using view_test::Union;

namespace {

/// Counts how often it ends, and whether the thread holds the GIL then.
struct Ends {
  int* count;
  explicit Ends(int& c) : count(&c) {}
  Ends(Ends&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
  Ends& operator=(Ends&&) = delete;
  ~Ends() {
    if (count) *count += py::detail::holds_gil() ? 1 : 100;
  }
};

/// Runs statements with `view` as a global, which is gone afterwards.
void run(const View& view, const char* code) {
  python()["view"] = view;
  python().exec(code);
  python().exec("del view");
}
template <class E = py::PythonError>
std::string said(const std::function<void()>& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}
std::string raised(const View& view, const std::string& expression) {
  python()["view"] = view;
  const std::string text = said([&] { python().eval(expression); });
  python().exec("view = None");
  return text.substr(0, text.rfind(" ("));
}
template <class T>
T* address(const Object& object) {
  const py::Buffer<T> buffer(object);
  return buffer.data();
}
bool has_numpy() {
  static const bool has = [] {
    try {
      python().import_module("numpy");
      return true;
    } catch (const py::ImportError&) {
      return false;
    }
  }();
  return has;
}

}  // namespace

LATEPY_STRUCT(view_test::Particle, x, y, id)
LATEPY_STRUCT(view_test::Named, name, at, inner)
LATEPY_STRUCT(view_test::Union, part, whole)

TEST_CASE("a view is the program's memory: each side sees what the other writes") {
  python();
  std::vector<double> numbers{1, 2, 3, 4, 5, 6};
  const View view = py::view(numbers.data(), {2, 3}, unowned);
  run(view, R"(
      assert view[1, 2] == 6 and view[-1, -3] == 4 and view[0, 1] == 2
      view[0, 0] = 7
      shared = memoryview(view)
      assert shared.tolist() == [[7, 2, 3], [4, 5, 6]] and not shared.readonly
      shared[1, 1] = 50
      assert view.tolist() == shared.tolist() and view.tobytes() == shared.tobytes()
  )");
  CHECK(numbers == std::vector<double>{7, 2, 3, 4, 50, 6});
  numbers[5] = 60;
  CHECK(python().eval("shared[1, 2]").as<double>() == 60);
  const py::Buffer<double> buffer(view);
  CHECK(buffer.data() == numbers.data());
  python().exec("del shared");
}

TEST_CASE("a view has the attributes of a memoryview") {
  python();
  std::vector<std::int16_t> numbers(6);
  const auto check = [](const View& view) {
    run(view, R"(
        shared = memoryview(view)
        for name in ('nbytes', 'itemsize', 'format', 'ndim', 'shape', 'strides', 'suboffsets', 'readonly',
                     'c_contiguous', 'f_contiguous', 'contiguous'):
            assert getattr(view, name) == getattr(shared, name), name
        assert view.obj is None and len(view) == len(shared) and view.tolist() == shared.tolist()
        assert view.hex() == shared.hex() and view.toreadonly().readonly
        del shared
    )");
  };
  check(py::view(numbers.data(), {2, 3}, unowned));
  check(py::view(numbers.data(), 6, unowned));
  check(py::view(numbers.data(), {2, 3}, {2, 4}, unowned));
  check(py::view(numbers.data() + 5, {3}, {-4}, unowned));
  check(py::view(numbers.data(), {1, 1, 1, 1, 1, 6}, unowned));
  check(py::view(numbers.data(), {0, 3}, unowned));
  check(py::view(static_cast<const std::int16_t*>(numbers.data()), std::vector<int>{3, 2}, unowned));
  run(py::view(numbers.data(), 6, unowned), "assert view.cast('B').nbytes == 12 and view.cast('B')[1] == 0");
  const View single = py::view(numbers.data(), {}, unowned);
  run(single, "assert view.shape == () and view[()] == 0 and view.tolist() == 0");
  CHECK(raised(single, "len(view)") == "TypeError: a latepy.View without dimensions has no length");
}

TEST_CASE("a bool in memory may be any byte") {
  python();
  bool truths[2] = {};
  run(py::view(truths, 2, unowned), "memoryview(view).cast('B')[1] = 2\nassert view.tolist() == [False, True]");
  truths[1] = false;
}

TEST_CASE("the buffer of one item without dimensions has no shape and no strides") {
  python();
  double number = 4;
  const View view = py::view(&number, {}, unowned);
  run(view, "assert memoryview(view)[()] == 4 and memoryview(view).shape == memoryview(view).strides == ()");
  py::detail::BufferHandle buffer;
  REQUIRE(buffer.acquire(view.ptr(), py::detail::buffer_strides));
  CHECK((buffer.view().ndim == 0 && !buffer.view().shape && !buffer.view().strides));
}

TEST_CASE("numbers of every kind go through the converters") {
  python();
  const auto check = [](auto first, const char* format, const char* value) {
    using T = decltype(first);
    std::vector<T> numbers{first, T()};
    const View view = py::view(numbers.data(), 2, unowned);
    python()["format"] = format;
    python()["value"] = python().eval(value);
    run(view,
        "assert view.format == format, view.format\nassert view[0] == value\nview[1] = value\nassert list(view) "
        "== [value, value]");
    CHECK(numbers[1] == first);
  };
  check(std::int8_t(-3), "b", "-3");
  check(std::uint8_t(3), "B", "3");
  check(std::int16_t(-3), "h", "-3");
  check(std::uint16_t(3), "H", "3");
  check(-3, "i", "-3");
  check(3u, "I", "3");
  check(-3ll, "q", "-3");
  check(3ull, "Q", "3");
  check(1.5f, "f", "1.5");
  check(1.5, "d", "1.5");
  check(std::complex<double>(1, 2), "Zd", "1 + 2j");
  bool truths[] = {true, false};
  run(py::view(truths, 2, unowned), "assert view.format == '?' and view[0] is True\nview[1] = True");
  CHECK(truths[1]);
  std::vector<std::uint8_t> bytes(2);
  const View small = py::view(bytes.data(), 2, unowned);
  python()["small"] = small;
  CHECK(said<py::Error>([] { python().exec("small[0] = 256"); }).find("256") != std::string::npos);
  CHECK(said<py::Error>([] { python().exec("small[0] = 1.5"); }).find("'float' 1.5") != std::string::npos);
  CHECK(said([] { python().exec("del small[0]"); }).find("cannot be deleted") != std::string::npos);
  python().exec("del small");
  CHECK(bytes[0] == 0);
}

TEST_CASE("strides are bytes, of any sign") {
  python();
  std::vector<std::int32_t> numbers{0, 1, 2, 3, 4, 5};
  run(py::view(numbers.data() + 5, {2, 3}, {-12, -4}, unowned), "assert view.tolist() == [[5, 4, 3], [2, 1, 0]]");
  run(py::view(numbers.data(), {3, 2}, {4, 12}, unowned),
      "assert view.tolist() == [[0, 3], [1, 4], [2, 5]] and view.f_contiguous and not view.c_contiguous");
  run(py::view(numbers.data(), {3}, {0}, unowned), "assert list(view) == [0, 0, 0]");
  CHECK(raised(py::view(numbers.data(), {3}, {8}, unowned), "__import__('io').BytesIO().write(view)") ==
        "BufferError: the items of this latepy.View do not lie one after the other in the requested order: pass "
        "tobytes(), or a consumer that takes strides");
  const std::vector<long> shape{3}, strides{8};
  run(py::view(numbers.data(), shape, strides, unowned), "assert list(view) == [0, 2, 4] and view[-1] == 4");
}

TEST_CASE("a shape or strides that cannot be are refused in words") {
  python();
  double number = 0;
  CHECK(said([&] { py::view(&number, -1, unowned); }) ==
        "ValueError: dimension 0 of a shape is -1: it must be 0 or more");
  CHECK(said([&] {
          py::view(&number, {2, ~std::size_t(0)}, unowned);
        }) ==
        "ValueError: dimension 1 of a shape is larger than memory: was a negative number converted to an unsigned "
        "type?");
  CHECK(said([&] {
          py::view(&number, {1ll << 31, 1ll << 31}, unowned);
        }) == "ValueError: the shape (2147483648, 2147483648) with items of 8 bytes is larger than memory can be");
  CHECK(said([&] {
          py::view(&number, {1ll << 40, 0, 1ll << 40}, unowned);
        }).find("is larger than memory can be") != std::string::npos);
  CHECK(said([&] {
          py::view(&number, {2, 3}, {8}, unowned);
        }) == "ValueError: the shape (2, 3) has 2 dimensions, and there are 1 strides");
  CHECK(said([&] {
          py::view(&number, {3}, {(std::numeric_limits<std::ptrdiff_t>::min)()}, unowned);
        }).find("leaves the memory: there are 3 items in that dimension") != std::string::npos);
  CHECK(said([&] { py::view(&number, std::vector<int>(65, 1), unowned); }) ==
        "ValueError: a shape has more than 64 dimensions, which no buffer of Python can have");
  CHECK(said([&] { py::view(static_cast<double*>(nullptr), 3, unowned); }) ==
        "ValueError: a view of 3 items got a null pointer");
  run(py::view(static_cast<double*>(nullptr), 0, unowned), "assert list(view) == [] and len(memoryview(view)) == 0");
  Union both{};
  CHECK(said([&] { py::view(&both, 1, unowned); }).find("begins where another field is") != std::string::npos);
  // No step leads to an item of these.
  const std::ptrdiff_t far = (std::numeric_limits<std::ptrdiff_t>::max)();
  run(py::view(&number, {2, 0}, {far, far}, unowned), "assert view.tolist() == [[], []] and view.strides == (8, 8)");
}

TEST_CASE("an index that does not fit is refused in words; a slice is a memoryview") {
  python();
  std::vector<int> numbers{0, 1, 2, 3, 4, 5};
  const View view = py::view(numbers.data(), {2, 3}, unowned), row = py::view(numbers.data(), 6, unowned);
  CHECK(raised(view, "view[2, 0]") ==
        "IndexError: index 2 is out of range for dimension 0 of a latepy.View, which has 2 items");
  CHECK(raised(row, "view[-7]") ==
        "IndexError: index -7 is out of range for dimension 0 of a latepy.View, which has 6 items");
  CHECK(raised(row, "view[10**30]").find("out of range") != std::string::npos);
  CHECK(raised(view, "list(view)").find("NotImplementedError: a latepy.View of several dimensions has no rows") == 0);
  for (const char* part : {"view[0]", "view[0, :]", "view.__setitem__(0, 5)"})
    CHECK_THAT(raised(view, part), ContainsSubstring("no rows: index all dimensions, or use numpy.asarray(view)"));
  CHECK_THAT(raised(row, "view.__setitem__(slice(None), 5)"),
             ContainsSubstring("int has none: use numpy.asarray(view)"));
  CHECK(raised(row, "view['x']").find("TypeError") == 0);
  for (const char* part : {"start", "step", "indices"})  // no slice, whatever attributes it has
    CHECK(raised(row, ("view.__setitem__(type('Part', (), {'" + std::string(part) + "': 1})(), 5)").c_str()) ==
          "TypeError: memoryview: invalid slice key");
  run(row, "part = view[1:5:2]\nassert part.tolist() == [1, 3]\npart[0] = 10\nview[4:] = part\ndel part");
  CHECK(numbers == std::vector<int>{0, 10, 2, 3, 10, 3});
  CHECK(row.exports() == 0);
  CHECK(raised(row, "type(view)()") ==
        "TypeError: scripts cannot make a latepy.View: the program makes it, by latepy::view()");
}

TEST_CASE("a view is equal to what has a buffer with equal items, as a memoryview is") {
  python().exec("import array");
  std::vector<int> numbers{1, 2};
  run(py::view(numbers, unowned), R"(
      same = array.array('q', [1, 2])
      assert view == same and same == view and view == memoryview(view) and memoryview(same) == view and view == view
      assert not view != same and view != array.array('q', [1, 3]) and view != view[:1] and view in [None, same]
      assert view != None and not view == 'text' and view != 5
      try: view < same
      except TypeError: pass
      else: raise AssertionError
      try: hash(view)
      except ValueError as error: assert 'has no hash' in str(error)
      else: raise AssertionError
  )");
  const std::vector<std::uint8_t> bytes{'a', 'b'};
  run(py::view(bytes, unowned), "assert view == b'ab' == view and {b'ab': 5}[view] == 5 == {view: 5}[b'ab']");
  std::vector<Particle> particles{{1, 2, 3}, {4, 5, 6}};
  python()["other"] = py::view(std::vector<Particle>(particles));
  run(py::view(particles, unowned), "assert view == other == view\nother[0] = other[1]\nassert view != other != 5");
  std::vector<std::complex<double>> complex{1};
  python()["other"] = py::view(std::vector<std::complex<double>>(complex));
  run(py::view(complex, unowned), "assert view == other and view != memoryview(b'')");
  std::vector<long double> precise{1.5L, 2};
  python()["other"] = py::view(std::vector<long double>(precise));
  run(py::view(precise, unowned),
      "assert view == view == other and not view != other\nother[0] = 1\nassert view != other");
  python()["other"] = py::view(particles.data(), {0, 5}, unowned);
  run(py::view(particles.data(), {0, 3}, unowned), "assert view != other and not view == other");
  const auto other_than = [](View gone, View other) {
    python()["other"] = other;
    gone.withdraw();
    run(gone, "assert view == view and view != other and other != view");
  };
  other_than(py::view(numbers, unowned), py::view(numbers, unowned));
  other_than(py::view(particles, unowned), py::view(particles, unowned));
  python().exec("del other, same");
}

TEST_CASE("with an array of numpy a view compares item by item", "[numpy]") {
  if (!has_numpy()) SKIP("this Python has no numpy");
  std::vector<int> numbers{1, 2};
  run(py::view(numbers, unowned), R"(
      import numpy
      for each in view == numpy.array([1, 3]), numpy.array([1, 3]) == view:
          assert each.tolist() == [True, False]
      assert (view != numpy.array([1, 3])).tolist() == [False, True] == (view == numpy.int64(2)).tolist()
  )");
}

TEST_CASE("memory of const items cannot be written") {
  python();
  const std::vector<int> numbers{1, 2};
  const View view = py::view(numbers, unowned);
  python()["view"] = view;
  CHECK(said([] { python().exec("view[0] = 1"); }).find("this latepy.View is read-only") != std::string::npos);
  CHECK(said([] { python().exec("memoryview(view)[0] = 1"); }).find("TypeError") == 0);
  CHECK(said<py::ConversionError>([&] { py::Buffer<int> b(view); }).find("its memory is read-only") !=
        std::string::npos);
  CHECK(address<const int>(view) == numbers.data());
  python().exec("del view");
}

TEST_CASE("a vector is moved in, shared, or kept by its owner") {
  python();
  std::vector<int> numbers{1, 2, 3};
  const int* const data = numbers.data();
  run(py::view(std::move(numbers)), "assert list(view) == [1, 2, 3]\nkept = memoryview(view)");
  CHECK(address<int>(python()["kept"]) == data);
  python().exec("del kept");

  auto shared = std::make_shared<std::vector<int>>(3, 5);
  std::weak_ptr<std::vector<int>> alive = shared;
  Object view = py::view(std::move(shared));
  CHECK(alive.use_count() == 1);
  view = Object();
  CHECK(alive.expired());
  run(py::view(std::make_shared<const std::vector<int>>(1, 4)), "assert view[0] == 4 and view.readonly");
  CHECK(said([] { py::view(std::shared_ptr<std::vector<int>>()); }).find("an empty std::shared_ptr") !=
        std::string::npos);

  std::vector<float> of_other{1, 2};
  const Object owner = python().eval("type('Owner', (), {})()");
  run(py::view(of_other, owner), "assert type(view.obj).__name__ == 'Owner' and view[1] == 2");
}

TEST_CASE("an owner lives as long as the view or anything made of it, and ends under the GIL") {
  python();
  static double number = 0;
  int ended = 0;
  {
    python()["shared"] = python().eval("memoryview")(py::view(&number, 1, Ends(ended)));
    CHECK(ended == 0);
    python().exec("part = shared[:]\ndel shared");
    CHECK(ended == 0);
    python().exec("part.release()\ndel part");
    CHECK(ended == 1);
  }
  ended = 0;
  auto view = std::make_unique<View>(py::view(&number, 1, std::make_unique<Ends>(ended)));
  {
    const py::GilRelease released;
    std::thread([&] { view.reset(); }).join();
    CHECK(ended == 0);
  }
  { const py::GilGuard gil; }
  CHECK(ended == 1);
  struct Large {
    Ends ends;
    std::array<char, 100> rest{};
  };
  ended = 0;
  { const View large = py::view(&number, 1, Large{Ends(ended), {}}); }
  CHECK(ended == 1);
  python().exec("owner = set()\nimport weakref\nowner_lives = weakref.ref(owner)");
  {
    const View of_global = py::view(&number, 1, python()["owner"]);  // the object that [] names
    run(of_global, "del owner\nassert owner_lives() is not None");
    run(py::view(&number, 1, py::Ref(of_global.ptr())), "assert owner_lives() is not None");
  }
  CHECK(python().eval("owner_lives()").is_none());
}

TEST_CASE("items inside of an owner that is moved are refused") {
  python();
  std::array<double, 2> inside{1, 2};
  CHECK(said<py::StateError>([&] {
          py::view(inside.data(), 2, std::move(inside));
        }).find("the items lie inside of the owner itself") != std::string::npos);
  auto boxed = std::make_unique<std::array<double, 2>>();
  double* const data = boxed->data();
  run(py::view(data, 2, std::move(boxed)), "assert view.shape == (2,)");
}

TEST_CASE("an exception of an owner's destructor goes to sys.unraisablehook") {
  python();
  struct Throws {
    bool is_full = true;
    Throws() = default;
    Throws(Throws&& other) noexcept : is_full(std::exchange(other.is_full, false)) {}
    Throws& operator=(Throws&&) = delete;
    ~Throws() noexcept(false) {
      if (is_full) throw std::runtime_error("the owner would not go");
    }
  };
  static int number = 0;
  python().exec(
      "import sys\nseen = []\nhook, sys.unraisablehook = sys.unraisablehook, lambda e: seen.append(str(e.exc_value))");
  { const View view = py::view(&number, 1, Throws()); }
  python().exec("sys.unraisablehook = hook\nassert seen == ['the owner would not go'], seen");
}

TEST_CASE("withdraw() takes the memory back when nothing of it lives, and says what does") {
  python();
  std::vector<int> numbers{1, 2, 3};
  int ended = 0;
  View view = py::view(numbers.data(), 3, Ends(ended));
  python()["shared"] = python().eval("memoryview")(view);
  python()["view"] = view;
  python().exec("second = memoryview(view)");
  CHECK(view.exports() == 2);
  CHECK(!view.try_withdraw());
  CHECK(said<py::StateError>([&] { view.withdraw(); }) ==
        "View::withdraw(): 2 buffers or arrays of the memory still live: let the scripts drop them first, or ask again "
        "later (try_withdraw())");
  python().exec("shared.release()");
  CHECK(said<py::StateError>([&] { view.withdraw(); }).find("1 buffer or array of the memory still lives") !=
        std::string::npos);
  CHECK(said([] {
          python().exec("view.release()");
        }).find("BufferError: this latepy.View cannot be released: 1 buffers or arrays") == 0);
  CHECK(python().eval("second[1]").as<int>() == 2);
  python().exec("del second");
  CHECK(ended == 0);
  view.withdraw();
  CHECK(ended == 1);
  view.withdraw();
  CHECK(view.try_withdraw());
  CHECK(ended == 1);
  for (const char* const use :
       {"view[0]", "view.tolist()", "list(view)", "view.__array_interface__", "view.__enter__()"})
    CHECK(
        raised(view, use) ==
        "ValueError: the memory of this latepy.View was withdrawn or released, so its items are gone: ask the program "
        "for a new view");
  CHECK(raised(view, "memoryview(view)") ==
        "BufferError: the memory of this latepy.View was withdrawn or released: ask the program for a new view");
  CHECK(raised(view, "view.tobytes()").find("BufferError") == 0);
  run(view, "assert len(view) == 3 and view.shape == (3,)");
  CHECK(said<py::StateError>([] { View(py::view(std::vector<int>{1})).withdraw(); }) == "nothing thrown");
}

TEST_CASE("a script may release a view, also by `with`") {
  python();
  int ended = 0;
  static int numbers[2] = {1, 2};
  run(py::view(numbers, 2, Ends(ended)), R"(
      with view as entered:
          assert entered is view and view[1] == 2
      try: view[0]
      except ValueError: pass
      else: assert False
      view.release()
  )");
  CHECK(ended == 1);
}

TEST_CASE("withdraw() without the GIL leaves the owner to the view's end", "[gil]") {
  python();
  int ended = 0;
  static int number = 1;
  auto view = std::make_unique<View>(py::view(&number, 1, Ends(ended)));
  {
    const py::GilRelease released;
    std::thread([&] { CHECK(view->try_withdraw()); }).join();
    CHECK(ended == 0);
  }
  view.reset();
  CHECK(ended == 1);
}

TEST_CASE("a second withdraw() does not wait for the owner that the first one ends", "[gil]") {
  python();
  static std::atomic<bool> is_ending, goes_on;
  is_ending = goes_on = false;
  struct Slow {
    bool is_owner = true;
    Slow() = default;
    Slow(Slow&& other) noexcept : is_owner(std::exchange(other.is_owner, false)) {}
    ~Slow() {
      if (!is_owner) return;
      const py::GilRelease released;
      is_ending = true;
      while (!goes_on) std::this_thread::yield();
    }
  };
  static int number = 1;
  View view = py::view(&number, 1, Slow());
  std::thread second([&] {
    while (!is_ending) std::this_thread::yield();
    const bool is_withdrawn = view.try_withdraw();
    goes_on = true;
    CHECK(is_withdrawn);
  });
  view.withdraw();
  {
    const py::GilRelease released;
    second.join();
  }
  CHECK_THROWS_AS(view.to_numpy(), py::Error);
}

TEST_CASE("a view and the object that owns its memory may refer to each other: the garbage collector ends both") {
  python();
  static int number = 1;
  python().exec("import gc, weakref\nclass Owner: pass\nowner = Owner()\nwas = weakref.ref(owner)");
  {
    const View view = py::view(&number, 1, Object(python()["owner"]));
    python()["owner"].attr("view") = view;
    python()["also"] = python().eval("weakref.ref")(view);
  }
  python().exec("del owner\nassert was() is not None\ngc.collect()\nassert was() is None and also() is None");
}

TEST_CASE("a long chain of views ends without a deep stack") {
  python();
  static int number = 1;
  Object last = py::view(&number, 1, unowned);
  for (int i = 0; i < 100000; ++i) last = py::view(&number, 1, std::exchange(last, Object()));
  last = Object();
}

TEST_CASE("threads take and drop while another withdraws: who got the memory keeps it", "[gil]") {
  python();
  constexpr int threads = 8;
  std::vector<int> numbers(16, 7);
  View view = py::view(numbers.data(), 16, unowned);
  std::atomic<int> ready{0}, taken{0};
  std::atomic<bool> withdrawn{false}, torn{false};
  {
    const py::GilRelease released;
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
      all.emplace_back([&] {
        ++ready;
        for (bool more = true; more;) {
          const py::GilGuard gil;
          std::optional<py::Buffer<int>> buffer = view.try_as<py::Buffer<int>>();
          if (!buffer) break;
          ++taken;
          const py::GilRelease away;
          if (withdrawn || (*buffer)[15] != 7) torn = true;
        }
      });
    while (ready < threads || taken < 100) std::this_thread::yield();
    while (!view.try_withdraw()) std::this_thread::yield();
    withdrawn = true;
    for (std::thread& each : all) each.join();
  }
  CHECK(!torn);
  CHECK(view.exports() == 0);
}

TEST_CASE("structs share their memory with a format that tells each byte") {
  python();
  std::vector<Particle> all{{1, 2, 3}, {4, 5, 6}};
  const View view = py::view(all.data(), 2, unowned);
  run(view, R"(
      assert view.format == 'T{=d:x:d:y:i:id:xxxx}' and view.itemsize == 24
      assert view[1] == {'x': 4, 'y': 5, 'id': 6} and view.tolist()[0]['id'] == 3
      view[0] = {'x': 7, 'y': 8, 'id': 9}
  )");
  CHECK((all[0].x == 7 && all[0].y == 8 && all[0].id == 9));
}

TEST_CASE("__array_interface__ tells the types of the items, and the fields of structs") {
  python().exec("import sys\nown = '<' if sys.byteorder == 'little' else '>'");
  const auto has = [](const View& view, const char* type) {
    python()["wanted"] = python().eval(type);
    run(view, "assert view.__array_interface__['typestr'] == wanted and 'descr' not in view.__array_interface__");
  };
  has(py::view(std::vector<std::int32_t>{1}), "own + 'i4'");
  has(py::view(std::vector<std::uint16_t>{1}), "own + 'u2'");
  has(py::view(std::vector<double>{1}), "own + 'f8'");
  has(py::view(std::vector<std::complex<float>>{1}), "own + 'c8'");
  static bool flag = true;
  has(py::view(&flag, 1, unowned), "'|b1'");
  run(py::view(std::vector<view_test::Named>(1)), R"(
      particle = [('x', own + 'f8'), ('y', own + 'f8'), ('id', own + 'i4'), ('', '|V4')]
      found = view.__array_interface__
      assert found['typestr'] == '|V56', found
      assert found['descr'] == [('name', '|S4'), ('at', own + 'f4', (2, 3)), ('', '|V4'), ('inner', particle)], found
  )");
}

TEST_CASE("a signature shows a view as a sequence") {
  python().def("samples", [] { return py::view(std::vector<double>{1, 2}); });
  CHECK(python().eval("samples.__signatures__[0]").as<std::string>() == "() -> collections.abc.Sequence");
  python().exec("assert samples().tolist() == [1, 2]\ndel samples");
}

TEST_CASE("a host function takes the views that the program made, and no other object") {
  python().def("samples", [] { return py::view(std::vector<double>{1, 2}); });
  python().def("exports", [](const View& view) { return view.exports(); });
  CHECK(python().eval<int>("exports(samples())") == 0);
  python().exec("shared = samples()\nheld = memoryview(shared)");
  CHECK(python().eval<int>("exports(shared)") == 1);
  CHECK(python().eval("exports.__signatures__[0]").as<std::string>() == "(arg1: collections.abc.Sequence, /) -> int");
  const auto refused = python().try_eval("exports([1.0])");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message(), ContainsSubstring("only the program makes a latepy.View"));

  python().def("withdraw", [](View view) { return view.try_withdraw(); });
  CHECK_FALSE(python().eval<bool>("withdraw(shared)"));
  python().exec("held.release()");
  CHECK(python().eval<bool>("withdraw(shared)"));

  python().def("nearer", py::overload([](const Object&) { return "object"; }, [](View) { return "view"; },
                                      [](const std::vector<double>&) { return "vector"; }));
  CHECK(python().eval<std::string>("nearer(samples()) + ' ' + nearer([1.0]) + ' ' + nearer(None)") ==
        "view vector object");
  python().exec("del samples, exports, shared, held, withdraw, nearer");
}

TEST_CASE("views take nothing that they do not give back") {
  python();
  std::vector<double> numbers{1, 2, 3};
  const Object memory = python().eval("memoryview"), owner = python().eval("object()");
  watched()["owner"] = owner;
  CHECK_STEADY(const View view = py::view(numbers.data(), 3, owner); memory(view);
               static_cast<void>(view[0].as<double>()); view.call_method("tolist");
               static_cast<void>(Object(view.attr("__array_interface__"))));
  CHECK_STEADY(py::view(std::vector<double>(5)); py::view(std::make_shared<std::vector<int>>(3)));
  watched().call_method("clear");
}

TEST_CASE("numpy shares the memory of a view", "[numpy]") {
  python();
  std::vector<double> numbers{1, 2, 3, 4, 5, 6};
  View view = py::view(numbers.data(), {2, 3}, unowned);
  if (!has_numpy()) {
    CHECK(said<py::ImportError>([&] { view.to_numpy(); }).find("numpy cannot be imported: ") != std::string::npos);
    return;
  }
  python()["a"] = view.to_numpy();
  CHECK(view.exports() == 1);
  python().exec("assert a.shape == (2, 3) and a.dtype == float and a.flags.c_contiguous and a.flags.writeable\na *= 2");
  CHECK(numbers == std::vector<double>{2, 4, 6, 8, 10, 12});
  CHECK(address<double>(python()["a"]) == numbers.data());
  python()["view"] = view;
  python().exec("import numpy\nb = numpy.asarray(view)\nassert b.ctypes.data == a.ctypes.data");
  python().exec(
      "class Lends:\n  __array_interface__ = view.__array_interface__\nc = numpy.asarray(Lends)\ndel Lends\n"
      "import gc\ngc.collect()\nassert c.tolist() == a.tolist() and c.ctypes.data == a.ctypes.data");
  CHECK(view.exports() == 3);
  CHECK(!view.try_withdraw());
  python().exec("del a, b, c\nassert view.tolist() == [[2, 4, 6], [8, 10, 12]]\ndel view");
  view.withdraw();

  const std::vector<int> steady{1, 2};
  python()["a"] = py::view(steady, unowned).to_numpy();
  python().exec("assert not a.flags.writeable and a.tolist() == [1, 2] and a.dtype == numpy.int32");
  python()["a"] = py::view(numbers.data() + 5, {3, 2}, {-16, -8}, unowned).to_numpy();
  python().exec("assert a.tolist() == [[12, 10], [8, 6], [4, 2]]");
  std::vector<std::complex<double>> complex{{1, 2}};
  python()["a"] = py::view(complex.data(), {}, unowned).to_numpy();
  python().exec("assert a.shape == () and a.dtype == complex and a == 1 + 2j");
  std::vector<std::int64_t> wide{1};
  python()["a"] = py::view(wide.data(), 1, unowned).to_numpy();
  python().exec("assert a.dtype == numpy.dtype('int64')\ndel a");
}

TEST_CASE("what looks for __iter__, __array__ or to_numpy(), as pandas and matplotlib do, takes a view for an array",
          "[numpy]") {
  python();
  std::vector<double> numbers{1, 2, 3};
  View view = py::view(numbers, unowned);
  run(view, "assert hasattr(view, '__iter__') and list(view.__iter__()) == list(view) == [1, 2, 3]");
  if (!has_numpy()) return;
  run(view, R"(
      import numpy
      array = view.__array__()
      array[0] = 10
      assert view[0] == 10 and view.__array__(numpy.float64).ctypes.data == array.ctypes.data
      assert view.__array__(numpy.dtype('int32')).tolist() == [10, 2, 3]
      assert view.to_numpy().ctypes.data == array.ctypes.data and len(view.to_numpy()[:, None].shape) == 2
      del array
  )");
  view.withdraw();
}

TEST_CASE("numpy shares structs, with their padding", "[numpy]") {
  python();
  if (!has_numpy()) return;
  std::vector<Particle> all{{1, 2, 3}, {4, 5, 6}};
  python()["a"] = py::view(all.data(), 2, unowned).to_numpy();
  python().exec(R"(
      assert a.dtype.names == ('x', 'y', 'id') and a.dtype.itemsize == 24, a.dtype
      a['id'] += 10
      assert a['x'].tolist() == [1, 4]
      del a
  )");
  CHECK((all[0].id == 13 && all[1].id == 16));
  const View view = py::view(all.data(), {1, 2}, {48, 24}, unowned);
  python()["both"] = py::list(view.to_numpy(), view.to_numpy());
  CHECK(view.exports() == 2);
  python().exec(
      "assert both[0].dtype == both[1].dtype and both[1]['y'].tolist() == [[2, 5]] and both[0].flags.writeable");
  if (!are_fast_paths_off()) CHECK(eval("both[0].dtype is both[1].dtype").as<bool>());  // numpy read it once
  python().exec("del both");
  CHECK(view.exports() == 0);
}

namespace {

/// How many random layouts are tried; more by hand: `RANDOM_LAYOUTS=100000 memory_view_test '[random]'`.
int random_layouts() {
  const char* const more = std::getenv("RANDOM_LAYOUTS");
  return more ? std::atoi(more) : 1000;
}

}  // namespace

TEST_CASE("random shapes and strides give what numpy gives", "[numpy][random]") {
  python();
  if (!has_numpy()) return;
  static std::int16_t items[4096];
  for (int i = 0; i < 4096; ++i) items[i] = static_cast<std::int16_t>(i);
  python()["whole"] = py::view(items, 4096, unowned);
  python().def("views", [](const std::vector<int>& shape, const std::vector<int>& strides, int offset) {
    return py::view(reinterpret_cast<const std::int16_t*>(reinterpret_cast<const char*>(items) + offset), shape,
                    strides, unowned);
  });
  python()["count"] = random_layouts();
  python().exec(R"(
      import numpy, random
      def check(source, whole):
          ndim = source.randint(0, 4)
          shape = [source.choice([0, 1, 1, 2, 3, 4]) for _ in range(ndim)]
          strides = [source.randint(-120, 120) * source.choice([1, 2]) for _ in range(ndim)]
          low = sum(min(0, (n - 1) * s) for n, s in zip(shape, strides) if n)
          high = sum(max(0, (n - 1) * s) for n, s in zip(shape, strides) if n) + 2
          offset = source.randint(-low, 8192 - high)
          view = views(shape, strides, offset)
          mine = numpy.asarray(view)
          wanted = numpy.ndarray(shape, 'i2', whole, offset, strides)
          case = shape, strides, offset
          assert view.shape == wanted.shape and (view.strides == wanted.strides or not wanted.size), case
          assert view.c_contiguous == wanted.flags.c_contiguous, case
          assert view.f_contiguous == wanted.flags.f_contiguous, case
          assert view.tolist() == wanted.tolist() and numpy.array_equal(mine, wanted), case
          assert view.tobytes() == wanted.tobytes() and view.nbytes == wanted.nbytes, case
          for _ in range(3):
              if wanted.size:
                  index = tuple(source.randrange(-n, n) for n in shape)
                  assert view[index] == wanted[index], (case, index)
      source, whole = random.Random(20), numpy.asarray(whole)
      for _ in range(count): check(source, whole)
      del whole
  )");
}

TEST_CASE("random structs of numpy are read, and written, as numpy understands them", "[numpy][random]") {
  python();
  if (!has_numpy()) return;
  python().def("fields_of", [](const std::string& format, int itemsize) {
    Object all = py::Ref(python().get("builtins.list"))();
    for (const py::detail::Tails tails :
         {py::detail::Tails::none, py::detail::Tails::in_arrays, py::detail::Tails::everywhere}) {
      py::detail::FormatReader reader(format.c_str(), tails, itemsize);
      py::detail::StructForm form;
      py::detail::ssize size = 0, alignment = 1;
      reader.read_order();
      if (!reader.read_struct(form.fields, size, alignment) || !reader.is_at_end()) return all;
      Object fields = py::Ref(python().get("builtins.list"))();
      for (const py::detail::FieldForm& each : form.fields)
        fields.call_method("append", std::tuple(each.name, each.offset, each.size(), each.shape));
      form.size = itemsize;
      if (std::count(format.begin(), format.end(), 'T') == 1) py::detail::complete_form(form, "random");
      all.call_method("append", std::tuple(fields, form.format));
    }
    return all;
  });
  python()["count"] = random_layouts();
  python().exec(R"(
      import numpy, random
      try: from numpy._core import _internal
      except ImportError: from numpy.core import _internal
      def make(source, depth):
          fields = []
          for i in range(source.randint(1, 5)):
              kind = source.choice(['?', 'i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f4', 'f8', 'c8', 'c16', 'S3'])
              if depth < 2 and source.random() < 0.2: kind = make(source, depth + 1)
              shape = tuple(source.randint(1, 3) for _ in range(source.choice([0, 0, 0, 1, 2])))
              fields.append((f'f{i}', kind, shape) if shape else (f'f{i}', kind))
          return numpy.dtype(fields, align=source.random() < 0.6)
      def flatten(dtype, path, offset):
          for name in dtype.names:
              field, at = dtype.fields[name][:2]
              base, shape = field.subdtype or (field, ())
              if base.names:
                  for i in range(int(numpy.prod(shape, dtype=int))):
                      yield from flatten(base, path + name + '.', offset + at + i * base.itemsize)
              else:
                  if base.kind == 'S': shape = (*shape, base.itemsize)
                  yield path + name, offset + at, field.itemsize, list(shape)
      source, known = random.Random(21), 0
      for _ in range(count):
          dtype = make(source, 0)
          text = memoryview(numpy.zeros(1, dtype)).format
          found = fields_of(text, dtype.itemsize)
          wanted = list(flatten(dtype, '', 0))
          right = [written for fields, written in found if [tuple(f) for f in fields] == wanted]
          try: own = _internal._dtype_from_pep3118(text)
          except ValueError: own = None
          # numpy does not tell all padding of structs in structs, and then does not understand itself.
          understands = own is not None and list(flatten(own, '', 0)) == wanted
          assert right or not understands, (text, found, dtype)
          known += bool(right)
          written = right[0] if right else ''
          if written:
              again = _internal._dtype_from_pep3118(written)
              assert again.itemsize == dtype.itemsize and again.names == dtype.names, (written, dtype)
              assert all(again.fields[n] == dtype.fields[n] for n in dtype.names), (written, dtype)
      assert known > count * 0.9, known
  )");
}
