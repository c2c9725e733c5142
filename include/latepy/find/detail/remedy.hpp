// latepy/find/detail/remedy.hpp: what to install on this system when no Python could be used.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/sources.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The newest pythonX.Y in the system's own bin folder that may be taken and lacks its library, "" without one. A
/// package with its library exists.
LATEPY_COLD inline Text bare_system_python(Arena& arena, Text root, const VersionRange& range) {
  PythonName name;
  const Text usr = arena.join(root, "usr");
  for (int minor = 39; minor >= 9; --minor) {
    name.version = {3, minor, -1};
    const Text version = name.dotted(arena);
    if (range.allows(name.version) && is_file(arena.concat(arena.join(usr, "bin/python"), version)) &&
        libraries_below(arena, usr, name).empty())
      return version;
  }
  return {};
}

/// The command that installs Python's shared library, "" where none is known that serves.
LATEPY_COLD inline Text install_command(Arena& arena, Text root, const VersionRange& range) {
  std::string_view release = read_file(arena, arena.join(root, "etc/os-release")).text;
  if (release.empty()) release = read_file(arena, arena.join(root, "usr/lib/os-release")).text;
  const Text id = config_value(arena, release, "id"), like = config_value(arena, release, "id_like");
  const std::string_view ids = arena.concat({" ", id, " ", like, " "});
  const auto is_one_of = [&](Literals words) {  // each with a space before and behind it
    for (const Text word : words)
      if (ids.find(word) != std::string_view::npos) return true;
    return false;
  };
  const bool is_debian = is_one_of(" debian \0 ubuntu ");
  const Text python = is_debian ? bare_system_python(arena, root, range) : Text();
  if (!python.empty()) return arena.concat("apt-get install libpython", python);
  if (!range.text().empty()) return {};  // which version a system's package has is not known
  if (is_debian) return "apt-get install python3 libpython3-dev";
  if (is_one_of(" fedora \0 rhel \0 centos ")) return "dnf install python3 python3-libs";
  if (is_one_of(" suse \0 opensuse ")) return "zypper install python3";
  if (is_one_of(" alpine ")) return "apk add python3";
  return is_one_of(" arch ") ? "pacman -S python" : "";
}

/// What to do about a wish that cannot be met, other than to install what it names.
LATEPY_COLD inline Text correct_wish(Arena& arena, const Sources& sources) {
  const Texts asked = sources.asked_for();
  const bool several = asked.size() > 2;  // each is followed by its value
  Text text = arena.concat("Correct ", asked[0], several ? " or " : "", several ? asked[2] : Text());
  const std::string_view python = sources.wish().python;
  if (starts_with(python, "~"))
    text = arena.concat(text, " (~ is not expanded: write the whole path)");
  else if (!python.empty() && file_name(python) == python)
    text = arena.concat(text, " (a name is not looked for on PATH: write the whole path)");
  return arena.concat(text, sources.wish().by_variable ? ", or unset it" : ", or leave it empty",
                      ": then a Python is looked for.");
}

/// What to do where no candidate can be taken.
LATEPY_COLD inline Text remedy_for(Arena& arena, const Sources& sources) {
  const FoundPython* bare = sources.first();
  while (bare && !starts_with(bare->reason, "built without a shared library")) bare = bare->next;
  const bool is_named = !sources.wish().empty();
  if (is_named && !bare) return correct_wish(arena, sources);
  const Text range = arena.copy(sources.range().text()), wanted = range.empty() ? Text("3.9 or newer") : range;
  Text text = arena.concat("Install CPython ", wanted, " with its shared library (configure --enable-shared)");
  if (LATEPY_WINDOWS) {
    text = arena.concat("Install Python ", wanted,
                        " for this architecture with the installer of https://www.python.org/downloads/windows/"
                        " (not from the Microsoft Store)");
  } else if (LATEPY_APPLE) {
    text = arena.concat("Install Python ", wanted,
                        ": brew install python, or the installer of https://www.python.org/downloads/macos/");
  } else if (!is_named || bare->prefix == arena.join(sources.root(), "usr")) {
    const Text install = install_command(arena, sources.root(), sources.range());
    if (!install.empty()) text = arena.concat("Install Python's shared library: ", install);
  }
  for (; bare; bare = bare->next) {
    const std::string_view prefix = bare->prefix;
    if (!starts_with(bare->reason, "built without") || prefix.find("pyenv") == std::string_view::npos) continue;
    text = arena.concat(
        text, "; or build pyenv's again with it: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force ",
        file_name(prefix).data());
    break;
  }
  if (is_named) return arena.concat(text, ".");
  return arena.concat(
      text,
      ". Or name one: LATEPY_LIBRARY=<path of the shared library> or LATEPY_PYTHON=<path of a python or of "
      "a virtual environment>.");
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
