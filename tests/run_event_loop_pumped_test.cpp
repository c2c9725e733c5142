// Tests of latepy/run/event_loop.hpp: an EventLoop that the program runs by poll().
// SPDX-License-Identifier: MIT
#include <latepy/run/promise.hpp>

#include <atomic>
#include <thread>

#ifndef _WIN32
#include <poll.h>
#endif

#include "python.hpp"
#include "service.hpp"

namespace {

using namespace std::chrono_literals;
using py::EventLoop;
using py::Future;
using py::StateError;

/// Runs all that is due.
long long poll_all(EventLoop& loop) {
  long long all = 0;
  while (loop.next_timer() == 0ms) all += loop.poll();
  return all;
}

}  // namespace

TEST_CASE("poll() runs what is due, on the thread that calls it") {
  EventLoop loop(service(), py::pumped);
  CHECK(loop.poll() == 0);
  Future<int> future = loop.call<int>("service", "nap", 3);
  CHECK_FALSE(future.is_ready());
  CHECK(loop.poll() > 0);
  CHECK(future.is_ready());
  CHECK(future.get() == 3);
  CHECK(loop.poll() == 0);
  Future<long long> ident = loop.call<long long>("threading", "get_ident");
  poll_all(loop);
  CHECK(ident.get() == python().call<long long>("threading", "get_ident"));
  bool is_posted = false;
  loop.post([&] { is_posted = true; });
  loop.poll();
  CHECK(is_posted);
}

TEST_CASE("a task that never rests does not keep poll()") {
  EventLoop loop(service(), py::pumped);
  python().exec("import asyncio\nasync def busy():\n  while True: await asyncio.sleep(0)");
  Future<void> future = loop.call<void>("__main__", "busy");
  for (int i = 0; i < 3; ++i) CHECK(loop.poll() > 50);
  CHECK(loop.next_timer() == 0ms);
  future.cancel();
  poll_all(loop);
  CHECK_THROWS_AS(future.get(), py::CancelledError);
}

TEST_CASE("a MemoryError of a script's own, told with a handle, ends no poll()") {
  EventLoop loop(service(), py::pumped);
  python().exec(R"(
      import asyncio, service
      async def tells():
          reports, loop = await service.handler(), asyncio.get_running_loop()
          loop.call_exception_handler({'exception': MemoryError('full'), 'handle': loop.call_soon(int)})
          await asyncio.sleep(0)
          return [each['exception'].args for each in reports] == [('full',)] and 'handle' in reports[0]
  )");
  Future<bool> future = loop.call<bool>("__main__", "tells");
  poll_all(loop);
  CHECK(future.get());
}

TEST_CASE("next_timer() is the time until poll() has something to do") {
  EventLoop loop(service(), py::pumped);
  CHECK_FALSE(loop.next_timer());
  Future<void> hour = loop.call<void>("asyncio", "sleep", 3600);
  CHECK(loop.next_timer() == 0ms);
  poll_all(loop);
  const auto left = loop.next_timer();
  REQUIRE(left);
  CHECK(*left > 3500s);
  CHECK(*left <= 3600s);
  Future<void> moment = loop.call<void>("asyncio", "sleep", 0.002);
  while (!moment.is_ready()) {
    std::this_thread::sleep_for(*loop.next_timer());
    loop.poll();
  }
}

TEST_CASE("on_ready is called where work was given") {
  std::atomic<int> calls{0};
  EventLoop loop(service(), py::pumped, [&] { ++calls; });
  py::Promise<int> promise;
  python().module("pumping").def("wait", [promise] { return promise; });
  Future<int> future = loop.call<int>("service", "get", python().get("pumping.wait"));
  CHECK(calls == 1);
  poll_all(loop);
  calls = 0;
  std::thread([&] { promise.set_value(4); }).join();
  CHECK(calls == 1);
  poll_all(loop);
  CHECK(future.get() == 4);
  SECTION("also if poll() leaves some") {
    python().exec("import asyncio\nasync def busy():\n  while True: await asyncio.sleep(0)");
    loop.call<void>("__main__", "busy");
    calls = 0;
    loop.poll();
    CHECK(calls > 0);
  }
}

