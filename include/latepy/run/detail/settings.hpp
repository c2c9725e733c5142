// latepy/run/detail/settings.hpp: a Config as a list of CPython's own options, the same for every way to start.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/api.hpp>
#include <latepy/load/detail/installation.hpp>
#include <latepy/run/config.hpp>

#include <cerrno>
#include <cstdlib>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One option of PyConfig, PyPreConfig or PyInitConfig (Doc/c-api/init_config.rst).
struct Setting {
  enum Kind { number, text, list, any } kind;  // any: by the caller's name, CPython knows what it is
  std::string name;
  std::vector<std::string> values;
  bool asked_for;  // by Config::set: a CPython without it is an error, while ours are left out

  const std::string& value() const { return values.front(); }
};
using Settings = std::vector<Setting>;

inline Setting* find_setting(Settings& settings, const std::string& name) {
  for (Setting& setting : settings)
    if (setting.name == name) return &setting;
  return nullptr;
}

inline std::string value_of(Settings& settings, const std::string& name) {
  const Setting* setting = find_setting(settings, name);
  return setting ? setting->value() : std::string();
}

/// Decimal, and nothing else around it.
inline bool parse_number(const std::string& text, std::int64_t& number) {
  char* end = nullptr;
  errno = 0;
  number = std::strtoll(text.c_str(), &end, 10);
  return !text.empty() && static_cast<unsigned char>(text[0]) > ' ' && *end == '\0' && errno == 0;
}

/// The executable that sys.executable names where the installation has none: CPython given no absolute one searches
/// PATH and the working directory, and runs what it finds there (Modules/getpath.py).
inline std::string executable_of(const Candidate& candidate, const Version& version) {
  if (!candidate.executable.empty()) return candidate.executable;
  if (LATEPY_WINDOWS) return join(candidate.home, "python.exe");
  return join(candidate.home, "bin/python" + std::to_string(version.major) + "." + std::to_string(version.minor));
}

/// Embeddable Pythons have a python3XY._pth beside the library that says what sys.path is. It takes the place of home,
/// and CPython does not read it where home is set (Modules/getpath.py).
inline bool has_path_file(const Candidate& candidate) {
  const std::string& library = candidate.library;
  return LATEPY_WINDOWS && library.size() > 4 && is_file(library.substr(0, library.size() - 4) + "._pth");
}

/// The options that an isolated configuration has settled, so that CPython looks for no variable. PyInitConfig takes no
/// "unset" for them, hence they are read here (Python/initconfig.c 3.14: config_init_hash_seed and its neighbours).
LATEPY_COLD inline void set_by_environment(Settings& settings, bool use_environment) {
  const struct {
    const char *variable, *option;
    bool is_switch;  // on by any text, else a number
  } variables[] = {{"PYTHONDEVMODE", "dev_mode", true},
                   {"PYTHONFAULTHANDLER", "faulthandler", true},
                   {"PYTHONTRACEMALLOC", "tracemalloc", false},
                   {"PYTHONPERFSUPPORT", "perf_profiling", false},
                   {"PYTHONINTMAXSTRDIGITS", "int_max_str_digits", false},
                   {"PYTHONHASHSEED", "hash_seed", false}};
  for (const auto& [variable, option, is_switch] : variables) {
    const char* text = use_environment ? std::getenv(variable) : nullptr;
    const std::string name = option;
    const bool is_set = text && *text && (name != "hash_seed" || std::strcmp(text, "random") != 0);
    if (name == "hash_seed") settings.push_back({Setting::number, "use_hash_seed", {is_set ? "1" : "0"}, false});
    if (is_set)
      settings.push_back({Setting::number, name, {is_switch ? "1" : text}, false});
    else if (name != "hash_seed" && name != "int_max_str_digits")
      settings.push_back({Setting::number, name, {"0"}, false});
  }
}

/// Everything that the start sets. Nothing here depends on how it will be set.
LATEPY_COLD inline Settings settings_of(const Config& config, const Candidate& candidate, const Version& version) {
  Settings settings;
  const auto number = [&](const char* name, int value) {
    settings.push_back({Setting::number, name, {std::to_string(value)}, false});
  };
  const auto text = [&](const char* name, std::string value) {
    settings.push_back({Setting::text, name, {std::move(value)}, false});
  };
  const auto list = [&](const char* name, std::vector<std::string> values) {
    settings.push_back({Setting::list, name, std::move(values), false});
  };
  number("isolated", !config.use_environment && !config.user_site);
  number("use_environment", config.use_environment);
  number("user_site_directory", config.user_site);
  number("safe_path", 1);
  number("site_import", config.site);
  number("write_bytecode", config.write_bytecode);
  number("install_signal_handlers", config.signal_handlers);
  number("utf8_mode", config.utf8);
  number("configure_locale", 0);
  number("coerce_c_locale", 0);
  number("configure_c_stdio", 0);
  number("parse_argv", 0);
  number("pathconfig_warnings", 0);
  number("remote_debug", 0);
  set_by_environment(settings, config.use_environment);

  const std::string executable = executable_of(candidate, version);
  text("program_name", executable);
  text("executable", executable);
  text("base_executable", candidate.base_executable.empty() ? executable : candidate.base_executable);
  if (!has_path_file(candidate)) text("home", candidate.home);
  list("argv", config.argv.empty() ? std::vector<std::string>{""} : config.argv);
  // UTF-8 mode by itself is not among what subprocess and multiprocessing hand to children; -X utf8 is.
  list("xoptions", {config.utf8 ? "utf8=1" : "utf8=0"});

  for (const auto& [name, value] : config.options) {
    Setting* setting = find_setting(settings, name);
    if (!setting) {
      const bool is_list = name == "warnoptions" || name == "module_search_paths" || name == "orig_argv";
      settings.push_back({is_list ? Setting::list : Setting::any, name, {}, true});
      setting = &settings.back();
    }
    setting->asked_for = true;
    if (setting->kind != Setting::list) setting->values.clear();
    setting->values.push_back(value);
  }
  for (const Setting& setting : settings) {
    std::int64_t ignored;
    for (const std::string& value : setting.values) {
      if (value.find('\0') != std::string::npos)
        throw StartError("cannot start Python: " + setting.name + " holds a NUL byte: " + value.c_str() + "\\0...");
      if (setting.kind == Setting::number && !parse_number(value, ignored))
        throw StartError("cannot start Python: the option " + setting.name + " is a number, not \"" + value + "\"");
    }
  }
  if (!LATEPY_WINDOWS && candidate.home.find(':') != std::string::npos)
    throw StartError("cannot start Python: its home \"" + candidate.home +
                     "\" holds a colon, where CPython cuts it in two. Install it in a folder without one.");
  for (const char* name : {"home", "executable", "base_executable"})
    if (const std::string path = value_of(settings, name); find_setting(settings, name) && !is_absolute(path))
      throw StartError(std::string("cannot start Python: its ") + name + " must be an absolute path, not \"" + path +
                       "\": with less, CPython searches PATH and the working directory");
  return settings;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
