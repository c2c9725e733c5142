// Tests of latepy/run/event_loop.hpp: loops that end with their interpreter, or with the process.
// SPDX-License-Identifier: MIT
#include <latepy/stl/function.hpp>

#include <thread>

#include "in_child.hpp"
#include "service.hpp"

using namespace std::chrono_literals;
using py::CancelledError;
using py::EventLoop;
using py::Future;
using py::StateError;

TEST_CASE("the stop ends the loops first") {
  in_child([] {
    py::Interpreter python;
    add_service(python);
    EventLoop loop(python);
    Future<void> future = loop.call<void>("service", "forever");
    EXPECT(!future.wait_for(1ms));
    EXPECT(python.stop());
    EXPECT_THROWN(CancelledError, future.get());
    EXPECT_THROWN(StateError, loop.call<void>("service", "forever"));
    EXPECT_THROWN(StateError, loop.post([] {}));
  });
}

TEST_CASE("a task that ignores its cancellation does not hold up the stop for longer than its timeout") {
  const std::string output = in_child([] {
    py::Interpreter python;
    add_service(python);
    EventLoop loop(python);
    Signal begun;
    Future<void> future = loop.call<void>("service", "stubborn", std::function<void()>([&] { begun.set(); }));
    begun.wait();
    EXPECT(python.stop(50ms));
    EXPECT(EXPECT_THROWN(CancelledError, future.get()).message() == "the event loop ended before the task was done");
  });
}

TEST_CASE("code that does not return keeps Python running, and the stop says so") {
  in_child([] {
    py::Interpreter python;
    EventLoop loop(python);
    Signal begun, may_end;
    loop.post([&] {
      begun.set();
      may_end.wait();
    });
    begun.wait();
    std::vector<std::string> alive;
    EXPECT(!python.stop(1ms, &alive));
    EXPECT(alive.size() == 1 && has(alive[0], "the thread of an EventLoop: the code that it runs does not return"));
    may_end.set();
    EXPECT(python.stop());
  });
}

TEST_CASE("another thread waits for a Future while Python is stopped") {
  in_child([] {
    py::Interpreter python;
    add_service(python);
    EventLoop loop(python);
    Signal waits;
    std::thread other([&] {
      Future<void> future = loop.call<void>("service", "forever");
      waits.set();
      EXPECT_THROWN(CancelledError, future.get());
    });
    waits.wait();
    EXPECT(python.stop());
    other.join();
  });
}

TEST_CASE("a stop may come many times with tasks that run") {
  in_child([] {
    for (int i = 0; i < 3; ++i) {
      py::Config config;
      config.allow_restart = true;
      py::Interpreter python(config);
      if (i > 0 && python.version().substr(0, 4) == "3.12") break;  // asyncio does not bear a second start there
      add_service(python);
      EventLoop loop(python);
      for (int task = 0; task < 20; ++task) loop.call<void>("service", "forever");
      EXPECT(python.stop(10s));
    }
  });
}

TEST_CASE("a loop of a SubInterpreter ends with it") {
  in_child([] {
    py::Interpreter python;
    if (python.version() == "3.12.1") std::_Exit(0);  // it aborts at its end after asyncio in a sub-interpreter
    Future<void> left;
    std::unique_ptr<EventLoop> loop;
    {
      py::SubInterpreter sub;
      add_service(sub);
      loop = std::make_unique<EventLoop>(sub);
      EXPECT(loop->call<int>("service", "double", 4).get() == 8);
      left = loop->call<void>("service", "forever");
    }
    EXPECT_THROWN(CancelledError, left.get());
    EXPECT_THROWN(StateError, loop->post([] {}));
    loop.reset();
    EventLoop own(python);
    add_service(python);
    EXPECT(own.call<int>("service", "double", 4).get() == 8);
    EXPECT(python.stop());
  });
}

