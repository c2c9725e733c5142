// latepy/load/path.hpp: Path, the type of latepy's parameters for files and folders.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace latepy {
inline namespace v1 {

/// The name of a file or folder, in UTF-8. Strings and std::filesystem::path convert to it. Needs no Python, no GIL.
class Path {
 public:
  Path() = default;  ///< the empty path
  ///@{
  /// From UTF-8 text, which is copied. Null gives the empty path.
  Path(const char* utf8) : text_(utf8 ? utf8 : "") {}
  Path(std::string utf8) : text_(std::move(utf8)) {}
  Path(std::string_view utf8) : text_(utf8) {}
  ///@}
  /// From anything with a member `u8string()`, such as std::filesystem::path.
  template <class P, class = decltype(std::declval<const P&>().u8string())>
  Path(const P& path) {
    const auto utf8 = path.u8string();  // of char8_t from C++20 on
    text_.assign(reinterpret_cast<const char*>(utf8.data()), utf8.size());
  }
  ///@{
  /// The name in UTF-8.
  const std::string& string() const& noexcept { return text_; }
  std::string string() && noexcept { return std::move(text_); }
  ///@}
  const char* c_str() const noexcept { return text_.c_str(); }  ///< the name in UTF-8, valid while the Path lives
  bool empty() const noexcept { return text_.empty(); }         ///< whether there is no name
  ///@{
  /// Compares the texts, not the files.
  friend bool operator==(const Path& a, const Path& b) noexcept { return a.text_ == b.text_; }
  friend bool operator!=(const Path& a, const Path& b) noexcept { return a.text_ != b.text_; }
  ///@}

 private:
  std::string text_{};
};

}  // namespace v1
}  // namespace latepy
