// latepy/memory/detail/exporter_items.hpp: the methods and attributes of a latepy.View, as those of a memoryview.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/export_tensor.hpp>
#include <latepy/memory/detail/struct_form.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The items from a dimension on as nested lists.
Object list_items(const ViewData& view, int dimension, const char* at);
/// A memoryview of the view.
Object make_memoryview(PyObject* view);
/// The value of `__array_interface__` (version 3), whose memory a token keeps.
Object make_array_interface(PyObject* view);

/// More methods of a latepy.View, in programs that include memory/arrow.hpp. Set before the type is made.
inline MethodDef more_view_methods[2] = {};

/// The methods and attributes, for the type.
const MethodDef* view_methods() noexcept;
const GetSetDef* view_attributes() noexcept;
inline constexpr char elsewhere[] = "the memory of this latepy.View is on another device: use __dlpack__()";

#if LATEPY_DEFINITIONS

/// Calls a function of a slot. Its exception becomes Python's error, and then the result is `failed`.
template <class R, class F>
R in_slot(R failed, F&& body) noexcept {
  const StackScope stack;
  if (stack.is_refused()) return failed;
  try {
    return body();
  } catch (...) {
    translate_exception();
    return failed;
  }
}

LATEPY_FUNC Object list_items(const ViewData& view, int dimension, const char* at) {
  if (dimension == view.ndim) return Object::steal(view.type->get(at));
  Object list = steal_or_throw(api().List_New(view.shape[dimension]));
  for (ssize i = 0; i < view.shape[dimension]; ++i)
    check_result(
        api().List_SetItem(list.ptr(), i, list_items(view, dimension + 1, at + i * view.strides[dimension]).release()));
  return list;
}

LATEPY_FUNC LATEPY_COLD Object make_memoryview(PyObject* view) {
  return steal_or_throw(api().MemoryView_FromObject(view));
}

/// A tuple of the numbers.
LATEPY_FUNC LATEPY_COLD Object tuple_of(const ssize* numbers, int count) {
  Object tuple = steal_or_throw(api().Tuple_New(count));
  for (int i = 0; i < count; ++i) check_result(api().Tuple_SetItem(tuple.ptr(), i, make_int(numbers[i]).release()));
  return tuple;
}

LATEPY_FUNC LATEPY_COLD Object make_array_interface(PyObject* self) {
  const ViewData& view = data_of<ViewData>(self);
  if (!is_on_cpu(view)) throw ValueError(elsewhere);
  const Object token = make_token(self);
  Object made = steal_or_throw(api().Dict_New());
  const auto add = [&](const char* name, const Ref& value) {
    check_result(api().Dict_SetItemString(made.ptr(), name, value.ptr()));
  };
  add("version", make_int(3));
  add("shape", tuple_of(view.shape, view.ndim));
  add("strides", view.in_rows ? none() : tuple_of(view.strides, view.ndim));
  add("typestr", make_str(numpy_typestr(view.type->kind, view.type->size)));
  if (view.type->form) add("descr", make_descr(view.type->form()));
  add("data", token);
  return made;
}

/// An attribute of a memoryview.
template <class F>
PyObject* attribute_of(PyObject* self, F&& get) noexcept {
  return in_slot<PyObject*>(nullptr, [&] { return Object(get(data_of<ViewData>(self))).release(); });
}
LATEPY_FUNC const GetSetDef* view_attributes() noexcept {
  static const GetSetDef all[] = {
      {"obj",
       [](PyObject* self, void*) {
         return attribute_of(
             self, [](ViewData& view) { return view.owner.object ? Object::borrow(view.owner.object) : none(); });
       },
       nullptr, "The Python object that owns the memory; None if that is C++", nullptr},
      {"nbytes",
       [](PyObject* self, void*) { return attribute_of(self, [](ViewData& view) { return make_int(view.bytes); }); },
       nullptr, "The size of all items in bytes", nullptr},
      {"itemsize",
       [](PyObject* self, void*) {
         return attribute_of(self, [](ViewData& view) { return make_int(view.type->size); });
       },
       nullptr, "The size of an item in bytes", nullptr},
      {"format",
       [](PyObject* self, void*) {
         return attribute_of(self, [](ViewData& view) { return make_str(view.type->format()); });
       },
       nullptr, "The type of an item, as the struct module writes it", nullptr},
      {"ndim",
       [](PyObject* self, void*) { return attribute_of(self, [](ViewData& view) { return make_int(view.ndim); }); },
       nullptr, "The number of dimensions", nullptr},
      {"shape",
       [](PyObject* self, void*) {
         return attribute_of(self, [](ViewData& view) { return tuple_of(view.shape, view.ndim); });
       },
       nullptr, "The number of items in each dimension", nullptr},
      {"strides",
       [](PyObject* self, void*) {
         return attribute_of(self, [](ViewData& view) { return tuple_of(view.strides, view.ndim); });
       },
       nullptr, "The bytes from one item to the next in each dimension", nullptr},
      {"suboffsets",
       [](PyObject* self, void*) { return attribute_of(self, [](ViewData&) { return tuple_of(nullptr, 0); }); },
       nullptr, "Always ()", nullptr},
      {"readonly",
       [](PyObject* self, void*) { return attribute_of(self, [](ViewData& view) { return to_py(view.is_readonly); }); },
       nullptr, "Whether scripts can only read", nullptr},
      {"c_contiguous",
       [](PyObject* self, void*) { return attribute_of(self, [](ViewData& view) { return to_py(view.in_rows); }); },
       nullptr, "Whether the items lie one after the other, row after row", nullptr},
      {"f_contiguous",
       [](PyObject* self, void*) { return attribute_of(self, [](ViewData& view) { return to_py(view.in_columns); }); },
       nullptr, "Whether the items lie one after the other, column after column", nullptr},
      {"contiguous",
       [](PyObject* self, void*) {
         return attribute_of(self, [](ViewData& view) { return to_py(view.in_rows || view.in_columns); });
       },
       nullptr, "Whether the items lie one after the other", nullptr},
      {"__array_interface__",
       [](PyObject* self, void*) {
         return in_slot<PyObject*>(nullptr, [&] { return make_array_interface(self).release(); });
       },
       nullptr, "How numpy finds the memory", nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr}};
  return all;
}

