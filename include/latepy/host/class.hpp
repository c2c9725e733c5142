// latepy/host/class.hpp: Class, which defines the members of the Python class for a C++ class.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/class_traits.hpp>
#include <latepy/host/detail/class/field_copy.hpp>
#include <latepy/host/detail/class/iterate.hpp>
#include <latepy/host/detail/class/make_class.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {
template <class O, class L, class R>
struct SelfOperator;  // see host/operators.hpp
}  // namespace detail

/// The Python class of the C++ class T. Module::add_class() makes it; the functions here define its members. They take
/// the GIL and return *this:
///   m.add_class<Vec>("Vec").init<double, double>("x"_a, "y"_a = 0.0).def("length", &Vec::length).def("x", &Vec::x);
/// C++ passes objects to Python by value (Python owns the copy), as unique_ptr, shared_ptr or Borrowed, or as a
/// reference or pointer that a method of the owner returns. C++ gets objects from Python as T&, T* or shared_ptr, or as
/// unique_ptr if Python is the only owner.
template <class T, class... Options>
class Class : public Module {
  using Scripted = typename detail::TrampolineAmong<T, Options...>::type;  // void if there is none
  static constexpr bool is_scripted = !std::is_void_v<Scripted>;

 public:
  /// Adds to a Python class that add_class<T>() made before.
  explicit Class(Object type) : Module(std::move(type)) {}

  /// Adds a constructor with the parameter types A: `init<double, double>("x"_a, "y"_a = 0.0)`. Each call adds one
  /// more.
  template <class... A, class... X, class = std::enable_if_t<(detail::is_extra<X> && ...)>>
  Class& init(X&&... extras) {
    const GilGuard gil(*this);
    return append(detail::make_signature<T>(
        "__init__", [](detail::Uninitialized<T> self, A... arguments) { make(self, std::forward<A>(arguments)...); },
        detail::Signature<void, detail::Uninitialized<T>, A...>(), std::forward<X>(extras)...));
  }
  /// Adds a constructor that calls `factory`, which returns a T, unique_ptr<T> or shared_ptr<T>.
  template <class F, class... X, class = std::enable_if_t<!detail::is_extra<F>>>
  Class& init(F factory, X&&... extras) {
    const GilGuard gil(*this);
    return add_factory(std::move(factory), detail::signature_of<F>(), std::forward<X>(extras)...);
  }

