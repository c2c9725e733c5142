// latepy/find/detail/files_windows.hpp: what is asked of the file system; its counterpart is files_posix.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/arena.hpp>
#include <latepy/load/detail/dynlib_windows.hpp>

#include <cstdint>

// Declared by hand with the exact types of <windows.h>, so that it may be included before or after, or not at all.
struct _WIN32_FIND_DATAW;
struct _SECURITY_ATTRIBUTES;
extern "C" {
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t*);
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long, _SECURITY_ATTRIBUTES*,
                                                  unsigned long, unsigned long, void*);
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) unsigned long __stdcall GetFileSize(void*, unsigned long*);
__declspec(dllimport) unsigned long __stdcall GetFinalPathNameByHandleW(void*, wchar_t*, unsigned long, unsigned long);
__declspec(dllimport) unsigned long __stdcall GetFullPathNameW(const wchar_t*, unsigned long, wchar_t*, wchar_t**);
__declspec(dllimport) void* __stdcall FindFirstFileW(const wchar_t*, _WIN32_FIND_DATAW*);
__declspec(dllimport) int __stdcall FindNextFileW(void*, _WIN32_FIND_DATAW*);
__declspec(dllimport) int __stdcall FindClose(void*);
// The type of the last parameter (OVERLAPPED*) has a tag of the same spelling in every SDK.
struct _OVERLAPPED;
__declspec(dllimport) int __stdcall ReadFile(void*, void*, unsigned long, unsigned long*, _OVERLAPPED*);
}

