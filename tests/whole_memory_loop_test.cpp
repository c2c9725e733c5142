// tests/whole_memory_loop_test.cpp: event loops while memory is short: an exception in the Future at worst, and no
// hang. SPDX-License-Identifier: MIT
#include <latepy/run/event_loop.hpp>
#include <latepy/run/task.hpp>

#include <future>
#include <thread>

#include "python.hpp"
#include "sanitizers.hpp"
#include "service.hpp"
#include "short_memory.hpp"

namespace {

using namespace std::chrono_literals;
using py::EventLoop;
using py::Future;
using py::Promise;

/// For C++, and for CPython as far as asyncio bears it: one allocation at a time.
template <class F>
void with_short_memory_of_each(F&& tried) {
  const auto body = [&] {
    try {
      return tried();
    } catch (const py::PythonError& error) {
      if (!error.is("SystemError")) throw;  // CPython itself has lost its MemoryError
      throw std::bad_alloc();
    }
  };
  const std::string problem = with_short_memory(body);
  if (problem != "nothing was allocated") CHECK(problem == "");
  if (minor_version() >= 12) return;  // asyncio itself crashes later where a step of a task had no memory
  CHECK(with_short_memory(body, MemoryOf::python, 1) == "");
}

/// A loop that this thread polls, and which tells nobody what it reports.
EventLoop& polled() {
  static const auto loop = [] {
    service().exec(
        "import logging, sys, warnings\nlogging.disable()\nwarnings.simplefilter('ignore')\nsys.unraisablehook = "
        "lambda _: None");
    auto made = std::make_unique<EventLoop>(python(), py::pumped);
    return made;
  }();
  return *loop;
}

/// Polls until the future is ready: also without memory, and then with memory again. \returns whether it has `value`.
bool has(Future<int>& future, int value) {
  for (int rounds = 0; rounds < 100 && !future.is_ready(); ++rounds) {
    if (rounds == 50) shortage.left = -1;
    try {
      polled().poll();
    } catch (const std::bad_alloc&) {
    } catch (const py::MemoryError&) {
    }
  }
  if (!future.is_ready()) throw std::runtime_error("the Future is never ready");
  return future.get() == value;
}

}  // namespace

TEST_CASE("a coroutine that is given to a loop without memory tells that, and is closed") {
  polled();
  const py::Object nap = service().get("service.nap"), loose = python().eval("lambda c: c.cr_frame is not None");
  const auto kept = std::make_shared<int>(1);
  with_short_memory_of_each([&] {
    Future<int> future = polled().call<int>("service", "nap", 7);
    future.on_done([kept] {});
    return has(future, 7);
  });
  with_short_memory_of_each([&] {
    Future<int> future = polled().submit<int>(nap(7));
    return has(future, 7);
  });
  CHECK(with_short_memory([&] {
          const py::Object coroutine = nap(7);
          try {
            Future<int> future = polled().submit<int>(coroutine);
            return has(future, 7);
          } catch (const std::bad_alloc&) {
            return !loose(coroutine).as<bool>();
          }
        }) == "");
  Future<int> last = polled().call<int>("service", "nap", 7);
  CHECK(has(last, 7));
  CHECK(kept.use_count() == 1);
}

TEST_CASE("a Promise that is set without memory hangs nobody") {
  polled();
  Promise<int> promise;
  service().module("promises").def("f", [&] { return promise; });
  const py::Object get = python().get("promises.f");
  const auto with_promise = [&](auto set) {
    with_short_memory_of_each([&] {
      const Shortage later = std::exchange(shortage, Shortage());
      promise = Promise<int>();
      Future<int> future = polled().call<int>("service", "get", get);
      polled().poll();
      shortage = later;
      if (!set()) return false;
      try {
        return has(future, 7);
      } catch (const std::out_of_range&) {
        return true;
      } catch (const py::IndexError&) {  // without the C++ exception
        return true;
      } catch (const py::CancelledError&) {  // there was no memory for the value, nor for the exception
        return shortage.has_failed;
      }
    });
  };
  const auto error = std::make_exception_ptr(std::out_of_range("no such row"));
  with_promise([&] { return promise.set_value(7); });
  with_promise([&] { return promise.set_exception(error); });
}

