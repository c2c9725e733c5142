// latepy/types/uuid.hpp: Uuid, which converts to uuid.UUID and back.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/reads_value.hpp>

#include <array>

namespace latepy {
inline namespace v1 {

/// The 16 bytes of a UUID, the highest first, as in its text and in boost::uuids::uuid.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};  ///< all 0 at first

  /// As Python writes it: "12345678-1234-5678-1234-567812345678". Needs no GIL.
  std::string to_string() const {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
      text += "0123456789abcdef"[bytes[i] >> 4];
      text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
  }
  friend bool operator==(const Uuid& a, const Uuid& b) noexcept { return a.bytes == b.bytes; }  ///< the same bytes
  friend bool operator!=(const Uuid& a, const Uuid& b) noexcept { return a.bytes != b.bytes; }  ///< other bytes
  friend bool operator<(const Uuid& a, const Uuid& b) noexcept { return a.bytes < b.bytes; }    ///< by the first bytes
};

/// A uuid.UUID, in both directions. Text is refused: `uuid.UUID(text)` checks it.
template <>
struct Converter<Uuid> : detail::ReadsValue<Uuid, Converter<Uuid>> {
  static constexpr const char* name = "latepy::Uuid";
  static std::string python_type() { return "uuid.UUID"; }

  static Object to_py(const Uuid& uuid) {
    const auto* const bytes = reinterpret_cast<const char*>(uuid.bytes.data());
    const Object made = detail::steal_or_throw(detail::api().Bytes_FromStringAndSize(bytes, 16));
    return detail::get_attribute(detail::known_module("uuid"), "UUID")(arg("bytes") = made);
  }
  /// \returns null, or why the object is refused.
  static const char* read(const Ref& object, Uuid& uuid) {
    if (!detail::is_instance_of(object.ptr(), "uuid", "UUID")) return "it is not a uuid.UUID: pass uuid.UUID(...)";
    const Object bytes = object.attr("bytes");
    std::string_view text;
    if (!detail::load_bytes(bytes.ptr(), text) || text.size() != uuid.bytes.size()) return "it has no 16 bytes";
    std::memcpy(uuid.bytes.data(), text.data(), text.size());
    return nullptr;
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::instance_fit(object, "uuid", "UUID"); }
};

}  // namespace v1
}  // namespace latepy

/// For keys of std::unordered_map.
template <>
struct std::hash<latepy::Uuid> {
  std::size_t operator()(const latepy::Uuid& uuid) const noexcept {
    std::size_t sum = 0;
    for (const std::uint8_t each : uuid.bytes) sum = sum * 31 + each;
    return sum;
  }
};
