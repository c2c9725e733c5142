// latepy/memory/detail/strided_memory.hpp: memory of an object with any strides, for memory/eigen.hpp and mdspan.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/convert_array.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Items with any strides in the memory of a Python object, or row after row in a converted copy. Keeps the memory.
class StridedMemory {
 public:
  /// Takes the memory of an object that holds such items, aligned for their type. Needs the GIL. \returns false,
  /// without an error set, if it has other ones, or if `writes` and it is read-only.
  bool take(PyObject* object, const ItemType& type, std::size_t alignment, bool writes) {
    const bool is_bool = type.kind == ItemKind::boolean;
    if (is_bool ? rows_.take_bools(object, writes) : rows_.take(object, type, alignment, writes)) return true;
    if (!api().Object_CheckBuffer(object) || (!writes && !iterates_memory(object))) return false;
    if (!steps_.acquire(object, buffer_format | buffer_strides | (writes ? buffer_writable : 0)))
      return api().Err_Clear(), false;
    const BufferView& view = steps_.view();
    bool fits = (type.form ? holds_struct(type.form(), view.format, view.itemsize)
                           : view.itemsize == type.size && kind_of_item(view.format) == type.kind) &&
                steps_.are_aligned(alignment);
    // C++ counts strides in items.
    for (int i = 0; i < view.ndim; ++i) fits = fits && (view.shape[i] < 2 || steps_.stride(i) % type.size == 0);
    if (fits && is_bool && view.len) fits = odd_bool(view.buf, view.ndim, view.shape, view.strides) == 0;
    if (!fits) steps_.release();
    return fits;
  }
  /// Makes a copy with the items of any array, nested sequence or number. Needs the GIL. \throws ConversionError if an
  /// item is refused.
  template <class T>
  void convert(PyObject* object) {
    convert_array<T>(object, -1, rows_);
  }

  char* data() const noexcept { return has_steps() ? static_cast<char*>(steps_.view().buf) : rows_.data; }
  int ndim() const noexcept { return has_steps() ? steps_.view().ndim : rows_.ndim; }
  ssize shape(int dimension) const noexcept {
    return has_steps() ? steps_.view().shape[dimension] : rows_.shape()[dimension];
  }
  /// How many items lie from one item of a dimension to the next. Where there is at most one item: 1.
  ssize stride(int dimension, ssize itemsize) const noexcept {
    if (shape(dimension) < 2 || (!has_steps() && rows_.size == 0)) return 1;
    if (has_steps()) return steps_.stride(dimension) / itemsize;
    ssize step = 1;
    for (int i = rows_.ndim; --i > dimension;) step *= rows_.shape()[i];
    return step;
  }
  /// As the text of a Python tuple.
  std::string shape_text() const {
    std::string text = "(";
    for (int i = 0; i < ndim(); ++i) text.append(i ? ", " : "").append(decimal(shape(i)));
    return text.append(ndim() == 1 ? ",)" : ")");
  }

 private:
  bool has_steps() const noexcept { return steps_.view().obj != nullptr; }
  ArrayMemory rows_{};
  BufferHandle steps_{};
};

/// The reason why take() refuses the object. \param converting the parameter that would convert it.
inline LATEPY_COLD std::string why_no_memory(PyObject* object, const ItemType& type, std::size_t alignment, bool writes,
                                             const char* converting) {
  StridedMemory memory;
  if (writes && memory.take(object, type, alignment, false)) return "its memory is read-only: pass a writable copy";
  if (api().Object_CheckBuffer(object) && !writes && !iterates_memory(object))
    return "its class gives other items than its memory has: pass numpy.asarray(...)";
  return why_no_array(object, type, alignment, writes, converting);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
