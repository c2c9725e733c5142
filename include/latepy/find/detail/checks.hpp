// latepy/find/detail/checks.hpp: Checks, which takes a candidate or refuses it with the reason.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/binary_header.hpp>
#include <latepy/find/detail/candidate_table.hpp>
#include <latepy/find/detail/parse.hpp>
#include <latepy/find/detail/version_range.hpp>
#if !LATEPY_WINDOWS
#include <latepy/find/detail/writers_posix.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// A Python in this process. A library that lacks one of the two functions merely has the name of one.
struct RunningPython {
  Text library{};
  int (*is_initialized)() = nullptr;
  const char* (*version)() = nullptr;
  explicit operator bool() const noexcept { return is_initialized && version; }
};

/// A table that knows what is asked for.
class Checks : public CandidateTable {
 public:
  /// \param running what is in this process already: other libraries are refused.
  /// \throws LoadError when `search.version` is malformed.
  Checks(Arena& arena, const Search& search, const RunningPython& running)
      : CandidateTable(arena, search.all), search_(search), running_(running), range_(search.version) {}

  Arena& arena() const noexcept { return arena_; }
  const VersionRange& range() const noexcept { return range_; }
  /// What stands for "/".
  Text root() const noexcept { return search_.root.empty() ? Text("/") : Text(search_.root.string()); }

  /// Whether the environment is not to be trusted.
  bool is_secure() const noexcept { return search_.as_secure || is_secure_process(); }
  /// An environment variable; "" when it is unset, empty, or not to be trusted.
  LATEPY_COLD Text variable(Text name) const {
    if (is_secure()) return {};
    const std::size_t size = name.size();
    for (const std::string& entry : search_.environment)
      if (starts_with(entry, name) && entry[size] == '=') return entry.c_str() + size + 1;
    return search_.own_environment ? process_variable(arena_, name) : Text();
  }

  static bool is_too_old(const Version& v) noexcept { return v.known() && (v.major != 3 || v.minor < 9); }
  LATEPY_COLD Text old_reason(const Version& v) const {
    return arena_.concat("too old: ", version_text(arena_, v), ", 3.9 is the oldest that serves");
  }

  /// Adds the candidate. \param name of its library. \param has_library whether its standard library was found.
  LATEPY_COLD void examine(FoundPython c, const PythonName& name, bool has_library) {
    Text fault = c.in_process ? Text() : why_no_library(c, name);
    if (fault.empty() && running_) c.version = Version::parse(running_.version());
    if (fault.empty()) fault = why_unfit(c, name, has_library);
    if (!fault.empty()) return refuse(c, c.in_process ? arena_.concat(fault, one_only) : fault);
    c.in_process |= static_cast<bool>(running_);
    accept(c);
  }

 protected:
  const Search& search_;
  const RunningPython running_;
  static constexpr Text one_only = ", and a process can have one Python only";

 private:
  /// "" where the file is a libpython for this process.
  LATEPY_COLD Text why_no_library(const FoundPython& c, const PythonName& name) const {
    if (ends_with(c.library, ".dll") && name.matches && starts_with(file_name(c.library), "libpython"))
      return "MSYS2's Python: its files lie as on Unix, which does not serve here; take that of python.org";
    const FileText file = read_file(arena_, c.library, 4096);
    if (file.error != 0) return read_fault(arena_, file.error);
    const Text fault = binary_fault(arena_, read_binary_header(arena_, file.text, file.size));
    if (!fault.empty()) return fault;
    if (!name.matches)
      return "not named like a libpython (libpython3.12.so.1.0, python312.dll …): its version is not known";
    if (running_ && loaded_symbol(c.library, "Py_GetVersion") != reinterpret_cast<void*>(running_.version))
      return arena_.concat("this process has loaded ", running_.library, " already", one_only);
    return {};
  }

  /// "" where CPython can start with what belongs to the library.
  LATEPY_COLD Text why_unfit(const FoundPython& c, const PythonName& name, bool has_library) const {
    if (is_too_old(c.version)) return old_reason(c.version);
    if (!range_.allows(c.version))
      return arena_.concat(version_text(arena_, c.version), " is not in ", search_.version);
    if (c.in_process && running_.is_initialized() != 0) return {};
    if (!has_library) {
      const Text home = c.home.empty() ? arena_.parent(arena_.parent(c.library)) : c.home;
      if (LATEPY_WINDOWS)
        return arena_.concat("standard library missing: no Lib\\os.py or python", name.digits(arena_), ".zip below ",
                             home);
      return arena_.concat({"standard library missing: no lib/python", name.dotted(arena_),
                            name.free_threaded ? "t" : "", "/os.py with encodings below ", home});
    }
#if LATEPY_WINDOWS  // Lib has no version in its name: the libraries beside it tell whose it is
    const Texts beside = libraries_below(arena_, c.home, {});
    bool is_own = beside.empty();
    for (const Text library : beside) is_own |= library_name(library).version.minor == name.version.minor;
    if (!is_own) return arena_.concat("its home is that of another Python: ", beside[0]);
#endif
    if (!LATEPY_WINDOWS && static_cast<std::string_view>(c.home).find(':') != std::string_view::npos)
      return arena_.concat("its home has a colon, at which CPython splits it: ", c.home);
    // CPython reads the first of these. Where it cannot, the start fails, and no other is possible in the process.
    Text folder = c.executable;
    for (int up = 0; up < 2 && !folder.empty(); ++up) {
      folder = arena_.parent(folder);
      const Text config = arena_.join(folder, "pyvenv.cfg");
      const FileText file = read_file(arena_, config);
      if (file.error != 0 && file.size != 0) return arena_.concat(config, " ", read_fault(arena_, file.error));
      if (!is_utf8(file.text)) return arena_.concat("not in UTF-8: ", config);
    }
    return search_.strict || is_secure() ? why_unsafe(c, name) : Text();
  }

  /// "" where nobody but this user and root may write to what CPython starts with.
  LATEPY_COLD Text why_unsafe(const FoundPython& c, const PythonName& name) const {
    Texts paths(arena_);
    for (const Text file : {c.library, c.executable, c.base_executable}) paths.add(file);
    const Text flags = name.free_threaded ? "t" : "", dotted = arena_.concat(name.dotted(arena_), flags),
               zip = arena_.concat(name.digits(arena_), flags, ".zip");
    for (const Text root : {c.home, c.prefix}) {
      paths.add(LATEPY_WINDOWS ? root : arena_.concat(root, "/pyvenv.cfg"));
      for (const Text lib : Literals("/lib/python\0/lib64/python\0/local/lib/python"))
        for (const Text version : {dotted, zip, Text("3")})  // 3: Debian's packages for every version
          paths.add(arena_.concat(root, lib, version));
    }
    const Text open = writable_by_others(arena_, paths);
    return open.empty()
               ? open
               : arena_.concat("not safe (", is_secure() ? "set-uid" : "strict", "): others may write to ", open);
  }

  const VersionRange range_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
