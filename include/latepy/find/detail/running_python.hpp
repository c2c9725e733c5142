// latepy/find/detail/running_python.hpp: the Python that is in this process already.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/finder.hpp>
#include <latepy/load/dynlib.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A Python in this process. A library that lacks one of the two functions merely has the name of one.
struct RunningPython {
  Text library;
  int (*is_initialized)() = nullptr;
  const char* (*version)() = nullptr;
  explicit operator bool() const noexcept { return is_initialized && version; }
};

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

/// Adds the Python that is in this process. It is the only candidate: a second libpython crashes when it starts.
LATEPY_COLD inline void add_running_python(const RunningPython& python, const Search& search, Finder& finder) {
  Arena& arena = finder.arena();
  const std::string_view text = python.version();
  PythonName name = library_name(python.library);
  name.version = Version::parse(text);
  name.free_threaded |= text.find("free-threading build") != std::string_view::npos;
  FoundPython c("in this process");
  c.in_process = true;
  c.library = python.library;
  if (!search.home.empty())
    c.home = absolute_path(arena, search.home.string());
  else if (is_absolute(c.library))
    c.home = find_home(arena, c.library, name);
  finder.complete(c, name);
  c.version = name.version;

  Text why;
  if (!search.library.empty() &&
      real_path(arena, absolute_path(arena, search.library.string())) != real_path(arena, c.library))
    why = arena.concat("Config::library asks for ", search.library.string());
  else if (c.version.major != 3 || c.version.minor < 9)
    why = arena.concat("too old: ", version_text(arena, c.version), " is in this process");
  else
    why = finder.unwanted(c.version);
  if (why.empty() && python.is_initialized() == 0 && (c.home.empty() || !has_stdlib(arena, c.home, name)))
    why = "standard library missing: none belongs to the Python in this process";
  if (why.empty()) return finder.accept(c);
  finder.refuse(c, arena.concat(why, ", and a process can have one Python only"));
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
