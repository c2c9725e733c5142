// latepy/find/detail/remedy.hpp: what to install on this system when no Python could be used.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/installation.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The newest pythonX.Y in the system's own bin folder, for which a package with the library exists.
LATEPY_COLD inline std::string system_python(const std::string& root) {
  int newest = 0;
  for (int minor = 9; minor < 40; ++minor)
    if (is_file(concat({join(root, "usr/bin/python3."), decimal(minor)}))) newest = minor;
  return newest ? concat({"3.", decimal(newest)}) : "";
}

/// `root` stands for "/".
LATEPY_COLD inline std::string remedy_for(const std::string& root, const std::vector<Candidate>& candidates) {
  std::string install;
  std::string release = read_file(join(root, "etc/os-release")).text;
  if (release.empty()) release = read_file(join(root, "usr/lib/os-release")).text;
  const std::string ids = concat({" ", config_value(release, "id"), " ", config_value(release, "id_like"), " "});
  const auto is = [&](std::string_view id) { return ids.find(concat({" ", id, " "})) != std::string::npos; };
  const std::string python = system_python(root);
  if (is("debian") || is("ubuntu"))
    install = concat({"apt-get install ", python.empty() ? "python3 libpython3-dev" : "libpython", python});
  else if (is("fedora") || is("rhel") || is("centos"))
    install = "dnf install python3 python3-libs";
  else if (is("suse") || is("opensuse"))
    install = "zypper install python3";
  else if (is("alpine"))
    install = "apk add python3";
  else if (is("arch"))
    install = "pacman -S python";

  std::string text;
  if (LATEPY_WINDOWS)
    text =
        "Install Python 3.9 or newer for this architecture with the installer of "
        "https://www.python.org/downloads/windows/"
        " (not from the Microsoft Store)";
  else if (LATEPY_APPLE)
    text =
        "Install Python 3.9 or newer: brew install python, or the installer of https://www.python.org/downloads/macos/";
  else if (!install.empty())
    text = concat({"Install Python's shared library: ", install});
  else
    text = "Install CPython 3.9 or newer with its shared library (configure --enable-shared)";
  for (const Candidate& c : candidates) {
    if (c.reason.find("built without a shared library") == std::string::npos || c.source != "pyenv") continue;
    text += concat({"; or build pyenv's again with it: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force ",
                    file_name(c.prefix)});
    break;
  }
  return concat({text,
                 ". Or name one: LATEPY_LIBRARY=<path of the shared library> or LATEPY_PYTHON=<path of a python or of "
                 "a virtual environment>."});
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
