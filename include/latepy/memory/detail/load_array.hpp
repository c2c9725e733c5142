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
  ArrayMemory() noexcept = default;
  ArrayMemory(ArrayMemory&&) = default;
  ArrayMemory(const ArrayMemory&) = delete;
  ArrayMemory& operator=(const ArrayMemory&) = delete;

  /// Takes the memory of an object that holds such items. Needs the GIL. \returns false, without an error set, if it
  /// has other ones, is not contiguous, or `writes` and is read-only.
  bool take(PyObject* object, const ItemType& type, std::size_t alignment, bool writes);
  /// The same for items of bool, which are looked at: a byte other than 0 and 1 is no bool of C++.
  bool take_bools(PyObject* object, bool writes);
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

/// The shape that nested sequences have, by the first element of each: `[[1, 2], [3, 4]]` is (2, 2). \param most the
/// most dimensions, or -1.
std::vector<ssize> nested_shape(PyObject* object, int most);
/// The elements of a sequence as a tuple of this length. \throws ConversionError if it is none, or has another length.
Object nested_row(PyObject* object, ssize length);
/// The reason why an Array that is not const does not take the object, for the error. \param converting the parameter
/// that would convert it.
std::string why_no_array(PyObject* object, const ItemType& type, std::size_t alignment, bool writes,
                         const char* converting = "an Array<const T>");

/// Copies the items of a buffer in any number of dimensions into contiguous memory, and converts them as Converter<T>
/// does. \returns false if the items are refused.
template <class T>
bool copy_rows(const BufferView& view, const ssize* strides, int dimension, const char* from, T*& to) {
  using Number = typename NumberOf<T>::Type;
  if (dimension + 1 < view.ndim) {
    for (ssize i = 0; i < view.shape[dimension]; ++i)
      if (!copy_rows<T>(view, strides, dimension + 1, from + i * strides[dimension], to)) return false;
    return true;
  }
  const auto count = static_cast<std::size_t>(view.ndim ? view.shape[dimension] : 1);
  const ssize stride = view.ndim ? strides[dimension] : view.itemsize;
  ItemKind kind = kind_of_item(view.format);
  if (kind == item_kind<T> && static_cast<std::size_t>(view.itemsize) == sizeof(T)) {
    for (std::size_t i = 0; i < count; ++i, ++to) {
      const char* const item = from + static_cast<ssize>(i) * stride;
      if constexpr (std::is_same_v<T, bool>)
        *to = *item != 0;
      else
        std::memcpy(static_cast<void*>(to), item, sizeof(T));
    }
    return true;
  }
  if constexpr (std::is_same_v<T, bool> || item_kind<T> == ItemKind::other) {
    return false;
  } else {
    auto size = static_cast<std::size_t>(view.itemsize);
    constexpr bool is_complex = item_kind<T> == ItemKind::complex;
    const std::size_t parts_of_item = kind == ItemKind::complex ? 2 : 1;
    if (kind == ItemKind::complex && is_complex) {
      kind = ItemKind::floating;
      size /= 2;
    }
    ItemsConverter<Number>* const convert = items_converter<Number>(kind, size);
    if (!convert) return false;
    for (std::size_t at = 0; at < count;) {
      const std::size_t block = is_complex ? 1 : (std::min)(count - at, block_size);
      if constexpr (is_complex) *to = T();  // a real number sets only the first part, and the memory may be unset
      const char* const first = from + static_cast<ssize>(at) * stride;
      if (!convert(first, is_complex ? static_cast<ssize>(size) : stride, is_complex ? parts_of_item : block,
                   reinterpret_cast<Number*>(to)))
        return false;
      at += block;
      to += block;
    }
    return true;
  }
}

/// Copies and converts the items of a tensor into memory that it makes. \returns false if they are refused.
template <class T>
bool copy_tensor(const TensorMemory& tensor, int rank, ArrayMemory& memory) {
  BufferView view{};
  view.itemsize = tensor.type->size;
  view.format = const_cast<char*>(tensor.type->format());
  view.ndim = tensor.ndim;
  view.shape = const_cast<ssize*>(tensor.shape());
  memory.make_unset(item_type<T>, Shape(std::vector<ssize>(tensor.shape(), tensor.shape() + tensor.ndim)));
  T* to = reinterpret_cast<T*>(memory.data);
  const bool is_other_rank = rank >= 0 && tensor.ndim != rank;  // refused by the caller
  return is_other_rank || memory.size == 0 || copy_rows(view, tensor.strides(), 0, tensor.data, to);
}

/// Converts the elements of nested sequences.
template <class T>
void copy_nested(PyObject* object, const ssize* shape, int ndim, T*& to) {
  if (ndim == 0) {
    *to++ = from_py<T>(Ref(object));
    return;
  }
  const Object row = nested_row(object, shape[0]);
  for (ssize i = 0; i < shape[0]; ++i) {
    try {
      copy_nested(api().Tuple_GetItem(row.ptr(), i), shape + 1, ndim - 1, to);
    } catch (ConversionError& error) {
      error.inside("[" + decimal(i) + "]");
      throw;
    }
  }
}

