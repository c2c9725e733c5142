// latepy/memory/float16.hpp: _Float16, where the compiler has it, as a number and as the item of arrays and buffers.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/convert.hpp>

/// 1 if the compiler has _Float16, which is std::float16_t of C++23; else 0. Without it, arrays of numpy.float16
/// convert to wider types.
#if defined(__FLT16_MAX__) && (!defined(__clang__) || __clang_major__ >= 15 || defined(__aarch64__))
#define LATEPY_FLOAT16 1
#else
#define LATEPY_FLOAT16 0
#endif

#if LATEPY_FLOAT16
namespace latepy {
inline namespace v1 {
namespace detail {
__extension__ typedef _Float16 float16;
template <>
inline constexpr ItemKind item_kind<float16> = ItemKind::floating;
}  // namespace detail

/// A float. From Python as double, and a finite number that is out of range is refused: more than 65504 is. Items of
/// Array, Buffer and view() are those of numpy.float16.
template <>
struct Converter<detail::float16> : detail::ConverterBase<detail::float16, Converter<detail::float16>> {
  static constexpr const char* name = "_Float16";
  static std::string python_type() { return "float"; }

  static Object to_py(detail::float16 value) { return latepy::to_py(static_cast<double>(value)); }
  static bool load(PyObject* object, detail::float16& value) noexcept {
    double number = 0;
    if (!Converter<double>::load(object, number)) return false;
    value = static_cast<detail::float16>(number);
    const auto rounded = static_cast<double>(value);
    return !(number - number == 0) || rounded - rounded == 0;  // a finite number stays finite
  }
  static const char* why(PyObject* object) noexcept { return Converter<double>::why(object); }
  static detail::Fit fit(PyObject* object) noexcept { return detail::floating_fit(object, sizeof(detail::float16)); }
};

}  // namespace v1
}  // namespace latepy
#endif
