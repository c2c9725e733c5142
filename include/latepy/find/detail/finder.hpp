// latepy/find/detail/finder.hpp: Finder, which follows an executable, a folder or a library to a candidate.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/binary_header.hpp>
#include <latepy/find/detail/installation.hpp>
#include <latepy/find/detail/version_range.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A candidate that is handed on is used up: it ends in the table, and nothing is in what held it.
class Finder {
 public:
  explicit Finder(const Search& search) : search_(search), range_(search.version) {}

  std::vector<Candidate> take() { return std::move(found_); }
  bool has_chosen() const noexcept { return chosen_; }
  /// Whether nothing more is looked for: adding does nothing then.
  bool is_done() const noexcept { return chosen_ && !search_.all; }

  /// An environment variable; "" when it is unset, empty, or not to be trusted.
  LATEPY_COLD std::string variable(const char* name) const {
    if (search_.as_secure || is_secure_process()) return {};
    const std::string start = concat({name, "="});
    for (const std::string& entry : search_.environment)
      if (starts_with(entry, start)) return entry.substr(start.size());
    return search_.own_environment ? process_variable(name) : std::string();
  }

  LATEPY_COLD void refuse(Candidate&& c, std::string_view reason) {
    c.reason = reason;
    c.verdict = Verdict::refused;
    add(std::move(c));
  }

  /// A library, of which everything else is derived.
  LATEPY_COLD void add_library(Candidate&& c) {
    if (is_done()) return;
    const std::string asked = c.library;
    const FileKind kind = file_kind(asked);
    if (kind == FileKind::missing) return refuse(std::move(c), "not found");
    if (kind == FileKind::folder) return refuse(std::move(c), "a folder, not a shared library");
    if (kind == FileKind::denied) return refuse(std::move(c), "permission denied");
    c.library = real_path_(asked);
    PythonName name = library_name(c.library);
    if (!name.matches) name = library_name(asked);
    const bool was_named = !c.home.empty();
    if (!was_named) c.home = find_home(c.library, name);
    if (c.home.empty() && asked != c.library) c.home = find_home(asked, name);
    if (c.prefix.empty()) c.prefix = c.home;
    if (is_known(c)) return;
    complete(c, name);
    const bool has_library = was_named ? has_stdlib(c.home, name) : !c.home.empty();
    examine(std::move(c), name, has_library);
  }

  /// What a chosen home, or a found one, makes of the rest.
  LATEPY_COLD static void complete(Candidate& c, const PythonName& name) {
    const int hint =
        c.version.major == name.version.major && c.version.minor == name.version.minor ? c.version.micro : -1;
    c.free_threaded = name.free_threaded;
    c.debug = name.debug;
    c.version = name.version;
    if (c.home.empty()) return;
    c.version.micro = find_micro(c.home, name);
    if (c.version.micro < 0) c.version.micro = hint;
    const std::string own = find_executable(c.home, name);
    const std::string met = c.base_executable;
    if (!own.empty() &&
        (met.empty() || real_path(met) == real_path(own))) {  // python3.12, not the link by which it was met
      c.base_executable = own;
      if (c.executable == met) c.executable = own;
    }
    if (c.executable.empty()) c.executable = c.base_executable;
    if (c.prefix.empty()) c.prefix = c.home;
  }

  /// An executable or a folder: a virtual environment is followed to its base, links and shims to what they stand for.
  LATEPY_COLD void add_python(const std::string& path, Candidate&& c) {
    if (is_done()) return;
    const FileKind kind = file_kind(path);
    if (kind == FileKind::folder) return add_folder(path, std::move(c));
    if (c.executable.empty()) c.executable = path;
    if (kind == FileKind::missing) return refuse(std::move(c), "not found");
    if (kind == FileKind::denied) return refuse(std::move(c), "permission denied");
    std::string folder = parent(path);
    for (int up = 0; up < 2; ++up, folder = parent(folder)) {
      if (!is_file(join(folder, "pyvenv.cfg"))) continue;
      c.prefix = folder;
      return add_environment(folder, std::move(c));
    }
    c.base_executable = path;
    add_executable(std::move(c));
  }

  /// A virtual environment, a conda environment, an installation.
  LATEPY_COLD void add_folder(std::string folder, Candidate&& c) {
    if (is_done()) return;
    while (folder.size() > 1 && is_separator(folder.back())) folder.pop_back();
    if (is_file(join(folder, "pyvenv.cfg"))) {
      c.prefix = folder;
      const std::string bin = join(folder, LATEPY_WINDOWS ? "Scripts" : "bin");
      if (c.executable.empty()) c.executable = first_file(bin, {"python", "python3", "python.exe"});
      if (c.executable.empty())
        return refuse(std::move(c), "its python is missing: the environment's base was removed or moved");
      return add_environment(folder, std::move(c));
    }
    if (!is_folder(folder)) {
      c.prefix = folder;
      return refuse(std::move(c), "not found");
    }
    if (!add_home(folder, c)) {
      c.prefix = folder;
      refuse(std::move(c), "no Python: neither pyvenv.cfg nor a python executable nor its library is in it");
    }
  }

