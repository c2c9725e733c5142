// latepy/memory/detail/buffer_handle.hpp: memory that an object shows by the buffer protocol, and what its items are.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What an item of memory is. With its size it tells the C++ type.
enum class ItemKind : unsigned char { other, boolean, signed_integer, unsigned_integer, floating, complex };

template <class T>
inline constexpr ItemKind item_kind = std::is_same_v<T, bool>       ? ItemKind::boolean
                                      : std::is_floating_point_v<T> ? ItemKind::floating
                                      : !is_integer<T>              ? ItemKind::other
                                      : std::is_signed_v<T>         ? ItemKind::signed_integer
                                                                    : ItemKind::unsigned_integer;

/// The code of T in Python's arrays and in numpy's: where it is found, nothing more must be read.
template <class T>
inline constexpr char usual_code = std::is_same_v<T, double>                                      ? 'd'
                                   : std::is_same_v<T, float>                                     ? 'f'
                                   : std::is_same_v<T, int>                                       ? 'i'
                                   : std::is_same_v<T, long>                                      ? 'l'
                                   : std::is_same_v<T, long long>                                 ? 'q'
                                   : item_kind<T> == ItemKind::unsigned_integer && sizeof(T) == 1 ? 'B'
                                                                                                  : '\0';

/// The memory of an object, which keeps it where it is for as long as this lives. May be dropped on any thread.
class BufferHandle {
 public:
  BufferHandle() noexcept { view_.obj = nullptr; }
  BufferHandle(BufferHandle&& other) noexcept;
  BufferHandle& operator=(BufferHandle&&) = delete;
  LATEPY_FORCE_INLINE ~BufferHandle() {
    if (view_.obj) release_view();
  }

  /// Asks the object for it; needs the GIL. False with Python's error set.
  bool acquire(PyObject* object, int flags) noexcept;
  /// After it there are no items.
  void release() noexcept {
    if (view_.obj) release_view();
    forget();
  }

  const BufferView& view() const noexcept { return view_; }
  std::size_t size() const noexcept {
    return static_cast<std::size_t>(view_.itemsize ? view_.len / view_.itemsize : 0);
  }
  /// Bytes to the next item of a dimension. Exporters of rows may leave the strides out although they were asked for
  /// them (ctypes: Modules/_ctypes/_ctypes.c, PyCData_NewGetBuffer).
  LATEPY_FORCE_INLINE ssize stride(int dimension) const noexcept {
    if (LATEPY_LIKELY(view_.strides != nullptr)) return view_.strides[dimension];
    ssize step = view_.itemsize;
    for (int i = view_.ndim; --i > dimension;) step *= view_.shape[i];
    return step;
  }
  /// Whether each item is a T.
  template <class T>
  bool holds() const noexcept {
    return has_usual_code<T>() || holds_items(item_kind<T>, sizeof(T));
  }
  /// The same, and each can be read where it lies.
  template <class T>
  LATEPY_FORCE_INLINE bool holds_aligned() const noexcept {
    const auto is_aligned = [](auto address) { return (static_cast<std::uintptr_t>(address) & (alignof(T) - 1)) == 0; };
    if (LATEPY_LIKELY(has_usual_code<T>() && view_.ndim == 1 && view_.strides && is_aligned(view_.strides[0]) &&
                      is_aligned(reinterpret_cast<std::uintptr_t>(view_.buf))))
      return true;
    return holds_items(item_kind<T>, sizeof(T)) && are_aligned(alignof(T));
  }
  /// Whether the items lie one after the other, row after row.
  bool is_contiguous() const noexcept;

 private:
  template <class T>
  LATEPY_FORCE_INLINE bool has_usual_code() const noexcept {
    const char* const format = view_.format;
    return usual_code<T> != 0 && view_.itemsize == sizeof(T) && format && format[0] == usual_code<T> && format[1] == 0;
  }
  bool holds_items(ItemKind kind, std::size_t size) const noexcept;
  bool are_aligned(std::size_t alignment) const noexcept;

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

  BufferView view_;  // its `obj` alone says whether it holds memory
  std::uint32_t generation_ = no_generation;
};

/// `'list' [1, 2]` shows no memory, or (`writes`) none to write to. An error of the exporter's own goes on.
[[noreturn]] void throw_no_memory(PyObject* object, const std::string& wanted, bool writes);
[[noreturn]] void throw_other_items(PyObject* object, const std::string& wanted, const BufferView& view);

