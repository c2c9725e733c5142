// latepy/run/detail/frames.hpp: which threads run Python code.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether the process has the main interpreter alone. Counts those of scripts and of other code, too, and one that is
/// being made. Needs the GIL of the main interpreter.
inline bool is_alone() noexcept { return api().InterpreterState_Head() == api().InterpreterState_Main(); }

/// The dict of sys._current_frames(): its keys are the threads that run Python code. None beside another interpreter,
/// because CPython makes the frame objects of all threads with the memory of this interpreter. Between the look and the
/// call no Python code runs that could give up the GIL, so that no interpreter begins. \param function
/// sys._current_frames. Needs the GIL.
LATEPY_COLD inline ColdObject frames_if_alone(const Ref& function) {
  return is_alone() ? call_plain(function) : none();
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
