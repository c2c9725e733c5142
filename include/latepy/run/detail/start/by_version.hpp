// latepy/run/detail/start/by_version.hpp: starts CPython by PyInitConfig, by PyConfig, or by global flags.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/start/config_layout.hpp>
#include <latepy/run/detail/start/settings.hpp>

#include <cwchar>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The text of the failure after which this process cannot start Python again; null if there was none.
inline std::string* failed_start = nullptr;

/// The data of one start, for all three ways. `touched` becomes true just before CPython initialises itself. If that
/// fails, no later start can succeed: in all versions Py_InitializeFromConfig then fails with "can't finish
/// initializing sys".
struct Start {
  const Api& api;
  const Config& config;
  Settings& settings;
  std::string python;  // "CPython 3.11.7 (/usr/lib/libpython3.11.so.1.0)"
  bool touched = false;

  /// Throws a StartError with the reason and the paths of Python.
  [[noreturn]] LATEPY_COLD void fail(TextParts reason) {
    const std::string what = concat({python, " did not start: ", concat(reason), "\n  with home = \"",
                                     settings.value_of("home"), "\" executable = \"", settings.value_of("executable"),
                                     "\" base_executable = \"", settings.value_of("base_executable"), "\""});
    if (touched) failed_start = new std::string(what);
    throw StartError(what);
  }
  /// Throws a StartError about one option.
  [[noreturn]] LATEPY_COLD void refuse(const Setting& setting, std::string_view why) {
    throw_error<StartError>(
        {"cannot start Python: ", python, " ", why, ": ", setting.name, " = \"", setting.value, "\""});
  }
  /// Calls fail() if the status is not ok. \param step the name of CPython's function.
  LATEPY_COLD void expect_ok(const InitStatus& status, const char* step) {
    if (status.type == InitStatus::ok) return;
    if (status.type == InitStatus::exit)
      fail({step, "() asked to end the process with exit code ", decimal(status.exitcode)});
    fail({status.func ? status.func : step, ": ", status.message ? status.message : "CPython gave no reason"});
  }
  /// Does what the Config has to be done after the pre-initialisation.
  void pre_initialized() const { config.memory_limit.apply(Moment::pre_initialized); }
  /// The value of an option that is a number. \throws StartError if it is not one.
  LATEPY_COLD std::int64_t number(const Setting& setting) {
    std::int64_t value = 0;
    if (!parse_number(setting.value, value)) refuse(setting, "needs a decimal number for this option");
    return value;
  }
};

// ---- All versions: the pre-initialisation.

/// The member of PyPreConfig with this name, or nullptr. PyConfig has some of these members too, and copies them from
/// PyPreConfig.
LATEPY_COLD inline int* pre_option(PreConfig& pre, const char* name) {
  static constexpr struct {
    char name[24];
    int PreConfig::*member;
  } options[] = {{"isolated", &PreConfig::isolated},
                 {"use_environment", &PreConfig::use_environment},
                 {"configure_locale", &PreConfig::configure_locale},
                 {"coerce_c_locale", &PreConfig::coerce_c_locale},
                 {"coerce_c_locale_warn", &PreConfig::coerce_c_locale_warn},
                 {"utf8_mode", &PreConfig::utf8_mode},
                 {"dev_mode", &PreConfig::dev_mode},
                 {"allocator", &PreConfig::allocator}};
  for (const auto& option : options)
    if (std::strcmp(name, option.name) == 0) return &(pre.*option.member);
  return nullptr;
}

/// Calls Py_PreInitialize() with the options that PyPreConfig has. \throws StartError if neither PyPreConfig nor the
/// second part of the start knows an option of Config::set().
LATEPY_COLD inline void pre_initialize(Start& start) {
  PreConfig pre;
  start.api.PreConfig_InitIsolatedConfig(&pre);
  for (const Setting& setting : start.settings) {
    if (int* value = pre_option(pre, setting.name))
      *value = static_cast<int>(start.number(setting));
    else if (setting.asked_for && !setting.is_known)
      start.refuse(setting, "has no such option");
  }
  start.expect_ok(start.api.PreInitialize(&pre), "Py_PreInitialize");
  start.pre_initialized();
}

// ---- 3.14 and newer: PyInitConfig (PEP 741). It is opaque; options have names; text is UTF-8.

