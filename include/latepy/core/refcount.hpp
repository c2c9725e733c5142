// latepy/core/refcount.hpp: what is read and written in an object itself: its reference count and its type.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A member of an object or type, where Layout says that it lies.
template <class T>
T& member_at(void* object, std::size_t offset) noexcept {
  return *reinterpret_cast<T*>(static_cast<char*>(object) + offset);
}

/// Both need the GIL and a non-null object. Counts that are not ordinary are CPython's to judge: of immortal objects,
/// of the last reference, and all of them where count_limit is 0. Stores are as wide as CPython's next load, which else
/// waits for them.
LATEPY_FORCE_INLINE void incref(PyObject* object) noexcept {
  const Layout& layout = library_state.layout;
  if (layout.counting == Layout::Counting::plain) return void(++member_at<std::size_t>(object, 0));
  if (layout.counting == Layout::Counting::wide) {
    auto& count = member_at<std::uint64_t>(object, 0);
    if (LATEPY_LIKELY(count < layout.count_limit)) return void(++count);
    if (count & layout.immortal) return;
  } else {
    auto& count = member_at<std::uint32_t>(object, 0);
    if (LATEPY_LIKELY(count < layout.count_limit)) return void(++count);
    if (count & layout.immortal) return;
  }
  api().IncRef(object);
}
LATEPY_FORCE_INLINE void decref(PyObject* object) noexcept {
  const Layout& layout = library_state.layout;
  if (layout.counting == Layout::Counting::plain) {
    auto& count = member_at<std::size_t>(object, 0);
    if (LATEPY_LIKELY(count > 1)) return void(--count);
  } else {
    auto& count = member_at<std::uint32_t>(object, 0);
    if (LATEPY_LIKELY(count - 2 < layout.decrement_limit)) return void(--count);
    if (count & layout.immortal) return;
  }
  api().DecRef(object);
}

inline PyObject* as_object(PyTypeObject* type) noexcept { return reinterpret_cast<PyObject*>(type); }
LATEPY_COLD inline PyTypeObject* ask_type(PyObject* object) noexcept {
  PyObject* type = api().Object_Type(object);
  api().DecRef(type);
  return reinterpret_cast<PyTypeObject*>(type);
}
/// The type, borrowed: the object keeps it alive. Needs the GIL.
LATEPY_FORCE_INLINE PyTypeObject* type_of(PyObject* object) noexcept {
  const std::size_t head = library_state.layout.head;
  return LATEPY_LIKELY(head != 0) ? member_at<PyTypeObject*>(object, head - sizeof(void*)) : ask_type(object);
}
/// The same where a layout that was proved says that the head is known.
LATEPY_FORCE_INLINE PyTypeObject* proved_type_of(PyObject* object) noexcept {
  return member_at<PyTypeObject*>(object, library_state.layout.head - sizeof(void*));
}
/// The type's tp_flags.
LATEPY_FORCE_INLINE unsigned long flags_of(PyTypeObject* type) noexcept {
  if (LATEPY_LIKELY(library_state.layout.type_flags != 0))
    return member_at<std::uint32_t>(type, library_state.layout.type_flags);
  return api().Type_GetFlags(type);
}
/// An owned reference, or null, within a function that holds the GIL to its end.
class OwnedRef {
 public:
  explicit OwnedRef(PyObject* object = nullptr) noexcept : object_(object) {}
  OwnedRef(const OwnedRef&) = delete;
  OwnedRef& operator=(const OwnedRef&) = delete;
  LATEPY_FORCE_INLINE ~OwnedRef() {
    if (object_) decref(object_);
  }
  PyObject* get() const noexcept { return object_; }
  PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  void swap(OwnedRef& other) noexcept { std::swap(object_, other.object_); }

 private:
  PyObject* object_;
};
/// Whether the object is of a class with the type_is_* flag, or derived from it.
inline bool has_flag(PyObject* object, unsigned long flag) noexcept { return (flags_of(type_of(object)) & flag) != 0; }
inline bool is_exactly(PyObject* object, const PyTypeObject* type) noexcept { return type_of(object) == type; }

// Values, read where they lie; false where the object is of another type, or its layout is not proved. No Python code
// runs. All need the GIL.

/// Of an int of one digit at most, which has 30 bits (Include/cpython/longintrepr.h).
LATEPY_FORCE_INLINE bool read_int(PyObject* object, long long& value) noexcept {
  const Layout& layout = library_state.layout;
  if (LATEPY_UNLIKELY(layout.int_form == Layout::IntForm::unknown) || proved_type_of(object) != api().Long_Type)
    return false;
  const auto size = member_at<ssize>(object, layout.head);
  if (layout.int_form == Layout::IntForm::tagged) {
    if (static_cast<std::size_t>(size) >= 16) return false;  // digits * 8 + 0, 1 or 2: positive, zero, negative
    value = (1 - (size & 3)) * static_cast<long long>(member_at<std::uint32_t>(object, layout.head + sizeof(ssize)));
    return true;
  }
  if (static_cast<std::size_t>(size + 1) > 2) return false;  // the number of digits, with the sign
  value = size == 0 ? 0 : size * static_cast<long long>(member_at<std::uint32_t>(object, layout.head + sizeof(ssize)));
  return true;
}
LATEPY_FORCE_INLINE bool read_float(PyObject* object, double& value) noexcept {
  const std::uint16_t offset = library_state.layout.float_value;
  if (LATEPY_UNLIKELY(offset == 0) || proved_type_of(object) != api().Float_Type) return false;
  value = member_at<double>(object, offset);
  return true;
}
/// The text of an ASCII str, which lies in the object.
inline bool read_ascii(PyObject* object, std::string_view& text) noexcept {
  const Layout& layout = library_state.layout;
  if (LATEPY_UNLIKELY(layout.ascii_text == 0)) return false;  // else type_flags is proved as well
  if ((member_at<std::uint32_t>(proved_type_of(object), layout.type_flags) & type_is_str) == 0) return false;
  constexpr std::uint32_t compact_ascii = 3u
                                          << 5;  // of the bits behind length and hash (Include/cpython/unicodeobject.h)
  if ((member_at<std::uint32_t>(object, layout.head + 2 * sizeof(ssize)) & compact_ascii) != compact_ascii)
    return false;
  text = {&member_at<char>(object, layout.ascii_text), static_cast<std::size_t>(member_at<ssize>(object, layout.head))};
  return true;
}
/// The items of a list or tuple, borrowed; valid until Python code runs.
struct ItemArray {
  PyObject* const* first = nullptr;
  std::size_t size = 0;
};
inline bool read_items(PyObject* object, ItemArray& items) noexcept {
  const Layout& layout = library_state.layout;
  const PyTypeObject* const type = type_of(object);
  if (layout.list_items != 0 && type == api().List_Type)
    items.first = member_at<PyObject**>(object, layout.list_items);
  else if (layout.tuple_items != 0 && type == api().Tuple_Type)
    items.first = &member_at<PyObject*>(object, layout.tuple_items);
  else
    return false;
  items.size = static_cast<std::size_t>(member_at<ssize>(object, layout.head));
  return true;
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
