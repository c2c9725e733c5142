// tests/tree.hpp: a made-up machine in a temporary folder, for the tests of what is found on it.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/locate.hpp>

#include "catch.hpp"
#include "temporary_folder.hpp"

#include <filesystem>
#include <fstream>

#if !LATEPY_WINDOWS
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace py = latepy;
using py::Candidate;
using py::Discovery;
using py::Search;
using py::Verdict;

/// The file is a library with the two functions by which a Python in a process is known.
inline const char* const stand_in_file = LATEPY_TEST_BINARIES
#if LATEPY_WINDOWS
    "/fake_python_module.dll";
#else
    "/fake_python_module.so";
#endif

/// A program of this machine, as far as its first bytes tell.
inline std::string native_executable() {
  return LATEPY_WINDOWS ? "MZ"
                        : "\x7f"
                          "ELF";
}

/// The first bytes of a shared library of this machine.
inline std::string native_library() {
  py::detail::Arena arena;
  std::string bytes(py::detail::read_file(arena, stand_in_file, 4096).text);
  if (!LATEPY_WINDOWS && !LATEPY_APPLE) {
    const bool wide = bytes[4] == 2;
    for (unsigned i = wide ? 40 : 32; i < (wide ? 48u : 36u); ++i)
      bytes[i] = 0;  // no section table: the rest is cut off
  }
  return bytes;
}

