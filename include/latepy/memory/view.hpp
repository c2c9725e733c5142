// latepy/memory/view.hpp: view(), which shares memory of the program with Python without a copy, and View.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/class/instance_type.hpp>
#include <latepy/memory/detail/numpy.hpp>

#include <memory>
#include <vector>

namespace latepy {
inline namespace v1 {
namespace detail {
struct ViewAccess;
}

/// The type of unowned.
struct Unowned {};
/// An owner for view(): nobody. The program keeps the memory until View::withdraw() succeeded, or Python has ended.
inline constexpr Unowned unowned{};

/// Memory of the program that Python shares; view() makes it. It is an Object: scripts index it, iterate over it, and
/// have the attributes of a memoryview. memoryview(), numpy.asarray() and all that takes a buffer share it without a
/// copy; so do pandas, with copy=False, and matplotlib, by its __array__() and to_numpy(). It has no arithmetic. As a
/// memoryview it is equal to what has a buffer with the same shape and equal items, and so has no hash, unless it is
/// read-only and of bytes; Views of structs, complex numbers and long doubles are equal to Views only. With a numpy
/// array `==` compares item by item. Withdrawn, it is equal to itself only. A View, like every Object, may be dropped
/// on any thread.
class View : public Object {
 public:
  View() = delete;  // view() makes it; where there is none yet, use std::optional<View>
  /// How many buffers, arrays and capsules of the memory live: what was handed over and not given back. Needs the GIL.
  std::size_t exports() const { return data().exports.live(); }
  /// Takes the memory back: from now on scripts get a BufferError or ValueError, and the program may free or change it.
  /// The owner ends before this returns if the thread holds the GIL, else with the last reference to the View. Any
  /// thread. The second time it does nothing and does not wait: if two threads call it, the one that comes second may
  /// return while the owner still ends on the first. \throws StateError with the number of exports() if any lives; then
  /// nothing changed.
  void withdraw();
  /// As withdraw(), but returns false instead of throwing; also after the interpreter has ended.
  bool try_withdraw() noexcept;
  /// An ndarray that shares the memory, in any number of dimensions. It is read-only if the C++ type is const. Needs
  /// the GIL. \throws ImportError with the remedy if there is no numpy; ValueError after withdraw().
  Object to_numpy() const { return detail::view_to_numpy(checked()); }

 private:
  friend struct detail::ViewAccess;
  friend struct Converter<View>;
  explicit View(Object made) noexcept : Object(std::move(made)) {}
  detail::ViewData& data() const { return detail::data_of<detail::ViewData>(checked()); }
};

namespace detail {

/// Whether T is a shared_ptr or unique_ptr.
template <class T>
inline constexpr bool is_owning_pointer = false;
template <class T>
inline constexpr bool is_owning_pointer<std::shared_ptr<T>> = true;
template <class T, class D>
inline constexpr bool is_owning_pointer<std::unique_ptr<T, D>> = true;

/// Throws a StateError: the items lie inside of the owner, which is about to be moved.
[[noreturn]] void throw_inside_owner();

/// Makes a Python object the owner. That of a bound class knows of the view, and its memory stays where it is: no
/// script gives the C++ object away. \throws BufferError if it is only lent.
void own_by_object(Owner& owner, PyObject* object);

struct ViewAccess {
  static View wrap(Object made) noexcept { return View(std::move(made)); }

  /// Moves the owner into a view, which has none yet.
  template <class O>
  static void own(const Object& view, O&& owner) {
    using D = kept_type<O>;
    Owner& place = data_of<ViewData>(view.ptr()).owner;
    if constexpr (is_handle<O>) {
      own_by_object(place, owner.checked());
    } else if constexpr (is_handle<D>) {
      own_by_object(place, D(std::forward<O>(owner)).checked());
    } else if constexpr (!std::is_same_v<D, Unowned>) {
      static_assert(!std::is_pointer_v<D> && !std::is_null_pointer_v<D>,
                    "view(): a plain pointer owns nothing: pass a std::unique_ptr, a std::shared_ptr, an Object, "
                    "std::move(owner), or latepy::unowned if the program keeps the memory itself");
      static_assert(!std::is_lvalue_reference_v<O> || is_owning_pointer<D>,
                    "view(): a copy of this owner would not own the memory: pass std::move(owner), a std::shared_ptr, "
                    "an Object, or latepy::unowned if the program keeps the memory itself");
      if constexpr (sizeof(D) <= sizeof place.place && alignof(D) <= alignof(void*)) {
        new (place.place) D(std::forward<O>(owner));
        place.end = [](void** at) { std::launder(reinterpret_cast<D*>(at))->~D(); };
      } else {
        place.place[0] = new D(std::forward<O>(owner));
        place.end = [](void** at) { delete static_cast<D*>(*at); };
      }
    }
  }
  template <class T, class O>
  static View make(T* data, const Shape& shape, const Extents* strides, O&& owner) {
    using Item = std::remove_cv_t<T>;
    static_assert(!is_character<Item>,
                  "view(): char is text, and Python's items are numbers: use std::uint8_t or std::int8_t");
    static_assert(is_character<Item> || is_item<Item>,
                  "view(): the items must be numbers, bool, std::complex (include stl/complex.hpp) or a struct of "
                  "LATEPY_STRUCT (include stl/struct.hpp)");
    check_running();
    using D = kept_type<O>;
    if constexpr (!is_handle<D> && !is_owning_pointer<D> && !std::is_same_v<D, Unowned> && !std::is_pointer_v<D>) {
      const auto first = reinterpret_cast<std::uintptr_t>(data),
                 begin = reinterpret_cast<std::uintptr_t>(std::addressof(owner));
      if (LATEPY_UNLIKELY(first - begin < sizeof(owner))) throw_inside_owner();
    }
    Object made = make_view(const_cast<Item*>(data), item_type<Item>, shape, strides, std::is_const_v<T>);
    own(made, std::forward<O>(owner));
    return View(std::move(made));
  }
};
template <class T>
inline constexpr bool never = false;

/// What memory/return_tags.hpp does with the items of a C without const, if it knows them. Then it also has
/// - `Item`: the type of an item;
/// - `points`: the items belong to something else, as those of a Span;
/// - `shape(container)`;
/// - `own(container)`, if its items are on the heap: a View that the container is moved into;
/// - `share(container, owner)`: a View of the items, which owner keeps;
/// - `copy(container)`: a new ndarray, which adopts the items if the container is moved in;
/// - `assign(container, array, before_resize)`, unless it points: sets the items in their place if the array has the
///   same shape, else calls before_resize() and then takes the items and the shape; returns false if it cannot.
template <class C, class = void>
struct ItemsOf {
  static constexpr bool are_known = false, points = false;
};

}  // namespace detail

/// Shares `data` with Python: the items of a C++ array with this shape, row after row. Needs the GIL.
/// \param shape `n`, `{rows, columns}` or a range of integers.
/// \param owner keeps the memory until neither the View nor anything made of it lives: an Object, a std::shared_ptr or
///   std::unique_ptr, or any value that is moved in and has the memory on the heap. It ends under the GIL, on any
///   thread; an exception of its destructor goes to sys.unraisablehook. `unowned`: the program keeps the memory.
/// T is a number, bool, std::complex or a struct of LATEPY_STRUCT; scripts cannot write if it is const. By DLPack they
/// are told so too, and torch does not heed it.
/// \throws ValueError if the shape is negative, is larger than memory, or `data` is null and there are items; or if two
/// fields of the struct share memory.
template <class T, class O>
View view(T* data, const Shape& shape, O&& owner) {
  return detail::ViewAccess::make(data, shape, nullptr, std::forward<O>(owner));
}
/// The same with **bytes** from one item of each dimension to the next: `view(p, {2, 3}, {24, 8}, owner)`. They may be
/// negative, and then `data` is still the first item. The program answers for the items that strides reach.
template <class T, class O>
View view(T* data, const Shape& shape, const detail::Strides& strides, O&& owner) {
  return detail::ViewAccess::make(data, shape, &strides, std::forward<O>(owner));
}
/// Moves a vector to Python, without a copy of its items. Needs the GIL.
template <class T, class A, class = std::enable_if_t<!std::is_const_v<T>>>
View view(std::vector<T, A>&& items) {
  static_assert(!std::is_same_v<T, bool>,
                "view(): std::vector<bool> has no bools in memory: use a std::vector of "
                "std::uint8_t, or an array of bool");
  if constexpr (!std::is_same_v<T, bool>) {
    T* const data = items.data();
    const std::size_t size = items.size();
    return detail::ViewAccess::make(data, Shape(size), nullptr, std::move(items));
  }
}
///@{
/// Shares a vector with Python as long as anything refers to it. It must not change its size before withdraw(). Scripts
/// cannot write if the vector is const. Needs the GIL.
template <class T, class A>
View view(std::shared_ptr<std::vector<T, A>> items) {
  if (!items) throw ValueError("a view of a vector got an empty std::shared_ptr");
  T* const data = items->data();
  const std::size_t size = items->size();
  return detail::ViewAccess::make(data, Shape(size), nullptr, std::move(items));
}
template <class T, class A>
View view(std::shared_ptr<const std::vector<T, A>> items) {
  if (!items) throw ValueError("a view of a vector got an empty std::shared_ptr");
  const T* const data = items->data();
  const std::size_t size = items->size();
  return detail::ViewAccess::make(data, Shape(size), nullptr, std::move(items));
}
template <class T, class A, class O>
View view(std::vector<T, A>& items, O&& owner) {
  return detail::ViewAccess::make(items.data(), Shape(items.size()), nullptr, std::forward<O>(owner));
}
template <class T, class A, class O>
View view(const std::vector<T, A>& items, O&& owner) {
  return detail::ViewAccess::make(items.data(), Shape(items.size()), nullptr, std::forward<O>(owner));
}
///@}
/// Does not compile: nothing would keep the vector.
template <class T, class A>
View view(const std::vector<T, A>&) {
  static_assert(detail::never<T>,
                "view(vector): nothing would keep the vector alive: move it in (view(std::move(v))), give its owner "
                "(view(v, owner)), pass a std::shared_ptr to it, or latepy::unowned if the program keeps it itself");
  throw StateError("");
}

/// A View is an Object. From Python: a latepy.View that the program made, also as a parameter of host functions.
template <>
struct Converter<View> {
  static constexpr const char* name = "latepy::View";
  static std::string python_type() { return "collections.abc.Sequence"; }
  static Object to_py(View view) { return Object(std::move(view)); }
  static View from_py(Ref object);
  static bool try_from_py(Ref object, std::optional<View>& result);
  static detail::Fit fit(PyObject* object) noexcept;
};

#if LATEPY_DEFINITIONS
namespace detail {

[[noreturn]] LATEPY_FUNC LATEPY_COLD void throw_inside_owner() {
  throw StateError(
      "view(): the items lie inside of the owner itself, which is moved now, so the pointer would dangle: put the "
      "owner "
      "into a std::shared_ptr or std::unique_ptr first");
}

LATEPY_FUNC void own_by_object(Owner& owner, PyObject* object) {
  if (api().Type_IsSubtype(head_type(object), instance_type())) {
    Instance& instance = data_of<Instance>(object);
    if (!may_view(instance)) throw_python_error();
    count_views(instance, 1);
    owner.place[0] = &instance;
    owner.end = [](void** place) { count_views(*static_cast<Instance*>(*place), -1); };
  }
  incref(object);
  owner.object = object;
}

}  // namespace detail

LATEPY_FUNC LATEPY_COLD void View::withdraw() {
  if (is_empty() || !is_alive()) static_cast<void>(checked());
  if (try_withdraw()) return;
  const std::size_t live = detail::data_of<detail::ViewData>(ptr()).exports.live();
  throw StateError(detail::concat(
      {"View::withdraw(): ", detail::decimal(live),
       live == 1 ? " buffer or array of the memory still lives" : " buffers or arrays of the memory still live",
       ": let the scripts drop them first, or ask again later (try_withdraw())"}));
}
LATEPY_FUNC LATEPY_COLD bool View::try_withdraw() noexcept {
  return is_alive() && detail::withdraw_view(ptr_, generation_);
}

LATEPY_FUNC LATEPY_COLD View Converter<View>::from_py(Ref object) {
  std::optional<View> result;
  if (object.checked(); !try_from_py(object, result))
    detail::throw_mismatch(object.ptr(), name, "only the program makes a latepy.View: take a latepy::Buffer or Array");
  return *std::move(result);
}
LATEPY_FUNC LATEPY_COLD bool Converter<View>::try_from_py(Ref object, std::optional<View>& result) {
  if (!detail::is_exactly(object.ptr(), detail::view_type())) return false;
  result.emplace(View(Object(object)));
  return true;
}
LATEPY_FUNC LATEPY_COLD detail::Fit Converter<View>::fit(PyObject* object) noexcept {
  try {
    return detail::is_exactly(object, detail::view_type()) ? detail::Fit::own : detail::Fit::other;
  } catch (...) {  // the type of views cannot be made: the conversion says so
    return detail::Fit::other;
  }
}
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