/// Owns a PyInitConfig.
class OwnedInitConfig {
 public:
  LATEPY_COLD explicit OwnedInitConfig(const Api& api) : api_(api), config_(api.InitConfig_Create()) {
    if (!config_) throw std::bad_alloc();
  }
  OwnedInitConfig(const OwnedInitConfig&) = delete;
  OwnedInitConfig& operator=(const OwnedInitConfig&) = delete;
  LATEPY_COLD ~OwnedInitConfig() { api_.InitConfig_Free(config_); }
  InitConfig* get() const noexcept { return config_; }
  /// The text of CPython's error.
  LATEPY_COLD std::string error() const {
    int code = 0;
    if (api_.InitConfig_GetExitCode(config_, &code))
      return concat({"CPython asked to end the process with exit code ", decimal(code)});
    const char* text = nullptr;
    api_.InitConfig_GetError(config_, &text);
    return text ? text : "CPython gave no reason";
  }

 private:
  const Api& api_;
  InitConfig* config_;
};

/// Sets one option of the PyInitConfig. Returns a negative number if CPython refuses it.
LATEPY_COLD inline int set_option(Start& start, InitConfig* config, const Setting& setting) {
  const Api& api = start.api;
  if (setting.kind == Setting::list) {
    if (start.settings.find(setting.name) != &setting) return 0;  // the first entry has set all of them
    std::vector<char*> values(start.settings.size());
    std::size_t count = 0;
    for (const Setting* each = &setting; each; each = start.settings.find(setting.name, each))
      values[count++] = const_cast<char*>(each->value);
    return api.InitConfig_SetStrList(config, setting.name, count, values.data());
  }
  std::int64_t value = 0;
  bool is_number = setting.kind == Setting::number;
  // To learn whether the option is a number, try it. A failure would stay in the config, so try another config.
  if (setting.kind == Setting::any && parse_number(setting.value, value))
    is_number = api.InitConfig_SetInt(OwnedInitConfig(api).get(), setting.name, value) == 0;
  return is_number ? api.InitConfig_SetInt(config, setting.name, start.number(setting))
                   : api.InitConfig_SetStr(config, setting.name, setting.value);
}

/// Starts CPython by PyInitConfig.
LATEPY_COLD inline void start_by_init_config(Start& start) {
  const Api& api = start.api;
  const OwnedInitConfig config(api);
  for (Setting& setting : start.settings) {
    setting.is_known = api.InitConfig_HasOption(config.get(), setting.name) != 0;
    if (!setting.is_known) {
      if (setting.asked_for) start.refuse(setting, "has no such option");
    } else if (set_option(start, config.get(), setting) < 0) {
      start.refuse(setting, concat({"refused the value of an option (", config.error(), ")"}));
    }
  }
  if (start.config.memory_limit != 0) pre_initialize(start);  // else CPython does it together with the rest
  start.touched = true;
  if (api.InitializeFromInitConfig(config.get()) < 0) start.fail({config.error()});
}

// ---- 3.9 to 3.13: PyConfig or the global flags.

/// Text that CPython decoded to wchar_t: from UTF-8, or from the encoding of the locale if UTF-8 mode is off. Bytes
/// that are not valid become lone surrogates (PEP 383), which Python encodes as the same bytes for the operating
/// system.
class WideText {
 public:
  LATEPY_COLD WideText(Start& start, const char* text) : api_(start.api), text_(api_.DecodeLocale(text, nullptr)) {
    if (!text_) start.fail({"cannot decode \"", text, "\""});
  }
  WideText(const WideText&) = delete;
  WideText& operator=(const WideText&) = delete;
  LATEPY_COLD ~WideText() {
    if (text_) api_.Mem_RawFree(text_);
  }
  wchar_t* get() const { return text_; }
  /// Gives the text to CPython, which keeps the pointer and never frees it.
  wchar_t* release() noexcept { return std::exchange(text_, nullptr); }

 private:
  const Api& api_;
  wchar_t* text_;
};

/// Sets one option of the PyConfig, at the offset in `row`, which find_row() has proved. Does nothing if it has none.
LATEPY_COLD inline void set_field(Start& start, ConfigMemory& config, const ConfigRow& row, const Setting& setting) {
  const ConfigField* field = row.find(setting.name);
  if (!field) return;
  const std::size_t at = row.offset(*field);
  if (field->kind == 'i')
    config.write(at, static_cast<int>(start.number(setting)));
  else if (field->kind == 'u')
    config.write(at, static_cast<unsigned long>(start.number(setting)));
  else if (field->kind == 's')
    start.expect_ok(start.api.Config_SetString(config.bytes, static_cast<wchar_t**>(config.at(at)),
                                               WideText(start, setting.value).get()),
                    "PyConfig_SetString");
  else
    start.expect_ok(start.api.WideStringList_Append(static_cast<WideStringList*>(config.at(at)),
                                                    WideText(start, setting.value).get()),
                    "PyWideStringList_Append");
}

