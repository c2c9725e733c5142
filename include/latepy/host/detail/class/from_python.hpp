// latepy/host/detail/class/from_python.hpp: C++ objects of Python objects: by reference, shared_ptr and unique_ptr.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/to_python.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The instance data if the object is of the class or of a derived one, else null.
Instance* instance_of(PyObject* object, const ClassRecord* wanted) noexcept;
/// The C++ object, or null if the object is of another class or has no C++ object. Needs the GIL.
template <class T>
T* load_instance(PyObject* object) noexcept {
  const ClassRecord* const wanted = class_of<T>();
  const Instance* const instance = instance_of(object, wanted);
  if (LATEPY_UNLIKELY(!instance || !instance->value || (instance->parent && !has_value(*instance)))) return nullptr;
  if (LATEPY_LIKELY(instance->traits->record == wanted)) return static_cast<T*>(instance->value);
  return static_cast<T*>(upcast(instance->value, instance->traits, wanted));
}

/// If the object is of the class that bind_vector() or bind_map() made for a container, copies the container.
bool copy_container(PyObject* object, const ClassRecord& wanted, void* result);

/// Notes in `owners` what owns the C++ object of an instance.
void note_owners(Owners& owners, PyObject* object);
/// Fit of a class, and of pointers to it: own for its objects, kin for those of a derived C++ class.
inline Fit instance_fit(PyObject* object, const ClassRecord* wanted) noexcept {
  const Instance* const instance = instance_of(object, wanted);
  return !instance || !instance->traits ? Fit::other : instance->traits->record == wanted ? Fit::own : Fit::kin;
}
/// Fit of a pointer, where None is a null pointer.
inline Fit pointer_fit(PyObject* object, const ClassRecord* wanted) noexcept {
  return object == api().NoneStruct ? Fit::kin : instance_fit(object, wanted);
}

/// Throws a ReferenceError of Python.
[[noreturn]] LATEPY_COLD inline void throw_reference_error(const std::string& text) {
  set_error(*api().ReferenceError, text);
  throw_python_error();
}
/// Throws the reason why load_instance() returned null. `name` is the C++ type.
[[noreturn]] void throw_no_instance(PyObject* object, const ClassRecord* wanted, std::string_view name);
/// load_instance(), or an exception with the reason.
template <class T>
T& need_instance(Ref object) {
  T* const value = load_instance<T>(object.checked());
  if (LATEPY_UNLIKELY(!value)) throw_no_instance(object.ptr(), class_of<T>(), spelled_name<T>());
  return *value;
}
/// need_instance() for a pointer or reference that may outlive the object.
template <class T>
T& need_pointee(Ref object) {
  T& value = need_instance<T>(object);
  if (Owners* const owners = Owners::innermost(); LATEPY_UNLIKELY(owners != nullptr))
    note_owners(*owners, object.ptr());
  return value;
}

