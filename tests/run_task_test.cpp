// Tests of latepy/run/task.hpp: coroutines of C++20.
// SPDX-License-Identifier: MIT
#include <latepy/run/event_loop.hpp>
#include <latepy/run/task.hpp>

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

/// What a script gets that awaits the Task which f returns.
template <class T, class F>
T awaited(EventLoop& loop, F f) {
  service().module("tasks").def("f", std::move(f));
  return loop.call<T>("service", "get", python().get("tasks.f")).get();
}

}  // namespace

TEST_CASE("a script awaits a coroutine of C++, which awaits coroutines of Python") {
  EventLoop loop(service());
  CHECK(awaited<int>(loop, [&] { return sum(loop, 4, 5); }) == 9);
  CHECK(awaited<int>(loop, [&] { return nested(loop); }) == 10);
  CHECK(awaited<std::string>(loop, [] { return at_once(); }) == "at once");
}

TEST_CASE("exceptions cross co_await in both directions") {
  EventLoop loop(service());
  CHECK_THROWS_AS(awaited<void>(loop, [&] { return fails(loop); }), py::LookupError);
  CHECK_THROWS_AS(awaited<void>(loop, [] { return throws(); }), std::out_of_range);
  CHECK(awaited<bool>(loop, [&] { return catches(loop); }));
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
