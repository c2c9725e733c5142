// Tests of latepy/core/refcount.hpp: what latepy reads and writes in objects itself, and only where that is proved.
// SPDX-License-Identifier: MIT
#include <latepy/stl/vector.hpp>

#include <cstdlib>
#include <limits>

#include "python.hpp"

using latepy::detail::Layout;

namespace {

Layout& layout() {
  python();
  return latepy::detail::library_state.layout;
}
bool is_debug() { return latepy::detail::api().NegativeRefcount != nullptr; }

/// Another layout for a scope.
struct With {
  explicit With(const Layout& other) : before(layout()) { layout() = other; }
  ~With() { layout() = before; }
  const Layout before;
};

}  // namespace

TEST_CASE("all layouts are proved on every CPython that is known, and none when LATEPY_NO_FAST_PATH says so") {
  const Layout& known = layout();
  const bool is_free_threaded = latepy::detail::library_state.free_threaded;
  CHECK(known.head >= 2 * sizeof(void*));
  const bool on = !are_fast_paths_off();
  CHECK((known.type_flags != 0) == on);
  CHECK((known.float_value != 0) == on);
  CHECK((known.tuple_items != 0) == on);
  CHECK((known.list_items != 0) == (on && !is_free_threaded));
  CHECK((known.ascii_text != 0) == (on && !is_free_threaded));
  const bool has_large_digits = eval("__import__('sys').int_info.bits_per_digit == 30").as<bool>();
  CHECK((known.int_form != Layout::IntForm::unknown) == (on && has_large_digits));
  CHECK((known.vectorcall_offset != 0) == on);
  CHECK((known.function_vectorcall != 0) == on);
  CHECK((known.trace_entry != 0) == (on && !is_free_threaded));
  CHECK((known.code_filename != 0) == (on && !is_free_threaded));
  CHECK((known.count_limit != 0) == (on && !is_free_threaded && !is_debug() && minor_version() <= 15));
  CHECK(known.decrement_limit == (known.count_limit ? known.count_limit - 2 : 0));
  CHECK((known.immortal != 0) == (known.count_limit != 0 && minor_version() >= 12 && sizeof(void*) == 8));
#ifdef __linux__
  using latepy::detail::LibraryState;
  CHECK((latepy::detail::library_state.current_word != LibraryState::no_word) == (on && sizeof(void*) == 8));
#endif
}

TEST_CASE("a layout that is not this CPython's is found out") {
  if (are_fast_paths_off()) return;
  const Layout right = layout();
  constexpr std::size_t word = sizeof(void*);
  CHECK(latepy::detail::find_type_flags(right.head) == right.type_flags);
  for (const std::size_t wrong : {right.head - word, right.head + word, right.head + 2 * word}) {
    CHECK(latepy::detail::find_type_flags(wrong) == 0);
    Layout other = right;
    other.head = wrong;
    latepy::detail::probe_vectorcall(other);
    CHECK(other.vectorcall_offset == 0);
    CHECK(other.function_vectorcall == 0);
    latepy::detail::probe_traceback(other);
    CHECK(other.trace_entry == 0);
    CHECK(other.code_filename == 0);
  }
  // Whatever was believed before, the proof ends with what is right.
  const With with(right);
  layout().float_value = layout().list_items = layout().tuple_items = layout().ascii_text = 0;
  layout().int_form = Layout::IntForm::unknown;
  latepy::detail::probe_values(layout());
  CHECK(layout().float_value == right.float_value);
  CHECK(layout().list_items == right.list_items);
  CHECK(layout().tuple_items == right.tuple_items);
  CHECK(layout().ascii_text == right.ascii_text);
  CHECK(layout().int_form == right.int_form);
  layout().trace_entry = layout().code_filename = 0;
  latepy::detail::probe_traceback(layout());
  CHECK(layout().trace_entry == right.trace_entry);
  CHECK(layout().code_filename == right.code_filename);
  // Immortal counts that would be taken for others, and the other way round, are seen.
  layout().immortal ^= 0x80000000u;
  CHECK_FALSE((right.count_limit != 0 && latepy::detail::counts_agree()));
  layout() = right;
  // A float is no int, and the other form of ints is not this one's.
  double number;
  long long integer;
  CHECK_FALSE(latepy::detail::read_float(eval("1").ptr(), number));
  CHECK_FALSE(latepy::detail::read_int(eval("1.0").ptr(), integer));
}

