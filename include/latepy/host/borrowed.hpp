// latepy/host/borrowed.hpp: Borrowed, which lends a C++ object to Python for a scope.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/bound.hpp>

namespace latepy {
inline namespace v1 {

/// Lends a C++ object of a bound class to Python until the end of a scope. The C++ side stays the owner.
///   py::Borrowed lent(entity);  on_hit(lent);
/// After that, uses of the Python object, and of objects that refer to parts of it, raise ReferenceError. An object
/// that Python owns, shares or refers to already stays usable.
template <class T>
class Borrowed {
 public:
  /// Needs the GIL. `value` must live longer than this. \throws ConversionError if add_class() was not called for T.
  explicit Borrowed(T& value) : value_(&value) {
    const detail::MostDerived object = detail::most_derived(&value);
    object_ = detail::find_instance(object);
    const bool is_new = object_.is_empty();
    if (is_new) object_ = detail::make_instance(object);
    detail::Instance& instance = detail::data_of<detail::Instance>(object_.ptr());
    if (is_new) instance.ownership = detail::Ownership::lent;
    is_lender_ = instance.ownership == detail::Ownership::lent;  // else Python has the object for another reason
    if (is_lender_) ++instance.lenders;
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  /// Ends the loan. Any thread, with or without the GIL, also after the end of the interpreter.
  ~Borrowed() {
    if (!is_lender_ || !object_.is_alive()) return;
    const std::optional<GilGuard> gil = detail::GuardAccess::try_enter(detail::HandleAccess::generation(object_));
    if (!gil) return;
    detail::Instance& instance = detail::data_of<detail::Instance>(object_.ptr());
    if (--instance.lenders == 0 && instance.ownership == detail::Ownership::lent && instance.value)
      detail::relinquish(instance);
    object_ = Object();
  }
  ///@{
  /// The Python object that stands for the C++ object.
  const Object& object() const& noexcept { return object_; }
  Object object() && { return object_; }
  ///@}
  /// The C++ object.
  T& value() const noexcept { return *value_; }

 private:
  T* value_;
  Object object_{};
  bool is_lender_ = false;
};
/// To Python only: gives the Python object of the loan.
template <class T>
struct Converter<Borrowed<T>> {
  static Object to_py(const Borrowed<T>& lent) { return lent.object(); }
};

}  // namespace v1
}  // namespace latepy
