// latepy/load/detail/paths.hpp: file names taken apart and put together, without asking the system.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/text.hpp>

#include <cstddef>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr char separator = LATEPY_WINDOWS ? '\\' : '/';

inline bool is_separator(char c) noexcept { return c == '/' || (LATEPY_WINDOWS && c == '\\'); }

inline std::size_t last_separator(std::string_view path) noexcept {
  std::size_t at = path.size();
  while (at > 0 && !is_separator(path[at - 1])) --at;
  return at == 0 ? std::string_view::npos : at - 1;
}

inline std::string_view file_name(std::string_view path) noexcept {
  const std::size_t at = last_separator(path);
  return at == std::string_view::npos ? path : path.substr(at + 1);
}

/// The folder that holds it, "" above the top.
LATEPY_COLD inline std::string parent(std::string_view path) {
  while (path.size() > 1 && is_separator(path.back())) path.remove_suffix(1);
  const std::size_t at = last_separator(path);
  if (at == std::string_view::npos) return {};
  if (at == 0) return path.size() == 1 ? std::string() : std::string(path.substr(0, 1));
  return std::string(path.substr(0, at));
}

LATEPY_COLD inline std::string join(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && !is_separator(path.back())) path += separator;
  while (!path.empty() && !name.empty() && is_separator(name.front())) name.remove_prefix(1);
  return path.append(name);
}

inline bool is_absolute(std::string_view path) noexcept {
  if (!LATEPY_WINDOWS) return !path.empty() && path[0] == '/';
  return path.size() >= 3 &&
         ((path[1] == ':' && is_separator(path[2])) || (is_separator(path[0]) && is_separator(path[1])));
}

inline bool starts_with(std::string_view text, std::string_view with) noexcept {
  return text.substr(0, with.size()) == with;
}
inline bool ends_with(std::string_view text, std::string_view with) noexcept {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

/// Whether the path is the folder or lies below it.
inline bool is_below(std::string_view path, std::string_view folder) noexcept {
  if (folder.empty() || !starts_with(path, folder)) return false;
  return path.size() == folder.size() || is_separator(folder.back()) || is_separator(path[folder.size()]);
}

inline std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || (text.front() >= '\t' && text.front() <= '\r')))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || (text.back() >= '\t' && text.back() <= '\r'))) text.remove_suffix(1);
  return text;
}

LATEPY_COLD inline std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// The parts between any of the delimiters, trimmed, without the empty ones.
LATEPY_COLD inline std::vector<std::string_view> split(std::string_view text, std::string_view delimiters) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(delimiters);
    const std::string_view part = trim(text.substr(0, end));
    if (!part.empty()) parts.push_back(part);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

/// The value of the first `key = value` line, without quotes, "" without one: pyvenv.cfg and os-release.
/// CPython reads pyvenv.cfg so: split at the first '=', both sides trimmed, the key in any case (Modules/getpath.py).
LATEPY_COLD inline std::string config_value(std::string_view text, std::string_view key) {
  if (starts_with(text, "\xEF\xBB\xBF")) text.remove_prefix(3);
  for (const std::string_view line : split(text, "\r\n")) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || lower(trim(line.substr(0, equals))) != key) continue;
    std::string_view value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    return std::string(value);
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