TEST_CASE("the end of a loop waits for on_ready") {
  py::Promise<int> promise;
  service().module("promises").def("f", [promise] { return promise; });
  Signal is_called;
  std::atomic<bool> is_polled{false}, has_returned{false};
  std::thread other;
  {
    EventLoop loop(python(), py::pumped, [&] {
      if (!is_polled) return;
      is_called.set();
      std::this_thread::sleep_for(50ms);
      has_returned = true;
    });
    const Future<int> future = loop.call<int>("service", "get", python().get("promises.f"));
    poll_all(loop);
    is_polled = true;
    other = std::thread([&promise] { promise.set_value(1); });
    is_called.wait();
  }
  CHECK(has_returned);
  other.join();
}

TEST_CASE("an exception of on_ready goes to the exception handler of the loop") {
  bool throws = false;
  EventLoop loop(service(), py::pumped, [&] {
    if (throws) throw std::runtime_error("thrown");
  });
  Future<py::Object> handler = loop.call("service", "handler");
  poll_all(loop);
  const py::Object reports = handler.get();
  throws = true;
  loop.post([] {});
  throws = false;
  poll_all(loop);
  CHECK(reports[0]["message"].as<std::string>() == "Exception in on_ready of a latepy::EventLoop");
  CHECK(reports[0]["exception"].call_method("__repr__").as<std::string>() == "RuntimeError('thrown')");
}

#ifndef _WIN32
TEST_CASE("native_handle() can be read when there is work, and when a socket has data") {
  EventLoop loop(service(), py::pumped);
  poll_all(loop);
  pollfd handle{static_cast<int>(loop.native_handle()), POLLIN, 0};
  REQUIRE(handle.fd >= 0);
  CHECK(poll(&handle, 1, 0) == 0);
  Future<int> future = loop.call<int>("service", "double", 1);
  CHECK(poll(&handle, 1, 0) == 1);
  poll_all(loop);
  CHECK(poll(&handle, 1, 0) == 0);
  python().exec(R"(
      import asyncio, socket
      pair = socket.socketpair()
      for each in pair: each.setblocking(False)
      async def receive(): return (await asyncio.get_running_loop().sock_recv(pair[0], 9)).decode()
  )");
  Future<std::string> text = loop.call<std::string>("__main__", "receive");
  poll_all(loop);
  CHECK(poll(&handle, 1, 0) == 0);
  python().exec("pair[1].send(b'text')");
  CHECK(poll(&handle, 1, 0) == 1);
  while (!text.is_ready()) loop.poll();
  CHECK(text.get() == "text");
  EventLoop with_thread(python());
  CHECK(with_thread.native_handle() == -1);
}
#endif

