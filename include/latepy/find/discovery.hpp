// latepy/find/discovery.hpp: Discovery, the result of locate(), and Search, its options.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/error.hpp>
#include <latepy/load/path.hpp>
#include <latepy/load/python_version.hpp>

#include <optional>
#if LATEPY_DEFINITIONS
#include <latepy/find/detail/python_name.hpp>
#endif

namespace latepy {
inline namespace v1 {

/// The result for a candidate.
enum class Verdict {
  chosen,   ///< the first one that passed every check
  usable,   ///< it passed every check, but another one came before it
  refused,  ///< `reason` says why
};

/// One CPython that locate() found. All paths are absolute and in UTF-8; "" if there is none.
struct Candidate {
  std::string library{};          ///< libpython: .so, .dylib, framework binary or .dll
  std::string executable{};       ///< sys.executable: the python of the virtual environment or installation
  std::string base_executable{};  ///< the python of the installation; equals `executable` without an environment
  std::string prefix{};           ///< sys.prefix: the folder of the virtual environment or installation
  std::string home{};             ///< the folder of the installation, which contains the standard library
  Version version{};              ///< `micro` is -1 if no file tells it
  std::string source{};           ///< where locate() found it: "Config::python", "VIRTUAL_ENV", "PATH", "pyenv" …
  bool free_threaded = false;     ///< a build without the GIL (3.13t)
  bool debug = false;             ///< a debug build (3.13d)
  bool in_process = false;        ///< its library is loaded in this process already
  Verdict verdict = Verdict::refused;  ///< the result
  std::string reason{};                ///< why it was refused, or a remark on a usable one
};

namespace detail {
/// A copy of a candidate, or none. It is used as a `const Candidate*` is.
struct CandidateOrNone : std::optional<Candidate> {
  using std::optional<Candidate>::optional;
  friend bool operator==(const CandidateOrNone& a, std::nullptr_t) noexcept { return !a.has_value(); }
  friend bool operator!=(const CandidateOrNone& a, std::nullptr_t) noexcept { return a.has_value(); }
};
}  // namespace detail

/// All candidates that locate() tried, and what to do if none can be used. It needs no GIL.
class Discovery {
 public:
  /// Without candidates.
  Discovery() = default;
  /// The candidates in the order in which they were tried.
  Discovery(std::vector<Candidate> candidates, std::string remedy)
      : candidates_(std::move(candidates)), remedy_(std::move(remedy)) {}

  ///@{
  /// The candidates in the order in which they were tried.
  const std::vector<Candidate>& candidates() const& noexcept { return candidates_; }
  std::vector<Candidate> candidates() && noexcept { return std::move(candidates_); }
  ///@}
  /// The candidate that an Interpreter loads, or nullptr if there is none. The pointer is valid while this lives.
  const Candidate* chosen() const& noexcept;
  /// The same of a temporary, such as `locate().chosen()`: an optional with a copy, which also compares with nullptr.
  detail::CandidateOrNone chosen() &&;
  ///@{
  /// What to do on this system if nothing was chosen: which packages to install, how to build CPython.
  const std::string& remedy() const& noexcept { return remedy_; }
  std::string remedy() && noexcept { return std::move(remedy_); }
  ///@}

  /// A table with one line for each candidate: verdict, version, source, library, reason.
  std::string to_string() const;

 private:
  std::vector<Candidate> candidates_{};
  std::string remedy_{};
};

inline const Discovery& LoadError::discovery() const& noexcept {
  static const Discovery nothing;
  return discovery_ ? *discovery_ : nothing;
}
inline Discovery LoadError::discovery() && { return static_cast<const LoadError&>(*this).discovery(); }

/// The options of locate(). Members that Config has too mean the same.
struct Search {
  Path library{};           ///< this libpython and no other
  Path python{};            ///< this python executable, or the folder of a virtual environment
  Path home{};              ///< this installation folder
  std::string version{};    ///< ">=3.10,<3.14", "==3.12.*" or "3.12"; empty takes 3.9 and everything newer
  bool search_path = true;  ///< `python3` and `python` on PATH are candidates (their files are read, nothing is run)
  bool ask_python = false;  ///< a Python that files do not explain may be run and asked
  bool strict = false;      ///< refuse candidates that other users may write to; see Config::strict
  bool all = true;          ///< false: what comes behind the one that is chosen is not looked at

  /// For tests: the environment to read instead of the process's, as NAME=VALUE.
  std::vector<std::string> environment{};
  bool own_environment = true;  ///< false: `environment` is all there is
  /// For tests: the folder that stands for "/", so that a made-up system can be searched.
  Path root{};
  Path program{};          ///< For tests: the file that stands for this program.
  bool as_secure = false;  ///< For tests: as if the process were set-uid: no environment, no PATH; strict.
  bool in_process = true;  ///< a Python already in this process is the only candidate
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC const Candidate* Discovery::chosen() const& noexcept {
  for (const Candidate& candidate : candidates_)
    if (candidate.verdict == Verdict::chosen) return &candidate;
  return nullptr;
}

LATEPY_FUNC LATEPY_COLD detail::CandidateOrNone Discovery::chosen() && {
  detail::CandidateOrNone made;
  if (const Candidate* const found = static_cast<const Discovery&>(*this).chosen()) made.emplace(*found);
  return made;
}

LATEPY_FUNC LATEPY_COLD std::string Discovery::to_string() const {
  if (candidates_.empty()) return "no Python was found anywhere\n";
  // A line is version, source, library, reason. The verdict stands before it, in two columns.
  constexpr std::size_t columns = 4;
  detail::Arena arena;
  detail::Texts cells(arena);
  for (const detail::Text title : detail::Literals("version\0found by\0library\0why")) cells.add(title);
  for (const Candidate& c : candidates_) {
    cells.add(arena.concat(detail::version_text(arena, c.version), c.free_threaded ? "t" : "", c.debug ? "d" : ""));
    cells.add(c.source);
    cells.add(!c.library.empty() ? c.library : !c.executable.empty() ? c.executable : c.prefix);
    cells.add(c.reason);
  }
  std::size_t width[columns] = {};
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i].size() > width[i % columns]) width[i % columns] = cells[i].size();
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t column = i % columns;
    if (column == 0) {
      const Verdict verdict = i == 0 ? Verdict::refused : candidates_[i / columns - 1].verdict;
      text += i == 0 ? "    " : verdict == Verdict::chosen ? "=>  " : verdict == Verdict::usable ? "ok  " : "no  ";
    }
    text += cells[i].c_str();
    if (column != columns - 1) {
      text.append(width[column] - cells[i].size() + 2, ' ');
      continue;
    }
    while (text.back() == ' ') text.pop_back();
    text += '\n';
  }
  return text;
}

#endif

}  // namespace v1
}  // namespace latepy
