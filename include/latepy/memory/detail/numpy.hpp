// latepy/memory/detail/numpy.hpp: numpy's table of C functions, found at run time, and ndarrays of views.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/make_view.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The dtype of a struct, which numpy made of the format.
struct StructDescr {
  std::string format;
  PyObject* descr;  ///< owned
  StructDescr* next;
};
/// What latepy uses of numpy's C functions (numpy/__multiarray_api.h), and where an ndarray has what.
struct NumpyTable {
  std::uint32_t generation = no_generation;
  PyTypeObject* array_type = nullptr;           ///< ndarray; borrowed from numpy
  PyObject* (*descr_from_type)(int) = nullptr;  ///< PyArray_DescrFromType: a new reference
  PyObject* (*new_from_descr)(PyTypeObject*, PyObject* stolen_descr, int ndim, const ssize* shape, const ssize* strides,
                              void* data, int flags, PyObject*) = nullptr;  ///< PyArray_NewFromDescr
  int (*set_base)(PyObject* array, PyObject* stolen_base) = nullptr;        ///< PyArray_SetBaseObject
  bool are_heads_proved = false;          ///< ArrayHead is where the members of an ndarray are
  PyObject* descrs[numpy_half + 1] = {};  ///< the dtypes of numbers, by numpy's number; owned
  mutable std::atomic<StructDescr*> structs{nullptr};
};
/// The members of an ndarray (PyArrayObject_fields, numpy/ndarraytypes.h). They are read after a proof on a live array.
struct ArrayHead {
  char* data;
  int ndim;
  ssize *shape, *strides;
  PyObject* base;
  PyObject* descr;
  int flags;
};
inline constexpr int array_is_in_rows = 0x0001, array_is_aligned = 0x0100, array_is_writable = 0x0400;

/// numpy's functions. Imports numpy at the first call in each interpreter. Null if they must not be used: fast paths
/// are off, or numpy has another version than 1 or 2. Needs the GIL. \throws ImportError with the remedy if there is no
/// numpy.
const NumpyTable* numpy_table();
/// The table if numpy was found before in this interpreter, else null. Needs the GIL.
inline const NumpyTable* known_numpy() noexcept {
  const NumpyTable* const table = current_interpreter().numpy.load(std::memory_order_acquire);
  return LATEPY_LIKELY(table && table->generation == current_generation() && table->array_type) ? table : nullptr;
}
/// The numpy module. \throws ImportError with the remedy.
Object import_numpy();

/// The dtype of items, borrowed.
PyObject* descr_of(const NumpyTable& numpy, const ItemType& type);
/// An ndarray. Without `data` numpy allocates it, and does not set the items. Without `strides` the items
/// lie row after row. `base` keeps the memory.
Object wrap_in_array(const NumpyTable& numpy, const ItemType& type, int ndim, const ssize* shape, const ssize* strides,
                     void* data, bool is_writable, Object base);
/// An ndarray over the memory of a view; its base is a token, or a memoryview.
Object view_to_numpy(PyObject* view);
/// Makes a new ndarray or View read-only, which nothing else refers to.
Object make_read_only(Object made);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object import_numpy() {
  PyObject* const module = api().Import_ImportModule("numpy");
  if (module) return Object::steal(module);
  if (!api().Err_ExceptionMatches(*api().ImportError)) throw_python_error();
  const std::string said = take_python_error().message();
  throw ImportError("an ndarray was asked for, and numpy cannot be imported: " + said +
                    "; install it for this Python (python -m pip install numpy), or use the latepy.View itself or a "
                    "memoryview of it, which need no numpy" +
                    (current_interpreter().is_sub.load()
                         ? "; a SubInterpreter with a GIL of its own cannot import numpy: set SubConfig::own_gil to "
                           "false, and check_extensions too"
                         : ""));
}

/// Whether an ndarray has its members where ArrayHead says.
LATEPY_FUNC LATEPY_COLD bool prove_array_head(const NumpyTable& table) noexcept {
  static double items[6] = {};
  const ssize shape[] = {2, 3}, strides[] = {24, 8};
  PyObject* const descr = table.descr_from_type(12);
  const ColdRef array(descr ? table.new_from_descr(table.array_type, descr, 2, shape, strides, items,
                                                   array_is_aligned | array_is_writable, nullptr)
                            : nullptr);
  if (!array.get()) return api().Err_Clear(), false;
  const ArrayHead& head = data_of<ArrayHead>(array.get());
  return head.data == reinterpret_cast<char*>(items) && head.ndim == 2 && head.shape[0] == 2 && head.shape[1] == 3 &&
         head.strides[0] == 24 && head.strides[1] == 8 && !head.base && head.descr == descr &&
         (head.flags & (array_is_in_rows | array_is_aligned | array_is_writable)) ==
             (array_is_in_rows | array_is_aligned | array_is_writable);
}

