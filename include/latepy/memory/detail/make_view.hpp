// latepy/memory/detail/make_view.hpp: makes a latepy.View and its Python types.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/view_operators.hpp>
#include <latepy/memory/shape.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The Python types; made at the first call. Need the GIL.
PyTypeObject* view_type();
PyTypeObject* token_type();

/// Makes a latepy.View over the memory, without an owner. `strides` is null: row after row. \throws ValueError,
/// also if the items are structs that cannot be shared.
Object make_view(void* data, const ItemType& type, const Shape& shape, const Extents* strides, bool is_readonly);
#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD PyTypeObject* view_type() {
  HostTypes& types = host_types();
  if (LATEPY_LIKELY(types.view != nullptr)) return types.view;
  MemberDef members[] = {{"__weaklistoffset__", member_ssize, static_cast<ssize>(head() + offsetof(ViewData, weakrefs)),
                          member_readonly, nullptr},
                         {}};
  static const char doc[] =
      "Memory of the program, without a copy: memoryview(view) and numpy.asarray(view) share it. It has the attributes "
      "of a memoryview.";
  TypeSlot type_slots[] = {{tp_new, slot_value(&refuse_new)},
                           {tp_dealloc, slot_value(&view_dealloc)},
                           {tp_traverse, slot_value(&view_traverse)},
                           {tp_clear, slot_value(&view_clear)},
                           {bf_getbuffer, slot_value(&view_getbuffer)},
                           {bf_releasebuffer, slot_value(&view_releasebuffer)},
                           {tp_members, members},
                           {tp_methods, const_cast<MethodDef*>(view_methods())},
                           {tp_getset, const_cast<GetSetDef*>(view_attributes())},
                           {mp_length, slot_value(&view_length)},
                           {mp_subscript, slot_value(&view_subscript)},
                           {mp_ass_subscript, slot_value(&view_set_item)},
                           {sq_length, slot_value(&view_length)},
                           {sq_item, slot_value(&view_item)},
                           {tp_richcompare, slot_value(&view_compare)},
                           {tp_hash, slot_value(&view_hash)},
                           {tp_doc, const_cast<char*>(doc)},
                           {0, nullptr}};
  Object made = make_type("latepy.View", sizeof(ViewData), 0, type_slots);
  return types.view = reinterpret_cast<PyTypeObject*>(made.release());  // lives as long as its interpreter
}

LATEPY_FUNC LATEPY_COLD PyTypeObject* token_type() {
  HostTypes& types = host_types();
  if (LATEPY_LIKELY(types.token != nullptr)) return types.token;
  TypeSlot type_slots[] = {{tp_new, slot_value(&refuse_new)},
                           {tp_dealloc, slot_value(&token_dealloc)},
                           {bf_getbuffer, slot_value(&token_getbuffer)},
                           {0, nullptr}};
  pin_libraries();
  TypeSpec spec{"latepy.view_token", static_cast<int>(head() + sizeof(TokenData)), 0, 0, type_slots};
  Object made = steal_or_throw(api().Type_FromSpecWithBases(&spec, nullptr));
  return types.token = reinterpret_cast<PyTypeObject*>(made.release());
}

LATEPY_FUNC Object make_token(PyObject* view) {
  Object made = steal_or_throw(api().Type_GenericAlloc(token_type(), 0));
  add_export(data_of<ViewData>(view));
  incref(view);
  data_of<TokenData>(made.ptr()).view = view;
  return made;
}

LATEPY_FUNC Object make_view(void* memory, const ItemType& type, const Shape& shape, const Extents* strides,
                             bool is_readonly) {
  static char no_items;
  if (type.form) static_cast<void>(type.form());  // throws here if it does: view_getbuffer() cannot
  const int ndim = shape.ndim();
  const std::size_t count = shape.count(static_cast<std::size_t>(type.size));
  if (strides && LATEPY_UNLIKELY(strides->size() != ndim))
    throw ValueError(concat({"the shape ", shape.to_string(), " has ", decimal(ndim), " dimensions, and there are ",
                             decimal(strides->size()), " strides"}));
  if (LATEPY_UNLIKELY(!memory && count)) throw ValueError("a view of " + decimal(count) + " items got a null pointer");
  Object made = steal_or_throw(api().Type_GenericAlloc(view_type(), 0));
  ViewData& data = data_of<ViewData>(made.ptr());
  data.shape = ndim <= 4 ? data.inside : new ssize[2 * static_cast<std::size_t>(ndim)];
  data.strides = data.shape + ndim;
  data.data = memory ? memory : &no_items;
  data.type = &type;
  data.ndim = ndim;
  data.bytes = static_cast<ssize>(count) * type.size;
  data.is_readonly = is_readonly;
  data.device_type = 1;
  bool in_rows = true, in_columns = true;
  ssize step = type.size;
  for (int i = ndim; i-- > 0;) {
    data.shape[i] = shape[i];
    const ssize stride = strides ? (*strides)[i] : step;
    constexpr ssize most = (std::numeric_limits<ssize>::max)();
    if (shape[i] > 1 && LATEPY_UNLIKELY((stride < 0 ? -(stride + 1) : stride) > most / (shape[i] - 1)))
      throw ValueError(concat({"stride ", decimal(i), " of ", decimal(stride), " bytes leaves the memory: there are ",
                               decimal(shape[i]), " items in that dimension"}));
    data.strides[i] = count ? stride : step;  // of no items: an address on the way to them could overflow
    in_rows = in_rows && (shape[i] == 1 || stride == step);
    step *= shape[i] ? shape[i] : 1;
  }
  step = type.size;
  for (int i = 0; i < ndim; ++i) {
    in_columns = in_columns && (shape[i] == 1 || data.strides[i] == step);
    step *= shape[i] ? shape[i] : 1;
  }
  data.in_rows = in_rows || count == 0;
  data.in_columns = in_columns || count == 0;
  return made;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
