// latepy/core/proxy.hpp: Proxy, what attr() and [] give.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/result.hpp>

namespace latepy {
inline namespace v1 {

/// An attribute or item that was named and not yet read: `o.attr("x")`, `o["k"]`. Read it (`as`, conversion to Object),
/// call, assign or delete it in the same expression; to keep the value write `py::Object x = o.attr("x");`.
/// Members throw what the access throws: AttributeError, KeyError, IndexError …
class Proxy {
 public:
  Proxy(const Proxy&) = delete;
  LATEPY_FORCE_INLINE ~Proxy() {}  // also where an exception passes, so that a Proxy needs no memory

  operator Object() && { return get(); }
  template <class T>
  LATEPY_FORCE_INLINE T as() && {
    if (LATEPY_LIKELY(!takes_gil_)) return detail::into_cpp<T>(fetch());
    const GilGuard gil;
    return detail::into_cpp<T>(fetch());
  }
  template <class T>
  std::optional<T> try_as() && {
    static_assert(!detail::borrows<T>, "this type points into the object: keep it in an Object first");
    const GilGuard::Maybe gil(takes_gil_);
    return get().template try_as<T>();
  }
  template <class T>
  bool is() && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().template is<T>();
  }
  bool is_none() && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().is_none();
  }
  explicit operator bool() && {
    const GilGuard::Maybe gil(takes_gil_);
    return static_cast<bool>(get());
  }

  Proxy attr(const detail::StringArg& name) && {
    const GilGuard::Maybe gil(takes_gil_);
    return Proxy(Kind::attribute, get(), detail::AttrName(name), takes_gil_);
  }
  template <class Key>
  Proxy operator[](const Key& key) && {
    const GilGuard::Maybe gil(takes_gil_);
    return Proxy(Kind::item, get(), to_py(key), takes_gil_);
  }
  bool has_attr(const detail::StringArg& name) && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().has_attr(name);
  }
  template <class T>
  Object get_attr(const detail::StringArg& name, T&& otherwise) && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().get_attr(name, std::forward<T>(otherwise));
  }
  template <class T>
  bool contains(T&& item) && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().contains(std::forward<T>(item));
  }
  bool same(const Ref& other) && { return get().same(other); }
  template <class... A>
  LATEPY_FORCE_INLINE Object operator()(A&&... arguments) && {
    return std::move(*this).template call<Object>(std::forward<A>(arguments)...);
  }
  template <class T, class... A>
  LATEPY_FORCE_INLINE T call(A&&... arguments) && {
    if (LATEPY_LIKELY(!takes_gil_))
      return detail::into_cpp<T>(detail::throw_if_null(call_at_once(std::forward<A>(arguments)...)));
    const GilGuard gil;
    return detail::into_cpp<T>(detail::throw_if_null(call_at_once(std::forward<A>(arguments)...)));
  }
  template <class... A>
  Object call_method(const detail::StringArg& name, A&&... arguments) && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().call_method(name, std::forward<A>(arguments)...);
  }
  template <class T = Object, class... A>
  Result<T> try_call(A&&... arguments) && {
    const GilGuard::Maybe gil(takes_gil_);
    return get().template try_call<T>(std::forward<A>(arguments)...);
  }
  /// \returns what the name stands for, for more of them.
  template <class F, class... X>
  Object def(const std::string& name, F&& callable, X&&... extras) && {
    const GilGuard::Maybe gil(takes_gil_);
    Object place = get();
    place.def(name, std::forward<F>(callable), std::forward<X>(extras)...);
    return place;
  }

  template <class T, class = std::enable_if_t<!detail::is_proxy<T>>>
  LATEPY_FORCE_INLINE void operator=(T&& value) && {
    if (LATEPY_LIKELY(!takes_gil_)) return set(std::forward<T>(value));
    const GilGuard gil;
    set(std::forward<T>(value));
  }
  /// `a["x"] = b["y"]` assigns the value.
  void operator=(Proxy&& other) && {
    const GilGuard::Maybe gil(takes_gil_);
    set_in(detail::OwnedRef(take_base()).get(), other.get().ptr());
  }
