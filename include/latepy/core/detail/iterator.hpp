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

  explicit Iterator(const Ref& iterable);
  const Object& operator*() const noexcept { return item_; }
  const Object* operator->() const noexcept { return &item_; }
  LATEPY_INLINE Iterator& operator++() {
    PyObject* const source = source_.checked();
    PyObject* next = nullptr;
    if (LATEPY_LIKELY(is_array_)) {  // by index, as Python's own iterators do: a list may change meanwhile
      const detail::Layout& layout = detail::the_state.layout;
      PyObject* const* const items =
          tuple_items_ ? tuple_items_ : detail::member_at<PyObject**>(source, layout.list_items);
      if (LATEPY_LIKELY(at_ < detail::member_at<detail::ssize>(source, layout.head)))
        detail::incref(next = items[at_++]);
    } else {
      next = step(source);
    }
    PyObject* const before = std::exchange(item_.ptr_, next);
    item_.life_ = next ? source_.life_ : detail::empty_life;
    if (before) detail::decref(before);
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& at, std::nullptr_t) noexcept { return at.item_.is_empty(); }
  friend bool operator!=(const Iterator& at, std::nullptr_t) noexcept { return !at.item_.is_empty(); }

 private:
  static PyObject* step(PyObject* iterator);

  Object source_;  // a list, a tuple or Python's iterator
  Object item_;
  PyObject* const* tuple_items_ = nullptr;
  detail::ssize at_ = 0;
  bool is_array_ = false;
};

inline Iterator Ref::begin() const { return Iterator(*this); }
inline Iterator Proxy::begin() const {
  const GilGuard::Maybe gil(takes_gil_);
  return Iterator(Object::steal(fetch_from(base_.checked())));
}

#if LATEPY_BODIES

LATEPY_ONCE PyObject* Iterator::step(PyObject* iterator) {
  PyObject* const next = detail::api().Iter_Next(iterator);
  if (!next && detail::api().Err_Occurred()) detail::throw_python_error();
  return next;
}

LATEPY_ONCE Iterator::Iterator(const Ref& iterable) {
  detail::ItemArray items;
  if (detail::read_items(iterable.checked(), items)) {
    source_ = Object(iterable);
    tuple_items_ = detail::is_exactly(iterable.ptr(), detail::api().Tuple_Type) ? items.first : nullptr;
    is_array_ = true;
  } else {
    source_ = detail::own(detail::api().Object_GetIter(iterable.ptr()));
  }
  ++*this;
}

#endif

}  // namespace v1
}  // namespace latepy
