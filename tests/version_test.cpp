// version.hpp, and the Version of find/discovery.hpp
#include <latepy/find/discovery.hpp>
#include <latepy/version.hpp>

#include "catch.hpp"

using latepy::Version;

TEST_CASE("the library says its version to the preprocessor") {
  static_assert(LATEPY_VERSION_MAJOR * 10000 + LATEPY_VERSION_MINOR * 100 + LATEPY_VERSION_PATCH > 0);
  SUCCEED();
}

TEST_CASE("a version is read from what files and Py_GetVersion() say") {
  CHECK(Version::parse("3.12") == Version{3, 12, -1});
  CHECK(Version::parse("3.12.3") == Version{3, 12, 3});
  CHECK(Version::parse("3.12.3.final.0") == Version{3, 12, 3});
  CHECK(Version::parse("3.13.0rc1+ (heads/main)") == Version{3, 13, 0});
  CHECK(Version::parse("3.14.0a7 free-threading build") == Version{3, 14, 0});
  CHECK_FALSE(Version::parse("").known());
  CHECK_FALSE(Version::parse("three").known());
  CHECK(Version::parse("3.99999999999999999999").minor < 1000000);
  CHECK(Version{3, 9, -1}.to_string() == "3.9");
  CHECK(Version{3, 9, 18}.to_string() == "3.9.18");
  CHECK(Version{}.to_string() == "?");
}
