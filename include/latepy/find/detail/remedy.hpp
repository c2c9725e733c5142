// latepy/find/detail/remedy.hpp: what to install on this system when no Python could be used.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/candidate_table.hpp>
#include <latepy/find/detail/installation.hpp>
#include <latepy/find/detail/parse.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The newest pythonX.Y in the system's own bin folder, "" without one. A package with its library exists.
LATEPY_COLD inline Text system_python(Arena& arena, Text root) {
  const Text stem = arena.join(root, "usr/bin/python3.");
  for (unsigned minor = 39; minor >= 9; --minor)
    if (is_file(arena.concat(stem, arena.decimal(minor)))) return arena.concat("3.", arena.decimal(minor));
  return {};
}

/// The command that installs Python's shared library, "" where it is not known. `root` stands for "/".
LATEPY_COLD inline Text install_command(Arena& arena, Text root) {
  std::string_view release = read_file(arena, arena.join(root, "etc/os-release")).text;
  if (release.empty()) release = read_file(arena, arena.join(root, "usr/lib/os-release")).text;
  const Text id = config_value(arena, release, "id"), like = config_value(arena, release, "id_like");
  const std::string_view ids = arena.concat({" ", id, " ", like, " "});
  const auto is_one_of = [&](Literals words) {  // each with a space before and behind it
    for (const Text word : words)
      if (ids.find(word) != std::string_view::npos) return true;
    return false;
  };
  if (is_one_of(" debian \0 ubuntu ")) {
    const Text python = system_python(arena, root);
    if (python.empty()) return "apt-get install python3 libpython3-dev";
    return arena.concat("apt-get install libpython", python);
  }
  if (is_one_of(" fedora \0 rhel \0 centos ")) return "dnf install python3 python3-libs";
  if (is_one_of(" suse \0 opensuse ")) return "zypper install python3";
  if (is_one_of(" alpine ")) return "apk add python3";
  return is_one_of(" arch ") ? "pacman -S python" : "";
}

/// `root` stands for "/".
LATEPY_COLD inline Text remedy_for(Arena& arena, Text root, const CandidateTable& table) {
  Text text;
  if (LATEPY_WINDOWS)
    text =
        "Install Python 3.9 or newer for this architecture with the installer of "
        "https://www.python.org/downloads/windows/"
        " (not from the Microsoft Store)";
  else if (LATEPY_APPLE)
    text =
        "Install Python 3.9 or newer: brew install python, or the installer of https://www.python.org/downloads/macos/";
  else if (const Text install = install_command(arena, root); !install.empty())
    text = arena.concat("Install Python's shared library: ", install);
  else
    text = "Install CPython 3.9 or newer with its shared library (configure --enable-shared)";
  for (const FoundPython* c = table.first(); c; c = c->next) {
    if (!starts_with(c->reason, "built without a shared library") || c->source != "pyenv") continue;
    text = arena.concat(
        text, "; or build pyenv's again with it: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force ",
        file_name(c->prefix).data());
    break;
  }
  return arena.concat(
      text,
      ". Or name one: LATEPY_LIBRARY=<path of the shared library> or LATEPY_PYTHON=<path of a python or of "
      "a virtual environment>.");
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
