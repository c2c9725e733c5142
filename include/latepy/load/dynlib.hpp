// latepy/load/dynlib.hpp: DynLib, a shared library that is opened at run time.
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

/// An open shared library (dlopen, LoadLibraryExW). Movable. The destructor closes the library unless keep() was
/// called. Needs no Python, no GIL.
class DynLib {
 public:
  /// Opens a library by its absolute path. All of its symbols are bound at once and are visible to libraries that are
  /// loaded later, as CPython's extension modules need. A library that is loaded already, with symbols visible only to
  /// itself, becomes visible too.
  /// \throws LoadError with the path and the message of the system's loader.
  explicit DynLib(const Path& path) : path_(path.string()), lib_(open(path_)) {}

  /// The library in this process that contains the address. Loads nothing.
  /// \throws LoadError if no library contains it, or it is null.
  static DynLib containing(const void* address);

  /// The program, with the libraries that it links and those that were loaded with visible symbols (on Windows the
  /// program's file only). Its path() is empty.
  static DynLib program() { return DynLib(std::string(), detail::NativeLib::program()); }

  /// Takes over the library of `other`, which is left without one.
  DynLib(DynLib&& other) noexcept : path_(std::move(other.path_)), lib_(other.lib_) { other.lib_ = {}; }
  /// Exchanges the two libraries.
  DynLib& operator=(DynLib&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lib_, other.lib_);
    return *this;
  }
  ~DynLib() { lib_.close(); }

  ///@{
  /// The path that the library was opened by, or that the system gave for the address; empty for the program.
  const std::string& path() const& noexcept { return path_; }
  std::string path() && noexcept { return std::move(path_); }
  ///@}
  /// Keeps the library loaded until the process ends: CPython and its extension modules cannot be unloaded safely.
  void keep() noexcept { lib_.keep(); }

  /// The address of a symbol, or nullptr if the library lacks it.
  void* find(const char* name) const noexcept { return lib_.find(name); }

  /// The address of a function or variable, given its type: `lib.get<int()>("Py_IsInitialized")()`,
  /// `*lib.get<int>("Py_UTF8Mode")`. \throws SymbolError with the library and the symbol.
  template <class T>
  T* get(const char* name) const {
    if (void* address = find(name)) return cast<T>(address);
    throw SymbolError(detail::concat({path_.empty() ? "this program" : path_.c_str(), " has no symbol ", name}),
                      {name});
  }
  /// As get(), but gives nullptr if the library lacks the symbol.
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
  std::string path, error = "it is null";
  detail::NativeLib lib;
  if (address) lib = detail::NativeLib::containing(address, path, error);
  if (!lib) detail::throw_error<LoadError>({"no library of this process holds the address: ", error});
  return DynLib(std::move(path), lib);
}

LATEPY_FUNC detail::NativeLib DynLib::open(const std::string& path) {
  if (path.empty()) detail::throw_error<LoadError>({"cannot load a library: the path is empty"});
  if (path.find('\0') != std::string::npos)
    detail::throw_error<LoadError>({"cannot load a library: its path contains a NUL byte: ", path});
  std::string error;
  const detail::NativeLib lib = detail::NativeLib::open(path, error);
  if (!lib) detail::throw_error<LoadError>({"cannot load ", path, ": ", error});
  return lib;
}

#endif

}  // namespace v1
}  // namespace latepy
