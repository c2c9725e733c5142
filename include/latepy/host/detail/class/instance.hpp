// latepy/host/detail/class/instance.hpp: the Python objects that stand for C++ objects of bound classes: who owns what.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/types.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// How a bound class reaches one of its bound bases.
struct BaseLink {
  ClassRecord* base = nullptr;
  void* (*upcast)(void*) = nullptr;
  BaseLink* next = nullptr;
};
/// The Objects that a C++ object holds, for the garbage collector: `visit` is given each, and may empty it.
class Visitor {
 public:
  Visitor(Visit visit, void* argument) noexcept : visit_(visit), argument_(argument) {}
  void operator()(Object& object) {
    if (!visit_)
      object = Object();
    else if (object.ptr() && result_ == 0)
      result_ = visit_(object.ptr(), argument_);
  }
  int result() const noexcept { return result_; }

 private:
  Visit visit_;  // null while references are cleared
  void* argument_;
  int result_ = 0;
};
struct VisitHook {
  void (*visit)(const VisitHook&, void* value, Visitor&) = nullptr;
  void (*destroy)(VisitHook*) = nullptr;
  VisitHook* next = nullptr;
};
struct BufferHook {
  int (*get)(const BufferHook&, PyObject* self, void* value, BufferView*, int flags) = nullptr;
  void (*destroy)(BufferHook*) = nullptr;
};

/// What is known of a bound class beside its name and its Python class. Never freed; only ever appended to.
struct ClassTraits {
  std::size_t size = sizeof(ClassTraits);
  ClassRecord* record = nullptr;
  const char* rtti_name = nullptr;  ///< typeid(T).name(), where there is RTTI and T is polymorphic
  BaseLink* bases = nullptr;
  VisitHook* hooks = nullptr;
  BufferHook* buffer = nullptr;
  void (*destroy)(void*) = nullptr;         ///< deletes one
  void (*detach)(void*) = nullptr;          ///< tells a trampoline that its Python object is gone
  const char* trampoline_rtti = nullptr;    ///< as rtti_name, of the Trampoline
  void* (*of_trampoline)(void*) = nullptr;  ///< the T of a whole trampoline
  bool has_dict = false, has_buffer = false;
  std::string name;  ///< module and qualified name; the type keeps a pointer to it before 3.11
};

/// Who ends the C++ object of an instance.
enum class Ownership : unsigned char {
  none,    ///< the host, after what the instance keeps at least
  unique,  ///< the instance
  shared,  ///< the shared_ptr in `holder`, with others
  lent,    ///< the host, which takes the object away from Python before (Borrowed)
};

/// The data of an instance, after PyObject. All bound classes have this layout, whatever T is.
struct Instance {
  void* value;          ///< null: never constructed, taken away, or expired
  Instance* parent;     ///< what the C++ object is a part of and ends with; a strong reference to its PyObject, or null
  ClassTraits* traits;  ///< of the class that `value` points to
  Instance* next;       ///< in the table of living instances
  PyObject* weakrefs;
  PyObject* dict;  ///< its __dict__, where the class gives it one
  PyObject* keep;  ///< a list of what else must outlive this instance, or null
  PyObject* weak;  ///< on free-threaded builds a weak reference to itself, else null
  alignas(std::shared_ptr<void>) unsigned char holder[sizeof(std::shared_ptr<void>)];
  Ownership ownership;
  bool was_valid;                 ///< there was a C++ object, and it was taken away
  bool is_trampoline;             ///< `value` hands its virtual functions on to Python
  std::atomic<unsigned> lenders;  ///< Borrowed objects that lend it
  std::atomic<unsigned> views;    ///< of its memory, or of a part's, that live

  std::shared_ptr<void>& shared_holder() noexcept {
    return *std::launder(reinterpret_cast<std::shared_ptr<void>*>(holder));
  }
};

// The table of living instances, by the address of their C++ objects: an object that comes back is the same instance.

/// The GIL orders all that is done to the table; free-threaded builds need the lock.
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

 private:
  std::atomic_flag* lock_;
};
inline Instance*& bucket_of(HostTypes& types, const void* value) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(value);
  return types.buckets[((bits >> 4) ^ (bits >> 14)) & (types.bucket_count - 1)];
}
void grow_table(HostTypes& types);
/// Nothing where it is not listed.
void unlist(Instance& instance) noexcept;
/// Forgets the C++ object, which is another's from now on. Needs the GIL.
void* relinquish(Instance& instance) noexcept;
/// Lets the instance stand for a C++ object. With the table's lock.
void list_value(HostTypes& types, Instance& instance, void* value);

/// The address of the base object within an object of a derived class; null where it has no such base.
void* upcast(void* value, const ClassTraits* from, const ClassRecord* to) noexcept;

/// A C++ object by its most derived bound class.
struct MostDerived {
  void* value;
  const ClassRecord* record;
};

/// Whether the C++ object is there. What is a part of another one went with that.
bool has_value(const Instance& instance) noexcept;
/// Whether it, or what it is a part of, ends with a Borrowed.
bool is_lent(const Instance& instance) noexcept;
/// Lets go of what the C++ object was a part of.
void leave_parent(Instance& part) noexcept;

/// What take_reference() needs.
inline void make_weak(Instance& instance) {
  if (library_state.free_threaded && !instance.weak)
    instance.weak = throw_if_null(api().Weakref_NewRef(object_of(instance), nullptr));
}
/// Lets the instance stand for a C++ object.
inline void set_value(Instance& instance, void* value) {
  HostTypes& types = host_types();
  make_weak(instance);
  const TableLock lock(types);
  list_value(types, instance, value);
}
/// The object, where its end has not begun: from then on the garbage collector does not track it, and its reference
/// count is 0. On free-threaded builds it may begin now.
Object take_reference(const Instance& instance, PyObject* self) noexcept;
/// The Python object of the instance that stands for this C++ object already; or empty. With the table's lock.
Object find_listed(HostTypes& types, const MostDerived& object) noexcept;
Object find_instance(const MostDerived& object);
/// The C++ object at this address ended: whoever refers to it, does so no longer.
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
