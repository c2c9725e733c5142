// latepy/config_macros.hpp: what the compiler and the platform are, as LATEPY_* macros with the values 0 and 1.
// SPDX-License-Identifier: MIT
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG < 201703L : __cplusplus < 201703L
#error "latepy needs C++17: compile with -std=c++17 or /std:c++17"
#endif
#if !defined(_MSC_VER) && !defined(__EXCEPTIONS)
#error "latepy reports errors as C++ exceptions: compile without -fno-exceptions"
#endif

/// 1 for every Windows, also under MinGW.
#ifdef _WIN32
#define LATEPY_WINDOWS 1
#else
#define LATEPY_WINDOWS 0
#endif

#ifdef __APPLE__
#define LATEPY_APPLE 1
#else
#define LATEPY_APPLE 0
#endif

/// Checks of the GIL and of lives at every use of an Object. Defined by the user to 0 or 1; by default on in builds
/// without NDEBUG. No layout depends on it, so files with and without it may be linked together.
#ifndef LATEPY_CHECKS
#ifdef NDEBUG
#define LATEPY_CHECKS 0
#else
#define LATEPY_CHECKS 1
#endif
#endif

/// 1 in the files of a program that has latepy's larger functions compiled once, in latepy/latepy.cpp (with CMake: by
/// the target latepy::compiled), instead of inline in each file. All files of the program, or of a shared library, say
/// the same, and those of a shared library, or of a program that exports its symbols to plug-ins, are compiled with
/// -fvisibility=hidden, as latepy.cpp is: then the functions and the state of each are its own (see LibraryState).
#ifndef LATEPY_COMPILED
#define LATEPY_COMPILED 0
#endif
#ifdef LATEPY_REFUSE_VISIBILITY
#error "latepy::compiled is hidden: set CXX_VISIBILITY_PRESET hidden on this library, or link it to latepy::latepy"
#endif
/// Whether their definitions are seen, which begin with LATEPY_FUNC.
#if !LATEPY_COMPILED
#define LATEPY_DEFINITIONS 1
#define LATEPY_FUNC inline
#elif defined(LATEPY_IMPLEMENTATION)
#define LATEPY_DEFINITIONS 1
#define LATEPY_FUNC
#else
#define LATEPY_DEFINITIONS 0
#endif

/// 128-bit integers, where the compiler has them.
#ifdef __SIZEOF_INT128__
#define LATEPY_INT128 1
#else
#define LATEPY_INT128 0
#endif

/// LATEPY_COLD is for code that runs once or on errors only: it stays out of line and away from the hot code.
/// LATEPY_FORCE_INLINE is for the few instructions that each use of an object costs. It forces only where the compiler
/// optimises for speed: in builds for debugging and for size it would only make the program larger.
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
#else
#define LATEPY_COLD __declspec(noinline)
#define LATEPY_OUTLINE __declspec(noinline)
#define LATEPY_FORCE_INLINE __forceinline
#define LATEPY_LIKELY(x) (x)
#define LATEPY_UNLIKELY(x) (x)
#define LATEPY_UNREACHABLE() __assume(0)
#endif

#if LATEPY_WINDOWS
#define LATEPY_VISIBLE
#define LATEPY_HIDDEN
#else
/// Exceptions cross shared libraries, so their type information must be one in the process.
#define LATEPY_VISIBLE __attribute__((visibility("default")))
/// One a shared library, whatever it is compiled with: what counts libraries, and those functions of a visible class
/// that use state. LibraryState itself is marked neither way; see LibraryState.
#define LATEPY_HIDDEN __attribute__((visibility("hidden")))
#endif
