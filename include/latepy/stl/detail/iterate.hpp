// latepy/stl/detail/iterate.hpp: Elements, which steps through the elements of any iterable object.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/protocol.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether the object holds references to its elements. Other iterables may make each element when it is read.
bool keeps_elements(PyObject* object) noexcept;
inline constexpr char not_kept[] =
    "pointers are taken from a list, tuple, set or dict only, because these keep the objects alive: pass one of these";
inline constexpr char read_once[] =
    "an iterator can be read only once, so it is not read to see whether it fits: pass a list";

/// Steps through the elements of an object. A list or set is copied to a tuple first, because the conversion of an
/// element may run Python code, which could change the list. Other iterables are iterated.
class Elements {
 public:
  /// Converts to false if the object is refused, or if its iter() failed.
  Elements(PyObject* object, Kind kind, bool are_pointers) noexcept;
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;
  explicit operator bool() const noexcept { return !source_.is_empty(); }
  const char* why() const noexcept { return why_ ? why_ : ""; }
  /// Whether the object is an iterator, which can be read only once.
  bool is_one_way(PyObject* object) const noexcept { return source_.ptr() == object && !is_tuple_; }
  /// How many elements to reserve. The length hint of an iterable may be wrong, so it counts only up to 64 KiB.
  std::size_t expected(std::size_t element) const noexcept {
    const auto size = static_cast<std::size_t>(size_);
    return is_tuple_ ? size : (std::min)(size, 65536 / element);
  }

  /// Goes to the next element; false at the end, or with Python's error set.
  bool next() noexcept;
  Ref element() const noexcept { return Ref(element_); }
  /// The position of the element in error texts: "[3]", or "{'a'}" in a set.
  LATEPY_COLD std::string step(Kind kind) const {
    return kind == Kind::sequence ? "[" + decimal(at_) + "]" : "{" + show_value(element_) + "}";
  }

 private:
  Object source_{}, item_{};
  PyObject* element_ = nullptr;
  const char* why_ = nullptr;
  ssize at_ = -1, size_ = 0;
  bool is_tuple_ = false;
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC bool keeps_elements(PyObject* object) noexcept {
  const Api& a = api();
  const PyTypeObject* type = type_of(object);
  return type == a.List_Type || type == a.Tuple_Type || type == a.Set_Type || type == a.FrozenSet_Type;
}

LATEPY_FUNC Elements::Elements(PyObject* object, Kind kind, bool are_pointers) noexcept {
  if ((why_ = refusal(object, kind))) return;
  const Api& a = api();
  is_tuple_ = keeps_elements(object);
  if (are_pointers && !is_tuple_) {
    why_ = not_kept;
    return;
  }
  source_ = Object::steal(is_tuple_ ? a.Sequence_Tuple(object) : a.Object_GetIter(object));
  if (source_.is_empty()) {
    why_ = "it is not iterable";
    only_a_mismatch();
  } else if (is_tuple_) {
    size_ = a.Tuple_Size(source_.ptr());
  } else if ((size_ = a.Object_LengthHint(object, 0)) < 0) {
    source_ = Object();
  }
}

LATEPY_FUNC bool Elements::next() noexcept {
  ++at_;
  if (is_tuple_) return at_ < size_ && (element_ = api().Tuple_GetItem(source_.ptr(), at_));
  item_ = Object::steal(api().Iter_Next(source_.ptr()));
  element_ = item_.ptr();
  return element_ != nullptr;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
