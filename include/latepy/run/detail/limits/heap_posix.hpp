// latepy/run/detail/limits/heap_posix.hpp: Heap, the functions of C with which CPython allocates. See heap_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <stdlib.h>

#if LATEPY_APPLE
#include <malloc/malloc.h>
#elif defined(__FreeBSD__)
#include <malloc_np.h>
#else
#include <malloc.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// The heap of the process. CPython is bound to the same functions, also where the program replaces them.
struct Heap {
  /// Whether it can be used.
  static bool open() noexcept { return true; }
  static void* allocate(std::size_t size) noexcept { return malloc(size); }
  static void* allocate_zeros(std::size_t size) noexcept { return calloc(1, size); }
  static void* resize(void* block, std::size_t size) noexcept { return realloc(block, size); }
  static void release(void* block) noexcept { free(block); }
  /// The bytes that the block has; 0 for null.
  static std::size_t size_of(void* block) noexcept {
#if LATEPY_APPLE
    return malloc_size(block);
#else
    return malloc_usable_size(block);
#endif
  }
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
