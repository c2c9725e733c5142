// latepy/memory/detail/view_operators.hpp: the operators of a latepy.View: its items, == and hash().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/exporter_items.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The address of the item that the key names: an int, or a tuple of one int for each dimension. Null without an error
/// set: the key is something else. \throws IndexError.
char* find_item(const ViewData& view, PyObject* key);
/// The slots for items.
ssize view_length(PyObject* self) noexcept;
PyObject* view_item(PyObject* self, ssize index) noexcept;
PyObject* view_subscript(PyObject* self, PyObject* key) noexcept;
int view_set_item(PyObject* self, PyObject* key, PyObject* value) noexcept;
/// The slot for comparisons: == and != as of a memoryview, whatever has the other buffer.
PyObject* view_compare(PyObject* self, PyObject* other, int op) noexcept;
/// The slot for hash(): as of a memoryview.
ssize view_hash(PyObject* self) noexcept;

inline constexpr char no_rows[] =
    "a latepy.View of several dimensions has no rows: index all dimensions, or use numpy.asarray(view)";

#if LATEPY_DEFINITIONS

LATEPY_FUNC char* find_item(const ViewData& view, PyObject* key) {
  const Api& a = api();
  const bool is_tuple = has_flag(key, type_is_tuple);
  if (is_tuple ? a.Tuple_Size(key) != view.ndim : view.ndim != 1 || !a.Index_Check(key)) return nullptr;
  char* at = static_cast<char*>(view.data);
  for (int i = 0; i < view.ndim; ++i) {
    PyObject* const each = is_tuple ? a.Tuple_GetItem(key, i) : key;
    if (!a.Index_Check(each)) return nullptr;
    const Object number = steal_or_throw(a.Number_Index(each));
    int overflow = 0;
    long long index = a.Long_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow || index >= view.shape[i] || index < -static_cast<long long>(view.shape[i]))
      throw IndexError(concat({"index ", show_value(number.ptr()), " is out of range for dimension ", decimal(i),
                               " of a latepy.View, which has ", decimal(view.shape[i]), " items"}));
    if (index < 0) index += view.shape[i];
    at += static_cast<ssize>(index) * view.strides[i];
  }
  return at;
}

/// Python's error is of a memoryview. If that has no rows, throws what says what to do.
LATEPY_FUNC LATEPY_COLD void explain_key(const ViewData& view, PyObject* key) {
  const bool is_part = api().Err_ExceptionMatches(*api().NotImplementedError) ||
                       (view.ndim > 1 && has_flag(key, type_is_tuple) && api().Err_ExceptionMatches(*api().TypeError));
  if (!is_part) return;
  api().Err_Clear();
  throw NotImplementedError(no_rows);
}

LATEPY_FUNC ssize view_length(PyObject* self) noexcept {
  const ViewData& view = data_of<ViewData>(self);
  if (view.ndim != 0) return view.shape[0];
  set_error(*api().TypeError, "a latepy.View without dimensions has no length");
  return -1;
}
LATEPY_FUNC PyObject* view_item(PyObject* self, ssize index) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    const ItemUse view(self);
    if (!is_on_cpu(*view)) throw ValueError(elsewhere);
    if (view->ndim != 1) throw NotImplementedError(no_rows);
    if (index < 0 || index >= view->shape[0]) throw IndexError("index out of range");
    return view->type->get(static_cast<const char*>(view->data) + index * view->strides[0]);
  });
}
LATEPY_FUNC PyObject* view_subscript(PyObject* self, PyObject* key) noexcept {
  return in_slot<PyObject*>(nullptr, [&] {
    const ItemUse view(self);
    if (is_on_cpu(*view))
      if (const char* const item = find_item(*view, key)) return view->type->get(item);
    PyObject* const made = api().Object_GetItem(make_memoryview(self).ptr(), key);  // slices, and what is no index
    if (!made) explain_key(*view, key);
    return made;
  });
}
LATEPY_FUNC int view_set_item(PyObject* self, PyObject* key, PyObject* value) noexcept {
  return in_slot(-1, [&] {
    const ItemUse view(self);
    if (!value) throw TypeError("an item of a latepy.View cannot be deleted");
    if (view->is_readonly) throw TypeError(read_only_text);
    if (char* const item = is_on_cpu(*view) ? find_item(*view, key) : nullptr) {
      view->type->set(item, value);
    } else {
      const Object memory = make_memoryview(self);
      if (!api().Object_CheckBuffer(value) && is_slice(key))
        throw TypeError(
            concat({"a slice of a latepy.View is set from a buffer with as many items of the same type, and ",
                    qualified_name(as_object(type_of(value))),
                    " has none: use numpy.asarray(view), whose slices take numbers and lists too"}));
      if (api().Object_SetItem(memory.ptr(), key, value) < 0) explain_key(*view, key), throw_python_error();
    }
    return 0;
  });
}

LATEPY_FUNC PyObject* view_compare(PyObject* self, PyObject* other, int op) noexcept {
  const auto equal = [&]() -> Object {
    const ViewData& view = data_of<ViewData>(self);
    const Object unknown = Object::borrow(api().NotImplementedStruct);
    const bool is_equality = op == static_cast<int>(Op::eq) || op == static_cast<int>(Op::ne);
    if (!is_equality || !is_on_cpu(view) || view.exports.is_withdrawn()) return unknown;
    // numpy's arrays and scalars, and what takes precedence as they do, compare item by item by their reflected method.
    if (!attribute_or_empty(as_object(type_of(other)), "__array_priority__").is_empty()) return unknown;
    const bool is_long_double = view.type->kind == ItemKind::floating && view.type->size > 8;
    if (!view.type->form && view.type->kind != ItemKind::complex && !is_long_double)
      return call_attribute(make_memoryview(self), op == static_cast<int>(Op::eq) ? "__eq__" : "__ne__", {Ref(other)});
    // A memoryview cannot tell whether structs, complex numbers and long doubles are equal.
    if (!is_exactly(other, head_type(self)) || other == self) return unknown;
    const ViewData& theirs = data_of<ViewData>(other);
    if (!is_on_cpu(theirs) || theirs.exports.is_withdrawn()) return unknown;
    if (!std::equal(view.shape, view.shape + view.ndim, theirs.shape, theirs.shape + theirs.ndim))
      return to_py(op == static_cast<int>(Op::ne));
    return steal_or_throw(api().Object_RichCompare(call_attribute(Ref(self), "tolist").ptr(),
                                                   call_attribute(Ref(other), "tolist").ptr(), op));
  };
  return in_slot<PyObject*>(nullptr, [&] { return equal().release(); });
}
LATEPY_FUNC ssize view_hash(PyObject* self) noexcept {
  return in_slot<ssize>(-1, [&] {
    const ItemUse view(self);
    if (!view->is_readonly || view->type->size != 1 || view->type->kind == ItemKind::boolean)
      throw ValueError(
          "a latepy.View is equal to what has equal items, so it has no hash, except for a read-only one of bytes: use "
          "its id() or its tobytes() as a key");
    return api().Object_Hash(call_attribute(make_memoryview(self), "tobytes").ptr());
  });
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
