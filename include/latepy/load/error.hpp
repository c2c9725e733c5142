// latepy/load/error.hpp: the exceptions of latepy itself; those of Python are in core/python_error.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>
#include <latepy/fwd.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latepy {
inline namespace v1 {

/// Base of everything that latepy throws. All are copyable, safe on any thread without the GIL, and after the stop.
class LATEPY_VISIBLE Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No CPython could be found or loaded. what() holds the table of everything tried and the remedy for this system.
class LATEPY_VISIBLE LoadError : public Error {
 public:
  explicit LoadError(const std::string& what, std::shared_ptr<const Discovery> discovery = nullptr)
      : Error(what), discovery_(std::move(discovery)) {}
  /// What was tried, as data; without candidates when the library was named by the caller. Defined in discovery.hpp.
  const Discovery& discovery() const noexcept;

 private:
  std::shared_ptr<const Discovery> discovery_;
};

/// The library was loaded and lacks functions that every CPython from 3.9 on has.
class LATEPY_VISIBLE SymbolError : public LoadError {
 public:
  /// `missing` are the names that the library lacks.
  SymbolError(const std::string& what, std::vector<std::string> missing)
      : LoadError(what), missing_(std::make_shared<const std::vector<std::string>>(std::move(missing))) {}
  /// All missing names, in the order of the symbol list.
  const std::vector<std::string>& missing() const noexcept { return *missing_; }

 private:
  std::shared_ptr<const std::vector<std::string>> missing_;
};

/// CPython was loaded and refused to start. A failed start cannot be repeated in the same process.
class LATEPY_VISIBLE StartError : public Error {
 public:
  using Error::Error;
};

/// A call at the wrong time: no interpreter, a second one, an Object of an interpreter that ended, an empty Object.
class LATEPY_VISIBLE StateError : public Error {
 public:
  using Error::Error;
};

/// A Python object is not what was asked for, or a C++ value has no Python form.
/// what() is `[3]["x"]: cannot convert 'str' "abc" to int`: the way to the place, then type, value and wish.
class LATEPY_VISIBLE ConversionError : public Error {
 public:
  /// `reason` is the sentence without the path.
  explicit ConversionError(const std::string& reason) : Error(reason), text_(std::make_shared<Text>()) {
    text_->reason = text_->what = reason;
  }
  const char* what() const noexcept override { return text_->what.c_str(); }
  /// The way from the object that was converted to the part that failed: `[3]["x"]`, empty when it was the object.
  const std::string& path() const noexcept { return text_->path; }
  const std::string& reason() const noexcept { return text_->reason; }
  /// Containers put their own step before the path while the error passes through them.
  void inside(std::string_view step) {
    text_->path.insert(0, step);
    text_->what = text_->path + ": " + text_->reason;
  }

 private:
  struct Text {
    std::string path, reason, what;
  };
  std::shared_ptr<Text> text_;
};

}  // namespace v1
}  // namespace latepy
