// latepy/core/call.hpp: calls: arg and "x"_a, args and kwargs, and the one path that every call takes.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/convert.hpp>

namespace latepy {
inline namespace v1 {

/// An argument by name: `arg("hours") = 2`, `"hours"_a = 2`.
class Arg {
 public:
  explicit Arg(const char* name) noexcept : name_(name) {}
  template <class T>
  Arg operator=(T&& value) && {
    const GilGuard gil;
    Arg named(name_);
    named.value_ = to_py(std::forward<T>(value));
    return named;
  }
  const char* name() const noexcept { return name_; }
  const Object& value() const& noexcept { return value_; }
  Object value() && noexcept { return std::move(value_); }

 private:
  const char* name_;
  Object value_;
};

/// The name of an argument, for `= value`. It is not copied: a literal, or a text that outlives the call.
inline Arg arg(const char* name) noexcept { return Arg(name); }

inline namespace literals {
/// `"hours"_a` is `arg("hours")`.
inline Arg operator""_a(const char* name, std::size_t) noexcept { return Arg(name); }
}  // namespace literals

namespace detail {

/// What args() and kwargs() give.
struct Unpack {
  Object object;
  bool is_mapping;
};

/// One argument of a call: borrowed where the caller holds an Object, owned where a value was converted.
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
      own(Object(std::forward<T>(value).value()));
    } else if constexpr (std::is_same_v<plain<T>, Unpack>) {
      kind_ = value.is_mapping ? Kind::mapping : Kind::sequence;
      own(Object(std::forward<T>(value).object));
    } else {
      own(to_py(std::forward<T>(value)));
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
  void own(Object&& object) noexcept {
    object_ = object.release();
    owned_ = true;
  }
  [[noreturn]] LATEPY_COLD static void throw_no_value(const char* name) {
    throw TypeError("argument \"" + std::string(name) + "\"_a has no value: write \"" + name + "\"_a = value");
  }

  PyObject* object_ = nullptr;
  const char* name_ = nullptr;
  Kind kind_ = Kind::positional;
  bool owned_ = false;
};

/// Calls with an array in CPython's vectorcall form; `before` more arguments stand in front of it.
inline PyObject* vectorcall(PyObject* callable, PyObject** arguments, std::size_t count, PyObject* names) {
  const Api& a = api();
  if (LATEPY_LIKELY(a.Object_Vectorcall != nullptr))
    return a.Object_Vectorcall(callable, arguments, count | vectorcall_offset, names);
  if (!names) return a.Object_VectorcallDict(callable, arguments, count | vectorcall_offset, nullptr);
  const Object dict = detail::own(a.Dict_New());  // 3.9 and 3.10 export the call with a dict only
  const ssize named = a.Tuple_Size(names);
  for (ssize i = 0; i < named; ++i)
    check_result(a.Dict_SetItem(dict.ptr(), a.Tuple_GetItem(names, i), arguments[count + static_cast<std::size_t>(i)]));
  return a.Object_VectorcallDict(callable, arguments, count | vectorcall_offset, dict.ptr());
}

/// Python's own calls would let the last one win, or the behaviour be undefined (vectorcall wants unique names).
[[noreturn]] LATEPY_COLD inline void throw_twice(PyObject* name) {
  throw TypeError("two values for the keyword argument '" + text_of(name) + "' in one call");
}

/// The call with args() or kwargs() among the arguments: by tuple and dict.
LATEPY_COLD inline PyObject* call_unpacked(PyObject* callable, const Argument* arguments, std::size_t count) {
  const Api& a = api();
  const Object list = own(a.List_New(0)), dict = own(a.Dict_New());
  const auto add = [&](PyObject* key, PyObject* value) {
    PyObject* present = a.Dict_GetItemWithError(dict.ptr(), key);
    if (!present && a.Err_Occurred()) throw_python_error();
    if (present) throw_twice(key);
    check_result(a.Dict_SetItem(dict.ptr(), key, value));
  };
  for (const Argument* each = arguments; each != arguments + count; ++each) {
    switch (each->kind()) {
      case Argument::Kind::positional: check_result(a.List_Append(list.ptr(), each->object())); break;
      case Argument::Kind::named: add(Name(each->name()).ptr(), each->object()); break;
      case Argument::Kind::sequence: {
        const Object items = own(a.Sequence_Tuple(each->object()));
        for (ssize i = 0; i < a.Tuple_Size(items.ptr()); ++i)
          check_result(a.List_Append(list.ptr(), a.Tuple_GetItem(items.ptr(), i)));
        break;
      }
      case Argument::Kind::mapping: {
        const Object items = own(a.Dict_New());
        check_result(a.Dict_Merge(items.ptr(), each->object(), 1));
        ssize at = 0;
        PyObject *key = nullptr, *value = nullptr;
        while (a.Dict_Next(items.ptr(), &at, &key, &value)) add(key, value);
        break;
      }
    }
  }
  const Object tuple = own(a.Sequence_Tuple(list.ptr()));
  return a.Object_Call(callable, tuple.ptr(), dict.ptr());
}

/// The one call path. `callable` is called with the arguments; where `method` is given it is the name of a method of
/// `callable`, which is called without being bound. Returns a new reference, or null with the error set.
inline PyObject* call(PyObject* callable, PyObject* method, const Argument* arguments, std::size_t count) {
  constexpr std::size_t room = 10;  // a free slot, the object of a method, eight arguments
  PyObject* on_stack[room];
  std::vector<PyObject*> on_heap;
  PyObject** array = on_stack;
  if (LATEPY_UNLIKELY(count + 2 > room)) {
    on_heap.resize(count + 2);
    array = on_heap.data();
  }
  std::size_t at = 1, named = 0;
  if (method) array[at++] = callable;
  for (const Argument* each = arguments; each != arguments + count; ++each) {
    if (each->kind() == Argument::Kind::positional && named == 0) {
      array[at++] = each->object();
    } else if (each->kind() == Argument::Kind::named) {
      array[at + named++] = each->object();
    } else {  // unpacked, or a positional argument after a named one
      if (!method) return call_unpacked(callable, arguments, count);
      const Object bound = Object::steal(api().Object_GetAttr(callable, method));
      return bound.is_empty() ? nullptr : call_unpacked(bound.ptr(), arguments, count);
    }
  }
  Object names;
  if (named != 0) {
    names = own(api().Tuple_New(static_cast<ssize>(named)));
    ssize i = 0;
    for (const Argument* each = arguments; each != arguments + count; ++each) {
      if (!each->name()) continue;
      PyObject* const name = check(api().Unicode_InternFromString(each->name()));
      check_result(api().Tuple_SetItem(names.ptr(), i, name));
      for (ssize earlier = 0; earlier < i; ++earlier)
        if (api().Tuple_GetItem(names.ptr(), earlier) == name) throw_twice(name);
      ++i;
    }
  }
  if (!method) return vectorcall(callable, array + 1, at - 1, names.ptr());
  return api().Object_VectorcallMethod(method, array + 1, (at - 1) | vectorcall_offset, names.ptr());
}

template <class... A>
PyObject* call_with(PyObject* callable, PyObject* method, A&&... arguments) {
  if constexpr (sizeof...(A) == 0) {
    return call(callable, method, nullptr, 0);
  } else {
    const Argument list[] = {Argument(std::forward<A>(arguments))...};
    return call(callable, method, list, sizeof...(A));
  }
}

/// A call's result as T; void drops it.
template <class T>
T convert_result(Object&& result) {
  if constexpr (std::is_same_v<T, Object>)
    return std::move(result);
  else
    return std::move(result).template as<T>();
}

}  // namespace detail

/// Unpacks a sequence into positional arguments: Python's `f(*sequence)`.
template <class T>
detail::Unpack args(T&& sequence) {
  const GilGuard gil;
  return {to_py(std::forward<T>(sequence)), false};
}
/// Unpacks a mapping into named arguments: Python's `f(**mapping)`.
template <class T>
detail::Unpack kwargs(T&& mapping) {
  const GilGuard gil;
  return {to_py(std::forward<T>(mapping)), true};
}

template <class... A>
Object Ref::operator()(A&&... arguments) const {
  return detail::own(detail::call_with(checked(), nullptr, std::forward<A>(arguments)...));
}
template <class T, class... A>
T Ref::call(A&&... arguments) const {
  return detail::convert_result<T>((*this)(std::forward<A>(arguments)...));
}
template <class... A>
Object Ref::call_method(const detail::Name& name, A&&... arguments) const {
  return detail::own(detail::call_with(checked(), name.ptr(), std::forward<A>(arguments)...));
}

}  // namespace v1
}  // namespace latepy
