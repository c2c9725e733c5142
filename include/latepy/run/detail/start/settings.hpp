// latepy/run/detail/start/settings.hpp: Settings, which translates a Config to options of CPython by name.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/installation.hpp>
#include <latepy/run/config.hpp>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One option of PyConfig, PyPreConfig or PyInitConfig (Doc/c-api/init_config.rst), or one entry of an option that is
/// a list. It does not own its texts. They are literals or environment variables, or belong to the Config, the
/// Candidate or the Settings.
struct Setting {
  /// `any` is an option of Config::set() whose type only CPython knows.
  enum Kind : unsigned char { number, text, list, any } kind;
  /// From Config::set(). If CPython does not have such an option, the start fails. It skips other options then.
  bool asked_for;
  bool is_known;  ///< the second part of the start, after the pre-initialisation, sets it
  const char* name;
  const char* value;
};

/// Reads a decimal number. \returns false if the text is anything else, or the number is out of range.
LATEPY_COLD inline bool parse_number(const char* text, std::int64_t& number) noexcept {
  char* end = nullptr;
  errno = 0;
  number = std::strtoll(text, &end, 10);
  return static_cast<unsigned char>(*text) > ' ' && *end == '\0' && errno == 0;
}

/// The path of the executable for the start; if the installation has none, the path that it would have. It is never
/// empty: without an absolute path CPython searches PATH and the working directory (Modules/getpath.py).
LATEPY_COLD inline std::string executable_of(const Candidate& candidate, const Version& version) {
  if (!candidate.executable.empty()) return candidate.executable;
  if (LATEPY_WINDOWS) return join(candidate.home, "python.exe");
  return concat({join(candidate.home, "bin/python"), decimal(version.major), ".", decimal(version.minor)});
}

/// Whether the library has a python3XY._pth beside it, as the embeddable Python for Windows has. This file contains
/// sys.path. CPython does not read it if `home` is set (Modules/getpath.py).
LATEPY_COLD inline bool has_path_file(const Candidate& candidate) {
  const std::string& library = candidate.library;
  return LATEPY_WINDOWS && library.size() > 4 &&
         is_file(concat({std::string_view(library).substr(0, library.size() - 4), "._pth"}));
}

/// All options that a start sets, in this order. They do not depend on the way in which it sets them.
class Settings {
 public:
  /// `config` and `candidate` must outlive this. \throws StartError for values that CPython would refuse or misread.
  Settings(const Config& config, const Candidate& candidate, const Version& version);
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  Setting* begin() noexcept { return all_.data(); }
  Setting* end() noexcept { return all_.data() + all_.size(); }
  std::size_t size() const noexcept { return all_.size(); }

  /// The first option with the name, or the next one after `previous`; null if there is none.
  LATEPY_COLD Setting* find(const char* name, const Setting* previous = nullptr) noexcept {
    Setting* each = previous ? begin() + (previous - begin()) + 1 : begin();
    while (each != end() && std::strcmp(each->name, name) != 0) ++each;
    return each != end() ? each : nullptr;
  }
  /// The value of an option that is not a list; "" if it is not set.
  LATEPY_COLD const char* value_of(const char* name) noexcept {
    const Setting* const setting = find(name);
    return setting ? setting->value : "";
  }
  /// Whether a switch is on.
  LATEPY_COLD bool is_on(const char* name) noexcept {
    std::int64_t number = 0;
    return parse_number(value_of(name), number) && number != 0;
  }

 private:
  /// Appends an option.
  LATEPY_COLD void add(Setting::Kind kind, const char* name, const char* value) {
    all_.push_back({kind, false, false, name, value});
  }
  /// The same, for a text that may contain a NUL byte, at which CPython would cut it. \throws StartError if it does.
  LATEPY_COLD void add(Setting::Kind kind, const char* name, const std::string& value) {
    if (value.find('\0') != std::string::npos)
      throw_error<StartError>({"cannot start Python: ", name, " holds a NUL byte: ", value.c_str(), "\\0..."});
    add(kind, name, value.c_str());
  }
  void add_switches(const Config& config);
  void add_from_environment(bool use_environment);
  void add_asked_for(const std::string& name, const std::string& value);

  std::string executable_;
  std::vector<Setting> all_{};
};

