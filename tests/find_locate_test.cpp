// Tests of latepy/find/locate.hpp: which Pythons are found, in what order, and why the others are refused.
// SPDX-License-Identifier: MIT
#include <latepy/find/locate.hpp>

#include "tree.hpp"

#include <algorithm>
#include <cstring>

// The library fake_python_module stands in for a Python.

TEST_CASE("what the caller names is the only candidate", "[locate]") {
  Tree tree;
  tree.python(Tree::installed, "3.12");
  tree.python("one", "3.11");
  tree.venv("venv", "home = " + tree.at("one/bin") + "\n");
  SECTION("a library") { tree.search.library = tree.at("one/lib/libpython3.11.so.1.0"); }
  SECTION("an executable") { tree.search.python = tree.at("one/bin/python"); }
  SECTION("a folder") { tree.search.python = tree.at("one/"); }
  SECTION("a home") { tree.search.home = tree.at("one"); }
  SECTION("a library and a home") {
    tree.search.home = tree.at("one");
    tree.search.library = tree.at("one/lib/libpython3.11.so.1.0");
  }
  SECTION("an environment and a library") {
    tree.search.python = tree.at("venv");
    tree.search.library = tree.at("one/lib/libpython3.11.so.1.0");
  }
  const Discovery discovery = py::locate(tree.search);
  REQUIRE(discovery.candidates().size() == 1);
  REQUIRE(discovery.chosen() != nullptr);
  const Candidate& c = *discovery.chosen();
  CHECK(has(c.source, "Config::"));
  CHECK(c.library == tree.at("one/lib/libpython3.11.so.1.0"));
  CHECK(c.home == tree.at("one"));
  CHECK(c.base_executable == tree.at("one/bin/python3.11"));
}

TEST_CASE("a named Python that does not serve is not replaced by another", "[locate]") {
  Tree tree;
  tree.python(Tree::installed, "3.12");
  tree.search.python = tree.at("gone/bin/python");
  const Discovery discovery = py::locate(tree.search);
  CHECK(only_reason(discovery) == "not found");
  try {
    py::detail::choose(std::make_shared<const py::Discovery>(discovery), tree.search);
    FAIL("nothing was chosen");
  } catch (const py::LoadError& error) {
    const std::string text = error.what();
    CHECK(text.find("no usable CPython was found: Config::python asks for " + tree.at("gone/bin/python") + "\n") == 0);
    CHECK(has(text, discovery.remedy()));
    CHECK(error.discovery().candidates().size() == 1);
  }
}

TEST_CASE("a path with a NUL byte is refused, and not cut there", "[locate]") {
  Tree tree;
  tree.python("one", "3.11");
  const std::string rest("\0/other", 7);
  SECTION("a library") { tree.search.library = tree.at("one/lib/libpython3.11.so.1.0") + rest; }
  SECTION("an executable") { tree.search.python = tree.at("one/bin/python") + rest; }
  SECTION("a home") { tree.search.home = tree.at("one") + rest; }
  CHECK(only_reason(py::locate(tree.search)) == "its path holds a NUL byte");
}

