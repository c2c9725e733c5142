// latepy/host/borrowed.hpp: Borrowed, an object of a bound class that Python has for a scope.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/bound.hpp>

namespace latepy {
inline namespace v1 {

/// Lends an object of a bound class to Python for a scope. Afterwards what Python kept of it, or of its parts, raises
/// ReferenceError.
///   py::Borrowed lent(entity);  on_hit(lent);
/// Needs the GIL when it is made; ends on any thread, also after Python.
template <class T>
class Borrowed {
 public:
  explicit Borrowed(T& value) : value_(&value) {
    const detail::MostDerived object = detail::most_derived(&value);
    object_ = detail::find_instance(object);
    const bool is_new = object_.is_empty();
    if (is_new) object_ = detail::make_instance(object);
    detail::Instance& instance = detail::data_of<detail::Instance>(object_.ptr());
    if (is_new) instance.ownership = detail::Ownership::lent;
    is_lender_ = instance.ownership == detail::Ownership::lent;  // else Python has it by its own right
    if (is_lender_) ++instance.lenders;
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    if (!is_lender_ || !object_.is_alive()) return;
    const std::optional<GilGuard> gil = GilGuard::try_acquire();
    if (!gil || !detail::may_drop(detail::HandleAccess::generation(object_))) return;
    detail::Instance& instance = detail::data_of<detail::Instance>(object_.ptr());
    if (--instance.lenders == 0 && instance.ownership == detail::Ownership::lent && instance.value)
      detail::relinquish(instance);
    object_ = Object();
  }
  /// The Python object.
  const Object& object() const noexcept { return object_; }
  T& value() const noexcept { return *value_; }

 private:
  T* value_;
  Object object_;
  bool is_lender_ = false;
};
template <class T>
struct Converter<Borrowed<T>> {
  static Object to_py(const Borrowed<T>& lent) { return lent.object(); }
};

}  // namespace v1
}  // namespace latepy
