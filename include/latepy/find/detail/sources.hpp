// latepy/find/detail/sources.hpp: Sources, the places where Pythons are looked for when none was named.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/finder.hpp>
#if LATEPY_WINDOWS
#include <latepy/find/detail/registry_windows.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// A Finder that knows where to look. It goes through the sources in the order that is written in the README.
class Sources : public Finder {
 public:
  /// \throws LoadError when `search.version` is malformed.
  Sources(Arena& arena, const Search& search) : Finder(arena, search) {}

  /// What stands for "/".
  Text root() const noexcept { return search_.root.empty() ? Text("/") : Text(search_.root.string()); }

  LATEPY_COLD void add_all() {
    home_ = variable(LATEPY_WINDOWS ? "USERPROFILE" : "HOME");
    if (!is_absolute(home_)) home_ = {};
    named_by_variables();
    if (!is_done()) beside_program();
    if (!is_done()) active_environments();
    if (!is_done() && search_.search_path) path();
    if (!is_done()) managers();
    if (!is_done()) system();
  }

 private:
  LATEPY_COLD void named_by_variables() {
    for (const Text name : Literals("LATEPY_LIBRARY\0LATEPY_PYTHON")) {
      const Text path = variable(name);
      if (path.empty() || is_done()) continue;
      FoundPython c(name);
      const bool is_library = name == "LATEPY_LIBRARY";
      if (is_library || !is_absolute(path)) (is_library ? c.library : c.executable) = path;
      if (!is_absolute(path))
        refuse(c, relative_path);
      else if (is_library)
        add_library(c);
      else
        add_python(path, c);
    }
  }

  /// What a program brings along: in folders of its own, or below the folder above in `lib`.
  LATEPY_COLD void beside_program() {
    const Text program = search_.program.empty() ? program_path(arena_) : real_path(arena_, search_.program.string());
    if (program.empty()) return;
    constexpr Text source = "beside the program";
    const Text folder = arena_.parent(program), above = arena_.parent(folder);
    add_home(arena_.join(folder, "python"), source);
    if (LATEPY_WINDOWS) {
      add_home(folder, source);
      return;
    }
    add_home(arena_.join(above, "python"), source);
    frameworks(arena_.join(above, "Frameworks"), source);
    add_home(arena_.join(above, "Resources/python"), source);
    // A program in /usr/bin did not bring /usr/lib.
    for (const Text system : Literals("\0usr\0usr/local\0opt/homebrew\0opt/local"))
      if (above == real_path(arena_, in_root(system))) return;
    if (!libraries_below(arena_, above, {}).empty()) add_home(above, source);
  }

  LATEPY_COLD void active_environments() {
    for (const Text name : Literals("VIRTUAL_ENV\0CONDA_PREFIX")) {
      const Text folder = variable(name);
      if (folder.empty()) continue;
      FoundPython c(name);
      if (is_absolute(folder)) {
        add_folder(folder, c);
      } else {
        c.prefix = folder;
        refuse(c, relative_path);
      }
    }
  }

  LATEPY_COLD void path() {
    const Text folders = variable("PATH");
    for (const Text name : Literals("python3\0python")) {
      std::string_view rest = folders;
      for (std::string_view part; !(part = next_part(rest, LATEPY_WINDOWS ? ";" : ":")).empty();) {
        if (is_done()) return;
        if (!is_absolute(part)) continue;
        const Text folder = arena_.copy(part);
        const Text file = arena_.concat(arena_.join(folder, name), LATEPY_WINDOWS ? ".exe" : "");
        if (!is_file(file)) continue;
        if (file_name(part) == "shims")
          shim(folder, name, file);
        else
          add_python(file, FoundPython("PATH"));
      }
    }
  }

  LATEPY_COLD void managers() {
    Text uv = variable("UV_PYTHON_INSTALL_DIR");
    if (uv.empty() && !home_.empty()) {
      const Text data = variable(LATEPY_WINDOWS ? "APPDATA" : "XDG_DATA_HOME");
      uv = arena_.join(is_absolute(data) ? data : in_home(".local/share"), "uv/python");
    }
    each_version(uv, "uv", "cpython-");
    Text pyenv = variable("PYENV_ROOT");
    if (pyenv.empty()) pyenv = in_home(LATEPY_WINDOWS ? ".pyenv/pyenv-win" : ".pyenv");
    each_version(arena_.join(pyenv, "versions"), "pyenv");
    each_version(in_home(".asdf/installs/python"), "asdf");
    each_version(in_home(".local/share/mise/installs/python"), "mise");
    conda();
  }