TEST_CASE("loops run in several interpreters at the same time") {
  in_child([] {
    py::Interpreter python;
    py::SubConfig config;
    config.own_gil = python.version() != "3.12.1";  // it aborts at its end after asyncio in one with a GIL of its own
    py::SubInterpreter first(config), second(config);
    std::vector<std::unique_ptr<EventLoop>> loops;
    for (py::Scope* const each :
         {static_cast<py::Scope*>(&python), static_cast<py::Scope*>(&first), static_cast<py::Scope*>(&second)}) {
      add_service(*each);
      each->exec("import asyncio\nasync def current(): return asyncio.get_running_loop() is asyncio.get_event_loop()");
      loops.push_back(std::make_unique<EventLoop>(*each));
    }
    for (int round = 0; round < 50; ++round) {
      std::vector<Future<int>> answers;
      for (const auto& each : loops) answers.push_back(each->call<int>("service", "double", round));
      for (Future<int>& each : answers) EXPECT(each.get() == 2 * round);
      EXPECT(loops[round % 3]->call<bool>("__main__", "current").get());
    }
    EXPECT(first.eval<int>("asyncio.run(asyncio.sleep(0, 7))") == 7);  // also beside the loops, on this thread
    EXPECT(python.eval<int>("asyncio.run(asyncio.sleep(0, 8))") == 8);
  });
}

