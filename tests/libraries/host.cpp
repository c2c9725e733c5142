// tests/libraries/host.cpp: `host <how> <starter> <library>...`: the program of whole_libraries_test.cpp, in which the program
// itself and shared libraries use latepy together. `how` says how they are opened, `starter` which of them starts
// Python: 0 is the program. Ends with 0 when all is as it should be.
// SPDX-License-Identifier: MIT
#include "library.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <vector>

extern "C" const Library* latepy_test_library();

namespace {

[[noreturn]] void fail(int line, const std::string& what) {
  throw std::runtime_error("host.cpp:" + std::to_string(line) + ": " + what);
}
#define EXPECT(...)                                      \
  do {                                                   \
    if (!(__VA_ARGS__)) fail(__LINE__, "not " #__VA_ARGS__); \
  } while (false)
#define EXPECT_IS(TEXT, WANTED)                  \
  do {                                           \
    const std::string text = (TEXT);             \
    if (text != (WANTED)) fail(__LINE__, text);  \
  } while (false)

std::vector<const Library*> open_all(std::string_view how, int count, char** files) {
  std::vector<const Library*> libraries{latepy_test_library()};
  const int mode = (how == "lazy" ? RTLD_LAZY : RTLD_NOW) | (how == "global" ? RTLD_GLOBAL : RTLD_LOCAL);
  for (int i = 0; i < count; ++i) {
    void* const library = dlopen(files[i], mode);  // one that the program is linked with is open already
    if (!library) throw std::runtime_error(dlerror());
    libraries.push_back(reinterpret_cast<const Library* (*)()>(dlsym(library, "latepy_test_library"))());
  }
  return libraries;
}

struct Pair {
  const Library &p, &q;
  long value = 0;
};

/// What one library does with what another made.
void check_pair(const Library& p, const Library& q) {
  p.exec("shared_name = 41");
  EXPECT(q.eval("shared_name + 1") == 42);

  // Objects are used and dropped there: with the GIL, without it, on another thread.
  p.exec("dropped = []\n"
         "class Tracked:\n"
         "  def __del__(self): dropped.append(self)\n"
         "  def __index__(self): return 42");
  const auto make = [&] { return p.make("Tracked()"); };
  void* object = make();
  EXPECT(q.use(object) == 42);
  q.drop(object);
  EXPECT(q.eval("len(dropped)") == 1);
  q.without_gil([](void* it) { latepy_test_library()->drop(it); }, make());
  EXPECT(p.eval("len(dropped)") == 2);
  Pair pair{p, q};
  for (int i = 0; i < 3; ++i)
    p.in_thread([](void* it) {  // in p's guard, then in q's
      Pair& both = *static_cast<Pair*>(it);
      both.q.with_gil([](void* same) {
        Pair& inner = *static_cast<Pair*>(same);
        void* const made = inner.q.make("Tracked()");
        inner.p.drop(made);
        inner.value += inner.p.eval("1");
      }, it);
      both.q.without_gil([](void* same) {
        Pair& inner = *static_cast<Pair*>(same);
        inner.p.with_gil([](void* one) { ++*static_cast<long*>(one); }, &inner.value);
        inner.value += inner.q.eval("1");
      }, it);
    }, &pair);
  EXPECT(pair.value == 9);
  EXPECT(q.eval("len(dropped)") == 5);

  // Errors are caught by their class, and still know all.
  EXPECT_IS(q.caught(p.exec, "1 / 0"), "py::ZeroDivisionError ZeroDivisionError: division by zero is alive traced");
  EXPECT_IS(q.caught(p.exec, "class Own(Exception): pass\nraise Own('mine')"), "py::PythonError Own: mine is alive traced");
  EXPECT_IS(q.caught(p.throw_value_error, "by hand"), "py::ValueError ValueError: by hand is alive traced");
  EXPECT_IS(q.caught(p.throw_conversion_error, "'x'"), "py::ConversionError cannot convert 'str' \"x\" to int");
  EXPECT(q.caught(p.throw_state_error, "").find("py::StateError an empty Object was used") == 0);

  // Functions are called by the other's scripts and C++, and what they throw comes back as what it was.
  p.define("add", 20);
  EXPECT(q.eval("add(22)") == 42);
  EXPECT(q.eval("max(map(add, range(100)))") == 119);
  EXPECT_IS(q.call("add", 22), "42");
  EXPECT_IS(q.call("add", -1), "std::out_of_range minus one");
  EXPECT_IS(q.call("add", -2), "py::KeyError KeyError: 'minus two' is alive traced");
  q.exec("try: add(-1)\nexcept IndexError as e: caught = len(str(e))");
  EXPECT(p.eval("caught") == 9);
  q.exec("try: add('x')\nexcept TypeError: pass");

  // Classes and modules are the same for all.
  p.give("part", 5);
  EXPECT(q.number_of("part") == 5);
  EXPECT(p.number_of("part") == 6);
  q.exec("import parts\nassert type(part) is parts.Part and part.plus(1) == 8\nmade = parts.Part(3)\ndel part");
  EXPECT(p.number_of("made") == 3);
  EXPECT(q.caught([](const char* library) { reinterpret_cast<const Library*>(library)->define_class(); }, reinterpret_cast<const char*>(&p))
             .find("has a Python class already: parts.Part") != std::string::npos);
}

/// A use without the GIL is refused in every library as soon as one was compiled with LATEPY_CHECKS.
void check_checks(const std::vector<const Library*>& libraries) {
  for (const Library* each : libraries) {
    Pair pair{*each, *each};
    void* const object = each->make("1");
    pair.value = reinterpret_cast<long>(object);
    each->without_gil([](void* it) {
      Pair& both = *static_cast<Pair*>(it);
      static long value;
      value = both.value;
      const std::string text = both.p.caught([](const char* p) { reinterpret_cast<const Library*>(p)->use(reinterpret_cast<void*>(value)); },
                                             reinterpret_cast<const char*>(&both.p));
      if (text.find("py::StateError a Python object was used by a thread that does not hold the GIL") != 0) fail(__LINE__, text);
    }, &pair);
    each->drop(object);
  }
}

/// One life of Python, started by the first and joined by the others.
void check_life(const std::vector<const Library*>& libraries) {
  const Library& starter = *libraries[0];
  for (const Library* each : libraries) EXPECT(each->start() == (each != &starter));
  for (const Library* each : libraries) {
    EXPECT(each->is_running());
    EXPECT(each->shared() == starter.shared());
    std::vector<const Library*> same;
    for (const Library* other : libraries)
      if (other->state() == each->state()) same.push_back(other);
    EXPECT(each->is_alone() == (same.size() == 1));
    EXPECT(each->current() == same[0]->interpreter());
  }
  libraries.back()->define_class();
  for (const Library* p : libraries)
    for (const Library* q : libraries) check_pair(*p, *q);
  check_checks(libraries);

  // A library's own second Interpreter is refused, where it can be told that it is its own.
  for (const Library* each : libraries)
    if (each->is_alone())
      EXPECT(each->caught([](const char* p) { reinterpret_cast<const Library*>(p)->start(); }, reinterpret_cast<const char*>(each))
                 .find("py::StateError a second Interpreter") == 0);

  // Those that attached come and go.
  for (const Library* each : libraries)
    if (each != &starter) {
      each->end();
      EXPECT(each->is_running());
      EXPECT(starter.eval("6 * 7") == 42);
      EXPECT(each->start());
      EXPECT(each->eval("6 * 7") == 42);
    }

  std::vector<void*> late;
  for (const Library* each : libraries) {
    each->keep();
    each->keep_error(starter.exec, "raise KeyError('kept')");
    late.push_back(each->make("Tracked()"));
  }
  starter.end();
  EXPECT(starter.current() == nullptr);
  for (std::size_t i = 0; i < libraries.size(); ++i) {
    const Library& each = *libraries[libraries.size() - 1 - i];
    EXPECT(!each.is_running());
    EXPECT(each.kept_traceback().find("KeyError: 'kept'") != std::string::npos);
    EXPECT(each.caught([](const char* object) { latepy_test_library()->use(const_cast<char*>(object)); }, static_cast<char*>(late[i]))
               .find("py::StateError an Object was used after its Python had ended") == 0);
    each.drop(late[i]);
    each.end();
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<const Library*> libraries = open_all(argv[1], argc - 3, argv + 3);
    const int starter = std::atoi(argv[2]);
    std::swap(libraries[0], libraries[static_cast<std::size_t>(starter)]);
    check_life(libraries);
    // Another library starts the next Python.
    std::swap(libraries[0], libraries.back());
    if (libraries[0]->may_start_again()) check_life(libraries);
    return 0;
  } catch (const std::exception& error) {
    std::printf("exception: %s\n", error.what());
    return 1;
  }
}
