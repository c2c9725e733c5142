// latepy/host/detail/class/bound.hpp: which classes are bound, and their converters.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/from_python.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

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
      return shared_to_python(std::make_shared<T>(std::forward<U>(value)));
    else
      return unique_to_python(std::make_unique<T>(std::forward<U>(value)), true);
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
  static Object to_py(T* value) { return detail::reference_to_python(value); }
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
  static Object to_py(std::shared_ptr<T> value) { return detail::shared_to_python(std::move(value)); }
  static std::shared_ptr<T> from_py(Ref object) {
    return object.is_none() ? nullptr : std::shared_ptr<T>(detail::shared_from_python<std::remove_const_t<T>>(object));
  }
};
/// The only owner. From Python it takes the object away, which raises ReferenceError there from then on.
template <class T>
struct Converter<std::unique_ptr<T>, std::enable_if_t<detail::is_bound<T>>> {
  static Object to_py(std::unique_ptr<T> value) { return detail::unique_to_python(std::move(value)); }
  static std::unique_ptr<T> from_py(Ref object) {
    return object.is_none() ? nullptr : detail::unique_from_python<T>(object);
  }
};

}  // namespace v1
}  // namespace latepy
