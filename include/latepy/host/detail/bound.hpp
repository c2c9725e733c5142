// latepy/host/detail/bound.hpp: C++ objects of bound classes to Python and back: copied, owned, shared, lent.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/instance_type.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// From C++ to Python.

[[noreturn]] LATEPY_COLD inline void throw_unregistered(std::string_view type) {
  check_running();
  throw_error<ConversionError>(
      {"no Python class stands for ", type, ": add_class or add_enum comes before its first use"});
}
template <class T>
const ClassRecord& need_class() {
  const ClassRecord* const record = class_of<T>();
  if (LATEPY_UNLIKELY(!record || !record->traits)) throw_unregistered(spelled_name<T>());
  return *record;
}

#ifdef __cpp_rtti
/// A whole object by its dynamic type; the record is null where no class of Python stands for that.
Whole find_by_rtti(const char* name, void* value) noexcept;
#endif
template <class T>
Whole whole(const T* value) {
  const ClassRecord& record = need_class<T>();
#ifdef __cpp_rtti
  if constexpr (std::is_polymorphic_v<T>) {
    const std::type_info& dynamic = typeid(*value);
    if (dynamic != typeid(T)) {
      const Whole derived = find_by_rtti(dynamic.name(), const_cast<void*>(dynamic_cast<const void*>(value)));
      if (derived.record) return derived;
    }
  }
#endif
  return {const_cast<void*>(static_cast<const void*>(value)), &record};
}

/// A new instance for a C++ object; or the one that another thread just made. Needs the GIL.
Object make_instance(const Whole& object);
/// Lets the instance keep an object alive, and end with it where it only refers to a part of that one's C++ object.
void keep_alive_in(Instance& instance, PyObject* owner, bool is_part);

template <class T, class = void>
inline constexpr bool shares_itself = false;
template <class T>
inline constexpr bool shares_itself<T, std::void_t<decltype(std::declval<T&>().weak_from_this())>> = true;

/// A shared_ptr's deleter that owns the Python object instead: the C++ object lives as long as that.
struct PythonOwner {
  Object object;
  void operator()(const void*) noexcept { object = Object(); }
};

template <class T>
Object give_shared(std::shared_ptr<T> value) {
  if (!value) return none();
  const Whole object = whole(value.get());
  Object made = find_instance(object);
  if (made.is_empty()) made = make_instance(object);
  Instance& instance = data_of<Instance>(made.ptr());
  const ObjectLock lock(made.ptr());
  const bool is_owner = instance.ownership == Ownership::unique || instance.ownership == Ownership::shared;
  if (!is_owner && !std::get_deleter<PythonOwner>(value)) {  // which keeps the instance, and not the other way round
    new (instance.holder) std::shared_ptr<void>(std::const_pointer_cast<std::remove_const_t<T>>(std::move(value)));
    instance.ownership = Ownership::shared;
    leave_whole(instance);
  }
  return made;
}

/// Hands a C++ object over to Python: to the instance that stands for it, or to a new one.
/// \param is_new it was just made: what is listed at its address stands for an object that has ended.
template <class T>
Object give_unique(std::unique_ptr<T> value, bool is_new = false) {
  if (!value) return none();
  if constexpr (shares_itself<T>) return give_shared(std::shared_ptr<T>(std::move(value)));
  const Whole object = whole(value.get());
  Object made = find_instance(object);
  if (!made.is_empty() && is_new) take_away(data_of<Instance>(std::exchange(made, Object()).ptr()));
  if (!made.is_empty() && data_of<Instance>(made.ptr()).ownership >= Ownership::unique)
    throw_error<StateError>(
        {"a ", object.record->traits->name, " was handed to Python that has another owner already"});
  if (made.is_empty()) made = make_instance(object);
  Instance& instance = data_of<Instance>(made.ptr());
  instance.ownership = Ownership::unique;
  value.release();
  leave_whole(instance);
  return made;
}
Object refer_to(const Whole& object, PyObject* owner);
/// An instance that refers to the host's object. `owner`, where there is one, outlives the instance.
template <class T>
Object give_reference(const T* value, PyObject* owner = nullptr) {
  return value ? refer_to(whole(value), owner) : none();
}

// From Python to C++.

