// tests/fuzz/fuzz.hpp: what the fuzzers share. Each checks what its parser answers against a plain reference, or
// against Python. With clang they are libFuzzer's; main.cpp serves the other compilers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// A promise that holds for every input.
#define PROMISE(condition) ((condition) ? void() : fuzz::broken(#condition, __FILE__, __LINE__))

namespace fuzz {

[[noreturn]] inline void broken(const char* promise, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
  std::fflush(stderr);
  std::abort();
}

/// An input, taken apart from its front. Behind its end are zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::size_t size() const { return size_; }
  template <class T>
  T take() {
    T value{};
    const std::size_t size = size_ < sizeof value ? size_ : sizeof value;
    if (size) std::memcpy(static_cast<void*>(&value), data_, size);
    data_ += size;
    size_ -= size;
    return value;
  }
  /// A number below `end`.
  unsigned below(unsigned end) { return take<std::uint8_t>() % end; }
  /// A text of at most `most` bytes, and all of the rest by itself.
  std::string_view text(std::size_t most = static_cast<std::size_t>(-1)) {
    const std::string_view taken(reinterpret_cast<const char*>(data_), size_ < most ? size_ : most);
    data_ += taken.size();
    size_ -= taken.size();
    return taken;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// A copy of a text in memory of exactly its size, so that a sanitizer sees each read behind its end.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_(text.size()), chars_(new char[text.size()]) {
    if (size_) std::memcpy(chars_.get(), text.data(), size_);
  }
  std::string_view view() const { return {chars_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> chars_;
};

}  // namespace fuzz
