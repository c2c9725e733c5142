// latepy/core/detail/probe_layout.hpp: fills Layout: measures on live objects at which offsets CPython keeps members.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// Parameters for names are const char*: a StringArg would compile the code that interns literals at each call.

/// The `__basicsize__` of the type: the size of its objects, in bytes, without items. 0 if it has none.
LATEPY_COLD inline std::size_t basic_size(PyTypeObject* type) noexcept {
  return static_cast<std::size_t>(int_at(as_object(type), "__basicsize__"));
}
/// A new reference to the attribute of a module; null if it fails. Leaves no error set.
LATEPY_COLD inline PyObject* find_in_module(const char* module, const char* name) noexcept {
  const ColdRef imported(api().Import_ImportModule(module));
  if (!imported.get()) api().Err_Clear();
  return find_attribute(imported.get(), name);
}
/// Whether the attribute is the object `value`, by identity.
LATEPY_COLD inline bool has_attribute(PyObject* object, const char* name, PyObject* value) noexcept {
  return ColdRef(find_attribute(object, name)).get() == value;
}

/// sizeof(PyObject) in bytes: 16 in 64-bit release builds, 32 with free threading or trace-refs (Include/object.h). In
/// all builds the address of the type is the last member. Returns 0 if a live object shows that this is not so.
LATEPY_COLD inline std::size_t measure_head() {
  const Api& a = api();
  const std::size_t head = basic_size(a.BaseObject_Type);
  const ColdRef list(a.List_New(0)), number(a.Float_FromDouble(0.5));
  for (PyObject* proof : {a.NoneStruct, as_object(a.BaseObject_Type), list.get(), number.get()}) {
    const ColdRef type(proof && head != 0 ? a.Object_Type(proof) : nullptr);
    if (!type.get() || member_at<PyObject*>(proof, head - sizeof(void*)) != type.get()) return 0;
  }
  return head;
}

/// The offset of the low 32 bits of tp_flags, an unsigned long 19 words behind the head of a type
/// (Include/cpython/object.h). Returns 0 if they are not there.
LATEPY_COLD inline std::uint16_t find_type_flags(std::size_t head) {
  const std::size_t offset = head + 19 * sizeof(void*) + low_half;
  const Api& a = api();
  for (PyTypeObject* type : {a.BaseObject_Type, a.List_Type, a.Tuple_Type, a.Dict_Type, a.Float_Type, a.Long_Type})
    if (member_at<std::uint32_t>(type, offset) != static_cast<std::uint32_t>(a.Type_GetFlags(type))) return 0;
  return static_cast<std::uint16_t>(offset);
}

/// The offset of tp_vectorcall_offset: 5 words behind the head of a type. It tells at which offset a Python function
/// has its vectorcall pointer.
LATEPY_COLD inline void probe_vectorcall(Layout& layout) {
  const Api& a = api();
  layout.vectorcall_offset = layout.function_vectorcall = 0;
  const std::size_t offset = layout.head + 5 * sizeof(void*);
  const ColdRef function(find_in_module("encodings", "search_function"));
  if (!function.get()) return;
  PyTypeObject* const type = type_of(function.get());
  const auto place = static_cast<std::size_t>(member_at<ssize>(type, offset));
  if (place == 0 || place % sizeof(void*) != 0 || place >= basic_size(type)) return;
  const Vectorcall known =
      a.Vectorcall_Function ? a.Vectorcall_Function(function.get()) : a.Function_Vectorcall.pointer();
  if (!known || member_at<Vectorcall>(function.get(), place) != known) return;
  layout.vectorcall_offset = static_cast<std::uint16_t>(offset);
  if (type == a.Function_Type) layout.function_vectorcall = static_cast<std::uint16_t>(place);
}

/// Whether read_float() reads `number` from a new float.
LATEPY_COLD inline bool reads_float(double number) {
  const ColdRef object(api().Float_FromDouble(number));
  double read = 0;
  return object.get() && read_float(object.get(), read) && read == number;
}

