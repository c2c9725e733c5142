// latepy/host/detail/class/bound.hpp: which C++ classes add_class() can bind, and the converters of bound classes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/from_python.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether a type name is of std, of latepy or of a lambda.
constexpr bool is_library_name(std::string_view name) {
  return is_std_name(name, "") || bare_name(name).substr(0, 8) == "latepy::" || is_lambda_name(name);
}
/// Whether T is a class template of latepy. g++ spells their names without the namespace.
template <class T>
inline constexpr bool is_own_type = false;
template <class T>
inline constexpr bool is_own_type<Borrowed<T>> = true;
/// Whether add_class() can bind T, a class of the program. It cannot bind types of std: stl/ has converters for them.
template <class T>
constexpr bool can_bind() {
  if constexpr (std::is_class_v<T> && !is_opaque<T>)
    return !std::is_base_of_v<Ref, T> && !std::is_base_of_v<Error, T> && !is_own_type<T> &&
           !is_library_name(spelled_name<std::remove_const_t<T>>());
  else
    return false;
}
template <class T>
inline constexpr bool is_bindable = can_bind<T>();

/// The converter of a bound class by value. To Python: a new object, which Python owns. From Python: a copy.
template <class T>
struct BoundConverter {
  template <class U>
  static Object to_py(U&& value) {
    static_assert(
        std::is_constructible_v<T, U&&>,
        "this class cannot be copied: pass std::move(value), a unique_ptr or shared_ptr, or latepy::Borrowed(value)");
    need_class<T>();
    if constexpr (shares_itself<T>)
      return shared_to_python(std::make_shared<T>(std::forward<U>(value)));
    else
      return unique_to_python(std::make_unique<T>(std::forward<U>(value)), true);
  }
  template <class U = T, class = std::enable_if_t<std::is_copy_constructible_v<U>>>
  static U from_py(Ref object) {
    return need_instance<U>(object);
  }
  template <class U = T, class = std::enable_if_t<std::is_copy_constructible_v<U>>>
  static bool try_from_py(Ref object, std::optional<U>& result) {
    return try_load(result, [&] {
      const U* const value = load_instance<U>(object.ptr());
      if (value) result.emplace(*value);
      return value != nullptr;
    });
  }
  static Fit fit(PyObject* object) noexcept { return instance_fit(object, class_of<T>()); }
  /// What shows the Objects in this one is known by its class.
  static void visit(T& value, Visitor& visitor) noexcept {
    const ClassRecord* const record = class_of<T>();
    if (!record || !record->traits || visitor.settles()) return;
    const MostDerived object = most_derived(&value);
    visit_value(object.value, *object.record->traits, visitor);
  }
};
template <class F, class... X>
Object make_callable(const std::string& name, F&& f, X&&... extras);
/// The converter of lambdas: to Python, as def() does.
template <class F>
struct LambdaConverter {
  static std::string python_type() { return "collections.abc.Callable"; }
  template <class U>
  static Object to_py(U&& lambda) {
    return make_callable("function", std::forward<U>(lambda));
  }
};
/// The Converter of a type that has none.
struct NoConverter {};
/// Whether T is a lambda.
template <class T>
inline constexpr bool is_lambda = std::is_class_v<T>&& is_lambda_name(spelled_name<T>());

}  // namespace detail

/// The Converter of a class without one of its own: for bound classes and lambdas.
template <class T, class>
struct Converter
    : std::conditional_t<detail::is_bindable<T>, detail::BoundConverter<T>,
                         std::conditional_t<detail::is_lambda<T>, detail::LambdaConverter<T>, detail::NoConverter>> {};
/// Functions, to Python only; nullptr is None.
template <class F>
struct Converter<F*, std::enable_if_t<std::is_function_v<F>>> {
  static std::string python_type() { return "collections.abc.Callable"; }
  static Object to_py(F* function) { return function ? detail::make_callable("function", function) : detail::none(); }
};

