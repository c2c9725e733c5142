// latepy/core/detail/reads_value.hpp: ReadsValue, the base of converters that tell why they refuse an object.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/core/detail/cold.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// from_py() and try_from_py() for a converter with read(), which returns null or the reason why there is no T, and may
/// throw.
template <class T, class Self>
struct ReadsValue {
  static T from_py(Ref object) {
    object.checked();
    T result{};
    if (const char* const why = Self::read(object, result)) throw_mismatch(object.ptr(), Self::name, why);
    return result;
  }
  static bool try_from_py(Ref object, std::optional<T>& result) {
    return try_load(result, [&] { return !Self::read(object, result.emplace()); });
  }
};

/// Whether the object is an instance of a class of this module, which is imported.
inline LATEPY_COLD bool is_instance_of(PyObject* object, const char* module, const char* name) {
  return check_result(api().Object_IsInstance(object, get_attribute(known_module(module), name).ptr())) != 0;
}
/// The Fit of an object: own for an instance of the class.
inline LATEPY_COLD Fit instance_fit(PyObject* object, const char* module, const char* name) noexcept {
  try {
    return is_instance_of(object, module, name) ? Fit::own : Fit::other;
  } catch (...) {  // the module cannot be imported: the conversion says so
    return Fit::other;
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace latepy
