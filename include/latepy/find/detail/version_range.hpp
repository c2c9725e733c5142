// latepy/find/detail/version_range.hpp: VersionRange, what a text such as ">=3.10,<3.14" allows.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/paths.hpp>
#include <latepy/load/error.hpp>
#include <latepy/load/python_version.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A range of versions, such as ">=3.10,<3.14". It keeps a view of the text and reads it at each question.
/// Clauses are joined by commas, and all must hold. A clause is one of `>= <= > < == != ~=` and a version of one to
/// three numbers. A version alone means `==`. Only the numbers that are written are compared: "3.12", "==3.12" and
/// "==3.12.*" are the same, and "<=3.13" takes 3.13.5.
class VersionRange {
 public:
  /// \throws LoadError naming the clause that is malformed.
  LATEPY_COLD explicit VersionRange(std::string_view text) : text_(text) { static_cast<void>(allows(Version())); }

  std::string_view text() const noexcept { return trim(text_); }

  /// Whether the version lies in the range. An unknown micro version does: the caller asks again once the library is
  /// loaded.
  LATEPY_COLD bool allows(const Version& version) const {
    std::string_view rest = text_;
    bool all = true, more = !trim(rest).empty();
    while (more) {
      const std::size_t comma = rest.find(',');
      all &= holds(trim(rest.substr(0, comma)), version);
      more = comma != std::string_view::npos;
      if (more) rest.remove_prefix(comma + 1);
    }
    return all;
  }

 private:
  /// How a version compares with the numbers of a clause.
  enum Order { less = 1, equal = 2, greater = 4 };

  LATEPY_COLD bool holds(std::string_view clause, const Version& version) const {
    std::string_view rest = clause;
    std::size_t size = 0;
    while (size < rest.size() && std::string_view("<>=!~").find(rest[size]) != std::string_view::npos) ++size;
    const std::string_view sign = rest.substr(0, size);
    const bool is_compatible = sign == "~=";  // ~=3.10.2 means >=3.10.2 and ==3.10.*
    int allowed = 0;
    if (sign.empty() || sign == "==") allowed = equal;
    if (sign == "!=") allowed = less | greater;
    if (sign == ">=" || is_compatible) allowed = greater | equal;
    if (sign == "<=") allowed = less | equal;
    if (sign == ">") allowed = greater;
    if (sign == "<") allowed = less;
    rest = trim(rest.substr(size));
    const bool is_starred = (allowed == equal || allowed == (less | greater)) && ends_with(rest, ".*");
    if (is_starred) rest.remove_suffix(2);
    int numbers[3] = {}, count = 0;
    for (bool more = allowed != 0; more && count < 3;) {
      std::size_t digits = 0;
      while (digits < rest.size() && digits < 5 && rest[digits] >= '0' && rest[digits] <= '9')
        numbers[count] = numbers[count] * 10 + (rest[digits++] - '0');
      if (digits == 0) fail(clause);
      ++count;
      rest.remove_prefix(digits);
      if ((more = count < 3 && starts_with(rest, "."))) rest.remove_prefix(1);
    }
    if (!rest.empty() || count == 0 || (is_compatible && count < 2) || (is_starred && count == 3)) fail(clause);
    if (is_compatible && (order(version, numbers, count - 1) & equal) == 0) return false;
    return (order(version, numbers, count) & allowed) != 0;
  }

  /// All three where the micro version decides and is not known.
  static int order(const Version& version, const int* numbers, int count) noexcept {
    const int parts[] = {version.major, version.minor, version.micro};
    for (int i = 0; i < count; ++i) {
      if (i == 2 && parts[i] < 0) return less | equal | greater;
      if (parts[i] != numbers[i]) return parts[i] < numbers[i] ? less : greater;
    }
    return equal;
  }

  [[noreturn]] LATEPY_COLD void fail(std::string_view clause) const {
    throw_error<LoadError>({"the version wanted, \"", text_, "\", is malformed at \"", clause,
                            "\": write it like \">=3.10,<3.14\", \"==3.12.*\" or \"3.12\""});
  }

  std::string_view text_;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
