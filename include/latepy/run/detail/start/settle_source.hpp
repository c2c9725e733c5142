// latepy/run/detail/start/settle_source.hpp: Python: what each start settles once Python runs.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// What is settled in Python, in a namespace that holds `paths`, `executable`, `base_executable`, `signal_handlers`.
/// It is compiled at each start, so what few starts need stands by itself.
inline constexpr char settle_source[] = R"(
import sys, _io, _signal

sys.executable, sys._base_executable = executable, base_executable
if paths:
    import os
    sys.path[:0] = [os.path.abspath(path) for path in paths]

# _signal makes SIGINT Python's at its first import, so that is now, and it is given back. Were default_int_handler
# left there, asyncio.run() would install itself.
if not signal_handlers and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

if type(sys.stdout) is _io.TextIOWrapper:
    sys.stdout.reconfigure(line_buffering=True)
if type(sys.stderr) is _io.TextIOWrapper:
    sys.stderr.reconfigure(errors='backslashreplace')
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
