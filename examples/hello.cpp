// The smallest host: Python is found, loaded, started and used.
// run: hello
#include <latepy/latepy.hpp>

#include <iostream>

namespace py = latepy;

int main() {
  py::Interpreter python;
  python.exec("def greet(name, mark='!'): return f'Hello, {name}{mark}'");
  std::cout << python["greet"]("C++").as<std::string>() << "\n";
  std::cout << "6 * 7 = " << python.eval<int>("6 * 7") << ", hypot(3, 4) = " << python.call<double>("math", "hypot", 3, 4) << "\n";
  try {
    python.exec("1 / 0");
  } catch (const py::ZeroDivisionError& error) {
    std::cout << "Python says: " << error.message() << "\n";
  }
}
