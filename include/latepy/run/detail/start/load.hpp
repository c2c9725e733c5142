// latepy/run/detail/start/load.hpp: chooses a Python, opens its library, and fills the table of its functions.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/trace.hpp>
#include <latepy/find/detail/version_range.hpp>
#include <latepy/find/locate.hpp>
#include <latepy/run/config.hpp>
#include <latepy/run/detail/turn.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The path of the library that this process has loaded, or "the program itself"; "" if none is loaded.
inline std::string loaded_library;

/// Chooses the Python to load or to attach to. \returns a member of `discovery`, which it sets. A library that is in
/// the process already, because it was loaded before or for another reason, is the only one that can be chosen, with
/// the virtual environment that `config` or the environment names.
/// \throws LoadError if no Python can be used; StateError in the child of a fork() without the GIL.
LATEPY_COLD inline const Candidate& pick(const Config& config, std::shared_ptr<const Discovery>& discovery) {
  if (process_state().lost) throw_not_running("");
  Search search = config.search();
  search.all = false;
  discovery = std::make_shared<const Discovery>(locate(search));
  return choose(discovery, search);
}

/// Throws a LoadError with the reason and the table of all candidates.
[[noreturn]] LATEPY_COLD inline void refuse_library(const Candidate& found, const Config& config, TextParts why) {
  Search search = config.search();
  search.in_process = found.in_process;
  const auto all = std::make_shared<const Discovery>(locate(search));
  throw LoadError(concat({concat(why), "\n", all->to_string()}), all);
}

/// Opens the candidate's library. If Python is a part of the program, opens the program. \throws LoadError.
LATEPY_COLD inline DynLib open_library(const Candidate& found, const Config& config) {
  if (found.library.empty()) return DynLib::program();
  try {
    return DynLib(found.library);
  } catch (const LoadError& error) {
    if (!found.in_process) refuse_library(found, config, {error.what()});
  }
  return DynLib::program();
}

/// Fills the table with what the library itself uses. A program that is linked to libpython may have its own copies of
/// variables such as None (copy relocations), which all libraries of the process use then. \throws SymbolError.
LATEPY_COLD inline void fill_as_linked(Api& api, const DynLib& library, const std::string& name) {
  fill(api, library, name);
  const DynLib program = DynLib::program();
  const void* const seen = program.find("_Py_NoneStruct");
  const bool is_copied = seen && seen != api.NoneStruct;
  if (is_copied && program.find("Py_GetVersion") == library.find("Py_GetVersion")) fill(api, program, name);
}

/// Opens the candidate's library, never to close it, and fills the LibraryState. Does nothing if a library is loaded.
/// \throws LoadError with the text of the dynamic loader and the table of all candidates; SymbolError.
LATEPY_COLD inline void load(const Candidate& found, const Config& config) try {
  LibraryState& state = library_state;
  if (!loaded_library.empty() && state.api.IsInitialized) return;  // a process loads only one libpython
  trace({"load: opens ", found.library});
  DynLib library = open_library(found, config);
  Api api;
  fill_as_linked(api, library, found.library.empty() ? "this program" : found.library);
  const char* const version = api.GetVersion();
  state.version = Version::parse(version);
  if (state.version.major != 3 || state.version.minor < 9)
    refuse_library(found, config,
                   {found.library, " is Python ", state.version.to_string(), "; latepy needs CPython 3.9 or newer"});
  if (!VersionRange(config.version).allows(state.version))  // the micro version is not always known before
    refuse_library(
        found, config,
        {found.library, " is Python ", state.version.to_string(), "; Config::version asks for ", config.version});
  state.free_threaded = std::strstr(version, "free-threading") != nullptr;
  state.current_is_per_thread = state.version.minor >= 12;
  state.leaks_thread_states = state.version.minor >= 12 && api.NegativeRefcount;
  state.api = api;
  has_api.store(true, std::memory_order_release);
  library.keep();
  loaded_library = found.library.empty() ? "the program itself" : found.library;
  trace({"load: ends, it is Python ", version});
} catch (const Error& error) {
  trace({"load: failed: ", error.what()});
  throw;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
