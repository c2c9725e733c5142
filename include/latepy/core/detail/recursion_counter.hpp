// latepy/core/detail/recursion_counter.hpp: takes away levels of the counter that limits CPython's recursion.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/thread_record.hpp>

#include <algorithm>
#include <cstring>

namespace latepy {
inline namespace v1 {
namespace detail {

// A level that is entered and not left takes one away from this thread state alone; sys.setrecursionlimit() would do so
// for all threads.

/// CPython 3.13 frees no container while 50 levels or fewer are left. It frees them later, where more than 100 are
/// left, or never if the thread ends before (Py_TRASHCAN_END, Include/cpython/object.h). So this many are left where it
/// can be.
inline constexpr std::size_t freeing_levels = 110;

/// Takes away levels until `kept` are left, or fewer were. \returns how many. Needs the GIL, and a CPython before 3.14;
/// keeps the error that is set.
std::size_t take_levels(std::size_t kept) noexcept;
/// Gives back what take_levels() took, in the same thread state. Needs the GIL; keeps the error that is set.
void give_levels(std::size_t count) noexcept;

#if LATEPY_DEFINITIONS

/// Whether the counter tells what is left, as from 3.11 on, and not what is in use.
inline bool counts_down() noexcept { return library_state.version.minor >= 11; }

/// The counter in the current thread state: the one number near its begin that Py_EnterRecursiveCall() changes, by one.
/// Null if that is not so, if no level is left, or without fast paths.
LATEPY_COLD inline int* find_counter() noexcept {
  constexpr std::size_t count = 96 / sizeof(int);  // no PyThreadState is smaller
  if (library_state.layout.type_flags == 0) return nullptr;
  const Api& a = api();
  int* const numbers = reinterpret_cast<int*>(a.ThreadState_GetUnchecked());
  static std::atomic<std::size_t> known{0};  // it is never the first number
  if (const std::size_t place = known.load()) return numbers + place;
  int before[count], inside[count];
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  a.Err_Fetch(&type, &value, &trace);
  std::memcpy(before, numbers, sizeof(before));
  const bool is_entered = a.EnterRecursiveCall("") == 0;
  std::memcpy(inside, numbers, sizeof(inside));
  if (is_entered) a.LeaveRecursiveCall();
  a.Err_Restore(type, value, trace);
  if (!is_entered) return nullptr;
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (before[i] == inside[i]) continue;
    if (found != 0 || inside[i] != before[i] + (counts_down() ? -1 : 1) || numbers[i] != before[i]) return nullptr;
    found = i;
  }
  known = found;
  return found != 0 ? numbers + found : nullptr;
}

LATEPY_FUNC LATEPY_COLD std::size_t take_levels(std::size_t kept) noexcept {
  const Api& a = api();
  if (int* const counter = find_counter()) {
    const int left = counts_down() ? *counter : a.GetRecursionLimit() - *counter;
    if (left <= 0 || static_cast<std::size_t>(left) <= kept) return 0;
    const int taken = left - static_cast<int>(kept);
    *counter += counts_down() ? -taken : taken;
    return static_cast<std::size_t>(taken);
  }
  // What is allowed is found by trying: it differs by version, and parts of it are in use.
  constexpr std::size_t most = 100000;  // a script may have set any limit
  std::size_t allowed = 0;
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  a.Err_Fetch(&type, &value, &trace);
  while (allowed < most && a.EnterRecursiveCall("") == 0) ++allowed;
  a.Err_Restore(type, value, trace);
  kept = (std::min)(kept, allowed);
  for (std::size_t i = kept; i > 0; --i) a.LeaveRecursiveCall();
  return allowed - kept;
}

LATEPY_FUNC LATEPY_COLD void give_levels(std::size_t count) noexcept {
  if (count > 1) {
    if (int* const counter = find_counter()) {
      const int given = static_cast<int>(count) - 1;  // at the last one CPython 3.9 looks whether it has recovered
      *counter += counts_down() ? given : -given;
      count = 1;
    }
  }
  for (; count > 0; --count) api().LeaveRecursiveCall();
}

LATEPY_FUNC LATEPY_COLD void free_thread_state(PyThreadState* ended) noexcept {
  const Api& a = api();
  if (library_state.version.minor == 13 && a.thread_destroy_chain) {
    static_cast<void>(take_levels(freeing_levels));  // what is nested deeply is freed in parts, which fit every stack
    a.thread_destroy_chain(ended);
  }
  a.ThreadState_Clear(ended);
  a.ThreadState_Delete(ended);
}

LATEPY_FUNC LATEPY_COLD void free_own_state(PyThreadState* own) noexcept {
  const Api& a = api();
  if (library_state.version.minor == 13 && a.thread_destroy_chain) {
    give_levels(freeing_levels);  // a small stack has fewer. The state is not used any more
    static_cast<void>(take_levels(freeing_levels));
    a.thread_destroy_chain(own);
  }
  a.ThreadState_Clear(own);
  a.ThreadState_DeleteCurrent();
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
