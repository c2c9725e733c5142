// latepy/memory/eigen.hpp: converts Eigen's matrices, arrays and vectors to ndarrays and back; Ref and Map; view().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/array.hpp>
#include <latepy/memory/detail/matrix_layout.hpp>

namespace latepy {
inline namespace v1 {

/// Eigen::Matrix and Eigen::Array, of fixed and dynamic size, in both storage orders.
/// - To Python: an ndarray, of one dimension if the type is a vector. A matrix that is moved in is adopted without a
///   copy of its items; others are copied, also Map, Ref and Block, and expressions are evaluated. Where there is no
///   numpy it is a View. Of a field, `def("m", &T::m)`, scripts read such a copy, which is read-only, so that no change
///   of it is lost; they assign a field as a whole. `def("m", &T::m, return_view)` shares it instead.
/// - From Python: a copy of an array, of lists, or of what has `__array__`. Items convert as `as<Scalar>()` converts
///   them. One dimension fits a vector, and is the one column of a matrix.
///
/// Ref and Map are parameters of host functions, and the memory is held for the call:
/// - `Eigen::Ref<M>`, `Eigen::Map<M>` and `Eigen::Map<const M>` are exactly the memory of the array that the script
///   passes: type, shape, order and strides. The error says what to pass instead.
/// - `Eigen::Ref<const M>` is that memory if it fits, else a converted copy.
/// numpy's arrays lie row after row, and Eigen's matrices column after column: for arrays of two dimensions take
/// Eigen::Ref<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>, or a Ref with
/// Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>, which fits any order.
template <class T>
struct Converter<T, std::enable_if_t<detail::is_eigen<T>>> {
  static std::string python_type() { return "typing.Any"; }

  template <class U>
  static Object to_py(U&& matrix) {
    View view = detail::own_matrix(std::forward<U>(matrix));
    try {
      return view.to_numpy();
    } catch (const ImportError&) {
      return Object(std::move(view));
    }
  }
  template <class F>
  static Object freeze(Object made, const T&, F&&) {
    return detail::make_read_only(std::move(made));
  }
  static T from_py(Ref object) {
    static_assert(detail::owns_items<T>,
                  "Eigen::Map, Ref and Block point to memory that nothing would keep: convert to Eigen::Matrix or "
                  "Eigen::Array, or take an Eigen::Ref as a parameter of a host function");
    T result;
    std::string why;
    try {
      why = read(object.checked(), result);
    } catch (const ConversionError& error) {
      why = error.what();
    }
    if (!why.empty()) detail::throw_mismatch(object.ptr(), detail::type_name<T>(), why.c_str());
    return result;
  }
  static bool try_from_py(Ref object, std::optional<T>& result) {
    return detail::try_load(result, [&] {
      try {
        return read(object.ptr(), result.emplace()).empty();
      } catch (const ConversionError&) {
        return false;
      }
    });
  }
  /// Memory that holds the items, in a shape that fits, is of the own type.
  static detail::Fit fit(PyObject* object) noexcept {
    detail::StridedMemory memory;
    try {
      if (memory.take(object, detail::item_type<Scalar>, alignof(Scalar), false) && Layout().read(memory))
        return detail::Fit::own;
    } catch (...) {  // no memory, or code of a tensor raised: the conversion says so
    }
    return detail::Fit::other;
  }

 private:
  using Scalar = typename T::Scalar;
  using Layout = detail::MatrixLayout<typename T::PlainObject>;
  /// \returns why the object does not fit, or "". \throws ConversionError if an item is refused.
  static std::string read(PyObject* object, T& result) {
    detail::StridedMemory memory;
    Layout layout;
    if (!memory.take(object, detail::item_type<Scalar>, alignof(Scalar), false)) memory.convert<Scalar>(object);
    if (!layout.read(memory)) return Layout::why_not(memory);
    using Steps = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
    result = Eigen::Map<const T, Eigen::Unaligned, Steps>(reinterpret_cast<const Scalar*>(memory.data()), layout.rows,
                                                          layout.columns, layout.template steps<Steps>());
    return "";
  }
};

namespace detail {

/// Ref and Map are parameters only: the memory is held for the call.
template <class A>
class ArgumentLoader<A, std::enable_if_t<EigenReference<plain<A>>::is_reference>> : public ArgumentLoaderBase {
  using T = plain<A>;
  using Traits = EigenReference<T>;
  using M = std::remove_const_t<typename Traits::Target>;
  using Scalar = typename M::Scalar;
  using Layout = MatrixLayout<M>;
  using Steps = typename Traits::Steps;
  static constexpr bool writes = !std::is_const_v<typename Traits::Target>;
  static constexpr std::size_t alignment = Traits::options > static_cast<int>(alignof(Scalar))
                                               ? static_cast<std::size_t>(Traits::options)
                                               : alignof(Scalar);

 public:
  bool load(PyObject* object) {
    if (point_into(object)) return true;
    if constexpr (Traits::may_copy) {
      if (!Converter<M>::try_from_py(Ref(object), copy_)) return false;
      value_.emplace(*copy_);
      return true;
    }
    return false;
  }
  T& get() noexcept { return *value_; }
  LATEPY_COLD static void explain(PyObject* object) {
    if constexpr (Traits::may_copy)
      static_cast<void>(from_py<M>(Ref(object)));
    else
      throw_mismatch(object, spelled_name<T>(), why_not(object).c_str());
  }

 private:
  bool point_into(PyObject* object) {
    Layout layout;
    if (!memory_.take(object, item_type<Scalar>, alignof(Scalar), writes)) return false;
    if (!layout.read(memory_) || layout.repeats(Traits::may_repeat)) return false;
    if (!layout.template fits_steps<Steps>() || !is_aligned(memory_)) return false;
    using Pointed = Eigen::Map<typename Traits::Target, Traits::options, Steps>;
    value_.emplace(Pointed(reinterpret_cast<Scalar*>(memory_.data()), layout.rows, layout.columns,
                           layout.template steps<Steps>()));
    return true;
  }
  static bool is_aligned(const StridedMemory& memory) noexcept {
    return reinterpret_cast<std::uintptr_t>(memory.data()) % alignment == 0;
  }
  LATEPY_COLD static std::string why_not(PyObject* object) {
    StridedMemory memory;
    Layout layout;
    if (!memory.take(object, item_type<Scalar>, alignof(Scalar), writes))
      return why_no_memory(object, item_type<Scalar>, alignof(Scalar), writes, "an Eigen::Ref<const T>");
    if (!layout.read(memory)) return Layout::why_not(memory);
    if (layout.repeats(Traits::may_repeat)) return "its items are repeated, as in a broadcast array: pass a copy";
    if (!is_aligned(memory)) return concat({"its items do not begin at a multiple of ", decimal(alignment), " bytes"});
    return concat({M::IsVectorAtCompileTime ? "its items do not lie one after the other: pass a copy"
                   : M::IsRowMajor          ? "its items do not lie row after row: pass numpy.ascontiguousarray(...)"
                                   : "its items do not lie column after column: pass numpy.asfortranarray(...)",
                   ", or let the program take an Eigen::Ref with Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>"});
  }

  StridedMemory memory_{};
  std::optional<M> copy_{};
  std::optional<T> value_{};
};

}  // namespace detail

/// Moves a matrix to Python, without a copy of its items. Needs the GIL.
template <class M, class = std::enable_if_t<detail::owns_items<std::decay_t<M>>>>
View view(M&& matrix) {
  static_assert(!std::is_lvalue_reference_v<M>,
                "view(matrix): nothing would keep the matrix alive: move it in (view(std::move(m))), give its owner "
                "(view(m, owner)), or latepy::unowned if the program keeps the memory itself");
  return detail::own_matrix(std::forward<M>(matrix));
}
/// Shares the items of a matrix, Map, Ref or Block with Python, in their order. Scripts cannot write if it is const.
/// Needs the GIL. \param owner keeps the memory, as for view(data, shape, owner).
template <class D, class O, class = std::enable_if_t<detail::is_eigen<std::decay_t<D>>>>
View view(D&& matrix, O&& owner) {
  static_assert(std::is_lvalue_reference_v<D> || !detail::owns_items<std::decay_t<D>>,
                "view(matrix, owner): the matrix ends with this expression: move it in alone, view(std::move(m))");
  return detail::view_matrix(matrix, std::forward<O>(owner));
}

}  // namespace v1
}  // namespace latepy
