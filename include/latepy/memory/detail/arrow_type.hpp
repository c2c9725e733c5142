// latepy/memory/detail/arrow_type.hpp: the C++ types of values in Arrow's columns, and what Arrow calls them.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/item_kind.hpp>

#include <chrono>
#include <optional>
#include <ratio>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How the values of a column lie in memory.
enum class ArrowForm : unsigned char {
  none,     ///< latepy does not read it
  number,   ///< as in C++; also times
  boolean,  ///< as bits
  text
};

template <class T>
inline constexpr bool is_time = false;
template <class D>
inline constexpr bool is_time<std::chrono::time_point<std::chrono::system_clock, D>> = true;
template <class T>
inline constexpr bool may_be_null = false;
template <class T>
inline constexpr bool may_be_null<std::optional<T>> = true;

template <class T>
struct ColumnValue {
  using type = T;
};
template <class T>
struct ColumnValue<std::optional<T>> {
  using type = T;
};
/// The type without std::optional.
template <class T>
using column_value = typename ColumnValue<T>::type;

/// Whether T is a number that Arrow has.
template <class T>
inline constexpr bool is_arrow_number = item_kind<T> != ItemKind::other&& item_kind<T> !=
                                            ItemKind::boolean&& item_kind<T> != ItemKind::complex &&
                                        sizeof(T) <= 8;

template <class T>
constexpr ArrowForm arrow_form() noexcept {
  if constexpr (std::is_same_v<T, bool>)
    return ArrowForm::boolean;
  else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>)
    return ArrowForm::text;
  else
    return is_arrow_number<T> || is_time<T> ? ArrowForm::number : ArrowForm::none;
}

/// The format of a time: of a unit of 1, 10^-3, 10^-6 or 10^-9 seconds. "" for another unit.
template <class D>
constexpr const char* time_format() noexcept {
  using Period = typename D::period;
  if constexpr (!std::is_integral_v<typename D::rep> || !std::is_signed_v<typename D::rep> ||
                sizeof(typename D::rep) != 8)
    return "";
  else
    return std::is_same_v<Period, std::ratio<1>> ? "tss:"
           : std::is_same_v<Period, std::milli>  ? "tsm:"
           : std::is_same_v<Period, std::micro>  ? "tsu:"
           : std::is_same_v<Period, std::nano>   ? "tsn:"
                                                 : "";
}

/// Whether T is no time, or one of a unit that Arrow has.
template <class T>
inline constexpr bool has_time_unit = true;
template <class D>
inline constexpr bool has_time_unit<std::chrono::time_point<std::chrono::system_clock, D>> = *time_format<D>() != '\0';

/// The format of items of this kind and size; "" if Arrow has none.
const char* arrow_format(ItemKind kind, ssize size) noexcept;
/// Arrow's format for T, without a time zone. "" for a time of another unit.
template <class T>
const char* arrow_format() noexcept {
  if constexpr (is_time<T>)
    return time_format<typename T::duration>();
  else if constexpr (arrow_form<T>() == ArrowForm::text)
    return "u";
  else
    return arrow_format(item_kind<T>, sizeof(T));
}

/// Whether values of a format can be read as what `wanted` says.
bool fits_format(std::string_view format, std::string_view wanted) noexcept;
/// The format in words: "float64", "text".
std::string format_text(std::string_view format);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD const char* arrow_format(ItemKind kind, ssize size) noexcept {
  const auto of_size = [size](const char* one, const char* two, const char* four, const char* eight) {
    return size == 1 ? one : size == 2 ? two : size == 4 ? four : size == 8 ? eight : "";
  };
  switch (kind) {
    case ItemKind::boolean:
      return "b";
    case ItemKind::signed_integer:
      return of_size("c", "s", "i", "l");
    case ItemKind::unsigned_integer:
      return of_size("C", "S", "I", "L");
    case ItemKind::floating:
      return of_size("", "e", "f", "g");
    default:
      return "";
  }
}

LATEPY_FUNC LATEPY_COLD bool fits_format(std::string_view format, std::string_view wanted) noexcept {
  if (wanted == "u") return format == "u" || format == "U" || format == "vu";
  return wanted.size() == 4 ? format.substr(0, 4) == wanted : format == wanted;  // times may have a zone
}

LATEPY_FUNC LATEPY_COLD std::string format_text(std::string_view format) {
  constexpr const char* names[] = {"bbool",   "cint8",  "Cuint8",  "sint16",   "Suint16",  "iint32",
                                   "Iuint32", "lint64", "Luint64", "efloat16", "ffloat32", "gfloat64",
                                   "utext",   "Utext",  "zbinary", "Zbinary",  "nnull"};
  if (format == "vu") return "text";
  if (format.size() == 1)
    for (const char* const name : names)
      if (*name == format[0]) return name + 1;
  if (format.substr(0, 2) == "ts" && format.size() >= 4) {
    const char unit[] = {format[2], format[2] == 's' ? '\0' : 's', '\0'};
    return concat({"timestamp in ", unit, format.size() > 4 ? " of zone " : "", format.substr(4)});
  }
  return concat({"Arrow's format '", format, "'"});
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
