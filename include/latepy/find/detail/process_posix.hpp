// latepy/find/detail/process_posix.hpp: this process, and running a Python to ask it; as process_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/files_posix.hpp>

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#if LATEPY_APPLE
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif
#ifdef __linux__
#include <sys/auxv.h>
#endif

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether the process runs with more rights than its user: set-uid, set-gid or file capabilities.
LATEPY_COLD inline bool is_secure_process() noexcept {
#ifdef __linux__
  return getauxval(AT_SECURE) != 0;
#else
  return issetugid() != 0;
#endif
}

LATEPY_COLD inline std::string process_variable(const char* name) {
  const char* const value = getenv(name);
  return value ? value : "";
}

LATEPY_COLD inline std::string program_path() {
#if LATEPY_APPLE
  std::string path(PATH_MAX, '\0');
  auto size = static_cast<unsigned>(path.size());
  if (_NSGetExecutablePath(&path[0], &size) != 0) return {};
  return real_path(path.c_str());
#elif defined(__linux__)
  return real_path("/proc/self/exe");
#else
  return real_path("/proc/curproc/file");
#endif
}

/// The files of all libraries in this process, also of those loaded RTLD_LOCAL.
LATEPY_COLD inline std::vector<std::string> loaded_libraries() {
  std::vector<std::string> paths;
#if LATEPY_APPLE
  for (unsigned i = 0, count = _dyld_image_count(); i < count; ++i)
    if (const char* name = _dyld_get_image_name(i)) paths.push_back(name);
#else
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* list) {
        if (info->dlpi_name && info->dlpi_name[0])
          static_cast<std::vector<std::string>*>(list)->push_back(info->dlpi_name);
        return 0;
      },
      &paths);
#endif
  return paths;
}

/// A symbol of a library that is in the process already. Does not make a local library global.
LATEPY_COLD inline void* loaded_symbol(const std::string& path, const char* name) noexcept {
  void* const handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* const address = dlsym(handle, name);
  dlclose(handle);
  return address;
}

/// Runs a program by its absolute path without a shell, with next to no environment, and gives what it printed, ""
/// when it failed, printed over 64 KiB, or did not end within the time.
LATEPY_COLD inline std::string run_and_read(std::initializer_list<const char*> command, int limit_ms = 5000) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  std::vector<char*> argv(command.size() + 1);
  std::size_t words = 0;
  for (const char* word : command) argv[words++] = const_cast<char*>(word);
  char locale[] = "LC_ALL=C.UTF-8";
  char* const environment[] = {locale, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const bool started = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environment) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  std::string text;
  bool ended = false;
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<long long>(time.tv_sec) * 1000 + time.tv_nsec / 1000000;
  };
  for (const long long deadline = now() + limit_ms; started && !ended && text.size() <= 65536;) {
    const long long left = deadline - now();
    pollfd waiting{ends[0], POLLIN, 0};
    if (left <= 0) break;
    if (poll(&waiting, 1, static_cast<int>(left)) < 0 && errno == EINTR) continue;
    char piece[4096];
    const ssize_t got = waiting.revents ? read(ends[0], piece, sizeof piece) : -1;
    if (got < 0) break;
    ended = got == 0;
    text.append(piece, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  if (!started) return {};
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : std::string();
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
