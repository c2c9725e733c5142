// latepy/host/detail/class/field_copy.hpp: what scripts read from a field of a container type: an immutable copy.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/python_type.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether a field of type F is read by copy, and the copy may be a container.
template <class F>
inline constexpr bool is_copied_class =
    std::is_class_v<F> && !is_bound<F> && !std::is_base_of_v<Ref, F> && !is_text<std::remove_const_t<F>>;

/// A field that is read by copy. A script that changed the copy would not change the field, so the copy is immutable:
/// `scene.names.append("x")` is an AttributeError instead of nothing at all. If the type has a class of bind_vector()
/// or bind_map(), the field is read by reference.
template <class F>
struct FieldCopy {
  explicit FieldCopy(const F& field) noexcept : value(field) {}
  template <class T>
  FieldCopy(F& field, const T& whole) noexcept
      : value(field),
        owner(&whole),
        find_owner([](const void* object) { return find_instance(most_derived(static_cast<const T*>(object))); }) {}
  const F& value;
  const void* owner = nullptr;  ///< the object whose field it is, if the field is not const
  Object (*find_owner)(const void*) = nullptr;
};
/// What scripts read of a field.
template <class Shown, class T, class F>
Shown show_field([[maybe_unused]] const T& whole, F& field) {
  if constexpr (is_copied_class<F> && !std::is_const_v<F>)
    return Shown(field, whole);
  else
    return Shown(field);
}
/// A script assigns to a field.
template <class F, class V>
void assign_field(F& field, V&& value) {
  if constexpr (holds_objects<F>() && !is_bound<F>) {
    Visitor settle;
    settle(value);
  }
  if constexpr (is_copied_class<F>) {
    const ClassRecord* const record = class_of<F>();
    if (record && record->traits && record->traits->before_assignment)
      if (const Object container = find_instance({&field, record}); !container.is_empty())
        record->traits->before_assignment(container.ptr(), &field);
  }
  field = std::forward<V>(value);
}

/// A list as a tuple, a dict as a types.MappingProxyType, a set as a frozenset; so are the items of them and of tuples.
/// Returns other objects as they are. `made` is new, and nothing else refers to what is in it. Needs the GIL.
Object frozen(Object made);
/// The annotation of what frozen() returns for a type.
std::string frozen_type(std::string type);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object frozen(Object made) {
  const Api& a = api();
  const PyTypeObject* const type = type_of(made.ptr());
  const bool is_list = type == a.List_Type;
  if (is_list || type == a.Tuple_Type) {
    for (ssize i = 0, size = a.Object_Size(made.ptr()); i < size; ++i) {
      Object item = Object::borrow(is_list ? a.List_GetItem(made.ptr(), i) : a.Tuple_GetItem(made.ptr(), i));
      const PyObject* const before = item.ptr();
      item = frozen(std::move(item));
      if (item.ptr() == before) continue;
      PyObject* const after = item.release();
      check_result(is_list ? a.List_SetItem(made.ptr(), i, after) : a.Tuple_SetItem(made.ptr(), i, after));
    }
    return is_list ? steal_or_throw(a.Sequence_Tuple(made.ptr())) : made;
  }
  if (type == a.Dict_Type) {
    PyObject *key = nullptr, *value = nullptr;
    for (ssize at = 0; a.Dict_Next(made.ptr(), &at, &key, &value);) {  // the values may change, not the keys
      const Object item = frozen(Object::borrow(value));
      if (item.ptr() != value) check_result(a.Dict_SetItem(made.ptr(), key, item.ptr()));
    }
    return steal_or_throw(a.DictProxy_New(made.ptr()));
  }
  return type == a.Set_Type ? steal_or_throw(a.FrozenSet_New(made.ptr())) : made;
}

LATEPY_FUNC LATEPY_COLD std::string frozen_type(std::string type) {
  static constexpr std::string_view names[][2] = {
      {"list[", "collections.abc.Sequence["}, {"dict[", "collections.abc.Mapping["}, {"set[", "collections.abc.Set["}};
  for (const auto& [name, immutable] : names)
    for (std::size_t at = 0; (at = type.find(name, at)) != type.npos; at += immutable.size()) {
      const bool is_whole = at == 0 || type[at - 1] == '[' || type[at - 1] == ' ';
      if (is_whole) type.replace(at, name.size(), immutable);
    }
  return type;
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail

template <class F>
struct Converter<detail::FieldCopy<F>> {
  static std::string python_type(detail::Direction direction) {
    const detail::ClassRecord* const record = detail::class_of<F>();
    return record ? detail::class_name(record, "", false) : detail::frozen_type(detail::python_type<F>(direction));
  }
  static Object to_py(const detail::FieldCopy<F>& field) {
    if (field.owner && detail::class_of<F>())
      if (const Object owner = field.find_owner(field.owner); !owner.is_empty())
        return detail::reference_to_python(&field.value, owner.ptr());
    return detail::frozen(latepy::to_py(field.value));
  }
};

}  // namespace v1
}  // namespace latepy
