// tests/short_memory.hpp: allocations of C++ or CPython that fail: the nth one, alone or with all after it. For one
// source of a program.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/latepy.hpp>

#include <cstdlib>
#include <new>

namespace py = latepy;

/// Whose allocations fail.
enum class MemoryOf { cpp, python };
/// Which allocations fail: the one that finds `left` at 0, and if `goes_on` all after it, or as many as `most`. None if
/// `left` is -1.
struct Shortage {
  long left = -1;
  bool goes_on = false, has_failed = false;
  MemoryOf owner = MemoryOf::cpp;
  long most = -1;

  bool fails(MemoryOf asking = MemoryOf::cpp) {
    if (left < 0 || asking != owner) return false;
    if (left > 0) return --left, false;
    if (!goes_on || --most == 0) left = -1;
    return has_failed = true;
  }
};
inline thread_local Shortage shortage;

// NOLINTBEGIN: replacing the global operators is what these are for
void* operator new(std::size_t size) {
  if (!shortage.fails())
    if (void* memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return shortage.fails() ? nullptr : std::malloc(size ? size : 1);
}
LATEPY_OUTLINE void operator delete(void* memory) noexcept { std::free(memory); }  // g++ warns where it inlines them
LATEPY_OUTLINE void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND

/// PyMemAllocatorEx (Include/cpython/pymem.h).
struct PythonAllocator {
  void* context;
  void* (*malloc)(void*, std::size_t);
  void* (*calloc)(void*, std::size_t, std::size_t);
  void* (*realloc)(void*, void*, std::size_t);
  void (*free)(void*, void*);
};
/// From here on CPython's allocations of the domains MEM and OBJ ask `shortage`. Python runs.
inline void ask_for_python() {
  static const bool done = [] {
    const auto library = py::DynLib::containing(reinterpret_cast<void*>(py::detail::api().IsInitialized));
    static PythonAllocator before[3];
    for (int domain = 1; domain < 3; ++domain) {
      library.get<void(int, PythonAllocator*)>("PyMem_GetAllocator")(domain, &before[domain]);
      PythonAllocator asking = {&before[domain],
                                [](void* inner, std::size_t size) -> void* {
                                  const auto& a = *static_cast<PythonAllocator*>(inner);
                                  return shortage.fails(MemoryOf::python) ? nullptr : a.malloc(a.context, size);
                                },
                                [](void* inner, std::size_t count, std::size_t size) -> void* {
                                  const auto& a = *static_cast<PythonAllocator*>(inner);
                                  return shortage.fails(MemoryOf::python) ? nullptr : a.calloc(a.context, count, size);
                                },
                                [](void* inner, void* memory, std::size_t size) -> void* {
                                  const auto& a = *static_cast<PythonAllocator*>(inner);
                                  return shortage.fails(MemoryOf::python) ? nullptr
                                                                          : a.realloc(a.context, memory, size);
                                },
                                [](void* inner, void* memory) {
                                  const auto& a = *static_cast<PythonAllocator*>(inner);
                                  a.free(a.context, memory);
                                }};
      library.get<void(int, PythonAllocator*)>("PyMem_SetAllocator")(domain, &asking);
    }
    return true;
  }();
  static_cast<void>(done);
}

/// Runs `body` again and again: each time another one of its allocations fails, alone or with all after it, until none
/// is left to fail. `body` returns whether the result is the right one. It may throw std::bad_alloc or MemoryError.
/// \param most how many fail at most. \returns what else happened, and how often an allocation failed.
template <class F>
std::string with_short_memory(F&& body, MemoryOf owner = MemoryOf::cpp, long most = -1) {
  if (owner == MemoryOf::python) ask_for_python();
  long failures = 0;
  for (const bool goes_on : {false, true}) {
    if (goes_on && most == 1) break;
    for (long at = 0; at < 2000; ++at) {
      std::string problem;
      bool is_right = true;
      shortage = {at, goes_on, false, owner, most};
      try {
        is_right = body();
      } catch (const std::bad_alloc&) {
      } catch (const py::MemoryError&) {
      } catch (const std::exception& error) {
        shortage.left = -1;
        problem = error.what();
      }
      shortage.left = -1;
      const std::string where = (goes_on ? "from allocation " : "allocation ") + std::to_string(at) + " on: ";
      if (!problem.empty()) return where + problem;
      if (!is_right) return where + "a wrong result";
      if (!body()) return where + "a wrong result afterwards";
      if (!shortage.has_failed) break;
      ++failures;
    }
  }
  return failures > 0 ? "" : "nothing was allocated";
}