TEST_CASE("run_until_complete() without memory throws, and can be called again") {
  polled();
  const py::Object nap = service().get("service.nap");
  with_short_memory_of_each([&] { return python().run_until_complete<int>(nap(7)) == 7; });
  with_short_memory_of_each([&] { return python().run_until_complete<int>(nap(7), 1h) == 7; });
}

TEST_CASE("a MemoryError of a C function goes to the exception handler, and the loop goes on") {
  polled();
  service().module_from_string("greedy", R"(
      import asyncio, operator, sys
      async def f(told):
          loop = asyncio.get_running_loop()
          loop.set_exception_handler(lambda loop, context: told.append(type(context['exception']).__name__))
          try:
              loop.call_soon(operator.mul, [0], sys.maxsize)
              loop.call_soon(bytearray, sys.maxsize)
              await asyncio.sleep(0)
              await asyncio.sleep(0)
              return len(told)
          finally:
              loop.set_exception_handler(None)
  )");
  const py::Object f = python().get("greedy.f"), told = python().eval("[]");
  CHECK(python().run_until_complete<int>(f(told)) == 2);
  Future<int> future = polled().submit<int>(f(told));
  for (int rounds = 0; rounds < 10 && !future.is_ready(); ++rounds) polled().poll();
  CHECK(future.get() == 4);
  EventLoop loop(python());
  CHECK(loop.submit<int>(f(told)).get() == 6);
  CHECK(told.call_method("count", "MemoryError").as<int>() == 6);
}

#ifdef __cpp_impl_coroutine
TEST_CASE("a coroutine of C++ that awaits without memory gets that as an exception") {
  polled();
  const auto sum = []() -> py::Task<int> {
    const int first = co_await polled().call<int>("service", "nap", 3);
    co_return first + co_await polled().call<int>("service", "nap", 4);
  };
  service().module("tasks").def("f", [&] { return sum(); });
  const py::Object f = python().get("tasks.f");
  if (minor_version() == 9) return;  // asyncio loses the task of the script, and still refers to it
  with_short_memory_of_each([&] {
    Future<int> future = polled().call<int>("service", "get", f);
    try {
      return has(future, 7);
    } catch (const py::CancelledError&) {  // there was no memory for the result, nor for the exception
      return shortage.has_failed;
    }
  });
}
#endif

TEST_CASE("a loop that cannot be made for want of memory throws, and another one can") {
  polled();
  if (py::detail::library_state.version.minor == 11) is_leak_check_off = true;  // README.md tells what is left
  with_short_memory_of_each([] {
    EventLoop loop(python(), py::pumped);
    shortage.left = -1;
    return loop.poll() >= 0;
  });
  with_short_memory_of_each([] {
    EventLoop loop(python());
    shortage.left = -1;
    return loop.call<int>("service", "plain", 7, "b"_a = 3).get() == 4;
  });
}

TEST_CASE("a loop ends without memory, and so do its tasks") {
  polled();
  for (const bool has_thread : {false, true})
    for (const bool goes_on : {false, true})
      for (long at = 0; at < 12; ++at) {
        std::optional<EventLoop> loop;
        has_thread ? loop.emplace(python()) : loop.emplace(python(), py::pumped);
        Future<void> left = loop->call<void>("service", "forever");
        if (has_thread) {
          Signal is_short;
          loop->post([&] {
            shortage = {at, goes_on, false};
            is_short.set();
          });
          is_short.wait();
        } else {
          loop->poll();
        }
        shortage = {at, goes_on, false};
        loop.reset();
        shortage.left = -1;
        REQUIRE(left.is_ready());
        try {
          left.get();
        } catch (const py::CancelledError&) {
        } catch (const std::bad_alloc&) {
        }
      }
  python().get("service.waits").call_method("clear");  // forever() put an event of each loop there
}