LATEPY_COLD inline void Settings::add_switches(const Config& config) {
  const char* name =
      "isolated\0use_environment\0user_site_directory\0site_import\0write_bytecode\0install_signal_handlers\0"
      "utf8_mode\0safe_path\0configure_locale\0coerce_c_locale\0configure_c_stdio\0parse_argv\0pathconfig_warnings\0"
      "remote_debug";
  const bool values[14] = {true,
                           config.use_environment,
                           config.user_site,
                           config.site,
                           config.write_bytecode,
                           config.signal_handlers,
                           config.utf8,
                           true};  // the others are false
  for (const bool value : values) {
    add(Setting::number, name, value ? "1" : "0");
    name += std::strlen(name) + 1;
  }
  // What set() says of a switch goes before the field, also for what depends on it.
  for (const auto& [option, value] : config.options)
    if (find(option.c_str())) add_asked_for(option, value);
  // An isolated Python would turn both off.
  if (!all_[0].asked_for && (is_on("use_environment") || is_on("user_site_directory"))) all_[0].value = "0";
}

/// Adds the options for which an isolated configuration has fixed values, so that CPython does not read the
/// environment. PyInitConfig cannot set them back to "unset", so latepy reads the variables itself (Python/initconfig.c
/// 3.14: config_init_hash_seed and the functions near it).
LATEPY_COLD inline void Settings::add_from_environment(bool use_environment) {
  static constexpr struct {
    char variable[24], option[24];
    bool is_switch;    // any text turns it on; otherwise the text is a number
    bool has_default;  // "0" where the variable is not set
  } variables[] = {{"PYTHONDEVMODE", "dev_mode", true, true},
                   {"PYTHONFAULTHANDLER", "faulthandler", true, true},
                   {"PYTHONTRACEMALLOC", "tracemalloc", false, true},
                   {"PYTHONPERFSUPPORT", "perf_profiling", false, true},
                   {"PYTHONINTMAXSTRDIGITS", "int_max_str_digits", false, false},
                   {"PYTHONHASHSEED", "use_hash_seed", true, true},
                   {"PYTHONHASHSEED", "hash_seed", false, false}};
  for (const auto& [variable, option, is_switch, has_default] : variables) {
    const char* text = use_environment ? environment_value(variable) : nullptr;
    const bool is_random = text && std::strcmp(text, "random") == 0 && std::strcmp(variable, "PYTHONHASHSEED") == 0;
    if (text && *text && !is_random)
      add(Setting::number, option, is_switch ? "1" : text);
    else if (has_default)
      add(Setting::number, option, "0");
  }
}

/// Adds an option of Config::set().
LATEPY_COLD inline void Settings::add_asked_for(const std::string& name, const std::string& value) {
  Setting* const ours = find(name.c_str());
  const bool is_list = ours ? ours->kind == Setting::list
                            : name == "warnoptions" || name == "module_search_paths" || name == "orig_argv";
  add(is_list ? Setting::list : ours ? ours->kind : Setting::any, name.c_str(), value);
  Setting& added = all_.back();
  added.asked_for = true;
  if (!ours || is_list) return;
  *find(added.name) = added;  // replaces the option that was added before
  all_.pop_back();
}

LATEPY_COLD inline Settings::Settings(const Config& config, const Candidate& candidate, const Version& version)
    : executable_(executable_of(candidate, version)) {
  add_switches(config);
  add_from_environment(is_on("use_environment"));
  add(Setting::text, "program_name", executable_);
  add(Setting::text, "executable", executable_);
  add(Setting::text, "base_executable", candidate.base_executable.empty() ? executable_ : candidate.base_executable);
  if (!has_path_file(candidate)) add(Setting::text, "home", candidate.home);
  for (const std::string& argument : config.argv) add(Setting::list, "argv", argument);
  if (config.argv.empty()) add(Setting::list, "argv", "");
  // multiprocessing does not pass UTF-8 mode to child processes, but it passes -X utf8.
  add(Setting::list, "xoptions", is_on("utf8_mode") ? "utf8=1" : "utf8=0");
  for (const auto& [name, value] : config.options) add_asked_for(name, value);

  for (const Setting& setting : all_) {
    std::int64_t number;
    if (setting.kind == Setting::number && !parse_number(setting.value, number))
      throw_error<StartError>(
          {"cannot start Python: the option ", setting.name, " needs a decimal number, not \"", setting.value, "\""});
    const std::string_view name = setting.name;
    if ((name == "home" || name == "executable" || name == "base_executable") && !is_absolute(setting.value))
      throw_error<StartError>({"cannot start Python: its ", setting.name, " must be an absolute path, not \"",
                               setting.value,
                               "\", because for a relative path CPython searches PATH and the working directory"});
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
