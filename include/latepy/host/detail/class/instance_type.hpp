// latepy/host/detail/class/instance_type.hpp: latepy.Instance, the Python base class of all bound classes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/views.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Destroys the C++ object if the instance is its last owner, else only disconnects from it.
void end_value(Instance& instance) noexcept;

/// Frees an instance and everything that it owns.
void end_instance(PyObject* self) noexcept;
/// tp_dealloc.
void instance_dealloc(PyObject* self);
/// Visits what a C++ object holds: that of its class and of the base classes. \returns at once if it lies too deep.
void visit_value(void* value, const ClassTraits& traits, Visitor& visitor,
                 const struct VisitedBases* = nullptr) noexcept;
/// Whether the class or a base class shows Objects to a Visitor.
bool has_hooks(const ClassTraits& traits) noexcept;
/// tp_traverse, or tp_clear if `visit` is null. Visits Objects inside of the C++ object if Python is the only owner.
int instance_visit(PyObject* self, Visit visit, void* argument);
inline int instance_traverse(PyObject* self, Visit visit, void* argument) {
  if (const int result = visit(as_object(head_type(self)), argument)) return result;
  return instance_visit(self, visit, argument);
}
inline int instance_clear(PyObject* self) { return instance_visit(self, nullptr, nullptr); }

/// The attribute of a bound class that holds its ClassTraits in a capsule.
inline constexpr char class_attribute[] = "_latepy_class";
/// The bound class that a Python class is or derives from, or null. \throws MemoryError.
ClassTraits* traits_of(PyObject* type);
/// Sets the TypeError for an abstract class and returns null. object.__new__ has that check, and cannot be called here,
/// because the type has a layout of its own.
PyObject* refuse_abstract(PyObject* type);
/// tp_new: an instance without a C++ object.
PyObject* instance_new(PyTypeObject* type, PyObject*, PyObject*) noexcept;
/// tp_init of classes without constructors: a TypeError.
int instance_init(PyObject* self, PyObject*, PyObject*) noexcept;

/// The class or base class with a Class::buffer(), or null.
const ClassTraits* buffer_exporter(const ClassTraits& traits) noexcept;
/// bf_getbuffer.
int instance_getbuffer(PyObject* self, BufferView* view, int flags) noexcept;
/// bf_releasebuffer: frees what export_buffer() allocated.
void instance_releasebuffer(PyObject* self, BufferView* view);

/// The Python base class of all bound classes; made at the first call. Needs the GIL.
PyTypeObject* instance_type();

#if LATEPY_DEFINITIONS

