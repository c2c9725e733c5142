// latepy/memory/detail/take_tensor.hpp: takes the memory of an object that speaks DLPack.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/dimensions.hpp>
#include <latepy/memory/detail/export_tensor.hpp>
#include <latepy/memory/detail/odd_bool.hpp>
#include <latepy/memory/shape.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

inline constexpr TensorDevice cpu{1, 0};

/// A tensor that was taken from its capsule.
class TensorMemory {
 public:
  TensorMemory() noexcept = default;
  TensorMemory(TensorMemory&&) = default;
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  /// Asks the object for a capsule and takes its tensor. Needs the GIL. \param wanted the type of its items; null: any
  /// numbers. \returns "", or for the error the reason why it is not taken. \throws PythonError of the object's code.
  std::string take(const Ref& object, const ItemType* wanted, std::size_t alignment, bool writes, TensorDevice on);

  char* data = nullptr;
  std::size_t size = 0;
  const ItemType* type = nullptr;  ///< of the items
  int ndim = 0;
  bool is_readonly = false, is_copy = false, is_contiguous = true;
  TensorDevice device = cpu;
  Object keeper{};  ///< a capsule of ours, which deletes the tensor
  const ssize* shape() const noexcept { return numbers_.get(); }
  const ssize* strides() const noexcept { return shape() + ndim; }  ///< in bytes

 private:
  void read(const TensorForm& form);
  Dimensions<8> numbers_{};
};

/// Whether DLPack has a type for such items.
inline bool has_tensor_type(const ItemType& type) noexcept {
  return type.kind != ItemKind::other &&
         type.size <= static_cast<ssize>(type.kind == ItemKind::complex ? 2 * sizeof(double) : sizeof(double));
}
/// Whether the object is a number, list or tuple of Python itself, which have neither `__dlpack__` nor `__array__`.
inline bool is_plain(PyObject* object) noexcept {
  PyTypeObject* const type = type_of(object);
  const Api& a = api();
  return type == a.Float_Type || type == a.List_Type || type == a.Long_Type || type == a.Tuple_Type;
}
/// Whether the class of the object has `__dlpack__`.
bool speaks_dlpack(PyObject* object) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD bool speaks_dlpack(PyObject* object) noexcept {
  if (is_plain(object)) return false;
  const ColdRef method(find_attribute(as_object(type_of(object)), "__dlpack__"));
  return method.get() != nullptr;
}

LATEPY_FUNC LATEPY_COLD void TensorMemory::read(const TensorForm& form) {
  ndim = form.ndim;
  ssize *const sizes = numbers_.make(2 * ndim), *const steps = sizes + ndim;
  const auto item = static_cast<std::size_t>(type->size);
  size = 1;
  for (int i = ndim; i-- > 0;) {  // unsigned: a tensor may say any strides
    const auto step = static_cast<ssize>(size * item);
    sizes[i] = static_cast<ssize>(form.shape[i]);
    steps[i] = form.strides ? static_cast<ssize>(static_cast<std::size_t>(form.strides[i]) * item) : step;
    is_contiguous = is_contiguous && (sizes[i] == 1 || steps[i] == step);
    size *= static_cast<std::size_t>(sizes[i]);
  }
  is_contiguous = is_contiguous || size == 0;
  data = static_cast<char*>(form.data) + form.byte_offset;
  device = form.device;
}

/// "float32" and the like.
LATEPY_FUNC LATEPY_COLD std::string tensor_type_text(TensorType type) {
  const char* const name = type.code == tensor_signed     ? "int"
                           : type.code == tensor_unsigned ? "uint"
                           : type.code == tensor_float    ? "float"
                           : type.code == tensor_complex  ? "complex"
                           : type.code == tensor_bfloat   ? "bfloat"
                           : type.code == tensor_bool     ? "bool"
                                                          : "items of another code, ";
  return concat({name, decimal(type.bits), type.lanes == 1 ? "" : " in vectors"});
}
/// The ItemType of such items, or null.
LATEPY_FUNC LATEPY_COLD const ItemType* item_type_of(TensorType type) noexcept {
  if (type.lanes != 1 || type.bits % 8 != 0) return nullptr;
  const ItemKind kind = type.code == tensor_signed     ? ItemKind::signed_integer
                        : type.code == tensor_unsigned ? ItemKind::unsigned_integer
                        : type.code == tensor_float    ? ItemKind::floating
                        : type.code == tensor_complex  ? ItemKind::complex
                        : type.code == tensor_bool     ? ItemKind::boolean
                                                       : ItemKind::other;
  return item_type_of(kind, type.bits / 8);
}

