// latepy/memory/array.hpp: Array<T>, contiguous memory of a Python object or of its own; array(), which makes ndarrays.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/argument_loader.hpp>
#include <latepy/memory/buffer.hpp>
#include <latepy/memory/detail/convert_array.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {
struct ArrayAccess;
}

/// Items that lie one after the other, row after row, in the memory of a Python object or in memory of its own. T is a
/// number, bool, std::complex or a struct of LATEPY_STRUCT; Rank is the number of dimensions, or -1 for any.
/// - `Array<double>` as a parameter takes exactly this memory: type, writable, contiguous. It never copies; the error
///   says what to pass instead. What the host writes, the script sees.
/// - `Array<const double>` may convert, into memory of its own: arrays of other numbers and strides, lists of lists,
///   tensors of the CPU (`__dlpack__`), what has `__array__`, such as a pandas Series, and numbers, which have no
///   dimension. Items convert as `as<T>()` converts them: Array<const int> refuses float64.
/// - Bytes of bool other than 0 and 1, which C++ must not read, are converted by `Array<const bool>`, and refused by
///   `Array<bool>`. What others write later is not looked at.
/// - `Array<double> a(rows, columns)` makes zeros. To Python an Array is the object whose memory it has; its own memory
///   becomes an ndarray, or a View where there is no numpy.
/// The constructors and object() need the GIL; items do not. It may be destroyed on any thread.
template <class T, int Rank = -1>
class Array {
  using Item = std::remove_cv_t<T>;
  static_assert(!detail::is_character<Item>, "Array<char>: char is text: use std::uint8_t or std::int8_t");
  static_assert(detail::is_item<Item>,
                "Array<T>: T must be a number, bool, std::complex (include stl/complex.hpp) or a struct of "
                "LATEPY_STRUCT (include stl/struct.hpp)");
  static_assert(Rank >= -1 && Rank <= detail::most_dimensions, "Array<T, Rank>: Rank is 0 to 64, or -1 for any");

 public:
  /// Zeros with this shape: `Array<double> a(rows, columns)`. \throws ValueError if it is negative or too large.
  template <class... I, class = std::enable_if_t<(sizeof...(I) > 0) && (std::is_integral_v<I> && ...)>>
  explicit Array(I... sizes) : Array(Shape(sizes...)) {
    static_assert(Rank == -1 || Rank == static_cast<int>(sizeof...(I)),
                  "Array<T, Rank>: give as many sizes as Rank says");
  }
  /// The same for a Shape.
  explicit Array(const Shape& shape) {
    detail::check_running();
    if (Rank != -1 && shape.ndim() != Rank)
      throw ValueError("the shape " + shape.to_string() + " does not have the rank " + detail::decimal(Rank));
    memory_.make(detail::item_type<Item>, shape);
  }

  /// The first item. Valid as long as this Array.
  T* data() const noexcept { return reinterpret_cast<T*>(memory_.data); }
  /// How many items there are in all dimensions together.
  std::size_t size() const noexcept { return memory_.size; }
  bool empty() const noexcept { return size() == 0; }                     ///< whether there is no item
  int ndim() const noexcept { return Rank == -1 ? memory_.ndim : Rank; }  ///< how many dimensions there are
  /// How many items a dimension has. The first dimension is 0.
  std::size_t shape(int dimension) const noexcept { return static_cast<std::size_t>(memory_.shape()[dimension]); }
  /// How many bytes lie from one item of a dimension to the next.
  std::ptrdiff_t stride(int dimension) const noexcept {
    std::size_t step = sizeof(T);  // unsigned: beside a dimension without items the others may have any number
    for (int i = ndim(); --i > dimension;) step *= shape(i);
    return static_cast<std::ptrdiff_t>(step);
  }
  Span<T> span() const noexcept { return {data(), size()}; }  ///< all items, row after row
  T* begin() const noexcept { return data(); }                ///< the first item, for loops
  T* end() const noexcept { return data() + size(); }         ///< one past the last item, for loops
  /// The item at these indices, one for each dimension. The indices are not checked.
  template <class... I>
  T& operator()(I... indices) const noexcept {
    static_assert(Rank == -1 || Rank == static_cast<int>(sizeof...(I)),
                  "Array<T, Rank>: give as many indices as Rank says");
    std::ptrdiff_t at = 0;
    [[maybe_unused]] int dimension = 0;
    ((at = at * memory_.shape()[dimension++] + static_cast<std::ptrdiff_t>(indices)), ...);
    return data()[at];
  }
  /// The item with this index in all rows, unchecked.
  T& operator[](std::size_t i) const noexcept { return data()[i]; }
  /// The item at these indices. \throws IndexError if there are too many or too few, or one is out of range.
  template <class... I>
  T& at(I... indices) const {
    if (static_cast<int>(sizeof...(I)) != ndim())
      throw IndexError(detail::concat(
          {detail::decimal(sizeof...(I)), " indices for an array of ", detail::decimal(ndim()), " dimensions"}));
    [[maybe_unused]] int dimension = 0;
    (check_index(static_cast<long long>(indices), dimension++), ...);
    return (*this)(indices...);
  }
  /// Whether the items were converted, or are of its own: then scripts do not see what the host writes.
  bool is_copy() const noexcept { return memory_.is_copy; }
  /// The Python object that has the memory: what was passed, or an ndarray, or a View if there is no numpy. Needs the
  /// GIL.
  Object object() const {
    if (!memory_.is_own_view) return memory_.object;
    try {
      return detail::view_to_numpy(memory_.object.checked());
    } catch (const ImportError&) {
      return memory_.object;
    }
  }

