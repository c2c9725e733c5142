// tests/libraries/library.cpp: a library, or a part of a program, that includes latepy; see library.hpp.
// SPDX-License-Identifier: MIT
#include "library.hpp"

#include <latepy/latepy.hpp>

#include <thread>

namespace py = latepy;

namespace {

std::unique_ptr<py::Interpreter> interpreter;
py::Object in_static;
thread_local py::Object in_thread;
std::optional<py::PythonError> kept;

/// What this library makes of an exception that it catches, from whatever library.
std::string what_is_caught() {
  const auto describe = [](const char* name, const py::PythonError& error) {
    const py::GilGuard gil;
    return std::string(name) + " " + error.type_name() + ": " + error.message() +
           (error.is("Exception") ? " is" : "") + (error.value().is_alive() ? " alive" : "") +
           (error.traceback().find(error.message()) != std::string::npos ? " traced" : "");
  };
  try {
    throw;
  } catch (const py::ZeroDivisionError& error) {
    return describe("py::ZeroDivisionError", error);
  } catch (const py::KeyError& error) {
    return describe("py::KeyError", error);
  } catch (const py::ValueError& error) {
    return describe("py::ValueError", error);
  } catch (const py::PythonError& error) {
    return describe("py::PythonError", error);
  } catch (const py::ConversionError& error) {
    return std::string("py::ConversionError ") + error.what();
  } catch (const py::StateError& error) {
    return std::string("py::StateError ") + error.what();
  } catch (const py::Error& error) {
    return std::string("py::Error ") + error.what();
  } catch (const std::out_of_range& error) {
    return std::string("std::out_of_range ") + error.what();
  }
}

}  // namespace

extern "C" LATEPY_VISIBLE const Library* latepy_test_library() {
  static const Library library = {
      [] {
        interpreter = std::make_unique<py::Interpreter>();
        return interpreter->is_attached();
      },
      [] { interpreter.reset(); },
      []() -> const void* { return interpreter.get(); },
      []() -> const void* {
        try {
          return &py::Interpreter::current();
        } catch (const py::StateError&) {
          return nullptr;
        }
      },
      []() -> const void* { return &latepy::detail::process_state(); },
      []() -> const void* { return &latepy::detail::library_state; },
      [] { return latepy::detail::library_state.libraries.load() == 1; },
      [] { return py::Interpreter::is_running(); },
      [] { return !latepy::detail::process_state().restart_refusal.load(); },

      [](const char* code) { interpreter->exec(code); },
      [](const char* expression) { return interpreter->eval<long>(expression); },

      [](const char* expression) -> void* { return new py::Object(interpreter->eval(expression)); },
      [](void* object) { return static_cast<py::Object*>(object)->as<long>(); },
      [](void* object) { delete static_cast<py::Object*>(object); },

      [](void (*function)(const char*), const char* argument) {
        try {
          function(argument);
        } catch (...) {
          return what_is_caught();
        }
        return std::string("nothing");
      },
      [](const char* message) { throw py::ValueError(message); },
      [](const char* expression) { interpreter->eval<int>(expression); },
      [](const char*) { (void)py::len(py::Object()); },
      [](void (*function)(const char*), const char* argument) {
        try {
          function(argument);
        } catch (const py::PythonError& error) {
          kept = error;
        }
      },
      [] { return kept->traceback(); },

      [](const char* name, long plus) {
        const py::GilGuard gil;
        (*interpreter)[name] = latepy::detail::make_callable(name, [plus](long x) {
          if (x == -1) throw std::out_of_range("minus one");
          if (x == -2) throw py::KeyError("minus two");
          return x + plus;
        });
      },
      [](const char* name, long argument) {
        const py::GilGuard gil;
        const py::Object function = (*interpreter)[name];
        try {
          return std::to_string(function.call<long>(argument));
        } catch (...) {
          return what_is_caught();
        }
      },

      [] {
        const py::GilGuard gil;
        py::module("parts").add_class<Part>("Part").init<long>().def("number", &Part::number).def("plus", &Part::plus);
      },
      [](const char* name, long number) {
        const py::GilGuard gil;
        (*interpreter)[name] = Part{number};
      },
      [](const char* expression) {
        const py::GilGuard gil;
        const py::Object object = interpreter->eval(expression);
        return object.as<Part&>().number++;
      },

      [](void (*function)(void*), void* argument) {
        const py::GilGuard gil;
        function(argument);
      },
      [](void (*function)(void*), void* argument) {
        const py::GilRelease released;
        function(argument);
      },
      [](void (*function)(void*), void* argument) {
        const py::GilRelease released;
        std::thread([=] {
          const py::GilGuard gil;
          function(argument);
        }).join();
      },

      [] {
        const py::GilGuard gil;
        in_static = latepy::to_py(1.5);
        in_thread = py::list(1, 2);
      },
  };
  return &library;
}
