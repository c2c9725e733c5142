// latepy/core/detail/show.hpp: short texts of objects, for error messages.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/python_error.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A text in an error message, at most 80 bytes on one line: control characters, also NUL, at which a C string would
/// end, are escapes. In double quotes if it is of a str; else the end of a line is a space. Needs no GIL.
std::string show_text(std::string_view text, bool is_str);

/// The value of an object in an error message: a str in double quotes, of other objects the repr(), at most 80 bytes on
/// one line. It does not fail if repr() fails. Needs the GIL; clears the error that is set.
std::string show_value(PyObject* object);

/// The type and value of an object in an error message: `'str' "abc"`.
LATEPY_COLD inline std::string show(PyObject* object) {
  if (object == api().NoneStruct) return "None";
  return concat({"'", qualified_name(as_object(type_of(object))), "' ", show_value(object)});
}

#if LATEPY_DEFINITIONS

inline constexpr std::size_t most_shown = 80;

LATEPY_FUNC LATEPY_COLD std::string show_text(std::string_view shown, bool is_str) {
  std::string text(is_str ? "\"" : "");
  for (std::size_t at = 0; at < shown.size(); ++at) {
    const char c = shown[at];
    if (!is_str && c == '\n') {  // a space for the end of a line and the indentation of the next one
      at = (std::min)(shown.find_first_not_of(" \t\r\n", at), shown.size()) - 1;
      text += ' ';
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text.append("\\x").append(1, "01"[c >> 4]).append(1, "0123456789abcdef"[c & 15]);
    } else {
      text += c;
    }
  }
  if (is_str) text += "\"";
  if (text.size() > most_shown) {
    std::size_t end = most_shown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a UTF-8 sequence
    text = text.substr(0, end) + "…";
  }
  return text;
}

LATEPY_FUNC LATEPY_COLD std::string show_value(PyObject* object) {
  constexpr ssize long_size = 10 * most_shown;  // of longer sequences only the first `long_size` items are shown
  ColdRef beginning;
  if (has_flag(object, type_is_str | type_is_bytes | type_is_list | type_is_tuple) &&
      api().Object_Size(object) > long_size)
    beginning.reset(api().Sequence_GetSlice(object, 0, long_size));
  api().Err_Clear();
  if (beginning.get()) object = beginning.get();
  const bool is_str = has_flag(object, type_is_str);
  const ColdRef repr(is_str ? nullptr : api().Object_Repr(object));
  const std::string shown = is_str ? text_of(object) : repr.get() ? text_of(repr.get()) : "<its repr() failed>";
  api().Err_Clear();
  return show_text(shown, is_str);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
