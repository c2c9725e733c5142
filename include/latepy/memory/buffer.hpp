// latepy/memory/buffer.hpp: Buffer<T>, the memory of a Python object (array, numpy, bytes …) without a copy; Span<T>.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/buffer_handle.hpp>
#include <latepy/memory/detail/odd_bool.hpp>
#include <latepy/memory/detail/parse_format.hpp>

#include <cstddef>

namespace latepy {
inline namespace v1 {

/// A pointer and a size: items that lie one after the other. It does not own them. Since C++20 it converts to
/// std::span.
template <class T>
class Span {
 public:
  /// The type of an item.
  using element_type = T;
  /// The type of an item without const.
  using value_type = std::remove_cv_t<T>;

  /// Empty.
  constexpr Span() noexcept = default;
  /// `size` items from `data` on, which the owner must keep.
  constexpr Span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  /// The first item; null if empty.
  constexpr T* data() const noexcept { return data_; }
  /// How many items there are.
  constexpr std::size_t size() const noexcept { return size_; }
  /// Whether there is no item.
  constexpr bool empty() const noexcept { return size_ == 0; }
  /// The first item, for loops.
  constexpr T* begin() const noexcept { return data_; }
  /// One past the last item, for loops.
  constexpr T* end() const noexcept { return data_ + size_; }
  /// The item with this index, which is not checked.
  constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The memory that a Python object exports by the buffer protocol, without a copy. T is the type of an item:
/// - an arithmetic type, or std::complex with stl/complex.hpp;
/// - a struct of LATEPY_STRUCT: items with the same fields at the same places, such as a structured array of numpy;
/// - std::byte: the bytes of contiguous items of any type.
///
/// Memory of bool that has other bytes than 0 and 1, which C++ must not read, is refused; what others write later, and
/// a bool in a struct, is taken as it is.
///
/// Buffer<double> can write, Buffer<const double> can only read. While a Buffer exists, the object cannot free or move
/// the memory: a bytearray refuses to grow. The constructor needs the GIL. Reading and writing items does not need it;
/// the program makes sure that nobody else changes them at the same time. It can be destroyed on any thread, with or
/// without the GIL, also after the interpreter stopped. The memory must not be used after that stop.
template <class T>
class Buffer {
  using Item = std::remove_cv_t<T>;
  static constexpr bool is_bytes = std::is_same_v<Item, std::byte>;
  static constexpr bool is_struct = detail::is_field_struct<Item>;
  static_assert(
      is_bytes || detail::is_item<Item>,
      "Buffer<T>: T must be an arithmetic type, std::complex (include stl/complex.hpp), std::byte or a struct "
      "of LATEPY_STRUCT (include stl/struct.hpp)");

 public:
  /// Needs the GIL. \throws ConversionError if the object exports no buffer, if its items have another type, byte order
  /// or alignment than T, or if its memory is read-only and T is not const. Items are never converted.
  LATEPY_FORCE_INLINE explicit Buffer(const Ref& object) {
    if (LATEPY_UNLIKELY(!memory_.acquire(object.checked(), flags) || !fits())) refuse(object);
  }

  /// The first of size() items that lie one after the other; may be null if there is none. It is valid as long as this
  /// Buffer. \throws ConversionError if is_contiguous() is false: then `&buffer(0, 0)` is the first item, and stride()
  /// tells where the others are.
  T* data() const& {
    if (LATEPY_UNLIKELY(!is_contiguous())) refuse_steps();
    return static_cast<T*>(memory_.view().buf);
  }
  T* data() const&& = delete;  // the Buffer must outlive the pointer: keep it in a variable
  /// How many items there are in all dimensions together.
  std::size_t size() const noexcept { return static_cast<std::size_t>(memory_.view().len) / sizeof(T); }
  /// Whether there is no item.
  bool empty() const noexcept { return size() == 0; }
  /// How many dimensions there are; 1 for std::byte.
  int ndim() const noexcept { return is_bytes ? 1 : memory_.view().ndim; }
  /// How many items a dimension has. The first dimension is 0.
  std::size_t shape(int dimension) const noexcept {
    return is_bytes ? size() : static_cast<std::size_t>(memory_.view().shape[dimension]);
  }
  /// How many bytes lie from one item of a dimension to the next; may be negative.
  std::ptrdiff_t stride(int dimension) const noexcept { return is_bytes ? 1 : memory_.stride(dimension); }
  /// Whether the object exports the memory as read-only.
  bool readonly() const noexcept { return memory_.view().readonly != 0; }
  /// Whether the items lie one after the other, row after row.
  bool is_contiguous() const noexcept { return is_bytes || memory_.is_contiguous(); }

  /// All items, row after row. It is valid as long as this Buffer. \throws ConversionError if is_contiguous() is false.
  Span<T> span() const& { return {data(), size()}; }
  Span<T> span() const&& = delete;  // the Buffer must outlive the Span: keep it in a variable
  /// The item at these indices, one for each dimension. The indices are not checked.
  template <class... I>
  T& operator()(I... indices) const& noexcept {
    std::ptrdiff_t at = 0;
    [[maybe_unused]] int dimension = 0;
    ((at += static_cast<std::ptrdiff_t>(indices) * stride(dimension++)), ...);
    return *reinterpret_cast<T*>(static_cast<char*>(memory_.view().buf) + at);
  }
  /// As above, of a temporary: a copy.
  template <class... I>
  Item operator()(I... indices) const&& noexcept {
    return static_cast<const Buffer&>(*this)(indices...);
  }
  ///@{
  /// The item with this index, if there is one dimension. The index is not checked. Of a temporary: a copy.
  T& operator[](std::size_t i) const& noexcept { return (*this)(i); }
  Item operator[](std::size_t i) const&& noexcept { return (*this)(i); }
  ///@}

  /// Gives the memory back before the destructor does. Any thread. There are no items after it.
  void release() noexcept { memory_.release(); }

 private:
  friend struct Converter<Buffer>;
  Buffer() noexcept = default;  // give an object; where there is none yet, use std::optional<Buffer<T>>
  static constexpr int flags = detail::buffer_format | (is_bytes ? detail::buffer_rows : 0) | detail::buffer_strides |
                               (std::is_const_v<T> ? 0 : detail::buffer_writable);
  static std::string type_text() {
    return "latepy::Buffer<" + std::string(std::is_const_v<T> ? "const " : "") +
           std::string(detail::type_name<Item>()) + ">";
  }
  LATEPY_FORCE_INLINE bool fits() const {
    if constexpr (is_struct)
      return detail::holds_struct(detail::StructItem<Item>::form(), memory_.view().format, memory_.view().itemsize) &&
             memory_.are_aligned(alignof(Item));
    else
      return is_bytes || (memory_.template holds_aligned<Item>() && !odd());
  }
  /// A byte that is no bool, if T is bool.
  int odd() const noexcept {
    if constexpr (std::is_same_v<Item, bool>)
      if (memory_.view().len) {
        const detail::BufferView& view = memory_.view();
        return detail::odd_bool(view.buf, view.ndim, view.shape, view.strides);
      }
    return 0;
  }
  [[noreturn]] LATEPY_COLD void refuse(const Ref& object) const {
    const char* format = "";
    if constexpr (is_struct) format = detail::StructItem<Item>::format();
    if (memory_.view().obj && memory_.template holds_aligned<Item>() && odd())
      detail::throw_mismatch(object.ptr(), type_text(), detail::odd_bool_text(odd()).c_str());
    if (memory_.view().obj) detail::throw_other_items(object.ptr(), type_text(), memory_.view(), format);
    detail::throw_no_memory(object.ptr(), type_text(), !std::is_const_v<T>);
  }
  [[noreturn]] LATEPY_COLD static void refuse_steps() {
    throw ConversionError(
        "the items do not lie one after the other, so a pointer or Span does not reach them: use indices, or pass a "
        "contiguous copy (numpy.ascontiguousarray)");
  }
  detail::BufferHandle memory_{};
};

/// From Python only: Buffer as a parameter of host functions, and in `as<Buffer<T>>()`.
template <class T>
struct Converter<Buffer<T>> {
  static std::string python_type() {
    return detail::library_state.version.minor >= 12 ? "collections.abc.Buffer" : "object";
  }
  static Buffer<T> from_py(Ref object) { return Buffer<T>(object); }
  static bool try_from_py(Ref object, std::optional<Buffer<T>>& result) {
    Buffer<T> buffer;
    if (!buffer.memory_.acquire(object.ptr(), Buffer<T>::flags)) {
      detail::api().Err_Clear();
      return false;
    }
    if (buffer.fits()) result.emplace(std::move(buffer));
    return result.has_value();
  }
  /// Items are never converted, so what can be viewed is of the own type.
  static detail::Fit fit(PyObject* object) noexcept {
    std::optional<Buffer<T>> buffer;
    try {
      if (detail::api().Object_CheckBuffer(object) && try_from_py(Ref(object), buffer)) return detail::Fit::own;
    } catch (...) {  // no memory, or a struct whose fields share memory: the conversion says so
    }
    return detail::Fit::other;
  }
};

}  // namespace v1
}  // namespace latepy

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_span
#include <span>
#endif
#ifdef __cpp_lib_ranges
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<latepy::Span<T>> = true;
#endif
