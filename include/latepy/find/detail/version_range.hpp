// latepy/find/detail/version_range.hpp: what ">=3.10,<3.14" means.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/discovery.hpp>
#include <latepy/load/detail/paths.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Clauses joined by commas, all of which must hold: `>= <= > < == != ~=` and a version of one to three numbers; a
/// version alone means `==`. Only the numbers that are written are compared, so "3.12", "==3.12" and "==3.12.*" are the
/// same, and "<=3.13" takes 3.13.5.
class VersionRange {
 public:
  /// \throws LoadError naming the clause that is malformed.
  LATEPY_COLD explicit VersionRange(const std::string& text) : text_(text) {
    if (trim(text).empty()) return;
    std::size_t from = 0;
    for (std::size_t comma = 0; comma != std::string::npos; from = comma + 1) {
      comma = text.find(',', from);
      parse(trim(std::string_view(text).substr(from, comma == std::string::npos ? comma : comma - from)));
    }
  }

  /// An unknown micro version passes: it is to be asked again when the library is loaded.
  LATEPY_COLD bool allows(const Version& version) const noexcept {
    for (const Clause& clause : clauses_)
      if (!holds(clause, version)) return false;
    return true;
  }

 private:
  enum class Is { at_least, at_most, above, below, equal, different };
  struct Clause {
    Is is;
    int parts[3];
    int count;
  };

  static bool holds(const Clause& clause, const Version& version) noexcept {
    const int have[] = {version.major, version.minor, version.micro};
    int order = 0;
    for (int i = 0; i < clause.count && order == 0; ++i) {
      if (i == 2 && have[2] < 0) return true;
      order = (have[i] > clause.parts[i]) - (have[i] < clause.parts[i]);
    }
    switch (clause.is) {
      case Is::at_least:
        return order >= 0;
      case Is::at_most:
        return order <= 0;
      case Is::above:
        return order > 0;
      case Is::below:
        return order < 0;
      case Is::equal:
        return order == 0;
      case Is::different:
        return order != 0;
    }
    return false;
  }

  LATEPY_COLD void parse(std::string_view clause) {
    static constexpr struct {
      std::string_view sign;
      Is is;
    } signs[] = {{">=", Is::at_least}, {"<=", Is::at_most}, {"==", Is::equal}, {"!=", Is::different},
                 {"~=", Is::at_least}, {">", Is::above},    {"<", Is::below}};
    Clause result{Is::equal, {0, 0, 0}, 0};
    std::string_view rest = clause;
    bool compatible = false, starred = false;
    for (const auto& entry : signs) {
      if (!starts_with(rest, entry.sign)) continue;
      result.is = entry.is;
      compatible = entry.sign == "~=";
      rest = trim(rest.substr(entry.sign.size()));
      break;
    }
    if (result.is == Is::equal || result.is == Is::different) {
      if ((starred = ends_with(rest, ".*"))) rest.remove_suffix(2);
    }
    for (bool more = true; more;) {
      std::size_t digits = 0;
      int number = 0;
      while (digits < rest.size() && digits < 5 && rest[digits] >= '0' && rest[digits] <= '9')
        number = number * 10 + (rest[digits++] - '0');
      if (digits == 0 || result.count == 3) fail(clause);
      result.parts[result.count++] = number;
      rest.remove_prefix(digits);
      if ((more = !rest.empty() && rest.front() == '.')) rest.remove_prefix(1);
    }
    if (!rest.empty() || (compatible && result.count < 2) || (starred && result.count == 3)) fail(clause);
    clauses_.push_back(result);
    if (compatible) {
      result.is = Is::equal;  // ~=3.10.2 is >=3.10.2 and ==3.10.*
      --result.count;
      clauses_.push_back(result);
    }
  }

  [[noreturn]] LATEPY_COLD void fail(std::string_view clause) const {
    throw_error<LoadError>({"the version wanted, \"", text_, "\", is malformed at \"", clause,
                            "\": write it like \">=3.10,<3.14\", \"==3.12.*\" or \"3.12\""});
  }

  std::string text_;
  std::vector<Clause> clauses_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