TEST_CASE("what a LATEPY_ variable names is taken, or nothing is", "[locate][environment]") {
  Tree tree;
  tree.python(Tree::installed, "3.12");
  tree.python("one", "3.11");
  tree.python("old", "3.8");
  tree.executable("static", "3.12");
  tree.venv("venv", "home = " + tree.at("one/bin"));
  tree.venv("venv_broken", "home = " + tree.at("gone/bin"));
  std::string name = "LATEPY_PYTHON", value, reason;
  SECTION("an executable") { value = tree.at("one/bin/python3"); }
  SECTION("an environment") { value = tree.at("venv"); }
  SECTION("a library") { name = "LATEPY_LIBRARY", value = tree.at("one/lib/libpython3.11.so.1.0"); }
  SECTION("missing") { value = tree.at("gone/bin/python"), reason = "not found"; }
  SECTION("a missing library") { name = "LATEPY_LIBRARY", value = tree.at("gone.so"), reason = "not found"; }
  SECTION("relative") { value = ".venv/bin/python", reason = "a relative path in the environment is not followed"; }
  SECTION("a relative library") {
    name = "LATEPY_LIBRARY", value = "lib/libpython3.11.so";
    reason = "a relative path in the environment is not followed";
  }
  SECTION("too old") { value = tree.at("old"), reason = "too old: 3.8"; }
  SECTION("a broken environment") { value = tree.at("venv_broken"), reason = "its base Python is gone"; }
  SECTION("without a library") { value = tree.at("static/bin/python3"), reason = "built without a shared library"; }
  SECTION("not in the range") {
    tree.search.version = ">=3.12";
    value = tree.at("one"), reason = "3.11 is not in >=3.12";
  }
  tree.set(name + "=" + value);
  const Discovery all = py::locate(tree.search);
  INFO(all.to_string());
  CHECK(all.candidates()[0].source == name);
  CHECK(all.candidates().size() == 2);  // the others are told, but not taken
  CHECK(all.candidates().back().verdict == Verdict::usable);
  tree.search.all = false;
  const auto discovery = std::make_shared<const Discovery>(py::locate(tree.search));
  REQUIRE(discovery->candidates().size() == 1);
  if (reason.empty()) {
    REQUIRE(discovery->chosen());
    CHECK(all.chosen() == &all.candidates()[0]);
    CHECK(discovery->chosen()->library == tree.at("one/lib/libpython3.11.so.1.0"));
    // What the caller names goes before.
    tree.search.python = tree.at(Tree::installed);
    CHECK(py::locate(tree.search).chosen()->source == "Config::python");
    return;
  }
  CHECK(all.chosen() == nullptr);
  CHECK(has(only_reason(*discovery), reason));
  try {
    py::detail::choose(discovery, tree.search);
    FAIL("nothing was chosen");
  } catch (const py::LoadError& error) {
    CHECK(has(error.what(), "no usable CPython was found: " + name + " asks for " + value));
  }
}

TEST_CASE("both LATEPY_ variables name one Python", "[locate][environment]") {
  Tree tree;
  tree.python("one", "3.11");
  tree.python("two", "3.12");
  tree.set("LATEPY_PYTHON=" + tree.at("one/bin/python3"));
  SECTION("that belongs together") {
    tree.set("LATEPY_LIBRARY=" + tree.at("one/lib/libpython3.11.so.1.0"));
    CHECK(order(py::locate(tree.search)) == "LATEPY_PYTHON 3.11");
  }
  SECTION("that does not") {
    tree.set("LATEPY_LIBRARY=" + tree.at("two/lib/libpython3.12.so.1.0"));
    CHECK(has(only_reason(py::locate(tree.search)), "the library does not belong to the python"));
  }
}

TEST_CASE("a library and a python that are named together belong together", "[locate]") {
  Tree tree;
  tree.python("one", "3.11");
  tree.file("one/lib/libpython3.11d.so.1.0", native_library());
#if !LATEPY_WINDOWS
  tree.link("one/lib/link.so", "libpython3.11.so.1.0");
#endif
  tree.python("other", "3.11");
  tree.python("two", "3.12");
  tree.executable("static", "3.11");
  tree.venv("venv", "home = " + tree.at("one/bin"));
  tree.file("plain/bin/python", native_executable());
  tree.file("unversioned/bin/python", native_executable());
  tree.file("unversioned/lib/libpython3.12.so.1.0", native_library());
  tree.python("free", "3.13t");
  tree.python("ordinary", "3.13");
  tree.python("linked", "3.13t");
  tree.file("linked/bin/python3.13", native_executable());
  const struct {
    const char *python, *library;
    bool fit;
  } table[] = {
    {"one/bin/python3", "one/lib/libpython3.11.so.1.0", true},
    {"one", "one/lib/libpython3.11.so.1.0", true},
#if !LATEPY_WINDOWS
    {"one", "one/lib/link.so", true},
    {"static/bin/python3", "two/lib/libpython3.12.so.1.0", false},  // by its name, which on Windows has no version
#endif
    {"one", "one/lib/libpython3.11d.so.1.0", true},
    {"one/bin/python3.11", "one/lib/libpython3.11d.so.1.0", true},
    {"venv", "one/lib/libpython3.11.so.1.0", true},
    {"static/bin/python3", "one/lib/libpython3.11.so.1.0", true},
    {"plain/bin/python", "one/lib/libpython3.11.so.1.0", true},
    {"two/bin/python3", "one/lib/libpython3.11.so.1.0", false},
    {"two", "one/lib/libpython3.11.so.1.0", false},
    {"venv", "two/lib/libpython3.12.so.1.0", false},
    {"venv", "other/lib/libpython3.11.so.1.0", false},
    {"other", "one/lib/libpython3.11.so.1.0", false},
    {"other/bin/python", "one/lib/libpython3.11.so.1.0", false},
    {"ordinary/bin/python3", "free/lib/libpython3.13t.so.1.0", false},
#if !LATEPY_WINDOWS
    {"linked/bin/python3.13", "linked/lib/libpython3.13t.so.1.0", true},
#endif
  };
  for (const auto& [python, library, fit] : table) {
    CAPTURE(python, library);
    tree.search.python = tree.at(python);
    tree.search.library = tree.at(library);
    const Discovery discovery = py::locate(tree.search);
    REQUIRE(discovery.candidates().size() == 1);
    CHECK((discovery.chosen() != nullptr) == fit);
    const Candidate& c = discovery.candidates()[0];
    if (!fit) CHECK(has(c.reason, "the library does not belong to the python"));
    if (fit && !has(library, "link.so")) CHECK(c.library == tree.at(library));
  }
  tree.search.library = tree.at("gone/libpython3.11.so");
  CHECK(only_reason(py::locate(tree.search)) == "not found");
}

