// latepy/find/detail/finder.hpp: Finder, which follows an executable, a folder or a library to a candidate.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/ask_python.hpp>
#include <latepy/find/detail/checks.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Fills the table. Each function takes what is known of a candidate so far, finds the rest, and adds the candidate to
/// the table, accepted or refused.
class Finder : public Checks {
 public:
  /// \throws LoadError when `search.version` is malformed.
  Finder(Arena& arena, const Search& search, const RunningPython& running)
      : Checks(arena, search, running), real_path_(arena) {}

  /// A library. Everything else is derived from it.
  LATEPY_COLD void add_library(const FoundPython& known) {
    if (is_done()) return;
    FoundPython c = known;
    switch (file_kind(c.library)) {
      case FileKind::missing:
        return refuse(c, "not found");
      case FileKind::folder:
        return refuse(c, "a folder, not a shared library");
      case FileKind::denied:
        return refuse(c, read_fault(arena_, last_error()));
      case FileKind::file:
        break;
    }
    c.library = real_path_(arena_, known.library);
    PythonName name = library_name(c.library);
    if (!name.matches) name = library_name(known.library);
    if (c.home.empty()) c.home = find_home(arena_, c.library, name);
    if (c.home.empty() && known.library != c.library) c.home = find_home(arena_, known.library, name);
    if (c.prefix.empty()) c.prefix = c.home;
    if (is_known(c)) return;
    complete(c, name);
    examine(c, name, known.home.empty() ? !c.home.empty() : has_stdlib(arena_, c.home, name));
  }

  /// Derives the version, the flags, the executables and the prefix from the library's name and the home.
  LATEPY_COLD void complete(FoundPython& c, const PythonName& name) const {
    const bool same_version = c.version.major == name.version.major && c.version.minor == name.version.minor;
    const int known_micro = same_version ? c.version.micro : -1;
    c.free_threaded = name.free_threaded;
    c.debug = name.debug;
    c.version = name.version;
    if (c.home.empty()) return;
    c.version.micro = find_micro(arena_, c.home, name);
    if (c.version.micro < 0) c.version.micro = known_micro;
    const Text own = find_executable(arena_, c.home, name), met = c.base_executable;
    // The installation's own name, python3.12, replaces the link by which the same file was found.
    if (!own.empty() && (met.empty() || real_path(arena_, met) == real_path(arena_, own))) {
      c.base_executable = own;
      if (c.executable == met) c.executable = own;
    }
    if (c.executable.empty()) c.executable = c.base_executable;
    if (c.prefix.empty()) c.prefix = c.home;
  }

  /// An executable or a folder. A virtual environment is followed to its base.
  LATEPY_COLD void add_python(Text path, const FoundPython& known) {
    if (is_done()) return;
    const FileKind kind = file_kind(path);
    if (kind == FileKind::folder) return add_folder(path, known);
    FoundPython c = known;
    if (c.executable.empty()) c.executable = path;
    if (kind == FileKind::missing) return refuse(c, "not found");
    if (kind == FileKind::denied) return refuse(c, read_fault(arena_, last_error()));
    Text folder = path;
    for (int up = 0; up < 2; ++up) {
      folder = arena_.parent(folder);
      if (!is_environment(folder)) continue;
      c.prefix = folder;
      return add_environment(folder, c);
    }
    c.base_executable = path;
    add_executable(c);
  }

  /// A virtual environment, a conda environment or an installation.
  LATEPY_COLD void add_folder(Text path, const FoundPython& known) {
    if (is_done()) return;
    std::string_view trimmed = path;
    while (trimmed.size() > 1 && is_separator(trimmed.back())) trimmed.remove_suffix(1);
    const Text folder = arena_.copy(trimmed);
    FoundPython c = known;
    if (is_environment(folder)) {
      c.prefix = folder;
      const Text bin = arena_.join(folder, LATEPY_WINDOWS ? "Scripts" : "bin");
      if (c.executable.empty()) c.executable = first_file(bin, "python\0python3\0python.exe");
      if (c.executable.empty()) return refuse(c, "its python is missing: the environment's base was removed or moved");
      return add_environment(folder, c);
    }
    if (is_folder(folder) && add_home(folder, c)) return;
    c.prefix = folder;
    refuse(c, is_folder(folder) ? "no Python: neither pyvenv.cfg nor a python executable nor its library is in it"
                                : "not found");
  }

  /// An installation folder. Returns false, and adds nothing, when there is no Python in it.
  LATEPY_COLD bool add_home(Text folder, const FoundPython& known) {
    if (is_done() || add_libraries(libraries_below(arena_, folder, {}), known)) return true;
    FoundPython c = known;
    c.executable = first_file(LATEPY_WINDOWS ? folder : arena_.join(folder, "bin"), "python3\0python\0python.exe");
    if (c.executable.empty()) return false;
    c.base_executable = c.executable;
    add_executable(c);
    return true;
  }

  /// Whether the folder is a virtual environment.
  LATEPY_COLD bool is_environment(Text folder) const {
    return !folder.empty() && is_file(arena_.join(folder, "pyvenv.cfg"));
  }

 private:
  /// The first of the files that is there, or "".
  LATEPY_COLD Text first_file(Text folder, Literals names) const {
    for (const Text name : names) {
      const Text path = arena_.join(folder, name);
      if (is_file(path)) return path;
    }
    return {};
  }

