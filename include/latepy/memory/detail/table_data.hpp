// latepy/memory/detail/table_data.hpp: the columns of a Table, and its capsules of Arrow.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/export_column.hpp>
#include <latepy/memory/detail/take_arrow.hpp>

#include <algorithm>
#include <cerrno>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The columns, all of which have that many rows.
struct TableData {
  std::vector<ArrowColumn> columns{};
  std::int64_t rows = 0;
};
using SharedTable = std::shared_ptr<const TableData>;

inline std::string_view name_of(const ArrowColumn& column) noexcept {
  return column.schema->name ? column.schema->name : "";
}
/// Adds a column. \throws ValueError for a name that a column has or that is no UTF-8, and for another number of rows.
void add_column(TableData& table, ArrowColumn column);
/// \throws ValueError if the name is no UTF-8 or has a NUL.
void check_column_name(std::string_view name);
/// Throws a ConversionError: the column cannot be read so.
[[noreturn]] void throw_column_mismatch(std::string_view column, std::string_view wanted, std::string_view why);
/// The column with this name. \throws KeyError if there is none, ValueError if there are several.
const ArrowColumn& find_column(const TableData& table, std::string_view name);

///@{
/// Capsules that share the memory of the columns.
Object make_table_schema(const TableData& table);
Object make_table_stream(SharedTable table);
/// A tuple of two. \throws ValueError if the rows are in several chunks.
Object make_table_array(const TableData& table);
///@}
/// The columns of an object that speaks Arrow. \throws ConversionError.
TableData take_table(const Ref& object);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void add_column(TableData& table, ArrowColumn column) {
  const std::string_view name = name_of(column);
  for (const ArrowColumn& other : table.columns)
    if (name_of(other) == name)
      throw ValueError(concat({"a latepy::Table has a column '", name, "' already: give the new one another name"}));
  std::int64_t rows = 0;
  for (const ArrowPiece& piece : column.pieces) rows += piece.length;
  if (!table.columns.empty() && rows != table.rows)
    throw ValueError(concat({"the column '", name, "' has ", decimal(rows), " rows, and the other columns of the ",
                             "latepy::Table have ", decimal(table.rows)}));
  table.columns.push_back(std::move(column));
  table.rows = rows;
}

