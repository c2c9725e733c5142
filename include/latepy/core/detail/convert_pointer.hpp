// latepy/core/detail/convert_pointer.hpp: void* and pointers to incomplete types as capsules; part of core/convert.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/converter.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// Whether T is complete. All files of a program must give the same answer.
template <class T, class = void>
inline constexpr bool is_complete = false;
template <class T>
inline constexpr bool is_complete<T, std::void_t<decltype(sizeof(T))>> = true;

/// Whether T is std::FILE, which is complete and has no members for programs.
constexpr bool is_file_name(std::string_view type) {
  type = bare_name(type);
  return type == "_IO_FILE" || type == "_iobuf" || type == "__sFILE" || type == "FILE";
}
/// Whether scripts can only hand pointers to T on: T is void, an incomplete class or std::FILE.
template <class T>
constexpr bool is_opaque_type() {
  if constexpr (std::is_void_v<T>)
    return true;
  else if constexpr (std::is_class_v<T> || std::is_union_v<T>)
    return !is_complete<T> || is_file_name(spelled_name<T>());
  else
    return false;
}
template <class T>
inline constexpr bool is_opaque = is_opaque_type<std::remove_const_t<T>>();

/// The name of the capsule for a T*: that of the type, with a NUL.
template <class T>
struct CapsuleName {
  char text[spelled_name<T>().size() + 1] = {};
  constexpr CapsuleName() {
    for (std::size_t i = 0; i < spelled_name<T>().size(); ++i) text[i] = spelled_name<T>()[i];
  }
};
template <class T>
inline constexpr CapsuleName<T> capsule_name{};

}  // namespace detail

/// Handles of C libraries: `void*`, `FILE*` and pointers to classes that are only declared, such as `sqlite3*`. To
/// Python: a capsule with the name of the C++ type; None for nullptr. Python does not own what it points to. From
/// Python: such a capsule or None. A pointer to const also accepts the capsule of a pointer to what is not const.
template <class T>
struct Converter<T*, std::enable_if_t<detail::is_opaque<T>>> {
  static Object to_py(T* value) {
    if (!value) return detail::none();
    return detail::steal_or_throw(detail::api().Capsule_New(const_cast<void*>(static_cast<const void*>(value)),
                                                            detail::capsule_name<T>.text, nullptr));
  }
  static T* from_py(Ref object) {
    T* value = nullptr;
    if (!load(object.checked(), value))
      detail::throw_mismatch(object.ptr(), detail::spelled_name<T*>(),
                             "pointers to this type are capsules, because the type is void or has no definition here");
    return value;
  }
  static bool try_from_py(Ref object, std::optional<T*>& result) noexcept {
    return detail::try_load(result, [&] { return load(object.ptr(), result.emplace()); });
  }

 private:
  static bool load(PyObject* object, T*& value) noexcept {
    using Mutable = std::remove_const_t<T>;
    if (object == detail::api().NoneStruct) return true;
    for (const char* const name : {detail::capsule_name<T>.text, detail::capsule_name<Mutable>.text}) {
      if (!detail::api().Capsule_IsValid(object, name)) continue;
      value = static_cast<T*>(detail::api().Capsule_GetPointer(object, name));
      return true;
    }
    return false;
  }
};

}  // namespace v1
}  // namespace latepy