/// The instance, where the object is one of the class or of a derived one.
Instance* instance_of(PyObject* object, const ClassRecord* wanted) noexcept;
/// The C++ object, or null where the object is of another class or has no C++ object. Needs the GIL.
template <class T>
T* load_instance(PyObject* object) noexcept {
  const ClassRecord* const wanted = class_of<T>();
  const Instance* const instance = instance_of(object, wanted);
  if (LATEPY_UNLIKELY(!instance || !instance->value || (instance->whole && !has_value(*instance)))) return nullptr;
  if (LATEPY_LIKELY(instance->traits->record == wanted)) return static_cast<T*>(instance->value);
  return static_cast<T*>(upcast(instance->value, instance->traits, wanted));
}

[[noreturn]] LATEPY_COLD inline void throw_reference_error(const std::string& text) {
  set_error(*api().ReferenceError, text);
  throw_python_error();
}
/// Why load_instance() gave null.
[[noreturn]] void throw_no_instance(PyObject* object, const ClassRecord* wanted, std::string_view name);
template <class T>
T& need_instance(Ref object) {
  T* const value = load_instance<T>(object.checked());
  if (LATEPY_UNLIKELY(!value)) throw_no_instance(object.ptr(), class_of<T>(), spelled_name<T>());
  return *value;
}

/// From now on C++ may own the object with Python.
void begin_sharing(Instance& instance);
/// Whether the Python object is more than its C++ object.
inline bool has_python_part(const Instance& instance, PyObject* object) noexcept {
  return instance.is_trampoline || instance.dict || instance.keep ||
         as_object(head_type(object)) != instance.traits->record->type;
}
template <class T>
std::shared_ptr<T> share_instance(Ref object) {
  T& value = need_instance<T>(object);
  Instance& instance = data_of<Instance>(object.ptr());
  const bool is_more = has_python_part(instance, object.ptr());
  if constexpr (shares_itself<T>)
    if (!is_more)
      if (auto shared = value.weak_from_this().lock()) return {std::move(shared), &value};
  if (is_lent(instance))
    throw_error<ConversionError>({"a ", instance.traits->name, " that the host only lent cannot be shared"});
  begin_sharing(instance);
  if (instance.ownership == Ownership::shared && !is_more) return {instance.shared_holder(), &value};
  return {&value, PythonOwner{Object(object)}};
}
/// Why the object cannot be taken from Python; null where it can be. What load_instance() refuses is another matter.
template <class T>
const char* why_not_taken(const Instance& instance) noexcept {
  if (instance.ownership != Ownership::unique) return "that Python does not own alone cannot be taken from it";
  if (instance.is_trampoline) return "of a class made in Python cannot be taken from it: use a shared_ptr";
  if (instance.traits->record != class_of<T>() && !std::has_virtual_destructor_v<T>)
    return "cannot be taken as its base, which has no virtual destructor";
  if (instance.keep) return "that keeps others alive cannot be taken from Python";
  return instance.views ? "whose memory a view shows cannot be taken from Python" : nullptr;
}
/// Of an object that load_instance() takes.
template <class T>
void check_taken(Ref object) {
  need_instance<T>(object);
  const Instance& instance = data_of<Instance>(object.ptr());
  if (const char* const why = why_not_taken<T>(instance))
    throw_error<ConversionError>({"a ", instance.traits->name, " ", why});
}
template <class T>
std::unique_ptr<T> take_instance(Ref object) {
  const ObjectLock lock(object.checked());
  check_taken<T>(object);
  Instance& instance = data_of<Instance>(object.ptr());
  T* const value = load_instance<T>(object.ptr());
  instance.ownership = Ownership::none;
  take_away(instance);
  return std::unique_ptr<T>(value);
}

