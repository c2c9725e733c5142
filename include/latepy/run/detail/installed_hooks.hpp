// latepy/run/detail/installed_hooks.hpp: InstalledHooks, the callbacks of a Config while they are installed.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/run/detail/audit_hook.hpp>
#include <latepy/run/detail/host_finder.hpp>
#include <latepy/run/detail/streams/redirect.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Installs Config::on_stdin, on_stdout, on_stderr, on_import and audit. The destructor removes them.
class InstalledHooks {
 public:
  /// Those for the streams. Needs the GIL.
  template <class C>
  LATEPY_COLD void install_streams(const C& config, bool by_line) {
    config.on_stdin.install(&streams_[0], "stdin", false);
    config.on_stdout.install(&streams_[1], "stdout", by_line);
    config.on_stderr.install(&streams_[2], "stderr", by_line);
  }
  /// Needs the GIL.
  LATEPY_COLD void install(const Config& config) {
    install_streams(config, config.output_by_line);
    config.on_import.install(&finder_, {}, false);
    config.audit.install(&audit_, {}, false);
  }
  /// Removes them. Any thread, at any time. Takes the GIL.
  LATEPY_COLD void end() noexcept {
    for (Redirect& stream : streams_) stream.end();
    finder_.end();
    audit_.end();
  }
  /// Makes end() leave those that are objects of Python: they stay until it has ended.
  LATEPY_COLD void let_go() noexcept {
    for (Redirect& stream : streams_) stream.let_go();
    finder_.let_go();
  }

 private:
  Redirect streams_[3];
  HostFinder finder_{};
  InstalledAudit audit_{};
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
