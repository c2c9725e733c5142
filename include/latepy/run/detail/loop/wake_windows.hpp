// latepy/run/detail/loop/wake_windows.hpp: LoopWake, with which any thread wakes an event loop, on Windows.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/load/dynlib.hpp>

#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Two sockets of Python that are connected: asyncio watches no other descriptors on Windows. Winsock is asked for its
/// functions, because a program that links latepy need not link it.
class LoopWake {
 public:
  /// Takes the sockets, the one to read from first. Needs the GIL. \throws PythonError.
  void open(const Ref& pair) {
    reader_ = Object::borrow(throw_if_null(api().Tuple_GetItem(pair.checked(), 0)));
    writer_ = Object::borrow(throw_if_null(api().Tuple_GetItem(pair.checked(), 1)));
    from_ = call_attribute(reader_, "fileno").as<std::uintptr_t>();
    to_ = call_attribute(writer_, "fileno").as<std::uintptr_t>();
    HINSTANCE__* const winsock = GetModuleHandleW(L"ws2_32.dll");
    send_ = reinterpret_cast<Send>(reinterpret_cast<void*>(GetProcAddress(winsock, "send")));
    receive_ = reinterpret_cast<Receive>(reinterpret_cast<void*>(GetProcAddress(winsock, "recv")));
  }
  /// Any thread.
  void post() noexcept { send_(to_, "", 1, 0); }
  /// Forgets what was posted.
  void clear() noexcept {
    char all[64];
    while (receive_(from_, all, sizeof all, 0) > 0) {
    }
  }
  /// What asyncio watches.
  ColdObject object() const { return Object(reader_); }

 private:
  using Send = int(__stdcall*)(std::uintptr_t, const char*, int, int);
  using Receive = int(__stdcall*)(std::uintptr_t, char*, int, int);
  Object reader_{}, writer_{};
  std::uintptr_t from_ = 0, to_ = 0;
  Send send_ = nullptr;
  Receive receive_ = nullptr;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
