// latepy/run/detail/wake_posix.hpp: Wake, with which any thread or signal handler wakes one that waits, on POSIX.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdint>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// Wakes the one thread that waits. On Linux an eventfd, elsewhere a pipe: write() may be called in a signal handler.
class Wake {
 public:
  /// \throws std::bad_alloc if there is no file descriptor left.
  Wake() {
#ifdef __linux__
    ends_[0] = ends_[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ends_[0] < 0) throw std::bad_alloc();
#else
    if (pipe(ends_) != 0) throw std::bad_alloc();
    for (const int end : ends_) {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      fcntl(end, F_SETFL, O_NONBLOCK);
    }
#endif
  }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake() {
    close(ends_[0]);
    if (ends_[1] != ends_[0]) close(ends_[1]);
  }
  /// Any thread, also in a signal handler. Keeps errno.
  void post() noexcept {
    const int before = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(ends_[1], &one, sizeof one);  // a full pipe wakes too
    errno = before;
  }
  /// Waits for post(), or until `milliseconds` have passed. Negative: without a limit.
  void wait(int milliseconds) noexcept {
    pollfd end{ends_[0], POLLIN, 0};
    poll(&end, 1, milliseconds);
    clear();
  }
  /// Forgets what was posted.
  void clear() noexcept {
    std::uint64_t all[8];
    while (read(ends_[0], all, sizeof all) == static_cast<ssize_t>(sizeof all)) {
    }
  }
  /// The descriptor that can be read after post().
  int descriptor() const noexcept { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};  // to read from, to write to
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
