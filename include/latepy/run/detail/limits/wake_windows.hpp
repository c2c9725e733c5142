// latepy/run/detail/limits/wake_windows.hpp: Wake, with which a signal handler wakes a thread, on Windows.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/dynlib.hpp>

#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Wakes the one thread that waits.
class Wake {
 public:
  /// \throws std::bad_alloc if there is no handle left.
  Wake() : event_(CreateEventW(nullptr, FALSE, FALSE, nullptr)) {
    if (!event_) throw std::bad_alloc();
  }
  Wake(const Wake&) = delete;
  ~Wake() { CloseHandle(event_); }
  /// Any thread, also in a handler of Ctrl-C.
  void post() noexcept { SetEvent(event_); }
  /// Waits for post(), or until `milliseconds` have passed. Negative: without a limit.
  void wait(int milliseconds) noexcept {
    WaitForSingleObject(event_, milliseconds < 0 ? INFINITE : static_cast<DWORD>(milliseconds));
  }

 private:
  HANDLE event_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
