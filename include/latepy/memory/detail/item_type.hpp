// latepy/memory/detail/item_type.hpp: ItemType, what Python, numpy and DLPack call a C++ type of items in memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/convert_number.hpp>

#include <cstring>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether T is a struct of LATEPY_STRUCT().
template <class T, class = void>
inline constexpr bool is_field_struct = false;
template <class T>
inline constexpr bool is_field_struct<T, std::enable_if_t<Converter<T>::has_fields>> = true;

/// Whether memory of T can be shared with Python.
template <class T>
inline constexpr bool is_item = item_kind<T> != ItemKind::other || is_field_struct<T>;

/// A type of items, for use at run time. One for each C++ type, never freed.
struct ItemType {
  const char* (*format)();  ///< that of PEP 3118
  ssize size;
  ItemKind kind;                       ///< `other`: a struct
  int numpy;                           ///< the number of numpy's type (NPY_TYPES, numpy/ndarraytypes.h); -1: a struct
  PyObject* (*get)(const char* item);  ///< a new reference; throws
  void (*set)(char* item, PyObject* value);  ///< throws
  const struct StructForm& (*form)();        ///< of a struct: see struct_form.hpp; else null
};

/// The format of a number, by its size.
template <class T>
constexpr const char* number_format() noexcept {
  switch (item_kind<T>) {
    case ItemKind::boolean:
      return "?";
    case ItemKind::floating:
      return sizeof(T) == 2 ? "e" : sizeof(T) == sizeof(float) ? "f" : sizeof(T) == sizeof(double) ? "d" : "g";
    case ItemKind::complex:
      return sizeof(T) == 2 * sizeof(float) ? "Zf" : sizeof(T) == 2 * sizeof(double) ? "Zd" : "Zg";
    case ItemKind::signed_integer:
      return sizeof(T) == 1 ? "b" : sizeof(T) == 2 ? "h" : sizeof(T) == 4 ? "i" : "q";
    default:
      return sizeof(T) == 1 ? "B" : sizeof(T) == 2 ? "H" : sizeof(T) == 4 ? "I" : "Q";
  }
}
/// NPY_HALF, which numpy has behind all others.
inline constexpr int numpy_half = 23;
/// NPY_BOOL, NPY_BYTE …: of types of the same size, that which numpy calls int64.
template <class T>
constexpr int numpy_number() noexcept {
  constexpr int widths = sizeof(T) == 1 ? 1 : sizeof(T) == 2 ? 3 : sizeof(T) == 4 ? 5 : sizeof(long) == 8 ? 7 : 9;
  switch (item_kind<T>) {
    case ItemKind::boolean:
      return 0;
    case ItemKind::signed_integer:
      return widths;
    case ItemKind::unsigned_integer:
      return widths + 1;
    case ItemKind::floating:
      return sizeof(T) == 2 ? numpy_half : sizeof(T) == sizeof(float) ? 11 : sizeof(T) == sizeof(double) ? 12 : 13;
    case ItemKind::complex:
      return sizeof(T) == 2 * sizeof(float) ? 14 : sizeof(T) == 2 * sizeof(double) ? 15 : 16;
    default:
      return -1;
  }
}
/// The letter of a kind in numpy's typestr: '<f8' is a double of a little-endian machine.
constexpr char numpy_letter(ItemKind kind) noexcept {
  switch (kind) {
    case ItemKind::boolean:
      return 'b';
    case ItemKind::signed_integer:
      return 'i';
    case ItemKind::unsigned_integer:
      return 'u';
    case ItemKind::floating:
      return 'f';
    case ItemKind::complex:
      return 'c';
    default:
      return 'V';
  }
}
/// The typestr of items of this kind and size.
std::string numpy_typestr(ItemKind kind, ssize size);

/// Reads and writes an item by its Converter. It may have any address.
template <class T>
struct ItemAccess {
  static PyObject* get(const char* item) {
    T value;
    if constexpr (std::is_same_v<T, bool>)
      value = *item != 0;  // a script may have written any byte
    else
      std::memcpy(static_cast<void*>(&value), item, sizeof value);
    return latepy::to_py(value).release();
  }
  static void set(char* item, PyObject* object) {
    const T value = from_py<T>(Ref(object));
    std::memcpy(item, static_cast<const void*>(&value), sizeof value);
  }
};

/// How array() stores items that Python's memory has no type for, as 64-bit integers: times, see stl/chrono.hpp.
template <class T, class = void>
struct StoredItem {
  static constexpr bool is_stored = false;
};

/// The ItemType of a struct: see struct_form.hpp.
template <class T>
struct StructItem;

/// The ItemType of T.
template <class T>
constexpr ItemType make_item_type() noexcept {
  static_assert(is_item<T>, "no item");
  if constexpr (is_field_struct<T>)
    return {&StructItem<T>::format, sizeof(T),           ItemKind::other,     -1,
            &ItemAccess<T>::get,    &ItemAccess<T>::set, &StructItem<T>::form};
  else
    return {[] { return number_format<T>(); },
            sizeof(T),
            item_kind<T>,
            numpy_number<T>(),
            &ItemAccess<T>::get,
            &ItemAccess<T>::set,
            nullptr};
}
template <class T>
inline constexpr ItemType item_type = make_item_type<T>();

/// The ItemType of numbers of this kind and size; null if there is none. That of a complex number cannot get and set.
const ItemType* item_type_of(ItemKind kind, ssize size) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD const ItemType* item_type_of(ItemKind kind, ssize size) noexcept {
  static const ItemType* const all[] = {&item_type<bool>,          &item_type<std::int8_t>,   &item_type<std::int16_t>,
                                        &item_type<std::int32_t>,  &item_type<std::int64_t>,  &item_type<std::uint8_t>,
                                        &item_type<std::uint16_t>, &item_type<std::uint32_t>, &item_type<std::uint64_t>,
                                        &item_type<float>,         &item_type<double>};
  for (const ItemType* each : all)
    if (each->kind == kind && each->size == size) return each;
  static const ItemType complex[] = {{[] { return "Zf"; }, 8, ItemKind::complex, 14, nullptr, nullptr, nullptr},
                                     {[] { return "Zd"; }, 16, ItemKind::complex, 15, nullptr, nullptr, nullptr}};
  static const ItemType half{[] { return "e"; }, 2, ItemKind::floating, numpy_half, nullptr, nullptr, nullptr};
  if (kind == half.kind && size == half.size) return &half;
  return kind != ItemKind::complex ? nullptr : size == 8 ? &complex[0] : size == 16 ? &complex[1] : nullptr;
}

LATEPY_FUNC LATEPY_COLD std::string numpy_typestr(ItemKind kind, ssize size) {
  const char order = size == 1 || kind == ItemKind::other ? '|' : LATEPY_BIG_ENDIAN ? '>' : '<';
  return concat({std::string_view(&order, 1), std::string(1, numpy_letter(kind)), decimal(size)});
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
