// latepy/run/detail/limits/heap_windows.hpp: Heap, the functions of C with which CPython allocates. See heap_posix.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

#include <cstring>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The heap of the C library that CPython uses. The program may have another one.
struct Heap {
  /// Finds the functions. \returns false for a CPython that Visual C++ has not made: its C library is not known.
  static bool open() noexcept {
    if (!std::strstr(api().GetVersion(), "[MSC")) return false;
    HINSTANCE__* const library = GetModuleHandleW(api().NegativeRefcount ? L"ucrtbased.dll" : L"ucrtbase.dll");
    return library && find(library, "malloc", malloc_) && find(library, "calloc", calloc_) &&
           find(library, "realloc", realloc_) && find(library, "free", free_) && find(library, "_msize", msize_);
  }
  static void* allocate(std::size_t size) noexcept { return malloc_(size); }
  static void* allocate_zeros(std::size_t size) noexcept { return calloc_(1, size); }
  static void* resize(void* block, std::size_t size) noexcept { return realloc_(block, size); }
  static void release(void* block) noexcept { free_(block); }
  /// The bytes that the block has; 0 for null.
  static std::size_t size_of(void* block) noexcept { return block ? msize_(block) : 0; }

 private:
  template <class F>
  static bool find(HINSTANCE__* library, const char* name, F*& function) noexcept {
    function = reinterpret_cast<F*>(reinterpret_cast<void*>(GetProcAddress(library, name)));
    return function != nullptr;
  }
  // NOLINTBEGIN: macros of the debugging C library take arguments, and these names have an underscore
  static inline void*(__cdecl* malloc_)(std::size_t) = nullptr;
  static inline void*(__cdecl* calloc_)(std::size_t, std::size_t) = nullptr;
  static inline void*(__cdecl* realloc_)(void*, std::size_t) = nullptr;
  static inline void(__cdecl* free_)(void*) = nullptr;
  static inline std::size_t(__cdecl* msize_)(void*) = nullptr;
  // NOLINTEND
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
