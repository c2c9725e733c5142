// More of find_locate_test: where Unix has its Pythons, and what only Unix has: permissions, links, limits, dlopen().
// SPDX-License-Identifier: MIT
#include <latepy/find/locate.hpp>

#if !LATEPY_WINDOWS
#include "tree.hpp"

#include <spawn.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>

namespace {

/// Runs the function in a child process. \returns what it returned, -1 where a signal ended it.
template <class F>
int status_of(F&& function) {
  const pid_t child = fork();
  if (child == 0) _exit(function());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("the order of the sources is the order of the table", "[locate]") {
  Tree tree;
  tree.python("named", "3.14");
  tree.python("app/python", "3.13");
  tree.python("app", "3.9");
  tree.python("base", "3.12");
  tree.venv("venv", "home = " + tree.at("base/bin") + "\nversion = 3.12.4\n");
  tree.python("conda", "3.11");
  tree.python("onpath", "3.10");
  tree.python("home/me/.local/share/uv/python/cpython-3.12.9-linux-x86_64-gnu", "3.12");
  tree.python("home/me/.local/share/uv/python/cpython-3.12.10-linux-x86_64-gnu", "3.12");
  tree.python("home/me/.pyenv/versions/3.13.1", "3.13");
  tree.python("home/me/miniforge3", "3.11");
  tree.python("home/me/miniforge3/envs/work", "3.10");
  tree.python("usr/local", "3.9");
  tree.python("usr", "3.11", "lib64");
  tree.python("opt/other", "3.10");
  tree.file(
      "etc/ld.so.cache",
      raw("ld.so-1.7.0\0\0libpython3.10.so.1.0\0/opt/other/lib/libpython3.10.so.1.0\0/opt/gone/libpython3.9.so\0"));
  tree.set("LATEPY_LIBRARY=" + tree.at("named/lib/libpython3.14.so.1.0"));
  tree.set("VIRTUAL_ENV=" + tree.at("venv/"));
  tree.set("CONDA_PREFIX=" + tree.at("conda"));
  tree.set("PATH=relative/bin:.::" + tree.at("onpath/bin") + ":" + tree.at("missing"));
  const Discovery discovery = py::locate(tree.search);
  CHECK(order(discovery) ==
        "LATEPY_LIBRARY 3.14, beside the program 3.13, beside the program 3.9, VIRTUAL_ENV 3.12.4, "
        "CONDA_PREFIX 3.11, PATH 3.10, "
        "uv 3.12.10, uv 3.12.9, pyenv 3.13.1, conda 3.11, conda 3.10, system library folder 3.9, system library folder "
        "3.11, loader cache 3.10");
  REQUIRE(discovery.chosen() != nullptr);
  CHECK(discovery.chosen() == &discovery.candidates()[0]);
  CHECK(std::count_if(discovery.candidates().begin(), discovery.candidates().end(),
                      [](const Candidate& c) { return c.verdict == Verdict::chosen; }) == 1);
  const Candidate& venv = discovery.candidates()[3];
  CHECK(venv.executable == tree.at("venv/bin/python"));
  CHECK(venv.base_executable == tree.at("base/bin/python3.12"));
  CHECK(venv.prefix == tree.at("venv"));
  CHECK(venv.home == tree.at("base"));
  CHECK(venv.library == tree.at("base/lib/libpython3.12.so.1.0"));
  const Candidate& on_path = discovery.candidates()[5];
  CHECK(on_path.executable == tree.at("onpath/bin/python3.10"));

  // Where only the chosen one is wanted the table ends with it.
  tree.search.environment.erase(tree.search.environment.begin() + 1);  // LATEPY_LIBRARY
  for (const char* version : {"3.13", "3.12", "==3.12.9", "3.11", "3.10", "3.9"}) {
    INFO(version);
    tree.search.version = version;
    const std::string all = order(py::locate(tree.search));
    tree.search.all = false;
    const Discovery until_chosen = py::locate(tree.search);
    CHECK(all.compare(0, order(until_chosen).size(), order(until_chosen)) == 0);
    REQUIRE(until_chosen.chosen());
    CHECK(until_chosen.chosen() == &until_chosen.candidates().back());
    tree.search.all = true;
  }
  tree.search.version.clear();

  tree.search.search_path = false;
  CHECK_FALSE(has(order(py::locate(tree.search)), "PATH 3.10"));
  tree.search.as_secure = true;
  CHECK(order(py::locate(tree.search)) ==
        "beside the program 3.13, beside the program 3.9, system library folder 3.9, "
        "system library folder 3.11, loader cache 3.10");
  tree.search.as_secure = false;
  tree.search.version = "==3.10.*";
  CHECK(py::locate(tree.search).chosen()->prefix == tree.at("home/me/miniforge3/envs/work"));
}

TEST_CASE("a relative path of the caller's is one from the working folder", "[locate]") {
  Tree tree;
  tree.python("one", "3.11");
  const std::string library = "one/lib/libpython3.11.so.1.0";
  CHECK(status_of([&] {
          if (chdir(tree.at("").c_str()) != 0) return 99;
          const auto is_found = [&] {
            const Discovery discovery = py::locate(tree.search);
            tree.search.python = tree.search.library = tree.search.home = py::Path();
            const Candidate* const c = discovery.chosen();
            return c && c->library == tree.at(library) && c->home == tree.at("one") &&
                   c->executable == tree.at("one/bin/python3.11");
          };
          int failed = 0;
          for (const char* path : {"one", "./one/", "one/bin/python3", "./one/bin/python"}) {
            tree.search.python = path;
            failed += !is_found();
          }
          for (const std::string& path : {library, "./" + library}) {
            tree.search.library = path;
            failed += !is_found();
          }
          tree.search.home = "one";
          return failed + !is_found();
        }) == 0);
  // The environment's are not followed, and the search goes on.
  tree.python("usr/local", "3.12");
  for (const char* variable : {"VIRTUAL_ENV=one", "CONDA_PREFIX=one"}) {
    tree.search.environment.back() = variable;
    const Discovery discovery = py::locate(tree.search);
    CHECK(discovery.candidates()[0].reason == "a relative path in the environment is not followed");
    CHECK(discovery.chosen()->version.minor == 12);
  }
}

TEST_CASE("shims are resolved by their own files", "[locate]") {
  Tree tree;
  tree.python("home/me/.pyenv/versions/3.10.13", "3.10");
  tree.python("home/me/.pyenv/versions/3.12.1", "3.12");
  tree.python("home/me/.pyenv/versions/3.12.11", "3.12");
  tree.file("home/me/.pyenv/shims/python3", "#!/usr/bin/env bash\nexit 1\n");
  tree.file(".python-version", "3.10.13");
  tree.python("usr", "3.11");
  tree.set("PATH=" + tree.at("home/me/.pyenv/shims") + ":" + tree.at("usr/bin"));
  const auto first = [&] { return order(py::locate(tree.search)).substr(0, 30); };
  SECTION("nothing set: the system's") { CHECK(has(first(), "PATH 3.11, pyenv 3.12.11")); }
  SECTION("system") {
    tree.set("PYENV_VERSION=system");
    CHECK(has(first(), "PATH 3.11, pyenv 3.12.11"));
  }
  SECTION("the global file") {
    tree.file("home/me/.pyenv/version", "\n 3.12.1\r\n3.10.13\n");
    CHECK(has(first(), "PATH 3.12.1, PATH 3.11"));
  }
  SECTION("the variable goes before") {
    tree.file("home/me/.pyenv/version", "3.12.1");
    tree.set("PYENV_VERSION=3.10.13:3.12.1");
    CHECK(has(first(), "PATH 3.10.13, PATH 3.11"));
  }
  SECTION("a part of a version is its newest") {
    tree.set("PYENV_VERSION=3.12");
    CHECK(has(first(), "PATH 3.12.11, PATH 3.11"));
  }
  SECTION("not installed") {
    tree.set("PYENV_VERSION=3.9.1");
    const Discovery discovery = py::locate(tree.search);
    CHECK(discovery.candidates()[0].reason == "a shim for version 3.9.1, which is not installed");
    CHECK(discovery.chosen()->version.minor == 11);
  }
  SECTION("a version that leads elsewhere") {
    tree.set("PYENV_VERSION=../../../usr");
    CHECK(has(py::locate(tree.search).candidates()[0].reason, "not installed"));
  }
  SECTION("asdf") {
    tree.python("home/me/.asdf/installs/python/3.12.7", "3.12");
    tree.file("home/me/.asdf/shims/python3", "#!/bin/sh\n");
    tree.file("home/me/.tool-versions", "ruby 3.1\npython 3.12.7\n");
    tree.search.environment.back() = "PATH=" + tree.at("home/me/.asdf/shims");
    CHECK(has(first(), "PATH 3.12.7, "));
  }
  SECTION("a script that is no shim") {
    tree.file("scripts/python3", "#!/bin/sh\n");
    tree.search.environment.back() = "PATH=" + tree.at("scripts");
    CHECK(py::locate(tree.search).candidates()[0].reason == "a script, not a Python executable");
  }
}

TEST_CASE("each reason to refuse a library", "[locate][standard-library][no-libpython][architecture]") {
  Tree tree;
  tree.stdlib("py", "3.12");
  tree.executable("py", "3.12");
  const std::string library = "py/lib/libpython3.12.so.1.0";
  tree.search.home = tree.at("py");
  std::string reason;
  SECTION("static") {
    tree.file("py/lib/libpython3.12.a", "!<arch>\n");
    reason = "built without a shared library (static), or its package is not installed: no libpython3.12 below " +
             tree.at("py");
  }
  SECTION("the forwarder alone") {
    tree.file("py/lib/libpython3.so", native_library());
    reason = "built without a shared library (static)";
  }
  SECTION("empty") { tree.file(library, ""), reason = "an empty file"; }
  SECTION("text") { tree.file(library, "INPUT(libpython3.12.so)"), reason = "not a shared library"; }
  SECTION("truncated") { tree.file(library, elf(2, 1, 62).substr(0, 50)), reason = "truncated ELF file"; }
  SECTION("truncated after the header") {
    std::string bytes = elf(2, 1, 62);
    bytes[42] = 0x7f, bytes[58] = 64, bytes[60] = 30;
    tree.file(library, bytes);
    reason = "truncated ELF file";
  }
  SECTION("an executable") { tree.file(library, elf(2, 1, 62, 2)), reason = "an ELF file, but no shared library"; }
  SECTION("another machine") {
    tree.file(library, elf(2, 2, 22));
    reason = "wrong architecture: it is ELF for s390x, this program is " +
             std::string(py::detail::native_format.c_str()) + " for " + py::detail::native_machine.c_str();
  }
  SECTION("standard library missing") {
    tree.file(library, native_library());
    REQUIRE(rename(tree.at("py/lib/python3.12/encodings").c_str(), tree.at("py/lib/python3.12/gone").c_str()) == 0);
    reason = "standard library missing: no lib/python3.12/os.py with encodings below " + tree.at("py");
  }
  SECTION("outside of the version range") {
    tree.file(library, native_library());
    tree.search.version = ">=3.9, <3.12";
    reason = "3.12 is not in >=3.9, <3.12";
  }
  SECTION("others may write") {
    tree.file(library, native_library());
    chmod(tree.at(library).c_str(), 0666);
    tree.search.strict = true;
    reason = "not safe (strict): others may write to " + tree.at(library);
  }
  SECTION("others may write to a folder above") {
    tree.file(library, native_library());
    chmod(tree.at("py").c_str(), 0777);
    tree.search.strict = true;
    reason = "not safe (strict): others may write to " + tree.at("py");
  }
  CHECK(has(only_reason(py::locate(tree.search)), reason));
}

TEST_CASE("a home with a colon is refused, because CPython splits it there", "[locate]") {
  Tree tree;
  tree.python("a:b", "3.12");
  tree.search.home = tree.at("a:b");
  CHECK(only_reason(py::locate(tree.search)) == "its home has a colon, at which CPython splits it: " + tree.at("a:b"));
}

TEST_CASE("strict takes what only its owner may write to, and refuses what others may", "[locate][security]") {
  Tree tree;
  tree.python("py", "3.12");
  tree.file("py/lib/python312.zip");
  tree.file("py/lib/python3.12/site-packages/package/module.py");
  tree.file("py/lib/python3/dist-packages/module.py");
  tree.file("elsewhere/editable/module.py");
  tree.file("elsewhere/beside/module.py");
  tree.file("py/lib/python3.12/site-packages/some.pth", "# a comment\n\nimport sys; sys.x = 1\n" +
                                                            tree.at("elsewhere/editable") +
                                                            "\n../../../../elsewhere/beside\n/gone\n");
  tree.file("packages/linked/module.py");
  tree.link("py/lib/python3.12/site-packages/linked", tree.at("packages/linked"));
  tree.link("py/lib/python3.12/site-packages/itself", ".");
  tree.link("py/lib/python3.12/site-packages/nowhere", "/gone");
  tree.venv("venv", "home = " + tree.at("py/bin"));
  tree.file("venv/lib/python3.12/site-packages/module.py");
  tree.link("hop/venv", tree.at("venv"));
  tree.search.strict = true;
  tree.search.python = tree.at("venv");
  std::string open;
  mode_t mode = 0777;
  uid_t owner = geteuid();
  SECTION("nothing") {}
  SECTION("the folder of the executable") { open = "py/bin"; }
  SECTION("the executable") { open = "py/bin/python3.12", mode = 0757; }
  SECTION("the library's group") { open = "py/lib/libpython3.12.so.1.0", mode = 0775; }
  SECTION("the environment") { open = "venv"; }
  SECTION("the environment's bin") { open = "venv/bin"; }
  SECTION("the environment's python") { open = "venv/bin/python"; }
  SECTION("pyvenv.cfg") { open = "venv/pyvenv.cfg"; }
  SECTION("the environment's lib") { open = "venv/lib"; }
  SECTION("site-packages") { open = "venv/lib/python3.12/site-packages"; }
  SECTION("site-packages with a sticky bit: others may add files") {
    open = "venv/lib/python3.12/site-packages", mode = 01777;
  }
  SECTION("a file of site-packages") { open = "venv/lib/python3.12/site-packages/module.py"; }
  SECTION("the standard library") { open = "py/lib/python3.12"; }
  SECTION("a file of it") { open = "py/lib/python3.12/os.py", mode = 0666; }
  SECTION("a folder of it") { open = "py/lib/python3.12/encodings"; }
  SECTION("a file of a folder of it") { open = "py/lib/python3.12/encodings/__init__.py", mode = 0646; }
  SECTION("the zip file of it") { open = "py/lib/python312.zip"; }
  SECTION("a package of the base") { open = "py/lib/python3.12/site-packages/package/module.py"; }
  SECTION("Debian's packages") { open = "py/lib/python3/dist-packages/module.py"; }
  SECTION("what a .pth file names") { open = "elsewhere/editable"; }
  SECTION("a file in it") { open = "elsewhere/editable/module.py"; }
  SECTION("what a .pth file names from its folder") { open = "elsewhere/beside/module.py"; }
  SECTION("the folder above what a .pth file names") { open = "elsewhere"; }
  SECTION("what a link leads to") { open = "packages/linked/module.py"; }
  SECTION("a folder on the way through a link") { open = "packages"; }
  SECTION("a link on the way to the executable") {
    tree.search.python = tree.at("hop/venv");
    open = "hop";
  }
  SECTION("another user's file") { open = "venv/lib/python3.12/site-packages/module.py", owner = 65534, mode = 0644; }
  SECTION("another user's folder") { open = "venv/lib/python3.12", owner = 65534, mode = 0755; }
  SECTION("another user's link") { open = "py/lib/python3.12/site-packages/linked", owner = 65534, mode = 0; }
  if (!open.empty()) {
    if (owner != geteuid() && geteuid() != 0) SKIP("only root gives files away");
    if (mode != 0) chmod(tree.at(open).c_str(), mode);
    REQUIRE(lchown(tree.at(open).c_str(), owner, static_cast<gid_t>(-1)) == 0);
  }
  const Discovery discovery = py::locate(tree.search);
  INFO(discovery.to_string());
  if (open.empty())
    CHECK(discovery.chosen() != nullptr);
  else
    CHECK(only_reason(discovery) == "not safe (strict): others may write to " + tree.at(open));
  tree.search.strict = false;
  CHECK(py::locate(tree.search).chosen().has_value());
}

TEST_CASE("strict reads the .pth files that the module site reads, and each folder once", "[locate][security]") {
  Tree tree;
  tree.python("project/py", "3.12");
  const std::string lib = "project/py/lib/python3.12", packages = lib + "/site-packages";
  tree.file("project/module.py");
  tree.folder("sticky");
  chmod(tree.at("sticky").c_str(), 01777);
  tree.file(packages + "/above.pth", tree.at("project") + "\n" + tree.at("project/") + "\n../../..\n");
  tree.file(packages + "/package/data.pth", tree.at("sticky") + "\n");
  tree.file("project/not_read.pth", tree.at("sticky") + "\n");
  tree.search.strict = true;
  tree.search.python = tree.at("project/py/bin/python3.12");
  std::string open = "sticky";
  const std::string far(70000, '#');
  SECTION("a folder that holds the .pth file") { open = ""; }
  SECTION("a file in it") { open = "project/module.py"; }
  SECTION("a path that is missing where others may add it") {
    tree.file(packages + "/some.pth", tree.at("sticky/gone/further") + "\n");
  }
  SECTION("a link to such a path") { tree.link(lib + "/linked", tree.at("sticky/gone")); }
  SECTION("a line far behind in a .pth file") {
    tree.file(packages + "/some.pth", far + "\n" + tree.at("sticky") + "\n");
  }
  SECTION("site-packages that are a link to a folder of another name") {
    tree.python("project/other", "3.12");
    tree.link("project/other/lib/python3.12/site-packages", tree.at("project/named"));
    tree.file("project/named/some.pth", tree.at("sticky") + "\n");
    tree.search.python = tree.at("project/other/bin/python3.12");
  }
  SECTION("a .pth file that is too large to be read") {
    open = packages + "/some.pth";
    tree.file(open);
    REQUIRE(truncate(tree.at(open).c_str(), 17 << 20) == 0);
  }
  if (open == "project/module.py") chmod(tree.at(open).c_str(), 0666);
  const Discovery discovery = py::locate(tree.search);
  INFO(discovery.to_string());
  if (open.empty())
    CHECK(discovery.chosen() != nullptr);
  else
    CHECK(only_reason(discovery) == "not safe (strict): others may write to " + tree.at(open));
}

TEST_CASE("a set-uid program takes no Python that others may write to", "[locate][security]") {
  Tree tree;
  tree.python("app/python", "3.12");
  tree.search.as_secure = true;
  CHECK(py::locate(tree.search).chosen()->source == "beside the program");
  chmod(tree.at("app").c_str(), 0777);  // where others can make a hard link to the program
  CHECK(only_reason(py::locate(tree.search)) == "not safe (set-uid): others may write to " + tree.at("app"));
}

TEST_CASE("strict follows links to an end", "[locate][security]") {
  Tree tree;
  tree.link("one", "two");
  tree.link("two", "one");
  tree.file("three/file");
  tree.link("up/file", "../three/.././three//file");
  py::detail::Arena arena;
  using py::detail::writable_by_others;
  CHECK(!writable_by_others(arena, arena.copy(tree.at("one"))).empty());
  CHECK(writable_by_others(arena, arena.copy(tree.at("up/file"))).empty());
  CHECK(writable_by_others(arena, arena.copy(tree.at("gone/file"))).empty());
  chmod(tree.at("three/file").c_str(), 0666);
  CHECK(writable_by_others(arena, arena.copy(tree.at("up/file"))) == tree.at("three/file"));
}

TEST_CASE("where no file can be opened any more, that is the reason", "[locate]") {
  Tree tree;
  tree.python("py", "3.12");
  tree.venv("venv", "home = " + tree.at("py/bin"));
  std::string prefix;
  SECTION("an executable") { tree.search.python = tree.at("py/bin/python3"); }
  SECTION("a library") { tree.search.library = tree.at("py/lib/libpython3.12.so.1.0"); }
  SECTION("an environment") { tree.search.python = tree.at("venv"), prefix = "pyvenv.cfg "; }
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 3;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  const Discovery discovery = py::locate(tree.search);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(only_reason(discovery) == prefix + "cannot be read: Too many open files");
}

TEST_CASE("what may not be read is refused for that", "[locate]") {
  Tree tree;
  tree.python("py", "3.12");
  tree.search.library = tree.at("py/lib/libpython3.12.so.1.0");
  chmod(tree.at("").c_str(), 0755);
  chmod(tree.at("py/lib/libpython3.12.so.1.0").c_str(), 0);
  const bool root = geteuid() == 0;
  if (root) REQUIRE(seteuid(65534) == 0);
  const Discovery discovery = py::locate(tree.search);
  if (root) REQUIRE(seteuid(0) == 0);
  CHECK(only_reason(discovery) == "cannot be read: Permission denied");
}

TEST_CASE("too old", "[locate]") {
  Tree tree;
  tree.python("home/me/.pyenv/versions/3.8.18", "3.8");
  tree.python("home/me/.pyenv/versions/3.7.16", "3.7m");
  tree.python("home/me/.pyenv/versions/2.7.18", "2.7");
  const Discovery discovery = py::locate(tree.search);
  CHECK(order(discovery) == "[pyenv 3.8.18], [pyenv 3.7.16], [pyenv 2.7.18]");
  for (const Candidate& c : discovery.candidates()) CHECK(has(c.reason, "too old: " + c.version.to_string()));
}

TEST_CASE("each manager's folder is known", "[locate]") {
  Tree tree;
  std::string source, home;
  const auto at = [&](const char* by, const char* folder) { source = by, home = folder; };
  SECTION("uv by its variable") {
    at("uv", "elsewhere/cpython-3.12.3-linux-x86_64-gnu");
    tree.set("UV_PYTHON_INSTALL_DIR=" + tree.at("elsewhere"));
  }
  SECTION("uv in the data folder") {
    at("uv", "data/uv/python/cpython-3.12.3-linux-x86_64-gnu");
    tree.set("XDG_DATA_HOME=" + tree.at("data"));
  }
  SECTION("pyenv by its variable") {
    at("pyenv", "roots/pyenv/versions/3.12.3");
    tree.set("PYENV_ROOT=" + tree.at("roots/pyenv"));
  }
  SECTION("asdf") { at("asdf", "home/me/.asdf/installs/python/3.12.3"); }
  SECTION("mise") { at("mise", "home/me/.local/share/mise/installs/python/3.12.3"); }
  for (const char* name : {"miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba"}) SECTION(name) {
      at("conda", "home/me/"), home += name;
    }
  for (const char* name : {"conda", "miniconda3", "miniforge3", "anaconda3"}) SECTION(std::string("opt/") + name) {
      at("conda", "opt/"), home += name;
    }
  SECTION("an environment of conda's") {
    at("conda", "opt/conda/envs/work");
    tree.folder("opt/conda");
  }
  SECTION("one that conda wrote down") {
    at("conda", "projects/env");
    tree.file("home/me/.conda/environments.txt", "relative/env\r\n" + tree.at("projects/env") + "\r\n/gone\r\n");
  }
  for (const char* brew : {"opt/homebrew/opt", "usr/local/opt", "home/linuxbrew/.linuxbrew/opt"}) SECTION(brew) {
      at("Homebrew", brew), home += "/python@3.12";
    }
  SECTION("a framework of Homebrew's") {
    at("Homebrew", "opt/homebrew/opt/python@3.12/Frameworks/Python.framework/Versions/3.12");
    tree.file(home + "/Python", native_library());
    tree.stdlib(home, "3.12");
  }
  for (const char* folder : {"Library/Frameworks", "opt/local/Library/Frameworks"}) SECTION(folder) {
      at(folder[0] == 'L' ? "framework" : "MacPorts", folder), home += "/Python.framework/Versions/3.12";
      tree.file(home + "/Python", native_library());
      tree.stdlib(home, "3.12");
    }
  if (!has(home, ".framework")) tree.python(home, "3.12");
  const Discovery discovery = py::locate(tree.search);
  INFO(discovery.to_string());
  REQUIRE(discovery.chosen());
  CHECK(discovery.candidates().size() == 1);
  CHECK(discovery.chosen()->source == source);
  CHECK(discovery.chosen()->prefix == tree.at(home));
  CHECK(discovery.chosen()->version.minor == 12);
}

TEST_CASE("the same library is listed once, an environment beside its base", "[locate]") {
  Tree tree;
  tree.python("usr/local", "3.12");
  tree.link("usr/local/lib/libpython3.12.so", "libpython3.12.so.1.0");
  tree.venv("venv", "home = " + tree.at("usr/local/bin"));
  tree.set("LATEPY_LIBRARY=");
  tree.set("LATEPY_PYTHON=");
  tree.set("VIRTUAL_ENV=" + tree.at("venv"));
  tree.set("PATH=" + tree.at("venv/bin") + ":" + tree.at("usr/local/bin"));
  tree.file("etc/ld.so.cache", raw("x\0/usr/local/lib/libpython3.12.so\0"));
  CHECK(order(py::locate(tree.search)) == "VIRTUAL_ENV 3.12, PATH 3.12");
}

TEST_CASE("a real path is the same where its folders were met before", "[locate]") {
  Tree tree;
  tree.file("one/lib/file");
  tree.file("one/lib/other");
  tree.link("two", tree.at("one"));
  tree.link("one/relative", "lib/other");
  tree.link("one/lib/dangling", tree.at("nowhere"));
  tree.link("one/loop", "loop");
  py::detail::Arena arena;
  py::detail::RealPaths real_path(arena);
  for (int time = 0; time < 2; ++time)
    for (const char* path : {"one/lib/file", "two/lib/file", "two/lib/other", "one/relative", "two/relative", "one",
                             "two", "one/", "two/../one/lib/file", "one/./lib/file", "one/lib/..", "two//lib/file",
                             "one/lib/dangling", "one/lib/file/below", "one/missing", "missing/file", "one/loop", ""}) {
      CAPTURE(path, time);
      const py::detail::Text full = arena.copy(tree.at(path));
      CHECK(real_path(arena, full) == py::detail::real_path(arena, full));
    }
  for (const char* path : {"/", "", ".", "..", "no/such", "/usr/bin/env"})
    CHECK(real_path(arena, path) == py::detail::real_path(arena, path));
}

TEST_CASE("Debian keeps its libraries in a folder of the machine", "[locate]") {
  if (py::detail::multiarch.empty()) return;
  Tree tree;
  tree.executable("usr", "3.11");
  tree.stdlib("usr", "3.11");
  tree.file("etc/os-release", "NAME=\"Debian GNU/Linux\"\nID=debian\n");
  tree.set("PATH=" + tree.at("usr/bin"));
  const Discovery bare = py::locate(tree.search);
  CHECK(has(only_reason(bare), "built without a shared library (static)"));
  CHECK(has(bare.remedy(), "apt-get install libpython3.11."));
  tree.file("usr/lib/" + std::string(py::detail::multiarch.c_str()) + "/libpython3.11.so.1.0", native_library());
  tree.file("usr/include/python3.11/patchlevel.h", "/* PY_MICRO_VERSION */\n#define PY_MICRO_VERSION        2\n");
  const Discovery discovery = py::locate(tree.search);
  CHECK(order(discovery) == "PATH 3.11.2");
  CHECK(discovery.chosen()->home == tree.at("usr"));
  CHECK(discovery.chosen()->executable == tree.at("usr/bin/python3.11"));
}

TEST_CASE("a library without an executable is usable and says so", "[locate]") {
  Tree tree;
  tree.stdlib("usr", "3.12");
  tree.executable("usr", "3.11");
  tree.file("usr/lib/libpython3.12.so.1.0", native_library());
  const Discovery discovery = py::locate(tree.search);
  REQUIRE(discovery.chosen());
  CHECK(discovery.chosen()->executable.empty());
  CHECK(has(discovery.chosen()->reason, "no python executable"));
}

TEST_CASE("frameworks are met by their names", "[locate]") {
  Tree tree;
  tree.stdlib("Library/Frameworks/PythonT.framework/Versions/3.13", "3.13t");
  tree.file("Library/Frameworks/PythonT.framework/Versions/3.13/PythonT", native_library());
  const Discovery discovery = py::locate(tree.search);
  CHECK(order(discovery) == "framework 3.13");
  CHECK(discovery.chosen()->free_threaded);
}

TEST_CASE("the remedy is that of the system", "[locate]") {
  Tree tree;
  std::string release, remedy;
  SECTION("Ubuntu") { release = "ID=ubuntu\nID_LIKE=debian", remedy = "apt-get install python3 libpython3-dev"; }
  SECTION("Fedora") { release = "ID=fedora", remedy = "dnf install"; }
  SECTION("Rocky") { release = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", remedy = "dnf install"; }
  SECTION("Alpine") { release = "ID=alpine", remedy = "apk add python3"; }
  SECTION("Arch") { release = "ID=arch", remedy = "pacman -S python"; }
  SECTION("unknown") { release = "", remedy = "--enable-shared"; }
  SECTION("pyenv") {
    tree.executable("home/me/.pyenv/versions/3.12.1", "3.12"),
        remedy = "PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force 3.12.1";
  }
  tree.file("etc/os-release", release);
  CHECK(has(py::locate(tree.search).remedy(), LATEPY_APPLE && !has(remedy, "pyenv") ? "brew" : remedy));
}

TEST_CASE("the remedy fits what was asked for", "[locate]") {
  Tree tree;
  tree.file("etc/os-release", "ID=debian\n");
  tree.python("usr", "3.11");
  const auto remedy = [&] { return py::locate(tree.search).remedy(); };
  SECTION("a range that the system's Python is not in") {
    tree.search.version = ">=3.12";
    CHECK(has(remedy(), "Install CPython >=3.12 with its shared library"));
    CHECK(!has(remedy(), "libpython3.11"));
    tree.file("usr/bin/python3.13");  // one without its library
    CHECK(has(remedy(), "apt-get install libpython3.13."));
    tree.search.version = "<3.11";
    CHECK(has(remedy(), "Install CPython <3.11 "));
  }
  SECTION("a library that is there, and broken") {
    tree.file("usr/lib/libpython3.11.so.1.0", "");
    CHECK(!has(remedy(), "libpython3.11"));
  }
  SECTION("a path that leads nowhere") {
    tree.search.python = tree.at("gone");
    CHECK(remedy() == "Correct Config::python, or leave it empty: then a Python is looked for.");
    tree.search.python = py::Path();
    tree.search.library = tree.at("gone");
    CHECK(remedy() == "Correct Config::library, or leave it empty: then a Python is looked for.");
  }
  SECTION("a path and a range") {
    tree.search.python = tree.at("usr");
    tree.search.version = ">=3.12";
    CHECK(remedy() == "Correct Config::python or Config::version, or leave it empty: then a Python is looked for.");
  }
  SECTION("a variable") {
    tree.set("LATEPY_PYTHON=" + tree.at("gone"));
    CHECK(remedy() == "Correct LATEPY_PYTHON, or unset it: then a Python is looked for.");
  }
  SECTION("a name") {
    tree.search.python = "python3.12";
    CHECK(has(remedy(), "a name is not looked for on PATH: write the whole path"));
  }
  SECTION("a path from the user's folder") {
    tree.search.python = "~/venv";
    CHECK(has(remedy(), "~ is not expanded: write the whole path"));
  }
  SECTION("an executable whose library is a package") {
    tree.file("usr/bin/python3.12");
    tree.search.python = tree.at("usr/bin/python3.12");
    CHECK(remedy() == "Install Python's shared library: apt-get install libpython3.12.");
  }
  SECTION("an executable of pyenv's") {
    tree.executable("roots/pyenv/versions/3.12.1", "3.12");
    tree.search.python = tree.at("roots/pyenv/versions/3.12.1/bin/python");
    CHECK(has(remedy(), "Install CPython 3.9 or newer with its shared library"));
    CHECK(has(remedy(), "pyenv install --force 3.12.1."));
  }
  SECTION("another executable without a library") {
    tree.executable("opt/py", "3.12");
    tree.search.python = tree.at("opt/py/bin/python3");
    CHECK(remedy() == "Install CPython 3.9 or newer with its shared library (configure --enable-shared).");
  }
}

TEST_CASE("the system's newest Python without its library is the one to complete", "[locate]") {
  Tree tree;
  tree.file("usr/lib/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n");
  for (const char* version : {"3.8", "3.9", "3.10", "3.12"}) tree.file("usr/bin/python" + std::string(version));
  tree.set("LATEPY_PYTHON=");
  CHECK(has(py::locate(tree.search).remedy(), "apt-get install libpython3.12."));
  CHECK(std::remove(tree.at("usr/bin/python3.12").c_str()) == 0);
  CHECK(has(py::locate(tree.search).remedy(), "apt-get install libpython3.10."));
  for (const char* version : {"3.9", "3.10"})
    CHECK(std::remove(tree.at("usr/bin/python" + std::string(version)).c_str()) == 0);
  CHECK(has(py::locate(tree.search).remedy(), "apt-get install python3 libpython3-dev."));
}

TEST_CASE("a question to another program ends", "[locate]") {
  using py::detail::run_and_read;
  py::detail::Arena arena;
  CHECK(run_and_read(arena, {"/bin/sh", "-c", "echo $0 $#; test -z \"$HOME\"", "a b", nullptr}) == "a b 0\n");
  CHECK(run_and_read(arena, {"/bin/sh", "-c", "echo x; exit 1", nullptr}).empty());
  CHECK(run_and_read(arena, {"/gone", nullptr}).empty());
  CHECK(run_and_read(arena, {"/bin/sh", "-c", "echo x; exec sleep 30", nullptr}, 100).empty());
  CHECK(run_and_read(arena, {"/bin/sh", "-c", "exec cat /dev/zero", nullptr}).empty());
  CHECK(run_and_read(arena, {"/bin/sh", "-c", "exec head -c 65536 /dev/zero", nullptr}).size() == 65536);
}

TEST_CASE("a question leaves no open file and no child behind", "[locate]") {
  py::detail::Arena arena;
  const auto next_number = [] {  // the lowest that is free
    const int number = dup(0);
    close(number);
    return number;
  };
  const int before = next_number();
  for (const char* program : {"/bin/true", "/bin/false", "/gone"}) {
    for (int i = 0; i < 3; ++i) py::detail::run_and_read(arena, {program, nullptr});
    CHECK(next_number() == before);
  }
  py::detail::run_and_read(arena, {"/bin/sh", "-c", "exec sleep 30", nullptr}, 10);
  CHECK(next_number() == before);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a Python that files do not explain is asked only where that is wanted", "[locate][machine]") {
  Search search;
  search.in_process = false;
  const Discovery machine = py::locate(search);
  const auto with_python =
      std::find_if(machine.candidates().begin(), machine.candidates().end(), [](const Candidate& c) {
        return c.verdict != Verdict::refused && !c.base_executable.empty() && c.base_executable[0] == '/' &&
               !c.home.empty() && c.home != "/usr";
      });
  if (with_python == machine.candidates().end()) SKIP("no Python outside of /usr");
  // A program that starts the real one: its own folder has no library.
  Tree tree;
  py::detail::Arena arena;
  const auto file = py::detail::read_file(arena, with_python->base_executable, 64u << 20);
  tree.file("odd/bin/python3", std::string(file.text));
  chmod(tree.at("odd/bin/python3").c_str(), 0755);
  tree.search.python = tree.at("odd/bin/python3");
  CHECK(has(only_reason(py::locate(tree.search)), "built without a shared library (static)"));
  tree.search.ask_python = true;
  const Discovery discovery = py::locate(tree.search);
  INFO(discovery.to_string());
  if (!discovery.chosen()) SKIP("the copy does not run here");
  CHECK(discovery.chosen()->library == with_python->library);
  tree.search.as_secure = true;
  CHECK_FALSE(py::locate(tree.search).chosen().has_value());
}

TEST_CASE("a Python in this process is the only candidate", "[locate][machine][attach]") {
  Search search;
  search.in_process = false;
  const Discovery machine = py::locate(search);
  if (!machine.chosen()) SKIP("no Python");
  const Candidate wanted = *machine.chosen();
  // In a child, because a libpython is never unloaded.
  for (const int flags : {RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL}) {
    const pid_t child = fork();
    if (child == 0) {
      int failed = 0;
      if (!dlopen(wanted.library.c_str(), flags)) _exit(77);
      const Discovery found = py::locate();
      const Candidate* c = found.chosen();
      if (!c || found.candidates().size() != 1) _exit(1);
      failed |= !c->in_process || c->library != wanted.library || c->home != wanted.home ? 2 : 0;
      failed |= c->version.micro < 0 || c->source != "in this process" ? 4 : 0;
      failed |= c->base_executable != wanted.base_executable ? 8 : 0;
      // Looking does not make a local library global.
      failed |= (flags & RTLD_GLOBAL) == 0 && dlsym(RTLD_DEFAULT, "Py_GetVersion") ? 16 : 0;
      Search other;
      other.version = "<3.9";
      const Discovery none = py::locate(other);
      failed |=
          none.chosen() || !has(none.candidates()[0].reason, "is not in <3.9, and a process can have one Python only")
              ? 32
              : 0;
      Search library;
      library.library = "/gone/libpython3.12.so";
      failed |= py::locate(library).chosen() ? 64 : 0;
      library.library = wanted.library + std::string("\0.old", 5);
      failed |= only_reason(py::locate(library)) != "its path holds a NUL byte" ? 128 : 0;
      _exit(failed);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("a library that is in this process is the only one that a wish can have", "[locate][attach]") {
  Tree tree;
  tree.python("one", "3.11");
  tree.file("one/lib/libpython3.11.so.1.0", stand_in());
  tree.python("two", "3.12");
  tree.venv("venv", "home = " + tree.at("one/bin"));
  tree.venv("venv2", "home = " + tree.at("two/bin"));
  tree.search.in_process = true;
  for (const int flags : {RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL})
    CHECK(status_of([&] {
            if (!dlopen(tree.at("one/lib/libpython3.11.so.1.0").c_str(), flags)) return 99;
            const auto find = [&] {
              const Discovery found = py::locate(tree.search);
              tree.search.python = tree.search.library = tree.search.home = py::Path();
              tree.search.environment.resize(1);
              return found;
            };
            const auto is_one = [&](const char* executable) {
              const Discovery found = find();
              const Candidate* const c = found.chosen();
              return c && c->in_process && c->executable == tree.at(executable) && c->version.micro == 7;
            };
            const auto is_refused = [&](const std::string& why) {
              const Discovery found = find();
              return !found.chosen() && has(found.candidates()[0].reason, why);
            };
            const std::string loaded = "this process has loaded " + tree.at("one/lib/libpython3.11.so.1.0") +
                                       " already, and a process can have one Python only";
            int step = 1;
            if (!is_one("one/bin/python3.11")) return step;
            tree.search.python = tree.at("venv");
            if (++step; !is_one("venv/bin/python")) return step;
            tree.set("LATEPY_PYTHON=" + tree.at("venv"));
            if (++step; !is_one("venv/bin/python")) return step;
            tree.set("VIRTUAL_ENV=" + tree.at("venv"));
            if (++step; !is_one("venv/bin/python")) return step;
            tree.set("VIRTUAL_ENV=" + tree.at("venv2"));  // no wish
            if (++step; !is_one("one/bin/python3.11")) return step;
            tree.search.library = tree.at("one/lib/libpython3.11.so.1.0");
            if (++step; !is_one("one/bin/python3.11")) return step;
            tree.search.home = tree.at("one");
            if (++step; !is_one("one/bin/python3.11")) return step;
            for (const char* other : {"two", "two/bin/python3", "venv2"}) {
              tree.search.python = tree.at(other);
              if (++step; !is_refused(loaded)) return step;
            }
            tree.set("LATEPY_PYTHON=" + tree.at("two"));
            if (++step; !is_refused(loaded)) return step;
            tree.search.library = tree.at("two/lib/libpython3.12.so.1.0");
            if (++step; !is_refused(loaded)) return step;
            tree.search.python = tree.at("gone");
            if (++step; !is_refused("not found")) return step;
            tree.search.home = tree.at("two");
            if (++step; !is_refused("standard library missing")) return step;
            tree.search.strict = true;
            if (++step; !is_one("one/bin/python3.11")) return step;
            chmod(tree.at("one/lib/python3.11/os.py").c_str(), 0666);
            if (++step; !is_refused("not safe (strict)")) return step;
            return chmod(tree.at("one/lib/python3.11/os.py").c_str(), 0644);
          }) == 0);
}

TEST_CASE("a Python in this process that is too old is refused", "[locate][attach]") {
  Tree tree;
  tree.python("old", "3.8");
  tree.file("old/lib/libpython3.8.so.1.0", stand_in("3.8.18"));
  tree.search.in_process = true;
  CHECK(status_of([&]() -> int {
          if (!dlopen(tree.at("old/lib/libpython3.8.so.1.0").c_str(), RTLD_NOW | RTLD_LOCAL)) return 99;
          const Discovery found = py::locate(tree.search);
          return found.chosen() || found.candidates().size() != 1 ||
                 !has(found.candidates()[0].reason, "too old: 3.8.18") ||
                 !has(found.candidates()[0].reason, "and a process can have one Python only");
        }) == 0);
}

TEST_CASE("a Python that runs needs no standard library to be found", "[locate][machine][attach]") {
  Search search;
  search.in_process = false;
  const Discovery machine = py::locate(search);
  if (!machine.chosen()) SKIP("no Python");
  const int status = status_of([&] {
    void* const library = dlopen(machine.chosen()->library.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) return 99;
    Search nowhere;
    nowhere.home = "/nowhere";
    if (py::locate(nowhere).chosen()) return 1;
    reinterpret_cast<void (*)(int)>(dlsym(library, "Py_InitializeEx"))(0);
    const Discovery found = py::locate(nowhere);
    return found.chosen() && found.chosen()->in_process ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("a library that was loaded by a relative path keeps that name: another file may have it by now",
          "[locate][machine][attach]") {
  Search search;
  search.in_process = false;
  const Discovery machine = py::locate(search);
  if (!machine.chosen()) SKIP("no Python");
  const std::string library = machine.chosen()->library;
  const std::string folder = library.substr(0, library.rfind('/')), name = "./" + library.substr(folder.size() + 1);
  Tree elsewhere;
  elsewhere.file(name.substr(2), "no library");
  for (const int flags : {RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL}) {
    const pid_t child = fork();
    if (child == 0) {
      if (chdir(folder.c_str()) != 0 || !dlopen(name.c_str(), flags)) _exit(77);
      if (chdir(elsewhere.at("").c_str()) != 0) _exit(77);
      const Discovery found = py::locate();
      if (found.candidates().size() != 1) _exit(1);
      const Candidate& c = found.candidates()[0];
      int failed = c.library != name ? 2 : 0;
      failed |= found.chosen() || !has(c.reason, "standard library missing") ? 4 : 0;
      Search with_home;
      with_home.home = machine.chosen()->home;
      const Discovery whole = py::locate(with_home);
      failed |= !whole.chosen() || whole.chosen()->version.minor != machine.chosen()->version.minor ? 8 : 0;
      _exit(failed);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("what is named as a library and is none is refused for what it is", "[locate]") {
  Tree tree;
  tree.folder("folder");
  tree.file("lib/mine.so", native_library());
  REQUIRE(mkfifo(tree.at("pipe").c_str(), 0600) == 0);
  const auto reason = [&](const char* name) {
    tree.search.library = tree.at(name);
    return only_reason(py::locate(tree.search));
  };
  CHECK(reason("gone") == "not found");
  CHECK(reason("folder") == "a folder, not a shared library");
  CHECK(reason("pipe") == "cannot be read: it is no file");
  CHECK(has(reason("lib/mine.so"), "not named like a libpython"));
  tree.search.library = "";
  tree.search.python = tree.at("folder/");
  CHECK(has(only_reason(py::locate(tree.search)), "no Python: neither pyvenv.cfg nor a python executable"));
}

TEST_CASE("the version in pyvenv.cfg is that of a base whose python has no version in its name", "[locate][venv]") {
  Tree tree;
  tree.file("py/bin/python",
            "\x7f"
            "ELF");
  for (const char* const version : {"3.11", "3.12", "3.13"}) {
    tree.stdlib("py", version);
    tree.file(std::string("py/lib/libpython") + version + ".so.1.0", native_library());
  }
  tree.venv("venv", "home = " + tree.at("py/bin") + "\nversion = 3.12.4\n");
  tree.search.python = tree.at("venv");
  const Discovery discovery = py::locate(tree.search);
  REQUIRE(discovery.chosen());
  CHECK(discovery.chosen()->library == tree.at("py/lib/libpython3.12.so.1.0"));
}

TEST_CASE("python3.13 is that of a free-threaded build where there is no ordinary one", "[locate]") {
  Tree tree;
  tree.python("py", "3.13t");
  REQUIRE(link(tree.at("py/bin/python3.13t").c_str(), tree.at("py/bin/python3.13").c_str()) == 0);
  unlink(tree.at("py/bin/python3").c_str());
  tree.link("py/bin/python3", "python3.13");
  tree.venv("venv", "home = " + tree.at("py/bin") + "\nversion = 3.13.0\n");
  tree.link("elsewhere/bin/python3", tree.at("py/bin/python3"));
  std::string library = "libpython3.13t.so.1.0", reason;
  SECTION("alone") {}
  SECTION("with an ordinary one of another version") {
    tree.stdlib("py", "3.12");
    tree.file("py/lib/libpython3.12.so.1.0", native_library());
  }
  SECTION("with the standard library in lib64") {
    std::filesystem::create_directory(tree.at("py/lib64"));
    REQUIRE(rename(tree.at("py/lib/python3.13t").c_str(), tree.at("py/lib64/python3.13t").c_str()) == 0);
  }
  SECTION("with an ordinary library") {
    tree.stdlib("py", "3.13");
    tree.file("py/lib/libpython3.13.so.1.0", native_library());
    library = "libpython3.13.so.1.0";
  }
  SECTION("with an ordinary library whose standard library is missing") {
    tree.file("py/lib/libpython3.13.so.1.0", native_library());
    reason = "standard library missing: no lib/python3.13/os.py";
  }
  SECTION("with an ordinary one that has no library") {
    tree.stdlib("py", "3.13");
    reason = "no libpython3.13 below " + tree.at("py");
  }
  SECTION("which has no library") {
    unlink(tree.at("py/lib/libpython3.13t.so.1.0").c_str());
    reason = "no libpython3.13t below " + tree.at("py");
  }
  const auto check = [&](const char* source) {
    const Discovery discovery = py::locate(tree.search);
    INFO(discovery.to_string());
    REQUIRE_FALSE(discovery.candidates().empty());
    const Candidate& c = discovery.candidates()[0];
    CHECK(c.source == source);
    CHECK((c.verdict == Verdict::chosen) == reason.empty());
    CHECK(has(c.reason, reason));
    if (!reason.empty()) return;
    CHECK(c.library == tree.at("py/lib/" + library));
    CHECK(c.home == tree.at("py"));
    CHECK(c.free_threaded == has(library, "t.so"));
  };
  for (const char* python : {"py/bin/python3.13", "py/bin/python3", "elsewhere/bin/python3", "venv"}) {
    CAPTURE(python);
    tree.search.python = tree.at(python);
    check("Config::python");
  }
  tree.search.python = py::Path();
  tree.set("PATH=" + tree.at("elsewhere/bin"));
  check("PATH");
}

TEST_CASE("strict refuses a folder in which it may not look", "[locate][security]") {
  Tree tree;
  tree.python("py", "3.12");
  tree.folder("py/lib/python3.12/site-packages");
  tree.search.python = tree.at("py");
  tree.search.strict = true;
  chmod(tree.at("").c_str(), 0755);
  chmod(tree.at("py/lib/python3.12/site-packages").c_str(), 0);
  const bool root = geteuid() == 0;
  if (root) REQUIRE(seteuid(65534) == 0);
  const Discovery discovery = py::locate(tree.search);
  if (root) REQUIRE(seteuid(0) == 0);
  chmod(tree.at("py/lib/python3.12/site-packages").c_str(), 0755);
  CHECK(only_reason(discovery) ==
        "not safe (strict): others may write to " + tree.at("py/lib/python3.12/site-packages"));
}

TEST_CASE("an answer that leads to no library is none", "[locate]") {
  py::detail::Arena arena;
  CHECK(py::detail::ask_python(arena, "/bin/true").empty());
  CHECK(py::detail::ask_python(arena, "/gone").empty());
  Tree tree;
  const auto answer = [&](const std::string& lines) {
    tree.file("python", "#!/bin/sh\nprintf '" + lines + "'\n");
    chmod(tree.at("python").c_str(), 0755);
    return std::string(py::detail::ask_python(arena, tree.at("python").c_str()).c_str());
  };
  CHECK(answer(tree.at("lib") + "\\nlibpython3.12.so\\n\\n\\n" + tree.at("") + "\\n") == "");
  CHECK(answer("1\\n2\\n3\\n4\\n5\\n6\\n") == "");
  tree.file("lib/libpython3.12.so");
  CHECK(answer(tree.at("lib") + "\\nlibpython3.12.so\\n\\n\\n/gone\\n") == tree.at("lib/libpython3.12.so"));
}

TEST_CASE("a file that ends before its size was read is not taken for whole", "[locate]") {
  py::detail::Arena arena;
  const char* const of_kernel = "/sys/devices/system/cpu/online";  // its size is that of a page
  struct stat info;
  if (stat(of_kernel, &info) != 0 || info.st_size < 4096) SKIP("no such file");
  const py::detail::FileText file = py::detail::read_file(arena, of_kernel);
  CHECK(file.error == EIO);
  CHECK(has(py::detail::read_fault(arena, file.error).c_str(), "cannot be read: "));
}

TEST_CASE("an address that no library holds has no library", "[locate]") {
  py::detail::Arena arena;
  int local = 0;
  CHECK(py::detail::library_at(arena, &local).empty());
  CHECK_FALSE(py::detail::library_at(arena, reinterpret_cast<void*>(&::dlopen)).empty());
}

TEST_CASE("the clock of a question is the one that nobody sets", "[locate]") {
  timespec before, after;
  const auto us = [](const timespec& time) { return time.tv_sec * 1000000LL + time.tv_nsec / 1000; };
  clock_gettime(CLOCK_MONOTONIC, &before);
  const long long now = py::detail::now_us();
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(now >= us(before));
  CHECK(now <= us(after));
}
#endif
