// latepy/find/detail/registry_windows.hpp: the Pythons that PEP 514 and the launcher have in the registry.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/process_windows.hpp>

#include <algorithm>

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

class RegistryKey {
 public:
  RegistryKey(HKEY__* parent, const std::wstring& name, unsigned long view) {
    if (RegOpenKeyExW(parent, name.c_str(), 0, 0x20019 | view, &key_) != 0) key_ = nullptr;  // KEY_READ
  }
  RegistryKey(const RegistryKey&) = delete;
  RegistryKey& operator=(const RegistryKey&) = delete;
  ~RegistryKey() {
    if (key_) RegCloseKey(key_);
  }
  HKEY__* get() const noexcept { return key_; }

  LATEPY_COLD std::vector<std::wstring> names() const {
    std::vector<std::wstring> names;
    wchar_t name[256];
    for (unsigned long i = 0, size = 256;
         key_ && RegEnumKeyExW(key_, i, name, &size, nullptr, nullptr, nullptr, nullptr) == 0; ++i, size = 256)
      names.emplace_back(name, size);
    return names;
  }

  /// The text of the key itself, "" without one.
  LATEPY_COLD std::string value() const {
    wchar_t text[2048];
    unsigned long type = 0, size = sizeof text;
    if (!key_ || RegQueryValueExW(key_, nullptr, nullptr, &type, reinterpret_cast<unsigned char*>(text), &size) != 0)
      return {};
    if (type != 1) return {};  // REG_SZ
    std::wstring wide(text, size / sizeof(wchar_t));
    return to_utf8(wide.substr(0, wide.find(L'\0')));
  }

 private:
  HKEY__* key_ = nullptr;
};

struct RegisteredPython {
  std::string folder;
  std::string source;
};

/// The user's before the machine's; the machine's first when the process has an administrator's rights, so that a
/// user's entry cannot get code into it.
LATEPY_COLD inline std::vector<RegisteredPython> registered_pythons() {
  std::vector<RegisteredPython> found;
  bool machine = is_elevated();
  for (int pass = 0; pass < 2; ++pass, machine = !machine) {
    auto* const hive = reinterpret_cast<HKEY__*>(
        static_cast<std::intptr_t>(static_cast<std::int32_t>(machine ? 0x80000002 : 0x80000001)));
    for (const unsigned long view : {0x100UL, 0x200UL}) {  // KEY_WOW64_64KEY, KEY_WOW64_32KEY
      const RegistryKey root(hive, L"SOFTWARE\\Python", view);
      std::vector<std::wstring> companies = root.names();
      std::stable_partition(companies.begin(), companies.end(),
                            [](const std::wstring& name) { return name == L"PythonCore"; });
      for (const std::wstring& company : companies) {
        if (company == L"PyLauncher") continue;  // PEP 514: not a company
        const RegistryKey tags(root.get(), company, view);
        std::vector<std::wstring> names = tags.names();
        std::sort(names.begin(), names.end(), [](const std::wstring& a, const std::wstring& b) {
          return a.size() != b.size() ? a.size() > b.size() : a > b;  // 3.10 before 3.9
        });
        for (const std::wstring& tag : names) {
          std::string folder = RegistryKey(tags.get(), tag + L"\\InstallPath", view).value();
          while (folder.size() > 3 && is_separator(folder.back())) folder.pop_back();
          if (is_absolute(folder)) found.push_back({folder, machine ? "registry (machine)" : "registry (user)"});
        }
      }
    }
  }
  return found;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
