// latepy/find/locate.hpp: locate(), which Pythons are on this machine and which of them is taken.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>
#if LATEPY_DEFINITIONS
#include <latepy/find/detail/remedy.hpp>
#include <latepy/find/detail/running_python.hpp>
#endif

namespace latepy {
inline namespace v1 {

/// Looks for CPythons in the order that is written in the README. It reads files, loads nothing, and runs nothing but
/// with `ask_python`. The first candidate that passes every check is chosen; that is not always the newest. With the
/// environment variable LATEPY_TRACE=1, each step is told on stderr. Any thread, no GIL.
/// \throws LoadError when `search.version` is malformed. That nothing was found is no error here.
Discovery locate(const Search& search = {});

namespace detail {
/// The candidate that was chosen.
/// \throws LoadError with what was asked for, the table of all candidates and the remedy when none was.
const Candidate& choose(const std::shared_ptr<const Discovery>& discovery, const Search& search);
}  // namespace detail

#if LATEPY_DEFINITIONS
namespace detail {

/// Whether a path that the caller named holds a NUL byte. A Text ends there: it would be another path.
LATEPY_COLD inline bool names_nul(const Search& search) {
  for (const Path* named : {&search.python, &search.library, &search.home})
    if (named->string().find('\0') != std::string::npos) return true;
  return false;
}

LATEPY_FUNC LATEPY_COLD const Candidate& choose(const std::shared_ptr<const Discovery>& discovery,
                                                const Search& search) {
  if (const Candidate* chosen = discovery->chosen()) return *chosen;
  Arena arena;
  throw LoadError(concat({"no usable CPython was found", Sources(arena, search, {}).wanted(), "\n",
                          discovery->to_string(), discovery->remedy()}),
                  discovery);
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD Discovery locate(const Search& search) {
  detail::Arena arena;
  detail::Sources sources(arena, search,
                          search.in_process ? detail::find_running_python(arena) : detail::RunningPython());
  detail::trace({"locate: begins", sources.wanted()});
  if (detail::names_nul(search))
    sources.refuse_wish("its path holds a NUL byte");
  else
    sources.add_all();
  detail::trace({"locate: ends", sources.has_chosen() ? "" : ", no Python can be used"});
  detail::Text remedy;
  if (!sources.has_chosen()) remedy = detail::remedy_for(arena, sources);
  return Discovery(sources.candidates(), remedy.c_str());
}

#endif
}  // namespace v1
}  // namespace latepy