  LATEPY_COLD void system() {
#if LATEPY_WINDOWS
    if (search_.root.empty()) {
      const Texts registered = registered_pythons(arena_);
      for (std::size_t at = 0; at < registered.size(); at += 2) add_home(registered[at], registered[at + 1]);
    }
    const Text local = variable("LOCALAPPDATA");
    if (is_absolute(local)) {
      each_version(arena_.join(local, "Programs/Python"), "python.org", "Python3");
      each_version(arena_.join(local, "Python"), "Python install manager", "pythoncore-");
    }
#else
    for (const Text brew : Literals("opt/homebrew/opt\0usr/local/opt\0home/linuxbrew/.linuxbrew/opt")) {
      const Text formulas = in_root(brew);
      for (const Text formula : newest_first(formulas, "python@3.")) {
        const Text folder = arena_.join(formulas, formula);
        if (!frameworks(arena_.join(folder, "Frameworks"), "Homebrew")) add_home(folder, "Homebrew");
      }
    }
    frameworks(in_root("Library/Frameworks"), "framework");
    frameworks(in_root("opt/local/Library/Frameworks"), "MacPorts");
    frameworks(in_root("Library/Developer/CommandLineTools/Library/Frameworks"), "Xcode");
    frameworks(in_root("Applications/Xcode.app/Contents/Developer/Library/Frameworks"), "Xcode");
    libraries_in("usr/local/lib");
    libraries_in("usr/local/lib64");
    if (!multiarch.empty()) libraries_in(arena_.join("usr/lib", multiarch));
    libraries_in("usr/lib64");
    libraries_in("usr/lib");
    loader_cache();
#endif
  }

  LATEPY_COLD Text in_root(Text path) const { return arena_.join(root(), path); }
  /// "" where the user's folder is not known.
  LATEPY_COLD Text in_home(Text path) const { return home_.empty() ? Text() : arena_.join(home_, path); }

  using Finder::add_library;
  LATEPY_COLD void add_library(Text library, Text source) {
    FoundPython c(source);
    c.library = library;
    add_library(c);
  }
  using Finder::add_home;
  LATEPY_COLD bool add_home(Text folder, Text source) { return add_home(folder, FoundPython(source)); }

  /// Names with the prefix, those with the larger numbers first.
  LATEPY_COLD Texts newest_first(Text folder, Text prefix = {}) const {
    Texts names(arena_);
    for (const Text name : list_folder(arena_, folder))
      if (starts_with(name, prefix)) names.add_ordered(name, &newer_first);
    return names;
  }

  /// Adds the installations that lie in the folder, if its path is absolute.
  LATEPY_COLD void each_version(Text folder, Text source, Text prefix = {}) {
    if (!is_absolute(folder) || is_done()) return;
    for (const Text name : newest_first(folder, prefix)) {
      const Text home = arena_.join(folder, name);
      if (!is_done() && !is_environment(home)) add_home(home, source);
    }
  }

  /// Adds the frameworks that lie in the folder. Returns whether there are any.
  LATEPY_COLD bool frameworks(Text folder, Text source) {
    bool any = false;
    for (const Text framework : Literals("Python.framework\0PythonT.framework\0Python3.framework")) {
      const Text versions = arena_.concat(arena_.join(folder, framework), "/Versions");
      for (const Text name : newest_first(versions))
        if (name != "Current") any |= add_home(arena_.join(versions, name), source);
    }
    return any;
  }

  LATEPY_COLD void conda() {
    if (!home_.empty()) {
      // conda writes one line for each environment that it makes.
      std::string_view list = read_file(arena_, in_home(".conda/environments.txt")).text;
      for (std::string_view line; !(line = next_part(list, "\r\n")).empty();)
        if (is_absolute(line)) conda_root(arena_.copy(line));
      for (const Text name : Literals("miniconda3\0miniforge3\0mambaforge\0anaconda3\0micromamba"))
        conda_root(in_home(name));
    }
    if (LATEPY_WINDOWS) return;
    for (const Text name : Literals("opt/conda\0opt/miniconda3\0opt/miniforge3\0opt/anaconda3"))
      conda_root(in_root(name));
  }
  LATEPY_COLD void conda_root(Text root) {
    if (!is_folder(root)) return;
    add_home(root, "conda");
    each_version(arena_.join(root, "envs"), "conda");
  }

