// latepy/stl/detail/elements.hpp: ElementsConverter, the converter of list-like and set-like containers, and its parts.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/copy_items.hpp>
#include <latepy/stl/detail/container_fit.hpp>
#include <latepy/stl/detail/iterate.hpp>
#include <latepy/stl/detail/name.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// A hashable object for elements of a set and keys of a dict: a list becomes a tuple, a set a frozenset.
Object hashable(Object&& object);

/// The annotation of what hashable() returns: "tuple[int, ...]" for "list[int]".
std::string hashable_type(std::string type, Direction direction);
/// The annotation: "list[int]" to Python, "collections.abc.Sequence[int]" from Python.
template <class T>
std::string python_list_type(Direction direction) {
  return python_generic<T>(direction == Direction::to_python ? "list" : "collections.abc.Sequence", direction);
}

/// Whether the container has reserve().
template <class C, class = void>
inline constexpr bool has_reserve = false;
template <class C>
inline constexpr bool has_reserve<C, std::void_t<decltype(std::declval<C&>().reserve(1))>> = true;

/// An element as an rvalue if its container C is an rvalue, else as a const reference.
template <class C, class T>
decltype(auto) forward_element(T& element) noexcept {
  if constexpr (std::is_lvalue_reference_v<C>)
    return static_cast<const T&>(element);
  else
    return static_cast<T&&>(element);
}

/// Whether the conversion of T runs no Python code: numbers and std::string.
template <class T>
inline constexpr bool is_direct = (is_integer<T> && sizeof(T) <= sizeof(long long)) || std::is_same_v<T, double> ||
                                  std::is_same_v<T, float> || std::is_same_v<T, std::string>;

/// Makes a list of a container.
template <class C>
Object make_list(C&& items) {
  using T = typename plain<C>::value_type;
  Object list = steal_or_throw(api().List_New(static_cast<ssize>(items.size())));
  // Writes items directly, as PyList_SET_ITEM does, if no Python code runs meanwhile: such code can find the list
  // through the gc module and change it.
  const std::uint16_t offset = library_state.layout.list_items;
  PyObject** const places = is_direct<T> && offset != 0 ? member_at<PyObject**>(list.ptr(), offset) : nullptr;
  ssize at = 0;
  try {
    for (auto&& item : items) {
      PyObject* element;
      if constexpr (std::is_same_v<T, bool>)  // an element of std::vector<bool> is no bool
        element = new_ref(static_cast<bool>(item));
      else
        element = new_ref(forward_element<C>(item));
      if (LATEPY_LIKELY(places != nullptr))
        places[at] = element;
      else
        check_result(api().List_SetItem(list.ptr(), at, element));
      ++at;
    }
  } catch (ConversionError& error) {
    error.inside("[" + decimal(at) + "]");
    throw;
  }
  return list;
}

/// Reads a number of exactly the type int or float; false for all other objects.
template <class T>
LATEPY_FORCE_INLINE bool read_element(PyObject* object, T& value) noexcept {
  if constexpr (std::is_integral_v<T>) {
    long long digit;
    return read_int(object, digit) && Converter<T>::load(object, value);
  } else {
    double number;
    if (!read_float(object, number)) return false;
    value = static_cast<T>(number);
    return std::is_same_v<T, double> || Converter<T>::load(object, value);
  }
}
/// Reads the elements of a list or tuple directly from its memory. False, with an empty container, if one is of another
/// type.
template <class C>
bool read_elements(PyObject* object, C& result) {
  using T = typename C::value_type;
  ItemArray items;
  if (!read_items(object, items)) return false;
  bool are_read = true;
  if constexpr (std::is_arithmetic_v<T>) {
    result.resize(items.size);
    T* const values = result.data();
    for (std::size_t i = 0; i < items.size && are_read; ++i) are_read = read_element(items.first[i], values[i]);
  } else {
    result.reserve(items.size);
    std::string_view text;
    for (std::size_t i = 0; i < items.size && (are_read = read_ascii(items.first[i], text)); ++i)
      result.emplace_back(text);
  }
  if (!are_read) result.clear();
  return are_read;
}

/// Whether Converter<T> copies arrays of T that are no memory of numbers: see stl/chrono.hpp.
template <class T, class = void>
inline constexpr bool has_copy_array = false;
template <class T>
inline constexpr bool has_copy_array<T, std::void_t<decltype(&Converter<T>::template copy_array<std::vector<T>>)>> =
    true;

/// The converter of a container C. The derived class adds the name. `Named` is the type that errors name.
template <class C, Kind K, class Named = C>
struct ElementsConverter {
  using T = typename C::value_type;
  static_assert(!borrows<T>,
                "these elements point into Python objects that go away: convert to a container of std::string");
  LATEPY_COLD static std::string python_type(Direction direction) {
    if constexpr (K == Kind::sequence)
      return python_list_type<T>(direction);
    else
      return (direction == Direction::to_python ? "set[" : "collections.abc.Set[") +
             hashable_type(detail::python_type<T>(direction), direction) + "]";
  }