  /// Adds a method, also a special one such as "__repr__", or a field: `def("x", &Vec::x)`. Scripts read a field of a
  /// bound class, or of a type of bind_vector() or bind_map(), as a reference to it, and any other field as a copy,
  /// which is immutable, so that no change is lost: tuple, types.MappingProxyType (its dict() is a dict), frozenset,
  /// read-only array. Elements of a bound class are copies that can be changed in vain: use shared_ptrs. For `extras`
  /// see extras.hpp. A binary operator gives NotImplemented if its operand does not fit: Python tries the other one.
  template <class OverloadedNeedsStaticCast, class... X>
  Class& def(const std::string& name, OverloadedNeedsStaticCast&& method, X&&... extras) {
    const GilGuard gil(*this);
    using Tag = typename detail::ResultTagAmong<detail::plain<X>...>::type;
    if constexpr (!std::is_member_object_pointer_v<std::decay_t<OverloadedNeedsStaticCast>>) {
      detail::set_method(
          *this, name,
          detail::make_overloads<T>(name, std::forward<OverloadedNeedsStaticCast>(method), std::forward<X>(extras)...));
      return *this;
    } else if constexpr (std::is_void_v<Tag>) {
      return field(name, method, std::forward<X>(extras)...);
    } else {
      return Tag::def_field(*this, name, method, extras...);
    }
  }
  /// Adds an operator of T: `def(py::self + py::self)`, `def(-py::self)`. Needs host/operators.hpp.
  template <class O, class L, class R>
  Class& def(detail::SelfOperator<O, L, R> op) {
    const GilGuard gil(*this);
    return append(op.template make<T>());
  }
  /// Adds a static method: a function without `self`.
  template <class F, class... X>
  Class& def_static(const std::string& name, F&& function, X&&... extras) {
    const detail::Target target(*this);
    const Object made = target.function(
        name, detail::make_overloads<void>(name, std::forward<F>(function), std::forward<X>(extras)...));
    target.set(name, detail::steal_or_throw(detail::api().StaticMethod_New(made.ptr())));
    return *this;
  }
  /// Adds a class method. The first parameter of the callable is an Object: the class that it is called on.
  template <class F, class... X>
  Class& def_class(const std::string& name, F&& function, X&&... extras) {
    const detail::Target target(*this);
    const Object made = target.function(
        name, detail::make_overloads<detail::TypeSelf>(name, std::forward<F>(function), std::forward<X>(extras)...));
    target.set(name, detail::steal_or_throw(detail::api().ClassMethod_New(made.ptr())));
    return *this;
  }
  /// Adds a read-only property. `getter` is a member function or a callable that takes the object first.
  template <class G, class... X, class = std::enable_if_t<(detail::is_extra<X> && ...)>>
  Class& property(const std::string& name, G&& getter, X&&... extras) {
    const GilGuard gil(*this);
    return set_property(name, detail::make_overloads<T>(name, std::forward<G>(getter), std::forward<X>(extras)...),
                        nullptr);
  }
  /// Adds a property that scripts can set: `setter` takes the object and the value. Extras belong to the getter.
  template <class G, class S, class... X, class = std::enable_if_t<!detail::is_extra<S>>, class = void>
  Class& property(const std::string& name, G&& getter, S&& setter, X&&... extras) {
    const GilGuard gil(*this);
    return set_property(name, detail::make_overloads<T>(name, std::forward<G>(getter), std::forward<X>(extras)...),
                        detail::make_overloads<T>(name, std::forward<S>(setter)));
  }
  /// Adds a read-only property of the class itself, `Vec.count`. `getter` takes no parameter.
  template <class G, class... X>
  Class& static_property(const std::string& name, G&& getter, X&&... extras) {
    const detail::Target target(*this);
    const Object get =
        target.function(name, detail::make_overloads<void>(name, std::forward<G>(getter), std::forward<X>(extras)...));
    target.set(name, detail::static_property_type()(get));
    return *this;
  }
  /// Adds a constant of the class.
  template <class V>
  Class& constant(const std::string& name, V&& value) {
    Module::constant(name, std::forward<V>(value));
    return *this;
  }
  /// Adds support for pickle and copy. `get(T&)` returns the state, a value of any convertible type. `set(state)`
  /// returns a new T, unique_ptr<T> or shared_ptr<T>. The __dict__ of the object is saved and restored too.
  template <class G, class S, bool = detail::IsCppCallable<G>::value>
  Class& pickle(G get, S set) {
    const GilGuard gil(*this);
    return add_pickle(std::move(get), std::move(set), detail::signature_of<S>());
  }
  /// Exports the memory of an object: `buffer([](Matrix& m) { return py::BufferInfo{…}; })`.
  /// \throws StateError if add_class() was not given buffer_protocol.
  template <class F, bool = detail::IsCppCallable<F>::value>
  Class& buffer(F show) {
    const GilGuard gil(*this);
    if (!traits().has_buffer)
      detail::throw_error<StateError>(
          {traits().name, " cannot export a buffer: pass latepy::buffer_protocol to its add_class()"});
    traits().buffer = detail::make_buffer_hook<T>(std::move(show));
    return *this;
  }
  /// Shows the garbage collector what a T holds, so that it can free reference cycles through it:
  /// `visit([](T& t, auto& visitor) { visitor(t.callback); })`. The visitor takes an Object, a Function, a
  /// std::function, a shared_ptr or unique_ptr of a bound class, an object of a bound class, and containers, optionals,
  /// variants and tuples of these. It skips a std::function that holds no Python callable (without RTTI, each one), and
  /// what C++ shares: a shared_ptr with another use count, or that owns no Python object. The function must not throw,
  /// must not use any other Object, and must show nothing twice. def() does this for fields of all these types.
  template <class F, bool = detail::IsCppCallable<F>::value>
  Class& visit(F function) {
    const GilGuard gil(*this);
    detail::add_visit<T>(traits(), std::move(function));
    return *this;
  }

 private:
  detail::ClassTraits& traits() const { return *detail::need_class<T>().traits; }

  template <class... A>
  static void make(detail::Uninitialized<T> self, A&&... arguments) {
    if constexpr (is_scripted) {
      if (std::is_abstract_v<T> || self.is_derived()) {
        std::unique_ptr<Scripted> made(detail::construct<Scripted>(std::forward<A>(arguments)...));
        detail::TrampolineLink& link = made->latepy_link();
        detail::settle_value<T>(self.instance(), std::move(made));
        self.instance().is_trampoline = true;
        link.attach(self.self);
        return;
      }
    }
    if constexpr (!std::is_abstract_v<T>)
      detail::settle_value<T>(self.instance(), std::unique_ptr<T>(detail::construct<T>(std::forward<A>(arguments)...)));
    else
      static_assert(is_scripted, "init(): an abstract class cannot be constructed: pass a Trampoline to add_class()");
  }
  template <class R>
  static void adopt(detail::Uninitialized<T> self, R&& made) {
    using Made = std::decay_t<R>;
    detail::Instance& instance = self.instance();
    if (is_scripted && self.is_derived() && !std::is_same_v<Made, T>)
      detail::throw_error<TypeError>(
          {"this constructor calls a C++ factory, whose object cannot call methods of a Python class: "
           "call another constructor"});
    if constexpr (std::is_same_v<Made, std::shared_ptr<T>>) {
      if (!made) detail::throw_error<TypeError>({instance.traits->name, ": the C++ factory returned a null pointer"});
      detail::check_uninitialized(instance);
      if (!detail::find_instance({made.get(), instance.traits->record}).is_empty())
        detail::throw_error<TypeError>(
            {instance.traits->name, ": the C++ factory returned an object that has a Python object already"});
      detail::set_value(instance, made.get());
      new (instance.holder) std::shared_ptr<void>(std::move(made));
      instance.ownership = detail::Ownership::shared;
    } else if constexpr (std::is_same_v<Made, std::unique_ptr<T>>) {
      if (!made) detail::throw_error<TypeError>({instance.traits->name, ": the C++ factory returned a null pointer"});
      detail::settle_value<T>(instance, std::move(made));
    } else {
      make(self, std::forward<R>(made));
    }
  }
  template <class F, class R, class... A, class... X>
  Class& add_factory(F factory, detail::Signature<R, A...>, X&&... extras) {
    return append(detail::make_signature<T>(
        "__init__",
        [factory = std::move(factory)](detail::Uninitialized<T> self, A... arguments) mutable {
          adopt(self, factory(std::forward<A>(arguments)...));
        },
        detail::Signature<void, detail::Uninitialized<T>, A...>(), std::forward<X>(extras)...));
  }
  Class& append(std::unique_ptr<detail::Overload> made) {
    const std::string name = made->name;
    detail::append_method(*this, name, std::move(made));
    return *this;
  }
  Class& set_property(const std::string& name, std::unique_ptr<detail::Overload> getter,
                      std::unique_ptr<detail::Overload> setter) {
    detail::set_property(*this, name, std::move(getter), std::move(setter));
    return *this;
  }
  template <class F, class C, class... X>
  Class& field(const std::string& name, F C::*member, X&&... extras) {
    static_assert(std::is_base_of_v<C, T>, "def(): T does not have this field: it belongs to another class");
    constexpr bool is_fixed = !std::is_copy_assignable_v<F> || (std::is_same_v<detail::plain<X>, ReadOnly> || ...);
    static_assert(
        is_fixed || (!detail::borrows<F> && !(std::is_pointer_v<F> && detail::is_bound_pointee<F>)),
        "nothing would keep alive what a script assigns to this pointer: add latepy::read_only, or define a property");
    static_assert(std::is_copy_constructible_v<F> || detail::is_bound<F>,
                  "the type of this field cannot be copied: define a property");
    using Shown = std::conditional_t<detail::is_copied_class<F>, detail::FieldCopy<F>,
                                     std::conditional_t<std::is_pointer_v<F>, F, F&>>;
    if constexpr (detail::holds_objects<std::remove_const_t<F>>()) detail::add_visit_of_field<T>(traits(), member);
    auto getter = detail::make_overloads<T>(
        name, [member](T& self) -> Shown { return detail::show_field<Shown>(self, self.*member); },
        detail::LocksSelf());
    [[maybe_unused]] const auto doc = [&](auto&& extra) {
      if constexpr (std::is_convertible_v<decltype(extra), std::string_view>) getter->doc = std::string_view(extra);
    };
    (doc(std::forward<X>(extras)), ...);
    if constexpr (is_fixed)
      return set_property(name, std::move(getter), nullptr);
    else
      return set_property(name, std::move(getter),
                          detail::make_overloads<T>(
                              name,
                              [member](T& self, std::conditional_t<detail::is_bound<F>, const F&, F> value) {
                                detail::assign_field(self.*member, std::forward<decltype(value)>(value));
                              },
                              detail::LocksSelf()));
  }
  template <class G, class S, class R, class State>
  Class& add_pickle(G get, S set, detail::Signature<R, State>) {
    def("__getstate__", [get = std::move(get)](Object self) mutable {
      return tuple(get(self.as<T&>()), self.get_attr("__dict__", nullptr));
    });
    detail::set_method(*this, "__setstate__",
                       detail::make_signature<T>(
                           "__setstate__",
                           [set = std::move(set)](detail::Uninitialized<T> self, Object state) mutable {
                             adopt(self, set(Object(state[0]).as<detail::plain<State>>()));
                             const Object dict = state[1];
                             if (!dict.is_none()) Ref(self.self).attr("__dict__").call_method("update", dict);
                           },
                           detail::Signature<void, detail::Uninitialized<T>, Object>()));
    return *this;
  }
};

