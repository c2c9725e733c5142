// latepy/find/detail/binary_header.hpp: for which machine a shared library is, read from its first bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/find/detail/arena.hpp>

#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What the first bytes of a file say.
struct BinaryHeader {
  Text fault;      ///< why the file is no shared library; "" where format and machines are known
  Text format;     ///< "ELF", "PE", "Mach-O"
  Texts machines;  ///< several in a universal Mach-O
};

/// What this program is itself.
inline constexpr Text native_format = LATEPY_WINDOWS ? "PE" : LATEPY_APPLE ? "Mach-O" : "ELF";
inline constexpr Text native_machine =
#if defined(__aarch64__) || defined(_M_ARM64)
    "arm64";
#elif defined(__x86_64__) && defined(__ILP32__)
    "x32";
#elif defined(__x86_64__) || defined(_M_X64)
    "x86-64";
#elif defined(__i386__) || defined(_M_IX86)
    "i386";
#elif defined(__arm__) || defined(_M_ARM)
    "arm";
#elif defined(__s390x__)
    "s390x";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    "ppc64le";
#elif defined(__powerpc64__)
    "ppc64";
#elif defined(__riscv) && __riscv_xlen == 64
    "riscv64";
#elif defined(__loongarch64)
    "loongarch64";
#else
    "";  // unknown here: every machine passes, and the dynamic linker decides
#endif

/// Reads numbers of either byte order. Bytes behind the end are 0.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}
  LATEPY_COLD std::uint64_t get(std::uint64_t at, unsigned size) const noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
      const std::uint64_t place = at + (big_endian_ ? i : size - 1 - i);
      value = value << 8 |
              (place < bytes_.size() ? static_cast<unsigned char>(bytes_[static_cast<std::size_t>(place)]) : 0u);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_endian_;
};

/// Whether `length` bytes at the offset lie in a file of this size. Their sum may be larger than a number can be.
inline bool lies_in(std::uint64_t offset, std::uint64_t length, std::uint64_t size) noexcept {
  return offset <= size && length <= size - offset;
}

struct MachineNumber {
  std::uint32_t number;  // as the header has it
  char name[12];
};

/// The machine of a number, by a table whose last row has the number 0.
LATEPY_COLD inline Text machine_name(Arena& arena, Text format, std::uint64_t number, const MachineNumber* known) {
  for (; known->number; ++known)
    if (known->number == number) return known->name;
  return arena.concat(format, " machine ", arena.decimal(number));
}

// Each of the next three adds the machines to the header and returns "", or returns the fault.

/// gABI chapter 4: e_machine at 18, then e_phoff, e_shoff.
LATEPY_COLD inline Text read_elf(Arena& arena, std::string_view bytes, std::uint64_t size, BinaryHeader& header) {
  const bool wide = bytes.size() > 4 && bytes[4] == 2, big_endian = bytes.size() > 5 && bytes[5] == 2;
  const ByteReader read(bytes, big_endian);
  const unsigned word = wide ? 8 : 4;
  const std::uint64_t after = wide ? 52 : 40;  // e_ehsize; e_phentsize, e_phnum, e_shentsize, e_shnum follow
  if (bytes.size() < after + 12) return "truncated ELF file";
  const std::uint64_t programs = read.get(after + 2, 2) * read.get(after + 4, 2);
  const std::uint64_t sections = read.get(after + 6, 2) * read.get(after + 8, 2);
  if (!lies_in(read.get(24 + word, word), programs, size) || !lies_in(read.get(24 + 2 * word, word), sections, size))
    return "truncated ELF file";
  if (read.get(16, 2) != 3) return "an ELF file, but no shared library";
  static constexpr std::uint32_t of_64_bits = 0x10000, of_big_endian = 0x20000;
  static constexpr MachineNumber known[] = {{3, "i386"},
                                            {22, "s390"},
                                            {22 | of_64_bits, "s390x"},
                                            {62, "x32"},
                                            {62 | of_64_bits, "x86-64"},
                                            {40, "arm"},
                                            {183, "arm64"},
                                            {243, "riscv32"},
                                            {243 | of_64_bits, "riscv64"},
                                            {258, "loongarch64"},
                                            {21, "ppc64le"},
                                            {21 | of_big_endian, "ppc64"},
                                            {0, ""}};
  std::uint64_t number = read.get(18, 2);
  if (number == 21)
    number |= big_endian ? of_big_endian : 0;
  else if (number == 22 || number == 62 || number == 243)
    number |= wide ? of_64_bits : 0;
  header.machines.add(machine_name(arena, "ELF", number, known));
  return {};
}

