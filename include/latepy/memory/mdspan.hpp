// latepy/memory/mdspan.hpp: mdspan, of any library, as a parameter of host functions and by view().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/array.hpp>
#include <latepy/memory/detail/strided_memory.hpp>

#include <array>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether T is an mdspan over plain memory. It is told by its members, so that std::mdspan, Kokkos::mdspan and
/// std::experimental::mdspan do, and <mdspan> need not be there.
template <class T, class = void>
inline constexpr bool is_mdspan = false;
template <class T>
inline constexpr bool is_mdspan<T, std::void_t<typename T::extents_type, typename T::layout_type,
                                               typename T::accessor_type, typename T::mapping_type>> =
    std::is_same_v<typename T::data_handle_type, typename T::element_type*>;

/// Takes the memory of an object as an mdspan.
template <class T>
class MdspanMemory {
  using Item = typename T::value_type;
  using Extents = typename T::extents_type;
  using Index = typename T::index_type;
  using Mapping = typename T::mapping_type;
  static_assert(is_item<Item>,
                "the items of an mdspan must be numbers, bool, std::complex (include stl/complex.hpp) or a struct of "
                "LATEPY_STRUCT (include stl/struct.hpp)");
  static constexpr bool writes = !std::is_const_v<typename T::element_type>;
  static constexpr auto rank = static_cast<int>(T::rank());
  using Sizes = std::array<Index, T::rank()>;
  static constexpr auto size = static_cast<ssize>(sizeof(Item));
  /// Whether the layout has any strides: layout_stride.
  static constexpr bool has_strides = std::is_constructible_v<Mapping, const Extents&, const Sizes&>;

 public:
  /// \returns why the object does not fit, or "". \throws ConversionError if an item is refused.
  std::string take(PyObject* object) {
    const bool is_there = memory_.take(object, item_type<Item>, alignof(Item), writes);
    if (!is_there && writes) return why_no_memory(object, item_type<Item>, alignof(Item), true, "an mdspan of const");
    if (is_there) {
      if (const std::string why = map(); why.empty() || writes) return why;
    }
    copy_.emplace();
    copy_->template convert<Item>(object);
    return map();
  }
  T get() const { return T(reinterpret_cast<typename T::element_type*>(items().data()), *mapping_); }

 private:
  const StridedMemory& items() const noexcept { return copy_ ? *copy_ : memory_; }
  std::string map() {
    const StridedMemory& memory = items();
    Sizes sizes{}, strides{};
    bool fits = memory.ndim() == rank, is_countable = true, is_empty = false;
    std::size_t count = 1, last = 0;  // of the items; the place of the last one
    for (int i = 0; i < rank && fits; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const auto fixed = Extents::static_extent(at);
      sizes[at] = static_cast<Index>(memory.shape(i));
      strides[at] = static_cast<Index>(memory.stride(i, size));
      fits = fixed == static_cast<std::size_t>(-1) || fixed == static_cast<std::size_t>(memory.shape(i));
      is_countable = is_countable && static_cast<ssize>(sizes[at]) == memory.shape(i) &&
                     static_cast<ssize>(strides[at]) == memory.stride(i, size);
      is_empty = is_empty || memory.shape(i) == 0;
      count *= static_cast<std::size_t>(memory.shape(i));
      last += static_cast<std::size_t>(memory.shape(i) - 1) * static_cast<std::size_t>(memory.stride(i, size));
    }
    if (!fits) return concat({"it has the shape ", memory.shape_text(), ", and ", wanted(), " is wanted"});
    const auto counts = [](std::size_t number) {
      return static_cast<std::size_t>(static_cast<Index>(number)) == number;
    };
    if (!is_countable || !counts(count) || !(is_empty || counts(last + 1)))
      return concat({"its shape ", memory.shape_text(), " or its strides are more than the index type counts"});
    if constexpr (has_strides) {
      for (int i = 0; i < rank; ++i)
        if (memory.stride(i, size) <= 0)
          return "an mdspan has no strides of 0 or less, as a reversed or broadcast array has: pass a copy";
      mapping_.emplace(Extents(sizes), strides);
    } else {
      mapping_.emplace(Extents(sizes));
      if constexpr (rank > 0)
        for (std::size_t i = 0; i < T::rank(); ++i)
          if (!is_empty && sizes[i] > 1 && mapping_->stride(i) != strides[i])
            return "its items do not lie in the order of the layout: pass numpy.ascontiguousarray(...) for "
                   "layout_right, "
                   "numpy.asfortranarray(...) for layout_left, or let the program take layout_stride";
    }
    return "";
  }
  static std::string wanted() {
    std::string text = "(";
    for (std::size_t i = 0; i < T::rank(); ++i) {
      const auto fixed = Extents::static_extent(i);
      text.append(i ? ", " : "").append(fixed == static_cast<std::size_t>(-1) ? "n" : decimal(fixed));
    }
    return text.append(T::rank() == 1 ? ",)" : ")");
  }

