// latepy/find/locate.hpp: locate(), which Pythons are on this machine and which of them is taken.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>
#if LATEPY_DEFINITIONS
#include <latepy/find/detail/remedy.hpp>
#include <latepy/find/detail/running_python.hpp>
#include <latepy/find/detail/sources.hpp>
#endif

namespace latepy {
inline namespace v1 {

/// Looks for CPythons in the order that is written in the README. It reads files, loads nothing, and runs nothing but
/// with `ask_python`. The first candidate that passes every check is chosen; that is not always the newest. Any thread,
/// no GIL.
/// \throws LoadError when `search.version` is malformed. That nothing was found is no error here.
Discovery locate(const Search& search = {});

namespace detail {
/// The candidate that was chosen.
/// \throws LoadError with the table of all candidates and the remedy when none was.
const Candidate& choose(const std::shared_ptr<const Discovery>& discovery);
}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

/// Whether a path that the caller named holds a NUL byte. A Text ends there: it would be another path.
LATEPY_COLD inline bool names_nul(const Search& search) {
  for (const Path* named : {&search.python, &search.library, &search.home})
    if (named->string().find('\0') != std::string::npos) return true;
  return false;
}

/// What the caller named, under the name of the field that leads.
LATEPY_COLD inline FoundPython named_by(const Search& search, Arena& arena) {
  FoundPython c(!search.python.empty()    ? "Config::python"
                : !search.library.empty() ? "Config::library"
                                          : "Config::home");
  c.library = absolute_path(arena, search.library.string());
  c.home = absolute_path(arena, search.home.string());
  return c;
}

/// Adds what the caller named. A library, a python and a home given together must belong together.
LATEPY_COLD inline void add_named(const Search& search, Finder& finder) {
  Arena& arena = finder.arena();
  const FoundPython c = named_by(search, arena);
  if (!search.python.empty())
    finder.add_python(absolute_path(arena, search.python.string()), c);
  else if (!search.library.empty())
    finder.add_library(c);
  else
    finder.add_folder(c.home, c);
}

LATEPY_FUNC LATEPY_COLD const Candidate& choose(const std::shared_ptr<const Discovery>& discovery) {
  if (const Candidate* chosen = discovery->chosen()) return *chosen;
  throw LoadError(concat({"no usable CPython was found\n", discovery->to_string(), discovery->remedy()}), discovery);
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD Discovery locate(const Search& search) {
  detail::Arena arena;
  detail::Sources sources(arena, search);
  const detail::RunningPython running =
      search.in_process ? detail::find_running_python(arena) : detail::RunningPython();
  if (detail::names_nul(search))
    sources.refuse(detail::named_by(search, arena), "its path holds a NUL byte");
  else if (running)
    detail::add_running_python(running, search, sources);
  else if (!search.library.empty() || !search.python.empty() || !search.home.empty())
    detail::add_named(search, sources);
  else
    sources.add_all();
  detail::Text remedy;
  if (!sources.has_chosen()) remedy = detail::remedy_for(arena, sources.root(), sources);
  return Discovery(sources.candidates(), remedy.c_str());
}

#endif
}  // namespace v1
}  // namespace latepy
