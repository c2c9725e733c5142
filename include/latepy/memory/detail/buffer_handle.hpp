// latepy/memory/detail/buffer_handle.hpp: BufferHandle, which owns a Py_buffer and knows the type of its items.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/item_kind.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The format that array.array and numpy use for T, or 0. If a buffer has this format, no other check is needed.
template <class T>
inline constexpr char usual_code = std::is_same_v<T, double>                                      ? 'd'
                                   : std::is_same_v<T, float>                                     ? 'f'
                                   : std::is_same_v<T, int>                                       ? 'i'
                                   : std::is_same_v<T, long>                                      ? 'l'
                                   : std::is_same_v<T, long long>                                 ? 'q'
                                   : item_kind<T> == ItemKind::unsigned_integer && sizeof(T) == 1 ? 'B'
                                                                                                  : '\0';

/// Owns a Py_buffer: the memory of an object, which cannot be freed or moved meanwhile. Can be destroyed on any thread.
class BufferHandle {
 public:
  LATEPY_EFFCXX_OFF  // acquire() sets the rest of the view
  BufferHandle() noexcept { view_.obj = nullptr; }
  LATEPY_EFFCXX_ON
  BufferHandle(BufferHandle&& other) noexcept;
  BufferHandle& operator=(BufferHandle&&) = delete;
  LATEPY_FORCE_INLINE ~BufferHandle() {
    if (view_.obj) release_view();
  }

  /// Gets the buffer of the object. Needs the GIL. \returns false with Python's error set if the object has none.
  bool acquire(PyObject* object, int flags) noexcept;
  /// Owns an object that exports no buffer, such as a capsule, in place of one: PyBuffer_Release() drops it too.
  void keep(Object object) noexcept {
    generation_ = current_generation();
    view_.obj = object.release();
  }
  /// Gives the buffer back. There are no items after it.
  void release() noexcept {
    if (view_.obj) release_view();
    forget();
  }

  const BufferView& view() const noexcept { return view_; }
  std::size_t size() const noexcept {
    return static_cast<std::size_t>(view_.itemsize ? view_.len / view_.itemsize : 0);
  }
  /// The bytes from one item of a dimension to the next. Exporters of contiguous memory may set no strides, even if
  /// they are requested (ctypes: Modules/_ctypes/_ctypes.c, PyCData_NewGetBuffer).
  LATEPY_FORCE_INLINE ssize stride(int dimension) const noexcept {
    if (LATEPY_LIKELY(view_.strides != nullptr)) return view_.strides[dimension];
    auto step = static_cast<std::size_t>(view_.itemsize);  // unsigned: without items the others may have any number
    for (int i = view_.ndim; --i > dimension;) step *= static_cast<std::size_t>(view_.shape[i]);
    return static_cast<ssize>(step);
  }
  /// Whether each item is a T.
  template <class T>
  bool holds() const noexcept {
    return has_usual_code<T>() || holds_items(item_kind<T>, sizeof(T));
  }
  /// Whether each item is a T and is aligned for T.
  template <class T>
  LATEPY_FORCE_INLINE bool holds_aligned() const noexcept {
    const auto is_aligned = [](auto address) { return (static_cast<std::uintptr_t>(address) & (alignof(T) - 1)) == 0; };
    if (LATEPY_LIKELY(has_usual_code<T>() && view_.ndim == 1 && view_.strides && is_aligned(view_.strides[0]) &&
                      is_aligned(reinterpret_cast<std::uintptr_t>(view_.buf))))
      return true;
    return holds_items(item_kind<T>, sizeof(T)) && are_aligned(alignof(T));
  }
  /// Whether all items are at multiples of the alignment.
  bool are_aligned(std::size_t alignment) const noexcept;
  /// Whether the items lie one after the other, row after row.
  bool is_contiguous() const noexcept {
    return LATEPY_LIKELY(view_.ndim == 1 && view_.strides && view_.strides[0] == view_.itemsize) || is_in_rows();
  }

 private:
  template <class T>
  LATEPY_FORCE_INLINE bool has_usual_code() const noexcept {
    const char* const format = view_.format;
    return usual_code<T> != 0 && view_.itemsize == sizeof(T) && format && format[0] == usual_code<T> && format[1] == 0;
  }
  bool is_in_rows() const noexcept;
  bool holds_items(ItemKind kind, std::size_t size) const noexcept;

