// latepy/find/detail/installation.hpp: where the parts of an installed CPython lie, known from their names.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>
#if LATEPY_WINDOWS
#include <latepy/find/detail/process_windows.hpp>
#else
#include <latepy/find/detail/process_posix.hpp>
#endif

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What the name of a library or executable tells: `python3.13td` is 3.13, free-threaded, debug.
struct PythonName {
  bool matches = false;  // it is a name of Python's
  Version version;       // unknown for `python` and `python3`
  bool free_threaded = false;
  bool debug = false;
  const char* flags() const noexcept { return free_threaded ? debug ? "td" : "t" : debug ? "d" : ""; }
  LATEPY_COLD std::string numbers(std::string_view between) const {
    return concat({decimal(version.major), between, decimal(version.minor)});
  }
  std::string dotted() const { return numbers("."); }
  std::string digits() const { return numbers(""); }
  bool same(const PythonName& other) const noexcept {
    return version.major == other.version.major && version.minor == other.version.minor &&
           free_threaded == other.free_threaded && debug == other.debug;
  }
};

/// Reads `3.13td` off the front; the flags m (pymalloc) and u (wide Unicode) are of 3.7 and older.
LATEPY_COLD inline PythonName read_dotted(std::string_view& text) {
  PythonName name;
  name.version = Version::parse(text.substr(0, (std::min)(text.find_first_not_of("0123456789."), text.size())));
  std::size_t at = text.find_first_not_of("0123456789");
  if (!name.version.known() || at == std::string_view::npos || text[at] != '.') return name;
  at = text.find_first_not_of("0123456789", at + 1);
  for (at = (std::min)(at, text.size());
       at < text.size() && std::string_view("tdmu").find(text[at]) != std::string_view::npos; ++at) {
    name.free_threaded |= text[at] == 't';
    name.debug |= text[at] == 'd';
  }
  name.version.micro = -1;
  name.matches = true;
  text.remove_prefix(at);
  return name;
}

/// `libpythonX.Y{t}{d}.so[.1.0]`, `.dylib`, `Python.framework/Versions/X.Y/Python`, `pythonXY{t}{_d}.dll`; not
/// `libpython3.so` and `python3.dll`, which only forward to one of these.
LATEPY_COLD inline PythonName library_name(std::string_view path) {
  std::string_view file = file_name(path);
  PythonName name;
  if (starts_with(file, "libpython")) {
    file.remove_prefix(9);
    name = read_dotted(file);
    name.matches = name.matches && (file == ".so" || starts_with(file, ".so.") || file == ".dylib");
  } else if (file == "Python" || file == "PythonT" || file == "Python3") {
    const std::string folder = parent(path);
    std::string_view version = file_name(folder);
    name = read_dotted(version);
    name.matches = name.matches && version.empty() && file_name(parent(folder)) == "Versions";
    name.free_threaded |= file == "PythonT";
  } else if (const std::string text = lower(file); starts_with(text, "python3") && ends_with(text, ".dll")) {
    std::string_view rest = std::string_view(text).substr(7, text.size() - 11);
    const std::size_t digits = (std::min)(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 || digits > 3) return name;
    name.version = {3, Version::parse(rest.substr(0, digits)).major, -1};
    rest.remove_prefix(digits);
    if ((name.free_threaded = starts_with(rest, "t"))) rest.remove_prefix(1);
    name.debug = rest == "_d";
    name.matches = rest.empty() || name.debug;
  }
  return name;
}

/// `python`, `python3`, `python3.13td`, `python3.13t_d.exe`.
LATEPY_COLD inline PythonName executable_name(std::string_view path) {
  const std::string text = lower(file_name(path));
  std::string_view rest = text;
  PythonName name;
  if (!starts_with(rest, "python")) return name;
  rest.remove_prefix(6);
  if (ends_with(rest, ".exe")) rest.remove_suffix(4);
  const bool debug = ends_with(rest, "_d");
  if (debug) rest.remove_suffix(2);
  if (rest.find('.') != std::string_view::npos) name = read_dotted(rest);
  name.matches = rest.empty() || rest == "3";
  name.debug |= debug;
  return name;
}

