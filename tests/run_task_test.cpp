// Tests of latepy/run/task.hpp: coroutines of C++20.
// SPDX-License-Identifier: MIT
#include <latepy/run/event_loop.hpp>
#include <latepy/run/task.hpp>

#include "in_child.hpp"
#include "python.hpp"
#include "service.hpp"

#if !defined(__cpp_impl_coroutine)

TEST_CASE("before C++20 there are no coroutines") { SUCCEED(); }

#else

namespace {

using py::EventLoop;
using py::Task;

Task<int> sum(EventLoop& loop, int a, int b) {
  py::Future<int> second = loop.call<int>("service", "nap", b);
  const int first = co_await loop.call<int>("service", "nap", a);
  co_return first + co_await second;
}
Task<int> nested(EventLoop& loop) { co_return co_await sum(loop, 1, 2) + co_await sum(loop, 3, 4); }
Task<> fails(EventLoop& loop) { co_await loop.call<void>("service", "fail"); }
Task<> throws() {
  throw std::out_of_range("from C++");
  co_return;
}
Task<bool> catches(EventLoop& loop) {
  try {
    co_await fails(loop);
  } catch (const py::LookupError&) {
    co_return py::detail::holds_gil();
  }
  co_return false;
}
Task<std::string> at_once() { co_return "at once"; }
Task<> nothing(EventLoop& loop) { co_await loop.call<int>("service", "nap", 1); }
Task<bool> after_nothing(EventLoop& loop) {
  co_await nothing(loop);
  co_return true;
}

/// What a script gets that awaits the Task which f returns.
template <class T, class F>
T awaited(EventLoop& loop, F f) {
  service().module("tasks").def("f", std::move(f));
  return loop.call<T>("service", "get", python().get("tasks.f")).get();
}

}  // namespace

#ifndef _WIN32  // these first: they fork, which the process of python() cannot
namespace {

/// A coroutine that nobody waits for, and that runs on the thread which calls it, with or without the GIL.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

/// Awaits a coroutine of Python inside the scope that `begin` makes.
template <class F>
Task<int> across(EventLoop& loop, F begin) {
  const auto scope = begin();
  co_return co_await loop.call<int>("service", "nap", 1);
}

/// What a process says that checks handles, and in which a script awaits across(loop, begin).
template <class F>
Outcome outcome_across(F begin) {
  return run_in_child([&] {
    py::detail::begin_library_checks();
    py::Interpreter python;
    add_service(python);
    EventLoop loop(python);
    python.module("tasks").def("f", [&] { return across(loop, begin); });
    EXPECT(loop.call<int>("service", "get", python.get("tasks.f")).get() == 1);
  });
}

}  // namespace

TEST_CASE("a scope that belongs to a thread ends the process if it lives across co_await") {
  Outcome ended;
  std::string name;
  SECTION("GilRelease") {
    name = "GilRelease";
    ended = outcome_across([] { return std::make_unique<py::GilRelease>(); });
  }
  SECTION("Deadline") {
    name = "Deadline";
    ended = outcome_across([] { return std::make_unique<py::Deadline>(std::chrono::hours(1)); });
  }
  SECTION("CaptureOutput") {
    name = "CaptureOutput";
    ended = outcome_across([] { return std::make_unique<py::CaptureOutput>(); });
  }
  SECTION("GilGuard") {
    name = "GilGuard";
    ended = run_in_child([] {
      py::detail::begin_library_checks();
      py::Interpreter python;
      add_service(python);
      EventLoop loop(python);
      const auto begin = [&]() -> Detached {
        const py::GilGuard gil;
        co_await loop.call<void>("service", "nap", 1);
      };
      const py::GilRelease released;
      begin();
      while (true) loop.call<int>("service", "double", 1).get();  // the thread has the GIL until it waits
    });
  }
  CAPTURE(ended.output);
  CHECK(ended.signal == SIGABRT);
  CHECK(has(ended.output, "latepy: a latepy::" + name));
  CHECK(has(ended.output, "lived across co_await"));
}

