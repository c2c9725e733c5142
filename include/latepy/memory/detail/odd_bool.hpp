// latepy/memory/detail/odd_bool.hpp: finds items of bool in memory that C++ must not read: bytes other than 0 and 1.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The byte of a bool that is neither 0 nor 1, or 0 if there is none. For numpy all bytes but 0 are true, and views of
/// other types make any; for C++ it is undefined to read them. `strides` is null: row after row.
int odd_bool(const void* data, int ndim, const ssize* shape, const ssize* strides) noexcept;
/// The reason for an error.
std::string odd_bool_text(int odd);

#if LATEPY_DEFINITIONS

/// The same for a row without gaps, by blocks of a constant size: the compiler takes several bytes at once.
LATEPY_FUNC int odd_bool_in_row(const unsigned char* row, std::size_t count) noexcept {
  constexpr std::size_t block = 256;
  for (; count >= block; row += block, count -= block) {
    unsigned char all = 0;
    for (std::size_t i = 0; i < block; ++i) all = static_cast<unsigned char>(all | row[i]);
    if (LATEPY_UNLIKELY(all > 1)) break;
  }
  for (std::size_t i = 0; i < count; ++i)
    if (LATEPY_UNLIKELY(row[i] > 1)) return row[i];
  return 0;
}

LATEPY_FUNC int odd_bool(const void* data, int ndim, const ssize* shape, const ssize* strides) noexcept {
  const auto* const first = static_cast<const unsigned char*>(data);
  if (ndim == 0) return *first > 1 ? *first : 0;
  if (!strides || (ndim == 1 && strides[0] == 1)) {
    std::size_t count = 1;
    for (int i = 0; i < ndim; ++i) count *= static_cast<std::size_t>(shape[i]);
    return odd_bool_in_row(first, count);
  }
  for (ssize i = 0; i < shape[0]; ++i)
    if (const int odd = odd_bool(first + i * strides[0], ndim - 1, shape + 1, strides + 1)) return odd;
  return 0;
}

LATEPY_FUNC LATEPY_COLD std::string odd_bool_text(int odd) {
  return concat({"one of its items is the byte ", decimal(odd),
                 ", and a bool of C++ is 0 or 1: pass a copy with real bools, such as x != 0"});
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
