// A program with an interactive console: completion, history, several lines. Ctrl-C ends the line, not the program.
// run: console
#include <latepy/latepy.hpp>
#include <latepy/stl/vector.hpp>

#include <cstdio>

namespace py = latepy;
using namespace py::literals;

/// What the console is for: the user drives it.
struct Robot {
  std::vector<double> way;
  void go(double distance) { way.push_back(distance); }
};

// Completion by the names of __main__; without readline, as on Windows, the terminal edits the line.
constexpr const char* use_readline = R"(
    try:
        import atexit, os, readline, rlcompleter
    except ImportError:
        pass
    else:
        is_libedit = 'libedit' in (readline.__doc__ or '')
        readline.parse_and_bind('bind ^I rl_complete' if is_libedit else 'tab: complete')
        if history:
            if os.path.exists(history):
                readline.read_history_file(history)
            readline.set_history_length(1000)
            atexit.register(readline.write_history_file, history)
)";

int main(int argc, char** argv) try {
  const char* const history = argc > 1 ? argv[1] : "";  // console ~/.console_history
  py::Config config;
  config.signal_handlers = true;  // Ctrl-C is a KeyboardInterrupt
  py::Interpreter python(config);

  Robot robot;
  python.add_class<Robot>("Robot").def("go", &Robot::go, "distance"_a, "Goes straight on.").def("way", &Robot::way);
  const py::Borrowed lent(robot);
  python["robot"] = lent;

  python.exec(use_readline, py::dict("history"_a = history));
  try {
    python.call("code", "interact", "The robot waits. Ctrl-D ends.", "local"_a = python.globals(), "exitmsg"_a = "");
  } catch (const py::SystemExit& exit) {
    std::printf("exit status %d\n", exit.exit_code());
  }
  std::printf("the robot went %zu times\n", robot.way.size());
} catch (const py::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
