// latepy/run/detail/streams/missing_streams_source.hpp: Python code: standard streams for a program that has none.
// SPDX-License-Identifier: MIT
#pragma once

namespace latepy {
inline namespace v1 {
namespace detail {

/// Replaces the streams that are None, as in a program without a console or with closed descriptors. The new streams
/// use no descriptor: stdin is empty, and the others discard the text.
inline constexpr char missing_streams_source[] = R"(
import io, sys

class Nowhere(io.RawIOBase):
    def writable(self): return True
    def write(self, data): return memoryview(data).nbytes

for name in 'stdin', 'stdout', 'stderr':
    if getattr(sys, name) is None:
        raw = io.BytesIO() if name == 'stdin' else io.BufferedWriter(Nowhere())
        errors = 'backslashreplace' if name == 'stderr' else 'surrogateescape'
        stream = io.TextIOWrapper(raw, encoding='utf-8', errors=errors, line_buffering=name != 'stdin')
        stream.mode = 'r' if name == 'stdin' else 'w'
        setattr(sys, name, stream)
        setattr(sys, '__' + name + '__', stream)
)";

}  // namespace detail
}  // namespace v1
}  // namespace latepy
