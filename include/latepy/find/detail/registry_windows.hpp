// latepy/find/detail/registry_windows.hpp: the Pythons that PEP 514 and the launcher have in the registry.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/parse.hpp>
#include <latepy/find/detail/process_windows.hpp>

struct HKEY__;
struct _FILETIME;
extern "C" {
__declspec(dllimport) long __stdcall RegOpenKeyExW(HKEY__*, const wchar_t*, unsigned long, unsigned long, HKEY__**);
__declspec(dllimport) long __stdcall RegCloseKey(HKEY__*);
__declspec(dllimport) long __stdcall RegEnumKeyExW(HKEY__*, unsigned long, wchar_t*, unsigned long*, unsigned long*,
                                                   wchar_t*, unsigned long*, _FILETIME*);
__declspec(dllimport) long __stdcall RegQueryValueExW(HKEY__*, const wchar_t*, unsigned long*, unsigned long*,
                                                      unsigned char*, unsigned long*);
}

namespace latepy {
inline namespace v1 {
namespace detail {

/// An open key of the registry, or none where it cannot be opened.
class RegistryKey {
 public:
  RegistryKey(Arena& arena, HKEY__* parent, Text name, unsigned long view) {
    if (RegOpenKeyExW(parent, to_utf16(arena, name), 0, 0x20019 | view, &key_) != 0) key_ = nullptr;  // KEY_READ
  }
  RegistryKey(const RegistryKey&) = delete;
  RegistryKey& operator=(const RegistryKey&) = delete;
  ~RegistryKey() {
    if (key_) RegCloseKey(key_);
  }
  HKEY__* get() const noexcept { return key_; }

  /// The names of the keys below, in the order that Texts::sort() takes.
  LATEPY_COLD Texts names(Arena& arena, int (*order)(const void*, const void*)) const {
    Texts names(arena);
    wchar_t name[256];
    for (unsigned long i = 0, size = 256;
         key_ && RegEnumKeyExW(key_, i, name, &size, nullptr, nullptr, nullptr, nullptr) == 0; ++i, size = 256)
      names.add(to_text(arena, name));
    names.sort(order);
    return names;
  }

  /// The text of the key itself, "" without one.
  LATEPY_COLD Text value(Arena& arena) const {
    wchar_t text[2049];
    unsigned long type = 0, size = sizeof text - sizeof(wchar_t);
    if (!key_ || RegQueryValueExW(key_, nullptr, nullptr, &type, reinterpret_cast<unsigned char*>(text), &size) != 0)
      return {};
    if (type != 1) return {};  // REG_SZ, which may lack its NUL
    text[size / sizeof(wchar_t)] = L'\0';
    return to_text(arena, text);
  }

 private:
  HKEY__* key_ = nullptr;
};

/// The installation folders in the registry, each followed by what names its source. The user's come before the
/// machine's; in a process with an administrator's rights the machine's come first, so that a user's entry cannot get
/// code into it.
LATEPY_COLD inline Texts registered_pythons(Arena& arena) {
  Texts found(arena);
  bool machine = is_elevated();
  for (int pass = 0; pass < 2; ++pass, machine = !machine) {
    auto* const hive = reinterpret_cast<HKEY__*>(
        static_cast<std::intptr_t>(static_cast<std::int32_t>(machine ? 0x80000002 : 0x80000001)));
    for (const unsigned long view : {0x100UL, 0x200UL}) {  // KEY_WOW64_64KEY, KEY_WOW64_32KEY
      const RegistryKey root(arena, hive, "SOFTWARE\\Python", view);
      const auto core_first = [](const void* a, const void* b) noexcept {
        const Text one = *static_cast<const Text*>(a), two = *static_cast<const Text*>(b);
        return one == "PythonCore" ? -1 : two == "PythonCore" ? 1 : one.compare(two);
      };
      for (const Text company : root.names(arena, core_first)) {
        if (company == "PyLauncher") continue;  // PEP 514: not a company
        const RegistryKey tags(arena, root.get(), company, view);
        for (const Text tag : tags.names(arena, &newest_first)) {
          const RegistryKey install(arena, tags.get(), arena.concat(tag, "\\InstallPath"), view);
          std::string_view folder = install.value(arena);
          while (folder.size() > 3 && is_separator(folder.back())) folder.remove_suffix(1);
          if (!is_absolute(folder)) continue;
          found.add(arena.copy(folder));
          found.add(machine ? "registry (machine)" : "registry (user)");
        }
      }
    }
  }
  return found;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
