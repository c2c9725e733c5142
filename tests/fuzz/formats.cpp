// tests/fuzz/formats.cpp: formats of buffers, against the struct module and, where it is installed, numpy.
// SPDX-License-Identifier: MIT
#include <latepy/memory/detail/parse_format.hpp>
#include <latepy/stl/complex.hpp>
#include <latepy/stl/struct.hpp>

#include <complex>
#include <string>
#include <vector>

#include "python.hpp"

namespace {

struct Inner {
  short a;
  double b[2];
};

}  // namespace

LATEPY_STRUCT(Inner, a, b)

namespace {

namespace py = latepy;
using namespace py::detail;

struct Functions {
  py::Object size, item, fields;
};
const Functions& functions() {
  static const Functions all = [] {
    py::Object made = py::dict();
    fuzz::python().exec(R"(
        import struct
        try:
            from numpy.core._internal import _dtype_from_pep3118
        except ImportError:
            _dtype_from_pep3118 = None

        def size(format):  # -1 if it is none
            try:
                return struct.calcsize(format)
            except struct.error:
                return -1

        def item(format):  # the type of what is unpacked
            values = struct.unpack(format, bytes(struct.calcsize(format)))
            return '%d %s' % (len(values), type(values[0]).__name__ if values else '')

        def flat(dtype, path, at):
            for name in dtype.names:
                base, offset = dtype.fields[name][:2]
                shape = base.shape
                base = base.base
                if base.names is None:
                    yield '%s %d %s%d %s' % (path + name, at + offset, base.kind, base.itemsize, shape)
                    continue
                count = 1
                for n in shape:
                    count *= n
                for i in range(count):
                    yield from flat(base, path + name + '.', at + offset + i * base.itemsize)

        def fields(format):  # '' where numpy does not tell
            if not _dtype_from_pep3118:
                return ''
            try:
                dtype = _dtype_from_pep3118(format)
            except Exception:  # it has no promise for formats of others
                return ''
            return '\n'.join([str(dtype.itemsize), *flat(dtype, '', 0)]) if dtype.names and dtype.shape == () else ''
    )",
                        made);
    return Functions{made["size"], made["item"], made["fields"]};
  }();
  return all;
}

std::string shown(const std::vector<FieldForm>& fields, ssize size) {
  std::string text = std::to_string(size);
  for (const FieldForm& field : fields) {
    const std::size_t ndim = field.shape.size() - !field.type;
    const ssize bytes = field.type ? field.type->size : field.shape.back();
    const char kind = field.type ? numpy_letter(field.type->kind) : 'S';
    text += "\n" + field.name + " " + std::to_string(field.offset) + " " + kind + std::to_string(bytes) + " (";
    for (std::size_t i = 0; i < ndim; ++i) text += (i ? ", " : "") + std::to_string(field.shape[i]);
    text += ndim == 1 ? ",)" : ")";
  }
  return text;
}

/// Any text.
void check_text(const std::string& text) {
  constexpr ssize most = 4096;
  FormatReader reader(text.c_str(), Tails::everywhere, most);
  std::vector<FieldForm> fields;
  ssize size = 0, alignment = 1;
  reader.read_order();
  const bool is_struct = reader.read_struct(fields, size, alignment) && reader.is_at_end();
  PROMISE(!fuzz::has_error());
  const StructForm& inner = StructItem<Inner>::form();
  const bool holds = holds_struct(inner, text.c_str(), inner.size);
  PROMISE(!holds || is_struct);
  if (!is_struct) return;
  PROMISE(size >= 0 && size <= most && fields.size() <= static_cast<std::size_t>(size));
  bool has_names = true;
  for (const FieldForm& field : fields) {
    PROMISE(field.offset >= 0 && field.size() > 0 && field.offset + field.size() <= size);
    const std::string path = "." + field.name + ".";  // of structs in structs
    has_names &= path.find("..") == path.npos;
  }
  for (const char c : text) has_names &= c > 0;
  const std::string numpy = has_names && !fields.empty() ? functions().fields(text).as<std::string>() : "";
  const ssize whole = numpy.empty() ? size : std::stol(numpy);  // with the padding behind the last field
  PROMISE(whole >= size);
  if (!numpy.empty() && numpy != shown(fields, whole)) {
    std::fprintf(stderr, "%s\nnumpy: %s\nlatepy: %s\n", text.c_str(), numpy.c_str(), shown(fields, size).c_str());
    PROMISE(numpy == shown(fields, whole));
  }
}

