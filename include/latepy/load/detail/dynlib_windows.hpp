// latepy/load/detail/dynlib_windows.hpp: NativeLib, a DLL opened with LoadLibraryExW. See also dynlib_posix.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <cstddef>
#include <string>

// Functions of the Windows API, declared with the exact types of <windows.h>. A program may include <windows.h> before
// or after latepy, or not at all.
struct HINSTANCE__;
namespace latepy {
inline namespace v1 {
namespace detail {
#ifdef _WIN64
using WindowsSize = unsigned long long;           // SIZE_T
using WindowsFunction = long long(__stdcall*)();  // FARPROC
#else
using WindowsSize = unsigned long;
using WindowsFunction = int(__stdcall*)();
#endif
}  // namespace detail
}  // namespace v1
}  // namespace latepy
extern "C" {
__declspec(dllimport) HINSTANCE__* __stdcall LoadLibraryExW(const wchar_t*, void*, unsigned long);
__declspec(dllimport) int __stdcall FreeLibrary(HINSTANCE__*);
__declspec(dllimport) latepy::detail::WindowsFunction __stdcall GetProcAddress(HINSTANCE__*, const char*);
__declspec(dllimport) HINSTANCE__* __stdcall GetModuleHandleW(const wchar_t*);
__declspec(dllimport) int __stdcall GetModuleHandleExW(unsigned long, const wchar_t*, HINSTANCE__**);
__declspec(dllimport) unsigned long __stdcall GetModuleFileNameW(HINSTANCE__*, wchar_t*, unsigned long);
__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) unsigned long __stdcall FormatMessageW(unsigned long, const void*, unsigned long, unsigned long,
                                                             wchar_t*, unsigned long, char**);
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned, unsigned long, const char*, int, wchar_t*, int);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned, unsigned long, const wchar_t*, int, char*, int,
                                                        const char*, int*);
__declspec(dllimport) void __stdcall Sleep(unsigned long);
__declspec(dllimport) void* __stdcall GetProcessHeap();
__declspec(dllimport) void* __stdcall HeapAlloc(void*, unsigned long, latepy::detail::WindowsSize);
__declspec(dllimport) int __stdcall HeapFree(void*, unsigned long, void*);
}

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr unsigned utf8_code_page = 65001;  // CP_UTF8

LATEPY_COLD inline std::wstring to_wide(const std::string& utf8) {
  const int size = static_cast<int>(utf8.size());
  std::wstring wide(static_cast<std::size_t>(MultiByteToWideChar(utf8_code_page, 0, utf8.data(), size, nullptr, 0)),
                    L'\0');
  MultiByteToWideChar(utf8_code_page, 0, utf8.data(), size, wide.data(), static_cast<int>(wide.size()));
  return wide;
}

LATEPY_COLD inline std::string to_utf8(const std::wstring& wide) {
  const int size = static_cast<int>(wide.size());
  std::string utf8(
      static_cast<std::size_t>(WideCharToMultiByte(utf8_code_page, 0, wide.data(), size, nullptr, 0, nullptr, nullptr)),
      '\0');
  WideCharToMultiByte(utf8_code_page, 0, wide.data(), size, utf8.data(), static_cast<int>(utf8.size()), nullptr,
                      nullptr);
  return utf8;
}

/// The handle of an open DLL. Trivially copyable; it does not free the DLL by itself. DynLib owns it.
class NativeLib {
 public:
  NativeLib() = default;
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// Opens a DLL. If it fails, gives an empty NativeLib and fills `error`.
  LATEPY_COLD static NativeLib open(const std::string& path, std::string& error) {
    std::wstring wide = to_wide(path);
    for (wchar_t& c : wide)
      if (c == L'/') c = L'\\';                                             // LOAD_LIBRARY_SEARCH_* needs backslashes
    if (wide.size() >= 248 && wide[1] == L':') wide.insert(0, L"\\\\?\\");  // longer than MAX_PATH
    // LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS: the DLL's own folder is searched, where
    // vcruntime140.dll is; neither PATH nor the working directory is searched.
    NativeLib lib;
    lib.handle_ = LoadLibraryExW(wide.c_str(), nullptr, 0x00000100ul | 0x00001000ul);
    if (!lib.handle_) error = last_error();
    return lib;
  }

  /// The loaded DLL or program that contains the address; fills `path`. If there is none, gives an empty NativeLib and
  /// fills `error`.
  LATEPY_COLD static NativeLib containing(const void* address, std::string& path, std::string& error) {
    NativeLib lib;
    // GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS
    if (!GetModuleHandleExW(4, static_cast<const wchar_t*>(address), &lib.handle_)) {
      error = last_error();
      return lib;
    }
    std::wstring name(32768, L'\0');
    name.resize(GetModuleFileNameW(lib.handle_, name.data(), static_cast<unsigned long>(name.size())));
    path = to_utf8(name);
    return lib;
  }

  /// The program's file. close() leaves it open.
  static NativeLib program() noexcept {
    NativeLib lib;
    lib.handle_ = GetModuleHandleW(nullptr);
    lib.owned_ = false;
    return lib;
  }

  /// The address of a symbol, or null.
  void* find(const char* name) const noexcept {
    return handle_ ? reinterpret_cast<void*>(GetProcAddress(handle_, name)) : nullptr;
  }
  /// Makes close() leave the DLL loaded.
  void keep() noexcept { owned_ = false; }
  /// Frees the DLL unless keep() was called. Leaves this empty.
  void close() noexcept {
    if (handle_ && owned_) FreeLibrary(handle_);
    handle_ = nullptr;
  }

 private:
  /// The system's message for GetLastError(), with its number.
  LATEPY_COLD static std::string last_error() {
    const unsigned long code = GetLastError();
    std::wstring text(512, L'\0');
    // FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS
    text.resize(FormatMessageW(0x1000 | 0x200, nullptr, code, 0, text.data(), static_cast<unsigned long>(text.size()),
                               nullptr));
    while (!text.empty() && text.back() <= L' ') text.pop_back();
    return to_utf8(text) + " (Windows error " + std::to_string(code) + ")";
  }

  HINSTANCE__* handle_ = nullptr;
  bool owned_ = true;
};

/// Keeps the DLL that contains the address loaded until the process ends. Does nothing if no DLL contains it.
LATEPY_COLD inline void process_pin(const void* address) noexcept {
  HINSTANCE__* handle = nullptr;
  // GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN
  GetModuleHandleExW(4 | 1, static_cast<const wchar_t*>(address), &handle);
}
/// Zeroed memory that any DLL of the process may free with process_free(); null if there is none. It is taken from the
/// heap of the process, because DLLs may have heaps of their own.
inline void* process_alloc(std::size_t size) noexcept {
  return HeapAlloc(GetProcessHeap(), 8, size);  // HEAP_ZERO_MEMORY
}
/// Frees memory of process_alloc(). Null is allowed.
inline void process_free(void* memory) noexcept {
  if (memory) HeapFree(GetProcessHeap(), 0, memory);
}
/// Blocks this thread forever.
[[noreturn]] inline void process_park() noexcept {
  for (;;) Sleep(0xFFFFFFFFul);
}
/// Waits for a millisecond.
inline void process_nap() noexcept { Sleep(1); }

}  // namespace detail
}  // namespace v1
}  // namespace latepy
