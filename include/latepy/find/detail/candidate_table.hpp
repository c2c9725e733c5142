// latepy/find/detail/candidate_table.hpp: CandidateTable, the candidates while the search goes on.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/trace.hpp>
#include <latepy/find/discovery.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A Candidate while the search goes on: its texts lie in the search's Arena. The members are those of Candidate.
struct FoundPython {
  LATEPY_COLD explicit FoundPython(Text found_by) noexcept : source(found_by) {}

  Text library{}, executable{}, base_executable{}, prefix{}, home{}, source, reason{};
  Version version{};
  bool free_threaded = false, debug = false, in_process = false;
  Verdict verdict = Verdict::refused;
  FoundPython* next = nullptr;  ///< the next line of the table
};

/// The candidates in the order in which they were found.
class CandidateTable {
 public:
  /// \param all false: the search ends at the candidate that is chosen.
  CandidateTable(Arena& arena, bool all) noexcept : arena_(arena), all_(all) {}

  bool has_chosen() const noexcept { return chosen_; }
  /// Whether the search has ended. The functions that look for candidates do nothing then.
  bool is_done() const noexcept { return is_decided_ && !all_; }
  /// No candidate that is added from now on is chosen.
  void decide() noexcept { is_decided_ = true; }
  /// The first line of the table, or nullptr.
  const FoundPython* first() const noexcept { return first_; }

  /// Adds the candidate with the reason why it cannot be taken.
  LATEPY_COLD void refuse(const FoundPython& c, Text reason) { add(c, Verdict::refused, reason); }

  /// Adds the candidate, which passed every check. The first one is chosen.
  LATEPY_COLD void accept(const FoundPython& c) {
    const Verdict verdict = is_decided_ ? Verdict::usable : Verdict::chosen;
    chosen_ |= !is_decided_;
    is_decided_ = true;
    add(c, verdict, c.executable.empty() ? "has no python executable: scripts cannot start another Python" : "");
  }

  /// Whether the library is in the table already, with this prefix.
  LATEPY_COLD bool is_known(const FoundPython& c) const noexcept {
    for (const FoundPython* other = first_; other; other = other->next)
      if (other->library == c.library && other->prefix == c.prefix) return true;
    return false;
  }

  /// The table as the caller gets it.
  LATEPY_COLD std::vector<Candidate> candidates() const {
    std::vector<Candidate> result(count_);
    Candidate* to = result.data();
    for (const FoundPython* from = first_; from; from = from->next, ++to) {
      to->library = from->library.c_str();
      to->executable = from->executable.c_str();
      to->base_executable = from->base_executable.c_str();
      to->prefix = from->prefix.c_str();
      to->home = from->home.c_str();
      to->version = from->version;
      to->source = from->source.c_str();
      to->free_threaded = from->free_threaded;
      to->debug = from->debug;
      to->in_process = from->in_process;
      to->verdict = from->verdict;
      to->reason = from->reason.c_str();
    }
    return result;
  }

 protected:
  Arena& arena_;

 private:
  /// Adds a line to the table, if there is none of the same library, executable and prefix.
  LATEPY_COLD void add(const FoundPython& c, Verdict verdict, Text reason) {
    FoundPython** end = &first_;
    for (; *end; end = &(*end)->next)
      if ((*end)->library == c.library && (*end)->executable == c.executable && (*end)->prefix == c.prefix) return;
    auto* const line = new (arena_.allocate(sizeof(FoundPython))) FoundPython(c);
    line->verdict = verdict;
    line->reason = reason;
    *end = line;
    ++count_;
    trace({"locate: ",
           verdict == Verdict::refused  ? "refused "
           : verdict == Verdict::chosen ? "chose "
                                        : "passed ",
           c.source, " ", version_text(arena_, c.version), " ",
           !c.library.empty()      ? c.library
           : !c.executable.empty() ? c.executable
                                   : c.prefix,
           reason.empty() ? "" : ": ", reason});
  }

  FoundPython* first_ = nullptr;
  std::size_t count_ = 0;
  bool chosen_ = false, is_decided_ = false;
  const bool all_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
