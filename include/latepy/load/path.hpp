// latepy/load/path.hpp: Path, how latepy takes the names of files and folders.
// SPDX-License-Identifier: MIT
#pragma once


#include <string>
#include <string_view>
#include <utility>

namespace latepy {
inline namespace v1 {

/// A file name in UTF-8, made from strings and from anything with `u8string()`, such as std::filesystem::path.
class Path {
 public:
  Path() = default;
  Path(const char* utf8) : text_(utf8 ? utf8 : "") {}
  Path(std::string utf8) : text_(std::move(utf8)) {}
  Path(std::string_view utf8) : text_(utf8) {}
  template <class P, class = decltype(std::declval<const P&>().u8string())>
  Path(const P& path) {
    const auto utf8 = path.u8string();  // char8_t from C++20 on
    text_.assign(reinterpret_cast<const char*>(utf8.data()), utf8.size());
  }
  const std::string& string() const noexcept { return text_; }
  const char* c_str() const noexcept { return text_.c_str(); }
  bool empty() const noexcept { return text_.empty(); }
  friend bool operator==(const Path& a, const Path& b) noexcept { return a.text_ == b.text_; }
  friend bool operator!=(const Path& a, const Path& b) noexcept { return a.text_ != b.text_; }

 private:
  std::string text_;
};

}  // namespace v1
}  // namespace latepy
