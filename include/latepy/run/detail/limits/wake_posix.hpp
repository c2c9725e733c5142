// latepy/run/detail/limits/wake_posix.hpp: Wake, with which a signal handler wakes a thread, on POSIX systems.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Wakes the one thread that waits. It is a pipe, because write() may be called in a signal handler.
class Wake {
 public:
  /// \throws std::bad_alloc if there is no file descriptor left.
  Wake() {
    if (pipe(ends_) != 0) throw std::bad_alloc();
    for (const int end : ends_) {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      fcntl(end, F_SETFL, O_NONBLOCK);
    }
  }
  Wake(const Wake&) = delete;
  ~Wake() {
    close(ends_[0]);
    close(ends_[1]);
  }
  /// Any thread, also in a signal handler. Keeps errno.
  void post() noexcept {
    const int before = errno;
    [[maybe_unused]] const auto written = write(ends_[1], "", 1);  // a full pipe wakes too
    errno = before;
  }
  /// Waits for post(), or until `milliseconds` have passed. Negative: without a limit.
  void wait(int milliseconds) noexcept {
    pollfd end{ends_[0], POLLIN, 0};
    poll(&end, 1, milliseconds);
    char all[64];
    while (read(ends_[0], all, sizeof all) > 0) {
    }
  }

 private:
  int ends_[2];  // to read from, to write to
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