/// A method that a memoryview of the view has.
LATEPY_FUNC PyObject* call_of_memoryview(const char* name, PyObject* self, PyObject* arguments,
                                         PyObject* names) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    return throw_if_null(api().Object_Call(get_attribute(make_memoryview(self), name).ptr(), arguments, names));
  });
}
/// `__iter__`, which pandas looks for: without it a View would be a single value to it.
LATEPY_FUNC PyObject* view_iter(PyObject* self, PyObject*) noexcept { return api().Object_GetIter(self); }
/// An ndarray over the memory.
LATEPY_FUNC LATEPY_COLD Object make_ndarray(PyObject* self) {
  return call_attribute(steal_or_throw(api().Import_ImportModule("numpy")), "asarray", {make_memoryview(self)});
}
/// `to_numpy()`, which matplotlib calls.
LATEPY_FUNC PyObject* view_ndarray(PyObject* self, PyObject*) noexcept {
  return in_slot<PyObject*>(nullptr, [&] { return make_ndarray(self).release(); });
}
/// `__array__`, which pandas and others call; numpy itself takes the buffer.
LATEPY_FUNC PyObject* view_array(PyObject* self, PyObject* arguments, PyObject* names) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    return throw_if_null(api().Object_Call(get_attribute(make_ndarray(self), "__array__").ptr(), arguments, names));
  });
}
using NamedMethod = PyObject* (*)(PyObject*, PyObject*, PyObject*);
LATEPY_FUNC PyObject* view_release(PyObject* self, PyObject*) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    if (!withdraw_view(self, current_generation())) {
      set_error(*api().BufferError,
                "this latepy.View cannot be released: " + decimal(data_of<ViewData>(self).exports.live()) +
                    " buffers or arrays of it still live");
      return static_cast<PyObject*>(nullptr);
    }
    return none().release();
  });
}
LATEPY_FUNC const MethodDef* view_methods() noexcept {
  const auto named = [](NamedMethod method) {
    return reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(reinterpret_cast<void (*)()>(method));
  };
  static const MethodDef all[] = {
      {"tolist",
       [](PyObject* self, PyObject*) {
         return in_slot<PyObject*>(nullptr, [&] {
           const ItemUse view(self);
           if (!is_on_cpu(*view)) throw ValueError(elsewhere);
           return list_items(*view, 0, static_cast<const char*>(view->data)).release();
         });
       },
       meth_noargs, "The items as nested lists"},
      {"release", &view_release, meth_noargs, "Gives the memory back to the program: there are no items after it"},
      {"__enter__",
       [](PyObject* self, PyObject*) {
         return in_slot<PyObject*>(nullptr, [&] {
           static_cast<void>(ItemUse(self));
           return Object::borrow(self).release();
         });
       },
       meth_noargs, "self"},
      {"__exit__", &view_release, meth_varargs, "release()"},
      {"__iter__", &view_iter, meth_noargs, "An iterator over the items"},
      {"to_numpy", &view_ndarray, meth_noargs, "An ndarray that shares the memory"},
      {"__array__", named(&view_array), meth_varargs | meth_keywords, "An ndarray that shares the memory"},
      {"tobytes", named([](PyObject* self, PyObject* arguments, PyObject* names) {
         return call_of_memoryview("tobytes", self, arguments, names);
       }),
       meth_varargs | meth_keywords, "A copy of the items as bytes"},
      {"hex", named([](PyObject* self, PyObject* arguments, PyObject* names) {
         return call_of_memoryview("hex", self, arguments, names);
       }),
       meth_varargs | meth_keywords, "The bytes in hexadecimal digits"},
      {"cast", named([](PyObject* self, PyObject* arguments, PyObject* names) {
         return call_of_memoryview("cast", self, arguments, names);
       }),
       meth_varargs | meth_keywords, "A memoryview with another format or shape"},
      {"toreadonly", named([](PyObject* self, PyObject* arguments, PyObject* names) {
         return call_of_memoryview("toreadonly", self, arguments, names);
       }),
       meth_varargs | meth_keywords, "A memoryview that cannot write"},
      {"__dlpack__", named(&view_dlpack), meth_varargs | meth_keywords, "A capsule that shares the memory by DLPack"},
      {"__dlpack_device__", &view_dlpack_device, meth_noargs, "The type and number of the device"},
      more_view_methods[0],
      more_view_methods[1],
      {nullptr, nullptr, 0, nullptr}};
  return all;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
