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

/// The value of an environment variable, "" where it is unset.
LATEPY_COLD inline Text process_variable(Arena& arena, Text name) {
  const char* const value = getenv(name.c_str());
  return value ? arena.copy(value) : "";
}

/// The file of this program.
LATEPY_COLD inline Text program_path(Arena& arena) {
#if LATEPY_APPLE
  char path[PATH_MAX];
  unsigned size = sizeof path;
  return _NSGetExecutablePath(path, &size) == 0 ? real_path(arena, path) : Text();
#elif defined(__linux__)
  return real_path(arena, "/proc/self/exe");
#else
  return real_path(arena, "/proc/curproc/file");
#endif
}

/// The files of all libraries in this process, also of those loaded RTLD_LOCAL.
LATEPY_COLD inline Texts loaded_libraries(Arena& arena) {
  Texts paths(arena);
#if LATEPY_APPLE
  for (unsigned i = 0, count = _dyld_image_count(); i < count; ++i)
    if (const char* name = _dyld_get_image_name(i)) paths.add(arena.copy(name));
#else
  struct List {
    Arena& arena;
    Texts& paths;
  } list{arena, paths};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        const auto& into = *static_cast<List*>(to);
        if (info->dlpi_name && info->dlpi_name[0]) into.paths.add(into.arena.copy(info->dlpi_name));
        return 0;
      },
      &list);
#endif
  return paths;
}

/// The loader's name of the library that holds the address, "" where no library does.
LATEPY_COLD inline Text library_at(Arena& arena, void* address) {
  Dl_info info;
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  return arena.copy(info.dli_fname);
}

/// A symbol of a library that is in the process already, or nullptr. A library that was loaded RTLD_LOCAL stays local.
LATEPY_COLD inline void* loaded_symbol(Text path, const char* name) noexcept {
  void* const handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* const address = dlsym(handle, name);
  dlclose(handle);
  return address;
}

/// Microseconds that have passed since some moment.
inline long long now_us() noexcept {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<long long>(time.tv_sec) * 1000000 + time.tv_nsec / 1000;
}

/// Runs a program without a shell and with an environment of one variable, and returns what it printed. Returns "" when
/// it failed, printed over 64 KiB, or did not end within the time. \param command the program's absolute path, its
/// arguments, and a null pointer.
LATEPY_COLD inline std::string_view run_and_read(Arena& arena, std::initializer_list<const char*> command,
                                                 int limit_ms = 5000) {
  constexpr std::size_t limit = 65536;
  char* const text = static_cast<char*>(arena.allocate(limit + 1));
  int ends[2];
  if (pipe(ends) != 0) return {};
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  char* const* const argv = const_cast<char* const*>(command.begin());
  char locale[] = "LC_ALL=C.UTF-8";
  char* const environment[] = {locale, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const bool started = posix_spawn(&child, argv[0], &actions, nullptr, argv, environment) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  std::size_t size = 0;
  bool ended = false;
  for (const long long deadline = now_us() / 1000 + limit_ms; started && !ended && size <= limit;) {
    const long long left = deadline - now_us() / 1000;
    pollfd waiting{ends[0], POLLIN, 0};
    if (left <= 0) break;
    if (poll(&waiting, 1, static_cast<int>(left)) < 0 && errno == EINTR) continue;
    const ssize_t got = waiting.revents ? read(ends[0], text + size, limit + 1 - size) : -1;
    if (got < 0) break;
    ended = got == 0;
    size += static_cast<std::size_t>(got);
  }
  close(ends[0]);
  if (!started) return {};
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const bool succeeded = ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return std::string_view(text, succeeded ? size : 0);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
