// latepy/find/detail/binary_header.hpp: for which machine a shared library is, read from its first bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/paths.hpp>

#include <cstdint>

namespace latepy {
inline namespace v1 {
namespace detail {

/// `fault` says why the file is no shared library at all; else format and machines are known.
struct BinaryHeader {
  std::string_view format;            // "ELF", "PE", "Mach-O"
  std::vector<std::string> machines;  // several in a universal Mach-O
  std::string_view fault;
};

/// What this program is itself.
inline constexpr std::string_view native_format = LATEPY_WINDOWS ? "PE" : LATEPY_APPLE ? "Mach-O" : "ELF";
inline constexpr std::string_view native_machine =
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
    "";  // unknown here: every machine passes and the loader decides
#endif

class ByteReader {
 public:
  ByteReader(std::string_view bytes, bool big) : bytes_(bytes), big_(big) {}
  std::uint64_t get(std::uint64_t at, unsigned size) const noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
      const std::uint64_t place = at + (big_ ? i : size - 1 - i);
      value = value << 8 |
              (place < bytes_.size() ? static_cast<unsigned char>(bytes_[static_cast<std::size_t>(place)]) : 0u);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_;
};

struct MachineNumber {
  std::uint64_t number;  // as the header has it
  const char* name;
};

LATEPY_COLD inline std::string machine_name(std::string_view format, std::uint64_t number,
                                            std::initializer_list<MachineNumber> known) {
  for (const MachineNumber& machine : known)
    if (machine.number == number) return machine.name;
  return concat({format, " machine ", decimal(number)});
}

// Each gives the fault, or "" and the machines.

/// gABI chapter 4: e_machine at 18, then e_phoff, e_shoff.
LATEPY_COLD inline std::string_view read_elf(std::string_view bytes, std::uint64_t size,
                                             std::vector<std::string>& machines) {
  const bool wide = bytes.size() > 4 && bytes[4] == 2, big = bytes.size() > 5 && bytes[5] == 2;
  const ByteReader read(bytes, big);
  const unsigned word = wide ? 8 : 4;
  const std::uint64_t after = wide ? 52 : 40;  // e_ehsize; e_phentsize, e_phnum, e_shentsize, e_shnum follow
  if (bytes.size() < after + 12) return "truncated ELF file";
  const std::uint64_t programs = read.get(24 + word, word) + read.get(after + 2, 2) * read.get(after + 4, 2);
  const std::uint64_t sections = read.get(24 + 2 * word, word) + read.get(after + 6, 2) * read.get(after + 8, 2);
  if (programs > size || sections > size) return "truncated ELF file";
  if (read.get(16, 2) != 3) return "an ELF file, but no shared library";
  machines.push_back(machine_name("ELF", read.get(18, 2),
                                  {{3, "i386"},
                                   {21, big ? "ppc64" : "ppc64le"},
                                   {22, wide ? "s390x" : "s390"},
                                   {40, "arm"},
                                   {62, wide ? "x86-64" : "x32"},
                                   {183, "arm64"},
                                   {243, wide ? "riscv64" : "riscv32"},
                                   {258, "loongarch64"}}));
  return {};
}

/// PE format, "MS-DOS stub" and "COFF file header": e_lfanew at 0x3c, then "PE\0\0", Machine, Characteristics.
LATEPY_COLD inline std::string_view read_pe(std::string_view bytes, std::uint64_t size,
                                            std::vector<std::string>& machines) {
  const ByteReader read(bytes, false);
  const std::uint64_t at = read.get(0x3c, 4);
  if (bytes.size() < 0x40 || at + 24 > size || at + 24 > bytes.size()) return "truncated PE file";
  if (read.get(at, 4) != 0x4550) return "an MS-DOS program, not a DLL";
  if ((read.get(at + 22, 2) & 0x2000) == 0) return "a PE program, not a DLL";
  machines.push_back(machine_name("PE", read.get(at + 4, 2),
                                  {{0x14c, "i386"}, {0x1c4, "arm"}, {0x8664, "x86-64"}, {0xaa64, "arm64"}}));
  return {};
}

/// mach-o/loader.h and mach-o/fat.h; a universal file's header is always big endian.
LATEPY_COLD inline std::string_view read_mach_o(std::string_view bytes, std::uint64_t size, std::uint64_t magic,
                                                std::vector<std::string>& machines) {
  const auto add = [&](std::uint64_t cpu) {
    machines.push_back(
        machine_name("Mach-O", cpu, {{7, "i386"}, {12, "arm"}, {0x01000007, "x86-64"}, {0x0100000c, "arm64"}}));
  };
  if (magic != 0xcafebabe && magic != 0xcafebabf) {
    const ByteReader read(bytes, magic >> 24 == 0xfe);
    if (bytes.size() < 28) return "truncated Mach-O file";
    const std::uint64_t type = read.get(12, 4);
    if (type != 6 && type != 8) return "a Mach-O file, but no shared library";
    add(read.get(4, 4));
    return {};
  }
  const ByteReader read(bytes, true);
  const std::uint64_t count = read.get(4, 4), entry = magic == 0xcafebabf ? 32 : 20;
  if (count > 30) return "a Java class, not a shared library";  // shares the magic number
  if (8 + count * entry > bytes.size()) return "truncated Mach-O file";
  for (std::uint64_t at = 8; at < 8 + count * entry; at += entry) {
    const unsigned word = entry == 32 ? 8 : 4;
    if (read.get(at + 8, word) + read.get(at + 8 + word, word) > size) return "truncated Mach-O file";
    add(read.get(at, 4));
  }
  return {};
}

/// From the first 4 KiB and the size of the whole file.
LATEPY_COLD inline BinaryHeader read_binary_header(std::string_view bytes, std::uint64_t size) {
  BinaryHeader header;
  const std::uint64_t magic = ByteReader(bytes, true).get(0, 4);
  switch (magic) {
    case 0x7f454c46:
      header.format = "ELF";
      header.fault = read_elf(bytes, size, header.machines);
      return header;
    case 0xfeedface:
    case 0xfeedfacf:
    case 0xcefaedfe:
    case 0xcffaedfe:
    case 0xcafebabe:
    case 0xcafebabf:
      header.format = "Mach-O";
      header.fault = read_mach_o(bytes, size, magic, header.machines);
      return header;
    default:
      break;
  }
  if (size == 0) {
    header.fault = "an empty file";
  } else if (starts_with(bytes, "MZ")) {
    header.format = "PE";
    header.fault = read_pe(bytes, size, header.machines);
  } else if (starts_with(bytes, "!<arch>")) {
    header.fault = "a static library, which cannot be loaded";
  } else {
    header.fault = starts_with(bytes, "#!") ? "a script, not a shared library" : "not a shared library";
  }
  return header;
}

/// Why a library cannot be loaded into a program of this format and machine, "" when it can.
LATEPY_COLD inline std::string binary_fault(const BinaryHeader& header, std::string_view format = native_format,
                                            std::string_view machine = native_machine) {
  if (!header.fault.empty()) return concat({header.fault});
  std::string found = concat({header.format});
  bool fits = header.format == format && machine.empty();
  for (const std::string& one : header.machines) {
    found += concat({&one == &header.machines.front() ? " for " : " and ", one});
    if (header.format == format && one == machine) fits = true;
  }
  if (fits) return {};
  return concat({"wrong architecture: it is ", found, ", this program is ", format, " for ", machine});
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
