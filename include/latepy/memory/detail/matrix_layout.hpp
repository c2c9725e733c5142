// latepy/memory/detail/matrix_layout.hpp: which types are Eigen's matrices, and how these lie in memory; their views.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/strided_memory.hpp>

#include <Eigen/Core>

namespace latepy {
inline namespace v1 {
namespace detail {

template <class D>
std::true_type find_dense(const Eigen::DenseBase<D>*);
std::false_type find_dense(const void*);
/// Whether T is a dense expression of Eigen: Matrix, Array, Map, Ref, Block, a product.
template <class T, class = void>
inline constexpr bool is_eigen = false;
template <class T>
inline constexpr bool is_eigen<T, std::enable_if_t<std::is_class_v<T>>> =
    decltype(find_dense(std::declval<T*>()))::value;
/// Whether T is Eigen::Matrix or Eigen::Array, which own their items.
template <class T, class = void>
inline constexpr bool owns_items = false;
template <class T>
inline constexpr bool owns_items<T, std::enable_if_t<is_eigen<T>>> = std::is_same_v<typename T::PlainObject, T>;

/// What Ref and Map are made of.
template <class T>
struct EigenReference {
  static constexpr bool is_reference = false;
};
template <class M, int O, class S>
struct EigenReference<Eigen::Ref<M, O, S>> {
  static constexpr bool is_reference = true, may_copy = std::is_const_v<M>, may_repeat = false;
  using Target = M;
  using Steps = S;
  static constexpr int options = O;
};
template <class M, int O, class S>
struct EigenReference<Eigen::Map<M, O, S>> : EigenReference<Eigen::Ref<M, O, S>> {
  static constexpr bool may_copy = false, may_repeat = true;  // a step of 0 in a Ref is the natural one
};

/// How the rows and columns of a matrix M lie in memory. Strides are counted in items.
template <class M>
struct MatrixLayout {
  using Scalar = typename M::Scalar;
  static_assert(is_item<Scalar>,
                "the items of an Eigen matrix must be numbers, bool or std::complex (include stl/complex.hpp)");
  Eigen::Index rows = 0, columns = 0, inner = 1, outer = 1;

  /// Whether an M may have that many rows and columns.
  static bool may_have(Eigen::Index rows, Eigen::Index columns) noexcept {
    constexpr int most_rows = M::MaxRowsAtCompileTime, most_columns = M::MaxColsAtCompileTime;
    return (M::RowsAtCompileTime == Eigen::Dynamic || rows == M::RowsAtCompileTime) &&
           (M::ColsAtCompileTime == Eigen::Dynamic || columns == M::ColsAtCompileTime) &&
           (most_rows == Eigen::Dynamic || rows <= most_rows) &&
           (most_columns == Eigen::Dynamic || columns <= most_columns);
  }
  /// \returns false if memory of this shape is no such matrix. One dimension is a vector: of a matrix, its one column.
  bool read(const StridedMemory& memory) noexcept {
    constexpr auto size = static_cast<ssize>(sizeof(Scalar));
    if (memory.ndim() != 1 && memory.ndim() != 2) return false;
    ssize row_step = memory.stride(0, size), column_step = row_step;
    rows = memory.shape(0), columns = 1;
    if (memory.ndim() == 2) {
      columns = memory.shape(1);
      column_step = memory.stride(1, size);
    } else if (M::RowsAtCompileTime == 1) {
      std::swap(rows, columns);
    }
    const bool by_rows = M::IsRowMajor;
    inner = by_rows ? column_step : row_step;
    outer = by_rows ? row_step : column_step;
    // A stride between at most one item and none says nothing: it is the natural one.
    const Eigen::Index in_inner = by_rows ? columns : rows, in_outer = by_rows ? rows : columns;
    if (in_inner < 2 || in_outer == 0) inner = 1;
    if (in_outer < 2 || in_inner == 0) outer = in_inner * inner;
    return may_have(rows, columns);
  }
  /// Whether a Ref or Map with these strides can point to the items.
  template <class Steps>
  bool fits_steps() const noexcept {
    constexpr Eigen::Index wanted_inner = Steps::InnerStrideAtCompileTime,
                           wanted_outer = Steps::OuterStrideAtCompileTime;
    const Eigen::Index in_inner = M::IsRowMajor ? columns : rows;
    return (wanted_inner == Eigen::Dynamic || inner == (wanted_inner ? wanted_inner : 1)) &&
           (M::IsVectorAtCompileTime || wanted_outer == Eigen::Dynamic ||
            outer == (wanted_outer ? wanted_outer : in_inner * inner));
  }
  /// Whether rows or columns are the same memory, as in a broadcast array, and must not be.
  bool repeats(bool may) const noexcept { return !may && (inner == 0 || outer == 0) && rows != 0 && columns != 0; }
  template <class Steps>
  Steps steps() const noexcept {
    constexpr bool any_inner = Steps::InnerStrideAtCompileTime == Eigen::Dynamic,
                   any_outer = Steps::OuterStrideAtCompileTime == Eigen::Dynamic;
    if constexpr (std::is_constructible_v<Steps, Eigen::Index, Eigen::Index>)
      return Steps(any_outer ? outer : Eigen::Index{Steps::OuterStrideAtCompileTime},
                   any_inner ? inner : Eigen::Index{Steps::InnerStrideAtCompileTime});
    else if constexpr (any_inner || any_outer)
      return Steps(any_inner ? inner : outer);
    else
      return Steps();
  }
  static std::string wanted() {
    const auto text = [](int count, const char* any) { return count == Eigen::Dynamic ? any : std::to_string(count); };
    if constexpr (M::IsVectorAtCompileTime) return "(" + text(M::SizeAtCompileTime, "n") + ",)";
    return "(" + text(M::RowsAtCompileTime, "rows") + ", " + text(M::ColsAtCompileTime, "columns") + ")";
  }
  static std::string why_not(const StridedMemory& memory) {
    return concat({"it has the shape ", memory.shape_text(), ", and ", wanted(), " is wanted"});
  }
};

/// A view of the items of a matrix, which owner keeps.
template <class D, class O>
View view_matrix(D& matrix, O&& owner) {
  static_assert((D::Flags & Eigen::DirectAccessBit) != 0,
                "view(): this expression of Eigen has no items in memory: evaluate it, view(matrix.eval())");
  constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(typename D::Scalar));
  auto* const data = matrix.data();
  if constexpr (D::IsVectorAtCompileTime) {
    const Strides strides(matrix.innerStride() * size);
    return ViewAccess::make(data, Shape(matrix.size()), &strides, std::forward<O>(owner));
  } else {
    const Strides strides(matrix.rowStride() * size, matrix.colStride() * size);
    return ViewAccess::make(data, Shape(matrix.rows(), matrix.cols()), &strides, std::forward<O>(owner));
  }
}
/// A View that owns a matrix.
template <class M>
View own_matrix(M&& matrix) {
  using Plain = typename std::decay_t<M>::PlainObject;
  auto made = std::make_unique<Plain>(std::forward<M>(matrix));
  Plain& items = *made;
  return view_matrix(items, std::move(made));
}
template <class C>
struct ItemsOf<C, std::enable_if_t<is_eigen<C>>> {
  static constexpr bool are_known = true, points = !owns_items<C>;
  using Item = typename C::Scalar;
  static Shape shape(const C& matrix) {
    return C::IsVectorAtCompileTime ? Shape(matrix.size()) : Shape(matrix.rows(), matrix.cols());
  }
  static View own(C&& matrix) { return own_matrix(std::move(matrix)); }
  template <class D, class O>
  static View share(D& matrix, O&& owner) {
    return view_matrix(matrix, std::forward<O>(owner));
  }
  template <class D>
  static Object copy(D&& matrix) {
    return own_matrix(std::forward<D>(matrix)).to_numpy();
  }
  /// \param items an Array: row after row. Of one dimension it is a vector, or the one column of a matrix.
  template <class A, class F>
  static bool assign(C& matrix, const A& items, F&& before_resize) {
    if (items.ndim() != 1 && items.ndim() != 2) return false;
    auto rows = static_cast<Eigen::Index>(items.shape(0)), columns = Eigen::Index(1);
    if (items.ndim() == 2)
      columns = static_cast<Eigen::Index>(items.shape(1));
    else if (C::RowsAtCompileTime == 1)
      std::swap(rows, columns);
    if (!MatrixLayout<C>::may_have(rows, columns)) return false;
    using Steps = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
    const Steps steps = C::IsRowMajor ? Steps(columns, 1) : Steps(1, columns);
    // The items may lie in the matrix itself, in another order.
    const C taken = Eigen::Map<const C, Eigen::Unaligned, Steps>(items.data(), rows, columns, steps);
    if (rows != matrix.rows() || columns != matrix.cols()) before_resize();
    matrix = taken;
    return true;
  }
};

}  // namespace detail

}  // namespace v1
}  // namespace latepy
