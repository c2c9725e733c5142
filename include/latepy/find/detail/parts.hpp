// latepy/find/detail/parts.hpp: texts taken apart: lists with delimiters, and the files that hold `key = value` lines.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/arena.hpp>

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
