// latepy/find/detail/managers.hpp: Managers, the Pythons that pyenv, uv, asdf, mise and conda have installed.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/finder.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A Finder that knows the version managers.
class Managers : public Finder {
 public:
  using Finder::Finder;

 protected:
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

  LATEPY_COLD Text in_root(Text path) const { return arena_.join(root(), path); }
  /// "" where the user's folder is not known.
  LATEPY_COLD Text in_home(Text path) const { return home_.empty() ? Text() : arena_.join(home_, path); }

  using Finder::add_home;
  LATEPY_COLD bool add_home(Text folder, Text source) { return add_home(folder, FoundPython(source)); }

  /// The names with the prefix, without it, those with the larger numbers first.
  LATEPY_COLD Texts list_newest_first(Text folder, Text prefix = {}) const {
    Texts names(arena_);
    for (const Text name : list_folder(arena_, folder))
      if (starts_with(name, prefix)) names.add(name.c_str() + prefix.size());
    names.sort(&newest_first);
    return names;
  }

  /// Adds the installations that lie in the folder, if its path is absolute.
  LATEPY_COLD void each_version(Text folder, Text source, Text prefix = {}) {
    if (!is_absolute(folder) || is_done()) return;
    for (const Text name : list_newest_first(folder, prefix)) {
      const Text home = arena_.concat(arena_.join(folder, prefix), name);
      if (!is_done() && !is_environment(home)) add_home(home, source);
    }
  }

 private:
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

  /// The folder of an installed version. "3.12" is the newest 3.12.x, as for pyenv.
  LATEPY_COLD Text matching_version(Text folder, std::string_view word) const {
    if (word.find_first_of("/\\") != std::string_view::npos || word[0] == '.') return {};
    const Text version = arena_.copy(word), exactly = arena_.join(folder, version);
    if (is_folder(exactly)) return exactly;
    const Texts names = list_newest_first(folder, arena_.concat(version, "."));
    return names.empty() ? Text() : arena_.concat(exactly, ".", names[0]);
  }

  LATEPY_COLD Text user_folder() const {
    const Text folder = variable(LATEPY_WINDOWS ? "USERPROFILE" : "HOME");
    return is_absolute(folder) ? folder : Text();
  }

  const Text home_ = user_folder();  ///< "" where it is not known
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
