// latepy/memory/shape.hpp: Shape, how many items each dimension of an array has.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/exceptions.hpp>

#include <iterator>
#include <limits>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The most dimensions that a buffer may have (PyBUF_MAX_NDIM, Include/pybuffer.h).
inline constexpr int most_dimensions = 64;

/// Throws a ValueError: a dimension has this number, which is negative or too large.
[[noreturn]] void throw_bad_extent(int dimension, long long number, bool is_too_large);
/// Throws a ValueError: there are too many dimensions.
[[noreturn]] void throw_many_dimensions();

/// Whether R is a range of integers.
template <class R, class = void>
inline constexpr bool is_integer_range = false;
template <class R>
inline constexpr bool
    is_integer_range<R, std::enable_if_t<std::is_integral_v<std::decay_t<decltype(*std::begin(std::declval<R&>()))>>>> =
        true;

/// Up to 64 integers, stored inside.
class Extents {
 public:
  LATEPY_EFFCXX_OFF  // only the first size_ are set
  Extents() noexcept {}
  LATEPY_EFFCXX_ON
  int size() const noexcept { return size_; }
  const std::ptrdiff_t* data() const noexcept { return all_; }
  std::ptrdiff_t operator[](int dimension) const noexcept { return all_[dimension]; }

 protected:
  /// Adds a number. \throws ValueError.
  template <class I>
  void add(I number, bool may_be_negative) {
    static_assert(std::is_integral_v<I> && !std::is_same_v<I, bool>, "a shape has integers");
    if (LATEPY_UNLIKELY(size_ == most_dimensions)) throw_many_dimensions();
    bool is_too_large = false;
    if constexpr (std::is_unsigned_v<I> && sizeof(I) >= sizeof(std::ptrdiff_t))
      is_too_large = number > static_cast<I>((std::numeric_limits<std::ptrdiff_t>::max)());
    bool is_negative = false;
    if constexpr (std::is_signed_v<I>) is_negative = number < 0 && !may_be_negative;
    if (LATEPY_UNLIKELY(is_negative || is_too_large))
      throw_bad_extent(size_, static_cast<long long>(number), is_too_large);
    all_[size_++] = static_cast<std::ptrdiff_t>(number);
  }

 private:
  int size_ = 0;
  std::ptrdiff_t all_[most_dimensions];
};

/// The strides of a view: bytes from one item of a dimension to the next. They may be negative.
class Strides : public Extents {
 public:
  template <class... I, class = std::enable_if_t<(std::is_integral_v<I> && ...)>>
  Strides(I... bytes) {
    (add(bytes, true), ...);
  }
  template <class R, class = std::enable_if_t<is_integer_range<const R>>>
  Strides(const R& range) {
    for (const auto& bytes : range) add(bytes, true);
  }
};

}  // namespace detail

/// How many items each dimension has: `n`, `{rows, columns}`, or a range of integers. `{}` has no dimension: one item.
/// Needs no GIL. \throws ValueError if a number is negative or if there are more than 64.
class Shape : public detail::Extents {
 public:
  /// From integers of any types.
  template <class... I, class = std::enable_if_t<(std::is_integral_v<I> && ...)>>
  Shape(I... sizes) {
    (add(sizes, false), ...);
  }
  /// From a range of integers, such as a std::vector.
  template <class R, class = std::enable_if_t<detail::is_integer_range<const R>>>
  Shape(const R& range) {
    for (const auto& size : range) add(size, false);
  }
  /// How many dimensions there are.
  int ndim() const noexcept { return size(); }
  /// How many items there are in all dimensions together, of `itemsize` bytes each. \throws ValueError if these are
  /// more bytes than an address can tell.
  std::size_t count(std::size_t itemsize = 1) const;
  /// As the text of a Python tuple: "(3, 4)".
  std::string to_string() const;
};

#if LATEPY_DEFINITIONS
namespace detail {

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_bad_extent(int dimension, long long number, bool is_too_large) {
  throw ValueError(is_too_large ? concat({"dimension ", decimal(dimension),
                                          " of a shape is larger than memory: was a negative number converted to an "
                                          "unsigned type?"})
                                : concat({"dimension ", decimal(dimension), " of a shape is ", decimal(number),
                                          ": it must be 0 or more"}));
}
[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_many_dimensions() {
  throw ValueError("a shape has more than 64 dimensions, which no buffer of Python can have");
}

}  // namespace detail

LATEPY_FUNC std::size_t Shape::count(std::size_t itemsize) const {
  // A dimension without items counts as 1 here, so that the strides of the others do not overflow either.
  constexpr auto most = static_cast<std::size_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  std::size_t bytes = itemsize ? itemsize : 1, items = 1;
  for (int i = 0; i < size(); ++i) {
    const auto each = static_cast<std::size_t>((*this)[i]);
    items *= each;
    if (each && LATEPY_UNLIKELY(bytes > most / each))
      throw ValueError(detail::concat({"the shape ", to_string(), " with items of ", detail::decimal(itemsize),
                                       " bytes is larger than memory can be"}));
    bytes *= each ? each : 1;
  }
  return items;
}

LATEPY_FUNC LATEPY_COLD std::string Shape::to_string() const {
  std::string text = "(";
  for (int i = 0; i < size(); ++i) text.append(i ? ", " : "").append(detail::decimal((*this)[i]));
  return text.append(size() == 1 ? ",)" : ")");
}
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
