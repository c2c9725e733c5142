// latepy/memory/detail/convert_items.hpp: converts items in memory to C++ numbers, block by block.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/item_kind.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How many items a loop takes. A constant, so that the compiler can take several at once also where it does not want
/// to make the loop longer; and a block stays in the cache between what fills it and what reads it.
inline constexpr std::size_t block_size = 256;

/// A bool in memory, where it may have any value.
struct Truth {
  unsigned char value;
  operator double() const noexcept { return value != 0; }
};

/// A float of 16 bits in memory, for compilers that have none.
struct HalfBits {
  std::uint16_t bits;
  operator double() const noexcept {
    const std::uint64_t sign = bits >> 15, exponent = bits >> 10 & 31u, fraction = bits & 1023u;
    if (exponent == 0) return static_cast<double>(fraction) * (sign ? -0x1p-24 : 0x1p-24);
    const std::uint64_t wide = sign << 63 | (exponent == 31 ? 2047 : exponent + 1008) << 52 | fraction << 42;
    double value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }
};

/// Tells whether integers of type From are in the range of T: none of the bits from `shift` on is set in the sum of the
/// number and `bias`. So the sums of many are joined by `|`, and only that is looked at.
template <class T, class From>
struct RangeCheck {
  using Word = std::make_unsigned_t<From>;
  static constexpr unsigned from_bits = 8 * sizeof(From), bits = 8 * sizeof(T);
  static constexpr bool from_signed = std::is_signed_v<From>, is_signed = T(-1) < T(0);
  static constexpr bool is_needed = from_signed ? !is_signed || bits < from_bits : bits < from_bits + is_signed;
  static constexpr unsigned wide = is_signed && !from_signed ? bits - 1 : bits;  // the bits that a number may have
  static constexpr unsigned shift = !is_needed ? 0 : wide < from_bits ? wide : from_bits - 1;
  static constexpr Word bias = is_needed && from_signed && is_signed ? Word(Word(1) << (shift - 1)) : Word(0);
};

/// Converts `count` items as Converter<T> converts each. \returns false if one is refused. Called through a pointer:
/// one loop over the blocks is enough for all types of items, and the compiler sees that both memories are not the
/// same.
template <class From, class T>
bool convert_items(const char* __restrict from, ssize stride, std::size_t count, T* __restrict to) noexcept {
  constexpr auto packed = static_cast<ssize>(sizeof(From));
  const auto item = [&](std::size_t i, ssize step) {
    From number;
    std::memcpy(&number, from + static_cast<ssize>(i) * step, sizeof number);
    return number;
  };
  if constexpr (item_kind<T> == ItemKind::floating) {
    // Other floats come from a double, as Python's floats are; a small integer is exact in both.
    using Middle = std::conditional_t<std::is_integral_v<From> && sizeof(From) <= 2, From, double>;
    const auto convert = [&](std::size_t i, ssize step) {
      to[i] = static_cast<T>(static_cast<Middle>(item(i, step)));
      // Whether it has the exponent of inf and nan.
      if constexpr (std::is_floating_point_v<From> && sizeof(T) < sizeof(From) && sizeof(T) == sizeof(std::uint32_t)) {
        std::uint32_t bits;
        std::memcpy(&bits, &to[i], sizeof bits);
        return ((bits & 0x7FFFFFFFu) + 0x00800000u) >> 31;
      } else if constexpr (sizeof(T) == sizeof(std::uint16_t) && std::is_arithmetic_v<From> && sizeof(From) > 1) {
        std::uint16_t bits;
        std::memcpy(&bits, &to[i], sizeof bits);
        return ((bits & 0x7FFFu) + 0x0400u) >> 15;
      } else {
        return 0u;
      }
    };
    unsigned special = 0;
    if (stride == packed && count == block_size)
      for (std::size_t i = 0; i < block_size; ++i) special |= convert(i, packed);
    else
      for (std::size_t i = 0; i < count; ++i) special |= convert(i, stride);
    for (std::size_t i = 0; special && i < count; ++i) {
      const auto wide = static_cast<double>(item(i, stride));
      if (wide - wide == 0 && !(to[i] - to[i] == 0)) return false;  // a finite number stays finite
    }
    return true;
  } else {
    using Check = RangeCheck<T, From>;
    typename Check::Word sums = 0;
    const auto convert = [&](std::size_t i, ssize step) {
      const From number = item(i, step);
      to[i] = static_cast<T>(number);
      if constexpr (Check::is_needed)
        sums = static_cast<typename Check::Word>(
            sums | static_cast<typename Check::Word>(static_cast<typename Check::Word>(number) + Check::bias));
    };
    if (stride == packed && count == block_size)
      for (std::size_t i = 0; i < block_size; ++i) convert(i, packed);
    else
      for (std::size_t i = 0; i < count; ++i) convert(i, stride);
    return sums >> Check::shift == 0;
  }
}

template <class T>
using ItemsConverter = bool(const char* __restrict from, ssize stride, std::size_t count, T* __restrict to) noexcept;

/// The convert_items() for items of this kind and size. Null if there is no such C++ type, or if Converter<T> refuses
/// all items of it.
template <class T>
ItemsConverter<T>* items_converter(ItemKind kind, std::size_t size) noexcept {
  constexpr bool is_integer = item_kind<T> == ItemKind::signed_integer || item_kind<T> == ItemKind::unsigned_integer;
  switch (kind) {
    case ItemKind::signed_integer:
      return size == 1   ? &convert_items<std::int8_t, T>
             : size == 2 ? &convert_items<std::int16_t, T>
             : size == 4 ? &convert_items<std::int32_t, T>
             : size == 8 ? &convert_items<std::int64_t, T>
                         : nullptr;
    case ItemKind::unsigned_integer:
      return size == 1   ? &convert_items<std::uint8_t, T>
             : size == 2 ? &convert_items<std::uint16_t, T>
             : size == 4 ? &convert_items<std::uint32_t, T>
             : size == 8 ? &convert_items<std::uint64_t, T>
                         : nullptr;
    case ItemKind::floating:
      if constexpr (!is_integer)
        return size == sizeof(HalfBits)      ? &convert_items<HalfBits, T>
               : size == sizeof(float)       ? &convert_items<float, T>
               : size == sizeof(double)      ? &convert_items<double, T>
               : size == sizeof(long double) ? &convert_items<long double, T>
                                             : nullptr;
      return nullptr;
    case ItemKind::boolean:
      if constexpr (!is_integer) return &convert_items<Truth, T>;
      return nullptr;
    default:
      return nullptr;
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
