// latepy/find/detail/ask_python.hpp: ask_python(), which runs a Python to learn where its shared library is.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/installation.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Runs a Python by its absolute path and returns the shared library that it names, "" without one.
LATEPY_COLD inline Text ask_python(Arena& arena, Text executable) {
  static constexpr char question[] =
      "import sys, sysconfig as s\n"
      "for k in 'LIBDIR', 'INSTSONAME', 'LDLIBRARY', 'PYTHONFRAMEWORKPREFIX': print(s.get_config_var(k) or '')\n"
      "print(sys.base_prefix)";
  std::string_view text = run_and_read(arena, {executable.c_str(), "-I", "-S", "-X", "utf8", "-c", question, nullptr});
  Text answers[5];
  std::size_t count = 0;
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    if (count == 5) return {};
    answers[count++] = arena.copy(trim(text.substr(0, end)));
  }
  if (count != 5) return {};
  const auto [lib_folder, library, linked_library, framework_folder, prefix] = answers;
  for (const Text folder : {lib_folder, framework_folder, arena.join(prefix, "lib"), prefix})
    for (const Text file : {library, linked_library}) {
      const Text path = arena.join(folder, file);
      if (is_absolute(folder) && library_name(path).matches && is_file(path)) return path;
    }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
