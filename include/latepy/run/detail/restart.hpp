// latepy/run/detail/restart.hpp: what prevents another start of Python in this process.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/run/detail/start/settings.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Modules of the standard library that serve one start only, with the minor versions of CPython.
/// - 3.9 to 3.11: C code keeps the module `_strptime` for datetime.strptime(), and the stop empties that module.
/// - 3.9 to 3.11: tracemalloc can be initialised once (Modules/_tracemalloc.c).
/// - 3.12: static types are not cleared (python/cpython#117914).
/// - 3.12: functions of extension modules lose the names of their parameters (_PyArg_Fini, Python/getargs.c). The
///   standard library calls functions of the modules below with keywords.
struct ModuleOfOneStart {
  const char* name;
  int first, last;
  const char* why;
};
inline constexpr char fails_on_3_12[] = "Python 3.12 aborts in a second start with it";
inline constexpr ModuleOfOneStart modules_of_one_start[] = {
    {"_strptime", 9, 11, "datetime.strptime() of Python before 3.12 fails in a second start"},
    {"_tracemalloc", 9, 11, "Python before 3.12 cannot trace memory in a second start"},
    {"_datetime", 12, 12, fails_on_3_12},
    {"_decimal", 12, 12, fails_on_3_12},
    {"_ctypes", 12, 12, fails_on_3_12},
    {"_asyncio", 12, 12, fails_on_3_12},
    {"_hashlib", 12, 12, fails_on_3_12},
    {"_queue", 12, 12, fails_on_3_12},
    {"_ssl", 12, 12, fails_on_3_12},
    {"binascii", 12, 12, fails_on_3_12},
    {"pyexpat", 12, 12, fails_on_3_12}};

/// What the starts of this process did with memory.
struct MemoryOfStarts {
  std::string allocator{};  ///< see allocator_of(); of the first start
  bool is_known = false;    ///< whether there was one
  bool traces = false;      ///< one had the option tracemalloc

  /// Remembers a start. A start that was refused does not count, because CPython did nothing then.
  LATEPY_COLD void add(const std::string& its_allocator, bool its_traces) {
    if (!is_known) allocator = its_allocator;
    is_known = true;
    traces |= its_traces;
  }
};
inline MemoryOfStarts memory_of_starts;

/// The kind of memory that the options ask for: "debug", "malloc", "malloc_debug", or "default".
LATEPY_COLD inline std::string allocator_of(Settings& settings) {
  // The numbers of PyMemAllocatorName (Include/cpython/pymem.h), and the values of PYTHONMALLOC.
  static constexpr const char* names[] = {"",         "default",       "debug", "malloc", "malloc_debug",
                                          "pymalloc", "pymalloc_debug"};
  std::int64_t number = 0;
  std::string name;
  if (parse_number(settings.value_of("allocator"), number) && number > 0 && number < 7)
    name = names[number];
  else if (const char* const text = settings.is_on("use_environment") ? std::getenv("PYTHONMALLOC") : nullptr)
    name = text;
  if (name.empty() && parse_number(settings.value_of("dev_mode"), number) && number != 0) name = "debug";
  if (name.empty() || name == "pymalloc") name = "default";
  return name == "pymalloc_debug" ? "debug" : name;
}

/// Checks the options that only a first start may have. \throws StateError, unless Config::allow_restart.
LATEPY_COLD inline void check_restart(const Config& config, const std::string& allocator, const Version& version) {
  const MemoryOfStarts& known = memory_of_starts;
  // What an interpreter leaves behind is freed by the next one, with the functions of that one.
  if (known.is_known && known.allocator != allocator && version.minor <= 12 && !config.allow_restart)
    throw_error<StateError>(
        {"Python ", version.to_string(), " cannot be started again in this process with the memory allocator \"",
         allocator, "\" after it was started with \"", known.allocator,
         "\", because Python before 3.13 aborts then. Set the options dev_mode and allocator as in the first start, or "
         "set Config::allow_restart at your own risk"});
}

/// The reason why Python cannot be started again in this process, for an error message; empty if it can. Needs the GIL.
LATEPY_COLD inline std::string why_no_restart() {
  const Ref modules(api().Import_GetModuleDict());
  for (const auto& [name, first, last, why] : modules_of_one_start)
    if (library_state.version.minor >= first && library_state.version.minor <= last &&
        api().Dict_GetItemWithError(modules.ptr(), make_str(name).ptr()))
      return concat({"the module ", name, " was used, and ", why});
  if (memory_of_starts.traces && library_state.version.minor <= 11)
    return "the option tracemalloc was set, and Python before 3.12 cannot trace memory in a second start";
  const ColdRef os_module(api().Import_ImportModule("os"));
  if (!os_module.get()) api().Err_Clear();  // a script has taken it away
  const std::string os = text_at(os_module.get(), "__file__");
  const ColdObject items = take_result(api().Mapping_Items(modules.ptr()));
  for (ssize at = 0; at < api().List_Size(items.ptr()); ++at) {
    PyObject* const item = api().List_GetItem(items.ptr(), at);
    const std::string file = text_at(api().Tuple_GetItem(item, 1), "__file__");
    if (!ends_with(file, ".so") && !ends_with(file, ".pyd") && !ends_with(file, ".dylib")) continue;
    const auto has = [&file](const char* part) { return std::strstr(file.c_str(), part) != nullptr; };
    const bool foreign = !starts_with(file, parent(os)) || has("-packages");
    if (foreign && !has("lib-dynload") && !has("DLLs"))
      return concat({"the extension module ", str_or_excuse(api().Tuple_GetItem(item, 0)),
                     " was imported, and may fail in a second start"});
  }
  return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
