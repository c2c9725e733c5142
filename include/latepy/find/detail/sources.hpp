// latepy/find/detail/sources.hpp: Sources, the places where Pythons are found when none was named.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/finder.hpp>
#if LATEPY_WINDOWS
#include <latepy/find/detail/registry_windows.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

LATEPY_COLD inline Candidate from_source(std::string_view source) {
  Candidate c;
  c.source = source;
  return c;
}

class Sources {
 public:
  Sources(const Search& search, Finder& finder)
      : search_(search), finder_(finder), root_(search.root.empty() ? "/" : search.root.string()) {
    home_ = finder.variable(LATEPY_WINDOWS ? "USERPROFILE" : "HOME");
    if (!is_absolute(home_)) home_.clear();
  }

  /// What a program brings along: below its own folder, or beside that in `lib`.
  LATEPY_COLD void beside_program() {
    const std::string program = !search_.program.empty() ? real_path(search_.program.string()) : program_path();
    if (program.empty()) return;
    const std::string folder = parent(program), above = parent(folder);
    const Candidate c = from_source("beside the program");
    finder_.add_home(join(folder, "python"), c);
    if (LATEPY_WINDOWS) {
      finder_.add_home(folder, c);
      return;
    }
    finder_.add_home(join(above, "python"), c);
    frameworks(join(above, "Frameworks"), "beside the program");
    finder_.add_home(join(above, "Resources/python"), c);
    // A program in /usr/bin did not bring /usr/lib.
    for (const char* system : {"", "usr", "usr/local", "opt/homebrew", "opt/local"})
      if (above == real_path(join(root_, system))) return;
    if (!libraries_below(above, {}).empty()) finder_.add_home(above, c);
  }