  template <class U>
  static Object to_py(U&& items) {
    if constexpr (K == Kind::sequence) {
      return make_list(std::forward<U>(items));
    } else {
      Object set = steal_or_throw(api().Set_New(nullptr));
      for (const auto& item : items) check_result(api().Set_Add(set.ptr(), hashable(latepy::to_py(item)).ptr()));
      return set;
    }
  }

  static C from_py(Ref object) {
    if constexpr (reads_directly) {
      C result;
      if (LATEPY_LIKELY(read_elements(object.checked(), result))) return result;
    }
    if constexpr (K == Kind::sequence)
      if (const ClassRecord* const bound = class_of<C>()) {  // see bind_vector()
        C result;
        if (copy_container(object.checked(), *bound, &result)) return result;
      }
    if constexpr (copies_memory) {
      C result;
      if (copy_items(object.checked(), result)) return result;
      if (api().Err_Occurred()) throw_python_error();
    }
    if constexpr (K == Kind::sequence && has_reserve<C> && has_copy_array<T>) {
      C result;
      if (Converter<T>::copy_array(object.checked(), result)) return result;
    }
    Elements elements(object.checked(), K, std::is_pointer_v<T>);
    if (!elements) throw_mismatch(object.ptr(), type_name<Named>(), elements.why());
    C result = empty(elements);
    try {
      while (elements.next()) add(result, latepy::from_py<T>(elements.element()));
    } catch (ConversionError& error) {
      error.inside(elements.step(K));
      throw;
    }
    if (api().Err_Occurred()) throw_python_error();
    return result;
  }

  static Fit fit(PyObject* object) noexcept {
    if (instance_fit(object, class_of<C>()) != Fit::other) return Fit::own;
    if constexpr (copies_memory)
      if (const Fit of_memory = memory_fit<T>(object); of_memory != Fit::other) return of_memory;
    if constexpr (K == Kind::sequence)
      return sequence_fit<T>(object, api().List_Type);
    else
      return set_fit(object, &element_fit<T>);
  }
  /// The reason why try_from_py() refuses an object that from_py() accepts, or null.
  static const char* why_not_tried(PyObject* object) noexcept {
    return !refusal(object, K) && api().Iter_Check(object) ? read_once : nullptr;
  }
  /// Refuses iterators: an iterator can be read only once, and it must stay unread if the object does not fit.
  static bool try_from_py(Ref object, std::optional<C>& result) {
    return try_load(result, [&] {
      if constexpr (reads_directly)
        if (LATEPY_LIKELY(read_elements(object.ptr(), result.emplace()))) return true;
      if constexpr (K == Kind::sequence)
        if (const ClassRecord* const bound = class_of<C>())
          if (copy_container(object.ptr(), *bound, &result.emplace())) return true;
      if constexpr (copies_memory) {
        if (copy_items(object.ptr(), result.emplace())) return true;
        if (api().Err_Occurred()) return false;
      }
      if constexpr (K == Kind::sequence && has_reserve<C> && has_copy_array<T>)
        if (Converter<T>::copy_array(object.ptr(), result.emplace())) return true;
      Elements elements(object.ptr(), K, std::is_pointer_v<T>);
      if (!elements || elements.is_one_way(object.ptr())) return false;
      C& made = result.emplace(empty(elements));
      while (elements.next()) {
        std::optional<T> element;
        if (!try_convert<T>(elements.element(), element)) return false;
        add(made, *std::move(element));
      }
      return !api().Err_Occurred();
    });
  }

 private:
  static constexpr bool reads_directly = K == Kind::sequence && has_reserve<C> && is_direct<T>;
  static constexpr bool copies_memory = K == Kind::sequence && has_reserve<C> && item_kind<T> != ItemKind::other;
  static C empty(const Elements& elements) {
    C result;
    if constexpr (has_reserve<C>) result.reserve(elements.expected(sizeof(T)));
    return result;
  }
  static void add(C& result, T&& element) {
    if constexpr (K == Kind::sequence)
      result.push_back(std::move(element));
    else
      result.insert(std::move(element));
  }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Object hashable(Object&& object) {
  if (is_exactly(object.ptr(), api().List_Type)) return steal_or_throw(api().Sequence_Tuple(object.ptr()));
  if (is_exactly(object.ptr(), api().Set_Type)) return steal_or_throw(api().FrozenSet_New(object.ptr()));
  return std::move(object);
}

LATEPY_FUNC LATEPY_COLD std::string hashable_type(std::string type, Direction direction) {
  if (direction == Direction::to_python && type.compare(0, 5, "list[") == 0)
    return "tuple" + type.substr(4, type.size() - 5) + ", ...]";
  if (direction == Direction::to_python && type.compare(0, 4, "set[") == 0) return "frozen" + type;
  return type;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
