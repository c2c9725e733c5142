// latepy/memory/dlpack.hpp: from_dlpack() and Tensor, memory of other libraries by DLPack; views of device memory.
// SPDX-License-Identifier: MIT
#pragma once

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

namespace detail {

/// A tensor that was taken from its capsule.
class TensorMemory {
 public:
  LATEPY_EFFCXX_OFF  // the numbers are set with the dimensions
  TensorMemory() noexcept {}
  LATEPY_EFFCXX_ON
  TensorMemory(TensorMemory&&) = default;
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  /// Asks the object for a capsule and takes its tensor. Needs the GIL. \throws ConversionError, with `wanted`.
  void take(const Ref& object, const ItemType& type, std::size_t alignment, bool writes, Device on,
            const std::string& wanted);

  char* data = nullptr;
  std::size_t size = 0;
  int ndim = 0;
  bool is_readonly = false, is_contiguous = true;
  Device device{};
  const ssize* shape() const noexcept { return far_ ? far_.get() : near_; }
  const ssize* strides() const noexcept { return shape() + ndim; }  ///< in bytes

 private:
  void read(const TensorForm& form, const ItemType& type);
  Object keeper_{};  // a capsule of ours, which deletes the tensor
  std::unique_ptr<ssize[]> far_{};
  ssize near_[8];
};

}  // namespace detail

/// Memory of another library, such as torch or numpy, without a copy: from_dlpack() gives it. Tensor<float> can write,
/// Tensor<const float> can only read. The memory lives as long as the Tensor, which may be destroyed on any thread,
/// with or without the GIL.
template <class T>
class Tensor {
 public:
  /// The first item. On another device than the CPU it is an address there.
  T* data() const noexcept { return reinterpret_cast<T*>(memory_.data); }
  Device device() const noexcept { return memory_.device; }   ///< where the memory is
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
  Tensor() noexcept = default;
  [[noreturn]] LATEPY_COLD static void refuse_device() {
    throw StateError("an item of a Tensor that is not on the CPU was read: copy it to the CPU, or use data() there");
  }
  detail::TensorMemory memory_{};
};