TEST_CASE("scopes that end before co_await are no fault") {
  const Outcome ended = run_in_child([] {
    py::detail::begin_library_checks();
    py::Interpreter python;
    add_service(python);
    EventLoop loop(python);
    python.module("tasks").def("f", [&]() -> Task<int> {
      std::unique_ptr<py::CaptureOutput> capture;
      int sum = 0;
      for (int i = 0; i < 3; ++i) {
        {
          const py::Deadline limit(std::chrono::hours(1));
          const py::GilRelease released;
          const py::GilGuard gil;
          capture = std::make_unique<py::CaptureOutput>();
          capture.reset();
        }
        sum += co_await loop.call<int>("service", "nap", i);
      }
      co_return sum;
    });
    const py::Deadline limit(std::chrono::hours(1));
    const py::CaptureOutput capture;
    EXPECT(loop.call<int>("service", "get", python.get("tasks.f")).get() == 3);
  });
  CHECK(ended.output == "");
  CHECK(ended.exit_code == 0);
}
#endif

TEST_CASE("a script awaits a coroutine of C++, which awaits coroutines of Python") {
  EventLoop loop(service());
  CHECK(awaited<int>(loop, [&] { return sum(loop, 4, 5); }) == 9);
  CHECK(awaited<int>(loop, [&] { return nested(loop); }) == 10);
  CHECK(awaited<std::string>(loop, [] { return at_once(); }) == "at once");
  CHECK(awaited<py::Object>(loop, [&] { return nothing(loop); }).is_none());
  CHECK(awaited<bool>(loop, [&] { return after_nothing(loop); }));
}

TEST_CASE("a signature shows what a Task gives") {
  EventLoop loop(service());
  python().def("tell", [&] { return at_once(); });
  python().def("wait", [&] { return nothing(loop); });
  CHECK(python().eval("tell.__signatures__[0]").as<std::string>() == "() -> collections.abc.Awaitable[str]");
  CHECK(python().eval("wait.__signatures__[0]").as<std::string>() == "() -> collections.abc.Awaitable[None]");
  python().exec("del tell, wait");
}

TEST_CASE("exceptions cross co_await in both directions") {
  EventLoop loop(service());
  CHECK_THROWS_AS(awaited<void>(loop, [&] { return fails(loop); }), py::LookupError);
  CHECK_THROWS_AS(awaited<void>(loop, [] { return throws(); }), std::out_of_range);
  CHECK(awaited<bool>(loop, [&] { return catches(loop); }));
}

TEST_CASE("co_await of what is empty, or was awaited before, throws") {
  EventLoop loop(service());
  const std::string used = "a Task was awaited that was moved from, or for the second time: call the coroutine again";
  const auto said = [&](auto f) {
    try {
      return std::to_string(awaited<int>(loop, f));
    } catch (const py::StateError& error) {
      return std::string(error.what());
    }
  };
  CHECK(said([&]() -> Task<int> {
          Task<int> task = sum(loop, 1, 2);
          const int once = co_await task;
          co_return once + co_await task;
        }) == used);
  CHECK(said([&]() -> Task<int> {
          Task<int> task = sum(loop, 1, 2);
          const Task<int> moved = std::move(task);
          co_return co_await task;  // NOLINT(bugprone-use-after-move)
        }) == used);
  CHECK(said([&]() -> Task<int> {
          Task<int> task = sum(loop, 1, 2);
          co_await task;
          co_return py::to_py(std::move(task)).is_none();
        }) == "a Task was given to Python that was moved from, or awaited before: call the coroutine again");
  CHECK(said([&]() -> Task<int> { co_return co_await py::Future<int>(); }) ==
        "an empty Future was used: it was never set, or was moved from");
}

TEST_CASE("a coroutine goes on when the loop of what it awaits has ended") {
  EventLoop loop(service());
  auto other = std::make_unique<EventLoop>(python());
  Signal waits;
  const auto waiting = [&]() -> Task<std::string> {
    py::Future<void> future = other->call<void>("service", "forever");
    waits.set();
    try {
      co_await future;
    } catch (const py::CancelledError&) {
      co_return "cancelled";
    }
    co_return "done";
  };
  service().module("tasks").def("f", [&] { return waiting(); });
  py::Future<std::string> said = loop.call<std::string>("service", "get", python().get("tasks.f"));
  waits.wait();
  other.reset();
  CHECK(said.get() == "cancelled");
}

TEST_CASE("a Task that nobody awaits is freed without having begun") {
  const auto kept = std::make_shared<int>(1);
  {
    const Task<> unused = [](std::shared_ptr<int>) -> Task<> { co_return; }(kept);
    CHECK(kept.use_count() == 2);
  }
  CHECK(kept.use_count() == 1);
}

#endif