  StridedMemory memory_{};
  std::optional<StridedMemory> copy_{};
  std::optional<Mapping> mapping_{};
};

}  // namespace detail

/// An mdspan is a parameter of host functions only: the memory of the array that the script passes is held for the
/// call.
/// - `std::mdspan<double, …>` is exactly that memory: type, rank, fixed extents and the order of the layout. The error
///   says what to pass instead. layout_stride takes all strides that are positive.
/// - `std::mdspan<const double, …>` may convert, row after row, into a copy.
///
/// return_view shares one that a method returns or a field is, as a Span, in its own order.
template <class T>
struct Converter<T, std::enable_if_t<detail::is_mdspan<T>>> {
  static std::string python_type() { return "typing.Any"; }
  static detail::Fit fit(PyObject* object) noexcept {
    using Item = typename T::value_type;
    detail::StridedMemory memory;
    try {
      if (memory.take(object, detail::item_type<Item>, alignof(Item), !std::is_const_v<typename T::element_type>) &&
          memory.ndim() == static_cast<int>(T::rank()))
        return detail::Fit::own;
    } catch (...) {  // no memory, fields of a struct share memory, or code of a tensor raised: the conversion says so
    }
    return detail::Fit::other;
  }
};

namespace detail {

template <class A>
class ArgumentLoader<A, std::enable_if_t<is_mdspan<plain<A>>>> : public ArgumentLoaderBase {
 public:
  bool load(PyObject* object) {
    try {
      return memory_.take(object).empty();
    } catch (const ConversionError&) {
      return false;
    }
  }
  plain<A> get() const { return memory_.get(); }
  LATEPY_COLD static void explain(PyObject* object) {
    MdspanMemory<plain<A>> memory;
    std::string why;
    try {
      why = memory.take(object);
    } catch (const ConversionError& error) {
      why = error.what();
    }
    if (!why.empty()) throw_mismatch(object, "mdspan", why.c_str());
  }

 private:
  MdspanMemory<plain<A>> memory_{};
};

}  // namespace detail

/// Shares the items of an mdspan with Python, in their order. Scripts cannot write if they are const. Needs the GIL.
/// \param owner keeps the memory, as for view(data, shape, owner).
template <class T, class O, class = std::enable_if_t<detail::is_mdspan<T>>>
View view(const T& items, O&& owner) {
  constexpr std::size_t rank = T::rank();
  std::array<std::ptrdiff_t, rank> shape{}, strides{};
  if constexpr (rank > 0)
    for (std::size_t i = 0; i < rank; ++i) {
      shape[i] = static_cast<std::ptrdiff_t>(items.extent(i));
      strides[i] =
          static_cast<std::ptrdiff_t>(items.stride(i)) * static_cast<std::ptrdiff_t>(sizeof(*items.data_handle()));
    }
  return view(items.data_handle(), Shape(shape), detail::Strides(strides), std::forward<O>(owner));
}

namespace detail {

template <class T>
struct ItemsOf<T, std::enable_if_t<is_mdspan<T>>> {
  static constexpr bool are_known = true, points = true;
  using Item = typename T::value_type;
  template <class O>
  static View share(const T& items, O&& owner) {
    return view(items, std::forward<O>(owner));
  }
  static Object copy(const T& items) { return view(items, unowned).to_numpy().call_method("copy"); }
};

}  // namespace detail

}  // namespace v1
}  // namespace latepy
