// latepy/memory/arrow.hpp: from_arrow() and Column, columns of other libraries by Arrow; views as Arrow's arrays.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/export_column.hpp>
#include <latepy/memory/detail/take_arrow.hpp>

#include <iterator>

namespace latepy {
inline namespace v1 {
namespace detail {
struct ColumnAccess;
/// Throws an IndexError.
[[noreturn]] void throw_no_row(std::size_t index, std::size_t size);
}  // namespace detail

/// The values of a column of Arrow, as a rule without a copy: from_arrow<T>() and Table::column<T>() give it. T is a
/// number, bool, std::string_view, std::string, or a std::chrono::time_point of system_clock in seconds, milliseconds,
/// microseconds or nanoseconds. Column<std::optional<T>> may have nulls, Column<T> has none. It keeps the memory, which
/// nobody may write, and may be copied and destroyed on any thread, with or without the GIL.
template <class T>
class Column {
  using Value = detail::column_value<T>;
  static_assert(
      detail::arrow_form<Value>() != detail::ArrowForm::none,
      "a latepy::Column has numbers, bool, std::string_view, std::string, times of std::chrono::system_clock, "
      "or std::optional of these");
  static_assert(detail::has_time_unit<Value>,
                "a latepy::Column has times in seconds, milliseconds, microseconds or nanoseconds, of 64 bits: take "
                "Column<std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>> or the like");
  static constexpr bool is_array = detail::arrow_form<T>() == detail::ArrowForm::number;  // as in C++

 public:
  /// Iterates over the values.
  class Iterator {
   public:
    ///@{
    /// For algorithms.
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = T;
    ///@}
    Iterator(const Column* column, std::size_t at) noexcept : column_(column), at_(at) {}  ///< at a value
    T operator*() const { return (*column_)[at_]; }                                        ///< the value
    Iterator& operator++() noexcept { return ++at_, *this; }                               ///< the next value
    Iterator operator++(int) noexcept { return Iterator(column_, at_++); }                 ///< the next value
    bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }     ///< the same place
    bool operator!=(const Iterator& other) const noexcept { return at_ != other.at_; }     ///< another place

   private:
    const Column* column_;
    std::size_t at_;
  };
  std::size_t size() const noexcept { return static_cast<std::size_t>(memory_.size); }  ///< how many values there are
  bool empty() const noexcept { return size() == 0; }                                   ///< whether there is none
  /// How many of them are nulls.
  std::size_t null_count() const noexcept { return static_cast<std::size_t>(memory_.null_count); }
  /// Whether the value is a null. The index is not checked.
  bool is_null(std::size_t index) const noexcept { return memory_.is_null(index); }
  /// Whether the values had to be copied, because they came in several chunks.
  bool is_copy() const noexcept { return memory_.is_copy; }
  /// The value; a null is std::nullopt. The index is not checked. A string_view is valid as long as a Column is.
  T operator[](std::size_t index) const {
    if constexpr (detail::may_be_null<T>)
      return is_null(index) ? T() : T(memory_.at<Value>(index));
    else
      return memory_.at<T>(index);
  }
  /// The same. \throws IndexError if there is no such value.
  T at(std::size_t index) const {
    if (index >= size()) detail::throw_no_row(index, size());
    return (*this)[index];
  }
  /// The first of the values, which lie one after the other; only of numbers and times. In a Column<std::optional<T>>
  /// any value may stand in the place of a null.
  const Value* data() const noexcept {
    static_assert(detail::arrow_form<Value>() == detail::ArrowForm::number,
                  "Column::data(): only numbers and times lie one after the other as in C++: use operator[]");
    return static_cast<const Value*>(memory_.values);
  }
  ///@{
  /// All values in turn: `for (double each : column)`.
  auto begin() const noexcept {
    if constexpr (is_array)
      return data();
    else
      return Iterator(this, 0);
  }
  auto end() const noexcept {
    if constexpr (is_array)
      return data() + size();
    else
      return Iterator(this, size());
  }
  ///@}

 private:
  friend struct detail::ColumnAccess;
  Column() = default;  // from_arrow() gives it; where there is none yet, use std::optional<Column<T>>
  detail::ColumnMemory memory_{};
};

namespace detail {

struct ColumnAccess {
  /// Reads the values of a column. \returns "" or why they cannot be read as T.
  template <class T>
  static std::string read(const ArrowColumn& from, Column<T>& to) {
    using V = column_value<T>;
    return detail::read_column(from, arrow_format<V>(), sizeof(V), may_be_null<T>, to.memory_);
  }
  template <class T>
  static Column<T> empty() noexcept {
    return Column<T>();
  }
};

/// The column of an object that is no table. \param format of its values. \throws ConversionError.
ArrowColumn take_column(const Ref& object, const char* format, std::string_view wanted);
/// "latepy::Column<double>".
template <class T>
std::string column_name() {
  using V = column_value<T>;
  const std::string_view name = std::is_same_v<V, std::string>        ? "std::string"
                                : std::is_same_v<V, std::string_view> ? "std::string_view"
                                : is_time<V>                          ? "std::chrono::time_point"
                                                                      : type_name<V>();
  return may_be_null<T> ? concat({"latepy::Column<std::optional<", name, ">>"})
                        : concat({"latepy::Column<", name, ">"});
}

}  // namespace detail

/// The values of an object with `__arrow_c_array__` or `__arrow_c_stream__`, such as an array or chunked array of
/// pyarrow or a series of polars; also of the capsules that these methods return, which are consumed. Values are never
/// converted. Those of one chunk are not copied, several chunks are joined by a copy. Needs the GIL, and lets go of it
/// while a stream makes its chunks. Capsules of a table or of other values are not consumed.
/// \throws ConversionError if the object speaks no Arrow, is a table, has other values than T, has nulls and T is no
/// std::optional, or if the capsule was consumed before; RuntimeError with the stream's text if the stream fails.
template <class T>
Column<T> from_arrow(const Ref& object) {
  const std::string wanted = detail::column_name<T>();
  Column<T> column = detail::ColumnAccess::empty<T>();
  const char* const format = detail::arrow_format<detail::column_value<T>>();
  const std::string why = detail::ColumnAccess::read(detail::take_column(object, format, wanted), column);
  if (!why.empty()) detail::throw_mismatch(object.ptr(), wanted, why.c_str());
  return column;
}

/// From Python only: `as<Column<T>>()`, and Column as a parameter.
template <class T>
struct Converter<Column<T>> {
  static std::string python_type() { return "typing.Any"; }
  static Column<T> from_py(Ref object) { return from_arrow<T>(object); }
};

#if LATEPY_DEFINITIONS
namespace detail {

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_no_row(std::size_t index, std::size_t size) {
  throw IndexError(concat({"row ", decimal(index), " of a Column that has ", decimal(size)}));
}

LATEPY_FUNC LATEPY_COLD ArrowColumn take_column(const Ref& object, const char* format, std::string_view wanted) {
  ArrowChunks taken = take_arrow(object, format, wanted);
  ArrowColumn column;
  for (const SharedArray& each : taken.arrays) column.pieces.push_back({each, each->offset, each->length});
  column.schema = std::move(taken.schema);
  return column;
}

}  // namespace detail
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
