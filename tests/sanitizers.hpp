// tests/sanitizers.hpp: which sanitizer a test runs under. g++ says it by a macro, clang by a feature.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define LATEPY_TEST_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define LATEPY_TEST_THREAD_SANITIZER 1
#endif
#endif

/// AddressSanitizer, with the search for leaks at the end of each process.
#if defined(__SANITIZE_ADDRESS__) || defined(LATEPY_TEST_ADDRESS_SANITIZER)
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif

/// Whether this process is not searched for leaks at its end. LeakSanitizer does not look into the memory that CPython
/// maps, so that what only an object of Python owns is lost to it. A child that ends by exit() while its Python lives
/// sets this.
inline bool is_leak_check_off = false;
#ifndef _WIN32
extern "C" __attribute__((used)) inline int __lsan_is_turned_off() { return is_leak_check_off; }
#endif

/// The bytes that malloc() has given, as AddressSanitizer counts them; it keeps freed memory for a while.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();

#if defined(__SANITIZE_THREAD__) || defined(LATEPY_TEST_THREAD_SANITIZER)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif
