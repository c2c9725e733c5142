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
  field = std::forward<V>(value);
}

/// A copy of a list as a tuple, of a set as a frozenset, and a dict inside of a types.MappingProxyType. Returns other
/// objects as they are. Needs the GIL.
Object immutable(Object made);

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
/// Whether freeze() makes another object of what a T is converted to.
template <class T>
inline constexpr bool is_freezable = is_copied_class<T> &&
                                     (is_container<T> || is_tuple<T> || is_like_optional<T> || is_struct<T>);

template <class T>
Object freeze(Object made, const T& value);
/// A tuple of the items of a list or tuple, each frozen as the element of `elements` that it was made of.
template <class Tuple, std::size_t... I>
Object freeze_tuple(const Object& made, const Tuple& elements, std::index_sequence<I...>) {
  Object tuple = steal_or_throw(api().Tuple_New(sizeof...(I)));
  const auto set = [&](ssize i, const auto& element) {
    Object item = freeze(Object::borrow(api().Tuple_GetItem(made.ptr(), i)), element);
    check_result(api().Tuple_SetItem(tuple.ptr(), i, item.release()));
  };
  (set(static_cast<ssize>(I), std::get<I>(elements)), ...);
  return tuple;
}
/// What scripts read of a field: `made`, which `value` was converted to, with immutable containers instead of those
/// that the conversion made. An Object in `value` stays as it is. Needs the GIL.
template <class T>
Object freeze(Object made, const T& value) {
  const Api& a = api();
  if constexpr (!is_freezable<T>) {
    return made;
  } else if constexpr (is_map<T>) {
    if (type_of(made.ptr()) == a.Dict_Type && is_freezable<typename T::mapped_type> &&
        static_cast<std::size_t>(a.Object_Size(made.ptr())) == value.size()) {
      const Object dict = steal_or_throw(a.Dict_New());
      auto pair = value.begin();
      PyObject *key = nullptr, *item = nullptr;
      for (ssize at = 0; a.Dict_Next(made.ptr(), &at, &key, &item); ++pair)
        check_result(a.Dict_SetItem(dict.ptr(), key, freeze(Object::borrow(item), pair->second).ptr()));
      made = dict;
    }
    return immutable(std::move(made));
  } else if constexpr (is_container<T>) {
    if constexpr (is_freezable<typename T::value_type>) {
      if (type_of(made.ptr()) == a.List_Type) {
        Object tuple = steal_or_throw(a.Sequence_Tuple(made.ptr()));
        const ssize size = a.Object_Size(tuple.ptr());
        auto element = value.begin();
        for (ssize i = 0; i < size && element != value.end(); ++i, ++element) {
          Object item = freeze(Object::borrow(a.Tuple_GetItem(tuple.ptr(), i)), *element);
          check_result(a.Tuple_SetItem(tuple.ptr(), i, item.release()));
        }
        return tuple;
      }
    }
    return immutable(std::move(made));
  } else if constexpr (is_tuple<T>) {
    constexpr std::size_t size = std::tuple_size_v<T>;
    if (type_of(made.ptr()) != a.Tuple_Type || a.Object_Size(made.ptr()) != static_cast<ssize>(size)) return made;
    return freeze_tuple(made, value, std::make_index_sequence<size>());
  } else if constexpr (is_like_optional<T>) {
    return value.has_value() ? freeze(std::move(made), *value) : made;
  } else {
    if (type_of(made.ptr()) != a.Dict_Type) return made;
    const Object dict = steal_or_throw(a.Dict_Copy(made.ptr()));
    Converter<T>::each([&](const char* name, auto member) {
      const Object key = steal_or_throw(a.Unicode_InternFromString(name));
      PyObject* const item = a.Dict_GetItemWithError(made.ptr(), key.ptr());
      if (item) check_result(a.Dict_SetItem(dict.ptr(), key.ptr(), freeze(Object::borrow(item), value.*member).ptr()));
      return true;
    });
    return immutable(dict);
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
    return detail::freeze(latepy::to_py(field.value), field.value);
  }
};

}  // namespace v1
}  // namespace latepy
