// latepy/core/bytes.hpp: Bytes, the C++ type for Python's bytes and bytearray.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>
#include <latepy/core/detail/fit.hpp>

namespace latepy {
inline namespace v1 {

/// Bytes, which to_py() converts to Python's bytes, and from_py() converts from bytes and bytearray. A std::string is
/// converted to and from str. Owns its bytes. Needs no GIL.
class Bytes {
 public:
  Bytes() = default;  ///< no bytes
  ///@{
  /// From the bytes of a std::string, or from a copy of `size` bytes at `data`.
  explicit Bytes(std::string data) noexcept : data_(std::move(data)) {}
  Bytes(const void* data, std::size_t size) : data_(static_cast<const char*>(data), size) {}
  ///@}
  const char* data() const noexcept { return data_.data(); }  ///< the first byte; a NUL follows the last one
  std::size_t size() const noexcept { return data_.size(); }  ///< the number of bytes
  bool empty() const noexcept { return data_.empty(); }       ///< whether size() is 0
  ///@{
  /// The bytes as a std::string.
  const std::string& string() const& noexcept { return data_; }
  std::string string() && noexcept { return std::move(data_); }
  ///@}
  ///@{
  /// Compares the bytes.
  friend bool operator==(const Bytes& a, const Bytes& b) noexcept { return a.data_ == b.data_; }
  friend bool operator!=(const Bytes& a, const Bytes& b) noexcept { return a.data_ != b.data_; }
  ///@}

 private:
  std::string data_{};
};

namespace detail {
/// Gives a view of the content of a bytes or bytearray, valid until the object changes or ends. \returns false for
/// other objects. Needs the GIL.
bool load_bytes(PyObject* object, std::string_view& view) noexcept;
/// Whether the object is bytes or bytearray.
inline bool is_bytes_like(PyObject* object) noexcept {
  return has_flag(object, type_is_bytes) || api().Type_IsSubtype(type_of(object), api().ByteArray_Type) != 0;
}
/// Fit of Bytes.
inline Fit bytes_fit(PyObject* object) noexcept { return is_bytes_like(object) ? Fit::own : Fit::other; }
}  // namespace detail

/// Converts Bytes to bytes, and bytes and bytearray to Bytes.
template <>
struct Converter<Bytes> : detail::ConverterBase<Bytes, Converter<Bytes>> {
  static constexpr const char* name = "latepy::Bytes";
  static Object to_py(const Bytes& bytes) {
    return detail::steal_or_throw(
        detail::api().Bytes_FromStringAndSize(bytes.data(), static_cast<detail::ssize>(bytes.size())));
  }
  static bool load(PyObject* object, Bytes& bytes) {
    std::string_view view;
    const bool fits = detail::load_bytes(object, view);
    if (fits) bytes = Bytes(view.data(), view.size());
    return fits;
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::bytes_fit(object); }
};

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC bool load_bytes(PyObject* object, std::string_view& view) noexcept {
  char* data = nullptr;
  ssize size = 0;
  if (has_flag(object, type_is_bytes)) {
    api().Bytes_AsStringAndSize(object, &data, &size);
  } else if (api().Type_IsSubtype(type_of(object), api().ByteArray_Type)) {
    data = api().ByteArray_AsString(object);
    size = api().ByteArray_Size(object);
  } else {
    return false;
  }
  view = {data, static_cast<std::size_t>(size)};
  return true;
}

}  // namespace detail
#endif
}  // namespace v1
}  // namespace latepy
