// latepy/load/object_layout.hpp: Layout, the offsets of members in the objects of the running CPython.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The offsets, in bytes, of members that C code reads through macros of CPython's headers. They are measured and
/// proved on live objects of the running CPython; see core/detail/probe_layout.hpp. An offset that could not be proved
/// is 0: then latepy calls CPython's functions instead.
struct Layout {
  std::size_t head = 0;  ///< sizeof(PyObject); the address of the type is its last member
  /// How wide reference counts are, and which of them incref() and decref() change inline:
  ///
  /// | counting | CPython               | incref writes | incref handles    | decref writes | decref handles         |
  /// |----------|-----------------------|---------------|-------------------|---------------|------------------------|
  /// | plain    | 3.9 to 3.11           | size_t        | all               | size_t        | from 2 on              |
  /// | wide     | 3.12, 3.13 (64-bit)   | 64 bits       | below count_limit | 32 bits       | 2 to count_limit - 1   |
  /// | halved   | 3.14, 3.15            | 32 bits       | below count_limit | 32 bits       | 2 to count_limit - 1   |
  /// | halved   | 3.12 to 3.15 (32-bit) | 32 bits       | below count_limit | 32 bits       | 2 to count_limit - 1   |
  /// | halved   | not proved            | nothing       | none              | nothing       | none: count_limit is 0 |
  ///
  /// Free-threaded builds, debug builds and CPython from 3.16 on are not proved. A write is as wide as CPython's next
  /// read of the count, because a read that is wider than the write before it is slow.
  enum class Counting : std::uint8_t { halved, plain, wide } counting = Counting::halved;
  std::uint32_t count_limit = 0;
  std::uint32_t decrement_limit = 0;      ///< count_limit - 2, or 0
  std::uint32_t immortal = 0;             ///< the bit that immortal objects have in the low 32 bits of the count, or 0
  std::uint16_t type_flags = 0;           ///< tp_flags of a type; its low 32 bits are read
  std::uint16_t vectorcall_offset = 0;    ///< tp_vectorcall_offset of a type
  std::uint16_t function_vectorcall = 0;  ///< the vectorcall pointer of a Python function
  /// The double of a float, the item array pointer of a list, the first item of a tuple, the text of an ASCII str.
  std::uint16_t float_value = 0, list_items = 0, tuple_items = 0, ascii_text = 0;
  /// What stands before the digits of an int. `sized`, until 3.11: the number of digits, negative for negative ints.
  /// `tagged`, from 3.12 on: the number of digits times 8, plus 0 (positive), 1 (zero) or 2 (negative).
  enum class IntForm : std::uint8_t { unknown, sized, tagged } int_form = IntForm::unknown;
  std::uint16_t trace_entry = 0, code_filename = 0;  ///< TraceEntry in a traceback, co_filename in a code object
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
