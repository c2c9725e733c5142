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
template <class C>
void before_assignment(C& container) {
  const ClassRecord* const record = class_of<C>();
  if (record && record->traits && record->traits->before_assignment)
    if (const Object object = find_instance({&container, record}); !object.is_empty())
      record->traits->before_assignment(object.ptr(), &container);
}
/// \throws BufferError if a view of the memory of an object of a bound class exists, so that `what` of it cannot
/// change.
template <class T>
void check_unviewed(const T& object, std::string_view what) {
  if (!class_of<T>()) return;
  if (const Object found = find_instance(most_derived(&object)); !found.is_empty())
    check_resizable(data_of<Instance>(found.ptr()), what);
}
/// A script assigns to a field.
template <class F, class V>
void assign_field(F& field, V&& value) {
  if constexpr (holds_objects<F>() && !is_bound<F>) {
    Visitor settle;
    settle(value);
  }
  if constexpr (is_copied_class<F>) before_assignment(field);
  // What it owns may move, and views of it dangle.
  if constexpr (is_bound<F> && !std::is_trivially_copyable_v<F>) check_unviewed(field, "the value");
  if constexpr (holds_objects<F>() && !std::is_reference_v<V> && std::is_move_constructible_v<F>)
    const F gone = std::exchange(field, std::move(value));  // its end may run Python code that uses the field
  else
    field = std::forward<V>(value);
}

/// A copy of a list as a tuple, of a set as a frozenset, of a bytearray as bytes, and a dict inside of a
/// types.MappingProxyType. Returns other objects as they are. Needs the GIL.
Object immutable(Object made);
/// The same for what a Converter of any kind made, and inside of it. What others refer to is no copy, and stays as it
/// is. Needs the GIL.
Object immutable_if_unshared(Object made);
/// Whether immutable() changes an object, or something in a tuple. Needs the GIL. \param items a list or tuple.
bool has_mutable_item(PyObject* items);
inline bool is_mutable(PyObject* object) {
  const Api& a = api();
  const PyTypeObject* const type = type_of(object);
  return type == a.List_Type || type == a.Dict_Type || type == a.Set_Type || type == a.ByteArray_Type ||
         (type == a.Tuple_Type && has_mutable_item(object));
}
/// A new list of the items of a list or tuple. Their other references end with `made`.
inline Object list_of_items(Object made) { return steal_or_throw(api().Sequence_List(made.ptr())); }
///@{
/// Replaces an item of a list, or a value of a dict, by change(item), which has the only reference to the item that the
/// container had.
template <class F>
void change_item(const Object& list, ssize i, F&& change) {
  Object item = Object::borrow(api().List_GetItem(list.ptr(), i));
  check_result(api().List_SetItem(list.ptr(), i, none().release()));
  check_result(api().List_SetItem(list.ptr(), i, Object(change(std::move(item))).release()));
}
template <class F>
void change_value(const Object& dict, PyObject* key, PyObject* borrowed, F&& change) {
  Object item = Object::borrow(borrowed);
  check_result(api().Dict_SetItem(dict.ptr(), key, none().ptr()));
  check_result(api().Dict_SetItem(dict.ptr(), key, Object(change(std::move(item))).ptr()));
}
///@}
/// A new dict of the entries of another one, with change(value, i) for the ith value, as above. The other one is not
/// changed while it is walked: a key whose hash is another one each time would be added to it again and again.
template <class F>
Object change_values(Object dict, F&& change) {
  const Api& a = api();
  const ssize size = a.Object_Size(dict.ptr());
  const Object keys = steal_or_throw(a.List_New(size)), values = steal_or_throw(a.List_New(size));
  PyObject *key = nullptr, *value = nullptr;
  ssize count = 0;
  for (ssize at = 0; count < size && a.Dict_Next(dict.ptr(), &at, &key, &value); ++count) {
    check_result(a.List_SetItem(keys.ptr(), count, Object::borrow(key).release()));
    check_result(a.List_SetItem(values.ptr(), count, Object::borrow(value).release()));
  }
  dict = steal_or_throw(a.Dict_New());
  for (ssize i = 0; i < count; ++i) {
    change_item(values, i, [&](Object item) { return change(std::move(item), i); });
    check_result(a.Dict_SetItem(dict.ptr(), a.List_GetItem(keys.ptr(), i), a.List_GetItem(values.ptr(), i)));
  }
  return dict;
}

/// Whether Converter<T> has each(): LATEPY_STRUCT.
template <class T, class = void>
inline constexpr bool is_struct = false;
template <class T>
inline constexpr bool
    is_struct<T, std::void_t<decltype(Converter<T>::each(std::declval<bool (*)(const char*, ...)>()))>> = true;
template <class T, class = void>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<T, std::void_t<typename T::mapped_type>> = true;
/// Whether Converter<T> has freeze().
template <class T, class = void>
inline constexpr bool has_freeze = false;
template <class T>
inline constexpr bool
    has_freeze<T, std::void_t<decltype(Converter<T>::freeze(std::declval<Object>(), std::declval<const T&>(), 0))>> =
        true;
/// Whether freeze() may make another object of what a T is converted to.
template <class T>
inline constexpr bool is_freezable = is_copied_class<T> || std::is_array_v<T>;
/// Whether freeze() knows the parts of a T, or its Converter does.
template <class T>
inline constexpr bool has_known_parts =
    has_freeze<T> || is_container<T> || std::is_array_v<T> || is_tuple<T> || is_like_optional<T> || is_struct<T>;

