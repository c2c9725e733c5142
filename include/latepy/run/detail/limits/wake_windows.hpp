// latepy/run/detail/limits/wake_windows.hpp: Wake, with which a signal handler wakes a thread, on Windows.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/dynlib.hpp>

#include <new>

// With the exact types of <windows.h>, as in load/detail/dynlib_windows.hpp.
struct _SECURITY_ATTRIBUTES;
extern "C" {
__declspec(dllimport) void* __stdcall CreateEventW(_SECURITY_ATTRIBUTES*, int, int, const wchar_t*);
__declspec(dllimport) int __stdcall SetEvent(void*);
__declspec(dllimport) unsigned long __stdcall WaitForSingleObject(void*, unsigned long);
__declspec(dllimport) int __stdcall CloseHandle(void*);
}

namespace latepy {
inline namespace v1 {
namespace detail {

/// Wakes the one thread that waits.
class Wake {
 public:
  /// \throws std::bad_alloc if there is no handle left.
  Wake() : event_(CreateEventW(nullptr, 0, 0, nullptr)) {
    if (!event_) throw std::bad_alloc();
  }
  Wake(const Wake&) = delete;
  ~Wake() { CloseHandle(event_); }
  /// Any thread, also in a handler of Ctrl-C.
  void post() noexcept { SetEvent(event_); }
  /// Waits for post(), or until `milliseconds` have passed. -1: without a limit (INFINITE).
  void wait(int milliseconds) noexcept { WaitForSingleObject(event_, static_cast<unsigned long>(milliseconds)); }

 private:
  void* event_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
