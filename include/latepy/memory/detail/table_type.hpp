// latepy/memory/detail/table_type.hpp: latepy.Table, the Python type of a Table; and its way to pandas and pyarrow.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/pandas_source.hpp>
#include <latepy/memory/detail/table_data.hpp>
#include <latepy/memory/view.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// tp_new: always a TypeError.
inline PyObject* refuse_new_table(PyTypeObject*, PyObject*, PyObject*) noexcept {
  set_error(*api().TypeError, "scripts cannot make a latepy.Table: the program makes it");
  return nullptr;
}

/// What a method or attribute of a latepy.Table is to give.
enum class TableCall : int { schema, array, stream, pandas, arrow, names, rows, columns };

/// What stands behind PyObject in a latepy.Table. All libraries of the process share the type, so an object knows the
/// functions of the library that made it.
struct TableObject {
  PyObject* (*call)(PyObject* self, TableCall what) noexcept;
  void (*end)(void* table) noexcept;
  void* table;  ///< a SharedTable
};

/// A latepy.Table. Needs the GIL.
Object make_table_object(SharedTable table);
/// The columns of a latepy.Table that this library made; null if it is something else.
SharedTable table_of(const Ref& object);

///@{
/// A pandas.DataFrame and a pyarrow.Table. \throws ImportError with the remedy.
Object table_to_pandas(const TableData& table);
Object table_to_arrow(const Ref& table);
///@}

#if LATEPY_DEFINITIONS

/// Imports a module of Python's packages.
LATEPY_FUNC LATEPY_COLD Object import_package(const char* name, const char* asked, const char* instead) {
  PyObject* const module = api().Import_ImportModule(name);
  if (module) return Object::steal(module);
  if (!api().Err_ExceptionMatches(*api().ImportError)) throw_python_error();
  throw ImportError(concat({asked, " was asked for, and ", name, " cannot be imported: ", take_python_error().message(),
                            "; install it for this Python (python -m pip install ", name, "), or ", instead}));
}

/// The type of the numbers of a format; null if they are something else.
LATEPY_FUNC LATEPY_COLD const ItemType* item_of_format(std::string_view format) noexcept {
  for (const ItemKind kind : {ItemKind::signed_integer, ItemKind::unsigned_integer, ItemKind::floating})
    for (const ssize size : {1, 2, 4, 8})
      if (format == arrow_format(kind, size)) return item_type_of(kind, size);
  return nullptr;
}
/// An ndarray of the memory. It shares it.
template <class O>
Object share_with_numpy(const void* data, const ItemType& type, std::int64_t size, bool is_readonly, O&& owner) {
  const Object view = make_view(const_cast<void*>(data), type, Shape(size), nullptr, is_readonly);
  ViewAccess::own(view, std::forward<O>(owner));
  return view_to_numpy(view.ptr());
}
/// An ndarray of bool, with get(i).
template <class F>
Object bools_for_numpy(std::int64_t size, F&& get) {
  std::unique_ptr<bool[]> all(new bool[static_cast<std::size_t>(size)]);
  for (std::int64_t i = 0; i < size; ++i) all[static_cast<std::size_t>(i)] = get(static_cast<std::size_t>(i));
  const bool* const data = all.get();
  return share_with_numpy(data, item_type<bool>, size, false, std::move(all));
}

