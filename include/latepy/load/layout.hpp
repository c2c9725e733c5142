// latepy/load/layout.hpp: Layout, where the running CPython keeps the members of its objects.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/config_macros.hpp>

#include <cstddef>
#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Where CPython's own code keeps what macros of its headers read, proved on live objects of the running CPython; what
/// is 0 was not, and functions do it. Offsets in bytes. See core/detail/probe_layout.hpp.
struct Layout {
  std::size_t head = 0;  ///< sizeof(PyObject); the type's address is its last member
  /// How counts are kept. `plain`, until 3.11: every one is ordinary, and as wide as a pointer. Else those from 2 to
  /// below count_limit are, where plus or minus one is all that CPython does; of them it reads 64 bits next after an
  /// increment where they are `wide`, which is until 3.13, and 32 bits otherwise.
  enum class Counting : std::uint8_t { halved, plain, wide } counting = Counting::halved;
  std::uint32_t count_limit = 0;
  std::uint32_t decrement_limit = 0;      ///< count_limit - 2, or 0
  std::uint32_t immortal = 0;             ///< the bit of 32-bit counts that stay as they are; 0 before 3.12
  std::uint16_t type_flags = 0;           ///< tp_flags, of which 32 bits are read
  std::uint16_t vectorcall_offset = 0;    ///< tp_vectorcall_offset
  std::uint16_t function_vectorcall = 0;  ///< in Python's functions, what tp_vectorcall_offset tells
  std::uint16_t float_value = 0, list_items = 0, tuple_items = 0, ascii_text = 0;
  enum class IntForm : std::uint8_t { unknown, sized, tagged } int_form = IntForm::unknown;  ///< of ints of one digit
  std::uint16_t trace_entry = 0, code_filename = 0;  ///< TraceEntry in tracebacks, co_filename
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
