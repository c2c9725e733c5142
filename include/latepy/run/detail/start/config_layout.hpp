// latepy/run/detail/start/config_layout.hpp: the offsets of the members of PyConfig in CPython 3.9 to 3.13.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/api.hpp>
#include <latepy/load/python_version.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A line of config_rows.inl: the kind and the offsets of a member of PyConfig.
struct ConfigField {
  char name[24];
  char kind;
  unsigned short at[6];
};
/// All lines of config_rows.inl for this platform.
inline constexpr ConfigField config_fields[] = {
#define LATEPY_FIELD(kind, name, ...) {#name, kind, {__VA_ARGS__}},
#include <latepy/run/detail/start/config_rows.inl>
};
/// The minor versions of the columns. The last column is for free-threaded builds.
inline constexpr int config_minors[] = {9, 10, 11, 12, 13, 13};

/// Memory for a PyConfig of any version. It is larger than needed, so that a write past the end of PyConfig is noticed.
struct ConfigMemory {
  static constexpr std::size_t capacity = 4096;
  alignas(16) unsigned char bytes[capacity];

  explicit ConfigMemory(unsigned char filler) { std::memset(bytes, filler, capacity); }
  void* at(std::size_t offset) { return bytes + offset; }
  template <class T>
  T read(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes + offset, sizeof value);
    return value;
  }
  template <class T>
  void write(std::size_t offset, T value) {
    std::memcpy(bytes + offset, &value, sizeof value);
  }
  /// The size in bytes up to the last byte that is not the filler.
  std::size_t used(unsigned char filler) const {
    std::size_t size = capacity;
    while (size > 0 && bytes[size - 1] == filler) --size;
    return size;
  }
};

/// One column of the table: the layout of PyConfig in one version. It has none if `column` is -1.
struct ConfigRow {
  const ConfigField* fields = config_fields;
  std::size_t count = sizeof config_fields / sizeof *config_fields;
  int column = -1;

  /// The member with the name, or nullptr if this version does not have it.
  LATEPY_COLD const ConfigField* find(const char* name) const noexcept {
    for (std::size_t i = 0; i < count; ++i)
      if (fields[i].at[column] != 0 && fields[i].kind != 'z' && std::strcmp(fields[i].name, name) == 0)
        return &fields[i];
    return nullptr;
  }
  std::size_t offset(const ConfigField& field) const { return field.at[column]; }
};

/// Checks whether the library's PyConfig has the layout of `row`, by what two functions of CPython write. Returns "" if
/// it has; else the reason: the name of a member, or a sentence. The two functions have no other effect, and may be
/// called before the pre-initialisation. Each CPython from 3.9 to 3.13 fits its own row only.
LATEPY_COLD inline std::string_view disproof(const Api& api, const ConfigRow& row) {
  ConfigMemory isolated(0xA5), python(0x5A);
  api.Config_InitIsolatedConfig(isolated.bytes);
  api.Config_InitPythonConfig(python.bytes);
  const std::size_t size = isolated.used(0xA5);
  std::size_t expected = 0;
  for (std::size_t i = 0; i < row.count; ++i)
    if (row.fields[i].kind == 'z') expected = row.offset(row.fields[i]);
  if (size != python.used(0x5A)) return "its size cannot be measured";
  // Debug builds of 3.13 have another pointer at the end, run_presite.
  if (size != expected && size != expected + sizeof(void*)) return "its size is different";

  // The members from parse_argv on whose defaults differ between an isolated Python and `python` identify the version.
  static constexpr char signature[][24] = {"parse_argv", "user_site_directory", "configure_c_stdio",
                                           "safe_path",  "int_max_str_digits",  "pathconfig_warnings"};
  std::size_t matched = 0, differing = 0, wanted = 0, first = size;
  for (const char* const name : signature)
    if (const ConfigField* field = row.find(name)) {
      if (row.offset(*field) + sizeof(int) > size) return name;
      ++wanted;
      matched += isolated.read<int>(row.offset(*field)) != python.read<int>(row.offset(*field));
      first = row.offset(*field) < first ? row.offset(*field) : first;
    }
  for (std::size_t at = first; at + sizeof(int) <= size; at += sizeof(int))
    differing += isolated.read<int>(at) != python.read<int>(at);
  if (matched != wanted || differing != wanted) return "its defaults are elsewhere";

  for (std::size_t i = 0; i < row.count; ++i) {
    const ConfigField& field = row.fields[i];
    const std::size_t at = row.offset(field);
    if (at == 0 || field.kind == 'z') continue;
    const std::size_t width = field.kind == 'l'   ? sizeof(WideStringList)
                              : field.kind == 's' ? sizeof(void*)
                                                  : sizeof(int);
    if (at + width > size) return field.name;
    const bool is_pointer = field.kind == 's' || field.kind == 'l';
    if (is_pointer && (isolated.read<void*>(at) || python.read<void*>(at))) return field.name;
    if (field.kind == 'l' && isolated.read<WideStringList>(at).items) return field.name;
  }
  const ConfigField* init_main = row.find("_init_main");
  if (!init_main || isolated.read<int>(row.offset(*init_main)) != 1) return "_init_main is not 1";
  static constexpr struct {
    char name[24];
    int isolated;
  } defaults[] = {{"isolated", 1}, {"use_environment", 0}, {"install_signal_handlers", 0}};
  for (const auto& wanted_default : defaults) {
    const ConfigField* field = row.find(wanted_default.name);
    if (!field || isolated.read<int>(row.offset(*field)) != wanted_default.isolated ||
        python.read<int>(row.offset(*field)) != 1 - wanted_default.isolated)
      return wanted_default.name;
  }
  return {};
}

/// The row that fits this library, whether it is free-threaded or not: the first of its minor version that disproof()
/// accepts. `column` is -1 if none fits.
LATEPY_COLD inline ConfigRow find_row(const Api& api, const Version& version) {
  ConfigRow row;
  for (int column = 0; column < 6; ++column) {
    row.column = column;
    if (version.major == 3 && version.minor == config_minors[column] && disproof(api, row).empty()) return row;
  }
  row.column = -1;
  return row;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
