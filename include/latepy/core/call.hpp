// latepy/core/call.hpp: calls of Python objects: named arguments (arg, "x"_a), unpacking (args, kwargs), call_with().
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/late_object.hpp>
#include <latepy/core/detail/vectorcall.hpp>
#include <latepy/core/detail/wrong_result.hpp>

namespace latepy {
inline namespace v1 {
/// A named argument: `arg("hours") = 2`, `"hours"_a = 2`.
class Arg {
 public:
  explicit Arg(const char* name) noexcept : Arg(name, std::strlen(name)) {}  ///< see arg()
  /// The name is not copied and must outlive the call. `length` is without the NUL at its end.
  LATEPY_FORCE_INLINE Arg(const char* name, std::size_t length) noexcept : name_{name, {name, length + 1}} {}
  LATEPY_EFFCXX_OFF  // gives an Arg and no reference: `const auto& kept = arg("hours") = 2` keeps it alive
  /// Converts the value; takes the GIL if the thread does not hold it. In a process with several interpreters the call
  /// converts it, in its own one. \throws ConversionError, PythonError.
  template <class T>
  LATEPY_FORCE_INLINE Arg operator=(T&& value) && {
    return {name_, detail::LateObject::of(std::forward<T>(value))};
  }
  LATEPY_EFFCXX_ON
  const char* name() const noexcept { return name_.text; }             ///< the name
  std::size_t length() const noexcept { return name_.key.size - 1; }   ///< the length of the name, without the NUL
  const detail::InternKey& key() const noexcept { return name_.key; }  ///< the name, as a key of the interned names
  const Object& value() const& { return value_.get(); }                ///< the value; empty if none was assigned
  Object value() && { return value_.get(); }                           ///< likewise
  detail::LateObject&& late_value() && noexcept { return std::move(value_); }  ///< the value, to be taken out
  const detail::LateObject& late_value() const& noexcept { return value_; }    ///< likewise, but keeps it

 private:
  LATEPY_FORCE_INLINE Arg(detail::ArgName name, detail::LateObject&& value) noexcept
      : name_(name), value_(std::move(value)) {}
  detail::ArgName name_;
  detail::LateObject value_{};
};

/// The name of an argument, for `= value`. It is not copied: a literal, or a text that outlives the call.
inline Arg arg(const char* name) noexcept { return Arg(name); }
inline namespace literals {
/// `"hours"_a` is `arg("hours")`.
LATEPY_FORCE_INLINE Arg operator""_a(const char* name, std::size_t length) noexcept { return Arg(name, length); }
}  // namespace literals

namespace detail {
/// The result of args() and kwargs().
struct Unpack {
  LateObject object;
  bool is_mapping;
};

[[noreturn]] LATEPY_COLD inline void throw_no_value(const char* name) {
  throw TypeError("argument \"" + std::string(name) + "\"_a has no value: write \"" + name + "\"_a = value");
}

/// An argument of any kind. Borrows the object of a Ref or Object; owns the object that it converted a value to.
class Argument {
 public:
  enum class Kind : unsigned char { positional, named, sequence, mapping };
  Argument() noexcept = default;
  template <class T, class = std::enable_if_t<!std::is_same_v<plain<T>, Argument>>>
  Argument(T&& value) {
    if constexpr (is_handle<T>) {
      object_ = value.checked();
    } else if constexpr (std::is_same_v<plain<T>, Arg>) {
      if (value.value().is_empty()) throw_no_value(value.name());
      name_ = value.name();
      kind_ = Kind::named;
      own(std::forward<T>(value).late_value().take());
    } else if constexpr (std::is_same_v<plain<T>, Unpack>) {
      kind_ = value.is_mapping ? Kind::mapping : Kind::sequence;
      own(std::forward<T>(value).object.take());
    } else {
      own(to_py(std::forward<T>(value)).release());
    }
  }
  Argument(const Argument&) = delete;
  Argument& operator=(const Argument&) = delete;
  ~Argument() {
    if (owned_) decref(object_);
  }
  PyObject* object() const noexcept { return object_; }
  const char* name() const noexcept { return name_; }
  Kind kind() const noexcept { return kind_; }

 private:
  void own(PyObject* object) noexcept {
    object_ = object;
    owned_ = true;
  }
  PyObject* object_ = nullptr;
  const char* name_ = nullptr;
  Kind kind_ = Kind::positional;
  bool owned_ = false;
};

/// CPython does not find this error: a dict keeps the last value, and vectorcall requires that names are unique.
[[noreturn]] LATEPY_COLD inline void throw_twice(PyObject* name) {
  throw TypeError("two values for the keyword argument '" + text_of(name) + "' in one call");
}

/// call_with() by a tuple and a dict: for args(), kwargs(), and positional arguments after named ones.
PyObject* call_unpacked(PyObject* callable, const Argument* arguments, std::size_t count);

/// An argument of a vectorcall: a positional or a named one. Borrows or owns as Argument does.
template <class T>
class DirectArgument {
 public:
  static constexpr bool is_named = std::is_same_v<plain<T>, Arg>;

  explicit DirectArgument(T&& value) {
    if constexpr (is_handle<T>) {
      object_ = value.checked();  // borrowed
    } else if constexpr (is_named) {
      if (value.value().is_empty()) throw_no_value(value.name());
      name_ = {value.name(), value.key()};
      object_ = std::forward<T>(value).late_value().take();
    } else {
      object_ = new_ref(std::forward<T>(value));
    }
  }
  DirectArgument(const DirectArgument&) = delete;
  DirectArgument& operator=(const DirectArgument&) = delete;
  LATEPY_FORCE_INLINE ~DirectArgument() {
    if constexpr (!is_handle<T>) decref(object_);
  }
  PyObject* object() const noexcept { return object_; }
  ArgName name() const noexcept { return name_; }

 private:
  PyObject* object_ = nullptr;
  ArgName name_{};
};

/// The names of a call's named arguments, as a tuple that is kept for later calls in InternedName::kwnames.
class CallNames {
 public:
  LATEPY_FORCE_INLINE CallNames(const ArgName* names, std::size_t count) {
    InternedName* const first = interned(names[0].key, names[0].text);
    if (LATEPY_LIKELY(first && first->kwcount == count && (count == 1 || are(first->kwnames, names, count))))
      incref(tuple_ = first->kwnames);
    else
      tuple_ = make(first, names, count);
  }
  CallNames(const CallNames&) = delete;
  CallNames& operator=(const CallNames&) = delete;
  ~CallNames() { decref(tuple_); }
  PyObject* tuple() const noexcept { return tuple_; }

 private:
  /// Whether the tuple has these names; the first one is not compared.
  static bool are(PyObject* tuple, const ArgName* names, std::size_t count);
  /// A new tuple; `first`, if not null, keeps it too. \throws TypeError for two equal names.
  static PyObject* make(InternedName* first, const ArgName* names, std::size_t count);
  PyObject* tuple_ = nullptr;
};

/// Whether no argument is of args() or kwargs() and no positional argument follows a named one.
template <class... A>
constexpr bool are_direct() {
  bool named = false, direct = true;
  [[maybe_unused]] const auto see = [&](bool is_named, bool is_unpacked) {
    direct = direct && !is_unpacked && (is_named || !named);
    named = named || is_named;
  };
  (see(std::is_same_v<plain<A>, Arg>, std::is_same_v<plain<A>, Unpack>), ...);
  return direct;
}

/// call_with() by vectorcall, for arguments of which are_direct() is true.
template <class... D>
PyObject* call_direct(PyObject* callable, PyObject* method, const D&... arguments) {
  constexpr std::size_t named = ((D::is_named ? 1 : 0) + ... + 0), positional = sizeof...(D) - named;
  PyObject* array[] = {nullptr, callable, arguments.object()...};
  const auto call = [&](PyObject* names) {
    return method ? vectorcall_method(method, array + 1, positional + 1, names)
                  : vectorcall(callable, array + 2, positional, names);
  };
  if constexpr (named == 0) {
    return call(nullptr);
  } else {
    const ArgName names[] = {arguments.name()...};
    const CallNames call_names(names + positional, named);
    return call(call_names.tuple());
  }
}

/// Every call of latepy goes through here. Calls `callable`, or its method with the name `method` if that is not null.
/// Returns a new reference, or null with the error set. Needs the GIL. \throws errors of converting the arguments.
template <class... A>
LATEPY_FORCE_INLINE PyObject* call_with(PyObject* callable, PyObject* method, A&&... arguments) {
  if constexpr (are_direct<A...>()) {
    return call_direct(callable, method, DirectArgument<A>(std::forward<A>(arguments))...);
  } else {
    const Argument list[] = {Argument(std::forward<A>(arguments))...};
    if (!method) return call_unpacked(callable, list, sizeof...(A));
    const Object bound = Object::steal(api().Object_GetAttr(callable, method));
    return bound.is_empty() ? nullptr : call_unpacked(bound.ptr(), list, sizeof...(A));
  }
}

}  // namespace detail

/// Unpacks an iterable into positional arguments: Python's `f(*sequence)`. Takes the GIL.
template <class T>
detail::Unpack args(T&& sequence) {
  return {detail::LateObject::of(std::forward<T>(sequence)), false};
}
/// Unpacks a mapping into named arguments: Python's `f(**mapping)`. Takes the GIL.
template <class T>
detail::Unpack kwargs(T&& mapping) {
  return {detail::LateObject::of(std::forward<T>(mapping)), true};
}

template <class... A>
LATEPY_FORCE_INLINE Object Ref::operator()(A&&... arguments) const {
  return detail::steal_or_throw(detail::call_with(checked(), nullptr, std::forward<A>(arguments)...));
}
template <class T, class... A>
T Ref::call(A&&... arguments) const {
  const detail::Callee<T> callee(checked());
  return detail::result_into_cpp<T>(
      detail::throw_if_null(detail::call_with(callee.get(), nullptr, std::forward<A>(arguments)...)), callee.get());
}
template <class... A>
Object Ref::call_method(const detail::AttrName& name, A&&... arguments) const {
  return detail::steal_or_throw(detail::call_with(checked(), name.ptr(), std::forward<A>(arguments)...));
}

#if LATEPY_DEFINITIONS
namespace detail {
LATEPY_FUNC LATEPY_COLD PyObject* call_unpacked(PyObject* callable, const Argument* arguments, std::size_t count) {
  const Api& a = api();
  const Object list = steal_or_throw(a.List_New(0)), dict = steal_or_throw(a.Dict_New());
  const auto add = [&](PyObject* key, PyObject* value) {
    PyObject* present = a.Dict_GetItemWithError(dict.ptr(), key);
    if (!present && a.Err_Occurred()) throw_python_error();
    if (present) throw_twice(key);
    check_result(a.Dict_SetItem(dict.ptr(), key, value));
  };
  for (const Argument* each = arguments; each != arguments + count; ++each) {
    switch (each->kind()) {
      case Argument::Kind::positional:
        check_result(a.List_Append(list.ptr(), each->object()));
        break;
      case Argument::Kind::named:
        add(AttrName(each->name()).ptr(), each->object());
        break;
      case Argument::Kind::sequence: {
        const Object items = steal_or_throw(a.Sequence_Tuple(each->object()));
        for (ssize i = 0; i < a.Tuple_Size(items.ptr()); ++i)
          check_result(a.List_Append(list.ptr(), a.Tuple_GetItem(items.ptr(), i)));
        break;
      }
      case Argument::Kind::mapping: {
        const Object items = steal_or_throw(a.Dict_New());
        check_result(a.Dict_Merge(items.ptr(), each->object(), 1));
        ssize at = 0;
        PyObject *key = nullptr, *value = nullptr;
        while (a.Dict_Next(items.ptr(), &at, &key, &value)) add(key, value);
        break;
      }
    }
  }
  const Object tuple = steal_or_throw(a.Sequence_Tuple(list.ptr()));
  return a.Object_Call(callable, tuple.ptr(), dict.ptr());
}

LATEPY_FUNC bool CallNames::are(PyObject* tuple, const ArgName* names, std::size_t count) {
  for (std::size_t i = 1; i < count; ++i) {
    const InternedName* const known = interned(names[i].key, names[i].text);
    if (!known || api().Tuple_GetItem(tuple, static_cast<ssize>(i)) != known->str) return false;
  }
  return true;
}

LATEPY_FUNC LATEPY_COLD PyObject* CallNames::make(InternedName* first, const ArgName* names, std::size_t count) {
  Object tuple = steal_or_throw(api().Tuple_New(static_cast<ssize>(count)));
  for (std::size_t i = 0; i < count; ++i) {
    PyObject* const name = throw_if_null(api().Unicode_InternFromString(names[i].text));
    check_result(api().Tuple_SetItem(tuple.ptr(), static_cast<ssize>(i), name));
    for (std::size_t earlier = 0; earlier < i; ++earlier)
      if (api().Tuple_GetItem(tuple.ptr(), static_cast<ssize>(earlier)) == name) throw_twice(name);
  }
  if (first && !library_state.free_threaded) {
    const OwnedRef before(std::exchange(first->kwnames, Object(tuple).release()));
    first->kwcount = count;
  }
  return tuple.release();
}
}  // namespace detail
#endif
}  // namespace v1
}  // namespace latepy
