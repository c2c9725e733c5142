// latepy/core/detail/current_state.hpp: where CPython keeps the thread state that is attached.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

#ifdef __linux__
#include <link.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

// PyThreadState_GetUnchecked reads one word and does nothing else: until 3.11 a member of _PyRuntime, from 3.12 on a
// thread-local variable. The call takes 2 to 4 ns, reading the word less than 1. So latepy looks for the word at the
// start of Python, and proves that it is the one. Elsewhere than on Linux, and where there is no proof, it calls.

using StateWord = std::atomic<PyThreadState*>;

/// The word that this thread reads; null if it is not known. A thread finds it once. Any thread, no GIL.
const StateWord* find_current_word() noexcept;
/// Finds LibraryState::current_word. Needs the GIL, which from 3.13 on other threads may hold for a moment in between.
void probe_current_word() noexcept;

#if LATEPY_DEFINITIONS

/// The words of CPython among which it is.
struct StateWords {
  const StateWord* first = nullptr;
  std::size_t count = 0;
};

LATEPY_COLD inline StateWords state_words() noexcept {
  StateWords found;
#ifdef __linux__
  if (sizeof(void*) != 8) return found;
  const Api& a = api();
  // _PyRuntime has at least 656 bytes, and the word within 640.
  if (!library_state.current_is_per_thread)
    return {reinterpret_cast<const StateWord*>(a.Runtime), a.Runtime ? 80u : 0u};
  a.ThreadState_GetUnchecked();  // makes the thread's variables, if it has none yet
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t size, void* to) {
        const auto code = reinterpret_cast<std::uintptr_t>(api().ThreadState_GetUnchecked);
        bool is_libpython = false;
        std::size_t bytes = 0;
        for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type == PT_LOAD && code - info->dlpi_addr - part.p_vaddr < part.p_memsz) is_libpython = true;
          if (part.p_type == PT_TLS) bytes = part.p_memsz;
        }
        if (!is_libpython) return 0;
        if (size > offsetof(dl_phdr_info, dlpi_tls_data) && info->dlpi_tls_data)
          *static_cast<StateWords*>(to) = {static_cast<const StateWord*>(info->dlpi_tls_data), bytes / sizeof(void*)};
        return 1;
      },
      &found);
#endif
  return found;
}

LATEPY_FUNC LATEPY_COLD const StateWord* find_current_word() noexcept {
  const std::size_t index = library_state.current_word;
  if (index == LibraryState::no_word) return nullptr;
  const StateWords words = state_words();
  return index < words.count ? words.first + index : nullptr;
}

LATEPY_FUNC LATEPY_COLD void probe_current_word() noexcept {
  const Api& a = api();
  PyThreadState* const state = a.ThreadState_GetUnchecked();
  const StateWords words = state_words();
  std::size_t proved = LibraryState::no_word, count = 0;
  for (std::size_t i = 0; i < words.count; ++i) {
    if (words.first[i].load() != state) continue;
    a.ThreadState_Swap(nullptr);
    const bool is_followed = words.first[i].load() == nullptr;
    a.ThreadState_Swap(state);
    if (!is_followed || words.first[i].load() != state) continue;
    proved = i;
    ++count;
  }
  if (count == 1) library_state.current_word = proved;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