/// The column for pandas_source.
LATEPY_FUNC LATEPY_COLD Object column_for_pandas(const ArrowColumn& column) {
  const std::string_view format = column.schema->format;
  const std::string name(name_of(column));
  const bool is_text = fits_format(format, "u"), is_bool = format == "b",
             is_time = format.substr(0, 2) == "ts" && format.size() >= 4;
  const ItemType* const type = is_time ? &item_type<std::int64_t> : item_of_format(format);
  const std::string wanted(is_text ? "u" : is_time ? format.substr(0, 4) : format);
  ColumnMemory memory;
  std::string why;
  if (!is_text && !is_bool && !type)
    why = concat({"it has ", format_text(format), ", which latepy does not give to pandas"});
  else
    why = read_column(column, wanted.c_str(), type ? static_cast<std::size_t>(type->size) : 1, true, memory);
  if (!why.empty())
    throw NotImplementedError(concat(
        {"the column '", name, "' cannot go to pandas: ", why, "; use to_arrow().to_pandas(), which needs pyarrow"}));
  std::string kind;
  if (is_time)
    kind = concat({"datetime64[", format.substr(2, 1), format[2] == 's' ? "]" : "s]", format.size() > 4 ? " " : "",
                   format.substr(4)});
  Object values;
  if (is_text) {
    values = steal_or_throw(api().List_New(0));
    for (std::size_t i = 0; i < static_cast<std::size_t>(memory.size); ++i)
      check_result(api().List_Append(values.ptr(), memory.is_null(i) ? none().ptr() : make_str(memory.text(i)).ptr()));
  } else if (is_bool) {
    values = bools_for_numpy(memory.size, [&](std::size_t i) { return memory.at<bool>(i); });
  } else {
    values = share_with_numpy(memory.values, *type, memory.size, !column.is_writable && !memory.is_copy, memory.keeper);
  }
  const Object nulls = memory.validity && !is_text
                           ? bools_for_numpy(memory.size, [&](std::size_t i) { return memory.is_null(i); })
                           : Object(none());
  return make_tuple({make_str(name), make_str(kind), values, nulls});
}

LATEPY_FUNC LATEPY_COLD Object table_to_pandas(const TableData& table) {
  check_running();
  import_package("pandas", "a pandas.DataFrame", "use to_arrow(), or a latepy::View of each column");
  const Object columns = steal_or_throw(api().List_New(0));
  for (const ArrowColumn& each : table.columns)
    check_result(api().List_Append(columns.ptr(), column_for_pandas(each).ptr()));
  return call_plain(get_item(kept_namespace("pandas", pandas_source), "frame"), {columns});
}
LATEPY_FUNC LATEPY_COLD Object table_to_arrow(const Ref& table) {
  const Object pyarrow = import_package(
      "pyarrow", "a pyarrow.Table", "use to_pandas(), or pass the latepy::Table to another library that speaks Arrow");
  return call_attribute(pyarrow, "table", {table});
}

LATEPY_FUNC LATEPY_COLD PyObject* call_table(PyObject* self, TableCall what) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    const SharedTable table = *static_cast<SharedTable*>(data_of<TableObject>(self).table);
    const auto give = [&]() -> Object {
      switch (what) {
        case TableCall::schema:
          return make_table_schema(*table);
        case TableCall::array:
          return make_table_array(*table);
        case TableCall::stream:
          return make_table_stream(table);
        case TableCall::pandas:
          return table_to_pandas(*table);
        case TableCall::arrow:
          return table_to_arrow(Ref(self));
        case TableCall::rows:
          return make_int(table->rows);
        case TableCall::columns:
          return make_int(static_cast<long long>(table->columns.size()));
        default:
          break;
      }
      Object names = steal_or_throw(api().List_New(0));
      for (const ArrowColumn& each : table->columns)
        check_result(api().List_Append(names.ptr(), make_str(name_of(each)).ptr()));
      return names;
    };
    return give().release();
  });
}
template <TableCall What>
PyObject* table_method(PyObject* self, PyObject*) {
  return data_of<TableObject>(self).call(self, What);
}
template <TableCall What>
PyObject* table_attribute(PyObject* self, void*) {
  return data_of<TableObject>(self).call(self, What);
}
/// The slot for len().
LATEPY_FUNC LATEPY_COLD ssize table_length(PyObject* self) noexcept {
  const ColdRef rows(data_of<TableObject>(self).call(self, TableCall::rows));
  int overflow = 0;
  return rows.get() ? static_cast<ssize>(api().Long_AsLongLongAndOverflow(rows.get(), &overflow)) : -1;
}
/// A method that takes requested_schema.
template <TableCall What>
PyObject* table_export(PyObject* self, PyObject* arguments, PyObject* names) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    read_schema_request(What == TableCall::array ? "__arrow_c_array__" : "__arrow_c_stream__", arguments, names);
    return data_of<TableObject>(self).call(self, What);
  });
}

