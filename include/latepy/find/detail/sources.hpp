// latepy/find/detail/sources.hpp: Sources, the places where Pythons are looked for when none was named.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/managers.hpp>
#if LATEPY_WINDOWS
#include <latepy/find/detail/registry_windows.hpp>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// What is the only candidate, where anything of it is given: by the caller, else by variables of the environment.
struct Wish {
  Text python, library, home;
  bool by_variable;
  bool empty() const noexcept { return python.empty() && library.empty() && home.empty(); }
};

/// A Finder that knows where to look. It goes through the sources in the order that is written in the README.
class Sources : public Managers {
 public:
  /// \throws LoadError when `search.version` is malformed.
  Sources(Arena& arena, const Search& search, const RunningPython& running)
      : Managers(arena, search, running),
        wish_{search.python.string(), search.library.string(), search.home.string(), false} {
    if (wish_.empty()) wish_ = {variable("LATEPY_PYTHON"), variable("LATEPY_LIBRARY"), {}, true};
  }

  const Wish& wish() const noexcept { return wish_; }

  /// The fields and variables that are set, each followed by its value.
  LATEPY_COLD Texts asked_for() const {
    Texts fields(arena_);
    const Text values[] = {wish_.python, wish_.library, wish_.home, search_.version}, *value = values;
    for (Text name : Literals("Config::python\0Config::library\0Config::home\0Config::version")) {
      if (wish_.by_variable && value < values + 2) name = value == values ? "LATEPY_PYTHON" : "LATEPY_LIBRARY";
      if (!value->empty()) {
        fields.add(name);
        fields.add(*value);
      }
      ++value;
    }
    return fields;
  }

  /// The same in words: ": Config::python asks for /x, Config::version asks for >=3.12".
  LATEPY_COLD Text wanted() const {
    const Texts asked = asked_for();
    Text text;
    for (std::size_t at = 0; at < asked.size(); at += 2)
      text = arena_.concat({text, at == 0 ? ": " : ", ", asked[at], " asks for ", asked[at + 1]});
    return text;
  }

  LATEPY_COLD void add_all() {
    // The home that the caller names serves a Python in this process, wherever its library lies.
    const bool only_home = !wish_.home.empty() && wish_.python.empty() && wish_.library.empty();
    if (running_ && (only_home || running_.is_initialized() != 0)) return add_running();
    if (!wish_.empty()) {
      add_wish();
      decide();
      if (is_done() || !wish_.by_variable) return;
    }
    if (running_) {
      active_environments();
      return add_running();
    }
    beside_program();
    active_environments();
    if (!is_done() && search_.search_path) path();
    if (!is_done()) managers();
    if (!is_done()) system();
  }

  /// Refuses what is wished for.
  LATEPY_COLD void refuse_wish(Text reason) { refuse(wished(), reason); }

 private:
  /// What is wished for, under the name of the field that leads.
  LATEPY_COLD FoundPython wished() const {
    const Texts asked = asked_for();
    FoundPython c(asked.empty() ? Text("Config") : asked[0]);
    c.library = absolute_path(arena_, wish_.library);
    c.home = absolute_path(arena_, wish_.home);
    return c;
  }

  /// Adds what is wished for. A library, a python and a home that are given together must belong together.
  LATEPY_COLD void add_wish() {
    const FoundPython c = wished();
    const Text python = absolute_path(arena_, wish_.python);
    for (const Text path : {wish_.python, wish_.library})
      if (wish_.by_variable && !path.empty() && !is_absolute(path))
        return refuse_wish(arena_.concat(relative_path, ": ", path));
    if (python.empty() ? !c.library.empty() : !c.library.empty() && !is_file(c.library))
      add_library(c);
    else if (!python.empty())
      add_python(python, c);
    else
      add_folder(c.home, c);
  }

  /// Adds the Python that is in this process: a second libpython crashes when it starts.
  LATEPY_COLD void add_running() {
    const std::string_view text = running_.version();
    PythonName name = library_name(running_.library);
    name.version = Version::parse(text);
    name.free_threaded |= text.find("free-threading build") != std::string_view::npos;
    FoundPython c("in this process");
    c.in_process = true;
    c.library = running_.library;
    if (!search_.home.empty())
      c.home = absolute_path(arena_, search_.home.string());
    else if (is_absolute(c.library))
      c.home = find_home(arena_, c.library, name);
    complete(c, name);
    c.version = name.version;
    const Text wanted = search_.library.string();
    if (!wanted.empty() && real_path(arena_, absolute_path(arena_, wanted)) != real_path(arena_, c.library))
      return refuse(c, arena_.concat("Config::library asks for ", wanted, one_only));
    examine(c, name, has_stdlib(arena_, c.home, name));
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
      for (const Text formula : list_newest_first(formulas, "python@3.")) {
        const Text folder = arena_.concat(arena_.join(formulas, "python@3."), formula);
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

  using Finder::add_library;
  LATEPY_COLD void add_library(Text library, Text source) {
    FoundPython c(source);
    c.library = library;
    add_library(c);
  }

  /// Adds the frameworks that lie in the folder. Returns whether there are any.
  LATEPY_COLD bool frameworks(Text folder, Text source) {
    bool any = false;
    for (const Text framework : Literals("Python.framework\0PythonT.framework\0Python3.framework")) {
      const Text versions = arena_.concat(arena_.join(folder, framework), "/Versions");
      for (const Text name : list_newest_first(versions))
        if (name != "Current") any |= add_home(arena_.join(versions, name), source);
    }
    return any;
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

  Wish wish_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
