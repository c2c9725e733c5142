// Tests of latepy/core/exceptions.hpp: each class is caught as itself and as its bases, in Python's hierarchy.
// SPDX-License-Identifier: MIT
#include "python.hpp"

using py::Object;

namespace {

/// Runs `raise name(…)`: C++ must catch E, and catch it as each base that E has.
template <class E>
void raises(const char* name, const char* arguments = "('text')") {
  INFO(name);
  const std::string code = "raise " + std::string(name) + arguments;
  const auto run = [&] { python().exec(code); };
  CHECK_THROWS_AS(run(), E);
  CHECK_THROWS_AS(run(), py::BaseException);
  CHECK_THROWS_AS(run(), py::PythonError);
  CHECK(thrown<py::PythonError>(run).type_name() == name);
  // and the C++ hierarchy is Python's
  const Object type = python().eval(name);
  CHECK(std::is_base_of_v<py::Exception, E> == py::issubclass(type, python().eval("Exception")));
  CHECK(std::is_base_of_v<py::LookupError, E> == py::issubclass(type, python().eval("LookupError")));
  CHECK(std::is_base_of_v<py::ArithmeticError, E> == py::issubclass(type, python().eval("ArithmeticError")));
  CHECK(std::is_base_of_v<py::OSError, E> == py::issubclass(type, python().eval("OSError")));
  CHECK(std::is_base_of_v<py::ValueError, E> == py::issubclass(type, python().eval("ValueError")));
  CHECK(std::is_base_of_v<py::RuntimeError, E> == py::issubclass(type, python().eval("RuntimeError")));
  CHECK(std::is_base_of_v<py::ImportError, E> == py::issubclass(type, python().eval("ImportError")));
  // thrown by C++ it is the same class, with the same name
  const E made("from C++");
  CHECK(made.type_name() == name);
  CHECK(std::string(made.what()) == std::string(name) + ": from C++");
  CHECK(py::type(made.value()).same(type));
  CHECK_THROWS_AS(made.rethrow(), E);
}

/// Which C++ class an exception comes as.
template <class E>
bool comes_as(const char* code) {
  try {
    python().exec(code);
  } catch (const E&) {
    return true;
  } catch (const py::PythonError&) {
  }
  return false;
}

}  // namespace

TEST_CASE("every exception of the list is caught as its own class") {
  python();
  raises<py::BaseException>("BaseException");
  raises<py::Exception>("Exception");
  raises<py::SystemExit>("SystemExit");
  raises<py::KeyboardInterrupt>("KeyboardInterrupt");
  raises<py::ArithmeticError>("ArithmeticError");
  raises<py::ZeroDivisionError>("ZeroDivisionError");
  raises<py::OverflowError>("OverflowError");
  raises<py::AssertionError>("AssertionError");
  raises<py::AttributeError>("AttributeError");
  raises<py::ImportError>("ImportError");
  raises<py::ModuleNotFoundError>("ModuleNotFoundError");
  raises<py::LookupError>("LookupError");
  raises<py::IndexError>("IndexError");
  raises<py::KeyError>("KeyError");
  raises<py::MemoryError>("MemoryError");
  raises<py::NameError>("NameError");
  raises<py::OSError>("OSError");
  raises<py::FileNotFoundError>("FileNotFoundError");
  raises<py::PermissionError>("PermissionError");
  raises<py::TimeoutError>("TimeoutError");
  raises<py::RuntimeError>("RuntimeError");
  raises<py::NotImplementedError>("NotImplementedError");
  raises<py::RecursionError>("RecursionError");
  raises<py::StopIteration>("StopIteration");
  raises<py::SyntaxError>("SyntaxError");
  raises<py::TypeError>("TypeError");
  raises<py::ValueError>("ValueError");
  raises<py::UnicodeError>("UnicodeError");
}

TEST_CASE("what asyncio and concurrent.futures raise has a class too") {
  CHECK(comes_as<py::CancelledError>("import asyncio\nraise asyncio.CancelledError('why')"));
  CHECK(comes_as<py::CancelledError>("raise type('Mine', (asyncio.CancelledError,), {})"));
  CHECK_FALSE(comes_as<py::CancelledError>("raise BaseException"));
  CHECK_FALSE(comes_as<py::Exception>("raise asyncio.CancelledError"));
  CHECK(comes_as<py::TimeoutError>("raise asyncio.TimeoutError"));
  CHECK(comes_as<py::TimeoutError>("import concurrent.futures\nraise concurrent.futures.TimeoutError"));
  CHECK(
      comes_as<py::TimeoutError>("async def late(): await asyncio.wait_for(asyncio.Event().wait(), 0)\n"
                                 "asyncio.run(late())"));
  CHECK(thrown<py::CancelledError>([] { python().exec("raise asyncio.CancelledError('why')"); }).type_name() ==
        "asyncio.exceptions.CancelledError");
  // Thrown by C++ it is asyncio's.
  python().def("cancels", [] { throw py::CancelledError("by C++"); });
  python().exec("try: cancels()\nexcept asyncio.CancelledError as e: seen = str(e)");
  CHECK(python()["seen"].as<std::string>() == "by C++");
  CHECK_THROWS_AS(py::CancelledError("x").rethrow(), py::CancelledError);
  const auto of_another_library = latepy::detail::exception_class(latepy::detail::ExceptionId::CancelledError);
  CHECK(py::str(latepy::detail::class_in_python(of_another_library).attr("__name__")) == "CancelledError");
}

