// latepy/load/detail/text.hpp: texts made of parts, out of line: paths, reasons, what errors say.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/config_macros.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace latepy {
inline namespace v1 {
namespace detail {

using TextParts = std::initializer_list<std::string_view>;

/// The parts, one after the other.
LATEPY_COLD inline std::string concat(TextParts parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view part : parts) text.append(part);
  return text;
}

LATEPY_COLD inline std::string decimal(long long number) { return std::to_string(number); }

/// Throws an E that says the parts.
template <class E>
[[noreturn]] LATEPY_COLD void throw_error(TextParts what) {
  throw E(concat(what));
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
