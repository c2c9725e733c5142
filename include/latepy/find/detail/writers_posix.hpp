// latepy/find/detail/writers_posix.hpp: who else may write to files; its counterpart is in process_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/parse.hpp>
#include <latepy/find/detail/process_posix.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether others than the process's user and root may write to the file, or put another in place of what is in the
/// folder. The sticky bit (/tmp) keeps what is in a folder, but lets others add to it. The user of a program that has
/// more rights than its user (set-gid) is one of the others.
LATEPY_COLD inline bool is_open(const struct stat& info, bool is_on_the_way) noexcept {
  const bool is_own = info.st_uid == geteuid() && (getuid() != geteuid() || !is_secure_process());
  if (info.st_uid != 0 && !is_own) return true;
  const bool is_kept = S_ISLNK(info.st_mode) || (is_on_the_way && (info.st_mode & S_ISVTX) != 0);
  return !is_kept && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/// The first part of the way to a file that others may write to: a folder, a link, the file itself; "" without one. The
/// way goes through each link, because who may write to the folder of a link may let it lead elsewhere. It ends where
/// there is nothing, at a folder that others may not add to.
LATEPY_COLD inline Text writable_by_others(Arena& arena, Text path) {
  Arena scratch;
  Text done, rest = path;
  struct stat info;
  for (int links = 0; !rest.empty();) {
    const char* name = rest.c_str();
    while (*name == '/') ++name;
    const std::size_t size = std::strcspn(name, "/");
    const Text part = scratch.copy(std::string_view(name, size));
    rest = name + size;
    if (part == "..") done = scratch.parent(done);
    if (part == ".." || part == "." || part.empty()) continue;
    done = scratch.concat(done, "/", part);
    if (lstat(done.c_str(), &info) != 0) {
      done = scratch.parent(done);
      break;
    }
    if (is_open(info, true) || links > 40) return arena.copy(done);
    char target[PATH_MAX];
    const ssize_t length = S_ISLNK(info.st_mode) ? readlink(done.c_str(), target, sizeof target) : 0;
    if (length <= 0) continue;
    ++links;
    rest = scratch.concat(scratch.copy(std::string_view(target, static_cast<std::size_t>(length))), rest);
    done = target[0] == '/' ? Text() : scratch.parent(done);
  }
  if (done.empty()) done = "/";
  return stat(done.c_str(), &info) == 0 && is_open(info, false) ? arena.copy(done) : Text();
}

/// The same of each of the paths and of all that lies in those that are folders. What the .pth files of a folder of
/// packages name is looked at too. \param paths gets what is met on the way.
LATEPY_COLD inline Text writable_by_others(Arena& arena, Texts& paths) {
  Texts done(arena);
  unsigned char seen[8192] = {};  // a bit for a hash of each path that is done: most paths are compared with none
  for (std::size_t at = 0; at < paths.size(); ++at) {
    const Text path = paths[at], open = writable_by_others(arena, path), folder = real_path(arena, path);
    if (!open.empty()) return open;
    const bool has_lists = ends_with(path, "-packages");  // of site, which reads no .pth files elsewhere
    const Text key = has_lists ? arena.join(folder, "*.pth") : folder;
    unsigned hash = 0;
    for (const char* c = key.c_str(); *c; ++c) hash = hash * 31 + static_cast<unsigned char>(*c);
    unsigned char& bits = seen[hash / 8 % sizeof seen];
    bool is_done = folder.empty();
    if ((bits >> hash % 8 & 1) != 0)
      for (const Text each : done) is_done |= each == key;
    if (is_done) continue;
    bits = static_cast<unsigned char>(bits | 1u << hash % 8);
    done.add(key);
    const FolderStream stream(folder);
    if (stream.failed() && errno != ENOENT && errno != ENOTDIR) return folder;  // what is in it cannot be told
    while (const char* name = stream.next()) {
      struct stat info;
      if (stream.look_at(name, info) != 0) continue;
      const bool is_bad = is_open(info, false), is_list = has_lists && ends_with(name, ".pth");
      if (S_ISREG(info.st_mode) && !is_bad && !is_list) continue;
      const Text inside = arena.join(folder, name);
      if (is_bad) return inside;
      if (!S_ISREG(info.st_mode)) paths.add(inside);
      FileText list;
      if (is_list) list = read_file(arena, inside);
      if (list.error != 0 && list.size != 0) return inside;
      for (std::string_view line; !(line = next_part(list.text, "\r\n")).empty();)
        paths.add(is_absolute(line) ? arena.copy(line) : arena.join(folder, arena.copy(line)));
    }
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