/// PE format, "MS-DOS stub" and "COFF file header": e_lfanew at 0x3c, then "PE\0\0", Machine, Characteristics.
LATEPY_COLD inline Text read_pe(Arena& arena, std::string_view bytes, std::uint64_t size, BinaryHeader& header) {
  const ByteReader read(bytes, false);
  const std::uint64_t at = read.get(0x3c, 4);
  if (bytes.size() < 0x40 || at + 24 > size || at + 24 > bytes.size()) return "truncated PE file";
  if (read.get(at, 4) != 0x4550) return "an MS-DOS program, not a DLL";
  if ((read.get(at + 22, 2) & 0x2000) == 0) return "a PE program, not a DLL";
  static constexpr MachineNumber known[] = {
      {0x14c, "i386"}, {0x1c4, "arm"}, {0x8664, "x86-64"}, {0xaa64, "arm64"}, {0, ""}};
  header.machines.add(machine_name(arena, "PE", read.get(at + 4, 2), known));
  return {};
}

/// mach-o/loader.h and mach-o/fat.h; a universal file's header is always big endian.
LATEPY_COLD inline Text read_mach_o(Arena& arena, std::string_view bytes, std::uint64_t size, BinaryHeader& header) {
  static constexpr MachineNumber known[] = {
      {7, "i386"}, {12, "arm"}, {0x01000007, "x86-64"}, {0x0100000c, "arm64"}, {0, ""}};
  const std::uint64_t magic = ByteReader(bytes, true).get(0, 4);
  const bool is_universal = magic == 0xcafebabe || magic == 0xcafebabf;
  const ByteReader read(bytes, is_universal || magic >> 24 == 0xfe);
  if (!is_universal) {
    if (bytes.size() < 28) return "truncated Mach-O file";
    const std::uint64_t type = read.get(12, 4);
    if (type != 6 && type != 8) return "a Mach-O file, but no shared library";
    header.machines.add(machine_name(arena, "Mach-O", read.get(4, 4), known));
    return {};
  }
  const bool wide = magic == 0xcafebabf;
  const std::uint64_t count = read.get(4, 4), entry = wide ? 32 : 20;
  if (count > 30) return "a Java class, not a shared library";  // shares the magic number
  if (8 + count * entry > bytes.size()) return "truncated Mach-O file";
  for (std::uint64_t at = 8; at < 8 + count * entry; at += entry) {
    const unsigned word = wide ? 8 : 4;
    if (!lies_in(read.get(at + 8, word), read.get(at + 8 + word, word), size)) return "truncated Mach-O file";
    header.machines.add(machine_name(arena, "Mach-O", read.get(at, 4), known));
  }
  return {};
}

/// \param bytes the first 4 KiB of a file. \param size how large the whole file is.
LATEPY_COLD inline BinaryHeader read_binary_header(Arena& arena, std::string_view bytes, std::uint64_t size) {
  BinaryHeader header{{}, {}, Texts(arena)};
  switch (ByteReader(bytes, true).get(0, 4)) {
    case 0x7f454c46:
      header.format = "ELF";
      header.fault = read_elf(arena, bytes, size, header);
      return header;
    case 0xfeedface:
    case 0xfeedfacf:
    case 0xcefaedfe:
    case 0xcffaedfe:
    case 0xcafebabe:
    case 0xcafebabf:
      header.format = "Mach-O";
      header.fault = read_mach_o(arena, bytes, size, header);
      return header;
    default:
      break;
  }
  if (size == 0) {
    header.fault = "an empty file";
  } else if (starts_with(bytes, "MZ")) {
    header.format = "PE";
    header.fault = read_pe(arena, bytes, size, header);
  } else if (starts_with(bytes, "!<arch>")) {
    header.fault = "a static library, which cannot be loaded";
  } else {
    header.fault = starts_with(bytes, "#!") ? "a script, not a shared library" : "not a shared library";
  }
  return header;
}

/// Why a library cannot be loaded into a program of this format and machine, "" when it can.
LATEPY_COLD inline Text binary_fault(Arena& arena, const BinaryHeader& header, Text format = native_format,
                                     Text machine = native_machine) {
  if (!header.fault.empty()) return header.fault;
  const bool same_format = header.format == format;
  bool fits = same_format && machine.empty();
  Text found = header.format;
  for (const Text& one : header.machines) {
    found = arena.concat(found, &one == header.machines.begin() ? " for " : " and ", one);
    fits |= same_format && one == machine;
  }
  if (fits) return {};
  return arena.concat({"wrong architecture: it is ", found, ", this program is ", format, " for ", machine});
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