LATEPY_FUNC LATEPY_COLD std::string device_text(TensorDevice device) {
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
/// The text of the exception by which a library refuses to give its memory; any other one is thrown.
LATEPY_FUNC LATEPY_COLD std::string tensor_refusal() {
  const Api& a = api();
  for (PyObject* const type : {*a.BufferError, *a.TypeError, *a.ValueError, *a.RuntimeError})
    if (a.Err_ExceptionMatches(type)) {
      std::string said = take_python_error().message();
      return said.empty() ? "its __dlpack__() failed" : said;
    }
  throw_python_error();
}

LATEPY_FUNC LATEPY_COLD std::string TensorMemory::take(const Ref& object, const ItemType* wanted, std::size_t alignment,
                                                       bool writes, TensorDevice on) {
  const Api& a = api();
  const auto is_elsewhere = [on](TensorDevice its) { return its.type != on.type || its.id != on.id; };
  const auto elsewhere_text = [on](TensorDevice its) {
    return concat({"it is on ", device_text(its), ", and memory on ", device_text(on), " is wanted"});
  };
  Object capsule(object);
  const bool is_capsule =
      a.Capsule_IsValid(object.checked(), old_capsule) || a.Capsule_IsValid(object.ptr(), new_capsule);
  if (a.Capsule_IsValid(object.ptr(), used_old_capsule) || a.Capsule_IsValid(object.ptr(), used_new_capsule))
    return "the capsule was consumed before: ask for a new one, __dlpack__()";
  if (!is_capsule) {
    const Object method = optional_attribute(object, "__dlpack__");
    if (method.is_empty()) return "it has no __dlpack__: pass a tensor or array of a library that speaks DLPack";
    if (const Object where = optional_attribute(object, "__dlpack_device__"); !where.is_empty()) {
      const Object pair = Object::steal(a.Object_CallNoArgs(where.ptr()));
      if (pair.is_empty()) return tensor_refusal();
      const auto number = [&](long long i) {
        return static_cast<std::int32_t>(
            from_py<long long>(Ref(steal_or_throw(a.Object_GetItem(pair.ptr(), make_int(i).ptr())))));
      };
      if (const TensorDevice its{number(0), number(1)}; is_elsewhere(its)) return elsewhere_text(its);
    }
    // torch gives the memory without the sign that it keeps beside it.
    if (const Object is_negative = optional_attribute(object, "is_neg"); !is_negative.is_empty()) {
      const Object answer = Object::steal(a.Object_CallNoArgs(is_negative.ptr()));
      if (answer.is_empty()) return tensor_refusal();
      if (answer.ptr() == a.TrueStruct)
        return "it keeps its sign beside its memory (is_neg()), which DLPack cannot tell: pass tensor.resolve_neg()";
    }
    capsule = ask_for_capsule(method);
    if (capsule.is_empty()) return tensor_refusal();
  }
  const bool is_new = a.Capsule_IsValid(capsule.ptr(), new_capsule) != 0;
  if (!is_new && !a.Capsule_IsValid(capsule.ptr(), old_capsule)) return "its __dlpack__() gave no capsule of DLPack";
  void* const taken = a.Capsule_GetPointer(capsule.ptr(), is_new ? new_capsule : old_capsule);
  const auto* const fresh = static_cast<const NewTensor*>(taken);
  const TensorForm& form = is_new ? fresh->form : static_cast<const OldTensor*>(taken)->form;
  if (is_new && fresh->major != 1) return "it speaks DLPack " + decimal(fresh->major) + ", and 1 is wanted";
  if (wanted) {
    const TensorType own = tensor_type(*wanted);
    if (form.type.code != own.code || form.type.bits != own.bits || form.type.lanes != 1)
      return concat({"it has ", tensor_type_text(form.type), " items, and ", tensor_type_text(own), " are wanted"});
  }
  type = wanted ? wanted : item_type_of(form.type);
  if (!type) return concat({"it has ", tensor_type_text(form.type), " items, for which C++ has no type"});
  if (is_elsewhere(form.device)) return elsewhere_text(form.device);
  is_readonly = is_new && (fresh->flags & tensor_is_readonly) != 0;
  is_copy = is_new && (fresh->flags & tensor_is_copied) != 0;
  if (writes && is_readonly) return "it is read-only: let the program take items that are const";
  if (writes && is_copy)
    return "its __dlpack__() gave a copy, so it would not see what is written: let the program take items that are "
           "const";
  if (form.ndim < 0 || form.ndim > most_dimensions) return "its number of dimensions is " + decimal(form.ndim);
  if (form.ndim && !form.shape) return "its shape is null";
  double items = 1;
  for (std::int32_t i = 0; i < form.ndim; ++i) {
    if (form.shape[i] < 0) return concat({"dimension ", decimal(i), " has ", decimal(form.shape[i]), " items"});
    if (form.shape[i]) items *= static_cast<double>(form.shape[i]);  // so that no stride overflows either
  }
  if (items > 0x1p58) return "it has more items than memory";
  read(form);
  if (on.type == cpu.type && size && !form.data) return "it has items, and its memory is null";
  if (on.type == cpu.type && size && reinterpret_cast<std::uintptr_t>(data) % alignment != 0)
    return "its items are not aligned";
  if (wanted && wanted->kind == ItemKind::boolean && on.type == cpu.type && size)
    if (const int odd = odd_bool(data, ndim, shape(), strides())) return odd_bool_text(odd);
  keeper = steal_or_throw(a.Capsule_New(taken, is_new ? "latepy.new_tensor" : "latepy.old_tensor", [](PyObject* each) {
    if (void* const old = api().Capsule_IsValid(each, "latepy.old_tensor")
                              ? api().Capsule_GetPointer(each, "latepy.old_tensor")
                              : nullptr) {
      if (auto* const tensor = static_cast<OldTensor*>(old); tensor->deleter) tensor->deleter(tensor);
    } else if (void* const versioned = api().Capsule_GetPointer(each, "latepy.new_tensor")) {
      if (auto* const tensor = static_cast<NewTensor*>(versioned); tensor->deleter) tensor->deleter(tensor);
    }
  }));
  a.Capsule_SetName(capsule.ptr(), is_new ? used_new_capsule : used_old_capsule);
  return "";
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
