// latepy/memory/buffer.hpp: Buffer<T>, the memory of a Python object (array, numpy, bytes …) without a copy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/buffer_handle.hpp>

#include <cstddef>

namespace latepy {
inline namespace v1 {

/// Items that lie one after the other, owned by somebody else. From C++20 on it becomes a std::span where one is
/// wanted.
template <class T>
class Span {
 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;

  constexpr Span() noexcept = default;
  constexpr Span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  constexpr T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T* begin() const noexcept { return data_; }
  constexpr T* end() const noexcept { return data_ + size_; }
  constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The memory that an object shows by the buffer protocol, as items of type T: an arithmetic type, std::complex (with
/// stl/complex.hpp), or std::byte, which takes items of every type that lie in one piece. Buffer<double> may write,
/// Buffer<const double> reads. While it lives the object keeps the memory where it is: a bytearray refuses to grow.
/// Making one needs the GIL. Using the memory needs none; that nobody else changes it meanwhile is the program's
/// affair. May be dropped on any thread, also after the stop, when the memory is gone.
template <class T>
class Buffer {
  using Item = std::remove_cv_t<T>;
  static constexpr bool is_bytes = std::is_same_v<Item, std::byte>;
  static_assert(is_bytes || detail::item_kind<Item> != detail::ItemKind::other,
                "the items of a Buffer are numbers, bool or std::byte");

 public:
  /// \throws ConversionError where the object shows no memory, items of another type or byte order, or (Buffer<T> of a
  /// T that is not const) read-only memory. Nothing is converted.
  LATEPY_FORCE_INLINE explicit Buffer(const Ref& object) {
    if (LATEPY_UNLIKELY(!memory_.acquire(object.checked(), flags) || !fits())) refuse(object);
  }

  /// The first item; null where there is none.
  T* data() const noexcept { return static_cast<T*>(memory_.view().buf); }
  /// How many items, of all dimensions.
  std::size_t size() const noexcept { return static_cast<std::size_t>(memory_.view().len) / sizeof(T); }
  bool empty() const noexcept { return size() == 0; }
  int ndim() const noexcept { return is_bytes ? 1 : memory_.view().ndim; }
  /// Items along a dimension, from 0.
  std::size_t shape(int dimension) const noexcept {
    return is_bytes ? size() : static_cast<std::size_t>(memory_.view().shape[dimension]);
  }
  /// Bytes from one item to the next along a dimension; may be negative.
  std::ptrdiff_t stride(int dimension) const noexcept { return is_bytes ? 1 : memory_.stride(dimension); }
  bool readonly() const noexcept { return memory_.view().readonly != 0; }
  /// Whether the items lie one after the other, row after row.
  bool is_contiguous() const noexcept { return is_bytes || memory_.is_contiguous(); }

  /// All items, row after row. \throws ConversionError where they do not lie so: take them by their indices.
  Span<T> span() const& {
    if (LATEPY_UNLIKELY(!is_contiguous()))
      throw ConversionError(
          "these items do not lie one after the other, so they are no span: take them by their indices, "
          "or make a copy of the array first (numpy.ascontiguousarray)");
    return {data(), size()};
  }
  Span<T> span() const&& = delete;  // the Buffer keeps the memory: give it a name
  /// An item by its indices, as many as there are dimensions. Undefined outside of the shape.
  template <class... I>
  T& operator()(I... indices) const noexcept {
    std::ptrdiff_t at = 0;
    [[maybe_unused]] int dimension = 0;
    ((at += static_cast<std::ptrdiff_t>(indices) * stride(dimension++)), ...);
    return *reinterpret_cast<T*>(static_cast<char*>(memory_.view().buf) + at);
  }
  /// An item of memory of one dimension.
  T& operator[](std::size_t i) const noexcept { return (*this)(i); }

  /// Gives the memory back early. Any thread. After it there are no items.
  void release() noexcept { memory_.release(); }

 private:
  friend struct Converter<Buffer>;
  Buffer() noexcept = default;
  static constexpr int flags = detail::buffer_format | (is_bytes ? detail::buffer_rows : 0) | detail::buffer_strides |
                               (std::is_const_v<T> ? 0 : detail::buffer_writable);
  static std::string type_text() {
    return "latepy::Buffer<" + std::string(std::is_const_v<T> ? "const " : "") +
           std::string(detail::type_name<Item>()) + ">";
  }
  LATEPY_FORCE_INLINE bool fits() const noexcept { return is_bytes || memory_.template holds_aligned<Item>(); }
  [[noreturn]] LATEPY_COLD void refuse(const Ref& object) const {
    if (memory_.view().obj) detail::throw_other_items(object.ptr(), type_text(), memory_.view());
    detail::throw_no_memory(object.ptr(), type_text(), !std::is_const_v<T>);
  }
  detail::BufferHandle memory_;
};

/// So that a Buffer can be a host function's parameter, and what as<Buffer<T>>() gives.
template <class T>
struct Converter<Buffer<T>> {
  static std::string python_type() {
    return detail::library_state.version.minor >= 12 ? "collections.abc.Buffer" : "object";
  }
  static Buffer<T> from_py(Ref object) { return Buffer<T>(object); }
  static bool try_from_py(Ref object, std::optional<Buffer<T>>& result) noexcept {
    Buffer<T> buffer;
    if (!buffer.memory_.acquire(object.ptr(), Buffer<T>::flags)) {
      detail::api().Err_Clear();
      return false;
    }
    if (buffer.fits()) result.emplace(std::move(buffer));
    return result.has_value();
  }
};

}  // namespace v1
}  // namespace latepy

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_ranges
#include <span>
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<latepy::Span<T>> = true;
#endif