/// Whether read_int() reads all ints of one digit, and refuses all others, if Layout::int_form is `form`.
LATEPY_COLD inline bool reads_ints(Layout& layout, Layout::IntForm form) {
  layout.int_form = form;
  constexpr long long most = (1ll << 30) - 1;
  static constexpr long long numbers[] = {0, 1, -1, 256, 257, -6, 123456, most, -most, most + 1, -most - 1, 1ll << 45};
  for (const long long number : numbers) {
    const ColdRef object(api().Long_FromLongLong(number));
    long long read = 0;
    const bool is_one_digit = number <= most && number >= -most;
    if (!object.get() || read_int(object.get(), read) != is_one_digit || (is_one_digit && read != number)) return false;
  }
  return true;
}

/// Whether read_items() finds the items of `sequence`, a new list or tuple of length 2. Takes over the reference, which
/// may be null.
LATEPY_COLD inline bool reads_items(PyObject* sequence, int (*set_item)(PyObject*, ssize, PyObject*)) {
  const Api& a = api();
  const ColdRef owned(sequence);
  PyObject* const items[] = {as_object(a.Float_Type), as_object(a.Long_Type)};
  for (ssize at = 0; at < 2 && sequence; ++at) {
    a.IncRef(items[at]);
    if (set_item(sequence, at, items[at]) != 0) return false;
  }
  ItemArray read;
  return sequence && read_items(sequence, read) && read.size == 2 && read.first[0] == items[0] &&
         read.first[1] == items[1];
}

/// Whether read_ascii() reads ASCII strs and refuses others, and whether the text of a str that PyUnicode_New() makes
/// can be written at Layout::ascii_text.
LATEPY_COLD inline bool reads_ascii(const Layout& layout) {
  const Api& a = api();
  const ColdRef ascii(a.Unicode_DecodeUTF8("proof", 5, nullptr)),
      other(a.Unicode_DecodeUTF8("pr\xc3\xb3of", 6, nullptr)), made(a.Unicode_New(5, 127));
  if (!ascii.get() || !other.get() || !made.get()) return false;
  ssize size = 0;
  std::string_view read;
  const char* const text = a.Unicode_AsUTF8AndSize(ascii.get(), &size);
  if (!read_ascii(ascii.get(), read) || read.data() != text || read.size() != 5 || read_ascii(other.get(), read))
    return false;
  char* const place = &member_at<char>(made.get(), layout.ascii_text);
  if (a.Unicode_AsUTF8AndSize(made.get(), &size) != place || size != 5) return false;
  std::memcpy(place, "proof", 5);
  return a.Unicode_Compare(made.get(), ascii.get()) == 0 && read_ascii(made.get(), read);
}

/// Finds the offsets that the read_ functions of refcount.hpp use. An offset stays 0 if they do not read what CPython's
/// functions return.
LATEPY_COLD inline void probe_values(Layout& layout) {
  const Api& a = api();
  const auto behind_head = [&](std::size_t words) {
    return static_cast<std::uint16_t>(layout.head + words * sizeof(void*));
  };
  layout.float_value = behind_head(0);
  if (!reads_float(0.5) || !reads_float(-3.25e300) || !reads_float(1e-300)) layout.float_value = 0;

  // Until 3.11 an int holds its number of digits, from 3.12 on a tag; see Layout::IntForm. On 32-bit machines digits of
  // 15 bits, which are refused, are usual before 3.11.
  if (!reads_ints(layout, Layout::IntForm::tagged) && !reads_ints(layout, Layout::IntForm::sized))
    layout.int_form = Layout::IntForm::unknown;

  // From 3.14 on a tuple has its hash before the items.
  for (const std::size_t words : {1u, 2u}) {
    layout.tuple_items = behind_head(words);
    if (reads_items(a.Tuple_New(2), a.Tuple_SetItem)) break;
    layout.tuple_items = 0;
  }
  // In free-threaded builds another thread may change a list during the read, and the state bits of a str differ.
  if (library_state.free_threaded) return;
  layout.list_items = behind_head(1);
  if (!reads_items(a.List_New(2), a.List_SetItem)) layout.list_items = 0;
  // Before 3.12 a str has a wchar_t* behind its state.
  for (const std::size_t words : {3u, 4u}) {
    layout.ascii_text = behind_head(words);
    if (layout.type_flags != 0 && reads_ascii(layout)) break;
    layout.ascii_text = 0;
  }
}

