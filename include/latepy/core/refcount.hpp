// latepy/core/refcount.hpp: direct access to the memory of Python objects: reference counts, types, simple values.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/state.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The member at this offset, in bytes, of an object or type. Offsets are in Layout.
template <class T>
T& member_at(void* object, std::size_t offset) noexcept {
  return *reinterpret_cast<T*>(static_cast<char*>(object) + offset);
}

/// Where the low 32 bits of a 64-bit word lie in it, in bytes: those of a reference count, and of tp_flags.
inline constexpr std::size_t low_half = LATEPY_BIG_ENDIAN && sizeof(void*) == 8 ? sizeof(std::uint32_t) : 0;

/// Adds a reference. Needs the GIL; `object` is not null. Layout::Counting has a table of the counts that are changed
/// inline. Otherwise Py_IncRef is called: for objects with very large counts, and where the layout is not proved. The
/// count of an immortal object is left as it is.
LATEPY_FORCE_INLINE void incref(PyObject* object) noexcept {
  const Layout& layout = library_state.layout;
  if (layout.counting == Layout::Counting::plain) return void(++member_at<std::size_t>(object, 0));
  if (layout.counting == Layout::Counting::wide) {
    auto& count = member_at<std::uint64_t>(object, 0);
    if (LATEPY_LIKELY(count < layout.count_limit)) return void(++count);
    if (count & layout.immortal) return;
  } else {
    auto& count = member_at<std::uint32_t>(object, low_half);
    if (LATEPY_LIKELY(count < layout.count_limit)) return void(++count);
    if (count & layout.immortal) return;
  }
  api().IncRef(object);
}
/// Removes a reference. As incref(); Py_DecRef is also called for the last reference.
LATEPY_FORCE_INLINE void decref(PyObject* object) noexcept {
  const Layout& layout = library_state.layout;
  if (layout.counting == Layout::Counting::plain) {
    auto& count = member_at<std::size_t>(object, 0);
    if (LATEPY_LIKELY(count > 1)) return void(--count);
  } else {
    auto& count = member_at<std::uint32_t>(object, low_half);
    if (LATEPY_LIKELY(count - 2 < layout.decrement_limit)) return void(--count);
    if (count & layout.immortal) return;
  }
  api().DecRef(object);
}

inline PyObject* as_object(PyTypeObject* type) noexcept { return reinterpret_cast<PyObject*>(type); }
/// type_of() by PyObject_Type.
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
/// As type_of(), but only where Layout::head is known not to be 0.
LATEPY_FORCE_INLINE PyTypeObject* proved_type_of(PyObject* object) noexcept {
  return member_at<PyTypeObject*>(object, library_state.layout.head - sizeof(void*));
}
/// The type's tp_flags, at least the low 32 bits. Needs the GIL.
LATEPY_FORCE_INLINE unsigned long flags_of(PyTypeObject* type) noexcept {
  if (LATEPY_LIKELY(library_state.layout.type_flags != 0))
    return member_at<std::uint32_t>(type, library_state.layout.type_flags);
  return api().Type_GetFlags(type);
}
/// An owned reference, or null, for a local variable. The thread must hold the GIL when it is destroyed.
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
/// As OwnedRef, for code that runs seldom: CPython counts, out of line.
class ColdRef {
 public:
  explicit ColdRef(PyObject* object = nullptr) noexcept : object_(object) {}
  ColdRef(const ColdRef&) = delete;
  ColdRef& operator=(const ColdRef&) = delete;
  LATEPY_COLD ~ColdRef() {
    if (object_) api().DecRef(object_);
  }
  PyObject* get() const noexcept { return object_; }
  PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  /// Drops what it has, and takes a reference over.
  LATEPY_COLD void reset(PyObject* object) noexcept { const ColdRef before(std::exchange(object_, object)); }

 private:
  PyObject* object_;
};
/// Whether the object is of a class with the type_is_* flag, or derived from it.
inline bool has_flag(PyObject* object, unsigned long flag) noexcept { return (flags_of(type_of(object)) & flag) != 0; }
inline bool is_exactly(PyObject* object, const PyTypeObject* type) noexcept { return type_of(object) == type; }

// The functions below read a value directly from the memory of an object. They return false if the object has another
// type or the layout is not proved. They run no Python code. They need the GIL.

/// Reads an int of at most one digit, which has 30 bits (Include/cpython/longintrepr.h).
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
/// Reads a float.
LATEPY_FORCE_INLINE bool read_float(PyObject* object, double& value) noexcept {
  const std::uint16_t offset = library_state.layout.float_value;
  if (LATEPY_UNLIKELY(offset == 0) || proved_type_of(object) != api().Float_Type) return false;
  value = member_at<double>(object, offset);
  return true;
}
/// Gives a view of the text of an ASCII str, valid while the object lives.
inline bool read_ascii(PyObject* object, std::string_view& text) noexcept {
  const Layout& layout = library_state.layout;
  if (LATEPY_UNLIKELY(layout.ascii_text == 0)) return false;  // if it is not 0, type_flags is not 0 either
  if ((member_at<std::uint32_t>(proved_type_of(object), layout.type_flags) & type_is_str) == 0) return false;
  // `compact` and `ascii` of the state, which follows length and hash (Include/cpython/unicodeobject.h): bit-fields,
  // behind five other bits, which begin with the lowest bit or, on a big-endian machine, with the highest.
  constexpr std::uint32_t compact_ascii = 3u << (LATEPY_BIG_ENDIAN ? 25 : 5);
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
/// Gives the items of a list or tuple; not of a subclass.
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
