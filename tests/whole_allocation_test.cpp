// tests/whole_allocation_test.cpp: what the hot paths allocate in C++ and in CPython: nothing.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include "python.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <new>

// Every C++ allocation of this program is counted.
namespace {
std::atomic<long> in_cpp{0};
}
// NOLINTBEGIN: replacing the global operators is what these are for
void* operator new(std::size_t size) {
  ++in_cpp;
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++in_cpp;
  return std::malloc(size ? size : 1);
}
LATEPY_OUTLINE void operator delete(void* memory) noexcept { std::free(memory); }  // g++ warns where it inlines them
LATEPY_OUTLINE void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND

namespace {

/// PyMemAllocatorEx (Include/cpython/pymem.h).
struct Allocator {
  void* context;
  void* (*malloc)(void*, std::size_t);
  void* (*calloc)(void*, std::size_t, std::size_t);
  void* (*realloc)(void*, void*, std::size_t);
  void (*free)(void*, void*);
};
Allocator allocators[3];  // of PYMEM_DOMAIN_RAW, _MEM and _OBJ
std::atomic<long> in_python{0};

/// Counts every allocation of CPython from here on.
void count_python() {
  static const bool done = [] {
    python();
    const auto get = reinterpret_cast<void (*)(int, Allocator*)>(dlsym(RTLD_DEFAULT, "PyMem_GetAllocator"));
    const auto set = reinterpret_cast<void (*)(int, Allocator*)>(dlsym(RTLD_DEFAULT, "PyMem_SetAllocator"));
    for (int domain = 0; domain < 3; ++domain) {
      get(domain, &allocators[domain]);
      Allocator counting = {&allocators[domain],
                            [](void* inner, std::size_t size) {
                              ++in_python;
                              auto& a = *static_cast<Allocator*>(inner);
                              return a.malloc(a.context, size);
                            },
                            [](void* inner, std::size_t count, std::size_t size) {
                              ++in_python;
                              auto& a = *static_cast<Allocator*>(inner);
                              return a.calloc(a.context, count, size);
                            },
                            [](void* inner, void* memory, std::size_t size) {
                              ++in_python;
                              auto& a = *static_cast<Allocator*>(inner);
                              return a.realloc(a.context, memory, size);
                            },
                            [](void* inner, void* memory) {
                              auto& a = *static_cast<Allocator*>(inner);
                              a.free(a.context, memory);
                            }};
      set(domain, &counting);
    }
    return true;
  }();
  static_cast<void>(done);
}

/// Whether lists and streams are read where they lie, or Python's functions are asked.
bool reads_in_place() { return !are_fast_paths_off() && !python().is_free_threaded(); }

struct Count {
  long cpp, python;
};
/// What 100 calls allocate after some calls have warmed the caches.
template <class F>
Count count(F&& body) {
  count_python();
  for (int i = 0; i < 40; ++i) body();
  const long cpp = in_cpp, python = in_python;
  for (int i = 0; i < 100; ++i) body();
  return {in_cpp - cpp, in_python - python};
}
template <class F>
void allocates_nothing(const char* what, F&& body) {
  INFO(what);
  const Count counted = count(body);
  CHECK(counted.cpp == 0);
  CHECK(counted.python == 0);
}

}  // namespace

TEST_CASE("the counters count") {
  CHECK(count([] { std::string long_enough(100, 'x'); }).cpp >= 100);
  CHECK(count([] { python().eval("object()"); }).python >= 100);
}

