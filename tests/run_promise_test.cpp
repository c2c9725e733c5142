// Tests of latepy/run/promise.hpp: Promise, which scripts await, and await_on_thread().
// SPDX-License-Identifier: MIT
#include <latepy/run/promise.hpp>
#include <latepy/stl/function.hpp>
#include <latepy/stl/vector.hpp>

#include <thread>

#include "python.hpp"
#include "service.hpp"

namespace {

using namespace std::chrono_literals;
using py::EventLoop;
using py::Future;
using py::Promise;

/// Awaits what host functions return. `awaiting` catches what it raises.
py::Interpreter& awaiting() {
  static const bool is_added = [] {
    service();
    python().module_from_string("awaiting", R"(
        import asyncio
        async def get(function, *arguments):
            awaited = function(*arguments)
            del function  # else the traceback of an error has it, and the function its Promise, which has the error
            return await awaited
        async def caught(function):
            try:
                awaited = function()
                del function
                return await awaited
            except BaseException as error: return repr(error)
        async def cancelled(function):
            task = asyncio.ensure_future(get(function))
            await asyncio.sleep(0)
            task.cancel()
            try: await task
            except asyncio.CancelledError: return 'cancelled'
        def run(function, *arguments): return asyncio.run(get(function, *arguments))
        async def again(function): return [await function(), await function()]
        async def give_up(function):
            task = asyncio.ensure_future(get(function))
            await asyncio.sleep(0)
            task.cancel()
            return await caught(function)
        class Deaf(asyncio.SelectorEventLoop):
            def add_reader(self, *_): raise NotImplementedError
        def run_deaf(function):
            loop = Deaf()
            try: return loop.run_until_complete(caught(function))
            finally: loop.close()
        left = []
        async def leave(function): left.append(function())
    )");
    return true;
  }();
  static_cast<void>(is_added);
  return python();
}

py::Object function_of(const char* name) { return python().get(std::string("promises.") + name); }

template <class F>
py::Object host_function(F f) {
  awaiting().module("promises").def("f", std::move(f));
  return function_of("f");
}

/// What the await of `promise` raises.
template <class T>
std::string raised_by(EventLoop& loop, const Promise<T>& promise) {
  return loop.call<std::string>("awaiting", "caught", host_function([promise] { return promise; })).get();
}

}  // namespace

TEST_CASE("a script awaits what a C++ thread sets") {
  awaiting();
  std::vector<std::thread> threads;
  const py::Object twice = host_function([&](int x) {
    Promise<int> promise;
    threads.emplace_back([promise, x]() mutable { promise.set_value(2 * x); });
    return promise;
  });
  SECTION("in an EventLoop") {
    EventLoop loop(python());
    CHECK(loop.call<int>("awaiting", "get", twice, 21).get() == 42);
  }
  SECTION("in a loop of the script's own") {
    CHECK(python().call<int>("awaiting", "run", twice, 21) == 42);
    CHECK(python().call<int>("awaiting", "run", twice, 22) == 44);
  }
  SECTION("also if no loop ran when the host function returned") {
    const py::Object later = twice(4);
    CHECK(python().call<int>("awaiting", "run", host_function([later] { return later; })) == 8);
  }
  for (auto& each : threads) each.join();
}

TEST_CASE("a value may be set before it is awaited") {
  EventLoop loop(awaiting());
  Promise<std::string> promise;
  CHECK(promise.set_value("text"));
  CHECK_FALSE(promise.set_value("another"));
  CHECK_FALSE(promise.set_exception(std::runtime_error("another")));
  CHECK(loop.call<std::string>("awaiting", "get", host_function([promise] { return promise; })).get() == "text");
  Promise<void> nothing;
  CHECK(nothing.set_value());
  CHECK(loop.call("awaiting", "get", host_function([nothing] { return nothing; })).get().is_none());
}

