// latepy/core/detail/show.hpp: short texts of objects, for error messages.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/python_error.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The value of an object in an error message: a str in double quotes, of other objects the repr(), at most 80 bytes.
/// It does not fail if repr() fails. Needs the GIL; clears the error that is set.
std::string show_value(PyObject* object);

/// The type and value of an object in an error message: `'str' "abc"`.
LATEPY_COLD inline std::string show(PyObject* object) {
  if (object == api().NoneStruct) return "None";
  return concat({"'", qualified_name(as_object(type_of(object))), "' ", show_value(object)});
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD std::string show_value(PyObject* object) {
  constexpr std::size_t limit = 80;
  constexpr ssize long_size = 10 * limit;  // of longer sequences only the first `long_size` items are shown
  ColdRef beginning;
  if (has_flag(object, type_is_str | type_is_bytes | type_is_list | type_is_tuple) &&
      api().Object_Size(object) > long_size)
    beginning.reset(api().Sequence_GetSlice(object, 0, long_size));
  api().Err_Clear();
  if (beginning.get()) object = beginning.get();
  std::string text;
  if (has_flag(object, type_is_str)) {
    text = "\"";
    for (const char c : text_of(object)) {
      if (static_cast<unsigned char>(c) < 0x20)
        text.append("\\x").append(1, "01"[c >> 4]).append(1, "0123456789abcdef"[c & 15]);
      else
        text += c;
    }
    text += "\"";
  } else {
    const ColdRef repr(api().Object_Repr(object));
    text = repr.get() ? text_of(repr.get()) : "<its repr() failed>";
    api().Err_Clear();
  }
  if (text.size() > limit) {
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a UTF-8 sequence
    text = text.substr(0, end) + "…";
  }
  return text;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
