// latepy/load/detail/binary_header.hpp: for which machine a shared library is, read from its first bytes.
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
  std::string fault;
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

LATEPY_COLD inline std::string machine_name(std::string_view kind, std::uint64_t number) {
  return std::string(kind) + " machine " + std::to_string(number);
}

/// gABI chapter 4: e_machine at 18, then e_phoff, e_shoff.
LATEPY_COLD inline BinaryHeader read_elf(std::string_view bytes, std::uint64_t size) {
  BinaryHeader header{"ELF", {}, {}};
  const bool wide = bytes.size() > 4 && bytes[4] == 2, big = bytes.size() > 5 && bytes[5] == 2;
  const ByteReader read(bytes, big);
  const unsigned word = wide ? 8 : 4;
  const std::uint64_t after = wide ? 52 : 40;  // e_ehsize; e_phentsize, e_phnum, e_shentsize, e_shnum follow
  if (bytes.size() < after + 12) return header.fault = "truncated ELF file", header;
  const std::uint64_t programs = read.get(24 + word, word) + read.get(after + 2, 2) * read.get(after + 4, 2);
  const std::uint64_t sections = read.get(24 + 2 * word, word) + read.get(after + 6, 2) * read.get(after + 8, 2);
  if (programs > size || sections > size) return header.fault = "truncated ELF file", header;
  if (read.get(16, 2) != 3) return header.fault = "an ELF file, but no shared library", header;
  const std::uint64_t machine = read.get(18, 2);
  switch (machine) {
    case 3:
      header.machines = {"i386"};
      break;
    case 21:
      header.machines = {big ? "ppc64" : "ppc64le"};
      break;
    case 22:
      header.machines = {wide ? "s390x" : "s390"};
      break;
    case 40:
      header.machines = {"arm"};
      break;
    case 62:
      header.machines = {wide ? "x86-64" : "x32"};
      break;
    case 183:
      header.machines = {"arm64"};
      break;
    case 243:
      header.machines = {wide ? "riscv64" : "riscv32"};
      break;
    case 258:
      header.machines = {"loongarch64"};
      break;
    default:
      header.machines = {machine_name("ELF", machine)};
  }
  return header;
}

/// PE format, "MS-DOS stub" and "COFF file header": e_lfanew at 0x3c, then "PE\0\0", Machine, Characteristics.
LATEPY_COLD inline BinaryHeader read_pe(std::string_view bytes, std::uint64_t size) {
  BinaryHeader header{"PE", {}, {}};
  const ByteReader read(bytes, false);
  const std::uint64_t at = read.get(0x3c, 4);
  if (bytes.size() < 0x40 || at + 24 > size || at + 24 > bytes.size())
    return header.fault = "truncated PE file", header;
  if (read.get(at, 4) != 0x4550) return header.fault = "an MS-DOS program, not a DLL", header;
  if ((read.get(at + 22, 2) & 0x2000) == 0) return header.fault = "a PE program, not a DLL", header;
  const std::uint64_t machine = read.get(at + 4, 2);
  switch (machine) {
    case 0x14c:
      header.machines = {"i386"};
      break;
    case 0x1c4:
      header.machines = {"arm"};
      break;
    case 0x8664:
      header.machines = {"x86-64"};
      break;
    case 0xaa64:
      header.machines = {"arm64"};
      break;
    default:
      header.machines = {machine_name("PE", machine)};
  }
  return header;
}

/// mach-o/loader.h and mach-o/fat.h; a universal file's header is always big endian.
LATEPY_COLD inline BinaryHeader read_mach_o(std::string_view bytes, std::uint64_t size, std::uint64_t magic) {
  BinaryHeader header{"Mach-O", {}, {}};
  const auto name = [](std::uint64_t cpu) -> std::string {
    switch (cpu) {
      case 7:
        return "i386";
      case 12:
        return "arm";
      case 0x01000007:
        return "x86-64";
      case 0x0100000c:
        return "arm64";
      default:
        return machine_name("Mach-O", cpu);
    }
  };
  if (magic != 0xcafebabe && magic != 0xcafebabf) {
    const ByteReader read(bytes, magic >> 24 == 0xfe);
    if (bytes.size() < 28) return header.fault = "truncated Mach-O file", header;
    const std::uint64_t type = read.get(12, 4);
    if (type != 6 && type != 8) return header.fault = "a Mach-O file, but no shared library", header;
    header.machines = {name(read.get(4, 4))};
    return header;
  }
  const ByteReader read(bytes, true);
  const std::uint64_t count = read.get(4, 4), entry = magic == 0xcafebabf ? 32 : 20;
  if (count > 30) return header.fault = "a Java class, not a shared library", header;  // shares the magic number
  if (8 + count * entry > bytes.size()) return header.fault = "truncated Mach-O file", header;
  for (std::uint64_t at = 8; at < 8 + count * entry; at += entry) {
    const unsigned word = entry == 32 ? 8 : 4;
    if (read.get(at + 8, word) + read.get(at + 8 + word, word) > size)
      return header.fault = "truncated Mach-O file", header;
    header.machines.push_back(name(read.get(at, 4)));
  }
  return header;
}

/// From the first 4 KiB and the size of the whole file.
LATEPY_COLD inline BinaryHeader read_binary_header(std::string_view bytes, std::uint64_t size) {
  if (size == 0) return {{}, {}, "an empty file"};
  const std::uint64_t magic = ByteReader(bytes, true).get(0, 4);
  if (magic == 0x7f454c46) return read_elf(bytes, size);
  if (starts_with(bytes, "MZ")) return read_pe(bytes, size);
  switch (magic) {
    case 0xfeedface:
    case 0xfeedfacf:
    case 0xcefaedfe:
    case 0xcffaedfe:
    case 0xcafebabe:
    case 0xcafebabf:
      return read_mach_o(bytes, size, magic);
    default:
      break;
  }
  if (starts_with(bytes, "!<arch>")) return {{}, {}, "a static library, which cannot be loaded"};
  if (starts_with(bytes, "#!")) return {{}, {}, "a script, not a shared library"};
  return {{}, {}, "not a shared library"};
}

/// Why a library cannot be loaded into a program of this format and machine, "" when it can.
LATEPY_COLD inline std::string binary_fault(const BinaryHeader& header, std::string_view format = native_format,
                                            std::string_view machine = native_machine) {
  if (!header.fault.empty()) return header.fault;
  std::string found(header.format);
  bool fits = header.format == format && machine.empty();
  for (const std::string& one : header.machines) {
    found += (&one == &header.machines.front() ? " for " : " and ") + one;
    if (header.format == format && one == machine) fits = true;
  }
  if (fits) return {};
  return "wrong architecture: it is " + found + ", this program is " + std::string(format) + " for " +
         std::string(machine);
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
