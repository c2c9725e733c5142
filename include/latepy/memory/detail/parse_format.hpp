// latepy/memory/detail/parse_format.hpp: compares the format of a buffer of structs with that of a C++ struct.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/struct_form.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Where structs in a struct are followed by padding that the format does not tell. numpy writes the padding behind
/// such a struct as that of the outer one, and none between the elements of an array; others align every struct.
enum class Tails : unsigned char { none, in_arrays, everywhere };

/// Reads a format of PEP 3118, as numpy, ctypes and the struct module write them, and adds what it finds to `form`.
class FormatReader {
 public:
  /// \param most how many bytes the struct has at most. What would be larger is refused before it is counted out: a
  /// format may say that there are more items than memory could hold.
  FormatReader(const char* format, Tails tails, ssize most) noexcept
      : at_(format ? format : "B"), tails_(tails), most_(most) {}
  /// Reads a struct, `T{…}`, of `size` bytes. \returns false if it is none, or has fields that no C++ struct has.
  bool read_struct(std::vector<FieldForm>& fields, ssize& size, ssize& alignment);
  bool is_at_end() const noexcept { return *at_ == '\0'; }
  /// Skips the marks of byte order and alignment that are valid from here on.
  void read_order() noexcept;

 private:
  bool read_shape(std::vector<ssize>& shape) noexcept;
  bool read_number(ssize& number) noexcept;
  /// Adds `count` times `item` bytes. \returns false if these are too many.
  bool add(ssize& size, ssize item, ssize count) const noexcept;

  const char* at_;
  const Tails tails_;
  const ssize most_;
  char order_ = '@';
};

/// Whether the format is that of the struct: the same names, types and places of all fields.
bool holds_struct(const StructForm& form, const char* format, ssize itemsize);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void FormatReader::read_order() noexcept {
  while (*at_ && std::strchr("@=<>!^", *at_)) order_ = *at_++;
}
LATEPY_FUNC LATEPY_COLD bool FormatReader::read_number(ssize& number) noexcept {
  if (*at_ < '0' || *at_ > '9') return false;
  for (number = 0; *at_ >= '0' && *at_ <= '9'; ++at_) {
    if (number > most_ / 10) return false;
    number = 10 * number + (*at_ - '0');
  }
  return true;
}
LATEPY_FUNC LATEPY_COLD bool FormatReader::add(ssize& size, ssize item, ssize count) const noexcept {
  if (size > most_ || (item && count > (most_ - size) / item)) return false;
  size += item * count;
  return true;
}
LATEPY_FUNC LATEPY_COLD bool FormatReader::read_shape(std::vector<ssize>& shape) noexcept {
  ++at_;
  for (ssize number;;) {
    if (!read_number(number)) return false;
    shape.push_back(number);
    if (*at_ == ')') return ++at_, true;
    if (*at_++ != ',') return false;
  }
}

/// The size of a code in native formats (`@`, `^`) and in standard ones; 0 if it is no number.
LATEPY_FUNC LATEPY_COLD ssize code_size(char code, bool is_native) noexcept {
  switch (code) {
    case '?':
    case 'b':
    case 'B':
      return 1;
    case 'h':
    case 'H':
    case 'e':
      return 2;
    case 'i':
    case 'I':
    case 'f':
      return 4;
    case 'l':
    case 'L':
      return is_native ? static_cast<ssize>(sizeof(long)) : 4;
    case 'q':
    case 'Q':
    case 'd':
      return 8;
    default:
      return 0;
  }
}

