// tests/refusals.hpp: the texts of what latepy refuses.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/view.hpp>

#include <string>

#include "python.hpp"

/// The text of the E that a function throws.
template <class E, class F>
std::string said(F&& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}
/// The reason in the text of the ConversionError that a function throws.
template <class F>
std::string refused(F&& body) {
  const std::string text = said<latepy::ConversionError>(body);
  const std::size_t begin = text.find(">: ");
  return begin == text.npos ? text : text.substr(begin + 3);
}
/// The text of the exception of Python code that uses `view`, without the place.
inline std::string raised(const latepy::View& view, const std::string& expression) {
  python()["view"] = view;
  const std::string text = said<latepy::PythonError>([&] { python().eval(expression); });
  python().exec("view = None");
  return text.substr(0, text.rfind(" ("));
}
