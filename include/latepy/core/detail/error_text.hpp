// latepy/core/detail/error_text.hpp: reads the texts of an exception object; part of core/python_error.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/error_data.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// These functions need the GIL. They leave no Python error set.

/// The text of a str object in UTF-8. Lone surrogates become backslash escapes. Returns a view of the str, or of
/// `other` if the text had to be converted; "" if `str` is null or is not a str.
std::string_view view_of(PyObject* str, std::string& other);
/// A copy of the same text.
std::string text_of(PyObject* str);

/// A new reference to the attribute; null if there is none, the look-up fails, or `object` is null.
PyObject* find_attribute(PyObject* object, const StringArg& name) noexcept;
/// The attribute; an empty Object in the same cases.
LATEPY_COLD inline Object attribute_or_empty(PyObject* object, const StringArg& name) noexcept {
  return Object::steal(find_attribute(object, name));
}
/// The text of the attribute; "" if it is not a str.
LATEPY_COLD inline std::string text_at(PyObject* object, const StringArg& name) {
  return text_of(ColdRef(find_attribute(object, name)).get());
}

/// The name of a class as Python's traceback prints it: `ValueError`, `json.decoder.JSONDecodeError`.
std::string qualified_name(PyObject* type);

/// str(object), or "<its str() failed>".
std::string str_or_excuse(PyObject* object);

/// The attribute as an int; 0 if there is none, or if it is not an int.
int int_at(PyObject* object, const StringArg& name) noexcept;

/// The members of PyTracebackObject behind its head (Include/cpython/traceback.h). Used only if Layout::trace_entry is
/// not 0.
struct TraceEntry {
  PyObject *next, *frame;
  int instruction, line;
  /// The line number, or 0. From 3.11 on `line` may be -1, and the number is computed from the instruction.
  int line_in(PyObject* code) const {
    const int found = line != -1 ? line : api().Code_Addr2Line(code, instruction);
    return found != -1 ? found : 0;
  }
};
/// A line of a file.
struct FilePlace {
  std::string_view file{};  ///< a view of the file name in `code`, or of `text`; "" if it is not known
  int line = 0;
  Object code{};
  std::string text{};
};
/// The place that a SyntaxError names. Removes the same place from the end of `message`, because what() adds it.
void find_syntax_place(PyObject* exception, FilePlace& place, std::string& message);
/// Whether the file name is that of code which no user has written: of the import system, or of latepy.
inline bool is_internal(std::string_view file) noexcept {
  return !file.empty() && file[0] == '<' && (file.substr(0, 17) == "<frozen importlib" || file == "<latepy>");
}
/// The place of the last traceback entry of an exception that is not internal: that of the innermost frame.
void find_place(PyObject* exception, FilePlace& place);
/// The same through attributes, if the layout is not known. \param trace the first traceback entry, borrowed.
void ask_place(PyObject* trace, FilePlace& place);

#if LATEPY_DEFINITIONS

/// view_of() for objects that are not an ASCII str.
LATEPY_COLD inline std::string_view view_of_any(PyObject* str, std::string& other) {
  if (has_flag(str, type_is_str)) {
    ssize size = 0;
    if (const char* utf8 = api().Unicode_AsUTF8AndSize(str, &size)) return {utf8, static_cast<std::size_t>(size)};
    api().Err_Clear();  // the str contains lone surrogates
    const ColdRef bytes(api().Unicode_AsEncodedString(str, "utf-8", "backslashreplace"));
    char* data = nullptr;
    if (bytes.get() && api().Bytes_AsStringAndSize(bytes.get(), &data, &size) == 0)
      return other.assign(data, static_cast<std::size_t>(size));
  }
  api().Err_Clear();
  return {};
}

LATEPY_FUNC std::string_view view_of(PyObject* str, std::string& other) {
  std::string_view ascii;
  if (!str || read_ascii(str, ascii)) return ascii;
  return view_of_any(str, other);
}

LATEPY_FUNC std::string text_of(PyObject* str) {
  std::string other;
  const std::string_view text = view_of(str, other);
  return other.empty() ? std::string(text) : std::move(other);
}

LATEPY_FUNC LATEPY_COLD PyObject* find_attribute(PyObject* object, const StringArg& name) noexcept {
  PyObject* value = nullptr;
  if (!object) return nullptr;
  try {
    const InternedName* const known = name.known();
    const int found = known ? api().Object_GetOptionalAttr(object, known->str, &value)
                            : api().Object_GetOptionalAttr(object, AttrName(name.view()).ptr(), &value);
    if (found < 0) api().Err_Clear();
  } catch (const std::exception&) {  // no memory for the str of the name
  }
  return value;
}

LATEPY_FUNC LATEPY_COLD std::string qualified_name(PyObject* type) {
  std::string name = text_at(type, "__qualname__");
  const std::string module = text_at(type, "__module__");
  return module.empty() || module == "builtins" || module == "__main__" ? name : concat({module, ".", name});
}

