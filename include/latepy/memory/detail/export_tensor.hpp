// latepy/memory/detail/export_tensor.hpp: __dlpack__ of a latepy.View: its memory as a capsule of DLPack.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/dlpack_layout.hpp>
#include <latepy/memory/detail/exporter.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// What a consumer asks `__dlpack__` for.
struct TensorRequest {
  bool is_versioned = false;
  bool copies = false;
};
/// Reads the keywords stream, max_version, dl_device and copy. \throws BufferError, as the array API wants, for a copy
/// or another device that was not refused before; TypeError.
TensorRequest read_tensor_request(const ViewData& view, PyObject* arguments, PyObject* names);
/// A capsule that counts as a hand-over of the view until its tensor is deleted, by whoever consumed it, on any thread,
/// without the GIL, also after the stop; or by the capsule if nobody did. \throws PythonError.
Object make_tensor_capsule(PyObject* view, TensorRequest request);

/// The methods.
PyObject* view_dlpack(PyObject* self, PyObject* arguments, PyObject* names) noexcept;
PyObject* view_dlpack_device(PyObject* self, PyObject*) noexcept;

#if LATEPY_DEFINITIONS

/// The tensor, what it holds, and its numbers, in one block from malloc().
template <class Tensor>
struct HeldTensor {
  Tensor tensor;
  PyObject* view;  ///< owned
  std::uint32_t generation;
  std::int64_t numbers[1];  ///< shape and strides
};

/// The deleter. The view is not touched after its interpreter has ended.
template <class Tensor>
void delete_tensor(Tensor* tensor) noexcept {
  auto* const held = static_cast<HeldTensor<Tensor>*>(tensor->context);
  if (held->view && is_alive(held->generation)) {
    data_of<ViewData>(held->view).exports.remove();
    drop(held->view, held->generation);
  }
  std::free(tensor->context);
}

/// The destructor of a capsule: deletes the tensor if nobody consumed it, which would have changed the name.
template <class Tensor>
void end_tensor_capsule(PyObject* capsule) {
  const char* const name = std::is_same_v<Tensor, OldTensor> ? old_capsule : new_capsule;
  if (!api().Capsule_IsValid(capsule, name)) return;
  auto* const tensor = static_cast<Tensor*>(api().Capsule_GetPointer(capsule, name));
  if (tensor->deleter) tensor->deleter(tensor);
}

LATEPY_FUNC LATEPY_COLD TensorType tensor_type(const ItemType& type) {
  const bool is_complex = type.kind == ItemKind::complex;
  if (LATEPY_UNLIKELY((is_complex || type.kind == ItemKind::floating) &&
                      type.size > static_cast<ssize>(is_complex ? 2 * sizeof(double) : sizeof(double)))) {
    set_error(*api().BufferError, "DLPack has no long double: use numpy.asarray(view)");
    throw_python_error();
  }
  const auto bits = static_cast<std::uint8_t>(8 * type.size);
  switch (type.kind) {
    case ItemKind::boolean:
      return {tensor_bool, bits, 1};
    case ItemKind::signed_integer:
      return {tensor_signed, bits, 1};
    case ItemKind::unsigned_integer:
      return {tensor_unsigned, bits, 1};
    case ItemKind::floating:
      return {tensor_float, bits, 1};
    case ItemKind::complex:
      return {tensor_complex, bits, 1};
    default:
      set_error(*api().BufferError, "DLPack has no structs: use numpy.asarray(view)");
      throw_python_error();
  }
}

