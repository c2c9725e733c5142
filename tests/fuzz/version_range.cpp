// tests/fuzz/version_range.cpp: versions, and the ranges of them that Config::version takes.
// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <latepy/find/detail/version_range.hpp>

#include <string>
#include <vector>

namespace {

using latepy::Version;
using latepy::detail::VersionRange;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_one_of(const char* all, char c) { return c && std::strchr(all, c); }
bool is_space(char c) { return is_one_of(" \t\n\v\f\r", c); }

std::string stripped(std::string text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
  while (!text.empty() && is_space(text.front())) text.erase(0, 1);
  return text;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

struct Clause {
  std::string sign;
  std::vector<int> numbers;
};

/// Reads a clause as it is documented. \returns whether it is well formed.
bool read(const std::string& text, Clause& clause) {
  std::string rest = text;
  while (!rest.empty() && is_one_of("<>=!~", rest[0])) {
    clause.sign += rest[0];
    rest.erase(0, 1);
  }
  bool is_known = false;
  for (const char* sign : {"", "==", "!=", ">=", "<=", ">", "<", "~="}) is_known |= clause.sign == sign;
  rest = stripped(rest);
  const bool may_have_star = clause.sign.empty() || clause.sign == "==" || clause.sign == "!=";
  const bool has_star = may_have_star && rest.size() > 1 && rest.compare(rest.size() - 2, 2, ".*") == 0;
  if (has_star) rest.resize(rest.size() - 2);
  for (const std::string& part : split(rest, '.')) {
    bool is_number = !part.empty() && part.size() <= 5;
    for (const char c : part) is_number &= is_digit(c);
    if (!is_number) return false;
    clause.numbers.push_back(std::stoi(part));
  }
  const std::size_t count = clause.numbers.size();
  return is_known && count <= 3 && !(clause.sign == "~=" && count < 2) && !(has_star && count == 3);
}

/// As Python compares tuples, of as many numbers as are written. 2: the micro version decides, and is not known.
int compare(const Version& version, const std::vector<int>& numbers, std::size_t count) {
  const int parts[] = {version.major, version.minor, version.micro};
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 2 && parts[i] < 0) return 2;
    if (parts[i] != numbers[i]) return parts[i] < numbers[i] ? -1 : 1;
  }
  return 0;
}

bool holds(const Clause& clause, const Version& version) {
  const int order = compare(version, clause.numbers, clause.numbers.size());
  if (clause.sign == "~=" && compare(version, clause.numbers, clause.numbers.size() - 1) % 2 != 0) return false;
  if (order == 2) return true;
  if (clause.sign == ">=" || clause.sign == "~=") return order >= 0;
  if (clause.sign == "<=") return order <= 0;
  if (clause.sign == ">") return order > 0;
  if (clause.sign == "<") return order < 0;
  if (clause.sign == "!=") return order != 0;
  return order == 0;
}

void check_version(std::string_view text) {
  const Version version = Version::parse(text);
  std::string digits;
  for (const char c : text) {
    if (!is_digit(c)) break;
    digits += c;
  }
  PROMISE(version.known() == (digits.find_first_not_of('0') != std::string::npos));
  for (const int part : {version.major, version.minor}) PROMISE(part >= 0 && part < 1000000);
  PROMISE(version.micro >= -1 && version.micro < 1000000);
  if (version.known()) PROMISE(Version::parse(version.to_string()) == version);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exact exact(std::string_view(reinterpret_cast<const char*>(data), size));
  const std::string_view text = exact.view();
  check_version(text);

  std::vector<Clause> clauses;
  bool is_right = true;
  if (!stripped(std::string(text)).empty())
    for (const std::string& part : split(std::string(text), ',')) {
      clauses.emplace_back();
      is_right &= read(stripped(part), clauses.back());
    }
  try {
    const VersionRange range(text);
    PROMISE(is_right);
    std::vector<Version> versions{{}, {3, 9, -1}, {3, 12, 0}, {3, 12, 1}, {3, 13, -1}, {4, 0, 0}};
    for (const Clause& each : clauses) {
      const std::vector<int>& n = each.numbers;
      const int minor = n.size() > 1 ? n[1] : 0, micro = n.size() > 2 ? n[2] : 0;
      for (const int by : {-1, 0, 1})
        for (const Version& near : {Version{n[0] + by, minor, micro}, Version{n[0], minor + by, micro},
                                    Version{n[0], minor, micro + by}, Version{n[0], minor + by, -1}})
          versions.push_back(near);
    }
    for (const Version& version : versions) {
      bool all = true;
      for (const Clause& each : clauses) all &= holds(each, version);
      PROMISE(range.allows(version) == all);
    }
  } catch (const latepy::LoadError& error) {
    PROMISE(!is_right);
    const bool is_cut = text.find('\0') != std::string_view::npos;  // what() ends at a NUL
    PROMISE(is_cut || std::strstr(error.what(), "is malformed at"));
  }
  return 0;
}
