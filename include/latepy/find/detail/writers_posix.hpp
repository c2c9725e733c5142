// latepy/find/detail/writers_posix.hpp: who else may write to files; its counterpart is in process_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/files_posix.hpp>
#include <latepy/find/detail/parse.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether others than the process's user and root may write to the file, or put another in place of what is in the
/// folder. The sticky bit (/tmp) keeps what is in a folder, but lets others add to it.
LATEPY_COLD inline bool is_open(const struct stat& info, bool is_on_the_way) noexcept {
  if (info.st_uid != 0 && info.st_uid != geteuid()) return true;
  const bool is_kept = S_ISLNK(info.st_mode) || (is_on_the_way && (info.st_mode & S_ISVTX) != 0);
  return !is_kept && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/// The first part of the way to a file that others may write to: a folder, a link, the file itself; "" without one. The
/// way goes through each link, because who may write to the folder of a link may let it lead elsewhere.
LATEPY_COLD inline Text writable_by_others(Arena& arena, Text path) {
  Arena scratch;
  Text done, rest = path;
  for (int links = 0; !rest.empty();) {
    const char* name = rest.c_str();
    while (*name == '/') ++name;
    const std::size_t size = std::strcspn(name, "/");
    const Text part = scratch.copy(std::string_view(name, size));
    rest = name + size;
    if (part == "..") done = scratch.parent(done);
    if (part == ".." || part == "." || part.empty()) continue;
    done = scratch.concat(done, "/", part);
    struct stat info;
    if (lstat(done.c_str(), &info) != 0) return {};
    const bool is_on_the_way = rest.c_str()[std::strspn(rest.c_str(), "/")] != '\0';
    if (is_open(info, is_on_the_way) || links > 40) return arena.copy(done);
    char target[PATH_MAX];
    const ssize_t length = S_ISLNK(info.st_mode) ? readlink(done.c_str(), target, sizeof target) : 0;
    if (length <= 0) continue;
    ++links;
    rest = scratch.concat(scratch.copy(std::string_view(target, static_cast<std::size_t>(length))), rest);
    done = target[0] == '/' ? Text() : scratch.parent(done);
  }
  return {};
}

/// The same of each of the paths and of all that lies in those that are folders. What .pth files there name is looked
/// at too. \param paths gets what is met on the way; paths that lead to nothing are passed over.
LATEPY_COLD inline Text writable_by_others(Arena& arena, Texts& paths) {
  for (std::size_t at = 0; at < paths.size(); ++at) {
    const Text folder = paths[at], open = writable_by_others(arena, folder);
    if (!open.empty()) return open;
    if (const Text real = real_path(arena, folder); real != folder) {
      bool is_known = false;
      for (const Text path : paths) is_known |= path == real;
      if (!is_known) paths.add(real);
      continue;
    }
    const FolderStream stream(folder);
    if (stream.failed() && errno != ENOENT && errno != ENOTDIR) return folder;  // what is in it cannot be told
    while (const char* name = stream.next()) {
      struct stat info;
      if (stream.look_at(name, info) != 0) continue;
      const bool is_bad = is_open(info, false), is_list = ends_with(name, ".pth");
      if (S_ISREG(info.st_mode) && !is_bad && !is_list) continue;
      const Text path = arena.join(folder, name);
      if (is_bad) return path;
      if (!S_ISREG(info.st_mode)) paths.add(path);
      std::string_view text = is_list ? read_file(arena, path).text : std::string_view();
      for (std::string_view line; !(line = next_part(text, "\r\n")).empty();)
        paths.add(is_absolute(line) ? arena.copy(line) : arena.join(folder, arena.copy(line)));
    }
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
