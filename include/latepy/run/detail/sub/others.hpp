// latepy/run/detail/sub/others.hpp: ends all interpreters but the main one, before the stop.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/kept_namespace.hpp>
#include <latepy/run/detail/frames.hpp>
#include <latepy/run/detail/stop.hpp>
#include <latepy/run/detail/sub/end_others_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Ends all other interpreters than the current one, which is the main one: those of SubInterpreters, and those that
/// scripts made. Needs the GIL. \param timeout as that of the stop. \returns false if CPython would end the process
/// because one lives on.
LATEPY_COLD inline bool end_other_interpreters(long long timeout, std::vector<std::string>& alive) {
  if (is_alone()) return true;
  bool is_over = true;
  for (SubOwner* each = process_state().sub_owners.load(); each; each = each->next)
    is_over = each->end_all(timeout) && is_over;
  if (!is_over) append(alive, "a SubInterpreter with threads inside of it");
  if (is_over && !is_alone()) {
    attempt([] { call_plain(get_item(kept_namespace("end_others", end_others_source), "end_others")); });
    if (!is_alone()) append(alive, "an interpreter that a script made and runs");
  }
  return is_alone() || (is_over && library_state.version.minor >= 13);
}

/// The same as close_gate_to_guards(), and ends all other interpreters. No thread enters any more, for good.
LATEPY_COLD inline bool close_gate(long long timeout, std::vector<std::string>& alive, const Waiting& waiting) {
  if (!close_gate_to_guards(timeout, alive, waiting)) return false;
  const bool are_over = end_other_interpreters(timeout, alive);
  current_interpreter().stopping = are_over ? gate_closed : 0;
  return are_over;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
