// latepy/core/detail/probe_layout.hpp: finds out on live objects where CPython keeps their members.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

#include <cstdlib>

namespace latepy {
inline namespace v1 {
namespace detail {

/// sizeof(PyObject): 16 in release builds, 32 where free threading or trace-refs widen it (Include/object.h). The
/// type's address is the last member everywhere; 0 where live objects prove that wrong.
LATEPY_COLD inline std::size_t measure_head() {
  const Object base = Object::borrow(as_object(api().BaseObject_Type));
  const auto head = get_attribute(base, "__basicsize__").as<std::size_t>();
  for (const Object& proof : {none(), base, list(), steal_or_throw(api().Float_FromDouble(0.5))}) {
    const Object type = steal_or_throw(api().Object_Type(proof.ptr()));
    if (member_at<PyObject*>(proof.ptr(), head - sizeof(void*)) != type.ptr()) return 0;
  }
  return head;
}

/// tp_flags stands 19 words behind the head of a type (Include/cpython/object.h); 0 where it does not.
LATEPY_COLD inline std::uint16_t find_type_flags(std::size_t head) {
  const std::size_t offset = head + 19 * sizeof(void*);
  const Api& a = api();
  for (PyTypeObject* type : {a.BaseObject_Type, a.List_Type, a.Tuple_Type, a.Dict_Type, a.Float_Type, a.Long_Type})
    if (member_at<std::uint32_t>(type, offset) != static_cast<std::uint32_t>(a.Type_GetFlags(type))) return 0;
  return static_cast<std::uint16_t>(offset);
}

/// tp_vectorcall_offset stands 5 words behind it, and tells where Python's functions have _PyFunction_Vectorcall.
LATEPY_COLD inline void probe_vectorcall(Layout& layout) {
  const Api& a = api();
  layout.vectorcall_offset = layout.function_vectorcall = 0;
  const std::size_t offset = layout.head + 5 * sizeof(void*);
  const Object function = get_attribute(known_module("encodings"), "search_function");
  PyTypeObject* const type = type_of(function.ptr());
  const auto place = member_at<ssize>(type, offset);
  const auto size = get_attribute(Ref(as_object(type)), "__basicsize__").as<ssize>();
  if (place <= 0 || place % static_cast<ssize>(sizeof(void*)) != 0 || place >= size) return;
  const Vectorcall known = a.Vectorcall_Function ? a.Vectorcall_Function(function.ptr()) : a.Function_Vectorcall;
  if (!known || member_at<Vectorcall>(function.ptr(), static_cast<std::size_t>(place)) != known) return;
  layout.vectorcall_offset = static_cast<std::uint16_t>(offset);
  if (type == a.Function_Type) layout.function_vectorcall = static_cast<std::uint16_t>(place);
}

/// Whether the values that refcount.hpp reads are those that CPython's functions give; those that are not are given up.
LATEPY_COLD inline void probe_values(Layout& layout) {
  const Api& a = api();
  const auto word = static_cast<std::uint16_t>(sizeof(void*));
  const auto head = static_cast<std::uint16_t>(layout.head);
  layout.float_value = head;
  for (const double number : {0.5, -3.25e300, 1e-300}) {
    double read = 0;
    if (!read_float(steal_or_throw(a.Float_FromDouble(number)).ptr(), read) || read != number) layout.float_value = 0;
  }

  // Ints had their number of digits, and from 3.12 on have a tag.
  const auto reads_ints = [&](Layout::IntForm form) {
    layout.int_form = form;
    constexpr long long most = (1ll << 30) - 1;
    for (const long long number :
         {0ll, 1ll, -1ll, 256ll, 257ll, -6ll, 123456ll, most, -most, most + 1, -most - 1, 1ll << 45}) {
      long long read = 0;
      const bool is_one_digit = number <= most && number >= -most;
      if (read_int(steal_or_throw(a.Long_FromLongLong(number)).ptr(), read) != is_one_digit ||
          (is_one_digit && read != number))
        return false;
    }
    return true;
  };
  if (sizeof(void*) != 8 || (!reads_ints(Layout::IntForm::tagged) && !reads_ints(Layout::IntForm::sized)))
    layout.int_form = Layout::IntForm::unknown;

  // Free-threaded lists change under the reader; their strings have other bits.
  const Object one = steal_or_throw(a.Float_FromDouble(1)), two = steal_or_throw(a.Float_FromDouble(2));
  const auto reads_items = [&](const Object& sequence) {
    ItemArray items;
    return read_items(sequence.ptr(), items) && items.size == 3 && items.first[0] == one.ptr() &&
           items.first[1] == two.ptr() && items.first[2] == one.ptr();
  };
  layout.list_items = library_state.free_threaded ? std::uint16_t(0) : static_cast<std::uint16_t>(head + word);
  if (!reads_items(list(one, two, one))) layout.list_items = 0;
  for (const int words : {1, 2}) {  // 3.14 put the hash in front of them
    layout.tuple_items = static_cast<std::uint16_t>(head + words * word);
    if (member_at<PyObject*>(tuple(one, two, one).ptr(), layout.tuple_items) == one.ptr()) break;
  }
  if (!reads_items(tuple(one, two, one))) layout.tuple_items = 0;

  // Before 3.12 a wchar_t* stood behind the state.
  if (library_state.free_threaded || layout.type_flags == 0) return;
  const Object ascii = steal_or_throw(a.Unicode_DecodeUTF8("proof", 5, nullptr)),
               other = steal_or_throw(a.Unicode_DecodeUTF8("pr\xc3\xb3of", 6, nullptr));
  ssize size = 0;
  const char* const text = a.Unicode_AsUTF8AndSize(ascii.ptr(), &size);
  std::string_view read;
  for (const int words : {3, 4}) {
    layout.ascii_text = static_cast<std::uint16_t>(head + words * word);
    if (&member_at<char>(ascii.ptr(), layout.ascii_text) == text) break;
  }
  if (!read_ascii(ascii.ptr(), read) || read.data() != text || read.size() != 5 || read_ascii(other.ptr(), read))
    layout.ascii_text = 0;
  if (layout.ascii_text == 0) return;
  // decode() writes to the same place of those that PyUnicode_New makes.
  const Object made = steal_or_throw(a.Unicode_New(5, 127));
  char* const place = &member_at<char>(made.ptr(), layout.ascii_text);
  bool is_place = a.Unicode_AsUTF8AndSize(made.ptr(), &size) == place && size == 5;
  if (is_place) std::memcpy(place, "proof", 5);
  is_place = is_place && a.Unicode_Compare(made.ptr(), ascii.ptr()) == 0 && read_ascii(made.ptr(), read);
  if (!is_place) layout.ascii_text = 0;
}

/// Whether entries of tracebacks are TraceEntry behind their head, and where code objects have the name of their file.
/// Free-threaded, another thread may give an entry another next one under the reader.
LATEPY_COLD inline void probe_traceback(Layout& layout) {
  const Api& a = api();
  layout.trace_entry = layout.code_filename = 0;
  if (library_state.free_threaded) return;
  const Object function = steal_or_throw(a.Import_ImportModule("encodings")).attr("search_function");
  PyObject* arguments[] = {nullptr, a.NoneStruct};  // which names no codec
  if (!Object::steal(vectorcall(function.ptr(), arguments + 1, 1, nullptr)).is_empty()) return;
  const Object error = Object::steal(fetch_exception());
  const auto has = [](const Object& object, const StringArg& name, PyObject* value) {
    return attribute_or_empty(object.ptr(), name).ptr() == value;
  };
  const auto size_of = [](const Object& object) {
    return static_cast<std::size_t>(int_at(as_object(type_of(object.ptr())), "__basicsize__"));
  };
  // Two entries at least: that function calls another of Python, which fails.
  Object entry = Object::steal(a.Exception_GetTraceback(error.ptr())), code;
  for (int entries = 0; entries < 2 || !entry.is_none(); ++entries) {
    if (entry.is_empty() || entry.is_none() || size_of(entry) < layout.head + sizeof(TraceEntry)) return;
    const auto& read = member_at<TraceEntry>(entry.ptr(), layout.head);
    Object next = attribute_or_empty(entry.ptr(), "tb_next");
    if ((read.next ? read.next : a.NoneStruct) != next.ptr() || !has(entry, "tb_frame", read.frame)) return;
    code = steal_or_throw(a.Frame_GetCode(read.frame));
    if (read.instruction != int_at(entry.ptr(), "tb_lasti")) return;
    if (read.line_in(code.ptr()) != int_at(entry.ptr(), "tb_lineno")) return;
    entry = std::move(next);
  }
  const Object getter = attribute_or_empty(steal_or_throw(a.Import_ImportModule("codecs")).ptr(), "getencoder"),
               other = attribute_or_empty(getter.ptr(), "__code__");
  if (other.is_empty()) return;
  std::size_t found = 0;
  for (std::size_t offset = layout.head, end = size_of(code) - sizeof(void*); offset <= end; offset += sizeof(void*)) {
    const auto is_there = [&](const Object& each) {
      return has(each, "co_filename", member_at<PyObject*>(each.ptr(), offset));
    };
    if (!is_there(code) || !is_there(other)) continue;
    if (found != 0) return;
    found = offset;
  }
  if (found == 0) return;
  layout.trace_entry = static_cast<std::uint16_t>(layout.head);
  layout.code_filename = static_cast<std::uint16_t>(found);
}

/// Whether incref() and decref() do to counts what CPython's functions do.
LATEPY_COLD inline bool counts_agree() {
  const Api& a = api();
  const auto count_of = [](const Object& object) { return member_at<std::size_t>(object.ptr(), 0); };
  const Object proof = list();
  for (int i = 0; i < 38; ++i) a.IncRef(proof.ptr());
  bool agree = count_of(proof) == 39;
  for (int i = 0; i < 38; ++i) decref(proof.ptr());
  agree = agree && count_of(proof) == 1;
  for (int i = 0; i < 38; ++i) incref(proof.ptr());
  agree = agree && count_of(proof) == 39;
  for (int i = 0; i < 38; ++i) a.DecRef(proof.ptr());
  agree = agree && count_of(proof) == 1;
  // An object ends when the last reference goes, whoever took and dropped the others.
  static int ended;
  ended = 0;
  PyObject* const capsule = throw_if_null(a.Capsule_New(&ended, "latepy.proof", [](PyObject*) { ++ended; }));
  incref(capsule);
  a.IncRef(capsule);
  decref(capsule);
  a.DecRef(capsule);
  agree = agree && ended == 0;
  decref(capsule);
  // None is immortal from 3.12 on, and its count stays; before it moves like any other.
  PyObject* const nothing = a.NoneStruct;
  const auto& count = member_at<std::uint32_t>(nothing, 0);
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

/// Which counts the functions above may write, and how wide. Free-threaded and debug builds count otherwise, and what
/// a later CPython will do is not known.
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

/// Fills library_state.layout, once a process. Needs the GIL.
LATEPY_COLD inline void probe_layout() {
  Layout& layout = library_state.layout;
  if (layout.head != 0) return;
  Layout found;
  found.head = measure_head();
  const char* const forbidden = std::getenv("LATEPY_NO_FAST_PATH");
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
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
