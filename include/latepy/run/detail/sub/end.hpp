// latepy/run/detail/sub/end.hpp: ends a sub-interpreter on any thread.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/finish.hpp>
#include <latepy/run/detail/sub/sub_end_source.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// wait_for_pythons_threads() for a sub-interpreter; also waits for threads that `threading` does not know.
LATEPY_COLD inline bool wait_for_threads_of_sub(InterpreterState& s, long long timeout, std::vector<std::string>& alive,
                                                Waiting& waiting) {
  const auto forget = [] { call_plain(get_item(kept_namespace("sub_end", sub_end_source), "forget_main_thread")); };
  attempt(forget);
  if (!wait_for_pythons_threads(timeout, alive, waiting)) return false;
  attempt(forget);  // CPython waits again
  drain(s);
  if (library_state.version.minor >= 14) return true;  // until 3.13, CPython ends the process if a state is left
  while (const int count = foreign_states(s)) {
    if (!waiting.is_over(timeout < 0 ? patience : timeout)) continue;
    append(alive, concat({decimal(count), " thread(s) of Python"}));
    return false;
  }
  return true;
}

/// Py_EndInterpreter(). The thread is in the interpreter by `inside`, and returns to where it was. Until 3.11 that is
/// the main interpreter. No other thread can enter.
LATEPY_COLD inline void finish_sub(InterpreterState& s, GilGuard& inside) noexcept {
  const Api& a = api();
  const std::uint32_t generation = s.generation.load();
  release_types();
  release_codes();
  release_interned_names();
  release_namespaces();
  drain(s);
  end_all_visits(s);
  free_ended_threads(s, generation);
  PyThreadState* const outer = GuardAccess::give_up(inside);
  a.EndInterpreter(thread_record.state);
  GuardAccess::return_to(inside);
  if (outer) a.ThreadState_Swap(outer);
  if (s.generation.load() == generation) end_and_forget(s);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