TEST_CASE("set_value() does not wait for the GIL") {
  EventLoop loop(awaiting());
  Promise<int> promise;
  Future<int> future = loop.call<int>("awaiting", "get", host_function([promise] { return promise; }));
  CHECK(eval("1").as<int>() == 1);  // this thread holds the GIL
  std::thread([&] { CHECK(promise.set_value(3)); }).join();
  CHECK(future.get() == 3);
}

TEST_CASE("an exception that is set is raised in the script") {
  EventLoop loop(awaiting());
  Promise<int> promise;
  SECTION("a C++ exception as its Python exception") {
    promise.set_exception(std::out_of_range("no such row"));
    CHECK(raised_by(loop, promise) == "IndexError('no such row')");
  }
  SECTION("an exception of Python") {
    promise.set_exception(py::KeyError("key"));
    CHECK(raised_by(loop, promise) == "KeyError('key')");
  }
  SECTION("in C++ again it is the same C++ exception") {
    promise.set_exception(std::out_of_range("no such row"));
    CHECK_THROWS_AS(loop.call("awaiting", "get", host_function([promise] { return promise; })).get(),
                    std::out_of_range);
  }
  SECTION("StopIteration, which asyncio does not bear, hangs nobody") {
    promise.set_exception(py::StopIteration("x"));
    CHECK_FALSE(raised_by(loop, promise).empty());
  }
  SECTION("a value that cannot be converted") {
    struct Unknown {};
    Promise<Unknown> unknown;
    unknown.set_value(Unknown());
    CHECK_THAT(raised_by(loop, unknown), Catch::Matchers::ContainsSubstring("has no Python class: call add_class()"));
  }
  SECTION("a value whose copy throws") {
    struct Throwing {
      Throwing() = default;
      Throwing(const Throwing&) { throw std::length_error("no copy"); }
    };
    Promise<Throwing> throwing;
    const Throwing value;
    CHECK(throwing.set_value(value));
    CHECK(raised_by(loop, throwing) == "ValueError('no copy')");
  }
}

TEST_CASE("a promise that is dropped without a value raises in the script") {
  EventLoop loop(awaiting());
  const std::string text =
      "RuntimeError('a latepy::Promise was dropped without a value: keep one until set_value() or set_exception()')";
  CHECK(loop.call<std::string>("awaiting", "caught", host_function([] { return Promise<int>(); })).get() == text);
  auto kept = std::make_unique<Promise<int>>();
  Signal called;
  const py::Object get = host_function([&] {
    Promise<int> copy = *kept;
    called.set();
    return copy;
  });
  Future<std::string> future = loop.call<std::string>("awaiting", "caught", get);
  called.wait();
  kept.reset();
  CHECK(future.get() == text);
  Promise<int> moved;
  const Promise<int> taken = std::move(moved);
  CHECK_FALSE(moved.set_value(1));  // NOLINT(bugprone-use-after-move)
  CHECK_FALSE(moved.is_cancelled());
  CHECK_THROWS_AS(py::to_py(moved), py::StateError);
}

TEST_CASE("a script cancels what it awaits") {
  EventLoop loop(awaiting());
  Promise<int> promise;
  std::vector<std::string> said;
  promise.on_cancel([&] { said.push_back("first"); });
  promise.on_cancel([&] { said.push_back(py::detail::holds_gil() ? "with the GIL" : "without"); });
  python().def("on_cancel", [&] { said.push_back("third"); });
  promise.on_cancel(python()["on_cancel"]);  // the global of now
  CHECK_FALSE(promise.is_cancelled());
  CHECK(loop.call<std::string>("awaiting", "cancelled", host_function([promise] { return promise; })).get() ==
        "cancelled");
  loop.call<int>("service", "nap", 1).get();
  CHECK(promise.is_cancelled());
  CHECK_FALSE(promise.set_value(1));
  CHECK_FALSE(promise.set_exception(std::runtime_error("late")));
  CHECK(said == std::vector<std::string>{"first", "with the GIL", "third"});
  Signal late;
  promise.on_cancel([&] { late.set(); });
  late.wait();
}

