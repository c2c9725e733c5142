// latepy/run/detail/start/settle_source.hpp: Python code that each start runs once Python is initialised.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// Sets up sys.executable, sys.path, SIGINT and the text streams. C++ sets the globals `paths`, `executable`,
/// `base_executable` and `signal_handlers`. Each start compiles this code, so code that few starts need is elsewhere;
/// see missing_streams_source.
inline constexpr char settle_source[] = R"(
import sys, _io, _signal

sys.executable, sys._base_executable = executable, base_executable
if paths:
    import os
    sys.path[:0] = [os.path.abspath(path) for path in paths]

# The first import of _signal installs default_int_handler for SIGINT. So it is imported here, and SIGINT gets its
# default action again. With default_int_handler, asyncio.run() would install its own handler.
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
