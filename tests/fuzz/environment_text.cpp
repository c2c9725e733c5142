// tests/fuzz/environment_text.cpp: pyvenv.cfg, and the names of files that are read beside it.
// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <latepy/find/detail/installation.hpp>
#include <latepy/find/detail/parse.hpp>

#include <string>

namespace {

using namespace latepy::detail;

bool is_space(char c) { return std::strchr(" \t\n\v\f\r", c) && c; }
char small_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string stripped(std::string text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
  while (!text.empty() && is_space(text.front())) text.erase(0, 1);
  return text;
}

/// What Modules/getpath.py reads, without the quotes of os-release.
std::string value_of(std::string text, const std::string& wanted) {
  if (text.compare(0, 3, "\xEF\xBB\xBF") == 0) text.erase(0, 3);
  std::string line;
  for (const char c : text + "\n") {
    if (c != '\n' && c != '\r') {
      line += c;
      continue;
    }
    const std::size_t equals = line.find('=');
    std::string key = stripped(line.substr(0, equals));
    for (char& letter : key) letter = small_letter(letter);
    std::string value = equals == std::string::npos ? "" : stripped(line.substr(equals + 1));
    line.clear();
    if (equals == std::string::npos || key != wanted) continue;
    if (value.size() > 1 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    return value.c_str();  // a NUL ends it
  }
  return "";
}

/// The Unicode Standard, table 3-7.
bool is_well_formed(const std::string& text) {
  const auto in = [&](std::size_t at, int first, int last) {
    if (at >= text.size()) return false;
    const int byte = static_cast<unsigned char>(text[at]);
    return byte >= first && byte <= last;
  };
  const auto more = [&](std::size_t at) { return in(at, 0x80, 0xBF); };
  for (std::size_t i = 0; i < text.size();) {
    if (in(i, 0, 0x7F))
      i += 1;
    else if (in(i, 0xC2, 0xDF) && more(i + 1))
      i += 2;
    else if (((in(i, 0xE0, 0xE0) && in(i + 1, 0xA0, 0xBF)) || (in(i, 0xE1, 0xEC) && more(i + 1)) ||
              (in(i, 0xED, 0xED) && in(i + 1, 0x80, 0x9F)) || (in(i, 0xEE, 0xEF) && more(i + 1))) &&
             more(i + 2))
      i += 3;
    else if (((in(i, 0xF0, 0xF0) && in(i + 1, 0x90, 0xBF)) || (in(i, 0xF1, 0xF3) && more(i + 1)) ||
              (in(i, 0xF4, 0xF4) && in(i + 1, 0x80, 0x8F))) &&
             more(i + 2) && more(i + 3))
      i += 4;
    else
      return false;
  }
  return true;
}

void check_parts(std::string_view text) {
  const std::string_view delimiters = ":;\r\n";
  std::string all, wanted;
  std::string_view rest = text;
  for (std::string_view part; !(part = next_part(rest, delimiters)).empty();) {
    PROMISE(part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
    PROMISE(part.find_first_of(delimiters) == std::string_view::npos);
    PROMISE(!is_space(part.front()) && !is_space(part.back()));
    all.append(part).append(1, ':');
  }
  std::string part;
  for (const char c : std::string(text) + ":") {
    if (delimiters.find(c) == std::string_view::npos) {
      part += c;
      continue;
    }
    part = stripped(part);
    if (!part.empty()) wanted.append(part).append(1, ':');
    part.clear();
  }
  PROMISE(all == wanted);
}

int sign(int number) { return number < 0 ? -1 : number > 0; }

/// newest_first() and best_library_first() are orders: qsort() reads outside of the array where they are none.
template <class Order>
void check_order(Order order, Text a, Text b, Text c) {
  PROMISE(order(&a, &a) == 0);
  PROMISE(sign(order(&a, &b)) == -sign(order(&b, &a)));
  PROMISE(!(order(&a, &b) <= 0 && order(&b, &c) <= 0) || order(&a, &c) <= 0);
  PROMISE(!(order(&a, &b) == 0) || a == b);
}

void check_names(Arena& arena, Text path) {
  const PythonName library = library_name(path), executable = executable_name(path);
  for (const PythonName& name : {library, executable}) {
    PROMISE(!name.matches || name.version.major >= 0);
    PROMISE(name.same(name));
    PROMISE(name.serves(name));
  }
  if (!library.matches) return;
  PROMISE(library.version.known());
  const PythonName again =
      library_name(arena.concat("lib/libpython", library.dotted(arena), library.flags(), ".so.1.0"));
  PROMISE(again.matches && again.same(library));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exact exact(std::string_view(reinterpret_cast<const char*>(data), size));
  const std::string_view text = exact.view();
  Arena arena;
  const Text copy = arena.copy(text);
  for (const Text key : Literals("home\0version\0base-executable\0id"))
    PROMISE(config_value(arena, text, key).c_str() == value_of(std::string(text), key.c_str()));
  PROMISE(is_utf8(text) == is_well_formed(std::string(text)));
  check_parts(text);
  PROMISE(micro_in(text, "3.12") >= -1);

  std::string names[3];
  std::size_t at = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\0')
      at = (at + 1) % 3;
    else
      names[at] += c;
  }
  for (const std::string& name : names) {
    check_names(arena, name);
    check_names(arena, arena.copy("libpython" + name));
  }
  check_order(&newest_first, names[0], names[1], names[2]);
  check_order(&best_library_first, names[0], names[1], names[2]);
  PROMISE(std::memcmp(copy.c_str(), text.data(), text.size()) == 0 && copy.c_str()[text.size()] == '\0');
  return 0;
}