  LATEPY_COLD void active_environments() {
    for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
      const std::string folder = finder_.variable(name);
      if (folder.empty()) continue;
      Candidate c = from_source(name);
      c.prefix = is_absolute(folder) ? std::string() : folder;
      if (is_absolute(folder))
        finder_.add_folder(folder, std::move(c));
      else
        finder_.refuse(std::move(c), "a relative path in the environment is not followed");
    }
  }

  LATEPY_COLD void path() {
    const std::string text = finder_.variable("PATH");
    const std::vector<std::string_view> folders = split(text, LATEPY_WINDOWS ? ";" : ":");
    for (const char* name : {"python3", "python"}) {
      for (const std::string_view folder : folders) {
        const std::string file = concat({join(folder, name), LATEPY_WINDOWS ? ".exe" : ""});
        if (finder_.is_done()) return;
        if (!is_absolute(folder) || file_kind(file) != FileKind::file) continue;
        if (file_name(folder) == "shims")
          shim(folder, name, file);
        else
          finder_.add_python(file, from_source("PATH"));
      }
    }
  }

  LATEPY_COLD void managers() {
    if (!home_.empty() || !finder_.variable("UV_PYTHON_INSTALL_DIR").empty()) {
      const std::string data = finder_.variable(LATEPY_WINDOWS ? "APPDATA" : "XDG_DATA_HOME");
      std::string uv = finder_.variable("UV_PYTHON_INSTALL_DIR");
      if (uv.empty()) uv = join(is_absolute(data) ? data : join(home_, ".local/share"), "uv/python");
      each_version(uv, "uv", "cpython-");
    }
    std::string pyenv = finder_.variable("PYENV_ROOT");
    if (pyenv.empty() && !home_.empty()) pyenv = join(home_, LATEPY_WINDOWS ? ".pyenv/pyenv-win" : ".pyenv");
    each_version(join(pyenv, "versions"), "pyenv");
    if (!home_.empty()) {
      each_version(join(home_, ".asdf/installs/python"), "asdf");
      each_version(join(home_, ".local/share/mise/installs/python"), "mise");
    }
    conda();
  }

  LATEPY_COLD void system() {
#if LATEPY_WINDOWS
    if (search_.root.empty())
      for (const RegisteredPython& python : registered_pythons())
        finder_.add_home(python.folder, from_source(python.source));
    const std::string local = finder_.variable("LOCALAPPDATA");
    if (is_absolute(local)) {
      each_version(join(local, "Programs/Python"), "python.org", "Python3");
      each_version(join(local, "Python"), "Python install manager", "pythoncore-");
    }
#else
    for (const char* brew : {"opt/homebrew/opt", "usr/local/opt", "home/linuxbrew/.linuxbrew/opt"}) {
      const std::string formulas = join(root_, brew);
      for (const std::string& formula : newest_first(formulas, "python@3.")) {
        const std::string folder = join(formulas, formula);
        if (!frameworks(join(folder, "Frameworks"), "Homebrew")) finder_.add_home(folder, from_source("Homebrew"));
      }
    }
    static constexpr const char* folders_of_frameworks[][2] = {
        {"Library/Frameworks", "framework"},
        {"opt/local/Library/Frameworks", "MacPorts"},
        {"Library/Developer/CommandLineTools/Library/Frameworks", "Xcode"},
        {"Applications/Xcode.app/Contents/Developer/Library/Frameworks", "Xcode"}};
    for (const auto& [folder, source] : folders_of_frameworks) frameworks(join(root_, folder), source);
    const std::string of_machine = multiarch.empty() ? std::string() : join("usr/lib", multiarch);
    for (const std::string_view folder :
         {"usr/local/lib", "usr/local/lib64", of_machine.c_str(), "usr/lib64", "usr/lib"}) {
      const std::string path = join(root_, folder);
      if (folder.empty() || !is_folder(path)) continue;
      for (int minor = 24; minor >= 9; --minor)  // by name: these folders may have thousands of files
        for (const char* flags : {"", "t"}) {    // debug builds are in the loader's cache
          if (*flags && minor < 13) continue;
          std::string library = concat({join(path, "libpython3."), decimal(minor), flags, ".so.1.0"});
          if (is_file(library)) add_library("system library folder", std::move(library));
        }
    }
    loader_cache();
#endif
  }

 private:
  LATEPY_COLD void add_library(const char* source, std::string library) {
    Candidate c = from_source(source);
    c.library = std::move(library);
    finder_.add_library(std::move(c));
  }

  /// Takes the first part off: its number, -1 where it is none, -2 where there is no part.
  LATEPY_COLD static int next_number(std::string_view& rest) noexcept {
    rest.remove_prefix((std::min)(rest.find_first_not_of(".-+"), rest.size()));
    const std::string_view part = rest.substr(0, rest.find_first_of(".-+"));
    rest.remove_prefix(part.size());
    if (part.empty()) return -2;
    return part[0] >= '0' && part[0] <= '9' ? Version::parse(part).major : -1;
  }
  /// Whether a name's numbers are larger than those of another.
  LATEPY_COLD static bool is_newer(const std::string& name, const std::string& than) noexcept {
    std::string_view mine = name, others = than;
    for (int number = 0; number != -2;) {
      number = next_number(mine);
      if (const int other = next_number(others); number != other) return number > other;
    }
    return name > than;
  }

  /// Names with the prefix, those with the larger numbers first.
  LATEPY_COLD static std::vector<std::string> newest_first(const std::string& folder, std::string_view prefix = {}) {
    std::vector<std::string> names;
    for (std::string& name : list_folder(folder))
      if (starts_with(name, prefix)) insert_ordered(names, std::move(name), &is_newer);
    return names;
  }

  LATEPY_COLD void each_version(const std::string& folder, const char* source, std::string_view prefix = {}) {
    if (!is_absolute(folder) || finder_.is_done()) return;
    for (const std::string& name : newest_first(folder, prefix)) {
      if (finder_.is_done()) return;
      const std::string home = join(folder, name);
      if (!is_file(join(home, "pyvenv.cfg"))) finder_.add_home(home, from_source(source));
    }
  }

  LATEPY_COLD bool frameworks(const std::string& folder, const char* source) {
    bool any = false;
    for (const char* framework : {"Python.framework", "PythonT.framework", "Python3.framework"}) {
      const std::string versions = concat({join(folder, framework), "/Versions"});
      for (const std::string& name : newest_first(versions))
        if (name != "Current") any |= finder_.add_home(join(versions, name), from_source(source));
    }
    return any;
  }

  LATEPY_COLD void conda() {
    std::vector<std::string> roots;
    if (!home_.empty()) {
      // One line for each environment that conda made.
      const std::string list = read_file(join(home_, ".conda/environments.txt")).text;
      for (const std::string_view line : split(list, "\r\n"))
        if (is_absolute(line)) roots.push_back(concat({line}));
      for (const char* name : {"miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba"})
        roots.push_back(join(home_, name));
    }
    if (!LATEPY_WINDOWS)
      for (const char* name : {"opt/conda", "opt/miniconda3", "opt/miniforge3", "opt/anaconda3"})
        roots.push_back(join(root_, name));
    for (const std::string& root : roots) {
      if (!is_folder(root)) continue;
      finder_.add_home(root, from_source("conda"));
      each_version(join(root, "envs"), "conda");
    }
  }

  /// A shell script of pyenv or asdf that starts the Python named by a variable, else by the manager's own file for
  /// the user. Files in the current directory are not read: they may be anybody's.
  LATEPY_COLD void shim(std::string_view folder, const char* name, const std::string& file) {
    Candidate c = from_source("PATH");
    c.executable = file;
    const std::string head = read_file(file, 2).text;
    std::string root = parent(folder);
    if (head != "#!") return finder_.add_python(file, from_source("PATH"));
    const bool is_asdf = !is_folder(join(root, "versions")) && is_folder(join(root, "installs"));
    std::string wanted = finder_.variable(is_asdf ? "ASDF_PYTHON_VERSION" : "PYENV_VERSION");
    if (!is_asdf && !is_folder(join(root, "versions"))) root = finder_.variable("PYENV_ROOT");
    if (!is_absolute(root)) return finder_.refuse(std::move(c), "a shim whose manager is not known");
    const std::string versions = join(root, is_asdf ? "installs/python" : "versions");
    if (wanted.empty() && !is_asdf) {
      wanted = read_file(join(root, "version")).text;
    } else if (wanted.empty()) {
      const std::string list = read_file(join(home_, ".tool-versions")).text;
      for (const std::string_view line : split(list, "\r\n"))
        if (starts_with(line, "python ")) wanted = line.substr(7);
    }
    for (const std::string_view word : split(wanted, ": \t\r\n")) {
      if (word == "system") return;  // what follows on PATH
      const std::string home = matching_version(versions, word);
      const std::string python = join(join(home, "bin"), name);
      if (!home.empty() && is_file(python)) return finder_.add_python(python, from_source("PATH"));
    }
    if (trim(wanted).empty()) return;  // "system" is the default
    finder_.refuse(std::move(c), concat({"a shim for version ", trim(wanted), ", which is not installed"}));
  }

  /// pyenv takes "3.12" for the newest 3.12.x.
  LATEPY_COLD static std::string matching_version(const std::string& folder, std::string_view word) {
    if (word.find_first_of("/\\") != std::string_view::npos || word[0] == '.') return {};
    std::string exactly = join(folder, word);
    if (is_folder(exactly)) return exactly;
    const std::vector<std::string> names = newest_first(folder, concat({word, "."}));
    return names.empty() ? std::string() : join(folder, names[0]);
  }

#if !LATEPY_WINDOWS
  /// /etc/ld.so.cache holds the paths as NUL-ended strings, in both of its formats (glibc, dl-cache.h).
  LATEPY_COLD void loader_cache() {
    const std::string text = read_file(join(root_, "etc/ld.so.cache"), 4u << 20).text;
    for (std::size_t at = 0; (at = text.find("/libpython", at)) != std::string::npos; ++at) {
      const std::size_t start = text.rfind('\0', at) + 1, end = (std::min)(text.find('\0', at), text.size());
      const std::string_view path = std::string_view(text).substr(start, end - start);
      if (!is_absolute(path) || !library_name(path).matches) continue;
      std::string library = join(root_, path);
      if (is_file(library)) add_library("loader cache", std::move(library));
    }
  }
#endif

  const Search& search_;
  Finder& finder_;
  std::string root_;
  std::string home_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