LATEPY_FUNC LATEPY_COLD bool FormatReader::read_struct(std::vector<FieldForm>& fields, ssize& size, ssize& alignment) {
  if (at_[0] != 'T' || at_[1] != '{') return false;
  const StackScope stack;  // they nest
  if (stack.is_refused()) return api().Err_Clear(), false;
  at_ += 2;
  size = 0;
  alignment = 1;
  ssize pads = 0;
  for (;;) {
    read_order();
    if (*at_ == '}') return ++at_, add(size, 1, pads);
    FieldForm field{{}, 0, nullptr, {}};
    if (*at_ == '(' && !read_shape(field.shape)) return false;
    read_order();
    ssize count = 1;
    const bool has_count = read_number(count) && count != 1;  // "1d" is no array; "(1)d" is
    const bool is_ours = order_ == '@' || order_ == '^' || order_ == '=' || order_ == (LATEPY_BIG_ENDIAN ? '>' : '<') ||
                         (LATEPY_BIG_ENDIAN && order_ == '!');
    ssize item = 1, own_alignment = 1;
    std::vector<FieldForm> inner;
    const char code = *at_;
    if (code == 'x') {
      ++at_;
      if (*at_ == ':' || !field.shape.empty()) return false;  // a field of raw bytes
      if (!add(pads, 1, count)) return false;
      continue;
    }
    if (code == 's') {
      ++at_;
      field.shape.push_back(count);
    } else if (code == 'T') {
      if (!read_struct(inner, item, own_alignment)) return false;
      const bool is_array = has_count || !field.shape.empty();
      if (order_ == '@' && (tails_ == Tails::everywhere || (tails_ == Tails::in_arrays && is_array)))
        item += (own_alignment - item % own_alignment) % own_alignment;
    } else {
      const bool is_complex = code == 'Z';
      if (is_complex) ++at_;
      const char letters[] = {'@', is_complex ? 'Z' : *at_, is_complex ? *at_ : '\0', '\0'};
      own_alignment = *at_ ? code_size(*at_, order_ == '@' || order_ == '^') : 0;
      item = is_complex ? 2 * own_alignment : own_alignment;
      field.type = own_alignment ? item_type_of(kind_of_item(letters), item) : nullptr;
      if (!field.type || (!is_ours && own_alignment > 1)) return false;
      ++at_;
    }
    if (code != 's' && has_count) field.shape.push_back(count);
    if (!add(size, 1, pads)) return false;
    pads = 0;
    if (order_ == '@') {
      size += (own_alignment - size % own_alignment) % own_alignment;
      if (own_alignment > alignment) alignment = own_alignment;
    }
    field.offset = size;
    if (*at_ == ':') {
      const char* const end = std::strchr(at_ + 1, ':');
      if (!end) return false;
      field.name.assign(at_ + 1, end);
      at_ = end + 1;
    }
    ssize items = 1;
    for (const ssize each : field.shape) {
      if (each == 0 || items > most_ / each) return false;  // an array of C++ is not empty
      items *= each;
    }
    if (!add(size, item, items)) return false;
    if (code == 'T') {  // each field of each struct, by its path
      for (ssize i = 0; i < items; ++i)
        for (const FieldForm& each : inner)
          fields.push_back(
              {field.name + "." + each.name, field.offset + i * item + each.offset, each.type, each.shape});
    } else {
      fields.push_back(std::move(field));
    }
  }
}

/// Adds the fields of a struct, with those of structs in it by their path.
LATEPY_FUNC LATEPY_COLD void flatten(const StructForm& form, const std::string& path, ssize offset,
                                     std::vector<FieldForm>& fields) {
  for (const FieldForm& each : form.fields) {
    if (!each.type || !each.type->form) {
      fields.push_back({path + each.name, offset + each.offset, each.type, each.shape});
      continue;
    }
    const ssize count = each.size() / each.type->size;
    for (ssize i = 0; i < count; ++i)
      flatten(each.type->form(), path + each.name + ".", offset + each.offset + i * each.type->size, fields);
  }
}

LATEPY_FUNC LATEPY_COLD bool holds_struct(const StructForm& form, const char* format, ssize itemsize) {
  if (itemsize != form.size || !format) return false;
  if (form.format == format) return true;
  std::vector<FieldForm> ours;
  flatten(form, "", 0, ours);
  const auto is_ours = [&](const std::vector<FieldForm>& theirs) {
    return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(), [](const auto& a, const auto& b) {
      const bool are_same_items =
          a.type ? b.type && a.type->kind == b.type->kind && a.type->size == b.type->size : !b.type;
      return are_same_items && a.name == b.name && a.offset == b.offset && a.shape == b.shape;
    });
  };
  for (const Tails tails : {Tails::none, Tails::in_arrays, Tails::everywhere}) {
    FormatReader reader(format, tails, itemsize);
    std::vector<FieldForm> theirs;
    ssize size = 0, alignment = 1;
    reader.read_order();
    if (!reader.read_struct(theirs, size, alignment) || !reader.is_at_end()) return false;
    if (is_ours(theirs)) return true;
  }
  return false;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
