// latepy/core/proxy.hpp: Proxy, the attribute or item that attr() and [] name, to read, call, assign or delete.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/given_globals.hpp>
#include <latepy/core/detail/kept_proxy.hpp>
#include <latepy/core/detail/lookup_error.hpp>
#include <latepy/core/result.hpp>

namespace latepy {
inline namespace v1 {
/// An attribute or item that is named but not read yet: `o.attr("x")`, `o["k"]`. Read it (as(), conversion to Object),
/// call, assign or delete it in the same expression. To keep the value write `py::Object x = o.attr("x");`.
/// The members look the attribute or item up, and throw what Python raises: AttributeError, KeyError, IndexError …
/// Then they do what Ref's member of that name does. They need the GIL; those of Scope::operator[]'s Proxy take it.
class Proxy {
 public:
  Proxy(const Proxy&) = delete;
  LATEPY_FORCE_INLINE ~Proxy() {}  // inlined also where an exception passes, so that a Proxy can stay in registers

  /// Reads the attribute or item.
  operator Object() && { return get(); }
  /// Reads and converts it. \throws ConversionError, also if T is or has a pointer or reference to a C++ object that
  /// ends with the value; PythonError.
  template <class T>
  LATEPY_FORCE_INLINE T as() && {
    if constexpr (std::is_reference_v<T>) {  // the base lives to the end of the statement, and what it owns with it
      const GilGuard::Maybe held(takes_gil_, base_);
      return detail::into_cpp<T>(fetch_from(base_.checked()));
    } else {
      if (LATEPY_LIKELY(!takes_gil_)) return detail::into_cpp<T>(fetch());
      const GilGuard gil(base_);
      return detail::into_cpp<T>(fetch());
    }
  }
  /// As as(), but gives std::nullopt instead of throwing ConversionError. A failed look-up is thrown.
  template <class T>
  std::optional<T> try_as() && {
    static_assert(!detail::borrows<T>, "this type points into the object: keep it in an Object first");
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().template try_as<T>();
  }
  /// Whether as<T>() would succeed. A failed look-up is thrown.
  template <class T>
  bool is() && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().template is<T>();
  }
  /// Whether the value is None.
  bool is_none() && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().is_none();
  }
  /// Python's truth value of the value.
  explicit operator bool() && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return static_cast<bool>(get());
  }

  /// Reads the value and names an attribute of it: `o.attr("x").attr("y")`.
  Proxy attr(const detail::StringArg& name) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return Proxy(Kind::attribute, get(), detail::AttrName(name), takes_gil_);
  }
  /// Reads the value and names an item of it: `o.attr("x")["k"]`.
  template <class Key>
  Proxy operator[](const Key& key) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return Proxy(Kind::item, get(), to_py(key), takes_gil_);
  }
  /// Whether the value has the attribute.
  bool has_attr(const detail::StringArg& name) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().has_attr(name);
  }
  /// The attribute of the value, or `otherwise` if there is none.
  template <class T>
  Object get_attr(const detail::StringArg& name, T&& otherwise) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().get_attr(name, std::forward<T>(otherwise));
  }
  /// The item of the value, or `otherwise` if there is none.
  template <class Key, class T>
  Object get_item(const Key& key, T&& otherwise) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().get_item(key, std::forward<T>(otherwise));
  }
  /// Python's `item in value`.
  template <class T>
  bool contains(T&& item) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().contains(std::forward<T>(item));
  }
  /// Python's `value is other`.
  bool same(const Ref& other) && { return get().same(other); }
  /// Calls the value, with arguments as for Ref::operator()(). For an attribute no bound method is made.
  template <class... A>
  LATEPY_FORCE_INLINE Object operator()(A&&... arguments) && {
    return std::move(*this).template call<Object>(std::forward<A>(arguments)...);
  }
  /// Calls the value and converts the result to T, which may be void.
  template <class T, class... A>
  LATEPY_FORCE_INLINE T call(A&&... arguments) && {
    if (LATEPY_LIKELY(!takes_gil_)) return call_at_once<T>(std::forward<A>(arguments)...);
    const GilGuard gil(base_);
    return call_at_once<T>(std::forward<A>(arguments)...);
  }
  /// Calls a method of the value.
  template <class... A>
  Object call_method(const detail::StringArg& name, A&&... arguments) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().call_method(name, std::forward<A>(arguments)...);
  }
  /// As call(), but gives an exception of the call as a value. A failed look-up is thrown.
  template <class T = Object, class... A>
  Result<T> try_call(A&&... arguments) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return get().template try_call<T>(std::forward<A>(arguments)...);
  }
  /// Makes a C++ callable an attribute or item of the value; see Ref::def().
  /// \returns the value, for further calls of def().
  template <class OverloadedNeedsStaticCast, class... X>
  Object def(const std::string& name, OverloadedNeedsStaticCast&& callable, X&&... extras) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    Object place = get();
    place.def(name, std::forward<OverloadedNeedsStaticCast>(callable), std::forward<X>(extras)...);
    return place;
  }

  LATEPY_EFFCXX_OFF  // an assignment uses the Proxy up: there is nothing to return
  /// Converts a C++ value, or takes an Object, and sets the attribute or item.
  template <class T, class = std::enable_if_t<!detail::is_proxy<T>>>
  LATEPY_FORCE_INLINE void operator=(T&& value) && {
    if (LATEPY_LIKELY(!takes_gil_)) return set(std::forward<T>(value), false);
    const GilGuard gil(base_);
    set(std::forward<T>(value), true);
  }
  /// `a["x"] = b["y"]` reads the value of the right side and sets the left side.
  void operator=(Proxy&& other) && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    set_in(detail::OwnedRef(take_base()).get(), other.get().checked(), takes_gil_);
  }
  LATEPY_EFFCXX_ON
  /// Defines one in-place operator; undefined below.
