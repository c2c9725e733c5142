// latepy/load/dynlib.hpp: DynLib, a shared library opened at run time.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/text.hpp>
#include <latepy/load/error.hpp>
#include <latepy/load/path.hpp>
#if LATEPY_WINDOWS
#include <latepy/load/detail/dynlib_windows.hpp>
#else
#include <latepy/load/detail/dynlib_posix.hpp>
#endif

#include <type_traits>

namespace latepy {
inline namespace v1 {

/// RAII over dlopen and LoadLibraryExW. Movable; the destructor closes the library unless keep() was called.
/// No Python thread or GIL state is needed.
class DynLib {
 public:
  /// Opens a library by its absolute path, all symbols bound at once and visible to libraries loaded later, as
  /// CPython's extension modules need it. A library that is already loaded for itself only is made visible.
  /// \throws LoadError with the file and the loader's own words.
  explicit DynLib(const Path& path) : path_(path.string()), lib_(open(path_)) {}

  /// The library already in this process that holds the address, without loading anything.
  /// \throws LoadError when the address lies in no library.
  static DynLib containing(const void* address);

  /// The whole program: what it links and what was loaded for all to see. Has no path.
  static DynLib program() { return DynLib(std::string(), detail::NativeLib::program()); }

  DynLib(DynLib&& other) noexcept : path_(std::move(other.path_)), lib_(other.lib_) { other.lib_ = {}; }
  DynLib& operator=(DynLib&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lib_, other.lib_);
    return *this;
  }
  ~DynLib() { lib_.close(); }

  /// The file, as it was opened; empty for the program.
  const std::string& path() const noexcept { return path_; }
  /// Never unload: CPython and its extension modules do not bear it.
  void keep() noexcept { lib_.keep(); }

  /// The address of a symbol, or nullptr.
  void* find(const char* name) const noexcept { return lib_.find(name); }

  /// A function or variable by its type: `lib.get<int()>("Py_IsInitialized")()`, `lib.get<int>("Py_UTF8Mode")`.
  /// \throws SymbolError naming the library and the symbol.
  template <class T>
  T* get(const char* name) const {
    if (void* address = find(name)) return cast<T>(address);
    throw SymbolError(detail::concat({path_.empty() ? "this program" : path_.c_str(), " has no symbol ", name}),
                      {name});
  }
  /// As get(), but nullptr where the library lacks the symbol.
  template <class T>
  T* try_get(const char* name) const noexcept {
    return cast<T>(find(name));
  }

 private:
  DynLib(std::string path, detail::NativeLib lib) : path_(std::move(path)), lib_(lib) {}
  template <class T>
  static T* cast(void* address) noexcept {
    if constexpr (std::is_function_v<T>)
      return reinterpret_cast<T*>(address);
    else
      return static_cast<T*>(address);
  }
  static detail::NativeLib open(const std::string& path);

  std::string path_;
  detail::NativeLib lib_;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC DynLib DynLib::containing(const void* address) {
  std::string path, error;
  const detail::NativeLib lib = detail::NativeLib::containing(address, path, error);
  if (!lib) detail::throw_error<LoadError>({"no library of this process holds the address: ", error});
  return DynLib(std::move(path), lib);
}

LATEPY_FUNC detail::NativeLib DynLib::open(const std::string& path) {
  if (path.empty()) detail::throw_error<LoadError>({"cannot load a library: the path is empty"});
  if (path.find('\0') != std::string::npos)
    detail::throw_error<LoadError>({"cannot load a library: NUL byte in ", path});
  std::string error;
  const detail::NativeLib lib = detail::NativeLib::open(path, error);
  if (!lib) detail::throw_error<LoadError>({"cannot load ", path, ": ", error});
  return lib;
}

#endif

}  // namespace v1
}  // namespace latepy
