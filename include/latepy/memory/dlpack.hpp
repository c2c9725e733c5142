// latepy/memory/dlpack.hpp: from_dlpack() and Tensor, memory of other libraries by DLPack; views of device memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/take_tensor.hpp>
#include <latepy/memory/view.hpp>

namespace latepy {
inline namespace v1 {

/// Where memory is: the numbers of DLPack. `type` is 1 for the CPU, 2 for CUDA, 8 for Metal, 10 for ROCm.
struct Device {
  std::int32_t type = 1;  ///< DLDeviceType
  std::int32_t id = 0;    ///< which one of this type
};
inline bool operator==(Device a, Device b) noexcept { return a.type == b.type && a.id == b.id; }  ///< the same
inline bool operator!=(Device a, Device b) noexcept { return !(a == b); }                         ///< another

/// Memory of another library, such as torch or numpy, without a copy: from_dlpack() gives it. Tensor<float> can write,
/// Tensor<const float> can only read. The memory lives as long as the Tensor, which may be destroyed on any thread,
/// with or without the GIL.
template <class T>
class Tensor {
 public:
  /// The first item. On another device than the CPU it is an address there.
  T* data() const noexcept { return reinterpret_cast<T*>(memory_.data); }
  Device device() const noexcept { return {memory_.device.type, memory_.device.id}; }  ///< where the memory is
  std::size_t size() const noexcept { return memory_.size; }  ///< how many items there are in all dimensions together
  bool empty() const noexcept { return size() == 0; }         ///< whether there is no item
  int ndim() const noexcept { return memory_.ndim; }          ///< how many dimensions there are
  bool readonly() const noexcept { return memory_.is_readonly; }  ///< whether its owner said that nobody may write
  /// How many items a dimension has. The first dimension is 0.
  std::size_t shape(int dimension) const noexcept { return static_cast<std::size_t>(memory_.shape()[dimension]); }
  /// How many **bytes** lie from one item of a dimension to the next; may be negative.
  std::ptrdiff_t stride(int dimension) const noexcept { return memory_.strides()[dimension]; }
  /// Whether the items lie one after the other, row after row.
  bool is_contiguous() const noexcept { return memory_.is_contiguous; }
  /// The item at these indices, one for each dimension, which are not checked. \throws StateError if the memory is not
  /// on the CPU.
  template <class... I>
  T& operator()(I... indices) const {
    if (LATEPY_UNLIKELY(device().type != 1)) refuse_device();
    std::ptrdiff_t at = 0;
    [[maybe_unused]] int dimension = 0;
    ((at += static_cast<std::ptrdiff_t>(indices) * stride(dimension++)), ...);
    return *reinterpret_cast<T*>(memory_.data + at);
  }

 private:
  template <class U>
  friend Tensor<U> from_dlpack(const Ref& object, Device device);
  Tensor() noexcept = default;  // from_dlpack() gives it; where there is none yet, use std::optional<Tensor<T>>
  [[noreturn]] LATEPY_COLD static void refuse_device() {
    throw StateError("an item of a Tensor that is not on the CPU was read: copy it to the CPU, or use data() there");
  }
  detail::TensorMemory memory_{};
};

/// The memory of an object that has `__dlpack__`, or of a capsule of it, which is consumed. Items are never converted.
/// Needs the GIL. \param device where the memory must be: the CPU, unless another device is asked for.
/// \throws ConversionError if the object has no `__dlpack__`, is on another device, has items of another type than T,
/// is read-only or a copy and T is not const, or if the capsule was consumed before; or if T is bool and one of them is
/// another byte than 0 and 1.
template <class T>
Tensor<T> from_dlpack(const Ref& object, Device device = {}) {
  using Item = std::remove_cv_t<T>;
  static_assert(detail::item_kind<Item> != detail::ItemKind::other,
                "from_dlpack<T>: T must be a number, bool or std::complex (include stl/complex.hpp)");
  static_assert(sizeof(Item) <= (detail::item_kind<Item> == detail::ItemKind::complex ? 2 : 1) * sizeof(double),
                "from_dlpack<T>: DLPack has no long double: take a Buffer<T> or Array<T>");
  Tensor<T> tensor;
  const std::string why = tensor.memory_.take(object, &detail::item_type<Item>, alignof(Item), !std::is_const_v<T>,
                                              {device.type, device.id});
  if (!why.empty())
    detail::throw_mismatch(
        object.ptr(),
        detail::concat({"latepy::Tensor<", std::is_const_v<T> ? "const " : "", detail::type_name<Item>(), ">"}),
        why.c_str());
  return tensor;
}

/// Shares memory of another device with Python, row after row. Consumers reach it by `__dlpack__`; it has no buffer.
/// \param owner as that of view().
template <class T, class O>
View view(T* data, const Shape& shape, O&& owner, Device device) {
  View made = detail::ViewAccess::make(data, shape, nullptr, std::forward<O>(owner));
  detail::ViewData& view = detail::data_of<detail::ViewData>(made.ptr());
  view.device_type = device.type;
  view.device_id = device.id;
  return made;
}

/// From Python only: `as<Tensor<T>>()`, and Tensor as a parameter. On the CPU.
template <class T>
struct Converter<Tensor<T>> {
  static std::string python_type() { return "typing.Any"; }
  static Tensor<T> from_py(Ref object) { return from_dlpack<T>(object); }
};

}  // namespace v1
}  // namespace latepy
