// latepy/host/detail/class/container_methods.hpp: the methods of the Python classes of bind_vector() and bind_map().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/class.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// `self` of a method of the container C.
template <class C>
struct ContainerSelf {
  PyObject* object;
  /// The container. \throws ReferenceError if it is gone, which Python code that ran since the call may have done.
  C& operator*() const { return need_instance<C>(Ref(object)); }
  Instance& instance() const noexcept { return data_of<Instance>(object); }
  const std::string& name() const noexcept { return instance().traits->name; }
};
template <class C>
inline constexpr bool is_own_type<ContainerSelf<C>> = true;
template <class C>
class ArgumentLoader<ContainerSelf<C>, void> : public ArgumentLoaderBase {
 public:
  bool load(PyObject* object) noexcept {
    self_ = object;
    return load_instance<C>(object) != nullptr;
  }
  static bool still_fits(PyObject* object) noexcept { return has_value(data_of<Instance>(object)); }
  ContainerSelf<C> get() const noexcept { return {self_}; }
  LATEPY_COLD static void explain(PyObject* object) { static_cast<void>(need_instance<C>(Ref(object))); }

 private:
  PyObject* self_ = nullptr;
};

/// What scripts get for an element: a copy, which is immutable if it is a container, so that no change of it is lost.
template <class T>
Object element_to_python(T element) {
  if constexpr (is_copied_class<T>)
    return to_py(FieldCopy<T>(element));
  else
    return to_py(std::move(element));
}
/// An element for C++.
template <class T>
T element_from_python(const Ref& object) {
  T element = from_py<T>(object);
  if constexpr (holds_objects<T>()) {
    Visitor settle;
    settle(element);
  }
  return element;
}
/// A new Python object that owns this container.
template <class C>
Object new_container(C&& items) {
  return unique_to_python(std::make_unique<plain<C>>(std::forward<C>(items)), true);
}
/// The object as a list, dict or whatever else compares with one: a container of this class is copied.
template <class C>
Object comparable(const Ref& object) {
  const C* const items = load_instance<C>(object.ptr());
  return items ? to_py(C(*items)) : Object(object);
}

/// The comparisons of lists.
struct Comparison {
  const char* method;
  Op op;
};
inline constexpr Comparison comparisons[] = {
    {"__eq__", Op::eq}, {"__lt__", Op::lt}, {"__le__", Op::le}, {"__gt__", Op::gt}, {"__ge__", Op::ge}};

