// latepy/run/detail/entry.hpp: Entry, which each member of Scope holds: the GIL, and the flush at the outermost return.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/streams/flush.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The number of calls of members of Scope that this thread is in.
inline thread_local int scope_depth = 0;

/// Each member of Scope holds one. It takes the GIL. \param flushes the member may print: at the outermost return, the
/// destructor flushes Python's streams.
class Entry {
 public:
  explicit Entry(bool flushes = false) : flushes_(flushes) { ++scope_depth; }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry();

 private:
  GilGuard gil_{};
  bool flushes_;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Entry::~Entry() {
  if (--scope_depth == 0 && flushes_) flush_streams();
}

#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
