// latepy/stl/detail/elements.hpp: ElementsConverter, the converter of list-like and set-like containers, and its parts.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/memory/detail/buffer_handle.hpp>
#include <latepy/stl/detail/name.hpp>

#include <algorithm>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The kind of a container.
enum class Kind { sequence, set };

inline bool has_attribute(PyObject* object, const StringArg& name) noexcept {
  return !attribute_or_empty(object, name).is_empty();
}
/// Whether the object is a dict or has keys().
inline bool is_mapping(PyObject* object) noexcept {
  return has_flag(object, type_is_dict) || has_attribute(object, "keys");
}
/// Whether the object is bytes or bytearray.
inline bool is_bytes_like(PyObject* object) noexcept {
  return has_flag(object, type_is_bytes) || api().Type_IsSubtype(type_of(object), api().ByteArray_Type) != 0;
}

/// The reason why an object is refused for a container of this kind; null if it is accepted.
const char* refusal(PyObject* object, Kind kind) noexcept;

/// Whether the object holds references to its elements. Other iterables may make each element when it is read.
bool keeps_elements(PyObject* object) noexcept;
inline constexpr char not_kept[] =
    "pointers are taken from a list, tuple, set or dict only, because these keep the objects alive: pass one of these";
inline constexpr char read_once[] =
    "an iterator can be read only once, so it is not read to see whether it fits: pass a list";

/// Steps through the elements of an object. A list or set is copied to a tuple first, because the conversion of an
/// element may run Python code, which could change the list. Other iterables are iterated.
class Elements {
 public:
  /// Converts to false if the object is refused, or if its iter() failed.
  Elements(PyObject* object, Kind kind, bool are_pointers) noexcept;
  explicit operator bool() const noexcept { return !source_.is_empty(); }
  const char* why() const noexcept { return why_ ? why_ : ""; }
  /// Whether the object is an iterator, which can be read only once.
  bool is_one_way(PyObject* object) const noexcept { return source_.ptr() == object && !is_tuple_; }
  /// How many elements to reserve. The length hint of an iterable may be wrong, so it counts only up to 64 KiB.
  std::size_t expected(std::size_t element) const noexcept {
    const auto size = static_cast<std::size_t>(size_);
    return is_tuple_ ? size : (std::min)(size, 65536 / element);
  }

  /// Goes to the next element; false at the end, or with Python's error set.
  bool next() noexcept;
  Ref element() const noexcept { return Ref(element_); }
  /// The position of the element in error texts: "[3]", or "{'a'}" in a set.
  LATEPY_COLD std::string step(Kind kind) const {
    return kind == Kind::sequence ? "[" + std::to_string(at_) + "]" : "{" + show_value(element_) + "}";
  }

 private:
  Object source_, item_;
  PyObject* element_ = nullptr;
  const char* why_ = nullptr;
  ssize at_ = -1, size_ = 0;
  bool is_tuple_ = false;
};

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
    error.inside("[" + std::to_string(at) + "]");
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

/// The converter of a container C. The derived class adds the name.
template <class C, Kind K>
struct ElementsConverter {
  using T = typename C::value_type;
  static_assert(!borrows<T>,
                "these elements point into Python objects that go away: convert to a container of std::string");
  static constexpr auto native = K == Kind::sequence ? &Api::List_Type : &Api::Set_Type;
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
    if constexpr (copies_memory) {
      C result;
      if (copy_items(object.checked(), result)) return result;
    }
    Elements elements(object.checked(), K, std::is_pointer_v<T>);
    if (!elements) throw_mismatch(object.ptr(), type_name<C>(), elements.why());
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

  /// The reason why try_from_py() refuses an object that from_py() accepts, or null.
  static const char* why_not_tried(PyObject* object) noexcept {
    return !refusal(object, K) && api().Iter_Check(object) ? read_once : nullptr;
  }
  /// Refuses iterators: an iterator can be read only once, and it must stay unread if the object does not fit.
  static bool try_from_py(Ref object, std::optional<C>& result) {
    return try_load(result, [&] {
      if constexpr (reads_directly)
        if (LATEPY_LIKELY(read_elements(object.ptr(), result.emplace()))) return true;
      if constexpr (copies_memory)
        if (copy_items(object.ptr(), result.emplace())) return true;
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
  static constexpr bool copies_memory =
      K == Kind::sequence && has_reserve<C> && item_kind<T> != ItemKind::other && !std::is_same_v<T, bool>;
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

LATEPY_FUNC const char* refusal(PyObject* object, Kind kind) noexcept {
  const PyTypeObject* type = type_of(object);
  if (kind == Kind::set) {
    if (type == api().Set_Type || type == api().FrozenSet_Type || has_attribute(object, "isdisjoint")) return nullptr;
    return "it is not a set";
  }
  if (type == api().List_Type || type == api().Tuple_Type) return nullptr;
  if (has_flag(object, type_is_str)) return "a str is not split into characters: pass a list";
  if (is_bytes_like(object))
    return "bytes are not split into numbers: convert to latepy::Bytes or std::vector<std::byte>";
  if (is_mapping(object)) return "a mapping is not a sequence: pass its keys(), values() or items()";
  return nullptr;
}

LATEPY_FUNC bool keeps_elements(PyObject* object) noexcept {
  const Api& a = api();
  const PyTypeObject* type = type_of(object);
  return type == a.List_Type || type == a.Tuple_Type || type == a.Set_Type || type == a.FrozenSet_Type;
}

LATEPY_FUNC Elements::Elements(PyObject* object, Kind kind, bool are_pointers) noexcept {
  if ((why_ = refusal(object, kind))) return;
  const Api& a = api();
  is_tuple_ = keeps_elements(object);
  if (are_pointers && !is_tuple_) {
    why_ = not_kept;
    return;
  }
  source_ = Object::steal(is_tuple_ ? a.Sequence_Tuple(object) : a.Object_GetIter(object));
  if (source_.is_empty()) {
    why_ = "it is not iterable";
    only_a_mismatch();
  } else if (is_tuple_) {
    size_ = a.Tuple_Size(source_.ptr());
  } else if ((size_ = a.Object_LengthHint(object, 0)) < 0) {
    source_ = Object();
  }
}

LATEPY_FUNC bool Elements::next() noexcept {
  ++at_;
  if (is_tuple_) return at_ < size_ && (element_ = api().Tuple_GetItem(source_.ptr(), at_));
  item_ = Object::steal(api().Iter_Next(source_.ptr()));
  element_ = item_.ptr();
  return element_ != nullptr;
}

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
