// latepy/host/detail/function/argument_loader.hpp: ArgumentLoader, an argument on its way to its C++ parameter.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/overload.hpp>
#include <latepy/host/detail/function/python_type.hpp>
#include <latepy/host/extras.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether T is a bound class, or a pointer or reference to one.
template <class T>
inline constexpr bool is_bound_pointee =
    is_bound<std::remove_const_t<std::remove_pointer_t<std::remove_reference_t<T>>>>;

/// Whether the Converter of T can tell why try_from_py() refuses an object that from_py() accepts.
template <class T, class = void>
inline constexpr bool has_why_not_tried = false;
template <class T>
inline constexpr bool has_why_not_tried<T, std::void_t<decltype(&Converter<T>::why_not_tried)>> = true;

/// The base of ArgumentLoader<A>, which converts one argument for a parameter of type A. A call has these steps, and
/// does each step for all arguments before the next one:
/// 1. `load()` converts. False: it does not fit; Python's error is set if code of the argument raised.
/// 2. `still_fits()` checks again, because loading another argument may have run Python code.
/// 3. `settle()` takes ownership. No Python code runs between this step and the callable.
/// 4. `get()` gives the value to the callable. The loader lives until the callable returns.
/// `explain()` throws the reason why an argument does not fit.
struct ArgumentLoaderBase {
  static constexpr bool takes = false;  ///< whether settle() takes the object from Python
  static bool still_fits(PyObject*) noexcept { return true; }
  static void settle(PyObject*) noexcept {}
};
/// Any type with a Converter, by value or const&.
template <class A, class = void>
class ArgumentLoader : public ArgumentLoaderBase {
  static_assert(!std::is_lvalue_reference_v<A> || std::is_const_v<std::remove_reference_t<A>>,
                "a host function cannot change its caller's arguments: take them by value or const&");

 public:
  bool load(PyObject* object) { return try_convert<plain<A>>(Ref(object), value_); }
  A&& get() { return static_cast<A&&>(*value_); }
  LATEPY_COLD static void explain(PyObject* object) {
    if constexpr (has_why_not_tried<plain<A>>)
      if (const char* const why = Converter<plain<A>>::why_not_tried(object))
        throw_mismatch(object, type_name<plain<A>>(), why);
    static_cast<void>(from_py<plain<A>>(Ref(object)));
  }

 private:
  std::optional<plain<A>> value_{};
};
/// Bound classes by reference, without a copy, and by value, with one.
template <class A>
class ArgumentLoader<A, std::enable_if_t<is_bound<std::remove_const_t<std::remove_reference_t<A>>>>>
    : public ArgumentLoaderBase {
  using T = std::remove_const_t<std::remove_reference_t<A>>;

 public:
  bool load(PyObject* object) noexcept { return (value_ = load_instance<T>(object)) != nullptr; }
  static bool still_fits(PyObject* object) noexcept { return has_value(data_of<Instance>(object)); }
  A get() {
    if constexpr (std::is_rvalue_reference_v<A>)
      static_assert(!std::is_rvalue_reference_v<A>,
                    "a host function cannot move from its caller's object: take it by value, or a unique_ptr");
    else
      return *value_;
  }
  LATEPY_COLD static void explain(PyObject* object) { static_cast<void>(need_instance<T>(Ref(object))); }

 private:
  T* value_ = nullptr;
};
/// Containers by reference, which need a class by bind_vector() or bind_map().
template <class A>
class ArgumentLoader<A, std::enable_if_t<is_container_reference<A>>> : public ArgumentLoaderBase {
  using T = plain<A>;

 public:
  bool load(PyObject* object) noexcept { return (value_ = load_instance<T>(object)) != nullptr; }
  static bool still_fits(PyObject* object) noexcept { return has_value(data_of<Instance>(object)); }
  A get() const noexcept { return *value_; }
  LATEPY_COLD static void explain(PyObject* object) {
    if (!class_of<T>())
      throw_mismatch(object, type_name<T>(),
                     "a host function cannot change its caller's list or dict: the program has to take it by value or "
                     "const&, or to give the type a class by bind_vector() or bind_map()");
    static_cast<void>(need_instance<T>(Ref(object)));
  }