TEST_CASE("counts are CPython's own") {
  const py::Object object = eval("object()");
  const auto count = [&] { return python().get("sys.getrefcount")(object).as<long>(); };
  const long before = count();
  {
    std::vector<py::Object> copies(1000, object);
    CHECK(count() == before + 1000);
    copies.resize(10);
    CHECK(count() == before + 10);
  }
  CHECK(count() == before);
  python().exec("class Ends:\n  def __del__(self): ended.append(1)\nended = []");
  {
    py::Object one = eval("Ends()");
    const py::Object two = one;
    one = py::Object();
    CHECK(eval("len(ended)").as<int>() == 0);
  }
  CHECK(eval("len(ended)").as<int>() == 1);
  // Immortal or not, the singletons stay.
  for (int i = 0; i < 100000; ++i) py::Object(eval("None").is_none() ? py::to_py(nullptr) : py::Object());
  CHECK(eval("None is None and True + 1 == 2").as<bool>());
}

TEST_CASE("texts are written as CPython would: any length, ASCII or not, any alignment, and the short ones its own") {
  const auto is_same =
      python().eval("lambda a, b: a == b and type(a) is str and a.isascii() == b.isascii() and hash(a) == hash(b)");
  const auto decode = python().get("builtins.bytes.decode");
  std::string text;
  for (int size = 0; size < 100; ++size) {
    const std::string before(static_cast<std::size_t>(size % 9), '-');  // moves what follows
    const std::string moved = before + text;
    const std::string_view part = std::string_view(moved).substr(before.size());
    CHECK(is_same(part, decode(py::Bytes(text))).as<bool>());
    for (std::size_t place : {std::size_t(0), text.size() / 2, text.size()}) {
      std::string other = text;
      other.insert(place, "\xc3\xb3");
      CHECK(is_same(other, decode(py::Bytes(other))).as<bool>());
      CHECK(py::to_py(other).as<std::string>() == other);
      other[place] = '\xff';
      CHECK_THROWS_AS(py::to_py(other), py::ConversionError);
    }
    text += static_cast<char>(size == 50 ? 0 : size * 7 % 128);
  }
  for (const char* same : {"", "a", "\x7f"}) CHECK(py::to_py(same).same(decode(py::Bytes(same))));
}

TEST_CASE("ints of every size are read as they are") {
  const auto check = [](auto value) {
    const py::Object object = eval(std::to_string(value));
    CHECK(object.as<decltype(value)>() == value);
    CHECK(py::to_py(value) == object);
  };
  for (int bits : {0, 1, 7, 8, 15, 16, 29, 30, 31, 32, 45, 59, 60, 61, 62}) {
    const long long power = 1ll << bits;
    for (const long long value : {power - 1, power, power + 1, -power, -power + 1, -power - 1}) check(value);
    check(static_cast<unsigned long long>(power));
  }
  check(std::numeric_limits<long long>::max());
  check(std::numeric_limits<unsigned long long>::max());
  CHECK(eval("-2**63").as<long long>() == std::numeric_limits<long long>::min());
  CHECK(eval("True").as<int>() == 1);
  CHECK(eval("type('I', (int,), {})(77)").as<int>() == 77);
  CHECK_THROWS_AS(eval("256").as<unsigned char>(), py::ConversionError);
  CHECK_THROWS_AS(eval("-1").as<unsigned>(), py::ConversionError);
  CHECK_THROWS_AS(eval("2**31").as<int>(), py::ConversionError);
  CHECK_THROWS_AS(eval("2**64").as<unsigned long long>(), py::ConversionError);
}

TEST_CASE("floats and text are read as they are") {
  CHECK(eval("0.1").as<double>() == 0.1);
  CHECK(eval("-1.0").as<double>() == -1.0);
  CHECK(eval("type('F', (float,), {})(2.5)").as<double>() == 2.5);
  CHECK(eval("3").as<double>() == 3.0);
  CHECK_THROWS_AS(eval("1e300").as<float>(), py::ConversionError);
  for (const char* text : {"''", "'a'", "'caf\\xe9'", "'\\u20ac'", "'\\U0001f600'", "'a\\0b'", "'x' * 1000"})
    CHECK(py::to_py(eval(text).as<std::string>()) == eval(text));
  CHECK(eval("type('S', (str,), {})('sub')").as<std::string>() == "sub");
  CHECK_THROWS_AS(eval("'\\ud800'").as<std::string>(), py::ConversionError);
}