/// Debian's folder below lib for this machine, "" on machines where it has none that we know.
inline constexpr std::string_view multiarch =
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

LATEPY_COLD inline std::vector<std::string> library_folders(const std::string& home) {
  if (LATEPY_WINDOWS) return {home};
  const std::string lib = join(home, "lib");
  if (multiarch.empty()) return {lib, join(home, "lib64"), home};
  return {lib, join(lib, multiarch), join(home, "lib64"), home};  // home itself: a framework's Versions/X.Y
}

/// Puts a name where it belongs among those that are in order.
LATEPY_COLD inline void insert_ordered(std::vector<std::string>& names, std::string name,
                                       bool (*comes_before)(const std::string&, const std::string&)) {
  names.push_back(std::move(name));
  for (std::size_t at = names.size() - 1; at > 0 && comes_before(names[at], names[at - 1]); --at)
    names[at].swap(names[at - 1]);
}

/// The shared libraries of an installation; of one version where the executable's name told it.
LATEPY_COLD inline std::vector<std::string> libraries_below(const std::string& home, const PythonName& wanted) {
  std::vector<std::string> paths;
  for (const std::string& folder : library_folders(home)) {
    if (!LATEPY_WINDOWS && wanted.version.known()) {  // asking by name is cheaper than listing /usr/lib
      const std::string stem = concat({join(folder, "libpython"), wanted.dotted(), wanted.flags()});
      for (const char* ending : {".so.1.0", ".so", ".dylib"}) {
        std::string path = concat({stem, ending});
        if (!is_file(path)) continue;
        paths.push_back(std::move(path));
        break;
      }
      for (const char* file : {"Python", "PythonT", "Python3"}) {
        std::string path = join(folder, file);
        if (folder == home && library_name(path).same(wanted) && is_file(path)) paths.push_back(std::move(path));
      }
      if (!paths.empty()) break;
      continue;
    }
    std::vector<std::string> files;
    for (const std::string& file : list_folder(folder)) {
      std::string path = join(folder, file);
      const PythonName name = library_name(path);
      if (name.matches && (!wanted.version.known() || name.same(wanted)))
        insert_ordered(files, std::move(path), [](const std::string& a, const std::string& b) {
          return a.size() != b.size() ? a.size() > b.size() : a > b;  // .so.1.0 before .so
        });
    }
    const std::size_t others = paths.size();
    for (std::string& path : files) {
      const PythonName name = library_name(path);
      bool is_new = true;
      for (std::size_t at = others; at < paths.size(); ++at) is_new &= !library_name(paths[at]).same(name);
      if (is_new && is_file(path)) paths.push_back(std::move(path));
    }
  }
  return paths;
}

/// Whether the standard library lies below the folder: what CPython looks for at its start where home is set
/// (Modules/getpath.py), and what it imports first. \param tried gets a line for every path that is not there.
LATEPY_COLD inline bool has_stdlib(const std::string& home, const PythonName& name, std::string* tried = nullptr) {
  const char* const flavour = name.free_threaded && !LATEPY_WINDOWS ? "t" : "";
  const std::string version = name.dotted();
  for (const char* platlib : {"lib", "lib64"}) {
    const std::string lib = LATEPY_WINDOWS ? home : join(home, platlib);
    const std::string folder = LATEPY_WINDOWS ? join(lib, "Lib") : concat({join(lib, "python"), version, flavour});
    const std::string os = join(folder, "os.py"), encodings = join(folder, "encodings");
    const std::string zip = concat({join(lib, "python"), name.digits(), flavour, ".zip"});
    const bool has_os = is_file(os) || is_file(concat({os, "c"}));
    if ((has_os && is_folder(encodings)) || is_file(zip)) return true;
    if (tried && has_os)
      *tried += concat({"\n  ", os, " is there, ", encodings, " is not"});
    else if (tried)
      *tried += concat({"\n  ", os, " is not there"});
    if (tried) *tried += concat({"\n  ", zip, " is not there"});
    if (LATEPY_WINDOWS) break;
  }
  return false;
}

