// latepy/core/detail/convert_text.hpp: the converters of characters and strings; part of core/convert.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>
#include <latepy/core/detail/fit.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A new str from code units. \param bytes the size in bytes. \param encoding a codec; null for UTF-8.
/// \throws ConversionError with the position if the code units are not valid in that encoding.
Object decode(const void* units, std::size_t bytes, const char* encoding);

/// Reads the UTF-8 of a str, which the view points into. Returns false if the object is not a str, or contains lone
/// surrogates.
bool load_utf8(PyObject* object, std::string_view& text) noexcept;

/// ConverterBase with the reason why a str was refused.
template <class T>
struct TextConverterBase : ConverterBase<T, Converter<T>> {
  static const char* why(PyObject* object) noexcept {
    return has_flag(object, type_is_str) ? "it contains lone surrogates, which UTF-8, UTF-16 and UTF-32 cannot encode"
                                         : "";
  }
  static Fit fit(PyObject* object) noexcept { return has_flag(object, type_is_str) ? Fit::own : Fit::other; }
};

/// The name of Python's codec for code units of type Char in the byte order of this machine, without a byte order mark.
/// Null for UTF-8.
template <class Char>
constexpr const char* codec() {
#if LATEPY_BIG_ENDIAN
  return sizeof(Char) == 1 ? nullptr : sizeof(Char) == 2 ? "utf-16-be" : "utf-32-be";
#else
  return sizeof(Char) == 1 ? nullptr : sizeof(Char) == 2 ? "utf-16-le" : "utf-32-le";
#endif
}

/// The name of the string class in errors.
template <class Char>
inline constexpr const char* string_name = std::is_same_v<Char, wchar_t>    ? "std::wstring"
                                           : std::is_same_v<Char, char16_t> ? "std::u16string"
                                           : std::is_same_v<Char, char32_t> ? "std::u32string"
                                           : std::is_same_v<Char, char>     ? "std::string"
                                                                            : "std::u8string";
}  // namespace detail

/// Strings are Unicode text: std::string and std::u8string in UTF-8, the others in UTF-16 or UTF-32, by the size of
/// Char.
template <class Char>
struct Converter<std::basic_string<Char>, std::enable_if_t<detail::is_character<Char>>>
    : detail::TextConverterBase<std::basic_string<Char>> {
  static constexpr const char* name = detail::string_name<Char>;
  static Object to_py(std::basic_string_view<Char> text) {
    return detail::decode(text.data(), text.size() * sizeof(Char), detail::codec<Char>());
  }
  static std::basic_string<Char> from_py(Ref object) {
    if constexpr (sizeof(Char) == 1) {
      std::string_view utf8;
      if (LATEPY_LIKELY(detail::read_ascii(object.checked(), utf8)))
        return {reinterpret_cast<const Char*>(utf8.data()), utf8.size()};
    }
    return any(object);
  }
  static bool try_from_py(Ref object, std::optional<std::basic_string<Char>>& result) {
    if constexpr (sizeof(Char) == 1) {
      std::string_view utf8;
      if (LATEPY_LIKELY(detail::read_ascii(object.ptr(), utf8))) {
        result.emplace(reinterpret_cast<const Char*>(utf8.data()), utf8.size());
        return true;
      }
    }
    return detail::TextConverterBase<std::basic_string<Char>>::try_from_py(object, result);
  }
  static bool load(PyObject* object, std::basic_string<Char>& text) {
    if constexpr (sizeof(Char) == 1) {
      std::string_view utf8;
      if (!detail::load_utf8(object, utf8)) return false;
      text.assign(reinterpret_cast<const Char*>(utf8.data()), utf8.size());
    } else {
      const Object bytes =
          Object::steal(detail::has_flag(object, detail::type_is_str)
                            ? detail::api().Unicode_AsEncodedString(object, detail::codec<Char>(), nullptr)
                            : nullptr);
      char* data = nullptr;
      detail::ssize size = 0;
      if (bytes.is_empty() || detail::api().Bytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) {
        if (detail::api().Err_Occurred()) detail::only_a_mismatch();
        return false;
      }
      text.resize(static_cast<std::size_t>(size) / sizeof(Char));
      std::memcpy(text.data(), data, static_cast<std::size_t>(size));
    }
    return true;
  }

 private:
  LATEPY_OUTLINE static std::basic_string<Char> any(Ref object) {
    return detail::TextConverterBase<std::basic_string<Char>>::from_py(object);
  }
};

/// String views convert to Python as strings do. From Python only std::string_view: it points into the str, and is
/// valid while the str lives.
template <class Char>
struct Converter<std::basic_string_view<Char>, std::enable_if_t<detail::is_character<Char>>>
    : detail::TextConverterBase<std::basic_string_view<Char>> {
  static constexpr const char* name = "std::string_view";
  static Object to_py(std::basic_string_view<Char> text) { return Converter<std::basic_string<Char>>::to_py(text); }
  static bool load(PyObject* object, std::basic_string_view<Char>& text) noexcept {
    static_assert(std::is_same_v<Char, char>, "only UTF-8 text can point into a str: convert to a std::basic_string");
    return detail::load_utf8(object, text);
  }
};