/// If Python is the only owner, changes unique ownership to shared ownership.
void begin_sharing(Instance& instance);
/// Whether the Python object has more than its C++ object: a Trampoline, attributes, keep_alive, or a class made in
/// Python.
inline bool has_python_part(const Instance& instance, PyObject* object) noexcept {
  return instance.is_trampoline || instance.dict || instance.keep ||
         as_object(head_type(object)) != instance.traits->record->type;
}
/// See Converter<std::shared_ptr<T>>. \throws ConversionError if the object is only lent.
template <class T>
std::shared_ptr<T> shared_from_python(Ref object) {
  T& value = need_instance<T>(object);
  Instance& instance = data_of<Instance>(object.ptr());
  const bool is_more = has_python_part(instance, object.ptr());
  if constexpr (shares_itself<T>)
    if (!is_more)
      if (auto shared = value.weak_from_this().lock()) return {std::move(shared), &value};
  if (is_lent(instance))
    throw_error<ConversionError>({"cannot share this ", instance.traits->name,
                                  ": C++ only lent it to Python, for a call or a scope; pass a copy"});
  begin_sharing(instance);
  if (instance.ownership == Ownership::shared && !is_more) return {instance.shared_holder(), &value};
  return {&value, PythonOwner{Object(object)}};
}
/// Makes the shared_ptr own the Python object of its C++ object instead, if that may be part of a reference cycle: the
/// garbage collector sees the Python object, and no use count of C++.
template <class T>
void own_python_object(std::shared_ptr<T>& pointer) {
  if (!pointer || !class_of<std::remove_const_t<T>>() || std::get_deleter<PythonOwner>(pointer)) return;
  const Object object = find_instance(most_derived(pointer.get()));
  if (object.is_empty()) return;
  const Instance& instance = data_of<Instance>(object.ptr());
  if (instance.ownership == Ownership::shared && has_hooks(*instance.traits))
    pointer = std::shared_ptr<T>(pointer.get(), PythonOwner{object});
}
/// Why C++ cannot take ownership of the object as unique_ptr<T>, or null if it can. Call load_instance() before.
template <class T>
const char* why_not_takeable(const Instance& instance) noexcept {
  if (instance.ownership != Ownership::unique) return "Python is not its only owner";
  if (instance.is_trampoline) return "its class is made in Python; the C++ side can take a shared_ptr";
  if (instance.traits->record != class_of<T>() && !std::has_virtual_destructor_v<T>)
    return "it is of a derived class, and the base class has no virtual destructor";
  if (instance.keep) return "it keeps other objects alive (keep_alive)";
  return instance.views ? "a view of its memory exists; release the view first" : nullptr;
}
/// \throws ConversionError if C++ cannot take ownership of the object; see need_instance() too.
template <class T>
void check_takeable(Ref object) {
  need_instance<T>(object);
  const Instance& instance = data_of<Instance>(object.ptr());
  if (const char* const why = why_not_takeable<T>(instance))
    throw_error<ConversionError>({"C++ cannot take this ", instance.traits->name, " from Python: ", why});
}
/// Takes ownership away from the Python object, which has no C++ object from then on.
template <class T>
std::unique_ptr<T> unique_from_python(Ref object) {
  const ObjectLock lock(object.checked());
  check_takeable<T>(object);
  Instance& instance = data_of<Instance>(object.ptr());
  T* const value = load_instance<T>(object.ptr());
  instance.ownership = Ownership::none;
  relinquish(instance);
  return std::unique_ptr<T>(value);
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC bool copy_container(PyObject* object, const ClassRecord& wanted, void* result) {
  const Instance* const instance = instance_of(object, &wanted);
  if (!instance || !has_value(*instance) || !wanted.traits || !wanted.traits->assign) return false;
  wanted.traits->assign(result, instance->value);
  return true;
}

LATEPY_FUNC LATEPY_COLD void note_owners(Owners& owners, PyObject* object) {
  Instance* whole = &data_of<Instance>(object);
  const std::string& name = whole->traits->name;
  while (whole->parent) whole = whole->parent;
  if (whole->ownership == Ownership::unique) {
    owners.add(object_of(*whole), name);
  } else if (whole->ownership == Ownership::shared) {
    owners.add(whole->shared_holder(), name);
  } else if (whole->ownership == Ownership::none && whole->keep) {  // C++ owns it; what is kept may be its owner
    for (ssize at = 0; at < api().List_Size(whole->keep); ++at) {
      PyObject* const kept = api().List_GetItem(whole->keep, at);
      if (api().Type_IsSubtype(head_type(kept), instance_type()) && data_of<Instance>(kept).traits)
        note_owners(owners, kept);
    }
  }
}

LATEPY_FUNC Instance* instance_of(PyObject* object, const ClassRecord* wanted) noexcept {
  if (LATEPY_UNLIKELY(!wanted)) return nullptr;
  PyTypeObject *const type = head_type(object), *const asked = reinterpret_cast<PyTypeObject*>(wanted->type);
  return type == asked || api().Type_IsSubtype(type, asked) ? &data_of<Instance>(object) : nullptr;
}

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_no_instance(PyObject* object, const ClassRecord* wanted,
                                                            std::string_view name) {
  if (!wanted || !wanted->traits)
    throw_mismatch(object, name, "this C++ type has no Python class: call add_class() before its first use");
  const Instance* const instance = instance_of(object, wanted);
  const std::string& known_as = wanted->traits->name;
  if (!instance) throw_mismatch(object, known_as);
  if (instance->was_valid || instance->parent)
    throw_reference_error(
        concat({"the ", instance->traits->name, " of this object is gone: C++ took or destroyed it, or only lent it"}));
  if (!instance->value)
    throw_error<TypeError>(
        {instance->traits->name, ".__init__ was not called: the derived class must call super().__init__()"});
  throw_mismatch(
      object, known_as,
      concat({"its C++ object is a ", instance->traits->name, ": a Python class can have only one bound base class"})
          .c_str());
}

LATEPY_FUNC void begin_sharing(Instance& instance) {
  const ObjectLock lock(object_of(instance));
  if (instance.ownership != Ownership::unique) return;
  instance.ownership = Ownership::none;
  try {
    new (instance.holder) std::shared_ptr<void>(instance.value, instance.traits->destroy);
  } catch (...) {  // no memory: the shared_ptr's constructor destroyed the object
    relinquish(instance);
    throw;
  }
  instance.ownership = Ownership::shared;
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
}  // namespace v1
}  // namespace latepy
