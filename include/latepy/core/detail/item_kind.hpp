// latepy/core/detail/item_kind.hpp: the kinds of items in memory, and objects that are one such item: numpy's numbers.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The kind of an item in a buffer. Kind and size together tell the C++ type.
enum class ItemKind : unsigned char { other, boolean, signed_integer, unsigned_integer, floating, complex };

/// The kind of a C++ type.
template <class T>
inline constexpr ItemKind item_kind = std::is_same_v<T, bool>       ? ItemKind::boolean
                                      : std::is_floating_point_v<T> ? ItemKind::floating
                                      : !is_integer<T>              ? ItemKind::other
                                      : std::is_signed_v<T>         ? ItemKind::signed_integer
                                                                    : ItemKind::unsigned_integer;

/// The kind of an item with this format of the struct module. PEP 3118 adds "Z" before the code for complex numbers.
/// Null means "B". `other`: structs, several items, and another byte order than that of the machine.
ItemKind kind_of_item(const char* format) noexcept;

/// What the memory of an object is, if it exports any. A scalar of numpy and an array without dimensions are one item.
/// An array with dimensions is several items, also if it has the length 1.
struct Scalar {
  enum Form : unsigned char { no_memory, one_item, several_items } form = no_memory;
  ItemKind kind = ItemKind::other;
  std::size_t size = 0;     ///< of an item, in bytes
  bool is_complex = false;  ///< in any byte order
  bool truth = false;       ///< the value, if the kind is boolean
};
/// Reads it. Leaves no Python error set.
Scalar read_scalar(PyObject* object) noexcept;

/// Whether float() of an object that is no float gives its value: false for complex numbers, of which numpy would give
/// the real part; for text; and for arrays with dimensions.
bool is_real(PyObject* object) noexcept;
/// The same for a type that is_real() does not know. `is_for_all`: all objects of the static type are real. Those of
/// numpy's types of numbers are, whereas an array may have dimensions.
bool ask_real(PyObject* object, bool& is_for_all) noexcept;
/// The reason why an object whose class can become a number is refused; "" if the types say enough.
const char* why_no_number(PyObject* object, bool may_be_complex = false) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD ItemKind kind_of_item(const char* format) noexcept {
  if (!format) return ItemKind::unsigned_integer;
#if LATEPY_BIG_ENDIAN
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

LATEPY_FUNC LATEPY_COLD Scalar read_scalar(PyObject* object) noexcept {
  const Api& a = api();
  Scalar scalar;
  BufferView view{};
  if (!a.Object_CheckBuffer(object)) return scalar;
  if (a.Object_GetBuffer(object, &view, buffer_format | buffer_strides) != 0) {
    a.Err_Clear();
    return scalar;
  }
  scalar.form = view.ndim == 0 ? Scalar::one_item : Scalar::several_items;
  scalar.kind = kind_of_item(view.format);
  scalar.size = static_cast<std::size_t>(view.itemsize);
  scalar.is_complex = view.format && std::strchr(view.format, 'Z');
  if (scalar.form == Scalar::one_item && scalar.kind == ItemKind::boolean)
    scalar.truth = *static_cast<const char*>(view.buf) != 0;
  a.Buffer_Release(&view);
  return scalar;
}

LATEPY_FUNC bool is_real(PyObject* object) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(type_of(object));
  // The types found last. A static type is never freed, so that no other type gets its address.
  static std::atomic<std::uintptr_t> real_types[8];
  std::atomic<std::uintptr_t>& known = real_types[address / 16 % 8];
  if (LATEPY_LIKELY(known.load(std::memory_order_relaxed) == address)) return true;
  bool is_for_all = false;
  const bool is_this_one = ask_real(object, is_for_all);
  if (is_for_all) known.store(address, std::memory_order_relaxed);
  return is_this_one;
}

LATEPY_FUNC LATEPY_COLD bool ask_real(PyObject* object, bool& is_for_all) noexcept {
  PyTypeObject* const type = type_of(object);
  const bool is_static = (flags_of(type) & type_is_heap) == 0;
  if (has_flag(object, type_is_int) || api().Type_IsSubtype(type, api().Float_Type))
    return is_for_all = is_static, true;
  if (has_flag(object, type_is_str | type_is_bytes)) return false;
  const Scalar scalar = read_scalar(object);
  if (scalar.form == Scalar::several_items || scalar.is_complex) return false;
  if (scalar.form == Scalar::one_item && scalar.kind != ItemKind::other && is_static && !api().Sequence_Check(object))
    try {
      is_for_all = qualified_name(as_object(type)).compare(0, 6, "numpy.") == 0;
    } catch (const std::exception&) {  // no memory
    }
  return true;
}

LATEPY_FUNC LATEPY_COLD const char* why_no_number(PyObject* object, bool may_be_complex) noexcept {
  if (has_flag(object, type_is_str | type_is_bytes)) return "";
  const Scalar scalar = read_scalar(object);
  if (scalar.form == Scalar::several_items) return "an array is no number: pass one of its items";
  return scalar.is_complex && !may_be_complex ? "it is a complex number: pass its real part" : "";
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
