// latepy/load/detail/text.hpp: functions that build texts, such as the messages of errors, out of line.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The parts of a text.
using TextParts = std::initializer_list<std::string_view>;

/// Joins the parts, without anything between them.
std::string concat(TextParts parts);
/// Adds a copy of the text at the end of the list.
void append(std::vector<std::string>& texts, std::string_view text);
/// The parts with ", " between them.
std::string join(const std::vector<std::string>& parts);
/// The number in decimal digits.
std::string digits_of(long long number);
/// The number in decimal digits.
template <class Integer>
std::string decimal(Integer number) {
  return digits_of(static_cast<long long>(number));
}

/// The value of an environment variable; null if it is unset. On Windows it has the encoding of the system.
inline const char* environment_value(const char* name) noexcept {
#ifdef _MSC_VER
#pragma warning(suppress : 4996)  // /sdl makes an error of getenv; the function that it recommends allocates
#endif
  return std::getenv(name);
}

/// Throws an E whose text is the joined parts.
template <class E>
[[noreturn]] LATEPY_COLD void throw_error(TextParts what) {
  throw E(concat(what));
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD std::string concat(TextParts parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view part : parts) text.append(part);
  return text;
}

LATEPY_FUNC LATEPY_COLD void append(std::vector<std::string>& texts, std::string_view text) {
  texts.push_back(std::string(text));
}

LATEPY_FUNC LATEPY_COLD std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : ", ").append(part);
  return text;
}

LATEPY_FUNC LATEPY_COLD std::string digits_of(long long number) {
  char digits[24];
  std::size_t first = sizeof digits;
  auto rest = static_cast<unsigned long long>(number);
  if (number < 0) rest = 0 - rest;
  do digits[--first] = static_cast<char>('0' + rest % 10);
  while (rest /= 10);
  if (number < 0) digits[--first] = '-';
  return std::string(digits + first, sizeof digits - first);
}

#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
