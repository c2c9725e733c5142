// latepy/core/detail/late_object.hpp: LateObject, a C++ value that becomes a Python object where it is used.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/convert.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A value to convert, and the number of LateObjects that have it.
struct LateValue {
  std::atomic<int> uses{1};
  LateValue() = default;
  LateValue(const LateValue&) = delete;
  virtual ~LateValue() = default;
  virtual Object convert() const = 0;
};
template <class T>
struct LateValueOf : LateValue {
  template <class U>
  explicit LateValueOf(U&& from) : value(std::forward<U>(from)) {}
  Object convert() const override { return to_py(T(value)); }
  T value;
};

/// The Python object of a C++ value, for a call. With one interpreter the value is converted at once. With several it
/// is copied, and converted by the call, which may be in another interpreter than this thread is.
class LateObject {
 public:
  constexpr LateObject() noexcept = default;
  LateObject(const LateObject& other) : object_(other.object_), later_(other.later_) {
    if (later_) ++later_->uses;
  }
  LateObject(LateObject&& other) noexcept
      : object_(std::move(other.object_)), later_(std::exchange(other.later_, nullptr)) {}
  LateObject& operator=(LateObject other) noexcept {
    std::swap(object_, other.object_);
    std::swap(later_, other.later_);
    return *this;
  }
  ~LateObject() {
    if (LATEPY_UNLIKELY(later_ != nullptr)) drop_later();
  }
  /// Converts the value; takes the GIL if the thread does not hold it. \throws ConversionError, PythonError.
  template <class T>
  LATEPY_FORCE_INLINE static LateObject of(T&& value) {
    LateObject made;
    if constexpr (!is_handle<T> && !is_proxy<T> && std::is_copy_constructible_v<Kept<T>>) {
      if (LATEPY_UNLIKELY(!process_state().only.load(std::memory_order_relaxed))) {
        made.later_ = new LateValueOf<Kept<T>>(std::forward<T>(value));
        return made;
      }
    }
    const GilGuard::Maybe gil(!holds_gil());
    made.object_ = to_py(std::forward<T>(value));
    return made;
  }
  /// The object in the interpreter that the thread is in; empty if there is no value. Needs the GIL.
  const Object& get() const& {
    if (LATEPY_UNLIKELY(later_ != nullptr)) convert();
    return object_;
  }
  /// The same as a new reference. \throws StateError if it is of another interpreter.
  LATEPY_FORCE_INLINE PyObject* take() && {
    get();
    object_.checked();
    return object_.release();
  }
  PyObject* take() const& { return LateObject(*this).take(); }  ///< likewise, but keeps it

 private:
  // What a value is kept as. A text may change before the call.
  template <class T>
  using Kept = std::conditional_t<std::is_same_v<plain<T>, std::string_view> ||
                                      (std::is_array_v<plain<T>> && std::is_convertible_v<T, const char*>),
                                  std::string, std::decay_t<T>>;
  LATEPY_COLD void drop_later() noexcept {
    if (--later_->uses == 0) delete later_;
  }
  LATEPY_COLD void convert() const {
    if (object_.is_empty() || HandleAccess::generation(object_) != current_generation()) object_ = later_->convert();
  }
  mutable Object object_{};
  LateValue* later_ = nullptr;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
