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

/// Opens the candidate's library for good and fills the table. \throws LoadError with the loader's words and all that
/// could be taken instead, SymbolError.
LATEPY_COLD inline void load(const Candidate& found, const Config& config) {
  LibraryState& state = library_state;
  if (!loaded_library.empty() && state.api.IsInitialized) return;  // never a second one
  const auto fail = [&](std::string_view why) {
    Search search = config.search();
    search.in_process = found.in_process;
    const auto all = std::make_shared<const Discovery>(locate(search));
    throw LoadError(concat({why, "\n", all->to_string()}), all);
  };
  std::optional<DynLib> library;
  try {
    if (found.library.empty())
      library.emplace(DynLib::program());
    else
      library.emplace(found.library);
  } catch (const LoadError& error) {
    if (!found.in_process) fail(error.what());
    library.emplace(DynLib::program());  // Python is part of the program, which cannot be opened by its name
  }
  Api api;
  fill(api, *library, found.library.empty() ? "this program" : found.library);
  state.version = Version::parse(api.GetVersion());
  const std::string is = concat({found.library, " is Python ", state.version.to_string()});
  if (state.version.major != 3 || state.version.minor < 9) fail(concat({is, "; latepy needs CPython 3.9 or newer"}));
  if (!VersionRange(config.version).allows(state.version))  // files may not tell the micro version
    fail(concat({is, "; Config::version asks for ", config.version}));
  state.free_threaded = std::string_view(api.GetVersion()).find("free-threading") != std::string_view::npos;
  state.current_is_per_thread = state.version.minor >= 12;
  state.leaks_thread_states = state.version.minor >= 12 && api.NegativeRefcount;
  state.api = api;
  library->keep();
  loaded_library = found.library.empty() ? "the program itself" : found.library;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
