// latepy/host/buffer_info.hpp: BufferInfo, the memory that a bound class shows.
// SPDX-License-Identifier: MIT
#pragma once


#include <cstddef>
#include <string>
#include <vector>

namespace latepy {
inline namespace v1 {

/// The memory that an object shows as a buffer: what memoryview() and numpy see of it. The object keeps it, unmoved,
/// while a view lives.
struct BufferInfo {
  void* data = nullptr;
  std::ptrdiff_t itemsize = 1;                 ///< bytes
  std::string format = "B";                    ///< of an item, as Python's struct module has it
  std::vector<std::ptrdiff_t> shape, strides;  ///< items, bytes; no strides: rows after one another
  bool is_readonly = false;
};

}  // namespace v1
}  // namespace latepy
