// latepy/memory/detail/convert_array.hpp: makes the memory of an Array<const T> of an object with other items.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/load_array.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The shape that nested sequences have, by the first element of each: `[[1, 2], [3, 4]]` is (2, 2). \param most the
/// most dimensions, or -1.
std::vector<ssize> nested_shape(PyObject* object, int most);
/// The elements of a sequence as a tuple of this length. \throws ConversionError if it is none, or has another length.
Object nested_row(PyObject* object, ssize length);
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
  if (!is_plain(object) && !api().Object_CheckBuffer(object)) {
    if (speaks_dlpack(object)) {
      TensorMemory tensor;
      const std::string why = tensor.take(Ref(object), nullptr, 1, false, cpu);
      if (why.empty() && copy_tensor<T>(tensor, rank, memory)) return;
      // The error names the item that was refused.
      const Object lists = why.empty() ? Object(optional_attribute(Ref(object), "tolist")) : Object();
      array = lists.is_empty() ? array_of(object) : steal_or_throw(api().Object_CallNoArgs(lists.ptr()));
      if (!why.empty() && array.is_empty() && !api().Err_Occurred()) throw ConversionError(why);
    } else {
      array = array_of(object, false);
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
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
