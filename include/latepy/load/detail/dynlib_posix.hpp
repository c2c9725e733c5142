// latepy/load/detail/dynlib_posix.hpp: NativeLib, a shared library opened with dlopen. See also dynlib_windows.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The handle of an open library. Trivially copyable; it does not close the library by itself. DynLib owns it.
class NativeLib {
 public:
  NativeLib() = default;
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// Opens a library. If it fails, gives an empty NativeLib and fills `error`.
  LATEPY_COLD static NativeLib open(const std::string& path, std::string& error) {
    // RTLD_GLOBAL: on Linux, extension modules do not link libpython and are bound to its symbols
    // (python/cpython#80934). A library that was opened with RTLD_LOCAL becomes global by this (dlopen(3)).
    // No RTLD_NODELETE: keep() does the same when it is wanted.
    return from(dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL), path, error);
  }

  /// The loaded library that contains the address; fills `path`. If there is none, gives an empty NativeLib and fills
  /// `error`.
  LATEPY_COLD static NativeLib containing(const void* address, std::string& path, std::string& error) {
    Dl_info info;
    if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
      error = "dladdr() found no library there";
      return {};
    }
    path = info.dli_fname;
    if (char* full = realpath(info.dli_fname, nullptr)) {
      path = full;
      free(full);
    }
    if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD)) return from(handle, path, error);
    return program();  // dlopen() does not open the program by its path
  }

  /// The program with all symbols that are visible in it. close() leaves it open.
  static NativeLib program() noexcept {
    NativeLib lib;
    lib.handle_ = RTLD_DEFAULT == nullptr ? own_image() : RTLD_DEFAULT;
    lib.owned_ = false;
    return lib;
  }

  /// The address of a symbol, or null.
  void* find(const char* name) const noexcept { return handle_ ? dlsym(handle_, name) : nullptr; }
  /// Makes close() leave the library loaded.
  void keep() noexcept { owned_ = false; }
  /// Closes the library unless keep() was called. Leaves this empty.
  void close() noexcept {
    if (handle_ && owned_) dlclose(handle_);
    handle_ = nullptr;
  }

 private:
  /// A handle of the program that is not null, where RTLD_DEFAULT is null (Linux).
  static void* own_image() noexcept { return dlopen(nullptr, RTLD_NOW); }
  /// The result of dlopen() as a NativeLib; takes the error from dlerror(), without the path that it begins with.
  static NativeLib from(void* handle, const std::string& path, std::string& error) {
    NativeLib lib;
    lib.handle_ = handle;
    if (!handle) {
      const char* text = dlerror();
      error = text ? text : "dlopen() failed and dlerror() gave no reason";
      if (error.compare(0, path.size() + 2, path + ": ") == 0) error.erase(0, path.size() + 2);
    }
    return lib;
  }

  void* handle_ = nullptr;
  bool owned_ = true;
};

/// Keeps the library that contains the address loaded until the process ends. Does nothing if no library contains it.
LATEPY_COLD inline void process_pin(const void* address) noexcept {
  Dl_info info;
  if (dladdr(address, &info) != 0 && info.dli_fname) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
/// Zeroed memory that any library of the process may free with process_free(); null if there is none.
inline void* process_alloc(std::size_t size) noexcept { return calloc(1, size); }
/// Frees memory of process_alloc(). Null is allowed.
inline void process_free(void* memory) noexcept { free(memory); }
/// Blocks this thread forever.
[[noreturn]] inline void process_park() noexcept {
  for (;;) pause();
}
/// Waits for a millisecond.
inline void process_nap() noexcept { usleep(1000); }

}  // namespace detail
}  // namespace v1
}  // namespace latepy