 private:
  friend struct Converter<Array>;
  friend struct detail::ArrayAccess;
  Array() noexcept = default;  // give a shape; where there is no array yet, use std::optional<Array<T>>
  void check_index(long long index, int dimension) const {
    if (index < 0 || index >= memory_.shape()[dimension])
      throw IndexError(detail::concat({"index ", detail::decimal(index), " is out of range for dimension ",
                                       detail::decimal(dimension), " with ",
                                       detail::decimal(memory_.shape()[dimension]), " items"}));
  }
  detail::ArrayMemory memory_{};
};

/// From Python: the memory of an object, or of a converted copy, see Array. To Python: that object.
template <class T, int Rank>
struct Converter<Array<T, Rank>> {
  using Item = std::remove_cv_t<T>;
  static std::string python_type(detail::Direction direction) {
    return direction == detail::Direction::from_python && !std::is_const_v<T> &&
                   detail::library_state.version.minor >= 12
               ? "collections.abc.Buffer"
               : "typing.Any";
  }
  static Object to_py(const Array<T, Rank>& array) { return array.object(); }
  static Array<T, Rank> from_py(Ref object) {
    Array<T, Rank> array;
    load(object.checked(), array, true);
    return array;
  }
  static bool try_from_py(Ref object, std::optional<Array<T, Rank>>& result) {
    return detail::try_load(result, [&] {
      Array<T, Rank> array;
      if (!load(object.ptr(), array, false)) return false;
      result.emplace(std::move(array));
      return true;
    });
  }
  /// Memory that need not be converted is of the own type.
  static detail::Fit fit(PyObject* object) noexcept {
    detail::ArrayMemory memory;
    try {
      if (take(object, memory) && (Rank == -1 || memory.ndim == Rank)) return detail::Fit::own;
    } catch (...) {  // no memory, fields of a struct share memory, or code of a tensor raised: the conversion says so
    }
    return detail::Fit::other;
  }

 private:
  static bool take(PyObject* object, detail::ArrayMemory& memory) {
    return memory.take_items<Item>(object, !std::is_const_v<T>);
  }
  static bool load(PyObject* object, Array<T, Rank>& array, bool says_why) {
    if (LATEPY_UNLIKELY(!take(object, array.memory_))) {
      if constexpr (std::is_const_v<T>) {
        try {
          detail::convert_array<Item>(object, Rank, array.memory_);
        } catch (const ConversionError& error) {
          if (!says_why) return false;
          refuse(object, error.what());
        }
      } else {
        if (!says_why) return false;
        refuse(object, detail::why_no_array(object, detail::item_type<Item>, alignof(Item), true));
      }
    }
    if (LATEPY_LIKELY(Rank == -1 || array.memory_.ndim == Rank)) return true;
    if (says_why)
      refuse(object, detail::concat({"it has ", detail::decimal(array.memory_.ndim), " dimensions, and ",
                                     detail::decimal(Rank), " are wanted"}));
    return false;
  }
  [[noreturn]] LATEPY_COLD static void refuse(PyObject* object, const std::string& why) {
    detail::throw_mismatch(
        object,
        detail::concat({"latepy::Array<", std::is_const_v<T> ? "const " : "", detail::type_name<Item>(),
                        Rank == -1 ? "" : ", " + detail::decimal(Rank), ">"}),
        why.c_str());
  }
};

