// latepy/memory/detail/dimensions.hpp: Dimensions, the extents of an array: a few inside of it, more on the heap.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/handle.hpp>

#include <memory>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Numbers, `Inside` of them without an allocation.
template <int Inside>
class Dimensions {
 public:
  LATEPY_EFFCXX_OFF  // make() says how many are used, and the caller sets these
  Dimensions() noexcept {}
  LATEPY_EFFCXX_ON
  /// Room for `count` numbers, which are not set.
  ssize* make(int count) {
    if (LATEPY_UNLIKELY(count > Inside)) outside_ = std::make_unique<ssize[]>(static_cast<std::size_t>(count));
    return outside_ ? outside_.get() : inside_;
  }
  const ssize* get() const noexcept { return outside_ ? outside_.get() : inside_; }

 private:
  std::unique_ptr<ssize[]> outside_{};
  ssize inside_[static_cast<std::size_t>(Inside)];
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