  LATEPY_FORCE_INLINE void release_view() noexcept {
    if (LATEPY_LIKELY(may_drop(generation_)))
      api().Buffer_Release(&view_);
    else
      defer_decref(view_.obj, generation_, &view_);
  }
  void forget() noexcept {
    view_ = BufferView{};
    generation_ = no_generation;
  }

  BufferView view_;  // `obj` is null if it owns no buffer
  std::uint32_t generation_ = no_generation;
};

/// Throws the reason why acquire() failed: no buffer, or, if `writes`, only a read-only one. Another error than
/// TypeError or BufferError, which the exporter raised, is thrown unchanged.
[[noreturn]] void throw_no_memory(PyObject* object, const std::string& wanted, bool writes);
/// Throws a ConversionError: the items are not of the wanted type. `format`: that of a struct, else "".
[[noreturn]] void throw_other_items(PyObject* object, const std::string& wanted, const BufferView& view,
                                    const char* format = "");

}  // namespace detail
#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC BufferHandle::BufferHandle(BufferHandle&& other) noexcept
    : view_(other.view_), generation_(other.generation_) {
  // Exporters of one dimension may let shape and strides point into the Py_buffer (PyBuffer_FillInfo,
  // Objects/abstract.c).
  if (view_.shape == &other.view_.len) view_.shape = &view_.len;
  if (view_.strides == &other.view_.itemsize) view_.strides = &view_.itemsize;
  other.forget();
}

LATEPY_FUNC bool BufferHandle::acquire(PyObject* object, int flags) noexcept {
  generation_ = current_generation();
  if (LATEPY_LIKELY(api().Object_GetBuffer(object, &view_, flags) == 0)) return true;
  view_.obj = nullptr;  // an exporter that failed may have left a value
  return false;
}

LATEPY_FUNC LATEPY_COLD bool BufferHandle::holds_items(ItemKind kind, std::size_t size) const noexcept {
  return kind != ItemKind::other && static_cast<std::size_t>(view_.itemsize) == size &&
         kind_of_item(view_.format) == kind;
}

LATEPY_FUNC LATEPY_COLD bool BufferHandle::are_aligned(std::size_t alignment) const noexcept {
  // The buffer of an empty array points to an empty string, which may not be aligned (Modules/arraymodule.c until 3.12,
  // array_buffer_getbuf).
  if (view_.len == 0) return true;
  std::uintptr_t all = reinterpret_cast<std::uintptr_t>(view_.buf);
  for (int i = 0; view_.strides && i < view_.ndim; ++i) all |= static_cast<std::uintptr_t>(view_.strides[i]);
  return (all & (alignment - 1)) == 0;
}

LATEPY_FUNC bool BufferHandle::is_in_rows() const noexcept {
  if (!view_.strides || view_.len == 0) return true;
  ssize step = view_.itemsize;
  for (int i = view_.ndim; i-- > 0; step *= view_.shape[i])
    if (view_.shape[i] != 1 && view_.strides[i] != step) return false;
  return true;
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_no_memory(PyObject* object, const std::string& wanted, bool writes) {
  const Api& a = api();
  if (!a.Err_ExceptionMatches(*a.TypeError) && !a.Err_ExceptionMatches(*a.BufferError)) throw_python_error();
  const std::string said = take_python_error().message();
  std::string why = "it exports no buffer: pass bytes, bytearray, memoryview, array.array or a numpy array";
  if (a.Object_CheckBuffer(object)) {
    BufferHandle readable;
    why = said;
    if (writes && readable.acquire(object, buffer_format | buffer_strides))
      why = "its memory is read-only: take a Buffer<const T>";
    a.Err_Clear();
  }
  throw ConversionError("cannot view " + show(object) + " as " + wanted + ": " + why);
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_other_items(PyObject* object, const std::string& wanted,
                                                            const BufferView& view, const char* format) {
  throw ConversionError(
      concat({"cannot view ", show(object), " as ", wanted, ": its items have the format '",
              view.format ? view.format : "B", "' and ", decimal(view.itemsize),
              *format ? " bytes, and must have the fields, sizes, byte order and alignment of the C++ struct: '"
                      : " bytes, and must have the kind, size, byte order and alignment of the C++ type",
              format, *format ? "'" : ""}));
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
