// tests/catch.hpp: Catch2 3 where the machine has it, else Catch2 2, under the names that both share.
// SPDX-License-Identifier: MIT
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
namespace Catch {
namespace Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Matchers
}  // namespace Catch
using Catch::Detail::Approx;
#endif

// Catch2 3.3 reports a skipped test as such; before that it passes.
#ifndef SKIP
#define SKIP(...)                        \
  do {                                   \
    SUCCEED("skipped: " << __VA_ARGS__); \
    return;                              \
  } while (false)
#endif

using Catch::Matchers::ContainsSubstring;

/// What an expression throws, to look at it with REQUIREs.
template <class E, class F>
E thrown(F&& call) {
  try {
    call();
  } catch (const E& error) {
    return error;
  }
  FAIL("nothing was thrown, or something else");
  throw 0;
}