  /// A shell script of pyenv or asdf. It starts the Python that a variable names, else the one of the manager's file
  /// for this user. Files in the working directory are not read: anybody may have put them there.
  LATEPY_COLD void shim(Text folder, Text name, Text file) {
    FoundPython c("PATH");
    if (read_file(arena_, file, 2).text != "#!") return add_python(file, c);
    c.executable = file;
    Text root = arena_.parent(folder);
    const bool is_pyenv = is_folder(arena_.join(root, "versions"));
    const bool is_asdf = !is_pyenv && is_folder(arena_.join(root, "installs"));
    if (!is_pyenv && !is_asdf) root = variable("PYENV_ROOT");
    if (!is_absolute(root)) return refuse(c, "a shim whose manager is not known");
    std::string_view wanted = variable(is_asdf ? "ASDF_PYTHON_VERSION" : "PYENV_VERSION");
    if (wanted.empty() && !is_asdf) {
      wanted = read_file(arena_, arena_.join(root, "version")).text;
    } else if (wanted.empty()) {
      std::string_view list = home_.empty() ? "" : read_file(arena_, arena_.join(home_, ".tool-versions")).text;
      for (std::string_view line; !(line = next_part(list, "\r\n")).empty();)
        if (starts_with(line, "python ")) wanted = line.substr(7);
    }
    const Text versions = arena_.join(root, is_asdf ? "installs/python" : "versions");
    std::string_view rest = wanted;
    for (std::string_view word; !(word = next_part(rest, ": \t\r\n")).empty();) {
      if (word == "system") return;  // the Python that follows on PATH
      const Text home = matching_version(versions, word);
      const Text python = arena_.join(arena_.join(home, "bin"), name);
      if (!home.empty() && is_file(python)) return add_python(python, FoundPython("PATH"));
    }
    wanted = trim(wanted);
    if (wanted.empty()) return;  // "system" is the default
    refuse(c, arena_.concat("a shim for version ", arena_.copy(wanted), ", which is not installed"));
  }

  /// The folder of an installed version. "3.12" is the newest 3.12.x, as for pyenv.
  LATEPY_COLD Text matching_version(Text folder, std::string_view word) const {
    if (word.find_first_of("/\\") != std::string_view::npos || word[0] == '.') return {};
    const Text version = arena_.copy(word), exactly = arena_.join(folder, version);
    if (is_folder(exactly)) return exactly;
    const Texts names = newest_first(folder, arena_.concat(version, "."));
    return names.empty() ? Text() : arena_.join(folder, names[0]);
  }

#if !LATEPY_WINDOWS
  /// Adds the libraries of a system folder. They are asked for by name: the folder may have thousands of files. Debug
  /// builds are found in the loader's cache.
  LATEPY_COLD void libraries_in(Text folder) {
    const Text path = in_root(folder);
    if (!is_folder(path)) return;
    for (unsigned minor = 24; minor >= 9; --minor)
      for (const Text flags : Literals("\0t")) {
        if (!flags.empty() && minor < 13) continue;
        const Text library = arena_.concat(arena_.join(path, "libpython3."), arena_.decimal(minor), flags, ".so.1.0");
        if (is_file(library)) add_library(library, "system library folder");
      }
  }

  /// /etc/ld.so.cache holds the paths as NUL-ended strings, in both of its formats (glibc, dl-cache.h).
  LATEPY_COLD void loader_cache() {
    const std::string_view text = read_file(arena_, in_root("etc/ld.so.cache"), 4u << 20).text;
    for (std::size_t at = 0; (at = text.find("/libpython", at)) != std::string_view::npos; ++at) {
      const std::size_t start = text.rfind('\0', at) + 1;
      const std::string_view path = text.substr(start, text.find('\0', at) - start);
      if (!is_absolute(path) || !library_name(path).matches) continue;
      const Text library = in_root(arena_.copy(path));
      if (is_file(library)) add_library(library, "loader cache");
    }
  }
#endif

  static constexpr Text relative_path = "a relative path in the environment is not followed";

  Text home_;  ///< the user's folder, "" where it is not known
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