/// The folder above the library that has its standard library, "" without one.
LATEPY_COLD inline std::string find_home(const std::string& library, const PythonName& name) {
  const std::string beside = parent(library);
  const bool is_lib = !LATEPY_WINDOWS && (ends_with(beside, "/lib") || ends_with(beside, "/lib64"));
  std::string folder = is_lib ? parent(beside) : beside;
  for (int up = is_lib; up < 3 && !folder.empty(); ++up) {  // Windows and frameworks; lib; lib/<multiarch>
    if (has_stdlib(folder, name)) return folder;
    // Debian's libraries may lie in /lib/<multiarch> and the standard library in /usr/lib.
    std::string usr = join(folder, "usr");
    if (up > 0 && has_stdlib(usr, name)) return usr;
    folder = parent(folder);
  }
  if (is_lib && has_stdlib(beside, name)) return beside;  // hardly: it would have a lib of its own
  return {};
}

/// The installation's own executable for this library, "" without one.
LATEPY_COLD inline std::string find_executable(const std::string& home, const PythonName& name) {
  const std::string bin = LATEPY_WINDOWS ? home : join(home, "bin"), version = name.dotted();
  std::vector<std::string> paths;
  const auto add = [&](TextParts file) { paths.push_back(join(bin, concat(file))); };
  if (LATEPY_WINDOWS) {
    const char* const ending = name.debug ? "_d.exe" : ".exe";
    add({"python", ending});
    add({"python", version, name.free_threaded ? "t" : "", ending});
    if (name.free_threaded) paths[0].swap(paths[1]);
  } else {
    add({"python", version, name.flags()});
    add({"python", version});
    add({"python3"});
    add({"python"});
  }
  for (std::string& path : paths) {
    if (!is_file(path)) continue;
    if (executable_name(path).version.known()) return std::move(path);
    const PythonName real = executable_name(real_path(path));  // python3 may be another version's
    if (!real.version.known() || (real.version.minor == name.version.minor && real.version.major == name.version.major))
      return std::move(path);
  }
  return {};
}

/// The micro version of the first number in the text that is of this version, "3.12", and has one; else -1.
LATEPY_COLD inline int micro_in(std::string_view text, std::string_view version) noexcept {
  for (std::size_t at = text.find(version); at != std::string_view::npos; at = text.find(version, at + 1)) {
    if (at > 0 && ((text[at - 1] >= '0' && text[at - 1] <= '9') || text[at - 1] == '.')) continue;
    const Version found = Version::parse(text.substr(at));
    if (found.minor == Version::parse(version).minor && found.micro >= 0) return found.micro;
  }
  return -1;
}

/// The micro version, where a small file or the folder's name says it, else -1.
LATEPY_COLD inline int find_micro(const std::string& home, const PythonName& name) {
  const std::string version = name.dotted();
  const char* const flags = name.free_threaded ? "t" : "";
  for (const bool own : {true, false}) {  // a debug build has headers of its own, or shares them
    if (!own && !name.debug) continue;
    const std::string folder = LATEPY_WINDOWS
                                   ? join(home, "include")
                                   : concat({join(home, "include/python"), version, own ? name.flags() : flags});
    const std::string text = read_file(join(folder, "patchlevel.h")).text;
    const std::size_t at = text.find("define PY_MICRO_VERSION");
    if (at == std::string::npos) continue;
    const Version micro = Version::parse(trim(std::string_view(text).substr(at + 23, 24)));
    return micro.major;
  }
  if (name.version.minor >= 14) {  // PEP 739
    const std::string lib = LATEPY_WINDOWS ? join(home, "Lib") : concat({join(home, "lib/python"), version, flags});
    const int micro = micro_in(read_file(join(lib, "build-details.json")).text, version);
    if (micro >= 0) return micro;
  }
  return micro_in(file_name(home), version);  // pyenv's 3.12.1, uv's cpython-3.12.3-linux-…
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
