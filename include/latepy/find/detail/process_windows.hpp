// latepy/find/detail/process_windows.hpp: this process, and running a Python to ask it; as process_posix.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/files_windows.hpp>

struct _STARTUPINFOW;
struct _PROCESS_INFORMATION;
extern "C" {
__declspec(dllimport) unsigned long __stdcall GetEnvironmentVariableW(const wchar_t*, wchar_t*, unsigned long);
__declspec(dllimport) void* __stdcall GetCurrentProcess();
__declspec(dllimport) int __stdcall K32EnumProcessModules(void*, HINSTANCE__**, unsigned long, unsigned long*);
__declspec(dllimport) int __stdcall OpenProcessToken(void*, unsigned long, void**);
__declspec(dllimport) int __stdcall CreatePipe(void**, void**, _SECURITY_ATTRIBUTES*, unsigned long);
__declspec(dllimport) int __stdcall SetHandleInformation(void*, unsigned long, unsigned long);
__declspec(dllimport) int __stdcall PeekNamedPipe(void*, void*, unsigned long, unsigned long*, unsigned long*,
                                                  unsigned long*);
__declspec(dllimport) int __stdcall CreateProcessW(const wchar_t*, wchar_t*, _SECURITY_ATTRIBUTES*,
                                                   _SECURITY_ATTRIBUTES*, int, unsigned long, void*, const wchar_t*,
                                                   _STARTUPINFOW*, _PROCESS_INFORMATION*);
__declspec(dllimport) unsigned long __stdcall WaitForSingleObject(void*, unsigned long);
__declspec(dllimport) int __stdcall GetExitCodeProcess(void*, unsigned long*);
__declspec(dllimport) int __stdcall TerminateProcess(void*, unsigned);
}

namespace latepy {
inline namespace v1 {
namespace detail {

/// Windows has no set-uid programs.
inline bool is_secure_process() noexcept { return false; }

LATEPY_COLD inline std::string process_variable(const char* name) {
  const std::wstring wide = to_wide(name);
  std::wstring value(GetEnvironmentVariableW(wide.c_str(), nullptr, 0), L'\0');
  if (value.empty()) return {};
  value.resize(GetEnvironmentVariableW(wide.c_str(), &value[0], static_cast<unsigned long>(value.size())));
  return to_utf8(value);
}

LATEPY_COLD inline std::string module_path(HINSTANCE__* module) {
  std::wstring name(32768, L'\0');
  name.resize(GetModuleFileNameW(module, &name[0], static_cast<unsigned long>(name.size())));
  return to_utf8(name);
}

LATEPY_COLD inline std::string program_path() { return module_path(nullptr); }

LATEPY_COLD inline std::vector<std::string> loaded_libraries() {
  std::vector<HINSTANCE__*> modules(256);
  for (unsigned long needed = 0;;) {
    const auto size = static_cast<unsigned long>(modules.size() * sizeof(HINSTANCE__*));
    if (!K32EnumProcessModules(GetCurrentProcess(), modules.data(), size, &needed)) return {};
    modules.resize(needed / sizeof(HINSTANCE__*) + (needed > size ? 16 : 0));  // others may be loading at this moment
    if (needed <= size) break;
  }
  std::vector<std::string> paths;
  for (HINSTANCE__* module : modules) paths.push_back(module_path(module));
  return paths;
}

LATEPY_COLD inline void* loaded_symbol(const std::string& path, const char* name) {
  HINSTANCE__* const module = GetModuleHandleW(to_wide(path).c_str());
  return module ? reinterpret_cast<void*>(GetProcAddress(module, name)) : nullptr;
}

/// Whether the process has an administrator's rights.
LATEPY_COLD inline bool is_elevated() {
  // The class is an enum of <windows.h>, which cannot be declared a second time: hence the pointer.
  using Get = int(__stdcall*)(void*, int, void*, unsigned long, unsigned long*);
  HINSTANCE__* const library = GetModuleHandleW(L"advapi32.dll");
  const auto get = reinterpret_cast<Get>(
      reinterpret_cast<void*>(library ? GetProcAddress(library, "GetTokenInformation") : nullptr));
  void* token = nullptr;
  unsigned long elevated = 0, size = 0;
  if (!get || !OpenProcessToken(GetCurrentProcess(), 8, &token)) return false;  // TOKEN_QUERY
  const bool known = get(token, 20, &elevated, sizeof elevated, &size) != 0;    // TokenElevation
  CloseHandle(token);
  return known && elevated != 0;
}

/// The file, where it lies in a folder that the user owns while the process has an administrator's rights, or "".
LATEPY_COLD inline std::string writable_by_others(const std::string& path) {
  return is_elevated() && is_below(lower(path), lower(process_variable("USERPROFILE"))) ? path : std::string();
}

/// Runs a program by its absolute path without a shell, with next to no environment, and gives what it printed, ""
/// when it failed, printed over 64 KiB, or did not end within the time.
LATEPY_COLD inline std::string run_and_read(std::initializer_list<const char*> command, unsigned long limit_ms = 5000) {
  struct {  // SECURITY_ATTRIBUTES
    unsigned long size;
    void* descriptor;
    int inherit;
  } inherit{sizeof inherit, nullptr, 1};
  struct {  // STARTUPINFOW
    unsigned long size;
    wchar_t *reserved, *desktop, *title;
    unsigned long numbers[7], flags;
    unsigned short show, spare_size;
    unsigned char* spare;
    void *input, *output, *error;
  } start{};
  struct {  // PROCESS_INFORMATION
    void *process, *thread;
    unsigned long process_id, thread_id;
  } child{};
  void *reader = nullptr, *writer = nullptr;
  if (!CreatePipe(&reader, &writer, reinterpret_cast<_SECURITY_ATTRIBUTES*>(&inherit), 65536)) return {};
  SetHandleInformation(reader, 1, 0);  // HANDLE_FLAG_INHERIT
  start.size = sizeof start;
  start.flags = 0x100;  // STARTF_USESTDHANDLES
  start.output = writer;
  // Our words have no quotes; a path cannot have any.
  std::string line;
  for (const char* word : command) line += concat({line.empty() ? "\"" : " \"", word, "\""});
  std::wstring wide = to_wide(line);
  std::wstring environment = L"SYSTEMROOT=" + to_wide(process_variable("SYSTEMROOT")) + std::wstring(2, L'\0');
  // CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT
  const bool started = CreateProcessW(to_wide(*command.begin()).c_str(), &wide[0], nullptr, nullptr, 1, 0x08000400,
                                      &environment[0], nullptr, reinterpret_cast<_STARTUPINFOW*>(&start),
                                      reinterpret_cast<_PROCESS_INFORMATION*>(&child)) != 0;
  CloseHandle(writer);
  std::string text;
  if (started) {
    unsigned long code = 1, ready = 0, got = 0;
    // The answer fits into the pipe, so that nothing needs to be read before the end.
    if (WaitForSingleObject(child.process, limit_ms) != 0) TerminateProcess(child.process, 1);
    WaitForSingleObject(child.process, 1000);
    GetExitCodeProcess(child.process, &code);
    if (code == 0 && PeekNamedPipe(reader, nullptr, 0, nullptr, &ready, nullptr) && ready > 0 && ready <= 65536) {
      text.resize(ready);
      if (!ReadFile(reader, &text[0], ready, &got, nullptr)) got = 0;
      text.resize(got);
    }
    CloseHandle(child.thread);
    CloseHandle(child.process);
  }
  CloseHandle(reader);
  return text;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
