// latepy/find/detail/installation.hpp: where the parts of an installed CPython lie, known from their names.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/python_name.hpp>
#if LATEPY_WINDOWS
#include <latepy/find/detail/process_windows.hpp>
#else
#include <latepy/find/detail/process_posix.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// Debian's folder below lib for this machine, "" where none is known.
inline constexpr Text multiarch =
#if !defined(__linux__) || defined(__ANDROID__)
    "";
#elif defined(__x86_64__) && !defined(__ILP32__)
    "x86_64-linux-gnu";
#elif defined(__aarch64__)
    "aarch64-linux-gnu";
#elif defined(__i386__)
    "i386-linux-gnu";
#elif defined(__arm__)
    "arm-linux-gnueabihf";
#elif defined(__s390x__)
    "s390x-linux-gnu";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    "powerpc64le-linux-gnu";
#elif defined(__riscv) && __riscv_xlen == 64
    "riscv64-linux-gnu";
#else
    "";
#endif

/// The library of this version in the folder, asked for by name: that is cheaper than listing /usr/lib.
LATEPY_COLD inline void add_libraries_by_name(Arena& arena, Texts& paths, Text folder, const PythonName& wanted,
                                              bool is_home) {
  const Text stem = arena.concat(arena.join(folder, "libpython"), wanted.dotted(arena), wanted.flags());
  for (const Text ending : Literals(".so.1.0\0.so\0.dylib")) {
    const Text path = arena.concat(stem, ending);
    if (!is_file(path)) continue;
    paths.add(path);
    break;
  }
  if (!is_home) return;
  for (const Text file : Literals("Python\0PythonT\0Python3")) {
    const Text path = arena.join(folder, file);
    if (library_name(path).same(wanted) && is_file(path)) paths.add(path);
  }
}

/// The libraries in the folder that serve `wanted`: one of each version and flags, the best ones first.
LATEPY_COLD inline void add_libraries_in(Arena& arena, Texts& paths, Text folder, const PythonName& wanted) {
  Texts files(arena);
  for (const Text file : list_folder(arena, folder)) {
    const Text path = arena.join(folder, file);
    const PythonName name = library_name(path);
    if (name.matches && name.serves(wanted)) files.add(path);
  }
  files.sort(&best_library_first);
  PythonName last;
  for (const Text path : files) {
    const PythonName name = library_name(path);
    if (name.same(last) || !is_file(path)) continue;
    paths.add(path);
    last = name;
  }
}

/// The shared libraries of an installation that serve an executable of the name `wanted`.
LATEPY_COLD inline Texts libraries_below(Arena& arena, Text home, const PythonName& wanted) {
  Texts paths(arena);
  if (home.empty()) return paths;
  if (LATEPY_WINDOWS) {
    add_libraries_in(arena, paths, home, wanted);
    return paths;
  }
  const Text lib = arena.join(home, "lib"), of_machine = multiarch.empty() ? Text() : arena.join(lib, multiarch);
  for (const Text folder : {lib, of_machine, arena.join(home, "lib64"), home}) {  // home: a framework's Versions/X.Y
    if (folder.empty()) continue;
    if (!wanted.version.known()) {
      add_libraries_in(arena, paths, folder, wanted);
      continue;
    }
    add_libraries_by_name(arena, paths, folder, wanted, folder == home);
    if (!paths.empty()) break;
  }
  return paths;
}

/// Whether the standard library lies below the folder: what CPython looks for at its start where home is set
/// (Modules/getpath.py), and what it imports first. \param tried gets a line for every path that is not there.
LATEPY_COLD inline bool has_stdlib(Arena& arena, Text home, const PythonName& name, Text* tried = nullptr) {
  if (home.empty()) return false;
  const Text flags = name.free_threaded && !LATEPY_WINDOWS ? "t" : "";
  for (const Text platlib : Literals("lib\0lib64")) {
    const Text lib = LATEPY_WINDOWS ? home : arena.join(home, platlib), stem = arena.join(lib, "python");
    const Text folder = LATEPY_WINDOWS ? arena.join(lib, "Lib") : arena.concat(stem, name.dotted(arena), flags);
    const Text os = arena.join(folder, "os.py"), encodings = arena.join(folder, "encodings");
    const Text zip = arena.concat(stem, name.digits(arena), flags, ".zip");
    const bool has_os = is_file(os) || is_file(arena.concat(os, "c"));
    if ((has_os && is_folder(encodings)) || is_file(zip)) return true;
    if (tried)
      *tried = arena.concat({*tried, "\n  ", os, has_os ? " is there, " : " is not there", has_os ? encodings : "",
                             has_os ? " is not" : "", "\n  ", zip, " is not there"});
    if (LATEPY_WINDOWS) break;
  }
  return false;
}