LATEPY_FUNC LATEPY_COLD void read_numpy_table(NumpyTable& table) {
  const Object numpy = import_numpy();
  if (library_state.layout.type_flags == 0) return;  // LATEPY_NO_FAST_PATH
  const std::string version = from_py<std::string>(get_attribute(numpy, "__version__"));
  const char* const name =
      version.compare(0, 2, "1.") == 0 ? "numpy.core._multiarray_umath" : "numpy._core._multiarray_umath";
  const Object module = Object::steal(api().Import_ImportModule(name));
  const Object capsule =
      module.is_empty() ? Object() : Object::steal(api().Object_GetAttrString(module.ptr(), "_ARRAY_API"));
  void** const all =
      capsule.is_empty() ? nullptr : static_cast<void**>(api().Capsule_GetPointer(capsule.ptr(), nullptr));
  if (!all) return api().Err_Clear();
  const unsigned abi = reinterpret_cast<unsigned (*)()>(all[0])() >> 24;  // PyArray_GetNDArrayCVersion
  // PyArray_GetNDArrayCFeatureVersion; 7 is numpy 1.7, which has SetBaseObject.
  if ((abi != 1 && abi != 2) || reinterpret_cast<unsigned (*)()>(all[211])() < 7) return;
  table.descr_from_type = reinterpret_cast<decltype(table.descr_from_type)>(all[45]);
  table.new_from_descr = reinterpret_cast<decltype(table.new_from_descr)>(all[94]);
  table.set_base = reinterpret_cast<decltype(table.set_base)>(all[282]);
  table.array_type = static_cast<PyTypeObject*>(all[2]);
  for (int i = 0; i < 17; ++i) table.descrs[i] = throw_if_null(table.descr_from_type(i));
  table.descrs[numpy_half] = throw_if_null(table.descr_from_type(numpy_half));
  table.are_heads_proved = prove_array_head(table);
}

LATEPY_FUNC const NumpyTable* numpy_table() {
  std::atomic<NumpyTable*>& known = current_interpreter().numpy;
  NumpyTable* table = known.load(std::memory_order_acquire);
  if (LATEPY_UNLIKELY(!table || table->generation != current_generation())) {
    check_making();
    // Never freed: another thread may have read the old one. There is one for each start of Python.
    auto made = std::make_unique<NumpyTable>();
    read_numpy_table(*made);
    made->generation = current_generation();
    known.store(table = made.release(), std::memory_order_release);
  }
  return table->array_type ? table : nullptr;
}

LATEPY_FUNC LATEPY_COLD PyObject* descr_of(const NumpyTable& numpy, const ItemType& type) {
  if (type.numpy >= 0) return numpy.descrs[type.numpy];
  const std::string format = type.format();
  for (const StructDescr* each = numpy.structs.load(std::memory_order_acquire); each; each = each->next)
    if (each->format == format) return each->descr;
  const Object view = make_view(nullptr, type, Shape(0), nullptr, true);
  Object descr = get_attribute(call_attribute(import_numpy(), "asarray", {view}), "dtype");
  auto made = std::make_unique<StructDescr>(StructDescr{format, nullptr, nullptr});
  made->descr = descr.release();  // as long as the table
  PyObject* const result = made->descr;
  push(numpy.structs, made.release());
  return result;
}

LATEPY_FUNC Object wrap_in_array(const NumpyTable& numpy, const ItemType& type, int ndim, const ssize* shape,
                                 const ssize* strides, void* data, bool is_writable, Object base) {
  PyObject* const descr = LATEPY_LIKELY(type.numpy >= 0) ? numpy.descrs[type.numpy] : descr_of(numpy, type);
  incref(descr);
  // numpy works the other flags out. Without data it takes any flag for Fortran's order.
  Object array = steal_or_throw(numpy.new_from_descr(numpy.array_type, descr, ndim, shape, strides, data,
                                                     data && is_writable ? array_is_writable : 0, nullptr));
  if (base.is_empty()) return array;
  if (LATEPY_LIKELY(numpy.are_heads_proved))
    data_of<ArrayHead>(array.ptr()).base = base.release();
  else
    check_result(numpy.set_base(array.ptr(), base.release()));
  return array;
}

LATEPY_FUNC Object view_to_numpy(PyObject* self) {
  const NumpyTable* const numpy = numpy_table();
  ViewData& view = data_of<ViewData>(self);
  if (LATEPY_UNLIKELY(!numpy || !is_on_cpu(view))) return call_attribute(import_numpy(), "asarray", {Ref(self)});
  return wrap_in_array(*numpy, *view.type, view.ndim, view.shape, view.in_rows ? nullptr : view.strides, view.data,
                       !view.is_readonly, make_token(self));
}

LATEPY_FUNC LATEPY_COLD Object make_read_only(Object made) {
  if (is_exactly(made.ptr(), view_type()))
    data_of<ViewData>(made.ptr()).is_readonly = true;
  else
    call_attribute(made, "setflags", {Ref(api().FalseStruct)});
  return made;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
