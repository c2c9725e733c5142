// latepy/memory/detail/struct_form.hpp: how the fields of a LATEPY_STRUCT() lie in memory, and their PEP 3118 format.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>
#include <latepy/memory/detail/item_type.hpp>

#include <algorithm>
#include <memory>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A field of a struct in memory.
struct FieldForm {
  std::string name;
  ssize offset;
  const ItemType* type;      ///< of an item; null: text of `shape[0]` chars
  std::vector<ssize> shape;  ///< of a C array or std::array; else empty
  ssize size() const noexcept {
    ssize all = type ? type->size : 1;
    for (const ssize each : shape) all *= each;
    return all;
  }
};
/// The fields in the order of memory.
struct StructForm {
  std::vector<FieldForm> fields{};
  ssize size = 0;
  std::string format{};
};

/// Sorts the fields and writes the format: always `T{=…}` with each byte of padding. numpy refuses formats without
/// trailing padding, and those of packed structs with native alignment. \throws ValueError if two fields share memory.
void complete_form(StructForm& form, const char* name);
/// The `descr` of the struct in `__array_interface__`. Needs the GIL.
Object make_descr(const StructForm& form);

/// The type of the items of an array type, and its dimensions.
template <class M>
struct FieldItem {
  using Type = M;
  static void add_shape(std::vector<ssize>&) {}
};
template <class M, std::size_t N>
struct FieldItem<M[N]> {
  using Type = typename FieldItem<M>::Type;
  static void add_shape(std::vector<ssize>& shape) {
    shape.push_back(static_cast<ssize>(N));
    FieldItem<M>::add_shape(shape);
  }
};
template <template <class, std::size_t> class Array, class M, std::size_t N>
struct FieldItem<Array<M, N>> : FieldItem<M[N]> {};  // std::array

/// The name of a field needs no escape in a format.
constexpr bool is_format_name(const char* name) noexcept {
  if (!*name) return false;
  for (; *name; ++name)
    if (*name == ':') return false;
  return true;
}

template <class T>
struct StructItem {
  static const StructForm& form() {
    static const StructForm made = make();
    return made;
  }
  static const char* format() { return form().format.c_str(); }

 private:
  static StructForm make() {
    static_assert(std::is_trivially_copyable_v<T>,
                  "a struct in memory that Python shares must be trivially copyable: no std::string, no std::vector");
    static_assert(Converter<T>::each([](const char* name, auto) { return is_format_name(name); }),
                  "the key of a field in shared memory must not be empty and must not contain ':'");
    StructForm form;
    form.size = sizeof(T);
    const T value{};
    Converter<T>::each([&](const char* name, auto member) {
      using Member = std::remove_cv_t<std::remove_reference_t<decltype(std::declval<T&>().*member)>>;
      const void* const at = &(value.*member);  // std::addressof() would take a reference: structs may be packed
      add_field<Member>(form, name,
                        static_cast<const char*>(at) - reinterpret_cast<const char*>(std::addressof(value)));
      return true;
    });
    complete_form(form, Converter<T>::name);
    return form;
  }
  template <class FieldType>
  static void add_field(StructForm& form, const char* name, ssize offset) {
    using Item = typename FieldItem<FieldType>::Type;
    constexpr bool is_text = std::is_same_v<Item, char> && std::is_array_v<FieldType>;
    static_assert(is_text || (is_item<Item> && !std::is_same_v<Item, long double>),
                  "this FieldType of a LATEPY_STRUCT cannot be in memory that Python shares: numbers up to double and "
                  "long long, bool, std::complex<float or double>, char arrays, other structs of LATEPY_STRUCT, and "
                  "arrays of these can");
    FieldForm field{name, offset, nullptr, {}};
    if constexpr (!is_text) field.type = &item_type<Item>;
    FieldItem<FieldType>::add_shape(field.shape);
    form.fields.push_back(std::move(field));
  }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void complete_form(StructForm& form, const char* name) {
  std::sort(form.fields.begin(), form.fields.end(),
            [](const FieldForm& a, const FieldForm& b) { return a.offset < b.offset; });
  // numpy reads a shape only before the mark of the byte order, which holds from then on.
  std::string& text = form.format = "T{";
  ssize at = 0;
  bool is_ordered = false;
  const auto add_order = [&] {
    if (!std::exchange(is_ordered, true)) text += '=';
  };
  const auto pad_to = [&](ssize offset) {
    if (at < offset) add_order();
    for (; at < offset; ++at) text += 'x';
  };
  for (const FieldForm& field : form.fields) {
    if (field.offset < at)
      throw ValueError(concat({"the struct ", name, " cannot be in memory that Python shares: its field \"", field.name,
                               "\" begins where another field is"}));
    pad_to(field.offset);
    const std::size_t dimensions = field.shape.size() - (field.type ? 0 : 1);  // the last one of text is its size
    for (std::size_t i = 0; i < dimensions; ++i) text.append(i ? "," : "(").append(decimal(field.shape[i]));
    if (dimensions) text += ')';
    add_order();
    if (field.type)
      text += field.type->format();
    else
      text.append(decimal(field.shape.back())).append("s");
    text.append(":").append(field.name).append(":");
    at = field.offset + field.size();
  }
  pad_to(form.size);
  text += '}';
}

LATEPY_FUNC LATEPY_COLD Object make_descr(const StructForm& form) {
  Object list = steal_or_throw(api().List_New(0));
  const auto add = [&](const Ref& item) { check_result(api().List_Append(list.ptr(), item.ptr())); };
  ssize at = 0;
  const auto pad_to = [&](ssize offset) {
    if (offset > at) add(make_tuple({make_str(""), make_str(numpy_typestr(ItemKind::other, offset - at))}));
  };
  for (const FieldForm& field : form.fields) {
    pad_to(field.offset);
    const std::size_t dimensions = field.shape.size() - (field.type ? 0 : 1);
    Object type = field.type && field.type->form ? make_descr(field.type->form())
                  : field.type                   ? Object(make_str(numpy_typestr(field.type->kind, field.type->size)))
                                                 : Object(make_str("|S" + decimal(field.shape.back())));
    Object shape = steal_or_throw(api().Tuple_New(static_cast<ssize>(dimensions)));
    for (std::size_t i = 0; i < dimensions; ++i)
      expect_success(api().Tuple_SetItem(shape.ptr(), static_cast<ssize>(i), make_int(field.shape[i]).release()));
    add(dimensions ? make_tuple({make_str(field.name), type, shape}) : make_tuple({make_str(field.name), type}));
    at = field.offset + field.size();
  }
  pad_to(form.size);
  return list;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
