// latepy/core/detail/iterator.hpp: Iterator, Python's iteration for C++ loops; part of core/object.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/proxy.hpp>

#include <iterator>

namespace latepy {
inline namespace v1 {

/// Steps through an iterable, as Python's `for` does. An input iterator; its end is nullptr. Needs the GIL.
/// Exceptions of the iterable are thrown by the step that met them.
class Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Object;
  using difference_type = std::ptrdiff_t;
  using pointer = const Object*;
  using reference = const Object&;

  explicit Iterator(const Ref& iterable) {
    detail::ItemArray items;
    is_array_ = detail::read_items(iterable.checked(), items);
    iterator_ = is_array_ ? Object(iterable) : detail::own(detail::api().Object_GetIter(iterable.ptr()));
    ++*this;
  }
  const Object& operator*() const noexcept { return item_; }
  const Object* operator->() const noexcept { return &item_; }
  Iterator& operator++() {
    if (LATEPY_LIKELY(is_array_)) {  // a list or tuple, by index, as Python's own iterators do
      detail::ItemArray items;
      detail::read_items(iterator_.checked(), items);
      PyObject* const before = item_.release();
      if (LATEPY_LIKELY(at_ < items.size)) item_ = Object::borrow(items.first[at_++]);
      if (before) detail::decref(before);
      return *this;
    }
    item_ = Object::steal(detail::api().Iter_Next(iterator_.checked()));
    if (item_.is_empty() && detail::api().Err_Occurred()) detail::throw_python_error();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& at, std::nullptr_t) noexcept { return at.item_.is_empty(); }
  friend bool operator!=(const Iterator& at, std::nullptr_t) noexcept { return !at.item_.is_empty(); }

 private:
  Object iterator_, item_;
  std::size_t at_ = 0;
  bool is_array_ = false;
};

inline Iterator Ref::begin() const { return Iterator(*this); }
inline Iterator Proxy::begin() const {
  const std::optional<GilGuard> gil = guard();
  return Iterator(get());
}

}  // namespace v1
}  // namespace latepy
