// latepy/core/result.hpp: Result<T>, a value or Python's exception, for errors that are part of the flow.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/call.hpp>

namespace latepy {
inline namespace v1 {

/// A value or the exception that stood in its way, which was never thrown. What try_call and try_eval give.
template <class T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(PythonError error) : error_(std::move(error)) {}
  explicit Result(detail::ErrorHandle error) : error_(std::in_place, std::move(error)) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  /// \throws the exception where there is no value.
  T& value() & { return throw_if_error(), *value_; }
  const T& value() const& { return throw_if_error(), *value_; }
  T&& value() && { return throw_if_error(), *std::move(value_); }
  /// Undefined without a value.
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return *std::move(value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  template <class U>
  T value_or(U&& otherwise) const& {
    return value_ ? *value_ : static_cast<T>(std::forward<U>(otherwise));
  }
  /// The exception. \throws StateError where there is a value.
  const PythonError& error() const {
    if (!error_) throw StateError("a Result with a value has no error");
    return *error_;
  }

 private:
  void throw_if_error() const {
    if (!value_) error_->rethrow();
  }
  std::optional<T> value_;
  std::optional<PythonError> error_;
};

/// For calls whose value is not wanted.
template <>
class Result<void> {
 public:
  Result() = default;
  Result(PythonError error) : error_(std::move(error)) {}
  explicit Result(detail::ErrorHandle error) : error_(std::in_place, std::move(error)) {}
  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return has_value(); }
  /// \throws the exception, where there is one.
  void value() const {
    if (error_) error_->rethrow();
  }
  /// The exception. \throws StateError where there is none.
  const PythonError& error() const {
    if (!error_) throw StateError("a Result with a value has no error");
    return *error_;
  }

 private:
  std::optional<PythonError> error_;
};

namespace detail {

/// A new reference or null as a Result. A result that does not convert is a TypeError.
template <class T>
Result<T> make_result(PyObject* object) {
  if (!object) return Result<T>(take_exception());
  Object owned = Object::steal(object);
  if constexpr (std::is_same_v<T, Object>) {
    return owned;
  } else if constexpr (std::is_void_v<T>) {
    return Result<void>();
  } else {
    static_assert(!borrows<T>, "this type points into the object: take an Object");
    try {
      return from_py<T>(owned);
    } catch (const ConversionError& error) {
      return TypeError(error.what());
    } catch (const PythonError& error) {
      return error;
    }
  }
}

}  // namespace detail

template <class T, class... A>
Result<T> Ref::try_call(A&&... arguments) const {
  try {
    return detail::make_result<T>(detail::call_with(checked(), nullptr, std::forward<A>(arguments)...));
  } catch (const PythonError& error) {  // of args() and kwargs()
    return error;
  }
}

}  // namespace v1
}  // namespace latepy
