// latepy/run/detail/start/load.hpp: which Python to take, and its library opened and its table filled.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/version_range.hpp>
#include <latepy/find/locate.hpp>
#include <latepy/load/state.hpp>
#include <latepy/run/config.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

inline std::string loaded_library;

/// Which Python to take, a part of the discovery. At a second start in the process it is the loaded library's, with the
/// environment that is asked for now; where that leads to another library the loaded one remains the only candidate.
LATEPY_COLD inline const Candidate& pick(const Config& config, std::shared_ptr<const Discovery>& discovery) {
  Search search = config.search();
  if (!loaded_library.empty() && !api().IsInitialized()) {
    search.in_process = false;
    if (search.library.empty()) search.library = loaded_library;
    discovery = std::make_shared<const Discovery>(locate(search));
    for (const Candidate& candidate : discovery->candidates())
      if (candidate.verdict != Verdict::refused && candidate.library == loaded_library) return candidate;
    search = config.search();
  }
  search.all = false;
  discovery = std::make_shared<const Discovery>(locate(search));
  return choose(discovery);
}

/// Throws a LoadError that also says what could be taken instead.
[[noreturn]] LATEPY_COLD inline void refuse_library(const Candidate& found, const Config& config, TextParts why) {
  Search search = config.search();
  search.in_process = found.in_process;
  const auto all = std::make_shared<const Discovery>(locate(search));
  throw LoadError(concat({concat(why), "\n", all->to_string()}), all);
}

/// Opens the candidate's library. Where Python is part of the program, it cannot be opened by its name.
LATEPY_COLD inline DynLib open_library(const Candidate& found, const Config& config) {
  if (found.library.empty()) return DynLib::program();
  try {
    return DynLib(found.library);
  } catch (const LoadError& error) {
    if (!found.in_process) refuse_library(found, config, {error.what()});
  }
  return DynLib::program();
}

/// Opens the candidate's library for good and fills the table. \throws LoadError with the loader's words and all that
/// could be taken instead, SymbolError.
LATEPY_COLD inline void load(const Candidate& found, const Config& config) {
  LibraryState& state = library_state;
  if (!loaded_library.empty() && state.api.IsInitialized) return;  // never a second one
  DynLib library = open_library(found, config);
  Api api;
  fill(api, library, found.library.empty() ? "this program" : found.library);
  const char* const version = api.GetVersion();
  state.version = Version::parse(version);
  if (state.version.major != 3 || state.version.minor < 9)
    refuse_library(found, config,
                   {found.library, " is Python ", state.version.to_string(), "; latepy needs CPython 3.9 or newer"});
  if (!VersionRange(config.version).allows(state.version))  // files may not tell the micro version
    refuse_library(
        found, config,
        {found.library, " is Python ", state.version.to_string(), "; Config::version asks for ", config.version});
  state.free_threaded = std::strstr(version, "free-threading") != nullptr;
  state.current_is_per_thread = state.version.minor >= 12;
  state.leaks_thread_states = state.version.minor >= 12 && api.NegativeRefcount;
  state.api = api;
  library.keep();
  loaded_library = found.library.empty() ? "the program itself" : found.library;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
