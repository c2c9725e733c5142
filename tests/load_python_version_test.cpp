// Tests of latepy/load/python_version.hpp: Version, the version of a CPython. No Python takes part.
// SPDX-License-Identifier: MIT
#include <latepy/load/python_version.hpp>

#include "catch.hpp"

using latepy::Version;

TEST_CASE("a version is read from what files and Py_GetVersion() say") {
  CHECK(Version::parse("3.12") == Version{3, 12, -1});
  CHECK(Version::parse("3.12.3") == Version{3, 12, 3});
  CHECK(Version::parse("3.12.3.final.0") == Version{3, 12, 3});
  CHECK(Version::parse("3.13.0rc1+ (heads/main)") == Version{3, 13, 0});
  CHECK(Version::parse("3.14.0a7 free-threading build") == Version{3, 14, 0});
  CHECK_FALSE(Version::parse("").known());
  CHECK_FALSE(Version::parse("three").known());
  CHECK(Version::parse("3.99999999999999999999").minor < 1000000);
  CHECK(Version::parse("3.99999999999999999999").micro == -1);
  CHECK(Version{3, 9, -1}.to_string() == "3.9");
  CHECK(Version{3, 9, 18}.to_string() == "3.9.18");
  CHECK(Version{}.to_string() == "?");
}

TEST_CASE("a version is read from the front, as far as there are numbers and dots") {
  CHECK(Version::parse("3") == Version{3, 0, -1});
  CHECK(Version::parse("3.") == Version{3, 0, -1});
  CHECK(Version::parse("3.12.") == Version{3, 12, -1});
  CHECK(Version::parse("3.12rc1") == Version{3, 12, -1});
  CHECK(Version::parse("3.12.3.4") == Version{3, 12, 3});
  CHECK(Version::parse("3.12 3") == Version{3, 12, -1});
  CHECK(Version::parse("3..12") == Version{3, 0, -1});
  CHECK(Version::parse("03.09.01") == Version{3, 9, 1});
  CHECK(Version::parse(std::string_view("3.12.3").substr(0, 4)) == Version{3, 12, -1});  // reads no further
  for (const char* none : {"v3.12", " 3.12", ".3", "-3.12", "+3"}) {
    INFO(none);
    CHECK_FALSE(Version::parse(none).known());
  }
}

TEST_CASE("nothing is known of a new Version, and versions are equal in all three numbers") {
  const Version none;
  CHECK_FALSE(none.known());
  CHECK(none == Version{0, 0, -1});
  CHECK(Version{3, 12, 3} == Version{3, 12, 3});
  CHECK(Version{3, 12, 3} != Version{3, 12, 4});
  CHECK(Version{3, 12, 3} != Version{3, 11, 3});
  CHECK(Version{3, 12, 3} != Version{4, 12, 3});
  CHECK(Version{3, 12, -1} != Version{3, 12, 0});
  CHECK_FALSE(Version{3, 12, 3} != Version{3, 12, 3});
}

TEST_CASE("what a Version shows is read as the same") {
  for (const char* text : {"3.9", "3.9.18", "3.13.0", "4.0.0"}) CHECK(Version::parse(text).to_string() == text);
}
