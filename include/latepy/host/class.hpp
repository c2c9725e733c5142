// latepy/host/class.hpp: Class, which makes a Python class of a C++ class.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/class_traits.hpp>
#include <latepy/host/detail/class/iterate.hpp>
#include <latepy/host/detail/class/make_class.hpp>

namespace latepy {
inline namespace v1 {

namespace detail {
template <class O, class L, class R>
struct SelfOperator;  // see host/operators.hpp
}  // namespace detail

/// The Python class of the C++ class T, to be filled; Module::add_class() makes it. Its members give it back, to be
/// chained.
///   m.add_class<Vec>("Vec").init<double, double>("x"_a, "y"_a = 0.0).def("length", &Vec::length).def("x", &Vec::x);
/// Objects are given to Python by value (Python owns a copy, or the one moved), as unique_ptr or shared_ptr, as
/// Borrowed, or as reference or pointer by methods of the object that they are part of. They come back as T&, T*,
/// shared_ptr and, where Python alone owns them, unique_ptr. All members need the GIL.
template <class T, class... Options>
class Class : public Module {
  using Scripted = typename detail::TrampolineAmong<T, Options...>::type;  // void where there is none
  static constexpr bool is_scripted = !std::is_void_v<Scripted>;

 public:
  explicit Class(Object type) : Module(std::move(type)) {}

  /// A constructor: `init<double, double>("x"_a, "y"_a = 0.0)`; more of them make an overload set.
  template <class... A, class... X, class = std::enable_if_t<(detail::is_extra<X> && ...)>>
  Class& init(X&&... extras) {
    return add_init(detail::make_signature<T>(
        "__init__", [](detail::Uninitialized<T> self, A... arguments) { make(self, std::forward<A>(arguments)...); },
        detail::Signature<void, detail::Uninitialized<T>, A...>(), std::forward<X>(extras)...));
  }
  /// A factory as constructor: a callable that gives a T, unique_ptr<T> or shared_ptr<T>.
  template <class F, class... X, class = std::enable_if_t<!detail::is_extra<F>>>
  Class& init(F factory, X&&... extras) {
    return add_factory(std::move(factory), detail::signature_of<F>(), std::forward<X>(extras)...);
  }

  /// A method, special ones such as "__repr__" and "__getitem__" among them, or a field: `def("x", &Vec::x)`,
  /// read_only. Operators that do not fit give NotImplemented, so that Python tries the other operand.
  template <class F, class... X>
  Class& def(const std::string& name, F&& method, X&&... extras) {
    if constexpr (std::is_member_object_pointer_v<std::decay_t<F>>) {
      return field(name, method, std::forward<X>(extras)...);
    } else {
      detail::set_method(*this, name,
                         detail::make_overloads<T>(name, std::forward<F>(method), std::forward<X>(extras)...));
      return *this;
    }
  }
  /// An operator that C++ has: `def(py::self + py::self)`, `def(py::self * double())`, `def(-py::self)`.
  template <class O, class L, class R>
  Class& def(detail::SelfOperator<O, L, R> op) {
    std::unique_ptr<detail::Overload> made = op.template make<T>();
    const std::string name = made->name;
    detail::append_method(*this, name, std::move(made));
    return *this;
  }
  /// A function of the class that takes no object.
  template <class F, class... X>
  Class& def_static(const std::string& name, F&& function, X&&... extras) {
    const detail::Target target(*this);
    const Object made = target.function(
        name, detail::make_overloads<void>(name, std::forward<F>(function), std::forward<X>(extras)...));
    target.set(name, detail::steal_or_throw(detail::api().StaticMethod_New(made.ptr())));
    return *this;
  }
  /// A function whose first parameter, an Object, is the class it is called on.
  template <class F, class... X>
  Class& def_class(const std::string& name, F&& function, X&&... extras) {
    const detail::Target target(*this);
    const Object made = target.function(
        name, detail::make_overloads<detail::TypeSelf>(name, std::forward<F>(function), std::forward<X>(extras)...));
    target.set(name, detail::steal_or_throw(detail::api().ClassMethod_New(made.ptr())));
    return *this;
  }
  /// A property with a getter, read-only, or with a setter: member functions or callables with the object first. What
  /// follows them is the getter's.
  template <class G, class... X, class = std::enable_if_t<(detail::is_extra<X> && ...)>>
  Class& property(const std::string& name, G&& getter, X&&... extras) {
    return set_property(name, detail::make_overloads<T>(name, std::forward<G>(getter), std::forward<X>(extras)...),
                        nullptr);
  }
  template <class G, class S, class... X, class = std::enable_if_t<!detail::is_extra<S>>, class = void>
  Class& property(const std::string& name, G&& getter, S&& setter, X&&... extras) {
    return set_property(name, detail::make_overloads<T>(name, std::forward<G>(getter), std::forward<X>(extras)...),
                        detail::make_overloads<T>(name, std::forward<S>(setter)));
  }
  /// A value that the class itself computes: `Vec.count`. Read-only.
  template <class G, class... X>
  Class& static_property(const std::string& name, G&& getter, X&&... extras) {
    const detail::Target target(*this);
    const Object get =
        target.function(name, detail::make_overloads<void>(name, std::forward<G>(getter), std::forward<X>(extras)...));
    target.set(name, detail::static_property_type()(get));
    return *this;
  }
  /// A constant of the class.
  template <class V>
  Class& constant(const std::string& name, V&& value) {
    Module::constant(name, std::forward<V>(value));
    return *this;
  }
  /// Pickling and copying: `get(const T&)` gives the state, any convertible value; `set(state)` makes the T again. What
  /// scripts put into a __dict__ goes along.
  template <class G, class S>
  Class& pickle(G get, S set) {
    return add_pickle(std::move(get), std::move(set), detail::signature_of<S>());
  }
  /// The memory of an object: `buffer([](Matrix& m) { return py::BufferInfo{…}; })`. Needs buffer_protocol in
  /// add_class().
  template <class F>
  Class& buffer(F show) {
    if (!traits().has_buffer)
      detail::throw_error<StateError>(
          {traits().name, " cannot show its memory: add_class() was not given buffer_protocol"});
    auto hook = std::make_unique<detail::BufferHookOf<F>>(std::move(show));
    hook->get = [](const detail::BufferHook& base, PyObject* self, void* value, detail::BufferView* view, int flags) {
      try {
        return detail::export_buffer(
            self, static_cast<const detail::BufferHookOf<F>&>(base).function(*static_cast<T*>(value)), view, flags);
      } catch (...) {
        detail::translate_exception();
        return -1;
      }
    };
    hook->destroy = [](detail::BufferHook* base) { delete static_cast<detail::BufferHookOf<F>*>(base); };
    traits().buffer = hook.release();
    return *this;
  }
  /// The Objects that a T holds, so that the garbage collector sees cycles through it: `visit([](T& t, auto& visitor) {
  /// visitor(t.callback); })`. It must not throw, or touch other objects. Fields of the type Object that were defined
  /// by def() are visited by themselves.
  template <class F>
  Class& visit(F function) {
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
      static_assert(is_scripted, "the class is abstract: only a Trampoline can be constructed");
  }
  template <class R>
  static void adopt(detail::Uninitialized<T> self, R&& made) {
    using Made = std::decay_t<R>;
    detail::Instance& instance = self.instance();
    if (is_scripted && self.is_derived() && !std::is_same_v<Made, T>)
      detail::throw_error<TypeError>(
          {"this constructor makes a C++ object that classes made in Python cannot override: call another one"});
    if constexpr (std::is_same_v<Made, std::shared_ptr<T>>) {
      if (!made) detail::throw_error<TypeError>({"the factory gave nothing"});
      detail::check_uninitialized(instance);
      if (!detail::find_instance({made.get(), instance.traits->record}).is_empty())
        detail::throw_error<TypeError>({"the factory gave an object that Python has already"});
      detail::set_value(instance, made.get());
      new (instance.holder) std::shared_ptr<void>(std::move(made));
      instance.ownership = detail::Ownership::shared;
    } else if constexpr (std::is_same_v<Made, std::unique_ptr<T>>) {
      if (!made) detail::throw_error<TypeError>({"the factory gave nothing"});
      detail::settle_value<T>(instance, std::move(made));
    } else {
      make(self, std::forward<R>(made));
    }
  }
  template <class F, class R, class... A, class... X>
  Class& add_factory(F factory, detail::Signature<R, A...>, X&&... extras) {
    return add_init(detail::make_signature<T>(
        "__init__",
        [factory = std::move(factory)](detail::Uninitialized<T> self, A... arguments) mutable {
          adopt(self, factory(std::forward<A>(arguments)...));
        },
        detail::Signature<void, detail::Uninitialized<T>, A...>(), std::forward<X>(extras)...));
  }
  Class& add_init(std::unique_ptr<detail::Overload> made) {
    detail::append_method(*this, "__init__", std::move(made));
    return *this;
  }
  Class& set_property(const std::string& name, std::unique_ptr<detail::Overload> getter,
                      std::unique_ptr<detail::Overload> setter) {
    detail::set_property(*this, name, std::move(getter), std::move(setter));
    return *this;
  }
  template <class F, class C, class... X>
  Class& field(const std::string& name, F C::*member, X&&... extras) {
    static_assert(std::is_base_of_v<C, T>, "the field is of another class");
    constexpr bool is_fixed = !std::is_copy_assignable_v<F> || (std::is_same_v<detail::plain<X>, ReadOnly> || ...);
    static_assert(
        is_fixed || (!detail::borrows<F> && !(std::is_pointer_v<F> && detail::is_bound_pointee<F>)),
        "nothing keeps what a script would assign to this pointer: add latepy::read_only, or define a property");
    static_assert(std::is_copy_constructible_v<F> || detail::is_bound<F>,
                  "this field cannot be copied: define a property");
    using Shown = std::conditional_t<std::is_pointer_v<F>, F, F&>;
    if constexpr (std::is_same_v<F, Object>)
      visit([member](T& self, detail::Visitor& visitor) { visitor(self.*member); });
    auto getter = detail::make_overloads<T>(
        name, [member](T& self) -> Shown { return self.*member; }, detail::LocksSelf());
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
                                self.*member = std::forward<decltype(value)>(value);
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
  static_assert(detail::is_bound<T>, "add_class<T>() is for classes of the program's own that have no Converter");
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

/// A Python iterator over [first, last), for __iter__: `def("__iter__", [](py::Object self) { auto& v =
/// self.as<Vec&>(); return py::iterate(v.begin(), v.end(), self); })`. It keeps `owner`, whose container must not
/// change meanwhile, and gives elements by value. Needs the GIL.
template <class Iterator, class Sentinel>
Object iterate(Iterator first, Sentinel last, const Object& owner = {}) {
  auto range = std::make_unique<detail::RangeOf<Iterator, Sentinel>>(std::move(first), std::move(last));
  range->owner = owner;
  return detail::new_iterator(std::move(range));
}

}  // namespace v1
}  // namespace latepy
