// latepy/host/detail/class/instance.hpp: Instance, the data of a Python object that has a C++ object, and their table.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/visitor.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// One bound base class of a bound class, and how to convert a pointer to it.
struct BaseLink {
  ClassRecord* base = nullptr;
  void* (*upcast)(void*) = nullptr;
  BaseLink* next = nullptr;
};
/// A function of Class::visit(), without its type.
struct VisitHook {
  void (*visit)(const VisitHook&, void* value, Visitor&) = nullptr;
  void (*destroy)(VisitHook*) = nullptr;
  VisitHook* next = nullptr;
  const void* field = nullptr;  ///< of def(): tells the class and type of the field, for add_visit_of_field()
};
/// A function of Class::buffer(), without its type.
struct BufferHook {
  int (*get)(const BufferHook&, PyObject* self, void* value, BufferView*, int flags) = nullptr;
  void (*destroy)(BufferHook*) = nullptr;
};

/// Facts about a bound class; ClassRecord has its name and its Python class. Never freed. All libraries of the process
/// share it, so new members go to the end.
struct ClassTraits {
  std::size_t size = sizeof(ClassTraits);
  ClassRecord* record = nullptr;
  const char* rtti_name = nullptr;  ///< typeid(T).name() if there is RTTI and T is polymorphic
  BaseLink* bases = nullptr;
  VisitHook* hooks = nullptr;
  BufferHook* buffer = nullptr;
  void (*destroy)(void*) = nullptr;         ///< deletes a C++ object
  void (*detach)(void*) = nullptr;          ///< disconnects a Trampoline from its Python object
  const char* trampoline_rtti = nullptr;    ///< as rtti_name, for the Trampoline
  void* (*of_trampoline)(void*) = nullptr;  ///< the T inside of a Trampoline
  bool has_dict = false, has_buffer = false;
  std::string name{};  ///< module and class; before 3.11 the Python type points to it
  // For a container of bind_vector() or bind_map():
  void (*before_assignment)(PyObject* self, void* value) = nullptr;  ///< called before a script assigns the whole
  void (*assign)(void* to, const void* from) = nullptr;              ///< assigns a container to another one
};

/// Who owns the C++ object of an instance, and destroys it.
enum class Ownership : unsigned char {
  none,    ///< C++; if the owner has an instance, `parent` or `keep` keeps it alive
  unique,  ///< the instance alone
  shared,  ///< the shared_ptr in `holder`, and other shared_ptrs
  lent,    ///< C++; the instance loses it when the last Borrowed ends
};

/// The data of an instance, behind PyObject. All bound classes have this layout.
struct Instance {
  void* value;          ///< the C++ object; null if it was never constructed, or is gone
  Instance* parent;     ///< the instance whose C++ object contains this one, or null; a strong reference
  ClassTraits* traits;  ///< of the C++ class of `value`
  Instance* next;       ///< in its bucket of the table
  PyObject* weakrefs;
  PyObject* dict;  ///< __dict__ if the class has dynamic_attributes, or null
  PyObject* keep;  ///< a list of other objects that this instance keeps alive, or null
  PyObject* weak;  ///< on free-threaded builds, a weak reference to this object; else null
  alignas(std::shared_ptr<void>) unsigned char holder[sizeof(std::shared_ptr<void>)];
  Ownership ownership;
  bool was_valid;                 ///< it had a C++ object, which is gone
  bool is_trampoline;             ///< `value` is a Trampoline
  std::atomic<unsigned> lenders;  ///< how many Borrowed lend it
  std::atomic<unsigned> views;    ///< how many buffer views of it or of its parts exist

  /// Only if the ownership is shared.
  std::shared_ptr<void>& shared_holder() noexcept {
    return *std::launder(reinterpret_cast<std::shared_ptr<void>*>(holder));
  }
};

// The table of instances by the address of their C++ objects. It finds the Python object that a C++ object has already.

/// Locks the table on free-threaded builds. Otherwise the GIL is the lock.
class TableLock {
 public:
  explicit TableLock(HostTypes& types) noexcept : lock_(library_state.free_threaded ? &types.lock : nullptr) {
    while (lock_ && lock_->test_and_set(std::memory_order_acquire)) {
    }
  }
  ~TableLock() {
    if (lock_) lock_->clear(std::memory_order_release);
  }
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;

 private:
  std::atomic_flag* lock_;
};
/// The bucket for the address of a C++ object.
inline Instance*& bucket_of(HostTypes& types, const void* value) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(value);
  return types.buckets[((bits >> 4) ^ (bits >> 14)) & (types.bucket_count - 1)];
}
/// Makes more buckets.
void grow_table(HostTypes& types);
/// Removes the instance from the table if it is there.
void unlist(Instance& instance) noexcept;
/// Disconnects the instance from its C++ object and returns that, without destroying it. Needs the GIL.
void* relinquish(Instance& instance) noexcept;
/// Sets the C++ object of the instance and adds it to the table. The caller holds the TableLock.
void list_value(HostTypes& types, Instance& instance, void* value);

/// Converts a pointer to a base class; null if `to` is not a base of `from`.
void* upcast(void* value, const ClassTraits* from, const ClassRecord* to) noexcept;

/// The address of a C++ object, and its most derived bound class.
struct MostDerived {
  void* value;
  const ClassRecord* record;
};

