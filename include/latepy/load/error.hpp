// latepy/load/error.hpp: latepy's own exceptions. Python's are in core/python_error.hpp and core/exceptions.hpp.
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

/// The base class of all exceptions that latepy throws, Python's included, except std::bad_alloc. They may be copied,
/// used and destroyed on any thread, without the GIL, and after Python has stopped.
class LATEPY_VISIBLE Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A library could not be loaded, or no CPython was found. For CPython, what() is a table of everything that was tried,
/// and says how to install one on this system.
class LATEPY_VISIBLE LoadError : public Error {
 public:
  /// `discovery` is what was tried.
  explicit LoadError(const std::string& what, std::shared_ptr<const Discovery> discovery = nullptr)
      : Error(what), discovery_(std::move(discovery)) {}
  ///@{
  /// What was tried, as data. It has no candidates if the caller named the library. Needs find/discovery.hpp.
  const Discovery& discovery() const& noexcept;
  Discovery discovery() &&;
  ///@}

 private:
  std::shared_ptr<const Discovery> discovery_;
};

/// A library was loaded but lacks symbols. libpython lacks functions that every CPython from 3.9 on has, or
/// DynLib::get() was asked for a symbol that is not there.
class LATEPY_VISIBLE SymbolError : public LoadError {
 public:
  /// `missing` are the names that the library lacks.
  SymbolError(const std::string& what, std::vector<std::string> missing)
      : LoadError(what), missing_(std::make_shared<const std::vector<std::string>>(std::move(missing))) {}
  ///@{
  /// All missing names, in the order of load/symbols.inl.
  const std::vector<std::string>& missing() const& noexcept { return *missing_; }
  std::vector<std::string> missing() && { return *missing_; }
  ///@}

 private:
  std::shared_ptr<const std::vector<std::string>> missing_;
};

/// CPython was loaded but did not start. A process cannot try again after a failed start.
class LATEPY_VISIBLE StartError : public Error {
 public:
  using Error::Error;
};

/// A call that is not possible in the present state. Examples: no interpreter runs, a second Interpreter is made, an
/// Object is empty or its interpreter has ended, a thread does not hold the GIL.
class LATEPY_VISIBLE StateError : public Error {
 public:
  using Error::Error;
};

/// A Python object cannot be converted to the C++ type that was asked for, or a C++ value to Python.
/// what() is the path(), then the reason(): `[3]["x"]: cannot convert 'str' "abc" to int`.
class LATEPY_VISIBLE ConversionError : public Error {
 public:
  /// The path() is empty at first.
  explicit ConversionError(const std::string& reason) : Error(reason), text_(std::make_shared<Text>()) {
    text_->reason = text_->what = reason;
  }
  /// The path and the reason; only the reason if the path is empty.
  const char* what() const noexcept override { return text_->what.c_str(); }
  ///@{
  /// The part of the object that failed: `[3]["x"]`. Empty if it was the whole object.
  const std::string& path() const& noexcept { return text_->path; }
  std::string path() && { return text_->path; }
  ///@}
  ///@{
  /// The sentence without the path: `cannot convert 'str' "abc" to int`.
  const std::string& reason() const& noexcept { return text_->reason; }
  std::string reason() && { return text_->reason; }
  ///@}
  /// Puts a step, such as `[3]`, before the path. A container's converter calls it when the conversion of an element
  /// has failed, and throws the error on.
  void inside(std::string_view step) {
    if (text_.use_count() != 1) text_ = std::make_shared<Text>(*text_);  // copies of the error keep theirs
    text_->path.insert(0, step);
    text_->what = text_->path + ": " + text_->reason;
  }

 private:
  struct Text {
    std::string path{}, reason{}, what{};
  };
  std::shared_ptr<Text> text_;
};

}  // namespace v1
}  // namespace latepy
