// latepy/memory/detail/copy_items.hpp: copies the numbers in the memory of an object into a std::vector.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/bytes.hpp>
#include <latepy/memory/detail/buffer_handle.hpp>
#include <latepy/memory/detail/convert_items.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether iteration over an object that exports memory gives the items of that memory. A class that is made in Python
/// may give other ones, as numpy's masked arrays do.
bool iterates_memory(PyObject* object) noexcept;
/// The array that an object without memory of its own gives by __array__: pandas, torch, h5py. Empty if there is none.
/// \param may_fail an Exception of it is as if there was none. Else, and after others such as KeyboardInterrupt,
/// Python's error is set.
Object array_of(PyObject* object, bool may_fail = true) noexcept;

/// Fit of a container of T: own if the memory of the object holds T, kin for another type of the same kind. `other` for
/// all objects that copy_items() does not take.
template <class T>
Fit memory_fit(PyObject* object) noexcept;

/// Copies the items of a buffer with one dimension into a vector. Numbers of another type are converted as from_py()
/// would convert each. \returns false if the object exports no such buffer, or if from_py() would refuse an item; then
/// the vector is empty. Python's error may be set as by array_of().
template <class C>
bool copy_items(PyObject* object, C& result);

/// The number that an item of type T consists of: itself, or a part of a complex number.
template <class T, bool = item_kind<T> == ItemKind::complex>
struct NumberOf {
  using Type = T;
};
template <class T>
struct NumberOf<T, true> {
  using Type = typename T::value_type;
};

/// Appends the items: numbers of `size` bytes or, if the vector has complex numbers, pairs of them. \returns false if
/// one is refused.
template <class C, class Number>
bool append_items(const BufferHandle& memory, std::size_t size, ItemsConverter<Number>* convert, C& result) {
  const char* from = static_cast<const char*>(memory.view().buf);
  const ssize stride = memory.stride(0);
  const std::size_t all = memory.size();
  result.reserve(all);
  for (std::size_t at = 0, count; at < all; at += count, from += static_cast<ssize>(count) * stride) {
    count = (std::min)(all - at, block_size);
    result.resize(at + count);
    if constexpr (item_kind<typename C::value_type> == ItemKind::complex) {
      const std::size_t parts_of_item = static_cast<std::size_t>(memory.view().itemsize) / size;
      for (std::size_t i = 0; i < count; ++i) {
        Number parts[2] = {};
        if (!convert(from + static_cast<ssize>(i) * stride, static_cast<ssize>(size), parts_of_item, parts))
          return false;
        result[at + i] = {parts[0], parts[1]};
      }
    } else {
      if (!convert(from, stride, count, result.data() + at)) return false;
    }
  }
  return true;
}

/// Whether the bits of a std::vector<bool> can be written many at once: the standard library tells where they are.
#if defined(__GLIBCXX__) && !defined(_GLIBCXX_DEBUG) && defined(__BYTE_ORDER__) && \
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LATEPY_BITS_IN_WORDS 1
#else
#define LATEPY_BITS_IN_WORDS 0
#endif
#if LATEPY_BITS_IN_WORDS
/// Writes a bit for each byte, 1 if the byte is not 0, and only whole words. \returns how many bits.
std::size_t pack_truths(const char* from, std::size_t size, unsigned long* to) noexcept;
#endif

/// Copies items that are of type T already.
template <class C>
void copy_same(const BufferHandle& memory, C& result) {
  using T = typename C::value_type;
  const char* from = static_cast<const char*>(memory.view().buf);
  const std::size_t size = memory.size();
  if constexpr (std::is_same_v<T, bool>) {
    result.resize(size);
    std::size_t at = 0;
#if LATEPY_BITS_IN_WORDS
    if (memory.is_contiguous()) at = pack_truths(from, size, result.begin()._M_p);
#endif
    const ssize stride = memory.stride(0);
    for (; at < size; ++at) result[at] = from[static_cast<ssize>(at) * stride] != 0;
  } else if (memory.is_contiguous() && reinterpret_cast<std::uintptr_t>(from) % alignof(T) == 0) {
    const T* const first = reinterpret_cast<const T*>(from);
    result.assign(first, first + size);
  } else {
    result.resize(size);
    for (T& item : result) {
      std::memcpy(&item, from, sizeof(T));
      from += memory.stride(0);
    }
  }
}