/// Whether an executable of this name is that of a free-threaded build: `make install` of one makes python3.13 another
/// name of python3.13t. So it is where the installation has neither the library nor the standard library of an ordinary
/// build, but the standard library of a free-threaded one.
LATEPY_COLD inline bool is_only_free_threaded(Arena& arena, Text home, const PythonName& name) {
  if (LATEPY_WINDOWS || !name.version.known() || name.free_threaded || has_stdlib(arena, home, name)) return false;
  PythonName other = name;
  other.free_threaded = true;
  return has_stdlib(arena, home, other) && libraries_below(arena, home, name).empty();
}

/// The folder above the library that has its standard library, "" without one.
LATEPY_COLD inline Text find_home(Arena& arena, Text library, const PythonName& name) {
  const Text beside = arena.parent(library);
  const bool is_lib = !LATEPY_WINDOWS && (ends_with(beside, "/lib") || ends_with(beside, "/lib64"));
  Text folder = is_lib ? arena.parent(beside) : beside;
  for (int up = is_lib; up < 3 && !folder.empty(); ++up) {  // Windows and frameworks; lib; lib/<multiarch>
    if (has_stdlib(arena, folder, name)) return folder;
    // Debian's libraries may lie in /lib/<multiarch> while the standard library is in /usr/lib.
    const Text usr = arena.join(folder, "usr");
    if (up > 0 && has_stdlib(arena, usr, name)) return usr;
    folder = arena.parent(folder);
  }
  return is_lib && has_stdlib(arena, beside, name) ? beside : Text();
}

/// The installation's own executable for this library, "" without one.
LATEPY_COLD inline Text find_executable(Arena& arena, Text home, const PythonName& name) {
  const Text stem = arena.join(LATEPY_WINDOWS ? home : arena.join(home, "bin"), "python"), version = name.dotted(arena);
  Texts paths(arena);
  if (LATEPY_WINDOWS) {
    const Text ending = name.debug ? "_d.exe" : ".exe";
    const Text plain = arena.concat(stem, ending);
    const Text versioned = arena.concat(stem, version, name.free_threaded ? "t" : "", ending);
    paths.add(name.free_threaded ? versioned : plain);
    paths.add(name.free_threaded ? plain : versioned);
  } else {
    paths.add(arena.concat(stem, version, name.flags()));
    paths.add(arena.concat(stem, version));
    paths.add(arena.concat(stem, "3"));
    paths.add(stem);
  }
  for (const Text path : paths) {
    if (!is_file(path)) continue;
    if (executable_name(path).version.known()) return path;
    const PythonName real = executable_name(real_path(arena, path));  // python3 may be of another version
    if (!real.version.known() || (real.version.minor == name.version.minor && real.version.major == name.version.major))
      return path;
  }
  return {};
}

/// The micro version of the first number in the text that begins with `version`, "3.12", and has one; else -1.
LATEPY_COLD inline int micro_in(std::string_view text, std::string_view version) noexcept {
  for (std::size_t at = text.find(version); at != std::string_view::npos; at = text.find(version, at + 1)) {
    if (at > 0 && ((text[at - 1] >= '0' && text[at - 1] <= '9') || text[at - 1] == '.')) continue;
    const Version found = Version::parse(text.substr(at));
    if (found.minor == Version::parse(version).minor && found.micro >= 0) return found.micro;
  }
  return -1;
}

/// The micro version, where the installation's headers, its build details or its folder's name tell it; else -1.
LATEPY_COLD inline int find_micro(Arena& arena, Text home, const PythonName& name) {
  const Text version = name.dotted(arena), shared_flags = name.free_threaded ? "t" : "";
  for (const bool own : {true, false}) {  // a debug build has headers of its own, or shares them
    if (!own && !name.debug) continue;
    const Text include = arena.join(home, "include");
    const Text folder =
        LATEPY_WINDOWS ? include : arena.concat(include, "/python", version, own ? Text(name.flags()) : shared_flags);
    const std::string_view text = read_file(arena, arena.join(folder, "patchlevel.h")).text;
    constexpr std::string_view line = "define PY_MICRO_VERSION";
    const std::size_t at = text.find(line);
    if (at != std::string_view::npos) return Version::parse(trim(text.substr(at + line.size(), 24))).major;
  }
  if (name.version.minor >= 14) {  // PEP 739
    const Text lib =
        LATEPY_WINDOWS ? arena.join(home, "Lib") : arena.concat(arena.join(home, "lib/python"), version, shared_flags);
    const int micro = micro_in(read_file(arena, arena.join(lib, "build-details.json")).text, version);
    if (micro >= 0) return micro;
  }
  return micro_in(file_name(home), version);  // pyenv's 3.12.1, uv's cpython-3.12.3-linux-…
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
