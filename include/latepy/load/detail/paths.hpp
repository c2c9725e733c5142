// latepy/load/detail/paths.hpp: functions that split and join paths. They do not access the file system.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/text.hpp>

#include <cstddef>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The character that join() puts between a folder and a name.
inline constexpr char separator = LATEPY_WINDOWS ? '\\' : '/';

/// Whether the character separates the parts of a path: `/`, and on Windows also `\`.
inline bool is_separator(char c) noexcept { return c == '/' || (LATEPY_WINDOWS && c == '\\'); }

/// The index of the last separator, or npos if there is none.
inline std::size_t last_separator(std::string_view path) noexcept {
  std::size_t at = path.size();
  while (at > 0 && !is_separator(path[at - 1])) --at;
  return at == 0 ? std::string_view::npos : at - 1;
}

/// The part behind the last separator; the whole path if there is none.
inline std::string_view file_name(std::string_view path) noexcept {
  const std::size_t at = last_separator(path);
  return at == std::string_view::npos ? path : path.substr(at + 1);
}

/// The folder that contains the file or folder. Returns a view of a part of the path; "" if there is no folder above.
LATEPY_COLD inline std::string_view parent(std::string_view path) noexcept {
  while (path.size() > 1 && is_separator(path.back())) path.remove_suffix(1);
  const std::size_t at = last_separator(path);
  if (at == std::string_view::npos) return {};
  if (at == 0) return path.substr(0, path.size() == 1 ? 0 : 1);
  return path.substr(0, at);
}

/// Joins the folder and the name with one separator.
LATEPY_COLD inline std::string join(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && !is_separator(path.back())) path += separator;
  while (!path.empty() && !name.empty() && is_separator(name.front())) name.remove_prefix(1);
  return path.append(name);
}

/// Whether the path is absolute: it begins with `/`; on Windows with a drive and a separator, or with two separators.
inline bool is_absolute(std::string_view path) noexcept {
  if (!LATEPY_WINDOWS) return !path.empty() && path[0] == '/';
  return path.size() >= 3 &&
         ((path[1] == ':' && is_separator(path[2])) || (is_separator(path[0]) && is_separator(path[1])));
}

/// Whether `text` begins with `with`.
inline bool starts_with(std::string_view text, std::string_view with) noexcept {
  return text.substr(0, with.size()) == with;
}
/// Whether `text` ends with `with`.
inline bool ends_with(std::string_view text, std::string_view with) noexcept {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

/// Whether the path is the folder itself, or a path below it.
inline bool is_below(std::string_view path, std::string_view folder) noexcept {
  if (folder.empty() || !starts_with(path, folder)) return false;
  return path.size() == folder.size() || is_separator(folder.back()) || is_separator(path[folder.size()]);
}

/// The text without the white space around it.
LATEPY_COLD inline std::string_view trim(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
