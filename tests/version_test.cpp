// Tests of latepy/version.hpp: the version of the library.
// SPDX-License-Identifier: MIT
#include <latepy/version.hpp>

#include "catch.hpp"

TEST_CASE("the library says its version to the preprocessor") {
  static_assert(LATEPY_VERSION_MAJOR * 10000 + LATEPY_VERSION_MINOR * 100 + LATEPY_VERSION_PATCH > 0);
  SUCCEED();
}