/// Starts CPython by PyConfig, whose layout is `row`.
LATEPY_COLD inline void start_by_config(Start& start, const ConfigRow& row) {
  const Api& api = start.api;
  for (Setting& setting : start.settings) {
    const ConfigField* field = row.find(setting.name);
    if (!field) continue;
    if (field->kind == 'i' || field->kind == 'u') start.number(setting);  // throws before anything was changed
    // The last row also fits 3.13.2 on macOS, which has use_system_logger at the offset of enable_gil.
    const bool is_other =
        std::strcmp(setting.name, "enable_gil") == 0 && !std::strstr(api.GetVersion(), "free-threading");
    setting.is_known = !is_other && setting.name[0] != '_' && (field->kind != 'l' || setting.kind == Setting::list);
  }
  pre_initialize(start);

  constexpr unsigned char filler = 0xA5;
  ConfigMemory config(filler);
  api.Config_InitIsolatedConfig(config.bytes);
  const std::size_t size = config.used(filler);
  struct Clear {
    const Api& api;
    void* config;
    ~Clear() { api.Config_Clear(config); }
  } clear{api, config.bytes};
  // PyConfig_SetArgv() knows the offset of argv. If the row has the same, the row is right up to there at least.
  {
    const WideText first(start, start.settings.value_of("argv"));
    wchar_t* const argv[] = {first.get()};
    start.expect_ok(api.Config_SetArgv(config.bytes, 1, argv), "PyConfig_SetArgv");
    const auto argv_set = config.read<WideStringList>(row.offset(*row.find("argv")));
    if (argv_set.length != 1 || std::wcscmp(argv_set.items[0], first.get()) != 0)
      start.fail(
          {"PyConfig_SetArgv() did not write argv where latepy expects it: this build has another PyConfig; use "
           "another Python"});
  }
  const Setting* const first_argument = start.settings.find("argv");
  for (const Setting& setting : start.settings)
    if (&setting != first_argument) set_field(start, config, row, setting);
  if (start.settings.find("module_search_paths")) config.write(row.offset(*row.find("module_search_paths_set")), 1);

  start.touched = true;
  start.expect_ok(api.InitializeFromConfig(config.bytes), "Py_InitializeFromConfig");
  if (config.used(filler) != size)
    start.fail({"Py_InitializeFromConfig() wrote past the end of PyConfig: this build has a larger one"});
}

/// Starts CPython by global flags and Py_InitializeEx(), as programs did before 3.8. If that fails, CPython ends the
/// process. So it is only used for a CPython 3.9 to 3.13 whose PyConfig has a layout that latepy does not know.
LATEPY_COLD inline void start_by_flags(Start& start) {
  const Api& api = start.api;
  static constexpr struct {
    char name[24];
    int* Api::*flag;
    bool inverted;
  } flags[] = {{"isolated", &Api::IsolatedFlag, false},
               {"use_environment", &Api::IgnoreEnvironmentFlag, true},
               {"site_import", &Api::NoSiteFlag, true},
               {"user_site_directory", &Api::NoUserSiteDirectory, true},
               {"write_bytecode", &Api::DontWriteBytecodeFlag, true},
               {"optimization_level", &Api::OptimizeFlag, false},
               {"verbose", &Api::VerboseFlag, false}};
  Settings& settings = start.settings;
  if (!api.SetProgramName || !api.SetPythonHome || !api.SetArgvEx)
    start.fail(
        {"latepy does not know the layout of its PyConfig, and it does not export Py_SetProgramName; use another "
         "Python"});
  for (const char* name :
       {"program_name", "home", "argv", "xoptions", "install_signal_handlers", "executable", "base_executable"})
    for (Setting* setting = settings.find(name); setting; setting = settings.find(name, setting))
      setting->is_known = true;
  for (const auto& flag : flags)
    if (Setting* setting = settings.find(flag.name); setting && api.*flag.flag) {
      start.number(*setting);  // throws before anything was changed
      setting->is_known = true;
    }
  pre_initialize(start);
  for (const auto& flag : flags)
    if (const Setting* setting = settings.find(flag.name); setting && api.*flag.flag) {
      const int value = static_cast<int>(start.number(*setting));
      *(api.*flag.flag) = flag.inverted ? !value : value;
    }
  api.SetProgramName(WideText(start, settings.value_of("program_name")).release());
  if (const Setting* home = settings.find("home")) api.SetPythonHome(WideText(start, home->value).release());
  for (const Setting* each = settings.find("xoptions"); each && api.AddXOption; each = settings.find("xoptions", each))
    api.AddXOption(WideText(start, each->value).get());
  start.touched = true;
  api.InitializeEx(start.number(*settings.find("install_signal_handlers")) != 0);
  std::vector<wchar_t*> argv(settings.size());
  int count = 0;
  for (const Setting* each = settings.find("argv"); each; each = settings.find("argv", each))
    argv[static_cast<std::size_t>(count++)] = WideText(start, each->value).release();
  api.SetArgvEx(count, argv.data(), 0);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