template <class C>
bool copy_items(PyObject* object, C& result) {
  using T = typename C::value_type;
  if (!api().Object_CheckBuffer(object)) {
    const Object array = array_of(object);
    return !array.is_empty() && api().Object_CheckBuffer(array.ptr()) && copy_items(array.ptr(), result);
  }
  BufferHandle memory;
  if (!memory.acquire(object, buffer_format | buffer_strides)) {
    api().Err_Clear();
    return false;
  }
  const BufferView& view = memory.view();
  if (view.ndim != 1 || !iterates_memory(object)) return false;
  if (memory.holds<T>()) {
    if (view.len != 0) copy_same(memory, result);
    return true;
  }
  if (std::is_same_v<T, bool> || is_bytes_like(object)) return false;
  if constexpr (!std::is_same_v<T, bool>) {
    ItemKind kind = kind_of_item(view.format);
    auto item_size = static_cast<std::size_t>(view.itemsize);
    if (kind == ItemKind::complex && item_kind<T> == ItemKind::complex) {
      kind = ItemKind::floating;
      item_size /= 2;
    }
    ItemsConverter<typename NumberOf<T>::Type>* const convert =
        items_converter<typename NumberOf<T>::Type>(kind, item_size);
    if (convert && append_items(memory, item_size, convert, result)) return true;
    result.clear();
  }
  return false;
}

template <class T>
Fit memory_fit(PyObject* object) noexcept {
  BufferHandle memory;
  if (!api().Object_CheckBuffer(object)) return Fit::other;
  if (!memory.acquire(object, buffer_format | buffer_strides)) return api().Err_Clear(), Fit::other;
  if (memory.view().ndim != 1 || is_bytes_like(object)) return Fit::other;
  if (memory.holds<T>()) return Fit::own;
  return kind_of_item(memory.view().format) == item_kind<T> ? Fit::kin : Fit::other;
}

#if LATEPY_DEFINITIONS

#if LATEPY_BITS_IN_WORDS
LATEPY_FUNC std::size_t pack_truths(const char* from, std::size_t size, unsigned long* to) noexcept {
  constexpr std::size_t bits = 8 * sizeof *to;
  constexpr std::uint64_t highest = 0x8080808080808080u;  // of each byte
  const std::size_t whole = size - size % bits;
  for (const char* const end = from + whole; from != end; ++to) {
    unsigned long word = 0;
    for (std::size_t shift = 0; shift < bits; shift += 8, from += 8) {
      std::uint64_t eight;
      std::memcpy(&eight, from, sizeof eight);
      eight = (((eight & ~highest) + ~highest) | eight) & highest;
      // The product has the bit of byte i at 56 + i.
      word |= static_cast<unsigned long>((eight >> 7) * 0x0102040810204080u >> 56) << shift;
    }
    *to = word;
  }
  return whole;
}
#endif

LATEPY_FUNC bool iterates_memory(PyObject* object) noexcept {
  PyTypeObject* const type = type_of(object);
  const unsigned long flags = flags_of(type);
  const bool is_immutable = library_state.version.minor >= 10 && (flags & type_is_immutable) != 0;
  if (!(flags & type_is_heap) || is_immutable) return true;
  for (const StringArg name : {StringArg("__iter__"), StringArg("__getitem__")}) {
    const ColdRef method(find_attribute(as_object(type), name));
    if (!method.get() || !is_exactly(method.get(), api().Function_Type)) continue;
    try {
      return qualified_name(as_object(type)) == "numpy.memmap";  // its items are those of the memory
    } catch (const std::exception&) {                            // no memory
      return false;
    }
  }
  return true;
}

LATEPY_FUNC LATEPY_COLD Object array_of(PyObject* object, bool may_fail) noexcept {
  const ColdRef of_class(find_attribute(as_object(type_of(object)), "__array__"));
  if (!of_class.get()) return Object();
  const ColdRef method(api().Object_GetAttrString(object, "__array__"));
  if (!method.get() && api().Err_ExceptionMatches(*api().AttributeError)) return api().Err_Clear(), Object();
  PyObject* const made = method.get() ? api().Object_CallNoArgs(method.get()) : nullptr;
  if (may_fail && !made && api().Err_Occurred() && api().Err_ExceptionMatches(*api().Exception)) api().Err_Clear();
  return Object::steal(made);
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
