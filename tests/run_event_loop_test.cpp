// Tests of latepy/run/event_loop.hpp: EventLoop with a thread of its own, and Future.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>
#include <latepy/stl/vector.hpp>

#include <algorithm>
#include <array>
#include <thread>

#include "python.hpp"
#include "service.hpp"

namespace {

using namespace std::chrono_literals;
using py::CancelledError;
using py::EventLoop;
using py::Future;
using py::StateError;

/// What the exception handler of the loop has got, as "what: exception".
class Reports {
 public:
  explicit Reports(EventLoop& loop) : loop_(loop), list_(loop.call("service", "handler").get()) {}
  std::vector<std::string> texts() {
    for (int i = 0; i < 3; ++i) loop_.call<int>("service", "plain", 1).get();  // what was posted before has run
    std::vector<std::string> all;
    for (const py::Object& each : list_)
      all.push_back(each["message"].as<std::string>() + ": " +
                    each["exception"].call_method("__repr__").as<std::string>());
    return all;
  }

 private:
  EventLoop& loop_;
  py::Object list_;
};

std::string message_of_get(Future<void>& future) {
  try {
    future.get();
  } catch (const py::PythonError& error) {
    return error.message();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("a coroutine gives its result to C++") {
  EventLoop loop(service());
  CHECK(loop.call<int>("service", "double", 21).get() == 42);
  CHECK(loop.submit<int>(python().call("service", "nap", 3)).get() == 3);
  CHECK(loop.call<std::vector<int>>("service", "nap", std::vector<int>{1, 2}).get() == std::vector<int>{1, 2});
  CHECK(loop.call("service", "nap", "text").get().as<std::string>() == "text");
  Future<void> nothing = loop.call<void>("service", "nap", 1);
  nothing.get();
  nothing.get();
}

TEST_CASE("a plain function is called on the thread of the loop") {
  EventLoop loop(service());
  CHECK(loop.call<int>("service", "plain", 5, "b"_a = 2).get() == 3);
  const auto own = loop.call<long long>("threading", "get_ident").get();
  CHECK(own == loop.call<long long>("threading", "get_ident").get());
  CHECK(own != python().call<long long>("threading", "get_ident"));
  CHECK_THROWS_AS(loop.call("service", "missing"), py::AttributeError);
  CHECK_THROWS_AS(loop.call("no_such_module", "f"), py::ModuleNotFoundError);
}

TEST_CASE("get() throws what the coroutine has raised, each time") {
  EventLoop loop(service());
  Future<int> failing = loop.call<int>("service", "fail");
  for (int i = 0; i < 2; ++i)
    CHECK_THROWS_WITH(failing.get(), Catch::Matchers::ContainsSubstring("LookupError: no such row (service.py:"));
  CHECK_THROWS_AS(failing.get(), py::LookupError);
  SECTION("a C++ exception of a host function as itself") {
    service().module("host").def("throws", [] { throw std::out_of_range("from C++"); });
    CHECK_THROWS_AS(loop.call("host", "throws").get(), std::out_of_range);
  }
  SECTION("a result that is no T") {
    CHECK_THROWS_WITH(loop.call<int>("service", "nap", "text").get(),
                      Catch::Matchers::ContainsSubstring("cannot convert 'str' \"text\" to int"));
  }
  SECTION("SystemExit, which ends no loop") {
    CHECK_THROWS_AS(loop.call<void>("sys", "exit", 3).get(), py::SystemExit);
    CHECK(loop.call<int>("service", "double", 1).get() == 2);
  }
}

TEST_CASE("submit() refuses what cannot be awaited, and says what to do") {
  EventLoop loop(service());
  CHECK_THROWS_WITH(loop.submit(py::to_py(3)), Catch::Matchers::ContainsSubstring(
                                                   "TypeError: an awaitable was wanted, such as a coroutine, not 3"));
  CHECK_THROWS_WITH(loop.submit(python().get("service.double")),
                    Catch::Matchers::ContainsSubstring(": call the function first"));
  EventLoop other(service());
  const py::Object future = other.call("service", "futures").get()[0];
  CHECK_THROWS_WITH(loop.submit(future),
                    Catch::Matchers::ContainsSubstring("belongs to another event loop: await it there"));
  const py::Object used = python().call("service", "double", 1);
  CHECK(loop.submit<int>(used).get() == 2);
  CHECK_THROWS_WITH(loop.submit<int>(used).get(),
                    Catch::Matchers::ContainsSubstring("cannot reuse already awaited coroutine"));
}

TEST_CASE("submit() awaits any awaitable") {
  EventLoop loop(service());
  const py::Object globals = py::dict();
  python().exec(R"(
      class Awaitable:
          def __await__(self):
              yield
              return 5
  )",
                globals);
  CHECK(loop.submit<int>(globals["Awaitable"]()).get() == 5);
}

TEST_CASE("a value is given once") {
  EventLoop loop(service());
  Future<int> future = loop.call<int>("service", "double", 1);
  CHECK(future.get() == 2);
  CHECK_THROWS_WITH(future.get(), "get() was called again: a Future gives its result once; keep the value");
  Future<int> moved = std::move(future);
  CHECK_FALSE(future.is_ready());  // NOLINT(bugprone-use-after-move)
  CHECK_FALSE(future.cancel());
  CHECK_THROWS_WITH(future.get(), "an empty Future was used: it was never set, or was moved from");
  CHECK_THROWS_AS(future.wait_for(1ms), StateError);
  CHECK_THROWS_AS(future.on_done([] {}), StateError);
}

TEST_CASE("wait_for() tells whether the result is there") {
  EventLoop loop(service());
  Future<std::string> future = loop.call<std::string>("service", "forever");
  CHECK_FALSE(future.wait_for(0ms));
  CHECK_FALSE(future.wait_for(1ms));
  CHECK_FALSE(future.wait_for(-1h));
  CHECK_FALSE(future.is_ready());
  loop.call("service", "set_all").get();
  CHECK(future.wait_for(10h));
  CHECK(future.is_ready());
  CHECK(future.get() == "set");
}

TEST_CASE("to wait on the loop's own thread is refused") {
  EventLoop loop(service());
  std::promise<std::string> said;
  Signal is_done;
  loop.post([&] {
    Future<int> future = loop.call<int>("service", "double", 1);
    try {
      future.get();
    } catch (const StateError& error) {
      said.set_value(error.what());
    }
    future.on_done([&](Future<int> done) {
      if (done.get() == 2) is_done.set();  // what is ready needs no wait
    });
  });
  is_done.wait();
  CHECK(said.get_future().get() ==
        "a Future was waited for on the thread of its event loop, where it can never become ready: use on_done(), or "
        "wait on another thread");
}

TEST_CASE("cancel() asks the loop to cancel the task") {
  EventLoop loop(service());
  Future<void> future = loop.call<void>("service", "forever");
  CHECK(future.cancel());
  CHECK_THROWS_AS(future.get(), CancelledError);
  CHECK_FALSE(future.cancel());
  Future<int> done = loop.call<int>("service", "double", 1);
  CHECK(done.wait_for(10h));
  CHECK_FALSE(done.cancel());
  CHECK(done.get() == 2);
  Signal begun;
  Future<std::string> forgiving =
      loop.call<std::string>("service", "forgiving", std::function<void()>([&] { begun.set(); }));
  begun.wait();
  CHECK(forgiving.cancel());
  CHECK(forgiving.get() == "forgiven");
  std::array<Signal, 2> waits;
  std::size_t count = 0;
  Future<void> stubborn =
      loop.call<void>("service", "forgiving_once", std::function<void()>([&] { waits.at(count++).set(); }));
  for (Signal& each : waits) {
    each.wait();
    CHECK(stubborn.cancel());
  }
  CHECK(stubborn.wait_for(1min));
  CHECK_THROWS_AS(stubborn.get(), CancelledError);
}

TEST_CASE("on_done() calls a function on the loop's thread") {
  EventLoop loop(service());
  std::promise<int> got;
  std::vector<std::string> order;
  Signal last;
  Future<int> future = loop.call<int>("service", "nap", 4);
  future.on_done([&] { order.push_back("first"); });
  future.on_done([&](Future<int> done) { got.set_value(done.get()); });
  future.on_done([&] {
    order.push_back(py::detail::holds_gil() ? "with the GIL" : "without");
    last.set();
  });
  last.wait();
  CHECK(order == std::vector<std::string>{"first", "with the GIL"});
  CHECK(got.get_future().get() == 4);
  Signal late;
  future.on_done([&] { late.set(); });  // it is ready already
  late.wait();
}

TEST_CASE("on_done() and post() call what Python has, without an argument") {
  std::vector<std::string> order;
  Signal last;
  Future<int> future;
  std::optional<EventLoop> loop(service());
  python().def("first", [&] { order.push_back("first"); });
  python().def("second", [&] { order.push_back("second"); });
  python().def("last", [&] { last.set(); });
  future = loop->call<int>("service", "nap", 4);
  future.on_done(python()["first"]);  // the global of now
  {
    const py::Object second = python()["second"];
    future.on_done(second);
    future.on_done(py::Ref(second));  // the callable is kept, which a Ref does not own
    loop->post(py::Ref(python().eval("lambda f=second: f()")));
  }
  python().exec("del first, second");
  CHECK(future.get() == 4);
  future.on_done(python()["last"]);  // it is ready already
  last.wait();
  std::sort(order.begin(), order.end());
  CHECK(order == std::vector<std::string>{"first", "second", "second", "second"});
  loop.reset();
  python().def("late", [&] { order.push_back("late"); });
  py::Object late = python()["late"];
  {
    const py::GilRelease released;
    std::thread([&] { future.on_done(std::move(late)); }).join();  // at once
  }
  CHECK(order.back() == "late");
}

TEST_CASE("post() calls functions in their order") {
  EventLoop loop(service());
  std::vector<int> order;
  Signal last;
  python().def("posted", [&order] { order.push_back(-1); });
  {
    const py::GilRelease released;
    for (int i = 0; i < 5; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post(python()["posted"]);  // the global of now
    loop.post([&, moved = std::make_unique<int>(5)] {
      order.push_back(*moved);
      last.set();
    });
  }
  last.wait();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, -1, 5});
}

TEST_CASE("exceptions of callbacks go to the exception handler of the loop") {
  EventLoop loop(service());
  Reports reports(loop);
  loop.post([] { throw std::runtime_error("posted"); });
  loop.post([] { throw py::ValueError("of Python"); });
  Future<int> future = loop.call<int>("service", "double", 1);
  future.on_done([] { throw 3; });  // NOLINT
  future.on_done(python().eval("lambda: 1 / 0"));
  CHECK(reports.texts() ==
        std::vector<std::string>{
            "Exception in a function that was given to latepy::EventLoop::post(): RuntimeError('posted')",
            "Exception in a function that was given to latepy::EventLoop::post(): ValueError('of Python')",
            "Exception in a function that was given to latepy::Future::on_done(): RuntimeError('a C++ exception that "
            "is not a std::exception')",
            "Exception in a function that was given to latepy::Future::on_done(): ZeroDivisionError('division by "
            "zero')"});
  CHECK(future.get() == 2);
}

TEST_CASE("the end of a loop cancels what runs") {
  Future<void> left, never_begun;
  std::vector<std::string> said;
  {
    EventLoop loop(service());
    left = loop.call<void>("service", "forever");
    left.on_done([&] { said.push_back("done"); });
    never_begun = loop.call<void>("service", "forever");
  }
  CHECK(left.is_ready());
  CHECK_THROWS_AS(left.get(), CancelledError);
  CHECK_THROWS_AS(never_begun.get(), CancelledError);
  CHECK_FALSE(left.cancel());
  left.on_done([&] { said.push_back("late"); });
  CHECK(said == std::vector<std::string>{"done", "late"});
}

TEST_CASE("the end of a loop lets coroutines and generators clean up") {
  python().module_from_string("cleaning", R"(
      import asyncio, time
      said = []
      async def items():
          try:
              while True: yield 1
          finally: said.append('generator')
      async def cleaning(begun):
          try:
              async for _ in items():
                  begun()
                  await asyncio.Event().wait()
          finally:
              await asyncio.sleep(0)
              said.append('coroutine')
      async def executor(begun):
          def job():
              begun()
              time.sleep(0.001)
              said.append('executor')
          await asyncio.get_running_loop().run_in_executor(None, job)
  )");
  Signal begun, job_begun;
  {
    EventLoop loop(service());
    loop.call<void>("cleaning", "cleaning", std::function<void()>([&] { begun.set(); }));
    loop.call<void>("cleaning", "executor", std::function<void()>([&] { job_begun.set(); }));
    begun.wait();
    job_begun.wait();
  }
  const auto said = python().eval<std::vector<std::string>>("sorted(__import__('cleaning').said)");
  CHECK(said == std::vector<std::string>{"coroutine", "executor", "generator"});
}

TEST_CASE("a loop may be destroyed by a function that it runs") {
  auto loop = std::make_unique<EventLoop>(service());
  Future<void> future = loop->call<void>("service", "forever");
  EventLoop* const bare = loop.get();
  bare->post([&] { loop.reset(); });
  CHECK_THROWS_AS(future.get(), CancelledError);
}

TEST_CASE("a loop may be destroyed by a function while post() has not returned") {
  for (int i = 0; i < 20; ++i) {
    auto loop = std::make_unique<EventLoop>(service());
    EventLoop& bare = *loop;
    Signal is_gone;
    const py::GilRelease released;
    std::thread([&] {
      bare.post([&] {
        loop.reset();
        is_gone.set();
      });
    }).join();
    is_gone.wait();
  }
}

TEST_CASE("what comes by a script's loop.stop() and loop.close() is no end of the process") {
  EventLoop loop(service());
  python().module_from_string("stopping", R"(
      import asyncio, threading
      def stop(): asyncio.get_running_loop().stop()
      def close():
          loop = asyncio.get_running_loop()
          run_forever = loop.run_forever
          def closing():
              loop.close()
          loop.call_soon(loop.stop)
          loop.run_forever = closing
  )");
  loop.call("stopping", "stop").get();
  CHECK(loop.call<int>("service", "double", 1).get() == 2);
  loop.call("stopping", "close").get();
  Future<void> left = [&] {
    for (;;) {
      try {
        Future<void> future = loop.call<void>("service", "forever");
        if (future.wait_for(10ms)) return future;
      } catch (const StateError& error) {
        CHECK(std::string(error.what()) ==
              "submit() was called for an event loop that has ended: its EventLoop was destroyed, or Python stops");
        return Future<void>();
      }
    }
  }();
  if (left.is_ready()) CHECK_THROWS_AS(left.get(), CancelledError);
}

TEST_CASE("what leaves the loop's run_forever() is told, and the loop runs on") {
  EventLoop loop(service());
  python().module_from_string("leaving", R"(
      import asyncio, sys
      told, hook = [], sys.unraisablehook
      sys.unraisablehook = lambda it: told.append(repr(it.exc_value))
      def leave(fail):
          loop = asyncio.get_running_loop()
          run_forever = loop.run_forever
          def leaving():
              loop.run_forever = run_forever
              fail()
          loop.run_forever = leaving
          loop.stop()
  )");
  const auto leave = [&](std::function<void()> fail) {
    loop.call("leaving", "leave", std::move(fail)).get();
    CHECK(loop.call<int>("service", "double", 1).get() == 2);
  };
  leave([] { throw py::ValueError("of Python"); });
  leave([] { throw std::out_of_range("of C++"); });
  leave([] { throw py::Interrupted("it is what was to end"); });
  CHECK(python().eval<std::vector<std::string>>("__import__('leaving').told") ==
        std::vector<std::string>{"ValueError('of Python')", "IndexError('of C++')"});
  python().exec("import leaving, sys\nsys.unraisablehook = leaving.hook\ndel leaving");
}

TEST_CASE("an exception of a task's cancel() goes to the exception handler of the loop") {
  EventLoop loop(service());
  Reports reports(loop);
  python().module_from_string("cancelling", R"(
      import asyncio
      class Refuses(asyncio.Task):
          asked = 0
          def cancel(self, *_, **names):
              self.asked += 1
              if self.asked == 1: raise LookupError('not now')
              return super().cancel()
      def refuse(): asyncio.get_running_loop().set_task_factory(lambda loop, it, **names: Refuses(it, loop=loop))
  )");
  loop.call("cancelling", "refuse").get();
  Future<void> future = loop.call<void>("service", "forever");
  CHECK(future.cancel());
  CHECK(reports.texts() == std::vector<std::string>{"Exception in the cancellation of a task: LookupError('not now')"});
  CHECK(future.cancel());
  CHECK_THROWS_AS(future.get(), CancelledError);
}

TEST_CASE("ten thousand coroutines of four threads are in flight") {
  EventLoop loop(service());
  constexpr int count = 2500;
  std::atomic<long> sum{0};
  std::vector<std::vector<Future<int>>> all(4);
  {
    const py::GilRelease released;
    std::vector<std::thread> threads;
    for (auto& futures : all)
      threads.emplace_back([&] {
        for (int i = 0; i < count; ++i) futures.push_back(loop.call<int>("service", "nap", i));
        for (auto& each : futures) sum += each.get();
      });
    for (auto& each : threads) each.join();
  }
  CHECK(sum == 4L * count * (count - 1) / 2);
}

TEST_CASE("interrupt() stops the task that runs, and not the loop", "[interrupt]") {
  python();
  const py::Deadline watched(1h);  // so that there is a thread that interrupts
  EventLoop loop(service());
  python().module_from_string("endless", R"(
      async def spin(begun):
          begun()
          while True: pass
  )");
  Signal begun;
  Future<void> future = loop.call<void>("endless", "spin", std::function<void()>([&] { begun.set(); }));
  begun.wait();
  {
    const py::GilRelease released;
    do CHECK(python().interrupt());  // again where the machine is slow: it ends only what runs at its time
    while (!future.wait_for(1s));
  }
  CHECK(message_of_get(future) == "the program called interrupt()");
  for (int i = 0; i < 100; ++i) CHECK(loop.call<int>("service", "double", i).get() == 2 * i);
}

TEST_CASE("a loop keeps nothing") {
  EventLoop loop(service());
  CHECK(drift([&] { loop.call<int>("service", "double", 1).get(); }) == "");
}

TEST_CASE("run_until_complete() runs an awaitable on this thread", "[until-complete]") {
  const auto doubled = [](int x) { return service().call("service", "double", x); };
  CHECK(python().run_until_complete<int>(doubled(4)) == 8);
  CHECK(python().run_until_complete<int>(python().call("service", "nap", 4), 10h) == 4);
  python().run_until_complete<void>(python().call("asyncio", "sleep", 0));
  CHECK_THROWS_AS(python().run_until_complete(python().call("service", "fail")), py::LookupError);
  CHECK_THROWS_WITH(python().run_until_complete(py::to_py(3)),
                    Catch::Matchers::ContainsSubstring("an awaitable was wanted"));
  CHECK_THROWS_AS(python().run_until_complete<int>(python().call("service", "nap", "x")), py::ConversionError);
  python().exec("async def inside(): return outer()");
  python().def("outer", [&] { return python().run_until_complete<int>(doubled(1)); });
  CHECK_THROWS_WITH(python().run_until_complete(python()["inside"]()),
                    Catch::Matchers::ContainsSubstring("use await there"));
  CHECK(python().run_until_complete<int>(doubled(5)) == 10);
  {
    const py::GilRelease released;
    std::thread([&] { CHECK(python().run_until_complete<int>((py::GilGuard(), doubled(6))) == 12); }).join();
  }
}

TEST_CASE("the timeout of run_until_complete() cancels the task", "[until-complete]") {
  CHECK_THROWS_AS(service().run_until_complete(python().call("service", "forever"), 1ms), py::TimeoutError);
  const py::Object nothing = eval("lambda: None");
  try {
    python().run_until_complete(python().call("service", "stubborn", nothing), 2ms);
    FAIL("nothing was thrown");
  } catch (const py::TimeoutError& error) {
    CHECK(error.message() ==
          "the task took longer than the timeout of 0.002 s, and the task ignored its cancellation for as long");
  }
  CHECK(python().run_until_complete<int>(python().call("service", "double", 4)) == 8);
}

TEST_CASE("what stops run_until_complete() cancels the coroutine", "[until-complete]") {
  service().exec(R"(
      import asyncio
      went_on = []
      def stop(): raise KeyboardInterrupt
      async def waits(event):
          asyncio.get_running_loop().call_soon(stop)
          await event.wait()
          went_on.append(1)
  )");
  const auto run = [](auto... timeout) {
    const py::Object event = python().call("asyncio", "Event");
    CHECK_THROWS_AS(python().run_until_complete(python()["waits"](event), timeout...), py::KeyboardInterrupt);
    event.call_method("set");
    python().run_until_complete<void>(python().call("service", "nap", 1));
    python().run_until_complete<void>(python().call("service", "nap", 1));
    CHECK(eval("len(went_on)").as<int>() == 0);
  };
  run();
  run(1h);
}

TEST_CASE("submit() closes a coroutine that it refuses") {
  EventLoop loop(service());
  const py::Object coroutine = python().call("service", "double", 1);
  python().exec("import service\nis_future = service.asyncio.isfuture\nservice.asyncio.isfuture = None");
  CHECK_THROWS_AS(loop.submit(coroutine), py::TypeError);
  python().exec("service.asyncio.isfuture = is_future");
  CHECK(coroutine.attr("cr_frame").as<py::Object>().is_none());
}

TEST_CASE("run_until_complete() keeps nothing", "[until-complete]") {
  CHECK(drift([] { service().run_until_complete<int>(python().call("service", "double", 1)); }) == "");
}