template <class T, class... Options, class... Tags>
Class<T, Options...> Module::add_class(const std::string& name, Tags&&... tags) const {
  static_assert(detail::is_bound<T>, "add_class<T>(): T must be a class of your program, without a Converter");
  const GilGuard gil(*this);
  detail::refuse_second_class(detail::class_of<T>(), detail::spelled_name<T>());
  detail::ClassPlan plan;
  plan.name = name;
  plan.key = detail::type_key<T>();
  plan.slot = &detail::class_slot<T>;
  [[maybe_unused]] const auto tagged = [&](auto&& tag) {
    using Tag = detail::plain<decltype(tag)>;
    if constexpr (std::is_same_v<Tag, DynamicAttributes>)
      plan.has_dict = true;
    else if constexpr (std::is_same_v<Tag, IsFinal>)
      plan.is_final = true;
    else if constexpr (std::is_same_v<Tag, BufferProtocol>)
      plan.has_buffer = true;
    else
      plan.doc = std::string_view(tag);
  };
  (tagged(std::forward<Tags>(tags)), ...);
  return Class<T, Options...>(detail::add_class(*this, plan, &detail::fill_traits<T, Options...>));
}

/// A Python iterator over the C++ range [first, last), for methods `__iter__`:
///   .def("__iter__", [](py::Object self) { auto& v = self.as<Vec&>(); return py::iterate(v.begin(), v.end(), self); })
/// Each element is converted to Python as to_py(*first) does. The iterator keeps `owner` alive. The container must not
/// change while scripts iterate. Needs the GIL.
template <class Iterator, class Sentinel>
Object iterate(Iterator first, Sentinel last, const Object& owner = {}) {
  auto range = std::make_unique<detail::RangeOf<Iterator, Sentinel>>(std::move(first), std::move(last));
  range->owner = owner;
  return detail::new_iterator(std::move(range));
}

}  // namespace v1
}  // namespace latepy