constexpr bool is_library_name(std::string_view name) {
  for (const std::string_view prefix : {"class ", "struct ", "const "})
    if (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
  if (name.substr(0, 5) == "std::" || name.substr(0, 8) == "latepy::") return true;
  for (const std::string_view lambda : {"<lambda(", "(lambda at ", "<lambda_"})  // by g++, clang, MSVC
    if (name.back() == (lambda[0] == '<' ? '>' : ')') && name.find(lambda) != std::string_view::npos) return true;
  return false;
}
template <class T>
inline constexpr bool is_own_type = false;  // g++ spells them without their namespace
template <class T>
inline constexpr bool is_own_type<Borrowed<T>> = true;
/// Types that add_class may bind: the program's own. Types of std have converters, or the header of one is missing.
template <class T>
inline constexpr bool is_bindable = std::is_class_v<T> && !std::is_base_of_v<Ref, T> && !std::is_base_of_v<Error, T> &&
                                    !is_own_type<T> && !is_library_name(spelled_name<T>());

/// Bound classes, by value: to Python a new object that Python owns; from Python a copy.
template <class T>
struct BoundConverter {
  template <class U>
  static Object to_py(U&& value) {
    static_assert(
        std::is_constructible_v<T, U&&>,
        "this class cannot be copied: pass std::move(value), a unique_ptr or shared_ptr, or latepy::Borrowed(value)");
    need_class<T>();
    if constexpr (shares_itself<T>)
      return give_shared(std::make_shared<T>(std::forward<U>(value)));
    else
      return give_unique(std::make_unique<T>(std::forward<U>(value)), true);
  }
  template <class U = T, class = std::enable_if_t<std::is_copy_constructible_v<U>>>
  static U from_py(Ref object) {
    return need_instance<U>(object);
  }
  template <class U = T, class = std::enable_if_t<std::is_copy_constructible_v<U>>>
  static bool try_from_py(Ref object, std::optional<U>& result) noexcept {
    return try_load(result, [&] {
      const U* const value = load_instance<U>(object.ptr());
      if (value) result.emplace(*value);
      return value != nullptr;
    });
  }
};
struct NoConverter {};

}  // namespace detail

template <class T, class>
struct Converter : std::conditional_t<detail::is_bindable<T>, detail::BoundConverter<T>, detail::NoConverter> {};

namespace detail {
/// Whether objects of T cross as Python objects that stand for them, and by no Converter of the program's own.
template <class T>
inline constexpr bool is_bound = is_bindable<T>&& std::is_base_of_v<BoundConverter<T>, Converter<T>>;
}  // namespace detail

/// `as<T&>()`: the C++ object itself, for as long as Python or the host keeps it.
template <class T>
struct Converter<T&, std::enable_if_t<detail::is_bound<std::remove_const_t<T>>>> {
  static T& from_py(Ref object) { return detail::need_instance<std::remove_const_t<T>>(object); }
};
/// Pointers to bound classes: None is nullptr. To Python a reference: the object stays the host's, which keeps it for
/// as long as scripts may use it; Borrowed ends that.
template <class T>
struct Converter<T*, std::enable_if_t<detail::is_bound<std::remove_const_t<T>>>> {
  static Object to_py(T* value) { return detail::give_reference(value); }
  static T* from_py(Ref object) {
    return object.is_none() ? nullptr : &detail::need_instance<std::remove_const_t<T>>(object);
  }
  static bool try_from_py(Ref object, std::optional<T*>& result) noexcept {
    T* const value = object.is_none() ? nullptr : detail::load_instance<std::remove_const_t<T>>(object.ptr());
    if (value || object.is_none()) result.emplace(value);
    return result.has_value();
  }
};
/// One owner among others on both sides: the Python object of a C++ object is the same one each time. From Python, of
/// an object that is more than its C++ object (of a class made in Python, or with attributes), each is an owner of the
/// Python object, with a count of its own: a weak_ptr made of it, other than by weak_from_this(), ends with it.
template <class T>
struct Converter<std::shared_ptr<T>, std::enable_if_t<detail::is_bound<std::remove_const_t<T>>>> {
  static Object to_py(std::shared_ptr<T> value) { return detail::give_shared(std::move(value)); }
  static std::shared_ptr<T> from_py(Ref object) {
    return object.is_none() ? nullptr : std::shared_ptr<T>(detail::share_instance<std::remove_const_t<T>>(object));
  }
};
/// The only owner. From Python it takes the object away, which raises ReferenceError there from then on.
template <class T>
struct Converter<std::unique_ptr<T>, std::enable_if_t<detail::is_bound<T>>> {
  static Object to_py(std::unique_ptr<T> value) { return detail::give_unique(std::move(value)); }
  static std::unique_ptr<T> from_py(Ref object) {
    return object.is_none() ? nullptr : detail::take_instance<T>(object);
  }
};

