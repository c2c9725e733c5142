// latepy/run/sub_config.hpp: SubConfig, the options of a SubInterpreter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/config.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {
/// A bool that knows whether it was set.
class Choice {
 public:
  /// Is set.
  Choice(bool value) noexcept : value_(value), is_set_(true) {}
  /// Is not set: the value is the default.
  static Choice by_default(bool value) noexcept {
    Choice made(value);
    made.is_set_ = false;
    return made;
  }
  operator bool() const noexcept { return value_; }
  bool is_set() const noexcept { return is_set_; }

 private:
  bool value_, is_set_;
};
}  // namespace detail

/// The options of a SubInterpreter. New versions of latepy only append members.
struct SubConfig {
  /// Have a GIL of its own, so that it runs at the same time as others. Before 3.12 all interpreters share one.
  detail::Choice own_gil = detail::Choice::by_default(true);
  /// Folders and zip files to put first on sys.path, in this order.
  std::vector<Path> paths{};
  /// As those of Config, each for this interpreter alone. With an own GIL, callbacks of several interpreters may be
  /// called at the same time.
  ///@{
  Hook<void(std::string_view), detail::OutputHook> on_stdout{};
  Hook<void(std::string_view), detail::OutputHook> on_stderr{};
  Hook<std::optional<std::string>(), detail::InputHook> on_stdin{};
  std::vector<std::pair<std::string, Hook<void(Module&), detail::ModuleHook>>> extra_modules{};
  ///@}
  /// Let scripts make threads. Daemon threads are never allowed from 3.12 on.
  bool allow_threads = true;
  /// Tell CPython to allow os.fork() and os.exec(), from 3.12 on. While a SubInterpreter lives, latepy refuses
  /// os.fork() all the same.
  bool allow_fork = false;
  /// Refuse extension modules that do not say that they work in several interpreters, from 3.12 on. If false, the
  /// interpreter shares the GIL and the memory allocator of the main one. Such modules may fail there.
  bool check_extensions = true;
};

}  // namespace v1
}  // namespace latepy
