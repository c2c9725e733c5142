// latepy/find/detail/files_posix.hpp: what is asked of the file system; its counterpart is files_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/arena.hpp>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What failed last, by the number of the operating system; 0 where it did nothing that failed.
inline int last_error() noexcept { return errno; }
/// The words for last_error().
LATEPY_COLD inline Text read_fault(Arena& arena, int error) {
  return arena.concat("cannot be read: ", error > 0 ? strerror(error) : "it is no file");
}

enum class FileKind { missing, denied, file, folder };

/// What the path leads to, links followed. Where it is `denied`, last_error() tells why.
LATEPY_COLD inline FileKind file_kind(Text path) noexcept {
  struct stat info;
  errno = 0;
  if (path.empty()) return FileKind::missing;
  if (stat(path.c_str(), &info) != 0) return errno == ENOENT || errno == ENOTDIR ? FileKind::missing : FileKind::denied;
  return S_ISDIR(info.st_mode) ? FileKind::folder : S_ISREG(info.st_mode) ? FileKind::file : FileKind::denied;
}
inline bool is_file(Text path) noexcept { return file_kind(path) == FileKind::file; }
inline bool is_folder(Text path) noexcept { return file_kind(path) == FileKind::folder; }

/// The beginning of a file.
struct FileText {
  std::string_view text{};
  unsigned long long size = 0;  ///< of the whole file
  int error = 0;                ///< not 0 where it was not read up to the limit; see read_fault()
};

inline constexpr std::size_t whole_file = ~std::size_t{0};

/// Reads up to `limit` bytes. A whole file of over 16 MiB is an error.
LATEPY_COLD inline FileText read_file(Arena& arena, Text path, std::size_t limit = whole_file) {
  struct File {
    int number;
    ~File() {
      if (number >= 0) close(number);
    }
  } const file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // O_NONBLOCK: the path may lead to a pipe
  FileText result;
  struct stat info;
  if (file.number < 0 || fstat(file.number, &info) != 0 || !S_ISREG(info.st_mode)) {
    result.error = file.number < 0 ? errno : -1;
    return result;
  }
  result.size = static_cast<unsigned long long>(info.st_size);
  if (limit == whole_file && result.size > 16u << 20) {
    result.error = EFBIG;
    return result;
  }
  if (result.size < limit) limit = static_cast<std::size_t>(result.size);
  char* const bytes = static_cast<char*>(arena.allocate(limit));
  std::size_t have = 0;
  while (have < limit) {
    const ssize_t got = read(file.number, bytes + have, limit - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      result.error = got < 0 ? errno : EIO;
      break;
    }
    have += static_cast<std::size_t>(got);
  }
  result.text = std::string_view(bytes, have);
  return result;
}

/// What is in a folder.
class FolderStream {
 public:
  LATEPY_COLD explicit FolderStream(Text path) noexcept : stream_(opendir(path.c_str())) {}
  FolderStream(const FolderStream&) = delete;
  FolderStream& operator=(const FolderStream&) = delete;
  LATEPY_COLD ~FolderStream() {
    if (stream_) closedir(stream_);
  }
  /// Whether the folder could not be opened.
  bool failed() const noexcept { return !stream_; }
  /// The next name, nullptr at the end.
  LATEPY_COLD const char* next() const noexcept {
    const dirent* entry = nullptr;
    while (stream_ && (entry = readdir(stream_)) != nullptr)
      if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) break;
    return entry ? entry->d_name : nullptr;
  }
  /// As lstat().
  int look_at(const char* name, struct stat& info) const noexcept {
    return fstatat(dirfd(stream_), name, &info, AT_SYMLINK_NOFOLLOW);
  }

 private:
  DIR* const stream_;
};

/// The names in a folder, in no order, without the hidden ones.
LATEPY_COLD inline Texts list_folder(Arena& arena, Text path) {
  Texts names(arena);
  const FolderStream folder(path);
  while (const char* name = folder.next())
    if (name[0] != '.') names.add(arena.copy(name));
  return names;
}

/// The absolute path without links; "" where there is nothing.
LATEPY_COLD inline Text real_path(Arena& arena, Text path) {
  char full[PATH_MAX];
  return realpath(path.c_str(), full) ? arena.copy(full) : "";
}

/// real_path() of many files. It resolves each folder once, and remembers it.
class RealPaths {
 public:
  explicit RealPaths(Arena& arena) noexcept : known_(arena) {}

  LATEPY_COLD Text operator()(Arena& arena, Text path) {
    const std::string_view name = file_name(path);
    const Text folder = arena.parent(path);
    if (folder.empty() || name.empty() || name == "." || name == "..") return real_path(arena, path);
    for (std::size_t at = 0; at < known_.size(); at += 2)
      if (known_[at] == path) return known_[at + 1];
    struct stat info;
    if (lstat(path.c_str(), &info) != 0) return {};
    Text real = S_ISLNK(info.st_mode) ? real_path(arena, path) : (*this)(arena, folder);
    if (!S_ISLNK(info.st_mode) && !real.empty()) real = arena.join(real, name.data());
    if (S_ISDIR(info.st_mode)) {
      known_.add(path);
      known_.add(real);
    }
    return real;
  }

 private:
  Texts known_;  // each folder, followed by its real path
};

/// The absolute path. Links, "." and ".." are kept: what ".." means depends on links.
LATEPY_COLD inline Text absolute_path(Arena& arena, Text path) {
  char folder[PATH_MAX];
  if (path.empty() || is_absolute(path) || getcwd(folder, sizeof folder) == nullptr) return path;
  return arena.join(folder, starts_with(path, "./") ? path.c_str() + 2 : path.c_str());
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
