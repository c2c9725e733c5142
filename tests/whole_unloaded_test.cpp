// tests/whole_unloaded_test.cpp: plug-ins that the program closes while Python still knows what came from them.
// SPDX-License-Identifier: MIT
#include <latepy/run/event_loop.hpp>

#include "in_child.hpp"

#ifndef _WIN32

#include <dlfcn.h>

#include <thread>

TEST_CASE("a library that has to do with Python stays when it is closed") {
  in_child([] {
    py::Interpreter python;
    void* const library = dlopen(LATEPY_TEST_BINARIES "/unloaded_module.so", RTLD_NOW | RTLD_LOCAL);
    EXPECT(library != nullptr);
    const auto plug_in = reinterpret_cast<void (*)()>(dlsym(library, "plug_in"));
    plug_in();
    std::atomic<bool> known{false}, closed{false};
    std::thread other([&] {  // one that the plug-in's code knows when it ends
      plug_in();
      known = true;
      while (!closed) std::this_thread::yield();
    });
    {
      const py::GilRelease others;
      while (!known) std::this_thread::yield();
    }
    dlclose(library);
    closed = true;
    other.join();
    python.exec(
        "from plugged import *\nassert twice(21) == 42 and thrice(14) == 42 and Plugged().number == 7\np = Plugged()");
  });
}

TEST_CASE("a library waits for a Future of the program, on whichever thread is the first that it counts") {
  in_child([] {
    py::Interpreter python;
    python.exec(R"(
        import asyncio, threading
        begun = threading.Event()
        async def get():
            begun.set()
            await asyncio.sleep(0.05)
            return 3
    )");
    void* const library = dlopen(LATEPY_TEST_BINARIES "/unloaded_module.so", RTLD_NOW | RTLD_LOCAL);
    EXPECT(library != nullptr);
    py::EventLoop loop(python);
    py::Future<int> future = loop.call<int>("__main__", "get");
    python.exec("begun.wait()");
    EXPECT(reinterpret_cast<int (*)(void*)>(dlsym(library, "wait_for"))(&future) == 3);
  });
}

TEST_CASE("a library that never had to do with Python can be unloaded") {
  in_child([] {
    void* const library = dlopen(LATEPY_TEST_BINARIES "/unloaded_module.so", RTLD_NOW | RTLD_LOCAL);
    EXPECT(library != nullptr);
    dlclose(library);
    EXPECT(!dlopen(LATEPY_TEST_BINARIES "/unloaded_module.so", RTLD_NOW | RTLD_NOLOAD));
    py::Interpreter python;
    EXPECT(python.eval<int>("1 + 1") == 2);
  });
}

#endif
