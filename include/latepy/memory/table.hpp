// latepy/memory/table.hpp: Table, columns with names for pandas, pyarrow, polars and others; from_arrow().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/arrow.hpp>
#include <latepy/memory/detail/table_type.hpp>

namespace latepy {
inline namespace v1 {

/// What a column of a Table is; Table::schema() tells it.
struct ColumnInfo {
  std::string name{};          ///< the name, as in names()
  std::string type{};          ///< the type in words: "int64", "float64", "bool", "text", "timestamp in us of zone UTC"
  std::string format{};        ///< the same as the Arrow C data interface writes it: "l", "g", "b", "u", "tsu:UTC"
  bool is_nullable = false;    ///< whether the schema allows nulls, as most libraries say of every column
  std::size_t null_count = 0;  ///< how many nulls there are; if any, column<std::optional<T>>() reads the column
};

/// Columns with names, all with the same number of rows. In Python it is an object with `__arrow_c_stream__`:
/// pyarrow.table(t), polars.DataFrame(t) and duckdb share its memory. len(t) is the number of rows, and so `if t:` is
/// false without rows, as for a list; a pandas.DataFrame raises there. A copy of a Table shares the columns. It may be
/// destroyed on any thread, with or without the GIL, and so may what others made of it, also after Python has ended.
class Table {
 public:
  Table() = default;  ///< without columns; needs no GIL
  /// Adds a column of one dimension that shares the memory of a View, which counts as handed over until neither this
  /// Table nor what was made of it lives. Views of bool are copied, because Arrow packs bools into bits. Needs the GIL.
  /// \throws ValueError if a column has the name or another number of rows, if the name or a text is no UTF-8, or if
  /// Arrow has no such column: several dimensions, strides, structs, complex numbers, memory of a device.
  Table& add(std::string_view name, const View& view) {
    return add_made(name, [&] { return detail::make_view_column(name, view.checked()); });
  }
  /// Adds a column of numbers, bool, std::string, std::string_view, times of system_clock, or std::optional of these.
  /// Numbers and times that are moved in, `t.add("x", std::move(x))`, are not copied; the others are. Times are UTC.
  /// Needs no GIL. \throws as above; OverflowError if a time does not fit into the unit.
  template <class T, class A>
  Table& add(std::string_view name, std::vector<T, A> items) {
    return add_made(name, [&] { return detail::make_column(name, std::move(items)); });
  }

  std::size_t rows() const noexcept { return static_cast<std::size_t>(data_.rows); }  ///< how many rows there are
  std::size_t columns() const noexcept { return data_.columns.size(); }               ///< how many columns there are
  std::vector<std::string> names() const;                                             ///< the names of the columns
  /// What the columns are, in their order. It counts the nulls where the library that made a column did not. Needs no
  /// GIL.
  std::vector<ColumnInfo> schema() const;
  /// The values of a column, as from_arrow<T>() gives them. Needs no GIL. \throws KeyError if there is no such column,
  /// ConversionError if it has other values than T, or has nulls and T is no std::optional.
  template <class T>
  Column<T> column(std::string_view name) const {
    Column<T> column = detail::ColumnAccess::empty<T>();
    const std::string why = detail::ColumnAccess::read(detail::find_column(data_, name), column);
    if (!why.empty()) detail::throw_column_mismatch(name, detail::column_name<T>(), why);
    return column;
  }

  /// A pandas.DataFrame, which needs no pyarrow. Columns of numbers and times share the memory: not copied unless they
  /// have nulls or are in several chunks. A null is NaN, NaT or None; integers and bools with nulls have pandas' own
  /// types Int64, boolean and the like. Read from the DataFrame, a null of a column of floats is a NaN, which a
  /// std::optional<double> holds as a value. Needs the GIL. \throws ImportError with the remedy if there is no pandas;
  /// NotImplementedError for types of columns that add() does not make.
  Object to_pandas() const { return detail::table_to_pandas(data_); }
  /// A pyarrow.Table, which shares the memory. Needs the GIL. \throws ImportError with the remedy if there is no
  /// pyarrow.
  Object to_arrow() const { return detail::table_to_arrow(object()); }
  /// The latepy.Table for Python. Needs the GIL.
  Object object() const { return detail::make_table_object(std::make_shared<detail::TableData>(data_)); }

 private:
  friend Table from_arrow(const Ref& object);
  friend struct Converter<Table>;
  explicit Table(detail::TableData data) noexcept : data_(std::move(data)) {}
  template <class F>
  Table& add_made(std::string_view name, F&& make) {
    detail::check_column_name(name);
    detail::add_column(data_, make());
    return *this;
  }
  detail::TableData data_{};
};

/// The columns of an object with `__arrow_c_stream__` or `__arrow_c_array__`, such as a table of pyarrow or a DataFrame
/// of polars; also of the capsules that these methods return, which are consumed. Nothing is copied. All types of
/// columns may go on to Python; column<T>() reads those that Column has. Capsules of one column are not consumed. Needs
/// the GIL, and lets go of it while a stream makes its chunks. A DataFrame of pandas has `__arrow_c_stream__` from 2.2
/// on, where there is pyarrow; its NaN are nulls then, and its columns of dtype object without rows have the type null,
/// which no Column reads. \throws ConversionError if the object speaks no Arrow, is one column, or if the capsule was
/// consumed before; RuntimeError with the stream's text if the stream fails.
inline Table from_arrow(const Ref& object) { return Table(detail::take_table(object)); }

/// A Table is a latepy.Table, which has `__arrow_c_stream__`. From Python: all that from_arrow() takes.
template <>
struct Converter<Table> {
  static constexpr const char* name = "latepy::Table";
  static std::string python_type() { return "typing.Any"; }
  static Object to_py(const Table& table) { return table.object(); }
  static Table from_py(Ref object) {
    if (const detail::SharedTable own = detail::table_of(object)) return Table(*own);
    return from_arrow(object);
  }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD std::vector<std::string> Table::names() const {
  std::vector<std::string> all;
  for (const detail::ArrowColumn& each : data_.columns) all.emplace_back(detail::name_of(each));
  return all;
}
LATEPY_FUNC LATEPY_COLD std::vector<ColumnInfo> Table::schema() const {
  std::vector<ColumnInfo> all;
  for (const detail::ArrowColumn& each : data_.columns)
    all.push_back({std::string(detail::name_of(each)), detail::type_text(*each.schema), each.schema->format,
                   (each.schema->flags & ARROW_FLAG_NULLABLE) != 0, detail::count_nulls(each)});
  return all;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
