// latepy/stl/vector.hpp: converts std::vector to list and back, and std::vector<std::byte> to bytes and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {
inline constexpr char vector_name[] = "std::vector";
}

/// To Python: a list. From Python:
/// - numbers in memory with one dimension, in one loop: array.array, numpy, memoryview, bytes for std::uint8_t, and an
///   object that gives an array by __array__, such as a column of pandas. Each is converted, or refused, as by itself;
/// - a list, tuple or other iterable, but not str, bytes, bytearray or a mapping (dict, collections.abc.Mapping).
template <class T, class A>
struct Converter<std::vector<T, A>> : detail::ElementsConverter<std::vector<T, A>, detail::Kind::sequence> {
  static constexpr const char* name = detail::template_name<detail::vector_name, T>;
};

/// To Python: bytes. From Python: bytes or bytearray.
template <class A>
struct Converter<std::vector<std::byte, A>> {
  static constexpr const char* name = "std::vector<std::byte>";
  static detail::Fit fit(PyObject* object) noexcept { return detail::bytes_fit(object); }
  static std::string python_type() { return "bytes"; }
  static Object to_py(const std::vector<std::byte, A>& bytes) {
    return detail::steal_or_throw(detail::api().Bytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()),
                                                                        static_cast<detail::ssize>(bytes.size())));
  }
  static std::vector<std::byte, A> from_py(Ref object) {
    std::string_view view;
    if (!detail::load_bytes(object.checked(), view))
      detail::throw_mismatch(object.ptr(), name, "it is neither bytes nor bytearray");
    const auto* data = reinterpret_cast<const std::byte*>(view.data());
    return std::vector<std::byte, A>(data, data + view.size());
  }
  static bool try_from_py(Ref object, std::optional<std::vector<std::byte, A>>& result) {
    return detail::try_load(result, [&] {
      std::string_view view;
      if (!detail::load_bytes(object.ptr(), view)) return false;
      result.emplace(from_py(object));
      return true;
    });
  }
};

}  // namespace v1
}  // namespace latepy
