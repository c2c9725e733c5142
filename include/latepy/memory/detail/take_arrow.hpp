// latepy/memory/detail/take_arrow.hpp: takes the memory of objects that speak Arrow, by the PyCapsule interface.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/arrow_column.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What was taken: one array, or the arrays of a stream, of one type.
struct ArrowChunks {
  SharedSchema schema{};
  std::vector<SharedArray> arrays{};
};
/// Calls `__arrow_c_array__` or `__arrow_c_stream__`, whichever the object has, and consumes the capsules. The object
/// may also be what they return; these are not consumed if they are refused by their schema. Needs the GIL, and lets go
/// of it while a stream makes its schema and arrays.
/// \param format of the values of a column; null for a table. \param wanted the C++ type, for errors.
/// \throws ConversionError if it speaks no Arrow, is no such column or table, if a capsule was consumed before, or if
/// the structs are not valid; RuntimeError with the stream's own text if it fails.
ArrowChunks take_arrow(const Ref& object, const char* format, std::string_view wanted);

#if LATEPY_DEFINITIONS

/// The struct in a capsule.
template <class S>
S& struct_in(PyObject* capsule) {
  auto* const inside = static_cast<S*>(api().Capsule_GetPointer(capsule, arrow_capsule<S>));
  if (!inside) throw_python_error();
  return *inside;
}
/// Moves a struct out of its capsule, or back into it.
template <class S>
void move_struct(S& from, S& to) noexcept {
  to = from;
  from.release = nullptr;
}

/// Whether it has all that the specification asks for.
LATEPY_FUNC LATEPY_COLD bool is_valid(const ArrowSchema& schema) {
  if (!schema.format || schema.n_children < 0 || (schema.n_children && !schema.children)) return false;
  for (std::int64_t i = 0; i < schema.n_children; ++i)
    if (!schema.children[i] || !is_valid(*schema.children[i])) return false;
  return !schema.dictionary || is_valid(*schema.dictionary);
}
/// Why an array is not one of the schema; "" if it is.
LATEPY_FUNC LATEPY_COLD std::string why_not_of(const ArrowSchema& schema, const ArrowArray& array) {
  if (!array.release) return "its array was released before";
  constexpr std::int64_t most = (std::numeric_limits<std::int64_t>::max)() / 32;  // neither sums nor bytes overflow
  if (array.length < 0 || array.length > most || array.offset < 0 || array.offset > most)
    return concat(
        {"its array is not valid: its length is ", decimal(array.length), " and its offset ", decimal(array.offset)});
  if (array.n_children != schema.n_children || !array.dictionary != !schema.dictionary)
    return concat(
        {"its array has ", decimal(array.n_children), " children and its schema ", decimal(schema.n_children)});
  if (array.n_buffers < 0 || (array.n_buffers && !array.buffers)) return "its array is not valid: it has no buffers";
  for (std::int64_t i = 0; i < array.n_children; ++i)
    if (!array.children || !array.children[i])
      return "its array is not valid: a child is missing";
    else if (std::string why = why_not_of(*schema.children[i], *array.children[i]); !why.empty())
      return why;
  return array.dictionary ? why_not_of(*schema.dictionary, *array.dictionary) : std::string();
}

/// Asks a stream for a schema or an array. \throws RuntimeError with its text.
template <class S>
std::unique_ptr<ArrowStruct<S>> ask_stream(ArrowArrayStream& stream, int (*ask)(ArrowArrayStream*, S*)) {
  auto next = std::make_unique<ArrowStruct<S>>();
  int error = 0;
  {
    // What makes the arrays may wait for threads that run Python. ctypes' callbacks find no other interpreter than the
    // main one on a thread that has let go.
    std::optional<GilRelease> released;
    if (!current_interpreter().is_sub.load()) released.emplace();
    error = ask(&stream, &next->value);
  }
  if (error == 0) return next;
  next->value.release = nullptr;  // undefined after an error
  const char* const text = stream.get_last_error ? stream.get_last_error(&stream) : nullptr;
  throw RuntimeError(
      concat({"the Arrow stream failed with error ", decimal(error), ": ", text ? text : "it says nothing more"}));
}

