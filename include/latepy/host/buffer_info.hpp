// latepy/host/buffer_info.hpp: BufferInfo, which describes the memory that a bound class exports as a buffer.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace latepy {
inline namespace v1 {

/// Memory of a C++ object that scripts read through memoryview() or numpy; see Class::buffer(). The C++ object owns the
/// memory. It must not free or move it while a view exists.
struct BufferInfo {
  /// The first item.
  void* data = nullptr;
  /// The size of an item in bytes.
  std::ptrdiff_t itemsize = 1;
  /// The type of an item, as a format of Python's struct module: "d" is a double.
  std::string format = "B";
  /// How many items each dimension has.
  std::vector<std::ptrdiff_t> shape{};
  /// For each dimension, the bytes from one item to the next. If empty: items lie one after the other, row after row.
  std::vector<std::ptrdiff_t> strides{};
  /// Whether scripts can only read.
  bool is_readonly = false;
};

}  // namespace v1
}  // namespace latepy