TEST_CASE("a home that is named is that of the library's version", "[locate][standard-library]") {
  Tree tree;
  tree.python("one", "3.11");
  tree.python("two", "3.12");
  tree.search.library = tree.at("one/lib/libpython3.11.so.1.0");
  tree.search.home = tree.at("two");
  CHECK(has(only_reason(py::locate(tree.search)),
            LATEPY_WINDOWS
                ? "its home is that of another Python: " + tree.at("two") + "\\python312.dll"
                : "standard library missing: no lib/python3.11/os.py with encodings below " + tree.at("two")));
}

TEST_CASE("pyvenv.cfg in all its forms", "[locate][venv]") {
  Tree tree;
  tree.python("base", "3.12");
  const std::string bin = tree.at("base/bin");
  std::string config;
  std::string version = "3.12.3";
  SECTION("venv of 3.9") { config = "home = " + bin + "\ninclude-system-site-packages = false\nversion = 3.12.3\n"; }
  SECTION("venv of 3.11") {
    config = "home = " + bin + "\nversion = 3.12.3\nexecutable = " + bin + "/python3.12\ncommand = x = y\n";
  }
  SECTION("virtualenv") {
    config = "home = " + bin +
             "\nimplementation = CPython\nversion_info = 3.12.3.final.0\nvirtualenv = 20.25.0\nbase-prefix = " +
             tree.at("base") + "\nbase-executable = " + bin + "/python3.12\n";
  }
  SECTION("uv") { config = "home = " + bin + "\nimplementation = CPython\nuv = 0.5.1\nversion_info = 3.12.3\n"; }
  SECTION("uv with a minor version only") {
    config = "home = " + bin + "\nversion_info = 3.12\n";
    version = "3.12";
  }
  SECTION("blank lines, CRLF, tabs, spaces, capitals") {
    config = "\r\n\r\n\t Home=" + bin + "  \r\n\r\nVERSION =\t3.12.3\r\n";
  }
  SECTION("a byte order mark and no last newline") { config = "\xEF\xBB\xBFversion=3.12.3\nhome=" + bin; }
  SECTION("lines that are none") { config = "what\n= 3\n===\nhome = " + bin + "\nversion = 3.12.3\nhome = /second\n"; }
  SECTION("a version that is none") {
    config = "home = " + bin + "\nversion = three\n";
    version = "3.12";
  }
  SECTION("an executable that is gone") {
    config = "home = " + bin + "\nexecutable = /gone/python3.12\nversion = 3.12.3\n";
  }
  tree.venv("venv", config);
  for (const char* named : {"venv", "venv/", "venv/bin/python"}) {
    tree.search.python = tree.at(named);
    const Discovery discovery = py::locate(tree.search);
    INFO(discovery.to_string());
    REQUIRE(discovery.chosen() != nullptr);
    CHECK(discovery.chosen()->version.to_string() == version);
    CHECK(discovery.chosen()->prefix == tree.at("venv"));
    CHECK(discovery.chosen()->executable == tree.at("venv/bin/python"));
    CHECK(discovery.chosen()->base_executable == tree.at("base/bin/python3.12"));
    CHECK(discovery.chosen()->home == tree.at("base"));
  }
}