/// A flat format, which the struct module knows too.
void check_flat(fuzz::Input& input) {
  std::string text(1, "@=<>!^"[input.below(6)]);
  while (input.size() > 0) {
    const unsigned count = input.take<std::uint8_t>();
    if (count % 3 == 0) text += std::to_string(count % 16 + 1);
    text += "?bBhHiIlLqQfdxs"[input.below(15)];
  }
  const std::string whole = "T{" + text + "}";
  FormatReader reader(whole.c_str(), Tails::everywhere, 1 << 20);
  std::vector<FieldForm> fields;
  ssize size = 0, alignment = 1;
  if (reader.read_struct(fields, size, alignment) && text[0] != '^')
    PROMISE(functions().size(text).as<ssize>() == size);
}

void check_item(const std::string& text) {
  const ItemKind kind = kind_of_item(text.c_str());
  if (kind == ItemKind::other || text.find('Z') != text.npos || text.find('g') != text.npos) return;
  if (text[0] != '@' && text.size() > 1 && text.find_first_of("nN") != text.npos) return;  // its size is the itemsize;
  PROMISE(functions().size(text).as<ssize>() > 0);
  const std::string item = functions().item(text).as<std::string>();
  PROMISE(item == (kind == ItemKind::boolean ? "1 bool" : kind == ItemKind::floating ? "1 float" : "1 int"));
}

/// The format that a struct gets is read back as that struct, and as no other.
void check_form(fuzz::Input& input) {
  static const ItemType* const types[] = {&item_type<bool>,          &item_type<std::int8_t>,
                                          &item_type<std::uint16_t>, &item_type<std::int32_t>,
                                          &item_type<std::uint64_t>, &item_type<float>,
                                          &item_type<double>,        &item_type<std::complex<float>>,
                                          &item_type<Inner>,         nullptr};
  const unsigned change = input.below(6), changed = input.below(4);
  StructForm form, other;
  ssize at = 0;
  const unsigned count = input.below(4) + 1;
  for (unsigned i = 0; i < count; ++i) {
    at += input.below(4);
    FieldForm field{std::string(1, static_cast<char>('a' + i)), at, types[input.below(10)], {}};
    for (unsigned dimensions = input.below(3); dimensions > 0; --dimensions) field.shape.push_back(input.below(3) + 1);
    if (!field.type) field.shape.push_back(input.below(5) + 1);
    at += field.size();
    form.fields.push_back(field);
  }
  form.size = at + input.below(4);
  other = form;
  complete_form(form, "Made");
  PROMISE(holds_struct(form, ("=" + form.format).c_str(), form.size));
  PROMISE(!holds_struct(form, form.format.c_str(), form.size + 1));
  std::string numpy = functions().fields(form.format).as<std::string>();
  std::vector<FieldForm> fields;
  flatten(form, "", 0, fields);
  PROMISE(numpy.empty() || numpy == shown(fields, form.size));

  FieldForm& field = other.fields[changed % count];
  if (change == 0)
    field.name += 'x';
  else if (change == 1 && !(field.type && field.type->form))  // Inner[1] lies as Inner does
    field.shape.insert(field.shape.begin(), 1);
  else if (change == 2 && field.type)
    field.type = field.type == types[1] ? types[0] : types[1], other.size += 8;
  else if (change == 3)
    for (FieldForm* each = &other.fields.back(); each >= &field; --each) ++each->offset, other.size += each == &field;
  else
    return;
  complete_form(other, "Other");
  PROMISE(!holds_struct(other, ("=" + form.format).c_str(), other.size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::python();
  fuzz::Input input(data, size);
  switch (input.below(4)) {
    case 0:
      check_flat(input);
      break;
    case 1:
      check_form(input);
      break;
    default:
      const std::string text(input.text());
      check_text(text);
      check_text("T{" + text + "}");
      check_item(text.c_str());
  }
  return 0;
}
