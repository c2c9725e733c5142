// latepy/host/detail/function/lent_argument.hpp: Passed, an argument of a call from C++ to Python: lent, not copied.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/argument_loader.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// An argument of a call from C++ to Python. References and pointers to bound classes are lent until it is destroyed.
template <class A, class = void>
struct Passed {
  A&& argument;
  A&& get() noexcept { return std::forward<A>(argument); }
};
template <class A>
struct Passed<A&, std::enable_if_t<is_bound<std::remove_const_t<A>>>> {
  explicit Passed(A& value) : lent(const_cast<std::remove_const_t<A>&>(value)) {}
  const Object& get() const noexcept { return lent.object(); }
  Borrowed<std::remove_const_t<A>> lent{};
};
template <class A>
struct Passed<A, std::enable_if_t<std::is_pointer_v<plain<A>> && is_bound_pointee<plain<A>>>> {
  using T = std::remove_const_t<std::remove_pointer_t<plain<A>>>;
  explicit Passed(const plain<A>& value) {
    if (value) lent.emplace(const_cast<T&>(*value));
  }
  Object get() const { return lent ? lent->object() : none(); }
  std::optional<Borrowed<T>> lent{};
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
