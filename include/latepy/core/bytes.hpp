// latepy/core/bytes.hpp: Bytes, as distinct from text: Python's bytes and bytearray.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>

namespace latepy {
inline namespace v1 {

/// Bytes, as distinct from text: Python's bytes and bytearray. std::string is always str.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string data) noexcept : data_(std::move(data)) {}
  Bytes(const void* data, std::size_t size) : data_(static_cast<const char*>(data), size) {}
  const char* data() const noexcept { return data_.data(); }
  std::size_t size() const noexcept { return data_.size(); }
  bool empty() const noexcept { return data_.empty(); }
  const std::string& string() const noexcept { return data_; }
  friend bool operator==(const Bytes& a, const Bytes& b) noexcept { return a.data_ == b.data_; }
  friend bool operator!=(const Bytes& a, const Bytes& b) noexcept { return a.data_ != b.data_; }

 private:
  std::string data_;
};

namespace detail {
/// The content of bytes and bytearray, valid until the object changes.
bool load_bytes(PyObject* object, std::string_view& view) noexcept;
}  // namespace detail

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