#define LATEPY_IN_PLACE(SYMBOL)                            \
  template <class T>                                       \
  void operator SYMBOL##=(T&& value)&& {                   \
    const GilGuard::Maybe gil(takes_gil_);                 \
    const detail::OwnedRef base(take_base());              \
    Object object = Object::steal(fetch_from(base.get())); \
    object SYMBOL## = std::forward<T>(value);              \
    set_in(base.get(), object.ptr());                      \
  }
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
#undef LATEPY_IN_PLACE
  /// Python's `del`.
  void del() && {
    const GilGuard::Maybe gil(takes_gil_);
    const detail::Api& api = detail::api();
    const detail::OwnedRef base(take_base());
    detail::check_result(kind_ == Kind::attribute ? api.Object_SetAttr(base.get(), key_.ptr(), nullptr)
                                                  : api.Object_DelItem(base.get(), key_.ptr()));
  }

  /// For `for (py::Object item : o.attr("items"))`.
  Iterator begin() const;
  std::nullptr_t end() const noexcept { return nullptr; }

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

  /// The base, for the one access that follows. Leaves none, so that the end of the Proxy has nothing to do.
  LATEPY_FORCE_INLINE PyObject* take_base() {
    base_.checked();
    return base_.release();
  }
  /// A new reference.
  LATEPY_FORCE_INLINE PyObject* fetch_from(PyObject* base) const {
    const detail::Api& api = detail::api();
    return detail::throw_if_null(kind_ == Kind::attribute ? api.Object_GetAttr(base, key_.ptr())
                                                          : api.Object_GetItem(base, key_.ptr()));
  }
  LATEPY_FORCE_INLINE PyObject* fetch() { return fetch_from(detail::OwnedRef(take_base()).get()); }
  Object get() {
    const GilGuard::Maybe gil(takes_gil_);
    return Object::steal(fetch());
  }
  template <class... A>
  LATEPY_FORCE_INLINE PyObject* call_at_once(A&&... arguments) {
    const bool is_method = kind_ == Kind::attribute;
    const detail::OwnedRef callable(is_method ? take_base() : fetch());
    return detail::call_with(callable.get(), is_method ? key_.ptr() : nullptr, std::forward<A>(arguments)...);
  }
  template <class T>
  LATEPY_FORCE_INLINE void set(T&& value) {
    const detail::OwnedRef base(take_base());
    if constexpr (detail::is_handle<T>)
      set_in(base.get(), value.checked());
    else
      set_in(base.get(), detail::OwnedRef(detail::new_ref(std::forward<T>(value))).get());
  }
  LATEPY_FORCE_INLINE void set_in(PyObject* base, PyObject* value) const {
    const detail::Api& api = detail::api();
    detail::check_result(kind_ == Kind::attribute ? api.Object_SetAttr(base, key_.ptr(), value)
                                                  : api.Object_SetItem(base, key_.ptr(), value));
  }

  Object base_;
  detail::AttrName key_;  // any object, where it is an item's
  Kind kind_;
  bool takes_gil_;  // itself: what an interpreter's [] gave, and what was reached from there in the same expression
};

LATEPY_FORCE_INLINE Proxy Ref::attr(detail::AttrName name) const {
  return Proxy(Proxy::Kind::attribute, *this, std::move(name));
}
template <class Key>
Proxy Ref::operator[](const Key& key) const {
  if constexpr (std::is_array_v<Key> && std::is_same_v<std::remove_extent_t<Key>, char>)
    return Proxy(Proxy::Kind::item, *this, detail::AttrName(key));
  else
    return Proxy(Proxy::Kind::item, *this, to_py(key));
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
template <class T>
bool Ref::contains(T&& item) const {
  const detail::Argument value(std::forward<T>(item));
  return detail::check_result(detail::api().Sequence_Contains(checked(), value.object())) != 0;
}

}  // namespace v1
}  // namespace latepy