TEST_CASE("a broken environment says what is broken", "[locate]") {
  Tree tree;
  std::string config, reason;
  SECTION("empty") { config = "", reason = "does not say where its base is"; }
  SECTION("binary") { config = raw("\0\xff\xfe home"), reason = "not in UTF-8"; }
  SECTION("relative") { config = "home = ../bin", reason = "relative home: ../bin"; }
  SECTION("gone") {
    config = "home = " + tree.at("gone");
    reason = "its base Python is gone: there is no python in " + tree.at("gone");
  }
  SECTION("PyPy") { config = "home = /x\nimplementation = PyPy", reason = "an environment of PyPy, not of CPython"; }
  SECTION("leads to itself and another") {
    tree.venv("venv_other", "home = " + tree.at("venv/bin"));
    config = "home = " + tree.at("venv_other/bin"), reason = "without end";
  }
  tree.venv("venv", config);
  tree.search.python = tree.at("venv");
  CHECK(has(only_reason(py::locate(tree.search)), reason));
}

TEST_CASE("a pyvenv.cfg that is not UTF-8 is refused, because CPython could not start with it", "[locate][venv]") {
  Tree tree;
  tree.python(Tree::installed, "3.12");
  tree.python("onpath", "3.11");
  tree.set("PATH=" + tree.at("onpath/bin"));
  const std::string base = Tree::installed, config = "home = " + tree.at(base + "/bin") + "\nprompt = caf\xe9\n";
  SECTION("the environment's") {
    tree.venv("venv", config);
    tree.set("VIRTUAL_ENV=" + tree.at("venv"));
    const Discovery discovery = py::locate(tree.search);
    CHECK(discovery.candidates()[0].source == "VIRTUAL_ENV");
    CHECK(discovery.candidates()[0].reason == "its pyvenv.cfg is not in UTF-8, so CPython cannot read it");
    CHECK(discovery.chosen()->source == "PATH");
  }
  SECTION("one that lies above an executable") { tree.file("onpath/pyvenv.cfg", config); }
  SECTION("one that lies beside an executable") { tree.file("onpath/bin/pyvenv.cfg", config); }
  SECTION("one above the executable of a library") {
    tree.file(base + "/pyvenv.cfg", config);
    tree.set("LATEPY_LIBRARY=" + tree.at(base + "/lib/libpython3.12.so.1.0"));
    CHECK(py::locate(tree.search).candidates()[0].reason == "not in UTF-8: " + tree.at(base + "/pyvenv.cfg"));
    return;
  }
  const Discovery discovery = py::locate(tree.search);
  INFO(discovery.to_string());
  CHECK(has(discovery.candidates()[0].reason, "not in UTF-8"));
  REQUIRE(discovery.chosen());
}

