// latepy/load/python_version.hpp: Version, the version of a CPython.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/text.hpp>

namespace latepy {
inline namespace v1 {

/// A CPython version. `micro` is -1 where only major and minor are known, all are 0 where nothing is.
struct Version {
  int major = 0;
  int minor = 0;
  int micro = -1;

  /// The first two or three numbers of texts such as "3.12", "3.12.3", "3.12.3.final.0", "3.13.0rc1+ (heads...)".
  static Version parse(std::string_view text) noexcept;
  bool known() const noexcept { return major != 0; }
  std::string to_string() const;
  friend bool operator==(const Version& a, const Version& b) noexcept {
    return a.major == b.major && a.minor == b.minor && a.micro == b.micro;
  }
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