TEST_CASE("what on_cancel() gets is freed where it is not called") {
  EventLoop loop(awaiting());
  const auto kept = std::make_shared<int>(1);
  Promise<int> promise;
  promise.on_cancel([kept] {});
  promise.set_value(1);
  loop.call("awaiting", "get", host_function([promise] { return promise; })).get();
  promise.on_cancel([kept] {});
  {
    Promise<int>().on_cancel([kept] {});
  }
  promise = Promise<int>();
  host_function([] {});
  loop.call<int>("service", "nap", 1).get();
  CHECK(kept.use_count() == 1);
}

TEST_CASE("an exception of on_cancel() goes to the exception handler of the loop") {
  EventLoop loop(awaiting());
  const py::Object reports = loop.call("service", "handler").get();
  Promise<int> promise;
  promise.on_cancel([] { throw std::runtime_error("thrown"); });
  loop.call("awaiting", "cancelled", host_function([promise] { return promise; })).get();
  loop.call<int>("service", "nap", 1).get();
  CHECK(reports[0]["message"].as<std::string>() ==
        "Exception in a function that was given to latepy::Promise::on_cancel()");
}

TEST_CASE("after the end of the loop set_value() gives false") {
  Promise<int> promise;
  {
    EventLoop loop(awaiting());
    loop.call("awaiting", "get", host_function([promise] { return promise; }));
    loop.call<int>("service", "nap", 1).get();
  }
  CHECK_FALSE(promise.set_value(1));
}

TEST_CASE("a loop of a script's own that is closed takes nothing, and is freed") {
  awaiting();
  std::optional<Promise<int>> promise;
  const py::Object make = host_function([&] { return promise.emplace(); });
  const auto leave = [&] {
    python().call("asyncio", "run", python().call("awaiting", "leave", make));
    python().get("awaiting.left").call_method("clear");
  };
  leave();
  CHECK_FALSE(promise->set_value(1));
  CHECK_FALSE(promise->is_cancelled());
  CHECK(drift([&] {
          leave();
          promise.reset();
        }) == "");
}

#ifndef _WIN32
TEST_CASE("a loop that no thread can wake refuses a promise") {
  awaiting();
  CHECK_THAT(python().call<std::string>("awaiting", "run_deaf", host_function([] { return Promise<int>(); })),
             Catch::Matchers::ContainsSubstring("has no add_reader(), by which C++ threads could wake it"));
}
#endif

TEST_CASE("a promise can be awaited again") {
  EventLoop loop(awaiting());
  SECTION("it gives the same object") {
    Promise<py::Object> promise;
    promise.set_value(eval("object()"));
    const py::Object both = loop.call("awaiting", "again", host_function([promise] { return promise; })).get();
    CHECK(py::Object(both[0]).same(py::Object(both[1])));
  }
  SECTION("if it was cancelled, that is raised") {
    Promise<int> promise;
    CHECK(loop.call<std::string>("awaiting", "give_up", host_function([promise] { return promise; })).get() ==
          "CancelledError()");
  }
}

TEST_CASE("a promise belongs to one loop") {
  Promise<int> promise;
  promise.set_value(1);
  const py::Object get = host_function([promise] { return promise; });
  CHECK(awaiting().call<int>("awaiting", "run", get) == 1);
  CHECK_THROWS_WITH(python().call("awaiting", "run", get),
                    Catch::Matchers::ContainsSubstring("was given to a second event loop: make a Promise for each"));
}

TEST_CASE("handler() is a function for asio") {
  EventLoop loop(awaiting());
  Promise<int> good, bad, worse;
  good.handler()(std::error_code(), 7);
  CHECK(loop.call<int>("awaiting", "get", host_function([good] { return good; })).get() == 7);
  bad.handler()(std::make_error_code(std::errc::permission_denied), 7);
  CHECK_THAT(raised_by(loop, bad), Catch::Matchers::ContainsSubstring("PermissionError"));
  worse.handler()(std::make_exception_ptr(std::invalid_argument("x")), 7);
  CHECK(raised_by(loop, worse) == "ValueError('x')");
  Promise<void> timer;
  timer.handler()(std::error_code());
  CHECK(loop.call("awaiting", "get", host_function([timer] { return timer; })).get().is_none());
}

