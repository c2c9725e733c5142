// latepy/run/detail/finish.hpp: the end of a stop, when no thread can enter Python any more.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/kept_codes.hpp>
#include <latepy/host/detail/class/make_class.hpp>
#include <latepy/run/detail/fork.hpp>
#include <latepy/run/detail/imports.hpp>
#include <latepy/run/detail/restart.hpp>
#include <latepy/run/detail/start/host_state.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Holds the GIL in a stop. Afterwards the thread holds it if it did before, unless Python has ended.
class StopGil {
 public:
  StopGil() {
    if (!was_held_) api().Eval_RestoreThread(thread_record.home.state);
  }
  StopGil(const StopGil&) = delete;
  StopGil& operator=(const StopGil&) = delete;
  ~StopGil() {
    if (!was_held_ && is_python_running()) api().Eval_SaveThread();
  }

 private:
  const bool was_held_ = holds_gil();
};

// Nothing throws from here on, not even for want of memory.

/// Runs the last code of the interpreter that may use `__main__`, and flushes the streams. Needs the GIL.
LATEPY_COLD inline void run_last_code() noexcept {
  // Py_FinalizeEx calls these functions too, but the Interpreter releases `__main__` before that.
  if (is_imported("atexit")) attempt([] { call_attribute(known_module("atexit"), "_run_exitfuncs"); });
  attempt(&format_live_errors);
  flush_streams();
}
/// The same for the main interpreter. Remembers whether Python can be started again.
LATEPY_COLD inline void run_exit_functions() noexcept {
  attempt([] {
    const std::string refusal = why_no_restart();
    delete process_state().restart_refusal.exchange(refusal.empty() ? nullptr : new std::string(refusal));
  });
  run_last_code();
}

/// Ends Python and restores what it has changed in the process. What the program and its scripts have changed since the
/// start stays. Needs the GIL. \param start what was there before the start. \param is_starter false: this thread was
/// made by a fork(). \returns false if CPython could not flush its output.
LATEPY_COLD inline bool finish(const HostState& start, bool is_starter) {
  ask_watcher(&WatcherCalls::end);
  release_types();
  release_codes();
  release_interned_names();
  release_namespaces();
  const bool with_readline = is_imported("readline");
  const SignalHandlers last;
  const HostState now;
  const bool clean = is_starter ? finalize() : finalize_in_child();
  end_immortal_functions();
  now.restore(false);
  start.restore_after_stop(last, reinterpret_cast<const void*>(api().IsInitialized), with_readline);
  return clean;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
