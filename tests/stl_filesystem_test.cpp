// Tests of latepy/stl/filesystem.hpp: paths as pathlib.Path.
// SPDX-License-Identifier: MIT
#include <latepy/stl/filesystem.hpp>
#include <latepy/stl/vector.hpp>

#include "conversions.hpp"

namespace {

namespace fs = std::filesystem;

std::string refusal(const char* code) { return ::refusal<fs::path>(code); }

}  // namespace

TEST_CASE("a path is a pathlib.Path") {
  python();
  const py::Object path = py::to_py(fs::path("folder") / fs::u8path("é.txt"));
  CHECK(py::isinstance(path, python().get("pathlib.Path")));
  CHECK(path.attr("name").as<std::string>() == "é.txt");
  CHECK(path.as<fs::path>() == fs::path("folder") / fs::u8path("é.txt"));
  CHECK(py::str(py::to_py(fs::path())) == ".");  // as pathlib has it
}

TEST_CASE("a path comes from str, bytes and os.PathLike") {
  python().exec(
      "import pathlib\nclass Like:\n  def __init__(self, p): self.p = p\n  def __fspath__(self): return self.p");
  const fs::path wanted = fs::u8path("a/é");
  for (const char* code :
       {"'a/é'", "'a/é'.encode()", "pathlib.PurePosixPath('a/é')", "Like('a/é')", "Like('a/é'.encode())"}) {
    INFO(code);
    CHECK(eval(code).as<fs::path>() == wanted);
    CHECK(eval(code).try_as<fs::path>() == wanted);
  }
  CHECK(eval("''").as<fs::path>().empty());
  CHECK(eval("['a', b'b']").as<std::vector<fs::path>>() == std::vector<fs::path>{"a", "b"});
}

TEST_CASE("what is no path is refused") {
  python().exec(
      "class Fails:\n  def __fspath__(self): raise OSError('gone')\nclass Odd:\n  def __fspath__(self): return 3");
  CHECK(refusal("3") == "cannot convert 'int' 3 to std::filesystem::path: it is neither str, bytes nor os.PathLike");
  CHECK_THAT(refusal("bytearray(b'x')"), ContainsSubstring("it is neither str, bytes nor os.PathLike"));
  CHECK_THAT(refusal("Odd()"), ContainsSubstring("it is neither str, bytes nor os.PathLike"));
  CHECK(refusal("'a\\0b'") == "cannot convert 'str' \"a\\x00b\" to std::filesystem::path: it holds a NUL");
  CHECK_THAT(refusal("b'a\\0b'"), ContainsSubstring("it holds a NUL"));
  CHECK_THROWS_AS(eval("Fails()").as<fs::path>(), py::OSError);
  CHECK_FALSE(eval("Fails()").is<fs::path>());
  python().exec("class Property:\n  @property\n  def __fspath__(self): raise OSError('gone')");
  CHECK_THROWS_AS(eval("Property()").as<fs::path>(), py::OSError);
  CHECK_FALSE(eval("Property()").is<fs::path>());
  python().exec("class AnyName:\n  def __getattr__(self, name): raise KeyError(name)");
  CHECK_THAT(refusal("AnyName()"), ContainsSubstring("it is neither str, bytes nor os.PathLike"));
  CHECK_FALSE(py::detail::api().Err_Occurred());
}

TEST_CASE("the overload for a path is nearer to an os.PathLike than one for any object, and a str is text first") {
  python().exec("import pathlib");
  python().def("kind", py::overload([](py::Object) { return "object"; }, [](fs::path) { return "path"; }));
  CHECK(py::str(eval("kind(pathlib.Path('a')) + ' ' + kind('a')")) == "path object");
  python().def("text", py::overload([](fs::path) { return "path"; }, [](std::string) { return "text"; }));
  CHECK(py::str(eval("text(pathlib.Path('a')) + ' ' + text('a')")) == "path text");
}

#if !LATEPY_WINDOWS
TEST_CASE("names that are no UTF-8 make the round trip") {
  python();
  const fs::path odd("a\xff\xfe/b\x80");
  const py::Object path = py::to_py(odd);
  CHECK(py::repr(path.attr("name")) == "'b\\udc80'");
  CHECK(path.as<fs::path>() == odd);
  CHECK(eval("b'a\\xff'").as<fs::path>() == fs::path("a\xff"));
  CHECK_THAT(refusal("'\\ud800'"), ContainsSubstring("it cannot be encoded for the file system"));
}
#endif

TEST_CASE("thousands of conversions leak nothing") {
  python().exec("import pathlib");
  const py::Object paths = eval("[pathlib.Path('a/b'), 'c', b'd']"), bad = eval("[3]");
  CHECK_STEADY(py::to_py(paths.as<std::vector<fs::path>>()));
  CHECK_STEADY(bad.is<std::vector<fs::path>>());
  CHECK_STEADY(thrown<py::ConversionError>([&] { bad.as<std::vector<fs::path>>(); }));
}