/// A made-up system below a temporary folder. Paths are written as they are on Unix; on Windows at() gives the place
/// that Windows has for the same: the executable and the library lie in the home, the standard library in its Lib,
/// and the executable of an environment (a folder whose name begins with venv) in its Scripts.
class Tree {
 public:
  Tree() {
#if !LATEPY_WINDOWS
    umask(022);
#endif
    py::detail::Arena arena;
    root_ = py::detail::real_path(arena, arena.copy(folder_.path)).c_str();
    search.root = root_;
    search.environment = {LATEPY_WINDOWS ? "USERPROFILE=" + at("home/me") : "HOME=" + at("home/me")};
    if (LATEPY_WINDOWS) set("LOCALAPPDATA=" + at("home/me/local"));
    search.own_environment = false;
    search.in_process = false;
    file("app/bin/host");
    search.program = at("app/bin/host");
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  /// Where a Python lies that is found without being named.
  static constexpr const char* installed = LATEPY_WINDOWS ? "home/me/local/Programs/Python/Python312" : "usr/local";

  std::string at(const std::string& path) const {
    return root_ + py::detail::separator + (LATEPY_WINDOWS ? on_windows(path) : path);
  }
  void folder(const std::string& path) const { std::filesystem::create_directories(std::filesystem::u8path(at(path))); }
  void file(const std::string& path, const std::string& text = "x") const {
    const std::filesystem::path file = std::filesystem::u8path(at(path));
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
#if !LATEPY_WINDOWS
  void link(const std::string& path, const std::string& to) const {
    folder(std::string(py::detail::parent(path)));
    REQUIRE(symlink(to.c_str(), at(path).c_str()) == 0);
  }
#endif
  void stdlib(const std::string& home, const std::string& version, const std::string& lib = "lib") const {
    file(home + "/" + lib + "/python" + version + "/os.py");
    file(home + "/" + lib + "/python" + version + "/encodings/__init__.py");
  }
  void executable(const std::string& home, const std::string& version) const {
    file(home + "/bin/python" + version, native_executable());
#if !LATEPY_WINDOWS
    link(home + "/bin/python3", "python" + version);
    link(home + "/bin/python", "python3");
#endif
  }
  /// An installation with everything that it needs.
  void python(const std::string& home, const std::string& version, const std::string& lib = "lib") const {
    executable(home, version);
    std::string folder = version;
    while (folder.back() == 'd' || folder.back() == 'm') folder.pop_back();
    stdlib(home, folder, lib);
    file(home + "/" + lib + "/libpython" + version + ".so.1.0", native_library());
  }
  void venv(const std::string& folder, const std::string& config) const {
    file(folder + "/bin/python", native_executable());
    file(folder + "/pyvenv.cfg", config);
  }
  void set(const std::string& variable) { search.environment.push_back(variable); }

  Search search;

 private:
  /// The place on Windows.
  static std::string on_windows(std::string path) {
    using py::detail::starts_with;
    std::string above, folder;  // what is told already, and the last folder of it
    while (!path.empty()) {
      const std::size_t slash = path.find('/');
      const std::string part = path.substr(0, slash);
      const std::string rest = slash == std::string::npos ? "" : path.substr(slash + 1);
      const bool ends = slash == std::string::npos, is_lib = part == "lib" || part == "lib64";
      const bool is_program = py::detail::executable_name(rest).matches && rest.find('/') == rest.npos;
      const bool drops_bin = part == "bin" && (ends || is_program || rest == "pyvenv.cfg");
      if (drops_bin) {
        if (starts_with(folder, "venv")) above += "Scripts\\";
        if (is_program) return above + executable(rest);
      } else if (is_lib && starts_with(rest, "libpython") && rest.find(".so") != std::string::npos) {
        return above + library(rest);
      } else if (is_lib && starts_with(rest, "python") && py::detail::ends_with(rest, ".zip")) {
        // beside the library
      } else if (is_lib && starts_with(rest, "python")) {
        above += "Lib\\";
        path = rest.substr((std::min)(rest.find('/'), rest.size() - 1) + 1);
        continue;
      } else {
        above += ends ? part : part + "\\";
        folder = part;
      }
      path = rest;
    }
    return above;
  }
  static std::string executable(const std::string& name) {
    const py::detail::PythonName python = py::detail::executable_name(name);
    py::detail::Arena arena;
    const std::string version = python.free_threaded ? std::string(python.dotted(arena).c_str()) + "t" : "";
    return "python" + version + (python.debug ? "_d.exe" : ".exe");
  }
  static std::string library(const std::string& name) {
    const py::detail::PythonName python = py::detail::library_name(name);
    py::detail::Arena arena;
    return "python" + std::string(python.digits(arena).c_str()) + (python.free_threaded ? "t" : "") +
           (python.debug ? "_d.dll" : ".dll");
  }

  TemporaryFolder folder_{"latepy_locate"};
  std::string root_;
};

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// "source version" of each candidate, refused ones in brackets.
inline std::string order(const Discovery& discovery) {
  std::string text;
  for (const Candidate& c : discovery.candidates()) {
    const bool refused = c.verdict == Verdict::refused;
    text += (text.empty() ? "" : ", ") + std::string(refused ? "[" : "") + c.source + " " + c.version.to_string() +
            (refused ? "]" : "");
  }
  return text;
}

inline std::string only_reason(const Discovery& discovery) {
  REQUIRE(discovery.candidates().size() == 1);
  CHECK(discovery.candidates()[0].verdict == Verdict::refused);
  CHECK(discovery.chosen() == nullptr);
  return discovery.candidates()[0].reason;
}

/// A library with the two functions by which a Python in a process is known. Its version has as many characters as
/// "3.11.7".
inline std::string stand_in(const std::string& version = "3.11.7") {
  std::ifstream file(stand_in_file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t at = bytes.find("3.11.7 (a stand-in)");
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, version.size(), version);
}

/// A literal with its NUL bytes.
template <std::size_t N>
inline std::string raw(const char (&text)[N]) {
  return std::string(text, N - 1);
}

inline std::string elf(unsigned char bits, unsigned char order, unsigned char machine, unsigned char type = 3) {
  std::string bytes(4096, '\0');
  bytes.replace(0, 4,
                "\x7f"
                "ELF");
  bytes[4] = static_cast<char>(bits);
  bytes[5] = static_cast<char>(order);
  bytes[order == 2 ? 17 : 16] = static_cast<char>(type);
  bytes[order == 2 ? 19 : 18] = static_cast<char>(machine);
  return bytes;
}