template <class Tensor>
Object new_tensor_capsule(PyObject* self) {
  const ViewData& view = data_of<ViewData>(self);
  const TensorType type = tensor_type(*view.type);
  const auto count = static_cast<std::size_t>(view.ndim);
  for (int i = 0; i < view.ndim; ++i)
    if (view.strides[i] % view.type->size != 0) {
      set_error(*api().BufferError, "DLPack counts strides in items, and " + decimal(view.strides[i]) +
                                        " bytes are no multiple of " + decimal(view.type->size));
      throw_python_error();
    }
  auto* const held =
      static_cast<HeldTensor<Tensor>*>(std::calloc(1, sizeof(HeldTensor<Tensor>) + 2 * count * sizeof(std::int64_t)));
  if (!held) throw std::bad_alloc();
  Tensor& tensor = held->tensor;
  tensor.form = {view.data, {view.device_type, view.device_id}, view.ndim, type, held->numbers, held->numbers + count,
                 0};
  for (std::size_t i = 0; i < count; ++i) {
    held->numbers[i] = view.shape[i];
    held->numbers[count + i] = view.strides[i] / view.type->size;
  }
  tensor.context = held;
  tensor.deleter = [](Tensor* each) { delete_tensor(each); };
  if constexpr (std::is_same_v<Tensor, NewTensor>) {
    tensor.major = 1;
    tensor.flags = view.is_readonly ? tensor_is_readonly : 0;
  }
  try {
    add_export(data_of<ViewData>(self));
  } catch (...) {
    std::free(held);
    throw;
  }
  incref(self);
  held->view = self;
  held->generation = current_generation();
  PyObject* const capsule = api().Capsule_New(&tensor, std::is_same_v<Tensor, OldTensor> ? old_capsule : new_capsule,
                                              &end_tensor_capsule<Tensor>);
  if (!capsule) tensor.deleter(&tensor);
  return steal_or_throw(capsule);
}

LATEPY_FUNC LATEPY_COLD Object make_tensor_capsule(PyObject* view, TensorRequest request) {
  return request.is_versioned ? new_tensor_capsule<NewTensor>(view) : new_tensor_capsule<OldTensor>(view);
}

LATEPY_FUNC LATEPY_COLD TensorRequest read_tensor_request(const ViewData& view, PyObject* arguments, PyObject* names) {
  const auto keyword = [&](const char* name) {
    PyObject* const found =
        names ? api().Dict_GetItemWithError(names, AttrName(std::string_view(name)).ptr()) : nullptr;
    return found && found != api().NoneStruct ? found : nullptr;
  };
  const auto refuse = [](const char* why) {
    set_error(*api().BufferError, why);
    throw_python_error();
  };
  if (api().Tuple_Size(arguments) != 0) throw TypeError("__dlpack__() takes only keywords");
  TensorRequest request;
  if (PyObject* const version = keyword("max_version"); version && has_flag(version, type_is_tuple)) {
    PyObject* const major = api().Tuple_Size(version) > 0 ? api().Tuple_GetItem(version, 0) : nullptr;
    request.is_versioned = major && from_py<long long>(Ref(major)) >= 1;
  }
  if (PyObject* const device = keyword("dl_device")) {
    const bool is_pair = has_flag(device, type_is_tuple) && api().Tuple_Size(device) == 2;
    if (!is_pair || from_py<long long>(Ref(api().Tuple_GetItem(device, 0))) != view.device_type ||
        from_py<long long>(Ref(api().Tuple_GetItem(device, 1))) != view.device_id)
      refuse("a latepy.View cannot be copied to another device");
  }
  if (PyObject* const copy = keyword("copy"); copy && api().Object_IsTrue(copy))
    refuse("a latepy.View shares its memory and does not copy it: copy the result");
  if (PyObject* const stream = keyword("stream"); stream && is_on_cpu(view))
    refuse("memory of the CPU has no stream: pass stream=None");
  if (view.is_readonly && !request.is_versioned)
    refuse("this latepy.View is read-only, which DLPack can tell only since 1.0: pass max_version=(1, 0), or a copy");
  return request;
}

LATEPY_FUNC PyObject* view_dlpack(PyObject* self, PyObject* arguments, PyObject* names) noexcept try {
  return make_tensor_capsule(self, read_tensor_request(data_of<ViewData>(self), arguments, names)).release();
} catch (...) {
  translate_exception();
  return nullptr;
}
LATEPY_FUNC PyObject* view_dlpack_device(PyObject* self, PyObject*) noexcept try {
  const ViewData& view = data_of<ViewData>(self);
  return make_tuple({make_int(view.device_type), make_int(view.device_id)}).release();
} catch (...) {
  translate_exception();
  return nullptr;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
