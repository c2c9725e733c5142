// latepy/stl/detail/mapping.hpp: MappingConverter, the converter of std::map and std::unordered_map, and its parts.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/stl/detail/elements.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether the conversion of an exact str, int or float to T runs no Python code.
template <class T>
inline constexpr bool is_plain_type = is_number<T> || std::is_same_v<T, std::string>;

/// Steps through the entries of a mapping. It reads a copy, because the conversion of an entry may run Python code that
/// changes the mapping. A dict is read without a copy as long as its conversions run no Python code.
class Entries {
 public:
  /// \param are_plain is_plain_type of the key type and of the value type.
  Entries(PyObject* object, bool are_pointers, bool are_plain) noexcept;
  Entries(const Entries&) = delete;
  Entries& operator=(const Entries&) = delete;
  explicit operator bool() const noexcept { return !source_.is_empty(); }
  const char* why() const noexcept { return why_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(api().Object_Size(source_.ptr())); }

  /// Goes to the next entry; false at the end, or with Python's error set.
  bool next() noexcept;
  Ref key() const noexcept { return Ref(key_); }
  Ref value() const noexcept { return Ref(value_); }
  /// The position of the entry in error texts: "['a']", or ".keys()['a']".
  LATEPY_COLD std::string step(bool in_key) const { return (in_key ? ".keys()[" : "[") + show_value(key_) + "]"; }

 private:
  /// Whether the object is exactly a str, int or float.
  static bool is_plain(PyObject* object) noexcept;

  Object source_{};
  PyObject *key_ = nullptr, *value_ = nullptr;
  const char* why_ = "";
  ssize at_ = 0, taken_ = 0;
  bool is_dict_ = false, is_copy_ = true;
};

/// The converter of a map C. The derived class adds the name. If two keys are equal in C++, the last one wins.
template <class C>
struct MappingConverter {
  using K = typename C::key_type;
  using V = typename C::mapped_type;
  static_assert(
      !borrows<K> && !borrows<V>,
      "keys or values of this type would point into Python objects that are dropped: convert to a map of std::string");
  static constexpr bool are_pointers = std::is_pointer_v<K> || std::is_pointer_v<V>;
  static constexpr bool are_plain = is_plain_type<K> && is_plain_type<V>;
  LATEPY_COLD static std::string python_type(Direction direction) {
    return (direction == Direction::to_python ? "dict[" : "collections.abc.Mapping[") +
           hashable_type(detail::python_type<K>(direction), direction) + ", " + detail::python_type<V>(direction) + "]";
  }

  template <class U>
  static Object to_py(U&& map) {
    Object dict = steal_or_throw(api().Dict_New());
    for (auto&& item : map) {
      PyObject* made = new_ref(item.first);
      if constexpr (!is_plain_type<K>) made = hashable(Object::steal(made)).release();
      const OwnedRef key(made);
      try {
        const OwnedRef value(new_ref(forward_element<U>(item.second)));
        check_result(api().Dict_SetItem(dict.ptr(), key.get(), value.get()));
      } catch (ConversionError& error) {
        error.inside("[" + show_value(key.get()) + "]");
        throw;
      }
    }
    return dict;
  }

  static C from_py(Ref object) {
    C result;
    if (const ClassRecord* const bound = class_of<C>())  // see bind_map()
      if (copy_container(object.checked(), *bound, &result)) return result;
    Entries entries(object.checked(), are_pointers, are_plain);
    if (!entries) throw_mismatch(object.ptr(), type_name<C>(), entries.why());
    if constexpr (has_reserve<C>) result.reserve(entries.size());
    bool in_key = true;
    try {
      while (entries.next()) {
        in_key = true;
        K key = latepy::from_py<K>(entries.key());
        in_key = false;
        result.insert_or_assign(std::move(key), latepy::from_py<V>(entries.value()));
      }
    } catch (ConversionError& error) {
      error.inside(entries.step(in_key));
      throw;
    }
    if (api().Err_Occurred()) throw_python_error();
    return result;
  }

  static Fit fit(PyObject* object) noexcept {
    return instance_fit(object, class_of<C>()) != Fit::other ? Fit::own
                                                             : dict_fit(object, &element_fit<K>, &element_fit<V>);
  }
  static bool try_from_py(Ref object, std::optional<C>& result) {
    return try_load(result, [&] {
      if (const ClassRecord* const bound = class_of<C>())
        if (copy_container(object.ptr(), *bound, &result.emplace())) return true;
      Entries entries(object.ptr(), are_pointers, are_plain);
      if (!entries) return false;
      C& made = result.emplace();
      while (entries.next()) {
        std::optional<K> key;
        std::optional<V> value;
        if (!try_convert<K>(entries.key(), key) || !try_convert<V>(entries.value(), value)) return false;
        made.insert_or_assign(*std::move(key), *std::move(value));
      }
      return !api().Err_Occurred();
    });
  }
};

#if LATEPY_DEFINITIONS

LATEPY_FUNC Entries::Entries(PyObject* object, bool are_pointers, bool are_plain) noexcept {
  const Api& a = api();
  is_dict_ = is_exactly(object, a.Dict_Type);
  if (!is_dict_ && !is_keyed(object)) {
    why_ = "it is not a mapping";
    return;
  }
  if (are_pointers && !is_dict_) {
    why_ = not_kept;
    return;
  }
  is_copy_ = !is_dict_ || !are_plain || library_state.free_threaded;
  if (!is_copy_) {
    source_ = Object::borrow(object);
  } else if (!is_dict_ && !is_mapping(object) && !has_method(object, "items")) {  // as dict(object)
    Object dict = Object::steal(a.Dict_New());
    if (!dict.is_empty() && a.Dict_Merge(dict.ptr(), object, 1) == 0) source_ = std::move(dict);
    is_dict_ = true;
  } else {
    source_ = Object::steal(is_dict_ ? a.Dict_Copy(object) : a.Mapping_Items(object));
  }
  if (source_.is_empty()) only_a_mismatch();
}

inline bool Entries::is_plain(PyObject* object) noexcept {
  const Api& a = api();
  PyTypeObject* const type = type_of(object);
  return type == a.Unicode_Type || type == a.Long_Type || type == a.Float_Type;
}

LATEPY_FUNC bool Entries::next() noexcept {
  const Api& a = api();
  if (is_dict_) {
    if (!a.Dict_Next(source_.ptr(), &at_, &key_, &value_)) return false;
    if (is_copy_ || LATEPY_LIKELY(is_plain(key_) && is_plain(value_))) return ++taken_, true;
    // From here on, reads a copy. No Python code ran until now, so the copy begins with the same entries; skips them.
    source_ = Object::steal(a.Dict_Copy(source_.ptr()));
    is_copy_ = true;
    at_ = 0;
    for (ssize i = 0; !source_.is_empty() && i < taken_; ++i) a.Dict_Next(source_.ptr(), &at_, &key_, &value_);
    return !source_.is_empty() && a.Dict_Next(source_.ptr(), &at_, &key_, &value_) != 0;
  }
  if (at_ >= a.List_Size(source_.ptr())) return false;
  PyObject* pair = a.List_GetItem(source_.ptr(), at_++);
  if (!has_flag(pair, type_is_tuple) || a.Tuple_Size(pair) != 2) {
    a.Err_SetString(*a.TypeError, "items() of the mapping returned an element that is not a (key, value) tuple");
    return false;
  }
  key_ = a.Tuple_GetItem(pair, 0);
  value_ = a.Tuple_GetItem(pair, 1);
  return true;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
