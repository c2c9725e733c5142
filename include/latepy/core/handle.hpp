// latepy/core/handle.hpp: Ref and Object, declared; what their members do stands in the kernel's other headers.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/gil.hpp>

namespace latepy {
inline namespace v1 {

/// Comparison operators by CPython's numbers (Py_LT … Py_GE, Include/object.h).
enum class Op : int { lt = 0, le = 1, eq = 2, ne = 3, gt = 4, ge = 5 };

/// The Python form of a C++ value. Needs the GIL. \throws ConversionError, PythonError.
template <class T>
Object to_py(T&& value);
/// The C++ form of a Python object, by Converter<T>. Needs the GIL. \throws ConversionError, PythonError.
template <class T>
T from_py(const Ref& object);

namespace detail {

/// Throws the error that is set as the C++ class nearest to it. See core/exceptions.hpp.
[[noreturn]] void throw_python_error();

/// The object, or StateError.
PyObject* check_use(PyObject* object, std::uint32_t generation);
/// One more reference after that check, where there is an object.
LATEPY_COLD inline void copy_checked(PyObject* object, std::uint32_t generation) {
  if (object) incref(check_use(object, generation));
}
void check_making();
/// As Ref::checked(), where no object is used and one is made.
inline void check_running() {
  const std::uint32_t generation = process_state().fast_generation.load(std::memory_order_relaxed);
  if (LATEPY_UNLIKELY(generation - 1 >= check_each_use - 1))
    check_making();  // no_generation, which is 0, and check_each_use
}

/// A new reference from CPython; null means that an error is set.
LATEPY_FORCE_INLINE PyObject* throw_if_null(PyObject* object) {
  if (LATEPY_UNLIKELY(!object)) throw_python_error();
  return object;
}
/// A result code from CPython; -1 means that an error is set.
template <class Int>
LATEPY_FORCE_INLINE Int check_result(Int result) {
  if (LATEPY_UNLIKELY(result == static_cast<Int>(-1))) throw_python_error();
  return result;
}

class AttrName;
template <class T>
inline constexpr bool borrows = false;  // string_view and the like, which point into the object
template <class T>
using plain = std::remove_cv_t<std::remove_reference_t<T>>;
template <class T>
inline constexpr bool is_handle = std::is_base_of_v<Ref, plain<T>>;
template <class T>
inline constexpr bool is_proxy = std::is_same_v<Proxy, plain<T>>;
template <bool OthersOnly>
class ValueOf;
struct HandleAccess;

}  // namespace detail

/// A borrowed view of a Python object: trivially copyable, owns nothing, valid while somebody else owns the object.
/// Everything that can be done to an object is a member here; Object inherits it. Every member but ptr(), is_empty(),
/// is_alive(), is_none() and same() needs the GIL, and throws StateError for an empty handle, one of an interpreter
/// that ended, and (with LATEPY_CHECKS) on a thread without the GIL.
class Ref {
 public:
  constexpr Ref() noexcept = default;
  /// Of the running interpreter; null makes an empty one.
  explicit Ref(PyObject* object) noexcept
      : ptr_(object), generation_(object ? detail::current_generation() : detail::empty_generation) {}

  PyObject* ptr() const noexcept { return ptr_; }
  bool is_empty() const noexcept { return ptr_ == nullptr; }
  /// Whether there is an object and its interpreter still runs. Any thread, no GIL.
  bool is_alive() const noexcept { return ptr_ && detail::is_alive(generation_); }
  bool is_none() const noexcept { return ptr_ && ptr_ == detail::api().NoneStruct; }
  /// Identity: Python's `is`.
  bool same(const Ref& other) const noexcept { return ptr_ == other.ptr_; }

  /// Converts by Converter<T>. \throws ConversionError naming both types and the value; PythonError when the
  /// object's own code raised.
  template <class T>
  LATEPY_FORCE_INLINE T as() const& {
    return from_py<T>(*this);
  }
  template <class T>
  LATEPY_FORCE_INLINE T as() const&& {
    static_assert(!detail::borrows<T>,
                  "this type points into the object: keep the Object in a variable, then call as()");
    return from_py<T>(*this);
  }
  /// Converts, or gives nothing where as() would throw ConversionError.
  template <class T>
  std::optional<T> try_as() const&;
  template <class T>
  std::optional<T> try_as() const&& {
    static_assert(!detail::borrows<T>,
                  "this type points into the object: keep the Object in a variable, then call try_as()");
    return static_cast<const Ref&>(*this).try_as<T>();
  }
  /// Whether as<T>() would succeed.
  template <class T>
  bool is() const;

  /// `object.name`. Read, call, assign or delete what it gives at once: `o.attr("x").as<int>()`, `o.attr("x") = 1`.
  Proxy attr(detail::AttrName name) const;
  bool has_attr(const detail::AttrName& name) const;
  /// The attribute, or `otherwise` where there is none. Other errors of the look-up are thrown.
  template <class T>
  Object get_attr(const detail::AttrName& name, T&& otherwise) const;
  /// `object[key]`: Python's `__getitem__`, always. Negative indices count from the end as Python does.
  template <class Key>
  Proxy operator[](const Key& key) const;

  /// Calls with positional arguments, `"name"_a = value`, `args(sequence)` and `kwargs(mapping)` in any order.
  template <class... A>
  Object operator()(A&&... arguments) const;
  /// Calls and converts the result. T may be void.
  template <class T, class... A>
  T call(A&&... arguments) const;
  /// Calls `object.name(arguments…)` without making the bound method.
  template <class... A>
  Object call_method(const detail::AttrName& name, A&&... arguments) const;
  /// As call(), with Python's exception as a value and not thrown.
  template <class T = Object, class... A>
  Result<T> try_call(A&&... arguments) const;

  /// Lets scripts call C++ under this name: an attribute of a module, class or other object, an item of a dict.
  /// Replaces what has the name, as Python's `def` does. The callable is a lambda with captures, a function, a member
  /// function (the first argument is then the object), a std::function, or overload(…); behind it may stand "x"_a and
  /// "y"_a = 2, kw_only, pos_only, a doc string, release_gil and more. It is called with the GIL, on any thread; what
  /// it throws becomes a Python exception. It lives as long as the function; Objects that a lambda captures are not
  /// seen by the garbage collector, those that are default values are. Needs host/function.hpp.
  template <class F, class... X>
  const Ref& def(const std::string& name, F&& callable, X&&... extras) const;

  /// For `for (py::Object item : object)`: Python's iteration. The Iterator holds what it needs.
  Iterator begin() const;
  std::nullptr_t end() const noexcept { return nullptr; }
  /// Python's `item in object`.
  template <class T>
  bool contains(T&& item) const;
  /// Python's truth value.
  explicit operator bool() const { return detail::check_result(detail::api().Object_IsTrue(checked())) != 0; }

  /// The pointer, after the checks that every use makes. Borrowed.
  LATEPY_FORCE_INLINE PyObject* checked() const {
    PyObject* const object = LATEPY_LIKELY(is_usable()) ? ptr_ : detail::check_use(ptr_, generation_);
    if (!object) LATEPY_UNREACHABLE();  // the generation of an empty one is no interpreter's
    return object;
  }

 protected:
  bool is_usable() const noexcept {
    return generation_ == detail::process_state().fast_generation.load(std::memory_order_relaxed);
  }
  constexpr Ref(PyObject* object, std::uint32_t generation) noexcept : ptr_(object), generation_(generation) {}
  PyObject* ptr_ = nullptr;
  std::uint32_t generation_ = detail::empty_generation;
};

/// One owned reference to a Python object. May be kept as long as one likes and dropped on any thread, with or without
/// the GIL, after the interpreter, after main: where the reference cannot be given back it is not touched.
class Object : public Ref {
 public:
  /// Empty; any use but assignment throws StateError.
  constexpr Object() noexcept = default;
  LATEPY_FORCE_INLINE explicit Object(const Ref& ref) : Ref(ref) {
    if (LATEPY_LIKELY(is_usable()))
      detail::incref(ptr_);
    else
      detail::copy_checked(ptr_, generation_);
  }
  Object(const Object& other) : Object(static_cast<const Ref&>(other)) {}
  Object(Object&& other) noexcept : Ref(other.ptr_, other.generation_) { other.forget(); }
  Object& operator=(Object other) noexcept {
    std::swap(ptr_, other.ptr_);
    std::swap(generation_, other.generation_);
    return *this;
  }
  LATEPY_FORCE_INLINE ~Object() {
    if (ptr_) detail::drop(ptr_, generation_);
  }

  /// Takes over a reference that the caller owns ("new reference"). Null makes an empty Object.
  static LATEPY_FORCE_INLINE Object steal(PyObject* object) noexcept {
    return Object(object, object ? detail::current_generation() : detail::empty_generation);
  }
  /// Adds a reference to one that somebody else owns. Needs the GIL.
  static Object borrow(PyObject* object) {
    if (object) detail::incref(object);
    return steal(object);
  }
  template <class T>
  LATEPY_FORCE_INLINE T as() const& {
    return Ref::as<T>();
  }
  /// Ends the object where nothing of it remains in the value.
  template <class T>
  T as() &&;

  /// Gives the reference to the caller, who now has to drop it. Leaves this empty.
  PyObject* release() noexcept {
    PyObject* object = ptr_;
    forget();
    return object;
  }

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

/// Objects that get the generation of something else, which costs no look at where this thread is.
struct HandleAccess {
  static LATEPY_FORCE_INLINE Object steal(PyObject* object, std::uint32_t generation) noexcept {
    return Object(object, generation);
  }
  static LATEPY_FORCE_INLINE Object borrow(PyObject* object, std::uint32_t generation) noexcept {
    incref(object);
    return Object(object, generation);
  }
};

/// A new reference from CPython as an Object; null means that an error is set.
LATEPY_FORCE_INLINE Object steal_or_throw(PyObject* object) { return Object::steal(throw_if_null(object)); }
inline Object none() { return Object::borrow(api().NoneStruct); }

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD PyObject* check_use(PyObject* object, std::uint32_t generation) {
  if (!object || generation == empty_generation)
    throw StateError("an empty Object was used: it was never set, or was moved from");
  if (!is_alive(generation))
    throw StateError(is_python_running() ? "an Object of an earlier interpreter was used: that interpreter has ended"
                                         : "an Object was used after its Python had ended");
  if (holds_gil_of(generation)) return object;
  throw StateError(
      holds_gil() ? "an Object of another Python interpreter was used: each interpreter has objects of its own"
                  : "a Python object was used by a thread that does not hold the GIL: put a latepy::GilGuard in the "
                    "scope");
}

LATEPY_FUNC LATEPY_COLD void check_making() {
  if (!is_python_running()) throw StateError("a Python object was asked for, but no Python runs in this process");
  if (!holds_gil())
    throw StateError(
        "a Python object was made by a thread that does not hold the GIL: put a latepy::GilGuard in the scope");
}

#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