TEST_CASE("an exception is not caught as what it is not") {
  CHECK_FALSE(comes_as<py::ValueError>("1 // 0"));
  CHECK_FALSE(comes_as<py::OverflowError>("1 // 0"));
  CHECK_FALSE(comes_as<py::KeyError>("[][0]"));
  CHECK_FALSE(comes_as<py::Exception>("raise SystemExit"));
  CHECK_FALSE(comes_as<py::Exception>("raise KeyboardInterrupt"));
  CHECK_FALSE(comes_as<py::FileNotFoundError>("raise PermissionError"));
}

TEST_CASE("what Python itself raises has these classes") {
  CHECK(comes_as<py::ZeroDivisionError>("1 // 0"));
  CHECK(comes_as<py::OverflowError>("2.0 ** 10000"));
  CHECK(comes_as<py::AssertionError>("assert False"));
  CHECK(comes_as<py::AttributeError>("None.gone"));
  CHECK(comes_as<py::ModuleNotFoundError>("import no_such_module_anywhere"));
  CHECK(comes_as<py::ImportError>("from math import no_such_name"));
  CHECK(comes_as<py::IndexError>("[][0]"));
  CHECK(comes_as<py::KeyError>("{}[0]"));
  CHECK(comes_as<py::NameError>("no_such_name"));
  CHECK(comes_as<py::FileNotFoundError>("open('/no/such/file')"));
  CHECK(comes_as<py::OSError>("open('/')"));
  CHECK(comes_as<py::StopIteration>("next(iter([]))"));
  CHECK(comes_as<py::SyntaxError>("if"));
  CHECK(comes_as<py::TypeError>("len(1)"));
  CHECK(comes_as<py::ValueError>("int('x')"));
  CHECK(comes_as<py::UnicodeError>("b'\\xff'.decode()"));
  CHECK(comes_as<py::RuntimeError>("def f(): return f()\nf()"));
}

TEST_CASE("one without a class of its own comes as its nearest base") {
  CHECK(comes_as<py::NameError>("def f():\n  print(x)\n  x = 1\nf()"));  // UnboundLocalError
  CHECK(comes_as<py::UnicodeError>("'\\xff'.encode('ascii')"));          // UnicodeEncodeError
  CHECK(comes_as<py::RuntimeError>("raise RecursionError"));
  CHECK(comes_as<py::OSError>("raise ConnectionResetError"));
  CHECK(comes_as<py::SyntaxError>("raise IndentationError('i')"));
  CHECK(comes_as<py::Exception>("raise EOFError"));
  CHECK(comes_as<py::Exception>("raise StopAsyncIteration"));
  CHECK(comes_as<py::BaseException>("raise GeneratorExit"));
  CHECK(comes_as<py::LookupError>("raise type('Mine', (LookupError,), {})"));
  CHECK(comes_as<py::FileNotFoundError>("raise type('Mine', (FileNotFoundError,), {})"));
}

TEST_CASE("each comes as its own class, whatever came before it") {
  for (int round = 0; round < 2; ++round) {
    CHECK(comes_as<py::ValueError>("raise ValueError"));
    CHECK(comes_as<py::ValueError>("raise ValueError"));
    CHECK(comes_as<py::UnicodeError>("raise UnicodeError"));
    CHECK(comes_as<py::ValueError>("raise type('Mine', (ValueError,), {})"));
    CHECK(comes_as<py::KeyError>("{}[1]"));
    CHECK(comes_as<py::LookupError>("raise LookupError"));
    CHECK(comes_as<py::Exception>("raise Exception"));
    CHECK(comes_as<py::Exception>("raise EOFError"));
    CHECK(comes_as<py::KeyError>("{}[1]"));
  }
}

TEST_CASE("catch clauses are tried from top to bottom, as in Python") {
  std::string caught;
  try {
    python().exec("{}['k']");
  } catch (const py::IndexError&) {
    caught = "IndexError";
  } catch (const py::LookupError& error) {
    caught = "LookupError " + error.type_name();
  } catch (const py::Exception&) {
    caught = "Exception";
  }
  CHECK(caught == "LookupError KeyError");
}

TEST_CASE("set_python_error gives Python the exception of C++, with what it had", "[exceptions]") {
  python();
  py::detail::set_python_error(py::KeyError("made in C++"));
  CHECK(py::detail::api().Err_Occurred());
  const py::PythonError taken = py::detail::take_python_error();
  CHECK(taken.type_name() == "KeyError");
  CHECK_FALSE(py::detail::api().Err_Occurred());

  const py::PythonError original =
      thrown<py::PythonError>([] { python().exec("def f():\n  1 // 0\nf()", {}, "back.py"); });
  py::detail::set_python_error(original);
  const py::PythonError again = py::detail::take_python_error();
  CHECK(again.value().same(original.value()));
  CHECK_THAT(again.traceback(), ContainsSubstring("File \"back.py\", line 2, in f"));
}
