// latepy/core/handle.hpp: Ref and Object, handles of Python objects. Other headers of core/ define their members.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/gil.hpp>

namespace latepy {
inline namespace v1 {
/// Converts a C++ value to a Python object, by Converter<T>. Needs the GIL. \throws ConversionError, PythonError.
template <class T>
Object to_py(T&& value);
/// Converts a Python object to a C++ value, by Converter<T>. Needs the GIL. \throws ConversionError, PythonError.
template <class T>
T from_py(const Ref& object);

namespace detail {
/// Throws the Python error that is set, as the nearest class of core/exceptions.hpp. Needs the GIL.
[[noreturn]] void throw_python_error();

/// Gives the object if it may be used here and now. \throws StateError otherwise.
PyObject* check_use(PyObject* object, std::uint32_t generation);
/// Adds a reference after check_use(). Does nothing for null.
LATEPY_OUTLINE inline void copy_checked(PyObject* object, std::uint32_t generation) {
  if (object) incref(check_use(object, generation));
}
/// Gives the new reference that CPython returned. If it is null, throws the error that is set.
LATEPY_FORCE_INLINE PyObject* throw_if_null(PyObject* object) {
  if (LATEPY_UNLIKELY(!object)) throw_python_error();
  return object;
}
/// Gives the number that CPython returned. If it is -1, throws the error that is set.
template <class Int>
LATEPY_FORCE_INLINE Int check_result(Int result) {
  if (LATEPY_UNLIKELY(result == static_cast<Int>(-1))) throw_python_error();
  return result;
}

class AttrName;
/// Whether a C++ value of type T points into the Python object that it was converted from (std::string_view).
template <class T>
inline constexpr bool borrows = false;
template <class T>
using plain = std::remove_cv_t<std::remove_reference_t<T>>;
template <class T>
inline constexpr bool is_handle = std::is_base_of_v<Ref, plain<T>>;
template <class T>
inline constexpr bool is_proxy = std::is_same_v<Proxy, plain<T>>;
/// What keeps a T for later: an Object for a Ref or Proxy, which own nothing, else a copy.
template <class T>
using kept_type = std::conditional_t<is_proxy<T> || std::is_same_v<Ref, plain<T>>, Object, std::decay_t<T>>;
template <bool OthersOnly>
class ValueOf;
struct HandleAccess;
}  // namespace detail

/// A borrowed reference to a Python object: trivially copyable, valid while somebody else owns the object. Its members
/// are all that can be done with an object; Object inherits them. Members need the GIL, except ptr(), is_empty(),
/// is_alive(), is_none(), same() and end(). Those that need it throw StateError if the handle is empty, its interpreter
/// has ended, or (with LATEPY_CHECKS) the thread does not hold the GIL.
class Ref {
 public:
  constexpr Ref() noexcept = default;  ///< empty
  /// Refers to an object of the running interpreter. Null makes an empty Ref.
  explicit Ref(PyObject* object) noexcept
      : ptr_(object), generation_(object ? detail::current_generation() : detail::empty_generation) {}

  PyObject* ptr() const noexcept { return ptr_; }             ///< the pointer, borrowed; null if empty
  bool is_empty() const noexcept { return ptr_ == nullptr; }  ///< whether this refers to no object
  /// Whether this refers to an object whose interpreter still runs.
  bool is_alive() const noexcept { return ptr_ && detail::is_alive(generation_); }
  bool is_none() const noexcept { return ptr_ && ptr_ == detail::api().NoneStruct; }  ///< whether the object is None
  /// Whether both refer to one object, or both are empty: Python's `is`.
  bool same(const Ref& other) const noexcept { return ptr_ == other.ptr_; }

  /// Converts by Converter<T>. A T that points into the object (std::string_view) needs an Object in a variable.
  /// \throws ConversionError with both types and the value; PythonError if Python code of the object raised it.
  template <class T>
  LATEPY_FORCE_INLINE T as() const& {
    return from_py<T>(*this);
  }
  /// As above.
  template <class T>
  LATEPY_FORCE_INLINE T as() const&& {
    static_assert(!detail::borrows<T>,
                  "this type points into the object: keep the Object in a variable, then call as()");
    return from_py<T>(*this);
  }
  /// As as(), but gives std::nullopt instead of throwing ConversionError. \throws std::bad_alloc, MemoryError.
  template <class T>
  std::optional<T> try_as() const&;
  /// As above.
  template <class T>
  std::optional<T> try_as() const&&;
  /// Whether as<T>() would succeed.
  template <class T>
  bool is() const;
  /// `object.name`, to read, call, assign or delete in one expression: `o.attr("x").as<int>()`, `o.attr("x") = 1`.
  Proxy attr(detail::AttrName name) const&;
  /// Python's hasattr(). \throws errors of the look-up other than AttributeError.
  bool has_attr(const detail::AttrName& name) const;
  /// The attribute, or `otherwise` if there is none. \throws errors of the look-up other than AttributeError.
  template <class T>
  Object get_attr(const detail::AttrName& name, T&& otherwise) const;
  /// Python's `object[key]`, to read, call, assign or delete in one expression. Negative indices count from the end.
  template <class Key>
  Proxy operator[](const Key& key) const&;
  /// The item, or `otherwise` at a KeyError or IndexError. \throws other errors of the look-up.
  template <class Key, class T>
  Object get_item(const Key& key, T&& otherwise) const;

  /// Calls with positional arguments, `"name"_a = value`, `args(sequence)` and `kwargs(mapping)` in any order.
  template <class... A>
  Object operator()(A&&... arguments) const;
  /// Calls and converts the result to T, which may be void.
  template <class T, class... A>
  T call(A&&... arguments) const;
  /// Calls `object.name(arguments…)` without making a bound method.
  template <class... A>
  Object call_method(const detail::AttrName& name, A&&... arguments) const;
  /// As call(), but gives Python's exception as a value instead of throwing it.
  template <class T = Object, class... A>
  Result<T> try_call(A&&... arguments) const;

  /// Makes a C++ callable a Python function with this name: an attribute of a module, class or other object, an item of
  /// a dict. It replaces what has the name. Needs host/function.hpp.
  /// - `callable`: a lambda, a function, a member function (its object is the first argument), a std::function, or
  ///   overload(…). One of several functions of a name is chosen by static_cast<R (C::*)(A…)>(&C::f). It is called with
  ///   the GIL, on any thread. What it throws becomes a Python exception. It lives as long as the Python function. The
  ///   garbage collector sees default values, but no Objects that a lambda captures.
  /// - `extras`: "x"_a, "y"_a = 2, kw_only, pos_only, a doc string, release_gil and others of host/extras.hpp.
  template <class OverloadedNeedsStaticCast, class... X>
  const Ref& def(const std::string& name, OverloadedNeedsStaticCast&& callable, X&&... extras) const;

  /// For `for (py::Object item : object)`: Python's iteration. The Iterator owns what it needs.
  Iterator begin() const;
  std::nullptr_t end() const noexcept { return nullptr; }  ///< the end of each iteration
  /// Python's `item in object`.
  template <class T>
  bool contains(T&& item) const;
  /// Python's truth value.
  explicit operator bool() const { return detail::check_result(detail::api().Object_IsTrue(checked())) != 0; }

  /// The pointer, borrowed, after the checks that each use makes.
  LATEPY_FORCE_INLINE PyObject* checked() const {
    PyObject* const object = LATEPY_LIKELY(is_usable()) ? ptr_ : detail::check_use(ptr_, generation_);
    if (!object) LATEPY_UNREACHABLE();  // an empty handle has empty_generation, which check_use() refuses
    return object;
  }

 protected:
  friend struct detail::HandleAccess;
  /// Whether the fast check succeeds; if not, check_use() decides.
  bool is_usable() const noexcept {
    return generation_ == detail::process_state().fast_generation.load(std::memory_order_relaxed);
  }
  /// Refers to an object of the interpreter with this generation.
  constexpr Ref(PyObject* object, std::uint32_t generation) noexcept : ptr_(object), generation_(generation) {}
  PyObject* ptr_ = nullptr;                              ///< the object, or null
  std::uint32_t generation_ = detail::empty_generation;  ///< of the object's interpreter
};

/// An owned reference to a Python object. It may be destroyed on any thread, with or without the GIL, after the
/// interpreter, after main(). Without the GIL the reference is given back later; after the interpreter it is forgotten.
class Object : public Ref {
 public:
  constexpr Object() noexcept = default;  ///< empty; any use but assignment throws StateError
  /// Adds a reference to the object; empty if `ref` is. Needs the GIL.
  LATEPY_FORCE_INLINE explicit Object(const Ref& ref) : Ref(ref) {
    if (LATEPY_LIKELY(is_usable()))
      detail::incref(ptr_);
    else
      detail::copy_checked(ptr_, generation_);
  }
  Object(const Object& other) : Object(static_cast<const Ref&>(other)) {}  ///< as from a Ref
  /// Takes over the reference; leaves `other` empty. Any thread, no GIL.
  Object(Object&& other) noexcept : Ref(other.ptr_, other.generation_) { other.forget(); }
  /// Gives back the old reference. A moved argument needs no GIL.
  Object& operator=(Object other) noexcept {
    std::swap(ptr_, other.ptr_);
    std::swap(generation_, other.generation_);
    return *this;
  }
  LATEPY_FORCE_INLINE ~Object() {
    if (ptr_) detail::drop(ptr_, generation_);
  }

  /// Takes over a reference that the caller owns (CPython's "new reference"). Null makes an empty Object.
  static LATEPY_FORCE_INLINE Object steal(PyObject* object) noexcept {
    return Object(object, object ? detail::current_generation() : detail::empty_generation);
  }
  /// Adds a reference to an object that somebody else owns. Null makes an empty Object. Needs the GIL.
  static Object borrow(PyObject* object) {
    if (object) detail::incref(object);
    return steal(object);
  }
  using Ref::as;
  /// As Ref::as(). A reference is valid to the end of the statement. For other T, gives back the reference at once:
  /// \throws ConversionError also if T is or has a pointer to a C++ object that ends with the Python object.
  template <class T>
  T as() &&;
  using Ref::attr;
  using Ref::try_as;
  using Ref::operator[];
  /// As Ref::try_as(), and gives back the reference at once.
  template <class T>
  std::optional<T> try_as() &&;
  ///@{
  /// As those of Ref. The Proxy takes over the reference.
  Proxy attr(detail::AttrName name) &&;
  template <class Key>
  Proxy operator[](const Key& key) &&;
  ///@}

  /// Gives the reference to the caller, who now owns it. Leaves this empty.
  PyObject* release() noexcept {
    PyObject* object = ptr_;
    forget();
    return object;
  }

  ///@{
  /// Python's operator of this name; this Object then refers to the result. Needs the GIL. \throws PythonError.
  Object& operator+=(const detail::ValueOf<false>& value);
  Object& operator-=(const detail::ValueOf<false>& value);
  Object& operator*=(const detail::ValueOf<false>& value);
  Object& operator/=(const detail::ValueOf<false>& value);
  Object& operator%=(const detail::ValueOf<false>& value);
  Object& operator<<=(const detail::ValueOf<false>& value);
  Object& operator>>=(const detail::ValueOf<false>& value);
  Object& operator&=(const detail::ValueOf<false>& value);
  Object& operator|=(const detail::ValueOf<false>& value);
  Object& operator^=(const detail::ValueOf<false>& value);
  ///@}

 private:
  friend class Iterator;
  friend struct detail::HandleAccess;
  Object(PyObject* object, std::uint32_t generation) noexcept : Ref(object, generation) {}
  void forget() noexcept {
    ptr_ = nullptr;
    generation_ = detail::empty_generation;
  }
};

namespace detail {
/// Makes Objects with a generation that the caller knows, which is cheaper than current_generation().
struct HandleAccess {
  static std::uint32_t generation(const Ref& handle) noexcept { return handle.generation_; }
  static LATEPY_FORCE_INLINE Object borrow(PyObject* object, std::uint32_t generation) noexcept {
    incref(object);
    return Object(object, generation);
  }
};

/// The new reference that CPython returned, as an Object. If it is null, throws the error that is set.
LATEPY_FORCE_INLINE Object steal_or_throw(PyObject* object) { return Object::steal(throw_if_null(object)); }
inline Object none() { return Object::borrow(api().NoneStruct); }

#if LATEPY_DEFINITIONS
/// check_use() where the record of the thread does not tell.
LATEPY_COLD inline PyObject* ask_use(PyObject* object, std::uint32_t generation) {
  if (!object || generation == empty_generation)
    throw_error<StateError>({"an empty Object was used: it was never set, or was moved from; assign to it first"});
  finish_fork();
  if (!is_alive(generation))
    throw_not_running(is_python_running()
                          ? "an Object of an earlier interpreter was used: that interpreter has ended; make the "
                            "object anew"
                          : "an Object was used after its Python had ended: keep the latepy::Interpreter alive while "
                            "you use objects");
  if (holds_gil_of(generation)) return object;
  throw_error<StateError>(
      {holds_gil() ? "an Object of another Python interpreter was used: each interpreter has objects of its own; pass "
                     "C++ values between them"
                   : "a Python object was used by a thread that does not hold the GIL: put a latepy::GilGuard in the "
                     "scope"});
}

LATEPY_FUNC LATEPY_OUTLINE PyObject* check_use(PyObject* object, std::uint32_t generation) {
  return LATEPY_LIKELY(is_in_by_record(generation)) ? object : ask_use(object, generation);
}

#endif  // LATEPY_DEFINITIONS
}  // namespace detail
inline void GilGuard::enter(const Ref& object) {
  const std::uint32_t generation = detail::HandleAccess::generation(object);
  detail::is_alive(generation) ? enter(generation, true) : enter(true);
}
}  // namespace v1
}  // namespace latepy