#if LATEPY_BODIES
namespace detail {

#ifdef __cpp_rtti
LATEPY_ONCE LATEPY_COLD Whole find_by_rtti(const char* name, void* value) noexcept {
  const std::uint32_t life = current_life();
  const bool is_local = is_local_key(name);
  const auto is_it = [&](const char* known) {
    return known && (known == name || (!is_local && std::strcmp(known, name) == 0));
  };
  for (const ClassRecord* each = shared().classes.load(std::memory_order_acquire); each; each = each->next)
    if (each->life == life && each->traits) {
      if (is_it(each->traits->rtti_name)) return {value, each};
      if (is_it(each->traits->trampoline_rtti)) return {each->traits->of_trampoline(value), each};
    }
  return {value, nullptr};
}
#endif

LATEPY_ONCE Object make_instance(const Whole& object) {
  PyObject* const self = check(api().Type_GenericAlloc(reinterpret_cast<PyTypeObject*>(object.record->type), 0));
  Object made = Object::steal(self);
  Instance& instance = data_of<Instance>(self);
  instance.traits = object.record->traits;
  make_weak(instance);
  HostTypes& types = host_types();
  const TableLock lock(types);
  if (LATEPY_UNLIKELY(the_state.free_threaded))
    if (Object other = find_listed(types, object); !other.is_empty()) return other;
  list_value(types, instance, object.value);
  return made;
}

LATEPY_ONCE Object refer_to(const Whole& object, PyObject* owner) {
  Object made = find_instance(object);
  if (!made.is_empty()) return made;
  made = make_instance(object);
  if (owner) keep_alive_in(data_of<Instance>(made.ptr()), owner, true);
  return made;
}

LATEPY_ONCE void keep_alive_in(Instance& instance, PyObject* owner, bool is_part) {
  const ObjectLock lock(object_of(instance));
  if (owner == object_of(instance)) return;
  if (is_part && instance.whole && object_of(*instance.whole) == owner) return;  // another thread was faster
  if (is_part && instance.ownership == Ownership::none && !instance.whole &&
      api().Type_IsSubtype(head_type(owner), instance_type())) {
    Instance& whole = data_of<Instance>(owner);
    const Instance* each = &whole;
    while (each && each != &instance) each = each->whole;
    if (!each) {  // no circle
      incref(owner);
      instance.whole = &whole;
      return;
    }
  }
  if (!instance.keep) instance.keep = check(api().List_New(0));
  for (ssize i = api().List_Size(instance.keep); i-- > 0;)
    if (api().List_GetItem(instance.keep, i) == owner) return;
  check_result(api().List_Append(instance.keep, owner));
}

LATEPY_ONCE Instance* instance_of(PyObject* object, const ClassRecord* wanted) noexcept {
  if (LATEPY_UNLIKELY(!wanted)) return nullptr;
  PyTypeObject *const type = head_type(object), *const asked = reinterpret_cast<PyTypeObject*>(wanted->type);
  return type == asked || api().Type_IsSubtype(type, asked) ? &data_of<Instance>(object) : nullptr;
}

[[noreturn]] LATEPY_ONCE LATEPY_COLD void throw_no_instance(PyObject* object, const ClassRecord* wanted,
                                                            std::string_view name) {
  if (!wanted || !wanted->traits)
    throw_mismatch(object, name, "no Python class stands for that type: add_class comes before its first use");
  const Instance* const instance = instance_of(object, wanted);
  const std::string& known_as = wanted->traits->name;
  if (!instance) throw_mismatch(object, known_as);
  if (instance->was_valid || instance->whole)
    throw_reference_error(
        concat({"the ", instance->traits->name, " of this object is gone: the host took it back, or over"}));
  if (!instance->value)
    throw_error<TypeError>(
        {instance->traits->name, ".__init__ was not called: a class that derives from it calls super().__init__()"});
  throw_mismatch(
      object, known_as,
      concat({"its C++ object is a ", instance->traits->name, ": a Python class derives from one bound class only"})
          .c_str());
}

LATEPY_ONCE void begin_sharing(Instance& instance) {
  const ObjectLock lock(object_of(instance));
  if (instance.ownership != Ownership::unique) return;
  instance.ownership = Ownership::none;
  try {
    new (instance.holder) std::shared_ptr<void>(instance.value, instance.traits->destroy);
  } catch (...) {  // no memory: the object has ended
    take_away(instance);
    throw;
  }
  instance.ownership = Ownership::shared;
}

}  // namespace detail
#endif

}  // namespace v1
}  // namespace latepy
