// tests/service.hpp: coroutines that tests of event loops await.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/event_loop.hpp>

#include <future>

#include "python.hpp"

/// A module with what the tests await.
inline void add_service(py::Scope& interpreter) {
  interpreter.module_from_string("service", R"(
      import asyncio
      waits = set()
      async def double(x): return 2 * x
      async def nap(x):
          await asyncio.sleep(0)
          return x
      async def fail(): raise LookupError('no such row')
      async def forever(note=None):
          event = asyncio.Event()
          waits.add(event)
          if note: note()
          await event.wait()
          return 'set'
      async def stubborn(begun):
          event = asyncio.Event()
          begun()
          while True:
              try: await event.wait()
              except asyncio.CancelledError: pass
      async def forgiving(begun):
          try:
              begun()
              await asyncio.Event().wait()
          except asyncio.CancelledError: return 'forgiven'
      async def forgiving_once(begun):
          for once in range(2):
              try:
                  begun()
                  await asyncio.Event().wait()
              except asyncio.CancelledError:
                  if once == 1: raise
      def set_all():
          for event in waits: event.set()
      def plain(a, *, b=1): return a - b
      def futures(): return [asyncio.get_running_loop().create_future()]
      async def get(function): return await function()
      async def handler():
          reports = []
          asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
          return reports
  )");
}

/// The interpreter of python(), with that module.
inline py::Interpreter& service() {
  static const bool is_added = (add_service(python()), true);
  static_cast<void>(is_added);
  return python();
}

/// An event between threads.
class Signal {
 public:
  void set() { promise_.set_value(); }
  void wait() {
    const py::GilRelease released;
    promise_.get_future().wait();
  }

 private:
  std::promise<void> promise_{};
};
