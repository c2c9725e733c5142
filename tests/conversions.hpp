// tests/conversions.hpp: that as, try_as and is agree, for tests of converters.
// SPDX-License-Identifier: MIT
#pragma once

#include "python.hpp"

/// The text of the ConversionError that as<T>() throws. try_as, is and as must agree, and leave no error behind.
template <class T>
std::string refusal(const py::Object& object) {
  CHECK_FALSE(object.try_as<T>().has_value());
  CHECK_FALSE(object.is<T>());
  CHECK_FALSE(py::detail::api().Err_Occurred());
  const std::string text = thrown<py::ConversionError>([&] { static_cast<void>(object.as<T>()); }).what();
  CHECK_FALSE(py::detail::api().Err_Occurred());
  return text;
}
template <class T>
std::string refusal(std::string_view expression) {
  return refusal<T>(eval(expression));
}

/// To Python, as an lvalue and as an rvalue, where it is what the expression gives; and back.
template <class T>
void round_trip(const T& value, const std::string& expression) {
  INFO(expression);
  const py::Object expected = eval(expression);
  for (const py::Object& made : {py::to_py(value), py::to_py(T(value))}) {
    CHECK(made == expected);
    CHECK(py::type(made).same(py::type(expected)));
    CHECK(py::repr(made) == py::repr(expected));  // also the types of elements
    CHECK((made.as<T>() == value));
  }
  CHECK((expected.as<T>() == value));
  CHECK((expected.try_as<T>() == std::optional<T>(value)));
  CHECK(expected.is<T>());
}
