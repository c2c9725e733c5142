// tests/unloaded_module.cpp: a plug-in that gives scripts what they keep after it was closed; see
// whole_unloaded_test.cpp. SPDX-License-Identifier: MIT
#include <latepy/latepy.hpp>
#include <latepy/run/event_loop.hpp>

namespace py = latepy;

namespace {

struct Plugged {
  int number = 7;
};
int twice(int x) { return 2 * x; }

}  // namespace

extern "C" LATEPY_VISIBLE void plug_in() {
  py::Interpreter interpreter;
  const py::GilGuard gil;
  py::Module m = py::module("plugged");
  if (m.has_attr("twice")) return;
  m.def("twice", &twice).def("thrice", [](int x) { return 3 * x; });
  m.add_class<Plugged>("Plugged").init<>().def("number", &Plugged::number);
}

/// Waits for a Future<int> of the program's. \returns what it gives, or -1.
extern "C" LATEPY_VISIBLE int wait_for(void* future) {
  py::Interpreter interpreter;
  try {
    return static_cast<py::Future<int>*>(future)->get();
  } catch (const std::exception&) {
    return -1;
  }
}
