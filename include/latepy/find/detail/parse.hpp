// latepy/find/detail/parse.hpp: texts taken apart: lists with delimiters, versions in names, `key = value` lines.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/arena.hpp>
#include <latepy/load/python_version.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Takes the next part off a text whose parts are separated by any of the delimiters. The part is trimmed and not
/// empty;
/// "" means that there are no more.
LATEPY_COLD inline std::string_view next_part(std::string_view& rest, std::string_view delimiters) noexcept {
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of(delimiters);
    const std::string_view part = trim(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!part.empty()) return part;
  }
  return {};
}

/// Takes the next part off a name such as "cpython-3.12.1": its number, -1 where it is none, -2 at the end.
LATEPY_COLD inline int next_number(const char*& rest) noexcept {
  const auto is_between = [](char c) { return c == '.' || c == '-' || c == '+'; };
  while (is_between(*rest)) ++rest;
  const char* const part = rest;
  while (*rest && !is_between(*rest)) ++rest;
  if (part == rest) return -2;
  return *part >= '0' && *part <= '9' ? Version::parse(part).major : -1;
}

/// An order of names: the one with the larger numbers first, 3.12.11 before 3.12.1.
LATEPY_COLD inline bool newer_first(Text a, Text b) noexcept {
  const char *mine = a.c_str(), *others = b.c_str();
  for (int number = 0; number != -2;) {
    number = next_number(mine);
    if (const int other = next_number(others); number != other) return number > other;
  }
  return a.compare(b) > 0;
}

/// Whether the text is `lower_case`, in whatever case it is written. Only ASCII letters have a case here.
LATEPY_COLD inline bool equals_ignoring_case(std::string_view text, Text lower_case) noexcept {
  const char* other = lower_case.c_str();
  for (const char c : text)
    if (lower(c) != *other++ || c == '\0') return false;
  return *other == '\0';
}

/// The value of the first `key = value` line without quotes, "" without one. Read so are pyvenv.cfg and os-release.
/// As CPython does (Modules/getpath.py), it splits at the first '=', trims both sides, and ignores the key's case.
LATEPY_COLD inline Text config_value(Arena& arena, std::string_view text, Text key) {
  if (starts_with(text, "\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::string_view line; !(line = next_part(text, "\r\n")).empty();) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(trim(line.substr(0, equals)), key)) continue;
    std::string_view value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    return arena.copy(value);
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
