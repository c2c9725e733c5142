// latepy/run/detail/limits/memory_count.hpp: MemoryCount, what Config::memory_limit counts; for all programs.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The memory of CPython. Libraries of the process read it: its layout is plain C, and new members are only appended.
struct MemoryCount {
  std::atomic<ssize> used{0};  ///< in bytes; less than 0 if more is freed than was counted

  std::size_t in_use() const noexcept {
    const ssize bytes = used.load(std::memory_order_relaxed);
    return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
  }
};

/// Interpreter::memory_used().
LATEPY_COLD inline std::size_t memory_used() noexcept {
  const ProcessState& process = process_state();
  if (process.size < offsetof(ProcessState, memory) + sizeof process.memory) return 0;  // of an older latepy
  const MemoryCount* const count = process.memory.load();
  return count ? count->in_use() : 0;
}

/// Set by a start with a Config::memory_limit: lets CPython have all memory while it stops, or not any more.
inline void (*set_memory_unlimited)(bool) noexcept = nullptr;

/// While it lives, CPython may have all memory: without memory it cannot stop.
struct UnlimitedMemory {
  UnlimitedMemory() noexcept {
    if (set_memory_unlimited) set_memory_unlimited(true);
  }
  UnlimitedMemory(const UnlimitedMemory&) = delete;
  UnlimitedMemory& operator=(const UnlimitedMemory&) = delete;
  ~UnlimitedMemory() {
    if (set_memory_unlimited) set_memory_unlimited(false);
  }
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
