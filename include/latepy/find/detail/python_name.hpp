// latepy/find/detail/python_name.hpp: PythonName, what the file names of libraries and executables tell.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/arena.hpp>
#include <latepy/load/python_version.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One number of a known version.
inline Text number_text(Arena& arena, int number) { return arena.decimal(static_cast<unsigned>(number)); }

/// What the name of a library or executable tells: `python3.13td` is 3.13, free-threaded, debug.
struct PythonName {
  bool matches = false;  // it is a name of Python's
  Version version{};     // unknown for `python` and `python3`
  bool free_threaded = false;
  bool debug = false;
  /// The flags behind the version: "", "t", "d" or "td".
  const char* flags() const noexcept { return free_threaded ? debug ? "td" : "t" : debug ? "d" : ""; }
  /// "3.13"
  Text dotted(Arena& arena) const { return numbers(arena, "."); }
  /// "313"
  Text digits(Arena& arena) const { return numbers(arena, ""); }
  bool same(const PythonName& other) const noexcept { return rank() == other.rank(); }
  /// Larger for the newer version; then for the ordinary build, then the free-threaded one, then those for debugging.
  int rank() const noexcept { return (version.major * 256 + version.minor) * 4 - free_threaded - 2 * debug; }
  /// Whether a library of this name serves an executable of the name `wanted`. `python` may be that of any ordinary
  /// library, and where the folder has no such one, of any; `python_d` is not.
  bool serves(const PythonName& wanted) const noexcept {
    if (wanted.version.known()) return same(wanted);
    return (free_threaded || !wanted.free_threaded) && (debug || !wanted.debug);
  }

 private:
  LATEPY_COLD Text numbers(Arena& arena, Text between) const {
    return arena.concat(number_text(arena, version.major), between, number_text(arena, version.minor));
  }
};

/// As Version::to_string().
LATEPY_COLD inline Text version_text(Arena& arena, const Version& version) {
  if (!version.known()) return "?";
  const bool has_micro = version.micro >= 0;
  return arena.concat({number_text(arena, version.major), ".", number_text(arena, version.minor), has_micro ? "." : "",
                       has_micro ? number_text(arena, version.micro) : Text()});
}

/// How many digits the text begins with.
inline std::size_t digits_before(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && text[size] >= '0' && text[size] <= '9') ++size;
  return size;
}

/// Reads `3.13td` off the front. The flags m (pymalloc) and u (wide Unicode) are of 3.7 and older.
LATEPY_COLD inline PythonName read_dotted(std::string_view& text) noexcept {
  PythonName name;
  name.version = Version::parse(text);
  std::size_t at = digits_before(text);
  if (!name.version.known() || at == text.size() || text[at] != '.') return name;
  at += 1 + digits_before(text.substr(at + 1));
  for (; at < text.size() && (text[at] == 't' || text[at] == 'd' || text[at] == 'm' || text[at] == 'u'); ++at) {
    name.free_threaded |= text[at] == 't';
    name.debug |= text[at] == 'd';
  }
  name.version.micro = -1;
  name.matches = true;
  text.remove_prefix(at);
  return name;
}

/// A file name in lower case, "" where it is longer than those of Python.
class LowerName {
 public:
  LATEPY_COLD explicit LowerName(std::string_view name) noexcept
      : size_(name.size() < sizeof chars_ ? name.size() : 0) {
    for (std::size_t i = 0; i < size_; ++i) chars_[i] = lower(name[i]);
  }
  operator std::string_view() const noexcept { return std::string_view(chars_, size_); }

 private:
  char chars_[64];
  std::size_t size_;
};

/// `libpythonX.Y{t}{d}.so[.1.0]`, `.dylib`, `Python.framework/Versions/X.Y/Python`, `pythonXY{t}{_d}.dll`, and
/// `libpythonX.Y.dll`, which is MSYS2's; not `libpython3.so` and `python3.dll`, which only forward to one of these.
LATEPY_COLD inline PythonName library_name(std::string_view path) noexcept {
  std::string_view file = file_name(path);
  PythonName name;
  if (starts_with(file, "libpython")) {
    file.remove_prefix(9);
    name = read_dotted(file);
    name.matches = name.matches && (file == ".so" || starts_with(file, ".so.") || file == ".dylib" || file == ".dll");
  } else if (file == "Python" || file == "PythonT" || file == "Python3") {
    const std::string_view folder = parent(path);
    std::string_view version = file_name(folder);
    name = read_dotted(version);
    name.matches = name.matches && version.empty() && file_name(parent(folder)) == "Versions";
    name.free_threaded |= file == "PythonT";
  } else {
    const LowerName text(file);
    std::string_view rest = text;
    if (!starts_with(rest, "python3") || !ends_with(rest, ".dll")) return name;
    rest = rest.substr(7, rest.size() - 11);
    const std::size_t digits = digits_before(rest);
    if (digits == 0 || digits > 3) return name;
    name.version = {3, Version::parse(rest.substr(0, digits)).major, -1};
    rest.remove_prefix(digits);
    if ((name.free_threaded = starts_with(rest, "t"))) rest.remove_prefix(1);
    name.debug = rest == "_d";
    name.matches = rest.empty() || name.debug;
  }
  return name;
}

/// An order of libraries, for Texts::sort(): the higher rank first, libpython3.12.so.1.0 before libpython3.12.so.
LATEPY_COLD inline int best_library_first(const void* a, const void* b) noexcept {
  const Text one = *static_cast<const Text*>(a), two = *static_cast<const Text*>(b);
  const int ranks = library_name(two).rank() - library_name(one).rank();
  if (ranks != 0) return ranks;
  return one.size() != two.size() ? (one.size() > two.size() ? -1 : 1) : two.compare(one);
}

/// `python`, `python3`, `python3.13td`, `python3.13t_d.exe`.
LATEPY_COLD inline PythonName executable_name(std::string_view path) noexcept {
  const LowerName text(file_name(path));
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

}  // namespace detail
}  // namespace v1
}  // namespace latepy
