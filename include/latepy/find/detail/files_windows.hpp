// latepy/find/detail/files_windows.hpp: what is asked of the file system; its counterpart is files_posix.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/dynlib_windows.hpp>
#include <latepy/load/detail/paths.hpp>

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

enum class FileKind { missing, denied, file, folder };

inline void* invalid_handle() noexcept { return reinterpret_cast<void*>(static_cast<std::intptr_t>(-1)); }

/// What the path leads to.
LATEPY_COLD inline FileKind file_kind(const std::string& path) {
  if (path.empty()) return FileKind::missing;
  const unsigned long attributes = GetFileAttributesW(to_wide(path).c_str());
  if (attributes == 0xffffffffUL)
    return GetLastError() == 5 ? FileKind::denied : FileKind::missing;  // ERROR_ACCESS_DENIED
  return attributes & 0x10 ? FileKind::folder : FileKind::file;
}
inline bool is_file(const std::string& path) { return file_kind(path) == FileKind::file; }
inline bool is_folder(const std::string& path) { return file_kind(path) == FileKind::folder; }

/// Up to `limit` first bytes, and how large the file is.
struct FileText {
  std::string text;
  unsigned long long size = 0;
  bool readable = false;
};

LATEPY_COLD inline FileText read_file(const std::string& path, std::size_t limit = 65536) {
  FileText result;
  // GENERIC_READ, all sharing, OPEN_EXISTING
  void* const file = CreateFileW(to_wide(path).c_str(), 0x80000000UL, 7, nullptr, 3, 0, nullptr);
  if (file == invalid_handle()) {
    // A Store stub (an app execution alias) cannot be opened, and is an empty file.
    result.readable = GetLastError() == 1920;  // ERROR_CANT_ACCESS_FILE
    return result;
  }
  unsigned long high = 0, got = 0;
  const unsigned long low = GetFileSize(file, &high);
  result.size = static_cast<unsigned long long>(high) << 32 | low;
  result.text.resize(result.size < limit ? static_cast<std::size_t>(result.size) : limit);
  const auto wanted = static_cast<unsigned long>(result.text.size());
  result.readable = ReadFile(file, &result.text[0], wanted, &got, nullptr) != 0 && got == wanted;
  result.text.resize(got);
  CloseHandle(file);
  return result;
}

/// The names in a folder, in no order.
LATEPY_COLD inline std::vector<std::string> list_folder(const std::string& path) {
  struct {  // WIN32_FIND_DATAW: attributes, three times, two sizes, two reserved; then the name
    std::uint32_t head[11];
    wchar_t name[260];
    wchar_t short_name[14];
    std::uint32_t spare[4];
  } entry;
  std::vector<std::string> names;
  auto* const data = reinterpret_cast<_WIN32_FIND_DATAW*>(&entry);
  void* const find = FindFirstFileW(to_wide(join(path, "*")).c_str(), data);
  if (find == invalid_handle()) return names;
  do {
    if (entry.name[0] != L'.') names.push_back(to_utf8(entry.name));
  } while (FindNextFileW(find, data));
  FindClose(find);
  return names;
}

/// Absolute, without links; "" where there is nothing.
LATEPY_COLD inline std::string real_path(const std::string& path) {
  // No access is asked for, so that it works on files that may not be read; FILE_FLAG_BACKUP_SEMANTICS opens folders.
  void* const file = CreateFileW(to_wide(path).c_str(), 0, 7, nullptr, 3, 0x02000000UL, nullptr);
  if (file == invalid_handle()) return is_file(path) ? path : std::string();
  std::wstring wide(32768, L'\0');
  wide.resize(GetFinalPathNameByHandleW(file, &wide[0], static_cast<unsigned long>(wide.size()), 0));
  CloseHandle(file);
  std::string result = to_utf8(wide);
  if (starts_with(result, "\\\\?\\UNC\\")) return "\\" + result.substr(7);
  return starts_with(result, "\\\\?\\") ? result.substr(4) : result;
}
/// real_path() of many files.
struct RealPaths {
  std::string operator()(const std::string& path) const { return real_path(path); }
};

/// Absolute, links kept, with backslashes.
LATEPY_COLD inline std::string absolute_path(const std::string& path) {
  if (path.empty()) return path;
  std::wstring wide(32768, L'\0');
  wide.resize(GetFullPathNameW(to_wide(path).c_str(), static_cast<unsigned long>(wide.size()), &wide[0], nullptr));
  return wide.empty() ? path : to_utf8(wide);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