namespace detail {
/// Whether T is converted as a bound class, and not by a Converter that the program specialized.
template <class T>
inline constexpr bool is_bound = is_bindable<T>&& std::is_base_of_v<BoundConverter<T>, Converter<T>>;

template <class T>
inline constexpr bool is_vector = false;
template <class T, class A>
inline constexpr bool is_vector<std::vector<T, A>> = true;
/// Whether T is a std::map, std::unordered_map or another map with nodes.
template <class T, class = void>
inline constexpr bool is_node_map = false;
template <class T>
inline constexpr bool is_node_map<T, std::void_t<typename T::mapped_type, typename T::node_type,
                                                 decltype(std::declval<T&>()[std::declval<typename T::key_type>()])>> =
    !is_bound<T>;
/// Whether bind_vector() or bind_map() can give T a class.
template <class T>
inline constexpr bool may_have_class = is_vector<T> || is_node_map<T>;
/// Whether T is a reference by which C++ can change such a container.
template <class T>
inline constexpr bool is_container_reference = false;
template <class T>
inline constexpr bool is_container_reference<T&> = may_have_class<T>;
}  // namespace detail

/// `as<T&>()`: a reference to the C++ object. It is valid as long as its owner, Python or C++, keeps the object.
template <class T>
struct Converter<T&, std::enable_if_t<detail::is_bound<std::remove_const_t<T>>>> {
  static T& from_py(Ref object) { return detail::need_pointee<std::remove_const_t<T>>(object); }
};
/// The same for a container that has a class by bind_vector() or bind_map().
template <class T>
struct Converter<T&, std::enable_if_t<detail::may_have_class<std::remove_const_t<T>>>> {
  static T& from_py(Ref object) { return detail::need_pointee<std::remove_const_t<T>>(object); }
};
/// Pointers to bound classes; None is nullptr. To Python: C++ stays the owner and must keep the object alive as long as
/// scripts can use it. Use Borrowed for a shorter time.
template <class T>
struct Converter<T*, std::enable_if_t<detail::is_bound<std::remove_const_t<T>>>> {
  static Object to_py(T* value) { return detail::reference_to_python(value); }
  static T* from_py(Ref object) {
    return object.is_none() ? nullptr : &detail::need_pointee<std::remove_const_t<T>>(object);
  }
  static bool try_from_py(Ref object, std::optional<T*>& result) {
    if (object.is_none()) return result.emplace(nullptr), true;
    if (detail::load_instance<std::remove_const_t<T>>(object.ptr())) result.emplace(from_py(object));
    return result.has_value();
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::pointer_fit(object, detail::class_of<std::remove_const_t<T>>());
  }
};
/// Shared ownership. A C++ object has the same Python object each time.
/// From Python, there are two cases:
/// - Python owns the C++ object, and the Python object has nothing more: the shared_ptr owns the C++ object too.
/// - The Python object has more (a class made in Python, attributes, keep_alive), or C++ owns the object: then the
///   shared_ptr owns the Python object. Each conversion makes a new use count, so a weak_ptr expires with the
///   shared_ptr that it was made of, unless it comes from weak_from_this().
/// A shared_ptr that a script assigns to a field of Class::def() is of the second kind if the garbage collector must
/// see through it: if the class of the object can refer to other Python objects.
template <class T>
struct Converter<std::shared_ptr<T>, std::enable_if_t<detail::is_bound<std::remove_const_t<T>>>> {
  static Object to_py(std::shared_ptr<T> value) { return detail::shared_to_python(std::move(value)); }
  static std::shared_ptr<T> from_py(Ref object) {
    return object.is_none() ? nullptr : std::shared_ptr<T>(detail::shared_from_python<std::remove_const_t<T>>(object));
  }
  static void visit(std::shared_ptr<T>& pointer, detail::Visitor& visitor) {
    if (visitor.settles())
      detail::own_python_object(pointer);
    else if (const auto* const owner = std::get_deleter<detail::PythonOwner>(pointer);
             owner && pointer.use_count() == 1)
      visitor.held(owner->object, pointer);
  }
  static detail::Fit fit(PyObject* object) noexcept {
    return detail::pointer_fit(object, detail::class_of<std::remove_const_t<T>>());
  }
};
/// Ownership moves. From Python: C++ becomes the owner, and later uses of the Python object raise ReferenceError.
template <class T>
struct Converter<std::unique_ptr<T>, std::enable_if_t<detail::is_bound<T>>> {
  static Object to_py(std::unique_ptr<T> value) { return detail::unique_to_python(std::move(value)); }
  static std::unique_ptr<T> from_py(Ref object) {
    return object.is_none() ? nullptr : detail::unique_from_python<T>(object);
  }
  static void visit(std::unique_ptr<T>& pointer, detail::Visitor& visitor) {
    if (pointer) visitor(*pointer);
  }
  static detail::Fit fit(PyObject* object) noexcept { return detail::pointer_fit(object, detail::class_of<T>()); }
};

}  // namespace v1
}  // namespace latepy
