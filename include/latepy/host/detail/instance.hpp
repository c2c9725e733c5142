// latepy/host/detail/instance.hpp: the Python objects that stand for C++ objects of bound classes: who owns what.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/translate.hpp>
#include <latepy/host/detail/types.hpp>

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
  void (*destroy)(void*) = nullptr; ///< deletes one
  void (*detach)(void*) = nullptr;  ///< tells a trampoline that its Python object is gone
  bool has_dict = false, has_buffer = false;
  std::string name;                 ///< module and qualified name; the type keeps a pointer to it before 3.11
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
  Instance* whole;      ///< what the C++ object is a part of and ends with; a strong reference to its PyObject, or null
  ClassTraits* traits;  ///< of the class that `value` points to
  Instance* next;       ///< in the table of living instances
  PyObject* weakrefs;
  PyObject* dict;       ///< its __dict__, where the class gives it one
  PyObject* keep;       ///< a list of what else must outlive this instance, or null
  alignas(std::shared_ptr<void>) unsigned char holder[sizeof(std::shared_ptr<void>)];
  Ownership ownership;
  bool was_valid;       ///< there was a C++ object, and it was taken away
  bool is_trampoline;   ///< `value` hands its virtual functions on to Python
  unsigned lenders;     ///< Borrowed objects that lend it
  unsigned views;       ///< of its memory, or of a part's, that live

  std::shared_ptr<void>& shared_holder() noexcept { return *std::launder(reinterpret_cast<std::shared_ptr<void>*>(holder)); }
};

// The table of living instances, by the address of their C++ objects: an object that comes back is the same instance.