/// Whether the instance, and each parent that contains it, has a C++ object.
bool has_value(const Instance& instance) noexcept;
/// Whether the instance, or a parent that contains it, is lent by a Borrowed.
bool is_lent(const Instance& instance) noexcept;
/// Drops the reference to the parent.
void leave_parent(Instance& part) noexcept;

/// Makes the weak reference that take_reference() needs on free-threaded builds.
inline void make_weak(Instance& instance) {
  if (library_state.free_threaded && !instance.weak)
    instance.weak = throw_if_null(api().Weakref_NewRef(object_of(instance), nullptr));
}
/// list_value() with the lock.
inline void set_value(Instance& instance, void* value) {
  HostTypes& types = host_types();
  make_weak(instance);
  const TableLock lock(types);
  list_value(types, instance, value);
}
/// A new reference to the object, or empty if its deallocation has begun. The garbage collector does not track an
/// object from then on. On free-threaded builds another thread may begin it now, so the weak reference is used there.
Object take_reference(const Instance& instance, PyObject* self) noexcept;
/// The Python object that the C++ object has already, or empty. The caller holds the TableLock.
Object find_listed(HostTypes& types, const MostDerived& object) noexcept;
/// find_listed() with the lock.
Object find_instance(const MostDerived& object);
/// Called when the C++ object at this address was destroyed. Instances that only refer to it lose it.
void expire_references(void* value) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void grow_table(HostTypes& types) {
  const std::size_t count = types.bucket_count ? 4 * types.bucket_count : 256;
  auto** const buckets = new Instance*[count]();
  Instance** const old = types.buckets;
  const std::size_t old_count = types.bucket_count;
  types.buckets = buckets;
  types.bucket_count = count;
  for (std::size_t i = 0; i < old_count; ++i) {
    for (Instance* each = old[i]; each;) {
      Instance* const next = each->next;
      Instance*& bucket = bucket_of(types, each->value);
      each->next = bucket;
      bucket = each;
      each = next;
    }
  }
  delete[] old;
}

LATEPY_FUNC void unlist(Instance& instance) noexcept {
  HostTypes* const known = current_interpreter().host_types.load(std::memory_order_acquire);
  if (!known || known->bucket_count == 0) return;
  HostTypes& types = *known;
  const TableLock lock(types);
  for (Instance** each = &bucket_of(types, instance.value); *each; each = &(*each)->next) {
    if (*each != &instance) continue;
    *each = instance.next;
    --types.instance_count;
    return;
  }
}

LATEPY_FUNC void* relinquish(Instance& instance) noexcept {
  unlist(instance);
  void* const value = instance.value;
  instance.value = nullptr;
  instance.was_valid = true;
  return value;
}

LATEPY_FUNC void list_value(HostTypes& types, Instance& instance, void* value) {
  if (types.instance_count >= types.bucket_count) grow_table(types);
  instance.value = value;
  Instance*& bucket = bucket_of(types, value);
  instance.next = bucket;
  bucket = &instance;
  ++types.instance_count;
}

LATEPY_FUNC LATEPY_OUTLINE void* upcast(void* value, const ClassTraits* from, const ClassRecord* to) noexcept {
  if (from->record == to) return value;
  for (const BaseLink* link = from->bases; link; link = link->next)
    if (void* const found = upcast(link->upcast(value), link->base->traits, to)) return found;
  return nullptr;
}

LATEPY_FUNC bool has_value(const Instance& instance) noexcept {
  for (const Instance* each = &instance; each; each = each->parent)
    if (!each->value) return false;
  return true;
}

LATEPY_FUNC bool is_lent(const Instance& instance) noexcept {
  for (const Instance* each = &instance; each; each = each->parent)
    if (each->ownership == Ownership::lent) return true;
  return false;
}

LATEPY_FUNC void leave_parent(Instance& part) noexcept {
  Instance* const parent = std::exchange(part.parent, nullptr);
  for (Instance* each = parent; each; each = each->parent) each->views -= part.views;
  if (parent) decref(object_of(*parent));
}

LATEPY_FUNC Object take_reference(const Instance& instance, PyObject* self) noexcept {
  if (LATEPY_UNLIKELY(instance.weak)) {
    PyObject* found = nullptr;
    api().Weakref_GetRef(instance.weak, &found);
    return Object::steal(found);
  }
  return api().Object_GC_IsTracked(self) ? Object::borrow(self) : Object();
}

LATEPY_FUNC Object find_listed(HostTypes& types, const MostDerived& object) noexcept {
  if (types.bucket_count == 0) return Object();
  for (Instance* each = bucket_of(types, object.value); each; each = each->next)
    if (each->value == object.value && has_value(*each) &&
        upcast(each->value, each->traits, object.record) == object.value)
      if (Object found = take_reference(*each, object_of(*each)); !found.is_empty()) return found;
  return Object();
}

LATEPY_FUNC Object find_instance(const MostDerived& object) {
  HostTypes& types = host_types();
  const TableLock lock(types);
  return find_listed(types, object);
}

LATEPY_FUNC void expire_references(void* value) noexcept {
  HostTypes* const known = current_interpreter().host_types.load(std::memory_order_acquire);
  if (!known || known->bucket_count == 0) return;
  HostTypes& types = *known;
  const TableLock lock(types);
  for (Instance** each = &bucket_of(types, value); *each;) {
    Instance& instance = **each;
    if (instance.value == value && instance.ownership == Ownership::none && !instance.parent) {
      *each = instance.next;
      --types.instance_count;
      instance.value = nullptr;
      instance.was_valid = true;
    } else {
      each = &instance.next;
    }
  }
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
