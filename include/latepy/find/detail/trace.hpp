// latepy/find/detail/trace.hpp: trace(), which tells on stderr what is done to find, load and start a Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/installation.hpp>

#include <atomic>
#include <cstdio>

namespace latepy {
inline namespace v1 {
namespace detail {

/// When trace() was called first, in microseconds; 0 before.
inline std::atomic<long long> trace_begin{0};

/// Writes a line to stderr where the environment variable LATEPY_TRACE is set to anything but "0": the milliseconds
/// since the first line, and the joined parts. A set-uid program does not look at the variable. Any thread, no GIL.
LATEPY_COLD inline void trace(std::initializer_list<Text> what) {
  const char* const wanted = is_secure_process() ? nullptr : environment_value("LATEPY_TRACE");
  if (!wanted || !*wanted || std::string_view(wanted) == "0") return;
  Arena scratch;
  const long long now = now_us();
  long long begin = 0;
  if (trace_begin.compare_exchange_strong(begin, now)) begin = now;
  std::fprintf(stderr, "latepy %lld.%03lld ms  %s\n", (now - begin) / 1000, (now - begin) % 1000,
               scratch.concat(what).c_str());
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
