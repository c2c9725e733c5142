// latepy/find/detail/finder.hpp: Finder, which follows an executable, a folder or a library to a candidate.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/ask_python.hpp>
#include <latepy/find/detail/binary_header.hpp>
#include <latepy/find/detail/candidate_table.hpp>
#include <latepy/find/detail/parse.hpp>
#include <latepy/find/detail/version_range.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Fills the table. Each function takes what is known of a candidate so far, finds the rest, and adds the candidate to
/// the table, accepted or refused.
class Finder : public CandidateTable {
 public:
  /// \throws LoadError when `search.version` is malformed.
  Finder(Arena& arena, const Search& search)
      : CandidateTable(arena, search.all), search_(search), range_(search.version), real_path_(arena) {}

  Arena& arena() const noexcept { return arena_; }

  /// An environment variable; "" when it is unset, empty, or not to be trusted.
  LATEPY_COLD Text variable(Text name) const {
    if (search_.as_secure || is_secure_process()) return {};
    const std::size_t size = name.size();
    for (const std::string& entry : search_.environment)
      if (starts_with(entry, name) && entry[size] == '=') return entry.c_str() + size + 1;
    return search_.own_environment ? process_variable(arena_, name) : Text();
  }

  /// Why the version is outside of what is wanted, "" when it is not.
  LATEPY_COLD Text unwanted(const Version& version) const {
    return range_.allows(version) ? "" : arena_.concat(version_text(arena_, version), " is not in ", search_.version);
  }

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
        return refuse(c, "permission denied");
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
    if (kind == FileKind::denied) return refuse(c, "permission denied");
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

 protected:
  const Search& search_;

 private:
  /// The first of the files that is there, or "".
  LATEPY_COLD Text first_file(Text folder, Literals names) const {
    for (const Text name : names) {
      const Text path = arena_.join(folder, name);
      if (is_file(path)) return path;
    }
    return {};
  }

  /// Returns whether there are any.
  LATEPY_COLD bool add_libraries(const Texts& libraries, const FoundPython& known) {
    FoundPython c = known;
    for (const Text library : libraries) {
      c.library = library;
      add_library(c);
    }
    return !libraries.empty();
  }

  /// A folder with pyvenv.cfg. `home` in it is the folder of the base's executable. virtualenv writes the executable
  /// itself to `base-executable`, venv since 3.11 to `executable`. The version is in `version` (venv) or `version_info`
  /// (uv, virtualenv).
  LATEPY_COLD void add_environment(Text folder, const FoundPython& known, int depth = 0) {
    FoundPython c = known;
    const FileText file = read_file(arena_, arena_.join(folder, "pyvenv.cfg"));
    const auto value = [&](Text key) { return config_value(arena_, file.text, key); };
    if (!file.readable) return refuse(c, "pyvenv.cfg cannot be read");
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
    if (!file.readable) return refuse(c, "permission denied");
    if (file.size == 0) return refuse(c, "the Microsoft Store's stub (an empty file), not a Python");
    if (starts_with(file.text, "#!")) return refuse(c, "a script, not a Python executable");
    if (!c.library.empty()) return add_library(c);
    PythonName name = executable_name(real);
    if (!name.matches) name = executable_name(c.base_executable);
    if (!name.matches) return refuse(c, arena_.concat("not named like a Python: ", real));
    if (!name.version.known() && c.version.known() && !LATEPY_WINDOWS)
      name.version = {c.version.major, c.version.minor, -1};
    const Text home = home_of(real), other = LATEPY_WINDOWS ? home : home_of(c.base_executable);
    if (add_libraries(libraries_below(arena_, home, name), c)) return;
    if (other != home && add_libraries(libraries_below(arena_, other, name), c)) return;
    if (search_.ask_python && !search_.as_secure && !is_secure_process()) {
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

  static bool is_too_old(const Version& v) noexcept { return v.known() && (v.major != 3 || v.minor < 9); }
  LATEPY_COLD Text old_reason(const Version& v) const {
    return arena_.concat("too old: ", version_text(arena_, v), ", 3.9 is the oldest that serves");
  }

  LATEPY_COLD void examine(const FoundPython& c, const PythonName& name, bool has_library) {
    const Text fault = why_refused(c, name, has_library);
    if (fault.empty())
      accept(c);
    else
      refuse(c, fault);
  }

  /// "" where the candidate passes every check. \param has_library whether its standard library was found.
  LATEPY_COLD Text why_refused(const FoundPython& c, const PythonName& name, bool has_library) const {
    const FileText file = read_file(arena_, c.library, 4096);
    if (!file.readable) return file.size == 0 ? "cannot be read: permission denied" : "cannot be read to its end";
    const Text fault = binary_fault(arena_, read_binary_header(arena_, file.text, file.size));
    if (!fault.empty()) return fault;
    if (!name.matches)
      return "not named like a libpython (libpython3.12.so.1.0, python312.dll …): its version is not known";
    if (is_too_old(c.version)) return old_reason(c.version);
    if (const Text why = unwanted(c.version); !why.empty()) return why;
    if (!has_library) {
      const Text home = c.home.empty() ? arena_.parent(arena_.parent(c.library)) : c.home;
      if (LATEPY_WINDOWS)
        return arena_.concat("standard library missing: no Lib\\os.py or python", name.digits(arena_), ".zip below ",
                             home);
      return arena_.concat({"standard library missing: no lib/python", name.dotted(arena_),
                            name.free_threaded ? "t" : "", "/os.py with encodings below ", home});
    }
    for (const Text path : {c.library, c.home, c.executable, c.base_executable}) {
      if (!search_.strict || path.empty()) continue;
      const Text open = writable_by_others(arena_, path);
      if (!open.empty()) return arena_.concat("not safe (strict): others may write to ", open);
    }
    return {};
  }

  VersionRange range_;
  RealPaths real_path_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