TEST_CASE("lists and tuples are read where they lie, and what changes meanwhile is Python's to decide") {
  CHECK(eval("[1.5, 2, 3.5]").as<std::vector<double>>() == std::vector<double>{1.5, 2, 3.5});
  CHECK(eval("(1, 2**40, True)").as<std::vector<long long>>() == std::vector<long long>{1, 1ll << 40, 1});
  CHECK(eval("['a', '\\xe9', 'c' * 100]").as<std::vector<std::string>>() ==
        std::vector<std::string>{"a", "\xc3\xa9", std::string(100, 'c')});
  CHECK(eval("[]").as<std::vector<int>>().empty());
  CHECK_THROWS_AS(eval("[1, 'x']").as<std::vector<int>>(), py::ConversionError);
  CHECK_THROWS_AS(eval("[1, 300]").as<std::vector<signed char>>(), py::ConversionError);
  python().exec(R"(
class Shrinks:
  def __index__(self): del shrinking[:]; return 1
shrinking = [1, Shrinks(), 3]
)");
  CHECK(eval("shrinking").as<std::vector<int>>() == std::vector<int>{1, 1, 3});

  py::Object growing = eval("[0, 1]");
  int seen = 0;
  for (const py::Object& item : growing) {
    CHECK(item.as<int>() == seen);
    if (++seen < 5) growing.call_method("append", seen + 1);
  }
  CHECK(seen == 6);
  py::Object cleared = eval("[[1], [2], [3]]");
  for (const py::Object& item : cleared) {
    cleared.call_method("clear");
    CHECK(item[0].as<int>() == 1);  // kept, though the list has let it go
  }
}

TEST_CASE("names of literals are known again, and buffers are not taken for them") {
  python().exec("class Space: pass\nspace = Space()");
  const py::Object space = python()["space"];
  char buffer[4] = "one";
  for (int round = 0; round < 3; ++round) {
    space.attr("one") = round;
    std::memcpy(buffer, round % 2 ? "two" : "one", 4);
    space.attr(buffer) = 10 + round;
    CHECK(space.attr("one").as<int>() == (round % 2 ? round : 10 + round));
  }
  CHECK(eval("space.two").as<int>() == 11);
  char large[64] = "short";
  space.attr(large) = 5;
  CHECK(space.attr("short").as<int>() == 5);
  const char* const pointer = "pointer";
  space.attr(pointer) = 6;
  CHECK(eval("space.pointer").as<int>() == 6);
  CHECK_THROWS_AS(space.attr("missing").as<int>(), py::AttributeError);
}

TEST_CASE("the names of a call's arguments are kept for the next, whatever comes between") {
  python().exec("def f(*a, **k): return ' '.join([*map(str, a), *(f'{n}={v}' for n, v in k.items())])");
  const py::Object f = python()["f"];
  for (int i = 0; i < 3; ++i) {
    CHECK(f.call<std::string>(1, "k"_a = i) == "1 k=" + std::to_string(i));
    CHECK(f.call<std::string>("k"_a = i, "l"_a = 2) == "k=" + std::to_string(i) + " l=2");
    CHECK(f.call<std::string>("k"_a = i, "m"_a = 2) == "k=" + std::to_string(i) + " m=2");
    CHECK(f.call<std::string>("m"_a = f("k"_a = i), "k"_a = 1) == "m=k=" + std::to_string(i) + " k=1");
    CHECK_THROWS_AS(f("k"_a = 1, "k"_a = 2), py::TypeError);
    const std::string name = "n" + std::to_string(i);
    CHECK(f.call<std::string>(py::arg(name.c_str()) = 3) == name + "=3");
  }
}

TEST_CASE("tracebacks are read where they lie as their attributes tell them") {
  const py::Object globals = (python(), py::dict());
  python().exec(R"(
def deep(n):
  if n: deep(n - 1)
  raise ValueError('at the bottom')

def later():
  global kept
  try: 1 // 0
  except ZeroDivisionError as error: kept = error
  return kept

def again(): raise later()  # its frame went on meanwhile

def by_hand():
  import sys, types
  raise ValueError().with_traceback(types.TracebackType(None, sys._getframe(), 0, 4321))

def elsewhere(name): exec(compile('\n\n{}[3]', name, 'exec'))
)",
                globals, "job.py");
  Layout by_attributes = layout();
  by_attributes.trace_entry = 0;
  const auto where = [&](const char* code) {
    const auto raised = [&] { return thrown<py::PythonError>([&] { python().exec(code, globals); }).where(); };
    const std::string read = raised();
    const With with(by_attributes);
    CHECK(raised() == read);
    return read;
  };
  CHECK(where("deep(0)") == "job.py:4");
  CHECK(where("deep(300)") == "job.py:4");
  CHECK(where("again()") == "job.py:8");
  CHECK(where("by_hand()") == "job.py:4321");
  CHECK(where("elsewhere('caf\\xe9.py')") == "caf\xc3\xa9.py:3");
  CHECK(where("elsewhere('\\udcff' * 2)") == "\\udcff\\udcff:3");
  CHECK(where("elsewhere('')").empty());
}
