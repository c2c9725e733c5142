// tests/fuzz/binary_header.cpp: the headers of ELF, PE and Mach-O files.
// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <latepy/find/detail/binary_header.hpp>

#include <string>

namespace {

using namespace latepy::detail;

/// A number of `bytes` bytes at the place; zeros behind the end.
std::uint64_t number(const std::string& text, std::uint64_t at, int bytes, bool big_endian) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    const std::uint64_t place = at + static_cast<std::uint64_t>(i);
    const std::uint64_t byte = place < text.size() ? static_cast<unsigned char>(text[place]) : 0;
    value |= byte << 8 * (big_endian ? bytes - 1 - i : i);
  }
  return value;
}

/// Whether `length` bytes at the offset lie in a file of this size.
bool lies_in(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

/// How many machines a shared library names, by the books; 0 if it is none.
std::size_t machines_of(const std::string& text, std::uint64_t size) {
  const std::string magic = text.substr(0, 4);
  if (magic ==
      "\x7f"
      "ELF") {
    const bool wide = text.size() > 4 && text[4] == 2, big = text.size() > 5 && text[5] == 2;
    const unsigned word = wide ? 8 : 4, tables = wide ? 54 : 42;
    if (text.size() < (wide ? 64u : 52u) || number(text, 16, 2, big) != 3) return 0;
    for (unsigned i = 0; i < 2; ++i) {
      const std::uint64_t offset = number(text, 24 + (i + 1) * word, static_cast<int>(word), big);
      const std::uint64_t each = number(text, tables + i * 4, 2, big), count = number(text, tables + i * 4 + 2, 2, big);
      if (!lies_in(offset, each * count, size)) return 0;
    }
    return 1;
  }
  if (magic.substr(0, 2) == "MZ") {
    const std::uint64_t at = number(text, 0x3c, 4, false);
    const bool is_there = text.size() >= 0x40 && lies_in(at, 24, text.size());
    return is_there && text.substr(at, 4) == std::string("PE\0\0", 4) && number(text, at + 22, 2, false) & 0x2000;
  }
  const std::uint64_t mach = number(text, 0, 4, true);
  if (mach == 0xcafebabe || mach == 0xcafebabf) {
    const std::uint64_t count = number(text, 4, 4, true), entry = mach == 0xcafebabf ? 32 : 20;
    if (count > 30 || text.size() < 8 + count * entry) return 0;
    const int word = mach == 0xcafebabf ? 8 : 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t at = 8 + i * entry + 8;
      const std::uint64_t offset = number(text, at, word, true);
      if (!lies_in(offset, number(text, at + static_cast<unsigned>(word), word, true), size)) return 0;
    }
    return count;
  }
  if (mach == 0xfeedface || mach == 0xfeedfacf || mach == 0xcefaedfe || mach == 0xcffaedfe) {
    const std::uint64_t type = number(text, 12, 4, mach >> 24 == 0xfe);
    return text.size() >= 28 && (type == 6 || type == 8);
  }
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint64_t more = input.below(4) ? input.take<std::uint16_t>() : input.take<std::uint64_t>() >> 1;
  const fuzz::Exact bytes(input.text(4096));
  const std::uint64_t whole = bytes.view().size() + more;
  Arena arena;
  const BinaryHeader header = read_binary_header(arena, bytes.view(), whole);
  const std::string text(bytes.view());
  PROMISE(header.fault.empty() ? header.machines.size() == machines_of(text, whole) : machines_of(text, whole) == 0);
  PROMISE(!header.fault.empty() || !header.format.empty());
  bool fits = false;
  for (const Text& machine : header.machines) {
    PROMISE(!machine.empty());
    fits |= machine == "x86-64";
  }
  for (const Text format : {"ELF", "PE", "Mach-O"}) {
    const bool is_right = header.fault.empty() && header.format == format;
    PROMISE(binary_fault(arena, header, format, "x86-64").empty() == (is_right && fits));
    PROMISE(binary_fault(arena, header, format, "").empty() == is_right);
  }
  return 0;
}