LATEPY_FUNC LATEPY_COLD void check_column_name(std::string_view name) {
  if (!is_utf8(name) || name.find('\0') != name.npos)
    throw ValueError("the name of a column of a latepy::Table must be UTF-8 without a NUL");
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_column_mismatch(std::string_view column, std::string_view wanted,
                                                                std::string_view why) {
  throw ConversionError(concat({"cannot read the column '", column, "' as ", wanted, ": ", why}));
}

LATEPY_FUNC LATEPY_COLD const ArrowColumn& find_column(const TableData& table, std::string_view name) {
  const ArrowColumn* found = nullptr;
  std::string names;
  for (const ArrowColumn& each : table.columns) {
    names += concat({names.empty() ? "'" : ", '", name_of(each), "'"});
    if (name_of(each) != name) continue;
    if (found) throw ValueError(concat({"this latepy::Table has several columns '", name, "'"}));
    found = &each;
  }
  if (!found)
    throw KeyError(concat(
        {"this latepy::Table has no column '", show_text(name, false), "': it has ", names.empty() ? "none" : names}));
  return *found;
}

LATEPY_FUNC LATEPY_COLD void fill_table_schema(const TableData& table, ArrowSchema& to) {
  make_struct_schema(static_cast<std::int64_t>(table.columns.size()), to);
  for (std::size_t i = 0; i < table.columns.size(); ++i) share_schema(table.columns[i].schema, *to.children[i]);
}
LATEPY_FUNC LATEPY_COLD Object make_table_schema(const TableData& table) {
  auto made = std::make_unique<ArrowStruct<ArrowSchema>>();
  fill_table_schema(table, made->value);
  return make_capsule(std::move(made));
}

/// The next rows of a table that are in one piece of each column.
class TableCursor {
 public:
  explicit TableCursor(SharedTable table) : table_(std::move(table)), places_(table_->columns.size()) {}
  const TableData& table() const noexcept { return *table_; }
  /// Fills an array with the next rows. \returns how many these are; 0: none were left, and it is not filled.
  std::int64_t next(ArrowArray& to) {
    std::int64_t length = table_->rows - done_;
    for (std::size_t i = 0; length && i < places_.size(); ++i) {
      Place& place = places_[i];
      while (place.done == piece(i).length) place = {place.piece + 1, 0};
      length = (std::min)(length, piece(i).length - place.done);
    }
    if (length) fill(length, to);
    return length;
  }
  /// Fills an array with `length` rows.
  void fill(std::int64_t length, ArrowArray& to) {
    make_struct_array(static_cast<std::int64_t>(places_.size()), length, to);
    for (std::size_t i = 0; i < places_.size(); ++i)
      share_array(piece(i).array, piece(i).offset + places_[i].done, length, *to.children[i]);
    for (Place& place : places_) place.done += length;
    done_ += length;
  }

 private:
  struct Place {
    std::size_t piece = 0;
    std::int64_t done = 0;  ///< of the piece
  };
  const ArrowPiece& piece(std::size_t column) const { return table_->columns[column].pieces[places_[column].piece]; }
  SharedTable table_;
  std::vector<Place> places_;
  std::int64_t done_ = 0;
};

LATEPY_FUNC LATEPY_COLD Object make_table_array(const TableData& table) {
  for (const ArrowColumn& each : table.columns)
    if (each.pieces.size() != 1)
      throw ValueError(
          concat({"the column '", name_of(each), "' of this latepy.Table is in ", decimal(each.pieces.size()),
                  " chunks, and an array has one: use __arrow_c_stream__()"}));
  auto array = std::make_unique<ArrowStruct<ArrowArray>>();
  TableCursor(SharedTable(SharedTable(), &table)).fill(table.rows, array->value);
  return make_tuple({make_table_schema(table), make_capsule(std::move(array))});
}

/// Fills a struct for the consumer of a stream. Only memory may be short.
template <class S, class F>
int fill_for_consumer(S* out, F&& fill) noexcept {
  try {
    ArrowStruct<S> made;
    fill(made.value);
    *out = std::exchange(made.value, S{});
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

LATEPY_FUNC LATEPY_COLD Object make_table_stream(SharedTable table) {
  auto made = std::make_unique<ArrowStruct<ArrowArrayStream>>();
  ArrowArrayStream& stream = made->value;
  stream.private_data = new TableCursor(std::move(table));
  stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
    return fill_for_consumer(
        out, [&](ArrowSchema& to) { fill_table_schema(static_cast<TableCursor*>(self->private_data)->table(), to); });
  };
  stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
    return fill_for_consumer(out, [&](ArrowArray& to) { static_cast<TableCursor*>(self->private_data)->next(to); });
  };
  stream.get_last_error = [](ArrowArrayStream*) -> const char* { return "there is not enough memory"; };
  stream.release = [](ArrowArrayStream* self) {
    delete static_cast<TableCursor*>(self->private_data);
    self->release = nullptr;
  };
  return make_capsule(std::move(made));
}

LATEPY_FUNC LATEPY_COLD TableData take_table(const Ref& object) {
  constexpr char wanted[] = "latepy::Table";
  const ArrowChunks taken = take_arrow(object, nullptr, wanted);
  const ArrowSchema& schema = *taken.schema;
  const auto refuse = [&](const std::string& why) { throw_mismatch(object.ptr(), wanted, why.c_str()); };
  TableData table;
  table.columns.resize(static_cast<std::size_t>(schema.n_children));
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    table.columns[i].schema = SharedSchema(taken.schema, schema.children[i]);
  for (const SharedArray& each : taken.arrays) {
    const void* const validity = each->null_count != 0 && each->n_buffers > 0 ? each->buffers[0] : nullptr;
    for (std::int64_t i = 0; validity && i < each->length; ++i)
      if (!bit_at(validity, each->offset + i))
        refuse(concat({"row ", decimal(i), " of it is a null as a whole, which a table cannot have"}));
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const ArrowArray* const child = each->children[i];
      if (child->length - each->offset < each->length)
        refuse(concat({"the column '", name_of(table.columns[i]), "' has ", decimal(child->length),
                       " rows, and there are ", decimal(each->offset + each->length)}));
      table.columns[i].pieces.push_back({SharedArray(each, child), child->offset + each->offset, each->length});
    }
    table.rows += each->length;
  }
  return table;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