  /// Adds those of an installation. Returns whether there are any. A library that was named has to be one of them.
  LATEPY_COLD bool add_libraries(const Texts& libraries, const FoundPython& known) {
    FoundPython c = known;
    bool fits = false;
    for (const Text library : libraries) {
      if (!known.library.empty() && real_path_(arena_, library) != real_path_(arena_, known.library)) continue;
      fits = true;
      c.library = library;
      add_library(c);
    }
    if (!fits && !libraries.empty()) refuse_library(known, libraries[0]);
    return !libraries.empty();
  }
  LATEPY_COLD void refuse_library(const FoundPython& c, Text other) {
    refuse(c, arena_.concat("the library does not belong to the python, which goes with ", other));
  }

  /// A folder with pyvenv.cfg. `home` in it is the folder of the base's executable. virtualenv writes the executable
  /// itself to `base-executable`, venv since 3.11 to `executable`. The version is in `version` (venv) or `version_info`
  /// (uv, virtualenv).
  LATEPY_COLD void add_environment(Text folder, const FoundPython& known, int depth = 0) {
    FoundPython c = known;
    const FileText file = read_file(arena_, arena_.join(folder, "pyvenv.cfg"));
    const auto value = [&](Text key) { return config_value(arena_, file.text, key); };
    if (file.error != 0) return refuse(c, arena_.concat("pyvenv.cfg ", read_fault(arena_, file.error)));
    if (!is_utf8(file.text)) return refuse(c, "its pyvenv.cfg is not in UTF-8, so CPython cannot read it");
    const Text home = value("home"), kind = value("implementation");
    if (!kind.empty() && !equals_ignoring_case(kind, "cpython"))
      return refuse(c, arena_.concat("an environment of ", kind, ", not of CPython"));
    if (home.empty()) return refuse(c, "its pyvenv.cfg does not say where its base is (no home)");
    if (!is_absolute(home)) return refuse(c, arena_.concat("its pyvenv.cfg has a relative home: ", home));
    const Text version = value("version");
    c.version = Version::parse(version.empty() ? value("version_info") : version);

    Texts bases(arena_);
    bases.add(value("base-executable"));
    bases.add(value("executable"));
    const Text stem = arena_.join(home, "python");
    PythonName name;
    name.version = c.version;
    if (c.version.known() && !LATEPY_WINDOWS)
      for (const Text flags : Literals("\0t\0d\0td")) bases.add(arena_.concat(stem, name.dotted(arena_), flags));
    for (const Text ending : Literals("3\0\0.exe")) bases.add(arena_.concat(stem, ending));
    for (const Text base : bases) {
      if (!is_absolute(base) || !is_file(base)) continue;
      const Text above = arena_.parent(arena_.parent(base));
      if (is_environment(above) && above != folder) {  // an environment that was made by an environment
        if (depth < 3) return add_environment(above, c, depth + 1);
        return refuse(c, "its pyvenv.cfg leads from environment to environment without end");
      }
      c.base_executable = base;
      return add_executable(c);
    }
    refuse(c, arena_.concat("its base Python is gone: there is no python in ", home));
  }

  /// base_executable is a file. Finds the libraries that belong to it.
  LATEPY_COLD void add_executable(const FoundPython& known) {
    FoundPython c = known;
    const Text real = real_path_(arena_, c.base_executable);
    const FileText file = read_file(arena_, real, 2);
    if (file.error != 0) return refuse(c, read_fault(arena_, file.error));
    if (file.size == 0) return refuse(c, "the Microsoft Store's stub (an empty file), not a Python");
    if (starts_with(file.text, "#!")) return refuse(c, "a script, not a Python executable");
    PythonName name = executable_name(real);
    if (!name.matches) name = executable_name(c.base_executable);
    const PythonName asked = library_name(c.library);
    if (!name.matches && !asked.matches) return refuse(c, arena_.concat("not named like a Python: ", real));
    if (!name.version.known() && c.version.known() && !LATEPY_WINDOWS)
      name.version = {c.version.major, c.version.minor, -1};
    const Text home = home_of(real), other = LATEPY_WINDOWS ? home : home_of(c.base_executable);
    name.free_threaded |= is_only_free_threaded(arena_, home, name);
    if (asked.matches) {  // a debug library serves an ordinary executable
      const Text version = arena_.concat("Python ", name.version.known() ? name.dotted(arena_) : Text(), name.flags());
      name.debug = asked.debug;
      if (name.version.known() && !name.same(asked)) return refuse_library(c, version);
    }
    if (add_libraries(libraries_below(arena_, home, name), c)) return;
    if (other != home && add_libraries(libraries_below(arena_, other, name), c)) return;
    if (!c.library.empty()) return add_library(c);
    if (search_.ask_python && !is_secure()) {
      c.library = ask_python(arena_, c.base_executable);
      if (!c.library.empty()) return add_library(c);
    }
    if (c.executable == c.base_executable) c.executable = c.base_executable = real;  // python and python3: one line
    if (!c.version.known()) c.version = name.version;
    if (c.prefix.empty()) c.prefix = home;
    c.free_threaded = name.free_threaded;
    c.debug = name.debug;
    if (is_too_old(c.version)) return refuse(c, old_reason(c.version));
    const Text missing =
        name.version.known() ? arena_.concat("libpython", name.dotted(arena_), name.flags()) : "shared library";
    refuse(c, arena_.concat("built without a shared library (static), or its package is not installed: no ", missing,
                            " below ", home));
  }

  /// The installation folder of an executable.
  LATEPY_COLD Text home_of(Text executable) const {
    const Text folder = arena_.parent(executable);
    return LATEPY_WINDOWS ? folder : arena_.parent(folder);
  }

  RealPaths real_path_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
