// latepy/find/detail/files_posix.hpp: what is asked of the file system; its counterpart is files_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/paths.hpp>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace latepy {
inline namespace v1 {
namespace detail {

enum class FileKind { missing, denied, file, folder };

/// What the path leads to, links followed.
LATEPY_COLD inline FileKind file_kind(const std::string& path) noexcept {
  struct stat info;
  if (path.empty()) return FileKind::missing;
  if (stat(path.c_str(), &info) != 0) return errno == EACCES || errno == EPERM ? FileKind::denied : FileKind::missing;
  return S_ISDIR(info.st_mode) ? FileKind::folder : S_ISREG(info.st_mode) ? FileKind::file : FileKind::missing;
}
inline bool is_file(const std::string& path) noexcept { return file_kind(path) == FileKind::file; }
inline bool is_folder(const std::string& path) noexcept { return file_kind(path) == FileKind::folder; }

/// Up to `limit` first bytes, and how large the file is.
struct FileText {
  std::string text;
  unsigned long long size = 0;
  bool readable = false;
};

LATEPY_COLD inline FileText read_file(const std::string& path, std::size_t limit = 65536) {
  FileText result;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe of that name must not stop us
  if (file < 0) return result;
  struct stat info;
  if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
    result.size = static_cast<unsigned long long>(info.st_size);
    result.text.resize(result.size < limit ? static_cast<std::size_t>(result.size) : limit);
    std::size_t have = 0;
    while (have < result.text.size()) {
      const ssize_t got = read(file, &result.text[have], result.text.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    result.readable = have == result.text.size();
    result.text.resize(have);
  }
  close(file);
  return result;
}

/// The names in a folder, in no order.
LATEPY_COLD inline std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  if (DIR* folder = opendir(path.c_str())) {
    while (const dirent* entry = readdir(folder))
      if (entry->d_name[0] != '.') names.push_back(entry->d_name);
    closedir(folder);
  }
  return names;
}

/// Absolute, without links; "" where there is nothing.
LATEPY_COLD inline std::string real_path(const std::string& path) {
  char* const full = realpath(path.c_str(), nullptr);
  if (full == nullptr) return {};
  std::string result(full);
  free(full);
  return result;
}

/// real_path() of many files whose folders are the same, which are looked at once.
class RealPaths {
 public:
  LATEPY_COLD std::string operator()(const std::string& path) {
    const std::string_view name = file_name(path);
    const std::string folder = parent(path);
    if (folder.empty() || name.empty() || name == "." || name == "..") return real_path(path);
    for (std::size_t at = 0; at < known_.size(); at += 2)
      if (known_[at] == path) return known_[at + 1];
    struct stat info;
    if (lstat(path.c_str(), &info) != 0) return {};
    std::string real = S_ISLNK(info.st_mode) ? real_path(path) : (*this)(folder);
    if (!S_ISLNK(info.st_mode) && !real.empty()) real = join(real, name);
    if (!S_ISDIR(info.st_mode)) return real;
    append(known_, path);
    append(known_, real);
    return real;
  }

 private:
  std::vector<std::string> known_;  // each folder, and behind it what it is
};

/// Absolute, links kept. "." and ".." are kept too: what they mean depends on links.
LATEPY_COLD inline std::string absolute_path(const std::string& path) {
  if (path.empty() || is_absolute(path)) return path;
  std::string folder(PATH_MAX, '\0');
  if (getcwd(&folder[0], folder.size()) == nullptr) return path;
  folder.resize(folder.find('\0'));
  return join(folder, starts_with(path, "./") ? std::string_view(path).substr(2) : std::string_view(path));
}

/// The file, or the first of the folders above it, that others than the process's user and root may write to, or ""; a
/// folder with the sticky bit (/tmp) is safe for what lies in it.
LATEPY_COLD inline std::string writable_by_others(std::string path) {
  bool is_leaf = true;
  for (path = real_path(path); !path.empty(); path = parent(path), is_leaf = false) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return path;
    const bool sticky = !is_leaf && (info.st_mode & S_ISVTX) != 0;
    if (((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) || (info.st_uid != 0 && info.st_uid != geteuid()))
      return path;
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
