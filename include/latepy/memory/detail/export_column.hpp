// latepy/memory/detail/export_column.hpp: capsules of Arrow for columns; a latepy.View gives them by its methods.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/exporter_items.hpp>
#include <latepy/memory/detail/make_column.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Reads the argument `requested_schema`, which may be ignored: latepy converts nothing. \throws TypeError if it is
/// neither None nor a capsule of a schema, or if there are other arguments.
void read_schema_request(const char* method, PyObject* arguments, PyObject* names);
/// A new schema for a capsule.
std::unique_ptr<ArrowStruct<ArrowSchema>> export_schema(const SharedSchema& schema);

/// The methods of a latepy.View.
PyObject* view_arrow_schema(PyObject* self, PyObject*) noexcept;
PyObject* view_arrow_array(PyObject* self, PyObject* arguments, PyObject* names) noexcept;

/// Adds them, when the program is loaded.
inline bool add_arrow_methods() noexcept {
  more_view_methods[0] = {"__arrow_c_schema__", &view_arrow_schema, meth_noargs, "A capsule with the type for Arrow"};
  more_view_methods[1] = {
      "__arrow_c_array__",
      reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(reinterpret_cast<void (*)()>(&view_arrow_array)),
      meth_varargs | meth_keywords, "Capsules that share the memory by Arrow"};
  return true;
}
inline const bool are_arrow_methods_added = add_arrow_methods();

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void read_schema_request(const char* method, PyObject* arguments, PyObject* names) {
  const Api& a = api();
  const ssize given = a.Tuple_Size(arguments), named = names ? a.Object_Size(names) : 0;
  PyObject* const by_name = names ? a.Dict_GetItemWithError(names, AttrName("requested_schema").ptr()) : nullptr;
  if (given + named > 1 || (named && !by_name))
    throw TypeError(concat({method, "() takes one argument, requested_schema"}));
  PyObject* const request = given ? a.Tuple_GetItem(arguments, 0) : by_name;
  if (request && request != a.NoneStruct && !a.Capsule_IsValid(request, schema_capsule))
    throw TypeError(concat(
        {method, "(): requested_schema must be None or a capsule \"arrow_schema\", and it is ", show_value(request)}));
}

LATEPY_FUNC LATEPY_COLD std::unique_ptr<ArrowStruct<ArrowSchema>> export_schema(const SharedSchema& schema) {
  auto made = std::make_unique<ArrowStruct<ArrowSchema>>();
  share_schema(schema, made->value);
  return made;
}

/// The column of a view for a capsule. \throws BufferError where __dlpack__ does.
LATEPY_FUNC LATEPY_COLD ArrowColumn column_of_view(PyObject* self) {
  if (const char* const why = why_no_column(data_of<ViewData>(self), false)) {
    set_error(*api().BufferError, why);
    throw_python_error();
  }
  return make_view_column("", self);
}

LATEPY_FUNC PyObject* view_arrow_schema(PyObject* self, PyObject*) noexcept {
  return in_slot<PyObject*>(nullptr,
                            [&] { return make_capsule(export_schema(column_of_view(self).schema)).release(); });
}
LATEPY_FUNC PyObject* view_arrow_array(PyObject* self, PyObject* arguments, PyObject* names) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    read_schema_request("__arrow_c_array__", arguments, names);
    const ArrowColumn column = column_of_view(self);
    auto array = std::make_unique<ArrowStruct<ArrowArray>>();
    share_array(column.pieces[0].array, 0, column.pieces[0].length, array->value);
    return make_tuple({make_capsule(export_schema(column.schema)), make_capsule(std::move(array))}).release();
  });
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
