// latepy/host/detail/class/make_class.hpp: makes the Python type of a bound class, its methods and its constructors.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/module.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {

/// The arguments of add_class().
struct ClassPlan {
  std::string_view name{}, doc{}, key{};
  ClassSlot* slot = nullptr;
  bool is_final = false, has_dict = false, has_buffer = false;
};

/// Frees what an earlier generation of the interpreter put into the traits.
void clear_traits(ClassTraits& traits) noexcept;

/// The destructor of the capsule in the class: marks the class as gone. This happens only when the interpreter stops.
/// The traits stay until the next generation, because instances that are freed after their class need them.
void forget_class(PyObject* capsule);

/// Makes the Python type. \returns a new reference.
Object new_class(const Target& target, const ClassPlan& plan, ClassTraits& traits);

/// Makes the class, sets it in `where`, and registers it for conversions.
Object add_class(const Ref& where, const ClassPlan& plan, void (*fill)(ClassTraits&));

/// Drops the references to all types that latepy made, so that the interpreter frees them when it stops.
void release_types() noexcept;

/// Whether the name is of a special method for a binary operator, such as "__radd__".
LATEPY_COLD inline bool is_binary_operator(std::string_view name) {
  for (const char* known : {"eq",      "ne",       "lt",  "le",     "gt",  "ge",     "add",    "sub", "mul", "matmul",
                            "truediv", "floordiv", "mod", "divmod", "pow", "lshift", "rshift", "and", "xor", "or"}) {
    const std::string_view stem = known;
    for (const char* prefix : {"__", "__r", "__i"}) {
      const std::string_view before = prefix;
      if (name.size() == before.size() + stem.size() + 2 && name.substr(0, before.size()) == before &&
          name.substr(before.size(), stem.size()) == stem)
        return true;
    }
  }
  return false;
}

/// Sets a method of a class.
void set_method(const Ref& type, const std::string& name, std::unique_ptr<Overload> made);
/// Adds an overload to a method that the class itself defines, or sets a new method.
void append_method(const Ref& type, const std::string& name, std::unique_ptr<Overload> made);
/// Sets a property. `setter` may be null.
void set_property(const Ref& type, const std::string& name, std::unique_ptr<Overload> getter,
                  std::unique_ptr<Overload> setter);
/// Makes the Python class of static properties: its getter takes no object.
Object static_property_type();

/// The error text of a second __init__.
inline constexpr char made_already[] = "the object was constructed already: __init__ can be called only once";

/// The parameter type of `self` for __init__ and __setstate__: an instance without a C++ object yet.
template <class T>
struct Uninitialized {
  PyObject* self;
  Instance& instance() const noexcept { return data_of<Instance>(self); }
  /// Whether the class of the object was made in Python.
  bool is_derived() const noexcept { return as_object(head_type(self)) != instance().traits->record->type; }
};
template <class T>
inline constexpr bool is_own_type<Uninitialized<T>> = true;
/// Throws the reason why the object is not an Uninitialized of this class.
void explain_initialized(PyObject* object, const ClassRecord& record);
/// Loads an Uninitialized.
template <class T>
class ArgumentLoader<Uninitialized<T>, void> : public ArgumentLoaderBase {
 public:
  bool load(PyObject* object) noexcept {
    self_ = object;
    return still_fits(object);
  }
  static bool still_fits(PyObject* object) noexcept {
    const Instance* const instance = instance_of(object, class_of<T>());
    return instance && !instance->value && !instance->was_valid && instance->traits->record == class_of<T>();
  }
  Uninitialized<T> get() const noexcept { return {self_}; }
  LATEPY_COLD static void explain(PyObject* object) { explain_initialized(object, need_class<T>()); }

 private:
  PyObject* self_ = nullptr;
};

/// Checks again after the constructor or factory, because Python code that it ran may have called __init__.
inline void check_uninitialized(const Instance& instance) {
  if (LATEPY_UNLIKELY(instance.value || instance.was_valid)) throw_error<TypeError>({made_already});
}
/// The part of settle_value() that does not depend on the type.
void settle_pointer(Instance& instance, void* value);
/// Makes the instance the owner of its new C++ object.
template <class T>
void settle_value(Instance& instance, std::unique_ptr<T> value) {
  settle_pointer(instance, value.get());
  if constexpr (shares_itself<T>) {
    new (instance.holder) std::shared_ptr<void>(std::shared_ptr<T>(std::move(value)));
    instance.ownership = Ownership::shared;
  } else {
    value.release();
    instance.ownership = Ownership::unique;
  }
}

