// Tests of latepy/load/path.hpp: Path, the name of a file in UTF-8. No Python takes part.
// SPDX-License-Identifier: MIT
#include <latepy/load/path.hpp>

#include "catch.hpp"

#include <filesystem>
#include <type_traits>

using latepy::Path;

namespace {

/// As std::filesystem::path until C++17, and other path classes, have it.
struct OtherPath {
  std::string u8string() const { return "other/\xc3\xbc"; }
};

std::string taken(const Path& path) { return path.string(); }

}  // namespace

static_assert(std::is_convertible_v<const char*, Path> && std::is_convertible_v<std::string, Path>);
static_assert(std::is_convertible_v<std::string_view, Path> && std::is_convertible_v<std::filesystem::path, Path>);
static_assert(!std::is_constructible_v<Path, int> && !std::is_constructible_v<Path, const wchar_t*>);

TEST_CASE("a function that takes a Path takes strings of any type and std::filesystem::path") {
  const std::string name = "folder/\xc3\xbc \xe2\x82\xac.so";
  CHECK(taken("folder/file") == "folder/file");
  CHECK(taken(name) == name);
  CHECK(taken(name.c_str()) == name);
  CHECK(taken(std::string_view(name).substr(0, 6)) == "folder");
  CHECK(taken(std::filesystem::u8path(name)) == name);
  CHECK(taken(OtherPath()) == "other/\xc3\xbc");
  CHECK(std::string(Path(name).c_str()) == name);
}

TEST_CASE("the text of a temporary Path can be kept") {
  std::string text;
  for (const char c : Path("/a/path/that/is/long/enough/for/the/heap").string()) text += c;
  CHECK(text == "/a/path/that/is/long/enough/for/the/heap");
}

TEST_CASE("no path is an empty one") {
  CHECK(Path().empty());
  CHECK(Path("").empty());
  CHECK(Path(static_cast<const char*>(nullptr)).empty());
  CHECK(Path(std::filesystem::path()).empty());
  CHECK_FALSE(Path(".").empty());
  CHECK(std::string(Path().c_str()).empty());
}

TEST_CASE("Paths are equal where their texts are") {
  const std::string file =
      "m\xc3\xb6"
      "dule";
  CHECK(Path(std::filesystem::u8path(file)) == Path(file));
  CHECK(Path("a") != Path("b"));
  CHECK(Path("a") == "a");
  CHECK_FALSE(Path("a") != std::string("a"));
  CHECK(Path("a/b") != Path("a//b"));  // nothing is looked up
}

TEST_CASE("a NUL in a path is kept, so that who opens it can refuse it") {
  const std::string text("a\0b", 3);
  CHECK(Path(text).string() == text);
  CHECK(Path(text) != Path("a"));
}