#define LATEPY_IN_PLACE(SYMBOL)                            \
  template <class T>                                       \
  void operator SYMBOL##=(T&& value)&& {                   \
    const GilGuard::Maybe gil(takes_gil_, base_);          \
    const detail::OwnedRef base(take_base());              \
    Object object = Object::steal(fetch_from(base.get())); \
    object SYMBOL## = std::forward<T>(value);              \
    set_in(base.get(), object.ptr(), takes_gil_);          \
  }
  ///@{
  /// Python's operator of this name: reads the value, applies the operator, sets the attribute or item to the result.
  LATEPY_IN_PLACE(+)
  LATEPY_IN_PLACE(-)
  LATEPY_IN_PLACE(*)
  LATEPY_IN_PLACE(/)
  LATEPY_IN_PLACE(%)
  LATEPY_IN_PLACE(<<)
  LATEPY_IN_PLACE(>>)
  LATEPY_IN_PLACE(&)
  LATEPY_IN_PLACE(|)
  LATEPY_IN_PLACE(^)
  ///@}
#undef LATEPY_IN_PLACE
  /// Deletes the attribute or item, as Python's `del` does.
  void del() && {
    const GilGuard::Maybe gil(takes_gil_, base_);
    set_in(detail::OwnedRef(take_base()).get(), nullptr, takes_gil_);
  }

  /// as(), call() and others of a Proxy in a variable do not compile, and say why.
  LATEPY_KEPT_PROXY_MEMBERS()
  /// For `for (py::Object item : o.attr("items"))`: Python's iteration over the value.
  Iterator begin() const;
  std::nullptr_t end() const noexcept { return nullptr; }  ///< the end of each iteration

 private:
  friend class Ref;
  friend class Object;
  friend class Scope;
  enum class Kind : unsigned char { attribute, item };
  LATEPY_FORCE_INLINE Proxy(Kind kind, const Ref& base, detail::AttrName&& key, bool takes_gil = false)
      : base_(base), key_(std::move(key)), kind_(kind), takes_gil_(takes_gil) {}
  Proxy(Kind kind, Object&& base, detail::AttrName&& key, bool takes_gil = false) noexcept
      : base_(std::move(base)), key_(std::move(key)), kind_(kind), takes_gil_(takes_gil) {}
  Proxy(Proxy&&) = default;

  /// Gives the object whose attribute or item this is, as an owned reference, after the checks of a use. Leaves the
  /// Proxy empty, so that its destructor has nothing to do. It may be called once.
  LATEPY_FORCE_INLINE PyObject* take_base() {
    base_.checked();
    return base_.release();
  }
  /// Looks the attribute or item up in `base`. Gives a new reference.
  LATEPY_FORCE_INLINE PyObject* fetch_from(PyObject* base) const {
    const detail::Api& api = detail::api();
    PyObject* const found =
        kind_ == Kind::attribute ? api.Object_GetAttr(base, key_.ptr()) : api.Object_GetItem(base, key_.ptr());
    if (LATEPY_UNLIKELY(!found)) {
      if (takes_gil_) detail::hint_at_builtin(base, key_.ptr());
      detail::throw_python_error();
    }
    return found;
  }
  /// As fetch_from(), with the base of the Proxy.
  LATEPY_FORCE_INLINE PyObject* fetch() { return fetch_from(detail::OwnedRef(take_base()).get()); }
  Object get() {
    const GilGuard::Maybe gil(takes_gil_, base_);
    return Object::steal(fetch());
  }
  /// Calls an attribute as a method of the base, or an item, and converts the result.
  template <class T, class... A>
  LATEPY_FORCE_INLINE T call_at_once(A&&... arguments) {
    const bool is_method = kind_ == Kind::attribute;
    const detail::OwnedRef callable(is_method ? take_base() : fetch());
    PyObject* const method = is_method ? key_.ptr() : nullptr;
    return detail::result_into_cpp<T>(
        detail::throw_if_null(detail::call_with(callable.get(), method, std::forward<A>(arguments)...)), callable.get(),
        method);
  }
  template <class T>
  LATEPY_FORCE_INLINE void set(T&& value, bool may_be_global) {
    const detail::OwnedRef base(take_base());
    if constexpr (detail::is_handle<T>)
      set_in(base.get(), value.checked(), may_be_global);
    else
      set_in(base.get(), detail::OwnedRef(detail::new_ref(std::forward<T>(value))).get(), may_be_global);
  }
  /// \param value null to delete. \param may_be_global the Proxy may be that of an Interpreter's [].
  LATEPY_FORCE_INLINE void set_in(PyObject* base, PyObject* value, bool may_be_global) const {
    const detail::Api& api = detail::api();
    detail::check_result(kind_ == Kind::attribute ? api.Object_SetAttr(base, key_.ptr(), value)
                         : value                  ? api.Object_SetItem(base, key_.ptr(), value)
                                                  : api.Object_DelItem(base, key_.ptr()));
    if (may_be_global && LATEPY_UNLIKELY(detail::notes_globals)) detail::note_global(base, key_.ptr(), value);
  }

  Object base_;
  detail::AttrName key_;  // the name of the attribute, or the key of the item, which may be any object
  Kind kind_;
  bool takes_gil_;  // whether this is the Proxy of an Interpreter's [], or was made from such a Proxy
};

