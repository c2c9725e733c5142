// latepy/memory/detail/load_array.hpp: finds or makes the contiguous memory of an Array.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/copy_items.hpp>
#include <latepy/memory/detail/parse_format.hpp>
#include <latepy/memory/detail/take_tensor.hpp>
#include <latepy/memory/view.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Contiguous memory, row after row, and what keeps it: an ndarray, a buffer, a tensor, or a latepy.View of our own.
class ArrayMemory {
 public:
  ArrayMemory() noexcept {}  // not defaulted: `memory_{}` would fill the shape with zeros first
  ArrayMemory(ArrayMemory&&) = default;
  ArrayMemory(const ArrayMemory&) = delete;
  ArrayMemory& operator=(const ArrayMemory&) = delete;

  /// Takes the memory of an object that holds such items. Needs the GIL. \returns false, without an error set, if it
  /// has other ones, is not contiguous, or `writes` and is read-only.
  bool take(PyObject* object, const ItemType& type, std::size_t alignment, bool writes);
  /// The same for items of bool, which are looked at: a byte other than 0 and 1 is no bool of C++.
  bool take_bools(PyObject* object, bool writes);
  template <class Item>
  bool take_items(PyObject* from, bool writes) {
    if constexpr (std::is_same_v<Item, bool>)
      return take_bools(from, writes);
    else
      return take(from, item_type<Item>, alignof(Item), writes);
  }
  /// Makes memory of our own, filled with zeros. Needs the GIL. \throws ValueError, std::bad_alloc.
  void make(const ItemType& type, const Shape& shape);
  /// The same, but the items may be anything: an ndarray, if numpy was used before.
  void make_unset(const ItemType& type, const Shape& shape);

  char* data = nullptr;
  std::size_t size = 0;  ///< of items
  int ndim = 0;
  bool is_copy = false;
  bool is_own_view = false;  ///< `object` is a latepy.View that make() made
  Object object{};
  const ssize* shape() const noexcept { return shape_.get(); }

 private:
  bool take_tensor(PyObject* object, const ItemType& type, std::size_t alignment, bool writes);
  bool take_array(PyObject* object, const ItemType& type, bool writes);
  void set_shape(const ssize* sizes, int count);

  BufferHandle buffer_{};
  Dimensions<6> shape_{};
};

/// The reason why an Array that is not const does not take the object, for the error. \param converting the parameter
/// that would convert it.
std::string why_no_array(PyObject* object, const ItemType& type, std::size_t alignment, bool writes,
                         const char* converting = "an Array<const T>");

#if LATEPY_DEFINITIONS

LATEPY_FUNC void ArrayMemory::set_shape(const ssize* sizes, int count) {
  ndim = count;
  ssize* const to = shape_.make(count);
  size = 1;
  for (int i = 0; i < count; ++i) size *= static_cast<std::size_t>(to[i] = sizes[i]);
}

LATEPY_FUNC bool ArrayMemory::take_array(PyObject* array, const ItemType& type, bool writes) {
  const NumpyTable* const numpy = known_numpy();
  if (!numpy || !numpy->are_heads_proved || type_of(array) != numpy->array_type || type.numpy < 0) return false;
  const ArrayHead& head = data_of<ArrayHead>(array);
  const int wanted = array_is_in_rows | array_is_aligned | (writes ? array_is_writable : 0);
  if (head.descr != numpy->descrs[type.numpy] || (head.flags & wanted) != wanted) return false;
  set_shape(head.shape, head.ndim);
  data = head.data;
  object = Object::borrow(array);
  return true;
}

LATEPY_FUNC bool ArrayMemory::take(PyObject* from, const ItemType& type, std::size_t alignment, bool writes) {
  if (LATEPY_LIKELY(take_array(from, type, writes))) return true;
  if (!api().Object_CheckBuffer(from)) return take_tensor(from, type, alignment, writes);
  if (!writes && !iterates_memory(from)) return false;
  if (!buffer_.acquire(from, buffer_format | buffer_strides | (writes ? buffer_writable : 0)))
    return api().Err_Clear(), false;
  const BufferView& view = buffer_.view();
  const bool fits = buffer_.is_contiguous() && buffer_.are_aligned(alignment) &&
                    (type.form ? holds_struct(type.form(), view.format, view.itemsize)
                               : view.itemsize == type.size && kind_of_item(view.format) == type.kind);
  if (!fits) return buffer_.release(), false;
  set_shape(view.shape, view.ndim);
  data = static_cast<char*>(view.buf);
  object = Object::borrow(from);
  return true;
}

