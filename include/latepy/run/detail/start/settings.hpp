// latepy/run/detail/start/settings.hpp: a Config as a list of CPython's own options, the same for every way to start.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/installation.hpp>
#include <latepy/load/api.hpp>
#include <latepy/run/config.hpp>

#include <cerrno>
#include <cstdlib>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One option of PyConfig, PyPreConfig or PyInitConfig (Doc/c-api/init_config.rst).
struct Setting {
  enum Kind { number, text, list, any } kind;  // any: by the caller's name, CPython knows what it is
  const char* name;                            // a literal, or the Config's
  std::vector<std::string> values;
  bool asked_for = false;  // by Config::set: a CPython without it is an error, while ours are left out
  bool is_known = false;   // to the second part of a start in two

  const std::string& value() const { return values.front(); }
};
using Settings = std::vector<Setting>;

LATEPY_COLD inline Setting& add_setting(Settings& settings, Setting::Kind kind, const char* name) {
  settings.push_back({kind, name, {}});
  return settings.back();
}
LATEPY_COLD inline void add_value(Settings& settings, Setting::Kind kind, const char* name, std::string_view value) {
  add_setting(settings, kind, name).values.push_back(concat({value}));
}

LATEPY_COLD inline Setting* find_setting(Settings& settings, std::string_view name) {
  for (Setting& setting : settings)
    if (setting.name == name) return &setting;
  return nullptr;
}

LATEPY_COLD inline std::string value_of(Settings& settings, std::string_view name) {
  const Setting* setting = find_setting(settings, name);
  return setting ? setting->value() : std::string();
}

/// Decimal, and nothing else around it.
LATEPY_COLD inline bool parse_number(const std::string& text, std::int64_t& number) {
  char* end = nullptr;
  errno = 0;
  number = std::strtoll(text.c_str(), &end, 10);
  return !text.empty() && static_cast<unsigned char>(text[0]) > ' ' && *end == '\0' && errno == 0;
}

/// The executable that sys.executable names where the installation has none: CPython given no absolute one searches
/// PATH and the working directory, and runs what it finds there (Modules/getpath.py).
LATEPY_COLD inline std::string executable_of(const Candidate& candidate, const Version& version) {
  if (!candidate.executable.empty()) return candidate.executable;
  if (LATEPY_WINDOWS) return join(candidate.home, "python.exe");
  return concat({join(candidate.home, "bin/python"), decimal(version.major), ".", decimal(version.minor)});
}

/// Embeddable Pythons have a python3XY._pth beside the library that says what sys.path is. It takes the place of home,
/// and CPython does not read it where home is set (Modules/getpath.py).
LATEPY_COLD inline bool has_path_file(const Candidate& candidate) {
  const std::string& library = candidate.library;
  return LATEPY_WINDOWS && library.size() > 4 &&
         is_file(concat({std::string_view(library).substr(0, library.size() - 4), "._pth"}));
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
    const std::string_view name = option;
    const bool is_set = text && *text && (name != "hash_seed" || std::strcmp(text, "random") != 0);
    if (name == "hash_seed") add_value(settings, Setting::number, "use_hash_seed", is_set ? "1" : "0");
    if (is_set)
      add_value(settings, Setting::number, option, is_switch ? "1" : text);
    else if (name != "hash_seed" && name != "int_max_str_digits")
      add_value(settings, Setting::number, option, "0");
  }
}

/// Everything that the start sets. Nothing here depends on how it will be set.
LATEPY_COLD inline Settings settings_of(const Config& config, const Candidate& candidate, const Version& version) {
  Settings settings;
  const struct {
    const char* name;
    bool value;
  } switches[] = {{"isolated", !config.use_environment && !config.user_site},
                  {"use_environment", config.use_environment},
                  {"user_site_directory", config.user_site},
                  {"safe_path", true},
                  {"site_import", config.site},
                  {"write_bytecode", config.write_bytecode},
                  {"install_signal_handlers", config.signal_handlers},
                  {"utf8_mode", config.utf8},
                  {"configure_locale", false},
                  {"coerce_c_locale", false},
                  {"configure_c_stdio", false},
                  {"parse_argv", false},
                  {"pathconfig_warnings", false},
                  {"remote_debug", false}};
  for (const auto& [name, value] : switches) add_value(settings, Setting::number, name, value ? "1" : "0");
  set_by_environment(settings, config.use_environment);

  const std::string executable = executable_of(candidate, version);
  add_value(settings, Setting::text, "program_name", executable);
  add_value(settings, Setting::text, "executable", executable);
  add_value(settings, Setting::text, "base_executable",
            candidate.base_executable.empty() ? executable : candidate.base_executable);
  if (!has_path_file(candidate)) add_value(settings, Setting::text, "home", candidate.home);
  Setting& argv = add_setting(settings, Setting::list, "argv");
  argv.values = config.argv;
  if (argv.values.empty()) append(argv.values, "");
  // UTF-8 mode by itself is not among what subprocess and multiprocessing hand to children; -X utf8 is.
  add_value(settings, Setting::list, "xoptions", config.utf8 ? "utf8=1" : "utf8=0");

  for (const auto& [name, value] : config.options) {
    Setting* setting = find_setting(settings, name);
    if (!setting) {
      const bool is_list = name == "warnoptions" || name == "module_search_paths" || name == "orig_argv";
      setting = &add_setting(settings, is_list ? Setting::list : Setting::any, name.c_str());
    }
    setting->asked_for = true;
    if (setting->kind != Setting::list) setting->values.clear();
    append(setting->values, value);
  }
  for (const Setting& setting : settings) {
    std::int64_t ignored;
    for (const std::string& value : setting.values) {
      if (value.find('\0') != std::string::npos)
        throw_error<StartError>(
            {"cannot start Python: ", setting.name, " holds a NUL byte: ", value.c_str(), "\\0..."});
      if (setting.kind == Setting::number && !parse_number(value, ignored))
        throw_error<StartError>(
            {"cannot start Python: the option ", setting.name, " is a number, not \"", value, "\""});
    }
  }
  if (!LATEPY_WINDOWS && candidate.home.find(':') != std::string::npos)
    throw_error<StartError>({"cannot start Python: its home \"", candidate.home,
                             "\" holds a colon, where CPython cuts it in two. Install it in a folder without one."});
  for (const char* name : {"home", "executable", "base_executable"})
    if (const Setting* path = find_setting(settings, name); path && !is_absolute(path->value()))
      throw_error<StartError>({"cannot start Python: its ", name, " must be an absolute path, not \"", path->value(),
                               "\": with less, CPython searches PATH and the working directory"});
  return settings;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