/// `new T` with parentheses if that compiles, else with braces.
template <class T, class... A>
T* construct(A&&... arguments) {
  if constexpr (std::is_constructible_v<T, A...>)
    return new T(std::forward<A>(arguments)...);
  else
    return new T{std::forward<A>(arguments)...};
}

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD void explain_initialized(PyObject* object, const ClassRecord& record) {
  const Instance* const instance = instance_of(object, &record);
  if (!instance) throw_mismatch(object, record.traits->name);
  const std::string& name = instance->traits->name;
  if (!api().Type_IsSubtype(reinterpret_cast<PyTypeObject*>(instance->traits->record->type),
                            reinterpret_cast<PyTypeObject*>(record.type)))
    throw_error<ConversionError>({"its C++ object is a ", name, ": a Python class can have only one bound base class"});
  if (instance->traits->record != &record)
    throw_error<ConversionError>({"the constructor of ", record.traits->name, " cannot make a ", name,
                                  ": that class needs a constructor of its own"});
  if (instance->value) throw_error<ConversionError>({made_already});
  if (instance->was_valid) throw_no_instance(object, &record, name);
}

LATEPY_FUNC LATEPY_OUTLINE void settle_pointer(Instance& instance, void* value) {
  check_uninitialized(instance);
  const MostDerived object{value, instance.traits->record};
  if (const Object stale = find_instance(object); !stale.is_empty()) relinquish(data_of<Instance>(stale.ptr()));
  set_value(instance, value);
  instance.was_valid = false;
}

LATEPY_FUNC LATEPY_COLD void set_method(const Ref& type, const std::string& name, std::unique_ptr<Overload> made) {
  if (is_binary_operator(name))
    for (Overload* each = made.get(); each; each = each->next.get()) each->is_operator = true;
  const Target target(type);
  target.set(name, target.function(name, std::move(made)));
  if (name == "__eq__" && !get_attribute(type, "__dict__").contains("__hash__"))
    set_attribute(type, "__hash__", Ref(api().NoneStruct));  // as a class statement in Python does
}
LATEPY_FUNC LATEPY_COLD void append_method(const Ref& type, const std::string& name, std::unique_ptr<Overload> made) {
  const Object known = call_attribute(get_attribute(type, "__dict__"), "get", {to_py(name)});
  if (!is_function(known.ptr())) return set_method(type, name, std::move(made));
  FunctionData& function = data_of<FunctionData>(known.ptr());
  function.exact = never_exact;
  call_attribute(Ref(function.dict), "pop", {to_py(python_signature_name), Ref(api().NoneStruct)});
  made->is_operator = function.first->is_operator;
  made->shown_name = function.first->shown_name;
  Overload* last = function.first;
  while (last->next) last = last->next.get();
  last->next = std::move(made);
}
LATEPY_FUNC LATEPY_COLD void set_property(const Ref& type, const std::string& name, std::unique_ptr<Overload> getter,
                                          std::unique_ptr<Overload> setter) {
  const Target target(type);
  const std::string doc = getter->doc;
  const Object get = target.function(name, std::move(getter)),
               set = setter ? target.function(name, std::move(setter)) : none();
  const Object made = call_plain(Ref(as_object(api().Property_Type)),
                                 {get, set, Ref(api().NoneStruct), doc.empty() ? none() : to_py(doc)});
  share_count(made.ptr());
  target.set(name, made);
}
LATEPY_FUNC LATEPY_COLD Object static_property_type() {
  const Object base = Object::borrow(as_object(api().Property_Type));
  const Object get = make_callable("__get__", [](Object self, Object, Object) { return Object(self.attr("fget")()); });
  const Object made = type(base)("static_property", tuple(base), dict("__module__"_a = "latepy"));
  made.attr("__get__") = get;
  return made;
}

LATEPY_FUNC LATEPY_COLD void clear_traits(ClassTraits& traits) noexcept {
  while (BaseLink* link = traits.bases) {
    traits.bases = link->next;
    delete link;
  }
  while (VisitHook* hook = traits.hooks) {
    traits.hooks = hook->next;
    hook->destroy(hook);
  }
  if (BufferHook* hook = std::exchange(traits.buffer, nullptr)) hook->destroy(hook);
  traits.before_assignment = nullptr;
  traits.assign = nullptr;
}

