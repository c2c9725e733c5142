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

/// Takes the next part off a name such as "cpython-3.12.1": its number, -1 where it is none or at the end.
LATEPY_COLD inline int next_number(const char*& rest) noexcept {
  const auto is_between = [](char c) { return c == '.' || c == '-' || c == '+'; };
  while (is_between(*rest)) ++rest;
  const char* const part = rest;
  while (*rest && !is_between(*rest)) ++rest;
  return *part >= '0' && *part <= '9' ? Version::parse(part).major : -1;
}

/// An order of names, for Texts::sort(): the one with the larger numbers first, 3.12.11 before 3.12.1. Where the
/// numbers are the same, the shorter one: 3.13.0 before 3.13.0t and 3.13.0-dev.
LATEPY_COLD inline int newest_first(const void* a, const void* b) noexcept {
  const Text one = *static_cast<const Text*>(a), two = *static_cast<const Text*>(b);
  const char *mine = one.c_str(), *others = two.c_str();
  while (*mine || *others) {
    const int number = next_number(mine), other = next_number(others);
    if (number != other) return number > other ? -1 : 1;
  }
  return one.size() != two.size() ? (one.size() < two.size() ? -1 : 1) : two.compare(one);
}

/// Whether the text is `lower_case`, in whatever case it is written. Only ASCII letters have a case here.
LATEPY_COLD inline bool equals_ignoring_case(std::string_view text, Text lower_case) noexcept {
  const char* other = lower_case.c_str();
  for (const char c : text)
    if (lower(c) != *other++ || c == '\0') return false;
  return *other == '\0';
}

/// Whether the text is UTF-8, as CPython decodes it: without surrogates and without longer forms than needed.
LATEPY_COLD inline bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : '\0'); };
    const unsigned first = byte(at);
    const std::size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    unsigned code = more == 0 ? first : first & (0x3Fu >> more);
    for (std::size_t i = 1; i <= more; ++i) {
      if ((byte(at + i) & 0xC0) != 0x80) return false;
      code = code << 6 | (byte(at + i) & 0x3Fu);
    }
    static constexpr unsigned smallest[] = {0, 0x80, 0x800, 0x10000};
    if ((first & 0xC0) == 0x80 || first > 0xF4 || code < smallest[more] || code > 0x10FFFF || code >> 11 == 0x1B)
      return false;
    at += more + 1;
  }
  return true;
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
