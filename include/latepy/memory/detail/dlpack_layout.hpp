// latepy/memory/detail/dlpack_layout.hpp: the C structs of DLPack 1.0, and the names of the capsules that carry them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

// dlpack.h has these names too. latepy only declares them.
struct DLManagedTensor;
struct DLManagedTensorVersioned;

namespace latepy {
inline namespace v1 {
namespace detail {

/// DLDevice, DLDataType and DLTensor (dlpack/dlpack.h).
struct TensorDevice {
  std::int32_t type, id;
};
struct TensorType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct TensorForm {
  void* data;
  TensorDevice device;
  std::int32_t ndim;
  TensorType type;
  std::int64_t *shape, *strides;  ///< strides in items; null: row after row
  std::uint64_t byte_offset;
};
/// DLManagedTensor.
struct OldTensor {
  TensorForm form;
  void* context;
  void (*deleter)(OldTensor*);
};
/// DLManagedTensorVersioned.
struct NewTensor {
  std::uint32_t major, minor;
  void* context;
  void (*deleter)(NewTensor*);
  std::uint64_t flags;
  TensorForm form;
};
inline constexpr std::uint64_t tensor_is_readonly = 1, tensor_is_copied = 2;
inline constexpr char old_capsule[] = "dltensor", new_capsule[] = "dltensor_versioned";
inline constexpr char used_old_capsule[] = "used_dltensor", used_new_capsule[] = "used_dltensor_versioned";
/// DLDataTypeCode.
enum TensorCode : std::uint8_t {
  tensor_signed = 0,
  tensor_unsigned = 1,
  tensor_float = 2,
  tensor_bfloat = 4,
  tensor_complex = 5,
  tensor_bool = 6
};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