 private:
  T* value_ = nullptr;
};
/// Bound classes by pointer; None is a null pointer.
template <class A>
class ArgumentLoader<A, std::enable_if_t<std::is_pointer_v<plain<A>> && is_bound_pointee<plain<A>>>>
    : public ArgumentLoaderBase {
  using T = std::remove_const_t<std::remove_pointer_t<plain<A>>>;

 public:
  bool load(PyObject* object) noexcept {
    return object == api().NoneStruct || (value_ = load_instance<T>(object)) != nullptr;
  }
  static bool still_fits(PyObject* object) noexcept {
    return object == api().NoneStruct || has_value(data_of<Instance>(object));
  }
  A&& get() noexcept { return static_cast<A&&>(value_); }
  LATEPY_COLD static void explain(PyObject* object) { static_cast<void>(from_py<T*>(Ref(object))); }

 private:
  plain<A> value_ = nullptr;
};
/// Whether T is a unique_ptr to a bound class.
template <class T>
inline constexpr bool is_unique = false;
template <class T>
inline constexpr bool is_unique<std::unique_ptr<T>> = is_bound<T>;
/// unique_ptr to bound classes. Takes the object from Python only after all arguments fit.
template <class A>
class ArgumentLoader<A, std::enable_if_t<is_unique<plain<A>>>> : public ArgumentLoaderBase {
  using T = typename plain<A>::element_type;

 public:
  static constexpr bool takes = true;
  bool load(PyObject* object) noexcept { return still_fits(object); }
  static bool still_fits(PyObject* object) noexcept {
    return object == api().NoneStruct || (load_instance<T>(object) && !why_not_takeable<T>(data_of<Instance>(object)));
  }
  void settle(PyObject* object) { value_ = from_py<std::unique_ptr<T>>(Ref(object)); }
  A&& get() noexcept { return static_cast<A&&>(value_); }
  LATEPY_COLD static void explain(PyObject* object) {
    if (object != api().NoneStruct) check_takeable<T>(Ref(object));
  }

 private:
  std::unique_ptr<T> value_{};
};
/// Whether a parameter of type A takes any Python object: Ref, Object, Module, Args and Kwargs do, a View does not.
template <class A>
inline constexpr bool takes_any_object = is_handle<A>&& std::is_constructible_v<plain<A>, Object>;
/// Parameters that take any Python object.
template <class A>
class ArgumentLoader<A, std::enable_if_t<takes_any_object<A>>> : public ArgumentLoaderBase {
  using T = plain<A>;

 public:
  bool load(PyObject* object) {
    if constexpr (std::is_same_v<T, Ref>)
      value_ = Ref(object);
    else
      value_ = T(Object::borrow(object));
    return true;
  }
  A&& get() noexcept { return static_cast<A&&>(value_); }
  LATEPY_COLD static void explain(PyObject*) {}

 private:
  static T empty() {
    if constexpr (std::is_same_v<T, Ref>)
      return Ref();
    else
      return T(Object());
  }
  T value_ = empty();
};

/// Fit of an argument for a parameter of type A.
template <class A>
Fit argument_fit(PyObject* object) noexcept {
  return fit_of<plain<A>>(object);
}
/// The ParameterType of a parameter of type A.
template <class A>
inline constexpr ParameterType parameter_type{&python_type<A>, &ArgumentLoader<A>::explain,
                                              std::is_same_v<plain<A>, Args>     ? ParameterKind::args
                                              : std::is_same_v<plain<A>, Kwargs> ? ParameterKind::kwargs
                                                                                 : ParameterKind::positional_only,
                                              takes_any_object<A> ? nullptr : &argument_fit<A>};
/// The ParameterType of a result of type R.
template <class R>
inline constexpr ParameterType result_type{&python_type<R>, nullptr};

}  // namespace detail
}  // namespace v1
}  // namespace latepy