/// The GIL orders all that is done to the table; free-threaded builds need the lock.
class TableLock {
 public:
  explicit TableLock(HostTypes& types) noexcept : lock_(the_state.free_threaded ? &types.lock : nullptr) {
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
LATEPY_COLD inline void grow_table(HostTypes& types) {
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
/// Nothing where it is not listed.
inline void unlist(Instance& instance) noexcept {
  HostTypes& types = *shared().host_types.load(std::memory_order_relaxed);
  const TableLock lock(types);
  for (Instance** each = &bucket_of(types, instance.value); *each; each = &(*each)->next) {
    if (*each != &instance) continue;
    *each = instance.next;
    --types.instance_count;
    return;
  }
}
/// Forgets the C++ object, which is another's from now on. Needs the GIL.
inline void* take_away(Instance& instance) noexcept {
  unlist(instance);
  void* const value = instance.value;
  instance.value = nullptr;
  instance.was_valid = true;
  return value;
}
/// Lets the instance stand for a C++ object.
inline void set_value(Instance& instance, void* value) {
  HostTypes& types = host_types();
  const TableLock lock(types);
  if (types.instance_count >= types.bucket_count) grow_table(types);
  instance.value = value;
  Instance*& bucket = bucket_of(types, value);
  instance.next = bucket;
  bucket = &instance;
  ++types.instance_count;
}

/// The address of the base object within an object of a derived class; null where it has no such base.
inline void* upcast(void* value, const ClassTraits* from, const ClassRecord* to) noexcept {
  if (from->record == to) return value;
  for (const BaseLink* link = from->bases; link; link = link->next)
    if (void* const found = upcast(link->upcast(value), link->base->traits, to)) return found;
  return nullptr;
}

/// A C++ object by its most derived bound class.
struct Whole {
  void* value;
  const ClassRecord* record;
};

/// Whether the C++ object is there. What is a part of another one went with that.
inline bool has_value(const Instance& instance) noexcept {
  for (const Instance* each = &instance; each; each = each->whole)
    if (!each->value) return false;
  return true;
}
/// Whether it, or what it is a part of, ends with a Borrowed.
inline bool is_lent(const Instance& instance) noexcept {
  for (const Instance* each = &instance; each; each = each->whole)
    if (each->ownership == Ownership::lent) return true;
  return false;
}
/// Lets go of what the C++ object was a part of.
inline void leave_whole(Instance& part) noexcept {
  Instance* const whole = std::exchange(part.whole, nullptr);
  for (Instance* each = whole; each; each = each->whole) each->views -= part.views;
  if (whole) decref(object_of(*whole));
}

/// The instance that stands for this C++ object already, borrowed; or null. One whose end has begun is none: from
/// then on the garbage collector does not track it, and its reference count is 0.
inline Instance* find_instance(const Whole& object) noexcept {
  HostTypes& types = host_types();
  if (types.bucket_count == 0) return nullptr;
  const TableLock lock(types);
  for (Instance* each = bucket_of(types, object.value); each; each = each->next)
    if (each->value == object.value && has_value(*each) && upcast(each->value, each->traits, object.record) == object.value &&
        api().Object_GC_IsTracked(object_of(*each)))
      return each;
  return nullptr;
}
/// The C++ object at this address ended: whoever refers to it, does so no longer.
inline void expire_references(void* value) noexcept {
  HostTypes& types = host_types();
  const TableLock lock(types);
  for (Instance** each = &bucket_of(types, value); *each;) {
    Instance& instance = **each;
    if (instance.value == value && instance.ownership == Ownership::none && !instance.whole) {
      *each = instance.next;
      --types.instance_count;
      instance.value = nullptr;
      instance.was_valid = true;
    } else {
      each = &instance.next;
    }
  }
}

/// Ends the C++ object, or lets go of it.
inline void end_value(Instance& instance) noexcept {
  if (!instance.value) return;
  void* const value = take_away(instance);
  if (instance.is_trampoline) instance.traits->detach(value);
  if (instance.ownership == Ownership::shared) {
    instance.ownership = Ownership::none;
    std::shared_ptr<void> holder = std::move(instance.shared_holder());
    instance.shared_holder().~shared_ptr();
    const bool is_last = holder.use_count() == 1;
    holder.reset();
    if (is_last) expire_references(value);
  } else if (instance.ownership == Ownership::unique) {
    instance.ownership = Ownership::none;
    const ErrorAside aside;
    try {
      instance.traits->destroy(value);
    } catch (...) {
      translate_exception();
      api().Err_WriteUnraisable(as_object(head_type(object_of(instance))));
    }
    expire_references(value);
  }
}

/// The ends that are under way on a thread, one within the other. As in CPython's own containers, a long chain of
/// objects does not end with stack frames for each.
struct Endings {
  int depth = 0;
  Instance* waiting = nullptr;  // by `next`
};
inline thread_local Endings endings{};

inline void end_instance(Instance& instance) noexcept {
  end_value(instance);
  leave_whole(instance);
  PyObject *const keep = instance.keep, *const dict = instance.dict;
  free_object(object_of(instance));
  if (keep) decref(keep);  // after the value, which may have needed it
  if (dict) decref(dict);
}
inline void instance_dealloc(PyObject* self) {
  if (api().Object_CallFinalizerFromDealloc(self) < 0) return;  // its __del__ let it live on
  Instance& instance = data_of<Instance>(self);
  api().Object_GC_UnTrack(self);
  if (instance.weakrefs) api().Object_ClearWeakRefs(self);
  if (endings.depth == 50) {
    if (instance.value) unlist(instance);
    instance.next = std::exchange(endings.waiting, &instance);
    return;
  }
  ++endings.depth;
  end_instance(instance);
  while (endings.depth == 1 && endings.waiting) {
    Instance& next = *endings.waiting;
    endings.waiting = next.next;
    end_instance(next);
  }
  --endings.depth;
}
/// Visits, or clears where `visit` is null. Objects inside of a C++ object that others share are not Python's alone.
inline int instance_visit(PyObject* self, Visit visit, void* argument) {
  Instance& instance = data_of<Instance>(self);
  if (!instance.traits) return 0;
  if (instance.value &&
      (instance.ownership == Ownership::unique || (instance.ownership == Ownership::shared && instance.shared_holder().use_count() == 1))) {
    Visitor visitor(visit, argument);
    const auto hooks = [&](const auto& again, void* value, const ClassTraits* traits) -> void {
      for (const VisitHook* hook = traits->hooks; hook; hook = hook->next) hook->visit(*hook, value, visitor);
      for (const BaseLink* link = traits->bases; link; link = link->next) again(again, link->upcast(value), link->base->traits);
    };
    hooks(hooks, instance.value, instance.traits);
    if (visitor.result() != 0) return visitor.result();
  }
  if (visit) {
    for (PyObject* const each : {instance.whole ? object_of(*instance.whole) : nullptr, instance.keep, instance.dict})
      if (each)
        if (const int result = visit(each, argument)) return result;
    return 0;
  }
  if (instance.keep || instance.whole) {  // they guard what the C++ object refers to, so that one goes first
    end_value(instance);
    leave_whole(instance);
    if (PyObject* const keep = std::exchange(instance.keep, nullptr)) decref(keep);
  }
  if (PyObject* const dict = std::exchange(instance.dict, nullptr)) decref(dict);
  return 0;
}
inline int instance_traverse(PyObject* self, Visit visit, void* argument) {
  if (const int result = visit(as_object(head_type(self)), argument)) return result;
  return instance_visit(self, visit, argument);
}
inline int instance_clear(PyObject* self) { return instance_visit(self, nullptr, nullptr); }

inline constexpr char class_attribute[] = "_latepy_class";
/// The bound class that a Python class is or derives from, or null.
inline ClassTraits* traits_of(PyObject* type) noexcept {
  const Object capsule = Object::steal(api().Object_GetAttrString(type, class_attribute));
  void* const traits = capsule.is_empty() ? nullptr : api().Capsule_GetPointer(capsule.ptr(), class_attribute);
  if (LATEPY_UNLIKELY(!traits)) api().Err_Clear();
  return static_cast<ClassTraits*>(traits);
}
/// As object.__new__ refuses them, which cannot be called for a type with a layout of its own.
LATEPY_COLD inline PyObject* refuse_abstract(PyObject* type) noexcept {
  const Object methods = attribute_or_empty(type, "__abstractmethods__");
  set_error(*api().TypeError, "Can't instantiate abstract class " + qualified_name(type) + ", which does not define all of " +
                                  (methods.is_empty() ? "its methods" : show_value(methods.ptr())));
  return nullptr;
}
inline PyObject* instance_new(PyTypeObject* type, PyObject*, PyObject*) {
  if (LATEPY_UNLIKELY(api().Type_GetFlags(type) & type_is_abstract)) return refuse_abstract(as_object(type));
  ClassTraits* const traits = traits_of(as_object(type));
  if (!traits) {
    set_error(*api().TypeError, "cannot create '" + qualified_name(as_object(type)) + "' instances: no C++ class stands behind it");
    return nullptr;
  }
  PyObject* const self = api().Type_GenericAlloc(type, 0);
  if (self) data_of<Instance>(self).traits = traits;
  return self;
}
inline int instance_init(PyObject* self, PyObject*, PyObject*) {
  const ClassTraits* const traits = data_of<Instance>(self).traits;
  set_error(*api().TypeError, traits->name + " has no constructor that scripts may call: its objects come from the host");
  return -1;
}

/// The class, or the base of it, that shows memory; or null.
inline const ClassTraits* shows_memory(const ClassTraits& traits) noexcept {
  if (traits.buffer) return &traits;
  for (const BaseLink* link = traits.bases; link; link = link->next)
    if (const ClassTraits* const base = shows_memory(*link->base->traits)) return base;
  return nullptr;
}
inline int instance_getbuffer(PyObject* self, BufferView* view, int flags) {
  Instance& instance = data_of<Instance>(self);
  view->obj = nullptr;
  const ClassTraits* const traits = has_value(instance) ? shows_memory(*instance.traits) : nullptr;
  if (!traits || is_lent(instance)) {
    const std::string name = instance.traits ? instance.traits->name : "object";
    set_error(*api().BufferError, traits ? "a " + name + " that the host only lent shows no memory: a view could outlive it"
                                         : "this " + name + " has no memory to show");
    return -1;
  }
  const int result = traits->buffer->get(*traits->buffer, self, upcast(instance.value, instance.traits, traits->record), view, flags);
  for (Instance* each = &instance; result == 0 && each; each = each->whole) ++each->views;
  return result;
}
/// What `get` made for one view: shape and strides in one block.
inline void instance_releasebuffer(PyObject* self, BufferView* view) {
  for (Instance* each = &data_of<Instance>(self); each; each = each->whole) --each->views;
  delete[] static_cast<ssize*>(view->internal);
  view->internal = nullptr;
}

/// The Python base class of all bound classes.
inline PyTypeObject* instance_type() {
  HostTypes& types = host_types();
  if (LATEPY_LIKELY(types.instance != nullptr)) return types.instance;
  MemberDef members[] = {
      {"__weaklistoffset__", member_ssize, static_cast<ssize>(head() + offsetof(Instance, weakrefs)), member_readonly, nullptr}, {}};
  TypeSlot slots[] = {{tp_new, slot_value(&instance_new)},
                      {tp_init, slot_value(&instance_init)},
                      {tp_dealloc, slot_value(&instance_dealloc)},
                      {tp_traverse, slot_value(&instance_traverse)},
                      {tp_clear, slot_value(&instance_clear)},
                      {tp_members, members},
                      {0, nullptr}};
  Object made = make_type("latepy.Instance", sizeof(Instance), type_is_base, slots);
  return types.instance = reinterpret_cast<PyTypeObject*>(made.release());  // lives as long as its interpreter
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
