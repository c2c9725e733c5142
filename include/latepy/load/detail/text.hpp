// latepy/load/detail/text.hpp: texts that are put together out of line: what errors say, lists, numbers.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {

using TextParts = std::initializer_list<std::string_view>;

/// The parts, one after the other.
std::string concat(TextParts parts);
/// Adds a copy of the text to the list.
void append(std::vector<std::string>& texts, std::string_view text);
std::string digits_of(long long number);
/// The number in decimal digits.
template <class Integer>
std::string decimal(Integer number) {
  return digits_of(static_cast<long long>(number));
}

/// Throws an E whose text is the parts, one after the other.
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

LATEPY_FUNC LATEPY_COLD  /// Adds a copy of the text to the list.
    void
    append(std::vector<std::string>& texts, std::string_view text) {
  texts.push_back(std::string(text));
}

LATEPY_FUNC LATEPY_COLD std::string digits_of(long long number) { return std::to_string(number); }

#endif

}  // namespace detail
}  // namespace v1
}  // namespace latepy
