// latepy/load/detail/dynlib_posix.hpp: NativeLib over dlopen; its counterpart is dynlib_windows.hpp.
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

/// A trivially copyable handle; DynLib owns it.
class NativeLib {
 public:
  NativeLib() = default;
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  LATEPY_COLD static NativeLib open(const std::string& path, std::string& error) {
    // RTLD_GLOBAL: extension modules do not link libpython on Linux and bind to its symbols (python/cpython#80934).
    // RTLD_NODELETE comes with keep(). Opening again what was opened RTLD_LOCAL promotes it (dlopen(3)).
    return from(dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL), path, error);
  }

  LATEPY_COLD static NativeLib containing(const void* address, std::string& path, std::string& error) {
    Dl_info info;
    if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
      error = "dladdr knows it not";
      return {};
    }
    path = info.dli_fname;
    if (char* full = realpath(info.dli_fname, nullptr)) {
      path = full;
      free(full);
    }
    if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD)) return from(handle, path, error);
    return program();  // the program itself cannot be opened by its name
  }

  static NativeLib program() noexcept {
    NativeLib lib;
    lib.handle_ = RTLD_DEFAULT == nullptr ? own_image() : RTLD_DEFAULT;
    lib.owned_ = false;
    return lib;
  }

  void* find(const char* name) const noexcept { return handle_ ? dlsym(handle_, name) : nullptr; }
  void keep() noexcept { owned_ = false; }
  void close() noexcept {
    if (handle_ && owned_) dlclose(handle_);
    handle_ = nullptr;
  }

 private:
  static void* own_image() noexcept { return dlopen(nullptr, RTLD_NOW); }
  static NativeLib from(void* handle, const std::string& path, std::string& error) {
    NativeLib lib;
    lib.handle_ = handle;
    if (!handle) {
      const char* text = dlerror();
      error = text ? text : "unknown error";
      if (error.compare(0, path.size() + 2, path + ": ") == 0) error.erase(0, path.size() + 2);
    }
    return lib;
  }

  void* handle_ = nullptr;
  bool owned_ = true;
};

/// Keeps the library that holds the address in the process, whoever closes it. Nothing where the address lies in none.
LATEPY_COLD inline void process_pin(const void* address) noexcept {
  Dl_info info;
  if (dladdr(address, &info) != 0 && info.dli_fname) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
/// Memory of zeros that any library of the process may free.
inline void* process_alloc(std::size_t size) noexcept { return calloc(1, size); }
inline void process_free(void* memory) noexcept { free(memory); }
/// Stops this thread for good.
[[noreturn]] inline void process_park() noexcept {
  for (;;) pause();
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
