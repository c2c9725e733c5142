// latepy/config_macros.hpp: the macros LATEPY_* that describe the compiler, the platform and the build.
// SPDX-License-Identifier: MIT
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG < 201703L : __cplusplus < 201703L
#error "latepy needs C++17: compile with -std=c++17 or /std:c++17"
#endif
#if !defined(_MSC_VER) && !defined(__EXCEPTIONS)
#error "latepy reports errors as C++ exceptions: compile without -fno-exceptions"
#endif

/// 1 on Windows, also with MinGW; else 0.
#ifdef _WIN32
#define LATEPY_WINDOWS 1
#else
#define LATEPY_WINDOWS 0
#endif

/// 1 on macOS; else 0.
#ifdef __APPLE__
#define LATEPY_APPLE 1
#else
#define LATEPY_APPLE 0
#endif

/// 1 if the first byte of a number in memory is its highest; else 0.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LATEPY_BIG_ENDIAN 1
#else
#define LATEPY_BIG_ENDIAN 0
#endif

/// If 1, each use of an Object checks that the thread holds the GIL and that the object's interpreter still runs; the
/// use throws StateError if not. You may define it as 0 or 1. The default is 1 without NDEBUG, and 0 with NDEBUG. No
/// layout depends on it, so files with and without it may be linked together. With Config::release_gil the checks are
/// made in every build, unless you define it as 0.
#ifdef LATEPY_CHECKS
#define LATEPY_CHECKS_BY_DEFAULT 0
#else
#define LATEPY_CHECKS_BY_DEFAULT 1
#ifdef NDEBUG
#define LATEPY_CHECKS 0
#else
#define LATEPY_CHECKS 1
#endif
#endif

/// If 1, latepy's larger functions are not inline: they are compiled once, in latepy/latepy.cpp. The CMake target
/// latepy::compiled defines it and compiles that file. All files of one program or shared library must define the same
/// value. latepy.cpp is compiled with -fvisibility=hidden. A shared library must be compiled with it too, and so must a
/// program that exports its symbols to plug-ins; then each of them has its own functions and state (see LibraryState).
#ifndef LATEPY_COMPILED
#define LATEPY_COMPILED 0
#endif
#ifdef LATEPY_REFUSE_VISIBILITY
#error "latepy::compiled is hidden: set CXX_VISIBILITY_PRESET hidden on this library, or link it to latepy::latepy"
#endif
/// LATEPY_DEFINITIONS is 1 if this file sees the definitions of these functions. Each definition begins with
/// LATEPY_FUNC, which is `inline` unless LATEPY_COMPILED is 1.
#if !LATEPY_COMPILED
#define LATEPY_DEFINITIONS 1
#define LATEPY_FUNC inline
#elif defined(LATEPY_IMPLEMENTATION)
#define LATEPY_DEFINITIONS 1
#define LATEPY_FUNC
#else
#define LATEPY_DEFINITIONS 0
#endif

/// 1 if the compiler has 128-bit integers; else 0.
#ifdef __SIZEOF_INT128__
#define LATEPY_INT128 1
#else
#define LATEPY_INT128 0
#endif

/// Attributes of functions and hints for branches:
/// - LATEPY_COLD: runs once or on errors only. The compiler keeps it out of line and away from the hot code.
/// - LATEPY_OUTLINE: the compiler does not inline it.
/// - LATEPY_FORCE_INLINE: a few instructions that each use of an object runs. The compiler is forced to inline it only
///   if it optimises for speed: in builds for debugging and for size that would only make the program larger.
/// - LATEPY_LIKELY, LATEPY_UNLIKELY: the condition is almost always true, or almost always false.
/// - LATEPY_UNREACHABLE(): control never comes here.
/// - LATEPY_EFFCXX_OFF, LATEPY_EFFCXX_ON: between them -Weffc++ of g++ is silent, where its rule does not fit.
#if defined(__GNUC__)
#define LATEPY_COLD __attribute__((cold, noinline))
#define LATEPY_OUTLINE __attribute__((noinline))
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define LATEPY_FORCE_INLINE inline __attribute__((always_inline))
#else
#define LATEPY_FORCE_INLINE inline
#endif
#define LATEPY_LIKELY(x) __builtin_expect(!!(x), 1)
#define LATEPY_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LATEPY_UNREACHABLE() __builtin_unreachable()
/// Around code about which -Weffc++ of g++ is wrong.
///@{
#define LATEPY_EFFCXX_OFF _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Weffc++\"")
#define LATEPY_EFFCXX_ON _Pragma("GCC diagnostic pop")
///@}
#else
#define LATEPY_COLD __declspec(noinline)
#define LATEPY_OUTLINE __declspec(noinline)
#define LATEPY_FORCE_INLINE __forceinline
#define LATEPY_LIKELY(x) (x)
#define LATEPY_UNLIKELY(x) (x)
#define LATEPY_UNREACHABLE() __assume(0)
#define LATEPY_EFFCXX_OFF
#define LATEPY_EFFCXX_ON
#endif

#if LATEPY_WINDOWS
#define LATEPY_VISIBLE
#define LATEPY_HIDDEN
#else
/// For exception classes. An exception may be caught in another shared library than the one that threw it, so all
/// libraries of the process must share its type information.
#define LATEPY_VISIBLE __attribute__((visibility("default")))
/// Always hidden: each shared library has its own copy. It is for the variable that counts libraries, and for the
/// functions of a LATEPY_VISIBLE class that use state. LibraryState itself has neither mark; see LibraryState.
#define LATEPY_HIDDEN __attribute__((visibility("hidden")))
#endif
