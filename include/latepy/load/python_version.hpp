// latepy/load/python_version.hpp: Version, the version of a CPython.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/text.hpp>

namespace latepy {
inline namespace v1 {

/// The version of a CPython. Needs no Python, no GIL.
struct Version {
  int major = 0;   ///< 3 of "3.12.4"; 0 if the version is not known
  int minor = 0;   ///< 12 of "3.12.4"
  int micro = -1;  ///< 4 of "3.12.4"; -1 if it is not known

  /// Reads the first two or three numbers of a text, such as "3.12", "3.12.3", "3.12.3.final.0" or
  /// "3.13.0rc1+ (heads...)". Gives a version that is not known() for a text that begins otherwise.
  static Version parse(std::string_view text) noexcept;
  /// Whether the major version is known.
  bool known() const noexcept { return major != 0; }
  /// "3.12.4"; "3.12" without the micro version; "?" if the version is not known.
  std::string to_string() const;
  /// Whether all three numbers are equal.
  friend bool operator==(const Version& a, const Version& b) noexcept {
    return a.major == b.major && a.minor == b.minor && a.micro == b.micro;
  }
  /// Whether one of the three numbers differs.
  friend bool operator!=(const Version& a, const Version& b) noexcept { return !(a == b); }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Version Version::parse(std::string_view text) noexcept {
  Version version;
  int* const parts[] = {&version.major, &version.minor, &version.micro};
  std::size_t at = 0;
  for (int* part : parts) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9') break;
    *part = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && *part < 100000)
      *part = *part * 10 + (text[at++] - '0');
    if (at < text.size() && text[at] == '.')
      ++at;
    else
      break;
  }
  return version;
}

LATEPY_FUNC LATEPY_COLD std::string Version::to_string() const {
  if (!known()) return "?";
  std::string text = detail::concat({detail::decimal(major), ".", detail::decimal(minor)});
  if (micro >= 0) text.append(1, '.').append(detail::decimal(micro));
  return text;
}

#endif
}  // namespace v1
}  // namespace latepy