/// Makes memory with the converted items of an array, a nested sequence or a number. \throws ConversionError if an item
/// is refused.
template <class T>
void convert_array(PyObject* object, int rank, ArrayMemory& memory) {
  BufferHandle buffer;
  Object array;
  PyObject* from = object;
  int most = rank;
  if (!api().Object_CheckBuffer(object)) {
    if (speaks_dlpack(object)) {
      TensorMemory tensor;
      const std::string why = tensor.take(Ref(object), nullptr, 1, false, cpu);
      if (why.empty() && copy_tensor<T>(tensor, rank, memory)) return;
      // The error names the item that was refused.
      const Object lists = why.empty() ? attribute_or_empty(object, "tolist") : Object();
      array = lists.is_empty() ? array_of(object) : steal_or_throw(api().Object_CallNoArgs(lists.ptr()));
      if (!why.empty() && array.is_empty() && !api().Err_Occurred()) throw ConversionError(why);
    } else {
      array = array_of(object);
    }
    if (!array.is_empty()) from = array.ptr();
  }
  if (api().Err_Occurred()) throw_python_error();
  if (api().Object_CheckBuffer(from) && (!is_bytes_like(from) || sizeof(T) == 1)) {
    if (buffer.acquire(from, buffer_format | buffer_strides)) most = buffer.view().ndim;
    api().Err_Clear();
    if (buffer.view().obj && iterates_memory(from)) {
      const BufferView& view = buffer.view();
      std::vector<ssize> strides;
      for (int i = 0; i < view.ndim; ++i) strides.push_back(buffer.stride(i));
      memory.make_unset(item_type<T>, Shape(std::vector<ssize>(view.shape, view.shape + view.ndim)));
      T* to = reinterpret_cast<T*>(memory.data);
      if (rank >= 0 && view.ndim != rank) return;  // refused by the caller
      if (memory.size == 0 || copy_rows(view, strides.data(), 0, static_cast<const char*>(view.buf), to)) return;
    }
  }
  const std::vector<ssize> shape = nested_shape(from, most);
  memory.make_unset(item_type<T>, Shape(shape));
  T* to = reinterpret_cast<T*>(memory.data);
  copy_nested(from, shape.data(), static_cast<int>(shape.size()), to);
}

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

LATEPY_FUNC bool ArrayMemory::take_tensor(PyObject* from, const ItemType& type, std::size_t alignment, bool writes) {
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

/// Whether the object has elements that are items of an array: a sequence with a length, and no text.
LATEPY_FUNC LATEPY_COLD bool is_nested(PyObject* object) noexcept {
  return has_flag(object, type_is_list | type_is_tuple) ||
         (!has_flag(object, type_is_str | type_is_bytes | type_is_dict) && api().Sequence_Check(object) &&
          !api().Type_IsSubtype(type_of(object), api().ByteArray_Type) && read_scalar(object).form != Scalar::one_item);
}

LATEPY_FUNC LATEPY_COLD std::vector<ssize> nested_shape(PyObject* object, int most) {
  std::vector<ssize> shape;
  Object at = Object::borrow(object);
  while (static_cast<int>(shape.size()) != most && is_nested(at.ptr())) {
    const ssize size = check_result(api().Object_Size(at.ptr()));
    shape.push_back(size);
    if (size == 0 || shape.size() == most_dimensions) break;
    const Object zero = steal_or_throw(api().Long_FromLongLong(0));
    at = steal_or_throw(api().Object_GetItem(at.ptr(), zero.ptr()));
  }
  return shape;
}

LATEPY_FUNC LATEPY_COLD Object nested_row(PyObject* object, ssize length) {
  if (!is_nested(object)) throw_mismatch(object, "the rows of an array", "it is no list, tuple or array");
  Object row = steal_or_throw(api().Sequence_Tuple(object));
  const ssize size = api().Tuple_Size(row.ptr());
  if (size != length)
    throw_mismatch(
        object, "the rows of an array",
        concat({"it has ", decimal(size), size == 1 ? " item" : " items", ", and the first row has ", decimal(length)})
            .c_str());
  return row;
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
  if (!buffer.is_contiguous())
    return "its items do not lie one after the other, row after row: pass numpy.ascontiguousarray(...)";
  if (!buffer.are_aligned(alignment)) return "its items are not aligned: pass a copy";
  if (writes && view.readonly) return "its memory is read-only: pass a writable copy";
  const int odd = type.kind == ItemKind::boolean && view.len ? odd_bool(view.buf, view.ndim, view.shape, nullptr) : 0;
  return odd ? odd_bool_text(odd) : "";
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