TEST_CASE("the child of a fork() has no loop, and may make one") {
  in_child([] {
    py::Interpreter python;
    add_service(python);
    auto loop = std::make_unique<EventLoop>(python);
    Future<void> future = loop->call<void>("service", "forever");
    const int child = fork();
    if (child == 0) {
      int wrong = 0;
      try {
        future.get();
        wrong |= 1;
      } catch (const StateError& error) {
        wrong |= has(error.what(), "in the child of a fork()") ? 0 : 2;
      }
      try {
        loop->post([] {});
        wrong |= 4;
      } catch (const StateError&) {
      }
      loop.reset();  // its thread is the parent's
      EventLoop own(python);
      wrong |= own.call<int>("service", "double", 2).get() == 4 ? 0 : 8;
      std::_Exit(wrong);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT(loop->call<int>("service", "double", 3).get() == 6);
  });
}

TEST_CASE("the child of a fork() leaves the loops of its parent as they are") {
  in_child([] {
    py::Interpreter python;
    python.module_from_string("threads", R"(
        import asyncio
        async def ask(): return await asyncio.get_running_loop().run_in_executor(None, lambda: 7)
    )");
    const auto ask = [&] { return python.run_until_complete<int>(python.call("threads", "ask")); };
    EXPECT(ask() == 7);
    auto pumped = std::make_unique<EventLoop>(python, py::pumped);
    pumped->poll();
    const int child = fork();
    if (child == 0) {
      is_leak_check_off = true;  // the parent's loop is not touched, and so never freed
      pumped.reset();
      std::exit(ask() == 7 && python.stop() ? 0 : 1);  // the stop of Python frees the loops of the child
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT(ask() == 7);  // what a thread of Python gives wakes them still
    Future<int> answer = pumped->call<int>("threads", "ask");
    while (!answer.is_ready()) pumped->poll();
    EXPECT(answer.get() == 7);
  });
}

TEST_CASE(
    "a loop that is written in C, on which nothing can be set, is closed at the end, and in no child of a fork()") {
  CHECK(in_child([] {
          py::Interpreter python;
          python.exec(R"(
              import asyncio, atexit, os, sys
              told, loops = [], []
              sys.unraisablehook = lambda what: told.append(what.exc_value)
              @atexit.register
              def tell():
                  print(told, [each.is_closed() for each in loops])
              class Bare:
                  __slots__ = 'inner', '__weakref__'
                  def __init__(self):
                      self.inner = asyncio.SelectorEventLoop()
                      loops.append(self)
                  def __getattr__(self, name): return getattr(self.inner, name)
                  def run_forever(self): self.inner.run_forever()
              asyncio.new_event_loop = Bare
              async def ask(): return await asyncio.get_running_loop().run_in_executor(None, lambda: 7)
          )");
          EXPECT(python.run_until_complete<int>(python["ask"]()) == 7);
          const int child = fork();
          if (child == 0) {
            std::_Exit(python.eval<bool>("told == [] and not loops[0].is_closed()") ? 0 : 1);
          }
          int status = 0;
          waitpid(child, &status, 0);
          EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
          EXPECT(python.run_until_complete<int>(python["ask"]()) == 7);
        }) == "[] [True]\n");
}

TEST_CASE("exit() on the thread of a loop ends the process") {
  const std::string output = in_child([] {
    is_leak_check_off = true;  // nobody can end a loop on its own thread
    static py::Interpreter python;
    static EventLoop loop(python);
    loop.post([] { std::exit(0); });
    const py::GilRelease released;
    pause();
  });
  CHECK(output == "");
}

TEST_CASE("loops and futures of a script's own that refuse to stop and to be cancelled do not hold up the end") {
  in_child([] {
    py::Interpreter python;
    add_service(python);
    python.exec(R"(
        import asyncio, logging
        logging.disable()
        asked = {'stop': 0, 'cancel': 0}
        def refuse(what):
            asked[what] += 1
            raise ValueError(what)
        class Stubborn(asyncio.Future):
            def set_result(self, value): raise ValueError
            def set_exception(self, error): raise ValueError
            def cancel(self, *_, **__): refuse('cancel')
        class Loop(asyncio.SelectorEventLoop):
            def create_future(self): return Stubborn(loop=self)
            def stop(self): refuse('stop')
        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self): return Loop()
        asyncio.set_event_loop_policy(Policy())
    )");
    py::Promise<int> promise;
    python.def("wait", [promise] { return promise; });
    std::vector<Future<void>> left;
    EventLoop loop(python);
    for (int i = 0; i < 3; ++i) left.push_back(loop.call<void>("service", "get", python["wait"]));
    left.push_back(loop.call<void>("service", "forever"));
    loop.call<int>("service", "double", 1).get();
    EXPECT(promise.set_value(1));
    loop.call<int>("service", "double", 1).get();
    EXPECT(python["asked"]["cancel"].as<int>() == 1);  // and not again and again
    EXPECT(python.stop(50ms));
    for (Future<void>& each : left) EXPECT_THROWN(CancelledError, each.get());
    end_without_leak_check();  // the Promise keeps the Future that it could not set
  });
}

TEST_CASE("a coroutine that is refused in the child of a fork(), or in a running loop, is closed") {
  CHECK(in_child([] {
          py::Interpreter python;
          add_service(python);
          auto loop = std::make_unique<EventLoop>(python);
          loop->call<int>("service", "double", 1).get();
          const auto refused = [&] {
            const py::Object coroutine = python.call("service", "double", 1);
            EXPECT_THROWN(StateError, loop->submit(coroutine));
            EXPECT(coroutine.attr("cr_frame").is_none());
            EXPECT_THROWN(StateError, loop->call("service", "double", 1));
          };
          const int child = fork();
          if (child == 0) {
            int code = 1;
            try {
              refused();
              python.run_string("import gc; gc.collect()");
              code = 0;
            } catch (const std::exception& error) {
              std::printf("%s\n", error.what());
            }
            std::_Exit(code);
          }
          int status = 0;
          waitpid(child, &status, 0);
          EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
          EXPECT(loop->call<int>("service", "double", 1).get() == 2);
          python.exec("async def inside(): return run()\ncoroutine = __import__('service').double(1)");
          python.def("run", [&] { return python.run_until_complete<int>(python["coroutine"]); });
          EXPECT_THROWN(py::RuntimeError, python.run_until_complete(python["inside"]()));
          EXPECT(python.eval<bool>("coroutine.cr_frame is None"));
        }) == "");
}
