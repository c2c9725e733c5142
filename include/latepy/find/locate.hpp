// latepy/find/locate.hpp: locate(), which Pythons are on this machine and which of them is taken.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>
#if LATEPY_DEFINITIONS
#include <latepy/find/detail/remedy.hpp>
#include <latepy/find/detail/sources.hpp>
#include <latepy/load/dynlib.hpp>
#endif

namespace latepy {
inline namespace v1 {

/// Looks for CPythons in the order that is written in the README, reads files and runs nothing (but `ask_python`),
/// loads nothing. The first that passes every check is chosen; that is not always the newest. Any thread, no GIL.
/// \throws LoadError when `search.version` is malformed; that nothing was found is no error here.
Discovery locate(const Search& search = {});

namespace detail {
/// The candidate that was chosen.
/// \throws LoadError with the table of all candidates and the remedy when none was.
const Candidate& choose(const std::shared_ptr<const Discovery>& discovery);
}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

/// The two functions that tell a Python in this process from a library that merely looks like one.
struct RunningPython {
  std::string library;
  int (*is_initialized)() = nullptr;
  const char* (*version)() = nullptr;
  explicit operator bool() const noexcept { return is_initialized && version; }
};

LATEPY_COLD inline RunningPython find_running_python() {
  RunningPython python;
  const DynLib program = DynLib::program();
  python.is_initialized = program.try_get<int()>("Py_IsInitialized");
  python.version = program.try_get<const char*()>("Py_GetVersion");
  if (python) {
    try {
      python.library = DynLib::containing(program.find("Py_GetVersion")).path();
    } catch (const LoadError&) {
    }
    // A program with Python linked in is known to the loader by argv[0], which may mean nothing by now.
    if (!is_file(python.library)) python.library = program_path();
    return python;
  }
  for (const std::string& path : loaded_libraries()) {
    if (!library_name(path).matches) continue;
    python.is_initialized = reinterpret_cast<int (*)()>(loaded_symbol(path, "Py_IsInitialized"));
    python.version = reinterpret_cast<const char* (*)()>(loaded_symbol(path, "Py_GetVersion"));
    python.library = real_path(path);
    if (python) return python;
  }
  return {};
}

/// The Python that is in this process is the only one it can have: a second libpython dies at its start.
LATEPY_COLD inline void add_running_python(const RunningPython& python, const Search& search, Finder& finder) {
  const std::string text = python.version();
  PythonName name = library_name(python.library);
  name.version = Version::parse(text);
  name.free_threaded |= text.find("free-threading build") != std::string::npos;
  Candidate c = from_source("in this process");
  c.in_process = true;
  c.library = python.library;
  c.home = !search.home.empty() ? absolute_path(search.home.string()) : find_home(c.library, name);
  Finder::complete(c, name);
  c.version = name.version;

  std::string why;
  if (!search.library.empty() && real_path(absolute_path(search.library.string())) != real_path(c.library))
    why = concat({"this process has it already, ", search.library.string(), " is wanted"});
  else if (c.version.major != 3 || c.version.minor < 9)
    why = concat({"too old: ", c.version.to_string(), " is in this process"});
  else
    why = finder.unwanted(c.version);
  if (why.empty() && python.is_initialized() == 0 && (c.home.empty() || !has_stdlib(c.home, name)))
    why = "standard library missing: none belongs to the Python in this process";
  if (why.empty()) return finder.accept(std::move(c));
  finder.refuse(std::move(c), concat({why, ", and a process can have one Python only"}));
}

/// What the caller named. A library, a python and a home given together must belong together.
LATEPY_COLD inline void add_named(const Search& search, Finder& finder) {
  Candidate c;
  c.library = absolute_path(search.library.string());
  c.home = absolute_path(search.home.string());
  c.source = !search.python.empty() ? "Config::python" : !search.library.empty() ? "Config::library" : "Config::home";
  if (!search.python.empty()) return finder.add_python(absolute_path(search.python.string()), std::move(c));
  if (!search.library.empty()) return finder.add_library(std::move(c));
  const std::string home = c.home;
  finder.add_folder(home, std::move(c));
}

LATEPY_COLD inline void add_from_variables(Finder& finder) {
  for (const char* name : {"LATEPY_LIBRARY", "LATEPY_PYTHON"}) {
    const std::string path = finder.variable(name);
    if (path.empty() || finder.is_done()) continue;
    Candidate c = from_source(name);
    const bool is_library = std::string_view(name) == "LATEPY_LIBRARY";
    if (!is_absolute(path)) {
      (is_library ? c.library : c.executable) = path;
      finder.refuse(std::move(c), "a relative path in the environment is not followed");
    } else if (is_library) {
      c.library = path;
      finder.add_library(std::move(c));
    } else {
      finder.add_python(path, std::move(c));
    }
  }
}

LATEPY_FUNC LATEPY_COLD const Candidate& choose(const std::shared_ptr<const Discovery>& discovery) {
  if (const Candidate* chosen = discovery->chosen()) return *chosen;
  throw LoadError(concat({"no usable CPython was found\n", discovery->to_string(), discovery->remedy()}), discovery);
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD Discovery locate(const Search& search) {
  detail::Finder finder(search);
  const detail::RunningPython running = search.in_process ? detail::find_running_python() : detail::RunningPython();
  if (running) {
    detail::add_running_python(running, search, finder);
  } else if (!search.library.empty() || !search.python.empty() || !search.home.empty()) {
    detail::add_named(search, finder);
  } else {
    detail::Sources places(search, finder);
    detail::add_from_variables(finder);
    using detail::Sources;
    for (const auto step : {&Sources::beside_program, &Sources::active_environments, &Sources::path, &Sources::managers,
                            &Sources::system})
      if (!finder.is_done() && (search.search_path || step != &Sources::path)) (places.*step)();
  }
  std::vector<Candidate> candidates = finder.take();
  const bool served = finder.has_chosen();
  const std::string root = search.root.empty() ? "/" : search.root.string();
  std::string remedy = served ? std::string() : detail::remedy_for(root, candidates);
  return Discovery(std::move(candidates), std::move(remedy));
}

#endif
}  // namespace v1
}  // namespace latepy