LATEPY_FORCE_INLINE Proxy Ref::attr(detail::AttrName name) const& {
  return Proxy(Proxy::Kind::attribute, *this, std::move(name));
}
inline Proxy Object::attr(detail::AttrName name) && {
  return Proxy(Proxy::Kind::attribute, std::move(*this), std::move(name));
}
namespace detail {
/// The key of an item, as the name that a Proxy keeps.
template <class Key>
LATEPY_FORCE_INLINE AttrName item_key(const Key& key) {
  if constexpr (std::is_array_v<Key> && std::is_same_v<std::remove_extent_t<Key>, char>)
    return AttrName(key);
  else
    return AttrName(to_py(key));
}
}  // namespace detail
/// The item with this key, which an assignment sets: Python's `object[key]`.
template <class Key>
Proxy Ref::operator[](const Key& key) const& {
  return Proxy(Proxy::Kind::item, *this, detail::item_key(key));
}
/// The item of a temporary, which the Proxy keeps.
template <class Key>
Proxy Object::operator[](const Key& key) && {
  return Proxy(Proxy::Kind::item, std::move(*this), detail::item_key(key));
}

inline bool Ref::has_attr(const detail::AttrName& name) const {
  PyObject* value = nullptr;
  detail::check_result(detail::api().Object_GetOptionalAttr(checked(), name.ptr(), &value));
  return !Object::steal(value).is_empty();
}
template <class T>
Object Ref::get_attr(const detail::AttrName& name, T&& otherwise) const {
  PyObject* value = nullptr;
  detail::check_result(detail::api().Object_GetOptionalAttr(checked(), name.ptr(), &value));
  return value ? Object::steal(value) : to_py(std::forward<T>(otherwise));
}
template <class Key, class T>
Object Ref::get_item(const Key& key, T&& otherwise) const {
  const detail::Argument name(key);
  PyObject* const found = detail::api().Object_GetItem(checked(), name.object());
  if (found) return Object::steal(found);
  detail::clear_lookup_error();
  return to_py(std::forward<T>(otherwise));
}
template <class T>
bool Ref::contains(T&& item) const {
  const detail::Argument value(std::forward<T>(item));
  return detail::check_result(detail::api().Sequence_Contains(checked(), value.object())) != 0;
}

}  // namespace v1
}  // namespace latepy