namespace latepy {
inline namespace v1 {
namespace detail {

/// UTF-8 as UTF-16, NUL-terminated.
LATEPY_COLD inline wchar_t* to_utf16(Arena& arena, Text utf8) {
  const int size = MultiByteToWideChar(utf8_code_page, 0, utf8.c_str(), -1, nullptr, 0);
  auto* const wide = static_cast<wchar_t*>(arena.allocate((static_cast<std::size_t>(size) + 1) * sizeof(wchar_t)));
  wide[MultiByteToWideChar(utf8_code_page, 0, utf8.c_str(), -1, wide, size)] = L'\0';
  return wide;
}

/// A path as the file functions of Windows take it: a path of a drive that is longer than MAX_PATH needs the prefix
/// \\?\, behind which only backslashes separate.
LATEPY_COLD inline wchar_t* to_wide_path(Arena& arena, Text path) {
  if (path.size() < 248 || path.c_str()[1] != ':') return to_utf16(arena, path);
  wchar_t* const wide = to_utf16(arena, arena.concat("\\\\?\\", path));
  for (wchar_t* c = wide; *c; ++c)
    if (*c == L'/') *c = L'\\';
  return wide;
}

/// NUL-terminated UTF-16 as UTF-8.
LATEPY_COLD inline Text to_text(Arena& arena, const wchar_t* wide) {
  const int size = WideCharToMultiByte(utf8_code_page, 0, wide, -1, nullptr, 0, nullptr, nullptr);
  auto* const utf8 = static_cast<char*>(arena.allocate(static_cast<std::size_t>(size) + 1));
  utf8[WideCharToMultiByte(utf8_code_page, 0, wide, -1, utf8, size, nullptr, nullptr)] = '\0';
  return utf8;
}

/// The longest path that Windows has, with its NUL.
inline constexpr unsigned long path_limit = 32768;
inline wchar_t* path_buffer(Arena& arena) {
  return static_cast<wchar_t*>(arena.allocate(path_limit * sizeof(wchar_t)));
}
/// What a function wrote into a path_buffer(); it returned `size`.
LATEPY_COLD inline Text path_text(Arena& arena, wchar_t* buffer, unsigned long size) {
  buffer[size < path_limit ? size : 0] = L'\0';
  return to_text(arena, buffer);
}

/// What failed last, by the number of the operating system.
inline int last_error() noexcept { return static_cast<int>(GetLastError()); }
/// The words for last_error().
LATEPY_COLD inline Text read_fault(Arena& arena, int error) {
  if (error == 5) return "cannot be read: permission denied";  // ERROR_ACCESS_DENIED
  return arena.concat("cannot be read: error ", arena.decimal(static_cast<unsigned>(error)), " of Windows");
}

enum class FileKind { missing, denied, file, folder };

/// What the path leads to. Where it is `denied`, last_error() tells why.
LATEPY_COLD inline FileKind file_kind(Text path) {
  if (path.empty()) return FileKind::missing;
  Arena scratch;
  const unsigned long attributes = GetFileAttributesW(to_wide_path(scratch, path));
  if (attributes == 0xffffffffUL) return GetLastError() == 5 ? FileKind::denied : FileKind::missing;
  return attributes & 0x10 ? FileKind::folder : FileKind::file;
}
inline bool is_file(Text path) { return file_kind(path) == FileKind::file; }
inline bool is_folder(Text path) { return file_kind(path) == FileKind::folder; }

/// The beginning of a file.
struct FileText {
  std::string_view text;
  unsigned long long size = 0;  ///< of the whole file
  int error = 0;                ///< not 0 where it was not read up to the limit; see read_fault()
};

inline void* invalid_handle() noexcept { return reinterpret_cast<void*>(static_cast<std::intptr_t>(-1)); }

/// CreateFileW() on an existing file. invalid_handle() where it fails.
LATEPY_COLD inline void* open_file(Arena& arena, Text path, unsigned long access, unsigned long flags) {
  return CreateFileW(to_wide_path(arena, path), access, 7, nullptr, 3, flags, nullptr);  // all sharing, OPEN_EXISTING
}
/// Closes a handle of Windows.
struct HandleCloser {
  void* handle;
  ~HandleCloser() {
    if (handle != invalid_handle()) CloseHandle(handle);
  }
};

inline constexpr std::size_t whole_file = ~std::size_t{0};

/// Reads up to `limit` bytes. A whole file of over 16 MiB is an error.
LATEPY_COLD inline FileText read_file(Arena& arena, Text path, std::size_t limit = whole_file) {
  FileText result;
  const HandleCloser file{open_file(arena, path, 0x80000000UL, 0)};  // GENERIC_READ
  if (file.handle == invalid_handle()) {
    // A Store stub (an app execution alias) cannot be opened. It is an empty file.
    if (last_error() != 1920) result.error = last_error();  // ERROR_CANT_ACCESS_FILE
    return result;
  }
  unsigned long high = 0, got = 0;
  const unsigned long low = GetFileSize(file.handle, &high);
  result.size = static_cast<unsigned long long>(high) << 32 | low;
  if (limit == whole_file && result.size > 16u << 20) {
    result.error = 223;  // ERROR_FILE_TOO_LARGE
    return result;
  }
  if (result.size < limit) limit = static_cast<std::size_t>(result.size);
  char* const bytes = static_cast<char*>(arena.allocate(limit));
  const auto wanted = static_cast<unsigned long>(limit);
  if (ReadFile(file.handle, bytes, wanted, &got, nullptr) == 0 || got != wanted) result.error = 38;  // ERROR_HANDLE_EOF
  result.text = std::string_view(bytes, got);
  return result;
}

/// The names in a folder, in no order, without the hidden ones.
LATEPY_COLD inline Texts list_folder(Arena& arena, Text path) {
  struct {  // WIN32_FIND_DATAW: attributes, three times, two sizes, two reserved; then the name
    std::uint32_t head[11];
    wchar_t name[260];
    wchar_t short_name[14];
    std::uint32_t spare[4];
  } entry;
  Texts names(arena);
  auto* const data = reinterpret_cast<_WIN32_FIND_DATAW*>(&entry);
  struct Find {
    void* handle;
    ~Find() {
      if (handle != invalid_handle()) FindClose(handle);
    }
  } const find{FindFirstFileW(to_wide_path(arena, arena.join(path, "*")), data)};
  if (find.handle == invalid_handle()) return names;
  do
    if (entry.name[0] != L'.') names.add(to_text(arena, entry.name));
  while (FindNextFileW(find.handle, data));
  return names;
}

/// The absolute path without links; "" where there is nothing.
LATEPY_COLD inline Text real_path(Arena& arena, Text path) {
  // No access is asked for, so that it works on files that may not be read; FILE_FLAG_BACKUP_SEMANTICS opens folders.
  Arena scratch;
  const HandleCloser file{open_file(scratch, path, 0, 0x02000000UL)};
  if (file.handle == invalid_handle()) return is_file(path) ? path : Text();
  wchar_t* const wide = path_buffer(scratch);
  const Text real = path_text(arena, wide, GetFinalPathNameByHandleW(file.handle, wide, path_limit, 0));
  if (real.empty()) return path;  // a volume without a drive letter
  if (starts_with(real, "\\\\?\\UNC\\")) return arena.concat("\\", real.c_str() + 7);
  return starts_with(real, "\\\\?\\") ? real.c_str() + 4 : real;
}

/// real_path() of many files.
struct RealPaths {
  explicit RealPaths(Arena&) noexcept {}
  Text operator()(Arena& arena, Text path) const { return real_path(arena, path); }
};

/// The absolute path with backslashes. Links are kept.
LATEPY_COLD inline Text absolute_path(Arena& arena, Text path) {
  if (path.empty()) return path;
  Arena scratch;
  wchar_t* const wide = path_buffer(scratch);
  const Text full = path_text(arena, wide, GetFullPathNameW(to_utf16(scratch, path), path_limit, wide, nullptr));
  return full.empty() ? path : full;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