TEST_CASE("a host function that has a Promise with an exception ends with its last use") {
  if (python().is_free_threaded() && minor_version() == 13) SKIP("a free-threaded 3.13 frees no host function");
  const auto token = std::make_shared<int>();
  EventLoop loop(awaiting());
  for (const char* const script : {"get", "caught"}) {
    Promise<int> promise;
    promise.set_exception(std::out_of_range("no such row"));
    auto result = loop.call("awaiting", script, host_function([promise, token] { return promise; }));
    if (std::string_view(script) == "get")
      CHECK_THROWS_AS(result.get(), std::out_of_range);
    else
      CHECK(result.get().as<std::string>() == "IndexError('no such row')");
  }
  host_function([] {});
  loop.call<int>("service", "double", 1).get();  // what ran before is over
  python().exec("import gc; gc.collect()");
  CHECK(token.use_count() == 1);
}

TEST_CASE("await_on_thread() lets a script await a std::future") {
  EventLoop loop(awaiting());
  std::promise<int> value;
  const py::Object waits = host_function([&] { return py::await_on_thread(value.get_future()); });
  Future<int> future = loop.call<int>("awaiting", "get", waits);
  CHECK_FALSE(future.wait_for(1ms));
  value.set_value(5);
  CHECK(future.get() == 5);
  const py::Object nothing = host_function([] { return py::await_on_thread(std::async(std::launch::async, [] {})); });
  CHECK(loop.call("awaiting", "get", nothing).get().is_none());
  const py::Object fails = host_function(
      [] { return py::await_on_thread(std::async(std::launch::deferred, [] { throw std::out_of_range("x"); })); });
  CHECK(loop.call<std::string>("awaiting", "caught", fails).get() == "IndexError('x')");
  const py::Object moved = host_function([] { return py::await_on_thread(std::future<int>()); });
  CHECK_THAT(loop.call<std::string>("awaiting", "caught", moved).get(),
             Catch::Matchers::ContainsSubstring("await_on_thread() got a std::future without a state"));
  std::vector<std::promise<int>> many(50);
  std::size_t next = 0;
  const py::Object each = host_function([&] { return py::await_on_thread(many[next++].get_future()); });
  std::vector<Future<int>> futures;
  for (std::size_t at = 0; at < many.size(); ++at) futures.push_back(loop.call<int>("awaiting", "get", each));
  for (auto& one : many) one.set_value(1);
  for (auto& one : futures) CHECK(one.get() == 1);
}

TEST_CASE("a value that waits for a loop is freed when a script closes the loop") {
  awaiting();
  const auto kept = std::make_shared<int>(1);
  {
    Promise<std::function<int()>> promise;
    const py::Object f = host_function([&promise] { return promise; });
    python()["f"] = f;
    python().exec(R"(
        import asyncio
        loop = asyncio.new_event_loop()
        task = loop.create_task(__import__('awaiting').get(f))
        task._log_destroy_pending = False
        loop.run_until_complete(asyncio.sleep(0))
    )");
    CHECK(promise.set_value([kept] { return *kept; }));
    CHECK(kept.use_count() == 2);
    python().exec("loop.close()\ndel loop, task, f\nimport gc\ngc.collect()");
    host_function([] {});
  }
  CHECK(kept.use_count() == 1);
}

TEST_CASE("a signature shows what is awaited") {
  const py::Object f = host_function([] { return Promise<int>(); });
  CHECK(eval("__import__('inspect').signature")(f).call_method("__str__").as<std::string>() ==
        "() -> collections.abc.Awaitable[int]");
}

TEST_CASE("a promise keeps nothing") {
  EventLoop loop(awaiting());
  const py::Object get = host_function([] {
    Promise<int> promise;
    promise.set_value(1);
    return promise;
  });
  CHECK(drift([&] { loop.call<int>("awaiting", "get", get).get(); }) == "");
}