/// Copies memory of one dimension whose items are the container's. False where the object shows no such memory; then
/// the container is empty and no error set.
template <class C>
bool copy_items(PyObject* object, C& result) {
  using T = typename C::value_type;
  if (!api().Object_CheckBuffer(object)) return false;
  BufferHandle memory;
  if (!memory.acquire(object, buffer_format | buffer_strides)) {
    api().Err_Clear();
    return false;
  }
  const BufferView& view = memory.view();
  if (view.ndim != 1 || !memory.holds<T>()) return false;
  const std::size_t size = memory.size();
  if (size == 0) return true;
  const char* from = static_cast<const char*>(view.buf);
  if (memory.is_contiguous() && reinterpret_cast<std::uintptr_t>(from) % alignof(T) == 0) {
    const T* const first = static_cast<const T*>(view.buf);
    result.assign(first, first + size);
  } else {
    result.resize(size);
    for (T& item : result) {
      std::memcpy(&item, from, sizeof(T));
      from += memory.stride(0);
    }
  }
  return true;
}

}  // namespace detail
#if LATEPY_DEFINITIONS
namespace detail {

/// The kind by its code in the struct module, to which PEP 3118 adds the Z of complex numbers; `other` for what is none
/// of these alone, or not in this machine's byte order. Null stands for "B".
LATEPY_COLD inline ItemKind kind_of_item(const char* format) noexcept {
  if (!format) return ItemKind::unsigned_integer;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  const bool is_ours = *format == '@' || *format == '=' || *format == '>' || *format == '!';
#else
  const bool is_ours = *format == '@' || *format == '=' || *format == '<';
#endif
  if (is_ours) ++format;
  const bool is_complex = *format == 'Z';
  if (is_complex) ++format;
  if (!*format || format[1]) return ItemKind::other;
  switch (*format) {
    case 'd':
    case 'f':
    case 'g':
    case 'e':
      return is_complex ? ItemKind::complex : ItemKind::floating;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      return ItemKind::signed_integer;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
      return ItemKind::unsigned_integer;
    case '?':
      return ItemKind::boolean;
    default:
      return ItemKind::other;
  }
}

LATEPY_FUNC BufferHandle::BufferHandle(BufferHandle&& other) noexcept
    : view_(other.view_), generation_(other.generation_) {
  // Exporters of one dimension may point to these (PyBuffer_FillInfo, Objects/abstract.c).
  if (view_.shape == &other.view_.len) view_.shape = &view_.len;
  if (view_.strides == &other.view_.itemsize) view_.strides = &view_.itemsize;
  other.forget();
}

LATEPY_FUNC bool BufferHandle::acquire(PyObject* object, int flags) noexcept {
  generation_ = current_generation();
  if (LATEPY_LIKELY(api().Object_GetBuffer(object, &view_, flags) == 0)) return true;
  view_.obj = nullptr;  // whatever an exporter that failed left there
  return false;
}

LATEPY_FUNC LATEPY_COLD bool BufferHandle::holds_items(ItemKind kind, std::size_t size) const noexcept {
  return kind != ItemKind::other && static_cast<std::size_t>(view_.itemsize) == size &&
         kind_of_item(view_.format) == kind;
}

LATEPY_FUNC LATEPY_COLD bool BufferHandle::are_aligned(std::size_t alignment) const noexcept {
  // An empty array gives the memory of an empty text (Modules/arraymodule.c until 3.12, array_buffer_getbuf).
  if (view_.len == 0) return true;
  std::uintptr_t all = reinterpret_cast<std::uintptr_t>(view_.buf);
  for (int i = 0; view_.strides && i < view_.ndim; ++i) all |= static_cast<std::uintptr_t>(view_.strides[i]);
  return (all & (alignment - 1)) == 0;
}

LATEPY_FUNC bool BufferHandle::is_contiguous() const noexcept {
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
  std::string why = "it has no buffer protocol: arrays, numpy's too, bytes, bytearray and memoryview have it";
  if (a.Object_CheckBuffer(object)) {
    BufferHandle readable;
    why = said;
    if (writes && readable.acquire(object, buffer_format | buffer_strides))
      why = "it is read-only: take a Buffer<const T>";
    a.Err_Clear();
  }
  throw ConversionError("cannot view " + show(object) + " as " + wanted + ": " + why);
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_other_items(PyObject* object, const std::string& wanted,
                                                            const BufferView& view) {
  throw ConversionError("cannot view " + show(object) + " as " + wanted + ": its items are '" +
                        (view.format ? view.format : "B") + "' of " + std::to_string(view.itemsize) +
                        " bytes, and it must be of the same kind, size, byte order and alignment");
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
