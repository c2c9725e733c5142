// latepy/core/iterator.hpp: Iterator, which lets C++ loops step through a Python iterable.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/proxy.hpp>

#include <iterator>
#include <limits>

namespace latepy {
inline namespace v1 {
namespace detail {
/// The size that Iterator compares with if the iterable is neither a list nor a tuple: always 0.
inline constexpr ssize no_size = 0;
}  // namespace detail

/// Steps through an iterable as Python's `for` does. It is an input iterator, and its end is nullptr. All members that
/// step need the GIL. Each thread needs its own Iterator.
class Iterator {
 public:
  /// What std::iterator_traits asks for.
  ///@{
  using iterator_category = std::input_iterator_tag;
  using value_type = Object;
  using difference_type = std::ptrdiff_t;
  using pointer = const Object*;
  using reference = const Object&;
  ///@}

  /// Calls iter() and reads the first item. \throws PythonError, such as TypeError if the object is not iterable.
  explicit Iterator(const Ref& iterable);
  ///@{
  /// A copy of an Iterator through a list or tuple steps on its own; copies through other iterables share the iterator.
  Iterator(const Iterator&) = default;
  Iterator(Iterator&&) = default;
  Iterator& operator=(const Iterator&) = default;
  Iterator& operator=(Iterator&&) = default;
  ~Iterator() = default;
  ///@}
  /// The current item. It is empty at the end. It is valid until the next step; copy the Object to keep it.
  ///@{
  const Object& operator*() const& noexcept { return item_; }
  Object operator*() && noexcept { return std::move(item_); }
  const Object* operator->() const noexcept { return &item_; }
  ///@}
  /// Reads the next item. \throws PythonError if the iterable raises.
  LATEPY_FORCE_INLINE Iterator& operator++() {
    source_.checked();
    if (LATEPY_LIKELY(at_ < *size_)) {  // by index, as Python's own iterators: the loop may change the list
      PyObject* const next = (LATEPY_LIKELY(list_items_ != nullptr) ? *list_items_ : tuple_items_)[at_++];
      detail::incref(next);
      detail::decref(std::exchange(item_.ptr_, next));
    } else {
      step();
    }
    return *this;
  }
  /// Likewise. \returns what this was, which has the item, but must not be stepped: `*it++`.
  Iterator operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
  }
  /// Compares with the end: `it == nullptr` is true after the last item.
  ///@{
  friend bool operator==(const Iterator& at, std::nullptr_t) noexcept { return at.item_.is_empty(); }
  friend bool operator!=(const Iterator& at, std::nullptr_t) noexcept { return !at.item_.is_empty(); }
  ///@}

 private:
  /// A step through a Python iterator, or past the end of a list or tuple.
  void step();

  Object source_{};  // a list, a tuple or a Python iterator
  Object item_{};
  PyObject* const* const* list_items_ = nullptr;  // the list's item array pointer: the list may move its items
  PyObject* const* tuple_items_ = nullptr;
  detail::ssize at_ = 0;
  const detail::ssize* size_;  // the size member of the list or tuple, or &no_size
};

inline Iterator Ref::begin() const { return Iterator(*this); }
inline Iterator Proxy::begin() const {
  const GilGuard::Maybe gil(takes_gil_, base_);
  return Iterator(Object::steal(fetch_from(base_.checked())));
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC void Iterator::step() {
  PyObject* next = nullptr;
  if (size_ == &detail::no_size) {
    next = detail::api().Iter_Next(source_.ptr());
    if (!next && detail::api().Err_Occurred()) detail::throw_python_error();
  } else {
    at_ = (std::numeric_limits<detail::ssize>::max)();  // items that are appended later are not visited
  }
  item_ = next ? Object(next, source_.generation_) : Object();
}

LATEPY_FUNC Iterator::Iterator(const Ref& iterable) : size_(&detail::no_size) {
  detail::ItemArray items;
  if (detail::read_items(iterable.checked(), items)) {
    source_ = Object(iterable);
    size_ = &detail::member_at<detail::ssize>(source_.ptr(), detail::library_state.layout.head);
    if (detail::is_exactly(iterable.ptr(), detail::api().Tuple_Type))
      tuple_items_ = items.first;
    else
      list_items_ = &detail::member_at<PyObject* const*>(source_.ptr(), detail::library_state.layout.list_items);
    if (items.size != 0) item_ = Object::borrow(items.first[at_++]);
  } else {
    source_ = detail::steal_or_throw(detail::api().Object_GetIter(iterable.ptr()));
    step();
  }
}

#endif

}  // namespace v1
}  // namespace latepy