template <class T>
Object freeze(Object made, const T& value);
/// Freezes an item of a list, which `element` was converted to.
template <class T>
void freeze_item(const Object& list, ssize i, const T& element) {
  if constexpr (is_freezable<T>)
    if (has_known_parts<T> || is_mutable(api().List_GetItem(list.ptr(), i)))
      change_item(list, i, [&](Object item) { return freeze(std::move(item), element); });
}
/// A tuple with each item frozen as the element of `elements` that it was made of.
template <class Tuple, std::size_t... I>
Object freeze_elements(Object made, const Tuple& elements, std::index_sequence<I...>) {
  if constexpr (!(is_freezable<std::tuple_element_t<I, Tuple>> || ...)) return made;
  made = list_of_items(std::move(made));
  (freeze_item(made, static_cast<ssize>(I), std::get<I>(elements)), ...);
  return immutable(std::move(made));
}
/// What scripts read of a field: `made`, which `value` was converted to, with immutable containers and read-only arrays
/// instead of those that the conversion made. An Object in `value` stays as it is. Needs the GIL.
template <class T>
Object freeze(Object made, const T& value) {
  const Api& a = api();
  if constexpr (!is_freezable<T>) {
    return made;
  } else if constexpr (has_freeze<T>) {
    return Converter<T>::freeze(std::move(made), value,
                                [](Object inner, const auto& part) { return freeze(std::move(inner), part); });
  } else if constexpr (is_map<T>) {
    if (type_of(made.ptr()) == a.Dict_Type && is_freezable<typename T::mapped_type> &&
        static_cast<std::size_t>(a.Object_Size(made.ptr())) == value.size()) {
      if (library_state.free_threaded) made = steal_or_throw(a.Dict_Copy(made.ptr()));
      auto pair = value.begin();
      made = change_values(std::move(made), [&](Object each, ssize) {
        const auto& part = (pair++)->second;
        return has_known_parts<typename T::mapped_type> || is_mutable(each.ptr()) ? freeze(std::move(each), part)
                                                                                  : each;
      });
    }
    return immutable(std::move(made));
  } else if constexpr (is_container<T> || std::is_array_v<T>) {
    using Element = std::remove_cv_t<std::remove_reference_t<decltype(*std::begin(value))>>;
    if constexpr (is_freezable<Element>) {
      if (type_of(made.ptr()) == a.List_Type && (has_known_parts<Element> || has_mutable_item(made.ptr()))) {
        made = list_of_items(std::move(made));
        const ssize size = a.Object_Size(made.ptr());
        auto element = std::begin(value);
        for (ssize i = 0; i < size && element != std::end(value); ++i, ++element) freeze_item(made, i, *element);
      }
    }
    return immutable(std::move(made));
  } else if constexpr (is_tuple<T>) {
    constexpr std::size_t size = std::tuple_size_v<T>;
    if (type_of(made.ptr()) != a.Tuple_Type || a.Object_Size(made.ptr()) != static_cast<ssize>(size)) return made;
    return freeze_elements(std::move(made), value, std::make_index_sequence<size>());
  } else if constexpr (is_like_optional<T>) {
    return value.has_value() ? freeze(std::move(made), *value) : made;
  } else if constexpr (is_struct<T>) {
    if (type_of(made.ptr()) != a.Dict_Type) return made;
    made = steal_or_throw(a.Dict_Copy(made.ptr()));
    Converter<T>::each([&](const char* name, auto member) {
      const Object key = steal_or_throw(a.Unicode_InternFromString(name));
      if (PyObject* const item = a.Dict_GetItemWithError(made.ptr(), key.ptr()))
        change_value(made, key.ptr(), item, [&](Object each) { return freeze(std::move(each), value.*member); });
      return true;
    });
    return immutable(std::move(made));
  } else {
    return immutable_if_unshared(std::move(made));
  }
}
/// The annotation of what freeze() returns for a type.
std::string frozen_type(std::string type);

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD Object immutable(Object made) {
  const Api& a = api();
  const PyTypeObject* const type = type_of(made.ptr());
  if (type == a.List_Type) return steal_or_throw(a.Sequence_Tuple(made.ptr()));
  if (type == a.Dict_Type) return steal_or_throw(a.DictProxy_New(made.ptr()));
  if (type == a.ByteArray_Type)
    return steal_or_throw(a.Bytes_FromStringAndSize(a.ByteArray_AsString(made.ptr()), a.ByteArray_Size(made.ptr())));
  return type == a.Set_Type ? steal_or_throw(a.FrozenSet_New(made.ptr())) : made;
}

LATEPY_FUNC bool has_mutable_item(PyObject* items) {
  const Api& a = api();
  const bool is_list = type_of(items) == a.List_Type;
  const ssize size = is_list ? a.List_Size(items) : a.Tuple_Size(items);
  for (ssize i = 0; i < size; ++i)
    if (is_mutable(is_list ? a.List_GetItem(items, i) : a.Tuple_GetItem(items, i))) return true;
  return false;
}
LATEPY_FUNC LATEPY_COLD Object immutable_if_unshared(Object made) {
  const Api& a = api();
  if (!is_mutable(made.ptr()) || call_attribute(known_module("sys"), "getrefcount", {made}) != make_int(1)) return made;
  if (type_of(made.ptr()) == a.Dict_Type) {
    made = change_values(std::move(made), [](Object each, ssize) { return immutable_if_unshared(std::move(each)); });
  } else if (type_of(made.ptr()) == a.List_Type || type_of(made.ptr()) == a.Tuple_Type) {
    made = list_of_items(std::move(made));
    const ssize size = a.Object_Size(made.ptr());
    for (ssize i = 0; i < size; ++i) change_item(made, i, &immutable_if_unshared);
  }
  return immutable(std::move(made));
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
    return detail::freeze(latepy::to_py(field.value), field.value);
  }
};

}  // namespace v1
}  // namespace latepy