LATEPY_FUNC void forget_class(PyObject* capsule) {
  auto& traits = *static_cast<ClassTraits*>(api().Capsule_GetPointer(capsule, class_attribute));
  traits.record->generation = no_generation;
  if (BufferHook* hook = std::exchange(traits.buffer, nullptr)) hook->destroy(hook);  // the function may hold Objects
  process_state().classes_stamp.fetch_add(1, std::memory_order_release);
}

LATEPY_FUNC LATEPY_COLD Object new_class(const Target& target, const ClassPlan& plan, ClassTraits& traits) {
  const std::string module = target.module().is_empty() ? "builtins" : target.module().as<std::string>();
  traits.name = concat({module, ".", plan.name});
  const Object bases = steal_or_throw(api().List_New(0));
  const auto add_base = [&](PyObject* base) { check_result(api().List_Append(bases.ptr(), base)); };
  traits.has_dict = plan.has_dict;
  traits.has_buffer = plan.has_buffer;
  for (const BaseLink* link = traits.bases; link; link = link->next) {
    add_base(link->base->type);
    traits.has_dict = traits.has_dict || link->base->traits->has_dict;
    traits.has_buffer = traits.has_buffer || link->base->traits->has_buffer;
  }
  if (!traits.bases) add_base(as_object(instance_type()));
  MemberDef members[] = {
      {"__dictoffset__", member_ssize, static_cast<ssize>(head() + offsetof(Instance, dict)), member_readonly, nullptr},
      {}};
  static GetSetDef attributes[] = {
      {"__dict__", api().Object_GenericGetDict, api().Object_GenericSetDict, nullptr, nullptr}, {}};
  std::string doc(plan.doc);
  TypeSlot type_slots[9] = {{tp_dealloc, slot_value(&instance_dealloc)},
                            {tp_traverse, slot_value(&instance_traverse)},
                            {tp_clear, slot_value(&instance_clear)}};
  TypeSlot* next = type_slots + 3;
  if (!doc.empty()) *next++ = {tp_doc, doc.data()};
  if (traits.has_dict) {
    *next++ = {tp_members, members};
    *next++ = {tp_getset, attributes};
  }
  if (plan.has_buffer) {
    *next++ = {bf_getbuffer, slot_value(&instance_getbuffer)};
    *next++ = {bf_releasebuffer, slot_value(&instance_releasebuffer)};
  }
  *next = {0, nullptr};
  TypeSpec spec{traits.name.c_str(), 0, 0, type_has_gc | (plan.is_final ? 0 : type_is_base), type_slots};
  const Object made = steal_or_throw(api().Type_FromSpecWithBases(&spec, tuple_of(bases).ptr()));
  share_count(made.ptr());
  set_attribute(made, "__qualname__", to_py(target.qualified(plan.name)));
  set_attribute(made, class_attribute, steal_or_throw(api().Capsule_New(&traits, class_attribute, &forget_class)));
  return made;
}

LATEPY_FUNC LATEPY_COLD Object add_class(const Ref& where, const ClassPlan& plan, void (*fill)(ClassTraits&)) {
  const Target target(where);
  ClassRecord* const record = new_record(*plan.slot, plan.key);
  if (!record->traits) record->traits = new ClassTraits();
  ClassTraits& traits = *record->traits;
  clear_traits(traits);
  traits.record = record;
  fill(traits);
  const Object made = new_class(target, plan, traits);
  target.set(plan.name, made);
  publish(record, Object(made).release());
  return made;
}

LATEPY_FUNC LATEPY_COLD void release_types() noexcept {
  for (ClassRecord* each = current_interpreter().classes.load(std::memory_order_acquire); each; each = each->next) {
    if (each->generation != current_generation()) continue;
    if (!each->traits) each->generation = no_generation;  // an enumeration; forget_class() does it for a class
    decref(each->type);
  }
  process_state().classes_stamp.fetch_add(1, std::memory_order_release);
  HostTypes* const types = current_interpreter().host_types.load(std::memory_order_acquire);
  if (!types || types->generation != current_generation()) return;
  for (PyTypeObject** each : {&types->function, &types->instance, &types->iterator})
    if (PyTypeObject* const type = std::exchange(*each, nullptr)) decref(as_object(type));
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