/// Why a schema is not that of such a column or table; "" if it is.
LATEPY_FUNC LATEPY_COLD std::string why_other_schema(const ArrowSchema& schema, const char* format) {
  if (!is_valid(schema)) return "its schema is not valid: it has no format, or a child is missing";
  const bool is_table = std::string_view(schema.format) == "+s";
  if (!format) return is_table ? "" : "it is one column: take a latepy::Column, from_arrow<T>(object)";
  return is_table ? "it is a table: take a latepy::Table, from_arrow(object), and its column<T>()"
                  : why_other_type(schema, format);
}

LATEPY_FUNC LATEPY_COLD ArrowChunks take_arrow(const Ref& object, const char* format, std::string_view wanted) {
  const Api& a = api();
  const bool array_first = format != nullptr;
  const auto refuse = [&](const std::string& why) { throw_mismatch(object.ptr(), wanted, why.c_str()); };
  const auto is_pair = [&](const Ref& each) {
    return has_flag(each.ptr(), type_is_tuple) && a.Tuple_Size(each.ptr()) == 2 &&
           a.Capsule_IsValid(a.Tuple_GetItem(each.ptr(), 0), schema_capsule) &&
           a.Capsule_IsValid(a.Tuple_GetItem(each.ptr(), 1), array_capsule);
  };
  const auto is_given = [&](const Ref& each) {
    return is_pair(each) || a.Capsule_IsValid(each.ptr(), stream_capsule) != 0;
  };
  object.checked();
  Object given(object);
  if (!is_given(given)) {
    const char* name = array_first ? "__arrow_c_array__" : "__arrow_c_stream__";
    Object method = optional_attribute(object, name);
    if (method.is_empty())
      method = optional_attribute(object, name = array_first ? "__arrow_c_stream__" : "__arrow_c_array__");
    if (method.is_empty() && qualified_name(as_object(type_of(object.ptr()))).compare(0, 7, "pandas.") == 0)
      refuse(
          "it has no __arrow_c_stream__, which a DataFrame has from pandas 2.2 on, and a Series from 3.0 on, where "
          "there "
          "is pyarrow: pass pyarrow.Table.from_pandas(frame) or pyarrow.array(series), or take a std::vector or "
          "latepy::Array of each column");
    if (method.is_empty())
      refuse(
          "it has no __arrow_c_stream__ and no __arrow_c_array__: pass an object of pyarrow, polars or another library "
          "that speaks Arrow, or take a latepy::Buffer or Array");
    given = call_plain(method);
    if (!is_given(given)) refuse(concat({"its ", name, "() gave no capsule of Arrow"}));
  }
  ArrowChunks taken;
  const auto add = [&](std::unique_ptr<ArrowStruct<ArrowArray>> array) {
    if (const std::string why = why_not_of(*taken.schema, array->value); !why.empty()) refuse(why);
    taken.arrays.push_back(adopt(std::move(array)));
  };
  constexpr char consumed[] = "the capsule was consumed before: ask for a new one";
  const bool is_callers = given.same(object);
  auto schema = std::make_unique<ArrowStruct<ArrowSchema>>();
  if (is_pair(given)) {
    ArrowSchema& schema_inside = struct_in<ArrowSchema>(a.Tuple_GetItem(given.ptr(), 0));
    ArrowArray& array_inside = struct_in<ArrowArray>(a.Tuple_GetItem(given.ptr(), 1));
    if (!schema_inside.release || !array_inside.release) refuse(consumed);
    auto array = std::make_unique<ArrowStruct<ArrowArray>>();
    move_struct(schema_inside, schema->value);
    move_struct(array_inside, array->value);
    if (const std::string why = why_other_schema(schema->value, format); !why.empty()) {
      if (is_callers) move_struct(schema->value, schema_inside), move_struct(array->value, array_inside);
      refuse(why);
    }
    taken.schema = adopt(std::move(schema));
    add(std::move(array));
    return taken;
  }
  ArrowArrayStream& stream_inside = struct_in<ArrowArrayStream>(given.ptr());
  if (!stream_inside.release) refuse(consumed);
  ArrowStruct<ArrowArrayStream> stream;
  move_struct(stream_inside, stream.value);
  schema = ask_stream(stream.value, stream.value.get_schema);
  if (const std::string why = why_other_schema(schema->value, format); !why.empty()) {
    if (is_callers) move_struct(stream.value, stream_inside);
    refuse(why);
  }
  taken.schema = adopt(std::move(schema));
  for (;;) {
    auto next = ask_stream(stream.value, stream.value.get_next);
    if (!next->value.release) return taken;
    add(std::move(next));
  }
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