/// The memory of an object that has `__dlpack__`, or of a capsule of it, which is consumed. Items are never converted.
/// Needs the GIL. \param device where the memory must be: the CPU, unless another device is asked for.
/// \throws ConversionError if the object has no `__dlpack__`, is on another device, has items of another type than T,
/// is read-only and T is not const, or if the capsule was consumed before.
template <class T>
Tensor<T> from_dlpack(const Ref& object, Device device = {}) {
  using Item = std::remove_cv_t<T>;
  static_assert(detail::item_kind<Item> != detail::ItemKind::other,
                "from_dlpack<T>: T must be a number, bool or std::complex (include stl/complex.hpp)");
  static_assert(sizeof(Item) <= (detail::item_kind<Item> == detail::ItemKind::complex ? 2 : 1) * sizeof(double),
                "from_dlpack<T>: DLPack has no long double: take a Buffer<T> or Array<T>");
  Tensor<T> tensor;
  tensor.memory_.take(
      object, detail::item_type<Item>, alignof(Item), !std::is_const_v<T>, device,
      detail::concat({"latepy::Tensor<", std::is_const_v<T> ? "const " : "", detail::type_name<Item>(), ">"}));
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

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC LATEPY_COLD void TensorMemory::read(const TensorForm& form, const ItemType& type) {
  ndim = form.ndim;
  const auto count = static_cast<std::size_t>(ndim);
  if (count > 4) far_ = std::make_unique<ssize[]>(2 * count);
  ssize *const sizes = far_ ? far_.get() : near_, *const steps = sizes + ndim;
  const auto item = static_cast<std::size_t>(type.size);
  size = 1;
  for (std::size_t i = count; i-- > 0;) {  // unsigned: a tensor without items may have any other extents
    const auto step = static_cast<ssize>(size * item);
    sizes[i] = static_cast<ssize>(form.shape[i]);
    steps[i] = form.strides ? static_cast<ssize>(static_cast<std::size_t>(form.strides[i]) * item) : step;
    is_contiguous = is_contiguous && (sizes[i] == 1 || steps[i] == step);
    size *= static_cast<std::size_t>(sizes[i]);
  }
  is_contiguous = is_contiguous || size == 0;
  data = static_cast<char*>(form.data) + form.byte_offset;
  device = {form.device.type, form.device.id};
}

/// "float32" and the like.
LATEPY_FUNC LATEPY_COLD std::string tensor_type_text(TensorType type) {
  const char* const name = type.code == tensor_signed     ? "int"
                           : type.code == tensor_unsigned ? "uint"
                           : type.code == tensor_float    ? "float"
                           : type.code == tensor_complex  ? "complex"
                           : type.code == tensor_bool     ? "bool"
                                                          : "items of another code, ";
  return concat({name, decimal(type.bits), type.lanes == 1 ? "" : " in vectors"});
}

LATEPY_FUNC LATEPY_COLD std::string device_text(Device device) {
  return device.type == 1 ? "the CPU" : concat({"the device (", decimal(device.type), ", ", decimal(device.id), ")"});
}

/// The object's `__dlpack__`, of version 1 if it has that.
LATEPY_FUNC LATEPY_COLD Object ask_for_capsule(const Ref& method) {
  const Object names = steal_or_throw(api().Dict_New()), none_given = steal_or_throw(api().Tuple_New(0));
  check_result(api().Dict_SetItemString(names.ptr(), "max_version", make_tuple({make_int(1), make_int(0)}).ptr()));
  PyObject* made = api().Object_Call(method.ptr(), none_given.ptr(), names.ptr());
  if (!made && api().Err_ExceptionMatches(*api().TypeError)) {  // before DLPack 1.0
    api().Err_Clear();
    made = api().Object_CallNoArgs(method.ptr());
  }
  return Object::steal(made);
}

LATEPY_FUNC LATEPY_COLD void TensorMemory::take(const Ref& object, const ItemType& type, std::size_t alignment,
                                                bool writes, Device on, const std::string& wanted) {
  const Api& a = api();
  const auto refuse = [&](const std::string& why) { throw_mismatch(object.ptr(), wanted, why.c_str()); };
  Object capsule(object);
  const bool is_capsule =
      a.Capsule_IsValid(object.checked(), old_capsule) || a.Capsule_IsValid(object.ptr(), new_capsule);
  if (a.Capsule_IsValid(object.ptr(), used_old_capsule) || a.Capsule_IsValid(object.ptr(), used_new_capsule))
    refuse("the capsule was consumed before: ask for a new one, __dlpack__()");
  if (!is_capsule) {
    const Object method = attribute_or_empty(object.ptr(), "__dlpack__");
    if (method.is_empty()) refuse("it has no __dlpack__: pass a tensor or array of a library that speaks DLPack");
    const Object where = attribute_or_empty(object.ptr(), "__dlpack_device__");
    if (!where.is_empty()) {
      const Object pair = steal_or_throw(a.Object_CallNoArgs(where.ptr()));
      const Device its{static_cast<std::int32_t>(from_py<long long>(
                           Ref(Object::steal(throw_if_null(a.Object_GetItem(pair.ptr(), make_int(0).ptr())))))),
                       static_cast<std::int32_t>(from_py<long long>(
                           Ref(Object::steal(throw_if_null(a.Object_GetItem(pair.ptr(), make_int(1).ptr()))))))};
      if (its != on) refuse(concat({"it is on ", device_text(its), ", and memory on ", device_text(on), " is wanted"}));
    }
    capsule = ask_for_capsule(method);
    if (capsule.is_empty()) {
      if (!a.Err_ExceptionMatches(*a.BufferError) && !a.Err_ExceptionMatches(*a.TypeError)) throw_python_error();
      refuse(take_python_error().message());
    }
  }
  const bool is_new = a.Capsule_IsValid(capsule.ptr(), new_capsule) != 0;
  if (!is_new && !a.Capsule_IsValid(capsule.ptr(), old_capsule)) refuse("its __dlpack__() gave no capsule of DLPack");
  void* const taken = a.Capsule_GetPointer(capsule.ptr(), is_new ? new_capsule : old_capsule);
  const auto* const fresh = static_cast<const NewTensor*>(taken);
  const TensorForm& form = is_new ? fresh->form : static_cast<const OldTensor*>(taken)->form;
  if (is_new && fresh->major != 1) refuse("it speaks DLPack " + decimal(fresh->major) + ", and 1 is wanted");
  const TensorType own = tensor_type(type);
  if (form.type.code != own.code || form.type.bits != own.bits || form.type.lanes != 1)
    refuse(concat({"it has ", tensor_type_text(form.type), " items, and ", tensor_type_text(own), " are wanted"}));
  if (form.device.type != on.type || form.device.id != on.id)
    refuse(concat({"it is on ", device_text({form.device.type, form.device.id}), ", and memory on ", device_text(on),
                   " is wanted"}));
  is_readonly = is_new && (fresh->flags & tensor_is_readonly) != 0;
  if (is_readonly && writes) refuse("it is read-only: take a Tensor<const T>");
  if (form.ndim < 0 || form.ndim > most_dimensions) refuse("its number of dimensions is " + decimal(form.ndim));
  for (std::int32_t i = 0; i < form.ndim; ++i)
    if (form.shape[i] < 0) refuse(concat({"dimension ", decimal(i), " has ", decimal(form.shape[i]), " items"}));
  read(form, type);
  if (on.type == 1 && size && reinterpret_cast<std::uintptr_t>(data) % alignment != 0)
    refuse("its items are not aligned");
  Object keeper =
      steal_or_throw(a.Capsule_New(taken, is_new ? "latepy.new_tensor" : "latepy.old_tensor", [](PyObject* each) {
        if (void* const old = api().Capsule_IsValid(each, "latepy.old_tensor")
                                  ? api().Capsule_GetPointer(each, "latepy.old_tensor")
                                  : nullptr) {
          if (auto* const tensor = static_cast<OldTensor*>(old); tensor->deleter) tensor->deleter(tensor);
        } else if (void* const versioned = api().Capsule_GetPointer(each, "latepy.new_tensor")) {
          if (auto* const tensor = static_cast<NewTensor*>(versioned); tensor->deleter) tensor->deleter(tensor);
        }
      }));
  a.Capsule_SetName(capsule.ptr(), is_new ? used_new_capsule : used_old_capsule);
  keeper_ = std::move(keeper);
}

}  // namespace detail
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