/// Whether the traceback entry is a TraceEntry behind its head: its attributes have the same values.
LATEPY_COLD inline bool is_trace_entry(const Layout& layout, PyObject* entry) {
  if (basic_size(type_of(entry)) < layout.head + sizeof(TraceEntry)) return false;
  const auto& read = member_at<TraceEntry>(entry, layout.head);
  if (!has_attribute(entry, "tb_next", read.next ? read.next : api().NoneStruct)) return false;
  if (!has_attribute(entry, "tb_frame", read.frame)) return false;
  const ColdRef code(api().Frame_GetCode(read.frame));
  return int_at(entry, "tb_lasti") == read.instruction && int_at(entry, "tb_lineno") == read.line_in(code.get());
}

/// The offset at which both code objects have their co_filename; 0 if there is none, or more than one.
LATEPY_COLD inline std::size_t find_code_filename(const Layout& layout, PyObject* code, PyObject* other) {
  std::size_t found = 0;
  const std::size_t end = basic_size(type_of(code));
  for (std::size_t offset = layout.head; offset + sizeof(void*) <= end; offset += sizeof(void*)) {
    if (!has_attribute(code, "co_filename", member_at<PyObject*>(code, offset)) ||
        !has_attribute(other, "co_filename", member_at<PyObject*>(other, offset)))
      continue;
    if (found != 0) return 0;
    found = offset;
  }
  return found;
}

/// Finds Layout::trace_entry and Layout::code_filename. They stay 0 in free-threaded builds, because there another
/// thread may change `tb_next` of an entry during the read.
LATEPY_COLD inline void probe_traceback(Layout& layout) {
  const Api& a = api();
  layout.trace_entry = layout.code_filename = 0;
  if (library_state.free_threaded) return;
  const ColdRef function(find_in_module("encodings", "search_function"));
  PyObject* arguments[] = {a.NoneStruct};  // None is not the name of a codec
  if (!function.get() || ColdRef(a.Object_VectorcallDict(function.get(), arguments, 1, nullptr)).get()) return;
  const ColdRef error(fetch_raised()), trace(a.Exception_GetTraceback(error.get()));
  // At least two entries: that function calls another Python function, which fails.
  int entries = 0;
  PyObject* last = nullptr;
  for (PyObject* entry = trace.get(); entry; entry = member_at<TraceEntry>(entry, layout.head).next) {
    if (!is_trace_entry(layout, entry)) return;
    last = entry;
    ++entries;
  }
  if (entries < 2) return;
  const ColdRef code(a.Frame_GetCode(member_at<TraceEntry>(last, layout.head).frame));
  const ColdRef getter(find_in_module("codecs", "getencoder")), other(find_attribute(getter.get(), "__code__"));
  const std::size_t found = other.get() ? find_code_filename(layout, code.get(), other.get()) : 0;
  if (found == 0) return;
  layout.trace_entry = static_cast<std::uint16_t>(layout.head);
  layout.code_filename = static_cast<std::uint16_t>(found);
}

/// Calls incref() `times` times; decref_often() calls decref().
LATEPY_COLD inline void incref_often(PyObject* object, int times) noexcept {
  for (; times > 0; --times) incref(object);
}
LATEPY_COLD inline void decref_often(PyObject* object, int times) noexcept {
  for (; times > 0; --times) decref(object);
}