LATEPY_FUNC LATEPY_COLD void table_dealloc(PyObject* self) {
  PyTypeObject* const type = head_type(self);
  const TableObject data = data_of<TableObject>(self);
  api().Object_Free(self);  // it has no header of the garbage collector
  decref(as_object(type));
  if (data.end) data.end(data.table);
}

LATEPY_FUNC LATEPY_COLD PyTypeObject* table_type() {
  HostTypes& types = host_types();
  if (types.table) return types.table;
  const auto named = [](PyObject* (*method)(PyObject*, PyObject*, PyObject*) noexcept) {
    return reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(reinterpret_cast<void (*)()>(method));
  };
  static const MethodDef methods[] = {
      {"__arrow_c_schema__", &table_method<TableCall::schema>, meth_noargs, "A capsule with the names and types"},
      {"__arrow_c_array__", named(&table_export<TableCall::array>), meth_varargs | meth_keywords,
       "Capsules that share the memory, if it is in one chunk"},
      {"__arrow_c_stream__", named(&table_export<TableCall::stream>), meth_varargs | meth_keywords,
       "A capsule that shares the memory"},
      {"to_pandas", &table_method<TableCall::pandas>, meth_noargs, "A pandas.DataFrame"},
      {"to_arrow", &table_method<TableCall::arrow>, meth_noargs, "A pyarrow.Table"},
      {nullptr, nullptr, 0, nullptr}};
  static const GetSetDef attributes[] = {
      {"column_names", &table_attribute<TableCall::names>, nullptr, "The names of the columns", nullptr},
      {"num_rows", &table_attribute<TableCall::rows>, nullptr, "The number of rows", nullptr},
      {"num_columns", &table_attribute<TableCall::columns>, nullptr, "The number of columns", nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static const char doc[] =
      "Columns of the program, without a copy: pyarrow.table(table), polars.DataFrame(table) and duckdb share them.";
  TypeSlot type_slots[] = {{tp_new, slot_value(&refuse_new_table)},
                           {tp_dealloc, slot_value(&table_dealloc)},
                           {tp_methods, const_cast<MethodDef*>(methods)},
                           {tp_getset, const_cast<GetSetDef*>(attributes)},
                           {mp_length, slot_value(&table_length)},
                           {tp_doc, const_cast<char*>(doc)},
                           {0, nullptr}};
  pin_libraries();
  TypeSpec spec{"latepy.Table", static_cast<int>(head() + sizeof(TableObject)), 0, 0, type_slots};
  Object made = steal_or_throw(api().Type_FromSpecWithBases(&spec, nullptr));
  return types.table = reinterpret_cast<PyTypeObject*>(made.release());
}

LATEPY_FUNC LATEPY_COLD Object make_table_object(SharedTable table) {
  check_running();
  Object made = steal_or_throw(api().Type_GenericAlloc(table_type(), 0));
  TableObject& data = data_of<TableObject>(made.ptr());
  data.table = new SharedTable(std::move(table));
  data.end = [](void* each) noexcept { delete static_cast<SharedTable*>(each); };
  data.call = &call_table;
  return made;
}
LATEPY_FUNC LATEPY_COLD SharedTable table_of(const Ref& object) {
  if (!is_exactly(object.checked(), table_type()) || data_of<TableObject>(object.ptr()).call != &call_table)
    return nullptr;
  return *static_cast<SharedTable*>(data_of<TableObject>(object.ptr()).table);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
