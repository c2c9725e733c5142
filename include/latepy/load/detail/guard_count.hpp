// latepy/load/detail/guard_count.hpp: GuardCount, by which the stop knows how many threads are inside of guards.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

struct InterpreterState;

/// How many guards of an interpreter one thread is in. No two threads write to the same one, and none lies in the same
/// line of a cache as something else: threads that take guards at the same time do not wait for each other's caches.
/// Never freed: after the end of the thread another one goes on counting in it. Only the sum of all has a meaning. It
/// is right also where a thread counts in by one and out by another.
struct GuardCount {
  InterpreterState* interpreter = nullptr;
  GuardCount* next = nullptr;             ///< in InterpreterState::counts
  std::atomic<bool> is_taken{false};      ///< a thread counts in it, by one library
  std::atomic<std::uintptr_t> thread{0};  ///< that thread, as PyThread_get_thread_ident() gives it
  char before[64 - 4 * sizeof(void*)] = {};
  std::atomic<int> number{0};
  char after[60] = {};
};
static_assert(offsetof(GuardCount, number) == 64 && sizeof(GuardCount) == 128);
/// That of a thread that has none yet.
inline GuardCount no_count{};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
