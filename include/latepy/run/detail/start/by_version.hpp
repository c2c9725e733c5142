// latepy/run/detail/start/by_version.hpp: the three ways to start a CPython: PyInitConfig, PyConfig, the flags of old.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/start/config_layout.hpp>
#include <latepy/run/detail/start/settings.hpp>

#include <cwchar>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Why this process can start no Python any more; see start().
inline std::string* failed_start = nullptr;

/// What the three ways share. `touched` is set when from there on a failure cannot be repeated (ABI of
/// Py_InitializeFromConfig: a second start fails in every version, "can't finish initializing sys").
struct Start {
  const Api& api;
  Settings& settings;
  std::string python;  // "CPython 3.11.7 (/usr/lib/libpython3.11.so.1.0)"
  bool touched = false;

  [[noreturn]] LATEPY_COLD void fail(TextParts reason) {
    std::string what = concat({python, " did not start: ", concat(reason), "\n  with"});
    for (const char* name : {"home", "executable", "base_executable"})
      what += concat({" ", name, " = \"", value_of(settings, name), "\""});
    if (touched) failed_start = new std::string(what);
    throw StartError(what);
  }
  [[noreturn]] LATEPY_COLD void refuse(const Setting& setting, std::string_view why) {
    std::string what = concat({"cannot start Python: ", python, " ", why, ": ", setting.name});
    if (!setting.values.empty()) what += concat({" = \"", setting.values.back(), "\""});
    throw StartError(what);
  }
  LATEPY_COLD void expect_ok(const InitStatus& status, const char* step) {
    if (status.type == InitStatus::ok) return;
    if (status.type == InitStatus::exit) fail({step, " asked for exit code ", decimal(status.exitcode)});
    fail({status.func ? status.func : step, ": ", status.message ? status.message : "no reason given"});
  }
  LATEPY_COLD std::int64_t number(const Setting& setting) {
    std::int64_t value = 0;
    if (!parse_number(setting.value(), value)) refuse(setting, "wants a number for this option");
    return value;
  }
};

// ---- 3.14 and newer: PyInitConfig (PEP 741), opaque, options by name, text in UTF-8

LATEPY_COLD inline void start_by_init_config(Start& start) {
  const Api& api = start.api;
  struct Owned {
    const Api& api;
    InitConfig* config;
    explicit Owned(const Api& a) : api(a), config(a.InitConfig_Create()) {
      if (!config) throw std::bad_alloc();
    }
    Owned(const Owned&) = delete;
    ~Owned() { api.InitConfig_Free(config); }
  } owned(api);
  InitConfig* config = owned.config;
  const auto reason = [&] {
    const char* text = nullptr;
    int code = 0;
    if (api.InitConfig_GetExitCode(config, &code)) return concat({"asked for exit code ", decimal(code)});
    api.InitConfig_GetError(config, &text);
    return concat({text ? text : "no reason given"});
  };
  for (const Setting& setting : start.settings) {
    const char* const name = setting.name;
    if (!api.InitConfig_HasOption(config, name)) {
      if (setting.asked_for) start.refuse(setting, "has no such option");
      continue;
    }
    int result = 0;
    std::int64_t value = 0;
    if (setting.kind == Setting::list) {
      std::vector<char*> items(setting.values.size());
      for (std::size_t i = 0; i < items.size(); ++i) items[i] = const_cast<char*>(setting.values[i].c_str());
      result = api.InitConfig_SetStrList(config, name, items.size(), items.data());
    } else if (setting.kind == Setting::number) {
      result = api.InitConfig_SetInt(config, name, start.number(setting));
    } else {
      // Only trying tells whether an option is a number, and a failed try would stay in the config.
      const bool is_number = setting.kind == Setting::any && parse_number(setting.value(), value) &&
                             api.InitConfig_SetInt(Owned(api).config, name, value) == 0;
      result = is_number ? api.InitConfig_SetInt(config, name, value)
                         : api.InitConfig_SetStr(config, name, setting.value().c_str());
    }
    if (result < 0) start.refuse(setting, concat({"refused an option (", reason(), ")"}));
  }
  start.touched = true;
  if (api.InitializeFromInitConfig(config) < 0) start.fail({reason()});
}

// ---- all others: the pre-initialisation, then PyConfig or the flags

/// The int of PyPreConfig that has this name, if one has. PyConfig has some of them too, and takes them from here.
LATEPY_COLD inline int* pre_option(PreConfig& pre, std::string_view name) {
  const struct {
    const char* name;
    int* value;
  } options[] = {{"isolated", &pre.isolated},
                 {"use_environment", &pre.use_environment},
                 {"configure_locale", &pre.configure_locale},
                 {"coerce_c_locale", &pre.coerce_c_locale},
                 {"coerce_c_locale_warn", &pre.coerce_c_locale_warn},
                 {"utf8_mode", &pre.utf8_mode},
                 {"dev_mode", &pre.dev_mode},
                 {"allocator", &pre.allocator}};
  for (const auto& option : options)
    if (name == option.name) return option.value;
  return nullptr;
}

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
}

