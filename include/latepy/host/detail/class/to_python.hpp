// latepy/host/detail/class/to_python.hpp: Python objects for C++ objects: for shared_ptr, unique_ptr and references.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/instance_type.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Throws a ConversionError: the C++ type has no Python class.
[[noreturn]] LATEPY_COLD inline void throw_unregistered(std::string_view type) {
  check_running();
  throw_error<ConversionError>(
      {"the C++ type ", type, " has no Python class: call add_class() or add_enum() before its first use"});
}
/// The record of a bound class. \throws ConversionError if there is none.
template <class T>
const ClassRecord& need_class() {
  const ClassRecord* const record = class_of<T>();
  if (LATEPY_UNLIKELY(!record || !record->traits)) throw_unregistered(spelled_name<T>());
  return *record;
}

#ifdef __cpp_rtti
/// Looks for the bound class with this RTTI name. `value` is the address of the complete object. The record is null if
/// there is none.
MostDerived find_by_rtti(const char* name, void* value) noexcept;
#endif
/// The most derived bound class of an object that RTTI can find, else T itself.
template <class T>
MostDerived most_derived(const T* value) {
  const ClassRecord& record = need_class<T>();
#ifdef __cpp_rtti
  if constexpr (std::is_polymorphic_v<T>) {
    const std::type_info& dynamic = typeid(*value);
    if (dynamic != typeid(T)) {
      const MostDerived derived = find_by_rtti(dynamic.name(), const_cast<void*>(dynamic_cast<const void*>(value)));
      if (derived.record) return derived;
    }
  }
#endif
  return {const_cast<void*>(static_cast<const void*>(value)), &record};
}

/// Makes an instance for a C++ object, with Ownership::none. On free-threaded builds it may be one that another thread
/// just made. Needs the GIL.
Object make_instance(const MostDerived& object);
/// Makes the instance keep `owner` alive. \param is_part the C++ object lies inside of that of `owner`, and is
/// destroyed with it.
void keep_alive_in(Instance& instance, PyObject* owner, bool is_part);

/// Whether T derives from std::enable_shared_from_this.
template <class T, class = void>
inline constexpr bool shares_itself = false;
template <class T>
inline constexpr bool shares_itself<T, std::void_t<decltype(std::declval<T&>().weak_from_this())>> = true;

/// The deleter of a shared_ptr that owns a Python object, and by it the C++ object.
struct PythonOwner {
  Object object;
  void operator()(const void*) noexcept { object = Object(); }
};

/// The Python object for a shared_ptr, which becomes one of its owners. None for an empty one.
template <class T>
Object shared_to_python(std::shared_ptr<T> value) {
  if (!value) return none();
  const MostDerived object = most_derived(value.get());
  Object made = find_instance(object);
  if (made.is_empty()) made = make_instance(object);
  Instance& instance = data_of<Instance>(made.ptr());
  const ObjectLock lock(made.ptr());
  const bool is_owner = instance.ownership == Ownership::unique || instance.ownership == Ownership::shared;
  if (!is_owner && !std::get_deleter<PythonOwner>(value)) {  // a PythonOwner owns the instance: no circle
    new (instance.holder) std::shared_ptr<void>(std::const_pointer_cast<std::remove_const_t<T>>(std::move(value)));
    instance.ownership = Ownership::shared;
    leave_parent(instance);
  }
  return made;
}

/// Gives ownership of a C++ object to its Python object, which is made if it has none. None for an empty unique_ptr.
/// \param is_new the object was just made, so an instance in the table at its address belongs to a destroyed object.
/// \throws StateError if it has another owner already, which keeps it.
template <class T>
Object unique_to_python(std::unique_ptr<T> value, bool is_new = false) {
  if (!value) return none();
  if constexpr (shares_itself<T>) return shared_to_python(std::shared_ptr<T>(std::move(value)));
  const MostDerived object = most_derived(value.get());
  Object made = find_instance(object);
  if (!made.is_empty() && is_new) relinquish(data_of<Instance>(std::exchange(made, Object()).ptr()));
  if (!made.is_empty() && data_of<Instance>(made.ptr()).ownership >= Ownership::unique) {
    static_cast<void>(value.release());  // the other owner destroys it
    throw_error<StateError>(
        {"cannot give a ", object.record->traits->name, " to Python as unique_ptr: it has another owner already"});
  }
  if (made.is_empty()) made = make_instance(object);
  Instance& instance = data_of<Instance>(made.ptr());
  instance.ownership = Ownership::unique;
  value.release();
  leave_parent(instance);
  return made;
}
/// The part of reference_to_python() that does not depend on the type.
Object refer_to(const MostDerived& object, PyObject* owner);
/// The Python object for a C++ object that C++ owns. If `owner` is not null, the Python object keeps it alive.
template <class T>
Object reference_to_python(const T* value, PyObject* owner = nullptr) {
  return value ? refer_to(most_derived(value), owner) : none();
}

#if LATEPY_DEFINITIONS

#ifdef __cpp_rtti
LATEPY_FUNC LATEPY_COLD MostDerived find_by_rtti(const char* name, void* value) noexcept {
  const std::uint32_t generation = current_generation();
  const bool is_local = is_local_key(name);
  const auto is_it = [&](const char* known) {
    return known && (known == name || (!is_local && std::strcmp(known, name) == 0));
  };
  for (const ClassRecord* each = current_interpreter().classes.load(std::memory_order_acquire); each; each = each->next)
    if (each->generation == generation && each->traits) {
      if (is_it(each->traits->rtti_name)) return {value, each};
      if (is_it(each->traits->trampoline_rtti)) return {each->traits->of_trampoline(value), each};
    }
  return {value, nullptr};
}
#endif

LATEPY_FUNC Object make_instance(const MostDerived& object) {
  PyObject* const self =
      throw_if_null(api().Type_GenericAlloc(reinterpret_cast<PyTypeObject*>(object.record->type), 0));
  Object made = Object::steal(self);
  Instance& instance = data_of<Instance>(self);
  instance.traits = object.record->traits;
  make_weak(instance);
  HostTypes& types = host_types();
  const TableLock lock(types);
  if (LATEPY_UNLIKELY(library_state.free_threaded))
    if (Object other = find_listed(types, object); !other.is_empty()) return other;
  list_value(types, instance, object.value);
  return made;
}

LATEPY_FUNC Object refer_to(const MostDerived& object, PyObject* owner) {
  Object made = find_instance(object);
  if (!made.is_empty()) return made;
  made = make_instance(object);
  if (owner) keep_alive_in(data_of<Instance>(made.ptr()), owner, true);
  return made;
}

LATEPY_FUNC void keep_alive_in(Instance& instance, PyObject* owner, bool is_part) {
  const ObjectLock lock(object_of(instance));
  if (owner == object_of(instance)) return;
  if (is_part && instance.parent && object_of(*instance.parent) == owner) return;  // another thread was faster
  if (is_part && instance.ownership == Ownership::none && !instance.parent &&
      api().Type_IsSubtype(head_type(owner), instance_type())) {
    Instance& parent = data_of<Instance>(owner);
    const Instance* each = &parent;
    while (each && each != &instance) each = each->parent;
    if (!each) {  // no circle
      incref(owner);
      instance.parent = &parent;
      for (Instance* of = &parent; of; of = of->parent) of->views += instance.views;
      return;
    }
  }
  if (!instance.keep) instance.keep = throw_if_null(api().List_New(0));
  for (ssize i = api().List_Size(instance.keep); i-- > 0;)
    if (api().List_GetItem(instance.keep, i) == owner) return;
  check_result(api().List_Append(instance.keep, owner));
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