  /// An installation folder. False, and no line in the table, when there is no Python in it.
  LATEPY_COLD bool add_home(const std::string& folder, const Candidate& c) {
    if (is_done()) return true;
    if (add_libraries(libraries_below(folder, {}), c)) return true;
    Candidate one = c;
    one.executable = first_file(LATEPY_WINDOWS ? folder : join(folder, "bin"), {"python3", "python", "python.exe"});
    if (one.executable.empty()) return false;
    one.base_executable = one.executable;
    add_executable(std::move(one));
    return true;
  }

 private:
  /// The first of the files that is there, or "".
  LATEPY_COLD static std::string first_file(const std::string& folder, TextParts names) {
    for (const std::string_view name : names) {
      std::string path = join(folder, name);
      if (is_file(path)) return path;
    }
    return {};
  }

  /// Whether there are any.
  LATEPY_COLD bool add_libraries(const std::vector<std::string>& libraries, const Candidate& c) {
    for (const std::string& library : libraries) {
      Candidate one = c;
      one.library = library;
      add_library(std::move(one));
    }
    return !libraries.empty();
  }

  /// c.prefix holds pyvenv.cfg. `home` in it is the folder of the base's executable; virtualenv names that executable
  /// in `base-executable`, venv since 3.11 in `executable`; the version is `version` (venv) or `version_info` (uv,
  /// virtualenv).
  LATEPY_COLD void add_environment(const std::string& folder, Candidate&& c, int depth = 0) {
    const FileText file = read_file(join(folder, "pyvenv.cfg"));
    if (!file.readable) return refuse(std::move(c), "pyvenv.cfg cannot be read");
    const std::string home = config_value(file.text, "home");
    const std::string kind = config_value(file.text, "implementation");
    if (!kind.empty() && lower(kind) != "cpython")
      return refuse(std::move(c), concat({"an environment of ", kind, ", not of CPython"}));
    if (home.empty()) return refuse(std::move(c), "its pyvenv.cfg does not say where its base is (no home)");
    if (!is_absolute(home)) return refuse(std::move(c), concat({"its pyvenv.cfg has a relative home: ", home}));
    std::string text = config_value(file.text, "version");
    if (text.empty()) text = config_value(file.text, "version_info");
    c.version = Version::parse(text);

    std::vector<std::string> bases;
    for (const char* key : {"base-executable", "executable"}) bases.push_back(config_value(file.text, key));
    PythonName name;
    name.version = c.version;
    const std::string stem = join(home, "python");
    if (c.version.known() && !LATEPY_WINDOWS)
      for (const char* flags : {"", "t", "d", "td"}) bases.push_back(concat({stem, name.dotted(), flags}));
    for (const char* ending : {"3", "", ".exe"}) bases.push_back(concat({stem, ending}));
    for (const std::string& base : bases) {
      if (!is_absolute(base) || !is_file(base)) continue;
      const std::string above = parent(parent(base));
      if (is_file(join(above, "pyvenv.cfg")) && above != folder) {  // an environment made by an environment
        if (depth < 3) return add_environment(above, std::move(c), depth + 1);
        return refuse(std::move(c), "its pyvenv.cfg leads from environment to environment without end");
      }
      c.base_executable = base;
      return add_executable(std::move(c));
    }
    refuse(std::move(c), concat({"its base Python is gone: there is no python in ", home}));
  }

  /// c.base_executable is a file. Finds the libraries that belong to it.
  LATEPY_COLD void add_executable(Candidate&& c) {
    const std::string real = real_path_(c.base_executable);
    const FileText file = read_file(real, 2);
    if (!file.readable) return refuse(std::move(c), "permission denied");
    if (file.size == 0) return refuse(std::move(c), "the Microsoft Store's stub (an empty file), not a Python");
    if (starts_with(file.text, "#!")) return refuse(std::move(c), "a script, not a Python executable");
    if (!c.library.empty()) return add_library(std::move(c));
    PythonName name = executable_name(real);
    if (!name.matches) name = executable_name(c.base_executable);
    if (!name.matches) return refuse(std::move(c), concat({"not named like a Python: ", real}));
    if (!name.version.known() && c.version.known() && !LATEPY_WINDOWS)
      name.version = {c.version.major, c.version.minor, -1};
    // Links that keep the installation's layout come first: the real path leads into stores and cellars.
    const std::string home = LATEPY_WINDOWS ? parent(real) : parent(parent(real));
    if (add_libraries(libraries_below(home, name), c)) return;
    const std::string other = LATEPY_WINDOWS ? home : parent(parent(c.base_executable));
    if (other != home && add_libraries(libraries_below(other, name), c)) return;
    if (search_.ask_python && !search_.as_secure && !is_secure_process()) {
      c.library = ask(c.base_executable);
      if (!c.library.empty()) return add_library(std::move(c));
    }
    if (c.executable == c.base_executable) c.executable = c.base_executable = real;  // python and python3 are one line
    if (!c.version.known()) c.version = name.version;
    if (c.prefix.empty()) c.prefix = home;
    c.free_threaded = name.free_threaded;
    c.debug = name.debug;
    if (too_old(c.version)) return refuse(std::move(c), old_reason(c.version));
    const std::string missing =
        name.version.known() ? concat({"libpython", name.dotted(), name.flags()}) : "shared library";
    refuse(std::move(c), concat({"built without a shared library (static), or its package is not installed: no ",
                                 missing, " below ", home}));
  }