/// UTF-8, or the locale's encoding when UTF-8 mode is off, as CPython decodes it now. Bytes that are not valid become
/// lone surrogates (PEP 383), and the same bytes again where Python hands them to the system.
class WideText {
 public:
  LATEPY_COLD WideText(Start& start, const std::string& text)
      : api_(start.api), text_(api_.DecodeLocale(text.c_str(), nullptr)) {
    if (!text_) start.fail({"cannot decode \"", text, "\""});
  }
  WideText(const WideText&) = delete;
  LATEPY_COLD ~WideText() {
    if (text_) api_.Mem_RawFree(text_);
  }
  wchar_t* get() const { return text_; }
  /// For CPython to keep, which never frees it.
  wchar_t* release() {
    wchar_t* text = text_;
    text_ = nullptr;
    return text;
  }

 private:
  const Api& api_;
  wchar_t* text_;
};

/// One option into the PyConfig. The offsets are those of a proved row.
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
                                               WideText(start, setting.value()).get()),
                    "PyConfig_SetString");
  else
    for (const std::string& value : setting.values)
      start.expect_ok(
          start.api.WideStringList_Append(static_cast<WideStringList*>(config.at(at)), WideText(start, value).get()),
          "PyWideStringList_Append");
}

LATEPY_COLD inline void start_by_config(Start& start, const ConfigRow& row) {
  const Api& api = start.api;
  for (Setting& setting : start.settings) {
    const ConfigField* field = row.find(setting.name);
    if (!field) continue;
    if (field->kind == 'i' || field->kind == 'u') start.number(setting);  // refused before anything is done
    // The last row also fits macOS 3.13.2, which has use_system_logger where enable_gil is.
    const bool is_other =
        std::string_view(setting.name) == "enable_gil" && !std::strstr(api.GetVersion(), "free-threading");
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
  // PyConfig_SetArgv knows where argv is; when it agrees with the row, the row is right to the end.
  Setting& argv = *find_setting(start.settings, "argv");
  struct WideItems {
    const Api& api;
    std::vector<wchar_t*> texts;
    ~WideItems() {
      for (wchar_t* text : texts) api.Mem_RawFree(text);
    }
  } items{api, std::vector<wchar_t*>(argv.values.size())};
  for (std::size_t i = 0; i < argv.values.size(); ++i) items.texts[i] = WideText(start, argv.values[i]).release();
  const auto count = static_cast<ssize>(items.texts.size());
  start.expect_ok(api.Config_SetArgv(config.bytes, count, items.texts.data()), "PyConfig_SetArgv");
  const auto argv_set = config.read<WideStringList>(row.offset(*row.find("argv")));
  if (argv_set.length != count || std::wcscmp(argv_set.items[0], items.texts[0]) != 0)
    start.fail({"PyConfig_SetArgv wrote elsewhere than it should"});

  for (const Setting& setting : start.settings)
    if (&setting != &argv) set_field(start, config, row, setting);
  if (Setting* search = find_setting(start.settings, "module_search_paths"); search && search->asked_for)
    config.write(row.offset(*row.find("module_search_paths_set")), 1);

  start.touched = true;
  start.expect_ok(api.InitializeFromConfig(config.bytes), "Py_InitializeFromConfig");
  if (config.used(filler) != size) start.fail({"it wrote past the end of its configuration"});
}

/// The way of 3.7 and older, which every version still has. Here CPython ends the process when it fails, so this is
/// for a CPython 3.9 to 3.13 whose PyConfig is laid out as none that is known.
LATEPY_COLD inline void start_by_flags(Start& start) {
  const Api& api = start.api;
  const struct {
    const char* name;
    int* flag;
    bool inverted;
  } flags[] = {{"isolated", api.IsolatedFlag, false},
               {"use_environment", api.IgnoreEnvironmentFlag, true},
               {"site_import", api.NoSiteFlag, true},
               {"user_site_directory", api.NoUserSiteDirectory, true},
               {"write_bytecode", api.DontWriteBytecodeFlag, true},
               {"optimization_level", api.OptimizeFlag, false},
               {"verbose", api.VerboseFlag, false}};
  if (!api.SetProgramName || !api.SetPythonHome || !api.SetArgvEx)
    start.fail({"it has neither a PyConfig that is known nor Py_SetProgramName"});
  for (const char* name : {"program_name", "home", "argv", "xoptions", "install_signal_handlers"})
    if (Setting* setting = find_setting(start.settings, name)) setting->is_known = true;
  for (const auto& flag : flags)
    if (Setting* setting = find_setting(start.settings, flag.name); setting && flag.flag) {
      start.number(*setting);  // refused before anything is done
      setting->is_known = true;
    }
  pre_initialize(start);
  for (const auto& flag : flags)
    if (const Setting* setting = find_setting(start.settings, flag.name); setting && flag.flag) {
      const int value = static_cast<int>(start.number(*setting));
      *flag.flag = flag.inverted ? !value : value;
    }
  api.SetProgramName(WideText(start, value_of(start.settings, "program_name")).release());
  if (const Setting* home = find_setting(start.settings, "home"))
    api.SetPythonHome(WideText(start, home->value()).release());
  if (api.AddXOption)
    for (const std::string& value : find_setting(start.settings, "xoptions")->values)
      api.AddXOption(WideText(start, value).get());
  start.touched = true;
  api.InitializeEx(start.number(*find_setting(start.settings, "install_signal_handlers")) != 0);
  const std::vector<std::string>& values = find_setting(start.settings, "argv")->values;
  std::vector<wchar_t*> argv(values.size());
  for (std::size_t i = 0; i < argv.size(); ++i) argv[i] = WideText(start, values[i]).release();
  api.SetArgvEx(static_cast<int>(argv.size()), argv.data(), 0);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
