// latepy/stl/detail/protocol.hpp: whether an object is a mapping, a sequence or a set.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

// These functions leave no Python error set.

/// Whether the class of the object has this method. What only the object has does not count: the fields of a dataclass
/// and the columns of a table may have any name.
bool has_method(PyObject* object, const StringArg& name) noexcept;
/// Whether the object is an instance of this class of collections.abc.
bool is_abstract(PyObject* object, const StringArg& name) noexcept;

/// Whether the object is a dict or a collections.abc.Mapping.
inline bool is_mapping(PyObject* object) noexcept {
  constexpr unsigned long follows_mapping = 1ul << 6;  // Py_TPFLAGS_MAPPING, from 3.10
  return has_flag(object, type_is_dict) || (library_state.version.minor >= 10 && has_flag(object, follows_mapping)) ||
         (!has_flag(object, type_is_list | type_is_tuple | type_is_str | type_is_bytes | type_is_int) &&
          is_abstract(object, "Mapping"));
}
/// Whether the object has keys and their values, as dict(object) takes them: a mapping, or an object of a class with
/// keys() and []. Such an object may also be iterated over its values: pandas.Series, sqlite3.Row.
inline bool is_keyed(PyObject* object) noexcept {
  return is_mapping(object) || (has_method(object, "keys") && has_method(object, "__getitem__"));
}

/// The kind of a container.
enum class Kind { sequence, set };
/// The reason why an object is refused for a container of this kind; null if it is accepted.
const char* refusal(PyObject* object, Kind kind) noexcept;

#if LATEPY_DEFINITIONS

LATEPY_FUNC LATEPY_COLD bool has_method(PyObject* object, const StringArg& name) noexcept {
  const ColdRef method(find_attribute(as_object(type_of(object)), name));
  return method.get() && api().Callable_Check(method.get());
}

LATEPY_FUNC LATEPY_COLD bool is_abstract(PyObject* object, const StringArg& name) noexcept {
  const Api& a = api();
  bool is = false;
  try {
    Object module =
        Object::borrow(a.Dict_GetItemWithError(a.Import_GetModuleDict(), AttrName("collections.abc").ptr()));
    if (module.is_empty()) module = known_module("collections.abc");
    const ColdRef type(find_attribute(module.ptr(), name));
    is = type.get() && a.Object_IsInstance(object, type.get()) == 1;
  } catch (...) {  // no memory, or the script took the module away, or its __import__ threw through a host function
  }
  a.Err_Clear();
  return is;
}

LATEPY_FUNC const char* refusal(PyObject* object, Kind kind) noexcept {
  const PyTypeObject* type = type_of(object);
  if (kind == Kind::set) {
    const bool is_set = type == api().Set_Type || type == api().FrozenSet_Type || is_abstract(object, "Set") ||
                        has_method(object, "isdisjoint");
    return is_set ? nullptr : "it is not a set";
  }
  if (type == api().List_Type || type == api().Tuple_Type) return nullptr;
  if (has_flag(object, type_is_str)) return "a str is not split into characters: pass a list";
  if (is_bytes_like(object))
    return "bytes are not split into numbers: convert to latepy::Bytes or std::vector<std::byte>";
  if (is_mapping(object)) return "a mapping is not a sequence: pass its keys(), values() or items()";
  return nullptr;
}
#endif  // LATEPY_DEFINITIONS

}  // namespace detail
}  // namespace v1
}  // namespace latepy
