// latepy/core/result.hpp: Result<T>, a value or a Python exception that was not thrown, for errors that are expected.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/call.hpp>

namespace latepy {
inline namespace v1 {

/// The value of a call or an expression, or the Python exception that it raised, which was not thrown. try_call() and
/// try_eval() return it. Only copying a T that is an Object needs the GIL. Members of a temporary Result give values,
/// so that `for (int i : python.try_eval<std::vector<int>>("…").value())` is right.
template <class T>
class Result {
 public:
  ///@{
  /// With a value, or with an exception.
  Result(T value) : value_(std::move(value)) {}
  Result(PythonError error) : error_(std::move(error)) {}
  explicit Result(detail::ErrorHandle error) : error_(std::in_place, std::move(error)) {}
  ///@}

  bool has_value() const noexcept { return value_.has_value(); }   ///< whether there is a value
  explicit operator bool() const noexcept { return has_value(); }  ///< whether there is a value
  ///@{
  /// The value. \throws the Python exception if there is no value.
  T& value() & { return throw_if_error(), *value_; }
  const T& value() const& { return throw_if_error(), *value_; }
  T value() && { return throw_if_error(), *std::move(value_); }
  ///@}
  ///@{
  /// The value, without a check: undefined behaviour if there is none.
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T operator*() && noexcept { return *std::move(value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  ///@}
  /// A copy of the value, or `otherwise` if there is no value.
  template <class U>
  T value_or(U&& otherwise) const& {
    return value_ ? *value_ : static_cast<T>(std::forward<U>(otherwise));
  }
  ///@{
  /// The exception. \throws StateError if there is a value.
  const PythonError& error() const& {
    if (!error_) throw StateError("error() of a Result that has a value: test has_value() first");
    return *error_;
  }
  PythonError error() && { return static_cast<const Result&>(*this).error(); }
  ///@}

 private:
  void throw_if_error() const {
    if (!value_) error_->rethrow();
  }
  std::optional<T> value_{};
  std::optional<PythonError> error_{};
};

/// The result of a call whose value is not wanted: success, or the Python exception.
template <>
class Result<void> {
 public:
  Result() = default;  ///< success
  ///@{
  /// With an exception.
  Result(PythonError error) : error_(std::move(error)) {}
  explicit Result(detail::ErrorHandle error) : error_(std::in_place, std::move(error)) {}
  ///@}
  bool has_value() const noexcept { return !error_; }              ///< whether there is no exception
  explicit operator bool() const noexcept { return has_value(); }  ///< whether there is no exception
  /// Gives nothing. \throws the Python exception if there is one.
  void value() const {
    if (error_) error_->rethrow();
  }
  ///@{
  /// The exception. \throws StateError if there is none.
  const PythonError& error() const& {
    if (!error_) throw StateError("error() of a Result that has no error: test has_value() first");
    return *error_;
  }
  PythonError error() && { return static_cast<const Result&>(*this).error(); }
  ///@}

 private:
  std::optional<PythonError> error_{};
};

namespace detail {

/// Makes a Result of the new reference that a call returned, or of the error that is set if it is null. A value that
/// cannot be converted to T becomes a TypeError. \param callable what was called, for that; or null.
template <class T>
Result<T> make_result(PyObject* object, [[maybe_unused]] PyObject* callable = nullptr) {
  if (!object) return Result<T>(take_exception());
  Object owned = Object::steal(object);
  if constexpr (std::is_same_v<T, Object>) {
    return owned;
  } else if constexpr (std::is_void_v<T>) {
    return Result<void>();
  } else {
    static_assert(!borrows<T>, "this type points into the object: take an Object");
    try {
      return into_cpp<T>(owned.release());
    } catch (const ConversionError& error) {
      return TypeError(callable ? wrong_result(error, callable, {}).what() : error.what());
    } catch (const PythonError& error) {
      return error;
    }
  }
}

}  // namespace detail

template <class T, class... A>
Result<T> Ref::try_call(A&&... arguments) const {
  try {
    const detail::Callee<T> callee(checked());
    return detail::make_result<T>(detail::call_with(callee.get(), nullptr, std::forward<A>(arguments)...),
                                  callee.get());
  } catch (const PythonError& error) {  // of converting the arguments, or unpacking args() and kwargs()
    return error;
  }
}

}  // namespace v1
}  // namespace latepy