TEST_CASE("calls into Python allocate nothing of their own") {
  python().exec(
      "def two(a, b): return 7\n"
      "def eight(a, b, c, d, e, f, g, h): return 7\n"
      "def named(a, *, b=0, c=0): return 7\n"
      "class Thing:\n"
      "  value = 1\n"
      "  def m(self, a): return 7\n"
      "thing = Thing()\n"
      "thing.value = 2\n"
      "numbers = [1, 2, 3]\n");
  py::Object two = python()["two"], eight = python()["eight"], named = python()["named"], thing = python()["thing"],
             numbers = python()["numbers"], main = python().import_module("__main__");
  const py::Function<int(int, int)> function(two);
  allocates_nothing("call", [&] { two.call<int>(3, 4); });
  allocates_nothing("a call that gives an Object", [&] { two(3, 4); });
  allocates_nothing("eight arguments", [&] { eight.call<int>(1, 2, 3, 4, 5, true, nullptr, thing); });
  allocates_nothing("Function", [&] { function(3, 4); });
  allocates_nothing("try_call", [&] { two.try_call<int>(3, 4); });
  if (minor_version() >= 11)  // before, PyObject_VectorcallDict was the only exported way to pass names
    allocates_nothing("names", [&] { named.call<int>(1, "b"_a = 2, "c"_a = 3); });
  allocates_nothing("a literal", [&] { two.call<int>("the first", "the second"); });
  allocates_nothing("method", [&] { thing.attr("m")(5).as<int>(); });
  allocates_nothing("call_method", [&] { thing.call_method("m", 5); });
  if (!python().is_free_threaded())  // where other threads may replace the module meanwhile
    allocates_nothing("by module and name", [&] { python().call<int>("__main__", "two", 3, 4); });
  allocates_nothing("attribute", [&] { thing.attr("value").as<int>(); });
  allocates_nothing("attribute set", [&] { thing.attr("value") = 5; });
  allocates_nothing("item", [&] { numbers[1].as<int>(); });
  allocates_nothing("item set", [&] { numbers[1] = 5; });
  allocates_nothing("global", [&] { python()["thing"]; });
  if (reads_in_place())
    allocates_nothing("iteration", [&] {
      for (const py::Object& item : numbers) item.as<int>();
    });
  allocates_nothing("GilGuard", [] { const py::GilGuard gil; });
}

TEST_CASE("text that was evaluated before is not compiled again") {
  python()["x"] = 3;
  const py::Code code = python().compile("x + 1", py::Mode::eval);
  const py::Object globals = python().globals();
  // From 3.11 CPython makes a function of each code that it evaluates.
  const long of_eval = minor_version() >= 11 ? 100 : 0;
  const auto check = [&](const char* what, const Count& counted) {
    INFO(what);
    CHECK(counted.cpp == 0);
    CHECK(counted.python == of_eval);
  };
  check("Code", count([&] { code(globals).as<int>(); }));
  check("eval", count([] { python().eval<int>("x + 1"); }));
  if (reads_in_place())  // else the streams are flushed
    check("exec", count([] { python().exec("y = x"); }));
}

TEST_CASE("a value that is read needs no object") {
  const py::Object number = python().eval("123456"), fraction = python().eval("0.5"), text = python().eval("'text'"),
                   numbers = python().eval("[float(i) for i in range(100)]"),
                   array = python().get("array.array")("d", numbers);
  allocates_nothing("int", [&] { number.as<int>(); });
  allocates_nothing("double", [&] { fraction.as<double>(); });
  allocates_nothing("string_view", [&] { text.as<std::string_view>(); });
  allocates_nothing("short string", [&] { text.as<std::string>(); });
  allocates_nothing("Buffer", [&] { py::Buffer<const double> view(array); });
  CHECK(count([&] { numbers.as<std::vector<double>>(); }).cpp == 100);  // the vector itself
  if (reads_in_place()) CHECK(count([&] { numbers.as<std::vector<double>>(); }).python == 0);
  CHECK(count([&] { array.as<std::vector<double>>(); }).cpp == 100);
}

TEST_CASE("a call with up to eight arguments from Python allocates nothing") {
  python().def("eight", [](int a, int b, int c, int d, double e, double f, double g, bool h) {
    return a + b + c + d + int(e + f + g) + h;
  });
  python().def(
      "named",
      [](int a, int b, double c, double d, bool e, bool f, int g, int h) { return a + b + int(c + d) + e + f + g + h; },
      "a"_a, "b"_a, "c"_a, "d"_a = 1, "e"_a = true, "f"_a = true, "g"_a = 1, "h"_a = 1);
  const py::Object loop = python().eval(
      "lambda f, g: [f(1, 2, 3, 4, 5.0, 6.0, 7.0, True) for _ in range(9)] and [g(1, 2, 3, h=4, f=False) for _ in "
      "range(9)]");
  const py::Object eight = python()["eight"], named = python()["named"];
  loop(eight, named);
  const long before = in_cpp;
  loop(eight, named);
  CHECK(in_cpp == before);
}