LATEPY_FUNC void end_value(Instance& instance) noexcept {
  if (!instance.value) return;
  void* const value = relinquish(instance);
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

LATEPY_FUNC void end_instance(PyObject* self) noexcept {
  Instance& instance = data_of<Instance>(self);
  end_value(instance);
  leave_parent(instance);
  PyObject *const keep = instance.keep, *const dict = instance.dict, *const weak = instance.weak;
  free_object(self);
  if (weak) decref(weak);
  if (keep) decref(keep);  // after the C++ object, whose destructor may use it
  if (dict) decref(dict);
}

LATEPY_FUNC void instance_dealloc(PyObject* self) {
  if (api().Object_CallFinalizerFromDealloc(self) < 0) return;  // __del__ made a new reference to it
  Instance& instance = data_of<Instance>(self);
  api().Object_GC_UnTrack(self);
  if (instance.weakrefs) api().Object_ClearWeakRefs(self);
  if (instance.value && endings<Instance>.depth == most_nested_endings) unlist(instance);  // nothing finds what waits
  end_in_turn<Instance>(self, [](PyObject* each) { end_instance(each); });
}

/// The base classes of an object before `end` are visited, and so are those of the object around it.
struct VisitedBases {
  void* value;
  const ClassTraits& traits;
  const BaseLink* end;
  const VisitedBases* around;
};
/// Whether it is a virtual base class that was visited by another way.
LATEPY_FUNC bool is_visited(void* value, const ClassTraits& traits, const VisitedBases* bases) noexcept {
  for (; bases; bases = bases->around)
    for (const BaseLink* link = bases->traits.bases; link != bases->end; link = link->next)
      if (upcast(link->upcast(bases->value), link->base->traits, traits.record) == value) return true;
  return false;
}

LATEPY_FUNC void visit_value(void* value, const ClassTraits& traits, Visitor& visitor,
                             const VisitedBases* around) noexcept {
  if (visitor.depth == 100) return;  // what is not shown counts as used by C++
  if (is_visited(value, traits, around)) return;
  ++visitor.depth;
  for (const VisitHook* hook = traits.hooks; hook; hook = hook->next) hook->visit(*hook, value, visitor);
  for (const BaseLink* link = traits.bases; link; link = link->next) {
    const VisitedBases bases{value, traits, link, around};
    visit_value(link->upcast(value), *link->base->traits, visitor, &bases);
  }
  --visitor.depth;
}

LATEPY_FUNC bool has_hooks(const ClassTraits& traits) noexcept {
  for (const BaseLink* link = traits.bases; link; link = link->next)
    if (has_hooks(*link->base->traits)) return true;
  return traits.hooks != nullptr;
}

LATEPY_FUNC int instance_visit(PyObject* self, Visit visit, void* argument) {
  Instance& instance = data_of<Instance>(self);
  if (!instance.traits) return 0;
  if (instance.value && (instance.ownership == Ownership::unique ||
                         (instance.ownership == Ownership::shared && instance.shared_holder().use_count() == 1))) {
    Visitor visitor(visit, argument);
    visit_value(instance.value, *instance.traits, visitor);
    if (visitor.result() != 0) return visitor.result();
  }
  if (visit) {
    for (PyObject* const each : {instance.parent ? object_of(*instance.parent) : nullptr, instance.keep, instance.dict})
      if (each)
        if (const int result = visit(each, argument)) return result;
    return 0;
  }
  if (instance.keep || instance.parent) {  // the C++ object may refer to them, so it goes first
    end_value(instance);
    leave_parent(instance);
    if (PyObject* const keep = std::exchange(instance.keep, nullptr)) decref(keep);
  }
  if (PyObject* const dict = std::exchange(instance.dict, nullptr)) decref(dict);
  return 0;
}

LATEPY_FUNC ClassTraits* traits_of(PyObject* type) {
  const Object capsule = Object::steal(api().Object_GetAttrString(type, class_attribute));
  void* const traits = capsule.is_empty() ? nullptr : api().Capsule_GetPointer(capsule.ptr(), class_attribute);
  if (LATEPY_UNLIKELY(!traits)) forget_mismatch();
  return static_cast<ClassTraits*>(traits);
}

LATEPY_FUNC LATEPY_COLD PyObject* refuse_abstract(PyObject* type) {
  const Object methods = attribute_or_empty(type, "__abstractmethods__");
  set_error(*api().TypeError, "Can't instantiate abstract class " + qualified_name(type) +
                                  ": it does not define all of " +
                                  (methods.is_empty() ? "its methods" : show_value(methods.ptr())));
  return nullptr;
}

LATEPY_FUNC PyObject* instance_new(PyTypeObject* type, PyObject*, PyObject*) noexcept try {
  if (LATEPY_UNLIKELY(api().Type_GetFlags(type) & type_is_abstract)) return refuse_abstract(as_object(type));
  ClassTraits* const traits = traits_of(as_object(type));
  if (!traits) {
    set_error(*api().TypeError, "cannot create '" + qualified_name(as_object(type)) +
                                    "' instances: it does not derive from a bound C++ class");
    return nullptr;
  }
  PyObject* const self = api().Type_GenericAlloc(type, 0);
  if (self) data_of<Instance>(self).traits = traits;
  return self;
} catch (...) {
  translate_exception();
  return nullptr;
}

LATEPY_FUNC int instance_init(PyObject* self, PyObject*, PyObject*) noexcept try {
  const ClassTraits* const traits = data_of<Instance>(self).traits;
  set_error(*api().TypeError, traits->name + " has no constructor that scripts may call: only C++ creates its objects");
  return -1;
} catch (...) {
  translate_exception();
  return -1;
}

LATEPY_FUNC const ClassTraits* buffer_exporter(const ClassTraits& traits) noexcept {
  if (traits.buffer) return &traits;
  for (const BaseLink* link = traits.bases; link; link = link->next)
    if (const ClassTraits* const base = buffer_exporter(*link->base->traits)) return base;
  return nullptr;
}

LATEPY_FUNC int instance_getbuffer(PyObject* self, BufferView* view, int flags) noexcept try {
  Instance& instance = data_of<Instance>(self);
  view->obj = nullptr;
  const ClassTraits* const traits = has_value(instance) ? buffer_exporter(*instance.traits) : nullptr;
  if (!traits) {
    const std::string name = instance.traits ? instance.traits->name : "object";
    set_error(*api().BufferError, "this " + name + " exports no buffer: its class has none, or its C++ object is gone");
    return -1;
  }
  if (!may_view(instance)) return -1;
  const int result =
      traits->buffer->get(*traits->buffer, self, upcast(instance.value, instance.traits, traits->record), view, flags);
  if (result == 0) count_views(instance, 1);
  return result;
} catch (...) {
  translate_exception();
  return -1;
}

LATEPY_FUNC void instance_releasebuffer(PyObject* self, BufferView* view) {
  count_views(data_of<Instance>(self), -1);
  delete[] static_cast<ssize*>(view->internal);
  view->internal = nullptr;
}

LATEPY_FUNC PyTypeObject* instance_type() {
  HostTypes& types = host_types();
  if (LATEPY_LIKELY(types.instance != nullptr)) return types.instance;
  MemberDef members[] = {{"__weaklistoffset__", member_ssize, static_cast<ssize>(head() + offsetof(Instance, weakrefs)),
                          member_readonly, nullptr},
                         {}};
  TypeSlot type_slots[] = {{tp_new, slot_value(&instance_new)},
                           {tp_init, slot_value(&instance_init)},
                           {tp_dealloc, slot_value(&instance_dealloc)},
                           {tp_traverse, slot_value(&instance_traverse)},
                           {tp_clear, slot_value(&instance_clear)},
                           {tp_members, members},
                           {0, nullptr}};
  Object made = make_type("latepy.Instance", sizeof(Instance), type_is_base, type_slots);
  return types.instance = reinterpret_cast<PyTypeObject*>(made.release());  // lives as long as its interpreter
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
