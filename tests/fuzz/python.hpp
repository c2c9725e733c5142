// tests/fuzz/python.hpp: the Interpreter of a fuzzer, on the CPython that LATEPY_LIBRARY or LATEPY_PYTHON names.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/latepy.hpp>

#include "fuzz.hpp"

namespace fuzz {

/// Started at the first call. A test without a Python is skipped.
inline latepy::Interpreter& python() {
  static const auto interpreter = [] {
    try {
      return std::make_unique<latepy::Interpreter>();
    } catch (const latepy::Error& error) {
      std::fprintf(stderr, "the fuzzer needs a Python, and it did not start: %s\n", error.what());
      std::_Exit(4);
    }
  }();
  return *interpreter;
}

/// A Python expression, evaluated once.
inline latepy::Object value_of(const char* expression) { return python().eval(expression); }

inline latepy::Bytes bytes_of(std::string_view text) { return {text.data(), text.size()}; }

/// Whether Python has an error set, which nothing may leave behind.
inline bool has_error() { return latepy::detail::api().Err_Occurred() != nullptr; }

}  // namespace fuzz
