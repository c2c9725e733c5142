// latepy/run/detail/sub/record.hpp: SubRecord, what lives as long as the interpreter of a SubInterpreter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/installed_hooks.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What must live as long as the interpreter. In a list of this library; `subs_lock` guards it and `owner`.
struct SubRecord {
  enum class Life : int { alive, ending, over };
  SubRecord* next = nullptr;
  SubInterpreter* owner = nullptr;  ///< null once that is destroyed
  std::uint32_t generation = no_generation;
  std::atomic<Life> life{Life::alive};  ///< who sets it from alive to ending, ends the interpreter
  InstalledHooks hooks{};

  /// Gives back the `__main__` of the Scope.
  void forget_main() noexcept;
  /// SubInterpreter::end().
  static bool end(SubRecord& record, long long timeout, std::vector<std::string>& alive);
};
inline std::atomic_flag subs_lock = {};
inline SubRecord* subs = nullptr;

/// Takes the right to end it. \returns false if another thread has it, or it has ended.
LATEPY_COLD inline bool claim(SubRecord& record) noexcept {
  SubRecord::Life alive = SubRecord::Life::alive;
  return record.life.compare_exchange_strong(alive, SubRecord::Life::ending);
}
/// Waits for a moment, in which others may have the GIL that this thread holds.
LATEPY_COLD inline void nap_without_gil() noexcept {
  PyThreadState* const state = holds_any_gil() ? api().Eval_SaveThread() : nullptr;
  process_nap();
  if (state) api().Eval_RestoreThread(state);
}
/// Waits until nobody is ending it. \returns whether it has ended.
LATEPY_COLD inline bool wait_for_end(const SubRecord& record) noexcept {
  while (record.life.load() == SubRecord::Life::ending) {
    nap_without_gil();
  }
  return record.life.load() == SubRecord::Life::over;
}
LATEPY_COLD inline void remove_record(SubRecord& record) noexcept {
  {
    const SpinLock lock(subs_lock);
    for (SubRecord** each = &subs; *each; each = &(*each)->next)
      if (*each == &record) {
        *each = record.next;
        break;
      }
  }
  delete &record;
}

/// SubOwner::end_all of this library.
LATEPY_COLD inline bool end_subs(long long timeout) noexcept {
  bool is_all = true;
  for (;;) {
    SubRecord* found = nullptr;
    bool is_any_ending = false;  // by another thread
    {
      const SpinLock lock(subs_lock);
      for (SubRecord* each = subs; each && !found; each = each->next) {
        if (claim(*each)) found = each;
        is_any_ending = is_any_ending || each->life.load() == SubRecord::Life::ending;
      }
    }
    if (!found && !is_any_ending) break;
    if (!found) {
      nap_without_gil();
      continue;
    }
    bool is_ended = false;
    attempt([&] {
      std::vector<std::string> alive;
      is_ended = SubRecord::end(*found, timeout, alive);
    });
    is_all = is_all && is_ended;
    bool is_left = false;
    {
      const SpinLock lock(subs_lock);
      found->life = is_ended ? SubRecord::Life::over : SubRecord::Life::alive;
      is_left = is_ended && !found->owner;
    }
    if (is_left) remove_record(*found);
    if (!is_ended) break;
  }
  return is_all;
}
LATEPY_COLD inline void own_subs() {
  static SubOwner owner{nullptr, &end_subs};
  static std::atomic<ProcessState*> known{nullptr};
  ProcessState& process = process_state();
  if (known.exchange(&process) != &process) push(process.sub_owners, &owner);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
