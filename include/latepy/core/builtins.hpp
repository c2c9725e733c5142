// latepy/core/builtins.hpp: Python's built-in functions and types, with the names that they have in Python.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/object.hpp>

namespace latepy {
inline namespace v1 {

// Each function needs the GIL, takes Python objects and values that to_py() converts, and throws what Python raises.

/// Python's None.
inline Object none() {
  detail::check_running();
  return detail::none();
}
/// str(object) as UTF-8. An int may have up to sys.get_int_max_str_digits() digits (4300 by default).
inline std::string str(const detail::Value& object) {
  return detail::steal_or_throw(detail::api().Object_Str(object.ptr())).as<std::string>();
}
/// repr(object) as UTF-8.
inline std::string repr(const detail::Value& object) {
  return detail::steal_or_throw(detail::api().Object_Repr(object.ptr())).as<std::string>();
}
/// len(object).
inline std::size_t len(const detail::Value& object) {
  return static_cast<std::size_t>(detail::check_result(detail::api().Object_Size(object.ptr())));
}
/// hash(object). \throws TypeError if it is unhashable.
inline std::ptrdiff_t hash(const detail::Value& object) {
  return detail::check_result(detail::api().Object_Hash(object.ptr()));
}
/// type(object), its class.
inline Object type(const detail::Value& object) {
  return detail::steal_or_throw(detail::api().Object_Type(object.ptr()));
}
/// Whether the object can be called.
inline bool callable(const detail::Value& object) { return detail::api().Callable_Check(object.ptr()) != 0; }
/// isinstance(object, type), where type may be a tuple of types.
inline bool isinstance(const detail::Value& object, const Ref& type) {
  return detail::check_result(detail::api().Object_IsInstance(object.ptr(), type.checked())) != 0;
}
/// issubclass(derived, base), where base may be a tuple of types.
inline bool issubclass(const Ref& derived, const Ref& base) {
  return detail::check_result(detail::api().Object_IsSubclass(derived.checked(), base.checked())) != 0;
}
/// dir(object): a list of the names of its attributes, sorted.
inline Object dir(const Ref& object) { return detail::steal_or_throw(detail::api().Object_Dir(object.checked())); }
/// iter(object). \throws TypeError if it cannot be iterated.
inline Object iter(const detail::Value& object) {
  return detail::steal_or_throw(detail::api().Object_GetIter(object.ptr()));
}

/// Python's int(digits), for numbers that no C++ integer can hold. There may be up to sys.get_int_max_str_digits()
/// digits (4300 by default).
inline Object integer(const std::string& digits) {
  detail::check_running();
  return Object::borrow(detail::as_object(detail::api().Long_Type))(digits);
}

/// a // b.
inline Object floor_div(const detail::Value& a, const detail::Value& b) {
  return detail::steal_or_throw(detail::api().Number_FloorDivide(a.ptr(), b.ptr()));
}
/// base ** exponent.
inline Object pow(const detail::Value& base, const detail::Value& exponent) {
  return detail::steal_or_throw(detail::api().Number_Power(base.ptr(), exponent.ptr(), detail::api().NoneStruct));
}
/// pow(base, exponent, modulus). The whole power is never computed.
inline Object pow(const detail::Value& base, const detail::Value& exponent, const detail::Value& modulus) {
  return detail::steal_or_throw(detail::api().Number_Power(base.ptr(), exponent.ptr(), modulus.ptr()));
}
/// a @ b.
inline Object matmul(const detail::Value& a, const detail::Value& b) {
  return detail::steal_or_throw(detail::api().Number_MatrixMultiply(a.ptr(), b.ptr()));
}
/// divmod(a, b): the tuple (a // b, a % b).
inline Object divmod(const detail::Value& a, const detail::Value& b) {
  return detail::steal_or_throw(detail::api().Number_Divmod(a.ptr(), b.ptr()));
}
/// abs(value).
inline Object abs(const Ref& value) { return detail::steal_or_throw(detail::api().Number_Absolute(value.checked())); }

/// Python's slice(first, last, step): `object[slice(first, last)]`, `object[slice(nullptr, nullptr, -1)]`. nullptr is
/// None.
inline Object slice(const detail::Value& first, const detail::Value& last, const detail::Value& step = nullptr) {
  return detail::steal_or_throw(detail::api().Slice_New(first.ptr(), last.ptr(), step.ptr()));
}

/// A list of the values. `list()` is empty; `list_of(iterable)` is Python's list(iterable).
template <class... T>
Object list(T&&... items) {
  detail::check_running();
  Object made = detail::steal_or_throw(detail::api().List_New(sizeof...(T)));
  [[maybe_unused]] detail::ssize at = 0;
  (detail::check_result(detail::api().List_SetItem(made.ptr(), at++, to_py(std::forward<T>(items)).release())), ...);
  return made;
}
/// list(iterable).
inline Object list_of(const detail::Value& iterable) {
  return detail::steal_or_throw(detail::api().Sequence_List(iterable.ptr()));
}

/// A tuple of the values. `tuple()` is empty; `tuple_of(iterable)` is Python's tuple(iterable).
template <class... T>
Object tuple(T&&... items) {
  detail::check_running();
  Object made = detail::steal_or_throw(detail::api().Tuple_New(sizeof...(T)));
  [[maybe_unused]] detail::ssize at = 0;
  (detail::check_result(detail::api().Tuple_SetItem(made.ptr(), at++, to_py(std::forward<T>(items)).release())), ...);
  return made;
}
/// tuple(iterable).
inline Object tuple_of(const detail::Value& iterable) {
  return detail::steal_or_throw(detail::api().Sequence_Tuple(iterable.ptr()));
}

/// A set of the values.
template <class... T>
Object set(T&&... items) {
  detail::check_running();
  Object made = detail::steal_or_throw(detail::api().Set_New(nullptr));
  (detail::check_result(detail::api().Set_Add(made.ptr(), to_py(std::forward<T>(items)).ptr())), ...);
  return made;
}

/// A dict of named values: `dict("a"_a = 1, "b"_a = 2)`.
template <class... A>
Object dict(A&&... items) {
  static_assert((std::is_same_v<detail::plain<A>, Arg> && ...), "dict() takes \"name\"_a = value");
  detail::check_running();
  Object made = detail::steal_or_throw(detail::api().Dict_New());
  [[maybe_unused]] const auto add = [&](const detail::Argument& item) {
    detail::check_result(detail::api().Dict_SetItemString(made.ptr(), item.name(), item.object()));
  };
  (add(detail::Argument(std::forward<A>(items))), ...);
  return made;
}

namespace detail {
/// The result of items(): a list of the items of a mapping, which gives each of them as a std::pair.
class Items {
 public:
  explicit Items(const Ref& mapping) : items_(steal_or_throw(api().Mapping_Items(mapping.checked()))) {}
  class iterator {
   public:
    iterator(const Object& items, ssize at) noexcept : items_(items.ptr()), at_(at) {}
    std::pair<Object, Object> operator*() const {
      PyObject* pair = throw_if_null(api().List_GetItem(items_, at_));
      return {Object::borrow(throw_if_null(api().Tuple_GetItem(pair, 0))),
              Object::borrow(throw_if_null(api().Tuple_GetItem(pair, 1)))};
    }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    bool operator!=(const iterator& other) const noexcept { return at_ != other.at_; }

   private:
    PyObject* items_;
    ssize at_;
  };
  iterator begin() const noexcept { return {items_, 0}; }
  iterator end() const { return {items_, check_result(api().List_Size(items_.ptr()))}; }

 private:
  Object items_;
};
}  // namespace detail

/// A copy of the items of a mapping, for loops: `for (auto [key, value] : items(dict))`.
inline detail::Items items(const Ref& mapping) { return detail::Items(mapping); }

}  // namespace v1
}  // namespace latepy
