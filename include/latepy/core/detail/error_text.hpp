// latepy/core/detail/error_text.hpp: reads what is said of an exception object; part of core/python_error.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/error_data.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Text of a str object, where it lies or, where that cannot be, in `other`; never leaves an error set.
std::string_view view_of(PyObject* str, std::string& other);
/// The same as a copy.
std::string text_of(PyObject* str);

/// The attribute as a new reference, or null; never leaves an error set.
PyObject* find_attribute(PyObject* object, const StringArg& name) noexcept;
/// The same as an Object, which may be empty.
LATEPY_COLD inline Object attribute_or_empty(PyObject* object, const StringArg& name) noexcept {
  return Object::steal(find_attribute(object, name));
}

/// As Python's traceback prints a type: `ValueError`, `json.decoder.JSONDecodeError`.
std::string qualified_name(PyObject* type);

/// str(object), or what is said of an object whose str() fails.
std::string str_or_excuse(PyObject* object);

/// The attribute as an int; 0 where it is none.
int int_at(PyObject* object, const StringArg& name) noexcept;

/// PyTracebackObject behind its head (Include/cpython/traceback.h), where Layout says that this is so.
struct TraceEntry {
  PyObject *next, *frame;
  int instruction, line;
  /// From 3.11 it is found when it is asked for.
  int line_in(PyObject* code) const {
    const int found = line != -1 ? line : api().Code_Addr2Line(code, instruction);
    return found != -1 ? found : 0;
  }
};
/// A line of a file.
struct FilePlace {
  std::string_view file;  ///< of `code` or in `text`
  int line = 0;
  Object code;
  std::string text;
};
/// The place that a SyntaxError names. What it says of it in its message goes: what() says it once.
void find_syntax_place(PyObject* exception, FilePlace& place, std::string& message);
/// The innermost place of an exception: the last traceback entry.
void find_place(PyObject* exception, FilePlace& place);
/// The same by attributes. \param entry the first
void ask_place(Object entry, FilePlace& place);

#if LATEPY_DEFINITIONS

LATEPY_FUNC std::string_view view_of(PyObject* str, std::string& other) {
  std::string_view ascii;
  if (str && read_ascii(str, ascii)) return ascii;
  if (str && has_flag(str, type_is_str)) {
    ssize size = 0;
    if (const char* utf8 = api().Unicode_AsUTF8AndSize(str, &size)) return {utf8, static_cast<std::size_t>(size)};
    api().Err_Clear();  // lone surrogates
    const OwnedRef bytes(api().Unicode_AsEncodedString(str, "utf-8", "backslashreplace"));
    char* data = nullptr;
    if (bytes.get() && api().Bytes_AsStringAndSize(bytes.get(), &data, &size) == 0)
      return other.assign(data, static_cast<std::size_t>(size));
  }
  api().Err_Clear();
  return {};
}

LATEPY_FUNC std::string text_of(PyObject* str) {
  std::string other;
  const std::string_view text = view_of(str, other);
  return other.empty() ? std::string(text) : other;
}

LATEPY_FUNC PyObject* find_attribute(PyObject* object, const StringArg& name) noexcept {
  PyObject* value = nullptr;
  if (!object) return nullptr;
  try {
    const InternedName* const known = name.known();
    const int found = known ? api().Object_GetOptionalAttr(object, known->str, &value)
                            : api().Object_GetOptionalAttr(object, AttrName(name.view()).ptr(), &value);
    if (found < 0) api().Err_Clear();
  } catch (const std::exception&) {  // no memory for the name
  }
  return value;
}

LATEPY_FUNC LATEPY_COLD std::string qualified_name(PyObject* type) {
  std::string name = text_of(attribute_or_empty(type, "__qualname__").ptr());
  const std::string module = text_of(attribute_or_empty(type, "__module__").ptr());
  return module.empty() || module == "builtins" || module == "__main__" ? name : module + "." + name;
}

LATEPY_FUNC std::string str_or_excuse(PyObject* object) {
  const OwnedRef str(api().Object_Str(object));
  if (!str.get()) {
    api().Err_Clear();
    return "<its str() failed>";
  }
  return text_of(str.get());
}

LATEPY_FUNC LATEPY_COLD int int_at(PyObject* object, const StringArg& name) noexcept {
  const Object number = attribute_or_empty(object, name);
  if (number.is_empty() || number.is_none()) return 0;
  int overflow = 0;
  const long long value = api().Long_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (value == -1) api().Err_Clear();
  return static_cast<int>(value);
}

LATEPY_FUNC LATEPY_COLD void find_syntax_place(PyObject* exception, FilePlace& place, std::string& message) {
  place.file = place.text = text_of(attribute_or_empty(exception, "filename").ptr());
  place.line = int_at(exception, "lineno");
  const std::string suffix =
      " (" + place.text.substr(place.text.find_last_of("/\\") + 1) + ", line " + std::to_string(place.line) + ")";
  if (message.size() > suffix.size() && message.compare(message.size() - suffix.size(), suffix.size(), suffix) == 0)
    message.resize(message.size() - suffix.size());
}

LATEPY_FUNC LATEPY_COLD void ask_place(Object entry, FilePlace& place) {
  for (;;) {
    Object next = attribute_or_empty(entry.ptr(), "tb_next");
    if (next.is_empty() || next.is_none()) break;
    entry = std::move(next);
  }
  const Object frame = attribute_or_empty(entry.ptr(), "tb_frame");
  if (frame.is_empty()) return;
  const Object code = Object::steal(api().Frame_GetCode(frame.ptr()));
  place.file = place.text = text_of(attribute_or_empty(code.ptr(), "co_filename").ptr());
  place.line = int_at(entry.ptr(), "tb_lineno");
}

LATEPY_FUNC void find_place(PyObject* exception, FilePlace& place) {
  const Layout& layout = library_state.layout;
  Object entry = Object::steal(api().Exception_GetTraceback(exception));
  if (entry.is_empty()) return;
  if (LATEPY_UNLIKELY(layout.trace_entry == 0)) return ask_place(std::move(entry), place);
  const TraceEntry* last = &member_at<TraceEntry>(entry.ptr(), layout.trace_entry);
  while (last->next) last = &member_at<TraceEntry>(last->next, layout.trace_entry);
  place.code = Object::steal(api().Frame_GetCode(last->frame));
  place.line = last->line_in(place.code.ptr());
  place.file = view_of(member_at<PyObject*>(place.code.ptr(), layout.code_filename), place.text);
}

LATEPY_FUNC void ErrorText::make_what(std::string_view file, int line) {
  what.reserve(type_name.size() + message.size() + file.size() + 17);
  what += type_name;
  if (!message.empty()) what.append(": ", 2) += message;
  if (file.empty()) return;
  place = what.append(" (", 2).size();
  ((what += file) += ':').append(std::to_string(line)) += ')';
}

LATEPY_FUNC ErrorText::ErrorText(const ErrorData& data) {
  PyObject* const exception = data.value.ptr();
  PyObject* const type = as_object(type_of(exception));
  const bool is_known = *(api().*data.known->symbol) == type;
  if (is_known)
    type_name = data.known->name;
  else
    type_name = qualified_name(type);
  message = str_or_excuse(exception);
  FilePlace found;
  if (is_known ? data.known->symbol == &Api::SyntaxError
               : api().Err_GivenExceptionMatches(type, *api().SyntaxError) != 0)
    find_syntax_place(exception, found, message);
  if (found.file.empty()) find_place(exception, found);
  make_what(found.file, found.line);
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