/// Whether incref() and decref() change the counts as Py_IncRef and Py_DecRef do.
LATEPY_COLD inline bool counts_agree() {
  const Api& a = api();
  const ColdRef proof(a.List_New(0));
  if (!proof.get()) return false;
  const auto count_is = [&](std::size_t count) { return member_at<std::size_t>(proof.get(), 0) == count; };
  for (int i = 0; i < 38; ++i) a.IncRef(proof.get());
  bool agree = count_is(39);
  decref_often(proof.get(), 38);
  agree = agree && count_is(1);
  incref_often(proof.get(), 38);
  agree = agree && count_is(39);
  for (int i = 0; i < 38; ++i) a.DecRef(proof.get());
  agree = agree && count_is(1);
  // An object is freed at the last decref, whether latepy's functions or CPython's changed the count before.
  static int ended;
  ended = 0;
  PyObject* const capsule = a.Capsule_New(&ended, "latepy.proof", [](PyObject*) { ++ended; });
  if (!capsule) return false;
  incref_often(capsule, 1);
  a.IncRef(capsule);
  decref_often(capsule, 1);
  a.DecRef(capsule);
  agree = agree && ended == 0;
  decref_often(capsule, 1);
  // From 3.12 on None is immortal, and its count does not change. Before, it changes like any other.
  PyObject* const nothing = a.NoneStruct;
  const auto& count = member_at<std::uint32_t>(nothing, low_half);
  const std::uint32_t before = count;
  a.IncRef(nothing);
  bool moved = count != before;
  a.DecRef(nothing);
  a.DecRef(nothing);
  moved = moved || count != before;
  a.IncRef(nothing);
  const std::uint32_t immortal = library_state.layout.immortal;
  return agree && ended == 1 && moved == (immortal == 0) && (before & immortal) == immortal;
}

/// Finds which counts incref() and decref() may change inline, and how wide they are; see Layout::Counting. It finds
/// none in free-threaded builds, in debug builds and for CPython 3.16 and newer.
LATEPY_COLD inline void probe_counts(Layout& layout) {
  const unsigned minor = static_cast<unsigned>(library_state.version.minor);
  if (library_state.free_threaded || api().NegativeRefcount || layout.head != 2 * sizeof(void*) || minor > 15) return;
  layout.counting = minor < 12                         ? Layout::Counting::plain
                    : minor < 14 && sizeof(void*) == 8 ? Layout::Counting::wide
                                                       : Layout::Counting::halved;
  layout.count_limit = 0x3FFFFFFF;
  layout.decrement_limit = layout.count_limit - 2;
  layout.immortal = minor < 12 || sizeof(void*) != 8 ? 0 : 0x80000000u;  // _Py_IsImmortal, Include/object.h of 3.12
  if (counts_agree()) return;
  layout.counting = Layout::Counting::halved;
  layout.count_limit = layout.decrement_limit = layout.immortal = 0;
}

/// Fills library_state.layout at the first call. Needs the GIL. If the environment variable LATEPY_NO_FAST_PATH is set,
/// and is neither empty nor "0", finds only the head.
LATEPY_COLD inline void probe_layout() {
  Layout& layout = library_state.layout;
  if (layout.head != 0) return;
  Layout found;
  found.head = measure_head();
  const char* const forbidden = environment_value("LATEPY_NO_FAST_PATH");
  if (found.head == 0 || (forbidden && *forbidden && std::string_view(forbidden) != "0")) {
    layout.head = found.head;
    return;
  }
  found.type_flags = find_type_flags(found.head);
  probe_vectorcall(found);
  probe_traceback(found);
  layout = found;
  probe_counts(layout);
  probe_values(layout);
  probe_current_word();
  thread_record.current = find_current_word();
  api().Err_Clear();  // a probe that failed left its offset 0
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