/// NUL-terminated text. A null pointer becomes None. From Python only const char*, which points into the str; a str
/// that contains a NUL is refused.
template <class Char>
struct Converter<const Char*, std::enable_if_t<detail::is_character<Char>>> : detail::TextConverterBase<const Char*> {
  static Object to_py(const Char* text) {
    return text ? Converter<std::basic_string<Char>>::to_py(text) : detail::none();
  }
  static bool load(PyObject* object, const Char*& text) noexcept {
    static_assert(std::is_same_v<Char, char>, "only UTF-8 text can point into a str: convert to a std::basic_string");
    std::string_view utf8;
    if (!detail::load_utf8(object, utf8)) return false;
    text = utf8.data();
    return utf8.find('\0') == std::string_view::npos;
  }
  static const char* why(PyObject* object) noexcept {
    std::string_view utf8;
    return detail::load_utf8(object, utf8) ? "it holds a NUL" : detail::TextConverterBase<const Char*>::why(object);
  }
};
template <class Char>
struct Converter<Char*, std::enable_if_t<detail::is_character<Char>>> {
  static Object to_py(const Char* text) { return Converter<const Char*>::to_py(text); }
};

namespace detail {
template <>
inline constexpr bool borrows<std::string_view> = true;
template <>
inline constexpr bool borrows<const char*> = true;
}  // namespace detail

/// One character is a str of length 1. `char` is ASCII, char16_t a code point up to U+FFFF.
template <class Char>
struct Converter<Char, std::enable_if_t<detail::is_character<Char>>> : detail::ConverterBase<Char, Converter<Char>> {
  static constexpr std::uint32_t last = sizeof(Char) == 1 ? 0x7F : sizeof(Char) == 2 ? 0xFFFF : 0x10FFFF;
  static Object to_py(Char c) {
    const auto code = static_cast<std::uint32_t>(static_cast<std::make_unsigned_t<Char>>(c));
    if (code > last)
      throw ConversionError("cannot convert character " + detail::decimal(code) +
                            " to str: it is not a code point by itself; convert a string");
    return detail::steal_or_throw(detail::api().Unicode_FromOrdinal(static_cast<int>(code)));
  }
  static bool load(PyObject* object, Char& c) noexcept {
    if (!detail::has_flag(object, detail::type_is_str) || detail::api().Unicode_GetLength(object) != 1) return false;
    const std::uint32_t code = detail::api().Unicode_ReadChar(object, 0);
    c = static_cast<Char>(code);
    return code <= last;
  }
  static const char* why(PyObject* object) noexcept {
    return detail::has_flag(object, detail::type_is_str) ? "it is not one character that fits this type" : "";
  }
  /// Text is a string first.
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::has_flag(object, detail::type_is_str) ? detail::Fit::kin : detail::Fit::other;
  }
};

#if LATEPY_DEFINITIONS
namespace detail {

/// Whether the text is ASCII. Reads eight bytes at a time.
inline bool is_ascii(const char* text, std::size_t size) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080u;
  std::uint64_t word = 0, all = 0;
  const char* const last = text + size - sizeof word;
  if (size < sizeof word) {
    std::memcpy(&word, text, size);
    return (word & high_bits) == 0;
  }
  for (; text < last; text += sizeof word) {
    std::memcpy(&word, text, sizeof word);
    all |= word;
  }
  std::memcpy(&word, last, sizeof word);
  return ((all | word) & high_bits) == 0;
}

/// As std::memcpy(), but without a call for 8 to 16 bytes.
inline void copy_text(char* to, const char* from, std::size_t size) noexcept {
  std::uint64_t first, last;
  if (size - sizeof first > sizeof last) {
    std::memcpy(to, from, size);
    return;
  }
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + size - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + size - sizeof last, &last, sizeof last);
}

LATEPY_FUNC LATEPY_COLD PyObject* make_literal(const char* text, std::size_t with_nul) {
  if (const InternedName* const known = find_interned(text, with_nul)) return Object::borrow(known->str).release();
  Object made = to_py(text);  // throws ConversionError if the text is not valid UTF-8
  intern(text, with_nul);
  return made.release();
}

LATEPY_FUNC Object decode(const void* units, std::size_t bytes, const char* encoding) {
  const auto* data = static_cast<const char*>(units);
  const auto size = static_cast<ssize>(bytes);
  // CPython has shared objects for the empty str and for strs of one character.
  if (!encoding && LATEPY_LIKELY(bytes > 1 && library_state.layout.ascii_text != 0) && is_ascii(data, bytes)) {
    PyObject* const ascii = throw_if_null(api().Unicode_New(size, 127));
    copy_text(&member_at<char>(ascii, library_state.layout.ascii_text), data, bytes);
    return Object::steal(ascii);
  }
  PyObject* str =
      encoding ? api().Unicode_Decode(data, size, encoding, nullptr) : api().Unicode_DecodeUTF8(data, size, nullptr);
  if (LATEPY_UNLIKELY(!str)) {
    if (!api().Err_ExceptionMatches(*api().UnicodeError)) throw_python_error();
    throw_error<ConversionError>(
        {"cannot convert text to str: ", take_python_error().message(), "; pass latepy::Bytes for bytes"});
  }
  return Object::steal(str);
}

LATEPY_FUNC bool load_utf8(PyObject* object, std::string_view& text) noexcept {
  if (LATEPY_LIKELY(read_ascii(object, text))) return true;
  ssize size = 0;
  const char* utf8 = api().Unicode_AsUTF8AndSize(object, &size);
  if (!utf8) {
    only_a_mismatch();
    return false;
  }
  text = {utf8, static_cast<std::size_t>(size)};
  return true;
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
