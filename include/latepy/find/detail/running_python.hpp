// latepy/find/detail/running_python.hpp: finds the Python that is in this process already.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/checks.hpp>
#include <latepy/load/dynlib.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The file of a library in this process. The loader's name stays where it leads to no file that is certain to be it: a
/// relative path, as the program may have changed its folder since, and a file that is gone.
LATEPY_COLD inline Text loaded_file(Arena& arena, Text name) {
  const Text real = is_absolute(name) ? real_path(arena, name) : Text();
  return real.empty() ? name : real;
}

/// Empty where there is none.
LATEPY_COLD inline RunningPython find_running_python(Arena& arena) {
  const auto from = [](Text library, void* is_initialized, void* version) {
    return RunningPython{library, reinterpret_cast<int (*)()>(is_initialized),
                         reinterpret_cast<const char* (*)()>(version)};
  };
  const NativeLib program = NativeLib::program();
  void* const version = program.find("Py_GetVersion");
  if (RunningPython python = from({}, program.find("Py_IsInitialized"), version)) {
    python.library = loaded_file(arena, library_at(arena, version));
    // The dynamic linker knows a program with Python linked in by argv[0], which may lead nowhere by now.
    const bool is_certain = is_absolute(python.library) && is_file(python.library);
    if (!is_certain && !library_name(python.library).matches) python.library = program_path(arena);
    return python;
  }
  for (const Text path : loaded_libraries(arena)) {
    if (!library_name(path).matches) continue;
    const RunningPython python =
        from(loaded_file(arena, path), loaded_symbol(path, "Py_IsInitialized"), loaded_symbol(path, "Py_GetVersion"));
    if (python) return python;
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
