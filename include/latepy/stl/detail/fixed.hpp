// latepy/stl/detail/fixed.hpp: reads sequences of a fixed length, for std::array, std::tuple and std::pair.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether the object is a sequence: it has a length and ordered elements.
inline bool is_sequence(PyObject* object) noexcept {
  return has_flag(object, type_is_list) || has_flag(object, type_is_tuple) ||
         (api().Sequence_Check(object) && !refusal(object, Kind::sequence));
}

/// The elements of a sequence as a tuple. Empty if the object is no sequence of that length, or if `are_pointers` and
/// it does not keep its elements alive.
Object as_tuple(PyObject* object, std::size_t length, bool are_pointers) noexcept;

/// Throws the reason why as_tuple() returned nothing.
[[noreturn]] void throw_not_fixed(PyObject* object, std::string_view wanted, std::size_t length, bool are_pointers);

/// as_tuple(), or a ConversionError.
Object need_tuple(const Ref& object, std::string_view wanted, std::size_t length, bool are_pointers);

/// An element of a tuple; borrowed.
inline Ref element_of(const Object& tuple, std::size_t at) noexcept {
  return Ref(api().Tuple_GetItem(tuple.ptr(), static_cast<ssize>(at)));
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC Object as_tuple(PyObject* object, std::size_t length, bool are_pointers) noexcept {
  const Api& a = api();
  if ((!are_pointers || keeps_elements(object)) && is_sequence(object) &&
      a.Object_Size(object) == static_cast<ssize>(length)) {
    Object tuple = Object::steal(a.Sequence_Tuple(object));  // for an exact tuple this is a new reference to it
    if (!tuple.is_empty() && a.Tuple_Size(tuple.ptr()) == static_cast<ssize>(length)) return tuple;
  }
  if (a.Err_Occurred()) only_a_mismatch();
  return Object();
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_not_fixed(PyObject* object, std::string_view wanted, std::size_t length,
                                                          bool are_pointers) {
  if (api().Err_Occurred()) throw_python_error();
  const ssize size = is_sequence(object) ? api().Object_Size(object) : -1;
  if (size < 0) {
    api().Err_Clear();
    const char* why = refusal(object, Kind::sequence);
    throw_mismatch(object, wanted, why ? why : "it is not a list, a tuple or another sequence with a length");
  }
  if (size == static_cast<ssize>(length))
    throw_mismatch(object, wanted, are_pointers ? not_kept : "it cannot be iterated");
  throw_mismatch(
      object, wanted,
      ("it has " + decimal(size) + (size == 1 ? " element, " : " elements, ") + decimal(length) + " are wanted")
          .c_str());
}

LATEPY_FUNC Object need_tuple(const Ref& object, std::string_view wanted, std::size_t length, bool are_pointers) {
  Object tuple = as_tuple(object.checked(), length, are_pointers);
  if (LATEPY_UNLIKELY(tuple.is_empty())) throw_not_fixed(object.ptr(), wanted, length, are_pointers);
  return tuple;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
