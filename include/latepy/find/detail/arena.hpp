// latepy/find/detail/arena.hpp: Arena, which owns the texts of one search, and Text, a text without a destructor.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/load/detail/paths.hpp>

#include <cstdlib>
#include <cstring>
#include <new>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A NUL-terminated text that is owned elsewhere: by an Arena, by a std::string, or as a literal. Never null.
/// It has no destructor, so a function that makes many of them needs no cleanup code.
class Text {
 public:
  constexpr Text() noexcept = default;
  constexpr Text(const char* chars) noexcept : chars_(chars) {}
  Text(const std::string& text) noexcept : chars_(text.c_str()) {}
  const char* c_str() const noexcept { return chars_; }
  std::size_t size() const noexcept { return std::strlen(chars_); }
  constexpr bool empty() const noexcept { return *chars_ == '\0'; }
  operator std::string_view() const noexcept { return chars_; }
  /// As strcmp().
  int compare(Text other) const noexcept { return std::strcmp(chars_, other.chars_); }
  friend bool operator==(Text a, Text b) noexcept { return a.compare(b) == 0; }
  friend bool operator!=(Text a, Text b) noexcept { return !(a == b); }

 private:
  const char* chars_ = "";
};

inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// A literal that holds several texts, separated by NUL: `for (Text name : Literals("python3\0python"))`. It costs no
/// array of pointers, which the loader would have to relocate.
class Literals {
 public:
  template <std::size_t Size>
  constexpr Literals(const char (&texts)[Size]) noexcept : begin_(texts), end_(texts + Size) {}

  class Iterator {
   public:
    explicit Iterator(const char* at) noexcept : at_(at) {}
    Text operator*() const noexcept { return at_; }
    Iterator& operator++() noexcept {
      at_ += std::strlen(at_) + 1;
      return *this;
    }
    bool operator!=(Iterator other) const noexcept { return at_ != other.at_; }

   private:
    const char* at_;
  };
  Iterator begin() const noexcept { return Iterator(begin_); }
  Iterator end() const noexcept { return Iterator(end_); }

 private:
  const char* begin_;
  const char* end_;
};

/// Memory that is taken piece by piece and freed all at once, by the destructor. For one thread at a time.
/// Each function that makes a Text throws std::bad_alloc when memory runs out.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  LATEPY_COLD ~Arena() {
    while (Block* const block = last_) {
      last_ = block->previous;
      ::operator delete(block);
    }
  }

  /// Memory for objects whose destructors do nothing, aligned for pointers.
  LATEPY_COLD void* allocate(std::size_t size) {
    size = (size + alignof(Block) - 1) / alignof(Block) * alignof(Block);
    if (size > left_) {
      const std::size_t room = size > 8192 ? size : 8192;
      auto* const block = static_cast<Block*>(::operator new(sizeof(Block) + room));
      block->previous = last_;
      last_ = block;
      next_ = reinterpret_cast<char*>(block + 1);
      left_ = room;
    }
    void* const memory = next_;
    next_ += size;
    left_ -= size;
    return memory;
  }

  /// The text with a NUL behind it.
  LATEPY_COLD Text copy(std::string_view text) {
    auto* const chars = static_cast<char*>(allocate(text.size() + 1));
    if (!text.empty()) std::memcpy(chars, text.data(), text.size());
    chars[text.size()] = '\0';
    return chars;
  }

  /// The parts, one after the other.
  LATEPY_COLD Text concat(std::initializer_list<Text> parts) {
    std::size_t size = 1;
    for (const Text part : parts) size += part.size();
    auto* const chars = static_cast<char*>(allocate(size));
    char* end = chars;
    for (const Text part : parts)
      for (const char* c = part.c_str(); *c; ++c) *end++ = *c;
    *end = '\0';
    return chars;
  }

  LATEPY_COLD Text concat(Text a, Text b, Text c = {}, Text d = {}) { return concat({a, b, c, d}); }

  /// The folder and the name with one separator between them.
  LATEPY_COLD Text join(Text folder, Text name) {
    const char* file = name.c_str();
    const std::size_t size = folder.size();
    if (size == 0) return name;
    while (is_separator(*file)) ++file;
    static constexpr char between[] = {separator, '\0'};
    return concat({folder, is_separator(folder.c_str()[size - 1]) ? "" : between, file});
  }

  /// The folder that holds the file, "" above the top.
  LATEPY_COLD Text parent(Text path) { return copy(detail::parent(path)); }

  /// The number in decimal digits.
  LATEPY_COLD Text decimal(unsigned long long number) {
    char digits[24];
    char* first = digits + sizeof digits;
    *--first = '\0';
    do *--first = static_cast<char>('0' + number % 10);
    while (number /= 10);
    return copy(first);
  }

 private:
  struct Block {
    Block* previous;
  };

  Block* last_ = nullptr;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

/// A growing array of texts, in an Arena.
class Texts {
 public:
  explicit Texts(Arena& arena) noexcept : arena_(&arena) {}

  LATEPY_COLD void add(Text text) {
    if (count_ == capacity_) {
      capacity_ = capacity_ * 2 + 8;
      auto* const texts = static_cast<Text*>(arena_->allocate(capacity_ * sizeof(Text)));
      for (std::size_t i = 0; i < count_; ++i) texts[i] = texts_[i];
      texts_ = texts;
    }
    texts_[count_++] = text;
  }

  /// Sorts the array. \param order gets two of its texts by their addresses, as with qsort().
  LATEPY_COLD void sort(int (*order)(const void*, const void*)) {
    if (count_ > 1) std::qsort(texts_, count_, sizeof(Text), order);
  }

  const Text* begin() const noexcept { return texts_; }
  const Text* end() const noexcept { return texts_ + count_; }
  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  Text operator[](std::size_t at) const noexcept { return texts_[at]; }

 private:
  Arena* arena_;
  Text* texts_ = nullptr;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