/// The items that a slice names.
struct SliceRange {
  ssize start, step;
  std::size_t count;
  std::size_t at(std::size_t i) const noexcept {
    return static_cast<std::size_t>(start + step * static_cast<ssize>(i));
  }
};
/// The numbers of a slice, which Python code gives: it may change the size of what is sliced.
struct SliceNumbers {
  /// \throws TypeError if the object is no slice, or another one of Python if a part of it is no integer; ValueError.
  SliceNumbers(const Object& slice, const std::string& name);
  /// The items of that many. Runs no Python code.
  SliceRange of(std::size_t size) const noexcept;
  ssize start = 0, stop = 0, step = 1;  ///< within those of ssize
};
/// The position of an index, which counts from the end if it is negative. \throws IndexError.
std::size_t position(ssize index, std::size_t size, const std::string& name);
/// `Name(items)`.
std::string container_repr(const Ref& self, const Object& items);
/// Sets `__hash__` to None, takes the methods that a class of collections.abc has, and registers the class there.
void mix_in(const Ref& type, const char* abstract, std::initializer_list<const char*> methods);
/// Where a class is set: a module or class, or the namespace of the Interpreter.
template <class Scope>
Object place_of(Scope&& scope) {
  if constexpr (std::is_base_of_v<Ref, plain<Scope>>)
    return Object(scope);
  else
    return scope.eval("globals()");
}
/// Makes the class of a container.
template <class C>
Object add_container_class(const Ref& scope, const std::string& name, std::string_view doc, bool has_buffer) {
  refuse_second_class(class_of<C>(), spelled_name<C>());
  ClassPlan plan;
  plan.name = name;
  plan.doc = doc;
  plan.key = type_key<C>();
  plan.slot = &class_slot<C>;
  plan.has_buffer = has_buffer;
  Object made = add_class(scope, plan, &fill_traits<C>);
  need_class<C>().traits->assign = [](void* to, const void* from) {
    *static_cast<C*>(to) = *static_cast<const C*>(from);
  };
  if constexpr (holds_objects<C>())
    add_visit<C>(*need_class<C>().traits, [](C& items, Visitor& visitor) { visitor(items); });
  return made;
}
/// Defines methods of a container's class.
template <class C>
struct Methods {
  const Object& type;
  template <class F, class... X>
  const Methods& def(const std::string& name, F f, const X&... extras) const {
    static constexpr LocksSelf locks_self{};
    set_method(type, name, make_overloads<C>(name, std::move(f), extras..., locks_self));
    return *this;
  }
  /// A constructor without arguments, and one with the items.
  const Methods& init() const {
    append_method(type, "__init__", make_overloads<C>("__init__", [](Uninitialized<C> self) {
                    settle_value<C>(self.instance(), std::make_unique<C>());
                  }));
    append_method(type, "__init__", make_overloads<C>("__init__", [](Uninitialized<C> self, const Object& items) {
                    settle_value<C>(self.instance(), std::make_unique<C>(element_from_python<C>(items)));
                  }));
    return *this;
  }
  static Object type_of_self(PyObject* self) { return Object::borrow(as_object(head_type(self))); }
  /// What all containers have.
  const Methods& common() const {
    using Self = ContainerSelf<C>;
    init();
    def("__len__", [](Self self) { return (*self).size(); });
    def("__repr__", [](Self self) { return container_repr(Ref(self.object), to_py(C(*self))); });
    def("copy", [](Self self) { return new_container(C(*self)); });
    def("__reduce__", [](Self self) { return tuple(type_of_self(self.object), tuple(to_py(C(*self)))); });
    def("__copy__", [](Self self) { return new_container(C(*self)); });
    return *this;
  }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD SliceNumbers::SliceNumbers(const Object& slice, const std::string& name) {
  if (!is_slice(slice.ptr()))
    throw_error<TypeError>({name, " indices must be integers or slices, not ", qualified_name(type(slice).ptr())});
  constexpr ssize most = (std::numeric_limits<ssize>::max)();
  const auto part = [&](const char* which, ssize otherwise) {
    const Object value = slice.attr(which);
    if (value.is_none()) return otherwise;
    const Object number = steal_or_throw(api().Number_Index(value.ptr()));
    const std::optional<ssize> fitting = number.try_as<ssize>();
    return fitting ? (std::max)(*fitting, -most) : number < 0 ? -most : most;
  };
  step = part("step", 1);
  if (step == 0) throw_error<ValueError>({"slice step cannot be zero"});
  start = part("start", step < 0 ? most : 0);
  stop = part("stop", step < 0 ? -most : most);
}
LATEPY_FUNC SliceRange SliceNumbers::of(std::size_t count) const noexcept {
  const auto size = static_cast<ssize>(count), before = step < 0 ? ssize(-1) : ssize(0);
  const auto clip = [&](ssize at) { return (std::min)((std::max)(at < 0 ? at + size : at, before), size + before); };
  const ssize first = clip(start), end = clip(stop), distance = step < 0 ? first - end : end - first;
  return {first, step, distance > 0 ? static_cast<std::size_t>((distance - 1) / (step < 0 ? -step : step) + 1) : 0};
}

LATEPY_FUNC std::size_t position(ssize index, std::size_t size, const std::string& name) {
  if (index < 0) index += static_cast<ssize>(size);
  if (index < 0 || static_cast<std::size_t>(index) >= size) throw_error<IndexError>({name, " index out of range"});
  return static_cast<std::size_t>(index);
}

LATEPY_FUNC LATEPY_COLD std::string container_repr(const Ref& self, const Object& items) {
  return concat(
      {text_of(attribute_or_empty(as_object(head_type(self.ptr())), "__name__").ptr()), "(", repr(items), ")"});
}

LATEPY_FUNC LATEPY_COLD void mix_in(const Ref& type, const char* abstract, std::initializer_list<const char*> methods) {
  const Object base = get_attribute(known_module("collections.abc"), abstract);
  for (const char* method : methods)
    if (base.has_attr(method)) set_attribute(type, method, get_attribute(base, method));
  set_attribute(type, "__hash__", none());
  call_attribute(base, "register", {Object(type)});
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