namespace detail {

struct ArrayAccess {
  template <class T, int Rank>
  static const ssize* shape(const Array<T, Rank>& array) noexcept {
    return array.memory_.shape();
  }
};

/// Whether A is a Span or std::span, and of what.
template <class A>
struct SpanItem {
  static constexpr bool is_span = false;
};
template <class T>
struct SpanItem<Span<T>> {
  static constexpr bool is_span = true;
  using Type = T;
};
#ifdef __cpp_lib_span
template <class T>
struct SpanItem<std::span<T>> {
  static constexpr bool is_span = true;
  using Type = T;
};
#endif
static_assert(std::is_trivially_copyable_v<Span<int>>, "the loader gives a Span by value");
/// A Span is a parameter only: the memory is held for the call.
template <class A>
class ArgumentLoader<A, std::enable_if_t<SpanItem<plain<A>>::is_span>> : public ArgumentLoaderBase {
  using Held = Array<typename SpanItem<plain<A>>::Type, 1>;

 public:
  bool load(PyObject* object) { return Converter<Held>::try_from_py(Ref(object), held_); }
  plain<A> get() { return {held_->data(), held_->size()}; }
  LATEPY_COLD static void explain(PyObject* object) { static_cast<void>(from_py<Held>(Ref(object))); }

 private:
  std::optional<Held> held_{};
};

/// A new ndarray with this shape, and where its items are, which the caller sets.
Object empty_ndarray(const ItemType& type, const Shape& shape, void*& data);

}  // namespace detail

///@{
/// A new ndarray of the items of a range of numbers, bools, std::complex, structs or times (stl/chrono.hpp), row after
/// row in the shape, or in one dimension. A vector that is moved in is adopted; times are copied. Needs the GIL.
/// \throws ImportError with the remedy if there is no numpy; ValueError if the shape has another number of items.
template <class R>
Object array(R&& range, const Shape& shape) {
  using Item = typename std::iterator_traits<decltype(std::begin(range))>::value_type;
  using Stored = detail::StoredItem<Item>;
  static_assert(!detail::is_character<Item> && (detail::is_item<Item> || Stored::is_stored),
                "array(): the items must be numbers, bool, std::complex (include stl/complex.hpp), times (include "
                "stl/chrono.hpp) or a struct of LATEPY_STRUCT (include stl/struct.hpp)");
  detail::check_running();
  const auto count = static_cast<std::size_t>(std::distance(std::begin(range), std::end(range)));
  if (shape.count(sizeof(Item)) != count)
    throw ValueError(
        detail::concat({"array(): ", detail::decimal(count), " items do not have the shape ", shape.to_string()}));
  if constexpr (Stored::is_stored) {
    void* place = nullptr;
    const Object made = detail::empty_ndarray(detail::item_type<std::int64_t>, shape, place);
    std::transform(std::begin(range), std::end(range), static_cast<std::int64_t*>(place), &Stored::store);
    return made.call_method("view", Stored::dtype());
  } else if constexpr (!std::is_lvalue_reference_v<R> && !std::is_const_v<R> &&
                       std::is_same_v<detail::plain<R>, std::vector<Item>> && !std::is_same_v<Item, bool>) {
    Item* const data = range.data();
    const detail::NumpyTable* const numpy = detail::numpy_table();
    if (LATEPY_LIKELY(numpy)) {
      auto held = std::make_unique<std::vector<Item>>(std::move(range));
      Object owner = detail::steal_or_throw(detail::api().Capsule_New(held.get(), "latepy.vector", [](PyObject* each) {
        delete static_cast<std::vector<Item>*>(detail::api().Capsule_GetPointer(each, "latepy.vector"));
      }));
      static_cast<void>(held.release());
      return detail::wrap_in_array(*numpy, detail::item_type<Item>, shape.ndim(), shape.data(), nullptr, data, true,
                                   std::move(owner));
    }
    return detail::ViewAccess::make(data, shape, nullptr, std::forward<R>(range)).to_numpy();
  } else {
    void* place = nullptr;
    Object made = detail::empty_ndarray(detail::item_type<Item>, shape, place);
    std::copy(std::begin(range), std::end(range), static_cast<Item*>(place));
    return made;
  }
}
template <class R>
Object array(R&& range) {
  const auto count = std::distance(std::begin(range), std::end(range));
  return array(std::forward<R>(range), Shape(count));
}
///@}

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC Object empty_ndarray(const ItemType& type, const Shape& shape, void*& data) {
  const NumpyTable* const numpy = numpy_table();
  if (LATEPY_LIKELY(numpy && numpy->are_heads_proved)) {
    Object made = wrap_in_array(*numpy, type, shape.ndim(), shape.data(), nullptr, nullptr, true, Object());
    data = data_of<ArrayHead>(made.ptr()).data;
    return made;
  }
  // The array of a view has the dtype, also of structs.
  ArrayMemory memory;
  memory.make(type, shape);
  data = memory.data;
  return view_to_numpy(memory.object.ptr());
}

}  // namespace detail
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
