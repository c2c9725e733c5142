// tests/fuzz/text.cpp: UTF-8, UTF-16 and UTF-32 to str and back, against Python's own codecs.
// SPDX-License-Identifier: MIT
#include <latepy/find/detail/parse.hpp>

#include <string>

#include "python.hpp"

namespace {

namespace py = latepy;

/// As CPython encodes or decodes. \returns None where it refuses.
const py::Object& codec(const char* name) {
  static const py::Object functions = [] {
    py::Object made = py::dict();
    fuzz::python().exec(R"(
        import sys
        order = 'le' if sys.byteorder == 'little' else 'be'
        names = {1: 'utf-8', 2: 'utf-16-' + order, 4: 'utf-32-' + order}

        def decode(data, size):
            try:
                return data[:len(data) // size * size].decode(names[size])
            except UnicodeDecodeError:
                return None

        def encode(text, size):
            try:
                return text.encode(names[size])
            except UnicodeEncodeError:
                return None

        def from_codes(data):  # any code points, also surrogates
            return ''.join(chr(int.from_bytes(data[i:i + 3], 'little') % 0x110000) for i in range(0, len(data), 3)))",
                        made);
    return made;
  }();
  static const py::Object decode = functions["decode"], encode = functions["encode"], codes = functions["from_codes"];
  return *name == 'd' ? decode : *name == 'e' ? encode : codes;
}

template <class Char>
std::basic_string<Char> units_of(std::string_view bytes) {
  std::basic_string<Char> units(bytes.size() / sizeof(Char), Char());
  if (!units.empty()) std::memcpy(&units[0], bytes.data(), units.size() * sizeof(Char));
  return units;
}

template <class Char>
void check_to_python(std::string_view bytes) {
  const std::basic_string<Char> units = units_of<Char>(bytes);
  const std::unique_ptr<Char[]> exact(new Char[units.size()]);  // a sanitizer sees each read behind its end
  std::copy(units.begin(), units.end(), exact.get());
  const py::Object wanted = codec("decode")(fuzz::bytes_of(bytes), sizeof(Char));
  try {
    const py::Object made = py::to_py(std::basic_string_view<Char>(exact.get(), units.size()));
    PROMISE(!wanted.is_none() && made == wanted);
    PROMISE(py::to_py(units) == wanted);
    PROMISE(made.as<std::basic_string<Char>>() == units);
    PROMISE(py::to_py(units.c_str()) == wanted || units.find(Char()) != units.npos);
  } catch (const py::ConversionError&) {
    PROMISE(wanted.is_none());
  }
  PROMISE(!fuzz::has_error());
}

template <class Char>
void check_from_python(const py::Object& text) {
  const py::Object wanted = codec("encode")(text, sizeof(Char));
  using String = std::basic_string<Char>;
  const std::optional<String> made = text.try_as<String>();
  PROMISE(made.has_value() == !wanted.is_none());
  try {
    const String units = text.as<String>();
    PROMISE(made && units == *made);
    const std::string_view bytes(reinterpret_cast<const char*>(units.data()), units.size() * sizeof(Char));
    PROMISE(py::Object(py::to_py(fuzz::bytes_of(bytes))) == wanted);
    PROMISE(py::to_py(units) == text);
  } catch (const py::ConversionError&) {
    PROMISE(!made);
  }
  PROMISE(!fuzz::has_error());
}

/// A str of one character.
template <class Char>
void check_character(const py::Object& text, std::uint32_t last) {
  const std::u32string codes = text.try_as<std::u32string>().value_or(U"");
  const bool is_surrogate = py::len(text) == 1 && codes.empty();
  const std::optional<Char> made = text.try_as<Char>();
  if (is_surrogate)
    PROMISE(made.has_value() == (last >= 0xFFFF));
  else
    PROMISE(made.has_value() == (codes.size() == 1 && codes[0] <= last));
  if (!made) return;
  PROMISE(is_surrogate || static_cast<std::uint32_t>(*made) == codes[0]);
  PROMISE(py::to_py(*made) == text);
}

void check_views(const py::Object& text) {
  const std::optional<std::string> wanted = text.try_as<std::string>();
  const auto view = text.try_as<std::string_view>();
  PROMISE(view.has_value() == wanted.has_value() && (!view || *view == *wanted));
  const auto chars = text.try_as<const char*>();
  PROMISE(chars.has_value() == (wanted && wanted->find('\0') == std::string::npos));
  PROMISE(!chars || *wanted == *chars);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::python();
  const fuzz::Exact exact(std::string_view(reinterpret_cast<const char*>(data), size));
  const std::string_view bytes = exact.view();
  check_to_python<char>(bytes);
  check_to_python<char16_t>(bytes);
  check_to_python<char32_t>(bytes);
  check_to_python<wchar_t>(bytes);
  PROMISE(py::detail::is_utf8(bytes) == !codec("decode")(fuzz::bytes_of(bytes), 1).is_none());

  const py::Object text = codec("codes")(fuzz::bytes_of(bytes)),
                   short_text = codec("codes")(fuzz::bytes_of(bytes.substr(0, 3)));
  for (const py::Object& each : {text, short_text}) {
    check_from_python<char>(each);
    check_from_python<char16_t>(each);
    check_from_python<char32_t>(each);
    check_from_python<wchar_t>(each);
    check_views(each);
    check_character<char>(each, 0x7F);
    check_character<char16_t>(each, 0xFFFF);
    check_character<char32_t>(each, 0x10FFFF);
    check_character<wchar_t>(each, sizeof(wchar_t) == 2 ? 0xFFFF : 0x10FFFF);
  }
  return 0;
}