TEST_CASE("poll() is refused where it cannot run") {
  EventLoop loop(service(), py::pumped);
  std::string said;
  loop.post([&] {
    try {
      loop.poll();
    } catch (const StateError& error) {
      said = error.what();
    }
  });
  loop.poll();
  CHECK(said == "poll() was called in a function that poll() runs: return from it first");
  SECTION("by two threads at once") {
    loop.post([&] {
      const py::GilRelease released;
      std::thread([&] {
        try {
          loop.poll();
        } catch (const StateError& error) {
          said = error.what();
        }
      }).join();
    });
    loop.poll();
    CHECK(said == "poll() was called while another thread is in poll(): one thread at a time");
  }
  SECTION("for a loop with a thread") {
    EventLoop with_thread(service());
    CHECK_THROWS_WITH(with_thread.poll(),
                      Catch::Matchers::ContainsSubstring("make it by EventLoop(scope, latepy::pumped)"));
  }
  SECTION("in a loop of asyncio") {
    python().module("pumping").def("poll", [&] { loop.poll(); });
    python().exec("import asyncio\nasync def polls(): __import__('pumping').poll()");
    CHECK_THROWS_WITH(python().exec("asyncio.run(polls())"),
                      Catch::Matchers::ContainsSubstring("while another loop is running"));
    CHECK(loop.poll() >= 0);
  }
  SECTION("where a script runs the loop, which goes on") {
    python().module("pumping").def("poll", [&] { loop.poll(); });
    Future<py::Object> own = loop.call("asyncio", "get_running_loop");
    poll_all(loop);
    const py::Object names = py::dict();
    names["own"] = own.get();
    python().exec(R"(
        import asyncio, pumping, threading
        refused = []
        def poll():
            try: pumping.poll()
            except RuntimeError as error: refused.append(str(error))
        async def polls():
            poll()
            await asyncio.sleep(0)
            return asyncio.get_running_loop()
        assert own.run_until_complete(polls()) is own
        async def waits(begun, polled):
            begun.set()
            polled.wait()
            await asyncio.sleep(0)
            return 3
        begun, polled, results = threading.Event(), threading.Event(), []
        thread = threading.Thread(target=lambda: results.append(own.run_until_complete(waits(begun, polled))))
        thread.start()
        begun.wait()
        poll()
        polled.set()
        thread.join()
        assert results == [3]
        asyncio.run(polls())
        assert own.run_until_complete(asyncio.sleep(0, 4)) == 4
        assert refused == ['This event loop is already running'] * 2 + [
            'Cannot run the event loop while another loop is running'], refused
    )",
                  names);
    CHECK(loop.poll() >= 0);
  }
}

TEST_CASE("to wait on the thread that polls is refused") {
  EventLoop loop(service(), py::pumped);
  Future<int> future = loop.call<int>("service", "double", 1);
  CHECK_THROWS_WITH(future.get(),
                    Catch::Matchers::ContainsSubstring("a Future was waited for on the thread of its event loop"));
  CHECK_FALSE(future.wait_for(0ms));
  poll_all(loop);
  CHECK(future.get() == 2);
}

TEST_CASE("a thread may wait that came after the one that polled, at its addresses") {
  EventLoop loop(service(), py::pumped);
  const Future<int> future = loop.call<int>("service", "double", 1);
  const py::GilRelease released;
  std::thread([&] { loop.poll(); }).join();
  const Future<void> waits = loop.call<void>("service", "forever");
  std::thread([&] { CHECK_FALSE(waits.wait_for(1ms)); }).join();
}

TEST_CASE("sys.exit() in a task comes out of poll()") {
  EventLoop loop(service(), py::pumped);
  Future<void> future = loop.call<void>("sys", "exit", 3);
  CHECK_THROWS_AS(poll_all(loop), py::SystemExit);
  CHECK(loop.poll() <= 2);  // what was left, and nothing of poll()'s own
  poll_all(loop);
  CHECK_THROWS_AS(future.get(), py::SystemExit);
}

TEST_CASE("the end of a loop that is polled cancels what runs") {
  Future<void> left;
  SECTION("outside of poll()") {
    EventLoop loop(service(), py::pumped);
    left = loop.call<void>("service", "forever");
    poll_all(loop);
  }
  SECTION("before poll() was called") {
    EventLoop loop(service(), py::pumped);
    left = loop.call<void>("service", "forever");
  }
  SECTION("inside of poll()") {
    auto loop = std::make_unique<EventLoop>(service(), py::pumped);
    left = loop->call<void>("service", "forever");
    EventLoop& bare = *loop;
    bare.post([&] { loop.reset(); });
    bare.poll();
  }
  SECTION("on another thread") {
    auto loop = std::make_unique<EventLoop>(service(), py::pumped);
    left = loop->call<void>("service", "forever");
    poll_all(*loop);
    const py::GilRelease released;
    std::thread([&] { loop.reset(); }).join();
  }
  REQUIRE(left.is_ready());
  CHECK_THROWS_AS(left.get(), py::CancelledError);
}