  /// Runs a Python by its absolute path and asks where its library is.
  LATEPY_COLD std::string ask(const std::string& executable) const {
    static constexpr char question[] =
        "import sys, sysconfig as s\n"
        "for k in 'LIBDIR', 'INSTSONAME', 'LDLIBRARY', 'PYTHONFRAMEWORKPREFIX': print(s.get_config_var(k) or '')\n"
        "print(sys.base_prefix)";
    const std::string text = run_and_read({executable.c_str(), "-I", "-S", "-X", "utf8", "-c", question});
    std::string_view answer[5];
    std::size_t count = 0;
    for (std::size_t from = 0, end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
      if (count == 5) return {};
      answer[count++] = trim(std::string_view(text).substr(from, end - from));
    }
    if (count != 5) return {};
    const std::string lib = join(answer[4], "lib");
    for (const std::string_view folder : {answer[0], answer[3], std::string_view(lib), answer[4]})
      for (const std::string_view file : {answer[1], answer[2]}) {
        std::string path = join(folder, file);
        if (is_absolute(folder) && library_name(path).matches && is_file(path)) return path;
      }
    return {};
  }

  static bool too_old(const Version& v) noexcept { return v.known() && (v.major != 3 || v.minor < 9); }
  LATEPY_COLD static std::string old_reason(const Version& v) {
    return concat({"too old: ", v.to_string(), ", 3.9 is the oldest that serves"});
  }

  LATEPY_COLD void examine(Candidate&& c, const PythonName& name, bool has_library) {
    const FileText file = read_file(c.library, 4096);
    std::string why;
    if (!file.readable && file.size == 0)
      why = "cannot be read: permission denied";
    else if (!file.readable)
      why = "cannot be read to its end";
    else
      why = binary_fault(read_binary_header(file.text, file.size));
    if (why.empty() && !name.matches)
      why = "not named like a libpython (libpython3.12.so.1.0, python312.dll …): its version is not known";
    if (why.empty() && too_old(c.version)) why = old_reason(c.version);
    if (why.empty()) why = unwanted(c.version);
    if (why.empty() && !has_library) {
      const std::string home = c.home.empty() ? parent(parent(c.library)) : c.home;
      if (LATEPY_WINDOWS)
        why = concat({"standard library missing: no Lib\\os.py or python", name.digits(), ".zip below ", home});
      else
        why = concat({"standard library missing: no lib/python", name.dotted(), name.free_threaded ? "t" : "",
                      "/os.py with encodings below ", home});
    }
    if (why.empty() && search_.strict) {
      for (const std::string* path : {&c.library, &c.home, &c.executable, &c.base_executable}) {
        const std::string open = path->empty() ? std::string() : writable_by_others(*path);
        if (open.empty()) continue;
        why = concat({"not safe (strict): others may write to ", open});
        break;
      }
    }
    if (!why.empty()) return refuse(std::move(c), why);
    accept(std::move(c));
  }

 public:
  /// Why the version is outside of what is wanted, "" when it is not.
  LATEPY_COLD std::string unwanted(const Version& version) const {
    return range_.allows(version) ? "" : concat({version.to_string(), " is not in ", search_.version});
  }

  LATEPY_COLD void accept(Candidate&& c) {
    c.verdict = chosen_ ? Verdict::usable : Verdict::chosen;
    chosen_ = true;
    if (c.executable.empty()) c.reason = "has no python executable: scripts cannot start another Python";
    add(std::move(c));
  }

 private:
  LATEPY_COLD bool is_known(const Candidate& c) const noexcept {
    for (const Candidate& other : found_)
      if (other.library == c.library && other.prefix == c.prefix) return true;
    return false;
  }
  LATEPY_COLD void add(Candidate&& c) {
    for (const Candidate& other : found_)  // one line for one thing that was refused for one reason
      if (other.library == c.library && other.executable == c.executable && other.prefix == c.prefix) return;
    found_.push_back(std::move(c));
  }

  const Search& search_;
  VersionRange range_;
  RealPaths real_path_;
  std::vector<Candidate> found_;
  bool chosen_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