LATEPY_FUNC LATEPY_COLD std::string str_or_excuse(PyObject* object) {
  const ColdRef str(api().Object_Str(object));
  if (str.get()) return text_of(str.get());
  api().Err_Clear();
  return "<its str() failed>";
}

LATEPY_FUNC LATEPY_COLD int int_at(PyObject* object, const StringArg& name) noexcept {
  const ColdRef number(find_attribute(object, name));
  if (!number.get() || number.get() == api().NoneStruct) return 0;
  int overflow = 0;
  const long long value = api().Long_AsLongLongAndOverflow(number.get(), &overflow);
  if (value == -1) api().Err_Clear();
  return static_cast<int>(value);
}

LATEPY_FUNC LATEPY_COLD void find_syntax_place(PyObject* exception, FilePlace& place, std::string& message) {
  place.file = place.text = text_at(exception, "filename");
  place.line = int_at(exception, "lineno");
  const std::string suffix =
      concat({" (", place.file.substr(place.file.find_last_of("/\\") + 1), ", line ", decimal(place.line), ")"});
  if (message.size() > suffix.size() && message.compare(message.size() - suffix.size(), suffix.size(), suffix) == 0)
    message.resize(message.size() - suffix.size());
}

/// Reads the place of one traceback entry through attributes.
LATEPY_COLD inline void read_place(PyObject* entry, FilePlace& place) {
  const ColdRef frame(find_attribute(entry, "tb_frame"));
  const ColdRef code(frame.get() ? api().Frame_GetCode(frame.get()) : nullptr);
  place.file = place.text = text_at(code.get(), "co_filename");
  place.line = int_at(entry, "tb_lineno");
}

LATEPY_FUNC LATEPY_COLD void ask_place(PyObject* trace, FilePlace& place) {
  const auto each_entry = [trace](auto&& visit) {
    ColdRef next;
    for (PyObject* entry = trace; entry && entry != api().NoneStruct; entry = next.get()) {
      visit(entry);
      next.reset(find_attribute(entry, "tb_next"));
    }
  };
  ColdRef last;
  each_entry([&last](PyObject* entry) {
    api().IncRef(entry);
    last.reset(entry);
  });
  read_place(last.get(), place);
  if (!is_internal(place.file)) return;
  place.line = 0;
  each_entry([&place, other = std::string(), outer = FilePlace()](PyObject* entry) mutable {
    read_place(entry, outer);
    if (!is_internal(outer.file)) other = outer.text, place.line = outer.line;
    place.text = other;
  });
  place.file = place.text;
}

LATEPY_FUNC void find_place(PyObject* exception, FilePlace& place) {
  const Layout& layout = library_state.layout;
  PyObject* const trace = api().Exception_GetTraceback(exception);
  if (!trace) return;
  const ColdRef entry(trace);
  if (LATEPY_UNLIKELY(trace == api().NoneStruct)) return;  // 3.11.2 gives that for the exception of a Task
  if (LATEPY_UNLIKELY(layout.trace_entry == 0)) return ask_place(trace, place);
  const TraceEntry* last = &member_at<TraceEntry>(trace, layout.trace_entry);
  while (last->next) last = &member_at<TraceEntry>(last->next, layout.trace_entry);
  if (LATEPY_UNLIKELY(!last->frame)) return;  // CPython has cleared the entry, as it may where memory is short
  place.code = Object::steal(api().Frame_GetCode(last->frame));
  place.line = last->line_in(place.code.ptr());
  place.file = view_of(member_at<PyObject*>(place.code.ptr(), layout.code_filename), place.text);
  if (LATEPY_UNLIKELY(is_internal(place.file))) ask_place(entry.get(), place);
}

LATEPY_FUNC LATEPY_COLD ErrorText::ErrorText(const ExceptionClass& known, std::string of_it)
    : type_name(known.name()), message(std::move(of_it)) {
  make_what({}, 0);
}

/// Appends a text with "\\0" for each NUL byte, where what() would end.
LATEPY_COLD inline void append_visibly(std::string& to, std::string_view text) {
  for (const char c : text) c != '\0' ? to += c : to += "\\0";
}

LATEPY_FUNC void ErrorText::make_what(std::string_view file, int line) {
  what.reserve(type_name.size() + message.size() + file.size() + 17);
  what.append(type_name);
  if (!message.empty()) {
    what.append(": ", 2);
    if (LATEPY_UNLIKELY(message.find('\0') != message.npos))
      append_visibly(what, message);
    else
      what.append(message);
  }
  if (file.empty()) return;
  what.append(" (", 2);
  place = what.size();
  (((what += file) += ':') += decimal(line)) += ')';
}

LATEPY_FUNC LATEPY_COLD ErrorText::ErrorText(const ErrorData& data) {
  PyObject* const exception = data.value.ptr();
  PyObject* const type = as_object(type_of(exception));
  const bool is_known = data.known->symbol && *(api().*data.known->symbol) == type;
  if (is_known)
    type_name = data.known->name();
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
