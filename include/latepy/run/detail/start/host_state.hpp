// latepy/run/detail/start/host_state.hpp: HostState, which saves and restores signal handlers, the locale and so on.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <array>
#include <cfenv>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#if LATEPY_WINDOWS
#include <direct.h>
#else
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// The constructor saves the signal handlers of the process. Needs no memory.
class SignalHandlers {
 public:
  LATEPY_COLD SignalHandlers() noexcept {
    for (int signal = 1; signal <= last; ++signal) known_[index(signal)] = get(signal, handlers_[index(signal)]);
  }
  LATEPY_COLD void restore() const noexcept {
    for (int signal = 1; signal <= last; ++signal) put_back(signal);
  }
  /// As restore(), but keeps the handlers that the program installed meanwhile.
  /// \param now what is installed. \param python an address in libpython: a handler in that library, or in an extension
  /// module such as readline, is not one of the program.
  LATEPY_COLD void restore_pythons(const SignalHandlers& now, const void* python) const noexcept {
    for (int signal = 1; signal <= last; ++signal)
      if (!now.is_programs(signal, python))
        put_back(signal);
      else
        now.put_back(signal);
  }

 private:
  static std::size_t index(int signal) { return static_cast<std::size_t>(signal - 1); }

#if LATEPY_WINDOWS
  static constexpr int last = 22;  // SIGABRT
  using Disposition = void (*)(int);

  static bool get(int signal, Disposition& disposition) {
    // The C runtime ends the process for the number of a signal that Windows does not have.
    if (signal != SIGINT && signal != SIGTERM && signal != SIGBREAK && signal != SIGABRT) return false;
    disposition = std::signal(signal, SIG_DFL);
    if (disposition == SIG_ERR) return false;
    std::signal(signal, disposition);
    return true;
  }
  void put_back(int signal) const {
    if (known_[index(signal)]) std::signal(signal, handlers_[index(signal)]);
  }
  bool is_programs(int, const void*) const { return false; }
#else
  static constexpr int last = 64;
  using Disposition = struct sigaction;

  static bool get(int signal, Disposition& disposition) { return sigaction(signal, nullptr, &disposition) == 0; }
  LATEPY_COLD void put_back(int signal) const {
    Disposition now;
    const Disposition& then = handlers_[index(signal)];
    if (!known_[index(signal)] || !get(signal, now)) return;
    if (handler(now) != handler(then) || now.sa_flags != then.sa_flags) sigaction(signal, &then, nullptr);
  }
  static const void* handler(const Disposition& disposition) {
    return disposition.sa_flags & SA_SIGINFO ? reinterpret_cast<const void*>(disposition.sa_sigaction)
                                             : reinterpret_cast<const void*>(disposition.sa_handler);
  }
  /// Whether the file is an extension module of Python: its name is that of its function PyInit_*.
  static bool is_extension_module(const char* file) noexcept {
    const char* const slash = std::strrchr(file, '/');
    const char* const name = slash ? slash + 1 : file;
    char function[100] = "PyInit_";
    const std::size_t size = std::strcspn(name, ".");
    if (size + sizeof "PyInit_" > sizeof function) return false;
    std::memcpy(function + std::strlen(function), name, size);
    void* const library = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
    if (!library) return false;
    const bool is_there = dlsym(library, function) != nullptr;
    dlclose(library);
    return is_there;
  }
  /// Whether the handler is a function of the program: neither of the library at `python` nor of an extension module.
  bool is_programs(int signal, const void* python) const {
    const Disposition& disposition = handlers_[index(signal)];
    const bool is_function =
        (disposition.sa_flags & SA_SIGINFO) || (disposition.sa_handler != SIG_DFL && disposition.sa_handler != SIG_IGN);
    Dl_info ours, theirs;
    return known_[index(signal)] && is_function && dladdr(handler(disposition), &ours) != 0 &&
           dladdr(python, &theirs) != 0 && ours.dli_fbase != theirs.dli_fbase && !is_extension_module(ours.dli_fname);
  }
#endif

  std::array<Disposition, last> handlers_{};
  std::array<bool, last> known_{};
};

/// The constructor saves the signal handlers, locale, floating point environment and working directory of the process.
/// Of the environment variables it saves those that the module readline sets; CPython and latepy set none. Without
/// memory it saves all but these variables and a locale with a long name. To restore all but the variables needs no
/// memory.
class HostState {
 public:
  LATEPY_COLD HostState() noexcept {
    std::fegetenv(&floating_point_);
    save_folder();
    try {
      if (const char* locale = std::setlocale(LC_ALL, nullptr)) locale_ = locale;
      for (std::size_t i = 0; i < 2; ++i)
        if (const char* value = std::getenv(size_variables[i])) size_of_terminal_[i] = value;
    } catch (const std::bad_alloc&) {  // a locale with a long name stays as it will be
    }
  }
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  /// Restores everything that was changed. \param with_signals false: the signal handlers stay as they are, for
  /// Config::signal_handlers.
  LATEPY_COLD void restore(bool with_signals = true) const noexcept {
    const char* locale = std::setlocale(LC_ALL, nullptr);
    if (!locale_.empty() && (!locale || locale_ != locale)) std::setlocale(LC_ALL, locale_.c_str());
    std::fesetenv(&floating_point_);
    if (folder_[0] != 0) change_folder();
    if (with_signals) signals_.restore();
  }

  /// After the stop, restores what Python has set while it ran: the signal handlers, except those that the program
  /// installed, see SignalHandlers::restore_pythons(), and the variables. \param before the handlers just before the
  /// stop. \param with_readline whether the module readline was imported, which sets LINES and COLUMNS.
  LATEPY_COLD void restore_after_stop(const SignalHandlers& before, const void* python,
                                      bool with_readline) const noexcept {
    signals_.restore_pythons(before, python);
    for (std::size_t i = 0; with_readline && i < 2; ++i) put_back(size_variables[i], size_of_terminal_[i]);
  }

 private:
#if LATEPY_WINDOWS
  void save_folder() noexcept {
    if (!_wgetcwd(folder_, static_cast<int>(std::size(folder_)))) folder_[0] = 0;
  }
  void change_folder() const { (void)_wchdir(folder_); }
  static void put_back(const char*, const std::optional<std::string>&) {}  // Windows has no readline
  wchar_t folder_[4096];
#else
  void save_folder() noexcept {
    if (!getcwd(folder_, sizeof folder_)) folder_[0] = 0;
  }
  void change_folder() const {
    if (chdir(folder_) != 0) {
    }  // the folder was deleted: it cannot be restored
  }
  static void put_back(const char* variable, const std::optional<std::string>& value) noexcept {
    const char* const now = std::getenv(variable);
    if (value && (!now || *value != now)) setenv(variable, value->c_str(), 1);
    if (!value && now) unsetenv(variable);
  }
  char folder_[4096];
#endif

  static constexpr const char* size_variables[] = {"LINES", "COLUMNS"};
  std::optional<std::string> size_of_terminal_[2];
  std::string locale_{};
  std::fenv_t floating_point_{};
  SignalHandlers signals_{};
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
