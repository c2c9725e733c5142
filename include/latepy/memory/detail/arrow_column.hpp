// latepy/memory/detail/arrow_column.hpp: reads the values of a column where they lie.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/arrow_memory.hpp>
#include <latepy/memory/detail/arrow_type.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Some of the values of an array, which may itself begin with an offset.
struct ArrowPiece {
  SharedArray array{};
  std::int64_t offset = 0;  ///< into the buffers
  std::int64_t length = 0;
};
/// A column: its schema has name and type.
struct ArrowColumn {
  SharedSchema schema{};
  std::vector<ArrowPiece> pieces{};
  bool is_writable = false;  ///< the program may share it for writing
};

/// Whether the bit is set.
inline bool bit_at(const void* bits, std::int64_t at) noexcept {
  return (static_cast<const std::uint8_t*>(bits)[at / 8] >> (at % 8) & 1) != 0;
}

/// What a Column reads.
struct ColumnMemory {
  SharedArray keeper{};
  const void* values = nullptr;  ///< numbers from the first on; else the second buffer
  const void* validity = nullptr;
  std::int64_t offset = 0;  ///< of the first in `validity`, bits and texts
  std::int64_t size = 0, null_count = 0;
  char text_form = 'u';  ///< 'u', 'U' or 'v', if it is text
  bool is_copy = false;

  /// Reads a piece of a column whose type is `wanted`, a format. \returns "" or why that cannot be.
  std::string read(const ArrowSchema& schema, const ArrowPiece& piece, const char* wanted, std::size_t size,
                   bool takes_nulls);
  bool is_null(std::size_t i) const noexcept {
    return validity && !bit_at(validity, offset + static_cast<std::int64_t>(i));
  }
  std::string_view text(std::size_t i) const noexcept;
  template <class V>
  V at(std::size_t i) const {
    if constexpr (arrow_form<V>() == ArrowForm::boolean)
      return bit_at(values, offset + static_cast<std::int64_t>(i));
    else if constexpr (arrow_form<V>() == ArrowForm::text)
      return V(text(i));
    else
      return static_cast<const V*>(values)[i];
  }
};

/// The type of a column in words.
std::string type_text(const ArrowSchema& schema);
/// How many nulls a column has.
std::size_t count_nulls(const ArrowColumn& column) noexcept;
/// Why values of the schema cannot be read as `wanted`, a format; "" if they can.
std::string why_other_type(const ArrowSchema& schema, const char* wanted);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD std::string type_text(const ArrowSchema& schema) {
  return schema.dictionary ? "dictionary of " + type_text(*schema.dictionary) : format_text(schema.format);
}
LATEPY_FUNC LATEPY_COLD std::size_t count_nulls(const ArrowColumn& column) noexcept {
  const std::string_view format = column.schema->format, kind = format.substr(0, 2);
  // Unions and runs have no validity, and something else in the first buffer.
  const bool has_validity = format != "n" && kind != "+u" && kind != "+r";
  std::int64_t count = 0;
  for (const ArrowPiece& piece : column.pieces) {
    const ArrowArray& array = *piece.array;
    if (format == "n") count += piece.length;
    const void* const bits = has_validity && array.null_count != 0 && array.n_buffers > 0 ? array.buffers[0] : nullptr;
    for (std::int64_t i = 0; bits && i < piece.length; ++i) count += !bit_at(bits, piece.offset + i);
  }
  return static_cast<std::size_t>(count);
}

LATEPY_FUNC LATEPY_COLD std::string why_other_type(const ArrowSchema& schema, const char* wanted) {
  const std::string_view format = schema.format;
  if (schema.dictionary)
    return concat({"its values stand in a dictionary, and ", format_text(wanted),
                   " is wanted: decode it first (dictionary_decode() or cast() in pyarrow)"});
  if (!fits_format(format, wanted))
    return concat({"it has ", format_text(format), ", and ", format_text(wanted), " is wanted"});
  return {};
}

LATEPY_FUNC LATEPY_COLD std::string ColumnMemory::read(const ArrowSchema& schema, const ArrowPiece& piece,
                                                       const char* wanted, std::size_t item, bool takes_nulls) {
  keeper = piece.array;
  const ArrowArray& array = *keeper;
  offset = piece.offset;
  size = piece.length;
  text_form = *schema.format;
  const bool is_text = *wanted == 'u';
  const std::int64_t buffers = is_text ? 3 : 2;
  if (array.n_buffers < buffers || offset < 0 || size < 0)
    return concat({"its array is not valid: it has ", decimal(array.n_buffers), " buffers, the offset ",
                   decimal(offset), " and the length ", decimal(size)});
  values = array.buffers[1];
  if (size && !values) return "its array is not valid: it has values, and their buffer is null";
  if (const std::size_t alignment = is_text ? (text_form == 'U' ? 8 : 4) : item;
      size && reinterpret_cast<std::uintptr_t>(values) % alignment != 0)
    return "its values are not aligned";
  validity = array.null_count == 0 ? nullptr : array.buffers[0];
  null_count = 0;
  std::int64_t first = -1;
  if (validity)
    for (std::int64_t i = 0; i < size; ++i)
      if (!bit_at(validity, offset + i) && null_count++ == 0) first = i;
  if (null_count == 0) validity = nullptr;
  if (null_count && !takes_nulls)
    return concat({"it has ", decimal(null_count), null_count == 1 ? " null" : " nulls", ", the first in row ",
                   decimal(first), ": take a Column of std::optional"});
  if (!is_text && *wanted != 'b' && size)
    values = static_cast<const char*>(values) + static_cast<std::size_t>(offset) * item;
  return {};
}

LATEPY_FUNC std::string_view ColumnMemory::text(std::size_t i) const noexcept {
  const std::int64_t at = offset + static_cast<std::int64_t>(i);
  const void* const* const buffers = keeper->buffers;
  const auto between = [&](auto first, auto last) {
    return std::string_view(static_cast<const char*>(buffers[2]) + first, static_cast<std::size_t>(last - first));
  };
  if (text_form == 'u') {
    const auto* const offsets = static_cast<const std::int32_t*>(values);
    return between(offsets[at], offsets[at + 1]);
  }
  if (text_form == 'U') {
    const auto* const offsets = static_cast<const std::int64_t*>(values);
    return between(offsets[at], offsets[at + 1]);
  }
  struct TextView {  // of Arrow's view layout
    std::int32_t length;
    std::int32_t prefix, buffer, offset;  ///< up to 12 bytes of text stand here
  };
  const TextView& view = static_cast<const TextView*>(values)[at];
  const char* const text = view.length <= 12 ? reinterpret_cast<const char*>(&view.prefix)
                                             : static_cast<const char*>(buffers[2 + view.buffer]) + view.offset;
  return {text, static_cast<std::size_t>(view.length)};
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