LATEPY_FUNC LATEPY_COLD bool ArrayMemory::take_tensor(PyObject* from, const ItemType& type, std::size_t alignment,
                                                      bool writes) {
  TensorMemory tensor;
  if (!has_tensor_type(type) || !speaks_dlpack(from)) return false;
  if (!tensor.take(Ref(from), &type, alignment, writes, cpu).empty() || !tensor.is_contiguous) return false;
  set_shape(tensor.shape(), tensor.ndim);
  data = tensor.data;
  is_copy = tensor.is_copy;
  buffer_.keep(std::move(tensor.keeper));
  object = Object::borrow(from);
  return true;
}

LATEPY_FUNC bool ArrayMemory::take_bools(PyObject* from, bool writes) {
  if (!take(from, item_type<bool>, 1, writes)) return false;
  if (LATEPY_LIKELY(odd_bool(data, ndim, shape(), nullptr) == 0)) return true;
  buffer_.release();
  object = Object();
  return false;
}

/// Memory from std::calloc(), as an owner of a view.
struct Zeros {
  explicit Zeros(std::size_t bytes) : block(std::calloc(bytes ? bytes : 1, 1)) {
    if (!block) throw std::bad_alloc();
  }
  Zeros(Zeros&& other) noexcept : block(std::exchange(other.block, nullptr)) {}
  Zeros(const Zeros&) = delete;
  Zeros& operator=(const Zeros&) = delete;
  ~Zeros() { std::free(block); }
  void* block;
};

LATEPY_FUNC void ArrayMemory::make(const ItemType& type, const Shape& sizes) {
  Zeros zeros(sizes.count(static_cast<std::size_t>(type.size)) * static_cast<std::size_t>(type.size));
  data = static_cast<char*>(zeros.block);
  is_copy = is_own_view = true;
  object = make_view(data, type, sizes, nullptr, false);
  ViewAccess::own(object, std::move(zeros));
  set_shape(sizes.data(), sizes.ndim());
}

LATEPY_FUNC void ArrayMemory::make_unset(const ItemType& type, const Shape& sizes) {
  const NumpyTable* const numpy = known_numpy();
  constexpr int most_of_numpy = 32;  // of dimensions, until numpy 2
  if (!numpy || !numpy->are_heads_proved || sizes.ndim() > most_of_numpy) return make(type, sizes);
  static_cast<void>(sizes.count(static_cast<std::size_t>(type.size)));
  object = wrap_in_array(*numpy, type, sizes.ndim(), sizes.data(), nullptr, nullptr, true, Object());
  data = data_of<ArrayHead>(object.ptr()).data;
  is_copy = true;
  set_shape(sizes.data(), sizes.ndim());
}

LATEPY_FUNC LATEPY_COLD std::string why_no_array(PyObject* object, const ItemType& type, std::size_t alignment,
                                                 bool writes, const char* converting) {
  if (!api().Object_CheckBuffer(object)) {
    if (!has_tensor_type(type) || !speaks_dlpack(object))
      return "it has no memory to share: pass a numpy array, array.array or another buffer";
    TensorMemory tensor;
    const std::string why = tensor.take(Ref(object), &type, alignment, writes, cpu);
    return !why.empty() ? why : "its items do not lie one after the other, row after row: pass a contiguous copy";
  }
  BufferHandle buffer;
  if (!buffer.acquire(object, buffer_format | buffer_strides)) {
    const std::string said = take_python_error().message();
    return said;
  }
  const BufferView& view = buffer.view();
  const std::string format = view.format ? view.format : "B";
  if (type.form ? !holds_struct(type.form(), view.format, view.itemsize)
                : view.itemsize != type.size || kind_of_item(view.format) != type.kind)
    return concat({"its items have the format '", format, "' and ", decimal(view.itemsize), " bytes, and '",
                   type.format(), "' and ", decimal(type.size),
                   " bytes are wanted: convert it first (array.astype), or let the program take ", converting});
  if (!buffer.are_aligned(alignment)) return "its items are not aligned: pass a copy";
  if (writes && view.readonly) return "its memory is read-only: pass a writable copy";
  const int odd =
      type.kind == ItemKind::boolean && view.len ? odd_bool(view.buf, view.ndim, view.shape, view.strides) : 0;
  if (odd) return odd_bool_text(odd);
  if (!buffer.is_contiguous())
    return "its items do not lie one after the other, row after row: pass numpy.ascontiguousarray(...)";
  return "";
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