TEST_CASE("UTF-8 is what CPython decodes", "[locate]") {
  using py::detail::is_utf8;
  for (const char* text : {"", "a", "caf\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x90\x8d", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf4\x8f\xbf\xbf", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"})
    CHECK(is_utf8(text));
  for (const char* text : {"caf\xe9", "\x80", "\xbf", "\xc3", "\xc3z", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
                           "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                           "\xff", "\xe6\x97", "\xf0\x9f\x90", "a\xe6\x97z"})
    CHECK_FALSE(is_utf8(text));
}

TEST_CASE("pyvenv.cfg is read to its end", "[locate][venv]") {
  Tree tree;
  tree.python("py", "3.12");
  std::string text = "# ";
  while (text.size() < 65535) text += 'x';
  tree.venv("venv", text + "\xc3\xa9\nhome = " + tree.at("py/bin"));
  tree.search.python = tree.at("venv");
  CHECK(py::locate(tree.search).chosen()->prefix == tree.at("venv"));
  tree.file("py/pyvenv.cfg", text + "\xc3\xa9\n");
  tree.search.python = py::Path();
  tree.search.library = tree.at("py/lib/libpython3.12.so.1.0");
  CHECK(py::locate(tree.search).chosen().has_value());
  tree.file("py/pyvenv.cfg", text + "\n\xe9\n");
  CHECK(only_reason(py::locate(tree.search)) == "not in UTF-8: " + tree.at("py/pyvenv.cfg"));
  std::filesystem::resize_file(std::filesystem::u8path(tree.at("py/pyvenv.cfg")), 17 << 20);
  CHECK(only_reason(py::locate(tree.search)) ==
        tree.at("py/pyvenv.cfg") + " cannot be read: " + (LATEPY_WINDOWS ? "error 223 of Windows" : "File too large"));
}

TEST_CASE("a library of MSYS2's is refused for what it is", "[locate]") {
  Tree tree;
  tree.file("mingw64/bin/libpython3.12.dll", native_library());
  tree.search.library = tree.at("mingw64/bin/libpython3.12.dll");
  CHECK(has(only_reason(py::locate(tree.search)), "MSYS2's Python"));
}

TEST_CASE("free-threaded and debug builds are known by name", "[locate]") {
  Tree tree;
  tree.python("py", "3.13td");
  tree.search.home = tree.at("py");
  const Discovery discovery = py::locate(tree.search);
  INFO(discovery.to_string());
  REQUIRE(discovery.chosen());
  CHECK(discovery.chosen()->free_threaded);
  CHECK(discovery.chosen()->debug);
  CHECK(discovery.chosen()->executable == tree.at("py/bin/python3.13td"));
  CHECK(has(discovery.to_string(), "3.13td"));
}

TEST_CASE("of the libraries in a folder the newest comes first, then the ordinary build", "[locate]") {
  Tree tree;
  for (const char* version : {"3.9", "3.13", "3.13t", "3.13d", "3.13td", "3.12d", "3.10"}) {
    tree.stdlib("py", std::string(version, std::strspn(version, "0123456789.")));
    tree.file("py/lib/libpython" + std::string(version) + ".so.1.0", native_library());
#if !LATEPY_WINDOWS
    tree.link("py/lib/libpython" + std::string(version) + ".so", "libpython" + std::string(version) + ".so.1.0");
#endif
  }
  tree.stdlib("py", "3.13t");
  tree.search.home = tree.at("py");
  std::string names;
  const Discovery discovery = py::locate(tree.search);
  for (const Candidate& c : discovery.candidates())
    names += c.version.to_string() + (c.free_threaded ? "t" : "") + (c.debug ? "d" : "") + " ";
  CHECK(names == "3.13 3.13t 3.13d 3.13td 3.12d 3.10 3.9 ");
  CHECK(discovery.chosen() == &discovery.candidates()[0]);

  // An executable without a version takes what its own letters say.
  py::detail::Arena arena;
  const auto libraries = [&](const char* executable) {
    std::string text;
    const py::detail::PythonName wanted = py::detail::executable_name(executable);
    const py::detail::Texts paths = py::detail::libraries_below(arena, arena.copy(tree.at("py")), wanted);
    for (const py::detail::Text path : paths) {
      const py::detail::PythonName name = py::detail::library_name(path);
      text += std::string(name.dotted(arena).c_str()) + name.flags() + " ";
    }
    return text;
  };
  CHECK(libraries("python3") == "3.13 3.13t 3.13d 3.13td 3.12d 3.10 3.9 ");
  CHECK(libraries("python_d.exe") == "3.13d 3.13td 3.12d ");
  CHECK(libraries("python3.13t") == "3.13t ");
  CHECK(libraries("python3.12").empty());
#if !LATEPY_WINDOWS
  tree.file("py/lib64/libpython3.14.so.1.0", native_library());
  CHECK(libraries("python3") == "3.13 3.13t 3.13d 3.13td 3.12d 3.10 3.9 3.14 ");
#endif
}

TEST_CASE("of the folders of versions the newest comes first, then the ordinary build", "[locate]") {
  py::detail::Arena arena;
  const auto sorted = [&](std::initializer_list<const char*> names) {
    py::detail::Texts texts(arena);
    for (const char* name : names) texts.add(name);
    texts.sort(&py::detail::newest_first);
    std::string text;
    for (const py::detail::Text name : texts) text += std::string(name.c_str()) + " ";
    return text;
  };
  CHECK(sorted({"3.9.1", "3.12.1-dev", "3.12.1", "3.12.11", "3.13-dev", "3.13.0t", "3.13.0", "pypy3.10", "3.13"}) ==
        "3.13.0 3.13.0t 3.13 3.13-dev 3.12.11 3.12.1 3.12.1-dev 3.9.1 pypy3.10 ");
  CHECK(sorted({"cpython-3.13.0+freethreaded-linux-x86_64-gnu", "cpython-3.9.20-linux-x86_64-gnu",
                "cpython-3.13.0-linux-x86_64-gnu"}) ==
        "cpython-3.13.0-linux-x86_64-gnu cpython-3.13.0+freethreaded-linux-x86_64-gnu "
        "cpython-3.9.20-linux-x86_64-gnu ");
  CHECK(sorted({"", "-", "3", "3.", "3..1", "3.1"}) == "3.1 3..1 3 3.  - ");
  CHECK(sorted({"same", "same"}) == "same same ");
}

TEST_CASE("many names are sorted in few steps", "[locate]") {
  py::detail::Arena arena;
  py::detail::Texts texts(arena);
  constexpr unsigned count = 10'000;
  for (unsigned i = 0; i < count; ++i) texts.add(arena.concat("3.12.", arena.decimal(i)));
  static unsigned steps;
  steps = 0;
  texts.sort([](const void* a, const void* b) { return ++steps, py::detail::newest_first(a, b); });
  REQUIRE(texts.size() == count);
  for (unsigned i = 0; i < count; ++i) REQUIRE(texts[i] == arena.concat("3.12.", arena.decimal(count - 1 - i)));
  CHECK(steps < count * 40);
}

TEST_CASE("the micro version is that of the version, and a debug build's own headers go first", "[locate]") {
  using py::detail::micro_in;
  CHECK(micro_in("3.12.5", "3.12") == 5);
  CHECK(micro_in("cpython-3.12.5-linux", "3.12") == 5);
  for (const char* text : {"", "3.12", "13.12.5", "1.3.12.5", "3.120.5", "3.1.5", "3.12rc1"})
    CHECK(micro_in(text, "3.12") == -1);
  CHECK(micro_in("13.12.5 3.12 3.12.7", "3.12") == 7);

  Tree tree;
  tree.python("py", "3.12d");
  tree.search.home = tree.at("py");
  const auto micro = [&] { return py::locate(tree.search).chosen()->version.micro; };
  CHECK(micro() == -1);
  const auto header = [](const char* folder) {  // on Windows both builds have the same
    return std::string("py/include/") + (LATEPY_WINDOWS ? "" : folder) + "patchlevel.h";
  };
  tree.file(header("python3.12/"), "#define PY_MICRO_VERSION 4\n");
  CHECK(micro() == 4);
  tree.file(header("python3.12d/"), "#define PY_MICRO_VERSION 5\n");
  CHECK(micro() == 5);
  // Its executable is its own, where it has one.
  CHECK(py::locate(tree.search).chosen()->executable == tree.at("py/bin/python3.12d"));
  CHECK(std::filesystem::remove(std::filesystem::u8path(tree.at("py/bin/python3.12d"))));
  tree.file("py/bin/python3.12");
  CHECK(py::locate(tree.search).chosen()->executable == (LATEPY_WINDOWS ? "" : tree.at("py/bin/python3.12")));
}

TEST_CASE("version ranges", "[locate]") {
  const auto allows = [](const char* range, const char* version) {
    return py::detail::VersionRange(range).allows(py::Version::parse(version));
  };
  const struct {
    const char *range, *version;
    bool allowed;
  } table[] = {
      {"", "3.9", true},
      {" ", "3.9", true},
      {">=3.10", "3.10.0", true},
      {">=3.10", "3.9.18", false},
      {">=3.10,<3.14", "3.13.9", true},
      {">=3.10,<3.14", "3.14.0", false},
      {" >= 3.10 , < 3.14 ", "3.9", false},
      {"==3.12.*", "3.12.7", true},
      {"==3.12", "3.12.7", true},
      {"3.12", "3.12.7", true},
      {"3.12.*", "3.12.7", true},
      {"3.12", "3.1", false},
      {"3", "3.15", true},
      {"3.12.3", "3.12.3", true},
      {"3.12.3", "3.12.4", false},
      {"!=3.12", "3.12.1", false},
      {"!=3.12.1", "3.12.2", true},
      {"!=3.12.*", "3.13", true},
      {"<=3.13", "3.13.5", true},
      {">3.11", "3.11.9", false},
      {">3.11", "3.12.0", true},
      {"<3.13", "3.13.0", false},
      {"~=3.10", "3.12.1", true},
      {"~=3.10", "3.9", false},
      {"~=3.10.2", "3.10.9", true},
      {"~=3.10.2", "3.10.1", false},
      {"~=3.10.2", "3.11.0", false},
      {">=3.11.4", "3.11", true},
      {">=3.9", "4.0", true},
      {"<3.11.4", "3.12.0", false},
  };
  for (const auto& row : table) {
    INFO(row.range << " and " << row.version);
    CHECK(allows(row.range, row.version) == row.allowed);
  }
  for (const char* range : {"x", ">=", ">=3.x", "=3.10", "3.10,", ",", ">=3.10.1.2", "~=3", "3.12.3.*", ">=3.10.*",
                            "3..1", "3.10rc1", "=>3.9", "3.10 3.11"}) {
    INFO(range);
    CHECK_THROWS_AS(py::detail::VersionRange(range), py::LoadError);
  }
  Search search;
  search.version = ">=3.10,latest";
  try {
    py::locate(search);
    FAIL("malformed");
  } catch (const py::LoadError& error) {
    CHECK(has(error.what(), "malformed at \"latest\""));
  }
}

TEST_CASE("headers of all formats", "[locate][architecture]") {
  using py::detail::binary_fault;
  using py::detail::read_binary_header;
  py::detail::Arena arena;
  const auto fault = [&](const std::string& bytes, const char* format, const char* machine, std::uint64_t size = 4096) {
    return std::string(binary_fault(arena, read_binary_header(arena, bytes, size), format, machine).c_str());
  };
  CHECK(fault(elf(2, 1, 62), "ELF", "x86-64").empty());
  CHECK(fault(elf(1, 1, 62), "ELF", "x86-64") ==
        "wrong architecture: it is ELF for x32, this program is ELF for x86-64");
  CHECK(fault(elf(1, 1, 3), "ELF", "x86-64") ==
        "wrong architecture: it is ELF for i386, this program is ELF for x86-64");
  CHECK(fault(elf(2, 1, 183), "ELF", "arm64").empty());
  CHECK(fault(elf(2, 2, 22), "ELF", "s390x").empty());
  CHECK(fault(elf(2, 2, 21), "ELF", "ppc64").empty());
  CHECK(fault(elf(2, 1, 21), "ELF", "ppc64le").empty());
  CHECK(fault(elf(2, 1, 99), "ELF", "x86-64") ==
        "wrong architecture: it is ELF for ELF machine 99, this program is ELF for x86-64");
  CHECK(fault("!<arch>\n", "ELF", "x86-64") == "a static library, which cannot be loaded");
  CHECK(fault("#!/bin/sh\n", "ELF", "x86-64") == "a script, not a shared library");

  std::string pe(512, '\0');
  pe.replace(0, 2, "MZ");
  pe[0x3c] = '\x80';
  pe.replace(0x80, 2, "PE");
  pe.replace(0x84, 2, "\x64\x86");
  CHECK(fault(pe, "PE", "x86-64") == "a PE program, not a DLL");
  pe[0x97] = 0x20;
  CHECK(fault(pe, "PE", "x86-64").empty());
  CHECK(fault(pe, "PE", "arm64") == "wrong architecture: it is PE for x86-64, this program is PE for arm64");
  CHECK(fault(pe, "ELF", "x86-64") == "wrong architecture: it is PE for x86-64, this program is ELF for x86-64");
  CHECK(fault(pe.substr(0, 0x85), "PE", "x86-64", 0x85) == "truncated PE file");

  std::string thin = raw("\xcf\xfa\xed\xfe\x0c\0\0\x01");
  thin.resize(64);
  thin[12] = 6;
  CHECK(fault(thin, "Mach-O", "arm64").empty());
  CHECK(fault(thin, "Mach-O", "x86-64") ==
        "wrong architecture: it is Mach-O for arm64, this program is Mach-O for x86-64");
  for (const std::string& magic : {raw("\xce\xfa\xed\xfe\7\0\0\0"), raw("\xfe\xed\xfa\xce\0\0\0\7")}) {  // 32 bits
    std::string narrow = magic;
    narrow.resize(64);
    narrow[magic[0] == '\xfe' ? 15 : 12] = 6;
    CHECK(fault(narrow, "Mach-O", "i386").empty());
  }
  std::string fat = raw("\xca\xfe\xba\xbe\0\0\0\x02");
  fat += raw("\x01\0\0\x07\0\0\0\x03\0\0\x10\0\0\0\x20\0\0\0\0\x0c") +
         raw("\x01\0\0\x0c\0\0\0\0\0\0\x40\0\0\0\x20\0\0\0\0\x0c");
  CHECK(fault(fat, "Mach-O", "arm64", 1 << 20).empty());
  CHECK(fault(fat, "Mach-O", "x86-64", 1 << 20).empty());
  CHECK(fault(fat, "Mach-O", "i386", 1 << 20) ==
        "wrong architecture: it is Mach-O for x86-64 and arm64, this program is Mach-O for i386");
  CHECK(fault(fat, "Mach-O", "arm64", 100) == "truncated Mach-O file");
  CHECK(fault(raw("\xca\xfe\xba\xbe\0\0\0\x41"), "Mach-O", "arm64") == "a Java class, not a shared library");

  // An offset and a size whose sum is more than 64 bits.
  for (const std::size_t offset : {32u, 40u}) {  // e_phoff, e_shoff
    std::string far = elf(2, 1, 62);
    far.replace(offset, 8, 8, '\xff');
    far[offset == 32 ? 54 : 58] = far[offset == 32 ? 56 : 60] = 64;  // 64 entries of 64 bytes
    CHECK(fault(far, "ELF", "x86-64") == "truncated ELF file");
  }
  std::string wide = raw("\xca\xfe\xba\xbf\0\0\0\x01\x01\0\0\x0c\0\0\0\0") + std::string(8, '\xff') +
                     raw("\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\0");
  CHECK(fault(wide, "Mach-O", "arm64") == "truncated Mach-O file");
  CHECK(fault("", "ELF", "x86-64", 0) == "an empty file");
  CHECK(fault("\x7f"
              "ELF",
              "ELF", "x86-64", 4) == "truncated ELF file");
}

TEST_CASE("names of libraries and executables", "[locate]") {
  using py::detail::executable_name;
  using py::detail::library_name;
  py::detail::Arena arena;
  const auto told = [&](const py::detail::PythonName& name) {
    return name.matches ? std::string(name.dotted(arena).c_str()) + name.flags() : std::string();
  };
  CHECK(told(library_name("/usr/lib/libpython3.12.so.1.0")) == "3.12");
  CHECK(told(library_name("libpython3.13td.so")) == "3.13td");
  CHECK(told(library_name("libpython3.12d.dylib")) == "3.12d");
  CHECK(told(library_name("/x/Python.framework/Versions/3.11/Python")) == "3.11");
  CHECK(told(library_name("/x/PythonT.framework/Versions/3.13/PythonT")) == "3.13t");
  CHECK(told(library_name("python312.dll")) == "3.12");
  CHECK(told(library_name("Python313t_d.DLL")) == "3.13td");
  CHECK(told(library_name("libpython3.12.dll")) == "3.12");
  for (const char* no :
       {"libpython3.so", "python3.dll", "libpython3.12.a", "libpython3.12.so-gdb.py", "libpython3.12", "libpythonx.so",
        "/x/Python", "python312.zip", "python3x.dll", "libpython.so", "", "libpython3.12x.so"})
    CHECK(told(library_name(no)).empty());
  CHECK(told(executable_name("/x/python3.13td")) == "3.13td");
  CHECK(executable_name("python_d.exe").debug);
  CHECK(executable_name("python3").matches);
  for (const char* no : {"python3-config", "pythonw.exe", "python3.12-config", "pypy3", "host"})
    CHECK_FALSE(executable_name(no).matches);
}

TEST_CASE("the Pythons of this machine", "[locate][machine]") {
  Search search;
  search.in_process = false;
  const Discovery discovery = py::locate(search);
  UNSCOPED_INFO(discovery.to_string());
  py::detail::Arena arena;
  for (const Candidate& c : discovery.candidates()) {
    if (c.version.known() && (c.version.major < 3 || c.version.minor < 9)) CHECK(has(c.reason, "too old"));
    if (c.verdict == Verdict::refused) {
      CHECK_FALSE(c.reason.empty());
      continue;
    }
    CHECK(py::detail::is_file(c.library));
    CHECK(py::detail::has_stdlib(arena, c.home, py::detail::library_name(c.library)));
  }
  const py::detail::Text versions = arena.join(py::detail::process_variable(arena, "PYENV_ROOT"), "versions");
  for (const py::detail::Text name : py::detail::list_folder(arena, versions)) {
    const py::detail::Text home = py::detail::real_path(arena, arena.join(versions, name));
    if (py::detail::is_file(arena.join(home, "pyvenv.cfg"))) continue;
    if (!py::detail::is_file(arena.join(home, LATEPY_WINDOWS ? "python.exe" : "bin/python3")))
      continue;  // whatever somebody put there
    INFO(home.c_str());
    CHECK(std::any_of(discovery.candidates().begin(), discovery.candidates().end(),
                      [&](const Candidate& c) { return c.prefix == home.c_str(); }));
  }
}
