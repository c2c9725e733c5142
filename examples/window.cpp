// A program that shows a window of Tk beside its own loop. The buttons call C++.
// needs: tkinter display
// run: window --demo
#include <latepy/latepy.hpp>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace py = latepy;
using namespace py::literals;

int main(int argc, char** argv) try {
  const bool is_demo = argc > 1 && !std::strcmp(argv[1], "--demo");  // presses the buttons itself
  double wanted = 20, room = 18;
  bool is_open = true;

  py::Interpreter python;
  const py::Object tk = python.import_module("tkinter");
  const py::Object window = tk.attr("Tk")();
  window.attr("title")("Thermostat");
  const py::Object label = tk.attr("Label")(window, "width"_a = 30);
  const py::Object warmer = tk.attr("Button")(
      window, "text"_a = "Warmer", "command"_a = [&] { wanted += 1; });
  const py::Object quit = tk.attr("Button")(
      window, "text"_a = "Quit", "command"_a = [&] { is_open = false; });
  for (const py::Object& each : {label, warmer, quit}) each.attr("pack")("padx"_a = 20, "pady"_a = 5);
  window.attr("protocol")("WM_DELETE_WINDOW", [&] { is_open = false; });

  int round = 0;
  while (is_open) {
    room += (wanted - room) / 10;  // what the program does
    char text[40];
    std::snprintf(text, sizeof text, "%.1f °C, wanted %.0f °C", room, wanted);
    label.attr("configure")("text"_a = text);
    window.attr("update")();  // Tk draws, and calls the buttons' functions
    ++round;
    if (is_demo && round == 20) warmer.attr("invoke")();
    if (is_demo && round == 60) std::printf("%s, \"%s\"\n", window.attr("winfo_viewable")() ? "shown" : "hidden", text);
    if (is_demo && round == 60) quit.attr("invoke")();
    const py::GilRelease others_run;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  window.attr("destroy")();
  std::printf("closed\n");
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
