// latepy/find/detail/process_windows.hpp: this process, and running a Python to ask it; as process_posix.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/files_windows.hpp>

#ifdef _MSC_VER
#pragma comment(lib, "advapi32")  // OpenProcessToken here, the registry in registry_windows.hpp
#endif

struct _STARTUPINFOW;
struct _PROCESS_INFORMATION;
union _LARGE_INTEGER;
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
__declspec(dllimport) int __stdcall QueryPerformanceCounter(_LARGE_INTEGER*);
__declspec(dllimport) int __stdcall QueryPerformanceFrequency(_LARGE_INTEGER*);
}

namespace latepy {
inline namespace v1 {
namespace detail {

/// Windows has no set-uid programs.
inline bool is_secure_process() noexcept { return false; }

/// Microseconds that have passed since some moment.
inline long long now_us() noexcept {
  long long ticks = 0, in_a_second = 1;
  QueryPerformanceCounter(reinterpret_cast<_LARGE_INTEGER*>(&ticks));
  QueryPerformanceFrequency(reinterpret_cast<_LARGE_INTEGER*>(&in_a_second));
  return ticks / in_a_second * 1000000 + ticks % in_a_second * 1000000 / in_a_second;
}

/// The value of an environment variable, "" where it is unset.
LATEPY_COLD inline Text process_variable(Arena& arena, Text name) {
  Arena scratch;
  const wchar_t* const wide = to_utf16(scratch, name);
  const unsigned long size = GetEnvironmentVariableW(wide, nullptr, 0);
  auto* const value = static_cast<wchar_t*>(scratch.allocate((size + 1) * sizeof(wchar_t)));
  const unsigned long got = GetEnvironmentVariableW(wide, value, size);
  value[got < size ? got : 0] = L'\0';
  return to_text(arena, value);
}

LATEPY_COLD inline Text module_path(Arena& arena, HINSTANCE__* module) {
  Arena scratch;
  wchar_t* const wide = path_buffer(scratch);
  return path_text(arena, wide, GetModuleFileNameW(module, wide, path_limit));
}

/// The file of this program.
LATEPY_COLD inline Text program_path(Arena& arena) { return module_path(arena, nullptr); }

/// The files of all libraries in this process.
LATEPY_COLD inline Texts loaded_libraries(Arena& arena) {
  Texts paths(arena);
  Arena scratch;
  for (unsigned long count = 256;;) {
    auto* const modules = static_cast<HINSTANCE__**>(scratch.allocate(count * sizeof(HINSTANCE__*)));
    const auto size = static_cast<unsigned long>(count * sizeof(HINSTANCE__*));
    unsigned long needed = 0;
    if (!K32EnumProcessModules(GetCurrentProcess(), modules, size, &needed)) return paths;
    count = static_cast<unsigned long>(needed / sizeof(HINSTANCE__*));
    if (needed <= size) {
      for (unsigned long i = 0; i < count; ++i) paths.add(module_path(arena, modules[i]));
      return paths;
    }
    count += 16;  // other threads may be loading libraries
  }
}

/// The file of the library that holds the address, "" where no library does.
LATEPY_COLD inline Text library_at(Arena& arena, void* address) {
  HINSTANCE__* module = nullptr;
  // GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT
  return GetModuleHandleExW(4 | 2, static_cast<const wchar_t*>(address), &module) ? module_path(arena, module) : Text();
}

/// A symbol of a library that is in the process already, or nullptr.
LATEPY_COLD inline void* loaded_symbol(Text path, const char* name) {
  Arena scratch;
  HINSTANCE__* const module = GetModuleHandleW(to_utf16(scratch, path));
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

LATEPY_COLD inline Text in_lower_case(Arena& arena, Text text) {
  const std::size_t size = text.size();
  auto* const chars = static_cast<char*>(arena.allocate(size + 1));
  for (std::size_t i = 0; i <= size; ++i) chars[i] = lower(text.c_str()[i]);
  return chars;
}

/// The file, where the process has an administrator's rights and the file lies in its user's folder; else "".
LATEPY_COLD inline Text writable_by_others(Arena& arena, Text path) {
  const Text profile = process_variable(arena, "USERPROFILE");
  return is_elevated() && is_below(in_lower_case(arena, path), in_lower_case(arena, profile)) ? path : Text();
}

/// The same of each of the paths.
LATEPY_COLD inline Text writable_by_others(Arena& arena, const Texts& paths) {
  for (const Text path : paths)
    if (const Text open = writable_by_others(arena, path); !open.empty()) return open;
  return {};
}

/// Runs a program without a shell and with an environment of one variable, and returns what it printed. Returns "" when
/// it failed, printed over 64 KiB, or did not end within the time. \param command the program's absolute path, its
/// arguments, and a null pointer.
LATEPY_COLD inline std::string_view run_and_read(Arena& arena, std::initializer_list<const char*> command,
                                                 unsigned long limit_ms = 5000) {
  // Neither a path nor our arguments have quotes.
  Text line;
  for (const char* word : command)
    if (word) line = arena.concat(line, line.empty() ? "\"" : " \"", word, "\"");
  wchar_t* const wide_line = to_utf16(arena, line);
  const wchar_t* const program = to_utf16(arena, *command.begin());
  // A list of variables ends with an empty one.
  const Text variable = arena.concat("SYSTEMROOT=", process_variable(arena, "SYSTEMROOT"), " ");
  wchar_t* const environment = to_utf16(arena, variable);
  std::size_t end = 0;
  while (environment[end]) ++end;
  environment[end - 1] = L'\0';
  constexpr unsigned long limit = 65536;
  char* const text = static_cast<char*>(arena.allocate(limit));
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
  // CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT
  const bool started =
      CreateProcessW(program, wide_line, nullptr, nullptr, 1, 0x08000400, environment, nullptr,
                     reinterpret_cast<_STARTUPINFOW*>(&start), reinterpret_cast<_PROCESS_INFORMATION*>(&child)) != 0;
  CloseHandle(writer);
  unsigned long got = 0;
  if (started) {
    unsigned long code = 1, ready = 0;
    // The answer fits into the pipe, so that nothing needs to be read before the end.
    if (WaitForSingleObject(child.process, limit_ms) != 0) TerminateProcess(child.process, 1);
    WaitForSingleObject(child.process, 1000);
    GetExitCodeProcess(child.process, &code);
    if (code == 0 && PeekNamedPipe(reader, nullptr, 0, nullptr, &ready, nullptr) && ready > 0 && ready <= limit &&
        !ReadFile(reader, text, ready, &got, nullptr))
      got = 0;
    CloseHandle(child.thread);
    CloseHandle(child.process);
  }
  CloseHandle(reader);
  return std::string_view(text, got);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
